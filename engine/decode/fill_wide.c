/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Records eight at a time, by AVX2, or sixteen, by AVX-512. Of each, 16 bytes are shuffled into four 32-bit words; those of
 * four records are turned by ninety degrees in registers, twice or four times at once:
 *
 *   record 0: a b c d                      a: 0 1 2 3 | 4 5 6 7
 *   record 1: a b c d    (4..7 in the      b: 0 1 2 3 | 4 5 6 7
 *   record 2: a b c d     upper half)      c: 0 1 2 3 | 4 5 6 7
 *   record 3: a b c d                      d: 0 1 2 3 | 4 5 6 7
 *
 * so that each column is written by whole vectors. Which bytes make which word, and where it goes, is made of the format
 * and of what the batch wants (turn.c).
 */
#include "base/cpu.h"
#include "decode/decode.h"
#include "decode/fill.h"
#include "decode/plan.h"

#if TSN_CPU_X86
#include <immintrin.h>

/* Ages from here on are ahead of sysUptime. */
#define AHEAD ((int)(UINT32_MAX - TSN_DECODE_AHEAD + 1))

/* A number of 1, 2 or 4 bytes from byte [i] on, as a word. */
#define NO 0x80
#define ONE(i) i, NO, NO, NO
#define TWO(i) i + 1, i, NO, NO
#define FOUR(i) i + 3, i + 2, i + 1, i
#define NONE NO, NO, NO, NO

/* The record of v5, see fill.c. */
static const struct tsn_turn fixed[] = {
	{ 0, { FOUR(0), FOUR(4), TWO(12), TWO(14) },
	    { { TSN_F_SRC, TSN_TURN_32 }, { TSN_F_DST, TSN_TURN_32 }, { TSN_F_IN_IF, TSN_TURN_32 }, { TSN_F_OUT_IF, TSN_TURN_32 } } },
	{ 16, { FOUR(0), FOUR(4), FOUR(8), FOUR(12) },
	    { { TSN_F_RAW_PACKETS, TSN_TURN_64 }, { TSN_F_RAW_BYTES, TSN_TURN_64 }, { TSN_F_START, TSN_TURN_UPTIME }, { TSN_F_END, TSN_TURN_UPTIME_END } } },
	{ 32, { TWO(0), TWO(2), ONE(5), ONE(6) },
	    { { TSN_F_SRC_PORT, TSN_TURN_16 }, { TSN_F_DST_PORT, TSN_TURN_16 }, { TSN_F_FLAGS, TSN_TURN_16 }, { TSN_F_PROTO, TSN_TURN_8 } } },
	{ 32, { ONE(7), TWO(8), TWO(10), ONE(12) },
	    { { TSN_F_TOS, TSN_TURN_8 }, { TSN_F_SRC_AS, TSN_TURN_32 }, { TSN_F_DST_AS, TSN_TURN_32 }, { TSN_F_SRC_MASK, TSN_TURN_8 } } },
	{ 32, { ONE(13), NONE, NONE, NONE }, { { TSN_F_DST_MASK, TSN_TURN_8 } } },
	{ 0, { FOUR(8), NONE, NONE, NONE }, { { TSN_F_NEXT_HOP, TSN_TURN_32 } } },
};

/* Times of rows are made of it, whoever wants its columns. */
static inline __attribute__((always_inline)) bool
is_wanted(const struct tsn_field_set *fields, const struct tsn_turn *t)
{
	bool wanted = false;

#pragma GCC unroll 4
	for (int k = 0; k < 4; k++)
		wanted |= t->word[k].store != TSN_TURN_NONE &&
		    (t->word[k].store == TSN_TURN_UPTIME_END || tsn_field_set_has(fields, (enum tsn_field)t->word[k].field));
	return wanted;
}

/* --- AVX2 --- */

#define AVX2 TSN_CPU_TARGET_AVX2 static inline __attribute__((always_inline))

/* A word of eight records each. */
struct avx2_words {
	__m256i v[4];
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

	return (struct avx2_words){ {
		_mm256_unpacklo_epi64(ab01, ab23), _mm256_unpackhi_epi64(ab01, ab23),
		_mm256_unpacklo_epi64(cd01, cd23), _mm256_unpackhi_epi64(cd01, cd23),
	} };
}

