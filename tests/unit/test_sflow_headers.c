/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Packets within sFlow samples, and how sFlow is known among other datagrams. */
#include "unit/sflow_bench.h"

/* An Ethernet frame: VLAN 5, IPv4, TCP from 1.2.3.4:1024 to 5.6.7.8:443 with SYN; 60 bytes long by its IP header. */
static size_t
frame(uint8_t *p, bool tagged, uint32_t labels)
{
	static const uint8_t macs[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	static const uint8_t ip[] = { 0x45, 0x28, 0, 60, 0, 1, 0, 0, 61, 6, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0,
		0, 0xa0, 2, 0, 0, 0, 0, 0, 0 };
	size_t n = 0;

	if (labels == 0) {
		memcpy(p, macs, 12);
		n = 12;
		if (tagged) {
			memcpy(p + n, "\x81\0\0\5", 4);
			n += 4;
		}
		memcpy(p + n, "\10\0", 2);
		n += 2;
	}
	for (uint32_t i = 0; i < labels; i++, n += 4)
		memcpy(p + n, i + 1 == labels ? "\0\1\1\77" : "\0\1\0\77", 4);
	memcpy(p + n, ip, sizeof(ip));
	return n + sizeof(ip);
}

Test(sflow_headers, packet_headers)
{
	static const struct {
		uint32_t protocol, labels;
		bool tagged;
	} cases[] = { { 1, 0, true }, { 1, 0, false }, { 13, 1, false }, { 13, 3, false } };

	for (int i = 0; i < 4; i++) {
		uint8_t p[100];
		size_t n = frame(p, cases[i].tagged, cases[i].labels);
		struct bench t;

		bench_init(&t);
		sf_flow(&t.s, 1, 7, 100, 0, 7, 9);
		sf_ipv4(&t.s, 1, 17, 9, 9, 9, 9, 0, 0); /* the packet itself knows better */
		sf_raw_header(&t.s, cases[i].protocol, 82, 4, p, n);
		cr_assert_eq(decode(&t), TSN_DECODE_OK);
		cr_assert_eq(t.k.batch->n, 1, "%d", i);
		want_addr(t.k.batch, 0, TSN_F_SRC, "1.2.3.4");
		want_addr(t.k.batch, 0, TSN_F_DST, "5.6.7.8");
		want(t.k.batch, 0, TSN_F_DST_PORT, 443);
		want(t.k.batch, 0, TSN_F_FLAGS, 2);
		want(t.k.batch, 0, TSN_F_TOS, 0x28);
		want(t.k.batch, 0, TSN_F_RAW_BYTES, 60);
		want(t.k.batch, 0, TSN_F_MIN_TTL, 61);
		want(t.k.batch, 0, TSN_F_MAX_TTL, 61);
		if (cases[i].protocol == 1)
			want(t.k.batch, 0, TSN_F_SRC_MAC, 0x020000000001);
		if (cases[i].tagged)
			want(t.k.batch, 0, TSN_F_VLAN, 5);
		else
			want_absent(t.k.batch, 0, TSN_F_VLAN);
		bench_fini(&t);
	}
}

/* No IP in it, of an unknown protocol, cut before the addresses: then the fields stand in, or it is no flow. */
Test(sflow_headers, headers_without_ip)
{
	static const uint8_t arp[42] = { [12] = 8, 6 };

	for (int i = 0; i < 6; i++) {
		bool with_fields = i % 2 == 1;
		uint8_t p[100];
		struct bench t;

		bench_init(&t);
		sf_flow(&t.s, 1, 7, 100, 0, 7, 9);
		if (i / 2 == 0)
			sf_raw_header(&t.s, 1, 64, 4, arp, sizeof(arp));
		else
			sf_raw_header(&t.s, i / 2 == 1 ? 3 : 1, 64, 4, p, i / 2 == 1 ? frame(p, false, 0) : frame(p, false, 0) - 30);
		if (with_fields)
			tcp4(&t);
		cr_assert_eq(decode(&t), TSN_DECODE_OK, "%d", i);
		cr_assert_eq(t.k.batch->n, with_fields, "%d", i);
		cr_assert_eq(t.e->counter[TSN_XC_NOT_FLOWS], !with_fields, "%d", i);
		bench_fini(&t);
	}
}

/* Found in a capture: whole datagrams, and those that lie about their samples but begin with a whole one. */
Test(sflow_headers, is_known_by_its_shape)
{
	struct bench t;
	size_t n;

	bench_init(&t);
	sf_flow(&t.s, 1, 7, 1, 0, 7, 9);
	tcp4(&t);
	sf_end(&t.s);
	n = t.s.b.n;
	cr_assert(tsn_decode_looks_like_export(t.s.b.p, n));
	cr_assert_not(tsn_decode_looks_like_export(t.s.b.p, n - 1));
	put(&t.s.b, "xyz", 3);
	cr_assert(tsn_decode_looks_like_export(t.s.b.p, n + 3));
	sf_patch(&t.s, 24, 9);
	cr_assert(tsn_decode_looks_like_export(t.s.b.p, n));
	sf_patch(&t.s, 24, 0);
	cr_assert_not(tsn_decode_looks_like_export(t.s.b.p, n));
	sf_patch(&t.s, 24, 2);
	sf_patch(&t.s, 28, 6);
	cr_assert_not(tsn_decode_looks_like_export(t.s.b.p, n), "no such sample");
	bench_fini(&t);
}
