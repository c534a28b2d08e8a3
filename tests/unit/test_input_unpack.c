/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <errno.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "input/reader.h"
#include "input/unpack.h"
#include "unit/build_capture.h"
#include "unit/build_packed.h"
#include "unit/mutate.h"

#define PLAIN 3000u
#define FEWER 1300u /* each byte of it packed is a case; all of PLAIN in the long run */
#define ROOM (1u << 20)

static uint8_t plain[ROOM], packed[ROOM], got[ROOM];

/* Half noise and half repetition, so that there is something to pack and something to carry. */
static void
make_plain(size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++)
		plain[i] = i / 100 % 2 == 0 ? (uint8_t)mutate_random(&seed) : (uint8_t)(i / 1000);
}

/* Reads it all, [step] bytes at a time, to [got]; how many. */
static size_t
read_all(struct tsn_reader *r, size_t step)
{
	size_t n = 0, have;

	while ((have = tsn_reader_need(r, step)) > 0) {
		if (have > step)
			have = step;
		cr_assert_leq(n + have, sizeof(got));
		memcpy(got + n, r->buf + r->pos, have);
		tsn_reader_take(r, have);
		n += have;
		cr_assert_eq(r->offset, n);
	}
	return n;
}

/* [n] bytes of [packed] as a file; the error's text to [why], "" if there was none. */
static size_t
unpack(const uint8_t *p, size_t n, size_t step, char why[TSN_INPUT_ERROR])
{
	struct bytes b = { .p = (uint8_t *)(uintptr_t)p, .n = n };
	struct tsn_reader r;
	char path[40];
	uint64_t done, total;
	int fd = as_file(&b, path);
	size_t all;

	cr_assert(tsn_reader_open(&r, path, why), "%s", why);
	all = read_all(&r, step);
	snprintf(why, TSN_INPUT_ERROR, "%s", r.error != 0 ? tsn_reader_error(&r) : "");
	tsn_reader_progress(&r, &done, &total);
	cr_assert_eq(total, n);
	cr_assert(r.packed == NULL || r.total == 0);
	cr_assert_leq(done, total);
	tsn_reader_close(&r);
	close(fd);
	return all;
}

Test(input_unpack, round_trip)
{
	static const size_t sizes[] = { 0, 1, 9, 10, 11, 3000, 65535, 65536, 65537, 200000 };
	char why[TSN_INPUT_ERROR];
	int built = 0;

	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t n;

			make_plain(sizes[i], i + 1);
			n = packed_put(kind, plain, sizes[i], packed, sizeof(packed));
			if (n == 0)
				continue;
			built++;
			cr_assert_str_eq(tsn_unpack_kind(packed, n), packed_name(kind));
			cr_assert_eq(unpack(packed, n, i % 2 ? 777 : ROOM, why), sizes[i], "%s %zu: %s", packed_name(kind), sizes[i], why);
			cr_assert_str_eq(why, "");
			cr_assert_arr_eq(got, plain, sizes[i]);
		}
	}
	cr_assert_gt(built, 0);
	make_plain(sizeof(plain), 7);
	cr_assert_eq(unpack(plain, 500000, 1000, why), 500000, "what is not compressed stays as it is");
	cr_assert_arr_eq(got, plain, 500000);
}

/* Members, frames and streams one behind the other, empty ones and padding among them, are one input. */
Test(input_unpack, many_members)
{
	char why[TSN_INPUT_ERROR];

	make_plain(PLAIN, 3);
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		size_t n = 0, all = 0;

		for (int i = 0; i < 40; i++) {
			size_t len = i % 7 == 3 ? 0 : PLAIN / 40;

			n += packed_put(kind, plain + all, len, packed + n, sizeof(packed) - n);
			all += len;
		}
		if (n == 0)
			continue;
		memset(packed + n, 0, 8);
		cr_assert_eq(unpack(packed, n + 8, 100, why), all, "%s: %s", packed_name(kind), why);
		cr_assert_str_eq(why, "", "%s", packed_name(kind));
		cr_assert_arr_eq(got, plain, all);
		memcpy(packed + n, "of another kind", 15);
		cr_assert_eq(unpack(packed, n + 15, 100, why), all);
		cr_assert_not_null(strstr(why, "follow its end"), "%s: %s", packed_name(kind), why);
	}
}

