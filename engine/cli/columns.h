/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Lists of fields named on the command line ("src/24,dst_port"), and the order rows are to stand in. */
#ifndef TSN_CLI_COLUMNS_H
#define TSN_CLI_COLUMNS_H

#include "cli/cli.h"
#include "cli/table.h"
#include "flow/key.h"

#define TSN_COLUMNS_MAX (TSN_FIELD_COUNT + 8)
#define TSN_SORTS_MAX 8

/* Columns that are no fields of a flow but of a group: the number of its flows; its shares of all, tables only. */
enum {
	TSN_COLUMN_FLOWS = TSN_FIELD_COUNT, TSN_COLUMN_FLOWS_SHARE, TSN_COLUMN_PACKETS_SHARE, TSN_COLUMN_BYTES_SHARE
};

enum tsn_show_format { TSN_SHOW_TABLE, TSN_SHOW_JSON, TSN_SHOW_CSV };

struct tsn_columns {
	uint32_t n;
	struct tsn_key_part part[TSN_COLUMNS_MAX];
	uint8_t when[TSN_COLUMNS_MAX]; /* enum tsn_table_show */
};

struct tsn_sorts {
	uint32_t n;
	struct tsn_key_part part[TSN_SORTS_MAX];
	bool down[TSN_SORTS_MAX];
};

/* Who takes what: groups have `flows`; "all" stands for every field. */
enum { TSN_TAKES_FLOWS = 1, TSN_TAKES_ALL = 2 };

/*
 * Gives every element that --fields, --aggregate, --sort and --by name by number, ie(460), a column of its type, unless it
 * is a field. Before any of them is parsed. 0 or TSN_EXIT_USAGE.
 */
int tsn_columns_elements(struct tsn_cli *c);
/*
 * Adds to [out] what [text] names; a '+' before a name is let pass. 0, or TSN_EXIT_USAGE after naming
 * the field that does not exist and the nearest one.
 */
int tsn_columns_add(const struct tsn_cli *c, const char *option, const char *text, int takes, struct tsn_columns *out);
/* The same, from none. */
int tsn_columns_parse(const struct tsn_cli *c, const char *option, const char *text, int takes, struct tsn_columns *out);
/* "-bytes,src": largest bytes first, then by source. Without a sign counters and lengths of time stand largest first. */
int tsn_sorts_parse(const struct tsn_cli *c, const char *text, int takes, struct tsn_sorts *out);
int tsn_show_format_parse(const struct tsn_cli *c, enum tsn_show_format *out);
bool tsn_columns_has(const struct tsn_columns *l, unsigned field);
/* Type of a column. */
enum tsn_type tsn_column_type(const struct tsn_key_part *p);
/* A CSV cell (RFC 4180): quoted only where it must be. */
void tsn_column_csv(struct tsn_buf *out, const char *text);
/* Name of a column: the field or element, with its mask if it has one. */
void tsn_column_name(const struct tsn_cli *c, const struct tsn_key_part *p, struct tsn_buf *out);

#endif
