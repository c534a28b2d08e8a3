/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin exporters: who sent the flows, and how far they can be trusted. One row an exporter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/inputs.h"
#include "cli/table.h"
#include "cli/columns.h"
#include "grammar/diag.h"

struct seen {
	uint64_t flows;
	int64_t first, last; /* event times: for flows that came in no datagram */
};

struct report {
	struct tsn_inputs in;
	enum tsn_show_format format;
	struct seen *seen; /* by index */
	uint32_t nseen;
	bool no_memory;
	const struct column *sort;
	bool down;
};

/* What [x] has to say for a column, as text for people into [out]; "-" where it has nothing to say. */
struct line {
	const struct report *r;
	const struct tsn_exporter *x;
	uint32_t index;
};

/* Counters that tell of data that made no sense: together `malformed`, apart below the table. */
static const enum tsn_exporter_counter malformed[] = {
	TSN_XC_SHORT, TSN_XC_VERSION, TSN_XC_TRAILING, TSN_XC_COUNT, TSN_XC_CLOCK, TSN_XC_BAD_TEMPLATE, TSN_XC_BAD_SET, TSN_XC_BAD_RECORD,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t
malformed_sum(const struct tsn_exporter *x)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < COUNT(malformed); i++)
		sum += x->counter[malformed[i]];
	return sum;
}

static int64_t
first_seen(const struct line *l)
{
	return l->x->first_received != TSN_TIME_NONE ? l->x->first_received
	    : l->index < l->r->nseen                 ? l->r->seen[l->index].first
						     : TSN_TIME_NONE;
}

static int64_t
last_seen(const struct line *l)
{
	return l->x->last_received != TSN_TIME_NONE ? l->x->last_received
	    : l->index < l->r->nseen                ? l->r->seen[l->index].last
						    : TSN_TIME_NONE;
}

/* Flows of files are counted by nobody else. */
static uint64_t
flows_of(const struct line *l)
{
	uint64_t counted = l->x->counter[TSN_XC_FLOWS], seen = l->index < l->r->nseen ? l->r->seen[l->index].flows : 0;

	return counted > seen ? counted : seen;
}

static bool
is_nobody(const struct tsn_exporter *x)
{
	return tsn_addr_cmp(x->addr, tsn_addr_v4(0)) == 0;
}

/* --- the table's columns --- */

static void
put_addr(const struct line *l, struct tsn_buf *out)
{
	char text[TSN_ADDR_TEXT];

	if (l->index == 0)
		tsn_buf_puts(out, "(others)");
	else
		tsn_buf_puts(out, is_nobody(l->x) ? "(none)" : tsn_addr_text(l->x->addr, text));
}

static void
put_name(const struct line *l, struct tsn_buf *out)
{
	tsn_buf_add(out, l->x->name.p, l->x->name.n);
}

static void
put_formats(const struct line *l, struct tsn_buf *out)
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
put_number(const struct line *l, uint64_t n, struct tsn_buf *out)
{
	if (l->r->in.cli->raw)
		tsn_buf_printf(out, "%llu", (unsigned long long)n);
	else
		tsn_human(out, (double)n, true);
}

static void
put_flows(const struct line *l, struct tsn_buf *out)
{
	put_number(l, flows_of(l), out);
}

static void
put_percent(const struct line *l, struct tsn_buf *out)
{
	double loss = 100 * tsn_exporter_loss(l->x);

	tsn_buf_printf(out, loss > 0 && loss < 0.05 ? "<%.1f" : "%.1f", loss > 0 && loss < 0.05 ? 0.1 : loss);
}

static void
put_malformed(const struct line *l, struct tsn_buf *out)
{
	put_number(l, malformed_sum(l->x), out);
}

static void
put_sampling(const struct line *l, struct tsn_buf *out)
{
	if (l->x->sampling > 0)
		tsn_buf_printf(out, "%u", l->x->sampling);
	if (l->x->sampling_override > 0)
		tsn_buf_printf(out, "%ssite: %u", l->x->sampling > 0 ? ", " : "", l->x->sampling_override);
}

