/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Sets against a plain list that is walked from end to end for every question. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
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

static struct tsn_prefix
prefix(const char *text)
{
	struct tsn_prefix p;

	cr_assert(tsn_prefix_parse(text, strlen(text), &p), "%s", text);
	return p;
}

static struct tsn_addr
addr(const char *text)
{
	struct tsn_addr a;

	cr_assert(tsn_addr_parse(text, strlen(text), &a), "%s", text);
	return a;
}

/* A set of the prefixes named, with spaces between them. */
static struct tsn_set *
set_of(const char *prefixes)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ADDR);
	char text[256], *save, *p;
	struct tsn_set *s;

	snprintf(text, sizeof(text), "%s", prefixes);
	for (p = strtok_r(text, " ", &save); p != NULL; p = strtok_r(NULL, " ", &save))
		cr_assert_eq(tsn_set_builder_add_prefix(b, prefix(p), TSN_SET_NO_ROW), TSN_SET_OK);
	s = tsn_set_build(b);
	tsn_set_builder_free(b);
	return s;
}

Test(sets, everything_and_nothing)
{
	static const char *const asked[] = { "0.0.0.0", "255.255.255.255", "10.1.2.3", "::", "2001:db8::1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	struct tsn_set *four = set_of("0.0.0.0/0"), *six = set_of("::/0"), *both = set_of("0.0.0.0/0 ::/0"), *none = set_of("");

	for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct tsn_addr a = addr(asked[i]);

		cr_assert_eq(tsn_set_has_addr(four, a), a.v4, "%s", asked[i]);
		cr_assert_eq(tsn_set_has_addr(six, a), !a.v4, "%s", asked[i]);
		cr_assert(tsn_set_has_addr(both, a), "%s", asked[i]);
		cr_assert(!tsn_set_has_addr(none, a), "%s", asked[i]);
	}
	cr_assert(tsn_set_has_family(four, true) && !tsn_set_has_family(four, false));
	cr_assert(tsn_set_has_family(six, false) && !tsn_set_has_family(six, true));
	cr_assert(tsn_set_empty(none) && !tsn_set_empty(four));
	cr_assert_eq(tsn_set_size(none), 0);
	cr_assert_eq(tsn_set_size(both), 2);
	tsn_set_free(four);
	tsn_set_free(six);
	tsn_set_free(both);
	tsn_set_free(none);
}

Test(sets, equal_content_has_an_equal_hash)
{
	static const struct { char a[64], b[64]; bool same; } cases[] = {
		{ "10.0.0.0/8 192.0.2.0/24", "192.0.2.0/24 10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.0.0.0/9 10.128.0.0/9", true },
		{ "10.0.0.0/8", "10.0.0.0/8 10.1.0.0/16 10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.0.0.0/9", false },
		{ "10.0.0.0/8", "11.0.0.0/8", false },
		{ "0.0.0.1/32", "::1/128", false },
		{ "", "", true },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_set *a = set_of(cases[i].a), *b = set_of(cases[i].b);

		cr_assert_eq(tsn_set_hash(a) == tsn_set_hash(b), cases[i].same, "case %u", i);
		tsn_set_free(a);
		tsn_set_free(b);
	}
}

