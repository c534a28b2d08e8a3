/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "author/line.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "sets/set.h"

#define FLAGS_ALL 0x1ff
#define RANGES_MAX 4096    /* sets with more are not looked into */

static const tsn_u128 most = ~(tsn_u128)0;

tsn_u128
tsn_line_of_int(int64_t v)
{
	return (uint64_t)v ^ UINT64_C(1) << 63;
}

/* Order is kept: negative numbers by their complement. */
static tsn_u128
of_real(double v)
{
	uint64_t bits;

	v = v == 0 ? 0 : v;
	memcpy(&bits, &v, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static tsn_u128
of_addr(struct tsn_addr a)
{
	return a.v4 ? TSN_V4_MAPPED | a.lo : (tsn_u128)a.hi << 64 | a.lo;
}

static tsn_u128
of_text(const char *p, size_t n)
{
	return (tsn_u128)tsn_hash_bytes(p, n, 1) << 64 | tsn_hash_bytes(p, n, 2);
}

bool
tsn_line_put(struct tsn_ranges *l, tsn_u128 lo, tsn_u128 hi)
{
	return tsn_ranges_add(l, (struct tsn_range){ .lo = lo, .hi = hi });
}

/* [l] becomes what of [all] is not in it. */
bool
tsn_line_complement(struct tsn_ranges *l, const struct tsn_ranges *all)
{
	struct tsn_ranges out = { 0 };

	for (size_t i = 0; i < all->n; i++)
		if (!tsn_line_put(&out, all->r[i].lo, all->r[i].hi))
			goto fail;
	if (!tsn_ranges_subtract(&out, l))
		goto fail;
	tsn_ranges_fini(l);
	*l = out;
	return true;
fail:
	tsn_ranges_fini(&out);
	return false;
}

/* [l] becomes what it and [other] have in common. */
bool
tsn_line_intersect(struct tsn_ranges *l, const struct tsn_ranges *other)
{
	struct tsn_ranges line = { 0 }, rest = { 0 };
	bool ok = tsn_line_put(&line, 0, most) && tsn_ranges_subtract(&line, other);

	rest = line;
	ok = ok && tsn_ranges_subtract(l, &rest);
	tsn_ranges_fini(&rest);
	return ok;
}

/* --- what values there are --- */

static bool
int_bounds(const struct tsn_ir *v, int64_t *lo, int64_t *hi)
{
	static const int64_t top[] = { [TSN_U8] = UINT8_MAX, [TSN_U16] = UINT16_MAX, [TSN_U32] = UINT32_MAX };
	const struct tsn_field_info *f;

	*lo = INT64_MIN;
	*hi = INT64_MAX;
	if (v->kind == TSN_IR_AGG && (v->agg->fn == TSN_AGG_COUNT || v->agg->fn == TSN_AGG_DISTINCT))
		*lo = 0;
	if (v->kind == TSN_IR_AGG && v->agg->fn == TSN_AGG_RANK)
		*lo = 1;
	if (v->kind != TSN_IR_FIELD)
		return true;
	f = &tsn_fields[v->field];
	if (f->origin == TSN_O_POOL || v->field == TSN_F_EXPORTER_SKEW || f->type == TSN_T_TIME)
		return true;
	*lo = v->field == TSN_F_IP_VERSION ? 4 : 0;
	if (f->storage <= TSN_U32)
		*hi = f->type == TSN_T_FLAGS ? FLAGS_ALL : v->field == TSN_F_DSCP ? 63 : v->field == TSN_F_IP_VERSION ? 6 : top[f->storage];
	return true;
}

static bool
is_real(const struct tsn_ir *v)
{
	return v->type == TSN_T_REAL;
}

/* Reals of fields and functions are rates, means and the like: never negative, but where subtracted. */
bool
tsn_line_universe(const struct tsn_ir *v, struct tsn_ranges *out)
{
	int64_t lo, hi;

	switch (v->type) {
	case TSN_T_ADDR:
	case TSN_T_STRING:
		return tsn_line_put(out, 0, most);
	case TSN_T_REAL:
		if (v->kind == TSN_IR_FIELD || (v->kind == TSN_IR_AGG && (v->agg->fn == TSN_AGG_ENTROPY || v->agg->fn == TSN_AGG_JITTER ||
		    v->agg->fn == TSN_AGG_STDDEV)))
			return tsn_line_put(out, of_real(0), of_real(INFINITY));
		return tsn_line_put(out, of_real(-INFINITY), of_real(INFINITY));
	default:
		return int_bounds(v, &lo, &hi) && tsn_line_put(out, tsn_line_of_int(lo), tsn_line_of_int(hi));
	}
}

/* --- comparisons --- */

static bool
ordered(enum tsn_rel rel, tsn_u128 k, struct tsn_ranges *out)
{
	switch (rel) {
	case TSN_REL_EQ: return tsn_line_put(out, k, k);
	case TSN_REL_NE: return (k == 0 || tsn_line_put(out, 0, k - 1)) && (k == most || tsn_line_put(out, k + 1, most));
	case TSN_REL_LT: return k == 0 || tsn_line_put(out, 0, k - 1);
	case TSN_REL_LE: return tsn_line_put(out, 0, k);
	case TSN_REL_GT: return k == most || tsn_line_put(out, k + 1, most);
	default: return tsn_line_put(out, k, most);
	}
}

/* A whole number against a real one: the nearest whole numbers decide. */
static bool
whole_against_real(enum tsn_rel rel, double k, struct tsn_ranges *out)
{
	if (!(fabs(k) < 9e15))
		return tsn_line_put(out, 0, most);
	if (k == floor(k))
		return ordered(rel, tsn_line_of_int((int64_t)k), out);
	switch (rel) {
	case TSN_REL_EQ: return true;
	case TSN_REL_NE: return tsn_line_put(out, 0, most);
	case TSN_REL_LT:
	case TSN_REL_LE: return ordered(TSN_REL_LE, tsn_line_of_int((int64_t)floor(k)), out);
	default: return ordered(TSN_REL_GE, tsn_line_of_int((int64_t)ceil(k)), out);
	}
}

static bool
against_constant(const struct tsn_ir *v, enum tsn_rel rel, const struct tsn_ir *k, struct tsn_ranges *out)
{
	if (k->kind == TSN_IR_ADDR)
		return ordered(rel, of_addr(k->addr), out);
	if (k->kind == TSN_IR_STRING)
		return ordered(rel, of_text(k->text, k->len), out);
	if (is_real(v))
		return ordered(rel, of_real(k->kind == TSN_IR_REAL ? k->real : (double)k->i), out);
	if (k->kind == TSN_IR_REAL)
		return whole_against_real(rel, k->real, out);
	return ordered(rel, tsn_line_of_int(k->i), out);
}

static bool
is_constant(const struct tsn_ir *x)
{
	return x->kind == TSN_IR_INT || x->kind == TSN_IR_REAL || x->kind == TSN_IR_ADDR || x->kind == TSN_IR_STRING;
}

/* flags & BITS: the field and the bits. */
static bool
masked_flags(const struct tsn_ir *x, const struct tsn_ir **field, int64_t *bits)
{
	if (x->kind != TSN_IR_ARITH || x->arith != TSN_AR_BAND)
		return false;
	for (int i = 0; i < 2; i++) {
		if (x->kid[i]->kind == TSN_IR_FIELD && x->kid[i]->type == TSN_T_FLAGS && x->kid[1 - i]->kind == TSN_IR_INT) {
			*field = x->kid[i];
			*bits = x->kid[1 - i]->i;
			return true;
		}
	}
	return false;
}

static bool
flags_where(int64_t bits, int64_t want, bool equal, struct tsn_ranges *out)
{
	for (int64_t v = 0; v <= FLAGS_ALL; v++)
		if (((v & bits) == want) == equal && !tsn_line_put(out, tsn_line_of_int(v), tsn_line_of_int(v)))
			return false;
	tsn_ranges_merge(out);
	return true;
}

/* --- one condition --- */

static enum tsn_line
outcome(bool ok)
{
	return ok ? TSN_LINE_RANGES : TSN_LINE_MEMORY;
}

static enum tsn_line
compared(const struct tsn_ir *leaf, const struct tsn_ir **of, const struct tsn_ir **with, struct tsn_ranges *out)
{
	const struct tsn_ir *field;
	int64_t bits;

	if (masked_flags(leaf->kid[0], &field, &bits) && leaf->kid[1]->kind == TSN_IR_INT &&
	    (leaf->rel == TSN_REL_EQ || leaf->rel == TSN_REL_NE)) {
		*of = field;
		return outcome(flags_where(bits, leaf->kid[1]->i, leaf->rel == TSN_REL_EQ, out));
	}
	*of = leaf->kid[0];
	if (is_constant(leaf->kid[1]))
		return is_constant(leaf->kid[0]) ? TSN_LINE_NONE : outcome(against_constant(leaf->kid[0], leaf->rel, leaf->kid[1], out));
	*with = leaf->kid[1]; /* 0: less, 1: equal, 2: greater */
	return outcome(ordered(leaf->rel, 1, out));
}

static enum tsn_line
in_set(const struct tsn_ruleset *rs, const struct tsn_ir *leaf, struct tsn_ranges *out)
{
	const struct tsn_set *s = leaf->set < rs->module->nsets ? rs->module->sets[leaf->set].set : NULL;
	const enum tsn_set_kind kind = s == NULL ? TSN_SET_ANY : tsn_set_kind(s);

	if (leaf->kid[0]->kind == TSN_IR_TUPLE || is_real(leaf->kid[0]) || (kind != TSN_SET_ADDR && kind != TSN_SET_INT) ||
	    tsn_set_size(s) > RANGES_MAX || !tsn_ruleset_set_written(rs, leaf->set))
		return TSN_LINE_NONE;
	if (!tsn_set_ranges(s, out))
		return outcome(false);
	tsn_ranges_merge(out);
	return outcome(true);
}

static bool
in_prefix(struct tsn_prefix p, struct tsn_ranges *out)
{
	const tsn_u128 lo = of_addr(p.addr);
	const unsigned bits = (p.addr.v4 ? 32u : 128u) - p.len;

	return tsn_line_put(out, lo, bits == 128 ? most : lo | (((tsn_u128)1 << bits) - 1)) && (p.addr.v4 || tsn_ranges_without_v4(out));
}

/* What [leaf], being true, says of which value. */
enum tsn_line
tsn_line_ranges(const struct tsn_ruleset *rs, const struct tsn_ir *leaf, const struct tsn_ir **of, const struct tsn_ir **with,
    struct tsn_ranges *out)
{
	*with = NULL;
	switch (leaf->kind) {
	case TSN_IR_COMPARE:
		return compared(leaf, of, with, out);
	case TSN_IR_FLAGS_HAS:
		*of = leaf->kid[0];
		return leaf->kid[0]->type == TSN_T_FLAGS ? outcome(flags_where(leaf->i, leaf->i, true, out)) : TSN_LINE_NONE;
	case TSN_IR_IN:
		*of = leaf->kid[0];
		return in_set(rs, leaf, out);
	case TSN_IR_IN_PREFIX:
		*of = leaf->kid[0];
		return outcome(in_prefix(leaf->prefix, out));
	default:
		return TSN_LINE_NONE;
	}
}

bool
tsn_line_all(const struct tsn_ir *of, const struct tsn_ir *with, struct tsn_ranges *out)
{
	return with != NULL ? tsn_line_put(out, 0, 2) : tsn_line_universe(of, out);
}
