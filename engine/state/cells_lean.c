/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A sliding count whose cell is no more than its sixteen lanes, behind the group itself: 32 bytes with it, so that a flow
 * touches one line of the cache beside that of the directory. The rest of a cell's head is there already. Its newest
 * pane is that of the group's newest flow, since whatever moves the one moves the other, and its sum is soon added up. And
 * the lane of the newest pane is never 0 once something was counted: where it is, either all are, and the cell is empty, or
 * there is a wide cell, whose index and one more is in the four lanes that [beside] names; behind them it looks full.
 *
 * Flows that find no lane near its end go the short way (lean_short.c). Of the others most find what they need at once, and for the rest a cell with its head
 * is made of it, and put back when they are done.
 *
 * A family has one such count at most. What cannot be so (one that came to groups which were there already, by a reload or
 * from a snapshot) stands apart, with an array of its own.
 */
#include "state/lanes.h"
#include "state/lean.h"
#include "state/near.h"

static inline uint64_t
newest_of(const struct tsn_agg *a, const struct tsn_lean *r)
{
	const int64_t time = r->group.newest;

	return tsn_near_has(&a->near, time) ? tsn_near_pane(&a->near, time) : tsn_pane_at(time, a->def->pane_ms);
}

/* --- as a cell with a head --- */

/* A lane that is neither of these nor the newest pane's, so that the short way does not have to look at that one. */
static inline uint32_t
behind(uint64_t newest)
{
	return (uint32_t)(newest + 8) & (TSN_LANES - 1);
}

static inline bool
is_empty(const struct tsn_lean *r)
{
	uint64_t half[2];

	memcpy(half, r->lane, sizeof(half));
	return (half[0] | half[1]) == 0;
}

static void
unfold(const struct tsn_agg *a, const struct tsn_lean *r, struct tsn_narrow *cell)
{
	const uint64_t newest = newest_of(a, r);
	const uint32_t wide = tsn_lean_wide(r, newest), i = wide - 1;
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
put_back(struct tsn_lean *r, const struct tsn_narrow *cell)
{
	uint32_t i;

	if ((cell->head & TSN_SUM_MASK) != TSN_IS_WIDE) {
		memcpy(r->lane, cell->lane, sizeof(r->lane));
		return;
	}
	memcpy(&i, cell->lane, sizeof(i));
	i++;
	memset(r->lane, 0, sizeof(r->lane));
	memcpy(&r->lane[tsn_lean_beside(tsn_ring_newest(cell->head))], &i, sizeof(i));
	r->lane[behind(tsn_ring_newest(cell->head))] = UINT8_MAX;
}

int64_t
tsn_lean_peek(const struct tsn_agg *a, const struct tsn_lean *r, uint64_t pane)
{
	struct tsn_narrow cell;

	unfold(a, r, &cell);
	return tsn_narrow_peek(&a->store.counts, &cell, pane, a->keep);
}

/* --- rows that go no short way --- */

/* A pane that the window has: nothing leaves. */
static inline int64_t
add_within(struct tsn_counts *c, struct tsn_lean *r, uint32_t lane)
{
	const tsn_lanes v = tsn_lanes_change(tsn_lanes_load(r->lane), tsn_lanes_load(tsn_lanes_leave(0, 0)), tsn_lanes_load(tsn_lanes_one(lane)));

	c->warm += r->lane[lane] + 1u == TSN_WARM;
	memcpy(r->lane, &v, sizeof(v));
	return (int64_t)tsn_lanes_sum_of(v);
}

int64_t
tsn_lean_add(struct tsn_agg *a, struct tsn_lean *r, uint64_t pane, int64_t time, uint32_t row)
{
	struct tsn_counts *c = &a->store.counts;
	const uint32_t lane = pane & (TSN_LANES - 1);
	struct tsn_narrow cell;
	uint64_t newest;
	int64_t n;

	if (is_empty(r)) { /* and of one that is new a pane would have to be divided out */
		tsn_group_touch(&r->group, time);
		r->lane[lane] = 1;
		return 1;
	}
	newest = newest_of(a, r);
	if (pane <= newest && pane + a->keep > newest && tsn_lean_wide(r, newest) == 0 && r->lane[lane] < UINT8_MAX) {
		tsn_group_touch(&r->group, time);
		return add_within(c, r, lane);
	}
	unfold(a, r, &cell);
	n = tsn_narrow_add(c, &cell, pane, a->keep, &a->late, row);
	tsn_group_touch(&r->group, time);
	put_back(r, &cell);
	return n;
}

/* --- groups --- */

void
tsn_lean_reset(struct tsn_agg *a, uint32_t group)
{
	struct tsn_lean *r = tsn_lean_at(a, group);
	struct tsn_narrow cell;

	if (tsn_lanes_near_warm(tsn_lanes_load(r->lane)) != 0 || r->lane[newest_of(a, r) & (TSN_LANES - 1)] == 0) {
		unfold(a, r, &cell);
		tsn_narrow_reset(&a->store.counts, &cell);
	}
	memset(r->lane, 0, sizeof(r->lane));
}

uint64_t
tsn_lean_newest(const struct tsn_agg *a, uint32_t group)
{
	struct tsn_narrow cell;

	unfold(a, tsn_lean_at(a, group), &cell);
	return tsn_ring_newest(cell.head);
}

void
tsn_lean_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	struct tsn_narrow cell;

	unfold(a, tsn_lean_at(a, group), &cell);
	tsn_narrow_save(&a->store.counts, &cell, out);
}

/* Are the newest flow of the group and the newest pane of the cell one? */
static bool
fits(const struct tsn_agg *a, const struct tsn_lean *r, const struct tsn_narrow *cell)
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
	struct tsn_lean *r = tsn_lean_at(a, group);
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
			unfold(a, tsn_lean_at(a, tsn_number(s, p, i)), (struct tsn_narrow *)tsn_cell(cells, tsn_number(s, p, i)));
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
