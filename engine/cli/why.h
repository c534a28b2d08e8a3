/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#ifndef TSN_CLI_WHY_H
#define TSN_CLI_WHY_H

#include "cli/cli.h"

struct tsn_ruleset;

/* Reads the inputs and says what became of the rule whose probes [rs] has; takes [rs] over. An exit status. */
int tsn_cli_why(struct tsn_cli *c, struct tsn_ruleset *rs);

#endif
