/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#ifndef TSN_CLI_MEMORY_H
#define TSN_CLI_MEMORY_H

struct tsn_ruleset;

/* Prints the worst case of each kind of groups of a compiled ruleset. An exit status. */
int tsn_cli_memory(const struct tsn_ruleset *r);

#endif
