/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Which parts of a rule do its tests exercise? Every operand of and and or in `where` and `when` should have been true and false
 * for some flow, every part of `except` should have hidden a match, and so on (coverage.def). Looked at through
 * probes beside the rule, as `explain --why` does; results of tests are not changed by it.
 */
#ifndef TSN_AUTHOR_COVERAGE_H
#define TSN_AUTHOR_COVERAGE_H

#include "compile/compile.h"

enum tsn_cover {
#define COVER(kind, what, hint) TSN_COVER_##kind,
#include "author/coverage.def"
#undef COVER
	TSN_COVER_COUNT
};

struct tsn_gap {
	enum tsn_cover kind;
	struct tsn_span span;
};

struct tsn_coverage_counts {
	uint64_t parts, gaps;
};

/*
 * Runs the tests of a rule (full name) and tells [gap] of what none of them exercised. Adds to [counts]; a rule without tests
 * adds nothing. False when memory is out.
 */
bool tsn_cover_rule(const struct tsn_ruleset *rs, const char *rule, uint32_t batch_rows,
    void (*gap)(void *arg, const struct tsn_gap *), void *arg, struct tsn_coverage_counts *counts);
/* "has a flow for which this is false", and what to test. */
const char *tsn_cover_what(enum tsn_cover);
const char *tsn_cover_hint(enum tsn_cover);

#endif
