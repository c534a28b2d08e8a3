/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin exporters: who sent the flows, and how far they can be trusted. One row an exporter. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/exporters.h"
#include "grammar/diag.h"

struct report {
	struct tsn_inputs in;
	enum tsn_show_format format;
	struct tsn_seen *seen; /* by index */
	uint32_t nseen;
	bool no_memory;
	const struct tsn_exporter_column *sort;
	bool down;
};

/* --- order --- */

static int
compare_text(const struct tsn_exporter_line *x, const struct tsn_exporter_line *y, const struct tsn_exporter_column *c)
{
	struct tsn_buf a = TSN_BUF_INIT, b = TSN_BUF_INIT;
	int d;

	c->put(x, &a);
	c->put(y, &b);
	d = strcmp(tsn_buf_str(&a), tsn_buf_str(&b));
	tsn_buf_fini(&a);
	tsn_buf_fini(&b);
	return d;
}

static int
compare_by(const struct tsn_exporter_line *x, const struct tsn_exporter_line *y, const struct tsn_exporter_column *c)
{
	double a, b;

	if (c->put == tsn_exporter_put_addr)
		return tsn_addr_cmp(x->x->addr, y->x->addr);
	if (c->put != NULL && c->measure == NULL)
		return compare_text(x, y, c);
	a = c->measure != NULL ? c->measure(x) : (double)x->x->counter[c->counter];
	b = c->measure != NULL ? c->measure(y) : (double)y->x->counter[c->counter];
	return (a > b) - (a < b);
}

/* Equal ones by address, those without one behind. */
static int
by_order(const void *a, const void *b, void *arg)
{
	const struct tsn_exporter_line *x = a, *y = b;
	const struct report *r = arg;
	int d = r->sort != NULL ? compare_by(x, y, r->sort) : 0;

	if (d != 0)
		return r->down ? -d : d;
	d = (x->index == 0) - (y->index == 0);
	return d != 0 ? d : tsn_addr_cmp(x->x->addr, y->x->addr);
}

static int
parse_sort(const struct tsn_cli *c, struct report *r)
{
	const struct tsn_exporter_column *k;
	const char *word = c->sort;
	struct tsn_nearest near = { 0 };

	if (word == NULL)
		return 0;
	word += word[0] == '-' || word[0] == '+';
	for (size_t i = 0; (k = tsn_exporter_column(i)) != NULL; i++) {
		tsn_nearest_offer(&near, word, k->name);
		if (strcmp(k->name, word) == 0)
			r->sort = k;
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
	struct tsn_seen *seen;

	if (index < r->nseen)
		return true;
	seen = tsn_reallocarray(r->seen, n, sizeof(*seen));
	if (seen == NULL)
		return false;
	for (uint32_t i = r->nseen; i < n; i++)
		seen[i] = (struct tsn_seen){ 0, TSN_TIME_NONE, TSN_TIME_NONE };
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
			struct tsn_seen *s = &r->seen[b->source[row]];

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
	struct tsn_exporter_line *lines = tsn_calloc(count, sizeof(*lines));
	bool ok = true;

	if (lines == NULL)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		lines[n] = (struct tsn_exporter_line){ tsn_exporters_at(all, i), i, { 0, TSN_TIME_NONE, TSN_TIME_NONE }, r->in.cli->raw };
		if (i < r->nseen)
			lines[n].seen = r->seen[i];
		if (lines[n].x->counter[TSN_XC_DATAGRAMS] > 0 || tsn_exporter_flows(&lines[n]) > 0)
			n++;
	}
	if (n > 0)
		qsort_r(lines, n, sizeof(*lines), by_order, r);
	if (n == 0 && r->in.files.unreadable > 0)
		; /* nothing was read: nothing is told */
	else if (n == 0 && r->format == TSN_SHOW_TABLE)
		tsn_cli_warn("no flows, and so no exporters");
	else if (r->format == TSN_SHOW_TABLE)
		ok = tsn_exporters_print_table(r->in.cli, lines, n);
	else
		tsn_exporters_print_exact(r->format == TSN_SHOW_CSV, lines, n);
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
