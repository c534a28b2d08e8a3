/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How fast state folds, and what a group costs: every flow is counted, by
 * source, over 60 s, from ever more sources. One thread. Prints the median of five passes.
 *   bench_state [millions of flows [part of a name [keys]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "bench/seconds.h"
#include "state/state.h"

#define ROUNDS 5

struct job {
	const char *name;
	enum tsn_agg_fn fn;
	uint32_t keys;
	bool tumbling;
	uint64_t max_keys; /* 0: more than there are */
	bool real;
	uint32_t values; /* destinations; 0: 1,024 */
	bool at;         /* by src at dst, and dst are the same hosts */
	bool chain;      /* sequence((dst) where A, (src) where B): each flow meets one of them, else all the first */
};

static const struct job jobs[] = {
	{ "count by src over 60s", TSN_AGG_COUNT, .keys = 10000 },
	{ "count by src over 60s", TSN_AGG_COUNT, .keys = 1000000 },
	{ "count by src over 60s", TSN_AGG_COUNT, .keys = 10000000 },
	{ "count by src in 64 k places", TSN_AGG_COUNT, .keys = 1000000, .max_keys = 65536 },
	{ "count by src per 60s", TSN_AGG_COUNT, .keys = 1000000, .tumbling = true },
	{ "sum by src over 60s", TSN_AGG_SUM, .keys = 10000 },
	{ "sum by src over 60s", TSN_AGG_SUM, .keys = 1000000 },
	{ "avg by src over 60s", TSN_AGG_AVG, .keys = 1000000 },
	{ "max by src over 60s", TSN_AGG_MAX, .keys = 1000000 },
	{ "distinct dst by src over 60s", TSN_AGG_DISTINCT, .keys = 10000 },
	{ "distinct dst by src over 60s", TSN_AGG_DISTINCT, .keys = 1000000 },
	{ "stddev by src over 60s", TSN_AGG_STDDEV, .keys = 10000 },
	{ "stddev by src over 60s", TSN_AGG_STDDEV, .keys = 1000000 },
	{ "stddev by src per 60s", TSN_AGG_STDDEV, .keys = 1000000, .tumbling = true },
	{ "stddev of reals by src over 60s", TSN_AGG_STDDEV, .keys = 1000000, .real = true },
	{ "entropy dst by src over 60s", TSN_AGG_ENTROPY, .keys = 10000 },
	{ "entropy dst by src over 60s", TSN_AGG_ENTROPY, .keys = 1000000 },
	{ "entropy dst by src over 60s, sketches", TSN_AGG_ENTROPY, .keys = 100, .values = 1u << 20 },
	{ "entropy dst by src per 60s", TSN_AGG_ENTROPY, .keys = 10000, .tumbling = true },
	{ "jitter by src over 60s", TSN_AGG_JITTER, .keys = 100 },
	{ "jitter by src over 60s", TSN_AGG_JITTER, .keys = 10000 },
	{ "jitter by src over 60s", TSN_AGG_JITTER, .keys = 1000000 },
	{ "count by src at dst over 60s", TSN_AGG_COUNT, .keys = 10000, .at = true },
	{ "count by src at dst over 60s", TSN_AGG_COUNT, .keys = 1000000, .at = true },
	{ "new by src over 60s", TSN_AGG_FRESH, .keys = 10000 },
	{ "new by src over 60s", TSN_AGG_FRESH, .keys = 1000000 },
	{ "sequence, all flows first steps", TSN_AGG_SEQUENCE, .keys = 10000, .at = true },
	{ "sequence, all flows first steps", TSN_AGG_SEQUENCE, .keys = 1000000, .at = true },
	{ "sequence, half of the flows each step", TSN_AGG_SEQUENCE, .keys = 10000, .at = true, .chain = true },
	{ "sequence, half of the flows each step", TSN_AGG_SEQUENCE, .keys = 1000000, .at = true, .chain = true },
};

static double
now(void)
{
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID) * 1e9;
}

static struct tsn_state *
state_for(const struct job *j)
{
	struct tsn_agg_def agg = { .canon = "a", .fn = j->fn, .tumbling = j->tumbling, .window_ms = 60000,
		.pane_ms = j->tumbling ? 60000 : 4000, .panes = j->tumbling ? 1 : 16, .real = j->real };
	struct tsn_family_def family = { .canon = "f", .max_keys = j->max_keys != 0 ? j->max_keys : 16000000, .agg = &agg, .naggs = 1 };

	family.key = (struct tsn_key_spec){ 1, { { TSN_F_SRC, 32, 128 } } };
	agg.tuple = (struct tsn_key_spec){ 1, { { TSN_F_DST, 32, 128 } } };
	if (j->fn == TSN_AGG_JITTER)
		agg.tuple = (struct tsn_key_spec){ 5, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST, 32, 128 }, { TSN_F_SRC_PORT, 0, 0 },
			{ TSN_F_DST_PORT, 0, 0 }, { TSN_F_PROTO, 0, 0 } } };
	if (j->fn == TSN_AGG_SEQUENCE) {
		family.step = (const struct tsn_step_def[]){ { .key = agg.tuple }, { .key = family.key } };
		family.nsteps = 2;
		return tsn_state_new(&family, 1, 1);
	}
	if (j->at)
		family.at = agg.tuple;
	return tsn_state_new(&family, 1, 1);
}

