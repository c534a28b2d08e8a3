/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What exporters can be relied on to give (S46), and how many of their rows came without. */
#ifndef TSN_FLOW_GIVES_H
#define TSN_FLOW_GIVES_H

#include <stdbool.h>
#include <stdint.h>

struct tsn_batch;
struct tsn_exporter;
struct tsn_exporters;

enum tsn_gives { TSN_GIVES_FLAGS, TSN_GIVES_INTERFACES, TSN_GIVES_UNSAMPLED, TSN_GIVES_BOTH_DIRECTIONS, TSN_GIVES_COUNT };

#define TSN_GIVES_SETS (1u << TSN_GIVES_COUNT) /* a set is the bits 1 << enum tsn_gives or-ed */

/* Counts the rows of a batch of flows or conversations, each with its exporter, by the set of what it gives. */
void tsn_exporters_count_gives(struct tsn_exporters *t, const struct tsn_batch *b);
/* The same for [n] flows of [x], a usual one (tsn_exporters_usual). */
void tsn_exporter_count_usual(struct tsn_exporter *x, uint32_t n);
/* Of those so many were gone when they were to be made. */
void tsn_exporter_lost_usual(struct tsn_exporter *x, uint32_t n);
/* Rows of [x] counted so far, flows or conversations, that do not give all of the set [needs]. */
uint64_t tsn_exporter_without(const struct tsn_exporter *x, bool talks, uint32_t needs);

#endif
