/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/columns.h"

#include <stdlib.h>
#include <string.h>

#include "grammar/diag.h"

static const char *
nearest_field(const char *word)
{
	struct tsn_nearest near = { 0 };
	enum tsn_field alias;
	const char *name;
	size_t i;

	for (i = 0; i < TSN_FIELD_COUNT; i++)
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
	if (tsn_fields[p->field].storage != TSN_ADDR || *s != '/')
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

static int
parse_one(const struct tsn_cli *c, const char *option, const char *word, struct tsn_key_part *p)
{
	size_t n = strcspn(word, "/");
	int f = tsn_field_find(word, n);
	const char *near;

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

int
tsn_columns_parse(const struct tsn_cli *c, const char *option, const char *text, struct tsn_columns *out)
{
	char word[64];
	size_t n;
	int status;

	out->n = 0;
	for (;;) {
		n = strcspn(text, ",");
		if (n == 0 || n >= sizeof(word))
			return tsn_cli_usage(c, "--%s takes fields with commas between them, such as src,dst_port", option);
		if (out->n == TSN_COLUMNS_MAX)
			return tsn_cli_usage(c, "--%s takes at most %d fields", option, TSN_COLUMNS_MAX);
		memcpy(word, text, n);
		word[n] = '\0';
		status = parse_one(c, option, word, &out->part[out->n++]);
		if (status != 0 || text[n] == '\0')
			return status;
		text += n + 1;
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

int
tsn_column_width(const struct tsn_key_part *p)
{
	const struct tsn_field_info *f = &tsn_fields[p->field];
	int name = (int)strlen(f->name), width;

	switch (f->type) {
	case TSN_T_TIME:     width = -24; break;
	case TSN_T_ADDR:     width = p->v4_bits < 32 ? -19 : -16; break;
	case TSN_T_MAC:      width = -17; break;
	case TSN_T_PROTO:    width = -6; break;
	case TSN_T_FLAGS:    width = -16; break;
	case TSN_T_STRING:   width = -16; break;
	case TSN_T_PORT:     width = 5; break;
	case TSN_T_DURATION: width = 8; break;
	case TSN_T_REAL:     width = 10; break;
	case TSN_T_INT:      width = f->storage == TSN_U64 ? 10 : 5; break;
	default:             width = -8; break;
	}
	if (abs(width) < name)
		width = width < 0 ? -name : name;
	return width;
}

void
tsn_column_pad(struct tsn_buf *out, const char *text, int width, bool last)
{
	if (last && width < 0)
		width = 0;
	tsn_buf_printf(out, "%*s", width, text);
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
tsn_column_name(const struct tsn_key_part *p, struct tsn_buf *out)
{
	tsn_buf_puts(out, tsn_fields[p->field].name);
	if (tsn_fields[p->field].storage != TSN_ADDR || (p->v4_bits >= 32 && p->v6_bits >= 128))
		return;
	tsn_buf_printf(out, "/%u", p->v4_bits);
	if (p->v6_bits != 64)
		tsn_buf_printf(out, "/%u", p->v6_bits);
}
