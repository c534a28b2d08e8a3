/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Bytes of many kinds, and a reader's whole input beside them. */
#ifndef TSN_TEST_READ_PLAIN_H
#define TSN_TEST_READ_PLAIN_H

#include <criterion/criterion.h>
#include <sched.h>

#include "input/reader.h"
#include "unit/helpers.h"
#include "unit/mutate.h"

#define SIZE ((size_t)3 << 20)

static uint8_t plain[SIZE], got[SIZE];

static void
make_plain(void)
{
	uint64_t seed = 11;

	for (size_t i = 0; i < SIZE; i++)
		plain[i] = i / 100 % 4 == 0 ? (uint8_t)mutate_random(&seed) : (uint8_t)(i / 1000);
}

/* All of it to [got], [step] bytes at a time or, if that is 0, a few and many in turn; how many. */
static size_t
read_all(struct tsn_reader *r, size_t step, struct helpers *h)
{
	size_t n = 0, have;
	uint64_t seed = 3;

	for (;;) {
		size_t want = step > 0 ? step : mutate_random(&seed) % (mutate_random(&seed) % 8 == 0 ? 300000 : 3000) + 1;

		have = tsn_reader_need(r, want);
		if (have == 0)
			return n;
		cr_assert(have >= want || r->eof);
		have = have < want ? have : want;
		cr_assert_leq(n + have, sizeof(got));
		memcpy(got + n, r->buf + r->pos, have);
		tsn_reader_take(r, have);
		n += have;
		cr_assert_eq(r->offset, n);
		/* where much is to come somebody will come for it, too */
		while (r->is_ahead && h->n > 0 && r->total > n + (SIZE / 2) && atomic_load(&h->pieces) == 0)
			sched_yield();
	}
}

#endif
