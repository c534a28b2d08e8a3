/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "alert/stage.h"

#include <stdlib.h>
#include <string.h>

#include "alert/sink.h"
#include "base/clock.h"
#include "base/mem.h"

struct tsn_alerts *
tsn_alerts_new(uint32_t max_keys, const struct tsn_log *log)
{
	struct tsn_alerts *a = tsn_calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->max_keys = max_keys > 0 ? max_keys : 1;
	a->nshards = 1;
	a->log = log;
	a->now = a->tick = TSN_TIME_NONE;
	a->next_due = a->watch_due = a->talks_of = INT64_MAX;
	a->lateness = 30 * TSN_SECOND;
	return a;
}

static void
free_rules(struct tsn_alert_rule *rule, uint32_t n)
{
	for (uint32_t i = 0; rule != NULL && i < n; i++)
		tsn_alert_entry_free_all(&rule[i]);
	tsn_free(rule);
}

void
tsn_alerts_free(struct tsn_alerts *a)
{
	if (a == NULL)
		return;
	free_rules(a->rule, a->nrules);
	tsn_free(a->sink);
	tsn_free(a->pending);
	tsn_free(a->watch);
	tsn_free(a->opening);
	tsn_arena_free(a->arena);
	tsn_arena_free(a->opening_arena);
	tsn_buf_fini(&a->text);
	tsn_free(a);
}

bool
tsn_alerts_set_sinks(struct tsn_alerts *a, struct tsn_sink *const *sinks, size_t n)
{
	struct tsn_sink **copy = tsn_reallocarray(NULL, n > 0 ? n : 1, sizeof(struct tsn_sink *));

	if (copy == NULL)
		return false;
	if (n > 0)
		memcpy(copy, sinks, n * sizeof(struct tsn_sink *));
	tsn_free(a->sink);
	a->sink = copy;
	a->nsinks = n;
	return true;
}

