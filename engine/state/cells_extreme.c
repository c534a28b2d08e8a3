/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Smallest and largest: a ring of panes, each the smallest of its pane. Reals
 * are kept as integers of the same order, and the largest is the smallest of
 * the complements, so that there is one way to do it.
 */
#include "state/internal.h"
#include "state/ring.h"

#define HEAD 8u

static uint32_t
lanes_of(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 : 16;
}

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = HEAD + lanes_of(a) * 8;
}

/* IEEE 754 numbers order as integers once negative ones have their magnitude inverted; its own inverse. */
static int64_t
order(int64_t bits)
{
	return bits < 0 ? bits ^ INT64_MAX : bits;
}

/* [arg->i] also holds the bits of reals: it shares their memory. */
static int64_t
encode(const struct tsn_agg *a, uint32_t row)
{
	int64_t v = a->def->real ? order(a->arg->i[row]) : a->arg->i[row];

	return a->def->fn == TSN_AGG_MAX ? ~v : v;
}

static int64_t
decode(const struct tsn_agg *a, int64_t v)
{
	v = a->def->fn == TSN_AGG_MAX ? ~v : v;
	return a->def->real ? order(v) : v;
}

static int64_t
load(const uint8_t *cell, uint32_t lane)
{
	int64_t v;

	memcpy(&v, cell + HEAD + lane * 8, sizeof(v));
	return v;
}

static void
count(struct tsn_agg *a, uint8_t *cell, uint32_t row, uint32_t lanes)
{
	uint64_t head = tsn_head_load(cell), pane = a->pane[row];
	uint32_t lane = pane & (lanes - 1);
	int64_t v = encode(a, row);

	if (tsn_ring_late(head, pane, a->keep)) {
		tsn_mask_set(&a->late, row);
		return;
	}
	head = tsn_ring_advance(head, pane, a->keep, lanes);
	if (!(head >> lane & 1) || v < load(cell, lane))
		memcpy(cell + HEAD + lane * 8, &v, sizeof(v));
	tsn_head_store(cell, head | UINT64_C(1) << lane);
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	const uint32_t lanes = lanes_of(a);

	for (uint32_t i = x->from; i < x->to; i++) {
		uint32_t row = x->row[i], view = 0, oldest = 0;
		uint8_t *cell = NULL;
		int64_t best = INT64_MAX, v;

		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		if (x->group[i] != TSN_GROUP_NONE) {
			cell = tsn_cell(&a->store.cells, x->group[i]);
			if (tsn_mask_has(&a->takes, row))
				count(a, cell, row, lanes);
			view = tsn_ring_view(tsn_head_load(cell), a->pane[row], a->keep, lanes, a->def->tumbling);
			oldest = tsn_ring_oldest(tsn_head_load(cell), lanes);
		}
		if (view == 0)
			tsn_mask_unset(&a->out->known, row);
		for (; view != 0; view &= view - 1) {
			v = load(cell, (oldest + (uint32_t)__builtin_ctz(view)) & (lanes - 1));
			best = v < best ? v : best;
		}
		a->out->i[row] = decode(a, best);
	}
	return x->to;
}

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const uint8_t *cell = tsn_cell(&a->store.cells, group);
	const uint64_t head = tsn_head_load(cell);

	tsn_head_save(head, out);
	for (uint32_t l = 0; l < lanes_of(a); l++)
		if (head >> l & 1)
			tsn_pack_int(out, load(cell, l));
}

static bool
restore(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	uint8_t *cell = tsn_cell(&a->store.cells, group);
	uint64_t head;

	if (!tsn_head_restore(in, lanes_of(a), a->keep, &head))
		return false;
	for (uint32_t l = 0; l < lanes_of(a); l++) {
		int64_t v;

		if (!(head >> l & 1))
			continue;
		v = tsn_unpack_int(in);
		memcpy(cell + HEAD + l * 8, &v, sizeof(v));
	}
	tsn_head_store(cell, head);
	return !in->bad;
}

const struct tsn_agg_ops tsn_extreme_ops = { .init = init, .fold = fold, .save = save, .load = restore };
