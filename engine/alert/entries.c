/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "alert/stage.h"
#include "base/clock.h"
#include "base/mem.h"

#define SLOTS_FIRST 16u
#define SPARES 1024u
#define SLOTS_DIVIDED 2048u /* from here on a walk through all entries for one of a part takes longer than all else */

struct tsn_alert_entry *
tsn_alert_entry_find(const struct tsn_alert_rule *r, uint64_t hash, const uint8_t *key, uint32_t len)
{
	uint32_t i;

	if (r->nslots == 0)
		return NULL;
	for (i = (uint32_t)hash & (r->nslots - 1); r->slot[i].e != NULL; i = (i + 1) & (r->nslots - 1)) {
		struct tsn_alert_entry *e = r->slot[i].e;

		if (r->slot[i].hash == hash && tsn_alert_entry_is(e, hash, key, len))
			return e;
	}
	return NULL;
}

static void
place(struct tsn_alert_slot *slot, uint32_t nslots, struct tsn_alert_entry *e)
{
	uint32_t i = (uint32_t)e->hash & (nslots - 1);

	while (slot[i].e != NULL)
		i = (i + 1) & (nslots - 1);
	slot[i] = (struct tsn_alert_slot){ e->hash, e };
}

/* Keeps at least half of the slots free. */
static bool
make_room(struct tsn_alert_rule *r)
{
	uint32_t n = r->nslots > 0 ? r->nslots * 2 : SLOTS_FIRST;
	struct tsn_alert_slot *slot;

	if (r->nslots > 0 && r->nentries < r->nslots / 2)
		return true;
	slot = tsn_calloc(1, n * sizeof(*slot) + TSN_ALERT_PARTS * sizeof(uint32_t));
	if (slot == NULL)
		return false;
	if (n >= SLOTS_DIVIDED && !tsn_alert_lists_divide(r)) {
		tsn_free(slot);
		return false;
	}
	if (r->slot != NULL)
		memcpy(slot + n, tsn_alert_in_part(r), TSN_ALERT_PARTS * sizeof(uint32_t));
	for (uint32_t i = 0; i < r->nslots; i++)
		if (r->slot[i].e != NULL)
			place(slot, n, r->slot[i].e);
	tsn_free(r->slot);
	r->slot = slot;
	r->nslots = n;
	return true;
}

struct tsn_alert_entry *
tsn_alert_entry_add(struct tsn_alert_rule *r, uint64_t hash, const uint8_t *key, uint32_t len)
{
	struct tsn_alert_entry *e;

	if (!make_room(r))
		return NULL;
	e = tsn_calloc(1, sizeof(*e) + len);
	if (e == NULL)
		return NULL;
	e->hash = hash;
	e->key_len = len;
	memcpy(e->key, key, len);
	place(r->slot, r->nslots, e);
	r->nentries++;
	return e;
}

bool
tsn_alert_entry_place(struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	e->prev = e->next = e->other = NULL;
	if (!make_room(r))
		return false;
	place(r->slot, r->nslots, e);
	r->nentries++;
	return true;
}

/* Linear probing without tombstones: what follows the hole and may fill it moves up. */
static void
unplace(struct tsn_alert_rule *r, const struct tsn_alert_entry *e)
{
	uint32_t mask = r->nslots - 1, hole = (uint32_t)e->hash & mask, i;

	while (r->slot[hole].e != e)
		hole = (hole + 1) & mask;
	for (i = (hole + 1) & mask; r->slot[i].e != NULL; i = (i + 1) & mask) {
		uint32_t home = (uint32_t)r->slot[i].hash & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			r->slot[hole] = r->slot[i];
			hole = i;
		}
	}
	r->slot[hole].e = NULL;
}

static void
free_saved(struct tsn_alert_details *d)
{
	for (uint32_t i = 0; i < d->nsaved; i++)
		tsn_free(d->saved[i].own);
	d->nsaved = 0;
}