/* How many panes [ms] has, the last one begun counted as a whole. */
static uint32_t
panes(int64_t ms, int64_t pane_ms)
{
	int64_t n = (ms + pane_ms - 1) / pane_ms;

	return n < 1 ? 1 : n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void
count_panes(struct tsn_alert_rule *r)
{
	r->watch_pane = TSN_TIME_NONE;
	r->for_panes = r->hold_panes = 1;
	if (!r->rule->watched)
		return;
	r->hold_panes = panes(r->rule->hold_ms, r->rule->pane_ms);
	/* as of a window: the newest and those before it that cover the time */
	if (r->rule->for_ms > 0)
		r->for_panes = panes(r->rule->for_ms, r->rule->pane_ms) + 1;
}

/* Room for all rules and, behind them, their plans: flows wait while it is filled. */
static struct tsn_alert_rule *
new_rules(const struct tsn_program *p)
{
	size_t bytes = (p->nrules + (size_t)1) * sizeof(struct tsn_alert_rule);

	for (uint32_t i = 0; i < p->nrules; i++)
		bytes += tsn_alert_planned(&p->rules[i]) * sizeof(struct tsn_save_plan);
	return tsn_calloc(1, bytes);
}

static struct tsn_alert_rule *
make_rules(const struct tsn_program *p)
{
	struct tsn_alert_rule *rule = new_rules(p);
	struct tsn_save_plan *plan;

	if (rule == NULL)
		return NULL;
	plan = (struct tsn_save_plan *)(rule + p->nrules + 1);
	for (uint32_t i = 0; i < p->nrules; i++) {
		rule[i].rule = &p->rules[i];
		count_panes(&rule[i]);
		rule[i].tells = p->rules[i].nactions > 0;
		rule[i].notes = tsn_alert_notes_wanted(p, &p->rules[i]);
		tsn_alert_capture_plan(&rule[i], plan);
		plan += rule[i].nsaved;
	}
	for (uint32_t i = 0; i < p->nlinks; i++)
		rule[p->links[i].rule].tells |= p->links[i].kind == TSN_LINK_FIRED;
	return rule;
}

void
tsn_alert_counts_add(struct tsn_alert_counts *to, const struct tsn_alert_counts *c)
{
	to->matches += c->matches;
	to->alerts += c->alerts;
	to->openings += c->openings;
	to->closed += c->closed;
	to->suppressed += c->suppressed;
	to->evicted += c->evicted;
	to->lost += c->lost;
	to->untold += c->untold;
	to->open += c->open;
	to->pending += c->pending;
}

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

/* Panes may be of another length now: what is known is when the newest ended. */
static void
change_panes(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_rule *old, struct tsn_alert_entry *e)
{
	struct tsn_alert_hold *h = &e->d->hold;
	int64_t now = a->now != TSN_TIME_NONE ? a->now : e->received;

	if (!r->rule->watched)
		return;
	if (!old->rule->watched || old->rule->pane_ms != r->rule->pane_ms) {
		int64_t newest = old->rule->watched ? (h->newest + 1) * old->rule->pane_ms - 1 : e->last_seen;

		*h = (struct tsn_alert_hold){ .newest = TSN_TIME_NONE };
		tsn_alert_hold_mark(h, tsn_alert_pane(r, newest));
		tsn_alert_watch_from(a, r, e, now);
	} else if (r->watch_pane == TSN_TIME_NONE) {
		r->watch_pane = old->watch_pane;
	}
}

static void
take_open(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_rule *old, struct tsn_alert_entry *e, bool forget)
{
	if (forget)
		tsn_alert_entry_forget(e); /* known again with the next match */
	change_panes(a, r, old, e);
	e->due = tsn_alert_end_due(a, r, e);
	tsn_alert_entry_queue(e->life == TSN_LIFE_PENDING ? &r->pending : &r->open, e);
}

/* Do entries wait and end as they did? */
static bool
same_times(const struct tsn_alert_rule *r, const struct tsn_alert_rule *old)
{
	const struct tsn_rule *x = r->rule, *y = old->rule;

	return x->watched == y->watched && r->for_panes == old->for_panes &&
	    (x->watched ? x->pane_ms == y->pane_ms && r->hold_panes == old->hold_panes : x->hold_ms == y->hold_ms);
}

static void
take_each(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_rule *old, bool forget)
{
	struct tsn_alert_entry *e, *next;

	for (e = old->open.head; e != NULL; e = next) {
		next = e->next;
		take_open(a, r, old, e, forget);
	}
	for (e = old->pending.head; e != NULL; e = next) {
		next = e->next;
		if (r->for_panes > 1) {
			take_open(a, r, old, e, forget);
			continue;
		}
		/* what need not wait any more opens with its next match */
		r->counts.pending--;
		tsn_alert_entry_drop(r, e);
	}
}

/* The entries of [old] are now those of [r]; nothing is copied, and of a rule that is the same, nothing looked at. */
static void
take_over(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_rule *old, bool same)
{
	const bool forget = !same_plan(r, old, same);

	r->slot = old->slot;
	r->nslots = old->nslots;
	r->nentries = old->nentries;
	r->closed = old->closed;
	r->counts = old->counts;
	old->slot = NULL;
	old->nslots = old->nentries = 0;
	r->news = old->news;
	r->nnews = old->nnews;
	r->news_cap = old->news_cap;
	old->news = NULL;
	old->nnews = old->news_cap = 0;
	if (!forget && same_times(r, old)) {
		r->open = old->open;
		r->pending = old->pending;
		r->watch_pane = old->watch_pane;
	} else {
		take_each(a, r, old, forget);
	}
	old->open = old->pending = old->closed = (struct tsn_alert_list){ NULL, NULL };
}

static bool
can_take_over(const struct tsn_alert_rule *r, const struct tsn_alert_rule *old)
{
	return !r->rule->disabled && !r->rule->each && !old->rule->each && tsn_rule_same_key(r->rule, old->rule);
}

/* The alerts of a rule that is gone end now; nobody else would ever say so. */
static void
end_all(struct tsn_alerts *a, struct tsn_alert_rule *r)
{
	struct tsn_alert_place place = { a->next_ticket, false, a->now };
	struct tsn_alert_entry *e;

	r->counts.pending = 0;
	for (e = r->open.head; e != NULL; e = e->next) {
		if (e->silent)
			continue;
		tsn_alert_record(a, r, e, TSN_ALERT_CLOSE, a->now, place);
		r->counts.closed++;
	}
	r->counts.open = 0;
}

static struct tsn_alert_rule *
rule_before(struct tsn_alerts *a, const struct tsn_program *p, uint32_t rule)
{
	const uint32_t i = a->program == NULL ? TSN_NAMES_NONE : tsn_program_was(p, rule, a->program);

	return i == TSN_NAMES_NONE ? NULL : &a->rule[i];
}

/* Pairs the rules of both programs by name. */
static void
hand_over(struct tsn_alerts *a, struct tsn_alert_rule *rule, const struct tsn_program *p)
{
	for (uint32_t i = 0; i < p->nrules; i++) {
		struct tsn_alert_rule *old = rule_before(a, p, i);

		if (old == NULL)
			continue;
		if (can_take_over(&rule[i], old)) {
			take_over(a, &rule[i], old, tsn_program_same(p, i, a->program));
		} else {
			end_all(a, old);
			rule[i].counts = old->counts;
		}
		old->bound = true;
	}
	for (uint32_t i = 0; i < a->nrules; i++) {
		if (a->rule[i].bound)
			continue;
		end_all(a, &a->rule[i]);
		tsn_alert_counts_add(&a->gone, &a->rule[i].counts);
	}
}

int64_t
tsn_alert_earliest(const struct tsn_alerts *a)
{
	int64_t due = INT64_MAX;

	for (uint32_t i = 0; i < a->nrules; i++) {
		const struct tsn_alert_rule *r = &a->rule[i];

		if (r->open.head != NULL && r->open.head->due < due)
			due = r->open.head->due;
		if (r->pending.head != NULL && r->pending.head->due < due)
			due = r->pending.head->due;
		for (size_t k = 0; k < r->nnews; k++)
			if (r->news[k] != NULL && r->news[k]->d->news_due < due)
				due = r->news[k]->d->news_due;
		if (r->closed.head != NULL && r->closed.head->due < due)
			due = r->closed.head->due;
	}
	return due;
}

bool
tsn_alerts_bind(struct tsn_alerts *a, const struct tsn_program *p, const struct tsn_set *const *sets,
    const struct tsn_state *state)
{
	struct tsn_alert_rule *rule = make_rules(p);

	if (rule == NULL)
		return false;
	tsn_alerts_flush(a);
	tsn_alerts_openings_done(a); /* they name rules of the old program */
	hand_over(a, rule, p);
	tsn_alerts_flush(a); /* while the old program's rules are there */
	free_rules(a->rule, a->nrules);
	a->rule = rule;
	a->nrules = p->nrules;
	a->program = p;
	a->sets = sets;
	a->state = state;
	a->next_due = tsn_alert_earliest(a);
	tsn_alert_watch_again(a);
	return true;
}

static void
catch_up(struct tsn_alerts *a, int64_t tick)
{
	if (tick < a->next_due)
		return;
	if (a->coming != NULL)
		tsn_alert_take_rows(a, a->coming);
	for (uint32_t i = 0; i < a->nrules; i++)
		tsn_alert_catch_up(a, &a->rule[i], tick);
	a->next_due = tsn_alert_earliest(a);
}

void
tsn_alerts_begin_tick(struct tsn_alerts *a, int64_t now)
{
	a->now = now > a->now ? now : a->now;
	a->tick = now;
	catch_up(a, now - 1);
}

void
tsn_alerts_leave_tick(struct tsn_alerts *a)
{
	a->tick = TSN_TIME_NONE;
}

void
tsn_alerts_tick(struct tsn_alerts *a, int64_t now)
{
	if (now < a->now)
		now = a->now;
	a->now = now;
	a->ticked = true;
	a->tick = TSN_TIME_NONE;
	catch_up(a, now);
}

int64_t
tsn_alerts_next_due(const struct tsn_alerts *a)
{
	return a->next_due;
}

void
tsn_alerts_lateness(struct tsn_alerts *a, int64_t ms)
{
	a->lateness = ms;
	tsn_alert_watch_again(a);
}

void
tsn_alerts_cut_off(struct tsn_alerts *a, bool on)
{
	a->cut_off = on;
}

void
tsn_alerts_exporters(struct tsn_alerts *a, struct tsn_exporters *x)
{
	a->exporters = x;
}

static int
compare(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

int
tsn_alert_in_order(const void *x, const void *y)
{
	const struct tsn_alert_pending *p = x, *q = y;
	size_t n = p->al->key_len < q->al->key_len ? p->al->key_len : q->al->key_len;
	int c;

	if ((c = compare(p->ticket, q->ticket)) != 0 || (c = p->row - q->row) != 0)
		return c;
	if (!p->row && p->due != q->due)
		return p->due < q->due ? -1 : 1;
	if ((c = compare(p->rule, q->rule)) != 0 || (c = memcmp(p->al->key, q->al->key, n)) != 0 ||
	    (c = compare(p->al->key_len, q->al->key_len)) != 0)
		return c;
	return compare(p->seq, q->seq);
}

void
tsn_alerts_counts(const struct tsn_alerts *a, uint32_t rule, struct tsn_alert_counts *out)
{
	*out = a->rule[rule].counts;
}

void
tsn_alerts_totals(const struct tsn_alerts *a, struct tsn_alert_counts *out)
{
	*out = a->gone;
	for (uint32_t i = 0; i < a->nrules; i++)
		tsn_alert_counts_add(out, &a->rule[i].counts);
}
