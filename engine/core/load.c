/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules come into force. All that may fail is made beside what is in use; then
 * state, alerts and what waits move over, and nothing can go wrong any more.
 */
#include "base/mem.h"
#include "core/dynamic.h"
#include "core/feedback.h"
#include "core/internal.h"
#include "core/reload.h"
#include "core/talks.h"

/* What is made for a ruleset before it can take the old one's place; allocates, so it may fail. */
struct next {
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct tsn_pair *pair;   /* if there was none and one is needed */
};

static void
free_lanes(struct tsn_lane *lane, uint32_t n)
{
	for (uint32_t i = 0; lane != NULL && i < n; i++)
		tsn_lane_fini(&lane[i]);
	tsn_free(lane);
}

static bool
make_lanes(struct tsn_engine *e, struct tsn_ruleset *rs, struct next *n)
{
	n->nlanes = 1;
	n->lane = tsn_calloc(n->nlanes, sizeof(*n->lane));
	if (n->lane == NULL)
		return false;
	return tsn_lane_init(n->lane, &e->o, e->exporters, e->alerts) && tsn_lane_bind(n->lane, rs, rs->program);
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
	if (e->o.on_rows != NULL || tsn_alerts_bind(e->alerts, p, (const struct tsn_set *const *)rs->sets, n->lane->state))
		return true;
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
	if (e->lane->state != NULL)
		tsn_engine_take_over(n->lane->state, e->lane->state, e->stats.last, report);
	if (e->lane->vm != NULL)
		tsn_vm_take_over(n->lane->vm, e->lane->vm);
	for (uint32_t i = 0; i < e->nlanes; i++)
		if (e->lane[i].feedback != NULL)
			e->stats.feedback_lost += tsn_feedback_lost(e->lane[i].feedback);
	free_lanes(e->lane, e->nlanes);
	e->lane = n->lane;
	e->nlanes = n->nlanes;
	for (uint32_t i = 0; i < e->nlanes; i++) {
		e->lane[i].ticked = e->ticked;
		e->lane[i].ticket = e->ticket;
	}
}

/* What waits for the next tick names rules of the old program. */
static void
hear_feedback(struct tsn_engine *e)
{
	for (uint32_t i = 0; i < e->nlanes && e->ticked != TSN_TIME_NONE; i++)
		if (e->lane[i].feedback != NULL)
			tsn_feedback_tick(e->lane[i].feedback, &e->lane[i], e->ticked);
}

bool
tsn_engine_load(struct tsn_engine *e, struct tsn_ruleset *rs, struct tsn_reload_report *report)
{
	struct next n = { 0 };
	struct tsn_ruleset *old = e->rules;

	tsn_engine_run_batch(e);
	hear_feedback(e);
	if (!prepare(e, rs, &n)) {
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
	e->cuts = e->pair != NULL;
	for (uint32_t i = 0; i < e->nlanes; i++) {
		tsn_alerts_lateness(e->lane[i].alerts, rs->site.lateness_ms);
		e->cuts |= e->lane[i].waits;
	}
	tsn_engine_configure(e, &rs->site);
	e->stands = tsn_standing_wanted(&e->o.rows_read) || tsn_standing_wanted(&rs->program->reads);
	if (old != NULL && e->o.retired != NULL)
		e->o.retired(e->o.retired_arg, old);
	else
		tsn_ruleset_free(old);
	return true;
}
