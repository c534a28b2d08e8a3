/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Packets into flows: what ends a flow, what a row says, bounds, and brute force over random packets. */
#include <criterion/criterion.h>
#include <criterion/logging.h>

#include "base/mem.h"
#include "decode/meter.h"
#include "flow/exporter.h"
#include "packet/link.h"
#include "unit/build_capture.h"
#include "unit/build_netflow.h"
#include "unit/mutate.h"

#define T0 INT64_C(1600000000000)
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct bench {
	struct tsn_exporters *exporters;
	struct tsn_meter *meter;
	struct keeper k;
	struct bytes frame;
};

static void
bench_init(struct bench *b, uint32_t max_flows)
{
	*b = (struct bench){ 0 };
	b->exporters = tsn_exporters_new(4);
	b->meter = tsn_meter_new(&(struct tsn_meter_opts){ .active_ms = 10000, .inactive_ms = 3000, .max_flows = max_flows }, b->exporters);
	cr_assert_not_null(b->meter);
	keeper_init(&b->k, 7);
}

static void
bench_fini(struct bench *b)
{
	keeper_fini(&b->k);
	tsn_meter_free(b->meter);
	tsn_exporters_free(b->exporters);
	bytes_free(&b->frame);
}

static void
finish(struct bench *b)
{
	cr_assert_eq(tsn_meter_finish(b->meter, &b->k.sink), TSN_DECODE_OK);
	keeper_spill(&b->k);
}

static void
give(struct bench *b, int64_t ms)
{
	cr_assert_eq(tsn_meter_packet(b->meter, TSN_LINK_RAW, b->frame.p, b->frame.n, b->frame.n, ms, &b->k.sink), TSN_DECODE_OK);
}

/* A TCP segment from 10.0.0.[host], port [port], to 10.0.0.2, port 80, with no data. */
static void
tcp(struct bench *b, unsigned host, unsigned port, unsigned flags, int64_t at)
{
	uint8_t l4[20] = { (uint8_t)(port >> 8), (uint8_t)port, 0, 80, [12] = 0x50, [13] = (uint8_t)flags };

	b->frame.n = 0;
	put_ip4(&b->frame, &(struct ip4){ .src = 0x0a000000 | host, .dst = 0x0a000002, .proto = 6 }, l4, 20);
	give(b, T0 + at);
}

static int64_t
at(const struct bench *b, size_t row, enum tsn_field f)
{
	cr_assert(b->k.n > row && b->k.row[row].field[f].known, "row %zu of %zu: %s", row, b->k.n, tsn_fields[f].name);
	return b->k.row[row].field[f].i;
}

/* Row [row] has so many packets from [start] to [end], and was exported at [when]; all after T0. */
static void
expect(const struct bench *b, size_t row, int64_t packets, int64_t start, int64_t end, int64_t when)
{
	cr_assert_eq(at(b, row, TSN_F_RAW_PACKETS), packets, "row %zu: %lld packets", row, (long long)at(b, row, TSN_F_RAW_PACKETS));
	cr_assert(at(b, row, TSN_F_START) == T0 + start && at(b, row, TSN_F_END) == T0 + end, "row %zu", row);
	cr_assert_eq(b->k.row[row].received, T0 + when, "row %zu: at %lld", row, (long long)(b->k.row[row].received - T0));
	cr_assert_eq(b->k.row[row].exported, T0 + when);
}

