/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rows of values, flows or groups of them, as a table, JSON lines or CSV on stdout. Tables are for people: short
 * numbers, names where they are known. JSON and CSV are for programs: exact, with the language's names.
 */
#ifndef TSN_CLI_VIEW_H
#define TSN_CLI_VIEW_H

#include "cli/columns.h"
#include "flow/exporter.h"

struct tsn_view {
	const struct tsn_cli *cli;
	struct tsn_columns columns;
	enum tsn_show_format format;
	struct tsn_table *table;
	struct tsn_buf out, cell, shorter;
	int64_t day; /* of the first time shown: shorter times are of that day */
	bool begun, gone; /* gone: nobody reads any more, or memory is out */
	bool no_memory;
	bool dated; /* a time was shown */
};

/* [v->cli], columns and format are set. False when memory is out. */
bool tsn_view_init(struct tsn_view *v);
void tsn_view_fini(struct tsn_view *v);
/* The fields that tsn_view_get reads. */
void tsn_view_needs(const struct tsn_view *v, struct tsn_field_set *needed);
/* What column [i] shows of a flow: in tables a known name in place of a number, ICMP's type and code in place of a port. */
void tsn_view_get(const struct tsn_view *v, const struct tsn_batch *b, uint32_t row, uint32_t i, struct tsn_value *out);
/* Tables: the site's name in place of an exporter's address that is the value of column [i]. */
void tsn_view_name(const struct tsn_view *v, uint32_t i, struct tsn_exporters *exporters, struct tsn_value *x);
/* One value a column. */
void tsn_view_row(struct tsn_view *v, const struct tsn_value *values);
/* Writes what is ready to stdout. */
void tsn_view_flush(struct tsn_view *v);
/* No row comes at present: whoever looks sees all there are. */
void tsn_view_pause(struct tsn_view *v);
/* The end: headers of tables without rows, and what was held back. */
void tsn_view_end(struct tsn_view *v);

#endif
