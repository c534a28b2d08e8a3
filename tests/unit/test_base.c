/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The ground floor: addresses, times, buffers, arenas, hashing, memory, the log. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/digits.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/wide.h"
#include "unit/dice.h"

/* --- addresses --- */

Test(base, addresses_read_and_written)
{
	static const struct { char in[50], out[50]; } cases[] = { /* "" is no address */
		{ "10.0.0.1", "10.0.0.1" }, { "255.255.255.255", "255.255.255.255" }, { "2001:DB8::1", "2001:db8::1" },
		{ "::", "::" }, { "::ffff:192.0.2.1", "192.0.2.1" }, { "1:0:0:2:0:0:0:3", "1:0:0:2::3" },
		{ "10.0.0", "" }, { "10.0.0.256", "" }, { "10.0.0.1 ", "" }, { "", "" }, { "10.0.0.1/32", "" }, { "1::2::3", "" },
		{ "x", "" }, { "01.2.3.4", "" }, { "1111:2222:3333:4444:5555:6666:7777:8888:9999", "" },
	};
	char text[TSN_ADDR_TEXT];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_addr a;
		bool ok = tsn_addr_parse(cases[i].in, strlen(cases[i].in), &a);

		cr_assert_eq(ok, cases[i].out[0] != '\0', "%s", cases[i].in);
		if (ok)
			cr_assert_str_eq(tsn_addr_text(a, text), cases[i].out);
	}
	cr_assert(!tsn_addr_parse("10.0.0.1\0", 9, &(struct tsn_addr){ 0 }), "a NUL is not skipped");
}

Test(base, addresses_by_bytes)
{
	for (int i = 0; i < 1000; i++) {
		uint8_t bytes[16], back[16];
		char text[TSN_ADDR_TEXT], want[TSN_ADDR_TEXT];
		struct tsn_addr a, b;

		for (int k = 0; k < 16; k++)
			bytes[k] = rnd() % 3 ? 0 : (uint8_t)rnd();
		a = tsn_addr_from_v6(bytes);
		tsn_addr_to_v6(a, back);
		cr_assert_eq(memcmp(bytes, back, 16), 0);
		inet_ntop(AF_INET6, bytes, want, sizeof(want));
		if (!a.v4)
			cr_assert_str_eq(tsn_addr_text(a, text), want);
		cr_assert(tsn_addr_parse(want, strlen(want), &b) && tsn_addr_cmp(a, b) == 0, "%s", want);
	}
}

Test(base, prefixes)
{
	static const struct { char in[50], out[50]; } cases[] = {
		{ "10.0.0.0/8", "10.0.0.0/8" }, { "10.1.2.3/8", "10.0.0.0/8" }, { "10.1.2.3", "10.1.2.3/32" }, { "0.0.0.0/0", "0.0.0.0/0" },
		{ "255.255.255.255/1", "128.0.0.0/1" }, { "2001:db8::5/32", "2001:db8::/32" }, { "::/0", "::/0" }, { "::1", "::1/128" },
		{ "ffff::/65", "ffff::/65" }, { "::ffff:10.0.0.0/104", "10.0.0.0/8" }, { "::ffff:10.0.0.0/90", "" },
		{ "10.0.0.0/33", "" }, { "10.0.0.0/", "" }, { "10.0.0.0/x", "" }, { "10.0.0.0/08", "10.0.0.0/8" }, { "::/129", "" },
		{ "10.0.0.0/-1", "" }, { "/8", "" }, { "10.0.0.0/8/8", "" }, { "10.0.0.0/00000008", "" },
	};
	char text[TSN_ADDR_TEXT];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_prefix p;
		bool ok = tsn_prefix_parse(cases[i].in, strlen(cases[i].in), &p);

		cr_assert_eq(ok, cases[i].out[0] != '\0', "%s", cases[i].in);
		if (ok)
			cr_assert_str_eq(tsn_prefix_text(p, text), cases[i].out);
	}
}

