/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Logarithms of base two that give the same bits on every machine: the C library's may differ in the last
 * one with the instructions a CPU has. Good to about 1e-15.
 */
#ifndef TSN_STATE_LOGS_H
#define TSN_STATE_LOGS_H

#include <stdint.h>
#include <string.h>

#define TSN_LN2 0.69314718055994530942

/* Of x > 0, finite and not subnormal. m in [sqrt(1/2), sqrt(2)): ln m = 2 atanh((m - 1) / (m + 1)). */
static inline double
tsn_log2(double x)
{
	uint64_t bits;
	int exponent;
	double m, z, y, sum = 0;

	memcpy(&bits, &x, sizeof(bits));
	exponent = (int)(bits >> 52) - 1023;
	bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
	memcpy(&m, &bits, sizeof(m));
	if (m > 1.41421356237309504880) {
		m *= 0.5;
		exponent++;
	}
	z = (m - 1) / (m + 1);
	y = z * z;
	for (int k = 21; k >= 1; k -= 2)
		sum = sum * y + 1.0 / k;
	return exponent + 2 / TSN_LN2 * z * sum;
}

/* Of a whole number that is not 0; small ones, as most counts are, come from a table. The same bits as above. Any thread. */
double tsn_log2_of(uint64_t n);

#endif
