/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What this room's files share: files that are on disk whole or not at all, and sentences that say what went wrong. */
#ifndef TSN_RULESET_FILE_H
#define TSN_RULESET_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "ruleset/minisign.h"

/*
 * Writes a sentence and returns false. Control characters and what is no UTF-8 become '?', for sentences quote names from
 * archives and indexes that nobody has vouched for.
 */
bool tsn_ruleset_fail(char error[TSN_RULESET_ERROR], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "memory is out". */
bool tsn_ruleset_no_memory(char error[TSN_RULESET_ERROR]);

/* Reads a whole file of at most [max] bytes. */
bool tsn_file_read(const char *path, size_t max, struct tsn_buf *out, char error[TSN_RULESET_ERROR]);
/* A new file; one that is there already is not touched. Synced, its folder too. */
bool tsn_file_create(const char *path, const void *p, size_t n, mode_t mode, char error[TSN_RULESET_ERROR]);
/* Written beside, synced, renamed, the folder synced: who reads [path] sees the old bytes or the new ones. */
bool tsn_file_replace(const char *path, const void *p, size_t n, mode_t mode, char error[TSN_RULESET_ERROR]);
/* Makes the names in the folder that [path] is in last. */
bool tsn_file_sync_folder_of(const char *path, char error[TSN_RULESET_ERROR]);

#endif
