/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What tools that look at rules as their authors wrote them may ask of a ruleset. */
#include <string.h>

#include "compile/check.h"

const struct tsn_sources *
tsn_ruleset_sources(const struct tsn_ruleset *r)
{
	return r->inner->world->sources;
}

const struct tsn_node *
tsn_ruleset_rule_tree(const struct tsn_ruleset *r, const char *name)
{
	const struct ck_sym *s = ck_rule_by_name(r->inner->world, name);

	return s == NULL ? NULL : s->decl;
}

/* Members that stand in the text and that nobody is invited to replace. */
static bool
is_written(const struct ck_set *s)
{
	const struct tsn_node *n;

	if (s->nfiles > 0 || s->dynamic || s->table != NULL || s->tainted)
		return false;
	if (s->sym == NULL)
		return true;
	n = s->sym->decl->kids;
	return s->sym->declared && n != NULL && (n->kind != TSN_N_SET || n->kids != NULL) && n->kind != TSN_N_SITESET;
}

bool
tsn_ruleset_set_written(const struct tsn_ruleset *r, uint32_t slot)
{
	const struct ck_set *s;

	if (slot >= r->module->nsets)
		return false;
	for (s = ck_set_reach(r->inner->sets[slot]); s != NULL; s = s->reach_next)
		if (!is_written(s))
			return false;
	return true;
}
