/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The fold: matching rows meet the entry of their key, ticks end alerts. What
 * the flow that matched last looks like is read once a batch and entry, at the end
 * or when a record needs it, so that a match of an open alert costs little more
 * than finding it.
 */
#include "alert/stage.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/wide.h"
#include "flow/share.h"

#define AGE_MAX (INT64_C(3600) * TSN_SECOND) /* event time is at most so far behind receipt (S1) */

void
tsn_alert_settle(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	if (!e->dirty || e->last_row == TSN_ALERT_NO_ROW)
		return;
	tsn_alert_capture(a, r, e, e->last_row);
	e->last_row = TSN_ALERT_NO_ROW;
}

/* At most one entry a row, so there is room. */
static void
mark(struct tsn_alerts *a, struct tsn_alert_entry *e, uint32_t row)
{
	e->last_row = row;
	if (e->dirty)
		return;
	e->dirty = true;
	a->dirty[a->ndirty++] = e;
}

/* Inlined always, as base/prefetch.h says. */
static inline __attribute__((always_inline)) void
prefetch_details(const struct tsn_alert_entry *e, size_t bytes)
{
	if (e == NULL || e->d == NULL)
		return;
	for (size_t at = 0; at < bytes; at += 64)
		__builtin_prefetch((const char *)e->d + at, 1);
}

static void
settle_all(struct tsn_alerts *a, struct tsn_alert_rule *r)
{
	for (uint32_t i = 0; i < a->ndirty; i++) {
		struct tsn_alert_entry *e = a->dirty[i];

		if (i + 4 < a->ndirty)
			prefetch_details(a->dirty[i + 4], TSN_ALERT_READ);
		if (e == NULL)
			continue;
		if (e->life != TSN_LIFE_CLOSED)
			tsn_alert_settle(a, r, e);
		e->dirty = false;
	}
	a->ndirty = 0;
}

/* An alert ends at [tick]; its entry stays as closed while it may suppress. */
static void
end_at_tick(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t tick,
    struct tsn_alert_place place)
{
	int64_t keep = r->rule->once_ms + AGE_MAX - r->rule->hold_ms;

	/* it was reported at least hold_ms before, and no later flow is older than AGE_MAX */
	tsn_alert_end(a, r, e, tick, place, tick + (keep > 0 ? keep : 0));
}

/* Those that end together lie anywhere in memory. */
static void
prefetch_next(const struct tsn_alert_entry *e)
{
	prefetch_details(e->next, sizeof(*e->d));
	if (e->next != NULL && e->next->next != NULL) {
		__builtin_prefetch(e->next->next, 1);
		__builtin_prefetch((const char *)e->next->next + 64, 1);
	}
}

static struct tsn_alert_entry *
due_by(const struct tsn_alert_list *l, int64_t tick)
{
	return l->head != NULL && l->head->due <= tick ? l->head : NULL;
}

void
tsn_alert_catch_up(struct tsn_alerts *a, struct tsn_alert_rule *r, int64_t tick)
{
	struct tsn_alert_entry *e;

	if (r->nnews > 0)
		tsn_alert_news(a, r, tick);
	if (tick < r->lists.least)
		return;
	for (uint32_t i = 0; i < tsn_alert_nlists(r); i++) {
		while ((e = due_by(tsn_alert_list(r, TSN_LIFE_PENDING, i), tick)) != NULL) {
			if (e->reported == TSN_TIME_NONE)
				tsn_alert_drop(a, r, e);
			else
				end_at_tick(a, r, e, e->due, tsn_alert_place_of_tick(a, e->due));
		}
		while ((e = due_by(tsn_alert_list(r, TSN_LIFE_OPEN, i), tick)) != NULL) {
			prefetch_next(e);
			end_at_tick(a, r, e, e->due, tsn_alert_place_of_tick(a, e->due));
		}
		while ((e = due_by(tsn_alert_list(r, TSN_LIFE_CLOSED, i), tick)) != NULL)
			tsn_alert_drop(a, r, e);
	}
	r->lists.least = tsn_alert_lists_due(r);
}

static bool
is_full(const struct tsn_alerts *a, const struct tsn_alert_rule *r, uint32_t part)
{
	if (tsn_alert_is_one_bound(a))
		return r->nentries >= a->max_keys;
	return r->slot != NULL && tsn_alert_in_part(r)[part] >= a->max_keys / TSN_ALERT_PARTS;
}

