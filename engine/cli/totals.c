/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/totals.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/terminal.h"

void
tsn_totals_add(struct tsn_totals *t, const struct tsn_batch *b, uint32_t row)
{
	int64_t start = tsn_row_moment(b, TSN_F_START, row), end = tsn_row_moment(b, TSN_F_END, row);

	t->flows++;
	t->packets += tsn_row_counter(b, TSN_F_PACKETS, row);
	t->bytes += tsn_row_counter(b, TSN_F_BYTES, row);
	if (start != TSN_TIME_NONE && (t->first == TSN_TIME_NONE || start < t->first))
		t->first = start;
	if (end > t->last)
		t->last = end;
}

void
tsn_totals_reads(struct tsn_field_set *reads)
{
	tsn_field_set_add(reads, TSN_F_START);
	tsn_field_set_add(reads, TSN_F_END);
	tsn_field_set_add(reads, TSN_F_PACKETS);
	tsn_field_set_add(reads, TSN_F_BYTES);
}

void
tsn_totals_say(const struct tsn_totals *t, const char *before)
{
	struct tsn_buf line = TSN_BUF_INIT;
	char from[TSN_TIME_TEXT], to[TSN_TIME_TEXT];
	double seconds;

	tsn_buf_printf(&line, "%s%llu flow%s, ", before, (unsigned long long)t->flows, t->flows == 1 ? "" : "s");
	tsn_human(&line, (double)t->packets, true);
	tsn_buf_puts(&line, " packets, ");
	tsn_human(&line, (double)t->bytes, true);
	tsn_buf_puts(&line, " bytes");
	if (t->first != TSN_TIME_NONE && t->last > t->first) {
		seconds = ((double)t->last - (double)t->first) / TSN_SECOND;
		tsn_buf_printf(&line, "; %s to %s: ", tsn_time_text(t->first, from), tsn_time_text(t->last, to));
		tsn_human(&line, (double)t->bytes * 8 / seconds, false);
		tsn_buf_puts(&line, " bit/s");
	}
	fprintf(stderr, "%s\n", tsn_buf_str(&line));
	tsn_buf_fini(&line);
}
