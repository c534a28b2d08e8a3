/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of core/ share of the engine. Not for other rooms. */
#ifndef TSN_CORE_INTERNAL_H
#define TSN_CORE_INTERNAL_H

#include "core/engine.h"
#include "core/feedback.h"
#include "flow/dedup.h"
#include "flow/standing.h"
#include "pair/pair.h"

struct tsn_engine {
	struct tsn_engine_options o;
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct tsn_batch *batch, *tick_batch;
	struct tsn_batch_sink rows;     /* how decoders reach [batch] */
	struct tsn_alerts *alerts;
	struct tsn_sink **sinks;
	size_t nsinks;
	/* what is in force */
	struct tsn_ruleset *rules;      /* NULL: none */
	struct tsn_vm *vm;
	struct tsn_state *state;
	bool cuts;                      /* something may have to be done at any tick, so batches end there */
	bool expects;                   /* the rules are new: those who are expected to speak are still to be armed */
	int64_t ticked;                 /* the tick up to which all was done, TSN_TIME_NONE before the first */
	int64_t began;                  /* time of receipt before the first row of the batch */
	bool watching;                  /* the rows at hand are keys of alerts, and no matches */
	struct tsn_feedback *feedback;  /* NULL: no rule tells another, or a set, anything */
	uint64_t ticket;                /* of the next row */
	struct tsn_pair *pair;          /* NULL: no rule is about conversations */
	struct tsn_dedup *dedup;        /* NULL: off */
	bool stands;                    /* somebody looks at how exporters stand */
	bool in_message;                /* rows are being made of one message, whose exporter stands so: */
	struct tsn_standing standing;
	uint32_t settled;               /* rows of the batch that settle has seen */
	struct tsn_engine_stats stats;
};

/* engine.c */
void tsn_engine_run_batch(struct tsn_engine *e);
tsn_on_match tsn_engine_on_match;

/* ticks.c */
/* The clock was set: all up to it is taken to be done. */
void tsn_engine_ticks_from_clock(struct tsn_engine *e);
void tsn_engine_clock_of_record(void *arg, int64_t received);

static inline void
tsn_engine_run(struct tsn_engine *e, struct tsn_batch *b)
{
	tsn_vm_run(e->vm, b, e->state, (const struct tsn_set *const *)e->rules->sets, tsn_engine_on_match, e);
}

#endif
