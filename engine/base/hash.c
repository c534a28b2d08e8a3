/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/hash.h"

/* The loops are single loads to a compiler. */
static inline uint64_t
read_le64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static inline uint64_t
read_le32(const unsigned char *p)
{
	return p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

/* 1 to 7 bytes, in reads that overlap: no loop by the length, which differs from key to key. */
static inline uint64_t
read_tail(const unsigned char *p, size_t n)
{
	if (n >= 4)
		return read_le32(p) | read_le32(p + n - 4) << (8 * (n - 4));
	return p[0] | (uint64_t)p[n / 2] << (8 * (n / 2)) | (uint64_t)p[n - 1] << (8 * (n - 1));
}

uint64_t
tsn_hash_bytes(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = tsn_hash_u64(n, seed);

	for (; n >= 8; p += 8, n -= 8)
		h = tsn_hash_join(h, read_le64(p));
	return n > 0 ? tsn_hash_join(h, read_tail(p, n)) : h;
}
