/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Standard deviation, sums and jitter by hand and by other ways; saved cells. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "state/internal.h"
#include "state/kept.h"
#include "state/tally.h"
#include "unit/state_takeover.h"
#include "unit/state_values.h"

/* Value of the last of some numbers in one window. */
static bool
deviation_of(const int64_t *v, const double *f, uint32_t n, bool tumbling, double *out)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_STDDEV, tumbling);
	struct tsn_state *s;
	bool known;

	agg.real = f != NULL;
	s = tsn_state_new(&def, 1, 1);
	for (uint32_t i = 0; i < n; i++) {
		rows[i] = row_of(1, 1, 1000 + (tumbling ? 0 : i * 1000));
		rows[i].arg[0].known = true;
		rows[i].arg[0].i = v != NULL ? v[i] : 0;
		rows[i].arg[0].f = f != NULL ? f[i] : 0;
	}
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, n));
	known = tsn_mask_has(&bench.out[0].known, n - 1);
	*out = bench.out[0].f[n - 1];
	tsn_state_free(s);
	return known;
}

Test(state_values, deviations_by_hand, .init = bench_begin, .fini = bench_end)
{
	static const struct {
		int64_t v[6];
		uint32_t n;
		bool known;
		double want;
	} cases[] = {
		{ { 7 }, 1, true, 0 },
		{ { 2, 4 }, 2, true, 1 },
		{ { -3, 3 }, 2, true, 3 },
		{ { INT64_MAX, INT64_MAX, INT64_MAX - 3 }, 3, true, 1.4142135623730951 },
		{ { INT64_MIN, INT64_MIN, INT64_MIN }, 3, true, 0 },
		{ { INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN }, 4, false, 0 }, /* squares of 4 * 2^126 */
		{ { INT64_MIN, INT64_MIN, INT64_MIN, INT64_MAX }, 4, false, 0 },
		{ { INT64_MIN, INT64_MAX }, 2, true, 9223372036854775808.0 },
		{ { 4611686018427387904, 4611686018427387905, 4611686018427387906, 4611686018427387907 }, 4, true, 1.118033988749895 },
		{ { 0, 0, 0, 0, 0, 1 }, 6, true, 0.37267799624996495 },
	};
	static const double reals[] = { 1e15 + 0.25, 1e15 + 0.5, 1e15 + 0.75 }, huge[] = { 1e300, -1e300 };
	double got;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int tumbling = 0; tumbling < 2; tumbling++) {
			cr_assert_eq(deviation_of(cases[i].v, NULL, cases[i].n, tumbling, &got), cases[i].known, "case %zu", i);
			cr_assert(!cases[i].known || fabs(got - cases[i].want) <= cases[i].want * 1e-15, "case %zu: %.17g", i, got);
		}
	cr_assert(deviation_of(NULL, reals, 3, false, &got));
	cr_assert_float_eq(got, 0.20412414523193151, 1e-9);
	cr_assert(!deviation_of(NULL, huge, 2, false, &got), "squares of reals beyond what a double holds are no value");
}

/* A window that slides for long over reals of very different size ends as one that began just now. */
Test(state_values, reals_do_not_drift, .init = bench_begin, .fini = bench_end)
{
	struct rng r = { 1 };
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_STDDEV, false);
	struct tsn_state *s, *fresh;

	agg.real = true;
	s = tsn_state_new(&def, 1, 1);
	fresh = tsn_state_new(&def, 1, 1);
	for (uint32_t i = 0; i < 20000; i += 1000) {
		for (uint32_t k = 0; k < 1000; k++) {
			rows[k] = row_of(1, 1, (i + k) * 200);
			rows[k].arg[0].known = true;
			rows[k].arg[0].f = i < 19000 ? ldexp(1.1, (int)below(&r, 80)) : (double)below(&r, 1000) / 3;
		}
		cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 1000));
	}
	for (uint32_t k = 0; k < 1000; k++)
		cr_assert(k < 999 || tsn_mask_has(&bench.out[0].known, k));
	{
		double after = bench.out[0].f[999];

		cr_assert(c_fold(&bench, fresh, 0, &def, rows, 0, 1000));
		cr_assert_eq(after, bench.out[0].f[999], "%.17g %.17g", after, bench.out[0].f[999]);
	}
	tsn_state_free(s);
	tsn_state_free(fresh);
}

