/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Other rules come into force: what is known of alerts goes from the stages of one program to those of the next. Flows wait
 * for it, so all that follows from the rules alone is found beforehand, tables move as they are, and a rule to which
 * nothing ever came is hardly looked at.
 */
#include "alert/stage.h"

#include "base/clock.h"
#include "base/mem.h"

enum {
	GOES_ON = 1, /* its alerts are those of the rule of that name before */
	FORGET = 2,  /* but what was saved of flows means something else now */
	RETIME = 4,  /* but they wait or end otherwise */
};

struct tsn_alert_succession {
	struct tsn_alert_side now, old;
	uint32_t *was;      /* by rule: the one of that name before; TSN_NAMES_NONE: there was none */
	uint8_t *how;       /* by rule */
	uint32_t *gone;     /* rules before whose alerts end */
	uint32_t ngone;
};

static struct tsn_alerts *const *
stages_of(const struct tsn_alert_side *s, uint32_t rule)
{
	return &s->stage[s->stage_of != NULL ? s->stage_of[rule] : 0];
}

/* --- beforehand --- */

/*
 * Exports have other numbers in another program, and elements other columns; only in an unchanged rule are they known to
 * mean the same.
 */
static bool
renumbered(const struct tsn_save_plan *p)
{
	return p->reg || (p->what < TSN_FIELD_COUNT && tsn_fields[p->what].origin == TSN_O_POOL);
}

/* Whether what was saved under one plan means the same under the other. [same]: the rules do. */
static bool
same_plan(const struct tsn_alert_rule *x, const struct tsn_alert_rule *y, bool same)
{
	for (uint32_t i = 0; i < x->nsaved && i < y->nsaved; i++)
		if (x->plan[i].reg != y->plan[i].reg || (renumbered(&x->plan[i]) ? !same : x->plan[i].what != y->plan[i].what))
			return false;
	return x->nsaved == y->nsaved;
}

/* Do entries wait and end as they did? */
static bool
same_times(const struct tsn_alert_rule *r, const struct tsn_alert_rule *old)
{
	const struct tsn_rule *x = r->rule, *y = old->rule;

	return x->watched == y->watched && r->for_panes == old->for_panes &&
	    (x->watched ? x->pane_ms == y->pane_ms && r->hold_panes == old->hold_panes : x->hold_ms == y->hold_ms);
}

static bool
can_take_over(const struct tsn_rule *r, const struct tsn_rule *old)
{
	return !r->disabled && !r->each && !old->each && tsn_rule_same_key(r, old);
}

static uint8_t
compare(const struct tsn_alert_succession *s, uint32_t rule)
{
	const uint32_t was = s->was[rule];
	const struct tsn_alert_rule *r = &(*stages_of(&s->now, rule))->rule[rule], *old;

	if (was == TSN_NAMES_NONE)
		return 0;
	old = &(*stages_of(&s->old, was))->rule[was];
	if (!can_take_over(r->rule, old->rule))
		return 0;
	return (uint8_t)(GOES_ON | (same_plan(r, old, tsn_program_same(s->now.total->program, rule, s->old.total->program)) ? 0 : FORGET) |
	    (same_times(r, old) ? 0 : RETIME));
}

static void
find(struct tsn_alert_succession *s)
{
	const struct tsn_program *p = s->now.total->program, *old = s->old.total->program;

	for (uint32_t i = 0; i < s->now.total->nrules; i++) {
		s->was[i] = old != NULL ? tsn_program_was(p, i, old) : TSN_NAMES_NONE;
		s->how[i] = compare(s, i);
	}
	for (uint32_t i = 0; i < s->old.total->nrules; i++) {
		const uint32_t now = tsn_program_now(p, old, i);

		if (now == TSN_NAMES_NONE || !(s->how[now] & GOES_ON))
			s->gone[s->ngone++] = i;
	}
}

