/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/ruleset_outline.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "grammar/parse.h"

/* Where a kind stands in the outline; 0: not in it. */
static int
rank(const struct tsn_node *n)
{
	switch (n->kind) {
	case TSN_N_RULE:    return 1;
	case TSN_N_LET:     return 2;
	case TSN_N_SETDECL: return 3;
	case TSN_N_TABLE:   return 4;
	case TSN_N_DEFINE:  return 5;
	default:            return 0;
	}
}

int
tsn_outline_order(const struct tsn_node *a, const struct tsn_node *b)
{
	const int ra = rank(a), rb = rank(b);

	return ra != rb ? (ra < rb ? -1 : 1) : strcmp(a->text, b->text);
}

static int
by_order(const void *a, const void *b)
{
	return tsn_outline_order(*(const struct tsn_node *const *)a, *(const struct tsn_node *const *)b);
}

static bool
add_file(struct tsn_outline *o, size_t *cap, const char *path)
{
	const struct tsn_node *tree = tsn_parse_file(o->sources, path, NULL);

	for (const struct tsn_node *n = tree == NULL ? NULL : tree->kids; n != NULL; n = n->next) {
		const struct tsn_node **v;

		if (rank(n) == 0 || n->text == NULL)
			continue;
		v = tsn_grow(o->item, o->n, cap, sizeof(*v));
		if (v == NULL)
			return false;
		o->item = v;
		o->item[o->n++] = n;
	}
	return tree != NULL;
}

bool
tsn_outline_open(struct tsn_outline *o, const char *dir)
{
	struct tsn_buf path = TSN_BUF_INIT;
	DIR *d = opendir(dir);
	const struct dirent *e;
	size_t cap = 0;
	bool ok;

	*o = (struct tsn_outline){ .sources = tsn_sources_new() };
	ok = d != NULL && o->sources != NULL;
	while (ok && (e = readdir(d)) != NULL) {
		const size_t n = strlen(e->d_name);

		if (e->d_name[0] == '.' || n < 5 || strcmp(e->d_name + n - 4, ".tsn") != 0)
			continue;
		tsn_buf_clear(&path);
		tsn_buf_printf(&path, "%s/%s", dir, e->d_name);
		ok = !path.failed && add_file(o, &cap, path.p);
	}
	if (d != NULL)
		closedir(d);
	if (o->n > 1)
		qsort(o->item, o->n, sizeof(*o->item), by_order);
	tsn_buf_fini(&path);
	return ok;
}

void
tsn_outline_fini(struct tsn_outline *o)
{
	tsn_free(o->item);
	tsn_sources_free(o->sources);
	*o = (struct tsn_outline){ 0 };
}

const char *
tsn_outline_text(const struct tsn_outline *o, const struct tsn_node *item, size_t *len)
{
	*len = item->span.end - item->span.begin;
	return o->sources->v[item->span.file].text + item->span.begin;
}

static const struct tsn_node *
meta(const struct tsn_node *rule, const char *word)
{
	for (const struct tsn_node *n = rule->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_META && n->text != NULL && strcmp(n->text, word) == 0)
			return n->kids;
	return NULL;
}

const char *
tsn_outline_title(const struct tsn_node *rule)
{
	const struct tsn_node *v = meta(rule, "title");

	return v != NULL && v->kind == TSN_N_STRING ? v->text : NULL;
}

int64_t
tsn_outline_expires(const struct tsn_node *rule)
{
	const struct tsn_node *v = meta(rule, "expires");

	return v != NULL && v->kind == TSN_N_DATE ? v->i * TSN_SECOND : TSN_TIME_NONE;
}
