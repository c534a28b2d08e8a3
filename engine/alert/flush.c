/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records leave the stage, in the one order: at once, or together with those
 * of other stages that went through the same rows.
 */
#include "alert/stage.h"

#include <stdlib.h>

#include "alert/sink.h"
#include "base/mem.h"

/* The batch is over; nothing points to it any more. */
static void
leave_batch(struct tsn_alerts *a)
{
	a->npending = 0;
	a->arena = NULL;
	a->ticked = false;
	a->next_ticket = a->coming != NULL ? a->coming->ticket + a->coming->n : a->next_ticket;
	a->batch = a->coming = NULL;
	a->has_rows = false;
	a->talks_of = INT64_MAX;
}

static void
sort(struct tsn_alerts *a)
{
	if (a->npending > 1)
		qsort(a->pending, a->npending, sizeof(*a->pending), tsn_alert_in_order);
}

static void
write_record(const struct tsn_alerts *a, const struct tsn_alert *al)
{
	for (size_t s = 0; s < a->nsinks; s++)
		tsn_sink_write(a->sink[s], al);
}

void
tsn_alerts_flush(struct tsn_alerts *a)
{
	sort(a);
	for (size_t i = 0; i < a->npending; i++)
		write_record(a, a->pending[i].al);
	for (size_t s = 0; (a->npending > 0 || a->ticked) && s < a->nsinks; s++)
		tsn_sink_flush(a->sink[s]);
	tsn_arena_free(a->arena);
	leave_batch(a);
}

void
tsn_alerts_take(struct tsn_alerts *a, struct tsn_alert_records *out)
{
	sort(a);
	*out = (struct tsn_alert_records){ a->pending, a->npending, a->arena, a->ticked };
	if (a->npending > 0) {
		a->pending = NULL;
		a->pending_cap = 0;
	} else {
		out->v = NULL;
	}
	leave_batch(a);
}

/* Of the records that come next in each, the first in the order; NULL: there is none. */
static const struct tsn_alert_pending *
first(const struct tsn_alert_records *r, size_t n, size_t *next)
{
	const struct tsn_alert_pending *least = NULL;
	size_t of = 0;

	for (size_t i = 0; i < n; i++)
		if (next[i] < r[i].n && (least == NULL || tsn_alert_in_order(&r[i].v[next[i]], least) < 0)) {
			least = &r[i].v[next[i]];
			of = i;
		}
	if (least != NULL)
		next[of]++;
	return least;
}

static void
write_all(const struct tsn_alerts *a, const struct tsn_alert_records *r, size_t n)
{
	size_t next[TSN_ALERT_STAGES] = { 0 };
	const struct tsn_alert_pending *p;

	while ((p = first(r, n, next)) != NULL)
		write_record(a, p->al);
}

void
tsn_alerts_give(struct tsn_alerts *a, struct tsn_alert_records *r, size_t n)
{
	size_t records = 0;
	bool ticked = false;

	for (size_t i = 0; i < n; i++) {
		records += r[i].n;
		ticked |= r[i].ticked;
	}
	if (records > 0)
		write_all(a, r, n);
	for (size_t s = 0; (records > 0 || ticked) && s < a->nsinks; s++)
		tsn_sink_flush(a->sink[s]);
	for (size_t i = 0; i < n; i++) {
		tsn_free(r[i].v);
		tsn_arena_free(r[i].arena);
		r[i] = (struct tsn_alert_records){ 0 };
	}
}
