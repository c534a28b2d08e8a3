/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/test_report.h"

#include <stdio.h>
#include <string.h>

#include "author/coverage.h"
#include "author/mutate.h"
#include "base/buf.h"
#include "cli/progress.h"

struct report {
	const struct tsn_cli *cli;
	const struct tsn_sources *sources;
	const char *rule;
	bool untested;             /* the rule has no test: what lives of it is no news */
	struct tsn_progress progress;
	bool failed;
};

static bool
is_asked(const struct tsn_cli *c, const char *rule)
{
	return c->filter == NULL || strstr(rule, c->filter) != NULL;
}

static bool
has_test(const struct tsn_ruleset *rs, const char *rule)
{
	for (uint32_t i = 0; i < rs->ntests; i++)
		if (strcmp(rs->tests[i].rule, rule) == 0)
			return true;
	return false;
}

static void
print_diags(struct report *r, struct tsn_diags *diags)
{
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_progress_clear(&r->progress);
	tsn_diags_print(diags, r->sources, r->cli->color_out, &out);
	if (out.len > 0)
		fwrite(out.p, 1, out.len, stdout);
	r->failed |= out.failed;
	tsn_buf_fini(&out);
}

static void
on_survivor(void *arg, const struct tsn_mutant *m)
{
	struct report *r = arg;
	struct tsn_diags *diags = r->untested ? NULL : tsn_diags_new();
	struct tsn_diag *d;

	if (r->untested)
		return;
	if (m->to[0] != '\0')
		d = tsn_diag_warn(diags, TSN_E_MUTANT, m->span, "no test of %s fails when \"%s\" becomes \"%s\"", r->rule, m->from,
		    m->to);
	else
		d = tsn_diag_warn(diags, TSN_E_MUTANT, m->span, "no test of %s fails without \"%s\"", r->rule, m->from);
	tsn_diag_hint(d, "%s", tsn_mutation_hint(m->kind));
	r->failed |= d == NULL;
	print_diags(r, diags);
	tsn_diags_free(diags);
}

static void
say_untested(const struct report *r, uint64_t n)
{
	if (r->untested && n > 0)
		printf("%s has no test: %llu mutant%s survive%s\n", r->rule, (unsigned long long)n, n == 1 ? "" : "s",
		    n == 1 ? "s" : "");
}

/* One decimal, rounded down: only what is whole is 100. The one percentage in all this, on the last line of it. */
static void
say_score(const struct tsn_mutation_counts *n, uint32_t nrules)
{
	unsigned long long killed = n->fate[TSN_FATE_KILLED], lived = n->fate[TSN_FATE_SURVIVED], all = killed + lived;
	unsigned long long score = all == 0 ? 1000 : killed * 1000 / all;

	printf("%llu mutants of %u rule%s: %llu killed, %llu survived; not counted: %llu that mean the same, %llu that do not compile\n",
	    all, nrules, nrules == 1 ? "" : "s", killed, lived, (unsigned long long)n->fate[TSN_FATE_SAME], (unsigned long long)n->fate[TSN_FATE_REFUSED]);
	printf("mutation score: %llu.%llu %%\n", score / 10, score % 10);
}

int
tsn_cli_report_mutants(const struct tsn_cli *c, const struct tsn_ruleset *rs, const struct tsn_sources *sources)
{
	struct report r = { .cli = c, .sources = sources };
	struct tsn_mutation_counts n = { { 0 } };
	const struct tsn_program *p = rs->program;
	uint32_t done = 0;

	tsn_progress_init(&r.progress, c->terminal_err && !c->quiet);
	for (uint32_t i = 0; i < p->nrules && !r.failed; i++) {
		uint64_t before = n.fate[TSN_FATE_SURVIVED];

		r.rule = p->rules[i].name;
		if (!is_asked(c, r.rule))
			continue;
		if (tsn_progress_wanted(&r.progress))
			tsn_progress_count(&r.progress, r.rule, i, p->nrules);
		r.untested = !has_test(rs, r.rule);
		r.failed |= !tsn_mutate_rule(rs, sources, r.rule, c->batch > 0 ? (uint32_t)c->batch : 0, on_survivor, &r, &n);
		say_untested(&r, n.fate[TSN_FATE_SURVIVED] - before);
		done++;
	}
	tsn_progress_clear(&r.progress);
	if (r.failed)
		return tsn_cli_no_memory();
	say_score(&n, done);
	return TSN_EXIT_OK;
}

/* --- coverage --- */

static void
on_gap(void *arg, const struct tsn_gap *g)
{
	struct report *r = arg;
	struct tsn_diags *diags = r->cli->coverage ? tsn_diags_new() : NULL;
	struct tsn_diag *d;

	if (!r->cli->coverage)
		return;
	d = tsn_diag_warn(diags, TSN_E_UNTESTED, g->span, "no test of %s %s", r->rule, tsn_cover_what(g->kind));
	tsn_diag_hint(d, "%s", tsn_cover_hint(g->kind));
	r->failed |= d == NULL;
	print_diags(r, diags);
	tsn_diags_free(diags);
}

bool
tsn_cli_report_coverage(const struct tsn_cli *c, const struct tsn_ruleset *rs, const struct tsn_sources *sources)
{
	struct report r = { .cli = c, .sources = sources };
	struct tsn_coverage_counts n = { 0, 0 };
	const struct tsn_program *p = rs->program;

	for (uint32_t i = 0; i < p->nrules && !r.failed; i++) {
		r.rule = p->rules[i].name;
		if (is_asked(c, r.rule))
			r.failed |= !tsn_cover_rule(rs, r.rule, c->batch > 0 ? (uint32_t)c->batch : 0, on_gap, &r, &n);
	}
	if (r.failed)
		return false;
	if (n.gaps > 0)
		printf("%llu of %llu parts of rules are exercised by no test%s\n", (unsigned long long)n.gaps, (unsigned long long)n.parts,
		    c->coverage ? "" : ": --coverage names them");
	else if (c->coverage)
		printf("all %llu parts of rules are exercised by tests\n", (unsigned long long)n.parts);
	return true;
}
