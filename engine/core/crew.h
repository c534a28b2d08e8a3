/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The crew: lanes behind a ring of items, and threads that work through them.
 * A lane that has items waiting and that nobody runs is taken by a thread,
 * which goes through several before it gives it back. The front never waits
 * while there is work: where no item is free it works itself. So all of it
 * also works without any thread, and threads need be woken only when several
 * items wait: that costs more than a light batch does.
 *
 * All but the threads' own part is for the front's thread. It alone gives
 * records to the sinks, in the order of items.
 */
#ifndef TSN_CORE_CREW_H
#define TSN_CORE_CREW_H

#include "core/items.h"

struct tsn_crew;

/* [threads], the front's included. [to]: whose sinks get the records. Takes none of it over. NULL when memory or threads are out. */
struct tsn_crew *tsn_crew_new(unsigned threads, struct tsn_lane *lane, uint32_t nlanes, struct tsn_alerts *to);
/* Stops the threads; what waits is not done any more. */
void tsn_crew_free(struct tsn_crew *c);

/* The next item, to be filled; works and waits until one is free. */
struct tsn_item *tsn_crew_item(struct tsn_crew *c);
/* A clear batch, which is the caller's until it is in an item; and back. There are enough for two at a time. */
struct tsn_batch *tsn_crew_batch(struct tsn_crew *c, enum tsn_batch_kind kind, uint32_t cap);
void tsn_crew_put_batch(struct tsn_crew *c, struct tsn_batch *b);
/* Sends it off. */
void tsn_crew_send(struct tsn_crew *c, const struct tsn_item *it);
/* All items are through all lanes when it returns, their records given. */
void tsn_crew_drain(struct tsn_crew *c);
/* A moment before which no lane's watches are due, whatever still waits; see tsn_alerts_watch_due. */
int64_t tsn_crew_watch_due(const struct tsn_crew *c);
/* The least of the lanes' tsn_alerts_watch_grace has changed. */
void tsn_crew_set_grace(struct tsn_crew *c);

#endif
