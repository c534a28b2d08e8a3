/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Stateful functions: their arguments, conditions and windows. */
#include <string.h>

#include "compile/check.h"

enum shape { SHAPE_CONDITION, SHAPE_VALUE, SHAPE_FIELDS, SHAPE_OTHER };

static const enum shape shapes[] = {
#define FUNCTION(sym, name, arguments, shape, result, available, help) SHAPE_##shape,
#include "compile/functions.def"
#undef FUNCTION
};

/* The first rows of the table are those of tsn_agg_fn, in another order. */
static const enum tsn_agg_fn fn_of[] = { TSN_AGG_COUNT, TSN_AGG_SUM, TSN_AGG_MIN, TSN_AGG_MAX, TSN_AGG_AVG, TSN_AGG_RATE,
	TSN_AGG_DISTINCT };

static const struct ck_val bad = { .kind = CK_BAD };

struct call {
	const struct tsn_node *node;
	size_t row;                          /* of functions.def */
	const struct tsn_node *arg[TSN_KEY_PARTS];
	size_t nargs;
	const struct tsn_node *where;        /* the condition, or NULL */
	struct tsn_ir_agg agg;
};

static struct tsn_diag *
wrong(const struct ck_env *e, struct tsn_span at, const struct call *k, const char *what)
{
	const struct tsn_function_info *f = &tsn_functions[k->row];
	struct tsn_diag *d = tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, at, "%s %s", f->name, what);

	tsn_diag_hint(d, "write %s(%s)", f->name, f->arguments);
	return d;
}

/* --- arguments --- */

static bool
option(const struct ck_env *e, struct call *k, const struct tsn_node *o)
{
	static const char *const known[] = { "max_keys", "time" };
	const struct tsn_ir *v;
	const char *near;
	struct tsn_diag *d;
	struct ck_env plain = *e;

	if (strcmp(o->text, "time") == 0) {
		if (o->kids != NULL && o->kids->text != NULL && strcmp(o->kids->text, "received") == 0) {
			k->agg.by_received = true;
			return true;
		}
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, o->span, "no such time"), "write time received");
		return false;
	}
	if (strcmp(o->text, "max_keys") == 0) {
		plain.constant = true;
		v = ck_one(&plain, o->kids, TSN_T_INT);
		if (v == NULL)
			return false;
		if (v->kind == TSN_IR_INT && v->type == TSN_T_INT && v->i >= 64 && v->i <= INT64_C(1) << 32) {
			k->agg.max_keys = (uint64_t)v->i;
			return true;
		}
		tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, o->span, "max_keys is a number of groups, 64 or more");
		return false;
	}
	near = tsn_nearest(o->text, known, 2);
	d = tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, o->at, "%s has no option %s", tsn_functions[k->row].name, o->text);
	if (near != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", near);
	return false;
}

static bool
positional(const struct ck_env *e, struct call *k, const struct tsn_node *n)
{
	if (k->nargs == TSN_KEY_PARTS) {
		tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span, "%s takes at most %d values", tsn_functions[k->row].name,
		    TSN_KEY_PARTS);
		return false;
	}
	k->arg[k->nargs++] = n;
	return true;
}

static bool
collect(const struct ck_env *e, struct call *k)
{
	bool ok = true;

	for (const struct tsn_node *n = k->node->kids; n != NULL; n = n->next) {
		if (n->kind == TSN_N_ERROR)
			return false;
		if (n->kind == TSN_N_OPTION) {
			ok &= option(e, k, n);
		} else if (k->where != NULL) {
			wrong(e, n->span, k, "has a value after its where");
			return false;
		} else if (n->kind == TSN_N_WHERE) {
			if (n->kids == NULL || n->kids->next == NULL)
				return false;
			ok &= positional(e, k, n->kids);
			k->where = n->kids->next;
		} else {
			ok &= positional(e, k, n);
		}
	}
	return ok;
}

