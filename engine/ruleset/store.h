/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The folder of installed rulesets:
 *
 *  state.json                the one word of truth, replaced whole by rename: sources with key and serial, rulesets with the
 *                            version in force, those before it, enabled or not, pinned or not, share of memory
 *  versions/NAME/VERSION/    unpacked rulesets; one that state.json does not name is left from an interrupted update and swept away
 *  index/SOURCE.SERIAL.json  the index last verified
 *  daemon.json, daemon.lock  the daemon's word, see ruleset/word.h
 *  lock                      held by whoever changes the store
 *
 * Whoever is interrupted at any moment leaves the old state or the new one. The store never runs rules by itself. No
 * symbolic link in it is followed, and none of it is read if anybody at all may write to it.
 */
#ifndef TSN_RULESET_STORE_H
#define TSN_RULESET_STORE_H

#include "base/mem.h"
#include "compile/compile.h"
#include "ruleset/state.h"

#define TSN_STORE_DEFAULT "/var/lib/tocsin/rulesets"

/* --- for those who run rules --- */

/* The enabled rulesets by name, ready for tsn_compile_input. An empty or missing store has none. */
struct tsn_store_enabled {
	struct tsn_installed *v; size_t n;
	const char **version;              /* of each */
	uint64_t change;                   /* number of the state: grows with each change of the store */
	void *memory;                      /* private */
};
bool tsn_store_enabled(const char *store, struct tsn_store_enabled *out, char error[TSN_RULESET_ERROR]);
void tsn_store_enabled_fini(struct tsn_store_enabled *e);

/* --- for those who change it --- */

struct tsn_store_held {
	const char *store;                 /* borrowed */
	int dir, lock;                     /* -1: not */
};

/*
 * Opens the folder to look at it; a missing one is held with dir -1. False: it cannot be trusted or opened. tsn_store_release is due
 * either way.
 */
bool tsn_store_look(const char *store, struct tsn_store_held *h, char error[TSN_RULESET_ERROR]);
/* Makes the folder if it is not there, takes its lock and sweeps away what interrupted changes left. False: so too. */
bool tsn_store_hold(const char *store, struct tsn_store_held *h, char error[TSN_RULESET_ERROR]);
void tsn_store_release(struct tsn_store_held *h);

/* The state of the folder; an empty one where none was ever put. tsn_store_state_fini is due either way. */
bool tsn_store_read_state(const struct tsn_store_held *h, struct tsn_store_state *s, char error[TSN_RULESET_ERROR]);
/* Puts the state in force under the next number of change. */
bool tsn_store_put_state(const struct tsn_store_held *h, struct tsn_store_state *s, char error[TSN_RULESET_ERROR]);
/* STORE/versions/NAME/VERSION, in the state's memory. NULL when that is out. */
char *tsn_store_version_dir(const struct tsn_store_held *h, const struct tsn_store_state *s, const char *name, const char *version);
/* Is the kept version still what was signed? */
bool tsn_store_check_version(const struct tsn_store_held *h, const char *name, const struct tsn_store_version *v, char error[TSN_RULESET_ERROR]);
/* Removes what [s], the state in force, does not name. */
bool tsn_store_sweep(const struct tsn_store_held *h, const struct tsn_store_state *s, char error[TSN_RULESET_ERROR]);

#endif
