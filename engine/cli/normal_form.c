/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/normal_form.h"

#include <string.h>

static const struct { enum tsn_origin origin; const char *title, *text; } parts[] = {
	{ TSN_O_RECORD, "What records bring", "Absent where the record has nothing of it, and where what it has means nothing: a port of GRE." },
	{ TSN_O_NORMAL, "What every flow is given", "Made from the record, the sampling interval and the site's word about the exporter." },
	{ TSN_O_DERIVED, "What is computed", "Made from other fields when a rule or a command asks for it; absent where one of those is." },
	{ TSN_O_PAIR, "What conversations have", "Not available yet: flows are not joined to conversations." },
};

/* A cell must not end where its text has a bar. */
static void
cell(struct tsn_buf *out, const char *text)
{
	tsn_buf_putc(out, ' ');
	for (; *text != '\0'; text++) {
		if (*text == '|')
			tsn_buf_putc(out, '\\');
		tsn_buf_putc(out, *text);
	}
	tsn_buf_puts(out, " |");
}

static void
field_row(struct tsn_buf *out, const struct tsn_field_info *f)
{
	struct tsn_buf text = TSN_BUF_INIT;
	enum tsn_field of;
	const char *name;

	tsn_buf_printf(&text, "`%s`", f->name);
	for (size_t i = 0; (name = tsn_field_alias(i, &of)) != NULL; i++)
		if (of == (enum tsn_field)(f - tsn_fields))
			tsn_buf_printf(&text, ", `%s`", name);
	tsn_buf_putc(out, '|');
	cell(out, tsn_buf_str(&text));
	cell(out, tsn_type_name(f->type));
	cell(out, f->unit);
	tsn_buf_clear(&text);
	if (f->element_id > 0)
		tsn_buf_printf(&text, "%u %s", f->element_id, f->element);
	cell(out, tsn_buf_str(&text));
	cell(out, f->help);
	tsn_buf_putc(out, '\n');
	tsn_buf_fini(&text);
}

static void
fields(struct tsn_buf *out)
{
	for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++) {
		tsn_buf_printf(out, "\n## %s\n\n%s\n\n", parts[p].title, parts[p].text);
		tsn_buf_puts(out, "| field | type | unit | Information Element | meaning |\n|---|---|---|---|---|\n");
		for (int f = 0; f < TSN_FIELD_COUNT; f++)
			if (tsn_fields[f].origin == parts[p].origin)
				field_row(out, &tsn_fields[f]);
	}
}

static bool
is_first(const struct tsn_mapping *map, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(map[i].format, map[at].format) == 0)
			return false;
	return true;
}

static void
format_table(struct tsn_buf *out, const struct tsn_mapping *map, size_t n, const char *format)
{
	struct tsn_buf name = TSN_BUF_INIT;

	tsn_buf_printf(out, "\n### %s\n\n| there | field |\n|---|---|\n", format);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(map[i].format, format) != 0)
			continue;
		tsn_buf_clear(&name);
		tsn_buf_printf(&name, "`%s`", tsn_fields[map[i].field].name);
		tsn_buf_putc(out, '|');
		cell(out, map[i].source);
		cell(out, tsn_buf_str(&name));
		tsn_buf_putc(out, '\n');
	}
	tsn_buf_fini(&name);
}

void
tsn_normal_form(struct tsn_buf *out, const struct tsn_mapping *map, size_t n)
{
	tsn_buf_puts(out,
	    "# The normal form of a flow\n\n"
	    "Whatever brought a flow, rules see it in this one form. `make docs` writes this page from the tables of the program.\n"
	    "A field is absent, not zero, where it is not known.\n");
	fields(out);
	if (n > 0)
		tsn_buf_puts(out, "\n## Where formats have it\n");
	for (size_t i = 0; i < n; i++)
		if (is_first(map, i))
			format_table(out, map, n, map[i].format);
}
