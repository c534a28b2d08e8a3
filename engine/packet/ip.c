/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "packet/ip.h"

#include "base/wire.h"

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AH = 51, DEST_OPTIONS = 60, MOBILITY = 135, HIP = 139, SHIM6 = 140 };

/*
 * RFC 791:  0 version, header length  1 type of service  2 total length  4 id  6 flags, offset
 *           8 time to live  9 protocol  12 source  16 destination
 */
static enum tsn_ip_kind
parse_v4(const uint8_t *p, size_t len, size_t full, struct tsn_ip *out)
{
	size_t header = len > 0 ? (size_t)(p[0] & 15) * 4 : 0, total;
	uint16_t fragment;

	if (len < 20 || header < 20 || header > len)
		return TSN_IP_NOT;
	total = tsn_wire_u16(p + 2);
	if (total == 0) /* captured before the interface cut it into segments */
		total = full;
	if (total < header)
		return TSN_IP_NOT;
	out->version = 4;
	out->tos = p[1];
	out->ttl = p[8];
	out->proto = p[9];
	out->flow_label = 0;
	out->total = (uint32_t)total;
	out->src = tsn_addr_v4(tsn_wire_u32(p + 12));
	out->dst = tsn_addr_v4(tsn_wire_u32(p + 16));
	out->payload = p + header;
	out->full = total - header;
	out->len = len < total ? len - header : out->full;
	fragment = tsn_wire_u16(p + 6) & 0x3fff;
	out->id = tsn_wire_u16(p + 4);
	out->more = fragment >> 13 & 1;
	out->offset = (fragment & 0x1fff) * 8u;
	return fragment == 0 ? TSN_IP_WHOLE : TSN_IP_FRAGMENT;
}

/* Moves past one extension header; false if [ip->proto] is none, or its first eight bytes are not there. */
static bool
skip_extension(struct tsn_ip *ip)
{
	size_t n;

	if (ip->len < 8)
		return false;
	switch (ip->proto) {
	case HOP_BY_HOP: case ROUTING: case DEST_OPTIONS: case MOBILITY: case HIP: case SHIM6:
		n = (size_t)ip->payload[1] * 8 + 8;
		break;
	case AH: /* RFC 4302: counts 32-bit words, less two */
		n = (size_t)ip->payload[1] * 4 + 8;
		break;
	default:
		return false;
	}
	ip->proto = ip->payload[0];
	if (n > ip->len) /* its number is known, its bytes are not */
		ip->full = ip->full > n ? ip->full - n : 0;
	else
		ip->full -= n;
	if (n > ip->len)
		n = ip->len;
	ip->payload += n;
	ip->len -= n;
	return true;
}

void
tsn_ip_skip_extensions(struct tsn_ip *ip)
{
	while (skip_extension(ip))
		;
}

/* RFC 8200 4.5:  0 next header  2 offset, flags  4 id */
static enum tsn_ip_kind
parse_v6_fragment(struct tsn_ip *out)
{
	const uint8_t *p = out->payload;

	if (out->len < 8)
		return TSN_IP_WHOLE; /* of what, nobody can tell: the protocol stays 44 */
	out->proto = p[0];
	out->offset = tsn_wire_u16(p + 2) & 0xfff8;
	out->more = p[3] & 1;
	out->id = tsn_wire_u32(p + 4);
	out->payload += 8;
	out->len -= 8;
	out->full -= 8;
	if (out->offset != 0 || out->more)
		return TSN_IP_FRAGMENT;
	tsn_ip_skip_extensions(out); /* an "atomic" fragment, RFC 6946: whole */
	return TSN_IP_WHOLE;
}

/* RFC 8200:  0 version, class, label  4 payload length  6 next header  7 hop limit  8 source  24 destination */
static enum tsn_ip_kind
parse_v6(const uint8_t *p, size_t len, size_t full, struct tsn_ip *out)
{
	uint32_t first = len < 40 ? 0 : tsn_wire_u32(p);
	size_t said;

	if (len < 40)
		return TSN_IP_NOT;
	said = tsn_wire_u16(p + 4);
	if (said == 0) /* a jumbogram, or captured before segmentation */
		said = full - 40;
	out->version = 6;
	out->tos = (uint8_t)(first >> 20);
	out->flow_label = first & 0xfffff;
	out->ttl = p[7];
	out->proto = p[6];
	out->total = (uint32_t)said + 40;
	out->src = tsn_addr_from_v6(p + 8);
	out->dst = tsn_addr_from_v6(p + 24);
	out->payload = p + 40;
	out->full = said;
	out->len = len - 40 < said ? len - 40 : said;
	out->id = out->offset = 0;
	out->more = false;
	tsn_ip_skip_extensions(out);
	return out->proto == FRAGMENT ? parse_v6_fragment(out) : TSN_IP_WHOLE;
}

enum tsn_ip_kind
tsn_ip_parse(const uint8_t *p, size_t len, size_t full, struct tsn_ip *out)
{
	if (full < len)
		full = len;
	switch (len > 0 ? p[0] >> 4 : 0) {
	case 4:
		return parse_v4(p, len, full, out);
	case 6:
		return parse_v6(p, len, full, out);
	default:
		return TSN_IP_NOT;
	}
}
