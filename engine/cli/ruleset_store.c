/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/ruleset_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "cli/terminal.h"

#define WAIT_S         60
#define WAIT_STEP_NS   50000000L
#define ALERTS_PER_HOUR 1000

static int64_t
clock_ms(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the store --- */

bool
tsn_cli_store_open(struct tsn_cli_store *s, struct tsn_cli *c, bool change)
{
	const char *store = c->rulesets != NULL ? c->rulesets : TSN_STORE_DEFAULT;
	bool ok;

	*s = (struct tsn_cli_store){ .cli = c, .held = { store, -1, -1 }, .now = clock_ms(CLOCK_REALTIME) };
	umask(022); /* a daemon that is another user reads what is written */
	ok = change ? tsn_store_hold(store, &s->held, s->error) : tsn_store_look(store, &s->held, s->error);
	if (!ok) {
		tsn_cli_store_fail(s);
		return false;
	}
	return tsn_cli_store_again(s);
}

void
tsn_cli_store_close(struct tsn_cli_store *s)
{
	tsn_store_state_fini(&s->before);
	tsn_store_state_fini(&s->after);
	tsn_store_release(&s->held);
}

bool
tsn_cli_store_again(struct tsn_cli_store *s)
{
	tsn_store_state_fini(&s->before);
	tsn_store_state_fini(&s->after);
	if (tsn_store_read_state(&s->held, &s->before, s->error) && tsn_store_read_state(&s->held, &s->after, s->error))
		return true;
	tsn_cli_store_fail(s);
	return false;
}

int
tsn_cli_store_fail(const struct tsn_cli_store *s)
{
	fflush(stdout); /* what was found before stands before */
	tsn_cli_warn("%s", s->error);
	return TSN_EXIT_RULES;
}

struct tsn_store_ruleset *
tsn_cli_store_ruleset(struct tsn_cli_store *s, const char *name)
{
	struct tsn_store_ruleset *x = tsn_store_ruleset(&s->after, name);
	struct tsn_nearest near = { 0 };

	if (x != NULL)
		return x;
	for (size_t i = 0; i < s->after.nrulesets; i++)
		tsn_nearest_offer(&near, name, s->after.ruleset[i].name);
	if (near.best != NULL)
		tsn_cli_warn("no ruleset %s is installed; did you mean %s?", name, near.best);
	else
		tsn_cli_warn("no ruleset %s is installed", name);
	return NULL;
}

struct tsn_store_source *
tsn_cli_store_source(struct tsn_cli_store *s, const char *name)
{
	struct tsn_store_source *x = tsn_store_source(&s->after, name);
	struct tsn_nearest near = { 0 };

	if (x != NULL)
		return x;
	for (size_t i = 0; i < s->after.nsources; i++)
		tsn_nearest_offer(&near, name, s->after.source[i].name);
	if (near.best != NULL)
		tsn_cli_warn("there is no source %s; did you mean %s?", name, near.best);
	else
		tsn_cli_warn("there is no source %s; add it with its address and key: `tocsin ruleset add`", name);
	return NULL;
}

/* --- changes --- */

static void
say(void *arg, bool problem, const char *line)
{
	const struct tsn_cli_store *s = arg;
	FILE *to = problem ? stderr : stdout;
	struct tsn_buf b = TSN_BUF_INIT;

	/* titles of tests and places in rules are somebody else's text */
	for (size_t n; *line != '\0' && (problem || !s->cli->quiet); line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		tsn_buf_clear(&b);
		tsn_terminal_text(&b, line, n, 0);
		fprintf(to, "%s\n", tsn_buf_str(&b));
	}
	tsn_buf_fini(&b);
	fflush(to);
}

static bool
wait_a_moment(void *arg, bool begin)
{
	const struct timespec step = { 0, WAIT_STEP_NS };
	struct tsn_cli_store *s = arg;
	const int64_t now = clock_ms(CLOCK_MONOTONIC);

	if (begin)
		s->deadline = now + (s->cli->wait >= 0 ? s->cli->wait : WAIT_S) * 1000;
	nanosleep(&step, NULL);
	return now < s->deadline;
}

static int
run_switch(struct tsn_cli_store *s, struct tsn_package *p, bool only_try)
{
	const struct tsn_cli *c = s->cli;
	struct tsn_compile_input site = { .paths = c->rules.v, .npaths = c->rules.n };
	struct tsn_switch w = {
		.held = &s->held, .before = &s->before, .after = &s->after, .package = &p, .npackages = p != NULL, .site = &site,
		.max_per_hour = c->max_alerts >= 0 ? (uint64_t)c->max_alerts : ALERTS_PER_HOUR, .force = c->force || only_try, .only_try = only_try,
		.say = say, .wait = wait_a_moment, .arg = s,
	};

	tsn_cli_library(c, &site);
	switch (tsn_switch_run(&w, s->error)) {
	case TSN_SWITCH_DONE:
		return TSN_EXIT_OK;
	case TSN_SWITCH_REFUSED:
		tsn_cli_store_fail(s);
		if (!only_try)
			tsn_cli_warn("nothing was changed");
		return TSN_EXIT_RULES;
	case TSN_SWITCH_UNDONE:
		break;
	}
	return tsn_cli_store_fail(s);
}

int
tsn_cli_store_switch(struct tsn_cli_store *s, struct tsn_package *p)
{
	return run_switch(s, p, false);
}

int
tsn_cli_store_try(struct tsn_cli_store *s, struct tsn_package *p)
{
	return run_switch(s, p, true);
}

int
tsn_cli_store_put(struct tsn_cli_store *s)
{
	return tsn_store_put_state(&s->held, &s->after, s->error) ? TSN_EXIT_OK : tsn_cli_store_fail(s);
}

/* --- sources --- */

static bool
among(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return n == 0;
}

unsigned
tsn_cli_store_refresh(struct tsn_cli_store *s, const char *const *names, size_t n)
{
	unsigned bad = 0, good = 0;

	for (size_t i = 0; i < s->after.nsources; i++) {
		struct tsn_index index;

		if (!among(s->after.source[i].name, names, n))
			continue;
		if (tsn_source_refresh(&s->held, &s->after.source[i], s->now, &index, s->error)) {
			tsn_index_fini(&index);
			good++;
		} else {
			tsn_cli_store_fail(s);
			bad++;
		}
	}
	if (good > 0 && (tsn_cli_store_put(s) != TSN_EXIT_OK || !tsn_store_sweep(&s->held, &s->after, s->error) || !tsn_cli_store_again(s)))
		bad++;
	return bad;
}

/* --- versions --- */

static const struct tsn_store_version *
kept_version(const struct tsn_store_ruleset *x, const char *version)
{
	for (size_t i = 0; x != NULL && i < x->nkept; i++)
		if (strcmp(x->kept[i].version, version) == 0)
			return &x->kept[i];
	return NULL;
}

/* One that was rolled back from is still there; it must be the same. */
static int
take_kept(struct tsn_cli_store *s, struct tsn_store_ruleset *x, const struct tsn_store_version *v, const char *archive)
{
	const char *now = x->kept[x->in_force].version;
	int status;

	if (strcmp(v->archive, archive) != 0) {
		tsn_cli_warn("%s %s is kept, but the one offered is another: its publisher must give it a new version; nothing was changed", x->name, v->version);
		return TSN_EXIT_RULES;
	}
	x->in_force = (size_t)(v - x->kept);
	status = tsn_cli_store_switch(s, NULL);
	if (status == TSN_EXIT_OK)
		printf("%s: %s, before %s\n", x->name, v->version, now);
	return status;
}

int
tsn_cli_store_put_package(struct tsn_cli_store *s, struct tsn_store_ruleset *x, struct tsn_package *p)
{
	const char *channel = p->manifest.channel != NULL ? p->manifest.channel : "core";
	char from[80] = "", name[80];
	const struct tsn_store_version *kept = kept_version(x, p->version);
	int status;

	if (kept != NULL)
		return take_kept(s, x, kept, p->as.archive);
	if (x->nkept > 0)
		snprintf(from, sizeof(from), "%s", x->kept[x->in_force].version);
	snprintf(name, sizeof(name), "%s", x->name);
	memcpy(x->key, p->key, sizeof(x->key));
	x->channel = tsn_arena_strdup(s->after.memory, channel);
	if (x->channel == NULL || !tsn_store_put_in_force(&s->after, x, &p->as))
		return tsn_cli_no_memory();
	status = tsn_cli_store_switch(s, p);
	if (status == TSN_EXIT_OK && from[0] != '\0')
		printf("%s: %s, before %s\n", name, p->version, from);
	else if (status == TSN_EXIT_OK)
		printf("%s: %s\n", name, p->version);
	return status;
}

int
tsn_cli_store_take(struct tsn_cli_store *s, const char *source, const struct tsn_index_ruleset *r, const struct tsn_index_version *v,
    bool enable)
{
	struct tsn_store_ruleset *x = tsn_store_ruleset(&s->after, r->name);
	const struct tsn_store_source *from = tsn_store_source(&s->after, source);
	const struct tsn_store_version *kept = kept_version(x, v->version);
	struct tsn_package p;
	int status;

	if (kept != NULL) {
		x->enabled |= enable;
		return take_kept(s, x, kept, v->sha256);
	}
	if (!tsn_package_fetch(from, r, v, &p, s->error) || !tsn_package_unpack(&s->held, &p, s->now, s->error)) {
		tsn_cli_store_fail(s);
		tsn_cli_warn("nothing was changed");
		tsn_package_fini(&p);
		return TSN_EXIT_RULES;
	}
	if (x == NULL)
		x = tsn_store_add_ruleset(&s->after, r->name);
	if (x == NULL) {
		tsn_package_fini(&p);
		return tsn_cli_no_memory();
	}
	x->source = from->name;
	x->enabled |= enable;
	status = tsn_cli_store_put_package(s, x, &p);
	tsn_package_fini(&p);
	return status;
}

bool
tsn_cli_public_key(const char *given, char out[TSN_PUBLIC_KEY_TEXT])
{
	char error[TSN_RULESET_ERROR], other[TSN_RULESET_ERROR];
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_public_key key;
	bool ok = tsn_public_key_parse(given, &key, other);

	if (!ok && tsn_buf_read_file(&text, given, 65536) == 0) {
		ok = tsn_public_key_parse(tsn_buf_str(&text), &key, error);
		if (!ok)
			tsn_cli_warn("%s: %s", given, error);
	} else if (!ok) {
		tsn_cli_warn("%s is neither a file nor a public key: %s", given, other);
	}
	tsn_buf_fini(&text);
	if (ok)
		tsn_public_key_text(&key, out);
	return ok;
}
