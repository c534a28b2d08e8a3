/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The program of a module, or of a part of one: what is known of its graph, a code for each door, the tables around them. */
#include "compile/emit_index.h"

#include <string.h>

#include "base/mem.h"
#include "vm/regex.h"

/* --- what the graph brings along --- */

void
tsn_ir_each_root(const struct tsn_ir_rule *r, void (*each)(void *arg, const struct tsn_ir *x), void *arg)
{
	each(arg, r->when);
	each(arg, r->except);
	for (uint32_t k = 0; k < r->nreports; k++) {
		each(arg, r->report[k].compare);
		each(arg, r->report[k].value);
		each(arg, r->report[k].threshold);
	}
	for (uint32_t k = 0; k < r->ndefines; k++)
		each(arg, r->define[k]);
	for (uint32_t k = 0; k < r->nrungs; k++)
		each(arg, r->rung[k].when);
	if (r->until != NULL)
		each(arg, r->until);
	if (r->during != NULL)
		each(arg, r->during);
}

/* Kids have smaller numbers than their parents, so the roots bound them all. */
static void
see_node(void *arg, const struct tsn_ir *x)
{
	uint32_t *nodes = arg;

	if (x != NULL && x->id >= *nodes)
		*nodes = x->id + 1;
}

uint32_t
tsn_ir_nodes(const struct tsn_ir_module *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->nrules; i++)
		tsn_ir_each_root(&m->rules[i], see_node, &n);
	return n;
}

static bool
start(struct tsn_emit *e)
{
	e->nodes = tsn_ir_nodes(e->m);
	e->ints.size = sizeof(int64_t);
	e->reals.size = sizeof(double);
	e->strings.size = sizeof(struct tsn_str);
	e->addresses.size = sizeof(struct tsn_address_operand);
	e->prefixes.size = sizeof(struct tsn_prefix);
	e->tuples.size = sizeof(struct tsn_key_spec);
	e->tests.size = sizeof(struct tsn_insn);
	e->index = tsn_index_new(e);
	e->family_of = tsn_emit_zeroed(e, e->nodes, sizeof(uint32_t));
	e->agg_of = tsn_emit_zeroed(e, e->nodes, sizeof(uint32_t));
	e->uses = tsn_emit_zeroed(e, e->nodes, sizeof(uint32_t));
	e->rank = tsn_emit_zeroed(e, e->nodes, 1);
	e->tumbling = tsn_emit_zeroed(e, e->nodes, 1);
	e->stamp = tsn_emit_zeroed(e, (size_t)e->nodes * 2, sizeof(uint32_t));
	e->p = tsn_emit_in_arena(e, 1, sizeof(*e->p));
	return !e->failed;
}

static void
finish(struct tsn_emit *e)
{
	struct tsn_pool *pool[] = { &e->ints, &e->reals, &e->strings, &e->addresses, &e->prefixes, &e->tuples,
	    &e->tests };
	struct tsn_efamily *f = e->families.p;

	for (size_t i = 0; i < sizeof(pool) / sizeof(pool[0]); i++) {
		tsn_free(pool[i]->items.p);
		tsn_free(pool[i]->slot);
	}
	for (int d = 0; d < TSN_DOORS; d++)
		tsn_vcode_free(&e->code[d], (uint32_t)e->families.n);
	tsn_vcode_free(&e->side, (uint32_t)e->families.n);
	tsn_index_free(e->index);
	tsn_free(e->jumps.p);
	tsn_free(e->part_count);
	tsn_free(e->part_met);
	for (size_t i = 0; i < e->families.n; i++) {
		tsn_free(f[i].aggs.p);
		tsn_names_fini(&f[i].places);
		tsn_free(f[i].readers.p);
		tsn_free(f[i].closes);
		tsn_free(f[i].top);
	}
	tsn_free(e->families.p);
	tsn_free(e->family_slot);
	tsn_free(e->family_of);
	tsn_free(e->agg_of);
	tsn_free(e->uses);
	tsn_free(e->rank);
	tsn_free(e->tumbling);
	tsn_free(e->stamp);
	tsn_free(e->exports.p);
	tsn_free(e->value_real.p);
}

/* --- codes --- */

