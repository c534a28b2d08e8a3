/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* CSV with a header (RFC 4180), as of abuse.ch: comments before it, and the header maybe behind a # of its own. */
#include <string.h>

#include "author/import.h"
#include "sets/csv.h"

#define LOOKED_AT 100 /* records by which the column is found */


static bool
has_comma(struct tsn_str s)
{
	return memchr(s.p, ',', s.n) != NULL;
}

/* The last comment with commas before the data, or the first line that is none. */
static bool
find_header(const char *text, size_t n, struct tsn_str *out, const char **data, size_t *line_no, struct tsn_import *im)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line, commented = { NULL, 0 };

	while (tsn_import_line(&l, &line)) {
		const struct tsn_str s = tsn_import_trim(line);

		if (s.n > 0 && s.p[0] == '#') {
			if (im != NULL)
				tsn_import_find_date(im, s);
			if (has_comma(s))
				commented = tsn_import_trim((struct tsn_str){ s.p + 1, s.n - 1 });
			continue;
		}
		if (s.n == 0)
			continue;
		if (!has_comma(s))
			return false;
		*line_no = l.number;
		*data = l.p;
		*out = s;
		/* a line of data: the header was the comment before it */
		for (uint32_t i = 0, from = 0; i <= s.n; i++) {
			if (i < s.n && s.p[i] != ',')
				continue;
			struct tsn_str cell = { s.p + from, i - from };

			from = i + 1;
			cell = tsn_import_trim(cell);
			if (cell.n > 1 && cell.p[0] == '"' && cell.p[cell.n - 1] == '"')
				cell = (struct tsn_str){ cell.p + 1, cell.n - 2 };
			if (tsn_import_is_member(cell)) {
				*data = line.p;
				*line_no = l.number - 1;
				*out = commented;
				return true;
			}
		}
		return true;
	}
	return false;
}

bool
tsn_import_is_csv(const char *text, size_t n)
{
	struct tsn_str header;
	const char *data;
	size_t line;

	if (!find_header(text, n > 65536 ? 65536 : n, &header, &data, &line, NULL))
		return false;
	/* filters of others have commas, too, but no lines of addresses */
	for (struct tsn_import_lines l = { data, text + n, 0 }; tsn_import_line(&l, &header);)
		if (tsn_import_trim(header).n > 0 && header.p[0] != '#')
			return has_comma(header);
	return false;
}

/* Columns in which most cells are addresses; [*second] is another one. */
static size_t
find_column(const char *data, size_t n, size_t *second)
{
	size_t hits[TSN_CSV_FIELDS] = { 0 }, records = 0, best = SIZE_MAX;
	struct tsn_csv c;

	tsn_csv_init(&c, data, n);
	while (records < LOOKED_AT) {
		const enum tsn_csv_status got = tsn_csv_next(&c);

		if (got == TSN_CSV_END || got == TSN_CSV_MEMORY)
			break;
		if (got != TSN_CSV_RECORD)
			continue;
		records++;
		for (size_t i = 0; i < c.n; i++)
			hits[i] += tsn_import_is_member(tsn_csv_trim(c.field[i]));
	}
	tsn_csv_fini(&c);
	*second = SIZE_MAX;
	for (size_t i = 0; i < TSN_CSV_FIELDS; i++) {
		if (hits[i] == 0 || hits[i] * 2 < records)
			continue;
		if (best == SIZE_MAX)
			best = i;
		else if (*second == SIZE_MAX)
			*second = i;
	}
	return best;
}

/* The column that is asked for among those of the header. */
static size_t
named_column(struct tsn_import *im, struct tsn_str header, size_t line)
{
	const char *want = im->options->column;
	const struct tsn_str s = { want, (uint32_t)strlen(want) };
	size_t found = SIZE_MAX;
	char columns[160];
	struct tsn_csv c;
	int64_t number;

	if (tsn_import_int(s, &number) && number >= 1 && number <= TSN_CSV_FIELDS)
		return (size_t)number - 1;
	tsn_csv_init(&c, header.p == NULL ? "" : header.p, header.n);
	if (tsn_csv_next(&c) == TSN_CSV_RECORD) {
		for (size_t i = 0; i < c.n && found == SIZE_MAX; i++)
			if (tsn_import_same(tsn_csv_trim(c.field[i]), want))
				found = i;
		if (found == SIZE_MAX) {
			tsn_csv_no_column(&c, want, columns, sizeof(columns));
			tsn_import_fail(im, line, 0, "%s", columns);
		}
	} else {
		tsn_import_fail(im, line, 0, "there is no header that could name column \"%s\"; columns have numbers, too", want);
	}
	tsn_csv_fini(&c);
	return found;
}

bool
tsn_import_csv(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_str header = { NULL, 0 };
	const char *data = text;
	size_t line = 0, column, second = SIZE_MAX;
	struct tsn_csv c;
	enum tsn_csv_status got;

	if (!find_header(text, n, &header, &data, &line, im))
		return tsn_import_fail(im, 1, 0, "this is no CSV: there is no line with commas");
	column = im->options->column != NULL ? named_column(im, header, line) : find_column(data, (size_t)(text + n - data), &second);
	if (column == SIZE_MAX)
		return tsn_import_fail(im, line, 0, "no column of this CSV holds addresses: name it with --column");
	if (im->options->column == NULL && second != SIZE_MAX)
		return tsn_import_fail(im, line, 0, "columns %zu and %zu both hold addresses: say which with --column", column + 1, second + 1);
	tsn_csv_init(&c, data, (size_t)(text + n - data));
	while ((got = tsn_csv_next(&c)) != TSN_CSV_END && got != TSN_CSV_MEMORY) {
		const struct tsn_str cell = got == TSN_CSV_RECORD && column < c.n ? tsn_csv_trim(c.field[column]) : c.n > 0 ? c.field[0] : (struct tsn_str){ "", 0 };

		if (got != TSN_CSV_RECORD || column >= c.n || !tsn_import_add(im, cell, 0))
			tsn_import_bad(im, line + c.line, cell);
	}
	tsn_csv_fini(&c);
	im->no_memory |= got == TSN_CSV_MEMORY;
	return true;
}
