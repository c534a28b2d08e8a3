/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How a level makes a mask of a comparison; what is compared stands in kernels_body.h. The portable way fills 64 bytes in
 * a loop that compilers vectorise, then packs them into a word. AVX2 compares in registers and packs those; AVX-512 has
 * comparisons that leave bits.
 */
#include "vm/kernels.h"

#include <stddef.h>

#if TSN_CPU_X86
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Does [word] for rows 64 * w to 64 * w + 63: it has [from], the first of them, and leaves their bits in [bits]. */
#define ONE_WORD(word) \
	do { \
		const size_t from = w * 64; \
		uint64_t bits = 0; \
		word \
		bits &= keep.w[w]; \
		out->w[w] = bits; \
		any |= bits; \
	} while (0)
/* For every word with rows to look at, mostly all or few. [none]: certainly no row of the column is a hit; cheaper to ask. */
#define EACH_WORD(none, word) \
	do { \
		struct tsn_mask keep; \
		uint64_t any = 0; \
		uint64_t todo = KEEP(&keep, rows, has); \
		if (todo == ALL_WORDS && !(none)) { \
			for (size_t w = 0; w < TSN_MASK_WORDS; w++) \
				ONE_WORD(word); \
			return any != 0; \
		} \
		tsn_mask_clear(out); \
		for (todo = todo == ALL_WORDS ? 0 : todo; todo != 0; todo &= todo - 1) { \
			const size_t w = (size_t)__builtin_ctzll(todo); \
			ONE_WORD(word); \
		} \
		return any != 0; \
	} while (0)
#define ALL_WORDS (UINT64_MAX >> (64 - TSN_MASK_WORDS))
_Static_assert(TSN_MASK_WORDS <= 64 && TSN_MASK_WORDS % 8 == 0, "one bit a word of a mask, and whole vectors of words");

/* --- any CPU --- */

typedef uint8_t one_u8;
typedef uint16_t one_u16;
typedef uint32_t one_u32;
typedef uint64_t one_u64;
typedef int64_t one_i64;
typedef double one_f64;

/* The lowest bits of 64 bytes that are 0 or 255. */
static inline uint64_t
pack64(const uint8_t hit[64])
{
	uint64_t word = 0;
#if TSN_CPU_X86
	for (int i = 0; i < 4; i++) {
		__m128i a = _mm_loadu_si128((const __m128i *)(hit + 16 * i));

		word |= (uint64_t)(uint32_t)_mm_movemask_epi8(a) << (16 * i);
	}
#elif defined(__aarch64__)
	static const uint8_t place[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	const uint8x16_t bit = vld1q_u8(place);
	uint8x16_t a = vpaddq_u8(vandq_u8(vld1q_u8(hit), bit), vandq_u8(vld1q_u8(hit + 16), bit));
	uint8x16_t b = vpaddq_u8(vandq_u8(vld1q_u8(hit + 32), bit), vandq_u8(vld1q_u8(hit + 48), bit));

	a = vpaddq_u8(a, b);
	word = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(a, a)), 0);
