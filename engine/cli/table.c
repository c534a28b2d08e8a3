/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/table.h"

#include <string.h>

#include "base/mem.h"

#define SHORT_TEXT 24u /* characters of a long text where room is short */

struct cell {
	size_t at[2]; /* in the text: as it is, and shorter */
	unsigned width[2];
	enum tsn_style style;
};

struct tsn_table {
	struct tsn_table_column *column;
	uint32_t n, next;
	unsigned terminal;
	bool color, laid_out, is_short;
	unsigned gap;
	unsigned *width;
	bool *shown, *dropped;
	struct cell *cell; /* TSN_TABLE_HELD rows, then one at a time */
	uint32_t rows;
	struct tsn_buf text, out;
};

struct tsn_table *
tsn_table_new(const struct tsn_table_column *column, uint32_t n, unsigned width, bool color)
{
	struct tsn_table *t = tsn_calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->n = n;
	t->terminal = width;
	t->color = color;
	t->column = tsn_calloc(n, sizeof(*column));
	t->width = tsn_calloc(n, sizeof(*t->width));
	t->shown = tsn_calloc(n, sizeof(*t->shown));
	t->dropped = tsn_calloc(n, sizeof(*t->dropped));
	t->cell = tsn_calloc((size_t)n * TSN_TABLE_HELD, sizeof(*t->cell));
	if (t->column == NULL || t->width == NULL || t->shown == NULL || t->dropped == NULL || t->cell == NULL) {
		tsn_table_free(t);
		return NULL;
	}
	memcpy(t->column, column, n * sizeof(*column));
	return t;
}

void
tsn_table_free(struct tsn_table *t)
{
	if (t == NULL)
		return;
	tsn_free(t->column);
	tsn_free(t->width);
	tsn_free(t->shown);
	tsn_free(t->dropped);
	tsn_free(t->cell);
	tsn_buf_fini(&t->text);
	tsn_buf_fini(&t->out);
	tsn_free(t);
}

static const char *
cell_text(const struct tsn_table *t, const struct cell *c, bool brief)
{
	return tsn_buf_str(&t->text) + c->at[brief];
}

static bool
wanted(const struct tsn_table *t, uint32_t i)
{
	bool present = false, varied = false;
	uint32_t r;

	for (r = 0; r < t->rows; r++) {
		const struct cell *c = &t->cell[(size_t)r * t->n + i];

		present |= strcmp(cell_text(t, c, false), "-") != 0;
		varied |= strcmp(cell_text(t, c, false), cell_text(t, &t->cell[i], false)) != 0;
	}
	if (t->rows == 0) /* a table without rows is one, too */
		return t->column[i].when != TSN_SHOW_IF_VARIED;
	return t->column[i].when == TSN_SHOW_ALWAYS || (present && (varied || t->column[i].when == TSN_SHOW_IF_PRESENT));
}

/* Width of all that is shown; sets that of each column. */
static unsigned
measure(struct tsn_table *t)
{
	unsigned sum = 0;
	uint32_t i, r;

	for (i = 0; i < t->n; i++) {
		t->width[i] = (unsigned)strlen(t->column[i].name);
		for (r = 0; r < t->rows; r++)
			if (t->cell[(size_t)r * t->n + i].width[t->is_short] > t->width[i])
				t->width[i] = t->cell[(size_t)r * t->n + i].width[t->is_short];
		if (t->shown[i])
			sum += (sum > 0 ? t->gap : 0) + t->width[i];
	}
	return sum;
}

/* The one that gives way next: the highest rank, of equals the last. False when the rest must stay. */
static bool
drop_one(struct tsn_table *t)
{
	uint32_t i, worst = t->n;

	for (i = 0; i < t->n; i++)
		if (t->shown[i] && t->column[i].rank > 0 && (worst == t->n || t->column[i].rank >= t->column[worst].rank))
			worst = i;
	if (worst == t->n)
		return false;
	t->shown[worst] = false;
	t->dropped[worst] = true;
	return true;
}

static void
lay_out(struct tsn_table *t)
{
	uint32_t i;

	for (i = 0; i < t->n; i++)
		t->shown[i] = wanted(t, i);
	t->gap = 2;
	if (measure(t) <= t->terminal || t->terminal == 0)
		return;
	t->is_short = true;
	t->gap = 1;
	while (measure(t) > t->terminal && drop_one(t))
		;
	t->gap = 2;
	if (measure(t) > t->terminal)
		t->gap = 1;
}

