/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Closing tumbling windows. What is due is gathered once, sorted by end of
 * window, family, aggregate and key, and handed out in batches of tick rows.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "state/internal.h"
#include "state/ring.h"

struct due {
	uint64_t window;
	int64_t end;
	uint32_t family, agg, group;
};

struct due_list {
	struct due *v;
	size_t n, cap;
};

/* Windows below the result are due at [now]. */
static uint64_t
limit_of(const struct tsn_agg_def *d, int64_t now, int64_t lateness)
{
	int64_t until;

	if (now == INT64_MAX)
		return UINT64_MAX;
	if (__builtin_sub_overflow(now, lateness, &until))
		until = INT64_MIN;
	return tsn_pane_at(until, d->pane_ms);
}

static bool
push(struct due_list *list, struct due d)
{
	struct due *v = tsn_grow(list->v, list->n, &list->cap, sizeof(*v));

	if (v == NULL)
		return false;
	list->v = v;
	list->v[list->n++] = d;
	return true;
}

/* The (at most two) windows of a group; false: memory ran out. */
static bool
gather_group(struct due_list *list, const struct tsn_agg *a, struct due d, uint64_t limit, uint64_t *open)
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

/* The first window that stays open goes to [open]. */
static bool
gather(struct due_list *list, const struct tsn_state *s, uint32_t family, uint32_t agg, uint64_t limit,
    uint64_t *open)
{
	const struct tsn_family *f = &s->family[family];
	const struct tsn_agg *a = &f->agg[agg];

	*open = UINT64_MAX;
	for (uint32_t part = 0; part < TSN_PARTS; part++)
		for (uint32_t k = 0; k < f->store.part[part].n; k++) {
			struct due d = { .family = family, .agg = agg, .group = k * TSN_PARTS + part };

			if (d.group < tsn_agg_cells(a)->cap && !gather_group(list, a, d, limit, open))
				return false;
		}
	return true;
}

static int
compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* As encoded keys compare: IPv4 addresses lie inline and come before everything encoded. */
static int
compare_keys(const struct tsn_family_store *s, const struct tsn_group *a, const struct tsn_group *b)
{
	const uint8_t *ka, *kb;
	uint16_t na, nb;
	int c;

	if (a->in_slab != b->in_slab)
		return a->in_slab ? 1 : -1;
	if (!a->in_slab)
		return compare_u64(a->key, b->key);
	ka = tsn_slab_key(&s->slab, a->key, &na);
	kb = tsn_slab_key(&s->slab, b->key, &nb);
	c = memcmp(ka, kb, na < nb ? na : nb);
	return c != 0 ? c : compare_u64(na, nb);
}

static int
compare(const void *pa, const void *pb, void *arg)
{
	const struct due *a = pa, *b = pb;
	const struct tsn_state *s = arg;
	const struct tsn_family_store *f = &s->family[a->family].store;

	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	if (a->family != b->family)
		return compare_u64(a->family, b->family);
	if (a->agg != b->agg)
		return compare_u64(a->agg, b->agg);
	return a->window != b->window ? compare_u64(a->window, b->window) :
	    compare_keys(f, &f->groups[a->group], &f->groups[b->group]);
}

static void
put_row(const struct tsn_family *f, const struct due *d, struct tsn_batch *b)
{
	const struct tsn_key_spec *spec = tsn_family_asked(&f->def);
	const struct tsn_group *g = &f->store.groups[d->group];
	const uint32_t row = b->n++;
	const uint8_t *key;
	uint16_t len;

	if (g->in_slab) {
		key = tsn_slab_key(&f->store.slab, g->key, &len);
		tsn_key_to_row(spec, key, len, b, row);
	} else {
		tsn_batch_put_addr(b, row, spec->part[0].field, tsn_addr_v4(g->key));
	}
	b->time[row] = b->received[row] = d->end - 1;
	b->exported[row] = TSN_TIME_NONE;
	b->source[row] = 0;
}

