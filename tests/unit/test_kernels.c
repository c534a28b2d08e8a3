/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What is built for each level of CPU against what it says, row by row: the kernels that make masks, arithmetic over vectors,
 * counting and listing of masks. Columns of numbers at the edges of their types, masks of every density and of every length of a batch.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "vm/kernels.h"
#include "vm/numbers.h"

static uint64_t seed = 42;
static enum tsn_cpu level;

static uint64_t
rnd(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed >> 32 ^ seed << 32;
}

static const uint64_t edges[] = { 0, 1, 2, 127, 128, 129, 254, 255, 256, 32767, 32768, 65534, 65535, 65536, 0x7fffffff,
    0x80000000, 0xfffffffe, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff };

static uint64_t
edge(void)
{
	uint64_t r = rnd();

	return r & 1 ? edges[r / 2 % (sizeof(edges) / sizeof(edges[0]))] : rnd();
}

/* Two columns of each type, and what they are compared with. */
static struct {
	_Alignas(64) uint8_t x8[TSN_BATCH_ROWS];
	_Alignas(64) uint16_t x16[TSN_BATCH_ROWS];
	_Alignas(64) uint32_t x32[TSN_BATCH_ROWS], y32[TSN_BATCH_ROWS];
	_Alignas(64) uint64_t x64[TSN_BATCH_ROWS], y64[TSN_BATCH_ROWS];
	_Alignas(64) double xf[TSN_BATCH_ROWS], yf[TSN_BATCH_ROWS];
	uint8_t lo8, hi8, m8, w8;
	uint16_t lo16, hi16, m16, w16;
	uint32_t lo32, hi32, m32, w32;
	int64_t lo64, hi64;
	uint64_t m64, w64, masks[2], wants[2];
	double c;
} in;

