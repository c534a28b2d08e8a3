/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/fill.h"

#include "base/wide.h"
#include "decode/columns.h"
#include "decode/decode.h"
#include "decode/plan.h"
#include "decode/wire.h"
#include "flow/exporter.h"

/*
 * The record of v5; v7 is the same with four more bytes, v1 differs from 36 on:
 *
 *  0 src  4 dst  8 next hop  12 in  14 out  16 packets  20 bytes  24 first  28 last
 * 32 src port  34 dst port  36 -  37 flags  38 proto  39 tos
 * 40 src as  42 dst as  44 src mask  45 dst mask  46 -  (v7: 48 router)
 *                       (v1:) 36 -  38 proto  39 tos  40 flags  41 -
 */
const struct tsn_fixed_shape tsn_fixed_shapes[TSN_FIXED_VERSIONS] = {
	[1] = { 16, 48, 24 },
	[5] = { 24, 48, 30 },
	[7] = { 24, 52, 28 },
};

/* In records of every version: those that a batch always wants, of them the IPv4 addresses, and the others; in all but v1. */
static const uint8_t always[] = { TSN_F_SRC, TSN_F_DST, TSN_F_EXPORTER, TSN_F_SRC_PORT, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_FLAGS,
	TSN_F_RAW_PACKETS, TSN_F_RAW_BYTES, TSN_F_START, TSN_F_END, TSN_F_IN_IF, TSN_F_OUT_IF };
static const uint8_t v4_always[] = { TSN_F_SRC, TSN_F_DST };
static const uint8_t others[] = { TSN_F_NEXT_HOP, TSN_F_TOS };
static const uint8_t routes[] = { TSN_F_SRC_AS, TSN_F_DST_AS, TSN_F_SRC_MASK, TSN_F_DST_MASK };

/* Is one of these [n] fields in [s]? The list is known where this is inlined, so no more is left of it than its bits. */
static inline __attribute__((always_inline)) bool
has_one(const struct tsn_field_set *s, const uint8_t *list, size_t n)
{
	struct tsn_field_set of = { 0 };
	uint64_t both = 0;

#pragma GCC unroll 8
	for (size_t i = 0; i < n; i++)
		tsn_field_set_add(&of, (enum tsn_field)list[i]);
	for (size_t i = 0; i < sizeof(of.bits) / sizeof(of.bits[0]); i++)
		both |= of.bits[i] & s->bits[i];
	return both != 0;
}

static uint32_t *
v4_column(struct tsn_batch *b, enum tsn_field f)
{
	return b->addr[tsn_fields[f].addr_slot].v4 + b->n;
}

/*
 * One record after the other, several fields to a load, in passes so that the
 * column pointers of each stay in registers: faster than field by field or column by column.
 */
static inline __attribute__((always_inline)) void
fill_network(struct tsn_batch *b, const uint8_t *restrict p, uint32_t n, size_t stride)
{
	uint32_t *restrict src = v4_column(b, TSN_F_SRC), *restrict dst = v4_column(b, TSN_F_DST);
	uint32_t *restrict hop = v4_column(b, TSN_F_NEXT_HOP);
	uint32_t *restrict in_if = (uint32_t *)b->col[TSN_F_IN_IF] + b->n;
	uint32_t *restrict out_if = (uint32_t *)b->col[TSN_F_OUT_IF] + b->n;
	uint64_t *restrict packets = (uint64_t *)b->col[TSN_F_RAW_PACKETS] + b->n;
	uint64_t *restrict bytes = (uint64_t *)b->col[TSN_F_RAW_BYTES] + b->n;

	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint64_t v = tsn_wire_u64(p);

		src[i] = (uint32_t)(v >> 32);
		dst[i] = (uint32_t)v;
		v = tsn_wire_u64(p + 8);
		hop[i] = (uint32_t)(v >> 32);
		in_if[i] = v >> 16 & 0xffff;
		out_if[i] = v & 0xffff;
		v = tsn_wire_u64(p + 16);
		packets[i] = v >> 32;
		bytes[i] = (uint32_t)v;
	}
}

