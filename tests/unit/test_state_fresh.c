/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * First sightings against their definition, worked out from a list of all flows: FRESH, SINCE, and what
 * `new` makes of the two. Without evictions a group is all flows of its key; with them it is those since it got its place.
 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "state/internal.h"
#include "unit/state_bench.h"
#include "unit/state_takeover.h"

#define FRESH 0
#define SINCE 1
#define COUNT 2

static struct m_row rows[M_ROWS];
static struct tsn_agg_def agg[3];
static struct tsn_family_def def;
static struct {
	struct m_value v[2];
} want[M_ROWS];

static const uint32_t cuts[] = { 1, 7, 1024, 0 };

static void
make_def(int64_t window)
{
	memset(agg, 0, sizeof(agg));
	agg[FRESH] = (struct tsn_agg_def){ .canon = "fresh", .fn = TSN_AGG_FRESH, .window_ms = window };
	agg[SINCE] = (struct tsn_agg_def){ .canon = "since", .fn = TSN_AGG_SINCE, .window_ms = window };
	agg[COUNT] = (struct tsn_agg_def){ .canon = "count", .fn = TSN_AGG_COUNT, .window_ms = 1000, .pane_ms = 1000, .panes = 2 };
	def = (struct tsn_family_def){ .canon = "f", .max_keys = UINT64_MAX, .agg = agg, .naggs = 3 };
}

/* Of the flows before row [i] that counted in its group: is one within the window before it, or after it? */
static void
define_row(uint32_t i)
{
	char key[M_TEXT], other[M_TEXT];
	bool first = true, known = false;
	int64_t newest = INT64_MIN, since = 0;

	memset(&want[i], 0, sizeof(want[i]));
	if (!m_text(&def.key, &rows[i], key) || !(rows[i].counted || rows[i].read))
		return;
	for (uint32_t j = 0; j <= i; j++) {
		if (!rows[j].counted || !m_text(&def.key, &rows[j], other) || strcmp(key, other) != 0)
			continue;
		if (!known)
			since = rows[j].time;
		known = true;
		if (j == i)
			break;
		first = false;
		newest = rows[j].time > newest ? rows[j].time : newest;
	}
	want[i].v[FRESH] = (struct m_value){ .known = true,
		.i = rows[i].counted && (first || (rows[i].time > newest && (__int128)rows[i].time - newest > agg[FRESH].window_ms)) };
	want[i].v[SINCE] = (struct m_value){ .known = known || def.key.n == 0, .i = def.key.n == 0 ? rows[0].time : since };
}

static void
through_bytes(struct tsn_state *s, uint32_t which)
{
	struct tsn_family *f = &s->family[0];
	struct tsn_agg *a = &f->agg[which];

	for (uint32_t part = 0; part < TSN_PARTS; part++)
		for (uint32_t k = 0; k < f->store.part[part].n; k++) {
			struct tsn_pack pack = { 0 };
			struct tsn_unpack in;

			a->ops->save(a, k * TSN_PARTS + part, &pack);
			tsn_agg_reset(a, k * TSN_PARTS + part);
			in = (struct tsn_unpack){ pack.p, pack.p + pack.n, false };
			cr_assert(a->ops->load(a, k * TSN_PARTS + part, &in) && tsn_unpack_done(&in));
			in = (struct tsn_unpack){ pack.p, pack.p + pack.n - 1, false };
			cr_assert(!a->ops->load(a, k * TSN_PARTS + part, &in));
			in = (struct tsn_unpack){ pack.p, pack.p + pack.n, false };
			cr_assert(a->ops->load(a, k * TSN_PARTS + part, &in));
			tsn_pack_fini(&pack);
		}
}

static void
run_engine(struct rng *r, uint64_t seed, uint32_t cut, uint32_t n)
{
	struct tsn_state *s = tsn_state_new(&def, 1, seed);

	for (uint32_t from = 0, to; from < n; from = to) {
		to = from + (cut != 0 ? cut : 1 + (uint32_t)below(r, 150));
		to = to > n ? n : to;
		cr_assert(c_fold(&bench, s, 0, &def, rows, from, to));
		for (uint32_t i = from; i < to; i++)
			for (uint32_t a = 0; a < 2; a++)
				cr_assert(c_same(&bench.out[a], i - from, &want[i].v[a]), "case %" PRIu64 ", batches of %u, row %u, %s: "
				    "known %d not %d, %" PRId64 " not %" PRId64, seed, cut, i, agg[a].canon,
				    tsn_mask_has(&bench.out[a].known, i - from), want[i].v[a].known, bench.out[a].i[i - from],
				    want[i].v[a].i);
		if (cut == 0) {
			through_bytes(s, FRESH);
			through_bytes(s, SINCE);
		}
	}
	tsn_state_free(s);
}