struct tsn_alert_succession *
tsn_alerts_succession(const struct tsn_alert_side *now, const struct tsn_alert_side *old)
{
	struct tsn_alert_succession *s = tsn_calloc(1, sizeof(*s));
	const size_t n = now->total->nrules + (size_t)1;

	if (s == NULL)
		return NULL;
	s->now = *now;
	s->old = *old;
	s->was = tsn_reallocarray(NULL, n, sizeof(*s->was));
	s->how = tsn_calloc(n, sizeof(*s->how));
	s->gone = tsn_reallocarray(NULL, old->total->nrules + (size_t)1, sizeof(*s->gone));
	if (s->was == NULL || s->how == NULL || s->gone == NULL) {
		tsn_alerts_succession_free(s);
		return NULL;
	}
	find(s);
	return s;
}

void
tsn_alerts_succession_free(struct tsn_alert_succession *s)
{
	if (s == NULL)
		return;
	tsn_free(s->was);
	tsn_free(s->how);
	tsn_free(s->gone);
	tsn_free(s);
}

/* --- what they have to tell --- */

/* The stage and rule whose opening it is from now on; NULL: it is of a rule that is not what it was. */
static struct tsn_alerts *
goes_on_in(const struct tsn_alert_succession *s, uint32_t was, uint32_t *rule)
{
	const struct tsn_program *p = s->now.total->program, *old = s->old.total->program;
	struct tsn_alerts *a;

	*rule = tsn_program_now(p, old, was);
	if (*rule == TSN_NAMES_NONE || !(s->how[*rule] & GOES_ON) || !tsn_program_same(p, *rule, old))
		return NULL;
	a = *stages_of(&s->now, *rule);
	return a->rule[*rule].tells ? a : NULL;
}

void
tsn_alerts_openings_go_on(struct tsn_alert_succession *s)
{
	for (uint32_t i = 0; i < s->old.n; i++) {
		struct tsn_alerts *from = s->old.stage[i], *to;
		size_t stay = 0;

		for (size_t k = 0; k < from->nopenings; k++) {
			const struct tsn_opening *o = &from->opening[k];
			uint32_t rule;

			to = goes_on_in(s, o->rule, &rule);
			if (to != NULL)
				tsn_alert_opening_put(to, rule, o);
			else
				from->opening[stay++] = *o;
		}
		from->nopenings = stay;
	}
}

/* --- those that end --- */

static void
end_list(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_list *l)
{
	const struct tsn_alert_place place = { a->next_ticket, false, a->now };

	for (const struct tsn_alert_entry *e = l->head; e != NULL; e = e->next) {
		if (e->silent)
			continue;
		tsn_alert_record(a, r, e, TSN_ALERT_CLOSE, a->now, place);
		r->counts.closed++;
	}
}

static void
end_all(struct tsn_alerts *a, struct tsn_alert_rule *r)
{
	r->counts.pending = 0;
	for (uint32_t i = 0; i < tsn_alert_nlists(r); i++)
		end_list(a, r, tsn_alert_list(r, TSN_LIFE_OPEN, i));
	r->counts.open = 0;
}

void
tsn_alerts_end_gone(struct tsn_alert_succession *s)
{
	for (uint32_t i = 0; i < s->ngone; i++) {
		struct tsn_alerts *const *a = stages_of(&s->old, s->gone[i]);

		for (uint32_t k = 0; k < a[0]->nshards; k++)
			end_all(a[k], &a[k]->rule[s->gone[i]]);
	}
}

/* --- those that go on --- */

/* Panes may be of another length now: what is known is when the newest ended. */
static void
change_panes(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_rule *old, int64_t watch_pane, struct tsn_alert_entry *e)
{
	struct tsn_alert_hold *h = &e->d->hold;
	int64_t now = a->now != TSN_TIME_NONE ? a->now : e->received;

	if (!r->rule->watched)
		return;
	if (!old->watched || old->pane_ms != r->rule->pane_ms) {
		int64_t newest = old->watched ? (h->newest + 1) * old->pane_ms - 1 : e->last_seen;

		*h = (struct tsn_alert_hold){ .newest = TSN_TIME_NONE };
		tsn_alert_hold_mark(h, tsn_alert_pane(r, newest));
		tsn_alert_watch_from(a, r, e, now);
	} else if (r->watch_pane == TSN_TIME_NONE) {
		r->watch_pane = watch_pane;
	}
}

