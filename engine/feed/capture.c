/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Captures (pcap, pcapng): of export datagrams, or of packets, which are metered into flows. Unless it is said which, a
 * whole, well-formed export message among the first UDP datagrams makes it a capture of exports. Frames are kept until
 * that is known, so that nothing is lost and pipes will do.
 */
#include <stdio.h>

#include "base/mem.h"
#include "decode/meter.h"
#include "feed/kind.h"
#include "feed/spool.h"
#include "input/pcap.h"

#define STEP 1024                       /* frames */
#define NEAR 64u                        /* of them, to each that could not be left where it is */
#define DECIDE_UDP 1000                 /* datagrams after which no export message is expected any more... */
#define DECIDE_BYTES ((size_t)64 << 20) /* ...nor after so much of anything */

struct capture {
	struct tsn_pcap *pcap;
	struct tsn_meter *meter; /* of a capture of packets */
	struct tsn_spool spool;
	enum tsn_feed_as as;
	uint16_t port;
	bool version_told;
	unsigned near; /* so many frames are taken whole before it is tried again to leave one where it is */
};

static bool
is(const uint8_t *p, size_t n, const struct tsn_feed_opts *opts)
{
	(void)opts;
	return tsn_pcap_is_capture(p, n);
}

static void
close_capture(void *self)
{
	struct capture *c = self;

	tsn_pcap_close(c->pcap);
	tsn_meter_free(c->meter);
	tsn_spool_fini(&c->spool);
	tsn_free(c);
}

/* From here on the capture is what [as] says. False when memory is out. */
static bool
become(struct tsn_feed *f, struct capture *c, enum tsn_feed_as as)
{
	static const char *const kinds[] = {
		[TSN_AS_AUTO] = "capture", [TSN_AS_EXPORTS] = "capture of exports", [TSN_AS_PACKETS] = "capture of packets",
	};

	c->as = as;
	f->report.kind = kinds[as];
	f->report.unit = as == TSN_AS_EXPORTS ? "datagrams" : "packets";
	if (as != TSN_AS_PACKETS)
		return true;
	tsn_engine_flush(f->engine); /* the meter says of nobody's flows what does not hold for those before */
	c->meter = tsn_meter_new(&(struct tsn_meter_opts){ 0 }, tsn_engine_exporters(f->engine));
	return c->meter != NULL;
}

static void *
open_capture(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct capture *c = tsn_calloc(1, sizeof(*c));
	struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like_export };

	snprintf(error, TSN_INPUT_ERROR, "memory is out");
	if (c == NULL)
		return NULL;
	c->port = f->opts.port;
	if (c->port != 0) {
		opts.ports = &c->port;
		opts.n_ports = 1;
	}
	if (become(f, c, c->port != 0 ? TSN_AS_EXPORTS : f->opts.as) &&
	    (c->pcap = tsn_pcap_attach(&f->reader, &opts, error)) != NULL)
		return c;
	close_capture(c);
	return NULL;
}

/* --- which of the two it is --- */

/*
 * The sniffer also takes v1, v5 and v7 messages with something wrong, which is right among exports; but other traffic may
 * look like those.
 */
static bool
is_message(const uint8_t *p, size_t n)
{
	unsigned version = n < 2 ? 0 : (unsigned)p[0] << 8 | p[1];

	if (version == 1 || version == 5 || version == 7)
		return tsn_decode_looks_like(p, n);
	return tsn_decode_looks_like_export(p, n);
}

/* The frames kept are taken anew, as what they are. */
static enum tsn_feed_step
decided(struct tsn_feed *f, struct capture *c, enum tsn_feed_as as)
{
	const struct tsn_pcap_report *r = tsn_pcap_report(c->pcap);

	if (as == TSN_AS_PACKETS && r->datagrams > 0)
		tsn_log(f->opts.log, TSN_LOG_WARN,
		    "%s: read as packets, but %llu UDP datagrams look like damaged exports (--as exports reads them)", f->path,
		    (unsigned long long)r->datagrams);
	else if (as == TSN_AS_PACKETS)
		tsn_log(f->opts.log, TSN_LOG_INFO, "%s: no export message in %llu packets, %llu of them UDP: read as packets",
		    f->path, (unsigned long long)r->packets, (unsigned long long)r->other_udp);
	return tsn_pcap_forget(c->pcap) && become(f, c, as) ? TSN_FEED_MORE : TSN_FEED_NO_MEMORY;
}

