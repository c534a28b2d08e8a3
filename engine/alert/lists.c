/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Entries by life, in the order in which they fall due. Which of a part gives
 * way to a new one must be found at once also where there are many: there each
 * part has lists of its own, and what goes through all of a rule goes through
 * those. Entries of one part stand in the same order either way.
 */
#include "alert/stage.h"

#include "base/mem.h"

void
tsn_alert_entry_queue(struct tsn_alert_list *l, struct tsn_alert_entry *e)
{
	struct tsn_alert_entry *before = l->tail;

	while (before != NULL && before->due > e->due)
		before = before->other->prev;
	e->other = e;
	if (before != NULL && before->due == e->due) {
		e->other = before->other;
		e->other->other = e;
	}
	e->prev = before;
	e->next = before != NULL ? before->next : l->head;
	*(before != NULL ? &before->next : &l->head) = e;
	*(e->next != NULL ? &e->next->prev : &l->tail) = e;
}

void
tsn_alert_entry_unqueue(struct tsn_alert_list *l, struct tsn_alert_entry *e)
{
	const bool first = e->prev == NULL || e->prev->due != e->due, last = e->next == NULL || e->next->due != e->due;

	/* an entry just made is in no list */
	if (e->prev == NULL && l->head != e)
		return;
	if (first != last) { /* its neighbour takes over */
		struct tsn_alert_entry *heir = first ? e->next : e->prev;

		heir->other = e->other;
		heir->other->other = heir;
	}
	*(e->prev != NULL ? &e->prev->next : &l->head) = e->next;
	*(e->next != NULL ? &e->next->prev : &l->tail) = e->prev;
	e->prev = e->next = NULL;
}

/* --- the lists of a rule --- */

void
tsn_alert_enlist(struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	tsn_alert_entry_queue(tsn_alert_list(r, e->life, e->part), e);
	e->queued = r->lists.queued++;
	r->lists.least = e->due < r->lists.least ? e->due : r->lists.least;
}

void
tsn_alert_delist(struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	tsn_alert_entry_unqueue(tsn_alert_list(r, e->life, e->part), e);
}

struct tsn_alert_entry *
tsn_alert_first_due(const struct tsn_alert_rule *r, enum tsn_alert_life life)
{
	struct tsn_alert_entry *first = NULL;

	for (uint32_t i = 0; i < tsn_alert_nlists(r); i++) {
		struct tsn_alert_entry *e = tsn_alert_list(r, life, i)->head;

		if (e != NULL && (first == NULL || e->due < first->due))
			first = e;
	}
	return first;
}

int64_t
tsn_alert_lists_due(const struct tsn_alert_rule *r)
{
	int64_t due = INT64_MAX;

	for (int life = 0; life < TSN_LIVES; life++) {
		const struct tsn_alert_entry *e = tsn_alert_first_due(r, (enum tsn_alert_life)life);

		due = e != NULL && e->due < due ? e->due : due;
	}
	return due;
}

/* --- all of a life --- */

/* Of lists that are gone through as one the entry that comes first: [v] has the heads of [n] of them. */
static struct tsn_alert_entry *
take_first(struct tsn_alert_entry **v, uint32_t *n)
{
	struct tsn_alert_entry *e;
	uint32_t first = 0;

	for (uint32_t i = 1; i < *n; i++)
		if (v[i]->due != v[first]->due ? v[i]->due < v[first]->due : v[i]->queued < v[first]->queued)
			first = i;
	e = v[first];
	v[first] = e->next;
	if (e->next == NULL)
		v[first] = v[--*n];
	return e;
}

struct tsn_alert_entry *
tsn_alert_unlist(struct tsn_alert_rule *r, enum tsn_alert_life life)
{
	struct tsn_alert_entry *first = NULL, **link = &first, *v[TSN_ALERT_PARTS];
	uint32_t n = 0;

	for (uint32_t i = 0; i < tsn_alert_nlists(r); i++)
		if (tsn_alert_list(r, life, i)->head != NULL)
			v[n++] = tsn_alert_list(r, life, i)->head;
	while (n > 0) {
		*link = take_first(v, &n);
		link = &(*link)->next;
	}
	*link = NULL;
	for (uint32_t i = 0; i < tsn_alert_nlists(r); i++)
		*tsn_alert_list(r, life, i) = (struct tsn_alert_list){ NULL, NULL };
	return first;
}

static void
enlist_chain(struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	for (struct tsn_alert_entry *next; e != NULL; e = next) {
		next = e->next;
		tsn_alert_enlist(r, e);
	}
}

/* All that is listed goes into these; NULL: into one list a life. */
static void
change(struct tsn_alert_rule *r, struct tsn_alert_list *of_part)
{
	struct tsn_alert_entry *chain[TSN_LIVES];

	for (int life = 0; life < TSN_LIVES; life++)
		chain[life] = tsn_alert_unlist(r, (enum tsn_alert_life)life);
	tsn_free(r->lists.of_part);
	r->lists.of_part = of_part;
	for (int life = 0; life < TSN_LIVES; life++)
		enlist_chain(r, chain[life]);
}

bool
tsn_alert_lists_divide(struct tsn_alert_rule *r)
{
	struct tsn_alert_list *of_part;

	if (r->lists.of_part != NULL)
		return true;
	of_part = tsn_calloc(TSN_ALERT_PARTS * TSN_LIVES, sizeof(*of_part));
	if (of_part == NULL)
		return false;
	change(r, of_part);
	return true;
}

void
tsn_alert_lists_join(struct tsn_alert_rule *r)
{
	if (r->lists.of_part != NULL)
		change(r, NULL);
}

void
tsn_alert_lists_fini(struct tsn_alert_rule *r)
{
	tsn_free(r->lists.of_part);
	r->lists = TSN_ALERT_NO_LISTS;
}
