/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Alerts as bytes. Entries of a part go in the order of its lists, so that what is read ends, suppresses and gives way in the same
 * order.
 */
#include <stdlib.h>
#include <string.h>

#include "alert/save.h"
#include "base/clock.h"
#include "base/mem.h"

static void
save_entry(const struct tsn_alert_rule *r, struct tsn_alert_entry *e, struct tsn_pack *out)
{
	struct tsn_alert_io x = { .out = out };

	tsn_pack_bytes(out, e->key, e->key_len);
	tsn_pack_uint(out, e->life);
	tsn_alert_io_entry(&x, e);
	if (e->life == TSN_LIFE_CLOSED)
		return;
	tsn_alert_io_details(&x, e->d, r->rule);
	tsn_alert_save_saved(e->d, out);
	tsn_alert_save_notes(e->d, out);
	tsn_alert_io_members(&x, r->rule, &e->d->members);
}

/* An entry and what decides where it stands among others. */
struct place {
	int64_t due;
	uint64_t order;
	struct tsn_alert_entry *e;
};

static int
by_due(const void *x, const void *y)
{
	const struct place *p = x, *q = y;

	return p->due != q->due ? (p->due > q->due) - (p->due < q->due) : (p->order > q->order) - (p->order < q->order);
}

static int
by_key(const void *x, const void *y)
{
	const struct place *p = x, *q = y;
	const uint32_t n = p->e->key_len < q->e->key_len ? p->e->key_len : q->e->key_len;
	int c = (p->due > q->due) - (p->due < q->due);

	if (c == 0)
		c = memcmp(p->e->key, q->e->key, n);
	return c != 0 ? c : (p->e->key_len > q->e->key_len) - (p->e->key_len < q->e->key_len);
}

/* Those of a life in one stage, behind the [n] that [v] has: how many it has then. */
static size_t
gather(const struct tsn_alerts *a, uint32_t rule, enum tsn_alert_life life, struct place *v, size_t n)
{
	const struct tsn_alert_rule *r = &a->rule[rule];
	const bool parts = !tsn_alert_is_one_bound(a);

	for (uint32_t i = 0; i < tsn_alert_nlists(r); i++)
		for (struct tsn_alert_entry *e = tsn_alert_list(r, life, i)->head; e != NULL; e = e->next)
			v[n++] = (struct place){ e->due, (parts ? (uint64_t)e->part << 58 : 0) | e->queued, e };
	return n;
}

/*
 * Those of a life, of several stages: by the time at which they fall due and, of those that do together, by part. Within a part, which
 * is one stage's, they stand as in its list; between parts their order means nothing. So the bytes are those of one stage.
 */
static void
save_life(const struct tsn_alerts *const *a, uint32_t n, const struct tsn_alert_rule *like, enum tsn_alert_life life, struct place *v,
    struct tsn_pack *out)
{
	size_t nv = 0;

	for (uint32_t k = 0; k < n; k++)
		nv = gather(a[k], like->number, life, v, nv);
	qsort(v, nv, sizeof(*v), by_due);
	for (size_t i = 0; i < nv; i++)
		save_entry(like, v[i].e, out);
}

/* Alerts whose new members are told at a tick to come, by tick and key. */
static void
save_news(const struct tsn_alerts *const *a, uint32_t n, uint32_t rule, struct place *v, struct tsn_pack *out)
{
	size_t nv = 0;

	for (uint32_t k = 0; k < n; k++) {
		const struct tsn_alert_rule *r = &a[k]->rule[rule];

		for (size_t i = 0; i < r->nnews; i++)
			if (r->news[i] != NULL)
				v[nv++] = (struct place){ r->news[i]->d->news_due, 0, r->news[i] };
	}
	qsort(v, nv, sizeof(*v), by_key);
	tsn_pack_uint(out, nv);
	for (size_t i = 0; i < nv; i++) {
		tsn_pack_bytes(out, v[i].e->key, v[i].e->key_len);
		tsn_pack_int(out, v[i].due);
	}
}

