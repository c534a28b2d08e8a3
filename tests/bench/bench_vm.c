/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How long programs take, in nanoseconds a flow: N rules of three parts,
 * `proto == tcp and dst_port == P and packets > K`, over full batches whose columns lie
 * in the cache. Prints one line a case. For what a whole run costs see bench.py.
 */
#include <stdio.h>

#include "bench/seconds.h"
#include "unit/ir_graph.h"
#include "vm/kernels.h"
#include "vm/vm.h"

#define BATCHES 16

static uint64_t matches;

static void
on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	(void)arg, (void)vm, (void)rule, (void)b;
	matches += tsn_mask_count(rows);
}

static double
now(void)
{
	return clock_seconds(CLOCK_PROCESS_CPUTIME_ID) * 1e9;
}

static uint64_t seed = 1;

static uint32_t
below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((seed >> 33) % n);
}

/* [common]: a quarter of the flows and rules are about port 443. */
static void
fill(struct tsn_batch *b, bool common)
{
	for (b->n = 0; b->n < TSN_BATCH_ROWS; b->n++) {
		tsn_batch_put_int(b, b->n, TSN_F_PROTO, below(4) ? 6 : 17);
		tsn_batch_put_int(b, b->n, TSN_F_DST_PORT, common && below(4) == 0 ? 443 : below(65536));
		tsn_batch_put_int(b, b->n, TSN_F_PACKETS, below(1000));
		tsn_batch_put_addr(b, b->n, TSN_F_SRC, tsn_addr_v4(0x0a000000 + below(10000)));
		b->received[b->n] = b->time[b->n] = INT64_C(1767571200000);
	}
	tsn_mask_first(&b->rows, b->n);
}

static void
build(struct graph *g, uint32_t rules, bool common, bool count)
{
	struct tsn_ir *tcp = g_test(g, TSN_F_PROTO, TSN_REL_EQ, 6), *few[64];

	for (uint32_t i = 0; i < 64; i++)
		few[i] = g_test(g, TSN_F_PACKETS, TSN_REL_GT, 10 * i);
	for (uint32_t i = 0; i < rules; i++) {
		uint32_t port = common && i % 4 == 0 ? 443 : below(65536);
		struct tsn_ir *p = g_test(g, TSN_F_DST_PORT, TSN_REL_EQ, port);
		struct tsn_ir *when = g_and3(g, tcp, p, rules > 64 ? g_test(g, TSN_F_PACKETS, TSN_REL_GT, 10 * (i % 64)) : few[i % 64]);

		if (count) {
			struct tsn_ir *c = g_agg(g, TSN_AGG_COUNT, g_key(TSN_F_SRC), p, NULL, false);
			struct tsn_ir *many = g_compare(g, TSN_REL_GT, c, g_int(g, 100));

			g_report(g, g_rule(g, "r", many, NULL), many);
		} else {
			g_rule(g, "r", when, NULL);
		}
	}
}

static void
measure(const char *name, uint32_t rules, bool common, bool count)
{
	static struct tsn_batch *b[BATCHES];
	struct graph g;
	struct tsn_program *p;
	struct tsn_vm *vm;
	struct tsn_state *s;
	const char *error;
	double best = 1e18;
	int rounds = rules > 1000 ? 5 : 50;

	g_init(&g);
	build(&g, rules, common, count);
	p = tsn_emit(&g.m, &error);
	if (p == NULL) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	vm = tsn_vm_new(p);
	s = tsn_state_new(p->families, p->nfamilies, 0);
	for (int i = 0; i < BATCHES; i++) {
		b[i] = tsn_batch_new();
		fill(b[i], common);
	}
	matches = 0;
	for (int r = 0; r < rounds; r++) {
		double t = now();

		for (int i = 0; i < BATCHES; i++)
			tsn_vm_run(vm, b[i], s, NULL, on_match, NULL);
		t = (now() - t) / (BATCHES * TSN_BATCH_ROWS);
		if (t < best)
			best = t;
	}
	printf("%-28s %6u rules %8.2f ns/flow  %7.1f M flows/s  (%u instructions, %llu matches)\n", name, rules, best,
	    1e3 / best, p->code[TSN_DOOR_FLOW].n, (unsigned long long)matches);
	for (int i = 0; i < BATCHES; i++)
		tsn_batch_free(b[i]);
	tsn_state_free(s);
	tsn_vm_free(vm);
	tsn_program_free(p);
	g_fini(&g, true);
}

int
main(void)
{
	static const uint32_t sizes[] = { 1, 10, 100, 1000, 10000 };

	printf("kernels: %s\n", tsn_cpu_name(tsn_cpu_level));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		measure("any port", sizes[i], false, false);
		measure("a quarter on one port", sizes[i], true, false);
	}
	measure("count by src, a quarter", 1, true, true);
	measure("count by src, any port", 100, false, true);
	return 0;
}
