/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The directory against a plain list: keys come and go while it grows, many of them in one place. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "state/directory.h"
#include "unit/test_state_model.h"

#define KEYS 30000u
#define SEED 77

static struct tsn_place place[KEYS];
static bool there[KEYS];

/* Addresses, and keys of the slab of which some have the same position. */
static void
make_places(struct rng *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (chance(r, 60)) {
			place[i] = (struct tsn_place){ tsn_position(tsn_hash_u64(i, SEED)), i, 0 };
		} else {
			uint32_t position = chance(r, 30) ? (uint32_t)below(r, 50) * 7919u : (uint32_t)rnd(r);

			if (chance(r, 5))
				position = UINT32_MAX - (uint32_t)below(r, 3); /* at the end */
			place[i] = (struct tsn_place){ position, position, TSN_SLAB_ENTRY };
		}
	}
}

static void
check(const struct tsn_directory *d, uint32_t i)
{
	const uint32_t *e = NULL;
	uint32_t found = 0, guess = tsn_line_guess(d, tsn_directory_line(d, place[i].position), place[i].tag);

	while ((e = tsn_directory_next(d, &place[i], e)) != NULL)
		found += tsn_entry_group(e) == i;
	cr_assert_eq(found, there[i], "key %u", i);
	if (there[i] && place[i].slab == 0 && guess != i) /* one of the slab has the address for its position */
		cr_assert(guess != TSN_NO_ENTRY && place[guess].tag == place[i].tag);
	if (guess != TSN_NO_ENTRY)
		cr_assert(there[guess]);
}

static void
run(uint64_t seed, uint32_t n, uint32_t leave)
{
	struct rng r = { seed };
	struct tsn_spare spare = { .all = 0 };
	struct tsn_directory d = { .spare = &spare };
	uint32_t count = 0;

	memset(there, 0, sizeof(there));
	make_places(&r, n);
	for (uint32_t step = 0; step < n * 3; step++) {
		const uint32_t i = (uint32_t)below(&r, n);

		if (there[i] && chance(&r, leave)) {
			tsn_directory_leave(&d, &place[i], i, SEED);
			there[i] = false;
			count--;
		} else if (!there[i]) {
			cr_assert(tsn_directory_room(&d, SEED));
			tsn_directory_enter(&d, &place[i], i);
			there[i] = true;
			count++;
		}
		cr_assert_eq(d.n, count);
		if (d.lines > 0)
			check(&d, (uint32_t)below(&r, n));
		if (step % (n / 2) == 0)
			for (uint32_t k = 0; k < n; k++)
				check(&d, k);
	}
	tsn_directory_fini(&d);
	tsn_spare_fini(&spare);
}

Test(state_directory, keys_come_and_go, .timeout = 120)
{
	run(1, 40, 50);
	run(2, 1000, 20);
	run(3, 5000, 50);
	run(4, 3000, 90);
}

/* What it says it takes at most it does take, and no more, when keys lie as hashes do. */
Test(state_directory, bytes, .timeout = 120)
{
	struct tsn_directory d = { 0 };
	uint64_t growing, most;

	for (uint32_t i = 0; i < KEYS; i++) {
		const struct tsn_place p = { tsn_position(tsn_hash_u64(i, SEED)), i, 0 };

		cr_assert(tsn_directory_room(&d, SEED));
		tsn_directory_enter(&d, &p, i);
		most = tsn_directory_most(i + 1, &growing);
		cr_assert_leq(tsn_directory_bytes(&d), most + growing, "%u keys", i + 1);
	}
	cr_assert_lt(tsn_directory_bytes(&d), KEYS * 16);
	tsn_directory_fini(&d);
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == 0)
		i++;
	return i == n;
}

/* Several directories that grow beside each other have each other's pages, and nobody's keys but their own. */
Test(state_directory, spare_pages)
{
	struct tsn_spare spare = { .all = 0 };
	struct tsn_directory d[5] = { { .spare = &spare }, { .spare = &spare }, { .spare = &spare }, { .spare = &spare }, { .spare = &spare } };
	size_t most = 0;

	for (uint32_t i = 0; i < KEYS; i++) {
		const struct tsn_place p = { tsn_position(tsn_hash_u64(i, SEED)), i, 0 };

		for (uint32_t k = 0; k < 5; k++) {
			cr_assert(tsn_directory_room(&d[k], SEED));
			tsn_directory_enter(&d[k], &p, i * 5 + k);
		}
		most = spare.all > most ? spare.all : most;
		for (uint32_t k = 0; k < TSN_SPARES && i % 1000 == 0; k++)
			cr_assert(is_zero(spare.mem[k], spare.bytes[k]));
	}
	cr_assert(most > 0 && most <= TSN_SPARE_MOST);
	for (uint32_t i = 0; i < KEYS; i++) {
		const uint32_t position = tsn_position(tsn_hash_u64(i, SEED));

		for (uint32_t k = 0; k < 5; k++)
			cr_assert_eq(tsn_line_guess(&d[k], tsn_directory_line(&d[k], position), i), i * 5 + k);
	}
	for (uint32_t k = 0; k < 5; k++)
		tsn_directory_fini(&d[k]);
	tsn_spare_fini(&spare);
}

