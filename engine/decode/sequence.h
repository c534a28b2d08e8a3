/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: sequence numbers, one state for each exporter,
 * version, session and engine or domain. Bounded; knows nothing of records.
 */
#ifndef TSN_DECODE_SEQUENCE_H
#define TSN_DECODE_SEQUENCE_H

#include "flow/exporter.h"

struct tsn_sequences;

struct tsn_sequences *tsn_sequences_new(uint32_t max);
void tsn_sequences_free(struct tsn_sequences *t);
uint64_t tsn_sequences_refused(const struct tsn_sequences *t);

struct tsn_stream_key {
	struct tsn_addr addr;
	uint16_t version;
	uint32_t session, id; /* id: engine, Source ID, Observation Domain */
};

struct tsn_numbered {
	uint32_t seq, count; /* count: flows in it, and records of options where they are numbered, too */
	uint32_t options;    /* of [count]: records of options */
	uint32_t time;       /* ms on the exporter's clock, modulo 2^32 */
	bool datagrams;      /* the format numbers these, not flows; what the exporter does is learned */
	bool unsure;         /* there may be more flows than [count] */
};

/* Forgets the streams of a session. */
void tsn_sequences_session_ended(struct tsn_sequences *t, struct tsn_addr addr, uint32_t session);
/* Changes LOST or LOST_DATAGRAMS (what the exporter numbers), REORDERED and RESTARTS of [x]. */
void tsn_sequences_see_numbered(struct tsn_sequences *t, const struct tsn_stream_key *k, const struct tsn_numbered *n,
    struct tsn_exporter *x);
/*
 * A datagram numbered [seq] with [count] flows, sent at [uptime], of the
 * stream ([addr], [id]: version << 16 | engine). Changes LOST,
 * REORDERED and RESTARTS of [x].
 */
void tsn_sequences_see(struct tsn_sequences *t, struct tsn_addr addr, uint32_t id, uint32_t seq,
    uint32_t count, uint32_t uptime, struct tsn_exporter *x);

/* A stream that was found, for who expects more of it. */
struct tsn_stream_place {
	struct tsn_stream *stream; /* NULL: none */
	uint32_t moves;            /* streams may have moved since */
};
struct tsn_stream_place tsn_sequences_place(struct tsn_sequences *t, struct tsn_addr addr, uint32_t id);
/*
 * The same as tsn_sequences_see where the datagram is as most are: what is due in its stream, or so nearly no earlier that it means nothing.
 * False, and nothing is done, where that is not sure.
 */
bool tsn_sequences_go_on(const struct tsn_sequences *t, const struct tsn_stream_place *place, uint32_t seq, uint32_t count, uint32_t uptime);

struct tsn_pack;
struct tsn_unpack;
/* The streams of UDP as bytes, and into a table that has none yet. Any bytes may be given; false: nothing is in it. */
void tsn_sequences_save(const struct tsn_sequences *t, struct tsn_pack *out);
bool tsn_sequences_load(struct tsn_sequences *t, struct tsn_unpack *in);

#endif
