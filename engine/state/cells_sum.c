/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Sums, and what is made of them: rate and average. A ring of panes of 64-bit
 * integers, 128-bit ones once a pane could pass what sixteen of them may be
 * (the whole array moves, once), or reals. The total is added up anew for each row, oldest
 * pane first: integers are exact, and reals do not drift and do not depend on what expired when.
 */
#include <math.h>

#include "base/mem.h"
#include "state/internal.h"
#include "state/ring.h"

#define HEAD 8u
#define NARROW_MAX ((UINT64_C(1) << 59) - 1) /* sixteen such panes fit 64 bits with their sign */

enum kind { I64, I128, REAL };

static uint32_t
lanes_of(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 : 16;
}

static void
init(struct tsn_agg *a)
{
	a->store.sums.cells.size = HEAD + lanes_of(a) * 8;
	if (a->def->fn == TSN_AGG_AVG)
		tsn_counts_init(&a->store.counts, a->def->tumbling);
}

static uint64_t
magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

/* Moves all cells to panes of 128 bits. */
static bool
widen(struct tsn_agg *a)
{
	struct tsn_cells *old = &a->store.sums.cells, new = { .size = HEAD + lanes_of(a) * 16 };

	if (!tsn_cells_room(&new, old->cap))
		return false;
	for (uint32_t g = 0; g < old->cap; g++) {
		const uint8_t *from = tsn_cell(old, g);
		uint8_t *to = tsn_cell(&new, g);

		memcpy(to, from, HEAD);
		for (uint32_t l = 0; l < lanes_of(a); l++) {
			int64_t v;
			__int128 w;

			memcpy(&v, from + HEAD + l * 8, sizeof(v));
			w = v;
			memcpy(to + HEAD + l * 16, &w, sizeof(w));
		}
	}
	tsn_cells_free(old);
	*old = new;
	a->store.sums.wide = true;
	return true;
}

/* Nothing in the segment may pass NARROW_MAX, even if all of it fell into one pane. */
static bool
reserve(struct tsn_agg *a, const struct tsn_fold *x)
{
	unsigned __int128 most = a->store.sums.peak;

	if (a->def->real || a->store.sums.wide)
		return true;
	for (uint32_t i = x->from; i < x->to; i++)
		most += tsn_mask_has(&a->takes, x->row[i]) ? magnitude(a->arg->i[x->row[i]]) : 0;
	return most <= NARROW_MAX || widen(a);
}

static inline __attribute__((always_inline)) void
lane_add(struct tsn_sums *s, uint8_t *lane, bool fresh, const struct tsn_vector *arg, uint32_t row,
    enum kind kind)
{
	if (kind == I64) {
		int64_t v = 0;

		if (!fresh)
			memcpy(&v, lane, sizeof(v));
		v += arg->i[row];
		if (magnitude(v) > s->peak)
			s->peak = magnitude(v);
		memcpy(lane, &v, sizeof(v));
	} else if (kind == I128) {
		__int128 v = 0;

		if (!fresh)
			memcpy(&v, lane, sizeof(v));
		v += arg->i[row];
		memcpy(lane, &v, sizeof(v));
	} else {
		double v = 0;

		if (!fresh)
			memcpy(&v, lane, sizeof(v));
		v += arg->f[row];
		memcpy(lane, &v, sizeof(v));
	}
}

static inline __attribute__((always_inline)) union tsn_total
total(const uint8_t *cell, uint32_t view, uint32_t lanes, enum kind kind)
{
	const uint32_t oldest = tsn_ring_oldest(tsn_head_load(cell), lanes), width = kind == I128 ? 16 : 8;
	union tsn_total sum = { .i = 0 };
	int64_t narrow = 0;

	if (kind == REAL)
		sum.f = 0;
	for (; view != 0; view &= view - 1) {
		uint32_t lane = (oldest + (uint32_t)__builtin_ctz(view)) & (lanes - 1);
		const uint8_t *p = cell + HEAD + lane * width;
		__int128 w;
		int64_t i;
		double f;

		if (kind == I64) {
			memcpy(&i, p, sizeof(i));
			narrow += i;
		} else if (kind == I128) {
			memcpy(&w, p, sizeof(w));
			sum.i += w;
		} else {
			memcpy(&f, p, sizeof(f));
			sum.f += f;
		}
	}
	if (kind == I64)
		sum.i = narrow;
	return sum;
}

