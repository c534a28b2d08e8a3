/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Functions that name rules: fired, and sequence, whose steps may. What of the other rule matters is looked at in links.c. */
#include <string.h>

#include "compile/call.h"

static void
add_link(struct tsn_ck *c, const struct tsn_ir_agg *agg, uint32_t step, struct ck_sym *target, struct tsn_span span)
{
	c->link = ck_grow(c, c->link, c->nlinks, &c->cap_links, sizeof(*c->link));
	c->link[c->nlinks++] = (struct ck_link){ agg, step, target, span };
}

/* --- fired --- */

static struct ck_sym *
named_rule(const struct ck_env *e, const struct ck_call *k)
{
	const struct tsn_node *n = k->nargs > 0 ? k->arg[0] : NULL;
	struct ck_sym *s;
	bool ambiguous;

	if (k->nargs != 1 || k->where != NULL || n->kind != TSN_N_NAME) {
		ck_call_wrong(e, k->nargs > 1 ? k->arg[1]->span : n != NULL ? n->span : k->node->span, k, "takes the name of a rule");
		return NULL;
	}
	s = ck_resolve_rule(e, n, &ambiguous);
	if (s != NULL || ambiguous)
		return s;
	if (ck_resolve(e, n, &ambiguous) != NULL)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s is no rule", n->text), "write fired(RULE)");
	else if (!ambiguous)
		ck_unknown(e, n->span, "rule", n->text, TSN_T_NONE);
	return NULL;
}

struct ck_val
ck_call_fired(const struct ck_env *e, const struct ck_env *inner, struct ck_call *k)
{
	struct ck_sym *target = named_rule(inner, k);
	struct tsn_ir_agg *a = &k->agg;
	const struct tsn_ir *ir;

	if (target == NULL || !ck_call_scoped(e, k) || !ck_call_only(e, k, e->scope->tumbling, NULL))
		return ck_bad;
	if (e->scope->by_received) {
		tsn_diag_error(e->c->diags, TSN_E_SCOPE, e->scope->span, "fired counts alerts, which have no time of receipt");
		return ck_bad;
	}
	a->fn = TSN_AGG_COUNT;
	a->where = e->c->t; /* alerts are no flows, so the rule's `where` says nothing of them */
	a->fired = target->full;
	ck_call_window(e, a);
	ir = ck_call_agg(e, k, a, TSN_T_INT);
	if (ir == NULL)
		return ck_bad;
	add_link(e->c, ir->agg, 0, target, k->arg[0]->span);
	ck_call_use(e, k, ir, &ir->agg->key, false, CK_U_COUNTS);
	return (struct ck_val){ .kind = CK_IR, .ir = ir };
}

/* --- sequence --- */

/* A name that is nothing else. */
static struct ck_sym *
rule_step(const struct ck_env *e, const struct tsn_node *n)
{
	bool ambiguous;

	if (n->kind != TSN_N_NAME || ck_resolve(e, n, &ambiguous) != NULL || ambiguous || tsn_field_find(n->text, n->len) >= 0)
		return NULL;
	return ck_resolve_rule(e, n, &ambiguous);
}

static bool
add_key(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *v, struct tsn_key_spec *key)
{
	if (v->kind != TSN_IR_FIELD) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "the key of a step is made of fields"),
		    "as in (dst, dst_port) where CONDITION");
		return false;
	}
	key->part[key->n++] = (struct tsn_key_part){ v->field, v->v4_bits, v->v6_bits };
	return true;
}

static bool
step_key(const struct ck_env *e, const struct tsn_node *n, struct tsn_key_spec *key)
{
	const struct tsn_ir *v = ck_one(e, n, TSN_T_NONE);

	*key = (struct tsn_key_spec){ 0 };
	if (v == NULL)
		return false;
	if (v->kind != TSN_IR_TUPLE)
		return add_key(e, n, v, key);
	for (uint32_t i = 0; i < v->nkids; i++)
		if (!add_key(e, n, v->kid[i], key))
			return false;
	return true;
}

