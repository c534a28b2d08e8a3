/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/package.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/disk.h"
#include "ruleset/fetch.h"
#include "ruleset/manifest.h"
#include "ruleset/names.h"
#include "ruleset/sha256.h"

#define SIGNATURE_MAX 8192u

void
tsn_package_fini(struct tsn_package *p)
{
	tsn_free(p->name);
	tsn_free(p->version);
	tsn_free(p->dir);
	tsn_buf_fini(&p->bytes);
	tsn_manifest_fini(&p->manifest);
	*p = (struct tsn_package){ 0 };
}

/* --- whose it is, and which --- */

/* What is signed says which ruleset and version it is, so that one archive cannot stand in for another. */
static bool
take_names(struct tsn_package *p, const char *what, const char *trusted, char error[TSN_RULESET_ERROR])
{
	char name[80], version[80];
	int end = 0;

	if (sscanf(trusted, "tocsin ruleset %79s %79s%n", name, version, &end) != 2 || (trusted[end] != '\0' && trusted[end] != ' ') ||
	    !tsn_ruleset_name_ok(name) || !tsn_version_ok(version))
		return tsn_ruleset_fail(error, "%s: its signature does not say which ruleset it is, but \"%.100s\"", what, trusted);
	p->name = tsn_strdup(name);
	p->version = tsn_strdup(version);
	if (p->name == NULL || p->version == NULL)
		return tsn_ruleset_no_memory(error);
	p->as.version = p->version;
	return true;
}

static bool
verify(struct tsn_package *p, const char *what, const struct tsn_buf *signature, const char key[TSN_PUBLIC_KEY_TEXT],
    char error[TSN_RULESET_ERROR])
{
	char trusted[TSN_TRUSTED_MAX], why[TSN_RULESET_ERROR];
	struct tsn_public_key k;

	if (!tsn_public_key_parse(key, &k, why) || !tsn_minisign_verify((const uint8_t *)tsn_buf_str(&p->bytes), p->bytes.len,
	    tsn_buf_str(signature), signature->len, &k, trusted, why))
		return tsn_ruleset_fail(error, "%.300s: %.200s", what, why);
	snprintf(p->key, sizeof(p->key), "%s", key);
	return take_names(p, what, trusted, error) && tsn_sha256_text(p->bytes.p, p->bytes.len, p->as.archive, error);
}

/* The address of an archive, which the index gives relative to its own. */
static bool
join_url(const char *index, const char *relative, struct tsn_buf *out)
{
	const char *slash = strrchr(index, '/');

	tsn_buf_add(out, index, slash == NULL ? 0 : (size_t)(slash + 1 - index));
	tsn_buf_puts(out, relative);
	return !out->failed;
}

static bool
is_offered(const struct tsn_package *p, const char *url, const struct tsn_index_ruleset *r, const struct tsn_index_version *v,
    char error[TSN_RULESET_ERROR])
{
	if (p->bytes.len != v->size)
		return tsn_ruleset_fail(error, "%.300s has %zu bytes, but the index says %" PRIu64, url, p->bytes.len, v->size);
	if (strcmp(p->as.archive, v->sha256) != 0)
		return tsn_ruleset_fail(error, "%.300s is not the archive of the index: its sha256 is %s, not %s", url, p->as.archive, v->sha256);
	if (strcmp(p->name, r->name) != 0 || strcmp(p->version, v->version) != 0)
		return tsn_ruleset_fail(error, "%.300s was signed as %s %s, but is offered as %s %s", url, p->name, p->version, r->name, v->version);
	return true;
}

bool
tsn_package_fetch(const struct tsn_store_source *source, const struct tsn_index_ruleset *r, const struct tsn_index_version *v,
    struct tsn_package *p, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf url = TSN_BUF_INIT, signature_url = TSN_BUF_INIT, signature = TSN_BUF_INIT;
	bool ok = false;

	*p = (struct tsn_package){ 0 };
	if (!join_url(source->url, v->url, &url) || !join_url(source->url, v->url, &signature_url))
		tsn_ruleset_no_memory(error);
	else {
		tsn_buf_puts(&signature_url, ".minisig");
		if (v->size > TSN_ARCHIVE_PACKED_MAX)
			tsn_ruleset_fail(error, "%s %s has %" PRIu64 " bytes, more than %u", r->name, v->version, v->size, TSN_ARCHIVE_PACKED_MAX);
		else /* no more is read than the index says */
			ok = tsn_fetch(url.p, v->size, &p->bytes, error) && tsn_fetch(tsn_buf_str(&signature_url), SIGNATURE_MAX, &signature, error) &&
			    verify(p, url.p, &signature, source->key, error) && is_offered(p, url.p, r, v, error);
	}
	tsn_buf_fini(&url);
	tsn_buf_fini(&signature_url);
	tsn_buf_fini(&signature);
	return ok;
}

