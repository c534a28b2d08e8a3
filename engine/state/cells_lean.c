/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A sliding count whose cell is no more than its sixteen lanes, behind the group itself: 32 bytes with it, so that a flow
 * touches one line of the cache beside that of the directory. The rest of a cell's head is there already. Its newest
 * pane is that of the group's newest flow, since whatever moves the one moves the other, and its sum is soon added up. And
 * the lane of the newest pane is never 0 once something was counted: where it is, either all are, and the cell is empty, or
 * there is a wide cell, whose index and one more is in the four lanes that [beside] names.
 *
 * Flows that find neither go the short way. For all others a cell with its head is made of it, and put back when they are done.
 *
 * A family has one such count at most. What cannot be so (one that came to groups which were there already, by a reload or
 * from a snapshot) stands apart, with an array of its own.
 */
#include "state/narrow.h"
#include "state/near.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct lean {
	struct tsn_group group;
	uint8_t lane[TSN_LANES];
};

_Static_assert(sizeof(struct lean) == TSN_LEAN_BYTES, "two groups a line");

static inline struct lean *
lean_at(const struct tsn_agg *a, uint32_t group)
{
	return (struct lean *)tsn_group_at(&a->family->store, group);
}

/* --- as a cell with a head --- */

static uint32_t
beside(uint64_t newest)
{
	return (uint32_t)(newest + 4) & (TSN_LANES - 4);
}

static void
unfold(const struct tsn_agg *a, const struct lean *r, struct tsn_narrow *cell)
{
	const uint64_t newest = tsn_pane_at(r->group.newest, a->def->pane_ms);
	uint64_t half[2];
	uint32_t i;

	*cell = (struct tsn_narrow){ 0 };
	memcpy(half, r->lane, sizeof(half));
	if ((half[0] | half[1]) == 0)
		return;
	cell->head = newest << TSN_HEAD_BITS;
	if (r->lane[newest & (TSN_LANES - 1)] != 0) {
		cell->head |= tsn_lanes_sum(half);
		memcpy(cell->lane, half, sizeof(half));
		return;
	}
	cell->head |= TSN_IS_WIDE;
	memcpy(&i, &r->lane[beside(newest)], sizeof(i));
	i--;
	memcpy(cell->lane, &i, sizeof(i));
}

static void
put_back(struct lean *r, const struct tsn_narrow *cell)
{
	uint32_t i;

	if ((cell->head & TSN_SUM_MASK) != TSN_IS_WIDE) {
		memcpy(r->lane, cell->lane, sizeof(r->lane));
		return;
	}
	memcpy(&i, cell->lane, sizeof(i));
	i++;
	memset(r->lane, 0, sizeof(r->lane));
	memcpy(&r->lane[beside(tsn_ring_newest(cell->head))], &i, sizeof(i));
}

/* --- rows --- */

static __attribute__((noinline)) int64_t
add(struct tsn_agg *a, struct lean *r, uint64_t pane, int64_t time, uint32_t row)
{
	struct tsn_narrow cell;
	int64_t n;

	unfold(a, r, &cell);
	n = tsn_narrow_add(&a->store.counts, &cell, pane, a->keep, &a->late, row);
	tsn_group_touch(&r->group, time);
	put_back(r, &cell);
	return n;
}

static __attribute__((noinline)) int64_t
peek(const struct tsn_agg *a, const struct lean *r, uint64_t pane)
{
	struct tsn_narrow cell;

	unfold(a, r, &cell);
	return tsn_narrow_peek(&a->store.counts, &cell, pane, a->keep);
}

/* The ring with 1 in a lane: a load from LANES - 1 less the lane. */
static const uint8_t one[2 * TSN_LANES] = { [TSN_LANES - 1] = 1 };

/* Clears what [left] says and adds [more], in lanes below TSN_WARM; the sum, and whether one is no longer below. */
static inline uint64_t
step(uint8_t lane[TSN_LANES], const uint8_t *left, const uint8_t *more, bool *warm)
{
#ifdef __SSE2__
	const __m128i was = _mm_loadu_si128((const __m128i *)lane), kept = _mm_and_si128(was, _mm_loadu_si128((const __m128i *)left));
	const __m128i now = _mm_add_epi8(kept, _mm_loadu_si128((const __m128i *)more)), sum = _mm_sad_epu8(now, _mm_setzero_si128());

	_mm_storeu_si128((__m128i *)lane, now);
	*warm = _mm_movemask_epi8(now) != 0;
	return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum)));
#else
	uint64_t half[2], keep[2], add[2];

	memcpy(half, lane, sizeof(half));
	memcpy(keep, left, sizeof(keep));
	memcpy(add, more, sizeof(add));
	for (int i = 0; i < 2; i++)
		half[i] = (half[i] & keep[i]) + add[i];
	memcpy(lane, half, sizeof(half));
	*warm = ((half[0] | half[1]) & UINT64_C(0x8080808080808080)) != 0;
	return tsn_lanes_sum(half);
#endif
}

static inline bool
any_warm(const uint8_t lane[TSN_LANES])
{
	uint64_t half[2];

	memcpy(half, lane, sizeof(half));
	return ((half[0] | half[1]) & UINT64_C(0x8080808080808080)) != 0;
}

