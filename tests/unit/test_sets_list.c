/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Sets against a plain list that is walked from end to end for every question. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sets/set.h"
#include "unit/dice.h"

typedef unsigned __int128 u128;

/* The oracle. */
struct naive {
	struct { bool v4; u128 lo, hi; uint32_t row; bool cut; } m[6000];
	size_t n;
};

static u128
number(struct tsn_addr a)
{
	return (u128)a.hi << 64 | a.lo;
}

static bool
naive_has(const struct naive *l, struct tsn_addr a)
{
	bool in = false;

	for (size_t i = 0; i < l->n; i++) {
		if (l->m[i].v4 != a.v4 || number(a) < l->m[i].lo || number(a) > l->m[i].hi)
			continue;
		if (l->m[i].cut)
			return false;
		in = true;
	}
	return in;
}

static uint32_t
naive_row(const struct naive *l, struct tsn_addr a)
{
	uint32_t row = TSN_SET_NO_ROW;
	u128 best = 0;

	if (!naive_has(l, a))
		return row;
	for (size_t i = 0; i < l->n; i++) {
		u128 size = l->m[i].hi - l->m[i].lo;

		if (l->m[i].v4 != a.v4 || number(a) < l->m[i].lo || number(a) > l->m[i].hi || l->m[i].row == TSN_SET_NO_ROW)
			continue;
		if (row == TSN_SET_NO_ROW || size < best || (size == best && l->m[i].row < row)) {
			row = l->m[i].row;
			best = size;
		}
	}
	return row;
}

/* Addresses that crowd, so that members nest, touch and overlap. */
static struct tsn_addr
crowded(bool v4, unsigned bits)
{
	static const uint64_t bases[] = { 0, 0x0a000000, 0xc0a80000, 0xffffff00 };
	uint64_t low = below(1u << bits), base = bases[below(4)];

	if (v4)
		return tsn_addr_v4((uint32_t)(base == 0xffffff00 ? base | (low & 255) : base + low));
	switch (below(3)) {
	case 0: return (struct tsn_addr){ 0x20010db8000000ff, UINT64_MAX - low, false };
	case 1: return (struct tsn_addr){ 0x20010db800000100, low, false };
	default: return (struct tsn_addr){ low, base, false };
	}
}

static void
grow(struct naive *l, struct tsn_set_builder *b, bool rows, unsigned bits)
{
	bool v4 = below(2), cut = below(12) == 0;
	struct tsn_addr lo = crowded(v4, bits), hi = crowded(v4, bits), text;
	struct tsn_prefix p;
	struct tsn_str cell = { "x", 1 };
	uint32_t row = TSN_SET_NO_ROW;
	u128 last;

	if (rows && below(3))
		cr_assert_eq(tsn_set_builder_row(b, &cell, 1, &row), TSN_SET_OK);
	if (below(3) == 0 && !cut) {
		if (tsn_addr_cmp(lo, hi) > 0) {
			text = lo;
			lo = hi;
			hi = text;
		}
		cr_assert_eq(tsn_set_builder_add_addr_range(b, lo, hi, row), TSN_SET_OK);
		last = number(hi);
	} else {
		unsigned most = v4 ? 32 : 128, cutoff = below(bits + 1);

		p.len = (uint8_t)(below(40) == 0 ? below(most + 1) : most - cutoff);
		p.addr = lo = tsn_addr_mask(lo, p.len, p.len);
		cutoff = most - p.len;
		last = number(lo) | (cutoff == 128 ? ~(u128)0 : ((u128)1 << cutoff) - 1);
		if (cut) {
			cr_assert_eq(tsn_set_builder_exclude_prefix(b, p), TSN_SET_OK);
			row = TSN_SET_NO_ROW;
		} else {
			cr_assert_eq(tsn_set_builder_add_prefix(b, p, row), TSN_SET_OK);
		}
	}
	l->m[l->n].v4 = v4;
	l->m[l->n].lo = number(lo);
	l->m[l->n].hi = last;
	l->m[l->n].row = row;
	l->m[l->n++].cut = cut;
}

static struct tsn_addr
question(const struct naive *l, unsigned bits)
{
	struct tsn_addr a = crowded(below(2), bits);
	size_t i;
	u128 v;

	if (l->n == 0 || below(2))
		return a;
	i = below((uint32_t)l->n); /* the edges of a member and what lies beside them */
	v = (below(2) ? l->m[i].lo : l->m[i].hi) + below(3) - 1;
	if (l->m[i].v4)
		return tsn_addr_v4((uint32_t)v);
	return (struct tsn_addr){ (uint64_t)(v >> 64), (uint64_t)v, false };
}

