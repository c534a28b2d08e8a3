/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: files of nfdump, byte by byte from the tables in its headers, in either byte order, and not with any code
 * of the reader.
 */
#ifndef TESTS_BUILD_NFCAPD_H
#define TESTS_BUILD_NFCAPD_H

#include "unit/build_capture.h"

#ifdef TSN_HAVE_LZO
#include <lzo/lzo1x.h>
#endif
#ifdef TSN_HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef TSN_HAVE_LZ4
#include <lz4.h>
#endif
#ifdef TSN_HAVE_ZSTD
#include <zstd.h>
#endif

enum { NFC_PLAIN, NFC_LZO, NFC_BZ2, NFC_LZ4, NFC_ZSTD };

/* A number of [n] bytes, least byte first unless [big]. */
static inline void
nfc_put(struct bytes *b, uint64_t v, int n, bool big)
{
	uint8_t p[8];

	for (int i = 0; i < n; i++)
		p[big ? n - 1 - i : i] = (uint8_t)(v >> 8 * i);
	put(b, p, (size_t)n);
}

static inline void
nfc_set(struct bytes *b, size_t at, uint64_t v, int n, bool big)
{
	size_t end = b->n;

	b->n = at;
	nfc_put(b, v, n, big);
	b->n = end;
}

static inline void
nfc_zeros(struct bytes *b, size_t n)
{
	static const uint8_t zero[256];

	for (; n > 256; n -= 256)
		put(b, zero, 256);
	put(b, zero, n);
}

static inline void
nfc_header_v2(struct bytes *b, int packing, unsigned blocks, unsigned appendix, bool big)
{
	nfc_put(b, 0xa50c, 2, big);
	nfc_put(b, 2, 2, big);
	nfc_put(b, 0x01070101, 4, big);
	nfc_put(b, 1700000000, 8, big);
	nfc_put(b, (unsigned)packing, 1, big);
	nfc_put(b, 0, 1, big); /* encryption */
	nfc_put(b, appendix, 2, big);
	nfc_put(b, 1, 4, big);
	nfc_put(b, 0, 8, big); /* offset of the appendix: not used */
	nfc_put(b, 0, 4, big);
	nfc_put(b, blocks, 4, big);
}

static inline void
nfc_header_v1(struct bytes *b, int packing, unsigned blocks, bool big)
{
	static const unsigned flags[] = { 0, 1, 8, 16 };

	nfc_put(b, 0xa50c, 2, big);
	nfc_put(b, 1, 2, big);
	nfc_put(b, flags[packing], 4, big);
	nfc_put(b, blocks, 4, big);
	put(b, "none", 4);
	nfc_zeros(b, 124 + 136);
}

/* Packs by the library itself; false if this build lacks it. */
static inline bool
nfc_pack(struct bytes *out, const struct bytes *in, int packing)
{
	size_t room = in->n * 2 + 4096;
	uint8_t *p = malloc(room);
	bool done = false;

	if (p == NULL)
		abort();
	if (packing == NFC_PLAIN) {
		put(out, in->p, in->n);
		done = true;
	}
#ifdef TSN_HAVE_LZO
	if (packing == NFC_LZO) {
		lzo_uint n = room;
		void *work = malloc(LZO1X_1_MEM_COMPRESS);

		done = work != NULL && lzo_init() == LZO_E_OK && lzo1x_1_compress(in->p, in->n, p, &n, work) == LZO_E_OK;
		free(work);
		put(out, p, n);
	}
#endif
#ifdef TSN_HAVE_BZ2
	if (packing == NFC_BZ2) {
		unsigned n = (unsigned)room;

		done = BZ2_bzBuffToBuffCompress((char *)p, &n, (char *)in->p, (unsigned)in->n, 9, 0, 0) == BZ_OK;
		put(out, p, n);
	}
#endif
#ifdef TSN_HAVE_LZ4
	if (packing == NFC_LZ4) {
		int n = LZ4_compress_default((const char *)in->p, (char *)p, (int)in->n, (int)room);

		done = n > 0;
		put(out, p, (size_t)n);
	}
#endif
#ifdef TSN_HAVE_ZSTD
	if (packing == NFC_ZSTD) {
		size_t n = ZSTD_compress(p, room, in->p, in->n, 3);

		done = !ZSTD_isError(n);
		put(out, p, done ? n : 0);
	}
#endif
	free(p);
	return done;
}

static inline bool
nfc_block(struct bytes *b, unsigned type, unsigned flags, const struct bytes *records, int packing, bool big)
{
	struct bytes packed = { 0 };
	bool done = nfc_pack(&packed, records, packing);

	nfc_put(b, 1, 4, big); /* how many records: not used */
	nfc_put(b, packed.n, 4, big);
	nfc_put(b, type, 2, big);
	nfc_put(b, flags, 2, big);
	put(b, packed.p, packed.n);
	bytes_free(&packed);
	return done;
}

/* Form: 2 an IPv4 address, 10 an IPv6 one, of nfdump before 1.7.8; 0 of later ones. */
static inline void
nfc_exporter(struct bytes *b, unsigned number, int form, const uint8_t addr[16], uint32_t id, bool big)
{
	uint64_t hi = 0, lo = 0;

	for (int i = 0; i < 8; i++) {
		hi = hi << 8 | addr[i];
		lo = lo << 8 | addr[8 + i];
	}
	nfc_put(b, 7, 2, big);
	nfc_put(b, 32, 2, big);
	nfc_put(b, 9, 4, big);
	if (form == 0) {
		put(b, addr, 16);
	} else {
		nfc_put(b, form == 2 ? 0 : hi, 8, big);
		nfc_put(b, form == 2 ? (uint32_t)lo : lo, 8, big);
	}
	nfc_put(b, (unsigned)form, 2, big);
	nfc_put(b, number, 2, big);
	nfc_put(b, id, 4, big);
}

