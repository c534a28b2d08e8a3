/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Whoever reads ahead, and however many, and also from mapped pages: the reader gives the bytes, the errors and the questions that it
 * gives alone. What pages have of their own is in test_input_mapped.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "input/ahead.h"
#include "input/mapped.h"
#include "input/nfcapd.h"
#include "input/reader.h"
#include "unit/build_capture.h"
#include "unit/build_nfcapd.h"
#include "unit/build_packed.h"
#include "unit/helpers.h"
#include "unit/mutate.h"
#include "unit/read_plain.h"

#define THREADS HELPERS_MOST
#define MAPPED  (THREADS + 1)

static uint8_t packed[SIZE + 65536];

/* --- reading --- */

/* A file; what was wrong with it to [why]. */
static size_t
read_file(const uint8_t *p, size_t n, size_t step, unsigned threads, char why[TSN_INPUT_ERROR])
{
	struct bytes b = { .p = (uint8_t *)(uintptr_t)p, .n = n };
	uint64_t done, total;
	struct tsn_reader r;
	struct helpers h;
	char path[40];
	int fd = as_file(&b, path);
	size_t all;

	helpers_begin(&h, threads);
	cr_assert(tsn_reader_open(&r, path, why), "%s", why);
	r.hands = &h.hands;
	all = read_all(&r, step, &h);
	snprintf(why, TSN_INPUT_ERROR, "%s", r.error != 0 ? tsn_reader_error(&r) : "");
	tsn_reader_progress(&r, &done, &total);
	cr_assert_eq(total, n);
	cr_assert(done == total || r.error != 0);
	cr_assert_not_null(r.ahead);
	cr_assert(threads == 0 || r.total < SIZE / 2 || atomic_load(&h.pieces) > 0);
	tsn_reader_close(&r);
	helpers_end(&h);
	close(fd);
	return all;
}

Test(input_ahead, files)
{
	static const size_t steps[] = { 0, 777, 65536, 70000, 200000, TSN_READER_ROOM };
	static const size_t sizes[] = { SIZE, SIZE - 12345, 5 * 65536, 5 * 65536 + 1 };
	char why[TSN_INPUT_ERROR];

	make_plain();
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			cr_assert_eq(read_file(plain, sizes[s], steps[i], (unsigned)i % (THREADS + 1), why), sizes[s]);
			cr_assert_str_eq(why, "");
			cr_assert_arr_eq(got, plain, sizes[s], "%zu bytes by %zu", sizes[s], steps[i]);
		}
	}
}

/* The first [n] bytes of what is packed, without help and with it: the same bytes, and the same to [why]. */
static size_t
read_alike(size_t n, char why[TSN_INPUT_ERROR])
{
	static uint8_t unaided[SIZE];
	char want[TSN_INPUT_ERROR];
	size_t first = read_file(packed, n, 3000, 0, want), all;

	memcpy(unaided, got, first);
	all = read_file(packed, n, 3000, THREADS, why);
	cr_assert_eq(all, first);
	cr_assert_str_eq(why, want);
	cr_assert_arr_eq(got, unaided, all);
	return all;
}

/* Whole, cut short and damaged, it is as without help. */
Test(input_ahead, compressed_files)
{
	char why[TSN_INPUT_ERROR];
	unsigned built = 0;

	make_plain();
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		size_t n = packed_put(kind, plain, SIZE, packed, sizeof(packed)), all;

		if (n == 0)
			continue;
		built++;
		cr_assert_eq(read_alike(n, why), SIZE, "%s: %s", packed_name(kind), why);
		cr_assert_str_eq(why, "");
		cr_assert_arr_eq(got, plain, SIZE);
		all = read_alike(n * 2 / 3, why);
		cr_assert_not_null(strstr(why, "ends too early"));
		cr_assert_arr_eq(got, plain, all);
		packed[n * 3 / 4] ^= 0x10;
		read_alike(n, why);
	}
	cr_assert_gt(built, 0);
}

/* --- what is not there at once --- */

