/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Different values in a window. A cell is the head of a ring and, sliding, one
 * set of members with their panes; tumbling, one set for each of the two windows.
 *
 * A member is 64 bits: an integer field or an IPv4 address by an invertible
 * mix, so that two are the same exactly when the values are; anything else (tuples, text, IPv6)
 * by the hash of its encoded key, where 256 members meet in a pair with chance 2^-49.
 */
#include "base/hash.h"
#include "state/internal.h"
#include "state/members.h"
#include "state/ring.h"

#define LANES 16u

struct sliding {
	uint64_t head;
	struct tsn_members *members;
};

struct tumbling {
	uint64_t head;
	struct tsn_members *members[2];
};

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = a->def->tumbling ? sizeof(struct tumbling) : sizeof(struct sliding);
	tsn_extra_init(a);
}

static struct tsn_members *
other_of(const struct tsn_agg *a, uint8_t *cell, uint32_t window)
{
	return a->def->tumbling ? ((struct tumbling *)cell)->members[window ^ 1] : NULL;
}

static struct tsn_members **
window_of(const struct tsn_agg *a, uint8_t *cell, uint32_t window)
{
	return a->def->tumbling ? &((struct tumbling *)cell)->members[window] : &((struct sliding *)cell)->members;
}

static void
release(struct tsn_agg *a, uint32_t group, uint32_t window)
{
	uint8_t *cell = tsn_cell(&a->store.cells, group);
	const uint64_t before = a->store.bytes;
	struct tsn_members **m = window_of(a, cell, window);

	if (*m == NULL)
		return;
	tsn_extra_leave(a, tsn_members_kept(*m), tsn_members_kept(other_of(a, cell, window)));
	tsn_members_free(*m, &a->store.bytes);
	tsn_extra_charge(a, group, before);
	*m = NULL;
}

static struct tsn_kept *
kept(const struct tsn_agg *a, uint32_t group, uint32_t window)
{
	return window > 0 && !a->def->tumbling ? NULL :
	    tsn_members_kept(*window_of(a, tsn_cell(&a->store.cells, group), window));
}

static uint64_t
column_int(const void *col, enum tsn_storage storage, uint32_t row)
{
	switch (storage) {
	case TSN_U8:  return ((const uint8_t *)col)[row];
	case TSN_U16: return ((const uint16_t *)col)[row];
	case TSN_U32: return ((const uint32_t *)col)[row];
	default:      return ((const uint64_t *)col)[row];
	}
}

static uint64_t
member_of_key(const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row, uint64_t seed)
{
	uint8_t key[TSN_KEY_MAX];

	return tsn_hash_bytes(key, tsn_key_encode(&a->def->tuple, b, row, key), seed);
}

void
tsn_members_of(struct tsn_agg *a, const struct tsn_batch *b, uint64_t seed)
{
	const struct tsn_key_part *part = &a->def->tuple.part[0];
	const enum tsn_storage storage = tsn_fields[part->field].storage;
	const bool number = a->def->tuple.n == 1 && storage <= TSN_I64;
	const bool addr = tsn_key_is_addr(&a->def->tuple);
	const uint32_t bits = part->v4_bits, mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
	struct tsn_mask known;

	tsn_key_present(&a->def->tuple, b, &known);
	tsn_mask_and(&a->takes, &a->takes, &known);
	TSN_EACH_ROW(row, &a->takes) {
		if (number)
			a->member[row] = tsn_hash_u64(column_int(b->col[part->field], storage, row), seed);
		else if (addr && tsn_mask_has(&b->addr[tsn_fields[part->field].addr_slot].is_v4, row))
			a->member[row] = tsn_hash_u64(((const uint32_t *)b->col[part->field])[row] & mask, seed);
		else
			a->member[row] = member_of_key(a, b, row, seed);
	}
}

/* Of one set: those of a sliding window, or the window itself. */
static uint32_t
panes(const struct tsn_agg *a)
{
	return a->def->tumbling ? 1 : a->def->panes;
}

/* Moves the window on: sets lose what left it, and go when all did. */
static void
advance(struct tsn_agg *a, uint32_t group, struct sliding *cell, uint64_t pane)
{
	const uint64_t was = tsn_ring_newest(cell->head);

	if (pane <= was)
		return;
	cell->head = tsn_ring_advance(cell->head, pane, a->keep, LANES);
	if (((uint32_t)cell->head & UINT16_MAX) != 0)
		tsn_members_advance(cell->members, (uint32_t)(pane - was));
	else if (cell->members != NULL && !tsn_members_empty(cell->members))
		release(a, group, 0);
}