/* What a row adds: mostly little; or so much that a few pass 28 or 32 bits; or less than nothing. */
static int64_t
portion(struct rng *r)
{
	static const int64_t most[] = { 1000, 1000, 1 << 20, (INT64_C(1) << 28) - 1, (INT64_C(1) << 32) - 1, INT64_C(1) << 33 };
	const int64_t v = (int64_t)below(r, (uint64_t)most[below(r, 6)] + 1);

	return chance(r, 3) ? -v : v;
}

/* Sliding sums of a few groups, each row added up anew; groups grow, and are small again when their window has passed. */
Test(state_values, sums_that_outgrow_their_panes, .init = bench_begin, .fini = bench_end)
{
	enum { GROUPS = 5, N = 6000, CHUNK = 500 };
	static int64_t pane[N], value[N];
	static uint32_t group[N];
	struct rng r = { 3 };
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_SUM, false);
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	int64_t newest[GROUPS] = { 0 }, time = 4000000;

	for (uint32_t i = 0; i < N; i += CHUNK) {
		for (uint32_t k = 0; k < CHUNK; k++) {
			const int64_t at = time - (chance(&r, 20) ? (int64_t)below(&r, 70000) : 0);

			group[i + k] = (uint32_t)below(&r, GROUPS);
			pane[i + k] = at / 4000;
			value[i + k] = portion(&r);
			rows[k] = row_of(group[i + k] + 1, 1, at);
			rows[k].arg[0].known = true;
			rows[k].arg[0].i = value[i + k];
			time += chance(&r, 1) ? (int64_t)below(&r, 90000) : (int64_t)below(&r, 600);
		}
		cr_assert(c_fold(&bench, s, 0, &def, rows, 0, CHUNK));
		for (uint32_t k = i; k < i + CHUNK; k++) {
			int64_t sum = 0, *now = &newest[group[k]];

			*now = pane[k] > *now ? pane[k] : *now;
			for (uint32_t j = 0; j <= k; j++)
				sum += group[j] == group[k] && pane[j] + 16 > *now ? value[j] : 0;
			cr_assert_eq(bench.out[0].i[k - i], sum, "row %u: %" PRId64 " for %" PRId64, k, bench.out[0].i[k - i], sum);
		}
	}
	tsn_state_free(s);
}

/* As flows of a guarded family. */
static bool
fold_guarded(struct tsn_state *s, const struct tsn_family_def *def, uint32_t n)
{
	bool ok;

	bench.flows = true;
	ok = c_fold(&bench, s, 0, def, rows, 0, n);
	bench.flows = false;
	return ok;
}

/* The value that a row sees which only looks. */
static int64_t
look_guarded(struct tsn_state *s, const struct tsn_family_def *def, int64_t time)
{
	rows[0] = row_of(1, 1, time);
	rows[0].counted = false;
	rows[0].read = true;
	cr_assert(fold_guarded(s, def, 1));
	return bench.out[0].i[0];
}

static struct m_row
row_with(int64_t time, int64_t value, uint32_t agg)
{
	struct m_row r = row_of(1, 1, time);

	r.arg[agg].known = true;
	r.arg[agg].i = value;
	return r;
}