static inline __attribute__((always_inline)) void
fill_transport(
    struct tsn_batch *b, const uint8_t *restrict p, uint32_t n, size_t stride, size_t flags_at)
{
	uint16_t *restrict src_port = (uint16_t *)b->col[TSN_F_SRC_PORT] + b->n;
	uint16_t *restrict dst_port = (uint16_t *)b->col[TSN_F_DST_PORT] + b->n;
	uint16_t *restrict flags = (uint16_t *)b->col[TSN_F_FLAGS] + b->n;
	uint8_t *restrict proto = (uint8_t *)b->col[TSN_F_PROTO] + b->n;
	uint8_t *restrict tos = (uint8_t *)b->col[TSN_F_TOS] + b->n;

	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint32_t ports = tsn_wire_u32(p + 32);

		src_port[i] = (uint16_t)(ports >> 16);
		dst_port[i] = (uint16_t)ports;
		flags[i] = p[flags_at];
		proto[i] = p[38];
		tos[i] = p[39];
	}
}

static inline __attribute__((always_inline)) void
fill_routes(struct tsn_batch *b, const uint8_t *restrict p, uint32_t n, size_t stride)
{
	uint32_t *restrict src_as = (uint32_t *)b->col[TSN_F_SRC_AS] + b->n;
	uint32_t *restrict dst_as = (uint32_t *)b->col[TSN_F_DST_AS] + b->n;
	uint8_t *restrict src_mask = (uint8_t *)b->col[TSN_F_SRC_MASK] + b->n;
	uint8_t *restrict dst_mask = (uint8_t *)b->col[TSN_F_DST_MASK] + b->n;

	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint32_t both = tsn_wire_u32(p + 40);

		src_as[i] = both >> 16;
		dst_as[i] = both & 0xffff;
		src_mask[i] = p[44];
		dst_mask[i] = p[45];
	}
}

/* When the flows happened; no time of receipt is the batch's to make something of. */
static inline __attribute__((always_inline)) void
fill_events(struct tsn_batch *b, const struct tsn_fixed_header *h, uint32_t n)
{
	const int64_t *restrict end = (const int64_t *)b->col[TSN_F_END] + b->n;
	int64_t *restrict time = b->time + b->n;

	for (uint32_t i = 0; i < n; i++)
		time[i] = tsn_event_time(h->received, h->exported, end[i]);
}

/* Every case of decode.h. True: it is an odd one. */
static inline bool
place_times(const uint8_t *record, uint32_t uptime, int64_t exported, int64_t *start, int64_t *end)
{
	uint32_t age_first = uptime - tsn_wire_u32(record + 24);
	uint32_t age_last = uptime - tsn_wire_u32(record + 28);
	bool ahead_first = age_first > UINT32_MAX - TSN_DECODE_AHEAD;
	bool ahead_last = age_last > UINT32_MAX - TSN_DECODE_AHEAD;
	int64_t first = exported - age_first + ((int64_t)ahead_first << 32);
	int64_t last = exported - age_last + ((int64_t)ahead_last << 32);

	*start = first < last ? first : last;
	*end = first < last ? last : first;
	return ahead_first || ahead_last || first > last;
}

static uint32_t
fill_odd_times(struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n,
    size_t stride)
{
	int64_t *start = (int64_t *)b->col[TSN_F_START] + b->n;
	int64_t *end = (int64_t *)b->col[TSN_F_END] + b->n;
	uint32_t odd = 0;

	for (uint32_t i = 0; i < n; i++, p += stride)
		odd += place_times(p, h->uptime, h->exported, &start[i], &end[i]);
	fill_events(b, h, n);
	return odd;
}

/*
 * Places first and last (bytes 24 and 28) in time. The loop is for the usual
 * case, first no later than last and neither ahead of sysUptime; if a record
 * is not like that, the message is done again with care.
 */
static inline __attribute__((always_inline)) uint32_t
fill_times(struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *restrict p,
    uint32_t n, size_t stride)
{
	int64_t *restrict start = (int64_t *)b->col[TSN_F_START] + b->n;
	int64_t *restrict end = (int64_t *)b->col[TSN_F_END] + b->n;
	const uint8_t *records = p;
	uint32_t uptime = h->uptime, unusual = 0;
	int64_t exported = h->exported;

	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint64_t v = tsn_wire_u64(p + 24);
		uint32_t age_first = uptime - (uint32_t)(v >> 32), age_last = uptime - (uint32_t)v;

		start[i] = exported - age_first;
		end[i] = exported - age_last;
		unusual |= (age_first < age_last) | (age_first > UINT32_MAX - TSN_DECODE_AHEAD);
	}
	if (unusual != 0)
		return fill_odd_times(b, h, records, n, stride);
	fill_events(b, h, n);
	return 0;
}

