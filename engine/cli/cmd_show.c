/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin show: flows, or groups of them, as a table, JSON lines or CSV, or just their number. */
#include <stdio.h>
#include <string.h>

#include "cli/groups.h"
#include "cli/inputs.h"
#include "cli/rows.h"
#include "cli/totals.h"
#include "cli/view.h"

#define DEFAULT_COLUMNS "start,duration,proto,src,src_port,dst,dst_port,flags,packets,bytes"
#define GROUP_COLUMNS "flows,packets,bytes,start,end,flags"

struct show {
	struct tsn_inputs in;
	struct tsn_view view;
	struct tsn_sorts sorts;
	struct tsn_rows rows;
	struct tsn_groups groups;
	struct tsn_totals totals;
	struct tsn_field_set needed;
	uint64_t shown, limit;
	enum { COUNT, STREAM, SORT, GROUP } what;
	bool tells; /* a last line, on a terminal or with --verbose: how much that was */
};

static void
show_row(struct show *s, const struct tsn_batch *b, uint32_t row)
{
	struct tsn_value x[TSN_COLUMNS_MAX];

	for (uint32_t i = 0; i < s->view.columns.n; i++)
		tsn_view_get(&s->view, b, row, i, &x[i]);
	tsn_view_row(&s->view, x);
}

static void
take_row(struct show *s, const struct tsn_batch *b, uint32_t row)
{
	if (s->what != SORT && s->what != GROUP) {
		if (s->shown >= s->limit)
			return;
		s->shown++;
	}
	if (s->tells)
		tsn_totals_add(&s->totals, b, row);
	else
		s->totals.flows++;
	if (s->what == STREAM)
		show_row(s, b, row);
	else if (s->what == SORT)
		tsn_rows_add(&s->rows, &s->view, b, row);
}

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct show *s = arg;

	if (s->what == COUNT && s->limit == UINT64_MAX) {
		s->shown += tsn_mask_count(rows);
		return;
	}
	tsn_batch_derive(b, &s->needed);
	tsn_progress_clear(&s->in.progress); /* before rows go to the same terminal */
	TSN_EACH_ROW(row, rows)
		take_row(s, b, row);
	if (s->what == GROUP)
		tsn_groups_add(&s->groups, b, rows);
	if (s->what == STREAM || s->what == COUNT)
		s->in.stop |= s->shown >= s->limit;
	s->in.stop |= s->view.gone || s->rows.no_memory || s->rows.too_many || s->groups.no_memory;
}

static void
show_groups(struct show *s)
{
	size_t most = s->limit < s->groups.n ? (size_t)s->limit : s->groups.n;
	struct tsn_value x[TSN_COLUMNS_MAX];

	tsn_groups_sort(&s->groups, &s->sorts, most);
	for (size_t i = 0; i < most && !s->view.gone; i++) {
		for (uint32_t k = 0; k < s->view.columns.n; k++) {
			tsn_groups_get(&s->groups, &s->groups.group[i], s->view.columns.part[k].field, &x[k]);
			tsn_view_name(&s->view, k, tsn_engine_exporters(s->in.engine), &x[k]);
		}
		tsn_view_row(&s->view, x);
	}
	s->shown = most;
}

static void
say_totals(const struct show *s)
{
	char before[96] = "";

	if (!s->tells)
		return;
	if (s->what == GROUP)
		snprintf(before, sizeof(before), "%llu of %zu groups shown; ", (unsigned long long)s->shown, s->groups.n);
	else if (s->what == SORT)
		snprintf(before, sizeof(before), "%zu of ", s->rows.n);
	fflush(stdout); /* the table first */
	tsn_totals_say(&s->totals, before);
}

static int
finish(struct show *s, int status)
{
	if (s->rows.no_memory || s->groups.no_memory)
		return tsn_cli_no_memory();
	if (s->rows.too_many) {
		tsn_cli_warn("more than %u flows to sort: add --limit N to keep the first N of the order, or narrow --where", TSN_ROWS_MAX);
		return TSN_EXIT_USAGE;
	}
	if (s->what == COUNT) {
		printf("%llu\n", (unsigned long long)s->shown);
		return status;
	}
	if (s->what == SORT)
		tsn_rows_show(&s->rows, &s->view);
	else if (s->what == GROUP)
		show_groups(s);
	if (status == TSN_EXIT_OK || s->totals.flows > 0) /* a table without rows is one, too */
		tsn_view_end(&s->view);
	if (s->view.no_memory)
		return tsn_cli_no_memory();
	say_totals(s);
	return status;
}

/* Nothing more comes at present: what was found is shown. */
static void
on_idle(void *arg)
{
	struct show *s = arg;

	tsn_view_pause(&s->view);
}

static int
show(struct show *s, struct tsn_ruleset *rs)
{
	int status;

	s->in.reads = s->needed;
	if (s->what == GROUP)
		tsn_groups_reads(&s->groups, &s->in.reads);
	if (s->tells)
		tsn_totals_reads(&s->in.reads);
	status = tsn_inputs_open_rows(&s->in, rs, on_rows, s);

	s->in.idle = on_idle;
	s->in.idle_arg = s;
	if (status != 0)
		return status;
	status = tsn_inputs_read(&s->in);
	if (status != TSN_EXIT_USAGE)
		status = finish(s, status);
	tsn_engine_free(s->in.engine);
	return status;
}

