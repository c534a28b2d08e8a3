/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Conditions inside blocks (vm/dispatch.h): asked about the rows of a mask only, most selective part first, each part
 * a TEST that thousands of rules may share. Leaves are first made in a code of their own that is never run: what
 * instructions they come to there is what the tests are.
 */
#include "compile/emit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define JUMPS_MAX 12 /* tests of a rule that jump to its end: a conjunction is seldom longer */
#define FEW_USES 2   /* a value that so few rules ask for is made by each of them */

/* --- leaves as tests --- */

static uint32_t
aside(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	struct tsn_vcode *now = e->now;
	bool alone = e->alone;
	uint32_t v;

	if (e->side.insn.n == 0 && !tsn_vcode_start(e, &e->side, now->door)) {
		e->now = now;
		return TSN_V_EMPTY;
	}
	e->now = &e->side;
	e->alone = false;
	v = tsn_emit_mask(e, x, want);
	e->now = now;
	e->alone = alone;
	return v;
}

static const struct tsn_vinsn *
aside_insn(const struct tsn_emit *e, uint32_t v)
{
	return (struct tsn_vinsn *)e->side.insn.p + ((struct tsn_vreg *)e->side.vreg.p)[v].def;
}

static bool
of_tests(const struct tsn_emit *e, uint32_t v)
{
	const struct tsn_vinsn *in = aside_insn(e, v);

	if (v == TSN_V_ROWS || v == TSN_V_EMPTY || tsn_op_of_columns(in->op))
		return true;
	return (in->op == TSN_OP_CODE_AND || in->op == TSN_OP_CODE_OR || in->op == TSN_OP_CODE_ANDNOT) &&
	    of_tests(e, in->a) && of_tests(e, in->b);
}

static uint32_t
test(struct tsn_emit *e, enum tsn_opcode op, uint32_t from, const struct tsn_vinsn *in)
{
	struct tsn_insn t;

	memset(&t, 0, sizeof(t)); /* no padding to tell equal ones apart */
	t.op = in->op;
	t.a = in->a;
	t.b = in->b;
	t.c = in->c;
	return tsn_emit_mask_op(e, op, from, tsn_pool_put(e, &e->tests, &t), 0);
}

/* Rows of [from] that are in what was made aside. */
static uint32_t
sink(struct tsn_emit *e, uint32_t from, uint32_t v)
{
	const struct tsn_vinsn in = *aside_insn(e, v);

	if (v == TSN_V_ROWS || from == TSN_V_EMPTY)
		return from;
	if (v == TSN_V_EMPTY)
		return v;
	if (tsn_op_of_columns(in.op))
		return test(e, TSN_OP_CODE_TEST, from, &in);
	if (in.op == TSN_OP_CODE_AND)
		return sink(e, sink(e, from, in.a), in.b);
	if (in.op == TSN_OP_CODE_OR)
		return tsn_emit_or(e, sink(e, from, in.a), sink(e, from, in.b));
	from = sink(e, from, in.a);
	if (from != TSN_V_EMPTY && tsn_op_of_columns(aside_insn(e, in.b)->op))
		return test(e, TSN_OP_CODE_TEST_NOT, from, aside_insn(e, in.b));
	return tsn_emit_andnot(e, from, sink(e, from, in.b));
}

/* --- leaves that compare values --- */

/* Has it a condition inside, whose mask would be found again where it is not made? */
static bool
chooses(const struct tsn_ir *x)
{
	if (x->kind == TSN_IR_CHOOSE)
		return true;
	for (uint32_t i = 0; i < x->nkids; i++)
		if (chooses(x->kid[i]))
			return true;
	return false;
}

/* Is it made before all blocks, in each batch? */
static bool
is_made_before(const struct tsn_emit *e, const struct tsn_ir *x)
{
	return e->uses[x->id] > FEW_USES || chooses(x);
}

void
tsn_emit_before_blocks(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	if (e->failed)
		return;
	if (x->kind == TSN_IR_NOT) {
		tsn_emit_before_blocks(e, x->kid[0], !want);
	} else if (!tsn_ir_is_leaf(x)) {
		for (uint32_t i = 0; i < x->nkids; i++)
			tsn_emit_before_blocks(e, x->kid[i], want);
	} else if (is_made_before(e, x) && !of_tests(e, aside(e, x, want))) {
		tsn_emit_mask(e, x, want);
	}
}

