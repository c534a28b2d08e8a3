/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Chambers, Mallows and Stuck (1976) make such a number of an angle and an exponential variable W:
 *
 *     R = A(u) + ln W,   A(u) = ln(sin(pi u) / (pi (1 - u))) - pi (1 - u) cot(pi u)
 *
 * A has the heavy tail, about -1/u for small u. Both terms come from tables: A's is indexed by the bits
 * of u as a floating-point number, so that each octave of the tail has 128 entries of its own, ln W's by the
 * low bits of the same 31-bit number, which the upper bits only come to where the tail is all that counts.
 *
 * A number has 8 bits behind the point (what rounding does to single values averages out) and is at least -2^23, so that
 * 2^32 flows cannot overflow a register. The cut is felt when 2^22 values and more are all alike rare.
 */
#include "state/stable.h"

#include <pthread.h>

#include <stddef.h>
#include <string.h>

#include "base/wide.h"
#include "state/logs.h"

#if TSN_CPU_X86
#include <immintrin.h>
#endif

#define UNIT 256.0
#define OCTAVES 31
#define STEPS 128 /* of an octave: seven bits of the significand */
#define SPREADS 256
#define LEAST (INT32_MIN + 4096) /* leaves room for the other term */
#define NEAR (3 * STEPS) /* places of u from 1/8 on */
#define TAIL (OCTAVES * STEPS - NEAR)
#define PI 3.14159265358979323846
#define BLOCK 128 /* registers at a time: loops of one kind each, which compilers keep in vectors */

struct tsn_stable {
	int32_t angle[OCTAVES * STEPS];
	int32_t spread[SPREADS];
	int16_t near[NEAR];      /* the same once more, in half as many bits, without the tail; whole cache lines */
	int16_t narrow[SPREADS];
};

_Static_assert(offsetof(struct tsn_stable, near) % 64 == 0 && sizeof(struct tsn_stable) % 64 == 0, "whole cache lines");

/* Where in the tables the numbers of a member are. */
struct places {
	uint16_t angle[TSN_STABLE];
	uint8_t spread[TSN_STABLE];
};

/* sin and cos of 0 <= x <= pi / 2, by their series: the same everywhere. */
static double
series(double x, int first)
{
	double term = first == 0 ? 1 : x, sum = term;

	for (int k = first + 1; k < 30; k += 2) {
		term *= -x * x / ((double)k * (k + 1));
		sum += term;
	}
	return sum;
}

static double
angle_part(double u)
{
	const double near = u < 0.5 ? u : 1 - u, s = series(PI * near, 1), c = (u < 0.5 ? 1 : -1) * series(PI * near, 0);

	return TSN_LN2 * tsn_log2(s / (PI * (1 - u))) - PI * (1 - u) * c / s;
}

static int32_t
in_units(double x)
{
	x *= UNIT;
	return x <= LEAST ? LEAST : (int32_t)(x < 0 ? x - 0.5 : x + 0.5);
}

/* -ln of the [i]th of equal shares of (0, 1), averaged over the share: (a ln a - b ln b) / (b - a) + 1. */
static double
mean_wait(uint32_t i)
{
	const double a = (double)i / SPREADS, b = (double)(i + 1) / SPREADS;

	return ((i == 0 ? 0 : a * tsn_log2(a)) - b * tsn_log2(b)) * TSN_LN2 * SPREADS + 1;
}

static _Alignas(64) struct tsn_stable law;

static void
work_out(void)
{
	for (uint32_t i = 0; i < OCTAVES * STEPS; i++) {
		const double low = (double)(UINT32_C(1) << i / STEPS) / 2147483648.0;

		law.angle[i] = in_units(angle_part(low * (1 + (i % STEPS + 0.5) / STEPS)));
	}
	for (uint32_t i = 0; i < SPREADS; i++)
		law.spread[i] = in_units(TSN_LN2 * tsn_log2(mean_wait(i)));
	for (uint32_t i = 0; i < NEAR; i++)
		law.near[i] = (int16_t)law.angle[TAIL + i];
	for (uint32_t i = 0; i < SPREADS; i++)
		law.narrow[i] = (int16_t)law.spread[i];
}

/* Made once for all: working it out takes longer than all else that a state begins with. */
const struct tsn_stable *
tsn_stable_law(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, work_out);
	return &law;
}

