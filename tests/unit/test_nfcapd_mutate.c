/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Mutated files of nfdump, both layouts, both byte orders, every packing, against the promises in fuzz/fuzz_nfcapd.c:
 * 2,000 in `make test`, 150,000 with TSN_SOAK=1 (`make soak`). TSN_CORPUS_WRITE=1 writes the fuzzer's seeds.
 */
#include <criterion/criterion.h>

#include "fuzz/fuzz_nfcapd.c"
#include "unit/build_nfcapd.h"
#include "unit/mutate.h"

#define T0 UINT64_C(1767571200000) /* 2026-01-05 00:00:00 UTC */
#define SEEDS 12

/* Names of all kinds, and records of 1.7 of four shapes. */
static void
put_17(struct bytes *b, bool names, bool big)
{
	nfc_exporter(b, 1, 0, (uint8_t[16]){ 0x20, 1, [15] = 7 }, 5, big);
	nfc_exporter(b, 2, 2, (uint8_t[16]){ [12] = 192, 0, 2, 1 }, 6, big);
	if (names) {
		nfc_names(b, 13, 8, 1, (uint32_t[]){ 3 }, (const char *const[]){ "eth0" }, big);
		nfc_names(b, 14, 8, 1, (uint32_t[]){ 9 }, (const char *const[]){ "red" }, big);
	}
	for (unsigned i = 0; i < 12; i++) {
		struct nfc_generic g = { T0 + i, T0 + i + 9, T0 + 20 + i * 150, i, 64 * i, 1024 + i, 80, i % 3 ? 6 : 1, 2, i % 5 ? 0 : 64, 0 };
		size_t at = nfc_begin(b, 0, i % 3, i == 11, big);

		nfc_generic(b, &g, big);
		if (i / 4 == 1)
			nfc_numbers(b, 3, (uint64_t[]){ i, 2, 3, UINT64_C(0xffff0a000001) }, 4, 8, big);
		else
			nfc_numbers(b, 2, (uint64_t[]){ 0x0a000000 + i, 1 }, 2, 4, big);
		nfc_numbers(b, 4, (uint64_t[]){ 3, 4, 0x01000018, 0 }, 4, 4, big);
		nfc_numbers(b, 15, (uint64_t[]){ 1, 2, 3, 4 }, 4, 8, big);
		if (i / 4 == 2) {
			nfc_numbers(b, 6, (uint64_t[]){ i, 2 }, 2, 4, big);
			nfc_numbers(b, 12, (uint64_t[]){ 0xc0000201 }, 1, 4, big);
			nfc_numbers(b, 36, (uint64_t[]){ 9, 9 }, 2, 4, big);
			nfc_element(b, 24, 8, big);
			put(b, "alice\0\0", 8);
			nfc_numbers(b, 42, (uint64_t[]){ 0, 0, 1, 2 }, 4, 1, big);
		}
		nfc_end(b, at, big);
	}
}

static void
put_16(struct bytes *b, bool big)
{
	static const uint8_t ids[] = { 4, 6, 8, 9, 13, 20, 23, 25, 27, 42 };

	nfc_exporter(b, 1, 10, (uint8_t[16]){ 0x20, 1, [15] = 7 }, 5, big);
	nfc_map(b, 0, ids, sizeof(ids), big);
	for (unsigned i = 0; i < 8; i++) {
		struct nfc_common c = { i % 2 ? 10 : 1, i, 1, 0, 1, 2, T0 / 1000, T0 / 1000, 0, 2, 6, 0, 1024, 80, 0 };
		size_t at = nfc_common(b, &c, big);

		nfc_zeros(b, (i & 1 ? 32 : 8) + (i & 2 ? 8 : 4) + (i & 4 ? 8 : 4));
		for (unsigned k = 0; k < 72; k++)
			nfc_put(b, i + k, 1, big);
		nfc_set(b, at + 2, b->n - at, 2, big);
	}
}

static void
make_seed(struct bytes *file, int k)
{
	bool big = k & 1;
	int packing = k < 2 ? NFC_PLAIN : k < 10 ? k / 2 : NFC_PLAIN;
	struct bytes b = { 0 };

	if (k < 10) {
		nfc_header_v2(file, packing, k % 3 == 0 ? 0 : 2, 0, big);
		put_17(&b, k == 1 || k == 4, big);
		nfc_block(file, 3, 0, &b, packing, big);
		b.n = 0;
		put_16(&b, big);
		nfc_block(file, 2, 1, &b, NFC_PLAIN, big);
	} else {
		nfc_header_v1(file, packing, 2, big);
		put_16(&b, big);
		nfc_block(file, 2, 0, &b, packing, big);
		b.n = 0;
		nfc_put(&b, 0, 4, big), nfc_put(&b, 52, 2, big), nfc_zeros(&b, 46); /* a record of 1.5 */
		nfc_block(file, 1, 0, &b, packing, big);
	}
	bytes_free(&b);
}

static void
write_seed(const struct bytes *b, int k)
{
	char path[100];
	FILE *f;

	if (getenv("TSN_CORPUS_WRITE") == NULL)
		return;
	snprintf(path, sizeof(path), "tests/fuzz/corpus/nfcapd/seed-%02d", k);
	f = fopen(path, "wb");
	cr_assert(f != NULL && fwrite(b->p, 1, b->n, f) == b->n);
	fclose(f);
}

static void
mutate_files(uint64_t seed)
{
	struct bytes seeds[SEEDS] = { { 0 } };
	long times = mutate_times(25000); /* each is read twice */
	uint64_t rows;

	for (int k = 0; k < SEEDS; k++) {
		make_seed(&seeds[k], k);
		write_seed(&seeds[k], k);
		rows = fuzz.rows;
		LLVMFuzzerTestOneInput(seeds[k].p, seeds[k].n);
		cr_assert_eq(fuzz.rows - rows, k < 10 ? (k >= 2 && !tsn_nfcapd_can_unpack((enum tsn_nfcapd_packing)(k / 2)) ? 0 : 20) : 9);
	}
	rows = fuzz.rows;
	for (long i = 0; i < times; i++) {
		static uint8_t p[32768];
		const struct bytes *from = &seeds[i % SEEDS];

		LLVMFuzzerTestOneInput(p, mutate_copy(p, sizeof(p), from->p, from->n, 1 + mutate_random(&seed) % 5, &seed));
	}
	cr_assert_gt(fuzz.rows - rows, (uint64_t)times * 2, "mutations still give flows");
	for (int k = 0; k < SEEDS; k++)
		bytes_free(&seeds[k]);
	tsn_batch_free(fuzz.batch);
	fuzz_file_close();
}

Test(nfcapd_mutate, files_1, .timeout = 300)
{
	mutate_files(0xfeed);
}

Test(nfcapd_mutate, files_2, .timeout = 300)
{
	mutate_files(0xfeed2);
}

Test(nfcapd_mutate, files_3, .timeout = 300)
{
	mutate_files(0xfeed3);
}

/* Every bit of the small plain seed, and every length of each. */
Test(nfcapd_mutate, each_bit_and_each_length, .timeout = 300)
{
	struct bytes b = { 0 };

	make_seed(&b, 0);
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= (uint8_t)(1u << i % 8);
		LLVMFuzzerTestOneInput(b.p, b.n);
		b.p[i] ^= (uint8_t)(1u << i % 8);
		LLVMFuzzerTestOneInput(b.p, i);
	}
	cr_assert_gt(fuzz.rows, 10 * b.n);
	bytes_free(&b);
	tsn_batch_free(fuzz.batch);
	fuzz_file_close();
}
