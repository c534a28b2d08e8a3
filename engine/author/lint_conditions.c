/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Conditions that exclude one another, follow from one another, or say nothing; and the same of exceptions. */
#include "author/known.h"
#include "author/lint_internal.h"
#include "base/mem.h"

#define BESIDE (LINT_IN_WHEN | LINT_IN_KEEP)
#define SHOWN 80
#define PARTS_MAX 64 /* of one conjunction */

struct look {
	struct lint *l;
	const struct lint_rule *r;
	const struct tsn_ir *part[PARTS_MAX]; /* joined by `and` */
	size_t n;
};

static void
take(struct look *k, const struct tsn_ir *x)
{
	if (x->kind == TSN_IR_AND) {
		for (uint32_t i = 0; i < x->nkids; i++)
			take(k, x->kid[i]);
	} else if (k->n < PARTS_MAX) {
		k->part[k->n++] = x;
	}
}

static bool
possible(const struct look *k, const struct tsn_ir *const *v, size_t n)
{
	return tsn_known_possible(k->l->rs, v, n);
}

/* --- never --- */

static bool
say_pair(struct look *k)
{
	for (size_t i = 0; i < k->n; i++) {
		for (size_t j = i + 1; j < k->n; j++) {
			const struct tsn_ir *pair[2] = { k->part[i], k->part[j] };
			struct tsn_span a, b;
			char text[SHOWN];

			if (possible(k, pair, 2))
				continue;
			a = lint_place_or_clause(k->l, k->r, BESIDE, pair[0]);
			b = lint_place_or_clause(k->l, k->r, BESIDE, pair[1]);
			if (a.begin > b.begin) {
				const struct tsn_span t = a;

				a = b;
				b = t;
			}
			tsn_diag_hint(lint_say(k->l, TSN_LINT_NEVER, b, "no flow can meet this and %s", lint_text(k->l, a, text, sizeof(text))),
			    "did you mean \"or\"?");
			return true;
		}
	}
	return false;
}

static bool
never(struct look *k)
{
	if (possible(k, k->part, k->n))
		return false;
	for (size_t i = 0; i < k->n; i++) {
		if (!possible(k, &k->part[i], 1)) {
			lint_say(k->l, TSN_LINT_NEVER, lint_place_or_clause(k->l, k->r, BESIDE, k->part[i]), "no flow can meet this");
			return true;
		}
	}
	if (!say_pair(k))
		lint_say(k->l, TSN_LINT_NEVER, lint_place_or_clause(k->l, k->r, LINT_IN_WHEN, k->r->ir->when),
		    "no flow can meet this and where together");
	return true;
}

/* --- alternatives --- */

static void
dead_alternatives(struct look *k, size_t at)
{
	const struct tsn_ir *or = k->part[at];
	struct tsn_span span;

	for (uint32_t i = 0; i < or->nkids; i++) {
		k->part[at] = or->kid[i];
		if (!possible(k, k->part, k->n) && lint_place(k->l, k->r, BESIDE, or->kid[i], &span))
			lint_say(k->l, TSN_LINT_DEAD_PART, span, "no flow can meet this alternative and what is joined to it");
	}
	k->part[at] = or;
}

static bool
is_leaf(const struct tsn_ir *x)
{
	return x->kind != TSN_IR_AND && x->kind != TSN_IR_OR;
}

/* One of the alternatives always holds: all of them cannot be false. */
static void
always(struct look *k, const struct tsn_ir *or)
{
	struct tsn_known f;
	struct tsn_span span;
	bool excluded = false;

	for (uint32_t i = 0; i < or->nkids; i++)
		if (!is_leaf(or->kid[i]))
			return;
	tsn_known_init(&f, k->l->rs, false);
	for (uint32_t i = 0; i < or->nkids && !excluded; i++)
		excluded = !tsn_known_assume(&f, or->kid[i], false);
	if (excluded && !f.failed && lint_place(k->l, k->r, BESIDE, or, &span))
		lint_say(k->l, TSN_LINT_ALWAYS, span, "every flow that has these fields meets one of these");
	tsn_known_fini(&f);
}

