/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The flow records of a sample ("sFlow Version 5", section 5, "Flow Data Types"). */
#include "decode/sflow.h"

enum {
	RAW_HEADER = 1, ETHERNET = 2, IPV4 = 3, IPV6 = 4,
	SWITCH = 1001, ROUTER = 1002, GATEWAY = 1003, USER = 1004, URL = 1005
};

/* header_protocol to LINKTYPE_; 0: not one that can carry an IP packet we can find. */
#define LINK_RAW 101
static const uint16_t links[] = {
	[1] = 1,          /* Ethernet */
	[4] = 10,         /* FDDI */
	[5] = 107,        /* frame relay */
	[7] = 9,          /* PPP */
	[11] = LINK_RAW,  /* IPv4 */
	[12] = LINK_RAW,  /* IPv6 */
	[13] = LINK_RAW,  /* MPLS, behind its labels */
	[14] = 9,         /* PPP over SONET */
	[15] = 105,       /* 802.11 */
};
#define MPLS 13
#define LINKS (sizeof(links) / sizeof(links[0]))

/* Bytes of the label stack (RFC 3032): the last label has its S bit set. */
static size_t
labels(const uint8_t *p, size_t n)
{
	size_t at = 0;

	while (n - at >= 4) {
		at += 4;
		if (p[at - 2] & 1)
			return at;
	}
	return n;
}

/* header_protocol, frame_length, stripped, header<> */
static void
raw_header(struct tsn_sflow_packet *k, struct tsn_xdr *x)
{
	const uint8_t *head = tsn_xdr_bytes(x, 16), *p;
	uint32_t protocol, full, stripped, n;
	struct tsn_headers_info aside = { 0 };
	struct tsn_headers_info *ip = k->from == TSN_SFLOW_NO_IP ? &k->ip : &aside; /* a summary stands if this is no IP */
	size_t skip;

	if (head == NULL)
		return;
	protocol = tsn_wire_u32(head);
	full = tsn_wire_u32(head + 4);
	stripped = tsn_wire_u32(head + 8);
	n = tsn_wire_u32(head + 12);
	p = tsn_xdr_bytes(x, n);
	if (p == NULL || k->from == TSN_SFLOW_HEADER || protocol >= LINKS || links[protocol] == 0)
		return;
	skip = protocol == MPLS ? labels(p, n) : 0;
	/* more than a checksum stripped is an exporter that counts what it did not copy: those bytes were sent */
	full -= stripped <= 4 && stripped <= full ? stripped : 0;
	full = full < n ? n : full;
	if (tsn_headers_parse(links[protocol], p + skip, n - skip, full - skip, ip) != TSN_HEADERS_IP)
		return;
	if (ip == &aside)
		k->ip = aside;
	k->from = TSN_SFLOW_HEADER;
}

/* XDR pads the six bytes to eight. */
static uint64_t
mac(struct tsn_xdr *x)
{
	const uint8_t *p = tsn_xdr_bytes(x, 6);

	return p != NULL ? (uint64_t)tsn_wire_u16(p) << 32 | tsn_wire_u32(p + 2) : 0;
}

/* length, source, destination, type */
static void
ethernet(struct tsn_sflow_packet *k, struct tsn_xdr *x)
{
	uint64_t src, dst;

	tsn_xdr_u32(x);
	src = mac(x);
	dst = mac(x);
	if (x->bad)
		return;
	k->has_eth = true;
	k->src_mac = src;
	k->dst_mac = dst;
}

/* length, protocol, source, destination, ports, flags, tos (IPv6: priority): of the IP packet itself */
static void
ip_fields(struct tsn_sflow_packet *k, struct tsn_xdr *x, bool v6)
{
	struct tsn_headers_info ip = { .ip_version = v6 ? 6 : 4 };
	const uint8_t *src, *dst;
	size_t size = v6 ? 16 : 4;

	ip.ip_bytes = tsn_xdr_u32(x);
	ip.proto = (uint8_t)tsn_xdr_u32(x);
	src = tsn_xdr_bytes(x, size);
	dst = tsn_xdr_bytes(x, size);
	ip.src_port = (uint16_t)tsn_xdr_u32(x);
	ip.dst_port = (uint16_t)tsn_xdr_u32(x);
	ip.flags = (uint16_t)tsn_xdr_u32(x);
	ip.tos = (uint8_t)tsn_xdr_u32(x);
	if (x->bad || src == NULL || dst == NULL || k->from != TSN_SFLOW_NO_IP)
		return;
	ip.src = v6 ? tsn_addr_from_v6(src) : tsn_addr_v4(tsn_wire_u32(src));
	ip.dst = v6 ? tsn_addr_from_v6(dst) : tsn_addr_v4(tsn_wire_u32(dst));
	ip.has_ports = ip.proto != 1 && ip.proto != 58; /* what an ICMP packet has there is not said */
	ip.has_flags = ip.proto == 6;
	k->ip = ip;
	k->from = TSN_SFLOW_FIELDS;
}

