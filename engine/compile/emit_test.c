/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Leaves. Each is true, false or unknown; false is made from the opposite
 * relation where that is one instruction, else as "present and not true".
 */
#include "compile/emit.h"

#include <string.h>

uint32_t
tsn_emit_key_present(struct tsn_emit *e, const struct tsn_key_spec *k)
{
	uint32_t m = TSN_V_ROWS;

	tsn_emit_use_key(e, k);
	for (unsigned i = 0; i < k->n; i++)
		m = tsn_emit_and(e, m, tsn_emit_mask_op(e, TSN_OP_CODE_PRESENT, k->part[i].field, 0, 0));
	return m;
}

uint32_t
tsn_emit_present(struct tsn_emit *e, const struct tsn_ir *x)
{
	uint32_t m = TSN_V_ROWS;

	if (x->kind == TSN_IR_FIELD) {
		tsn_emit_use_field(e, x->field);
		return tsn_emit_mask_op(e, TSN_OP_CODE_PRESENT, x->field, 0, 0);
	}
	if (x->kind == TSN_IR_TUPLE) {
		for (uint32_t i = 0; i < x->nkids; i++)
			m = tsn_emit_and(e, m, tsn_emit_present(e, x->kid[i]));
		return m;
	}
	return tsn_emit_mask_op(e, TSN_OP_CODE_KNOWN, tsn_emit_value(e, x), 0, 0);
}

/* T, or what is left of [present]. */
static uint32_t
sided(struct tsn_emit *e, uint32_t present, uint32_t truth, bool want)
{
	return want ? truth : tsn_emit_andnot(e, present, truth);
}

/* --- integer fields against constants --- */

int64_t
tsn_emit_column_max(uint32_t field)
{
	switch (tsn_fields[field].storage) {
	case TSN_U8:
		return UINT8_MAX;
	case TSN_U16:
		return UINT16_MAX;
	case TSN_U32:
		return UINT32_MAX;
	default:
		return INT64_MAX;
	}
}

static int64_t
column_min(uint32_t field)
{
	enum tsn_storage s = tsn_fields[field].storage;

	return s == TSN_U8 || s == TSN_U16 || s == TSN_U32 ? 0 : INT64_MIN;
}

bool
tsn_emit_column_holds(uint32_t field, int64_t i)
{
	return i >= column_min(field) && i <= tsn_emit_column_max(field);
}

/* [field] in lo..hi; what no column value meets, or all do, needs no look at the column. */
static uint32_t
range(struct tsn_emit *e, const struct tsn_ir *field, int64_t lo, int64_t hi)
{
	int64_t min = column_min(field->field), max = tsn_emit_column_max(field->field);

	if (lo < min)
		lo = min;
	if (hi > max)
		hi = max;
	if (lo > hi)
		return TSN_V_EMPTY;
	if (lo == min && hi == max)
		return tsn_emit_present(e, field);
	tsn_emit_use_field(e, field->field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_RANGE, field->field, tsn_emit_int(e, lo), tsn_emit_int(e, hi));
}

static uint32_t
field_against_int(struct tsn_emit *e, const struct tsn_ir *field, enum tsn_rel rel, int64_t c)
{
	int64_t min = column_min(field->field), max = tsn_emit_column_max(field->field);

	switch (rel) {
	case TSN_REL_EQ:
		return range(e, field, c, c);
	case TSN_REL_NE:
		if (c == min)
			return range(e, field, c + 1, max);
		if (c == max)
			return range(e, field, min, c - 1);
		return tsn_emit_andnot(e, tsn_emit_present(e, field), range(e, field, c, c));
	case TSN_REL_LT:
		return c == INT64_MIN ? TSN_V_EMPTY : range(e, field, min, c - 1);
	case TSN_REL_LE:
		return range(e, field, min, c);
	case TSN_REL_GT:
		return c == INT64_MAX ? TSN_V_EMPTY : range(e, field, c + 1, max);
	case TSN_REL_GE:
		return range(e, field, c, max);
	}
	return TSN_V_EMPTY;
}

