/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the suites of compile/ share: rules in a string, compiled, with their diagnostics as text. */
#ifndef TSN_TEST_CHECK_H
#define TSN_TEST_CHECK_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "compile/compile.h"
#include "sets/set.h"

struct made {
	struct tsn_sources *sources;
	struct tsn_diags *diags;
	struct tsn_ruleset *r;
	struct tsn_buf text; /* of the diagnostics */
};

static inline struct made
make_input(const struct tsn_compile_input *in, bool emit)
{
	struct made m = { .sources = tsn_sources_new(), .diags = tsn_diags_new(), .text = TSN_BUF_INIT };

	m.r = emit ? tsn_compile(m.sources, in, m.diags) : tsn_check(m.sources, in, m.diags);
	tsn_diags_print(m.diags, m.sources, false, &m.text);
	return m;
}

static inline struct made
make_text(const char *text)
{
	struct tsn_rule_text t = { "rules.tsn", text, strlen(text) };
	struct tsn_compile_input in = { .texts = &t, .ntexts = 1 };

	return make_input(&in, false);
}

/* To its end, and without an error. */
static inline struct made
make_compiled(const char *text)
{
	struct tsn_rule_text t = { "rules.tsn", text, strlen(text) };
	struct tsn_compile_input in = { .texts = &t, .ntexts = 1 };
	struct made m = make_input(&in, true);

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	return m;
}

static inline struct made
make_path(const char *path)
{
	static const char *const search[] = { "stdlib-rules" };
	struct tsn_compile_input in = { .paths = &path, .npaths = 1, .search = search, .nsearch = 1 };

	return make_input(&in, true);
}

static inline struct made
make_expr(const char *text)
{
	struct tsn_rule_text t = { NULL, text, strlen(text) };
	struct tsn_compile_input in = { .exprs = &t, .nexprs = 1 };

	return make_input(&in, false);
}

static inline void
unmake(struct made *m)
{
	tsn_ruleset_free(m->r);
	tsn_buf_fini(&m->text);
	tsn_diags_free(m->diags);
	tsn_sources_free(m->sources);
}

/* Where allocations fail, all from the [n]th on: whatever comes of it is let go. */
static inline void
compile_out_of_memory(const struct tsn_compile_input *in, long n)
{
	struct made m = { .sources = tsn_sources_new(), .diags = tsn_diags_new() };

	tsn_mem_fail_at(n, true);
	m.r = tsn_compile(m.sources, in, m.diags);
	tsn_mem_fail_never();
	unmake(&m);
}

static inline const struct tsn_ir_rule *
rule_of(const struct made *m, const char *name)
{
	for (uint32_t i = 0; m->r != NULL && i < m->r->module->nrules; i++)
		if (strcmp(m->r->module->rules[i].meta.name, name) == 0)
			return &m->r->module->rules[i];
	cr_assert_fail("no rule %s: %s", name, tsn_buf_str(&m->text));
	return NULL;
}

#endif
