/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset enable, disable, pin, unpin, rollback, remove: what is installed, otherwise. */
#include <stdio.h>
#include <string.h>

#include "cli/ruleset_store.h"

/* Opens the store, finds the ruleset that is the first argument, and hands both to [then]. */
static int
with_ruleset(struct tsn_cli *c, size_t most, int (*then)(struct tsn_cli_store *, struct tsn_store_ruleset *))
{
	struct tsn_store_ruleset *x;
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (c->args.n == 0 || c->args.n > most)
		return tsn_cli_usage(c, most == 1 ? "name one ruleset" : "name one ruleset, and a version perhaps");
	if (tsn_cli_store_open(&s, c, true) && (x = tsn_cli_store_ruleset(&s, c->args.v[0])) != NULL)
		status = then(&s, x);
	tsn_cli_store_close(&s);
	return status;
}

/* Switches and says the line if that was done. */
static int
switch_and_say(struct tsn_cli_store *s, const char *name, const char *what, const char *version)
{
	int status = tsn_cli_store_switch(s, NULL);

	if (status == TSN_EXIT_OK && !s->cli->quiet)
		printf("%s %s%s\n", name, what, version);
	return status;
}

static int
enable(struct tsn_cli_store *s, struct tsn_store_ruleset *x)
{
	const int64_t share = s->cli->share;

	if (share == 0 || share > 100)
		return tsn_cli_usage(s->cli, "--share is 1 to 100 per cent");
	if (share > 0)
		x->memory_percent = (unsigned)share;
	x->enabled = true;
	return switch_and_say(s, x->name, "is enabled: ", x->kept[x->in_force].version);
}

static int
disable(struct tsn_cli_store *s, struct tsn_store_ruleset *x)
{
	x->enabled = false;
	return switch_and_say(s, x->name, "is disabled", "");
}

static int
unpin(struct tsn_cli_store *s, struct tsn_store_ruleset *x)
{
	x->pinned = false;
	return switch_and_say(s, x->name, "is not pinned any more, at ", x->kept[x->in_force].version);
}

/* A version that is not kept comes from the source. */
static int
fetch_pinned(struct tsn_cli_store *s, struct tsn_store_ruleset *x, const char *version)
{
	const struct tsn_index_version *v = NULL;
	const struct tsn_index_ruleset *r;
	const char *name = s->cli->args.v[0];
	struct tsn_index index;
	int status = TSN_EXIT_RULES;

	if (x->source == NULL) {
		tsn_cli_warn("%s %s is not kept, and %s has no source to fetch it from", name, version, name);
		return TSN_EXIT_RULES;
	}
	if (tsn_cli_store_refresh(s, &x->source, 1) > 0)
		return TSN_EXIT_RULES;
	x = tsn_store_ruleset(&s->after, name);
	if (!tsn_source_kept(&s->held, tsn_store_source(&s->after, x->source), &index, s->error))
		return tsn_cli_store_fail(s);
	r = tsn_index_find(&index, x->name);
	if (r == NULL)
		tsn_cli_warn("%s is not offered by %s any more", x->name, x->source);
	else if ((v = tsn_index_choose(r, version, s->error)) == NULL)
		tsn_cli_store_fail(s);
	if (v != NULL) {
		x->pinned = true;
		status = tsn_cli_store_take(s, x->source, r, v, false);
	}
	tsn_index_fini(&index);
	return status;
}

static int
pin(struct tsn_cli_store *s, struct tsn_store_ruleset *x)
{
	const char *version = s->cli->args.n > 1 ? s->cli->args.v[1] : x->kept[x->in_force].version;

	for (size_t i = 0; i < x->nkept; i++) {
		if (strcmp(x->kept[i].version, version) != 0)
			continue;
		x->in_force = i;
		x->pinned = true;
		return switch_and_say(s, x->name, "is pinned to ", version);
	}
	return fetch_pinned(s, x, version);
}

/* Pinned, or the next update would bring back what was just got rid of. */
static int
rollback(struct tsn_cli_store *s, struct tsn_store_ruleset *x)
{
	char what[200];

	if (x->in_force + 1 >= x->nkept) {
		tsn_cli_warn("%s %s is the oldest version kept: there is none to go back to", x->name, x->kept[x->in_force].version);
		return TSN_EXIT_RULES;
	}
	snprintf(what, sizeof(what), "goes back from %s and is pinned, until `tocsin ruleset unpin %s`, to ", x->kept[x->in_force].version, x->name);
	x->in_force++;
	x->pinned = true;
	return switch_and_say(s, x->name, what, x->kept[x->in_force].version);
}

static int
remove_ruleset(struct tsn_cli_store *s, struct tsn_store_ruleset *x)
{
	const char *name = x->name;

	tsn_store_remove_ruleset(&s->after, x);
	return switch_and_say(s, name, "is removed", "");
}

int tsn_ruleset_enable(struct tsn_cli *c) { return with_ruleset(c, 1, enable); }
int tsn_ruleset_disable(struct tsn_cli *c) { return with_ruleset(c, 1, disable); }
int tsn_ruleset_pin(struct tsn_cli *c) { return with_ruleset(c, 2, pin); }
int tsn_ruleset_unpin(struct tsn_cli *c) { return with_ruleset(c, 1, unpin); }
int tsn_ruleset_rollback(struct tsn_cli *c) { return with_ruleset(c, 1, rollback); }
int tsn_ruleset_remove(struct tsn_cli *c) { return with_ruleset(c, 1, remove_ruleset); }
