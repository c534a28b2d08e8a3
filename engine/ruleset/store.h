/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The folder of installed rulesets:
 *
 *  state.json                the one word of truth, replaced whole by rename: sources with key and serial, rulesets with the
 *                            version in force, those before it, enabled or not, pinned or not, share of memory
 *  versions/NAME/VERSION/    unpacked rulesets; one that state.json does not name is left from an interrupted update and swept away
 *  index/SOURCE.json         the index last verified
 *  daemon.json               the daemon's word, see ruleset/word.h
 *  lock                      held by whoever changes the store
 *
 * Whoever is interrupted at any moment leaves the old state or the new one. The store never runs rules by itself.
 */
#ifndef TSN_RULESET_STORE_H
#define TSN_RULESET_STORE_H

#include "base/mem.h"
#include "compile/compile.h"
#include "ruleset/minisign.h"

#define TSN_STORE_DEFAULT "/var/lib/tocsin/rulesets"

/* The enabled rulesets by name, ready for tsn_compile_input. An empty or missing store has none. */
struct tsn_store_enabled {
	struct tsn_installed *v; size_t n;
	const char **version;              /* of each */
	uint64_t change;                   /* number of the state: grows with each change of the store */
	void *memory;                      /* private */
};
bool tsn_store_enabled(const char *store, struct tsn_store_enabled *out, char error[TSN_RULESET_ERROR]);
void tsn_store_enabled_fini(struct tsn_store_enabled *e);

#endif