static uint32_t
leaf(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x, bool want)
{
	uint32_t v = aside(e, x, want);
	const char *note = e->note;

	if (e->failed)
		return TSN_V_EMPTY;
	e->note = x->canon;
	if (of_tests(e, v)) {
		v = sink(e, from, v);
	} else if (is_made_before(e, x)) {
		v = tsn_emit_and(e, from, tsn_emit_mask(e, x, want));
	} else {
		e->alone = true;
		v = tsn_emit_leaf(e, x, want);
		e->alone = false;
		v = tsn_emit_and(e, from, v);
	}
	e->note = note;
	return v;
}

/* --- conjunctions and disjunctions --- */

struct part {
	const struct tsn_ir *x;
	bool want;
	uint32_t share; /* of the rows for which it is true, in millionths; more for what is dear to ask */
};

static void
add_part(struct tsn_emit *e, void *arg, const struct tsn_ir *x, bool want)
{
	struct part *p = tsn_vec_add(e, arg, sizeof(*p));

	if (p != NULL)
		*p = (struct part){ x, want, tsn_emit_share(x, want) };
}

static int
by_share(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->share != y->share)
		return x->share < y->share ? -1 : 1;
	return x->x->id < y->x->id ? -1 : x->x->id > y->x->id;
}

uint32_t
tsn_emit_test_at(const struct tsn_emit *e, uint32_t v)
{
	uint32_t at = e->failed ? 0 : ((struct tsn_vreg *)e->now->vreg.p)[v].def;
	const struct tsn_vinsn *in = (struct tsn_vinsn *)e->now->insn.p + at;

	if (e->failed || at + 1 != tsn_emit_here(e) || (in->op != TSN_OP_CODE_TEST && in->op != TSN_OP_CODE_TEST_NOT))
		return TSN_V_NONE;
	return at;
}

/* A test just made ends the rule where it leaves no row; where to is filled in by tsn_emit_jumps_end. */
static void
note_jump(struct tsn_emit *e, uint32_t v)
{
	uint32_t at = tsn_emit_test_at(e, v), *slot;

	if (at != TSN_V_NONE && e->jumps.n < JUMPS_MAX && (slot = tsn_vec_add(e, &e->jumps, sizeof(*slot))) != NULL)
		*slot = at;
}

void
tsn_emit_jumps_end(struct tsn_emit *e)
{
	const uint32_t *at = e->jumps.p;

	for (size_t i = 0; i < e->jumps.n && !e->failed; i++)
		((struct tsn_vinsn *)e->now->insn.p)[at[i]].c = tsn_emit_here(e);
	e->jumps.n = 0;
}

static uint32_t
conjunction(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x, bool want, bool whole)
{
	struct tsn_vec parts = { NULL, 0, 0 };
	struct part *p;

	tsn_emit_walk(e);
	tsn_emit_parts(e, x, want, add_part, &parts);
	p = parts.p;
	if (parts.n > 1)
		qsort(p, parts.n, sizeof(*p), by_share);
	for (size_t i = 0; i < parts.n && !e->failed && from != TSN_V_EMPTY; i++) {
		if (whole && tsn_emit_is_met(e, p[i].x, p[i].want))
			continue;
		from = tsn_emit_under(e, from, p[i].x, p[i].want);
		if (whole)
			note_jump(e, from);
	}
	tsn_free(parts.p);
	return from;
}

uint32_t
tsn_emit_under(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x, bool want)
{
	uint32_t any = TSN_V_EMPTY;

	if (e->failed || from == TSN_V_EMPTY)
		return TSN_V_EMPTY;
	if (x->kind == TSN_IR_NOT)
		return tsn_emit_under(e, from, x->kid[0], !want);
	if (tsn_ir_is_leaf(x))
		return leaf(e, from, x, want);
	if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR))
		return conjunction(e, from, x, want, false);
	for (uint32_t i = 0; i < x->nkids; i++)
		any = tsn_emit_or(e, any, tsn_emit_under(e, from, x->kid[i], want));
	return any;
}

uint32_t
tsn_emit_under_block(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x)
{
	return conjunction(e, from, x, true, true);
}
