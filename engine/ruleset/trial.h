/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What is tried before a change of the store is put in force: that the rules compile together with the site's, that new
 * rulesets pass their own tests, and what they would have raised over the last flows.
 */
#ifndef TSN_RULESET_TRIAL_H
#define TSN_RULESET_TRIAL_H

#include "ruleset/store.h"

#define TSN_TRIAL_TEST_FLOWS 5000000u /* that the tests of one change may make together: half a minute */
#define TSN_TRIAL_TESTS      20000u   /* of one change: each needs an engine of its own */

struct tsn_trial {
	const struct tsn_compile_input *site;     /* its rules, as the daemon has them; [installed] is not looked at */
	const struct tsn_installed *before, *after;
	size_t nbefore, nafter;
	size_t nsilent;                           /* after those in [after]: compiled and tested, but not enabled */
	const char *const *tested; size_t ntested; /* names of rulesets in [after] whose tests are run */
	const char *ring;                         /* folder or file with the last flows; NULL or "": none */
	uint64_t max_per_hour;                    /* alerts: more than these, and more than before, refuse the change */
	bool force;                               /* but not then */
	/* What was found; a [problem]: what is wrong, diagnostics among it. Without a newline. */
	void (*say)(void *arg, bool problem, const char *line);
	void *arg;
};

/* Whether the change may be made; if not [error] says why. */
bool tsn_trial_run(const struct tsn_trial *t, char error[TSN_RULESET_ERROR]);

#endif
