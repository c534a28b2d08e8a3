/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The kernels, included by kernels.c once a build with NAME(x) set. Each fills
 * 64 bytes with 0 or 1 in a loop that compilers vectorise, then packs them
 * into a word while they are in registers.
 */

static inline __attribute__((always_inline)) uint64_t
NAME(pack64)(const uint8_t hit[64])
{
#if defined(__AVX2__)
	__m256i a = _mm256_slli_epi16(_mm256_loadu_si256((const __m256i *)hit), 7);
	__m256i b = _mm256_slli_epi16(_mm256_loadu_si256((const __m256i *)(hit + 32)), 7);

	return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
#elif defined(__SSE2__)
	uint64_t word = 0;

	for (int i = 0; i < 4; i++) {
		__m128i a = _mm_slli_epi16(_mm_loadu_si128((const __m128i *)(hit + 16 * i)), 7);

		word |= (uint64_t)(uint32_t)_mm_movemask_epi8(a) << (16 * i);
	}
	return word;
#else
	uint64_t word = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t eight = 0;

		for (int k = 0; k < 8; k++)
			eight |= (uint64_t)hit[8 * i + k] << (8 * k);
		word |= (eight * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
	return word;
#endif
}

#define FILL(condition) \
	do { \
		uint32_t words = (n + 63) / 64; \
		for (uint32_t w = 0; w < words; w++) { \
			uint8_t hit[64]; \
			for (uint32_t k = 0; k < 64; k++) { \
				uint32_t j = w * 64 + k; \
				hit[k] = (condition); \
			} \
			out->w[w] = NAME(pack64)(hit); \
		} \
		for (uint32_t w = words; w < TSN_MASK_WORDS; w++) \
			out->w[w] = 0; \
	} while (0)

/* Unsigned distance from lo, at most hi - lo: one comparison instead of two. */
#define RANGE(width, type, word) \
	static void \
	NAME(range##width)(struct tsn_mask *out, const type *col, uint32_t n, type lo, type hi) \
	{ \
		word span = (word)((word)hi - (word)lo); \
		FILL((word)((word)col[j] - (word)lo) <= span); \
	}
RANGE(8, uint8_t, uint8_t)
RANGE(16, uint16_t, uint16_t)
RANGE(32, uint32_t, uint32_t)
#undef RANGE

/* Vectors compare 64-bit numbers signed, so two comparisons are cheaper here; often one is enough. */
static void
NAME(range64)(struct tsn_mask *out, const int64_t *col, uint32_t n, int64_t lo, int64_t hi)
{
	if (lo == hi)
		FILL(col[j] == lo);
	else if (hi == INT64_MAX)
		FILL(col[j] >= lo);
	else if (lo == INT64_MIN)
		FILL(col[j] <= hi);
	else
		FILL((col[j] >= lo) & (col[j] <= hi));
}

#define BITS(width, type) \
	static void \
	NAME(bits##width)(struct tsn_mask *out, const type *col, uint32_t n, type mask, type want) \
	{ \
		FILL((type)(col[j] & mask) == want); \
	}
BITS(8, uint8_t)
BITS(16, uint16_t)
BITS(32, uint32_t)
BITS(64, uint64_t)
#undef BITS

static void
NAME(pair)(struct tsn_mask *out, const uint64_t *hi, const uint64_t *lo, uint32_t n, const uint64_t mask[2],
    const uint64_t want[2])
{
	uint64_t hi_mask = mask[0], lo_mask = mask[1], hi_want = want[0], lo_want = want[1];

	FILL((((hi[j] & hi_mask) ^ hi_want) | ((lo[j] & lo_mask) ^ lo_want)) == 0);
}

#define SAME(width, type) \
	static void \
	NAME(same##width)(struct tsn_mask *out, const type *a, const type *b, uint32_t n, type amask, type bmask) \
	{ \
		FILL((type)(a[j] & amask) == (type)(b[j] & bmask)); \
	}
SAME(32, uint32_t)
SAME(64, uint64_t)
#undef SAME

#define TWO(name, type, op) \
	static void \
	NAME(name)(struct tsn_mask *out, const type *a, const type *b, uint32_t n) \
	{ \
		FILL(a[j] op b[j]); \
	}
TWO(less_int, int64_t, <)
TWO(equal_int, int64_t, ==)
TWO(less_real, double, <)
TWO(equal_real, double, ==)
#undef TWO

#define ONE(name, op) \
	static void \
	NAME(name)(struct tsn_mask *out, const double *a, uint32_t n, double c) \
	{ \
		FILL(a[j] op c); \
	}
ONE(below, <)
ONE(at, ==)
ONE(above, >)
#undef ONE

static void
NAME(pack)(struct tsn_mask *out, const uint8_t *bytes, uint32_t n)
{
	uint32_t words = (n + 63) / 64;

	for (uint32_t w = 0; w < words; w++)
		out->w[w] = NAME(pack64)(bytes + w * 64);
	for (uint32_t w = words; w < TSN_MASK_WORDS; w++)
		out->w[w] = 0;
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
