/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sets/csv.h"

#define GUESS_FROM 100 /* members looked at to find the type */

struct load {
	struct tsn_set_builder *b;
	struct tsn_set_report *report;
	enum tsn_type type;
	size_t tried, fits[3]; /* while guessing: members so far, and those that could be of guesses[i] */
	bool guessing;
	enum tsn_set_file failed;
};

static const enum tsn_type guesses[3] = { TSN_T_ADDR, TSN_T_INT, TSN_T_MAC };

static void __attribute__((format(printf, 2, 3)))
say(struct tsn_set_report *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);
}

void
tsn_set_report_bad(struct tsn_set_report *r, size_t line, struct tsn_str text)
{
	struct tsn_set_bad_line *bad;
	size_t n = text.n < TSN_SET_FILE_TEXT - 1 ? text.n : TSN_SET_FILE_TEXT - 1;

	r->bad++;
	if (r->named >= TSN_SET_FILE_NAMED)
		return;
	bad = &r->first[r->named++];
	bad->line = line;
	for (size_t i = 0; i < n; i++) { /* it goes to logs and terminals */
		unsigned char c = (unsigned char)text.p[i];

		bad->text[i] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
	bad->text[n] = '\0';
}

/* The member of a line, with the cells of its row if the file has any. Returns false to stop. */
static bool
member(struct load *l, size_t line, struct tsn_str text, const struct tsn_str *cells,
    size_t n_cells)
{
	enum tsn_set_error err = TSN_SET_OK;
	uint32_t row = TSN_SET_NO_ROW;

	if (l->guessing) {
		for (int i = 0; i < 3; i++)
			l->fits[i] += tsn_set_member_parse(text.p, text.n, guesses[i], NULL, row,
			    &err);
		return ++l->tried < GUESS_FROM;
	}
	l->report->lines++;
	/* a row is made only for what is a member */
	if (cells != NULL && tsn_set_member_parse(text.p, text.n, l->type, NULL, row, &err))
		err = tsn_set_builder_row(l->b, cells, n_cells, &row);
	if (err == TSN_SET_OK && tsn_set_member_parse(text.p, text.n, l->type, l->b, row, &err)) {
		l->report->members++;
		return true;
	}
	if (err == TSN_SET_OK) {
		tsn_set_report_bad(l->report, line, text);
		return true;
	}
	l->failed = err == TSN_SET_MEMORY ? TSN_SET_FILE_MEMORY : TSN_SET_FILE_BAD;
	if (err != TSN_SET_MEMORY)
		say(l->report, "its members are of another type than the set's");
	return false;
}

static void
plain_list(struct load *l, const char *text, size_t n)
{
	const char *p = text, *end = text + n, *eol, *to, *from;
	size_t line = 0;

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (; p < end; p = eol < end ? eol + 1 : end) {
		line++;
		eol = memchr(p, '\n', (size_t)(end - p));
		eol = eol != NULL ? eol : end;
		for (from = p; from < eol && (*from == ' ' || *from == '\t' || *from == '\r'); from++)
			;
		if (from == eol || *from == '#' || *from == ';')
			continue;
		/* strings (URLs...) may have these signs inside; there a comment has its own line */
		for (to = from; to < eol && (l->type == TSN_T_STRING || (*to != '#' && *to != ';')); to++)
			;
		while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
			to--;
		if (!member(l, line, (struct tsn_str){ from, (uint32_t)(to - from) }, NULL, 0))
			return;
	}
}

/* Reads the header: the place of [column], or -1. */
static int
header(struct load *l, struct tsn_csv *c, const char *column)
{
	struct tsn_str names[TSN_CSV_FIELDS];
	int found = -1;

	switch (tsn_csv_next(c)) {
	case TSN_CSV_MEMORY:
		l->failed = TSN_SET_FILE_MEMORY;
		return -1;
	case TSN_CSV_RECORD:
		break;
	default:
		l->failed = TSN_SET_FILE_BAD;
		say(l->report, "no header line that names the columns");
		return -1;
	}
	for (size_t i = 0; i < c->n; i++) {
		names[i] = tsn_csv_trim(c->field[i]);
		if (found < 0 && strlen(column) == names[i].n &&
		    memcmp(column, names[i].p, names[i].n) == 0)
			found = (int)i;
	}
	if (found < 0) {
		l->failed = TSN_SET_FILE_BAD;
		tsn_csv_no_column(c, column, l->report->message, sizeof(l->report->message));
	} else if (!l->guessing && tsn_set_builder_columns(l->b, names, c->n) != TSN_SET_OK) {
		l->failed = TSN_SET_FILE_MEMORY;
	}
	return l->failed == TSN_SET_FILE_OK ? found : -1;
}

/* One record; false to stop. */
static bool
record(struct load *l, struct tsn_csv *c, enum tsn_csv_status status, int column)
{
	if (status == TSN_CSV_RECORD && (size_t)column < c->n)
		return member(l, c->line, tsn_csv_trim(c->field[column]), c->field, c->n);
	if (!l->guessing) {
		l->report->lines++;
		tsn_set_report_bad(l->report, c->line, c->n > 0 ? c->field[0] : (struct tsn_str){ "", 0 });
	}
	return true;
}

static void
csv_file(struct load *l, const char *text, size_t n, const char *column)
{
	struct tsn_csv *c = tsn_malloc(sizeof(*c));
	enum tsn_csv_status status;
	int at;

	if (c == NULL) {
		l->failed = TSN_SET_FILE_MEMORY;
		return;
	}
	tsn_csv_init(c, text, n);
	at = header(l, c, column);
	while (at >= 0) {
		status = tsn_csv_next(c);
		if (status == TSN_CSV_MEMORY)
			l->failed = TSN_SET_FILE_MEMORY;
		if (status == TSN_CSV_END || status == TSN_CSV_MEMORY || !record(l, c, status, at))
			break;
	}
	tsn_csv_fini(c);
	tsn_free(c);
}

static void
walk(struct load *l, const char *text, size_t n, const char *column)
{
	if (column != NULL)
		csv_file(l, text, n, column);
	else
		plain_list(l, text, n);
}

/* The first type that nine in ten of the first members could have; strings if none. */
static void
guess(struct load *l, const char *text, size_t n, const char *column)
{
	l->guessing = true;
	walk(l, text, n, column);
	l->guessing = false;
	l->type = TSN_T_STRING;
	for (int i = 2; i >= 0; i--)
		if (l->tried == 0 || l->fits[i] * 10 >= l->tried * 9)
			l->type = guesses[i];
}

enum tsn_set_file
tsn_set_report_judge(struct tsn_set_report *r, const char *what)
{
	bool refused = r->bad * 100 > r->lines;

	if (r->bad == 0)
		return TSN_SET_FILE_OK;
	say(r, "%zu of %zu lines hold%s no %s, the first is line %zu: \"%s\"%s", r->bad, r->lines, r->bad == 1 ? "s" : "", what,
	    r->first[0].line, r->first[0].text, refused ? "; at most one in a hundred is skipped" : "");
	return refused ? TSN_SET_FILE_BAD : TSN_SET_FILE_OK;
}

enum tsn_set_file
tsn_set_file_parse(const char *text, size_t n, enum tsn_type type, const char *column,
    struct tsn_set_builder *b, struct tsn_set_report *report)
{
	struct load l = { .b = b, .report = report, .type = type, .failed = TSN_SET_FILE_OK };

	memset(report, 0, sizeof(*report));
	if (type == TSN_T_NONE)
		guess(&l, text, n, column);
	report->type = l.type;
	if (l.failed == TSN_SET_FILE_OK)
		walk(&l, text, n, column);
	if (l.failed == TSN_SET_FILE_OK)
		l.failed = tsn_set_report_judge(report, tsn_type_name(report->type));
	if (l.failed == TSN_SET_FILE_MEMORY)
		say(report, "out of memory");
	return l.failed;
}

enum tsn_set_file
tsn_set_file_load(const char *path, enum tsn_type type, const char *column,
    struct tsn_set_builder *b, struct tsn_set_report *report)
{
	struct tsn_buf text = TSN_BUF_INIT;
	int err = tsn_buf_read_file(&text, path, TSN_SET_FILE_MAX);
	enum tsn_set_file result;

	if (err != 0) {
		memset(report, 0, sizeof(*report));
		report->error = err;
		say(report, "%s", strerror(err));
		result = err == ENOMEM ? TSN_SET_FILE_MEMORY : TSN_SET_FILE_UNREADABLE;
	} else {
		result = tsn_set_file_parse(tsn_buf_str(&text), text.len, type, column, b, report);
	}
	tsn_buf_fini(&text);
	return result;
}
