/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The language by example: every test block in tests/lang is run through the engine, with
 * batches of 1, 7 and 2,048 rows, which must not make a difference.
 */
#include <dirent.h>

#include "core/ruletest.h"
#include "test_check.h"

static uint32_t
run_file(const char *path)
{
	static const uint32_t rows[] = { 1, 7, TSN_BATCH_ROWS };
	struct tsn_compile_input in = { .paths = &path, .npaths = 1, .tests = true };
	struct made m = make_input(&in, true);
	struct tsn_test_outcome o, first;
	uint32_t n = m.r == NULL ? 0 : m.r->ntests;

	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_rule_test *t = &m.r->tests[i];

		for (size_t k = 0; k < 3; k++) {
			struct tsn_diags *d = tsn_diags_new();

			cr_expect_eq(tsn_ruletest_run(m.r, i, rows[k], d, &o), TSN_TEST_PASSED, "%s:%u: %s: %s: %s", path, t->line,
			    t->rule, t->title, o.why);
			if (k == 0)
				first = o;
			cr_expect_eq(o.openings, first.openings, "%s: %s: batches of %u", t->rule, t->title, rows[k]);
			tsn_diags_free(d);
		}
	}
	unmake(&m);
	return n;
}

Test(check_run, every_test_block, .timeout = 120)
{
	DIR *d = opendir("tests/lang");
	struct dirent *e;
	uint32_t blocks = 0;
	char path[512];

	cr_assert_not_null(d, "run from the root of the project");
	while ((e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (len < 5 || strcmp(e->d_name + len - 4, ".tsn") != 0)
			continue;
		snprintf(path, sizeof(path), "tests/lang/%s", e->d_name);
		blocks += run_file(path);
	}
	closedir(d);
	cr_expect_geq(blocks, 60);
}
