/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Reads archives. Whoever signed one may still be careless or have lost a key, so nothing in it is taken on trust: only plain
 * files and folders, only names that names.h lets in, the manifest first and then what it lists, each once.
 */
#include "ruleset/archive.h"

#include "ruleset/file.h"
#include "ruleset/manifest.h"

#if defined(TSN_HAVE_ARCHIVE) && defined(TSN_HAVE_JANSSON) && defined(TSN_HAVE_SODIUM)
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ruleset/late.h"
#include "ruleset/names.h"
#include "ruleset/sha256.h"

/* Headers and padding of tar beside the files themselves. */
#define STREAM_MAX (TSN_ARCHIVE_UNPACKED_MAX + (8u << 20))

struct unpacking {
	struct tsn_late_archive lib;
	struct archive *a;
	const char *into;           /* NULL: nothing is written */
	struct tsn_manifest *m;
	char *error;
	char top[TSN_NAME_MAX + 1 + TSN_VERSION_MAX + 1]; /* NAME-VERSION; "" before the manifest */
	bool *seen;                 /* of the manifest's files */
	size_t entries;
	struct tsn_buf content;     /* of the file at hand */
};

/* libarchive's word on what it could not read; of a decompressor that was fed no zstd it is the best there is. */
static bool
damaged(struct unpacking *u)
{
	const char *why = u->lib.archive_error_string(u->a);

	return tsn_ruleset_fail(u->error, "the archive is damaged or none: %s", why != NULL ? why : "it ends too early");
}

/* Asked again and again while reading, so that a bomb is stopped before it has gone off. */
static bool
within_bounds(struct unpacking *u)
{
	return u->lib.archive_filter_bytes(u->a, 0) <= STREAM_MAX ||
	    tsn_ruleset_fail(u->error, "the archive unpacks to more than %u MiB", TSN_ARCHIVE_UNPACKED_MAX >> 20);
}

/* Plain files and folders without anything beside their bytes. */
static bool
plain(struct unpacking *u, struct archive_entry *e, const char *path)
{
	mode_t type = u->lib.archive_entry_filetype(e);

	if (u->lib.archive_entry_hardlink(e) != NULL || u->lib.archive_entry_symlink(e) != NULL || type == AE_IFLNK)
		return tsn_ruleset_fail(u->error, "the archive has a link, %s", path);
	if (type != AE_IFREG && type != AE_IFDIR)
		return tsn_ruleset_fail(u->error, "the archive has %s, which is neither file nor folder", path);
	if (u->lib.archive_entry_sparse_count(e) > 0)
		return tsn_ruleset_fail(u->error, "the archive has a file with holes, %s", path);
	return true;
}

/* The path below the leading folder; "" for that folder itself; NULL after a complaint. */
static const char *
below_top(struct unpacking *u, char *path, bool folder)
{
	size_t n = strlen(path), top;

	if (folder && n > 0 && path[n - 1] == '/')
		path[n - 1] = '\0';
	if (!tsn_ruleset_path_ok(path)) {
		tsn_ruleset_fail(u->error, "the archive has an entry of a bad name, \"%s\"", path);
		return NULL;
	}
	top = strcspn(path, "/");
	if (u->top[0] == '\0' && top < sizeof(u->top))
		memcpy(u->top, path, top); /* NUL follows: zeroed before */
	if (strlen(u->top) != top || memcmp(u->top, path, top) != 0) {
		tsn_ruleset_fail(u->error, "the archive has %s beside the folder NAME-VERSION", path);
		return NULL;
	}
	return path[top] == '/' ? path + top + 1 : path + top;
}

