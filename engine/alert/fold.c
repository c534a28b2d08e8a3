/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The fold: matching rows open, prolong or are suppressed, ticks end. What the
 * flow that matched last looks like is read once a batch and entry, at the end
 * or when a record needs it, so that a match of an open alert costs little more
 * than finding it.
 */
#include "alert/stage.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

/* A row with its key. */
struct keyed {
	uint32_t row, len;
	uint64_t hash;
	const uint8_t *key;
};

#define NO_ROW UINT32_MAX
#define AGE_MAX (INT64_C(3600) * TSN_SECOND) /* event time is at most so far behind receipt (S1) */

/* The first row of the batch at hand that comes after [tick], as a place before it. */
static struct tsn_alert_place
place_of_tick(const struct tsn_alerts *a, int64_t tick)
{
	uint32_t lo = 0, hi, mid;

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

static struct tsn_alert_place
place_of_row(const struct tsn_alerts *a, uint32_t row)
{
	if (a->batch->kind == TSN_BATCH_TICK)
		return (struct tsn_alert_place){ a->next_ticket, false, a->received[row] };
	return (struct tsn_alert_place){ a->batch->ticket + row, true, 0 };
}

/* Reads what is still to be read of the flow that matched last. */
static void
settle(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	if (!e->dirty || e->last_row == NO_ROW)
		return;
	tsn_alert_capture(a, r, e, e->last_row);
	e->last_row = NO_ROW;
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

static void
prefetch_details(const struct tsn_alert_entry *e)
{
	if (e == NULL || e->d == NULL)
		return;
	for (size_t at = 0; at < sizeof(*e->d); at += 64)
		__builtin_prefetch((const char *)e->d + at, 1);
}

static void
settle_all(struct tsn_alerts *a, struct tsn_alert_rule *r)
{
	for (uint32_t i = 0; i < a->ndirty; i++) {
		struct tsn_alert_entry *e = a->dirty[i];

		if (i + 4 < a->ndirty)
			prefetch_details(a->dirty[i + 4]);
		if (e == NULL)
			continue;
		if (e->open)
			settle(a, r, e);
		e->dirty = false;
	}
	a->ndirty = 0;
}

/* Ends an alert at [time]; its entry stays as closed. */
static void
end_alert(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, int64_t time,
    struct tsn_alert_place place)
{
	int64_t keep = r->rule->once_ms + AGE_MAX - r->rule->hold_ms;

	settle(a, r, e);
	tsn_alert_record(a, r, e, TSN_ALERT_CLOSE, time, place);
	tsn_alert_entry_unqueue(&r->open, e);
	tsn_alert_entry_shed(e);
	e->open = false;
	/* it opened at least hold_ms before [time], and no later flow is older than AGE_MAX */
	e->due = time + (keep > 0 ? keep : 0);
	tsn_alert_entry_queue(&r->closed, e);
	r->counts.open--;
	r->counts.closed++;
}

static void
drop(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e)
{
	for (uint32_t i = 0; e->dirty && i < a->ndirty; i++)
		if (a->dirty[i] == e)
			a->dirty[i] = NULL;
	if (a->recent == e)
		a->recent = NULL;
	tsn_alert_entry_drop(r, e);
}

void
tsn_alert_catch_up(struct tsn_alerts *a, struct tsn_alert_rule *r, int64_t tick)
{
	while (r->open.head != NULL && r->open.head->due <= tick)
		end_alert(a, r, r->open.head, r->open.head->due, place_of_tick(a, r->open.head->due));
	while (r->closed.head != NULL && r->closed.head->due <= tick)
		drop(a, r, r->closed.head);
}

/* The bound is reached: the alert that ended first gives way, else the one that is silent longest. */
static void
evict(struct tsn_alerts *a, struct tsn_alert_rule *r, uint32_t row)
{
	struct tsn_alert_place here = place_of_row(a, row);

	if (!r->told_full) {
		tsn_log(a->log, TSN_LOG_WARN, "rule %s has alerts for %u keys, its bound: the oldest give way", r->rule->name,
		    (unsigned)r->nentries);
		r->told_full = true;
	}
	if (r->closed.head == NULL) {
		here.row = false;
		here.due = a->received[row];
		r->open.head->cut = true;
		end_alert(a, r, r->open.head, a->received[row], here);
	}
	drop(a, r, r->closed.head);
	r->counts.evicted++;
}

static struct tsn_alert_entry *
enter(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct keyed *k)
{
	struct tsn_alert_entry *e;

	if (r->nentries >= a->max_keys)
		evict(a, r, k->row);
	e = tsn_alert_entry_add(r, k->hash, k->key, k->len);
	if (e == NULL)
		r->counts.lost++;
	else
		e->opened = TSN_TIME_NONE;
	return e;
}

/* The sampling interval of a row, 0 if it was not sampled. */
static uint32_t
row_sampling(const struct tsn_batch *b, uint32_t row)
{
	uint32_t v;

	if (!b->sampled || !tsn_mask_has(&b->present[TSN_F_SAMPLING], row))
		return 0;
	v = ((const uint32_t *)b->col[TSN_F_SAMPLING])[row];
	return v > 1 ? v : 0;
}

/* What every match adds to an open alert. */
static void
prolong(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	const struct tsn_batch *b = a->batch;
	int64_t t = b->time[row], due = tsn_tick_at(a->received[row] + r->rule->hold_ms);
	uint32_t sampling = row_sampling(b, row);

	e->received = a->received[row];
	e->first_seen = t < e->first_seen ? t : e->first_seen;
	e->last_seen = t > e->last_seen ? t : e->last_seen;
	e->sampling = sampling > e->sampling ? sampling : e->sampling;
	if (due != e->due) {
		tsn_alert_entry_unqueue(&r->open, e);
		e->due = due;
		tsn_alert_entry_queue(&r->open, e);
	}
	if (b->kind == TSN_BATCH_TICK)
		return;
	e->flows++;
	if (e->flows <= TSN_ALERT_SAMPLES)
		tsn_alert_capture_sample(a, r, e, row);
}

static void
open_alert(struct tsn_alerts *a, struct tsn_alert_rule *r, struct tsn_alert_entry *e, uint32_t row)
{
	int64_t t = a->batch->time[row];

	if (!tsn_alert_entry_details(e, r->nsaved)) {
		r->counts.lost++;
		drop(a, r, e);
		return;
	}
	tsn_alert_entry_unqueue(&r->closed, e);
	e->open = true;
	e->opened = e->first_seen = e->last_seen = t;
	e->flows = 0;
	e->sampling = 0;
	e->due = tsn_tick_at(a->received[row] + r->rule->hold_ms);
	tsn_alert_entry_queue(&r->open, e);
	prolong(a, r, e, row);
	tsn_alert_capture(a, r, e, row);
	e->d->before = e->d->counted > e->flows ? e->d->counted - e->flows : 0;
	if (e->due < a->next_due)
		a->next_due = e->due;
	r->counts.open++;
	r->counts.alerts++;
	tsn_alert_record(a, r, e, TSN_ALERT_OPEN, t, place_of_row(a, row));
}

/* `alert each`: a record without an alert behind it. */
static void
each(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct keyed *k)
{
	struct tsn_alert_entry *e = tsn_calloc(1, sizeof(*e) + k->len);

	if (e == NULL || !tsn_alert_entry_details(e, r->nsaved)) {
		r->counts.lost++;
		tsn_free(e);
		return;
	}
	e->key_len = k->len;
	memcpy(e->key, k->key, k->len);
	e->opened = e->first_seen = e->last_seen = a->batch->time[k->row];
	e->flows = a->batch->kind == TSN_BATCH_FLOWS;
	e->sampling = row_sampling(a->batch, k->row);
	tsn_alert_capture(a, r, e, k->row);
	r->counts.alerts++;
	tsn_alert_record(a, r, e, TSN_ALERT_EACH, e->opened, place_of_row(a, k->row));
	tsn_alert_entry_shed(e);
	tsn_free(e);
}

static void
once(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct keyed *k)
{
	struct tsn_alert_entry *e = a->recent;

	if (e == NULL || e->hash != k->hash || e->key_len != k->len || memcmp(e->key, k->key, k->len) != 0) {
		e = tsn_alert_entry_find(r, k->hash, k->key, k->len);
		if (e == NULL)
			e = enter(a, r, k);
		if (e == NULL)
			return;
		a->recent = e;
	}
	if (e->open) {
		prolong(a, r, e, k->row);
		mark(a, e, k->row);
	} else if (a->batch->time[k->row] < e->opened + r->rule->once_ms) {
		r->counts.suppressed++;
	} else {
		open_alert(a, r, e, k->row);
	}
}

static void
fold_row(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct keyed *k)
{
	int64_t now = a->received[k->row];

	if (r->rule->expires_ms != TSN_TIME_NONE && now >= r->rule->expires_ms)
		return;
	r->counts.matches++;
	/* a window that closes at the tick on which an alert would end may prolong it */
	tsn_alert_catch_up(a, r, a->batch->kind == TSN_BATCH_TICK ? now - 1 : now);
	if (r->rule->each)
		each(a, r, k);
	else
		once(a, r, k);
}

/* Two rows with the same IPv4 address, in a rule keyed by it. */
static bool
same_addr(const struct tsn_key_spec *spec, const struct tsn_batch *b, uint32_t x, uint32_t y)
{
	const struct tsn_addr_column *c;

	if (!tsn_key_is_addr(spec))
		return false;
	c = &b->addr[tsn_fields[spec->part[0].field].addr_slot];
	return tsn_mask_has(&c->is_v4, x) && tsn_mask_has(&c->is_v4, y) && c->v4[x] == c->v4[y];
}

static void
take_key(struct tsn_alerts *a, const struct tsn_rule *r, struct keyed *k, uint32_t i, uint32_t row)
{
	if (i > 0 && same_addr(&r->key, a->batch, row, k[i - 1].row)) {
		k[i] = k[i - 1];
		k[i].row = row;
		return;
	}
	k[i].row = row;
	k[i].key = a->keys[i];
	k[i].len = (uint32_t)tsn_key_encode_loose(&r->key, a->batch, row, a->keys[i]);
	k[i].hash = tsn_hash_bytes(k[i].key, k[i].len, 0);
}

/* Their slots and entries are on the way before the first is looked at. */
static void
fold_block(struct tsn_alerts *a, struct tsn_alert_rule *r, const struct keyed *k, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		tsn_alert_entry_prefetch(r, k[i].hash, false);
	for (uint32_t i = 0; i < n; i++)
		tsn_alert_entry_prefetch(r, k[i].hash, true);
	for (uint32_t i = 0; i < n; i++)
		fold_row(a, r, &k[i]);
}

/* Receipt as a running maximum; where a record has none its event time stands in. */
static void
take_flows(struct tsn_alerts *a, const struct tsn_batch *b)
{
	int64_t now = a->now;

	if (a->batch == b && a->has_rows && a->batch_ticket == b->ticket)
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		int64_t t = b->received[i] != TSN_TIME_NONE ? b->received[i] : b->time[i];

		now = t > now ? t : now;
		a->received[i] = now;
	}
	a->now = now;
	a->batch = b;
	a->has_rows = true;
	a->batch_ticket = b->ticket;
	a->next_ticket = b->ticket + b->n;
}

/* Tick rows stand at the ticks on which their windows closed (S4), which may lie before the one time has come to. */
static void
take_ticks(struct tsn_alerts *a, const struct tsn_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		a->received[i] = tsn_tick_at(b->time[i] + 1 + a->lateness);
	a->batch = b;
	a->has_rows = false;
}

void
tsn_alerts_match(struct tsn_alerts *a, const struct tsn_alert_reads *reads, uint32_t rule,
    const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct tsn_alert_rule *r = &a->rule[rule];
	struct keyed k[TSN_ALERT_BLOCK];
	uint32_t n = 0;

	if (r->rule->disabled)
		return;
	if (b->kind == TSN_BATCH_TICK)
		take_ticks(a, b);
	else
		take_flows(a, b);
	a->reads = reads;
	a->recent = NULL;
	TSN_EACH_ROW(row, rows) {
		take_key(a, r->rule, k, n++, row);
		if (n == TSN_ALERT_BLOCK) {
			fold_block(a, r, k, n);
			n = 0;
		}
	}
	fold_block(a, r, k, n);
	settle_all(a, r);
	a->reads = NULL;
}
