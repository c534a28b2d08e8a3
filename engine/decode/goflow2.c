/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/goflow2.h"

#include "base/clock.h"
#include "decode/protobuf.h"
#include "decode/wire.h"

/* Field numbers of pb/flow.proto; those of seconds and milliseconds are version 1's. */
enum {
	RECEIVED_S = 2, SAMPLING = 3, END_S = 5, SRC_ADDR = 6, DST_ADDR = 7, BYTES = 9, PACKETS = 10, SAMPLER = 11,
	NEXT_HOP = 12, SRC_AS = 14, DST_AS = 15, SRC_NET = 16, DST_NET = 17, IN_IF = 18, OUT_IF = 19, PROTO = 20,
	SRC_PORT = 21, DST_PORT = 22, TOS = 23, FORWARDING = 24, TTL = 25, TCP_FLAGS = 26, SRC_MAC = 27, DST_MAC = 28,
	VLAN = 29, ICMP_TYPE = 31, ICMP_CODE = 32, SRC_VLAN = 33, FLOW_LABEL = 37, START_S = 38, DIRECTION = 42,
	START_MS = 63, END_MS = 64, MPLS_IP_V1 = 65, DOMAIN = 70, MPLS_IP = 82, BGP_NEXT_HOP = 100,
	RECEIVED_NS = 110, START_NS = 111, END_NS = 112,
	NUMBERS = 128
};
#define CUSTOM   1000   /* and above: fields of the site's own */
#define IP_FLAGS 0x100u /* version 2 reuses the number of START_S for the three bits of the IP header */

struct flow {
	uint64_t v[NUMBERS]; /* numbers by their field; 0: missing */
	struct tsn_addr src, dst, hop, bgp_hop, sampler;
	bool bad_addr;
};

/* Fields that are a number in a column. */
static const struct {
	uint8_t number, field;
	bool always; /* 0 where it is missing */
} numbers[] = {
	{ BYTES, TSN_F_RAW_BYTES, true }, { PACKETS, TSN_F_RAW_PACKETS, true }, { PROTO, TSN_F_PROTO, true },
	{ SRC_PORT, TSN_F_SRC_PORT, true }, { DST_PORT, TSN_F_DST_PORT, true }, { TOS, TSN_F_TOS, true },
	{ TCP_FLAGS, TSN_F_FLAGS, true }, { IN_IF, TSN_F_IN_IF, false }, { OUT_IF, TSN_F_OUT_IF, false },
	{ SRC_AS, TSN_F_SRC_AS, false }, { DST_AS, TSN_F_DST_AS, false },
	{ SRC_NET, TSN_F_SRC_MASK, false }, { DST_NET, TSN_F_DST_MASK, false }, { SRC_MAC, TSN_F_SRC_MAC, false },
	{ DST_MAC, TSN_F_DST_MAC, false }, { FLOW_LABEL, TSN_F_FLOW_LABEL, false }, { DOMAIN, TSN_F_SOURCE_ID, false },
	{ SAMPLING, TSN_F_SAMPLING, false }, { TTL, TSN_F_MIN_TTL, false }, { TTL, TSN_F_MAX_TTL, false },
};

static bool
is_bytes(uint32_t number)
{
	switch (number) {
	case SRC_ADDR: case DST_ADDR: case SAMPLER: case NEXT_HOP: case BGP_NEXT_HOP: case MPLS_IP: case MPLS_IP_V1:
		return true;
	default:
		return false;
	}
}

/* Repeated numbers are packed into bytes: communities, path, labels, layers. */
static bool
may_repeat(uint32_t number)
{
	return number == 80 || number == 81 || (number >= 101 && number <= 106);
}

static bool
is_addr(const struct tsn_pb_field *f)
{
	return f->type == TSN_PB_BYTES && (f->value == 4 || f->value == 16);
}

