/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/normal_form.h"

#include "flow/fields.h"

static const struct { enum tsn_origin origin; const char *title, *text; } parts[] = {
	{ TSN_O_RECORD, "What records bring", "Absent where the record has nothing of it, and where what it has means nothing: a port of GRE." },
	{ TSN_O_NORMAL, "What every flow is given", "Made from the record, the sampling interval and the site's word about the exporter." },
	{ TSN_O_DERIVED, "What is computed", "Made from other fields when a rule or a command asks for it; absent where one of those is." },
	{ TSN_O_PAIR, "What conversations have", "Rules that name one are evaluated on conversations: both directions put together." },
};

/* A cell must not end where its text has a bar. */
void
tsn_normal_form_cell(struct tsn_buf *out, const char *text)
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
	tsn_normal_form_cell(out, tsn_buf_str(&text));
	tsn_normal_form_cell(out, tsn_type_name(f->type));
	tsn_normal_form_cell(out, f->unit);
	tsn_buf_clear(&text);
	if (f->element_id > 0)
		tsn_buf_printf(&text, "%u %s", f->element_id, f->element);
	tsn_normal_form_cell(out, tsn_buf_str(&text));
	tsn_normal_form_cell(out, f->help);
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

void
tsn_normal_form(struct tsn_buf *out)
{
	tsn_buf_puts(out,
	    "# The normal form of a flow\n\n"
	    "Whatever brought a flow, rules see it in this one form. `make docs` writes this page from the tables of the program.\n"
	    "A field is absent, not zero, where it is not known. [inputs.md](inputs.md) tells what each kind of input is and is not.\n");
	fields(out);
	tsn_buf_puts(out,
	    "\n## Where formats have it\n\n"
	    "All units are those above: times of any resolution become milliseconds, and `packets` and `bytes` are the raw ones times\n"
	    "`sampling`. ICMP's type and code are fields of their own wherever the format keeps them, and ports are absent then.\n");
	tsn_normal_form_formats(out);
}
