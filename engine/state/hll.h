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

struct tsn_hll {
	uint64_t sum;               /* of 2^(48 - r) over all registers r: exact, so it does not drift */
	int64_t value, ahead_value; /* estimates of it all, and as it were [ahead] panes later */
	union {
		uint64_t *path;
		uint8_t *rank;      /* of one pane */
	};
	uint16_t zeros;             /* registers that are 0 */
	uint8_t panes, ahead;       /* 0: not known */
	bool fresh;                 /* [value] is */
	uint8_t newest;             /* its lower bits are the stamp of registers that have moved on */
	uint8_t behind;             /* panes since all of them had */
};

/* Of the registers of one that keeps [panes] panes. */
size_t tsn_hll_size(uint32_t panes);
/* They lie in memory of the caller, who frees it. */
void tsn_hll_init(struct tsn_hll *h, void *registers, uint32_t panes);
/* [age] < panes */
void tsn_hll_add(struct tsn_hll *h, uint64_t member, uint32_t age);
/* A hint that it will soon be added. */
void tsn_hll_ahead(const struct tsn_hll *h, uint64_t member);
/* All panes get older by [by]; those that reach [panes] are forgotten. */
void tsn_hll_advance(struct tsn_hll *h, uint32_t by);
/* How many different members there would be if they were [ahead] older, about: standard error 1.04 / sqrt(4096) = 1.6 %. */
int64_t tsn_hll_estimate(struct tsn_hll *h, uint32_t ahead);
/* While the sum is more than that, there are less than [least], however far ahead. Else: ask. 0 or less: never. */
uint64_t tsn_hll_low(int64_t least);

/* The registers as bytes, and into a fresh one. */
void tsn_hll_save(const struct tsn_hll *h, struct tsn_pack *out);
bool tsn_hll_load(struct tsn_hll *h, struct tsn_unpack *in);

#endif
