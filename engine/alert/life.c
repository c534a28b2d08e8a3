/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The life of an entry: it waits for its `for`, opens, is raised, ends. What
 * `once per` keeps quiet lives the same life, but without a record.
 */
#include "alert/stage.h"
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define AGE_MAX (INT64_C(3600) * TSN_SECOND) /* event time is at most so far behind receipt (S1) */

/* The first row of the batch at hand that comes after [tick], as a place before it. */
struct tsn_alert_place
tsn_alert_place_of_tick(const struct tsn_alerts *a, int64_t tick)
{
	uint32_t lo = 0, hi, mid;

	if (a->talks_of != INT64_MAX && a->talks_now >= tick)
		return (struct tsn_alert_place){ a->talks_ticket, false, tick };
	if (!a->has_rows)
		return (struct tsn_alert_place){ a->next_ticket, false, tick };
	hi = (uint32_t)(a->next_ticket - a->batch_ticket);
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (a->received[mid] >= tick)
			hi = mid;
		else
			lo = mid + 1;
	}
	return (struct tsn_alert_place){ a->batch_ticket + lo, false, tick };
}

struct tsn_alert_place
tsn_alert_place_of_row(const struct tsn_alerts *a, uint32_t row)
{
	if (a->batch->kind == TSN_BATCH_TICK)
		return (struct tsn_alert_place){ a->next_ticket, false, a->received[row] };
	return (struct tsn_alert_place){ a->batch->ticket + row, true, 0 };
}

/* The sampling interval of a row, 0 if it was not sampled. */
uint32_t
tsn_alert_row_sampling(const struct tsn_batch *b, uint32_t row)
{
	uint32_t v;

	if (!b->sampled || !tsn_mask_has(&b->present[TSN_F_SAMPLING], row))
		return 0;
	v = ((const uint32_t *)b->col[TSN_F_SAMPLING])[row];
	return v > 1 ? v : 0;
}

/* S12: the last rung that holds. */
enum tsn_severity
tsn_alert_level(const struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row)
{
	for (uint32_t i = r->nrungs; i-- > 0;)
		if (a->reads->holds(a->reads->arg, r->rung[i].holds, row))
			return r->rung[i].severity;
	return r->severity;
}

static void
forget_news(struct tsn_alert_rule *r, const struct tsn_alert_entry *e)
{
	if (e->d == NULL || e->d->news_due == TSN_TIME_NONE)
		return;
	for (size_t i = 0; i < r->nnews; i++)
		if (r->news[i] == e)
			r->news[i] = NULL;
}

bool
tsn_alert_news_put(struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	struct tsn_alert_entry **grown = tsn_grow(r->news, r->nnews, &r->news_cap, sizeof(struct tsn_alert_entry *));
	size_t i = r->nnews;

	if (grown == NULL)
		return false;
	for (r->news = grown; i > 0 && (grown[i - 1] == NULL || grown[i - 1]->d->news_due > e->d->news_due); i--)
		grown[i] = grown[i - 1];
	grown[i] = e;
	r->nnews++;
	return true;
}

/* Of an incident: a member that joined is told at the first tick behind this one. */
static void
join(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	int64_t due;

	if (!tsn_alert_join(a, r, e, row) || e->d->news_due != TSN_TIME_NONE || e->life != TSN_LIFE_OPEN)
		return;
	due = tsn_tick_at(a->received[row] + 1);
	e->d->news_due = due;
	if (!tsn_alert_news_put(r, e)) {
		e->d->news_due = TSN_TIME_NONE; /* told with those who come next, or at the end */
		return;
	}
	if (due < a->next_due)
		a->next_due = due;
}

void
tsn_alert_news(struct tsn_alerts *a, struct tsn_alert_rule *r, int64_t tick)
{
	size_t n = 0;

	for (; n < r->nnews; n++) {
		struct tsn_alert_entry *e = r->news[n];

		if (e == NULL)
			continue;
		if (e->d->news_due > tick)
			break;
		tsn_alert_settle(a, r, e);
		if (!e->silent)
			tsn_alert_record(a, r, e, TSN_ALERT_UPDATE, e->d->news_due, tsn_alert_place_of_tick(a, e->d->news_due));
		e->d->members.told = e->d->members.count;
		e->d->news_due = TSN_TIME_NONE;
	}
	r->nnews -= n;
	if (n > 0 && r->nnews > 0)
		memmove(r->news, r->news + n, r->nnews * sizeof(struct tsn_alert_entry *));
}

