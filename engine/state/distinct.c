/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Different values in a window. A cell is the head of a ring and, sliding, one
 * set of members with their panes; tumbling, one set for each of the two windows. Few members are in the cell; what it
 * points to where there are more is fetched some rows ahead.
 */
#include "state/internal.h"
#include "state/members.h"
#include "state/ring.h"

#define LANES TSN_MEMBERS_LANES

#define NEAR 8u /* rows whose sets are fetched together */

struct cell {
	uint64_t head;
	struct tsn_members of[]; /* of the window, or of the two of `per` */
};

static uint32_t
windows(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 : 1;
}

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = windows(a) * TSN_HEAP_LINE;
	tsn_extra_init(a);
}

static inline struct cell *
cell_of(const struct tsn_agg *a, uint32_t group)
{
	return (struct cell *)tsn_cell(&a->store.cells, group);
}

/* Of one set: those of a sliding window, or the window itself. */
static inline uint32_t
panes(const struct tsn_agg *a)
{
	return a->def->tumbling ? 1 : a->def->panes;
}

static inline struct tsn_members_panes
panes_of(const struct tsn_agg *a, const struct cell *c)
{
	return (struct tsn_members_panes){ a->def->tumbling ? 0 : (uint8_t)tsn_ring_newest(c->head), (uint8_t)panes(a) };
}

static struct tsn_kept *
kept_in(struct cell *c, uint32_t window)
{
	return tsn_members_grown(&c->of[window]) ? &c->of[window].kept : NULL;
}

static struct tsn_kept *
other_of(const struct tsn_agg *a, struct cell *c, uint32_t window)
{
	return a->def->tumbling ? kept_in(c, window ^ 1) : NULL;
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
	const struct tsn_kept *k = kept_in(c, window);

	if (k != NULL)
		tsn_extra_leave(a, k, other_of(a, c, window));
	tsn_members_free(&c->of[window], panes(a), &a->store.heap);
	if (k != NULL)
		charge(a, group);
}

static struct tsn_kept *
kept(const struct tsn_agg *a, uint32_t group, uint32_t window)
{
	return window < windows(a) ? kept_in(cell_of(a, group), window) : NULL;
}

enum kind { FEW, MORE, SKETCH, KINDS };

static inline enum kind
kind_of(const struct tsn_members *m)
{
	return (m->size != 0) + (m->size == TSN_MEMBERS_SKETCH);
}

/* What rows of a segment have in common: by value, since the compiler cannot know that results are not part of it. */
struct walk {
	const uint16_t *row;
	const uint32_t *group;
	struct tsn_cells cells;
	const uint64_t *pane, *member;
	int64_t *out;
	float *error;
	uint32_t keep;
	uint64_t low;   /* of a sketch whose sum is above it any value will do that is less than what is asked */
	uint8_t panes;
	bool tumbling;
	bool over;      /* more memory is in use than may be, since that was lowered: ask for each row */
	bool all;       /* all rows count, and have groups */
};

static inline struct cell *
cell_in(const struct walk *k, uint32_t group)
{
	return (struct cell *)(k->cells.mem + (size_t)group * (k->tumbling ? 2 : 1) * TSN_HEAP_LINE);
}

static inline struct tsn_members *
set_at(const struct walk *k, struct cell *c, uint64_t pane)
{
	return &c->of[k->tumbling ? pane & 1 : 0];
}

static inline uint8_t
stamp_at(const struct walk *k, uint64_t pane)
{
	return k->tumbling ? 0 : (uint8_t)pane;
}

static inline struct tsn_members_panes
panes_in(const struct walk *k, const struct cell *c)
{
	return (struct tsn_members_panes){ stamp_at(k, tsn_ring_newest(c->head)), k->panes };
}

