/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "packet/link.h"

#include <string.h>

#include "base/wire.h"

#define LAYERS 32 /* more tags, labels and headers on top of each other than any network has */
#define PSEUDOWIRES 2 /* inside each other: each is tried in two ways */

/* The frame from the present layer on. */
struct walk {
	const uint8_t *p;
	size_t len;
	unsigned layers, pseudowires;
	struct tsn_link *out;
};

typedef const uint8_t *layer(struct walk *w);
static const uint8_t *ethertype(struct walk *w, uint16_t type);

bool
tsn_link_known(uint32_t link)
{
	switch (link) {
#define LINK(sym, number) case number:
		TSN_LINKS(LINK)
#undef LINK
		return true;
	default:
		return false;
	}
}

static bool
skip(struct walk *w, size_t n)
{
	if (n > w->len || ++w->layers > LAYERS)
		return false;
	w->p += n;
	w->len -= n;
	return true;
}

static const uint8_t *
ip(struct walk *w)
{
	uint8_t version = w->len > 0 ? w->p[0] >> 4 : 0;

	return version == 4 || version == 6 ? w->p : NULL;
}

static const uint8_t *
ip_after(struct walk *w, size_t n)
{
	return skip(w, n) ? ip(w) : NULL;
}

/*
 * IEEE 802.2:  0 DSAP  1 SSAP  2 control; SNAP (RFC 1042): AA AA 03, then  3 organisation  6 EtherType.
 * 0000f8 is the organisation of bridged frames (802.1H).
 */
static const uint8_t *
llc(struct walk *w)
{
	if (w->len < 3)
		return NULL;
	if (w->p[0] == 0x06 && w->p[1] == 0x06)
		return ip_after(w, 3);
	if (w->len < 8 || memcmp(w->p, "\xaa\xaa\x03\x00\x00", 5) != 0 || (w->p[5] != 0 && w->p[5] != 0xf8))
		return NULL;
	skip(w, 8);
	return ethertype(w, tsn_wire_u16(w->p - 2));
}

static uint64_t
mac(const uint8_t *p)
{
	return (uint64_t)tsn_wire_u16(p) << 32 | tsn_wire_u32(p + 2);
}

/* 0 destination  6 source  12 EtherType, or below 1536 the length of what follows */
static const uint8_t *
ethernet(struct walk *w)
{
	uint16_t type;

	if (w->len < 14)
		return NULL;
	if (!w->out->has_mac) {
		w->out->has_mac = true;
		w->out->dst_mac = mac(w->p);
		w->out->src_mac = mac(w->p + 6);
	}
	type = tsn_wire_u16(w->p + 12);
	if (!skip(w, 14))
		return NULL;
	return type < 0x600 ? llc(w) : ethertype(w, type);
}

/* What the labels carry is not written anywhere: one way of reading it that leads to IP, or none. */
static const uint8_t *
try(const struct walk *w, layer *read, size_t after)
{
	struct tsn_link scratch = *w->out;
	struct walk inner = *w;
	const uint8_t *found;

	if (inner.pseudowires++ == PSEUDOWIRES)
		return NULL;
	inner.out = &scratch;
	found = skip(&inner, after) ? read(&inner) : NULL;
	if (found != NULL)
		*w->out = scratch;
	return found;
}

/*
 * RFC 3032: label 20 bits, class 3, bottom of stack 1, time to live 8. Under the last label IP shows by its version
 * (RFC 4928); a pseudowire begins with a control word whose first four bits are 0 (RFC 4385), or at once with the frame.
 */
static const uint8_t *
mpls(struct walk *w)
{
	const uint8_t *found = NULL;
	uint32_t entry;

	do {
		if (w->len < 4)
			return NULL;
		entry = tsn_wire_u32(w->p);
		if (w->out->mpls == 0)
			w->out->mpls = entry >> 12;
		if (!skip(w, 4))
			return NULL;
	} while ((entry & 0x100) == 0);
	if (w->len == 0)
		return NULL;
	if ((w->p[0] >> 4 == 4 && (w->p[0] & 15) >= 5) || w->p[0] >> 4 == 6)
		return w->p;
	if (w->p[0] >> 4 == 0)
		found = try(w, ethernet, 4);
	return found != NULL ? found : try(w, ethernet, 0);
}

