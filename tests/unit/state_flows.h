/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For suites of state/: every flow of a group kept, and what each function says of those in its window, worked out anew. */
#ifndef TESTS_STATE_FLOWS_H
#define TESTS_STATE_FLOWS_H

#include <math.h>
#include <stdlib.h>

#include "unit/state_rows.h"

struct m_flow {
	int64_t pane, i, start;
	uint64_t length;
	bool dropped; /* JITTER: one of too many */
	double f;
	char member[M_TEXT];
};

struct m_list {
	struct m_flow *v;
	size_t n, cap;
	int64_t closed[2]; /* windows handed out; tests of closing keep them */
	int nclosed;
};

struct m_value {
	bool known, real;
	int64_t i;
	double f;
	double slack; /* how far off a real may be: what is worked out in another way */
};

static inline int64_t
m_floor(int64_t t, int64_t ms)
{
	int64_t q = t / ms;

	return t % ms != 0 && t < 0 ? q - 1 : q;
}

static inline int64_t
m_pane(const struct tsn_agg_def *d, const struct m_row *r)
{
	return m_floor(d->by_received ? r->received : r->time, d->pane_ms);
}

static inline int64_t
m_newest(const struct m_list *l)
{
	int64_t newest = INT64_MIN / 4;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].pane > newest)
			newest = l->v[i].pane;
	return newest;
}

static inline int64_t
m_kept(const struct tsn_agg_def *d)
{
	return d->tumbling ? 2 : (int64_t)d->panes;
}

/* A list can forget what can never be seen again, so that long cases stay quick. */
static inline void
m_push(struct m_list *l, const struct m_flow *f)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 4;
		l->v = realloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n++] = *f;
}

static inline int
m_by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline int64_t
m_distinct(const struct m_flow **v, size_t n)
{
	const char **text = malloc((n + 1) * sizeof(*text));
	int64_t different = 0;

	for (size_t i = 0; i < n; i++)
		text[i] = v[i]->member;
	qsort(text, n, sizeof(*text), m_by_text);
	for (size_t i = 0; i < n; i++)
		different += i == 0 || strcmp(text[i], text[i - 1]) != 0;
	free(text);
	return different;
}

/* Two passes over the distances from the first one, which are exact. */
static inline struct m_value
m_stddev(const struct tsn_agg_def *d, const struct m_flow **v, size_t n)
{
	struct m_value out = { n > 0, true, 0, 0, 0 };
	unsigned __int128 squares = 0;
	long double mean = 0, sum = 0, far = 0;

	for (size_t i = 0; i < n && !d->real; i++) {
		const uint64_t size = v[i]->i < 0 ? -(uint64_t)v[i]->i : (uint64_t)v[i]->i;

		if (__builtin_add_overflow(squares, (unsigned __int128)size * size, &squares) || squares >> 64 == UINT64_MAX)
			out.known = false;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++) {
			const long double off = d->real ? (long double)v[i]->f - v[0]->f : (long double)((__int128)v[i]->i - v[0]->i);

			if (pass == 0)
				mean += off / (long double)n;
			else
				sum += (off - mean) * (off - mean);
			far = d->real && fabsl(v[i]->f) > far ? fabsl(v[i]->f) : far;
		}
	}
	out.f = n > 0 ? (double)sqrtl(sum / (long double)n) : 0;
	out.slack = out.f * 1e-12 + (double)far * 1e-12;
	return out;
}

/* From the histogram. */
static inline struct m_value
m_entropy(const struct m_flow **v, size_t n)
{
	struct m_value out = { n > 0, true, 0, 0, 1e-9 };
	const char **text = malloc((n + 1) * sizeof(*text));
	long double h = 0;

	for (size_t i = 0; i < n; i++)
		text[i] = v[i]->member;
	qsort(text, n, sizeof(*text), m_by_text);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && strcmp(text[j], text[i]) == 0; j++)
			;
		h -= (long double)(j - i) / n * log2l((long double)(j - i) / n);
	}
	free(text);
	out.f = (double)h;
	return out;
}

static inline int
m_by_start(const struct m_flow *a, const struct m_flow *b)
{
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->length != b->length ? (a->length < b->length ? -1 : 1) : 0;
}

/* Insertion into a sorted array, then each flow against the one before it of its connection. */
static inline struct m_value
m_jitter(const struct m_flow **v, size_t n)
{
	struct m_value out = { false, true, 0, 0, 0 };
	const struct m_flow **by = malloc((n + 1) * sizeof(*by));
	int64_t *starts = malloc((n + 1) * sizeof(*starts));
	long double mean = 0, sum = 0;
	size_t m = 0, gaps = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = m;

		if (v[i]->dropped)
			continue;
		for (; at > 0 && m_by_start(v[i], by[at - 1]) < 0; at--)
			by[at] = by[at - 1];
		by[at] = v[i];
		m++;
	}
	n = m;
	m = 0;
	for (size_t i = 0; i < n; i++) {
		bool fresh = true;

		for (size_t k = i; k-- > 0;) {
			__int128 off = (__int128)by[i]->start - ((__int128)by[k]->start + by[k]->length);

			if (strcmp(by[k]->member, by[i]->member) != 0)
				continue;
			fresh = by[i]->start != by[k]->start && (off > 1000 || off < -1000);
			break;
		}
		if (fresh)
			starts[m++] = by[i]->start;
	}
	gaps = m > 0 ? m - 1 : 0;
	if (gaps >= 4 && starts[m - 1] != starts[0]) {
		mean = (long double)((__int128)starts[m - 1] - starts[0]) / gaps;
		for (size_t i = 1; i < m; i++) {
			long double off = (long double)((__int128)starts[i] - starts[i - 1]) - mean;

			sum += off * off;
		}
		out.known = true;
		out.f = (double)(sqrtl(sum / gaps) / mean);
		out.slack = 1e-9 * (1 + out.f);
	}
	free(by);
	free(starts);
	return out;
}

