/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * First sightings. FRESH keeps when a group was seen last and is 1 for the row before which that was never, or
 * longer than the window ago; an older row is no first sight and does not move the time back. SINCE keeps
 * the time of the first row of all. Both to the millisecond, without panes. A cell is one time, turned so
 * that 0 is none.
 */
#include "base/clock.h"
#include "state/internal.h"

#define LONG_AGO (INT64_MIN / 4)

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = sizeof(uint64_t);
}

static uint64_t
load(const struct tsn_agg *a, uint32_t group)
{
	uint64_t v;

	memcpy(&v, tsn_cell(&a->store.cells, group), sizeof(v));
	return v;
}

static void
store(struct tsn_agg *a, uint32_t group, uint64_t v)
{
	memcpy(tsn_cell(&a->store.cells, group), &v, sizeof(v));
}

/* Times as numbers of the same order; the earliest of all shares its number with the next. */
static uint64_t
turn(int64_t time)
{
	const uint64_t v = (uint64_t)time ^ UINT64_C(1) << 63;

	return v == 0 ? 1 : v;
}

static int64_t
turn_back(uint64_t v)
{
	return (int64_t)(v ^ UINT64_C(1) << 63);
}

static const int64_t *
times(const struct tsn_agg *a, const struct tsn_batch *b)
{
	return a->def->by_received ? b->received : b->time;
}

static uint32_t
fold_fresh(struct tsn_agg *a, struct tsn_fold *x)
{
	const int64_t *time = times(a, x->batch);
	const uint64_t window = (uint64_t)a->def->window_ms;

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];
		const uint64_t now = turn(time[row]);
		uint64_t last;

		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		a->out->i[row] = 0;
		if (x->group[i] == TSN_GROUP_NONE || !tsn_mask_has(&a->takes, row))
			continue;
		last = load(a, x->group[i]);
		if (now <= last)
			continue;
		a->out->i[row] = last == 0 || now - last > window;
		store(a, x->group[i], now);
	}
	return x->to;
}

static uint32_t
fold_since(struct tsn_agg *a, struct tsn_fold *x)
{
	const int64_t *time = times(a, x->batch);

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i], group = x->group[i];
		uint64_t first = 0;

		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		if (group != TSN_GROUP_NONE) {
			first = load(a, group);
			if (first == 0 && tsn_mask_has(&a->takes, row))
				store(a, group, first = turn(time[row]));
		}
		a->out->i[row] = x->learned ? LONG_AGO : turn_back(first);
		if (first == 0 && !x->learned)
			tsn_mask_unset(&a->out->known, row);
	}
	return x->to;
}

void
tsn_since_begin(struct tsn_agg *a, uint32_t group, const struct tsn_batch *b)
{
	if (load(a, group) == 0)
		store(a, group, turn(times(a, b)[0]));
}

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	tsn_pack_uint(out, load(a, group));
}

static bool
restore(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	store(a, group, tsn_unpack_uint(in));
	return !in->bad;
}

/* A group has learned enough when its newest row is a window behind its first. */
static void
learning(const struct tsn_family *f, const struct tsn_agg *a, struct tsn_learning *out)
{
	int64_t until = INT64_MAX, ready;

	for (uint32_t part = 0; part < f->store.nparts; part++)
		for (uint32_t k = 0; k < f->store.part[part].n; k++) {
			const uint32_t group = tsn_number(&f->store, part, k);
			const uint64_t first = group < a->store.cells.cap ? load(a, group) : 0;

			if (first == 0)
				continue;
			out->groups++;
			if (__builtin_add_overflow(turn_back(first), a->def->window_ms, &ready))
				ready = INT64_MAX;
			out->ready += tsn_group_at(&f->store, group)->newest >= ready;
			until = ready < until ? ready : until;
		}
	if (out->groups > 0 && out->ready == 0)
		out->until = until;
}

const struct tsn_agg_ops tsn_fresh_ops = {
	.init = init, .fold = fold_fresh, .exact = true, .save = save, .load = restore,
};
const struct tsn_agg_ops tsn_since_ops = {
	.init = init, .fold = fold_since, .exact = true, .save = save, .load = restore, .learning = learning,
};
