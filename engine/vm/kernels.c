/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/kernels.h"

#include <stddef.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define NAME(x) plain_##x
#define TEXT "plain"
#include "vm/kernels_body.h"
#undef NAME
#undef TEXT

/* clang has no such pragma; what it builds (fuzz targets) runs the plain ones. */
#if defined(__x86_64__) && !defined(__clang__)
#define HAVE_AVX2
/* Numbers that lie side by side in a column. */
typedef int64_t four_i64 __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint64_t four_u64 __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint16_t sixteen_u16 __attribute__((vector_size(32), aligned(2), may_alias));
typedef double four_f64 __attribute__((vector_size(32), aligned(8), may_alias));
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#define NAME(x) avx2_##x
#define TEXT "avx2"
#include "vm/kernels_body.h"
#undef NAME
#undef TEXT
#pragma GCC pop_options
#endif

const struct tsn_kernels *
tsn_kernels_nth(unsigned i)
{
	if (i == 0)
		return &plain_kernels;
#ifdef HAVE_AVX2
	if (i == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
		return &avx2_kernels;
#endif
	return NULL;
}

const struct tsn_kernels *
tsn_kernels_best(void)
{
	const struct tsn_kernels *best = tsn_kernels_nth(1);

	return best != NULL ? best : tsn_kernels_nth(0);
}