static bool
condition_shape(const struct ck_env *e, struct call *k)
{
	if (k->where != NULL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, k->node->span, "count takes a condition and no value"),
		    "write count(%s)", ck_text(e->c, k->where));
		return false;
	}
	if (k->nargs > 1) {
		wrong(e, k->arg[1]->span, k, "takes one condition");
		return false;
	}
	if (k->nargs == 1) {
		k->where = k->arg[0];
		k->nargs = 0;
	}
	return true;
}

/* S26: what is spread over the flow's duration. */
static void
find_volume(void *arg, const struct tsn_ir *n)
{
	if (n->kind == TSN_IR_FIELD && (n->field == TSN_F_PACKETS || n->field == TSN_F_BYTES ||
	    n->field == TSN_F_RAW_PACKETS || n->field == TSN_F_RAW_BYTES))
		*(bool *)arg = true;
}

static bool
fits(enum tsn_agg_fn fn, enum tsn_type t)
{
	if (t == TSN_T_INT || t == TSN_T_REAL || t == TSN_T_SIZE)
		return true;
	if (t == TSN_T_DURATION)
		return fn != TSN_AGG_RATE;
	return (t == TSN_T_TIME || t == TSN_T_PORT) && (fn == TSN_AGG_MIN || fn == TSN_AGG_MAX);
}

static bool
value_shape(const struct ck_env *e, struct call *k)
{
	enum tsn_agg_fn fn = k->agg.fn;
	const struct tsn_ir *v;

	if (k->nargs != 1) {
		wrong(e, k->nargs > 1 ? k->arg[1]->span : k->node->span, k, "takes one value");
		return false;
	}
	v = ck_one(e, k->arg[0], TSN_T_NONE);
	if (v == NULL)
		return false;
	if (!fits(fn, v->type)) {
		struct tsn_diag *d = tsn_diag_error(e->c->diags, TSN_E_TYPE, k->arg[0]->span, "%s wants numbers, this is %s",
		    tsn_functions[k->row].name, ck_a_type(v->type));

		if (v->kind == TSN_IR_FIELD)
			tsn_diag_hint(d, "did you mean distinct(%s)?", ck_text(e->c, k->arg[0]));
		else if (v->type == TSN_T_BOOL)
			tsn_diag_hint(d, "did you mean count(%s)?", ck_text(e->c, k->arg[0]));
		return false;
	}
	if (v->kind == TSN_IR_INT && v->type == TSN_T_SIZE)
		v = ck_int(e->c, v->i, TSN_T_INT);
	k->agg.arg = v;
	if (fn == TSN_AGG_SUM || fn == TSN_AGG_RATE) {
		ck_walk(v, find_volume, &k->agg.share);
		k->agg.nonneg = ck_nonneg(v);
	}
	return true;
}

static int
by_part(const struct tsn_ck *c, const struct tsn_key_part *a, const struct tsn_key_part *b)
{
	return a->field != b->field ? ck_field_order(c, a->field, b->field) : a->v4_bits != b->v4_bits ? a->v4_bits - b->v4_bits :
	    a->v6_bits - b->v6_bits;
}

/* A tuple's order means nothing: sorted, so that both orders share state. */
static bool
fields_shape(const struct ck_env *e, struct call *k)
{
	struct tsn_key_spec *t = &k->agg.tuple;
	const struct tsn_ir *v;
	unsigned at;

	if (k->nargs == 0) {
		wrong(e, k->node->span, k, "takes one field or more");
		return false;
	}
	for (size_t i = 0; i < k->nargs; i++) {
		struct tsn_key_part part;

		v = ck_one(e, k->arg[i], TSN_T_NONE);
		if (v == NULL)
			return false;
		if (v->kind != TSN_IR_FIELD) {
			wrong(e, k->arg[i]->span, k, v->type == TSN_T_BOOL ? "takes fields, this is a condition" :
			    "takes fields or masked addresses");
			return false;
		}
		part = (struct tsn_key_part){ v->field, v->v4_bits, v->v6_bits };
		for (at = 0; at < t->n && by_part(e->c, &t->part[at], &part) < 0; at++)
			;
		if (at < t->n && by_part(e->c, &t->part[at], &part) == 0)
			continue;
		memmove(&t->part[at + 1], &t->part[at], (t->n - at) * sizeof(t->part[0]));
		t->part[at] = part;
		t->n++;
	}
	return true;
}

