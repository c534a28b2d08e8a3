/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Tables for people. The first rows are held back and choose the widths; where they do not fit the terminal, cells
 * take their shorter form, then the least important columns give way and a last line names them. Later rows
 * are written as they come.
 */
#ifndef TSN_CLI_TABLE_H
#define TSN_CLI_TABLE_H

#include "cli/terminal.h"

#define TSN_TABLE_HELD 200u /* rows that choose the widths */

/* When a column is shown that fits. */
enum tsn_table_show { TSN_SHOW_ALWAYS, TSN_SHOW_IF_PRESENT /* some cell is not "-" */, TSN_SHOW_IF_VARIED /* and two differ */ };

struct tsn_table_column {
	char name[48];
	bool right;               /* numbers end in one line */
	enum tsn_table_show when; /* by the rows held back */
	uint8_t rank;             /* 0: stays whatever the width; the larger, the sooner it gives way */
};

struct tsn_table;

/* [width] 0: unlimited. [column] is copied. NULL when memory is out. */
struct tsn_table *tsn_table_new(const struct tsn_table_column *column, uint32_t n, unsigned width, bool color);
void tsn_table_free(struct tsn_table *t);
/* The next cell of the row, any bytes; [shorter] NULL: it has no shorter form. After the last column the row is complete. */
void tsn_table_cell(struct tsn_table *t, const char *text, size_t len, const char *shorter, enum tsn_style style);
/* May the next cell be shown in its shorter form? If not, none need be made. */
bool tsn_table_wants_short(const struct tsn_table *t);
/* No row comes at present: what was held back is written, if there is any. */
void tsn_table_pause(struct tsn_table *t);
/* No row comes any more: what was held back is written, and the line that names columns left out. */
void tsn_table_end(struct tsn_table *t);
/* Is column [i] shown? Known once rows have left. */
bool tsn_table_shows(const struct tsn_table *t, uint32_t i);
/* Do cells show their shorter form? Known once rows have left. */
bool tsn_table_is_short(const struct tsn_table *t);
/* What can be written so far; clear it when it was. */
struct tsn_buf *tsn_table_out(struct tsn_table *t);

#endif
