/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/store.h"

#include <stdio.h>

#ifdef TSN_HAVE_SQLITE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

#define PIECE       ((size_t)1 << 20)
#define FORMAT      1
#define SUFFIX      ".db"
#define DAMAGED     ".damaged"
#define ASIDE_KEPT  4 /* damaged ones: to look at, not to fill a disk */
#define LOCK_TRIES  30
#define LOCK_WAIT_NS 100000000L

struct tsn_store {
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

/* --- SQLite --- */

static bool
sql_fail(sqlite3 *db, char error[TSN_STORE_ERROR], const char *what)
{
	const int system = db != NULL ? sqlite3_system_errno(db) : 0;
	const int code = db != NULL ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;

	if (system != 0 && code != SQLITE_CORRUPT && code != SQLITE_NOTADB)
		snprintf(error, TSN_STORE_ERROR, "%s: %s (%s)", what, sqlite3_errstr(code), strerror(system));
	else
		snprintf(error, TSN_STORE_ERROR, "%s: %s", what, db != NULL ? sqlite3_errmsg(db) : "memory is out");
	return false;
}

static sqlite3 *
open_db(const char *path, int flags, char error[TSN_STORE_ERROR])
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
		sqlite3_extended_result_codes(db, 1);
		return db;
	}
	sql_fail(db, error, path);
	sqlite3_close(db);
	return NULL;
}

/* Pieces are hashed with their place, so that one is not taken for another. */
static uint64_t
hash_piece(const uint8_t *p, size_t n, uint64_t i)
{
	return tsn_hash_bytes(p, n, i + 1);
}

static bool
put_pieces(sqlite3 *db, const uint8_t *p, size_t n, uint64_t *whole)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(db, "INSERT INTO piece VALUES(?1, ?2, ?3)", -1, &st, NULL) == SQLITE_OK;

	*whole = n;
	for (uint64_t i = 0; ok && i * PIECE < n; i++) {
		const size_t size = n - i * PIECE < PIECE ? n - i * PIECE : PIECE;
		const uint64_t hash = hash_piece(p + i * PIECE, size, i);

		*whole = tsn_hash_join(*whole, hash);
		ok = sqlite3_bind_int64(st, 1, (int64_t)i) == SQLITE_OK && sqlite3_bind_int64(st, 2, (int64_t)hash) == SQLITE_OK &&
		    sqlite3_bind_blob(st, 3, p + i * PIECE, (int)size, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(st) == SQLITE_DONE &&
		    sqlite3_reset(st) == SQLITE_OK;
	}
	sqlite3_finalize(st);
	return ok;
}

static bool
put_head(sqlite3 *db, size_t n, uint64_t whole, int64_t now)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(db, "INSERT INTO snapshot VALUES(?1, ?2, ?3, ?4, ?5)", -1, &st, NULL) == SQLITE_OK;

	ok = ok && sqlite3_bind_int(st, 1, FORMAT) == SQLITE_OK && sqlite3_bind_int64(st, 2, now) == SQLITE_OK &&
	    sqlite3_bind_int64(st, 3, (int64_t)n) == SQLITE_OK && sqlite3_bind_int64(st, 4, (int64_t)whole) == SQLITE_OK &&
	    sqlite3_bind_text(st, 5, TSN_VERSION, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(st) == SQLITE_DONE;
	sqlite3_finalize(st);
	return ok;
}

/*
 * `synchronous` EXTRA: the directory is synced, too, after the journal went. Large pages, because there is nothing but
 * pieces of a megabyte.
 */
static const char begin[] =
    "PRAGMA page_size=32768; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA;"
    "PRAGMA application_id=1414745715; BEGIN IMMEDIATE;"
    "CREATE TABLE snapshot(format INTEGER, written_ms INTEGER, bytes INTEGER, hash INTEGER, tocsin TEXT);"
    "CREATE TABLE piece(n INTEGER PRIMARY KEY, hash INTEGER, data BLOB);";

static bool
write_db(const char *path, const uint8_t *p, size_t n, int64_t now, char error[TSN_STORE_ERROR])
{
	sqlite3 *db = open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
	uint64_t whole;
	bool ok;

	if (db == NULL)
		return false;
	chmod(path, 0600); /* it tells who talked to whom */
	ok = sqlite3_exec(db, begin, NULL, NULL, NULL) == SQLITE_OK && put_pieces(db, p, n, &whole) &&
	    put_head(db, n, whole, now) && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
	if (!ok)
		sql_fail(db, error, path);
	sqlite3_close(db);
	return ok;
}

