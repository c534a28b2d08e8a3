/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/csv.h"

#include <stdio.h>
#include <string.h>

void
tsn_csv_init(struct tsn_csv *c, const char *text, size_t n)
{
	memset(c, 0, sizeof(*c));
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
		text += 3;
		n -= 3;
	}
	c->p = text;
	c->end = text + n;
	c->next_line = 1;
}

void
tsn_csv_fini(struct tsn_csv *c)
{
	tsn_buf_fini(&c->unquoted);
}

/* End of the line that begins at [p], without its line break. */
static const char *
line_end(const struct tsn_csv *c, const char *p)
{
	const char *nl = p < c->end ? memchr(p, '\n', (size_t)(c->end - p)) : NULL;

	return nl != NULL ? nl : c->end;
}

static const char *
without_cr(const char *from, const char *to)
{
	return to > from && to[-1] == '\r' ? to - 1 : to;
}

/* Goes on behind the line break at [to]. */
static void
pass(struct tsn_csv *c, const char *to)
{
	c->p = to < c->end ? to + 1 : c->end;
	c->next_line++;
}

static bool
blank(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t' || *from == '\r'))
		from++;
	return from == to;
}

static void
add_field(struct tsn_csv *c, const char *p, const char *to)
{
	if (c->n < TSN_CSV_FIELDS)
		c->field[c->n++] = (struct tsn_str){ p, (uint32_t)(to - p) };
}

/*
 * Reads the quoted field whose opening quote is at [p]; returns the byte
 * behind its closing quote, or NULL. Room for the text was made before.
 */
static const char *
quoted(struct tsn_csv *c, const char *p, const char *limit)
{
	size_t from = c->unquoted.len;
	const char *q;

	for (p++;; p = q + 2) {
		q = p < limit ? memchr(p, '"', (size_t)(limit - p)) : NULL;
		if (q == NULL)
			return NULL;
		for (const char *nl = p; (nl = memchr(nl, '\n', (size_t)(q - nl))) != NULL; nl++)
			c->next_line++;
		tsn_buf_add(&c->unquoted, p, (size_t)(q - p));
		if (q + 1 >= limit || q[1] != '"')
			break;
		tsn_buf_putc(&c->unquoted, '"');
	}
	add_field(c, c->unquoted.p + from, c->unquoted.p + c->unquoted.len);
	return q + 1;
}

/* The fields of the record at c->p; where it ends, or NULL if a quote is wrong. */
static const char *
fields(struct tsn_csv *c)
{
	const char *limit = (size_t)(c->end - c->p) > TSN_CSV_RECORD_MAX ? c->p + TSN_CSV_RECORD_MAX : c->end;
	const char *p = c->p, *eol = line_end(c, p), *stop, *start;

	for (;;) {
		start = p;
		while (p < eol && *p == ' ')
			p++;
		if (p < eol && *p == '"') {
			p = quoted(c, p, limit);
			if (p == NULL)
				return NULL;
			eol = line_end(c, p); /* it may have had line breaks inside */
			stop = without_cr(p, eol);
			while (p < stop && *p == ' ')
				p++;
			if (p < stop && *p != ',')
				return NULL;
		} else {
			stop = p < eol ? memchr(p, ',', (size_t)(eol - p)) : NULL;
			p = stop != NULL ? stop : without_cr(start, eol);
			add_field(c, start, p);
			stop = without_cr(start, eol);
		}
		if (p >= stop)
			return eol;
		p++; /* the comma */
	}
}

/* All unquoted text of one record fits without a move, so that fields may point into it. */
static bool
make_room(struct tsn_csv *c)
{
	static const char zeros[4096];

	tsn_buf_clear(&c->unquoted);
	while (c->unquoted.len <= TSN_CSV_RECORD_MAX && c->unquoted.cap <= TSN_CSV_RECORD_MAX &&
	    !c->unquoted.failed)
		tsn_buf_add(&c->unquoted, zeros, sizeof(zeros));
	if (c->unquoted.failed)
		return false;
	tsn_buf_clear(&c->unquoted);
	return true;
}

enum tsn_csv_status
tsn_csv_next(struct tsn_csv *c)
{
	const char *eol, *to, *from;
	size_t line;

	if (!make_room(c))
		return TSN_CSV_MEMORY;
	while (c->p < c->end && (*c->p == '#' || blank(c->p, line_end(c, c->p))))
		pass(c, line_end(c, c->p));
	if (c->p >= c->end)
		return TSN_CSV_END;
	from = c->p;
	line = c->next_line;
	c->line = line;
	c->n = 0;
	eol = line_end(c, from);
	to = fields(c);
	if (to != NULL) {
		pass(c, to);
		return TSN_CSV_RECORD;
	}
	c->next_line = line;
	c->n = 0;
	add_field(c, from, without_cr(from, eol));
	pass(c, eol);
	return TSN_CSV_BROKEN;
}

struct tsn_str
tsn_csv_trim(struct tsn_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

void
tsn_csv_no_column(const struct tsn_csv *c, const char *column, char *out, size_t size)
{
	int n = snprintf(out, size, "no column \"%s\" in the header; there are", column);

	for (size_t i = 0; i < c->n && n >= 0 && (size_t)n < size; i++) {
		struct tsn_str name = tsn_csv_trim(c->field[i]);

		n += snprintf(out + n, size - (size_t)n, "%s %.*s", i > 0 ? "," : "", (int)(name.n < 40 ? name.n : 40), name.p);
	}
}