static struct tsn_manifest_file *
find(const struct tsn_manifest *m, const char *path)
{
	size_t low = 0, high = m->nfiles;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(m->file[mid].path, path);

		if (order == 0)
			return &m->file[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool
read_content(struct unpacking *u, const char *path, size_t cap)
{
	const void *p;
	size_t n;
	la_int64_t at;
	int status;

	tsn_buf_clear(&u->content);
	while ((status = u->lib.archive_read_data_block(u->a, &p, &n, &at)) == ARCHIVE_OK) {
		if (!within_bounds(u))
			return false;
		if (at != (la_int64_t)u->content.len)
			return tsn_ruleset_fail(u->error, "the archive has a file with holes, %s", path);
		if (n > cap - u->content.len)
			return tsn_ruleset_fail(u->error, "%s is larger than the manifest says", path);
		tsn_buf_add(&u->content, p, n);
		if (u->content.failed)
			return tsn_ruleset_no_memory(u->error);
	}
	return status == ARCHIVE_EOF || damaged(u);
}

static bool
write_content(struct unpacking *u, const char *path)
{
	struct tsn_buf full = TSN_BUF_INIT;
	bool ok = true;
	char *p;

	if (u->into == NULL)
		return true;
	tsn_buf_printf(&full, "%s/%s", u->into, path);
	if (full.failed) {
		tsn_buf_fini(&full);
		return tsn_ruleset_no_memory(u->error);
	}
	for (p = full.p + strlen(u->into) + 1; ok && (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(full.p, 0755) != 0 && errno != EEXIST)
			ok = tsn_ruleset_fail(u->error, "cannot make %s: %s", full.p, strerror(errno));
		else
			ok = tsn_file_sync_folder_of(full.p, u->error);
		*p = '/';
	}
	ok = ok && tsn_file_create(full.p, tsn_buf_str(&u->content), u->content.len, 0644, u->error);
	tsn_buf_fini(&full);
	return ok;
}

static bool
take_manifest(struct unpacking *u, const char *path)
{
	char top[sizeof(u->top)];

	if (strcmp(path, TSN_MANIFEST) != 0)
		return tsn_ruleset_fail(u->error, "the archive does not begin with " TSN_MANIFEST);
	if (!read_content(u, path, TSN_MANIFEST_BYTES_MAX) ||
	    !tsn_manifest_parse(tsn_buf_str(&u->content), u->content.len, u->m, u->error))
		return false;
	snprintf(top, sizeof(top), "%s-%s", u->m->name, u->m->version);
	if (strcmp(top, u->top) != 0)
		return tsn_ruleset_fail(u->error, "the manifest is of %s, its folder is called %s", top, u->top);
	u->seen = tsn_calloc(u->m->nfiles + 1, sizeof(*u->seen));
	if (u->seen == NULL)
		return tsn_ruleset_no_memory(u->error);
	return write_content(u, path);
}

static bool
take_file(struct unpacking *u, const char *path)
{
	struct tsn_manifest_file *f;
	char sha256[65];

	if (u->seen == NULL)
		return take_manifest(u, path);
	f = find(u->m, path);
	if (f == NULL)
		return tsn_ruleset_fail(u->error, strcmp(path, TSN_MANIFEST) == 0 ? "%s stands twice in the archive" :
		    "%s is in the archive and not in its manifest", path);
	if (u->seen[f - u->m->file])
		return tsn_ruleset_fail(u->error, "%s stands twice in the archive", path);
	u->seen[f - u->m->file] = true;
	if (!read_content(u, path, (size_t)f->size))
		return false;
	if (u->content.len != f->size)
		return tsn_ruleset_fail(u->error, "%s is smaller than the manifest says", path);
	if (!tsn_sha256_text(tsn_buf_str(&u->content), u->content.len, sha256, u->error))
		return false;
	if (strcmp(sha256, f->sha256) != 0)
		return tsn_ruleset_fail(u->error, "%s is not the file that the manifest lists: its hash is another", path);
	return write_content(u, path);
}

static bool
take_entry(struct unpacking *u, struct archive_entry *e)
{
	const char *name = u->lib.archive_entry_pathname(e);
	bool folder = u->lib.archive_entry_filetype(e) == AE_IFDIR, ok;
	const char *below;
	char *path;

	if (++u->entries > 2 * TSN_ARCHIVE_FILES_MAX) /* folders count too */
		return tsn_ruleset_fail(u->error, "the archive has more than %u files", TSN_ARCHIVE_FILES_MAX);
	if (name == NULL)
		return tsn_ruleset_fail(u->error, "the archive has an entry whose name cannot be read");
	path = tsn_strdup(name);
	if (path == NULL)
		return tsn_ruleset_no_memory(u->error);
	ok = plain(u, e, path) && (below = below_top(u, path, folder)) != NULL;
	if (ok && below[0] == '\0' && !folder)
		ok = tsn_ruleset_fail(u->error, "the archive has the file %s where the folder NAME-VERSION should be", path);
	else if (ok && !folder) /* folders are made for files */
		ok = take_file(u, below);
	tsn_free(path);
	return ok;
}

static bool
all_there(struct unpacking *u)
{
	if (u->seen == NULL)
		return tsn_ruleset_fail(u->error, "the archive is empty");
	for (size_t i = 0; i < u->m->nfiles; i++)
		if (!u->seen[i])
			return tsn_ruleset_fail(u->error, "%s is in the manifest and not in the archive", u->m->file[i].path);
	return true;
}

static bool
read_all(struct unpacking *u, const uint8_t *bytes, size_t len)
{
	struct archive_entry *e;
	int status;

	if (u->lib.archive_read_support_filter_zstd(u->a) != ARCHIVE_OK || u->lib.archive_read_support_format_tar(u->a) != ARCHIVE_OK)
		return tsn_ruleset_fail(u->error, "libarchive is built without zstd");
	if (u->lib.archive_read_open_memory(u->a, bytes, len) != ARCHIVE_OK)
		return damaged(u);
	while ((status = u->lib.archive_read_next_header(u->a, &e)) == ARCHIVE_OK)
		if (!within_bounds(u) || !take_entry(u, e))
			return false;
	return (status == ARCHIVE_EOF || damaged(u)) && within_bounds(u) && all_there(u);
}

static bool
open_and_read(struct unpacking *u, const uint8_t *bytes, size_t len)
{
	bool ok;

	u->a = u->lib.archive_read_new();
	if (u->a == NULL)
		return tsn_ruleset_no_memory(u->error);
	ok = read_all(u, bytes, len);
	u->lib.archive_read_free(u->a);
	return ok;
}

bool
tsn_archive_unpack(const uint8_t *bytes, size_t len, const char *into, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	struct unpacking u = { .into = into, .m = m, .error = error };
	bool ok;

	*m = (struct tsn_manifest){ 0 };
	if (len > TSN_ARCHIVE_PACKED_MAX)
		return tsn_ruleset_fail(error, "the archive has more than %u MiB", TSN_ARCHIVE_PACKED_MAX >> 20);
	ok = tsn_late_archive_open(&u.lib, error) && open_and_read(&u, bytes, len);
	tsn_late_archive_close(&u.lib);
	tsn_buf_fini(&u.content);
	tsn_free(u.seen);
	if (!ok)
		tsn_manifest_fini(m);
	return ok;
}

#else

bool
tsn_archive_unpack(const uint8_t *bytes, size_t len, const char *into, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	(void)bytes;
	(void)len;
	(void)into;
	*m = (struct tsn_manifest){ 0 };
	return tsn_ruleset_fail(error, "this build is without libarchive, jansson or libsodium: it reads no archives of rulesets");
}

#endif
