/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What is legal in a rule and yet most likely not meant: conditions that can never or always be true, exceptions that hide
 * nothing, windows without a bound, shapes that cost much, rules without tests or metadata, names that shadow others.
 * Each finding is a diagnostic at its place, so that editors and people read it as they read errors; lints.def lists them.
 * A comment `# lint: allow NAME reason` silences one.
 *
 * Rather silent than wrong: what the site may change (sets it fills, files) decides nothing. Reads no clock and runs no rule.
 */
#ifndef TSN_AUTHOR_LINT_H
#define TSN_AUTHOR_LINT_H

#include "compile/compile.h"

/* Numbers are codes of diagnostics (grammar/codes.def leaves them to us); names are what comments and people say. */
enum tsn_lint_code {
#define LINT(sym, number, name, help) TSN_LINT_##sym = number,
#include "author/lints.def"
#undef LINT
};

struct tsn_lint_info {
	enum tsn_lint_code code;
	const char *name, *help;
};
extern const struct tsn_lint_info tsn_lints[];
extern const size_t tsn_lint_count;
/* NULL if there is none. */
const struct tsn_lint_info *tsn_lint_find(unsigned code);

struct tsn_lint_options {
	int64_t now_ms;           /* for dates that have passed or not come; TSN_TIME_NONE: nothing is said of those */
	const char *const *paths; /* findings only in these files, and files in these directories... */
	size_t npaths;            /* ...0: in all that were loaded */
};

/* Findings go to [diags] as warnings; returns how many. The sources of [rs] must still live. [rs] compiled with tests. */
size_t tsn_lint(const struct tsn_ruleset *rs, struct tsn_diags *diags);
/* Is a file of this name among those asked about? */
bool tsn_lint_wants(const struct tsn_lint_options *o, const char *file);
size_t tsn_lint_with(const struct tsn_ruleset *rs, const struct tsn_lint_options *o, struct tsn_diags *diags);

#endif
