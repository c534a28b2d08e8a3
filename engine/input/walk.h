/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The files of a directory in the order in which their flows were written: those whose names hold a time first, by that
 * time (nfcapd.202611231405, ft-v05.2016-01-13.140500+0000, 2026-11-23/conn.14:00:00-15:00:00.log.gz), then the others, the
 * one being written among them, by their last change; ties by path, numbers in it as numbers. (A name's time has no zone, so the two cannot be
 * compared.) Goes down into directories, and through links but never in a circle, and names each file once; what begins with a dot is passed
 * over. One thread.
 */
#ifndef TSN_INPUT_WALK_H
#define TSN_INPUT_WALK_H

#include "input/datagram.h"

#define TSN_WALK_FILES ((size_t)1 << 20) /* files at most, and */
#define TSN_WALK_DEPTH 32u               /* directories one in another */

struct tsn_walk_file {
	char *path;
	uint64_t when;       /* YYYYMMDDhhmmss by its name, 0 if that holds none */
	int64_t changed_ns;  /* last change */
	uint64_t size;
	/* which file it is, whatever it is called; [born_ns] tells a new one with an old one's number, 0 if unknown */
	uint64_t device, inode;
	int64_t born_ns;
};

struct tsn_walk {
	struct tsn_walk_file *files;
	size_t n, cap, root;
	size_t other;   /* what was neither a file nor a directory, or lay too deep or was too much */
	size_t hidden;  /* began with a dot */
	void (*trouble)(void *arg, const char *line); /* a directory that cannot be read; may be NULL */
	void *arg;
};

/* Is it a directory? */
bool tsn_walk_is_directory(const char *path);
/* [w] is zero but for [trouble] and [arg]. False when memory is out; fini is due either way. */
bool tsn_walk_directory(struct tsn_walk *w, const char *path);
void tsn_walk_fini(struct tsn_walk *w);
/* The file at [path], with a NULL path; false if there is none. */
bool tsn_walk_look(const char *path, struct tsn_walk_file *out);
bool tsn_walk_look_fd(int fd, struct tsn_walk_file *out);
bool tsn_walk_same(const struct tsn_walk_file *a, const struct tsn_walk_file *b);
/* The time a path holds, as in struct tsn_walk_file: in its last part, else in what leads there; 0 if none. */
uint64_t tsn_walk_time(const char *path);

#endif
