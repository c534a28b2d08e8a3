/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * state.json of a store, as a struct: what is read of it, changed and written back. All texts and arrays lie in its
 * arena and go with it.
 */
#ifndef TSN_RULESET_STATE_H
#define TSN_RULESET_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "ruleset/minisign.h"

#define TSN_STORE_SOURCES_MAX  256u
#define TSN_STORE_RULESETS_MAX 1000u
#define TSN_STORE_VERSIONS_MAX 5u    /* versions of a ruleset, the one in force among them */
#define TSN_STORE_SHARE        25u   /* per cent of the site's memory, unless told */
#define TSN_STORE_FILE_MAX     (8u << 20)

struct tsn_store_source {
	const char *name, *url;
	char key[TSN_PUBLIC_KEY_TEXT];   /* pinned: no other is believed */
	/* of the index last verified, which is index/NAME.SERIAL.json */
	uint64_t serial;
	char sha256[65];
	int64_t expires, fetched;        /* ms since 1970 */
};

struct tsn_store_version {
	const char *version;
	char archive[65], manifest[65];  /* sha256 of the archive and of its manifest.json */
	int64_t installed;
};

struct tsn_store_ruleset {
	const char *name;
	const char *source;              /* NULL: it came as a file */
	char key[TSN_PUBLIC_KEY_TEXT];   /* by which it was signed */
	const char *channel;
	bool enabled, pinned;
	unsigned memory_percent;
	struct tsn_store_version *kept; size_t nkept; /* latest first */
	size_t in_force;                 /* in [kept] */
};

struct tsn_store_state {
	uint64_t change;                 /* grows by one with each */
	struct tsn_store_source *source; size_t nsources;     /* by name */
	struct tsn_store_ruleset *ruleset; size_t nrulesets;  /* by name */
	struct tsn_arena *memory;
};

/* Names of sources, which are names of files: [a-z][a-z0-9_-]{0,63}. */
bool tsn_store_name_ok(const char *name);

/* [text] NULL: nothing was ever put there. False with where it is damaged. tsn_store_state_fini is due either way. */
bool tsn_store_state_parse(struct tsn_store_state *s, const char *text, size_t len, char error[TSN_RULESET_ERROR]);
bool tsn_store_state_print(const struct tsn_store_state *s, struct tsn_buf *out);
void tsn_store_state_fini(struct tsn_store_state *s);

/* The file of the index last verified. */
#define TSN_STORE_INDEX_NAME 128
void tsn_store_index_name(const struct tsn_store_source *x, char name[TSN_STORE_INDEX_NAME]);

/* NULL: there is none. */
struct tsn_store_source *tsn_store_source(const struct tsn_store_state *s, const char *name);
struct tsn_store_ruleset *tsn_store_ruleset(const struct tsn_store_state *s, const char *name);
/* In its place by name, empty but for the name. NULL: memory is out, or there are too many. Pointers into the array move. */
struct tsn_store_source *tsn_store_add_source(struct tsn_store_state *s, const char *name);
struct tsn_store_ruleset *tsn_store_add_ruleset(struct tsn_store_state *s, const char *name);
void tsn_store_remove_source(struct tsn_store_state *s, struct tsn_store_source *x);
void tsn_store_remove_ruleset(struct tsn_store_state *s, struct tsn_store_ruleset *x);
/*
 * Puts a version in force, as the latest; those that had been rolled back from, and what is beyond TSN_STORE_VERSIONS_MAX, are
 * forgotten. False: memory is out.
 */
bool tsn_store_put_in_force(struct tsn_store_state *s, struct tsn_store_ruleset *x, const struct tsn_store_version *v);

#endif
