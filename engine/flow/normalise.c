/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Every step takes the whole batch when it can: compare into bytes, pack the
 * bytes to a mask. Rows are visited one by one only where a batch is not of
 * one kind (ICMP, sampling, an exporter that has not shown flags yet).
 */
#include <string.h>

#include "base/clock.h"
#include "base/wide.h"
#include "flow/batch.h"
#include "flow/exporter.h"

enum { ICMP = 1, TCP = 6, UDP = 17, DCCP = 33, ICMP6 = 58, SCTP = 132, UDPLITE = 136 };

struct kinds {
	struct tsn_mask ports, tcp, icmp; /* rows whose protocol has ports, is TCP, is one of the two ICMPs */
};

TSN_WIDE(static, void, tell_kinds,
    (const uint8_t *restrict p, uint8_t *restrict ports, uint8_t *restrict tcp, uint8_t *restrict icmp), (p, ports, tcp, icmp))
{
	for (int i = 0; i < TSN_BATCH_ROWS; i++) {
		ports[i] = (p[i] == TCP) | (p[i] == UDP) | (p[i] == SCTP) | (p[i] == UDPLITE) | (p[i] == DCCP);
		tcp[i] = p[i] == TCP;
		icmp[i] = (p[i] == ICMP) | (p[i] == ICMP6);
	}
}

static void
find_kinds(const struct tsn_batch *b, struct kinds *k)
{
	uint8_t ports[TSN_BATCH_ROWS], tcp[TSN_BATCH_ROWS], icmp[TSN_BATCH_ROWS];
	struct tsn_mask known;

	tell_kinds(b->col[TSN_F_PROTO], ports, tcp, icmp);
	tsn_mask_pack(&k->ports, ports);
	tsn_mask_pack(&k->tcp, tcp);
	tsn_mask_pack(&k->icmp, icmp);
	tsn_mask_and(&known, &b->present[TSN_F_PROTO], &b->rows);
	tsn_mask_and(&k->ports, &k->ports, &known);
	tsn_mask_and(&k->tcp, &k->tcp, &known);
	tsn_mask_and(&k->icmp, &k->icmp, &known);
}

/* S17: without elements of their own, type and code are where routers put them. */
static void
icmp_from_ports(struct tsn_batch *b, const struct tsn_mask *icmp)
{
	const uint16_t *src = b->col[TSN_F_SRC_PORT], *dst = b->col[TSN_F_DST_PORT];
	uint8_t *type = b->col[TSN_F_ICMP_TYPE], *code = b->col[TSN_F_ICMP_CODE];
	struct tsn_mask todo;

	tsn_mask_and(&todo, icmp, &b->present[TSN_F_DST_PORT]);
	tsn_mask_andnot(&todo, &todo, &b->present[TSN_F_ICMP_TYPE]);
	tsn_mask_andnot(&todo, &todo, &b->present[TSN_F_ICMP_CODE]);
	TSN_EACH_ROW(row, &todo) {
		bool from_src = dst[row] == 0 && tsn_mask_has(&b->present[TSN_F_SRC_PORT], row);
		uint16_t both = from_src ? src[row] : dst[row];

		type[row] = (uint8_t)(both >> 8);
		code[row] = (uint8_t)both;
	}
	tsn_mask_or(&b->present[TSN_F_ICMP_TYPE], &b->present[TSN_F_ICMP_TYPE], &todo);
	tsn_mask_or(&b->present[TSN_F_ICMP_CODE], &b->present[TSN_F_ICMP_CODE], &todo);
}

/* Keeps [f] on rows of [kind] and, if [unknown_too], on rows that do not say their protocol. */
static void
keep_on(struct tsn_batch *b, enum tsn_field f, const struct tsn_mask *kind, bool unknown_too)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++) {
		uint64_t keep = kind->w[i] | (unknown_too ? ~b->present[TSN_F_PROTO].w[i] : 0);

		b->present[f].w[i] &= keep & b->rows.w[i];
	}
}

