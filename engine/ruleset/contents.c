/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "grammar/parse.h"
#include "ruleset/contents.h"
#include "ruleset/file.h"
#include "ruleset/manifest.h"
#include "ruleset/names.h"

struct contents {
	const char *dir;
	struct tsn_sources *sources;
	struct tsn_diags *diags;
	struct tsn_manifest *m;
	size_t cap;
	size_t rule_files;          /* the first of m->file */
	char *error;
};

static bool
has(const struct tsn_manifest *m, const char *path)
{
	for (size_t i = 0; i < m->nfiles; i++)
		if (strcmp(m->file[i].path, path) == 0)
			return true;
	return false;
}

static bool
add(struct contents *k, const char *path)
{
	struct tsn_manifest *m = k->m;
	struct tsn_manifest_file *v;
	char *copy;

	if (has(m, path))
		return true;
	if (m->nfiles == TSN_ARCHIVE_FILES_MAX)
		return tsn_ruleset_fail(k->error, "%s has more than %u files for the archive", k->dir, TSN_ARCHIVE_FILES_MAX);
	v = tsn_grow(m->file, m->nfiles, &k->cap, sizeof(*v));
	copy = tsn_strdup(path);
	if (v != NULL)
		m->file = v;
	if (v == NULL || copy == NULL) {
		tsn_free(copy);
		return tsn_ruleset_no_memory(k->error);
	}
	m->file[m->nfiles++] = (struct tsn_manifest_file){ .path = copy };
	return true;
}

/* lstat: what a link leads to may lie anywhere, and is not packed. 0, ENOMEM, ENOENT, or EINVAL: no plain file. */
static int
look(const char *dir, const char *path)
{
	struct tsn_buf full = TSN_BUF_INIT;
	struct stat st;
	int e;

	tsn_buf_printf(&full, "%s/%s", dir, path);
	e = full.failed ? ENOMEM : lstat(full.p, &st) != 0 ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
	tsn_buf_fini(&full);
	return e;
}

static bool
list_rules(struct contents *k)
{
	DIR *d = opendir(k->dir);
	struct dirent *e;
	bool ok = d != NULL || tsn_ruleset_fail(k->error, "cannot read %s: %s", k->dir, strerror(errno));

	while (ok && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n <= 4 || strcmp(e->d_name + n - 4, ".tsn") != 0 || e->d_name[0] == '.')
			continue;
		if (!tsn_ruleset_path_ok(e->d_name))
			ok = tsn_ruleset_fail(k->error, "%s/%s: a file in an archive is named with letters, digits, . _ and -", k->dir, e->d_name);
		else if (look(k->dir, e->d_name) != 0)
			ok = tsn_ruleset_fail(k->error, "%s/%s is no plain file", k->dir, e->d_name);
		else
			ok = add(k, e->d_name);
	}
	if (d != NULL)
		closedir(d);
	if (ok && k->m->nfiles == 0)
		ok = tsn_ruleset_fail(k->error, "no .tsn file in %s", k->dir);
	k->rule_files = k->m->nfiles;
	return ok && tsn_manifest_sort(k->m, k->error); /* so that complaints come in the same order everywhere */
}

/* --- what the trees say --- */

/* A data file of a set or a table. */
static bool
take_source(struct contents *k, const struct tsn_node *n)
{
	int e;

	if (!tsn_ruleset_path_ok(n->text) || strcmp(n->text, TSN_MANIFEST) == 0) {
		tsn_diag_hint(tsn_diag_error(k->diags, TSN_E_SET, n->at, "a ruleset that travels has its data below its own folder"),
		    "name it by letters, digits, . _ - and /, from this folder on");
		return true;
	}
	e = look(k->dir, n->text);
	if (e == ENOMEM)
		return tsn_ruleset_no_memory(k->error);
	if (e != 0) {
		tsn_diag_error(k->diags, TSN_E_SET, n->at, e == EINVAL ? "%s/%s is no plain file" : "%s/%s is missing", k->dir, n->text);
		return true;
	}
	return add(k, n->text);
}

static bool
take_sources(struct contents *k, const struct tsn_node *n)
{
	for (const struct tsn_node *kid = n->kids; kid != NULL; kid = kid->next) {
		if (kid->kind == TSN_N_SOURCE && kid->text != NULL && !take_source(k, kid))
			return false;
		if (kid->kind != TSN_N_SOURCE && !take_sources(k, kid))
			return false;
	}
	return true;
}

static bool
keep(struct contents *k, char **slot, const struct tsn_node *value, const char *word)
{
	if (value->text == NULL)
		return true;
	if (*slot != NULL) {
		if (strcmp(*slot, value->text) != 0)
			tsn_diag_error(k->diags, TSN_E_DUPLICATE, value->span, "the files of a ruleset say the same %s; another says \"%s\"", word,
			    *slot);
		return true;
	}
	*slot = tsn_strdup(value->text);
	return *slot != NULL || tsn_ruleset_no_memory(k->error);
}

