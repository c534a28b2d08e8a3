/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What ticks do to groups: tumbling windows close and groups fall silent. What is due is gathered
 * once and sorted by due time, family, aggregate, window and key. Then ranks are given and samples taken, and
 * last the groups are handed out in batches of tick rows: whatever a row asks, all of this tick has happened.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "state/closer.h"
#include "state/internal.h"
#include "state/ring.h"

typedef bool run_fn(void *arg, uint32_t family, uint32_t agg, int64_t window_start, struct tsn_batch *batch);

static int64_t
less(int64_t now, int64_t lateness)
{
	int64_t until;

	if (now == INT64_MAX)
		return INT64_MAX;
	return __builtin_sub_overflow(now, lateness, &until) ? INT64_MIN : until;
}

uint64_t
tsn_close_limit(const struct tsn_agg_def *d, int64_t now, int64_t lateness)
{
	return now == INT64_MAX ? UINT64_MAX : tsn_pane_at(less(now, lateness), d->pane_ms);
}

/* --- what is due --- */

/* An aggregate of which nothing is due is left as it is, so that calls in vain change nothing. */
static bool
is_due(const struct tsn_agg *a, int64_t now, int64_t lateness)
{
	return a->closes && a->store.open != UINT64_MAX && a->store.open < tsn_close_limit(a->def, now, lateness);
}

/* How often a group can be due at once for aggregate [i]. */
static uint64_t
times_due(const struct tsn_family_def *f, uint32_t i)
{
	bool closes = f->agg[i].closes && !tsn_closer_goes_by(&f->agg[i]);

	if (f->agg[i].fn == TSN_AGG_ABSENT)
		return 1;
	for (uint32_t k = 0; k < f->naggs; k++)
		closes = closes || (tsn_closer_goes_by(&f->agg[k]) && f->agg[k].of == i);
	return closes ? 2 : 0;
}

/* Everything is there twice while it is sorted. */
uint64_t
tsn_state_closing_most(const struct tsn_family_def *f)
{
	uint64_t each = 0, ranked = 0;

	for (uint32_t i = 0; i < f->naggs; i++) {
		each += times_due(f, i) * sizeof(struct tsn_close_due);
		if (f->agg[i].fn == TSN_AGG_RANK)
			ranked = sizeof(struct tsn_ranked);
	}
	return (f->key.n == 0 ? 1 : f->max_keys) * 2 * (each + ranked);
}

/* Something that follows the clock, whether or not a group has a window: the end of input is no moment for it. */
static bool
clock_due(const struct tsn_agg *a, int64_t now, int64_t lateness)
{
	if (now == INT64_MAX)
		return false;
	switch (a->def->fn) {
	case TSN_AGG_RANK:
		return tsn_rank_due(a, tsn_close_limit(a->of->def, now, lateness));
	case TSN_AGG_BASELINE:
	case TSN_AGG_SPREAD:
		return a->owner == a && tsn_samples_due(a, tsn_close_limit(a->of->def, now, lateness));
	case TSN_AGG_ABSENT:
		return tsn_silences_due(a, less(now, lateness));
	default:
		return false;
	}
}

bool
tsn_state_close_due(const struct tsn_state *s, int64_t now, int64_t lateness)
{
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t j = 0; j < s->family[i].def.naggs; j++)
			if (is_due(&s->family[i].agg[j], now, lateness) || clock_due(&s->family[i].agg[j], now, lateness))
				return true;
	return false;
}

bool
tsn_state_waits(const struct tsn_state *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t j = 0; j < s->family[i].def.naggs; j++)
			if (s->family[i].agg[j].closes || s->family[i].agg[j].def->fn == TSN_AGG_ABSENT)
				return true;
	return false;
}

void
tsn_state_watch_exporters(struct tsn_state *s, const struct tsn_state_exporters *x)
{
	s->exporters = *x;
}

/* --- gathering --- */

static bool
push(struct tsn_close_due_list *list, struct tsn_close_due d)
{
	struct tsn_close_due *v = tsn_grow(list->v, list->n, &list->cap, sizeof(*v));

	if (v == NULL)
		return false;
	list->v = v;
	list->v[list->n++] = d;
	return true;
}

