/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How fast flows become conversations, and what one that waits costs. 20,000 flows a second, answered by three in four a
 * little later, ticks every second. One thread; CPU time. Prints the median of three passes for the whole and for its parts.
 *   bench_pair [millions of flows]
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "bench/seconds.h"
#include "pair/pair.h"

#define ROUNDS 3

struct job {
	const char *name;
	uint32_t rate;  /* flows a second */
	bool v6;
	bool scan;      /* nobody answers */
};

static const struct job jobs[] = {
	{ "20 k flows/s", 20000, false, false },
	{ "1 k flows/s", 1000, false, false },
	{ "60 k flows/s", 60000, false, false },
	{ "20 k flows/s, IPv6", 20000, true, false },
	{ "20 k flows/s, a scan", 20000, false, true },
};

static double
now(void)
{
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID) * 1e9;
}

/* Flow 2i is a question, 2i + 1 the answer to the question 40 before it. */
static void
fill(struct tsn_batch *b, uint64_t flow, const struct job *j)
{
	struct tsn_addr_column *src = &b->addr[tsn_fields[TSN_F_SRC].addr_slot], *dst = &b->addr[tsn_fields[TSN_F_DST].addr_slot];

	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		uint64_t n = flow + i, talk = j->scan ? n : n / 2 - (n & 1 ? 20 : 0), r = tsn_mix64(talk);
		bool back = !j->scan && (n & 1) && r % 4 != 0;
		struct tsn_addr_column *from = back ? dst : src, *to = back ? src : dst;
		uint16_t *sport = b->col[back ? TSN_F_DST_PORT : TSN_F_SRC_PORT], *dport = b->col[back ? TSN_F_SRC_PORT : TSN_F_DST_PORT];

		r = !back && n & 1 ? tsn_mix64(r) : r; /* instead of the answer another question */
		if (j->v6) {
			from->hi[i] = 0x20010db800000000u, from->lo[i] = r >> 44;
			to->hi[i] = 0x20010db800000001u, to->lo[i] = r >> 40 & 0xfff;
		} else {
			from->v4[i] = 0x0a000000u | (uint32_t)(r >> 44);
			to->v4[i] = 0xc0000000u | (uint32_t)(r >> 40 & 0xfff);
		}
		sport[i] = (uint16_t)(1024 | r);
		dport[i] = 443;
		((uint8_t *)b->col[TSN_F_PROTO])[i] = 6;
		((uint16_t *)b->col[TSN_F_FLAGS])[i] = 0x1a;
		((uint32_t *)b->col[TSN_F_IN_IF])[i] = (uint32_t)r & 7;
		((uint32_t *)b->col[TSN_F_OUT_IF])[i] = 3;
		((uint32_t *)b->col[TSN_F_EXPORTER])[i] = 0xc0000201;
		((uint64_t *)b->col[TSN_F_RAW_PACKETS])[i] = r & 15;
		((uint64_t *)b->col[TSN_F_RAW_BYTES])[i] = r & 0xffff;
		b->received[i] = INT64_C(1700000000000) + (int64_t)(n * 1000 / j->rate);
		b->exported[i] = b->received[i];
		((int64_t *)b->col[TSN_F_START])[i] = b->received[i] - 500;
		((int64_t *)b->col[TSN_F_END])[i] = b->received[i] - 100;
	}
	b->n = TSN_BATCH_ROWS;
}

static void
set_presence(struct tsn_batch *b, bool v6)
{
	static const enum tsn_field there[] = { TSN_F_SRC, TSN_F_DST, TSN_F_SRC_PORT, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_FLAGS, TSN_F_IN_IF,
		TSN_F_OUT_IF, TSN_F_EXPORTER, TSN_F_RAW_PACKETS, TSN_F_RAW_BYTES, TSN_F_START, TSN_F_END };

	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		tsn_mask_first(&b->present[there[i]], TSN_BATCH_ROWS);
	for (int i = 0; i < TSN_ADDR_FIELDS; i++) {
		bool wide = v6 && (i == tsn_fields[TSN_F_SRC].addr_slot || i == tsn_fields[TSN_F_DST].addr_slot);

		b->addr[i].any_v6 = wide;
		if (!wide)
			tsn_mask_first(&b->addr[i].is_v4, TSN_BATCH_ROWS);
	}
}

