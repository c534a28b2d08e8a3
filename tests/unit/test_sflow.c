/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* sFlow v5 from datagrams that the tests build: what becomes of each kind of sample and record, and what is counted. */
#include "base/clock.h"
#include "base/mem.h"
#include "unit/sflow_bench.h"

Test(sflow, one_sample_is_one_row)
{
	struct bench t;
	const struct tsn_batch *b;

	bench_init(&t);
	sf_flow(&t.s, 1, 7, 512, 0, 7, 9);
	tcp4(&t);
	cr_assert_eq(decode(&t), TSN_DECODE_OK);
	b = t.k.batch;
	cr_assert_eq(b->n, 1);
	want_addr(b, 0, TSN_F_SRC, "1.2.3.4");
	want_addr(b, 0, TSN_F_DST, "5.6.7.8");
	want_addr(b, 0, TSN_F_EXPORTER, "192.0.2.1");
	want(b, 0, TSN_F_SRC_PORT, 1024);
	want(b, 0, TSN_F_DST_PORT, 443);
	want(b, 0, TSN_F_PROTO, 6);
	want(b, 0, TSN_F_FLAGS, 0x12);
	want(b, 0, TSN_F_TOS, 0x28);
	want(b, 0, TSN_F_RAW_PACKETS, 1);
	want(b, 0, TSN_F_RAW_BYTES, 1500);
	want(b, 0, TSN_F_SAMPLING, 512);
	want(b, 0, TSN_F_START, RECEIVED);
	want(b, 0, TSN_F_END, RECEIVED);
	want(b, 0, TSN_F_IN_IF, 7);
	want(b, 0, TSN_F_OUT_IF, 9);
	want(b, 0, TSN_F_DIRECTION, 0);
	want(b, 0, TSN_F_SOURCE_ID, 3);
	want_absent(b, 0, TSN_F_FWD_STATUS);
	want_absent(b, 0, TSN_F_MIN_TTL);
	cr_assert_eq(b->received[0], RECEIVED);
	cr_assert_eq(b->exported[0], TSN_TIME_NONE);
	cr_assert_eq(t.e->counter[TSN_XC_FLOWS], 1);
	tsn_batch_normalise(t.k.batch, t.x);
	cr_assert_eq(b->time[0], RECEIVED);
	want(b, 0, TSN_F_PACKETS, 512);
	want(b, 0, TSN_F_BYTES, 512 * 1500);
	bench_fini(&t);
}