static struct tsn_family_use *
new_uses(struct tsn_emit *e)
{
	struct tsn_family_use *uses = tsn_emit_in_arena(e, e->families.n, sizeof(*uses));
	const struct tsn_efamily *f = e->families.p;

	for (size_t i = 0; i < e->families.n && !e->failed; i++) {
		uses[i].arg = tsn_emit_in_arena(e, f[i].aggs.n, sizeof(uint32_t));
		uses[i].result = tsn_emit_in_arena(e, f[i].aggs.n, sizeof(uint32_t));
		uses[i].step = f[i].first->nsteps == 0 ? NULL : tsn_emit_in_arena(e, f[i].first->nsteps, sizeof(uint32_t));
		for (size_t k = 0; k < f[i].first->nsteps && !e->failed; k++)
			uses[i].step[k] = TSN_REG_NONE;
		for (size_t k = 0; k < f[i].aggs.n && !e->failed; k++)
			uses[i].arg[k] = uses[i].result[k] = TSN_REG_NONE;
	}
	return uses;
}

/* Is a rule evaluated at that door? */
static bool
is_emitted(const struct tsn_emit *e, const struct tsn_rule *r, enum tsn_door door)
{
	(void)e;
	if (r->disabled)
		return false;
	return door == TSN_DOOR_TICK ? r->at_close || r->watched : door == r->door;
}

/* What a door makes aside the next one makes anew: found again, it would not say that it is looked at there, too. */
static void
forget_aside(struct tsn_emit *e)
{
	tsn_vcode_free(&e->side, (uint32_t)e->families.n);
	e->side = (struct tsn_vcode){ 0 };
}

static void
emit_code(struct tsn_emit *e, enum tsn_door door)
{
	struct tsn_vcode *c = &e->code[door];
	uint32_t *rule, n = 0;

	forget_aside(e);
	if (!tsn_vcode_start(e, c, door))
		return;
	c->exports = tsn_emit_zeroed(e, e->exports.n, sizeof(*c->exports));
	if (e->failed)
		return;
	memset(c->exports, 0xff, e->exports.n * sizeof(*c->exports)); /* TSN_V_NONE */
	rule = tsn_emit_zeroed(e, (size_t)e->m->nrules + 1, sizeof(*rule));
	for (uint32_t i = 0; i < e->m->nrules && !e->failed; i++)
		if (is_emitted(e, &e->p->rules[i], door))
			rule[n++] = i;
	tsn_emit_rules(e, rule, n);
	tsn_free(rule);
	e->note = NULL;
	tsn_emit_plain_op(e, TSN_OP_CODE_END, 0, 0, 0);
}

/* --- the program --- */

static uint32_t
place_in(const struct tsn_efamily *f, const struct tsn_ir_agg *of)
{
	return of == NULL ? 0 : tsn_names_find(&f->places, of->agg_canon);
}

static struct tsn_step_def *
step_defs(struct tsn_emit *e, const struct tsn_ir_agg *a)
{
	struct tsn_step_def *v = a->nsteps == 0 ? NULL : tsn_emit_in_arena(e, a->nsteps, sizeof(*v));

	for (uint32_t i = 0; v != NULL && i < a->nsteps; i++)
		v[i] = (struct tsn_step_def){ a->step[i].key, a->step[i].rule != NULL };
	return v;
}

static void
family_def(struct tsn_emit *e, uint32_t i, struct tsn_family_def *out)
{
	const struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + i;
	struct tsn_agg_def *defs = tsn_emit_in_arena(e, f->aggs.n, sizeof(*defs));
	int64_t *least = tsn_emit_zeroed(e, f->aggs.n, sizeof(*least));

	*out = (struct tsn_family_def){ .canon = f->first->family_canon, .key = f->first->key, .at = f->first->at,
	    .step = step_defs(e, f->first), .nsteps = f->first->nsteps, .max_keys = f->max_keys,
	    .sized = f->max_keys != TSN_MAX_KEYS, .agg = defs,
	    .naggs = (uint32_t)f->aggs.n, .guarded = f->guarded, .mixed = f->mixed };
	if (!e->failed)
		tsn_emit_least(e, i, least);
	for (size_t k = 0; k < f->aggs.n && !e->failed; k++) {
		const struct tsn_ir_agg *a = ((const struct tsn_ir_agg **)f->aggs.p)[k];
		uint32_t arg = e->code[tsn_emit_door(a)].fold[i].arg[k];

		defs[k] = (struct tsn_agg_def){ .canon = a->agg_canon, .fn = a->fn, .tumbling = a->tumbling,
		    .by_received = a->by_received, .closes = f->closes[k], .window_ms = a->window_ms,
		    .pane_ms = a->pane_ms, .panes = a->panes, .tuple = a->tuple, .of = place_in(f, a->of), .within = a->within,
		    .history_ms = a->history_ms, .season_ms = a->season_ms,
		    .expect = a->fn == TSN_AGG_ABSENT ? a->expect : TSN_SET_NONE, .top = f->top[k], .least = least[k],
		    .spared = tsn_emit_spared(e, i, (uint32_t)k) };
		e->now = &e->code[tsn_emit_door(a)];
		defs[k].real = arg != TSN_V_NONE && tsn_vreg_class(e, arg) == TSN_VC_REAL;
	}
	tsn_free(least);
}

