/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What conversations carry of the initiator's first flow, where thousands wait at a time: the rings grow and go round, fields come late, are
 * IPv6 addresses and texts, change with the rules; and what is kept when there is no room for all of it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pair/pair.h"

#define START INT64_C(1700000000000)
#define WAIT  30000
#define STEP  10 /* ms from one conversation to the next: 3,000 wait at a time */

struct run {
	struct tsn_exporters *exporters;
	struct tsn_pair *pair;
	struct tsn_batch *flows, *talks;
	uint32_t source;
	uint32_t next;   /* conversation whose record comes next */
	bool bare;       /* what is carried may be missing */
	uint32_t missing;
};

static void
start(struct run *r, uint32_t max, uint32_t rows)
{
	*r = (struct run){ .exporters = tsn_exporters_new(4), .pair = tsn_pair_new(WAIT, max, 7), .flows = tsn_batch_new(), .talks = tsn_batch_new() };
	r->source = tsn_exporters_find(r->exporters, tsn_addr_v4(0xc0000201));
	r->flows->cap = r->talks->cap = rows;
	tsn_batch_clear(r->talks, TSN_BATCH_TALKS);
}

static void
stop(struct run *r)
{
	tsn_exporters_free(r->exporters);
	tsn_pair_free(r->pair);
	tsn_batch_free(r->flows);
	tsn_batch_free(r->talks);
}

static void
carry(struct run *r, const enum tsn_field *f, size_t n, bool pool_moved)
{
	struct tsn_field_set fields = { { 0 } };

	for (size_t i = 0; i < n; i++)
		tsn_field_set_add(&fields, f[i]);
	tsn_pair_carry(r->pair, &fields, pool_moved);
}

/* --- conversation [i]: who, and what its first flow says --- */

static struct tsn_addr
asker(uint32_t i)
{
	return i % 7 == 3 ? (struct tsn_addr){ 0x20010db800000000u + i, i / 3, false } : tsn_addr_v4(0x0a000000u + i);
}

static const struct tsn_addr answerer = { 0, 0xc6336401, true };

static struct tsn_addr
hop(uint32_t i)
{
	return i > 2000 && i % 5 == 0 ? (struct tsn_addr){ 0xfe80000000000000u, i, false } : tsn_addr_v4(0xac100000u + i);
}

static bool has_hop(uint32_t i) { return i > 1500 && i % 2 == 0; }
static bool has_host(uint32_t i) { return i % 4 == 1; }
static bool is_answered(uint32_t i) { return i % 3 == 0; }

static struct tsn_str
host(uint32_t i, char room[64])
{
	return (struct tsn_str){ room, (uint32_t)snprintf(room, 64, "host-%u.example.%s", i, i % 8 == 1 ? "org" : "a-somewhat-longer-one.net") };
}

static void
fold(struct run *r)
{
	tsn_batch_normalise(r->flows, r->exporters);
	tsn_pair_fold(r->pair, r->flows);
	tsn_batch_clear(r->flows, TSN_BATCH_FLOWS);
}

static uint32_t
new_row(struct run *r, int64_t at)
{
	uint32_t row;

	if (r->flows->n == r->flows->cap)
		fold(r);
	row = r->flows->n++;
	r->flows->received[row] = r->flows->exported[row] = at;
	r->flows->source[row] = r->source;
	tsn_batch_put_int(r->flows, row, TSN_F_PROTO, 17);
	tsn_batch_put_int(r->flows, row, TSN_F_RAW_PACKETS, 1);
	tsn_batch_put_int(r->flows, row, TSN_F_START, at);
	tsn_batch_put_int(r->flows, row, TSN_F_END, at);
	return row;
}

static void
ask(struct run *r, uint32_t i)
{
	char room[64];
	uint32_t row = new_row(r, START + (int64_t)i * STEP);
	struct tsn_batch *b = r->flows;
	struct tsn_str s = host(i, room);

	tsn_batch_put_addr(b, row, TSN_F_SRC, asker(i));
	tsn_batch_put_addr(b, row, TSN_F_DST, answerer);
	tsn_batch_put_int(b, row, TSN_F_SRC_PORT, 1024 + i % 50000);
	tsn_batch_put_int(b, row, TSN_F_DST_PORT, 53);
	tsn_batch_put_int(b, row, TSN_F_IN_IF, i);
	tsn_batch_put_int(b, row, TSN_F_TOS, i % 250);
	tsn_batch_put_int(b, row, TSN_F_IE_INT_00, i * INT64_C(3));
	if (has_hop(i))
		tsn_batch_put_addr(b, row, TSN_F_NEXT_HOP, hop(i));
	if (has_host(i))
		tsn_batch_keep_str(b, row, TSN_F_HTTP_HOST, s.p, s.n);
}

