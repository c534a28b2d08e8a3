/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Writes archives: plain ustar, the manifest first, then files bytewise, all of one owner, mode and time, so that the same
 * folder gives the same tar whoever packs it where; and the same archive while libzstd compresses alike.
 */
#include "ruleset/archive.h"

#include "ruleset/contents.h"
#include "ruleset/file.h"

#if defined(TSN_HAVE_ARCHIVE) && defined(TSN_HAVE_JANSSON) && defined(TSN_HAVE_SODIUM)
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ruleset/late.h"
#include "ruleset/manifest.h"
#include "ruleset/names.h"
#include "ruleset/sha256.h"

/* A moment for all files: 2000-01-01. Nothing asks for it; some programs call 1970 damaged. */
#define TIME 946684800
#define BLOCK 10240

struct packing {
	struct tsn_late_archive lib;
	struct archive *a;
	struct archive_entry *e;
	struct tsn_buf packed;
	const struct tsn_manifest *m;
	char *error;
};

static la_ssize_t
take(struct archive *a, void *arg, const void *p, size_t n)
{
	struct packing *k = arg;

	tsn_buf_add(&k->packed, p, n);
	if (!k->packed.failed && k->packed.len <= TSN_ARCHIVE_PACKED_MAX)
		return (la_ssize_t)n;
	k->lib.archive_set_error(a, EFBIG, "%s", k->packed.failed ? "memory is out" : "it grows too large");
	return -1;
}

static bool
refused(struct packing *k, const char *path)
{
	const char *why = k->lib.archive_error_string(k->a);

	return tsn_ruleset_fail(k->error, "cannot pack %s: %s", path, why != NULL ? why : "libarchive says no more");
}

static bool
put(struct packing *k, const char *path, const void *p, size_t n)
{
	char full[TSN_NAME_MAX + TSN_VERSION_MAX + TSN_PATH_MAX + 3];

	snprintf(full, sizeof(full), "%s-%s/%s", k->m->name, k->m->version, path);
	k->lib.archive_entry_clear(k->e);
	k->lib.archive_entry_set_pathname(k->e, full);
	k->lib.archive_entry_set_filetype(k->e, AE_IFREG);
	k->lib.archive_entry_set_perm(k->e, 0644);
	k->lib.archive_entry_set_mtime(k->e, TIME, 0);
	k->lib.archive_entry_set_size(k->e, (la_int64_t)n);
	if (k->lib.archive_write_header(k->a, k->e) != ARCHIVE_OK || k->lib.archive_write_data(k->a, p, n) != (la_ssize_t)n)
		return refused(k, path);
	return true;
}

/* Reads a listed file below [dir]. */
static bool
read_listed(const char *dir, const char *path, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf full = TSN_BUF_INIT;
	bool ok;

	tsn_buf_clear(out);
	tsn_buf_printf(&full, "%s/%s", dir, path);
	ok = full.failed ? tsn_ruleset_no_memory(error) : tsn_file_read(full.p, TSN_ARCHIVE_UNPACKED_MAX, out, error);
	tsn_buf_fini(&full);
	return ok;
}

/* Sizes and hashes; the files are read again when packed, and must still be the same. */
static bool
measure(const char *dir, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf content = TSN_BUF_INIT;
	uint64_t total = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < m->nfiles; i++) {
		ok = read_listed(dir, m->file[i].path, &content, error) &&
		    tsn_sha256_text(tsn_buf_str(&content), content.len, m->file[i].sha256, error);
		m->file[i].size = content.len;
		total += content.len;
		if (ok && total > TSN_ARCHIVE_UNPACKED_MAX)
			ok = tsn_ruleset_fail(error, "the files of %s have more than %u MiB", dir, TSN_ARCHIVE_UNPACKED_MAX >> 20);
	}
	tsn_buf_fini(&content);
	return ok;
}

