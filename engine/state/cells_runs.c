/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The bytes of runs; see runs.h. */
#include "state/runs.h"

#include "state/internal.h"

#define NARROW 24u
#define WIDE 64u

/*
 *   narrow   time 8, src 4, dst 4, exporter 4, dst_port 2, proto 1, has 1
 *   wide     time 8, src 16, dst 16, exporter 16, dst_port 2, proto 1, has 1, 4 unused; IPv4 as ::ffff:a.b.c.d
 */
struct narrow {
	int64_t time;
	uint32_t addr[3];
	uint16_t dst_port;
	uint8_t proto, has;
};

struct wide {
	int64_t time;
	uint8_t addr[3][16];
	uint16_t dst_port;
	uint8_t proto, has;
};

_Static_assert(sizeof(struct narrow) == NARROW && sizeof(struct wide) == WIDE, "as drawn");

static const uint8_t addr_bit[3] = { TSN_HOP_SRC, TSN_HOP_DST, TSN_HOP_EXPORTER };

static uint32_t
first_hop(uint32_t step)
{
	return step * (step + 1) / 2;
}

/* Runs that a group keeps; one even of a sequence of a single step, so that cells have a size. */
static uint32_t
runs(const struct tsn_agg *a)
{
	return a->family->def.nsteps > 2 ? a->family->def.nsteps - 1 : 1;
}

static uint32_t
hops(const struct tsn_agg *a)
{
	return first_hop(runs(a));
}

static bool
is_wide(const struct tsn_agg *a)
{
	return a->store.cells.size == hops(a) * WIDE;
}

static uint8_t *
hop_at(const struct tsn_agg *a, uint32_t group, uint32_t hop)
{
	return tsn_cell(&a->store.cells, group) + (size_t)hop * (is_wide(a) ? WIDE : NARROW);
}

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = hops(a) * NARROW;
}

static void
encode(bool wide, uint8_t *to, const struct tsn_hop *h)
{
	const struct tsn_addr *addr[3] = { &h->src, &h->dst, &h->exporter };
	struct narrow n = { .time = h->time, .dst_port = h->dst_port, .proto = h->proto, .has = h->has };
	struct wide w = { .time = h->time, .dst_port = h->dst_port, .proto = h->proto, .has = h->has };

	for (uint32_t i = 0; i < 3; i++) {
		if (!(h->has & addr_bit[i]))
			continue;
		if (wide)
			tsn_addr_to_v6(*addr[i], w.addr[i]);
		else
			n.addr[i] = (uint32_t)addr[i]->lo;
	}
	if (wide)
		memcpy(to, &w, sizeof(w));
	else
		memcpy(to, &n, sizeof(n));
}

static void
decode(bool wide, const uint8_t *from, struct tsn_hop *h)
{
	struct tsn_addr addr[3];
	struct narrow n = { 0 };
	struct wide w = { 0 };

	if (wide)
		memcpy(&w, from, sizeof(w));
	else
		memcpy(&n, from, sizeof(n));
	for (uint32_t i = 0; i < 3; i++)
		addr[i] = wide ? tsn_addr_from_v6(w.addr[i]) : tsn_addr_v4(n.addr[i]);
	*h = (struct tsn_hop){ .time = wide ? w.time : n.time, .src = addr[0], .dst = addr[1], .exporter = addr[2],
		.dst_port = wide ? w.dst_port : n.dst_port, .proto = wide ? w.proto : n.proto,
		.has = wide ? w.has : n.has };
}

static bool
addr_of(const struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_addr *out)
{
	if (!tsn_mask_has(&b->present[f], row))
		return false;
	*out = tsn_batch_addr(b, row, f);
	return true;
}

void
tsn_hop_of(struct tsn_hop *h, const struct tsn_batch *b, uint32_t row)
{
	*h = (struct tsn_hop){ .time = b->time[row], .has = TSN_HOP_USED };
	if (addr_of(b, row, TSN_F_SRC, &h->src))
		h->has |= TSN_HOP_SRC;
	if (addr_of(b, row, TSN_F_DST, &h->dst))
		h->has |= TSN_HOP_DST;
	if (addr_of(b, row, TSN_F_EXPORTER, &h->exporter))
		h->has |= TSN_HOP_EXPORTER;
	if (tsn_mask_has(&b->present[TSN_F_DST_PORT], row)) {
		h->dst_port = ((const uint16_t *)b->col[TSN_F_DST_PORT])[row];
		h->has |= TSN_HOP_PORT;
	}
	if (tsn_mask_has(&b->present[TSN_F_PROTO], row)) {
		h->proto = ((const uint8_t *)b->col[TSN_F_PROTO])[row];
		h->has |= TSN_HOP_PROTO;
	}
}

static bool
is_v6(const struct tsn_hop *h)
{
	return ((h->has & TSN_HOP_SRC) && !h->src.v4) || ((h->has & TSN_HOP_DST) && !h->dst.v4) ||
	    ((h->has & TSN_HOP_EXPORTER) && !h->exporter.v4);
}

bool
tsn_runs_widen(struct tsn_agg *a, const struct tsn_hop *h)
{
	struct tsn_cells *old = &a->store.cells, new = { .size = hops(a) * WIDE };
	struct tsn_hop hop;

	if (is_wide(a) || !is_v6(h))
		return true;
	if (!tsn_cells_room(&new, old->cap))
		return false;
	for (uint32_t g = 0; g < old->cap; g++)
		for (uint32_t i = 0; i < hops(a); i++) {
			decode(false, hop_at(a, g, i), &hop);
			if (hop.has != 0)
				encode(true, tsn_cell(&new, g) + (size_t)i * WIDE, &hop);
		}
	tsn_cells_free(old);
	*old = new;
	return true;
}

