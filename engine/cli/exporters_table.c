/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/exporters.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Counters that tell of data that made no sense: together `malformed`, apart below the table. */
static const enum tsn_exporter_counter malformed[] = {
	TSN_XC_SHORT, TSN_XC_VERSION, TSN_XC_TRAILING, TSN_XC_COUNT, TSN_XC_CLOCK, TSN_XC_BAD_TEMPLATE, TSN_XC_BAD_SET, TSN_XC_BAD_RECORD,
};

uint64_t
tsn_exporter_malformed(const struct tsn_exporter *x)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < COUNT(malformed); i++)
		sum += x->counter[malformed[i]];
	return sum;
}

int64_t
tsn_exporter_first(const struct tsn_exporter_line *l)
{
	return l->x->first_received != TSN_TIME_NONE ? l->x->first_received : l->seen.first;
}

int64_t
tsn_exporter_last(const struct tsn_exporter_line *l)
{
	return l->x->last_received != TSN_TIME_NONE ? l->x->last_received : l->seen.last;
}

/* Flows of files are counted by nobody else. */
uint64_t
tsn_exporter_flows(const struct tsn_exporter_line *l)
{
	uint64_t counted = l->x->counter[TSN_XC_FLOWS];

	return counted > l->seen.flows ? counted : l->seen.flows;
}

static bool
is_nobody(const struct tsn_exporter *x)
{
	return tsn_addr_cmp(x->addr, tsn_addr_v4(0)) == 0;
}

/* --- the table's columns --- */

void
tsn_exporter_put_addr(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	char text[TSN_ADDR_TEXT];

	if (l->index == 0)
		tsn_buf_puts(out, "(others)");
	else
		tsn_buf_puts(out, is_nobody(l->x) ? "(none)" : tsn_addr_text(l->x->addr, text));
}

static void
put_name(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	tsn_buf_add(out, l->x->name.p, l->x->name.n);
}

void
tsn_exporter_put_formats(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	const char *sep = "";

	for (int k = 0; k < TSN_EXPORTER_FORMAT_COUNT; k++) {
		if ((l->x->formats >> k & 1) == 0)
			continue;
		tsn_buf_printf(out, "%s%s", sep, tsn_exporter_format_name((enum tsn_exporter_format)k));
		sep = ", ";
	}
}

static void
put_number(const struct tsn_exporter_line *l, uint64_t n, struct tsn_buf *out)
{
	if (l->raw)
		tsn_buf_printf(out, "%llu", (unsigned long long)n);
	else
		tsn_human(out, (double)n, true);
}

static void
put_flows(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	put_number(l, tsn_exporter_flows(l), out);
}

static void
put_percent(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	double loss = 100 * tsn_exporter_loss(l->x);

	tsn_buf_printf(out, loss > 0 && loss < 0.05 ? "<%.1f" : "%.1f", loss > 0 && loss < 0.05 ? 0.1 : loss);
}

static void
put_malformed(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	put_number(l, tsn_exporter_malformed(l->x), out);
}

static void
put_sampling(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	if (l->x->sampling > 0)
		tsn_buf_printf(out, "%u", l->x->sampling);
	if (l->x->sampling_override > 0)
		tsn_buf_printf(out, "%ssite: %u", l->x->sampling > 0 ? ", " : "", l->x->sampling_override);
}

static void
put_skew(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	char text[TSN_TIME_TEXT];

	if (l->x->skew != TSN_TIME_NONE)
		tsn_buf_puts(out, tsn_duration_text(l->x->skew, text));
}

static void
put_time(int64_t t, struct tsn_buf *out)
{
	char text[TSN_TIME_TEXT];

	if (t != TSN_TIME_NONE)
		tsn_buf_puts(out, tsn_time_text(t, text));
}

static void
put_first(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	put_time(tsn_exporter_first(l), out);
}

static void
put_last(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	put_time(tsn_exporter_last(l), out);
}

