/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Threads that take datagrams from the kernel beside the one that evaluates them. Each has one socket of every address
 * that is listened on (tsn_udp_spread) and a bounded queue (input/queue.h) to the caller, so an exporter's datagrams stay in
 * order, and who floods one queue leaves the others alone. When its queue is full a receiver waits: what comes
 * meanwhile stays with the kernel, which drops and counts it once its buffer is full.
 *
 * All functions are for one thread, the caller's. While the receivers stand still it may use their sockets itself.
 */
#ifndef TSN_DAEMON_RECEIVERS_H
#define TSN_DAEMON_RECEIVERS_H

#include "base/log.h"
#include "input/udp.h"

#define TSN_RECEIVERS_MAX 8u /* more than one thread can decode for */

struct tsn_receivers;

/* How many there should be beside so many threads that evaluate; 0: who evaluates receives, too. */
unsigned tsn_receivers_for(unsigned threads);

/* [queue]: bytes each; 0: 8 MiB. NULL when memory or descriptors are out. */
struct tsn_receivers *tsn_receivers_new(unsigned n, size_t queue, const struct tsn_log *log);
void tsn_receivers_free(struct tsn_receivers *r);
unsigned tsn_receivers_count(const struct tsn_receivers *r);

/* While they stand still: receiver [i] is to take from [u], too. False when memory is out. */
bool tsn_receivers_add(struct tsn_receivers *r, unsigned i, struct tsn_udp *u);
/* False, and the log says why, if not one thread can be had: then the sockets are the caller's. If some cannot, the others do their work. */
bool tsn_receivers_start(struct tsn_receivers *r);
/* They stand still, and know no socket any more; what they had taken is still to be taken from them, and before any socket is closed. */
void tsn_receivers_stop(struct tsn_receivers *r);
/* Threads at work. */
unsigned tsn_receivers_running(const struct tsn_receivers *r);

/* The oldest datagrams that receiver [i] took: [max], or fewer if there are no more. Valid until tsn_receivers_done. */
unsigned tsn_receivers_take(struct tsn_receivers *r, unsigned i, struct tsn_datagram *out, unsigned max);
void tsn_receivers_done(struct tsn_receivers *r, unsigned i);

/* For a caller that is about to sleep: true if there is nothing to take; then the descriptor is readable once there is. */
bool tsn_receivers_watch(struct tsn_receivers *r);
int tsn_receivers_fd(const struct tsn_receivers *r);

/* How often a receiver found its queue full and waited; an error (errno) since the last call, 0: none. */
uint64_t tsn_receivers_waits(const struct tsn_receivers *r);
int tsn_receivers_error(struct tsn_receivers *r);

#endif
