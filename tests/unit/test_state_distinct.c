/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Different values beyond 256: how far off the sketch is, when it begins, when it ends. */
#include <criterion/criterion.h>
#include <endian.h>

#include "base/mem.h"
#include "state/hll.h"
#include "unit/state_bench.h"

static struct m_row rows[1024];

static struct tsn_family_def
by_src(struct tsn_agg_def *agg, bool tumbling, size_t tuple)
{
	*agg = (struct tsn_agg_def){ .canon = "agg", .fn = TSN_AGG_DISTINCT, .tumbling = tumbling, .window_ms = 60000,
		.pane_ms = tumbling ? 60000 : 4000, .panes = tumbling ? 1 : 16, .tuple = m_tuples[tuple] };
	return (struct tsn_family_def){ .canon = "family", .key = m_keys[1], .max_keys = 6400, .agg = agg, .naggs = 1 };
}

static struct tsn_hll
sketch_of(uint32_t panes)
{
	struct tsn_hll h;

	tsn_hll_init(&h, tsn_malloc(tsn_hll_size(panes)), panes);
	return h;
}

static struct m_row
row_of(uint32_t src, struct tsn_addr dst, int64_t time)
{
	struct m_row r = { .has_src = true, .has_dst = true, .has_port = true, .counted = true, .time = time,
		.received = time, .dst = dst, .port = 443 };

	r.src = tsn_addr_v4(src);
	return r;
}

/* Folds members [from, to) at one time, 1,000 a batch; the last value. */
static int64_t
fold_members(struct tsn_state *s, const struct tsn_family_def *def, uint32_t from, uint32_t to, int64_t time,
    bool v6)
{
	int64_t value = -1;

	for (uint32_t n; from < to; from += n) {
		n = to - from < 1000 ? to - from : 1000;
		for (uint32_t i = 0; i < n; i++)
			rows[i] = row_of(1, v6 ? (struct tsn_addr){ 1, from + i, false } : tsn_addr_v4(from + i), time);
		cr_assert(c_fold(&bench, s, 0, def, rows, 0, n));
		value = bench.out[0].i[n - 1];
	}
	return value;
}

static int64_t
look(struct tsn_state *s, const struct tsn_family_def *def, int64_t time)
{
	rows[0] = row_of(1, tsn_addr_v4(0), time);
	rows[0].counted = false;
	rows[0].read = true;
	cr_assert(c_fold(&bench, s, 0, def, rows, 0, 1));
	cr_assert(tsn_mask_has(&bench.out[0].known, 0));
	return bench.out[0].i[0];
}

Test(state_distinct, exact_up_to_256, .init = bench_begin, .fini = bench_end)
{
	for (int kind = 0; kind < 16; kind++) {
		struct tsn_agg_def agg;
		struct tsn_family_def def = by_src(&agg, kind & 1, kind & 2 ? 4 : 0);
		struct tsn_state *s = tsn_state_new(&def, 1, (uint64_t)kind);

		for (uint32_t i = 0; i < 256; i++)
			for (int again = 0; again < 2; again++)
				cr_assert_eq(fold_members(s, &def, i, i + 1, 1000 + i, kind & 4), i + 1);
		cr_assert_eq(fold_members(s, &def, 0, 256, 2000, kind & 4), 256);
		tsn_state_free(s);
	}
}

/* Sixteen new members a pane, and a look seven panes ahead: what is older than the window is gone. */
Test(state_distinct, members_leave_with_their_pane, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = by_src(&agg, false, 0);
	struct tsn_state *s = tsn_state_new(&def, 1, 1);

	for (uint32_t p = 0; p < 200; p++) {
		int64_t expect = (p < 16 ? p + 1 : 16) * 16;

		cr_assert_eq(fold_members(s, &def, p * 16, p * 16 + 16, p * 4000, false), expect, "pane %u", p);
		cr_assert_eq(look(s, &def, p * 4000 + 4000 * 7), (p < 8 ? p + 1 : 9) * 16, "pane %u", p);
	}
	tsn_state_free(s);
}

/* Root mean square of the relative error over [seeds] seeds. */
static double
error_of(uint32_t members, uint32_t seeds, bool v6, size_t tuple, double *worst)
{
	double sum = 0;

	for (uint32_t seed = 0; seed < seeds; seed++) {
		struct tsn_agg_def agg;
		struct tsn_family_def def = by_src(&agg, seed & 1, tuple);
		struct tsn_state *s = tsn_state_new(&def, 1, tsn_mix64(seed + 1));
		double e = (double)fold_members(s, &def, 0, members, 1000, v6) / members - 1;

		sum += e * e;
		*worst = fabs(e) > *worst ? fabs(e) : *worst;
		tsn_state_free(s);
	}
	return sqrt(sum / seeds);
}

