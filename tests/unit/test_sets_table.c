/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Tables: random rows against a list that is searched for the longest prefix, the smallest range, the equal text; files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sets/table.h"

static uint64_t seed;

static uint64_t
below(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 24) % n;
}

static struct tsn_set *
of_text(const char *text, enum tsn_type type, const char *key, const char *value, bool whole, struct tsn_set_report *report,
    enum tsn_set_file *status)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_table_rows rows = { 0 };
	struct tsn_set *s = NULL;

	*status = tsn_table_parse(text, strlen(text), type, key, value, whole, b, &rows, report);
	if (*status == TSN_SET_FILE_OK)
		s = tsn_table_build(b, &rows, (struct tsn_table_value){ .known = true, .i = -1, .f = -1 });
	tsn_table_rows_fini(&rows);
	tsn_set_builder_free(b);
	return s;
}

#define ROWS 40

Test(sets_table, the_longest_prefix_decides)
{
	uint32_t runs = getenv("TSN_SOAK") != NULL ? 5000 : 300;

	for (uint32_t run = 0; run < runs; run++) {
		struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
		struct tsn_prefix p[ROWS];
		struct tsn_table_rows rows = { 0 };
		struct tsn_set *s;
		size_t n = 0;
		uint32_t row;

		seed = run;
		for (int i = 0; i < ROWS; i++) {
			static const uint8_t lens[] = { 8, 16, 24, 28, 32 };
			bool v4 = below(3) > 0;
			struct tsn_prefix x = { .len = v4 ? lens[below(5)] : (uint8_t)(lens[below(5)] * 4) };
			bool twice = false;

			x.addr = v4 ? tsn_addr_v4(0x0a000000 | (uint32_t)below(4) << 16 | (uint32_t)below(4) << 8 | (uint32_t)below(40)) :
			    (struct tsn_addr){ UINT64_C(0x20010db800000000) | below(3) << 16, below(40), false };
			x.addr = tsn_addr_mask(x.addr, x.len, x.len);
			for (size_t k = 0; k < n; k++)
				twice |= p[k].len == x.len && tsn_addr_cmp(p[k].addr, x.addr) == 0;
			if (twice)
				continue;
			cr_assert(tsn_table_row(b, &rows, (struct tsn_table_value){ .known = true, .i = (int64_t)n, .f = (double)n }, &row));
			cr_assert_eq(tsn_set_builder_add_prefix(b, x, row), TSN_SET_OK);
			p[n++] = x;
		}
		s = tsn_table_build(b, &rows, (struct tsn_table_value){ .known = true, .i = -1 });
		cr_assert_not_null(s);
		cr_expect_not(tsn_table_is_real(s));
		for (int i = 0; i < 200; i++) {
			struct tsn_addr a = below(3) ? tsn_addr_v4(0x0a000000 | (uint32_t)below(5) << 16 | (uint32_t)below(5) << 8 |
			    (uint32_t)below(50)) : (struct tsn_addr){ UINT64_C(0x20010db800000000) | below(4) << 16, below(50), false };
			int64_t want = -1;
			int best = -1;

			for (size_t k = 0; k < n; k++) {
				if (tsn_prefix_has(p[k], a) && (int)p[k].len > best) {
					best = p[k].len;
					want = (int64_t)k;
				}
			}
			cr_assert_eq(tsn_table_value_of(s, tsn_set_row_of_addr(s, a)).i, want);
		}
		tsn_set_free(s);
		tsn_set_builder_free(b);
	}
}

static int64_t
port(const struct tsn_set *s, int64_t v)
{
	return tsn_table_value_of(s, tsn_set_row_of_int(s, v)).i;
}

