/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Counts. Sliding: cells as narrow.h has them, or as cells_lean.c has. Tumbling: a ring of two lanes of 64 bits. */
#include "base/mem.h"
#include "state/narrow.h"

#define LANES 16
#define SUM_MASK TSN_SUM_MASK
#define IS_WIDE TSN_IS_WIDE
#define NARROW_MAX UINT8_MAX
#define WARM TSN_WARM

_Static_assert(LANES * NARROW_MAX < IS_WIDE, "sixteen full panes must not look like a wide cell");

struct pair {
	uint64_t head;
	uint64_t lane[2];
};

void
tsn_counts_init(struct tsn_counts *c, bool tumbling)
{
	c->lean = false;
	c->cells.size = tumbling ? sizeof(struct pair) : sizeof(struct tsn_narrow);
}

static inline bool
any_warm(const struct tsn_narrow *cell)
{
	uint64_t half[2];

	memcpy(half, cell->lane, sizeof(half));
	return tsn_lanes_warm(half) != 0;
}

static __attribute__((noinline)) uint32_t
warm_lanes(const struct tsn_narrow *cell)
{
	uint32_t n = 0;

	for (uint32_t l = 0; l < LANES; l++)
		n += cell->lane[l] >= WARM;
	return n;
}

static uint32_t
wide_index(const struct tsn_narrow *cell)
{
	uint32_t i;

	memcpy(&i, cell->lane, sizeof(i));
	return i;
}

static void
wide_release(struct tsn_counts *c, const struct tsn_narrow *cell)
{
	uint32_t i = wide_index(cell);

	c->wide[i].sum = c->freewide;
	c->freewide = i + 1;
	c->sparewide++;
}

/* Moves a cell to a wide one; tsn_counts_reserve saw to it that there is one. */
static void
widen(struct tsn_counts *c, struct tsn_narrow *cell)
{
	uint32_t i = c->freewide != 0 ? c->freewide - 1 : c->nwide++;
	struct tsn_wide *w = &c->wide[i];

	if (c->freewide != 0)
		c->freewide = (uint32_t)w->sum;
	c->sparewide--;
	c->warm -= warm_lanes(cell);
	w->sum = cell->head & SUM_MASK;
	for (uint32_t l = 0; l < LANES; l++)
		w->lane[l] = cell->lane[l];
	memset(cell->lane, 0, sizeof(cell->lane));
	memcpy(cell->lane, &i, sizeof(i));
	cell->head |= IS_WIDE;
}

/* Room for [want] more wide cells. */
static bool
wide_room(struct tsn_agg *a, uint32_t want)
{
	struct tsn_counts *c = &a->store.counts;
	const struct tsn_family_store *s = &a->family->store;
	const uint64_t groups = c->lean ? tsn_numbers(s) : c->cells.cap, full = (uint64_t)a->family->budget * s->nparts;
	const uint64_t most = full > tsn_numbers(s) ? full : tsn_numbers(s); /* each group has one at most */
	uint32_t cap = c->capwide;
	struct tsn_wide *wide;

	if (c->sparewide >= want || cap >= most)
		return true;
	cap = cap > want ? cap * 2 : cap + want;
	if (cap > groups + want)
		cap = (uint32_t)groups + want; /* no more than there are groups, and as many as this asks for */
	if (cap > most)
		cap = (uint32_t)most;
	wide = tsn_reallocarray(c->wide, cap, sizeof(*wide));
	if (wide == NULL)
		return false;
	a->store.bytes += (uint64_t)(cap - c->capwide) * sizeof(*wide);
	c->sparewide += cap - c->capwide;
	c->wide = wide;
	c->capwide = cap;
	return true;
}

