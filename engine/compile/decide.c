/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Comparisons with a constant that can never hold, or always do (S50), and those that rarely say what is meant. */
#include <math.h>
#include <string.h>

#include "compile/check.h"

static bool
is_number(enum tsn_type t)
{
	return t == TSN_T_INT || t == TSN_T_REAL || t == TSN_T_SIZE || t == TSN_T_PORT;
}

/* For flags: bits that may be set, and bits that must be. */
static void
bits_of(const struct tsn_ir *n, int64_t *may, int64_t *must)
{
	int64_t m[2], s[2];

	*may = n->type == TSN_T_FLAGS ? 0x1ff : -1;
	*must = 0;
	if (n->kind == TSN_IR_INT) {
		*may = *must = n->i;
	} else if (n->kind == TSN_IR_ARITH && (n->arith == TSN_AR_BAND || n->arith == TSN_AR_BOR)) {
		bits_of(n->kid[0], &m[0], &s[0]);
		bits_of(n->kid[1], &m[1], &s[1]);
		*may = n->arith == TSN_AR_BAND ? m[0] & m[1] : m[0] | m[1];
		*must = n->arith == TSN_AR_BAND ? s[0] & s[1] : s[0] | s[1];
	}
}

bool
ck_impossible_bits(const struct ck_env *e, const struct tsn_node *n, enum tsn_rel rel, const struct tsn_ir *a,
    const struct tsn_ir *k, const struct tsn_node *left, const struct tsn_node *right)
{
	struct tsn_ck *c = e->c;
	const struct tsn_node *inner = left->kids;
	struct tsn_diag *d;
	int64_t may, must;

	if (k->kind != TSN_IR_INT || (rel != TSN_REL_EQ && rel != TSN_REL_NE) || a->kind != TSN_IR_ARITH)
		return false;
	bits_of(a, &may, &must);
	if ((k->i & ~may) == 0 && (must & ~k->i) == 0)
		return false;
	d = tsn_diag_error(c->diags, TSN_E_NEVER, n->span, rel == TSN_REL_EQ ? "no flow can meet this: the bits never match" :
	    "this holds for every flow: the bits never match");
	if (left->kind == TSN_N_BINARY && left->op == TSN_OP_BOR && !left->paren && inner != NULL &&
	    inner->kind == TSN_N_BINARY && inner->op == TSN_OP_BAND && !inner->paren)
		tsn_diag_hint(d, "& binds before |: write %s & (%s|%s) %s %s", ck_text(c, tsn_node_kid(inner, 0)),
		    ck_text(c, tsn_node_kid(inner, 1)), ck_text(c, tsn_node_kid(left, 1)), tsn_op_text(n->op), ck_text(c, right));
	return true;
}

/* -1: never, 1: always, 0: it depends. */
static int
decided(enum tsn_rel rel, const struct tsn_ir *a, double k)
{
	int64_t ilo, ihi;
	double lo, hi;

	ck_bounds(a, &ilo, &ihi);
	lo = ilo == INT64_MIN ? -INFINITY : (double)ilo;
	hi = ihi == INT64_MAX ? INFINITY : (double)ihi;
	switch (rel) {
	case TSN_REL_EQ: return k < lo || k > hi || (a->type != TSN_T_REAL && k != floor(k)) ? -1 : 0;
	case TSN_REL_NE: return k < lo || k > hi || (a->type != TSN_T_REAL && k != floor(k)) ? 1 : 0;
	case TSN_REL_LT: return k <= lo ? -1 : k > hi ? 1 : 0;
	case TSN_REL_LE: return k < lo ? -1 : k >= hi ? 1 : 0;
	case TSN_REL_GT: return k >= hi ? -1 : k < lo ? 1 : 0;
	default: return k > hi ? -1 : k <= lo ? 1 : 0;
	}
}

static void
say_bounds(struct tsn_diag *d, const struct tsn_ir *a, double k)
{
	int64_t lo, hi;

	ck_bounds(a, &lo, &hi);
	if (a->type != TSN_T_REAL && k != floor(k))
		tsn_diag_hint(d, "it is a whole number");
	else if (a->kind == TSN_IR_FIELD && a->field == TSN_F_IP_VERSION)
		tsn_diag_hint(d, "it is 4 or 6");
	else if (lo != INT64_MIN && hi != INT64_MAX)
		tsn_diag_hint(d, "it lies between %lld and %lld", (long long)lo, (long long)hi);
	else if (lo != INT64_MIN)
		tsn_diag_hint(d, "it is never below %lld", (long long)lo);
}

bool
ck_impossible(const struct ck_env *e, const struct tsn_node *n, enum tsn_rel rel, const struct tsn_ir *a,
    const struct tsn_ir *k)
{
	double v = k->kind == TSN_IR_REAL ? k->real : (double)k->i;
	int sure;

	if (!is_number(a->type) && a->type != TSN_T_DURATION)
		return false;
	sure = decided(rel, a, v);
	if (a->kind == TSN_IR_FIELD && a->field == TSN_F_IP_VERSION && v == 5)
		sure = rel == TSN_REL_EQ ? -1 : rel == TSN_REL_NE ? 1 : sure;
	if (sure < 0)
		say_bounds(tsn_diag_error(e->c->diags, TSN_E_NEVER, n->span, "no flow can meet this"), a, v);
	else if (sure > 0)
		say_bounds(ck_warn(e->c, n->span, "this holds for every flow"), a, v);
	return sure < 0;
}

void
ck_warn_compare(const struct ck_env *e, const struct tsn_node *n, enum tsn_rel rel, const struct tsn_ir *a,
    const struct tsn_ir *k)
{
	struct tsn_diag *d;

	/* S16: a scaled number is a multiple of the interval, and never tells one packet from two. */
	if (a->kind == TSN_IR_FIELD && a->field == TSN_F_PACKETS && k->kind == TSN_IR_INT && k->i < 10 && k->i > 0) {
		d = ck_warn(e->c, n->span,
		    "packets is scaled by the sampling interval, so small numbers are rarely met");
		tsn_diag_hint(d, "raw_packets is what the record said");
	}
	/* S43 */
	if (rel == TSN_REL_EQ && a->kind == TSN_IR_ARITH && a->arith == TSN_AR_DIV && k->kind == TSN_IR_REAL &&
	    k->real != floor(k->real))
		tsn_diag_hint(ck_warn(e->c, n->span, "a quotient is rarely exactly %g", k->real),
		    "compare with < or > instead");
}