Test(sflow, ipv6_fields_and_icmp)
{
	static const uint8_t src[16] = { 0x20, 1, [15] = 1 }, dst[16] = { 0x20, 1, [15] = 2 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	struct bench t;

	bench_init(&t);
	sf_flow(&t.s, 1, 0, 1, 0, 1, 2);
	sf_ipv6(&t.s, 80, 17, src, dst, 53, 5353, 0, 0xb8);
	sf_flow(&t.s, 2, 0, 1, 0, 1, 2);
	sf_ipv6(&t.s, 80, 58, mapped, dst, 0, 0, 0, 0);
	cr_assert_eq(decode(&t), TSN_DECODE_OK);
	tsn_batch_normalise(t.k.batch, t.x);
	want_addr(t.k.batch, 0, TSN_F_SRC, "2001::1");
	want_addr(t.k.batch, 0, TSN_F_DST, "2001::2");
	want(t.k.batch, 0, TSN_F_IP_VERSION, 6);
	want(t.k.batch, 0, TSN_F_DST_PORT, 5353);
	want(t.k.batch, 0, TSN_F_TOS, 0xb8);
	want_absent(t.k.batch, 0, TSN_F_FLAGS);
	want_addr(t.k.batch, 1, TSN_F_SRC, "10.0.0.1");
	want_absent(t.k.batch, 1, TSN_F_ICMP_TYPE);
	want_absent(t.k.batch, 1, TSN_F_SRC_PORT);
	bench_fini(&t);
}

Test(sflow, interfaces)
{
	static const struct {
		struct sf_interface in, out;
		int64_t want_in, want_out, want_status, want_direction; /* -1: absent */
	} cases[] = {
		{ { 0, 7 }, { 0, 9 }, 7, 9, -1, 0 },
		{ { 0, 9 }, { 0, 7 }, 9, 7, -1, 1 },
		{ { 0, 7 }, { 0, 7 }, 7, 7, -1, -1 },
		{ { 0, 0 }, { 0, 9 }, -1, 9, -1, -1 },
		{ { 0, 7 }, { 1, 256 }, 7, -1, 2, 0 },             /* discarded */
		{ { 0, 7 }, { 2, 12 }, 7, -1, -1, 0 },             /* to twelve interfaces */
		{ { 0, 7 }, { 0, 0x3fffffff }, 7, -1, 3, 0 },      /* to the agent itself */
		{ { 0, 0x3fffffff }, { 0, 7 }, -1, 7, -1, 1 },     /* by the agent itself */
		{ { 0, 0x40000001 }, { 0, 7 }, 0x40000001, 7, -1, 1 }, /* only expanded samples can say that */
	};

	for (int i = 0; i < 17; i++) {
		const struct sf_interface in = cases[i / 2].in, out = cases[i / 2].out;
		const enum tsn_field f[] = { TSN_F_IN_IF, TSN_F_OUT_IF, TSN_F_FWD_STATUS, TSN_F_DIRECTION };
		const int64_t v[] = { cases[i / 2].want_in, cases[i / 2].want_out, cases[i / 2].want_status, cases[i / 2].want_direction };
		struct bench t;

		bench_init(&t);
		if (i % 2 == 0)
			sf_flow_expanded(&t.s, 1, 0, 7, 1, 0, in, out);
		else
			sf_flow(&t.s, 1, 7, 1, 0, in.format << 30 | in.index, out.format << 30 | out.index);
		tcp4(&t);
		cr_assert_eq(decode(&t), TSN_DECODE_OK);
		for (int j = 0; j < 4; j++)
			if (v[j] >= 0)
				want(t.k.batch, 0, f[j], v[j]);
			else
				want_absent(t.k.batch, 0, f[j]);
		bench_fini(&t);
	}
}

/* switch, router, gateway, user, URL and Ethernet beside a packet; what they say goes into its row. */
Test(sflow, extended_data)
{
	static const uint32_t vlans[] = { 100, 0, 200, 0 }, no_vlans[] = { -1u, 0, 200, 0 }, route[] = { 1, 0x0a000001, 24, 16 };
	static const uint32_t path[] = { 1, 0x0a000002, 65000, 64500, 64501, 2, 2, 2, 3356, 1299, 1, 1, 174, 2, 1, 2, 100 };
	static const uint32_t no_path[] = { 0, 65000, 0, 0, 0, 0, 100 };
	struct bench t;

	bench_init(&t);
	sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
	sf_numbers(&t.s, 1001, vlans, 4);
	sf_numbers(&t.s, 1002, route, 4);
	sf_numbers(&t.s, 1003, path, 17);
	sf_record(&t.s, 1004);
	sf_u32(&t.s, 106);
	sf_opaque(&t.s, "alice", 5);
	sf_u32(&t.s, 106);
	sf_opaque(&t.s, "bob", 3);
	sf_record(&t.s, 1005);
	sf_u32(&t.s, 2);
	sf_opaque(&t.s, "/index", 6);
	sf_opaque(&t.s, "example.net", 11);
	sf_record(&t.s, 2);
	sf_u32(&t.s, 64);
	put(&t.s.b, "\2\0\0\0\0\1\0\0\2\0\0\0\0\2\0\0\0\0\10\0", 20);
	sf_record(&t.s, 1007); /* unknown to us */
	sf_u32(&t.s, 1);
	sf_record(&t.s, 9 << 12 | 1); /* of another enterprise */
	sf_u32(&t.s, 1);
	tcp4(&t);
	sf_flow(&t.s, 2, 7, 1, 0, 7, 9);
	tcp4(&t);
	sf_numbers(&t.s, 1001, no_vlans, 4);
	sf_numbers(&t.s, 1003, no_path, 7);
	cr_assert_eq(decode(&t), TSN_DECODE_OK);
	want(t.k.batch, 0, TSN_F_VLAN, 100);
	want_addr(t.k.batch, 0, TSN_F_NEXT_HOP, "10.0.0.1");
	want(t.k.batch, 0, TSN_F_SRC_MASK, 24);
	want(t.k.batch, 0, TSN_F_DST_MASK, 16);
	want(t.k.batch, 0, TSN_F_SRC_AS, 64500);
	want(t.k.batch, 0, TSN_F_DST_AS, 174);
	want_text(t.k.batch, 0, TSN_F_USER, "alice");
	want_text(t.k.batch, 0, TSN_F_HTTP_URL, "/index");
	want_text(t.k.batch, 0, TSN_F_HTTP_HOST, "example.net");
	want(t.k.batch, 0, TSN_F_SRC_MAC, 0x020000000001);
	want(t.k.batch, 0, TSN_F_DST_MAC, 0x020000000002);
	want_absent(t.k.batch, 1, TSN_F_VLAN);
	want_absent(t.k.batch, 1, TSN_F_NEXT_HOP);
	want(t.k.batch, 1, TSN_F_DST_AS, 0);
	bench_fini(&t);
}

/* Without a route of its own the next hop is BGP's. */
Test(sflow, bgp_next_hop)
{
	static const uint32_t path[] = { 1, 0x0a000002, 65000, 64500, 64501, 0, 0, 100 };
	struct bench t;

	bench_init(&t);
	sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
	sf_numbers(&t.s, 1003, path, 8);
	tcp4(&t);
	cr_assert_eq(decode(&t), TSN_DECODE_OK);
	want_addr(t.k.batch, 0, TSN_F_NEXT_HOP, "10.0.0.2");
	bench_fini(&t);
}

Test(sflow, what_is_no_flow_is_counted)
{
	struct bench t;

	bench_init(&t);
	sf_sample(&t.s, 2);
	sf_u32(&t.s, 1);
	sf_sample(&t.s, 4);
	sf_u32(&t.s, 1);
	sf_sample(&t.s, 4413 << 12 | 1);
	sf_u32(&t.s, 1);
	sf_flow(&t.s, 1, 7, 1, 0, 7, 9); /* nothing in it */
	sf_discarded(&t.s, 1, 7, 256, 1, 2, 1);
	sf_record(&t.s, 1036);
	sf_u32(&t.s, 42);
	cr_assert_eq(decode(&t), TSN_DECODE_OK);
	cr_assert_eq(t.k.batch->n, 0);
	cr_assert_eq(t.e->counter[TSN_XC_COUNTER_SAMPLES], 2);
	cr_assert_eq(t.e->counter[TSN_XC_NOT_FLOWS], 3);
	cr_assert_eq(t.e->counter[TSN_XC_VERSION], 0);
	bench_fini(&t);
}

Test(sflow, discarded_packets)
{
	struct bench t;

	bench_init(&t);
	sf_discarded(&t.s, 1, 1, 0, 1, 2, 262);
	tcp4(&t);
	cr_assert_eq(decode(&t), TSN_DECODE_OK);
	cr_assert_eq(t.k.batch->n, 1);
	want(t.k.batch, 0, TSN_F_FWD_STATUS, 2);
	want(t.k.batch, 0, TSN_F_IN_IF, 1);
	want(t.k.batch, 0, TSN_F_DIRECTION, 0);
	want_absent(t.k.batch, 0, TSN_F_OUT_IF);
	want_absent(t.k.batch, 0, TSN_F_SAMPLING);
	bench_fini(&t);
}

/* The total of each source runs on; only what it grows by is lost anew. */
Test(sflow, drops_are_growth)
{
	static const struct {
		uint32_t source, sequence, drops;
		uint64_t all;
	} steps[] = {
		{ 1, 10, 1000, 0 }, { 2, 10, 5, 0 }, { 1, 11, 1000, 0 }, { 1, 12, 1007, 7 }, { 2, 11, 6, 8 },
		{ 1, 11, 1000, 8 }, /* late */
		{ 1, 13, 1008, 9 }, { 1, 4000000000u, 3, 9 }, /* anew */
		{ 1, 4000000001u, 5, 11 },
	};
	struct bench t;

	bench_init(&t);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sf_begin(&t.s, AGENT, 3, 100 + (uint32_t)i, 5000);
		sf_flow(&t.s, steps[i].sequence, steps[i].source, 1, steps[i].drops, 7, 9);
		tcp4(&t);
		cr_assert_eq(decode(&t), TSN_DECODE_OK);
		cr_assert_eq(t.e->counter[TSN_XC_AGENT_DROPS], steps[i].all, "step %zu: %llu", i,
		    (unsigned long long)t.e->counter[TSN_XC_AGENT_DROPS]);
	}
	bench_fini(&t);
}