bool
tsn_goflow2_looks_like(const uint8_t *p, size_t n, bool cut, bool *has_addr)
{
	struct tsn_pb m = { p, n, false };
	struct tsn_pb_field f;

	while (tsn_pb_next(&m, &f)) {
		bool number = f.type == TSN_PB_VARINT && !is_bytes(f.number);

		if (f.number < CUSTOM && (f.number >= NUMBERS || (!number && f.type != TSN_PB_BYTES) ||
		    (f.type == TSN_PB_BYTES && !is_bytes(f.number) && !may_repeat(f.number))))
			return false;
		if (f.number == SRC_ADDR || f.number == DST_ADDR) {
			if (!is_addr(&f) && f.value != 0)
				return false;
			*has_addr |= f.value != 0;
		}
	}
	return cut || !m.bad;
}

static void
take_addr(struct flow *k, const struct tsn_pb_field *f)
{
	struct tsn_addr a;

	if (!is_addr(f)) {
		k->bad_addr |= f->value != 0;
		return;
	}
	a = f->value == 4 ? tsn_addr_v4(tsn_wire_u32(f->bytes)) : tsn_addr_from_v6(f->bytes);
	switch (f->number) {
	case SRC_ADDR:     k->src = a; break;
	case DST_ADDR:     k->dst = a; break;
	case SAMPLER:      k->sampler = a; break;
	case NEXT_HOP:     k->hop = a; break;
	case BGP_NEXT_HOP: k->bgp_hop = a; break;
	default:           break;
	}
}

/* False: no protobuf. */
static bool
read_message(struct flow *k, const uint8_t *p, size_t n)
{
	struct tsn_pb m = { p, n, false };
	struct tsn_pb_field f;

	while (tsn_pb_next(&m, &f)) {
		if (f.type == TSN_PB_VARINT && f.number < NUMBERS)
			k->v[f.number] = f.value;
		else if (f.type == TSN_PB_BYTES && is_bytes(f.number))
			take_addr(k, &f);
	}
	return !m.bad;
}

static bool
known(struct tsn_addr a)
{
	return a.hi != 0 || a.lo != 0;
}

/* In ms, from whichever of the three units there is. */
static int64_t
moment(uint64_t ns, uint64_t ms, uint64_t s)
{
	if (ns != 0)
		return (int64_t)(ns / 1000000);
	if (ms != 0)
		return ms < INT64_MAX ? (int64_t)ms : TSN_TIME_NONE;
	return s != 0 && s < INT64_MAX / 1000 ? (int64_t)s * 1000 : TSN_TIME_NONE;
}

static uint64_t
largest(enum tsn_field f)
{
	switch (tsn_fields[f].storage) {
	case TSN_U8:  return UINT8_MAX;
	case TSN_U16: return UINT16_MAX;
	case TSN_U32: return UINT32_MAX;
	default:      return UINT64_MAX;
	}
}

static void
put_numbers(struct tsn_batch *b, uint32_t row, const struct flow *k)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		enum tsn_field f = (enum tsn_field)numbers[i].field;
		uint64_t v = k->v[numbers[i].number];

		if ((v != 0 || numbers[i].always) && v <= largest(f))
			tsn_batch_put_int(b, row, f, (int64_t)v);
	}
}

/*
 * Type and code have fields of their own where goflow2 found them; both missing they are where routers put them, in the
 * destination port, or both 0. The forwarding status is RFC 7270's, whose upper two bits are the status.
 */