Test(meter, a_row)
{
	struct bench b;
	const struct kept_row *row;

	bench_init(&b, 100);
	put(&b.frame, "\2\0\0\0\0\2\2\0\0\0\0\1\x81\x00\0\x2a\x08\x00", 18);
	put_ip4(&b.frame, &(struct ip4){ .src = 0x0a000001, .dst = 0x0a000002, .proto = 6 }, "\x04\xd2\0\x50\0\0\0\1\0\0\0\0\x50\2\0\0\0\0\0\0", 20);
	b.frame.p[19] = 0xb8;
	for (int i = 0; i < 3; i++) {
		b.frame.p[26] = (uint8_t)(i == 1 ? 60 : 62 + i); /* time to live */
		b.frame.p[18 + 20 + 13] = (uint8_t)(8u << i);
		tsn_meter_packet(b.meter, TSN_LINK_ETHERNET, b.frame.p, b.frame.n, b.frame.n, T0 + i * 10, &b.k.sink);
	}
	finish(&b);
	cr_assert_eq(b.k.n, 1);
	row = b.k.row;
	expect(&b, 0, 3, 0, 20, 20);
	cr_assert(tsn_addr_cmp(row->field[TSN_F_SRC].addr, tsn_addr_v4(0x0a000001)) == 0);
	cr_assert(tsn_addr_cmp(row->field[TSN_F_DST].addr, tsn_addr_v4(0x0a000002)) == 0);
	cr_assert(at(&b, 0, TSN_F_SRC_PORT) == 1234 && at(&b, 0, TSN_F_DST_PORT) == 80 && at(&b, 0, TSN_F_PROTO) == 6);
	cr_assert(at(&b, 0, TSN_F_FLAGS) == 56 && at(&b, 0, TSN_F_RAW_BYTES) == 120 && at(&b, 0, TSN_F_TOS) == 0xb8);
	cr_assert(at(&b, 0, TSN_F_MIN_TTL) == 60 && at(&b, 0, TSN_F_MAX_TTL) == 64 && at(&b, 0, TSN_F_VLAN) == 42);
	cr_assert(at(&b, 0, TSN_F_SRC_MAC) == 0x020000000001 && at(&b, 0, TSN_F_DST_MAC) == 0x020000000002);
	cr_assert(!row->field[TSN_F_EXPORTER].known && !row->field[TSN_F_IN_IF].known && !row->field[TSN_F_ICMP_TYPE].known);
	cr_assert(!row->field[TSN_F_FLOW_LABEL].known && !row->field[TSN_F_SAMPLING].known);
	cr_assert_eq(row->source, tsn_exporters_nobody(b.exporters));
	bench_fini(&b);
}

Test(meter, icmp_by_type_and_code)
{
	struct bench b;

	bench_init(&b, 100);
	for (int i = 0; i < 6; i++) {
		uint8_t l4[8] = { i % 2 == 0 ? 8 : 0, i == 5 ? 1 : 0, 0, 0, 0, 9, 0, (uint8_t)i };
		struct ip6 six = { { 0x20, 1 }, { 0x20, 2 }, 58 };

		b.frame.n = 0;
		put_ip6(&b.frame, &six, l4, 8);
		b.frame.p[3] = 0x77;
		give(&b, T0 + i);
	}
	finish(&b);
	cr_assert_eq(b.k.n, 3);
	for (size_t i = 0; i < 3; i++) { /* by their last packets */
		cr_assert(at(&b, i, TSN_F_ICMP_TYPE) == (i == 1 ? 8 : 0) && at(&b, i, TSN_F_ICMP_CODE) == (i == 2));
		cr_assert(!b.k.row[i].field[TSN_F_DST_PORT].known && !b.k.row[i].field[TSN_F_FLAGS].known);
		cr_assert_eq(at(&b, i, TSN_F_FLOW_LABEL), 0x77);
	}
	cr_assert(at(&b, 0, TSN_F_RAW_PACKETS) == 2 && at(&b, 1, TSN_F_RAW_PACKETS) == 3);
	bench_fini(&b);
}

Test(meter, vlans_apart)
{
	struct bench b;

	bench_init(&b, 100);
	for (unsigned i = 0; i < 6; i++) {
		b.frame.n = 0;
		put_ethernet(&b.frame, i % 3 == 2 ? 0x0800 : 0x8100);
		if (i % 3 != 2)
			put(&b.frame, i % 3 == 0 ? "\0\1\x08\x00" : "\0\2\x08\x00", 4);
		put_ip4(&b.frame, &(struct ip4){ .src = 1, .dst = 2 }, "\0\1\0\2\0\x08\0\0", 8);
		tsn_meter_packet(b.meter, TSN_LINK_ETHERNET, b.frame.p, b.frame.n, b.frame.n, T0, &b.k.sink);
	}
	finish(&b);
	cr_assert_eq(b.k.n, 3);
	cr_assert(at(&b, 0, TSN_F_VLAN) == 1 && at(&b, 1, TSN_F_VLAN) == 2 && !b.k.row[2].field[TSN_F_VLAN].known);
	bench_fini(&b);
}