/* Room for what the row brings; the group may lose what it has. */
static enum tsn_room
room(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, struct tsn_members *m)
{
	return a->def->extra_bytes == 0 ? TSN_ROOM : tsn_extra_room(a, x, group, row, tsn_members_wants(m, a->member[row], panes(a)));
}

static bool
count_sliding(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row)
{
	struct sliding *cell = (struct sliding *)tsn_cell(&a->store.cells, group);
	const uint64_t pane = a->pane[row];
	enum tsn_room found;
	uint64_t before;
	bool fresh, ok;

	do {
		advance(a, group, cell, pane);
		found = room(a, x, group, row, cell->members);
	} while (found == TSN_ROOM_ANEW);
	if (found == TSN_ROOM_NONE)
		return true;
	fresh = cell->members == NULL;
	before = a->store.bytes;
	ok = tsn_members_add(&cell->members, a->member[row], (uint32_t)(tsn_ring_newest(cell->head) - pane), panes(a), &a->store.bytes);
	tsn_extra_charge(a, group, before);
	if (!ok)
		return false;
	if (fresh)
		tsn_extra_enter(a, group, tsn_members_kept(cell->members), NULL);
	tsn_kept_count(tsn_members_kept(cell->members));
	cell->head |= UINT64_C(1) << (pane & (LANES - 1));
	return true;
}

static void
advance_tumbling(struct tsn_agg *a, uint32_t group, struct tumbling *cell, uint64_t pane)
{
	const uint64_t head = tsn_ring_advance(cell->head, pane, 2, 2), gone = cell->head & ~head & 3;

	cell->head = head;
	for (uint32_t l = 0; l < 2; l++)
		if (gone >> l & 1)
			release(a, group, l);
}

static bool
count_tumbling(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row)
{
	struct tumbling *cell = (struct tumbling *)tsn_cell(&a->store.cells, group);
	const uint64_t pane = a->pane[row];
	const uint32_t lane = pane & 1;
	enum tsn_room found;
	uint64_t before;
	bool fresh, ok;

	do {
		advance_tumbling(a, group, cell, pane);
		found = room(a, x, group, row, cell->members[lane]);
	} while (found == TSN_ROOM_ANEW);
	if (found == TSN_ROOM_NONE)
		return true;
	fresh = cell->members[lane] == NULL;
	before = a->store.bytes;
	ok = tsn_members_add(&cell->members[lane], a->member[row], 0, 1, &a->store.bytes);
	tsn_extra_charge(a, group, before);
	if (!ok)
		return false;
	if (fresh)
		tsn_extra_enter(a, group, tsn_members_kept(cell->members[lane]), tsn_members_kept(cell->members[lane ^ 1]));
	tsn_kept_count(tsn_members_kept(cell->members[lane]));
	cell->head |= UINT64_C(1) << lane;
	return true;
}

static struct tsn_members **
members_of(const struct tsn_agg *a, uint8_t *cell, uint32_t row)
{
	return window_of(a, cell, a->def->tumbling ? a->pane[row] & 1 : 0);
}

/* The set a flow of [row] looks at, NULL if empty, and how many panes it is ahead of it. */
static struct tsn_members *
seen(const struct tsn_agg *a, uint8_t *cell, uint32_t row, uint32_t *ahead)
{
	const uint64_t head = tsn_head_load(cell), newest = tsn_ring_newest(head), pane = a->pane[row];

	*ahead = 0;
	if (a->def->tumbling)
		return tsn_ring_view(head, pane, a->keep, 2, true) == 0 ? NULL : *members_of(a, cell, row);
	if (pane <= newest)
		return *members_of(a, cell, row);
	*ahead = pane - newest < a->keep ? (uint32_t)(pane - newest) : a->keep;
	return tsn_ring_view(head, pane, a->keep, LANES, false) == 0 ? NULL : *members_of(a, cell, row);
}