static int64_t
time_at(const struct tsn_agg *a, uint32_t group, uint32_t hop)
{
	int64_t t;

	memcpy(&t, hop_at(a, group, hop), sizeof(t));
	return t;
}

bool
tsn_run_there(const struct tsn_agg *a, uint32_t group, uint32_t step)
{
	const uint8_t *hop = hop_at(a, group, first_hop(step));

	return (is_wide(a) ? hop[offsetof(struct wide, has)] : hop[offsetof(struct narrow, has)]) != 0;
}

int64_t
tsn_run_start(const struct tsn_agg *a, uint32_t group, uint32_t step)
{
	return time_at(a, group, first_hop(step));
}

int64_t
tsn_run_met(const struct tsn_agg *a, uint32_t group, uint32_t step)
{
	return time_at(a, group, first_hop(step) + step);
}

void
tsn_run_extend(struct tsn_agg *a, uint32_t group, uint32_t step, const struct tsn_hop *h)
{
	if (step > 0)
		memcpy(hop_at(a, group, first_hop(step)), hop_at(a, group, first_hop(step - 1)),
		    (size_t)step * (is_wide(a) ? WIDE : NARROW));
	encode(is_wide(a), hop_at(a, group, first_hop(step) + step), h);
}

void
tsn_run_get(const struct tsn_agg *a, uint32_t group, uint32_t step, struct tsn_hop *out)
{
	for (uint32_t i = 0; i <= step; i++)
		decode(is_wide(a), hop_at(a, group, first_hop(step) + i), &out[i]);
}

/* A sequence is folded by its steps; asked otherwise it has no value. */
static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	for (uint32_t i = x->from; i < x->to; i++)
		tsn_mask_unset(&a->out->known, x->row[i]);
	return x->to;
}

static void
save_addr(struct tsn_pack *out, struct tsn_addr a)
{
	tsn_pack_bool(out, a.v4);
	if (!a.v4)
		tsn_pack_uint(out, a.hi);
	tsn_pack_uint(out, a.lo);
}

static struct tsn_addr
load_addr(struct tsn_unpack *in)
{
	struct tsn_addr a = { 0, 0, tsn_unpack_bool(in) };

	a.hi = a.v4 ? 0 : tsn_unpack_uint(in);
	a.lo = a.v4 ? tsn_unpack_below(in, UINT32_MAX) : tsn_unpack_uint(in);
	return a;
}

static void
save_hop(struct tsn_pack *out, const struct tsn_hop *h)
{
	const struct tsn_addr *addr[3] = { &h->src, &h->dst, &h->exporter };

	tsn_pack_uint(out, h->has);
	tsn_pack_int(out, h->time);
	for (uint32_t i = 0; i < 3; i++)
		if (h->has & addr_bit[i])
			save_addr(out, *addr[i]);
	if (h->has & TSN_HOP_PORT)
		tsn_pack_uint(out, h->dst_port);
	if (h->has & TSN_HOP_PROTO)
		tsn_pack_uint(out, h->proto);
}

static void
load_hop(struct tsn_unpack *in, struct tsn_hop *h)
{
	struct tsn_addr *addr[3] = { &h->src, &h->dst, &h->exporter };

	*h = (struct tsn_hop){ .has = (uint8_t)tsn_unpack_below(in, 2 * TSN_HOP_PROTO - 1) };
	h->time = tsn_unpack_int(in);
	for (uint32_t i = 0; i < 3; i++)
		if (h->has & addr_bit[i])
			*addr[i] = load_addr(in);
	if (h->has & TSN_HOP_PORT)
		h->dst_port = (uint16_t)tsn_unpack_below(in, UINT16_MAX);
	if (h->has & TSN_HOP_PROTO)
		h->proto = (uint8_t)tsn_unpack_below(in, UINT8_MAX);
}

/* Which runs there are, one bit each, and their hops. */
static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	struct tsn_hop hop[TSN_STEPS_MAX];
	uint32_t there = 0;

	for (uint32_t step = 0; step < runs(a); step++)
		there |= (uint32_t)tsn_run_there(a, group, step) << step;
	tsn_pack_uint(out, there);
	for (uint32_t step = 0; step < runs(a); step++) {
		if (!(there >> step & 1))
			continue;
		tsn_run_get(a, group, step, hop);
		for (uint32_t i = 0; i <= step; i++)
			save_hop(out, &hop[i]);
	}
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	const uint32_t there = (uint32_t)tsn_unpack_below(in, (UINT32_C(1) << runs(a)) - 1);
	struct tsn_hop hop;
	int64_t last;

	for (uint32_t step = 0; step < runs(a); step++) {
		last = INT64_MIN;
		for (uint32_t i = 0; (there >> step & 1) && i <= step; i++) {
			load_hop(in, &hop);
			if (in->bad || !(hop.has & TSN_HOP_USED) || hop.time < last || !tsn_runs_widen(a, &hop))
				return false;
			last = hop.time;
			encode(is_wide(a), hop_at(a, group, first_hop(step) + i), &hop);
		}
	}
	return !in->bad;
}

/* What is made of a cell when the array gets wide. */
static uint64_t
most(const struct tsn_agg *a)
{
	return hops(a) * (uint64_t)(WIDE - NARROW);
}

const struct tsn_agg_ops tsn_sequence_ops = {
	.init = init, .most = most, .fold = fold, .exact = true, .save = save, .load = load, .notes = tsn_steps_notes,
};