/* --- what was asked for --- */

static int
flow_columns(const struct tsn_cli *c, struct show *s)
{
	struct tsn_columns *l = &s->view.columns;
	int status = 0;

	if (c->fields == NULL || c->fields[0] == '+') {
		status = tsn_columns_parse(c, "fields", DEFAULT_COLUMNS, 0, l);
		for (uint32_t i = 0; i < l->n; i++)
			l->when[i] = TSN_SHOW_IF_PRESENT;
	}
	if (status == 0 && c->fields == NULL && s->view.format == TSN_SHOW_TABLE) {
		status = tsn_columns_add(c, "fields", "exporter", 0, l);
		l->when[l->n - 1] = TSN_SHOW_IF_VARIED;
	}
	if (status == 0 && c->fields != NULL)
		status = tsn_columns_add(c, "fields", c->fields, TSN_TAKES_ALL, l);
	return status;
}

/* What made the group, then what it came to; no field twice. */
static int
default_group_columns(const struct tsn_cli *c, struct show *s)
{
	struct tsn_columns *l = &s->view.columns, rest;
	int status = tsn_columns_parse(c, "fields", GROUP_COLUMNS, TSN_TAKES_FLOWS, &rest);

	l->n = s->groups.spec.n;
	memcpy(l->part, s->groups.spec.part, l->n * sizeof(l->part[0]));
	memset(l->when, TSN_SHOW_ALWAYS, sizeof(l->when));
	for (uint32_t i = 0; i < rest.n; i++) {
		if (tsn_columns_has(l, rest.part[i].field))
			continue;
		l->when[l->n] = TSN_SHOW_IF_PRESENT;
		l->part[l->n++] = rest.part[i];
	}
	return status;
}

static int
check_group_has(const struct tsn_cli *c, const struct show *s, const char *option, unsigned field)
{
	char text[TSN_WANTED_TEXT];

	if (tsn_groups_knows(&s->groups, field))
		return 0;
	return tsn_cli_usage(c, "--%s: a group has no %s; add it to --aggregate", option,
	    tsn_wanted_name(c->elements, c->nelements, field, text));
}

static int
group_columns(const struct tsn_cli *c, struct show *s)
{
	struct tsn_columns *l = &s->view.columns;
	int status = tsn_groups_by(&s->groups, c, "aggregate", c->aggregate);

	if (status == 0 && (c->fields == NULL || c->fields[0] == '+'))
		status = default_group_columns(c, s);
	if (status == 0 && c->fields != NULL)
		status = tsn_columns_add(c, "fields", c->fields, TSN_TAKES_FLOWS, l);
	for (uint32_t i = 0; i < l->n && status == 0; i++)
		status = check_group_has(c, s, "fields", l->part[i].field);
	for (uint32_t i = 0; i < s->sorts.n && status == 0; i++)
		status = check_group_has(c, s, "sort", s->sorts.part[i].field);
	s->groups.loose = s->groups.times = true;
	return status;
}

static int
parse_options(const struct tsn_cli *c, struct show *s)
{
	int takes = c->aggregate != NULL ? TSN_TAKES_FLOWS : 0, status = tsn_show_format_parse(c, &s->view.format);

	s->what = c->aggregate != NULL ? GROUP : c->sort != NULL ? SORT : STREAM;
	if (c->count && s->what != STREAM)
		return tsn_cli_usage(c, "--count counts flows; leave --sort and --aggregate away");
	if (c->count)
		s->what = COUNT;
	if (status == 0 && (c->sort != NULL || s->what == GROUP))
		status = tsn_sorts_parse(c, c->sort != NULL ? c->sort : "-bytes", takes, &s->sorts);
	if (status == 0)
		status = s->what == GROUP ? group_columns(c, s) : flow_columns(c, s);
	if (status != 0)
		return status;
	if (s->what == STREAM || s->what == SORT)
		tsn_view_needs(&s->view, &s->needed);
	for (uint32_t i = 0; i < s->sorts.n && s->what == SORT; i++)
		tsn_field_set_add(&s->needed, (enum tsn_field)s->sorts.part[i].field);
	s->tells = s->what != COUNT && !c->quiet && (c->verbose || (c->terminal_err && s->view.format == TSN_SHOW_TABLE));
	s->rows.sorts = &s->sorts;
	s->rows.limit = s->limit < SIZE_MAX ? (size_t)s->limit : SIZE_MAX;
	return tsn_view_init(&s->view) ? 0 : tsn_cli_no_memory();
}

static void
show_fini(struct show *s)
{
	tsn_view_fini(&s->view);
	tsn_rows_fini(&s->rows);
	tsn_groups_fini(&s->groups);
}

int
tsn_cmd_show(struct tsn_cli *c)
{
	struct show s = { .in = { .cli = c }, .view = { .cli = c }, .totals = TSN_TOTALS_INIT,
		.limit = c->limit >= 0 ? (uint64_t)c->limit : UINT64_MAX };
	struct tsn_ruleset *rs = NULL;
	int status = tsn_columns_elements(c);

	if (status == 0)
		status = parse_options(c, &s);
	if (status == 0)
		status = tsn_cli_compile_rows(c, &rs);
	if (status == 0)
		status = show(&s, rs);
	show_fini(&s);
	return status;
}
