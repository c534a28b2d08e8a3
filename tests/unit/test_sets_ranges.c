/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The sort behind sets; its last resort (heapsort) is called directly. */
#define tsn_ranges_sort sort_under_test
#include "sets/sort.c"
#include "unit/dice.h"
#undef tsn_ranges_sort

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
pattern(unsigned kind, size_t i, size_t n)
{
	switch (kind) {
	case 0:  return rnd() >> 20;
	case 1:  return i;
	case 2:  return n - i;
	case 3:  return 7;
	case 4:  return i < n / 2 ? i : n - i;
	case 5:  return rnd() % 3;
	case 6:  return i % 17;
	default: return i == n - 1 ? 0 : i;
	}
}

Test(sets_ranges, sorts)
{
	static struct tsn_range r[5000];
	static const size_t sizes[] = { 0, 1, 2, 3, 24, 25, 26, 100, 1000, 5000 };

	for (unsigned kind = 0; kind < 8; kind++) {
		for (unsigned k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			for (int heap = 0; heap < 2; heap++) {
				struct tsn_ranges l = { r, sizes[k], 5000 };
				uint64_t before = 0, after = 0;
				size_t i;

				for (i = 0; i < l.n; i++) {
					uint64_t lo = pattern(kind, i, l.n);

					r[i] = (struct tsn_range){ (tsn_u128)lo << 64, ((tsn_u128)lo << 64) + rnd() % 3, 0, (uint32_t)(rnd() % 3), true };
					before += (lo + 1) * 31 + (uint64_t)r[i].hi * 7 + r[i].row;
				}
				if (heap)
					heapsort(r, l.n);
				else
					sort_under_test(&l);
				for (i = 0; i < l.n; i++) {
					after += ((uint64_t)(r[i].lo >> 64) + 1) * 31 + (uint64_t)r[i].hi * 7 + r[i].row;
					cr_assert(i == 0 || !less(&r[i], &r[i - 1]), "pattern %u, %zu ranges, heap %d: %zu", kind, l.n, heap, i);
				}
				cr_assert_eq(before, after, "pattern %u, %zu ranges, heap %d: something got lost", kind, l.n, heap);
			}
		}
	}
}
