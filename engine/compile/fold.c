/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Arithmetic: which types it joins (S43), exact folding of constants, and what is known of a result. */
#include <math.h>
#include <string.h>

#include "compile/check.h"

static const char *const sign[] = { "+", "-", "*", "/", "%", "&", "|" };

/* --- what is known of a value --- */

static enum ck_dim
dim_of_field(const struct tsn_field_info *f)
{
	if (f->type == TSN_T_DURATION || f->type == TSN_T_TIME)
		return CK_D_MS;
	if (strcmp(f->unit, "bytes") == 0)
		return CK_D_BYTES;
	if (strcmp(f->unit, "packets") == 0 || strcmp(f->unit, "1/s") == 0)
		return CK_D_PACKETS;
	return strcmp(f->unit, "bit/s") == 0 ? CK_D_BITRATE : CK_D_PLAIN;
}

static enum ck_dim
dim_of_arith(const struct tsn_ir *n)
{
	enum ck_dim a = ck_dim(n->kid[0]), b = ck_dim(n->kid[1]);
	bool ca = ck_is_const(n->kid[0]), cb = ck_is_const(n->kid[1]);

	switch (n->arith) {
	case TSN_AR_MUL:
		return ca ? b : cb ? a : CK_D_ANY;
	case TSN_AR_DIV:
		return cb || b == CK_D_PLAIN ? a : CK_D_ANY;
	default:
		return ca ? b : cb || a == b ? a : CK_D_ANY;
	}
}

/* A rank is a number, whatever it is about; what is usual counts what it is about. */
static enum ck_dim
dim_of_agg(const struct tsn_ir_agg *a)
{
	if (a->fn == TSN_AGG_SINCE)
		return CK_D_MS;
	if (a->of != NULL && a->fn != TSN_AGG_RANK)
		a = a->of;
	return a->arg == NULL ? CK_D_PLAIN : ck_dim(a->arg);
}

enum ck_dim
ck_dim(const struct tsn_ir *n)
{
	switch (n->kind) {
	case TSN_IR_FIELD:
		return dim_of_field(&tsn_fields[n->field]);
	case TSN_IR_INT:
		return n->type == TSN_T_DURATION || n->type == TSN_T_TIME ? CK_D_MS :
		    n->type == TSN_T_SIZE ? CK_D_BYTES : CK_D_PLAIN;
	case TSN_IR_TO_REAL:
	case TSN_IR_NEG:
		return ck_dim(n->kid[0]);
	case TSN_IR_ARITH:
		return dim_of_arith(n);
	case TSN_IR_CLOCK:
		return CK_D_MS;
	case TSN_IR_AGG:
		return dim_of_agg(n->agg);
	case TSN_IR_TABLE:
		return CK_D_ANY;
	case TSN_IR_CHOOSE:
		for (uint32_t i = 3; i < n->nkids; i += 2)
			if (ck_dim(n->kid[i]) != ck_dim(n->kid[1]))
				return CK_D_ANY;
		return ck_dim(n->kid[1]);
	default:
		return CK_D_PLAIN;
	}
}

static void
field_bounds(uint16_t field, int64_t *lo, int64_t *hi)
{
	static const int64_t top[] = { [TSN_U8] = UINT8_MAX, [TSN_U16] = UINT16_MAX, [TSN_U32] = UINT32_MAX };
	const struct tsn_field_info *f = &tsn_fields[field];

	if (f->storage <= TSN_U32)
		*hi = top[f->storage];
	if (f->type == TSN_T_FLAGS)
		*hi = 0x1ff;
	else if (field == TSN_F_DSCP)
		*hi = 63;
	else if (field == TSN_F_VLAN)
		*hi = 4095;
	if (f->type != TSN_T_TIME && f->origin != TSN_O_POOL && field != TSN_F_EXPORTER_SKEW)
		*lo = 0;
	if (field == TSN_F_IP_VERSION) {
		*lo = 4;
		*hi = 6;
	}
}

