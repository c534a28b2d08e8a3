/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A sliding count whose cell is no more than its sixteen lanes, behind the group itself: 32 bytes with it, so that a flow
 * touches one line of the cache beside that of the directory. The rest of a cell's head is there already. Its newest
 * pane is that of the group's newest flow, since whatever moves the one moves the other, and its sum is soon added up. And
 * the lane of the newest pane is never 0 once something was counted: where it is, either all are, and the cell is empty, or
 * there is a wide cell, whose index and one more is in the four lanes that [beside] names; behind them it looks full.
 *
 * Flows that find no lane near its end go the short way. Of the others most find what they need at once, and for the rest a cell with its head
 * is made of it, and put back when they are done.
 *
 * A family has one such count at most. What cannot be so (one that came to groups which were there already, by a reload or
 * from a snapshot) stands apart, with an array of its own.
 */
#include "base/wide.h"
#include "state/guess.h"
#include "state/lanes.h"
#include "state/narrow.h"
#include "state/near.h"

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

/* A lane that is neither of these nor the newest pane's, so that the short way does not have to look at that one. */
static inline uint32_t
behind(uint64_t newest)
{
	return (uint32_t)(newest + 8) & (TSN_LANES - 1);
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
	r->lane[behind(tsn_ring_newest(cell->head))] = UINT8_MAX;
}

static int64_t
peek(const struct tsn_agg *a, const struct lean *r, uint64_t pane)
{
	struct tsn_narrow cell;

	unfold(a, r, &cell);
	return tsn_narrow_peek(&a->store.counts, &cell, pane, a->keep);
}

/* --- rows that go no short way --- */

/* A pane that the window has: nothing leaves. Large groups are few, but have many of the flows. */
static inline int64_t
add_within(struct tsn_counts *c, struct lean *r, uint32_t wide, uint32_t lane)
{
	tsn_lanes v;

	if (wide != 0) {
		c->wide[wide - 1].lane[lane]++;
		return (int64_t)++c->wide[wide - 1].sum;
	}
	c->warm += r->lane[lane] + 1u == TSN_WARM;
	v = tsn_lanes_change(tsn_lanes_load(r->lane), tsn_lanes_load(tsn_lanes_left[0]), tsn_lanes_one(lane));
	memcpy(r->lane, &v, sizeof(v));
	return (int64_t)tsn_lanes_sum_of(v);
}

static int64_t
add(struct tsn_agg *a, struct lean *r, uint64_t pane, int64_t time, uint32_t row)
{
	struct tsn_counts *c = &a->store.counts;
	const uint64_t newest = newest_of(a, r);
	const uint32_t lane = pane & (TSN_LANES - 1), wide = wide_of(r, newest);
	struct tsn_narrow cell;
	int64_t n;

	if (is_empty(r)) {
		tsn_group_touch(&r->group, time);
		r->lane[lane] = 1;
		return 1;
	}
	if (pane <= newest && pane + a->keep > newest && (wide != 0 || r->lane[lane] < UINT8_MAX)) {
		tsn_group_touch(&r->group, time);
		return add_within(c, r, wide, lane);
	}
	unfold(a, r, &cell);
	n = tsn_narrow_add(c, &cell, pane, a->keep, &a->late, row);
	tsn_group_touch(&r->group, time);
	put_back(r, &cell);
	return n;
}

void
tsn_lean_odd(struct tsn_agg *a, const struct tsn_fold *x, const uint16_t *odd, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		const uint32_t row = x->row[odd[k]];

		a->out->i[row] = add(a, lean_at(a, x->group[odd[k]]), a->pane[row], x->batch->time[row], row);
	}
}

/* --- the short way --- */

/* 0 if rows can go the short way; a wide cell looks warm. */
static inline __attribute__((always_inline)) uint64_t
is_odd(const struct tsn_near *near, const struct lean *r)
{
	return tsn_near_beyond(near, r->group.newest) | tsn_lanes_warm_in(tsn_lanes_load(r->lane));
}

static inline bool
is_late(int64_t d, uint64_t keep)
{
	return d <= -(int64_t)keep;
}

/*
 * The short way of a flow whose pane is [d] behind the newest one: what becomes of [r] goes [to] there. No branch, since [d] is as good as
 * random; where it is not above 0 nothing leaves.
 */
static inline __attribute__((always_inline)) tsn_lanes
count(const struct lean *r, struct lean *to, uint64_t newest, int64_t d, uint64_t keep, int64_t time)
{
	const uint64_t leave = (uint64_t)d & -(uint64_t)(d > 0), lane = (newest + (uint64_t)d) & (TSN_LANES - 1);
	const uint8_t *left = tsn_lanes_leave((uint32_t)(newest + 1 - keep), leave < keep ? leave : keep);
	const tsn_lanes v = tsn_lanes_change(tsn_lanes_load(r->lane), tsn_lanes_load(left), tsn_lanes_one(lane));

	memcpy(to->lane, &v, sizeof(v));
	to->group.newest = time > r->group.newest ? time : r->group.newest;
	to->group.word = tsn_one_more(r->group.word);
	return v;
}

void
tsn_lean_row(struct tsn_agg *a, const struct tsn_fold *x, uint32_t group, uint32_t row, bool counts)
{
	struct lean *r = lean_at(a, group);
	uint64_t newest;
	int64_t d;
	tsn_lanes v;

	if (!counts) {
		a->out->i[row] = group == TSN_GROUP_NONE ? 0 : peek(a, r, a->pane[row]);
		return;
	}
	newest = tsn_near_pane(&a->near, r->group.newest);
	d = (int64_t)(a->pane[row] - newest);
	if (is_odd(&a->near, r) != 0 || is_late(d, a->keep)) {
		a->out->i[row] = add(a, r, a->pane[row], x->batch->time[row], row);
		return;
	}
	v = count(r, r, newest, d, a->keep, x->batch->time[row]);
	a->store.counts.warm += tsn_lanes_warm_in(v) != 0;
	a->out->i[row] = (int64_t)tsn_lanes_sum_of(v);
}

