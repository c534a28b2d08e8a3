/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The cells of sliding sums of integers; cells_compact.c. */
#ifndef TSN_STATE_COMPACT_H
#define TSN_STATE_COMPACT_H

#include "state/internal.h"

void tsn_compact_init(struct tsn_sums *s);
/* Bytes of a group that has grown, beside its cell. */
uint64_t tsn_compact_most(void);
/* All memory that [fold] will need. */
bool tsn_compact_reserve(struct tsn_agg *a, const struct tsn_fold *x);
/* The sums of the rows to x->total. */
void tsn_compact_fold(struct tsn_agg *a, struct tsn_fold *x);
void tsn_compact_reset(struct tsn_agg *a, uint32_t group);
void tsn_compact_fini(struct tsn_agg *a);

/* For saving and loading: the ring's head, and the lanes that it says are used; lanes first. False: memory is out. */
uint64_t tsn_compact_head(const struct tsn_agg *a, uint32_t group);
__int128 tsn_compact_lane(const struct tsn_agg *a, uint32_t group, uint32_t lane);
bool tsn_compact_put_lane(struct tsn_agg *a, uint32_t group, uint32_t lane, __int128 v);
void tsn_compact_put_head(struct tsn_agg *a, uint32_t group, uint64_t head);

#endif
