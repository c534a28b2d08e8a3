/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * HyperLogLog over panes: 4,096 registers of 6 bits (3 KB) for each pane that
 * has members, and the union of all of them with what the estimate needs, so
 * that an answer does not look at registers. Knows nothing of groups or time.
 * Members are 64-bit hashes; their twelve upper bits choose the register.
 */
#ifndef TSN_STATE_HLL_H
#define TSN_STATE_HLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"

#define TSN_HLL_LANES 16

struct tsn_hll;

/* [lanes] 1: the union is all there is. NULL when memory is out. */
struct tsn_hll *tsn_hll_new(uint32_t lanes, uint64_t *bytes);
void tsn_hll_free(struct tsn_hll *h, uint64_t *bytes);
/* False when memory ran out: the member was not added. */
bool tsn_hll_add(struct tsn_hll *h, uint64_t member, uint32_t lane, uint64_t *bytes);
/* What adding to [lane] would allocate; and bytes of the largest there can be. */
uint64_t tsn_hll_wants(const struct tsn_hll *h, uint32_t lane);
uint64_t tsn_hll_most(uint32_t lanes);
/* Forgets the lanes (one bit each) in [gone]. */
void tsn_hll_drop(struct tsn_hll *h, uint32_t gone, uint64_t *bytes);
/* How many different members the lanes in [seen] have, about: standard error 1.04 / sqrt(4096) = 1.6 %. */
int64_t tsn_hll_estimate(struct tsn_hll *h, uint32_t seen);

/* The registers as bytes, and into a fresh one. Lanes not [allowed] are bad. */
void tsn_hll_save(const struct tsn_hll *h, struct tsn_pack *out);
bool tsn_hll_load(struct tsn_hll *h, uint32_t allowed, struct tsn_unpack *in, uint64_t *bytes);

#endif
