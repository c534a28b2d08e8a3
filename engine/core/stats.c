/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the engine says of itself: sums over its lanes. */
#include "base/mem.h"
#include "core/feedback.h"
#include "core/internal.h"
#include "core/reload.h"
#include "vm/profile.h"

void
tsn_engine_stats(const struct tsn_engine *e, struct tsn_engine_stats *out)
{
	struct tsn_vm_counters c = { 0 };

	tsn_engine_drain(e);
	*out = e->stats;
	for (uint32_t i = 0; i < e->nlanes; i++) {
		const struct tsn_lane *l = &e->lane[i];

		if (l->vm != NULL)
			tsn_vm_counters(l->vm, &c);
		out->lost_to_memory += c.out_of_memory;
		out->feedback_lost += l->feedback != NULL ? tsn_feedback_lost(l->feedback) : 0;
	}
	if (e->dedup != NULL)
		out->dedup_forgotten = tsn_dedup_forgotten(e->dedup);
	if (e->pair != NULL) {
		struct tsn_pair_stats t;

		tsn_pair_stats(e->pair, &t);
		out->talks = t.talks, out->talks_open = t.open, out->talks_refused = t.refused;
	}
}

void
tsn_engine_kept_out(const struct tsn_engine *e, uint32_t rule, struct tsn_kept_out *out)
{
	tsn_engine_drain(e);
	*out = (struct tsn_kept_out){ 0 };
	for (uint32_t i = 0; i < e->nlanes; i++) {
		struct tsn_kept_out n;

		tsn_vm_kept_out(e->lane[i].vm, rule, &n);
		out->hidden += n.hidden;
		out->outside += n.outside;
	}
}

static void
add_profile(const struct tsn_engine *e, uint32_t lane, const struct tsn_profile *one, struct tsn_profile *all)
{
	const struct tsn_program *p = e->lane[lane].program;

	for (uint32_t i = 0; i < p->nrules; i++) {
		all->rules[i].tests += one->rules[i].tests;
		all->rules[i].windows += one->rules[i].windows;
		all->rules[i].alerts += one->rules[i].alerts;
		all->rules[i].rows += one->rules[i].rows;
	}
	for (uint32_t i = 0; i < p->nfamilies; i++) {
		struct tsn_family_cost *f = &all->families[e->division->lane[lane].family[i]];

		f->time += one->families[i].time;
		f->rows += one->families[i].rows;
		f->looked += one->families[i].looked;
		f->rules = one->families[i].rules;
	}
	all->rest += one->rest;
	all->batches = one->batches;
	all->timed = one->timed;
}

/* Of several lanes without instructions: each has its own. */
bool
tsn_engine_profile(const struct tsn_engine *e, struct tsn_profile *out)
{
	bool ok = e->rules != NULL;

	tsn_engine_drain(e);
	if (e->crew == NULL)
		return ok && tsn_vm_profile(e->lane->vm, out);
	*out = (struct tsn_profile){ 0 };
	out->rules = tsn_calloc(e->rules->program->nrules + (size_t)1, sizeof(*out->rules));
	out->families = tsn_calloc(e->rules->program->nfamilies + (size_t)1, sizeof(*out->families));
	ok = out->rules != NULL && out->families != NULL;
	for (uint32_t i = 0; ok && i < e->nlanes; i++) {
		struct tsn_profile one;

		ok = tsn_vm_profile(e->lane[i].vm, &one);
		if (ok)
			add_profile(e, i, &one, out);
		if (ok)
			tsn_profile_fini(&one);
	}
	if (!ok)
		tsn_profile_fini(out);
	return ok;
}

void
tsn_engine_counts(const struct tsn_engine *e, uint32_t rule, struct tsn_alert_counts *out)
{
	struct tsn_alert_counts n;

	tsn_engine_drain(e);
	tsn_alerts_counts(e->alerts, rule, out);
	for (uint32_t i = 0; i < e->nlanes && e->crew != NULL; i++) {
		tsn_alerts_counts(e->lane[i].alerts, rule, &n);
		tsn_alert_counts_add(out, &n);
	}
}

void
tsn_engine_totals(const struct tsn_engine *e, struct tsn_alert_counts *out)
{
	struct tsn_alert_counts n;

	tsn_engine_drain(e);
	tsn_alerts_totals(e->alerts, out);
	for (uint32_t i = 0; i < e->nlanes && e->crew != NULL; i++) {
		tsn_alerts_totals(e->lane[i].alerts, &n);
		tsn_alert_counts_add(out, &n);
	}
}

void
tsn_engine_family(const struct tsn_engine *e, uint32_t family, struct tsn_family_stats *out)
{
	struct tsn_state *s[TSN_LANES_MAX];

	tsn_engine_drain(e);
	tsn_lanes_states(e->lane, e->nlanes, s);
	tsn_state_stats_all(s, e->nlanes, e->rules->program->families[family].canon, out);
}

void
tsn_engine_learning(const struct tsn_engine *e, uint32_t family, uint32_t agg, struct tsn_learning *out)
{
	struct tsn_state *s[TSN_LANES_MAX];

	tsn_engine_drain(e);
	tsn_lanes_states(e->lane, e->nlanes, s);
	tsn_state_learning_all(s, e->nlanes, e->rules->program->families[family].canon, agg, out);
}

const struct tsn_state *
tsn_engine_state(const struct tsn_engine *e)
{
	return e->lane->state;
}

void
tsn_engine_learned(struct tsn_engine *e)
{
	tsn_engine_drain(e);
	for (uint32_t i = 0; i < e->nlanes; i++)
		if (e->lane[i].state != NULL)
			tsn_state_learned(e->lane[i].state);
}
