/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin test: the rules' own test blocks, with a report. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/inputs.h"
#include "cli/test_report.h"
#include "core/ruletest.h"

struct tally {
	uint32_t passed, failed, untested, rules_failed;
};

static void
report_one(const struct tsn_cli *c, const struct tsn_rule_test *t, enum tsn_test_result result,
    const struct tsn_test_outcome *o)
{
	static const char *const word[] = { "ok", "FAILED", "BROKEN" };
	static const char *const color[] = { "\x1b[32m", "\x1b[31m", "\x1b[31m" };

	if (result == TSN_TEST_PASSED && (c->quiet || c->mutate))
		return;
	printf("%s%-6s%s %s: %s", c->color_out ? color[result] : "", word[result], c->color_out ? "\x1b[0m" : "",
	    t->rule, t->title);
	if (result == TSN_TEST_PASSED)
		printf(" (%llu flows, %llu alert%s)\n", (unsigned long long)o->flows, (unsigned long long)o->openings,
		    o->openings == 1 ? "" : "s");
	else
		printf("\n       %s:%u: %s (%llu flows)\n", t->file, t->line, o->why, (unsigned long long)o->flows);
}

/* Rules without a test are named: a rule nobody can try is a rule nobody can trust. */
static uint32_t
name_untested(const struct tsn_cli *c, const struct tsn_ruleset *rs)
{
	uint32_t i, t, n = 0;

	for (i = 0; i < rs->program->nrules; i++) {
		const char *name = rs->program->rules[i].name;

		for (t = 0; t < rs->ntests && strcmp(rs->tests[t].rule, name) != 0; t++)
			;
		if (t < rs->ntests || (c->filter != NULL && strstr(name, c->filter) == NULL))
			continue;
		n++;
		if (!c->quiet && !c->mutate)
			printf("none   %s has no test\n", name);
	}
	return n;
}

static bool
any_rule(const struct tsn_ruleset *rs, const char *part)
{
	uint32_t i;

	for (i = 0; i < rs->program->nrules; i++)
		if (strstr(rs->program->rules[i].name, part) != NULL)
			return true;
	return false;
}

static void
run_all(const struct tsn_cli *c, const struct tsn_ruleset *rs, struct tsn_cli_compilation *k, struct tally *n)
{
	struct tsn_test_outcome o;
	const char *failed_rule = NULL;
	uint32_t i;

	for (i = 0; i < rs->ntests; i++) {
		const struct tsn_rule_test *t = &rs->tests[i];
		struct tsn_diags *diags;
		enum tsn_test_result result;

		if (c->filter != NULL && strstr(t->rule, c->filter) == NULL)
			continue;
		diags = tsn_diags_new();
		result = tsn_ruletest_run(rs, i, c->batch > 0 ? (uint32_t)c->batch : 0, diags, &o);
		report_one(c, t, result, &o);
		if (result == TSN_TEST_BROKEN)
			tsn_cli_print_diags(c, diags, k->sources);
		tsn_diags_free(diags);
		if (result == TSN_TEST_PASSED) {
			n->passed++;
			continue;
		}
		n->failed++;
		if (failed_rule == NULL || strcmp(failed_rule, t->rule) != 0)
			n->rules_failed++;
		failed_rule = t->rule;
	}
	n->untested = name_untested(c, rs);
}

uint32_t
tsn_cli_tests_failed(const struct tsn_cli *c, const struct tsn_ruleset *rs, struct tsn_cli_compilation *k)
{
	struct tally n = { 0 };

	run_all(c, rs, k, &n);
	return n.failed;
}

int
tsn_cmd_test(struct tsn_cli *c)
{
	struct tsn_cli_compilation k;
	struct tally n = { 0 };
	struct tsn_ruleset *rs;
	int status;

	if (c->args.n + c->rules.n == 0 && c->rulesets == NULL)
		return tsn_cli_usage(c, "no rules: name rule files or directories");
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	if (c->args.n > 0) {
		k.input.paths = c->args.v;
		k.input.npaths = c->args.n;
	}
	k.input.tests = true;
	rs = tsn_cli_compile(&k);
	if (rs == NULL) {
		status = TSN_EXIT_RULES;
	} else if (c->filter != NULL && !any_rule(rs, c->filter)) {
		status = tsn_cli_usage(c, "--only: no rule's name contains \"%s\"", c->filter);
	} else {
		run_all(c, rs, &k, &n);
		status = n.failed > 0 ? TSN_EXIT_RULES : TSN_EXIT_OK;
		if ((c->coverage || (!c->quiet && !c->mutate)) && !tsn_cli_report_coverage(c, rs, k.sources))
			status = tsn_cli_no_memory();
		printf("%u passed, %u failed", n.passed, n.failed);
		if (n.rules_failed > 0)
			printf(" in %u rule%s", n.rules_failed, n.rules_failed == 1 ? "" : "s");
		if (n.untested > 0)
			printf("; %u rule%s without a test", n.untested, n.untested == 1 ? "" : "s");
		putchar('\n');
		if (c->mutate && n.failed == 0)
			status = tsn_cli_report_mutants(c, rs, k.sources);
		else if (c->mutate)
			puts("mutants are tried against tests that pass: first make these pass");
	}
	tsn_ruleset_free(rs);
	tsn_cli_compilation_fini(&k);
	return status;
}
