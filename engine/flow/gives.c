/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/gives.h"

#include "flow/batch.h"
#include "flow/exporter.h"

/* Of the rows [rest] of word [w]: nearly always all give the same, and that is one step. */
static void
count_word(const struct tsn_batch *b, uint32_t w, uint64_t rest, uint64_t count[TSN_GIVES_SETS])
{
	while (rest != 0) {
		unsigned first = (unsigned)__builtin_ctzll(rest), set = 0;
		uint64_t same = rest;

		for (unsigned k = 0; k < TSN_GIVES_COUNT; k++) {
			uint64_t given = b->gives[k].w[w];

			set |= (unsigned)(given >> first & 1) << k;
			same &= given >> first & 1 ? given : ~given;
		}
		count[set] += (uint64_t)__builtin_popcountll(same);
		rest &= ~same;
	}
}

static void
count_run(const struct tsn_batch *b, uint32_t from, uint32_t to, uint64_t count[TSN_GIVES_SETS])
{
	for (uint32_t at = from, next; at < to; at = next) {
		uint32_t w = at / 64;

		next = (w + 1) * 64 < to ? (w + 1) * 64 : to;
		count_word(b, w, UINT64_MAX >> (64 - (next - at)) << at % 64, count);
	}
}

/* Do all rows give the same, as mostly? Then what that is. */
static bool
all_same(const struct tsn_batch *b, unsigned *set)
{
	*set = 0;
	for (unsigned k = 0; k < TSN_GIVES_COUNT; k++) {
		const bool given = tsn_mask_has(&b->gives[k], 0);

		if (tsn_mask_run(&b->gives[k], 0, b->n) != b->n)
			return false;
		*set |= (unsigned)given << k;
	}
	return true;
}

void
tsn_exporters_count_gives(struct tsn_exporters *t, const struct tsn_batch *b)
{
	unsigned set;
	const bool same = all_same(b, &set);
	uint32_t to;

	for (uint32_t from = 0; from < b->n; from = to) {
		uint64_t *count = tsn_exporters_at(t, b->source[from])->gave[b->kind == TSN_BATCH_TALKS];

		to = tsn_batch_source_end(b, from);
		if (same)
			count[set] += to - from;
		else
			count_run(b, from, to, count);
	}
}

/* No conversations are made then, so whether both directions were seen stays. */
static uint64_t *
usual(struct tsn_exporter *x)
{
	const unsigned both = x->both_seen ? 1u << TSN_GIVES_BOTH_DIRECTIONS : 0;

	return &x->gave[0][1u << TSN_GIVES_FLAGS | 1u << TSN_GIVES_INTERFACES | 1u << TSN_GIVES_UNSAMPLED | both];
}

void
tsn_exporter_count_usual(struct tsn_exporter *x, uint32_t n)
{
	*usual(x) += n;
}

void
tsn_exporter_lost_usual(struct tsn_exporter *x, uint32_t n)
{
	*usual(x) -= n;
}

uint64_t
tsn_exporter_without(const struct tsn_exporter *x, bool talks, uint32_t needs)
{
	uint64_t n = 0;

	for (uint32_t set = 0; set < TSN_GIVES_SETS; set++)
		n += needs & ~set ? x->gave[talks][set] : 0;
	return n;
}
