/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "fuzz/fuzz_messages.c"
#include "unit/build_capture.h"
#include "unit/build_netflow.h"
#include "unit/build_packed.h"
#include "unit/mutate.h"

#define SENT 1795418150u

/* An IPFIX message (RFC 7011 3.1) with a template of two elements and [n] records of it. */
static void
put_ipfix(struct bytes *b, unsigned n, uint32_t sequence)
{
	size_t at = b->n;

	put_be(b, 10, 2);
	put_be(b, 16 + 16 + 4 + 8 * n, 2);
	put_be(b, SENT, 4);
	put_be(b, sequence, 4);
	put_be(b, 1, 4);
	put(b, "\0\2\0\x10\1\0\0\2\0\x08\0\4\0\x0c\0\4", 16);
	put_be(b, 256, 2);
	put_be(b, 4 + 8 * n, 2);
	for (unsigned i = 0; i < n; i++) {
		put_be(b, 0x0a000001 + i, 4);
		put_be(b, 0x0a010001 + i, 4);
	}
	cr_assert_eq(b->n - at, 36 + 8 * n);
}

/* The same as NetFlow v9 (RFC 3954 5.1), which does not say its length. */
static void
put_v9(struct bytes *b, unsigned n)
{
	put_be(b, 9, 2);
	put_be(b, n + 1, 2);
	put_be(b, 1000, 4);
	put_be(b, SENT, 4);
	put_be(b, 1, 4);
	put_be(b, 1, 4);
	put(b, "\0\0\0\x10\1\0\0\2\0\x08\0\4\0\x0c\0\4", 16);
	put_be(b, 256, 2);
	put_be(b, 4 + 8 * n, 2);
	for (unsigned i = 0; i < n; i++)
		put_be(b, 0x0a0000010a010001, 8);
}

static void
put_v5(struct bytes *b, unsigned version, unsigned n)
{
	struct nf_record r[30] = { { 0 } };
	struct nf_header h = { version, -1u, 100000, SENT, 5000000, 0, 0, 0 };
	uint8_t p[24 + 30 * 52];

	put(b, p, nf_build(p, &h, r, n));
}

static void
cut_up(const struct bytes *b)
{
	LLVMFuzzerTestOneInput(b->p, b->n);
}

#define expect(m, c, bytes) \
	cr_assert(fuzz_seen.messages == (m) && fuzz_seen.cut == (c) && fuzz_seen.gap_bytes == (bytes), \
	    "%d: %llu messages, %llu cut, %llu bytes in gaps", __LINE__, (unsigned long long)fuzz_seen.messages, \
	    (unsigned long long)fuzz_seen.cut, (unsigned long long)fuzz_seen.gap_bytes)

Test(input_messages, every_version)
{
	struct bytes b = { 0 };

	for (unsigned i = 0; i < 50; i++)
		put_ipfix(&b, i, i);
	cut_up(&b);
	expect(50, 0, 0);
	cr_assert(fuzz_seen.begins);
	b.n = 0;
	for (unsigned i = 1; i < 20; i++)
		put_v9(&b, i);
	cut_up(&b);
	expect(19, 0, 0);
	cr_assert(fuzz_seen.begins);
	for (unsigned version = 1; version <= 7; version += version == 1 ? 4 : 2) {
		b.n = 0;
		for (unsigned i = 1; i <= 20; i++)
			put_v5(&b, version, i);
		cut_up(&b);
		expect(20, 0, 0);
		cr_assert(fuzz_seen.begins);
	}
	b.n = 0;
	put_v5(&b, 5, 3); /* also one after the other */
	put_ipfix(&b, 3, 0);
	put_v9(&b, 3);
	put_ipfix(&b, 3, 0);
	cut_up(&b);
	expect(4, 0, 0);
	bytes_free(&b);
}

/* The largest message there can be, and many of them in a compressed file. */
Test(input_messages, large_and_compressed)
{
	static uint8_t packed[1 << 20];
	struct bytes b = { 0 };

	for (int i = 0; i < 5; i++)
		put_ipfix(&b, 8187, 0);
	cut_up(&b);
	expect(5, 0, 0);
	cr_assert(fuzz_seen.begins);
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		struct bytes c = { .p = packed, .n = packed_put(kind, b.p, b.n, packed, sizeof(packed)) };

		if (c.n == 0)
			continue;
		cut_up(&c);
		expect(5, 0, 0);
		c.n /= 2;
		cut_up(&c);
		cr_assert(fuzz_seen.error && fuzz_seen.messages < 5 && fuzz_seen.gap_bytes == 0);
	}
	bytes_free(&b);
}

/* Cut anywhere: what is whole stands, what is not is the last one's beginning. */
Test(input_messages, cut_anywhere)
{
	struct bytes b = { 0 };

	for (int k = 0; k < 3; k++) {
		struct bytes part;
		size_t each;

		b.n = 0;
		for (unsigned i = 0; i < 4; i++)
			k == 0 ? put_ipfix(&b, 5, i * 5) : k == 1 ? put_v5(&b, 5, 2) : put_v9(&b, 5);
		each = b.n / 4;
		part = b;
		for (part.n = 1; part.n < b.n; part.n++) {
			size_t rest = part.n % each;

			cut_up(&part);
			cr_assert_eq(fuzz_seen.messages - (k == 2 && rest >= 36 && rest < 40), part.n / each, "kind %d, %zu bytes", k, part.n);
			if (k < 2)
				cr_assert_eq(fuzz_seen.cut, rest >= 4, "kind %d, %zu bytes", k, part.n);
		}
	}
	bytes_free(&b);
}