/* Inactive 3 s, active 10 s; the moment itself is too late. */
Test(meter, timeouts)
{
	struct bench b;

	bench_init(&b, 100);
	tcp(&b, 1, 1, ACK, 0);
	tcp(&b, 1, 1, ACK, 2999);
	tcp(&b, 1, 2, ACK, 5998); /* the first is still there, and 2 */
	tcp(&b, 1, 1, ACK, 5999);
	for (int i = 0; i < 8; i++)
		tcp(&b, 1, 2, ACK, 6500 + i * 2000);
	finish(&b);
	cr_assert_eq(b.k.n, 4);
	expect(&b, 0, 2, 0, 2999, 5999);
	expect(&b, 1, 1, 5999, 5999, 8999);
	expect(&b, 2, 6, 5998, 14500, 15998);
	expect(&b, 3, 3, 16500, 20500, 20500);
	bench_fini(&b);
}

Test(meter, fin_and_rst)
{
	struct bench b;

	bench_init(&b, 100);
	tcp(&b, 1, 1, SYN, 0);
	tcp(&b, 1, 1, ACK | FIN, 100);
	tcp(&b, 1, 1, ACK, 600);       /* the last one, to the other side's FIN */
	tcp(&b, 1, 2, RST, 700);
	tcp(&b, 1, 3, FIN | ACK, 800);
	tcp(&b, 1, 3, SYN, 900);       /* the port again: a new flow */
	tcp(&b, 1, 3, ACK, 950);
	tcp(&b, 1, 1, ACK, 1100);      /* too late */
	tcp(&b, 1, 2, RST, 1699);      /* a repeat does not hold it up */
	tcp(&b, 1, 4, SYN, 1700);
	finish(&b);
	cr_assert_eq(b.k.n, 6);
	expect(&b, 0, 1, 800, 800, 900);
	expect(&b, 1, 3, 0, 600, 1100);
	expect(&b, 2, 2, 700, 1699, 1700);
	cr_assert(at(&b, 1, TSN_F_FLAGS) == (SYN | FIN | ACK) && at(&b, 3, TSN_F_FLAGS) == (SYN | ACK));
	bench_fini(&b);
}

/* Time does not go back for packets out of order, but for another capture behind the first. */
Test(meter, clock)
{
	struct bench b;

	bench_init(&b, 100);
	tcp(&b, 1, 1, ACK, 2000);
	tcp(&b, 1, 1, ACK, 0);
	tcp(&b, 1, 1, ACK, 2500);
	tcp(&b, 1, 2, ACK, -7499); /* no more than the active timeout back */
	tcp(&b, 1, 1, ACK, -7501);
	tcp(&b, 1, 1, ACK, -7500);
	tcp(&b, 1, 3, ACK, INT64_C(9000000000));
	finish(&b);
	cr_assert_eq(b.k.n, 4);
	expect(&b, 0, 3, 0, 2500, 2500);
	expect(&b, 1, 1, -7499, -7499, 2500);
	expect(&b, 2, 2, -7501, -7500, -4500);
	expect(&b, 3, 1, INT64_C(9000000000), INT64_C(9000000000), INT64_C(9000000000));
	bench_fini(&b);
}

Test(meter, too_many_flows)
{
	struct bench b;

	bench_init(&b, 3);
	tcp(&b, 1, 1, ACK, 0);
	tcp(&b, 1, 2, ACK, 1);
	tcp(&b, 1, 3, ACK, 2);
	tcp(&b, 1, 1, ACK, 3);
	tcp(&b, 1, 4, ACK, 4); /* 2 goes, idle for longest */
	tcp(&b, 1, 1, FIN, 5);
	tcp(&b, 1, 5, ACK, 6); /* 1 goes: it is over */
	finish(&b);
	cr_assert(b.k.n == 5 && tsn_meter_stats(b.meter)->evicted == 2 && tsn_meter_stats(b.meter)->flows == 5);
	cr_assert(at(&b, 0, TSN_F_SRC_PORT) == 2 && at(&b, 1, TSN_F_SRC_PORT) == 1 && at(&b, 1, TSN_F_RAW_PACKETS) == 3);
	bench_fini(&b);
}