static void
ask(const struct naive *l, const struct tsn_set *s, unsigned n, unsigned bits, unsigned times)
{
	char text[TSN_ADDR_TEXT];

	for (unsigned i = 0; i < times; i++) {
		struct tsn_addr a = question(l, bits);

		cr_assert_eq(tsn_set_has_addr(s, a), naive_has(l, a), "case %u: %s", n, tsn_addr_text(a, text));
		cr_assert_eq(tsn_set_row_of_addr(s, a), naive_row(l, a), "case %u: row of %s", n, tsn_addr_text(a, text));
	}
}

/* A column of questions, of both families, answered as one. */
static void
ask_column(const struct naive *l, const struct tsn_set *s, struct tsn_batch *b, unsigned n, unsigned bits)
{
	uint32_t rows = below(TSN_BATCH_ROWS + 1);
	unsigned v4_bits = below(3) ? 32 : below(33), v6_bits = below(3) ? 128 : below(129);
	uint8_t hit[TSN_BATCH_ROWS];
	bool only_v4 = below(3) == 0;
	uint32_t i;

	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	for (i = 0; i < rows; i++) {
		struct tsn_addr a = question(l, bits);

		tsn_batch_put_addr(b, i, TSN_F_DST, only_v4 ? tsn_addr_v4((uint32_t)a.lo) : a);
	}
	b->n = rows;
	memset(hit, 7, sizeof(hit));
	tsn_set_rows_addr(s, &b->addr[tsn_fields[TSN_F_DST].addr_slot], rows, v4_bits, v6_bits, hit);
	for (i = 0; i < TSN_BATCH_ROWS; i++) {
		bool want = i < rows && naive_has(l, tsn_addr_mask(tsn_batch_addr(b, i, TSN_F_DST), v4_bits, v6_bits));

		cr_assert_eq(hit[i], want, "case %u row %u of %u masks %u %u", n, i, rows, v4_bits, v6_bits);
	}
}

static void
address_sets(unsigned cases, unsigned most, unsigned bits, unsigned times)
{
	static struct naive l;
	struct tsn_batch *batch = tsn_batch_new();
	struct tsn_str name = { "name", 4 };

	for (unsigned n = 0; n < cases; n++) {
		struct tsn_set_builder *b = tsn_set_builder_new(n % 2 ? TSN_SET_ANY : TSN_SET_ADDR);
		uint32_t members = below(most + 1);
		struct tsn_set *s;

		l.n = 0;
		tsn_set_builder_columns(b, &name, 1);
		for (uint32_t i = 0; i < members; i++)
			grow(&l, b, n % 3 != 0, bits);
		s = tsn_set_build(b);
		cr_assert_not_null(s);
		ask(&l, s, n, bits, times);
		ask_column(&l, s, batch, n, bits);
		tsn_set_free(s);
		tsn_set_builder_free(b);
	}
	tsn_batch_free(batch);
}

Test(sets, addresses_small)
{
	seed = 1181783497276652981;
	address_sets(400, 6, 5, 200);
}

Test(sets, addresses_middle)
{
	seed = 2685821657736338717;
	address_sets(120, 120, 10, 300);
}

Test(sets, addresses_large)
{
	seed = 6364136223846793005;
	address_sets(6, 5500, 20, 300);
}

