/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Asks for memory that is wanted soon, wherever it is: any address will do. Into the second level of the cache, because fewer requests can
 * wait for memory in the first one: where each row needs a line of its own from far away, that is what they wait for. (Zen 5, random lines
 * of 64 MB, one asked for 64 before it is read: 7.5 ns each into the first, 4.1 into the second.)
 */
#ifndef TSN_BASE_PREFETCH_H
#define TSN_BASE_PREFETCH_H

static inline __attribute__((always_inline)) void
tsn_prefetch(const void *p)
{
	__builtin_prefetch(p, 0, 2);
}

#endif
