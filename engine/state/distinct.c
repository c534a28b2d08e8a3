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
#include "base/wide.h"
#include "state/internal.h"
#include "state/members.h"
#include "state/ring.h"

#define LANES 16u

#define NEAR 8u /* rows whose sets are fetched together */

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

#define HASH_ALL(type) \
	TSN_WIDE(static, void, hash_##type, (const type *col, uint64_t mask, uint64_t seed, uint32_t n, uint64_t *restrict out), \
	    (col, mask, seed, n, out)) \
	{ \
		for (uint32_t i = 0; i < n; i++) \
			out[i] = tsn_hash_u64(col[i] & mask, seed); \
	}

HASH_ALL(uint8_t)
HASH_ALL(uint16_t)
HASH_ALL(uint32_t)
HASH_ALL(uint64_t)

/* Of all rows, whether they count or not. */
static void
hash_column(const void *col, enum tsn_storage storage, uint64_t mask, uint64_t seed, uint32_t n, uint64_t *out)
{
	switch (storage) {
	case TSN_U8:  hash_uint8_t(col, mask, seed, n, out); break;
	case TSN_U16: hash_uint16_t(col, mask, seed, n, out); break;
	case TSN_U32: hash_uint32_t(col, mask, seed, n, out); break;
	default:      hash_uint64_t(col, mask, seed, n, out); break;
	}
}

