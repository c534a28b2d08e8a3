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

/* A pane that the window has: nothing leaves. */
static inline int64_t
add_within(struct tsn_counts *c, struct lean *r, uint32_t lane)
{
	const tsn_lanes v = tsn_lanes_change(tsn_lanes_load(r->lane), tsn_lanes_load(tsn_lanes_leave(0, 0)), tsn_lanes_load(tsn_lanes_one(lane)));

	c->warm += r->lane[lane] + 1u == TSN_WARM;
	memcpy(r->lane, &v, sizeof(v));
	return (int64_t)tsn_lanes_sum_of(v);
}

static __attribute__((noinline)) int64_t
add(struct tsn_agg *a, struct lean *r, uint64_t pane, int64_t time, uint32_t row)
{
	struct tsn_counts *c = &a->store.counts;
	const uint64_t newest = newest_of(a, r);
	const uint32_t lane = pane & (TSN_LANES - 1);
	struct tsn_narrow cell;
	int64_t n;

	if (is_empty(r)) {
		tsn_group_touch(&r->group, time);
		r->lane[lane] = 1;
		return 1;
	}
	if (pane <= newest && pane + a->keep > newest && wide_of(r, newest) == 0 && r->lane[lane] < UINT8_MAX) {
		tsn_group_touch(&r->group, time);
		return add_within(c, r, lane);
	}
	unfold(a, r, &cell);
	n = tsn_narrow_add(c, &cell, pane, a->keep, &a->late, row);
	tsn_group_touch(&r->group, time);
	put_back(r, &cell);
	return n;
}

/* --- the short way --- */

#define MANY_FLOWS (UINT32_C(1) << 30) /* of a group: those that come need not look whether the number has ended */

/* What rows go the short way by. */
struct brief {
	struct tsn_near near;
	uint32_t keep;
	/* What leaves, by how far ahead of its group's window a row is, from 0 on; at the place where the number of that pane, counted from a
	 * multiple of sixteen, says it; and behind it, at the same place, 1 in the lane that the row counts in. */
	const uint8_t *rings;
};

#define RING_ROW sizeof(tsn_rings.left[0])

static inline struct brief
brief_of(const struct tsn_agg *a)
{
	const uint32_t place = (2 * a->keep - (uint32_t)a->near.first) & (TSN_LANES - 1);

	return (struct brief){ a->near, a->keep, &tsn_rings.left[TSN_LANES - a->keep][place] };
}

/* How far a row's pane is ahead of the first of all that are near, and that many panes more as windows have; 0 if it is not near. */
static inline __attribute__((always_inline)) uint32_t
lead_of(const struct brief *b, uint64_t pane)
{
	const uint64_t from = pane - b->near.first;

	return from < b->near.panes ? (uint32_t)from + b->keep : 0;
}

/* Does any row of the group go the long way? Mostly, it does not; but those that are warm, as a wide cell looks, are many in some batches. */
static inline __attribute__((always_inline)) bool
is_far(const struct brief *b, const struct lean *r)
{
	return (uint64_t)r->group.newest - b->near.base >= UINT64_C(1) << b->near.reach || (r->group.word & MANY_FLOWS) != 0;
}

static inline __attribute__((always_inline)) bool
is_warm(const struct lean *r)
{
	return tsn_lanes_near_warm(tsn_lanes_load(r->lane)) != 0;
}

/* Of a group that is neither: its newest pane, counted like a row's lead, but for the window. A row that leads by no more than that is late, or not near. */
static inline __attribute__((always_inline)) uint32_t
trail_of(const struct brief *b, const struct lean *r)
{
	return (uint32_t)((uint64_t)((uint32_t)r->group.newest - (uint32_t)b->near.base) * b->near.factor >> b->near.shift);
}

/* No branch by how far ahead the row is, which is as good as random; where that is no more than the window is long nothing leaves. */
static inline __attribute__((always_inline)) int64_t
count(const struct brief *b, struct lean *r, uint32_t lead, uint32_t trail, int64_t time)
{
	const size_t most = b->keep + TSN_LANES, ahead = lead - trail, turn = ~lead & (TSN_LANES - 1);
	const uint8_t *const left = b->rings + (ahead < most ? ahead : most) * RING_ROW, *const one = b->rings + offsetof(struct tsn_rings, one);
	const tsn_lanes v = tsn_lanes_change(tsn_lanes_load(r->lane), tsn_lanes_load(left + turn), tsn_lanes_load(one + turn));

	memcpy(r->lane, &v, sizeof(v));
	r->group.newest = time > r->group.newest ? time : r->group.newest;
	r->group.word++;
	return (int64_t)tsn_lanes_sum_of(v);
}

