/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "compile/emit_index.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "vm/regex.h"

static void *
in_arena(struct tsn_emit *e, size_t count, size_t size)
{
	void *p = NULL;
	size_t bytes;

	if (!e->failed && !__builtin_mul_overflow(count, size, &bytes))
		p = tsn_arena_alloc(e->arena, bytes);
	if (p == NULL)
		e->failed = true;
	return p;
}

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
	e->p = in_arena(e, 1, sizeof(*e->p));
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

/* --- rules --- */

bool
tsn_emit_leaves_out(const struct tsn_emit *e, uint32_t rule)
{
	return e->m->rules[rule].meta.disabled || (e->only != NULL && !e->only[rule]);
}

static void
set_everywhere(struct tsn_export *x, uint32_t at)
{
	for (int d = 0; d < TSN_DOORS; d++)
		x->at[d] = at;
}

static uint32_t
add_export(struct tsn_emit *e, enum tsn_export_kind kind, const struct tsn_ir *x)
{
	struct tsn_export *slot = tsn_vec_add(e, &e->exports, sizeof(*slot));

	if (slot == NULL)
		return 0;
	*slot = (struct tsn_export){ kind, { TSN_REG_NONE, TSN_REG_NONE, TSN_REG_NONE } };
	if (kind == TSN_EXPORT_VALUE && x->kind == TSN_IR_INT) {
		slot->kind = TSN_EXPORT_INT;
		set_everywhere(slot, tsn_emit_int(e, x->i));
	} else if (kind == TSN_EXPORT_VALUE && x->kind == TSN_IR_REAL) {
		slot->kind = TSN_EXPORT_REAL;
		set_everywhere(slot, tsn_emit_real_constant(e, x->real));
	}
	return (uint32_t)e->exports.n - 1;
}

struct window {
	struct tsn_emit *e;
	struct tsn_report *report;
	bool first;
};

static void
widen(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct window *w = arg;

	if (w->first)
		w->report->family = e->family_of[x->id] - 1;
	if (w->first || x->agg->window_ms > w->report->window_ms) {
		w->report->window_ms = x->agg->window_ms;
		w->report->tumbling = x->agg->tumbling;
	}
	w->first = false;
}

struct families {
	struct tsn_vec list; /* uint32_t */
	struct tsn_vec aggs; /* struct tsn_rule_agg */
};

/* Each aggregate once. */
static void
note_agg(struct tsn_emit *e, struct families *f, const struct tsn_ir *x)
{
	struct tsn_rule_agg *v = f->aggs.p, *slot, a = { e->family_of[x->id] - 1, e->agg_of[x->id] };

	for (size_t i = 0; i < f->aggs.n; i++)
		if (v[i].family == a.family && v[i].agg == a.agg)
			return;
	slot = tsn_vec_add(e, &f->aggs, sizeof(*slot));
	if (slot != NULL)
		*slot = a;
}

static void note_family(struct tsn_emit *e, void *arg, const struct tsn_ir *x);

static void
note_inside(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	tsn_emit_each_agg(e, x, note_family, arg);
}

static void
note_family(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct families *f = arg;
	uint32_t family = e->family_of[x->id] - 1, *slot = f->list.p;

	note_agg(e, f, x);
	for (size_t i = 0; i < f->list.n; i++)
		if (slot[i] == family)
			return;
	slot = tsn_vec_add(e, &f->list, sizeof(*slot));
	if (slot == NULL)
		return;
	*slot = family;
	tsn_emit_inside(e, x->agg, true, note_inside, arg);
}

static void
list_families(struct tsn_emit *e, const struct tsn_ir_rule *r, struct tsn_rule *out)
{
	struct families f = { { NULL, 0, 0 }, { NULL, 0, 0 } };

	tsn_emit_each_agg(e, r->when, note_family, &f);
	out->families = in_arena(e, f.list.n, sizeof(uint32_t));
	if (!e->failed && f.list.n > 0)
		memcpy(out->families, f.list.p, f.list.n * sizeof(uint32_t));
	out->families_n = (uint32_t)f.list.n;
	out->aggs = in_arena(e, f.aggs.n, sizeof(*out->aggs));
	if (!e->failed && f.aggs.n > 0)
		memcpy(out->aggs, f.aggs.p, f.aggs.n * sizeof(*out->aggs));
	out->naggs = e->failed ? 0 : (uint32_t)f.aggs.n;
	tsn_free(f.list.p);
	tsn_free(f.aggs.p);
}

