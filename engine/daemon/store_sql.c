/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/store_sql.h"

#ifdef TSN_HAVE_SQLITE

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/late.h"
#include "base/mem.h"

#define PIECE  ((size_t)1 << 20)
#define FORMAT 1

bool
tsn_sql_load(struct tsn_sql *q, char error[TSN_STORE_ERROR])
{
	static const struct tsn_late_function functions[] = {
#define FUNCTION(name) { #name, offsetof(struct tsn_sql, name) },
		TSN_SQL_FUNCTIONS(FUNCTION)
#undef FUNCTION
	};

	q->library = tsn_late_open("libsqlite3.so.0", functions, sizeof(functions) / sizeof(functions[0]), q, error, TSN_STORE_ERROR);
	return q->library != NULL;
}

/* What the library keeps for itself it forgets when it is unloaded, but does not free. */
void
tsn_sql_unload(struct tsn_sql *q)
{
	if (q->library != NULL)
		q->sqlite3_shutdown();
	tsn_late_close(q->library);
}

static void
fail(char error[TSN_STORE_ERROR], const char *path, const char *why)
{
	snprintf(error, TSN_STORE_ERROR, "%s: %s", path, why);
}

static bool
sql_fail(const struct tsn_sql *q, sqlite3 *db, char error[TSN_STORE_ERROR], const char *what)
{
	const int system = db != NULL ? q->sqlite3_system_errno(db) : 0;
	const int code = db != NULL ? q->sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;

	if (system != 0 && code != SQLITE_CORRUPT && code != SQLITE_NOTADB)
		snprintf(error, TSN_STORE_ERROR, "%s: %s (%s)", what, q->sqlite3_errstr(code), strerror(system));
	else
		snprintf(error, TSN_STORE_ERROR, "%s: %s", what, db != NULL ? q->sqlite3_errmsg(db) : "memory is out");
	return false;
}

static sqlite3 *
open_db(const struct tsn_sql *q, const char *path, int flags, char error[TSN_STORE_ERROR])
{
	sqlite3 *db = NULL;

	if (q->sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
		q->sqlite3_extended_result_codes(db, 1);
		return db;
	}
	sql_fail(q, db, error, path);
	q->sqlite3_close(db);
	return NULL;
}

/* Pieces are hashed with their place, so that one is not taken for another. */
static uint64_t
hash_piece(const uint8_t *p, size_t n, uint64_t i)
{
	return tsn_hash_bytes(p, n, i + 1);
}

static bool
put_pieces(const struct tsn_sql *q, sqlite3 *db, const uint8_t *p, size_t n, uint64_t *whole)
{
	sqlite3_stmt *st = NULL;
	bool ok = q->sqlite3_prepare_v2(db, "INSERT INTO piece VALUES(?1, ?2, ?3)", -1, &st, NULL) == SQLITE_OK;

	*whole = n;
	for (uint64_t i = 0; ok && i * PIECE < n; i++) {
		const size_t size = n - i * PIECE < PIECE ? n - i * PIECE : PIECE;
		const uint64_t hash = hash_piece(p + i * PIECE, size, i);

		*whole = tsn_hash_join(*whole, hash);
		ok = q->sqlite3_bind_int64(st, 1, (int64_t)i) == SQLITE_OK && q->sqlite3_bind_int64(st, 2, (int64_t)hash) == SQLITE_OK &&
		    q->sqlite3_bind_blob(st, 3, p + i * PIECE, (int)size, SQLITE_STATIC) == SQLITE_OK && q->sqlite3_step(st) == SQLITE_DONE &&
		    q->sqlite3_reset(st) == SQLITE_OK;
	}
	q->sqlite3_finalize(st);
	return ok;
}

