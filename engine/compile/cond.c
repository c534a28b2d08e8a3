/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Conditions: and, or, not, and conjunctions that no flow can meet. */
#include <string.h>

#include "compile/check.h"

#define PAIRS 64 /* members of a conjunction looked at for contradictions */

struct leaf {
	const struct tsn_ir *ir;
	const struct tsn_node *node;
};

static size_t
leaves_of(const struct tsn_ir *ir, const struct tsn_node *node, struct leaf *v, size_t n)
{
	if (ir->kind == TSN_IR_AND) {
		for (uint32_t i = 0; i < ir->nkids; i++)
			n = leaves_of(ir->kid[i], node, v, n);
		return n;
	}
	if (n < PAIRS)
		v[n++] = (struct leaf){ ir, node };
	return n;
}

/* FIELD == integer */
static bool
is_equal(const struct tsn_ir *ir, int *field, int64_t *value)
{
	if (ir->kind != TSN_IR_COMPARE || ir->rel != TSN_REL_EQ || ir->kid[0]->kind != TSN_IR_FIELD ||
	    ir->kid[1]->kind != TSN_IR_INT)
		return false;
	*field = ir->kid[0]->field;
	*value = ir->kid[1]->i;
	return true;
}

static void
mark_field(void *arg, const struct tsn_ir *n)
{
	if (n->kind == TSN_IR_FIELD)
		tsn_field_set_add(arg, n->field);
}

/* Fields a leaf needs to be present; of a stateful one none is. */
static struct tsn_field_set
needs(const struct tsn_ir *ir)
{
	struct tsn_field_set s = { { 0 } };

	if (!ir->stateful && (ir->kind == TSN_IR_COMPARE || ir->kind == TSN_IR_IN || ir->kind == TSN_IR_FLAGS_HAS ||
	    (ir->kind == TSN_IR_NOT && (ir->kid[0]->kind == TSN_IR_IN || ir->kid[0]->kind == TSN_IR_FLAGS_HAS))))
		ck_walk(ir, mark_field, &s);
	return s;
}

static struct tsn_diag *
never(const struct ck_env *e, const struct leaf *l, const struct leaf *because, const char *message)
{
	struct tsn_diag *d = tsn_diag_error(e->c->diags, TSN_E_NEVER, l->node->span, "%s", message);

	if (because->node != l->node)
		tsn_diag_also(d, because->node->span, "because of this");
	return d;
}

