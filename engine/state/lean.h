/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A group with the lanes of a sliding count; cells_lean.c says how they are to be read. */
#ifndef TSN_STATE_LEAN_H
#define TSN_STATE_LEAN_H

#include "state/narrow.h"

struct tsn_lean {
	struct tsn_group group;
	uint8_t lane[TSN_LANES];
};

_Static_assert(sizeof(struct tsn_lean) == TSN_LEAN_BYTES, "two groups a line");

static inline struct tsn_lean *
tsn_lean_at(const struct tsn_agg *a, uint32_t group)
{
	return (struct tsn_lean *)tsn_group_at(&a->family->store, group);
}

static inline uint32_t
tsn_lean_beside(uint64_t newest)
{
	return (uint32_t)(newest + 4) & (TSN_LANES - 4);
}

/* The wide cell's index and one more, 0 if there is none. */
static inline uint32_t
tsn_lean_wide(const struct tsn_lean *r, uint64_t newest)
{
	uint32_t i = 0;

	if (r->lane[newest & (TSN_LANES - 1)] == 0)
		memcpy(&i, &r->lane[tsn_lean_beside(newest)], sizeof(i));
	return i;
}

/* A row that counts, by the long way, and one that looks; what they see. */
int64_t tsn_lean_add(struct tsn_agg *a, struct tsn_lean *r, uint64_t pane, int64_t time, uint32_t row);
int64_t tsn_lean_peek(const struct tsn_agg *a, const struct tsn_lean *r, uint64_t pane);

#endif
