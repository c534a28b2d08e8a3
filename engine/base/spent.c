/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/spent.h"

#include <string.h>

#define READINGS 1000

/* The least of many: the others were interrupted. */
static uint64_t
cost_of_reading(uint64_t (*now)(void))
{
	uint64_t least = UINT64_MAX, last = now();

	for (int i = 0; i < READINGS; i++) {
		uint64_t t = now();

		least = t - last < least ? t - last : least;
		last = t;
	}
	return least;
}

void
tsn_spent_start(struct tsn_spent *s, uint64_t (*now)(void), enum tsn_stage first)
{
	memset(s, 0, sizeof(*s));
	s->now = now;
	s->reading = cost_of_reading(now);
	s->account = &s->stage[first];
	s->since = now();
}
