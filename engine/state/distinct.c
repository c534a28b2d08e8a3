/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Different values in a window. A cell is the head of a ring and, sliding, one
 * set of members with their panes; tumbling, one set for each of the two windows.
 * Where a batch goes, sets are fetched some rows ahead: first what is in the cells, then what that points to.
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

#define NEAR 16u /* rows whose sets are fetched together */

struct cell {
	uint64_t head;
	struct tsn_members *of[]; /* of the window, or of the two of `per` */
};

static uint32_t
windows(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 : 1;
}

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = sizeof(struct cell) + windows(a) * sizeof(struct tsn_members *);
	tsn_extra_init(a);
}

static inline struct cell *
cell_of(const struct tsn_agg *a, uint32_t group)
{
	return (struct cell *)tsn_cell(&a->store.cells, group);
}

/* Which of the windows a pane is of. */
static inline uint32_t
window_at(const struct tsn_agg *a, uint64_t pane)
{
	return a->def->tumbling ? pane & 1 : 0;
}

static struct tsn_kept *
other_of(const struct tsn_agg *a, const struct cell *c, uint32_t window)
{
	return a->def->tumbling ? tsn_members_kept(c->of[window ^ 1]) : NULL;
}

/* What the group has beside its cell has changed. */
static void
charge(struct tsn_agg *a, uint32_t group)
{
	const uint64_t before = a->store.bytes;

	a->store.bytes = a->store.heap.bytes;
	tsn_extra_charge(a, group, before);
}

static void
release(struct tsn_agg *a, uint32_t group, uint32_t window)
{
	struct cell *c = cell_of(a, group);

	if (c->of[window] == NULL)
		return;
	tsn_extra_leave(a, tsn_members_kept(c->of[window]), other_of(a, c, window));
	tsn_members_free(c->of[window], &a->store.heap);
	charge(a, group);
	c->of[window] = NULL;
}