/* One aggregate's window, [n] groups from [d] on. */
static bool
close_window(struct tsn_state *s, const struct due *d, size_t n, struct tsn_batch *b,
    bool (*run)(void *, uint32_t, uint32_t, int64_t, struct tsn_batch *), void *arg)
{
	const struct tsn_family *f = &s->family[d->family];
	const int64_t start = tsn_pane_start(d->window, f->agg[d->agg].def->pane_ms);
	const size_t cap = b->cap == 0 || b->cap > TSN_BATCH_ROWS ? TSN_BATCH_ROWS : b->cap;
	size_t i = 0;

	while (i < n) {
		tsn_batch_clear(b, TSN_BATCH_TICK);
		while (i < n && b->n < cap)
			put_row(f, &d[i++], b);
		tsn_mask_first(&b->rows, b->n);
		if (!run(arg, d->family, d->agg, start, b))
			return false;
	}
	return true;
}

/* Hands out the sorted list. */
static bool
close_all(struct tsn_state *s, const struct due_list *list, struct tsn_batch *b,
    bool (*run)(void *, uint32_t, uint32_t, int64_t, struct tsn_batch *), void *arg)
{
	size_t from = 0, to;

	while (from < list->n) {
		const struct due *d = &list->v[from];
		const bool mute = s->family[d->family].agg[d->agg].mute;

		for (to = from + 1; to < list->n; to++)
			if (list->v[to].family != d->family || list->v[to].agg != d->agg ||
			    list->v[to].window != d->window)
				break;
		if (!mute && !close_window(s, d, to - from, b, run, arg))
			return false;
		from = to;
	}
	return true;
}

/* An aggregate of which nothing is due is left as it is, so that calls in vain change nothing. */
static bool
is_due(const struct tsn_agg *a, int64_t now, int64_t lateness)
{
	return a->def->closes && a->store.open != UINT64_MAX &&
	    a->store.open < limit_of(a->def, now, lateness);
}

bool
tsn_state_close_due(const struct tsn_state *s, int64_t now, int64_t lateness)
{
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t j = 0; j < s->family[i].def.naggs; j++)
			if (is_due(&s->family[i].agg[j], now, lateness))
				return true;
	return false;
}

static bool
gather_all(struct tsn_state *s, struct due_list *list, int64_t now, int64_t lateness)
{
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t j = 0; j < s->family[i].def.naggs; j++) {
			struct tsn_agg *a = &s->family[i].agg[j];

			if (is_due(a, now, lateness) &&
			    !gather(list, s, i, j, limit_of(a->def, now, lateness), &a->next_open))
				return false;
		}
	return true;
}

/* What was gathered is closed, whatever becomes of it: each window of a group is closed once. */
static void
mark_all(struct tsn_state *s, const struct due_list *list, int64_t now, int64_t lateness)
{
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t j = 0; j < s->family[i].def.naggs; j++) {
			struct tsn_agg *a = &s->family[i].agg[j];

			a->mute = a->store.mute;
			if (!is_due(a, now, lateness))
				continue;
			a->store.open = a->next_open;
			a->store.mute = false;
		}
	for (size_t i = 0; i < list->n; i++) {
		const struct due *d = &list->v[i];
		uint8_t *cell = tsn_cell(tsn_agg_cells(&s->family[d->family].agg[d->agg]), d->group);

		tsn_head_store(cell, tsn_ring_close(tsn_head_load(cell), d->window));
	}
}

/* When memory is out nothing is marked, so that all of it is due again. */
bool
tsn_state_close(struct tsn_state *s, int64_t now, int64_t lateness, struct tsn_batch *batch,
    bool (*run)(void *arg, uint32_t family, uint32_t agg, int64_t window_start, struct tsn_batch *batch), void *arg)
{
	struct due_list list = { NULL, 0, 0 };
	bool ok = gather_all(s, &list, now, lateness);

	if (ok) {
		mark_all(s, &list, now, lateness);
		if (list.n > 0)
			qsort_r(list.v, list.n, sizeof(*list.v), compare, s);
		ok = close_all(s, &list, batch, run, arg);
	}
	tsn_free(list.v);
	return ok;
}
