/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * spoil FILE SEED > OUT: the file with something wrong, the same for the same seed. Of every four seeds one cuts the
 * file, one flips up to 16 bits, one overwrites up to 8 numbers with extreme ones, one does all of it. Needs libc only.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/xorshift.h"

static uint64_t state;

static uint64_t
next(uint64_t n)
{
	xorshift(&state);
	return n == 0 ? 0 : state % n;
}

/* Most damage is done where the headers are: half of it falls into the first 512 bytes. */
static size_t
place(size_t n)
{
	return next(2) == 0 && n > 512 ? next(512) : next(n);
}

static void
flip(uint8_t *p, size_t n)
{
	for (uint64_t k = 1 + next(16); k > 0 && n > 0; k--)
		p[place(n)] ^= (uint8_t)(1 << next(8));
}

static void
extreme(uint8_t *p, size_t n)
{
	static const uint64_t values[] = { 0, UINT64_MAX, 0x7fffffff, 0x80000000, 0xffff, 0x7fffffffffffffff };

	for (uint64_t k = 1 + next(8); k > 0 && n > 8; k--) {
		uint64_t v = values[next(6)];

		memcpy(p + place(n - 8), &v, 1u << next(4));
	}
}

int
main(int argc, char **argv)
{
	FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
	uint64_t seed = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	size_t n, room = 64u << 20;
	uint8_t *p = malloc(room);

	if (f == NULL || p == NULL) {
		fprintf(stderr, "usage: spoil FILE SEED > OUT\n");
		return 2;
	}
	n = fread(p, 1, room, f);
	fclose(f);
	state = seed * 0x9e3779b97f4a7c15u + 1;
	next(1);
	next(1);
	if (seed % 4 == 1 || seed % 4 == 3)
		flip(p, n);
	if (seed % 4 == 2 || seed % 4 == 3)
		extreme(p, n);
	if (seed % 4 == 0 || seed % 4 == 3)
		n = next(2) == 0 && n > 64 ? next(64) : next(n + 1);
	fwrite(p, 1, n, stdout);
	free(p);
	return fflush(stdout) == 0 ? 0 : 1;
}
