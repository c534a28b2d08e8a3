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
};

const struct tsn_agg_ops *
tsn_agg_ops(enum tsn_agg_fn fn)
{
	return functions[fn];
}
