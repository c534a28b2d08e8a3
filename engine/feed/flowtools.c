/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Files of flow-tools. */
#include <stdio.h>

#include "base/mem.h"
#include "decode/flowtools.h"
#include "feed/kind.h"
#include "input/flowtools.h"

#define STEP 4096 /* flows */

struct flowtools {
	struct tsn_flowtools *file;
	struct tsn_flowtools_records records;
	size_t size; /* of one */
};

static bool
is(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts)
{
	(void)opts;
	return tsn_flowtools_is(p, n);
}

static void
close_flowtools(void *self)
{
	struct flowtools *t = self;

	tsn_flowtools_close(t->file);
	tsn_free(t);
}

/* False, with the reason, if records of this kind are unknown. */
static bool
choose_records(struct flowtools *t, char error[TSN_INPUT_ERROR])
{
	const struct tsn_flowtools_header *h = tsn_flowtools_header(t->file);

	t->records = (struct tsn_flowtools_records){ h->little_endian, h->stream, h->version, h->method,
		tsn_addr_v4(h->exporter) };
	t->size = h->version == 8 && h->method_version != 2 ? 0 : tsn_flowtools_record_size(&t->records);
	if (t->size > 0 && t->size <= TSN_FLOWTOOLS_RECORD)
		return true;
	snprintf(error, TSN_INPUT_ERROR, "holds flow-tools records of version %u, method %u.%u, which cannot be read",
	    h->version, h->method, h->method_version);
	return false;
}

static void *
open_flowtools(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct flowtools *t = tsn_calloc(1, sizeof(*t));

	if (t == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
		return NULL;
	}
	f->report.kind = "flow-tools file";
	f->report.unit = "flows";
	t->file = tsn_flowtools_attach(&f->reader, error);
	if (t->file != NULL && choose_records(t, error))
		return t;
	close_flowtools(t);
	return NULL;
}

static void
tell(struct tsn_feed *f, struct flowtools *t)
{
	const struct tsn_flowtools_header *h = tsn_flowtools_header(t->file);
	const struct tsn_flowtools_report *r = tsn_flowtools_report(t->file);

	if (r->damaged)
		tsn_feed_damaged(f, r->offset, "%s%s", r->reason, h->unfinished ? " (its writer had not finished it)" : "");
	if (h->lost > 0)
		tsn_log(f->opts.log, TSN_LOG_WARN, "%s: its writer missed %u flows", f->path, h->lost);
	tsn_log(f->opts.log, TSN_LOG_INFO, "%s: %llu flows of NetFlow v%u", f->path,
	    (unsigned long long)f->report.records, h->version);
}

static enum tsn_feed_step
step(struct tsn_feed *f)
{
	struct flowtools *t = f->self;

	for (int i = 0; i < STEP; i++) {
		const uint8_t *p = tsn_flowtools_next(t->file, t->size);

		if (p == NULL) {
			tell(f, t);
			return TSN_FEED_END;
		}
		if (!tsn_flowtools_decode(&t->records, p, tsn_engine_exporters(f->engine), tsn_engine_sink(f->engine)))
			return TSN_FEED_NO_MEMORY;
		f->report.records++;
	}
	return TSN_FEED_MORE;
}

const struct tsn_feed_kind tsn_feed_flowtools = { "flow-tools", is, open_flowtools, step, close_flowtools };
