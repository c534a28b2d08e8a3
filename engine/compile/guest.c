/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What an installed ruleset may not do: it was written by somebody else, and came over the network. It has its own name and
 * folder, no site { }, override or disable, a bounded number of rules, and files of its own folder alone. That it adds to no
 * set but its own is checked where actions are (actions.c), its share of memory where memory is divided (budget.c).
 */
#include <stdlib.h>
#include <string.h>

#include "compile/check.h"

static void
refuse(struct tsn_diags *diags, struct tsn_span at, const struct ck_file *f, const char *what, const char *hint)
{
	tsn_diag_hint(tsn_diag_error(diags, TSN_E_CLAUSE, at, "the installed ruleset %s %s", f->guest->name, what), "%s", hint);
}

static void
check_declaration(const struct ck_file *f, const struct tsn_node *n, struct tsn_diags *diags)
{
	if (n->kind == TSN_N_SITE)
		refuse(diags, n->span, f, "may not have a site { }", "settings belong in the site's own files");
	else if (n->kind == TSN_N_OVERRIDE)
		refuse(diags, n->span, f, "may not override rules", "overrides belong in the site's own files; write the value in the rule itself");
	else if (n->kind == TSN_N_DISABLE)
		refuse(diags, n->span, f, "may not disable rules", "only the site's own files decide which rules are quiet");
}

/* Names decide whose rules these are: an update of one ruleset must not speak for another. */
static void
check_name(const struct ck_file *f, struct tsn_diags *diags)
{
	const struct tsn_node *block = f->group->node;

	if (f->group->name == NULL)
		tsn_diag_hint(tsn_diag_error(diags, TSN_E_CLAUSE, f->tree->span, "%s does not say that it is of ruleset %s", f->name,
		    f->guest->name), "every file of an installed ruleset begins with ruleset %s { ... }", f->guest->name);
	else if (strcmp(f->group->name, f->guest->name) != 0)
		tsn_diag_error(diags, TSN_E_CLAUSE, block != NULL ? block->at : f->tree->span,
		    "ruleset %s stands in the folder of ruleset %s", f->group->name, f->guest->name);
}

void
ck_guest_check(const struct ck_file *f, uint32_t *rules, struct tsn_diags *diags)
{
	check_name(f, diags);
	for (const struct tsn_node *n = f->tree->kids; n != NULL; n = n->next) {
		check_declaration(f, n, diags);
		if (n->kind == TSN_N_RULE && ++*rules == CK_GUEST_RULES + 1)
			tsn_diag_error(diags, TSN_E_LIMIT, n->at, "the installed ruleset %s has more than %d rules", f->guest->name,
			    CK_GUEST_RULES);
	}
}

static bool
below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || (n > 0 && dir[n - 1] == '/'));
}

/* By where the path leads, links followed: one that leads out is refused as one that says so. */
bool
ck_guest_reaches(const struct tsn_installed *guest, const char *path)
{
	char *dir = realpath(guest->dir, NULL), *real = realpath(path, NULL);
	bool inside = dir != NULL && real != NULL && below(real, dir);
	bool nothing = real == NULL; /* what is not there is reported by whoever opens it */

	free(dir);
	free(real);
	return inside || nothing;
}

bool
ck_guest_path(const struct ck_file *f, const char *path, struct tsn_span at, struct tsn_diags *diags)
{
	if (f->guest == NULL)
		return true;
	if (path[0] == '/' || strstr(path, "..") != NULL) {
		refuse(diags, at, f, "reads files of its own folder only", "write the path relative to this file, without \"..\"");
		return false;
	}
	return true;
}
