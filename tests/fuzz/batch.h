/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For fuzz targets of what makes rows: what every batch keeps to. */
#ifndef TESTS_FUZZ_BATCH_H
#define TESTS_FUZZ_BATCH_H

#include "flow/batch.h"
#include "fuzz/fuzz.h"

/* No field has a bit beyond the rows that there are. */
static inline void
fuzz_masks_end_with(const struct tsn_batch *b, const struct tsn_mask *rows)
{
	for (int w = 0; w < TSN_MASK_WORDS; w++) {
		for (int f = 0; f < TSN_FIELD_COUNT; f++)
			REQUIRE((b->present[f].w[w] & ~rows->w[w]) == 0);
		for (int a = 0; a < TSN_ADDR_FIELDS; a++)
			REQUIRE((b->addr[a].is_v4.w[w] & ~rows->w[w]) == 0);
	}
}

/* Where both times of a flow are told, they are in order. */
static inline void
fuzz_times_in_order(const struct tsn_batch *b)
{
	const int64_t *start = b->col[TSN_F_START], *end = b->col[TSN_F_END];

	for (uint32_t i = 0; i < b->n; i++)
		REQUIRE(!tsn_mask_has(&b->present[TSN_F_START], i) || !tsn_mask_has(&b->present[TSN_F_END], i) || start[i] <= end[i]);
}

#endif
