/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Sliding sums of integers: sixteen panes of 32 bits, 72 bytes with the head, of which bit 16 says that the group has grown. Lanes
 * outside the window are 0, so that all of them together are the sum. A group of which a pane would pass 32 bits, or that
 * something negative comes to, gets a cell of 128-bit panes beside the array (the first lane holds its index) until its window empties.
 *
 * Rows of groups whose lanes are all below WARM go a short way, where the sum fits 32 bits; so most do.
 */
#include "base/mem.h"
#include "base/wide.h"
#include "state/compact.h"
#include "state/ring.h"

#define LANES 16u
#define GROWN (UINT64_C(1) << LANES)
#define USED (GROWN - 1)
#define WARM (UINT32_C(1) << 28) /* the sum of sixteen that are below it fits 32 bits */
#define FAST (UINT64_C(1) << 31) /* what a lane below WARM takes at least to pass 32 bits */

struct compact {
	uint64_t head;
	uint32_t lane[LANES];
};

struct tsn_grown {
	__int128 sum;
	__int128 lane[LANES];
};

void
tsn_compact_init(struct tsn_sums *s)
{
	s->cells.size = sizeof(struct compact);
}

uint64_t
tsn_compact_most(void)
{
	return sizeof(struct tsn_grown);
}

static inline struct compact *
cell_at(const struct tsn_agg *a, uint32_t group)
{
	return (struct compact *)tsn_cell(&a->store.sums.cells, group);
}

static inline struct tsn_grown *
grown_of(const struct tsn_agg *a, const struct compact *cell)
{
	return (cell->head & GROWN) != 0 ? &a->store.sums.grown[cell->lane[0]] : NULL;
}

static uint32_t
warm_lanes(const struct compact *cell)
{
	uint32_t n = 0;

	for (uint32_t l = 0; l < LANES && (cell->head & GROWN) == 0; l++)
		n += cell->lane[l] >= WARM;
	return n;
}

/* --- groups that grow --- */

/* Room for [want] more, or for all groups. */
static bool
room(struct tsn_agg *a, uint32_t want)
{
	struct tsn_sums *s = &a->store.sums;
	const uint64_t used = s->capgrown - s->spare, need = used + want < s->cells.cap ? used + want : s->cells.cap;
	uint64_t cap = (uint64_t)s->capgrown * 2 < s->cells.cap ? (uint64_t)s->capgrown * 2 : s->cells.cap;
	struct tsn_grown *grown;

	if (s->capgrown >= need)
		return true;
	cap = cap > need ? cap : need;
	grown = tsn_reallocarray(s->grown, cap, sizeof(*grown));
	if (grown == NULL)
		return false;
	a->store.bytes += (cap - s->capgrown) * sizeof(*grown);
	s->spare += (uint32_t)cap - s->capgrown;
	s->grown = grown;
	s->capgrown = (uint32_t)cap;
	return true;
}

/* As many as the rows could ask for: those with something negative, or so much that lanes below WARM pass 32 bits; and warm lanes. */
bool
tsn_compact_reserve(struct tsn_agg *a, const struct tsn_fold *x)
{
	const int64_t *v = a->arg->i;
	unsigned __int128 more = 0;
	uint64_t want = a->store.sums.warm;

	for (uint32_t i = x->from; i < x->to; i++) {
		const int64_t one = tsn_mask_has(&a->takes, x->row[i]) ? v[x->row[i]] : 0;

		want += one < 0;
		more += one > 0 ? (uint64_t)one : 0;
	}
	want += more / FAST < x->to - x->from ? (uint64_t)(more / FAST) : x->to - x->from;
	return room(a, want < x->to - x->from ? (uint32_t)want : x->to - x->from);
}

static void
grow(struct tsn_agg *a, struct compact *cell)
{
	struct tsn_sums *s = &a->store.sums;
	const uint32_t i = s->free != 0 ? s->free - 1 : s->ngrown++;
	struct tsn_grown *g = &s->grown[i];

	if (s->free != 0)
		s->free = (uint32_t)g->sum;
	s->spare--;
	s->warm -= warm_lanes(cell);
	g->sum = 0;
	for (uint32_t l = 0; l < LANES; l++) {
		g->lane[l] = cell->lane[l];
		g->sum += cell->lane[l];
	}
	memset(cell->lane, 0, sizeof(cell->lane));
	cell->lane[0] = i;
	cell->head |= GROWN;
}

