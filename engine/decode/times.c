/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The times of records to milliseconds since 1970, with the care of decode.h. */
#include "base/clock.h"
#include "base/wide.h"
#include "decode/plan.h"
#include "decode/wire.h"

#define NTP_1970 UINT32_C(2208988800) /* seconds from 1900, when NTP's first era began */

/* [uptime] is that of moment [h->exported]; all of it modulo 2^32. */
static void
run_uptime(const struct tsn_op *op, struct tsn_batch *b, const struct tsn_head *h, uint32_t uptime,
    const uint8_t *restrict p, const struct tsn_records *r, struct tsn_mask *odd)
{
	int64_t *restrict c = (int64_t *)b->col[op->field] + b->n, exported = h->exported;
	const uint8_t *first = p;
	uint32_t n = r->n, any = 0;
	size_t stride = r->stride;

	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint32_t age = uptime - tsn_wire_u32(p), ahead = age > UINT32_MAX - TSN_DECODE_AHEAD;

		c[i] = exported - age + ((int64_t)ahead << 32);
		any |= ahead;
	}
	tsn_mask_set_range(&b->present[op->field], b->n, n);
	for (uint32_t i = 0; any && i < n; i++)
		if (uptime - tsn_wire_u32(first + i * stride) > UINT32_MAX - TSN_DECODE_AHEAD)
			tsn_mask_set(odd, i);
}

/* In IPFIX the uptime is that of a system whose start the record or an options record tells (RFC 5102, 5.9.9). */
static void
run_uptime_ipfix(const struct tsn_way *w, const struct tsn_op *op, struct tsn_batch *b, const struct tsn_head *h,
    const struct tsn_records *r, const struct tsn_facts *facts, struct tsn_mask *odd)
{
	const struct tsn_op *init = &w->role[TSN_ROLE_INIT];
	const uint8_t *p = tsn_records_at(r, op);

	for (uint32_t i = 0; i < r->n; i++, p += r->stride) {
		struct tsn_records one = { r->p + i * r->stride, 1, 0, r->at, r->len };
		bool known = init->len > 0 && tsn_records_len(&one, init) == 8;
		int64_t booted = known ? (int64_t)tsn_wire_u64(tsn_records_at(&one, init)) : facts->booted;
		struct tsn_mask one_odd;

		if ((!known && !facts->booted_known) || booted <= 0 || booted > TSN_TIME_LATEST)
			continue;
		tsn_mask_clear(&one_odd);
		b->n += i;
		run_uptime(op, b, h, (uint32_t)(h->exported - booted), p, &one, &one_odd);
		b->n -= i;
		if (tsn_mask_has(&one_odd, 0))
			tsn_mask_set(odd, i);
	}
}

/* TSN_TIME_NONE if it is not one. */
static int64_t
read_time(uint8_t kind, const uint8_t *p, uint32_t len, const struct tsn_head *h)
{
	uint64_t v = tsn_read_uint(p, len);

	if (v == 0 || len > 8)
		return TSN_TIME_NONE;
	switch (kind) {
	case TSN_MAP_SECONDS:
		return v <= (uint64_t)TSN_TIME_LATEST / 1000 ? (int64_t)v * 1000 : TSN_TIME_NONE;
	case TSN_MAP_MILLIS:
		return v <= (uint64_t)TSN_TIME_LATEST ? (int64_t)v : TSN_TIME_NONE;
	case TSN_MAP_NTP: /* RFC 7011 sections 6.1.9, 6.1.10; modulo 2^32, which is right until 2106 */
		return len == 8
		    ? (int64_t)(uint32_t)((v >> 32) - NTP_1970) * 1000 + (int64_t)((v & UINT32_MAX) * 1000 >> 32)
		    : TSN_TIME_NONE;
	default:
		return v <= (uint64_t)TSN_TIME_LATEST ? h->exported - (int64_t)(v / 1000) : TSN_TIME_NONE;
	}
}

/* The usual case, all of them milliseconds that can be: false if one is not, and then nothing is marked as present. */
static bool
run_millis(const struct tsn_op *op, struct tsn_batch *b, const uint8_t *restrict p, const struct tsn_records *r)
{
	int64_t *restrict c = (int64_t *)b->col[op->field] + b->n;
	uint32_t n = r->n, strange = 0;
	size_t stride = r->stride;

	for (uint32_t i = 0; i < n; i++, p += stride) {
		uint64_t v = tsn_wire_u64(p);

		c[i] = (int64_t)v;
		strange |= v - 1 >= (uint64_t)TSN_TIME_LATEST;
	}
	if (!strange)
		tsn_mask_set_range(&b->present[op->field], b->n, n);
	return !strange;
}

