/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The daemon's ring of last messages: what went in is read back by the engine as any capture, and no more lies there than may. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "build_netflow.h"
#include "core/engine.h"
#include "daemon/ring.h"
#include "feed/feed.h"
#include "input/walk.h"
#include "scratch_dir.h"

#define CAP (UINT64_C(16) << 20)
#define NOON INT64_C(1767614400000) /* 2026-01-05 12:00:00 UTC */

static const struct tsn_log quiet = { TSN_LOG_ERROR, NULL, NULL };

struct seen {
	uint64_t flows, bytes, from_six;
	int64_t first, last;
};

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct seen *s = arg;
	struct tsn_value v;

	(void)rows;
	for (uint32_t i = 0; i < b->n; i++) {
		tsn_batch_get(b, i, TSN_F_RAW_BYTES, &v);
		s->bytes += (uint64_t)v.i;
		s->from_six += !tsn_batch_addr(b, i, TSN_F_EXPORTER).v4;
		s->first = s->flows == 0 ? b->received[i] : s->first;
		s->last = b->received[i];
		s->flows++;
	}
}

/* All that lies in the directory, in the order in which a run would read it. */
static struct seen
read_back(uint64_t *size, size_t *files)
{
	struct seen s = { 0 };
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .on_rows = on_rows, .rows_read = tsn_field_set_all(), .arg = &s });
	struct tsn_walk w = { 0 };
	char error[TSN_INPUT_ERROR];

	cr_assert(tsn_walk_directory(&w, dir));
	*size = 0;
	*files = w.n;
	for (size_t i = 0; i < w.n; i++) {
		struct tsn_feed *f = tsn_feed_open(w.files[i].path, &(struct tsn_feed_opts){ .log = &quiet, .number = (uint32_t)i }, e, error);

		cr_assert_not_null(f, "%s", error);
		while (tsn_feed_step(f) == TSN_FEED_MORE)
			;
		cr_assert_not(tsn_feed_report(f)->damaged, "%s: %s", w.files[i].path, tsn_feed_report(f)->reason);
		tsn_feed_close(f);
		*size += w.files[i].size;
	}
	tsn_engine_finish(e);
	tsn_walk_fini(&w);
	tsn_engine_free(e);
	return s;
}

/* Message [n] of an exporter: 30 flows of n bytes. */
static size_t
message(uint8_t out[2048], uint32_t n, int64_t at)
{
	struct nf_header h = { .version = 5, .count = -1u, .uptime = 1000000, .secs = (uint32_t)(at / 1000), .seq = n * 30 };
	struct nf_record r[30];

	for (unsigned i = 0; i < 30; i++)
		r[i] = (struct nf_record){ .src = 0x0a000001 + i, .dst = 0xc0000201, .packets = 1, .bytes = n, .proto = 17, .sp = 9, .dp = 53,
			.first = 1000000, .last = 1000000 };
	return nf_build(out, &h, r, 30);
}

static struct tsn_addr
six(void)
{
	struct tsn_addr a;

	cr_assert(tsn_addr_parse("2001:db8::1", 11, &a));
	return a;
}

Test(ring, what_went_in_comes_back, .init = dir_begin, .fini = dir_end)
{
	struct tsn_ring *r = tsn_ring_open(dir, CAP, &quiet);
	uint64_t size, expected = 0;
	uint8_t m[2048];
	struct tsn_ring_counts n;
	struct seen s;
	size_t files;

	cr_assert_not_null(r);
	for (uint32_t i = 1; i <= 200; i++) {
		size_t len = message(m, i, NOON + i * 10);

		tsn_ring_put(r, m, len, i % 4 == 0 ? six() : tsn_addr_v4(0xc0000200 + i % 3), (uint16_t)(4000 + i % 3), NOON + i * 10);
		expected += i * 30;
	}
	tsn_ring_flush(r); /* a reader beside the writer finds whole messages */
	s = read_back(&size, &files);
	cr_assert_eq(s.flows, 6000);
	cr_assert_eq(s.bytes, expected);
	cr_assert_eq(s.from_six, 1500);
	cr_assert_eq(s.first, NOON + 10);
	cr_assert_eq(s.last, NOON + 2000);
	tsn_ring_counts(r, &n);
	cr_assert_eq(n.messages, 200);
	cr_assert_eq(n.held, size);
	tsn_ring_close(r);
}