Test(sets, sizes_count_different_members)
{
	static const struct { char prefixes[64]; size_t size; } cases[] = {
		{ "10.0.0.0/8 10.0.0.0/8 10.1.0.0/16", 2 }, { "10.0.0.0/9 10.128.0.0/9", 2 }, { "::/0 0.0.0.0/0", 2 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_set *s = set_of(cases[i].prefixes);

		cr_assert_eq(tsn_set_size(s), cases[i].size, "case %u: %zu", i, tsn_set_size(s));
		tsn_set_free(s);
	}
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

Test(sets, words)
{
	static const char *const in[] = { "alpha", "beta", "", "a", "alpha\0x" };
	static const size_t len[] = { 5, 4, 0, 1, 7 };
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_str col[3] = { { "beta", 4 }, { "gamma", 5 }, { "alpha", 5 } };
	struct tsn_mask rows = { { 3 } };
	uint8_t hit[TSN_BATCH_ROWS];
	struct tsn_set *s;

	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < 5; i++)
			cr_assert_eq(tsn_set_builder_add_str(b, in[i], len[i], TSN_SET_NO_ROW), TSN_SET_OK);
	cr_assert_eq(tsn_set_builder_add_int_range(b, 1, 1, TSN_SET_NO_ROW), TSN_SET_MIXED);
	s = tsn_set_build(b);
	cr_assert_eq(tsn_set_size(s), 5);
	for (unsigned i = 0; i < 5; i++)
		cr_assert(tsn_set_has_str(s, in[i], len[i]), "%u", i);
	cr_assert(tsn_set_has_str(s, NULL, 0));
	cr_assert(!tsn_set_has_str(s, "alph", 4));
	cr_assert(!tsn_set_has_str(s, "alpha\0y", 7));
	cr_assert(!tsn_set_has_key(s, (const uint8_t *)"alpha", 5), "a string is no tuple");
	cr_assert(!tsn_set_has_int(s, 0) && !tsn_set_has_addr(s, tsn_addr_v4(0)));
	tsn_set_rows_str(s, col, &rows, hit);
	cr_assert(hit[0] == 1 && hit[1] == 0 && hit[2] == 0, "row 2 is not asked for");
	tsn_set_free(s);
	tsn_set_builder_free(b);
}

Test(sets, many_words)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_TUPLE);
	uint8_t key[8];
	struct tsn_set *s;

	for (uint32_t i = 0; i < 20000; i++) {
		memset(key, 0, sizeof(key));
		memcpy(key, &(uint32_t){ i * 2 }, 4);
		cr_assert_eq(tsn_set_builder_add_key(b, key, 4 + i % 5, i), TSN_SET_OK);
	}
	s = tsn_set_build(b);
	for (uint32_t i = 0; i < 40000; i++) {
		memset(key, 0, sizeof(key));
		memcpy(key, &i, 4);
		cr_assert_eq(tsn_set_has_key(s, key, 4 + i / 2 % 5), i % 2 == 0, "%u", i);
		cr_assert_eq(tsn_set_row_of_key(s, key, 4 + i / 2 % 5), i % 2 == 0 ? i / 2 : TSN_SET_NO_ROW);
	}
	tsn_set_free(s);
	tsn_set_builder_free(b);
}

/* --- cells, unions, values --- */

static struct tsn_str
str(const char *s)
{
	return (struct tsn_str){ s, (uint32_t)strlen(s) };
}

static void
add_with(struct tsn_set_builder *b, const char *member, const char *first, const char *second)
{
	struct tsn_str cells[2] = { str(first), str(second) };
	uint32_t row;

	cr_assert_eq(tsn_set_builder_row(b, cells, 2, &row), TSN_SET_OK);
	cr_assert_eq(tsn_set_builder_add_prefix(b, prefix(member), row), TSN_SET_OK);
}

static void
cell_is(const struct tsn_set *s, const char *a, const char *column, const char *want)
{
	struct tsn_str got = tsn_set_cell(s, tsn_set_row_of_addr(s, addr(a)), tsn_set_column(s, column, strlen(column)));

	cr_assert(got.n == strlen(want) && memcmp(got.p, want, got.n) == 0, "%s of %s: %.*s", column, a, (int)got.n, got.p);
}

Test(sets, the_longest_match_names_the_row_also_in_unions)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ADDR);
	struct tsn_str one[2] = { str("name"), str("owner") }, two[2] = { str("owner"), str("level") };
	struct tsn_set *a, *c, *u, *bare = set_of("10.1.1.0/24 172.16.0.0/12");

	tsn_set_builder_columns(b, one, 2);
	add_with(b, "10.0.0.0/8", "all", "noc");
	add_with(b, "10.1.0.0/16", "site", "amy");
	a = tsn_set_build(b);
	tsn_set_builder_columns(b, two, 2);
	add_with(b, "10.1.2.0/24", "bob", "7");
	add_with(b, "2001:db8::/32", "eve", "9");
	c = tsn_set_build(b);
	tsn_set_builder_exclude_prefix(b, prefix("10.9.0.0/16"));
	cr_assert_eq(tsn_set_builder_add_set(b, c), TSN_SET_OK);
	cr_assert_eq(tsn_set_builder_add_set(b, a), TSN_SET_OK);
	cr_assert_eq(tsn_set_builder_add_set(b, bare), TSN_SET_OK);
	u = tsn_set_build(b);
	cell_is(a, "10.1.2.3", "owner", "amy");
	cell_is(c, "10.1.2.3", "owner", "bob");
	cell_is(u, "10.1.2.3", "owner", "bob");
	cell_is(u, "10.1.2.3", "level", "7");
	cell_is(u, "10.1.2.3", "name", "");
	cell_is(u, "10.1.1.1", "owner", "amy"); /* the bare member has nothing to say */
	cell_is(u, "10.2.0.1", "name", "all");
	cell_is(u, "2001:db8::5", "owner", "eve");
	cell_is(u, "172.16.0.1", "owner", "");
	cell_is(u, "10.9.0.1", "owner", "");
	cr_assert(!tsn_set_has_addr(u, addr("10.9.0.1")));
	cr_assert(tsn_set_has_addr(u, addr("172.16.0.1")));
	cr_assert_eq(tsn_set_size(u), 6);
	cr_assert_eq(tsn_set_column(u, "none", 4), -1);
	cr_assert_str_eq(tsn_set_column_nth(a, 1), "owner");
	cr_assert_null(tsn_set_column_nth(a, 2));
	tsn_set_free(a);
	tsn_set_free(c);
	tsn_set_free(u);
	tsn_set_free(bare);
	tsn_set_builder_free(b);
}

