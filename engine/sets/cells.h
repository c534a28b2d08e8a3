/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rows of text cells under named columns: what a member's file says besides
 * the member. Rows of several files may lie in one table, each with the
 * columns of its own file. Used only by sets.
 */
#ifndef TSN_SETS_CELLS_H
#define TSN_SETS_CELLS_H

#include "base/buf.h"
#include "flow/value.h"

struct tsn_cell {
	uint32_t off, n; /* in the text */
};

struct tsn_cell_row {
	uint32_t first, layout; /* its first cell; which layout says their columns */
};

struct tsn_layout {
	uint32_t first, n; /* in [order] */
};

struct tsn_cells {
	char **name; /* of each column */
	uint16_t *order;
	struct tsn_layout *layout;
	struct tsn_cell_row *row;
	struct tsn_cell *cell;
	size_t names, orders, layouts, rows, cells;
	size_t name_cap, order_cap, layout_cap, row_cap, cell_cap;
	struct tsn_buf text;
};

void tsn_cells_fini(struct tsn_cells *c);
/* The columns of the rows that follow; false when memory is out, as below. */
bool tsn_cells_columns(struct tsn_cells *c, const struct tsn_str *names, size_t n);
bool tsn_cells_row(struct tsn_cells *c, const struct tsn_str *cells, size_t n, uint32_t *row);
/* Appends all rows of another table; [*base] is added to its row numbers. */
bool tsn_cells_append(struct tsn_cells *c, const struct tsn_cells *other, uint32_t *base);
int tsn_cells_column(const struct tsn_cells *c, const char *name, size_t n);
struct tsn_str tsn_cells_get(const struct tsn_cells *c, uint32_t row, int column);

#endif
