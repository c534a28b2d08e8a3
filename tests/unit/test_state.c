/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Windows against the definition: random families, flows and batch sizes. */
#include <criterion/criterion.h>

#include "unit/test_state_cases.h"

static struct c_bench bench;
static struct model model;
static struct m_row rows[M_ROWS];
static struct m_value want[M_ROWS][M_AGGS];

/* Sizes of the batches a case is cut into: 0 stands for a new random size each time. */
static const uint32_t cuts[] = { 1, 7, 1024, 0 };

static void
check_rows(uint64_t seed, uint32_t cut, const struct tsn_family_def *def, uint32_t from, uint32_t to)
{
	static const char *const name[] = { "count", "sum", "min", "max", "avg", "rate", "distinct" };

	for (uint32_t i = from; i < to; i++)
		for (uint32_t a = 0; a < def->naggs; a++)
			cr_assert(c_same(&bench.out[a], i - from, &want[i][a]),
			    "case %" PRIu64 ", batches of %u, row %u, aggregate %u (%s%s %s, window %" PRId64 "): "
			    "known %d not %d, %" PRId64 " not %" PRId64 ", %.17g not %.17g", seed, cut, i, a,
			    name[def->agg[a].fn], def->agg[a].real ? " real" : "", def->agg[a].tumbling ? "per" : "over",
			    def->agg[a].window_ms, tsn_mask_has(&bench.out[a].known, i - from), want[i][a].known,
			    bench.out[a].i[i - from], want[i][a].i, bench.out[a].f[i - from], want[i][a].f);
}

static void
run_engine(struct rng *r, uint64_t seed, uint32_t cut, uint32_t n)
{
	struct tsn_state *s = tsn_state_new(&model.def, 1, model.seed);
	struct tsn_family_stats stats;

	cr_assert_not_null(s);
	for (uint32_t from = 0, to; from < n; from = to) {
		to = from + (cut != 0 ? cut : 1 + (uint32_t)below(r, 150));
		to = to > n ? n : to;
		cr_assert(c_fold(&bench, s, 0, &model.def, rows, from, to));
		check_rows(seed, cut, &model.def, from, to);
	}
	tsn_state_stats(s, 0, &stats);
	cr_assert(c_same_stats(&stats, &model.stats),
	    "case %" PRIu64 ", batches of %u: groups %" PRIu64 "/%" PRIu64 " evicted %" PRIu64 "/%" PRIu64
	    " recycled %" PRIu64 "/%" PRIu64 " late %" PRIu64 "/%" PRIu64 " last %" PRId64 "/%" PRId64, seed, cut,
	    stats.groups, model.stats.groups, stats.evicted, model.stats.evicted, stats.recycled,
	    model.stats.recycled, stats.late, model.stats.late, stats.last_evicted, model.stats.last_evicted);
	tsn_state_free(s);
}

static void
run_case(uint64_t seed, uint32_t most)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct c_style style;
	uint32_t n = 1 + (uint32_t)below(&r, most);

	c_family(&r, &model, canon);
	c_style(&r, &style);
	c_rows(&r, &style, rows, n);
	for (uint32_t i = 0; i < n; i++)
		m_fold(&model, &rows[i], want[i], bench.scratch);
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
	m_free(&model);
}

static void
run_cases(uint64_t first, uint64_t count, uint32_t most)
{
	count *= getenv("TSN_SOAK") != NULL ? 20 : 1;
	bench.b = tsn_batch_new();
	bench.scratch = tsn_batch_new();
	cr_assert(bench.b != NULL && bench.scratch != NULL);
	for (uint64_t i = 0; i < count; i++)
		run_case(first + i, most);
	c_bench_fini(&bench);
}

Test(state, short_cases_equal_the_definition, .timeout = 600)
{
	run_cases(1, 1500, 60);
}

Test(state, long_cases_equal_the_definition, .timeout = 600)
{
	run_cases(1000000, 150, M_ROWS);
}