static void
answer(struct run *r, uint32_t i, int64_t at)
{
	uint32_t row = new_row(r, at);
	struct tsn_batch *b = r->flows;

	tsn_batch_put_addr(b, row, TSN_F_SRC, answerer);
	tsn_batch_put_addr(b, row, TSN_F_DST, asker(i));
	tsn_batch_put_int(b, row, TSN_F_SRC_PORT, 53);
	tsn_batch_put_int(b, row, TSN_F_DST_PORT, 1024 + i % 50000);
	tsn_batch_put_int(b, row, TSN_F_IN_IF, 1000000 + i);
}

/* --- records --- */

/* Is there a value to compare? What is carried may be missing where [r] says so. */
static bool
given(struct run *r, uint32_t row, enum tsn_field f, bool known, struct tsn_value *v)
{
	tsn_batch_get(r->talks, row, f, v);
	if (r->bare && known && !v->known) {
		r->missing++;
		return false;
	}
	cr_assert_eq(v->known, known, "%s of %u", tsn_fields[f].name, r->next);
	return known;
}

static void
expect(struct run *r, uint32_t row, enum tsn_field f, bool known, int64_t want)
{
	struct tsn_value v;

	if (given(r, row, f, known, &v))
		cr_assert(v.i == want, "%s of %u: %lld", tsn_fields[f].name, r->next, (long long)v.i);
}

static void
expect_text(struct run *r, uint32_t row, uint32_t i, bool known)
{
	char room[64];
	struct tsn_str want = host(i, room);
	struct tsn_value v;

	if (given(r, row, TSN_F_HTTP_HOST, known, &v))
		cr_assert(v.s.n == want.n && memcmp(v.s.p, want.p, want.n) == 0, "host of %u: %.*s", i, (int)v.s.n, v.s.p);
}

static void
expect_addr(struct run *r, uint32_t row, enum tsn_field f, bool known, struct tsn_addr want)
{
	struct tsn_value v;

	if (given(r, row, f, known, &v))
		cr_assert(tsn_addr_cmp(v.addr, want) == 0, "%s of %u", tsn_fields[f].name, r->next);
}

static void
check_row(struct run *r, uint32_t row)
{
	const uint32_t i = r->next;

	cr_assert_eq(r->talks->received[row], START + (int64_t)i * STEP);
	cr_assert_eq(tsn_addr_cmp(tsn_batch_addr(r->talks, row, TSN_F_SRC), asker(i)), 0, "%u", i);
	cr_assert_eq(tsn_addr_cmp(tsn_batch_addr(r->talks, row, TSN_F_DST), answerer), 0, "%u", i);
	expect(r, row, TSN_F_IN_IF, true, i);
	expect(r, row, TSN_F_TOS, true, i % 250);
	expect_addr(r, row, TSN_F_NEXT_HOP, has_hop(i), hop(i));
	expect_text(r, row, i, has_host(i));
	cr_assert(!is_answered(i) || tsn_mask_has(&r->talks->present[TSN_F_ANSWERED], row) || r->bare);
	r->next++;
}

static void
take(struct run *r, int64_t now)
{
	while (tsn_pair_take(r->pair, now, r->talks, r->exporters) > 0) {
		for (uint32_t row = 0; row < r->talks->n; row++)
			check_row(r, row);
		tsn_batch_clear(r->talks, TSN_BATCH_TALKS);
	}
}

static const enum tsn_field carried[] = { TSN_F_IN_IF, TSN_F_TOS, TSN_F_NEXT_HOP, TSN_F_HTTP_HOST, TSN_F_SAMPLING, TSN_F_ICMP_TYPE };
#define NCARRIED (sizeof(carried) / sizeof(carried[0]))

/* [n] conversations; what is answered is answered 200 later. */
static void
talk(struct run *r, uint32_t n)
{
	for (uint32_t i = 0; i < n + 200; i++) {
		const int64_t at = START + (int64_t)i * STEP;

		if (i % 100 == 0) {
			fold(r);
			take(r, at);
		}
		if (i < n)
			ask(r, i);
		if (i >= 200 && is_answered(i - 200))
			answer(r, i - 200, at);
	}
	fold(r);
	take(r, INT64_MAX);
	cr_assert_eq(r->next, n);
}

Test(pair_carry, thousands_wait_and_each_has_its_own)
{
	static const uint32_t rows[] = { 1, 33, TSN_BATCH_ROWS };

	for (int k = 0; k < 3; k++) {
		struct tsn_pair_stats s;
		struct run r;

		start(&r, 1u << 13, rows[k]);
		carry(&r, carried, NCARRIED, false);
		talk(&r, 10000);
		tsn_pair_stats(r.pair, &s);
		cr_assert_eq(s.bare + s.refused + s.open, 0);
		stop(&r);
	}
}

