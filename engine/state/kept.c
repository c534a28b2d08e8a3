/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/kept.h"

#include "state/internal.h"
#include "state/ring.h"

#define LANES 16u

struct cell {
	uint64_t head;
	struct tsn_kept *of[]; /* of the window, or of the two of `per` */
};

static struct cell *
cell_of(const struct tsn_agg *a, uint32_t group)
{
	return (struct cell *)tsn_cell(&a->store.cells, group);
}

static uint32_t
windows(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 : 1;
}

void
tsn_kept_init(struct tsn_agg *a)
{
	a->store.cells.size = sizeof(struct cell) + windows(a) * sizeof(struct tsn_kept *);
	tsn_extra_init(a);
}

static struct tsn_kept *
other_of(const struct tsn_agg *a, const struct cell *c, uint32_t window)
{
	return a->def->tumbling ? c->of[window ^ 1] : NULL;
}

static void
release(struct tsn_agg *a, uint32_t group, uint32_t window, const struct tsn_kept_ops *ops)
{
	struct cell *c = cell_of(a, group);
	const uint64_t before = a->store.bytes;

	if (c->of[window] == NULL)
		return;
	tsn_extra_leave(a, c->of[window], other_of(a, c, window));
	ops->free(a, c->of[window]);
	tsn_extra_charge(a, group, before);
	c->of[window] = NULL;
}

/* Moves the window on: what left it goes. */
static void
advance(struct tsn_agg *a, uint32_t group, uint64_t pane, const struct tsn_kept_ops *ops)
{
	struct cell *c = cell_of(a, group);
	const uint64_t before = a->store.bytes;
	const uint32_t lanes = a->def->tumbling ? 2 : LANES, all = (1u << lanes) - 1;
	const uint64_t head = tsn_ring_advance(c->head, pane, a->keep, lanes);
	const uint32_t gone = (uint32_t)(c->head & ~head) & all, left = (uint32_t)head & all;

	c->head = head;
	if (a->def->tumbling) {
		for (uint32_t l = 0; l < 2; l++)
			if (gone >> l & 1)
				release(a, group, l, ops);
	} else if (left == 0) {
		release(a, group, 0, ops);
	} else if (gone != 0 && c->of[0] != NULL) {
		ops->drop(a, c->of[0], gone);
		tsn_extra_charge(a, group, before);
	}
}

static bool
count(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, const struct tsn_kept_ops *ops)
{
	struct cell *c = cell_of(a, group);
	const uint64_t pane = a->pane[row];
	const uint32_t which = a->def->tumbling ? pane & 1 : 0, lane = a->def->tumbling ? 0 : pane & (LANES - 1);
	const uint32_t lanes = a->def->tumbling ? 1 : LANES;

	uint64_t before;
	bool fresh, ok;
	enum tsn_room room = a->def->extra_bytes == 0 ? TSN_ROOM : TSN_ROOM_ANEW;

	advance(a, group, pane, ops);
	while (room == TSN_ROOM_ANEW) {
		room = tsn_extra_room(a, x, group, row, ops->wants(a, c->of[which], row, lane, lanes));
		advance(a, group, pane, ops);
	}
	if (room == TSN_ROOM_NONE)
		return true;
	fresh = c->of[which] == NULL;
	before = a->store.bytes;
	ok = ops->add(a, &c->of[which], x, row, lane, lanes);
	tsn_extra_charge(a, group, before);
	if (!ok)
		return false;
	if (fresh)
		tsn_extra_enter(a, group, c->of[which], other_of(a, c, which));
	tsn_kept_count(c->of[which]);
	c->head |= UINT64_C(1) << (a->def->tumbling ? which : lane);
	return true;
}

