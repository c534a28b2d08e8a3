/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Mutated sFlow datagrams against the promises in fuzz/fuzz_sflow.c: 5,300 in `make test`, 400,000 with TSN_SOAK=1.
 */
#include <criterion/criterion.h>

#include "fuzz/fuzz_sflow.c"
#include "unit/build_sflow.h"
#include "unit/mutate.h"

/* Every kind of sample and record, some of each. */
static void
make_seed(struct sf *s, uint64_t *r)
{
	static const uint32_t route[] = { 1, 1, 24, 16 }, path[] = { 1, 2, 3, 4, 5, 2, 2, 2, 3356, 1299, 1, 1, 174, 1, 1, 100 };
	static const uint8_t frame[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 5, 8, 0, 0x45, 0, 0, 60, 0, 1, 0, 0, 61, 6, 0, 0, 1, 2,
		3, 4, 5, 6, 7, 8, 4, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0 };
	static const uint8_t addr[16] = { 0x20, 1 };

	sf_begin(s, 1 + (uint32_t)(mutate_random(r) % 3), 1, (uint32_t)mutate_random(r) % 1000, (uint32_t)mutate_random(r) % 100000);
	for (uint64_t n = 1 + mutate_random(r) % 4; n > 0; n--) {
		switch (mutate_random(r) % 4) {
		case 0: sf_flow(s, (uint32_t)n, 7, 512, (uint32_t)mutate_random(r) % 100, 7, 9); break;
		case 1: sf_flow_expanded(s, (uint32_t)n, 0, 7, 1, 2, (struct sf_interface){ 0, 7 }, (struct sf_interface){ 1, 9 }); break;
		case 2: sf_discarded(s, (uint32_t)n, 7, 1, 7, 9, 1); break;
		default:
			sf_sample(s, 2);
			sf_u32(s, 1);
			continue;
		}
		for (uint64_t k = mutate_random(r) % 4; k > 0; k--) {
			switch (mutate_random(r) % 7) {
			case 0: sf_numbers(s, 1002, route, 4); break;
			case 1: sf_numbers(s, 1003, path, 16); break;
			case 2: sf_ipv4(s, 60, 6, 1, 2, 3, 4, 5, 6); break;
			case 3: sf_ipv6(s, 60, 17, addr, addr, 3, 4, 5, 6); break;
			case 4:
				sf_record(s, 1005);
				sf_u32(s, 1);
				sf_opaque(s, "/a", 2);
				sf_opaque(s, "host", 4);
				break;
			default: sf_raw_header(s, 1, 64, 4, frame, sizeof(frame)); break;
			}
		}
	}
	sf_end(s);
}

Test(sflow_mutate, datagrams)
{
	uint64_t seed = 0x5eed5eed;
	long times = mutate_times(400000);
	struct sf s = { 0 };

	for (long i = 0; i < times; i++) {
		uint8_t p[2048], *exact;
		size_t n;

		make_seed(&s, &seed);
		n = mutate_copy(p, sizeof(p), s.b.p, s.b.n, mutate_random(&seed) % 6, &seed);
		exact = malloc(n ? n : 1); /* so that ASan sees a step past the end */
		memcpy(exact, p, n);
		fuzz_sflow(exact, n);
		free(exact);
	}
	cr_assert(fuzz.rows > (uint64_t)times / 4, "mutations that say something: %llu rows", (unsigned long long)fuzz.rows);
	sf_free(&s);
}