/* Memory that is not there at some moment costs what is carried, or the flow, and nothing else. */
Test(pair_carry, memory_may_fail_while_rings_grow)
{
	for (long at = 0; at < 40; at++) {
		struct tsn_pair_stats s;
		struct run r;

		start(&r, 1u << 13, 256);
		carry(&r, carried, NCARRIED, false);
		r.flows->text = tsn_malloc(TSN_BATCH_TEXT);
		r.bare = true;
		tsn_mem_fail_at(at, false);
		for (uint32_t i = 0; i < 2500; i++)
			ask(&r, i);
		fold(&r);
		tsn_mem_fail_never();
		tsn_pair_stats(r.pair, &s);
		cr_assert_eq(s.flows + s.refused, 2500);
		if (s.refused == 0)
			take(&r, INT64_MAX);
		cr_assert(s.refused > 0 || r.missing == 0 || s.bare > 0);
		stop(&r);
	}
}

/* --- other rules --- */

static void
one_each(struct run *r, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		ask(r, i);
	fold(r);
}

static uint32_t
count(const struct tsn_batch *b, enum tsn_field f)
{
	return tsn_mask_count(&b->present[f]);
}

/* A field that rules stop asking for, and ask for again while entries wait; elements of another program. */
Test(pair_carry, rules_may_ask_for_other_fields)
{
	static const enum tsn_field first[] = { TSN_F_IN_IF, TSN_F_TOS, TSN_F_IE_INT_00 }, second[] = { TSN_F_IN_IF, TSN_F_IE_INT_00 };
	struct tsn_pair_stats before, after;
	struct run r;

	start(&r, 1024, 1024);
	carry(&r, first, 3, false);
	one_each(&r, 0, 100);
	carry(&r, second, 2, false);
	one_each(&r, 100, 200);
	carry(&r, first, 3, true);
	one_each(&r, 200, 300);
	cr_assert_eq(tsn_pair_take(r.pair, INT64_MAX, r.talks, r.exporters), 300);
	cr_assert_eq(count(r.talks, TSN_F_IN_IF), 300);
	cr_assert_eq(count(r.talks, TSN_F_TOS), 200);
	cr_assert_not(tsn_mask_has(&r.talks->present[TSN_F_TOS], 150));
	cr_assert_eq(((const uint8_t *)r.talks->col[TSN_F_TOS])[77], 77);
	cr_assert_eq(count(r.talks, TSN_F_IE_INT_00), 100);
	cr_assert_eq(((const int64_t *)r.talks->col[TSN_F_IE_INT_00])[250], 750);
	/* what nobody asks for any more gives its room back once no entry has it */
	one_each(&r, 3000, 3100);
	carry(&r, second, 1, false);
	tsn_pair_stats(r.pair, &before);
	tsn_batch_clear(r.talks, TSN_BATCH_TALKS);
	cr_assert_eq(tsn_pair_take(r.pair, INT64_MAX, r.talks, r.exporters), 100);
	cr_assert_eq(count(r.talks, TSN_F_TOS), 100);
	tsn_pair_stats(r.pair, &after);
	cr_assert_lt(after.bytes, before.bytes);
	stop(&r);
}

/* More than a place's share: sides go without, and the bound holds. */
Test(pair_carry, what_is_carried_is_bounded)
{
	const uint32_t max = 2048;
	struct tsn_pair_stats s;
	struct run r;
	char text[TSN_BATCH_STR];
	struct tsn_value v;

	memset(text, 'x', sizeof(text));
	start(&r, max, 256);
	carry(&r, carried, NCARRIED, false);
	for (uint32_t i = 0; i < max; i++) {
		ask(&r, i);
		tsn_batch_put_str(r.flows, r.flows->n - 1, TSN_F_HTTP_HOST, (struct tsn_str){ text, sizeof(text) });
	}
	fold(&r);
	tsn_pair_stats(r.pair, &s);
	cr_assert_eq(s.open, max);
	cr_assert_gt(s.bare, max / 2);
	cr_assert_lt(s.bytes, max * TSN_PAIR_PLACE_BYTES + 256 * 1024);
	cr_assert_eq(tsn_pair_take(r.pair, INT64_MAX, r.talks, r.exporters), 256);
	tsn_batch_get(r.talks, 3, TSN_F_HTTP_HOST, &v);
	cr_assert(v.known && v.s.n == sizeof(text) && memcmp(v.s.p, text, sizeof(text)) == 0);
	cr_assert_eq(count(r.talks, TSN_F_IN_IF), 256);
	stop(&r);
}
