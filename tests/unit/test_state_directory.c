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
	struct tsn_directory d = { 0 };
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