#else
	for (int i = 0; i < 8; i++) {
		uint64_t eight = 0;

		for (int k = 0; k < 8; k++)
			eight |= (uint64_t)(hit[8 * i + k] & 1) << (8 * k);
		word |= (eight * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
#endif
	return word;
}

#define REL_EQ ==
#define REL_LT <
#define REL_LE <=
#define REL_GT >
/* 255 for true is what a vector comparison leaves, so nothing is to be done to it. */
#define FILL_ONE(none, type, left, rel, right) \
	EACH_WORD(none, \
		uint8_t hit[64]; \
		for (size_t k = 0; k < 64; k++) { \
			const size_t j = from + k; \
			hit[k] = (one_##type)(left) REL_##rel (one_##type)(right) ? 255 : 0; \
		} \
		bits = pack64(hit);)

static inline uint64_t
any_keep(struct tsn_mask *keep, const struct tsn_mask *rows, const struct tsn_mask *has)
{
	uint64_t words = 0;

	for (uint32_t i = 0; i < TSN_MASK_WORDS; i++) {
		keep->w[i] = rows->w[i] & has->w[i];
		words |= (uint64_t)(keep->w[i] != 0) << i;
	}
	return words;
}

#define NAME(x) any_##x
#define TARGET
#define KEEP any_keep
#define COL(type, p) ((one_##type)(p)[j])
#define FILL_8 FILL_ONE
#define FILL_16 FILL_ONE
#define FILL_32 FILL_ONE
#define FILL_64 FILL_ONE
#include "vm/kernels_body.h"

#if TSN_CPU_X86

/* --- AVX2: vectors of 32 bytes that lie anywhere in a column --- */

#define VECTOR32 __attribute__((vector_size(32), aligned(1), may_alias))
typedef uint8_t avx2_u8 VECTOR32;
typedef uint16_t avx2_u16 VECTOR32;
typedef uint32_t avx2_u32 VECTOR32;
typedef uint64_t avx2_u64 VECTOR32;
typedef int64_t avx2_i64 VECTOR32;
typedef double avx2_f64 VECTOR32;

#define AVX2 TSN_CPU_TARGET_AVX2 static inline __attribute__((always_inline))

AVX2 uint64_t
bytes_bits(__m256i v)
{
	return (uint32_t)_mm256_movemask_epi8(v);
}

/* Packing works within halves of 16 bytes; the last step puts the rows back in order. */
AVX2 __m256i
words_bytes(__m256i a, __m256i b)
{
	return _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xd8);
}

AVX2 __m256i
longs_bytes(__m256i a, __m256i b, __m256i c, __m256i d)
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));

	return _mm256_permutevar8x32_epi32(bytes, order);
}

/* By whole vectors: reading at once what was written in pieces would wait for the pieces. */
AVX2 uint64_t
avx2_keep(struct tsn_mask *keep, const struct tsn_mask *rows, const struct tsn_mask *has)
{
	uint64_t none = 0;

	for (uint32_t i = 0; i < TSN_MASK_WORDS; i += 4) {
		__m256i four = _mm256_and_si256(*(const __m256i *)(rows->w + i), *(const __m256i *)(has->w + i));

		*(__m256i *)(keep->w + i) = four;
		none |= (uint64_t)_mm256_movemask_pd((__m256d)_mm256_cmpeq_epi64(four, _mm256_setzero_si256())) << i;
	}
	return none ^ ALL_WORDS;
}

#define COMPARE_256(type, left, rel, right) (__m256i)((avx2_##type)(left) REL_##rel (right))
#define AVX2_8(none, type, left, rel, right) \
	EACH_WORD(none, \
		for (size_t k = 0; k < 64; k += 32) { \
			const size_t j = from + k; \
			bits |= bytes_bits(COMPARE_256(type, left, rel, right)) << k; \
		})
#define AVX2_16(none, type, left, rel, right) \
	EACH_WORD(none, \
		for (size_t k = 0; k < 64; k += 32) { \
			__m256i part[2]; \
			for (size_t i = 0; i < 2; i++) { \
				const size_t j = from + k + 16 * i; \
				part[i] = COMPARE_256(type, left, rel, right); \
			} \
			bits |= bytes_bits(words_bytes(part[0], part[1])) << k; \
		})
#define AVX2_32(none, type, left, rel, right) \
	EACH_WORD(none, \
		for (size_t k = 0; k < 64; k += 32) { \
			__m256i part[4]; \
			for (size_t i = 0; i < 4; i++) { \
				const size_t j = from + k + 8 * i; \
				part[i] = COMPARE_256(type, left, rel, right); \
			} \
			bits |= bytes_bits(longs_bytes(part[0], part[1], part[2], part[3])) << k; \
		})
/* Narrowing to bytes would cost more than the comparison. */
#define AVX2_64(none, type, left, rel, right) \
	EACH_WORD(none, \
		for (size_t k = 0; k < 64; k += 4) { \
			const size_t j = from + k; \
			__m256d part = (__m256d)COMPARE_256(type, left, rel, right); \
			bits |= (uint64_t)(uint32_t)_mm256_movemask_pd(part) << k; \
		})

#define NAME(x) avx2_##x
#define TARGET TSN_CPU_TARGET_AVX2
#define KEEP avx2_keep
#define COL(type, p) (*(const avx2_##type *)((p) + j))
#define VECTOR(type) avx2_##type
#define LEAST_u16(a, b) _mm256_min_epu16((__m256i)(a), (__m256i)(b))
#define LEAST_u32(a, b) _mm256_min_epu32((__m256i)(a), (__m256i)(b))
#define SOME(type, v, rel, right) (bytes_bits(COMPARE_256(type, v, rel, right)) != 0)
#define FILL_8 AVX2_8
#define FILL_16 AVX2_16
#define FILL_32 AVX2_32
#define FILL_64 AVX2_64
#include "vm/kernels_body.h"