/* The smallest that suffices, and the rest of it stays; else the largest becomes larger. */
Test(state_directory, spare_sizes)
{
	const size_t unit = 64 << 10, most = TSN_SPARE_MOST;
	struct tsn_spare s = { .all = 0 };
	uint8_t *small = tsn_spare_take(&s, 2 * unit), *large = tsn_spare_take(&s, 8 * unit - 100), *p, *q;

	cr_assert(small != NULL && large != NULL && s.all == 0);
	tsn_spare_give(&s, large, 8 * unit - 100);
	tsn_spare_give(&s, small, 2 * unit);
	cr_assert_eq(s.all, 10 * unit);
	p = tsn_spare_take(&s, 3 * unit);
	cr_assert(p == large && s.all == 7 * unit);
	q = tsn_spare_take(&s, 6 * unit);
	cr_assert(q != NULL && is_zero(q, 6 * unit) && s.all == 2 * unit);
	tsn_mem_fail_at(0, true);
	cr_assert(tsn_spare_take(&s, 4 * unit) == NULL && s.all == 2 * unit);
	cr_assert(tsn_spare_take(&s, 2 * unit) == small && s.all == 0);
	tsn_mem_fail_never();
	tsn_spare_give(NULL, small, 2 * unit);
	tsn_spare_give(&s, p, 3 * unit);
	tsn_spare_give(&s, q, 6 * unit);
	for (size_t i = 0; i < 40; i++) {
		const size_t bytes = (1 + i % 30) * unit;

		p = tsn_spare_take(NULL, bytes);
		cr_assert(p != NULL && is_zero(p, bytes));
		tsn_spare_give(&s, p, bytes);
		cr_assert(s.all <= most);
	}
	cr_assert(s.all > most / 2);
	tsn_spare_fini(&s);
	s.nshards = 16; /* of shards, each a part of it */
	for (size_t i = 1; i < 8; i++) {
		p = tsn_spare_take(NULL, i * unit);
		cr_assert_not_null(p);
		tsn_spare_give(&s, p, i * unit);
		cr_assert_leq(s.all, most / 16);
	}
	cr_assert_gt(s.all, 0);
	tsn_spare_fini(&s);
}

/* Who lost the group and who has it now: each entry leaves by itself. */
Test(state_directory, two_keys_of_one_group)
{
	const struct tsn_place old = { 1, 1, 0 }, now = { 2, 2, 0 };
	struct tsn_directory d = { 0 };

	cr_assert(tsn_directory_room(&d, SEED));
	tsn_directory_enter(&d, &old, 5);
	tsn_directory_enter(&d, &now, 5);
	tsn_directory_leave(&d, &now, 5, SEED);
	cr_assert_eq(tsn_line_guess(&d, tsn_directory_line(&d, 1), 1), 5);
	cr_assert_eq(tsn_line_guess(&d, tsn_directory_line(&d, 2), 2), TSN_NO_ENTRY);
	tsn_directory_fini(&d);
}

Test(state_directory, without_memory)
{
	struct tsn_directory d = { 0 };
	uint32_t failures = 0;

	for (uint32_t i = 0; i < 3000; i++) {
		const struct tsn_place p = { tsn_position(tsn_hash_u64(i, SEED)), i, 0 };

		tsn_mem_fail_at(0, true);
		if (!tsn_directory_room(&d, SEED)) {
			failures++;
			tsn_mem_fail_never();
			cr_assert(tsn_directory_room(&d, SEED));
		}
		tsn_mem_fail_never();
		tsn_directory_enter(&d, &p, i);
	}
	cr_assert_gt(failures, 5);
	for (uint32_t i = 0; i < 3000; i++)
		cr_assert_eq(tsn_line_guess(&d, tsn_directory_line(&d, tsn_position(tsn_hash_u64(i, SEED))), i), i);
	tsn_directory_fini(&d);
}
