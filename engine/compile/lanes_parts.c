/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Which rules need one another, and which can be divided by a key. */

#include "base/mem.h"
#include "compile/check.h"
#include "compile/lanes_internal.h"
#include "sets/dynamic.h"

/* --- what a rule is made of --- */

static void
visit(void *arg, const struct tsn_ir *x)
{
	struct tsn_parts_walk *w = arg;

	if (w->seen[x->id] == w->mark)
		return;
	w->seen[x->id] = w->mark;
	w->each(w, x);
	for (uint32_t i = 0; i < x->nkids; i++)
		visit(w, x->kid[i]);
	if (x->kind == TSN_IR_AGG)
		ck_inside(x->agg, visit, w);
}

void
tsn_parts_walk_rule(struct tsn_parts_walk *w, const struct tsn_ir_rule *r)
{
	tsn_ir_each_root(r, visit, w);
}

/* --- which need one another --- */

/* Rules, families and dynamic sets are nodes of one graph; what hangs together is a component. */
struct joining {
	struct tsn_parts_walk walk; /* first */
	const struct tsn_ruleset *rs;
	struct tsn_names rules, families;
	uint32_t *up;             /* union-find: rules, then families, then sets */
	uint32_t rule;            /* being walked */
	bool whole;               /* it cannot be divided */
	bool *undivided;          /* by rule */
	bool *bound;              /* by rule: to what came before, by a function, another rule or a dynamic set */
	const struct tsn_key_spec *key;
};

static uint32_t
root(struct joining *j, uint32_t i)
{
	while (j->up[i] != i) {
		j->up[i] = j->up[j->up[i]];
		i = j->up[i];
	}
	return i;
}

/* The smallest number is the root: that of the first rule. */
static void
join(struct joining *j, uint32_t a, uint32_t b)
{
	a = root(j, a);
	b = root(j, b);
	if (a < b)
		j->up[b] = a;
	else
		j->up[a] = b;
}

static uint32_t
set_node(const struct joining *j, uint32_t slot)
{
	return j->rs->module->nrules + j->rs->program->nfamilies + slot;
}

static void
join_rule(struct joining *j, const char *name)
{
	uint32_t i = tsn_names_find(&j->rules, name);

	j->whole = true;
	j->bound[j->rule] = true;
	if (i == TSN_NAMES_NONE)
		return;
	j->undivided[i] = true;
	j->bound[i] = true;
	join(j, j->rule, i);
}

static void
join_set(struct joining *j, uint32_t slot)
{
	if (slot == TSN_SET_NONE || !tsn_set_is_dynamic(j->rs->sets[slot]))
		return;
	j->whole = true;
	j->bound[j->rule] = true;
	join(j, j->rule, set_node(j, slot));
}

static void
join_steps(struct joining *j, const struct tsn_ir_agg *a)
{
	for (uint32_t i = 0; i < a->nsteps; i++) {
		if (a->step[i].rule != NULL)
			join_rule(j, a->step[i].rule);
		j->whole = j->whole || !tsn_key_same(&a->step[i].key, j->key);
	}
}

static void
join_agg(struct joining *j, const struct tsn_ir_agg *a)
{
	uint32_t family = tsn_names_find(&j->families, a->family_canon);

	j->bound[j->rule] = true;
	if (family != TSN_NAMES_NONE)
		join(j, j->rule, j->rs->module->nrules + family);
	if (a->fired != NULL)
		join_rule(j, a->fired);
	join_steps(j, a);
	if (a->expect != TSN_SET_NONE && a->fn == TSN_AGG_ABSENT)
		join_set(j, a->expect);
	/* Ranks compare groups; who is expected is told of at once and not by rows. */
	if (!tsn_key_same(&a->key, j->key) || a->at.n > 0 || a->tail > 0 || a->fn == TSN_AGG_RANK ||
	    (a->fn == TSN_AGG_ABSENT && a->expect != TSN_SET_NONE))
		j->whole = true;
}

static void
join_node(struct tsn_parts_walk *w, const struct tsn_ir *x)
{
	struct joining *j = (struct joining *)w;

	if (x->kind == TSN_IR_AGG)
		join_agg(j, x->agg);
	else if (x->kind == TSN_IR_IN)
		join_set(j, x->set);
}

/* A rule whose alerts have no key, or a coarser one than what makes them, stays whole. */
static void
join_one(struct joining *j, uint32_t rule)
{
	const struct tsn_ir_rule *r = &j->rs->module->rules[rule];

	j->rule = rule;
	j->key = &r->meta.key;
	j->whole = r->meta.key.n == 0 || r->meta.member.n > 0 || r->meta.nactions > 0;
	j->walk.mark = rule + 1;
	tsn_parts_walk_rule(&j->walk, r);
	for (uint32_t i = 0; i < r->meta.nactions; i++)
		join_set(j, r->meta.action[i].set);
	for (uint32_t i = 0; i < r->meta.nmessage; i++)
		if (r->meta.message[i].kind == TSN_PIECE_SET_COLUMN)
			join_set(j, r->meta.message[i].set);
	j->undivided[rule] |= j->whole;
}

