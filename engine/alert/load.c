/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Alerts from bytes: into tables beside those in use, which take their place when all of it made sense. */
#include <string.h>

#include "alert/save.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

/* Open and pending ones of a rule that is not as it was: what it means to end or to hold may be something else. */
static bool
load_life(const struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, bool same, struct tsn_unpack *in)
{
	struct tsn_alert_io x = { .in = in };
	struct tsn_unpack saved;

	if (!tsn_alert_entry_details(e, same ? r->nsaved : 0) || !tsn_alert_io_details(&x, e->d, r->rule))
		return false;
	saved = tsn_unpack_part(in);
	if (in->bad || !tsn_alert_load_saved(r, e->d, saved, same) || !tsn_alert_load_notes(e->d, tsn_unpack_part(in)) ||
	    !tsn_alert_io_members(&x, r->rule, &e->d->members))
		return false;
	if (e->received == TSN_TIME_NONE || e->first_seen == TSN_TIME_NONE || e->last_seen == TSN_TIME_NONE || e->due == TSN_TIME_NONE)
		return false;
	if (!same)
		e->due = tsn_alert_end_due(a, r, e);
	return e->life == TSN_LIFE_PENDING ? r->for_panes > 1 : e->opened != TSN_TIME_NONE;
}

/* The entry is in the table or freed with it; false: bad, or memory is out. */
static bool
load_entry(const struct tsn_alerts *a, struct tsn_alert_rule *r, bool same, struct tsn_unpack *in)
{
	struct tsn_alert_io x = { .in = in };
	struct tsn_alert_entry *e;
	size_t n;
	const uint8_t *key = tsn_unpack_bytes(in, &n);
	const uint8_t life = (uint8_t)tsn_unpack_below(in, TSN_LIFE_OPEN);
	uint64_t hash;

	if (in->bad || !tsn_key_valid(&r->rule->key, key, n, true))
		return false;
	hash = tsn_hash_bytes(key, n, 0);
	if (tsn_alert_entry_find(r, hash, key, (uint32_t)n) != NULL)
		return false;
	e = tsn_alert_entry_add(r, hash, key, (uint32_t)n);
	if (e == NULL)
		return false;
	e->part = tsn_alert_part(a, r->rule, key, (uint32_t)n);
	tsn_alert_in_part(r)[e->part]++;
	tsn_alert_io_entry(&x, e);
	e->life = life;
	if (in->bad || (life != TSN_LIFE_CLOSED && !load_life(a, r, e, same, in)))
		return false;
	tsn_alert_enlist(r, e);
	r->counts.open += life == TSN_LIFE_OPEN && !e->silent;
	r->counts.pending += life == TSN_LIFE_PENDING;
	return !in->bad;
}

static bool
load_news(struct tsn_alert_rule *r, struct tsn_unpack *in)
{
	const uint64_t n = tsn_unpack_uint(in);
	struct tsn_alert_io x = { .in = in };

	for (uint64_t i = 0; i < n && !in->bad; i++) {
		struct tsn_alert_entry *e;
		size_t len;
		const uint8_t *key = tsn_unpack_bytes(in, &len);
		int64_t due = 0;

		tsn_alert_io_time(&x, &due);
		e = key != NULL ? tsn_alert_entry_find(r, tsn_hash_bytes(key, len, 0), key, (uint32_t)len) : NULL;
		if (in->bad || e == NULL || e->life != TSN_LIFE_OPEN || e->d->news_due != TSN_TIME_NONE || due == TSN_TIME_NONE)
			return false;
		e->d->news_due = due;
		if (!tsn_alert_news_put(r, e))
			return false;
	}
	return !in->bad;
}

/*
 * The length of panes is in the canonical form. Where that is another, or who may wait is, nothing that is open or waits
 * can be read; then only what suppresses would be left, and the rule begins anew.
 */
