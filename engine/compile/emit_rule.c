/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * One rule: what the alert stage knows of it, with the exports it reads numbered, and the code of its condition, which fills them
 * where it matches.
 */
#include "compile/emit_index.h"

#include <string.h>

#include "base/mem.h"

bool
tsn_emit_leaves_out(const struct tsn_emit *e, uint32_t rule)
{
	return e->m->rules[rule].meta.disabled || (e->only != NULL && !e->only[rule]);
}

/* --- as the alert stage knows it --- */

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
	out->families = tsn_emit_in_arena(e, f.list.n, sizeof(uint32_t));
	if (!e->failed && f.list.n > 0)
		memcpy(out->families, f.list.p, f.list.n * sizeof(uint32_t));
	out->families_n = (uint32_t)f.list.n;
	out->aggs = tsn_emit_in_arena(e, f.aggs.n, sizeof(*out->aggs));
	if (!e->failed && f.aggs.n > 0)
		memcpy(out->aggs, f.aggs.p, f.aggs.n * sizeof(*out->aggs));
	out->naggs = e->failed ? 0 : (uint32_t)f.aggs.n;
	tsn_free(f.list.p);
	tsn_free(f.aggs.p);
}

static void
describe_rungs(struct tsn_emit *e, const struct tsn_ir_rule *r, struct tsn_rule *out)
{
	out->rung = tsn_emit_in_arena(e, r->nrungs, sizeof(*out->rung));
	for (uint32_t i = 0; i < r->nrungs && !e->failed; i++)
		out->rung[i] = (struct tsn_rung){ r->rung[i].severity, add_export(e, TSN_EXPORT_MASK, r->rung[i].when) };
	out->nrungs = e->failed ? 0 : r->nrungs;
	if (r->until != NULL)
		out->until = add_export(e, TSN_EXPORT_MASK, r->until);
}

void
tsn_emit_describe(struct tsn_emit *e, const struct tsn_ir_rule *r, struct tsn_rule *out)
{
	*out = r->meta;
	out->disabled = tsn_emit_leaves_out(e, (uint32_t)(r - e->m->rules));
	out->nreports = 0;
	out->report = NULL;
	out->at_close = false;
	out->until = TSN_REG_NONE;
	out->rung = NULL;
	out->nrungs = 0;
	out->message = tsn_emit_in_arena(e, out->nmessage, sizeof(*out->message));
	if (e->failed)
		return;
	if (out->nmessage > 0)
		memcpy(out->message, r->meta.message, out->nmessage * sizeof(*out->message));
	if (r->meta.message == NULL)
		out->message = NULL;
	if (!e->m->filter) {
		tsn_emit_use_key(e, &out->key);
		tsn_emit_use_key(e, &out->member);
	}
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
	out->report = tsn_emit_in_arena(e, r->nreports, sizeof(*out->report));
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

/* --- as it is evaluated --- */

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
