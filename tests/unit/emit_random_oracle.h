/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Whether one row meets a condition, and has part in a rule: plainly from the rulings. */
#ifndef TESTS_EMIT_RANDOM_ORACLE_H
#define TESTS_EMIT_RANDOM_ORACLE_H

#include "unit/emit_random_numbers.h"

static int cached_truth[NODES * 8];
static uint64_t truth_stamp[NODES * 8];

static int
order(struct number a, struct number b)
{
	/* an 80-bit real holds any integer of 64 bits and any double exactly */
	long double x = a.real ? (long double)a.f : (long double)a.i, y = b.real ? (long double)b.f : (long double)b.i;

	return x < y ? -1 : x > y;
}

static int
related(int order_, enum tsn_rel rel)
{
	switch (rel) {
	case TSN_REL_EQ: return order_ == 0;
	case TSN_REL_NE: return order_ != 0;
	case TSN_REL_LT: return order_ < 0;
	case TSN_REL_LE: return order_ <= 0;
	case TSN_REL_GT: return order_ > 0;
	default: return order_ >= 0;
	}
}

static bool
has_tumbling(const struct tsn_ir *x)
{
	if (x->kind == TSN_IR_AGG)
		return x->agg->tumbling;
	for (uint32_t i = 0; i < x->nkids; i++)
		if (x->kid[i]->stateful && has_tumbling(x->kid[i]))
			return true;
	return false;
}

/* For a flow, a comparison on a `per` window is true when it can only stay so, and else not yet known. */
static int
as_a_flow_sees(const struct tsn_ir *x, int t)
{
	bool left = has_tumbling(x->kid[0]), right = has_tumbling(x->kid[1]);
	const struct tsn_ir *agg = left ? x->kid[0] : x->kid[1];

	if (!left && !right)
		return t;
	while (agg->kind == TSN_IR_TO_REAL)
		agg = agg->kid[0];
	if (t != 1 || (left && right) || agg->kind != TSN_IR_AGG)
		return -1;
	if (agg->agg->fn != TSN_AGG_COUNT && agg->agg->fn != TSN_AGG_DISTINCT && agg->agg->fn != TSN_AGG_MAX)
		return -1;
	if (left)
		return x->rel == TSN_REL_GT || x->rel == TSN_REL_GE ? 1 : -1;
	return x->rel == TSN_REL_LT || x->rel == TSN_REL_LE ? 1 : -1;
}

static int
compared(const struct tsn_ir *x)
{
	const struct tsn_ir *a = x->kid[0], *b = x->kid[1];
	struct tsn_value v, w;
	struct number m, n;
	bool same;

	if (a->kind == TSN_IR_FIELD && (tsn_fields[a->field].storage == TSN_ADDR || tsn_fields[a->field].storage == TSN_STR)) {
		tsn_batch_get(batch, row, (enum tsn_field)a->field, &v);
		if (b->kind == TSN_IR_FIELD)
			tsn_batch_get(batch, row, (enum tsn_field)b->field, &w);
		else
			w = (struct tsn_value){ .known = true };
		if (!v.known || !w.known)
			return -1;
		if (tsn_fields[a->field].storage == TSN_ADDR) {
			if (b->kind == TSN_IR_FIELD)
				w.addr = tsn_addr_mask(w.addr, b->v4_bits, b->v6_bits);
			else
				w.addr = b->addr;
			same = tsn_addr_cmp(tsn_addr_mask(v.addr, a->v4_bits, a->v6_bits), w.addr) == 0;
		} else {
			if (b->kind != TSN_IR_FIELD)
				w.s = (struct tsn_str){ b->text, b->len };
			same = v.s.n == w.s.n && memcmp(v.s.p, w.s.p, v.s.n) == 0;
		}
		return same == (x->rel == TSN_REL_EQ);
	}
	m = number(a);
	n = number(b);
	if (!m.known || !n.known)
		return as_a_flow_sees(x, -1);
	return as_a_flow_sees(x, related(order(m, n), x->rel));
}

/* The patterns are ^a, b+c and a text that PCRE2 gives up on. */
static int
matched(const struct tsn_ir *x)
{
	struct tsn_value v;

	tsn_batch_get(batch, row, (enum tsn_field)x->kid[0]->field, &v);
	if (!v.known)
		return -1;
	if (x->regex == 0)
		return v.s.n > 0 && v.s.p[0] == 'a';
	if (x->regex == 1)
		return memmem(v.s.p, v.s.n, "bc", 2) != NULL;
	return v.s.n > 30 ? -1 : v.s.n == 0 || memmem(v.s.p, v.s.n, "b", 1) != NULL || v.s.p[0] == 'a';
}