static void
fragment(struct bench *b, unsigned id, unsigned offset, bool more, int64_t when)
{
	b->frame.n = 0;
	put_ip4(&b->frame, &(struct ip4){ .src = 1, .dst = 2, .id = id, .offset = offset, .more = more }, "\0\7\0\x09\0\x20\0\0........", 16);
	give(b, T0 + when);
}

Test(meter, fragments)
{
	struct bench b;

	bench_init(&b, 100);
	fragment(&b, 1, 0, true, 0);
	fragment(&b, 2, 16, false, 1); /* before its first: whose it is, nobody knows */
	fragment(&b, 1, 16, true, 2);
	fragment(&b, 1, 32, false, 3);
	fragment(&b, 2, 0, true, 4);
	fragment(&b, 2, 16, false, 5);
	fragment(&b, 1, 16, false, 1000 * 31); /* too long after */
	finish(&b);
	cr_assert(b.k.n == 3 && tsn_meter_stats(b.meter)->orphans == 2);
	expect(&b, 0, 1, 1, 1, 3001);
	expect(&b, 1, 5, 0, 5, 3005);
	cr_assert(at(&b, 0, TSN_F_SRC_PORT) == 0 && at(&b, 0, TSN_F_DST_PORT) == 0);
	cr_assert(at(&b, 1, TSN_F_SRC_PORT) == 7 && at(&b, 1, TSN_F_DST_PORT) == 9 && at(&b, 1, TSN_F_RAW_BYTES) == 5 * 36);
	bench_fini(&b);
}

/* In IPv6 the later fragments may name an extension header. */
Test(meter, fragments6)
{
	static const char *const header[] = { "\x3c\0\0\1\0\0\0\x4d", "\x3c\0\0\x10\0\0\0\x4d" };
	struct bench b;

	bench_init(&b, 100);
	for (int i = 0; i < 2; i++) {
		struct bytes body = { 0 };

		put(&body, header[i], 8);
		put(&body, "\x11\0\1\4\0\0\0\0\0\7\0\x09\0\x18\0\0", 16);
		b.frame.n = 0;
		put_ip6(&b.frame, &(struct ip6){ { 0x20, 1 }, { 0x20, 2 }, 44 }, body.p, body.n);
		give(&b, T0 + i);
		bytes_free(&body);
	}
	finish(&b);
	cr_assert(b.k.n == 1 && at(&b, 0, TSN_F_PROTO) == 17 && at(&b, 0, TSN_F_DST_PORT) == 9 && at(&b, 0, TSN_F_RAW_PACKETS) == 2);
	bench_fini(&b);
}

Test(meter, not_ip)
{
	struct bench b;

	bench_init(&b, 100);
	cr_assert_eq(tsn_meter_packet(b.meter, TSN_LINK_RAW, (const uint8_t *)"", 0, 0, T0, &b.k.sink), TSN_DECODE_DAMAGED);
	put_ethernet(&b.frame, 0x0806);
	cr_assert_eq(tsn_meter_packet(b.meter, TSN_LINK_ETHERNET, b.frame.p, b.frame.n, 60, T0, &b.k.sink), TSN_DECODE_DAMAGED);
	finish(&b);
	cr_assert(b.k.n == 0 && tsn_meter_stats(b.meter)->not_ip == 2 && tsn_meter_stats(b.meter)->packets == 0);
	bench_fini(&b);
}

/* The same key twice: of one flow, or of two. */
struct model {
	unsigned host, port;
	uint64_t packets, bytes;
};

/*
 * Random packets of few hosts: whatever ends flows, each packet is in exactly one; a flow is no longer than the active
 * timeout, has no gap as long as the inactive one, and rows come in the order of their moments.
 */
