/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A flood of sources that send one packet each, and heavy ones among them, counted by source over 60 s in a
 * fixed amount of memory: are the heavy ones found, and how far off are their counts? One flow in ten is a heavy one's.
 *   flood [millions of sources [heavy ones [MiB]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "state/state.h"
#include "tests/unit/keys_that_fit.h"
#include "seconds.h"

#define ONE_IN 10
#define SECONDS 58 /* all of it within the window */

static double
now(void)
{
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
}

/* Flood sources are a permutation of what has its upper bit set, so that each comes once; heavy ones have it clear. */
static void
fill(struct tsn_batch *b, uint64_t flow, uint64_t flows, uint32_t heavy, uint32_t *sent)
{
	uint32_t *src = b->col[TSN_F_SRC];

	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		const uint64_t n = flow + i, r = tsn_mix64(n + 1);

		if (n % ONE_IN == 0) {
			src[i] = (uint32_t)(r % heavy);
			sent[src[i]]++;
		} else {
			src[i] = (uint32_t)(n * 2654435761u) | 0x80000000u;
		}
		b->time[i] = b->received[i] = INT64_C(1700000000000) + (int64_t)((double)n / (double)flows * SECONDS * 1000);
	}
}

int
main(int argc, char **argv)
{
	const uint64_t sources = (uint64_t)((argc > 1 ? atof(argv[1]) : 100) * 1e6);
	const uint32_t heavy = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000;
	const uint64_t memory = (uint64_t)(argc > 3 ? atof(argv[3]) : 64) << 20;
	const uint64_t flows = (sources * ONE_IN / (ONE_IN - 1) + TSN_BATCH_ROWS - 1) / TSN_BATCH_ROWS * TSN_BATCH_ROWS;
	struct tsn_agg_def agg = { .canon = "a", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	struct tsn_family_def family = { .canon = "f", .key = { 1, { { TSN_F_SRC, 32, 128 } } }, .agg = &agg, .naggs = 1 };
	static struct tsn_vector out;
	struct tsn_vector *const results[] = { &out };
	struct tsn_mask none = { { 0 } };
	struct tsn_batch *b = tsn_batch_new();
	uint32_t *sent = calloc(heavy, sizeof(*sent));
	struct tsn_family_stats st;
	struct tsn_state *s;
	struct rusage use;
	double begun, took = 0;
	uint64_t exact = 0, found = 0, missing = 0, worst = 0, bytes = 0;

	keys_that_fit(&family, memory);
	s = tsn_state_new(&family, 1, 1);
	if (b == NULL || sent == NULL || s == NULL || heavy == 0)
		return 1;
	b->n = TSN_BATCH_ROWS;
	tsn_mask_first(&b->rows, b->n);
	b->present[TSN_F_SRC] = b->addr[tsn_fields[TSN_F_SRC].addr_slot].is_v4 = b->rows;
	for (uint64_t f = 0; f < flows; f += TSN_BATCH_ROWS) {
		fill(b, f, flows, heavy, sent);
		begun = now();
		if (!tsn_state_fold(s, 0, b, &b->rows, &none, NULL, results))
			return 1;
		took += now() - begun;
		tsn_state_stats(s, 0, &st);
		bytes = st.bytes > bytes ? st.bytes : bytes;
	}
	getrusage(RUSAGE_SELF, &use);
	for (uint32_t h = 0; h < heavy; h++) { /* a look at each, which counts nothing */
		b->n = 1;
		tsn_mask_first(&b->rows, 1);
		((uint32_t *)b->col[TSN_F_SRC])[0] = h;
		if (!tsn_state_fold(s, 0, b, &none, &b->rows, NULL, results))
			return 1;
		exact += out.i[0] == sent[h];
		found += out.i[0] * 10 >= (int64_t)sent[h] * 9;
		missing += sent[h] - (uint64_t)out.i[0];
		worst = sent[h] - (uint64_t)out.i[0] > worst ? sent[h] - (uint64_t)out.i[0] : worst;
	}
	printf("%.0f M flows, %u heavy sources of about %u flows, %llu places in %llu MiB\n", (double)flows / 1e6, heavy, sent[0],
	    (unsigned long long)family.max_keys, (unsigned long long)(memory >> 20));
	printf("%.1f s, %.1f ns a flow; at most %.2f MiB of state, %.1f MiB of the process\n", took, took * 1e9 / (double)flows,
	    (double)bytes / 1048576, (double)use.ru_maxrss / 1024);
	printf("%llu evicted; heavy: %llu found, %llu exact, %llu flows missing in all, at most %llu of one\n",
	    (unsigned long long)st.evicted, (unsigned long long)found, (unsigned long long)exact, (unsigned long long)missing,
	    (unsigned long long)worst);
	tsn_state_free(s);
	tsn_batch_free(b);
	free(sent);
	return found == heavy && bytes <= memory ? 0 : 1;
}