static bool
take_header(struct contents *k, const struct tsn_node *n)
{
	struct tsn_manifest *m = k->m;
	const struct { const char *word; char **slot; } known[] = { { "version", &m->version }, { "license", &m->license },
		{ "author", &m->author }, { "homepage", &m->homepage }, { "requires", &m->requires }, { "channel", &m->channel } };

	if (n->text == NULL)
		return true;
	if (m->name == NULL && (m->name = tsn_strdup(n->text)) == NULL)
		return tsn_ruleset_no_memory(k->error);
	if (strcmp(m->name, n->text) != 0)
		tsn_diag_error(k->diags, TSN_E_CLAUSE, n->at, "an archive has one ruleset, and another file here is of %s", m->name);
	else if (!tsn_ruleset_name_ok(n->text))
		tsn_diag_hint(tsn_diag_error(k->diags, TSN_E_CLAUSE, n->at, "a ruleset that travels cannot be called %s", n->text),
		    "a letter of a-z, then a-z, 0-9 and _, at most %d, and not \"local\"", TSN_NAME_MAX);
	for (const struct tsn_node *meta = n->kids; meta != NULL; meta = meta->next)
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (meta->kind == TSN_N_META && meta->kids != NULL && strcmp(meta->text, known[i].word) == 0 &&
			    !keep(k, known[i].slot, meta->kids, known[i].word))
				return false;
	return true;
}

/* `use "FILE"` may name what is packed, and nothing else. */
static void
take_use(struct contents *k, const struct tsn_node *n)
{
	if (n->kids == NULL || n->kids->kind != TSN_N_STRING)
		return;
	for (size_t i = 0; i < k->rule_files; i++)
		if (strcmp(k->m->file[i].path, n->kids->text) == 0)
			return;
	tsn_diag_error(k->diags, TSN_E_IMPORT, n->kids->span, "a ruleset that travels uses files of its own folder only");
}

static bool
take_tree(struct contents *k, const char *name, const struct tsn_node *tree)
{
	bool header = false;

	for (const struct tsn_node *n = tree->kids; n != NULL; n = n->next) {
		switch (n->kind) {
		case TSN_N_SITE:
		case TSN_N_OVERRIDE:
		case TSN_N_DISABLE:
			tsn_diag_hint(tsn_diag_error(k->diags, TSN_E_CLAUSE, n->span, "a ruleset that travels has no %s",
			    n->kind == TSN_N_SITE ? "site { }" : n->kind == TSN_N_OVERRIDE ? "override" : "disable"),
			    "that is the site's own");
			break;
		case TSN_N_USE:
			take_use(k, n);
			break;
		case TSN_N_RULESET:
			header = true;
			if (!take_header(k, n))
				return false;
			break;
		default:
			if (!take_sources(k, n))
				return false;
		}
	}
	if (!header)
		tsn_diag_hint(tsn_diag_error(k->diags, TSN_E_CLAUSE, TSN_SPAN_NONE, "%s belongs to no ruleset", name),
		    "write ruleset NAME { version \"...\" license \"...\" author \"...\" } on top");
	return true;
}

static bool
read_rules(struct contents *k)
{
	struct tsn_buf path = TSN_BUF_INIT;
	bool ok = true;

	for (size_t i = 0; ok && i < k->rule_files; i++) {
		struct tsn_node *tree;

		tsn_buf_clear(&path);
		tsn_buf_printf(&path, "%s/%s", k->dir, k->m->file[i].path);
		tree = path.failed ? NULL : tsn_parse_file(k->sources, path.p, k->diags);
		if (tree != NULL)
			ok = take_tree(k, path.p, tree);
		else if (tsn_diags_errors(k->diags) == 0)
			ok = tsn_ruleset_no_memory(k->error);
	}
	tsn_buf_fini(&path);
	return ok;
}

/* --- what must be said --- */

static void
check_header(struct contents *k)
{
	const struct tsn_manifest *m = k->m;
	const struct { const char *word, *value; } needed[] = { { "version", m->version }, { "license", m->license },
		{ "author", m->author } };

	for (size_t i = 0; m->name != NULL && i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i].value == NULL || needed[i].value[0] == '\0')
			tsn_diag_hint(tsn_diag_error(k->diags, TSN_E_CLAUSE, TSN_SPAN_NONE, "ruleset %s says no %s", m->name, needed[i].word),
			    "write ruleset %s { version \"...\" license \"...\" author \"...\" }", m->name);
	if (m->version != NULL && !tsn_version_ok(m->version))
		tsn_diag_hint(tsn_diag_error(k->diags, TSN_E_VALUE, TSN_SPAN_NONE, "ruleset %s: \"%s\" is no version", m->name, m->version),
		    "numbers with dots between and no needless zeros, as 2026.11.9, 1.4.0 or 2.0-rc.1");
}

static bool
add_papers(struct contents *k)
{
	static const char *const paper[] = { "LICENSE", "CHANGES.md", "README.md" };

	for (size_t i = 0; i < sizeof(paper) / sizeof(paper[0]); i++)
		if (look(k->dir, paper[i]) == 0 && !add(k, paper[i]))
			return false;
	return true;
}

bool
tsn_contents_read(const char *dir, struct tsn_sources *sources, struct tsn_diags *diags, struct tsn_manifest *m,
    char error[TSN_RULESET_ERROR])
{
	struct contents k = { .dir = dir, .sources = sources, .diags = diags, .m = m, .error = error };

	*m = (struct tsn_manifest){ 0 };
	error[0] = '\0';
	if (!list_rules(&k) || !read_rules(&k))
		return false;
	check_header(&k);
	return add_papers(&k) && tsn_diags_errors(diags) == 0 && tsn_manifest_sort(m, error);
}