void
tsn_lean_row(struct tsn_agg *a, const struct tsn_fold *x, uint32_t group, uint32_t row, bool counts)
{
	const struct brief b = brief_of(a);
	struct lean *r = lean_at(a, group);
	uint32_t lead, trail;

	if (!counts) {
		a->out->i[row] = group == TSN_GROUP_NONE ? 0 : peek(a, r, a->pane[row]);
		return;
	}
	lead = lead_of(&b, a->pane[row]);
	trail = trail_of(&b, r);
	if (is_far(&b, r) || is_warm(r) || lead <= trail)
		a->out->i[row] = add(a, r, a->pane[row], x->batch->time[row], row);
	else
		a->out->i[row] = count(&b, r, lead, trail, x->batch->time[row]);
}

#define BLOCK 32u /* rows looked for, then as many counted, while the groups of those that come are fetched */

_Static_assert(TSN_NEAR_WARM + BLOCK <= TSN_WARM, "no lane gets warm within a block");

/* A segment on its short way. */
struct walk {
	struct brief brief;
	const struct tsn_guess *guess;   /* NULL: the groups are known */
	struct lean *records;
	uint32_t *group;                 /* by entry */
	const uint16_t *row;
	const int64_t *time;             /* by row, as the others */
	int64_t *out;
	uint16_t *none;                  /* entries without a group; those put off */
	size_t nnone, nodd;
	uint16_t odd[TSN_BATCH_ROWS + 1];
	struct { struct lean *group; uint32_t row; } go[BLOCK]; /* those of a block that go */
	uint32_t lead[TSN_BATCH_ROWS];
};

/* Returns whether all are near. */
TSN_WIDE(static, bool, leads_of, (struct walk *w, const uint64_t *pane, uint32_t n), (w, pane, n))
{
	const struct brief b = w->brief;
	uint32_t *const lead = w->lead;
	uint32_t far = 0;

	for (uint32_t i = 0; i < n; i++) {
		lead[i] = lead_of(&b, pane[i]);
		far |= lead[i] == 0;
	}
	return far == 0;
}

static bool
leads_of_rows(struct walk *w, const uint64_t *pane, const uint16_t *row, uint32_t n)
{
	bool near = true;

	for (uint32_t i = 0; i < n; i++) {
		w->lead[row[i]] = lead_of(&w->brief, pane[row[i]]);
		near = near && w->lead[row[i]] != 0;
	}
	return near;
}

TSN_WIDE(static, void, fetch_guessed, (struct walk *w, uint32_t from, uint32_t to), (w, from, to))
{
	const struct tsn_guess *const g = w->guess;
	const uint32_t *const tag = g->tag;
	const uintptr_t records = (uintptr_t)w->records;
	uint32_t *const group = w->group;

	for (size_t i = from; i < to; i++) {
		tsn_prefetch(g->line[i + TSN_FAR]);
		group[i] = tsn_line_guess(&g->dir, g->line[i], tag[i]);
		tsn_prefetch((const void *)(records + (uintptr_t)group[i] * sizeof(struct lean)));
	}
}

static void
fetch_known(struct walk *w, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		tsn_prefetch(&w->records[w->group[i]]);
}

/*
 * Of a block, how many go; rows of groups that go the long way are put off. Such a group is the same until its rows come, so all of them are,
 * and have their order.
 */
TSN_WIDE(static, size_t, sift, (struct walk *w, uint32_t from, uint32_t to), (w, from, to))
{
	const struct brief b = w->brief;
	struct lean *const records = w->records;
	const uint32_t *const group = w->group;
	const uint16_t *const rows = w->row;
	size_t n = 0, nodd = w->nodd;

	for (size_t i = from; i < to; i++) {
		struct lean *const r = &records[group[i]];
		bool warm;

		if (group[i] == TSN_GROUP_NONE) {
			w->none[w->nnone++] = (uint16_t)i;
			continue;
		}
		w->odd[nodd] = (uint16_t)i;
		if (is_far(&b, r)) {
			nodd++;
			continue;
		}
		warm = is_warm(r);
		w->go[n].group = r;
		w->go[n].row = rows[i];
		nodd += warm;
		n += !warm;
	}
	w->nodd = nodd;
	return n;
}

/* Returns the one of those that go at which it ends: a row that is late, or not near. */
TSN_WIDE(static, size_t, count_those, (struct walk *w, size_t i, size_t n), (w, i, n))
{
	const struct brief b = w->brief;
	const int64_t *const times = w->time;
	int64_t *const out = w->out;

	for (; i < n; i++) {
		struct lean *const r = w->go[i].group;
		const uint32_t row = w->go[i].row, lead = w->lead[row], trail = trail_of(&b, r);

		if (__builtin_expect(lead <= trail, 0))
			break;
		out[row] = count(&b, r, lead, trail, times[row]);
	}
	return i;
}