Test(state_distinct, a_sketch_is_within_two_percent, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	static const uint32_t sizes[] = { 257, 300, 1000, 3000, 10000, 30000 };
	const uint32_t seeds = getenv("TSN_SOAK") != NULL ? 300 : 40;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int kind = 0; kind < 3; kind++) {
			double worst = 0, rms = error_of(sizes[i], sizes[i] > 5000 ? seeds / 4 : seeds, kind == 1,
			    kind == 2 ? 4 : 0, &worst);

			cr_assert_lt(rms, 0.0205, "%u members, kind %d: standard error %.4f", sizes[i], kind, rms);
			cr_assert_lt(worst, 0.062, "%u members, kind %d: worst %.4f", sizes[i], kind, worst);
		}
}

/* Straight at the sketch, where many members are cheap. */
Test(state_distinct, a_sketch_of_very_many, .timeout = 600)
{
	const uint64_t seeds = getenv("TSN_SOAK") != NULL ? 400 : 60;
	double sum = 0;

	for (uint64_t seed = 0; seed < seeds; seed++) {
		struct tsn_hll h = sketch_of(1);
		double e;

		for (uint64_t i = 0; i < 300000; i++)
			tsn_hll_add(&h, tsn_hash_u64(i, tsn_mix64(seed + 1)), 0);
		e = (double)tsn_hll_estimate(&h, 0) / 3e5 - 1;
		sum += e * e;
		tsn_free(h.rank);
	}
	cr_assert_lt(sqrt(sum / (double)seeds), 0.0205, "standard error %.4f", sqrt(sum / (double)seeds));
}

/* What a sketch of panes stands for: registers of each pane alone, and those of what is asked put together. */
struct plain {
	uint8_t rank[16][4096]; /* by age */
	struct tsn_hll whole;   /* of one pane */
};

static int64_t
plain_estimate(struct plain *p, uint32_t panes, uint32_t ahead)
{
	tsn_hll_init(&p->whole, p->whole.rank, 1);
	for (uint32_t age = 0; age + ahead < panes; age++)
		for (uint64_t i = 0; i < 4096; i++)
			if (p->rank[age][i] > 0)
				tsn_hll_add(&p->whole, i << 52 | UINT64_C(1) << (52 - p->rank[age][i]), 0);
	return tsn_hll_estimate(&p->whole, 0);
}

static void
plain_advance(struct plain *p, uint32_t panes, uint32_t by)
{
	for (uint32_t age = panes; age-- > 0;)
		if (age >= by)
			memcpy(p->rank[age], p->rank[age - by], sizeof(p->rank[0]));
		else
			memset(p->rank[age], 0, sizeof(p->rank[0]));
}

static void
both_add(struct plain *p, struct tsn_hll *h, uint64_t member, uint32_t age)
{
	const uint64_t rest = member << 12;
	uint32_t rank = rest == 0 ? 48 : (uint32_t)__builtin_clzll(rest) + 1;
	uint8_t *was = &p->rank[age][member >> 52];

	rank = rank > 48 ? 48 : rank;
	*was = *was > rank ? *was : (uint8_t)rank;
	if (member & 1)
		tsn_hll_note(h, member, age, 0);
	else
		tsn_hll_add(h, member, age);
}

/* Few and very many members a pane, late ones, some that wait, ranks up to the last, windows of few panes: the same estimate to the last digit. */
Test(state_distinct, a_sketch_is_what_its_panes_are)
{
	struct plain *p = tsn_calloc(1, sizeof(*p));
	struct tsn_hll h = sketch_of(16), again = sketch_of(16);
	struct rng r = { 5 };

	p->whole = sketch_of(1);
	for (uint32_t panes = 2; panes <= 16; panes += panes == 2 ? 3 : 11) {
		struct tsn_pack out = { 0 };
		struct tsn_unpack in;

		tsn_hll_init(&h, h.paths, panes);
		memset(p->rank, 0, sizeof(p->rank));
		for (uint32_t round = 0; round < 60; round++) {
			const uint32_t by = round % 17 == 16 ? panes : (uint32_t)below(&r, 3), n = round % 5 == 0 ? 20000 : 50;

			tsn_hll_advance(&h, by);
			plain_advance(p, panes, by);
			for (uint32_t i = 0; i < n; i++)
				both_add(p, &h, tsn_mix64(below(&r, 100000)) >> (i % 16 == 0 ? below(&r, 50) : 0), i % 4 == 0 ? (uint32_t)below(&r, panes) : 0);
			/* of some rounds members still wait when panes pass */
			for (uint32_t ahead = 0; round % 4 != 1 && ahead <= panes; ahead += ahead < 2 ? 1 : 5)
				cr_assert_eq(tsn_hll_estimate(&h, ahead), plain_estimate(p, panes, ahead), "%u panes, round %u, %u ahead", panes, round, ahead);
		}
		tsn_hll_save(&h, &out);
		in = (struct tsn_unpack){ out.p, out.p + out.n, false };
		tsn_hll_init(&again, again.paths, panes);
		cr_assert(tsn_hll_load(&again, &in) && tsn_unpack_done(&in));
		cr_assert_eq(tsn_hll_estimate(&again, 0), tsn_hll_estimate(&h, 0));
		cr_assert_eq(tsn_hll_estimate(&again, 1), tsn_hll_estimate(&h, 1));
		tsn_pack_fini(&out);
	}
	tsn_free(p->whole.rank);
	tsn_free(p);
	tsn_free(h.paths);
	tsn_free(again.paths);
}

