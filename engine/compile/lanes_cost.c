/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What rules cost, without having seen a flow. What several components share is paid by each in part: the sum is what the
 * whole program costs. How many rows a condition lets through is guessed from its form.
 */
#include "base/mem.h"
#include "compile/lanes_internal.h"

#define FIND_GROUP 20.0 /* ns for a row of a family */
#define READ_ROW 0.5    /* ...and, of all its rows, for those that are only looked up */
#define FEWEST 0.01     /* part of the rows that a condition lets through at least */
#define RARE (1.0 / 16) /* rules met by no more rows are found by a value they ask for (emit_index.c)... */
#define FOUND 0.2       /* ...for this part of what testing them costs */

static const struct price {
	double flat, row;
} prices[TSN_IR_DURING + 1] = {
#define NODE(kind, flat, row) [TSN_IR_##kind] = { flat, row },
#define FUNCTION(fn, row)
#include "compile/lanes_cost.def"
#undef NODE
#undef FUNCTION
};

static const double functions[TSN_AGG_FN_COUNT] = {
#define NODE(kind, flat, row)
#define FUNCTION(fn, row) [TSN_AGG_##fn] = row,
#include "compile/lanes_cost.def"
#undef NODE
#undef FUNCTION
};

struct pricing {
	struct tsn_parts_walk walk;   /* first */
	uint32_t *sharers;            /* by node: components it is in */
	double *passes;               /* by node: part of the rows where it is true, 0: not yet asked */
	bool *found;                  /* by family: its groups are paid for */
	struct tsn_names families;
	struct tsn_component *c;
	double tested;                /* part of the price of tests that the rule at hand pays */
};

/* --- how many rows a condition lets through --- */

static double
passes_leaf(const struct tsn_ir *x)
{
	switch (x->kind) {
	case TSN_IR_FALSE:
	case TSN_IR_UNKNOWN:
		return FEWEST;
	case TSN_IR_COMPARE:
		return x->rel == TSN_REL_EQ || x->stateful ? 1.0 / 16 : x->rel == TSN_REL_NE ? 15.0 / 16 : 0.5;
	case TSN_IR_FLAGS_HAS:
		return 0.25;
	case TSN_IR_IN:
	case TSN_IR_IN_PREFIX:
		return 1.0 / 8;
	case TSN_IR_MATCH:
		return 1.0 / 32;
	case TSN_IR_DURING:
		return 0.5;
	default:
		return 1;
	}
}

static double
passes(struct pricing *p, const struct tsn_ir *x)
{
	double v = 1;

	if (p->passes[x->id] > 0)
		return p->passes[x->id];
	if (x->kind == TSN_IR_AND) {
		for (uint32_t i = 0; i < x->nkids; i++)
			v *= passes(p, x->kid[i]);
	} else if (x->kind == TSN_IR_OR) {
		v = 0;
		for (uint32_t i = 0; i < x->nkids; i++)
			v += passes(p, x->kid[i]);
	} else if (x->kind == TSN_IR_NOT) {
		v = 1 - passes(p, x->kid[0]);
	} else {
		v = passes_leaf(x);
	}
	v = v > 1 ? 1 : v < FEWEST ? FEWEST : v;
	p->passes[x->id] = v;
	return v;
}

/* --- prices --- */

static void
count_sharer(struct tsn_parts_walk *w, const struct tsn_ir *x)
{
	((struct pricing *)w)->sharers[x->id]++;
}

/* Of all rows, how many it counts. */
static double
counts(struct pricing *p, const struct tsn_ir_agg *a)
{
	double v = a->nsteps == 0 ? passes(p, a->where) : 0;

	for (uint32_t i = 0; i < a->nsteps; i++)
		v += passes(p, a->step[i].where);
	return v;
}

static void
pay_function(struct pricing *p, const struct tsn_ir_agg *a)
{
	const uint32_t family = tsn_names_find(&p->families, a->family_canon);
	const double part = counts(p, a);

	p->c->rows += part * functions[a->fn];
	if (family == TSN_NAMES_NONE || p->found[family])
		return;
	p->found[family] = true;
	p->c->rows += part * FIND_GROUP + READ_ROW;
}

static void
pay(struct tsn_parts_walk *w, const struct tsn_ir *x)
{
	struct pricing *p = (struct pricing *)w;

	p->c->flat += prices[x->kind].flat * p->tested / p->sharers[x->id];
	p->c->rows += prices[x->kind].row / p->sharers[x->id];
	/* a function is of one component only */
	if (x->kind == TSN_IR_AGG)
		pay_function(p, x->agg);
}

static void
walk_component(struct pricing *p, const struct tsn_ruleset *rs, struct tsn_component *c, uint32_t mark)
{
	p->c = c;
	p->walk.mark = mark;
	for (uint32_t i = 0; i < c->nrules; i++) {
		const struct tsn_ir_rule *r = &rs->module->rules[c->rules[i]];

		p->tested = !r->when->stateful && passes(p, r->when) <= RARE ? FOUND : 1;
		tsn_parts_walk_rule(&p->walk, r);
	}
}

bool
tsn_components_cost(const struct tsn_ruleset *rs, struct tsn_components *all)
{
	const uint32_t nodes = tsn_ir_nodes(rs->module) + 1, n = rs->program->nfamilies;
	struct pricing p = { .walk.seen = tsn_calloc(nodes, sizeof(uint32_t)), .sharers = tsn_calloc(nodes, sizeof(*p.sharers)),
		.passes = tsn_calloc(nodes, sizeof(*p.passes)), .found = tsn_calloc(n + 1, sizeof(*p.found)) };
	const bool ok = p.walk.seen != NULL && p.sharers != NULL && p.passes != NULL && p.found != NULL &&
	    tsn_names_reserve(&p.families, n);

	for (uint32_t i = 0; ok && i < n; i++)
		tsn_names_add(&p.families, rs->program->families[i].canon, i);
	p.walk.each = count_sharer;
	for (uint32_t i = 0; ok && i < all->n; i++)
		walk_component(&p, rs, &all->c[i], i + 1);
	p.walk.each = pay;
	for (uint32_t i = 0; ok && i < all->n; i++)
		walk_component(&p, rs, &all->c[i], all->n + i + 1);
	tsn_free(p.walk.seen);
	tsn_free(p.sharers);
	tsn_free(p.passes);
	tsn_free(p.found);
	tsn_names_fini(&p.families);
	return ok;
}
