/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules come into force. All that takes time or memory is made beside what is in use, by whoever compiled them; then, between
 * two batches, the flows' thread exchanges the two, and what was in use is freed by whoever has the time.
 */
#include <string.h>

#include "base/mem.h"
#include "core/crew.h"
#include "core/dynamic.h"
#include "core/feedback.h"
#include "core/internal.h"
#include "core/reload.h"
#include "core/seats.h"
#include "core/talks.h"

_Static_assert(TSN_ALERT_STAGES >= TSN_LANES_MAX, "alerts of every lane are put in one order");

/* Before the switch what will be in force, after it what was. */
struct tsn_load {
	struct tsn_ruleset *rules;
	const struct tsn_lanes *division; /* the ruleset's */
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct tsn_alerts *alerts, **stage; /* see struct tsn_engine */
	struct tsn_seats *seats; /* of the lanes in the crew; NULL: there is none */
	/* if there was none and one is needed */
	struct tsn_crew *crew;
	struct tsn_pair *pair;
	struct tsn_dedup *dedup;
	/* how one goes on from the other */
	struct tsn_alert_succession *succession;
	struct tsn_state **to, **from;
	struct tsn_takeover *takeover; /* NULL: there were no rules before */
	bool same_exporters;     /* the site says of them what it said */
	/* behind the switch, to be told */
	const struct tsn_ruleset *now;
	int64_t last;            /* newest event time then */
};

void
tsn_lanes_fini(struct tsn_lane *lane, uint32_t n)
{
	for (uint32_t i = 0; lane != NULL && i < n; i++)
		tsn_lane_fini(&lane[i]);
	tsn_free(lane);
}

void
tsn_load_free(struct tsn_load *l)
{
	if (l == NULL)
		return;
	tsn_takeover_free(l->takeover);
	tsn_alerts_succession_free(l->succession);
	tsn_free(l->to);
	tsn_free(l->from);
	tsn_seats_free(l->seats);
	tsn_crew_free(l->crew);
	tsn_lanes_fini(l->lane, l->nlanes);
	tsn_alerts_free(l->alerts);
	tsn_free(l->stage);
	tsn_pair_free(l->pair);
	tsn_dedup_free(l->dedup);
	tsn_ruleset_free(l->rules);
	tsn_free(l);
}

/* --- aside --- */

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

static bool
bind_alerts(struct tsn_alerts *a, const struct tsn_ruleset *rs, const struct tsn_program *p, const struct tsn_state *s)
{
	if (!tsn_alerts_bind(a, p, (const struct tsn_set *const *)rs->sets, s))
		return false;
	if (s != NULL)
		tsn_alerts_seed(a, tsn_state_seed(s));
	return true;
}

/* One of several, with alerts and a memory of exporters of its own: that of an old lane, where there is one. */
static bool
make_lane(const struct tsn_engine *e, struct tsn_load *l, uint32_t i)
{
	const struct tsn_lane_def *def = &l->division->lane[i];
	const struct tsn_crew *crew = e->crew != NULL ? e->crew : l->crew;
	struct tsn_lane *lane = &l->lane[i];
	const bool has_exporters = e->crew != NULL && i < e->nlanes;

	lane->own_exporters = has_exporters ? NULL : tsn_exporters_new(TSN_ENGINE_EXPORTERS);
	lane->own_alerts = l->stage[i] = tsn_alerts_new(TSN_ALERT_KEYS, tsn_crew_log(crew));
	if ((!has_exporters && lane->own_exporters == NULL) || lane->own_alerts == NULL || !tsn_lane_init(lane, &e->o, lane->own_alerts))
		return false;
	lane->key = &def->key;
	lane->shard = def->shard;
	lane->nshards = def->nshards;
	if (!own_sets(lane, l->division, i, l->rules->module->nsets) || !tsn_lane_bind(lane, l->rules, def->program) ||
	    !tsn_lane_let_look(lane, threads(e)) ||
	    !bind_alerts(lane->alerts, l->rules, def->program, lane->state))
		return false;
	tsn_alerts_own(lane->alerts, def->rules, def->nrules, def->nshards);
	return true;
}

