/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records of v5 and v7 eight at a time, by AVX2. A record is three rows of four 32-bit words (see
 * fill.c); four records of one row are turned by ninety degrees in registers, twice at once:
 *
 *   record 0: a b c d                      a: 0 1 2 3 | 4 5 6 7
 *   record 1: a b c d    (4..7 in the      b: 0 1 2 3 | 4 5 6 7
 *   record 2: a b c d     upper half)      c: 0 1 2 3 | 4 5 6 7
 *   record 3: a b c d                      d: 0 1 2 3 | 4 5 6 7
 *
 * so that each column is written by whole vectors. What is left over at the end is done with
 * the seven before it, a second time.
 */
#include "base/cpu.h"
#include "decode/decode.h"
#include "decode/fill.h"

#if TSN_CPU_X86
#include <immintrin.h>

#define AVX2 TSN_CPU_TARGET_AVX2 static inline __attribute__((always_inline))
#define EIGHT TSN_FILL_WIDE

/* A word of eight records each. */
struct words {
	__m256i a, b, c, d;
};

/* Row [at] of records i and i + 4, as numbers of ours. */
AVX2 __m256i
row(const uint8_t *p, size_t i, size_t stride, size_t at)
{
	const __m256i swap = _mm256_broadcastsi128_si256(
	    _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
	__m128i low = _mm_loadu_si128((const __m128i *)(p + i * stride + at));
	__m128i high = _mm_loadu_si128((const __m128i *)(p + (i + 4) * stride + at));

	return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), swap);
}

AVX2 struct words
turn(const uint8_t *p, size_t stride, size_t at)
{
	__m256i r0 = row(p, 0, stride, at), r1 = row(p, 1, stride, at);
	__m256i r2 = row(p, 2, stride, at), r3 = row(p, 3, stride, at);
	__m256i ab01 = _mm256_unpacklo_epi32(r0, r1), cd01 = _mm256_unpackhi_epi32(r0, r1);
	__m256i ab23 = _mm256_unpacklo_epi32(r2, r3), cd23 = _mm256_unpackhi_epi32(r2, r3);

	return (struct words){
		_mm256_unpacklo_epi64(ab01, ab23), _mm256_unpackhi_epi64(ab01, ab23),
		_mm256_unpacklo_epi64(cd01, cd23), _mm256_unpackhi_epi64(cd01, cd23),
	};
}

/* [bits] bits of each word, from bit [from] on. */
AVX2 __m256i
bits(__m256i v, int from, int bits)
{
	return _mm256_and_si256(_mm256_srli_epi32(v, from), _mm256_set1_epi32((1 << bits) - 1));
}

AVX2 __m128i
to_16(__m256i v)
{
	return _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

AVX2 void
put_8(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	__m128i half = to_16(v);

	_mm_storel_epi64((__m128i *)((uint8_t *)b->col[f] + at), _mm_packus_epi16(half, half));
}

AVX2 void
put_16(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	_mm_storeu_si128((__m128i *)((uint16_t *)b->col[f] + at), to_16(v));
}

AVX2 void
put_32(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	_mm256_storeu_si256((__m256i *)((uint32_t *)b->col[f] + at), v);
}

AVX2 void
put_64(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	uint64_t *col = (uint64_t *)b->col[f] + at;

	_mm256_storeu_si256((__m256i *)col, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(v)));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_cvtepu32_epi64(_mm256_extracti128_si256(v, 1)));
}

/* A moment by its age. */
AVX2 void
put_time(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i age, __m256i exported)
{
	int64_t *col = (int64_t *)b->col[f] + at;
	__m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(age));
	__m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(age, 1));

	_mm256_storeu_si256((__m256i *)col, _mm256_sub_epi64(exported, low));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_sub_epi64(exported, high));
}

