/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: sequence numbers of v5 and v7, one state for each
 * exporter, version and engine. Bounded; knows nothing of records.
 */
#ifndef TSN_DECODE_SEQUENCE_H
#define TSN_DECODE_SEQUENCE_H

#include "flow/exporter.h"

struct tsn_sequences;

struct tsn_sequences *tsn_sequences_new(uint32_t max);
void tsn_sequences_free(struct tsn_sequences *t);
uint64_t tsn_sequences_refused(const struct tsn_sequences *t);

/*
 * A datagram numbered [seq] with [count] flows, sent at [uptime], of the
 * stream ([addr], [id]: version and engine in one number below 2^30). Changes LOST,
 * REORDERED and RESTARTS of [x].
 */
void tsn_sequences_see(struct tsn_sequences *t, struct tsn_addr addr, uint32_t id, uint32_t seq,
    uint32_t count, uint32_t uptime, struct tsn_exporter *x);

#endif
