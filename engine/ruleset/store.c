/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "ruleset/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/disk.h"
#include "ruleset/intact.h"

static bool
fail_errno(char error[TSN_RULESET_ERROR], const char *store, const char *piece, int code)
{
	const bool link = code == ELOOP || code == ENOTDIR;

	return tsn_ruleset_fail(error, "%s%s%s: %s%s", store, piece[0] != '\0' ? "/" : "", piece, strerror(code),
	    link ? "; no symbolic link in a store is followed" : "");
}

/* --- opening --- */

/* Rules from a folder anybody may write to would be anybody's rules. */
static bool
trusted(const struct tsn_store_held *h, char error[TSN_RULESET_ERROR])
{
	struct stat st;

	if (fstat(h->dir, &st) != 0)
		return fail_errno(error, h->store, "", errno);
	if ((st.st_mode & S_IWOTH) != 0)
		return tsn_ruleset_fail(error, "%s: anybody may write to it, so nothing in it can be trusted; run chmod o-w on it", h->store);
	return true;
}

bool
tsn_store_look(const char *store, struct tsn_store_held *h, char error[TSN_RULESET_ERROR])
{
	*h = (struct tsn_store_held){ store, -1, -1 };
	h->dir = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->dir < 0)
		return errno == ENOENT || fail_errno(error, store, "", errno);
	return trusted(h, error);
}

/* The folder and those above it. 0 or an errno. */
static int
make_folders(const char *store)
{
	char path[4096];
	size_t n = strlen(store);

	if (n >= sizeof(path))
		return ENAMETOOLONG;
	memcpy(path, store, n + 1);
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			return errno;
		*p = '/';
	}
	return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : errno;
}

