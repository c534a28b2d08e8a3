/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* One value of one group: its family, and rows for it. */
#ifndef TESTS_STATE_VALUES_H
#define TESTS_STATE_VALUES_H

#include "unit/state_bench.h"

static struct m_row rows[1024];

static inline struct tsn_family_def
family(struct tsn_agg_def *agg, enum tsn_agg_fn fn, bool tumbling)
{
	*agg = (struct tsn_agg_def){ .canon = "agg", .fn = fn, .tumbling = tumbling, .window_ms = 60000,
		.pane_ms = tumbling ? 60000 : 4000, .panes = tumbling ? 1 : 16 };
	agg->tuple = fn == TSN_AGG_JITTER ? m_connection : m_tuples[0];
	return (struct tsn_family_def){ .canon = "family", .key = m_keys[1], .max_keys = 6400, .agg = agg, .naggs = 1 };
}

static inline struct m_row
row_of(uint32_t src, uint32_t dst, int64_t time)
{
	struct m_row r = { .has_src = true, .has_dst = true, .counted = true, .time = time, .received = time };

	r.src = tsn_addr_v4(src);
	r.dst = tsn_addr_v4(dst);
	return r;
}

#endif