/* Puts it into the list of a life with the time at which that ends. */
static void
move(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, enum tsn_alert_life life, int64_t due)
{
	tsn_alert_delist(r, e);
	r->counts.pending -= e->life == TSN_LIFE_PENDING;
	r->counts.pending += life == TSN_LIFE_PENDING;
	e->life = (uint8_t)life;
	e->due = due;
	tsn_alert_enlist(r, e);
	if (due < a->next_due)
		a->next_due = due;
}

void
tsn_alert_drop(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	for (uint32_t i = 0; e->dirty && i < a->ndirty; i++)
		if (a->dirty[i] == e)
			a->dirty[i] = NULL;
	if (a->recent == e)
		a->recent = NULL;
	tsn_alert_watch_forget(a, e);
	forget_news(r, e);
	tsn_alert_delist(r, e);
	r->counts.pending -= e->life == TSN_LIFE_PENDING;
	tsn_alert_entry_drop(r, e);
}

void
tsn_alert_end(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t time,
    struct tsn_alert_place place, int64_t forget)
{
	bool reported = e->life == TSN_LIFE_OPEN && !e->silent;

	if (reported) {
		tsn_alert_settle(a, r, e);
		tsn_alert_record(a, r, e, TSN_ALERT_CLOSE, time, place);
		r->counts.open--;
		r->counts.closed++;
	}
	tsn_alert_watch_forget(a, e);
	forget_news(r, e);
	tsn_alert_entry_strip(a, e);
	move(a, r, e, TSN_LIFE_CLOSED, forget);
	e->silent = false;
}

/* The row counts in its pane, and the alert ends accordingly later. */
static void
prolong(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t pane)
{
	int64_t due;

	if (r->rule->watched) {
		if (tsn_alert_hold_has(&e->d->hold, pane))
			return;
		tsn_alert_hold_mark(&e->d->hold, pane);
	}
	due = tsn_alert_end_due(a, r, e);
	if (due != e->due)
		move(a, r, e, (enum tsn_alert_life)e->life, due);
}

/* What every match adds to an alert with its numbers. */
static void
count_row(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	const struct tsn_batch *b = a->batch;
	int64_t t = b->time[row];
	uint32_t sampling = tsn_alert_row_sampling(b, row);

	e->first_seen = t < e->first_seen ? t : e->first_seen;
	e->last_seen = t > e->last_seen ? t : e->last_seen;
	e->sampling = sampling > e->sampling ? sampling : e->sampling;
	e->sampled = false;
	if (b->kind == TSN_BATCH_TICK)
		return;
	e->flows++;
	if (e->flows <= TSN_ALERT_SAMPLES)
		e->sampled = tsn_alert_capture_sample(a, r, e, row);
}

/* The numbers of an alert begin with this row. */
static void
begin_numbers(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	e->first_seen = e->last_seen = a->batch->time[row];
	e->flows = 0;
	e->sampling = 0;
	e->d->nsamples = 0;
	count_row(a, r, e, row);
	tsn_alert_capture(a, r, e, row);
	e->d->before = e->d->counted > e->flows ? e->d->counted - e->flows : 0;
}

static void
report(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row, bool opens)
{
	const struct tsn_alert *al;

	e->silent = false;
	e->opened = e->reported = a->batch->time[row];
	r->counts.open++;
	r->counts.alerts++;
	tsn_alert_take_notes(a, r, e->d, row);
	al = tsn_alert_record(a, r, e, TSN_ALERT_OPEN, e->opened, tsn_alert_place_of_row(a, row));
	e->d->members.told = e->d->members.count;
	if (r->tells && (opens || r->rule->nactions > 0))
		tsn_alert_tell(a, r, e, row, al, opens ? TSN_TELL_COUNTS | TSN_TELL_REPORTED : TSN_TELL_REPORTED);
}

static bool
is_quiet(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e, uint32_t row)
{
	return e->reported != TSN_TIME_NONE && a->batch->time[row] < e->reported + r->rule->once_ms;
}

