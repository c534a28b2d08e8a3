/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/pcap.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/wire.h"
#include "input/fragment.h"
#include "input/frames.h"
#include "input/packet.h"
#include "input/streams.h"

#define STREAMS 4096
#define FRAGMENTS 128
#define LAST 64 /* a power of two: exporters take turns */

struct tsn_pcap {
	struct tsn_pcap_opts opts;
	struct tsn_reader own, *reader; /* [reader] is [own], or the caller's */
	struct tsn_classic classic;
	struct tsn_libpcap *libpcap; /* NULL: the file is a classic one */
	uint32_t link;
	bool ended;
	struct way {
		bool known;
		uint32_t src, ports;
	} last[LAST]; /* where export datagrams came from and went to, by way_of; see is_again */
	size_t looked_at; /* bytes of the frame that tsn_pcap_look was about */
	struct tsn_streams *streams;
	struct tsn_fragments *fragments;
	struct tsn_pcap_report report;
};

bool
tsn_pcap_is_capture(const uint8_t *p, size_t n)
{
	return n >= 4 && (tsn_classic_is(p) || tsn_libpcap_is(p));
}

static bool
open_frames(struct tsn_pcap *p, char error[TSN_INPUT_ERROR])
{
	size_t n = tsn_reader_need(p->reader, 5);
	const uint8_t *magic = p->reader->buf + p->reader->pos;

	if (n == 0 && p->reader->error != 0) {
		snprintf(error, TSN_INPUT_ERROR, "%s", tsn_reader_error(p->reader));
		return false;
	}
	if (!tsn_pcap_is_capture(magic, n)) {
		snprintf(error, TSN_INPUT_ERROR, "%s", n == 0 ? "is empty" : "is not a capture (neither pcap nor pcapng)");
		return false;
	}
	if (tsn_classic_is(magic)) {
		if (!tsn_classic_open(&p->classic, p->reader, error))
			return false;
		p->link = p->classic.link;
	} else {
		p->libpcap = tsn_libpcap_open(p->reader, &p->link, error);
		if (p->libpcap == NULL)
			return false;
	}
	if (tsn_link_known(p->link))
		return true;
	snprintf(error, TSN_INPUT_ERROR, "frames of link type %u (%s) cannot be read", p->link, tsn_libpcap_link_name(p->link));
	return false;
}

static bool
make_tables(struct tsn_pcap *p)
{
	const struct tsn_pcap_opts *o = &p->opts;

	p->streams = tsn_streams_new(o->max_streams != 0 ? o->max_streams : STREAMS);
	p->fragments = tsn_fragments_new(o->max_fragments != 0 ? o->max_fragments : FRAGMENTS);
	return p->streams != NULL && p->fragments != NULL;
}

struct tsn_pcap *
tsn_pcap_open(const char *path, const struct tsn_pcap_opts *opts, char error[TSN_INPUT_ERROR])
{
	struct tsn_pcap *p = tsn_calloc(1, sizeof(*p));
	char why[TSN_INPUT_ERROR];

	if (p == NULL) {
		snprintf(error, TSN_INPUT_ERROR, "%s: out of memory", path);
		return NULL;
	}
	p->opts = *opts;
	if (!tsn_reader_open(&p->own, path, error)) {
		tsn_free(p);
		return NULL;
	}
	p->reader = &p->own;
	snprintf(why, sizeof(why), "out of memory");
	if (make_tables(p) && open_frames(p, why))
		return p;
	if (strcmp(path, "-") == 0)
		path = "standard input";
	snprintf(error, TSN_INPUT_ERROR, "%.100s: %.150s", path, why);
	tsn_pcap_close(p);
	return NULL;
}

struct tsn_pcap *
tsn_pcap_attach(struct tsn_reader *reader, const struct tsn_pcap_opts *opts, char error[TSN_INPUT_ERROR])
{
	struct tsn_pcap *p = tsn_calloc(1, sizeof(*p));

	snprintf(error, TSN_INPUT_ERROR, "out of memory");
	if (p == NULL)
		return NULL;
	p->opts = *opts;
	p->reader = reader;
	if (make_tables(p) && open_frames(p, error))
		return p;
	tsn_pcap_close(p);
	return NULL;
}

void
tsn_pcap_close(struct tsn_pcap *p)
{
	if (p == NULL)
		return;
	tsn_libpcap_close(p->libpcap);
	if (p->reader == &p->own)
		tsn_reader_close(&p->own);
	tsn_streams_free(p->streams);
	tsn_fragments_free(p->fragments);
	tsn_free(p);
}

const struct tsn_pcap_report *
tsn_pcap_report(const struct tsn_pcap *p)
{
	return &p->report;
}

