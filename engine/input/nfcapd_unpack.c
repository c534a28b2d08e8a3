/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The four compressions of nfdump's blocks, each through its library where the build has it. */
#include "input/nfcapd.h"

#include <limits.h>

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

static size_t
unpack_lzo(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
#ifdef TSN_HAVE_LZO
	lzo_uint len = room;

	if (lzo_init() == LZO_E_OK && lzo1x_decompress_safe(in, n, out, &len, NULL) == LZO_E_OK)
		return len;
#endif
	(void)in, (void)n, (void)out, (void)room;
	return 0;
}

static size_t
unpack_bz2(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
#ifdef TSN_HAVE_BZ2
	unsigned len = room > UINT_MAX ? UINT_MAX : (unsigned)room;

	if (n <= UINT_MAX && BZ2_bzBuffToBuffDecompress((char *)out, &len, (char *)(uintptr_t)in, (unsigned)n, 0, 0) == BZ_OK)
		return len;
#endif
	(void)in, (void)n, (void)out, (void)room;
	return 0;
}

static size_t
unpack_lz4(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
#ifdef TSN_HAVE_LZ4
	int len = 0;

	if (n <= INT_MAX && room <= INT_MAX)
		len = LZ4_decompress_safe((const char *)in, (char *)out, (int)n, (int)room);
	return len > 0 ? (size_t)len : 0;
#else
	(void)in, (void)n, (void)out, (void)room;
	return 0;
#endif
}

static size_t
unpack_zstd(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
#ifdef TSN_HAVE_ZSTD
	size_t len = ZSTD_decompress(out, room, in, n);

	return ZSTD_isError(len) ? 0 : len;
#else
	(void)in, (void)n, (void)out, (void)room;
	return 0;
#endif
}

static const struct {
	const char *name;
	size_t (*unpack)(const uint8_t *in, size_t n, uint8_t *out, size_t room);
	bool here;
} packings[TSN_NFCAPD_PACKINGS] = {
	[TSN_NFCAPD_PLAIN] = { "none", NULL, true },
#ifdef TSN_HAVE_LZO
	[TSN_NFCAPD_LZO] = { "LZO", unpack_lzo, true },
#else
	[TSN_NFCAPD_LZO] = { "LZO", unpack_lzo, false },
#endif
#ifdef TSN_HAVE_BZ2
	[TSN_NFCAPD_BZ2] = { "bzip2", unpack_bz2, true },
#else
	[TSN_NFCAPD_BZ2] = { "bzip2", unpack_bz2, false },
#endif
#ifdef TSN_HAVE_LZ4
	[TSN_NFCAPD_LZ4] = { "LZ4", unpack_lz4, true },
#else
	[TSN_NFCAPD_LZ4] = { "LZ4", unpack_lz4, false },
#endif
#ifdef TSN_HAVE_ZSTD
	[TSN_NFCAPD_ZSTD] = { "zstd", unpack_zstd, true },
#else
	[TSN_NFCAPD_ZSTD] = { "zstd", unpack_zstd, false },
#endif
};

size_t
tsn_nfcapd_unpack(enum tsn_nfcapd_packing how, const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
	return packings[how].unpack != NULL ? packings[how].unpack(in, n, out, room) : 0;
}

bool
tsn_nfcapd_can_unpack(enum tsn_nfcapd_packing how)
{
	return packings[how].here;
}

const char *
tsn_nfcapd_packing_name(enum tsn_nfcapd_packing how)
{
	return packings[how].name;
}