/* [a] if [mask] is all ones, [b] if it is 0; compilers make a branch of ?:. */
static inline struct lean *
either(uint64_t mask, struct lean *a, struct lean *b)
{
	return (struct lean *)((uintptr_t)b + (((uintptr_t)a - (uintptr_t)b) & (uintptr_t)mask));
}

#define BLOCK 8u  /* rows looked for, then as many counted: each has the CPU's registers for itself, and fetching goes on all the time */
#define LEAD  32u /* groups are fetched so far ahead */
#define RING  (2 * LEAD)

/* The group of an entry that comes, which may be none. */
static inline __attribute__((always_inline)) struct lean *
ahead(struct lean *records, bool guess, const struct tsn_guess *g, uint32_t *group, uint32_t i)
{
	static struct lean nobody = { .lane = { UINT8_MAX } };
	struct lean *r;

	if (guess)
		group[i] = tsn_guess_at(g, i);
	r = group[i] == TSN_GROUP_NONE ? &nobody : &records[group[i]];
	__builtin_prefetch(r, 1);
	return r;
}

/*
 * Rows whose groups go no short way, or are not there, are put off, and what is done for them meanwhile comes to nothing, so that
 * there is nothing to foretell. Such a group is the same until its rows come, so all of them are put off, and have their order. Returns how many
 * these are, in [odd].
 */
static inline __attribute__((always_inline)) uint32_t
short_way(struct tsn_agg *a, const struct tsn_fold *x, bool guess, const struct tsn_guess *g, uint32_t *group, uint16_t *restrict odd)
{
	struct lean *const records = (struct lean *)a->family->store.groups;
	const struct tsn_near near = a->near;
	const int64_t *const times = x->batch->time;
	const uint64_t *const panes = a->pane, keep = a->keep;
	const uint32_t to = x->to;
	const uint16_t *const rows = x->row;
	int64_t *const out = a->out->i;
	struct lean *ring[RING], nothing;
	uint32_t n = 0, warm = 0, next = x->from;

	for (uint32_t i = x->from, end; i < to; ) {
		end = to - i < BLOCK ? to : i + BLOCK;
		for (const uint32_t until = to - i < BLOCK + LEAD ? to : i + BLOCK + LEAD; next < until; next++)
			ring[next % RING] = ahead(records, guess, g, group, next);
		for (; i < end; i++) {
			const uint32_t row = rows[i];
			struct lean *const r = ring[i % RING];
			const uint64_t newest = tsn_near_pane(&near, r->group.newest), is = is_odd(&near, r), goes = -(uint64_t)(is == 0);
			const int64_t d = (int64_t)(panes[row] - newest);
			tsn_lanes v;

			odd[n] = (uint16_t)i;
			n += is != 0;
			if (__builtin_expect(is_late(d, keep), 0)) {
				if (is == 0)
					out[row] = add(a, r, panes[row], times[row], row);
				continue;
			}
			v = count(r, either(goes, r, &nothing), newest, d, keep, times[row]);
			warm += (tsn_lanes_warm_in(v) & goes) != 0;
			out[row] = (int64_t)tsn_lanes_sum_of(v);
		}
	}
	a->store.counts.warm += warm;
	return n;
}

TSN_WIDE(, uint32_t, tsn_lean_guessed, (struct tsn_agg *a, const struct tsn_fold *x, const struct tsn_guess *g, uint32_t *group, uint16_t *odd),
    (a, x, g, group, odd))
{
	return short_way(a, x, true, g, group, odd);
}

TSN_WIDE(static, uint32_t, short_way_known, (struct tsn_agg *a, const struct tsn_fold *x, uint16_t *odd), (a, x, odd))
{
	return short_way(a, x, false, NULL, (uint32_t *)x->group, odd);
}

static void
fold_all(struct tsn_agg *a, const struct tsn_fold *x)
{
	uint16_t odd[TSN_BATCH_ROWS + 1];

	tsn_lean_odd(a, x, odd, short_way_known(a, x, odd));
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

	if (tsn_lanes_warm_in(tsn_lanes_load(r->lane)) != 0 || r->lane[newest_of(a, r) & (TSN_LANES - 1)] == 0) {
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

/* Whoever is expected has a newest time and no flow (absent.c). */
static bool
expects(const struct tsn_family_def *f)
{
	bool some = false;

	for (uint32_t i = 0; i < f->naggs; i++)
		some = some || (f->agg[i].fn == TSN_AGG_ABSENT && f->agg[i].expect != TSN_SET_NONE);
	return some;
}

bool
tsn_lean_can(const struct tsn_family_def *f, uint32_t i)
{
	const struct tsn_agg_def *d = &f->agg[i];
	bool can = f->key.n > 0 && f->at.n == 0 && f->nsteps == 0 && d->fn == TSN_AGG_COUNT && !d->tumbling && !d->by_received && !expects(f);

	for (uint32_t j = 0; j < i && can; j++)
		can = !tsn_lean_can(f, j);
	return can;
}

void
tsn_lean_init(struct tsn_agg *a)
{
	if (!tsn_lean_can(&a->family->def, (uint32_t)(a - a->family->agg)))
		return;
	a->near = tsn_near_of(a, 0);
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
