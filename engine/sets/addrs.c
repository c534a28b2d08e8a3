/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "base/mem.h"
#include "sets/members.h"

#define BITMAP_FROM 1024u /* ranges; from there on 2 MB for a bit a /24 pay */

/* Sets bits [lo, hi] of a bitmap. */
static void
set_bits(uint64_t *bits, uint32_t lo, uint32_t hi)
{
	uint64_t first = UINT64_MAX << (lo & 63), last = UINT64_MAX >> (63 - (hi & 63));

	if (lo / 64 == hi / 64) {
		bits[lo / 64] |= first & last;
		return;
	}
	bits[lo / 64] |= first;
	for (uint32_t i = lo / 64 + 1; i < hi / 64; i++)
		bits[i] = UINT64_MAX;
	bits[hi / 64] |= last;
}

static bool
index_v4(struct tsn_v4_members *m)
{
	uint32_t i = 0;

	m->first = tsn_reallocarray(NULL, 65537, sizeof(*m->first));
	if (m->first == NULL)
		return false;
	for (uint32_t h = 0; h <= 65536; h++) {
		while (i < m->n && (uint64_t)m->hi[i] < (uint64_t)h << 16)
			i++;
		m->first[h] = i;
	}
	if (m->n < BITMAP_FROM)
		return true;
	m->slash24 = tsn_calloc((1u << 24) / 64, sizeof(*m->slash24));
	if (m->slash24 == NULL)
		return false;
	for (i = 0; i < m->n; i++)
		set_bits(m->slash24, m->lo[i] >> 8, m->hi[i] >> 8);
	return true;
}

bool
tsn_v4_members_init(struct tsn_v4_members *m, const struct tsn_ranges *l)
{
	if (l->n == 0)
		return true;
	m->lo = tsn_reallocarray(NULL, l->n, sizeof(*m->lo));
	m->hi = tsn_reallocarray(NULL, l->n, sizeof(*m->hi));
	if (m->lo == NULL || m->hi == NULL)
		return false;
	m->n = (uint32_t)l->n;
	for (uint32_t i = 0; i < m->n; i++) {
		m->lo[i] = (uint32_t)l->r[i].lo;
		m->hi[i] = (uint32_t)l->r[i].hi;
	}
	return m->n <= TSN_SET_LINEAR || index_v4(m);
}

void
tsn_v4_members_fini(struct tsn_v4_members *m)
{
	tsn_free(m->lo);
	tsn_free(m->hi);
	tsn_free(m->first);
	tsn_free(m->slash24);
}

static bool
few_v4(const struct tsn_v4_members *m, uint32_t v)
{
	bool hit = false;

	for (uint32_t i = 0; i < m->n; i++)
		hit |= v - m->lo[i] <= m->hi[i] - m->lo[i];
	return hit;
}

static inline bool
many_v4(const struct tsn_v4_members *m, uint32_t v)
{
	uint32_t from = m->first[v >> 16], to = m->first[(v >> 16) + 1];

	if (m->slash24 != NULL && !(m->slash24[v >> 14] >> (v >> 8 & 63) & 1))
		return false;
	while (from < to) { /* the first range that ends at or after v */
		uint32_t mid = from + (to - from) / 2;

		if (m->hi[mid] < v)
			from = mid + 1;
		else
			to = mid;
	}
	return from < m->n && m->lo[from] <= v;
}

bool
tsn_v4_members_has(const struct tsn_v4_members *m, uint32_t v)
{
	return m->first == NULL ? few_v4(m, v) : many_v4(m, v);
}

bool
tsn_v6_members_init(struct tsn_v6_members *m, const struct tsn_ranges *l)
{
	uint64_t *block;

	if (l->n == 0)
		return true;
	block = tsn_reallocarray(NULL, l->n, 4 * sizeof(*block));
	if (block == NULL)
		return false;
	m->n = l->n;
	m->lo_hi = block;
	m->lo_lo = block + m->n;
	m->hi_hi = block + 2 * m->n;
	m->hi_lo = block + 3 * m->n;
	for (size_t i = 0; i < m->n; i++) {
		m->lo_hi[i] = (uint64_t)(l->r[i].lo >> 64);
		m->lo_lo[i] = (uint64_t)l->r[i].lo;
		m->hi_hi[i] = (uint64_t)(l->r[i].hi >> 64);
		m->hi_lo[i] = (uint64_t)l->r[i].hi;
	}
	return true;
}

void
tsn_v6_members_fini(struct tsn_v6_members *m)
{
	tsn_free(m->lo_hi); /* the four are one block */
}

static inline bool
less(uint64_t a_hi, uint64_t a_lo, uint64_t b_hi, uint64_t b_lo)
{
	return a_hi < b_hi || (a_hi == b_hi && a_lo < b_lo);
}

bool
tsn_v6_members_has(const struct tsn_v6_members *m, uint64_t hi, uint64_t lo)
{
	size_t from = 0, to = m->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (less(m->hi_hi[mid], m->hi_lo[mid], hi, lo))
			from = mid + 1;
		else
			to = mid;
	}
	return from < m->n && !less(hi, lo, m->lo_hi[from], m->lo_lo[from]);
}

/* One pass a range: subtract, compare, or. The compiler makes vectors of it. */
static void
rows_few_v4(const struct tsn_v4_members *m, const uint32_t *restrict v, uint32_t n, uint32_t mask,
    uint8_t *restrict hit)
{
	for (uint32_t r = 0; r < m->n; r++) {
		uint32_t lo = m->lo[r], width = m->hi[r] - lo;

		for (uint32_t i = 0; i < n; i++)
			hit[i] |= (v[i] & mask) - lo <= width;
	}
}

static void
rows_v6(const struct tsn_v6_members *m, const struct tsn_addr_column *col, uint32_t n,
    unsigned bits, uint8_t *hit)
{
	struct tsn_mask six;

	tsn_mask_first(&six, n);
	tsn_mask_andnot(&six, &six, &col->is_v4);
	TSN_EACH_ROW(row, &six) {
		struct tsn_addr a = { col->hi[row], col->lo[row], false };

		a = tsn_addr_mask(a, 32, bits);
		hit[row] = tsn_v6_members_has(m, a.hi, a.lo);
	}
}

void
tsn_set_rows_addr(const struct tsn_set *s, const struct tsn_addr_column *col, uint32_t n,
    unsigned v4_bits, unsigned v6_bits, uint8_t *hit)
{
	uint32_t mask = (uint32_t)tsn_addr_mask(tsn_addr_v4(UINT32_MAX), v4_bits, 0).lo;

	memset(hit, 0, TSN_BATCH_ROWS);
	if (s->dynamic != NULL) {
		if (s->kind == TSN_SET_ADDR)
			tsn_dynamic_rows_addr(s->dynamic, col, n, v4_bits, v6_bits, hit);
		return;
	}
	if (s->v4.first != NULL) {
		for (uint32_t i = 0; i < n; i++)
			hit[i] = many_v4(&s->v4, col->v4[i] & mask);
	} else {
		rows_few_v4(&s->v4, col->v4, n, mask, hit);
	}
	if (col->any_v6)
		rows_v6(&s->v6, col, n, v6_bits, hit);
}
