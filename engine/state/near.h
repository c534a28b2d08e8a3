/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Panes of times that lie near each other, as those of a batch do: 24 days from a pane before the first go a short way. */
#ifndef TSN_STATE_NEAR_H
#define TSN_STATE_NEAR_H

#include "state/internal.h"

/* clock.c: around [time]. */
struct tsn_near tsn_near_of(const struct tsn_agg *a, int64_t time);

/* 0 if it is near. */
static inline uint64_t
tsn_near_beyond(const struct tsn_near *n, int64_t time)
{
	return ((uint64_t)time - n->base) >> n->reach;
}

static inline bool
tsn_near_has(const struct tsn_near *n, int64_t time)
{
	return tsn_near_beyond(n, time) == 0;
}

/* Of a time that is near. */
static inline uint64_t
tsn_near_pane(const struct tsn_near *n, int64_t time)
{
	return n->first + ((uint64_t)(uint32_t)((uint64_t)time - n->base) * n->factor >> n->shift);
}

#endif
