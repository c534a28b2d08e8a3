/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/engine.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/crew.h"
#include "core/internal.h"
#include "core/reload.h"
#include "vm/profile.h"
#include "sets/set.h"

#define STREAMS_MAX   65536u

struct tsn_engine *
tsn_engine_new(const struct tsn_engine_options *o)
{
	struct tsn_engine *e = tsn_calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->o = *o;
	e->stands = tsn_standing_wanted(&o->rows_read);
	e->grace = INT64_MAX;
	e->rows = (struct tsn_batch_sink){ tsn_engine_make_room, e, tsn_engine_clock_of_record };
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
	e->batch->cap = o->batch_rows > 0 && o->batch_rows <= TSN_BATCH_ROWS ? o->batch_rows : TSN_BATCH_ROWS;
	return e;
}

void
tsn_engine_free(struct tsn_engine *e)
{
	if (e == NULL)
		return;
	tsn_crew_free(e->crew);
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
