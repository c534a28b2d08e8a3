/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Sets: what is in them, what rows of a file say of it, unions, lack of memory, and the built-in ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sets/ranges.h"
#include "sets/set.h"

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

Test(sets, ranges_are_of_one_family)
{
	static const tsn_u128 v4 = TSN_V4_MAPPED, all = ~(tsn_u128)0;
	const struct {
		const char *set;
		size_t n;
		struct { tsn_u128 lo, hi; } r[3];
	} cases[] = {
		{ "::/0", 2, { { 0, v4 - 1 }, { (v4 | UINT32_MAX) + 1, all } } },
		{ "::/64 10.0.0.0/8", 3, { { 0, v4 - 1 }, { v4 | 0x0a000000, v4 | 0x0affffff }, { (v4 | UINT32_MAX) + 1, UINT64_MAX } } },
		{ "::/0 0.0.0.0/0", 3, { { 0, v4 - 1 }, { v4, v4 | UINT32_MAX }, { (v4 | UINT32_MAX) + 1, all } } },
		{ "0.0.0.0/8 10.0.0.0/9 10.128.0.0/9", 2, { { v4, v4 | 0x00ffffff }, { v4 | 0x0a000000, v4 | 0x0affffff } } },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_set *s = set_of(cases[i].set);
		struct tsn_ranges l = { NULL, 0, 0 };

		cr_assert(tsn_set_ranges(s, &l));
		cr_assert_eq(l.n, cases[i].n, "%s", cases[i].set);
		for (size_t k = 0; k < l.n; k++)
			cr_assert(l.r[k].lo == cases[i].r[k].lo && l.r[k].hi == cases[i].r[k].hi, "%s, %zu", cases[i].set, k);
		tsn_ranges_fini(&l);
		tsn_set_free(s);
	}
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
