/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Where formats have fields: decode/places.def, mapping.def and text.def as tables of the page. */
#include <string.h>

#include "cli/normal_form.h"
#include "decode/mapping.h"
#include "flow/elements.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
section(struct tsn_buf *out, const char *title, const char *about)
{
	tsn_buf_printf(out, "\n### %s\n\n", title);
	if (about[0] != '\0')
		tsn_buf_printf(out, "%s\n\n", about);
	tsn_buf_puts(out, "| field | there |\n|---|---|\n");
}

static void
row(struct tsn_buf *out, const char *name, const char *there)
{
	tsn_buf_printf(out, "| `%s` |", name);
	tsn_normal_form_cell(out, there);
	tsn_buf_putc(out, '\n');
}

/* --- fixed layouts --- */

static void
places(struct tsn_buf *out)
{
	static const struct { const char *title, *text; enum tsn_field field; } place[] = {
#define FORMAT(title, about) { title, about, TSN_FIELD_COUNT },
#define PLACE(field, where) { NULL, where, TSN_F_##field },
#include "decode/places.def"
#undef FORMAT
#undef PLACE
	};

	for (size_t i = 0; i < COUNT(place); i++)
		if (place[i].title != NULL)
			section(out, place[i].title, place[i].text);
		else
			row(out, tsn_fields[place[i].field].name, place[i].text);
}

/* --- elements of templates --- */

static void
put_element(struct tsn_buf *out, const struct tsn_mapping *m)
{
	const struct tsn_element *e = tsn_element_find(m->pen, m->id);

	if (m->pen != 0)
		tsn_buf_printf(out, "%u/", m->pen);
	tsn_buf_printf(out, "%u%s%s", m->id, e != NULL ? " " : "", e != NULL ? e->name : "");
	switch ((enum tsn_mapping_kind)m->kind) {
	case TSN_MAP_HIGH: case TSN_MAP_LOW: case TSN_MAP_DSCP: case TSN_MAP_FWD: case TSN_MAP_UPTIME: case TSN_MAP_SECONDS:
	case TSN_MAP_NTP: case TSN_MAP_AGO: case TSN_MAP_REQUEST:
		tsn_buf_printf(out, " (%s)", tsn_mapping_kind_help((enum tsn_mapping_kind)m->kind));
		break;
	default:
		break;
	}
}

/* Those of a field, the ones that count first; false if there is none. */
static bool
put_elements(struct tsn_buf *out, enum tsn_field f, bool reverse)
{
	const struct tsn_mapping *m;
	bool any = false;

	for (unsigned rank = 0; rank < 8; rank++) {
		bool first = true;

		for (size_t i = 0; (m = tsn_mapping_at(i)) != NULL; i++) {
			if (m->kind == TSN_MAP_ROLE || m->field != f || m->rank != rank || m->reverse != reverse)
				continue;
			tsn_buf_puts(out, !any ? "" : first ? "; else " : ", ");
			put_element(out, m);
			any = true;
			first = false;
		}
	}
	return any;
}

static void
roles(struct tsn_buf *out)
{
	static const char *const help[TSN_ROLE_COUNT] = {
		[TSN_ROLE_SAMPLER] = "number of the sampler, whose interval options tell: `sampling`",
		[TSN_ROLE_APPLICATION] = "number of the application, whose name options tell: `application`",
		[TSN_ROLE_VRF_IN] = "number of the routing instance, whose name options tell: `vrf`",
		[TSN_ROLE_VRF_OUT] = "the same, where there is none of the way in",
		[TSN_ROLE_INIT] = "when the exporter's uptime was 0: for `start` and `end`",
		[TSN_ROLE_DURATION_MS] = "duration, where `start` or `end` is not told",
		[TSN_ROLE_DURATION_US] = "duration, where `start` or `end` is not told",
		[TSN_ROLE_ANSWERED_MS] = "YAF: how much later the second flow started",
		[TSN_ROLE_PACKET_INTERVAL] = "packets taken at a time: `sampling`",
		[TSN_ROLE_PACKET_SPACE] = "packets left out between them: `sampling`",
		[TSN_ROLE_SAMPLE_SIZE] = "packets taken...: `sampling`",
		[TSN_ROLE_POPULATION] = "...out of so many: `sampling`",
		[TSN_ROLE_PROBABILITY] = "chance of a packet to be taken: `sampling`",
	};
	struct tsn_buf name = TSN_BUF_INIT;
	const struct tsn_mapping *m;

	tsn_buf_puts(out, "\nElements that are no field by themselves:\n\n| element | what it is for |\n|---|---|\n");
	for (size_t i = 0; (m = tsn_mapping_at(i)) != NULL; i++) {
		if (m->kind != TSN_MAP_ROLE)
			continue;
		tsn_buf_clear(&name);
		put_element(&name, m);
		tsn_buf_putc(out, '|');
		tsn_normal_form_cell(out, tsn_buf_str(&name));
		tsn_normal_form_cell(out, help[m->field]);
		tsn_buf_putc(out, '\n');
	}
	tsn_buf_fini(&name);
}