Test(base, prefixes_hold_what_shares_their_bits)
{
	for (int i = 0; i < 5000; i++) {
		struct tsn_prefix p = { .len = (uint8_t)(rnd() % 129) };
		struct tsn_addr a = { rnd(), rnd(), rnd() % 2 };
		uint8_t x[16], y[16];
		unsigned from = 0, bit;
		bool same = true;

		if (a.v4) {
			a = tsn_addr_v4((uint32_t)a.lo);
			p.len %= 33;
			from = 96;
		}
		p.addr = a;
		if (rnd() % 2) { /* flip one bit of it */
			bit = (unsigned)(rnd() % (a.v4 ? 32 : 128));
			if (a.v4 || bit < 64)
				p.addr.lo ^= UINT64_C(1) << (bit % 64);
			else
				p.addr.hi ^= UINT64_C(1) << (bit % 64);
		}
		tsn_addr_to_v6(a, x);
		tsn_addr_to_v6(p.addr, y);
		for (bit = from; bit < from + p.len; bit++)
			same &= (x[bit / 8] >> (7 - bit % 8) & 1) == (y[bit / 8] >> (7 - bit % 8) & 1);
		p.addr = tsn_addr_mask(p.addr, p.len, p.len);
		cr_assert_eq(tsn_prefix_has(p, a), same, "case %d", i);
		cr_assert(!tsn_prefix_has(p, (struct tsn_addr){ a.hi, a.lo, !a.v4 }), "the other family");
	}
}

Test(base, addresses_sort)
{
	static const char sorted[][30] = { "0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "1::", "ffff::" };

	for (unsigned i = 0; i < 7; i++) {
		for (unsigned j = 0; j < 7; j++) {
			struct tsn_addr a, b;

			tsn_addr_parse(sorted[i], strlen(sorted[i]), &a);
			tsn_addr_parse(sorted[j], strlen(sorted[j]), &b);
			cr_assert_eq(tsn_addr_cmp(a, b), i < j ? -1 : i > j, "%s %s", sorted[i], sorted[j]);
		}
	}
}

/* --- times --- */

Test(base, times_equal_the_c_librarys)
{
	char text[TSN_TIME_TEXT], want[TSN_TIME_TEXT];

	for (int i = 0; i < 5000; i++) {
		int64_t s = (int64_t)(rnd() % 8000000000) - 2000000000;
		time_t t = (time_t)s;
		struct tm tm;
		size_t n;

		gmtime_r(&t, &tm);
		n = strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(want + n, sizeof(want) - n, ".%03dZ", i % 1000);
		cr_assert_str_eq(tsn_time_text(s * 1000 + i % 1000, text), want);
		cr_assert_eq(tsn_days_from_date(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday), (s - tm.tm_hour * 3600 - tm.tm_min * 60 -
		    tm.tm_sec) / 86400, "%s", want);
	}
	tsn_time_text(INT64_MIN, text); /* the sanitizer watches */
	tsn_time_text(INT64_MAX, text);
}

/* Whatever minute was written before. */
Test(base, times_one_behind_the_other)
{
	static const int64_t around[] = { 0, INT64_C(1767571200000), INT64_C(253402300799999), INT64_C(-62167219200000), INT64_MIN, INT64_MAX };
	struct tsn_minute near = TSN_MINUTE;
	char text[TSN_TIME_TEXT];

	for (int i = 0; i < 20000; i++) {
		const uint64_t by = rnd() % 150000 - 75000; /* to the other end of the range, too */
		const int64_t ms = (int64_t)((uint64_t)around[rnd() % (i % 64 < 48 ? 2 : 6)] + by);
		char want[TSN_TIME_TEXT];

		*tsn_time_put(text, ms, &near) = '\0';
		cr_assert_str_eq(text, tsn_time_text(ms, want), "%lld", (long long)ms);
	}
}

Test(base, durations)
{
	static const struct { int64_t ms; char text[32]; } cases[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 999, "999ms" }, { 1000, "1s" }, { 60000, "1m" }, { 90000, "1m30s" }, { 5400000, "1h30m" },
		{ 86400000, "1d" }, { 90061001, "1d1h1m1s1ms" }, { -5000, "-5s" }, { 604800000, "7d" },
	};
	char text[TSN_TIME_TEXT];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_str_eq(tsn_duration_text(cases[i].ms, text), cases[i].text);
	cr_assert_eq(tsn_duration_text(INT64_MIN, text)[0], '-');
}

/* --- buffers --- */

Test(base, buffers_grow)
{
	struct tsn_buf b = TSN_BUF_INIT;
	size_t n = 0;

	cr_assert_str_eq(tsn_buf_str(&b), "");
	for (int i = 0; i < 2000; i++) {
		tsn_buf_printf(&b, "%d,", i);
		tsn_buf_putc(&b, ';');
		n += (size_t)snprintf(NULL, 0, "%d,;", i);
		cr_assert_eq(b.len, n);
		cr_assert_eq(strlen(b.p), n);
	}
	cr_assert_eq(strncmp(b.p, "0,;1,;2,;", 9), 0);
	tsn_buf_clear(&b);
	cr_assert_str_eq(tsn_buf_str(&b), "");
	tsn_buf_fini(&b);
}