struct times { double fold, take; struct tsn_pair_stats stats, most; };

static struct times
pass(const struct job *j, uint64_t flows)
{
	static const enum tsn_field carried[] = { TSN_F_EXPORTER, TSN_F_IN_IF, TSN_F_OUT_IF, TSN_F_SAMPLING, TSN_F_ICMP_TYPE };
	struct tsn_pair *p = tsn_pair_new(30000, 1u << 22, 1);
	struct tsn_exporters *x = tsn_exporters_new(8);
	struct tsn_batch *b = tsn_batch_new(), *out = tsn_batch_new();
	struct tsn_field_set fields = { { 0 } };
	struct tsn_pair_stats warm = { 0 };
	struct times t = { 0 };
	int64_t clock = 0;

	for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++)
		tsn_field_set_add(&fields, carried[i]);
	tsn_pair_carry(p, &fields, false);
	tsn_exporters_find(x, tsn_addr_v4(0xc0000201));
	tsn_batch_clear(out, TSN_BATCH_TALKS);
	for (uint64_t n = 0; n < 2 * flows; n += TSN_BATCH_ROWS) {
		double a, c;

		if (n == flows / TSN_BATCH_ROWS * TSN_BATCH_ROWS) { /* the first half fills the table */
			t.fold = t.take = 0;
			tsn_pair_stats(p, &warm);
		}

		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		fill(b, n, j);
		for (uint32_t i = 0; i < b->n; i++)
			b->source[i] = 1;
		set_presence(b, j->v6);
		tsn_batch_normalise(b, x);
		if (b->received[0] / 1000 > clock) {
			clock = b->received[0] / 1000;
			tsn_pair_stats(p, &t.stats);
			t.most = t.stats.open > t.most.open ? t.stats : t.most;
			a = now();
			while (tsn_pair_take(p, clock * 1000, out, x) > 0)
				tsn_batch_clear(out, TSN_BATCH_TALKS);
			t.take += now() - a;
		}
		a = now();
		tsn_pair_fold(p, b);
		c = now();
		t.fold += c - a;
	}
	tsn_pair_stats(p, &t.stats);
	t.stats.flows -= warm.flows;
	t.stats.talks -= warm.talks;
	tsn_pair_free(p);
	tsn_exporters_free(x);
	tsn_batch_free(b);
	tsn_batch_free(out);
	return t;
}

static int
by_size(const void *a, const void *b)
{
	double x = ((const struct times *)a)->fold + ((const struct times *)a)->take;
	double y = ((const struct times *)b)->fold + ((const struct times *)b)->take;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	uint64_t flows = (uint64_t)(argc > 1 ? atoi(argv[1]) : 4) * 1000000;

	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		struct times t[ROUNDS];

		for (int r = 0; r < ROUNDS; r++)
			t[r] = pass(&jobs[i], flows);
		qsort(t, ROUNDS, sizeof(t[0]), by_size);
		const struct times *m = &t[ROUNDS / 2];

		printf("%-24s %6.1f ns a flow (fold %.1f), %5.1f ns a record, %.1f M flows/s; most waiting %llu, %.0f bytes each\n", jobs[i].name,
		    (m->fold + m->take) / (double)m->stats.flows, m->fold / (double)m->stats.flows,
		    m->stats.talks > 0 ? m->take / (double)m->stats.talks : 0.0,
		    (double)m->stats.flows / (m->fold + m->take) * 1e3, (unsigned long long)m->most.open,
		    (double)m->most.bytes / (double)(m->most.open > 0 ? m->most.open : 1));
	}
	return 0;
}
