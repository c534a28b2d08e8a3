/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/trial.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "author/backtest.h"
#include "base/clock.h"
#include "core/ruletest.h"
#include "ruleset/file.h"

#define HOUR (INT64_C(3600) * TSN_SECOND)

static void
say(const struct tsn_trial *t, bool problem, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void
say(const struct tsn_trial *t, bool problem, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	t->say(t->arg, problem, line);
}

/* --- compiling --- */

/* Sources live as long as tests are to be compiled. */
struct compiled {
	struct tsn_sources *sources;
	struct tsn_diags *diags;
	struct tsn_ruleset *rules;
};

static void
compiled_fini(struct compiled *c)
{
	tsn_ruleset_free(c->rules);
	tsn_diags_free(c->diags);
	tsn_sources_free(c->sources);
	*c = (struct compiled){ 0 };
}

static void
print_diags(const struct tsn_trial *t, const struct compiled *c)
{
	struct tsn_buf text = TSN_BUF_INIT;

	tsn_diags_print(c->diags, c->sources, false, &text);
	if (text.len > 0 && text.p[text.len - 1] == '\n')
		text.p[text.len - 1] = '\0';
	if (text.len > 0)
		t->say(t->arg, true, text.p);
	tsn_buf_fini(&text);
}

static bool
compile(const struct tsn_trial *t, const struct tsn_installed *v, size_t n, struct compiled *c)
{
	struct tsn_compile_input in = *t->site;

	*c = (struct compiled){ .sources = tsn_sources_new(), .diags = tsn_diags_new() };
	in.installed = v;
	in.ninstalled = n;
	if (c->sources != NULL && c->diags != NULL)
		c->rules = tsn_compile(c->sources, &in, c->diags);
	return c->rules != NULL;
}

static bool
compile_after(const struct tsn_trial *t, struct compiled *c, char error[TSN_RULESET_ERROR])
{
	bool ok = compile(t, t->after, t->nafter + t->nsilent, c);

	print_diags(t, c);
	if (ok)
		return true;
	if (tsn_diags_errors(c->diags) == 0)
		return tsn_ruleset_no_memory(error);
	return tsn_ruleset_fail(error, t->site->npaths > 0 ? "the rules do not compile together with the site's" :
	    "the rules do not compile; name the site's own files with -r, as for `tocsin listen`");
}

/* --- their own tests --- */

static bool
is_tested(const struct tsn_trial *t, const char *rule)
{
	for (size_t i = 0; i < t->ntested; i++) {
		const size_t n = strlen(t->tested[i]);

		if (strncmp(rule, t->tested[i], n) == 0 && rule[n] == '.')
			return true;
	}
	return false;
}

/* A test may repeat a flow as often as it likes; what is installed may not keep us for a day. */
static uint64_t
flows_of(const struct tsn_rule_test *test)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < test->nsteps && n < TSN_TRIAL_TEST_FLOWS; i++)
		n += test->steps[i].kind == TSN_STEP_FLOW ? test->steps[i].repeat : 1;
	return n;
}

static bool
run_tests(const struct tsn_trial *t, const struct compiled *c, char error[TSN_RULESET_ERROR])
{
	uint32_t passed = 0, failed = 0;
	uint64_t flows = 0, tests = 0;

	for (uint32_t i = 0; i < c->rules->ntests; i++) {
		if (!is_tested(t, c->rules->tests[i].rule))
			continue;
		flows += flows_of(&c->rules->tests[i]);
		tests++;
	}
	if (tests > TSN_TRIAL_TESTS)
		return tsn_ruleset_fail(error, "it has more than %u tests", TSN_TRIAL_TESTS);
	if (flows > TSN_TRIAL_TEST_FLOWS)
		return tsn_ruleset_fail(error, "its tests would make more than %u flows", TSN_TRIAL_TEST_FLOWS);
	for (uint32_t i = 0; i < c->rules->ntests; i++) {
		const struct tsn_rule_test *test = &c->rules->tests[i];
		struct tsn_test_outcome o;

		if (!is_tested(t, test->rule))
			continue;
		if (tsn_ruletest_run(c->rules, i, 0, NULL, &o) == TSN_TEST_PASSED) {
			passed++;
			continue;
		}
		if (failed++ < 10)
			say(t, true, "FAILED %s: %s: %s", test->rule, test->title, o.why);
	}
	if (failed > 0)
		return tsn_ruleset_fail(error, "%" PRIu32 " of its %" PRIu32 " tests failed", failed, passed + failed);
	if (t->ntested > 0)
		say(t, false, "%" PRIu32 " test%s passed", passed, passed == 1 ? "" : "s");
	return true;
}

