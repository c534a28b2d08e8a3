/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DAY (INT64_C(86400) * TSN_SECOND)
#define FLUSH_AT (64u << 10)

/* Where room is short: the larger the sooner it gives way; what is not listed is 7, 0 stays. */
static const struct { uint16_t field; uint8_t rank; } ranks[] = {
	{ TSN_F_SRC, 0 }, { TSN_F_DST, 0 }, { TSN_F_BYTES, 1 }, { TSN_F_DST_PORT, 1 }, { TSN_COLUMN_FLOWS, 1 },
	{ TSN_F_START, 2 }, { TSN_F_PROTO, 2 }, { TSN_F_PACKETS, 3 }, { TSN_F_SRC_PORT, 4 }, { TSN_F_FLAGS, 5 },
	{ TSN_F_DURATION, 6 }, { TSN_F_END, 6 }, { TSN_F_EXPORTER, 8 }, { TSN_COLUMN_FLOWS_SHARE, 9 },
	{ TSN_COLUMN_PACKETS_SHARE, 9 }, { TSN_COLUMN_BYTES_SHARE, 9 },
};

static uint8_t
rank_of(unsigned field)
{
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		if (ranks[i].field == field)
			return ranks[i].rank;
	return 7;
}

static bool
is_right(enum tsn_type t)
{
	return t == TSN_T_PORT || t == TSN_T_INT || t == TSN_T_REAL || t == TSN_T_DURATION;
}

/* Counters and rates, which people want short. */
static bool
is_amount(const struct tsn_key_part *p)
{
	if (p->field >= TSN_FIELD_COUNT)
		return p->field == TSN_COLUMN_FLOWS;
	return strcmp(tsn_fields[p->field].unit, "packets") == 0 || strcmp(tsn_fields[p->field].unit, "bytes") == 0 ||
	    tsn_fields[p->field].type == TSN_T_REAL;
}

bool
tsn_view_init(struct tsn_view *v)
{
	struct tsn_table_column column[TSN_COLUMNS_MAX];
	uint32_t i;

	if (v->format != TSN_SHOW_TABLE)
		return true;
	memset(column, 0, sizeof(column));
	for (i = 0; i < v->columns.n; i++) {
		const struct tsn_key_part *p = &v->columns.part[i];

		tsn_buf_clear(&v->cell);
		tsn_column_name(v->cli, p, &v->cell);
		snprintf(column[i].name, sizeof(column[i].name), "%s", tsn_buf_str(&v->cell));
		column[i].right = is_right(tsn_column_type(p));
		column[i].when = (enum tsn_table_show)v->columns.when[i];
		column[i].rank = rank_of(p->field);
	}
	v->table = tsn_table_new(column, v->columns.n, tsn_terminal_width(), v->cli->color_out);
	return v->table != NULL;
}

void
tsn_view_fini(struct tsn_view *v)
{
	tsn_table_free(v->table);
	tsn_buf_fini(&v->out);
	tsn_buf_fini(&v->cell);
	tsn_buf_fini(&v->shorter);
}

/* The name that stands for a number in tables; -1 if there is none, or it has a column of its own. */
static int
name_of(const struct tsn_view *v, unsigned field)
{
	int name = field == TSN_F_EXPORTER ? TSN_F_EXPORTER_NAME
	    : field == TSN_F_IN_IF     ? TSN_F_IN_IF_NAME
	    : field == TSN_F_OUT_IF    ? TSN_F_OUT_IF_NAME
				       : -1;

	if (v->format != TSN_SHOW_TABLE || v->cli->raw || name < 0 || tsn_columns_has(&v->columns, (unsigned)name))
		return -1;
	return name;
}

void
tsn_view_needs(const struct tsn_view *v, struct tsn_field_set *needed)
{
	for (uint32_t i = 0; i < v->columns.n; i++) {
		const int name = name_of(v, v->columns.part[i].field);

		if (v->columns.part[i].field < TSN_FIELD_COUNT)
			tsn_field_set_add(needed, v->columns.part[i].field);
		if (name >= 0)
			tsn_field_set_add(needed, (enum tsn_field)name);
		if (v->columns.part[i].field == TSN_F_DST_PORT) { /* see get_icmp */
			tsn_field_set_add(needed, TSN_F_ICMP_TYPE);
			tsn_field_set_add(needed, TSN_F_ICMP_CODE);
		}
	}
}

