/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Standard deviation, of the population. A ring of panes, added up anew for each row, oldest pane first.
 *
 * Integers are exact to the last step. A pane is 32 bytes: the sum of squares in 128 bits, the sum in 80,
 * the count in 48. That a sum fits follows from its squares (Cauchy and Schwarz: sum^2 <= count * squares)
 * up to 2^30 flows a pane; what does not fit is kept as squares that are all ones. A window whose squares add up to 2^128 - 2^64
 * or more (four values of 2^63) has no value.
 *
 * Of reals a pane keeps count, mean and sum of squared distances (Welford 1962), and panes are joined as
 * Chan, Golub and LeVeque, Updating formulae (1979), say: nothing is subtracted that was added, so nothing drifts.
 */
#include <math.h>

#include "state/internal.h"
#include "state/ring.h"

#define HEAD 8u
#define COUNT_BITS 48
#define COUNT_MAX ((UINT64_C(1) << COUNT_BITS) - 1)

typedef unsigned __int128 squares_t;
#define TOO_LARGE (~(squares_t)0)

struct whole {
	squares_t squares;
	uint64_t low;   /* of the sum */
	uint64_t rest;  /* sixteen bits of the sum above it, then the count */
};

struct real {
	double mean, distances;
	uint64_t count;
};

static uint32_t
lanes_of(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 : 16;
}

static uint32_t
width_of(const struct tsn_agg *a)
{
	return a->def->real ? sizeof(struct real) : sizeof(struct whole);
}

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = HEAD + lanes_of(a) * width_of(a);
}

static __int128
sum_of(const struct whole *w)
{
	return (__int128)((int64_t)w->rest >> COUNT_BITS) * ((__int128)1 << 64) + w->low;
}

static void
add_whole(uint8_t *lane, bool fresh, int64_t v)
{
	const uint64_t size = v < 0 ? -(uint64_t)v : (uint64_t)v;
	struct whole w = { 0, 0, 0 };
	uint64_t count;
	__int128 sum;

	if (!fresh)
		memcpy(&w, lane, sizeof(w));
	sum = sum_of(&w) + v;
	count = (w.rest & COUNT_MAX) + 1;
	if (__builtin_add_overflow(w.squares, (squares_t)size * size, &w.squares) || count > COUNT_MAX ||
	    (int64_t)(sum >> 64) != (int16_t)(sum >> 64)) {
		w.squares = TOO_LARGE;
	} else {
		w.low = (uint64_t)sum;
		w.rest = (uint64_t)(sum >> 64) << COUNT_BITS | count;
	}
	memcpy(lane, &w, sizeof(w));
}

static void
add_real(uint8_t *lane, bool fresh, double v)
{
	struct real r = { 0, 0, 0 };
	double off;

	if (!fresh)
		memcpy(&r, lane, sizeof(r));
	off = v - r.mean;
	r.count++;
	r.mean += off / (double)r.count;
	r.distances += off * (v - r.mean);
	memcpy(lane, &r, sizeof(r));
}

/*
 * With m = floor(mean) and r = sum - n m, the squared distances from m are squares - m (sum + r), exactly so
 * modulo 2^128, and those from the mean r^2 / n less. Small ones are taken apart in integers, where that could cancel.
 */
double
tsn_deviation(squares_t squares, __int128 sum, uint64_t n)
{
	__int128 m = sum / (__int128)n, r = sum % (__int128)n;
	squares_t from_m;
	double part;

	if (r < 0) {
		m--;
		r += n;
	}
	from_m = squares - (squares_t)m * (squares_t)(sum + r);
	if (from_m >> 64 == 0)
		return sqrt((double)(from_m * n - (squares_t)r * (squares_t)r)) / (double)n;
	part = (double)r / (double)n;
	return sqrt((double)from_m / (double)n - part * part);
}

static bool
value_whole(const uint8_t *cell, uint32_t view, uint32_t oldest, uint32_t lanes, double *out)
{
	squares_t squares = 0;
	__int128 sum = 0;
	uint64_t n = 0;
	bool fits = true;

	for (; view != 0; view &= view - 1) {
		struct whole w;

		memcpy(&w, cell + HEAD + ((oldest + (uint32_t)__builtin_ctz(view)) & (lanes - 1)) * sizeof(w), sizeof(w));
		fits = fits && !__builtin_add_overflow(squares, w.squares, &squares);
		sum += sum_of(&w);
		n += w.rest & COUNT_MAX;
	}
	fits = fits && (uint64_t)(squares >> 64) != UINT64_MAX;
	if (n == 0 || !fits)
		return false;
	*out = tsn_deviation(squares, sum, n);
	return true;
}

