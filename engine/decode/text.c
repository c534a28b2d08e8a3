/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Tables: a header line and lines of cells. */
#include "decode/text.h"

#include <string.h>

#include "base/mem.h"
#include "decode/text_record.h"

#define LOOKS_LIKE 4 /* columns from which on an unknown first line is taken for a header, so that a map can be asked for */

struct tsn_text *
tsn_text_new(struct tsn_exporters *exporters, struct tsn_batch_sink *sink, const struct tsn_text_map *map)
{
	struct tsn_text *t = tsn_calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->exporters = exporters;
	t->sink = sink;
	t->map = map;
	t->lacks = -1;
	t->scratch = tsn_malloc(TSN_TEXT_SCRATCH);
	strcpy(t->unset, "-");
	strcpy(t->empty, "(empty)");
	if (t->scratch != NULL && tsn_text_json_new(t))
		return t;
	tsn_text_free(t);
	return NULL;
}

void
tsn_text_free(struct tsn_text *t)
{
	if (t == NULL)
		return;
	tsn_text_json_free(t);
	tsn_free(t->header);
	tsn_free(t->scratch);
	tsn_free(t);
}

const char *
tsn_text_why(const struct tsn_text *t)
{
	return t->why;
}

const char *
tsn_text_name(const struct tsn_text *t)
{
	return t->dialect != NULL ? t->dialect->name : NULL;
}

int
tsn_text_lacks(const struct tsn_text *t)
{
	return t->lacks;
}

bool
tsn_text_column(const struct tsn_text *t, size_t i, const char **name, size_t *len)
{
	if (i >= t->names.n)
		return false;
	*name = t->names.v[i].p;
	*len = t->names.v[i].n;
	return true;
}

uint64_t
tsn_text_rows(const struct tsn_text *t)
{
	return t->rows;
}

/* --- what an input is --- */

static bool
begins(const char *p, size_t n, const char *word)
{
	return n >= strlen(word) && memcmp(p, word, strlen(word)) == 0;
}

static size_t
blanks(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
		i++;
	return i;
}

/* "{" and a key or its end, "[" and an object or its end. */
static bool
is_json(const char *p, size_t n)
{
	size_t i = blanks(p, n);

	if (i < n && p[i] == '[') {
		i++;
		i += blanks(p + i, n - i);
		if (i < n && p[i] == ']')
			return true;
	}
	if (i >= n || p[i] != '{')
		return false;
	i++;
	i += blanks(p + i, n - i);
	return i == n || p[i] == '"' || p[i] == '}';
}

static bool
is_text(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)p[i] < 32 && p[i] != '\t' && p[i] != '\r' && p[i] != '\n')
			return false;
	return n > 0;
}

/* Of bytes that are text throughout ([plain]) a header of any kind is taken, of others one that is known. */
static bool
is_header(const char *p, size_t n, bool plain, bool map)
{
	struct tsn_text_names names;

	if (!is_text(p, n))
		return false;
	tsn_text_split(&names, p, n, tsn_text_separator(p, n));
	return map || tsn_text_recognise(&names) != NULL || (plain && names.n >= LOOKS_LIKE);
}

static enum tsn_text_form
sniff_table(const char *p, size_t n, bool map)
{
	bool plain = is_text(p, n);

	while (n > 0) {
		size_t skip = blanks(p, n), len;
		const char *end = memchr(p + skip, '\n', n - skip);

		len = end != NULL ? (size_t)(end - p) - skip : n - skip;
		len -= len > 0 && p[skip + len - 1] == '\r';
		if (begins(p + skip, len, "#separator") || begins(p + skip, len, "#fields"))
			return TSN_TEXT_TABLE;
		if (len == 0)
			break;
		if (p[skip] != '#')
			return is_header(p + skip, len, plain && end != NULL, map) ? TSN_TEXT_TABLE : TSN_TEXT_NONE;
		if (end == NULL)
			break;
		n -= (size_t)(end - p);
		p = end;
	}
	return TSN_TEXT_NONE;
}

enum tsn_text_form
tsn_text_sniff(const char *p, size_t n, bool map)
{
	if (begins(p, n, "\xef\xbb\xbf")) {
		p += 3;
		n -= 3;
	}
	if (is_json(p, n))
		return TSN_TEXT_OBJECTS;
	return sniff_table(p, n, map);
}

/* --- headers --- */

static enum tsn_text_status
header(struct tsn_text *t, const char *p, size_t n, char sep)
{
	char *copy = tsn_strndup(p, n);

	if (copy == NULL)
		return tsn_text_fail(t, TSN_TEXT_STOPPED, "memory is out");
	tsn_free(t->header);
	t->header = copy;
	t->header_len = n;
	t->sep = sep;
	t->quoted = sep == ',' || sep == ';';
	t->totals = false;
	tsn_text_split(&t->names, copy, n, sep);
	if (tsn_text_bind_table(t)) {
		t->quoted |= sep == '\t' && (tsn_text_is_own(t) || t->map != NULL);
		return TSN_TEXT_NOTHING;
	}
	return tsn_text_fail(t, TSN_TEXT_UNKNOWN, t->lacks >= 0 ? "the header has no such column" : "the header is of no known kind");
}

