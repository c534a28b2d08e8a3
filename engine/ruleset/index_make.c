/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The index of a folder of archives. */
#include "ruleset/index.h"

#include "ruleset/file.h"

#if defined(TSN_HAVE_ARCHIVE) && defined(TSN_HAVE_JANSSON) && defined(TSN_HAVE_SODIUM)
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ruleset/json.h"
#include "ruleset/manifest.h"
#include "ruleset/names.h"
#include "ruleset/sha256.h"

#define ENDING ".tar.zst"

struct entry {
	struct tsn_manifest m;
	char *url;
	uint64_t size;
	char sha256[65];
};

struct making {
	const char *dir;
	char *error;
	struct entry *v;
	size_t n, cap;
	struct tsn_index before;    /* the index that is there */
};

static bool
read_below(const struct making *k, const char *name, size_t max, struct tsn_buf *out)
{
	struct tsn_buf path = TSN_BUF_INIT;
	bool ok;

	tsn_buf_printf(&path, "%s/%s", k->dir, name);
	ok = path.failed ? tsn_ruleset_no_memory(k->error) : tsn_file_read(path.p, max, out, k->error);
	tsn_buf_fini(&path);
	return ok;
}

/* The name of the file is what the index will call it, so it says what is in it. */
static bool
named_well(const struct making *k, const char *file, const struct tsn_manifest *m)
{
	char wanted[TSN_NAME_MAX + TSN_VERSION_MAX + sizeof(ENDING) + 2];

	snprintf(wanted, sizeof(wanted), "%s-%s" ENDING, m->name, m->version);
	return strcmp(wanted, file) == 0 || tsn_ruleset_fail(k->error, "%s/%s has %s %s in it and should be called %s", k->dir, file,
	    m->name, m->version, wanted);
}

static bool
take_archive(struct making *k, const char *file)
{
	struct tsn_buf bytes = TSN_BUF_INIT;
	struct entry *v = tsn_grow(k->v, k->n, &k->cap, sizeof(*v)), *e;
	char why[TSN_RULESET_ERROR];
	bool ok = v != NULL || tsn_ruleset_no_memory(k->error);

	if (!ok)
		return false;
	k->v = v;
	e = &v[k->n];
	*e = (struct entry){ 0 };
	ok = read_below(k, file, TSN_ARCHIVE_PACKED_MAX, &bytes);
	if (ok && !tsn_archive_unpack((const uint8_t *)tsn_buf_str(&bytes), bytes.len, NULL, &e->m, why))
		ok = tsn_ruleset_fail(k->error, "%s/%s: %s", k->dir, file, why);
	if (ok) {
		k->n++;
		e->size = bytes.len;
		e->url = tsn_strdup(file);
		ok = e->url != NULL ? named_well(k, file, &e->m) : tsn_ruleset_no_memory(k->error);
		ok = ok && tsn_sha256_text(bytes.p, bytes.len, e->sha256, k->error);
	}
	tsn_buf_fini(&bytes);
	return ok;
}