static bool
joining_init(struct joining *j, const struct tsn_ruleset *rs)
{
	const struct tsn_ir_module *m = rs->module;
	const uint32_t n = m->nrules + rs->program->nfamilies + m->nsets;

	*j = (struct joining){ .rs = rs, .walk.each = join_node };
	j->walk.seen = tsn_calloc(tsn_ir_nodes(m) + 1, sizeof(*j->walk.seen));
	j->up = tsn_calloc(n + 1, sizeof(*j->up));
	j->undivided = tsn_calloc(m->nrules + 1, sizeof(*j->undivided));
	j->bound = tsn_calloc(m->nrules + 1, sizeof(*j->bound));
	if (j->walk.seen == NULL || j->up == NULL || j->undivided == NULL || j->bound == NULL || !tsn_names_reserve(&j->rules, m->nrules) ||
	    !tsn_names_reserve(&j->families, rs->program->nfamilies))
		return false;
	for (uint32_t i = 0; i < n; i++)
		j->up[i] = i;
	for (uint32_t i = 0; i < m->nrules; i++)
		tsn_names_add(&j->rules, m->rules[i].meta.name, i);
	for (uint32_t i = 0; i < rs->program->nfamilies; i++)
		tsn_names_add(&j->families, rs->program->families[i].canon, i);
	return true;
}

static void
joining_fini(struct joining *j)
{
	tsn_free(j->walk.seen);
	tsn_free(j->up);
	tsn_free(j->undivided);
	tsn_free(j->bound);
	tsn_names_fini(&j->rules);
	tsn_names_fini(&j->families);
}

/* --- components --- */

/* Numbers the components and counts their rules. */
static void
number(struct joining *j, struct tsn_components *out)
{
	const struct tsn_ir_module *m = j->rs->module;

	for (uint32_t i = 0; i < m->nrules; i++) {
		const uint32_t first = root(j, i);
		struct tsn_component *c;

		out->of[i] = TSN_NAMES_NONE;
		if (m->rules[i].meta.disabled)
			continue;
		/* a disabled rule that another one names can be the first */
		if (out->of[first] == TSN_NAMES_NONE) {
			out->c[out->n] = (struct tsn_component){ .shardable = true, .stateless = true, .key = m->rules[i].meta.key };
			out->of[first] = out->n++;
		}
		out->of[i] = out->of[first];
		c = &out->c[out->of[i]];
		c->nrules++;
		c->stateless = c->stateless && !j->bound[i];
		c->shardable = c->shardable && !j->undivided[i] && tsn_key_same(&c->key, &m->rules[i].meta.key);
	}
	for (uint32_t i = 0; i < m->nsets; i++) {
		const uint32_t first = root(j, set_node(j, i));

		out->of_set[i] = first < m->nrules ? out->of[first] : TSN_NAMES_NONE;
	}
}

static bool
list(const struct tsn_ruleset *rs, struct tsn_arena *arena, struct tsn_components *out)
{
	for (uint32_t i = 0; i < out->n; i++) {
		out->c[i].rules = tsn_arena_alloc(arena, out->c[i].nrules * sizeof(uint32_t));
		if (out->c[i].rules == NULL)
			return false;
		out->c[i].nrules = 0;
	}
	for (uint32_t i = 0; i < rs->module->nrules; i++) {
		struct tsn_component *c = &out->c[out->of[i]];

		if (rs->module->rules[i].meta.disabled)
			out->of[i] = TSN_NAMES_NONE;
		else
			c->rules[c->nrules++] = i;
	}
	return true;
}

bool
tsn_components_find(const struct tsn_ruleset *rs, struct tsn_arena *arena, struct tsn_components *out)
{
	const uint32_t n = rs->module->nrules;
	struct joining j;
	bool ok = joining_init(&j, rs);

	*out = (struct tsn_components){ .c = tsn_arena_alloc(arena, (n + 1) * sizeof(*out->c)),
		.of = tsn_arena_alloc(arena, (n + 1) * sizeof(*out->of)),
		.of_set = tsn_arena_alloc(arena, (rs->module->nsets + 1) * sizeof(*out->of_set)) };
	ok = ok && out->c != NULL && out->of != NULL && out->of_set != NULL;
	for (uint32_t i = 0; i < n && ok; i++)
		if (!rs->module->rules[i].meta.disabled)
			join_one(&j, i);
	if (ok)
		number(&j, out);
	ok = ok && list(rs, arena, out);
	joining_fini(&j);
	return ok;
}
