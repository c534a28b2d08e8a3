/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How long flows wait for other rules: many rules, windows with many groups and rules with many open alerts, while one rule
 * changes at each reload. Microseconds of the thread that takes the flows, by the clock; of the flows behind it how much longer
 * than usual the first batches take, because what is new is in no cache yet.
 *   bench_reload [threads [rules [thousands of groups [thousands of alerts [reloads]]]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "bench/seconds.h"
#include "core/engine.h"

#define START INT64_C(1700000100000)
#define BATCHES 64 /* behind a reload, and as many before it, to compare */
#define ALERT_RULES 10

static struct tsn_engine *engine;
static int64_t clock_ms = START;
static uint64_t row_number;

static double
now(void)
{
	return clock_seconds(CLOCK_MONOTONIC) * 1e6;
}

/* Rules of the kinds that large rulesets are made of: one of them counts per host, some leave alerts open. */
static struct tsn_ruleset *
compile(unsigned rules, unsigned version, unsigned threads)
{
	static struct tsn_ruleset *before;
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_ruleset *rs;

	tsn_buf_printf(&text, "rule windows { when count(max_keys 4M) by src over 1h > 1000000 }\n");
	for (unsigned i = 0; i < ALERT_RULES; i++)
		tsn_buf_printf(&text, "rule open%u { when dst_port == %u and bytes > 100 alert once by src per 1d }\n", i, 50000 + i);
	for (unsigned i = 0; i < rules; i++)
		tsn_buf_printf(&text, "rule r%u { when proto == tcp and dst in 10.%u.%u.0/24 and bytes > %u }\n", i, i / 256 % 256, i % 256, 5000 + i);
	tsn_buf_printf(&text, "rule changing { when dst_port == 7 and bytes > %u }\n", 1000000 + version);
	rs = tsn_compile(sources, &(struct tsn_compile_input){ .texts = &(struct tsn_rule_text){ "rules", tsn_buf_str(&text), text.len },
	    .ntexts = 1, .threads = threads, .before = before }, diags);
	if (rs == NULL) {
		tsn_buf_clear(&text);
		tsn_diags_print(diags, sources, false, &text);
		fputs(tsn_buf_str(&text), stderr);
		exit(1);
	}
	tsn_buf_fini(&text);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	before = rs;
	return rs;
}

static void
flow(uint32_t src, uint32_t port, uint32_t bytes)
{
	struct tsn_batch *b;
	uint32_t row;

	tsn_engine_clock(engine, clock_ms);
	b = tsn_engine_room(engine);
	row = b->n;
	tsn_batch_put_addr(b, row, TSN_F_SRC, tsn_addr_v4(src));
	tsn_batch_put_addr(b, row, TSN_F_DST, tsn_addr_v4(0xc0a80000u + (uint32_t)(tsn_mix64(row_number++) & 0xffff)));
	tsn_batch_put_int(b, row, TSN_F_PROTO, 6);
	tsn_batch_put_int(b, row, TSN_F_DST_PORT, port);
	tsn_batch_put_int(b, row, TSN_F_SRC_PORT, 1024);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, bytes);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1);
	tsn_batch_put_int(b, row, TSN_F_START, clock_ms);
	tsn_batch_put_int(b, row, TSN_F_END, clock_ms);
	b->received[row] = b->exported[row] = clock_ms;
	b->source[row] = tsn_exporters_nobody(tsn_engine_exporters(engine));
	b->n++;
}

static double
batch(uint32_t groups)
{
	double began = now();

	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++)
		flow(0x0a000000u + (uint32_t)(tsn_mix64(row_number) % groups), 443, 60);
	tsn_engine_flush(engine);
	return now() - began;
}

/* How much longer than [usual] these batches took together. */
static double
longer(uint32_t groups, double usual)
{
	double sum = 0;

	for (unsigned i = 0; i < BATCHES; i++)
		sum += batch(groups) - usual;
	return sum;
}

static double
usual_batch(uint32_t groups)
{
	double v[BATCHES];

	for (unsigned i = 0; i < BATCHES; i++)
		v[i] = batch(groups);
	return median(v, BATCHES);
}

static unsigned long
argument(int argc, char **argv, int i, unsigned long otherwise)
{
	return argc > i ? strtoul(argv[i], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	const unsigned threads = (unsigned)argument(argc, argv, 1, 2), rules = (unsigned)argument(argc, argv, 2, 10000);
	const uint32_t groups = (uint32_t)argument(argc, argv, 3, 1000) * 1000, alerts = (uint32_t)argument(argc, argv, 4, 100) * 1000;
	const unsigned reloads = (unsigned)argument(argc, argv, 5, 15);
	struct tsn_engine_options o = { .threads = threads, .seed = 1 };
	double *waits = calloc(reloads, sizeof(*waits)), *colds = calloc(reloads, sizeof(*colds)), *asides = calloc(reloads, sizeof(*asides));
	struct tsn_reload_report report = { 0 };
	double wait;

	engine = tsn_engine_new(&o);
	if (engine == NULL || waits == NULL || colds == NULL || asides == NULL || !tsn_engine_load(engine, compile(rules, 0, threads), NULL))
		return 1;
	for (uint32_t i = 0; i < groups; i++)
		flow(0x0a000000u + i, 443, 60);
	for (uint32_t i = 0; i < alerts; i++)
		flow(0x0a000000u + i, 50000 + i % ALERT_RULES, 1000);
	for (unsigned i = 0; i < reloads; i++) {
		double usual = usual_batch(groups), t = now();
		struct tsn_load *l = tsn_engine_prepare(engine, compile(rules, i + 1, threads));

		if (l == NULL)
			return 1;
		asides[i] = now() - t;
		t = now();
		tsn_engine_switch(engine, l);
		waits[i] = now() - t;
		report = (struct tsn_reload_report){ 0 };
		tsn_load_tell(l, &report);
		tsn_load_free(l);
		colds[i] = longer(groups, usual);
		clock_ms += 100;
	}
	wait = median(waits, reloads);
	printf("%u threads, %u rules, %llu groups, %u alerts: aside %.1f ms, flows waited %.0f us (most %.0f), then %d batches %.0f us longer\n",
	    threads, rules + ALERT_RULES + 2, (unsigned long long)report.groups_kept, alerts, median(asides, reloads) / 1000, wait,
	    waits[reloads - 1], BATCHES, median(colds, reloads));
	tsn_engine_free(engine);
	return 0;
}
