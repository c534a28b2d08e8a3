/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Every kind of value is put on one line of 128-bit numbers: integers with their sign bit turned, reals by the order of
 * their bits, IPv4 addresses as mapped IPv6 ones, texts by their hash. A condition on a value is then a list of ranges.
 */
#include "author/known.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sets/set.h"

#define STEPS 1000         /* of one search */
#define FLAGS_ALL 0x1ff
#define RANGES_MAX 4096    /* sets with more are not looked into */

static const tsn_u128 most = ~(tsn_u128)0;

static tsn_u128
of_int(int64_t v)
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
	return a.v4 ? (tsn_u128)0xffff << 32 | a.lo : (tsn_u128)a.hi << 64 | a.lo;
}

static tsn_u128
of_text(const char *p, size_t n)
{
	return (tsn_u128)tsn_hash_bytes(p, n, 1) << 64 | tsn_hash_bytes(p, n, 2);
}

static bool
put(struct tsn_ranges *l, tsn_u128 lo, tsn_u128 hi)
{
	return tsn_ranges_add(l, (struct tsn_range){ .lo = lo, .hi = hi });
}

/* [l] becomes what of [all] is not in it. */
static bool
complement(struct tsn_ranges *l, const struct tsn_ranges *all)
{
	struct tsn_ranges out = { 0 };

	for (size_t i = 0; i < all->n; i++)
		if (!put(&out, all->r[i].lo, all->r[i].hi))
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
static bool
intersect(struct tsn_ranges *l, const struct tsn_ranges *other)
{
	struct tsn_ranges line = { 0 }, rest = { 0 };
	bool ok = put(&line, 0, most) && tsn_ranges_subtract(&line, other);

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
static bool
universe(const struct tsn_ir *v, struct tsn_ranges *out)
{
	int64_t lo, hi;

	switch (v->type) {
	case TSN_T_ADDR:
	case TSN_T_STRING:
		return put(out, 0, most);
	case TSN_T_REAL:
		if (v->kind == TSN_IR_FIELD || (v->kind == TSN_IR_AGG && (v->agg->fn == TSN_AGG_ENTROPY || v->agg->fn == TSN_AGG_JITTER ||
		    v->agg->fn == TSN_AGG_STDDEV)))
			return put(out, of_real(0), of_real(INFINITY));
		return put(out, of_real(-INFINITY), of_real(INFINITY));
	default:
		return int_bounds(v, &lo, &hi) && put(out, of_int(lo), of_int(hi));
	}
}

/* --- comparisons --- */

static bool
ordered(enum tsn_rel rel, tsn_u128 k, struct tsn_ranges *out)
{
	switch (rel) {
	case TSN_REL_EQ: return put(out, k, k);
	case TSN_REL_NE: return (k == 0 || put(out, 0, k - 1)) && (k == most || put(out, k + 1, most));
	case TSN_REL_LT: return k == 0 || put(out, 0, k - 1);
	case TSN_REL_LE: return put(out, 0, k);
	case TSN_REL_GT: return k == most || put(out, k + 1, most);
	default: return put(out, k, most);
	}
}

/* A whole number against a real one: the nearest whole numbers decide. */
static bool
whole_against_real(enum tsn_rel rel, double k, struct tsn_ranges *out)
{
	if (!(fabs(k) < 9e15))
		return put(out, 0, most);
	if (k == floor(k))
		return ordered(rel, of_int((int64_t)k), out);
	switch (rel) {
	case TSN_REL_EQ: return true;
	case TSN_REL_NE: return put(out, 0, most);
	case TSN_REL_LT:
	case TSN_REL_LE: return ordered(TSN_REL_LE, of_int((int64_t)floor(k)), out);
	default: return ordered(TSN_REL_GE, of_int((int64_t)ceil(k)), out);
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
	return ordered(rel, of_int(k->i), out);
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
		if (((v & bits) == want) == equal && !put(out, of_int(v), of_int(v)))
			return false;
	tsn_ranges_merge(out);
	return true;
}

/* --- one condition --- */

enum outcome { NO_RANGES, RANGES, NO_MEMORY };

static enum outcome
outcome(bool ok)
{
	return ok ? RANGES : NO_MEMORY;
}

static enum outcome
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
		return is_constant(leaf->kid[0]) ? NO_RANGES : outcome(against_constant(leaf->kid[0], leaf->rel, leaf->kid[1], out));
	*with = leaf->kid[1]; /* 0: less, 1: equal, 2: greater */
	return outcome(ordered(leaf->rel, 1, out));
}

static enum outcome
in_set(const struct tsn_ruleset *rs, const struct tsn_ir *leaf, struct tsn_ranges *out)
{
	const struct tsn_set *s = leaf->set < rs->module->nsets ? rs->module->sets[leaf->set].set : NULL;
	const enum tsn_set_kind kind = s == NULL ? TSN_SET_ANY : tsn_set_kind(s);

	if (leaf->kid[0]->kind == TSN_IR_TUPLE || is_real(leaf->kid[0]) || (kind != TSN_SET_ADDR && kind != TSN_SET_INT) ||
	    tsn_set_size(s) > RANGES_MAX || !tsn_ruleset_set_written(rs, leaf->set))
		return NO_RANGES;
	return outcome(tsn_set_ranges(s, out));
}

static bool
in_prefix(struct tsn_prefix p, struct tsn_ranges *out)
{
	const tsn_u128 lo = of_addr(p.addr);
	const unsigned bits = (p.addr.v4 ? 32u : 128u) - p.len;

	return put(out, lo, bits == 128 ? most : lo | (((tsn_u128)1 << bits) - 1));
}

/* What [leaf], being true, says of which value. */
static enum outcome
leaf_ranges(const struct tsn_ruleset *rs, const struct tsn_ir *leaf, const struct tsn_ir **of, const struct tsn_ir **with,
    struct tsn_ranges *out)
{
	*with = NULL;
	switch (leaf->kind) {
	case TSN_IR_COMPARE:
		return compared(leaf, of, with, out);
	case TSN_IR_FLAGS_HAS:
		*of = leaf->kid[0];
		return leaf->kid[0]->type == TSN_T_FLAGS ? outcome(flags_where(leaf->i, leaf->i, true, out)) : NO_RANGES;
	case TSN_IR_IN:
		*of = leaf->kid[0];
		return in_set(rs, leaf, out);
	case TSN_IR_IN_PREFIX:
		*of = leaf->kid[0];
		return outcome(in_prefix(leaf->prefix, out));
	default:
		return NO_RANGES;
	}
}

static bool
all_of(const struct tsn_ir *of, const struct tsn_ir *with, struct tsn_ranges *out)
{
	return with != NULL ? put(out, 0, 2) : universe(of, out);
}

bool
tsn_known_allowed(const struct tsn_ruleset *rs, const struct tsn_ir *leaf, struct tsn_ranges *allowed, struct tsn_ranges *all)
{
	const bool negated = leaf->kind == TSN_IR_NOT;
	const struct tsn_ir *of, *with;

	if (negated)
		leaf = leaf->kid[0];
	if (leaf_ranges(rs, leaf, &of, &with, allowed) != RANGES || with != NULL || !all_of(of, with, all))
		return false;
	return negated ? complement(allowed, all) : intersect(allowed, all);
}

/* --- facts --- */

void
tsn_known_init(struct tsn_known *f, const struct tsn_ruleset *rs, bool infer)
{
	*f = (struct tsn_known){ .rs = rs, .infer = infer };
}

void
tsn_known_fini(struct tsn_known *f)
{
	for (size_t i = 0; i < f->n; i++)
		tsn_ranges_fini(&f->fact[i].in);
	tsn_free(f->fact);
	tsn_free(f->holds);
	tsn_free(f->fails);
	*f = (struct tsn_known){ .rs = f->rs, .infer = f->infer };
}

static bool
copy(struct tsn_known *to, const struct tsn_known *from)
{
	tsn_known_init(to, from->rs, from->infer);
	for (size_t i = 0; i < from->n; i++) {
		struct tsn_known_value *v = tsn_grow(to->fact, to->n, &to->cap, sizeof(*v));

		if (v == NULL)
			return false;
		to->fact = v;
		v[to->n++] = (struct tsn_known_value){ .of = from->fact[i].of, .with = from->fact[i].with };
		for (size_t k = 0; k < from->fact[i].in.n; k++)
			if (!tsn_ranges_add(&v[to->n - 1].in, from->fact[i].in.r[k]))
				return false;
	}
	to->holds = tsn_reallocarray(NULL, from->nholds + 1, sizeof(*to->holds));
	to->fails = tsn_reallocarray(NULL, from->nfails + 1, sizeof(*to->fails));
	if (to->holds == NULL || to->fails == NULL)
		return false;
	memcpy(to->holds, from->holds == NULL ? to->holds : from->holds, from->nholds * sizeof(*to->holds));
	memcpy(to->fails, from->fails == NULL ? to->fails : from->fails, from->nfails * sizeof(*to->fails));
	to->nholds = to->cap_holds = from->nholds;
	to->nfails = to->cap_fails = from->nfails;
	return true;
}

/* The protocol is one value under whatever conditions name or imply it. */
static const struct tsn_ir any_proto = { .kind = TSN_IR_FIELD, .type = TSN_T_PROTO, .field = TSN_F_PROTO };

static struct tsn_known_value *
fact_of(struct tsn_known *f, const struct tsn_ir *of, const struct tsn_ir *with)
{
	struct tsn_known_value *v;

	if (of->kind == TSN_IR_FIELD && of->field == TSN_F_PROTO && with == NULL)
		of = &any_proto;
	for (size_t i = 0; i < f->n; i++)
		if (f->fact[i].of == of && f->fact[i].with == with)
			return &f->fact[i];
	v = tsn_grow(f->fact, f->n, &f->cap, sizeof(*v));
	if (v == NULL)
		return NULL;
	f->fact = v;
	v[f->n] = (struct tsn_known_value){ .of = of, .with = with };
	if (!all_of(of, with, &v[f->n].in)) {
		tsn_ranges_fini(&v[f->n].in);
		return NULL;
	}
	return &v[f->n++];
}

/* Out of memory nothing is excluded. */
static bool
give_up(struct tsn_known *f)
{
	f->failed = true;
	return true;
}

static bool
narrow(struct tsn_known *f, const struct tsn_ir *of, const struct tsn_ir *with, const struct tsn_ranges *to)
{
	struct tsn_known_value *fact = fact_of(f, of, with);

	if (fact == NULL || !intersect(&fact->in, to))
		return give_up(f);
	return fact->in.n > 0;
}

/* Protocols whose flows have the field; false: all may. */
static bool
protocols_of(uint16_t field, struct tsn_ranges *out, bool *ok)
{
	static const uint8_t ports[] = { 6, 17, 33, 132, 136 }, icmp[] = { 1, 58 }, tcp[] = { 6 };
	const uint8_t *v = field == TSN_F_SRC_PORT || field == TSN_F_DST_PORT ? ports : field == TSN_F_FLAGS ? tcp :
	    field == TSN_F_ICMP_TYPE || field == TSN_F_ICMP_CODE ? icmp : NULL;
	const size_t n = v == ports ? sizeof(ports) : v == icmp ? sizeof(icmp) : sizeof(tcp);

	for (size_t i = 0; v != NULL && i < n && *ok; i++)
		*ok = put(out, of_int(v[i]), of_int(v[i]));
	return v != NULL;
}

/* The fields that must be there for a value to be known. */
static bool
need(struct tsn_known *f, const struct tsn_ir *x)
{
	struct tsn_ranges protos = { 0 };
	bool ok = true, possible = true;

	if (x->kind == TSN_IR_AGG || x->kind == TSN_IR_CHOOSE || x->kind == TSN_IR_TABLE)
		return true;
	if (x->kind == TSN_IR_FIELD && protocols_of(x->field, &protos, &ok))
		possible = ok ? narrow(f, &any_proto, NULL, &protos) : give_up(f);
	tsn_ranges_fini(&protos);
	for (uint32_t i = 0; possible && i < x->nkids; i++)
		possible = need(f, x->kid[i]);
	return possible;
}

static bool
among(const struct tsn_ir *const *v, size_t n, const struct tsn_ir *x)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == x)
			return true;
	return false;
}

