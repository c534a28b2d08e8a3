/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records of nfdump 1.5 and 1.6 (bin/nffile.h of 1.6.x).
 *
 * 1.6:  0 type (1, 10)  2 size  4 flags  5 exporter (type 1)  6 map  8 ms of first  10 ms of last  12 first (s)
 *      16 last  20 forwarding status  21 flags  22 proto  23 tos  24 src port  26 dst port
 *      (10:) 28 exporter  30 ICMP type and code
 * 1.5:  0 flags (4)  4 size  6 -  8 ms of first  10 ms of last  12 first  16 last
 *      20 direction  21 flags  22 proto  23 tos  24 in  26 out  28 src port  30 dst port  32 src as  34 dst as
 * then: src and dst (4 or 16 bytes each), packets and bytes (4 or 8 each), by the flags; in 1.6 extensions by the map.
 */
#include "base/mem.h"
#include "decode/nfcapd_parts.h"

enum { FLAG_IPV6 = 1, FLAG_PACKETS_64 = 2, FLAG_BYTES_64 = 4, FLAG_EVENT = 64 };

enum { /* extensions with something for us */
	EX_IO_2 = 4, EX_IO_4 = 5, EX_AS_2 = 6, EX_AS_4 = 7, EX_MULTIPLE = 8, EX_HOP_V4 = 9, EX_HOP_V6 = 10, EX_VLAN = 13,
	EX_MAC_1 = 20, EX_MAC_2 = 21, EX_ROUTER_V4 = 23, EX_ROUTER_V6 = 24, EX_ROUTER_ID = 25, EX_RECEIVED = 27, EX_NSEL = 37,
	EX_USER = 42, EX_USER_MAX = 43, EX_COUNT = 49,
};

/* Bytes of each; 0: unknown, so that what follows it cannot be found. */
static const uint8_t ex_size[EX_COUNT] = {
	[4] = 4, [5] = 8, [6] = 4, [7] = 8, [8] = 4, [9] = 4, [10] = 16, [11] = 4, [12] = 16, [13] = 4, [14] = 4, [15] = 8,
	[16] = 4, [17] = 8, [18] = 4, [19] = 8, [20] = 16, [21] = 16, [22] = 40, [23] = 4, [24] = 16, [25] = 4, [26] = 8,
	[27] = 8, [37] = 20, [38] = 4, [39] = 8, [40] = 32, [41] = 24, [42] = 24, [43] = 72, [45] = 24, [46] = 12, [47] = 8,
	[48] = 8,
};

/* A record taken apart: offsets are found and checked before anything is written. */
struct record {
	const uint8_t *p;
	uint32_t flags;
	const uint8_t *addr, *packets, *bytes;
	const uint8_t *ex[EX_COUNT];
};

/* 4 number  6 bytes of all extensions  8 their ids, 0 ends them. A later map of a number replaces the earlier. */
void
tsn_nf_learn_map(struct tsn_nfcapd *d, const uint8_t *p, size_t size)
{
	struct tsn_nf_map *grown, *m;
	uint16_t number, id;
	size_t n;

	if (size < 8)
		return;
	number = tsn_nf_u16(d, p + 4);
	if (number >= d->n_maps) {
		for (n = 16; n <= number; n *= 2)
			;
		grown = tsn_reallocarray(d->map, n, sizeof(*grown));
		if (grown == NULL)
			return; /* its records are then bad ones */
		memset(grown + d->n_maps, 0, (n - d->n_maps) * sizeof(*grown));
		d->map = grown;
		d->n_maps = n;
	}
	m = &d->map[number];
	*m = (struct tsn_nf_map){ .known = true };
	for (size_t at = 8; at + 2 <= size && (id = tsn_nf_u16(d, p + at)) != 0 && m->n < TSN_NF_MAP_MAX; at += 2)
		m->id[m->n++] = id < EX_COUNT ? (uint8_t)id : 0;
}

void
tsn_nf_maps_fini(struct tsn_nfcapd *d)
{
	tsn_free(d->map);
}

/* Addresses and counters from [at] on; how far they go, 0 if the record is too short. */
static size_t
find_required(struct record *r, size_t at, size_t size)
{
	r->addr = r->p + at;
	at += r->flags & FLAG_IPV6 ? 32 : 8;
	r->packets = r->p + at;
	at += r->flags & FLAG_PACKETS_64 ? 8 : 4;
	r->bytes = r->p + at;
	at += r->flags & FLAG_BYTES_64 ? 8 : 4;
	return at <= size ? at : 0;
}

/* Up to an extension that is unknown or cut short. */
static void
find_extensions(struct record *r, const struct tsn_nf_map *m, size_t at, size_t size)
{
	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->id[i];

		if (ex_size[id] == 0 || ex_size[id] > size - at)
			return;
		r->ex[id] = r->p + at;
		at += ex_size[id];
	}
}

