/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sets/csv.h"
#include "sets/members.h"

#define NUMBER_MAX 60 /* characters */

struct tsn_table {
	struct tsn_table_rows rows;
	struct tsn_table_value fallback;
	bool real;
};

void
tsn_table_rows_fini(struct tsn_table_rows *r)
{
	tsn_free(r->v);
	*r = (struct tsn_table_rows){ 0 };
}

void
tsn_table_numbers_free(struct tsn_table *t)
{
	if (t != NULL)
		tsn_table_rows_fini(&t->rows);
	tsn_free(t);
}

bool
tsn_table_row(struct tsn_set_builder *b, struct tsn_table_rows *r, struct tsn_table_value v, uint32_t *row)
{
	struct tsn_table_value *grown;

	/* rows are only counted once their columns are named, and these have none */
	if (r->n == 0 && tsn_set_builder_columns(b, NULL, 0) != TSN_SET_OK)
		return false;
	grown = tsn_grow(r->v, r->n, &r->cap, sizeof(*grown));
	if (grown == NULL)
		return false;
	r->v = grown;
	if (tsn_set_builder_row(b, NULL, 0, row) != TSN_SET_OK || *row != r->n)
		return false;
	r->v[r->n++] = v;
	return true;
}

bool
tsn_table_value_parse(const char *p, size_t n, struct tsn_table_value *out)
{
	char text[NUMBER_MAX + 1], *end;
	bool digit = false;

	if (n == 0 || n > NUMBER_MAX)
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	for (size_t i = 0; i < n; i++) {
		/* strtod knows more: inf, nan, hexadecimal reals, spaces */
		if (strchr("0123456789abcdefABCDEFxX+-.", text[i]) == NULL)
			return false;
		digit |= text[i] >= '0' && text[i] <= '9';
	}
	if (!digit)
		return false;
	errno = 0;
	out->known = true;
	out->i = strtoll(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	out->real = *end != '\0' || errno != 0;
	out->f = (double)out->i;
	if (!out->real)
		return true;
	if (strpbrk(text, "xX") != NULL)
		return false;
	out->i = 0;
	out->f = strtod(text, &end);
	return *end == '\0' && isfinite(out->f);
}

/* --- files --- */

struct reading {
	struct tsn_set_builder *b;
	struct tsn_table_rows *rows;
	struct tsn_set_report *report;
	struct tsn_csv *csv;
	enum tsn_type type;
	bool whole;
	size_t key, value; /* columns */
	enum tsn_set_file status;
};

static bool
find_column(struct reading *r, const char *name, size_t *out)
{
	const struct tsn_csv *c = r->csv;

	for (size_t i = 0; name != NULL && i < c->n; i++) {
		struct tsn_str s = tsn_csv_trim(c->field[i]);

		if (s.n == strlen(name) && memcmp(s.p, name, s.n) == 0) {
			*out = i;
			return true;
		}
	}
	if (name == NULL)
		return true;
	r->status = TSN_SET_FILE_BAD;
	tsn_csv_no_column(c, name, r->report->message, sizeof(r->report->message));
	return false;
}

/* One line. False to stop. */
static bool
record(struct reading *r, enum tsn_csv_status status)
{
	const struct tsn_csv *c = r->csv;
	struct tsn_str key = { "", 0 }, number = { "", 0 };
	struct tsn_table_value v;
	enum tsn_set_error error = TSN_SET_OK;
	uint32_t row = TSN_SET_NO_ROW;
	bool good = status == TSN_CSV_RECORD && r->key < c->n && r->value < c->n;

	r->report->lines++;
	if (good) {
		key = tsn_csv_trim(c->field[r->key]);
		number = tsn_csv_trim(c->field[r->value]);
	}
	good = good && tsn_table_value_parse(number.p, number.n, &v) && !(v.real && r->whole) &&
	    tsn_set_member_parse(key.p, key.n, r->type, NULL, row, &error);
	if (!good) {
		tsn_set_report_bad(r->report, c->line, c->n > 0 ? c->field[0] : key);
		return true;
	}
	if (!tsn_table_row(r->b, r->rows, v, &row)) {
		r->status = TSN_SET_FILE_MEMORY;
		return false;
	}
	if (tsn_set_member_parse(key.p, key.n, r->type, r->b, row, &error)) {
		r->report->members++;
		return true;
	}
	r->status = error == TSN_SET_MEMORY ? TSN_SET_FILE_MEMORY : TSN_SET_FILE_BAD;
	if (error != TSN_SET_MEMORY)
		snprintf(r->report->message, sizeof(r->report->message), "its keys are of another type than the table's");
	return false;
}

/* The first line, which may be a header. False to stop. */
static bool
first_line(struct reading *r, const char *key, const char *value, enum tsn_csv_status status)
{
	struct tsn_table_value v;

	r->key = 0;
	r->value = 1;
	if (key == NULL && value == NULL)
		return status == TSN_CSV_RECORD && r->csv->n > 1 && !tsn_table_value_parse(tsn_csv_trim(r->csv->field[1]).p,
		    tsn_csv_trim(r->csv->field[1]).n, &v) ? true : record(r, status);
	if (!find_column(r, key, &r->key) || !find_column(r, value, &r->value))
		return false;
	if (r->key == r->value && value == NULL)
		r->value = 0; /* the key is the second column */
	if (r->key == r->value && value != NULL)
		r->key = r->value == 0 ? 1 : 0;
	return true;
}

static void
walk(struct reading *r, const char *key, const char *value)
{
	enum tsn_csv_status status;
	bool first = true, more = true;

	while (more) {
		status = tsn_csv_next(r->csv);
		if (status == TSN_CSV_MEMORY)
			r->status = TSN_SET_FILE_MEMORY;
		if (status == TSN_CSV_END || status == TSN_CSV_MEMORY)
			break;
		more = first ? first_line(r, key, value, status) : record(r, status);
		first = false;
	}
	if (first && r->status == TSN_SET_FILE_OK && (key != NULL || value != NULL)) {
		r->status = TSN_SET_FILE_BAD;
		snprintf(r->report->message, sizeof(r->report->message), "no header line that names the columns");
	}
}

enum tsn_set_file
tsn_table_parse(const char *text, size_t n, enum tsn_type type, const char *key, const char *value, bool whole,
    struct tsn_set_builder *b, struct tsn_table_rows *rows, struct tsn_set_report *report)
{
	struct reading r = { b, rows, report, tsn_malloc(sizeof(*r.csv)), type, whole, 0, 1, TSN_SET_FILE_OK };

	memset(report, 0, sizeof(*report));
	report->type = type;
	if (r.csv == NULL)
		return TSN_SET_FILE_MEMORY;
	tsn_csv_init(r.csv, text, n);
	walk(&r, key, value);
	tsn_csv_fini(r.csv);
	tsn_free(r.csv);
	if (r.status == TSN_SET_FILE_OK)
		r.status = tsn_set_report_judge(report, whole ? "key with a whole number" : "key with a number");
	return r.status;
}

enum tsn_set_file
tsn_table_load(const char *path, enum tsn_type type, const char *key, const char *value, bool whole,
    struct tsn_set_builder *b, struct tsn_table_rows *r, struct tsn_set_report *report)
{
	struct tsn_buf text = TSN_BUF_INIT;
	int err = tsn_buf_read_file(&text, path, TSN_SET_FILE_MAX);
	enum tsn_set_file status;

	if (err != 0) {
		memset(report, 0, sizeof(*report));
		report->error = err;
		snprintf(report->message, sizeof(report->message), "%s", strerror(err));
		status = err == ENOMEM ? TSN_SET_FILE_MEMORY : TSN_SET_FILE_UNREADABLE;
	} else {
		status = tsn_table_parse(tsn_buf_str(&text), text.len, type, key, value, whole, b, r, report);
	}
	tsn_buf_fini(&text);
	return status;
}

/* --- the table --- */

struct tsn_set *
tsn_table_build(struct tsn_set_builder *b, struct tsn_table_rows *r, struct tsn_table_value fallback)
{
	struct tsn_table *t = tsn_calloc(1, sizeof(*t));
	struct tsn_set *s = tsn_set_build(b);

	if (t == NULL || s == NULL) {
		tsn_free(t);
		tsn_set_free(s);
		tsn_table_rows_fini(r);
		return NULL;
	}
	t->rows = *r;
	*r = (struct tsn_table_rows){ 0 };
	t->fallback = fallback;
	t->real = fallback.known && fallback.real;
	for (size_t i = 0; i < t->rows.n; i++)
		t->real |= t->rows.v[i].real;
	s->table = t;
	return s;
}

bool
tsn_table_is_real(const struct tsn_set *s)
{
	return s->table != NULL && s->table->real;
}

struct tsn_table_value
tsn_table_value_of(const struct tsn_set *s, uint32_t row)
{
	const struct tsn_table *t = s->table;

	if (t == NULL)
		return (struct tsn_table_value){ 0 };
	return row < t->rows.n ? t->rows.v[row] : t->fallback;
}