static bool
fold_row(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, const struct tsn_kept_ops *ops)
{
	const uint32_t lanes = a->def->tumbling ? 2 : LANES;
	const uint64_t pane = a->pane[row];
	struct cell *c = cell_of(a, group);
	uint32_t view, seen = UINT16_MAX;

	if (tsn_mask_has(&a->takes, row)) {
		if (tsn_ring_late(c->head, pane, a->keep))
			tsn_mask_set(&a->late, row);
		else if (!count(a, x, group, row, ops))
			return false;
	}
	view = tsn_ring_view(c->head, pane, a->keep, lanes, a->def->tumbling);
	if (!a->def->tumbling && pane > tsn_ring_newest(c->head))
		seen = tsn_ring_left(c->head, pane - tsn_ring_newest(c->head), a->keep, LANES);
	if (view == 0 || !ops->value(a, c->of[a->def->tumbling ? pane & 1 : 0], seen, &a->out->f[row], &a->error[row]))
		tsn_mask_unset(&a->out->known, row);
	return true;
}

/* What the entry's row will count in, NULL if it has none yet. */
static const struct tsn_kept *
kept_at(const struct tsn_agg *a, const struct tsn_fold *x, uint32_t i)
{
	if (i >= x->to || x->group[i] == TSN_GROUP_NONE)
		return NULL;
	return cell_of(a, x->group[i])->of[a->def->tumbling ? a->pane[x->row[i]] & 1 : 0];
}

/* Step by step, since each says where the next is: the cell, what it refers to, and what that refers to. */
static void
look_ahead(const struct tsn_agg *a, const struct tsn_fold *x, uint32_t i)
{
	const struct tsn_kept *next = a->ops->keeps->ahead != NULL ? kept_at(a, x, i + TSN_AHEAD / 4) : NULL;

	tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
	__builtin_prefetch(kept_at(a, x, i + TSN_AHEAD / 2), 1);
	if (next != NULL)
		a->ops->keeps->ahead(a, next, x->row[i + TSN_AHEAD / 4]);
}

uint32_t
tsn_kept_fold(struct tsn_agg *a, struct tsn_fold *x)
{
	const struct tsn_kept_ops *ops = a->ops->keeps;

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];

		look_ahead(a, x, i);
		a->out->f[row] = 0;
		a->error[row] = 0;
		if (x->group[i] == TSN_GROUP_NONE)
			tsn_mask_unset(&a->out->known, row);
		else if (!fold_row(a, x, x->group[i], row, ops))
			return i;
	}
	return x->to;
}

void
tsn_kept_reset(struct tsn_agg *a, uint32_t group)
{
	const struct tsn_kept_ops *ops = a->ops->keeps;

	if (group >= a->store.cells.cap)
		return;
	for (uint32_t w = 0; w < windows(a); w++)
		release(a, group, w, ops);
}

void
tsn_kept_fini(struct tsn_agg *a)
{
	for (uint32_t g = 0; g < a->store.cells.cap; g++)
		tsn_kept_reset(a, g);
}

struct tsn_kept *
tsn_kept_of(const struct tsn_agg *a, uint32_t group, uint32_t window)
{
	return window < windows(a) ? cell_of(a, group)->of[window] : NULL;
}

void
tsn_kept_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const struct tsn_kept_ops *ops = a->ops->keeps;
	const struct cell *c = cell_of(a, group);

	tsn_pack_uint(out, c->head);
	for (uint32_t w = 0; w < windows(a); w++) {
		tsn_pack_bool(out, c->of[w] != NULL);
		if (c->of[w] == NULL)
			continue;
		tsn_extra_save(a, c->of[w], out);
		ops->save(c->of[w], out);
	}
}

/* The cell is written as it is read, so that what was made is given back with it. */
bool
tsn_kept_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	const struct tsn_kept_ops *ops = a->ops->keeps;
	struct cell *c = cell_of(a, group);
	const uint64_t head = tsn_unpack_uint(in);

	if (!tsn_ring_valid(head, a->keep, a->def->tumbling ? 2 : LANES))
		return false;
	c->head = head;
	for (uint32_t w = 0; w < windows(a); w++) {
		const uint64_t before = a->store.bytes;
		struct tsn_kept said, *k;

		if (!tsn_unpack_bool(in))
			continue;
		if (!tsn_extra_load(a, group, &said, w == 0 ? NULL : c->of[0], in))
			return false;
		k = ops->load(a, in, a->def->tumbling ? 1 : LANES);
		if (k == NULL)
			return false;
		tsn_extra_charge(a, group, before);
		*k = said;
		tsn_extra_put(a, group, k);
		c->of[w] = k;
	}
	return !in->bad;
}