static bool
remember(const struct tsn_ir ***v, size_t *n, size_t *cap, const struct tsn_ir *x)
{
	const struct tsn_ir **grown = tsn_grow(*v, *n, cap, sizeof(**v));

	if (grown == NULL)
		return false;
	*v = grown;
	grown[(*n)++] = x;
	return true;
}

static bool
assume_ranges(struct tsn_known *f, const struct tsn_ir *leaf, bool holds)
{
	struct tsn_ranges in = { 0 }, all = { 0 };
	const struct tsn_ir *of = NULL, *with;
	bool possible = true;

	switch (leaf_ranges(f->rs, leaf, &of, &with, &in)) {
	case RANGES:
		if (!holds && (!all_of(of, with, &all) || !complement(&in, &all)))
			possible = give_up(f);
		else
			possible = narrow(f, of, with, &in);
		break;
	case NO_MEMORY:
		give_up(f);
		break;
	case NO_RANGES:
		break;
	}
	tsn_ranges_fini(&in);
	tsn_ranges_fini(&all);
	return possible;
}

bool
tsn_known_assume(struct tsn_known *f, const struct tsn_ir *leaf, bool holds)
{
	for (; leaf->kind == TSN_IR_NOT; leaf = leaf->kid[0])
		holds = !holds;
	if (leaf->kind == TSN_IR_TRUE || leaf->kind == TSN_IR_FALSE)
		return (leaf->kind == TSN_IR_TRUE) == holds;
	if (among(holds ? f->fails : f->holds, holds ? f->nfails : f->nholds, leaf))
		return false;
	if (!(holds ? remember(&f->holds, &f->nholds, &f->cap_holds, leaf) : remember(&f->fails, &f->nfails, &f->cap_fails, leaf)))
		return give_up(f);
	if (leaf->kind == TSN_IR_UNKNOWN || leaf->kind == TSN_IR_GIVES || leaf->kind == TSN_IR_DURING)
		return true;
	/* that a field is absent needs nothing */
	if (f->infer && !(leaf->kind == TSN_IR_HAS && !holds) && !need(f, leaf))
		return false;
	return assume_ranges(f, leaf, holds);
}

