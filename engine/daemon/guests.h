/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: the store of installed rulesets it runs, and its word to whoever changes that store. */
#ifndef TSN_DAEMON_GUESTS_H
#define TSN_DAEMON_GUESTS_H

#include "base/log.h"
#include "ruleset/store.h"
#include "ruleset/word.h"

struct tsn_guests {
	const char *store;               /* NULL: none, and nothing below does anything */
	const struct tsn_log *log;
	struct tsn_store_enabled enabled; /* as last read */
	struct tsn_word word;
	int lock;                        /* says that its holder lives; -1: another daemon has it */
};

/* [store] may be NULL. Without a lock or a place to write, the rules are run all the same, and the log says so. */
void tsn_guests_open(struct tsn_guests *g, const char *store, const struct tsn_log *log);
void tsn_guests_close(struct tsn_guests *g);
/* Reads the store anew into [in], for one compilation. False when it cannot be read: [error] says why, and [in] is as it was. */
bool tsn_guests_read(struct tsn_guests *g, struct tsn_compile_input *in, char error[TSN_RULESET_ERROR]);
/* The answer to a load: [error] NULL when its rules are in force, else what was wrong (its first line is told). */
void tsn_guests_say(struct tsn_guests *g, const char *error, const char *ring);

#endif