static void
describe_rungs(struct tsn_emit *e, const struct tsn_ir_rule *r, struct tsn_rule *out)
{
	out->rung = in_arena(e, r->nrungs, sizeof(*out->rung));
	for (uint32_t i = 0; i < r->nrungs && !e->failed; i++)
		out->rung[i] = (struct tsn_rung){ r->rung[i].severity, add_export(e, TSN_EXPORT_MASK, r->rung[i].when) };
	out->nrungs = e->failed ? 0 : r->nrungs;
	if (r->until != NULL)
		out->until = add_export(e, TSN_EXPORT_MASK, r->until);
}

/* The rule as the alert stage knows it; its exports are numbered here, and filled where it is emitted. */
static void
describe_rule(struct tsn_emit *e, const struct tsn_ir_rule *r, struct tsn_rule *out)
{
	*out = r->meta;
	out->disabled = tsn_emit_leaves_out(e, (uint32_t)(r - e->m->rules));
	out->nreports = 0;
	out->report = NULL;
	out->at_close = false;
	out->until = TSN_REG_NONE;
	out->rung = NULL;
	out->nrungs = 0;
	out->message = in_arena(e, out->nmessage, sizeof(*out->message));
	if (e->failed)
		return;
	if (out->nmessage > 0)
		memcpy(out->message, r->meta.message, out->nmessage * sizeof(*out->message));
	if (r->meta.message == NULL)
		out->message = NULL;
	tsn_emit_use_key(e, &out->key);
	tsn_emit_use_key(e, &out->member);
	for (uint32_t i = 0; i < out->nmessage; i++) {
		struct tsn_piece *p = &out->message[i];

		if (p->kind == TSN_PIECE_FIELD || p->kind == TSN_PIECE_SET_COLUMN)
			tsn_emit_use_field(e, p->field);
		if (p->kind == TSN_PIECE_REG)
			p->reg = out->disabled ? TSN_REG_NONE : add_export(e, TSN_EXPORT_VALUE, r->define[p->reg]);
	}
	for (uint32_t i = 0; i < out->nactions; i++)
		tsn_emit_use_key(e, &out->action[i].value);
	if (out->disabled)
		return;
	list_families(e, r, out);
	describe_rungs(e, r, out);
	out->report = in_arena(e, r->nreports, sizeof(*out->report));
	for (uint32_t i = 0; i < r->nreports && !e->failed; i++) {
		struct tsn_report *p = &out->report[i];
		struct window w = { e, p, true };

		p->holds = add_export(e, TSN_EXPORT_MASK, r->report[i].compare);
		p->value = add_export(e, TSN_EXPORT_VALUE, r->report[i].value);
		p->threshold = add_export(e, TSN_EXPORT_VALUE, r->report[i].threshold);
		p->type = r->report[i].value->type;
		p->counts = r->report[i].value->kind == TSN_IR_AGG && r->report[i].value->agg->fn == TSN_AGG_COUNT;
		p->rel = r->report[i].compare->kid[0] == r->report[i].value ? r->report[i].compare->rel :
		    tsn_rel_swap(r->report[i].compare->rel);
		tsn_emit_each_agg(e, r->report[i].value, widen, &w);
	}
	out->nreports = r->nreports;
	out->at_close = tsn_emit_needs_close(e, r);
}

static void
export_register(struct tsn_emit *e, uint32_t export, uint32_t v)
{
	if (e->failed)
		return;
	e->now->exports[export] = v;
	tsn_emit_lazy(e, v);
}

static void
export_value(struct tsn_emit *e, uint32_t export, const struct tsn_ir *x)
{
	if (!e->failed && ((struct tsn_export *)e->exports.p)[export].kind == TSN_EXPORT_VALUE)
		export_register(e, export, tsn_emit_value(e, x));
}

/* Rows of [from] where [x] is true. */
static uint32_t
rows_of(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x)
{
	return e->guard != TSN_V_NONE ? tsn_emit_under(e, from, x, true) : tsn_emit_and(e, from, tsn_emit_mask(e, x, true));
}