/* Moves the window on: sets lose what left it. */
static inline __attribute__((always_inline)) void
advance(struct tsn_agg *a, const struct walk *k, uint32_t group, struct cell *c, uint64_t pane)
{
	const uint32_t lanes = k->tumbling ? 2 : LANES, all = (1u << lanes) - 1;
	const uint64_t head = tsn_ring_advance(c->head, pane, k->keep, lanes);
	const uint32_t gone = (uint32_t)(c->head & ~head) & all;
	const uint64_t by = pane - tsn_ring_newest(c->head);

	c->head = head;
	if (k->tumbling) {
		for (uint32_t w = 0; w < 2; w++)
			if (gone >> w & 1)
				release(a, group, w);
	} else if (((uint32_t)head & all) != 0) {
		tsn_members_turn(&c->of[0], panes_in(k, c), (uint32_t)by, gone != 0);
	} else {
		release(a, group, 0);
	}
}

/* Takes memory for what the row brings; the group may lose what it has. [counted]: false if there is no room. False: memory is out. */
static __attribute__((noinline)) bool
enlarge(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, uint32_t group, uint32_t row, bool *counted)
{
	struct cell *c = cell_in(k, group);
	const uint64_t pane = k->pane[row];
	struct tsn_members *m = set_at(k, c, pane);
	enum tsn_room room = a->def->extra_bytes == 0 ? TSN_ROOM : TSN_ROOM_ANEW;
	bool grown, ok;

	while (room == TSN_ROOM_ANEW) {
		room = tsn_extra_room(a, x, group, row, tsn_members_wants(m, k->member[row], panes_in(k, c)));
		if (room == TSN_ROOM_ANEW)
			advance(a, k, group, c, pane);
	}
	*counted = room == TSN_ROOM;
	if (!*counted)
		return true;
	grown = tsn_members_grown(m);
	ok = tsn_members_add(m, k->member[row], stamp_at(k, pane), panes_in(k, c), &a->store.heap);
	charge(a, group);
	if (!grown && tsn_members_grown(m))
		tsn_extra_enter(a, group, &m->kept, other_of(a, c, m - c->of));
	return ok;
}

static inline __attribute__((always_inline)) bool
count(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, struct cell *c, uint32_t group, uint32_t row)
{
	const uint64_t pane = k->pane[row];
	struct tsn_members *m = set_at(k, c, pane);
	bool counted = true;

	if (pane > tsn_ring_newest(c->head))
		advance(a, k, group, c, pane);
	if ((k->over || !tsn_members_note(m, k->member[row], stamp_at(k, pane), panes_in(k, c), k->low)) && !enlarge(a, x, k, group, row, &counted))
		return false;
	if (!counted)
		return true;
	tsn_kept_count(&m->kept);
	c->head |= UINT64_C(1) << (k->tumbling ? pane & 1 : pane & (LANES - 1));
	return true;
}

/* How many panes a flow of that pane is ahead of the set it looks at; all of them where it sees nothing. */
static inline uint32_t
ahead_of(const struct walk *k, const struct cell *c, uint64_t pane)
{
	const uint64_t newest = tsn_ring_newest(c->head);

	if (!k->tumbling && pane <= newest)
		return 0;
	if (tsn_ring_view(c->head, pane, k->keep, k->tumbling ? 2 : LANES, k->tumbling) == 0)
		return k->keep;
	return k->tumbling ? 0 : (uint32_t)(pane - newest);
}

static inline __attribute__((always_inline)) bool
fold_row(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, uint32_t group, uint32_t row)
{
	struct cell *c = cell_in(k, group);
	const uint64_t pane = k->pane[row];

	if (k->all || tsn_mask_has(&a->takes, row)) {
		if (tsn_ring_late(c->head, pane, k->keep))
			tsn_mask_set(&a->late, row);
		else if (!count(a, x, k, c, group, row))
			return false;
	}
	k->out[row] = tsn_members_count(set_at(k, c, pane), ahead_of(k, c, pane), panes_in(k, c), k->low, &k->error[row]);
	return true;
}

/* Rows whose group there may be none for, or that only look. */
static __attribute__((noinline)) bool
fold_any(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, uint32_t group, uint32_t row)
{
	if (group != TSN_GROUP_NONE)
		return fold_row(a, x, k, group, row);
	k->out[row] = 0;
	k->error[row] = 0;
	return true;
}

static inline bool
is_kind(const struct tsn_members *m, enum kind kind)
{
	return kind == FEW ? m->size == 0 : kind == SKETCH ? m->size == TSN_MEMBERS_SKETCH : m->size - 1u < TSN_MEMBERS_SKETCH - 1u;
}

