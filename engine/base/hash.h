/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Hashing. Fixed functions: the same bytes and seed give the same hash on
 * every machine and in every version that keeps TSN_HASH_VERSION, because
 * sketches, shards and alert ids are made of them.
 */
#ifndef TSN_BASE_HASH_H
#define TSN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TSN_HASH_VERSION 1

/* An invertible mix of 64 bits (the finaliser of SplitMix64, Steele et al. 2014): no two inputs collide. */
static inline uint64_t
tsn_mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x;
}

static inline uint64_t
tsn_hash_u64(uint64_t x, uint64_t seed)
{
	return tsn_mix64(x + seed + UINT64_C(0x9e3779b97f4a7c15));
}

/* Folds [x] into a running hash [h]; order matters. Of one [h] no two [x] collide, nor of one [x] two [h]. */
static inline uint64_t
tsn_hash_join(uint64_t h, uint64_t x)
{
	return tsn_mix64((h * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0xd1b54a32d192ed03)) ^ x);
}

/* Any bytes. Little-endian reads, so the value is the same everywhere. */
uint64_t tsn_hash_bytes(const void *p, size_t n, uint64_t seed);

/* The same of 1 to 7 bytes in a word, the first of them its lowest. No two words of one length collide. */
static inline uint64_t
tsn_hash_short(uint64_t word, size_t n, uint64_t seed)
{
	return tsn_hash_join(tsn_hash_u64(n, seed), word);
}

#endif