static uint32_t
field_against_real(struct tsn_emit *e, const struct tsn_ir *field, enum tsn_rel rel, double c)
{
	int64_t i = 0;

	switch (tsn_rel_of_real(&rel, c, &i)) {
	case 0:
		return TSN_V_EMPTY;
	case 1:
		return field_against_int(e, field, rel, i);
	default:
		return tsn_emit_present(e, field);
	}
}

/* (field & mask) == want */
static uint32_t
bits(struct tsn_emit *e, const struct tsn_ir *field, int64_t mask, int64_t want)
{
	int64_t has = column_min(field->field) < 0 ? -1 : tsn_emit_column_max(field->field);

	if ((want & ~(mask & has)) != 0)
		return TSN_V_EMPTY;
	if ((mask & has) == 0)
		return tsn_emit_present(e, field);
	tsn_emit_use_field(e, field->field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_BITS, field->field, tsn_emit_int(e, mask & has), tsn_emit_int(e, want));
}

static bool
is_int_field(const struct tsn_ir *x)
{
	return x->kind == TSN_IR_FIELD && tsn_field_is_int(x->field);
}

/* Is [x] an integer field and-ed with a constant? */
static bool
is_bits(const struct tsn_ir *x, const struct tsn_ir **field, int64_t *mask)
{
	if (x->kind != TSN_IR_ARITH || x->arith != TSN_AR_BAND)
		return false;
	for (int i = 0; i < 2; i++) {
		if (is_int_field(x->kid[i]) && x->kid[1 - i]->kind == TSN_IR_INT) {
			*field = x->kid[i];
			*mask = x->kid[1 - i]->i;
			return true;
		}
	}
	return false;
}

/* --- addresses and strings --- */

static bool
is_field_of(const struct tsn_ir *x, enum tsn_storage s)
{
	return x->kind == TSN_IR_FIELD && tsn_fields[x->field].storage == s;
}

static uint32_t
address_in(struct tsn_emit *e, const struct tsn_ir *field, const struct tsn_prefix *prefix)
{
	struct tsn_prefix p;

	memset(&p, 0, sizeof(p)); /* no padding to tell equal ones apart */
	p.addr.hi = prefix->addr.hi;
	p.addr.lo = prefix->addr.lo;
	p.addr.v4 = prefix->addr.v4;
	p.len = prefix->len;
	tsn_emit_use_field(e, field->field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_ADDR_IN, tsn_emit_address(e, field), tsn_pool_put(e, &e->prefixes, &p), 0);
}

static uint32_t
same_address(struct tsn_emit *e, const struct tsn_ir *a, const struct tsn_ir *b)
{
	tsn_emit_use_field(e, a->field);
	tsn_emit_use_field(e, b->field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_ADDR_SAME, tsn_emit_address(e, a), tsn_emit_address(e, b), 0);
}

static uint32_t
same_string(struct tsn_emit *e, const struct tsn_ir *field, const struct tsn_ir *s)
{
	struct tsn_str text;

	memset(&text, 0, sizeof(text));
	text.p = s->text;
	text.n = s->len;
	tsn_emit_use_field(e, field->field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_STR_SAME, field->field, tsn_pool_put(e, &e->strings, &text), 0);
}

/* == of things that only have ==; TSN_V_NONE if the sides are something else. Fields in [present]. */
static uint32_t
same_things(struct tsn_emit *e, const struct tsn_ir *a, const struct tsn_ir *b, uint32_t *present)
{
	struct tsn_prefix whole;

	if (a->kind != TSN_IR_FIELD) {
		const struct tsn_ir *t = a;

		a = b;
		b = t;
	}
	if (!is_field_of(a, TSN_ADDR) && !is_field_of(a, TSN_STR))
		return TSN_V_NONE;
	*present = tsn_emit_present(e, a);
	if (b->kind == TSN_IR_ADDR) {
		whole = (struct tsn_prefix){ b->addr, b->addr.v4 ? 32 : 128 };
		return address_in(e, a, &whole);
	}
	if (b->kind == TSN_IR_STRING)
		return same_string(e, a, b);
	if (b->kind != TSN_IR_FIELD)
		return TSN_V_NONE;
	*present = tsn_emit_and(e, *present, tsn_emit_present(e, b));
	if (is_field_of(a, TSN_ADDR))
		return same_address(e, a, b);
	return tsn_emit_mask_op(e, TSN_OP_CODE_STR_EQUAL, a->field, b->field, 0);
}

