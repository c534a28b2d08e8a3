/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Files of nfdump's collectors (nfcapd, nfpcapd, sfcapd) and of nfdump -w, layouts 1 and 2. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "decode/nfcapd.h"
#include "feed/kind.h"
#include "input/nfcapd.h"

#define STEP 16 /* pieces: some thousand flows. A packed block has as many, and may take 0.1 s: it is a step of its own */

struct nfcapd {
	struct tsn_nfcapd_file *file;
	struct tsn_nfcapd *decoder;
	uint64_t bad_blocks, lost; /* blocks not read, or not to their end, and their bytes */
};

static bool
is(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts)
{
	(void)opts;
	return tsn_nfcapd_is(p, n);
}

static void
close_nfcapd(void *self)
{
	struct nfcapd *c = self;

	tsn_nfcapd_close(c->file);
	tsn_nfcapd_free(c->decoder);
	tsn_free(c);
}

static void *
open_nfcapd(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct nfcapd *c = tsn_calloc(1, sizeof(*c));

	snprintf(error, TSN_INPUT_ERROR, "memory is out");
	if (c == NULL)
		return NULL;
	f->report.kind = "nfcapd file";
	f->report.unit = "flows";
	c->file = tsn_nfcapd_attach(&f->reader, error);
	if (c->file != NULL)
		c->decoder = tsn_nfcapd_new(tsn_engine_exporters(f->engine), tsn_nfcapd_header(c->file)->swapped);
	if (c->decoder != NULL)
		return c;
	close_nfcapd(c);
	return NULL;
}

/* A block that is lost in part; the blocks behind it are read. The first one is what the report tells. */
static void
lose(struct tsn_feed *f, uint64_t offset, uint64_t bytes, const char *reason)
{
	struct nfcapd *c = f->self;
	struct tsn_feed_report *r = &f->report;

	if (c->bad_blocks++ == 0) {
		r->damaged = true;
		r->damage_offset = offset;
		snprintf(r->reason, sizeof(r->reason), "%s", reason);
	}
	c->lost += bytes;
	r->unread = (int64_t)c->lost;
}

/* Sentences on what was found, and on what the file should have had. */
static void
tell(struct tsn_feed *f)
{
	struct nfcapd *c = f->self;
	const struct tsn_nfcapd_header *h = tsn_nfcapd_header(c->file);
	const struct tsn_feed_report *r = &f->report;
	unsigned long long blocks = tsn_nfcapd_blocks(c->file);

	if (c->bad_blocks > 0)
		tsn_log(f->opts.log, TSN_LOG_ERROR, "%s: damaged at byte %llu: %s; %llu bytes of %llu of %llu blocks were not read",
		    f->path, (unsigned long long)r->damage_offset, r->reason, (unsigned long long)c->lost,
		    (unsigned long long)c->bad_blocks, blocks);
	if (r->skipped > 0)
		tsn_log(f->opts.log, TSN_LOG_WARN, "%s: %llu records could not be decoded", f->path, (unsigned long long)r->skipped);
	if (h->blocks == 0 && blocks > 0)
		tsn_log(f->opts.log, TSN_LOG_WARN, "%s: was never closed by its writer; its %llu blocks were read", f->path, blocks);
	tsn_log(f->opts.log, TSN_LOG_INFO, "%s: nfcapd layout %u, compression %s%s, %llu blocks, %llu flows", f->path, h->layout,
	    tsn_nfcapd_packing_name(h->packing), h->swapped ? ", of the other byte order" : "", blocks,
	    (unsigned long long)r->records);
}

/* [reason], if there is one, is why no more of the file can be read. What was wrong first stays in the report. */
static enum tsn_feed_step
end(struct tsn_feed *f, uint64_t offset, const char *reason)
{
	struct nfcapd *c = f->self;
	const struct tsn_nfcapd_header *h = tsn_nfcapd_header(c->file);
	uint64_t blocks = tsn_nfcapd_blocks(c->file);
	struct tsn_feed_report first = f->report;

	tell(f);
	if (reason != NULL)
		tsn_feed_damaged(f, offset, "%s%s", reason, h->blocks == 0 ? " (it was never closed)" : "");
	else if (blocks < h->blocks)
		tsn_feed_damaged(f, offset, "the file ends after %llu of %llu blocks", (unsigned long long)blocks,
		    (unsigned long long)h->blocks);
	else
		return TSN_FEED_END;
	if (first.damaged) {
		f->report.damage_offset = first.damage_offset;
		memcpy(f->report.reason, first.reason, sizeof(first.reason));
		f->report.unread = f->report.unread < 0 ? -1 : f->report.unread + (int64_t)c->lost;
	}
	return TSN_FEED_END;
}

static enum tsn_decode
decode(struct tsn_feed *f, const struct tsn_nfcapd_piece *p)
{
	struct nfcapd *c = f->self;
	struct tsn_nfcapd_result r;
	unsigned layout = tsn_nfcapd_header(c->file)->layout;
	enum tsn_decode status = tsn_nfcapd_decode(c->decoder, layout, p->type, p->p, p->len, p->last,
	    tsn_engine_sink(f->engine), &r);

	f->report.records += r.flows;
	f->report.skipped += r.bad;
	if (r.broken)
		lose(f, p->packed ? p->offset : p->offset + r.broken_at, p->packed ? p->bytes : p->len - r.broken_at,
		    "the lengths of records are wrong");
	tsn_nfcapd_used(c->file, r.used);
	return status;
}

static enum tsn_feed_step
step(struct tsn_feed *f)
{
	struct nfcapd *c = f->self;
	struct tsn_nfcapd_piece p;

	p.packed = false;
	for (int i = 0; i < STEP && !p.packed; i++) {
		switch (tsn_nfcapd_next(c->file, &p)) {
		case TSN_NFCAPD_PIECE:
			if (decode(f, &p) == TSN_DECODE_STOPPED)
				return TSN_FEED_NO_MEMORY;
			break;
		case TSN_NFCAPD_BAD_BLOCK:
			lose(f, p.offset, p.bytes, p.reason);
			break;
		case TSN_NFCAPD_BROKEN:
			return end(f, p.offset, p.reason);
		case TSN_NFCAPD_END:
			return end(f, f->reader.offset, NULL);
		case TSN_NFCAPD_NO_MEMORY:
			return TSN_FEED_NO_MEMORY;
		}
	}
	return TSN_FEED_MORE;
}

const struct tsn_feed_kind tsn_feed_nfcapd = { "nfcapd", is, open_nfcapd, step, close_nfcapd };