/* Uniform sources, time running on 20,000 flows a second, one flow in five up to 12 s out of order. */
static void
fill(struct tsn_batch *b, uint64_t flow, const struct job *j, struct tsn_vector *arg)
{
	const uint32_t keys = j->keys, values = j->values != 0 ? j->values : 1024;
	uint32_t *src = b->col[TSN_F_SRC], *dst = b->col[TSN_F_DST];
	int64_t *start = b->col[TSN_F_START], *end = b->col[TSN_F_END];

	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		uint64_t r = tsn_mix64(flow + i);

		src[i] = (uint32_t)(r >> 32) % keys + 0x0a000000;
		dst[i] = j->at ? (uint32_t)(r * UINT64_C(0x9e3779b97f4a7c15) >> 32) % keys + 0x0a000000 : (uint32_t)r & (values - 1);
		b->time[i] = b->received[i] = INT64_C(1700000000000) + (int64_t)((flow + i) / 20);
		if (r % 5 == 0)
			b->time[i] -= (int64_t)(r >> 8) % 12000;
		end[i] = b->time[i];
		start[i] = end[i] - (int64_t)(r >> 20 & 0x3ff);
		if (j->real)
			arg->f[i] = (double)(r >> 40 & 0xffff) / 7;
		else
			arg->i[i] = (int64_t)(r >> 40 & 0xffff);
	}
}

static bool
fold(struct tsn_state *s, const struct job *j, const struct tsn_batch *b, const struct tsn_vector *const args[],
    struct tsn_vector *const results[])
{
	static const struct tsn_mask none;
	struct tsn_mask step[2] = { b->rows, none };
	const struct tsn_mask *const steps[] = { &step[0], &step[1] };

	if (j->fn != TSN_AGG_SEQUENCE)
		return tsn_state_fold(s, 0, b, &b->rows, &none, args, results);
	for (uint32_t i = 0; j->chain && i < TSN_MASK_WORDS; i++) {
		step[1].w[i] = tsn_mix64((uint64_t)b->time[i * 64]);
		step[0].w[i] = ~step[1].w[i];
	}
	return tsn_state_fold_steps(s, 0, b, steps, &none, results[0]);
}

static int
by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	const uint64_t flows = (uint64_t)(argc > 1 ? atof(argv[1]) * 1e6 : 4e6);
	static struct tsn_vector arg, out;
	struct tsn_vector *const results[] = { &out };
	const struct tsn_vector *const args[] = { &arg };
	struct tsn_batch *b = tsn_batch_new();

	if (b == NULL)
		return 1;
	b->n = TSN_BATCH_ROWS;
	tsn_mask_first(&b->rows, b->n);
	b->present[TSN_F_SRC] = b->present[TSN_F_DST] = b->present[TSN_F_START] = b->present[TSN_F_END] = b->rows;
	b->addr[tsn_fields[TSN_F_SRC].addr_slot].is_v4 = b->rows;
	b->addr[tsn_fields[TSN_F_DST].addr_slot].is_v4 = b->rows;
	arg.known = b->rows;
	printf("%-38s %9s %11s %9s %12s\n", "", "keys", "ns/update", "M/s", "bytes/group");
	for (size_t j = 0; j < sizeof(jobs) / sizeof(jobs[0]); j++) {
		struct tsn_state *s;
		struct tsn_family_stats st;
		double ns[ROUNDS];

		if ((argc > 2 && strstr(jobs[j].name, argv[2]) == NULL) || (argc > 3 && (uint32_t)atof(argv[3]) != jobs[j].keys))
			continue;
		s = state_for(&jobs[j]);
		if (s == NULL)
			return 1;
		for (int r = -1; r < ROUNDS; r++) { /* the first fills the table */
			double total = 0;

			for (uint64_t f = 0; f < flows; f += TSN_BATCH_ROWS) {
				double t;

				fill(b, (uint64_t)(r + 1) * flows + f, &jobs[j], &arg);
				t = now();
				if (!fold(s, &jobs[j], b, args, results))
					return 1;
				total += now() - t;
			}
			if (r >= 0)
				ns[r] = total / (double)flows;
		}
		qsort(ns, ROUNDS, sizeof(ns[0]), by_size);
		tsn_state_stats(s, 0, &st);
		printf("%-38s %9u %11.1f %9.1f %12.1f\n", jobs[j].name, jobs[j].keys, ns[ROUNDS / 2],
		    1e3 / ns[ROUNDS / 2], (double)st.bytes / (double)st.groups);
		tsn_state_free(s);
	}
	tsn_batch_free(b);
	return 0;
}