bool
tsn_pcap_forget(struct tsn_pcap *p)
{
	struct tsn_pcap_report *r = &p->report;

	tsn_streams_free(p->streams);
	tsn_fragments_free(p->fragments);
	r->packets = r->datagrams = r->not_ip = r->not_udp = r->other_udp = r->cut = 0;
	r->fragments = r->fragments_incomplete = r->streams_refused = 0;
	memset(p->last, 0, sizeof(p->last));
	return make_tables(p);
}

uint32_t
tsn_pcap_link(const struct tsn_pcap *p)
{
	return p->link;
}

void
tsn_pcap_flush(struct tsn_pcap *p)
{
	tsn_fragments_flush(p->fragments);
	p->report.fragments_incomplete = tsn_fragments_incomplete(p->fragments);
}

void
tsn_pcap_progress(const struct tsn_pcap *p, uint64_t *done, uint64_t *total)
{
	tsn_reader_progress(p->reader, done, total);
}

static bool
port_wanted(const struct tsn_pcap_opts *o, uint16_t port)
{
	for (size_t i = 0; i < o->n_ports; i++)
		if (o->ports[i] == port)
			return true;
	return false;
}

/* Is this datagram from an exporter? See tsn_pcap_opts. */
static bool
wanted(struct tsn_pcap *p, const struct tsn_datagram *d)
{
	if (p->opts.n_ports > 0)
		return port_wanted(&p->opts, d->dst_port);
	if (p->opts.sniff == NULL || tsn_streams_has(p->streams, d->exporter, d->dst_port))
		return true;
	if (!p->opts.sniff(d->payload, d->len))
		return false;
	p->report.streams_refused += !tsn_streams_add(p->streams, d->exporter, d->dst_port);
	return true;
}

/* [ip] is a whole UDP datagram. */
static bool
take_udp(struct tsn_pcap *p, const struct tsn_ip *ip, int64_t ms, struct tsn_datagram *out)
{
	if (!tsn_packet_udp(ip, out) || !wanted(p, out)) {
		p->report.other_udp++;
		return false;
	}
	out->received_ms = ms;
	p->report.datagrams++;
	p->report.cut += out->cut;
	return true;
}

static bool
take_fragment(struct tsn_pcap *p, struct tsn_ip *ip, int64_t ms, struct tsn_datagram *out)
{
	bool whole;

	p->report.fragments++;
	whole = tsn_fragments_add(p->fragments, ip, ms);
	p->report.fragments_incomplete = tsn_fragments_incomplete(p->fragments);
	if (!whole)
		return false;
	if (tsn_packet_after_fragments(ip) == TSN_PACKET_UDP)
		return take_udp(p, ip, ms, out);
	p->report.not_udp++;
	return false;
}

/*
 * The usual frame: Ethernet II, a VLAN tag or two or none, an IPv4 header without options, UDP; whole, and with lengths that agree. All but
 * ETHERNET from the IPv4 header on.
 */
enum { ETHERNET = 14, TAG = 4, TAGS = 2, UDP = 20, PAYLOAD = UDP + 8, ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_SERVICE = 0x88a8 };

static inline bool
is_tag(uint16_t ethertype)
{
	return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_SERVICE;
}

/* The IPv4 header of a usual frame; NULL: it is another. */
static inline const uint8_t *
usual_ip(const struct tsn_pcap *p, const struct tsn_frame *f)
{
	const uint8_t *q = f->p + ETHERNET, *most = q + (size_t)TAGS * TAG;
	size_t total;

	if (p->link != TSN_LINK_ETHERNET || f->len < ETHERNET + TAGS * TAG + PAYLOAD)
		return NULL;
	while (q < most && is_tag(tsn_wire_u16(q - 2)))
		q += TAG;
	if (tsn_wire_u16(q - 2) != ETHERTYPE_IPV4 || q[0] != 0x45 || (tsn_wire_u16(q + 6) & 0x3fff) != 0 || q[9] != TSN_IP_PROTO_UDP)
		return NULL;
	total = tsn_wire_u16(q + 2);
	return total >= PAYLOAD && total <= f->len - (size_t)(q - f->p) && tsn_wire_u16(q + UDP + 4) == total - UDP ? q : NULL;
}

/* Of a stream that is known to be wanted, whatever its payload. */
static bool
is_of_stream(const struct tsn_pcap *p, const struct tsn_datagram *d)
{
	if (p->opts.n_ports > 0)
		return port_wanted(&p->opts, d->dst_port);
	return p->opts.sniff == NULL || tsn_streams_has(p->streams, d->exporter, d->dst_port);
}

/* Where two meet, the last one has it. */
static inline uint32_t
way_of(uint32_t src)
{
	return (src ^ src >> 8) % LAST;
}