static void
adjust_list(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_rule *old, int64_t watch_pane,
    struct tsn_alert_entry *e, bool forget)
{
	for (struct tsn_alert_entry *next; e != NULL; e = next) {
		next = e->next;
		if (e->life == TSN_LIFE_PENDING && r->for_panes <= 1) {
			/* what need not wait any more opens with its next match */
			r->counts.pending--;
			tsn_alert_entry_drop(r, e);
			continue;
		}
		if (forget)
			tsn_alert_entry_forget(e); /* known again with the next match */
		change_panes(a, r, old, watch_pane, e);
		e->due = tsn_alert_end_due(a, r, e);
		tsn_alert_enlist(r, e);
	}
}

/* The rule's entries came as they were under [old]. */
static void
adjust(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_rule *old, bool forget)
{
	struct tsn_alert_entry *open = tsn_alert_unlist(r, TSN_LIFE_OPEN), *pending = tsn_alert_unlist(r, TSN_LIFE_PENDING);
	const int64_t watch_pane = r->watch_pane;

	r->watch_pane = TSN_TIME_NONE;
	adjust_list(a, r, old, watch_pane, open, forget);
	adjust_list(a, r, old, watch_pane, pending, forget);
}

static bool
is_untouched(const struct tsn_alert_rule *r)
{
	const struct tsn_alert_counts *c = &r->counts;

	return r->nentries == 0 && (c->matches | c->closed | c->evicted) == 0;
}

static void
hand_on(const struct tsn_alert_succession *s, uint32_t rule)
{
	const uint32_t was = s->was[rule];
	struct tsn_alerts *const *to = stages_of(&s->now, rule), *const *from = stages_of(&s->old, was);
	const struct tsn_rule *old = from[0]->rule[was].rule;
	bool any = false;

	for (uint32_t k = 0; k < from[0]->nshards; k++) {
		struct tsn_alert_rule *r = &from[k]->rule[was];

		if (is_untouched(r))
			continue;
		any = true;
		if (!(s->how[rule] & GOES_ON))
			tsn_alert_counts_add(&to[0]->rule[rule].counts, &r->counts);
		else if (from[0]->nshards == to[0]->nshards)
			tsn_alert_move_whole(&to[k]->rule[rule], r);
		else
			tsn_alert_move_parts(to, to[0]->nshards, rule, r);
	}
	for (uint32_t k = 0; any && (s->how[rule] & GOES_ON) && k < to[0]->nshards; k++) {
		if (s->how[rule] & (FORGET | RETIME))
			adjust(to[k], &to[k]->rule[rule], old, s->how[rule] & FORGET);
		tsn_alert_note_due(to[k], &to[k]->rule[rule]);
	}
}

/* What the new stages go on from, whatever the rules. */
static void
hand_on_time(const struct tsn_alert_succession *s)
{
	const struct tsn_alerts *old = s->old.total, *like = *s->old.stage;
	struct tsn_alerts *now = s->now.total;

	for (uint32_t i = 0; i < s->now.n; i++) {
		struct tsn_alerts *a = s->now.stage[i];

		a->now = like->now;
		a->next_ticket = like->next_ticket;
		a->lateness = like->lateness;
		a->seed = old->program != NULL ? like->seed : a->seed;
	}
	now->now = like->now;
	now->next_ticket = like->next_ticket;
	now->lateness = like->lateness;
	now->seed = (*s->now.stage)->seed;
	now->gone = old->gone;
}

void
tsn_alerts_succeed(struct tsn_alert_succession *s)
{
	struct tsn_alerts *now = s->now.total, *old = s->old.total;

	hand_on_time(s);
	for (uint32_t i = 0; i < now->nrules; i++)
		if (s->was[i] != TSN_NAMES_NONE)
			hand_on(s, i);
	for (uint32_t i = 0; i < s->ngone; i++) {
		const uint32_t rule = s->gone[i];
		struct tsn_alerts *const *a = stages_of(&s->old, rule);

		if (tsn_program_now(now->program, old->program, rule) != TSN_NAMES_NONE)
			continue;
		for (uint32_t k = 0; k < a[0]->nshards; k++)
			tsn_alert_counts_add(&now->gone, &a[k]->rule[rule].counts);
	}
	now->sink = old->sink;
	now->nsinks = old->nsinks;
	old->sink = NULL;
	old->nsinks = 0;
}
