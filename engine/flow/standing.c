/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/standing.h"

#include "base/clock.h"

#define BIT(c) (UINT64_C(1) << TSN_XC_##c)

/* A field is the sum of these counters; the last one is no counter. */
static const struct { enum tsn_field field; uint64_t counters; } sums[TSN_STANDING_FIELDS - 1] = {
	{ TSN_F_EXPORTER_LOST, BIT(LOST) },
	{ TSN_F_EXPORTER_LOST_DATAGRAMS, BIT(LOST_DATAGRAMS) },
	{ TSN_F_EXPORTER_MALFORMED,
	    BIT(SHORT) | BIT(TRAILING) | BIT(COUNT) | BIT(BAD_TEMPLATE) | BIT(BAD_SET) | BIT(BAD_RECORD) | BIT(VERSION) },
	{ TSN_F_EXPORTER_MISSING_TEMPLATES, BIT(NO_TEMPLATE) },
	{ TSN_F_EXPORTER_RESTARTS, BIT(RESTARTS) },
	{ TSN_F_EXPORTER_SAMPLING_CHANGES, BIT(SAMPLING_CHANGES) },
	{ TSN_F_EXPORTER_DUPLICATES, BIT(DUPLICATES) },
};
_Static_assert(TSN_EXPORTER_COUNTER_COUNT <= 64, "a bit for each counter");

static enum tsn_field
field_of(int i)
{
	return i < TSN_STANDING_FIELDS - 1 ? sums[i].field : TSN_F_EXPORTER_SKEW;
}

bool
tsn_standing_wanted(const struct tsn_field_set *fields)
{
	for (int i = 0; i < TSN_STANDING_FIELDS; i++)
		if (tsn_field_set_has(fields, field_of(i)))
			return true;
	return false;
}

void
tsn_standing_take(struct tsn_standing *s, const struct tsn_exporter *x)
{
	for (int i = 0; i < TSN_STANDING_FIELDS - 1; i++) {
		uint64_t sum = 0;

		for (int c = 0; c < TSN_EXPORTER_COUNTER_COUNT; c++)
			if (sums[i].counters >> c & 1)
				sum += x->counter[c];
		s->v[i] = (int64_t)sum;
		s->known[i] = sum <= INT64_MAX;
	}
	s->v[TSN_STANDING_FIELDS - 1] = x->skew;
	s->known[TSN_STANDING_FIELDS - 1] = x->skew != TSN_TIME_NONE;
}

void
tsn_standing_put(const struct tsn_standing *s, struct tsn_batch *b, uint32_t from)
{
	for (int i = 0; i < TSN_STANDING_FIELDS; i++) {
		int64_t *v = b->col[field_of(i)];

		if (!s->known[i])
			continue;
		for (uint32_t row = from; row < b->n; row++)
			v[row] = s->v[i];
		tsn_mask_set_range(&b->present[field_of(i)], from, b->n - from);
	}
}
