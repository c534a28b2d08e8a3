/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The ring of panes of one group. A cell begins with a head:
 *
 *   63..20  newest pane of the flows counted; 0: none yet
 *   19..0   which lanes hold something (one bit each), or what else the cell wants;
 *           with two lanes (`per`) bits 2 and 3: the lane's window was closed
 *
 * and pane p lies in lane p mod lanes. Pane numbers are biased so that they
 * are positive and never near 0: an empty head is older than any pane, which
 * leaves no special case. A lane whose bit is clear is not read, so moving the window on
 * touches only the head. Nothing here knows what a lane holds.
 */
#ifndef TSN_STATE_RING_H
#define TSN_STATE_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TSN_HEAD_BITS 20
#define TSN_PANE_BIAS (INT64_C(1) << 43)           /* a multiple of every number of lanes */
#define TSN_PANE_LIMIT (TSN_PANE_BIAS - 64)        /* 278,000 years of seconds; further is held here */

static inline uint64_t
tsn_head_load(const uint8_t *cell)
{
	uint64_t head;

	memcpy(&head, cell, sizeof(head));
	return head;
}

static inline void
tsn_head_store(uint8_t *cell, uint64_t head)
{
	memcpy(cell, &head, sizeof(head));
}

static inline uint64_t
tsn_ring_newest(uint64_t head)
{
	return head >> TSN_HEAD_BITS;
}

/* Older than the window of the group. */
static inline bool
tsn_ring_late(uint64_t head, uint64_t pane, uint32_t keep)
{
	return pane + keep <= tsn_ring_newest(head);
}

/* Rotates [bits] right by [by] < [lanes]. */
static inline uint32_t
tsn_ring_rotate(uint32_t bits, uint32_t by, uint32_t lanes)
{
	return (bits >> by | bits << (lanes - by)) & ((UINT32_C(1) << lanes) - 1);
}

/* Lane of the oldest pane a ring of [lanes] can hold: bit 0 of a view. */
static inline uint32_t
tsn_ring_oldest(uint64_t head, uint32_t lanes)
{
	return (uint32_t)(tsn_ring_newest(head) + 1) & (lanes - 1);
}

/* The used lanes as a view: oldest pane first, so bit lanes-1 is the newest. */
static inline uint32_t
tsn_ring_used(uint64_t head, uint32_t lanes)
{
	const uint32_t bits = (uint32_t)head & ((UINT32_C(1) << lanes) - 1);

	return tsn_ring_rotate(bits, tsn_ring_oldest(head, lanes), lanes);
}

/* Lanes in use, as a view, that are outside a window of [keep] panes: none, but in what is read back there may be any. */
static inline uint32_t
tsn_ring_outside(uint64_t head, uint32_t keep, uint32_t lanes)
{
	return tsn_ring_used(head, lanes) & ((UINT32_C(1) << (lanes - keep)) - 1);
}

/* The used lanes, as bits, that are left when the window has moved on by [d] panes. No branch by [d], which is as good as random. */
static inline uint32_t
tsn_ring_left(uint64_t head, uint64_t d, uint32_t keep, uint32_t lanes)
{
	const uint64_t leave = (UINT64_C(1) << (d < keep ? d : keep)) - 1, out = leave << ((tsn_ring_newest(head) + 1 - keep) & (lanes - 1));

	return (uint32_t)head & ((UINT32_C(1) << lanes) - 1) & ~(uint32_t)(out | out >> lanes);
}

/* Moves the window on to [pane], if it is newer. */
static inline uint64_t
tsn_ring_advance(uint64_t head, uint64_t pane, uint32_t keep, uint32_t lanes)
{
	const uint64_t newest = tsn_ring_newest(head);
	uint64_t left;

	if (pane <= newest)
		return head;
	left = tsn_ring_left(head, pane - newest, keep, lanes);
	return pane << TSN_HEAD_BITS | left | (lanes == 2 ? head & left << 2 : 0);
}

/*
 * The lanes a flow of [pane] sees, as a view: of a sliding window all up to
 * the newer of its pane and the newest; of a tumbling one (two lanes) its own.
 */
static inline uint32_t
tsn_ring_view(uint64_t head, uint64_t pane, uint32_t keep, uint32_t lanes, bool tumbling)
{
	const uint64_t newest = tsn_ring_newest(head);

	if (tumbling)
		return pane > newest || pane + lanes <= newest ? 0 :
		    tsn_ring_used(head, lanes) & UINT32_C(1) << (lanes - 1 - (uint32_t)(newest - pane));
	if (pane <= newest)
		return tsn_ring_used(head, lanes);
	return tsn_ring_rotate(tsn_ring_left(head, pane - newest, keep, lanes), tsn_ring_oldest(head, lanes), lanes);
}

/* Of a tumbling window: does the group hold [pane], not closed yet? And: it is closed now. */
static inline bool
tsn_ring_open(uint64_t head, uint64_t pane)
{
	uint64_t newest = tsn_ring_newest(head);

	return pane <= newest && pane + 2 > newest && (head >> (pane & 1) & 5) == 1;
}

static inline bool
tsn_ring_holds(uint64_t head, uint64_t pane)
{
	uint64_t newest = tsn_ring_newest(head);

	return pane <= newest && pane + 2 > newest && (head >> (pane & 1) & 1);
}

static inline uint64_t
tsn_ring_close(uint64_t head, uint64_t pane)
{
	return head | UINT64_C(4) << (pane & 1);
}

/* Could it be a head? Of any number, for what is read back: no bits beside the lanes (and their closed marks), none outside the window, no pane out of range. */
static inline bool
tsn_ring_valid(uint64_t head, uint32_t keep, uint32_t lanes)
{
	const uint64_t newest = tsn_ring_newest(head), marks = lanes == 2 ? 15 : (UINT64_C(1) << lanes) - 1;

	return (head & ((UINT64_C(1) << TSN_HEAD_BITS) - 1) & ~marks) == 0 && tsn_ring_outside(head, keep, lanes) == 0 &&
	    (newest == 0 ? head == 0 : newest >= (uint64_t)(TSN_PANE_BIAS - TSN_PANE_LIMIT) && newest <= (uint64_t)(TSN_PANE_BIAS + TSN_PANE_LIMIT));
}

#endif
