/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/store.h"

#include <stdio.h>

#ifdef TSN_HAVE_SQLITE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "daemon/store_sql.h"

#define SUFFIX      ".db"
#define DAMAGED     ".damaged"
#define ASIDE_KEPT  4 /* damaged ones: to look at, not to fill a disk */
#define LOCK_TRIES  30
#define LOCK_WAIT_NS 100000000L

struct tsn_store {
	struct tsn_sql sql;
	char *dir;
	int lock;
};

static bool
fail(char error[TSN_STORE_ERROR], const char *what, const char *why)
{
	snprintf(error, TSN_STORE_ERROR, "%s: %s", what, why);
	return false;
}

static void
name_of(uint64_t number, char name[TSN_STORE_NAME])
{
	snprintf(name, TSN_STORE_NAME, "snapshot-%012llu" SUFFIX, (unsigned long long)number);
}

static char *
path_of(const struct tsn_store *s, const char *name, const char *more)
{
	const size_t n = strlen(s->dir) + strlen(name) + strlen(more) + 2;
	char *path = tsn_malloc(n);

	if (path != NULL)
		snprintf(path, n, "%s/%s%s", s->dir, name, more);
	return path;
}

/* --- the directory --- */

/*
 * Who was killed may have left a child that writes; it dies at once, but not before us. So the lock is waited for a
 * little.
 */
static bool
take_lock(struct tsn_store *s, char error[TSN_STORE_ERROR])
{
	const struct timespec wait = { 0, LOCK_WAIT_NS };
	char *path = path_of(s, "lock", "");

	if (path == NULL)
		return fail(error, s->dir, "memory is out");
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0) {
		fail(error, path, strerror(errno));
		tsn_free(path);
		return false;
	}
	tsn_free(path);
	for (int i = 0; flock(s->lock, LOCK_EX | LOCK_NB) != 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return fail(error, s->dir, errno == EWOULDBLOCK ? "another tocsin keeps its state there" : strerror(errno));
		nanosleep(&wait, NULL);
	}
	return true;
}

struct tsn_store *
tsn_store_open(const char *dir, char error[TSN_STORE_ERROR])
{
	struct tsn_store *s = tsn_calloc(1, sizeof(*s));

	if (s == NULL || (s->dir = tsn_strdup(dir)) == NULL) {
		tsn_free(s);
		fail(error, dir, "memory is out");
		return NULL;
	}
	s->lock = -1;
	if (!tsn_sql_load(&s->sql, error)) {
		tsn_store_close(s);
		return NULL;
	}
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		fail(error, dir, strerror(errno));
		tsn_store_close(s);
		return NULL;
	}
	if (!take_lock(s, error)) {
		tsn_store_close(s);
		return NULL;
	}
	return s;
}

void
tsn_store_close(struct tsn_store *s)
{
	if (s == NULL)
		return;
	if (s->lock >= 0)
		close(s->lock);
	tsn_sql_unload(&s->sql);
	tsn_free(s->dir);
	tsn_free(s);
}

const char *
tsn_store_dir(const struct tsn_store *s)
{
	return s->dir;
}

int
tsn_store_lock(const struct tsn_store *s)
{
	return s->lock;
}

/* The number in the name of a generation, with [suffix]; 0 if it is none. */
static uint64_t
number_in(const char *name, const char *suffix)
{
	unsigned long long number;
	int at = 0;

	return sscanf(name, "snapshot-%llu%n", &number, &at) == 1 && strcmp(name + at, suffix) == 0 ? number : 0;
}

/* The largest number below [before] and how many there are below it; 0: none. */
static uint64_t
newest(const struct tsn_store *s, uint64_t before, const char *suffix)
{
	DIR *d = opendir(s->dir);
	uint64_t best = 0, number;
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		number = number_in(e->d_name, suffix);
		if (number > best && number < before)
			best = number;
	}
	if (d != NULL)
		closedir(d);
	return best;
}

static void
remove_file(const struct tsn_store *s, uint64_t number, const char *more)
{
	char name[TSN_STORE_NAME], *path;

	name_of(number, name);
	path = path_of(s, name, more);
	if (path != NULL)
		unlink(path);
	tsn_free(path);
}

