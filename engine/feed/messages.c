/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Export messages without their datagrams: IPFIX files (RFC 5655), recorded payloads of NetFlow. Nobody says who sent them. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "feed/kind.h"
#include "input/messages.h"

#define STEP 512 /* messages */

struct messages {
	struct tsn_messages from;
	uint64_t gaps, gap_bytes, gap_offset;
	bool in_gap;
};

static bool
is(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts)
{
	(void)opts;
	return tsn_decode_begins(p, n, n < TSN_FEED_PEEK);
}

static void *
open_messages(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct messages *m = tsn_calloc(1, sizeof(*m));

	snprintf(error, TSN_INPUT_ERROR, "memory is out");
	if (m != NULL)
		m->from = (struct tsn_messages){ .reader = &f->reader, .extent = tsn_decode_extent, .sure = tsn_decode_looks_like };
	f->report.kind = "export messages";
	f->report.unit = "messages";
	return m;
}

static void
close_messages(void *self)
{
	tsn_free(self);
}

static void
note_gap(struct messages *m, const struct tsn_message_piece *piece)
{
	if (m->gap_bytes == 0)
		m->gap_offset = piece->offset;
	m->gaps += !m->in_gap;
	m->gap_bytes += piece->len;
	m->in_gap = true;
}

/* Bytes between messages are damage that reading went on behind. */
static void
tell(struct tsn_feed *f, const struct messages *m)
{
	struct tsn_feed_report *r = &f->report;

	tsn_log(f->opts.log, TSN_LOG_INFO, "%s: %llu bytes, %llu export messages", f->path, (unsigned long long)f->reader.offset,
	    (unsigned long long)r->records);
	if (m->gaps == 0 || r->damaged)
		return;
	r->damaged = true;
	r->damage_offset = m->gap_offset;
	r->unread = (int64_t)m->gap_bytes;
	snprintf(r->reason, sizeof(r->reason), "no export message begins where one should");
	tsn_log(f->opts.log, TSN_LOG_ERROR, "%s: damaged from byte %llu on: %llu bytes in %llu place%s are no export messages; %llu message%s read",
	    f->path, (unsigned long long)m->gap_offset, (unsigned long long)m->gap_bytes, (unsigned long long)m->gaps,
	    m->gaps == 1 ? "" : "s", (unsigned long long)r->records, r->records == 1 ? " was" : "s were");
}

static bool
give(struct tsn_feed *f, const struct tsn_message_piece *piece)
{
	const struct tsn_sender from = { tsn_addr_v4(0), TSN_SESSION_STREAM + f->opts.number };
	int64_t sent = tsn_decode_export_time(piece->p, piece->len);

	if (sent == TSN_TIME_NONE) /* too short to say */
		return true;
	f->report.records++;
	return tsn_engine_message(f->engine, piece->p, piece->len, &from, sent) != TSN_DECODE_STOPPED;
}

static enum tsn_feed_step
step(struct tsn_feed *f)
{
	struct messages *m = f->self;
	struct tsn_message_piece piece;

	for (int i = 0; i < STEP; i++) {
		switch (tsn_messages_next(&m->from, &piece)) {
		case TSN_MESSAGES_GAP:
			note_gap(m, &piece);
			continue;
		case TSN_MESSAGES_CUT:
			tsn_feed_damaged(f, piece.offset, "ends after %zu bytes of a message", piece.len);
			if (f->report.damaged && !give(f, &piece))
				return TSN_FEED_NO_MEMORY;
			continue;
		case TSN_MESSAGES_ONE:
			m->in_gap = false;
			if (!give(f, &piece))
				return TSN_FEED_NO_MEMORY;
			continue;
		case TSN_MESSAGES_END:
			tsn_engine_session_ended(f->engine, &(struct tsn_sender){ tsn_addr_v4(0), TSN_SESSION_STREAM + f->opts.number });
			tell(f, m);
			return TSN_FEED_END;
		}
	}
	return TSN_FEED_MORE;
}

const struct tsn_feed_kind tsn_feed_messages = { "ipfix", is, open_messages, step, close_messages };