static void
save_opening(const struct tsn_alert_rule *r, const struct tsn_opening *o, struct tsn_pack *out)
{
	size_t at;

	tsn_pack_str(out, r->rule->name);
	at = tsn_pack_open(out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_KEY, out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_SAVED, out);
	tsn_pack_int(out, o->time);
	tsn_pack_bool(out, o->counts);
	tsn_pack_bool(out, o->reported);
	tsn_pack_bytes(out, o->key, o->key_len);
	tsn_pack_str(out, o->id);
	tsn_pack_bool(out, o->message != NULL);
	tsn_pack_str(out, o->message != NULL ? o->message : "");
	tsn_pack_uint(out, o->nvalues);
	for (uint32_t v = 0; v < o->nvalues; v++)
		tsn_pack_bytes(out, o->value[v].p, o->value[v].n);
	tsn_pack_uint(out, o->ticket);
	tsn_pack_bool(out, o->row);
	tsn_pack_int(out, o->due);
	tsn_pack_close(out, at);
}

/* What waits for the next tick to be told to sets and other rules, of all stages in the order in which it will be. */
static void
save_openings(const struct tsn_alerts *const *a, uint32_t n, struct tsn_pack *out)
{
	const struct tsn_opening **v;
	size_t nv = 0;

	for (uint32_t k = 0; k < n; k++)
		nv += a[k]->nopenings;
	v = tsn_reallocarray(NULL, nv + 1, sizeof(struct tsn_opening *));
	out->failed |= v == NULL;
	nv = 0;
	for (uint32_t k = 0; k < n && v != NULL; k++)
		for (size_t i = 0; i < a[k]->nopenings; i++)
			v[nv++] = &a[k]->opening[i];
	tsn_alert_openings_sort(v, nv);
	for (size_t i = 0; i < nv; i++)
		save_opening(&a[0]->rule[v[i]->rule], v[i], out);
	tsn_free(v);
}

/* Rule [rule] of stages that have entries of it. */
static void
save_rule(const struct tsn_alerts *const *a, uint32_t n, uint32_t rule, struct tsn_pack *out)
{
	const struct tsn_alert_rule *r = &a[0]->rule[rule];
	struct place *v;
	int64_t pane = TSN_TIME_NONE;
	uint64_t entries = 0;
	size_t at;

	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_alert_rule *one = &a[i]->rule[rule];

		r = one->nentries > 0 ? one : r;
		entries += one->nentries;
		if (one->watch_pane != TSN_TIME_NONE && (pane == TSN_TIME_NONE || one->watch_pane < pane))
			pane = one->watch_pane;
	}
	if (entries == 0)
		return;
	v = tsn_reallocarray(NULL, entries, sizeof(*v));
	if (v == NULL) {
		out->failed = true;
		return;
	}
	tsn_pack_str(out, r->rule->name);
	at = tsn_pack_open(out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_KEY, out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_WATCH, out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_SAVED, out);
	tsn_pack_int(out, pane);
	tsn_pack_uint(out, entries);
	save_life(a, n, r, TSN_LIFE_OPEN, v, out);
	save_life(a, n, r, TSN_LIFE_PENDING, v, out);
	save_life(a, n, r, TSN_LIFE_CLOSED, v, out);
	save_news(a, n, rule, v, out);
	tsn_pack_close(out, at);
	tsn_free(v);
}

void
tsn_alerts_save(const struct tsn_alerts *const *a, uint32_t n, struct tsn_pack *out)
{
	size_t part = tsn_pack_open(out);
	int64_t now = TSN_TIME_NONE;
	uint64_t ticket = 0;

	save_openings(a, n, out);
	for (uint32_t k = 0; k < n; k++) {
		now = a[k]->now > now ? a[k]->now : now;
		ticket = a[k]->next_ticket > ticket ? a[k]->next_ticket : ticket;
	}
	tsn_pack_close(out, part);
	tsn_pack_int(out, now);
	tsn_pack_uint(out, ticket);
	for (uint32_t i = 0; i < a[0]->nrules; i++)
		save_rule(a, n, i, out);
}