Test(sets_table, files)
{
	struct tsn_set_report r;
	enum tsn_set_file status;
	struct tsn_set *s = of_text("25,3\n dns , 100\n80-90,7\n# none\n85,8\n", TSN_T_PORT, NULL, NULL, false, &r, &status);
	struct tsn_table_value v;

	cr_assert_not_null(s, "%s", r.message);
	cr_expect_eq(r.members, 4);
	cr_expect(port(s, 25) == 3 && port(s, 53) == 100 && port(s, 84) == 7 && port(s, 85) == 8 && port(s, 91) == -1);
	tsn_set_free(s);
	s = of_text("who,net,limit\nx,10.0.0.0/8,5\ny,10.1.0.0/16,0x10\n", TSN_T_ADDR, "net", "limit", true, &r, &status);
	cr_assert_not_null(s, "%s", r.message);
	cr_expect_eq(tsn_table_value_of(s, tsn_set_row_of_addr(s, tsn_addr_v4(0x0a010001))).i, 16);
	tsn_set_free(s);
	s = of_text("name,value\nalpha,1\nbeta,2.5\n", TSN_T_STRING, NULL, NULL, false, &r, &status);
	cr_assert_not_null(s, "%s", r.message);
	cr_expect(tsn_table_is_real(s));
	v = tsn_table_value_of(s, tsn_set_row_of_str(s, "beta", 4));
	cr_expect(v.known && v.real && v.f == 2.5);
	v = tsn_table_value_of(s, tsn_set_row_of_str(s, "alpha", 5));
	cr_expect(v.known && !v.real && v.i == 1 && v.f == 1, "an integer among reals");
	tsn_set_free(s);
	s = of_text("", TSN_T_ADDR, NULL, NULL, false, &r, &status);
	cr_assert_not_null(s);
	cr_expect_eq(tsn_table_value_of(s, tsn_set_row_of_addr(s, tsn_addr_v4(1))).i, -1);
	tsn_set_free(s);
}

Test(sets_table, files_that_are_refused)
{
	static const struct {
		const char *text, *key, *value;
		bool whole;
		const char *message;
	} v[] = {
		{ "a,b\n10.0.0.1,5\n", "c", NULL, false, "no column \"c\" in the header; there are a, b" },
		{ "a,b\n10.0.0.1,5\n", "a", "c", false, "no column \"c\" in the header; there are a, b" },
		{ "", "a", NULL, false, "no header line that names the columns" },
		{ "10.0.0.1,5\n10.0.0.2\n", NULL, NULL, false,
		    "1 of 2 lines holds no key with a number, the first is line 2: \"10.0.0.2\"; at most one in a hundred is skipped" },
		{ "10.0.0.1,5\n10.0.0.2,2.5\n", NULL, NULL, true,
		    "1 of 2 lines holds no key with a whole number, the first is line 2: \"10.0.0.2\"; at most one in a hundred is skipped" },
		{ "10.0.0.1,5\nx,5\n", NULL, NULL, false,
		    "1 of 2 lines holds no key with a number, the first is line 2: \"x\"; at most one in a hundred is skipped" },
	};
	struct tsn_set_report r;
	enum tsn_set_file status;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		cr_expect_null(of_text(v[i].text, TSN_T_ADDR, v[i].key, v[i].value, v[i].whole, &r, &status));
		cr_expect_eq(status, TSN_SET_FILE_BAD);
		cr_expect_str_eq(r.message, v[i].message);
	}
}

Test(sets_table, numbers)
{
	static const char *const bad[] = { "", "x", "1x", "0x", "1.2.3", "inf", "nan", "1e400", "--1", " 1", "0x1.8", "1 2", "." };
	struct tsn_table_value v;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_not(tsn_table_value_parse(bad[i], strlen(bad[i]), &v), "%s", bad[i]);
	cr_expect(tsn_table_value_parse("-7", 2, &v) && !v.real && v.i == -7 && v.f == -7);
	cr_expect(tsn_table_value_parse("0x1f", 4, &v) && !v.real && v.i == 31);
	cr_expect(tsn_table_value_parse("010", 3, &v) && !v.real && v.i == 10);
	cr_expect(tsn_table_value_parse("9223372036854775807", 19, &v) && !v.real && v.i == INT64_MAX);
	cr_expect(tsn_table_value_parse("9223372036854775808", 19, &v) && v.real && v.f == 9223372036854775808.0);
	cr_expect(tsn_table_value_parse(".5", 2, &v) && v.real && v.f == 0.5);
	cr_expect(tsn_table_value_parse("1e3", 3, &v) && v.real && v.f == 1000);
}

Test(sets_table, memory_may_be_out)
{
	struct tsn_set_report r;
	enum tsn_set_file status;
	struct tsn_set *s = NULL;

	for (long n = 1; s == NULL && n < 200; n++) {
		struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
		struct tsn_table_rows rows = { 0 };

		tsn_mem_fail_at(n, true);
		status = tsn_table_parse("10.0.0.0/8,1\n10.0.0.1,2\n", 24, TSN_T_ADDR, NULL, NULL, false, b, &rows, &r);
		if (status == TSN_SET_FILE_OK)
			s = tsn_table_build(b, &rows, (struct tsn_table_value){ 0 });
		tsn_mem_fail_never();
		cr_expect(status == TSN_SET_FILE_OK || status == TSN_SET_FILE_MEMORY);
		tsn_table_rows_fini(&rows);
		tsn_set_builder_free(b);
	}
	cr_expect_not_null(s);
	tsn_set_free(s);
}
