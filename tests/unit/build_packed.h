/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: bytes compressed with each library this build has, in one member. */
#ifndef TESTS_BUILD_PACKED_H
#define TESTS_BUILD_PACKED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef TSN_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef TSN_HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef TSN_HAVE_BZ2
#include <bzlib.h>
#endif
#ifdef TSN_HAVE_LZMA
#include <lzma.h>
#endif

#define PACKED_KINDS 4

static inline const char *
packed_name(int kind)
{
	static const char *const names[PACKED_KINDS] = { "gzip", "zstd", "bzip2", "xz" };

	return names[kind];
}

/* Appends [n] bytes, compressed, at [out]; how many that were, 0 if this build lacks the library. */
static inline size_t
packed_put(int kind, const uint8_t *p, size_t n, uint8_t *out, size_t room)
{
	size_t made = 0;

	(void)p, (void)n, (void)out, (void)room;
	switch (kind) {
#ifdef TSN_HAVE_ZLIB
	case 0: {
		z_stream z = { 0 };

		if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
			abort();
		z.next_in = (uint8_t *)(uintptr_t)p;
		z.avail_in = (unsigned)n;
		z.next_out = out;
		z.avail_out = (unsigned)room;
		if (deflate(&z, Z_FINISH) != Z_STREAM_END)
			abort();
		made = room - z.avail_out;
		deflateEnd(&z);
		break;
	}
#endif
#ifdef TSN_HAVE_ZSTD
	case 1: {
		ZSTD_CCtx *z = ZSTD_createCCtx();

		ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
		made = ZSTD_compress2(z, out, room, p, n);
		if (ZSTD_isError(made))
			abort();
		ZSTD_freeCCtx(z);
		break;
	}
#endif
#ifdef TSN_HAVE_BZ2
	case 2: {
		unsigned got = (unsigned)room;

		if (BZ2_bzBuffToBuffCompress((char *)out, &got, (char *)(uintptr_t)p, (unsigned)n, 1, 0, 0) != BZ_OK)
			abort();
		made = got;
		break;
	}
#endif
#ifdef TSN_HAVE_LZMA
	case 3:
		if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, p, n, out, &made, room) != LZMA_OK)
			abort();
		break;
#endif
	default:
		break;
	}
	return made;
}

#endif
