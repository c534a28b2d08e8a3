/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "author/known.h"

#include <string.h>

#include "author/line.h"
#include "base/mem.h"

#define STEPS 1000         /* of one search */

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
	if (!tsn_line_all(of, with, &v[f->n].in)) {
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

	if (fact == NULL || !tsn_line_intersect(&fact->in, to))
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
		*ok = tsn_line_put(out, tsn_line_of_int(v[i]), tsn_line_of_int(v[i]));
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

	switch (tsn_line_ranges(f->rs, leaf, &of, &with, &in)) {
	case TSN_LINE_RANGES:
		if (!holds && (!tsn_line_all(of, with, &all) || !tsn_line_complement(&in, &all)))
			possible = give_up(f);
		else
			possible = narrow(f, of, with, &in);
		break;
	case TSN_LINE_MEMORY:
		give_up(f);
		break;
	case TSN_LINE_NONE:
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

	if (bare->kind == TSN_IR_AND || bare->kind == TSN_IR_OR || tsn_line_ranges(rs, bare, &of, &with, &in) != TSN_LINE_RANGES) {
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
	if (tsn_fields[field].type == TSN_T_STRING || tsn_fields[field].type == TSN_T_REAL || !tsn_line_universe(&self, &all))
		goto out;
	if (!settle(&f, where, &or, &nor, &cap) || f.failed)
		goto out;
	for (size_t i = 0; i < f.n; i++) {
		const struct tsn_ir *of = f.fact[i].of;

		if (of->kind == TSN_IR_FIELD && of->field == field && f.fact[i].with == NULL &&
		    (of == &any_proto || tsn_fields[field].storage != TSN_ADDR || (of->v4_bits == v4_bits && of->v6_bits == v6_bits)) &&
		    !tsn_line_intersect(&all, &f.fact[i].in))
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
