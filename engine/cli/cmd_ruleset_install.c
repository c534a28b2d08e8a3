/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset install, update: new versions, from sources and from files. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ruleset_store.h"
#include "ruleset/names.h"

#define SUFFIX ".tar.zst"

static bool
is_file_name(const char *name)
{
	const size_t n = strlen(name), suffix = sizeof(SUFFIX) - 1;

	return strchr(name, '/') != NULL || (n > suffix && strcmp(name + n - suffix, SUFFIX) == 0);
}

/* Rules to look with, not to be woken by, are enabled by those who say so. */
static bool
is_hunting(const char *channel)
{
	return channel != NULL && strcmp(channel, "hunting") == 0;
}

static void
say_not_enabled(const char *name)
{
	printf("%s is of the channel hunting and not enabled: `tocsin ruleset enable %s` makes the daemon run it\n", name, name);
}

/* --- from a source --- */

struct offer {
	const struct tsn_store_source *source;
	struct tsn_index index;
	const struct tsn_index_ruleset *ruleset;
};

/* The one source that offers it, of those that are asked. False: told. */
static bool
find_offer(struct tsn_cli_store *s, const char *name, const char *source, struct offer *out)
{
	struct tsn_index index;
	bool ok = true;

	*out = (struct offer){ 0 };
	for (size_t i = 0; i < s->after.nsources && ok; i++) {
		const struct tsn_store_source *x = &s->after.source[i];

		if (source != NULL && strcmp(x->name, source) != 0)
			continue;
		if (!tsn_source_kept(&s->held, x, &index, s->error)) {
			tsn_cli_store_fail(s);
			ok = false;
		} else if (tsn_index_find(&index, name) == NULL) {
			tsn_index_fini(&index);
		} else if (out->source != NULL) {
			tsn_cli_warn("%s is offered by %s and by %s: say which with --source", name, out->source->name, x->name);
			tsn_index_fini(&index);
			ok = false;
		} else {
			*out = (struct offer){ x, index, tsn_index_find(&index, name) };
		}
	}
	if (ok && out->source == NULL)
		tsn_cli_warn("no source offers a ruleset %s; `tocsin ruleset list` names what there is", name);
	return ok && out->source != NULL;
}

/* What is there came from somewhere; somebody else's ruleset of the same name is another one. */
static bool
may_replace(const struct tsn_cli_store *s, const char *name, const char *source, const char *version)
{
	const struct tsn_store_ruleset *x = tsn_store_ruleset(&s->after, name);
	const char *now = x != NULL ? x->kept[x->in_force].version : "";

	if (x == NULL)
		return true;
	if (x->source == NULL || strcmp(x->source, source) != 0)
		tsn_cli_warn("%s %s is installed from %s; `tocsin ruleset remove %s` first", name, now, x->source != NULL ? x->source : "a file", name);
	else if (version == NULL)
		tsn_cli_warn("%s %s is installed; `tocsin ruleset update %s` brings newer ones", name, now, name);
	else if (strcmp(version, now) == 0)
		tsn_cli_warn("%s %s is installed and in force", name, now);
	else
		return true;
	return false;
}

static int
install_offered(struct tsn_cli_store *s, const char *name)
{
	const struct tsn_cli *c = s->cli;
	const struct tsn_index_version *v;
	struct offer o = { 0 };
	int status = TSN_EXIT_RULES;
	bool hunting, first;

	if (s->after.nsources == 0) {
		tsn_cli_warn("there is no source to install %s from; `tocsin ruleset add` one, or name a file", name);
		return TSN_EXIT_RULES;
	}
	if (c->source != NULL && tsn_cli_store_source(s, c->source) == NULL)
		return TSN_EXIT_RULES;
	if (tsn_cli_store_refresh(s, &c->source, c->source != NULL) > 0 && c->source != NULL)
		return TSN_EXIT_RULES;
	if (find_offer(s, name, c->source, &o) && may_replace(s, name, o.source->name, c->version)) {
		hunting = is_hunting(o.ruleset->channel);
		first = tsn_store_ruleset(&s->after, name) == NULL;
		v = tsn_index_choose(o.ruleset, c->version, s->error);
		status = v == NULL ? tsn_cli_store_fail(s) : tsn_cli_store_take(s, o.source->name, o.ruleset, v, c->enable || (first && !hunting));
		if (status == TSN_EXIT_OK && first && hunting && !c->enable)
			say_not_enabled(name);
	}
	tsn_index_fini(&o.index);
	return status;
}

