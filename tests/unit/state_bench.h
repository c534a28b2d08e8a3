/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For suites of state/ with one bench: .init = bench_begin, .fini = bench_end. */
#ifndef TESTS_STATE_BENCH_H
#define TESTS_STATE_BENCH_H

#include <criterion/criterion.h>

#include "unit/test_state_cases.h"

static struct c_bench bench;

static inline void
bench_begin(void)
{
	bench.b = tsn_batch_new();
	bench.scratch = tsn_batch_new();
	cr_assert(bench.b != NULL && bench.scratch != NULL);
}

static inline void
bench_end(void)
{
	c_bench_fini(&bench);
}

/* Rows [from, to) as one batch, and one by one by the definition: they must agree. [times]: of what was done before. */
static inline void
bench_follow(struct tsn_state *s, struct model *model, const struct m_row *rows, uint32_t from, uint32_t to, uint64_t seed, int times)
{
	struct m_value want[M_AGGS];

	cr_assert(c_fold(&bench, s, 0, &model->def, rows, from, to));
	for (uint32_t i = from; i < to; i++) {
		m_fold(model, &rows[i], want, bench.scratch);
		for (uint32_t a = 0; a < model->def.naggs; a++)
			cr_assert(c_same(&bench.out[a], i - from, &want[a]), "case %" PRIu64 ", row %u, aggregate %u (%s), after %d times", seed, i, a,
			    tsn_agg_infos[model->agg[a].fn].name, times);
	}
}

/* [n] rows in batches of all sizes, between which the state is now and then replaced; the model goes at the end. */
static inline void
bench_replacing(struct rng *r, struct model *model, const struct m_row *rows, uint32_t n, uint64_t seed, unsigned percent,
    struct tsn_state *(*replace)(struct rng *, struct tsn_state *, int times))
{
	struct tsn_state *s = tsn_state_new(&model->def, 1, model->seed);
	struct tsn_family_stats stats;
	int times = 0;

	for (uint32_t from = 0, to; from < n; from = to) {
		to = from + 1 + (uint32_t)below(r, 60);
		to = to < n ? to : n;
		bench_follow(s, model, rows, from, to, seed, times);
		if (chance(r, percent))
			s = replace(r, s, ++times);
	}
	tsn_state_stats(s, 0, &stats);
	cr_assert(c_same_stats(&stats, &model->stats), "case %" PRIu64 ": statistics", seed);
	tsn_state_free(s);
	m_free(model);
}

#endif
