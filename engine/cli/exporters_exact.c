/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/exporters.h"

/* A member of JSON, left out if it is not known; a cell of CSV, empty then. */
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
put_settings(struct tsn_buf *out, bool csv, const struct tsn_exporter_line *l)
{
	char text[TSN_TIME_TEXT];
	int64_t first = tsn_exporter_first(l), last = tsn_exporter_last(l);

	put_u64(out, csv, "malformed", tsn_exporter_malformed(l->x));
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
print_exact(const struct tsn_exporter_line *l, bool csv, struct tsn_buf *out, struct tsn_buf *cell)
{
	tsn_buf_clear(cell);
	tsn_exporter_put_addr(l, cell);
	tsn_buf_printf(out, csv ? "%s" : "{\"exporter\":\"%s\"", tsn_buf_str(cell));
	tsn_buf_clear(cell);
	tsn_buf_add(cell, l->x->name.p, l->x->name.n);
	put_field(out, csv, "name", cell->len > 0, tsn_buf_str(cell), true);
	tsn_buf_clear(cell);
	tsn_exporter_put_formats(l, cell);
	if (csv)
		put_field(out, csv, "formats", true, tsn_buf_str(cell), true);
	else
		put_formats_json(l->x, out);
	for (int k = 0; k < TSN_EXPORTER_COUNTER_COUNT; k++)
		put_u64(out, csv, tsn_exporter_counter_name((enum tsn_exporter_counter)k),
		    k == TSN_XC_FLOWS ? tsn_exporter_flows(l) : l->x->counter[k]);
	put_settings(out, csv, l);
	tsn_buf_puts(out, csv ? "\n" : "}\n");
}

void
tsn_exporters_print_exact(bool csv, const struct tsn_exporter_line *lines, uint32_t n)
{
	struct tsn_buf out = TSN_BUF_INIT, cell = TSN_BUF_INIT;

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
