/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Cells of a sequence. For each step but the last a group keeps one run: the flows that met the steps up to it, for
 * alerts have to tell them. Run i has i + 1 hops and begins at hop i(i+1)/2:
 *
 *   run 0: [0]    run 1: [1 2]    run 2: [3 4 5] ...
 *
 * A hop has 24 bytes; once a flow with an IPv6 address becomes one, all have 64 (the whole array moves, once).
 * Its bytes are 0 where there is no run.
 */
#ifndef TSN_STATE_RUNS_H
#define TSN_STATE_RUNS_H

#include "state/internal.h"

/* A flow that met a step. */
struct tsn_hop {
	int64_t time;
	struct tsn_addr src, dst, exporter;
	uint16_t dst_port;
	uint8_t proto, has; /* TSN_HOP_*: what of it the flow had */
};

enum { TSN_HOP_USED = 1, TSN_HOP_SRC = 2, TSN_HOP_DST = 4, TSN_HOP_EXPORTER = 8, TSN_HOP_PORT = 16, TSN_HOP_PROTO = 32 };

void tsn_hop_of(struct tsn_hop *h, const struct tsn_batch *b, uint32_t row);
/* Makes room for the addresses of [h], if its cells are too small. False: memory is out, nothing changed. */
bool tsn_runs_widen(struct tsn_agg *a, const struct tsn_hop *h);

bool tsn_run_there(const struct tsn_agg *a, uint32_t group, uint32_t step);
int64_t tsn_run_start(const struct tsn_agg *a, uint32_t group, uint32_t step);
int64_t tsn_run_met(const struct tsn_agg *a, uint32_t group, uint32_t step);
/* Run [step] becomes run [step] - 1 and [h]; tsn_runs_widen was called. */
void tsn_run_extend(struct tsn_agg *a, uint32_t group, uint32_t step, const struct tsn_hop *h);
/* The hops of a run. */
void tsn_run_get(const struct tsn_agg *a, uint32_t group, uint32_t step, struct tsn_hop *out);

#endif