static bool
has_ports(int64_t proto)
{
	return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

/* [p] says the protocol is [proto]; does [l] need a field that it does not have? */
static bool
against_proto(const struct ck_env *e, const struct leaf *p, int64_t proto, const struct leaf *l)
{
	struct tsn_field_set s = needs(l->ir);
	bool ports = tsn_field_set_has(&s, TSN_F_SRC_PORT) || tsn_field_set_has(&s, TSN_F_DST_PORT);
	bool icmp = tsn_field_set_has(&s, TSN_F_ICMP_TYPE) || tsn_field_set_has(&s, TSN_F_ICMP_CODE);
	struct tsn_diag *d;
	int64_t v;
	int f;

	if (ports && (proto == 1 || proto == 58)) {
		d = never(e, l, p, "ICMP flows have no ports");
		if (is_equal(l->ir, &f, &v))
			tsn_diag_hint(d, "write icmp_type == %d and icmp_code == %d", (int)(v >> 8), (int)(v & 255));
		else
			tsn_diag_hint(d, "their type and code are icmp_type and icmp_code");
	} else if (ports && !has_ports(proto)) {
		never(e, l, p, "flows of this protocol have no ports");
	} else if (proto != 6 && tsn_field_set_has(&s, TSN_F_FLAGS)) {
		never(e, l, p, "only TCP flows have flags");
	} else if (icmp && proto != 1 && proto != 58) {
		never(e, l, p, "only ICMP flows have a type and a code");
	} else {
		return false;
	}
	return true;
}

static bool
contradicts(const struct ck_env *e, const struct leaf *a, const struct leaf *b)
{
	int fa, fb;
	int64_t va, vb;
	bool ea = is_equal(a->ir, &fa, &va), eb = is_equal(b->ir, &fb, &vb);

	if (ea && eb && fa == fb && va != vb) {
		tsn_diag_hint(never(e, b, a, "no flow can meet both"), "did you mean \"or\"?");
		return true;
	}
	return (ea && fa == TSN_F_PROTO && against_proto(e, a, va, b)) ||
	    (eb && fb == TSN_F_PROTO && against_proto(e, b, vb, a));
}

static bool
is_possible(const struct ck_env *e, const struct leaf *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (contradicts(e, &v[i], &v[k]))
				return false;
	return true;
}

bool
ck_both(const struct ck_env *e, const struct tsn_node *an, const struct tsn_ir *a, const struct tsn_node *bn,
    const struct tsn_ir *b)
{
	struct leaf leaf[PAIRS];
	size_t n = leaves_of(a, an, leaf, 0);

	return is_possible(e, leaf, leaves_of(b, bn, leaf, n));
}

static const struct tsn_ir *
junction(const struct ck_env *e, const struct tsn_node *n)
{
	struct tsn_ck *c = e->c;
	struct leaf leaf[PAIRS];
	const struct tsn_ir **kid = NULL, *k;
	size_t count = 0, cap = 0, leaves = 0;
	bool ok = true;

	for (const struct tsn_node *sub = n->kids; sub != NULL; sub = sub->next) {
		k = ck_cond(e, sub);
		if (k == NULL) {
			ok = false;
			continue;
		}
		kid = ck_grow(c, kid, count, &cap, sizeof(*kid));
		kid[count++] = k;
		if (n->kind == TSN_N_AND)
			leaves = leaves_of(k, sub, leaf, leaves);
	}
	if (!ok || count == 0 || (leaves > 1 && !is_possible(e, leaf, leaves)))
		return NULL;
	c->at = n->span;
	return ck_junction(c, n->kind == TSN_N_AND ? TSN_IR_AND : TSN_IR_OR, kid, count);
}

static const struct tsn_ir *
negation(const struct ck_env *e, const struct tsn_node *n)
{
	size_t first = e->gather == NULL ? 0 : e->gather->nreports;
	const struct tsn_ir *k = n->kids == NULL ? NULL : ck_cond(e, n->kids);

	/* What makes the rule fire is the negated comparison. */
	for (size_t i = first; e->gather != NULL && i < e->gather->nreports; i++)
		e->gather->report[i].compare = ck_not(e->c, e->gather->report[i].compare);
	e->c->at = n->span;
	return k == NULL ? NULL : ck_not(e->c, k);
}

static const struct tsn_ir *
not_a_condition(const struct ck_env *e, const struct tsn_node *n, struct ck_val v)
{
	const char *text = ck_text(e->c, n);
	struct tsn_diags *diags = e->c->diags;
	struct tsn_diag *d;

	if (v.kind == CK_SETV || v.kind == CK_PREFIX) {
		d = tsn_diag_error(diags, TSN_E_TYPE, n->span, "%s is %s, not a condition", text,
		    v.kind == CK_SETV ? "a set" : "a prefix");
		tsn_diag_hint(d, "write src in %s", text);
		return NULL;
	}
	d = tsn_diag_error(diags, TSN_E_TYPE, n->span, "%s is %s, not a condition", text, ck_a_type(v.ir->type));
	if (v.ir->kind == TSN_IR_INT && v.ir->type == TSN_T_PROTO)
		tsn_diag_hint(d, "write proto == %s", text);
	else if (v.ir->kind == TSN_IR_INT && v.ir->type == TSN_T_FLAGS)
		tsn_diag_hint(d, "write flags has %s, or flags == %s for exactly these", text, text);
	else if (v.ir->stateful)
		tsn_diag_hint(d, "compare it: %s > 100", text);
	else if (!ck_is_const(v.ir))
		tsn_diag_hint(d, "compare it with something, or write has(%s)", text);
	return NULL;
}

static const struct tsn_ir *
condition(const struct ck_env *e, const struct tsn_node *n)
{
	struct ck_val v;

	e->c->at = n->span;
	switch (n->kind) {
	case TSN_N_AND:
	case TSN_N_OR:
		return junction(e, n);
	case TSN_N_NOT:
		return negation(e, n);
	case TSN_N_COMPARE:
		return ck_compare(e, n);
	default:
		v = ck_value(e, n, TSN_T_NONE);
	}
	if (v.kind == CK_BAD || e->c->too_large)
		return NULL;
	if (v.kind == CK_IR && v.ir->type == TSN_T_BOOL)
		return v.ir;
	return not_a_condition(e, n, v);
}

const struct tsn_ir *
ck_cond(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_ir *ir;

	if (n == NULL || !ck_down(e->c, n->span))
		return NULL;
	ir = condition(e, n);
	ck_up(e->c);
	return ir;
}