/* --- from a file --- */

/* The key a file must be signed with: that of --source, of -p, or of what is installed under the name. */
static bool
key_for(struct tsn_cli_store *s, char key[TSN_PUBLIC_KEY_TEXT])
{
	const struct tsn_cli *c = s->cli;
	const struct tsn_store_source *x;

	if (c->source != NULL && c->public_key != NULL) {
		tsn_cli_warn("a source has its key: give --source or -p, not both");
		return false;
	}
	if (c->public_key != NULL)
		return tsn_cli_public_key(c->public_key, key);
	if (c->source == NULL) {
		tsn_cli_warn("whose signature is to be believed? Say --source SOURCE, or -p KEY");
		return false;
	}
	x = tsn_cli_store_source(s, c->source);
	if (x != NULL)
		memcpy(key, x->key, sizeof(x->key));
	return x != NULL;
}

static bool
file_may_replace(const struct tsn_cli_store *s, const struct tsn_package *p)
{
	const struct tsn_store_ruleset *x = tsn_store_ruleset(&s->after, p->name);
	const char *now = x != NULL ? x->kept[x->in_force].version : "";

	if (x == NULL)
		return true;
	if (strcmp(x->key, p->key) != 0)
		tsn_cli_warn("%s %s is installed and was signed with another key; `tocsin ruleset remove %s` first", p->name, now, p->name);
	else if (strcmp(now, p->version) == 0)
		tsn_cli_warn("%s %s is installed and in force", p->name, now);
	else if (tsn_version_compare(p->version, now) < 0 && !s->cli->force)
		tsn_cli_warn("%s %s is older than %s, which is in force; --force installs it all the same", p->name, p->version, now);
	else
		return true;
	return false;
}

static int
put_file(struct tsn_cli_store *s, struct tsn_package *p)
{
	const struct tsn_cli *c = s->cli;
	struct tsn_store_ruleset *x = tsn_store_ruleset(&s->after, p->name);
	const bool hunting = is_hunting(p->manifest.channel), first = x == NULL;
	int status;

	if (first)
		x = tsn_store_add_ruleset(&s->after, p->name);
	if (x == NULL)
		return tsn_cli_no_memory();
	if (c->source != NULL)
		x->source = tsn_store_source(&s->after, c->source)->name;
	x->enabled |= c->enable || (first && !hunting);
	status = tsn_cli_store_put_package(s, x, p);
	if (status == TSN_EXIT_OK && first && hunting && !c->enable)
		say_not_enabled(p->name);
	return status;
}

static int
install_file(struct tsn_cli_store *s, const char *path)
{
	char key[TSN_PUBLIC_KEY_TEXT];
	struct tsn_package p;
	int status = TSN_EXIT_RULES;

	if (!key_for(s, key))
		return TSN_EXIT_RULES;
	if (!tsn_package_read(path, key, &p, s->error))
		tsn_cli_store_fail(s);
	else if (file_may_replace(s, &p)) {
		if (tsn_package_unpack(&s->held, &p, s->now, s->error))
			status = put_file(s, &p);
		else
			tsn_cli_store_fail(s);
	}
	tsn_package_fini(&p);
	return status;
}

