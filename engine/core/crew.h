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
 * Where little waits, threads do what is to be done aside: reading ahead
 * spares the front more than it costs them. As long as all of them are at
 * that and nothing waits, the front runs the lanes on the spot, while the
 * batch is in its cache; always, where all lanes together take less time than
 * to hand a batch over does. That is measured, if there is a clock; a schedule
 * may depend on it, as no result depends on a schedule.
 *
 * All but the threads' own part is for the front's thread. It alone gives
 * records to the sinks, in the order of items.
 */
#ifndef TSN_CORE_CREW_H
#define TSN_CORE_CREW_H

#include "core/asides.h"
#include "core/items.h"

struct tsn_crew;
struct tsn_seats;

/*
 * So many threads at most, the caller's own included; [asides]: what they may do besides; of [o] the log and the clock of threads. It
 * has no lanes yet, and no threads. NULL when memory is out.
 */
struct tsn_crew *tsn_crew_new(unsigned threads, struct tsn_asides *asides, const struct tsn_engine_options *o);
/* Where lanes log: it reaches the crew's log by the front's thread. */
const struct tsn_log *tsn_crew_log(const struct tsn_crew *c);

/*
 * These lanes take the place of those the crew had, which [s] has then. All is drained. Threads that the new ones can use are
 * started, if they are not there yet; the log is told if fewer are to be had.
 */
void tsn_crew_seat(struct tsn_crew *c, struct tsn_seats *s);
/* Stops the threads; what waits is not done any more. */
void tsn_crew_free(struct tsn_crew *c);

/* There is something to do aside. */
void tsn_crew_call(struct tsn_crew *c);

/* The next item, to be filled; works and waits until one is free. */
struct tsn_item *tsn_crew_item(struct tsn_crew *c);
/* A clear batch, which is the caller's until it is in an item; and back. There are enough for two at a time. */
struct tsn_batch *tsn_crew_batch(struct tsn_crew *c, enum tsn_batch_kind kind, uint32_t cap);
void tsn_crew_put_batch(struct tsn_crew *c, struct tsn_batch *b);
/* Sends the item off. */
void tsn_crew_send(struct tsn_crew *c);
/* All items are through all lanes when it returns, their records given. */
void tsn_crew_drain(struct tsn_crew *c);
/* What lanes have of their own, not of an item, goes to the sinks; when all is drained. */
void tsn_crew_flush(struct tsn_crew *c);
/* A moment before which no lane's watches are due, whatever still waits; see tsn_alerts_watch_due. */
int64_t tsn_crew_watch_due(const struct tsn_crew *c);
/* Lanes were changed, or their alerts, while nothing waited; [grace]: the least of their tsn_alerts_watch_grace. */
void tsn_crew_look(struct tsn_crew *c, int64_t grace);

#endif
