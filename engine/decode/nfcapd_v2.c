/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records of nfdump 1.7 (src/libnffile/nfxV3.h): a head of 12 bytes, then elements of type, length (its own 4 bytes
 * included) and what they hold.
 *
 *  0 type (11)  2 size  4 elements  6 engine type  7 engine id  8 exporter  10 flags  11 version of the export
 *
 * Any record, one field at a time; nfcapd_fill.c is quicker for runs of like ones, and gives the same rows.
 */
#include "decode/nfcapd_parts.h"

/* What an element must hold at least to be read; 0: it has nothing for us. Later versions of nfdump append to some. */
static const uint8_t least[TSN_NF_ELEMENTS] = {
	[TSN_EX_GENERIC] = 48, [TSN_EX_IPV4] = 8, [TSN_EX_IPV6] = 32, [TSN_EX_MISC] = 12, [TSN_EX_VLAN] = 8,
	[TSN_EX_AS] = 8, [TSN_EX_HOP_V4] = 4, [TSN_EX_HOP_V6] = 16, [TSN_EX_ROUTER_V4] = 4, [TSN_EX_ROUTER_V6] = 16,
	[TSN_EX_MAC] = 32, [TSN_EX_NSEL] = 16, [TSN_EX_USER] = 1, [TSN_EX_NAT] = 16, [TSN_EX_NBAR] = 1,
	[TSN_EX_OBSERVATION] = 12, [TSN_EX_VRF] = 8, [TSN_EX_LAYER_2] = 8, [TSN_EX_IP_INFO] = 4,
};

bool
tsn_nf_find_elements(const struct tsn_nfcapd *d, const uint8_t *p, size_t size, uint16_t el[TSN_NF_ELEMENTS])
{
	unsigned n;
	size_t at = 12;

	memset(el, 0, TSN_NF_ELEMENTS * sizeof(el[0]));
	if (size < 12)
		return false;
	for (n = tsn_nf_u16(d, p + 4); n > 0; n--) {
		unsigned type, len;

		if (size - at < 4)
			return false;
		type = tsn_nf_u16(d, p + at);
		len = tsn_nf_u16(d, p + at + 2);
		if (len < 4 || len > size - at)
			return false;
		if (type < TSN_NF_ELEMENTS && least[type] > 0 && len - 4u >= least[type])
			el[type] = (uint16_t)(at + 4);
		at += len;
	}
	return true;
}

/* What the element at [p] holds. */
static size_t
held(const struct tsn_nfcapd *d, const uint8_t *p)
{
	return tsn_nf_u16(d, p - 2) - 4u;
}

/* 0 first  8 last  16 received  24 packets  32 bytes  40 src port  42 dst port  44 proto  45 flags  46 status  47 tos */
static void
put_generic(const struct tsn_nfcapd *d, struct tsn_batch *b, const uint8_t *p, bool event)
{
	uint64_t packets = tsn_nf_u64(d, p + 24), bytes = tsn_nf_u64(d, p + 32);

	if (!event || packets != 0 || bytes != 0) {
		tsn_batch_put_int(b, b->n, TSN_F_RAW_PACKETS, (int64_t)packets);
		tsn_batch_put_int(b, b->n, TSN_F_RAW_BYTES, (int64_t)bytes);
	}
	tsn_batch_put_int(b, b->n, TSN_F_SRC_PORT, tsn_nf_u16(d, p + 40));
	tsn_batch_put_int(b, b->n, TSN_F_DST_PORT, tsn_nf_u16(d, p + 42)); /* of ICMP: type and code */
	tsn_batch_put_int(b, b->n, TSN_F_PROTO, p[44]);
	tsn_batch_put_int(b, b->n, TSN_F_FLAGS, p[45]);
	if (p[46] != 0)
		tsn_batch_put_int(b, b->n, TSN_F_FWD_STATUS, p[46] >> 6);
	tsn_batch_put_int(b, b->n, TSN_F_TOS, p[47]);
}