/* Too much to be known, then not so much, but enough. */
Test(state_values, a_guard_sees_sums_that_overflow, .init = bench_begin, .fini = bench_end)
{
	for (int again = 0; again < 2; again++) {
		struct tsn_agg_def agg;
		struct tsn_family_def def = family(&agg, TSN_AGG_SUM, false);
		struct tsn_state *s, *next;

		def.guarded = true;
		agg.least = 5;
		s = tsn_state_new(&def, 1, 1);
		rows[0] = row_with(4000000, 3, 0);
		rows[1] = row_with(4004000, INT64_MAX, 0);
		cr_assert(fold_guarded(s, &def, 2));
		cr_assert(!tsn_mask_has(&bench.out[0].known, 1));
		if (again) { /* gone through */
			next = tsn_state_new(&def, 1, 1);
			take_over(next, s, NULL, NULL);
			tsn_state_free(s);
			s = next;
			rows[0] = row_of(2, 1, 4004000);
			cr_assert(fold_guarded(s, &def, 1));
		}
		cr_assert_eq(look_guarded(s, &def, 4064000), INT64_MAX);
		tsn_state_free(s);
	}
}

/* The count is taken where the group is found, in a part that is full; the sum has no memory for its rows. */
Test(state_values, a_guard_sees_what_was_counted_before_memory_was_out, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg[2];
	struct tsn_family_def def = family(&agg[1], TSN_AGG_SUM, false);
	struct tsn_state *s;

	family(&agg[0], TSN_AGG_COUNT, false);
	agg[1].canon = "sum";
	agg[0].least = 5;
	def.agg = agg;
	def.naggs = 2;
	def.guarded = true;
	def.max_keys = 64;
	s = tsn_state_new(&def, 1, 1);
	for (uint32_t k = 0; k < 6; k++)
		rows[k] = row_with(4000000, k == 0 ? 1 : -1, 1);
	cr_assert(fold_guarded(s, &def, 1));
	for (uint32_t k = 0; k < 6; k++)
		rows[k] = row_with(4000000, -1, 1);
	tsn_mem_fail_at(0, true);
	cr_assert(!fold_guarded(s, &def, 6));
	tsn_mem_fail_never();
	cr_assert_eq(look_guarded(s, &def, 4000000), 7);
	tsn_state_free(s);
}

/* Sixteen panes as large as the short way takes them, and then once more. */
Test(state_values, sums_just_below_the_long_way, .init = bench_begin, .fini = bench_end)
{
	enum { N = 18 };
	const int64_t most = (INT64_C(1) << 28) - 1;
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_SUM, false);
	struct tsn_state *s = tsn_state_new(&def, 1, 1);

	for (uint32_t k = 0; k < N; k++) {
		rows[k] = row_of(1, 1, 4000000 + (k < 16 ? k : 15) * 4000);
		rows[k].arg[0].known = true;
		rows[k].arg[0].i = most;
	}
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, N));
	for (uint32_t k = 0; k < N; k++)
		cr_assert_eq(bench.out[0].i[k], (k + 1) * most, "row %u: %" PRId64, k, bench.out[0].i[k]);
	tsn_state_free(s);
}

/* Flows of one source as (start, end, destination); the value after the last. */
struct j_flow {
	int64_t start, end;
	uint32_t dst;
};

static bool
jitter_of(const struct j_flow *v, uint32_t n, bool tumbling, double *out)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_JITTER, tumbling);
	struct tsn_state *s;
	bool known;

	agg.window_ms = 3600000;
	agg.pane_ms = tumbling ? 3600000 : 240000;
	s = tsn_state_new(&def, 1, 1);
	for (uint32_t i = 0; i < n; i++) {
		rows[i] = row_of(1, v[i].dst, v[i].end);
		rows[i].has_start = rows[i].has_end = true;
		rows[i].start = v[i].start;
		rows[i].end = v[i].end;
	}
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, n));
	known = tsn_mask_has(&bench.out[0].known, n - 1);
	*out = bench.out[0].f[n - 1];
	tsn_state_free(s);
	return known;
}