/* RFC 1661: a protocol number of two bytes, or, compressed, one odd byte. */
static const uint8_t *
ppp(struct walk *w)
{
	size_t n = w->len > 0 && (w->p[0] & 1) != 0 ? 1 : 2;
	uint16_t protocol;

	if (w->len < n)
		return NULL;
	protocol = n == 1 ? w->p[0] : tsn_wire_u16(w->p);
	if (!skip(w, n))
		return NULL;
	switch (protocol) {
	case 0x0021: case 0x0057:
		return ip(w);
	case 0x0281: case 0x0283:
		return mpls(w);
	default:
		return NULL;
	}
}

/* RFC 1662: address ff and control 03 may be left out. */
static const uint8_t *
ppp_framed(struct walk *w)
{
	if (w->len >= 2 && w->p[0] == 0xff && w->p[1] == 0x03)
		skip(w, 2);
	return ppp(w);
}

/* 0 address (0f, to all 8f)  1 control  2 EtherType */
static const uint8_t *
cisco_hdlc(struct walk *w)
{
	return skip(w, 4) ? ethertype(w, tsn_wire_u16(w->p - 2)) : NULL;
}

static const uint8_t *
hdlc(struct walk *w)
{
	bool cisco = w->len >= 2 && (w->p[0] == 0x0f || w->p[0] == 0x8f) && w->p[1] == 0;

	return cisco ? cisco_hdlc(w) : ppp_framed(w);
}

/* RFC 2516:  0 version, type  1 code, 0 of a session's data  2 session  4 length */
static const uint8_t *
pppoe(struct walk *w)
{
	if (w->len < 6 || w->p[1] != 0)
		return NULL;
	return skip(w, 6) ? ppp(w) : NULL;
}

/* IEEE 802.1Q:  0 priority 3 bits, drop 1, id 12  2 EtherType */
static bool
vlan(struct walk *w)
{
	if (w->len < 4)
		return false;
	if (!w->out->has_vlan) {
		w->out->has_vlan = true;
		w->out->vlan = tsn_wire_u16(w->p) & 0xfff;
	}
	return skip(w, 4);
}

static const uint8_t *
ethernet_after(struct walk *w, size_t n)
{
	return skip(w, n) ? ethernet(w) : NULL;
}

/* [w] stands behind an EtherType. */
static const uint8_t *
ethertype(struct walk *w, uint16_t type)
{
	for (;;) {
		switch (type) {
		case 0x0800: case 0x86dd:
			return ip(w);
		case 0x8100: case 0x88a8: case 0x9100: case 0x9200: case 0x9300:
			if (!vlan(w))
				return NULL;
			break;
		case 0x8926: /* VN-Tag of Cisco's switches: 4 bytes, EtherType */
		case 0x8909: /* Cisco MetaData: version, length, option, group: 6 bytes, EtherType */
			if (!skip(w, type == 0x8926 ? 6 : 8))
				return NULL;
			break;
		case 0x8847: case 0x8848:
			return mpls(w);
		case 0x8864:
			return pppoe(w);
		case 0x880b:
			return ppp_framed(w);
		case 0x88e7: /* IEEE 802.1ah: flags and service id, then the customer's frame */
			return ethernet_after(w, 4);
		case 0x6558: /* bridged Ethernet */
			return ethernet(w);
		default:
			return NULL;
		}
		type = tsn_wire_u16(w->p - 2);
	}
}

/* Linux cooked:  0 packet type  2 ARPHRD  4 address length  6 address  14 protocol */
static const uint8_t *
cooked(struct walk *w)
{
	uint16_t type;

	if (!skip(w, 16))
		return NULL;
	type = tsn_wire_u16(w->p - 2);
	return type == 4 ? llc(w) : ethertype(w, type);
}

