/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset VERB: finds the verb and runs it. */
#include <stdio.h>
#include <string.h>

#include "cli/ruleset.h"
#include "grammar/diag.h"

static const struct {
	const char *name, *key, *args, *what, *more;
	int (*run)(struct tsn_cli *);
} verbs[] = {
#define VERB(name, args, what, more) { #name, "ruleset." #name, args, what, more, tsn_ruleset_##name },
#include "cli/ruleset.def"
#undef VERB
};
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

/* A verb of two words is written with a dash, which no name in C may have. */
static const char *
spelled(const char *name, char out[32])
{
	snprintf(out, 32, "%s", name);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
	return out;
}

/* As people write it. */
static const char *
command(struct tsn_cli *c, const char *name)
{
	char verb[32];

	snprintf(c->verb, sizeof(c->verb), "ruleset %s", spelled(name, verb));
	return c->verb;
}

static size_t
find_verb(const char *name)
{
	char verb[32];
	size_t i;

	for (i = 0; i < NVERBS; i++)
		if (strcmp(verbs[i].name, name) == 0 || strcmp(spelled(verbs[i].name, verb), name) == 0)
			break;
	return i;
}

static int
unknown_verb(struct tsn_cli *c, const char *name)
{
	struct tsn_nearest near = { 0 };
	char verb[32];
	size_t i;

	for (i = 0; i < NVERBS; i++)
		tsn_nearest_offer(&near, name, verbs[i].name);
	if (near.best != NULL)
		return tsn_cli_usage(c, "no verb \"%s\"; did you mean `tocsin ruleset %s`?", name, spelled(near.best, verb));
	return tsn_cli_usage(c, "no verb \"%s\"", name);
}

static void
list_verbs(const struct tsn_cli *c)
{
	char verb[32];
	size_t i;

	printf("Usage: %s ruleset VERB [OPTIONS] ...\n\nRulesets from somebody else, and for somebody else.\n\nVerbs\n", c->program);
	for (i = 0; i < NVERBS; i++)
		tsn_cli_help_row(spelled(verbs[i].name, verb), 17, verbs[i].what);
	printf("\n`%s ruleset VERB --help` tells more of one.\n", c->program);
}

/* `tocsin ruleset [--help]`, `tocsin help ruleset [VERB]`. */
int
tsn_ruleset_help(struct tsn_cli *c, const char *verb)
{
	size_t i = verb == NULL ? NVERBS : find_verb(verb);

	if (verb == NULL)
		list_verbs(c);
	else if (i == NVERBS)
		return unknown_verb(c, verb);
	else
		tsn_cli_topic_help(c->program, command(c, verbs[i].name), verbs[i].key, verbs[i].args, verbs[i].what, verbs[i].more);
	return TSN_EXIT_OK;
}

int
tsn_cmd_ruleset(struct tsn_cli *c)
{
	int status;
	size_t i;

	if (c->argc < 3 || strcmp(c->argv[2], "--help") == 0 || strcmp(c->argv[2], "-h") == 0) {
		list_verbs(c);
		return c->argc < 3 ? TSN_EXIT_USAGE : TSN_EXIT_OK;
	}
	i = find_verb(c->argv[2]);
	if (i == NVERBS)
		return c->argv[2][0] == '-' ? tsn_cli_usage(c, "no option %s before the verb", c->argv[2]) : unknown_verb(c, c->argv[2]);
	c->command = command(c, verbs[i].name);
	c->key = verbs[i].key;
	status = tsn_cli_parse(c, c->argc - 1, c->argv + 1);
	if (status != 0)
		return status;
	return c->help ? tsn_ruleset_help(c, verbs[i].name) : verbs[i].run(c);
}