/* As many as [rows] rows could ask for: a cell that has no warm lane takes more than NARROW_MAX - WARM of them, another takes one. */
bool
tsn_counts_reserve(struct tsn_agg *a, uint32_t rows)
{
	const struct tsn_counts *c = &a->store.counts;

	return (c->cells.size != sizeof(struct tsn_narrow) && !c->lean) || wide_room(a, c->warm < rows ? c->warm + rows / (NARROW_MAX + 1 - WARM) : rows);
}

/* Is lane [l] outside the window that ends [d] > 0 panes after [newest]? */
static inline bool
expired(uint32_t l, uint64_t newest, uint64_t d, uint32_t keep)
{
	return ((l - (uint32_t)newest - 1 - (LANES - keep)) & (LANES - 1)) < d;
}

#define LANES4(of, l, d) of((l) % LANES, d), of(((l) + 1) % LANES, d), of(((l) + 2) % LANES, d), of(((l) + 3) % LANES, d)
#define LANES16(of, d)   LANES4(of, 0, d), LANES4(of, 4, d), LANES4(of, 8, d), LANES4(of, 12, d)
#define ROW(of, d)       { LANES16(of, d), LANES16(of, d), LANES16(of, d), LANES16(of, d) }
#define ROWS4(of, d)     ROW(of, d), ROW(of, (d) + 1), ROW(of, (d) + 2), ROW(of, (d) + 3)
#define ROWS16(of, d)    ROWS4(of, d), ROWS4(of, (d) + 4), ROWS4(of, (d) + 8), ROWS4(of, (d) + 12)
#define LEFT(l, d)       ((d) <= 0 || (l) < LANES - (d) ? UINT8_MAX : 0)
#define ONE(l, d)        ((l) == (2 * LANES - 1 - (d)) % LANES)
_Alignas(64) const struct tsn_rings tsn_rings = {
	.left = { ROWS16(LEFT, -16), ROWS16(LEFT, 0), ROW(LEFT, 16) },
	.one = { ROWS16(ONE, 0), ROW(ONE, 16) },
};

/* Clears [d] < LANES lanes from [first] on, round the ring; the sum of the others. Compilers make sixteen branches of a loop. */
static inline uint32_t
clear_lanes(uint8_t lane[LANES], uint32_t first, uint64_t d)
{
	uint64_t half[2], keep[2];

	memcpy(half, lane, sizeof(half));
	memcpy(keep, tsn_lanes_leave(first, (uint32_t)d), sizeof(keep));
	half[0] &= keep[0];
	half[1] &= keep[1];
	memcpy(lane, half, sizeof(half));
	return (uint32_t)tsn_lanes_sum(half);
}

static inline void
narrow_advance(struct tsn_counts *c, struct tsn_narrow *cell, uint64_t newest, uint64_t pane, uint32_t keep)
{
	const bool warm = any_warm(cell);
	const uint64_t d = pane - newest;
	uint32_t sum = 0;

	if (__builtin_expect(warm, 0))
		c->warm -= warm_lanes(cell);
	if (d >= keep)
		memset(cell->lane, 0, sizeof(cell->lane));
	else
		sum = clear_lanes(cell->lane, (uint32_t)newest + 1 + LANES - keep, d);
	if (__builtin_expect(warm, 0))
		c->warm += warm_lanes(cell);
	cell->head = pane << TSN_HEAD_BITS | sum;
}

static __attribute__((noinline)) void
wide_advance(struct tsn_counts *c, struct tsn_narrow *cell, uint64_t newest, uint64_t pane, uint32_t keep)
{
	struct tsn_wide *w = &c->wide[wide_index(cell)];

	if (pane - newest >= keep) {
		wide_release(c, cell);
		memset(cell->lane, 0, sizeof(cell->lane));
		cell->head = pane << TSN_HEAD_BITS;
		return;
	}
	for (uint32_t l = 0; l < LANES; l++) {
		if (!expired(l, newest, pane - newest, keep))
			continue;
		w->sum -= w->lane[l];
		w->lane[l] = 0;
	}
	cell->head = pane << TSN_HEAD_BITS | IS_WIDE;
}