/*
 * What is read, and what tsn_batch_normalise looks at: that is less than the batch wants, where an exporter has shown what it gives and
 * the times of the rows are made here.
 */
static inline struct tsn_field_set
looked_at(const struct tsn_batch *b, const struct tsn_fixed_header *h)
{
	const struct tsn_field_set *read = h->late ? &b->early : &b->read;
	struct tsn_field_set s = b->wanted;

	if (h->received == TSN_TIME_NONE)
		return s;
	for (size_t i = 0; i < sizeof(s.bits) / sizeof(s.bits[0]); i++)
		s.bits[i] &= read->bits[i];
	tsn_field_set_add(&s, TSN_F_PROTO);
	if (!h->knows_flags)
		tsn_field_set_add(&s, TSN_F_FLAGS);
	if (!h->knows_interfaces) {
		tsn_field_set_add(&s, TSN_F_IN_IF);
		tsn_field_set_add(&s, TSN_F_OUT_IF);
	}
	return s;
}

/* Inlined once for each version, with its numbers as constants. */
static inline __attribute__((always_inline)) uint32_t
fill_records(struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n, uint16_t version)
{
	size_t stride = version == 7 ? 52 : 48;
	const struct tsn_field_set fields = looked_at(b, h);
	const struct tsn_turn_records r = { p, n, stride, h->uptime, h->exported, h->received };
	enum tsn_turned turned = version == 1 ? TSN_TURNED_NOT : tsn_fixed_turn(b, &fields, &r);

	if (turned == TSN_TURNED_ODD)
		return fill_odd_times(b, h, p, n, stride);
	if (turned == TSN_TURNED)
		return 0;
	fill_network(b, p, n, stride);
	fill_transport(b, p, n, stride, version == 1 ? 40 : 37);
	if (version != 1)
		fill_routes(b, p, n, stride);
	return fill_times(b, h, p, n, stride);
}

/* --- late fields --- */

/* Of v5 that tells no sampling, of an exporter that nothing more is learned of. */
static void
read_late(const struct tsn_late_message *m, const uint8_t *record, struct tsn_shown *out)
{
	const uint16_t src_port = tsn_wire_u16(record + 32), dst_port = tsn_wire_u16(record + 34);
	const uint16_t icmp = dst_port != 0 ? dst_port : src_port; /* as tsn_batch_normalise has it */

	*out = (struct tsn_shown){
		.src = tsn_addr_v4(tsn_wire_u32(record)), .dst = tsn_addr_v4(tsn_wire_u32(record + 4)), .exporter = m->from->addr,
		.in_if = tsn_wire_u16(record + 12), .out_if = tsn_wire_u16(record + 14),
		.packets = tsn_wire_u32(record + 16), .bytes = tsn_wire_u32(record + 20),
		.src_port = src_port, .dst_port = dst_port, .flags = record[37], .proto = record[38],
		.icmp_type = (uint8_t)(icmp >> 8), .icmp_code = (uint8_t)icmp,
	};
	(void)place_times(record, m->uptime, m->exported, &out->start, &out->end);
}

static const struct tsn_late_format late_v5 = { 48, read_late };

bool
tsn_fixed_stays(
    struct tsn_batch *b, const struct tsn_fixed_header *h, const struct tsn_exporter *from, uint32_t n, const struct tsn_far_place *where)
{
	struct tsn_late_message *m;

	if (!b->late.allowed || h->version != 5 || h->sampling != 0 || h->received == TSN_TIME_NONE || !tsn_exporter_is_usual(from) || !tsn_late_has_room(&b->late, where))
		return false;
	m = tsn_late_add(&b->late, &late_v5, where, b->n, n);
	m->uptime = h->uptime;
	m->exported = h->exported;
	m->from = from;
	return true;
}

