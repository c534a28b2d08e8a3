/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "ruleset/file.h"
#include "ruleset/json.h"
#include "ruleset/manifest.h"
#include "ruleset/names.h"

#define FORMAT 1

void
tsn_manifest_fini(struct tsn_manifest *m)
{
	tsn_free(m->name);
	tsn_free(m->version);
	tsn_free(m->license);
	tsn_free(m->author);
	tsn_free(m->homepage);
	tsn_free(m->requires);
	tsn_free(m->channel);
	for (size_t i = 0; i < m->nfiles; i++)
		tsn_free(m->file[i].path);
	tsn_free(m->file);
	*m = (struct tsn_manifest){ 0 };
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(((const struct tsn_manifest_file *)a)->path, ((const struct tsn_manifest_file *)b)->path);
}

static int
by_fold(const void *a, const void *b)
{
	return tsn_ruleset_path_fold_compare(*(const char *const *)a, *(const char *const *)b);
}

/* Where capitals do not count, two such files would be one. */
static bool
all_differ(const struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	const char **path = tsn_calloc(m->nfiles + 1, sizeof(*path));
	bool ok = path != NULL || tsn_ruleset_no_memory(error);

	for (size_t i = 0; ok && i < m->nfiles; i++)
		path[i] = m->file[i].path;
	if (ok)
		qsort(path, m->nfiles, sizeof(*path), by_fold);
	for (size_t i = 1; ok && i < m->nfiles; i++)
		if (tsn_ruleset_path_fold_compare(path[i - 1], path[i]) == 0)
			ok = tsn_ruleset_fail(error, strcmp(path[i - 1], path[i]) == 0 ? "%s stands twice in the list of files" :
			    "%s and %s differ in nothing but capitals", path[i - 1], path[i]);
	tsn_free(path);
	return ok;
}

bool
tsn_manifest_sort(struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	if (m->nfiles > 0)
		qsort(m->file, m->nfiles, sizeof(*m->file), by_bytes);
	return all_differ(m, error);
}

#ifdef TSN_HAVE_JANSSON

static void
read_file(struct tsn_json *j, const json_t *o, struct tsn_manifest *m)
{
	struct tsn_manifest_file *f = &m->file[m->nfiles];

	f->path = tsn_json_text(j, o, "path", false);
	if (f->path == NULL)
		return;
	m->nfiles++;
	if (!tsn_ruleset_path_ok(f->path))
		tsn_json_complain(j, "\"%s\" is no path below a folder", f->path);
	else if (strcasecmp(f->path, TSN_MANIFEST) == 0)
		tsn_json_complain(j, "the manifest lists itself");
	f->size = tsn_json_number(j, o, "size", 0, TSN_ARCHIVE_UNPACKED_MAX);
	tsn_json_sha256(j, o, "sha256", f->sha256);
}

static void
read_files(struct tsn_json *j, const json_t *root, struct tsn_manifest *m)
{
	const json_t *files = tsn_json_array(j, root, "files", TSN_ARCHIVE_FILES_MAX);
	uint64_t total = 0;

	if (files == NULL)
		return;
	m->file = tsn_calloc(json_array_size(files) + 1, sizeof(*m->file));
	if (m->file == NULL)
		tsn_json_complain(j, "memory is out");
	for (size_t i = 0; !j->bad && i < json_array_size(files); i++) {
		read_file(j, json_array_get(files, i), m);
		total += m->file[i].size;
	}
	if (total > TSN_ARCHIVE_UNPACKED_MAX)
		tsn_json_complain(j, "its files have more than %u bytes", TSN_ARCHIVE_UNPACKED_MAX);
}

static void
read_manifest(struct tsn_json *j, const json_t *root, struct tsn_manifest *m)
{
	tsn_json_number(j, root, "format", FORMAT, FORMAT);
	m->name = tsn_json_text(j, root, "name", false);
	m->version = tsn_json_text(j, root, "version", false);
	if (m->name != NULL && !tsn_ruleset_name_ok(m->name))
		tsn_json_complain(j, "\"%s\" is no name of a ruleset that travels", m->name);
	if (m->version != NULL && !tsn_version_ok(m->version))
		tsn_json_complain(j, "\"%s\" is no version", m->version);
	m->license = tsn_json_text(j, root, "license", true);
	m->author = tsn_json_text(j, root, "author", true);
	m->homepage = tsn_json_text(j, root, "homepage", true);
	m->requires = tsn_json_text(j, root, "requires", true);
	m->channel = tsn_json_text(j, root, "channel", true);
	m->rules = (uint32_t)tsn_json_number(j, root, "rules", 0, TSN_ARCHIVE_RULES_MAX);
	m->tests = (uint32_t)tsn_json_number(j, root, "tests", 0, UINT32_MAX);
	read_files(j, root, m);
}

bool
tsn_manifest_parse(const char *text, size_t len, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	struct tsn_json j = { .what = TSN_MANIFEST, .error = error };
	json_t *root;

	*m = (struct tsn_manifest){ 0 };
	if (len > TSN_MANIFEST_BYTES_MAX)
		return tsn_ruleset_fail(error, TSN_MANIFEST " has more than %u bytes", TSN_MANIFEST_BYTES_MAX);
	root = tsn_json_load(&j, text, len);
	if (root == NULL)
		return false;
	read_manifest(&j, root, m);
	json_decref(root);
	return !j.bad && tsn_manifest_sort(m, error);
}

void
tsn_manifest_print(const struct tsn_manifest *m, struct tsn_buf *out)
{
	const struct { const char *name, *value; } text[] = { { "name", m->name }, { "version", m->version },
		{ "license", m->license }, { "author", m->author }, { "homepage", m->homepage }, { "requires", m->requires },
		{ "channel", m->channel } };

	tsn_buf_printf(out, "{\n  \"format\": %d,\n", FORMAT);
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		tsn_json_put(out, "  ", text[i].name, text[i].value, ",\n");
	tsn_buf_printf(out, "  \"rules\": %u,\n  \"tests\": %u,\n  \"files\": [", m->rules, m->tests);
	for (size_t i = 0; i < m->nfiles; i++) {
		tsn_json_put(out, i > 0 ? ",\n    { " : "\n    { ", "path", m->file[i].path, "");
		tsn_buf_printf(out, ", \"size\": %llu, \"sha256\": \"%s\" }", (unsigned long long)m->file[i].size, m->file[i].sha256);
	}
	tsn_buf_puts(out, "\n  ]\n}\n");
}

#else /* TSN_HAVE_JANSSON */

bool
tsn_manifest_parse(const char *text, size_t len, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	(void)text;
	(void)len;
	*m = (struct tsn_manifest){ 0 };
	return tsn_ruleset_fail(error, "this build is without jansson: it reads no manifests");
}

void
tsn_manifest_print(const struct tsn_manifest *m, struct tsn_buf *out)
{
	(void)m;
	(void)out;
}

#endif