static void
by_protocol(struct tsn_batch *b, const struct kinds *k)
{
	if (tsn_mask_any(&k->icmp))
		icmp_from_ports(b, &k->icmp);
	keep_on(b, TSN_F_ICMP_TYPE, &k->icmp, true);
	keep_on(b, TSN_F_ICMP_CODE, &k->icmp, true);
	keep_on(b, TSN_F_SRC_PORT, &k->ports, true);
	keep_on(b, TSN_F_DST_PORT, &k->ports, true);
	keep_on(b, TSN_F_FLAGS, &k->tcp, false);
}

/* The bits that are set in any row. */
TSN_WIDE(static, uint64_t, all_bits, (const uint64_t *v), (v))
{
	uint64_t any = 0;

	for (int i = 0; i < TSN_BATCH_ROWS; i++)
		any |= v[i];
	return any;
}

/* Does the row's column, or that of all rows, hold what was there before? */
static bool
is_left_out(const struct tsn_batch *b, enum tsn_field f, uint32_t row)
{
	return b->late.n > 0 && !tsn_field_set_has(&b->early, f) && tsn_late_is(&b->late, row);
}

static bool
is_left_out_of_all(const struct tsn_batch *b, enum tsn_field f)
{
	return !tsn_field_set_has(&b->read, f) || (b->late.rows == b->n && !tsn_field_set_has(&b->early, f));
}

/*
 * Counters are signed 64-bit numbers in the language: a larger one is absent. [copy] may stand
 * in for [raw] (tests).
 */
static void
bound_counter(struct tsn_batch *b, enum tsn_field raw, enum tsn_field copy)
{
	const uint64_t *v = b->col[raw];

	tsn_mask_or(&b->present[raw], &b->present[raw], &b->present[copy]);
	tsn_mask_and(&b->present[raw], &b->present[raw], &b->rows);
	if (is_left_out_of_all(b, raw) || all_bits(v) >> 63 == 0)
		return;
	for (uint32_t i = 0; i < b->n; i++)
		if (v[i] >> 63 && !is_left_out(b, raw, i))
			tsn_mask_unset(&b->present[raw], i);
}

static void
scale(struct tsn_batch *b, enum tsn_field raw, enum tsn_field f, void *storage)
{
	const uint64_t *v = b->col[raw];
	const uint32_t *interval = b->col[TSN_F_SAMPLING];
	uint64_t *out = storage;

	b->present[f] = b->present[raw];
	if (!b->sampled) {
		b->col[f] = b->col[raw];
		return;
	}
	b->col[f] = storage;
	for (uint32_t i = 0; i < b->n && !is_left_out_of_all(b, raw); i++) {
		uint64_t by = tsn_mask_has(&b->present[TSN_F_SAMPLING], i) ? interval[i] : 1;

		if ((__builtin_mul_overflow(v[i], by, &out[i]) || out[i] >> 63) && !is_left_out(b, raw, i))
			tsn_mask_unset(&b->present[f], i);
	}
}

/* An interval of 0 says nothing. True if one above 1 is left. */
static bool
bound_sampling(struct tsn_batch *b)
{
	const uint32_t *v = b->col[TSN_F_SAMPLING];
	struct tsn_mask *present = &b->present[TSN_F_SAMPLING];
	uint32_t odd = 0;
	bool sampled = false;

	tsn_mask_and(present, present, &b->rows);
	if (!tsn_mask_any(present))
		return false;
	for (uint32_t i = 0; i < b->n; i++)
		odd |= v[i] ^ 1;
	if (odd == 0)
		return false;
	for (uint32_t i = 0; i < b->n; i++) {
		if (!tsn_mask_has(present, i))
			continue;
		if (v[i] == 0)
			tsn_mask_unset(present, i);
		sampled |= v[i] > 1;
	}
	return sampled;
}

/* First row of [from, to) that is in [m] and not zero in the column; [to] if there is none. */
static uint32_t
first_set_u16(const uint16_t *v, const struct tsn_mask *m, uint32_t from, uint32_t to)
{
	while (from < to && !(v[from] != 0 && tsn_mask_has(m, from)))
		from++;
	return from;
}

