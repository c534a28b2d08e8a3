/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What stands behind values, for people: each function tells its own. */
#include "base/clock.h"
#include "state/internal.h"

uint32_t
tsn_state_notes(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b, uint32_t row,
    struct tsn_note *out, uint32_t max)
{
	const struct tsn_family *f = &s->family[family];
	const struct tsn_agg *a = &f->agg[agg];

	return a->ops->notes == NULL ? 0 : a->ops->notes(f, a, b, row, out, max);
}

void
tsn_state_learning(const struct tsn_state *s, uint32_t family, uint32_t agg, struct tsn_learning *out)
{
	const struct tsn_family *f = &s->family[family];
	const struct tsn_agg *a = &f->agg[agg];

	*out = (struct tsn_learning){ .until = TSN_TIME_NONE };
	if (a->ops->learning != NULL)
		a->ops->learning(f, a, out);
}

void
tsn_state_learned(struct tsn_state *s)
{
	s->learned = true;
}
