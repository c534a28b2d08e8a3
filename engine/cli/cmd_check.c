/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin check and explain: compile only, and show what came of it. */
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/inputs.h"
#include "cli/memory.h"
#include "cli/why.h"
#include "compile/lanes.h"

/* Rules named as arguments join those of -r. False when memory is out. */
static bool
join_args(struct tsn_cli *c)
{
	const char **v = tsn_reallocarray(c->rules.v, c->rules.n + c->args.n, sizeof(*v));
	size_t i;

	if (v == NULL)
		return false;
	for (i = 0; i < c->args.n; i++)
		v[c->rules.n++] = c->args.v[i];
	c->rules.v = v;
	return true;
}

/* Compiles what the command line names and hands it to [then]. */
static int
with_rules(struct tsn_cli *c, int (*then)(struct tsn_cli *, const struct tsn_ruleset *, const struct tsn_diags *))
{
	struct tsn_cli_compilation k;
	struct tsn_ruleset *r;
	int status;

	if (!join_args(c))
		return tsn_cli_no_memory();
	if (c->rules.n == 0 && c->exprs.n == 0 && c->rulesets == NULL)
		return tsn_cli_usage(c, "no rules: name rule files or directories");
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	r = tsn_cli_compile(&k);
	status = r != NULL ? then(c, r, k.diags) : TSN_EXIT_RULES;
	tsn_ruleset_free(r);
	tsn_cli_compilation_fini(&k);
	return status;
}

static int
say_checked(struct tsn_cli *c, const struct tsn_ruleset *r, const struct tsn_diags *diags)
{
	uint32_t i, disabled = 0;

	for (i = 0; i < r->program->nrules; i++)
		disabled += r->program->rules[i].disabled;
	if (c->quiet)
		return TSN_EXIT_OK;
	printf("%u rule%s", r->program->nrules, r->program->nrules == 1 ? "" : "s");
	if (disabled > 0)
		printf(" (%u disabled)", disabled);
	printf(", %u test%s, %u set%s: no errors", r->ntests, r->ntests == 1 ? "" : "s", r->program->nsets,
	    r->program->nsets == 1 ? "" : "s");
	if (tsn_diags_warnings(diags) > 0)
		printf(", %zu warning%s", tsn_diags_warnings(diags), tsn_diags_warnings(diags) == 1 ? "" : "s");
	putchar('\n');
	return TSN_EXIT_OK;
}

static bool
put_lanes(const struct tsn_ruleset *r, unsigned threads, struct tsn_buf *out)
{
	struct tsn_lanes *lanes = tsn_lanes_make(r, threads, NULL);

	if (lanes != NULL)
		tsn_lanes_describe(lanes, r, out);
	tsn_lanes_free(lanes);
	return lanes != NULL;
}

static int
explain(struct tsn_cli *c, const struct tsn_ruleset *r, const struct tsn_diags *diags)
{
	struct tsn_buf out = TSN_BUF_INIT;
	bool failed = false;

	(void)diags;
	if (c->memory)
		return tsn_cli_memory(r);
	if (c->threads > 0)
		failed = !put_lanes(r, (unsigned)c->threads, &out);
	else
		tsn_program_disassemble(r->program, &out);
	failed = failed || out.failed;
	fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	tsn_buf_fini(&out);
	return failed ? tsn_cli_no_memory() : TSN_EXIT_OK;
}

int
tsn_cmd_check(struct tsn_cli *c)
{
	return with_rules(c, say_checked);
}

/* The rules of -r and -e, with probes beside one; the arguments are inputs. */
static int
explain_why(struct tsn_cli *c)
{
	struct tsn_cli_compilation k;
	struct tsn_ruleset *rs;
	int status = TSN_EXIT_RULES;

	if (c->rules.n == 0 && c->exprs.n == 0 && c->rulesets == NULL)
		return tsn_cli_usage(c, "no rules: with --why they stand behind -r or -e");
	if (c->args.n == 0)
		return tsn_cli_usage(c, "no input: with --why name files or directories, or - for stdin");
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	k.input.why = c->why;
	k.input.what_if = c->what_if;
	rs = tsn_cli_compile(&k);
	if (rs != NULL)
		status = tsn_cli_why(c, rs);
	tsn_cli_compilation_fini(&k);
	return status;
}

int
tsn_cmd_explain(struct tsn_cli *c)
{
	if (c->why != NULL)
		return explain_why(c);
	if (c->what_if != NULL)
		return tsn_cli_usage(c, "--what-if needs --why RULE");
	return with_rules(c, explain);
}