/* --- the window --- */

/* S3: a fifteenth of the window, at least 1 s, or the step. */
static void
set_panes(struct tsn_ir_agg *a, int64_t step_ms)
{
	if (a->tumbling) {
		a->pane_ms = a->window_ms;
		a->panes = 1;
		return;
	}
	a->pane_ms = (a->window_ms + 14) / 15;
	if (a->pane_ms < TSN_SECOND)
		a->pane_ms = TSN_SECOND;
	if (step_ms > a->pane_ms)
		a->pane_ms = step_ms;
	a->panes = 1 + (uint32_t)((a->window_ms + a->pane_ms - 1) / a->pane_ms);
}

static void
no_window(const struct ck_env *e, const struct tsn_node *n)
{
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "%s has no window", n->text),
	    "write %s by src over 60s", ck_text(e->c, n));
}

static void
use(const struct ck_env *e, const struct call *k, const struct tsn_ir *agg)
{
	struct ck_gather *g = e->gather;

	if (g == NULL)
		return;
	g->use = ck_grow(e->c, g->use, g->nuses, &g->cap_uses, sizeof(*g->use));
	g->use[g->nuses++] = (struct ck_use){ agg, k->node->span, k->where == NULL && e->where == NULL };
}

static enum tsn_type
result_type(const struct tsn_ir_agg *a)
{
	if (a->fn == TSN_AGG_COUNT || a->fn == TSN_AGG_DISTINCT)
		return TSN_T_INT;
	return a->fn == TSN_AGG_AVG || a->fn == TSN_AGG_RATE ? TSN_T_REAL : a->arg->type;
}

static struct ck_val
finish(const struct ck_env *e, struct call *k, const struct tsn_ir *cond)
{
	struct tsn_ir_agg *a = &k->agg;
	const struct ck_scope *s = e->scope;
	const struct tsn_ir *ir;

	a->key = s->key;
	a->talks = e->talks;
	a->tumbling = s->tumbling;
	a->by_received |= s->by_received;
	a->window_ms = s->window_ms;
	set_panes(a, s->step_ms);
	a->where = cond;
	e->c->at = k->node->span;
	ir = ck_agg(e->c, a, result_type(a));
	if (ir->kind != TSN_IR_AGG)
		return bad;
	if (ir->agg->level > CK_LEVELS) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, k->node->span,
		    "functions stand at most %d deep inside one another", CK_LEVELS), "leave out a level");
		return bad;
	}
	use(e, k, ir);
	return (struct ck_val){ .kind = CK_IR, .ir = ir };
}

static struct ck_val
aggregate(const struct ck_env *e, const struct tsn_node *n, size_t row)
{
	struct call k = { .node = n, .row = row };
	struct ck_env inner = *e;
	const struct tsn_ir *cond = e->c->t;
	bool ok;

	k.agg.fn = fn_of[row];
	k.agg.max_keys = CK_MAX_KEYS;
	inner.gather = NULL;
	if (e->scope != NULL)
		*e->scope->used = true;
	if (!collect(&inner, &k))
		return bad;
	if (e->scope != NULL && !k.agg.by_received)
		*e->scope->by_event = true;
	ok = shapes[row] == SHAPE_CONDITION ? condition_shape(&inner, &k) :
	    shapes[row] == SHAPE_VALUE ? value_shape(&inner, &k) : fields_shape(&inner, &k);
	if (k.where != NULL)
		cond = ck_cond(&inner, k.where);
	if (!ok || cond == NULL)
		return bad;
	if (e->scope == NULL) {
		no_window(e, n);
		return bad;
	}
	e->c->at = n->span;
	if (e->where != NULL)
		cond = ck_and(e->c, cond, e->where);
	return finish(e, &k, cond);
}

