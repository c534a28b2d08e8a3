/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What ticks cost with many groups: closing a window with and without ranks, taking samples, reading baselines, and
 * looking for silences. One thread; processor time, so other work on the machine does not count.
 *   bench_ticks [thousands of groups]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "bench/seconds.h"
#include "state/state.h"

#define START INT64_C(1700000100000) /* a multiple of a minute */
#define MINUTE 60000

static struct tsn_vector arg, out[4];
static struct tsn_batch *b, *tick;
static uint32_t groups;

static double
now(void)
{
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID) * 1e3;
}

static struct tsn_state *
state_for(struct tsn_agg_def *agg, uint32_t n)
{
	struct tsn_family_def f = { .canon = "f", .max_keys = 16000000, .agg = agg, .naggs = n,
		.key = { 1, { { TSN_F_SRC, 32, 128 } } } };

	for (uint32_t i = 0; i < n; i++) {
		agg[i].canon = "a";
		agg[i].window_ms = agg[i].pane_ms = MINUTE;
		agg[i].panes = 1;
		agg[i].tumbling = agg[i].fn != TSN_AGG_ABSENT;
		agg[i].expect = TSN_SET_NONE;
	}
	return tsn_state_new(&f, 1, 1);
}

/* One flow of each group, spread over [length] ms. Returns ms of work. */
static double
flows(struct tsn_state *s, uint32_t naggs, int64_t from, int64_t length, bool count)
{
	struct tsn_vector *const results[] = { &out[0], &out[1], &out[2], &out[3] };
	const struct tsn_vector *const args[] = { &arg, NULL, NULL, NULL };
	struct tsn_mask none = { { 0 } };
	double work = 0, t;

	(void)naggs;
	for (uint32_t at = 0; at < groups; at += TSN_BATCH_ROWS) {
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
			((uint32_t *)b->col[TSN_F_SRC])[i] = 0x0a000000 + (uint32_t)((uint64_t)(at + i) * 7919 % groups);
			b->time[i] = b->received[i] = from + (int64_t)((double)length * (at + i) / groups);
			b->source[i] = 1;
			arg.i[i] = (int64_t)(tsn_mix64(at + i + (uint64_t)from) & 0xffff);
		}
		t = now();
		if (!tsn_state_fold(s, 0, b, count ? &b->rows : &none, &b->rows, args, results))
			exit(1);
		work += now() - t;
	}
	return work;
}

static bool
take(void *a, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *rows)
{
	(void)family;
	(void)agg;
	(void)start;
	*(uint64_t *)a += rows->n;
	return true;
}

static double
close_at(struct tsn_state *s, int64_t at, uint64_t *rows)
{
	double t = now();

	*rows = 0;
	if (!tsn_state_close(s, at, 0, tick, take, rows))
		exit(1);
	return now() - t;
}

static void
closing(const char *name, struct tsn_agg_def *agg, uint32_t n)
{
	struct tsn_state *s = state_for(agg, n);
	struct tsn_family_stats st;
	uint64_t rows;
	double fold = 0, ms = 0;

	for (int i = 0; i < 3; i++) { /* the last counts */
		fold = flows(s, n, START + i * MINUTE, MINUTE, true);
		ms = close_at(s, START + (i + 1) * MINUTE, &rows);
	}
	tsn_state_stats(s, 0, &st);
	printf("%-44s %8.1f ns/flow  close %8.1f ms  %9llu rows  %6.1f bytes/group\n", name, fold * 1e6 / groups, ms,
	    (unsigned long long)rows, (double)st.bytes / (double)st.groups);
	tsn_state_free(s);
}

static void
baselines(const char *name, int64_t history, int64_t season, int windows)
{
	struct tsn_agg_def agg[] = { { .fn = TSN_AGG_SUM }, { .fn = TSN_AGG_BASELINE, .history_ms = history, .season_ms = season },
		{ .fn = TSN_AGG_SPREAD, .history_ms = history, .season_ms = season } };
	struct tsn_state *s = state_for(agg, 3);
	struct tsn_family_stats st;
	uint64_t rows;
	double fold = 0, ms = 0, again;

	for (int i = 0; i < windows; i++) {
		fold = flows(s, 3, START + (int64_t)i * MINUTE, MINUTE, true);
		ms = close_at(s, START + (int64_t)(i + 1) * MINUTE, &rows);
	}
	fold = flows(s, 3, START + (int64_t)windows * MINUTE, MINUTE, false);
	again = flows(s, 3, START + (int64_t)windows * MINUTE, MINUTE, false);
	tsn_state_stats(s, 0, &st);
	printf("%-44s read %8.1f ns, again %6.1f ns  close %8.1f ms  %6.1f bytes/group\n", name, fold * 1e6 / groups,
	    again * 1e6 / groups, ms, (double)st.bytes / (double)st.groups);
	tsn_state_free(s);
}

