/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the formatter: tokens to lines. */
#ifndef TSN_GRAMMAR_FMT_LINE_H
#define TSN_GRAMMAR_FMT_LINE_H

#include "grammar/internal.h"

/* Lines are broken beyond this many columns. */
#define TSN_FMT_COLUMNS 100
#define TSN_FMT_INDENT  4

enum tsn_fmt_mark {
	TSN_FMT_NONE,
	TSN_FMT_CALL,       /* no blank between a function and its ( */
	TSN_FMT_UNARY,      /* no blank after this minus */
	TSN_FMT_KEYS,       /* no line break behind this comma */
	TSN_FMT_BREAK,      /* a long line is broken before this */
	TSN_FMT_TIGHT,      /* no blank on either side: the slash of a mask */
};

struct tsn_fmt {
	struct tsn_buf *out;
	size_t start;               /* of our text in out */
	const char *text;
	struct tsn_token *v;        /* comments included; ends with kind 0 */
	size_t n;
	uint8_t *mark;              /* enum tsn_fmt_mark per token */
	size_t pos;                 /* next token to place */
	uint32_t source_end;        /* of the last token placed, in the source */
	unsigned column;
	unsigned hang;              /* further columns of a clause's later lines: they stand under its value */
	bool want_blank;            /* the next line is to have a blank one before it */
	bool no_blank;              /* ... is not, whatever the source has */
};

/* Places the comments that come next: behind the line, or on lines of their own. */
void tsn_fmt_comments(struct tsn_fmt *, unsigned indent);

/*
 * Places the tokens up to [end] of the source, beginning a line. The first token is filled up
 * with blanks to [pad] columns, if that is more than its own length and the blank behind it.
 * [list]: what stands in braces keeps the line breaks it has between members.
 */
void tsn_fmt_run(struct tsn_fmt *, uint32_t end, unsigned indent, unsigned pad, bool list);

#endif