/* source VLAN and priority, destination VLAN and priority; what is no VLAN id is "unknown" */
static void
switched(struct tsn_sflow_packet *k, struct tsn_xdr *x)
{
	uint32_t vlan = tsn_xdr_u32(x);

	for (int i = 0; i < 3; i++)
		tsn_xdr_u32(x);
	if (x->bad || vlan == 0 || vlan > 4094)
		return;
	k->has_vlan = true;
	k->vlan = (uint16_t)vlan;
}

/* next hop, source mask, destination mask */
static void
routed(struct tsn_sflow_packet *k, struct tsn_xdr *x)
{
	struct tsn_addr hop;
	bool has_hop = tsn_xdr_addr(x, &hop);
	uint32_t src = tsn_xdr_u32(x), dst = tsn_xdr_u32(x);

	if (x->bad)
		return;
	k->has_hop = has_hop;
	k->hop = hop;
	k->has_masks = src <= 128 && dst <= 128;
	k->src_mask = (uint8_t)src;
	k->dst_mask = (uint8_t)dst;
}

/* The last AS of the last segment is where the path ends; 0 if there is no path. */
static uint32_t
path_end(struct tsn_xdr *x)
{
	uint32_t end = 0;

	for (uint32_t segments = tsn_xdr_u32(x); segments > 0 && !x->bad; segments--) {
		struct tsn_xdr list;
		uint32_t n;

		tsn_xdr_u32(x); /* set or sequence */
		n = tsn_xdr_u32(x);
		if (n > x->left / 4) {
			x->bad = true;
			break;
		}
		list = tsn_xdr_sub(x, (size_t)n * 4);
		if (n > 0 && !list.bad)
			end = tsn_wire_u32(list.p + (size_t)(n - 1) * 4);
	}
	return end;
}

/* next hop, the router's AS, the source's, its peer's, the path to the destination; communities and preference */
static void
gateway(struct tsn_sflow_packet *k, struct tsn_xdr *x)
{
	struct tsn_addr hop;
	bool has_hop = tsn_xdr_addr(x, &hop);
	uint32_t src, dst;

	tsn_xdr_u32(x);
	src = tsn_xdr_u32(x);
	tsn_xdr_u32(x);
	dst = path_end(x);
	if (x->bad)
		return;
	k->has_bgp_hop = has_hop;
	k->bgp_hop = hop;
	k->has_as = true;
	k->src_as = src;
	k->dst_as = dst;
}

static struct tsn_str
string(struct tsn_xdr *x)
{
	uint32_t n = tsn_xdr_u32(x);
	const uint8_t *p = tsn_xdr_bytes(x, n);

	return p != NULL ? (struct tsn_str){ (const char *)p, n } : (struct tsn_str){ NULL, 0 };
}

/* character set and name of the source's user, then the destination's */
static void
user(struct tsn_sflow_packet *k, struct tsn_xdr *x)
{
	struct tsn_str src, dst;

	tsn_xdr_u32(x);
	src = string(x);
	tsn_xdr_u32(x);
	dst = string(x);
	if (!x->bad)
		k->user = src.n > 0 ? src : dst;
}

/* whose it is, target, host */
static void
url(struct tsn_sflow_packet *k, struct tsn_xdr *x)
{
	struct tsn_str target, host;

	tsn_xdr_u32(x);
	target = string(x);
	host = string(x);
	if (x->bad)
		return;
	k->url = target;
	k->host = host;
}