struct writer {
	int fd;
	const uint8_t *p;
	size_t n;
};

/* Now a little and now more than a pipe holds. */
static void *
write_all(void *arg)
{
	struct writer *w = arg;
	uint64_t seed = 5;

	for (size_t at = 0, n; at < w->n; at += n) {
		n = mutate_random(&seed) % 2 == 0 ? 100 : 200000;
		n = n < w->n - at ? n : w->n - at;
		for (size_t put = 0; put < n;) {
			ssize_t k = write(w->fd, w->p + at + put, n - put);

			if (k < 0)
				abort();
			put += (size_t)k;
		}
		sched_yield();
	}
	close(w->fd);
	return NULL;
}

static enum tsn_wait
wait_for_pipe(void *arg, int fd, bool at_end, uint64_t read)
{
	pthread_t *reader = arg;

	(void)fd, (void)read;
	cr_assert(pthread_equal(*reader, pthread_self()), "asked by the reader and nobody else");
	cr_assert(!at_end);
	sched_yield();
	return TSN_WAIT_AGAIN;
}

static void
read_pipe(const uint8_t *p, size_t n, unsigned threads, bool waits)
{
	struct writer w = { .p = p, .n = n };
	pthread_t writer, self = pthread_self();
	char path[40], why[TSN_INPUT_ERROR];
	struct tsn_reader r;
	struct helpers h;
	int fd[2];

	cr_assert_eq(pipe(fd), 0);
	w.fd = fd[1];
	helpers_begin(&h, threads);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	cr_assert(tsn_reader_open(&r, path, why), "%s", why);
	close(fd[0]);
	r.hands = &h.hands;
	if (waits)
		r.waiter = (struct tsn_waiter){ wait_for_pipe, &self };
	cr_assert_eq(pthread_create(&writer, NULL, write_all, &w), 0);
	cr_assert_eq(read_all(&r, 0, &h), SIZE);
	cr_assert(r.eof && r.error == 0);
	cr_assert_arr_eq(got, plain, SIZE);
	pthread_join(writer, NULL);
	tsn_reader_close(&r);
	helpers_end(&h);
}

Test(input_ahead, pipes)
{
	make_plain();
	for (unsigned threads = 0; threads <= THREADS; threads += THREADS)
		read_pipe(plain, SIZE, threads, threads > 0);
	for (int kind = 0; kind < PACKED_KINDS; kind++) {
		size_t n = packed_put(kind, plain, SIZE, packed, sizeof(packed));

		if (n > 0)
			read_pipe(packed, n, THREADS, kind % 2 == 0);
	}
}

/* --- what was there, and is not --- */

static bool
can_read_without_waiting(int fd)
{
#ifdef RWF_NOWAIT
	char c;

	return preadv2(fd, &(struct iovec){ &c, 1 }, 1, -1, RWF_NOWAIT) < 0 && errno == EAGAIN;
#else
	return false;
#endif
}

/*
 * Where somebody else reads a pipe, too, what poll has seen may be gone. Here a socket is in its place of which poll says
 * that there is something, and read waits for more: who reads ahead must not, since the end would wait for him.
 */
Test(input_ahead, gone_before_it_is_read, .timeout = 20)
{
	static const uint8_t some[TSN_AHEAD_PIECE + 1];
	const int least = TSN_AHEAD_PIECE / 2;
	char path[40], why[TSN_INPUT_ERROR];
	struct tsn_reader r;
	struct helpers h;
	int fd[2], s[2];

	cr_assert_eq(pipe(fd), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	if (!can_read_without_waiting(fd[0]))
		cr_skip_test("this kernel cannot be asked not to wait");
	cr_assert_eq(setsockopt(s[0], SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least)), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	cr_assert(tsn_reader_open(&r, path, why), "%s", why);
	cr_assert_eq(dup2(s[0], r.fd), r.fd);
	helpers_begin(&h, THREADS);
	r.hands = &h.hands;
	for (unsigned k = 0; k < 100 && !r.is_ahead; k++) {
		cr_assert_eq(write(s[1], some, sizeof(some)), (ssize_t)sizeof(some));
		tsn_reader_take(&r, tsn_reader_more(&r, 1));
	}
	cr_assert(r.is_ahead);
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL); /* for whoever helps to come there */
	tsn_reader_close(&r);
	helpers_end(&h);
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		close(s[i]);
	}
}