static uint32_t
first_set_u32(const uint32_t *v, const struct tsn_mask *m, uint32_t from, uint32_t to)
{
	while (from < to && !(v[from] != 0 && tsn_mask_has(m, from)))
		from++;
	return from;
}

/* S14: a 0 means "no flag" only after the exporter has shown that it fills the field. The first row that shows it. */
static uint32_t
learn_flags(struct tsn_batch *b, struct tsn_exporter *e, uint32_t from, uint32_t to)
{
	struct tsn_mask *present = &b->present[TSN_F_FLAGS];
	uint32_t shown = first_set_u16(b->col[TSN_F_FLAGS], present, from, to);

	tsn_mask_unset_range(present, from, shown - from);
	e->flags_seen = shown < to;
	return shown;
}

/* S46: an exporter gives interfaces from its first flow with a non-zero one on. That row. */
static uint32_t
learn_interfaces(const struct tsn_batch *b, struct tsn_exporter *e, uint32_t from, uint32_t to)
{
	uint32_t in = first_set_u32(b->col[TSN_F_IN_IF], &b->present[TSN_F_IN_IF], from, to);
	uint32_t out = first_set_u32(b->col[TSN_F_OUT_IF], &b->present[TSN_F_OUT_IF], from, to);

	e->interfaces_seen = in < to || out < to;
	return in < out ? in : out;
}

static void
learn_sampling(const struct tsn_batch *b, struct tsn_exporter *e, uint32_t from, uint32_t to)
{
	const uint32_t *v = b->col[TSN_F_SAMPLING];

	for (uint32_t i = to; i > from; i--) {
		if (v[i - 1] != 0 && tsn_mask_has(&b->present[TSN_F_SAMPLING], i - 1)) {
			e->sampling = v[i - 1];
			return;
		}
	}
}

static void
override_sampling(struct tsn_batch *b, uint32_t interval, uint32_t from, uint32_t to)
{
	uint32_t *v = b->col[TSN_F_SAMPLING];

	for (uint32_t i = from; i < to; i++)
		v[i] = interval;
	tsn_mask_set_range(&b->present[TSN_F_SAMPLING], from, to - from);
}

static void
set_name(struct tsn_batch *b, struct tsn_str name, uint32_t from, uint32_t to)
{
	struct tsn_str *v = b->col[TSN_F_EXPORTER_NAME];

	for (uint32_t i = from; i < to; i++)
		v[i] = name;
	tsn_mask_set_range(&b->present[TSN_F_EXPORTER_NAME], from, to - from);
}

/* Rows [from, to) are of one exporter; the order of its rows is the order of arrival. */
static void
exporter_run(struct tsn_batch *b, struct tsn_exporter *e, bool told, uint32_t from, uint32_t to)
{
	uint32_t flags = e->flags_seen ? from : learn_flags(b, e, from, to);
	uint32_t interfaces = e->interfaces_seen ? from : learn_interfaces(b, e, from, to);

	tsn_mask_unset_range(&b->gives[TSN_GIVES_FLAGS], from, flags - from);
	tsn_mask_unset_range(&b->gives[TSN_GIVES_INTERFACES], from, interfaces - from);
	if (e->both_seen) /* changes between batches only */
		tsn_mask_set_range(&b->gives[TSN_GIVES_BOTH_DIRECTIONS], from, to - from);
	if (told)
		learn_sampling(b, e, from, to);
	if (e->sampling_override != 0)
		override_sampling(b, e->sampling_override, from, to);
	if (e->name.n > 0)
		set_name(b, e->name, from, to);
}

TSN_WIDE(static, bool, all_same, (const uint32_t *source, uint32_t n), (source, n))
{
	uint32_t odd = 0;

	for (uint32_t i = 0; i < n; i++)
		odd |= source[i] ^ source[0];
	return odd == 0;
}

TSN_WIDE(static, void, tell_turns, (const uint32_t *restrict source, uint8_t *restrict turn), (source, turn))
{
	turn[0] = 0;
	for (uint32_t i = 1; i < TSN_BATCH_ROWS; i++)
		turn[i] = source[i] != source[i - 1];
}

