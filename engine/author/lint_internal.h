/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of lint share: the run, the rule under it, and how a finding is told. */
#ifndef TSN_AUTHOR_LINT_INTERNAL_H
#define TSN_AUTHOR_LINT_INTERNAL_H

#include "author/lint.h"

/* A comment `# lint: allow NAME reason`. */
struct lint_allow {
	uint32_t file, line;
	enum tsn_lint_code code;
	uint32_t last;              /* line of the last comment of its block: what it is about stands below */
	bool beside;                /* stands behind something on its line */
};

struct lint {
	const struct tsn_ruleset *rs;
	const struct tsn_sources *src;
	const struct tsn_lint_options *o;
	struct tsn_diags *diags;
	struct lint_allow *allow;
	size_t nallow, cap_allow;
	size_t found;
	const struct tsn_node *decl; /* the rule or declaration under the lens: comments above it count, too */
};

/* A rule as checked and as written; [tree] is never NULL. */
struct lint_rule {
	const struct tsn_ir_rule *ir;
	const struct tsn_node *tree;
};

/* Adds a finding unless a comment allows it or its file is not asked about. The result may be given hints; it may be NULL. */
struct tsn_diag *lint_say(struct lint *l, enum tsn_lint_code code, struct tsn_span at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Is this file one that findings are wanted of? */
bool lint_in_scope(const struct lint *l, uint32_t file);

/* lint_place.c */
bool lint_within(struct tsn_span in, struct tsn_span what);
/* Where in the clauses [kinds] (one bit a node kind of these three) of a rule a condition stands; false if it comes from a definition. */
enum { LINT_IN_WHEN = 1, LINT_IN_KEEP = 2, LINT_IN_EXCEPT = 4 };
bool lint_place(const struct lint *l, const struct lint_rule *r, unsigned clauses, const struct tsn_ir *x, struct tsn_span *out);
/* The place, or else the clause. */
struct tsn_span lint_place_or_clause(const struct lint *l, const struct lint_rule *r, unsigned clauses, const struct tsn_ir *x);
/* The source text of a span, shortened to [size]. */
const char *lint_text(const struct lint *l, struct tsn_span at, char *out, size_t size);
const struct tsn_node *lint_meta(const struct tsn_node *tree, const char *word);
/* Calls [fn] for each function in a condition, those inside functions too. */
void lint_functions(const struct tsn_ir *x, void (*fn)(void *arg, const struct tsn_ir *agg), void *arg);

/* One file each. */
void lint_allows_find(struct lint *l);
void lint_conditions(struct lint *l, const struct lint_rule *r);
void lint_values(struct lint *l, const struct lint_rule *r);
void lint_cost(struct lint *l, const struct lint_rule *r);
void lint_tests(struct lint *l, const struct lint_rule *r);
void lint_metadata(struct lint *l, const struct lint_rule *r);
void lint_names(struct lint *l);

#endif
