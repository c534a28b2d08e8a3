/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Captures (pcap, pcapng) of export datagrams. */
#include <stdio.h>

#include "base/mem.h"
#include "feed/kind.h"
#include "input/pcap.h"

#define STEP 1024 /* datagrams */

struct capture {
	struct tsn_pcap *pcap;
	uint16_t port;
	bool version_told;
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
	tsn_free(c);
}

static void *
open_capture(struct tsn_feed *f, char error[TSN_INPUT_ERROR])
{
	struct capture *c = tsn_calloc(1, sizeof(*c));
	struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like_export };

	if (c == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "memory is out");
		return NULL;
	}
	c->port = f->opts.port;
	if (c->port != 0) {
		opts.ports = &c->port;
		opts.n_ports = 1;
	}
	f->report.kind = "capture of exports";
	f->report.unit = "datagrams";
	c->pcap = tsn_pcap_attach(&f->reader, &opts, error);
	if (c->pcap != NULL)
		return c;
	tsn_free(c);
	return NULL;
}

/* One sentence each on what a capture held that was not evaluated. */
static void
tell(struct tsn_feed *f, const struct tsn_pcap_report *r)
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
	if (r->datagrams == 0 && !r->damaged)
		tsn_log(log, TSN_LOG_WARN, "%s: no NetFlow in this capture (%llu packets, %llu UDP datagrams of other kinds)", f->path,
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

static enum tsn_feed_step
step(struct tsn_feed *f)
{
	struct capture *c = f->self;
	struct tsn_datagram d;

	for (int i = 0; i < STEP; i++) {
		struct tsn_sender from;
		enum tsn_decode status;

		if (!tsn_pcap_next(c->pcap, &d)) {
			tell(f, tsn_pcap_report(c->pcap));
			return TSN_FEED_END;
		}
		from = (struct tsn_sender){ d.exporter, d.src_port };
		status = tsn_engine_message(f->engine, d.payload, d.len, &from, d.received_ms);
		if (status == TSN_DECODE_STOPPED)
			return TSN_FEED_NO_MEMORY;
		if (status == TSN_DECODE_VERSION)
			tell_version(f, c, &d);
		f->report.records++;
	}
	return TSN_FEED_MORE;
}

const struct tsn_feed_kind tsn_feed_capture = { "capture", is, open_capture, step, close_capture };
