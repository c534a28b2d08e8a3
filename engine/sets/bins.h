/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Where to begin to search among many ascending ranges: the space from the first end to the last is cut into about as
 * many equal bins as there are ranges, so that a bin has one or a few, however many there are in all. Used a stretch of
 * rows at a time: what a row needs from memory is asked for while others are looked at.
 */
#ifndef TSN_SETS_BINS_H
#define TSN_SETS_BINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_BINS_STRETCH 64u /* rows that are looked up side by side */

struct tsn_bins {
	uint32_t *first; /* of each bin: the first range that ends in it or behind it; one more at the end */
	uint64_t min, max;
	unsigned shift;
};

/* [end]: the n ends, ascending (equal ones may follow each other), n > 0; turned by [flip]. False when memory is out. */
bool tsn_bins_init(struct tsn_bins *b, const uint64_t *end, size_t n, uint64_t flip);
void tsn_bins_fini(struct tsn_bins *b);

static inline uint64_t
tsn_bins_of(const struct tsn_bins *b, uint64_t v)
{
	return (v < b->min ? 0 : v > b->max ? b->max - b->min : v - b->min) >> b->shift;
}

#endif
