/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records of v5 and v7 eight at a time, by AVX2, or sixteen, by AVX-512. A record is three rows of four 32-bit words (see
 * fill.c); four records of one row are turned by ninety degrees in registers, twice or four times at once:
 *
 *   record 0: a b c d                      a: 0 1 2 3 | 4 5 6 7
 *   record 1: a b c d    (4..7 in the      b: 0 1 2 3 | 4 5 6 7
 *   record 2: a b c d     upper half)      c: 0 1 2 3 | 4 5 6 7
 *   record 3: a b c d                      d: 0 1 2 3 | 4 5 6 7
 *
 * so that each column is written by whole vectors. Where which word goes stands in fill_body.h; for records of
 * templates, in what the plan made of them (turn.c).
 */
#include "base/cpu.h"
#include "decode/decode.h"
#include "decode/fill.h"

#if TSN_CPU_X86
#include <immintrin.h>

/* Ages from here on are ahead of sysUptime. */
#define AHEAD ((int)(UINT32_MAX - TSN_DECODE_AHEAD + 1))
/* The bytes of each 32-bit word the other way round. */
#define SWAP _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)

/* --- AVX2 --- */

#define AVX2 TSN_CPU_TARGET_AVX2 static inline __attribute__((always_inline))

/* A word of eight records each. */
struct avx2_words {
	__m256i a, b, c, d;
};

/* 16 bytes of records i and i + 4, put in [order]. */
AVX2 __m256i
avx2_row(const uint8_t *p, size_t i, size_t stride, size_t at, __m128i order)
{
	__m128i low = _mm_loadu_si128((const __m128i *)(p + i * stride + at));
	__m128i high = _mm_loadu_si128((const __m128i *)(p + (i + 4) * stride + at));

	return _mm256_shuffle_epi8(
	    _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), _mm256_broadcastsi128_si256(order));
}

AVX2 struct avx2_words
avx2_turn(const uint8_t *p, size_t stride, size_t at, __m128i order)
{
	__m256i r0 = avx2_row(p, 0, stride, at, order), r1 = avx2_row(p, 1, stride, at, order);
	__m256i r2 = avx2_row(p, 2, stride, at, order), r3 = avx2_row(p, 3, stride, at, order);
	__m256i ab01 = _mm256_unpacklo_epi32(r0, r1), cd01 = _mm256_unpackhi_epi32(r0, r1);
	__m256i ab23 = _mm256_unpacklo_epi32(r2, r3), cd23 = _mm256_unpackhi_epi32(r2, r3);

	return (struct avx2_words){
		_mm256_unpacklo_epi64(ab01, ab23), _mm256_unpackhi_epi64(ab01, ab23),
		_mm256_unpacklo_epi64(cd01, cd23), _mm256_unpackhi_epi64(cd01, cd23),
	};
}

/* [bits] bits of each word, from bit [from] on. */
AVX2 __m256i
avx2_bits(__m256i v, int from, int bits)
{
	return _mm256_and_si256(_mm256_srli_epi32(v, from), _mm256_set1_epi32((1 << bits) - 1));
}

AVX2 __m128i
avx2_to_16(__m256i v)
{
	return _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

AVX2 void
avx2_put_8(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	__m128i half = avx2_to_16(v);

	_mm_storel_epi64((__m128i *)((uint8_t *)b->col[f] + at), _mm_packus_epi16(half, half));
}

AVX2 void
avx2_put_16(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	_mm_storeu_si128((__m128i *)((uint16_t *)b->col[f] + at), avx2_to_16(v));
}

AVX2 void
avx2_put_32(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	_mm256_storeu_si256((__m256i *)((uint32_t *)b->col[f] + at), v);
}

AVX2 void
avx2_put_64(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i v)
{
	uint64_t *col = (uint64_t *)b->col[f] + at;

	_mm256_storeu_si256((__m256i *)col, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(v)));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_cvtepu32_epi64(_mm256_extracti128_si256(v, 1)));
}

