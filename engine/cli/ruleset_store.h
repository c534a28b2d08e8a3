/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin ruleset, the verbs of whoever runs rules: the store, and one change of it after the other. */
#ifndef TSN_CLI_RULESET_STORE_H
#define TSN_CLI_RULESET_STORE_H

#include "cli/inputs.h"
#include "cli/ruleset.h"
#include "ruleset/switch.h"

struct tsn_cli_store {
	struct tsn_cli *cli;
	struct tsn_store_held held;
	struct tsn_store_state before, after; /* the same until [after] is changed */
	int64_t now, deadline;                /* ms: since 1970; steady */
	char error[TSN_RULESET_ERROR];
};

/* To look at it, or to change it under its lock. False: told on stderr. tsn_cli_store_close is due either way. */
bool tsn_cli_store_open(struct tsn_cli_store *s, struct tsn_cli *c, bool change);
void tsn_cli_store_close(struct tsn_cli_store *s);
/* Reads both states anew, for another change. False: told on stderr. */
bool tsn_cli_store_again(struct tsn_cli_store *s);

/* "tocsin: " and s->error on stderr; the exit status. */
int tsn_cli_store_fail(const struct tsn_cli_store *s);
/* Of s->after; NULL: told on stderr, with what else is there. */
struct tsn_store_ruleset *tsn_cli_store_ruleset(struct tsn_cli_store *s, const char *name);
struct tsn_store_source *tsn_cli_store_source(struct tsn_cli_store *s, const char *name);

/* A package to be put in force by a switch; NULL for changes without. An exit status, all told. */
int tsn_cli_store_switch(struct tsn_cli_store *s, struct tsn_package *p);
/* The same without putting anything in force: what the switch would find. */
int tsn_cli_store_try(struct tsn_cli_store *s, struct tsn_package *p);
/* Puts the state without a switch: nothing a daemon runs has changed. An exit status, told. */
int tsn_cli_store_put(struct tsn_cli_store *s);

/* Fetches the index of every source of [names] (none: all), and puts what is new of them. How many cannot be used: told on stderr. */
unsigned tsn_cli_store_refresh(struct tsn_cli_store *s, const char *const *names, size_t n);
/* Its package becomes the version in force of [x], which the caller has filled but for that. An exit status, all told. */
int tsn_cli_store_put_package(struct tsn_cli_store *s, struct tsn_store_ruleset *x, struct tsn_package *p);
/* Fetches, unpacks and puts in force a version offered by a source. An exit status, all told. */
int tsn_cli_store_take(struct tsn_cli_store *s, const char *source, const struct tsn_index_ruleset *r, const struct tsn_index_version *v,
    bool enable);

/* A public key given as text or as a file. False: told on stderr. */
bool tsn_cli_public_key(const char *given, char out[TSN_PUBLIC_KEY_TEXT]);

#endif