static void
elements(struct tsn_buf *out)
{
	struct tsn_buf text = TSN_BUF_INIT;

	section(out, "NetFlow v9 and IPFIX",
	    "By the number of the element, that of its enterprise before it. Of several in one template the ones named first "
	    "count, and of equal ones the last that is not 0. Elements of the other direction (enterprise 29305, and those "
	    "named so here) make a second flow. Any other element is `ie(ID)`, `ie(PEN, ID)`.");
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		tsn_buf_clear(&text);
		if (!put_elements(&text, (enum tsn_field)f, false))
			continue;
		if (f == TSN_F_EXPORTER)
			tsn_buf_puts(&text, ", in files; else source address of the message");
		row(out, tsn_fields[f].name, tsn_buf_str(&text));
		tsn_buf_clear(&text);
		if (put_elements(&text, (enum tsn_field)f, true)) {
			tsn_buf_printf(out, "| `%s` of the other direction |", tsn_fields[f].name);
			tsn_normal_form_cell(out, tsn_buf_str(&text));
			tsn_buf_putc(out, '\n');
		}
	}
	row(out, "source_id", "Source ID, Observation Domain ID of the message's header");
	tsn_buf_fini(&text);
	roles(out);
}

/* --- columns of text --- */

struct text_column {
	const char *dialect, *column, *slot, *unit; /* a dialect's name, or a column */
};

static const struct text_column text_columns[] = {
#define DIALECT(sym, name, columns, icmp, flags) { name, columns, NULL, NULL },
#define COLUMN(name, slot, conv, unit, flags) { NULL, name, #slot, #conv[0] == 'T' || #conv[0] == 'S' ? #unit : "" },
#include "decode/text.def"
#undef DIALECT
#undef COLUMN
};

static const struct { const char *symbol, *name; } slots[] = {
#define FIELD(sym, name, ie, id, storage, type, origin, unit, help) { #sym, name },
#include "flow/fields.def"
#undef FIELD
};

static const struct { const char *symbol, *help; } extras[] = {
	{ "REPLY_PACKETS", "`packets` of the second flow" },
	{ "REPLY_BYTES", "`bytes` of the second flow" },
#define EXTRA(sym, name, help) { #sym, help },
#include "decode/text.def"
#undef EXTRA
};

/* The columns of [slot] among those of a dialect, which begin at [c]. */
static bool
put_columns(struct tsn_buf *out, const struct text_column *c, const char *slot)
{
	const struct text_column *end = text_columns + COUNT(text_columns);
	bool any = false;

	for (; c < end && c->dialect == NULL; c++) {
		if (strcmp(c->slot, slot) != 0)
			continue;
		tsn_buf_printf(out, "%s%s", any ? ", " : "", c->column);
		if (strcmp(c->unit, "S") == 0 || strcmp(c->unit, "MS") == 0 || strcmp(c->unit, "NS") == 0)
			tsn_buf_printf(out, " (%s)", c->unit[0] == 'S' ? "s" : c->unit[0] == 'M' ? "ms" : "ns");
		any = true;
	}
	return any;
}

static void
dialect(struct tsn_buf *out, const struct text_column *d)
{
	struct tsn_buf text = TSN_BUF_INIT;
	size_t i;

	tsn_buf_puts(&text, "Known by the columns ");
	for (const char *p = d->column; *p != '\0'; p++)
		tsn_buf_puts(&text, *p == '|' ? ", or " : (char[]){ *p, '\0' });
	tsn_buf_putc(&text, '.');
	section(out, d->dialect, tsn_buf_str(&text));
	for (i = 0; i < COUNT(slots); i++) {
		tsn_buf_clear(&text);
		if (strncmp(slots[i].symbol, "REPLY_", 6) != 0 && put_columns(&text, d + 1, slots[i].symbol))
			row(out, slots[i].name, tsn_buf_str(&text));
	}
	for (i = 0; i < COUNT(extras); i++) {
		tsn_buf_clear(&text);
		if (!put_columns(&text, d + 1, extras[i].symbol))
			continue;
		tsn_buf_printf(out, "| %s |", extras[i].help);
		tsn_normal_form_cell(out, tsn_buf_str(&text));
		tsn_buf_putc(out, '\n');
	}
	tsn_buf_fini(&text);
}

void
tsn_normal_form_formats(struct tsn_buf *out)
{
	elements(out);
	places(out);
	for (size_t i = 0; i < COUNT(text_columns); i++)
		if (text_columns[i].dialect != NULL)
			dialect(out, &text_columns[i]);
}
