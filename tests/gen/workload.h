/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What flowgen's flows are: plausible conversations and attacks, or odd values, drawn from random
 * numbers of its own. Knows nothing of NetFlow or files. One thread; two workloads share nothing.
 *
 * Half of the hosts are inside (10.0.0.0/8, or as asked), half outside, spread over ordinary public addresses.
 * Who speaks is drawn by Zipf's law (exponent 1, or as asked) on each side. Of the first records of
 * conversations
 *
 *     78 %  ordinary: web, QUIC, DNS, NTP, mail, ssh, some peer to peer, a little GRE and ESP
 *           (or as asked); heavy-tailed packets and bytes; a quarter is opened from outside
 *      9 %  64 scanners outside, a SYN each at one port of successive inside addresses
 *      3 %  16 spam bots inside, port 25 of many servers
 *      3 %  Slammer, as 9 % of the middle third: 256 infected hosts inside, UDP port 1434 of
 *           random addresses, one packet of 404 bytes
 *      5 %  a UDP flood, as 20 % of the quarter after the middle: any outside host, one victim
 *      2 %  ICMP echo, unreachable and time exceeded
 *
 * and so many are answered by a second record, some records later, that 70 % of all records have
 * a counterpart. Flows leave when they end or up to 5 s later.
 *
 * For windows of just so many keys the sources can be replaced by others that are equally frequent. Instead of all
 * that, records may be equal, or different in every column: the worst for tables and indexes.
 */
#ifndef TESTS_GEN_WORKLOAD_H
#define TESTS_GEN_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#define WORKLOAD_PENDING 4096           /* answers on their way; a power of two */
#define WORKLOAD_PORTS 256

struct record {
	uint32_t src, dst, next_hop, packets, bytes;
	uint32_t duration, age;         /* ms; age is from the end to the export */
	uint16_t src_port, dst_port, in_if, out_if, src_as, dst_as;
	uint8_t flags, proto, tos, src_mask, dst_mask;
	bool v6;                        /* src, dst and next_hop stand for IPv6 addresses */
	bool raw_times;                 /* edge: duration and age are the start and end fields */
};

/* Vose's alias table: a slot keeps itself with [keep] of 2^32 chances, else gives [other]. */
struct alias {
	uint32_t n, *keep, *other;
};

enum workload_values { WORKLOAD_PLAUSIBLE, WORKLOAD_EQUAL, WORKLOAD_DIFFERENT };

struct workload_port {
	uint16_t port;
	bool udp;
};

struct workload_options {
	uint64_t flows;                 /* how many there will be: the attacks have their place */
	uint64_t seed;
	uint32_t hosts;                 /* 1 to 2^25 */
	uint32_t zipf_inside, zipf_outside; /* exponents in thousandths, up to 4,000; 0: all hosts alike */
	uint32_t sources;               /* of all records, each equally often; 0: as they come */
	uint32_t ipv6;                  /* per cent of the pairs of hosts */
	enum workload_values values;
	uint32_t network, network_bits; /* the inside, and bits for its hosts: 9 to 24 */
	uint32_t nports;                /* 0: the usual services, else these, equally frequent */
	struct workload_port ports[WORKLOAD_PORTS];
};

static inline bool
workload_is_inside(const struct workload_options *of, uint32_t address)
{
	return address >> of->network_bits == of->network >> of->network_bits;
}

struct workload {
	struct workload_options options;
	uint64_t made;                  /* records so far */
	uint64_t rng[4];
	struct alias inside, outside;   /* ranks of hosts */
	uint32_t inside_bits;
	struct record answer[WORKLOAD_PENDING]; /* a ring; each leaves when its turn has come */
	uint64_t due[WORKLOAD_PENDING];
	uint32_t first, waiting;
	uint32_t scan_step[64];
};

/* False if memory does not suffice. */
bool workload_init(struct workload *, const struct workload_options *);
void workload_fini(struct workload *);

/* The next record. */
void workload_next(struct workload *, struct record *);

/* Instead: a record of odd but legal values, for an export at [uptime] ms. */
void workload_next_odd(struct workload *, struct record *, uint32_t uptime);

/* 0 .. n-1, from the same sequence. */
uint32_t workload_random(struct workload *, uint32_t n);

#endif