static void
shrink(struct tsn_agg *a, struct compact *cell)
{
	struct tsn_sums *s = &a->store.sums;
	const uint32_t i = cell->lane[0];

	s->grown[i].sum = s->free;
	s->free = i + 1;
	s->spare++;
	cell->lane[0] = 0;
	cell->head &= ~GROWN;
}

void
tsn_compact_reset(struct tsn_agg *a, uint32_t group)
{
	struct compact *cell;

	if (group >= a->store.sums.cells.cap)
		return;
	cell = cell_at(a, group);
	if ((cell->head & GROWN) != 0)
		shrink(a, cell);
	else
		a->store.sums.warm -= warm_lanes(cell);
}

void
tsn_compact_fini(struct tsn_agg *a)
{
	tsn_free(a->store.sums.grown);
	a->store.sums.grown = NULL;
}

/* --- rows --- */

static void
clear(struct compact *cell, struct tsn_grown *g, uint32_t lanes)
{
	for (; lanes != 0; lanes &= lanes - 1) {
		const uint32_t l = (uint32_t)__builtin_ctz(lanes);

		if (g == NULL) {
			cell->lane[l] = 0;
			continue;
		}
		g->sum -= g->lane[l];
		g->lane[l] = 0;
	}
}

static void
advance(struct tsn_agg *a, struct compact *cell, uint64_t pane)
{
	const uint64_t newest = tsn_ring_newest(cell->head);
	uint32_t left;

	if (pane <= newest)
		return;
	left = tsn_ring_left(cell->head, pane - newest, a->keep, LANES);
	a->store.sums.warm -= warm_lanes(cell);
	clear(cell, grown_of(a, cell), (uint32_t)(cell->head & USED) & ~left);
	a->store.sums.warm += warm_lanes(cell);
	cell->head = pane << TSN_HEAD_BITS | (cell->head & GROWN) | left;
	if ((cell->head & GROWN) != 0 && left == 0)
		shrink(a, cell);
}

/* What of the sum is in the panes that [used] has. */
static __int128
total(const struct tsn_agg *a, const struct compact *cell, uint32_t used)
{
	const struct tsn_grown *g = grown_of(a, cell);
	__int128 sum = 0;

	for (; used != 0; used &= used - 1) {
		const uint32_t l = (uint32_t)__builtin_ctz(used);

		sum += g != NULL ? g->lane[l] : cell->lane[l];
	}
	return sum;
}

static __attribute__((noinline)) __int128
add(struct tsn_agg *a, struct compact *cell, uint64_t pane, int64_t v)
{
	const uint32_t lane = pane & (LANES - 1);
	struct tsn_grown *g;

	advance(a, cell, pane);
	if ((cell->head & GROWN) == 0 && (v < 0 || v > (int64_t)(UINT32_MAX - cell->lane[lane])))
		grow(a, cell);
	cell->head |= UINT64_C(1) << lane;
	g = grown_of(a, cell);
	if (g != NULL) {
		g->lane[lane] += v;
		return g->sum += v;
	}
	a->store.sums.warm += cell->lane[lane] < WARM && cell->lane[lane] + (uint64_t)v >= WARM;
	cell->lane[lane] += (uint32_t)v;
	return total(a, cell, cell->head & USED);
}

/* A row that only looks. */
static __attribute__((noinline)) __int128
peek(const struct tsn_agg *a, const struct compact *cell, uint64_t pane)
{
	const uint64_t newest = tsn_ring_newest(cell->head);

	return total(a, cell, tsn_ring_left(cell->head, pane > newest ? pane - newest : 0, a->keep, LANES));
}

/* Four lanes at once: the compiler makes of sixteen in a loop what takes three times as many instructions. */
typedef uint32_t quad __attribute__((vector_size(16)));
typedef uint64_t pair __attribute__((vector_size(16)));

#define QUADS (LANES / 4)
#define WARM_BITS (UINT64_C(0xF0000000F0000000)) /* which lanes of two have from WARM on */

_Static_assert((uint32_t)WARM_BITS == (uint32_t)-WARM, "all that are at least WARM, and no others");

static inline __attribute__((always_inline)) void
load_lanes(quad v[QUADS], const uint32_t lane[LANES])
{
	for (uint32_t i = 0; i < QUADS; i++)
		memcpy(&v[i], &lane[i * 4], sizeof(v[i]));
}

static inline __attribute__((always_inline)) bool
some_warm(const quad v[QUADS])
{
	const pair all = (pair)(v[0] | v[1] | v[2] | v[3]);

	return ((all[0] | all[1]) & WARM_BITS) != 0;
}

