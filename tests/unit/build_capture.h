/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: frames, packets and capture files from numbers, in memory. A
 * capture is opened by way of an unnamed file, /proc/self/fd/N.
 */
#ifndef TESTS_BUILD_CAPTURE_H
#define TESTS_BUILD_CAPTURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/bytes_file.h"

/* Bytes that grow. */
struct bytes {
	uint8_t *p;
	size_t n, cap;
};

static inline void
put(struct bytes *b, const void *p, size_t n)
{
	if (b->n + n > b->cap) {
		b->cap = (b->n + n) * 2 + 64;
		b->p = realloc(b->p, b->cap);
		if (b->p == NULL)
			abort();
	}
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void
put_be(struct bytes *b, uint64_t v, int bytes)
{
	uint8_t p[8];

	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	put(b, p, (size_t)bytes);
}

/* In the order of this machine, or the other. */
static inline void
put_host(struct bytes *b, uint32_t v, int bytes, bool swapped)
{
	uint16_t half = (uint16_t)v;

	if (swapped) {
		v = __builtin_bswap32(v);
		half = __builtin_bswap16(half);
	}
	put(b, bytes == 2 ? (void *)&half : (void *)&v, (size_t)bytes);
}

static inline void
bytes_free(struct bytes *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

static inline void
put_udp(struct bytes *b, unsigned sp, unsigned dp, const void *payload, size_t n)
{
	put_be(b, sp, 2);
	put_be(b, dp, 2);
	put_be(b, n + 8, 2);
	put_be(b, 0xdead, 2); /* a checksum that is wrong */
	put(b, payload, n);
}

struct ip4 {
	uint32_t src, dst;
	unsigned id, offset, options; /* offset in bytes; option words */
	unsigned proto;               /* 0: UDP */
	bool more;
};

static inline void
put_ip4(struct bytes *b, const struct ip4 *h, const void *payload, size_t n)
{
	unsigned header = 20 + h->options * 4;

	put_be(b, 0x40 | header / 4, 1);
	put_be(b, 0, 1);
	put_be(b, header + n, 2);
	put_be(b, h->id, 2);
	put_be(b, (h->more ? 0x2000u : 0) | h->offset / 8, 2);
	put_be(b, 64, 1);
	put_be(b, h->proto ? h->proto : 17, 1);
	put_be(b, 0xbad, 2);
	put_be(b, h->src, 4);
	put_be(b, h->dst, 4);
	for (unsigned i = 0; i < h->options; i++)
		put_be(b, 0x01010101, 4); /* no-operation */
	put(b, payload, n);
}

struct ip6 {
	uint8_t src[16], dst[16];
	uint8_t first; /* next header of the IPv6 header */
};

static inline void
put_ip6(struct bytes *b, const struct ip6 *h, const void *payload, size_t n)
{
	put_be(b, 0x60000000, 4);
	put_be(b, n, 2);
	put_be(b, h->first, 1);
	put_be(b, 64, 1);
	put(b, h->src, 16);
	put(b, h->dst, 16);
	put(b, payload, n);
}

static inline void
put_ethernet(struct bytes *b, unsigned type)
{
	put(b, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	put_be(b, type, 2);
}

/* The header of a classic pcap file. */
static inline void
put_pcap_header(struct bytes *b, uint32_t link, bool swapped, bool nano)
{
	put_host(b, nano ? 0xa1b23c4d : 0xa1b2c3d4, 4, swapped);
	put_host(b, 2, 2, swapped);
	put_host(b, 4, 2, swapped);
	put_host(b, 0, 4, swapped);
	put_host(b, 0, 4, swapped);
	put_host(b, 65535, 4, swapped);
	put_host(b, link, 4, swapped);
}

static inline void
put_pcap_record(struct bytes *b, int64_t ms, const void *frame, size_t n, bool swapped, bool nano)
{
	put_host(b, (uint32_t)(ms / 1000), 4, swapped);
	put_host(b, (uint32_t)(ms % 1000) * (nano ? 1000000 : 1000), 4, swapped);
	put_host(b, (uint32_t)n, 4, swapped);
	put_host(b, (uint32_t)n, 4, swapped);
	put(b, frame, n);
}

/* pcapng: one section, one interface with nanosecond times, and its packets. */
static inline void
put_pcapng_header(struct bytes *b, uint32_t link, bool swapped)
{
	put_host(b, 0x0a0d0d0a, 4, swapped);
	put_host(b, 28, 4, swapped);
	put_host(b, 0x1a2b3c4d, 4, swapped);
	put_host(b, 1, 2, swapped);
	put_host(b, 0, 2, swapped);
	put(b, "\377\377\377\377\377\377\377\377", 8);
	put_host(b, 28, 4, swapped);

	put_host(b, 1, 4, swapped);
	put_host(b, 32, 4, swapped);
	put_host(b, link, 2, swapped);
	put_host(b, 0, 2, swapped);
	put_host(b, 0, 4, swapped);
	put_host(b, 9, 2, swapped); /* if_tsresol */
	put_host(b, 1, 2, swapped);
	put(b, "\11\0\0\0", 4);
	put_host(b, 0, 4, swapped); /* opt_endofopt */
	put_host(b, 32, 4, swapped);
}

static inline void
put_pcapng_record(struct bytes *b, int64_t ms, const void *frame, size_t n, bool swapped)
{
	uint64_t ns = (uint64_t)ms * 1000000;
	uint32_t padded = (uint32_t)(n + 3) & ~3u;

	put_host(b, 6, 4, swapped);
	put_host(b, 32 + padded, 4, swapped);
	put_host(b, 0, 4, swapped);
	put_host(b, (uint32_t)(ns >> 32), 4, swapped);
	put_host(b, (uint32_t)ns, 4, swapped);
	put_host(b, (uint32_t)n, 4, swapped);
	put_host(b, (uint32_t)n, 4, swapped);
	put(b, frame, n);
	put(b, "\0\0\0", padded - n);
	put_host(b, 32 + padded, 4, swapped);
}

/* An unnamed file with these bytes; its name in [path]. Close the descriptor. */
static inline int
as_file(const struct bytes *b, char path[40])
{
	return bytes_file(b->p, b->n, path);
}

#endif