static bool
load_rule(const struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_unpack *in)
{
	struct tsn_alert_io x = { .in = in };
	uint64_t n;
	bool same;

	if (r->nentries > 0) /* a rule twice */
		return false;
	if (!tsn_alert_same_signature(r, TSN_SIGNATURE_KEY, in) || r->rule->disabled || r->rule->each)
		return !in->bad;
	if (!tsn_alert_same_signature(r, TSN_SIGNATURE_WATCH, in))
		return !in->bad;
	same = tsn_alert_same_signature(r, TSN_SIGNATURE_SAVED, in);
	tsn_alert_io_pane(&x, &r->watch_pane, r->rule->pane_ms > 0 ? r->rule->pane_ms : 1);
	n = tsn_unpack_uint(in);
	for (uint64_t i = 0; i < n && !in->bad; i++) {
		if (i >= a->max_keys)
			return true; /* the bound was lowered: the last in line are the ones that ended last */
		if (!load_entry(a, r, same, in))
			return false;
	}
	return load_news(r, in) && tsn_unpack_done(in);
}

/* The rule of [copy] by whose name the next [part] goes; NULL: it is of none, or bad. */
static struct tsn_alert_rule *
next_rule(const struct tsn_alerts *a, struct tsn_alert_rule *copy, struct tsn_unpack *in, struct tsn_unpack *part)
{
	size_t n;
	const uint8_t *name = tsn_unpack_bytes(in, &n);

	*part = tsn_unpack_part(in);
	for (uint32_t i = 0; i < a->nrules && !in->bad; i++)
		if (strlen(copy[i].rule->name) == n && memcmp(copy[i].rule->name, name, n) == 0)
			return &copy[i];
	return NULL;
}

static bool
load_rules(const struct tsn_alerts *a, struct tsn_alert_rule *copy, struct tsn_unpack *in)
{
	while (in->p < in->end) {
		struct tsn_unpack part;
		struct tsn_alert_rule *r = next_rule(a, copy, in, &part);

		if (in->bad || (r != NULL && !load_rule(a, r, &part)))
			return false;
	}
	return !in->bad;
}

static void
free_entries(struct tsn_alert_rule *rule, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		tsn_alert_entry_free_all(&rule[i]);
}

/* Bytes or a text, kept. NULL: bad, or memory is out. */
static const void *
load_kept(struct tsn_arena *arena, struct tsn_unpack *in, size_t *n)
{
	const uint8_t *p = tsn_unpack_bytes(in, n);

	return p != NULL ? tsn_arena_strndup(arena, (const char *)p, *n) : NULL;
}

static bool
load_values(struct tsn_arena *arena, const struct tsn_rule *r, struct tsn_opening *o, struct tsn_unpack *in)
{
	o->nvalues = (uint32_t)tsn_unpack_below(in, r->nactions);
	if (in->bad || (o->nvalues != 0 && o->nvalues != r->nactions))
		return false;
	o->value = tsn_arena_alloc(arena, (o->nvalues + 1) * sizeof(*o->value));
	for (uint32_t v = 0; o->value != NULL && v < o->nvalues; v++) {
		size_t n;

		o->value[v].p = load_kept(arena, in, &n);
		if (o->value[v].p == NULL || !tsn_key_valid(&r->action[v].value, o->value[v].p, n, true))
			return false;
		o->value[v].n = (uint32_t)n;
	}
	return o->value != NULL;
}

static bool
load_opening(struct tsn_arena *arena, const struct tsn_rule *r, struct tsn_opening *o, struct tsn_unpack *in)
{
	struct tsn_alert_io x = { .in = in };
	const char *text;
	bool message;
	size_t n;

	tsn_alert_io_time(&x, &o->time);
	o->counts = tsn_unpack_bool(in);
	o->reported = tsn_unpack_bool(in);
	o->key = load_kept(arena, in, &n);
	o->key_len = (uint32_t)n;
	if (o->key == NULL || !tsn_key_valid(&r->key, o->key, n, true))
		return false;
	text = load_kept(arena, in, &n);
	if (text == NULL || n >= sizeof(o->id))
		return false;
	memcpy(o->id, text, n);
	message = tsn_unpack_bool(in);
	text = load_kept(arena, in, &n);
	o->message = message ? text : NULL;
	if (text == NULL || !load_values(arena, r, o, in))
		return false;
	o->ticket = tsn_unpack_below(in, INT64_MAX);
	o->row = tsn_unpack_bool(in);
	tsn_alert_io_time(&x, &o->due);
	return tsn_unpack_done(in);
}