/* Zeek, base/frameworks/logging/writers/ascii: "#key", the separator, a value. */
static enum tsn_text_status
directive(struct tsn_text *t, const char *p, size_t n)
{
	static const char *const words[] = { "#unset_field", "#empty_field" };
	char *const to[] = { t->unset, t->empty };

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(words[i]) + 1;

		if (begins(p, n, words[i]) && n > len && n - len < sizeof(t->unset)) {
			memcpy(to[i], p + len, n - len);
			to[i][n - len] = '\0';
		}
	}
	if (begins(p, n, "#fields") && n > 8)
		return header(t, p + 8, n - 8, p[7]);
	return TSN_TEXT_NOTHING;
}

/* --- cells --- */

/* A cell in quotes; [*at] is left on the separator behind it. Two quotes inside stand for one. */
static enum tsn_text_status
quoted_cell(struct tsn_text *t, const char *p, size_t n, size_t *at, const char **cell, size_t *len)
{
	size_t i = *at + 1, from = i;
	bool doubled = false;
	char *copy;

	for (;; i++) {
		if (i >= n)
			return tsn_text_fail(t, TSN_TEXT_QUOTE, "a quote is not closed");
		if (p[i] != '"')
			continue;
		if (i + 1 >= n || p[i + 1] != '"')
			break;
		doubled = true;
		i++;
	}
	*at = i + 1;
	*cell = p + from;
	*len = i - from;
	if (*at < n && p[*at] != t->sep)
		return tsn_text_fail(t, TSN_TEXT_BAD, "there is text behind a quoted cell");
	if (!doubled)
		return TSN_TEXT_ROWS;
	copy = tsn_text_scratch(t, *len);
	if (copy == NULL)
		return tsn_text_fail(t, TSN_TEXT_BAD, "it is too long");
	*cell = copy;
	for (size_t k = from; k < i; k++) {
		*copy++ = p[k];
		k += p[k] == '"';
	}
	*len = (size_t)(copy - *cell);
	return TSN_TEXT_ROWS;
}

static void
trim(const char **p, size_t *n)
{
	while (*n > 0 && **p == ' ') {
		(*p)++;
		(*n)--;
	}
	while (*n > 0 && (*p)[*n - 1] == ' ')
		(*n)--;
}

static bool
is_word(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(p, word, n) == 0;
}

static enum tsn_text_status
take_cell(struct tsn_text *t, struct tsn_text_column *c, const char *p, size_t n)
{
	if (c->slot == TSN_SLOT_NONE)
		return TSN_TEXT_ROWS;
	if ((t->dialect->flags & TSN_DIALECT_TRIM) || c->conv != TSN_CV_STR)
		trim(&p, &n);
	if (n == 0 || (t->dialect->icmp == TSN_ICMP_ZEEK && (is_word(p, n, t->unset) || is_word(p, n, t->empty))))
		return TSN_TEXT_ROWS;
	return tsn_text_cell(t, c, p, n);
}

static enum tsn_text_status
cells(struct tsn_text *t, const char *p, size_t n)
{
	const char sep = t->sep;
	size_t at = 0, i = 0;

	tsn_text_begin(t);
	for (; i < t->last; i++, at++) {
		enum tsn_text_status status = TSN_TEXT_ROWS;
		const char *cell = p + at;
		size_t len = 0, from = at;

		if (at > n || (at == n && i > 0))
			break;
		if (t->quoted && at < n && *cell == '"') {
			status = quoted_cell(t, p, n, &at, &cell, &len);
			if (status != TSN_TEXT_ROWS)
				return status;
		} else {
			while (at < n && p[at] != sep)
				at++;
			len = at - from;
		}
		status = take_cell(t, &t->bound[i], cell, len);
		if (status != TSN_TEXT_ROWS)
			return status;
	}
	/* an empty last cell leaves nothing behind its separator */
	if (i < t->last && !(i + 1 == t->last && n > 0 && p[n - 1] == sep))
		return tsn_text_fail(t, TSN_TEXT_BAD, "it has %zu columns, not the %zu of the header", i, t->names.n);
	return tsn_text_emit(t);
}

static bool
is_total(struct tsn_text *t, const char *p, size_t n)
{
	if (!(t->dialect->flags & TSN_DIALECT_TOTALS))
		return false;
	t->totals |= begins(p, n, "Summary") || begins(p, n, "No matching");
	return t->totals;
}

enum tsn_text_status
tsn_text_line(struct tsn_text *t, const char *p, size_t n)
{
	size_t skip = blanks(p, n);

	if (skip == n)
		return TSN_TEXT_NOTHING;
	if (p[skip] == '#' && (!t->known || t->dialect->icmp == TSN_ICMP_ZEEK))
		return directive(t, p + skip, n - skip);
	if (!t->known)
		return header(t, p, n, tsn_text_separator(p, n));
	if (n == t->header_len && memcmp(p, t->header, n) == 0) { /* files put one behind the other */
		t->totals = false;
		return TSN_TEXT_NOTHING;
	}
	return is_total(t, p, n) ? TSN_TEXT_NOTHING : cells(t, p, n);
}
