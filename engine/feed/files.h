/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Many stored inputs, one after the other, into one engine: files as named, those of directories in the order of their
 * times (input/walk.h). What is damaged is told in the log and counted, and the rest goes on.
 */
#ifndef TSN_FEED_FILES_H
#define TSN_FEED_FILES_H

#include "feed/feed.h"

#define TSN_FILES_NAMED 5 /* of files passed over so many are told as warnings, the others at INFO */

struct tsn_files {
	struct tsn_engine *engine;
	struct tsn_feed_opts opts; /* [number] is that of the next input; [unknown] is not looked at */
	bool (*stopped)(void *arg); /* asked between steps: read no further; may be NULL */
	void (*stepped)(void *arg, struct tsn_feed *f, const char *path); /* after each step; may be NULL */
	void (*closed)(void *arg, struct tsn_feed *f); /* no more is read of it; may be NULL */
	void *arg;
	unsigned unreadable;       /* inputs that could not be opened or were damaged */
	unsigned skipped;          /* files of directories that are no inputs */
	bool failed;               /* memory is out: nothing is read any more */
};

/*
 * Reads one file, or "-". One that was [named] must be readable; else it was found in a directory, and one of no known
 * kind is passed over. False if nothing could be read of it.
 */
bool tsn_files_read_one(struct tsn_files *f, const char *path, bool named);
/* The same of a file or a directory with all below it. */
void tsn_files_read(struct tsn_files *f, const char *path);
/* Bytes of the file or of all below the directory; 0 if unknown. */
uint64_t tsn_files_size(const char *path);

#endif
