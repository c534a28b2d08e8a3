/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/switch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ruleset/file.h"
#include "ruleset/trial.h"
#include "ruleset/word.h"

static void
say(const struct tsn_switch *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(const struct tsn_switch *s, const char *fmt, ...)
{
	char line[TSN_RULESET_ERROR * 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	s->say(s->arg, false, line);
}

/* --- what would be in force --- */

static const struct tsn_package *
package_of(const struct tsn_switch *s, const char *name, const char *version)
{
	for (size_t i = 0; i < s->npackages; i++)
		if (strcmp(s->package[i]->name, name) == 0 && strcmp(s->package[i]->version, version) == 0)
			return s->package[i];
	return NULL;
}

/* The enabled ones, those that are being installed where they were unpacked. False: memory is out. */
static bool
installed_of(const struct tsn_switch *s, const struct tsn_store_state *state, struct tsn_installed **out, size_t *n)
{
	struct tsn_installed *v = tsn_arena_alloc(state->memory, (state->nrulesets + 1) * sizeof(*v));
	size_t k = 0;

	for (size_t i = 0; v != NULL && i < state->nrulesets; i++) {
		const struct tsn_store_ruleset *x = &state->ruleset[i];
		const char *version = x->kept[x->in_force].version;
		const struct tsn_package *p = package_of(s, x->name, version);
		const char *dir = p != NULL ? p->dir : tsn_store_version_dir(s->held, state, x->name, version);

		if (dir == NULL)
			return false;
		if (x->enabled)
			v[k++] = (struct tsn_installed){ x->name, dir, x->memory_percent };
	}
	*out = v;
	*n = k;
	return v != NULL;
}

/* What a rollback brings back may have been damaged meanwhile. */
static bool
all_intact(const struct tsn_switch *s, char error[TSN_RULESET_ERROR])
{
	for (size_t i = 0; i < s->after->nrulesets; i++) {
		const struct tsn_store_ruleset *x = &s->after->ruleset[i];
		const struct tsn_store_version *v = &x->kept[x->in_force];

		if (x->enabled && package_of(s, x->name, v->version) == NULL && !tsn_store_check_version(s->held, x->name, v, error))
			return false;
	}
	return true;
}

/* Would a daemon run anything else than before? */
static bool
differ(const struct tsn_installed *a, size_t na, const struct tsn_installed *b, size_t nb)
{
	if (na != nb)
		return true;
	for (size_t i = 0; i < na; i++)
		if (strcmp(a[i].name, b[i].name) != 0 || strcmp(a[i].dir, b[i].dir) != 0 || a[i].memory_percent != b[i].memory_percent)
			return true;
	return false;
}

/* Packages that are not enabled are tried, too: one that cannot run is not kept. */
static bool
add_disabled(const struct tsn_switch *s, struct tsn_store_state *state, struct tsn_trial *t)
{
	struct tsn_installed *v = tsn_arena_alloc(state->memory, (t->nafter + s->npackages + 1) * sizeof(*v));
	const char **tested = tsn_arena_alloc(state->memory, (s->npackages + 1) * sizeof(*tested));

	if (v == NULL || tested == NULL)
		return false;
	memcpy(v, t->after, t->nafter * sizeof(*v));
	for (size_t i = 0; i < s->npackages; i++) {
		const struct tsn_store_ruleset *x = tsn_store_ruleset(state, s->package[i]->name);

		tested[i] = s->package[i]->name;
		if (!x->enabled)
			v[t->nafter + t->nsilent++] = (struct tsn_installed){ x->name, s->package[i]->dir, x->memory_percent };
	}
	t->after = v;
	t->tested = tested;
	t->ntested = s->npackages;
	return true;
}

/* --- the daemon --- */

enum heard { HEARD_OK, HEARD_BAD, HEARD_DEAD, HEARD_NOTHING, HEARD_DEAF };

/*
 * Tells the daemon of [change] and waits for its word. One that has not said anything yet, or is loading, may read the new state
 * unasked, but need not: who says that it read an older one is told.
 */
static enum heard
tell_and_listen(const struct tsn_switch *s, uint64_t loads, uint64_t change, struct tsn_word *w)
{
	bool told = false, begin = true;

	for (;;) {
		if (!tsn_word_read(s->held->store, w))
			return HEARD_DEAD;
		/* a load that could not read the state says 0 */
		if (w->loads > loads && w->change >= change && w->ok)
			return HEARD_OK;
		if (told && w->loads > loads && !w->ok && (w->change >= change || w->change == 0))
			return HEARD_BAD;
		if (!told && w->pid != 0) {
			if (kill(w->pid, SIGHUP) != 0 && errno != ESRCH)
				return HEARD_DEAF;
			told = true;
		}
		if (!s->wait(s->arg, begin))
			return HEARD_NOTHING;
		begin = false;
	}
}

static void
explain(enum heard how, const struct tsn_word *w, char error[TSN_RULESET_ERROR])
{
	if (how == HEARD_BAD)
		tsn_ruleset_fail(error, "the daemon cannot use it: %.400s", w->error);
	else if (how == HEARD_DEAD)
		tsn_ruleset_fail(error, "the daemon ended while it was loading");
	else if (how == HEARD_DEAF)
		tsn_ruleset_fail(error, "cannot tell the daemon (process %lld): %s; run this as the user it runs as", (long long)w->pid, strerror(EPERM));
	else
		tsn_ruleset_fail(error, "the daemon did not answer in time");
}

/* The state as it was, under a new number: it is read anew. */
static void
undo(struct tsn_switch *s, char error[TSN_RULESET_ERROR])
{
	char why[TSN_RULESET_ERROR];
	struct tsn_word w;

	s->before->change = s->after->change;
	if (!tsn_store_put_state(s->held, s->before, why)) {
		say(s, "%s", error);
		tsn_ruleset_fail(error, "and the state as it was cannot be put back: %.300s", why);
		return;
	}
	say(s, "the state is put back as it was");
	if (!tsn_word_read(s->held->store, &w))
		return;
	if (tell_and_listen(s, w.loads, s->before->change, &w) == HEARD_OK)
		say(s, "the daemon goes on with the rules it had");
	else
		say(s, "the daemon has not said yet that it goes on with the rules it had");
}

static enum tsn_switch_end
tell_daemon(struct tsn_switch *s, bool living, uint64_t loads, char error[TSN_RULESET_ERROR])
{
	struct tsn_word w;
	enum heard how;

	if (!living) {
		say(s, "no daemon runs with %s", s->held->store);
		return TSN_SWITCH_DONE;
	}
	how = tell_and_listen(s, loads, s->after->change, &w);
	if (how == HEARD_OK) {
		say(s, "the daemon has it in force");
		return TSN_SWITCH_DONE;
	}
	explain(how, &w, error);
	undo(s, error);
	return TSN_SWITCH_UNDONE;
}

/* --- all of it --- */

static bool
try_out(const struct tsn_switch *s, struct tsn_trial *t, char error[TSN_RULESET_ERROR])
{
	t->site = s->site;
	t->max_per_hour = s->max_per_hour;
	t->force = s->force;
	t->say = s->say;
	t->arg = s->arg;
	return add_disabled(s, s->after, t) ? tsn_trial_run(t, error) : tsn_ruleset_no_memory(error);
}

enum tsn_switch_end
tsn_switch_run(struct tsn_switch *s, char error[TSN_RULESET_ERROR])
{
	struct tsn_installed *before, *after;
	struct tsn_trial t = { 0 };
	struct tsn_word w;
	enum tsn_switch_end end;
	bool living, other;

	living = tsn_word_read(s->held->store, &w);
	t.ring = living ? w.ring : NULL;
	if (!installed_of(s, s->before, &before, &t.nbefore) || !installed_of(s, s->after, &after, &t.nafter)) {
		tsn_ruleset_no_memory(error);
		return TSN_SWITCH_REFUSED;
	}
	t.before = before;
	t.after = after;
	other = differ(before, t.nbefore, after, t.nafter);
	if ((other || s->npackages > 0) && (!all_intact(s, error) || !try_out(s, &t, error)))
		return TSN_SWITCH_REFUSED;
	if (s->only_try)
		return TSN_SWITCH_DONE;
	for (size_t i = 0; i < s->npackages; i++)
		if (!tsn_package_place(s->held, s->package[i], error))
			return TSN_SWITCH_REFUSED;
	/* a load may have ended while the rules were tried */
	living = tsn_word_read(s->held->store, &w);
	if (!tsn_store_put_state(s->held, s->after, error))
		return TSN_SWITCH_REFUSED;
	end = other ? tell_daemon(s, living, w.loads, error) : TSN_SWITCH_DONE;
	if (end == TSN_SWITCH_DONE && !tsn_store_sweep(s->held, s->after, error))
		say(s, "%s", error);
	return end;
}
