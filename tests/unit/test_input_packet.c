/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Frames in memory of exactly their size, so that ASan sees a single byte read
 * too far, which inside the buffer of a capture it would not.
 */
#include <criterion/criterion.h>

#include "input/packet.h"
#include "unit/build_capture.h"
#include "unit/mutate.h"

static const uint32_t links[] = { TSN_LINK_ETHERNET, TSN_LINK_SLL, TSN_LINK_SLL2, TSN_LINK_RAW, TSN_LINK_LOOP };

#define KINDS 4 /* IPv4, IPv6, IPv6 with four extension headers, IPv6 fragment */

static void
make_frame(struct bytes *b, uint32_t link, int kind)
{
	static const char *const chain = "\0\2............................................"; /* 24 bytes at a time */
	struct ip4 four = { .src = 1, .dst = 2, .options = 2 };
	struct ip6 six = { { 0x20, 1 }, { 0x20, 2 }, 17 };
	struct bytes udp = { 0 }, body = { 0 };
	bool v6 = kind > 0;

	b->n = 0;
	if (link == TSN_LINK_ETHERNET) {
		put_ethernet(b, 0x8100);
		put(b, v6 ? "\0\5\x86\xdd" : "\0\5\x08\x00", 4);
	} else if (link == TSN_LINK_SLL) {
		put(b, v6 ? "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x86\xdd" : "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\x00", 16);
	} else if (link == TSN_LINK_SLL2) {
		put(b, v6 ? "\x86\xdd" : "\x08\x00", 2);
		put(b, "\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0", 18);
	} else if (link == TSN_LINK_LOOP) {
		put(b, "\0\0\0\2", 4);
	}
	put_udp(&udp, 7, 8, "payload", 7);
	if (kind == 2) {
		static const uint8_t next[] = { 60, 43, 51, 17 };

		six.first = 0;
		for (int i = 0; i < 4; i++) {
			put(&body, chain, 24);
			body.p[24 * i] = next[i];
			body.p[24 * i + 1] = i == 3 ? 4 : 2; /* AH counts in words */
		}
	} else if (kind == 3) {
		six.first = 44;
		put(&body, "\21\0\0\1\0\0\0\77", 8);
	}
	put(&body, udp.p, udp.n);
	if (v6)
		put_ip6(b, &six, body.p, body.n);
	else
		put_ip4(b, &four, udp.p, udp.n);
	bytes_free(&udp);
	bytes_free(&body);
}

/* Parses a copy of exactly [n] bytes; what comes out lies inside it. */
static enum tsn_packet
parse(uint32_t link, const uint8_t *p, size_t n, size_t *payload)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct tsn_ip ip;
	struct tsn_datagram d;
	enum tsn_packet kind;
	unsigned sum = 0;

	memcpy(exact, p, n);
	kind = tsn_packet_parse(link, exact, n, n, &ip);
	*payload = 0;
	if (kind == TSN_PACKET_UDP || kind == TSN_PACKET_FRAGMENT) {
		cr_assert(ip.payload >= exact && ip.payload + ip.len <= exact + n && ip.len <= ip.full);
		for (size_t i = 0; i < ip.len; i++)
			sum += ip.payload[i];
	}
	if (kind == TSN_PACKET_UDP && tsn_packet_udp(&ip, &d)) {
		cr_assert(d.payload >= exact && d.payload + d.len <= exact + n);
		*payload = d.len;
	}
	cr_assert_neq(sum, 1u << 31); /* so that the bytes are read */
	free(exact);
	return kind;
}

Test(input_packet, cut_at_every_byte)
{
	for (size_t l = 0; l < sizeof(links) / sizeof(links[0]); l++) {
		for (int kind = 0; kind < KINDS; kind++) {
			struct bytes b = { 0 };
			size_t payload;

			make_frame(&b, links[l], kind);
			cr_assert_eq(parse(links[l], b.p, b.n, &payload), kind == 3 ? TSN_PACKET_FRAGMENT : TSN_PACKET_UDP,
			    "link %u, kind %d", links[l], kind);
			cr_assert_eq(payload, kind == 3 ? 0 : 7);
			for (size_t n = 0; n < b.n; n++) {
				enum tsn_packet got = parse(links[l], b.p, n, &payload);

				cr_assert(got != TSN_PACKET_UDP || payload <= 7 - (b.n - n < 7 ? b.n - n : 7), "cut to %zu", n);
			}
			bytes_free(&b);
		}
	}
}

/* 16,000 mutated frames in `make test`, 800,000 in `make soak`. */
Test(input_packet, mutated)
{
	long times = mutate_times(800000), udp = 0;
	uint64_t seed = 0xf00d;
	struct bytes b = { 0 };

	for (long i = 0; i < times; i++) {
		uint32_t link = links[mutate_random(&seed) % 5];
		uint8_t p[512];
		size_t n, payload;

		make_frame(&b, link, (int)(mutate_random(&seed) % KINDS));
		n = mutate_copy(p, sizeof(p), b.p, b.n, mutate_random(&seed) % 5, &seed);
		udp += parse(link, p, n, &payload) == TSN_PACKET_UDP;
	}
	cr_assert(udp > times / 8 && udp < times * 3 / 4, "%ld of %ld are UDP", udp, times);
	bytes_free(&b);
}
