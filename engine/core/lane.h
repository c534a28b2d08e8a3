/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A lane: rules with all that they change, as a machine that takes the stream
 * of batches and ticks in order. What it does depends on that stream alone,
 * and it shares nothing mutable with other lanes, so it may be run by any
 * thread, by one at a time. With one thread there is one lane with all rules.
 * Private to core.
 */
#ifndef TSN_CORE_LANE_H
#define TSN_CORE_LANE_H

#include "compile/compile.h"
#include "core/engine.h"

struct tsn_feedback;
struct tsn_share;

/* What was found out of a batch by others than its lane. */
#define TSN_LOOKED 8u
struct tsn_looked {
	bool known;                      /* it is all that is to be told */
	uint32_t n;
	struct tsn_looked_match { uint32_t rule; struct tsn_mask rows; } match[TSN_LOOKED];
};

struct tsn_lane {
	const struct tsn_engine_options *o;
	struct tsn_ruleset *rules;       /* all of them, with the sets; NULL: none */
	const struct tsn_program *program; /* those of this lane, numbered as the whole program numbers them */
	struct tsn_vm *vm;
	struct tsn_state *state;
	struct tsn_alerts *alerts;
	struct tsn_spent own_spent;      /* of rules alone, where nobody looks at stages */
	struct tsn_feedback *feedback;   /* NULL: no rule tells another, or a set, anything */
	struct tsn_exporters *exporters; /* as they stood at the item at hand */
	/* the same if they are the lane's alone, else NULL */
	struct tsn_alerts *own_alerts;
	struct tsn_exporters *own_exporters;
	/* of a shard, else NULL and 1: it takes the rows of its parts of this key */
	const struct tsn_key_spec *key;
	uint32_t shard, nshards;
	/*
	 * Rules without state need not wait for the batch before: who prepares a batch looks, with a vm of his own, what they have to tell of
	 * it. Mostly it is nothing or little, and the lane has no more to do than to tell it; else it runs them again.
	 */
	struct tsn_vm **look;            /* by thread, made when first needed; NULL: nobody looks */
	unsigned nlook;
	bool replays;                    /* of matches nothing is told but their rows, so others may find them */
	_Atomic uint32_t told;           /* of the last batches, in LOUD parts: those that it would have run again */
	uint32_t nmatches;               /* of the batch at hand, that the lane has found itself */
	const struct tsn_looked *looked; /* all that is to be told of the batch at hand; NULL: nobody knows yet */
	_Atomic uint32_t shown;          /* rows in TSN_BATCH_ROWS that alerts showed, of the last batches */
	struct tsn_share *given;         /* its rows of the batch at hand, if the front has made them; else NULL */
	struct tsn_share *own_share;     /* of a shard: where it makes them itself */
	struct tsn_share *share;         /* at hand; NULL: the batch, whole */
	struct tsn_batch *tick_batch;
	struct tsn_batch *batch;         /* at hand */
	bool *own_set;             /* by slot: dynamic sets that are this lane's; NULL: all are */
	bool waits;                      /* something may have to be done at any tick: batches end there */
	bool expects;                    /* the rules are new: those who are expected to speak are still to be armed */
	bool watching;                   /* the rows at hand are keys of alerts, and no matches */
	int64_t tick;                    /* begun and not over, TSN_TIME_NONE: none */
	int64_t ticked;                  /* the tick up to which all was done, TSN_TIME_NONE before the first */
	uint64_t ticket;                 /* of the next row */
};

/* From zeros; without rules yet. Takes none of its arguments over; of a shard, [key] and the numbers are set behind it. False when memory is out. */
bool tsn_lane_init(struct tsn_lane *l, const struct tsn_engine_options *o, struct tsn_alerts *alerts);
/* What it needs for rules, made new: vm, state, feedback. False when memory is out. */
bool tsn_lane_bind(struct tsn_lane *l, struct tsn_ruleset *rs, const struct tsn_program *p);
/* From where it knows of exporters; before it runs. */
void tsn_lane_look_at(struct tsn_lane *l, struct tsn_exporters *x);
void tsn_lane_fini(struct tsn_lane *l);

/* What shares of the lane have to hold. NULL when memory is out. */
struct tsn_share *tsn_lane_share_new(const struct tsn_lane *l, bool away);
/* The program over a batch; over the lane's share of what comes from outside. */
void tsn_lane_run(struct tsn_lane *l, struct tsn_batch *b);
void tsn_lane_run_share(struct tsn_lane *l, struct tsn_batch *b);
/* What is to be told of the batch, if that can be known. By thread [by], of any batch. */
void tsn_lane_look(struct tsn_lane *l, unsigned by, struct tsn_batch *b, struct tsn_looked *out);
/* So many threads may look. False when memory is out. */
bool tsn_lane_let_look(struct tsn_lane *l, unsigned threads);
/* A batch of flows; [began], [clock]: time of receipt before and behind it. */
void tsn_lane_flows(struct tsn_lane *l, struct tsn_batch *b, int64_t began, int64_t clock);

/* --- ticks.c --- */

/* The next tick of (from, to] at which there is something to do, [to] if nothing comes before it. */
int64_t tsn_lane_next_tick(const struct tsn_lane *l, int64_t from, int64_t to);
/* A tick: it begins, conversations made at it come in batches, it ends. */
void tsn_lane_begin_tick(struct tsn_lane *l, int64_t tick);
void tsn_lane_talks(struct tsn_lane *l, struct tsn_batch *b);
void tsn_lane_end_tick(struct tsn_lane *l);
/* What the last flows set off is seen, as if it were a tick later; then windows close whatever the time. */
void tsn_lane_last_words(struct tsn_lane *l, int64_t tick);
void tsn_lane_close(struct tsn_lane *l);

#endif
