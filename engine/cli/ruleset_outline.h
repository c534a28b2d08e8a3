/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of a folder declare, as they are written: enough to tell two versions of a ruleset apart. */
#ifndef TSN_CLI_RULESET_OUTLINE_H
#define TSN_CLI_RULESET_OUTLINE_H

#include "grammar/ast.h"

struct tsn_outline {
	struct tsn_sources *sources;
	const struct tsn_node **item; size_t n; /* rules first, then let, set, table and define; by name */
};

/* False when memory is out or the folder cannot be read; tsn_outline_fini is due either way. */
bool tsn_outline_open(struct tsn_outline *o, const char *dir);
void tsn_outline_fini(struct tsn_outline *o);
/* The text of a declaration as it stands in its file. */
const char *tsn_outline_text(const struct tsn_outline *o, const struct tsn_node *item, size_t *len);
/* A text of the rule's metadata, NULL: none. Of `expires` milliseconds, TSN_TIME_NONE: never. */
const char *tsn_outline_title(const struct tsn_node *rule);
int64_t tsn_outline_expires(const struct tsn_node *rule);
/* -1, 0, 1 in the order of [item]; 0: the same declaration, changed or not. */
int tsn_outline_order(const struct tsn_node *a, const struct tsn_node *b);

#endif
