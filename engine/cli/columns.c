/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/columns.h"

#include <stdlib.h>
#include <string.h>

#include "grammar/diag.h"

#define WORD 64

/*
 * The next word of a list with commas into [word], [*text] behind it; false if there is none or it is too long. Commas in
 * brackets are of the word.
 */
static bool
next_word(const char **text, char word[WORD])
{
	size_t n = strcspn(*text, ",(");

	if ((*text)[n] == '(') {
		n += strcspn(*text + n, ")");
		n += strcspn(*text + n, ",");
	}
	if (n == 0 || n >= WORD)
		return false;
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n;
	return true;
}

static const char *
nearest_field(const char *word)
{
	struct tsn_nearest near = { 0 };
	enum tsn_field alias;
	const char *name;
	size_t i;

	for (i = 0; i < TSN_FIELD_COUNT; i++)
		if (tsn_fields[i].origin != TSN_O_POOL)
			tsn_nearest_offer(&near, word, tsn_fields[i].name);
	for (i = 0; (name = tsn_field_alias(i, &alias)) != NULL; i++)
		tsn_nearest_offer(&near, word, name);
	return near.best;
}

/* "/24" or "/24/48" behind an address field. */
static bool
parse_mask(const char *s, struct tsn_key_part *p)
{
	char *end;
	unsigned long v4, v6;

	if (*s == '\0')
		return true;
	if (p->field >= TSN_FIELD_COUNT || tsn_fields[p->field].storage != TSN_ADDR || *s != '/')
		return false;
	v4 = strtoul(s + 1, &end, 10);
	v6 = v4 == 32 ? 128 : 64;
	if (end == s + 1 || v4 > 32)
		return false;
	if (*end == '/') {
		s = end;
		v6 = strtoul(s + 1, &end, 10);
		if (end == s + 1 || v6 > 128)
			return false;
	}
	p->v4_bits = (uint8_t)v4;
	p->v6_bits = (uint8_t)v6;
	return *end == '\0';
}

/* --- ie(ID), ie(PEN, ID) --- */

/* The field or column of an element; -1 if it has none. */
static int
element_column(const struct tsn_cli *c, int64_t pen, int64_t id)
{
	int f = pen <= UINT32_MAX && id <= TSN_WANTED_ID_MAX ? tsn_wanted_field((uint32_t)pen, (uint16_t)id) : -1;

	for (size_t i = 0; i < c->nelements && f < 0; i++)
		if (c->elements[i].pen == pen && c->elements[i].id == id)
			f = (int)c->elements[i].field;
	return f;
}

/* Gives an element a column, unless it is a field or has one. */
static int
add_element(struct tsn_cli *c, const char *option, const char *word, int64_t pen, int64_t id)
{
	enum tsn_type type;
	int f;

	if (id < 1 || id > TSN_WANTED_ID_MAX || pen > UINT32_MAX)
		return tsn_cli_usage(c, "--%s: %s is no element: ids lie between 1 and 32767", option, word);
	if (element_column(c, pen, id) >= 0)
		return 0;
	type = tsn_wanted_type((uint32_t)pen, (uint16_t)id);
	f = type == TSN_T_NONE ? -1 : tsn_wanted_column(c->elements, c->nelements, type);
	if (type == TSN_T_NONE)
		return tsn_cli_usage(c, "--%s: %s is a list, which has no value to show", option, word);
	if (f < 0 || c->nelements == TSN_CLI_ELEMENTS)
		return tsn_cli_usage(
		    c, "--%s: too many elements of the type of %s: %u at most", option, word, tsn_wanted_columns(type));
	c->elements[c->nelements++] = (struct tsn_wanted){ (uint32_t)pen, (uint16_t)id, (enum tsn_field)f };
	return 0;
}

int
tsn_columns_elements(struct tsn_cli *c)
{
	const struct { const char *option, *text; } lists[] = {
		{ "fields", c->fields }, { "aggregate", c->aggregate }, { "sort", c->sort }, { "by", c->by },
	};
	char word[WORD];
	int64_t pen, id;
	int status = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (const char *p = lists[i].text; p != NULL && status == 0 && next_word(&p, word); p++) {
			const char *name = word + (word[0] == '+' || word[0] == '-');

			if (tsn_wanted_parse(name, strcspn(name, "/"), &pen, &id))
				status = add_element(c, lists[i].option, name, pen, id);
			if (*p == '\0')
				break;
		}
	}
	return status;
}

static int
parse_one(const struct tsn_cli *c, const char *option, const char *word, int takes, struct tsn_key_part *p)
{
	size_t n = strcspn(word, "/");
	int64_t pen, id;
	int f = tsn_wanted_parse(word, n, &pen, &id) ? element_column(c, pen, id) : n > 0 ? tsn_field_find(word, n) : -1;
	const char *near;

	if (f < 0 && strncmp(word, "ie(", 3) == 0)
		return tsn_cli_usage(c, "--%s: write ie(460) or, enterprise first, ie(29305,40), not \"%s\"", option, word);

	if (f < 0 && (takes & TSN_TAKES_FLOWS) && strcmp(word, "flows") == 0)
		f = TSN_COLUMN_FLOWS;
	if (f < 0) {
		near = nearest_field(word);
		if (near != NULL)
			return tsn_cli_usage(c, "--%s: no field \"%s\"; did you mean \"%s\"?", option, word, near);
		return tsn_cli_usage(c, "--%s: no field \"%s\"; `tocsin fields` lists them", option, word);
	}
	*p = (struct tsn_key_part){ .field = (uint16_t)f, .v4_bits = 32, .v6_bits = 128 };
	if (!parse_mask(word + n, p))
		return tsn_cli_usage(c, "--%s: \"%s\": only addresses take a mask, such as src/24 or src/24/48", option, word);
	return 0;
}