Test(base, numbers_are_written_as_printf_writes_them)
{
	struct tsn_buf b = TSN_BUF_INIT;
	char want[32], addr[TSN_ADDR_TEXT];

	srandom(3);
	for (int i = 0; i < 5000; i++) {
		int64_t v = (int64_t)((uint64_t)random() << 33 ^ (uint64_t)random() << 11) >> random() % 64;

		v = i == 0 ? 0 : i == 1 ? INT64_MIN : i == 2 ? INT64_MAX : v;
		tsn_buf_clear(&b);
		tsn_buf_int(&b, v);
		snprintf(want, sizeof(want), "%lld", (long long)v);
		cr_assert_str_eq(tsn_buf_str(&b), want);
	}
	for (int i = 0; i < 5000; i++) {
		uint64_t v = i == 0 ? 0 : i == 1 ? UINT64_MAX : ((uint64_t)random() << 33 ^ (uint64_t)random() << 11) >> random() % 64;

		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		*tsn_put_u64(addr, v) = '\0';
		cr_assert_str_eq(addr, want);
		snprintf(want, sizeof(want), "%016llx", (unsigned long long)v);
		*tsn_put_hex64(addr, v) = '\0';
		cr_assert_str_eq(addr, want);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(want, sizeof(want), "%02u %03u", i % 100, i);
		*tsn_put_triple(TSN_PUT(tsn_put_pair(addr, i % 100), " "), i) = '\0';
		cr_assert_str_eq(addr, want);
	}
	for (uint32_t i = 0; i < 256; i++) {
		snprintf(want, sizeof(want), "%u.%u.%u.0", i, 255 - i, i / 2);
		cr_assert_str_eq(tsn_addr_text(tsn_addr_v4(i << 24 | (255 - i) << 16 | i / 2 << 8), addr), want);
	}
	/* printed into what room is left, and into more */
	tsn_buf_clear(&b);
	for (int i = 0; i < 200; i++)
		tsn_buf_printf(&b, "%0*d", i, i);
	cr_assert_eq(b.len, 1 + 199 * 200 / 2);
	cr_assert_eq(strlen(tsn_buf_str(&b)), b.len);
	tsn_buf_fini(&b);
}

Test(base, buffers_stay_failed)
{
	struct tsn_buf b = TSN_BUF_INIT;

	tsn_buf_puts(&b, "kept");
	tsn_mem_fail_at(0, false);
	for (int i = 0; i < 100; i++)
		tsn_buf_puts(&b, "0123456789");
	tsn_mem_fail_never();
	cr_assert(b.failed);
	tsn_buf_puts(&b, "more");
	cr_assert_null(strstr(tsn_buf_str(&b), "more"));
	cr_assert_eq(strncmp(tsn_buf_str(&b), "kept", 4), 0);
	tsn_buf_clear(&b);
	tsn_buf_puts(&b, "again");
	cr_assert_str_eq(tsn_buf_str(&b), "again");
	tsn_buf_fini(&b);
}

