/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * sFlow v5 (sflow.org, "sFlow Version 5", July 2004): every sampled packet is a row of one packet. How it is read:
 * - `exporter` is where the datagram came from, as with every other format: the site's settings are by that address.
 *   Only where that is unknown the agent's address in the datagram stands in.
 * - There is no wall clock in sFlow: start, end and time of receipt are one, and the exporter's clock is untold.
 * - `bytes` is the length of the IP packet by its own header, and not that of the frame.
 * - `sampling` is the rate of the sample.
 * - An interface that is unknown (0), internal (0x3fffffff) or many is absent. Packets that the agent discarded are
 *   fwd_status dropped, those for the agent itself consumed.
 * - Datagrams are numbered for each agent and sub-agent (LOST_DATAGRAMS); what an agent could not sample it says in a
 *   running total for each source, whose growth is AGENT_DROPS.
 */
#ifndef TSN_DECODE_SFLOW_H
#define TSN_DECODE_SFLOW_H

#include "decode/message.h"
#include "decode/sequence.h"
#include "decode/xdr.h"
#include "packet/headers.h"

#define TSN_SFLOW_VERSION 5u /* all of the first 32 bits */

struct tsn_sflow;

/* Follows the drops of [max] sources at most; those of further ones are not seen. NULL when memory is out. */
struct tsn_sflow *tsn_sflow_new(uint32_t max);
void tsn_sflow_free(struct tsn_sflow *s);
/* [m] begins with the version. */
enum tsn_decode tsn_sflow_decode(struct tsn_sflow *s, struct tsn_sequences *sequences, const struct tsn_message *m,
    struct tsn_batch_sink *sink);

/* What the flow records of one sample say of its packet. Strings point into the datagram. */
struct tsn_sflow_packet {
	/* where [ip] is from: nowhere, a summary, the packet itself */
	enum { TSN_SFLOW_NO_IP, TSN_SFLOW_FIELDS, TSN_SFLOW_HEADER } from;
	struct tsn_headers_info ip;
	bool has_eth, has_vlan, has_masks, has_as;
	bool has_hop, has_bgp_hop;
	uint64_t src_mac, dst_mac;
	uint16_t vlan;
	uint8_t src_mask, dst_mask;
	uint32_t src_as, dst_as;
	struct tsn_addr hop, bgp_hop;
	struct tsn_str user, host, url;
};

/* Nothing is known. Whatever stands in the rest is looked at only where these say so: to clear all of it takes longer than to read most. */
static inline void
tsn_sflow_begin(struct tsn_sflow_packet *k)
{
	k->from = TSN_SFLOW_NO_IP;
	k->has_eth = k->has_vlan = k->has_masks = k->has_as = k->has_hop = k->has_bgp_hop = false;
	k->user.n = k->host.n = k->url.n = 0;
	k->ip.has_mac = k->ip.has_vlan = false;
}

/* One flow record of enterprise 0; formats that say nothing of a flow are passed over. False: too short for its kind. */
bool tsn_sflow_record(struct tsn_sflow_packet *k, uint32_t format, struct tsn_xdr *body);
/* Writes what is known to the row. */
void tsn_sflow_put(struct tsn_batch *b, uint32_t row, const struct tsn_sflow_packet *k);

#endif