/* The (at most two) windows of a group; false: memory ran out. */
static bool
gather_group(struct tsn_close_due_list *list, const struct tsn_agg *a, struct tsn_close_due d, uint64_t limit, uint64_t *open)
{
	const uint64_t head = tsn_head_load(tsn_cell(tsn_agg_cells(a), d.group));
	const uint64_t newest = tsn_ring_newest(head);

	for (uint32_t back = 0; back < 2 && newest != 0; back++) {
		d.window = newest - back;
		if (!tsn_ring_open(head, d.window))
			continue;
		if (d.window >= limit) {
			*open = d.window < *open ? d.window : *open;
			continue;
		}
		d.end = tsn_pane_start(d.window + 1, a->def->pane_ms);
		if (!push(list, d))
			return false;
	}
	return true;
}

uint64_t
tsn_close_first(const struct tsn_agg *a)
{
	const struct tsn_family_store *s = &a->family->store;
	const struct tsn_cells *c = tsn_agg_cells(a);
	uint64_t first = UINT64_MAX;

	for (uint64_t g = 0; g < tsn_numbers(s) && g < c->cap; g++) {
		const uint64_t head = tsn_head_load(tsn_cell(c, (uint32_t)g)), newest = tsn_ring_newest(head);

		for (uint64_t back = 2; back-- > 0 && newest != 0;)
			if (newest - back < first && tsn_ring_open(head, newest - back))
				first = newest - back;
	}
	return first;
}

/* The first window that stays open goes to [open]. */
static bool
gather_windows(struct tsn_closer *c, uint64_t *open)
{
	const struct tsn_family *f = &c->s->family[c->family];
	const struct tsn_agg *a = &f->agg[c->agg];
	const uint64_t limit = tsn_close_limit(a->def, c->now, c->lateness);

	*open = UINT64_MAX;
	for (uint32_t part = 0; part < f->store.nparts; part++)
		for (uint32_t k = 0; k < f->store.part[part].n; k++) {
			struct tsn_close_due d = { .family = c->family, .agg = c->agg, .group = tsn_number(&f->store, part, k) };

			if (d.group < tsn_agg_cells(a)->cap && !gather_group(&c->list, a, d, limit, open))
				return false;
		}
	return true;
}

static bool
gather_silence(void *arg, uint32_t group, int64_t last)
{
	struct tsn_closer *c = arg;
	const struct tsn_agg_def *d = c->s->family[c->family].agg[c->agg].def;
	struct tsn_close_due due = { .family = c->family, .agg = c->agg, .group = group };

	if (__builtin_add_overflow(last, d->window_ms, &due.end))
		due.end = INT64_MAX;
	return push(&c->list, due);
}

static bool
gather(struct tsn_closer *c)
{
	for (c->family = 0; c->family < c->s->n; c->family++)
		for (c->agg = 0; c->agg < c->s->family[c->family].def.naggs; c->agg++) {
			struct tsn_agg *a = &c->s->family[c->family].agg[c->agg];

			if (is_due(a, c->now, c->lateness) && !gather_windows(c, &a->next_open))
				return false;
			if (a->def->fn == TSN_AGG_ABSENT && c->now != INT64_MAX &&
			    !tsn_silences_each(a, c->until, gather_silence, c))
				return false;
		}
	return true;
}

/* --- order --- */

static int
compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* As encoded keys compare: IPv4 addresses lie inline and come before everything encoded. */
int
tsn_group_compare(const struct tsn_family_store *s, uint32_t ga, uint32_t gb)
{
	const struct tsn_group *a = tsn_group_at(s, ga), *b = tsn_group_at(s, gb);
	const uint8_t *ka, *kb;
	uint16_t na, nb;
	int c;

	if (tsn_in_slab(a) != tsn_in_slab(b))
		return tsn_in_slab(a) ? 1 : -1;
	if (!tsn_in_slab(a))
		return compare_u64(a->key, b->key);
	ka = tsn_slab_key(&s->slab, a->key, &na);
	kb = tsn_slab_key(&s->slab, b->key, &nb);
	c = memcmp(ka, kb, na < nb ? na : nb);
	return c != 0 ? c : compare_u64(na, nb);
}

