/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/reload.h"

#include <string.h>

#include "base/clock.h"

static const struct tsn_rule *
find_rule(const struct tsn_ruleset *rs, const char *name)
{
	const uint32_t i = rs == NULL ? TSN_NAMES_NONE : tsn_program_find_rule(rs->program, name);

	return i == TSN_NAMES_NONE ? NULL : &rs->program->rules[i];
}

static void
tell(struct tsn_reload_report *r, const char *what, const char *name)
{
	struct tsn_reload_item item = { .what = what, .name = name, .rule = true, .blind_until = TSN_TIME_NONE };

	if (r->item != NULL)
		r->item(r->arg, &item);
}

void
tsn_engine_report_rules(const struct tsn_ruleset *old, const struct tsn_ruleset *now, struct tsn_reload_report *r)
{
	uint32_t i;

	if (r == NULL)
		return;
	for (i = 0; i < now->program->nrules; i++) {
		const struct tsn_rule *rule = &now->program->rules[i], *was = find_rule(old, rule->name);

		if (was == NULL) {
			r->added++;
			tell(r, "added", rule->name);
		} else if (strcmp(was->canon, rule->canon) != 0) {
			r->changed++;
			tell(r, "changed", rule->name);
		} else {
			r->unchanged++;
			tell(r, "unchanged", rule->name);
		}
	}
	for (i = 0; old != NULL && i < old->program->nrules; i++) {
		if (find_rule(now, old->program->rules[i].name) == NULL) {
			r->removed++;
			tell(r, "removed", old->program->rules[i].name);
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
tsn_engine_take_over(struct tsn_state *now, struct tsn_state *old, int64_t last, struct tsn_reload_report *report)
{
	struct taking t = { report, last };

	tsn_state_take_over(now, old, on_handover, &t);
}

bool
tsn_engine_load_state(struct tsn_state *s, struct tsn_unpack *in, int64_t last, struct tsn_reload_report *report)
{
	struct taking t = { report, last };

	return tsn_state_load(s, in, on_handover, &t);
}