Test(meter, brute_force, .timeout = 120)
{
	for (int round = 0; round < 30; round++) {
		static const unsigned flag_of[] = { ACK, ACK, ACK, ACK, SYN, FIN | ACK, RST };
		struct model model[4][8] = { 0 };
		uint64_t seed = 77 + (uint64_t)round;
		uint32_t max = round % 3 == 0 ? 5 : round % 3 == 1 ? 33 : 1000;
		int64_t now = 0, last = INT64_MIN;
		struct bench b;

		bench_init(&b, max);
		for (int i = 0; i < 2000; i++) {
			unsigned host = 10 + (unsigned)(mutate_random(&seed) % 4), port = (unsigned)(mutate_random(&seed) % 8);

			now += (int64_t)(mutate_random(&seed) % (round % 2 == 0 ? 50 : 1500));
			tcp(&b, host, port, flag_of[mutate_random(&seed) % 7], now);
			model[host - 10][port].packets++;
			model[host - 10][port].bytes += 40;
		}
		finish(&b);
		for (size_t i = 0; i < b.k.n; i++) {
			struct model *m = &model[b.k.row[i].field[TSN_F_SRC].addr.lo - 0x0a00000a][at(&b, i, TSN_F_SRC_PORT)];
			int64_t packets = at(&b, i, TSN_F_RAW_PACKETS), length = at(&b, i, TSN_F_END) - at(&b, i, TSN_F_START);

			cr_assert(packets > 0 && at(&b, i, TSN_F_RAW_BYTES) == packets * 40);
			cr_assert(length < 10000 && length <= (packets - 1) * 3000);
			cr_assert(b.k.row[i].received >= last && b.k.row[i].received >= at(&b, i, TSN_F_END));
			last = b.k.row[i].received;
			m->packets -= (uint64_t)packets;
			m->bytes -= (uint64_t)packets * 40;
		}
		for (int i = 0; i < 32; i++)
			cr_assert(model[i / 8][i % 8].packets == 0 && model[i / 8][i % 8].bytes == 0, "round %d, %d", round, i);
		cr_assert(max != 5 || tsn_meter_stats(b.meter)->evicted > 0);
		bench_fini(&b);
	}
}

/* Against a meter that is as simple as can be: a list of flows, searched from end to end. */
struct simple {
	bool used, closes;
	unsigned host, port, flags;
	int64_t start, end, due_idle, due_age, packets;
};

static void
simple_export(struct simple *s, int64_t when, const struct bench *b, size_t *row)
{
	cr_assert(*row < b->k.n, "a flow is missing");
	expect(b, *row, s->packets, s->start, s->end, when);
	cr_assert(at(b, *row, TSN_F_SRC_PORT) == s->port && at(b, *row, TSN_F_FLAGS) == s->flags, "row %zu", *row);
	cr_assert_eq(b->k.row[*row].field[TSN_F_SRC].addr.lo, 0x0a000000 | s->host);
	s->used = false;
	++*row;
}

static void
simple_expire(struct simple list[], size_t n, int64_t now, const struct bench *b, size_t *row)
{
	for (;;) {
		struct simple *first = NULL;
		int64_t when = 0;
		int kind = 0;

		for (size_t i = 0; i < n; i++) {
			bool idle = list[i].due_idle <= list[i].due_age;
			int64_t due = idle ? list[i].due_idle : list[i].due_age;
			int rank = !idle ? 2 : !list[i].closes; /* at the same moment: those that are over, the idle, the old */

			if (list[i].used && due <= now && (first == NULL || due < when || (due == when && rank < kind))) {
				first = &list[i];
				when = due;
				kind = rank;
			}
		}
		if (first == NULL)
			return;
		simple_export(first, when, b, row);
	}
}

#define PACKETS 3000

