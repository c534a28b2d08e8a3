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
#include "base/wide.h"
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

static inline uint64_t
newest_of(const struct tsn_agg *a, const struct lean *r)
{
	const int64_t time = r->group.newest;

	return tsn_near_has(&a->near, time) ? tsn_near_pane(&a->near, time) : tsn_pane_at(time, a->def->pane_ms);
}

/* --- as a cell with a head --- */

static inline uint32_t
beside(uint64_t newest)
{
	return (uint32_t)(newest + 4) & (TSN_LANES - 4);
}

/* The wide cell's index and one more, 0 if there is none. */
static inline uint32_t
wide_of(const struct lean *r, uint64_t newest)
{
	uint32_t i = 0;

	if (r->lane[newest & (TSN_LANES - 1)] == 0)
		memcpy(&i, &r->lane[beside(newest)], sizeof(i));
	return i;
}

static inline bool
is_empty(const struct lean *r)
{
	uint64_t half[2];

	memcpy(half, r->lane, sizeof(half));
	return (half[0] | half[1]) == 0;
}

static void
unfold(const struct tsn_agg *a, const struct lean *r, struct tsn_narrow *cell)
{
	const uint64_t newest = newest_of(a, r);
	const uint32_t wide = wide_of(r, newest), i = wide - 1;
	uint64_t half[2];

	*cell = (struct tsn_narrow){ 0 };
	if (is_empty(r))
		return;
	memcpy(half, r->lane, sizeof(half));
	cell->head = newest << TSN_HEAD_BITS | (wide != 0 ? TSN_IS_WIDE : tsn_lanes_sum(half));
	if (wide != 0)
		memcpy(cell->lane, &i, sizeof(i));
	else
		memcpy(cell->lane, half, sizeof(half));
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

/* Large groups are few, but have many of the flows: these go to the wide cell at once. */
static __attribute__((noinline)) int64_t
add(struct tsn_agg *a, struct lean *r, uint64_t pane, int64_t time, uint32_t row)
{
	struct tsn_counts *c = &a->store.counts;
	const uint64_t newest = newest_of(a, r);
	const uint32_t wide = wide_of(r, newest);
	struct tsn_narrow cell;
	int64_t n;

	if (is_empty(r)) {
		tsn_group_touch(&r->group, time);
		r->lane[pane & (TSN_LANES - 1)] = 1;
		return 1;
	}
	if (wide != 0 && pane <= newest && pane + a->keep > newest) {
		tsn_group_touch(&r->group, time);
		c->wide[wide - 1].lane[pane & (TSN_LANES - 1)]++;
		return (int64_t)++c->wide[wide - 1].sum;
	}
	unfold(a, r, &cell);
	n = tsn_narrow_add(c, &cell, pane, a->keep, &a->late, row);
	tsn_group_touch(&r->group, time);
	put_back(r, &cell);
	return n;
}

static int64_t
peek(const struct tsn_agg *a, const struct lean *r, uint64_t pane)
{
	struct tsn_narrow cell;

	unfold(a, r, &cell);
	return tsn_narrow_peek(&a->store.counts, &cell, pane, a->keep);
}

/* The ring with 1 in a lane: a load from LANES - 1 less the lane. */
static const uint8_t one[2 * TSN_LANES] = { [TSN_LANES - 1] = 1 };

#ifdef __SSE2__
typedef __m128i lanes;

static inline lanes
load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline bool
any_warm(lanes v)
{
	return _mm_movemask_epi8(v) != 0;
}

/* What [left] says leaves, [more] comes: of lanes below TSN_WARM. */
static inline lanes
change(lanes v, lanes left, lanes more)
{
	return _mm_add_epi8(_mm_and_si128(v, left), more);
}

static inline uint64_t
sum_of(lanes v)
{
	const __m128i sum = _mm_sad_epu8(v, _mm_setzero_si128());

	return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum)));
}
#else
typedef struct { uint64_t half[2]; } lanes;