static void
agg_bounds(const struct tsn_ir_agg *a, int64_t *lo, int64_t *hi)
{
	if (a->fn == TSN_AGG_SINCE)
		return;
	if (a->fn == TSN_AGG_BASELINE)
		a = a->of;
	if (a->fn == TSN_AGG_RANK)
		*lo = 1;
	else if (a->arg == NULL || a->fn == TSN_AGG_STDDEV)
		*lo = 0;
	else if (a->fn == TSN_AGG_MIN || a->fn == TSN_AGG_MAX)
		ck_bounds(a->arg, lo, hi);
	else if (ck_nonneg(a->arg))
		*lo = 0;
}

void
ck_bounds(const struct tsn_ir *n, int64_t *lo, int64_t *hi)
{
	int64_t alo, ahi, blo, bhi;

	*lo = INT64_MIN;
	*hi = INT64_MAX;
	switch (n->kind) {
	case TSN_IR_INT:
		*lo = *hi = n->i;
		break;
	case TSN_IR_REAL:
		if (n->real >= 0)
			*lo = 0;
		break;
	case TSN_IR_FIELD:
		field_bounds(n->field, lo, hi);
		break;
	case TSN_IR_AGG:
		agg_bounds(n->agg, lo, hi);
		break;
	case TSN_IR_TO_REAL:
		ck_bounds(n->kid[0], lo, hi);
		break;
	case TSN_IR_ARITH:
		ck_bounds(n->kid[0], &alo, &ahi);
		ck_bounds(n->kid[1], &blo, &bhi);
		if (n->arith == TSN_AR_BAND && (blo >= 0 || alo >= 0)) {
			*lo = 0;
			*hi = alo < 0 ? bhi : blo < 0 || ahi < bhi ? ahi : bhi;
		} else if (n->arith == TSN_AR_MOD && alo >= 0) {
			*lo = 0;
			if (blo == bhi && blo > 0)
				*hi = blo - 1;
		} else if (n->arith != TSN_AR_SUB && n->arith != TSN_AR_BAND && alo >= 0 && blo >= 0) {
			*lo = 0;
		}
		break;
	default:
		break;
	}
}

bool
ck_nonneg(const struct tsn_ir *n)
{
	int64_t lo, hi;

	ck_bounds(n, &lo, &hi);
	return lo >= 0;
}

/* --- constants --- */

static const struct tsn_ir *
outside(const struct ck_env *e, const struct tsn_node *n)
{
	tsn_diag_error(e->c->diags, TSN_E_RANGE, n->span, "this constant is outside what 64 bits can hold");
	return NULL;
}

static const struct tsn_ir *
by_zero(const struct ck_env *e, const struct tsn_node *n)
{
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NEVER, n->span, "division by zero"),
	    "the result is never known, so no flow can meet a condition on it");
	return NULL;
}

static bool
fold_int(enum tsn_ir_arith op, int64_t a, int64_t b, int64_t *out)
{
	switch (op) {
	case TSN_AR_ADD: return !__builtin_add_overflow(a, b, out);
	case TSN_AR_SUB: return !__builtin_sub_overflow(a, b, out);
	case TSN_AR_MUL: return !__builtin_mul_overflow(a, b, out);
	case TSN_AR_MOD:
		*out = b == -1 ? 0 : a % b;
		return true;
	case TSN_AR_BAND:
		*out = a & b;
		return true;
	case TSN_AR_BOR:
		*out = a | b;
		return true;
	default:
		return false;
	}
}

static double
fold_real(enum tsn_ir_arith op, double a, double b)
{
	switch (op) {
	case TSN_AR_ADD: return a + b;
	case TSN_AR_SUB: return a - b;
	case TSN_AR_MUL: return a * b;
	default: return a / b;
	}
}