AVX2 __m256i
avx2_and(__m256i v, int bits)
{
	return _mm256_and_si256(v, _mm256_set1_epi32(bits));
}

AVX2 __m128i
avx2_to_16(__m256i v)
{
	return _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

AVX2 void
avx2_put_8(uint8_t *col, __m256i v)
{
	__m128i half = avx2_to_16(v);

	_mm_storel_epi64((__m128i *)col, _mm_packus_epi16(half, half));
}

AVX2 void
avx2_put_16(uint16_t *col, __m256i v)
{
	_mm_storeu_si128((__m128i *)col, avx2_to_16(v));
}

AVX2 void
avx2_put_32(uint32_t *col, __m256i v)
{
	_mm256_storeu_si256((__m256i *)col, v);
}

AVX2 void
avx2_put_64(uint64_t *col, __m256i v)
{
	_mm256_storeu_si256((__m256i *)col, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(v)));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_cvtepu32_epi64(_mm256_extracti128_si256(v, 1)));
}

/* Numbers of 64 bits by their halves. */
AVX2 void
avx2_put_pair(uint64_t *col, __m256i low, __m256i high)
{
	__m256i a = _mm256_unpacklo_epi32(low, high), c = _mm256_unpackhi_epi32(low, high);

	_mm256_storeu_si256((__m256i *)col, _mm256_permute2x128_si256(a, c, 0x20));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_permute2x128_si256(a, c, 0x31));
}

AVX2 __m256i
avx2_age(__m256i v, uint32_t uptime)
{
	return _mm256_sub_epi32(_mm256_set1_epi32((int)uptime), v);
}

/* Moments so many ms before [now]. */
AVX2 void
avx2_put_before(int64_t *col, __m256i age, int64_t now)
{
	const __m256i from = _mm256_set1_epi64x(now);
	__m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(age));
	__m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(age, 1));

	_mm256_storeu_si256((__m256i *)col, _mm256_sub_epi64(from, low));
	_mm256_storeu_si256((__m256i *)(col + 4), _mm256_sub_epi64(from, high));
}

/* A moment by its age before [exported], when the uptime is [uptime]. */
AVX2 void
avx2_put_uptime(int64_t *col, __m256i v, uint32_t uptime, int64_t exported)
{
	avx2_put_before(col, avx2_age(v, uptime), exported);
}

/* tsn_event_time of what ended so. */
AVX2 void
avx2_put_event(int64_t *col, __m256i v, uint32_t uptime, int64_t received)
{
	avx2_put_before(col, _mm256_min_epu32(avx2_age(v, uptime), _mm256_set1_epi32((int)TSN_AGE_MAX)), received);
}

/* Does one lie ahead of [uptime]? */
AVX2 bool
avx2_is_ahead(__m256i v, uint32_t uptime)
{
	const __m256i ahead = _mm256_set1_epi32(AHEAD), age = avx2_age(v, uptime);

	return _mm256_movemask_epi8(_mm256_cmpeq_epi32(_mm256_max_epu32(age, ahead), age)) != 0;
}

/* Is one of [first] later than its [last]? */
AVX2 bool
avx2_is_later(__m256i first, __m256i last, uint32_t uptime)
{
	const __m256i now = _mm256_set1_epi32((int)uptime);
	__m256i age = _mm256_sub_epi32(now, first), most = _mm256_max_epu32(age, _mm256_sub_epi32(now, last));

	return _mm256_movemask_epi8(_mm256_cmpeq_epi32(most, age)) != -1;
}

/* As pairs. True: one is no time. */
AVX2 bool
avx2_put_millis(uint64_t *col, __m256i low, __m256i high)
{
	const __m256i least = _mm256_set1_epi64x(1), most = _mm256_set1_epi64x(TSN_TIME_LATEST);
	__m256i x, y;

	avx2_put_pair(col, low, high);
	x = _mm256_loadu_si256((const __m256i *)col);
	y = _mm256_loadu_si256((const __m256i *)(col + 4));
	x = _mm256_or_si256(_mm256_cmpgt_epi64(least, x), _mm256_cmpgt_epi64(x, most));
	y = _mm256_or_si256(_mm256_cmpgt_epi64(least, y), _mm256_cmpgt_epi64(y, most));
	return _mm256_movemask_epi8(_mm256_or_si256(x, y)) != 0;
}