/*
 * At most 256 flows are kept of a window: what left it does not count, the one that starts first goes, or the new
 * one if that is it. It stays in the list all the same, because its time has moved the window on.
 */
static inline void
m_crowd(const struct tsn_agg_def *d, struct m_list *l, struct m_flow *f)
{
	const int64_t newest = f->pane > m_newest(l) ? f->pane : m_newest(l);
	struct m_flow *least = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct m_flow *v = &l->v[i];

		if (v->pane <= newest - m_kept(d))
			v->dropped = true; /* for good */
		if (v->dropped || (d->tumbling && v->pane != f->pane))
			continue;
		n++;
		if (least == NULL || m_by_start(v, least) < 0)
			least = v;
	}
	if (n == 256)
		*(m_by_start(f, least) < 0 ? &f->dropped : &least->dropped) = true;
}

/* The value over the flows in [v], which are in order of arrival. */
static inline struct m_value
m_over(const struct tsn_agg_def *d, const struct m_flow **v, size_t n)
{
	struct m_value out = { true, d->real, 0, 0, 0 };
	__int128 sum = 0;
	double fsum = 0;
	int64_t from = INT64_MAX, to = INT64_MIN;

	for (size_t i = 0; i < n; i++) {
		sum += v[i]->i;
		from = v[i]->pane < from ? v[i]->pane : from;
		to = v[i]->pane > to ? v[i]->pane : to;
	}
	for (int64_t p = from; n > 0 && p <= to; p++) { /* reals: pane by pane, oldest first */
		double pane = 0;

		for (size_t i = 0; i < n; i++)
			if (v[i]->pane == p)
				pane += v[i]->f;
		fsum += pane;
	}
	switch (d->fn) {
	case TSN_AGG_COUNT:
		out = (struct m_value){ true, false, (int64_t)n, 0, 0 };
		break;
	case TSN_AGG_DISTINCT:
		out = (struct m_value){ true, false, m_distinct(v, n), 0, 0 };
		break;
	case TSN_AGG_SUM:
		out.f = fsum;
		out.i = (int64_t)sum;
		out.known = d->real || (sum >= INT64_MIN && sum <= INT64_MAX);
		break;
	case TSN_AGG_RATE:
		out.real = true;
		out.f = (d->real ? fsum : (double)sum) / ((double)d->window_ms / 1000.0);
		break;
	case TSN_AGG_AVG:
		out.real = true;
		out.known = n > 0;
		out.f = n > 0 ? (d->real ? fsum : (double)sum) / (double)n : 0;
		break;
	case TSN_AGG_MIN:
	case TSN_AGG_MAX:
		out.known = n > 0;
		for (size_t i = 0; i < n; i++) {
			bool less = d->real ? v[i]->f < out.f : v[i]->i < out.i;
			bool more = d->real ? v[i]->f > out.f : v[i]->i > out.i;

			if (i == 0 || (d->fn == TSN_AGG_MIN ? less : more)) {
				out.f = v[i]->f;
				out.i = v[i]->i;
			}
		}
		break;
	case TSN_AGG_STDDEV:
		return m_stddev(d, v, n);
	case TSN_AGG_ENTROPY:
		return m_entropy(v, n);
	case TSN_AGG_JITTER:
		return m_jitter(v, n);
	default: /* not of flows alone: other suites */
		break;
	}
	return out;
}

/* What a row of [pane] sees of [l]. */
static inline struct m_value
m_value(const struct tsn_agg_def *d, const struct m_list *l, int64_t pane)
{
	const int64_t newest = l == NULL || l->n == 0 ? INT64_MIN / 4 : m_newest(l);
	const struct m_flow **seen = malloc(((l == NULL ? 0 : l->n) + 1) * sizeof(*seen));
	struct m_value v;
	size_t n = 0;

	for (size_t i = 0; l != NULL && i < l->n; i++) {
		int64_t p = l->v[i].pane, end = pane > newest ? pane : newest;

		if (d->tumbling ? p == pane && newest - p <= 1 : p > end - (int64_t)d->panes && p <= end)
			seen[n++] = &l->v[i];
	}
	v = m_over(d, seen, n);
	free(seen);
	return v;
}

/* Does the row count for aggregate [a]? If so [f] is what it brings. */
static inline bool
m_takes(const struct tsn_agg_def *d, const struct m_row *r, unsigned a, struct m_flow *f)
{
	memset(f, 0, sizeof(*f));
	f->pane = m_pane(d, r);
	if (d->fn == TSN_AGG_COUNT)
		return true;
	if (d->fn == TSN_AGG_DISTINCT || d->fn == TSN_AGG_ENTROPY)
		return m_text(&d->tuple, r, f->member);
	if (d->fn == TSN_AGG_JITTER) {
		m_text_loose(&d->tuple, r, f->member);
		f->start = r->start;
		f->length = r->has_end && r->end > r->start ? (uint64_t)r->end - (uint64_t)r->start : 0;
		f->length = f->length > UINT32_MAX ? UINT32_MAX : f->length;
		return r->has_start;
	}
	f->i = r->arg[a].i;
	f->f = r->arg[a].f;
	return r->arg[a].known;
}

#endif
