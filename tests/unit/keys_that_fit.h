/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests and measurements of state/. */
#ifndef TESTS_KEYS_THAT_FIT_H
#define TESTS_KEYS_THAT_FIT_H

#include "state/state.h"

/* The most groups of the family, with what they take while they grow, for which [memory] is enough: its max_keys from now on. */
static inline uint64_t
keys_that_fit(struct tsn_family_def *def, uint64_t memory)
{
	uint64_t keys = 64;
	struct tsn_cost c;

	for (uint64_t step = UINT64_C(1) << 28; step >= 64; step /= 2) {
		def->max_keys = keys + step;
		tsn_state_cost(def, &c);
		if (c.fixed + c.group * def->max_keys + c.growing <= memory)
			keys += step;
	}
	return def->max_keys = keys;
}

#endif