void
tsn_batch_find_turns(struct tsn_batch *b)
{
	uint8_t turn[TSN_BATCH_ROWS];

	if (all_same(b->source, b->n)) { /* as mostly, and much quicker found */
		tsn_mask_clear(&b->turns);
		return;
	}
	tell_turns(b->source, turn);
	tsn_mask_pack(&b->turns, turn);
}

static void
by_exporter(struct tsn_batch *b, struct tsn_exporters *exporters)
{
	const uint32_t *source = b->source;
	uint32_t from, to, n = b->n, count = tsn_exporters_count(exporters);
	bool told = tsn_mask_any(&b->present[TSN_F_SAMPLING]);
	struct tsn_exporter *e;

	tsn_batch_find_turns(b);
	tsn_mask_clear(&b->present[TSN_F_EXPORTER_NAME]);
	b->gives[TSN_GIVES_FLAGS] = b->gives[TSN_GIVES_INTERFACES] = b->rows; /* as of exporters that have shown it */
	tsn_mask_clear(&b->gives[TSN_GIVES_BOTH_DIRECTIONS]);
	for (from = 0; from < n; from = to) {
		to = tsn_batch_source_end(b, from);
		e = tsn_exporters_at(exporters, source[from] < count ? source[from] : 0);
		exporter_run(b, e, told, from, to);
	}
}

/* Rows that no interval above 1 was told for. */
static void
unsampled(struct tsn_batch *b)
{
	const uint32_t *interval = b->col[TSN_F_SAMPLING];
	struct tsn_mask *m = &b->gives[TSN_GIVES_UNSAMPLED];

	*m = b->rows;
	if (!b->sampled)
		return;
	for (uint32_t i = 0; i < b->n; i++)
		if (interval[i] > 1 && tsn_mask_has(&b->present[TSN_F_SAMPLING], i))
			tsn_mask_unset(m, i);
}

static void
ip_version(struct tsn_batch *b)
{
	const struct tsn_addr_column *src = &b->addr[tsn_fields[TSN_F_SRC].addr_slot];
	const struct tsn_addr_column *dst = &b->addr[tsn_fields[TSN_F_DST].addr_slot];
	const struct tsn_mask *has_src = &b->present[TSN_F_SRC], *has_dst = &b->present[TSN_F_DST];
	uint8_t *v = b->col[TSN_F_IP_VERSION];
	struct tsn_mask six;

	tsn_mask_or(&b->present[TSN_F_IP_VERSION], has_src, has_dst);
	tsn_mask_and(&b->present[TSN_F_IP_VERSION], &b->present[TSN_F_IP_VERSION], &b->rows);
	if (!tsn_field_set_has(&b->wanted, TSN_F_IP_VERSION))
		return;
	memset(v, 4, b->n);
	if (!src->any_v6 && !dst->any_v6)
		return;
	for (int i = 0; i < TSN_MASK_WORDS; i++) /* the source decides where there is one */
		six.w[i] = (has_src->w[i] ? has_src->w[i] & ~src->is_v4.w[i] : 0) |
		    (~has_src->w[i] & has_dst->w[i] & ~dst->is_v4.w[i]);
	tsn_mask_and(&six, &six, &b->rows);
	TSN_EACH_ROW(row, &six)
		v[row] = 6;
}

/* One that was never received (a file without times, a test) arrives when it happens. */
int64_t
tsn_batch_event_time(const struct tsn_batch *b, uint32_t i)
{
	int64_t received = b->received[i], exported = b->exported[i];
	bool has_end = tsn_mask_has(&b->present[TSN_F_END], i);
	int64_t end = ((const int64_t *)b->col[TSN_F_END])[i];
	const int64_t *start = b->col[TSN_F_START];

	if (received != TSN_TIME_NONE) {
		if (!has_end || exported == TSN_TIME_NONE)
			return received;
		return tsn_event_time(received, exported, end);
	}
	if (has_end)
		return end;
	if (exported != TSN_TIME_NONE)
		return exported;
	return tsn_mask_has(&b->present[TSN_F_START], i) ? start[i] : 0;
}