static bool
take_lock(struct tsn_store_held *h, char error[TSN_RULESET_ERROR])
{
	h->lock = openat(h->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (h->lock < 0)
		return fail_errno(error, h->store, "lock", errno);
	if (flock(h->lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno != EWOULDBLOCK)
		return fail_errno(error, h->store, "lock", errno);
	return tsn_ruleset_fail(error, "%s: another `tocsin ruleset` is changing it; try again when that has ended", h->store);
}

bool
tsn_store_hold(const char *store, struct tsn_store_held *h, char error[TSN_RULESET_ERROR])
{
	struct tsn_store_state s;
	bool ok;
	int code;

	if (!tsn_store_look(store, h, error))
		return false;
	if (h->dir < 0) {
		code = make_folders(store);
		if (code != 0)
			return fail_errno(error, store, "", code);
		h->dir = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (h->dir < 0)
			return fail_errno(error, store, "", errno);
	}
	if (!trusted(h, error) || !take_lock(h, error))
		return false;
	ok = tsn_store_read_state(h, &s, error) && tsn_store_sweep(h, &s, error);
	tsn_store_state_fini(&s);
	return ok;
}

void
tsn_store_release(struct tsn_store_held *h)
{
	if (h->lock >= 0)
		close(h->lock);
	if (h->dir >= 0)
		close(h->dir);
	h->dir = h->lock = -1;
}

/* --- the state --- */

bool
tsn_store_read_state(const struct tsn_store_held *h, struct tsn_store_state *s, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf b = TSN_BUF_INIT;
	char why[TSN_RULESET_ERROR];
	int code = h->dir < 0 ? ENOENT : tsn_disk_get(h->dir, "state.json", TSN_STORE_FILE_MAX, &b);
	bool ok = false;

	*s = (struct tsn_store_state){ 0 };
	if (code != 0 && code != ENOENT)
		fail_errno(error, h->store, "state.json", code);
	else if (tsn_store_state_parse(s, code == 0 ? tsn_buf_str(&b) : NULL, b.len, why))
		ok = true;
	else
		tsn_ruleset_fail(error, "%s/state.json cannot be used: %.300s; nothing was changed. Put the file back from a backup, "
		    "or move the folder away and install anew", h->store, why);
	tsn_buf_fini(&b);
	return ok;
}

bool
tsn_store_put_state(const struct tsn_store_held *h, struct tsn_store_state *s, char error[TSN_RULESET_ERROR])
{
	struct tsn_buf b = TSN_BUF_INIT;
	char path[4096];
	bool ok;

	s->change++;
	if (snprintf(path, sizeof(path), "%s/state.json", h->store) >= (int)sizeof(path))
		return fail_errno(error, h->store, "state.json", ENAMETOOLONG);
	ok = tsn_store_state_print(s, &b) ? tsn_file_replace(path, b.p, b.len, 0644, error) : tsn_ruleset_no_memory(error);
	tsn_buf_fini(&b);
	return ok;
}

/* --- the enabled rulesets --- */

char *
tsn_store_version_dir(const struct tsn_store_held *h, const struct tsn_store_state *s, const char *name, const char *version)
{
	const size_t size = strlen(h->store) + strlen(name) + strlen(version) + sizeof("/versions//");
	char *dir = tsn_arena_alloc(s->memory, size);

	if (dir != NULL)
		snprintf(dir, size, "%s/versions/%s/%s", h->store, name, version);
	return dir;
}

/* The folder of a version; each step down to it is a folder, not a link to one. -1 with errno. */
static int
open_version(int store, const char *name, const char *version)
{
	int versions = tsn_disk_dir(store, "versions", false), ruleset = -1, dir = -1, code;

	if (versions >= 0)
		ruleset = tsn_disk_dir(versions, name, false);
	if (ruleset >= 0)
		dir = tsn_disk_dir(ruleset, version, false);
	code = errno;
	if (versions >= 0)
		close(versions);
	if (ruleset >= 0)
		close(ruleset);
	errno = code;
	return dir;
}

bool
tsn_store_check_version(const struct tsn_store_held *h, const char *name, const struct tsn_store_version *v, char error[TSN_RULESET_ERROR])
{
	int dir = open_version(h->dir, name, v->version);
	char where[TSN_RULESET_ERROR];
	bool ok;

	snprintf(where, sizeof(where), "%.250s/versions/%s/%s", h->store, name, v->version);
	if (dir < 0)
		return fail_errno(error, where, "", errno);
	ok = tsn_store_intact(dir, v, where, error);
	close(dir);
	return ok;
}

static bool
enable(struct tsn_store_enabled *e, struct tsn_store_state *s, const struct tsn_store_held *h, const struct tsn_store_ruleset *x,
    char error[TSN_RULESET_ERROR])
{
	const char *version = x->kept[x->in_force].version;
	const char *dir = tsn_store_version_dir(h, s, x->name, version);

	if (dir == NULL)
		return tsn_ruleset_no_memory(error);
	if (!tsn_store_check_version(h, x->name, &x->kept[x->in_force], error))
		return false;
	e->v[e->n] = (struct tsn_installed){ x->name, dir, x->memory_percent };
	e->version[e->n++] = version;
	return true;
}

bool
tsn_store_enabled(const char *store, struct tsn_store_enabled *out, char error[TSN_RULESET_ERROR])
{
	struct tsn_store_state *s = tsn_calloc(1, sizeof(*s));
	struct tsn_store_held h = { store, -1, -1 };
	bool ok = false;

	*out = (struct tsn_store_enabled){ .memory = s };
	if (s == NULL)
		tsn_ruleset_no_memory(error);
	else if (tsn_store_look(store, &h, error) && tsn_store_read_state(&h, s, error)) {
		out->change = s->change;
		out->v = tsn_arena_alloc(s->memory, (s->nrulesets + 1) * sizeof(*out->v));
		out->version = tsn_arena_alloc(s->memory, (s->nrulesets + 1) * sizeof(*out->version));
		ok = (out->v != NULL && out->version != NULL) || tsn_ruleset_no_memory(error);
		for (size_t i = 0; ok && i < s->nrulesets; i++)
			ok = !s->ruleset[i].enabled || enable(out, s, &h, &s->ruleset[i], error);
	}
	tsn_store_release(&h);
	if (!ok)
		tsn_store_enabled_fini(out);
	return ok;
}

void
tsn_store_enabled_fini(struct tsn_store_enabled *e)
{
	if (e->memory != NULL)
		tsn_store_state_fini(e->memory);
	tsn_free(e->memory);
	*e = (struct tsn_store_enabled){ 0 };
}