/* Without memory a source is not followed; its packets are rows all the same. */
Test(sflow, without_memory)
{
	struct bench t;

	bench_init(&t);
	for (uint32_t i = 0; i < 3; i++) {
		sf_begin(&t.s, AGENT, 3, 100 + i, 5000);
		sf_flow(&t.s, 1 + i, 7, 1, i, 7, 9);
		tcp4(&t);
		sf_end(&t.s);
		tsn_mem_fail_at(0, true);
		cr_assert_eq(tsn_decode_datagram(t.d, t.s.b.p, t.s.b.n, tsn_addr_v4(EXPORTER), RECEIVED, &t.k.sink), TSN_DECODE_OK);
		tsn_mem_fail_never();
	}
	cr_assert_eq(t.k.batch->n, 3);
	cr_assert_eq(t.e->counter[TSN_XC_AGENT_DROPS], 0);
	bench_fini(&t);
	for (long n = 0; n < 8; n++) {
		struct tsn_exporters *x = tsn_exporters_new(4);

		tsn_mem_fail_at(n, true);
		tsn_decoder_free(tsn_decoder_new(x, 16));
		tsn_mem_fail_never();
		tsn_exporters_free(x);
	}
}

/* Many sources: the table grows, and stops at its bound (16 here). */
Test(sflow, drops_of_many_sources)
{
	struct bench t;

	bench_init(&t);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 1000; i++) {
			sf_begin(&t.s, AGENT, 3, 100 + round * 1000 + i, 5000 + i);
			sf_flow(&t.s, 1 + round, i, 1, round, 7, 9);
			decode(&t);
		}
	}
	cr_assert_eq(t.e->counter[TSN_XC_AGENT_DROPS], 16);
	bench_fini(&t);
}

