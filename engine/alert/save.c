/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Alerts as bytes. Entries go in the order of their lists, so that what is read ends, suppresses and gives way in the same
 * order.
 */
#include "alert/save.h"
#include "base/clock.h"

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

/* Lists of a life, of all parts and of several stages, as one: in the order in which they fall due. */
static void
save_lists(const struct tsn_alerts *const *a, uint32_t n, const struct tsn_alert_rule *like, enum tsn_alert_life life, struct tsn_pack *out)
{
	struct tsn_alert_head v[TSN_ALERT_HEADS];
	struct tsn_alert_entry *e;
	uint32_t nheads = 0;

	for (uint32_t k = 0; k < n; k++)
		nheads = tsn_alert_heads(&a[k]->rule[like->number], life, k, v, nheads);
	while ((e = tsn_alert_next(v, &nheads)) != NULL)
		save_entry(like, e, out);
}

/* Alerts whose new members are told at a tick to come. */
static uint64_t
count_news(const struct tsn_alert_rule *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->nnews; i++)
		n += r->news[i] != NULL;
	return n;
}

static void
save_news(const struct tsn_alert_rule *r, struct tsn_pack *out)
{
	for (size_t i = 0; i < r->nnews; i++) {
		if (r->news[i] == NULL)
			continue;
		tsn_pack_bytes(out, r->news[i]->key, r->news[i]->key_len);
		tsn_pack_int(out, r->news[i]->d->news_due);
	}
}

/* What waits for the next tick to be told to sets and other rules. */
static void
save_openings(const struct tsn_alerts *a, struct tsn_pack *out)
{
	for (size_t i = 0; i < a->nopenings; i++) {
		const struct tsn_opening *o = &a->opening[i];
		size_t at;

		tsn_pack_str(out, a->rule[o->rule].rule->name);
		at = tsn_pack_open(out);
		tsn_alert_put_signature(&a->rule[o->rule], TSN_SIGNATURE_KEY, out);
		tsn_alert_put_signature(&a->rule[o->rule], TSN_SIGNATURE_SAVED, out);
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
}

/* Rule [rule] of stages that have entries of it. */
static void
save_rule(const struct tsn_alerts *const *a, uint32_t n, uint32_t rule, struct tsn_pack *out)
{
	const struct tsn_alert_rule *r = &a[0]->rule[rule];
	int64_t pane = TSN_TIME_NONE;
	uint64_t entries = 0, news = 0;
	size_t at;

	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_alert_rule *one = &a[i]->rule[rule];

		r = one->nentries > 0 ? one : r;
		entries += one->nentries;
		news += count_news(one);
		if (one->watch_pane != TSN_TIME_NONE && (pane == TSN_TIME_NONE || one->watch_pane < pane))
			pane = one->watch_pane;
	}
	if (entries == 0)
		return;
	tsn_pack_str(out, r->rule->name);
	at = tsn_pack_open(out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_KEY, out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_WATCH, out);
	tsn_alert_put_signature(r, TSN_SIGNATURE_SAVED, out);
	tsn_pack_int(out, pane);
	tsn_pack_uint(out, entries);
	save_lists(a, n, r, TSN_LIFE_OPEN, out);
	save_lists(a, n, r, TSN_LIFE_PENDING, out);
	save_lists(a, n, r, TSN_LIFE_CLOSED, out);
	tsn_pack_uint(out, news);
	for (uint32_t i = 0; i < n; i++)
		save_news(&a[i]->rule[rule], out);
	tsn_pack_close(out, at);
}

void
tsn_alerts_save(const struct tsn_alerts *const *a, uint32_t n, struct tsn_pack *out)
{
	size_t part = tsn_pack_open(out);
	int64_t now = TSN_TIME_NONE;
	uint64_t ticket = 0;

	for (uint32_t k = 0; k < n; k++) {
		save_openings(a[k], out);
		now = a[k]->now > now ? a[k]->now : now;
		ticket = a[k]->next_ticket > ticket ? a[k]->next_ticket : ticket;
	}
	tsn_pack_close(out, part);
	tsn_pack_int(out, now);
	tsn_pack_uint(out, ticket);
	for (uint32_t i = 0; i < a[0]->nrules; i++)
		save_rule(a, n, i, out);
}