/* Which gives way first of those of a part, or of all where the bound is one on all. */
static struct tsn_alert_entry *
first_of(const struct tsn_alerts *a, const struct tsn_alert_rule *r, enum tsn_alert_life life, uint32_t part)
{
	struct tsn_alert_entry *e;

	if (tsn_alert_is_one_bound(a))
		return tsn_alert_first_due(r, life);
	for (e = tsn_alert_list(r, life, part)->head; e != NULL && e->part != part; e = e->next)
		;
	return e;
}

/* The part's bound is reached: what only suppresses gives way first, then what waits, then the alert that would end next. */
static void
evict(struct tsn_alerts *a, struct tsn_alert_rule *r, uint32_t row, uint32_t part)
{
	struct tsn_alert_place here = tsn_alert_place_of_row(a, row);
	struct tsn_alert_entry *e = first_of(a, r, TSN_LIFE_CLOSED, part);

	if (!r->told_full) {
		tsn_log(a->log, TSN_LOG_WARN, "rule %s has alerts for %u keys, its bound: the oldest give way", r->rule->name,
		    (unsigned)r->nentries);
		r->told_full = true;
	}
	if (e == NULL)
		e = first_of(a, r, TSN_LIFE_PENDING, part);
	if (e == NULL) {
		e = first_of(a, r, TSN_LIFE_OPEN, part);
		here.row = false;
		here.due = a->received[row];
		e->cut = true;
		tsn_alert_end(a, r, e, a->received[row], here, a->received[row]);
	}
	tsn_alert_drop(a, r, e);
	r->counts.evicted++;
}

static struct tsn_alert_entry *
enter(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_keyed *k)
{
	const uint32_t part = tsn_alert_part(a, r->rule, k->key, k->len);
	struct tsn_alert_entry *e;

	if (is_full(a, r, part))
		evict(a, r, k->row, part);
	e = tsn_alert_entry_add(r, k->hash, k->key, k->len);
	if (e == NULL) {
		r->counts.lost++;
		return NULL;
	}
	e->opened = e->reported = TSN_TIME_NONE;
	e->part = (uint8_t)part;
	tsn_alert_in_part(r)[part]++;
	return e;
}

/* An entry as new, but for the memory it had for the record before. NULL when memory is out. */
static struct tsn_alert_entry *
empty_entry(struct tsn_alerts *a, const struct tsn_alert_rule *r)
{
	struct tsn_alert_entry *e = a->each;

	if (e == NULL)
		e = a->each = tsn_calloc(1, sizeof(*e) + TSN_KEY_MAX);
	if (e == NULL)
		return NULL;
	if (a->each_of != r)
		tsn_alert_entry_shed(e);
	a->each_of = r;
	if (!tsn_alert_entry_details(e, r->nsaved))
		return NULL;
	*e = (struct tsn_alert_entry){ .d = e->d };
	e->d->nnotes = 0;
	return e;
}

/* `alert each`: a record without an alert behind it. */
static void
each(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_keyed *k)
{
	struct tsn_alert_entry *e = empty_entry(a, r);
	const struct tsn_alert *al;

	if (e == NULL) {
		r->counts.lost++;
		return;
	}
	e->key_len = k->len;
	memcpy(e->key, k->key, k->len);
	e->opened = e->first_seen = e->last_seen = a->batch->time[k->row];
	e->flows = a->batch->kind != TSN_BATCH_TICK;
	e->sampling = tsn_alert_row_sampling(a->batch, k->row);
	e->severity = (uint8_t)tsn_alert_level(a, r->rule, k->row);
	tsn_alert_capture(a, r, e, k->row);
	tsn_alert_take_notes(a, r, e->d, k->row);
	r->counts.alerts++;
	r->counts.openings++;
	al = tsn_alert_record(a, r, e, TSN_ALERT_EACH, e->opened, tsn_alert_place_of_row(a, k->row));
	if (r->tells)
		tsn_alert_tell(a, r, e, k->row, al, TSN_TELL_COUNTS | TSN_TELL_REPORTED);
}

