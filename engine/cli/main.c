/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "grammar/diag.h"

static const struct {
	const char *name;
	int (*run)(struct tsn_cli *);
} commands[] = {
#define COMMAND(name, args, what, more) { #name, tsn_cmd_##name },
#include "cli/commands.def"
#undef COMMAND
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
unknown_command(struct tsn_cli *c, const char *name)
{
	struct tsn_nearest near = { 0 };
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		tsn_nearest_offer(&near, name, commands[i].name);
	c->command = NULL;
	if (near.best != NULL)
		return tsn_cli_usage(c, "no command \"%s\"; did you mean \"%s\"?", name, near.best);
	return tsn_cli_usage(c, "no command \"%s\"", name);
}

static int
dispatch(struct tsn_cli *c, int argc, char **argv)
{
	size_t i;
	int status;

	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			break;
	if (i == NCOMMANDS)
		return unknown_command(c, argv[1]);
	c->command = commands[i].name;
	status = tsn_cli_parse(c, argc, argv);
	if (status != 0)
		return status;
	if (c->help) {
		tsn_cli_command_help(c->program, c->command);
		return TSN_EXIT_OK;
	}
	return commands[i].run(c);
}

int
main(int argc, char **argv)
{
	struct tsn_cli c = { .program = "tocsin" };
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		tsn_cli_help(c.program);
		return TSN_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		if (argc > 2 && argv[2][0] != '-')
			tsn_cli_command_help(c.program, argv[2]);
		else
			tsn_cli_help(c.program);
		return TSN_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		argv[1] = (char *)"version";
	status = dispatch(&c, argc, argv);
	tsn_cli_free(&c);
	if (fflush(stdout) != 0 && status == TSN_EXIT_OK)
		status = TSN_EXIT_INPUT;
	return status;
}