/* --- searching --- */

struct search {
	unsigned steps;
};

static bool
push(const struct tsn_ir ***v, size_t *n, size_t *cap, const struct tsn_ir *x)
{
	return remember(v, n, cap, x);
}

/* Takes apart what must hold; what has alternatives waits in [or]. Conditions under NOT are leaves (the graph sees to that). */
static bool
settle(struct tsn_known *f, const struct tsn_ir *x, const struct tsn_ir ***or, size_t *nor, size_t *cap)
{
	if (x->kind == TSN_IR_AND) {
		for (uint32_t i = 0; i < x->nkids; i++)
			if (!settle(f, x->kid[i], or, nor, cap))
				return false;
		return true;
	}
	if (x->kind == TSN_IR_OR)
		return push(or, nor, cap, x) || give_up(f);
	return tsn_known_assume(f, x, true);
}

static bool
possible(struct search *s, struct tsn_known *f, const struct tsn_ir *const *all, size_t n)
{
	const struct tsn_ir **or = NULL, **rest = NULL;
	size_t nor = 0, cap = 0;
	bool ok = true;

	if (s->steps++ >= STEPS)
		return true;
	for (size_t i = 0; ok && i < n; i++)
		ok = settle(f, all[i], &or, &nor, &cap);
	if (!ok || nor == 0 || f->failed)
		goto out;
	rest = tsn_reallocarray(NULL, nor, sizeof(*rest));
	if (rest == NULL) {
		give_up(f);
		goto out;
	}
	memcpy(rest, or, nor * sizeof(*rest));
	ok = false;
	for (uint32_t i = 0; !ok && i < or[0]->nkids; i++) {
		struct tsn_known with;

		rest[0] = or[0]->kid[i];
		ok = !copy(&with, f) || possible(s, &with, rest, nor);
		tsn_known_fini(&with);
	}
out:
	tsn_free(or);
	tsn_free(rest);
	return ok || f->failed;
}