__attribute__((noinline)) int64_t
tsn_narrow_peek(const struct tsn_counts *c, const struct tsn_narrow *cell, uint64_t pane, uint32_t keep)
{
	const bool wide = (cell->head & SUM_MASK) == IS_WIDE;
	const struct tsn_wide *w = wide ? &c->wide[wide_index(cell)] : NULL;
	uint64_t newest = tsn_ring_newest(cell->head), sum = 0;

	if (pane <= newest)
		return (int64_t)(wide ? w->sum : cell->head & SUM_MASK);
	if (pane - newest >= keep)
		return 0;
	for (uint32_t l = 0; l < LANES; l++)
		if (!expired(l, newest, pane - newest, keep))
			sum += wide ? w->lane[l] : cell->lane[l];
	return (int64_t)sum;
}

static __attribute__((noinline)) int64_t
wide_add(struct tsn_counts *c, struct tsn_narrow *cell, uint32_t lane)
{
	struct tsn_wide *w;

	if ((cell->head & SUM_MASK) != IS_WIDE)
		widen(c, cell);
	w = &c->wide[wide_index(cell)];
	w->lane[lane]++;
	return (int64_t)++w->sum;
}

static inline int64_t
add(struct tsn_counts *c, struct tsn_narrow *cell, uint64_t pane, uint32_t keep, struct tsn_mask *late, uint32_t row)
{
	uint64_t newest = tsn_ring_newest(cell->head);
	uint32_t lane = pane & (LANES - 1);
	bool wide = (cell->head & SUM_MASK) == IS_WIDE;

	if (pane > newest) {
		if (__builtin_expect(wide, 0))
			wide_advance(c, cell, newest, pane, keep);
		else
			narrow_advance(c, cell, newest, pane, keep);
	} else if (__builtin_expect(tsn_ring_late(cell->head, pane, keep), 0)) {
		tsn_mask_set(late, row);
		return tsn_narrow_peek(c, cell, pane, keep);
	}
	if (__builtin_expect((cell->head & SUM_MASK) == IS_WIDE || cell->lane[lane] == NARROW_MAX, 0))
		return wide_add(c, cell, lane);
	if (__builtin_expect(++cell->lane[lane] == WARM, 0))
		c->warm++;
	return (int64_t)(++cell->head & SUM_MASK);
}

int64_t
tsn_narrow_add(struct tsn_counts *c, struct tsn_narrow *cell, uint64_t pane, uint32_t keep, struct tsn_mask *late, uint32_t row)
{
	return add(c, cell, pane, keep, late, row);
}

static int64_t
pair_row(struct pair *cell, uint64_t pane, bool counts, struct tsn_mask *late, uint32_t row)
{
	uint32_t view, lane = pane & 1;

	if (counts && tsn_ring_late(cell->head, pane, 2)) {
		tsn_mask_set(late, row);
	} else if (counts) {
		cell->head = tsn_ring_advance(cell->head, pane, 2, 2);
		cell->lane[lane] = (cell->head >> lane & 1 ? cell->lane[lane] : 0) + 1;
		cell->head |= UINT64_C(1) << lane;
	}
	view = tsn_ring_view(cell->head, pane, 2, 2, true);
	return view != 0 ? (int64_t)cell->lane[lane] : 0;
}

static void
fold_pairs(const struct tsn_counts *c, const struct tsn_agg *a, const struct tsn_fold *x, int64_t *out,
    struct tsn_mask *late)
{
	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i], group = x->group[i];

		tsn_cell_prefetch(&c->cells, x->group[i + TSN_AHEAD]);
		out[row] = group == TSN_GROUP_NONE ? 0 : pair_row((struct pair *)tsn_cell(&c->cells, group),
		    a->pane[row], tsn_mask_has(&a->takes, row), late, row);
	}
}