Test(ring, the_oldest_go, .init = dir_begin, .fini = dir_end)
{
	struct tsn_ring *r = tsn_ring_open(dir, CAP, &quiet);
	const uint32_t last = 20000; /* some 30 MB */
	uint64_t size, expected = 0;
	uint8_t m[2048];
	struct seen s;
	size_t files;

	for (uint32_t i = 1; i <= last; i++)
		tsn_ring_put(r, m, message(m, i, NOON + i * 10), tsn_addr_v4(0xc0000201), 4000, NOON + i * 10);
	tsn_ring_close(r);
	s = read_back(&size, &files);
	cr_assert_leq(size, CAP);
	cr_assert_gt(size, CAP / 8 * 7);
	cr_assert_leq(files, 16);
	/* the newest, without a gap */
	cr_assert_eq(s.flows % 30, 0);
	for (uint32_t i = 0; i < s.flows / 30; i++)
		expected += (last - i) * 30;
	cr_assert_eq(s.bytes, expected);
	cr_assert_eq(s.last, NOON + last * 10);
}

Test(ring, goes_on_with_what_an_earlier_daemon_left, .init = dir_begin, .fini = dir_end)
{
	char stranger[128];
	uint64_t size, before;
	uint8_t m[2048];
	struct seen s;
	size_t files;
	FILE *f;

	snprintf(stranger, sizeof(stranger), "%s/notes.pcap", dir);
	for (uint32_t k = 0; k < 2; k++) {
		struct tsn_ring *r = tsn_ring_open(dir, CAP, &quiet);

		for (uint32_t i = 1; i <= 6000; i++)
			tsn_ring_put(r, m, message(m, i, NOON), tsn_addr_v4(0xc0000201), 4000, NOON + (k * 6000 + i) * 10);
		tsn_ring_close(r);
	}
	s = read_back(&before, &files);
	cr_assert_leq(before, CAP);
	cr_assert_lt(s.first, NOON + 60000, "the first daemon's are gone, and there was room for them");
	f = fopen(stranger, "w");
	fclose(f);
	for (uint32_t k = 2; k < 5; k++) {
		struct tsn_ring *r = tsn_ring_open(dir, CAP, &quiet);

		for (uint32_t i = 1; i <= 6000; i++)
			tsn_ring_put(r, m, message(m, i, NOON), tsn_addr_v4(0xc0000201), 4000, NOON + (k * 6000 + i) * 10);
		tsn_ring_close(r);
	}
	cr_assert_eq(access(stranger, F_OK), 0, "a file of another name was removed");
	unlink(stranger);
	read_back(&size, &files);
	cr_assert_leq(size, CAP);
}

Test(ring, too_long_messages_are_counted, .init = dir_begin, .fini = dir_end)
{
	struct tsn_ring *r = tsn_ring_open(dir, CAP, &quiet);
	uint8_t *m = calloc(1, 65535);
	struct tsn_ring_counts n;
	uint64_t size;
	size_t files;

	tsn_ring_put(r, m, 65508, tsn_addr_v4(1), 1, NOON);
	tsn_ring_put(r, m, 65507, tsn_addr_v4(1), 1, NOON);
	tsn_ring_put(r, m, 65507, six(), 1, NOON);
	tsn_ring_counts(r, &n);
	cr_assert_eq(n.too_long, 1);
	cr_assert_eq(n.messages, 2);
	tsn_ring_close(r);
	read_back(&size, &files);
	cr_assert_eq(size, 24 + 2 * (16 + 8 + 65507) + 20 + 40);
	free(m);
}

Test(ring, a_failing_disk_costs_the_ring_alone, .init = dir_begin, .fini = dir_end)
{
	struct tsn_ring *r = tsn_ring_open(dir, CAP, &quiet);
	char aside[80];
	struct tsn_ring_counts n;
	uint8_t m[2048];
	size_t len = message(m, 1, NOON);

	snprintf(aside, sizeof(aside), "%s.gone", dir);
	cr_assert_eq(rename(dir, aside), 0);
	tsn_ring_put(r, m, len, tsn_addr_v4(1), 1, NOON);
	tsn_ring_counts(r, &n);
	cr_assert_eq(n.lost, 1);
	cr_assert_eq(rename(aside, dir), 0);
	tsn_ring_put(r, m, len, tsn_addr_v4(1), 1, NOON + 59000);
	tsn_ring_counts(r, &n);
	cr_assert_eq(n.lost, 2, "it tries again after a minute, not at each message");
	tsn_ring_put(r, m, len, tsn_addr_v4(1), 1, NOON + 61000);
	tsn_ring_counts(r, &n);
	cr_assert_eq(n.lost, 2);
	cr_assert_eq(n.messages, 1);
	tsn_ring_close(r);
}
