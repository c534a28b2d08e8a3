/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/hash.h"

static uint64_t
read_le(const unsigned char *p, size_t n)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint64_t
tsn_hash_bytes(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = tsn_hash_u64(n, seed);

	for (; n >= 8; p += 8, n -= 8)
		h = tsn_hash_join(h, read_le(p, 8));
	return n > 0 ? tsn_hash_join(h, read_le(p, n)) : h;
}