static struct tsn_kept *
kept(const struct tsn_agg *a, uint32_t group, uint32_t window)
{
	return window < windows(a) ? tsn_members_kept(cell_of(a, group)->of[window]) : NULL;
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
advance(struct tsn_agg *a, uint32_t group, struct cell *c, uint64_t pane)
{
	const uint32_t lanes = a->def->tumbling ? 2 : LANES, all = (1u << lanes) - 1;
	const uint64_t head = tsn_ring_advance(c->head, pane, a->keep, lanes);
	const uint32_t gone = (uint32_t)(c->head & ~head) & all;
	const uint64_t by = pane - tsn_ring_newest(c->head);

	c->head = head;
	if (a->def->tumbling) {
		for (uint32_t w = 0; w < 2; w++)
			if (gone >> w & 1)
				release(a, group, w);
	} else if (((uint32_t)head & all) != 0) {
		tsn_members_advance(c->of[0], (uint32_t)by, gone != 0);
	} else if (c->of[0] != NULL && !tsn_members_empty(c->of[0])) {
		release(a, group, 0);
	}
}

static inline uint32_t
age_of(const struct tsn_agg *a, const struct cell *c, uint64_t pane)
{
	return a->def->tumbling ? 0 : (uint32_t)(tsn_ring_newest(c->head) - pane);
}

/* Takes memory for what the row brings; the group may lose what it has. [counted]: false if there is no room. False: memory is out. */
static bool
enlarge(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, bool *counted)
{
	struct cell *c = cell_of(a, group);
	const uint64_t pane = a->pane[row];
	const uint32_t w = window_at(a, pane);
	enum tsn_room room = a->def->extra_bytes == 0 ? TSN_ROOM : TSN_ROOM_ANEW;
	bool fresh, ok;

	while (room == TSN_ROOM_ANEW) {
		room = tsn_extra_room(a, x, group, row, tsn_members_wants(c->of[w], a->member[row], panes(a)));
		if (room == TSN_ROOM_ANEW)
			advance(a, group, c, pane);
	}
	*counted = room == TSN_ROOM;
	if (!*counted)
		return true;
	fresh = c->of[w] == NULL;
	ok = tsn_members_add(&c->of[w], a->member[row], age_of(a, c, pane), panes(a), &a->store.heap);
	charge(a, group);
	if (ok && fresh)
		tsn_extra_enter(a, group, tsn_members_kept(c->of[w]), other_of(a, c, w));
	return ok;
}

static inline bool
count(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row)
{
	struct cell *c = cell_of(a, group);
	const uint64_t pane = a->pane[row];
	const uint32_t w = window_at(a, pane);
	bool counted = true;

	if (pane > tsn_ring_newest(c->head))
		advance(a, group, c, pane);
	if ((tsn_extra_short(a, group, 0) || !tsn_members_note(c->of[w], a->member[row], age_of(a, c, pane))) &&
	    !enlarge(a, x, group, row, &counted))
		return false;
	if (!counted)
		return true;
	tsn_kept_count(tsn_members_kept(c->of[w]));
	c->head |= UINT64_C(1) << (a->def->tumbling ? w : pane & (LANES - 1));
	return true;
}

/* The set a flow of that pane looks at, NULL if empty, and how many panes it is ahead of it. */
static inline struct tsn_members *
seen(const struct tsn_agg *a, const struct cell *c, uint64_t pane, uint32_t *ahead)
{
	const uint64_t newest = tsn_ring_newest(c->head);
	struct tsn_members *m = c->of[window_at(a, pane)];

	*ahead = 0;
	if (a->def->tumbling)
		return tsn_ring_view(c->head, pane, a->keep, 2, true) == 0 ? NULL : m;
	if (pane <= newest)
		return m;
	*ahead = pane - newest < a->keep ? (uint32_t)(pane - newest) : a->keep;
	return tsn_ring_view(c->head, pane, a->keep, LANES, false) == 0 ? NULL : m;
}

/* [least]: any value below it will do where it is less. */
static inline bool
fold_row(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, int64_t least)
{
	struct cell *c = cell_of(a, group);
	const uint64_t pane = a->pane[row];
	struct tsn_members *m;
	uint32_t ahead;

	if (tsn_mask_has(&a->takes, row)) {
		if (tsn_ring_late(c->head, pane, a->keep))
			tsn_mask_set(&a->late, row);
		else if (!count(a, x, group, row))
			return false;
	}
	m = seen(a, c, pane, &ahead);
	if (least > 0 && tsn_members_below(m, least))
		return true;
	if (tsn_members_sketched(m))
		a->error[row] = TSN_MEMBERS_ERROR;
	a->out->i[row] = tsn_members_count(m, ahead);
	return true;
}

/* Fetches the sets of some rows, or [place] in them: what the cells, or the sets, have for it is there by then. */
static void
fetch(const struct tsn_agg *a, const struct tsn_fold *x, uint32_t from, bool place)
{
	const uint32_t to = from + NEAR < x->to ? from + NEAR : x->to;

	for (uint32_t i = from; i < to; i++) {
		const uint32_t row = x->row[i];

		if (x->group[i] != TSN_GROUP_NONE && tsn_mask_has(&a->takes, row))
			tsn_members_ahead(cell_of(a, x->group[i])->of[window_at(a, a->pane[row])], a->member[row], place);
	}
}

static void
fetch_cells(const struct tsn_agg *a, const struct tsn_fold *x, uint32_t from)
{
	const uint32_t to = from + NEAR < x->to ? from + NEAR : x->to;

	for (uint32_t i = from; i < to; i++)
		tsn_cell_prefetch(&a->store.cells, x->group[i]);
}

/* The least value that anybody asks for, where it is this aggregate's alone that must be so much; else 0. */
static int64_t
least_of(const struct tsn_agg *a, const struct tsn_fold *x)
{
	const struct tsn_family_def *d = &x->family->def;
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->naggs; i++)
		n += d->agg[i].least > 0;
	return x->guarded && n == 1 ? a->def->least : 0;
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	const int64_t least = least_of(a, x);

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];

		if ((i - x->from) % NEAR == 0) {
			if (i == x->from) {
				fetch(a, x, i, false);
				fetch(a, x, i + NEAR, false);
				fetch(a, x, i, true);
			}
			fetch_cells(a, x, i + 3 * NEAR);
			fetch(a, x, i + 2 * NEAR, false);
			fetch(a, x, i + NEAR, true);
		}
		a->out->i[row] = 0;
		a->error[row] = 0;
		if (x->group[i] != TSN_GROUP_NONE && !fold_row(a, x, x->group[i], row, least))
			return i;
	}
	return x->to;
}

static void
reset(struct tsn_agg *a, uint32_t group)
{
	if (group >= a->store.cells.cap)
		return;
	for (uint32_t w = 0; w < windows(a); w++)
		release(a, group, w);
}

static void
fini(struct tsn_agg *a)
{
	tsn_heap_fini(&a->store.heap);
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
	const struct cell *c = cell_of(a, group);

	tsn_head_save(c->head, out);
	for (uint32_t w = 0; w < windows(a); w++) {
		if (!holds(a, c->head, w))
			continue;
		tsn_extra_save(a, tsn_members_kept(c->of[w]), out);
		tsn_members_save(c->of[w], out);
	}
}

/* What was loaded in vain goes at once; what is in the cell stands in the list. */
static bool
load_window(struct tsn_agg *a, uint32_t group, uint32_t window, struct tsn_unpack *in)
{
	struct cell *c = cell_of(a, group);
	struct tsn_members *m = NULL;
	struct tsn_kept said;

	if (!tsn_extra_load(a, group, &said, other_of(a, c, window), in))
		return false;
	if (!tsn_members_load(&m, panes(a), in, &a->store.heap)) {
		tsn_members_free(m, &a->store.heap);
		return false;
	}
	charge(a, group);
	*tsn_members_kept(m) = said;
	c->of[window] = m;
	tsn_extra_put(a, group, &said);
	return true;
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	struct cell *c = cell_of(a, group);

	if (!tsn_head_restore(in, a->def->tumbling ? 2 : LANES, a->keep, &c->head))
		return false;
	for (uint32_t w = 0; w < windows(a); w++)
		if (holds(a, c->head, w) && !load_window(a, group, w, in))
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