static struct tsn_alert_entry *
find(struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_keyed *k)
{
	struct tsn_alert_entry *e = a->recent;

	return e != NULL && tsn_alert_entry_is(e, k->hash, k->key, k->len) ? e : tsn_alert_entry_find(r, k->hash, k->key, k->len);
}

static void
once(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_keyed *k)
{
	struct tsn_alert_entry *e = find(a, r, k);

	if (e == NULL)
		e = enter(a, r, k);
	if (e == NULL)
		return;
	a->recent = e;
	if (e->life == TSN_LIFE_CLOSED) {
		tsn_alert_begin(a, r, e, k->row);
		return;
	}
	tsn_alert_go_on(a, r, e, k->row);
	if (!e->silent)
		mark(a, e, k->row);
}

/* `until` is true of the row: what is open or pending ends here, with this row if it matched. */
static void
end_at_row(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	tsn_alert_end(a, r, e, a->batch->time[row], tsn_alert_place_of_row(a, row),
	    tsn_tick_at(a->received[row] + r->rule->once_ms + AGE_MAX));
}

static void
until(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_keyed *k, bool matches)
{
	struct tsn_alert_entry *e = find(a, r, k);

	if (e == NULL || e->life == TSN_LIFE_CLOSED)
		return;
	if (matches && e->life == TSN_LIFE_OPEN) {
		tsn_alert_go_on(a, r, e, k->row);
		if (!e->silent)
			mark(a, e, k->row);
	}
	end_at_row(a, r, e, k->row);
}

/* The rows at hand and which of them match and end; NULL: all match, none ends. */
struct verdict {
	const struct tsn_mask *match, *until;
};

static void
fold_row(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_keyed *k, const struct verdict *v)
{
	int64_t now = a->received[k->row];
	bool matches = v->until == NULL || tsn_mask_has(v->match, k->row);

	if (r->rule->expires_ms != TSN_TIME_NONE && now >= r->rule->expires_ms)
		return;
	r->counts.matches += matches;
	/* a window that closes at the tick on which an alert would end may prolong it */
	if (tsn_alert_is_due(r, now))
		tsn_alert_catch_up(a, r, a->batch->kind == TSN_BATCH_FLOWS ? now : now - 1);
	if (a->cut_off)
		r->reached = now > r->reached ? now : r->reached;
	if (v->until != NULL && tsn_mask_has(v->until, k->row))
		until(a, r, k, matches);
	else if (r->rule->each)
		each(a, r, k);
	else
		once(a, r, k);
}

/* Rows of a watch are the entries it was made of, in their order; they are no matches. */
static void
fold_watch(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_mask *rows, const struct verdict *v)
{
	TSN_EACH_ROW(row, rows) {
		struct tsn_alert_entry *e = a->watch_first + row < a->nwatch ? a->watch[a->watch_first + row] : NULL;

		if (e != NULL && v->until != NULL && tsn_mask_has(v->until, row))
			end_at_row(a, r, e, row);
		else if (e != NULL)
			tsn_alert_still(a, r, e, row);
	}
}

/* What they will look at is on the way before the first is looked at. */
static void
fold_block(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_alert_keyed *k, uint32_t n, const struct verdict *v)
{
	for (enum tsn_alert_fetch what = TSN_FETCH_SLOT; r->nentries >= TSN_ALERT_FAR && what <= TSN_FETCH_BEHIND; what++)
		for (uint32_t i = 0; i < n; i++)
			tsn_alert_entry_prefetch(r, k[i].hash, what);
	for (uint32_t i = 0; i < n; i++)
		fold_row(a, r, &k[i], v);
}

/* Conversations of one tick stand at one place in time, so what ends at that tick ends before them all. */
static void
take_talks(struct tsn_alerts *a, const struct tsn_batch *b)
{
	if (b->kind != TSN_BATCH_TALKS) {
		a->talks_of = INT64_MAX;
	} else if (a->talks_of != a->tick) {
		a->talks_of = a->tick;
		a->talks_ticket = b->ticket;
	}
}

TSN_WIDE(static, bool, are_ascending, (const int64_t *t, uint32_t n), (t, n))
{
	uint64_t back = 0;

	for (uint32_t i = 1; i < n; i++)
		back |= t[i] < t[i - 1];
	return back == 0;
}