/*
 * The places of [member]'s numbers in both tables. A 32-bit mix (after Wellons' lowbias32) with half of the member at its start and
 * the other half inside. In blocks that stay in registers, as below.
 */
TSN_WIDE(static, void, places_of, (uint64_t member, struct places *p), (member, p))
{
	const uint32_t low = (uint32_t)member, high = (uint32_t)(member >> 32);

	for (uint32_t i = 0; i < TSN_STABLE; i += BLOCK) {
		uint32_t number[BLOCK];
		int32_t bits[BLOCK];
		float u[BLOCK];

		for (uint32_t j = 0; j < BLOCK; j++) {
			uint32_t h = low + (i + j) * UINT32_C(0x9e3779b9);

			h = (h ^ h >> 16) * UINT32_C(0x7feb352d);
			h = (h ^ h >> 15 ^ high) * UINT32_C(0x846ca68b);
			h = (h ^ h >> 16) * UINT32_C(0x9e3779b1);
			number[j] = (h ^ h >> 15) >> 1;
		}
		for (uint32_t j = 0; j < BLOCK; j++) /* 24 bits: not rounded, and never 0 */
			u[j] = (float)(int32_t)((number[j] & UINT32_C(0x7fffff00)) | 0x80);
		memcpy(bits, u, sizeof(bits));
		for (uint32_t j = 0; j < BLOCK; j++)
			p->angle[i + j] = (uint16_t)((bits[j] >> 16) - (127 << 7));
		for (uint32_t j = 0; j < BLOCK; j++)
			p->spread[i + j] = (uint8_t)number[j];
	}
}

static inline int32_t
number_at(const struct tsn_stable *t, const struct places *p, uint32_t i)
{
	return t->angle[p->angle[i]] + t->spread[p->spread[i]];
}

static void
look_up(const struct tsn_stable *t, const struct places *p, int32_t x[TSN_STABLE])
{
	for (uint32_t i = 0; i < TSN_STABLE; i++)
		x[i] = number_at(t, p, i);
}

#if TSN_CPU_X86
/* 64 entries by the low six bits of the place. */
TSN_CPU_TARGET_AVX512 static inline __m512i
sixty_four(const int16_t *table, __m512i place)
{
	return _mm512_permutex2var_epi16(_mm512_load_si512(table), place, _mm512_load_si512(table + 32));
}

/* [table] at 32 places; where [place] is none of them, at some other. */
TSN_CPU_TARGET_AVX512 static inline __attribute__((always_inline)) __m512i
entries(const int16_t *table, uint32_t n, __m512i place)
{
	__m512i out = sixty_four(table, place);

	for (uint32_t i = 64; i < n; i += 64)
		out = _mm512_mask_mov_epi16(out, _mm512_cmpge_epu16_mask(place, _mm512_set1_epi16((int16_t)i)),
		    sixty_four(table + i, place));
	return out;
}

/*
 * Instructions that look up in registers, which compilers do not find. They do not reach into the tail, so the few numbers
 * that lie there (an eighth) are noted, and looked up one by one at the end.
 */
TSN_CPU_TARGET_AVX512 static void
look_up_avx512(const struct tsn_stable *restrict t, const struct places *restrict p, int32_t x[restrict TSN_STABLE])
{
	uint16_t tail[TSN_STABLE + 32];
	__m512i at = _mm512_set_epi16(31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,
	    8, 7, 6, 5, 4, 3, 2, 1, 0);
	uint32_t n = 0;

	for (uint32_t i = 0; i < TSN_STABLE; i += 32) {
		const __m512i near = _mm512_sub_epi16(_mm512_loadu_si512(&p->angle[i]), _mm512_set1_epi16(TAIL));
		const __m512i spread = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)&p->spread[i]));
		const __m512i sum = _mm512_add_epi16(entries(t->near, NEAR, near), entries(t->narrow, SPREADS, spread));
		const __mmask32 in_tail = _mm512_movepi16_mask(near);

		_mm512_storeu_si512(&x[i], _mm512_cvtepi16_epi32(_mm512_castsi512_si256(sum)));
		_mm512_storeu_si512(&x[i + 16], _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(sum, 1)));
		_mm512_storeu_si512(&tail[n], _mm512_maskz_compress_epi16(in_tail, at));
		n += (uint32_t)__builtin_popcount(in_tail);
		at = _mm512_add_epi16(at, _mm512_set1_epi16(32));
	}
	for (uint32_t i = 0; i < n; i++)
		x[tail[i]] = number_at(t, p, tail[i]);
}
#endif