static inline void
widen(struct tsn_time_span *s, int64_t v)
{
	s->least = v < s->least ? v : s->least;
	s->most = v > s->most ? v : s->most;
}

/*
 * tsn_batch_event_time where all three times are there, and the spans, in one pass. False: some received or exported is not told, and
 * nothing was done.
 */
TSN_WIDE(static, bool, usual_times,
    (int64_t *restrict out, const int64_t *received, const int64_t *exported, const int64_t *end, uint32_t n, struct tsn_time_span span[2]),
    (out, received, exported, end, n, span))
{
	struct tsn_time_span event = span[0], receipt = span[1];
	uint64_t untold = 0;

	for (uint32_t i = 0; i < n; i++) {
		out[i] = tsn_event_time(received[i], exported[i], end[i]);
		untold |= (received[i] == TSN_TIME_NONE) | (exported[i] == TSN_TIME_NONE);
		widen(&event, out[i]);
		widen(&receipt, received[i]);
	}
	if (untold != 0)
		return false;
	span[0] = event;
	span[1] = receipt;
	return true;
}

TSN_WIDE(static, void, find_spans, (const int64_t *time, const int64_t *received, uint32_t n, struct tsn_time_span span[2]),
    (time, received, n, span))
{
	struct tsn_time_span event = span[0], receipt = span[1];

	for (uint32_t i = 0; i < n; i++) {
		widen(&event, time[i]);
		widen(&receipt, received[i]);
	}
	span[0] = event;
	span[1] = receipt;
}

static void
make_times(struct tsn_batch *b, uint32_t from, uint32_t to, struct tsn_time_span span[2])
{
	const int64_t *end = b->col[TSN_F_END];

	if (tsn_mask_has(&b->present[TSN_F_END], from) && tsn_mask_run(&b->present[TSN_F_END], from, to) == to &&
	    usual_times(b->time + from, b->received + from, b->exported + from, end + from, to - from, span))
		return;
	for (uint32_t i = from; i < to; i++) {
		b->time[i] = tsn_batch_event_time(b, i);
		if (b->received[i] == TSN_TIME_NONE)
			b->received[i] = b->time[i];
	}
	find_spans(b->time + from, b->received + from, to - from, span);
}

/* Stretches of rows that have their times, and of those that have not; mostly there is one. */
static void
times(struct tsn_batch *b)
{
	struct tsn_time_span span[2] = { { INT64_MAX, INT64_MIN }, { INT64_MAX, INT64_MIN } };
	uint32_t to;

	for (uint32_t from = 0; from < b->n; from = to) {
		const bool made = tsn_mask_has(&b->timed, from);

		to = tsn_mask_run(&b->timed, from, b->n);
		if (made)
			find_spans(b->time + from, b->received + from, to - from, span);
		else
			make_times(b, from, to, span);
	}
	b->event_span = span[0];
	b->received_span = span[1];
}

void
tsn_batch_normalise(struct tsn_batch *b, struct tsn_exporters *exporters)
{
	struct kinds kinds;

	if (b->kind == TSN_BATCH_TALKS)
		return;
	tsn_mask_first(&b->rows, b->n);
	if (b->kind == TSN_BATCH_TICK) {
		memcpy(b->time, b->received, b->n * sizeof(b->time[0]));
		for (int i = 0; i < TSN_GIVES_COUNT; i++)
			b->gives[i] = b->rows;
		return;
	}
	find_kinds(b, &kinds);
	by_protocol(b, &kinds);
	times(b);
	by_exporter(b, exporters);
	b->sampled = bound_sampling(b);
	unsampled(b);
	bound_counter(b, TSN_F_RAW_PACKETS, TSN_F_PACKETS);
	bound_counter(b, TSN_F_RAW_BYTES, TSN_F_BYTES);
	scale(b, TSN_F_RAW_PACKETS, TSN_F_PACKETS, b->scaled[0]);
	scale(b, TSN_F_RAW_BYTES, TSN_F_BYTES, b->scaled[1]);
	ip_version(b);
}