static enum tsn_feed_step
decide(struct tsn_feed *f, struct capture *c)
{
	const struct tsn_pcap_report *r = tsn_pcap_report(c->pcap);
	struct tsn_datagram d;
	struct tsn_frame frame;

	for (int i = 0; i < STEP; i++) {
		if (!tsn_pcap_frame(c->pcap, &frame))
			return decided(f, c, TSN_AS_PACKETS);
		if (!tsn_spool_put(&c->spool, &frame))
			return TSN_FEED_NO_MEMORY;
		if (tsn_pcap_take(c->pcap, &frame, &d) && is_message(d.payload, d.len))
			return decided(f, c, TSN_AS_EXPORTS);
		if (r->datagrams + r->other_udp >= DECIDE_UDP || c->spool.n >= DECIDE_BYTES)
			return decided(f, c, TSN_AS_PACKETS);
	}
	return TSN_FEED_MORE;
}

static bool
next_frame(struct capture *c, struct tsn_frame *out)
{
	return tsn_spool_next(&c->spool, out) || tsn_pcap_frame(c->pcap, out);
}

/* --- exports --- */

/* One sentence each on what a capture held that was not evaluated. */
static void
tell_exports(struct tsn_feed *f, const struct tsn_pcap_report *r)
{
	const struct tsn_log *log = f->opts.log;

	if (r->damaged)
		tsn_feed_damaged(f, r->damage_offset, "%s", r->reason);
	if (r->fragments_incomplete > 0)
		tsn_log(log, TSN_LOG_ERROR, "%s: %llu datagrams lost because IP fragments were missing or overlapped", f->path,
		    (unsigned long long)r->fragments_incomplete);
	if (r->cut > 0)
		tsn_log(log, TSN_LOG_ERROR, "%s: %llu datagrams were captured in part only (snap length)", f->path,
		    (unsigned long long)r->cut);
	if (r->datagrams == 0 && !r->damaged && f->opts.port != 0)
		tsn_log(log, TSN_LOG_WARN, "%s: no datagram of this capture goes to UDP port %u (%llu packets, %llu UDP datagrams to other ports)",
		    f->path, f->opts.port, (unsigned long long)r->packets, (unsigned long long)r->other_udp);
	else if (r->datagrams == 0 && !r->damaged)
		tsn_log(log, TSN_LOG_WARN, "%s: no exports in this capture (%llu packets, %llu UDP datagrams of other kinds)", f->path,
		    (unsigned long long)r->packets, (unsigned long long)r->other_udp);
	tsn_log(log, TSN_LOG_INFO,
	    "%s: %llu bytes, %llu packets, %llu export datagrams; left aside: %llu not IP, %llu not UDP, %llu other UDP", f->path,
	    (unsigned long long)r->bytes, (unsigned long long)r->packets, (unsigned long long)r->datagrams,
	    (unsigned long long)r->not_ip, (unsigned long long)r->not_udp, (unsigned long long)r->other_udp);
}

/* A version that cannot be read is named once an input, with where it came from. */
static void
tell_version(struct tsn_feed *f, struct capture *c, const struct tsn_datagram *d)
{
	char text[TSN_ADDR_TEXT];

	if (!c->version_told)
		tsn_log(f->opts.log, TSN_LOG_WARN, "%s: %s sends %s, which cannot be read; its datagrams are counted and left out",
		    f->path, tsn_addr_text(d->exporter, text), tsn_decode_format(d->payload, d->len));
	c->version_told = true;
}

/* A datagram of which the engine wants no more than the header for now. */
static bool
leave(struct tsn_feed *f, struct capture *c)
{
	struct tsn_far_place where;
	struct tsn_datagram d;

	if (c->near > 0 || tsn_engine_hands(f->engine) == NULL) {
		c->near -= c->near > 0;
		return false;
	}
	if (c->spool.n == 0 && tsn_pcap_look(c->pcap, &d, &where) &&
	    tsn_engine_later(f->engine, d.payload, d.len, &where, &(struct tsn_sender){ d.exporter, d.src_port }, d.received_ms)) {
		tsn_pcap_pass(c->pcap);
		return true;
	}
	c->near = NEAR;
	return false;
}