static bool
put_all(struct packing *k, const char *dir)
{
	struct tsn_buf content = TSN_BUF_INIT;
	char sha256[65];
	bool ok;

	tsn_manifest_print(k->m, &content);
	ok = content.failed ? tsn_ruleset_no_memory(k->error) : put(k, TSN_MANIFEST, content.p, content.len);
	for (size_t i = 0; ok && i < k->m->nfiles; i++) {
		const struct tsn_manifest_file *f = &k->m->file[i];

		ok = read_listed(dir, f->path, &content, k->error) &&
		    tsn_sha256_text(tsn_buf_str(&content), content.len, sha256, k->error);
		if (ok && strcmp(sha256, f->sha256) != 0)
			ok = tsn_ruleset_fail(k->error, "%s/%s changed while it was packed", dir, f->path);
		ok = ok && put(k, f->path, tsn_buf_str(&content), content.len);
	}
	tsn_buf_fini(&content);
	return ok;
}

static bool
open_zstd(struct packing *k)
{
	if (k->lib.archive_write_set_format_ustar(k->a) != ARCHIVE_OK || k->lib.archive_write_add_filter_zstd(k->a) != ARCHIVE_OK ||
	    k->lib.archive_write_set_filter_option(k->a, "zstd", "compression-level", "19") != ARCHIVE_OK)
		return tsn_ruleset_fail(k->error, "libarchive is built without zstd");
	k->lib.archive_write_set_bytes_per_block(k->a, BLOCK);
	k->lib.archive_write_set_bytes_in_last_block(k->a, 1);
	return k->lib.archive_write_open(k->a, k, NULL, take, NULL) == ARCHIVE_OK || refused(k, "the archive");
}

static bool
write_all(struct packing *k, const char *dir)
{
	bool ok;

	k->a = k->lib.archive_write_new();
	k->e = k->lib.archive_entry_new();
	ok = (k->a != NULL && k->e != NULL) || tsn_ruleset_no_memory(k->error);
	ok = ok && open_zstd(k) && put_all(k, dir) && (k->lib.archive_write_close(k->a) == ARCHIVE_OK || refused(k, "the archive"));
	k->lib.archive_entry_free(k->e);
	k->lib.archive_write_free(k->a);
	if (ok && k->packed.failed)
		ok = tsn_ruleset_no_memory(k->error);
	return ok;
}

static bool
pack(const char *dir, const struct tsn_manifest *m, struct tsn_buf *out, char error[TSN_RULESET_ERROR])
{
	struct packing k = { .m = m, .error = error };
	bool ok = tsn_late_archive_open(&k.lib, error) && write_all(&k, dir);

	tsn_late_archive_close(&k.lib);
	*out = k.packed;
	return ok;
}

/* For callers that did not list the files themselves. */
static bool
find_files(const char *dir, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_manifest found = { 0 };
	bool ok = sources != NULL && diags != NULL ? tsn_contents_read(dir, sources, diags, &found, error) : tsn_ruleset_no_memory(error);

	if (!ok && error[0] == '\0')
		tsn_ruleset_fail(error, "the rules of %s have errors", dir);
	if (ok) {
		m->file = found.file;
		m->nfiles = found.nfiles;
		found.file = NULL;
		found.nfiles = 0;
	}
	tsn_manifest_fini(&found);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return ok;
}

bool
tsn_archive_write(const char *dir, const char *path, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf packed = TSN_BUF_INIT;
	struct tsn_manifest back;
	bool ok;

	if (m->name == NULL || !tsn_ruleset_name_ok(m->name) || m->version == NULL || !tsn_version_ok(m->version))
		return tsn_ruleset_fail(error, "an archive needs a name and a version that may travel");
	ok = (m->nfiles > 0 || find_files(dir, m, error)) && measure(dir, m, error) && pack(dir, m, &packed, error) &&
	    /* what we write we can read */
	    tsn_archive_unpack((const uint8_t *)packed.p, packed.len, NULL, &back, error);
	if (ok) {
		tsn_manifest_fini(&back);
		ok = tsn_file_replace(path, packed.p, packed.len, 0644, error);
	}
	tsn_buf_fini(&packed);
	return ok;
}

#else

bool
tsn_archive_write(const char *dir, const char *path, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	(void)dir;
	(void)path;
	(void)m;
	return tsn_ruleset_fail(error, "this build is without libarchive, jansson or libsodium: it writes no archives of rulesets");
}

#endif