void
tsn_times_run(const struct tsn_way *w, const struct tsn_op *op, struct tsn_batch *b, const struct tsn_head *h,
    const struct tsn_records *r, const struct tsn_facts *facts, struct tsn_mask *odd)
{
	uint32_t len = tsn_records_len(r, op);
	const uint8_t *p = tsn_records_at(r, op);

	if (op->code == TSN_MAP_UPTIME) {
		if (len == 4 && h->version == 9)
			run_uptime(op, b, h, h->uptime, p, r, odd);
		else if (len == 4)
			run_uptime_ipfix(w, op, b, h, r, facts, odd);
		return;
	}
	if (op->code == TSN_MAP_MILLIS && len == 8 && !op->again && run_millis(op, b, p, r))
		return;
	for (uint32_t i = 0; i < r->n; i++, p += r->stride) {
		int64_t v = op->code == TSN_MAP_AGO && tsn_read_uint(p, len) == 0 ? h->exported
										  : read_time(op->code, p, len, h);

		if (v != TSN_TIME_NONE)
			tsn_batch_put_int(b, b->n + i, op->field, v);
	}
}

/* Milliseconds; -1 if the record does not tell. */
static int64_t
duration_of(const struct tsn_way *w, const struct tsn_records *r, uint32_t i)
{
	const struct tsn_op *ms = &w->role[TSN_ROLE_DURATION_MS], *us = &w->role[TSN_ROLE_DURATION_US];
	const struct tsn_op *op = ms->len > 0 ? ms : us;
	uint64_t v;

	if (op->len == 0 || tsn_records_len(r, op) == 0)
		return -1;
	v = tsn_read_uint(tsn_records_at(r, op) + i * r->stride, tsn_records_len(r, op));
	if (op == us)
		v /= 1000;
	return v <= UINT32_MAX ? (int64_t)v : -1;
}

/* Where one end of the flow and its duration are told, the other end follows. */
static void
add_missing(const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r)
{
	int64_t *start = (int64_t *)b->col[TSN_F_START] + b->n, *end = (int64_t *)b->col[TSN_F_END] + b->n;

	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t row = b->n + i;
		bool has_start = tsn_mask_has(&b->present[TSN_F_START], row);
		int64_t lasted = has_start == tsn_mask_has(&b->present[TSN_F_END], row) ? -1 : duration_of(w, r, i);

		if (lasted < 0)
			continue;
		if (has_start)
			end[i] = start[i] + lasted;
		else
			start[i] = end[i] - lasted;
		tsn_mask_set(&b->present[has_start ? TSN_F_END : TSN_F_START], row);
	}
}

/* The other direction began so much later, within the flow. */
static void
delay_start(const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r)
{
	const struct tsn_op *op = &w->role[TSN_ROLE_ANSWERED_MS];
	int64_t *start = (int64_t *)b->col[TSN_F_START] + b->n, *end = (int64_t *)b->col[TSN_F_END] + b->n;

	for (uint32_t i = 0; i < r->n; i++) {
		uint64_t v = tsn_read_uint(tsn_records_at(r, op) + i * r->stride, tsn_records_len(r, op));

		if (tsn_mask_has(&b->present[TSN_F_START], b->n + i) &&
		    tsn_mask_has(&b->present[TSN_F_END], b->n + i) && start[i] <= end[i] &&
		    v <= (uint64_t)(end[i] - start[i]))
			start[i] += (int64_t)v;
	}
}

TSN_WIDE(static, bool, ends_first, (const int64_t *start, const int64_t *end, uint32_t n), (start, end, n))
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < n; i++)
		any |= start[i] > end[i];
	return any != 0;
}

bool
tsn_times_ends_first(const struct tsn_batch *b, uint32_t n)
{
	return ends_first((const int64_t *)b->col[TSN_F_START] + b->n, (const int64_t *)b->col[TSN_F_END] + b->n, n);
}

uint32_t
tsn_times_finish(const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r, struct tsn_mask *odd)
{
	int64_t *restrict start = (int64_t *)b->col[TSN_F_START] + b->n;
	int64_t *restrict end = (int64_t *)b->col[TSN_F_END] + b->n;
	uint32_t n = r->n;
	bool any;

	if (w->role[TSN_ROLE_DURATION_MS].len > 0 || w->role[TSN_ROLE_DURATION_US].len > 0)
		add_missing(w, b, r);
	if (w->shared_start && w->role[TSN_ROLE_ANSWERED_MS].len > 0)
		delay_start(w, b, r);
	any = tsn_times_ends_first(b, n);
	for (uint32_t i = 0; any && i < n; i++) {
		uint32_t row = b->n + i;
		int64_t first = start[i];

		if (first <= end[i] || !tsn_mask_has(&b->present[TSN_F_START], row) ||
		    !tsn_mask_has(&b->present[TSN_F_END], row))
			continue;
		start[i] = end[i];
		end[i] = first;
		tsn_mask_set(odd, i);
	}
	return tsn_mask_any(odd) ? tsn_mask_count(odd) : 0;
}