static size_t
plain_to_spoil(void)
{
	size_t n = getenv("TSN_SOAK") != NULL ? PLAIN : FEWER;

	cr_log_warn("%zu bytes of each kind", n);
	return n;
}

/* Cut at every byte: what comes out is the beginning of what went in, and the reason is told. */
Test(input_unpack, cut_anywhere, .timeout = 120)
{
	char why[TSN_INPUT_ERROR];
	size_t size = plain_to_spoil();

	make_plain(size, 5);
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		size_t n = packed_put(kind, plain, size, packed, sizeof(packed)), all;

		for (size_t cut = TSN_UNPACK_PEEK; cut < n; cut++) {
			all = unpack(packed, cut, 512, why);
			cr_assert_leq(all, size);
			cr_assert_arr_eq(got, plain, all);
			cr_assert_not_null(strstr(why, "ends too early"), "%s cut to %zu: %s", packed_name(kind), cut, why);
		}
	}
}

/* A bit flipped in every byte: an end, never more than there was, and damage is called damage. */
Test(input_unpack, flipped_anywhere, .timeout = 120)
{
	char why[TSN_INPUT_ERROR];
	size_t size = plain_to_spoil();
	uint64_t seed = 11;

	make_plain(size, 6);
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		size_t n = packed_put(kind, plain, size, packed, sizeof(packed)), all, told = 0;

		for (size_t i = 0; i < n; i++) {
			uint8_t was = packed[i];

			packed[i] ^= (uint8_t)(1u << mutate_random(&seed) % 8);
			all = unpack(packed, n, 512, why);
			told += why[0] != '\0';
			cr_assert(why[0] != '\0' || tsn_unpack_kind(packed, n) == NULL ||
			    (all == size && memcmp(got, plain, all) == 0), "%s, byte %zu", packed_name(kind), i);
			packed[i] = was;
		}
		cr_assert(n == 0 || told > n / 4, "%s: %zu of %zu", packed_name(kind), told, n);
	}
}

/* From a pipe that gives a byte or a few at a time. */
Test(input_unpack, dribbling_pipe)
{
	char error[TSN_INPUT_ERROR];

	make_plain(PLAIN, 8);
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		size_t n = packed_put(kind, plain, PLAIN, packed, sizeof(packed));
		struct tsn_reader r;
		int ends[2], status;
		char path[40];
		pid_t child;

		if (n == 0)
			continue;
		cr_assert_eq(pipe(ends), 0);
		child = fork();
		if (child == 0) {
			for (size_t i = 0; i < n; i += 3)
				if (write(ends[1], packed + i, n - i < 3 ? n - i : 3) < 0)
					_exit(1);
			_exit(0);
		}
		close(ends[1]);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
		cr_assert(tsn_reader_open(&r, path, error), "%s", error);
		cr_assert_eq(read_all(&r, 64), PLAIN, "%s", packed_name(kind));
		cr_assert_eq(r.error, 0);
		cr_assert_arr_eq(got, plain, PLAIN);
		tsn_reader_close(&r);
		close(ends[0]);
		waitpid(child, &status, 0);
	}
}

/* A few bytes that become very many are a long file and no more. */
Test(input_unpack, bombs)
{
	char why[TSN_INPUT_ERROR];
	struct tsn_reader r;

	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		struct bytes b = { .p = packed };
		size_t n, all = 0, have;
		char path[40];
		int fd;

		memset(plain, 0, sizeof(plain));
		for (int i = 0; i < 16; i++)
			b.n += packed_put(kind, plain, sizeof(plain), packed + b.n, sizeof(packed) - b.n);
		if (b.n == 0)
			continue;
		fd = as_file(&b, path);
		cr_assert(tsn_reader_open(&r, path, why), "%s", why);
		while ((have = tsn_reader_need(&r, 1)) > 0) {
			all += have;
			tsn_reader_take(&r, have);
		}
		n = sizeof(plain) * 16;
		cr_assert_eq(all, n, "%s", packed_name(kind));
		tsn_reader_close(&r);
		close(fd);
	}
}

