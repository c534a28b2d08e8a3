/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* One closing while it goes on: close.c gathers, sorts and hands out, close_learn.c gives ranks and samples. */
#ifndef TSN_STATE_CLOSER_H
#define TSN_STATE_CLOSER_H

#include "state/family.h"

struct tsn_close_due {
	uint64_t window;  /* 0: a silence */
	int64_t end;      /* without lateness, which is the same for all */
	uint32_t family, agg, group;
};

struct tsn_close_due_list {
	struct tsn_close_due *v;
	size_t n, cap;
};

/* Groups of one aggregate and window (silence: of one moment) that are handed out for [agg]. */
struct tsn_close_span {
	size_t from, to;
	uint32_t agg;
};

struct tsn_close_span_list {
	struct tsn_close_span *v;
	size_t n, cap;
};

struct tsn_closer {
	struct tsn_state *s;
	int64_t now, lateness, until; /* until: now less lateness */
	struct tsn_close_due_list list;
	struct tsn_close_span_list spans;
	struct tsn_ranked *ranked;    /* room for all groups of any family that ranks */
	struct tsn_vector values;
	/* of a family and aggregate, while it is gathered */
	uint32_t family, agg;
};

/* Of an aggregate about another one: it learns when a window of that one closes. */
static inline bool
tsn_closer_goes_by(const struct tsn_agg_def *d)
{
	return d->fn == TSN_AGG_RANK || d->fn == TSN_AGG_BASELINE || d->fn == TSN_AGG_SPREAD;
}

/* The first of the list behind [from] that is of another window. */
size_t tsn_closer_span_end(const struct tsn_close_due_list *list, size_t from);

/* Before memory is asked for: how exporters stood in the windows that close decides what samples there are. */
void tsn_closer_ask(struct tsn_closer *c);
/* All the memory that ranks and samples will need; what is made for samples changes nothing that is seen. */
bool tsn_closer_reserve(struct tsn_closer *c);
/* Ranks and samples of what was gathered. */
void tsn_closer_learn(struct tsn_closer *c);
/* The clock has moved past what was gathered. */
void tsn_closer_settle(struct tsn_closer *c);

#endif
