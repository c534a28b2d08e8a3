/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Mutants against the tests of their rule. */
#include "author/mutate.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "core/ruletest.h"

struct trial {
	const struct tsn_ruleset *rs;
	const char *rule;
	uint32_t batch_rows;
	uint32_t *test;            /* of the rule; the last to have killed one first, for it often kills the next */
	uint32_t ntests;
	uint64_t *form;            /* hashes of what the rule and its mutants so far mean */
	size_t nforms;
	bool failed;
};

/* It is told, or there was not enough left to tell anything. */
static bool
memory_was_out(const struct tsn_diags *diags)
{
	return tsn_diags_errors(diags) == 0 || tsn_diags_have(diags, TSN_E_MEMORY);
}

/* False: it does not compile. */
static bool
form_of(struct trial *t, uint64_t *hash)
{
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_ruleset *alone = diags == NULL ? NULL : tsn_check_rule(t->rs, t->rule, diags);
	struct tsn_buf text = TSN_BUF_INIT;

	if (alone != NULL) {
		tsn_ruleset_form(alone, &text);
		*hash = tsn_hash_bytes(tsn_buf_str(&text), text.len, 0);
	}
	t->failed |= text.failed || diags == NULL || (alone == NULL && memory_was_out(diags));
	tsn_buf_fini(&text);
	tsn_ruleset_free(alone);
	tsn_diags_free(diags);
	return alone != NULL;
}

static bool
is_known(const struct trial *t, uint64_t form)
{
	for (size_t i = 0; i < t->nforms; i++)
		if (t->form[i] == form)
			return true;
	return false;
}

static enum tsn_mutant_fate
run_tests(struct trial *t)
{
	for (uint32_t i = 0; i < t->ntests; i++) {
		struct tsn_diags *diags = tsn_diags_new();
		uint32_t test = t->test[i];
		struct tsn_test_outcome o;
		enum tsn_test_result r = diags == NULL ? TSN_TEST_BROKEN : tsn_ruletest_run(t->rs, test, t->batch_rows, diags, &o);

		t->failed |= r == TSN_TEST_BROKEN && memory_was_out(diags);
		tsn_diags_free(diags);
		/* what compiles by itself but not with what this test rebinds is seen by whoever runs the test */
		if (r == TSN_TEST_PASSED)
			continue;
		memmove(t->test + 1, t->test, i * sizeof(*t->test));
		t->test[0] = test;
		return TSN_FATE_KILLED;
	}
	return TSN_FATE_SURVIVED;
}

static enum tsn_mutant_fate
try_one(struct trial *t, const struct tsn_mutant *m)
{
	enum tsn_mutant_fate fate;
	uint64_t form;

	tsn_mutant_apply(m);
	if (!form_of(t, &form)) {
		fate = TSN_FATE_REFUSED;
	} else if (is_known(t, form)) {
		fate = TSN_FATE_SAME;
	} else {
		t->form[t->nforms++] = form;
		fate = run_tests(t);
	}
	tsn_mutant_undo(m);
	return fate;
}

static bool
begin(struct trial *t, size_t nmutants)
{
	t->test = tsn_calloc(t->rs->ntests, sizeof(*t->test));
	t->form = tsn_calloc(nmutants + 1, sizeof(*t->form));
	if (t->test == NULL || t->form == NULL)
		return false;
	for (uint32_t i = 0; i < t->rs->ntests; i++)
		if (strcmp(t->rs->tests[i].rule, t->rule) == 0)
			t->test[t->ntests++] = i;
	if (form_of(t, &t->form[0]))
		t->nforms = 1;
	return !t->failed;
}

bool
tsn_mutate_rule(const struct tsn_ruleset *rs, const struct tsn_sources *sources, const char *rule, uint32_t batch_rows,
    void (*survivor)(void *arg, const struct tsn_mutant *), void *arg, struct tsn_mutation_counts *counts)
{
	struct trial t = { .rs = rs, .rule = rule, .batch_rows = batch_rows };
	struct tsn_mutants *m = tsn_mutants_of(rs, sources, rule);
	bool ok = m != NULL && begin(&t, m->n);

	for (size_t i = 0; ok && i < m->n; i++) {
		enum tsn_mutant_fate fate = try_one(&t, &m->v[i]);

		ok = !t.failed;
		if (!ok)
			break;
		counts->fate[fate]++;
		if (fate == TSN_FATE_SURVIVED)
			survivor(arg, &m->v[i]);
	}
	tsn_free(t.test);
	tsn_free(t.form);
	tsn_mutants_free(m);
	return ok;
}
