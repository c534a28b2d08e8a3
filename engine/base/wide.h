/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Plain loops over columns, which compilers turn into vectors, built once for each level of base/cpu.h. The text stays
 * one, and so does the result (no contraction; sums of reals in an order the text fixes). In place of a function's head:
 *
 *	TSN_WIDE(static, uint64_t, all_bits, (const uint64_t *v, uint32_t n), (v, n))
 *	{
 *		...
 *	}
 *
 * which is to be called as all_bits(v, n). A call costs a branch or two more than another: for loops over a batch or a
 * group's registers. What the body calls is inlined (so built wide, too) only if it is always_inline or the compiler
 * thinks so.
 */
#ifndef TSN_BASE_WIDE_H
#define TSN_BASE_WIDE_H

#include "base/cpu.h"

#if TSN_CPU_X86
#define TSN_WIDE(storage, type, name, params, args) \
	static inline __attribute__((always_inline)) type name##_any params; \
	TSN_CPU_TARGET_AVX2 static type \
	name##_avx2 params \
	{ \
		return name##_any args; \
	} \
	TSN_CPU_TARGET_AVX512 static type \
	name##_avx512 params \
	{ \
		return name##_any args; \
	} \
	storage type \
	name params \
	{ \
		if (tsn_cpu_level == TSN_CPU_AVX512) \
			return name##_avx512 args; \
		if (tsn_cpu_level == TSN_CPU_AVX2) \
			return name##_avx2 args; \
		return name##_any args; \
	} \
	static inline __attribute__((always_inline)) type \
	name##_any params
#else
#define TSN_WIDE(storage, type, name, params, args) \
	storage type \
	name params
#endif

#endif