static bool
make_only_lane(const struct tsn_engine *e, struct tsn_load *l)
{
	const struct tsn_program *p = l->rules->program;

	l->stage[0] = l->alerts;
	return tsn_lane_init(l->lane, &e->o, l->alerts) && tsn_lane_bind(l->lane, l->rules, p) &&
	    (e->o.on_rows != NULL || bind_alerts(l->alerts, l->rules, p, l->lane->state));
}

static bool
make_lanes(struct tsn_engine *e, struct tsn_load *l)
{
	l->division = tsn_ruleset_lanes(l->rules, threads(e), e->rules);
	l->nlanes = l->division != NULL ? l->division->n : 0;
	l->lane = tsn_calloc(l->nlanes + (size_t)1, sizeof(*l->lane));
	l->stage = tsn_calloc(l->nlanes + (size_t)1, sizeof(struct tsn_alerts *));
	l->alerts = tsn_alerts_new(TSN_ALERT_KEYS, e->o.log);
	if (l->division == NULL || l->lane == NULL || l->stage == NULL || l->alerts == NULL)
		return false;
	if (threads(e) == 1)
		return make_only_lane(e, l);
	l->seats = tsn_seats_new(l->lane, l->nlanes, l->division->cost, l->alerts);
	if (l->seats == NULL || (e->crew == NULL && (l->crew = tsn_crew_new(threads(e), &e->asides, &e->o)) == NULL))
		return false;
	for (uint32_t i = 0; i < l->nlanes; i++)
		if (!make_lane(e, l, i))
			return false;
	if (!tsn_seats_share(l->seats))
		return false;
	return bind_alerts(l->alerts, l->rules, l->rules->program, NULL);
}

static bool
same_settings(const struct tsn_site *a, const struct tsn_site *b)
{
	bool same = a->nexporters == b->nexporters;

	for (uint32_t i = 0; same && i < a->nexporters; i++) {
		const struct tsn_exporter_setting *x = &a->exporters[i], *y = &b->exporters[i];

		same = tsn_addr_cmp(x->prefix.addr, y->prefix.addr) == 0 && x->prefix.len == y->prefix.len && x->sampling == y->sampling &&
		    x->allow == y->allow && (x->name == NULL) == (y->name == NULL) && (x->name == NULL || strcmp(x->name, y->name) == 0);
	}
	return same;
}

/* What there is once in an engine, and only if somebody asks for it. */
static bool
make_rest(const struct tsn_engine *e, struct tsn_load *l)
{
	const struct tsn_site *site = &l->rules->site;
	const bool pairs = e->pair == NULL && e->o.on_rows == NULL && tsn_program_pairs(l->rules->program);
	const bool dedups = e->dedup == NULL && site->dedup_ms > 0;

	l->same_exporters = e->rules != NULL && same_settings(site, &e->rules->site);
	if (pairs)
		l->pair = tsn_pair_new(site->pair_ms, tsn_talks_entries(site), e->o.seed);
	if (dedups)
		l->dedup = tsn_dedup_new(site->dedup_ms, TSN_DEDUP_ENTRIES, e->o.seed);
	return (!pairs || l->pair != NULL) && (!dedups || l->dedup != NULL);
}

static bool
find_succession(const struct tsn_engine *e, struct tsn_load *l)
{
	const struct tsn_alert_side now = { l->alerts, l->stage, l->nlanes, threads(e) > 1 ? l->division->lane_of : NULL };
	const struct tsn_alert_side old = { e->alerts, e->stage, e->nlanes, e->crew != NULL ? e->division->lane_of : NULL };

	l->succession = tsn_alerts_succession(&now, &old);
	if (e->rules == NULL || l->succession == NULL)
		return l->succession != NULL;
	l->to = tsn_reallocarray(NULL, l->nlanes, sizeof(struct tsn_state *));
	l->from = tsn_reallocarray(NULL, e->nlanes, sizeof(struct tsn_state *));
	if (l->to == NULL || l->from == NULL)
		return false;
	tsn_lanes_states(l->lane, l->nlanes, l->to);
	tsn_lanes_states(e->lane, e->nlanes, l->from);
	l->takeover = tsn_takeover_new(l->to, l->nlanes, l->from, e->nlanes);
	return l->takeover != NULL;
}

