/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How often each value was seen in one window, for its entropy: exactly, up to 256 values, each with a count a pane;
 * from the 257th on (or past 2^32 of one) as a sketch (stable.h), until it is freed. Panes are lanes of a ring.
 * Exact entropy does not depend on the order of flows: counts c are kept with the sum of c log2 c as a whole number.
 */
#ifndef TSN_STATE_TALLY_H
#define TSN_STATE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/pack.h"
#include "state/stable.h"

#define TSN_TALLY_EXACT 256
#define TSN_TALLY_LANES 16

struct tsn_tally;

/* [*t] NULL is the empty one. [lanes] 1: there are no panes. False when memory ran out: nothing changed. */
bool tsn_tally_add(struct tsn_tally **t, uint64_t member, uint32_t lane, uint32_t lanes, const struct tsn_stable *law,
    struct tsn_heap *heap);
/* What adding it would allocate at most, beside what there is. */
uint64_t tsn_tally_wants(const struct tsn_tally *t, uint64_t member, uint32_t lane, uint32_t lanes);
/* Prefetches what adding it will touch first. */
void tsn_tally_ahead(const struct tsn_tally *t, uint64_t member);
/* Forgets the lanes (one bit each) in [gone]. */
void tsn_tally_drop(struct tsn_tally *t, uint32_t gone, struct tsn_heap *heap);
/* In bits, of the lanes [seen]. False if they hold nothing. */
bool tsn_tally_entropy(const struct tsn_tally *t, uint32_t seen, double *out);
bool tsn_tally_sketched(const struct tsn_tally *t);
void tsn_tally_free(struct tsn_tally *t, struct tsn_heap *heap);
/* Bytes of the largest there can be. */
uint64_t tsn_tally_most(uint32_t lanes);

void tsn_tally_save(const struct tsn_tally *t, struct tsn_pack *out);
/* NULL: not what was saved, or memory is out. */
struct tsn_tally *tsn_tally_load(struct tsn_unpack *in, uint32_t lanes, struct tsn_heap *heap);

#endif