/* Adds to a set of that kind where it is one and needs no memory, and counts it; else false, and nothing has changed. */
static inline __attribute__((always_inline)) bool
note(struct tsn_members *m, enum kind kind, uint64_t member, uint8_t stamp, struct tsn_members_panes p, uint64_t low, int64_t *n)
{
	if (!is_kind(m, kind))
		return false;
	if (kind == FEW) {
		if (!tsn_members_note_few(m, member, stamp, p))
			return false;
		*n = m->few.n;
	} else if (kind == MORE) {
		if (!tsn_members_note_more(m, member, stamp, p))
			return false;
		*n = m->more.n;
	} else {
		*n = tsn_hll_note(&m->sketch, member, tsn_members_age(p, stamp), low) || tsn_hll_is_above(&m->sketch, low, 0) ? 0 :
		    tsn_hll_estimate(&m->sketch, 0);
	}
	return true;
}

static __attribute__((noinline)) void
advance_far(struct tsn_agg *a, const struct walk *k, uint32_t group, struct cell *c, uint64_t pane)
{
	advance(a, k, group, c, pane);
}

/* A row that counts, over a sliding window, as nearly all do. */
static inline __attribute__((always_inline)) bool
fold_usual(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, enum kind kind, uint32_t group, uint32_t row)
{
	struct cell *c = cell_in(k, group);
	struct tsn_members *m = &c->of[0];
	const uint64_t pane = k->pane[row], newest = tsn_ring_newest(c->head);
	int64_t n;

	if (pane > newest && kind == FEW)
		advance(a, k, group, c, pane);
	else if (pane > newest)
		advance_far(a, k, group, c, pane);
	if (pane + k->keep <= newest || !note(m, kind, k->member[row], (uint8_t)pane, panes_in(k, c), k->low, &n))
		return fold_any(a, x, k, group, row);
	tsn_kept_count(&m->kept);
	c->head |= UINT64_C(1) << (pane & (LANES - 1));
	k->out[row] = n;
	k->error[row] = kind == SKETCH ? TSN_MEMBERS_ERROR : 0;
	return true;
}

/* Fetches what the cell of an entry points to. */
static inline __attribute__((always_inline)) void
fetch(const struct walk *k, enum kind kind, uint32_t i)
{
	const uint32_t row = k->row[i], group = k->group[i];

	if (kind != FEW && (k->all || group != TSN_GROUP_NONE))
		tsn_members_ahead(set_at(k, cell_in(k, group), k->pane[row]), k->member[row], k->low);
}