struct tsn_load *
tsn_engine_prepare(struct tsn_engine *e, struct tsn_ruleset *rs)
{
	struct tsn_load *l = tsn_calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->rules = rs;
	if (make_lanes(e, l) && make_rest(e, l) && find_succession(e, l))
		return l;
	l->rules = NULL;
	tsn_load_free(l);
	return NULL;
}

const struct tsn_ruleset *
tsn_load_ruleset(const struct tsn_load *l)
{
	return l->rules;
}

/* --- the switch --- */

/*
 * What rules told others since the last tick goes on waiting for the next, as if nothing had happened. Of rules that do not go on it
 * is heard now: there will be nobody to hear it.
 */
static void
hand_on_feedback(struct tsn_engine *e, struct tsn_load *l)
{
	tsn_alerts_openings_go_on(l->succession);
	for (uint32_t i = 0; i < e->nlanes; i++) {
		struct tsn_feedback *f = e->lane[i].feedback;

		for (uint32_t k = 0; f != NULL && k < l->nlanes; k++)
			if (l->lane[k].feedback != NULL)
				tsn_feedback_go_on(l->lane[k].feedback, f);
		if (f != NULL && e->ticked != TSN_TIME_NONE)
			tsn_feedback_tick(f, &e->lane[i], e->ticked);
		e->stats.feedback_lost += f != NULL ? tsn_feedback_lost(f) : 0;
	}
}

/* They are asked for as sums, so it does not matter which vm has them. */
static void
take_counts(struct tsn_lane *now, const struct tsn_lane *old, uint32_t nold)
{
	for (uint32_t i = 0; i < nold; i++)
		if (old[i].vm != NULL)
			tsn_vm_take_over(now->vm, old[i].vm);
}

/* With one lane it looks at the engine's own, with several each at what it has heard; a new one has heard nothing yet. */
static void
give_exporters(struct tsn_engine *e, struct tsn_load *l)
{
	for (uint32_t i = 0; i < l->nlanes; i++) {
		struct tsn_lane *lane = &l->lane[i];

		if (l->seats == NULL) {
			tsn_lane_look_at(lane, e->exporters);
			continue;
		}
		for (uint32_t k = 0; lane->own_exporters != NULL && k < tsn_exporters_count(e->exporters); k++)
			tsn_exporters_put(lane->own_exporters, k, &tsn_exporters_at(e->exporters, k)->presence);
		if (lane->own_exporters == NULL) {
			lane->own_exporters = e->lane[i].own_exporters;
			e->lane[i].own_exporters = NULL;
		}
		tsn_lane_look_at(lane, lane->own_exporters);
	}
}

#define EXCHANGE(what) do { \
		__typeof__(e->what) was = e->what; \
		e->what = l->what; \
		l->what = was; \
	} while (0)

static void
exchange(struct tsn_engine *e, struct tsn_load *l)
{
	EXCHANGE(rules);
	EXCHANGE(division);
	EXCHANGE(lane);
	EXCHANGE(nlanes);
	EXCHANGE(alerts);
	EXCHANGE(stage);
	if (e->crew == NULL)
		EXCHANGE(crew);
	if (e->crew != NULL)
		tsn_crew_seat(e->crew, l->seats);
	for (uint32_t i = 0; i < e->nlanes; i++) {
		e->lane[i].ticked = e->ticked;
		e->lane[i].ticket = e->ticket;
	}
}

/* What was remembered stays, also over a change of the window. */
static void
configure_dedup(struct tsn_engine *e, struct tsn_load *l)
{
	const int64_t window_ms = e->rules->site.dedup_ms;

	if ((e->dedup != NULL) != (window_ms > 0))
		EXCHANGE(dedup);
	else if (e->dedup != NULL)
		tsn_dedup_set_window(e->dedup, window_ms);
}

