/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Mutated capture files, pcap and pcapng, against the promises in
 * fuzz/fuzz_pcap.c: 2,700 in `make test`, 200,000 with TSN_SOAK=1 (`make soak`).
 */
#include <criterion/criterion.h>

#include "fuzz/fuzz_pcap.c"
#include "unit/build_capture.h"
#include "unit/build_netflow.h"
#include "unit/mutate.h"

#define SEEDS 8

static void
make_packet(struct bytes *b, int k, bool v6, uint64_t *s)
{
	struct nf_record r[8] = { { 0 } };
	struct nf_header h = { k % 3 == 0 ? 5 : k % 3 == 1 ? 7 : 1, -1u, 100000, 1700000000, 0, (uint32_t)k * 8, 0, 0 };
	uint8_t payload[1024];
	size_t n = nf_build(payload, &h, r, 1 + (unsigned)(mutate_random(s) % 8));
	struct bytes udp = { 0 }, body = { 0 };
	unsigned half;

	put_udp(&udp, 1000, 2055, payload, n);
	half = (unsigned)(udp.n / 16 * 8);
	b->n = 0;
	if (!v6) {
		struct ip4 ip = { .src = 1 + (uint32_t)k % 2, .dst = 2, .id = (unsigned)k / 2, .options = (unsigned)k % 3 };
		bool fragment = k % 4 >= 2;

		ip.more = fragment && k % 2 == 0;
		ip.offset = fragment && k % 2 == 1 ? half : 0;
		put_ip4(b, &ip, udp.p + ip.offset, ip.more ? half : udp.n - ip.offset);
	} else {
		struct ip6 ip = { { 0x20, 1 }, { 0x20, 1, [15] = 2 }, 60 };

		put(&body, "\21\0\0\0\0\0\0\0", 8);
		put(&body, udp.p, udp.n);
		put_ip6(b, &ip, body.p, body.n);
	}
	bytes_free(&udp);
	bytes_free(&body);
}

/* Captures of eight packets each: Ethernet, cooked and raw; both byte orders; pcapng. */
static void
make_seed(struct bytes *file, int k, uint64_t *s)
{
	static const uint32_t links[] = { 1, 113, 276, 101, 1, 0, 101, 1 };
	bool swapped = k & 1, nano = k & 2, ng = k >= 6;
	struct bytes packet = { 0 }, frame = { 0 };

	if (ng)
		put_pcapng_header(file, links[k], swapped);
	else
		put_pcap_header(file, links[k], swapped, nano);
	for (int i = 0; i < 8; i++) {
		bool v6 = i == 7;

		make_packet(&packet, i, v6, s);
		frame.n = 0;
		if (links[k] == 1)
			put_ethernet(&frame, v6 ? 0x86dd : 0x0800);
		else if (links[k] == 113)
			put(&frame, v6 ? "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x86\xdd" : "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\x00", 16);
		else if (links[k] == 276)
			put(&frame, v6 ? "\x86\xdd\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0" : "\x08\x00\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0", 20);
		else if (links[k] == 0)
			put(&frame, "\2\0\0\0", 4);
		put(&frame, packet.p, packet.n);
		if (ng)
			put_pcapng_record(file, 1795418150000 + i, frame.p, frame.n, swapped);
		else
			put_pcap_record(file, 1795418150000 + i, frame.p, frame.n, swapped, nano);
	}
	bytes_free(&packet);
	bytes_free(&frame);
}

/* In four parts, so that none runs into the time limit of a test. */
static void
mutate_captures(uint64_t seed)
{
	struct bytes seeds[SEEDS] = { { 0 } };
	long times = mutate_times(50000);
	uint64_t rows;

	for (int k = 0; k < SEEDS; k++) {
		make_seed(&seeds[k], k, &seed);
		LLVMFuzzerTestOneInput(seeds[k].p, seeds[k].n);
	}
	cr_assert_gt(fuzz.rows, 8 * 4);
	rows = fuzz.rows;
	for (long i = 0; i < times; i++) {
		uint8_t p[16384];
		const struct bytes *from = &seeds[i % SEEDS];

		LLVMFuzzerTestOneInput(p, mutate_copy(p, sizeof(p), from->p, from->n, 1 + mutate_random(&seed) % 5, &seed));
	}
	cr_assert_gt(fuzz.rows - rows, (uint64_t)times * 2, "mutations still give flows");
	for (int k = 0; k < SEEDS; k++)
		bytes_free(&seeds[k]);
	tsn_batch_free(fuzz.batch);
	tsn_decoder_free(fuzz.decoder);
	tsn_exporters_free(fuzz.exporters);
	fuzz_file_close();
}

Test(input_mutate, captures_1)
{
	mutate_captures(0xcafe);
}

Test(input_mutate, captures_2)
{
	mutate_captures(0xcafe2);
}

Test(input_mutate, captures_3)
{
	mutate_captures(0xcafe3);
}

Test(input_mutate, captures_4)
{
	mutate_captures(0xcafe4);
}

/* The fuzzer's seeds, and how many flows each holds. */
Test(input_mutate, corpus)
{
	static const struct {
		const char *name;
		uint64_t rows;
	} seeds[] = { { "cooked", 2 }, { "cooked2", 2 }, { "empty", 0 }, { "ethernet-be", 2 }, { "ethernet-le", 4 }, { "fragments", 2 },
		{ "fragments6", 2 }, { "header-only", 0 }, { "loopback", 2 }, { "nano", 2 }, { "overlap", 0 }, { "pcapng", 4 },
		{ "pcapng-be", 2 }, { "raw6", 2 }, { "truncated", 2 }, { "vlan", 2 } };

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		struct tsn_buf b = TSN_BUF_INIT;
		char path[100];
		uint64_t rows = fuzz.rows;

		snprintf(path, sizeof(path), "tests/fuzz/corpus/pcap/%s", seeds[i].name);
		cr_assert_eq(tsn_buf_read_file(&b, path, 1 << 20), 0, "%s", path);
		LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
		cr_assert_eq(fuzz.rows - rows, seeds[i].rows, "%s", path);
		tsn_buf_fini(&b);
	}
}
