/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "packet/headers.h"

#include "base/wire.h"
#include "packet/ip.h"
#include "packet/link.h"

/* The first bytes of the transport header, as far as they were captured. */
static void
transport(const struct tsn_ip *ip, struct tsn_headers_info *out)
{
	const uint8_t *p = ip->payload;

	switch (ip->proto) {
	case TSN_IP_PROTO_TCP:
		out->has_flags = ip->len >= 14;
		if (out->has_flags) /* RFC 9293 3.1, and NS beside them */
			out->flags = tsn_wire_u16(p + 12) & 0x1ff;
		/* fallthrough */
	case TSN_IP_PROTO_UDP: case TSN_IP_PROTO_UDPLITE: case TSN_IP_PROTO_SCTP: case TSN_IP_PROTO_DCCP:
		out->has_ports = ip->len >= 4;
		if (out->has_ports) {
			out->src_port = tsn_wire_u16(p);
			out->dst_port = tsn_wire_u16(p + 2);
		}
		break;
	case TSN_IP_PROTO_ICMP: case TSN_IP_PROTO_ICMP6:
		out->has_icmp = ip->len >= 2;
		if (out->has_icmp) {
			out->icmp_type = p[0];
			out->icmp_code = p[1];
		}
		break;
	default:
		break;
	}
}

/*
 * ERSPAN carries copies of frames from a mirror port, so its outer header is the mirror's and no traffic of anybody.
 * RFC 2784, RFC 2890: GRE flags, protocol, then 4 bytes each for checksum, key and sequence. draft-foschiano-erspan:
 * type I (no sequence) has no header of its own, II has 8 bytes, III 12 and 8 more if its last bit is set.
 */
static const uint8_t *
mirrored(const struct tsn_ip *ip, size_t *len)
{
	const uint8_t *p = ip->payload;
	size_t at = 4;
	uint16_t flags, type;

	if (ip->len < 4)
		return NULL;
	flags = tsn_wire_u16(p);
	type = tsn_wire_u16(p + 2);
	if ((type != 0x88be && type != 0x22eb) || (flags & 7) != 0)
		return NULL;
	for (uint16_t bit = 0x8000; bit >= 0x1000; bit >>= 1)
		at += bit != 0x4000 && (flags & bit) != 0 ? 4 : 0;
	if (type == 0x22eb) {
		if (ip->len < at + 12)
			return NULL;
		at += (p[at + 11] & 1) != 0 ? 20 : 12;
	} else if ((flags & 0x1000) != 0) {
		at += 8;
	}
	if (ip->len < at)
		return NULL;
	*len = ip->len - at;
	return p + at;
}

static void
say(const struct tsn_link *link, enum tsn_ip_kind kind, const struct tsn_ip *ip, struct tsn_headers_info *out)
{
	*out = (struct tsn_headers_info){
		.has_mac = link->has_mac, .has_vlan = link->has_vlan, .vlan = link->vlan, .mpls = link->mpls,
		.src_mac = link->src_mac, .dst_mac = link->dst_mac,
		.ip_version = ip->version, .proto = ip->proto, .tos = ip->tos, .ttl = ip->ttl,
		.flow_label = ip->flow_label, .ip_bytes = ip->total, .src = ip->src, .dst = ip->dst,
	};
	if (kind == TSN_IP_FRAGMENT) {
		out->fragment = true;
		out->later_fragment = ip->offset != 0;
		out->fragment_id = ip->id;
	}
}

/* [mirrors] more mirrors' headers are looked behind. */
static enum tsn_headers
parse(uint32_t type, const uint8_t *p, size_t len, size_t full, unsigned mirrors, struct tsn_headers_info *out)
{
	struct tsn_link before;
	struct tsn_ip ip;
	const uint8_t *at = tsn_link_ip(type, p, len, &before), *copy;
	size_t gone = at != NULL ? (size_t)(at - p) : 0, n;
	enum tsn_ip_kind kind = at != NULL ? tsn_ip_parse(at, len - gone, full - gone, &ip) : TSN_IP_NOT;

	if (kind == TSN_IP_NOT) {
		*out = (struct tsn_headers_info){ 0 };
		return TSN_HEADERS_NOT_IP;
	}
	if (kind == TSN_IP_WHOLE && ip.proto == TSN_IP_PROTO_GRE && mirrors > 0 && (copy = mirrored(&ip, &n)) != NULL)
		return parse(TSN_LINK_ETHERNET, copy, n, ip.full - (ip.len - n), mirrors - 1, out);
	say(&before, kind, &ip, out);
	if (out->later_fragment)
		return TSN_HEADERS_IP;
	if (kind == TSN_IP_FRAGMENT && ip.version == 6) {
		tsn_ip_skip_extensions(&ip);
		out->proto = ip.proto;
	}
	transport(&ip, out);
	return TSN_HEADERS_IP;
}

enum tsn_headers
tsn_headers_parse(uint32_t link, const uint8_t *p, size_t len, size_t full, struct tsn_headers_info *out)
{
	return parse(link, p, len, full > len ? full : len, 1, out);
}