Test(state_values, jitter_by_hand, .init = bench_begin, .fini = bench_end)
{
	static const struct {
		struct j_flow v[8];
		uint32_t n;
		bool known;
		double want;
	} cases[] = {
		/* a beacon; one gap too few; all at once, of several destinations */
		{ { { 0, 1, 1 }, { 60000, 60001, 1 }, { 120000, 120001, 1 }, { 180000, 180001, 1 }, { 240000, 240001, 1 } }, 5, true, 0 },
		{ { { 0, 1, 1 }, { 60000, 60001, 1 }, { 120000, 120001, 1 }, { 180000, 180001, 1 } }, 4, false, 0 },
		{ { { 5, 5, 1 }, { 5, 5, 2 }, { 5, 5, 3 }, { 5, 5, 4 }, { 5, 5, 5 } }, 5, false, 0 },
		/* gaps 10 20 10 20 s: 5 / 15 */
		{ { { 0, 1, 1 }, { 10000, 10001, 1 }, { 30000, 30001, 1 }, { 40000, 40001, 1 }, { 60000, 60001, 1 } }, 5, true, 1.0 / 3 },
		/* the same, come in any order */
		{ { { 40000, 40001, 1 }, { 0, 1, 1 }, { 60000, 60001, 1 }, { 30000, 30001, 1 }, { 10000, 10001, 1 } }, 5, true, 1.0 / 3 },
		/* an hour's connection in pieces: to the second it goes on, a millisecond more and it is new */
		{ { { 0, 9000, 1 }, { 10000, 20000, 1 }, { 19000, 30000, 1 }, { 31000, 40000, 1 }, { 40000, 50000, 1 } }, 5, false, 0 },
		{ { { 0, 9000, 1 }, { 10001, 20000, 1 }, { 21001, 30000, 1 }, { 31001, 40000, 1 }, { 41001, 50000, 1 } }, 5, true, 0.0422300 },
		{ { { 0, 9000, 1 }, { 7999, 8500, 1 }, { 16000, 16001, 1 }, { 24000, 24001, 1 }, { 32000, 32001, 1 } }, 5, true, 0.0000884 },
		/* pieces between beacons, also of the same start, do not count */
		{ { { 0, 10, 1 }, { 0, 900, 1 }, { 1500, 1600, 1 }, { 60000, 60010, 1 }, { 120000, 120001, 1 }, { 180000, 180001, 1 }, { 240000, 240001, 1 } }, 7, true, 0 },
		/* another connection's do */
		{ { { 0, 9000, 1 }, { 10000, 11000, 2 }, { 20000, 21000, 1 }, { 30000, 31000, 2 }, { 40000, 41000, 1 } }, 5, true, 0 },
	};
	double got;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int tumbling = 0; tumbling < 2; tumbling++) {
			cr_assert_eq(jitter_of(cases[i].v, cases[i].n, tumbling, &got), cases[i].known, "case %zu", i);
			cr_assert(!cases[i].known || fabs(got - cases[i].want) < 1e-5, "case %zu: %.7f", i, got);
		}
}

/* Of many starts the latest 256 are what counts: a slow beginning is forgotten, and what comes late from before them as well. */
Test(state_values, jitter_of_the_latest_starts, .init = bench_begin, .fini = bench_end)
{
	static struct j_flow v[600];
	double got;

	for (uint32_t i = 0; i < 600; i++)
		v[i] = (struct j_flow){ i < 300 ? i * 3 : 1000 + i * 1000, i < 300 ? i * 3 : 1000 + i * 1000, i };
	v[599] = (struct j_flow){ 250, 250, 7 };
	cr_assert(jitter_of(v, 600, true, &got));
	cr_assert_float_eq(got, 0, 1e-12);
	cr_assert(jitter_of(v, 450, true, &got));
	cr_assert_gt(got, 1);
}

/* What is cut off is refused; what is damaged is refused or is something else, that may be worked with. */
static void
spoil_cell(struct tsn_agg *d, uint32_t g, struct tsn_pack *k)
{
	struct tsn_unpack u;

	for (size_t cut = 0; cut < k->n; cut += 1 + k->n / 20) {
		u = (struct tsn_unpack){ k->p, k->p + cut, false };
		tsn_agg_reset(d, g);
		cr_assert(!d->ops->load(d, g, &u));
	}
	for (size_t i = 0; i < k->n && i < 400; i += 7) {
		k->p[i] ^= (uint8_t)(1 + i % 250);
		u = (struct tsn_unpack){ k->p, k->p + k->n, false };
		tsn_agg_reset(d, g);
		(void)d->ops->load(d, g, &u);
		k->p[i] ^= (uint8_t)(1 + i % 250);
	}
}

