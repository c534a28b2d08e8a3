/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the input room: from a captured frame to the UDP datagram or the IP
 * fragment in it. Pure functions over bytes; anything may be cut short.
 */
#ifndef TSN_INPUT_PACKET_H
#define TSN_INPUT_PACKET_H

#include "input/datagram.h"
#include "packet/ip.h"
#include "packet/link.h"

enum tsn_packet {
	TSN_PACKET_UDP,      /* [udp] points at a UDP header */
	TSN_PACKET_FRAGMENT, /* [udp] points at a piece that might be of a UDP datagram */
	TSN_PACKET_NOT_UDP,
	TSN_PACKET_NOT_IP,
};

/* [len] bytes of [full] sent were captured. */
enum tsn_packet tsn_packet_parse(uint32_t link, const uint8_t *p, size_t len, size_t full, struct tsn_ip *out);
/*
 * Walks the IPv6 extension headers of a reassembled payload that begins with
 * header [out->proto]: UDP or NOT_UDP.
 */
enum tsn_packet tsn_packet_after_fragments(struct tsn_ip *out);
/* Sets [d]'s exporter, ports, payload and cut from a UDP header; false if it is not all there. */
bool tsn_packet_udp(const struct tsn_ip *ip, struct tsn_datagram *d);

#endif
