/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "author/coverage.h"

#include <string.h>

#include "base/mem.h"
#include "core/ruletest.h"

struct part {
	struct tsn_gap gap;
	bool exercised;
};

struct covering {
	struct part *v;
	size_t n, cap;
	bool met;                  /* by the test at hand: the condition of the rule */
	bool failed;
};

static const char *const what[] = {
#define COVER(kind, text, hint) text,
#include "author/coverage.def"
#undef COVER
};

static const char *const hints[] = {
#define COVER(kind, text, hint) hint,
#include "author/coverage.def"
#undef COVER
};

/* What a probe is about; COUNT: nothing by itself. */
static const enum tsn_cover cover_of[TSN_PROBE_COUNT] = {
	[TSN_PROBE_TRUE] = TSN_COVER_TRUE, [TSN_PROBE_FALSE] = TSN_COVER_FALSE, [TSN_PROBE_VALUE] = TSN_COVER_COUNT,
	[TSN_PROBE_HIDDEN] = TSN_COVER_HIDDEN, [TSN_PROBE_TWIN] = TSN_COVER_COUNT, [TSN_PROBE_END] = TSN_COVER_COUNT,
	[TSN_PROBE_RUNG] = TSN_COVER_RUNG, [TSN_PROBE_UNTIL] = TSN_COVER_UNTIL, [TSN_PROBE_OUTSIDE] = TSN_COVER_OUTSIDE,
	[TSN_PROBE_WHEN] = TSN_COVER_COUNT,
};

/* Parts are told apart by where they stand: what a test rebinds makes other nodes of the same text. */
static void
take(struct covering *c, enum tsn_cover kind, struct tsn_span span, bool exercised)
{
	struct part *p;

	for (size_t i = 0; i < c->n; i++) {
		const struct tsn_gap *g = &c->v[i].gap;

		if (g->kind == kind && g->span.file == span.file && g->span.begin == span.begin && g->span.end == span.end) {
			c->v[i].exercised |= exercised;
			return;
		}
	}
	p = tsn_grow(c->v, c->n, &c->cap, sizeof(*p));
	if (p == NULL) {
		c->failed = true;
		return;
	}
	c->v = p;
	c->v[c->n++] = (struct part){ { kind, span }, exercised };
}

static void
on_probe(void *arg, const struct tsn_probe *p, bool matched)
{
	struct covering *c = arg;

	if (p->kind == TSN_PROBE_WHEN)
		c->met |= matched;
	else if (cover_of[p->kind] != TSN_COVER_COUNT)
		take(c, cover_of[p->kind], p->span, matched);
}

static void
take_rule(void *arg, const struct tsn_node *n)
{
	const struct tsn_node **rule = arg;

	if (n->kind == TSN_N_RULE)
		*rule = n;
}

/* What only the outcome of a whole test shows. */
static void
take_outcome(struct covering *c, const struct tsn_node *rule, const struct tsn_test_outcome *o)
{
	const struct tsn_node *when = tsn_node_find(rule, TSN_N_WHEN);
	const struct tsn_node *hold = when == NULL ? NULL : tsn_node_find(when, TSN_N_FOR);

	for (const struct tsn_node *n = rule->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_THEN)
			take(c, TSN_COVER_THEN, n->span, o->openings > 0);
	if (hold != NULL)
		take(c, TSN_COVER_FOR, hold->span, c->met && o->openings == 0);
}

static void
run_test(struct covering *c, const struct tsn_ruleset *rs, uint32_t test, uint32_t batch_rows, const struct tsn_node *rule)
{
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_test_outcome o;
	enum tsn_test_result r = TSN_TEST_BROKEN;

	c->met = false;
	if (diags != NULL)
		r = tsn_ruletest_cover(rs, test, batch_rows, diags, on_probe, c, &o);
	if (r != TSN_TEST_BROKEN)
		take_outcome(c, rule, &o);
	else if (tsn_diags_errors(diags) == 0 || tsn_diags_have(diags, TSN_E_MEMORY))
		c->failed = true;
	tsn_diags_free(diags);
}

bool
tsn_cover_rule(const struct tsn_ruleset *rs, const char *name, uint32_t batch_rows,
    void (*gap)(void *arg, const struct tsn_gap *), void *arg, struct tsn_coverage_counts *counts)
{
	struct covering c = { 0 };
	const struct tsn_node *rule = NULL;

	tsn_rule_parts(rs, name, take_rule, &rule);
	for (uint32_t i = 0; rule != NULL && i < rs->ntests && !c.failed; i++)
		if (strcmp(rs->tests[i].rule, name) == 0)
			run_test(&c, rs, i, batch_rows, rule);
	for (size_t i = 0; !c.failed && i < c.n; i++) {
		counts->parts++;
		if (c.v[i].exercised)
			continue;
		counts->gaps++;
		gap(arg, &c.v[i].gap);
	}
	tsn_free(c.v);
	return !c.failed;
}

const char *
tsn_cover_what(enum tsn_cover kind)
{
	return what[kind];
}

const char *
tsn_cover_hint(enum tsn_cover kind)
{
	return hints[kind];
}
