/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of core/ share of the engine. Not for other rooms. */
#ifndef TSN_CORE_INTERNAL_H
#define TSN_CORE_INTERNAL_H

#include "base/clock.h"
#include "core/engine.h"
#include "compile/lanes.h"
#include "core/asides.h"
#include "core/lane.h"
#include "decode/later.h"
#include "flow/dedup.h"
#include "flow/standing.h"
#include "pair/pair.h"

#define TSN_ENGINE_EXPORTERS 65536u

struct tsn_crew;

/*
 * The engine is the front, through which everything comes in order, and the lanes behind it, which do what rules ask for.
 * The front is all here but [lane].
 */
struct tsn_engine {
	struct tsn_engine_options o;
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct tsn_batch *batch;        /* being filled */
	struct tsn_batch *talks;        /* conversations on their way to the lanes */
	struct tsn_field_set columns;   /* the fields of flows that decoders fill, and... */
	/* ...those of them that are read once all is in normal form, of these the ones that are not late, and whether any are late: see flow/batch.h */
	struct tsn_field_set read, early;
	bool lates;
	struct tsn_batch_sink rows;     /* how decoders reach [batch] */
	struct tsn_later later;         /* if it has messages, [batch] is empty but for the number of their rows */
	bool adds_later;
	unsigned mixed;                 /* so many more messages are not left for later, for others come in between */
	const struct tsn_exporter *usual; /* the last exporter whose messages could wait, NULL: none */
	struct tsn_sink **sinks;
	size_t nsinks;
	struct tsn_ruleset *rules;      /* in force; NULL: none */
	struct tsn_alerts *alerts;      /* those of all rules: of the only lane, or where those of all lanes come together */
	struct tsn_lane *lane;
	struct tsn_alerts **stage;      /* of the lanes */
	uint32_t nlanes;                /* at least 1, also without rules */
	const struct tsn_lanes *division; /* of the rules among them, and the rules' own; NULL: no rules */
	struct tsn_asides asides;       /* what the crew's threads may do besides */
	struct tsn_hands hands;
	struct tsn_crew *crew;          /* who runs the lanes; NULL: there is one, called directly */
	int64_t grace;                  /* the least of their tsn_alerts_watch_grace */
	bool cuts;                      /* something may have to be done at any tick, so batches end there */
	int64_t ticked;                 /* the tick up to which all was done, TSN_TIME_NONE before the first */
	int64_t began;                  /* the clock before the first row of the batch */
	bool shown;                     /* where it stands follows from that and the rows */
	uint64_t ticket;                /* of the next row */
	struct tsn_pair *pair;          /* NULL: no rule is about conversations */
	struct tsn_dedup *dedup;        /* NULL: off */
	bool stands;                    /* somebody looks at how exporters stand */
	bool in_message;                /* rows are being made of one message, whose exporter stands so: */
	struct tsn_standing standing;
	uint32_t settled;               /* rows of the batch that settle has seen */
	struct tsn_engine_stats stats;
};

static inline int64_t
tsn_second_of(int64_t ms)
{
	return ms - ((ms % TSN_SECOND) + TSN_SECOND) % TSN_SECOND;
}

/* The first tick at or after [ms]. */
static inline int64_t
tsn_tick_from(int64_t ms)
{
	if (ms > INT64_MAX - TSN_SECOND)
		return INT64_MAX;
	return ms < INT64_MIN + TSN_SECOND ? ms : tsn_second_of(ms + TSN_SECOND - 1);
}

/* Tells a batch that is to be filled what of. */
void tsn_engine_dress(const struct tsn_engine *e, struct tsn_batch *b);

/* Chooses [columns] for those who look at rows and program [p], which may be NULL. [batch] is empty. */
void tsn_engine_choose_columns(struct tsn_engine *e, const struct tsn_program *p);
/* front.c */
struct tsn_batch *tsn_engine_make_room(void *engine);
void tsn_engine_clock_of_record(void *engine, int64_t received);
void tsn_engine_loses(void *engine, const struct tsn_exporter *x, int64_t received);
void tsn_engine_run_batch(struct tsn_engine *e);
/* False: nobody may look into a message of this sender, nor enter its exporter. */
bool tsn_engine_allows(const struct tsn_engine *e, const struct tsn_sender *from);
void tsn_engine_note_times(struct tsn_engine *e, const struct tsn_batch *b);
/* front_later.c: the batch is sent with its rows still to be made; or they are made, because others come behind them. */
void tsn_engine_send_later(struct tsn_engine *e);
void tsn_engine_fill_now(struct tsn_engine *e);
/* Lanes are through all that was sent, and nobody runs them. */
void tsn_engine_drain(const struct tsn_engine *e);
/* All is evaluated; ticks up to the clock are over. */
void tsn_engine_catch_up(struct tsn_engine *e);
/* What alerts of such lanes wait to tell goes to the sinks. */
void tsn_engine_flush_alerts(struct tsn_engine *e);
/* Lanes that nobody runs hear how the exporters stand that changed, or [all]. */
void tsn_engine_tell_lanes(struct tsn_engine *e, bool all);
/* The clock was set: all up to it is taken to be done. */
void tsn_engine_ticks_from_clock(struct tsn_engine *e);


/* load.c, for whoever fills lanes that nobody runs */
/* Alerts of all rules go to the lanes that have those rules. */
void tsn_engine_scatter_alerts(struct tsn_engine *e);
/* What the front must know of the lanes, and they of the site. */
void tsn_engine_look_at_lanes(struct tsn_engine *e);

#endif