static void *
pool_out(struct tsn_emit *e, const struct tsn_pool *pool, uint32_t *n)
{
	void *p = tsn_emit_in_arena(e, pool->items.n, pool->size);

	*n = (uint32_t)pool->items.n;
	if (p != NULL && pool->items.n > 0)
		memcpy(p, pool->items.p, pool->items.n * pool->size);
	return p;
}

static void
compile_regexes(struct tsn_emit *e, const char **error)
{
	struct tsn_program *p = e->p;
	char text[TSN_REGEX_ERROR];
	size_t at;

	if (e->whole != NULL) {
		p->regexes = e->whole->regexes;
		p->regex_text = e->whole->regex_text;
		p->nregexes = e->whole->nregexes;
		return;
	}
	p->regexes = tsn_emit_in_arena(e, e->m->nregex, sizeof(*p->regexes));
	p->regex_text = tsn_emit_in_arena(e, e->m->nregex, sizeof(*p->regex_text));
	if (e->failed)
		return;
	p->nregexes = e->m->nregex;
	for (uint32_t i = 0; i < e->m->nregex && !e->failed; i++) {
		p->regex_text[i] = e->m->regex[i];
		p->regexes[i] = tsn_regex_compile(e->m->regex[i], strlen(e->m->regex[i]), e->m->regex_flags[i], text, &at);
		if (p->regexes[i] != NULL)
			continue;
		e->failed = true;
		if (text[0] != '\0')
			*error = tsn_arena_strdup(e->arena, text);
	}
}

static void
fill_program(struct tsn_emit *e)
{
	struct tsn_program *p = e->p;

	p->nmasks = e->nmasks;
	p->nvalues = e->nvalues;
	p->value_real = tsn_emit_in_arena(e, e->nvalues, sizeof(bool));
	if (p->value_real != NULL && e->nvalues > 0)
		memcpy(p->value_real, e->value_real.p, e->nvalues * sizeof(bool));
	p->ints = pool_out(e, &e->ints, &p->nints);
	p->reals = pool_out(e, &e->reals, &p->nreals);
	p->strings = pool_out(e, &e->strings, &p->nstrings);
	p->addresses = pool_out(e, &e->addresses, &p->naddresses);
	p->prefixes = pool_out(e, &e->prefixes, &p->nprefixes);
	p->tuples = pool_out(e, &e->tuples, &p->ntuples);
	p->tests = pool_out(e, &e->tests, &p->ntests);
	for (uint32_t i = 0; i < p->ntests && !e->failed; i++)
		p->tests[i].dst = p->nmasks + i;
	tsn_index_tables(e);
	p->nexports = (uint32_t)e->exports.n;
	p->exports = tsn_emit_in_arena(e, e->exports.n, sizeof(*p->exports));
	if (p->exports != NULL && e->exports.n > 0)
		memcpy(p->exports, e->exports.p, e->exports.n * sizeof(*p->exports));
	p->families = tsn_emit_in_arena(e, e->families.n, sizeof(*p->families));
	p->nfamilies = (uint32_t)e->families.n;
	for (uint32_t i = 0; i < p->nfamilies && !e->failed; i++)
		family_def(e, i, &p->families[i]);
	p->sets = tsn_emit_in_arena(e, e->m->nsets, sizeof(*p->sets));
	p->nsets = e->m->nsets;
	p->schedules = e->m->schedules;
	p->nschedules = e->m->nschedules;
	p->wanted = e->m->wanted;
	p->nwanted = e->m->nwanted;
	for (uint32_t i = 0; i < p->nsets && !e->failed; i++)
		p->sets[i].name = e->m->sets[i].name;
}

/* --- what rules tell rules --- */

struct linking {
	struct tsn_vec links;   /* struct tsn_rule_link */
	struct tsn_names rules;
};

static void
add_link(struct tsn_emit *e, struct linking *l, enum tsn_link_kind kind, const char *rule, uint32_t family, uint32_t step)
{
	struct tsn_rule_link *slot;
	uint32_t i;

	if (l->rules.slot == NULL) {
		e->failed = e->failed || !tsn_names_reserve(&l->rules, e->m->nrules);
		for (i = 0; i < e->m->nrules && !e->failed; i++)
			tsn_names_add(&l->rules, e->m->rules[i].meta.name, i);
	}
	i = e->failed ? TSN_NAMES_NONE : tsn_names_find(&l->rules, rule);
	if (i == TSN_NAMES_NONE)
		return; /* the checker has seen to it that there is one */
	slot = tsn_vec_add(e, &l->links, sizeof(*slot));
	if (slot != NULL)
		*slot = (struct tsn_rule_link){ kind, i, family, step };
}

