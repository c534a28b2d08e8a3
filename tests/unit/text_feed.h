/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests of text inputs: bytes or a file through a feed and an engine, and what came out: a line a row with all that
 * the record told, "src=10.0.0.1 dst=... "; the log; the report; sums.
 */
#ifndef TESTS_TEXT_FEED_H
#define TESTS_TEXT_FEED_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "decode/text.h"
#include "feed/feed.h"
#include "unit/bytes_file.h"

struct fed {
	struct tsn_buf rows, log;
	uint64_t n, packets, bytes;
	bool opened;
	struct tsn_feed_report report;
	char error[TSN_INPUT_ERROR];
	bool quiet; /* sums only */
};

static inline void
fed_row(struct fed *f, const struct tsn_batch *b, uint32_t row)
{
	char text[TSN_TIME_TEXT];
	struct tsn_value v;

	for (int i = 0; i < TSN_FIELD_COUNT; i++) {
		if (tsn_fields[i].origin != TSN_O_RECORD && i != TSN_F_PACKETS && i != TSN_F_BYTES)
			continue;
		if (i == TSN_F_RAW_PACKETS || i == TSN_F_RAW_BYTES)
			continue;
		tsn_batch_get(b, row, (enum tsn_field)i, &v);
		if (!v.known)
			continue;
		tsn_buf_printf(&f->rows, "%s=", tsn_fields[i].name);
		tsn_value_text(&v, &f->rows);
		tsn_buf_putc(&f->rows, ' ');
	}
	if (b->received[row] != b->time[row] || b->exported[row] != TSN_TIME_NONE)
		tsn_buf_printf(&f->rows, "received=%s ", tsn_time_text(b->received[row], text));
	f->rows.p[f->rows.len - 1] = '\n';
}

static void
fed_on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct fed *f = arg;
	struct tsn_value v;

	TSN_EACH_ROW(row, rows) {
		f->n++;
		tsn_batch_get(b, row, TSN_F_PACKETS, &v);
		f->packets += v.known ? (uint64_t)v.i : 0;
		tsn_batch_get(b, row, TSN_F_BYTES, &v);
		f->bytes += v.known ? (uint64_t)v.i : 0;
		if (!f->quiet)
			fed_row(f, b, row);
	}
}

static void
fed_on_log(void *arg, enum tsn_log_level level, const char *line)
{
	struct fed *f = arg;

	if (level <= TSN_LOG_WARN) {
		tsn_buf_puts(&f->log, line);
		tsn_buf_putc(&f->log, '\n');
	}
}

static inline void
feed_file(struct fed *f, const char *path, const char *map)
{
	struct tsn_log log = { TSN_LOG_INFO, fed_on_log, f };
	struct tsn_feed_opts opts = { .map = map, .log = &log };
	struct tsn_engine_options o = { .on_rows = fed_on_rows, .rows_read = tsn_field_set_all(), .arg = f };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_feed *feed;
	enum tsn_feed_step step;

	cr_assert(e != NULL);
	feed = tsn_feed_open(path, &opts, e, f->error);
	f->opened = feed != NULL;
	if (feed != NULL) {
		while ((step = tsn_feed_step(feed)) == TSN_FEED_MORE)
			;
		cr_assert_eq(step, TSN_FEED_END);
		tsn_engine_finish(e);
		f->report = *tsn_feed_report(feed);
		tsn_feed_close(feed);
	}
	tsn_engine_free(e);
}

static inline void
feed_bytes(struct fed *f, const void *p, size_t n, const char *map)
{
	char path[40];
	int fd = bytes_file(p, n, path);

	feed_file(f, path, map);
	close(fd);
}

static inline void
feed_text(struct fed *f, const char *text, const char *map)
{
	feed_bytes(f, text, strlen(text), map);
}

static inline void
fed_free(struct fed *f)
{
	tsn_buf_fini(&f->rows);
	tsn_buf_fini(&f->log);
	*f = (struct fed){ 0 };
}

/* JSON, in a build that cannot read it. */
static inline bool
fed_cannot(const char *text)
{
	text += strspn(text, "[ \n");
	return *text == '{' && !tsn_text_has_json();
}

/* Criterion prints the difference of long texts badly. */
static inline bool
fed_same(const char *what, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) == 0)
		return true;
	fprintf(stderr, "%s:\n--- wanted\n%s--- got\n%s---\n", what, wanted, got);
	return false;
}

/* Is the text, which this build can read, taken for these rows? False: it cannot. */
static inline bool
fed_gives(struct fed *f, const char *what, const char *text, const char *rows)
{
	if (fed_cannot(text))
		return false;
	feed_text(f, text, NULL);
	cr_expect(f->opened, "%s: %s", what, f->error);
	cr_expect(fed_same(what, tsn_buf_str(&f->rows), rows));
	return true;
}

#endif
