/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * TSN_WIDE before a function: built twice, for any CPU and for one with AVX2, and the loader picks
 * once when the program starts. For plain loops over columns, which compilers turn into
 * vectors: the text stays one, and so does the result (no contraction, whole numbers only).
 */
#ifndef TSN_BASE_WIDE_H
#define TSN_BASE_WIDE_H

#include <stdint.h> /* tells whether the C library is one whose loader can do it */

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define TSN_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define TSN_WIDE
#endif

#endif
