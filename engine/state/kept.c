/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/kept.h"

#include "state/internal.h"
#include "state/ring.h"

#define LANES 16u
#define LOOK 8u

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
}

/* Moves the window on: what left it goes. */
static void
advance(struct tsn_agg *a, struct cell *c, uint64_t pane, const struct tsn_kept_ops *ops)
{
	const uint32_t lanes = a->def->tumbling ? 2 : LANES, all = (1u << lanes) - 1;
	const uint64_t head = tsn_ring_advance(c->head, pane, a->keep, lanes);
	const uint32_t gone = (uint32_t)(c->head & ~head) & all, left = (uint32_t)head & all;

	c->head = head;
	if (a->def->tumbling) {
		for (uint32_t l = 0; l < 2; l++) {
			if (!(gone >> l & 1))
				continue;
			ops->free(a, c->of[l]);
			c->of[l] = NULL;
		}
	} else if (left == 0) {
		ops->free(a, c->of[0]);
		c->of[0] = NULL;
	} else if (gone != 0 && c->of[0] != NULL) {
		ops->drop(a, c->of[0], gone);
	}
}

static bool
count(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, const struct tsn_kept_ops *ops)
{
	struct cell *c = cell_of(a, group);
	const uint64_t pane = a->pane[row];
	const uint32_t which = a->def->tumbling ? pane & 1 : 0, lane = a->def->tumbling ? 0 : pane & (LANES - 1);
	const uint32_t lanes = a->def->tumbling ? 1 : LANES;

	enum tsn_room room = a->def->extra_bytes == 0 ? TSN_ROOM : TSN_ROOM_ANEW;

	advance(a, c, pane, ops);
	while (room == TSN_ROOM_ANEW) {
		room = tsn_extra_room(a, x, group, row, ops->wants(a, c->of[which], row, lane, lanes));
		advance(a, c, pane, ops);
	}
	if (room == TSN_ROOM_NONE)
		return true;
	if (!ops->add(a, &c->of[which], x, row, lane, lanes))
		return false;
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
			x->late++;
		else if (!count(a, x, group, row, ops))
			return false;
	}
	view = tsn_ring_view(c->head, pane, a->keep, lanes, a->def->tumbling);
	if (!a->def->tumbling && pane > tsn_ring_newest(c->head))
		seen = tsn_ring_rotate(view, (LANES - tsn_ring_oldest(c->head, LANES)) & (LANES - 1), LANES);
	if (view == 0 || !ops->value(a, c->of[a->def->tumbling ? pane & 1 : 0], seen, &a->out->f[row], &a->error[row]))
		tsn_mask_unset(&a->out->known, row);
	return true;
}

uint32_t
tsn_kept_fold(struct tsn_agg *a, struct tsn_fold *x, const struct tsn_kept_ops *ops)
{
	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i], near = i + TSN_AHEAD / 2;

		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		if (near < x->to && x->group[near] != TSN_GROUP_NONE)
			__builtin_prefetch(cell_of(a, x->group[near])->of[a->def->tumbling ? a->pane[x->row[near]] & 1 : 0], 1);
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
tsn_kept_reset(struct tsn_agg *a, uint32_t group, const struct tsn_kept_ops *ops)
{
	if (group >= a->store.cells.cap)
		return;
	for (uint32_t w = 0; w < windows(a); w++)
		ops->free(a, cell_of(a, group)->of[w]);
}

void
tsn_kept_fini(struct tsn_agg *a, const struct tsn_kept_ops *ops)
{
	for (uint32_t g = 0; g < a->store.cells.cap; g++)
		tsn_kept_reset(a, g, ops);
}

bool
tsn_kept_extra(const struct tsn_agg *a, uint32_t group, uint64_t *flows)
{
	const struct cell *c = cell_of(a, group);
	bool some = false;

	*flows = 0;
	for (uint32_t w = 0; w < windows(a); w++) {
		some = some || c->of[w] != NULL;
		*flows += c->of[w] != NULL ? c->of[w]->flows : 0;
	}
	return some;
}

