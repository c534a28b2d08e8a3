/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Random flows of both directions through the pair room, as the engine sends them, and the records as text. */
#ifndef TSN_TESTS_PAIR_RUN_H
#define TSN_TESTS_PAIR_RUN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pair/pair.h"
#include "unit/dice.h"

#define FLOWS 700
#define WAIT  30000

enum { SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* --- a stream of flows --- */

struct flow {
	struct tsn_addr src, dst;
	int proto, sport, dport, flags;
	int64_t packets, bytes, start, end, received, exported;
	uint32_t exporter, in_if, sampling;
	unsigned missing; /* bits: src, proto, flags, packets, start, end */
	char host[48];
};

static struct tsn_addr
address(uint32_t i)
{
	return i % 3 == 2 ? (struct tsn_addr){ 0x20010db800000000 + i / 6, i, false } : tsn_addr_v4(0x0a000000 + i);
}

static void
random_flow(struct flow *f, int64_t now, uint32_t hosts)
{
	static const int protos[] = { 6, 6, 6, 17, 1, 58, 47 };
	static const int flags[] = { SYN, RST, RST | ACK, SYN | ACK, SYN | ACK | PSH, ACK, SYN | RST, 0, ACK | PSH, SYN | RST | ACK };
	uint32_t a = below(hosts), b = below(hosts);

	*f = (struct flow){ .src = address(a), .dst = address(b), .proto = protos[below(7)], .sport = (int)below(3), .dport = (int)below(3),
		.flags = flags[below(10)], .packets = 1 + below(5), .bytes = 40 * below(30), .received = now, .exporter = below(4),
		.in_if = below(4), .sampling = below(60) == 0 ? 10 : 0 };
	f->start = now - (int64_t)below(4) * 500;
	f->end = f->start + (int64_t)below(3) * 700 - (below(30) == 0 ? 5000 : 0);
	f->exported = below(3) ? now - 2000 + (int64_t)below(3000) : TSN_TIME_NONE;
	f->missing = below(12) == 0 ? 1u << below(6) : 0;
	if (below(60) == 0)
		f->packets = INT64_MAX - below(3);
	if (below(4) == 0)
		snprintf(f->host, sizeof(f->host), "host-%u.example.%s", below(5), below(2) ? "org" : "a-somewhat-longer-one.net");
	if (f->exporter == 3) /* this one never fills flags, and sends one direction */
		f->flags = 0, f->src = tsn_addr_v4(1 + a), f->dst = tsn_addr_v4(1000 + b);
}

static void
random_flows(struct flow *f, uint32_t n, uint32_t hosts)
{
	int64_t now = INT64_C(1700000000000) + below(1000);

	for (uint32_t i = 0; i < n; i++) {
		now += below(3) ? below(300) : below(40) == 0 ? 60000 : below(3000);
		random_flow(&f[i], now - (below(12) == 0 ? below(4000) : 0), hosts);
	}
}

static void
put_flow(const struct flow *f, struct tsn_batch *b, struct tsn_exporters *x)
{
	uint32_t i = b->n++;

	if (!(f->missing & 1))
		tsn_batch_put_addr(b, i, TSN_F_SRC, f->src);
	tsn_batch_put_addr(b, i, TSN_F_DST, f->dst);
	if (!(f->missing & 2))
		tsn_batch_put_int(b, i, TSN_F_PROTO, f->proto);
	if (!(f->missing & 4))
		tsn_batch_put_int(b, i, TSN_F_FLAGS, f->flags);
	if (!(f->missing & 8))
		tsn_batch_put_int(b, i, TSN_F_RAW_PACKETS, f->packets);
	if (!(f->missing & 16))
		tsn_batch_put_int(b, i, TSN_F_START, f->start);
	if (!(f->missing & 32))
		tsn_batch_put_int(b, i, TSN_F_END, f->end);
	tsn_batch_put_int(b, i, TSN_F_SRC_PORT, f->sport);
	tsn_batch_put_int(b, i, TSN_F_DST_PORT, f->dport);
	tsn_batch_put_int(b, i, TSN_F_RAW_BYTES, f->bytes);
	tsn_batch_put_int(b, i, TSN_F_IN_IF, f->in_if);
	if (f->sampling > 0)
		tsn_batch_put_int(b, i, TSN_F_SAMPLING, f->sampling);
	if (f->host[0] != '\0')
		tsn_batch_keep_str(b, i, TSN_F_HTTP_HOST, f->host, strlen(f->host));
	b->source[i] = tsn_exporters_find(x, tsn_addr_v4(0xc0000200 + f->exporter));
	tsn_batch_put_addr(b, i, TSN_F_EXPORTER, tsn_addr_v4(0xc0000200 + f->exporter));
	b->received[i] = f->received;
	b->exported[i] = f->exported;
}

/* --- records as text --- */

static const enum tsn_field carried[] = { TSN_F_EXPORTER, TSN_F_IN_IF, TSN_F_SAMPLING, TSN_F_HTTP_HOST, TSN_F_RAW_BYTES, TSN_F_ICMP_TYPE,
	TSN_F_ICMP_CODE };
#define NCARRIED (sizeof(carried) / sizeof(carried[0]))

static void
write_row(struct tsn_buf *out, const struct tsn_batch *b, uint32_t row)
{
	struct tsn_value v;

	tsn_buf_printf(out, "time=%lld received=%lld gives=", (long long)b->time[row], (long long)b->received[row]);
	for (int i = 0; i < TSN_GIVES_COUNT; i++)
		tsn_buf_putc(out, tsn_mask_has(&b->gives[i], row) ? '1' : '0');
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		tsn_batch_get(b, row, (enum tsn_field)f, &v);
		if (!v.known)
			continue;
		tsn_buf_printf(out, " %s=", tsn_fields[f].name);
		tsn_value_text(&v, out);
	}
	tsn_buf_putc(out, '\n');
}

