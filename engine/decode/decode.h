/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Export datagrams to rows of a batch: NetFlow v1, v5 and v7 (Cisco,
 * "NetFlow Services Solutions Guide", appendix "NetFlow Export Datagram
 * Format"), NetFlow v9 (RFC 3954) and IPFIX (RFC 7011), sFlow v5 (sflow.h). Total: any byte string gives flows and counted errors, nothing is
 * ever allocated in proportion to a number from the wire. Fills RECORD
 * columns only; tsn_batch_normalise makes the rest. Knows nothing of
 * sockets, files or rules, and reads no clock. One decoder per thread.
 *
 * How the header is read:
 * - Times. First and Last are on the exporter's 32-bit millisecond counter
 *   (sysUptime), which wraps every 49.7 days; each is placed by its age,
 *   sysUptime minus it modulo 2^32, before the header's own UTC time. What lies up
 *   to TSN_DECODE_AHEAD ms *after* sysUptime is taken as just ahead (routers do
 *   that, Cisco bug CSCei12353), anything more as before a wrap. A flow that
 *   ends before it starts (MikroTik does that) has its two times exchanged.
 *   Records of both kinds are counted (CLOCK) and kept.
 * - Sampling. The lower 14 bits of the v5 header's last word are the interval
 *   whatever the two mode bits say, because exporters leave the mode 0; 0 means untold.
 * - Sequence. v5 and v7 number flows; per exporter, version and engine what is
 *   missing (LOST), late (REORDERED) and begun anew (RESTARTS) is told apart;
 *   a late datagram is taken off LOST again. Exporters that number datagrams
 *   (Open vSwitch) are recognised. v9 numbers datagrams (LOST_DATAGRAMS), IPFIX
 *   data records of a session and domain (LOST).
 *
 * Of v9 and IPFIX: which element fills which field is in mapping.def. Records that come before their template wait
 * for it, in bounds, and are decoded as of when they came. Biflows (RFC 5103, or responder counters of firewalls)
 * give a second row, the other direction, where that has packets or bytes. What options records tell of sampling,
 * interfaces, applications and routing instances is put into the rows.
 */
#ifndef TSN_DECODE_DECODE_H
#define TSN_DECODE_DECODE_H

#include "flow/batch.h"
#include "flow/wanted.h"

#define TSN_DECODE_AHEAD 100000

struct tsn_decoder;

/*
 * Where a message came from. Templates and sequence numbers belong to a transport session (RFC 7011 section 8): for
 * UDP that is the exporter's address and port, for a TCP connection or a file a number of its own.
 */
struct tsn_sender {
	struct tsn_addr exporter;
	uint32_t session; /* UDP: the source port, 0 if unknown; TSN_SESSION_STREAM + n: connection or file number n */
};
#define TSN_SESSION_STREAM 0x10000u

enum tsn_decode {
	TSN_DECODE_OK,
	TSN_DECODE_DAMAGED, /* short, odd or lying: whole records decoded, cause counted */
	TSN_DECODE_VERSION, /* not a version this decoder reads; tsn_decode_format names it */
	TSN_DECODE_STOPPED, /* the sink gave no batch; the rest of the datagram was not decoded */
	TSN_DECODE_REFUSED  /* not looked into (the engine's word, never the decoder's) */
};

/*
 * [exporters] must outlive the decoder. At most [max_streams] sequences
 * (exporter, version, engine) are followed; the flows of further ones are
 * decoded but their losses are not seen (tsn_decoder_refused). NULL when
 * memory is out.
 */
struct tsn_decoder *tsn_decoder_new(struct tsn_exporters *exporters, uint32_t max_streams);
void tsn_decoder_free(struct tsn_decoder *d);
/* From the next message on these elements are wanted in their columns, and no others; [w] is copied. */
void tsn_decoder_want(struct tsn_decoder *d, const struct tsn_wanted *w, size_t n);
/* A connection or file (not UDP) is over: forgets its templates and sequences, gives up what waits for a template of it. */
void tsn_decoder_session_ended(struct tsn_decoder *d, const struct tsn_sender *from);
/* No more messages come: counts what still waits for its template as given up (NO_TEMPLATE). */
void tsn_decoder_finish(struct tsn_decoder *d);
struct tsn_pack;
struct tsn_unpack;
/*
 * Sequences, templates and options of exporters that send over UDP, as bytes and back: into a decoder that has seen
 * nothing yet, after tsn_exporters_load. Sets that wait for a template are not in it. Any bytes may be given; false: nothing was taken.
 */
void tsn_decoder_save(const struct tsn_decoder *d, struct tsn_pack *out);
bool tsn_decoder_load(struct tsn_decoder *d, struct tsn_unpack *in);
/* Datagrams whose sequence could not be followed because the table was full. */
uint64_t tsn_decoder_refused(const struct tsn_decoder *d);

/*
 * Decodes one message (a datagram, or a message of a stream), received at [received_ms] (ms since
 * 1970 UTC), into the batches the sink hands out. Causes of trouble go to the
 * exporter's counters.
 */
enum tsn_decode tsn_decode_message(struct tsn_decoder *d, const uint8_t *p, size_t len,
    const struct tsn_sender *from, int64_t received_ms, struct tsn_batch_sink *sink);
/* The same for a message that stays at [where] (NULL: nowhere) until its rows have been evaluated, so that some of their fields may be late. */
struct tsn_far_place;
enum tsn_decode tsn_decode_message_at(struct tsn_decoder *d, const uint8_t *p, size_t len, const struct tsn_far_place *where,
    const struct tsn_sender *from, int64_t received_ms, struct tsn_batch_sink *sink);
/*
 * The same for a message of which only the header is known (tsn_later_may): its records are added to [later], and the batches only
 * count them.
 */
struct tsn_later;
enum tsn_decode tsn_decode_later(struct tsn_decoder *d, const uint8_t *head, size_t len, const struct tsn_far_place *where,
    const struct tsn_sender *from, int64_t received_ms, struct tsn_batch_sink *sink, struct tsn_later *later);
/* The same for a datagram whose source port nobody knows. */
enum tsn_decode tsn_decode_datagram(struct tsn_decoder *d, const uint8_t *p, size_t len,
    struct tsn_addr exporter, int64_t received_ms, struct tsn_batch_sink *sink);

/* Is this payload one whole, well-formed v1, v5, v7, v9 or IPFIX message? Finds exporters in a capture. */
bool tsn_decode_looks_like(const uint8_t *p, size_t len);
/*
 * As above, and also what is surely v1, v5 or v7 though its lengths do not
 * add up (so that it is counted against its exporter even when it comes first),
 * and sFlow v5 datagrams that are whole or whose first sample is.
 */
bool tsn_decode_looks_like_export(const uint8_t *p, size_t len);
/* The formats that are decoded, for people: "NetFlow v1, v5, ...". */
const char *tsn_decode_formats(void);
/* What the datagram seems to be: "NetFlow v9", "IPFIX"..., "an unknown format". Static. */
const char *tsn_decode_format(const uint8_t *p, size_t len);

/*
 * Where messages follow one another without datagrams (files, streams): the length of the one that begins at [p], of which [n]
 * bytes are there; it may be more than [n]. 0: more bytes are needed to tell ([ended]: there are none); -1: none begins here.
 */
int64_t tsn_decode_extent(const uint8_t *p, size_t n, bool ended);
/* Do these first [n] bytes ([whole]: all there are) begin a file of such messages? */
bool tsn_decode_begins(const uint8_t *p, size_t n, bool whole);
/* When the message was sent by its header, ms since 1970 UTC; TSN_TIME_NONE if its header does not say. */
int64_t tsn_decode_export_time(const uint8_t *p, size_t n);

#endif