/* All bits set where first is later than last, or ahead of sysUptime. */
AVX2 __m256i
unusual(__m256i age_first, __m256i age_last)
{
	const __m256i ahead = _mm256_set1_epi32((int)(UINT32_MAX - TSN_DECODE_AHEAD + 1));
	__m256i ordered = _mm256_cmpeq_epi32(_mm256_max_epu32(age_first, age_last), age_first);

	return _mm256_or_si256(_mm256_cmpeq_epi32(_mm256_max_epu32(age_first, ahead), age_first),
	    _mm256_xor_si256(ordered, _mm256_set1_epi32(-1)));
}

/* bytes 0..15: src, dst, next hop, in and out */
AVX2 void
eight_network(const struct tsn_batch *b, uint32_t at, const uint8_t *p, size_t stride)
{
	struct words w = turn(p, stride, 0);

	put_32(b, TSN_F_SRC, at, w.a);
	put_32(b, TSN_F_DST, at, w.b);
	put_32(b, TSN_F_NEXT_HOP, at, w.c);
	put_32(b, TSN_F_IN_IF, at, bits(w.d, 16, 16));
	put_32(b, TSN_F_OUT_IF, at, bits(w.d, 0, 16));
}

/* bytes 16..31: packets, bytes, first, last */
AVX2 __m256i
eight_counters(const struct tsn_batch *b, uint32_t at, const struct tsn_fixed_header *h, const uint8_t *p,
    size_t stride)
{
	const __m256i uptime = _mm256_set1_epi32((int)h->uptime), exported = _mm256_set1_epi64x(h->exported);
	struct words w = turn(p, stride, 16);
	__m256i first = _mm256_sub_epi32(uptime, w.c), last = _mm256_sub_epi32(uptime, w.d);

	put_64(b, TSN_F_RAW_PACKETS, at, w.a);
	put_64(b, TSN_F_RAW_BYTES, at, w.b);
	put_time(b, TSN_F_START, at, first, exported);
	put_time(b, TSN_F_END, at, last, exported);
	return unusual(first, last);
}

/* bytes 32..47: ports; -, flags, proto, tos; AS numbers; masks */
AVX2 void
eight_transport(const struct tsn_batch *b, uint32_t at, const uint8_t *p, size_t stride)
{
	struct words w = turn(p, stride, 32);

	put_16(b, TSN_F_SRC_PORT, at, bits(w.a, 16, 16));
	put_16(b, TSN_F_DST_PORT, at, bits(w.a, 0, 16));
	put_16(b, TSN_F_FLAGS, at, bits(w.b, 16, 8));
	put_8(b, TSN_F_PROTO, at, bits(w.b, 8, 8));
	put_8(b, TSN_F_TOS, at, bits(w.b, 0, 8));
	put_32(b, TSN_F_SRC_AS, at, bits(w.c, 16, 16));
	put_32(b, TSN_F_DST_AS, at, bits(w.c, 0, 16));
	put_8(b, TSN_F_SRC_MASK, at, bits(w.d, 24, 8));
	put_8(b, TSN_F_DST_MASK, at, bits(w.d, 16, 8));
}

TSN_CPU_TARGET_AVX2 bool
tsn_fixed_fill_wide(const struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n,
    size_t stride)
{
	__m256i odd = _mm256_setzero_si256();

	for (uint32_t done = 0; done < n; done += EIGHT) {
		uint32_t i = done + EIGHT <= n ? done : n - EIGHT;
		const uint8_t *at = p + i * stride;

		eight_network(b, b->n + i, at, stride);
		odd = _mm256_or_si256(odd, eight_counters(b, b->n + i, h, at, stride));
		eight_transport(b, b->n + i, at, stride);
	}
	return !_mm256_testz_si256(odd, odd);
}

bool
tsn_fixed_fill_has_wide(void)
{
	return tsn_cpu_level >= TSN_CPU_AVX2;
}

#else

bool
tsn_fixed_fill_wide(const struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n,
    size_t stride)
{
	(void)b, (void)h, (void)p, (void)n, (void)stride;
	return false;
}

bool
tsn_fixed_fill_has_wide(void)
{
	return false;
}

#endif
