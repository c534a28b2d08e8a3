/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What goes without saying in a rule: mutants that no test could tell from it are not made. */
#include <string.h>

#include "author/mutants.h"
#include "flow/fields.h"

static bool
is_name(const struct tsn_node *n, const char *name)
{
	return n != NULL && n->kind == TSN_N_NAME && n->text != NULL && strcmp(n->text, name) == 0;
}

bool
tsn_mut_is_tcp(const struct tsn_node *n)
{
	return n->kind == TSN_N_COMPARE && n->op == TSN_OP_EQ && ((is_name(n->kids, "proto") && is_name(n->last, "tcp")) ||
	    (is_name(n->kids, "tcp") && is_name(n->last, "proto")));
}

/* The condition behind a name, [n] itself otherwise. */
static const struct tsn_node *
meaning(const struct tsn_mut_walk *w, const struct tsn_node *n)
{
	for (size_t i = 0; n->kind == TSN_N_NAME && n->text != NULL && i < w->nparts; i++)
		if (w->part[i]->kind == TSN_N_DEFINE && w->part[i]->kids != NULL && strcmp(w->part[i]->text, n->text) == 0)
			return w->part[i]->kids;
	return n;
}

/* Is [n] unknown wherever there are no flags? */
static bool
needs_flags(const struct tsn_mut_walk *w, const struct tsn_node *n)
{
	n = meaning(w, n);
	if (n->kind == TSN_N_AND) {
		for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
			if (k->kind != TSN_N_NAME && needs_flags(w, k))
				return true;
		return false;
	}
	if (n->kind != TSN_N_COMPARE || n->kids == NULL)
		return false;
	return is_name(n->kids, "flags") || (n->kids->kind == TSN_N_BINARY && is_name(n->kids->kids, "flags"));
}

bool
tsn_mut_flags_beside(const struct tsn_mut_walk *w, const struct tsn_node *and, const struct tsn_node *but)
{
	for (const struct tsn_node *k = and->kids; k != NULL; k = k->next)
		if (k != but && needs_flags(w, k))
			return true;
	return false;
}

/* Does [n], where it is true, leave [key] one value? */
static bool
fixes(const struct tsn_mut_walk *w, const struct tsn_node *n, const char *key)
{
	n = meaning(w, n);
	for (const struct tsn_node *k = n->kind == TSN_N_AND ? n->kids : NULL; k != NULL; k = k->next)
		if (k->kind != TSN_N_NAME && fixes(w, k, key))
			return true;
	if (n->kind != TSN_N_COMPARE || n->op != TSN_OP_EQ || !is_name(n->kids, key))
		return false;
	return n->last->kind == TSN_N_INT || n->last->kind == TSN_N_ADDRESS || (n->last->kind == TSN_N_NAME &&
	    n->last->text != NULL && meaning(w, n->last) == n->last && tsn_field_find(n->last->text, n->last->len) < 0);
}

/* A key that the rule's `where` holds to one value makes no groups. */
bool
tsn_mut_is_idle_key(const struct tsn_mut_walk *w, const struct tsn_node *key)
{
	const struct tsn_node *keep = w->nparts == 0 ? NULL : tsn_node_find(w->part[0], TSN_N_KEEP);

	return keep != NULL && keep->kids != NULL && key->kind == TSN_N_NAME && key->text != NULL && fixes(w, keep->kids, key->text);
}