bool
tsn_alert_entry_details(struct tsn_alert_entry *e, uint32_t nsaved)
{
	struct tsn_alert_details *d;

	if (e->d != NULL && e->d->nsaved == nsaved)
		return true;
	if (e->d != NULL)
		free_saved(e->d);
	d = tsn_realloc(e->d, sizeof(*d) + nsaved * sizeof(d->saved[0]));
	if (d == NULL)
		return false;
	if (e->d == NULL) {
		memset(d, 0, sizeof(*d));
		d->news_due = TSN_TIME_NONE;
	}
	memset(d->saved, 0, nsaved * sizeof(d->saved[0]));
	d->nsaved = nsaved;
	e->d = d;
	return true;
}

static void
free_details(struct tsn_alert_details *d)
{
	free_saved(d);
	tsn_free(d->sample);
	tsn_free(d->note);
	tsn_alert_members_free(&d->members);
	tsn_free(d);
}

void
tsn_alert_entry_shed(struct tsn_alert_entry *e)
{
	if (e->d != NULL)
		free_details(e->d);
	e->d = NULL;
}

bool
tsn_alert_entry_equip(struct tsn_alerts *a, struct tsn_alert_entry *e, uint32_t nsaved)
{
	struct tsn_alert_details *d = a->spare;

	if (e->d != NULL || d == NULL || d->nsaved != nsaved)
		return tsn_alert_entry_details(e, nsaved);
	a->spare = d->next;
	a->nspare--;
	e->d = d;
	return true;
}

void
tsn_alert_entry_strip(struct tsn_alerts *a, struct tsn_alert_entry *e)
{
	struct tsn_alert_details *d = e->d;

	if (d == NULL || a->nspare >= SPARES) {
		tsn_alert_entry_shed(e);
		return;
	}
	tsn_free(d->note);
	tsn_alert_members_free(&d->members);
	*d = (struct tsn_alert_details){ .sample = d->sample, .sample_room = d->sample_room, .nsaved = d->nsaved, .news_due = TSN_TIME_NONE,
		.next = a->spare };
	for (uint32_t i = 0; i < d->nsaved; i++)
		d->saved[i].v = (struct tsn_value){ 0 };
	a->spare = d;
	a->nspare++;
	e->d = NULL;
}

void
tsn_alert_spares_free(struct tsn_alerts *a)
{
	while (a->spare != NULL) {
		struct tsn_alert_details *d = a->spare;

		a->spare = d->next;
		free_details(d);
	}
}

void
tsn_alert_entry_forget(struct tsn_alert_entry *e)
{
	free_saved(e->d);
}

void
tsn_alert_entry_prefetch(const struct tsn_alert_rule *r, uint64_t hash, enum tsn_alert_fetch what)
{
	const struct tsn_alert_slot *slot;
	const struct tsn_alert_entry *e, *last;

	if (r->nslots == 0)
		return;
	slot = &r->slot[(uint32_t)hash & (r->nslots - 1)];
	if (what == TSN_FETCH_SLOT) {
		__builtin_prefetch(slot);
		return;
	}
	e = slot->e;
	if (e == NULL)
		return;
	if (what == TSN_FETCH_ENTRY) {
		__builtin_prefetch(e, 1);
		__builtin_prefetch((const char *)e + 64, 1);
		return;
	}
	__builtin_prefetch(e->d, 1);
	last = tsn_alert_list(r, (enum tsn_alert_life)e->life, e->part)->tail;
	if (last == NULL || last->due != e->due) { /* else it has moved to the end of its list, where it stays for a while */
		if (e->prev != NULL)
			__builtin_prefetch(&e->prev->due, 1);
		if (e->next != NULL)
			__builtin_prefetch(&e->next->due, 1);
	}
}

void
tsn_alert_entry_drop(struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	unplace(r, e);
	r->nentries--;
	tsn_alert_in_part(r)[e->part]--;
	tsn_alert_entry_shed(e);
	tsn_free(e);
}

void
tsn_alert_entry_free_all(struct tsn_alert_rule *r)
{
	for (uint32_t i = 0; i < r->nslots; i++) {
		if (r->slot[i].e == NULL)
			continue;
		tsn_alert_entry_shed(r->slot[i].e);
		tsn_free(r->slot[i].e);
	}
	tsn_free(r->slot);
	tsn_free(r->news);
	r->news = NULL;
	r->nnews = r->news_cap = 0;
	r->slot = NULL;
	r->nslots = r->nentries = 0;
	tsn_alert_lists_fini(r);
}
