/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "feed/feed.h"
#include "grammar/diag.h"

#define THREADS_MAX 64 /* at most */

enum kind { LIST, TEXT, NUMBER, SWITCH };

struct option {
	size_t offset;
	char letter;
	const char *name;
	enum kind kind;
	const char *arg, *commands, *help;
};

static const struct option options[] = {
#define OPTION(member, letter, name, kind, arg, commands, help) \
	{ offsetof(struct tsn_cli, member), letter, name, kind, arg, commands, help },
#include "cli/options.def"
#undef OPTION
};
#define WIDTH 80 /* of help */
#define NOPTIONS (sizeof(options) / sizeof(options[0]))

static const struct {
	const char *name, *args, *what, *more;
} commands[] = {
#define COMMAND(name, args, what, more) { #name, args, what, more },
#include "cli/commands.def"
#undef COMMAND
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

void
tsn_cli_warn(const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p != '\0'; p++) /* names of files and exporters may hold what steers terminals */
		if ((unsigned char)*p < ' ' || *p == '\x7f')
			*p = '?';
	fprintf(stderr, "tocsin: %s\n", line);
}

int
tsn_cli_usage(const struct tsn_cli *c, const char *fmt, ...)
{
	va_list ap;

	fputs("tocsin: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry `%s %s%s--help`.\n", c->program, c->command != NULL ? c->command : "",
	    c->command != NULL ? " " : "");
	return TSN_EXIT_USAGE;
}

bool
tsn_cli_reader_gone(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int
tsn_cli_no_memory(void)
{
	tsn_cli_warn("memory is out");
	return TSN_EXIT_INPUT;
}

/* Is [command] a word of the blank-separated list? */
static bool
takes(const char *list, const char *command)
{
	size_t n = strlen(command);
	const char *p;

	if (strcmp(list, "*") == 0)
		return true;
	for (p = list; (p = strstr(p, command)) != NULL; p += n)
		if ((p == list || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}

/* Words of [text], to which a line has been begun with [at] characters, up to column WIDTH; further lines begin at [indent]. */
static void
put_words(const char *text, size_t n, int *at, int indent)
{
	for (size_t i = 0; i < n; i++) {
		size_t begin = i;

		while (i < n && text[i] != ' ' && text[i] != '\n')
			i++;
		if (i == begin)
			continue;
		if (*at > indent && *at + 1 + (int)(i - begin) > WIDTH) {
			printf("\n%*s", indent, "");
			*at = indent;
		} else if (*at > indent) {
			putchar(' ');
			++*at;
		}
		printf("%.*s", (int)(i - begin), text + begin);
		*at += (int)(i - begin);
	}
}

void
tsn_cli_help_row(const char *left, int column, const char *text)
{
	int at = column;

	if (printf("  %-*s ", column - 3, left) > column)
		printf("\n%*s", column, "");
	put_words(text, strlen(text), &at, column);
	putchar('\n');
}

/* Paragraphs are filled; indented lines, examples and tables, stay as they are. */
static void
put_paragraphs(const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		int at = 0;

		if (n > 0 && *text != ' ') {
			while (text[n] == '\n' && text[n + 1] != '\0' && strchr("\n ", text[n + 1]) == NULL)
				n += 1 + strcspn(text + n + 1, "\n");
			put_words(text, n, &at, 0);
			putchar('\n');
		} else {
			printf("%.*s\n", (int)n, text);
		}
		text += n + (text[n] == '\n');
	}
}

void
tsn_cli_help(const char *program)
{
	size_t i;

	printf("Tocsin rings when network flows match your rules.\n\nUsage: %s COMMAND [OPTIONS] ...\n\nCommands\n", program);
	for (i = 0; i < NCOMMANDS; i++)
		tsn_cli_help_row(commands[i].name, 13, commands[i].what);
	printf("\nStart here\n"
	    "  %s show capture.pcap --limit 20                    look at flows first\n"
	    "  %s run -e 'dst_port == 1434' capture.pcap          any condition is a rule\n"
	    "  %s run -r stdlib-rules -r site.tsn capture.pcap    the standard library\n"
	    "  %s COMMAND --help                                  one command's options\n"
	    "\nExit status: 0 done, 1 bad rules or failing tests, 2 wrong usage, 3 unreadable\nor damaged input.\n",
	    program, program, program, program);
}

/* What INPUT may be, from the table of kinds. */
static void
print_kinds(void)
{
	printf("\nInputs, told apart by their first bytes (- is standard input)\n");
	for (size_t i = 0; tsn_feed_kind(i) != NULL; i++)
		tsn_cli_help_row(tsn_feed_kind(i), 14, tsn_feed_kind_help(i));
}

void
tsn_cli_command_help(const char *program, const char *command)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, command) == 0)
			tsn_cli_topic_help(program, command, command, commands[i].args, commands[i].what, commands[i].more);
}

void
tsn_cli_topic_help(const char *program, const char *command, const char *key, const char *args, const char *what,
    const char *more)
{
	char left[64], line[512];
	size_t i;

	printf("Usage: %s %s %s\n\n", program, command, args);
	snprintf(line, sizeof(line), "%c%s.\n", toupper((unsigned char)what[0]), what + 1);
	put_paragraphs(line);
	if (more[0] != '\0')
		putchar('\n');
	put_paragraphs(more);
	if (strstr(args, "INPUT") != NULL)
		print_kinds();
	printf("\nOptions\n");
	for (i = 0; i < NOPTIONS; i++) {
		if (!takes(options[i].commands, key))
			continue;
		snprintf(left, sizeof(left), "%c%c%s--%s %s", options[i].letter ? '-' : ' ',
		    options[i].letter ? options[i].letter : ' ', options[i].letter ? ", " : "  ",
		    options[i].name, options[i].arg);
		tsn_cli_help_row(left, 27, options[i].help);
	}
}