/* Receipt as a running maximum (of conversations: the tick that made them); where a record has none its event time stands in. */
static int64_t
take_receipts(struct tsn_alerts *a, const struct tsn_batch *b)
{
	int64_t now = a->now;

	if (b->n > 0 && b->received[0] != TSN_TIME_NONE && b->received[0] >= now && are_ascending(b->received, b->n)) {
		a->received = b->received;
		return b->received[b->n - 1];
	}
	for (uint32_t i = 0; i < b->n; i++) {
		int64_t t = b->received[i] != TSN_TIME_NONE ? b->received[i] : b->time[i];

		now = t > now ? t : now;
		a->maxima[i] = now;
	}
	a->received = a->maxima;
	return now;
}

void
tsn_alert_take_rows(struct tsn_alerts *a, const struct tsn_batch *b)
{
	int64_t now;

	a->coming = NULL;
	if (a->batch == b && a->has_rows && a->batch_ticket == b->ticket)
		return;
	now = take_receipts(a, b);
	take_talks(a, b);
	a->now = now;
	a->batch = b;
	a->has_rows = true;
	a->batch_ticket = b->ticket;
	a->next_ticket = b->ticket + b->n;
	a->talks_now = now;
}

void
tsn_alerts_rows(struct tsn_alerts *a, const struct tsn_batch *b, int64_t began)
{
	a->now = began > a->now ? began : a->now;
	if (b->kind == TSN_BATCH_TALKS) /* of one tick there may be several before the flush */
		tsn_alert_take_rows(a, b);
	else
		a->coming = b;
}

/* Tick rows stand at the tick that is being gone through, else where their windows closed (S4). */
static void
take_ticks(struct tsn_alerts *a, const struct tsn_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		a->maxima[i] = a->tick != TSN_TIME_NONE ? a->tick : tsn_tick_at(b->time[i] + 1 + a->lateness);
	a->received = a->maxima;
	a->batch = b;
	a->has_rows = false;
}

static void
fold_some(struct tsn_alerts *a, struct tsn_alert_rule *r, const uint16_t *row, uint32_t n, const struct verdict *v)
{
	struct tsn_alert_keyed k[TSN_ALERT_BLOCK];

	for (uint32_t at = 0, taken; at < n; at += taken) {
		taken = tsn_alert_take_keys(a, r->rule, k, row + at, n - at);
		fold_block(a, r, k, taken, v);
	}
}

static void
fold_rows(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_mask *rows, const struct verdict *v)
{
	uint16_t block[TSN_ALERT_BLOCK];
	uint32_t n = 0;

	TSN_EACH_ROW(row, rows) {
		block[n++] = (uint16_t)row;
		if (n == TSN_ALERT_BLOCK) {
			fold_some(a, r, block, n, v);
			n = 0;
		}
	}
	fold_some(a, r, block, n, v);
}

struct tsn_alert_seen
tsn_alert_seen(const struct tsn_alerts *a, uint32_t row)
{
	struct tsn_share *share = a->reads->share;

	if (share == NULL)
		return (struct tsn_alert_seen){ a->batch, row };
	return (struct tsn_alert_seen){ share->batch, tsn_share_place(share, row) };
}

void
tsn_alerts_match(struct tsn_alerts *a, const struct tsn_alert_reads *reads, uint32_t rule,
    const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct tsn_alert_rule *r = &a->rule[rule];
	struct verdict v = { rows, NULL };
	struct tsn_mask both;

	if (r->rule->disabled)
		return;
	if (b->kind == TSN_BATCH_TICK)
		take_ticks(a, b);
	else
		tsn_alert_take_rows(a, b);
	if (r->rule->until != TSN_REG_NONE)
		v.until = reads->mask(reads->arg, r->rule->until);
	if (v.until != NULL) {
		tsn_mask_or(&both, rows, v.until);
		rows = &both;
	}
	a->reads = reads;
	a->mark = tsn_alert_last_mark(a, r->rule);
	a->recent = NULL;
	if (a->watch_rule == r && b->kind == TSN_BATCH_TICK)
		fold_watch(a, r, rows, &v);
	else
		fold_rows(a, r, rows, &v);
	settle_all(a, r);
	a->reads = NULL;
}
