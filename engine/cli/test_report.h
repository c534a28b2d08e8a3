/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What `tocsin test` says of the tests themselves. */
#ifndef TSN_CLI_TEST_REPORT_H
#define TSN_CLI_TEST_REPORT_H

#include "cli/cli.h"
#include "compile/compile.h"

/* Tries the mutants of all rules that --only lets pass and prints those that live; ends in a line with the score. An exit status. */
int tsn_cli_report_mutants(const struct tsn_cli *c, const struct tsn_ruleset *rs, const struct tsn_sources *sources);

/*
 * Prints what no test exercises of the rules that --only lets pass: one by one if --coverage asks for it, else a line with their
 * number, and nothing if there is none. False when memory is out.
 */
bool tsn_cli_report_coverage(const struct tsn_cli *c, const struct tsn_ruleset *rs, const struct tsn_sources *sources);

#endif
