/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The kernels, included by kernels.c once a level with, for that level:
 *
 *   NAME(x)  x with the level's name before it
 *   TARGET   the attribute of its functions
 *   KEEP(&keep, rows, has)  fills in the rows to look at; the words that have some, as bits
 *   COL(type, p)  rows of a column: one, or as many as a vector has
 *   FILL_8, FILL_16, FILL_32, FILL_64(none, type, left, REL, right)  ends the function with the mask of a comparison of such
 *            expressions, REL one of EQ LT LE GT; [right] may be a number; [none]: see kernels.c
 *
 *   VECTOR(type), LEAST_u16, LEAST_u32(a, b), SOME(type, v, REL, right)  where there are vectors: one, the lesser of two place
 *            by place, is a comparison true somewhere
 *
 * The types are u8 u16 u32 u64 i64 f64.
 */

#define ROWS struct tsn_mask *out, const struct tsn_mask *rows, const struct tsn_mask *has

/*
 * Unsigned distance from lo, at most hi - lo: one comparison instead of two. Most rules ask for what is rare: where no row
 * of a whole batch has it, that is found three times faster by its nearest row than bit by bit.
 */
#ifdef LEAST_u16
#define NONE(name, width, type, distance) \
	TARGET static bool \
	NAME(name##width)(const type *col, type a, type b, type most) \
	{ \
		VECTOR(u##width) near[4]; \
		memset(near, 0xff, sizeof(near)); \
		for (size_t from = 0; from < TSN_BATCH_ROWS; from += 4 * ROWS_OF(near[0], type)) \
			for (size_t i = 0; i < 4; i++) { /* one after the other they would wait for each other */ \
				const size_t j = from + i * ROWS_OF(near[0], type); \
				near[i] = (VECTOR(u##width))LEAST_u##width(near[i], distance); \
			} \
		near[0] = (VECTOR(u##width))LEAST_u##width(near[0], near[1]); \
		near[2] = (VECTOR(u##width))LEAST_u##width(near[2], near[3]); \
		near[0] = (VECTOR(u##width))LEAST_u##width(near[0], near[2]); \
		return !SOME(u##width, near[0], LE, most); \
	}
#define ROWS_OF(vector, type) (sizeof(vector) / sizeof(type))
NONE(none_above, 16, uint16_t, COL(u16, col) - a - b)
NONE(none_above, 32, uint32_t, COL(u32, col) - a - b)
NONE(none_like, 32, uint32_t, (COL(u32, col) & a) ^ b)
#undef NONE
#undef ROWS_OF
#define RANGE_NONE_16 NAME(none_above16)(col, lo, 0, span)
#define RANGE_NONE_32 NAME(none_above32)(col, lo, 0, span)
#define BITS_NONE_32 NAME(none_like32)(col, mask, want, 0)
#else
#define RANGE_NONE_16 false
#define RANGE_NONE_32 false
#define BITS_NONE_32 false
#endif
#define RANGE_NONE_8 false
#define BITS_NONE_8 false
#define BITS_NONE_16 false
#define BITS_NONE_64 false

#define RANGE(width, type) \
	TARGET static bool \
	NAME(range##width)(ROWS, const type *col, type lo, type hi) \
	{ \
		type span = (type)(hi - lo); \
		if (span == 0) \
			FILL_##width(RANGE_NONE_##width, u##width, COL(u##width, col), EQ, lo); \
		else \
			FILL_##width(RANGE_NONE_##width, u##width, COL(u##width, col) - lo, LE, span); \
	}
RANGE(8, uint8_t)
RANGE(16, uint16_t)
RANGE(32, uint32_t)
#undef RANGE

/* The same, moved down by 2^63: vectors compare 64-bit numbers signed. */
TARGET static bool
NAME(range64)(ROWS, const int64_t *col, int64_t lo, int64_t hi)
{
	const uint64_t down = (uint64_t)lo + (UINT64_C(1) << 63);
	const int64_t most = (int64_t)((uint64_t)hi - down);

	if (lo == hi)
		FILL_64(false, i64, COL(i64, col), EQ, lo);
	else
		FILL_64(false, i64, COL(u64, col) - down, LE, most);
}

#define BITS(width, type) \
	TARGET static bool \
	NAME(bits##width)(ROWS, const type *col, type mask, type want) \
	{ \
		FILL_##width(BITS_NONE_##width, u##width, COL(u##width, col) & mask, EQ, want); \
	}
BITS(8, uint8_t)
BITS(16, uint16_t)
BITS(32, uint32_t)
BITS(64, uint64_t)
#undef BITS

TARGET static bool
NAME(pair)(ROWS, const uint64_t *hi, const uint64_t *lo, const uint64_t mask[2],
    const uint64_t want[2])
{
	const uint64_t hi_mask = mask[0], lo_mask = mask[1], hi_want = want[0], lo_want = want[1], none = 0;

	FILL_64(false, u64, ((COL(u64, hi) & hi_mask) ^ hi_want) | ((COL(u64, lo) & lo_mask) ^ lo_want), EQ, none);
}

#define SAME(width, type) \
	TARGET static bool \
	NAME(same##width)(ROWS, const type *a, const type *b, type amask, type bmask) \
	{ \
		FILL_##width(false, u##width, COL(u##width, a) & amask, EQ, COL(u##width, b) & bmask); \
	}
SAME(32, uint32_t)
SAME(64, uint64_t)
#undef SAME

#define TWO(name, type, column, rel) \
	TARGET static bool \
	NAME(name)(ROWS, const type *a, const type *b) \
	{ \
		FILL_64(false, column, COL(column, a), rel, COL(column, b)); \
	}
TWO(less_int, int64_t, i64, LT)
TWO(equal_int, int64_t, i64, EQ)
TWO(less_real, double, f64, LT)
TWO(equal_real, double, f64, EQ)
#undef TWO

#define ONE(name, rel) \
	TARGET static bool \
	NAME(name)(ROWS, const double *a, double c) \
	{ \
		FILL_64(false, f64, COL(f64, a), rel, c); \
	}
ONE(below, LT)
ONE(at, EQ)
ONE(above, GT)
#undef ONE

TARGET static bool
NAME(pack)(ROWS, const uint8_t *bytes)
{
	const uint8_t none = 0;

	FILL_8(false, u8, COL(u8, bytes), GT, none);
}

static const struct tsn_kernels NAME(kernels) = {
	.range8 = NAME(range8), .range16 = NAME(range16), .range32 = NAME(range32), .range64 = NAME(range64),
	.bits8 = NAME(bits8), .bits16 = NAME(bits16), .bits32 = NAME(bits32), .bits64 = NAME(bits64),
	.pair = NAME(pair), .same32 = NAME(same32), .same64 = NAME(same64),
	.less_int = NAME(less_int), .equal_int = NAME(equal_int),
	.less_real = NAME(less_real), .equal_real = NAME(equal_real),
	.below = NAME(below), .at = NAME(at), .above = NAME(above), .pack = NAME(pack),
};

#undef NAME
#undef TARGET
#undef RANGE_NONE_8
#undef RANGE_NONE_16
#undef RANGE_NONE_32
#undef BITS_NONE_8
#undef BITS_NONE_16
#undef BITS_NONE_32
#undef BITS_NONE_64
#undef ROWS
#undef KEEP
#undef COL
#undef VECTOR
#undef LEAST_u16
#undef LEAST_u32
#undef SOME
#undef FILL_8
#undef FILL_16
#undef FILL_32
#undef FILL_64
