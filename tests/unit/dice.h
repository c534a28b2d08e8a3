/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: numbers that look random and are the same in each run. */
#ifndef TESTS_DICE_H
#define TESTS_DICE_H

#include "unit/xorshift.h"

static uint64_t seed = 88172645463325252; /* a test may set another */

static inline uint64_t
rnd(void)
{
	return xorshift(&seed);
}

static inline uint32_t
below(uint32_t n)
{
	return (uint32_t)(rnd() >> 20) % n;
}

#endif