static void
put_skew(const struct line *l, struct tsn_buf *out)
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
put_first(const struct line *l, struct tsn_buf *out)
{
	put_time(first_seen(l), out);
}

static void
put_last(const struct line *l, struct tsn_buf *out)
{
	put_time(last_seen(l), out);
}

static void
put_gives(const struct line *l, struct tsn_buf *out)
{
	tsn_buf_printf(out, "%s%s%s", l->x->flags_seen ? "flags" : "", l->x->flags_seen && l->x->interfaces_seen ? ", " : "",
	    l->x->interfaces_seen ? "interfaces" : "");
}

static const struct column {
	const char *name;
	void (*put)(const struct line *l, struct tsn_buf *out); /* NULL: a counter */
	enum tsn_exporter_counter counter;
	bool right, bad; /* bad: a number above zero is no good news */
	enum tsn_table_show when;
	uint8_t rank;
} columns[] = {
	{ "exporter", put_addr, 0, false, false, TSN_SHOW_ALWAYS, 0 },
	{ "name", put_name, 0, false, false, TSN_SHOW_IF_PRESENT, 3 },
	{ "formats", put_formats, 0, false, false, TSN_SHOW_IF_PRESENT, 4 },
	{ "datagrams", NULL, TSN_XC_DATAGRAMS, true, false, TSN_SHOW_ALWAYS, 2 },
	{ "flows", put_flows, 0, true, false, TSN_SHOW_ALWAYS, 0 },
	{ "lost", NULL, TSN_XC_LOST, true, true, TSN_SHOW_ALWAYS, 1 },
	{ "lost_datagrams", NULL, TSN_XC_LOST_DATAGRAMS, true, true, TSN_SHOW_IF_PRESENT, 1 },
	{ "lost%", put_percent, 0, true, true, TSN_SHOW_ALWAYS, 1 },
	{ "restarts", NULL, TSN_XC_RESTARTS, true, true, TSN_SHOW_ALWAYS, 5 },
	{ "reordered", NULL, TSN_XC_REORDERED, true, true, TSN_SHOW_ALWAYS, 6 },
	{ "templates", NULL, TSN_XC_TEMPLATES, true, false, TSN_SHOW_IF_PRESENT, 7 },
	{ "no_template", NULL, TSN_XC_NO_TEMPLATE, true, true, TSN_SHOW_IF_PRESENT, 2 },
	{ "malformed", put_malformed, 0, true, true, TSN_SHOW_ALWAYS, 2 },
	{ "refused", NULL, TSN_XC_REFUSED, true, true, TSN_SHOW_IF_PRESENT, 5 },
	{ "duplicates", NULL, TSN_XC_DUPLICATES, true, false, TSN_SHOW_IF_PRESENT, 6 },
	{ "sampling", put_sampling, 0, true, false, TSN_SHOW_IF_PRESENT, 3 },
	{ "sampling_changes", NULL, TSN_XC_SAMPLING_CHANGES, true, true, TSN_SHOW_IF_PRESENT, 8 },
	{ "skew", put_skew, 0, true, false, TSN_SHOW_IF_PRESENT, 5 },
	{ "first_seen", put_first, 0, false, false, TSN_SHOW_IF_PRESENT, 9 },
	{ "last_seen", put_last, 0, false, false, TSN_SHOW_IF_PRESENT, 6 },
	{ "gives", put_gives, 0, false, false, TSN_SHOW_IF_PRESENT, 8 },
};

static void
put_cell(const struct line *l, const struct column *c, struct tsn_buf *out)
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
print_row(const struct line *l, struct tsn_table *t, struct tsn_buf *cell)
{
	for (size_t i = 0; i < COUNT(columns); i++) {
		const char *text;

		put_cell(l, &columns[i], cell);
		text = tsn_buf_str(cell);
		tsn_table_cell(t, text, cell->len, NULL,
		    columns[i].bad && !is_zero(text) ? TSN_YELLOW : strcmp(text, "-") == 0 ? TSN_DIM : TSN_PLAIN);
	}
}

