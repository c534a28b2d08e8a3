/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Names of definitions: those that hide others, and those that nothing uses. */
#include <string.h>

#include "author/lint_internal.h"
#include "sets/set.h"

static bool
defines(const struct tsn_node *n)
{
	return n->kind == TSN_N_LET || n->kind == TSN_N_SETDECL || n->kind == TSN_N_TABLE || n->kind == TSN_N_DEFINE;
}

static const char *
word_for(const struct tsn_node *n)
{
	return n->kind == TSN_N_LET ? "constant" : n->kind == TSN_N_SETDECL ? "set" : n->kind == TSN_N_TABLE ? "table" : "definition";
}

static const struct tsn_node *
ruleset_of(const struct tsn_node *file)
{
	return file == NULL ? NULL : tsn_node_find(file, TSN_N_RULESET);
}

/* --- hiding --- */

static bool
is_builtin_set(const char *name)
{
	const char *s;

	for (size_t i = 0; (s = tsn_set_builtin_nth(i)) != NULL; i++)
		if (strcmp(s, name) == 0)
			return true;
	return false;
}

static const char *
hidden(const struct tsn_node *n)
{
	if (is_builtin_set(n->text))
		return "a built-in set";
	if (n->kind != TSN_N_LET)
		return NULL; /* only constants stand where these words do */
	if (tsn_service_find(n->text, n->len) >= 0)
		return "a service";
	if (tsn_proto_find(n->text, n->len) >= 0)
		return "a protocol";
	return tsn_flag_find(n->text, n->len) >= 0 ? "a TCP flag" : NULL;
}

/* Does `use` of this file or ruleset reach that file? */
static bool
reaches(const struct tsn_node *use, const struct tsn_source *s)
{
	const struct tsn_node *what = use->kids, *rs = ruleset_of(s->tree);
	size_t n, len = strlen(s->name);

	if (what == NULL || what->text == NULL)
		return false;
	if (what->kind == TSN_N_NAME && rs != NULL && rs->text != NULL && strcmp(rs->text, what->text) == 0)
		return true;
	n = strlen(what->text);
	if (what->kind == TSN_N_NAME) /* NAME.tsn */
		return len >= n + 4 && strcmp(s->name + len - 4, ".tsn") == 0 && memcmp(s->name + len - 4 - n, what->text, n) == 0 &&
		    (len == n + 4 || s->name[len - 5 - n] == '/');
	return len >= n && strcmp(s->name + len - n, what->text) == 0 && (len == n || s->name[len - n - 1] == '/');
}

static bool
same_ruleset(const struct tsn_node *a, const struct tsn_node *b)
{
	const struct tsn_node *x = ruleset_of(a), *y = ruleset_of(b);

	return x != NULL && y != NULL && x->text != NULL && y->text != NULL && strcmp(x->text, y->text) == 0;
}

static const struct tsn_node *
declared_in(const struct tsn_node *file, const char *name)
{
	for (const struct tsn_node *n = file->kids; n != NULL; n = n->next)
		if (defines(n) && n->text != NULL && strcmp(n->text, name) == 0)
			return n;
	return NULL;
}

/* `set home_net` of the site's own files is what `set home_net = site` of a ruleset asks for, and hides nothing. */
static bool
is_asked_for(const struct tsn_node *n)
{
	return n->kind == TSN_N_SETDECL && n->kids != NULL && n->kids->kind == TSN_N_SITESET;
}

static void
hides_import(struct lint *l, const struct tsn_node *file, const struct tsn_node *decl)
{
	const struct tsn_node *other;

	for (const struct tsn_node *use = file->kids; use != NULL; use = use->next) {
		if (use->kind != TSN_N_USE)
			continue;
		for (size_t i = 0; i < l->src->n; i++) {
			const struct tsn_node *tree = l->src->v[i].tree;

			if (tree == NULL || tree == file || tree->kind != TSN_N_FILE || same_ruleset(tree, file) || !reaches(use, &l->src->v[i]))
				continue;
			other = declared_in(tree, decl->text);
			if (other == NULL || is_asked_for(other))
				continue;
			tsn_diag_also(lint_say(l, TSN_LINT_SHADOWS, decl->at, "this %s hides %s of an import", word_for(decl), decl->text), other->at,
			    "the import's");
			return;
		}
	}
}

/* --- using --- */

static bool
names(const char *text, const char *name)
{
	const char *dot = strrchr(text, '.');

	return strcmp(text, name) == 0 || (dot != NULL && strcmp(dot + 1, name) == 0);
}

