/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The kernels, included by kernels.c once a build with NAME(x) set. Each fills
 * 64 bytes in a loop that compilers vectorise, then packs them into a word.
 */

/* The lowest bits of 64 bytes that are 0 or 255. */
static inline __attribute__((always_inline)) uint64_t
NAME(pack64)(const uint8_t hit[64])
{
#if defined(__AVX2__)
	__m256i a = _mm256_loadu_si256((const __m256i *)hit), b = _mm256_loadu_si256((const __m256i *)(hit + 32));

	return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
#elif defined(__SSE2__)
	uint64_t word = 0;

	for (int i = 0; i < 4; i++) {
		__m128i a = _mm_loadu_si128((const __m128i *)(hit + 16 * i));

		word |= (uint64_t)(uint32_t)_mm_movemask_epi8(a) << (16 * i);
	}
	return word;
#else
	uint64_t word = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t eight = 0;

		for (int k = 0; k < 8; k++)
			eight |= (uint64_t)(hit[8 * i + k] & 1) << (8 * k);
		word |= (eight * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
	return word;
#endif
}

/* 255 for true is what a vector comparison leaves, so nothing is to be done to it. */
#define FILL(condition) \
	do { \
		uint32_t words = (n + 63) / 64; \
		for (uint32_t w = 0; w < words; w++) { \
			uint8_t hit[64]; \
			for (uint32_t k = 0; k < 64; k++) { \
				uint32_t j = w * 64 + k; \
				hit[k] = (condition) ? 255 : 0; \
			} \
			out->w[w] = NAME(pack64)(hit); \
		} \
		for (uint32_t w = words; w < TSN_MASK_WORDS; w++) \
			out->w[w] = 0; \
	} while (0)

/*
 * The same for columns of 64 bits, where narrowing to bytes would cost more than the comparison: four at
 * a time, by vectors of the compiler's own. COL(type, p) in the condition is a number or four of them.
 */
#if defined(__AVX2__)
#define COL(type, p) (*(const four_##type *)((p) + j))
#define FILL_WIDE(condition) \
	do { \
		uint32_t words = (n + 63) / 64; \
		for (uint32_t w = 0; w < words; w++) { \
			uint64_t word = 0; \
			for (uint32_t k = 0; k < 64; k += 4) { \
				uint32_t j = w * 64 + k; \
				word |= (uint64_t)(uint32_t)_mm256_movemask_pd((__m256d)(condition)) << k; \
			} \
			out->w[w] = word; \
		} \
		for (uint32_t w = words; w < TSN_MASK_WORDS; w++) \
			out->w[w] = 0; \
	} while (0)
/* And for ports and flags, which most rules ask for: the comparisons of 32 rows become bytes in two steps. */
#define COL_16(p) (*(const sixteen_u16 *)((p) + j))
#define LOW_16(x) (x)
#define FILL_16(condition) \
	do { \
		uint32_t words = (n + 63) / 64; \
		for (uint32_t w = 0; w < words; w++) { \
			uint32_t half[2]; \
			for (uint32_t k = 0; k < 2; k++) { \
				uint32_t j = w * 64 + k * 32; \
				__m256i first = (__m256i)(condition), second; \
				j += 16; \
				second = (__m256i)(condition); \
				first = _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xd8); \
				half[k] = (uint32_t)_mm256_movemask_epi8(first); \
			} \
			out->w[w] = half[0] | (uint64_t)half[1] << 32; \
		} \
		for (uint32_t w = words; w < TSN_MASK_WORDS; w++) \
			out->w[w] = 0; \
	} while (0)
#else
#define COL(type, p) ((p)[j])
#define FILL_WIDE FILL
#define COL_16(p) ((p)[j])
#define LOW_16(x) ((uint16_t)(x)) /* C subtracts in 32 bits */
#define FILL_16 FILL
#endif