/* --- the engine's part: batches, cut at ticks --- */

struct run {
	struct tsn_exporters *exporters;
	struct tsn_pair *pair;
	struct tsn_batch *flows, *talks;
	struct tsn_buf out;
	int64_t clock;
	struct tsn_batch **seen; /* normal form of each flow, for the oracle; may be NULL */
	uint32_t nseen;
};

static struct tsn_exporters *
new_exporters(void)
{
	struct tsn_exporters *x = tsn_exporters_new(16);
	struct tsn_exporter_setting named = { .prefix = { tsn_addr_v4(0xc0000201), 32 }, .name = "edge" };

	cr_assert(tsn_exporters_configure(x, &named, 1));
	return x;
}

static void
run_init(struct run *r, uint32_t max, uint32_t rows)
{
	struct tsn_field_set fields = { { 0 } };

	*r = (struct run){ .exporters = new_exporters(), .pair = tsn_pair_new(WAIT, max, seed), .flows = tsn_batch_new(),
		.talks = tsn_batch_new(), .out = TSN_BUF_INIT, .clock = TSN_TIME_NONE };
	for (size_t i = 0; i < NCARRIED; i++)
		tsn_field_set_add(&fields, carried[i]);
	tsn_pair_carry(r->pair, &fields, false);
	r->flows->cap = r->talks->cap = rows;
	tsn_batch_clear(r->talks, TSN_BATCH_TALKS);
}

static void
run_fini(struct run *r)
{
	tsn_exporters_free(r->exporters);
	tsn_pair_free(r->pair);
	tsn_batch_free(r->flows);
	tsn_batch_free(r->talks);
	tsn_buf_fini(&r->out);
}

static void
fold(struct run *r)
{
	if (r->flows->n == 0)
		return;
	tsn_batch_normalise(r->flows, r->exporters);
	tsn_pair_fold(r->pair, r->flows);
	tsn_batch_clear(r->flows, TSN_BATCH_FLOWS);
}

static void
take(struct run *r, int64_t now)
{
	while (tsn_pair_take(r->pair, now, r->talks, r->exporters) > 0) {
		for (uint32_t i = 0; i < r->talks->n; i++)
			write_row(&r->out, r->talks, i);
		tsn_batch_clear(r->talks, TSN_BATCH_TALKS);
	}
}

static int64_t
second_of(int64_t ms)
{
	return ms / 1000 * 1000;
}

static void
push(struct run *r, const struct flow *f)
{
	if (f->received > r->clock) {
		if (r->clock == TSN_TIME_NONE || second_of(f->received) > second_of(r->clock)) {
			fold(r);
			take(r, second_of(f->received));
		}
		r->clock = f->received;
	}
	if (r->flows->n >= r->flows->cap)
		fold(r);
	put_flow(f, r->flows, r->exporters);
}

static void
push_all(struct run *r, const struct flow *f, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < n; i++)
		push(r, &f[i]);
	fold(r);
}

/* A question of TCP. */
#define THERE(fl, at) { .src = tsn_addr_v4(1), .dst = tsn_addr_v4(2), .proto = 6, .sport = 4000, .dport = 25, .flags = (fl), \
	.packets = 3, .bytes = 180, .start = (at), .end = (at) + 10, .received = 100000, .exported = TSN_TIME_NONE }

/* The first line in which they differ. */
static void
same_text(const struct tsn_buf *got, const struct tsn_buf *want, const char *what)
{
	const char *a = tsn_buf_str((struct tsn_buf *)got), *b = tsn_buf_str((struct tsn_buf *)want);
	size_t i = 0, line = 0;

	for (; a[i] != '\0' && a[i] == b[i]; i++)
		line = a[i] == '\n' ? i + 1 : line;
	cr_assert(a[i] == b[i], "%s:\n got %.*s\nwant %.*s", what, (int)strcspn(a + line, "\n"), a + line, (int)strcspn(b + line, "\n"),
	    b + line);
}

static uint64_t
streams(uint64_t few)
{
	return getenv("TSN_SOAK") != NULL ? few * 20 : (few + 1) / 2;
}

#endif
