/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Tables (S36): sets whose members have a number. The key decides as in a set: of addresses the longest prefix that holds
 * it, of integers and ranges the smallest, else the equal text. What is no member has the table's default, if it has one.
 * A table lives where sets do, and is refreshed and swapped as one.
 */
#ifndef TSN_SETS_TABLE_H
#define TSN_SETS_TABLE_H

#include "sets/file.h"

struct tsn_table_value {
	bool known, real;
	int64_t i;
	double f;
};

/* Numbers of rows, in their order. */
struct tsn_table_rows {
	struct tsn_table_value *v; /* owned: tsn_table_rows_fini */
	size_t n, cap;
};
void tsn_table_rows_fini(struct tsn_table_rows *r);
/*
 * Begins a row of [b], which must have been given no others than by this: [*row] is for its members. False when memory is
 * out.
 */
bool tsn_table_row(struct tsn_set_builder *b, struct tsn_table_rows *r, struct tsn_table_value v, uint32_t *row);
/* "100", "0x64", "2.5". */
bool tsn_table_value_parse(const char *p, size_t n, struct tsn_table_value *out);

/*
 * Adds the rows of a CSV file. [key], [value]: names of columns, NULL: the first, the second. Without names the first line
 * is a header if its value is no number. [type]: what keys must be. [whole]: reals are bad lines. Bad lines as in sets
 * (sets/file.h).
 */
enum tsn_set_file tsn_table_load(const char *path, enum tsn_type type, const char *key, const char *value, bool whole,
    struct tsn_set_builder *b, struct tsn_table_rows *r, struct tsn_set_report *report);
enum tsn_set_file tsn_table_parse(const char *text, size_t n, enum tsn_type type, const char *key, const char *value,
    bool whole, struct tsn_set_builder *b, struct tsn_table_rows *r, struct tsn_set_report *report);

/* The table of what [b] and [r] gathered; both are left empty. [fallback]: for what is in no row. NULL when memory is out. */
struct tsn_set *tsn_table_build(struct tsn_set_builder *b, struct tsn_table_rows *r, struct tsn_table_value fallback);
/* Is one of its numbers a real? */
bool tsn_table_is_real(const struct tsn_set *s);
/* The number of a row, as tsn_set_row_of_... gave it, or the default. [known] is false if there is none, or [s] is no table. */
struct tsn_table_value tsn_table_value_of(const struct tsn_set *s, uint32_t row);

#endif
