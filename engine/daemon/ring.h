/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The last export messages as they came in, as captures that any tool reads (pcap, raw IP): what a change of rules is tried on
 * before it goes live. Each message stands as a UDP datagram from its exporter, whatever it came by. A file is a sixteenth of
 * the ring; the oldest goes when there would be more than the ring holds. One thread; a full disk costs the ring, never a flow.
 */
#ifndef TSN_DAEMON_RING_H
#define TSN_DAEMON_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "flow/exporter.h"

struct tsn_ring;

/* Makes [dir] if it is not there, and goes on with the files found in it. NULL when it cannot be had; told in the log. */
struct tsn_ring *tsn_ring_open(const char *dir, uint64_t cap, const struct tsn_log *log);
/* Writes what is buffered, then frees. */
void tsn_ring_close(struct tsn_ring *r);
/* A message received at [received_ms]. Longer ones than a datagram holds are left out, and counted. */
void tsn_ring_put(struct tsn_ring *r, const uint8_t *p, size_t len, struct tsn_addr exporter, uint16_t port, int64_t received_ms);
/* Whole messages only: a reader never finds half of one. */
void tsn_ring_flush(struct tsn_ring *r);
/* Is it that ring? */
bool tsn_ring_is(const struct tsn_ring *r, const char *dir, uint64_t cap);

struct tsn_ring_counts {
	uint64_t messages, bytes;  /* written since the start */
	uint64_t too_long, lost;   /* left out: longer than a datagram; for want of disk */
	uint64_t held;             /* bytes on disk now */
};
void tsn_ring_counts(const struct tsn_ring *r, struct tsn_ring_counts *out);

#endif
