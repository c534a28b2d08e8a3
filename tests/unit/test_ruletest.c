/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The rules' own tests, run as `tocsin test` runs them: the standard library, the site's starting
 * point, and tests/semantics, where each ruling of the language is a rule with its tests. Every test
 * has the same outcome, with the same number of alerts, for batches of 1, 7 and 2,048 flows.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "core/ruletest.h"

static void
run_all(const char *path, uint32_t least)
{
	static const uint32_t rows[] = { 1, 7, TSN_BATCH_ROWS };
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_compile_input in = { .paths = &path, .npaths = 1, .tests = true };
	struct tsn_ruleset *rs = tsn_compile(sources, &in, diags);
	struct tsn_buf text = TSN_BUF_INIT;

	tsn_diags_print(diags, sources, false, &text);
	cr_assert(rs != NULL, "%s", tsn_buf_str(&text));
	cr_assert(rs->ntests >= least, "%s has %u tests", path, rs->ntests);
	for (uint32_t t = 0; t < rs->ntests; t++) {
		struct tsn_test_outcome first = { 0 }, o;

		/* of the library's thousands one in four: tests/cli/status.sh has them all in whole batches, the long run in small ones, too */
		if (getenv("TSN_SOAK") == NULL && rs->ntests >= 500 && t % 4 != 0)
			continue;
		for (unsigned k = 0; k < 3; k++) {
			enum tsn_test_result result = tsn_ruletest_run(rs, t, rows[k], diags, &o);

			cr_expect(result == TSN_TEST_PASSED, "%s:%u: %s: %s: %s (batches of %u)", rs->tests[t].file, rs->tests[t].line,
			    rs->tests[t].rule, rs->tests[t].title, o.why, rows[k]);
			if (first.flows == 0)
				first = o;
			cr_expect(o.openings == first.openings && o.flows == first.flows, "%s:%u: %llu alerts in batches of 1, %llu of %u",
			    rs->tests[t].file, rs->tests[t].line, (unsigned long long)first.openings, (unsigned long long)o.openings, rows[k]);
		}
	}
	tsn_buf_fini(&text);
	tsn_ruleset_free(rs);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

Test(ruletest, standard_library) { run_all("stdlib-rules", 90); }
Test(ruletest, values) { run_all("tests/semantics/values.tsn", 25); }
Test(ruletest, windows) { run_all("tests/semantics/windows.tsn", 30); }
Test(ruletest, functions) { run_all("tests/semantics/functions.tsn", 50); }
Test(ruletest, alerts) { run_all("tests/semantics/alerts.tsn", 10); }
Test(ruletest, clauses) { run_all("tests/semantics/clauses.tsn", 12); }
Test(ruletest, dynamic) { run_all("tests/semantics/dynamic.tsn", 6); }
Test(ruletest, talks) { run_all("tests/semantics/talks.tsn", 10); }
Test(ruletest, requires) { run_all("tests/semantics/requires.tsn", 4); }
Test(ruletest, starting_point) { run_all("rules/first.tsn", 2); }

/* A test that must fail does: the report is not always "ok". */
static void
outcome_of(const char *text, enum tsn_test_result want, const char *why)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_rule_text one = { "t.tsn", text, strlen(text) };
	struct tsn_compile_input in = { .texts = &one, .ntexts = 1, .tests = true };
	struct tsn_ruleset *rs = tsn_compile(sources, &in, diags);
	struct tsn_test_outcome o;

	cr_assert(rs != NULL && rs->ntests == 1, "%s", text);
	cr_expect(tsn_ruletest_run(rs, 0, 0, diags, &o) == want, "%s: %s", text, o.why);
	cr_expect_str_eq(o.why, why);
	tsn_ruleset_free(rs);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

Test(ruletest, failures_say_why)
{
	outcome_of("rule r { when dst_port == 1 test \"t\" fires { flow { proto = tcp, dst_port = 2 } } }", TSN_TEST_FAILED, "did not fire");
	outcome_of("rule r { when dst_port == 1 test \"t\" quiet { flow { proto = tcp, dst_port = 1 } } }", TSN_TEST_FAILED,
	    "fired 1 time, expected it to stay quiet");
	outcome_of("rule r { when dst_port == 1 test \"t\" fires 2 { flow { src = 10.0.0.1, proto = tcp, dst_port = 1 } } }", TSN_TEST_FAILED,
	    "fired 1 time, expected 2");
	outcome_of("rule r { when dst_port == 1 test \"t\" fires for src = 10.0.0.2 { flow { src = 10.0.0.1, proto = tcp, dst_port = 1 } } }",
	    TSN_TEST_FAILED, "alert 1 has src = 10.0.0.1, expected 10.0.0.2");
	outcome_of("rule r { when dst_port == 1 test \"t\" fires 1 high { flow { proto = tcp, dst_port = 1 } } }", TSN_TEST_FAILED,
	    "alert 1 is medium, expected high");
	outcome_of("rule r { when dst_port == 1 test \"t\" fires for src = 10.0.0.0/24 { flow { src = 10.0.0.1, proto = tcp, dst_port = 1 } } }",
	    TSN_TEST_PASSED, "");
}