static bool
search(const struct tsn_ruleset *rs, const struct tsn_ir *const *all, size_t n, bool infer)
{
	struct search s = { 0 };
	struct tsn_known f;
	bool ok;

	tsn_known_init(&f, rs, infer);
	ok = possible(&s, &f, all, n) || f.failed;
	tsn_known_fini(&f);
	return ok;
}

bool
tsn_known_possible(const struct tsn_ruleset *rs, const struct tsn_ir *const *all, size_t n)
{
	return search(rs, all, n, true);
}

bool
tsn_known_possible_as_written(const struct tsn_ruleset *rs, const struct tsn_ir *const *all, size_t n)
{
	return search(rs, all, n, false);
}

bool
tsn_known_imply(const struct tsn_ruleset *rs, const struct tsn_ir *const *all, size_t n, const struct tsn_ir *leaf)
{
	const struct tsn_ir **or = NULL, *of = NULL, *with, *bare = leaf->kind == TSN_IR_NOT ? leaf->kid[0] : leaf;
	struct tsn_ranges in = { 0 };
	size_t nor = 0, cap = 0, i;
	struct tsn_known f;
	bool follows = false;

	if (bare->kind == TSN_IR_AND || bare->kind == TSN_IR_OR || leaf_ranges(rs, bare, &of, &with, &in) != RANGES) {
		tsn_ranges_fini(&in);
		return false;
	}
	tsn_ranges_fini(&in);
	tsn_known_init(&f, rs, false);
	for (i = 0; i < n && settle(&f, all[i], &or, &nor, &cap); i++)
		;
	if (i == n && !f.failed) {
		/* only what speaks of the same value says that it is there */
		const bool proto = of->kind == TSN_IR_FIELD && of->field == TSN_F_PROTO && with == NULL;
		const size_t before = f.n;
		bool known = false;

		for (size_t k = 0; k < before; k++)
			known |= f.fact[k].of == (proto ? &any_proto : of) && f.fact[k].with == with;
		follows = known && !tsn_known_assume(&f, leaf, false) && !f.failed;
	}
	tsn_known_fini(&f);
	tsn_free(or);
	return follows;
}