static bool
take_archives(struct making *k)
{
	DIR *d = opendir(k->dir);
	struct dirent *e;
	bool ok = d != NULL || tsn_ruleset_fail(k->error, "cannot read %s: %s", k->dir, strerror(errno));

	while (ok && (e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n > strlen(ENDING) && e->d_name[0] != '.' && strcmp(e->d_name + n - strlen(ENDING), ENDING) == 0)
			ok = take_archive(k, e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return ok && (k->n > 0 || tsn_ruleset_fail(k->error, "no archive (*" ENDING ") in %s", k->dir));
}

static int
by_name_and_age(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->m.name, y->m.name);

	return order != 0 ? order : tsn_version_compare(y->m.version, x->m.version);
}

static bool
read_before(struct making *k)
{
	struct tsn_buf path = TSN_BUF_INIT, text = TSN_BUF_INIT;
	char why[TSN_RULESET_ERROR];
	int e;
	bool ok = true;

	tsn_buf_printf(&path, "%s/index.json", k->dir);
	e = path.failed ? ENOMEM : tsn_buf_read_file(&text, path.p, TSN_INDEX_BYTES_MAX);
	if (e != 0 && e != ENOENT)
		ok = tsn_ruleset_fail(k->error, "cannot read %s/index.json: %s", k->dir, strerror(e));
	else if (e == 0 && !tsn_index_parse(tsn_buf_str(&text), text.len, &k->before, why)) /* its serial must not be lost */
		ok = tsn_ruleset_fail(k->error, "the index that is there cannot be read: %s/%s", k->dir, why);
	tsn_buf_fini(&path);
	tsn_buf_fini(&text);
	return ok;
}

static const char *
summary_of(const struct making *k, const char *name)
{
	for (size_t i = 0; i < k->before.nrulesets; i++)
		if (strcmp(k->before.ruleset[i].name, name) == 0)
			return k->before.ruleset[i].summary;
	return NULL;
}

/* To the second, as the format has it. */
static void
put_time(struct tsn_buf *out, const char *name, int64_t ms)
{
	char text[TSN_TIME_TEXT];

	tsn_time_text(ms, text);
	tsn_buf_printf(out, "  \"%s\": \"%.19sZ\",\n", name, text);
}

static void
put_version(struct tsn_buf *out, const struct entry *e)
{
	tsn_json_put(out, "        { ", "version", e->m.version, ", ");
	tsn_json_put(out, "", "engine", e->m.requires, ", ");
	tsn_json_put(out, "", "url", e->url, ", ");
	tsn_buf_printf(out, "\"size\": %llu, \"sha256\": \"%s\", \"rules\": %u }", (unsigned long long)e->size, e->sha256, e->m.rules);
}

/* One ruleset, whose newest version is [e]; returns the first entry that is not of it. */
static const struct entry *
put_ruleset(struct tsn_buf *out, const struct making *k, const struct entry *e)
{
	const struct entry *first = e, *end = k->v + k->n;

	tsn_json_put(out, "\n    { ", "name", e->m.name, ",\n");
	tsn_json_put(out, "      ", "summary", summary_of(k, e->m.name), ",\n");
	tsn_json_put(out, "      ", "license", e->m.license, ",\n");
	tsn_json_put(out, "      ", "author", e->m.author, ",\n");
	tsn_json_put(out, "      ", "homepage", e->m.homepage, ",\n");
	tsn_json_put(out, "      ", "channel", e->m.channel, ",\n");
	tsn_buf_puts(out, "      \"versions\": [\n");
	for (; e < end && strcmp(e->m.name, first->m.name) == 0; e++) {
		tsn_buf_puts(out, e > first ? ",\n" : "");
		put_version(out, e);
	}
	tsn_buf_puts(out, "\n      ] }");
	return e;
}

static bool
print(struct making *k, int64_t now_ms, int64_t expires_ms, struct tsn_buf *out)
{
	struct tsn_index back;

	tsn_buf_printf(out, "{\n  \"format\": 1,\n  \"serial\": %llu,\n", (unsigned long long)k->before.serial + 1);
	put_time(out, "generated", now_ms);
	put_time(out, "expires", expires_ms);
	tsn_buf_puts(out, "  \"rulesets\": [");
	for (const struct entry *e = k->v; e < k->v + k->n;) {
		tsn_buf_puts(out, e > k->v ? "," : "");
		e = put_ruleset(out, k, e);
	}
	tsn_buf_puts(out, "\n  ]\n}\n");
	if (out->failed)
		return tsn_ruleset_no_memory(k->error);
	if (!tsn_index_parse(out->p, out->len, &back, k->error)) /* what we write we can read */
		return false;
	tsn_index_fini(&back);
	return true;
}

bool
tsn_index_make(const char *dir, int64_t now_ms, int64_t expires_ms, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	struct making k = { .dir = dir, .error = error };
	bool ok = read_before(&k) && take_archives(&k);

	if (ok)
		qsort(k.v, k.n, sizeof(*k.v), by_name_and_age);
	ok = ok && print(&k, now_ms, expires_ms, out);
	for (size_t i = 0; i < k.n; i++) {
		tsn_manifest_fini(&k.v[i].m);
		tsn_free(k.v[i].url);
	}
	tsn_free(k.v);
	tsn_index_fini(&k.before);
	return ok;
}

#else

bool
tsn_index_make(const char *dir, int64_t now_ms, int64_t expires_ms, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	(void)dir;
	(void)now_ms;
	(void)expires_ms;
	(void)out;
	return tsn_ruleset_fail(error, "this build is without libarchive, jansson or libsodium: it writes no indexes");
}

#endif
