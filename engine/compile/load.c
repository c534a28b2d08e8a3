/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Loading: the files named, the files they use, each once and before those that use it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compile/check.h"
#include "grammar/parse.h"

#define USE_DEPTH 64

struct loader {
	struct tsn_world *w;
	struct tsn_diags *diags;
	unsigned depth;
	bool oom;
	bool installed;              /* what is opened now was found in a rules directory */
	const struct tsn_installed *guest; /* what is opened now belongs to it, or NULL */
	uint32_t guest_rules;
};

/* Files found for one name. */
struct found {
	char **v;
	size_t n, cap;
};

static void
found_free(struct found *f)
{
	for (size_t i = 0; i < f->n; i++)
		tsn_free(f->v[i]);
	tsn_free(f->v);
}

static bool
found_add(struct found *f, const char *path)
{
	char **v = tsn_grow(f->v, f->n, &f->cap, sizeof(*v));

	if (v == NULL)
		return false;
	f->v = v;
	f->v[f->n] = tsn_strdup(path);
	return f->v[f->n] != NULL && ++f->n > 0;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* The *.tsn of a directory, sorted bytewise. 0 or an errno. */
static int
list_dir(const char *path, struct found *f)
{
	struct tsn_buf b = TSN_BUF_INIT;
	DIR *d = opendir(path);
	struct dirent *entry;
	int error = d == NULL ? errno : 0;
	size_t len;

	while (d != NULL && error == 0 && (entry = readdir(d)) != NULL) {
		len = strlen(entry->d_name);
		if (entry->d_name[0] == '.' || len < 5 || strcmp(entry->d_name + len - 4, ".tsn") != 0)
			continue;
		tsn_buf_clear(&b);
		tsn_buf_printf(&b, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", entry->d_name);
		if (b.failed || (is_file(tsn_buf_str(&b)) && !found_add(f, tsn_buf_str(&b))))
			error = ENOMEM;
	}
	if (d != NULL)
		closedir(d);
	if (f->n > 0)
		qsort(f->v, f->n, sizeof(*f->v), by_bytes);
	tsn_buf_fini(&b);
	return error;
}

static struct ck_file *
new_file(struct loader *l, const char *name, const struct tsn_node *tree)
{
	struct ck_file *f = tsn_arena_alloc(l->w->arena, sizeof(*f));

	if (f == NULL) {
		l->oom = true;
		return NULL;
	}
	f->name = tsn_arena_strdup(l->w->arena, name);
	f->dir = "";
	f->tree = tree;
	f->group = &l->w->local;
	f->installed = l->installed || l->guest != NULL;
	f->guest = l->guest;
	f->rules_tail = &f->rules;
	*l->w->opened_tail = f;
	l->w->opened_tail = &f->all;
	if (f->name == NULL)
		l->oom = true;
	return f;
}

static void
append(struct loader *l, struct ck_file *f)
{
	*l->w->tail = f;
	l->w->tail = &f->next;
}

static void
add_import(struct loader *l, struct ck_file *user, struct ck_file *used)
{
	struct ck_file **v;
	size_t i, cap;

	for (i = 0; i < user->nimports; i++)
		if (user->import[i] == used)
			return;
	if (user == used)
		return;
	if (user->nimports == user->cap_imports) {
		cap = user->cap_imports == 0 ? 8 : user->cap_imports * 2;
		v = tsn_arena_alloc(l->w->arena, cap * sizeof(*v));
		if (v == NULL) {
			l->oom = true;
			return;
		}
		if (user->nimports > 0)
			memcpy(v, user->import, user->nimports * sizeof(*v));
		user->import = v;
		user->cap_imports = cap;
	}
	user->import[user->nimports++] = used;
}

static struct ck_file *open_file(struct loader *l, const char *path, struct tsn_span from);

/* --- use --- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* DIR/NAME.tsn, DIR/NAME/, DIR/NAME-rules/, or, of a rules directory, DIR itself if that is its name. */
static bool
look_in(const char *dir, const char *name, bool itself, struct found *f, int *error)
{
	static const char *const form[] = { "%s%s%s.tsn", "%s%s%s", "%s%s%s-rules" };
	struct tsn_buf b = TSN_BUF_INIT;
	const char *base = base_name(dir);
	size_t len = strlen(name);
	bool hit = false;

	for (size_t i = 0; i < 3 && !hit; i++) {
		tsn_buf_clear(&b);
		tsn_buf_printf(&b, form[i], dir, dir[0] == '\0' || dir[strlen(dir) - 1] == '/' ? "" : "/", name);
		if (i == 0 && is_file(tsn_buf_str(&b))) {
			*error = found_add(f, tsn_buf_str(&b)) ? 0 : ENOMEM;
			hit = true;
		} else if (i > 0 && is_dir(tsn_buf_str(&b))) {
			*error = list_dir(tsn_buf_str(&b), f);
			hit = f->n > 0 || *error != 0;
		}
	}
	if (!hit && itself && strncmp(base, name, len) == 0 && (base[len] == '\0' || strcmp(base + len, "-rules") == 0) &&
	    is_dir(dir)) {
		*error = list_dir(dir, f);
		hit = f->n > 0 || *error != 0;
	}
	tsn_buf_fini(&b);
	return hit;
}

static void
not_found(struct loader *l, const struct tsn_node *what, const char *name, int error)
{
	struct tsn_diag *d;

	if (error == ENOMEM) {
		l->oom = true;
		return;
	}
	d = tsn_diag_error(l->diags, TSN_E_IMPORT, what->span, "cannot read %s: %s", name,
	    strerror(error == 0 ? ENOENT : error));
	if (error == 0)
		tsn_diag_hint(d, "no %s.tsn or directory %s beside this file or in the rules directories", name, name);
}

/* Rulesets already loaded by path are found by name too. */
static bool
use_loaded(struct loader *l, struct ck_file *user, const char *name)
{
	struct ck_group *g = tsn_world_group(l->w, name, strlen(name));
	bool any = false;

	for (struct ck_file *f = l->w->opened; f != NULL && g != NULL; f = f->all) {
		if (f->group == g && f != user && !f->busy) {
			add_import(l, user, f);
			any = true;
		}
	}
	return any;
}

static void
use_files(struct loader *l, struct ck_file *user, struct found *f, struct tsn_span at)
{
	for (size_t i = 0; i < f->n; i++) {
		struct ck_file *used = open_file(l, f->v[i], at);

		if (used != NULL)
			add_import(l, user, used);
	}
}

static void
use_name(struct loader *l, struct ck_file *user, const struct tsn_node *what)
{
	struct found f = { 0 };
	int error = 0;
	bool hit = look_in(user->dir[0] == '\0' ? "." : user->dir, what->text, false, &f, &error);
	const struct tsn_installed *guest = l->guest;
	bool installed = l->installed;

	for (size_t i = 0; !hit && error == 0 && i < l->w->in->nsearch; i++) {
		hit = look_in(l->w->in->search[i], what->text, true, &f, &error);
		l->installed |= hit;
		l->guest = hit ? NULL : guest;
	}
	if (hit && error == 0)
		use_files(l, user, &f, what->span);
	l->installed = installed;
	l->guest = guest;
	if (error != 0 || (!use_loaded(l, user, what->text) && !hit))
		not_found(l, what, what->text, error);
	found_free(&f);
}

static void
use_path(struct loader *l, struct ck_file *user, const struct tsn_node *what)
{
	struct found f = { 0 };
	struct tsn_buf b = TSN_BUF_INIT;
	const char *path;
	int error;

	if (!ck_guest_path(user, what->text, what->span, l->diags))
		return;
	if (what->text[0] != '/' && user->dir[0] != '\0')
		tsn_buf_printf(&b, "%s/", user->dir);
	tsn_buf_puts(&b, what->text);
	path = tsn_buf_str(&b);
	error = is_dir(path) ? list_dir(path, &f) : is_file(path) ? (found_add(&f, path) ? 0 : ENOMEM) : ENOENT;
	if (error != 0)
		not_found(l, what, what->text, error);
	else
		use_files(l, user, &f, what->span);
	found_free(&f);
	tsn_buf_fini(&b);
}

static void
follow(struct loader *l, struct ck_file *f)
{
	for (const struct tsn_node *n = f->tree->kids; n != NULL && !l->oom; n = n->next) {
		if (n->kind != TSN_N_USE || n->kids == NULL)
			continue;
		if (n->kids->kind == TSN_N_NAME)
			use_name(l, f, n->kids);
		else if (n->kids->kind == TSN_N_STRING)
			use_path(l, f, n->kids);
	}
}

/* --- files --- */

/* Names first, so that a file that uses this one's ruleset by name finds it. */
static void
take_in(struct loader *l, struct ck_file *f)
{
	f->busy = true;
	if (!tsn_world_declare(l->w, f, l->diags))
		l->oom = true;
	l->depth++;
	follow(l, f);
	l->depth--;
	f->busy = false;
	append(l, f);
	if (f->guest != NULL)
		ck_guest_check(f, &l->guest_rules, l->diags);
}

static void
report_cycle(struct loader *l, const struct ck_file *f, struct tsn_span from)
{
	tsn_diag_hint(tsn_diag_error(l->diags, TSN_E_CYCLE, from, "%s uses this file in turn", f->name),
	    "move what both need into a third file");
}

static struct ck_file *
open_file(struct loader *l, const char *path, struct tsn_span from)
{
	char *real = realpath(path, NULL), *slash;
	struct ck_file *f = real == NULL ? NULL : tsn_names_get(&l->w->by_path, real, strlen(real));
	struct tsn_node *tree;

	if (f != NULL) {
		free(real);
		if (f->busy && from.file != UINT32_MAX) {
			report_cycle(l, f, from);
			return NULL;
		}
		return f;
	}
	if (l->depth > USE_DEPTH) {
		tsn_diag_error(l->diags, TSN_E_IMPORT, from, "more than %d files use one another", USE_DEPTH);
		free(real);
		return NULL;
	}
	if (l->guest != NULL && !ck_guest_reaches(l->guest, path)) {
		tsn_diag_error(l->diags, TSN_E_IMPORT, from, "%s lies outside the folder of the installed ruleset %s", path, l->guest->name);
		free(real);
		return NULL;
	}
	tree = tsn_parse_file(l->w->sources, path, l->diags);
	f = tree == NULL ? NULL : new_file(l, path, tree);
	if (f != NULL && real != NULL)
		f->real = tsn_arena_strdup(l->w->arena, real);
	slash = strrchr(path, '/');
	if (f != NULL && slash != NULL)
		f->dir = tsn_arena_strndup(l->w->arena, path, slash == path ? 1 : (size_t)(slash - path));
	if (f == NULL || l->oom || f->dir == NULL ||
	    (real != NULL && (f->real == NULL || !tsn_names_put(&l->w->by_path, f->real, strlen(f->real), f)))) {
		free(real);
		l->oom |= tree != NULL;
		return NULL;
	}
	free(real);
	take_in(l, f);
	return f;
}

static void
load_path(struct loader *l, const char *path)
{
	struct found f = { 0 };
	int error = is_dir(path) ? list_dir(path, &f) : found_add(&f, path) ? 0 : ENOMEM;

	if (error == ENOMEM)
		l->oom = true;
	else if (error != 0)
		tsn_diag_error(l->diags, TSN_E_IMPORT, TSN_SPAN_NONE, "cannot read %s: %s", path, strerror(error));
	else if (f.n == 0)
		tsn_diag_error(l->diags, TSN_E_IMPORT, TSN_SPAN_NONE, "no .tsn file in %s", path);
	for (size_t i = 0; i < f.n && !l->oom; i++)
		open_file(l, f.v[i], TSN_SPAN_NONE);
	found_free(&f);
}

static void
load_text(struct loader *l, const struct tsn_rule_text *t)
{
	const char *name = t->name != NULL ? t->name : "rules";
	struct tsn_node *tree = tsn_parse_text(l->w->sources, name, t->text, t->len, l->diags);
	struct ck_file *f = tree == NULL ? NULL : new_file(l, name, tree);

	if (f != NULL && !l->oom)
		take_in(l, f);
}

/* An expression sees what the files given beside it define, as if it used them all. */
static void
load_expr(struct loader *l, const struct tsn_rule_text *t, size_t number)
{
	char numbered[32];
	const char *name = t->name;
	size_t errors = tsn_diags_errors(l->diags);
	struct tsn_node *tree;
	struct ck_file *f;

	snprintf(numbered, sizeof(numbered), "e%zu", number + 1);
	if (name == NULL)
		name = numbered;
	tree = tsn_parse_expr(l->w->sources, name, t->text, t->len, l->diags);
	f = tree == NULL ? NULL : new_file(l, name, tree);
	if (f == NULL || l->oom)
		return;
	f->expr = true;
	f->broken = tsn_diags_errors(l->diags) > errors;
	for (struct ck_file *other = l->w->files; other != NULL; other = other->next)
		if (!other->expr)
			add_import(l, f, other);
	append(l, f);
}

/* Copied: tests are compiled long after the caller's list has gone. */
static bool
copy_installed(struct tsn_world *w, const struct tsn_compile_input *in)
{
	w->installed = tsn_arena_alloc(w->arena, (in->ninstalled + 1) * sizeof(*w->installed));
	for (size_t i = 0; w->installed != NULL && i < in->ninstalled; i++) {
		struct tsn_installed *to = &w->installed[i];

		*to = in->installed[i];
		to->name = tsn_arena_strdup(w->arena, to->name);
		to->dir = tsn_arena_strdup(w->arena, to->dir);
		if (to->name == NULL || to->dir == NULL)
			return false;
		w->ninstalled++;
	}
	return w->installed != NULL;
}

static void
load_installed(struct loader *l)
{
	for (size_t i = 0; i < l->w->ninstalled && !l->oom; i++) {
		l->guest = &l->w->installed[i];
		l->guest_rules = 0;
		load_path(l, l->guest->dir);
	}
	l->guest = NULL;
}

struct tsn_world *
tsn_world_load(struct tsn_sources *sources, const struct tsn_compile_input *in, struct tsn_diags *diags)
{
	struct tsn_arena *arena = tsn_arena_new();
	struct tsn_world *w = arena == NULL ? NULL : tsn_arena_alloc(arena, sizeof(*w));
	struct loader l = { .w = w, .diags = diags };
	size_t i;

	if (w == NULL) {
		tsn_arena_free(arena);
		return NULL;
	}
	*w = (struct tsn_world){ .arena = arena, .sources = sources, .in = in, .next_id = 1, .filter = in->filter,
		.tests = in->tests };
	w->tail = &w->files;
	w->opened_tail = &w->opened;
	w->syms_tail = &w->syms;
	l.oom = !copy_installed(w, in);
	tsn_sources_follow(sources, in->before == NULL ? NULL : in->before->inner->sources);
	load_installed(&l);
	for (i = 0; i < in->npaths && !l.oom; i++)
		load_path(&l, in->paths[i]);
	for (i = 0; i < in->ntexts && !l.oom; i++)
		load_text(&l, &in->texts[i]);
	for (i = 0; i < in->nexprs && !l.oom; i++)
		load_expr(&l, &in->exprs[i], i);
	tsn_sources_follow(sources, NULL);
	w->in = NULL;
	if (!l.oom)
		return w;
	tsn_world_free(w);
	return NULL;
}

void
tsn_world_free(struct tsn_world *w)
{
	if (w == NULL)
		return;
	for (struct ck_group *g = w->groups; g != NULL; g = g->next) {
		tsn_names_fini(&g->rules);
		tsn_names_fini(&g->others);
	}
	tsn_names_fini(&w->local.rules);
	tsn_names_fini(&w->local.others);
	tsn_names_fini(&w->by_path);
	tsn_names_fini(&w->by_name);
	tsn_arena_free(w->arena);
}
