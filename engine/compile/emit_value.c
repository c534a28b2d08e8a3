/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "compile/emit.h"

#include <string.h>

#define TWO_63 9223372036854775808.0

enum tsn_rel
tsn_rel_not(enum tsn_rel rel)
{
	static const enum tsn_rel not[] = {
		[TSN_REL_EQ] = TSN_REL_NE, [TSN_REL_NE] = TSN_REL_EQ, [TSN_REL_LT] = TSN_REL_GE,
		[TSN_REL_GE] = TSN_REL_LT, [TSN_REL_GT] = TSN_REL_LE, [TSN_REL_LE] = TSN_REL_GT,
	};
	return not[rel];
}

enum tsn_rel
tsn_rel_swap(enum tsn_rel rel)
{
	static const enum tsn_rel swap[] = {
		[TSN_REL_EQ] = TSN_REL_EQ, [TSN_REL_NE] = TSN_REL_NE, [TSN_REL_LT] = TSN_REL_GT,
		[TSN_REL_GT] = TSN_REL_LT, [TSN_REL_LE] = TSN_REL_GE, [TSN_REL_GE] = TSN_REL_LE,
	};
	return swap[rel];
}

int
tsn_rel_of_real(enum tsn_rel *rel, double c, int64_t *i)
{
	bool up = *rel == TSN_REL_LT || *rel == TSN_REL_LE || *rel == TSN_REL_NE;
	int64_t whole;

	if (c >= TWO_63)
		return up ? 2 : 0;
	if (!(c >= -TWO_63))
		return up && *rel != TSN_REL_NE ? 0 : *rel == TSN_REL_EQ ? 0 : 2;
	whole = (int64_t)c;
	*i = whole;
	if ((double)whole == c)
		return 1;
	/* between two integers: [floor] lies below, floor + 1 above; no integer is equal */
	if (c < 0)
		*i = whole - 1;
	switch (*rel) {
	case TSN_REL_EQ:
		return 0;
	case TSN_REL_NE:
		return 2;
	case TSN_REL_LT:
	case TSN_REL_LE:
		*rel = TSN_REL_LE;
		return 1;
	case TSN_REL_GT:
	case TSN_REL_GE:
		*rel = TSN_REL_GT;
		return 1;
	}
	return 0;
}

static uint32_t
to_real(struct tsn_emit *e, uint32_t v)
{
	if (tsn_vreg_class(e, v) == TSN_VC_REAL)
		return v;
	return tsn_emit_value_op(e, TSN_OP_CODE_TO_REAL, TSN_VC_REAL, v, 0);
}

static uint32_t
emit_arith(struct tsn_emit *e, const struct tsn_ir *x)
{
	static const enum tsn_opcode op[] = {
		[TSN_AR_ADD] = TSN_OP_CODE_ADD, [TSN_AR_SUB] = TSN_OP_CODE_SUB, [TSN_AR_MUL] = TSN_OP_CODE_MUL,
		[TSN_AR_DIV] = TSN_OP_CODE_DIV, [TSN_AR_MOD] = TSN_OP_CODE_MOD, [TSN_AR_BAND] = TSN_OP_CODE_BAND,
		[TSN_AR_BOR] = TSN_OP_CODE_BOR,
	};
	uint32_t a = tsn_emit_value(e, x->kid[0]), b = tsn_emit_value(e, x->kid[1]);
	bool real = tsn_vreg_class(e, a) == TSN_VC_REAL || tsn_vreg_class(e, b) == TSN_VC_REAL;

	if (x->arith == TSN_AR_DIV || (real && x->arith <= TSN_AR_DIV)) {
		a = to_real(e, a);
		b = to_real(e, b);
		real = true;
	}
	return tsn_emit_value_op(e, op[x->arith], real ? TSN_VC_REAL : TSN_VC_INT, a, b);
}

/* From the last one to the first, so that the first condition that is true decides. */
static uint32_t
choose(struct tsn_emit *e, const struct tsn_ir *x)
{
	bool real = x->type == TSN_T_REAL;
	uint32_t v = TSN_V_NONE;

	for (uint32_t i = x->nkids; i >= 2; i -= 2) {
		uint32_t when = tsn_emit_mask(e, x->kid[i - 2], true), then = tsn_emit_value(e, x->kid[i - 1]);

		if (real)
			then = to_real(e, then);
		if (v == TSN_V_NONE)
			v = tsn_emit_value_op(e, TSN_OP_CODE_ONLY, tsn_vreg_class(e, then), when, then);
		else
			v = tsn_emit_value_op3(e, TSN_OP_CODE_CHOOSE, tsn_vreg_class(e, then), when, then, v);
	}
	return v;
}

static uint32_t
table(struct tsn_emit *e, const struct tsn_ir *x)
{
	const struct tsn_ir *f = x->kid[0];
	bool real = x->type == TSN_T_REAL;
	struct tsn_key_spec key;

	memset(&key, 0, sizeof(key));
	key.n = 1;
	key.part[0].field = f->field;
	key.part[0].v4_bits = f->v4_bits;
	key.part[0].v6_bits = f->v6_bits;
	tsn_emit_use_key(e, &key);
	return tsn_emit_value_op3(e, TSN_OP_CODE_TABLE, real ? TSN_VC_REAL : TSN_VC_INT, tsn_pool_put(e, &e->tuples, &key),
	    x->table, real);
}

