/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How an exporter stood when a message of it arrived: its running totals of
 * what was lost and damaged, as the fields exporter_* of the message's rows.
 * Taken before the message is decoded, so that its rows are alike however they
 * are cut into batches.
 */
#ifndef TSN_FLOW_STANDING_H
#define TSN_FLOW_STANDING_H

#include "flow/batch.h"
#include "flow/exporter.h"

#define TSN_STANDING_FIELDS 8

struct tsn_standing {
	int64_t v[TSN_STANDING_FIELDS];
	bool known[TSN_STANDING_FIELDS];
};

/* Is one of the fields among these? */
bool tsn_standing_wanted(const struct tsn_field_set *fields);
void tsn_standing_take(struct tsn_standing *s, const struct tsn_exporter *x);
/* Into rows [from, b->n). */
void tsn_standing_put(const struct tsn_standing *s, struct tsn_batch *b, uint32_t from);

#endif