Test(sets, unions_of_other_kinds)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_set *none = tsn_set_build(b), *ints, *strs, *u;

	tsn_set_builder_add_int_range(b, 1, 5, TSN_SET_NO_ROW);
	ints = tsn_set_build(b);
	tsn_set_builder_free(b);
	b = tsn_set_builder_new(TSN_SET_ANY);
	tsn_set_builder_add_str(b, "x", 1, TSN_SET_NO_ROW);
	strs = tsn_set_build(b);
	tsn_set_builder_free(b);
	b = tsn_set_builder_new(TSN_SET_ANY);
	cr_assert_eq(tsn_set_builder_add_set(b, none), TSN_SET_OK);
	cr_assert_eq(tsn_set_builder_add_set(b, ints), TSN_SET_OK);
	cr_assert_eq(tsn_set_builder_add_set(b, strs), TSN_SET_MIXED);
	tsn_set_builder_add_int_range(b, 5, 9, TSN_SET_NO_ROW);
	u = tsn_set_build(b);
	cr_assert(tsn_set_has_int(u, 1) && tsn_set_has_int(u, 9) && !tsn_set_has_int(u, 10));
	cr_assert_eq(tsn_set_kind(none), TSN_SET_ANY);
	cr_assert_eq(tsn_set_builder_add_int_range(b, 9, 5, TSN_SET_NO_ROW), TSN_SET_REVERSED);
	cr_assert_eq(tsn_set_builder_add_addr_range(b, addr("::1"), addr("10.0.0.1"), TSN_SET_NO_ROW), TSN_SET_REVERSED);
	tsn_set_free(none);
	tsn_set_free(ints);
	tsn_set_free(strs);
	tsn_set_free(u);
	tsn_set_builder_free(b);
}

/* Few calls of each kind: with every allocation failing in turn there is no leak and no crash. */
static struct tsn_set *
build_some(enum tsn_set_kind kind)
{
	struct tsn_set_builder *b = tsn_set_builder_new(kind);
	enum tsn_set_error err = TSN_SET_OK;
	struct tsn_str column = { "name", 4 };
	struct tsn_set *s = NULL, *u = NULL;
	uint32_t row;

	if (b == NULL)
		return NULL;
	err = tsn_set_builder_columns(b, &column, 1);
	for (int64_t i = 0; i < 1500 && err == TSN_SET_OK; i++) {
		err = i < 40 ? tsn_set_builder_row(b, &column, 1, &row) : TSN_SET_OK;
		if (err == TSN_SET_OK && kind == TSN_SET_ADDR)
			err = tsn_set_builder_add_addr_range(b, tsn_addr_v4((uint32_t)i * 5), tsn_addr_v4((uint32_t)i * 5 + 1), row);
		else if (err == TSN_SET_OK && kind == TSN_SET_INT)
			err = tsn_set_builder_add_int_range(b, i * 5, i * 5 + 1, row);
		else if (err == TSN_SET_OK)
			err = tsn_set_builder_add_str(b, (const char *)&i, 8, row);
	}
	if (err == TSN_SET_OK && kind == TSN_SET_ADDR)
		err = tsn_set_builder_exclude_prefix(b, (struct tsn_prefix){ tsn_addr_v4(0), 28 });
	s = err == TSN_SET_OK ? tsn_set_build(b) : NULL;
	if (s != NULL && tsn_set_builder_add_set(b, s) == TSN_SET_OK)
		u = tsn_set_build(b);
	tsn_set_free(s);
	tsn_set_builder_free(b);
	return u;
}

