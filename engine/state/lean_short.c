/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The short way of a lean count: a batch in blocks, of which the groups are looked for and fetched, then sifted, then counted, each in a loop of
 * its own that has the CPU's registers for itself and nothing to foretell. Rows that cannot go it are put off, by group, so that they have
 * their order.
 */
#include "base/prefetch.h"
#include "base/wide.h"
#include "state/guess.h"
#include "state/lanes.h"
#include "state/lean.h"
#include "state/near.h"

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

/* All rows of such a group go the long way, which is rare; as do those of one that is warm, as a wide cell looks, and these may be many. */
static inline __attribute__((always_inline)) bool
is_far(const struct brief *b, const struct tsn_lean *r)
{
	return (uint64_t)r->group.newest - b->near.base >= UINT64_C(1) << b->near.reach || (r->group.word & MANY_FLOWS) != 0;
}

static inline __attribute__((always_inline)) bool
is_warm(const struct tsn_lean *r)
{
	return tsn_lanes_near_warm(tsn_lanes_load(r->lane)) != 0;
}

/* Of a group that is neither: its newest pane, counted like a row's lead, but for the window. A row that leads by no more than that is late, or not near. */
static inline __attribute__((always_inline)) uint32_t
trail_of(const struct brief *b, const struct tsn_lean *r)
{
	return (uint32_t)((uint64_t)((uint32_t)r->group.newest - (uint32_t)b->near.base) * b->near.factor >> b->near.shift);
}

/* No branch by how far ahead the row is, which is as good as random; where that is no more than the window is long nothing leaves. */
static inline __attribute__((always_inline)) int64_t
count(const struct brief *b, struct tsn_lean *r, uint32_t lead, uint32_t trail, int64_t time)
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
	struct tsn_lean *r = tsn_lean_at(a, group);
	uint32_t lead, trail;

	if (!counts) {
		a->out->i[row] = group == TSN_GROUP_NONE ? 0 : tsn_lean_peek(a, r, a->pane[row]);
		return;
	}
	lead = lead_of(&b, a->pane[row]);
	trail = trail_of(&b, r);
	if (is_far(&b, r) || is_warm(r) || lead <= trail)
		a->out->i[row] = tsn_lean_add(a, r, a->pane[row], x->batch->time[row], row);
	else
		a->out->i[row] = count(&b, r, lead, trail, x->batch->time[row]);
}

#define BLOCK 32u /* rows looked for, then as many counted, while the groups of those that come are on their way */

_Static_assert(TSN_NEAR_WARM + BLOCK <= TSN_WARM, "no lane gets warm within a block");

/* A segment on its short way. */
struct walk {
	struct brief brief;
	const struct tsn_guess *guess;   /* NULL: the groups are known */
	struct tsn_lean *records;
	uint32_t *group;                 /* by entry */
	const uint16_t *row;
	const int64_t *time;             /* by row, as the others */
	int64_t *out;
	uint16_t *none;                  /* entries without a group; those put off */
	size_t nnone, nodd;
	uint16_t odd[TSN_BATCH_ROWS + 1];
	struct { struct tsn_lean *group; uint32_t row; } go[BLOCK]; /* those of a block that go */
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
		tsn_guess_ahead(g, i);
		group[i] = tsn_line_guess(&g->dir, g->line[i], tag[i]);
		tsn_prefetch((const void *)(records + (uintptr_t)group[i] * sizeof(struct tsn_lean)));
	}
}

static inline __attribute__((always_inline)) void
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
	struct tsn_lean *const records = w->records;
	const uint32_t *const group = w->group;
	const uint16_t *const rows = w->row;
	size_t n = 0, nodd = w->nodd;

	for (size_t i = from; i < to; i++) {
		struct tsn_lean *const r = &records[group[i]];
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
		struct tsn_lean *const r = w->go[i].group;
		const uint32_t row = w->go[i].row, lead = w->lead[row], trail = trail_of(&b, r);

		if (__builtin_expect(lead <= trail, 0))
			break;
		out[row] = count(&b, r, lead, trail, times[row]);
	}
	return i;
}

/* Of a group that is not far, the wide cell's index and one more, 0 if it has none or the row's pane is not in its window. */
static inline __attribute__((always_inline)) uint32_t
wide_within(const struct brief *b, const struct tsn_lean *r, uint32_t lead)
{
	const uint32_t trail = trail_of(b, r);

	return lead - trail - 1 < b->keep ? tsn_lean_wide(r, b->near.first + trail) : 0;
}

/* Of the entries put off, from [i] on, those that large groups have in their windows: few groups, but many flows. Returns the first that is none. */
TSN_WIDE(static, size_t, count_large, (struct walk *w, const uint64_t *pane, struct tsn_wide *wides, size_t i), (w, pane, wides, i))
{
	const struct brief b = w->brief;
	struct tsn_lean *const records = w->records;
	const uint32_t *const group = w->group;
	const uint16_t *const rows = w->row;
	const int64_t *const times = w->time;
	int64_t *const out = w->out;
	const size_t n = w->nodd;

	for (; i < n; i++) {
		struct tsn_lean *const r = &records[group[w->odd[i]]];
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

		w->out[row] = tsn_lean_add(a, &w->records[w->group[w->odd[i]]], a->pane[row], w->time[row], row);
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
	w.records = (struct tsn_lean *)a->family->store.groups;
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

			w.out[row] = tsn_lean_add(a, w.go[k].group, a->pane[row], w.time[row], row);
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

		a->out->i[row] = tsn_lean_add(a, tsn_lean_at(a, x->group[entry[k]]), a->pane[row], x->batch->time[row], row);
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