/* Lanes that [used] has not become 0; the sum of the others, none of which is warm: those of eight fit 32 bits. */
static inline __attribute__((always_inline)) uint64_t
leave_used(quad v[QUADS], uint32_t used)
{
	const quad first = { 1, 2, 4, 8 }, all = { used, used, used, used };
	pair sums;
	uint64_t two;

	for (uint32_t i = 0; i < QUADS; i++)
		v[i] &= (quad)((all & first << 4 * i) != 0);
	sums = (pair)(v[0] + v[1] + v[2] + v[3]);
	two = sums[0] + sums[1];
	return (two & UINT32_MAX) + (two >> 32);
}

/* All lanes are stored as they were loaded: loads of what one lane was stored into alone have to wait for it. */
static inline __attribute__((always_inline)) void
add_to_lane(quad v[QUADS], uint32_t lane, uint32_t more)
{
	const quad first = { 0, 1, 2, 3 }, lanes = { lane, lane, lane, lane }, all = { more, more, more, more };

	for (uint32_t i = 0; i < QUADS; i++)
		v[i] += (quad)(lanes == first + 4 * i) & all;
}

/* No branch by how far the pane is behind the row's, which is as good as random. */
static inline __attribute__((always_inline)) __int128
count(struct tsn_agg *a, struct compact *cell, uint64_t pane, int64_t v)
{
	const uint64_t head = cell->head, newest = tsn_ring_newest(head), d = pane > newest ? pane - newest : 0;
	const uint32_t used = tsn_ring_left(head, d, a->keep, LANES);
	quad lanes[QUADS];
	uint64_t sum;

	load_lanes(lanes, cell->lane);
	if (__builtin_expect((head & GROWN) != 0 || (uint64_t)v >= WARM || some_warm(lanes), 0))
		return add(a, cell, pane, v);
	sum = (uint64_t)v + leave_used(lanes, used); /* sixteen lanes and one row more need not fit 32 bits */
	add_to_lane(lanes, pane & (LANES - 1), (uint32_t)v);
	a->store.sums.warm += some_warm(lanes);
	memcpy(cell->lane, lanes, sizeof(lanes));
	cell->head = (newest + d) << TSN_HEAD_BITS | used | UINT32_C(1) << (pane & (LANES - 1));
	return sum;
}

TSN_WIDE(static, void, fold, (struct tsn_agg *a, struct tsn_fold *x), (a, x))
{
	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];
		const uint64_t pane = a->pane[row];
		struct compact *cell;

		tsn_cell_prefetch(&a->store.sums.cells, x->group[i + TSN_AHEAD]);
		x->total[row].i = 0;
		if (x->group[i] == TSN_GROUP_NONE)
			continue;
		cell = cell_at(a, x->group[i]);
		if (!tsn_mask_has(&a->takes, row)) {
			x->total[row].i = peek(a, cell, pane);
		} else if (__builtin_expect(tsn_ring_late(cell->head, pane, a->keep), 0)) {
			tsn_mask_set(&a->late, row);
			x->total[row].i = peek(a, cell, pane);
		} else {
			x->total[row].i = count(a, cell, pane, a->arg->i[row]);
		}
	}
}

void
tsn_compact_fold(struct tsn_agg *a, struct tsn_fold *x)
{
	fold(a, x);
}

/* --- as bytes --- */

uint64_t
tsn_compact_head(const struct tsn_agg *a, uint32_t group)
{
	return cell_at(a, group)->head & ~GROWN;
}

__int128
tsn_compact_lane(const struct tsn_agg *a, uint32_t group, uint32_t lane)
{
	return total(a, cell_at(a, group), UINT32_C(1) << lane);
}

void
tsn_compact_put_head(struct tsn_agg *a, uint32_t group, uint64_t head)
{
	struct compact *cell = cell_at(a, group);

	cell->head = head | (cell->head & GROWN);
}

bool
tsn_compact_put_lane(struct tsn_agg *a, uint32_t group, uint32_t lane, __int128 v)
{
	struct compact *cell = cell_at(a, group);
	struct tsn_grown *g;

	if ((cell->head & GROWN) == 0 && (v < 0 || v > UINT32_MAX)) {
		if (!room(a, 1))
			return false;
		grow(a, cell);
	}
	g = grown_of(a, cell);
	if (g != NULL) {
		g->lane[lane] = v;
		g->sum += v;
		return true;
	}
	cell->lane[lane] = (uint32_t)v;
	a->store.sums.warm += cell->lane[lane] >= WARM;
	return true;
}