#define NAME(x) avx2_##x
#define TARGET AVX2
#define ENTRY TSN_CPU_TARGET_AVX2 static
#define VECTOR __m256i
#define AT_ONCE 8
#include "decode/fill_body.h"
#undef NAME
#undef TARGET
#undef ENTRY
#undef VECTOR
#undef AT_ONCE

/* --- AVX-512: the same in vectors of twice the size --- */

#define AVX512 TSN_CPU_TARGET_AVX512 static inline __attribute__((always_inline))

struct avx512_words {
	__m512i v[4];
};

/* 16 bytes of records i, i + 4, i + 8 and i + 12. */
AVX512 __m512i
avx512_row(const uint8_t *p, size_t i, size_t stride, size_t at, __m128i order)
{
	const uint8_t *q = p + i * stride + at;
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)q));

	/* a load that is broadcast under a mask takes no shuffle, as one that is inserted does */
	v = _mm512_mask_broadcast_i32x4(v, 0x00f0, _mm_loadu_si128((const __m128i *)(q + 4 * stride)));
	v = _mm512_mask_broadcast_i32x4(v, 0x0f00, _mm_loadu_si128((const __m128i *)(q + 8 * stride)));
	v = _mm512_mask_broadcast_i32x4(v, 0xf000, _mm_loadu_si128((const __m128i *)(q + 12 * stride)));
	return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(order));
}

AVX512 struct avx512_words
avx512_turn(const uint8_t *p, size_t stride, size_t at, __m128i order)
{
	__m512i r0 = avx512_row(p, 0, stride, at, order), r1 = avx512_row(p, 1, stride, at, order);
	__m512i r2 = avx512_row(p, 2, stride, at, order), r3 = avx512_row(p, 3, stride, at, order);
	__m512i ab01 = _mm512_unpacklo_epi32(r0, r1), cd01 = _mm512_unpackhi_epi32(r0, r1);
	__m512i ab23 = _mm512_unpacklo_epi32(r2, r3), cd23 = _mm512_unpackhi_epi32(r2, r3);

	return (struct avx512_words){ {
		_mm512_unpacklo_epi64(ab01, ab23), _mm512_unpackhi_epi64(ab01, ab23),
		_mm512_unpacklo_epi64(cd01, cd23), _mm512_unpackhi_epi64(cd01, cd23),
	} };
}

AVX512 __m512i
avx512_and(__m512i v, int bits)
{
	return _mm512_and_si512(v, _mm512_set1_epi32(bits));
}

AVX512 void
avx512_put_8(uint8_t *col, __m512i v)
{
	_mm_storeu_si128((__m128i *)col, _mm512_cvtepi32_epi8(v));
}

AVX512 void
avx512_put_16(uint16_t *col, __m512i v)
{
	_mm256_storeu_si256((__m256i *)col, _mm512_cvtepi32_epi16(v));
}

AVX512 void
avx512_put_32(uint32_t *col, __m512i v)
{
	_mm512_storeu_si512(col, v);
}

AVX512 void
avx512_put_64(uint64_t *col, __m512i v)
{
	_mm512_storeu_si512(col, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(v)));
	_mm512_storeu_si512(col + 8, _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(v, 1)));
}

AVX512 void
avx512_put_pair(uint64_t *col, __m512i low, __m512i high)
{
	const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
	_mm512_storeu_si512(col, _mm512_permutex2var_epi32(low, first, high));
	_mm512_storeu_si512(col + 8, _mm512_permutex2var_epi32(low, _mm512_add_epi32(first, _mm512_set1_epi32(8)), high));
}

AVX512 __m512i
avx512_age(__m512i v, uint32_t uptime)
{
	return _mm512_sub_epi32(_mm512_set1_epi32((int)uptime), v);
}