/* --- what follows from the rest --- */

static void
implied(struct look *k, size_t at)
{
	const struct tsn_ir *leaf = k->part[at], *rest[PARTS_MAX];
	struct tsn_span span, why;
	char text[SHOWN];
	size_t n = 0;

	if (leaf->stateful || !is_leaf(leaf) || !lint_place(k->l, k->r, BESIDE, leaf, &span))
		return;
	for (size_t i = 0; i < k->n; i++)
		if (i != at)
			rest[n++] = k->part[i];
	if (!tsn_known_imply(k->l->rs, rest, n, leaf))
		return;
	for (size_t i = 0; i < n; i++) {
		if (tsn_known_imply(k->l->rs, &rest[i], 1, leaf) && (lint_place(k->l, k->r, BESIDE, rest[i], &why) || (why = rest[i]->span, true))) {
			lint_say(k->l, TSN_LINT_IMPLIED, span, "this follows from %s", lint_text(k->l, why, text, sizeof(text)));
			return;
		}
	}
	lint_say(k->l, TSN_LINT_IMPLIED, span, "this follows from the conditions beside it");
}

/* --- exceptions --- */

static void
exception(struct look *k, const struct tsn_ir *x)
{
	const struct tsn_span at = lint_place_or_clause(k->l, k->r, LINT_IN_EXCEPT, x);
	struct look all = *k, own = { .l = k->l, .r = k->r };
	size_t i;

	take(&all, x);
	take(&own, x);
	if (!possible(&all, all.part, all.n)) {
		lint_say(k->l, TSN_LINT_EXCEPT_NOTHING, at, "this hides nothing: no flow that the rule matches meets it");
		return;
	}
	for (i = 0; i < own.n && tsn_known_imply(k->l->rs, k->part, k->n, own.part[i]); i++)
		;
	if (x->kind == TSN_IR_TRUE || (own.n > 0 && i == own.n))
		lint_say(k->l, TSN_LINT_EXCEPT_ALL, at, "this hides everything: each flow that the rule matches meets it");
}

static void
exceptions(struct look *k)
{
	const struct tsn_ir *x = k->r->ir->except;

	if (x->kind == TSN_IR_FALSE)
		return;
	for (uint32_t i = 0; x->kind == TSN_IR_OR && i < x->nkids; i++)
		exception(k, x->kid[i]);
	if (x->kind != TSN_IR_OR)
		exception(k, x);
}

/* --- conditions of functions --- */

static void
counts_nothing(void *arg, const struct tsn_ir *f)
{
	struct look *k = arg;
	const struct tsn_ir_agg *a = f->agg;

	if (a->fired != NULL || a->fn == TSN_AGG_SEQUENCE || possible(k, &a->where, 1))
		return;
	lint_say(k->l, TSN_LINT_COUNTS_NOTHING, lint_place_or_clause(k->l, k->r, BESIDE, f),
	    "no flow can meet what this function counts and the rule's where");
}

static void
step_counts_nothing(void *arg, const struct tsn_ir *f)
{
	struct look *k = arg;

	for (uint32_t i = 0; i < f->agg->nsteps; i++)
		if (f->agg->step[i].rule == NULL && !possible(k, &f->agg->step[i].where, 1))
			lint_say(k->l, TSN_LINT_COUNTS_NOTHING, lint_place_or_clause(k->l, k->r, BESIDE, f),
			    "no flow can meet step %u of this sequence", i + 1);
}

void
lint_conditions(struct lint *l, const struct lint_rule *r)
{
	struct look k = { .l = l, .r = r };

	take(&k, r->ir->when);
	if (never(&k))
		return;
	for (size_t i = 0; i < k.n; i++) {
		if (k.part[i]->kind == TSN_IR_OR) {
			dead_alternatives(&k, i);
			always(&k, k.part[i]);
		} else {
			implied(&k, i);
		}
	}
	lint_functions(r->ir->when, counts_nothing, &k);
	lint_functions(r->ir->when, step_counts_nothing, &k);
	exceptions(&k);
}
