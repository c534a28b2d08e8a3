/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Mutated files of flow-tools against the promises in fuzz/fuzz_flowtools.c: 2,700 in `make test`, 200,000 with TSN_SOAK=1. */
#include <criterion/criterion.h>

#include "fuzz/fuzz_flowtools.c"
#include "unit/build_flowtools.h"
#include "unit/mutate.h"

static void
make_seed(struct bytes *b, uint64_t *s)
{
	const struct ft_kind *k = &ft_kinds[mutate_random(s) % FT_KINDS];
	bool little = mutate_random(s) % 2 == 0, compressed = false;
	struct bytes records = { 0 };

#ifdef TSN_HAVE_ZLIB
	compressed = mutate_random(s) % 2 == 0;
#endif
	ft_header(b, k, compressed ? 3 : 1, (uint32_t)(mutate_random(s) % 2), little);
	for (uint64_t n = mutate_random(s) % 8; n > 0; n--) {
		struct ft_clock c = { (uint32_t)mutate_random(s), 5, (uint32_t)mutate_random(s), (uint32_t)(mutate_random(s) % 3),
			(uint32_t)mutate_random(s), (uint32_t)mutate_random(s) };
		uint8_t p[256];

		ft_record(p, k, &c, (unsigned)n, little);
		put(&records, p, k->size);
	}
	ft_put_records(b, &records, compressed);
	bytes_free(&records);
}

Test(flowtools_mutate, files)
{
	uint64_t seed = 0x5eed5eed;
	long times = mutate_times(200000);
	struct bytes b = { 0 };

	for (long i = 0; i < times; i++) {
		uint8_t p[2048];

		make_seed(&b, &seed);
		LLVMFuzzerTestOneInput(p, mutate_copy(p, sizeof(p), b.p, b.n, mutate_random(&seed) % 6, &seed));
	}
	cr_assert(fuzz.rows > (uint64_t)times, "mutations that say something: %llu rows", (unsigned long long)fuzz.rows);
	bytes_free(&b);
}