/* Of a group that is not far, the wide cell's index and one more, 0 if it has none or the row's pane is not in its window. */
static inline __attribute__((always_inline)) uint32_t
wide_within(const struct brief *b, const struct lean *r, uint32_t lead)
{
	const uint32_t trail = trail_of(b, r);

	return lead - trail - 1 < b->keep ? wide_of(r, b->near.first + trail) : 0;
}

/* Of the entries put off, from [i] on, those that large groups have in their windows: few groups, but many flows. Returns the first that is none. */
TSN_WIDE(static, size_t, count_large, (struct walk *w, const uint64_t *pane, struct tsn_wide *wides, size_t i), (w, pane, wides, i))
{
	const struct brief b = w->brief;
	struct lean *const records = w->records;
	const uint32_t *const group = w->group;
	const uint16_t *const rows = w->row;
	const int64_t *const times = w->time;
	int64_t *const out = w->out;
	const size_t n = w->nodd;

	for (; i < n; i++) {
		struct lean *const r = &records[group[w->odd[i]]];
		const uint32_t row = rows[w->odd[i]], wide = is_far(&b, r) ? 0 : wide_within(&b, r, w->lead[row]);
		struct tsn_wide *to;

		if (wide == 0)
			break;
		to = &wides[wide - 1];
		to->lane[pane[row] & (TSN_LANES - 1)]++;
		r->group.newest = times[row] > r->group.newest ? times[row] : r->group.newest;
		r->group.word++;
		out[row] = (int64_t)++to->sum;
	}
	return i;
}

static void
count_odd(struct tsn_agg *a, struct walk *w)
{
	for (size_t i = 0; (i = count_large(w, a->pane, a->store.counts.wide, i)) < w->nodd; i++) {
		const uint32_t row = w->row[w->odd[i]];

		w->out[row] = add(a, &w->records[w->group[w->odd[i]]], a->pane[row], w->time[row], row);
	}
}

/* Returns how many entries have no group, in [none]. */
static uint32_t
short_way(struct tsn_agg *a, const struct tsn_fold *x, const struct tsn_guess *g, uint32_t *group, uint16_t *none)
{
	struct walk w;
	uint32_t next = x->from, block;
	bool near;

	w.brief = brief_of(a);
	w.guess = g;
	w.records = (struct lean *)a->family->store.groups;
	w.group = group;
	w.row = x->row;
	w.time = x->batch->time;
	w.out = a->out->i;
	w.none = none;
	w.nnone = w.nodd = 0;
	near = tsn_few_rows(x->to - x->from, x->batch) ? leads_of_rows(&w, a->pane, x->row + x->from, x->to - x->from) :
	    leads_of(&w, a->pane, x->batch->n);
	block = near ? BLOCK : 1; /* what is not near makes its group odd */
	for (uint32_t i = x->from, end; i < x->to; i = end) {
		const uint32_t until = x->to - i < 2 * BLOCK ? x->to : i + 2 * BLOCK;
		size_t n;

		end = x->to - i < block ? x->to : i + block;
		if (g != NULL)
			fetch_guessed(&w, next, until);
		else
			fetch_known(&w, next, until);
		next = until;
		n = sift(&w, i, end);
		for (size_t k = 0; (k = count_those(&w, k, n)) < n; k++) {
			const uint32_t row = w.go[k].row;

			w.out[row] = add(a, w.go[k].group, a->pane[row], w.time[row], row);
		}
	}
	count_odd(a, &w);
	return (uint32_t)w.nnone;
}

uint32_t
tsn_lean_guessed(struct tsn_agg *a, const struct tsn_fold *x, const struct tsn_guess *g, uint32_t *group, uint16_t *none)
{
	return short_way(a, x, g, group, none);
}

void
tsn_lean_found(struct tsn_agg *a, const struct tsn_fold *x, const uint16_t *entry, uint32_t n)
{
	for (uint32_t k = 0; k < n; k++) {
		const uint32_t row = x->row[entry[k]];

		a->out->i[row] = add(a, lean_at(a, x->group[entry[k]]), a->pane[row], x->batch->time[row], row);
	}
}

void
tsn_lean_fold(struct tsn_agg *a, const struct tsn_fold *x)
{
	if (x->counted)
		return;
	if (x->all != 0) {
		short_way(a, x, NULL, (uint32_t *)x->group, NULL); /* nobody is without */
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
