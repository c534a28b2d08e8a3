/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What happens at ticks: windows close, ranks and samples are given, silences are found. */
#ifndef TSN_STATE_CLOSING_H
#define TSN_STATE_CLOSING_H

#include "state/family.h"

/* The rows that tsn_state_close is handing out. */
struct tsn_closing {
	const struct tsn_batch *batch; /* NULL: none */
	uint32_t family, agg;
	int64_t pane_ms;               /* of a window: its length, number and clock */
	uint64_t window;
	bool by_received;
};

/* closing of windows: close.c; windows below the result are due at [now] */
/* Of all groups the first window that is open, UINT64_MAX if none is. */
uint64_t tsn_close_first(const struct tsn_agg *a);
uint64_t tsn_close_limit(const struct tsn_agg_def *d, int64_t now, int64_t lateness);
int tsn_group_compare(const struct tsn_family_store *s, uint32_t a, uint32_t b);
/* The value part [i] of a group's key has; strings point into the key. */
void tsn_group_part(const struct tsn_family *f, uint32_t group, unsigned i, struct tsn_value *out);
/* Which of the shard's parts the row's key is of; false if it has none. */
bool tsn_part_of_row(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row, uint32_t *part);
/* The group of a row's key, without making it; TSN_GROUP_NONE if there is none. */
uint32_t tsn_group_of_row(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row);
/*
 * Values of a tumbling aggregate in one window for [n] <= TSN_BATCH_ROWS groups, into [out] by place; changes no state.
 * The groups of the batch folded last are forgotten.
 */
void tsn_values_of(struct tsn_state *s, struct tsn_agg *a, uint64_t window, const uint32_t *group, uint32_t n,
    struct tsn_vector *out);

/* rank.c */
struct tsn_ranked {
	int64_t order;      /* the larger comes first */
	uint64_t among;     /* groups with the same are ranked among themselves */
	uint32_t group;
	bool newly;         /* its window closes now: gets a rank */
};
/* All groups that have [window], with their values by tsn_values_of: gives the new ones their rank. */
void tsn_rank_window(struct tsn_agg *a, uint64_t window, struct tsn_ranked *v, uint32_t n);
uint64_t tsn_rank_among(const struct tsn_agg *a, uint32_t group);
void tsn_rank_closed(struct tsn_agg *a, uint64_t limit);
bool tsn_rank_due(const struct tsn_agg *a, uint64_t limit);

/* samples.c; of the owner only */
void tsn_samples_settle(struct tsn_family *f);
/* Room for a sample of [window]; then tsn_samples_put cannot fail. */
bool tsn_samples_room(struct tsn_agg *a, uint32_t group, uint64_t window);
void tsn_samples_put(struct tsn_agg *a, uint32_t group, uint64_t window, double value, bool known);
void tsn_samples_closed(struct tsn_agg *a, uint64_t limit);
bool tsn_samples_due(const struct tsn_agg *a, uint64_t limit);
/* Asks how exporters stood in the windows that close. */
void tsn_samples_ask(struct tsn_agg *a, uint64_t limit, int64_t lateness);
uint64_t tsn_samples_skipped(const struct tsn_agg *a);

/* absent.c: what is silent at [now] less lateness; [each] returns false to stop. */
bool tsn_silences_due(const struct tsn_agg *a, int64_t until);
bool tsn_silences_each(struct tsn_agg *a, int64_t until, bool (*each)(void *arg, uint32_t group, int64_t last), void *arg);
/* Disarms what tsn_silences_each gave, puts off what cannot be judged. */
void tsn_silences_settle(struct tsn_agg *a, int64_t until, int64_t now);
uint64_t tsn_silences_unknown(const struct tsn_agg *a);

#endif
