/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/packet.h"

#include <endian.h>
#include <string.h>

enum { IP_HOP_BY_HOP = 0, IP_UDP = 17, IP_ROUTING = 43, IP_FRAGMENT = 44, IP_AH = 51 };
enum { IP_DEST_OPTIONS = 60, IP_MOBILITY = 135, IP_HIP = 139, IP_SHIM6 = 140 };

static uint16_t
u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static uint32_t
u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

bool
tsn_packet_link_known(uint32_t link)
{
	switch (link) {
	case TSN_LINK_NULL: case TSN_LINK_ETHERNET: case TSN_LINK_RAW_BSD:
	case TSN_LINK_RAW_OPENBSD: case TSN_LINK_RAW: case TSN_LINK_LOOP: case TSN_LINK_SLL:
	case TSN_LINK_IPV4: case TSN_LINK_IPV6: case TSN_LINK_SLL2:
		return true;
	default:
		return false;
	}
}

/*
 * RFC 791:  0 version, header length  2 total length  4 id  6 flags, offset
 *           9 protocol  12 source  16 destination
 */
static enum tsn_packet
parse_v4(const uint8_t *p, size_t len, struct tsn_ip *out)
{
	size_t header = len > 0 ? (size_t)(p[0] & 15) * 4 : 0, total;
	uint16_t fragment;

	if (len < 20 || header < 20 || header > len)
		return TSN_PACKET_NOT_IP;
	total = u16(p + 2);
	if (total == 0) /* captured before the interface cut it into segments */
		total = len;
	if (total < header)
		return TSN_PACKET_NOT_IP;
	out->proto = p[9];
	if (out->proto != IP_UDP)
		return TSN_PACKET_NOT_UDP;
	out->src = tsn_addr_v4(u32(p + 12));
	out->dst = tsn_addr_v4(u32(p + 16));
	out->payload = p + header;
	out->full = total - header;
	out->len = len < total ? len - header : out->full;
	fragment = u16(p + 6) & 0x3fff;
	if (fragment == 0)
		return TSN_PACKET_UDP;
	out->id = u16(p + 4);
	out->more = fragment >> 13 & 1;
	out->offset = (fragment & 0x1fff) * 8u;
	return TSN_PACKET_FRAGMENT;
}

/* Moves past one extension header; false if [out->proto] is none, or it is not all there. */
static bool
skip_extension(struct tsn_ip *out)
{
	size_t n;

	if (out->len < 8)
		return false;
	switch (out->proto) {
	case IP_HOP_BY_HOP: case IP_ROUTING: case IP_DEST_OPTIONS:
	case IP_MOBILITY: case IP_HIP: case IP_SHIM6:
		n = (size_t)out->payload[1] * 8 + 8;
		break;
	case IP_AH: /* RFC 4302: counts 32-bit words, less two */
		n = (size_t)out->payload[1] * 4 + 8;
		break;
	default:
		return false;
	}
	if (n > out->len)
		return false;
	out->proto = out->payload[0];
	out->payload += n;
	out->len -= n;
	out->full -= n;
	return true;
}

enum tsn_packet
tsn_packet_after_fragments(struct tsn_ip *out)
{
	while (skip_extension(out))
		;
	return out->proto == IP_UDP ? TSN_PACKET_UDP : TSN_PACKET_NOT_UDP;
}

/* RFC 8200 4.5:  0 next header  2 offset, flags  4 id */
static enum tsn_packet
parse_v6_fragment(struct tsn_ip *out)
{
	const uint8_t *p = out->payload;

	if (out->len < 8)
		return TSN_PACKET_NOT_UDP;
	out->proto = p[0];
	out->offset = u16(p + 2) & 0xfff8;
	out->more = p[3] & 1;
	out->id = u32(p + 4);
	out->payload += 8;
	out->len -= 8;
	out->full -= 8;
	if (out->offset == 0 && !out->more) /* "atomic" fragment, RFC 6946: whole */
		return tsn_packet_after_fragments(out);
	return TSN_PACKET_FRAGMENT;
}

/* RFC 8200:  4 payload length  6 next header  8 source  24 destination */
static enum tsn_packet
parse_v6(const uint8_t *p, size_t len, struct tsn_ip *out)
{
	size_t full;

	if (len < 40)
		return TSN_PACKET_NOT_IP;
	full = u16(p + 4);
	len -= 40;
	if (full == 0) /* a jumbogram, or captured before segmentation */
		full = len;
	out->proto = p[6];
	out->src = tsn_addr_from_v6(p + 8);
	out->dst = tsn_addr_from_v6(p + 24);
	out->payload = p + 40;
	out->full = full;
	out->len = len < full ? len : full;
	while (skip_extension(out))
		;
	if (out->proto == IP_FRAGMENT)
		return parse_v6_fragment(out);
	return out->proto == IP_UDP ? TSN_PACKET_UDP : TSN_PACKET_NOT_UDP;
}

static enum tsn_packet
parse_ip(const uint8_t *p, size_t len, struct tsn_ip *out)
{
	switch (len > 0 ? p[0] >> 4 : 0) {
	case 4:
		return parse_v4(p, len, out);
	case 6:
		return parse_v6(p, len, out);
	default:
		return TSN_PACKET_NOT_IP;
	}
}

/* What follows an EtherType at [at]: VLAN tags (802.1Q, 802.1ad, 0x9100, 0x9200), then IP. */
static enum tsn_packet
parse_ethertype(const uint8_t *p, size_t len, size_t at, size_t after, struct tsn_ip *out)
{
	while (len >= after && at + 2 <= len) {
		switch (u16(p + at)) {
		case 0x0800: case 0x86dd:
			return parse_ip(p + after, len - after, out);
		case 0x8100: case 0x88a8: case 0x9100: case 0x9200: /* tag 2 bytes, type 2 bytes */
			at = after + 2;
			after += 4;
			break;
		default:
			return TSN_PACKET_NOT_IP;
		}
	}
	return TSN_PACKET_NOT_IP;
}

enum tsn_packet
tsn_packet_parse(uint32_t link, const uint8_t *p, size_t len, struct tsn_ip *out)
{
	switch (link) {
	case TSN_LINK_ETHERNET:
		return parse_ethertype(p, len, 12, 14, out);
	case TSN_LINK_SLL:
		return parse_ethertype(p, len, 14, 16, out);
	case TSN_LINK_SLL2:
		return parse_ethertype(p, len, 0, 20, out);
	case TSN_LINK_NULL: case TSN_LINK_LOOP:
		/* the family's number is another on each system; the IP version says the same */
		return len < 4 ? TSN_PACKET_NOT_IP : parse_ip(p + 4, len - 4, out);
	default:
		return parse_ip(p, len, out);
	}
}

/* RFC 768:  0 source port  2 destination port  4 length  6 checksum (not verified) */
bool
tsn_packet_udp(const struct tsn_ip *ip, struct tsn_datagram *d)
{
	size_t said, full;

	if (ip->len < 8)
		return false;
	said = u16(ip->payload + 4);
	full = ip->full - 8;
	if (said >= 8 && said - 8 < full)
		full = said - 8;
	d->src_port = u16(ip->payload);
	d->dst_port = u16(ip->payload + 2);
	d->exporter = ip->src;
	d->payload = ip->payload + 8;
	d->len = ip->len - 8 < full ? ip->len - 8 : full;
	d->cut = d->len < full;
	return true;
}