static int
member(const struct tsn_ir *x)
{
	const struct tsn_ir *of = x->kid[0];
	struct tsn_value v, w;

	if (of->kind == TSN_IR_TUPLE) {
		tsn_batch_get(batch, row, TSN_F_SRC, &v);
		tsn_batch_get(batch, row, TSN_F_IN_IF, &w);
		if (!v.known || !w.known)
			return -1;
		return v.addr.v4 && v.addr.lo == 0x0a000001 && (w.i == 1 || w.i == 2);
	}
	tsn_batch_get(batch, row, (enum tsn_field)of->field, &v);
	if (!v.known)
		return -1;
	if (tsn_fields[of->field].storage == TSN_ADDR)
		return tsn_set_has_addr(g->set[x->set], tsn_addr_mask(v.addr, of->v4_bits, of->v6_bits));
	if (tsn_fields[of->field].storage == TSN_STR)
		return tsn_set_has_str(g->set[x->set], v.s.p, v.s.n);
	return tsn_set_has_int(g->set[x->set], v.i);
}

static int
truth_now(const struct tsn_ir *x)
{
	struct tsn_value v;
	struct number n;
	int t, low = 1, high = 0;
	bool open = false;

	switch (x->kind) {
	case TSN_IR_TRUE: return 1;
	case TSN_IR_FALSE: return 0;
	case TSN_IR_UNKNOWN: return -1;
	case TSN_IR_NOT:
		t = truth(x->kid[0]);
		return t < 0 ? t : !t;
	case TSN_IR_AND:
	case TSN_IR_OR:
		for (uint32_t i = 0; i < x->nkids; i++) {
			t = truth(x->kid[i]);
			open |= t < 0;
			low &= t != 0;
			high |= t == 1;
		}
		if (x->kind == TSN_IR_AND)
			return !low ? 0 : open ? -1 : 1;
		return high ? 1 : open ? -1 : 0;
	case TSN_IR_HAS:
		if (x->kid[0]->kind == TSN_IR_FIELD) {
			tsn_batch_get(batch, row, (enum tsn_field)x->kid[0]->field, &v);
			return v.known;
		}
		return number(x->kid[0]).known;
	case TSN_IR_COMPARE: return compared(x);
	case TSN_IR_FLAGS_HAS:
		n = number(x->kid[0]);
		return n.known ? (n.i & x->i) == x->i : -1;
	case TSN_IR_IN: return member(x);
	case TSN_IR_IN_PREFIX:
		tsn_batch_get(batch, row, (enum tsn_field)x->kid[0]->field, &v);
		return v.known ? tsn_prefix_has(x->prefix, tsn_addr_mask(v.addr, x->kid[0]->v4_bits, x->kid[0]->v6_bits)) : -1;
	default: return matched(x);
	}
}

static int
truth(const struct tsn_ir *x)
{
	if (truth_stamp[x->id] != tick) {
		cached_truth[x->id] = truth_now(x);
		truth_stamp[x->id] = tick;
	}
	return cached_truth[x->id];
}

/* --- having part in a rule --- */

struct part {
	uint64_t keys;
	bool any;      /* has aggregates */
	bool has;      /* the row has part */
};

static void
part_keys(const struct tsn_ir *x, struct part *p)
{
	if (x->kind == TSN_IR_AGG) {
		const struct naive_agg *a = &naive[x->id];

		p->any = true;
		p->has |= counted(x, &a->rows[a->n - 1]);
		for (unsigned i = 0; i < x->agg->key.n; i++)
			p->keys |= UINT64_C(1) << x->agg->key.part[i].field;
		for (unsigned i = 0; i < x->agg->at.n; i++)
			p->keys |= UINT64_C(1) << x->agg->at.part[i].field;
		return;
	}
	for (uint32_t i = 0; i < x->nkids; i++)
		part_keys(x->kid[i], p);
}

static bool
other_field(const struct tsn_ir *x, uint64_t keys)
{
	if (x->kind == TSN_IR_FIELD)
		return !(keys >> x->field & 1);
	for (uint32_t i = 0; i < x->nkids; i++)
		if (other_field(x->kid[i], keys))
			return true;
	return false;
}

static void
part_tests(const struct tsn_ir *x, bool want, struct part *p)
{
	if (x->kind == TSN_IR_NOT) {
		part_tests(x->kid[0], !want, p);
	} else if (x->kind == TSN_IR_AND || x->kind == TSN_IR_OR) {
		for (uint32_t i = 0; i < x->nkids; i++)
			part_tests(x->kid[i], want, p);
	} else if (!x->stateful && other_field(x, p->keys)) {
		p->has |= truth(x) == want;
	}
}

/* Every aggregate sees every row, whether or not a condition comes to it. */
static void
see_all(const struct tsn_ir *x)
{
	if (!x->stateful)
		return;
	if (x->kind == TSN_IR_AGG) {
		see_all(x->agg->where);
		for (uint32_t i = 0; i < x->agg->nsteps; i++)
			see_all(x->agg->step[i].where);
		if (x->agg->arg != NULL)
			see_all(x->agg->arg);
		number(x);
	}
	for (uint32_t i = 0; i < x->nkids; i++)
		see_all(x->kid[i]);
}

static bool
matches(const struct tsn_ir_rule *r)
{
	struct part p = { 0, false, false };

	part_keys(r->when, &p);
	part_tests(r->when, true, &p);
	return truth(r->when) == 1 && (!p.any || p.has) && truth(r->except) != 1;
}

#endif
