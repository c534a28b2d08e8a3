/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * hostile templates|sampling N > FILE.pcap
 *
 * A capture (raw IP) of exporters that wish a collector ill, and of one that does not, 192.0.2.1, which sends ten flows
 * of NetFlow v5 at the end.
 *     templates  192.0.2.66 defines N templates (v9), each with another id and domain, and sends no flow
 *     sampling   192.0.2.67 tells another sampling interval in each of N datagrams (IPFIX options), and one flow with each
 * Needs libc only; the same arguments give the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define NOW 1767571200u /* 2026-01-05 00:00:00 UTC */

static void
write_datagram(uint32_t exporter, const uint8_t *payload, size_t len)
{
	uint8_t b[16 + 28], *p = b + 16;
	uint32_t full = (uint32_t)len + 28, head[4] = { NOW, 0, full, full };

	memcpy(b, head, sizeof(head));
	p = put16(put16(p, 0x4500), full);
	p = put32(put32(p, 0), 64u << 24 | 17u << 16);
	p = put32(put32(p, 0xc0000200u + exporter), 0xc00002fe);
	p = put16(put16(p, 20000), 2055);
	put32(p, (uint32_t)(len + 8) << 16);
	fwrite(b, 1, sizeof(b), stdout);
	fwrite(payload, 1, len, stdout);
}

/* 40 templates of two elements a datagram, all in one domain; the next datagram is of the next domain. */
static void
templates(uint32_t n)
{
	uint8_t b[1400];

	for (uint32_t made = 0, message = 0; made < n; message++) {
		uint32_t count = n - made < 40 ? n - made : 40;
		uint8_t *p = put32(put16(put16(b, 9), count), 1000);

		p = put32(put32(put32(p, NOW), message), message);
		p = put16(put16(p, 0), 4 + 16 * count);
		for (uint32_t i = 0; i < count; i++, made++) {
			p = put16(put16(p, 256 + made % 65000), 3);
			p = put32(put32(put32(p, 8u << 16 | 4), 12u << 16 | 4), 1u << 16 | 4);
		}
		write_datagram(66, b, (size_t)(p - b));
	}
}

/* Options template 256 (scope: domain; samplingPacketInterval, -Space), template 257, then a record of each. */
static void
sampling(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t b[200], *p = put32(put16(put16(b, 10), 0), NOW);

		p = put32(put32(p, i * 2), 1);
		p = put32(put16(put16(p, 3), 24), 256u << 16 | 3);
		p = put16(p, 1);
		p = put32(put32(put32(p, 149u << 16 | 4), 305u << 16 | 4), 306u << 16 | 4);
		p = put16(p, 0);
		p = put32(put16(put16(p, 2), 28), 257u << 16 | 5);
		p = put32(put32(put32(put32(put32(p, 8u << 16 | 4), 12u << 16 | 4), 4u << 16 | 1), 2u << 16 | 4), 1u << 16 | 4);
		p = put32(put32(put32(put16(put16(p, 256), 16), 1), 1), 9 + i % 1000);
		p = put32(put32(put16(put16(p, 257), 21), 0x0a000001), 0x0a000002);
		p = put32(put32(put8(p, 17), 1), 100);
		put16(b + 2, (uint32_t)(p - b));
		write_datagram(67, b, (size_t)(p - b));
	}
}

static void
good(void)
{
	uint8_t b[24 + 10 * 48] = { 0 }, *p = put32(put32(put16(put16(b, 5), 10), 60000), NOW);

	(void)p;
	for (uint32_t i = 0; i < 10; i++) {
		uint8_t *r = b + 24 + i * 48;

		put32(put32(r, 0x0a000100 + i), 0x0a000200);
		put32(put32(put32(put32(r + 16, 1), 404), 50000), 50000);
		put32(put32(r + 32, 1024u << 16 | 1434), 17u << 8);
	}
	write_datagram(1, b, sizeof(b));
}

int
main(int argc, char **argv)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 4u << 16 | 2, 0, 0, 262144, 101 };
	uint32_t n = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;

	if (n == 0 || (strcmp(argv[1], "templates") != 0 && strcmp(argv[1], "sampling") != 0)) {
		fprintf(stderr, "usage: hostile templates|sampling N > FILE.pcap\n");
		return 2;
	}
	fwrite(head, 1, sizeof(head), stdout);
	if (argv[1][0] == 't')
		templates(n);
	else
		sampling(n);
	good();
	return fflush(stdout) == 0 ? 0 : 1;
}