static bool
same_types(const struct tsn_key_spec *a, const struct tsn_key_spec *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		const struct tsn_field_info *f = &tsn_fields[a->part[i].field], *g = &tsn_fields[b->part[i].field];

		if (f->type != g->type || (f->storage == TSN_ADDR && (a->part[i].v4_bits != b->part[i].v4_bits ||
		    a->part[i].v6_bits != b->part[i].v6_bits)))
			return false;
	}
	return true;
}

/* One step; its condition is and-ed with the rule's `where`. */
static bool
step(const struct ck_env *e, const struct ck_env *inner, const struct ck_call *k, const struct tsn_node *n,
    struct tsn_ir_step *out, struct ck_sym **target)
{
	const struct tsn_node *cond = n->kind == TSN_N_WHERE ? tsn_node_kid(n, 1) : n;

	out->key = e->scope->key;
	if (n->kind == TSN_N_WHERE && !step_key(inner, tsn_node_kid(n, 0), &out->key))
		return false;
	*target = cond == NULL ? NULL : rule_step(inner, cond);
	out->rule = *target == NULL ? NULL : (*target)->full;
	out->where = *target == NULL ? ck_cond(inner, cond) : e->c->f;
	if (out->where == NULL || !ck_call_nests(e, k, n, out->where))
		return false;
	if (*target == NULL && e->where != NULL)
		out->where = ck_and(e->c, out->where, e->where);
	return true;
}

struct ck_val
ck_call_sequence(const struct ck_env *e, const struct ck_env *inner, struct ck_call *k)
{
	struct ck_sym *target[TSN_STEPS_MAX];
	struct tsn_ir_step *steps = ck_alloc(e->c, TSN_STEPS_MAX * sizeof(*steps));
	struct tsn_ir_agg *a = &k->agg;
	const struct tsn_ir *ir;
	struct tsn_diag *d;
	bool ok = true;

	if (k->nargs < 2) {
		ck_call_wrong(e, k->node->span, k, "takes two steps or more");
		return ck_bad;
	}
	if (!ck_call_scoped(e, k) || !ck_call_only(e, k, false, "has a window that begins with its first step"))
		return ck_bad;
	if (e->scope->by_received) {
		tsn_diag_error(e->c->diags, TSN_E_SCOPE, e->scope->span, "steps are put in order by event time");
		return ck_bad;
	}
	for (size_t i = 0; i < k->nargs; i++)
		ok &= step(e, inner, k, k->arg[i], &steps[i], &target[i]);
	for (size_t i = 1; ok && i < k->nargs; i++) {
		if (same_types(&steps[0].key, &steps[i].key))
			continue;
		d = tsn_diag_error(e->c->diags, TSN_E_SCOPE, k->arg[i]->span,
		    "the keys of steps have the same types: here %s, in the first step %s", ck_key_text(e->c, &steps[i].key),
		    ck_key_text(e->c, &steps[0].key));
		tsn_diag_hint(d, "a step has a key of its own as KEY where CONDITION");
		tsn_diag_also(d, k->arg[0]->span, "the first step");
		ok = false;
	}
	if (!ok)
		return ck_bad;
	a->fn = TSN_AGG_SEQUENCE;
	a->step = steps;
	a->nsteps = (uint32_t)k->nargs;
	ck_call_window(e, a);
	a->key = steps[k->nargs - 1].key;
	a->where = steps[k->nargs - 1].where;
	ir = ck_call_agg(e, k, a, TSN_T_INT);
	if (ir == NULL)
		return ck_bad;
	for (uint32_t i = 0; i < k->nargs; i++)
		if (target[i] != NULL)
			add_link(e->c, ir->agg, i, target[i], k->arg[i]->span);
	ck_call_use(e, k, ir, &ir->agg->key, false, CK_U_COUNTS);
	return (struct ck_val){ .kind = CK_IR, .ir = ck_compare_node(e->c, TSN_REL_EQ, ir, ck_int(e->c, 1, TSN_T_INT)) };
}