void
tsn_stable_of(const struct tsn_stable *t, uint64_t member, int32_t x[TSN_STABLE])
{
	struct places p;

	places_of(member, &p);
#if TSN_CPU_X86
	if (tsn_cpu_level == TSN_CPU_AVX512) {
		look_up_avx512(t, &p, x);
		return;
	}
#endif
	look_up(t, &p, x);
}

TSN_WIDE(, void, tsn_stable_add, (int64_t reg[TSN_STABLE], const int32_t x[TSN_STABLE], uint64_t n), (reg, x, n))
{
	if (n == 1) {
		for (uint32_t i = 0; i < TSN_STABLE; i++)
			reg[i] = (int64_t)((uint64_t)reg[i] + (uint64_t)(int64_t)x[i]);
		return;
	}
	for (uint32_t i = 0; i < TSN_STABLE; i++)
		reg[i] = (int64_t)((uint64_t)reg[i] + (uint64_t)(int64_t)x[i] * n);
}

TSN_WIDE(, void, tsn_stable_subtract, (int64_t reg[TSN_STABLE], const int64_t from[TSN_STABLE]), (reg, from))
{
	for (uint32_t i = 0; i < TSN_STABLE; i++)
		reg[i] = (int64_t)((uint64_t)reg[i] - (uint64_t)from[i]);
}

/*
 * x[i] to 2^x[i], for -120 < x < 120 and to about 2e-7 of it: Taylor to the sixth power on [-1/2, 1/2]. Loops
 * of one kind each, and bits looked at by the array, so that compilers make vectors of them.
 */
static inline __attribute__((always_inline)) void
powers_of_two(float x[BLOCK])
{
	const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number, which the low bits then hold */
	const float taylor[] = { 1.0f / 24, 1.0f / 6, 1.0f / 2, 1, 1 };
	float whole[BLOCK], scale[BLOCK], y[BLOCK];
	uint32_t bits[BLOCK];

	for (uint32_t i = 0; i < BLOCK; i++)
		whole[i] = x[i] + magic;
	memcpy(bits, whole, sizeof(bits));
	for (uint32_t i = 0; i < BLOCK; i++)
		bits[i] = (bits[i] + 127) << 23;
	memcpy(scale, bits, sizeof(scale));
	for (uint32_t i = 0; i < BLOCK; i++)
		y[i] = (x[i] - (whole[i] - magic)) * (float)TSN_LN2;
	for (uint32_t i = 0; i < BLOCK; i++)
		x[i] = 1.0f / 120 + y[i] * (1.0f / 720);
	for (uint32_t k = 0; k < 5; k++) /* not one by one, each of which would wait for itself */
		for (uint32_t i = 0; i < BLOCK; i++)
			x[i] = taylor[k] + y[i] * x[i];
	for (uint32_t i = 0; i < BLOCK; i++)
		x[i] *= scale[i];
}

/*
 * Eight sums side by side, in an order that does not depend on how wide a CPU's vectors are. The law has next to nothing
 * above 4: what is far beyond was more flows than a register holds, and counts as what lies far below.
 */
TSN_WIDE(, double, tsn_stable_entropy, (const int64_t reg[TSN_STABLE], uint64_t n), (reg, n))
{
	const double scale = 1 / (UNIT * TSN_LN2 * (double)n);
	float sum[8] = { 0 };
	double mean = 0;

	for (uint32_t i = 0; i < TSN_STABLE; i += BLOCK) {
		float x[BLOCK];

		for (uint32_t j = 0; j < BLOCK; j++)
			x[j] = (float)((double)reg[i + j] * scale);
		for (uint32_t j = 0; j < BLOCK; j++)
			x[j] = x[j] > 16 ? -80 : x[j];
		for (uint32_t j = 0; j < BLOCK; j++)
			x[j] = x[j] < -80 ? -80 : x[j];
		powers_of_two(x);
		for (uint32_t j = 0; j < BLOCK; j += 8)
			for (uint32_t k = 0; k < 8; k++)
				sum[k] += x[j + k];
	}
	for (uint32_t j = 0; j < 8; j++)
		mean += (double)sum[j] / TSN_STABLE;
	return -tsn_log2(mean);
}