/* A field that holds reals, against a constant that is a real without rounding. */
static bool
is_real_test(const struct tsn_ir *a, const struct tsn_ir *b, double *c)
{
	if (!is_field_of(a, TSN_F64) || (b->kind != TSN_IR_REAL && b->kind != TSN_IR_INT))
		return false;
	*c = b->kind == TSN_IR_REAL ? b->real : (double)b->i;
	return b->kind == TSN_IR_REAL || (b->i > -(INT64_C(1) << 53) && b->i < INT64_C(1) << 53);
}

static uint32_t
real_test(struct tsn_emit *e, const struct tsn_ir *field, enum tsn_rel rel, double c)
{
	tsn_emit_use_tested(e, field->field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_REAL_TEST, field->field, tsn_emit_real_constant(e, c), rel);
}

/* --- kinds of leaves --- */

static uint32_t
compare(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	enum tsn_rel rel = want ? x->rel : tsn_rel_not(x->rel);
	const struct tsn_ir *a = x->kid[0], *b = x->kid[1], *field;
	uint32_t present = TSN_V_EMPTY, same;
	int64_t mask;
	double real;

	if (is_int_field(a) && b->kind == TSN_IR_INT)
		return field_against_int(e, a, rel, b->i);
	if (is_int_field(a) && b->kind == TSN_IR_REAL)
		return field_against_real(e, a, rel, b->real);
	if (is_int_field(b) && a->kind == TSN_IR_INT)
		return field_against_int(e, b, tsn_rel_swap(rel), a->i);
	if ((rel == TSN_REL_EQ || rel == TSN_REL_NE) && b->kind == TSN_IR_INT && is_bits(a, &field, &mask))
		return sided(e, tsn_emit_present(e, field), bits(e, field, mask, b->i), rel == TSN_REL_EQ);
	if (is_real_test(a, b, &real))
		return real_test(e, a, rel, real);
	if (is_real_test(b, a, &real))
		return real_test(e, b, tsn_rel_swap(rel), real);
	same = same_things(e, a, b, &present);
	if (same != TSN_V_NONE)
		return sided(e, present, same, rel == TSN_REL_EQ);
	return tsn_emit_compare(e, x, rel);
}

/* A comparison on `per` windows: what a flow sees of it, or what their closing makes final. */
static uint32_t
timed_compare(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	if (!x->stateful || tsn_emit_flow_decides(e, x, want))
		return compare(e, x, want);
	return e->now->door == TSN_DOOR_TICK ? tsn_emit_and(e, compare(e, x, want), tsn_emit_final(e, x)) : TSN_V_EMPTY;
}

static uint32_t
flags_has(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	const struct tsn_ir *of = x->kid[0];
	uint32_t masked, c;

	if (is_int_field(of))
		return sided(e, tsn_emit_present(e, of), bits(e, of, x->i, x->i), want);
	c = tsn_emit_value_op(e, TSN_OP_CODE_INT, TSN_VC_INT, tsn_emit_int(e, x->i), 0);
	masked = tsn_emit_value_op(e, TSN_OP_CODE_BAND, TSN_VC_INT, tsn_emit_value(e, of), c);
	return tsn_emit_mask_op(e, TSN_OP_CODE_COMPARE_INT, masked, tsn_emit_int(e, x->i), want ? TSN_REL_EQ : TSN_REL_NE);
}