static uint64_t
milliseconds(const struct tsn_nfcapd *d, const uint8_t *seconds, const uint8_t *ms)
{
	return (uint64_t)tsn_nf_u32(d, seconds) * 1000 + tsn_nf_u16(d, ms);
}

static void
put_required(const struct tsn_nfcapd *d, struct tsn_batch *b, const struct record *r)
{
	uint64_t packets = r->flags & FLAG_PACKETS_64 ? tsn_nf_u64(d, r->packets) : tsn_nf_u32(d, r->packets);
	uint64_t bytes = r->flags & FLAG_BYTES_64 ? tsn_nf_u64(d, r->bytes) : tsn_nf_u32(d, r->bytes);
	bool v6 = r->flags & FLAG_IPV6;

	tsn_batch_put_addr(b, b->n, TSN_F_SRC, v6 ? tsn_nf_addr6(d, r->addr) : tsn_addr_v4(tsn_nf_u32(d, r->addr)));
	tsn_batch_put_addr(b, b->n, TSN_F_DST, v6 ? tsn_nf_addr6(d, r->addr + 16) : tsn_addr_v4(tsn_nf_u32(d, r->addr + 4)));
	tsn_batch_put_int(b, b->n, TSN_F_FLAGS, r->p[21]);
	tsn_batch_put_int(b, b->n, TSN_F_PROTO, r->p[22]);
	tsn_batch_put_int(b, b->n, TSN_F_TOS, r->p[23]);
	if (r->flags & FLAG_EVENT && packets == 0 && bytes == 0)
		return; /* an event that counted nothing */
	tsn_batch_put_int(b, b->n, TSN_F_RAW_PACKETS, (int64_t)packets);
	tsn_batch_put_int(b, b->n, TSN_F_RAW_BYTES, (int64_t)bytes);
}

static void
put_pair(const struct tsn_nfcapd *d, struct tsn_batch *b, enum tsn_field f, enum tsn_field g, const uint8_t *p2,
    const uint8_t *p4)
{
	if (p2 != NULL) {
		tsn_batch_put_int(b, b->n, f, tsn_nf_u16(d, p2));
		tsn_batch_put_int(b, b->n, g, tsn_nf_u16(d, p2 + 2));
	}
	if (p4 != NULL) {
		tsn_batch_put_int(b, b->n, f, tsn_nf_u32(d, p4));
		tsn_batch_put_int(b, b->n, g, tsn_nf_u32(d, p4 + 4));
	}
}

/* 0 tos of the other way  1 direction  2 src mask  3 dst mask */
static void
put_multiple(struct tsn_batch *b, const uint8_t *p)
{
	if (p == NULL)
		return;
	if (p[1] <= 1)
		tsn_batch_put_int(b, b->n, TSN_F_DIRECTION, p[1]);
	tsn_batch_put_int(b, b->n, TSN_F_SRC_MASK, p[2]);
	tsn_batch_put_int(b, b->n, TSN_F_DST_MASK, p[3]);
}

static void
put_extensions(const struct tsn_nfcapd *d, struct tsn_batch *b, const struct record *r)
{
	const uint8_t *const *ex = r->ex;

	put_pair(d, b, TSN_F_IN_IF, TSN_F_OUT_IF, ex[EX_IO_2], ex[EX_IO_4]);
	put_pair(d, b, TSN_F_SRC_AS, TSN_F_DST_AS, ex[EX_AS_2], ex[EX_AS_4]);
	put_multiple(b, ex[EX_MULTIPLE]);
	if (ex[EX_HOP_V4] != NULL)
		tsn_nf_put_hop(b, tsn_addr_v4(tsn_nf_u32(d, ex[EX_HOP_V4])));
	if (ex[EX_HOP_V6] != NULL)
		tsn_nf_put_hop(b, tsn_nf_addr6(d, ex[EX_HOP_V6]));
	if (ex[EX_VLAN] != NULL && tsn_nf_u16(d, ex[EX_VLAN]) < 4096)
		tsn_batch_put_int(b, b->n, TSN_F_VLAN, tsn_nf_u16(d, ex[EX_VLAN]));
	if (ex[EX_MAC_1] != NULL)
		tsn_nf_put_mac(b, TSN_F_SRC_MAC, tsn_nf_u64(d, ex[EX_MAC_1]));
	if (ex[EX_MAC_2] != NULL)
		tsn_nf_put_mac(b, TSN_F_DST_MAC, tsn_nf_u64(d, ex[EX_MAC_2]));
	if (ex[EX_USER] != NULL)
		tsn_nf_put_text(b, TSN_F_USER, ex[EX_USER], 24);
	if (ex[EX_USER_MAX] != NULL)
		tsn_nf_put_text(b, TSN_F_USER, ex[EX_USER_MAX], 72);
}

