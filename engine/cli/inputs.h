/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What subcommands share: compiling the rules named, and reading the inputs named into an engine. */
#ifndef TSN_CLI_INPUTS_H
#define TSN_CLI_INPUTS_H

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/engine.h"
#include "feed/files.h"
#include "input/wait.h"
#include "ruleset/store.h"

/* --- rules --- */

struct tsn_cli_compilation {
	const struct tsn_cli *cli;
	struct tsn_sources *sources;
	struct tsn_diags *diags;
	struct tsn_rule_text *exprs;
	struct tsn_store_enabled enabled; /* of --rulesets */
	struct tsn_compile_input input; /* from -r, -e, -L and --where; may be changed before compiling */
};

/* False when memory is out; fini is due either way. */
bool tsn_cli_compilation_init(struct tsn_cli_compilation *k, const struct tsn_cli *c);
void tsn_cli_compilation_fini(struct tsn_cli_compilation *k);
/* Prints every diagnostic. NULL after errors. */
struct tsn_ruleset *tsn_cli_compile(struct tsn_cli_compilation *k);
void tsn_cli_print_diags(const struct tsn_cli *c, struct tsn_diags *diags, const struct tsn_sources *sources);
/* Runs every test and prints as `tocsin test` does; how many failed. [rs] compiled with tests. */
uint32_t tsn_cli_tests_failed(const struct tsn_cli *c, const struct tsn_ruleset *rs, struct tsn_cli_compilation *k);
void tsn_cli_library(const struct tsn_cli *c, struct tsn_compile_input *in);

/* For show, top and exporters: what -r and --where say, NULL if nothing. 0, or an exit status, told on stderr. */
int tsn_cli_compile_rows(const struct tsn_cli *c, struct tsn_ruleset **out);

/* --- inputs --- */

struct tsn_inputs {
	const struct tsn_cli *cli;
	struct tsn_engine *engine;
	struct tsn_field_set reads; /* by on_rows; to be set before tsn_inputs_open_rows */
	bool stop;            /* set by whoever has seen enough: reading ends early */
	struct tsn_progress progress; /* to be cleared before anything else goes to the terminal */
	struct tsn_files files; /* private, but for what it counts */
	struct tsn_log log;   /* of the feeds */
	bool goes_on;         /* the last input is not the last word: windows stay open for another run */
	void (*idle)(void *arg); /* may be NULL: no more input at present, what is to be written should be */
	void *idle_arg;
};

/*
 * Makes in->engine hand rows to [on_rows], those for which the compiled --where is true, all without one; of the rules only the
 * site's exporters are taken then. [rs] may be NULL.
 * Takes [rs] over, also on failure. 0, or an exit status, told on stderr. Free the engine when done.
 */
int tsn_inputs_open_rows(struct tsn_inputs *in, struct tsn_ruleset *rs,
    void (*on_rows)(void *arg, struct tsn_batch *b, const struct tsn_mask *rows), void *arg);

/*
 * Reads one file, or "-". One that was [named] must be readable; else it was found in a directory, and one of no known
 * kind is passed over. TSN_EXIT_OK, or TSN_EXIT_INPUT if nothing could be read of it: told, and counted.
 */
int tsn_inputs_read_one(struct tsn_inputs *in, const char *path, const struct tsn_waiter *waiter, bool named);

/* What --as says captures hold. False if it says nothing that can be. */
bool tsn_inputs_as(const struct tsn_cli *c, enum tsn_feed_as *as);

/* Reads c->args in order, the files of directories in the order of their times. Problems are told on stderr; TSN_EXIT_OK, TSN_EXIT_USAGE or TSN_EXIT_INPUT. */
int tsn_inputs_read(struct tsn_inputs *in);

#endif
