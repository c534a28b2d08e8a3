/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Dynamic sets and what rules do to them: then add, remove (S53). */
#include <string.h>

#include "compile/check.h"
#include "sets/dynamic.h"

#define MAX_MEMBERS (INT64_C(1) << 28)

/* --- set NAME = dynamic expire D max N --- */

static bool
count(const struct ck_env *e, const struct tsn_node *o, uint64_t *out)
{
	struct ck_env plain = *e;
	const struct tsn_ir *v;

	plain.constant = true;
	v = o->kids == NULL ? NULL : ck_one(&plain, o->kids, TSN_T_INT);
	if (v == NULL)
		return false;
	if (v->kind == TSN_IR_INT && v->type == TSN_T_INT && v->i >= 1 && v->i <= MAX_MEMBERS) {
		*out = (uint64_t)v->i;
		return true;
	}
	tsn_diag_error(e->c->diags, TSN_E_SET, o->span, "max is a number of members, from 1 to %lld", (long long)MAX_MEMBERS);
	return false;
}

bool
ck_dynamic_options(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n)
{
	bool ok = true;

	s->dynamic = true;
	s->max = TSN_DYNAMIC_MAX;
	for (const struct tsn_node *o = n->kids; o != NULL; o = o->next) {
		if (o->kind != TSN_N_OPTION)
			ok = false;
		else if (strcmp(o->text, "expire") == 0)
			ok &= o->kids != NULL && ck_duration(e, o->kids, "expire", &s->expire_ms);
		else if (strcmp(o->text, "max") == 0)
			ok &= count(e, o, &s->max);
	}
	return ok;
}

/* --- the type of its members, by its uses --- */

static enum tsn_type
member_type(const struct tsn_ir *v)
{
	return v->kind == TSN_IR_TUPLE ? TSN_T_TUPLE : v->type;
}

static void
take_tuple(struct ck_set *s, const struct tsn_ir *v)
{
	s->ncells = v->nkids;
	s->key.n = (uint8_t)v->nkids;
	for (uint32_t i = 0; i < v->nkids; i++) {
		s->cell_type[i] = v->kid[i]->type;
		s->key.part[i] = (struct tsn_key_part){ v->kid[i]->field, 32, 128 };
	}
}

/* Tuples are bytes: their fields must be stored alike. */
static bool
same_tuple(const struct ck_set *s, const struct tsn_ir *v)
{
	if (s->ncells != v->nkids)
		return false;
	for (uint32_t i = 0; i < v->nkids; i++)
		if (ck_set_join(s->cell_type[i], v->kid[i]->type) == TSN_T_BOOL ||
		    tsn_fields[s->key.part[i].field].storage != tsn_fields[v->kid[i]->field].storage)
			return false;
	return true;
}

bool
ck_dynamic_use(const struct ck_env *e, const struct tsn_node *n, struct ck_set *s, const struct tsn_ir *v)
{
	enum tsn_type t = member_type(v), joined;
	struct tsn_diag *d;

	if ((v->kind != TSN_IR_FIELD && v->kind != TSN_IR_TUPLE) || t == TSN_T_REAL || t == TSN_T_BOOL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "members of a dynamic set are values of fields"),
		    "of one, of a masked address, or of several: (exporter, in_if)");
		return false;
	}
	joined = ck_set_join(s->type, t);
	if (s->type == TSN_T_NONE) {
		s->first = n;
		if (t == TSN_T_TUPLE)
			take_tuple(s, v);
	}
	if (joined != TSN_T_BOOL && (t != TSN_T_TUPLE || same_tuple(s, v))) {
		s->type = joined;
		return true;
	}
	d = tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, t == TSN_T_TUPLE && s->type == TSN_T_TUPLE ?
	    "%s holds other tuples" : "%s holds %s, this is %s", s->sym->name, ck_the_types(s->type), ck_a_type(t));
	if (s->first != NULL)
		tsn_diag_also(d, s->first->span, "by its first use");
	return false;
}

/* --- then --- */