static void
remove_generation(const struct tsn_store *s, uint64_t number)
{
	remove_file(s, number, "");
	remove_file(s, number, "-journal");
}

/* Lets go of what is older than the [keep] newest. */
static void
prune(const struct tsn_store *s, const char *suffix, int keep)
{
	uint64_t number = UINT64_MAX;

	while ((number = newest(s, number, suffix)) != 0) {
		if (keep-- > 0)
			continue;
		if (strcmp(suffix, SUFFIX) == 0)
			remove_generation(s, number);
		else
			remove_file(s, number, DAMAGED);
	}
}

/* --- generations --- */

bool
tsn_store_write(struct tsn_store *s, const void *p, size_t n, int64_t now_ms, char error[TSN_STORE_ERROR])
{
	const uint64_t good = newest(s, UINT64_MAX, SUFFIX), bad = newest(s, UINT64_MAX, SUFFIX DAMAGED);
	const uint64_t number = (good > bad ? good : bad) + 1;
	char name[TSN_STORE_NAME], *path;
	bool ok;

	name_of(number, name);
	path = path_of(s, name, "");
	ok = path != NULL ? tsn_sql_write(&s->sql, path, p, n, now_ms, error) : fail(error, s->dir, "memory is out");
	tsn_free(path);
	if (!ok)
		remove_generation(s, number);
	else
		prune(s, SUFFIX, TSN_STORE_KEPT);
	return ok;
}

enum tsn_store_read
tsn_store_read(struct tsn_store *s, uint64_t before, struct tsn_generation *out, char error[TSN_STORE_ERROR])
{
	char name[TSN_STORE_NAME], *path;
	enum tsn_store_read how;

	*out = (struct tsn_generation){ .number = newest(s, before, SUFFIX) };
	*error = '\0';
	if (out->number == 0)
		return TSN_STORE_NONE;
	name_of(out->number, name);
	path = path_of(s, name, "");
	if (path == NULL) {
		fail(error, s->dir, "memory is out");
		return TSN_STORE_UNREADABLE;
	}
	how = tsn_sql_read(&s->sql, path, out, error);
	tsn_free(path);
	if (how == TSN_STORE_UNFINISHED)
		remove_generation(s, out->number);
	if (how != TSN_STORE_FOUND) {
		tsn_free(out->p);
		out->p = NULL;
	}
	return how;
}

bool
tsn_store_set_aside(struct tsn_store *s, uint64_t number, char name[TSN_STORE_NAME])
{
	char old[TSN_STORE_NAME], *from, *to;
	bool ok;

	name_of(number, old);
	snprintf(name, TSN_STORE_NAME, "snapshot-%012llu" SUFFIX DAMAGED, (unsigned long long)number);
	from = path_of(s, old, "");
	to = path_of(s, name, "");
	ok = from != NULL && to != NULL && rename(from, to) == 0;
	tsn_free(from);
	tsn_free(to);
	remove_file(s, number, "-journal");
	prune(s, SUFFIX DAMAGED, ASIDE_KEPT);
	return ok;
}

#else /* without SQLite */

struct tsn_store *
tsn_store_open(const char *dir, char error[TSN_STORE_ERROR])
{
	snprintf(error, TSN_STORE_ERROR, "%s: this build cannot keep state: it was made without SQLite", dir);
	return NULL;
}

void
tsn_store_close(struct tsn_store *s)
{
	(void)s;
}

const char *
tsn_store_dir(const struct tsn_store *s)
{
	(void)s;
	return "";
}

int
tsn_store_lock(const struct tsn_store *s)
{
	(void)s;
	return -1;
}

bool
tsn_store_write(struct tsn_store *s, const void *p, size_t n, int64_t now_ms, char error[TSN_STORE_ERROR])
{
	(void)s, (void)p, (void)n, (void)now_ms;
	*error = '\0';
	return false;
}

enum tsn_store_read
tsn_store_read(struct tsn_store *s, uint64_t before, struct tsn_generation *out, char error[TSN_STORE_ERROR])
{
	(void)s, (void)before, (void)out;
	*error = '\0';
	return TSN_STORE_NONE;
}

bool
tsn_store_set_aside(struct tsn_store *s, uint64_t number, char name[TSN_STORE_NAME])
{
	(void)s, (void)number;
	*name = '\0';
	return false;
}

#endif