/* "8.0": the place of a port is where people look for it. */
static void
get_icmp(const struct tsn_batch *b, uint32_t row, struct tsn_value *out)
{
	struct tsn_value type, code;

	tsn_batch_get(b, row, TSN_F_ICMP_TYPE, &type);
	tsn_batch_get(b, row, TSN_F_ICMP_CODE, &code);
	if (!type.known)
		return;
	*out = (struct tsn_value){ .type = TSN_T_TUPLE, .known = true, .i = type.i << 8 | (code.known ? code.i : 0) };
}

void
tsn_view_get(const struct tsn_view *v, const struct tsn_batch *b, uint32_t row, uint32_t i, struct tsn_value *out)
{
	const struct tsn_key_part *p = &v->columns.part[i];
	int name = name_of(v, p->field);

	if (name >= 0) {
		tsn_batch_get(b, row, (enum tsn_field)name, out);
		if (out->known && out->s.n > 0)
			return;
	}
	tsn_batch_get(b, row, (enum tsn_field)p->field, out);
	if (out->type == TSN_T_ADDR) {
		out->addr = tsn_addr_mask(out->addr, p->v4_bits, p->v6_bits);
		out->v4_bits = p->v4_bits;
		out->v6_bits = p->v6_bits;
	}
	if (!out->known && p->field == TSN_F_DST_PORT && v->format == TSN_SHOW_TABLE && !v->cli->raw &&
	    !tsn_columns_has(&v->columns, TSN_F_ICMP_TYPE))
		get_icmp(b, row, out);
}

void
tsn_view_name(const struct tsn_view *v, uint32_t i, struct tsn_exporters *exporters, struct tsn_value *x)
{
	const struct tsn_key_part *p = &v->columns.part[i];

	if (name_of(v, p->field) != TSN_F_EXPORTER_NAME || !x->known || x->type != TSN_T_ADDR || p->v4_bits < 32)
		return;
	for (uint32_t k = 1; k < tsn_exporters_count(exporters); k++) {
		const struct tsn_exporter *e = tsn_exporters_at(exporters, k);

		if (e->name.n == 0 || tsn_addr_cmp(e->addr, x->addr) != 0)
			continue;
		*x = (struct tsn_value){ .type = TSN_T_STRING, .known = true, .s = e->name };
		return;
	}
}

/* The first name the table of services has for a port. */
static const char *
service_name(int64_t port)
{
	const char *name;

	for (size_t i = 0; (name = tsn_service_nth(i)) != NULL; i++)
		if (tsn_service_find(name, strlen(name)) == port)
			return name;
	return NULL;
}

static void
cell_text(struct tsn_view *v, const struct tsn_key_part *p, const struct tsn_value *x)
{
	const char *name;

	tsn_buf_clear(&v->cell);
	if (x->known && x->type == TSN_T_TUPLE)
		tsn_buf_printf(&v->cell, "%lld.%lld", (long long)(x->i >> 8), (long long)(x->i & 255));
	else if (x->known && x->type == TSN_T_PORT && v->cli->names && (name = service_name(x->i)) != NULL)
		tsn_buf_puts(&v->cell, name);
	else if (x->known && is_amount(p) && !v->cli->raw)
		tsn_human(&v->cell, x->type == TSN_T_REAL ? x->f : (double)(uint64_t)x->i, x->type != TSN_T_REAL);
	else if (x->known && x->type == TSN_T_REAL)
		tsn_buf_printf(&v->cell, "%.1f", x->f);
	else
		tsn_value_text(x, &v->cell);
}

/* Where room is short a time of the first one's day is shown without it, flags by their letters. NULL: no shorter form. */
static const char *
shorter_text(struct tsn_view *v, const struct tsn_value *x)
{
	static const char letters[] = "CEUAPRSF";
	char text[TSN_TIME_TEXT];
	int64_t day;

	tsn_buf_clear(&v->shorter);
	if (!x->known)
		return NULL;
	if (x->type == TSN_T_TIME) {
		day = x->i >= 0 ? x->i / DAY : -1 - (-1 - x->i) / DAY;
		if (!v->dated)
			v->day = day;
		v->dated = true;
		if (day != v->day || strchr(tsn_time_text(x->i, text), 'T') == NULL)
			return NULL;
		tsn_buf_puts(&v->shorter, strchr(text, 'T') + 1);
	} else if (x->type == TSN_T_FLAGS && x->i < 256) {
		for (int bit = 7; bit >= 0; bit--)
			tsn_buf_putc(&v->shorter, x->i >> bit & 1 ? letters[7 - bit] : '.');
	} else {
		return NULL;
	}
	return tsn_buf_str(&v->shorter);
}

