/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to the daemon: one generation of a store (store.h) as a database. SQLite is loaded by who keeps state and not before: it takes
 * a sixth of the time in which the program starts.
 */
#ifndef TSN_DAEMON_STORE_SQL_H
#define TSN_DAEMON_STORE_SQL_H

#include "daemon/store.h"

#ifdef TSN_HAVE_SQLITE

#include <sqlite3.h>

#define TSN_SQL_FUNCTIONS(FUNCTION) \
	FUNCTION(sqlite3_bind_blob) \
	FUNCTION(sqlite3_bind_int) \
	FUNCTION(sqlite3_bind_int64) \
	FUNCTION(sqlite3_bind_text) \
	FUNCTION(sqlite3_close) \
	FUNCTION(sqlite3_column_blob) \
	FUNCTION(sqlite3_column_bytes) \
	FUNCTION(sqlite3_column_int) \
	FUNCTION(sqlite3_column_int64) \
	FUNCTION(sqlite3_errcode) \
	FUNCTION(sqlite3_errmsg) \
	FUNCTION(sqlite3_errstr) \
	FUNCTION(sqlite3_exec) \
	FUNCTION(sqlite3_extended_result_codes) \
	FUNCTION(sqlite3_finalize) \
	FUNCTION(sqlite3_open_v2) \
	FUNCTION(sqlite3_prepare_v2) \
	FUNCTION(sqlite3_reset) \
	FUNCTION(sqlite3_shutdown) \
	FUNCTION(sqlite3_step) \
	FUNCTION(sqlite3_system_errno)

struct tsn_sql {
	void *library;
#define FUNCTION(name) __typeof__(name) *name;
	TSN_SQL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/* False with a sentence if it is not installed. To be unloaded either way. */
bool tsn_sql_load(struct tsn_sql *q, char error[TSN_STORE_ERROR]);
void tsn_sql_unload(struct tsn_sql *q);

/* Writes a file that must not be there. False with the reason: something of it may be. */
bool tsn_sql_write(const struct tsn_sql *q, const char *path, const uint8_t *p, size_t n, int64_t now, char error[TSN_STORE_ERROR]);
/* Reads one into [g]; what is read of a damaged one stays there. */
enum tsn_store_read tsn_sql_read(const struct tsn_sql *q, const char *path, struct tsn_generation *g, char error[TSN_STORE_ERROR]);

#endif
#endif