static void
put_gives(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	tsn_buf_printf(out, "%s%s%s", l->x->flags_seen ? "flags" : "", l->x->flags_seen && l->x->interfaces_seen ? ", " : "",
	    l->x->interfaces_seen ? "interfaces" : "");
}

/* --- what columns sort by --- */

static double
measure_flows(const struct tsn_exporter_line *l)
{
	return (double)tsn_exporter_flows(l);
}

static double
measure_loss(const struct tsn_exporter_line *l)
{
	return tsn_exporter_loss(l->x);
}

static double
measure_malformed(const struct tsn_exporter_line *l)
{
	return (double)tsn_exporter_malformed(l->x);
}

static double
measure_sampling(const struct tsn_exporter_line *l)
{
	return (double)(l->x->sampling_override > 0 ? l->x->sampling_override : l->x->sampling);
}

static double
measure_skew(const struct tsn_exporter_line *l)
{
	return (double)l->x->skew;
}

static double
measure_first(const struct tsn_exporter_line *l)
{
	return (double)tsn_exporter_first(l);
}

static double
measure_last(const struct tsn_exporter_line *l)
{
	return (double)tsn_exporter_last(l);
}

static const struct tsn_exporter_column columns[] = {
	{ "exporter", tsn_exporter_put_addr, NULL, 0, false, false, TSN_SHOW_ALWAYS, 0 },
	{ "name", put_name, NULL, 0, false, false, TSN_SHOW_IF_PRESENT, 3 },
	{ "formats", tsn_exporter_put_formats, NULL, 0, false, false, TSN_SHOW_IF_PRESENT, 4 },
	{ "datagrams", NULL, NULL, TSN_XC_DATAGRAMS, true, false, TSN_SHOW_ALWAYS, 2 },
	{ "flows", put_flows, measure_flows, 0, true, false, TSN_SHOW_ALWAYS, 0 },
	{ "lost", NULL, NULL, TSN_XC_LOST, true, true, TSN_SHOW_ALWAYS, 1 },
	{ "lost_datagrams", NULL, NULL, TSN_XC_LOST_DATAGRAMS, true, true, TSN_SHOW_IF_PRESENT, 1 },
	{ "lost%", put_percent, measure_loss, 0, true, true, TSN_SHOW_ALWAYS, 1 },
	{ "restarts", NULL, NULL, TSN_XC_RESTARTS, true, true, TSN_SHOW_ALWAYS, 5 },
	{ "reordered", NULL, NULL, TSN_XC_REORDERED, true, true, TSN_SHOW_ALWAYS, 6 },
	{ "templates", NULL, NULL, TSN_XC_TEMPLATES, true, false, TSN_SHOW_IF_PRESENT, 7 },
	{ "no_template", NULL, NULL, TSN_XC_NO_TEMPLATE, true, true, TSN_SHOW_IF_PRESENT, 2 },
	{ "malformed", put_malformed, measure_malformed, 0, true, true, TSN_SHOW_ALWAYS, 2 },
	{ "refused", NULL, NULL, TSN_XC_REFUSED, true, true, TSN_SHOW_IF_PRESENT, 5 },
	{ "duplicates", NULL, NULL, TSN_XC_DUPLICATES, true, false, TSN_SHOW_IF_PRESENT, 6 },
	{ "sampling", put_sampling, measure_sampling, 0, true, false, TSN_SHOW_IF_PRESENT, 3 },
	{ "sampling_changes", NULL, NULL, TSN_XC_SAMPLING_CHANGES, true, true, TSN_SHOW_IF_PRESENT, 8 },
	{ "skew", put_skew, measure_skew, 0, true, false, TSN_SHOW_IF_PRESENT, 5 },
	{ "first_seen", put_first, measure_first, 0, false, false, TSN_SHOW_IF_PRESENT, 9 },
	{ "last_seen", put_last, measure_last, 0, false, false, TSN_SHOW_IF_PRESENT, 6 },
	{ "gives", put_gives, NULL, 0, false, false, TSN_SHOW_IF_PRESENT, 8 },
};