/* Numbers of 64 bits by their halves. */
AVX2 void
avx2_put_pair(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m256i low, __m256i high)
{
	uint64_t *col = (uint64_t *)b->col[f] + at;
	__m256i a = _mm256_unpacklo_epi32(low, high), c = _mm256_unpackhi_epi32(low, high);

	_mm256_storeu_si256((__m256i *)col, _mm256_permute2x128_si256(a, c, 0x20));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_permute2x128_si256(a, c, 0x31));
}

AVX2 __m256i
avx2_age(uint32_t uptime, __m256i at)
{
	return _mm256_sub_epi32(_mm256_set1_epi32((int)uptime), at);
}

/* A moment by its age. */
AVX2 void
avx2_put_time(const struct tsn_batch *b, enum tsn_field f, uint32_t at, int64_t exported, __m256i age)
{
	int64_t *col = (int64_t *)b->col[f] + at;
	__m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(age));
	__m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(age, 1));

	_mm256_storeu_si256((__m256i *)col, _mm256_sub_epi64(_mm256_set1_epi64x(exported), low));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_sub_epi64(_mm256_set1_epi64x(exported), high));
}

/* Is a first later than its last, or ahead of sysUptime? */
AVX2 bool
avx2_unusual(__m256i first, __m256i last)
{
	const __m256i ahead = _mm256_set1_epi32(AHEAD);
	__m256i ordered = _mm256_cmpeq_epi32(_mm256_max_epu32(first, last), first);
	__m256i behind = _mm256_xor_si256(_mm256_cmpeq_epi32(_mm256_max_epu32(first, ahead), first), _mm256_set1_epi32(-1));

	return _mm256_movemask_epi8(_mm256_and_si256(ordered, behind)) != -1;
}

#define NAME(x) avx2_##x
#define TARGET AVX2
#define VECTOR __m256i
#define AT_ONCE 8
#include "decode/fill_body.h"
#undef NAME
#undef TARGET
#undef VECTOR
#undef AT_ONCE

/* --- AVX-512: the same in vectors of twice the size --- */

#define AVX512 TSN_CPU_TARGET_AVX512 static inline __attribute__((always_inline))

struct avx512_words {
	__m512i a, b, c, d;
};

/* 16 bytes of records i, i + 4, i + 8 and i + 12. */
AVX512 __m512i
avx512_row(const uint8_t *p, size_t i, size_t stride, size_t at, __m128i order)
{
	const uint8_t *q = p + i * stride + at;
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)q));

	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(q + 4 * stride)), 1);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(q + 8 * stride)), 2);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(q + 12 * stride)), 3);
	return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(order));
}

AVX512 struct avx512_words
avx512_turn(const uint8_t *p, size_t stride, size_t at, __m128i order)
{
	__m512i r0 = avx512_row(p, 0, stride, at, order), r1 = avx512_row(p, 1, stride, at, order);
	__m512i r2 = avx512_row(p, 2, stride, at, order), r3 = avx512_row(p, 3, stride, at, order);
	__m512i ab01 = _mm512_unpacklo_epi32(r0, r1), cd01 = _mm512_unpackhi_epi32(r0, r1);
	__m512i ab23 = _mm512_unpacklo_epi32(r2, r3), cd23 = _mm512_unpackhi_epi32(r2, r3);

	return (struct avx512_words){
		_mm512_unpacklo_epi64(ab01, ab23), _mm512_unpackhi_epi64(ab01, ab23),
		_mm512_unpacklo_epi64(cd01, cd23), _mm512_unpackhi_epi64(cd01, cd23),
	};
}

AVX512 __m512i
avx512_bits(__m512i v, int from, int bits)
{
	return _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)from), _mm512_set1_epi32((1 << bits) - 1));
}

AVX512 void
avx512_put_8(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m512i v)
{
	_mm_storeu_si128((__m128i *)((uint8_t *)b->col[f] + at), _mm512_cvtepi32_epi8(v));
}

AVX512 void
avx512_put_16(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m512i v)
{
	_mm256_storeu_si256((__m256i *)((uint16_t *)b->col[f] + at), _mm512_cvtepi32_epi16(v));
}