static uint32_t
in_set(struct tsn_emit *e, const struct tsn_ir *x)
{
	const struct tsn_ir *of = x->kid[0];
	struct tsn_key_spec key;

	if (of->kind == TSN_IR_TUPLE) {
		memset(&key, 0, sizeof(key));
		for (uint32_t i = 0; i < of->nkids && i < TSN_KEY_PARTS; i++) {
			key.part[i].field = of->kid[i]->field;
			key.part[i].v4_bits = of->kid[i]->v4_bits;
			key.part[i].v6_bits = of->kid[i]->v6_bits;
			key.n++;
		}
		tsn_emit_use_key(e, &key);
		return tsn_emit_mask_op(e, TSN_OP_CODE_TUPLE_SET, tsn_pool_put(e, &e->tuples, &key), x->set, 0);
	}
	tsn_emit_use_field(e, of->field);
	if (is_field_of(of, TSN_ADDR))
		return tsn_emit_mask_op(e, TSN_OP_CODE_ADDR_SET, tsn_emit_address(e, of), x->set, 0);
	if (is_field_of(of, TSN_STR))
		return tsn_emit_mask_op(e, TSN_OP_CODE_STR_SET, of->field, x->set, 0);
	return tsn_emit_mask_op(e, TSN_OP_CODE_INT_SET, of->field, x->set, 0);
}

static uint32_t
recent(struct tsn_emit *e, const struct tsn_ir *x)
{
	return tsn_emit_mask_op(e, TSN_OP_CODE_RECENT, x->set, tsn_emit_int(e, x->i), 0);
}

/* S37: of files that are too old neither `in` nor `not in` is true, whatever the members. */
static uint32_t
in(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	const uint32_t rows = x->i > 0 ? recent(e, x) : TSN_V_ROWS;

	return tsn_emit_and(e, rows, sided(e, tsn_emit_present(e, x->kid[0]), in_set(e, x), want));
}

static uint32_t
match(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	uint32_t truth;

	tsn_emit_use_field(e, x->kid[0]->field);
	truth = tsn_emit_mask_op(e, TSN_OP_CODE_STR_MATCH, x->kid[0]->field, x->regex, 0);
	/* the register after it has the rows where the match could be decided */
	return sided(e, truth + 1, truth, want);
}

uint32_t
tsn_emit_leaf(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	switch (x->kind) {
	case TSN_IR_TRUE:
		return want ? TSN_V_ROWS : TSN_V_EMPTY;
	case TSN_IR_FALSE:
		return want ? TSN_V_EMPTY : TSN_V_ROWS;
	case TSN_IR_HAS:
		return sided(e, TSN_V_ROWS, tsn_emit_present(e, x->kid[0]), want);
	case TSN_IR_GIVES:
		return sided(e, TSN_V_ROWS, tsn_emit_mask_op(e, TSN_OP_CODE_GIVES, (uint32_t)x->i, 0, 0), want);
	case TSN_IR_DURING:
		return sided(e, TSN_V_ROWS, tsn_emit_mask_op(e, TSN_OP_CODE_DURING, x->schedule, 0, 0), want);
	case TSN_IR_RECENT: /* never false */
		return want ? recent(e, x) : TSN_V_EMPTY;
	case TSN_IR_COMPARE:
		return timed_compare(e, x, want);
	case TSN_IR_FLAGS_HAS:
		return flags_has(e, x, want);
	case TSN_IR_IN:
		return in(e, x, want);
	case TSN_IR_IN_PREFIX:
		return sided(e, tsn_emit_present(e, x->kid[0]), address_in(e, x->kid[0], &x->prefix), want);
	case TSN_IR_MATCH:
		return match(e, x, want);
	case TSN_IR_FIELD: /* of type BOOL: 0 is false */
		return field_against_int(e, x, want ? TSN_REL_NE : TSN_REL_EQ, 0);
	default:
		return TSN_V_EMPTY; /* UNKNOWN */
	}
}
