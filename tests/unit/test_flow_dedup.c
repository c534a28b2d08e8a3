/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * dedup (S48) against an oracle that compares each flow with every one before it, plainly from the ruling;
 * the rows that stay, with all they hold, whatever the batches; and the bound on what is remembered.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "flow/dedup.h"
#include "flow/exporter.h"
#include "unit/dice.h"

#define FLOWS 600

struct flow {
	struct tsn_addr src, dst;
	int proto, sport, dport; /* ports -1: absent */
	int64_t bytes, start, received;
	unsigned missing;        /* 1 src, 2 proto, 4 start, 8 bytes */
	uint32_t exporter;
	char name[16];
	bool stays;
};

static struct tsn_addr
address(uint32_t i)
{
	return i % 2 ? (struct tsn_addr){ 0x20010db800000000, i, false } : tsn_addr_v4(i);
}

static void
random_flows(struct flow *f)
{
	static const int protos[] = { 6, 17, 1, 47 };
	int64_t now = 1000000;

	for (int i = 0; i < FLOWS; i++) {
		now += (int64_t)below(400) - (below(10) == 0 ? 300 : 0);
		f[i] = (struct flow){ .src = address(below(2)), .dst = address(below(2)), .proto = protos[below(4)],
			.sport = (int)below(2), .dport = below(5) ? (int)below(2) : -1, .bytes = below(2), .received = now,
			.exporter = below(3) + 1 };
		f[i].start = 900000 + (int64_t)below(8) * 500 + below(3) - (below(20) == 0 ? 1800000 : 0);
		f[i].missing = below(25) == 0 ? 1u << below(4) : 0;
		if (below(50) == 0)
			f[i].start = below(2) ? INT64_MIN : INT64_MAX;
		snprintf(f[i].name, sizeof(f[i].name), "f%d", i);
	}
}

static int
port(const struct flow *f, int p)
{
	return (f->proto == 6 || f->proto == 17) && p >= 0 ? p : 0;
}

static bool
equal(const struct flow *a, const struct flow *b)
{
	__int128 apart = (__int128)a->start - b->start;

	return a->exporter != b->exporter && tsn_addr_cmp(a->src, b->src) == 0 && tsn_addr_cmp(a->dst, b->dst) == 0 &&
	    a->proto == b->proto && port(a, a->sport) == port(b, b->sport) && port(a, a->dport) == port(b, b->dport) &&
	    a->bytes == b->bytes && apart >= -1000 && apart <= 1000;
}

static void
oracle(struct flow *f, int64_t window, uint64_t dropped[4])
{
	int64_t now[FLOWS], latest = INT64_MIN;

	memset(dropped, 0, 4 * sizeof(dropped[0]));
	for (int i = 0; i < FLOWS; i++) {
		latest = f[i].received > latest ? f[i].received : latest;
		now[i] = latest;
		f[i].stays = true;
		for (int j = 0; j < i && f[i].missing == 0; j++)
			if (f[j].stays && f[j].missing == 0 && now[i] - now[j] <= window && equal(&f[i], &f[j]))
				f[i].stays = false;
		dropped[f[i].exporter] += !f[i].stays;
	}
}

static void
put(struct tsn_batch *b, const struct flow *f)
{
	uint32_t row = b->n++;

	if (!(f->missing & 1))
		tsn_batch_put_addr(b, row, TSN_F_SRC, f->src);
	tsn_batch_put_addr(b, row, TSN_F_DST, f->dst);
	if (!(f->missing & 2))
		tsn_batch_put_int(b, row, TSN_F_PROTO, f->proto);
	tsn_batch_put_int(b, row, TSN_F_SRC_PORT, f->sport);
	if (f->dport >= 0)
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, f->dport);
	if (!(f->missing & 4))
		tsn_batch_put_int(b, row, TSN_F_START, f->start);
	if (!(f->missing & 8))
		tsn_batch_put_int(b, row, row % 2 ? TSN_F_BYTES : TSN_F_RAW_BYTES, f->bytes);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 7);
	tsn_batch_put_str(b, row, TSN_F_USER, (struct tsn_str){ f->name, (uint32_t)strlen(f->name) });
	b->received[row] = f->received;
	b->exported[row] = f->received + 1;
	b->source[row] = f->exporter;
}

/* Row [row] is flow [f], whole. */
static void
check_row(const struct tsn_batch *b, uint32_t row, const struct flow *f)
{
	struct tsn_value v;

	tsn_batch_get(b, row, TSN_F_USER, &v);
	cr_assert(v.known && v.s.p == f->name, "row %u is not flow %s", row, f->name);
	tsn_batch_get(b, row, TSN_F_SRC, &v);
	cr_assert(v.known == !(f->missing & 1) && (!v.known || tsn_addr_cmp(v.addr, f->src) == 0), "src of %s", f->name);
	tsn_batch_get(b, row, TSN_F_DST, &v);
	cr_assert(v.known && tsn_addr_cmp(v.addr, f->dst) == 0, "dst of %s", f->name);
	tsn_batch_get(b, row, TSN_F_DST_PORT, &v);
	cr_assert(v.known == (f->dport >= 0) && (!v.known || v.i == f->dport), "port of %s", f->name);
	tsn_batch_get(b, row, TSN_F_START, &v);
	cr_assert(v.known == !(f->missing & 4) && (!v.known || v.i == f->start), "start of %s", f->name);
	cr_assert_eq(((uint64_t *)b->col[TSN_F_RAW_PACKETS])[row], 7);
	if (!(f->missing & 8))
		cr_assert_eq(((uint64_t *)b->col[TSN_F_RAW_BYTES])[row], (uint64_t)f->bytes, "bytes of %s", f->name);
	cr_assert(b->received[row] == f->received && b->exported[row] == f->received + 1 && b->source[row] == f->exporter);
}