Test(sets, memory_may_run_out_anywhere)
{
	for (enum tsn_set_kind kind = TSN_SET_ADDR; kind <= TSN_SET_STR; kind++) {
		for (int sticky = 0; sticky < 2; sticky++) {
			struct tsn_set *s = NULL;
			long n;

			for (n = 0; s == NULL && n < 1000; n++) {
				tsn_mem_fail_at(n, sticky);
				s = build_some(kind);
				tsn_mem_fail_never();
			}
			cr_assert_not_null(s, "kind %d", kind);
			cr_assert_gt(n, 10);
			tsn_set_free(s);
		}
	}
}

/* --- built-in sets --- */

Test(sets, iana_reserved)
{
	static const struct { char a[40], name[48]; } cases[] = { /* "" is no member */
		{ "10.1.2.3", "Private-Use" }, { "192.0.2.77", "Documentation (TEST-NET-1)" }, { "100.127.255.255", "Shared Address Space" },
		{ "100.128.0.0", "" }, { "192.0.0.8", "IPv4 dummy address" }, { "192.0.0.9", "" }, { "192.0.0.10", "" },
		{ "192.0.0.11", "IETF Protocol Assignments" }, { "192.0.0.3", "IPv4 Service Continuity Prefix" },
		{ "192.31.196.1", "" }, { "192.88.99.1", "" }, { "192.88.99.2", "6a44-relay anycast address" },
		{ "224.0.0.5", "" }, { "255.255.255.255", "Limited Broadcast" }, { "255.255.255.254", "Reserved" },
		{ "0.0.0.0", "This host on this network" }, { "0.0.0.1", "This network" }, { "8.8.8.8", "" }, { "1.1.1.1", "" },
		{ "::", "Unspecified Address" }, { "::1", "Loopback Address" }, { "::2", "" }, { "2001:db8::1", "Documentation" },
		{ "2001:1::1", "" }, { "2001:1::4", "IETF Protocol Assignments" }, { "2001:20::1", "" }, { "2001:3::1", "" },
		{ "2001:2::9", "Benchmarking" }, { "2001:200::1", "" }, { "2002::1", "" }, { "fd00::1", "Unique-Local" },
		{ "fe80::1", "Link-Local Unicast" }, { "fec0::1", "" }, { "ff02::1", "" }, { "2620:4f:8000::1", "" },
		{ "64:ff9b::1", "" }, { "64:ff9b:1::1", "IPv4-IPv6 Translation" }, { "3fff::1", "Documentation" },
	};
	struct tsn_set *s = tsn_set_builtin("iana_reserved", 13);

	cr_assert_not_null(s);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_str name = tsn_set_describe(s, addr(cases[i].a));

		cr_assert_eq(tsn_set_has_addr(s, addr(cases[i].a)), cases[i].name[0] != '\0', "%s", cases[i].a);
		cr_assert(name.n == strlen(cases[i].name) && memcmp(name.p, cases[i].name, name.n) == 0, "%s: %.*s", cases[i].a,
		    (int)name.n, name.p);
	}
	tsn_set_free(s);
}

Test(sets, multicast_and_unknown_names)
{
	struct tsn_set *s = tsn_set_builtin("multicast", 9);

	cr_assert(tsn_set_has_addr(s, addr("224.0.0.1")) && tsn_set_has_addr(s, addr("239.255.255.255")));
	cr_assert(tsn_set_has_addr(s, addr("ff02::1")));
	cr_assert(!tsn_set_has_addr(s, addr("240.0.0.0")) && !tsn_set_has_addr(s, addr("223.255.255.255")));
	cr_assert_eq(tsn_set_size(s), 2);
	tsn_set_free(s);
	cr_assert_null(tsn_set_builtin("bogons", 6));
	cr_assert_str_eq(tsn_set_builtin_nth(0), "iana_reserved");
	cr_assert_null(tsn_set_builtin_nth(2));
}

Test(sets, every_row_of_the_iana_table_is_a_prefix)
{
	static const char *const prefixes[] = {
#define IANA(what, prefix, name, reference) prefix,
#include "sets/iana.def"
#undef IANA
	};

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct tsn_prefix p;
		char text[TSN_ADDR_TEXT];

		cr_assert(tsn_prefix_parse(prefixes[i], strlen(prefixes[i]), &p), "%s", prefixes[i]);
		cr_assert_str_eq(tsn_prefix_text(p, text), prefixes[i]);
	}
}

Test(sets, the_iana_set_survives_a_lack_of_memory)
{
	struct tsn_set *s = NULL;

	for (long n = 0; s == NULL && n < 1000; n++) {
		tsn_mem_fail_at(n, false);
		s = tsn_set_builtin("iana_reserved", 13);
		tsn_mem_fail_never();
	}
	cr_assert_not_null(s);
	tsn_set_free(s);
}
