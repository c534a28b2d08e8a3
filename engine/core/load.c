/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules come into force. All that may fail is made beside what is in use; then
 * state, alerts and what waits move over, and nothing can go wrong any more.
 */
#include "base/mem.h"
#include "core/crew.h"
#include "core/dynamic.h"
#include "core/feedback.h"
#include "core/internal.h"
#include "core/reload.h"
#include "core/talks.h"

/* What is made for a ruleset before it can take the old one's place; allocates, so it may fail. */
struct next {
	const struct tsn_lanes *division; /* the ruleset's */
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct tsn_crew *crew;
	struct tsn_pair *pair;   /* if there was none and one is needed */
};

static void
free_lanes(struct tsn_lane *lane, uint32_t n)
{
	for (uint32_t i = 0; lane != NULL && i < n; i++)
		tsn_lane_fini(&lane[i]);
	tsn_free(lane);
}

/* Those who look into the machine while it runs, or get its rows, see it whole and in order. */
static unsigned
threads(const struct tsn_engine *e)
{
	return e->o.on_rows != NULL || e->o.on_probe != NULL || e->o.spent != NULL || e->o.threads < 2 ? 1 : e->o.threads;
}

/* Which dynamic sets are this lane's; those that nobody looks at are the first's. */
static bool
own_sets(struct tsn_lane *l, const struct tsn_lanes *d, uint32_t lane, uint32_t nsets)
{
	l->own_set = tsn_calloc(nsets + 1, sizeof(bool));
	for (uint32_t i = 0; l->own_set != NULL && i < nsets; i++)
		l->own_set[i] = d->lane_of_set[i] == lane || (d->lane_of_set[i] == TSN_LANE_NONE && lane == 0);
	return l->own_set != NULL;
}

/* One of several: with alerts and a memory of exporters of its own. */
static bool
make_lane(struct tsn_engine *e, struct tsn_ruleset *rs, struct next *n, uint32_t i)
{
	const struct tsn_lane_def *def = &n->division->lane[i];
	struct tsn_lane *l = &n->lane[i];

	l->own_exporters = tsn_exporters_new(TSN_ENGINE_EXPORTERS);
	l->own_alerts = tsn_alerts_new(TSN_ALERT_KEYS, tsn_crew_log(n->crew));
	if (l->own_exporters == NULL || l->own_alerts == NULL || !tsn_lane_init(l, &e->o, l->own_exporters, l->own_alerts))
		return false;
	l->key = &def->key;
	l->shard = def->shard;
	l->nshards = def->nshards;
	if (!own_sets(l, n->division, i, rs->module->nsets) || !tsn_lane_bind(l, rs, def->program) ||
	    !tsn_alerts_bind(l->alerts, def->program, (const struct tsn_set *const *)rs->sets, l->state))
		return false;
	tsn_alerts_own(l->alerts, def->rules, def->nrules, def->nshards);
	return true;
}

static bool
make_lanes(struct tsn_engine *e, struct tsn_ruleset *rs, struct next *n)
{
	n->division = tsn_ruleset_lanes(rs, threads(e));
	if (n->division == NULL)
		return false;
	n->nlanes = n->division->n;
	n->lane = tsn_calloc(n->nlanes, sizeof(*n->lane));
	if (n->lane == NULL)
		return false;
	if (threads(e) == 1)
		return tsn_lane_init(n->lane, &e->o, e->exporters, e->alerts) && tsn_lane_bind(n->lane, rs, rs->program);
	n->crew = tsn_crew_new(n->lane, n->nlanes, n->division->cost, e->alerts, &e->asides, &e->o);
	for (uint32_t i = 0; i < n->nlanes && n->crew != NULL; i++)
		if (!make_lane(e, rs, n, i))
			return false;
	return n->crew != NULL;
}

/* Of all lanes in one place, and back: for what is about all rules. */
static void
gather_alerts(struct tsn_engine *e)
{
	for (uint32_t i = 0; i < e->nlanes && e->crew != NULL; i++)
		tsn_alerts_gather(e->alerts, e->lane[i].alerts);
}

void
tsn_engine_scatter_alerts(struct tsn_engine *e, struct tsn_lane *lane, uint32_t n)
{
	if (lane->state != NULL)
		tsn_alerts_seed(e->alerts, tsn_state_seed(lane->state));
	for (uint32_t i = 0; i < n && lane->alerts != e->alerts; i += lane[i].nshards) {
		struct tsn_alerts *to[TSN_SHARDS_MAX];

		for (uint32_t k = 0; k < lane[i].nshards; k++)
			to[k] = lane[i + k].alerts;
		tsn_alerts_scatter(e->alerts, to, lane[i].nshards);
	}
	if (lane->alerts != e->alerts)
		tsn_alerts_openings_done(e->alerts);
}

/* What waits for the next tick names rules of the old program. Not before nearly all that may fail is done: else it waits on. */
static void
hear_feedback(struct tsn_engine *e)
{
	for (uint32_t i = 0; i < e->nlanes && e->ticked != TSN_TIME_NONE; i++)
		if (e->lane[i].feedback != NULL)
			tsn_feedback_tick(e->lane[i].feedback, &e->lane[i], e->ticked);
}