static bool
put_head(const struct tsn_sql *q, sqlite3 *db, size_t n, uint64_t whole, int64_t now)
{
	sqlite3_stmt *st = NULL;
	bool ok = q->sqlite3_prepare_v2(db, "INSERT INTO snapshot VALUES(?1, ?2, ?3, ?4, ?5)", -1, &st, NULL) == SQLITE_OK;

	ok = ok && q->sqlite3_bind_int(st, 1, FORMAT) == SQLITE_OK && q->sqlite3_bind_int64(st, 2, now) == SQLITE_OK &&
	    q->sqlite3_bind_int64(st, 3, (int64_t)n) == SQLITE_OK && q->sqlite3_bind_int64(st, 4, (int64_t)whole) == SQLITE_OK &&
	    q->sqlite3_bind_text(st, 5, TSN_VERSION, -1, SQLITE_STATIC) == SQLITE_OK && q->sqlite3_step(st) == SQLITE_DONE;
	q->sqlite3_finalize(st);
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

bool
tsn_sql_write(const struct tsn_sql *q, const char *path, const uint8_t *p, size_t n, int64_t now,
    char error[TSN_STORE_ERROR])
{
	sqlite3 *db = open_db(q, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error);
	uint64_t whole;
	bool ok;

	if (db == NULL)
		return false;
	chmod(path, 0600); /* it tells who talked to whom */
	ok = q->sqlite3_exec(db, begin, NULL, NULL, NULL) == SQLITE_OK && put_pieces(q, db, p, n, &whole) &&
	    put_head(q, db, n, whole, now) && q->sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
	if (!ok)
		sql_fail(q, db, error, path);
	q->sqlite3_close(db);
	return ok;
}

/* --- reading --- */

static bool
get_pieces(const struct tsn_sql *q, sqlite3 *db, struct tsn_generation *g, uint64_t *whole)
{
	sqlite3_stmt *st = NULL;
	bool ok = q->sqlite3_prepare_v2(db, "SELECT n, hash, data FROM piece ORDER BY n", -1, &st, NULL) == SQLITE_OK;
	size_t off = 0;
	uint64_t i = 0;
	int step = SQLITE_ROW;

	*whole = g->n;
	for (; ok && (step = q->sqlite3_step(st)) == SQLITE_ROW; i++) {
		const uint64_t hash = (uint64_t)q->sqlite3_column_int64(st, 1);
		const void *data = q->sqlite3_column_blob(st, 2);
		const int size = q->sqlite3_column_bytes(st, 2);

		ok = (uint64_t)q->sqlite3_column_int64(st, 0) == i && data != NULL && size > 0 && (size_t)size <= g->n - off &&
		    hash_piece(data, (size_t)size, i) == hash;
		if (!ok)
			break;
		memcpy(g->p + off, data, (size_t)size);
		off += (size_t)size;
		*whole = tsn_hash_join(*whole, hash);
	}
	ok = ok && step == SQLITE_DONE && off == g->n;
	q->sqlite3_finalize(st);
	return ok;
}

/* [format]: 0 if there is no head at all. */
static int
get_head(const struct tsn_sql *q, sqlite3 *db, struct tsn_generation *g, int *format, uint64_t *hash)
{
	sqlite3_stmt *st = NULL;
	int code = q->sqlite3_prepare_v2(db, "SELECT format, written_ms, bytes, hash FROM snapshot", -1, &st, NULL);

	*format = 0;
	if (code == SQLITE_OK)
		code = q->sqlite3_step(st);
	if (code == SQLITE_ROW) {
		*format = q->sqlite3_column_int(st, 0);
		g->written = q->sqlite3_column_int64(st, 1);
		g->n = (size_t)q->sqlite3_column_int64(st, 2);
		*hash = (uint64_t)q->sqlite3_column_int64(st, 3);
	}
	q->sqlite3_finalize(st);
	return code;
}

static enum tsn_store_read
read_db(const struct tsn_sql *q, sqlite3 *db, const char *path, off_t size, struct tsn_generation *g, char error[TSN_STORE_ERROR])
{
	uint64_t said = 0, whole = 0;
	int format, code = get_head(q, db, g, &format, &said);

	if (code != SQLITE_ROW) {
		sql_fail(q, db, error, path);
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
	if (get_pieces(q, db, g, &whole) && whole == said)
		return TSN_STORE_FOUND;
	fail(error, path, "its checksums do not hold");
	return TSN_STORE_DAMAGED;
}

/* A transaction that was cut off is rolled back by opening; what is left then is an empty file. */
enum tsn_store_read
tsn_sql_read(const struct tsn_sql *q, const char *path, struct tsn_generation *g, char error[TSN_STORE_ERROR])
{
	enum tsn_store_read how = TSN_STORE_UNREADABLE;
	sqlite3 *db = open_db(q, path, SQLITE_OPEN_READWRITE, error);
	struct stat st;

	if (db == NULL)
		return how;
	if (q->sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK &&
	    stat(path, &st) == 0 && st.st_size == 0)
		how = TSN_STORE_UNFINISHED;
	else
		how = stat(path, &st) == 0 ? read_db(q, db, path, st.st_size, g, error) : how;
	q->sqlite3_close(db);
	return how;
}

#endif
