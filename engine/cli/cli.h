/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The command line: one file a subcommand, options from one table. The only
 * room that exits, writes to stdout and asks about terminals.
 */
#ifndef TSN_CLI_CLI_H
#define TSN_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/wanted.h"

/* Exit statuses (LANGUAGE.md section 6). */
enum { TSN_EXIT_OK = 0, TSN_EXIT_RULES = 1, TSN_EXIT_USAGE = 2, TSN_EXIT_INPUT = 3 };

struct tsn_cli_list {
	const char **v;
	size_t n;
};

#define TSN_CLI_ELEMENTS 64 /* no fewer than there are columns for them */

struct tsn_cli {
	const char *program, *command;
	const char *key; /* the command as options.def names it: "ruleset.pack" is `tocsin ruleset pack` */
	char verb[64];   /* "ruleset pack", for [command] to point at */
	int argc;
	char **argv;
#define OPTION(member, letter, name, kind, arg, commands, help) OPTION_##kind(member)
#define OPTION_LIST(member)   struct tsn_cli_list member;
#define OPTION_TEXT(member)   const char *member;
#define OPTION_NUMBER(member) int64_t member; /* -1: not given */
#define OPTION_SWITCH(member) bool member;
#include "cli/options.def"
#undef OPTION
#undef OPTION_LIST
#undef OPTION_TEXT
#undef OPTION_NUMBER
#undef OPTION_SWITCH
	struct tsn_cli_list args;
	struct tsn_wanted elements[TSN_CLI_ELEMENTS]; /* that columns name by number; see columns.h */
	size_t nelements;
	bool color_out, color_err; /* decided from --color, NO_COLOR and the terminals */
	bool terminal_err;
};

/* 0, or TSN_EXIT_USAGE with a sentence on stderr. */
int tsn_cli_parse(struct tsn_cli *c, int argc, char **argv);
void tsn_cli_free(struct tsn_cli *c);
/* "tocsin: WHAT" and the hint to --help on stderr; returns TSN_EXIT_USAGE. */
int tsn_cli_usage(const struct tsn_cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "tocsin: WHAT" on stderr. */
void tsn_cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Has the reader of stdout, a pipe, gone away? Then there is nobody left to work for, and nothing to complain about. */
bool tsn_cli_reader_gone(void);
/* "tocsin: memory is out"; returns TSN_EXIT_INPUT. */
int tsn_cli_no_memory(void);
/* As --threads says, else as many as there are CPUs for this process. */
unsigned tsn_cli_threads(const struct tsn_cli *c);
/* "  left  text": the text from column [column] on, in as many lines as it takes. */
void tsn_cli_help_row(const char *left, int column, const char *text);
void tsn_cli_help(const char *program);
void tsn_cli_command_help(const char *program, const char *command);
/* The help of [command], whose row says [args], [what] and [more]; options.def has its options under [key]. */
void tsn_cli_topic_help(const char *program, const char *command, const char *key, const char *args, const char *what,
    const char *more);
/* `tocsin help ruleset [VERB]`: an exit status. */
int tsn_ruleset_help(struct tsn_cli *c, const char *verb);

#define COMMAND(name, args, what, more) int tsn_cmd_##name(struct tsn_cli *c);
#include "cli/commands.def"
#undef COMMAND

#endif
