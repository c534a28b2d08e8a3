/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Stateful functions: the plain ones, which are one aggregate, and which function a call is of. */
#include <string.h>

#include "compile/call.h"

enum shape { SHAPE_CONDITION, SHAPE_VALUE, SHAPE_FIELDS, SHAPE_OTHER };

static const enum shape shapes[] = {
#define FUNCTION(sym, name, arguments, shape, result, help) SHAPE_##shape,
#include "compile/functions.def"
#undef FUNCTION
};

/* Of the plain functions; another function's row is not asked for. */
static const enum tsn_agg_fn fn_of[CK_FN_COUNT_OF] = {
	[CK_FN_COUNT] = TSN_AGG_COUNT, [CK_FN_SUM] = TSN_AGG_SUM, [CK_FN_MIN] = TSN_AGG_MIN, [CK_FN_MAX] = TSN_AGG_MAX,
	[CK_FN_AVG] = TSN_AGG_AVG, [CK_FN_RATE] = TSN_AGG_RATE, [CK_FN_DISTINCT] = TSN_AGG_DISTINCT,
	[CK_FN_STDDEV] = TSN_AGG_STDDEV, [CK_FN_ENTROPY] = TSN_AGG_ENTROPY, [CK_FN_JITTER] = TSN_AGG_JITTER,
};

