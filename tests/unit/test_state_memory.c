/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Each allocation fails in turn: nothing leaks, what was folded stands, and it goes on when there is memory again. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "unit/state_bench.h"

static struct model model;
static struct m_row rows[M_ROWS];
static struct m_value want[M_AGGS];
static char canon[M_AGGS][64];

/*
 * A count first, which tells which rows were folded; at most one that allocates as it folds
 * (a second one may stop earlier than the first); no eviction, no disorder.
 */
static uint32_t
make_case(struct rng *r)
{
	struct c_style style = { .hosts = 300, .ports = 100, .gap = 100, .read = 20, .uncounted = 20,
		.base = 1767571200000 };
	bool distinct = false;

	do {
		distinct = false;
		c_family(r, &model, canon);
		model.agg[0].fn = TSN_AGG_COUNT;
		model.agg[0].real = false;
		for (uint32_t a = 1; a < model.def.naggs; a++) {
			distinct = distinct || tsn_agg_infos[model.agg[a].fn].tuple;
			if (tsn_agg_infos[model.agg[a].fn].tuple && a > 1)
				model.agg[a].fn = TSN_AGG_COUNT;
		}
	} while (!distinct && chance(r, 80));
	model.def.max_keys = UINT64_MAX;
	if (chance(r, 50)) { /* few groups of many members: sketches, panes that need their long form */
		model.def.key = m_keys[0];
		style.hosts = 5000;
		style.extreme = 20;
		style.gap = 10;
	}
	c_rows(r, &style, rows, M_ROWS);
	for (uint32_t i = 0; i < M_ROWS; i++) {
		rows[i].received = rows[i].time;
		if (model.def.key.n == 0)
			rows[i].dst = tsn_addr_v4((uint32_t)below(r, 600));
	}
	return M_ROWS;
}

/* One group of all has sketches here; where keys are many they stay exact. */
static bool
close_enough(uint32_t a, uint32_t row)
{
	const struct tsn_vector *out = &bench.out[a];

	if (c_same(out, row, &want[a]))
		return true;
	if (model.def.key.n != 0 || !tsn_mask_has(&out->known, row))
		return false;
	if (model.agg[a].fn == TSN_AGG_ENTROPY)
		return fabs(out->f[row] - want[a].f) < 0.6;
	return model.agg[a].fn == TSN_AGG_DISTINCT && llabs(out->i[row] - want[a].i) < 5 + want[a].i / 10;
}

/* Folds a batch; tells the model the rows that the engine took, and checks those. */
static bool
fold_and_compare(struct tsn_state *s, uint64_t seed, long k, uint32_t from, uint32_t to)
{
	bool ok = c_fold(&bench, s, 0, &model.def, rows, from, to), stopped = false;
	char key[M_TEXT];

	for (uint32_t i = from; i < to; i++) {
		bool active = (rows[i].counted || rows[i].read) && m_text(&model.def.key, &rows[i], key);
		bool folded = tsn_mask_has(&bench.out[0].known, i - from);

		cr_assert(!ok || folded == active);
		cr_assert(!stopped || !folded, "case %" PRIu64 ", failure %ld: row %u after the stop", seed, k, i);
		stopped = stopped || (active && !folded);
		if (!folded)
			continue;
		m_fold(&model, &rows[i], want, bench.scratch);
		for (uint32_t a = 0; a < model.def.naggs; a++)
			cr_assert(close_enough(a, i - from),
			    "case %" PRIu64 ", failure %ld, row %u, aggregate %u", seed, k, i, a);
	}
	return ok;
}

/* True while the k-th allocation exists. */
static bool
run_once(uint64_t seed, long k, bool sticky, uint32_t cut)
{
	struct rng r = { seed };
	uint32_t n = make_case(&r), failures = 0;
	struct tsn_state *s;

	s = c_failing_state(&model.def, model.seed, &k, sticky);
	if (s == NULL) {
		m_free(&model);
		return true;
	}
	for (uint32_t from = 0, to; from < n; from = to) {
		to = from + cut < n ? from + cut : n;
		if (failures == 0 || (sticky && failures < 3))
			tsn_mem_fail_at(k > 0 ? k : 0, sticky);
		failures += !fold_and_compare(s, seed, k, from, to);
		k -= tsn_mem_count();
		tsn_mem_fail_never();
		if (failures == 0 && k < 0)
			cr_assert(false, "case %" PRIu64 ": an allocation failed and nobody said so", seed);
	}
	tsn_state_free(s);
	m_free(&model);
	return failures > 0;
}

