/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the packet room and for those who put fragments together: what an IP header and its extensions say. */
#ifndef TSN_PACKET_IP_H
#define TSN_PACKET_IP_H

#include "base/addr.h"

enum { TSN_IP_PROTO_ICMP = 1, TSN_IP_PROTO_TCP = 6, TSN_IP_PROTO_UDP = 17, TSN_IP_PROTO_DCCP = 33 };
enum { TSN_IP_PROTO_GRE = 47, TSN_IP_PROTO_ICMP6 = 58, TSN_IP_PROTO_SCTP = 132, TSN_IP_PROTO_UDPLITE = 136 };

enum tsn_ip_kind {
	TSN_IP_NOT,     /* not an IP header, or not all of it */
	TSN_IP_WHOLE,   /* [payload] begins with a header of [proto] */
	TSN_IP_FRAGMENT /* [payload] is a piece */
};

struct tsn_ip {
	struct tsn_addr src, dst;
	const uint8_t *payload; /* what follows the IP header(s) */
	size_t len;             /* bytes of it captured */
	size_t full;            /* bytes of it sent, by the IP length; at least len */
	uint8_t proto;          /* of the payload; in an IPv6 fragment maybe an extension header */
	uint8_t version, tos, ttl;
	uint32_t flow_label;    /* IPv6 */
	uint32_t total;         /* bytes of the packet by its header; what was sent where that says 0 */
	uint32_t id;            /* fragments only, as are the next two */
	uint32_t offset;        /* bytes */
	bool more;
};

/* [len] bytes were captured of a packet and what may follow it, [full] were sent. */
enum tsn_ip_kind tsn_ip_parse(const uint8_t *p, size_t len, size_t full, struct tsn_ip *out);
/* Walks the IPv6 extension headers of a payload that begins with header [ip->proto]. */
void tsn_ip_skip_extensions(struct tsn_ip *ip);

#endif