bool
tsn_store_write(struct tsn_store *s, const void *p, size_t n, int64_t now_ms, char error[TSN_STORE_ERROR])
{
	const uint64_t good = newest(s, UINT64_MAX, SUFFIX), bad = newest(s, UINT64_MAX, SUFFIX DAMAGED);
	const uint64_t number = (good > bad ? good : bad) + 1;
	char name[TSN_STORE_NAME], *path;
	bool ok;

	name_of(number, name);
	path = path_of(s, name, "");
	ok = path != NULL ? write_db(path, p, n, now_ms, error) : fail(error, s->dir, "memory is out");
	tsn_free(path);
	if (!ok)
		remove_generation(s, number);
	else
		prune(s, SUFFIX, TSN_STORE_KEPT);
	return ok;
}

/* --- reading --- */

static bool
get_pieces(sqlite3 *db, struct tsn_generation *g, uint64_t *whole)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(db, "SELECT n, hash, data FROM piece ORDER BY n", -1, &st, NULL) == SQLITE_OK;
	size_t off = 0;
	uint64_t i = 0;
	int step = SQLITE_ROW;

	*whole = g->n;
	for (; ok && (step = sqlite3_step(st)) == SQLITE_ROW; i++) {
		const uint64_t hash = (uint64_t)sqlite3_column_int64(st, 1);
		const void *data = sqlite3_column_blob(st, 2);
		const int size = sqlite3_column_bytes(st, 2);

		ok = (uint64_t)sqlite3_column_int64(st, 0) == i && data != NULL && size > 0 && (size_t)size <= g->n - off &&
		    hash_piece(data, (size_t)size, i) == hash;
		if (!ok)
			break;
		memcpy(g->p + off, data, (size_t)size);
		off += (size_t)size;
		*whole = tsn_hash_join(*whole, hash);
	}
	ok = ok && step == SQLITE_DONE && off == g->n;
	sqlite3_finalize(st);
	return ok;
}

/* [format]: 0 if there is no head at all. */
static int
get_head(sqlite3 *db, struct tsn_generation *g, int *format, uint64_t *hash)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(db, "SELECT format, written_ms, bytes, hash FROM snapshot", -1, &st, NULL);

	*format = 0;
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW) {
		*format = sqlite3_column_int(st, 0);
		g->written = sqlite3_column_int64(st, 1);
		g->n = (size_t)sqlite3_column_int64(st, 2);
		*hash = (uint64_t)sqlite3_column_int64(st, 3);
	}
	sqlite3_finalize(st);
	return code;
}

static enum tsn_store_read
read_db(sqlite3 *db, const char *path, off_t size, struct tsn_generation *g, char error[TSN_STORE_ERROR])
{
	uint64_t said = 0, whole = 0;
	int format, code = get_head(db, g, &format, &said);

	if (code != SQLITE_ROW) {
		sql_fail(db, error, path);
		switch (code & 0xff) {
		case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_DONE: case SQLITE_ERROR: return TSN_STORE_DAMAGED;
		default: return TSN_STORE_UNREADABLE;
		}
	}
	if (format != FORMAT) {
		snprintf(error, TSN_STORE_ERROR, "%s: of format %d, which this version does not know", path, format);
		return TSN_STORE_DAMAGED;
	}
	/* nothing is larger than the file it comes from */
	if (g->n > (size_t)size) {
		fail(error, path, "it is shorter than it says");
		return TSN_STORE_DAMAGED;
	}
	g->p = tsn_malloc(g->n);
	if (g->p == NULL) {
		fail(error, path, "memory is out");
		return TSN_STORE_UNREADABLE;
	}
	if (get_pieces(db, g, &whole) && whole == said)
		return TSN_STORE_FOUND;
	fail(error, path, "its checksums do not hold");
	return TSN_STORE_DAMAGED;
}

/* A transaction that was cut off is rolled back by opening; what is left then is an empty file. */
static enum tsn_store_read
read_file(const char *path, struct tsn_generation *g, char error[TSN_STORE_ERROR])
{
	enum tsn_store_read how = TSN_STORE_UNREADABLE;
	sqlite3 *db = open_db(path, SQLITE_OPEN_READWRITE, error);
	struct stat st;

	if (db == NULL)
		return how;
	if (sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK &&
	    stat(path, &st) == 0 && st.st_size == 0)
		how = TSN_STORE_UNFINISHED;
	else
		how = stat(path, &st) == 0 ? read_db(db, path, st.st_size, g, error) : how;
	sqlite3_close(db);
	return how;
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
	how = read_file(path, out, error);
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
