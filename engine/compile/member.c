/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The test `x in S`: which sets fit which values, and the forms it takes in the graph. */
#include <string.h>

#include "compile/check.h"

static const char *
left_text(const struct ck_env *e, const struct tsn_node *n)
{
	return ck_text(e->c, tsn_node_kid(n, 0));
}

static bool
storage_equal(const struct tsn_key_spec *a, const struct tsn_key_spec *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (tsn_fields[a->part[i].field].storage != tsn_fields[b->part[i].field].storage)
			return false;
	return true;
}

/* Members of tuples are encoded as the fields they are compared with are stored. */
static struct ck_set *
for_fields(struct tsn_ck *c, struct ck_set *s, const struct tsn_ir *tuple)
{
	struct tsn_key_spec key = { .n = (uint8_t)tuple->nkids };
	struct ck_set *copy;
	size_t mark;

	for (uint32_t i = 0; i < tuple->nkids; i++)
		key.part[i] = (struct tsn_key_part){ tuple->kid[i]->field, 32, 128 };
	if (s->key.n == 0)
		s->key = key;
	if (storage_equal(&s->key, &key))
		return s;
	copy = ck_alloc(c, sizeof(*copy));
	*copy = *s;
	copy->key = key;
	copy->slot = UINT32_MAX;
	if (s->sym != NULL) {
		mark = c->buf.len;
		tsn_buf_printf(&c->buf, "%s(", s->name != NULL ? s->name : s->sym->full);
		ck_key_canon(c, &key);
		tsn_buf_putc(&c->buf, ')');
		copy->name = ck_take(c, mark);
		/* Asked twice with these fields it is one set. */
		for (size_t i = 0; i < c->nsets; i++)
			if (strcmp(c->sets[i]->name, copy->name) == 0)
				return c->sets[i];
	}
	return copy;
}

static bool
tuple_fits(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *left, const struct ck_set *s)
{
	if (s->type == TSN_T_NONE)
		return true;
	if (left->nkids != s->ncells) {
		tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a tuple of %u is not found among tuples of %u", left->nkids,
		    s->ncells);
		return false;
	}
	for (uint32_t i = 0; i < s->ncells; i++) {
		enum tsn_type t = left->kid[i]->type;

		if (ck_set_fits(t, s->cell_type[i]) || (t == TSN_T_INT && s->cell_type[i] == TSN_T_PORT))
			continue;
		tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s is %s, the set's tuples have %s there",
		    ck_field_name(e->c, left->kid[i]->field), ck_a_type(t), ck_a_type(s->cell_type[i]));
		return false;
	}
	return true;
}

static bool
fits(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *left, const struct ck_set *s)
{
	struct tsn_diag *d;

	if (s->dynamic)
		return ck_dynamic_use(e, n, (struct ck_set *)s, left);
	if (left->kind == TSN_IR_TUPLE ? s->type == TSN_T_TUPLE || s->type == TSN_T_NONE : ck_set_fits(left->type, s->type))
		return left->kind != TSN_IR_TUPLE || tuple_fits(e, n, left, s);
	d = tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s is %s, and the set holds %s", left_text(e, n),
	    ck_a_type(left->type), ck_the_types(s->type));
	if (s->type == TSN_T_ADDR && left->kind == TSN_IR_FIELD && left->type == TSN_T_PORT)
		tsn_diag_hint(d, "did you mean %s?", left->field == TSN_F_SRC_PORT ? "src" : "dst");
	else if (s->type == TSN_T_PORT && left->type == TSN_T_ADDR && left->kind == TSN_IR_FIELD)
		tsn_diag_hint(d, "did you mean %s?", left->field == TSN_F_DST ? "dst_port" : "src_port");
	return false;
}

/* One number or a range of them. */
static const struct tsn_ir *
compared(struct tsn_ck *c, const struct tsn_ir *left, const struct ck_member *m)
{
	const enum tsn_type type = left->type == TSN_T_REAL ? TSN_T_INT : left->type;
	const struct tsn_ir *lo = ck_int(c, m->lo, type);

	if (m->lo == m->hi)
		return ck_compare_node(c, TSN_REL_EQ, left, lo);
	return ck_and(c, ck_compare_node(c, TSN_REL_GE, left, lo), ck_compare_node(c, TSN_REL_LE, left, ck_int(c, m->hi, type)));
}

/* Values that are no column are compared with each member. */
static const struct tsn_ir *
spelled_out(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *left, const struct ck_set *s)
{
	const struct tsn_ir **kid = ck_alloc(e->c, (s->nmembers + 1) * sizeof(*kid));
	struct tsn_ck *c = e->c;

	if (s->sym != NULL || s->nparts > 0 || s->nfiles > 0 || s->builtin != NULL || s->nmembers > 64) {
		tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_TYPE, n->span, "only fields are looked up in a set"),
		    "compare it with == < >");
		return NULL;
	}
	for (size_t i = 0; i < s->nmembers; i++)
		kid[i] = compared(c, left, &s->member[i]);
	return s->nmembers == 0 ? c->f : ck_junction(c, TSN_IR_OR, kid, s->nmembers);
}

