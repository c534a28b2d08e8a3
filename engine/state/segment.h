/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A segment of a batch: entries whose groups are found together, and then folded into the aggregates one after the other. */
#ifndef TSN_STATE_SEGMENT_H
#define TSN_STATE_SEGMENT_H

#include <string.h>

#include "state/state.h"

#define TSN_GROUP_NONE UINT32_MAX
#define TSN_AHEAD 16 /* entries of a segment to prefetch ahead */

struct tsn_family;

#define TSN_MARKS 4096u

/* A set of groups by their low bits: it may say that one is in it that is not. Empty again in no time. */
struct tsn_met {
	uint16_t mark[TSN_MARKS], round;
};

static inline void
tsn_met_begin(struct tsn_met *m)
{
	if (++m->round == 0) {
		memset(m->mark, 0, sizeof(m->mark));
		m->round = 1;
	}
}

static inline void
tsn_met_add(struct tsn_met *m, uint32_t group)
{
	m->mark[group % TSN_MARKS] = m->round;
}

static inline bool
tsn_met_has(const struct tsn_met *m, uint32_t group)
{
	return m->mark[group % TSN_MARKS] == m->round;
}

/* A segment of a batch: rows whose groups are resolved and stay where they are. */
struct tsn_fold {
	struct tsn_family *family;
	const struct tsn_batch *batch;
	uint32_t from, to;       /* entries of [row] and [group] */
	const uint16_t *row;
	const uint32_t *group;   /* TSN_GROUP_NONE: a row that looks at a group that does not exist */
	union tsn_total *total;  /* by row, scratch */
	int64_t *count;          /* by row, scratch */
	bool learned;            /* tsn_state_learned was called */
	bool guarded;            /* for flows: of a guarded family (tsn_family_def), any value below the least will do */
	struct tsn_met *met;     /* groups of the segment, while it is resolved */
	uint32_t all;            /* rows of the batch, if all of them count; else 0 */
	bool counted;            /* in a lean count, when their groups were found */
};

union tsn_total {
	__int128 i;
	double f;
};

#endif