static enum tsn_style
style_of(const struct tsn_value *x)
{
	if (!x->known)
		return TSN_DIM;
	if (x->type != TSN_T_PROTO || x->i == 6)
		return TSN_PLAIN;
	return x->i == 17 ? TSN_CYAN : x->i == 1 || x->i == 58 ? TSN_YELLOW : TSN_MAGENTA;
}

static void
row_table(struct tsn_view *v, const struct tsn_value *x)
{
	for (uint32_t i = 0; i < v->columns.n; i++) {
		cell_text(v, &v->columns.part[i], &x[i]);
		tsn_table_cell(v->table, tsn_buf_str(&v->cell), v->cell.len,
		    tsn_table_wants_short(v->table) ? shorter_text(v, &x[i]) : NULL, style_of(&x[i]));
	}
	v->begun = true;
}

static void
csv_header(struct tsn_view *v)
{
	if (v->begun || v->format != TSN_SHOW_CSV)
		return;
	v->begun = true;
	for (uint32_t i = 0; i < v->columns.n; i++) {
		tsn_buf_clear(&v->cell);
		tsn_column_name(v->cli, &v->columns.part[i], &v->cell);
		tsn_buf_puts(&v->out, i > 0 ? "," : "");
		tsn_column_csv(&v->out, tsn_buf_str(&v->cell));
	}
	tsn_buf_putc(&v->out, '\n');
}

static void
row_csv(struct tsn_view *v, const struct tsn_value *x)
{
	csv_header(v);
	for (uint32_t i = 0; i < v->columns.n; i++) {
		tsn_buf_clear(&v->cell);
		if (x[i].known)
			tsn_value_text(&x[i], &v->cell);
		tsn_buf_puts(&v->out, i > 0 ? "," : "");
		tsn_column_csv(&v->out, tsn_buf_str(&v->cell));
	}
	tsn_buf_putc(&v->out, '\n');
}

static void
row_json(struct tsn_view *v, const struct tsn_value *x)
{
	bool first = true;

	tsn_buf_putc(&v->out, '{');
	for (uint32_t i = 0; i < v->columns.n; i++) {
		if (!x[i].known)
			continue;
		tsn_buf_puts(&v->out, first ? "\"" : ",\"");
		tsn_column_name(v->cli, &v->columns.part[i], &v->out);
		tsn_buf_puts(&v->out, "\":");
		tsn_value_json(&x[i], &v->out);
		first = false;
	}
	tsn_buf_puts(&v->out, "}\n");
}

static struct tsn_buf *
out_of(struct tsn_view *v)
{
	return v->format == TSN_SHOW_TABLE ? tsn_table_out(v->table) : &v->out;
}

void
tsn_view_row(struct tsn_view *v, const struct tsn_value *values)
{
	if (v->format == TSN_SHOW_TABLE)
		row_table(v, values);
	else if (v->format == TSN_SHOW_CSV)
		row_csv(v, values);
	else
		row_json(v, values);
	if (out_of(v)->len > FLUSH_AT)
		tsn_view_flush(v);
}

void
tsn_view_flush(struct tsn_view *v)
{
	struct tsn_buf *out = out_of(v);

	if (out->len > 0 && fwrite(out->p, 1, out->len, stdout) != out->len)
		v->gone = true;
	v->no_memory |= out->failed;
	v->gone |= v->no_memory;
	tsn_buf_clear(out);
}

void
tsn_view_pause(struct tsn_view *v)
{
	if (v->format == TSN_SHOW_TABLE)
		tsn_table_pause(v->table);
	tsn_view_flush(v);
	fflush(stdout);
}

/* Whoever reads a time without its day must be told the day. */
static void
say_day(struct tsn_view *v)
{
	char text[TSN_TIME_TEXT];
	bool times = false;

	for (uint32_t i = 0; i < v->columns.n; i++)
		times |= tsn_column_type(&v->columns.part[i]) == TSN_T_TIME && tsn_table_shows(v->table, i);
	if (!times || !v->dated || !tsn_table_is_short(v->table))
		return;
	tsn_time_text(v->day * DAY, text);
	tsn_buf_clear(&v->cell);
	tsn_buf_printf(&v->cell, "times without a day: %.*s", (int)strcspn(text, "T"), text);
	tsn_terminal_style(out_of(v), v->cli->color_out, TSN_DIM, tsn_buf_str(&v->cell));
	tsn_buf_putc(out_of(v), '\n');
}

void
tsn_view_end(struct tsn_view *v)
{
	csv_header(v);
	if (v->format == TSN_SHOW_TABLE) {
		tsn_table_end(v->table);
		say_day(v);
	}
	tsn_view_flush(v);
}