Test(sflow, sequence)
{
	static const struct {
		uint32_t sub, sequence, uptime;
		uint64_t lost, restarts, reordered;
	} steps[] = {
		{ 3, 100, 5000, 0, 0, 0 }, { 3, 101, 6000, 0, 0, 0 }, { 4, 7, 6000, 0, 0, 0 }, { 3, 105, 7000, 3, 0, 0 },
		{ 3, 103, 6500, 2, 0, 1 }, /* late, found again */
		{ 4, 8, 7000, 2, 0, 1 }, { 3, 1, 10, 2, 0, 2 }, /* within ten seconds: may be late yet */
		{ 3, 106, 90000, 2, 0, 2 }, { 3, 1, 10, 2, 1, 2 }, { 3, 2, 1010, 2, 1, 2 },
	};
	struct bench t;

	bench_init(&t);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sf_begin(&t.s, AGENT, steps[i].sub, steps[i].sequence, steps[i].uptime);
		cr_assert_eq(decode(&t), TSN_DECODE_OK);
		cr_assert_eq(t.e->counter[TSN_XC_LOST_DATAGRAMS], steps[i].lost, "step %zu: %llu", i,
		    (unsigned long long)t.e->counter[TSN_XC_LOST_DATAGRAMS]);
		cr_assert_eq(t.e->counter[TSN_XC_RESTARTS], steps[i].restarts, "step %zu", i);
		cr_assert_eq(t.e->counter[TSN_XC_REORDERED], steps[i].reordered, "step %zu", i);
		cr_assert_eq(t.e->counter[TSN_XC_LOST], 0);
	}
	bench_fini(&t);
}

/* Cut anywhere it gives the whole samples before, and says that it is short. */
Test(sflow, cut_anywhere)
{
	struct bench t;
	size_t whole, first;

	bench_init(&t);
	sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
	tcp4(&t);
	sf_end(&t.s);
	first = t.s.b.n;
	sf_flow_expanded(&t.s, 1, 0, 8, 1, 0, (struct sf_interface){ 0, 1 }, (struct sf_interface){ 0, 2 });
	tcp4(&t);
	sf_end(&t.s);
	whole = t.s.b.n;
	for (size_t n = 4; n < whole; n++) {
		uint64_t was = t.e->counter[TSN_XC_SHORT];

		keeper_spill(&t.k);
		cr_assert_eq(decode_cut(&t, n), TSN_DECODE_DAMAGED, "cut to %zu", n);
		cr_assert_eq(t.k.batch->n, n >= first, "cut to %zu", n);
		cr_assert_eq(t.e->counter[TSN_XC_SHORT], was + 1, "cut to %zu", n);
	}
	put(&t.s.b, "x", 1);
	cr_assert_eq(decode_cut(&t, whole + 1), TSN_DECODE_DAMAGED);
	cr_assert_eq(t.e->counter[TSN_XC_TRAILING], 1);
	bench_fini(&t);
}