/* zstd's and xz's headers may ask for gigabytes; they do not get them. */
Test(input_unpack, windows_are_bounded)
{
	char why[TSN_INPUT_ERROR];

#ifdef TSN_HAVE_ZSTD
	/* frame header: no single segment, window exponent 31 (10 + 21) */
	cr_assert_eq(unpack((const uint8_t *)"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00\x00\x00\x00", 12, 10, why), 0);
	cr_assert_not_null(strstr(why, "damaged"), "%s", why);
#endif
#ifdef TSN_HAVE_LZMA
	{
		lzma_options_lzma o;
		lzma_filter f[] = { { LZMA_FILTER_LZMA2, &o }, { LZMA_VLI_UNKNOWN, NULL } };
		size_t n = 0;

		lzma_lzma_preset(&o, 0);
		o.dict_size = 512u << 20;
		make_plain(100, 1);
		if (lzma_stream_buffer_encode(f, LZMA_CHECK_CRC32, NULL, plain, 100, packed, &n, sizeof(packed)) == LZMA_OK) {
			cr_assert_eq(unpack(packed, n, 10, why), 0);
			cr_assert_not_null(strstr(why, "128 MiB"), "%s", why);
		}
	}
#endif
	(void)why;
}

Test(input_unpack, out_of_memory)
{
	char why[TSN_INPUT_ERROR];

	make_plain(PLAIN, 9);
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		size_t n = packed_put(kind, plain, PLAIN, packed, sizeof(packed));
		struct bytes b = { .p = packed, .n = n };
		char path[40];
		int fd = n > 0 ? as_file(&b, path) : -1;

		for (long k = 0; n > 0; k++) {
			struct tsn_reader r;
			bool opened;
			long made;

			tsn_mem_fail_at(k, false);
			opened = tsn_reader_open(&r, path, why);
			if (opened)
				cr_assert(read_all(&r, 100) == PLAIN || r.error != 0, "%s %ld", packed_name(kind), k);
			made = tsn_mem_count();
			tsn_mem_fail_never();
			tsn_reader_close(&r);
			if (made <= k)
				break;
		}
		if (fd >= 0)
			close(fd);
	}
}

/* What a waiter is asked, and what its answers do. */
struct asked {
	int at_end, would_block, again;
	enum tsn_wait then;
	int write_to;
};

static enum tsn_wait
answer(void *arg, int fd, bool at_end, uint64_t read)
{
	struct asked *a = arg;

	cr_assert_geq(fd, 0);
	(void)read;
	a->at_end += at_end;
	a->would_block += !at_end;
	if (a->again == 0)
		return a->then;
	a->again--;
	cr_assert_eq(write(a->write_to, "more", 4), 4);
	return TSN_WAIT_AGAIN;
}

Test(input_unpack, a_waiter_is_asked)
{
	for (int kind = 0; kind < 4; kind++) {
		struct asked a = { .again = 3, .then = kind & 1 ? TSN_WAIT_STOP : TSN_WAIT_END };
		struct bytes b = { 0 };
		char path[40], error[TSN_INPUT_ERROR];
		struct tsn_reader r;
		int ends[2], fd = -1;

		put(&b, "first", 5);
		if (kind & 2) {
			cr_assert_eq(pipe(ends), 0);
			cr_assert_eq(write(ends[1], b.p, b.n), 5);
			snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
			a.write_to = ends[1];
		} else {
			fd = as_file(&b, path);
			cr_assert_eq(lseek(fd, 0, SEEK_END), 5);
			a.write_to = fd;
		}
		cr_assert(tsn_reader_open(&r, path, error), "%s", error);
		r.waiter = (struct tsn_waiter){ answer, &a };
		cr_assert_eq(read_all(&r, 100), 5 + 3 * 4, "kind %d", kind);
		cr_assert_eq(strncmp((char *)got, "firstmoremoremore", 17), 0);
		cr_assert_eq(r.stopped, a.then == TSN_WAIT_STOP);
		cr_assert_eq(kind & 2 ? a.would_block : a.at_end, 4);
		cr_assert_eq(kind & 2 ? a.at_end : a.would_block, 0);
		tsn_reader_close(&r);
		close(fd >= 0 ? fd : ends[0]);
		if (fd < 0)
			close(ends[1]);
		bytes_free(&b);
	}
}