static void
open_alert(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	if (e->life != TSN_LIFE_OPEN) {
		r->counts.pending -= e->life == TSN_LIFE_PENDING;
		tsn_alert_delist(r, e);
		e->life = TSN_LIFE_OPEN;
		e->due = tsn_alert_end_due(a, r, e);
		tsn_alert_enlist(r, e);
		if (e->due < a->next_due)
			a->next_due = e->due;
	}
	e->opened = a->batch->time[row];
	e->severity = (uint8_t)tsn_alert_level(a, r->rule, row);
	r->counts.openings++;
	e->silent = is_quiet(a, r, e, row);
	if (!e->silent) {
		report(a, r, e, row, true);
		return;
	}
	r->counts.suppressed++;
	if (r->tells)
		tsn_alert_tell(a, r, e, row, NULL, TSN_TELL_COUNTS);
}

/* True once a pending key has held long enough. */
static bool
is_ripe(const struct tsn_alert_rule *r, const struct tsn_alert_entry *e, int64_t pane)
{
	return tsn_alert_hold_run(&e->d->hold, pane) >= r->for_panes;
}

void
tsn_alert_begin(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	int64_t pane = 0;

	if (!tsn_alert_entry_equip(a, e, r->nsaved)) {
		r->counts.lost++;
		tsn_alert_drop(a, r, e);
		return;
	}
	e->received = a->received[row];
	e->last_row = TSN_ALERT_NO_ROW; /* what it was before in this batch ended unread */
	e->cut = false;
	e->d->hold = (struct tsn_alert_hold){ .newest = TSN_TIME_NONE };
	if (r->rule->watched) {
		pane = tsn_alert_pane_of_row(a, r, &e->d->hold, row);
		tsn_alert_hold_mark(&e->d->hold, pane);
		tsn_alert_watch_from(a, r, e, a->received[row]);
	}
	begin_numbers(a, r, e, row);
	if (r->rule->member.n > 0)
		join(a, r, e, row);
	tsn_alert_delist(r, e);
	e->life = r->for_panes > 1 ? TSN_LIFE_PENDING : TSN_LIFE_OPEN;
	e->due = tsn_alert_end_due(a, r, e);
	tsn_alert_enlist(r, e);
	if (e->due < a->next_due)
		a->next_due = e->due;
	if (e->life == TSN_LIFE_PENDING)
		r->counts.pending++;
	else
		open_alert(a, r, e, row);
}

/* A climb is reported at once, a descent never. */
static void
climb(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row, bool flow)
{
	enum tsn_severity now = tsn_alert_level(a, r->rule, row);

	if (now <= e->severity)
		return;
	if (flow)
		tsn_alert_capture(a, r, e, row);
	else
		tsn_alert_capture_value(a, r, e, row);
	e->severity = (uint8_t)now;
	tsn_alert_take_notes(a, r, e->d, row);
	tsn_alert_record(a, r, e, TSN_ALERT_UPDATE, a->batch->time[row], tsn_alert_place_of_row(a, row));
	e->d->members.told = e->d->members.count;
}

static void
report_late(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	e->severity = (uint8_t)tsn_alert_level(a, r->rule, row);
	report(a, r, e, row, false);
}

void
tsn_alert_go_on(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	int64_t pane = r->rule->watched ? tsn_alert_pane_of_row(a, r, &e->d->hold, row) : 0;

	e->received = a->received[row];
	prolong(a, r, e, pane);
	if (r->rule->member.n > 0)
		join(a, r, e, row);
	if (e->life == TSN_LIFE_OPEN && e->silent) {
		if (is_quiet(a, r, e, row)) {
			r->counts.suppressed++;
			return;
		}
		begin_numbers(a, r, e, row);
		report_late(a, r, e, row);
		return;
	}
	count_row(a, r, e, row);
	if (e->life == TSN_LIFE_PENDING && is_ripe(r, e, pane)) {
		tsn_alert_capture(a, r, e, row);
		open_alert(a, r, e, row);
	} else if (e->life == TSN_LIFE_OPEN && r->rule->nrungs > 0) {
		climb(a, r, e, row, true);
	}
}

void
tsn_alert_still(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	int64_t pane = tsn_alert_pane(r, a->batch->time[row]);

	prolong(a, r, e, pane);
	if (e->life == TSN_LIFE_PENDING && is_ripe(r, e, pane)) {
		tsn_alert_capture_value(a, r, e, row);
		open_alert(a, r, e, row);
	} else if (e->life == TSN_LIFE_OPEN && e->silent) {
		if (is_quiet(a, r, e, row))
			return;
		tsn_alert_capture_value(a, r, e, row);
		report_late(a, r, e, row);
	} else if (e->life == TSN_LIFE_OPEN && r->rule->nrungs > 0) {
		climb(a, r, e, row, false);
	}
}