bool
tsn_package_read(const char *path, const char key[TSN_PUBLIC_KEY_TEXT], struct tsn_package *p, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf name = TSN_BUF_INIT, signature = TSN_BUF_INIT;
	bool ok = false;

	*p = (struct tsn_package){ 0 };
	tsn_buf_printf(&name, "%s.minisig", path);
	if (name.failed)
		tsn_ruleset_no_memory(error);
	else
		ok = tsn_file_read(path, TSN_ARCHIVE_PACKED_MAX, &p->bytes, error) && tsn_file_read(name.p, SIGNATURE_MAX, &signature, error) &&
		    verify(p, path, &signature, key, error);
	tsn_buf_fini(&name);
	tsn_buf_fini(&signature);
	return ok;
}

/* --- into the store --- */

/* The folder of the ruleset; -1 with errno. Each name made is made to last. */
static int
ruleset_dir(const struct tsn_store_held *h, const char *name)
{
	int versions = tsn_disk_dir(h->dir, "versions", true), dir, code;

	if (versions < 0)
		return -1;
	dir = fsync(h->dir) == 0 ? tsn_disk_dir(versions, name, true) : -1;
	if (dir >= 0 && fsync(versions) != 0) {
		code = errno;
		close(dir);
		dir = -1;
		errno = code;
	}
	code = errno;
	close(versions);
	errno = code;
	return dir;
}

static bool
make_aside(const struct tsn_store_held *h, struct tsn_package *p, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf path = TSN_BUF_INIT;
	int dir = ruleset_dir(h, p->name), code = dir < 0 ? errno : 0;
	const char *base;

	tsn_buf_printf(&path, "%s/versions/%s/.tmp-%s", h->store, p->name, p->version);
	if (path.failed)
		code = ENOMEM;
	if (code == 0) {
		base = strrchr(path.p, '/') + 1;
		code = tsn_disk_remove(dir, base);
		if (code == 0 && mkdirat(dir, base, 0755) != 0)
			code = errno;
	}
	if (dir >= 0)
		close(dir);
	p->dir = path.p;
	return code == 0 || tsn_ruleset_fail(error, "%s/versions/%s: %s", h->store, p->name, strerror(code));
}

/* By the hash of its manifest, which has those of all files, a folder is known again. */
static bool
hash_manifest(struct tsn_package *p, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf text = TSN_BUF_INIT;
	int dir = tsn_disk_dir(AT_FDCWD, p->dir, false), code = dir < 0 ? errno : tsn_disk_get(dir, TSN_MANIFEST, TSN_MANIFEST_BYTES_MAX, &text);
	bool ok = code == 0 ? tsn_sha256_text(tsn_buf_str(&text), text.len, p->as.manifest, error) :
	    tsn_ruleset_fail(error, "%s/%s: %s", p->dir, TSN_MANIFEST, strerror(code));

	if (dir >= 0)
		close(dir);
	tsn_buf_fini(&text);
	return ok;
}

bool
tsn_package_unpack(const struct tsn_store_held *h, struct tsn_package *p, int64_t now_ms, char error[TSN_RULESET_ERROR])
{
	const struct tsn_manifest *m = &p->manifest;
	char why[TSN_RULESET_ERROR];

	p->as.installed = now_ms;
	if (!make_aside(h, p, error))
		return false;
	if (!tsn_archive_unpack((const uint8_t *)tsn_buf_str(&p->bytes), p->bytes.len, p->dir, &p->manifest, why))
		return tsn_ruleset_fail(error, "%s %s: %.400s", p->name, p->version, why);
	if (m->name == NULL || strcmp(m->name, p->name) != 0 || m->version == NULL || strcmp(m->version, p->version) != 0)
		return tsn_ruleset_fail(error, "%s %s: the archive holds %s %s", p->name, p->version, m->name != NULL ? m->name : "a ruleset without name",
		    m->version != NULL ? m->version : "without version");
	return hash_manifest(p, error);
}

bool
tsn_package_place(const struct tsn_store_held *h, const struct tsn_package *p, char error[TSN_RULESET_ERROR])
{
	int dir = ruleset_dir(h, p->name), code = dir < 0 ? errno : 0;

	/* what has its name and is not named by the state was left by an interrupted change, and swept away when this one began */
	if (code == 0)
		code = tsn_disk_rename(dir, strrchr(p->dir, '/') + 1, dir, p->version);
	if (dir >= 0)
		close(dir);
	return code == 0 || tsn_ruleset_fail(error, "%s/versions/%s/%s: %s", h->store, p->name, p->version, strerror(code));
}