/* Bytes put in, left out or changed: reading goes on behind them. */
Test(input_messages, holes)
{
	struct bytes b = { 0 }, c = { 0 };

	for (unsigned i = 0; i < 10; i++)
		put_ipfix(&b, 20, i * 20); /* 196 bytes each */
	for (size_t at = 0; at < b.n - 196; at += 7) {
		c.n = 0;
		put(&c, b.p, at);
		put(&c, "what is this?", 13);
		put(&c, b.p + at, b.n - at);
		cut_up(&c);
		if (at % 196 == 0 && at > 0)
			expect(10, 0, 13);
		else if (at > 0)
			cr_assert(fuzz_seen.messages >= 9 && fuzz_seen.gap_bytes <= 196 + 13, "%zu: %llu", at,
			    (unsigned long long)fuzz_seen.messages);
		c.n = 0;
		put(&c, b.p, at);
		put(&c, b.p + at + 13, b.n - at - 13);
		cut_up(&c);
		cr_assert_geq(fuzz_seen.messages, at == 0 ? 0 : 8, "%zu: %llu", at, (unsigned long long)fuzz_seen.messages);
	}
	bytes_free(&b);
	bytes_free(&c);
}

Test(input_messages, times_and_beginnings)
{
	struct bytes b = { 0 };
	static const struct {
		const char *p;
		size_t n;
	} others[] = { { "", 0 }, { "\0\x0a", 2 }, { "\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16 }, { "\x0a\x0d\x0d\x0a\0\0\0\0\0\0\0\0\0\0\0\0", 16 },
		{ "\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24 }, { "ts,sa,da\n1,2,3\n4,5,6\n", 21 },
		{ "\x0c\xa5\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 16 }, { "\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16 } };

	put_ipfix(&b, 1, 0);
	cr_assert_eq(tsn_decode_export_time(b.p, b.n), (int64_t)SENT * 1000);
	b.n = 0;
	put_v9(&b, 1);
	cr_assert_eq(tsn_decode_export_time(b.p, b.n), (int64_t)SENT * 1000);
	b.n = 0;
	put_v5(&b, 5, 1);
	cr_assert_eq(tsn_decode_export_time(b.p, b.n), (int64_t)SENT * 1000 + 5);
	cr_assert_eq(tsn_decode_export_time(b.p, 15), TSN_TIME_NONE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_assert_not(tsn_decode_begins((const uint8_t *)others[i].p, others[i].n, true), "%zu", i);
	bytes_free(&b);
}

Test(input_messages, mutations, .timeout = 120)
{
	struct bytes b = { 0 };
	uint64_t seed = 0x1f1f, found = 0;
	static uint8_t packed[1 << 16];

	for (long i = 0; i < mutate_times(60000); i++) {
		uint8_t p[1 << 16];
		size_t n;

		b.n = 0;
		for (unsigned k = 0; k < 6; k++)
			i % 3 == 0 ? put_ipfix(&b, k * 5, k) : i % 3 == 1 ? put_v9(&b, k + 1) : put_v5(&b, 5, k + 1);
		memcpy(p, b.p, b.n);
		n = b.n;
		if (i % 5 == 4 && (n = packed_put((int)(i / 5 % 4), b.p, b.n, packed, sizeof(packed))) > 0)
			memcpy(p, packed, n);
		for (uint64_t k = 1 + mutate_random(&seed) % 5; k > 0; k--)
			n = mutate_once(p, n, sizeof(p), &seed);
		LLVMFuzzerTestOneInput(p, n);
		found += fuzz_seen.messages;
	}
	cr_assert_gt(found, (uint64_t)mutate_times(60000) * 2, "mutations still give messages: %llu", (unsigned long long)found);
	bytes_free(&b);
}

/* Files of others, where they are at hand: their messages are as many as their makers say. */
Test(input_messages, recorded)
{
	static const struct {
		const char *name;
		uint64_t messages;
	} files[] = { { "ipfixcol/01-odid0.ipfix", 218 }, { "ipfixcol/01-odid4.ipfix", 219 }, { "ipfixcol/03-odid0-a.ipfix", 20 },
		{ "ipfixcol/03-odid0-b.ipfix", 17 }, { "ipfixcol/enterprise-from-nfv9.ipfix", 10 }, { "ipfixcol2/example_flows.ipfix", 68 } };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct tsn_buf b = TSN_BUF_INIT;
		char path[200];

		snprintf(path, sizeof(path), "../shared/data/exporter_packets/%s", files[i].name);
		if (tsn_buf_read_file(&b, path, 1 << 22) == 0) {
			LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
			cr_assert(fuzz_seen.messages == files[i].messages && fuzz_seen.gaps + fuzz_seen.cut == 0 && fuzz_seen.begins, "%s: %llu",
			    path, (unsigned long long)fuzz_seen.messages);
		}
		tsn_buf_fini(&b);
	}
}