int
tsn_ruleset_install(struct tsn_cli *c)
{
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (c->args.n != 1)
		return tsn_cli_usage(c, "name one ruleset, or one file");
	if (c->version != NULL && is_file_name(c->args.v[0]))
		return tsn_cli_usage(c, "a file is of one version: --version is for rulesets of a source");
	if (tsn_cli_store_open(&s, c, true))
		status = is_file_name(c->args.v[0]) ? install_file(&s, c->args.v[0]) : install_offered(&s, c->args.v[0]);
	tsn_cli_store_close(&s);
	return status;
}

/* --- update --- */

/* 0: nothing to do, told if it was asked for by name. */
static int
update_one(struct tsn_cli_store *s, const char *name, bool named)
{
	const struct tsn_store_ruleset *x = tsn_store_ruleset(&s->after, name);
	const struct tsn_store_source *source = x->source != NULL ? tsn_store_source(&s->after, x->source) : NULL;
	const char *now = x->kept[x->in_force].version;
	const struct tsn_index_ruleset *r;
	const struct tsn_index_version *v = NULL;
	struct tsn_index index;
	int status = TSN_EXIT_OK;

	if (x->pinned || !x->enabled || source == NULL) {
		if (named || (x->pinned && x->enabled))
			printf("%s stays at %s: it %s\n", name, now, x->pinned ? "is pinned" : source == NULL ? "has no source" : "is not enabled");
		return TSN_EXIT_OK;
	}
	if (!tsn_source_kept(&s->held, source, &index, s->error))
		return tsn_cli_store_fail(s);
	r = tsn_index_find(&index, name);
	if (r == NULL)
		tsn_cli_warn("%s is not offered by %s any more; %s stays in force", name, source->name, now);
	else if ((v = tsn_index_choose(r, NULL, s->error)) == NULL)
		status = tsn_cli_store_fail(s);
	if (v != NULL && tsn_version_compare(v->version, now) > 0)
		status = tsn_cli_store_take(s, source->name, r, v, false);
	else if (v != NULL && !s->cli->quiet)
		printf("%s: %s is the newest\n", name, now);
	tsn_index_fini(&index);
	return status;
}

/* The names are kept apart: the state they come from is read anew by each change. */
static bool
names_of(const struct tsn_cli_store *s, char (**names)[80], size_t *n)
{
	*n = s->after.nrulesets;
	*names = tsn_calloc(*n + 1, sizeof(**names));
	for (size_t i = 0; *names != NULL && i < *n; i++)
		snprintf((*names)[i], sizeof((*names)[i]), "%s", s->after.ruleset[i].name);
	return *names != NULL;
}

static int
update(struct tsn_cli_store *s)
{
	const struct tsn_cli_list *args = &s->cli->args;
	int status = TSN_EXIT_OK;
	char (*names)[80];
	size_t n;

	for (size_t i = 0; i < args->n; i++)
		if (tsn_cli_store_ruleset(s, args->v[i]) == NULL)
			return TSN_EXIT_RULES;
	if (s->after.nsources == 0) {
		tsn_cli_warn("there is no source to update from; `tocsin ruleset add` one");
		return TSN_EXIT_RULES;
	}
	if (tsn_cli_store_refresh(s, NULL, 0) > 0)
		status = TSN_EXIT_RULES;
	if (!names_of(s, &names, &n))
		return tsn_cli_no_memory();
	/* one after the other: a ruleset that cannot be used does not hold the others back */
	for (size_t i = 0; i < n; i++) {
		bool named = false;

		for (size_t k = 0; k < args->n; k++)
			named |= strcmp(args->v[k], names[i]) == 0;
		if (args->n > 0 && !named)
			continue;
		if (update_one(s, names[i], named) != TSN_EXIT_OK)
			status = TSN_EXIT_RULES;
		if (!tsn_cli_store_again(s)) {
			status = TSN_EXIT_RULES;
			break;
		}
	}
	tsn_free(names);
	return status;
}

int
tsn_ruleset_update(struct tsn_cli *c)
{
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (tsn_cli_store_open(&s, c, true))
		status = update(&s);
	tsn_cli_store_close(&s);
	return status;
}