AVX512 void
avx512_put_32(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m512i v)
{
	_mm512_storeu_si512((uint32_t *)b->col[f] + at, v);
}

AVX512 void
avx512_put_64(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m512i v)
{
	uint64_t *col = (uint64_t *)b->col[f] + at;

	_mm512_storeu_si512(col, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(v)));
	_mm512_storeu_si512(col + 8, _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(v, 1)));
}

AVX512 void
avx512_put_pair(const struct tsn_batch *b, enum tsn_field f, uint32_t at, __m512i low, __m512i high)
{
	const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
	uint64_t *col = (uint64_t *)b->col[f] + at;

	_mm512_storeu_si512(col, _mm512_permutex2var_epi32(low, first, high));
	_mm512_storeu_si512(col + 8, _mm512_permutex2var_epi32(low, _mm512_add_epi32(first, _mm512_set1_epi32(8)), high));
}

AVX512 __m512i
avx512_age(uint32_t uptime, __m512i at)
{
	return _mm512_sub_epi32(_mm512_set1_epi32((int)uptime), at);
}

AVX512 void
avx512_put_time(const struct tsn_batch *b, enum tsn_field f, uint32_t at, int64_t exported, __m512i age)
{
	int64_t *col = (int64_t *)b->col[f] + at;
	__m512i low = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(age));
	__m512i high = _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(age, 1));

	_mm512_storeu_si512(col, _mm512_sub_epi64(_mm512_set1_epi64(exported), low));
	_mm512_storeu_si512(col + 8, _mm512_sub_epi64(_mm512_set1_epi64(exported), high));
}

AVX512 bool
avx512_unusual(__m512i first, __m512i last)
{
	return (_mm512_cmplt_epu32_mask(first, last) | _mm512_cmpge_epu32_mask(first, _mm512_set1_epi32(AHEAD))) != 0;
}

#define NAME(x) avx512_##x
#define TARGET AVX512
#define VECTOR __m512i
#define AT_ONCE 16
#include "decode/fill_body.h"

TSN_CPU_TARGET_AVX2 static bool
eight(const struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n, size_t stride)
{
	return avx2_fill(b, h, p, n, stride);
}

TSN_CPU_TARGET_AVX512 static bool
sixteen(const struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n, size_t stride)
{
	return avx512_fill(b, h, p, n, stride);
}

bool
tsn_fixed_fill_wide(const struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n,
    size_t stride)
{
	if (n >= AT_ONCE && tsn_cpu_level >= TSN_CPU_AVX512)
		return sixteen(b, h, p, n, stride);
	return eight(b, h, p, n, stride);
}

bool
tsn_fixed_fill_has_wide(void)
{
	return tsn_cpu_level >= TSN_CPU_AVX2;
}

TSN_CPU_TARGET_AVX2 static void
turn_eight(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const uint8_t *p, uint32_t n, size_t stride)
{
	for (uint32_t i = 0; i < turns; i++)
		avx2_one_turn(b, &t[i], p, n, stride);
}

TSN_CPU_TARGET_AVX512 static void
turn_sixteen(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const uint8_t *p, uint32_t n, size_t stride)
{
	for (uint32_t i = 0; i < turns; i++)
		avx512_one_turn(b, &t[i], p, n, stride);
}

bool
tsn_turns_run(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const uint8_t *p, uint32_t n,
    size_t stride)
{
	if (n < TSN_FILL_WIDE || tsn_cpu_level < TSN_CPU_AVX2)
		return false;
	if (n >= AT_ONCE && tsn_cpu_level >= TSN_CPU_AVX512)
		turn_sixteen(b, t, turns, p, n, stride);
	else
		turn_eight(b, t, turns, p, n, stride);
	return true;
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

bool
tsn_turns_run(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const uint8_t *p, uint32_t n,
    size_t stride)
{
	(void)b, (void)t, (void)turns, (void)p, (void)n, (void)stride;
	return false;
}

#endif