static const struct tsn_ir *
on_reals(const struct ck_env *e, const struct tsn_node *n, enum tsn_ir_arith op, const struct tsn_ir *a,
    const struct tsn_ir *b)
{
	double v;

	a = ck_to_real(e->c, a);
	b = ck_to_real(e->c, b);
	if (op == TSN_AR_DIV && b->kind == TSN_IR_REAL && b->real == 0)
		return by_zero(e, n);
	if (a->kind != TSN_IR_REAL || b->kind != TSN_IR_REAL)
		return ck_arith_node(e->c, op, a, b, TSN_T_REAL);
	v = fold_real(op, a->real, b->real);
	return isfinite(v) ? ck_real(e->c, v) : outside(e, n);
}

static const struct tsn_ir *
on_ints(const struct ck_env *e, const struct tsn_node *n, enum tsn_ir_arith op, const struct tsn_ir *a,
    const struct tsn_ir *b, enum tsn_type t)
{
	int64_t v;

	if (op == TSN_AR_MOD && b->kind == TSN_IR_INT && b->i == 0)
		return by_zero(e, n);
	if (a->kind != TSN_IR_INT || b->kind != TSN_IR_INT)
		return ck_arith_node(e->c, op, a, b, t);
	return fold_int(op, a->i, b->i, &v) ? ck_int(e->c, v, t) : outside(e, n);
}

/* --- types --- */

static bool
is_number(enum tsn_type t)
{
	return t == TSN_T_INT || t == TSN_T_SIZE || t == TSN_T_PORT || t == TSN_T_REAL;
}

static const struct tsn_ir *
wrong(const struct ck_env *e, const struct tsn_node *n, enum tsn_ir_arith op, const struct tsn_ir *a, const struct tsn_ir *b)
{
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1);
	bool time_a = a->type == TSN_T_DURATION || a->type == TSN_T_TIME;
	bool time_b = b->type == TSN_T_DURATION || b->type == TSN_T_TIME;
	struct tsn_diag *d;

	if ((is_number(a->type) || time_a) && (is_number(b->type) || time_b)) {
		d = tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s cannot join %s and %s", sign[op], ck_a_type(a->type),
		    ck_a_type(b->type));
		if (op == TSN_AR_DIV && time_b)
			tsn_diag_hint(d, "divide by a number of seconds: %s / 1s", ck_text(e->c, right));
		else if (time_a && b->kind == TSN_IR_INT)
			tsn_diag_hint(d, "write the number with its unit: %llds", (long long)b->i);
		return NULL;
	}
	if (is_number(a->type) || time_a || (a->type == TSN_T_FLAGS && op >= TSN_AR_BAND)) {
		left = right;
		a = b;
	}
	d = tsn_diag_error(e->c->diags, TSN_E_TYPE, left->span, "%s works on %s, this is %s", sign[op],
	    op >= TSN_AR_BAND ? "integers and flags" : "numbers", ck_a_type(a->type));
	if (op == TSN_AR_BOR && a->type == TSN_T_BOOL)
		tsn_diag_hint(d, "write \"or\" between conditions");
	else if (op == TSN_AR_BAND && a->type == TSN_T_BOOL)
		tsn_diag_hint(d, "write \"and\" between conditions");
	return NULL;
}

