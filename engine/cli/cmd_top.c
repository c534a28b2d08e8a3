/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin top: groups of flows, the largest first, and their shares of all. */
#include <stdio.h>
#include <string.h>

#include "cli/groups.h"
#include "cli/inputs.h"
#include "cli/view.h"

struct top {
	struct tsn_inputs in;
	struct tsn_view view;
	struct tsn_groups groups;
	struct tsn_sorts sorts;
	uint64_t flows, packets, bytes;
};

static uint64_t
sum(const struct tsn_batch *b, enum tsn_field f, const struct tsn_mask *rows)
{
	const uint64_t *col = b->col[f];
	uint64_t n = 0;

	for (uint32_t w = 0; w < TSN_MASK_WORDS; w++) {
		uint64_t bits = rows->w[w] & b->present[f].w[w];

		if (bits == UINT64_MAX) {
			for (uint32_t i = 0; i < 64; i++)
				n += col[w * 64 + i];
			continue;
		}
		for (; bits != 0; bits &= bits - 1)
			n += col[w * 64 + (uint32_t)__builtin_ctzll(bits)];
	}
	return n;
}

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct top *t = arg;

	t->flows += tsn_mask_count(rows);
	t->packets += sum(b, TSN_F_PACKETS, rows);
	t->bytes += sum(b, TSN_F_BYTES, rows);
	tsn_groups_add(&t->groups, b, rows);
	t->in.stop |= t->groups.no_memory;
}

static struct tsn_value
share(uint64_t part, uint64_t whole)
{
	return (struct tsn_value){ .type = TSN_T_REAL, .known = true,
		.f = whole > 0 ? 100.0 * (double)part / (double)whole : 0 };
}

static void
print_group(struct top *t, const struct tsn_group *g)
{
	struct tsn_value x[TSN_COLUMNS_MAX];

	for (uint32_t i = 0; i < t->view.columns.n; i++) {
		const struct tsn_key_part *p = &t->view.columns.part[i];

		switch (p->field) {
		case TSN_COLUMN_FLOWS_SHARE:   x[i] = share(g->flows, t->flows); break;
		case TSN_COLUMN_PACKETS_SHARE: x[i] = share(g->packets, t->packets); break;
		case TSN_COLUMN_BYTES_SHARE:   x[i] = share(g->bytes, t->bytes); break;
		default:                       tsn_groups_get(&t->groups, g, p->field, &x[i]); break;
		}
		tsn_view_name(&t->view, i, tsn_engine_exporters(t->in.engine), &x[i]);
	}
	tsn_view_row(&t->view, x);
}

static void
print(struct top *t, size_t most)
{
	const struct tsn_cli *c = t->in.cli;

	tsn_groups_sort(&t->groups, &t->sorts, most);
	for (size_t i = 0; i < t->groups.n && i < most && !t->view.gone; i++)
		print_group(t, &t->groups.group[i]);
	tsn_view_end(&t->view);
	if (c->quiet || t->view.format != TSN_SHOW_TABLE)
		return;
	fflush(stdout); /* the table first */
	fprintf(stderr, "%zu groups, %llu flows, %llu packets, %llu bytes", t->groups.n, (unsigned long long)t->flows,
	    (unsigned long long)t->packets, (unsigned long long)t->bytes);
	if (t->groups.keyless > 0)
		fprintf(stderr, "; %llu flows lack a key field", (unsigned long long)t->groups.keyless);
	fputc('\n', stderr);
}

static int
run(struct top *t, struct tsn_ruleset *rs)
{
	const struct tsn_cli *c = t->in.cli;
	int status;

	tsn_groups_reads(&t->groups, &t->in.reads);
	status = tsn_inputs_open_rows(&t->in, rs, on_rows, t);

	if (status != 0)
		return status;
	status = tsn_inputs_read(&t->in);
	if (!t->groups.no_memory && status != TSN_EXIT_USAGE)
		print(t, c->number >= 0 ? (size_t)c->number : 10);
	if (t->groups.no_memory || t->view.no_memory)
		status = tsn_cli_no_memory();
	tsn_engine_free(t->in.engine);
	return status;
}

static void
columns(struct top *t)
{
	static const uint16_t counters[] = {
		TSN_COLUMN_FLOWS, TSN_COLUMN_FLOWS_SHARE, TSN_F_PACKETS, TSN_COLUMN_PACKETS_SHARE, TSN_F_BYTES, TSN_COLUMN_BYTES_SHARE,
	};
	struct tsn_columns *l = &t->view.columns;

	for (uint8_t i = 0; i < t->groups.spec.n; i++)
		l->part[l->n++] = t->groups.spec.part[i];
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (counters[i] <= TSN_COLUMN_FLOWS || t->view.format == TSN_SHOW_TABLE)
			l->part[l->n++] = (struct tsn_key_part){ .field = counters[i] };
}

static int
parse_options(const struct tsn_cli *c, struct top *t)
{
	const char *of = c->of != NULL ? c->of : "bytes";
	int status;

	if (c->by == NULL)
		return tsn_cli_usage(c, "what makes a group? add --by src, or --by dst,dst_port");
	status = tsn_groups_by(&t->groups, c, "by", c->by);
	if (status != 0)
		return status;
	if (strcmp(of, "bytes") != 0 && strcmp(of, "packets") != 0 && strcmp(of, "flows") != 0)
		return tsn_cli_usage(c, "--of is flows, packets or bytes, not \"%s\"", of);
	status = tsn_sorts_parse(c, of, TSN_TAKES_FLOWS, &t->sorts);
	if (status == 0)
		status = tsn_show_format_parse(c, &t->view.format);
	if (status != 0)
		return status;
	columns(t);
	return tsn_view_init(&t->view) ? 0 : tsn_cli_no_memory();
}

int
tsn_cmd_top(struct tsn_cli *c)
{
	struct top t = { .in = { .cli = c }, .view = { .cli = c } };
	struct tsn_ruleset *rs = NULL;
	int status = tsn_columns_elements(c);

	if (status == 0)
		status = parse_options(c, &t);
	if (status == 0)
		status = tsn_cli_compile_rows(c, &rs);
	if (status == 0)
		status = run(&t, rs);
	tsn_view_fini(&t.view);
	tsn_groups_fini(&t.groups);
	return status;
}
