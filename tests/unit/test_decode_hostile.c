/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Exporters that know how we keep things, and make it slow: what a message costs must not depend on what came before it.
 * The bounds are many times what it takes, and a fraction of what it took when each record went past thousands of others.
 */
#include <criterion/criterion.h>
#include <time.h>

#include "base/hash.h"
#include "decode/facts.h"
#include "unit/build_ipfix.h"

#define TEMPLATES 8000
#define WAITING   1000

static double
seconds_since(clock_t begun)
{
	return (double)(clock() - begun) / CLOCKS_PER_SEC;
}

static void
send(struct ix_bench *t, struct ix *m)
{
	struct tsn_sender from = { tsn_addr_v4(t->addr), t->session };
	size_t n = ix_end(m);

	cr_assert_eq(tsn_decode_message(t->d, m->p, n, &from, t->now, &t->k.sink), TSN_DECODE_OK);
	keeper_spill(&t->k);
}

/* Sets wait for a template that never comes, and others change all the time: each of those looks for what waited for it. */
Test(decode_hostile, templates_change_while_sets_wait)
{
	struct ix_bench *t = ix_setup();
	static struct ix m;
	clock_t begun;

	for (int i = 0; i < WAITING; i += 100) {
		ix_begin(&m, 10, 0, 1);
		for (int k = 0; k < 100; k++) {
			ix_set(&m, 60000 + (i + k) % 7);
			ix_u(&m, UINT64_C(0x1122334455667788), 8);
		}
		send(t, &m);
	}
	begun = clock();
	for (unsigned i = 0; i < 30; i++) {
		ix_begin(&m, 10, 0, 1);
		ix_set(&m, 2);
		for (unsigned k = 0; k < TEMPLATES; k++) {
			ix_u(&m, 256 + k % 500, 2), ix_u(&m, 1, 2);
			ix_u(&m, 1, 2), ix_u(&m, 1 + (k / 500 + i) % 4, 2);
		}
		send(t, &m);
	}
	cr_assert_gt(ix_counter(t, TSN_XC_TEMPLATE_CHANGES), 200000);
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 0);
	cr_assert_lt(seconds_since(begun), 2.0);
	ix_teardown(t);
}

static uint64_t
unshift(uint64_t x, int by)
{
	uint64_t v = x;

	for (int i = by; i < 64; i += by)
		v = x ^ (v >> by);
	return v;
}

static uint64_t
inverse(uint64_t odd)
{
	uint64_t v = odd;

	for (int i = 0; i < 6; i++) /* Newton: twice the bits each time */
		v *= 2 - odd * v;
	return v;
}

/* What tsn_hash_u64 turns into [hash]. */
static uint64_t
unhash(uint64_t hash, uint64_t seed)
{
	uint64_t x = unshift(hash, 31) * inverse(UINT64_C(0x94d049bb133111eb));

	x = unshift(x, 27) * inverse(UINT64_C(0xbf58476d1ce4e5b9));
	return unshift(x, 30) - seed - UINT64_C(0x9e3779b97f4a7c15);
}

/* Samplers whose ids would all belong into one place, did the table not take part in the hash. */
Test(decode_hostile, options_that_collide)
{
	static const struct ix_field fields[] = { { 0, 302, 8 }, { 0, 34, 4 } };
	struct ix_bench *t = ix_setup();
	static struct ix m;
	clock_t begun = clock();
	unsigned n = 0;

	cr_assert_eq(tsn_hash_u64(unhash(77u << 20, 1), 1), 77u << 20);
	ix_begin(&m, 10, 0, 1);
	ix_options(&m, 300, fields, 2, 1);
	send(t, &m);
	for (unsigned i = 0; i < 30; i++) {
		ix_begin(&m, 10, 0, 1);
		ix_set(&m, 300);
		for (unsigned k = 0; k < 1000; k++, n++)
			ix_u(&m, unhash((uint64_t)n << 20, TSN_FACT_SAMPLER), 8), ix_u(&m, 100, 4);
		send(t, &m);
	}
	cr_assert_eq(ix_counter(t, TSN_XC_OPTIONS), n);
	cr_assert_eq(ix_counter(t, TSN_XC_OPTIONS_REFUSED), 0);
	cr_assert_lt(seconds_since(begun), 2.0);
	ix_teardown(t);
}