static bool
value_real(const uint8_t *cell, uint32_t view, uint32_t oldest, uint32_t lanes, double *out)
{
	struct real all = { 0, 0, 0 };

	for (; view != 0; view &= view - 1) {
		struct real r;
		double off, n;

		memcpy(&r, cell + HEAD + ((oldest + (uint32_t)__builtin_ctz(view)) & (lanes - 1)) * sizeof(r), sizeof(r));
		off = r.mean - all.mean;
		n = (double)(all.count + r.count);
		all.mean += off * ((double)r.count / n);
		all.distances += r.distances + off * off * ((double)all.count * (double)r.count / n);
		all.count += r.count;
	}
	if (all.count == 0)
		return false;
	*out = sqrt(all.distances / (double)all.count);
	return isfinite(*out);
}

static void
count(struct tsn_agg *a, uint8_t *cell, uint32_t row, uint32_t lanes)
{
	const uint64_t pane = a->pane[row];
	const uint32_t lane = pane & (lanes - 1);
	uint64_t head = tsn_head_load(cell);
	uint8_t *at = cell + HEAD + lane * width_of(a);

	if (tsn_ring_late(head, pane, a->keep)) {
		tsn_mask_set(&a->late, row);
		return;
	}
	head = tsn_ring_advance(head, pane, a->keep, lanes);
	if (a->def->real)
		add_real(at, !(head >> lane & 1), a->arg->f[row]);
	else
		add_whole(at, !(head >> lane & 1), a->arg->i[row]);
	tsn_head_store(cell, head | UINT64_C(1) << lane);
}

/* A cell has several lines, and all of them are read. Inlined always, as base/prefetch.h says. */
static inline __attribute__((always_inline)) void
ahead(const struct tsn_cells *c, uint32_t group)
{
	const uintptr_t cell = (uintptr_t)c->mem + (uintptr_t)group * c->size;

	for (uint32_t at = 0; at < c->size; at += 64)
		__builtin_prefetch((const void *)(cell + at), 1);
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	const uint32_t lanes = lanes_of(a);

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];
		uint32_t view = 0, oldest = 0;
		uint8_t *cell = NULL;

		ahead(&a->store.cells, x->group[i + TSN_AHEAD / 2]);
		if (x->group[i] != TSN_GROUP_NONE) {
			cell = tsn_cell(&a->store.cells, x->group[i]);
			if (tsn_mask_has(&a->takes, row))
				count(a, cell, row, lanes);
			view = tsn_ring_view(tsn_head_load(cell), a->pane[row], a->keep, lanes, a->def->tumbling);
			oldest = tsn_ring_oldest(tsn_head_load(cell), lanes);
		}
		a->out->f[row] = 0;
		if (view == 0 || !(a->def->real ? value_real : value_whole)(cell, view, oldest, lanes, &a->out->f[row]))
			tsn_mask_unset(&a->out->known, row);
	}
	return x->to;
}

/* The head, then each lane that holds something. */
static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const uint8_t *cell = tsn_cell(&a->store.cells, group);
	const uint64_t head = tsn_head_load(cell);

	tsn_pack_uint(out, head);
	for (uint32_t l = 0; l < lanes_of(a); l++) {
		const uint8_t *lane = cell + HEAD + l * width_of(a);
		struct whole w;
		struct real r;

		if (!(head >> l & 1))
			continue;
		if (a->def->real) {
			memcpy(&r, lane, sizeof(r));
			tsn_pack_raw(out, &r.mean, sizeof(r.mean)); /* overflown ones are not finite, and stay so */
			tsn_pack_raw(out, &r.distances, sizeof(r.distances));
			tsn_pack_uint(out, r.count);
		} else {
			memcpy(&w, lane, sizeof(w));
			tsn_pack_uint(out, (uint64_t)w.squares);
			tsn_pack_uint(out, (uint64_t)(w.squares >> 64));
			tsn_pack_uint(out, w.low);
			tsn_pack_uint(out, w.rest);
		}
	}
}

static void
load_lane(const struct tsn_agg *a, uint8_t *lane, struct tsn_unpack *in)
{
	struct whole w;
	struct real r = { 0, 0, 0 };

	if (a->def->real) {
		const uint8_t *p = tsn_unpack_raw(in, 2 * sizeof(double));

		if (p != NULL)
			memcpy(&r, p, 2 * sizeof(double));
		r.count = tsn_unpack_uint(in);
		memcpy(lane, &r, sizeof(r));
	} else {
		w.squares = tsn_unpack_uint(in);
		w.squares |= (squares_t)tsn_unpack_uint(in) << 64;
		w.low = tsn_unpack_uint(in);
		w.rest = tsn_unpack_uint(in);
		memcpy(lane, &w, sizeof(w));
	}
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	uint8_t *cell = tsn_cell(&a->store.cells, group);
	const uint64_t head = tsn_unpack_uint(in);

	for (uint32_t l = 0; l < lanes_of(a); l++)
		if (head >> l & 1)
			load_lane(a, cell + HEAD + l * width_of(a), in);
	if (in->bad || !tsn_ring_valid(head, a->keep, lanes_of(a)))
		return false;
	tsn_head_store(cell, head);
	return true;
}

const struct tsn_agg_ops tsn_stddev_ops = { .init = init, .fold = fold, .save = save, .load = load };
