/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: rules written in the test as a ruleset in force. What the compiler has to say fails the test. */
#ifndef TESTS_COMPILE_RULES_H
#define TESTS_COMPILE_RULES_H

#include <criterion/criterion.h>

#include <string.h>

#include "compile/compile.h"

static inline struct tsn_ruleset *
compile_rules(const char *text)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_rule_text one = { "rules", text, strlen(text) };
	struct tsn_compile_input in = { .texts = &one, .ntexts = 1 };
	struct tsn_ruleset *rs = tsn_compile(sources, &in, diags);
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_diags_print(diags, sources, false, &out);
	cr_assert(rs != NULL, "%s\n%s", text, tsn_buf_str(&out));
	tsn_buf_fini(&out);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return rs;
}

#endif
