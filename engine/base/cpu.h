/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Which CPU this is, in the one place that asks. Code that has builds of its own for some CPUs (base/wide.h,
 * vm/kernels.c, decode/fill_wide.c) chooses by tsn_cpu_level and TSN_CPU_TARGET_..., and by nothing else.
 *
 * A level is a set of instructions, each with those below it:
 *   baseline   any CPU of the architecture (x86-64: SSE2; aarch64: NEON, and there the level is called so)
 *   avx2       x86-64 from 2013 on
 *   avx512     AVX-512 with VBMI2 and VPOPCNTDQ: Ice Lake, Zen 4 and later. Older ones with AVX-512 slow down when they
 *              use it, and stay at avx2
 * The environment variable TOCSIN_CPU lowers the level, for tests and for whoever suspects a kernel. Results
 * are the same at every level.
 */
#ifndef TSN_BASE_CPU_H
#define TSN_BASE_CPU_H

#include <stdbool.h>

enum tsn_cpu { TSN_CPU_BASELINE, TSN_CPU_AVX2, TSN_CPU_AVX512, TSN_CPU_COUNT };

/* Levels above the baseline that are built for at all. For #if. */
#if defined(__x86_64__)
#define TSN_CPU_X86 1
#else
#define TSN_CPU_X86 0
#endif

/* What a level's functions are built with: attributes, so that one file has functions of all levels. */
#define TSN_CPU_AVX2_FEATURES "avx2,bmi,bmi2,lzcnt,popcnt"
#define TSN_CPU_AVX512_FEATURES \
	TSN_CPU_AVX2_FEATURES ",avx512f,avx512cd,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512vpopcntdq"
#define TSN_CPU_TARGET_AVX2 __attribute__((target(TSN_CPU_AVX2_FEATURES)))
#if defined(__clang__) /* takes the widest vectors there are, and has no such word */
#define TSN_CPU_TARGET_AVX512 __attribute__((target(TSN_CPU_AVX512_FEATURES)))
#else
#define TSN_CPU_TARGET_AVX512 __attribute__((target(TSN_CPU_AVX512_FEATURES ",prefer-vector-width=512")))
#endif

/* The level in use. Set before main; the baseline until then. */
extern enum tsn_cpu tsn_cpu_level;

/* The highest level this CPU and its operating system can do. */
enum tsn_cpu tsn_cpu_most(void);
const char *tsn_cpu_name(enum tsn_cpu level);
/* What TOCSIN_CPU says, NULL if it is not set; false in [*known] if no level is called so (it is ignored then). */
const char *tsn_cpu_asked(bool *known);
/* Uses [level], or the most there is if that is less. For tests, before threads start; returns what is used. */
enum tsn_cpu tsn_cpu_use(enum tsn_cpu level);

#endif