/* A set of one member is a comparison, one of a range two: both ways of writing it are one expression. */
static const struct tsn_ir *
of_one(struct tsn_ck *c, const struct tsn_ir *left, const struct ck_member *m)
{
	bool whole = left->v4_bits == 32 && left->v6_bits == 128;

	switch (m->kind) {
	case CK_M_PREFIX:
		if (whole && m->prefix.len == (m->prefix.addr.v4 ? 32 : 128))
			return ck_compare_node(c, TSN_REL_EQ, left, ck_addr(c, m->prefix.addr));
		return ck_in_prefix(c, left, m->prefix);
	case CK_M_INTS:
		return compared(c, left, m);
	case CK_M_STR:
		return ck_compare_node(c, TSN_REL_EQ, left, ck_string(c, m->text, m->len));
	default:
		return NULL;
	}
}

/* S39: all of the other family is outside such a set. */
static void
warn_family(const struct ck_env *e, const struct tsn_node *n, struct ck_set *s)
{
	if (n->op != TSN_OP_NOT_IN || s->sym == NULL || s->type != TSN_T_ADDR || s->warned || s->v4 == s->v6 || e->c->test)
		return;
	s->warned = true;
	tsn_diag_hint(ck_warn(e->c, n->span, "%s has no IPv%d members, so this holds for every IPv%d address",
	    s->sym->name, s->v4 ? 6 : 4, s->v4 ? 6 : 4), "add the IPv%d prefixes to %s", s->v4 ? 6 : 4, s->sym->name);
}

static const struct tsn_ir *
in_set(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *left, struct ck_set *s)
{
	const struct tsn_ir *node = NULL;

	if (!fits(e, n, left, s))
		return NULL;
	warn_family(e, n, s);
	e->c->at = n->span;
	if (left->kind == TSN_IR_TUPLE)
		return ck_in(e->c, left, s->dynamic ? s : for_fields(e->c, s, left));
	if (left->kind != TSN_IR_FIELD || left->type == TSN_T_REAL)
		return spelled_out(e, n, left, s);
	if (s->sym == NULL && s->builtin == NULL && s->nmembers == 1 && s->nparts == 0 && s->nfiles == 0)
		node = of_one(e->c, left, &s->member[0]);
	if (node == NULL && s->sym == NULL && s->builtin == NULL && s->nmembers == 0 && s->nparts == 1)
		return in_set(e, n, left, (struct ck_set *)s->part[0]);
	return node != NULL ? node : ck_in(e->c, left, s);
}

static const struct tsn_ir *
not_a_set(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *left, const struct tsn_node *right,
    const struct tsn_ir *v)
{
	struct tsn_diag *d = tsn_diag_error(e->c->diags, TSN_E_TYPE, right->span, "after in stands a set, this is %s",
	    ck_a_type(v->type));

	if (ck_set_fits(left->type, v->type))
		tsn_diag_hint(d, "write %s %s %s", left_text(e, n), n->op == TSN_OP_NOT_IN ? "!=" : "==", ck_text(e->c, right));
	return NULL;
}

struct ck_set *
ck_set_for(const struct ck_env *e, const struct tsn_node *set, const struct tsn_ir *left)
{
	struct ck_env named = *e;
	struct ck_val v = { .kind = CK_SETV };

	named.wanted = "set";
	if (set->kind == TSN_N_SET)
		v.set = ck_set_literal(e, set, left->kind == TSN_IR_TUPLE ? TSN_T_NONE : left->type);
	else
		v = ck_value(&named, set, left->type);
	if (v.kind == CK_BAD || (v.kind == CK_SETV && v.set == NULL))
		return NULL;
	if (v.kind != CK_SETV) {
		tsn_diag_error(e->c->diags, TSN_E_TYPE, set->span, "%s is no set", ck_text(e->c, set));
		return NULL;
	}
	if (left->kind == TSN_IR_TUPLE && (v.set->type == TSN_T_TUPLE || v.set->type == TSN_T_NONE))
		return tuple_fits(e, set, left, v.set) ? for_fields(e->c, v.set, left) : NULL;
	if (left->kind != TSN_IR_TUPLE && ck_set_fits(left->type, v.set->type))
		return v.set;
	tsn_diag_error(e->c->diags, TSN_E_TYPE, set->span, "the key is %s, and the set holds %s", ck_a_type(left->type),
	    ck_the_types(v.set->type));
	return NULL;
}

const struct tsn_ir *
ck_test_in(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *left, const struct tsn_node *right)
{
	struct ck_env named = *e;
	struct ck_set *s;
	struct ck_val v;

	named.wanted = right->kind == TSN_N_NAME ? "set" : NULL;
	if (right->kind == TSN_N_SET || right->kind == TSN_N_RANGE ||
	    (right->kind == TSN_N_BINARY && right->op == TSN_OP_BOR)) {
		s = ck_set_literal(e, right, left->kind == TSN_IR_TUPLE ? TSN_T_NONE : left->type);
		return s == NULL ? NULL : in_set(e, n, left, s);
	}
	v = ck_value(&named, right, left->type);
	e->c->at = n->span;
	switch (v.kind) {
	case CK_SETV:
		return in_set(e, n, left, v.set);
	case CK_PREFIX:
		if (left->type == TSN_T_ADDR)
			return ck_in_prefix(e->c, left, v.prefix);
		tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s is %s, not an address", left_text(e, n),
		    ck_a_type(left->type));
		return NULL;
	case CK_IR:
		return not_a_set(e, n, left, right, v.ir);
	case CK_EITHER:
		return ck_one(e, right, TSN_T_NONE);
	default:
		return NULL;
	}
}
