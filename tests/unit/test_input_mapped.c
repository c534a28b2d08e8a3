/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A file read from its pages: the bytes that read(2) gives, also where the file is cut short before, while and after they are looked
 * at, and by whatever thread; and nobody else's SIGBUS is taken.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "input/mapped.h"
#include "input/reader.h"
#include "unit/build_capture.h"
#include "unit/read_plain.h"

/* A file of SIZE bytes, read from its pages [step] bytes at a time; its descriptor. */
static int
open_mapped(struct tsn_reader *r, size_t step)
{
	struct bytes b = { .p = plain, .n = SIZE };
	char path[40], why[TSN_INPUT_ERROR];
	int fd = as_file(&b, path);

	cr_assert(tsn_reader_open(r, path, why), "%s", why);
	cr_assert_gt(tsn_reader_need(r, 1), 0);
	cr_assert_not_null(r->mapped);
	tsn_reader_by(r, step);
	return fd;
}

static void
close_mapped(struct tsn_reader *r, int fd)
{
	tsn_reader_close(r);
	close(fd);
}

static const size_t mapped_steps[] = { 0, 1, 1522 };
#define MAPPED_STEPS (sizeof(mapped_steps) / sizeof(mapped_steps[0]))

Test(input_mapped, whole)
{
	struct helpers none = { 0 };
	struct tsn_reader r;

	make_plain();
	cr_assert(tsn_mapped_allow(TSN_MAPPED_LEAST));
	for (size_t i = 0; i < MAPPED_STEPS; i++) {
		for (size_t take = 0; take < 2; take++) {
			int fd = open_mapped(&r, mapped_steps[i]);

			cr_assert_eq(read_all(&r, take * 1522, &none), SIZE);
			cr_assert(r.eof && r.error == 0 && r.file_read == SIZE);
			cr_assert_null(r.mapped, "the end is left to read(2)");
			cr_assert_arr_eq(got, plain, SIZE);
			close_mapped(&r, fd);
		}
	}
}

/* A file of several windows, in which every 16 KB say where they are. */
Test(input_mapped, windows)
{
	enum { MARK = 16384, MARKS = 40 * 64 };
	struct bytes empty = { 0 };
	char path[40], why[TSN_INPUT_ERROR];
	struct tsn_reader r;
	int fd = as_file(&empty, path);
	uint32_t mark;

	for (mark = 0; mark < MARKS; mark++)
		cr_assert_eq(pwrite(fd, &mark, sizeof(mark), (off_t)mark * MARK), sizeof(mark));
	cr_assert(tsn_mapped_allow(TSN_MAPPED_LEAST));
	cr_assert(tsn_reader_open(&r, path, why), "%s", why);
	for (uint32_t i = 0; i < MARKS; i++) {
		const size_t n = i + 1 < MARKS ? MARK : sizeof(mark);

		tsn_reader_by(&r, 1522);
		cr_assert_geq(tsn_reader_need(&r, n), n);
		cr_assert((r.mapped != NULL) == (i < MARKS - 4), "mark %u", i);
		memcpy(&mark, r.buf + r.pos, sizeof(mark));
		cr_assert_eq(mark, i);
		tsn_reader_take(&r, n);
	}
	cr_assert(tsn_reader_need(&r, 1) == 0 && r.error == 0);
	close_mapped(&r, fd);
}

/* The file ends at [to] when [at] bytes of it were taken. What has been copied by then is there, and nothing behind the new end. */
static void
cut_at(size_t at, size_t to, size_t step)
{
	struct helpers none = { 0 };
	struct tsn_reader r;
	int fd = open_mapped(&r, step);
	size_t held, n;

	for (size_t i = 0; i < at; i += 1000) {
		cr_assert_geq(tsn_reader_need(&r, 1000), 1000);
		tsn_reader_take(&r, 1000);
	}
	held = (size_t)r.offset + r.end - r.pos;
	cr_assert_eq(ftruncate(fd, (off_t)to), 0);
	n = (size_t)r.offset;
	memcpy(got, r.buf + r.pos, r.end - r.pos);
	tsn_reader_take(&r, r.end - r.pos);
	r.offset = 0;
	cr_assert_arr_eq(got, plain + n, held - n);
	n = read_all(&r, 3000, &none);
	cr_assert_eq(held + n, to > held ? to : held, "cut from %zu to %zu, %zu held: %zu more", at, to, held, n);
	cr_assert_arr_eq(got, plain + held, n);
	cr_assert(r.eof && r.error == 0);
	close_mapped(&r, fd);
}