/* 0 in  4 out  8 src mask  9 dst mask  10 direction  11 tos of the other way, and since 1.7.2 more */
static void
put_misc(struct tsn_nfcapd *d, struct tsn_batch *b, const uint8_t *p)
{
	tsn_batch_put_int(b, b->n, TSN_F_IN_IF, tsn_nf_u32(d, p));
	tsn_batch_put_int(b, b->n, TSN_F_OUT_IF, tsn_nf_u32(d, p + 4));
	tsn_batch_put_int(b, b->n, TSN_F_SRC_MASK, p[8]);
	tsn_batch_put_int(b, b->n, TSN_F_DST_MASK, p[9]);
	if (p[10] <= 1)
		tsn_batch_put_int(b, b->n, TSN_F_DIRECTION, p[10]);
	tsn_nf_put_name_of(d, b, TSN_F_IN_IF_NAME, TSN_NF_INTERFACE, tsn_nf_u32(d, p));
	tsn_nf_put_name_of(d, b, TSN_F_OUT_IF_NAME, TSN_NF_INTERFACE, tsn_nf_u32(d, p + 4));
}

/* Templates with the addresses of both families leave those of one zero. */
static void
put_addrs(const struct tsn_nfcapd *d, struct tsn_batch *b, const uint8_t *p, const uint16_t *el)
{
	static const uint8_t none[8];

	if (el[TSN_EX_IPV4] != 0 && (el[TSN_EX_IPV6] == 0 || memcmp(p + el[TSN_EX_IPV4], none, sizeof(none)) != 0)) {
		tsn_batch_put_addr(b, b->n, TSN_F_SRC, tsn_addr_v4(tsn_nf_u32(d, p + el[TSN_EX_IPV4])));
		tsn_batch_put_addr(b, b->n, TSN_F_DST, tsn_addr_v4(tsn_nf_u32(d, p + el[TSN_EX_IPV4] + 4)));
	} else if (el[TSN_EX_IPV6] != 0) {
		tsn_batch_put_addr(b, b->n, TSN_F_SRC, tsn_nf_addr6(d, p + el[TSN_EX_IPV6]));
		tsn_batch_put_addr(b, b->n, TSN_F_DST, tsn_nf_addr6(d, p + el[TSN_EX_IPV6] + 16));
	}
	if (el[TSN_EX_HOP_V4] != 0)
		tsn_nf_put_hop(b, tsn_addr_v4(tsn_nf_u32(d, p + el[TSN_EX_HOP_V4])));
	if (el[TSN_EX_HOP_V6] != 0)
		tsn_nf_put_hop(b, tsn_nf_addr6(d, p + el[TSN_EX_HOP_V6]));
}

/* The VLAN of the element for it, else that of layer 2; all ones stand for none. */
static void
put_link(const struct tsn_nfcapd *d, struct tsn_batch *b, const uint8_t *p, const uint16_t *el)
{
	uint32_t vlan = UINT32_MAX;

	if (el[TSN_EX_VLAN] != 0)
		vlan = tsn_nf_u32(d, p + el[TSN_EX_VLAN]);
	else if (el[TSN_EX_LAYER_2] != 0 && tsn_nf_u16(d, p + el[TSN_EX_LAYER_2]) != 0)
		vlan = tsn_nf_u16(d, p + el[TSN_EX_LAYER_2]);
	if (vlan < 4096)
		tsn_batch_put_int(b, b->n, TSN_F_VLAN, vlan);
	if (el[TSN_EX_MAC] != 0) { /* of the way in, its source and its destination */
		tsn_nf_put_mac(b, TSN_F_SRC_MAC, tsn_nf_u64(d, p + el[TSN_EX_MAC]));
		tsn_nf_put_mac(b, TSN_F_DST_MAC, tsn_nf_u64(d, p + el[TSN_EX_MAC] + 16));
	}
}

