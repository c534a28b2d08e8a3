/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests: every row of an input, in normal form, and what the feed reported. */
#ifndef TESTS_NFCAPD_ROWS_H
#define TESTS_NFCAPD_ROWS_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "feed/feed.h"

struct feed_row {
	struct tsn_value field[TSN_FIELD_COUNT];
	char text[4][80]; /* what user, application, vrf and in_if_name said: the batch's text does not last */
	int64_t received, time;
	struct tsn_addr source;
};

struct feed_rows {
	struct tsn_engine *engine;
	struct feed_row *row;
	size_t n, cap;
	struct tsn_feed_report report;
	char error[TSN_INPUT_ERROR]; /* of an input that could not be opened */
	char log[2000];
	bool opened;
};

static inline void
feed_rows_take(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	static const enum tsn_field texts[] = { TSN_F_USER, TSN_F_APPLICATION, TSN_F_VRF, TSN_F_IN_IF_NAME };
	struct feed_rows *k = arg;

	TSN_EACH_ROW(i, rows) {
		struct feed_row *to;

		if (k->n == k->cap) {
			k->cap = k->cap ? k->cap * 2 : 64;
			k->row = realloc(k->row, k->cap * sizeof(*k->row));
			if (k->row == NULL)
				abort();
		}
		to = &k->row[k->n++];
		memset(to, 0, sizeof(*to));
		for (int f = 0; f < TSN_FIELD_COUNT; f++)
			tsn_batch_get(b, (uint32_t)i, (enum tsn_field)f, &to->field[f]);
		for (int t = 0; t < 4; t++)
			if (to->field[texts[t]].known)
				snprintf(to->text[t], sizeof(to->text[t]), "%.*s", (int)to->field[texts[t]].s.n, to->field[texts[t]].s.p);
		to->received = b->received[i];
		to->time = b->time[i];
		to->source = tsn_exporters_at(tsn_engine_exporters(k->engine), b->source[i])->addr;
	}
}

static inline void
feed_rows_log(void *arg, enum tsn_log_level level, const char *line)
{
	struct feed_rows *k = arg;
	size_t n = strlen(k->log);

	(void)level;
	snprintf(k->log + n, sizeof(k->log) - n, "%s\n", line);
}

static inline void
feed_rows_read(struct feed_rows *k, const char *path, uint32_t batch)
{
	struct tsn_engine_options o = { .batch_rows = batch, .on_rows = feed_rows_take, .rows_read = tsn_field_set_all(), .arg = k };
	struct tsn_log log = { TSN_LOG_INFO, feed_rows_log, k };
	struct tsn_feed_opts opts = { .log = &log };
	struct tsn_feed *f;

	memset(k, 0, sizeof(*k));
	k->engine = tsn_engine_new(&o);
	cr_assert_not_null(k->engine);
	f = tsn_feed_open(path, &opts, k->engine, k->error);
	k->opened = f != NULL;
	if (f == NULL)
		return;
	while (tsn_feed_step(f) == TSN_FEED_MORE)
		;
	k->report = *tsn_feed_report(f);
	tsn_feed_close(f);
	tsn_engine_finish(k->engine);
}

static inline void
feed_rows_free(struct feed_rows *k)
{
	tsn_engine_free(k->engine);
	free(k->row);
}

#endif