static void
put_rest(struct tsn_batch *b, uint32_t row, const struct flow *k)
{
	uint64_t vlan = k->v[SRC_VLAN] != 0 ? k->v[SRC_VLAN] : k->v[VLAN];

	if ((k->v[ICMP_TYPE] != 0 || k->v[ICMP_CODE] != 0) && k->v[ICMP_TYPE] <= 255 && k->v[ICMP_CODE] <= 255) {
		tsn_batch_put_int(b, row, TSN_F_ICMP_TYPE, (int64_t)k->v[ICMP_TYPE]);
		tsn_batch_put_int(b, row, TSN_F_ICMP_CODE, (int64_t)k->v[ICMP_CODE]);
	}
	if (vlan > 0 && vlan < 4096)
		tsn_batch_put_int(b, row, TSN_F_VLAN, (int64_t)vlan);
	if (k->v[FORWARDING] != 0 && k->v[FORWARDING] <= 255)
		tsn_batch_put_int(b, row, TSN_F_FWD_STATUS, (int64_t)(k->v[FORWARDING] >> 6));
	if (k->v[DIRECTION] == 1)
		tsn_batch_put_int(b, row, TSN_F_DIRECTION, 1);
	if (known(k->src))
		tsn_batch_put_addr(b, row, TSN_F_SRC, k->src);
	if (known(k->dst))
		tsn_batch_put_addr(b, row, TSN_F_DST, k->dst);
	if (known(k->hop) || known(k->bgp_hop))
		tsn_batch_put_addr(b, row, TSN_F_NEXT_HOP, known(k->hop) ? k->hop : k->bgp_hop);
	if (known(k->sampler))
		tsn_batch_put_addr(b, row, TSN_F_EXPORTER, k->sampler);
}

static void
put_times(struct tsn_batch *b, uint32_t row, int64_t start, int64_t end)
{
	if (start != TSN_TIME_NONE)
		tsn_batch_put_int(b, row, TSN_F_START, start);
	if (end != TSN_TIME_NONE)
		tsn_batch_put_int(b, row, TSN_F_END, end);
}

enum tsn_goflow2
tsn_goflow2_decode(const uint8_t *p, size_t n, struct tsn_exporters *exporters, struct tsn_batch_sink *sink)
{
	struct flow k = { .src = tsn_addr_v4(0), .dst = tsn_addr_v4(0), .hop = tsn_addr_v4(0), .bgp_hop = tsn_addr_v4(0),
		.sampler = tsn_addr_v4(0) };
	bool whole = read_message(&k, p, n) && !k.bad_addr;
	uint32_t source = known(k.sampler) ? tsn_exporters_find(exporters, k.sampler) : tsn_exporters_nobody(exporters);
	struct tsn_exporter *x = tsn_exporters_at(exporters, source);
	int64_t received = moment(k.v[RECEIVED_NS], 0, k.v[RECEIVED_S]), end = moment(k.v[END_NS], k.v[END_MS], k.v[END_S]);
	int64_t start = moment(k.v[START_NS], k.v[START_MS], k.v[START_S] >= IP_FLAGS ? k.v[START_S] : 0);
	struct tsn_batch *b;
	bool exchange;

	if (!whole) {
		x->counter[TSN_XC_BAD_RECORD]++;
		return TSN_GOFLOW2_DAMAGED;
	}
	if (!known(k.src) && !known(k.dst)) { /* ARP and what else has no IP addresses */
		x->counter[TSN_XC_NOT_FLOWS]++;
		return TSN_GOFLOW2_NO_FLOW;
	}
	tsn_sink_clock(sink, received != TSN_TIME_NONE ? received : end);
	b = sink->room(sink->arg);
	if (b == NULL)
		return TSN_GOFLOW2_STOPPED;
	put_numbers(b, b->n, &k);
	put_rest(b, b->n, &k);
	exchange = start != TSN_TIME_NONE && end != TSN_TIME_NONE && end < start; /* MikroTik's are, see decode.h */
	put_times(b, b->n, exchange ? end : start, exchange ? start : end);
	x->counter[TSN_XC_CLOCK] += exchange;
	b->received[b->n] = received;
	b->exported[b->n] = TSN_TIME_NONE;
	b->source[b->n] = source;
	b->n++;
	x->counter[TSN_XC_FLOWS]++;
	return TSN_GOFLOW2_FLOW;
}