/* 0 protocol  4 interface  8 ARPHRD  10 packet type  11 address length  12 address */
static const uint8_t *
cooked2(struct walk *w)
{
	uint16_t type;

	if (!skip(w, 20))
		return NULL;
	type = tsn_wire_u16(w->p - 20);
	return type == 4 ? llc(w) : ethertype(w, type);
}

/*
 * IEEE 802.11: 0 frame control  4 three addresses  22 sequence; a fourth address between access points, quality of
 * service in data frames of subtype 8 and up, and their HT control. Encrypted frames tell nothing.
 */
static const uint8_t *
wifi(struct walk *w)
{
	size_t n = 24;

	if (w->len < n || (w->p[0] & 0x0c) != 0x08 || (w->p[0] & 0x40) != 0 || (w->p[1] & 0x40) != 0)
		return NULL;
	n += (w->p[1] & 3) == 3 ? 6 : 0;
	if ((w->p[0] & 0x80) != 0)
		n += (w->p[1] & 0x80) != 0 ? 6 : 2;
	return skip(w, n) ? llc(w) : NULL;
}

/* radiotap.org:  0 version  2 length, little-endian. Padding between the 802.11 header and its data is not looked for. */
static const uint8_t *
radiotap(struct walk *w)
{
	return w->len >= 4 && skip(w, w->p[2] | (size_t)w->p[3] << 8) ? wifi(w) : NULL;
}

/* OpenBSD's pflog: 0 length of the header, which is padded to four bytes. */
static const uint8_t *
pflog(struct walk *w)
{
	return w->len > 0 ? ip_after(w, ((size_t)w->p[0] + 3) & ~(size_t)3) : NULL;
}

/*
 * tcpdump.org/linktypes/LINKTYPE_NFLOG.html: 0 family  1 version  2 resource, then attributes in the writer's byte order: 0 length with
 * this header  2 type, padded to four bytes. Type 9 is the packet.
 */
static const uint8_t *
nflog(struct walk *w)
{
	size_t at = 4;

	while (w->len >= 4 && at <= w->len - 4) {
		uint16_t n = tsn_wire_u16(w->p + at), type = tsn_wire_u16(w->p + at + 2);

		if (type >= 0x100) { /* it was little-endian: there are some twenty types */
			n = __builtin_bswap16(n);
			type = __builtin_bswap16(type);
		}
		if (type == 9)
			return ip_after(w, at + 4);
		if (n < 4 || n > w->len - at)
			return NULL;
		at += ((size_t)n + 3) & ~(size_t)3;
	}
	return NULL;
}

const uint8_t *
tsn_link_ip(uint32_t link, const uint8_t *p, size_t len, struct tsn_link *out)
{
	struct walk w = { p, len, 0, 0, out };

	*out = (struct tsn_link){ 0 };
	switch (link) {
	case TSN_LINK_ETHERNET:
		return ethernet(&w);
	case TSN_LINK_PPP: case TSN_LINK_PPP_HDLC:
		return hdlc(&w);
	case TSN_LINK_PPP_ETHER:
		return pppoe(&w);
	case TSN_LINK_ATM_LLC: case TSN_LINK_ATM_LLC_DLT:
		return llc(&w);
	case TSN_LINK_CISCO_HDLC:
		return cisco_hdlc(&w);
	case TSN_LINK_WIFI:
		return wifi(&w);
	case TSN_LINK_RADIOTAP:
		return radiotap(&w);
	case TSN_LINK_NULL: case TSN_LINK_LOOP:
		return ip_after(&w, 4); /* the family's number is another on each system; the IP version says the same */
	case TSN_LINK_SLIP:
		return ip_after(&w, 16); /* direction, kind and the compressed header if it was one */
	case TSN_LINK_ENC:
		return ip_after(&w, 12); /* family, security parameters' index, flags */
	case TSN_LINK_SLL:
		return cooked(&w);
	case TSN_LINK_SLL2:
		return cooked2(&w);
	case TSN_LINK_PFLOG:
		return pflog(&w);
	case TSN_LINK_NFLOG:
		return nflog(&w);
	case TSN_LINK_MPLS:
		return mpls(&w);
	default:
		return ip(&w);
	}
}