/* ICMP type and code stand in the destination port; of events in a field of their own. */
static void
put_ports(const struct tsn_nfcapd *d, struct tsn_batch *b, const struct record *r, const uint8_t *ports, unsigned icmp)
{
	unsigned dst = tsn_nf_u16(d, ports + 2), proto = r->p[22];

	if ((proto == 1 || proto == 58) && dst == 0)
		dst = icmp;
	tsn_batch_put_int(b, b->n, TSN_F_SRC_PORT, tsn_nf_u16(d, ports));
	tsn_batch_put_int(b, b->n, TSN_F_DST_PORT, dst);
}

static void
origin_of(struct tsn_nfcapd *d, const struct record *r, uint16_t exporter, struct tsn_nf_origin *o)
{
	const uint8_t *v4 = r->ex[EX_ROUTER_V4], *v6 = r->ex[EX_ROUTER_V6], *id = r->ex[EX_ROUTER_ID];
	unsigned engine = id != NULL ? id[2] * 256u + id[3] : 0;
	struct tsn_addr a;

	if (v4 != NULL)
		a = tsn_addr_v4(tsn_nf_u32(d, v4));
	else if (v6 != NULL)
		a = tsn_nf_addr6(d, v6);
	tsn_nf_origin(d, exporter, v4 != NULL || v6 != NULL ? &a : NULL, engine, o);
}

bool
tsn_nf_record_v1(struct tsn_nfcapd *d, const uint8_t *p, size_t size)
{
	bool wide = tsn_nf_u16(d, p) == 10;
	struct record r = { .p = p };
	unsigned map = size >= 8 ? tsn_nf_u16(d, p + 6) : 0, icmp;
	struct tsn_nf_times t;
	struct tsn_nf_origin o;
	struct tsn_batch *b;
	size_t at = 0;

	if (size >= (wide ? 32 : 28) && map < d->n_maps && d->map[map].known) {
		r.flags = wide ? tsn_nf_u16(d, p + 4) : p[4];
		at = find_required(&r, wide ? 32 : 28, size);
	}
	if (at == 0) {
		tsn_nf_bad(d);
		return true;
	}
	find_extensions(&r, &d->map[map], at, size);
	origin_of(d, &r, wide ? tsn_nf_u16(d, p + 28) : p[5], &o);
	t = (struct tsn_nf_times){ milliseconds(d, p + 12, p + 8), milliseconds(d, p + 16, p + 10),
		r.ex[EX_RECEIVED] != NULL ? tsn_nf_u64(d, r.ex[EX_RECEIVED]) : 0 };
	if (r.ex[EX_NSEL] != NULL && t.first == 0 && t.last == 0)
		t.first = t.last = tsn_nf_u64(d, r.ex[EX_NSEL]);
	b = tsn_nf_row(d, t, &o);
	if (b == NULL)
		return false;
	icmp = r.ex[EX_NSEL] != NULL ? tsn_nf_u16(d, r.ex[EX_NSEL] + 12) : wide ? tsn_nf_u16(d, p + 30) : 0;
	put_required(d, b, &r);
	put_ports(d, b, &r, p + 24, icmp);
	if (p[20] != 0)
		tsn_batch_put_int(b, b->n, TSN_F_FWD_STATUS, p[20] >> 6);
	put_extensions(d, b, &r);
	tsn_nf_row_done(d, b);
	return true;
}

bool
tsn_nf_record_v0(struct tsn_nfcapd *d, const uint8_t *p, size_t size)
{
	struct record r = { .p = p };
	struct tsn_nf_times t;
	struct tsn_nf_origin o;
	struct tsn_batch *b;

	if (size >= 36)
		r.flags = tsn_nf_u32(d, p) & (FLAG_IPV6 | FLAG_PACKETS_64 | FLAG_BYTES_64);
	if (size < 36 || find_required(&r, 36, size) == 0) {
		tsn_nf_bad(d);
		return true;
	}
	tsn_nf_origin(d, UINT16_MAX, NULL, 0, &o); /* its reference to an exporter was never used */
	t = (struct tsn_nf_times){ milliseconds(d, p + 12, p + 8), milliseconds(d, p + 16, p + 10), 0 };
	b = tsn_nf_row(d, t, &o);
	if (b == NULL)
		return false;
	put_required(d, b, &r);
	put_ports(d, b, &r, p + 28, 0);
	if (p[20] <= 1)
		tsn_batch_put_int(b, b->n, TSN_F_DIRECTION, p[20]);
	put_pair(d, b, TSN_F_IN_IF, TSN_F_OUT_IF, p + 24, NULL);
	put_pair(d, b, TSN_F_SRC_AS, TSN_F_DST_AS, p + 32, NULL);
	tsn_nf_row_done(d, b);
	return true;
}
