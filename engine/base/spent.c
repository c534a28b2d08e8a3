/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/spent.h"

#include <string.h>

#define ROUNDS 32
#define READINGS 32

/* Of many rounds the least: others were interrupted. Booking is measured with it, as it is done. */
static uint64_t
cost_of_reading(struct tsn_spent *s)
{
	uint64_t least = UINT64_MAX, took;

	for (int round = 0; round < ROUNDS; round++) {
		took = 0;
		tsn_spent_open(s, &took);
		for (int i = 0; i < READINGS; i++)
			tsn_spent_open(s, &took);
		s->account = NULL;
		least = took < least ? took : least;
	}
	return least / READINGS;
}

/* Since the last time it was asked; nearly all of that is of the long stretch that made us ask. */
uint64_t
tsn_spent_away(struct tsn_spent *s, uint64_t now, uint64_t passed)
{
	const uint64_t cpu = s->cpu(), wall = now - s->checked, ran = cpu - s->checked_cpu;
	uint64_t away = wall > ran ? wall - ran : 0;

	if (away > passed)
		away = passed;
	s->checked = now;
	s->checked_cpu = cpu;
	s->stage[TSN_STAGE_AWAY] += away;
	return away;
}

void
tsn_spent_start(struct tsn_spent *s, uint64_t (*now)(void), uint64_t (*cpu)(void), enum tsn_stage first)
{
	uint64_t reading;

	memset(s, 0, sizeof(*s));
	s->now = now;
	reading = cost_of_reading(s);
	memset(s->stage, 0, sizeof(s->stage));
	s->reading = reading;
	s->account = &s->stage[first];
	s->cpu = cpu;
	s->since = s->checked = now();
	s->checked_cpu = cpu != NULL ? cpu() : 0;
}