static inline lanes
load(const uint8_t *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline bool
any_warm(lanes v)
{
	return tsn_lanes_warm(v.half);
}

static inline lanes
change(lanes v, lanes left, lanes more)
{
	return (lanes){ { (v.half[0] & left.half[0]) + more.half[0], (v.half[1] & left.half[1]) + more.half[1] } };
}

static inline uint64_t
sum_of(lanes v)
{
	return tsn_lanes_sum(v.half);
}
#endif

/* Whatever row comes, it does not go the short way. */
static inline __attribute__((always_inline)) bool
is_odd(const struct tsn_near *near, const struct lean *r, uint64_t newest)
{
	return !tsn_near_has(near, r->group.newest) | any_warm(load(r->lane)) | (r->lane[newest & (TSN_LANES - 1)] == 0);
}

static inline bool
is_late(int64_t d, uint64_t keep)
{
	return d <= -(int64_t)keep;
}

/*
 * The short way of a flow whose pane is [d] behind the newest one. No branch, since [d] is as good as random; where it is
 * not above 0 nothing leaves.
 */
static inline __attribute__((always_inline)) lanes
count(struct lean *r, uint64_t newest, int64_t d, uint64_t keep, int64_t time)
{
	const uint64_t leave = (uint64_t)d & -(uint64_t)(d > 0), lane = (newest + (uint64_t)d) & (TSN_LANES - 1);
	const lanes v = change(load(r->lane), load(tsn_lanes_leave((uint32_t)(newest + 1 - keep), leave < keep ? leave : keep)),
	    load(&one[TSN_LANES - 1 - lane]));

	memcpy(r->lane, &v, sizeof(v));
	tsn_group_touch(&r->group, time);
	return v;
}

void
tsn_lean_row(struct tsn_agg *a, const struct tsn_fold *x, uint32_t group, uint32_t row, bool counts)
{
	struct lean *r = lean_at(a, group);
	uint64_t newest;
	int64_t d;
	lanes v;

	if (!counts) {
		a->out->i[row] = group == TSN_GROUP_NONE ? 0 : peek(a, r, a->pane[row]);
		return;
	}
	newest = tsn_near_pane(&a->near, r->group.newest);
	d = (int64_t)(a->pane[row] - newest);
	if (is_odd(&a->near, r, newest) || is_late(d, a->keep)) {
		a->out->i[row] = add(a, r, a->pane[row], x->batch->time[row], row);
		return;
	}
	v = count(r, newest, d, a->keep, x->batch->time[row]);
	a->store.counts.warm += any_warm(v);
	a->out->i[row] = (int64_t)sum_of(v);
}

/* Compilers make a branch of ?:. */
static inline struct lean *
either(bool first, struct lean *a, struct lean *b)
{
	const uintptr_t mask = -(uintptr_t)first;

	return (struct lean *)(((uintptr_t)a & mask) | ((uintptr_t)b & ~mask));
}

#define STAND_INS 16u /* so that they do not wait for one another */

/*
 * Rows whose groups go no short way are put off, and another group stands in for theirs, so that there is nothing to foretell. Such a
 * group is the same until its rows come, so all of them are put off, and have their order. Returns how many these are, in [odd].
 */
TSN_WIDE(static, uint32_t, short_way, (struct tsn_agg *a, const struct tsn_fold *x, uint16_t *restrict odd), (a, x, odd))
{
	struct lean *const records = (struct lean *)a->family->store.groups;
	const struct tsn_near near = a->near;
	const int64_t *const times = x->batch->time;
	const uint64_t *const panes = a->pane, keep = a->keep;
	const uint32_t *const groups = x->group, to = x->to;
	const uint16_t *const rows = x->row;
	int64_t *const out = a->out->i;
	struct lean stand_in[STAND_INS] = { 0 };
	uint32_t n = 0, warm = 0;

	for (uint32_t i = x->from; i < to; i++) {
		const uint32_t row = rows[i];
		const uint64_t pane = panes[row];
		const int64_t time = times[row];
		struct lean *r = &records[groups[i]];
		const uint64_t newest = tsn_near_pane(&near, r->group.newest);
		const bool put_off = is_odd(&near, r, newest);
		const int64_t d = (int64_t)(pane - newest);
		lanes v;

		__builtin_prefetch((const void *)((uintptr_t)records + (uintptr_t)groups[i + TSN_AHEAD] * sizeof(*records)), 1);
		odd[n] = (uint16_t)i;
		n += put_off;
		if (__builtin_expect(is_late(d, keep), 0)) {
			if (!put_off)
				out[row] = add(a, r, pane, time, row);
			continue;
		}
		r = either(put_off, &stand_in[i % STAND_INS], r);
		v = count(r, newest, d, keep, time);
		warm += any_warm(v) & !put_off;
		out[row] = (int64_t)sum_of(v);
	}
	a->store.counts.warm += warm;
	return n;
}

static void
fold_all(struct tsn_agg *a, const struct tsn_fold *x)
{
	uint16_t odd[TSN_BATCH_ROWS + 1];
	const uint32_t n = short_way(a, x, odd);

	for (uint32_t k = 0; k < n; k++) {
		const uint32_t row = x->row[odd[k]];

		a->out->i[row] = add(a, lean_at(a, x->group[odd[k]]), a->pane[row], x->batch->time[row], row);
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

	if (any_warm(load(r->lane)) || r->lane[newest_of(a, r) & (TSN_LANES - 1)] == 0) {
		unfold(a, r, &cell);
		tsn_narrow_reset(&a->store.counts, &cell);
	}
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
