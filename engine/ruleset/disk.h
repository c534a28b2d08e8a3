/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to ruleset/: files below one folder, by descriptors, so that no symbolic link is followed.
 */
#ifndef TSN_RULESET_DISK_H
#define TSN_RULESET_DISK_H

#include "base/buf.h"
#include "ruleset/file.h"

/* A folder in [at], made if [make]; -1 with errno (ENOTDIR, ELOOP: something else is there, or a symbolic link to it). */
int tsn_disk_dir(int at, const char *name, bool make);
/* The file's bytes, at most [max]. 0 or an errno. */
int tsn_disk_get(int at, const char *name, size_t max, struct tsn_buf *out);
/* Removes a file or a folder with all in it; what is not there is no error. 0 or an errno. */
int tsn_disk_remove(int at, const char *name);
/* Renames within a folder or between two, and makes it last. 0 or an errno. */
int tsn_disk_rename(int from, const char *old, int to, const char *now);
/* Calls [each] with every name in the folder [at]/[name] but "." and ".."; false ends it. 0 or an errno. */
int tsn_disk_list(int at, const char *name, bool (*each)(void *arg, int dir, const char *entry), void *arg);


#endif
