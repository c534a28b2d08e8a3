/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Packets into flows, as a router in their place would have exported them: one direction each, by addresses, ports,
 * protocol and VLAN, ICMP by type and code instead of ports; the outermost IP header counts (see packet/headers.h).
 *
 * A flow is exported
 * - when none of its packets came for the inactive timeout;
 * - when it is as old as the active timeout; what comes then is another flow;
 * - TSN_METER_GRACE_MS after FIN or RST, so that last ACKs and repeats belong to it, or at once when a SYN begins anew;
 * - early, one that had its FIN or RST or else the one idle for longest, when there are max_flows others;
 * - at the end.
 * Time is that of the packets. Packets out of order do not turn it back, but a jump back by more than the active timeout
 * ends all flows and begins a new time (captures put one behind the other).
 *
 * Fragments count each as a packet with all its bytes. The first one tells the ports; the others are looked up by
 * addresses and identification and belong to no port (0) where it was not seen before them.
 *
 * Rows come in the order in which their flows were due; received and exported are that moment (at the end, and for those
 * early: the time of the latest packet). Packets wait in a short line before they are counted. One thread; no I/O; reads
 * no clock; allocates when it is made only.
 */
#ifndef TSN_DECODE_METER_H
#define TSN_DECODE_METER_H

#include "decode/decode.h"

#define TSN_METER_ACTIVE_MS   300000u /* as nfpcapd and most routers have it */
#define TSN_METER_INACTIVE_MS 60000u
#define TSN_METER_GRACE_MS    1000u
#define TSN_METER_FLOWS       393216u /* at a time: 56 MiB with their table, which grow as they are needed */

struct tsn_meter;

/* 0: the numbers above. */
struct tsn_meter_opts {
	uint32_t active_ms, inactive_ms, max_flows;
};

struct tsn_meter_stats {
	uint64_t packets;   /* metered */
	uint64_t not_ip;    /* frames that hold no IP header, or not all of it */
	uint64_t flows;     /* exported */
	uint64_t evicted;   /* of them early, because there were too many */
	uint64_t orphans;   /* fragments whose first one was not seen before them: their ports are 0 */
};

/* [exporters] must outlive it. NULL when memory is out. */
struct tsn_meter *tsn_meter_new(const struct tsn_meter_opts *opts, struct tsn_exporters *exporters);
void tsn_meter_free(struct tsn_meter *m);
/*
 * A frame of link type [link] of which [len] bytes of [full] were captured at [ms] (since 1970 UTC). DAMAGED: no IP.
 * STOPPED: the sink gave no batch.
 */
enum tsn_decode tsn_meter_packet(struct tsn_meter *m, uint32_t link, const uint8_t *p, size_t len, size_t full, int64_t ms,
    struct tsn_batch_sink *sink);
/* The end of a capture: exports all flows there are. OK or STOPPED. */
enum tsn_decode tsn_meter_finish(struct tsn_meter *m, struct tsn_batch_sink *sink);
const struct tsn_meter_stats *tsn_meter_stats(const struct tsn_meter *m);

#endif