static const struct option *
find_long(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < NOPTIONS; i++)
		if (strlen(options[i].name) == n && memcmp(options[i].name, name, n) == 0)
			return &options[i];
	return NULL;
}

static const struct option *
find_short(char letter)
{
	size_t i;

	for (i = 0; i < NOPTIONS; i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

static bool
list_add(struct tsn_cli_list *l, const char *s)
{
	const char **v = tsn_reallocarray(l->v, l->n + 1, sizeof(*v));

	if (v == NULL)
		return false;
	l->v = v;
	l->v[l->n++] = s;
	return true;
}

static int
set_option(struct tsn_cli *c, const struct option *o, const char *value)
{
	void *at = (char *)c + o->offset;
	char *end;

	switch (o->kind) {
	case LIST:
		return list_add(at, value) ? 0 : tsn_cli_no_memory();
	case TEXT:
		*(const char **)at = value;
		return 0;
	case NUMBER:
		errno = 0;
		*(int64_t *)at = strtoll(value, &end, 10);
		if (end == value || *end != '\0' || errno != 0 || *(int64_t *)at < 0)
			return tsn_cli_usage(c, "--%s takes a whole number, not \"%s\"", o->name, value);
		return 0;
	case SWITCH:
		*(bool *)at = true;
		return 0;
	}
	return 0;
}

static int
unknown_option(struct tsn_cli *c, const char *name, size_t n)
{
	struct tsn_nearest near = { 0 };
	char word[64];
	size_t i;

	snprintf(word, sizeof(word), "%.*s", (int)n, name);
	for (i = 0; i < NOPTIONS; i++)
		if (takes(options[i].commands, c->key))
			tsn_nearest_offer(&near, word, options[i].name);
	if (near.best != NULL)
		return tsn_cli_usage(c, "no option --%s; did you mean --%s?", word, near.best);
	return tsn_cli_usage(c, "no option --%s", word);
}

/* One argument that begins with '-'; advances [*i] past a value of its own. */
static int
parse_option(struct tsn_cli *c, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *value = NULL;
	const struct option *o;

	if (arg[1] == '-') {
		size_t n = strcspn(arg + 2, "=");

		o = find_long(arg + 2, n);
		if (o == NULL)
			return unknown_option(c, arg + 2, n);
		if (arg[2 + n] == '=')
			value = arg + 3 + n;
	} else {
		o = find_short(arg[1]);
		if (o == NULL)
			return tsn_cli_usage(c, "no option -%c", arg[1]);
		if (arg[2] != '\0')
			value = arg + 2;
	}
	if (!takes(o->commands, c->key))
		return tsn_cli_usage(c, "`tocsin %s` takes no --%s", c->command, o->name);
	if (o->kind == SWITCH)
		return value != NULL ? tsn_cli_usage(c, "--%s takes no value", o->name) : set_option(c, o, NULL);
	if (value == NULL && *i + 1 < argc)
		value = argv[++*i];
	if (value == NULL)
		return tsn_cli_usage(c, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
	return set_option(c, o, value);
}

static int
decide_color(struct tsn_cli *c)
{
	const char *when = c->color != NULL ? c->color : "auto";
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
	bool wanted = (none == NULL || none[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0);

	c->terminal_err = isatty(STDERR_FILENO);
	if (strcmp(when, "always") == 0)
		c->color_out = c->color_err = true;
	else if (strcmp(when, "auto") == 0) {
		c->color_out = wanted && isatty(STDOUT_FILENO);
		c->color_err = wanted && c->terminal_err;
	} else if (strcmp(when, "never") != 0)
		return tsn_cli_usage(c, "--color is auto, always or never, not \"%s\"", when);
	return 0;
}

int
tsn_cli_parse(struct tsn_cli *c, int argc, char **argv)
{
	bool literal = false;
	size_t k;
	int i, status;

	for (k = 0; k < NOPTIONS; k++)
		if (options[k].kind == NUMBER)
			*(int64_t *)((char *)c + options[k].offset) = -1;
	for (i = 2; i < argc; i++) {
		if (!literal && strcmp(argv[i], "--") == 0) {
			literal = true;
			continue;
		}
		if (!literal && argv[i][0] == '-' && argv[i][1] != '\0') {
			status = parse_option(c, argc, argv, &i);
			if (status != 0)
				return status;
		} else if (!list_add(&c->args, argv[i])) {
			return tsn_cli_no_memory();
		}
	}
	if (c->batch == 0 || c->batch > TSN_BATCH_ROWS)
		return tsn_cli_usage(c, "--batch-size is 1 to 2048");
	if (c->threads == 0)
		return tsn_cli_usage(c, "--threads is at least 1");
	if (c->threads > THREADS_MAX) {
		fprintf(stderr, "tocsin: --threads %lld: %lld are used, the most there can be\n", (long long)c->threads, (long long)THREADS_MAX);
		c->threads = THREADS_MAX;
	}
	return decide_color(c);
}

unsigned
tsn_cli_threads(const struct tsn_cli *c)
{
	cpu_set_t cpus;
	int n;

	if (c->threads > 0)
		return (unsigned)c->threads;
	n = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
	return n < THREADS_MAX ? (unsigned)n : THREADS_MAX;
}

void
tsn_cli_free(struct tsn_cli *c)
{
	size_t k;

	for (k = 0; k < NOPTIONS; k++)
		if (options[k].kind == LIST)
			tsn_free(((struct tsn_cli_list *)((char *)c + options[k].offset))->v);
	tsn_free(c->args.v);
}
