/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "cli/cli.h"
#include "grammar/diag.h"
#include "input/mapped.h"

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

static size_t
find_command(const char *name)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			break;
	return i;
}

/* [command] may be NULL: the overview; [verb] too. */
static int
help(struct tsn_cli *c, const char *command, const char *verb)
{
	if (command != NULL && strcmp(command, "ruleset") == 0)
		return tsn_ruleset_help(c, verb);
	if (command != NULL && find_command(command) == NCOMMANDS)
		return unknown_command(c, command);
	if (command != NULL)
		tsn_cli_command_help(c->program, command);
	else
		tsn_cli_help(c->program);
	return TSN_EXIT_OK;
}

static int
dispatch(struct tsn_cli *c, int argc, char **argv)
{
	size_t i = find_command(argv[1]);
	int status;

	if (i == NCOMMANDS)
		return unknown_command(c, argv[1]);
	c->command = c->key = commands[i].name;
	c->argc = argc;
	c->argv = argv;
	if (commands[i].run == tsn_cmd_ruleset) /* its verbs have options of their own */
		return commands[i].run(c);
	status = tsn_cli_parse(c, argc, argv);
	if (status != 0)
		return status;
	if (c->help) {
		tsn_cli_command_help(c->program, c->command);
		return TSN_EXIT_OK;
	}
	return commands[i].run(c);
}

/* A file opened where stdin, stdout or stderr was closed would be taken for it. */
static void
hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* What could not be written: nothing to speak of when the reader had enough (`| head`), a failure otherwise. */
static int
close_stdout(int status)
{
	errno = 0;
	if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE || tsn_cli_reader_gone())
		return status;
	tsn_cli_warn("cannot write to stdout%s%s", errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
	return status == TSN_EXIT_OK ? TSN_EXIT_INPUT : status;
}

/* What is not a level is no reason not to start. */
static void
check_cpu(void)
{
	bool known;
	const char *asked = tsn_cpu_asked(&known);

	if (asked != NULL && !known)
		tsn_cli_warn("TOCSIN_CPU=%s: no such level, ignored; `%s` here", asked, tsn_cpu_name(tsn_cpu_level));
}

int
main(int argc, char **argv)
{
	struct tsn_cli c = { .program = "tocsin" };
	int status;

	hold_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	(void)tsn_mapped_allow(TSN_MAPPED_LEAST); /* else files are read */
	check_cpu();
	if (argc < 2) {
		tsn_cli_help(c.program);
		return close_stdout(TSN_EXIT_USAGE);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return close_stdout(help(&c, argc > 2 && argv[2][0] != '-' ? argv[2] : NULL, argc > 3 ? argv[3] : NULL));
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		argv[1] = (char *)"version";
	status = dispatch(&c, argc, argv);
	tsn_cli_free(&c);
	return close_stdout(status);
}