static int
compare_spans(const struct tsn_close_due *a, const struct tsn_close_due *b)
{
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	if (a->family != b->family)
		return compare_u64(a->family, b->family);
	if (a->agg != b->agg)
		return compare_u64(a->agg, b->agg);
	return compare_u64(a->window, b->window);
}

static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct tsn_close_due *a = pa, *b = pb;
	const struct tsn_state *s = arg;
	int c = compare_spans(a, b);

	/* where nobody sees the order, keys need not be fetched for it */
	if (c != 0 || !s->family[a->family].agg[a->agg].shows)
		return c;
	return tsn_group_compare(&s->family[a->family].store, a->group, b->group);
}

static int
compare_by_agg(const void *pa, const void *pb, void *arg)
{
	const struct tsn_close_span *a = pa, *b = pb;
	const struct tsn_close_due *list = arg;
	struct tsn_close_due da = list[a->from], db = list[b->from];

	da.agg = a->agg;
	db.agg = b->agg;
	return compare_spans(&da, &db);
}

/* Who is told of the groups in [from, to): the aggregate itself, and those about it, if they want tick rows. */
static bool
push_spans(struct tsn_closer *c, size_t from, size_t to)
{
	const struct tsn_close_due *d = &c->list.v[from];
	const struct tsn_family *f = &c->s->family[d->family];

	for (uint32_t i = 0; i < f->def.naggs; i++) {
		const struct tsn_agg *a = &f->agg[i];
		struct tsn_close_span *v;

		if (!(i == d->agg && (a->def->closes || a->def->fn == TSN_AGG_ABSENT)) &&
		    !(tsn_closer_goes_by(a->def) && a->of == &f->agg[d->agg] && a->def->closes))
			continue;
		v = tsn_grow(c->spans.v, c->spans.n, &c->spans.cap, sizeof(*v));
		if (v == NULL)
			return false;
		c->spans.v = v;
		v[c->spans.n++] = (struct tsn_close_span){ from, to, i };
	}
	return true;
}

size_t
tsn_closer_span_end(const struct tsn_close_due_list *list, size_t from)
{
	size_t to = from + 1;

	while (to < list->n && compare_spans(&list->v[from], &list->v[to]) == 0)
		to++;
	return to;
}

static bool
sort(struct tsn_closer *c)
{
	if (c->list.n > 0)
		qsort_r(c->list.v, c->list.n, sizeof(*c->list.v), compare, c->s);
	for (size_t from = 0, to; from < c->list.n; from = to) {
		to = tsn_closer_span_end(&c->list, from);
		if (!c->s->family[c->list.v[from].family].agg[c->list.v[from].agg].store.mute && !push_spans(c, from, to))
			return false;
	}
	if (c->spans.n > 0)
		qsort_r(c->spans.v, c->spans.n, sizeof(*c->spans.v), compare_by_agg, c->list.v);
	return true;
}

/* --- marking --- */

static void
mark(struct tsn_closer *c, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct tsn_close_due *d = &c->list.v[i];
		uint8_t *cell = tsn_cell(tsn_agg_cells(&c->s->family[d->family].agg[d->agg]), d->group);
		const uint64_t head = tsn_head_load(cell);

		/* not so where a row told before has been counted, and taken the group's place */
		if (d->window != 0 && tsn_ring_open(head, d->window))
			tsn_head_store(cell, tsn_ring_close(head, d->window));
	}
}

/* What nobody is told of is closed now; the rest when it is handed out, so that what is closed has been asked about. */
static void
mark_untold(struct tsn_closer *c)
{
	for (uint32_t i = 0; i < c->s->n; i++)
		for (uint32_t j = 0; j < c->s->family[i].def.naggs; j++) {
			struct tsn_agg *a = &c->s->family[i].agg[j];

			a->mute = a->store.mute;
			if (!is_due(a, c->now, c->lateness))
				continue;
			a->store.open = a->next_open;
			a->store.mute = false;
		}
	for (size_t from = 0, to; from < c->list.n; from = to) {
		const struct tsn_agg *a = &c->s->family[c->list.v[from].family].agg[c->list.v[from].agg];

		to = tsn_closer_span_end(&c->list, from);
		if (a->mute || !a->shows)
			mark(c, from, to);
	}
}

/* --- tick rows --- */

