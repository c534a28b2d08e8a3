/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * "did you mean": the optimal string alignment form of the Damerau-Levenshtein distance
 * (a swap of neighbours costs one), letters compared without case.
 */
#include <ctype.h>
#include <string.h>

#include "grammar/diag.h"

#define LONGEST 63

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

static bool
same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned
distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned rows[3][LONGEST + 1], *two = rows[0], *one = rows[1], *now = rows[2], *spare;
	size_t i, j;

	for (j = 0; j <= m; j++)
		one[j] = (unsigned)j;
	for (i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (j = 1; j <= m; j++) {
			now[j] = min3(one[j] + 1, now[j - 1] + 1, one[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
			    two[j - 2] + 1 < now[j])
				now[j] = two[j - 2] + 1;
		}
		spare = two;
		two = one;
		one = now;
		now = spare;
	}
	return one[m];
}

void
tsn_nearest_offer(struct tsn_nearest *near, const char *name, const char *candidate)
{
	size_t n = strlen(name), m = strlen(candidate);
	unsigned d, most;

	if (n == 0 || m == 0 || n > LONGEST || m > LONGEST)
		return;
	most = n < 3 ? 1 : (unsigned)n / 3;
	d = distance(name, n, candidate, m);
	/* One letter replaced by another is a coincidence, not a slip. */
	if (d > most || d >= n || d >= m)
		return;
	if (near->best == NULL || d < near->distance) {
		near->best = candidate;
		near->distance = d;
	}
}

const char *
tsn_nearest(const char *name, const char *const *candidates, size_t n)
{
	struct tsn_nearest near = { NULL, 0 };
	size_t i;

	for (i = 0; i < n; i++)
		tsn_nearest_offer(&near, name, candidates[i]);
	return near.best;
}
