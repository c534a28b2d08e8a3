/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Mutated frames against the promises in fuzz/fuzz_meter.c: 8,000 strings of them in `make test`, 600,000 with
 * TSN_SOAK=1. And all captures of packets beside the project, each cut and with bits turned.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <dirent.h>
#include <ftw.h>
#include <unistd.h>

#include "fuzz/fuzz_meter.c"
#include "feed/feed.h"
#include "unit/build_capture.h"
#include "unit/mutate.h"

#define CORPUS "tests/fuzz/corpus/meter"
#define DATA "../shared/data/raw_packets"

/* In parts, so that none runs into the time limit of a test. */
static void
mutate_frames(uint64_t seed)
{
	struct tsn_buf seeds[16];
	long times = mutate_times(150000);
	DIR *dir = opendir(CORPUS);
	struct dirent *entry;
	int n = 0;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[512];

		if (entry->d_name[0] == '.')
			continue;
		cr_assert_lt(n, 16);
		snprintf(path, sizeof(path), CORPUS "/%s", entry->d_name);
		seeds[n] = (struct tsn_buf)TSN_BUF_INIT;
		cr_assert_eq(tsn_buf_read_file(&seeds[n], path, 4096), 0);
		LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&seeds[n]), seeds[n].len);
		n++;
	}
	closedir(dir);
	cr_assert_gt(n, 0);
	for (long i = 0; i < times; i++) {
		const struct tsn_buf *from = &seeds[i % n];
		uint8_t p[8192];

		LLVMFuzzerTestOneInput(p, mutate_copy(p, sizeof(p), tsn_buf_str(from), from->len, 1 + mutate_random(&seed) % 5, &seed));
	}
	for (int i = 0; i < n; i++)
		tsn_buf_fini(&seeds[i]);
}

Test(meter_mutate, frames_1)
{
	mutate_frames(1);
}

Test(meter_mutate, frames_2)
{
	mutate_frames(2);
}

Test(meter_mutate, frames_3)
{
	mutate_frames(3);
}

Test(meter_mutate, frames_4)
{
	mutate_frames(4);
}

/* nftw tells its callback nothing of ours. */
static struct {
	unsigned files, read, damaged;
	uint64_t packets, seed;
} tried;

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	(void)arg;
	(void)rows;
	for (uint32_t i = 0; i < b->n; i++) {
		struct tsn_value v;

		tsn_batch_get(b, i, TSN_F_RAW_PACKETS, &v);
		tried.packets += (uint64_t)v.i;
	}
}

/* Whatever it is: it ends, and says what was wrong. */
static void
try_bytes(const uint8_t *p, size_t n)
{
	static const enum tsn_feed_as as[] = { TSN_AS_AUTO, TSN_AS_PACKETS };
	struct bytes bytes = { (uint8_t *)(uintptr_t)p, n, n };
	char path[40], error[TSN_INPUT_ERROR] = "";
	int fd = as_file(&bytes, path);
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .on_rows = on_rows, .rows_read = tsn_field_set_all() });
	struct tsn_feed_opts opts = { .as = as[tried.files % 2] };
	struct tsn_feed *f = tsn_feed_open(path, &opts, e, error);
	enum tsn_feed_step step = TSN_FEED_MORE;

	cr_assert_eq(f == NULL, error[0] != '\0');
	while (f != NULL && step == TSN_FEED_MORE)
		step = tsn_feed_step(f);
	if (f != NULL) {
		cr_assert_eq(step, TSN_FEED_END);
		tried.read++;
		tried.damaged += tsn_feed_report(f)->damaged;
	}
	tsn_engine_finish(e);
	tsn_feed_close(f);
	tsn_engine_free(e);
	close(fd);
}

static int
try_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct tsn_buf b = TSN_BUF_INIT;
	uint8_t *p;
	size_t n;

	(void)ftw;
	if (type != FTW_F || st->st_size > 200000 || tsn_buf_read_file(&b, path, 200000) != 0)
		return 0;
	tried.files++;
	try_bytes((const uint8_t *)tsn_buf_str(&b), b.len);
	p = malloc(b.len + 4096);
	cr_assert_not_null(p);
	memcpy(p, tsn_buf_str(&b), b.len);
	n = b.len > 40 ? 40 + mutate_random(&tried.seed) % (b.len - 40) : b.len;
	try_bytes(p, n);
	n = b.len;
	for (int k = 0; k < 20; k++) { /* not in the file's header */
		size_t from = n > 40 ? 24 : 0;

		n = from + mutate_once(p + from, n - from, b.len + 4096 - from, &tried.seed);
	}
	try_bytes(p, n);
	free(p);
	tsn_buf_fini(&b);
	return 0;
}

Test(meter_mutate, captures, .timeout = 300)
{
	tried.seed = 99;
	if (nftw(DATA, try_file, 16, FTW_PHYS) != 0)
		cr_skip_test("no captures beside the project");
	cr_log_info("%u files, %u read, %u damaged, %llu packets", tried.files, tried.read, tried.damaged, (unsigned long long)tried.packets);
	cr_assert(tried.files > 100 && tried.read > 200 && tried.damaged > 100);
}
