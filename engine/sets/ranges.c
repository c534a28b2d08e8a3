/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/ranges.h"

#include "base/mem.h"
#include "sets/set.h"

void
tsn_ranges_fini(struct tsn_ranges *l)
{
	tsn_free(l->r);
	*l = (struct tsn_ranges){ NULL, 0, 0 };
}

bool
tsn_ranges_add(struct tsn_ranges *l, struct tsn_range r)
{
	struct tsn_range *grown = tsn_grow(l->r, l->n, &l->cap, sizeof(*grown));

	if (grown == NULL)
		return false;
	l->r = grown;
	l->r[l->n++] = r;
	return true;
}

size_t
tsn_ranges_distinct(const struct tsn_ranges *l)
{
	size_t count = 0, i, j;
	bool counted;

	for (i = 0; i < l->n; i = j) {
		counted = false;
		for (j = i; j < l->n && l->r[j].lo == l->r[i].lo && l->r[j].hi == l->r[i].hi; j++)
			counted |= l->r[j].counted;
		count += counted;
	}
	return count;
}

/* First range of a disjoint sorted list whose end is at or after [v]; n if none. */
static size_t
lower(const struct tsn_ranges *l, tsn_u128 v)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (l->r[mid].hi < v)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

const struct tsn_range *
tsn_ranges_find(const struct tsn_ranges *l, tsn_u128 v)
{
	size_t i = lower(l, v);

	return i < l->n && l->r[i].lo <= v ? &l->r[i] : NULL;
}

/* Adds what is left of [r] to [out]. */
static bool
cut_one(struct tsn_range r, const struct tsn_ranges *cut, struct tsn_ranges *out)
{
	size_t i = lower(cut, r.lo);
	struct tsn_range piece = r;

	for (; i < cut->n && cut->r[i].lo <= r.hi; i++) {
		piece.hi = cut->r[i].lo - 1;
		if (cut->r[i].lo > piece.lo && !tsn_ranges_add(out, piece))
			return false;
		if (cut->r[i].hi >= r.hi)
			return true;
		piece.lo = cut->r[i].hi + 1;
	}
	piece.hi = r.hi;
	return tsn_ranges_add(out, piece);
}

bool
tsn_ranges_subtract(struct tsn_ranges *l, const struct tsn_ranges *cut)
{
	struct tsn_ranges out = { NULL, 0, 0 };

	if (cut->n == 0)
		return true;
	for (size_t i = 0; i < l->n; i++) {
		if (!cut_one(l->r[i], cut, &out)) {
			tsn_ranges_fini(&out);
			return false;
		}
	}
	tsn_ranges_fini(l);
	*l = out;
	tsn_ranges_sort(l);
	return true;
}

bool
tsn_ranges_without_v4(struct tsn_ranges *l)
{
	struct tsn_range v4 = { .lo = TSN_V4_MAPPED, .hi = TSN_V4_MAPPED | UINT32_MAX };

	return tsn_ranges_subtract(l, &(struct tsn_ranges){ &v4, 1, 1 });
}

/* The ranges that hold the point of the sweep, smallest member first: a binary heap of indices. */
struct heap {
	const struct tsn_range *r;
	size_t *at, n;
};

static bool
before(const struct heap *h, size_t a, size_t b)
{
	const struct tsn_range *x = &h->r[h->at[a]], *y = &h->r[h->at[b]];

	return x->size != y->size ? x->size < y->size : x->row < y->row;
}

static void
swap(struct heap *h, size_t a, size_t b)
{
	size_t t = h->at[a];

	h->at[a] = h->at[b];
	h->at[b] = t;
}

static void
push(struct heap *h, size_t index)
{
	size_t i = h->n++;

	h->at[i] = index;
	for (; i > 0 && before(h, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(h, i, (i - 1) / 2);
}

static void
pop(struct heap *h)
{
	size_t i = 0, least;

	h->at[0] = h->at[--h->n];
	for (;;) {
		least = i;
		if (2 * i + 1 < h->n && before(h, 2 * i + 1, least))
			least = 2 * i + 1;
		if (2 * i + 2 < h->n && before(h, 2 * i + 2, least))
			least = 2 * i + 2;
		if (least == i)
			return;
		swap(h, i, least);
		i = least;
	}
}

static bool
emit(struct tsn_ranges *out, struct tsn_range piece)
{
	struct tsn_range *last = out->n > 0 ? &out->r[out->n - 1] : NULL;

	if (last != NULL && last->row == piece.row && last->size == piece.size &&
	    last->hi + 1 == piece.lo) {
		last->hi = piece.hi;
		return true;
	}
	return tsn_ranges_add(out, piece);
}

static bool
sweep(const struct tsn_ranges *l, struct heap *h, struct tsn_ranges *out)
{
	const tsn_u128 most = ~(tsn_u128)0;
	tsn_u128 at = 0;
	size_t i = 0;

	for (;;) {
		while (h->n > 0 && l->r[h->at[0]].hi < at)
			pop(h);
		while (i < l->n && l->r[i].row == TSN_SET_NO_ROW)
			i++;
		if (h->n == 0) {
			if (i >= l->n)
				return true;
			if (l->r[i].lo > at)
				at = l->r[i].lo;
		}
		if (i < l->n && l->r[i].lo <= at) {
			if (l->r[i].hi >= at)
				push(h, i);
			i++;
			continue;
		}
		struct tsn_range piece = l->r[h->at[0]];

		piece.lo = at;
		if (i < l->n && l->r[i].lo <= piece.hi)
			piece.hi = l->r[i].lo - 1;
		if (!emit(out, piece))
			return false;
		if (piece.hi == most)
			return true;
		at = piece.hi + 1;
	}
}

bool
tsn_ranges_flatten(const struct tsn_ranges *l, struct tsn_ranges *out)
{
	struct heap h = { l->r, NULL, 0 };
	size_t rows = 0;
	bool ok;

	for (size_t i = 0; i < l->n; i++)
		rows += l->r[i].row != TSN_SET_NO_ROW;
	if (rows == 0)
		return true;
	h.at = tsn_reallocarray(NULL, rows, sizeof(*h.at));
	if (h.at == NULL)
		return false;
	ok = sweep(l, &h, out);
	tsn_free(h.at);
	return ok;
}

void
tsn_ranges_merge(struct tsn_ranges *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct tsn_range *last = n > 0 ? &l->r[n - 1] : NULL;

		if (last != NULL && (l->r[i].lo <= last->hi || l->r[i].lo == last->hi + 1)) {
			if (l->r[i].hi > last->hi)
				last->hi = l->r[i].hi;
			continue;
		}
		l->r[n++] = l->r[i];
	}
	l->n = n;
}
