/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "base/mem.h"
#include "base/wide.h"
#include "sets/members.h"

#define SIGN (UINT64_C(1) << 63) /* turned, integers ascend as unsigned ones do */
#define LOW 65536 /* integers below it have a bit each */

static void
fill_low(struct tsn_int_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		int64_t lo = m->lo[i] < 0 ? 0 : m->lo[i], hi = m->hi[i] >= LOW ? LOW - 1 : m->hi[i];

		for (int64_t v = lo; v <= hi; v++)
			m->low[v / 64] |= UINT64_C(1) << (v % 64);
	}
}

bool
tsn_int_members_init(struct tsn_int_members *m, const struct tsn_ranges *l)
{
	if (l->n == 0)
		return true;
	m->lo = tsn_reallocarray(NULL, l->n, sizeof(*m->lo));
	m->hi = tsn_reallocarray(NULL, l->n, sizeof(*m->hi));
	if (m->lo == NULL || m->hi == NULL)
		return false;
	m->n = l->n;
	for (size_t i = 0; i < m->n; i++) {
		m->lo[i] = tsn_int_of_u128(l->r[i].lo);
		m->hi[i] = tsn_int_of_u128(l->r[i].hi);
	}
	if (m->n <= TSN_SET_LINEAR)
		return true;
	m->low = tsn_calloc(LOW / 64, sizeof(*m->low));
	if (m->low == NULL)
		return false;
	fill_low(m);
	return tsn_bins_init(&m->bins, (const uint64_t *)m->hi, m->n, SIGN);
}

void
tsn_int_members_fini(struct tsn_int_members *m)
{
	tsn_free(m->lo);
	tsn_free(m->hi);
	tsn_free(m->low);
	tsn_bins_fini(&m->bins);
}

/* Of ranges [from, to] the first that ends at or after [v]: does it begin before? */
static bool
search(const struct tsn_int_members *m, size_t from, size_t to, int64_t v)
{
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (m->hi[mid] < v)
			from = mid + 1;
		else
			to = mid;
	}
	return from < m->n && m->lo[from] <= v;
}

static uint64_t
bin_of(const struct tsn_int_members *m, int64_t v)
{
	return tsn_bins_of(&m->bins, (uint64_t)v ^ SIGN);
}

static inline bool
has_int(const struct tsn_int_members *m, int64_t v)
{
	uint64_t bin;

	if (m->low == NULL)
		return search(m, 0, m->n, v);
	if ((uint64_t)v < LOW)
		return m->low[v / 64] >> (v % 64) & 1;
	bin = bin_of(m, v);
	return search(m, m->bins.first[bin], m->bins.first[bin + 1], v);
}

/* What each row of a stretch needs is asked for before the first is looked at. */
static void
has_ints(const struct tsn_int_members *m, const int64_t *v, uint32_t n, uint8_t *hit)
{
	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(&m->bins.first[bin_of(m, v[i])]);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t first = m->bins.first[bin_of(m, v[i])];

		__builtin_prefetch(&m->hi[first]);
		__builtin_prefetch(&m->lo[first]);
	}
	for (uint32_t i = 0; i < n; i++)
		hit[i] = has_int(m, v[i]);
}

bool
tsn_set_has_int(const struct tsn_set *s, int64_t v)
{
	if (s->dynamic != NULL)
		return s->kind == TSN_SET_INT && tsn_dynamic_find_int(s->dynamic, v) != TSN_SET_NO_ROW;
	return has_int(&s->ints, v);
}

/*
 * A column of one width: few ranges, one vector pass each (value - lo <= width
 * in unsigned arithmetic, the range cut to what the width can hold); else a
 * look-up a row, in the bits of small integers where the column has no others.
 */
#define ROWS(name, T, U, least, most) \
	TSN_WIDE(static, void, add_##name, (const T *restrict col, uint32_t n, U from, U width, uint8_t *restrict hit), \
	    (col, n, from, width, hit)) \
	{ \
		for (uint32_t i = 0; i < n; i++) \
			hit[i] |= (U)((U)col[i] - from) <= width; \
	} \
 \
	void \
	tsn_set_rows_##name(const struct tsn_set *s, const T *restrict col, uint32_t n, uint8_t *restrict hit) \
	{ \
		const struct tsn_int_members *m = &s->ints; \
 \
		memset(hit, 0, TSN_BATCH_ROWS); \
		if (s->dynamic != NULL) { \
			for (uint32_t i = 0; i < n && !tsn_set_empty(s); i++) \
				hit[i] = (uint64_t)col[i] >> 63 && (least) == 0 ? 0 : tsn_set_has_int(s, (int64_t)col[i]); \
			return; \
		} \
		if (m->n > TSN_SET_LINEAR && sizeof(T) <= sizeof(uint16_t)) { \
			for (uint32_t i = 0; i < n; i++) \
				hit[i] = m->low[(uint64_t)col[i] / 64] >> ((uint64_t)col[i] % 64) & 1; \
			return; \
		} \
		if (m->n > TSN_SET_LINEAR) { \
			for (uint32_t from = 0; from < n; from += TSN_BINS_STRETCH) { \
				uint32_t some = n - from < TSN_BINS_STRETCH ? n - from : TSN_BINS_STRETCH; \
				int64_t v[TSN_BINS_STRETCH]; \
 \
				for (uint32_t i = 0; i < some; i++) \
					v[i] = (int64_t)col[from + i]; \
				has_ints(m, v, some, hit + from); \
				for (uint32_t i = 0; i < some && (least) == 0; i++) \
					hit[from + i] &= v[i] >= 0; \
			} \
			return; \
		} \
		for (size_t r = 0; r < m->n; r++) { \
			int64_t lo = m->lo[r] < (least) ? (least) : m->lo[r]; \
			int64_t hi = m->hi[r] > (most) ? (most) : m->hi[r]; \
			if (lo <= hi) \
				add_##name(col, n, (U)lo, (U)((uint64_t)hi - (uint64_t)lo), hit); \
		} \
	}

ROWS(u8, uint8_t, uint8_t, 0, UINT8_MAX)
ROWS(u16, uint16_t, uint16_t, 0, UINT16_MAX)
ROWS(u32, uint32_t, uint32_t, 0, UINT32_MAX)
ROWS(u64, uint64_t, uint64_t, 0, INT64_MAX)
ROWS(i64, int64_t, uint64_t, INT64_MIN, INT64_MAX)
