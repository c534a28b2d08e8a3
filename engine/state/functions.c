/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The functions: one row each, and a file that says what its cells are. */
#include "state/internal.h"

static const struct tsn_agg_ops *const functions[] = {
	[TSN_AGG_COUNT] = &tsn_count_ops,
	[TSN_AGG_SUM] = &tsn_sum_ops,
	[TSN_AGG_MIN] = &tsn_extreme_ops,
	[TSN_AGG_MAX] = &tsn_extreme_ops,
	[TSN_AGG_AVG] = &tsn_avg_ops,
	[TSN_AGG_RATE] = &tsn_rate_ops,
	[TSN_AGG_DISTINCT] = &tsn_distinct_ops,
	[TSN_AGG_ABSENT] = &tsn_absent_ops,
	[TSN_AGG_RANK] = &tsn_rank_ops,
	[TSN_AGG_BASELINE] = &tsn_baseline_ops,
	[TSN_AGG_SPREAD] = &tsn_baseline_ops,
	[TSN_AGG_FRESH] = &tsn_fresh_ops,
	[TSN_AGG_SINCE] = &tsn_since_ops,
	[TSN_AGG_SEQUENCE] = &tsn_sequence_ops,
	[TSN_AGG_STDDEV] = &tsn_stddev_ops,
	[TSN_AGG_ENTROPY] = &tsn_entropy_ops,
	[TSN_AGG_JITTER] = &tsn_jitter_ops,
};

const struct tsn_agg_ops *
tsn_agg_ops(enum tsn_agg_fn fn)
{
	return functions[fn];
}

const struct tsn_agg_info tsn_agg_infos[TSN_AGG_FN_COUNT] = {
#define AGG(sym, name, arg, result, tuple, grows) { name, arg, TSN_AGG_##result, tuple, grows },
#include "state/aggregates.def"
#undef AGG
};