uint64_t
tsn_known_values(const struct tsn_ruleset *rs, const struct tsn_ir *where, uint16_t field, unsigned v4_bits, unsigned v6_bits)
{
	const struct tsn_ir **or = NULL, self = { .kind = TSN_IR_FIELD, .type = tsn_fields[field].type, .field = field };
	uint64_t sum = UINT64_MAX;
	struct tsn_ranges all = { 0 };
	size_t nor = 0, cap = 0;
	struct tsn_known f;

	tsn_known_init(&f, rs, false);
	if (tsn_fields[field].type == TSN_T_STRING || tsn_fields[field].type == TSN_T_REAL || !universe(&self, &all))
		goto out;
	if (!settle(&f, where, &or, &nor, &cap) || f.failed)
		goto out;
	for (size_t i = 0; i < f.n; i++) {
		const struct tsn_ir *of = f.fact[i].of;

		if (of->kind == TSN_IR_FIELD && of->field == field && f.fact[i].with == NULL &&
		    (of == &any_proto || tsn_fields[field].storage != TSN_ADDR || (of->v4_bits == v4_bits && of->v6_bits == v6_bits)) &&
		    !intersect(&all, &f.fact[i].in))
			goto out;
	}
	sum = 0;
	for (size_t i = 0; i < all.n; i++) {
		const tsn_u128 len = all.r[i].hi - all.r[i].lo;

		sum = len >= UINT64_MAX - 1 || sum > UINT64_MAX - 1 - (uint64_t)len ? UINT64_MAX : sum + (uint64_t)len + 1;
		if (sum == UINT64_MAX)
			break;
	}
out:
	tsn_ranges_fini(&all);
	tsn_known_fini(&f);
	tsn_free(or);
	return sum;
}
