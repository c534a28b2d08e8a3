/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: seeded mutations of bytes. How many is a matter of TSN_SOAK:
 * unset a seventy-fifth, 1 all, another number that many hundredths.
 */
#ifndef TESTS_MUTATE_H
#define TESTS_MUTATE_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/xorshift.h"

static inline uint64_t
mutate_random(uint64_t *s)
{
	return xorshift_star(s);
}

static inline long
mutate_times(long all)
{
	const char *soak = getenv("TSN_SOAK");
	long v = soak != NULL ? atol(soak) : 0;

	return v <= 0 ? all / 75 : v == 1 ? all : all / 100 * v;
}

/* One change to [n] bytes at [p], which has room for [cap]; the new length. */
static inline size_t
mutate_once(uint8_t *p, size_t n, size_t cap, uint64_t *s)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff };
	uint64_t r = mutate_random(s);
	size_t at = n > 0 ? (r >> 8) % n : 0, more;

	switch (r % 8) {
	case 0: case 1: /* a bit */
		if (n > 0)
			p[at] ^= (uint8_t)(1u << (r >> 40 & 7));
		return n;
	case 2: /* a byte */
		if (n > 0)
			p[at] = odd[(r >> 40) % sizeof(odd)];
		return n;
	case 3: /* cut */
		return at;
	case 4: /* longer, by what is there */
		more = (r >> 40) % 64;
		if (n + more > cap)
			return n;
		memmove(p + at + more, p + at, n - at);
		return n + more;
	case 5: /* a piece left out */
		more = (r >> 40) % 64;
		if (at + more > n)
			return n;
		memmove(p + at, p + at + more, n - at - more);
		return n - more;
	case 6: /* a 16-bit number: counts and lengths among them */
		if (at + 1 < n) {
			p[at] = (uint8_t)(r >> 40);
			p[at + 1] = (uint8_t)(r >> 48);
		}
		return n;
	default: /* the first words: versions, counts, lengths */
		at %= 8;
		if (at < n)
			p[at] = r >> 56 & 1 ? (uint8_t)(r >> 40) : odd[(r >> 40) % sizeof(odd)];
		return n;
	}
}

/* [n] bytes of [from], changed [times] times, to [p], which has room for [cap], more than those; the new length. */
static inline size_t
mutate_copy(uint8_t *p, size_t cap, const void *from, size_t n, uint64_t times, uint64_t *s)
{
	assert(n < cap);
	memcpy(p, from, n);
	while (times-- > 0)
		n = mutate_once(p, n, cap, s);
	return n;
}

#endif