static void
fill_links(struct tsn_emit *e)
{
	struct linking l = { { NULL, 0, 0 }, { NULL, 0, 0 } };

	for (uint32_t f = 0; f < e->families.n; f++) {
		const struct tsn_ir_agg *a = ((struct tsn_efamily *)e->families.p)[f].first;

		if (a->fired != NULL)
			add_link(e, &l, TSN_LINK_FIRED, a->fired, f, 0);
		for (uint32_t i = 0; i < a->nsteps; i++)
			if (a->step[i].rule != NULL)
				add_link(e, &l, TSN_LINK_STEP, a->step[i].rule, f, i);
	}
	e->p->links = tsn_emit_in_arena(e, l.links.n, sizeof(*e->p->links));
	e->p->nlinks = (uint32_t)l.links.n;
	if (!e->failed && l.links.n > 0)
		memcpy(e->p->links, l.links.p, l.links.n * sizeof(*e->p->links));
	tsn_free(l.links.p);
	tsn_names_fini(&l.rules);
}

static void
emit(struct tsn_emit *e, const char **error)
{
	struct tsn_program *p = e->p;
	bool needed[TSN_DOORS] = { true };

	compile_regexes(e, error);
	tsn_emit_families(e);
	p->rules = tsn_emit_in_arena(e, e->m->nrules, sizeof(*p->rules));
	p->nrules = e->m->nrules;
	for (uint32_t i = 0; i < p->nrules && !e->failed; i++) {
		e->talks = e->m->rules[i].meta.door == TSN_DOOR_TALK;
		tsn_emit_describe(e, &e->m->rules[i], &p->rules[i]);
		for (int d = 0; d < TSN_DOORS; d++)
			needed[d] |= is_emitted(e, &p->rules[i], (enum tsn_door)d);
	}
	for (int d = 0; d < TSN_DOORS && !e->failed; d++) {
		if (!needed[d])
			continue;
		e->talks = d == TSN_DOOR_TALK;
		p->uses[d] = new_uses(e);
		emit_code(e, (enum tsn_door)d);
		if (!e->failed)
			tsn_vcode_finish(e, &e->code[d], &p->code[d], p->uses[d]);
	}
	if (!e->failed)
		fill_links(e);
	if (!e->failed)
		fill_program(e);
}

/* What whoever fills batches does is the same for all parts. */
static void
as_whole(struct tsn_emit *e)
{
	e->p->of = e->whole;
	e->p->reads = e->whole->reads;
	e->p->of_talks = e->whole->of_talks;
	e->p->derived = e->whole->derived;
}

static struct tsn_program *
run(struct tsn_emit *e, const char **error)
{
	bool good = false;

	*error = NULL;
	if (start(e)) {
		emit(e, error);
		e->p->own = e->p->reads;
		if (!e->failed && e->whole != NULL)
			as_whole(e);
		if (!e->failed) {
			good = tsn_program_verify(e->p);
			*error = e->p->verify_error;
			good = good && (e->whole != NULL || tsn_program_name_rules(e->p));
		}
	}
	if (!good) {
		for (uint32_t i = 0; e->whole == NULL && e->p != NULL && i < e->p->nregexes; i++)
			pcre2_code_free(e->p->regexes[i]);
		if (e->p != NULL)
			tsn_names_fini(&e->p->rule_names);
	}
	finish(e);
	if (!good)
		return NULL;
	e->p->arena = e->arena;
	return e->p;
}

struct tsn_program *
tsn_emit_with(struct tsn_ir_module *m, unsigned flags, const char **error)
{
	struct tsn_emit e = { .m = m, .arena = m->arena, .flags = flags, .guard = TSN_V_NONE };

	return run(&e, error);
}

struct tsn_program *
tsn_emit(struct tsn_ir_module *m, const char **error)
{
	return tsn_emit_with(m, 0, error);
}

struct tsn_program *
tsn_emit_part(struct tsn_ir_module *m, const struct tsn_program *whole, const bool *only)
{
	struct tsn_emit e = { .m = m, .arena = tsn_arena_new(), .whole = whole, .only = only, .guard = TSN_V_NONE };
	struct tsn_program *p;
	const char *error;

	if (e.arena == NULL)
		return NULL;
	p = run(&e, &error);
	if (p == NULL)
		tsn_arena_free(e.arena);
	return p;
}