static struct ck_val
has_call(const struct ck_env *e, const struct tsn_node *n)
{
	struct ck_val v;
	const struct tsn_ir *kid[2];

	if (n->kids == NULL || n->kids->next != NULL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span, "has() takes one field"), "write has(dst_as)");
		return bad;
	}
	v = ck_value(e, n->kids, TSN_T_NONE);
	if (v.kind == CK_EITHER) {
		kid[0] = ck_has(e->c, v.ir);
		kid[1] = ck_has(e->c, v.ir2);
		return (struct ck_val){ .kind = CK_IR, .ir = ck_junction(e->c, TSN_IR_OR, kid, 2) };
	}
	if (v.kind == CK_BAD)
		return bad;
	if (v.kind != CK_IR || ck_is_const(v.ir) || (v.ir->type == TSN_T_BOOL && v.ir->kind != TSN_IR_FIELD) || v.ir->type == TSN_T_TUPLE) {
		tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->kids->span, "has() asks whether a field or a value is there");
		return bad;
	}
	e->c->at = n->span;
	return (struct ck_val){ .kind = CK_IR, .ir = ck_has(e->c, v.ir) };
}

/* What stands inside is not checked, but what else of it is not available is said at once. */
static void
unavailable_inside(const struct ck_env *e, const struct tsn_node *n)
{
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		for (size_t i = 0; k->kind == TSN_N_CALL && i < tsn_function_count; i++)
			if (!tsn_functions[i].available && strcmp(tsn_functions[i].name, k->text) == 0)
				ck_unavailable(e->c, k->at, "%s is", k->text);
		unavailable_inside(e, k);
	}
}

static struct ck_val
not_available(const struct ck_env *e, const struct tsn_node *n, const char *name)
{
	if (e->scope != NULL)
		*e->scope->used = true;
	ck_unavailable(e->c, n->at, "%s is", name);
	unavailable_inside(e, n);
	return bad;
}

static struct ck_val
stateful(const struct ck_env *e, const struct tsn_node *n, size_t row)
{
	const char *name = tsn_functions[row].name;

	if (e->constant) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a constant cannot depend on flows"),
		    "write define instead of let");
		return bad;
	}
	if (!tsn_functions[row].available)
		return not_available(e, n, name);
	if (e->c->world->filter) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span, "%s counts over time, a filter looks at one flow",
		    name), "rules may count: tocsin run -e '...'");
		return bad;
	}
	return aggregate(e, n, row);
}

static struct ck_val
element(const struct ck_env *e, const struct tsn_node *n)
{
	int field = ck_element_call(e, n);

	return field < 0 ? bad : ck_field_value(e, n, field);
}

struct ck_val
ck_call(const struct ck_env *e, const struct tsn_node *n)
{
	struct ck_sym *s;
	bool ambiguous;

	if (strcmp(n->text, "has") == 0)
		return has_call(e, n);
	if (strcmp(n->text, "ie") == 0)
		return element(e, n);
	for (size_t i = 0; i < tsn_function_count; i++)
		if (strcmp(tsn_functions[i].name, n->text) == 0)
			return stateful(e, n, i);
	s = ck_resolve(e, n, &ambiguous);
	if (ambiguous)
		return bad;
	if (s != NULL && s->kind == CK_TABLE)
		return ck_table_call(e, n, s);
	if (s != NULL || tsn_field_find(n->text, n->len) >= 0)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NAME, n->at, "%s is no function", n->text),
		    "write it without brackets");
	else
		ck_unknown(e, n->at, "function", n->text, TSN_T_NONE);
	return bad;
}
