/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset diff: what another version of a ruleset would change, before it does. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ruleset_outline.h"
#include "cli/ruleset_store.h"
#include "cli/terminal.h"
#include "ruleset/names.h"
#include "ruleset/word.h"

#define LINES_MAX 400u /* of one declaration that are compared line by line */

/* --- two texts --- */

struct text_lines {
	const char *p[LINES_MAX];
	size_t len[LINES_MAX], n;
};

/* False: it has too many. */
static bool
split(const char *text, size_t len, struct text_lines *l)
{
	l->n = 0;
	for (size_t at = 0; at < len; l->n++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end == NULL ? len - at : (size_t)(end - text) - at;

		if (l->n == LINES_MAX)
			return false;
		l->p[l->n] = text + at;
		l->len[l->n] = n;
		at += n + 1;
	}
	return true;
}

static bool
same_line(const struct text_lines *a, size_t i, const struct text_lines *b, size_t k)
{
	return a->len[i] == b->len[k] && memcmp(a->p[i], b->p[k], a->len[i]) == 0;
}

static void
put_line(const struct tsn_cli *c, char sign, const char *p, size_t n)
{
	struct tsn_buf b = TSN_BUF_INIT;

	tsn_buf_printf(&b, "    %c ", sign);
	for (; n > 0 && *p == '\t'; p++, n--)
		tsn_buf_puts(&b, "    ");
	tsn_terminal_text(&b, p, n, 0);
	printf("%s%s%s\n", c->color_out ? sign == '+' ? "\x1b[32m" : "\x1b[31m" : "", tsn_buf_str(&b), c->color_out ? "\x1b[0m" : "");
	tsn_buf_fini(&b);
}

/* By the longest common subsequence: the lines that are only in one of the two. */
static void
print_changes(const struct tsn_cli *c, const struct text_lines *a, const struct text_lines *b, uint16_t *common)
{
	const size_t width = b->n + 1;
	size_t i = 0, k = 0;

	for (size_t x = a->n + 1; x-- > 0;)
		for (size_t y = b->n + 1; y-- > 0;) {
			uint16_t *at = &common[x * width + y];

			if (x == a->n || y == b->n)
				*at = 0;
			else if (same_line(a, x, b, y))
				*at = at[width + 1] + 1;
			else
				*at = at[width] > at[1] ? at[width] : at[1];
		}
	while (i < a->n || k < b->n) {
		if (i < a->n && k < b->n && same_line(a, i, b, k)) {
			i++;
			k++;
		} else if (k == b->n || (i < a->n && common[(i + 1) * width + k] >= common[i * width + k + 1])) {
			put_line(c, '-', a->p[i], a->len[i]);
			i++;
		} else {
			put_line(c, '+', b->p[k], b->len[k]);
			k++;
		}
	}
}

static bool
print_change(const struct tsn_cli *c, const struct tsn_outline *a, const struct tsn_node *x, const struct tsn_outline *b, const struct tsn_node *y)
{
	struct text_lines *l = tsn_calloc(2, sizeof(*l));
	uint16_t *common = tsn_calloc((LINES_MAX + 1) * (LINES_MAX + 1), sizeof(*common));
	size_t na, nb;
	const char *ta = tsn_outline_text(a, x, &na), *tb = tsn_outline_text(b, y, &nb);
	const bool ok = l != NULL && common != NULL;

	if (ok && split(ta, na, &l[0]) && split(tb, nb, &l[1]))
		print_changes(c, &l[0], &l[1], common);
	tsn_free(l);
	tsn_free(common);
	return ok;
}

/* --- two outlines --- */

static const char *
word_of(const struct tsn_node *n)
{
	switch (n->kind) {
	case TSN_N_RULE:    return "rule";
	case TSN_N_LET:     return "let";
	case TSN_N_SETDECL: return "set";
	case TSN_N_TABLE:   return "table";
	default:            return "define";
	}
}

static void
print_item(char sign, const struct tsn_node *n)
{
	const char *title = n->kind == TSN_N_RULE ? tsn_outline_title(n) : NULL;
	struct tsn_buf b = TSN_BUF_INIT;

	if (title != NULL)
		tsn_terminal_text(&b, title, strlen(title), 0);
	printf("%c %s %s%s%s\n", sign, word_of(n), n->text, title != NULL ? ": " : "", tsn_buf_str(&b));
	tsn_buf_fini(&b);
}

/* What differs; spans do not count, nor do comments and layout. */
static bool
print_outlines(const struct tsn_cli *c, const struct tsn_outline *a, const struct tsn_outline *b)
{
	size_t i = 0, k = 0, added = 0, removed = 0, changed = 0;
	bool ok = true;

	while (ok && (i < a->n || k < b->n)) {
		const int order = i == a->n ? 1 : k == b->n ? -1 : tsn_outline_order(a->item[i], b->item[k]);

		if (order < 0) {
			print_item('-', a->item[i++]);
			removed++;
		} else if (order > 0) {
			print_item('+', b->item[k++]);
			added++;
		} else {
			if (!tsn_node_equal(a->item[i], b->item[k])) {
				print_item('~', b->item[k]);
				ok = print_change(c, a, a->item[i], b, b->item[k]);
				changed++;
			}
			i++;
			k++;
		}
	}
	printf("%zu added, %zu removed, %zu changed\n", added, removed, changed);
	return ok;
}