/* --- AVX-512 --- */

#define VECTOR64 __attribute__((vector_size(64), aligned(1), may_alias))
typedef uint8_t avx512_u8 VECTOR64;
typedef uint16_t avx512_u16 VECTOR64;
typedef uint32_t avx512_u32 VECTOR64;
typedef uint64_t avx512_u64 VECTOR64;
typedef int64_t avx512_i64 VECTOR64;
typedef double avx512_f64 VECTOR64;

TSN_CPU_TARGET_AVX512 static inline __attribute__((always_inline)) uint64_t
avx512_keep(struct tsn_mask *keep, const struct tsn_mask *rows, const struct tsn_mask *has)
{
	uint64_t words = 0;

	for (int i = 0; i < TSN_MASK_WORDS; i += 8) {
		const __m512i eight = _mm512_and_si512(*(const __m512i *)(rows->w + i), *(const __m512i *)(has->w + i));

		*(__m512i *)(keep->w + i) = eight;
		words |= (uint64_t)_mm512_test_epi64_mask(eight, eight) << i;
	}
	__asm__("" : "+m"(*keep)); /* gcc would take the words out of the registers one by one, which is slower than reading them */
	return words;
}

#define INT_EQ _MM_CMPINT_EQ
#define INT_LT _MM_CMPINT_LT
#define INT_LE _MM_CMPINT_LE
#define INT_GT _MM_CMPINT_NLE
#define REAL_EQ _CMP_EQ_OQ
#define REAL_LT _CMP_LT_OQ
#define REAL_LE _CMP_LE_OQ
#define REAL_GT _CMP_GT_OQ
#define INTS(type, x) (__m512i)((x) + (avx512_##type){ 0 }) /* of a number: in every place */
#define COMPARE_u8(l, rel, r) _mm512_cmp_epu8_mask((__m512i)(l), INTS(u8, r), INT_##rel)
#define COMPARE_u16(l, rel, r) _mm512_cmp_epu16_mask((__m512i)(l), INTS(u16, r), INT_##rel)
#define COMPARE_u32(l, rel, r) _mm512_cmp_epu32_mask((__m512i)(l), INTS(u32, r), INT_##rel)
#define COMPARE_u64(l, rel, r) _mm512_cmp_epu64_mask((__m512i)(l), INTS(u64, r), INT_##rel)
#define COMPARE_i64(l, rel, r) _mm512_cmp_epi64_mask((__m512i)(l), INTS(i64, r), INT_##rel)
#define COMPARE_f64(l, rel, r) _mm512_cmp_pd_mask((__m512d)(l), (__m512d)((r) - (avx512_f64){ 0 }), REAL_##rel)
#define FILL_512(step, none, type, left, rel, right) \
	EACH_WORD(none, \
		for (size_t k = 0; k < 64; k += (step)) { \
			const size_t j = from + k; \
			bits |= (uint64_t)COMPARE_##type(left, rel, right) << k; \
		})

#define NAME(x) avx512_##x
#define TARGET TSN_CPU_TARGET_AVX512
#define KEEP avx512_keep
#define COL(type, p) (*(const avx512_##type *)((p) + j))
#define VECTOR(type) avx512_##type
#define LEAST_u16(a, b) _mm512_min_epu16((__m512i)(a), (__m512i)(b))
#define LEAST_u32(a, b) _mm512_min_epu32((__m512i)(a), (__m512i)(b))
#define SOME(type, v, rel, right) (COMPARE_##type(v, rel, right) != 0)
#define FILL_8(...) FILL_512(64, __VA_ARGS__)
#define FILL_16(...) FILL_512(32, __VA_ARGS__)
#define FILL_32(...) FILL_512(16, __VA_ARGS__)
#define FILL_64(...) FILL_512(8, __VA_ARGS__)
#include "vm/kernels_body.h"

#endif

const struct tsn_kernels *
tsn_kernels_of(enum tsn_cpu level)
{
#if TSN_CPU_X86
	if (level == TSN_CPU_AVX512)
		return &avx512_kernels;
	if (level == TSN_CPU_AVX2)
		return &avx2_kernels;
#endif
	(void)level;
	return &any_kernels;
}
