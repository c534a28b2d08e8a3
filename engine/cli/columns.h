/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Lists of fields named on the command line ("src/24,dst_port"), and tables made of them. */
#ifndef TSN_CLI_COLUMNS_H
#define TSN_CLI_COLUMNS_H

#include "cli/cli.h"
#include "flow/key.h"

#define TSN_COLUMNS_MAX 64

enum tsn_show_format { TSN_SHOW_TABLE, TSN_SHOW_JSON, TSN_SHOW_CSV };

struct tsn_columns {
	uint32_t n;
	struct tsn_key_part part[TSN_COLUMNS_MAX];
};

/* 0, or TSN_EXIT_USAGE after naming the field that does not exist and the nearest one. */
int tsn_columns_parse(const struct tsn_cli *c, const char *option, const char *text, struct tsn_columns *out);
int tsn_show_format_parse(const struct tsn_cli *c, enum tsn_show_format *out);
/* Width of a field in a table; negative for columns that align to the left. */
int tsn_column_width(const struct tsn_key_part *p);
/* One cell, padded to its width unless it is the last. */
void tsn_column_pad(struct tsn_buf *out, const char *text, int width, bool last);
/* A CSV cell (RFC 4180): quoted only where it must be. */
void tsn_column_csv(struct tsn_buf *out, const char *text);
/* Name of a column: the field, with its mask if it has one. */
void tsn_column_name(const struct tsn_key_part *p, struct tsn_buf *out);

#endif