/* Unsigned distance from lo, at most hi - lo: one comparison instead of two. */
#define RANGE(width, type) \
	static void \
	NAME(range##width)(struct tsn_mask *out, const type *col, uint32_t n, type lo, type hi) \
	{ \
		type span = (type)(hi - lo); \
		if (span == 0) \
			FILL(col[j] == lo); \
		else \
			FILL((type)(col[j] - lo) <= span); \
	}
RANGE(8, uint8_t)
RANGE(32, uint32_t)
#undef RANGE

static void
NAME(range16)(struct tsn_mask *out, const uint16_t *col, uint32_t n, uint16_t lo, uint16_t hi)
{
	uint16_t span = (uint16_t)(hi - lo);

	if (span == 0)
		FILL_16(COL_16(col) == lo);
	else
		FILL_16(LOW_16(COL_16(col) - lo) <= span);
}

/* Vectors compare 64-bit numbers signed, so two comparisons are cheaper here; often one is enough. */
static void
NAME(range64)(struct tsn_mask *out, const int64_t *col, uint32_t n, int64_t lo, int64_t hi)
{
	if (lo == hi)
		FILL_WIDE(COL(i64, col) == lo);
	else if (hi == INT64_MAX)
		FILL_WIDE(COL(i64, col) >= lo);
	else if (lo == INT64_MIN)
		FILL_WIDE(COL(i64, col) <= hi);
	else
		FILL_WIDE((COL(i64, col) >= lo) & (COL(i64, col) <= hi));
}

#define BITS(width, type) \
	static void \
	NAME(bits##width)(struct tsn_mask *out, const type *col, uint32_t n, type mask, type want) \
	{ \
		FILL((type)(col[j] & mask) == want); \
	}
BITS(8, uint8_t)
BITS(32, uint32_t)
#undef BITS

static void
NAME(bits16)(struct tsn_mask *out, const uint16_t *col, uint32_t n, uint16_t mask, uint16_t want)
{
	FILL_16((COL_16(col) & mask) == want);
}

static void
NAME(bits64)(struct tsn_mask *out, const uint64_t *col, uint32_t n, uint64_t mask, uint64_t want)
{
	FILL_WIDE((COL(u64, col) & mask) == want);
}

static void
NAME(pair)(struct tsn_mask *out, const uint64_t *hi, const uint64_t *lo, uint32_t n, const uint64_t mask[2],
    const uint64_t want[2])
{
	uint64_t hi_mask = mask[0], lo_mask = mask[1], hi_want = want[0], lo_want = want[1];

	FILL_WIDE((((COL(u64, hi) & hi_mask) ^ hi_want) | ((COL(u64, lo) & lo_mask) ^ lo_want)) == 0);
}

static void
NAME(same32)(struct tsn_mask *out, const uint32_t *a, const uint32_t *b, uint32_t n, uint32_t amask, uint32_t bmask)
{
	FILL((a[j] & amask) == (b[j] & bmask));
}

static void
NAME(same64)(struct tsn_mask *out, const uint64_t *a, const uint64_t *b, uint32_t n, uint64_t amask, uint64_t bmask)
{
	FILL_WIDE((COL(u64, a) & amask) == (COL(u64, b) & bmask));
}

#define TWO(name, type, column, op) \
	static void \
	NAME(name)(struct tsn_mask *out, const type *a, const type *b, uint32_t n) \
	{ \
		FILL_WIDE(COL(column, a) op COL(column, b)); \
	}
TWO(less_int, int64_t, i64, <)
TWO(equal_int, int64_t, i64, ==)
TWO(less_real, double, f64, <)
TWO(equal_real, double, f64, ==)
#undef TWO

#define ONE(name, op) \
	static void \
	NAME(name)(struct tsn_mask *out, const double *a, uint32_t n, double c) \
	{ \
		FILL_WIDE(COL(f64, a) op c); \
	}
ONE(below, <)
ONE(at, ==)
ONE(above, >)
#undef ONE

static void
NAME(pack)(struct tsn_mask *out, const uint8_t *bytes, uint32_t n)
{
	FILL(bytes[j] != 0);
}

static const struct tsn_kernels NAME(kernels) = {
	.name = TEXT,
	.range8 = NAME(range8), .range16 = NAME(range16), .range32 = NAME(range32), .range64 = NAME(range64),
	.bits8 = NAME(bits8), .bits16 = NAME(bits16), .bits32 = NAME(bits32), .bits64 = NAME(bits64),
	.pair = NAME(pair), .same32 = NAME(same32), .same64 = NAME(same64),
	.less_int = NAME(less_int), .equal_int = NAME(equal_int),
	.less_real = NAME(less_real), .equal_real = NAME(equal_real),
	.below = NAME(below), .at = NAME(at), .above = NAME(above), .pack = NAME(pack),
};

#undef FILL
#undef FILL_WIDE
#undef COL
#undef FILL_16
#undef COL_16
#undef LOW_16