/* Entries in that order; at which of them memory ran out, or [n]. */
static inline __attribute__((always_inline)) uint32_t
walk(struct tsn_agg *a, struct tsn_fold *x, const struct walk *k, enum kind kind, const uint16_t *entry, uint32_t n)
{
	for (uint32_t j = 0; j < NEAR && j < n; j++)
		fetch(k, kind, entry[j]);
	for (uint32_t j = 0; j < n; j++) {
		const uint32_t i = entry[j], row = k->row[i];

		if (j + NEAR < n)
			fetch(k, kind, entry[j + NEAR]);
		if (!(k->all && !k->tumbling ? fold_usual(a, x, k, kind, k->group[i], row) : fold_any(a, x, k, k->group[i], row)))
			return j;
	}
	return n;
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

/* Entries in the order in which they are folded. */
struct order {
	uint16_t entry[KINDS][TSN_BATCH_ROWS];
	uint32_t n[KINDS];
};

static inline enum kind
kind_at(const struct walk *k, uint32_t group)
{
	const struct cell *c = cell_in(k, group);

	return k->tumbling && c->of[1].size > c->of[0].size ? kind_of(&c->of[1]) : kind_of(&c->of[0]);
}

/*
 * By what their groups have, so that no branch by that has to be guessed, here neither. Those of one group stay in order, and nothing else
 * depends on it: but whose memory goes does, where there is a bound on it.
 */
static void
arrange(struct order *o, const struct walk *k, uint32_t from, uint32_t to, bool bounded)
{
	uint64_t n = 0; /* of each kind so far, in 16 bits: they stay in a register */

	for (uint32_t i = from; i < to; i++) {
		const enum kind kind = bounded || k->group[i] == TSN_GROUP_NONE ? FEW : kind_at(k, k->group[i]);

		o->entry[kind][(uint16_t)(n >> 16 * kind)] = (uint16_t)i;
		n += UINT64_C(1) << 16 * kind;
	}
	for (enum kind kind = 0; kind < KINDS; kind++)
		o->n[kind] = (uint16_t)(n >> 16 * kind);
}

/* The first entry that is not folded, when memory ran out at the [at]th of [kind]. */
static uint32_t
stopped(const struct order *o, enum kind kind, uint32_t at, uint32_t to)
{
	for (; kind < KINDS; kind++, at = 0)
		if (at < o->n[kind] && o->entry[kind][at] < to)
			to = o->entry[kind][at];
	return to;
}

/* A copy, since the compiler cannot know that results are not part of it; with constants for what it mostly is. */
#define WALK(name, kind) \
	static uint32_t \
	name(struct tsn_agg *a, struct tsn_fold *x, const struct walk *of, const uint16_t *entry, uint32_t n) \
	{ \
		struct walk k = *of; \
		if (!k.all || k.tumbling) \
			return walk(a, x, &k, kind, entry, n); \
		k.all = true; \
		k.tumbling = false; \
		k.over = false; \
		return walk(a, x, &k, kind, entry, n); \
	}

WALK(walk_few, FEW)
WALK(walk_more, MORE)
WALK(walk_sketch, SKETCH)

static uint32_t (*const walk_of[KINDS])(struct tsn_agg *a, struct tsn_fold *x, const struct walk *of, const uint16_t *entry, uint32_t n) = {
	walk_few, walk_more, walk_sketch,
};

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	struct walk k = { .row = x->row, .group = x->group, .cells = a->store.cells, .pane = a->pane,
		.member = a->member, .out = a->out->i, .error = a->error, .keep = a->keep, .low = tsn_hll_low(least_of(a, x)),
		.panes = (uint8_t)panes(a), .tumbling = a->def->tumbling, .over = tsn_extra_over(a) };
	struct order o;
	uint32_t at;

	arrange(&o, &k, x->from, x->to, a->def->extra_bytes != 0);
	k.all = !k.over && x->all > 0 && tsn_mask_count(&a->takes) == x->all;
	for (enum kind kind = 0; kind < KINDS; kind++) {
		at = walk_of[kind](a, x, &k, o.entry[kind], o.n[kind]);
		if (at < o.n[kind])
			return stopped(&o, kind, at, x->to);
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

/* Does the head say that there is something in that window? */
static bool
holds(const struct tsn_agg *a, uint64_t head, uint32_t window)
{
	return a->def->tumbling ? head >> window & 1 : (head & UINT16_MAX) != 0;
}

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	struct cell *c = cell_of(a, group);

	tsn_head_save(c->head, out);
	for (uint32_t w = 0; w < windows(a); w++) {
		if (!holds(a, c->head, w))
			continue;
		tsn_members_save(&c->of[w], panes_of(a, c), out);
		if (kept_in(c, w) != NULL)
			tsn_extra_save(a, kept_in(c, w), out);
		else
			tsn_pack_uint(out, c->of[w].kept.flows);
	}
}

/* What was loaded in vain goes at once; what is in the cell stands in the list. */
static bool
load_window(struct tsn_agg *a, uint32_t group, uint32_t window, struct tsn_unpack *in)
{
	struct cell *c = cell_of(a, group);
	struct tsn_members m = { 0 };
	bool ok = tsn_members_load(&m, panes_of(a, c), in, &a->store.heap);

	if (ok && tsn_members_grown(&m))
		ok = tsn_extra_load(a, group, &m.kept, other_of(a, c, window), in);
	else
		m.kept.flows = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	if (!ok) {
		tsn_members_free(&m, panes(a), &a->store.heap);
		return false;
	}
	charge(a, group);
	c->of[window] = m;
	if (tsn_members_grown(&m))
		tsn_extra_put(a, group, &m.kept);
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