/* NULL: reported, or (*skip) of no effect in a test, where the set is what the test says. */
static struct ck_set *
target(const struct ck_env *e, const struct ck_clause *then, const struct tsn_node *n, bool *skip)
{
	struct tsn_node name = { .kind = TSN_N_NAME, .text = n->text, .len = (uint32_t)strlen(n->text), .span = n->at, .at = n->at };
	bool ambiguous;
	struct ck_sym *sym = ck_resolve(e, &name, &ambiguous);
	struct ck_set *s;

	if (sym == NULL) {
		if (!ambiguous)
			ck_unknown(e, n->at, "set", n->text, TSN_T_NONE);
		return NULL;
	}
	s = sym->kind == CK_SET ? ck_set_sym(e, sym, n->at) : NULL;
	if (sym->kind == CK_SET && s == NULL)
		return NULL;
	if (s == NULL || !s->dynamic) {
		*skip = e->c->test && s != NULL;
		if (!*skip)
			tsn_diag_also(tsn_diag_error(e->c->diags, TSN_E_SET, n->at, "rules add to dynamic sets only, and %s is none",
			    n->text), sym->decl->at, "write set %s = dynamic expire 1h", sym->name);
		return NULL;
	}
	if (then->file->installed && sym->file->group != then->file->group) {
		tsn_diag_also(tsn_diag_error(e->c->diags, TSN_E_SET, n->at, "an installed ruleset adds only to its own sets"),
		    sym->decl->at, "this one belongs to %s", sym->file->group->name == NULL ? "the site" : sym->file->group->name);
		return NULL;
	}
	return s;
}

static bool
add_part(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *v, struct tsn_key_spec *out)
{
	if (tsn_fields[v->field].origin == TSN_O_PAIR && !e->talks) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NAME, n->span, "%s belongs to conversations, and this rule looks at flows",
		    tsn_fields[v->field].name), "a rule looks at conversations when a condition in it names such a field");
		return false;
	}
	out->part[out->n++] = (struct tsn_key_part){ v->field, v->v4_bits, v->v6_bits };
	return true;
}

static bool
action(const struct ck_env *e, const struct ck_clause *then, const struct tsn_node *n, struct tsn_action *out, bool *skip)
{
	const struct tsn_node *later = tsn_node_find(n, TSN_N_FOR), *expr = n->kids;
	struct ck_set *s = target(e, then, n, skip);
	const struct tsn_ir *v;
	bool ok;

	if (s == NULL || expr == NULL)
		return false;
	*out = (struct tsn_action){ .remove = n->kind == TSN_N_REMOVE };
	v = ck_one(e, expr, TSN_T_NONE);
	if (v == NULL || !ck_dynamic_use(e, expr, s, v))
		return false;
	ok = v->kind == TSN_IR_FIELD ? add_part(e, expr, v, &out->value) : true;
	for (uint32_t i = 0; v->kind == TSN_IR_TUPLE && i < v->nkids; i++)
		ok &= add_part(e, expr, v->kid[i], &out->value);
	if (later != NULL)
		ok &= later->kids != NULL && later->kids->kind != TSN_N_ERROR && ck_duration(e, later->kids, "for", &out->for_ms);
	out->set = ck_set_slot(e->c, s);
	return ok;
}

bool
ck_actions(const struct ck_env *e, const struct ck_parts *p, struct tsn_ir_rule *r)
{
	struct tsn_rule *rule = &r->meta;
	struct ck_env at = *e;
	size_t cap = 0;
	bool ok = true;

	at.gather = NULL;
	for (size_t i = 0; i < p->nthens; i++) {
		at.file = p->then[i].file;
		for (const struct tsn_node *n = p->then[i].node->kids; n != NULL; n = n->next) {
			struct tsn_action a;
			bool skip = false;

			if ((n->kind != TSN_N_ADD && n->kind != TSN_N_REMOVE) || n->text == NULL)
				continue;
			if (!action(&at, &p->then[i], n, &a, &skip)) {
				ok &= skip;
				continue;
			}
			rule->action = ck_grow(e->c, rule->action, rule->nactions, &cap, sizeof(*rule->action));
			rule->action[rule->nactions++] = a;
		}
	}
	return ok;
}
