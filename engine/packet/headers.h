/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The packet room: from the bytes of a captured or sampled frame to what its headers say. Pure functions;
 * anything may be cut short. Shared by those who look for export datagrams in captures, who meter packets into flows and
 * who read packet headers in sFlow samples. Knows nothing of flows, files or exports.
 */
#ifndef TSN_PACKET_HEADERS_H
#define TSN_PACKET_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum tsn_headers {
	TSN_HEADERS_IP,     /* the IP header was all there */
	TSN_HEADERS_NOT_IP, /* another protocol, or too short to tell */
};

/* What one packet says of itself. What [has] does not list is 0. */
struct tsn_headers_info {
	bool has_mac, has_vlan, has_ports, has_flags, has_icmp;
	bool fragment;       /* is a fragment; but the first one's ports are known */
	bool later_fragment; /* not the first: ports are absent */
	uint8_t ip_version, proto, tos, ttl;
	uint8_t icmp_type, icmp_code;
	uint16_t vlan;       /* the outermost tag's VLAN id */
	uint16_t src_port, dst_port;
	uint16_t flags;      /* TCP */
	uint32_t flow_label; /* IPv6 */
	uint32_t fragment_id; /* of a fragment's packet, the same in all of them */
	uint32_t mpls;       /* the top label, 0 if there is none */
	uint32_t ip_bytes;   /* length of the IP packet by its header; what was on the wire where that says 0 (segmentation offload) */
	uint64_t src_mac, dst_mac;
	struct tsn_addr src, dst;
};

/*
 * [link] is a LINKTYPE_ number (tcpdump.org/linktypes.html); [len] bytes of [full] sent were captured. Goes through
 * VLAN tags (802.1Q, 802.1ad, 0x9100), MPLS labels, PPPoE and IPv6 extension headers to the outermost IP header. The
 * one tunnel that is looked into is ERSPAN: what it carries are copies of frames, not traffic of its sender.
 */
enum tsn_headers tsn_headers_parse(uint32_t link, const uint8_t *p, size_t len, size_t full, struct tsn_headers_info *out);

#endif