/* The columns in which all rows of a message are alike. */
TSN_WIDE(static, void, fill_constants, (struct tsn_batch *b, const struct tsn_fixed_header *h, uint32_t n), (b, h, n))
{
	uint32_t row = b->n;
	struct tsn_addr_column *exporter = &b->addr[tsn_fields[TSN_F_EXPORTER].addr_slot];
	const struct tsn_field_set *fields = h->late ? &b->early : &b->read;
	bool read = tsn_field_set_has(fields, TSN_F_EXPORTER);

	if (read)
		tsn_fill_u32(exporter->v4 + row, n, h->exporter.v4 ? (uint32_t)h->exporter.lo : 0);
	if (!h->exporter.v4 && read) {
		exporter->any_v6 = true;
		tsn_fill_i64((int64_t *)exporter->hi + row, n, (int64_t)h->exporter.hi);
		tsn_fill_i64((int64_t *)exporter->lo + row, n, (int64_t)h->exporter.lo);
	}
	tsn_fill_u32(b->source + row, n, h->source);
	tsn_fill_i64(b->received + row, n, h->received);
	if (h->received == TSN_TIME_NONE)
		tsn_fill_i64(b->exported + row, n, h->exported);
	else
		tsn_mask_set_range(&b->timed, row, n);
	if (h->version == 5 && tsn_field_set_has(fields, TSN_F_SOURCE_ID))
		tsn_fill_u32((uint32_t *)b->col[TSN_F_SOURCE_ID] + row, n, h->source_id);
	if (h->sampling != 0)
		tsn_fill_u32((uint32_t *)b->col[TSN_F_SAMPLING] + row, n, h->sampling);
}

/* The fields of a message's records in one word of masks. The lists are unrolled: an instruction a field, for every message. */
static inline __attribute__((always_inline)) void
set_present_in(struct tsn_batch *b, const struct tsn_fixed_header *h, bool rest, uint32_t word, uint64_t bits)
{
	struct tsn_mask *exporter_v4 = &b->addr[tsn_fields[TSN_F_EXPORTER].addr_slot].is_v4;

#pragma GCC unroll 16
	for (size_t i = 0; i < sizeof(always); i++)
		b->present[always[i]].w[word] |= bits;
#pragma GCC unroll 4
	for (size_t i = 0; i < sizeof(v4_always); i++)
		b->addr[tsn_fields[v4_always[i]].addr_slot].is_v4.w[word] |= bits;
	if (rest) {
		for (size_t i = 0; i < sizeof(others); i++)
			b->present[others[i]].w[word] |= bits;
		b->addr[tsn_fields[TSN_F_NEXT_HOP].addr_slot].is_v4.w[word] |= bits;
		for (size_t i = 0; i < sizeof(routes) && h->version != 1; i++)
			b->present[routes[i]].w[word] |= bits;
	}
	if (h->exporter.v4 && h->exporter.lo == 0) /* nobody is known to have sent it */
		b->present[TSN_F_EXPORTER].w[word] &= ~bits;
	if (h->exporter.v4)
		exporter_v4->w[word] |= bits;
	if (h->version == 5)
		b->present[TSN_F_SOURCE_ID].w[word] |= bits;
	if (h->sampling != 0)
		b->present[TSN_F_SAMPLING].w[word] |= bits;
}

/* Marks the next [n] rows as carrying what such a message carries: the bits are made once. */
static void
set_present(struct tsn_batch *b, const struct tsn_fixed_header *h, bool rest, uint32_t n)
{
	for (uint32_t word = b->n / 64, bit = b->n % 64; n > 0; word++, bit = 0) {
		uint32_t take = n < 64 - bit ? n : 64 - bit;

		set_present_in(b, h, rest, word, (take == 64 ? UINT64_MAX : (UINT64_C(1) << take) - 1) << bit);
		n -= take;
	}
}

uint32_t
tsn_fixed_fill(
    struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t count)
{
	const bool rest = has_one(&b->wanted, others, sizeof(others)) | has_one(&b->wanted, routes, sizeof(routes));
	uint32_t odd;

	if (h->version == 5)
		odd = fill_records(b, h, p, count, 5);
	else if (h->version == 7)
		odd = fill_records(b, h, p, count, 7);
	else
		odd = fill_records(b, h, p, count, 1);
	fill_constants(b, h, count);
	set_present(b, h, rest, count);
	b->n += count;
	return odd;
}