/* From here on usual frames with these addresses and ports need not be looked at as others are. */
static void
remember(struct tsn_pcap *p, const struct tsn_frame *f, const struct tsn_datagram *d)
{
	const uint8_t *ip = usual_ip(p, f);
	uint32_t src;

	if (ip == NULL || !is_of_stream(p, d))
		return;
	src = tsn_wire_u32(ip + 12);
	p->last[way_of(src)] = (struct way){ true, src, tsn_wire_u32(ip + UDP) };
}

/* A capture of exports has a few streams, and their frames differ in numbers: what held for one of a stream holds for this. */
static inline bool
is_again(const struct tsn_pcap *p, const uint8_t *ip)
{
	const uint32_t src = tsn_wire_u32(ip + 12);
	const struct way *w = &p->last[way_of(src)];

	return w->known && w->src == src && w->ports == tsn_wire_u32(ip + UDP);
}

/* The datagram of a usual frame. */
static inline void
take_usual(const struct tsn_frame *f, const uint8_t *ip, struct tsn_datagram *out)
{
	*out = (struct tsn_datagram){ .payload = ip + PAYLOAD, .len = (size_t)tsn_wire_u16(ip + UDP + 4) - (PAYLOAD - UDP),
		.exporter = tsn_addr_v4(tsn_wire_u32(ip + 12)), .src_port = tsn_wire_u16(ip + UDP),
		.dst_port = tsn_wire_u16(ip + UDP + 2), .received_ms = f->ms };
}

_Static_assert(16 + ETHERNET + TAGS * TAG + PAYLOAD + TSN_PCAP_HEAD <= TSN_CLASSIC_HEAD, "all that is looked at of a usual frame is there");

bool
tsn_pcap_look(struct tsn_pcap *p, struct tsn_datagram *out, struct tsn_far_place *where)
{
	const uint8_t *ip;
	struct tsn_frame f;

	if (p->ended || p->libpcap != NULL || !tsn_classic_look(&p->classic, p->reader, &f, where, &p->looked_at) ||
	    (ip = usual_ip(p, &f)) == NULL)
		return false;
	take_usual(&f, ip, out);
	where->at += out->payload - f.p;
	return out->len >= TSN_PCAP_HEAD && (is_again(p, ip) || is_of_stream(p, out));
}

void
tsn_pcap_pass(struct tsn_pcap *p)
{
	p->report.packets++;
	p->report.datagrams++;
	tsn_reader_pass(p->reader, p->looked_at);
	p->report.bytes = p->reader->offset;
}

bool
tsn_pcap_stays(const struct tsn_pcap *p, const struct tsn_datagram *d, struct tsn_far_place *where)
{
	return p->libpcap == NULL && tsn_reader_where(p->reader, d->payload, d->len, where);
}

bool
tsn_pcap_take(struct tsn_pcap *p, const struct tsn_frame *f, struct tsn_datagram *out)
{
	const uint8_t *usual = usual_ip(p, f);
	struct tsn_ip ip;

	p->report.packets++;
	if (usual != NULL && is_again(p, usual)) {
		take_usual(f, usual, out);
		p->report.datagrams++;
		return true;
	}
	switch (tsn_packet_parse(p->link, f->p, f->len, f->full, &ip)) {
	case TSN_PACKET_UDP:
		if (!take_udp(p, &ip, f->ms, out))
			return false;
		remember(p, f, out);
		return true;
	case TSN_PACKET_FRAGMENT:
		return take_fragment(p, &ip, f->ms, out);
	case TSN_PACKET_NOT_UDP:
		p->report.not_udp++;
		return false;
	default:
		p->report.not_ip++;
		return false;
	}
}

static void
finish(struct tsn_pcap *p, enum tsn_frames how, uint64_t offset)
{
	p->ended = true;
	if (how != TSN_FRAMES_DAMAGED)
		return;
	p->report.damaged = true;
	p->report.damage_offset = offset;
	p->report.unread = -1;
	if (p->reader->total != 0)
		p->report.unread =
		    p->reader->total > offset ? (int64_t)(p->reader->total - offset) : 0;
}

bool
tsn_pcap_frame(struct tsn_pcap *p, struct tsn_frame *out)
{
	uint64_t offset = p->reader->offset;
	enum tsn_frames how;

	if (p->ended)
		return false;
	if (p->libpcap != NULL)
		how = tsn_libpcap_next(p->libpcap, out, p->report.reason);
	else
		how = tsn_classic_next(&p->classic, p->reader, out, p->report.reason);
	if (how != TSN_FRAMES_ONE)
		finish(p, how, offset);
	p->report.bytes = p->reader->offset;
	return how == TSN_FRAMES_ONE;
}

bool
tsn_pcap_next(struct tsn_pcap *p, struct tsn_datagram *out)
{
	struct tsn_frame f;

	while (tsn_pcap_frame(p, &f))
		if (tsn_pcap_take(p, &f, out))
			return true;
	tsn_pcap_flush(p);
	return false;
}