static void
put_rest(struct tsn_nfcapd *d, struct tsn_batch *b, const uint8_t *p, const uint16_t *el)
{
	if (el[TSN_EX_AS] != 0) {
		tsn_batch_put_int(b, b->n, TSN_F_SRC_AS, tsn_nf_u32(d, p + el[TSN_EX_AS]));
		tsn_batch_put_int(b, b->n, TSN_F_DST_AS, tsn_nf_u32(d, p + el[TSN_EX_AS] + 4));
	}
	if (el[TSN_EX_IP_INFO] != 0 && p[el[TSN_EX_IP_INFO] + 2] != 0)
		tsn_batch_put_int(b, b->n, TSN_F_MIN_TTL, p[el[TSN_EX_IP_INFO] + 2]);
	if (el[TSN_EX_IP_INFO] != 0 && p[el[TSN_EX_IP_INFO] + 3] != 0)
		tsn_batch_put_int(b, b->n, TSN_F_MAX_TTL, p[el[TSN_EX_IP_INFO] + 3]);
	if (el[TSN_EX_USER] != 0)
		tsn_nf_put_text(b, TSN_F_USER, p + el[TSN_EX_USER], held(d, p + el[TSN_EX_USER]));
	if (el[TSN_EX_NBAR] != 0)
		tsn_nf_put_name(d, b, TSN_F_APPLICATION, TSN_NF_APPLICATION, p + el[TSN_EX_NBAR], held(d, p + el[TSN_EX_NBAR]));
	if (el[TSN_EX_VRF] != 0) /* 0 way out  4 way in */
		tsn_nf_put_name_of(d, b, TSN_F_VRF, TSN_NF_VRF, tsn_nf_u32(d, p + el[TSN_EX_VRF] + 4));
	if (el[TSN_EX_OBSERVATION] != 0 && tsn_nf_u32(d, p + el[TSN_EX_OBSERVATION] + 8) != 0)
		tsn_batch_put_int(b, b->n, TSN_F_SOURCE_ID, tsn_nf_u32(d, p + el[TSN_EX_OBSERVATION] + 8));
}

static struct tsn_nf_times
times_of(const struct tsn_nfcapd *d, const uint8_t *p, const uint16_t *el)
{
	struct tsn_nf_times t = { 0 };
	unsigned event = el[TSN_EX_NSEL] != 0 ? el[TSN_EX_NSEL] : el[TSN_EX_NAT];

	if (el[TSN_EX_GENERIC] != 0)
		t = (struct tsn_nf_times){ tsn_nf_u64(d, p + el[TSN_EX_GENERIC]), tsn_nf_u64(d, p + el[TSN_EX_GENERIC] + 8),
			tsn_nf_u64(d, p + el[TSN_EX_GENERIC] + 16) };
	if (event != 0 && t.first == 0 && t.last == 0)
		t.first = t.last = tsn_nf_u64(d, p + event);
	return t;
}

void
tsn_nf_origin_v2(struct tsn_nfcapd *d, const uint8_t *p, const uint16_t el[TSN_NF_ELEMENTS], struct tsn_nf_origin *o)
{
	bool told = el[TSN_EX_ROUTER_V4] != 0 || el[TSN_EX_ROUTER_V6] != 0;
	struct tsn_addr a;

	if (el[TSN_EX_ROUTER_V4] != 0)
		a = tsn_addr_v4(tsn_nf_u32(d, p + el[TSN_EX_ROUTER_V4]));
	else if (el[TSN_EX_ROUTER_V6] != 0)
		a = tsn_nf_addr6(d, p + el[TSN_EX_ROUTER_V6]);
	tsn_nf_origin(d, tsn_nf_u16(d, p + 8), told ? &a : NULL, p[6] * 256u + p[7], o);
}

bool
tsn_nf_record_v2(struct tsn_nfcapd *d, const uint8_t *p, size_t size)
{
	uint16_t el[TSN_NF_ELEMENTS];
	struct tsn_nf_origin o;
	struct tsn_batch *b;

	if (!tsn_nf_find_elements(d, p, size, el)) {
		tsn_nf_bad(d);
		return true;
	}
	tsn_nf_origin_v2(d, p, el, &o);
	if (el[TSN_EX_GENERIC] == 0 && el[TSN_EX_IPV4] == 0 && el[TSN_EX_IPV6] == 0) {
		o.x->counter[TSN_XC_NOT_FLOWS]++;
		return true;
	}
	b = tsn_nf_row(d, times_of(d, p, el), &o);
	if (b == NULL)
		return false;
	if (el[TSN_EX_GENERIC] != 0)
		put_generic(d, b, p + el[TSN_EX_GENERIC], p[10] & TSN_NF_V3_EVENT);
	put_addrs(d, b, p, el);
	if (el[TSN_EX_MISC] != 0)
		put_misc(d, b, p + el[TSN_EX_MISC]);
	put_link(d, b, p, el);
	put_rest(d, b, p, el);
	tsn_nf_row_done(d, b);
	return true;
}
