/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a crew (core/crew.h) needs for the lanes it has, made beside it: a seat for each, and their places in the ring of items. */
#ifndef TSN_CORE_SEATS_H
#define TSN_CORE_SEATS_H

#include <stdatomic.h>

#include "core/internal.h"

#define TSN_CREW_ITEMS 16u /* in flight; their batches should fit into a cache */

/* Where a lane stands. Its own cache line, as threads look at those of others. */
struct tsn_seat {
	_Alignas(64) atomic_bool busy;  /* somebody runs it */
	_Atomic uint64_t done;          /* items it is through */
	_Atomic int64_t watch_due;      /* behind them */
	_Atomic uint64_t cost;          /* ns for a full batch; of one now and then */
	_Atomic unsigned by;            /* whose it is: the thread that ran it last; 0: the front */
};

struct tsn_seats {
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct tsn_seat *seat;
	struct tsn_alerts *to;
	struct tsn_alert_records *records[TSN_CREW_ITEMS]; /* of items */
	struct tsn_share **share[TSN_CREW_ITEMS];
	struct tsn_looked *looked[TSN_CREW_ITEMS];
};

/* [cost]: ns a flow of all lanes, estimated; [to]: whose sinks get the records. Takes nothing over. Any thread. NULL when memory is out. */
struct tsn_seats *tsn_seats_new(struct tsn_lane *lane, uint32_t nlanes, double cost, struct tsn_alerts *to);
/* Where the front puts what each of the shards, which have their rules now, takes of an item. False when memory is out. */
bool tsn_seats_share(struct tsn_seats *s);
void tsn_seats_free(struct tsn_seats *s);

#endif
