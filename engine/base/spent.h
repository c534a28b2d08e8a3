/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Where time goes. One account is open at a time; opening another books what has passed since to the one before, so that
 * all accounts together are the whole. Nothing here reads a clock: how is handed in, in nanoseconds. What a reading itself
 * takes is booked apart, and so is time in which the thread did not run.
 */
#ifndef TSN_BASE_SPENT_H
#define TSN_BASE_SPENT_H

#include <stddef.h>
#include <stdint.h>

enum tsn_stage {
	TSN_STAGE_READ,      /* reading the input and decoding it */
	TSN_STAGE_NORMALISE, /* the normal form, exporters, duplicates */
	TSN_STAGE_PAIR,      /* conversations */
	TSN_STAGE_MACHINE,   /* of the program what belongs to no rule: derived fields, the frame */
	TSN_STAGE_TICKS,     /* closing windows, what is due at a second */
	TSN_STAGE_ALERTS,    /* opening and ending alerts, but what a match costs its rule */
	TSN_STAGE_OUTPUT,    /* writing alerts */
	TSN_STAGE_MEASURE,   /* reading the clock */
	TSN_STAGE_AWAY,      /* the CPU was somebody else's, or the input was waited for */
	TSN_STAGES
};

struct tsn_spent {
	uint64_t (*now)(void);
	uint64_t (*cpu)(void); /* time in which this thread ran; dear to read. NULL: not asked */
	uint64_t checked, checked_cpu; /* when it was asked last */
	uint64_t *account;   /* open; NULL: none */
	uint64_t since, reading; /* the last reading; what one takes */
	uint64_t stage[TSN_STAGES];
};

/* Opens the account of a stage, from now on. Finds out what a reading takes. */
void tsn_spent_start(struct tsn_spent *s, uint64_t (*now)(void), uint64_t (*cpu)(void), enum tsn_stage first);
/* Of so much that passed until [now]: in how much the thread did not run. */
uint64_t tsn_spent_away(struct tsn_spent *s, uint64_t now, uint64_t passed);

#define TSN_SPENT_LONG 200000u /* from so many nanoseconds on it is asked whether the thread ran at all */

/* Opens another; the one that was open, to be opened again afterwards. */
static inline uint64_t *
tsn_spent_open(struct tsn_spent *s, uint64_t *account)
{
	uint64_t now = s->now(), passed = now - s->since, *before = s->account;
	uint64_t reading = passed < s->reading ? passed : s->reading;

	if (before != NULL) {
		if (passed > TSN_SPENT_LONG && s->cpu != NULL)
			passed -= tsn_spent_away(s, now, passed - reading);
		*before += passed - reading;
		s->stage[TSN_STAGE_MEASURE] += reading;
	} else if (s->cpu != NULL) { /* nobody asks about what was before */
		s->checked = now;
		s->checked_cpu = s->cpu();
	}
	s->since = now;
	s->account = account;
	return before;
}

/* The same for those who may have nobody to tell: [s] NULL. */
static inline uint64_t *
tsn_spent_stage(struct tsn_spent *s, enum tsn_stage stage)
{
	return s == NULL ? NULL : tsn_spent_open(s, &s->stage[stage]);
}

static inline void
tsn_spent_back(struct tsn_spent *s, uint64_t *account)
{
	if (s != NULL)
		tsn_spent_open(s, account);
}

#endif
