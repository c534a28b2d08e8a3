/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: the flows a meter has at a time. A pool of them, an open table of their numbers by key, and
 * three lists each in the order of the moments when its flows are due. Number 0 is nobody.
 */
#ifndef TSN_DECODE_METER_FLOWS_H
#define TSN_DECODE_METER_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

/* [rest] is what is not an address, in one number. */
struct tsn_meter_key {
	uint64_t src_hi, src_lo, dst_hi, dst_lo;
	uint64_t rest;
};

struct tsn_meter_link {
	uint32_t next, prev;
};

/* 128 bytes: looked up, counted and moved in its lists for every packet. */
struct tsn_meter_flow {
	struct tsn_meter_key key;
	uint32_t tag;                    /* part of the key's hash; also in its slot */
	uint16_t flags;
	uint8_t tos, min_ttl;
	uint64_t packets, bytes;
	int64_t start, end;              /* of its packets */
	int64_t born, seen;              /* on the meter's clock; [seen] of a flow that closes is when it began to */
	struct tsn_meter_link age, wait; /* in [by_age]; in [idle] or [closing] */
	uint8_t src_mac[6], dst_mac[6];
	uint32_t flow_label : 20, max_ttl : 8, has_flags : 1, has_mac : 1, closes : 1;
};

/* First in, first out; but any may leave. */
struct tsn_meter_list {
	uint32_t head, tail;
};

struct tsn_meter_slot {
	uint32_t flow, tag; /* 0: free */
};

/* Counting from 1; element 0 of [flow] is there, and nobody. */
struct tsn_meter_flows {
	struct tsn_meter_flow *flow; /* 1..room; in [memory], on cache lines */
	void *memory;
	struct tsn_meter_slot *table;
	uint32_t mask, max, room, count, used, free; /* [room] grows to [max]; [used] numbers were ever given, those given back hang at [free] */
	struct tsn_meter_list by_age, idle, closing;
};

bool tsn_meter_flows_init(struct tsn_meter_flows *t, uint32_t max);
/* Makes room for one more if [max] and memory allow. */
bool tsn_meter_flows_reserve(struct tsn_meter_flows *t);
void tsn_meter_flows_fini(struct tsn_meter_flows *t);
/* Has what [find] will want first, or then, on its way from memory. Inlined always, as base/prefetch.h says. */
static inline __attribute__((always_inline)) void
tsn_meter_flows_expect(const struct tsn_meter_flows *t, uint32_t tag)
{
	__builtin_prefetch(&t->table[tag & t->mask]);
}

static inline __attribute__((always_inline)) void
tsn_meter_flows_expect_flow(const struct tsn_meter_flows *t, uint32_t tag)
{
	const char *flow = (const char *)&t->flow[t->table[tag & t->mask].flow];

	__builtin_prefetch(flow, 1);
	__builtin_prefetch(flow + 64, 1);
}

/* 0 if there is none. */
uint32_t tsn_meter_flows_find(const struct tsn_meter_flows *t, const struct tsn_meter_key *key, uint32_t tag);
/* The new flow has its key and its place in [by_age] and [idle]; all else is 0. There must be room. */
uint32_t tsn_meter_flows_add(struct tsn_meter_flows *t, const struct tsn_meter_key *key, uint32_t tag);
void tsn_meter_flows_remove(struct tsn_meter_flows *t, uint32_t i);
/* To the end of the idle ones, or of those that are closing. */
void tsn_meter_flows_touch(struct tsn_meter_flows *t, uint32_t i);
void tsn_meter_flows_close(struct tsn_meter_flows *t, uint32_t i);
uint32_t tsn_meter_key_tag(const struct tsn_meter_key *key);

#endif
