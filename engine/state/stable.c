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

#include <string.h>

#include "base/mem.h"
#include "base/wide.h"
#include "state/logs.h"

#define UNIT 256.0
#define OCTAVES 31
#define STEPS 128 /* of an octave: seven bits of the significand */
#define SPREADS 256
#define LEAST (INT32_MIN + 4096) /* leaves room for the other term */
#define PI 3.14159265358979323846

struct tsn_stable {
	int32_t angle[OCTAVES * STEPS];
	int32_t spread[SPREADS];
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

struct tsn_stable *
tsn_stable_new(void)
{
	struct tsn_stable *t = tsn_malloc(sizeof(*t));

	if (t == NULL)
		return NULL;
	for (uint32_t i = 0; i < OCTAVES * STEPS; i++) {
		const double low = (double)(UINT32_C(1) << i / STEPS) / 2147483648.0;

		t->angle[i] = in_units(angle_part(low * (1 + (i % STEPS + 0.5) / STEPS)));
	}
	for (uint32_t i = 0; i < SPREADS; i++)
		t->spread[i] = in_units(TSN_LN2 * tsn_log2(mean_wait(i)));
	return t;
}

uint64_t
tsn_stable_size(void)
{
	return sizeof(struct tsn_stable);
}

/* A 32-bit mix (after Wellons' lowbias32) with half of the member at its start and the other half inside. */
TSN_WIDE(, void, tsn_stable_of, (const struct tsn_stable *t, uint64_t member, int32_t x[TSN_STABLE]), (t, member, x))
{
	const uint32_t low = (uint32_t)member, high = (uint32_t)(member >> 32);
	const int32_t *angle = t->angle, *spread = t->spread;

	uint32_t number[TSN_STABLE];
	int32_t bits[TSN_STABLE];
	float u[TSN_STABLE];

	for (uint32_t i = 0; i < TSN_STABLE; i++) {
		uint32_t h = low + i * UINT32_C(0x9e3779b9);

		h = (h ^ h >> 16) * UINT32_C(0x7feb352d);
		h = (h ^ h >> 15 ^ high) * UINT32_C(0x846ca68b);
		h = (h ^ h >> 16) * UINT32_C(0x9e3779b1);
		number[i] = (h ^ h >> 15) >> 1;
	}
	for (uint32_t i = 0; i < TSN_STABLE; i++) /* 24 bits: not rounded, and never 0 */
		u[i] = (float)(int32_t)((number[i] & UINT32_C(0x7fffff00)) | 0x80);
	memcpy(bits, u, sizeof(bits));
	for (uint32_t i = 0; i < TSN_STABLE; i++)
		x[i] = angle[(bits[i] >> 16) - (127 << 7)] + spread[number[i] & (SPREADS - 1)];
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
powers_of_two(float x[TSN_STABLE])
{
	const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to a whole number, which the low bits then hold */
	float whole[TSN_STABLE], scale[TSN_STABLE];
	uint32_t bits[TSN_STABLE];

	for (uint32_t i = 0; i < TSN_STABLE; i++)
		whole[i] = x[i] + magic;
	memcpy(bits, whole, sizeof(bits));
	for (uint32_t i = 0; i < TSN_STABLE; i++)
		bits[i] = (bits[i] + 127) << 23;
	memcpy(scale, bits, sizeof(scale));
	for (uint32_t i = 0; i < TSN_STABLE; i++) {
		const float y = (x[i] - (whole[i] - magic)) * (float)TSN_LN2;

		x[i] = scale[i] * (1 + y * (1 + y * (1.0f / 2 + y * (1.0f / 6 + y * (1.0f / 24 + y * (1.0f / 120 + y *
		    (1.0f / 720)))))));
	}
}

/*
 * Eight sums side by side, in an order that does not depend on how wide a CPU's vectors are. The law has next to nothing
 * above 4: what is far beyond was more flows than a register holds, and counts as what lies far below.
 */
TSN_WIDE(, double, tsn_stable_entropy, (const int64_t reg[TSN_STABLE], uint64_t n), (reg, n))
{
	const double scale = 1 / (UNIT * TSN_LN2 * (double)n);
	float x[TSN_STABLE], sum[8] = { 0 };
	double mean = 0;

	for (uint32_t i = 0; i < TSN_STABLE; i++)
		x[i] = (float)((double)reg[i] * scale);
	for (uint32_t i = 0; i < TSN_STABLE; i++)
		x[i] = x[i] > 16 ? -80 : x[i];
	for (uint32_t i = 0; i < TSN_STABLE; i++)
		x[i] = x[i] < -80 ? -80 : x[i];
	powers_of_two(x);
	for (uint32_t i = 0; i < TSN_STABLE; i += 8)
		for (uint32_t j = 0; j < 8; j++)
			sum[j] += x[i + j];
	for (uint32_t j = 0; j < 8; j++)
		mean += (double)sum[j] / TSN_STABLE;
	return -tsn_log2(mean);
}