/* [rare]: the constants are in no row or in few, as with most rules. */
#define CONSTANTS(width, rare) \
	do { \
		in.lo##width = (uint##width##_t)edge(); \
		in.hi##width = rnd() & 1 ? in.lo##width : (uint##width##_t)edge(); \
		if (in.hi##width < in.lo##width) \
			in.hi##width = in.lo##width; \
		in.m##width = (uint##width##_t)edge(); \
		in.w##width = in.x##width[rnd() % TSN_BATCH_ROWS] & in.m##width; \
		for (uint32_t j = 0; j < TSN_BATCH_ROWS && (rare); j++) \
			if (rnd() % 2048 != 0 && in.x##width[j] >= in.lo##width && in.x##width[j] <= in.hi##width) \
				in.x##width[j] = (uint##width##_t)(in.hi##width + 1); \
	} while (0)

static void
make_columns(bool rare)
{
	for (uint32_t j = 0; j < TSN_BATCH_ROWS; j++) {
		in.x8[j] = (uint8_t)edge();
		in.x16[j] = (uint16_t)edge();
		in.x32[j] = (uint32_t)edge();
		in.y32[j] = rnd() & 1 ? in.x32[j] ^ (uint32_t)(rnd() & 255) : (uint32_t)edge();
		in.x64[j] = edge();
		in.y64[j] = rnd() & 1 ? in.x64[j] ^ (rnd() & 255) : edge();
		in.xf[j] = rnd() & 1 ? (double)(int64_t)edge() : (double)(int64_t)(rnd() % 7) / 2;
		in.yf[j] = rnd() & 1 ? in.xf[j] : 1.5;
	}
	CONSTANTS(8, false);
	CONSTANTS(16, rare);
	CONSTANTS(32, rare);
	in.lo64 = (int64_t)edge();
	in.hi64 = rnd() & 1 ? INT64_MAX : (int64_t)edge();
	if (in.hi64 < in.lo64)
		in.lo64 = rnd() & 1 ? INT64_MIN : in.hi64;
	in.m64 = edge();
	in.w64 = in.x64[rnd() % TSN_BATCH_ROWS] & in.m64;
	for (int i = 0; i < 2; i++) {
		in.masks[i] = rnd() & 1 ? UINT64_MAX : UINT64_C(0xffffffffffff0000);
		in.wants[i] = (i == 0 ? in.x64 : in.y64)[500] & in.masks[i];
	}
	in.c = in.xf[rnd() % TSN_BATCH_ROWS];
}

/* One row a kernel: its name, how it is called, and what it must say of row j. */
#define KERNELS(X) \
	X(range8, (K, in.x8, in.lo8, in.hi8), in.x8[j] >= in.lo8 && in.x8[j] <= in.hi8) \
	X(range16, (K, in.x16, in.lo16, in.hi16), in.x16[j] >= in.lo16 && in.x16[j] <= in.hi16) \
	X(range32, (K, in.x32, in.lo32, in.hi32), in.x32[j] >= in.lo32 && in.x32[j] <= in.hi32) \
	X(range64, (K, (const int64_t *)in.x64, in.lo64, in.hi64), \
	    (int64_t)in.x64[j] >= in.lo64 && (int64_t)in.x64[j] <= in.hi64) \
	X(bits8, (K, in.x8, in.m8, in.w8), (in.x8[j] & in.m8) == in.w8) \
	X(bits16, (K, in.x16, in.m16, in.w16), (in.x16[j] & in.m16) == in.w16) \
	X(bits32, (K, in.x32, in.m32, in.w32), (in.x32[j] & in.m32) == in.w32) \
	X(bits64, (K, in.x64, in.m64, in.w64), (in.x64[j] & in.m64) == in.w64) \
	X(pair, (K, in.x64, in.y64, in.masks, in.wants), \
	    (in.x64[j] & in.masks[0]) == in.wants[0] && (in.y64[j] & in.masks[1]) == in.wants[1]) \
	X(same32, (K, in.x32, in.y32, ~255u, ~255u), in.x32[j] >> 8 == in.y32[j] >> 8) \
	X(same64, (K, in.x64, in.y64, ~UINT64_C(255), ~UINT64_C(255)), in.x64[j] >> 8 == in.y64[j] >> 8) \
	X(less_int, (K, (const int64_t *)in.x64, (const int64_t *)in.y64), (int64_t)in.x64[j] < (int64_t)in.y64[j]) \
	X(equal_int, (K, (const int64_t *)in.x64, (const int64_t *)in.y64), in.x64[j] == in.y64[j]) \
	X(less_real, (K, in.xf, in.yf), in.xf[j] < in.yf[j]) \
	X(equal_real, (K, in.xf, in.yf), in.xf[j] == in.yf[j]) \
	X(below, (K, in.xf, in.c), in.xf[j] < in.c) \
	X(at, (K, in.xf, in.c), in.xf[j] == in.c) \
	X(above, (K, in.xf, in.c), in.xf[j] > in.c) \
	X(pack, (K, in.x8), in.x8[j] != 0)

/* Rows [0, n) of all, of none, of a few words, or of a few bits. */
static void
make_mask(struct tsn_mask *m, uint32_t n)
{
	uint64_t kind = rnd() % 4;

	tsn_mask_first(m, n);
	for (uint32_t w = 0; w < TSN_MASK_WORDS; w++)
		m->w[w] &= kind == 0 ? UINT64_MAX : kind == 1 ? (rnd() % 4 == 0 ? rnd() : 0) : kind == 2 ? rnd() : rnd() & rnd() & rnd();
}

static void
check(const char *name, const struct tsn_mask *got, bool any, const struct tsn_mask *rows, const struct tsn_mask *has,
    bool (*want)(uint32_t j))
{
	bool some = false;

	for (uint32_t j = 0; j < TSN_BATCH_ROWS; j++) {
		bool hit = tsn_mask_has(rows, j) && tsn_mask_has(has, j) && want(j);

		some |= hit;
		if (tsn_mask_has(got, j) != hit)
			cr_assert_fail("%s, %s: row %u", tsn_cpu_name(level), name, j);
	}
	cr_assert_eq(any, some, "%s, %s", tsn_cpu_name(level), name);
}

#define WANT(name, args, condition) \
	static bool \
	want_##name(uint32_t j) \
	{ \
		return condition; \
	}
KERNELS(WANT)
#undef WANT

static void
check_kernels(uint32_t n)
{
	const struct tsn_kernels *k = tsn_kernels_of(level);
	struct tsn_mask rows, has, out;
	bool any;

	make_mask(&rows, n);
	make_mask(&has, TSN_BATCH_ROWS);
#define K &out, &rows, &has
#define CALL(name, args, condition) \
	memset(&out, 0xff, sizeof(out)); \
	any = k->name args; \
	check(#name, &out, any, &rows, &has, want_##name);
	KERNELS(CALL)
#undef K
#undef CALL
	/* in place of one of the two */
	out = rows;
	any = k->range16(&out, &out, &has, in.x16, in.lo16, in.hi16);
	check("range16 in place", &out, any, &rows, &has, want_range16);
	out = has;
	any = k->bits32(&out, &rows, &out, in.x32, in.m32, in.w32);
	check("bits32 in place", &out, any, &rows, &has, want_bits32);
}

static const uint32_t sizes[] = { 0, 1, 63, 64, 65, 1023, 1024, 1024, 1024 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

Test(kernels, every_level_makes_the_masks_that_are_meant)
{
	for (level = TSN_CPU_BASELINE; level <= tsn_cpu_most(); level++) {
		for (int round = 0; round < 16; round++) {
			make_columns(round % 2 == 0);
			for (size_t s = 0; s < SIZES; s++)
				check_kernels(sizes[s]);
		}
	}
}

/* --- arithmetic --- */

/* The exact result as C has it in 128 bits; false: outside 64, or no number. */
static bool
exactly(int op, int64_t a, int64_t b, int64_t *out)
{
	__int128 r = op == 0 ? (__int128)a + b : op == 1 ? (__int128)a - b : op == 2 ? (__int128)a * b : op == 3 ? a & b :
	    op == 4 ? a | b : -(__int128)a;

	*out = (int64_t)r;
	return r >= INT64_MIN && r <= INT64_MAX;
}

static bool
really(int op, double a, double b, double *out)
{
	*out = op == 0 ? a + b : op == 1 ? a - b : op == 2 ? a * b : op == 3 ? a / b : -a;
	return isfinite(*out) && (op != 3 || b != 0);
}

static void
run(int op, struct tsn_vector *d, const struct tsn_vector *a, const struct tsn_vector *b, uint32_t n)
{
	switch (op) {
	case 0: tsn_number_add(d, a, b, n); break;
	case 1: tsn_number_sub(d, a, b, n); break;
	case 2: tsn_number_mul(d, a, b, n); break;
	case 3: (d->real ? tsn_number_div : tsn_number_band)(d, a, b, n); break;
	case 4: d->real ? tsn_number_neg(d, a, n) : tsn_number_bor(d, a, b, n); break;
	default: tsn_number_neg(d, a, n); break;
	}
}

static void
check_numbers(int op, bool real, uint32_t n)
{
	static struct tsn_vector a, b, d;

	a.real = b.real = d.real = real;
	make_mask(&a.known, n);
	make_mask(&b.known, n);
	for (uint32_t j = 0; j < TSN_BATCH_ROWS; j++) {
		a.i[j] = (int64_t)edge();
		b.i[j] = (int64_t)edge();
		if (real)
			a.f[j] = in.xf[j], b.f[j] = rnd() % 8 == 0 ? 0 : rnd() % 8 == 0 ? DBL_MAX : in.yf[(j + 7) % TSN_BATCH_ROWS];
	}
	run(op, &d, &a, &b, n);
	for (uint32_t j = 0; j < n; j++) {
		bool one = real ? op == 4 : op == 5, known = tsn_mask_has(&a.known, j) && (one || tsn_mask_has(&b.known, j));
		int64_t i = 0;
		double f = 0;

		known &= real ? really(op, a.f[j], b.f[j], &f) : exactly(op, a.i[j], b.i[j], &i);
		cr_assert_eq(tsn_mask_has(&d.known, j), known, "%s, %d, row %u", tsn_cpu_name(level), op, j);
		if (known)
			cr_assert(real ? memcmp(&d.f[j], &f, sizeof(f)) == 0 : d.i[j] == i, "%s, %d, row %u", tsn_cpu_name(level), op, j);
	}
}

Test(kernels, every_level_computes_the_same)
{
	enum tsn_cpu most = tsn_cpu_most();

	for (level = TSN_CPU_BASELINE; level <= most; level++) {
		tsn_cpu_use(level);
		make_columns(false);
		for (size_t s = 0; s < SIZES; s++)
			for (int op = 0; op < 6; op++) {
				check_numbers(op, false, sizes[s]);
				if (op < 5)
					check_numbers(op, true, sizes[s]);
			}
	}
	tsn_cpu_use(most);
}

Test(kernels, every_level_counts_and_lists_the_rows_of_a_mask)
{
	static uint16_t list[TSN_BATCH_ROWS];
	enum tsn_cpu most = tsn_cpu_most();
	struct tsn_mask m;

	for (level = TSN_CPU_BASELINE; level <= most; level++) {
		tsn_cpu_use(level);
		for (size_t s = 0; s < SIZES; s++) {
			uint32_t n = 0;

			make_mask(&m, sizes[s]);
			tsn_mask_list(&m, list);
			for (uint32_t j = 0; j < TSN_BATCH_ROWS; j++)
				if (tsn_mask_has(&m, j))
					cr_assert_eq(list[n++], j);
			cr_assert_eq(tsn_mask_count(&m), n);
			cr_assert_eq(tsn_mask_list(&m, list), n);
			cr_assert_eq(tsn_mask_any(&m), n > 0);
			tsn_mask_first(&m, sizes[s]);
			cr_assert_eq(tsn_mask_list(&m, list), sizes[s]);
			for (uint32_t j = 0; j < sizes[s]; j++)
				cr_assert_eq(list[j], j);
		}
	}
	tsn_cpu_use(most);
}