static uint32_t
rows_without(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x)
{
	return tsn_emit_andnot(e, from, e->guard != TSN_V_NONE ? tsn_emit_under(e, from, x, true) : tsn_emit_mask(e, x, true));
}

/* Rows for which a rule is evaluated: elsewhere its condition does not matter. */
static uint32_t
part_of(struct tsn_emit *e, uint32_t rule)
{
	if (e->guard != TSN_V_NONE)
		return e->guard;
	return e->now->door == TSN_DOOR_TICK ? tsn_emit_tick_part(e, rule) : tsn_emit_touched(e, &e->m->rules[rule]);
}

/* A rule in a block has nothing else that its caller may read. */
static void
export_rungs(struct tsn_emit *e, const struct tsn_ir_rule *r, const struct tsn_rule *out, uint32_t match)
{
	uint32_t *v = tsn_emit_zeroed(e, (size_t)r->nrungs + 1, sizeof(*v));

	for (uint32_t i = 0; i < r->nrungs && !e->failed; i++)
		v[i] = rows_of(e, match, r->rung[i].when);
	for (uint32_t i = 0; i < r->nrungs && !e->failed; i++)
		export_register(e, out->rung[i].holds, v[i]);
	tsn_free(v);
}

/* What the caller of a match may read is computed first, where there is a match at all, and then named. */
static void
emit_exports(struct tsn_emit *e, const struct tsn_ir_rule *r, const struct tsn_rule *out, uint32_t match)
{
	uint32_t begin = tsn_emit_here(e);

	if (e->guard != TSN_V_NONE) {
		export_rungs(e, r, out, match);
		return;
	}
	for (uint32_t i = 0; i < r->nreports; i++) {
		tsn_emit_mask(e, r->report[i].compare, true);
		for (int side = 0; side < 2; side++) {
			const struct tsn_ir *x = side == 0 ? r->report[i].value : r->report[i].threshold;

			if (x->kind != TSN_IR_INT && x->kind != TSN_IR_REAL)
				tsn_emit_value(e, x);
		}
	}
	for (uint32_t i = 0; i < out->nmessage; i++)
		if (out->message[i].kind == TSN_PIECE_REG)
			tsn_emit_value(e, r->define[r->meta.message[i].reg]);
	for (uint32_t i = 0; i < r->nrungs; i++)
		tsn_emit_mask(e, r->rung[i].when, true);
	tsn_emit_region(e, match, begin);
	for (uint32_t i = 0; i < r->nrungs; i++)
		export_register(e, out->rung[i].holds, tsn_emit_mask(e, r->rung[i].when, true));
	for (uint32_t i = 0; i < r->nreports; i++) {
		export_register(e, out->report[i].holds, tsn_emit_mask(e, r->report[i].compare, true));
		export_value(e, out->report[i].value, r->report[i].value);
		export_value(e, out->report[i].threshold, r->report[i].threshold);
	}
	for (uint32_t i = 0; i < out->nmessage; i++)
		if (out->message[i].kind == TSN_PIECE_REG)
			export_value(e, out->message[i].reg, r->define[r->meta.message[i].reg]);
}

static void
fold_root(void *arg, const struct tsn_ir *x)
{
	tsn_emit_folds(arg, x);
}

void
tsn_emit_rule(struct tsn_emit *e, uint32_t number)
{
	const struct tsn_ir_rule *r = &e->m->rules[number];
	const struct tsn_rule *out = &e->p->rules[number];
	uint32_t part, match, when, begin, shown, hidden = TSN_V_EMPTY, outside = TSN_V_EMPTY, ends = TSN_V_EMPTY;

	tsn_ir_each_root(r, fold_root, e);
	e->note = out->name;
	part = part_of(e, number);
	begin = tsn_emit_here(e);
	when = e->guard != TSN_V_NONE ? tsn_emit_under_block(e, part, r->when) : rows_of(e, part, r->when);
	tsn_emit_region(e, part, begin);
	begin = tsn_emit_here(e);
	match = shown = when == TSN_V_EMPTY ? when : rows_without(e, when, r->except);
	if (shown != when)
		hidden = tsn_emit_andnot(e, when, shown);
	if (r->during != NULL && shown != TSN_V_EMPTY) {
		match = rows_of(e, shown, r->during);
		outside = tsn_emit_andnot(e, shown, match);
		if (hidden != TSN_V_EMPTY)
			hidden = rows_of(e, hidden, r->during);
	}
	tsn_emit_region(e, when, begin);
	if (hidden != TSN_V_EMPTY)
		tsn_emit_plain_op(e, TSN_OP_CODE_HIDDEN, number, hidden, 0);
	if (outside != TSN_V_EMPTY)
		tsn_emit_plain_op(e, TSN_OP_CODE_OUTSIDE, number, outside, 0);
	if (r->until != NULL)
		ends = tsn_emit_mask(e, r->until, true);
	if (e->now->door == TSN_DOOR_TICK)
		ends = tsn_emit_and(e, ends, part); /* rows of other rules end nothing */
	if (match == TSN_V_EMPTY && ends == TSN_V_EMPTY)
		return;
	if (ends != TSN_V_EMPTY)
		tsn_emit_plain_op(e, TSN_OP_CODE_UNTIL, number, ends, 0);
	if (match != TSN_V_EMPTY)
		emit_exports(e, r, out, match);
	if (ends != TSN_V_EMPTY)
		export_register(e, out->until, ends);
	tsn_emit_plain_op(e, TSN_OP_CODE_MATCH, number, match, 0);
}

