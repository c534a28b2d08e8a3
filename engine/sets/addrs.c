/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "base/mem.h"
#include "sets/members.h"

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
	if (m->n <= TSN_SET_LINEAR)
		return true;
	m->low = m->hi_hi[0] == m->hi_hi[m->n - 1];
	return tsn_bins_init(&m->bins, m->low ? m->hi_lo : m->hi_hi, m->n, 0);
}

void
tsn_v6_members_fini(struct tsn_v6_members *m)
{
	tsn_bins_fini(&m->bins);
	tsn_free(m->lo_hi); /* the four are one block */
}

static inline bool
less(uint64_t a_hi, uint64_t a_lo, uint64_t b_hi, uint64_t b_lo)
{
	return a_hi < b_hi || (a_hi == b_hi && a_lo < b_lo);
}

/* Of ranges [from, to] the first that ends at or after the address: does it begin before? */
static bool
search(const struct tsn_v6_members *m, size_t from, size_t to, uint64_t hi, uint64_t lo)
{
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (less(m->hi_hi[mid], m->hi_lo[mid], hi, lo))
			from = mid + 1;
		else
			to = mid;
	}
	return from < m->n && !less(hi, lo, m->lo_hi[from], m->lo_lo[from]);
}

/* Where bins are by the low half, all ends have one high half: below it is before all, above it behind all. */
static uint64_t
bin_of(const struct tsn_v6_members *m, uint64_t hi, uint64_t lo)
{
	if (!m->low)
		return tsn_bins_of(&m->bins, hi);
	return tsn_bins_of(&m->bins, hi == m->hi_hi[0] ? lo : hi < m->hi_hi[0] ? m->bins.min : m->bins.max);
}

static bool
search_bin(const struct tsn_v6_members *m, uint64_t bin, uint64_t hi, uint64_t lo)
{
	return search(m, m->bins.first[bin], m->bins.first[bin + 1], hi, lo);
}

bool
tsn_v6_members_has(const struct tsn_v6_members *m, uint64_t hi, uint64_t lo)
{
	return m->bins.first == NULL ? search(m, 0, m->n, hi, lo) : search_bin(m, bin_of(m, hi, lo), hi, lo);
}

/* What each row of a stretch needs is asked for before the first is looked at. */
static void
stretch_v6(const struct tsn_v6_members *m, const struct tsn_addr *a, const uint16_t *row, uint32_t n, uint8_t *hit)
{
	uint64_t bin[TSN_BINS_STRETCH];

	if (m->bins.first != NULL) {
		for (uint32_t i = 0; i < n; i++) {
			bin[i] = bin_of(m, a[i].hi, a[i].lo);
			__builtin_prefetch(&m->bins.first[bin[i]]);
		}
		for (uint32_t i = 0; i < n; i++) {
			__builtin_prefetch(&m->hi_hi[m->bins.first[bin[i]]]);
			__builtin_prefetch(&m->hi_lo[m->bins.first[bin[i]]]);
		}
	}
	for (uint32_t i = 0; i < n; i++)
		hit[row[i]] = m->bins.first == NULL ? search(m, 0, m->n, a[i].hi, a[i].lo) : search_bin(m, bin[i], a[i].hi, a[i].lo);
}

static void
rows_v6(const struct tsn_v6_members *m, const struct tsn_addr_column *col, uint32_t n,
    unsigned bits, uint8_t *hit)
{
	struct tsn_addr a[TSN_BINS_STRETCH];
	uint16_t at[TSN_BINS_STRETCH];
	struct tsn_mask six;
	uint32_t count = 0;

	tsn_mask_first(&six, n);
	tsn_mask_andnot(&six, &six, &col->is_v4);
	TSN_EACH_ROW(row, &six) {
		a[count] = tsn_addr_mask((struct tsn_addr){ col->hi[row], col->lo[row], false }, 32, bits);
		at[count++] = (uint16_t)row;
		if (count == TSN_BINS_STRETCH) {
			stretch_v6(m, a, at, count, hit);
			count = 0;
		}
	}
	stretch_v6(m, a, at, count, hit);
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
	tsn_v4_members_rows(&s->v4, col->v4, n, mask, hit);
	if (col->any_v6)
		rows_v6(&s->v6, col, n, v6_bits, hit);
}