struct growing {
	int fd;
	size_t n, most;
	uint64_t seed;
	unsigned asked;
};

/* The file ends here, and goes on when its reader has come to the end. */
static enum tsn_wait
grow(void *arg, int fd, bool at_end, uint64_t read)
{
	struct growing *g = arg;
	size_t n = mutate_random(&g->seed) % 3 == 0 ? 10 : mutate_random(&g->seed) % 400000 + 1;

	(void)fd;
	cr_assert(at_end);
	cr_assert_eq(read, g->n, "asked at byte %llu, where the file has %zu", (unsigned long long)read, g->n);
	g->asked++;
	n = n < g->most - g->n ? n : g->most - g->n;
	if (n == 0)
		return TSN_WAIT_END;
	cr_assert_eq(write(g->fd, packed + g->n, n), (ssize_t)n);
	g->n += n;
	return TSN_WAIT_AGAIN;
}

/* [threads] MAPPED: from its pages. */
static void
read_growing(size_t n, unsigned threads)
{
	struct bytes b = { .p = packed, .n = 500000 };
	struct growing g = { .n = b.n, .most = n, .seed = 9 };
	char path[40], why[TSN_INPUT_ERROR];
	struct tsn_reader r;
	struct helpers h;

	g.fd = as_file(&b, path);
	helpers_begin(&h, threads == MAPPED ? 0 : threads);
	cr_assert(tsn_reader_open(&r, path, why), "%s", why);
	r.hands = threads == MAPPED ? NULL : &h.hands;
	r.waiter = (struct tsn_waiter){ grow, &g };
	cr_assert_gt(tsn_reader_need(&r, 1), 0);
	cr_assert_eq(r.mapped != NULL, threads == MAPPED);
	cr_assert_eq(read_all(&r, 0, &h), SIZE);
	cr_assert_eq(r.error, 0);
	cr_assert_gt(g.asked, 2);
	cr_assert_arr_eq(got, plain, SIZE);
	tsn_reader_close(&r);
	helpers_end(&h);
	close(g.fd);
}

Test(input_ahead, growing_files)
{
	size_t n;

	make_plain();
	memcpy(packed, plain, SIZE);
	for (unsigned threads = 0; threads <= MAPPED; threads++) {
		cr_assert(tsn_mapped_allow(threads == MAPPED ? 0 : UINT64_MAX));
		read_growing(SIZE, threads);
	}
	n = packed_put(0, plain, SIZE, packed, sizeof(packed));
	if (n > 600000)
		read_growing(n, THREADS);
}

/* --- packed blocks --- */

/* All that is told of a file's blocks, as text. */
static void
tell_blocks(const struct bytes *file, int threads, struct tsn_buf *told)
{
	struct tsn_nfcapd_file *f;
	struct tsn_nfcapd_piece p;
	enum tsn_nfcapd_next next;
	struct tsn_reader r;
	struct helpers h;
	char path[40], why[TSN_INPUT_ERROR];
	int fd = as_file(file, path);

	helpers_begin(&h, threads > 0 ? (unsigned)threads : 0);
	cr_assert(tsn_reader_open(&r, path, why), "%s", why);
	r.hands = threads >= 0 ? &h.hands : NULL;
	f = tsn_nfcapd_attach(&r, why);
	cr_assert_not_null(f);
	do {
		next = tsn_nfcapd_next(f, &p);
		tsn_buf_printf(told, "%d at %llu, %llu bytes; %llu blocks; ", next, (unsigned long long)p.offset, (unsigned long long)p.bytes,
		    (unsigned long long)tsn_nfcapd_blocks(f));
		if (next == TSN_NFCAPD_PIECE)
			tsn_buf_printf(told, "type %u, %zu bytes, %llx, %d %d\n", p.type, p.len, (unsigned long long)tsn_hash_bytes(p.p, p.len, 0),
			    p.last, p.packed);
		else
			tsn_buf_printf(told, "%s\n", p.reason != NULL ? p.reason : "");
		if (next == TSN_NFCAPD_PIECE) /* in two parts where it can be */
			tsn_nfcapd_used(f, p.len > 1000 ? 1000 : p.len);
	} while (next == TSN_NFCAPD_PIECE || next == TSN_NFCAPD_BAD_BLOCK);
	tsn_nfcapd_close(f);
	tsn_reader_close(&r);
	helpers_end(&h);
	close(fd);
}

