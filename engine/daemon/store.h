/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to the daemon: where snapshots lie. A directory with a file for each
 * generation, an SQLite database of its own that is written in one transaction;
 * so at any moment, power cuts included, it holds all of a generation or nothing. The bytes
 * are cut in pieces with a checksum each, because a disk may also return something else than
 * it was given. Who has a store open has the directory to himself.
 *
 * Knows nothing of what the bytes mean. An SQLite connection lives within one call, so that a
 * forked child may write.
 */
#ifndef TSN_DAEMON_STORE_H
#define TSN_DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSN_STORE_ERROR 256
#define TSN_STORE_KEPT  2   /* generations */
#define TSN_STORE_NAME  64

struct tsn_store;

/* Makes the directory if it is not there. NULL with the reason in [error]; also in a build without SQLite. */
struct tsn_store *tsn_store_open(const char *dir, char error[TSN_STORE_ERROR]);
void tsn_store_close(struct tsn_store *s);
const char *tsn_store_dir(const struct tsn_store *s);
/* The descriptor that holds the directory's lock: children that write keep it open. */
int tsn_store_lock(const struct tsn_store *s);

/* Writes the next generation, then lets go of all but TSN_STORE_KEPT. False: nothing was written, and nothing lost. */
bool tsn_store_write(struct tsn_store *s, const void *p, size_t n, int64_t now_ms, char error[TSN_STORE_ERROR]);

enum tsn_store_read {
	TSN_STORE_FOUND,
	TSN_STORE_NONE,       /* no generation older than that */
	TSN_STORE_UNFINISHED, /* the writing of one was cut off; it was removed */
	TSN_STORE_DAMAGED,    /* there is one, but not as it was written */
	TSN_STORE_UNREADABLE, /* the system would not let us look: permissions, memory */
};

struct tsn_generation {
	uint64_t number;
	int64_t written; /* ms since 1970 UTC */
	uint8_t *p;      /* the caller's: tsn_free */
	size_t n;
};

/* The newest generation with a number below [before]. [out->number] is set in all cases but NONE; [error] where there is one. */
enum tsn_store_read tsn_store_read(struct tsn_store *s, uint64_t before, struct tsn_generation *out, char error[TSN_STORE_ERROR]);
/* Renames a generation so that it is never read again but can be looked at; [name]: what it is called now. */
bool tsn_store_set_aside(struct tsn_store *s, uint64_t number, char name[TSN_STORE_NAME]);

#endif