/* The cells of [from] put into [to], which has the same groups, and damaged into [spoilt]. */
static void
copy_cells(struct tsn_state *to, struct tsn_state *from, struct tsn_state *spoilt)
{
	struct tsn_agg *a = &from->family[0].agg[0], *b = &to->family[0].agg[0], *d = &spoilt->family[0].agg[0];

	for (uint32_t g = 0; g < b->store.cells.cap; g++)
		tsn_agg_reset(b, g);
	for (uint32_t p = 0; p < TSN_PARTS; p++)
		b->store.pool[p].hand = a->store.pool[p].hand;
	for (uint32_t g = 0; g < a->store.cells.cap; g++) {
		struct tsn_pack k = { NULL, 0, 0, false };
		struct tsn_unpack u;

		a->ops->save(a, g, &k);
		cr_assert(!k.failed);
		u = (struct tsn_unpack){ k.p, k.p + k.n, false };
		cr_assert(b->ops->load(b, g, &u), "group %u", g);
		cr_assert(tsn_unpack_done(&u));
		spoil_cell(d, g, &k);
		tsn_pack_fini(&k);
	}
}

static void
run_saved(uint64_t seed)
{
	static const enum tsn_agg_fn fns[] = { TSN_AGG_STDDEV, TSN_AGG_ENTROPY, TSN_AGG_JITTER, TSN_AGG_DISTINCT };
	struct rng r = { seed };
	struct tsn_agg_def agg;
	char canon[64];
	struct tsn_family_def def = { .canon = "f", .key = m_keys[seed % 2], .max_keys = 6400, .agg = &agg, .naggs = 1 };
	struct c_style style;
	struct tsn_state *s, *t, *spoilt;
	static double first[1024];
	struct tsn_family_stats a, b;

	do
		c_agg(&r, &agg, canon);
	while (agg.fn != fns[seed / 2 % 4]);
	agg.extra_bytes = chance(&r, 50) ? 0 : 3000 + below(&r, 100000);
	c_style(&r, &style);
	style.hosts = 1 + seed % 5;
	c_rows(&r, &style, rows, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		rows[i].dst = tsn_addr_v4((uint32_t)below(&r, seed % 2 ? 50 : 2000));
	s = tsn_state_new(&def, 1, 1);
	t = tsn_state_new(&def, 1, 1);
	spoilt = tsn_state_new(&def, 1, 1);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 700) && c_fold(&bench, t, 0, &def, rows, 0, 700) &&
	    c_fold(&bench, spoilt, 0, &def, rows, 0, 700));
	copy_cells(t, s, spoilt);
	cr_assert(c_fold(&bench, spoilt, 0, &def, rows, 700, 1000));
	cr_assert(c_fold(&bench, s, 0, &def, rows, 700, 1000));
	memcpy(first, bench.out[0].f, sizeof(first));
	cr_assert(c_fold(&bench, t, 0, &def, rows, 700, 1000));
	for (uint32_t i = 0; i < 300; i++)
		cr_assert(!tsn_mask_has(&bench.out[0].known, i) || first[i] == bench.out[0].f[i], "seed %" PRIu64 " row %u", seed, i);
	tsn_state_stats(s, 0, &a);
	tsn_state_stats(t, 0, &b);
	cr_assert_eq(a.bytes, b.bytes, "seed %" PRIu64, seed);
	cr_assert_eq(a.evicted, b.evicted, "seed %" PRIu64, seed);
	tsn_state_free(spoilt);
	tsn_state_free(s);
	tsn_state_free(t);
}

Test(state_values, what_is_saved_goes_on_the_same, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	run_saved(118); /* a table larger than its members want any more */
	for (uint64_t seed = 0; seed < (getenv("TSN_SOAK") != NULL ? 600 : 25); seed++)
		run_saved(seed);
}