/* Below the table: each cause that is not zero, and what it means. */
static void
print_causes(const struct line *l, struct tsn_buf *out)
{
	struct tsn_buf who = TSN_BUF_INIT;
	static const enum tsn_exporter_counter more[] = {
		TSN_XC_NO_TEMPLATE, TSN_XC_TEMPLATES_REFUSED, TSN_XC_TEMPLATE_CHANGES, TSN_XC_AGENT_DROPS, TSN_XC_REFUSED,
	};

	put_addr(l, &who);
	for (size_t i = 0; i < COUNT(malformed) + COUNT(more); i++) {
		enum tsn_exporter_counter k = i < COUNT(malformed) ? malformed[i] : more[i - COUNT(malformed)];

		if (l->x->counter[k] > 0)
			tsn_buf_printf(out, "%s: %s %llu: %s\n", tsn_buf_str(&who), tsn_exporter_counter_name(k),
			    (unsigned long long)l->x->counter[k], tsn_exporter_counter_help(k));
	}
	tsn_buf_fini(&who);
}

static bool
print_table(const struct report *r, const struct line *lines, uint32_t n)
{
	struct tsn_table_column c[COUNT(columns)] = { 0 };
	struct tsn_buf cell = TSN_BUF_INIT, causes = TSN_BUF_INIT;
	struct tsn_table *t;

	for (size_t i = 0; i < COUNT(columns); i++) {
		snprintf(c[i].name, sizeof(c[i].name), "%s", columns[i].name);
		c[i].right = columns[i].right;
		c[i].when = columns[i].when;
		c[i].rank = columns[i].rank;
	}
	t = tsn_table_new(c, COUNT(columns), tsn_terminal_width(), r->in.cli->color_out);
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

/* --- for programs --- */

/* [v] as a JSON number, or an empty cell of CSV if it is absent. */
static void
put_field(struct tsn_buf *out, bool csv, const char *name, bool known, const char *text, bool quoted)
{
	if (csv) {
		tsn_buf_putc(out, ',');
		tsn_column_csv(out, known ? text : "");
	} else if (known) {
		tsn_buf_printf(out, ",\"%s\":%s", name, quoted ? "\"" : "");
		if (quoted)
			tsn_buf_json(out, text, strlen(text));
		else
			tsn_buf_puts(out, text);
		tsn_buf_puts(out, quoted ? "\"" : "");
	}
}

static void
put_u64(struct tsn_buf *out, bool csv, const char *name, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	put_field(out, csv, name, true, text, false);
}

static void
put_settings(struct tsn_buf *out, bool csv, const struct line *l)
{
	char text[TSN_TIME_TEXT];
	int64_t first = first_seen(l), last = last_seen(l);

	put_u64(out, csv, "malformed", malformed_sum(l->x));
	snprintf(text, sizeof(text), "%u", l->x->sampling);
	put_field(out, csv, "sampling", l->x->sampling > 0, text, false);
	snprintf(text, sizeof(text), "%u", l->x->sampling_override);
	put_field(out, csv, "sampling_override", l->x->sampling_override > 0, text, false);
	snprintf(text, sizeof(text), "%lld", (long long)l->x->skew);
	put_field(out, csv, "skew_ms", l->x->skew != TSN_TIME_NONE, text, false);
	put_field(out, csv, "first_seen", first != TSN_TIME_NONE, first != TSN_TIME_NONE ? tsn_time_text(first, text) : "", true);
	put_field(out, csv, "last_seen", last != TSN_TIME_NONE, last != TSN_TIME_NONE ? tsn_time_text(last, text) : "", true);
	put_field(out, csv, "flags_seen", true, l->x->flags_seen ? "true" : "false", false);
	put_field(out, csv, "interfaces_seen", true, l->x->interfaces_seen ? "true" : "false", false);
}

static void
put_formats_json(const struct tsn_exporter *x, struct tsn_buf *out)
{
	const char *sep = "";

	tsn_buf_puts(out, ",\"formats\":[");
	for (int k = 0; k < TSN_EXPORTER_FORMAT_COUNT; k++) {
		if ((x->formats >> k & 1) == 0)
			continue;
		tsn_buf_printf(out, "%s\"%s\"", sep, tsn_exporter_format_name((enum tsn_exporter_format)k));
		sep = ",";
	}
	tsn_buf_putc(out, ']');
}

static void
print_exact(const struct line *l, bool csv, struct tsn_buf *out, struct tsn_buf *cell)
{
	tsn_buf_clear(cell);
	put_addr(l, cell);
	tsn_buf_printf(out, csv ? "%s" : "{\"exporter\":\"%s\"", tsn_buf_str(cell));
	tsn_buf_clear(cell);
	put_name(l, cell);
	put_field(out, csv, "name", cell->len > 0, tsn_buf_str(cell), true);
	tsn_buf_clear(cell);
	put_formats(l, cell);
	if (csv)
		put_field(out, csv, "formats", true, tsn_buf_str(cell), true);
	else
		put_formats_json(l->x, out);
	for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++)
		put_u64(out, csv, tsn_exporter_counter_name((enum tsn_exporter_counter)k),
		    k == TSN_XC_FLOWS ? flows_of(l) : l->x->counter[k]);
	put_settings(out, csv, l);
	tsn_buf_puts(out, csv ? "\n" : "}\n");
}

