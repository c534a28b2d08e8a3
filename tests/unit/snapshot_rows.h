/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For the snapshot suites: an input that is its numbers, and an engine over it whose alerts become lines. */
#ifndef TESTS_SNAPSHOT_ROWS_H
#define TESTS_SNAPSHOT_ROWS_H

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "core/engine.h"
#include "daemon/snapshot.h"
#include "unit/compile_rules.h"
#include "unit/scratch.h"

#define START INT64_C(1767571200000)

/* Row [n] is a function of its number: hosts come and go, some are busy, one in ten is late, every eighth is an answer,
 * and some are told again by another exporter. */
static inline void
put_row(struct tsn_engine *e, uint64_t n)
{
	const bool back = n % 8 == 7, again = n % 8 == 5;
	const enum tsn_field from = back ? TSN_F_DST : TSN_F_SRC, to = back ? TSN_F_SRC : TSN_F_DST;
	const uint64_t h = tsn_mix64((n - back - again) * 3 + 1), phase = n / 5000;
	const int64_t received = START + (int64_t)n * 9;
	const uint32_t src = (h & 7) < 3 ? (uint32_t)(phase % 7) : (uint32_t)(h >> 8 & 0x1ff);
	struct tsn_batch *b;
	uint32_t row;

	tsn_engine_clock(e, received);
	b = tsn_engine_room(e);
	cr_assert_not_null(b);
	row = b->n;
	if (src % 5 == 4)
		tsn_batch_put_addr(b, row, from, (struct tsn_addr){ UINT64_C(0x20010db800000000), src, false });
	else
		tsn_batch_put_addr(b, row, from, tsn_addr_v4(0x0a000000u + src));
	tsn_batch_put_addr(b, row, to, tsn_addr_v4(0xc0a80000u + (uint32_t)(h >> 20 & 0x3ff)));
	tsn_batch_put_addr(b, row, TSN_F_EXPORTER, tsn_addr_v4(0xc0000201u + ((uint32_t)(h >> 60) + again) % 16));
	tsn_batch_put_int(b, row, TSN_F_PROTO, h >> 40 & 1 ? 6 : 17);
	tsn_batch_put_int(b, row, back ? TSN_F_SRC_PORT : TSN_F_DST_PORT, (int64_t)(h >> 41 & 0x3f) + 20);
	tsn_batch_put_int(b, row, back ? TSN_F_DST_PORT : TSN_F_SRC_PORT, (int64_t)(h >> 12 & 0x3fff) + 1024);
	if (h >> 40 & 1)
		tsn_batch_put_int(b, row, TSN_F_FLAGS, h >> 57 & 1 ? 2 : 0x1b);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, (int64_t)(h >> 30 & 0xffff));
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1 + (int64_t)(h >> 50 & 7));
	tsn_batch_put_int(b, row, TSN_F_START, received - 3000 - (again ? 9 : 0));
	tsn_batch_put_int(b, row, TSN_F_END, received - (h >> 56 < 25 ? (int64_t)(h >> 10 & 0xffff) : 0));
	b->received[row] = b->exported[row] = received;
	b->source[row] = tsn_exporters_find(tsn_engine_exporters(e), tsn_batch_addr(b, row, TSN_F_EXPORTER));
	b->n++;
}

static inline struct tsn_engine *
engine_over(const char *rules, struct tsn_sink *sink, const struct tsn_log *log, uint64_t seed)
{
	struct tsn_engine_options o = { .batch_rows = 256, .seed = seed, .log = log };
	struct tsn_engine *e = tsn_engine_new(&o);

	cr_assert_not_null(e);
	cr_assert(sink == NULL || tsn_engine_add_sink(e, sink));
	cr_assert(tsn_engine_load(e, compile_rules(rules), NULL));
	return e;
}

static inline void
engine_end(struct tsn_engine *e, struct tsn_sink *sink)
{
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}

/* --- lines --- */

struct lines {
	char **v;
	size_t n, cap;
};

static inline void
add_line(struct lines *l, const char *text)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 256 : l->cap * 2;
		l->v = realloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n++] = strdup(text);
}

static inline int
by_text(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

/* Sorted, each once. */
static inline void
settle_lines(struct lines *l)
{
	size_t n = 0;

	qsort(l->v, l->n, sizeof(*l->v), by_text);
	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && strcmp(l->v[n - 1], l->v[i]) == 0)
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	}
	l->n = n;
}

static inline void
free_lines(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct lines){ 0 };
}

static inline void
same_lines(const struct lines *want, const struct lines *got, const char *what)
{
	size_t i = 0, j = 0;

	while (i < want->n || j < got->n) {
		const int c = i == want->n ? 1 : j == got->n ? -1 : strcmp(want->v[i], got->v[j]);

		cr_assert(c >= 0, "%s: lost: %s", what, want->v[i]);
		cr_assert(c <= 0, "%s: not in the uninterrupted run: %s", what, got->v[j]);
		i++;
		j++;
	}
}

static inline void
on_alert_line(void *arg, const struct tsn_alert *al)
{
	struct tsn_buf out = TSN_BUF_INIT;

	tsn_alert_json(al, &out);
	add_line(arg, tsn_buf_str(&out));
	tsn_buf_fini(&out);
}

static inline void
on_log_line(void *arg, enum tsn_log_level level, const char *line)
{
	(void)level;
	add_line(arg, line);
}

static inline unsigned
count_lines(const struct lines *l, const char *what)
{
	unsigned n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += strstr(l->v[i], what) != NULL;
	return n;
}

#endif
