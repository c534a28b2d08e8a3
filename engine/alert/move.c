/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules of one program divided among several stages, and rules divided by the
 * parts of their keys: what a stage knows of them moves to another.
 */
#include "alert/stage.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "state/state.h"

void
tsn_alerts_own(struct tsn_alerts *a, const uint32_t *rule, uint32_t n, uint32_t nshards)
{
	for (uint32_t i = 0, k = 0; i < a->nrules; i++) {
		a->rule[i].foreign = k >= n || rule[k] != i;
		k += !a->rule[i].foreign;
	}
	a->nshards = nshards;
}

uint32_t
tsn_alert_part(const struct tsn_alerts *a, const struct tsn_rule *r, const uint8_t *key, uint32_t len)
{
	if (!tsn_key_valid(&r->key, key, len, false)) /* a part of it is absent */
		return 0;
	return tsn_state_part_of_key(&r->key, key, len, a->seed);
}

void
tsn_alerts_seed(struct tsn_alerts *a, uint64_t seed)
{
	const bool same = a->seed == seed;

	a->seed = seed;
	for (uint32_t i = 0; !same && i < a->nrules; i++) {
		struct tsn_alert_rule *r = &a->rule[i];
		const bool divided = tsn_alert_nlists(r) > 1;

		if (r->slot != NULL)
			memset(tsn_alert_in_part(r), 0, TSN_ALERT_PARTS * sizeof(uint32_t));
		tsn_alert_lists_join(r);
		for (uint32_t k = 0; k < r->nslots; k++) {
			struct tsn_alert_entry *e = r->slot[k].e;

			if (e == NULL)
				continue;
			e->part = (uint8_t)tsn_alert_part(a, r->rule, e->key, e->key_len);
			tsn_alert_in_part(r)[e->part]++;
		}
		if (divided) /* without memory it stays slow to make room */
			tsn_alert_lists_divide(r);
	}
}

#define MOVE(what) to->what = from->what, from->what = empty.what

void
tsn_alert_move_whole(struct tsn_alert_rule *to, struct tsn_alert_rule *from)
{
	const struct tsn_alert_rule empty = *to;

	MOVE(slot);
	MOVE(nslots);
	MOVE(nentries);
	MOVE(lists);
	MOVE(watch_pane);
	MOVE(news);
	MOVE(nnews);
	MOVE(news_cap);
	MOVE(told_full);
	tsn_alert_counts_add(&to->counts, &from->counts);
	from->counts = (struct tsn_alert_counts){ 0 };
}

/* --- entry by entry --- */

static void
move_entry(struct tsn_alert_rule *to, struct tsn_alert_rule *from, struct tsn_alert_entry *e)
{
	const bool open = e->life == TSN_LIFE_OPEN && !e->silent, pending = e->life == TSN_LIFE_PENDING;

	from->counts.open -= open;
	from->counts.pending -= pending;
	if (!tsn_alert_entry_place(to, e)) {
		to->counts.lost++;
		tsn_alert_entry_shed(e);
		tsn_free(e);
		return;
	}
	to->counts.open += open;
	to->counts.pending += pending;
	tsn_alert_in_part(to)[e->part]++;
	tsn_alert_enlist(to, e);
	if (e->d != NULL && e->d->news_due != TSN_TIME_NONE && !tsn_alert_news_put(to, e))
		e->d->news_due = TSN_TIME_NONE; /* told with those who come next, or at the end */
}

static void
move_list(struct tsn_alerts *const *to, uint32_t n, uint32_t rule, struct tsn_alert_rule *from, struct tsn_alert_entry *e)
{
	for (struct tsn_alert_entry *next; e != NULL; e = next) {
		next = e->next;
		move_entry(&to[e->part % n]->rule[rule], from, e);
	}
}

void
tsn_alert_move_parts(struct tsn_alerts *const *to, uint32_t n, uint32_t rule, struct tsn_alert_rule *from)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tsn_alert_rule *r = &to[i]->rule[rule];

		if (from->watch_pane != TSN_TIME_NONE && (r->watch_pane == TSN_TIME_NONE || r->watch_pane > from->watch_pane))
			r->watch_pane = from->watch_pane;
		r->told_full |= from->told_full;
	}
	from->nnews = 0;
	for (int life = TSN_LIVES - 1; life >= 0; life--)
		move_list(to, n, rule, from, tsn_alert_unlist(from, (enum tsn_alert_life)life));
	tsn_alert_lists_fini(from);
	tsn_alert_counts_add(&to[0]->rule[rule].counts, &from->counts);
	from->counts = (struct tsn_alert_counts){ 0 };
	tsn_free(from->slot);
	from->slot = NULL;
	from->nslots = from->nentries = 0;
	from->watch_pane = TSN_TIME_NONE;
}

static void
settle(struct tsn_alerts *a, const struct tsn_alerts *like)
{
	a->now = like->now > a->now ? like->now : a->now;
	a->next_ticket = like->next_ticket > a->next_ticket ? like->next_ticket : a->next_ticket;
	a->lateness = like->lateness;
	a->next_due = tsn_alert_earliest(a);
	tsn_alert_watch_again(a);
}

void
tsn_alerts_scatter(struct tsn_alerts *whole, struct tsn_alerts *const *part, uint32_t n)
{
	for (uint32_t i = 0; i < part[0]->nrules; i++) {
		if (part[0]->rule[i].foreign)
			continue;
		if (n == 1)
			tsn_alert_move_whole(&part[0]->rule[i], &whole->rule[i]);
		else
			tsn_alert_move_parts(part, n, i, &whole->rule[i]);
	}
	for (size_t i = 0; i < whole->nopenings; i++)
		if (!part[0]->rule[whole->opening[i].rule].foreign)
			tsn_alert_opening_put(part[0], whole->opening[i].rule, &whole->opening[i]);
	for (uint32_t i = 0; i < n; i++) {
		part[i]->seed = whole->seed;
		settle(part[i], whole);
	}
	settle(whole, part[0]);
}
