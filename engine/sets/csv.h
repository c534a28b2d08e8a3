/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Reads CSV (RFC 4180) from memory, record by record. Lenient where feeds are:
 * LF alone ends a line, blank lines and lines that begin with `#` are skipped,
 * spaces may stand before a quote. Knows nothing of sets.
 */
#ifndef TSN_SETS_CSV_H
#define TSN_SETS_CSV_H

#include "base/buf.h"
#include "flow/value.h"

#define TSN_CSV_FIELDS 256         /* of a record; more are dropped */
#define TSN_CSV_RECORD_MAX 65536u /* bytes of a record with quotes; one that does not end within is broken */

struct tsn_csv {
	const char *p, *end;
	size_t line;      /* 1-based, of the record last read */
	size_t next_line; /* of [p] */
	size_t n;
	struct tsn_str field[TSN_CSV_FIELDS]; /* valid until the next call */
	struct tsn_buf unquoted;
};

enum tsn_csv_status { TSN_CSV_END, TSN_CSV_RECORD, TSN_CSV_BROKEN, TSN_CSV_MEMORY };

void tsn_csv_init(struct tsn_csv *c, const char *text, size_t n);
void tsn_csv_fini(struct tsn_csv *c);
/*
 * TSN_CSV_BROKEN: a quote that does not close, or text behind one; the line is skipped,
 * field[0] is its text.
 */
enum tsn_csv_status tsn_csv_next(struct tsn_csv *c);

/* Without the blanks and tabs around it. */
struct tsn_str tsn_csv_trim(struct tsn_str s);
/* Says of the record last read, a header, that it lacks [column], and which columns there are, as far as [out] holds them. */
void tsn_csv_no_column(const struct tsn_csv *c, const char *column, char *out, size_t size);

#endif
