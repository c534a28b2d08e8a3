/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The tests of a rule: are there any, of both kinds, and do they say different things? */
#include <string.h>

#include "author/lint_internal.h"

static const struct tsn_node *
next_test(const struct tsn_node *n)
{
	while (n != NULL && n->kind != TSN_N_TEST)
		n = n->next;
	return n;
}

/* All but the titles. */
static bool
same(const struct tsn_node *a, const struct tsn_node *b)
{
	const struct tsn_node *x = a->kids, *y = b->kids;

	for (; x != NULL && y != NULL; x = x->next, y = y->next)
		if (!tsn_node_equal(x, y))
			return false;
	return x == NULL && y == NULL && a->kids != NULL;
}

static void
duplicates(struct lint *l, const struct lint_rule *r)
{
	for (const struct tsn_node *t = next_test(r->tree->kids); t != NULL; t = next_test(t->next)) {
		for (const struct tsn_node *b = next_test(r->tree->kids); b != t; b = next_test(b->next)) {
			if (!same(t, b))
				continue;
			tsn_diag_also(lint_say(l, TSN_LINT_SAME_TEST, t->at, "this test has the same flows as \"%s\"", b->text), b->at, "that one");
			break;
		}
	}
}

/* --- flows without a protocol --- */

static void
find_proto(const struct tsn_ir *x, bool *found)
{
	if (x->kind == TSN_IR_FIELD && x->field == TSN_F_PROTO)
		*found = true;
	if (x->kind == TSN_IR_AGG)
		find_proto(x->agg->where, found);
	for (uint32_t i = 0; i < x->nkids && !*found; i++)
		find_proto(x->kid[i], found);
}

static bool
assigns_proto(const struct tsn_node *flow)
{
	for (const struct tsn_node *n = flow->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_ASSIGN && n->text != NULL && tsn_field_find(n->text, n->len) == TSN_F_PROTO)
			return true;
	return false;
}

static void
protocols(struct lint *l, const struct lint_rule *r)
{
	bool asks = false;

	find_proto(r->ir->when, &asks);
	for (const struct tsn_node *t = next_test(r->tree->kids); asks && t != NULL; t = next_test(t->next))
		for (const struct tsn_node *f = t->kids; f != NULL; f = f->next)
			if (f->kind == TSN_N_FLOW && !assigns_proto(f)) {
				tsn_diag_hint(lint_say(l, TSN_LINT_TEST_PROTO, f->at.end > f->at.begin ? f->at : f->span,
				    "this flow has no proto, and the rule asks for it: whatever else it has, it cannot match"), "add proto = tcp, or what is meant");
				break;
			}
}

void
lint_tests(struct lint *l, const struct lint_rule *r)
{
	uint32_t fires = 0, quiet = 0;

	for (uint32_t i = 0; i < l->rs->ntests; i++) {
		if (strcmp(l->rs->tests[i].rule, r->ir->meta.name) != 0)
			continue;
		fires += !l->rs->tests[i].quiet && l->rs->tests[i].count != 0;
		quiet += l->rs->tests[i].quiet || l->rs->tests[i].count == 0;
	}
	if (fires + quiet == 0)
		tsn_diag_hint(lint_say(l, TSN_LINT_NO_TEST, r->tree->at, "rule %s has no test", r->tree->text),
		    "one that fires, and one just beside it that stays quiet");
	else if (fires == 0)
		lint_say(l, TSN_LINT_NO_FIRING_TEST, r->tree->at, "no test of rule %s expects it to fire", r->tree->text);
	else if (quiet == 0)
		lint_say(l, TSN_LINT_NO_QUIET_TEST, r->tree->at, "no test of rule %s expects it to stay quiet", r->tree->text);
	duplicates(l, r);
	protocols(l, r);
}