static void
check_blocks(const struct bytes *file, const char *what)
{
	struct tsn_buf want = TSN_BUF_INIT;

	tell_blocks(file, -1, &want);
	for (int threads = 0; threads <= THREADS; threads += THREADS) {
		struct tsn_buf is = TSN_BUF_INIT;

		tell_blocks(file, threads, &is);
		cr_assert_str_eq(tsn_buf_str(&is), tsn_buf_str(&want), "%s, %d threads", what, threads);
		tsn_buf_fini(&is);
	}
	cr_assert_not_null(strstr(tsn_buf_str(&want), "type 3, "), "%s", what);
	tsn_buf_fini(&want);
}

/* Whole, with a block that cannot be unpacked, empty and unpacked ones among them, no block's header, and cut. */
Test(input_ahead, blocks)
{
	unsigned built = 0;

	make_plain();
	for (int packing = NFC_PLAIN + 1; packing <= NFC_ZSTD; packing++) {
		struct bytes file = { 0 };
		size_t at[12];

		if (!tsn_nfcapd_can_unpack((enum tsn_nfcapd_packing)packing))
			continue;
		built++;
		nfc_header_v2(&file, packing, 12, 0, false);
		for (unsigned i = 0; i < 12; i++) {
			struct bytes b = { .p = plain + i * 1000, .n = i == 4 ? 0 : 3000 + i * 2000 };

			at[i] = file.n;
			nfc_block(&file, 3, i == 7 ? 1 : 0, &b, i == 7 ? NFC_PLAIN : packing, false);
		}
		check_blocks(&file, "whole");
		memset(file.p + at[2] + 12, 0xff, at[3] - at[2] - 12);
		check_blocks(&file, "damaged");
		for (unsigned i = 1; i < 12; i++) {
			file.n = at[i] + i * 3;
			check_blocks(&file, "cut");
		}
		nfc_set(&file, at[10] + 8, 0, 2, false);
		check_blocks(&file, "without a header");
		bytes_free(&file);
	}
	cr_assert_gt(built, 0);
}

/* --- none --- */

/* Where memory is out, or as many already have help as can have, everything is read as without. */
Test(input_ahead, no_help)
{
	static const struct tsn_aside none;
	struct bytes b = { .p = plain, .n = SIZE };
	struct helpers h;

	make_plain();
	for (long at = 0; at < 5; at++) {
		char path[40], why[TSN_INPUT_ERROR];
		struct tsn_reader r;
		int fd = as_file(&b, path);

		helpers_begin(&h, 0);
		for (unsigned i = 0; at == 4 && i < TSN_ASIDES; i++)
			cr_assert(tsn_asides_offer(&h.asides, &none));
		cr_assert(tsn_reader_open(&r, path, why), "%s", why);
		r.hands = &h.hands;
		tsn_mem_fail_at(at, true);
		cr_assert_eq(read_all(&r, 1000, &h), SIZE);
		tsn_mem_fail_never();
		cr_assert((at == 0 || at == 1 || at == 4) == (r.ahead == NULL), "%ld", at);
		cr_assert_arr_eq(got, plain, SIZE);
		tsn_reader_close(&r);
		tsn_asides_withdraw(&h.asides, &none);
		helpers_end(&h);
		close(fd);
	}
}
