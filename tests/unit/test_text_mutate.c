/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Mutated text against the promises in fuzz/fuzz_text.c: 4,000 in `make test`, 200,000 with TSN_SOAK=1 (`make soak`). */
#include <criterion/criterion.h>

#include "fuzz/fuzz_text.c"
#include "unit/mutate.h"

static const struct {
	const char *name;
	uint64_t rows;
} seeds[] = {
	{ "nfdump", 3 }, { "silk", 2 }, { "argus", 4 }, { "zeek", 3 }, { "zeek-json", 3 }, { "eve", 2 }, { "goflow2", 1 }, { "pmacct", 1 },
	{ "own-csv", 2 }, { "own-json", 2 }, { "mapped", 1 },
};
#define SEEDS (sizeof(seeds) / sizeof(seeds[0]))

static void
read_seed(size_t i, struct tsn_buf *b)
{
	char path[100];

	snprintf(path, sizeof(path), "tests/fuzz/corpus/text/%s", seeds[i].name);
	cr_assert_eq(tsn_buf_read_file(b, path, 1 << 16), 0, "%s", path);
}

static void
discard(void)
{
	tsn_engine_free(fuzz.engine);
	fuzz_file_close();
}

/* The fuzzer's seeds, and how many flows each holds. */
Test(text_mutate, corpus)
{
	for (size_t i = 0; i < SEEDS; i++) {
		struct tsn_buf b = TSN_BUF_INIT;
		uint64_t rows = fuzz.rows;

		read_seed(i, &b);
		LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
		cr_expect_eq(fuzz.rows - rows, seeds[i].rows, "%s: %d", seeds[i].name, (int)(fuzz.rows - rows));
		tsn_buf_fini(&b);
	}
	discard();
}

/* Text has its own mistakes: separators, quotes and brackets in wrong places. */
static void
misplace(uint8_t *p, size_t n, uint64_t *s)
{
	static const char odd[] = ",;|\t\n\r\"\\{}[]:-.0 e#=_";
	uint64_t r = mutate_random(s);

	if (n > 0)
		p[(r >> 8) % n] = (uint8_t)odd[(r >> 40) % (sizeof(odd) - 1)];
}

static void
mutate_text(uint64_t seed)
{
	struct tsn_buf b[SEEDS] = { TSN_BUF_INIT };
	long times = mutate_times(100000);

	for (size_t i = 0; i < SEEDS; i++)
		read_seed(i, &b[i]);
	for (long i = 0; i < times; i++) {
		const struct tsn_buf *from = &b[(size_t)i % SEEDS];
		uint8_t p[4096];
		size_t n = from->len;

		cr_assert_lt(n, sizeof(p));
		memcpy(p, from->p, n);
		for (uint64_t k = 1 + mutate_random(&seed) % 5; k > 0; k--) {
			if (k % 2 == 0)
				misplace(p, n, &seed);
			else
				n = mutate_once(p, n, sizeof(p), &seed);
		}
		LLVMFuzzerTestOneInput(p, n);
	}
	cr_expect_gt(fuzz.rows, (uint64_t)times / 2, "mutations still give flows");
	for (size_t i = 0; i < SEEDS; i++)
		tsn_buf_fini(&b[i]);
	discard();
}

Test(text_mutate, text_1, .timeout = 110)
{
	mutate_text(0xbeef);
}

Test(text_mutate, text_2, .timeout = 110)
{
	mutate_text(0xbeef2);
}
