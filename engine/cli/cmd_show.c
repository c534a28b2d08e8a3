/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin show: flows as a table, JSON lines or CSV, or just their number. */
#include <stdio.h>
#include <string.h>

#include "cli/columns.h"
#include "cli/inputs.h"

#define DEFAULT_COLUMNS "start,duration,proto,src,src_port,dst,dst_port,flags,packets,bytes"
#define FLUSH_AT (64u << 10)

struct show {
	struct tsn_inputs in;
	struct tsn_columns columns;
	enum tsn_show_format format;
	struct tsn_field_set needed;
	struct tsn_buf out, cell;
	uint64_t shown, limit;
	bool count_only, headed;
};

static void
write_out(struct show *s)
{
	tsn_progress_clear(&s->in.progress);
	if (s->out.len > 0 && fwrite(s->out.p, 1, s->out.len, stdout) != s->out.len)
		s->in.stop = true; /* the reader is gone */
	tsn_buf_clear(&s->out);
}

static void
header(struct show *s)
{
	uint32_t i;

	if (s->headed || s->count_only || s->format == TSN_SHOW_JSON)
		return;
	s->headed = true;
	for (i = 0; i < s->columns.n; i++) {
		tsn_buf_clear(&s->cell);
		tsn_column_name(&s->columns.part[i], &s->cell);
		if (i > 0)
			tsn_buf_puts(&s->out, s->format == TSN_SHOW_CSV ? "," : "  ");
		if (s->format == TSN_SHOW_CSV)
			tsn_column_csv(&s->out, tsn_buf_str(&s->cell));
		else
			tsn_column_pad(&s->out, tsn_buf_str(&s->cell), tsn_column_width(&s->columns.part[i]), i + 1 == s->columns.n);
	}
	tsn_buf_putc(&s->out, '\n');
}

static void
get_value(const struct tsn_key_part *p, const struct tsn_batch *b, uint32_t row, struct tsn_value *v)
{
	tsn_batch_get(b, row, p->field, v);
	if (v->type != TSN_T_ADDR)
		return;
	v->addr = tsn_addr_mask(v->addr, p->v4_bits, p->v6_bits);
	v->v4_bits = p->v4_bits;
	v->v6_bits = p->v6_bits;
}

static void
row_text(struct show *s, const struct tsn_batch *b, uint32_t row)
{
	struct tsn_value v;
	uint32_t i;

	for (i = 0; i < s->columns.n; i++) {
		const struct tsn_key_part *p = &s->columns.part[i];

		get_value(p, b, row, &v);
		tsn_buf_clear(&s->cell);
		if (v.known && v.type == TSN_T_REAL && s->format == TSN_SHOW_TABLE)
			tsn_buf_printf(&s->cell, "%.1f", v.f); /* for people; csv and json are for programs */
		else if (v.known || s->format == TSN_SHOW_TABLE)
			tsn_value_text(&v, &s->cell);
		if (i > 0)
			tsn_buf_puts(&s->out, s->format == TSN_SHOW_CSV ? "," : "  ");
		if (s->format == TSN_SHOW_CSV)
			tsn_column_csv(&s->out, tsn_buf_str(&s->cell));
		else
			tsn_column_pad(&s->out, tsn_buf_str(&s->cell), tsn_column_width(p), i + 1 == s->columns.n);
	}
	tsn_buf_putc(&s->out, '\n');
}

static void
row_json(struct show *s, const struct tsn_batch *b, uint32_t row)
{
	struct tsn_value v;
	bool first = true;
	uint32_t i;

	tsn_buf_putc(&s->out, '{');
	for (i = 0; i < s->columns.n; i++) {
		get_value(&s->columns.part[i], b, row, &v);
		if (!v.known)
			continue;
		tsn_buf_puts(&s->out, first ? "\"" : ",\"");
		tsn_column_name(&s->columns.part[i], &s->out);
		tsn_buf_puts(&s->out, "\":");
		tsn_value_json(&v, &s->out);
		first = false;
	}
	tsn_buf_puts(&s->out, "}\n");
}

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct show *s = arg;

	if (s->count_only && s->limit == UINT64_MAX) {
		s->shown += tsn_mask_count(rows);
		return;
	}
	if (!s->count_only)
		tsn_batch_derive(b, &s->needed);
	header(s);
	TSN_EACH_ROW(row, rows) {
		if (s->shown < s->limit) {
			s->shown++;
			if (!s->count_only && s->format == TSN_SHOW_JSON)
				row_json(s, b, row);
			else if (!s->count_only)
				row_text(s, b, row);
		}
	}
	if (s->shown >= s->limit)
		s->in.stop = true;
	if (s->out.len > FLUSH_AT)
		write_out(s);
}

/* Nothing more comes at present: what was found is shown. */
static void
on_idle(void *arg)
{
	struct show *s = arg;

	write_out(s);
	fflush(stdout);
}

static int
show(struct show *s, struct tsn_ruleset *rs)
{
	int status = tsn_inputs_open_rows(&s->in, rs, on_rows, s);

	s->in.idle = on_idle;
	s->in.idle_arg = s;
	if (status != 0)
		return status;
	status = tsn_inputs_read(&s->in);
	if (status != TSN_EXIT_USAGE) {
		if (s->count_only)
			tsn_buf_printf(&s->out, "%llu\n", (unsigned long long)s->shown);
		if (status == TSN_EXIT_OK)
			header(s); /* a table without rows is one, too */
		write_out(s);
	}
	tsn_engine_free(s->in.engine);
	return status;
}

int
tsn_cmd_show(struct tsn_cli *c)
{
	struct show s = { .in = { .cli = c }, .count_only = c->count,
		.limit = c->limit >= 0 ? (uint64_t)c->limit : UINT64_MAX };
	struct tsn_cli_compilation k;
	struct tsn_ruleset *rs = NULL;
	int status;
	uint32_t i;

	status = tsn_columns_parse(c, "fields", c->fields != NULL ? c->fields : DEFAULT_COLUMNS, &s.columns);
	if (status == 0)
		status = tsn_show_format_parse(c, &s.format);
	if (status != 0)
		return status;
	for (i = 0; i < s.columns.n; i++)
		tsn_field_set_add(&s.needed, s.columns.part[i].field);
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	if (c->where != NULL && (rs = tsn_cli_compile(&k)) == NULL)
		status = TSN_EXIT_RULES;
	else
		status = show(&s, rs);
	tsn_cli_compilation_fini(&k);
	tsn_buf_fini(&s.out);
	tsn_buf_fini(&s.cell);
	return status;
}
