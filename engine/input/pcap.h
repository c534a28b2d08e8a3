/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Captures: from a pcap or pcapng file, or a pipe, to frames, and from frames
 * to export datagrams. The classic format is read here, everything else
 * (pcapng among it) by libpcap where the build has it; the first bytes decide.
 * What frames hold is the packet room's knowledge (packet/link.h); fragments
 * of datagrams are put together (RFC 791, RFC 8200, overlaps refused as in RFC 5722).
 * A damaged file gives what is readable, then a report of where and why it
 * ended. Knows nothing of what datagrams mean. Used by one thread.
 */
#ifndef TSN_INPUT_PCAP_H
#define TSN_INPUT_PCAP_H

#include "base/far.h"
#include "input/frame.h"

struct tsn_pcap;

struct tsn_pcap_opts {
	/*
	 * Recognises an export datagram. With it, a UDP stream (source address,
	 * destination port) is delivered from its first such datagram on, odd
	 * ones included. NULL: every UDP datagram is delivered.
	 */
	bool (*sniff)(const uint8_t *p, size_t len);
	const uint16_t *ports; /* if any: UDP datagrams to these ports and no others, not sniffed */
	size_t n_ports;
	uint32_t max_streams;   /* exporters' streams remembered, 0: 4096; more: sniffed each */
	uint32_t max_fragments; /* datagrams put together at a time, 0: 128, of up to 64 KiB */
};

struct tsn_pcap_report {
	uint64_t bytes;       /* of the file, read so far */
	uint64_t packets;     /* captured frames */
	uint64_t datagrams;   /* delivered. 0 at the end: there is no NetFlow in this capture */
	uint64_t not_ip;      /* frames that are not IP, or too short to tell */
	uint64_t not_udp;     /* IP packets that are not UDP */
	uint64_t other_udp;   /* UDP datagrams that are not from an exporter */
	uint64_t cut;         /* delivered datagrams that were captured in part */
	uint64_t fragments;            /* IP fragments seen */
	uint64_t fragments_incomplete; /* datagrams of which fragments were missing or overlapped */
	uint64_t streams_refused;      /* datagrams of exporters beyond max_streams */
	bool damaged;
	uint64_t damage_offset; /* byte of the file where reading stopped */
	int64_t unread;         /* bytes from there to the end of the file; -1 on a pipe */
	char reason[TSN_INPUT_ERROR];
};

/*
 * [path] "-" is standard input. [opts] is copied, but [ports] must live until
 * close. NULL on failure with the reason, errno's text included, in [error].
 */
struct tsn_pcap *tsn_pcap_open(const char *path, const struct tsn_pcap_opts *opts,
    char error[TSN_INPUT_ERROR]);
/* The same over a reader of the caller's that stands at the capture's first byte; [error] without a path. */
struct tsn_reader;
struct tsn_pcap *tsn_pcap_attach(struct tsn_reader *reader, const struct tsn_pcap_opts *opts, char error[TSN_INPUT_ERROR]);
void tsn_pcap_close(struct tsn_pcap *p);
/* The next export datagram; false at the end, damaged or not: the report tells. */
bool tsn_pcap_next(struct tsn_pcap *p, struct tsn_datagram *out);
/*
 * What tsn_pcap_next is made of, for those who want frames: the next one, false at the end; the export datagram that a
 * frame completes, if any (the frame must be of this capture, but may have been kept since); and, after the last, giving
 * up the fragments that still wait.
 */
bool tsn_pcap_frame(struct tsn_pcap *p, struct tsn_frame *out);
bool tsn_pcap_take(struct tsn_pcap *p, const struct tsn_frame *f, struct tsn_datagram *out);
void tsn_pcap_flush(struct tsn_pcap *p);
/*
 * A datagram that is left where it lies, if it is a usual one of a stream that is known, in a file whose bytes can be: [out] has the first
 * TSN_PCAP_HEAD bytes of the payload, which is at [where]. False: not this way; nothing is taken either way, but by tsn_pcap_pass.
 */
#define TSN_PCAP_HEAD 24u
bool tsn_pcap_look(struct tsn_pcap *p, struct tsn_datagram *out, struct tsn_far_place *where);
void tsn_pcap_pass(struct tsn_pcap *p);
/* Does the payload of a datagram that was taken last stay where it lies in the file? */
bool tsn_pcap_stays(const struct tsn_pcap *p, const struct tsn_datagram *d, struct tsn_far_place *where);
/* Forgets the frames taken so far, so that they may be taken again. False when memory is out: then only close it. */
bool tsn_pcap_forget(struct tsn_pcap *p);
/* LINKTYPE_ number of its frames. */
uint32_t tsn_pcap_link(const struct tsn_pcap *p);
const struct tsn_pcap_report *tsn_pcap_report(const struct tsn_pcap *p);
/* Bytes read and bytes there are; [total] 0 if unknown (a pipe). */
void tsn_pcap_progress(const struct tsn_pcap *p, uint64_t *done, uint64_t *total);
/* Do these first [n] bytes (4 are enough) begin a capture that tsn_pcap_open could read? */
bool tsn_pcap_is_capture(const uint8_t *p, size_t n);

/* The version of libpcap, which pcapng is read with, for people; NULL if this build is without it. */
const char *tsn_pcap_library(void);

#endif