/* A record of 1.7; nfc_end gives it its size and number of elements. */
static inline size_t
nfc_begin(struct bytes *b, unsigned engine, unsigned exporter, unsigned flags, bool big)
{
	size_t at = b->n;

	nfc_put(b, 11, 2, big);
	nfc_put(b, 0, 4, big);
	nfc_put(b, engine >> 8, 1, big);
	nfc_put(b, engine & 255, 1, big);
	nfc_put(b, exporter, 2, big);
	nfc_put(b, flags, 1, big);
	nfc_put(b, 9, 1, big);
	return at;
}

static inline void
nfc_end(struct bytes *b, size_t at, bool big)
{
	size_t n = 0, p = at + 12, len;

	while (p < b->n) {
		len = big ? (size_t)(b->p[p + 2] << 8 | b->p[p + 3]) : (size_t)(b->p[p + 3] << 8 | b->p[p + 2]);
		p += len;
		n++;
	}
	nfc_set(b, at + 2, b->n - at, 2, big);
	nfc_set(b, at + 4, n, 2, big);
}

static inline void
nfc_element(struct bytes *b, unsigned type, unsigned held, bool big)
{
	nfc_put(b, type, 2, big);
	nfc_put(b, held + 4, 2, big);
}

struct nfc_generic {
	uint64_t first, last, received, packets, bytes;
	unsigned src_port, dst_port, proto, flags, status, tos;
};

static inline void
nfc_generic(struct bytes *b, const struct nfc_generic *g, bool big)
{
	nfc_element(b, 1, 48, big);
	nfc_put(b, g->first, 8, big);
	nfc_put(b, g->last, 8, big);
	nfc_put(b, g->received, 8, big);
	nfc_put(b, g->packets, 8, big);
	nfc_put(b, g->bytes, 8, big);
	nfc_put(b, g->src_port, 2, big);
	nfc_put(b, g->dst_port, 2, big);
	nfc_put(b, g->proto, 1, big);
	nfc_put(b, g->flags, 1, big);
	nfc_put(b, g->status, 1, big);
	nfc_put(b, g->tos, 1, big);
}

/* An element of [n] numbers of [width] bytes each. */
static inline void
nfc_numbers(struct bytes *b, unsigned type, const uint64_t *v, int n, int width, bool big)
{
	nfc_element(b, type, (unsigned)(n * width), big);
	for (int i = 0; i < n; i++)
		nfc_put(b, v[i], width, big);
}

/* Interfaces or routing instances by number: names of [width] bytes. */
static inline void
nfc_names(struct bytes *b, unsigned type, unsigned width, unsigned n, const uint32_t *number, const char *const *name, bool big)
{
	char text[64] = "";

	nfc_put(b, type, 2, big);
	nfc_put(b, 12 + n * (4 + width), 2, big);
	nfc_put(b, n, 2, big);
	nfc_put(b, 4 + width, 2, big);
	nfc_put(b, width, 4, big);
	for (unsigned i = 0; i < n; i++) {
		nfc_put(b, number[i], 4, big);
		memset(text, 0, sizeof(text));
		snprintf(text, sizeof(text), "%s", name[i]);
		put(b, text, width);
	}
}

/* The common record of 1.6, up to its ports or, for type 10, its exporter. */
struct nfc_common {
	unsigned type, flags, exporter, map, ms_first, ms_last;
	uint32_t first, last;
	unsigned status, tcp_flags, proto, tos, src_port, dst_port, icmp;
};

static inline size_t
nfc_common(struct bytes *b, const struct nfc_common *c, bool big)
{
	size_t at = b->n;

	nfc_put(b, c->type, 2, big);
	nfc_put(b, 0, 2, big);
	if (c->type == 10) {
		nfc_put(b, c->flags, 2, big);
	} else {
		nfc_put(b, c->flags, 1, big);
		nfc_put(b, c->exporter, 1, big);
	}
	nfc_put(b, c->map, 2, big);
	nfc_put(b, c->ms_first, 2, big);
	nfc_put(b, c->ms_last, 2, big);
	nfc_put(b, c->first, 4, big);
	nfc_put(b, c->last, 4, big);
	nfc_put(b, c->status, 1, big);
	nfc_put(b, c->tcp_flags, 1, big);
	nfc_put(b, c->proto, 1, big);
	nfc_put(b, c->tos, 1, big);
	nfc_put(b, c->src_port, 2, big);
	nfc_put(b, c->dst_port, 2, big);
	if (c->type == 10) {
		nfc_put(b, c->exporter, 2, big);
		nfc_put(b, c->icmp, 2, big);
	}
	return at;
}

static inline void
nfc_map(struct bytes *b, unsigned number, const uint8_t *ids, unsigned n, bool big)
{
	unsigned slots = n + 1 + (n + 1) % 2;

	nfc_put(b, 2, 2, big);
	nfc_put(b, 8 + 2 * slots, 2, big);
	nfc_put(b, number, 2, big);
	nfc_put(b, 0, 2, big);
	for (unsigned i = 0; i < slots; i++)
		nfc_put(b, i < n ? ids[i] : 0, 2, big);
}

#endif
