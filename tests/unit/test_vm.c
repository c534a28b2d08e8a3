/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The machine's parts: numbers at their edges, patterns that give up. Kernels: test_kernels.c. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/spent.h"
#include "vm/numbers.h"
#include "vm/ops.h"
#include "vm/regex.h"


/* --- numbers --- */

static const int64_t ints[] = { 0, 1, -1, 2, -2, 7, 1000, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1,
    INT64_C(1) << 32, INT64_C(3037000500), -INT64_C(3037000500), INT64_C(9007199254740993) };
#define NINTS (sizeof(ints) / sizeof(ints[0]))

static struct tsn_vector a, b, d;

static void
all_pairs(void)
{
	a.real = b.real = d.real = false;
	for (uint32_t i = 0; i < NINTS; i++) {
		for (uint32_t j = 0; j < NINTS; j++) {
			a.i[i * NINTS + j] = ints[i];
			b.i[i * NINTS + j] = ints[j];
		}
	}
	tsn_mask_first(&a.known, NINTS * NINTS);
	tsn_mask_first(&b.known, NINTS * NINTS);
}

#define INTEGERS(function, exact, where) \
	do { \
		all_pairs(); \
		function(&d, &a, &b, NINTS * NINTS); \
		for (uint32_t r = 0; r < NINTS * NINTS; r++) { \
			__int128 x = a.i[r], y = b.i[r], z = (where) ? (exact) : 0; \
			bool fits = (where) && z <= INT64_MAX && z >= INT64_MIN; \
			cr_assert_eq(tsn_mask_has(&d.known, r), fits, #function " %lld %lld", (long long)x, (long long)y); \
			cr_assert(!fits || d.i[r] == (int64_t)z, #function " %lld %lld", (long long)x, (long long)y); \
		} \
		cr_assert_not(tsn_mask_has(&d.known, NINTS * NINTS)); \
	} while (0)

Test(vm, integers_leave_64_bits_for_the_unknown)
{
	INTEGERS(tsn_number_add, x + y, true);
	INTEGERS(tsn_number_sub, x - y, true);
	INTEGERS(tsn_number_mul, x * y, true);
	INTEGERS(tsn_number_mod, x % y, y != 0);
	INTEGERS(tsn_number_band, x & y, true);
	INTEGERS(tsn_number_bor, x | y, true);
	all_pairs();
	tsn_number_neg(&d, &a, NINTS * NINTS);
	for (uint32_t r = 0; r < NINTS * NINTS; r++)
		cr_assert_eq(tsn_mask_has(&d.known, r), a.i[r] != INT64_MIN);
}

Test(vm, a_result_may_be_its_own_operand)
{
	struct tsn_vector twice;

	all_pairs();
	tsn_number_add(&d, &a, &a, NINTS * NINTS);
	twice = a;
	tsn_number_add(&twice, &twice, &twice, NINTS * NINTS);
	cr_expect_eq(memcmp(&twice.known, &d.known, sizeof(d.known)), 0);
	cr_expect_eq(memcmp(twice.i, d.i, NINTS * NINTS * sizeof(d.i[0])), 0);
}

Test(vm, unknown_lanes_may_hold_anything)
{
	all_pairs();
	tsn_mask_clear(&b.known);
	tsn_number_mod(&d, &a, &b, TSN_BATCH_ROWS);
	cr_expect_not(tsn_mask_any(&d.known));
	memset(a.f, 0xff, sizeof(a.f));
	memset(b.f, 0xff, sizeof(b.f));
	a.real = b.real = d.real = true;
	tsn_number_div(&d, &a, &b, TSN_BATCH_ROWS);
	cr_expect_not(tsn_mask_any(&d.known));
}

Test(vm, reals_that_are_not_finite_are_unknown)
{
	static const double x[] = { 1e308, 1e308, 1, -1, 0, 1, 6 }, y[] = { 1e308, 10, 0, 0, 0, 1e-320, 3 };

	a.real = b.real = d.real = true;
	memcpy(a.f, x, sizeof(x));
	memcpy(b.f, y, sizeof(y));
	tsn_mask_first(&a.known, 7);
	tsn_mask_first(&b.known, 7);
	tsn_number_add(&d, &a, &b, 7);
	cr_expect_eq(d.known.w[0], 0x7e);
	tsn_number_mul(&d, &a, &b, 7);
	cr_expect_eq(d.known.w[0], 0x7c);
	tsn_number_div(&d, &a, &b, 7);
	cr_expect_eq(d.known.w[0], 0x43); /* 1, 1e307 and 2; not x/0, 0/0, nor 1e320 */
	cr_expect_eq(d.f[6], 2.0);
}

Test(vm, integer_against_real_is_exact)
{
	static const double reals[] = { 0, -0.0, 0.5, -0.5, 1, 1.5, -1.5, 9007199254740992.0, 9007199254740994.0,
	    9223372036854775807.0, -9223372036854775808.0, -9223372036854777856.0, 1e300, -1e300, 4294967296.5 };

	for (size_t i = 0; i < NINTS; i++) {
		for (size_t j = 0; j < sizeof(reals) / sizeof(reals[0]); j++) {
			/* 64 bits of fraction hold both */
			long double x = (long double)ints[i], y = (long double)reals[j];

			cr_expect_eq(tsn_number_cmp(ints[i], reals[j]), x < y ? -1 : x > y, "%lld %g", (long long)ints[i], reals[j]);
		}
	}
}

/* S26: of a flow longer than the window only its share counts, rounded down. */
Test(vm, long_flows_count_with_their_share)
{
	static const int64_t v[] = { 1000, 1000, 1000, 10, -10, INT64_MAX, 7, INT64_MIN };
	static const int64_t duration[] = { 60000, 60001, 1800000, 180000, 180000, 120000, INT64_MAX, 180000 };
	static const int64_t want[] = { 1000, 999, 33, 3, -4, INT64_MAX / 2, 0, INT64_MIN / 3 - 1 };
	struct tsn_mask known;

	a.real = d.real = false;
	memcpy(a.i, v, sizeof(v));
	tsn_mask_first(&a.known, 8);
	known = a.known;
	tsn_number_share(&d, &a, duration, &known, 60000, 8);
	for (int i = 0; i < 8; i++)
		cr_expect_eq(d.i[i], want[i], "%d: %lld", i, (long long)d.i[i]);
	tsn_mask_clear(&known); /* no duration: all of it counts */
	tsn_number_share(&d, &a, duration, &known, 60000, 8);
	cr_expect_eq(memcmp(d.i, v, sizeof(v)), 0);
}

/* --- patterns --- */

static struct tsn_str
str(const char *s)
{
	return (struct tsn_str){ s, (uint32_t)strlen(s) };
}

Test(vm, a_match_that_gives_up_is_undecided)
{
	char error[TSN_REGEX_ERROR];
	size_t at;
	pcre2_code *code = tsn_regex_compile("^(a+)+$", 7, 0, error, &at);
	struct tsn_regex *r = tsn_regex_new();
	struct tsn_str col[4] = { str("aaaa"), str("ab"), str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"), { NULL, 0 } };
	struct tsn_mask rows, hit, decided;

	cr_assert(code != NULL && r != NULL);
	tsn_mask_first(&rows, 4);
	cr_expect_eq(tsn_regex_rows(r, code, col, &rows, &hit, &decided), 1);
	cr_expect_eq(hit.w[0], 1);
	cr_expect_eq(decided.w[0], 0xb);
	pcre2_code_free(code);
	tsn_regex_free(r);
}

Test(vm, patterns_see_bytes_unless_told)
{
	char error[TSN_REGEX_ERROR];
	size_t at;
	pcre2_code *bytes = tsn_regex_compile("^.$", 3, 0, error, &at);
	pcre2_code *text = tsn_regex_compile("^.$", 3, PCRE2_UTF, error, &at);
	struct tsn_regex *r = tsn_regex_new();
	struct tsn_str col[2] = { str("\xc3\xa4"), str("\xc3") };
	struct tsn_mask rows, hit, decided;

	tsn_mask_first(&rows, 2);
	cr_expect_eq(tsn_regex_rows(r, bytes, col, &rows, &hit, &decided), 0);
	cr_expect_eq(hit.w[0], 2);
	cr_expect_eq(tsn_regex_rows(r, text, col, &rows, &hit, &decided), 1, "bad UTF-8 is undecided");
	cr_expect_eq(hit.w[0], 1);
	cr_expect_null(tsn_regex_compile("a[", 2, 0, error, &at));
	cr_expect_eq(at, 2);
	cr_expect_not_null(strstr(error, "missing terminating ]"), "%s", error);
	pcre2_code_free(bytes);
	pcre2_code_free(text);
	tsn_regex_free(r);
}

Test(vm, patterns_without_memory)
{
	char error[TSN_REGEX_ERROR];
	size_t at;

	for (long n = 0;; n++) {
		pcre2_code *code;
		struct tsn_regex *r;
		bool done;

		tsn_mem_fail_at(n, false);
		code = tsn_regex_compile("a+b", 3, 0, error, &at);
		r = tsn_regex_new();
		done = tsn_mem_count() <= n;
		tsn_mem_fail_never();
		cr_assert(code != NULL || error[0] == '\0');
		pcre2_code_free(code);
		tsn_regex_free(r);
		if (done)
			break;
	}
}

/* --- the table --- */

Test(vm, every_opcode_has_a_line)
{
	for (int op = 0; op < TSN_OPCODE_COUNT; op++) {
		cr_expect_not_null(tsn_ops[op].name);
		cr_expect_gt(strlen(tsn_ops[op].help), 5);
		cr_expect(tsn_ops[op].result == TSN_OPD_NONE || tsn_ops[op].result == TSN_OPD_MASK || tsn_ops[op].result == TSN_OPD_VALUE);
	}
}

/* --- where time goes --- */

static uint64_t clock_now, clock_ran;

/* A clock that passes by 10 with each reading. */
static uint64_t
by_ten(void)
{
	return clock_now += 10;
}

static uint64_t
ran(void)
{
	return clock_ran;
}

Test(vm, time_is_booked_once)
{
	struct tsn_spent s;
	uint64_t one = 0, two = 0, *before, sum = 0, from;

	tsn_spent_start(&s, by_ten, ran, TSN_STAGE_READ);
	cr_assert_eq(s.reading, 10, "what each reading takes");
	from = s.since;
	clock_now += 90;
	before = tsn_spent_open(&s, &one);
	cr_assert_eq(before, &s.stage[TSN_STAGE_READ]);
	clock_now += 40;
	cr_assert_eq(tsn_spent_open(&s, &two), &one);
	clock_now += 7;
	tsn_spent_back(&s, before);
	tsn_spent_open(&s, NULL);
	cr_assert_eq(one, 40);
	cr_assert_eq(two, 7);
	cr_assert_eq(s.stage[TSN_STAGE_READ], 90);
	for (int i = 0; i < TSN_STAGES; i++)
		sum += s.stage[i];
	cr_assert_eq(sum + one + two, clock_now - from, "all accounts are the whole");
	cr_assert_null(tsn_spent_stage(NULL, TSN_STAGE_READ));
}

Test(vm, time_in_which_the_thread_did_not_run_is_nobodys)
{
	struct tsn_spent s;
	uint64_t one = 0;

	tsn_spent_start(&s, by_ten, ran, TSN_STAGE_READ);
	tsn_spent_open(&s, NULL);
	clock_now += 50 * TSN_SPENT_LONG; /* of which nobody asks */
	tsn_spent_open(&s, &one);
	clock_now += 3 * TSN_SPENT_LONG;
	clock_ran += TSN_SPENT_LONG;
	tsn_spent_open(&s, NULL);
	cr_assert_eq(one, TSN_SPENT_LONG - 10, "the reading that asked is taken to be away, too: %llu", (unsigned long long)one);
	cr_assert_eq(s.stage[TSN_STAGE_AWAY], 2 * TSN_SPENT_LONG + 10);
}