bool
tsn_sflow_record(struct tsn_sflow_packet *k, uint32_t format, struct tsn_xdr *x)
{
	switch (format) {
	case RAW_HEADER: raw_header(k, x); break;
	case ETHERNET:   ethernet(k, x); break;
	case IPV4:       ip_fields(k, x, false); break;
	case IPV6:       ip_fields(k, x, true); break;
	case SWITCH:     switched(k, x); break;
	case ROUTER:     routed(k, x); break;
	case GATEWAY:    gateway(k, x); break;
	case USER:       user(k, x); break;
	case URL:        url(k, x); break;
	default:         break;
	}
	return !x->bad;
}

/* What few rules read. */
static inline void
put_wanted(struct tsn_batch *b, uint32_t row, enum tsn_field f, int64_t v)
{
	if (tsn_field_set_has(&b->wanted, f))
		tsn_batch_put_int(b, row, f, v);
}

static void
put_ip(struct tsn_batch *b, uint32_t row, const struct tsn_sflow_packet *k)
{
	const struct tsn_headers_info *ip = &k->ip;

	tsn_batch_put_addr(b, row, TSN_F_SRC, ip->src);
	tsn_batch_put_addr(b, row, TSN_F_DST, ip->dst);
	tsn_batch_put_int(b, row, TSN_F_PROTO, ip->proto);
	put_wanted(b, row, TSN_F_TOS, ip->tos);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, ip->ip_bytes);
	if (ip->has_ports || ip->later_fragment) { /* 0 on fragments (LANGUAGE section 3) */
		tsn_batch_put_int(b, row, TSN_F_SRC_PORT, ip->src_port);
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, ip->dst_port);
	}
	if (ip->has_flags)
		tsn_batch_put_int(b, row, TSN_F_FLAGS, ip->flags);
	if (ip->has_icmp) {
		tsn_batch_put_int(b, row, TSN_F_ICMP_TYPE, ip->icmp_type);
		tsn_batch_put_int(b, row, TSN_F_ICMP_CODE, ip->icmp_code);
	}
	if (k->from != TSN_SFLOW_HEADER)
		return;
	put_wanted(b, row, TSN_F_MIN_TTL, ip->ttl);
	put_wanted(b, row, TSN_F_MAX_TTL, ip->ttl);
	if (ip->ip_version == 6)
		put_wanted(b, row, TSN_F_FLOW_LABEL, ip->flow_label);
}

/* The switch knows by which VLAN the packet came in, the packet only which one it was in. */
static void
put_link(struct tsn_batch *b, uint32_t row, const struct tsn_sflow_packet *k)
{
	if (k->ip.has_mac || k->has_eth) {
		put_wanted(b, row, TSN_F_SRC_MAC, (int64_t)(k->ip.has_mac ? k->ip.src_mac : k->src_mac));
		put_wanted(b, row, TSN_F_DST_MAC, (int64_t)(k->ip.has_mac ? k->ip.dst_mac : k->dst_mac));
	}
	if (k->has_vlan || k->ip.has_vlan)
		put_wanted(b, row, TSN_F_VLAN, k->has_vlan ? k->vlan : k->ip.vlan);
}

static void
put_routes(struct tsn_batch *b, uint32_t row, const struct tsn_sflow_packet *k)
{
	if (k->has_hop || k->has_bgp_hop)
		tsn_batch_put_addr(b, row, TSN_F_NEXT_HOP, k->has_hop ? k->hop : k->bgp_hop);
	if (k->has_masks) {
		put_wanted(b, row, TSN_F_SRC_MASK, k->src_mask);
		put_wanted(b, row, TSN_F_DST_MASK, k->dst_mask);
	}
	if (k->has_as) {
		put_wanted(b, row, TSN_F_SRC_AS, k->src_as);
		put_wanted(b, row, TSN_F_DST_AS, k->dst_as);
	}
}

void
tsn_sflow_put(struct tsn_batch *b, uint32_t row, const struct tsn_sflow_packet *k)
{
	put_ip(b, row, k);
	put_link(b, row, k);
	put_routes(b, row, k);
	if (k->user.n > 0)
		tsn_batch_keep_str(b, row, TSN_F_USER, k->user.p, k->user.n);
	if (k->host.n > 0)
		tsn_batch_keep_str(b, row, TSN_F_HTTP_HOST, k->host.p, k->host.n);
	if (k->url.n > 0)
		tsn_batch_keep_str(b, row, TSN_F_HTTP_URL, k->url.p, k->url.n);
}
