/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What save.c writes and load.c compares. */
#ifndef TSN_STATE_SAVED_H
#define TSN_STATE_SAVED_H

#include "state/family.h"

struct tsn_pack;

/* What cells were made for: of another shape they say nothing. */
void tsn_shape_of_family(const struct tsn_family_def *f, struct tsn_pack *out);
void tsn_shape_of_agg(const struct tsn_agg_def *a, struct tsn_pack *out);

/* Part [p] of the 64, where it lies. */
static inline struct tsn_family *
tsn_whole_holder(const struct tsn_whole *w, uint32_t p)
{
	return w->shard[p % w->n];
}

#endif