static bool
fold_row(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, int64_t *out)
{
	uint8_t *cell = tsn_cell(&a->store.cells, group);
	struct tsn_members *m;
	uint32_t ahead;

	if (tsn_mask_has(&a->takes, row)) {
		if (tsn_ring_late(tsn_head_load(cell), a->pane[row], a->keep))
			tsn_mask_set(&a->late, row);
		else if (!(a->def->tumbling ? count_tumbling : count_sliding)(a, x, group, row))
			return false;
	}
	m = seen(a, cell, row, &ahead);
	if (tsn_members_sketched(m))
		a->error[row] = TSN_MEMBERS_ERROR;
	*out = tsn_members_count(m, ahead);
	return true;
}

/* A cell, what it points to, and a place in that: three misses, fetched one after the other. */
static void
ahead(const struct tsn_agg *a, const struct tsn_fold *x, uint32_t i)
{
	tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
	for (uint32_t step = TSN_AHEAD / 2; step >= TSN_AHEAD / 4; step /= 2) {
		const uint32_t at = i + step, row = x->row[at];
		uint8_t *cell;

		if (at >= x->to || x->group[at] == TSN_GROUP_NONE || !tsn_mask_has(&a->takes, row))
			continue;
		cell = tsn_cell(&a->store.cells, x->group[at]);
		tsn_members_ahead(*members_of(a, cell, row), a->member[row], step == TSN_AHEAD / 4);
	}
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	for (uint32_t i = x->from; i < x->to; i++) {
		ahead(a, x, i);
		a->out->i[x->row[i]] = 0;
		a->error[x->row[i]] = 0;
		if (x->group[i] != TSN_GROUP_NONE &&
		    !fold_row(a, x, x->group[i], x->row[i], &a->out->i[x->row[i]]))
			return i;
	}
	return x->to;
}

static void
reset(struct tsn_agg *a, uint32_t group)
{
	if (group >= a->store.cells.cap)
		return;
	for (uint32_t w = 0; w < (a->def->tumbling ? 2u : 1u); w++)
		release(a, group, w);
}

static void
fini(struct tsn_agg *a)
{
	for (uint32_t g = 0; g < a->store.cells.cap; g++)
		reset(a, g);
}

/* Does the head say that there is something in that window's memory? */
static bool
holds(const struct tsn_agg *a, uint64_t head, uint32_t window)
{
	return a->def->tumbling ? head >> window & 1 : (head & UINT16_MAX) != 0;
}

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	uint8_t *cell = tsn_cell(&a->store.cells, group);
	const uint64_t head = tsn_head_load(cell);

	tsn_head_save(head, out);
	for (uint32_t w = 0; w < (a->def->tumbling ? 2u : 1u); w++) {
		struct tsn_members *m = *window_of(a, cell, w);

		if (!holds(a, head, w))
			continue;
		tsn_extra_save(a, tsn_members_kept(m), out);
		tsn_members_save(m, out);
	}
}

/* What was loaded in vain goes at once; what is in the cell stands in the list. */
static bool
load_window(struct tsn_agg *a, uint32_t group, uint32_t window, struct tsn_unpack *in)
{
	uint8_t *cell = tsn_cell(&a->store.cells, group);
	struct tsn_members *m = NULL;
	const uint64_t before = a->store.bytes;
	struct tsn_kept said;

	if (!tsn_extra_load(a, group, &said, tsn_members_kept(other_of(a, cell, window)), in))
		return false;
	if (!tsn_members_load(&m, panes(a), in, &a->store.bytes)) {
		tsn_members_free(m, &a->store.bytes);
		return false;
	}
	tsn_extra_charge(a, group, before);
	*tsn_members_kept(m) = said;
	*window_of(a, cell, window) = m;
	tsn_extra_put(a, group, &said);
	return true;
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	uint8_t *cell = tsn_cell(&a->store.cells, group);
	uint64_t head;

	if (!tsn_head_restore(in, a->def->tumbling ? 2 : LANES, a->keep, &head))
		return false;
	tsn_head_store(cell, head);
	for (uint32_t w = 0; w < (a->def->tumbling ? 2u : 1u); w++)
		if (holds(a, head, w) && !load_window(a, group, w, in))
			return false;
	return !in->bad;
}

static uint64_t
most(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 * tsn_members_most(1) : tsn_members_most(panes(a));
}

const struct tsn_agg_ops tsn_distinct_ops = {
	.most = most,
	.init = init, .begin = tsn_members_of, .fold = fold, .reset = reset, .fini = fini, .may_stop = true, .kept = kept,
	.save = save, .load = load,
};
