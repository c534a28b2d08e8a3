/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "alert/stage.h"

#include <string.h>

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
	for (uint32_t i = 0; rule != NULL && i < n; i++) {
		tsn_alert_entry_free_all(&rule[i]);
		tsn_free(rule[i].frame);
	}
	tsn_free(rule);
}

void
tsn_alerts_free(struct tsn_alerts *a)
{
	if (a == NULL)
		return;
	free_rules(a->rule, a->nrules);
	if (a->each != NULL)
		tsn_alert_entry_shed(a->each);
	tsn_free(a->each);
	tsn_alert_spares_free(a);
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
	r->watch_pane = r->reached = TSN_TIME_NONE;
	r->for_panes = r->hold_panes = 1;
	if (!r->rule->watched)
		return;
	r->hold_panes = panes(r->rule->hold_ms, r->rule->pane_ms);
	/* as of a window: the newest and those before it that cover the time */
	if (r->rule->for_ms > 0)
		r->for_panes = panes(r->rule->for_ms, r->rule->pane_ms) + 1;
}

/* Room for all rules and, behind them, their plans. */
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
		rule[i].number = i;
		rule[i].lists = TSN_ALERT_NO_LISTS;
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

/* [due]: of its lists. */
static int64_t
with_news(const struct tsn_alert_rule *r, int64_t due)
{
	for (size_t k = 0; k < r->nnews; k++)
		if (r->news[k] != NULL && r->news[k]->d->news_due < due)
			due = r->news[k]->d->news_due;
	return due;
}

static int64_t
earliest(const struct tsn_alert_rule *r)
{
	return with_news(r, tsn_alert_lists_due(r));
}

int64_t
tsn_alert_earliest(const struct tsn_alerts *a)
{
	int64_t due = INT64_MAX;

	for (uint32_t i = 0; i < a->nrules; i++) {
		const int64_t d = earliest(&a->rule[i]);

		due = d < due ? d : due;
	}
	return due;
}

void
tsn_alert_note_due(struct tsn_alerts *a, struct tsn_alert_rule *r)
{
	const int64_t due = earliest(r);

	a->next_due = due < a->next_due ? due : a->next_due;
	tsn_alert_watch_note(a, r);
}

static const struct tsn_alert_rule *
quickest(const struct tsn_alert_rule *rule, uint32_t n)
{
	const struct tsn_alert_rule *best = NULL;

	for (uint32_t i = 0; i < n; i++)
		if (rule[i].rule->watched && !rule[i].rule->disabled && (best == NULL || rule[i].rule->pane_ms < best->rule->pane_ms))
			best = &rule[i];
	return best;
}

bool
tsn_alerts_bind(struct tsn_alerts *a, const struct tsn_program *p, const struct tsn_set *const *sets,
    const struct tsn_state *state)
{
	a->rule = make_rules(p);
	if (a->rule == NULL)
		return false;
	a->nrules = p->nrules;
	a->quick = quickest(a->rule, a->nrules);
	a->program = p;
	a->sets = sets;
	a->state = state;
	return true;
}

/* Time comes to [now]; what is due by [tick] ends. The rows at hand were received before that time, and say when themselves. */
static void
catch_up(struct tsn_alerts *a, int64_t now, int64_t tick)
{
	int64_t next = INT64_MAX;

	if (a->coming != NULL && tick >= a->next_due)
		tsn_alert_take_rows(a, a->coming);
	a->now = now > a->now ? now : a->now;
	if (tick < a->next_due)
		return;
	for (uint32_t i = 0; i < a->nrules; i++)
		tsn_alert_catch_up(a, &a->rule[i], tick);
	/* what lists were said to have first, which may be gone: with thousands of rules a look into all lists would be most of a tick */
	for (uint32_t i = 0; i < a->nrules; i++) {
		const int64_t due = with_news(&a->rule[i], a->rule[i].lists.least);

		next = due < next ? due : next;
	}
	a->next_due = next;
}

void
tsn_alerts_begin_tick(struct tsn_alerts *a, int64_t now)
{
	a->before = a->now;
	a->tick = now;
	catch_up(a, now, now - 1);
}

void
tsn_alerts_leave_tick(struct tsn_alerts *a)
{
	a->now = a->before;
	a->tick = TSN_TIME_NONE;
}

void
tsn_alerts_tick(struct tsn_alerts *a, int64_t now)
{
	if (now < a->now)
		now = a->now;
	a->ticked = true;
	a->tick = TSN_TIME_NONE;
	catch_up(a, now, now);
}

int64_t
tsn_alerts_next_due(const struct tsn_alerts *a)
{
	return a->next_due;
}

void
tsn_alerts_lateness(struct tsn_alerts *a, int64_t ms)
{
	if (ms == a->lateness)
		return;
	a->lateness = ms;
	tsn_alert_watch_again(a);
}

void
tsn_alerts_cut_off(struct tsn_alerts *a, bool on)
{
	a->cut_off = on;
}

void
tsn_alerts_level(struct tsn_alerts *const *stage, uint32_t n)
{
	for (uint32_t i = 0; i < stage[0]->nrules; i++) {
		int64_t to = TSN_TIME_NONE;

		for (uint32_t k = 0; k < n; k++)
			to = stage[k]->rule[i].reached > to ? stage[k]->rule[i].reached : to;
		for (uint32_t k = 0; k < n && to != TSN_TIME_NONE; k++)
			tsn_alert_catch_up(stage[k], &stage[k]->rule[i], to - 1);
	}
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