bool
ck_fn_is_plain(enum ck_fn row)
{
	return row == CK_FN_COUNT || fn_of[row] != TSN_AGG_COUNT;
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
value_shape(const struct ck_env *e, struct ck_call *k)
{
	enum tsn_agg_fn fn = k->agg.fn;
	const struct tsn_ir *v;

	if (k->nargs != 1) {
		ck_call_wrong(e, k->nargs > 1 ? k->arg[1]->span : k->node->span, k, "takes one value");
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
bool
ck_call_fields(const struct ck_env *e, struct ck_call *k)
{
	struct tsn_key_spec *t = &k->agg.tuple;
	const struct tsn_ir *v;
	unsigned at;

	if (k->nargs == 0) {
		ck_call_wrong(e, k->node->span, k, k->row == CK_FN_ENTROPY ? "takes one field" : "takes one field or more");
		return false;
	}
	if (k->row == CK_FN_ENTROPY && k->nargs > 1) {
		ck_call_wrong(e, k->arg[1]->span, k, "takes one field");
		return false;
	}
	for (size_t i = 0; i < k->nargs; i++) {
		struct tsn_key_part part;

		v = ck_one(e, k->arg[i], TSN_T_NONE);
		if (v == NULL)
			return false;
		if (v->kind != TSN_IR_FIELD) {
			ck_call_wrong(e, k->arg[i]->span, k, v->type == TSN_T_BOOL ? "takes fields, this is a condition" :
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

/* S18: starts are gaps apart in what one client and server have between them; flows cut by a timeout go on. */
static void
connection(struct tsn_ir_agg *a)
{
	static const enum tsn_field field[] = { TSN_F_SRC, TSN_F_DST, TSN_F_SRC_PORT, TSN_F_DST_PORT, TSN_F_PROTO };

	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		a->tuple.part[a->tuple.n++] = (struct tsn_key_part){ (uint16_t)field[i], 32, 128 };
}

static enum tsn_type
result_type(const struct tsn_ir_agg *a)
{
	switch (tsn_agg_infos[a->fn].result) {
	case TSN_AGG_INT:
		return TSN_T_INT;
	case TSN_AGG_REAL:
		return TSN_T_REAL;
	default:
		return a->arg->type;
	}
}

const struct tsn_ir *
ck_call_agg(const struct ck_env *e, const struct ck_call *k, struct tsn_ir_agg *a, enum tsn_type t)
{
	const struct tsn_ir *ir;

	e->c->at = k->node->span;
	ir = ck_agg(e->c, a, t);
	if (ir->kind != TSN_IR_AGG)
		return NULL;
	if (ir->agg->level <= CK_LEVELS)
		return ir;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, k->node->span,
	    "functions stand at most %d deep inside one another", CK_LEVELS), "leave out a level");
	return NULL;
}

const struct tsn_ir *
ck_call_where(const struct ck_env *e, const struct ck_env *inner, const struct ck_call *k)
{
	const struct tsn_ir *cond = k->where == NULL ? e->c->t : ck_cond(inner, k->where);

	e->c->at = k->node->span;
	return cond != NULL && e->where != NULL ? ck_and(e->c, cond, e->where) : cond;
}

/* --- plain functions --- */

/* [more]: and-ed to its condition, or NULL. */
static const struct tsn_ir *
plain(const struct ck_env *e, const struct ck_env *inner, struct ck_call *k, const struct tsn_ir *more)
{
	struct tsn_ir_agg *a = &k->agg;
	bool ok;

	a->fn = fn_of[k->row];
	ok = shapes[k->row] == SHAPE_CONDITION ? ck_call_condition(inner, k) :
	    shapes[k->row] == SHAPE_VALUE ? value_shape(inner, k) : ck_call_fields(inner, k);
	a->where = ck_call_where(e, inner, k);
	if (!ok || a->where == NULL || !ck_call_scoped(e, k))
		return NULL;
	if (more != NULL)
		a->where = ck_and(e->c, a->where, more);
	if (a->fn == TSN_AGG_JITTER)
		connection(a);
	ck_call_window(e, a);
	return ck_call_agg(e, k, a, result_type(a));
}

static const struct tsn_ir *
not_plain(const struct ck_env *e, const struct ck_call *k)
{
	const struct tsn_node *n = k->nargs > 0 ? k->arg[0] : k->node;
	struct tsn_diag *d;

	if (n->kind == TSN_N_SCOPE && n->kids != NULL && n->kids->kind == TSN_N_CALL) {
		d = tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "the window stands behind %s, not inside",
		    tsn_functions[k->row].name);
		tsn_diag_hint(d, "write %s(%s) by ... %s ...", tsn_functions[k->row].name, ck_text(e->c, n->kids),
		    k->row == CK_FN_RANK ? "per" : "over");
		return NULL;
	}
	ck_call_wrong(e, n->span, k, "is about a function that counts flows, as sum(bytes)");
	return NULL;
}

const struct tsn_ir *
ck_call_inner(const struct ck_env *e, const struct ck_env *inner, const struct ck_call *k, bool *bare)
{
	struct ck_call in = { .node = k->arg[0], .row = CK_FN_COUNT_OF, .learn_ms = -1 };
	const struct tsn_ir *more;

	for (size_t i = 0; k->nargs > 0 && in.node->kind == TSN_N_CALL && i < tsn_function_count; i++)
		if (ck_fn_is_plain((enum ck_fn)i) && strcmp(tsn_functions[i].name, in.node->text) == 0)
			in.row = (enum ck_fn)i;
	if (in.row == CK_FN_COUNT_OF)
		return not_plain(e, k);
	if (k->nargs > 1) {
		ck_call_wrong(e, k->arg[1]->span, k, "is about one function");
		return NULL;
	}
	more = k->where == NULL ? NULL : ck_cond(inner, k->where);
	in.agg.max_keys = k->agg.max_keys;
	in.agg.by_received = k->agg.by_received;
	if (!ck_call_collect(inner, &in) || (k->where != NULL && more == NULL))
		return NULL;
	more = plain(e, inner, &in, more);
	*bare = in.where == NULL && k->where == NULL && e->where == NULL;
	return more;
}

/* --- calls --- */

static struct ck_val
aggregate(const struct ck_env *e, const struct tsn_node *n, enum ck_fn row)
{
	struct ck_call k = { .node = n, .row = row, .learn_ms = -1, .agg = { .max_keys = TSN_MAX_KEYS, .expect = TSN_SET_NONE } };
	struct ck_env inner = *e;
	const struct tsn_ir *ir;

	inner.gather = NULL;
	if (e->scope != NULL)
		*e->scope->used = true;
	if (!ck_call_collect(&inner, &k))
		return ck_bad;
	if (e->scope != NULL && !k.agg.by_received)
		*e->scope->by_event = true;
	switch (row) {
	case CK_FN_NEW:
		return ck_call_new(e, &inner, &k);
	case CK_FN_ABSENT:
		return ck_call_absent(e, &inner, &k);
	case CK_FN_RANK:
		return ck_call_rank(e, &inner, &k);
	case CK_FN_BASELINE:
	case CK_FN_ZSCORE:
		return ck_call_baseline(e, &inner, &k);
	case CK_FN_FIRED:
		return ck_call_fired(e, &inner, &k);
	case CK_FN_SEQUENCE:
		return ck_call_sequence(e, &inner, &k);
	default:
		break;
	}
	ir = plain(e, &inner, &k, NULL);
	if (ir == NULL)
		return ck_bad;
	ck_call_use(e, &k, ir, ir->agg->at.n > 0 ? &ir->agg->at : &ir->agg->key, k.where == NULL && e->where == NULL, CK_U_COUNTS);
	return (struct ck_val){ .kind = CK_IR, .ir = ir };
}

static struct ck_val
has_call(const struct ck_env *e, const struct tsn_node *n)
{
	struct ck_val v;
	const struct tsn_ir *kid[2];

	if (n->kids == NULL || n->kids->next != NULL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span, "has() takes one field"), "write has(dst_as)");
		return ck_bad;
	}
	v = ck_value(e, n->kids, TSN_T_NONE);
	if (v.kind == CK_EITHER) {
		kid[0] = ck_has(e->c, v.ir);
		kid[1] = ck_has(e->c, v.ir2);
		return (struct ck_val){ .kind = CK_IR, .ir = ck_junction(e->c, TSN_IR_OR, kid, 2) };
	}
	if (v.kind == CK_BAD)
		return ck_bad;
	if (v.kind != CK_IR || ck_is_const(v.ir) || (v.ir->type == TSN_T_BOOL && v.ir->kind != TSN_IR_FIELD) || v.ir->type == TSN_T_TUPLE) {
		tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->kids->span, "has() asks whether a field or a value is there");
		return ck_bad;
	}
	e->c->at = n->span;
	return (struct ck_val){ .kind = CK_IR, .ir = ck_has(e->c, v.ir) };
}

static struct ck_val
stateful(const struct ck_env *e, const struct tsn_node *n, size_t row)
{
	const char *name = tsn_functions[row].name;

	if (e->constant) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a constant cannot depend on flows"),
		    "write define instead of let");
		return ck_bad;
	}
	if (e->c->world->filter) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span, "%s counts over time, a filter looks at one flow",
		    name), "rules may count: tocsin run -e '...'");
		return ck_bad;
	}
	return aggregate(e, n, (enum ck_fn)row);
}

static struct ck_val
element(const struct ck_env *e, const struct tsn_node *n)
{
	int field = ck_element_call(e, n);

	return field < 0 ? ck_bad : ck_field_value(e, n, field);
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
		return ck_bad;
	if (s != NULL && s->kind == CK_TABLE)
		return ck_table_call(e, n, s);
	if (s != NULL || tsn_field_find(n->text, n->len) >= 0)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NAME, n->at, "%s is no function", n->text),
		    "write it without brackets");
	else
		ck_unknown(e, n->at, "function", n->text, TSN_T_NONE);
	return ck_bad;
}