/* [all]: all rows of the segment count, so they have groups. */
static inline __attribute__((always_inline)) void
fold_narrow(struct tsn_counts *c, const struct tsn_agg *a, const struct tsn_fold *x, int64_t *out, struct tsn_mask *late, bool all)
{
	const uint16_t *rows = x->row;
	const uint32_t *groups = x->group, keep = a->keep, to = x->to;
	const uint64_t *panes = a->pane;
	const struct tsn_cells ahead = { c->cells.mem, sizeof(struct tsn_narrow), 0 };
	struct tsn_narrow *cells = (struct tsn_narrow *)c->cells.mem;

	for (uint32_t i = x->from; i < to; i++) {
		const uint32_t row = rows[i], group = groups[i];

		tsn_cell_prefetch(&ahead, groups[i + TSN_AHEAD]);
		if (all || (group != TSN_GROUP_NONE && tsn_mask_has(&a->takes, row)))
			out[row] = add(c, &cells[group], panes[row], keep, late, row);
		else
			out[row] = group == TSN_GROUP_NONE ? 0 : tsn_narrow_peek(c, &cells[group], panes[row], keep);
	}
}

void
tsn_counts_fold(struct tsn_counts *c, const struct tsn_agg *a, const struct tsn_fold *x, int64_t *out,
    struct tsn_mask *late)
{
	if (a->def->tumbling)
		fold_pairs(c, a, x, out, late);
	else if (x->all != 0 && tsn_mask_count(&a->takes) == x->all)
		fold_narrow(c, a, x, out, late, true);
	else
		fold_narrow(c, a, x, out, late, false);
}

void
tsn_narrow_reset(struct tsn_counts *c, const struct tsn_narrow *cell)
{
	if ((cell->head & SUM_MASK) == IS_WIDE)
		wide_release(c, cell);
	else if (any_warm(cell))
		c->warm -= warm_lanes(cell);
}

void
tsn_counts_reset(struct tsn_counts *c, uint32_t group)
{
	if (c->cells.size == sizeof(struct tsn_narrow) && group < c->cells.cap)
		tsn_narrow_reset(c, (const struct tsn_narrow *)tsn_cell(&c->cells, group));
}

void
tsn_counts_fini(struct tsn_counts *c)
{
	tsn_free(c->wide);
	c->wide = NULL;
}

/* Newest pane, which panes have counted something, and what; the newest in bit 0. */
void
tsn_narrow_save(const struct tsn_counts *c, const struct tsn_narrow *cell, struct tsn_pack *out)
{
	const struct tsn_wide *w = (cell->head & SUM_MASK) == IS_WIDE ? &c->wide[wide_index(cell)] : NULL;
	const uint64_t newest = tsn_ring_newest(cell->head);
	uint64_t v[LANES];
	uint32_t used = 0;

	tsn_pane_save(newest, out);
	if (newest == 0)
		return;
	for (uint32_t i = 0; i < LANES; i++) {
		const uint32_t lane = (uint32_t)(newest - i) & (LANES - 1);

		v[i] = w != NULL ? w->lane[lane] : cell->lane[lane];
		used |= (uint32_t)(v[i] != 0) << i;
	}
	tsn_pack_uint(out, used);
	for (uint32_t i = 0; i < LANES; i++)
		if (used >> i & 1)
			tsn_pack_uint(out, v[i]);
}

#define LANE_MOST (UINT64_C(1) << 58) /* no sum of sixteen passes 63 bits */

static bool
put_narrow(struct tsn_agg *a, struct tsn_narrow *cell, uint64_t newest, const uint64_t *v)
{
	struct tsn_counts *c = &a->store.counts;
	uint64_t sum = 0, most = 0;

	for (uint32_t i = 0; i < LANES; i++) {
		sum += v[i];
		most = v[i] > most ? v[i] : most;
	}
	cell->head = newest << TSN_HEAD_BITS;
	if (most <= NARROW_MAX) {
		cell->head |= sum;
		for (uint32_t i = 0; i < LANES; i++)
			cell->lane[(newest - i) & (LANES - 1)] = (uint8_t)v[i];
		c->warm += warm_lanes(cell);
		return true;
	}
	if (!wide_room(a, 1))
		return false;
	widen(c, cell);
	for (uint32_t i = 0; i < LANES; i++)
		c->wide[wide_index(cell)].lane[(newest - i) & (LANES - 1)] = v[i];
	c->wide[wide_index(cell)].sum = sum;
	return true;
}