/* --- where the other version is --- */

struct other {
	const char *dir;             /* unpacked */
	const char *version;
	size_t place;                /* among those that are kept, if it is */
	struct tsn_package package;  /* if it was fetched for this */
	bool none;                   /* there is no newer one, as was told */
};

/* The newest one offered, or the one named. False: told. */
static bool
fetch_other(struct tsn_cli_store *s, const struct tsn_store_ruleset *x, const char *version, struct other *o)
{
	const struct tsn_store_source *source = x->source != NULL ? tsn_store_source(&s->after, x->source) : NULL;
	const struct tsn_index_ruleset *r;
	const struct tsn_index_version *v = NULL;
	struct tsn_index index;
	bool ok = false;

	if (source == NULL) {
		tsn_cli_warn("%s has no source to fetch %s from", x->name, version != NULL ? version : "another version");
		return false;
	}
	if (!tsn_source_kept(&s->held, source, &index, s->error)) {
		tsn_cli_store_fail(s);
		return false;
	}
	r = tsn_index_find(&index, x->name);
	if (r == NULL)
		tsn_cli_warn("%s is not offered by %s any more", x->name, source->name);
	else if ((v = tsn_index_choose(r, version, s->error)) == NULL)
		tsn_cli_store_fail(s);
	else if (version == NULL && tsn_version_compare(v->version, x->kept[x->in_force].version) <= 0)
		o->none = printf("%s: %s is the newest\n", x->name, x->kept[x->in_force].version) > 0;
	else if (!tsn_package_fetch(source, r, v, &o->package, s->error) || !tsn_package_unpack(&s->held, &o->package, s->now, s->error))
		tsn_cli_store_fail(s);
	else {
		o->dir = o->package.dir;
		o->version = o->package.version;
		ok = true;
	}
	tsn_index_fini(&index);
	return ok;
}

static bool
find_other(struct tsn_cli_store *s, const struct tsn_store_ruleset *x, const char *version, struct other *o)
{
	for (size_t i = 0; version != NULL && i < x->nkept; i++)
		if (strcmp(x->kept[i].version, version) == 0) {
			o->version = x->kept[i].version;
			o->place = i;
			o->dir = tsn_store_version_dir(&s->held, &s->after, x->name, o->version);
			return o->dir != NULL;
		}
	return fetch_other(s, x, version, o);
}

static int
compare(struct tsn_cli_store *s, struct tsn_store_ruleset *x, const struct other *o)
{
	const char *now = x->kept[x->in_force].version, *dir = tsn_store_version_dir(&s->held, &s->after, x->name, now);
	struct tsn_outline a = { 0 }, b = { 0 };
	int status = TSN_EXIT_OK;

	printf("%s: %s in force, %s to compare with\n", x->name, now, o->version);
	if (dir == NULL || !tsn_outline_open(&a, dir) || !tsn_outline_open(&b, o->dir)) {
		tsn_cli_warn("the rules of %s cannot be read", x->name);
		status = TSN_EXIT_INPUT;
	} else if (!print_outlines(s->cli, &a, &b)) {
		status = tsn_cli_no_memory();
	}
	tsn_outline_fini(&a);
	tsn_outline_fini(&b);
	return status;
}

/* What the switch would find: whether it compiles, its tests, what it would have raised. Needs the site's rules, or flows. */
static int
try_out(struct tsn_cli_store *s, struct tsn_store_ruleset *x, struct other *o)
{
	struct tsn_word w;

	if (s->cli->rules.n == 0 && (!tsn_word_read(s->held.store, &w) || w.ring[0] == '\0'))
		return TSN_EXIT_OK;
	if (o->package.dir == NULL)
		x->in_force = o->place;
	else if (!tsn_store_put_in_force(&s->after, x, &o->package.as))
		return tsn_cli_no_memory();
	return tsn_cli_store_try(s, o->package.dir != NULL ? &o->package : NULL);
}

static int
diff(struct tsn_cli_store *s)
{
	const struct tsn_cli_list *args = &s->cli->args;
	struct tsn_store_ruleset *x = tsn_cli_store_ruleset(s, args->v[0]);
	struct other o = { 0 };
	int status = TSN_EXIT_RULES;

	if (x == NULL)
		return TSN_EXIT_RULES;
	/* a source that cannot be asked now may have offered enough before */
	if (x->source != NULL)
		tsn_cli_store_refresh(s, &x->source, 1);
	x = tsn_store_ruleset(&s->after, args->v[0]);
	if (find_other(s, x, args->n > 1 ? args->v[1] : NULL, &o)) {
		status = compare(s, x, &o);
		if (status == TSN_EXIT_OK)
			status = try_out(s, x, &o);
	}
	if (o.package.dir != NULL && !tsn_store_sweep(&s->held, &s->before, s->error))
		status = tsn_cli_store_fail(s);
	tsn_package_fini(&o.package);
	return o.none ? TSN_EXIT_OK : status;
}

int
tsn_ruleset_diff(struct tsn_cli *c)
{
	struct tsn_cli_store s;
	int status = TSN_EXIT_RULES;

	if (c->args.n < 1 || c->args.n > 2)
		return tsn_cli_usage(c, "name one ruleset, and a version perhaps");
	if (tsn_cli_store_open(&s, c, true))
		status = diff(&s);
	tsn_cli_store_close(&s);
	return status;
}
