/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: from a captured frame to the UDP datagram or the IP
 * fragment in it. Pure functions over bytes; anything may be cut short.
 */
#ifndef TSN_INPUT_PACKET_H
#define TSN_INPUT_PACKET_H

#include "input/datagram.h"

/* LINKTYPE_ numbers (tcpdump.org/linktypes.html), and what systems use for raw IP besides. */
enum {
	TSN_LINK_NULL = 0,
	TSN_LINK_ETHERNET = 1,
	TSN_LINK_RAW_BSD = 12,
	TSN_LINK_RAW_OPENBSD = 14,
	TSN_LINK_RAW = 101,
	TSN_LINK_LOOP = 108,
	TSN_LINK_SLL = 113,
	TSN_LINK_IPV4 = 228,
	TSN_LINK_IPV6 = 229,
	TSN_LINK_SLL2 = 276,
};

enum tsn_packet {
	TSN_PACKET_UDP,      /* [udp] points at a UDP header */
	TSN_PACKET_FRAGMENT, /* [udp] points at a piece that might be of a UDP datagram */
	TSN_PACKET_NOT_UDP,
	TSN_PACKET_NOT_IP,
};

struct tsn_ip {
	struct tsn_addr src, dst;
	const uint8_t *payload; /* what follows the IP header(s) */
	size_t len;             /* bytes of it captured */
	size_t full;            /* bytes of it sent, by the IP length; at least len */
	uint8_t proto;          /* of the payload; in an IPv6 fragment maybe an extension header */
	uint32_t id;            /* fragments only, as are the next two */
	uint32_t offset;        /* bytes */
	bool more;
};

bool tsn_packet_link_known(uint32_t link);
enum tsn_packet tsn_packet_parse(uint32_t link, const uint8_t *p, size_t len, struct tsn_ip *out);
/*
 * Walks the IPv6 extension headers of a reassembled payload that begins with
 * header [out->proto]: UDP or NOT_UDP.
 */
enum tsn_packet tsn_packet_after_fragments(struct tsn_ip *out);
/* Sets [d]'s exporter, ports, payload and cut from a UDP header; false if it is not all there. */
bool tsn_packet_udp(const struct tsn_ip *ip, struct tsn_datagram *d);

#endif