bool
tsn_narrow_load(struct tsn_agg *a, struct tsn_narrow *cell, struct tsn_unpack *in)
{
	uint64_t newest, v[LANES] = { 0 };
	uint32_t used;

	if (!tsn_pane_load(in, &newest) || newest == 0)
		return !in->bad;
	used = (uint32_t)tsn_unpack_below(in, (UINT64_C(1) << a->keep) - 1);
	for (uint32_t i = 0; i < a->keep; i++)
		if (used >> i & 1)
			v[i] = tsn_unpack_below(in, LANE_MOST);
	return !in->bad && put_narrow(a, cell, newest, v);
}

void
tsn_counts_save(const struct tsn_counts *c, const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const struct pair *pair = (const struct pair *)tsn_cell(&c->cells, group);

	if (!a->def->tumbling) {
		tsn_narrow_save(c, (const struct tsn_narrow *)tsn_cell(&c->cells, group), out);
		return;
	}
	tsn_head_save(pair->head, out);
	for (uint32_t l = 0; l < 2; l++)
		if (pair->head >> l & 1)
			tsn_pack_uint(out, pair->lane[l]);
}

bool
tsn_counts_load(struct tsn_counts *c, struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	struct pair *pair = (struct pair *)tsn_cell(&c->cells, group);
	uint64_t head;

	if (!a->def->tumbling)
		return tsn_narrow_load(a, (struct tsn_narrow *)tsn_cell(&c->cells, group), in);
	if (!tsn_head_restore(in, 2, 2, &head))
		return false;
	for (uint32_t l = 0; l < 2; l++)
		if (head >> l & 1)
			pair->lane[l] = tsn_unpack_below(in, LANE_MOST);
	pair->head = head;
	return !in->bad;
}

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	if (a->store.counts.lean)
		tsn_lean_save(a, group, out);
	else
		tsn_counts_save(&a->store.counts, a, group, out);
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	return a->store.counts.lean ? tsn_lean_load(a, group, in) : tsn_counts_load(&a->store.counts, a, group, in);
}

static void
init(struct tsn_agg *a)
{
	tsn_counts_init(&a->store.counts, a->def->tumbling);
}

static bool
reserve(struct tsn_agg *a, const struct tsn_fold *x)
{
	return (x->counted && a->store.counts.lean) || tsn_counts_reserve(a, x->to - x->from);
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	if (a->store.counts.lean)
		tsn_lean_fold(a, x);
	else
		tsn_counts_fold(&a->store.counts, a, x, a->out->i, &a->late);
	return x->to;
}

static void
reset(struct tsn_agg *a, uint32_t group)
{
	if (a->store.counts.lean)
		tsn_lean_reset(a, group);
	else
		tsn_counts_reset(&a->store.counts, group);
}

static void
fini(struct tsn_agg *a)
{
	tsn_counts_fini(&a->store.counts);
}

uint64_t
tsn_counts_most(const struct tsn_counts *c)
{
	return c->lean || c->cells.size == sizeof(struct tsn_narrow) ? sizeof(struct tsn_wide) : 0;
}

static uint64_t
most(const struct tsn_agg *a)
{
	return tsn_counts_most(&a->store.counts);
}

const struct tsn_agg_ops tsn_count_ops = {
	.most = most,
	.init = init, .reserve = reserve, .fold = fold, .reset = reset, .fini = fini,
	.save = save, .load = load,
};
