/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Rows by what their exporter gives, counted word by word, against row by row. */
#include <criterion/criterion.h>

#include "base/hash.h"
#include "flow/batch.h"
#include "flow/exporter.h"

#define EXPORTERS 3u

static uint64_t want[EXPORTERS + 1][2][TSN_GIVES_SETS];

/* Runs of one exporter and of what it gives, of all lengths, so that both change within words, at their ends and not at all; or all give the same. */
static void
fill(struct tsn_batch *b, uint64_t *seed, bool same)
{
	uint32_t source = 0, given = 0;

	for (uint32_t row = 0; row < b->n; row++) {
		*seed = tsn_mix64(*seed + 1);
		if (row == 0 || *seed % 40 == 0)
			source = (uint32_t)(*seed >> 20) % EXPORTERS + 1;
		if (row == 0 || (!same && (*seed >> 8) % 50 == 0))
			given = (uint32_t)(*seed >> 30) % TSN_GIVES_SETS;
		b->source[row] = source;
		for (unsigned k = 0; k < TSN_GIVES_COUNT; k++)
			tsn_mask_put(&b->gives[k], row, given >> k & 1);
		want[source][b->kind == TSN_BATCH_TALKS][given]++;
	}
	for (uint32_t row = b->n; row < TSN_BATCH_ROWS; row++) /* what is behind the rows is nobody's */
		for (unsigned k = 0; k < TSN_GIVES_COUNT; k++)
			tsn_mask_put(&b->gives[k], row, *seed >> (row % 60) & 1);
}

Test(flow_gives, counts_are_those_of_single_rows)
{
	struct tsn_exporters *table = tsn_exporters_new(16);
	struct tsn_batch *b = tsn_batch_new();
	uint64_t seed = 7;

	cr_assert(table != NULL && b != NULL);
	for (uint32_t i = 1; i <= EXPORTERS; i++)
		cr_assert_eq(tsn_exporters_find(table, tsn_addr_v4(i)), i);
	for (uint32_t turn = 0; turn < 400; turn++) {
		seed = tsn_mix64(seed + 1);
		tsn_batch_clear(b, seed % 3 == 0 ? TSN_BATCH_TALKS : TSN_BATCH_FLOWS);
		b->n = turn % 4 == 0 ? TSN_BATCH_ROWS : (uint32_t)(seed >> 9) % (TSN_BATCH_ROWS + 1);
		fill(b, &seed, turn % 3 == 0);
		tsn_batch_find_turns(b);
		tsn_exporters_count_gives(table, b);
	}
	for (uint32_t i = 1; i <= EXPORTERS; i++)
		for (uint32_t needs = 0; needs < TSN_GIVES_SETS; needs++)
			for (int talks = 0; talks < 2; talks++) {
				uint64_t without = 0;

				for (uint32_t set = 0; set < TSN_GIVES_SETS; set++)
					without += (needs & set) != needs ? want[i][talks][set] : 0;
				cr_assert_eq(tsn_exporter_without(tsn_exporters_at(table, i), talks, needs), without, "needs %u of exporter %u", needs, i);
				cr_assert(needs == 0 || without > 1000);
			}
	tsn_batch_free(b);
	tsn_exporters_free(table);
}