static void
configure_exporters(struct tsn_engine *e, const struct tsn_site *site)
{
	e->usual = NULL;
	if (!tsn_exporters_configure(e->exporters, site->exporters, site->nexporters))
		tsn_log(e->o.log, TSN_LOG_ERROR, "memory is out: the exporters' settings were not taken over");
}

/* What waits goes on waiting, as long as some rule is about conversations. */
static void
configure_pair(struct tsn_engine *e, struct tsn_load *l)
{
	const struct tsn_ruleset *rs = e->rules, *old = l->rules;

	if (l->pair != NULL || (e->pair != NULL && !tsn_program_pairs(rs->program)))
		EXCHANGE(pair);
	if (e->pair == NULL)
		return;
	tsn_pair_set_wait(e->pair, rs->site.pair_ms);
	tsn_talks_carry(e->pair, rs->program, old != NULL ? old->program : NULL);
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
	if (e->crew != NULL)
		tsn_crew_look(e->crew, e->grace);
}

static void
configure(struct tsn_engine *e, struct tsn_load *l)
{
	const struct tsn_program *p = e->rules->program;

	configure_pair(e, l);
	configure_dedup(e, l);
	if (!l->same_exporters)
		configure_exporters(e, &e->rules->site);
	tsn_decoder_want(e->decoder, p->wanted, p->nwanted);
	tsn_engine_choose_columns(e, p);
}

void
tsn_engine_switch(struct tsn_engine *e, struct tsn_load *l)
{
	tsn_engine_flush(e);
	tsn_engine_catch_up(e);
	tsn_engine_tell_lanes(e, false);
	hand_on_feedback(e, l);
	tsn_alerts_end_gone(l->succession);
	tsn_engine_flush_alerts(e);
	if (l->takeover != NULL)
		tsn_takeover_run(l->takeover);
	take_counts(l->lane, e->lane, e->nlanes);
	tsn_alerts_succeed(l->succession);
	give_exporters(e, l);
	if (e->rules != NULL)
		tsn_dynamic_take_over(l->rules, e->rules);
	exchange(e, l);
	configure(e, l);
	tsn_engine_look_at_lanes(e);
	l->now = e->rules;
	l->last = e->stats.last;
}

void
tsn_load_tell(const struct tsn_load *l, struct tsn_reload_report *report)
{
	tsn_reload_tell_rules(l->rules, l->now, report);
	if (l->takeover != NULL)
		tsn_reload_tell_state(l->takeover, l->last, report);
}

bool
tsn_engine_load(struct tsn_engine *e, struct tsn_ruleset *rs, struct tsn_reload_report *report)
{
	struct tsn_load *l = tsn_engine_prepare(e, rs);

	if (l == NULL)
		return false;
	tsn_engine_switch(e, l);
	if (report != NULL)
		tsn_load_tell(l, report);
	tsn_load_free(l);
	return true;
}

/* --- for others --- */

void
tsn_engine_configure(struct tsn_engine *e, const struct tsn_site *site)
{
	configure_exporters(e, site);
	if (site->dedup_ms == 0 || e->dedup != NULL)
		return;
	e->dedup = tsn_dedup_new(site->dedup_ms, TSN_DEDUP_ENTRIES, e->o.seed);
	if (e->dedup == NULL)
		tsn_log(e->o.log, TSN_LOG_ERROR, "memory is out: flows seen by two exporters count twice");
}

void
tsn_engine_want(struct tsn_engine *e, const struct tsn_wanted *w, size_t n)
{
	tsn_decoder_want(e->decoder, w, n);
}

/* The total's alerts, which were loaded there, go to the lanes that have those rules. */
void
tsn_engine_scatter_alerts(struct tsn_engine *e)
{
	tsn_alerts_seed(e->alerts, tsn_state_seed(e->lane->state));
	for (uint32_t i = 0; i < e->nlanes && e->crew != NULL; i += e->lane[i].nshards)
		tsn_alerts_scatter(e->alerts, &e->stage[i], e->lane[i].nshards);
	if (e->crew != NULL)
		tsn_alerts_openings_done(e->alerts);
}
