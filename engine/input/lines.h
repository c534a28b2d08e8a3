/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Text out of a reader: lines, and the JSON objects of a stream of them. What is handed out lies in the reader's
 * buffer until the next call. Nothing longer than TSN_LINE_MAX is kept: it is passed over and told.
 */
#ifndef TSN_INPUT_LINES_H
#define TSN_INPUT_LINES_H

#include "input/reader.h"

#define TSN_LINE_MAX ((size_t)256 << 10)

struct tsn_lines {
	struct tsn_reader *reader;
	uint64_t number; /* of the last line handed out, from 1 */
	size_t taken;    /* bytes of it, taken from the reader by the next call */
	bool pretty;     /* objects: one may span lines */
};

struct tsn_line {
	const char *p;
	size_t n;        /* without its end: LF or CR LF */
	uint64_t number, offset;
	bool too_long;   /* [n] is 0 then */
	bool unended;    /* the input ended before the line did */
};

/* Passes over a byte order mark. */
void tsn_lines_init(struct tsn_lines *l, struct tsn_reader *r);
/* False at the end of input (or a failed read, see the reader). */
bool tsn_lines_next(struct tsn_lines *l, struct tsn_line *out);
/* Adds the line after it, with the end between them, to the line just handed out. False if there is none or no room. */
bool tsn_lines_more(struct tsn_lines *l, struct tsn_line *out);

enum tsn_object {
	TSN_OBJECT,      /* "{...}": its braces match, nothing else was looked at */
	TSN_OBJECT_BAD,  /* bytes that begin no object, or one that the end of its line cuts */
	TSN_OBJECT_LONG, /* longer than TSN_LINE_MAX */
	TSN_OBJECT_CUT,  /* the input ended inside */
	TSN_OBJECT_END
};

/*
 * The next object of JSON lines, of concatenated objects or of one array of them. Unless l->pretty an object ends
 * with its line at the latest, so that damage stays within one.
 */
enum tsn_object tsn_lines_object(struct tsn_lines *l, struct tsn_line *out);

#endif
