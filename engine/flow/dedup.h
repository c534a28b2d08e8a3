/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Flows that two exporters saw (S48): a row goes when another exporter sent a
 * flow with the same addresses, ports, protocol and bytes (as its record said)
 * and a start not more than a second away, within the window. What stays is
 * remembered, what goes is not; so of three exporters' reports one stays, and one
 * exporter's own repetitions all do. Time is the running maximum of the
 * times of receipt, so the batches do not matter. A row without addresses,
 * protocol, start or bytes is nobody's duplicate. One thread at a time.
 */
#ifndef TSN_FLOW_DEDUP_H
#define TSN_FLOW_DEDUP_H

#include "flow/batch.h"

#define TSN_DEDUP_ENTRIES (UINT32_C(1) << 20) /* a usual bound: 100,000 flows a second for ten seconds */

struct tsn_dedup;

/* Remembers [max] flows at most, a power of two; memory grows with the window's flows. NULL when memory is out. */
struct tsn_dedup *tsn_dedup_new(int64_t window_ms, uint32_t max, uint64_t seed);
void tsn_dedup_free(struct tsn_dedup *d);
/* What is remembered stays. */
void tsn_dedup_set_window(struct tsn_dedup *d, int64_t window_ms);
/* Takes duplicates among rows [from, b->n), which were not normalised yet, out of the batch; counts them for their exporters. */
void tsn_dedup_drop(struct tsn_dedup *d, struct tsn_batch *b, uint32_t from, struct tsn_exporters *exporters);
/* Flows forgotten before their time because [max] or memory was reached, or there were too many equal ones. */
uint64_t tsn_dedup_forgotten(const struct tsn_dedup *d);

struct tsn_pack;
struct tsn_unpack;
/* What is remembered as bytes, and into one that remembers nothing; indices of exporters are those of tsn_exporters_save. Any bytes may be given; false: it still remembers nothing. */
void tsn_dedup_save(const struct tsn_dedup *d, struct tsn_pack *out);
bool tsn_dedup_load(struct tsn_dedup *d, struct tsn_unpack *in);

#endif
