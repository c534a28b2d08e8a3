/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A filter of nfdump while it is read: import_nfdump.c has its tokens and its grammar, import_nfdump_ask.c what it can ask. */
#ifndef TSN_AUTHOR_IMPORT_NFDUMP_H
#define TSN_AUTHOR_IMPORT_NFDUMP_H

#include "author/import.h"

struct tsn_nfdump_token {
	struct tsn_str s;
	size_t line, column;
};

struct tsn_nfdump {
	struct tsn_import *im;
	const char *p, *end, *line_start;
	size_t line;
	struct tsn_nfdump_token now;
	unsigned depth, tokens;
	bool negated;               /* an odd number of `not` stands around */
	bool failed;
};

/* What stands before a word: which side of the flow, or which address. */
enum tsn_nfdump_side { EITHER, SRC, DST, BOTH, IN, OUT, PREV, NEXT, BGPNEXT, ROUTER };

/* The token behind the one at hand. */
void tsn_nfdump_next(struct tsn_nfdump *f);
bool tsn_nfdump_is(const struct tsn_nfdump *f, const char *word);
bool tsn_nfdump_accept(struct tsn_nfdump *f, const char *word);
/* False: with it the whole filter is refused. */
bool tsn_nfdump_refuse(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, const char *why);

/* What [word], which was read, asks with what follows it; the condition is written. [at]: where the direction before it began. */
bool tsn_nfdump_ask(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, enum tsn_nfdump_side side, const struct tsn_nfdump_token *word);

#endif