const struct tsn_exporter_column *
tsn_exporter_column(size_t i)
{
	return i < COUNT(columns) ? &columns[i] : NULL;
}

static void
put_cell(const struct tsn_exporter_line *l, const struct tsn_exporter_column *c, struct tsn_buf *out)
{
	tsn_buf_clear(out);
	if (c->put != NULL)
		c->put(l, out);
	else if (l->x->counter[c->counter] > 0 || c->when == TSN_SHOW_ALWAYS)
		put_number(l, l->x->counter[c->counter], out);
	if (out->len == 0)
		tsn_buf_putc(out, '-');
}

static bool
is_zero(const char *text)
{
	return strcmp(text, "0") == 0 || strcmp(text, "0.0") == 0 || strcmp(text, "-") == 0;
}

static void
print_row(const struct tsn_exporter_line *l, struct tsn_table *t, struct tsn_buf *cell)
{
	for (size_t i = 0; i < COUNT(columns); i++) {
		const char *text;

		put_cell(l, &columns[i], cell);
		text = tsn_buf_str(cell);
		tsn_table_cell(t, text, cell->len, NULL,
		    columns[i].bad && !is_zero(text) ? TSN_YELLOW : strcmp(text, "-") == 0 ? TSN_DIM : TSN_PLAIN);
	}
}

/* What is no trouble, or stands in the table. */
static bool
is_told(enum tsn_exporter_counter k)
{
	static const enum tsn_exporter_counter told[] = {
		TSN_XC_DATAGRAMS, TSN_XC_FLOWS, TSN_XC_LOST, TSN_XC_LOST_DATAGRAMS, TSN_XC_RESTARTS, TSN_XC_REORDERED, TSN_XC_TEMPLATES,
		TSN_XC_HELD, TSN_XC_NOT_FLOWS, TSN_XC_OPTIONS, TSN_XC_SAMPLING_CHANGES, TSN_XC_COUNTER_SAMPLES, TSN_XC_DUPLICATES,
	};

	for (size_t i = 0; i < COUNT(told); i++)
		if (told[i] == k)
			return true;
	return false;
}

/* Below the table: each other cause that is not zero, and what it means. */
static void
print_causes(const struct tsn_exporter_line *l, struct tsn_buf *out)
{
	struct tsn_buf who = TSN_BUF_INIT;

	tsn_exporter_put_addr(l, &who);
	for (int i = 0; i < TSN_EXPORTER_COUNTER_COUNT; i++) {
		enum tsn_exporter_counter k = (enum tsn_exporter_counter)i;

		if (l->x->counter[k] > 0 && !is_told(k))
			tsn_buf_printf(out, "%s: %s %llu: %s\n", tsn_buf_str(&who), tsn_exporter_counter_name(k),
			    (unsigned long long)l->x->counter[k], tsn_exporter_counter_help(k));
	}
	tsn_buf_fini(&who);
}

bool
tsn_exporters_print_table(const struct tsn_cli *c, const struct tsn_exporter_line *lines, uint32_t n)
{
	struct tsn_table_column column[COUNT(columns)] = { 0 };
	struct tsn_buf cell = TSN_BUF_INIT, causes = TSN_BUF_INIT;
	struct tsn_table *t;

	for (size_t i = 0; i < COUNT(columns); i++) {
		snprintf(column[i].name, sizeof(column[i].name), "%s", columns[i].name);
		column[i].right = columns[i].right;
		column[i].when = columns[i].when;
		column[i].rank = columns[i].rank;
	}
	t = tsn_table_new(column, COUNT(columns), tsn_terminal_width(), c->color_out);
	if (t == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		print_row(&lines[i], t, &cell);
		print_causes(&lines[i], &causes);
	}
	tsn_table_end(t);
	fwrite(tsn_buf_str(tsn_table_out(t)), 1, tsn_table_out(t)->len, stdout);
	if (causes.len > 0)
		printf("\n%s", tsn_buf_str(&causes));
	tsn_table_free(t);
	tsn_buf_fini(&cell);
	tsn_buf_fini(&causes);
	return true;
}
