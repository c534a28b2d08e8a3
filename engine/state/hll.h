/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * HyperLogLog over panes: 4,096 registers, each with what it would be of the newest pane alone, of the two newest, and so
 * on, in 8 bytes, and with what the estimate needs, so that an answer does not look at registers. Of one pane
 * there is a byte a register. Knows nothing of groups or time: a pane goes by its age, 0 the newest.
 * Members are 64-bit hashes; their twelve upper bits choose the register.
 */
#ifndef TSN_STATE_HLL_H
#define TSN_STATE_HLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pack.h"

#define TSN_HLL_PANES_MAX 16
#define TSN_HLL_STEP (UINT64_C(1) << 48) /* what a member takes from the sum at most */

struct tsn_hll_paths;

struct tsn_hll {
	uint64_t sum;                 /* of 2^(48 - r) over all registers r: exact, so it does not drift */
	int64_t value;                /* the estimate */
	union {
		struct tsn_hll_paths *paths;
		uint8_t *rank;        /* of one pane */
	};
	uint16_t zeros;               /* registers that are 0 */
	uint16_t waiting;             /* members that were noted and are not added */
	uint8_t panes;
	uint8_t ahead;                /* as it were so many panes later there is an estimate, too; 0: none */
	bool fresh;                   /* [value] is */
	uint8_t newest;               /* its lower bits are the stamp of registers that have moved on */
	uint8_t behind;               /* panes since all of them had */
};

/* Of the registers of one that keeps [panes] panes. */
size_t tsn_hll_size(uint32_t panes);
/* They lie in memory of the caller, who frees it. */
void tsn_hll_init(struct tsn_hll *h, void *registers, uint32_t panes);
/* [age] < panes */
void tsn_hll_add(struct tsn_hll *h, uint64_t member, uint32_t age);
/* The same, at leisure: where it is sure without looking that the sum is above [low] all the same, it may wait among others. */
void tsn_hll_note(struct tsn_hll *h, uint64_t member, uint32_t age, uint64_t low);
/* A hint that one will soon be noted. */
void tsn_hll_ahead(const struct tsn_hll *h, uint64_t member, uint64_t low);
/* All panes get older by [by]; those that reach [panes] are forgotten. */
void tsn_hll_advance(struct tsn_hll *h, uint32_t by);
/* How many different members there would be if they were [ahead] older, about: standard error 1.04 / sqrt(4096) = 1.6 %. */
int64_t tsn_hll_estimate(struct tsn_hll *h, uint32_t ahead);
/* While the sum is above it there are less than [least], however far ahead; more than any sum for 0 and less. */
uint64_t tsn_hll_low(int64_t least);

/* Is the sum above [low], whatever those do to it that wait, and [more]? */
static inline bool
tsn_hll_is_above(const struct tsn_hll *h, uint64_t low, uint32_t more)
{
	return h->sum > low + (h->waiting + more) * TSN_HLL_STEP;
}

/* The registers as bytes, and into a fresh one. */
void tsn_hll_save(struct tsn_hll *h, struct tsn_pack *out);
bool tsn_hll_load(struct tsn_hll *h, struct tsn_unpack *in);

#endif
