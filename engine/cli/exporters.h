/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside `tocsin exporters`: what is known of each exporter, and the table's columns. */
#ifndef TSN_CLI_EXPORTERS_H
#define TSN_CLI_EXPORTERS_H

#include "cli/columns.h"
#include "cli/inputs.h"

struct tsn_seen {
	uint64_t flows;
	int64_t first, last; /* event times: for flows that came in no datagram */
};

struct tsn_exporter_line {
	const struct tsn_exporter *x;
	uint32_t index;       /* 0: the shared entry of those the table had no room for */
	struct tsn_seen seen; /* of its rows */
	bool raw;             /* exact numbers in the table */
};

struct tsn_exporter_column {
	const char *name;
	void (*put)(const struct tsn_exporter_line *l, struct tsn_buf *out); /* NULL: a counter */
	double (*measure)(const struct tsn_exporter_line *l); /* to sort by; NULL: the counter, or for text what [put] writes */
	enum tsn_exporter_counter counter;
	bool right, bad; /* bad: a number above zero is no good news */
	enum tsn_table_show when;
	uint8_t rank;
};

/* The i-th column of the table; NULL past the last. */
const struct tsn_exporter_column *tsn_exporter_column(size_t i);

/* "192.0.2.1", "(none)" for flows that no exporter sent, "(others)". */
void tsn_exporter_put_addr(const struct tsn_exporter_line *l, struct tsn_buf *out);
void tsn_exporter_put_formats(const struct tsn_exporter_line *l, struct tsn_buf *out);
uint64_t tsn_exporter_flows(const struct tsn_exporter_line *l);
uint64_t tsn_exporter_malformed(const struct tsn_exporter *x);
/* TSN_TIME_NONE if nothing was. */
int64_t tsn_exporter_first(const struct tsn_exporter_line *l);
int64_t tsn_exporter_last(const struct tsn_exporter_line *l);

/* False when memory is out. */
bool tsn_exporters_print_table(const struct tsn_cli *c, const struct tsn_exporter_line *lines, uint32_t n);
/* One JSON object a line, or CSV: every counter by its name. */
void tsn_exporters_print_exact(bool csv, const struct tsn_exporter_line *lines, uint32_t n);

#endif