/* They once went up to 48, and are read so. */
Test(state_distinct, ranks_beyond_the_last_are_held)
{
	for (uint32_t panes = 1; panes <= 16; panes += 5) {
		struct tsn_hll h = sketch_of(panes), again = sketch_of(panes);
		struct tsn_pack out = { 0 };
		struct tsn_unpack in;
		uint64_t path = 0;

		tsn_hll_save(&h, &out);
		for (uint32_t age = 0; age < panes; age++) /* 48 of the newest pane but one, 47 of that */
			path |= UINT64_C(1) << (age == 0 ? panes : panes - 1 - age);
		if (panes == 1)
			out.p[0] = 48;
		else
			memcpy(out.p, &(uint64_t){ htole64(path) }, sizeof(path));
		in = (struct tsn_unpack){ out.p, out.p + out.n, false };
		cr_assert(tsn_hll_load(&again, &in) && tsn_unpack_done(&in), "%u panes", panes);
		tsn_hll_add(&h, 1, 0);
		cr_assert_eq(tsn_hll_estimate(&again, 0), tsn_hll_estimate(&h, 0));
		tsn_pack_fini(&out);
		out = (struct tsn_pack){ 0 };
		tsn_hll_save(&again, &out);
		in = (struct tsn_unpack){ out.p, out.p + out.n, false };
		tsn_hll_init(&h, h.paths, panes);
		cr_assert(tsn_hll_load(&h, &in) && tsn_unpack_done(&in), "%u panes", panes);
		tsn_pack_fini(&out);
		tsn_free(h.paths);
		tsn_free(again.paths);
	}
}

/* A window that moves on and panes that empty one by one: always near the truth, by pane arithmetic. */
Test(state_distinct, a_sketch_slides, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = by_src(&agg, false, 0);
	struct tsn_state *s = tsn_state_new(&def, 1, 99);
	double worst = 0;

	for (uint32_t p = 0; p < 60; p++) {
		/* 200 members a pane, half of them those of the pane before */
		double expect = ((p < 16 ? p : 15) * 100 + 200), later = p < 16 ? (p < 8 ? p : 8) * 100 + 200 : 1000;
		double now = (double)fold_members(s, &def, p * 100, p * 100 + 200, p * 4000, false) / expect - 1, then;

		worst = fabs(now) > worst ? fabs(now) : worst;
		if (p < 20)
			continue;
		then = (double)look(s, &def, (p + 7) * 4000) / later - 1; /* the last nine panes */
		worst = fabs(then) > worst ? fabs(then) : worst;
		cr_assert_eq(look(s, &def, (p + 16) * 4000), 0);
		cr_assert(p < 20 || look(s, &def, p * 4000) > 0);
	}
	cr_assert_lt(worst, 0.065, "worst %.4f", worst);
	tsn_state_free(s);
}

Test(state_distinct, exact_again_when_the_window_has_emptied, .init = bench_begin, .fini = bench_end)
{
	for (int tumbling = 0; tumbling < 2; tumbling++) {
		struct tsn_agg_def agg;
		struct tsn_family_def def = by_src(&agg, tumbling, 0);
		struct tsn_state *s = tsn_state_new(&def, 1, 5);
		struct tsn_family_stats before, after;
		double e;

		fold_members(s, &def, 0, 1, 1000, false);
		tsn_state_stats(s, 0, &before);
		e = (double)fold_members(s, &def, 0, 5000, 1000, false) / 5000 - 1;
		cr_assert(e != 0 && fabs(e) < 0.06);
		fold_members(s, &def, 0, 1, 190000, false);
		tsn_state_stats(s, 0, &after);
		cr_assert_eq(after.bytes, before.bytes);
		for (uint32_t i = 0; i < 256; i++)
			cr_assert_eq(fold_members(s, &def, i, i + 1, 190000, false), i + 1);
		tsn_state_free(s);
	}
}

