/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/packet.h"

#include "base/wire.h"

enum tsn_packet
tsn_packet_after_fragments(struct tsn_ip *out)
{
	tsn_ip_skip_extensions(out);
	return out->proto == TSN_IP_PROTO_UDP ? TSN_PACKET_UDP : TSN_PACKET_NOT_UDP;
}

enum tsn_packet
tsn_packet_parse(uint32_t link, const uint8_t *p, size_t len, size_t full, struct tsn_ip *out)
{
	struct tsn_link before;
	const uint8_t *at = tsn_link_ip(link, p, len, &before);
	size_t gone = at != NULL ? (size_t)(at - p) : 0;

	switch (at != NULL ? tsn_ip_parse(at, len - gone, (full > len ? full : len) - gone, out) : TSN_IP_NOT) {
	case TSN_IP_WHOLE:
		return out->proto == TSN_IP_PROTO_UDP ? TSN_PACKET_UDP : TSN_PACKET_NOT_UDP;
	case TSN_IP_FRAGMENT: /* in IPv6 an extension header may come before what the fragments carry */
		return out->version == 4 && out->proto != TSN_IP_PROTO_UDP ? TSN_PACKET_NOT_UDP : TSN_PACKET_FRAGMENT;
	default:
		return TSN_PACKET_NOT_IP;
	}
}

/* RFC 768:  0 source port  2 destination port  4 length  6 checksum (not verified) */
bool
tsn_packet_udp(const struct tsn_ip *ip, struct tsn_datagram *d)
{
	size_t said, full;

	if (ip->len < 8)
		return false;
	said = tsn_wire_u16(ip->payload + 4);
	full = ip->full - 8;
	if (said >= 8 && said - 8 < full)
		full = said - 8;
	d->src_port = tsn_wire_u16(ip->payload);
	d->dst_port = tsn_wire_u16(ip->payload + 2);
	d->exporter = ip->src;
	d->payload = ip->payload + 8;
	d->len = ip->len - 8 < full ? ip->len - 8 : full;
	d->cut = d->len < full;
	return true;
}