AVX512 void
avx512_put_before(int64_t *col, __m512i age, int64_t now)
{
	const __m512i from = _mm512_set1_epi64(now);

	_mm512_storeu_si512(col, _mm512_sub_epi64(from, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(age))));
	_mm512_storeu_si512(col + 8, _mm512_sub_epi64(from, _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(age, 1))));
}

AVX512 void
avx512_put_uptime(int64_t *col, __m512i v, uint32_t uptime, int64_t exported)
{
	avx512_put_before(col, avx512_age(v, uptime), exported);
}

AVX512 void
avx512_put_event(int64_t *col, __m512i v, uint32_t uptime, int64_t received)
{
	avx512_put_before(col, _mm512_min_epu32(avx512_age(v, uptime), _mm512_set1_epi32((int)TSN_AGE_MAX)), received);
}

AVX512 bool
avx512_is_ahead(__m512i v, uint32_t uptime)
{
	return _mm512_cmpge_epu32_mask(avx512_age(v, uptime), _mm512_set1_epi32(AHEAD)) != 0;
}

AVX512 bool
avx512_is_later(__m512i first, __m512i last, uint32_t uptime)
{
	const __m512i now = _mm512_set1_epi32((int)uptime);

	return _mm512_cmplt_epu32_mask(_mm512_sub_epi32(now, first), _mm512_sub_epi32(now, last)) != 0;
}

AVX512 bool
avx512_put_millis(uint64_t *col, __m512i low, __m512i high)
{
	const __m512i one = _mm512_set1_epi64(1), most = _mm512_set1_epi64(TSN_TIME_LATEST);
	__m512i x, y;

	avx512_put_pair(col, low, high);
	x = _mm512_sub_epi64(_mm512_loadu_si512(col), one);
	y = _mm512_sub_epi64(_mm512_loadu_si512(col + 8), one);
	return (_mm512_cmpge_epu64_mask(x, most) | _mm512_cmpge_epu64_mask(y, most)) != 0;
}

#define NAME(x) avx512_##x
#define TARGET AVX512
#define ENTRY TSN_CPU_TARGET_AVX512 static
#define VECTOR __m512i
#define AT_ONCE 16
#include "decode/fill_body.h"

/* How many are done sixteen at a time. Up to eight that are then left take half as long by the last eight; else all are done so, or none. */
static uint32_t
by_sixteens(uint32_t n)
{
	const uint32_t left = n % AT_ONCE;

	if (n < AT_ONCE || tsn_cpu_level < TSN_CPU_AVX512)
		return 0;
	return left > 0 && left <= TSN_FILL_WIDE ? n - left : n;
}

enum tsn_turned
tsn_turns_run(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const struct tsn_turn_records *r)
{
	const uint32_t wide = by_sixteens(r->n);
	bool odd = false;

	if (r->n < TSN_FILL_WIDE || tsn_cpu_level < TSN_CPU_AVX2)
		return TSN_TURNED_NOT;
	if (wide > 0)
		odd = avx512_turns(b, t, turns, r, 0, wide);
	if (wide < r->n)
		odd |= avx2_turns(b, t, turns, r, wide, r->n);
	return odd ? TSN_TURNED_ODD : TSN_TURNED;
}

enum tsn_turned
tsn_fixed_turn(const struct tsn_batch *b, const struct tsn_field_set *fields, const struct tsn_turn_records *r)
{
	const uint32_t wide = by_sixteens(r->n);
	bool odd = false;

	if (r->n < TSN_FILL_WIDE || tsn_cpu_level < TSN_CPU_AVX2)
		return TSN_TURNED_NOT;
	if (wide > 0)
		odd = avx512_fixed(b, r, 0, wide, fields);
	if (wide < r->n)
		odd |= avx2_fixed(b, r, wide, r->n, fields);
	return odd ? TSN_TURNED_ODD : TSN_TURNED;
}

#else

enum tsn_turned
tsn_fixed_turn(const struct tsn_batch *b, const struct tsn_field_set *fields, const struct tsn_turn_records *r)
{
	(void)b, (void)fields, (void)r;
	return TSN_TURNED_NOT;
}

enum tsn_turned
tsn_turns_run(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const struct tsn_turn_records *r)
{
	(void)b, (void)t, (void)turns, (void)r;
	return TSN_TURNED_NOT;
}

#endif