static inline __attribute__((always_inline)) void
sums(struct tsn_agg *a, struct tsn_fold *x, uint32_t lanes, enum kind kind)
{
	struct tsn_sums *s = &a->store.sums;
	const uint32_t keep = a->keep, width = kind == I128 ? 16 : 8;
	const bool tumbling = lanes == 2;

	for (uint32_t i = x->from; i < x->to; i++) {
		uint32_t row = x->row[i], lane;
		uint64_t pane = a->pane[row], head;
		uint8_t *cell;

		tsn_cell_prefetch(&s->cells, x->group[i + TSN_AHEAD]);
		if (x->group[i] == TSN_GROUP_NONE) {
			memset(&x->total[row], 0, sizeof(x->total[row]));
			continue;
		}
		cell = tsn_cell(&s->cells, x->group[i]);
		head = tsn_head_load(cell);
		if (tsn_mask_has(&a->takes, row)) {
			if (tsn_ring_late(head, pane, keep)) {
				x->late++;
			} else {
				head = tsn_ring_advance(head, pane, keep, lanes);
				lane = pane & (lanes - 1);
				lane_add(s, cell + HEAD + lane * width, !(head >> lane & 1), a->arg, row, kind);
				head |= UINT64_C(1) << lane;
				tsn_head_store(cell, head);
			}
		}
		x->total[row] = total(cell, tsn_ring_view(head, pane, keep, lanes, tumbling), lanes, kind);
	}
}

static void
fold_totals(struct tsn_agg *a, struct tsn_fold *x)
{
	enum kind kind = a->def->real ? REAL : a->store.sums.wide ? I128 : I64;

	if (a->def->tumbling) {
		switch (kind) {
		case I64:  sums(a, x, 2, I64); break;
		case I128: sums(a, x, 2, I128); break;
		case REAL: sums(a, x, 2, REAL); break;
		}
		return;
	}
	switch (kind) {
	case I64:  sums(a, x, 16, I64); break;
	case I128: sums(a, x, 16, I128); break;
	case REAL: sums(a, x, 16, REAL); break;
	}
}

static double
as_real(const struct tsn_agg *a, const union tsn_total *t)
{
	return a->def->real ? t->f : (double)t->i;
}

static void
put_real(struct tsn_vector *out, uint32_t row, double v)
{
	out->f[row] = v;
	if (!isfinite(v))
		tsn_mask_unset(&out->known, row);
}

static uint32_t
fold_sum(struct tsn_agg *a, struct tsn_fold *x)
{
	fold_totals(a, x);
	for (uint32_t i = x->from; i < x->to; i++) {
		uint32_t row = x->row[i];

		if (a->def->real) {
			put_real(a->out, row, x->total[row].f);
			continue;
		}
		a->out->i[row] = (int64_t)x->total[row].i;
		if (x->total[row].i != a->out->i[row])
			tsn_mask_unset(&a->out->known, row);
	}
	return x->to;
}

static uint32_t
fold_rate(struct tsn_agg *a, struct tsn_fold *x)
{
	const double seconds = (double)a->def->window_ms / 1000.0;

	fold_totals(a, x);
	for (uint32_t i = x->from; i < x->to; i++)
		put_real(a->out, x->row[i], as_real(a, &x->total[x->row[i]]) / seconds);
	return x->to;
}

static bool
reserve_avg(struct tsn_agg *a, const struct tsn_fold *x)
{
	return reserve(a, x) && tsn_counts_reserve(&a->store.counts, &a->store.bytes, x->to - x->from);
}

static uint32_t
fold_avg(struct tsn_agg *a, struct tsn_fold *x)
{
	uint64_t same = 0; /* the sums have counted them */

	fold_totals(a, x);
	tsn_counts_fold(&a->store.counts, a, x, x->count, &same);
	for (uint32_t i = x->from; i < x->to; i++) {
		uint32_t row = x->row[i];

		if (x->count[row] > 0)
			put_real(a->out, row, as_real(a, &x->total[row]) / (double)x->count[row]);
		else
			tsn_mask_unset(&a->out->known, row);
	}
	return x->to;
}

static void
reset_avg(struct tsn_agg *a, uint32_t group)
{
	tsn_counts_reset(&a->store.counts, group);
}

static void
fini_avg(struct tsn_agg *a)
{
	tsn_counts_fini(&a->store.counts);
}

/* Panes of 128 bits, and an average's long counts. */
static uint64_t
most(const struct tsn_agg *a)
{
	return (a->def->real ? 0 : lanes_of(a) * 8) + tsn_counts_most(&a->store.counts);
}

const struct tsn_agg_ops tsn_sum_ops = { .most = most, .init = init, .reserve = reserve, .fold = fold_sum };
const struct tsn_agg_ops tsn_rate_ops = { .most = most, .init = init, .reserve = reserve, .fold = fold_rate };
const struct tsn_agg_ops tsn_avg_ops = {
	.most = most,
	.init = init, .reserve = reserve_avg, .fold = fold_avg, .reset = reset_avg, .fini = fini_avg,
};