static void
pad(struct tsn_table *t, unsigned n)
{
	static const char blanks[] = "                                ";

	for (; n > 0; n -= n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1)
		tsn_buf_add(&t->out, blanks, n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1);
}

/* One line; [row] NULL: the names of the columns. */
static void
write_line(struct tsn_table *t, const struct cell *row)
{
	bool first = true;
	unsigned owed = 0;
	uint32_t i;

	for (i = 0; i < t->n; i++) {
		unsigned width = row == NULL ? (unsigned)strlen(t->column[i].name) : row[i].width[t->is_short], fill;

		if (!t->shown[i])
			continue;
		if (width > t->width[i])
			t->width[i] = width; /* wider than any of the first: from here on there is room */
		fill = t->width[i] - width;
		pad(t, owed + (first ? 0 : t->gap) + (t->column[i].right ? fill : 0));
		tsn_terminal_style(&t->out, t->color, row == NULL ? TSN_BOLD : row[i].style,
		    row == NULL ? t->column[i].name : cell_text(t, &row[i], t->is_short));
		owed = t->column[i].right ? 0 : fill; /* owed by whoever comes behind: no blanks end a line */
		first = false;
	}
	tsn_buf_putc(&t->out, '\n');
}

static void
release(struct tsn_table *t)
{
	uint32_t r;

	if (!t->laid_out) {
		lay_out(t);
		t->laid_out = true;
		write_line(t, NULL);
	}
	for (r = 0; r < t->rows; r++)
		write_line(t, &t->cell[(size_t)r * t->n]);
	t->rows = 0;
	tsn_buf_clear(&t->text);
}

static void
put_text(struct tsn_table *t, struct cell *c, bool brief, const char *text, size_t len)
{
	c->at[brief] = t->text.len;
	c->width[brief] = tsn_terminal_text(&t->text, text, len, brief ? SHORT_TEXT : 0);
	tsn_buf_putc(&t->text, '\0');
}

void
tsn_table_cell(struct tsn_table *t, const char *text, size_t len, const char *shorter, enum tsn_style style)
{
	struct cell *c = &t->cell[(size_t)t->rows * t->n + t->next];

	c->style = style;
	put_text(t, c, false, text, len);
	if (shorter != NULL)
		put_text(t, c, true, shorter, strlen(shorter));
	else if (c->width[0] > 2 * SHORT_TEXT) /* an address of IPv6 is no long text */
		put_text(t, c, true, text, len);
	else
		c->at[1] = c->at[0], c->width[1] = c->width[0];
	if (++t->next < t->n)
		return;
	t->next = 0;
	if (++t->rows == TSN_TABLE_HELD || t->laid_out)
		release(t);
}

void
tsn_table_pause(struct tsn_table *t)
{
	if (t->rows > 0)
		release(t);
}

/* In as many lines as the terminal's width asks for. */
static void
name_dropped(struct tsn_table *t, struct tsn_buf *out)
{
	size_t line = 0;
	uint32_t i;

	for (i = 0; i < t->n; i++) {
		size_t n = strlen(t->column[i].name);

		if (!t->dropped[i])
			continue;
		tsn_buf_puts(out, out->len == 0 ? "no room for:" : ",");
		if (out->len - line + n + 2 > t->terminal) { /* a blank before it, a comma behind */
			tsn_buf_putc(out, '\n');
			line = out->len;
		}
		tsn_buf_printf(out, " %s", t->column[i].name);
	}
}

void
tsn_table_end(struct tsn_table *t)
{
	struct tsn_buf line = TSN_BUF_INIT;

	release(t);
	name_dropped(t, &line);
	if (line.len > 0) {
		tsn_terminal_style(&t->out, t->color, TSN_DIM, tsn_buf_str(&line));
		tsn_buf_putc(&t->out, '\n');
	}
	tsn_buf_fini(&line);
}

bool
tsn_table_wants_short(const struct tsn_table *t)
{
	return t->laid_out ? t->is_short : t->terminal > 0;
}

bool
tsn_table_shows(const struct tsn_table *t, uint32_t i)
{
	return t->shown[i];
}

bool
tsn_table_is_short(const struct tsn_table *t)
{
	return t->is_short;
}

struct tsn_buf *
tsn_table_out(struct tsn_table *t)
{
	return &t->out;
}
