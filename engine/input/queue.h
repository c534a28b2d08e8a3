/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Datagrams on their way from the thread that receives them to the one that decodes them: a ring of bytes with one
 * writer and one reader, without a lock. It is bounded and never waits: what finds no room stays with the writer,
 * who then leaves the rest to the kernel, which counts what it drops.
 */
#ifndef TSN_INPUT_QUEUE_H
#define TSN_INPUT_QUEUE_H

#include "input/datagram.h"

struct tsn_queue;

/* [bytes]: a power of two, at least 256 KiB, so that the longest datagram fits. NULL when memory is out. */
struct tsn_queue *tsn_queue_new(size_t bytes);
void tsn_queue_free(struct tsn_queue *q);

/* The writer: copies a datagram in; false: no room. The reader sees it once it is sent. */
bool tsn_queue_put(struct tsn_queue *q, const struct tsn_datagram *d);
void tsn_queue_send(struct tsn_queue *q);

/* The reader: at most [max] datagrams, the oldest first. They are in the ring, and valid until tsn_queue_done. */
unsigned tsn_queue_take(struct tsn_queue *q, struct tsn_datagram *out, unsigned max);
void tsn_queue_done(struct tsn_queue *q);
/* Is there anything to take? A writer that sends and then asks who sleeps, and a reader that says so and then asks, do not miss each other. */
bool tsn_queue_waits(const struct tsn_queue *q);

#endif