static void
run_case(uint64_t seed, uint32_t most)
{
	static const int64_t windows[] = { 1, 50, 1000, 5000, 60000, 3600000, INT64_MAX };
	struct rng r = { seed };
	uint32_t n = 1 + (uint32_t)below(&r, most);
	struct c_style style;

	make_def(windows[below(&r, 7)]);
	def.key = m_keys[below(&r, M_KEYS)];
	c_style(&r, &style);
	c_rows(&r, &style, rows, n);
	for (uint32_t i = 0; i + 1 < n; i++)
		if (chance(&r, 10)) /* duplicates, and times exactly a window apart */
			rows[i + 1] = rows[i];
		else if (chance(&r, 10) && agg[FRESH].window_ms < INT64_C(1) << 40)
			rows[i + 1].time = rows[i].time + agg[FRESH].window_ms + (int64_t)below(&r, 2);
	for (uint32_t i = 0; i < n; i++)
		define_row(i);
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
}

static uint64_t
soak(void)
{
	return getenv("TSN_SOAK") != NULL ? 16 : 1;
}

Test(state_fresh, random_flows_equal_the_definition, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t i = 0; i < 750 * soak(); i++)
		run_case(1 + i, 80);
	for (uint64_t i = 0; i < 30 * soak(); i++)
		run_case(1000000 + i, M_ROWS);
}

/*
 * With few places a group goes with its place; with 64 a part holds one, so that a key is known from when it
 * pushed out another of its part until it is pushed out.
 */
static void
run_crowded(uint64_t seed)
{
	struct rng r = { seed };
	struct model m;
	uint32_t n = 300, resident[64];
	struct c_style style = { .hosts = 200, .ports = 10, .gap = 300, .disorder = 3000, .read = 30, .uncounted = 20, .base = 1767571200000 };
	int64_t newest[64] = { 0 }, since[64] = { 0 };
	char key[M_TEXT], other[M_TEXT];

	make_def(5000);
	def.key = m_keys[1 + below(&r, 2) * 4];
	def.max_keys = 64;
	m_init(&m, seed);
	m.def.key = def.key;
	c_rows(&r, &style, rows, n);
	memset(resident, 0xff, sizeof(resident));
	for (uint32_t i = 0; i < n; i++) {
		bool there;
		unsigned p;

		memset(&want[i], 0, sizeof(want[i]));
		if (!m_text(&def.key, &rows[i], key) || !(rows[i].counted || rows[i].read))
			continue;
		p = m_part_of(&m, &rows[i], bench.scratch);
		there = resident[p] != UINT32_MAX && m_text(&def.key, &rows[resident[p]], other) && strcmp(key, other) == 0;
		want[i].v[FRESH] = (struct m_value){ .known = true };
		if (rows[i].counted) {
			want[i].v[FRESH].i = !there || rows[i].time - newest[p] > 5000;
			newest[p] = !there || rows[i].time > newest[p] ? rows[i].time : newest[p];
			since[p] = there ? since[p] : rows[i].time;
			resident[p] = i;
			there = true;
		}
		want[i].v[SINCE] = (struct m_value){ .known = there, .i = since[p] };
	}
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
}

Test(state_fresh, a_group_goes_with_its_place, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t i = 0; i < 150 * soak(); i++)
		run_crowded(1 + i);
}

static void
at(struct m_row *r, uint32_t host, int64_t time, bool counted)
{
	*r = (struct m_row){ .has_src = true, .src = tsn_addr_v4(host), .time = time, .received = time, .counted = counted, .read = true };
}

Test(state_fresh, who_only_reads_is_not_new_and_makes_nothing_known, .init = bench_begin, .fini = bench_end)
{
	struct tsn_family_stats stats;
	struct tsn_state *s;

	make_def(1000);
	def.key = m_keys[1];
	s = tsn_state_new(&def, 1, 1);
	at(&rows[0], 1, 5000, false);
	at(&rows[1], 1, 6000, true);
	at(&rows[2], 1, 7000, true);
	at(&rows[3], 1, 8001, false);
	at(&rows[4], 1, 8001, true);
	at(&rows[5], 1, 6500, true);
	at(&rows[6], 1, 9001, true); /* 6500 did not move 8001 back */
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 7));
	for (uint32_t i = 0; i < 7; i++) {
		cr_assert_eq(bench.out[FRESH].i[i], i == 1 || i == 4, "row %u", i);
		cr_assert_eq(tsn_mask_has(&bench.out[SINCE].known, i), i > 0);
		cr_assert(i == 0 || bench.out[SINCE].i[i] == 6000);
	}
	tsn_state_stats(s, 0, &stats);
	cr_assert_eq(stats.groups, 1);
	tsn_state_free(s);
}

/* Groups are not given away as long as they can be known: the flow comes exactly a window later. */
Test(state_fresh, a_known_group_is_not_recycled, .init = bench_begin, .fini = bench_end)
{
	struct tsn_family_stats stats;
	struct tsn_state *s;
	uint32_t n = 0, other = 2;

	make_def(1000);
	def.key = m_keys[1];
	def.max_keys = 64;
	def.naggs = 2; /* a longer window beside them would keep groups longer */
	s = tsn_state_new(&def, 1, 1);
	while (tsn_hash_u64(other, 1) >> 58 != tsn_hash_u64(1, 1) >> 58)
		other++;
	at(&rows[n++], 1, 5000, true);
	at(&rows[n++], other, 6000, true); /* evicts: 1 is known to the end of 6000 */
	at(&rows[n++], 1, 7001, true);     /* recycles */
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, n));
	tsn_state_stats(s, 0, &stats);
	cr_assert_eq(stats.evicted, 1);
	cr_assert_eq(stats.recycled, 1);
	cr_assert_eq(tsn_state_evicted(s, 0, bench.b, 2), 6000);
	tsn_state_free(s);
}