static void
put_row(const struct tsn_family *f, const struct tsn_close_due *d, struct tsn_batch *b)
{
	const struct tsn_key_spec *spec = tsn_family_asked(&f->def);
	const struct tsn_group *g = tsn_group_at(&f->store, d->group);
	const uint32_t row = b->n++;
	const uint8_t *key;
	uint16_t len;

	if (tsn_in_slab(g)) {
		key = tsn_slab_key(&f->store.slab, g->key, &len);
		tsn_key_to_row(spec, key, len, b, row);
	} else {
		tsn_batch_put_addr(b, row, spec->part[0].field, tsn_addr_v4(g->key));
	}
	b->time[row] = b->received[row] = d->window != 0 ? d->end - 1 : d->end;
	b->exported[row] = TSN_TIME_NONE;
	b->source[row] = 0;
}

void
tsn_state_closed_too(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b,
    const struct tsn_mask *rows, struct tsn_mask *out)
{
	const struct tsn_family *f = &s->family[family];
	const struct tsn_agg *a = &f->agg[agg];
	const struct tsn_cells *cells = tsn_agg_cells(a);

	if (a->mute) /* nobody was told of them, and so nobody has asked about their keys */
		return;
	TSN_EACH_ROW(row, rows) {
		const uint64_t window = tsn_pane_at(b->time[row], a->def->pane_ms);
		const uint32_t group = tsn_group_of_row(s, f, b, row);
		uint64_t head;

		if (group >= cells->cap || tsn_pane_start(window + 1, a->def->pane_ms) - 1 != b->time[row])
			continue;
		head = tsn_head_load(tsn_cell(cells, group));
		if (tsn_ring_newest(head) != 0 && tsn_ring_holds(head, window) && !tsn_ring_open(head, window))
			tsn_mask_set(out, row);
	}
}

static bool
hand_out(struct tsn_closer *c, const struct tsn_close_span *x, struct tsn_batch *b, run_fn *run, void *arg)
{
	const struct tsn_close_due *d = &c->list.v[x->from];
	const struct tsn_family *f = &c->s->family[d->family];
	const struct tsn_agg_def *def = f->agg[d->agg].def;
	const size_t cap = b->cap == 0 || b->cap > TSN_BATCH_ROWS ? TSN_BATCH_ROWS : b->cap;
	const int64_t start = d->window != 0 ? tsn_pane_start(d->window, def->pane_ms) : d->end - def->window_ms;
	bool ok = true;

	mark(c, x->from, x->to);
	c->s->closing = (struct tsn_closing){ b, d->family, x->agg, def->pane_ms, d->window, def->by_received };
	for (size_t i = x->from; i < x->to && ok;) {
		tsn_batch_clear(b, TSN_BATCH_TICK);
		while (i < x->to && b->n < cap)
			put_row(f, &c->list.v[i++], b);
		tsn_mask_first(&b->rows, b->n);
		ok = run(arg, d->family, x->agg, start, b);
	}
	c->s->closing.batch = NULL;
	return ok;
}

/* When memory is out nothing is marked, so that all of it is due again. */
bool
tsn_state_close(struct tsn_state *s, int64_t now, int64_t lateness, struct tsn_batch *batch,
    bool (*run)(void *arg, uint32_t family, uint32_t agg, int64_t window_start, struct tsn_batch *batch), void *arg)
{
	struct tsn_closer *c = tsn_calloc(1, sizeof(*c));
	bool ok = c != NULL;

	if (!ok)
		return false;
	c->s = s;
	c->now = now;
	c->lateness = lateness;
	c->until = less(now, lateness);
	ok = gather(c) && sort(c);
	if (ok)
		tsn_closer_ask(c);
	ok = ok && tsn_closer_reserve(c);
	if (ok) {
		tsn_closer_learn(c);
		mark_untold(c);
		tsn_closer_settle(c);
		for (size_t i = 0; i < c->spans.n && ok; i++)
			ok = hand_out(c, &c->spans.v[i], batch, run, arg);
		if (!ok) /* whatever becomes of it, each window of a group is closed once */
			mark(c, 0, c->list.n);
	}
	tsn_free(c->list.v);
	tsn_free(c->spans.v);
	tsn_free(c->ranked);
	tsn_free(c);
	return ok;
}