static void
hash_numbers(struct tsn_agg *a, const struct tsn_batch *b, enum tsn_storage storage, uint64_t mask, uint64_t seed)
{
	const void *col = b->col[a->def->tuple.part[0].field];

	if (tsn_few_rows(tsn_mask_count(&a->takes), b)) {
		TSN_EACH_ROW(row, &a->takes)
			a->member[row] = tsn_hash_u64((uint64_t)tsn_column_int(col, storage, row) & mask, seed);
	} else {
		hash_column(col, storage, mask, seed, b->n, a->member);
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
	const struct tsn_field_info *field = &tsn_fields[part->field];
	struct tsn_mask known, others;

	tsn_key_present(&a->def->tuple, b, &known);
	tsn_mask_and(&a->takes, &a->takes, &known);
	others = a->takes;
	if (a->def->tuple.n == 1 && field->storage <= TSN_I64) {
		hash_numbers(a, b, field->storage, UINT64_MAX, seed);
		return;
	}
	if (tsn_key_is_addr(&a->def->tuple)) {
		hash_numbers(a, b, TSN_U32, part->v4_bits == 0 ? 0 : UINT32_MAX << (32 - part->v4_bits), seed);
		tsn_mask_andnot(&others, &others, &b->addr[field->addr_slot].is_v4);
	}
	TSN_EACH_ROW(row, &others)
		a->member[row] = member_of_key(a, b, row, seed);
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

/* What rows of a segment have in common: by value, since the compiler cannot know that results are not part of it. */
struct walk {
	const uint16_t *row;
	const uint32_t *group;
	uint32_t from, to;
	struct tsn_cells cells;
	const uint64_t *pane, *member;
	int64_t *out;
	float *error;
	uint32_t keep;
	int64_t least;  /* any value below it will do where it is less; 0: none will */
	bool tumbling;
	bool over;      /* more memory is in use than may be, since that was lowered: ask for each row */
	bool all;       /* all rows count, and have groups */
};

static inline struct cell *
cell_in(const struct walk *k, uint32_t group)
{
	return (struct cell *)tsn_cell(&k->cells, group);
}

static inline __attribute__((always_inline)) bool
count(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, struct cell *c, uint32_t group, uint32_t row)
{
	const uint64_t pane = k->pane[row];
	const uint32_t w = k->tumbling ? pane & 1 : 0;
	bool counted = true;

	if (pane > tsn_ring_newest(c->head))
		advance(a, group, c, pane);
	if ((k->over || !tsn_members_note(c->of[w], k->member[row], k->tumbling ? 0 : (uint32_t)(tsn_ring_newest(c->head) - pane))) &&
	    !enlarge(a, x, group, row, &counted))
		return false;
	if (!counted)
		return true;
	tsn_kept_count(tsn_members_kept(c->of[w]));
	c->head |= UINT64_C(1) << (k->tumbling ? w : pane & (LANES - 1));
	return true;
}

/* The set a flow of that pane looks at, NULL if empty, and how many panes it is ahead of it. */
static inline struct tsn_members *
seen(const struct walk *k, const struct cell *c, uint64_t pane, uint32_t *ahead)
{
	const uint64_t newest = tsn_ring_newest(c->head);

	*ahead = 0;
	if (k->tumbling)
		return tsn_ring_view(c->head, pane, k->keep, 2, true) == 0 ? NULL : c->of[pane & 1];
	if (pane <= newest)
		return c->of[0];
	*ahead = pane - newest < k->keep ? (uint32_t)(pane - newest) : k->keep;
	return tsn_ring_view(c->head, pane, k->keep, LANES, false) == 0 ? NULL : c->of[0];
}

static inline __attribute__((always_inline)) bool
fold_row(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, uint32_t group, uint32_t row)
{
	struct cell *c = cell_in(k, group);
	const uint64_t pane = k->pane[row];
	struct tsn_members *m;
	uint32_t ahead;

	if (k->all || tsn_mask_has(&a->takes, row)) {
		if (tsn_ring_late(c->head, pane, k->keep))
			tsn_mask_set(&a->late, row);
		else if (!count(a, x, k, c, group, row))
			return false;
	}
	m = seen(k, c, pane, &ahead);
	k->out[row] = tsn_members_count(m, ahead, k->least, &k->error[row]);
	return true;
}

/* Fetches the sets of some rows, or [place] in them: what the cells, or the sets, have for it is there by then. */
static inline __attribute__((always_inline)) void
fetch(const struct tsn_agg *a, const struct walk *k, uint32_t from, bool place)
{
	const uint32_t to = from + NEAR < k->to ? from + NEAR : k->to;

	for (uint32_t i = from; i < to; i++) {
		const uint32_t row = k->row[i];

		if (k->all || (k->group[i] != TSN_GROUP_NONE && tsn_mask_has(&a->takes, row)))
			tsn_members_ahead(cell_in(k, k->group[i])->of[k->tumbling ? k->pane[row] & 1 : 0], k->member[row], place);
	}
}

static inline void
fetch_cells(const struct walk *k, uint32_t from)
{
	const uint32_t to = from + NEAR < k->to ? from + NEAR : k->to;

	for (uint32_t i = from; i < to; i++)
		tsn_cell_prefetch(&k->cells, k->group[i]);
}

static inline __attribute__((always_inline)) uint32_t
walk(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k)
{
	fetch(a, k, k->from, false);
	fetch(a, k, k->from + NEAR, false);
	fetch(a, k, k->from, true);
	for (uint32_t i = k->from, to; i < k->to; i = to) {
		to = i + NEAR < k->to ? i + NEAR : k->to;
		fetch_cells(k, i + 3 * NEAR);
		fetch(a, k, i + 2 * NEAR, false);
		fetch(a, k, i + NEAR, true);
		for (uint32_t j = i; j < to; j++) {
			const uint32_t row = k->row[j];

			if (!k->all && k->group[j] == TSN_GROUP_NONE) {
				k->out[row] = 0;
				k->error[row] = 0;
			} else if (!fold_row(a, x, k, k->group[j], row)) {
				return j;
			}
		}
	}
	return k->to;
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
	struct walk k = { .row = x->row, .group = x->group, .from = x->from, .to = x->to, .cells = a->store.cells, .pane = a->pane,
		.member = a->member, .out = a->out->i, .error = a->error, .keep = a->keep, .least = least_of(a, x),
		.tumbling = a->def->tumbling, .over = tsn_extra_over(a) };

	if (!k.over && x->all > 0 && tsn_mask_count(&a->takes) == x->all) {
		k.all = true;
		return walk(a, x, &k);
	}
	k.all = false;
	return walk(a, x, &k);
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