void
tsn_kept_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out, const struct tsn_kept_ops *ops)
{
	const struct cell *c = cell_of(a, group);

	tsn_pack_uint(out, c->head);
	for (uint32_t w = 0; w < windows(a); w++) {
		tsn_pack_bool(out, c->of[w] != NULL);
		if (c->of[w] == NULL)
			continue;
		tsn_pack_uint(out, c->of[w]->flows);
		ops->save(c->of[w], out);
	}
}

/* The cell is written as it is read, so that what was made is given back with it. */
bool
tsn_kept_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in, const struct tsn_kept_ops *ops)
{
	struct cell *c = cell_of(a, group);
	const uint64_t head = tsn_unpack_uint(in);

	if (!tsn_ring_valid(head, a->def->tumbling ? 2 : LANES))
		return false;
	c->head = head;
	for (uint32_t w = 0; w < windows(a); w++) {
		uint64_t flows;

		if (!tsn_unpack_bool(in))
			continue;
		flows = tsn_unpack_below(in, UINT32_MAX);
		c->of[w] = in->bad ? NULL : ops->load(a, in, a->def->tumbling ? 1 : LANES);
		if (c->of[w] == NULL)
			return false;
		c->of[w]->flows = (uint32_t)flows;
	}
	return !in->bad;
}

/* [a] gives way before [b]. */
struct holder {
	uint32_t group;
	bool passed;
	uint64_t flows;
};

static bool
less_active(const struct holder *a, const struct holder *b)
{
	if (a->passed != b->passed)
		return a->passed;
	return a->flows != b->flows ? a->flows < b->flows : a->group < b->group;
}

/* The clock goes round all groups, and stops behind the eighth that has something. */
static uint32_t
victim(struct tsn_agg *a, uint32_t own, uint64_t pane)
{
	const uint32_t cap = a->store.cells.cap;
	struct holder best = { TSN_GROUP_NONE, false, 0 }, h;
	uint32_t found = 0;

	for (uint32_t i = 0; i < cap && found < LOOK; i++) {
		h.group = a->store.hand < cap ? a->store.hand : 0;
		a->store.hand = h.group + 1;
		if (h.group == own || !a->ops->extra(a, h.group, &h.flows))
			continue;
		h.passed = tsn_ring_late(pane << TSN_HEAD_BITS, tsn_ring_newest(tsn_head_load(tsn_cell(&a->store.cells, h.group))), a->keep);
		if (found++ == 0 || less_active(&h, &best))
			best = h;
	}
	return best.group;
}

/* The family's last eviction is that of the last row, in whatever order its aggregates came to them. */
static void
lost(struct tsn_family *f, const struct tsn_batch *b, uint32_t row)
{
	uint32_t w = TSN_MASK_WORDS;

	f->store.stats.evicted++;
	f->evicted[row / 64] |= UINT64_C(1) << (row % 64);
	while (f->evicted[--w] == 0)
		;
	f->store.stats.last_evicted = b->time[w * 64 + 63 - (uint32_t)__builtin_clzll(f->evicted[w])];
}

enum tsn_room
tsn_extra_room(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, uint64_t need)
{
	uint64_t flows;

	while (a->store.bytes + need > a->def->extra_bytes) {
		uint32_t other = need > a->def->extra_bytes ? TSN_GROUP_NONE : victim(a, group, a->pane[row]);
		const bool own = other == TSN_GROUP_NONE && a->ops->extra(a, group, &flows);

		lost(x->family, x->batch, row);
		if (other == TSN_GROUP_NONE && !own)
			return TSN_ROOM_NONE;
		tsn_agg_reset(a, own ? group : other);
		if (own)
			return TSN_ROOM_ANEW;
	}
	return TSN_ROOM;
}
