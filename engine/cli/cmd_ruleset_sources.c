/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset add, remove-source: whom this site believes. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/ruleset_store.h"

static void
say_source(const struct tsn_store_source *x, size_t rulesets)
{
	struct tsn_public_key key;
	char id[17] = "?", when[TSN_TIME_TEXT], error[TSN_RULESET_ERROR];

	if (tsn_public_key_parse(x->key, &key, error))
		tsn_public_key_id(&key, id);
	printf("%s: %zu ruleset%s, index %llu, good until %.10s, signed with key %s\n", x->name, rulesets, rulesets == 1 ? "" : "s",
	    (unsigned long long)x->serial, tsn_time_text(x->expires, when), id);
}

/* What was pinned stays pinned: a key that changed by itself would be worth nothing. */
static bool
may_be(const struct tsn_store_source *x, const char *name, const char key[TSN_PUBLIC_KEY_TEXT])
{
	if (x->key[0] == '\0' || strcmp(x->key, key) == 0)
		return true;
	tsn_cli_warn("%s is there already, with another key; if its publisher has changed keys, `tocsin ruleset remove-source %s` first", name, name);
	return false;
}

static int
add(struct tsn_cli_store *s, const char *name, const char *url, const char key[TSN_PUBLIC_KEY_TEXT])
{
	struct tsn_store_source *x = tsn_store_source(&s->after, name);
	struct tsn_index index;
	int status;

	if (x == NULL)
		x = tsn_store_add_source(&s->after, name);
	if (x == NULL)
		return tsn_cli_no_memory();
	if (!may_be(x, name, key))
		return TSN_EXIT_RULES;
	x->url = tsn_arena_strdup(s->after.memory, url);
	memcpy(x->key, key, sizeof(x->key));
	if (x->url == NULL)
		return tsn_cli_no_memory();
	if (!tsn_source_refresh(&s->held, x, s->now, &index, s->error)) {
		status = tsn_cli_store_fail(s);
		tsn_cli_warn("%s was not added", name);
		return status;
	}
	status = tsn_cli_store_put(s);
	if (status == TSN_EXIT_OK)
		say_source(x, index.nrulesets);
	tsn_index_fini(&index);
	return status;
}

int
tsn_ruleset_add(struct tsn_cli *c)
{
	char key[TSN_PUBLIC_KEY_TEXT];
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (c->args.n != 3)
		return tsn_cli_usage(c, "a source has a name, the address of its index and a public key");
	if (!tsn_store_name_ok(c->args.v[0]))
		return tsn_cli_usage(c, "\"%s\" is no name: it begins with a letter and has small letters, digits, - and _, 64 at most", c->args.v[0]);
	if (strncmp(c->args.v[1], "https://", 8) != 0 && strncmp(c->args.v[1], "file://", 7) != 0)
		return tsn_cli_usage(c, "\"%s\" is no address of an index: https://HOST/.../index.json, or file:///DIR/index.json", c->args.v[1]);
	if (!tsn_cli_public_key(c->args.v[2], key))
		return TSN_EXIT_RULES;
	if (tsn_cli_store_open(&s, c, true))
		status = add(&s, c->args.v[0], c->args.v[1], key);
	tsn_cli_store_close(&s);
	return status;
}

static int
remove_source(struct tsn_cli_store *s, const char *name)
{
	struct tsn_store_source *x = tsn_cli_store_source(s, name);
	int status;

	if (x == NULL)
		return TSN_EXIT_RULES;
	for (size_t i = 0; i < s->after.nrulesets; i++) {
		struct tsn_store_ruleset *r = &s->after.ruleset[i];

		if (r->source == NULL || strcmp(r->source, name) != 0)
			continue;
		r->source = NULL;
		printf("%s stays, and gets no updates any more\n", r->name);
	}
	tsn_store_remove_source(&s->after, x);
	status = tsn_cli_store_put(s);
	if (status == TSN_EXIT_OK && !tsn_store_sweep(&s->held, &s->after, s->error))
		status = tsn_cli_store_fail(s);
	return status;
}

int
tsn_ruleset_remove_source(struct tsn_cli *c)
{
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (c->args.n != 1)
		return tsn_cli_usage(c, "name one source");
	if (tsn_cli_store_open(&s, c, true))
		status = remove_source(&s, c->args.v[0]);
	tsn_cli_store_close(&s);
	return status;
}