static void
print_programs(const struct report *r, const struct line *lines, uint32_t n)
{
	struct tsn_buf out = TSN_BUF_INIT, cell = TSN_BUF_INIT;
	bool csv = r->format == TSN_SHOW_CSV;

	if (csv) {
		tsn_buf_puts(&out, "exporter,name,formats");
		for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++)
			tsn_buf_printf(&out, ",%s", tsn_exporter_counter_name((enum tsn_exporter_counter)k));
		tsn_buf_puts(&out, ",malformed,sampling,sampling_override,skew_ms,first_seen,last_seen,flags_seen,interfaces_seen\n");
	}
	for (uint32_t i = 0; i < n; i++)
		print_exact(&lines[i], csv, &out, &cell);
	fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	tsn_buf_fini(&out);
	tsn_buf_fini(&cell);
}

/* --- order --- */

/* What a column sorts by; those of text by address, but the name. */
static double
measure(const struct line *l, const struct column *c)
{
	if (c->put == NULL)
		return (double)l->x->counter[c->counter];
	return c->put == put_flows     ? (double)flows_of(l)
	    : c->put == put_percent    ? tsn_exporter_loss(l->x)
	    : c->put == put_malformed  ? (double)malformed_sum(l->x)
	    : c->put == put_sampling   ? (double)(l->x->sampling_override > 0 ? l->x->sampling_override : l->x->sampling)
	    : c->put == put_skew       ? (double)l->x->skew
	    : c->put == put_first      ? (double)first_seen(l)
	    : c->put == put_last       ? (double)last_seen(l)
	    : c->put == put_formats    ? (double)l->x->formats
	    : c->put == put_gives      ? l->x->flags_seen * 2 + l->x->interfaces_seen
				       : 0;
}

static int
by_order(const void *a, const void *b, void *arg)
{
	const struct line *x = a, *y = b;
	const struct report *r = arg;
	double mx = r->sort != NULL ? measure(x, r->sort) : 0, my = r->sort != NULL ? measure(y, r->sort) : 0;
	uint32_t n = x->x->name.n < y->x->name.n ? x->x->name.n : y->x->name.n;
	int d = (mx > my) - (mx < my);

	if (r->sort != NULL && r->sort->put == put_name) {
		d = n > 0 ? memcmp(x->x->name.p, y->x->name.p, n) : 0;
		d = d != 0 ? d : (x->x->name.n > y->x->name.n) - (x->x->name.n < y->x->name.n);
	} else if (r->sort != NULL && r->sort->put == put_addr) {
		d = tsn_addr_cmp(x->x->addr, y->x->addr);
	}
	if (d != 0)
		return r->down ? -d : d;
	d = (x->index == 0) - (y->index == 0);
	return d != 0 ? d : tsn_addr_cmp(x->x->addr, y->x->addr);
}

