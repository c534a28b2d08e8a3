/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Sums, and what is made of them: rate and average. Integers are exact: sliding, as cells_compact.c has them; tumbling, a ring of panes
 * of 64 bits, and of 128 once a pane could pass what sixteen of them may be (the whole array moves, once). Of reals
 * the total is added up anew for each row, oldest pane first, so that it does not drift and does not depend on what expired when.
 */
#include <math.h>

#include "base/mem.h"
#include "state/compact.h"
#include "state/ring.h"

#define HEAD 8u
#define NARROW_MAX ((UINT64_C(1) << 59) - 1) /* sixteen such panes fit 64 bits with their sign */

enum kind { I64, I128, REAL };

static uint32_t
lanes_of(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 : 16;
}

static inline bool
is_compact(const struct tsn_agg *a)
{
	return !a->def->tumbling && !a->def->real;
}

static void
init(struct tsn_agg *a)
{
	a->store.sums.cells.size = HEAD + lanes_of(a) * 8;
	if (is_compact(a))
		tsn_compact_init(&a->store.sums);
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

	if (is_compact(a))
		return tsn_compact_reserve(a, x);
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
				tsn_mask_set(&a->late, row);
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
	if (kind == REAL)
		sums(a, x, 16, REAL);
	else
		tsn_compact_fold(a, x);
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
		if (x->total[row].i == a->out->i[row])
			continue;
		a->out->i[row] = x->total[row].i < 0 ? INT64_MIN : INT64_MAX; /* not known, but a guard must see that it is much */
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
	return reserve(a, x) && tsn_counts_reserve(a, x->to - x->from);
}

static uint32_t
fold_avg(struct tsn_agg *a, struct tsn_fold *x)
{
	fold_totals(a, x);
	tsn_counts_fold(&a->store.counts, a, x, x->count, &a->late); /* as the sums found */
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
reset(struct tsn_agg *a, uint32_t group)
{
	if (is_compact(a))
		tsn_compact_reset(a, group);
}

static void
fini(struct tsn_agg *a)
{
	tsn_compact_fini(a);
}

static void
reset_avg(struct tsn_agg *a, uint32_t group)
{
	reset(a, group);
	tsn_counts_reset(&a->store.counts, group);
}

static void
fini_avg(struct tsn_agg *a)
{
	fini(a);
	tsn_counts_fini(&a->store.counts);
}

/* --- as bytes: the head, and of each lane in use its pane: a real, or an integer of up to 128 bits --- */

#define WIDE_MOST ((__int128)1 << 122) /* no total of sixteen lanes passes 127 bits */

static void
save_lane(const struct tsn_agg *a, uint32_t group, uint32_t lane, struct tsn_pack *out)
{
	const uint8_t *cell = tsn_cell(&a->store.sums.cells, group);
	__int128 w;
	int64_t v;

	if (a->def->real) {
		tsn_pack_raw(out, cell + HEAD + lane * 8, 8);
		return;
	}
	if (is_compact(a)) {
		w = tsn_compact_lane(a, group, lane);
	} else if (a->store.sums.wide) {
		memcpy(&w, cell + HEAD + lane * 16, sizeof(w));
	} else {
		memcpy(&v, cell + HEAD + lane * 8, sizeof(v));
		w = v;
	}
	tsn_pack_int(out, (int64_t)(w >> 59)); /* 0 or -1 nearly always, whatever the array */
	tsn_pack_uint(out, (uint64_t)w & NARROW_MAX);
}

static bool
load_lane(struct tsn_agg *a, uint32_t group, uint32_t lane, struct tsn_unpack *in)
{
	struct tsn_sums *s = &a->store.sums;
	const uint8_t *raw;
	__int128 w;
	int64_t v;

	if (a->def->real) {
		raw = tsn_unpack_raw(in, 8);
		if (raw != NULL)
			memcpy(tsn_cell(&s->cells, group) + HEAD + lane * 8, raw, 8);
		return raw != NULL;
	}
	w = (__int128)tsn_unpack_int(in) * ((__int128)1 << 59);
	w += (int64_t)tsn_unpack_below(in, NARROW_MAX);
	if (in->bad || w >= WIDE_MOST || w <= -WIDE_MOST)
		return false;
	if (is_compact(a))
		return tsn_compact_put_lane(a, group, lane, w);
	if (!s->wide && (w > (__int128)NARROW_MAX || w < -(__int128)NARROW_MAX) && !widen(a))
		return false;
	v = (int64_t)w;
	if (s->wide) {
		memcpy(tsn_cell(&s->cells, group) + HEAD + lane * 16, &w, sizeof(w));
		return true;
	}
	s->peak = magnitude(v) > s->peak ? magnitude(v) : s->peak;
	memcpy(tsn_cell(&s->cells, group) + HEAD + lane * 8, &v, sizeof(v));
	return true;
}

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const uint64_t head = is_compact(a) ? tsn_compact_head(a, group) : tsn_head_load(tsn_cell(&a->store.sums.cells, group));

	tsn_head_save(head, out);
	for (uint32_t l = 0; l < lanes_of(a); l++)
		if (head >> l & 1)
			save_lane(a, group, l, out);
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	uint64_t head;

	if (!tsn_head_restore(in, lanes_of(a), a->keep, &head))
		return false;
	for (uint32_t l = 0; l < lanes_of(a); l++)
		if ((head >> l & 1) && !load_lane(a, group, l, in))
			return false;
	if (is_compact(a))
		tsn_compact_put_head(a, group, head);
	else
		tsn_head_store(tsn_cell(&a->store.sums.cells, group), head);
	return true;
}

static void
save_avg(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	save(a, group, out);
	tsn_counts_save(&a->store.counts, a, group, out);
}

static bool
load_avg(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	return load(a, group, in) && tsn_counts_load(&a->store.counts, a, group, in);
}

/* Wider panes, and an average's long counts. */
static uint64_t
most(const struct tsn_agg *a)
{
	const uint64_t wider = is_compact(a) ? tsn_compact_most() : a->def->real ? 0 : lanes_of(a) * 8;

	return wider + tsn_counts_most(&a->store.counts);
}

const struct tsn_agg_ops tsn_sum_ops = {
	.most = most, .init = init, .reserve = reserve, .fold = fold_sum, .reset = reset, .fini = fini, .save = save, .load = load,
};
const struct tsn_agg_ops tsn_rate_ops = {
	.most = most, .init = init, .reserve = reserve, .fold = fold_rate, .reset = reset, .fini = fini, .save = save, .load = load,
};
const struct tsn_agg_ops tsn_avg_ops = {
	.most = most,
	.init = init, .reserve = reserve_avg, .fold = fold_avg, .reset = reset_avg, .fini = fini_avg,
	.save = save_avg, .load = load_avg,
};
