/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What flows come to: the last line of show, top and exporters. */
#ifndef TSN_CLI_TOTALS_H
#define TSN_CLI_TOTALS_H

#include "cli/cli.h"
#include "base/clock.h"
#include "flow/batch.h"

/* The counter or the time of a flow; 0 and TSN_TIME_NONE where it is absent. */
static inline uint64_t
tsn_row_counter(const struct tsn_batch *b, enum tsn_field f, uint32_t row)
{
	return tsn_mask_has(&b->present[f], row) ? ((const uint64_t *)b->col[f])[row] : 0;
}

static inline int64_t
tsn_row_moment(const struct tsn_batch *b, enum tsn_field f, uint32_t row)
{
	return tsn_mask_has(&b->present[f], row) ? ((const int64_t *)b->col[f])[row] : TSN_TIME_NONE;
}

struct tsn_totals {
	uint64_t flows, packets, bytes;
	int64_t first, last; /* start of the earliest and end of the latest; TSN_TIME_NONE if untold */
};

#define TSN_TOTALS_INIT { .first = INT64_MIN, .last = INT64_MIN }

/* Adds what is added up to the fields that are read. */
void tsn_totals_reads(struct tsn_field_set *reads);
void tsn_totals_add(struct tsn_totals *t, const struct tsn_batch *b, uint32_t row);
/* "4554 flows, 50.3K packets, 45.3M bytes, 2026-... to 2026-..., 3.02M bit/s" and a newline on stderr, behind [before]. */
void tsn_totals_say(const struct tsn_totals *t, const char *before);

#endif
