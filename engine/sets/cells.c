/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/cells.h"

#include <string.h>

#include "base/mem.h"
#include "sets/set.h"

#define ROWS_MAX (UINT32_MAX - 1) /* UINT32_MAX is TSN_SET_NO_ROW */

void
tsn_cells_fini(struct tsn_cells *c)
{
	for (size_t i = 0; i < c->names; i++)
		tsn_free(c->name[i]);
	tsn_free(c->name);
	tsn_free(c->order);
	tsn_free(c->layout);
	tsn_free(c->row);
	tsn_free(c->cell);
	tsn_buf_fini(&c->text);
	memset(c, 0, sizeof(*c));
}

#define GROW(array, count, cap) \
	__extension__({ \
		void *grown_ = tsn_grow(array, count, cap, sizeof(*(array))); \
		if (grown_ != NULL) \
			(array) = grown_; \
		grown_ != NULL; \
	})

int
tsn_cells_column(const struct tsn_cells *c, const char *name, size_t n)
{
	for (size_t i = 0; i < c->names; i++)
		if (strlen(c->name[i]) == n && memcmp(c->name[i], name, n) == 0)
			return (int)i;
	return -1;
}

/* The number of a column, entered if new; -1 when memory is out, -2 when there are too many. */
static int
enter(struct tsn_cells *c, struct tsn_str name)
{
	int i = tsn_cells_column(c, name.n > 0 ? name.p : "", name.n);
	char *copy;

	if (i >= 0)
		return i;
	if (c->names >= TSN_SET_COLUMNS_MAX)
		return -2;
	if (!GROW(c->name, c->names, &c->name_cap))
		return -1;
	copy = tsn_strndup(name.n > 0 ? name.p : "", name.n);
	if (copy == NULL)
		return -1;
	c->name[c->names] = copy;
	return (int)c->names++;
}

bool
tsn_cells_columns(struct tsn_cells *c, const struct tsn_str *names, size_t n)
{
	struct tsn_layout l = { (uint32_t)c->orders, 0 };

	if (n > TSN_SET_COLUMNS_MAX)
		n = TSN_SET_COLUMNS_MAX;
	for (size_t i = 0; i < n; i++) {
		int column = enter(c, names[i]);

		if (column == -1 || !GROW(c->order, c->orders, &c->order_cap))
			return false;
		/* a column too many keeps its place in the row, under no name */
		c->order[c->orders++] = column == -2 ? UINT16_MAX : (uint16_t)column;
		l.n++;
	}
	if (!GROW(c->layout, c->layouts, &c->layout_cap))
		return false;
	c->layout[c->layouts++] = l;
	return true;
}

static bool
add_cell(struct tsn_cells *c, struct tsn_str s)
{
	struct tsn_cell cell = { (uint32_t)c->text.len, s.n };

	if (c->text.len + s.n > UINT32_MAX || !GROW(c->cell, c->cells, &c->cell_cap))
		return false;
	if (s.n > 0)
		tsn_buf_add(&c->text, s.p, s.n);
	c->cell[c->cells++] = cell;
	return !c->text.failed;
}

bool
tsn_cells_row(struct tsn_cells *c, const struct tsn_str *cells, size_t n, uint32_t *row)
{
	static const struct tsn_str empty = { "", 0 };
	struct tsn_cell_row r = { (uint32_t)c->cells, (uint32_t)c->layouts - 1 };

	*row = TSN_SET_NO_ROW;
	if (c->layouts == 0)
		return true;
	if (c->rows >= ROWS_MAX || c->cells + TSN_SET_COLUMNS_MAX >= UINT32_MAX ||
	    !GROW(c->row, c->rows, &c->row_cap))
		return false;
	for (size_t i = 0; i < c->layout[r.layout].n; i++)
		if (!add_cell(c, i < n ? cells[i] : empty))
			return false;
	*row = (uint32_t)c->rows;
	c->row[c->rows++] = r;
	return true;
}

static struct tsn_str
cell_text(const struct tsn_cells *c, size_t cell)
{
	const struct tsn_cell *at = &c->cell[cell];

	return (struct tsn_str){ at->n > 0 ? c->text.p + at->off : "", at->n };
}

static bool
append_layout(struct tsn_cells *c, const struct tsn_cells *other, const struct tsn_layout *l)
{
	struct tsn_str names[TSN_SET_COLUMNS_MAX];

	for (size_t i = 0; i < l->n; i++) {
		uint16_t column = other->order[l->first + i];
		const char *name = column < other->names ? other->name[column] : "";

		names[i] = (struct tsn_str){ name, (uint32_t)strlen(name) };
	}
	return tsn_cells_columns(c, names, l->n);
}

bool
tsn_cells_append(struct tsn_cells *c, const struct tsn_cells *other, uint32_t *base)
{
	uint32_t last = UINT32_MAX, row;
	struct tsn_str cells[TSN_SET_COLUMNS_MAX];

	*base = (uint32_t)c->rows;
	for (size_t i = 0; i < other->rows; i++) {
		const struct tsn_cell_row *r = &other->row[i];
		const struct tsn_layout *l = &other->layout[r->layout];

		if (r->layout != last && !append_layout(c, other, l))
			return false;
		last = r->layout;
		for (size_t j = 0; j < l->n; j++)
			cells[j] = cell_text(other, r->first + j);
		if (!tsn_cells_row(c, cells, l->n, &row))
			return false;
	}
	return true;
}

struct tsn_str
tsn_cells_get(const struct tsn_cells *c, uint32_t row, int column)
{
	const struct tsn_layout *l;

	if (row < c->rows) {
		l = &c->layout[c->row[row].layout];
		for (size_t i = 0; i < l->n; i++)
			if (c->order[l->first + i] == column)
				return cell_text(c, c->row[row].first + i);
	}
	return (struct tsn_str){ "", 0 };
}
