/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The daemon's word about the rules it runs, for whoever changed them: STORE/daemon.json, replaced by rename after every
 * load, and held under flock(2) by the living daemon in STORE/daemon.lock, so that a word of the dead is not mistaken for one.
 */
#ifndef TSN_RULESET_WORD_H
#define TSN_RULESET_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ruleset/minisign.h"

struct tsn_word {
	pid_t pid;
	uint64_t loads;        /* attempts so far, failed ones too: a SIGHUP has been answered when it has grown */
	bool ok;               /* the last attempt put its rules in force */
	uint64_t change;       /* of the store, as read by the last attempt; 0: it could not be read */
	char error[TSN_RULESET_ERROR]; /* first error of a failed attempt */
	char ring[512];        /* folder with the last flows, "" if none is kept */
};

/* Is a daemon alive on this store, and what did it say? False: none is. One that has not said anything yet has pid 0. */
bool tsn_word_read(const char *store, struct tsn_word *out);
/* The daemon's side: takes the lock (a descriptor, to be kept open; -1 with a sentence) and takes back the word of the one before, then says. */
int tsn_word_open(const char *store, char error[TSN_RULESET_ERROR]);
bool tsn_word_say(const char *store, const struct tsn_word *w, char error[TSN_RULESET_ERROR]);

#endif
