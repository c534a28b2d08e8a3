/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What values of functions can be: thresholds that none reaches, and counts of what there is only one of. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "author/known.h"
#include "author/lint_internal.h"

#define BESIDE (LINT_IN_WHEN | LINT_IN_KEEP)

struct look {
	struct lint *l;
	const struct lint_rule *r;
};

/* Is the part a function of the group's key? A mask of the key's is, a finer one is not. */
static bool
in_key(const struct tsn_key_part *p, const struct tsn_key_spec *key)
{
	for (unsigned i = 0; i < key->n; i++) {
		const struct tsn_key_part *k = &key->part[i];

		if (k->field == p->field && (tsn_fields[p->field].storage != TSN_ADDR || (p->v4_bits <= k->v4_bits && p->v6_bits <= k->v6_bits)))
			return true;
	}
	return false;
}

static bool
is_one_value(const struct tsn_ir_agg *a)
{
	if ((a->fn != TSN_AGG_DISTINCT && a->fn != TSN_AGG_ENTROPY) || a->tuple.n == 0)
		return false;
	for (unsigned i = 0; i < a->tuple.n; i++)
		if (!in_key(&a->tuple.part[i], &a->key))
			return false;
	return true;
}

static void
one_value(void *arg, const struct tsn_ir *f)
{
	struct look *k = arg;

	if (is_one_value(f->agg))
		tsn_diag_hint(lint_say(k->l, TSN_LINT_ONE_VALUE, lint_place_or_clause(k->l, k->r, BESIDE, f),
		    f->agg->fn == TSN_AGG_DISTINCT ? "what is counted here is in the key of the group, so there is never more than one" :
		    "what is looked at here is in the key of the group, so this is always 0"), "count something that is not behind by");
}

/* Different values of all fields counted, UINT64_MAX if many or unknown. */
static uint64_t
values(const struct look *k, const struct tsn_ir_agg *a)
{
	uint64_t product = 1;

	for (unsigned i = 0; i < a->tuple.n; i++) {
		const struct tsn_key_part *p = &a->tuple.part[i];
		const uint64_t n = in_key(p, &a->key) ? 1 : tsn_known_values(k->l->rs, a->where, p->field, p->v4_bits, p->v6_bits);

		if (__builtin_mul_overflow(product, n, &product))
			return UINT64_MAX;
	}
	return a->tuple.n == 0 ? UINT64_MAX : product;
}

static double
number(const struct tsn_ir *x)
{
	return x->kind == TSN_IR_REAL ? x->real : (double)x->i;
}

/* Whether a value between 0 and [most] can satisfy it: -1 never, 1 always, 0 it depends. */
static int
decide(enum tsn_rel rel, double most, double k)
{
	switch (rel) {
	case TSN_REL_EQ: return k < 0 || k > most ? -1 : 0;
	case TSN_REL_NE: return k < 0 || k > most ? 1 : 0;
	case TSN_REL_LT: return k <= 0 ? -1 : k > most ? 1 : 0;
	case TSN_REL_LE: return k < 0 ? -1 : k >= most ? 1 : 0;
	case TSN_REL_GT: return k >= most ? -1 : k < 0 ? 1 : 0;
	default: return k > most ? -1 : k <= 0 ? 1 : 0;
	}
}

static void
threshold(const struct look *k, const struct tsn_ir *x)
{
	const struct tsn_ir_agg *a;
	double most = INFINITY;
	uint64_t n;
	int sure;

	if (x->kind != TSN_IR_COMPARE || x->kid[0]->kind != TSN_IR_AGG ||
	    (x->kid[1]->kind != TSN_IR_INT && x->kid[1]->kind != TSN_IR_REAL))
		return;
	a = x->kid[0]->agg;
	if ((a->fn != TSN_AGG_COUNT && a->fn != TSN_AGG_DISTINCT && a->fn != TSN_AGG_ENTROPY) || a->fired != NULL || is_one_value(a))
		return;
	n = a->fn == TSN_AGG_COUNT ? UINT64_MAX : values(k, a);
	if (n != UINT64_MAX)
		most = a->fn == TSN_AGG_ENTROPY ? log2((double)(n == 0 ? 1 : n)) : (double)n;
	sure = decide(x->rel, most, number(x->kid[1]));
	if (sure < 0 && most < INFINITY)
		lint_say(k->l, TSN_LINT_UNREACHABLE, lint_place_or_clause(k->l, k->r, BESIDE, x),
		    "this is never met: of %" PRIu64 " possible values the function gives at most %g", n, most);
	else if (sure < 0)
		lint_say(k->l, TSN_LINT_UNREACHABLE, lint_place_or_clause(k->l, k->r, BESIDE, x), "this is never met: it is never below 0");
	else if (sure > 0)
		lint_say(k->l, TSN_LINT_ALWAYS, lint_place_or_clause(k->l, k->r, BESIDE, x), "this always holds");
}

static void
thresholds(const struct look *k, const struct tsn_ir *x)
{
	threshold(k, x);
	for (uint32_t i = 0; i < x->nkids; i++)
		thresholds(k, x->kid[i]);
}

void
lint_values(struct lint *l, const struct lint_rule *r)
{
	struct look k = { l, r };

	lint_functions(r->ir->when, one_value, &k);
	thresholds(&k, r->ir->when);
}
