/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The kernels, included by kernels.c once a level with, for that level:
 *
 *   NAME(x)  x with the level's name before it
 *   TARGET   the attribute of its functions
 *   COL(type, p)  rows of a column: one, or as many as a vector has
 *   FILL_8, FILL_16, FILL_32, FILL_64(type, left, REL, right)  the mask of a comparison of such expressions,
 *            REL one of EQ LT LE GT; [right] may be a number
 *
 * The types are u8 u16 u32 u64 i64 f64.
 */

/* Unsigned distance from lo, at most hi - lo: one comparison instead of two. */
#define RANGE(width, type) \
	TARGET static void \
	NAME(range##width)(struct tsn_mask *out, const type *col, uint32_t n, type lo, type hi) \
	{ \
		type span = (type)(hi - lo); \
		if (span == 0) \
			FILL_##width(u##width, COL(u##width, col), EQ, lo); \
		else \
			FILL_##width(u##width, COL(u##width, col) - lo, LE, span); \
	}
RANGE(8, uint8_t)
RANGE(16, uint16_t)
RANGE(32, uint32_t)
#undef RANGE

/* The same, moved down by 2^63: vectors compare 64-bit numbers signed. */
TARGET static void
NAME(range64)(struct tsn_mask *out, const int64_t *col, uint32_t n, int64_t lo, int64_t hi)
{
	const uint64_t down = (uint64_t)lo + (UINT64_C(1) << 63);
	const int64_t most = (int64_t)((uint64_t)hi - down);

	if (lo == hi)
		FILL_64(i64, COL(i64, col), EQ, lo);
	else
		FILL_64(i64, COL(u64, col) - down, LE, most);
}

#define BITS(width, type) \
	TARGET static void \
	NAME(bits##width)(struct tsn_mask *out, const type *col, uint32_t n, type mask, type want) \
	{ \
		FILL_##width(u##width, COL(u##width, col) & mask, EQ, want); \
	}
BITS(8, uint8_t)
BITS(16, uint16_t)
BITS(32, uint32_t)
BITS(64, uint64_t)
#undef BITS

TARGET static void
NAME(pair)(struct tsn_mask *out, const uint64_t *hi, const uint64_t *lo, uint32_t n, const uint64_t mask[2],
    const uint64_t want[2])
{
	const uint64_t hi_mask = mask[0], lo_mask = mask[1], hi_want = want[0], lo_want = want[1], none = 0;

	FILL_64(u64, ((COL(u64, hi) & hi_mask) ^ hi_want) | ((COL(u64, lo) & lo_mask) ^ lo_want), EQ, none);
}

#define SAME(width, type) \
	TARGET static void \
	NAME(same##width)(struct tsn_mask *out, const type *a, const type *b, uint32_t n, type amask, type bmask) \
	{ \
		FILL_##width(u##width, COL(u##width, a) & amask, EQ, COL(u##width, b) & bmask); \
	}
SAME(32, uint32_t)
SAME(64, uint64_t)
#undef SAME

#define TWO(name, type, column, rel) \
	TARGET static void \
	NAME(name)(struct tsn_mask *out, const type *a, const type *b, uint32_t n) \
	{ \
		FILL_64(column, COL(column, a), rel, COL(column, b)); \
	}
TWO(less_int, int64_t, i64, LT)
TWO(equal_int, int64_t, i64, EQ)
TWO(less_real, double, f64, LT)
TWO(equal_real, double, f64, EQ)
#undef TWO

#define ONE(name, rel) \
	TARGET static void \
	NAME(name)(struct tsn_mask *out, const double *a, uint32_t n, double c) \
	{ \
		FILL_64(f64, COL(f64, a), rel, c); \
	}
ONE(below, LT)
ONE(at, EQ)
ONE(above, GT)
#undef ONE

TARGET static void
NAME(pack)(struct tsn_mask *out, const uint8_t *bytes, uint32_t n)
{
	const uint8_t none = 0;

	FILL_8(u8, COL(u8, bytes), GT, none);
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
#undef COL
#undef FILL_8
#undef FILL_16
#undef FILL_32
#undef FILL_64