static void
silences(void)
{
	struct tsn_agg_def agg[] = { { .fn = TSN_AGG_ABSENT } };
	struct tsn_state *s = state_for(agg, 1);
	struct tsn_family_stats st;
	uint64_t rows, total = 0;
	double fold = 0, most = 0, sum = 0, t;

	for (int i = 0; i < 180; i++) { /* three minutes in which everybody speaks once a minute, a tick a second */
		const uint32_t all = groups;

		groups = all / 60;
		for (uint32_t at = 0; at < groups; at += TSN_BATCH_ROWS) {
			struct tsn_vector *const results[] = { &out[0] };

			for (uint32_t k = 0; k < TSN_BATCH_ROWS; k++) {
				((uint32_t *)b->col[TSN_F_SRC])[k] = 0x0a000000 + (uint32_t)((uint64_t)(i % 60 * groups + (at + k) % groups) * 7919 % all);
				b->time[k] = b->received[k] = START + i * 1000 + k % 1000;
			}
			t = now();
			if (!tsn_state_fold(s, 0, b, &b->rows, &b->rows, NULL, results))
				exit(1);
			fold += now() - t;
		}
		groups = all;
		t = tsn_state_close_due(s, START + i * 1000, 0) ? close_at(s, START + i * 1000, &rows) : 0;
		most = t > most && i > 60 ? t : most;
		sum += i > 60 ? t : 0;
	}
	tsn_state_stats(s, 0, &st);
	printf("%-44s %8.1f ns/flow  tick %5.2f ms, at most %5.2f  %6.1f bytes/group\n", "absent over 60s, nobody silent",
	    fold * 1e6 / (3.0 * groups), sum / 119, most, (double)st.bytes / (double)st.groups);
	t = 0;
	for (int i = 180; i < 250; i++) {
		t += close_at(s, START + i * 1000, &rows);
		total += rows;
	}
	printf("%-44s %llu rows in %.1f ms of ticks\n", "... and all of them in one minute", (unsigned long long)total, t);
	tsn_state_free(s);
}

int
main(int argc, char **argv)
{
	struct tsn_agg_def feed[] = { { .fn = TSN_AGG_SUM }, { .fn = TSN_AGG_RANK } };
	struct tsn_agg_def shown[] = { { .fn = TSN_AGG_SUM }, { .fn = TSN_AGG_RANK, .closes = true } };
	struct tsn_agg_def none[] = { { .fn = TSN_AGG_SUM } }, rows[] = { { .fn = TSN_AGG_SUM, .closes = true } };

	setvbuf(stdout, NULL, _IOLBF, 0);
	groups = (uint32_t)(argc > 1 ? atof(argv[1]) * 1000 : 1e6) / TSN_BATCH_ROWS * TSN_BATCH_ROWS;
	b = tsn_batch_new();
	tick = tsn_batch_new();
	if (b == NULL || tick == NULL)
		return 1;
	b->n = TSN_BATCH_ROWS;
	tsn_mask_first(&b->rows, b->n);
	b->present[TSN_F_SRC] = b->rows;
	b->addr[tsn_fields[TSN_F_SRC].addr_slot].is_v4 = b->rows;
	arg.known = b->rows;
	printf("%u groups\n", groups);
	closing("sum per 1m", none, 1);
	closing("sum per 1m, closing", rows, 1);
	closing("rank of sum per 1m, for flows", feed, 2);
	closing("rank of sum per 1m, closing", shown, 2);
	baselines("baseline and spread, 14 samples of a season", 14 * 10 * MINUTE, 10 * MINUTE, 41);
	baselines("baseline and spread, 30 samples", 30 * MINUTE, 0, 40);
	silences();
	tsn_batch_free(b);
	tsn_batch_free(tick);
	return 0;
}
