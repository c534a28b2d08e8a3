/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/engine.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/crew.h"
#include "core/internal.h"
#include "core/reload.h"
#include "vm/profile.h"
#include "sets/set.h"

#define STREAMS_MAX   65536u

/*
 * A rule's alerts say more of flows than the rule reads. Of the few rows that match that may come from their records, where these
 * stay until the batch has been run; unless somebody else looks at the rows, too.
 */
void
tsn_engine_choose_columns(struct tsn_engine *e, const struct tsn_program *p)
{
	const bool alerts = e->o.on_rows == NULL || e->o.on_probe != NULL;

	e->read = e->o.rows_read;
	if (p != NULL)
		tsn_field_set_join(&e->read, &p->reads);
	e->early = e->read;
	if (alerts) {
		tsn_alert_needs(&e->read);
		tsn_alert_needs_early(&e->early);
	}
	tsn_batch_reads(&e->read);
	tsn_batch_reads(&e->early);
	e->columns = e->read;
	tsn_batch_needs(&e->columns);
	if (alerts || e->pair != NULL || e->dedup != NULL)
		e->read = e->columns;
	e->lates = !e->o.at_once && p != NULL && alerts && e->o.on_probe == NULL && e->o.on_rows == NULL && e->pair == NULL && e->dedup == NULL;
	if (!e->lates)
		e->early = e->read;
	e->stands = tsn_standing_wanted(&e->columns);
	tsn_engine_dress(e, e->batch);
}

#define SELDOM (TSN_BATCH_ROWS / 32) /* to read so many late rows costs what their columns do */

void
tsn_engine_dress(const struct tsn_engine *e, struct tsn_batch *b)
{
	uint32_t shown = 0;

	b->wanted = e->columns;
	b->read = e->read;
	b->early = e->early;
	for (uint32_t i = 0; i < e->nlanes && e->lates; i++)
		shown += atomic_load_explicit(&e->lane[i].shown, memory_order_relaxed);
	b->late.allowed = e->lates && shown <= SELDOM;
}

/* --- spare hands --- */

static bool
offer_aside(void *engine, const struct tsn_aside *a)
{
	struct tsn_engine *e = engine;

	return tsn_asides_offer(&e->asides, a);
}

static void
withdraw_aside(void *engine, const struct tsn_aside *a)
{
	struct tsn_engine *e = engine;

	tsn_asides_withdraw(&e->asides, a);
}

static void
call_hands(void *engine)
{
	struct tsn_engine *e = engine;

	if (e->crew != NULL)
		tsn_crew_call(e->crew);
}

const struct tsn_hands *
tsn_engine_hands(const struct tsn_engine *e)
{
	return e->crew != NULL ? &e->hands : NULL;
}

/* --- made and freed --- */

struct tsn_engine *
tsn_engine_new(const struct tsn_engine_options *o)
{
	struct tsn_engine *e = tsn_calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->o = *o;
	tsn_asides_init(&e->asides);
	e->hands = (struct tsn_hands){ offer_aside, withdraw_aside, call_hands, e };
	e->grace = INT64_MAX;
	e->rows = (struct tsn_batch_sink){ tsn_engine_make_room, e, tsn_engine_clock_of_record, tsn_engine_loses };
	e->stats.first = e->stats.last = e->stats.clock = e->ticked = e->began = TSN_TIME_NONE;
	e->exporters = tsn_exporters_new(TSN_ENGINE_EXPORTERS);
	e->batch = tsn_batch_new();
	e->talks = tsn_batch_new();
	e->lane = tsn_calloc(1, sizeof(*e->lane));
	e->nlanes = e->lane != NULL;
	e->alerts = tsn_alerts_new(TSN_ALERT_KEYS, o->log);
	e->stage = tsn_calloc(1, sizeof(struct tsn_alerts *));
	if (e->exporters != NULL)
		e->decoder = tsn_decoder_new(e->exporters, STREAMS_MAX);
	if (e->decoder == NULL || e->batch == NULL || e->talks == NULL || e->alerts == NULL || e->lane == NULL ||
	    e->stage == NULL || !tsn_lane_init(e->lane, &e->o, e->alerts)) {
		tsn_engine_free(e);
		return NULL;
	}
	e->stage[0] = e->alerts;
	tsn_lane_look_at(e->lane, e->exporters);
	tsn_batch_clear(e->talks, TSN_BATCH_TALKS);
	tsn_engine_choose_columns(e, NULL);
	e->batch->cap = o->batch_rows > 0 && o->batch_rows <= TSN_BATCH_ROWS ? o->batch_rows : TSN_BATCH_ROWS;
	return e;
}

void
tsn_engine_free(struct tsn_engine *e)
{
	if (e == NULL)
		return;
	tsn_crew_free(e->crew);
	tsn_later_forget(&e->later);
	tsn_lanes_fini(e->lane, e->nlanes);
	tsn_free(e->stage);
	tsn_alerts_free(e->alerts);
	tsn_ruleset_free(e->rules);
	tsn_decoder_free(e->decoder);
	tsn_dedup_free(e->dedup);
	tsn_pair_free(e->pair);
	tsn_exporters_free(e->exporters);
	tsn_batch_free(e->batch);
	tsn_batch_free(e->talks);
	tsn_free(e->sinks);
	tsn_asides_fini(&e->asides);
	tsn_free(e);
}

struct tsn_batch_sink *
tsn_engine_sink(struct tsn_engine *e)
{
	return &e->rows;
}

struct tsn_exporters *
tsn_engine_exporters(struct tsn_engine *e)
{
	return e->exporters;
}

/* --- sinks --- */

static bool
put_sinks(struct tsn_engine *e)
{
	tsn_engine_drain(e); /* lines are being made for those there are */
	return tsn_alerts_set_sinks(e->alerts, e->sinks, e->nsinks);
}

bool
tsn_engine_add_sink(struct tsn_engine *e, struct tsn_sink *sink)
{
	struct tsn_sink **v = tsn_reallocarray(e->sinks, e->nsinks + 1, sizeof(*v));

	if (v == NULL)
		return false;
	e->sinks = v;
	e->sinks[e->nsinks++] = sink;
	if (put_sinks(e))
		return true;
	e->nsinks--;
	return false;
}

void
tsn_engine_remove_sinks(struct tsn_engine *e)
{
	e->nsinks = 0;
	tsn_engine_drain(e);
	tsn_alerts_flush(e->alerts);
	put_sinks(e);
}

/* --- rules --- */

const struct tsn_ruleset *
tsn_engine_ruleset(const struct tsn_engine *e)
{
	return e->rules;
}

bool
tsn_engine_replace_set(struct tsn_engine *e, uint32_t slot, struct tsn_set *set)
{
	struct tsn_set *old;

	if (e->rules == NULL || slot >= e->rules->program->nsets)
		return false;
	tsn_engine_flush(e);
	old = e->rules->sets[slot];
	e->rules->sets[slot] = set;
	tsn_set_free(old);
	return true;
}

struct tsn_pair *
tsn_engine_pair(struct tsn_engine *e)
{
	return e->pair;
}
