/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records leave the stage, in the one order: at once, or together with those
 * of other stages that went through the same rows.
 */
#include "alert/stage.h"

#include <stdlib.h>
#include <string.h>

#include "alert/sink.h"
#include "base/mem.h"

#define LINES      2048 /* of so many records lines are made beforehand: windows may close with any number */
#define LINES_KEPT ((size_t)2 << 20)

/* The batch is over; nothing points to it any more. */
static void
leave_batch(struct tsn_alerts *a)
{
	a->npending = 0;
	a->ticked = false;
	a->next_ticket = a->coming != NULL ? a->coming->ticket + a->coming->n : a->next_ticket;
	a->batch = a->coming = NULL;
	a->has_rows = false;
	a->talks_of = INT64_MAX;
}

static void
sort(struct tsn_alerts *a)
{
	size_t i = 1;

	while (i < a->npending && tsn_alert_in_order(&a->pending[i - 1], &a->pending[i]) < 0)
		i++;
	if (i < a->npending) /* mostly they are */
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
	if (a->npending > 0)
		tsn_arena_clear(a->arena);
	leave_batch(a);
}

void
tsn_alerts_take(struct tsn_alerts *a, struct tsn_alert_records *out)
{
	sort(a);
	*out = (struct tsn_alert_records){ .ticked = a->ticked };
	if (a->npending > 0) {
		*out = (struct tsn_alert_records){ a->pending, a->npending, a->arena, a->ticked };
		a->pending = NULL;
		a->pending_cap = 0;
		a->arena = NULL;
	}
	leave_batch(a);
}

void
tsn_alert_records_fini(struct tsn_alert_records *r)
{
	tsn_free(r->v);
	tsn_arena_free(r->arena);
	*r = (struct tsn_alert_records){ 0 };
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

/* --- lines --- */

static bool
has_lines(const struct tsn_sink *s)
{
	return s->ops->line != NULL;
}

static bool
reserve_lines(struct tsn_alert_lines *l, size_t nsinks)
{
	struct tsn_buf *v;

	l->n = 0;
	if (nsinks > l->nsinks) {
		v = tsn_reallocarray(l->text, nsinks, sizeof(*v));
		if (v == NULL)
			return false;
		l->text = v;
		memset(v + l->nsinks, 0, (nsinks - l->nsinks) * sizeof(*v));
		l->nsinks = nsinks;
	}
	for (size_t s = 0; s < l->nsinks; s++)
		tsn_buf_clear(&l->text[s]);
	return true;
}

void
tsn_alerts_make_lines(const struct tsn_alerts *a, const struct tsn_alert_records *r, size_t n, struct tsn_alert_lines *out)
{
	size_t next[TSN_ALERT_STAGES] = { 0 }, made = 0;
	const struct tsn_alert_pending *p;
	bool failed = !reserve_lines(out, a->nsinks);

	while (!failed && made < LINES && (p = first(r, n, next)) != NULL) {
		for (size_t s = 0; s < a->nsinks; s++) {
			if (has_lines(a->sink[s]) && p->al->severity >= a->sink[s]->at_least)
				a->sink[s]->ops->line(a->sink[s], p->al, &out->text[s]);
			failed |= out->text[s].failed;
		}
		made++;
	}
	out->n = failed ? 0 : made;
}

/* Memory for the next ones is kept, but not that of the largest ever. */
static void
empty_lines(struct tsn_alert_lines *l)
{
	for (size_t s = 0; s < l->nsinks; s++)
		if (l->text[s].cap > LINES_KEPT)
			tsn_buf_fini(&l->text[s]);
	l->n = 0;
}

void
tsn_alert_lines_fini(struct tsn_alert_lines *l)
{
	for (size_t s = 0; s < l->nsinks; s++)
		tsn_buf_fini(&l->text[s]);
	tsn_free(l->text);
	*l = (struct tsn_alert_lines){ 0 };
}

/* --- to the sinks --- */

/* A sink of lines gets those there are, then the records behind them. */
static void
write_all(const struct tsn_alerts *a, const struct tsn_alert_records *r, size_t n, const struct tsn_alert_lines *lines)
{
	const size_t ready = lines != NULL ? lines->n : 0;
	size_t next[TSN_ALERT_STAGES] = { 0 };
	const struct tsn_alert_pending *p;

	for (size_t s = 0; ready > 0 && s < a->nsinks; s++)
		if (has_lines(a->sink[s]) && lines->text[s].len > 0)
			a->sink[s]->ops->lines(a->sink[s], lines->text[s].p, lines->text[s].len);
	for (size_t i = 0; (p = first(r, n, next)) != NULL; i++)
		for (size_t s = 0; s < a->nsinks; s++)
			if (i >= ready || !has_lines(a->sink[s]))
				tsn_sink_write(a->sink[s], p->al);
}

void
tsn_alerts_give(struct tsn_alerts *a, struct tsn_alert_records *r, size_t n, struct tsn_alert_lines *lines)
{
	size_t records = 0;
	bool ticked = false;

	for (size_t i = 0; i < n; i++) {
		records += r[i].n;
		ticked |= r[i].ticked;
	}
	if (records > 0)
		write_all(a, r, n, lines);
	if (lines != NULL)
		empty_lines(lines);
	for (size_t s = 0; (records > 0 || ticked) && s < a->nsinks; s++)
		tsn_sink_flush(a->sink[s]);
	for (size_t i = 0; i < n; i++)
		tsn_alert_records_fini(&r[i]);
}