/* A record that lies about itself: the records before stand, the next sample is read. */
Test(sflow, bad_records)
{
	static const uint32_t lies[] = { 0, 3, 31, 1000, 0x7fffffff, 0xffffffff };

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct bench t;
		size_t at;

		bench_init(&t);
		sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
		tcp4(&t);
		sf_ipv4(&t.s, 1, 1, 1, 1, 1, 1, 1, 1);
		at = t.s.record_at;
		sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
		tcp4(&t);
		sf_end(&t.s);
		sf_patch(&t.s, at, lies[i]);
		cr_assert_eq(decode(&t), TSN_DECODE_DAMAGED, "%x", lies[i]);
		cr_assert_eq(t.k.batch->n, 2, "%x: %u rows", lies[i], t.k.batch->n);
		cr_assert_eq(t.e->counter[TSN_XC_BAD_RECORD], 1, "%x", lies[i]);
		bench_fini(&t);
	}
}

/* A path whose counts cannot be true says nothing. */
Test(sflow, bad_path)
{
	static const uint32_t paths[][8] = {
		{ 0, 1, 2, 3, 0xffffffff, 2, 1, 9 }, { 0, 1, 2, 3, 1, 2, 0x40000001, 9 }, { 0, 1, 2, 3, 2, 2, 1, 9 }, { 7, 1, 2, 3, 1, 2, 1, 9 },
	};

	for (int i = 0; i < 4; i++) {
		struct bench t;

		bench_init(&t);
		sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
		sf_numbers(&t.s, 1003, paths[i], 8);
		tcp4(&t);
		cr_assert_eq(decode(&t), TSN_DECODE_DAMAGED, "%d", i);
		want_absent(t.k.batch, 0, TSN_F_DST_AS);
		bench_fini(&t);
	}
}

/* Where nobody knows who sent it (a payload in a file), the agent's address stands in. */
Test(sflow, unknown_sender)
{
	struct bench t;

	bench_init(&t);
	sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
	tcp4(&t);
	sf_end(&t.s);
	cr_assert_eq(tsn_decode_datagram(t.d, t.s.b.p, t.s.b.n, tsn_addr_v4(0), RECEIVED, &t.k.sink), TSN_DECODE_OK);
	want_addr(t.k.batch, 0, TSN_F_EXPORTER, "10.10.10.10");
	sf_begin(&t.s, 0, 3, 100, 5000);
	sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
	tcp4(&t);
	sf_end(&t.s);
	cr_assert_eq(tsn_decode_datagram(t.d, t.s.b.p, t.s.b.n, tsn_addr_v4(0), RECEIVED, &t.k.sink), TSN_DECODE_OK);
	want_absent(t.k.batch, 1, TSN_F_EXPORTER);
	bench_fini(&t);
}

/* Agents with IPv6 addresses; and older versions stay unread, by name. */
Test(sflow, agents_and_versions)
{
	static const uint8_t v6[] = { 0, 0, 0, 5, 0, 0, 0, 2, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
		0, 0, 0, 0 };
	uint8_t old[sizeof(v6)];
	struct bench t;

	bench_init(&t);
	cr_assert_eq(tsn_decode_datagram(t.d, v6, sizeof(v6), tsn_addr_v4(EXPORTER), RECEIVED, &t.k.sink), TSN_DECODE_OK);
	memcpy(old, v6, sizeof(old));
	old[3] = 4;
	cr_assert_eq(tsn_decode_datagram(t.d, old, sizeof(old), tsn_addr_v4(EXPORTER), RECEIVED, &t.k.sink), TSN_DECODE_VERSION);
	cr_assert_str_eq(tsn_decode_format(old, sizeof(old)), "sFlow v4");
	bench_fini(&t);
}

Test(sflow, stops_with_the_sink)
{
	struct bench t;

	bench_init(&t);
	for (uint32_t i = 0; i < 3; i++) {
		sf_flow(&t.s, i, 7, 1, 0, 7, 9);
		tcp4(&t);
	}
	t.k.stop_after = 2;
	cr_assert_eq(decode(&t), TSN_DECODE_STOPPED);
	cr_assert_eq(t.k.batch->n, 2);
	bench_fini(&t);
}