/* A flow that counts. No branch but the one: how far the pane is behind the flow's is as good as random. */
static inline __attribute__((always_inline)) int64_t
count(struct tsn_agg *a, const struct tsn_near *near, struct lean *r, uint64_t pane, int64_t time, uint32_t row)
{
	const uint64_t keep = a->keep, newest = tsn_near_pane(near, r->group.newest);
	const int64_t d = (int64_t)(pane - newest);
	const uint64_t leave = d <= 0 ? 0 : (uint64_t)d < keep ? (uint64_t)d : keep;
	uint64_t sum;
	bool warm;

	if (__builtin_expect(!tsn_near_has(near, r->group.newest) || d <= -(int64_t)keep || any_warm(r->lane) ||
	    r->lane[newest & (TSN_LANES - 1)] == 0, 0))
		return add(a, r, pane, time, row);
	sum = step(r->lane, tsn_lanes_leave((uint32_t)(newest + 1 - keep), leave), &one[TSN_LANES - 1 - (pane & (TSN_LANES - 1))], &warm);
	a->store.counts.warm += warm;
	tsn_group_touch(&r->group, time);
	return (int64_t)sum;
}

void
tsn_lean_row(struct tsn_agg *a, const struct tsn_fold *x, uint32_t group, uint32_t row, bool counts)
{
	if (counts)
		a->out->i[row] = count(a, &a->near, lean_at(a, group), a->pane[row], x->batch->time[row], row);
	else
		a->out->i[row] = group == TSN_GROUP_NONE ? 0 : peek(a, lean_at(a, group), a->pane[row]);
}

static void
fold_all(struct tsn_agg *a, const struct tsn_fold *x)
{
	const struct tsn_family_store *s = &a->family->store;
	const struct tsn_near near = a->near;
	struct lean *records = (struct lean *)s->groups;
	const int64_t *time = x->batch->time;
	const uint64_t *panes = a->pane;
	int64_t *out = a->out->i;

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];

		tsn_group_prefetch(s, x->group[i + TSN_AHEAD]);
		out[row] = count(a, &near, &records[x->group[i]], panes[row], time[row], row);
	}
}

void
tsn_lean_fold(struct tsn_agg *a, const struct tsn_fold *x)
{
	if (x->counted)
		return;
	if (x->all != 0) {
		fold_all(a, x);
		return;
	}
	for (uint32_t i = x->from; i < x->to; i++)
		tsn_lean_row(a, x, x->group[i], x->row[i], tsn_mask_has(&a->takes, x->row[i]));
}

/* --- groups --- */

void
tsn_lean_reset(struct tsn_agg *a, uint32_t group)
{
	struct lean *r = lean_at(a, group);
	struct tsn_narrow cell;

	unfold(a, r, &cell);
	tsn_narrow_reset(&a->store.counts, &cell);
	memset(r->lane, 0, sizeof(r->lane));
}

uint64_t
tsn_lean_newest(const struct tsn_agg *a, uint32_t group)
{
	struct tsn_narrow cell;

	unfold(a, lean_at(a, group), &cell);
	return tsn_ring_newest(cell.head);
}

void
tsn_lean_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	struct tsn_narrow cell;

	unfold(a, lean_at(a, group), &cell);
	tsn_narrow_save(&a->store.counts, &cell, out);
}

/* Are the newest flow of the group and the newest pane of the cell one? */
static bool
fits(const struct tsn_agg *a, const struct lean *r, const struct tsn_narrow *cell)
{
	const uint64_t newest = tsn_ring_newest(cell->head), lane = newest & (TSN_LANES - 1);
	uint32_t i;

	if (newest == 0 || newest != tsn_pane_at(r->group.newest, a->def->pane_ms))
		return false;
	if ((cell->head & TSN_SUM_MASK) != TSN_IS_WIDE)
		return cell->lane[lane] != 0;
	memcpy(&i, cell->lane, sizeof(i));
	return a->store.counts.wide[i].lane[lane] != 0;
}

bool
tsn_lean_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	struct lean *r = lean_at(a, group);
	struct tsn_narrow cell = { 0 };

	if (!tsn_narrow_load(a, &cell, in))
		return false;
	if (fits(a, r, &cell)) {
		put_back(r, &cell);
		return true;
	}
	if (!tsn_lean_apart(a))
		return false;
	memcpy(tsn_cell(&a->store.counts.cells, group), &cell, sizeof(cell));
	return true;
}

bool
tsn_lean_apart(struct tsn_agg *a)
{
	const struct tsn_family_store *s = &a->family->store;
	struct tsn_cells *cells = &a->store.counts.cells;

	cells->size = sizeof(struct tsn_narrow);
	if (!tsn_cells_room(cells, tsn_numbers(s)))
		return false;
	for (uint32_t p = 0; p < s->nparts; p++)
		for (uint32_t i = 0; i < s->part[p].n; i++)
			unfold(a, lean_at(a, tsn_number(s, p, i)), (struct tsn_narrow *)tsn_cell(cells, tsn_number(s, p, i)));
	a->store.counts.lean = false;
	return true;
}

/* --- who has one --- */

bool
tsn_lean_can(const struct tsn_family_def *f, uint32_t i)
{
	const struct tsn_agg_def *d = &f->agg[i];
	bool can = f->key.n > 0 && f->at.n == 0 && f->nsteps == 0 && d->fn == TSN_AGG_COUNT && !d->tumbling && !d->by_received;

	for (uint32_t j = 0; j < i && can; j++)
		can = !tsn_lean_can(f, j);
	return can;
}

void
tsn_lean_init(struct tsn_agg *a)
{
	if (!tsn_lean_can(&a->family->def, (uint32_t)(a - a->family->agg)))
		return;
	a->store.counts = (struct tsn_counts){ .lean = true };
	a->family->store.stride = TSN_LEAN_BYTES;
}

struct tsn_agg *
tsn_lean_of(const struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (f->agg[i].store.counts.lean)
			return &f->agg[i];
	return NULL;
}
