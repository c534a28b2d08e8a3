/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The order of looking, and what is done with a finding: scope, permission, diagnostic. */
#include "author/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "author/lint_internal.h"
#include "base/clock.h"
#include "base/mem.h"

#define MESSAGE_MAX 400

const struct tsn_lint_info tsn_lints[] = {
#define LINT(sym, number, name, help) { TSN_LINT_##sym, name, help },
#include "author/lints.def"
#undef LINT
};
const size_t tsn_lint_count = sizeof(tsn_lints) / sizeof(tsn_lints[0]);

const struct tsn_lint_info *
tsn_lint_find(unsigned code)
{
	for (size_t i = 0; i < tsn_lint_count; i++)
		if ((unsigned)tsn_lints[i].code == code)
			return &tsn_lints[i];
	return NULL;
}

/* A file that was named, or in a directory that was. */
static bool
is_named(const char *file, const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return strncmp(file, path, n) == 0 && (file[n] == '\0' || file[n] == '/' || (n == 1 && path[0] == '/'));
}

bool
tsn_lint_wants(const struct tsn_lint_options *o, const char *file)
{
	for (size_t i = 0; i < o->npaths; i++)
		if (is_named(file, o->paths[i]))
			return true;
	return o->npaths == 0;
}

bool
lint_in_scope(const struct lint *l, uint32_t file)
{
	return file < l->src->n && tsn_lint_wants(l->o, l->src->v[file].name);
}

static uint32_t
line_of(const struct lint *l, struct tsn_span at)
{
	unsigned line, column;

	tsn_source_locate(&l->src->v[at.file], at.begin, &line, &column);
	return line;
}

/* The comment stands at the end of a line, or above it in a block of comments. */
static bool
is_about(const struct lint_allow *a, uint32_t file, uint32_t line)
{
	return a->file == file && (a->beside ? a->line == line : a->last + 1 == line);
}

static bool
is_allowed(const struct lint *l, enum tsn_lint_code code, struct tsn_span at)
{
	uint32_t line, decl = 0;

	if (l->nallow == 0 || at.file >= l->src->n)
		return false;
	line = line_of(l, at);
	if (l->decl != NULL && l->decl->span.file == at.file)
		decl = line_of(l, l->decl->span);
	for (size_t i = 0; i < l->nallow; i++)
		if (l->allow[i].code == code && (is_about(&l->allow[i], at.file, line) || (decl != 0 && is_about(&l->allow[i], at.file, decl))))
			return true;
	return false;
}

struct tsn_diag *
lint_say(struct lint *l, enum tsn_lint_code code, struct tsn_span at, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;

	if (!lint_in_scope(l, at.file) || is_allowed(l, code, at))
		return NULL;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	l->found++;
	return tsn_diag_warn(l->diags, (enum tsn_diag_code)code, at, "%s (%s)", text, tsn_lint_find(code)->name);
}

static void
look_at_rule(struct lint *l, const struct tsn_ir_rule *ir)
{
	struct lint_rule r = { ir, tsn_ruleset_rule_tree(l->rs, ir->meta.name) };

	if (r.tree == NULL || !lint_in_scope(l, r.tree->span.file))
		return;
	l->decl = r.tree;
	lint_conditions(l, &r);
	lint_values(l, &r);
	lint_cost(l, &r);
	lint_tests(l, &r);
	lint_metadata(l, &r);
	l->decl = NULL;
}

size_t
tsn_lint_with(const struct tsn_ruleset *rs, const struct tsn_lint_options *o, struct tsn_diags *diags)
{
	struct lint l = { .rs = rs, .src = tsn_ruleset_sources(rs), .o = o, .diags = diags };

	lint_allows_find(&l);
	for (uint32_t i = 0; i < rs->module->nrules; i++)
		if (rs->nprobes == 0 || i < rs->first_probe)
			look_at_rule(&l, &rs->module->rules[i]);
	lint_names(&l);
	tsn_free(l.allow);
	return l.found;
}

size_t
tsn_lint(const struct tsn_ruleset *rs, struct tsn_diags *diags)
{
	return tsn_lint_with(rs, &(struct tsn_lint_options){ .now_ms = TSN_TIME_NONE }, diags);
}