static void
run(struct flow *f, int64_t window, uint32_t cap, uint64_t dropped[4])
{
	struct tsn_exporters *x = tsn_exporters_new(10);
	struct tsn_dedup *d = tsn_dedup_new(window, 4096, 5);
	struct tsn_batch *b = tsn_batch_new();
	int next = 0;

	for (uint32_t i = 1; i < 4; i++)
		cr_assert_eq(tsn_exporters_find(x, tsn_addr_v4(i)), i);
	for (int i = 0; i < FLOWS;) {
		uint32_t from = b->n;

		for (uint32_t k = 1 + below(cap); k > 0 && i < FLOWS && b->n < cap; k--)
			put(b, &f[i++]);
		tsn_dedup_drop(d, b, from, x);
		if (b->n < cap && i < FLOWS)
			continue;
		for (uint32_t row = 0; row < b->n; row++) {
			while (!f[next].stays)
				next++;
			check_row(b, row, &f[next++]);
		}
		for (uint32_t row = b->n; row < cap; row++)
			cr_assert(b->received[row] == TSN_TIME_NONE && !tsn_mask_has(&b->present[TSN_F_USER], row));
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
	}
	while (next < FLOWS && !f[next].stays)
		next++;
	cr_assert_eq(next, FLOWS);
	for (uint32_t i = 1; i < 4; i++)
		cr_assert_eq(tsn_exporters_at(x, i)->counter[TSN_XC_DUPLICATES], dropped[i]);
	tsn_batch_free(b);
	tsn_dedup_free(d);
	tsn_exporters_free(x);
}

Test(flow_dedup, as_the_oracle_says)
{
	static const uint32_t caps[] = { 1, 7, 64, 1000, 1024 };
	static struct flow f[FLOWS];
	uint64_t dropped[4], all = 0;

	for (int n = 0; n < 60; n++) {
		int64_t window = below(3) ? (int64_t)below(20000) : (int64_t)below(300);

		random_flows(f);
		oracle(f, window, dropped);
		for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
			run(f, window, caps[i], dropped);
		all += dropped[1] + dropped[2] + dropped[3];
	}
	cr_assert_gt(all, 1000, "only %llu duplicates", (unsigned long long)all);
}

static void
one(struct tsn_dedup *d, struct tsn_exporters *x, struct tsn_batch *b, struct flow f, bool stays)
{
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	put(b, &f);
	tsn_dedup_drop(d, b, 0, x);
	cr_assert_eq(b->n, stays);
}

Test(flow_dedup, what_it_remembers_is_bounded)
{
	struct tsn_exporters *x = tsn_exporters_new(10);
	struct tsn_dedup *d = tsn_dedup_new(1000000, 16, 0);
	struct tsn_batch *b = tsn_batch_new();
	struct flow f = { .src = address(2), .dst = address(3), .proto = 47, .start = 5, .received = 10, .exporter = 1 };

	tsn_exporters_find(x, tsn_addr_v4(1));
	tsn_exporters_find(x, tsn_addr_v4(2));
	for (f.bytes = 0; f.bytes < 100; f.bytes++)
		one(d, x, b, f, true);
	cr_assert_eq(tsn_dedup_forgotten(d), 84);
	f.exporter = 2;
	f.bytes = 83;
	one(d, x, b, f, true);
	f.bytes = 99;
	one(d, x, b, f, false);
	tsn_dedup_set_window(d, 5);
	f.received = 16;
	one(d, x, b, f, true);
	tsn_dedup_free(d);
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

/* One exporter that repeats one flow for ever costs a look at few of them, and says so. */
Test(flow_dedup, endless_repetition_is_cheap)
{
	struct tsn_exporters *x = tsn_exporters_new(10);
	struct tsn_dedup *d = tsn_dedup_new(1000000, 65536, 0);
	struct tsn_batch *b = tsn_batch_new();
	struct flow f = { .src = address(2), .dst = address(3), .proto = 47, .start = 5, .received = 10, .exporter = 1 };

	tsn_exporters_find(x, tsn_addr_v4(1));
	for (int i = 0; i < 60000; i++)
		one(d, x, b, f, true);
	cr_assert_gt(tsn_dedup_forgotten(d), 0);
	tsn_exporters_find(x, tsn_addr_v4(2));
	f.exporter = 2;
	one(d, x, b, f, false);
	tsn_dedup_free(d);
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_dedup, without_memory_flows_stay)
{
	struct tsn_exporters *x = tsn_exporters_new(10);
	struct tsn_batch *b = tsn_batch_new();
	struct flow f = { .src = address(2), .dst = address(3), .proto = 47, .start = 5, .received = 10, .exporter = 1 };

	for (uint32_t i = 1; i < 3; i++)
		tsn_exporters_find(x, tsn_addr_v4(i));
	for (long n = 0; n < 4; n++) {
		struct tsn_dedup *d;

		tsn_mem_fail_at(n, true);
		d = tsn_dedup_new(1000, 16, 0);
		f.exporter = 1;
		if (d != NULL)
			one(d, x, b, f, true);
		f.exporter = 2;
		if (d != NULL)
			one(d, x, b, f, n < 3);
		tsn_mem_fail_never();
		tsn_dedup_free(d);
	}
	tsn_batch_free(b);
	tsn_exporters_free(x);
}