Test(state_memory, every_allocation_may_fail, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= (getenv("TSN_SOAK") != NULL ? 50 : 2); seed++) {
		long k = 0;

		while (run_once(5000000 + seed, k, seed & 1, seed % 3 == 0 ? 1 : 200))
			k += k > 60 ? 7 : 1;
		cr_assert_gt(k, 5);
	}
}

/* Counted in one pass, and beside that once more: known and new sources, twice. False where no allocation failed. */
static bool
count_twice(long k, bool sticky)
{
	struct tsn_agg_def agg[2] = {
		{ .canon = "a", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 },
		{ .canon = "b", .fn = TSN_AGG_COUNT, .window_ms = 30000, .pane_ms = 2000, .panes = 16 },
	};
	const struct tsn_family_def def = { .canon = "f", .key = m_keys[1], .max_keys = UINT64_MAX, .agg = agg, .naggs = 2 };
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	bool ok, failed, folded[M_ROWS];

	for (uint32_t i = 0; i < M_ROWS; i++)
		rows[i] = (struct m_row){ .has_src = true, .counted = true, .time = 1000, .received = 1000, .src = tsn_addr_v4(i % 2 ? i : i % 32) };
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 32));
	tsn_mem_fail_at(k, sticky);
	ok = c_fold(&bench, s, 0, &def, rows, 0, M_ROWS);
	failed = tsn_mem_count() > k;
	tsn_mem_fail_never();
	cr_assert(ok || failed);
	for (uint32_t i = 0; i < M_ROWS; i++) {
		folded[i] = tsn_mask_has(&bench.out[0].known, i);
		cr_assert(folded[i] == tsn_mask_has(&bench.out[1].known, i) && (!ok || folded[i]) && (i == 0 || folded[i - 1] || !folded[i]));
		cr_assert(!folded[i] || bench.out[0].i[i] == bench.out[1].i[i]);
	}
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, M_ROWS));
	for (uint32_t i = 1; i < M_ROWS; i += 2) {
		const int64_t most = i < 32 ? 3 : 2, least = most - !folded[i];

		cr_assert(bench.out[0].i[i] >= least && bench.out[0].i[i] <= most, "failure %ld, row %u", k, i);
		cr_assert_eq(bench.out[1].i[i], least, "failure %ld, row %u", k, i);
	}
	tsn_state_free(s);
	return failed;
}

Test(state_memory, one_pass_that_fails, .init = bench_begin, .fini = bench_end)
{
	for (int sticky = 0; sticky < 2; sticky++) {
		long k = 0;

		while (count_twice(k, sticky))
			k++;
		cr_assert_gt(k, 5);
	}
}

static uint32_t closed;

static bool
count_rows(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	(void)arg;
	(void)family;
	(void)agg;
	(void)start;
	closed += b->n;
	return true;
}

Test(state_memory, a_closing_that_fails_is_due_again, .init = bench_begin, .fini = bench_end)
{
	struct rng r = { 1 };
	struct c_style style = { .hosts = 300, .ports = 10, .gap = 1 };
	struct tsn_agg_def agg = { .canon = "a", .fn = TSN_AGG_COUNT, .tumbling = true, .closes = true,
		.window_ms = 60000, .pane_ms = 60000, .panes = 1 };
	struct tsn_family_def def = { .canon = "f", .key = m_keys[1], .max_keys = UINT64_MAX, .agg = &agg, .naggs = 1 };
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	struct tsn_family_stats stats;
	bool ok = false;

	c_rows(&r, &style, rows, M_ROWS);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, M_ROWS));
	tsn_state_stats(s, 0, &stats);
	cr_assert_gt(stats.groups, 100);
	for (long k = 0; !ok; k++) {
		cr_assert(tsn_state_close_due(s, 90000, 0));
		tsn_mem_fail_at(k, false);
		ok = tsn_state_close(s, 90000, 0, bench.scratch, count_rows, NULL);
		tsn_mem_fail_never();
		cr_assert(ok || closed == 0);
	}
	cr_assert_eq(closed, stats.groups);
	tsn_state_free(s);
}
