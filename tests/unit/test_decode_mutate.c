/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Mutated datagrams against the promises in fuzz/fuzz_datagram.c: 16,000 in
 * `make test`, 800,000 with TSN_SOAK=1 (`make soak`).
 */
#include <criterion/criterion.h>

#include "fuzz/fuzz_datagram.c"
#include "unit/build_netflow.h"
#include "unit/mutate.h"

static size_t
make_seed(uint8_t *p, uint64_t *s)
{
	static const unsigned versions[] = { 1, 5, 7, 5 }, limits[] = { 24, 30, 28, 30 };
	unsigned k = mutate_random(s) % 4, n = 1 + mutate_random(s) % limits[k];
	struct nf_header h = { versions[k], -1u, (uint32_t)mutate_random(s), 1700000000, 0, (uint32_t)mutate_random(s), 0, 0 };
	struct nf_record r[30];

	for (unsigned i = 0; i < n; i++) {
		r[i] = nf_random_record(s);
		if (mutate_random(s) % 4 != 0) { /* mostly times that can be true */
			r[i].last = h.uptime - (uint32_t)(mutate_random(s) % 100000);
			r[i].first = r[i].last - (uint32_t)(mutate_random(s) % 100000);
		}
	}
	return nf_build(p, &h, r, n);
}

Test(decode_mutate, datagrams)
{
	uint64_t seed = 0x5eed5eed;
	long times = mutate_times(800000), whole = 0;

	for (long i = 0; i < times; i++) {
		uint8_t p[2048], *exact;
		size_t n = make_seed(p, &seed);

		for (uint64_t k = mutate_random(&seed) % 6; k > 0; k--)
			n = mutate_once(p, n, sizeof(p), &seed);
		exact = malloc(n ? n : 1); /* so that ASan sees a step past the end */
		memcpy(exact, p, n);
		whole += tsn_decode_looks_like(exact, n);
		fuzz_decode(exact, n, tsn_addr_v4(1 + (uint32_t)(mutate_random(&seed) % 3)));
		free(exact);
	}
	cr_assert(whole > times / 20 && whole < times / 2, "mutations that say something: %ld of %ld whole", whole, times);
}

/* The fuzzer's seeds, and how many flows each holds. */
Test(decode_mutate, corpus)
{
	static const struct {
		const char *name;
		uint64_t rows;
	} seeds[] = { { "ipfix", 0 }, { "sflow", 0 }, { "two-bytes", 0 }, { "v1-two", 2 }, { "v5-count-lies", 2 }, { "v5-count-zero", 0 },
		{ "v5-exchanged", 2 }, { "v5-header-only", 0 }, { "v5-one", 1 }, { "v5-sampled", 1 }, { "v5-short", 2 }, { "v5-thirty", 30 },
		{ "v5-trailing", 2 }, { "v5-wrapped", 2 }, { "v7-two", 2 }, { "v9", 0 } };

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		struct tsn_buf b = TSN_BUF_INIT;
		char path[100];
		uint64_t rows = fuzz.rows;

		snprintf(path, sizeof(path), "tests/fuzz/corpus/datagram/%s", seeds[i].name);
		cr_assert_eq(tsn_buf_read_file(&b, path, 1 << 20), 0, "%s", path);
		LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
		cr_assert_eq(fuzz.rows - rows, seeds[i].rows, "%s", path);
		tsn_buf_fini(&b);
	}
}