Test(meter, simple_model, .timeout = 120)
{
	for (unsigned round = 0; round < 10; round++) {
		static const unsigned flag_of[] = { ACK, ACK, ACK, SYN, FIN | ACK, RST };
		struct { unsigned host, port, flags; int64_t at; } packet[PACKETS];
		struct simple list[64] = { 0 };
		uint64_t seed = 5 + round;
		int64_t now = 0;
		size_t row = 0;
		struct bench b;

		bench_init(&b, 1000);
		for (int i = 0; i < PACKETS; i++) {
			now += 1 + (int64_t)(mutate_random(&seed) % (100 << round % 5));
			packet[i].host = 10 + (unsigned)(mutate_random(&seed) % 8);
			packet[i].port = (unsigned)(mutate_random(&seed) % 8);
			packet[i].flags = flag_of[mutate_random(&seed) % 6];
			packet[i].at = now;
			tcp(&b, packet[i].host, packet[i].port, packet[i].flags, now);
		}
		tcp(&b, 99, 99, ACK, now + 100000); /* all others are due before it */
		finish(&b);
		for (int i = 0; i < PACKETS; i++) {
			struct simple *s = &list[(packet[i].host - 10) * 8 + packet[i].port];

			simple_expire(list, 64, packet[i].at, &b, &row);
			if (s->used && s->closes && (packet[i].flags & (SYN | RST)) == SYN)
				simple_export(s, packet[i].at, &b, &row);
			if (!s->used)
				*s = (struct simple){ .used = true, .host = packet[i].host, .port = packet[i].port, .start = packet[i].at,
					.due_age = packet[i].at + 10000 };
			if (!s->closes)
				s->due_idle = packet[i].at + ((packet[i].flags & (FIN | RST)) != 0 ? 1000 : 3000);
			s->closes |= (packet[i].flags & (FIN | RST)) != 0;
			s->end = packet[i].at;
			s->packets++;
			s->flags |= packet[i].flags;
		}
		simple_expire(list, 64, now + 100000, &b, &row);
		cr_assert_eq(row + 1, b.k.n);
		bench_fini(&b);
	}
}

/* A sink that gives no more batches: told, and nothing is lost or leaked. */
Test(meter, stopped)
{
	struct bench b;
	enum tsn_decode how = TSN_DECODE_OK;

	bench_init(&b, 4);
	b.k.stop_after = 2;
	for (unsigned i = 0; i < 100 && how == TSN_DECODE_OK; i++) {
		b.frame.n = 0;
		put_ip4(&b.frame, &(struct ip4){ .src = i, .dst = 2, .proto = 50 }, "", 0);
		how = tsn_meter_packet(b.meter, TSN_LINK_RAW, b.frame.p, b.frame.n, b.frame.n, T0, &b.k.sink);
	}
	cr_assert_eq(how, TSN_DECODE_STOPPED);
	cr_assert_eq(tsn_meter_finish(b.meter, &b.k.sink), TSN_DECODE_STOPPED);
	bench_fini(&b);
}

Test(meter, out_of_memory)
{
	struct tsn_exporters *exporters = tsn_exporters_new(4);

	tsn_exporters_nobody(exporters);
	for (long n = 0;; n++) {
		struct tsn_meter *m;

		tsn_mem_fail_at(n, true);
		m = tsn_meter_new(&(struct tsn_meter_opts){ .max_flows = 10 }, exporters);
		tsn_mem_fail_never();
		tsn_meter_free(m);
		if (m != NULL) {
			cr_assert_gt(n, 2);
			break;
		}
	}
	tsn_meter_free(NULL);
	tsn_exporters_free(exporters);
}

/*
 * A flood of flows, with the bound it has by default: the pool doubles until it has its 56 MiB and then nothing is
 * allocated any more. (What it comes to in all is for the program without sanitizers to show: tests/cli/hostile.sh.)
 */
Test(meter, bounded, .timeout = 120)
{
	struct tsn_exporters *exporters = tsn_exporters_new(4);
	struct tsn_meter *m;
	struct keeper k;
	long allocations;

	m = tsn_meter_new(&(struct tsn_meter_opts){ 0 }, exporters);
	keeper_init(&k, 64);
	tsn_mem_fail_never();
	allocations = tsn_mem_count();
	for (uint32_t i = 0; i < TSN_METER_FLOWS + 1000; i++) {
		struct tsn_batch *b = k.batch;
		uint8_t p[20] = { 0x45, [3] = 20, [8] = 64, [9] = 50, [12] = 10, [15] = 1 };

		memcpy(p + 16, &i, 4);
		cr_assert_eq(tsn_meter_packet(m, TSN_LINK_RAW, p, 20, 20, T0, &k.sink), TSN_DECODE_OK);
		tsn_batch_clear(b, TSN_BATCH_FLOWS); /* none is wanted */
	}
	cr_assert_leq(tsn_mem_count() - allocations, 2 * 7); /* from 4,096 flows to 393,216 */
	cr_assert(tsn_meter_stats(m)->evicted > 0 && tsn_meter_stats(m)->evicted <= 1000);
	keeper_fini(&k);
	tsn_meter_free(m);
	tsn_exporters_free(exporters);
}
