/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Conversations: joins flows of both directions, over all exporters, into one record each (LANGUAGE.md section 3, S15).
 * Two flows belong together when they have the same protocol and the same two ends, an end being an address with its
 * port (0 where the protocol has none, so the ICMP messages of two hosts are one conversation), and the later one came
 * at most [wait] after the first. The first flow opens an entry; when it has waited for so long, the entry becomes a
 * row of a batch of kind TALKS, in the order in which entries were opened.
 *
 * Bounded: so many entries and no more. What finds no place is counted and yields no record. One thread. Knows nothing
 * of rules, wire formats or clocks: time is that of receipt, as a running maximum.
 */
#ifndef TSN_PAIR_PAIR_H
#define TSN_PAIR_PAIR_H

#include "base/pack.h"
#include "flow/batch.h"
#include "flow/exporter.h"

#define TSN_PAIR_ENTRIES (1u << 20) /* unless the site's memory says otherwise */
/* Most that a place may take: the entry, its places in the index, IPv6 addresses, what it carries. */
#define TSN_PAIR_PLACE_BYTES 304u

struct tsn_pair;

struct tsn_pair_stats {
	uint64_t flows;    /* joined to a conversation, or opened one */
	uint64_t lone;     /* flows without two addresses and a protocol: nothing can be said of their other side */
	uint64_t talks;    /* records made */
	uint64_t refused;  /* flows that found no place: the bound, or memory */
	uint64_t bare;     /* times that further fields of a side, one of them or all, found no place: absent in the record */
	uint64_t open;     /* entries waiting */
	uint64_t bytes;    /* of memory in use */
};

/* At most [max] entries (rounded up to a power of two). NULL when memory is out. */
struct tsn_pair *tsn_pair_new(int64_t wait_ms, uint32_t max, uint64_t seed);
void tsn_pair_free(struct tsn_pair *p);
/* Holds for the entries waiting, too. */
void tsn_pair_set_wait(struct tsn_pair *p, int64_t wait_ms);
/*
 * Fields of the initiator's first flow that records shall have beside those that every record has (src dst src_port dst_port
 * proto flags packets bytes start end ip_version exporter_name, and the pairing fields). [pool_moved]: fields of origin POOL
 * have another meaning now: what entries carry of them is forgotten.
 */
void tsn_pair_carry(struct tsn_pair *p, const struct tsn_field_set *fields, bool pool_moved);

/* Time of receipt is now at least [now]. */
void tsn_pair_clock(struct tsn_pair *p, int64_t now);
/* Takes in the rows of a normalised batch of flows, in order. */
void tsn_pair_fold(struct tsn_pair *p, const struct tsn_batch *b);
/* The moment from which the oldest entry is due; TSN_TIME_NONE if none waits. */
int64_t tsn_pair_due(const struct tsn_pair *p);
/*
 * Makes records of the entries due at [now], oldest first, until [out] (clear, of kind TALKS) has [out->cap] rows; returns how
 * many. The batch is in normal form. Texts in it live until the next call of fold or take.
 *
 * A record's event time and time of receipt are those of the flow that opened it. Its exporter is that of the initiator's
 * first flow: where that one samples, or has not yet shown that it sends both directions and nobody answered, answered,
 * attempted, established, reply_packets and reply_bytes are absent. The first answered record of an exporter shows it (S46):
 * both_seen of its entry is set, in the order of records.
 */
uint32_t tsn_pair_take(struct tsn_pair *p, int64_t now, struct tsn_batch *out, struct tsn_exporters *exporters);

void tsn_pair_stats(const struct tsn_pair *p, struct tsn_pair_stats *out);

/*
 * All entries; exporters by address. [both_seen] is a thing of the exporters. Fields of origin POOL are absent in what
 * was loaded: another program may have other elements there.
 */
void tsn_pair_save(const struct tsn_pair *p, struct tsn_exporters *exporters, struct tsn_pack *k);
/*
 * Into an empty one. Total: any bytes may be given. False, and nothing is in it, if they make no sense, were written by a
 * version with other fields. What finds no place is counted as refused.
 */
bool tsn_pair_load(struct tsn_pair *p, struct tsn_exporters *exporters, struct tsn_unpack *u);

#endif
