/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Mutated files of goflow2's messages against the promises in fuzz/fuzz_goflow2.c: 5,300 in `make test`, 400,000 with TSN_SOAK=1. */
#include <criterion/criterion.h>

#include "fuzz/fuzz_goflow2.c"
#include "unit/build_goflow2.h"
#include "unit/mutate.h"

static void
make_seed(struct bytes *file, uint64_t *s)
{
	struct bytes m = { 0 };

	file->n = 0;
	for (uint64_t n = 1 + mutate_random(s) % 4; n > 0; n--) {
		if (mutate_random(s) % 2 == 0)
			pb_flow_message(&m);
		for (uint64_t k = mutate_random(s) % 8; k > 0; k--)
			pb_number(&m, 1 + (uint32_t)(mutate_random(s) % 120), mutate_random(s) >> mutate_random(s) % 64);
		if (mutate_random(s) % 2 == 0)
			pb_bytes(&m, 6 + (uint32_t)(mutate_random(s) % 6), "0123456789abcdef", mutate_random(s) % 4 == 0 ? 5 : 16);
		pb_delimit(file, &m);
	}
	bytes_free(&m);
}

Test(goflow2_mutate, files)
{
	uint64_t seed = 0x5eed5eed;
	long times = mutate_times(400000);
	struct bytes b = { 0 };

	for (long i = 0; i < times; i++) {
		uint8_t p[4096];

		make_seed(&b, &seed);
		LLVMFuzzerTestOneInput(p, mutate_copy(p, sizeof(p), b.p, b.n, mutate_random(&seed) % 6, &seed));
	}
	cr_assert(fuzz.rows > (uint64_t)times / 2 && fuzz.damaged > (uint64_t)times / 20, "mutations that say something: %llu rows, %llu damaged",
	    (unsigned long long)fuzz.rows, (unsigned long long)fuzz.damaged);
	bytes_free(&b);
}
