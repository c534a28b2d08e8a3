/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Watches (S25): keys that are pending or open are evaluated at the end of
 * every pane, all keys of a rule at the same ticks. A pane in which a key held
 * already need not be looked at again, unless there is more to learn than
 * whether it holds.
 */
#include "alert/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static bool
has_keys(const struct tsn_alert_rule *r)
{
	return tsn_alert_first_due(r, TSN_LIFE_OPEN) != NULL || tsn_alert_first_due(r, TSN_LIFE_PENDING) != NULL;
}

static void
due_at_least(struct tsn_alerts *a, const struct tsn_alert_rule *r)
{
	int64_t due = tsn_alert_decided(a, r, r->watch_pane);

	if (due < a->watch_due)
		a->watch_due = due;
}

void
tsn_alert_watch_from(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t received)
{
	e->d->hold.from = tsn_alert_pane(r, received);
	if (r->watch_pane == TSN_TIME_NONE || e->d->hold.from < r->watch_pane)
		r->watch_pane = e->d->hold.from;
	due_at_least(a, r);
}

void
tsn_alert_watch_note(struct tsn_alerts *a, struct tsn_alert_rule *r)
{
	if (!has_keys(r))
		r->watch_pane = TSN_TIME_NONE;
	if (r->watch_pane != TSN_TIME_NONE)
		due_at_least(a, r);
}

void
tsn_alert_watch_again(struct tsn_alerts *a)
{
	a->watch_due = INT64_MAX;
	for (uint32_t i = 0; i < a->nrules; i++)
		tsn_alert_watch_note(a, &a->rule[i]);
}

int64_t
tsn_alerts_watch_due(const struct tsn_alerts *a)
{
	return a->watch_due;
}

void
tsn_alert_watch_forget(struct tsn_alerts *a, const struct tsn_alert_entry *e)
{
	for (size_t i = 0; a->watch_rule != NULL && i < a->nwatch; i++)
		if (a->watch[i] == e)
			a->watch[i] = NULL;
}

static bool
has_question(const struct tsn_alert_rule *r, const struct tsn_alert_entry *e)
{
	const struct tsn_alert_hold *h = &e->d->hold;

	if (r->watch_pane < h->from)
		return false;
	if (r->rule->nrungs > 0 || r->rule->until != TSN_REG_NONE)
		return true;
	if (e->silent && (r->watch_pane + 1) * r->rule->pane_ms - 1 >= e->reported + r->rule->once_ms)
		return true;
	return e->life == TSN_LIFE_OPEN ? r->watch_pane > h->newest : !tsn_alert_hold_has(h, r->watch_pane);
}

static bool
gather_list(struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_list *l)
{
	for (struct tsn_alert_entry *e = l->head; e != NULL; e = e->next) {
		struct tsn_alert_entry **v;

		if (!has_question(r, e))
			continue;
		v = tsn_grow(a->watch, a->nwatch, &a->watch_cap, sizeof(struct tsn_alert_entry *));
		if (v == NULL)
			return false;
		a->watch = v;
		a->watch[a->nwatch++] = e;
	}
	return true;
}

/* False when memory is out: then it is as if they did not hold. */
static bool
gather(struct tsn_alerts *a, const struct tsn_alert_rule *r)
{
	for (uint32_t k = 0; k < tsn_alert_nlists(r); k++)
		if (!gather_list(a, r, tsn_alert_list(r, TSN_LIFE_OPEN, k)) || !gather_list(a, r, tsn_alert_list(r, TSN_LIFE_PENDING, k)))
			return false;
	return true;
}

static int
by_key(const void *x, const void *y)
{
	const struct tsn_alert_entry *const *p = x, *const *q = y;
	uint32_t n = (*p)->key_len < (*q)->key_len ? (*p)->key_len : (*q)->key_len;
	int c = memcmp((*p)->key, (*q)->key, n);

	return c != 0 ? c : ((*p)->key_len > (*q)->key_len) - ((*p)->key_len < (*q)->key_len);
}

/* What holds in the last pane before a long silence is taken to hold all through it: nothing happens that could end it. */
static void
leap(const struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t by)
{
	for (struct tsn_alert_entry *next; e != NULL; e = next) {
		struct tsn_alert_hold *h = &e->d->hold;

		next = e->next;
		if (tsn_alert_hold_run(h, h->newest) >= TSN_ALERT_HELD)
			h->below += (uint64_t)by;
		h->newest += by;
		e->due = tsn_alert_end_due(a, r, e);
		tsn_alert_enlist(r, e);
	}
}

void
tsn_alerts_watch_leap(struct tsn_alerts *a, int64_t tick)
{
	for (uint32_t i = 0; i < a->nrules; i++) {
		struct tsn_alert_rule *r = &a->rule[i];
		int64_t by;

		if (r->watch_pane == TSN_TIME_NONE)
			continue;
		by = tsn_alert_pane(r, tick - a->lateness) - TSN_ALERT_HELD - r->watch_pane;
		if (by <= 0)
			continue;
		leap(a, r, tsn_alert_unlist(r, TSN_LIFE_OPEN), by);
		leap(a, r, tsn_alert_unlist(r, TSN_LIFE_PENDING), by);
		r->watch_pane += by;
	}
	tsn_alert_watch_again(a);
}

/* The rule that is due first, the lower number first; NULL if none is by [tick]. */
static struct tsn_alert_rule *
first_due(struct tsn_alerts *a, int64_t tick)
{
	struct tsn_alert_rule *first = NULL;
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < a->nrules; i++) {
		struct tsn_alert_rule *r = &a->rule[i];
		int64_t due;

		if (!has_keys(r))
			r->watch_pane = TSN_TIME_NONE;
		if (r->watch_pane == TSN_TIME_NONE)
			continue;
		due = tsn_alert_decided(a, r, r->watch_pane);
		if (due < least) {
			first = r;
			least = due;
		}
	}
	a->watch_due = least;
	return least <= tick ? first : NULL;
}

static void
fill(struct tsn_alerts *a, struct tsn_batch *b)
{
	const struct tsn_alert_rule *r = a->watch_rule;
	int64_t time = (r->watch_pane + 1) * r->rule->pane_ms - 1;

	tsn_batch_clear(b, TSN_BATCH_TICK);
	a->watch_first = a->watch_next;
	for (; a->watch_next < a->nwatch && b->n < b->cap; a->watch_next++) {
		const struct tsn_alert_entry *e = a->watch[a->watch_next];

		if (e != NULL)
			tsn_key_to_row(&r->rule->key, e->key, e->key_len, b, b->n);
		b->received[b->n] = b->time[b->n] = time;
		b->n++;
	}
}

static void
end_watch(struct tsn_alerts *a)
{
	a->watch_rule->watch_pane++;
	a->watch_rule = NULL;
	a->nwatch = a->watch_next = a->watch_first = 0;
}

bool
tsn_alerts_watch(struct tsn_alerts *a, int64_t tick, struct tsn_batch *b, uint32_t *rule)
{
	for (;;) {
		if (a->watch_rule != NULL && a->watch_next < a->nwatch) {
			fill(a, b);
			*rule = a->watch_rule->number;
			return true;
		}
		if (a->watch_rule != NULL)
			end_watch(a);
		if (a->watch_due > tick || (a->watch_rule = first_due(a, tick)) == NULL)
			return false;
		if (!gather(a, a->watch_rule))
			a->watch_rule->counts.lost++;
		if (a->nwatch > 1)
			qsort(a->watch, a->nwatch, sizeof(struct tsn_alert_entry *), by_key);
	}
}