static uint32_t
value(struct tsn_emit *e, const struct tsn_ir *x)
{
	uint32_t a;

	switch (x->kind) {
	case TSN_IR_INT:
		return tsn_emit_value_op(e, TSN_OP_CODE_INT, TSN_VC_INT, tsn_emit_int(e, x->i), 0);
	case TSN_IR_REAL:
		return tsn_emit_value_op(e, TSN_OP_CODE_REAL, TSN_VC_REAL, tsn_emit_real_constant(e, x->real), 0);
	case TSN_IR_FIELD:
		tsn_emit_use_field(e, x->field);
		return tsn_emit_value_op(e, TSN_OP_CODE_LOAD,
		    tsn_fields[x->field].storage == TSN_F64 ? TSN_VC_REAL : TSN_VC_INT, x->field, 0);
	case TSN_IR_ARITH:
		return emit_arith(e, x);
	case TSN_IR_NEG:
		a = tsn_emit_value(e, x->kid[0]);
		return tsn_emit_value_op(e, TSN_OP_CODE_NEG, tsn_vreg_class(e, a), a, 0);
	case TSN_IR_TO_REAL:
		return to_real(e, tsn_emit_value(e, x->kid[0]));
	case TSN_IR_CLOCK:
		return tsn_emit_value_op(e, TSN_OP_CODE_CLOCK, TSN_VC_INT, 0, 0);
	case TSN_IR_AGG:
		return tsn_emit_agg(e, x);
	case TSN_IR_CHOOSE:
		return choose(e, x);
	case TSN_IR_TABLE:
		return table(e, x);
	default:
		/* not a value: the verifier refuses what comes of it */
		return tsn_emit_value_op(e, TSN_OP_CODE_INT, TSN_VC_INT, TSN_V_NONE, 0);
	}
}

uint32_t
tsn_emit_value(struct tsn_emit *e, const struct tsn_ir *x)
{
	const char *note = e->note;
	uint32_t v;

	if (e->failed)
		return TSN_V_EMPTY;
	if (e->now->value_of[x->id] != 0 && !e->alone)
		return e->now->value_of[x->id] - 1;
	e->note = x->canon;
	v = value(e, x);
	e->note = note;
	if (!e->failed && !e->alone)
		e->now->value_of[x->id] = v + 1;
	return v;
}

/* Against a real; of a field without loading it. */
static uint32_t
real_against_real(struct tsn_emit *e, uint32_t a, enum tsn_rel rel, double c)
{
	const struct tsn_vreg *reg = (const struct tsn_vreg *)e->now->vreg.p + a;
	const struct tsn_vinsn *in = (const struct tsn_vinsn *)e->now->insn.p + reg->def;

	if (!e->failed && in->op == TSN_OP_CODE_LOAD)
		return tsn_emit_mask_op(e, TSN_OP_CODE_REAL_TEST, in->a, tsn_emit_real_constant(e, c), rel);
	return tsn_emit_mask_op(e, TSN_OP_CODE_COMPARE_REAL, a, tsn_emit_real_constant(e, c), rel);
}

/* Value [a] against an integer, or against a real between integers. */
static uint32_t
against_int(struct tsn_emit *e, uint32_t a, enum tsn_rel rel, int64_t c)
{
	if (tsn_vreg_class(e, a) == TSN_VC_REAL && (double)c < TWO_63 && (int64_t)(double)c == c)
		return real_against_real(e, a, rel, (double)c);
	return tsn_emit_mask_op(e, TSN_OP_CODE_COMPARE_INT, a, tsn_emit_int(e, c), rel);
}

static uint32_t
against_real(struct tsn_emit *e, uint32_t a, enum tsn_rel rel, double c)
{
	int64_t i = 0;

	if (tsn_vreg_class(e, a) == TSN_VC_INT) {
		switch (tsn_rel_of_real(&rel, c, &i)) {
		case 0:
			return TSN_V_EMPTY;
		case 1:
			return against_int(e, a, rel, i);
		default:
			return tsn_emit_mask_op(e, TSN_OP_CODE_KNOWN, a, 0, 0);
		}
	}
	return real_against_real(e, a, rel, c);
}

uint32_t
tsn_emit_compare(struct tsn_emit *e, const struct tsn_ir *x, enum tsn_rel rel)
{
	const struct tsn_ir *left = x->kid[0], *right = x->kid[1];
	uint32_t a;

	if (left->kind == TSN_IR_INT || left->kind == TSN_IR_REAL) {
		left = x->kid[1];
		right = x->kid[0];
		rel = tsn_rel_swap(rel);
	}
	a = tsn_emit_value(e, left);
	if (right->kind == TSN_IR_INT)
		return against_int(e, a, rel, right->i);
	if (right->kind == TSN_IR_REAL)
		return against_real(e, a, rel, right->real);
	return tsn_emit_mask_op(e, TSN_OP_CODE_COMPARE, a, tsn_emit_value(e, right), rel);
}