Test(state_fresh, learning_is_over_when_told_so, .init = bench_begin, .fini = bench_end)
{
	struct tsn_state *s, *next;

	make_def(1000);
	def.key = m_keys[1];
	s = tsn_state_new(&def, 1, 1);
	at(&rows[0], 1, 5000, true);
	at(&rows[1], 2, 5000, false);
	at(&rows[2], 2, 5000, false);
	rows[2].has_src = false;
	tsn_state_learned(s);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 3));
	cr_assert(tsn_mask_has(&bench.out[SINCE].known, 0) && tsn_mask_has(&bench.out[SINCE].known, 1));
	cr_assert(!tsn_mask_has(&bench.out[SINCE].known, 2), "there is no key");
	cr_assert_lt(bench.out[SINCE].i[0], INT64_MIN / 8);
	cr_assert_lt(bench.out[SINCE].i[1], INT64_MIN / 8);
	cr_assert_eq(bench.out[FRESH].i[0], 1);
	next = tsn_state_new(&def, 1, 1);
	take_over(next, s, NULL, NULL);
	cr_assert(c_fold(&bench, next, 0, &def, rows, 0, 3));
	cr_assert_lt(bench.out[SINCE].i[1], INT64_MIN / 8);
	tsn_state_free(s);
	tsn_state_free(next);
}

Test(state_fresh, what_learns_is_told, .init = bench_begin, .fini = bench_end)
{
	struct tsn_learning l;
	struct tsn_state *s;

	make_def(1000);
	def.key = m_keys[1];
	s = tsn_state_new(&def, 1, 1);
	tsn_state_learning(s, 0, SINCE, &l);
	cr_assert(l.groups == 0 && l.ready == 0 && l.until == TSN_TIME_NONE);
	at(&rows[0], 1, 5000, true);
	at(&rows[1], 2, 5500, true);
	at(&rows[2], 2, 6200, true);
	at(&rows[3], 1, 6000, true);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 3));
	tsn_state_learning(s, 0, SINCE, &l);
	cr_assert(l.groups == 2 && l.ready == 0 && l.until == 6000);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 3, 4));
	tsn_state_learning(s, 0, SINCE, &l);
	cr_assert(l.groups == 2 && l.ready == 1 && l.until == TSN_TIME_NONE);
	tsn_state_learning(s, 0, COUNT, &l);
	cr_assert(l.groups == 0 && l.until == TSN_TIME_NONE);
	tsn_state_free(s);
	def.key.n = 0; /* one group for everything: from the first row on, counted or not */
	s = tsn_state_new(&def, 1, 1);
	at(&rows[0], 1, 5000, false);
	at(&rows[1], 2, 5900, false);
	at(&rows[2], 2, 6000, false);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 2));
	tsn_state_learning(s, 0, SINCE, &l);
	cr_assert(l.groups == 1 && l.ready == 0 && l.until == 6000);
	rows[2].read = false; /* not even asked about */
	cr_assert(c_fold(&bench, s, 0, &def, rows, 2, 3));
	tsn_state_learning(s, 0, SINCE, &l);
	cr_assert(l.groups == 1 && l.ready == 1);
	tsn_state_free(s);
}

Test(state_fresh, every_allocation_may_fail, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (int keyed = 0; keyed < 2; keyed++)
		for (long k = 0, failures = 1; failures > 0; k++) {
			struct rng r = { 3 };
			struct c_style style = { .hosts = 5000, .ports = 3, .gap = 10 };
			uint32_t good = 0;
			struct tsn_state *s;

			make_def(INT64_MAX);
			def.key = m_keys[keyed * 5];
			c_rows(&r, &style, rows, 200);
			failures = 0;
			tsn_mem_fail_at(k, false);
			s = tsn_state_new(&def, 1, 1);
			failures += s == NULL;
			for (uint32_t from = 0; s != NULL && from < 200; from += 100) {
				failures += !c_fold(&bench, s, 0, &def, rows, from, from + 100);
				for (uint32_t i = 0; i < 100; i++) {
					bool has = keyed == 0 || (rows[from + i].has_src && rows[from + i].has_port);

					cr_assert(!tsn_mask_has(&bench.out[COUNT].known, i) || has);
					good += tsn_mask_has(&bench.out[COUNT].known, i) && bench.out[FRESH].i[i];
					cr_assert(failures > 0 || has == tsn_mask_has(&bench.out[COUNT].known, i));
				}
			}
			tsn_mem_fail_never();
			cr_assert(failures > 0 || good >= (keyed ? 100 : 1));
			tsn_state_free(s);
		}
}