/* What of the stage is made beside the one in use, and then takes its place. */
struct made {
	struct tsn_alert_rule *rule;
	struct tsn_opening *opening;
	size_t nopenings, opening_cap;
	struct tsn_arena *arena;
};

/* Those of rules that are gone or changed are left out: what they would have told may mean nothing now. */
static bool
load_openings(const struct tsn_alerts *a, struct made *m, struct tsn_unpack *in)
{
	while (in->p < in->end) {
		struct tsn_unpack part;
		struct tsn_alert_rule *r = next_rule(a, m->rule, in, &part);
		struct tsn_opening *grown, o = { 0 };

		if (in->bad || m->nopenings > TSN_OPENINGS_MAX)
			return false;
		if (r == NULL || !tsn_alert_same_signature(r, TSN_SIGNATURE_KEY, &part) || !tsn_alert_same_signature(r, TSN_SIGNATURE_SAVED, &part))
			continue;
		if (m->arena == NULL)
			m->arena = tsn_arena_new();
		grown = m->arena != NULL ? tsn_grow(m->opening, m->nopenings, &m->opening_cap, sizeof(*grown)) : NULL;
		if (grown == NULL)
			return false;
		m->opening = grown;
		o.rule = r->number;
		o.seq = m->nopenings;
		if (!load_opening(m->arena, r->rule, &o, &part))
			return false;
		m->opening[m->nopenings++] = o;
	}
	return !in->bad;
}

static void
empty_rule(struct tsn_alert_rule *r)
{
	r->slot = NULL;
	r->nslots = r->nentries = 0;
	r->lists = TSN_ALERT_NO_LISTS;
	r->news = NULL;
	r->nnews = r->news_cap = 0;
	r->watch_pane = TSN_TIME_NONE;
	r->counts.open = r->counts.pending = 0;
}

static void
put_in_place(struct tsn_alerts *a, struct made *m)
{
	free_entries(a->rule, a->nrules);
	memcpy(a->rule, m->rule, a->nrules * sizeof(*m->rule)); /* where their plans are */
	tsn_free(m->rule);
	tsn_alerts_openings_done(a);
	tsn_free(a->opening);
	a->opening = m->opening;
	a->nopenings = m->nopenings;
	a->opening_cap = m->opening_cap;
	a->opening_arena = m->arena;
	a->next_due = tsn_alert_earliest(a);
	tsn_alert_watch_again(a);
}

bool
tsn_alerts_load(struct tsn_alerts *a, struct tsn_unpack *in, uint64_t *open)
{
	struct made m = { .rule = tsn_calloc(a->nrules > 0 ? a->nrules : 1, sizeof(*m.rule)) };
	struct tsn_alert_io x = { .in = in };
	const bool none = in->p == in->end;
	struct tsn_unpack openings = *in;
	int64_t now = TSN_TIME_NONE;
	uint64_t ticket = 0;

	if (m.rule == NULL)
		return false;
	for (uint32_t i = 0; i < a->nrules; i++) {
		m.rule[i] = a->rule[i];
		empty_rule(&m.rule[i]);
	}
	if (!none) {
		openings = tsn_unpack_part(in);
		tsn_alert_io_time(&x, &now);
		ticket = tsn_unpack_below(in, INT64_MAX);
	}
	if (!load_rules(a, m.rule, in) || !load_openings(a, &m, &openings)) {
		free_entries(m.rule, a->nrules);
		tsn_free(m.rule);
		tsn_free(m.opening);
		tsn_arena_free(m.arena);
		return false;
	}
	put_in_place(a, &m);
	a->now = now;
	a->next_ticket = ticket;
	for (uint32_t i = 0; open != NULL && i < a->nrules; i++)
		*open += a->rule[i].counts.open;
	return true;
}