static enum tsn_feed_step
read_exports(struct tsn_feed *f, struct capture *c)
{
	struct tsn_frame frame;
	struct tsn_datagram d;

	for (int i = 0; i < STEP; i++) {
		struct tsn_far_place where;
		struct tsn_sender from;
		enum tsn_decode status;
		bool stays;

		if (leave(f, c)) {
			f->report.records++;
			continue;
		}
		if (!next_frame(c, &frame)) {
			tsn_pcap_flush(c->pcap);
			tell_exports(f, tsn_pcap_report(c->pcap));
			return TSN_FEED_END;
		}
		if (!tsn_pcap_take(c->pcap, &frame, &d))
			continue;
		from = (struct tsn_sender){ d.exporter, d.src_port };
		stays = tsn_engine_reads_late(f->engine) && tsn_pcap_stays(c->pcap, &d, &where);
		status = tsn_engine_message_at(f->engine, d.payload, d.len, stays ? &where : NULL, &from, d.received_ms);
		if (status == TSN_DECODE_STOPPED)
			return TSN_FEED_NO_MEMORY;
		if (status == TSN_DECODE_VERSION)
			tell_version(f, c, &d);
		f->report.records++;
	}
	return TSN_FEED_MORE;
}

/* --- packets --- */

static void
tell_packets(struct tsn_feed *f, const struct tsn_pcap_report *r, const struct tsn_meter_stats *s)
{
	const struct tsn_log *log = f->opts.log;

	if (r->damaged)
		tsn_feed_damaged(f, r->damage_offset, "%s", r->reason);
	if (s->packets == 0 && s->not_ip > 0)
		tsn_log(log, TSN_LOG_WARN, "%s: no IP in this capture (%llu packets of other kinds)", f->path,
		    (unsigned long long)s->not_ip);
	else if (s->packets == 0 && !r->damaged)
		tsn_log(log, TSN_LOG_WARN, "%s: no packets in this capture", f->path);
	if (s->evicted > 0)
		tsn_log(log, TSN_LOG_WARN, "%s: %llu flows ended early because more than %u went on at a time", f->path,
		    (unsigned long long)s->evicted, TSN_METER_FLOWS);
	tsn_log(log, TSN_LOG_INFO,
	    "%s: %llu bytes, %llu packets metered into %llu flows; left aside: %llu not IP; %llu fragments without ports", f->path,
	    (unsigned long long)r->bytes, (unsigned long long)s->packets, (unsigned long long)s->flows,
	    (unsigned long long)s->not_ip, (unsigned long long)s->orphans);
}

static enum tsn_feed_step
read_packets(struct tsn_feed *f, struct capture *c)
{
	struct tsn_batch_sink *sink = tsn_engine_sink(f->engine);
	const struct tsn_meter_stats *s = tsn_meter_stats(c->meter);
	enum tsn_feed_step step = TSN_FEED_MORE;
	struct tsn_frame frame;

	for (int i = 0; i < STEP && step == TSN_FEED_MORE; i++) {
		enum tsn_decode status;

		if (next_frame(c, &frame)) {
			status = tsn_meter_packet(c->meter, tsn_pcap_link(c->pcap), frame.p, frame.len, frame.full, frame.ms, sink);
		} else {
			status = tsn_meter_finish(c->meter, sink);
			step = TSN_FEED_END;
		}
		if (status == TSN_DECODE_STOPPED)
			return TSN_FEED_NO_MEMORY;
	}
	f->report.records = s->packets;
	f->report.skipped = s->not_ip;
	if (step == TSN_FEED_END)
		tell_packets(f, tsn_pcap_report(c->pcap), s);
	return step;
}

static enum tsn_feed_step
step(struct tsn_feed *f)
{
	struct capture *c = f->self;

	switch (c->as) {
	case TSN_AS_EXPORTS:
		return read_exports(f, c);
	case TSN_AS_PACKETS:
		return read_packets(f, c);
	default:
		return decide(f, c);
	}
}

const struct tsn_feed_kind tsn_feed_capture = { "capture", is, open_capture, step, close_capture };
