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

#define TSN_HLL_INDEX_BITS 12
#define TSN_HLL_REGISTERS (1u << TSN_HLL_INDEX_BITS)
#define TSN_HLL_RANK_MAX 44
#define TSN_HLL_WAITING_MOST 1022u

/* Of several panes. One that waits: index and rank, and the low byte of the pane it is of. */
struct tsn_hll_paths {
	uint64_t path[TSN_HLL_REGISTERS];
	int64_t ahead_value;
	uint32_t waiting[TSN_HLL_WAITING_MOST];
};

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
/* All that wait are added. */
void tsn_hll_catch_up(struct tsn_hll *h);
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

static inline uint32_t
tsn_hll_index(uint64_t member)
{
	return (uint32_t)(member >> (64 - TSN_HLL_INDEX_BITS));
}

static inline uint32_t
tsn_hll_rank(uint64_t member)
{
	return (uint32_t)__builtin_clzll(member << TSN_HLL_INDEX_BITS | UINT64_C(1) << (64 - TSN_HLL_RANK_MAX)) + 1;
}

/* Adds at leisure: where it is sure without looking that the sum is above [low] all the same, it may wait among others. Does it? */
static inline bool
tsn_hll_note(struct tsn_hll *h, uint64_t member, uint32_t age, uint64_t low)
{
	if (h->panes == 1 || !tsn_hll_is_above(h, low, 1)) {
		tsn_hll_add(h, member, age);
		return false;
	}
	if (h->waiting == TSN_HLL_WAITING_MOST)
		tsn_hll_catch_up(h);
	h->paths->waiting[h->waiting++] = tsn_hll_index(member) << 14 | tsn_hll_rank(member) << 8 | (uint8_t)(h->newest - age);
	h->fresh = false;
	h->ahead = 0;
	return true;
}

/* A hint that one will soon be noted. */
static inline __attribute__((always_inline)) void
tsn_hll_ahead(const struct tsn_hll *h, uint64_t member, uint64_t low)
{
	const uint32_t index = tsn_hll_index(member);

	if (h->panes == 1)
		__builtin_prefetch(&h->rank[index], 1);
	else
		__builtin_prefetch(tsn_hll_is_above(h, low, 1) ? (const void *)&h->paths->waiting[h->waiting] : &h->paths->path[index], 1);
}

/* The registers as bytes, and into a fresh one. */
void tsn_hll_save(struct tsn_hll *h, struct tsn_pack *out);
bool tsn_hll_load(struct tsn_hll *h, struct tsn_unpack *in);

#endif
