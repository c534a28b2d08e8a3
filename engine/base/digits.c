/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/digits.h"

#define DIGIT(v) (char)('0' + (v) % 10)
#define BYTE(v) { \
	{ (v) > 99 ? DIGIT((v) / 100) : (v) > 9 ? DIGIT((v) / 10) : DIGIT(v), (v) > 99 ? DIGIT((v) / 10) : DIGIT(v), DIGIT(v) }, \
	(v) > 99 ? 3 : (v) > 9 ? 2 : 1 }
#define BYTES4(v)  BYTE(v), BYTE((v) + 1), BYTE((v) + 2), BYTE((v) + 3)
#define BYTES16(v) BYTES4(v), BYTES4((v) + 4), BYTES4((v) + 8), BYTES4((v) + 12)
#define BYTES64(v) BYTES16(v), BYTES16((v) + 16), BYTES16((v) + 32), BYTES16((v) + 48)

const struct tsn_byte_text tsn_byte_texts[256] = { BYTES64(0), BYTES64(64), BYTES64(128), BYTES64(192) };

/* 0 has one, too. */
static unsigned
count(uint64_t v)
{
	unsigned n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

char *
tsn_put_u64(char *p, uint64_t v)
{
	char *const end = p + count(v);

	for (p = end; v >= 100; v /= 100)
		tsn_put_pair(p -= 2, (uint32_t)(v % 100));
	if (v >= 10)
		tsn_put_pair(p - 2, (uint32_t)v);
	else
		p[-1] = (char)('0' + v);
	return end;
}

char *
tsn_put_i64(char *p, int64_t v)
{
	if (v >= 0)
		return tsn_put_u64(p, (uint64_t)v);
	*p = '-';
	return tsn_put_u64(p + 1, 0 - (uint64_t)v);
}

/* Eight digits as one word, its lowest byte the first. */
static char *
put_hex32(char *p, uint32_t v)
{
	uint64_t w = __builtin_bswap32(v), letters;

	w = (w | w << 16) & UINT64_C(0x0000ffff0000ffff);
	w = (w | w << 8) & UINT64_C(0x00ff00ff00ff00ff);
	w = (w >> 4 | w << 8) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	letters = (w + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
	w += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
	w = __builtin_bswap64(w);
#endif
	memcpy(p, &w, sizeof(w));
	return p + sizeof(w);
}

char *
tsn_put_hex64(char *p, uint64_t v)
{
	return put_hex32(put_hex32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}
