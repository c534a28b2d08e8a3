/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Runs the rules' own test blocks (LANGUAGE.md section 1, S20, S52) through
 * the very same engine as flows from the network.
 */
#ifndef TSN_CORE_RULETEST_H
#define TSN_CORE_RULETEST_H

#include "core/engine.h"

enum tsn_test_result { TSN_TEST_PASSED, TSN_TEST_FAILED, TSN_TEST_BROKEN /* did not compile, or memory is out */ };

struct tsn_test_outcome {
	uint64_t openings;  /* alerts the rule raised */
	uint64_t flows;     /* generated */
	char why[512];      /* FAILED, BROKEN: one sentence */
};

/* Runs test [index] of [rs], whose sources must still live. [batch_rows] never changes the outcome. */
enum tsn_test_result tsn_ruletest_run(const struct tsn_ruleset *rs, uint32_t index, uint32_t batch_rows,
    struct tsn_diags *diags, struct tsn_test_outcome *out);

/*
 * The same with probes (tsn_compile_test_covered): [seen] is first told of each of them, then of each again whenever it
 * matched. A probe is gone when this returns.
 */
typedef void tsn_probe_seen(void *arg, const struct tsn_probe *, bool matched);
enum tsn_test_result tsn_ruletest_cover(const struct tsn_ruleset *rs, uint32_t index, uint32_t batch_rows,
    struct tsn_diags *diags, tsn_probe_seen *seen, void *arg, struct tsn_test_outcome *out);

#endif
