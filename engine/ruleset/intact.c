/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/intact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/disk.h"
#include "ruleset/manifest.h"
#include "ruleset/sha256.h"

#define CURE "; it was changed after it was installed. What a site changes belongs in an `override` of its own files; remove and install it anew"

struct intact {
	const char *where;
	char *error;
	const struct tsn_manifest *m;
	char path[TSN_RULESET_ERROR]; /* of the folder that is looked through, "" or with a "/" at its end */
	bool ok;
};

static const struct tsn_manifest_file *
listed(const struct tsn_manifest *m, const char *path)
{
	for (size_t i = 0; i < m->nfiles; i++)
		if (strcmp(m->file[i].path, path) == 0)
			return &m->file[i];
	return NULL;
}

static bool
check_file(struct intact *k, int dir, const char *entry, const char *path)
{
	const struct tsn_manifest_file *f = listed(k->m, path);
	struct tsn_buf text = TSN_BUF_INIT;
	char sha256[65];
	bool ok = false;
	int code;

	if (f == NULL)
		return tsn_ruleset_fail(k->error, "%s: %s does not belong there" CURE, k->where, path);
	code = tsn_disk_get(dir, entry, f->size, &text);
	if (code != 0 && code != EFBIG)
		tsn_ruleset_fail(k->error, "%s/%s: %s", k->where, path, strerror(code));
	else if (tsn_sha256_text(tsn_buf_str(&text), text.len, sha256, k->error)) {
		ok = code == 0 && text.len == f->size && strcmp(sha256, f->sha256) == 0;
		if (!ok)
			tsn_ruleset_fail(k->error, "%s/%s is not as it was signed" CURE, k->where, path);
	}
	tsn_buf_fini(&text);
	return ok;
}

static bool
check_entry(void *arg, int dir, const char *entry)
{
	struct intact *k = arg;
	char path[TSN_RULESET_ERROR];
	const size_t outer = strlen(k->path);
	struct stat st;
	int code;

	if (outer == 0 && strcmp(entry, TSN_MANIFEST) == 0)
		return true;
	if (outer + strlen(entry) + 2 > sizeof(path) || fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return k->ok = tsn_ruleset_fail(k->error, "%s: %s%s cannot be looked at", k->where, k->path, entry);
	memcpy(path, k->path, outer);
	strcpy(path + outer, entry);
	if (!S_ISDIR(st.st_mode))
		return k->ok = check_file(k, dir, entry, path);
	strcat(path, "/");
	strcpy(k->path, path);
	code = tsn_disk_list(dir, entry, check_entry, k);
	k->path[outer] = '\0';
	if (code != 0)
		k->ok = tsn_ruleset_fail(k->error, "%s/%s: %s", k->where, path, strerror(code));
	return k->ok;
}

/* What is missing is not met on the way through. */
static bool
all_there(const struct intact *k, int dir)
{
	for (size_t i = 0; i < k->m->nfiles; i++)
		if (faccessat(dir, k->m->file[i].path, R_OK, AT_SYMLINK_NOFOLLOW) != 0)
			return tsn_ruleset_fail(k->error, "%s/%s: %s", k->where, k->m->file[i].path, strerror(errno));
	return true;
}

static bool
read_manifest(int dir, const struct tsn_store_version *v, const char *where, struct tsn_manifest *m, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf text = TSN_BUF_INIT;
	char sha256[65], why[TSN_RULESET_ERROR];
	int code = tsn_disk_get(dir, TSN_MANIFEST, TSN_MANIFEST_BYTES_MAX, &text);
	bool ok = false;

	if (code != 0)
		tsn_ruleset_fail(error, "%s/%s: %s", where, TSN_MANIFEST, strerror(code));
	else if (!tsn_sha256_text(tsn_buf_str(&text), text.len, sha256, error))
		;
	else if (strcmp(sha256, v->manifest) != 0)
		tsn_ruleset_fail(error, "%s/%s is not as it was signed" CURE, where, TSN_MANIFEST);
	else if (tsn_manifest_parse(text.p, text.len, m, why))
		ok = true;
	else
		tsn_ruleset_fail(error, "%s: %.300s", where, why);
	tsn_buf_fini(&text);
	return ok;
}

bool
tsn_store_intact(int dir, const struct tsn_store_version *v, const char *where, char error[TSN_RULESET_ERROR])
{
	struct tsn_manifest m = { 0 };
	struct intact k = { .where = where, .error = error, .m = &m, .ok = true };
	bool ok = read_manifest(dir, v, where, &m, error);
	int code = ok ? tsn_disk_list(dir, ".", check_entry, &k) : 0;

	if (code != 0)
		ok = tsn_ruleset_fail(error, "%s: %s", where, strerror(code));
	ok = ok && k.ok && all_there(&k, dir);
	tsn_manifest_fini(&m);
	return ok;
}
