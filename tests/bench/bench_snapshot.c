/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Snapshots of many groups: how long flows wait for one, how long it takes beside them, how large it is, and how long a
 * restart takes to read it. Groups of count() and distinct(dst) by src, half a million each by default.
 *   bench_snapshot [GROUPS] [DIR]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "bench/seconds.h"
#include "core/engine.h"
#include "daemon/snapshot.h"

static const char rules[] =
    "rule a { when count() by src over 60s > 1000000 }\n"
    "rule b { when distinct(dst) by dst, dst_port over 60s > 1000000 }\n";

static struct tsn_engine *
make_engine(void)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_rule_text one = { "rules", rules, strlen(rules) };
	struct tsn_compile_input in = { .texts = &one, .ntexts = 1 };
	struct tsn_engine_options o = { .seed = 5 };
	struct tsn_engine *e = tsn_engine_new(&o);

	if (e == NULL || !tsn_engine_load(e, tsn_compile(sources, &in, diags), NULL))
		exit(1);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return e;
}

static void
feed(struct tsn_engine *e, uint64_t from, uint64_t n, uint32_t groups)
{
	for (uint64_t i = from; i < from + n; i++) {
		const uint64_t h = tsn_mix64(i);
		struct tsn_batch *b = tsn_engine_room(e);
		const uint32_t row = b->n, g = i < groups ? (uint32_t)i : (uint32_t)(h % groups);

		tsn_batch_put_addr(b, row, TSN_F_SRC, tsn_addr_v4(0x0a000000u + g));
		tsn_batch_put_addr(b, row, TSN_F_DST, tsn_addr_v4(0x0b000000u + g));
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, 80);
		b->received[row] = b->exported[row] = INT64_C(1767571200000) + (int64_t)(i / 500);
		b->source[row] = 0;
		b->n++;
	}
	tsn_engine_flush(e);
}

int
main(int argc, char **argv)
{
	const uint32_t groups = (argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000) / 2;
	const char *dir = argc > 2 ? argv[2] : "/tmp/tocsin-bench-state";
	char error[TSN_STORE_ERROR];
	struct tsn_engine *e = make_engine(), *f;
	struct tsn_snapshot_counts c;
	struct tsn_snapshots *s = tsn_snapshots_open(dir, NULL, error);
	double began, quiet, busy;

	if (s == NULL) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	feed(e, 0, groups, groups);
	began = clock_seconds(CLOCK_MONOTONIC);
	feed(e, groups, 2000000, groups);
	quiet = clock_seconds(CLOCK_MONOTONIC) - began;
	for (int i = 0; i < 3; i++) {
		uint64_t flows = 0;

		began = clock_seconds(CLOCK_MONOTONIC);
		if (!tsn_snapshots_begin(s, e, 0))
			return 1;
		for (; !tsn_snapshots_poll(s); flows += 10000)
			feed(e, groups + 2000000 + flows, 10000, groups);
		busy = clock_seconds(CLOCK_MONOTONIC) - began;
		tsn_snapshots_counts(s, &c);
		printf("snapshot of %u groups: flows waited %.2f ms, written in %lld ms, %.1f MB; %.2f M flows/s meanwhile (%.2f without)\n",
		    groups * 2, (double)c.pause_us / 1000, (long long)c.took_ms, (double)c.bytes / 1e6, (double)flows / busy / 1e6,
		    2 / quiet);
	}
	tsn_snapshots_close(s);
	s = tsn_snapshots_open(dir, NULL, error);
	f = make_engine();
	began = clock_seconds(CLOCK_MONOTONIC);
	if (s == NULL || !tsn_snapshots_restore(s, f, 0))
		return 1;
	printf("restored in %.0f ms\n", (clock_seconds(CLOCK_MONOTONIC) - began) * 1000);
	tsn_snapshots_close(s);
	tsn_engine_free(e);
	tsn_engine_free(f);
	return 0;
}
