/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/bins.h"

#include "base/mem.h"

#define BINS_MAX (UINT64_C(1) << 22)

bool
tsn_bins_init(struct tsn_bins *b, const uint64_t *end, size_t n, uint64_t flip)
{
	uint64_t bins = 16;
	size_t i = 0;

	b->min = end[0] ^ flip;
	b->max = end[n - 1] ^ flip;
	while (bins < n && bins < BINS_MAX)
		bins *= 2;
	while ((b->max - b->min) >> b->shift >= bins)
		b->shift++;
	bins = ((b->max - b->min) >> b->shift) + 1;
	b->first = tsn_reallocarray(NULL, bins + 1, sizeof(*b->first));
	if (b->first == NULL)
		return false;
	for (uint64_t bin = 0; bin < bins; bin++) {
		while (i < n && (((end[i] ^ flip) - b->min) >> b->shift) < bin)
			i++;
		b->first[bin] = (uint32_t)i;
	}
	b->first[bins] = (uint32_t)n;
	return true;
}

void
tsn_bins_fini(struct tsn_bins *b)
{
	tsn_free(b->first);
}
