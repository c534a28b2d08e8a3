/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inputs that grow: a file that is being written and replaced (rotation), or a directory into which files are written
 * one after the other. Until SIGINT or SIGTERM. While nothing comes the engine's clock goes on with the wall's, so that
 * windows close and alerts end. A file is finished when another one has taken its place, or follows it in its
 * directory, and it has not grown for a second; a file that was renamed is known by its inode and not read again.
 */
#ifndef TSN_CLI_FOLLOW_H
#define TSN_CLI_FOLLOW_H

#include "cli/inputs.h"
#include "input/wait.h"

/* From now on SIGINT and SIGTERM ask to stop. */
void tsn_follow_signals(void);
bool tsn_follow_stopped(const struct tsn_inputs *in);
/* A file, directory or "-"; reads it and what comes after it until asked to stop. */
void tsn_follow(struct tsn_inputs *in, const char *path);
/* For inputs that are not followed: before a pipe blocks, what has been read is evaluated and written. [arg] is the inputs. */
enum tsn_wait tsn_follow_pipe(void *arg, int fd, bool at_end, uint64_t read);

#endif
