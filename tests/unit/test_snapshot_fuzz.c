/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The fuzz target over a real snapshot of every function, whole and spoilt. */
#include <criterion/criterion.h>

#include "unit/mutate.h"
#define FUZZ_OWN_MAIN
#include "fuzz/fuzz_snapshot.c"

static void
mutate(uint64_t seed, long times)
{
	struct tsn_engine *e = fuzz_engine();
	struct tsn_pack k = { 0 };
	uint64_t random = seed;
	uint8_t *p;

	fuzz_flows(e, 0, 300);
	tsn_engine_save(e, &k);
	tsn_engine_free(e);
	cr_assert(!k.failed);
	LLVMFuzzerTestOneInput(k.p, k.n);
	p = malloc(k.n + 256);
	for (long i = 0; i < times; i++) {
		const size_t n = mutate_copy(p, k.n + 256, k.p, k.n, 1 + mutate_random(&random) % 2, &random);

		LLVMFuzzerTestOneInput(p, n);
	}
	free(p);
	tsn_pack_fini(&k);
}

Test(snapshot_fuzz, any_bytes_one, .timeout = 3000) { mutate(1, mutate_times(12000)); }
Test(snapshot_fuzz, any_bytes_two, .timeout = 3000) { mutate(77, mutate_times(12000)); }