static const struct tsn_ir *
with_durations(const struct ck_env *e, const struct tsn_node *n, enum tsn_ir_arith op, const struct tsn_ir *a,
    const struct tsn_ir *b)
{
	enum tsn_type x = a->type, y = b->type, dur = TSN_T_DURATION, time = TSN_T_TIME;
	const struct tsn_ir *v;

	if (x == dur && y == dur && (op == TSN_AR_ADD || op == TSN_AR_SUB || op == TSN_AR_MOD))
		return on_ints(e, n, op, a, b, dur);
	if ((x == time && y == dur && (op == TSN_AR_ADD || op == TSN_AR_SUB)) || (x == dur && y == time && op == TSN_AR_ADD))
		return on_ints(e, n, op, a, b, time);
	if (x == time && y == time && op == TSN_AR_SUB)
		return on_ints(e, n, op, a, b, dur);
	if (x == dur && y == dur && op == TSN_AR_DIV)
		return on_reals(e, n, op, a, b);
	if (op == TSN_AR_MUL && ((x == dur && y == TSN_T_INT) || (x == TSN_T_INT && y == dur)))
		return on_ints(e, n, op, a, b, dur);
	if ((op == TSN_AR_MUL && (x == dur ? is_number(y) : x == TSN_T_REAL && y == dur)) ||
	    (op == TSN_AR_DIV && x == dur && is_number(y))) {
		v = on_reals(e, n, op, a, b);
		/* Constants stay durations, in whole milliseconds. */
		if (v != NULL && v->kind == TSN_IR_REAL)
			return fabs(v->real) < 9e18 ? ck_int(e->c, (int64_t)v->real, dur) : outside(e, n);
		return v;
	}
	return wrong(e, n, op, a, b);
}

static const struct tsn_ir *
on_bits(const struct ck_env *e, const struct tsn_node *n, enum tsn_ir_arith op, const struct tsn_ir *a,
    const struct tsn_ir *b)
{
	bool flags = a->type == TSN_T_FLAGS || b->type == TSN_T_FLAGS;
	const struct tsn_ir *k[2] = { a, b };

	for (int i = 0; i < 2; i++) {
		if (k[i]->type == TSN_T_REAL || (k[i]->type != TSN_T_FLAGS && !is_number(k[i]->type)))
			return wrong(e, n, op, a, b);
		if (flags && k[i]->type != TSN_T_FLAGS && k[i]->kind != TSN_IR_INT) {
			tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s cannot join %s and %s", sign[op], ck_a_type(a->type),
			    ck_a_type(b->type));
			return NULL;
		}
		if (flags && k[i]->kind == TSN_IR_INT)
			k[i] = ck_int(e->c, k[i]->i, TSN_T_FLAGS);
	}
	return on_ints(e, n, op, k[0], k[1], flags ? TSN_T_FLAGS : TSN_T_INT);
}

const struct tsn_ir *
ck_arith(const struct ck_env *e, const struct tsn_node *n, enum tsn_ir_arith op, const struct tsn_ir *a,
    const struct tsn_ir *b)
{
	enum tsn_type x = a->type, y = b->type;
	bool constants = ck_is_const(a) && ck_is_const(b);

	if (op == TSN_AR_BAND || op == TSN_AR_BOR)
		return on_bits(e, n, op, a, b);
	if (x == TSN_T_DURATION || x == TSN_T_TIME || y == TSN_T_DURATION || y == TSN_T_TIME)
		return with_durations(e, n, op, a, b);
	if (!is_number(x) || !is_number(y) || (op == TSN_AR_MOD && (x == TSN_T_REAL || y == TSN_T_REAL)))
		return wrong(e, n, op, a, b);
	if (op == TSN_AR_DIV || x == TSN_T_REAL || y == TSN_T_REAL)
		return on_reals(e, n, op, a, b);
	if (!constants && a->kind == TSN_IR_INT)
		a = ck_int(e->c, a->i, TSN_T_INT);
	if (!constants && b->kind == TSN_IR_INT)
		b = ck_int(e->c, b->i, TSN_T_INT);
	return on_ints(e, n, op, a, b, constants && (x == TSN_T_SIZE || y == TSN_T_SIZE) ? TSN_T_SIZE : TSN_T_INT);
}

const struct tsn_ir *
ck_neg(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *a)
{
	if (a->kind == TSN_IR_REAL)
		return ck_real(e->c, -a->real);
	if (!is_number(a->type) && a->type != TSN_T_DURATION) {
		tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "- works on numbers, this is %s", ck_a_type(a->type));
		return NULL;
	}
	if (a->kind == TSN_IR_INT)
		return a->i == INT64_MIN ? outside(e, n) : ck_int(e->c, -a->i, a->type);
	return ck_neg_node(e->c, a);
}