/* Every field that a record can bring, those that nothing brought left out of tables. */
static void
add_all(struct tsn_columns *out)
{
	for (uint16_t f = 0; f < TSN_FIELD_COUNT && out->n < TSN_COLUMNS_MAX; f++) {
		if (tsn_fields[f].origin != TSN_O_RECORD && tsn_fields[f].origin != TSN_O_NORMAL)
			continue;
		out->when[out->n] = TSN_SHOW_IF_PRESENT;
		out->part[out->n++] = (struct tsn_key_part){ .field = f, .v4_bits = 32, .v6_bits = 128 };
	}
}

int
tsn_columns_add(const struct tsn_cli *c, const char *option, const char *text, int takes, struct tsn_columns *out)
{
	char word[WORD], *name;
	int status;

	for (;; text++) {
		if (!next_word(&text, word))
			return tsn_cli_usage(c, "--%s takes fields with commas between them, such as src,dst_port", option);
		name = word[0] == '+' ? word + 1 : word;
		if ((takes & TSN_TAKES_ALL) && strcmp(name, "all") == 0) {
			add_all(out);
		} else {
			if (out->n == TSN_COLUMNS_MAX)
				return tsn_cli_usage(c, "--%s takes at most %d fields", option, TSN_COLUMNS_MAX);
			out->when[out->n] = TSN_SHOW_ALWAYS;
			status = parse_one(c, option, name, takes, &out->part[out->n++]);
			if (status != 0)
				return status;
		}
		if (*text == '\0')
			return 0;
	}
}

int
tsn_columns_parse(const struct tsn_cli *c, const char *option, const char *text, int takes, struct tsn_columns *out)
{
	out->n = 0;
	return tsn_columns_add(c, option, text, takes, out);
}

static bool
largest_first(const struct tsn_key_part *p)
{
	if (p->field >= TSN_FIELD_COUNT)
		return true;
	return tsn_fields[p->field].type == TSN_T_REAL || tsn_fields[p->field].type == TSN_T_DURATION ||
	    strcmp(tsn_fields[p->field].unit, "packets") == 0 || strcmp(tsn_fields[p->field].unit, "bytes") == 0;
}

int
tsn_sorts_parse(const struct tsn_cli *c, const char *text, int takes, struct tsn_sorts *out)
{
	char word[WORD];
	int status;

	for (out->n = 0;; text++) {
		bool sign;

		if (!next_word(&text, word))
			return tsn_cli_usage(c, "--sort takes fields with commas between them, such as -bytes,src");
		if (out->n == TSN_SORTS_MAX)
			return tsn_cli_usage(c, "--sort takes at most %d fields", TSN_SORTS_MAX);
		sign = word[0] == '-' || word[0] == '+';
		status = parse_one(c, "sort", word + sign, takes, &out->part[out->n]);
		if (status != 0)
			return status;
		out->down[out->n] = sign ? word[0] == '-' : largest_first(&out->part[out->n]);
		out->n++;
		if (*text == '\0')
			return 0;
	}
}

int
tsn_show_format_parse(const struct tsn_cli *c, enum tsn_show_format *out)
{
	const char *f = c->format != NULL ? c->format : "table";

	if (strcmp(f, "table") == 0)
		*out = TSN_SHOW_TABLE;
	else if (strcmp(f, "json") == 0)
		*out = TSN_SHOW_JSON;
	else if (strcmp(f, "csv") == 0)
		*out = TSN_SHOW_CSV;
	else
		return tsn_cli_usage(c, "--format is table, json or csv, not \"%s\"", f);
	return 0;
}

bool
tsn_columns_has(const struct tsn_columns *l, unsigned field)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->part[i].field == field)
			return true;
	return false;
}

enum tsn_type
tsn_column_type(const struct tsn_key_part *p)
{
	if (p->field < TSN_FIELD_COUNT)
		return tsn_fields[p->field].type;
	return p->field == TSN_COLUMN_FLOWS ? TSN_T_INT : TSN_T_REAL;
}

void
tsn_column_csv(struct tsn_buf *out, const char *text)
{
	const char *p;

	if (strpbrk(text, ",\"\r\n") == NULL) {
		tsn_buf_puts(out, text);
		return;
	}
	tsn_buf_putc(out, '"');
	for (p = text; *p != '\0'; p++) {
		if (*p == '"')
			tsn_buf_putc(out, '"');
		tsn_buf_putc(out, *p);
	}
	tsn_buf_putc(out, '"');
}

void
tsn_column_name(const struct tsn_cli *c, const struct tsn_key_part *p, struct tsn_buf *out)
{
	char element[TSN_WANTED_TEXT];

	if (p->field >= TSN_FIELD_COUNT) {
		tsn_buf_puts(out, p->field == TSN_COLUMN_FLOWS ? "flows" : "%");
		return;
	}
	tsn_buf_puts(out, tsn_wanted_name(c->elements, c->nelements, p->field, element));
	if (tsn_fields[p->field].storage != TSN_ADDR || (p->v4_bits >= 32 && p->v6_bits >= 128))
		return;
	tsn_buf_printf(out, "/%u", p->v4_bits);
	if (p->v6_bits != 64)
		tsn_buf_printf(out, "/%u", p->v6_bits);
}