static bool
prepare(struct tsn_engine *e, struct tsn_ruleset *rs, struct next *n)
{
	const struct tsn_program *p = rs->program;

	if (e->pair == NULL && e->o.on_rows == NULL && tsn_program_pairs(p)) {
		n->pair = tsn_pair_new(rs->site.pair_ms, tsn_talks_entries(&rs->site), e->o.seed);
		if (n->pair == NULL)
			return false;
	}
	if (!make_lanes(e, rs, n) || !tsn_decoder_want(e->decoder, p->wanted, p->nwanted))
		return false;
	hear_feedback(e);
	gather_alerts(e);
	if (e->o.on_rows != NULL || tsn_alerts_bind(e->alerts, p, (const struct tsn_set *const *)rs->sets,
	    n->crew == NULL ? n->lane->state : NULL))
		return true;
	tsn_engine_scatter_alerts(e, e->lane, e->nlanes);
	/* the columns are those of the old program again; absent is better than another element */
	p = e->rules != NULL ? e->rules->program : NULL;
	if (p == NULL || !tsn_decoder_want(e->decoder, p->wanted, p->nwanted))
		tsn_decoder_want(e->decoder, NULL, 0);
	return false;
}

/* What was remembered stays, also over a change of the window. */
static bool
configure_dedup(struct tsn_engine *e, int64_t window_ms)
{
	if (window_ms > 0 && e->dedup != NULL) {
		tsn_dedup_set_window(e->dedup, window_ms);
	} else {
		tsn_dedup_free(e->dedup);
		e->dedup = window_ms > 0 ? tsn_dedup_new(window_ms, TSN_DEDUP_ENTRIES, e->o.seed) : NULL;
	}
	return window_ms == 0 || e->dedup != NULL;
}

void
tsn_engine_configure(struct tsn_engine *e, const struct tsn_site *site)
{
	if (!tsn_exporters_configure(e->exporters, site->exporters, site->nexporters))
		tsn_log(e->o.log, TSN_LOG_ERROR, "memory is out: the exporters' settings were not taken over");
	if (!configure_dedup(e, site->dedup_ms))
		tsn_log(e->o.log, TSN_LOG_ERROR, "memory is out: flows seen by two exporters count twice");
}

bool
tsn_engine_want(struct tsn_engine *e, const struct tsn_wanted *w, size_t n)
{
	return tsn_decoder_want(e->decoder, w, n);
}

/* What waits goes on waiting, as long as some rule is about conversations. */
static void
configure_pair(struct tsn_engine *e, struct tsn_pair *made, const struct tsn_ruleset *rs, const struct tsn_ruleset *old)
{
	if (made != NULL)
		e->pair = made;
	if (e->pair != NULL && !tsn_program_pairs(rs->program)) {
		tsn_pair_free(e->pair);
		e->pair = NULL;
	}
	if (e->pair == NULL)
		return;
	tsn_pair_set_wait(e->pair, rs->site.pair_ms);
	tsn_talks_carry(e->pair, rs->program, old != NULL ? old->program : NULL);
}

/* The new lanes take the place of the old ones. */
static void
put_lanes(struct tsn_engine *e, struct next *n, struct tsn_reload_report *report)
{
	if (e->rules != NULL)
		tsn_engine_take_over(n->lane, n->nlanes, e->lane, e->nlanes, e->stats.last, report);
	tsn_engine_scatter_alerts(e, n->lane, n->nlanes);
	for (uint32_t i = 0; i < e->nlanes; i++)
		if (e->lane[i].feedback != NULL)
			e->stats.feedback_lost += tsn_feedback_lost(e->lane[i].feedback);
	tsn_crew_free(e->crew);
	free_lanes(e->lane, e->nlanes);
	if (n->crew != NULL) /* when the old one's threads are gone: what there may be of them is limited */
		tsn_crew_start(n->crew, threads(e));
	e->crew = n->crew;
	e->lane = n->lane;
	e->nlanes = n->nlanes;
	e->division = n->division;
	for (uint32_t i = 0; i < e->nlanes; i++) {
		e->lane[i].ticked = e->ticked;
		e->lane[i].ticket = e->ticket;
	}
}

void
tsn_engine_look_at_lanes(struct tsn_engine *e)
{
	e->cuts = e->pair != NULL;
	e->grace = INT64_MAX;
	for (uint32_t i = 0; i < e->nlanes; i++) {
		int64_t grace;

		tsn_alerts_lateness(e->lane[i].alerts, e->rules->site.lateness_ms);
		grace = tsn_alerts_watch_grace(e->lane[i].alerts);
		e->grace = grace < e->grace ? grace : e->grace;
		e->cuts |= e->lane[i].waits;
	}
	tsn_alerts_lateness(e->alerts, e->rules->site.lateness_ms);
	tsn_engine_tell_lanes(e, true);
	if (e->crew != NULL)
		tsn_crew_look(e->crew, e->grace);
}

bool
tsn_engine_load(struct tsn_engine *e, struct tsn_ruleset *rs, struct tsn_reload_report *report)
{
	struct next n = { 0 };
	struct tsn_ruleset *old = e->rules;

	tsn_engine_flush(e);
	tsn_engine_tell_lanes(e, false);
	if (!prepare(e, rs, &n)) {
		tsn_crew_free(n.crew);
		free_lanes(n.lane, n.nlanes);
		tsn_pair_free(n.pair);
		return false;
	}
	tsn_engine_report_rules(old, rs, report);
	put_lanes(e, &n, report);
	e->rules = rs;
	if (old != NULL)
		tsn_dynamic_take_over(rs, old);
	configure_pair(e, n.pair, rs, old);
	tsn_engine_look_at_lanes(e);
	tsn_engine_configure(e, &rs->site);
	tsn_engine_choose_columns(e, rs->program);
	if (old != NULL && e->o.retired != NULL)
		e->o.retired(e->o.retired_arg, old);
	else
		tsn_ruleset_free(old);
	return true;
}
