/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/reload.h"

#include "base/clock.h"
#include "compile/lanes.h"

static void
tell(struct tsn_reload_report *r, const char *what, const char *name)
{
	struct tsn_reload_item item = { .what = what, .name = name, .rule = true, .blind_until = TSN_TIME_NONE };

	if (r->item != NULL)
		r->item(r->arg, &item);
}

static void
tell_rule(const struct tsn_program *old, const struct tsn_program *now, uint32_t i, struct tsn_reload_report *r)
{
	if (old == NULL || tsn_program_was(now, i, old) == TSN_NAMES_NONE) {
		r->added++;
		tell(r, "added", now->rules[i].name);
	} else if (!tsn_program_same(now, i, old)) {
		r->changed++;
		tell(r, "changed", now->rules[i].name);
	} else {
		r->unchanged++;
		tell(r, "unchanged", now->rules[i].name);
	}
}

void
tsn_reload_tell_rules(const struct tsn_ruleset *old, const struct tsn_ruleset *now, struct tsn_reload_report *r)
{
	const struct tsn_program *was = old == NULL ? NULL : old->program;

	for (uint32_t i = 0; i < now->program->nrules; i++)
		tell_rule(was, now->program, i, r);
	for (uint32_t i = 0; was != NULL && i < was->nrules; i++) {
		if (tsn_program_now(now->program, was, i) == TSN_NAMES_NONE) {
			r->removed++;
			tell(r, "removed", was->rules[i].name);
		}
	}
}

struct taking {
	struct tsn_reload_report *report;
	int64_t last;
};

static void
on_handover(void *arg, const struct tsn_handover *h)
{
	struct taking *t = arg;
	struct tsn_reload_report *r = t->report;
	struct tsn_reload_item item = { .name = h->canon, .groups = h->groups, .blind_until = TSN_TIME_NONE };

	if (r == NULL)
		return;
	if (h->family) {
		r->groups_kept += h->groups;
		return;
	}
	item.what = h->kept ? "kept" : "empty";
	if (h->kept)
		r->expressions_kept++;
	else
		r->expressions_new++;
	if (!h->kept && t->last != TSN_TIME_NONE)
		item.blind_until = t->last + h->window_ms;
	if (r->item != NULL)
		r->item(r->arg, &item);
}

void
tsn_lanes_states(struct tsn_lane *lane, uint32_t n, struct tsn_state **out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = lane[i].state;
}

void
tsn_reload_tell_state(const struct tsn_takeover *taken, int64_t last, struct tsn_reload_report *r)
{
	struct taking t = { r, last };

	tsn_takeover_tell(taken, on_handover, &t);
}

bool
tsn_engine_load_state(struct tsn_lane *lane, uint32_t n, struct tsn_unpack *in, int64_t last, struct tsn_reload_report *report)
{
	struct tsn_state *to[TSN_LANES_MAX];
	struct taking t = { report, last };

	tsn_lanes_states(lane, n, to);
	return tsn_state_load_all(to, n, in, on_handover, &t);
}