/* --- codes --- */

static struct tsn_family_use *
new_uses(struct tsn_emit *e)
{
	struct tsn_family_use *uses = in_arena(e, e->families.n, sizeof(*uses));
	const struct tsn_efamily *f = e->families.p;

	for (size_t i = 0; i < e->families.n && !e->failed; i++) {
		uses[i].arg = in_arena(e, f[i].aggs.n, sizeof(uint32_t));
		uses[i].result = in_arena(e, f[i].aggs.n, sizeof(uint32_t));
		uses[i].step = f[i].first->nsteps == 0 ? NULL : in_arena(e, f[i].first->nsteps, sizeof(uint32_t));
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

static void
emit_code(struct tsn_emit *e, enum tsn_door door)
{
	struct tsn_vcode *c = &e->code[door];
	uint32_t *rule, n = 0;

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
	struct tsn_step_def *v = a->nsteps == 0 ? NULL : in_arena(e, a->nsteps, sizeof(*v));

	for (uint32_t i = 0; v != NULL && i < a->nsteps; i++)
		v[i] = (struct tsn_step_def){ a->step[i].key, a->step[i].rule != NULL };
	return v;
}

static void
family_def(struct tsn_emit *e, uint32_t i, struct tsn_family_def *out)
{
	const struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + i;
	struct tsn_agg_def *defs = in_arena(e, f->aggs.n, sizeof(*defs));
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
	void *p = in_arena(e, pool->items.n, pool->size);

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
	p->regexes = in_arena(e, e->m->nregex, sizeof(*p->regexes));
	p->regex_text = in_arena(e, e->m->nregex, sizeof(*p->regex_text));
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
	p->value_real = in_arena(e, e->nvalues, sizeof(bool));
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
	p->exports = in_arena(e, e->exports.n, sizeof(*p->exports));
	if (p->exports != NULL && e->exports.n > 0)
		memcpy(p->exports, e->exports.p, e->exports.n * sizeof(*p->exports));
	p->families = in_arena(e, e->families.n, sizeof(*p->families));
	p->nfamilies = (uint32_t)e->families.n;
	for (uint32_t i = 0; i < p->nfamilies && !e->failed; i++)
		family_def(e, i, &p->families[i]);
	p->sets = in_arena(e, e->m->nsets, sizeof(*p->sets));
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
	e->p->links = in_arena(e, l.links.n, sizeof(*e->p->links));
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
	p->rules = in_arena(e, e->m->nrules, sizeof(*p->rules));
	p->nrules = e->m->nrules;
	for (uint32_t i = 0; i < p->nrules && !e->failed; i++) {
		describe_rule(e, &e->m->rules[i], &p->rules[i]);
		for (int d = 0; d < TSN_DOORS; d++)
			needed[d] |= is_emitted(e, &p->rules[i], (enum tsn_door)d);
	}
	for (int d = 0; d < TSN_DOORS && !e->failed; d++) {
		if (!needed[d])
			continue;
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
	e->p->derived = e->whole->derived;
}

static struct tsn_program *
run(struct tsn_emit *e, const char **error)
{
	bool good = false;

	*error = NULL;
	if (start(e)) {
		emit(e, error);
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