/* One member in each of [n] equal parts of all IPv4 addresses: a single one, some, a /24, a bit more, a /16. */
static void
spread(uint32_t n, struct tsn_batch *b)
{
	static const uint32_t size[] = { 0, 0, 2, 255, 700, 65535 };
	struct tsn_set_builder *builder = tsn_set_builder_new(TSN_SET_ADDR);
	const uint64_t part = (UINT64_C(1) << 32) / n;
	uint32_t *lo = calloc(n, sizeof(*lo)), *hi = calloc(n, sizeof(*hi));
	struct tsn_set *s;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t most = size[below(6)], at = (uint32_t)(i * part) + 65535, room = (uint32_t)(part - 65536 > 65536 ? part - 65536 - 65536 : 1);

		lo[i] = (at + below(room)) & (most == 255 ? ~255u : most == 65535 ? ~65535u : ~0u);
		hi[i] = lo[i] + most;
		cr_assert_eq(tsn_set_builder_add_addr_range(builder, tsn_addr_v4(lo[i]), tsn_addr_v4(hi[i]), TSN_SET_NO_ROW), TSN_SET_OK);
	}
	s = tsn_set_build(builder);
	cr_assert_eq(tsn_set_size(s), n);
	for (unsigned k = 0; k < 12; k++) {
		uint8_t hit[TSN_BATCH_ROWS];
		uint32_t of[TSN_BATCH_ROWS];

		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
			uint32_t m = of[i] = below(n), inside = lo[m] + below(hi[m] - lo[m] + 1);
			uint32_t v = below(4) == 0 ? inside : (below(2) ? lo[m] : hi[m]) + below(5) - 2;

			tsn_batch_put_addr(b, i, TSN_F_DST, tsn_addr_v4(v));
		}
		tsn_set_rows_addr(s, &b->addr[tsn_fields[TSN_F_DST].addr_slot], TSN_BATCH_ROWS, 32, 128, hit);
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
			struct tsn_addr a = tsn_batch_addr(b, i, TSN_F_DST);
			bool want = a.lo >= lo[of[i]] && a.lo <= hi[of[i]];

			cr_assert_eq(hit[i], want, "%u members: %llx", n, (unsigned long long)a.lo);
			cr_assert_eq(tsn_set_has_addr(s, a), want);
		}
	}
	tsn_set_free(s);
	tsn_set_builder_free(builder);
	free(lo);
	free(hi);
}

Test(sets, addresses_far_apart)
{
	static const uint32_t n[] = { 13, 100, 3000, 20000 };
	struct tsn_batch *b = tsn_batch_new();

	seed = 1442695040888963407;
	for (size_t i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		for (int k = 0; k < 3; k++)
			spread(n[i], b);
	tsn_batch_free(b);
}

/* --- integers --- */

static int64_t
some_int(void)
{
	static const int64_t edges[] = { 0, 1, 255, 256, 65535, 65536, UINT32_MAX, INT64_MAX, INT64_MIN, -1, -5 };

	return below(4) ? (int64_t)below(300) * (below(3) ? 1 : 400) - (below(20) ? 0 : 100) : edges[below(11)];
}

#define CHECK_COLUMN(name, T, cast) \
	do { \
		T col[TSN_BATCH_ROWS]; \
		uint8_t hit[TSN_BATCH_ROWS]; \
		uint32_t rows = below(TSN_BATCH_ROWS + 1); \
		for (uint32_t i = 0; i < rows; i++) \
			col[i] = (T)some_int(); \
		memset(hit, 9, sizeof(hit)); \
		tsn_set_rows_##name(s, col, rows, hit); \
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) { \
			bool want = false; \
			for (uint32_t j = 0; i < rows && j < members; j++) \
				want |= (cast)col[i] >= lo[j] && (cast)col[i] <= hi[j]; \
			cr_assert_eq(hit[i], want, "case %u: " #name " row %u", n, i); \
		} \
	} while (0)

Test(sets, integers)
{
	int64_t lo[200], hi[200];

	seed = 3935559000370003845;
	for (unsigned n = 0; n < 150; n++) {
		struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
		uint32_t members = below(n % 2 ? 8 : 120);
		struct tsn_set *s;

		for (uint32_t i = 0; i < members; i++) {
			lo[i] = some_int();
			hi[i] = below(2) ? lo[i] : some_int();
			if (lo[i] > hi[i])
				hi[i] = lo[i];
			cr_assert_eq(tsn_set_builder_add_int_range(b, lo[i], hi[i], TSN_SET_NO_ROW), TSN_SET_OK);
		}
		s = tsn_set_build(b);
		for (unsigned k = 0; k < 300; k++) {
			int64_t v = some_int();
			bool want = false;

			for (uint32_t j = 0; j < members; j++)
				want |= v >= lo[j] && v <= hi[j];
			cr_assert_eq(tsn_set_has_int(s, v), want, "case %u: %lld", n, (long long)v);
		}
		CHECK_COLUMN(u8, uint8_t, int64_t);
		CHECK_COLUMN(u16, uint16_t, int64_t);
		CHECK_COLUMN(u32, uint32_t, int64_t);
		CHECK_COLUMN(i64, int64_t, int64_t);
		/* above 2^63-1 nothing is a member, and a negative member is no huge number */
		CHECK_COLUMN(u64, uint64_t, __int128);
		tsn_set_free(s);
		tsn_set_builder_free(b);
	}
}
