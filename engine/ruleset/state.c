/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The state as a struct: looked up and changed. Its JSON is in state_json.c. */
#include "ruleset/state.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define LOWER "abcdefghijklmnopqrstuvwxyz"

bool
tsn_store_name_ok(const char *name)
{
	const size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX_LEN && strchr(LOWER, name[0]) != NULL && strspn(name, LOWER "0123456789_-") == n;
}

void
tsn_store_state_fini(struct tsn_store_state *s)
{
	tsn_arena_free(s->memory);
	*s = (struct tsn_store_state){ 0 };
}

void
tsn_store_index_name(const struct tsn_store_source *x, char name[TSN_STORE_INDEX_NAME])
{
	snprintf(name, TSN_STORE_INDEX_NAME, "%s.%llu.json", x->name, (unsigned long long)x->serial);
}

struct tsn_store_source *
tsn_store_source(const struct tsn_store_state *s, const char *name)
{
	for (size_t i = 0; i < s->nsources; i++)
		if (strcmp(s->source[i].name, name) == 0)
			return &s->source[i];
	return NULL;
}

struct tsn_store_ruleset *
tsn_store_ruleset(const struct tsn_store_state *s, const char *name)
{
	for (size_t i = 0; i < s->nrulesets; i++)
		if (strcmp(s->ruleset[i].name, name) == 0)
			return &s->ruleset[i];
	return NULL;
}

/* A copy of the array with a gap at [at]. */
static void *
with_gap(struct tsn_arena *a, const void *v, size_t n, size_t at, size_t size)
{
	char *p = tsn_arena_alloc(a, (n + 1) * size);

	if (p == NULL)
		return NULL;
	if (at > 0)
		memcpy(p, v, at * size);
	if (n > at)
		memcpy(p + (at + 1) * size, (const char *)v + at * size, (n - at) * size);
	return p;
}

struct tsn_store_source *
tsn_store_add_source(struct tsn_store_state *s, const char *name)
{
	struct tsn_store_source *v;
	const char *copy = tsn_arena_strdup(s->memory, name);
	size_t at = 0;

	while (at < s->nsources && strcmp(s->source[at].name, name) < 0)
		at++;
	v = s->nsources < TSN_STORE_SOURCES_MAX ? with_gap(s->memory, s->source, s->nsources, at, sizeof(*v)) : NULL;
	if (v == NULL || copy == NULL)
		return NULL;
	v[at] = (struct tsn_store_source){ .name = copy };
	s->source = v;
	s->nsources++;
	return &v[at];
}

struct tsn_store_ruleset *
tsn_store_add_ruleset(struct tsn_store_state *s, const char *name)
{
	struct tsn_store_ruleset *v;
	const char *copy = tsn_arena_strdup(s->memory, name);
	size_t at = 0;

	while (at < s->nrulesets && strcmp(s->ruleset[at].name, name) < 0)
		at++;
	v = s->nrulesets < TSN_STORE_RULESETS_MAX ? with_gap(s->memory, s->ruleset, s->nrulesets, at, sizeof(*v)) : NULL;
	if (v == NULL || copy == NULL)
		return NULL;
	v[at] = (struct tsn_store_ruleset){ .name = copy, .memory_percent = TSN_STORE_SHARE };
	s->ruleset = v;
	s->nrulesets++;
	return &v[at];
}

void
tsn_store_remove_source(struct tsn_store_state *s, struct tsn_store_source *x)
{
	memmove(x, x + 1, (size_t)(s->source + s->nsources - (x + 1)) * sizeof(*x));
	s->nsources--;
}

void
tsn_store_remove_ruleset(struct tsn_store_state *s, struct tsn_store_ruleset *x)
{
	memmove(x, x + 1, (size_t)(s->ruleset + s->nrulesets - (x + 1)) * sizeof(*x));
	s->nrulesets--;
}

bool
tsn_store_put_in_force(struct tsn_store_state *s, struct tsn_store_ruleset *x, const struct tsn_store_version *v)
{
	struct tsn_store_version *kept = tsn_arena_alloc(s->memory, TSN_STORE_VERSIONS_MAX * sizeof(*kept));
	size_t n = 1;

	if (kept == NULL)
		return false;
	kept[0] = *v;
	kept[0].version = tsn_arena_strdup(s->memory, v->version);
	if (kept[0].version == NULL)
		return false;
	for (size_t i = x->in_force; i < x->nkept && n < TSN_STORE_VERSIONS_MAX; i++)
		if (strcmp(x->kept[i].version, v->version) != 0)
			kept[n++] = x->kept[i];
	x->kept = kept;
	x->nkept = n;
	x->in_force = 0;
	return true;
}
