/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the packet room: from a captured frame to the outermost IP header in it, through VLAN tags, MPLS labels
 * (pseudowires included), PPPoE and what else lies between.
 */
#ifndef TSN_PACKET_LINK_H
#define TSN_PACKET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LINK(symbol, number): LINKTYPE_ numbers (tcpdump.org/linktypes.html), and what systems and libpcap use besides. */
#define TSN_LINKS(LINK) \
	LINK(NULL, 0) \
	LINK(ETHERNET, 1) \
	LINK(SLIP, 8) \
	LINK(PPP, 9) \
	LINK(ATM_LLC_DLT, 11) \
	LINK(RAW_BSD, 12) \
	LINK(RAW_OPENBSD, 14) \
	LINK(PPP_HDLC, 50) \
	LINK(PPP_ETHER, 51) \
	LINK(ATM_LLC, 100) \
	LINK(RAW, 101) \
	LINK(CISCO_HDLC, 104) \
	LINK(WIFI, 105) \
	LINK(LOOP, 108) \
	LINK(ENC, 109) \
	LINK(SLL, 113) \
	LINK(PFLOG, 117) \
	LINK(RADIOTAP, 127) \
	LINK(MPLS, 219) \
	LINK(IPV4, 228) \
	LINK(IPV6, 229) \
	LINK(NFLOG, 239) \
	LINK(SLL2, 276)

enum {
#define LINK(sym, number) TSN_LINK_##sym = number,
	TSN_LINKS(LINK)
#undef LINK
};

/* What stood before the IP header. */
struct tsn_link {
	bool has_mac, has_vlan;
	uint16_t vlan; /* id of the outermost tag */
	uint32_t mpls; /* the top label, 0 if there is none */
	uint64_t src_mac, dst_mac; /* of the outermost Ethernet header */
};

/* Can frames of this link type be read? */
bool tsn_link_known(uint32_t link);
/* Where in the [len] bytes at [p] an IP header begins; NULL if none does, or the frame is cut before it. */
const uint8_t *tsn_link_ip(uint32_t link, const uint8_t *p, size_t len, struct tsn_link *out);

#endif