/* --- over the last flows --- */

struct raised {
	uint64_t alerts, flows;
	int64_t first, last;
	unsigned unreadable;
};

/* Takes [rules] over. */
static bool
raise(const struct tsn_trial *t, struct tsn_ruleset *rules, struct tsn_backtest *b, struct raised *out)
{
	const struct tsn_backtest_options o = { .inputs = &t->ring, .ninputs = 1 };
	bool ok = tsn_backtest_run(rules, &o, b);

	*out = (struct raised){ 0, b->flows, b->first, b->last, b->unreadable };
	for (uint32_t i = 0; i < b->nrules; i++)
		out->alerts += b->rule[i].alerts;
	return ok;
}

/* The noisiest of the rules that would raise more than before. */
static void
say_noisiest(const struct tsn_trial *t, const struct tsn_backtest *before, const struct tsn_backtest *after)
{
	const struct tsn_backtest_rule *worst = NULL;
	uint64_t most = 0;

	for (uint32_t i = 0; i < after->nrules; i++) {
		uint64_t old = 0;

		for (uint32_t k = 0; k < before->nrules; k++)
			if (strcmp(before->rule[k].name, after->rule[i].name) == 0)
				old = before->rule[k].alerts;
		if (after->rule[i].alerts > old && after->rule[i].alerts - old > most) {
			most = after->rule[i].alerts - old;
			worst = &after->rule[i];
		}
	}
	if (worst != NULL)
		say(t, false, "most of the new ones are of %s: %" PRIu64, worst->name, most);
}

static bool
judge(const struct tsn_trial *t, const struct raised *before, const struct raised *after, char error[TSN_RULESET_ERROR])
{
	const int64_t span = after->last - after->first;
	/* less than an hour is not blown up to one: a few minutes say little */
	const double hours = span > HOUR ? (double)span / HOUR : 1;
	const double rate = (double)after->alerts / hours;
	char text[TSN_TIME_TEXT];

	say(t, false, "this update would have raised %" PRIu64 " alert%s in the last %s, before %" PRIu64 " (%" PRIu64 " flows)", after->alerts,
	    after->alerts == 1 ? "" : "s", tsn_duration_text((span + TSN_SECOND - 1) / TSN_SECOND * TSN_SECOND, text), before->alerts, after->flows);
	if (rate <= (double)t->max_per_hour || after->alerts <= before->alerts || t->force)
		return true;
	return tsn_ruleset_fail(error, "it would raise %.0f alerts an hour, more than --max-alerts-per-hour %" PRIu64 "; --force puts it in force all the same",
	    rate, t->max_per_hour);
}

static bool
backtest(const struct tsn_trial *t, struct compiled *now, char error[TSN_RULESET_ERROR])
{
	struct tsn_backtest a = { 0 }, b = { 0 };
	struct raised before = { 0 }, after = { 0 };
	struct compiled old = { 0 };
	bool ok;

	if (t->ring == NULL || t->ring[0] == '\0')
		return true;
	if (t->nsilent > 0) {
		compiled_fini(now);
		if (!compile(t, t->after, t->nafter, now))
			return tsn_ruleset_fail(error, "the rules compile only with what is not enabled");
	}
	ok = raise(t, now->rules, &a, &after);
	now->rules = NULL;
	if (ok && compile(t, t->before, t->nbefore, &old)) { /* what is in force may be broken: then nothing was raised before */
		ok = raise(t, old.rules, &b, &before);
		old.rules = NULL;
	}
	compiled_fini(&old);
	if (!ok)
		tsn_ruleset_no_memory(error);
	else if (after.flows == 0)
		say(t, false, "no flows in %s: what the update would have raised is not known", t->ring);
	else if ((ok = judge(t, &before, &after, error)), after.alerts > before.alerts)
		say_noisiest(t, &b, &a);
	tsn_backtest_fini(&a);
	tsn_backtest_fini(&b);
	return ok;
}

bool
tsn_trial_run(const struct tsn_trial *t, char error[TSN_RULESET_ERROR])
{
	struct compiled c;
	bool ok = compile_after(t, &c, error) && run_tests(t, &c, error) && backtest(t, &c, error);

	compiled_fini(&c);
	return ok;
}