Test(base, json_strings)
{
	static const struct { char in[24]; uint8_t n; char out[60]; } cases[] = {
		{ "plain", 5, "plain" }, { "a\"b\\c", 5, "a\\\"b\\\\c" }, { "\n\r\t", 3, "\\n\\r\\t" }, { "\0\x1f\x7f", 3, "\\u0000\\u001f\\u007f" },
		{ "\xc3\xa9", 2, "\xc3\xa9" }, { "\xe2\x82\xac", 3, "\xe2\x82\xac" }, { "\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80" },
		{ "\xff", 1, "\xef\xbf\xbd" }, { "\xc3", 1, "\xef\xbf\xbd" }, { "\xc3(", 2, "\xef\xbf\xbd(" },
		{ "\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd" }, /* overlong */
		{ "\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
		{ "\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* past U+10FFFF */
		{ "", 0, "" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_buf b = TSN_BUF_INIT;

		tsn_buf_json(&b, cases[i].in, cases[i].n);
		cr_assert_str_eq(tsn_buf_str(&b), cases[i].out, "case %u", i);
		tsn_buf_fini(&b);
	}
}

/* What a byte becomes does not hang on those around it. */
Test(base, json_of_a_byte_anywhere)
{
	for (unsigned c = 0; c < 256; c++) {
		struct tsn_buf alone = TSN_BUF_INIT;
		const char byte = (char)c;

		tsn_buf_json(&alone, &byte, 1);
		for (size_t at = 0; at < 20; at++) {
			struct tsn_buf b = TSN_BUF_INIT;
			char text[] = "twenty ordinary ones";

			text[at] = byte;
			tsn_buf_json(&b, text, 20);
			cr_assert_eq(b.len, 19 + alone.len);
			cr_assert(memcmp(b.p, text, at) == 0 && memcmp(b.p + at, alone.p, alone.len) == 0, "byte %u at %zu", c, at);
			cr_assert(memcmp(b.p + at + alone.len, text + at + 1, 19 - at) == 0, "byte %u at %zu", c, at);
			tsn_buf_fini(&b);
		}
		tsn_buf_fini(&alone);
	}
}

Test(base, files_are_read_whole)
{
	char path[] = "/tmp/tsn-base-XXXXXX";
	struct tsn_buf b = TSN_BUF_INIT;
	int fd = mkstemp(path);
	static char block[70000];

	memset(block, 'z', sizeof(block));
	cr_assert(fd >= 0 && write(fd, block, sizeof(block)) == (ssize_t)sizeof(block));
	cr_assert_eq(tsn_buf_read_file(&b, path, sizeof(block)), 0);
	cr_assert(b.len == sizeof(block) && memcmp(b.p, block, sizeof(block)) == 0 && b.p[b.len] == '\0');
	tsn_buf_clear(&b);
	cr_assert_eq(tsn_buf_read_file(&b, path, sizeof(block) - 1), EFBIG);
	close(fd);
	unlink(path);
	tsn_buf_clear(&b);
	cr_assert_eq(tsn_buf_read_file(&b, path, 10), ENOENT);
	cr_assert_eq(tsn_buf_read_file(&b, "/tmp", 10), EISDIR);
	tsn_buf_fini(&b);
}

/* --- arenas --- */

Test(base, arenas)
{
	struct tsn_arena *a = tsn_arena_new();
	unsigned char *p[500];
	size_t size[500];

	for (int i = 0; i < 500; i++) {
		size[i] = i == 250 ? 3000000 : rnd() % 3000;
		p[i] = tsn_arena_alloc(a, size[i]);
		cr_assert_not_null(p[i]);
		cr_assert_eq((uintptr_t)p[i] % 16, 0);
		for (size_t k = 0; k < size[i]; k++)
			cr_assert_eq(p[i][k], 0);
		memset(p[i], i & 255, size[i]);
	}
	for (int i = 0; i < 500; i++)
		for (size_t k = 0; k < size[i]; k++)
			cr_assert_eq(p[i][k], i & 255, "block %d was written by another", i);
	cr_assert_str_eq(tsn_arena_strdup(a, "word"), "word");
	cr_assert_str_eq(tsn_arena_strndup(a, "words", 4), "word");
	cr_assert_gt(tsn_arena_used(a), 3000000);
	cr_assert_null(tsn_arena_alloc(a, SIZE_MAX));
	/* used again it is as new */
	for (int round = 0; round < 300; round++) {
		tsn_arena_clear(a);
		cr_assert_eq(tsn_arena_used(a), 0);
		for (int i = 0; i < round % 20; i++) {
			/* now and then as many that pages are large, and more than one of those */
			const size_t n = rnd() % (round == 119 ? 3000000 : round % 7 == 0 ? 200000 : 3000);
			unsigned char *q = tsn_arena_alloc(a, n);

			cr_assert_not_null(q);
			for (size_t k = 0; k < n; k++)
				cr_assert_eq(q[k], 0);
			memset(q, 7, n);
		}
	}
	tsn_arena_free(a);
	tsn_arena_free(NULL);
}

Test(base, an_arena_without_memory_says_so)
{
	struct tsn_arena *a;

	tsn_mem_fail_at(0, false);
	cr_assert_null(tsn_arena_new());
	tsn_mem_fail_never();
	a = tsn_arena_new();
	tsn_mem_fail_at(0, true);
	cr_assert_null(tsn_arena_alloc(a, 10));
	cr_assert_null(tsn_arena_strdup(a, "x"));
	tsn_mem_fail_never();
	cr_assert_not_null(tsn_arena_alloc(a, 10));
	tsn_arena_free(a);
}

/* --- hashing --- */

Test(base, hashes_see_every_byte)
{
	uint8_t p[70] = { 0 };

	for (size_t n = 0; n <= sizeof(p); n++) {
		uint64_t h = tsn_hash_bytes(p, n, 0);

		cr_assert_neq(h, tsn_hash_bytes(p, n, 1), "the seed");
		if (n > 0)
			cr_assert_neq(h, tsn_hash_bytes(p, n - 1, 0), "the length");
		for (size_t i = 0; i < 8 * n; i++) {
			p[i / 8] ^= (uint8_t)(1u << i % 8);
			cr_assert_neq(h, tsn_hash_bytes(p, n, 0), "bit %zu of %zu bytes", i, n);
			p[i / 8] ^= (uint8_t)(1u << i % 8);
		}
	}
	cr_assert_neq(tsn_hash_join(tsn_hash_join(0, 1), 2), tsn_hash_join(tsn_hash_join(0, 2), 1), "order matters");
}

/* Alert ids, shards and saved sketches are made of them: another value is another TSN_HASH_VERSION. */
Test(base, hashes_are_fixed)
{
	cr_assert_eq(TSN_HASH_VERSION, 1);
	cr_assert_eq(tsn_hash_u64(0, 0), UINT64_C(0xe220a8397b1dcdaf), "SplitMix64's first number");
	cr_assert_eq(tsn_hash_bytes("tocsin", 6, 0), UINT64_C(0x5a19d179891d91b7));
	cr_assert_eq(tsn_hash_bytes("the quick brown fox", 19, 7), UINT64_C(0x54afde7c137c774f));
}

/* Addresses of one network must spread over the 64 shards and over tables. */
Test(base, hashes_spread)
{
	unsigned shard[64] = { 0 }, low[64] = { 0 };

	for (uint32_t i = 0; i < 64000; i++) {
		uint64_t h = tsn_hash_u64(0x0a000000 + i * 256, 0);

		shard[h >> 58]++;
		low[h & 63]++;
	}
	for (int i = 0; i < 64; i++) {
		cr_assert(shard[i] > 850 && shard[i] < 1150, "shard %d: %u", i, shard[i]);
		cr_assert(low[i] > 850 && low[i] < 1150, "slot %d: %u", i, low[i]);
	}
}

/* --- memory, log --- */

Test(base, the_chosen_allocation_fails)
{
	for (int sticky = 0; sticky < 2; sticky++) {
		tsn_mem_fail_at(2, sticky);
		for (int i = 0; i < 6; i++) {
			void *p = i % 3 == 0 ? tsn_malloc(1) : i % 3 == 1 ? tsn_calloc(1, 1) : (void *)tsn_strdup("x");

			cr_assert_eq(p == NULL, i == 2 || (sticky && i > 2), "allocation %d", i);
			tsn_free(p);
		}
		cr_assert_eq(tsn_mem_count(), 6);
		tsn_mem_fail_never();
	}
}

Test(base, arrays_grow_and_products_do_not_overflow)
{
	size_t cap = 0, n;
	int *p = NULL, *q;

	for (n = 0; n < 1000; n++) {
		q = tsn_grow(p, n, &cap, sizeof(*p));
		cr_assert_not_null(q);
		p = q;
		p[n] = (int)n;
	}
	for (n = 0; n < 1000; n++)
		cr_assert_eq(p[n], (int)n);
	tsn_mem_fail_at(0, true);
	cr_assert_null(tsn_grow(p, cap, &cap, sizeof(*p)));
	tsn_mem_fail_never();
	cr_assert_eq(p[999], 999, "the old array is still there");
	tsn_free(p);
	cr_assert_null(tsn_reallocarray(NULL, SIZE_MAX / 2, 4));
	cr_assert_null(tsn_calloc(SIZE_MAX / 2, 4));
	p = tsn_aligned_alloc(4096, 100);
	cr_assert_eq((uintptr_t)p % 4096, 0);
	tsn_free(p);
	cr_assert_null(tsn_aligned_calloc(64, SIZE_MAX / 2, 4));
	p = tsn_aligned_calloc(64, 3, 1000);
	cr_assert_eq((uintptr_t)p % 64, 0);
	for (int i = 0; i < 3000; i++)
		cr_assert_eq(((char *)p)[i], 0);
	tsn_free(p);
}

static void
keep_line(void *arg, enum tsn_log_level level, const char *line)
{
	snprintf(arg, 100, "%d %s", (int)level, line);
}

/* Things of many sizes come and go: none lies over another, all begin where lines do, and what is free joins again. */
Test(base, a_heap_of_many_sizes)
{
	static struct {
		uint8_t *p;
		size_t n;
	} v[6000];
	struct tsn_heap h = { 0 };
	uint64_t x = 1, bytes = 0;

	for (uint32_t round = 0; round < 60000; round++) {
		const uint32_t i = (uint32_t)((x = tsn_mix64(x + round)) % 6000);
		const size_t n = x >> 40 & 63 ? 1 + (size_t)(x >> 20 & 0xff) * 3 : 1 + (size_t)(x >> 20 & 0xffff);

		if (v[i].p != NULL) {
			for (size_t k = 0; k < v[i].n; k++)
				cr_assert_eq(v[i].p[k], (uint8_t)i, "round %u", round);
			tsn_heap_give(&h, v[i].p, v[i].n);
			bytes -= (v[i].n + TSN_HEAP_LINE - 1) / TSN_HEAP_LINE * TSN_HEAP_LINE;
			v[i].p = NULL;
			continue;
		}
		v[i].p = tsn_heap_take(&h, v[i].n = n);
		cr_assert(v[i].p != NULL && (uintptr_t)v[i].p % TSN_HEAP_LINE == 0);
		memset(v[i].p, (int)i, n);
		bytes += (n + TSN_HEAP_LINE - 1) / TSN_HEAP_LINE * TSN_HEAP_LINE;
	}
	cr_assert_eq(h.bytes, bytes);
	for (uint32_t i = 0; i < 6000; i++) {
		tsn_heap_give(&h, v[i].p, v[i].n);
		v[i].p = NULL;
	}
	cr_assert_eq(h.bytes, 0);
	/* with all of it free the largest thing has room without asking anybody for more */
	tsn_mem_fail_at(0, true);
	v[0].p = tsn_heap_take(&h, TSN_HEAP_MOST);
	tsn_mem_fail_never();
	cr_assert_not_null(v[0].p);
	cr_assert_null(tsn_heap_take(&h, TSN_HEAP_MOST + 1));
	tsn_heap_fini(&h);
	tsn_mem_fail_at(0, true);
	cr_assert_null(tsn_heap_take(&h, 1));
	tsn_mem_fail_never();
}

Test(base, the_log_writes_what_its_level_lets_through)
{
	char last[100] = "";
	struct tsn_log log = { TSN_LOG_WARN, keep_line, last };

	tsn_log(&log, TSN_LOG_INFO, "no");
	cr_assert_str_eq(last, "");
	tsn_log(&log, TSN_LOG_ERROR, "%s %d", "yes", 5);
	cr_assert_str_eq(last, "0 yes 5");
	tsn_log(NULL, TSN_LOG_ERROR, "nowhere");
}

/* Sums of reals, in an order that wider vectors must not change. */
TSN_WIDE(static, double, spread, (const int32_t *v, uint32_t n), (v, n))
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (double)v[i] * 0.1 + 1.0 / (1 + (double)v[i] * v[i]);
	return sum;
}

Test(base, loops_of_every_cpu_level_give_the_same)
{
	enum tsn_cpu most = tsn_cpu_most();
	int32_t v[1000];
	double want;

	for (int i = 0; i < 1000; i++)
		v[i] = i * 7919 % 5003 - 2500;
	tsn_cpu_use(TSN_CPU_BASELINE);
	want = spread(v, 1000);
	for (int level = 0; level < TSN_CPU_COUNT; level++) {
		cr_assert_eq(tsn_cpu_use(level), (int)most < level ? (int)most : level, "lowered, never raised");
		cr_assert_eq(spread(v, 1000), want, "%s", tsn_cpu_name(tsn_cpu_level));
	}
}

Test(base, a_cpu_level_is_asked_for_by_name)
{
	bool known;

	setenv("TOCSIN_CPU", "avx2", 1);
	cr_assert_str_eq(tsn_cpu_asked(&known), "avx2");
	cr_assert(known);
	setenv("TOCSIN_CPU", "AVX", 1);
	cr_assert_str_eq(tsn_cpu_asked(&known), "AVX");
	cr_assert_not(known);
	unsetenv("TOCSIN_CPU");
	cr_assert_null(tsn_cpu_asked(&known));
}