Test(input_mapped, file_cut_short)
{
	static const size_t ends[] = { 0, 500000, 1 << 20, (1 << 20) + 1, SIZE - 70000, SIZE - 1 };

	make_plain();
	cr_assert(tsn_mapped_allow(0));
	for (size_t i = 0; i < MAPPED_STEPS; i++)
		for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++)
			cut_at(500000, ends[k], mapped_steps[i]);
}

struct cutter {
	int fd;
	off_t to;
	unsigned after;
};

static void *
cut(void *arg)
{
	const struct cutter *c = arg;

	for (volatile unsigned i = 0; i < c->after; i++)
		;
	if (ftruncate(c->fd, c->to) != 0)
		abort();
	return NULL;
}

/* Whenever it happens: no byte that the file never had is read, and none of what is left is missing. */
Test(input_mapped, file_cut_short_meanwhile)
{
	uint64_t seed = 21;
	unsigned cuts = 0;

	for (size_t i = 0; i < SIZE; i++)
		plain[i] = (uint8_t)(1 + mutate_random(&seed) % 255); /* a page's rest becomes zeros */
	cr_assert(tsn_mapped_allow(0));
	for (int round = 0; round < 40; round++) {
		struct helpers none = { 0 };
		struct tsn_reader r;
		int fd = open_mapped(&r, mapped_steps[(size_t)round % MAPPED_STEPS] | 256);
		struct cutter c = { fd, (off_t)(mutate_random(&seed) % SIZE), (unsigned)(mutate_random(&seed) % 300000) };
		pthread_t thread;
		size_t n;

		cr_assert_eq(pthread_create(&thread, NULL, cut, &c), 0);
		n = read_all(&r, 1522, &none);
		pthread_join(thread, NULL);
		cr_assert(n >= (size_t)c.to && r.error == 0);
		cr_assert_arr_eq(got, plain, n, "round %d: %zu of %zu bytes", round, n, (size_t)c.to);
		cuts += n < SIZE;
		close_mapped(&r, fd);
	}
	cr_assert_gt(cuts, 0);
}

static void *
copy_far(void *arg)
{
	struct tsn_far_place *where = arg;
	uint8_t bytes[100];

	where->at = where->of->copy(where->of, bytes, where->at, sizeof(bytes)) ? where->at : NULL;
	return NULL;
}

/* Other threads, with which signals do not stay, may be the ones who find out. */
Test(input_mapped, file_cut_short_for_other_threads)
{
	for (int gone = 0; gone < 2; gone++) {
		const struct bytes whole = { plain, SIZE, 0 };
		struct tsn_far_place where;
		struct tsn_mapped *m;
		pthread_t thread;
		char path[40];
		int fd = as_file(&whole, path);

		cr_assert(tsn_mapped_allow(0));
		m = tsn_mapped_new(fd, SIZE);
		cr_assert(m != NULL && tsn_mapped_in_window(m, 200000, 100));
		where = tsn_mapped_place(m, 200000);
		cr_assert(gone == 0 || ftruncate(fd, 1000) == 0);
		cr_assert_eq(tsn_thread_start(&thread, copy_far, &where), 0);
		pthread_join(thread, NULL);
		cr_assert_eq(where.at == NULL, gone == 1);
		tsn_mapped_free(m);
		close(fd);
	}
}

static void
had_before(int number)
{
	_exit(number == SIGBUS ? 7 : 8);
}

/* Who had SIGBUS before still has that of everybody else. */
Test(input_mapped, other_bus_errors)
{
	for (int sent = 0; sent < 4; sent++) {
		pid_t child = fork();
		struct sigaction now;
		int status;

		if (child == 0) {
			volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, memfd_create("empty", MFD_CLOEXEC), 0);

			signal(SIGBUS, sent < 2 ? had_before : sent == 2 ? SIG_DFL : SIG_IGN);
			tsn_mapped_allow(0);
			if (sent > 0)
				raise(SIGBUS);
			else
				(void)*page;
			_exit(sigaction(SIGBUS, NULL, &now) == 0 && now.sa_handler != SIG_IGN ? 6 : 9); /* copies are still looked after */
		}
		cr_assert_eq(waitpid(child, &status, 0), child);
		if (sent != 2)
			cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == (sent < 2 ? 7 : 6), "%x", status);
		else
			cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "%x", status);
	}
}
