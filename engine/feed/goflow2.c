/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* goflow2's protobuf messages, each behind its length (`-format bin`). */
#include <stdio.h>

#include "base/mem.h"
#include "decode/goflow2.h"
#include "feed/kind.h"
#include "input/delimited.h"

#define STEP 4096 /* messages */
#define LOOK 8    /* messages that must be flows, as far as they are there */

struct goflow2 {
	struct tsn_delimited_report report;
};

/* There is no magic number: the first messages must be what goflow2 writes to the byte, and one of them a flow. */
static bool
is(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts)
{
	size_t size, head, at = 0;
	bool has_addr = false;

	(void)opts;
	for (int i = 0; i < LOOK && at < n; i++) {
		bool cut;

		head = tsn_delimited_length(p + at, n - at, &size);
		if (head == 0) /* the last may be cut off within its length */
			return has_addr && n - at < 3;
		cut = size > n - at - head;
		if (!tsn_goflow2_looks_like(p + at + head, cut ? n - at - head : size, cut, &has_addr))
			return false;
		at += head + size;
	}
	return has_addr;
}

static void
close_goflow2(void *self)
{
	tsn_free(self);
}

static void *
open_goflow2(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct goflow2 *g = tsn_calloc(1, sizeof(*g));

	if (g == NULL)
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
	f->report.kind = "goflow2 messages";
	f->report.unit = "flows";
	return g;
}

static void
tell(struct tsn_feed *f, const struct tsn_delimited_report *r)
{
	if (r->damaged)
		tsn_feed_damaged(f, r->offset, "%s", r->reason);
	if (f->report.skipped > 0)
		tsn_log(f->opts.log, TSN_LOG_WARN, "%s: %llu messages were left out: damaged, or without IP addresses", f->path,
		    (unsigned long long)f->report.skipped);
	tsn_log(f->opts.log, TSN_LOG_INFO, "%s: %llu messages of goflow2", f->path, (unsigned long long)f->report.records);
}

static enum tsn_feed_step
step(struct tsn_feed *f)
{
	struct goflow2 *g = f->self;

	for (int i = 0; i < STEP; i++) {
		size_t size;
		const uint8_t *p = tsn_delimited_next(&f->reader, &size, &g->report);

		if (p == NULL) {
			tell(f, &g->report);
			return TSN_FEED_END;
		}
		switch (tsn_goflow2_decode(p, size, tsn_engine_exporters(f->engine), tsn_engine_sink(f->engine))) {
		case TSN_GOFLOW2_STOPPED:
			return TSN_FEED_NO_MEMORY;
		case TSN_GOFLOW2_FLOW:
			f->report.records++;
			break;
		default:
			f->report.skipped++;
			break;
		}
	}
	return TSN_FEED_MORE;
}

const struct tsn_feed_kind tsn_feed_goflow2 = { "goflow2", is, open_goflow2, step, close_goflow2 };
