/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes, as a rule file and as a condition, through checker, emitter and
 * verifier; rules' tests are compiled and the first few run. Seeds: corpus/compile (rule files).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/ruletest.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A test may ask for as many flows as it likes; here they are only tried when they are few. */
static int
is_small(const struct tsn_rule_test *t)
{
	uint64_t flows = 0;

	for (uint32_t i = 0; i < t->nsteps; i++)
		flows += t->steps[i].kind == TSN_STEP_FLOW ? t->steps[i].repeat : 0;
	return flows < 2000;
}

static void
run(const char *text, size_t len, int expr)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_rule_text one = { "fuzz", text, len };
	struct tsn_compile_input in = { .tests = true };
	struct tsn_test_outcome outcome;
	struct tsn_ruleset *rs;
	struct tsn_buf out = TSN_BUF_INIT;

	if (expr) {
		in.exprs = &one;
		in.nexprs = 1;
	} else {
		in.texts = &one;
		in.ntexts = 1;
	}
	rs = tsn_compile(sources, &in, diags);
	tsn_diags_print(diags, sources, false, &out);
	if ((rs == NULL) != (tsn_diags_errors(diags) > 0))
		abort(); /* refused without a word, or taken with errors */
	if (rs != NULL)
		tsn_program_disassemble(rs->program, &out);
	for (uint32_t i = 0; rs != NULL && i < rs->ntests && i < 4; i++)
		if (is_small(&rs->tests[i]))
			tsn_ruletest_run(rs, i, 7, diags, &outcome);
	tsn_buf_fini(&out);
	tsn_ruleset_free(rs);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (memmem(data, size, "file", 4) != NULL || memmem(data, size, "use", 3) != NULL)
		return 0; /* what they name would be read from this machine */
	run((const char *)data, size, 0);
	run((const char *)data, size, 1);
	return 0;
}
