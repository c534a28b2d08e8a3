/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Openings that other rules and dynamic sets want to know of, until the
 * engine takes them at the next tick. They come in the order of evaluation
 * and are given in that of records: by row or tick, then rule, then key.
 */
#include "alert/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void *
keep(struct tsn_alerts *a, const void *p, size_t n)
{
	void *copy = tsn_arena_alloc(a->opening_arena, n > 0 ? n : 1);

	if (copy != NULL && n > 0)
		memcpy(copy, p, n);
	return copy;
}

/* What the actions of a reported opening add or remove, read off its flow. */
static bool
put_values(struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row, struct tsn_opening *o)
{
	uint8_t bytes[TSN_KEY_MAX];

	o->value = tsn_arena_alloc(a->opening_arena, (r->nactions > 0 ? r->nactions : 1) * sizeof(*o->value));
	if (o->value == NULL)
		return false;
	for (uint32_t i = 0; i < r->nactions; i++) {
		size_t n = tsn_key_encode_loose(&r->action[i].value, a->batch, row, bytes);

		o->value[i] = (struct tsn_opening_value){ keep(a, bytes, n), (uint32_t)n };
		if (o->value[i].p == NULL)
			return false;
	}
	o->nvalues = r->nactions;
	return true;
}

static bool
fill(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_entry *e, uint32_t row,
    const struct tsn_alert *record, struct tsn_opening *o)
{
	o->key = keep(a, e->key, e->key_len);
	o->key_len = e->key_len;
	if (o->key == NULL)
		return false;
	if (!o->reported || r->rule->nactions == 0)
		return true;
	tsn_alert_entry_id(r, e, o->id);
	if (record != NULL && record->message != NULL) {
		o->message = keep(a, record->message, strlen(record->message) + 1);
		if (o->message == NULL)
			return false;
	}
	return put_values(a, r->rule, row, o);
}

/* Room for one more, and for what it keeps. NULL when memory is out. */
static struct tsn_opening *
next_opening(struct tsn_alerts *a)
{
	struct tsn_opening *grown = tsn_grow(a->opening, a->nopenings, &a->opening_cap, sizeof(*grown));

	if (grown == NULL)
		return NULL;
	a->opening = grown;
	if (a->opening_arena == NULL && (a->opening_arena = tsn_arena_new()) == NULL)
		return NULL;
	return &a->opening[a->nopenings];
}

void
tsn_alert_tell(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_entry *e, uint32_t row,
    const struct tsn_alert *record, unsigned what)
{
	struct tsn_alert_place place = tsn_alert_place_of_row(a, row);
	struct tsn_opening *o = a->nopenings < TSN_OPENINGS_MAX ? next_opening(a) : NULL;

	if (o == NULL) {
		r->counts.untold++;
		return;
	}
	*o = (struct tsn_opening){ .rule = r->number, .time = a->batch->time[row], .counts = what & TSN_TELL_COUNTS,
		.reported = what & TSN_TELL_REPORTED, .ticket = place.ticket, .row = place.row, .due = place.due,
		.seq = a->nopenings };
	if (fill(a, r, e, row, record, o))
		a->nopenings++;
	else
		r->counts.untold++;
}

static bool
copy_values(struct tsn_alerts *a, struct tsn_opening *o, const struct tsn_opening *from)
{
	o->value = tsn_arena_alloc(a->opening_arena, (from->nvalues > 0 ? from->nvalues : 1) * sizeof(*o->value));
	for (uint32_t i = 0; o->value != NULL && i < from->nvalues; i++) {
		o->value[i] = (struct tsn_opening_value){ keep(a, from->value[i].p, from->value[i].n), from->value[i].n };
		if (o->value[i].p == NULL)
			return false;
	}
	return o->value != NULL;
}

void
tsn_alert_opening_put(struct tsn_alerts *to, uint32_t rule, const struct tsn_opening *o)
{
	struct tsn_opening *copy = next_opening(to);

	if (copy == NULL) {
		to->rule[rule].counts.untold++;
		return;
	}
	*copy = *o;
	copy->rule = rule;
	copy->seq = to->nopenings;
	copy->key = keep(to, o->key, o->key_len);
	copy->message = o->message != NULL ? keep(to, o->message, strlen(o->message) + 1) : NULL;
	if (copy->key != NULL && (copy->message != NULL) == (o->message != NULL) && copy_values(to, copy, o))
		to->nopenings++;
	else
		to->rule[rule].counts.untold++;
}

static int
compare(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

static int
in_order(const void *x, const void *y)
{
	const struct tsn_opening *p = x, *q = y;
	uint32_t n = p->key_len < q->key_len ? p->key_len : q->key_len;
	int c;

	if ((c = compare(p->ticket, q->ticket)) != 0 || (c = p->row - q->row) != 0)
		return c;
	if (!p->row && p->due != q->due)
		return p->due < q->due ? -1 : 1;
	if ((c = compare(p->rule, q->rule)) != 0 || (c = memcmp(p->key, q->key, n)) != 0 ||
	    (c = compare(p->key_len, q->key_len)) != 0)
		return c;
	return compare(p->seq, q->seq);
}

static int
in_order_by_pointer(const void *x, const void *y)
{
	return in_order(*(const struct tsn_opening *const *)x, *(const struct tsn_opening *const *)y);
}

void
tsn_alert_openings_sort(const struct tsn_opening **v, size_t n)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), in_order_by_pointer);
}

const struct tsn_opening *
tsn_alerts_openings(struct tsn_alerts *a, size_t *n)
{
	if (a->nopenings > 1)
		qsort(a->opening, a->nopenings, sizeof(*a->opening), in_order);
	*n = a->nopenings;
	return a->opening;
}

void
tsn_alerts_openings_done(struct tsn_alerts *a)
{
	a->nopenings = 0;
	tsn_arena_free(a->opening_arena);
	a->opening_arena = NULL;
}
