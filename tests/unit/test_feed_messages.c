/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Files of export messages through the feed: who sent them, when, and what is said of damage. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "feed/feed.h"
#include "unit/build_capture.h"
#include "unit/build_netflow.h"

#define SENT 1795418150u

struct seen {
	uint32_t rows, with_exporter;
	struct tsn_addr exporter;
	int64_t received;
};

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct seen *s = arg;

	TSN_EACH_ROW(row, rows) {
		s->rows++;
		s->received = b->received[row];
		if (tsn_mask_has(&b->present[TSN_F_EXPORTER], row)) {
			s->with_exporter++;
			s->exporter = tsn_batch_addr(b, row, TSN_F_EXPORTER);
		}
	}
}

/* An IPFIX message of [n] records of addresses; [element]: 130 or 131 with the exporter's address in each, 0: without. */
static void
put_ipfix(struct bytes *b, unsigned n, unsigned element)
{
	unsigned fields = element != 0 ? 3 : 2, extra = element == 130 ? 4 : element == 131 ? 16 : 0;

	put_be(b, 10, 2);
	put_be(b, 16 + 8 + 4 * fields + 4 + n * (8 + extra), 2);
	put_be(b, SENT, 4);
	put_be(b, 0, 8);
	put_be(b, 2, 2);
	put_be(b, 8 + 4 * fields, 2);
	put_be(b, 256, 2);
	put_be(b, fields, 2);
	put(b, "\0\x08\0\4\0\x0c\0\4", 8);
	if (element != 0) {
		put_be(b, element, 2);
		put_be(b, extra, 2);
	}
	put_be(b, 256, 2);
	put_be(b, 4 + n * (8 + extra), 2);
	for (unsigned i = 0; i < n; i++) {
		put_be(b, 0x0a0000010a010001, 8);
		if (element == 130)
			put_be(b, 0xc0000207, 4);
		else if (element == 131)
			put(b, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 16);
	}
}

static void
put_v5(struct bytes *b, unsigned n)
{
	struct nf_record r[30] = { { 0 } };
	struct nf_header h = { 5, -1u, 100000, SENT, 0, 0, 0, 0 };
	uint8_t p[24 + 30 * 48];

	put(b, p, nf_build(p, &h, r, n));
}

static struct tsn_feed_report
read_all(const struct bytes *b, struct seen *seen)
{
	struct tsn_engine_options o = { .on_rows = on_rows, .rows_read = tsn_field_set_all(), .arg = seen };
	struct tsn_feed_opts opts = { .number = 3 };
	struct tsn_engine *e = tsn_engine_new(&o);
	char path[40], error[TSN_INPUT_ERROR];
	int fd = as_file(b, path);
	struct tsn_feed *f = tsn_feed_open(path, &opts, e, error);
	struct tsn_feed_report r;

	cr_assert_not_null(f, "%s", error);
	memset(seen, 0, sizeof(*seen));
	while (tsn_feed_step(f) == TSN_FEED_MORE)
		;
	tsn_engine_finish(e);
	r = *tsn_feed_report(f);
	tsn_feed_close(f);
	tsn_engine_free(e);
	close(fd);
	return r;
}

Test(feed_messages, who_sent_them)
{
	static const unsigned elements[] = { 0, 130, 131 };
	struct bytes b = { 0 };
	struct tsn_feed_report r;
	struct seen s;

	for (int i = 0; i < 3; i++) {
		b.n = 0;
		put_ipfix(&b, 100, elements[i]);
		put_ipfix(&b, 1, elements[i]);
		r = read_all(&b, &s);
		cr_assert(r.records == 2 && !r.damaged && s.rows == 101, "%u: %u rows", elements[i], s.rows);
		cr_assert_eq(s.received, (int64_t)SENT * 1000);
		cr_assert_eq(s.with_exporter, elements[i] != 0 ? 101 : 0, "%u: %u", elements[i], s.with_exporter);
		if (elements[i] != 0)
			cr_assert_eq(s.exporter.lo, elements[i] == 130 ? 0xc0000207 : 7);
	}
	b.n = 0;
	put_v5(&b, 30);
	put_v5(&b, 7);
	r = read_all(&b, &s);
	cr_assert(r.records == 2 && s.rows == 37 && s.with_exporter == 0 && s.received == (int64_t)SENT * 1000);
	bytes_free(&b);
}

Test(feed_messages, damage_is_told_and_read_behind)
{
	struct bytes b = { 0 };
	struct tsn_feed_report r;
	struct seen s;
	size_t at;

	put_ipfix(&b, 5, 0);
	at = b.n;
	put(&b, "not a message", 13);
	put_ipfix(&b, 6, 0);
	r = read_all(&b, &s);
	cr_assert(r.damaged && r.records == 2 && s.rows == 11);
	cr_assert(r.damage_offset == at && r.unread == 13, "%llu %lld", (unsigned long long)r.damage_offset, (long long)r.unread);
	b.n = at;
	put_ipfix(&b, 6, 0);
	b.n -= 9; /* the last record and one byte */
	r = read_all(&b, &s);
	cr_assert(r.damaged && r.damage_offset == at && s.rows >= 5);
	cr_assert_not_null(strstr(r.reason, "ends after"), "%s", r.reason);
	bytes_free(&b);
}

/* Every allocation fails in turn: an error or fewer rows, no leak, no crash. */
Test(feed_messages, out_of_memory)
{
	struct bytes b = { 0 };
	char path[40], error[TSN_INPUT_ERROR];
	struct tsn_feed_opts opts = { 0 };
	struct seen s = { 0 };
	struct tsn_engine_options o = { .on_rows = on_rows, .rows_read = tsn_field_set_all(), .arg = &s };
	int fd;

	put_ipfix(&b, 5, 0);
	fd = as_file(&b, path);
	for (long n = 0, made = 1; made > n; n++) {
		struct tsn_engine *e = tsn_engine_new(&o);
		struct tsn_feed *f;

		tsn_mem_fail_at(n, false);
		f = tsn_feed_open(path, &opts, e, error);
		while (f != NULL && tsn_feed_step(f) == TSN_FEED_MORE)
			;
		made = tsn_mem_count();
		tsn_mem_fail_never();
		tsn_feed_close(f);
		tsn_engine_free(e);
	}
	close(fd);
	bytes_free(&b);
}