/* {name} and {name.column} of a message. */
static bool
in_braces(const char *text, const char *name)
{
	const size_t n = strlen(name);

	for (const char *p = strchr(text, '{'); p != NULL; p = strchr(p + 1, '{'))
		if (strncmp(p + 1, name, n) == 0 && (p[1 + n] == '}' || p[1 + n] == '.'))
			return true;
	return false;
}

static bool
mentions(const struct tsn_node *n, const struct tsn_node *decl)
{
	if (n == decl)
		return false;
	if (n->text != NULL && (n->kind == TSN_N_NAME || n->kind == TSN_N_CALL || n->kind == TSN_N_ADD || n->kind == TSN_N_REMOVE) &&
	    names(n->text, decl->text))
		return true;
	if (n->kind == TSN_N_STRING && n->text != NULL && in_braces(n->text, decl->text))
		return true;
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if (mentions(k, decl))
			return true;
	return false;
}

static bool
is_used(const struct lint *l, const struct tsn_node *decl)
{
	for (size_t i = 0; i < l->src->n; i++)
		if (l->src->v[i].tree != NULL && mentions(l->src->v[i].tree, decl))
			return true;
	return false;
}

/* A file without rules is there for others; what they take is for them to say. */
static bool
has_rules(const struct tsn_node *file)
{
	return tsn_node_find(file, TSN_N_RULE) != NULL;
}

/* --- imports --- */

static bool
mentions_any(const struct tsn_node *file, const struct tsn_node *of)
{
	for (const struct tsn_node *d = of->kids; d != NULL; d = d->next)
		if ((defines(d) || d->kind == TSN_N_RULE) && d->text != NULL && mentions(file, d))
			return true;
	return false;
}

static bool
touches(const struct tsn_node *file, const char *ruleset)
{
	const size_t n = strlen(ruleset);

	for (const struct tsn_node *k = file->kids; k != NULL; k = k->next) {
		const struct tsn_node *name = k->kind == TSN_N_DISABLE ? k->kids : k->kind == TSN_N_OVERRIDE ? k : NULL;

		for (; name != NULL; name = k->kind == TSN_N_DISABLE ? name->next : NULL)
			if (name->text != NULL && strncmp(name->text, ruleset, n) == 0 && (name->text[n] == '\0' || name->text[n] == '.'))
				return true;
	}
	return false;
}

/* Rules come with an import whether they are named or not; what has none is imported for its names. */
static void
unused_import(struct lint *l, const struct tsn_node *file, const struct tsn_node *use)
{
	bool met = false;

	for (size_t i = 0; i < l->src->n; i++) {
		const struct tsn_node *tree = l->src->v[i].tree, *rs = ruleset_of(tree);

		if (tree == NULL || tree == file || tree->kind != TSN_N_FILE || !reaches(use, &l->src->v[i]))
			continue;
		met = true;
		if (has_rules(tree) || mentions_any(file, tree) || tsn_node_find(tree, TSN_N_USE) != NULL ||
		    tsn_node_find(tree, TSN_N_OVERRIDE) != NULL || tsn_node_find(tree, TSN_N_DISABLE) != NULL ||
		    tsn_node_find(tree, TSN_N_SITE) != NULL || (rs != NULL && rs->text != NULL && touches(file, rs->text)))
			return;
	}
	if (met)
		lint_say(l, TSN_LINT_UNUSED, use->span, "nothing here uses what this imports");
}

static void
look_at_file(struct lint *l, const struct tsn_node *file)
{
	for (const struct tsn_node *n = file->kids; n != NULL; n = n->next) {
		const char *what;

		if (n->kind == TSN_N_USE)
			unused_import(l, file, n);
		if (!defines(n) || n->text == NULL)
			continue;
		l->decl = n;
		what = hidden(n);
		if (what != NULL)
			lint_say(l, TSN_LINT_SHADOWS, n->at, "%s is %s: here it is now this %s", n->text, what, word_for(n));
		hides_import(l, file, n);
		if (has_rules(file) && !is_used(l, n))
			lint_say(l, TSN_LINT_UNUSED, n->at, "nothing uses %s %s", word_for(n), n->text);
	}
	l->decl = NULL;
}

void
lint_names(struct lint *l)
{
	for (uint32_t i = 0; i < l->src->n; i++)
		if (l->src->v[i].tree != NULL && l->src->v[i].tree->kind == TSN_N_FILE && lint_in_scope(l, i))
			look_at_file(l, l->src->v[i].tree);
}
