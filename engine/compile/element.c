/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * ie(ID) and ie(PEN, ID): Information Elements by number. One that is a field is that field; any other is
 * given a column of its type for this program. The canonical form names the element and never the column,
 * so that state is found again whatever columns a reload gives out.
 */
#include <string.h>

#include "compile/check.h"

static void
wrong(const struct ck_env *e, struct tsn_span at, const char *what)
{
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, at, "%s", what), "write ie(460) or ie(29305, 40)");
}

static bool
number(const struct ck_env *e, const struct tsn_node *n, int64_t *out)
{
	struct ck_env plain = *e;
	const struct tsn_ir *v;

	plain.constant = true;
	if (n->kind == TSN_N_ERROR)
		return false;
	if (n->kind == TSN_N_OPTION || n->kind == TSN_N_WHERE) {
		wrong(e, n->span, "ie() takes numbers only");
		return false;
	}
	if (n->kind == TSN_N_NAME && tsn_field_find(n->text, n->len) >= 0) {
		wrong(e, n->span, "an Information Element is named by numbers");
		return false;
	}
	v = ck_one(&plain, n, TSN_T_INT);
	if (v == NULL)
		return false;
	if (v->kind != TSN_IR_INT || v->type != TSN_T_INT) {
		wrong(e, n->span, "an Information Element is named by numbers");
		return false;
	}
	*out = v->i;
	return true;
}

static int
full(const struct ck_env *e, struct tsn_span at, enum tsn_type t)
{
	unsigned most = tsn_wanted_columns(t);

	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_LIMIT, at, "too many different elements that are %s: %u at most",
	    ck_the_types(t), most), "divide the rules between two processes, or use fields that have a name");
	return -1;
}

/* The column of an element that has no field; -1 after a report. */
static int
column(const struct ck_env *e, struct tsn_span at, uint32_t pen, uint16_t id)
{
	struct tsn_ir_module *m = e->c->m;
	enum tsn_type t = tsn_wanted_type(pen, id);
	int field;

	for (uint32_t i = 0; i < m->nwanted; i++)
		if (m->wanted[i].pen == pen && m->wanted[i].id == id)
			return (int)m->wanted[i].field;
	if (t == TSN_T_NONE) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, at, "this element is a list, which is no value"),
		    "rules see elements that are numbers, texts, addresses and times");
		return -1;
	}
	field = tsn_wanted_column(m->wanted, m->nwanted, t);
	if (field < 0)
		return full(e, at, t);
	m->wanted = ck_grow(e->c, m->wanted, m->nwanted, &e->c->cap_wanted, sizeof(*m->wanted));
	m->wanted[m->nwanted++] = (struct tsn_wanted){ pen, id, (enum tsn_field)field };
	return field;
}

int
ck_element(const struct ck_env *e, struct tsn_span at, int64_t pen, int64_t id)
{
	int field;

	if (id < 1 || id > TSN_WANTED_ID_MAX || pen < 0 || pen > UINT32_MAX) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_RANGE, at, id < 1 || id > TSN_WANTED_ID_MAX ?
		    "the id of an element lies between 1 and 32767" : "an enterprise number lies between 0 and 4294967295"),
		    "write ie(460) or, enterprise first, ie(29305, 40)");
		return -1;
	}
	field = tsn_wanted_field((uint32_t)pen, (uint16_t)id);
	return field >= 0 ? field : column(e, at, (uint32_t)pen, (uint16_t)id);
}

int
ck_element_call(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_node *first = n->kids, *second = first != NULL ? first->next : NULL;
	int64_t pen = 0, id;

	if (first == NULL || (second != NULL && second->next != NULL)) {
		wrong(e, n->span, "ie() takes the id of an element, or its enterprise number and its id");
		return -1;
	}
	if (!number(e, first, second == NULL ? &id : &pen) || (second != NULL && !number(e, second, &id)))
		return -1;
	return ck_element(e, (second == NULL || pen < 0 || pen > UINT32_MAX ? first : second)->span, pen, id);
}

const char *
ck_field_name(struct tsn_ck *c, uint32_t field)
{
	char text[TSN_WANTED_TEXT];
	const char *name = tsn_wanted_name(c->m->wanted, c->m->nwanted, field, text);

	return name == text ? ck_strdup(c, text) : name;
}

static const struct tsn_wanted *
wanted(const struct tsn_ck *c, uint32_t field)
{
	for (uint32_t i = 0; i < c->m->nwanted; i++)
		if (c->m->wanted[i].field == field)
			return &c->m->wanted[i];
	return NULL;
}

int
ck_field_order(const struct tsn_ck *c, uint32_t a, uint32_t b)
{
	const struct tsn_wanted *x = wanted(c, a), *y = wanted(c, b);

	if (x == NULL || y == NULL)
		return (int)a - (int)b;
	return x->pen != y->pen ? (x->pen > y->pen ? 1 : -1) : (int)x->id - (int)y->id;
}