/* Sketches too must not depend on how the input is cut, or on who looked. */
Test(state_distinct, sketches_and_batches, .init = bench_begin, .fini = bench_end)
{
	static struct m_row all[4000];
	static int64_t first[4000];
	struct rng r = { 11 };
	struct tsn_agg_def agg;
	struct tsn_family_def def = by_src(&agg, false, 0);

	for (uint32_t i = 0; i < 4000; i++)
		all[i] = row_of(1 + (uint32_t)below(&r, 2), tsn_addr_v4((uint32_t)below(&r, 2000)),
		    i * 20 - (int64_t)below(&r, 9000) + (i > 3000 ? 30000 : 0));
	for (uint32_t cut = 1; cut <= 1000; cut += 111) {
		struct tsn_state *s = tsn_state_new(&def, 1, 5);

		for (uint32_t from = 0; from < 4000; from += cut) {
			uint32_t to = from + cut < 4000 ? from + cut : 4000;

			cr_assert(c_fold(&bench, s, 0, &def, all, from, to));
			for (uint32_t i = from; i < to; i++) {
				if (cut == 1)
					first[i] = bench.out[0].i[i - from];
				cr_assert_eq(bench.out[0].i[i - from], first[i]);
			}
			if (cut != 1)
				look(s, &def, (int64_t)below(&r, 200000));
		}
		tsn_state_free(s);
	}
}

/* As many as may be exact, and others that are gone and still have their places, whatever the order: that comes back from a snapshot, too. */
Test(state_distinct, whole_with_others_that_are_gone, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = by_src(&agg, false, 0);

	for (uint64_t seed = 0; seed < 40; seed++) {
		struct tsn_state *s = tsn_state_new(&def, 1, tsn_mix64(seed)), *again = tsn_state_new(&def, 1, 0);
		struct tsn_pack out = { 0 };
		struct tsn_unpack in;

		cr_assert_eq(fold_members(s, &def, 0, 40, 0, false), 40);
		cr_assert_eq(fold_members(s, &def, 40, 240, 4000, false), 240);
		cr_assert_eq(fold_members(s, &def, 240, 296, 4000 * 16, false), 256);
		tsn_state_save(s, &out);
		in = (struct tsn_unpack){ out.p, out.p + out.n, false };
		cr_assert(tsn_state_load(again, &in, NULL, NULL) && tsn_unpack_done(&in), "seed %" PRIu64, seed);
		cr_assert_eq(look(again, &def, 4000 * 16), 256);
		cr_assert_eq(fold_members(again, &def, 0, 10, 4000 * 17, false), 66);
		tsn_pack_fini(&out);
		tsn_state_free(s);
		tsn_state_free(again);
	}
}

/* Whoever only asks whether it is so much learns it, and the number where it is; and what is asked for changes nothing later. */
Test(state_distinct, a_guarded_sketch, .init = bench_begin, .fini = bench_end)
{
	static const int64_t leasts[] = { 1, 200, 257, 900, 2500, 3300, 100000 };
	struct tsn_agg_def agg, asked;
	struct tsn_family_def def = by_src(&agg, false, 0), guarded = by_src(&asked, false, 0);

	for (size_t i = 0; i < sizeof(leasts) / sizeof(leasts[0]); i++) {
		struct tsn_state *s = tsn_state_new(&def, 1, 99), *g;
		struct rng r = { 3 };

		asked.least = leasts[i];
		guarded.guarded = true;
		g = tsn_state_new(&guarded, 1, 99);
		for (uint32_t p = 0, from = 0; p < 60; p += 1 + (uint32_t)below(&r, 3)) {
			const uint32_t n = p % 4 == 0 ? 900 : 30;
			const int64_t want = fold_members(s, &def, from, from + n, p * 4000, false);
			int64_t got;

			bench.flows = true;
			got = fold_members(g, &guarded, from, from + n, p * 4000, false);
			bench.flows = false;
			cr_assert(want >= leasts[i] ? got == want : got < leasts[i], "at least %" PRId64 ", pane %u: %" PRId64 " not %" PRId64, leasts[i], p, got, want);
			if (p % 7 == 0)
				cr_assert_eq(look(g, &guarded, p * 4000), look(s, &def, p * 4000));
			from += n / 2;
		}
		tsn_state_free(s);
		tsn_state_free(g);
	}
}