static int
parse_sort(const struct tsn_cli *c, struct report *r)
{
	const char *word = c->sort;
	struct tsn_nearest near = { 0 };
	size_t i;

	if (word == NULL)
		return 0;
	word += word[0] == '-' || word[0] == '+';
	for (i = 0; i < COUNT(columns); i++) {
		tsn_nearest_offer(&near, word, columns[i].name);
		if (strcmp(columns[i].name, word) == 0)
			r->sort = &columns[i];
	}
	if (r->sort == NULL && near.best != NULL)
		return tsn_cli_usage(c, "--sort: no column \"%s\"; did you mean \"%s\"?", word, near.best);
	if (r->sort == NULL)
		return tsn_cli_usage(c, "--sort takes a column of the table, such as lost or -flows; not \"%s\"", word);
	r->down = word != c->sort ? c->sort[0] == '-' : r->sort->right;
	return 0;
}

/* --- reading --- */

static bool
see_index(struct report *r, uint32_t index)
{
	uint32_t n = index + 64;
	struct seen *seen;

	if (index < r->nseen)
		return true;
	seen = tsn_reallocarray(r->seen, n, sizeof(*seen));
	if (seen == NULL)
		return false;
	for (uint32_t i = r->nseen; i < n; i++)
		seen[i] = (struct seen){ 0, TSN_TIME_NONE, TSN_TIME_NONE };
	r->seen = seen;
	r->nseen = n;
	return true;
}

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct report *r = arg;

	TSN_EACH_ROW(row, rows) {
		if (!see_index(r, b->source[row])) {
			r->no_memory = r->in.stop = true;
		} else {
			struct seen *s = &r->seen[b->source[row]];

			s->flows++;
			if (s->first == TSN_TIME_NONE || b->time[row] < s->first)
				s->first = b->time[row];
			if (b->time[row] > s->last)
				s->last = b->time[row];
		}
	}
}

static bool
print(struct report *r)
{
	struct tsn_exporters *all = tsn_engine_exporters(r->in.engine);
	uint32_t count = tsn_exporters_count(all), n = 0;
	struct line *lines = tsn_calloc(count, sizeof(*lines));
	bool ok = true;

	if (lines == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		lines[n] = (struct line){ r, tsn_exporters_at(all, i), i };
		if (lines[n].x->counter[TSN_XC_DATAGRAMS] > 0 || flows_of(&lines[n]) > 0)
			n++;
	}
	if (n > 0)
		qsort_r(lines, n, sizeof(*lines), by_order, r);
	if (r->format == TSN_SHOW_TABLE)
		ok = print_table(r, lines, n);
	else
		print_programs(r, lines, n);
	tsn_free(lines);
	return ok;
}

int
tsn_cmd_exporters(struct tsn_cli *c)
{
	struct report r = { .in = { .cli = c } };
	struct tsn_ruleset *rs = NULL;
	int status = tsn_show_format_parse(c, &r.format);

	if (status == 0)
		status = parse_sort(c, &r);
	if (status == 0)
		status = tsn_cli_compile_rows(c, &rs);
	if (status == 0)
		status = tsn_inputs_open_rows(&r.in, rs, on_rows, &r);
	if (status != 0)
		return status;
	status = tsn_inputs_read(&r.in);
	if (r.no_memory || (status != TSN_EXIT_USAGE && !print(&r)))
		status = tsn_cli_no_memory();
	tsn_engine_free(r.in.engine);
	tsn_free(r.seen);
	return status;
}
