/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The packet room: frames of every link type and stack of layers, whole, cut and mutated. */
#include <criterion/criterion.h>

#include "packet/headers.h"
#include "packet/link.h"
#include "unit/build_capture.h"
#include "unit/mutate.h"

#define SRC 0x0a000001u
#define DST 0x0a000002u

/* A TCP header of a SYN|ECE|CWR|NS segment, and four bytes. */
static const char tcp[] = "\x04\xd2\x00\x50\0\0\0\1\0\0\0\0\x51\xc2\xff\xff\0\0\0\0data";
#define TCP_BYTES 24

static void
put_tcp4(struct bytes *b)
{
	put_ip4(b, &(struct ip4){ .src = SRC, .dst = DST, .proto = 6 }, tcp, TCP_BYTES);
}

static void
put_tcp6(struct bytes *b)
{
	put_ip6(b, &(struct ip6){ { 0x20, 1 }, { 0x20, 2 }, 6 }, tcp, TCP_BYTES);
}

/* Parses a copy of exactly [n] bytes, so that a read beyond is seen. */
static enum tsn_headers
parse(uint32_t link, const uint8_t *p, size_t n, size_t full, struct tsn_headers_info *h)
{
	uint8_t *exact = malloc(n ? n : 1);
	enum tsn_headers how;

	memcpy(exact, p, n);
	how = tsn_headers_parse(link, exact, n, full, h);
	free(exact);
	return how;
}

#define ETHER "\2\0\0\0\0\2\2\0\0\0\0\1"
#define L(s) s, sizeof(s) - 1

/* What may stand before an IP header. */
static const struct before {
	uint32_t link;
	const char *p;
	size_t n;
	bool v6, mac;
	int vlan; /* -1: none */
	uint32_t mpls;
} befores[] = {
	{ TSN_LINK_ETHERNET, L(ETHER "\x08\x00"), false, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x86\xdd"), true, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x81\x00\xe0\x64\x08\x00"), false, true, 100, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x81\x00\0\0\x86\xdd"), true, true, 0, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\xa8\0\7\x81\x00\0\x64\x08\x00"), false, true, 7, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x91\x00\x0f\xff\x92\x00\0\1\x81\x00\0\2\x86\xdd"), true, true, 4095, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\0\x40\xaa\xaa\3\0\0\0\x08\x00"), false, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\0\x40\xaa\xaa\3\0\0\xf8\x86\xdd"), true, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\0\x40\6\6\3"), false, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\0\x40\xaa\xaa\3\0\0\0\x81\x00\0\5\x08\x00"), false, true, 5, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x47\0\1\x11\x40"), false, true, -1, 17 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x48\0\1\x20\x40\0\x02\x21\x40"), true, true, -1, 18 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x81\x00\0\5\x88\x47\0\1\x21\x40"), false, true, 5, 18 },
	/* pseudowires: with and without a control word, with a tag of their own */
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x47\0\1\x21\x40" "\0\0\0\0" "\2\1\1\1\1\2\2\1\1\1\1\1\x08\x00"), false, true, -1, 18 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x47\0\1\x21\x40" "\0\0\0\x05" "\2\1\1\1\1\2\2\1\1\1\1\1\x81\x00\0\6\x86\xdd"), true, true, 6, 18 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x47\0\1\x21\x40" "\2\1\1\1\1\2\2\1\1\1\1\1\x08\x00"), false, true, -1, 18 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x47\0\1\x21\x40" "\x9a\1\1\1\1\2\2\1\1\1\1\1\x86\xdd"), true, true, -1, 18 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x64\x11\0\0\1\0\x20\0\x21"), false, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x64\x11\0\0\1\0\x20\0\x57"), true, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x64\x11\0\0\1\0\x20\x21"), false, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x64\x11\0\0\1\0\x20\x02\x81\0\1\x11\x40"), false, true, -1, 17 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x81\x00\0\3\x88\x64\x11\0\0\1\0\x20\0\x21"), false, true, 3, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\xe7\0\0\0\1" "\2\1\1\1\1\2\2\1\1\1\1\1\x08\x00"), false, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x89\x26\0\0\0\1\x08\x00"), false, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x89\x09\1\1\0\1\0\2\x86\xdd"), true, true, -1, 0 },
	{ TSN_LINK_ETHERNET, L(ETHER "\x88\x0b\0\x21"), false, true, -1, 0 },
	{ TSN_LINK_SLL, L("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\x00"), false, false, -1, 0 },
	{ TSN_LINK_SLL, L("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\0\4\xaa\xaa\3\0\0\0\x86\xdd"), true, false, -1, 0 },
	{ TSN_LINK_SLL, L("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\x00\0\7\x08\x00"), false, false, 7, 0 },
	{ TSN_LINK_SLL2, L("\x08\x00\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0"), false, false, -1, 0 },
	{ TSN_LINK_SLL2, L("\x88\x47\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0\0\1\x11\x40"), false, false, -1, 17 },
	{ TSN_LINK_RAW, L(""), false, false, -1, 0 }, { TSN_LINK_RAW, L(""), true, false, -1, 0 },
	{ TSN_LINK_RAW_BSD, L(""), false, false, -1, 0 }, { TSN_LINK_RAW_OPENBSD, L(""), true, false, -1, 0 },
	{ TSN_LINK_IPV4, L(""), false, false, -1, 0 }, { TSN_LINK_IPV6, L(""), true, false, -1, 0 },
	{ TSN_LINK_NULL, L("\2\0\0\0"), false, false, -1, 0 }, { TSN_LINK_NULL, L("\0\0\0\x1e"), true, false, -1, 0 },
	{ TSN_LINK_LOOP, L("\0\0\0\x18"), true, false, -1, 0 },
	{ TSN_LINK_ENC, L("\2\0\0\0\0\0\0\1\0\0\0\0"), false, false, -1, 0 },
	{ TSN_LINK_PPP, L("\0\x21"), false, false, -1, 0 }, { TSN_LINK_PPP, L("\xff\3\0\x57"), true, false, -1, 0 },
	{ TSN_LINK_PPP, L("\x0f\0\x08\x00"), false, false, -1, 0 },
	{ TSN_LINK_SLIP, L("\0\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), false, false, -1, 0 },
	{ TSN_LINK_ATM_LLC_DLT, L("\xaa\xaa\3\0\0\0\x86\xdd"), true, false, -1, 0 },
	{ TSN_LINK_PPP, L("\x21"), false, false, -1, 0 },
	{ TSN_LINK_PPP_HDLC, L("\xff\3\0\x21"), false, false, -1, 0 },
	{ TSN_LINK_PPP_HDLC, L("\x0f\0\x08\x00"), false, false, -1, 0 },
	{ TSN_LINK_PPP_ETHER, L("\x11\0\0\1\0\x20\0\x21"), false, false, -1, 0 },
	{ TSN_LINK_CISCO_HDLC, L("\x0f\0\x08\x00"), false, false, -1, 0 }, { TSN_LINK_CISCO_HDLC, L("\x8f\0\x86\xdd"), true, false, -1, 0 },
	{ TSN_LINK_ATM_LLC, L("\xaa\xaa\3\0\0\0\x08\x00"), false, false, -1, 0 },
	{ TSN_LINK_MPLS, L("\0\1\x11\x40"), false, false, -1, 17 },
	{ TSN_LINK_PFLOG, L("\5\2\0\0\0\0\0\0"), false, false, -1, 0 },
	/* an attribute of seven bytes and its padding, then the packet's, in both byte orders */
	{ TSN_LINK_NFLOG, L("\2\0\0\0" "\7\0\x0a\0abc\0" "\x30\0\x09\0"), false, false, -1, 0 },
	{ TSN_LINK_NFLOG, L("\2\0\0\0" "\0\7\0\x0a""abc\0" "\0\x30\0\x09"), false, false, -1, 0 },
	{ TSN_LINK_WIFI, L("\x08\x01\0\0" ETHER "\2\0\0\0\0\3\0\0" "\xaa\xaa\3\0\0\0\x08\x00"), false, false, -1, 0 },
	{ TSN_LINK_WIFI, L("\x88\x02\0\0" ETHER "\2\0\0\0\0\3\0\0\0\0" "\xaa\xaa\3\0\0\0\x86\xdd"), true, false, -1, 0 },
	{ TSN_LINK_RADIOTAP, L("\0\0\x08\0\0\0\0\0" "\x08\x03\0\0" ETHER "\2\0\0\0\0\3\0\0\2\0\0\0\0\4" "\xaa\xaa\3\0\0\0\x08\x00"), false,
	    false, -1, 0 },
};
#define BEFORES (sizeof(befores) / sizeof(befores[0]))

static void
make(struct bytes *b, const struct before *f)
{
	b->n = 0;
	put(b, f->p, f->n);
	if (f->v6)
		put_tcp6(b);
	else
		put_tcp4(b);
}

Test(packet_headers, every_way_to_ip)
{
	struct bytes b = { 0 };

	for (size_t i = 0; i < BEFORES; i++) {
		const struct before *f = &befores[i];
		struct tsn_headers_info h;

		make(&b, f);
		cr_assert(tsn_link_known(f->link));
		cr_assert_eq(parse(f->link, b.p, b.n, b.n, &h), TSN_HEADERS_IP, "row %zu", i);
		cr_assert(h.ip_version == (f->v6 ? 6 : 4) && h.proto == 6 && h.has_ports && h.has_flags, "row %zu", i);
		cr_assert(h.src_port == 1234 && h.dst_port == 80 && h.flags == 0x1c2 && h.ttl == 64, "row %zu", i);
		cr_assert_eq(h.ip_bytes, TCP_BYTES + (f->v6 ? 40 : 20), "row %zu: %u", i, h.ip_bytes);
		cr_assert(h.has_vlan == (f->vlan >= 0) && h.vlan == (f->vlan >= 0 ? f->vlan : 0), "row %zu: %u", i, h.vlan);
		cr_assert_eq(h.mpls, f->mpls, "row %zu: %u", i, h.mpls);
		cr_assert_eq(h.has_mac, f->mac, "row %zu", i);
		if (f->mac)
			cr_assert(h.dst_mac == 0x020000000002 && h.src_mac == 0x020000000001, "row %zu", i);
		if (!f->v6)
			cr_assert(tsn_addr_cmp(h.src, tsn_addr_v4(SRC)) == 0 && tsn_addr_cmp(h.dst, tsn_addr_v4(DST)) == 0);
	}
	bytes_free(&b);
}

/* Cut anywhere: never more than is there, and what was there before the cut stays true. */
Test(packet_headers, cut_at_every_byte)
{
	struct bytes b = { 0 };

	for (size_t i = 0; i < BEFORES; i++) {
		const struct before *f = &befores[i];
		size_t ip = f->n, l4 = f->n + (f->v6 ? 40 : 20);

		make(&b, f);
		for (size_t n = 0; n < b.n; n++) {
			struct tsn_headers_info h;
			enum tsn_headers how = parse(f->link, b.p, n, b.n, &h);
			bool labels = f->mpls != 0; /* what a pseudowire holds is a guess, which may change with what is seen of it */

			if (how != TSN_HEADERS_IP) {
				cr_assert(n < l4 || labels, "row %zu cut to %zu of %zu", i, n, ip);
				continue;
			}
			cr_assert(n >= l4, "row %zu cut to %zu", i, n);
			cr_assert(h.has_ports == (n >= l4 + 4) && h.has_flags == (n >= l4 + 14), "row %zu cut to %zu", i, n);
			cr_assert_eq(h.ip_bytes, b.n - ip);
		}
	}
	bytes_free(&b);
}

static struct tsn_headers_info
of(const struct bytes *b, uint32_t link, enum tsn_headers want)
{
	struct tsn_headers_info h;

	cr_assert_eq(parse(link, b->p, b->n, b->n, &h), want);
	return h;
}

Test(packet_headers, transports)
{
	static const struct {
		uint8_t proto;
		bool ports, icmp, flags;
	} protos[] = {
		{ 1, false, true, false }, { 58, false, true, false }, { 6, true, false, true }, { 17, true, false, false },
		{ 33, true, false, false }, { 132, true, false, false }, { 136, true, false, false }, { 47, false, false, false },
		{ 50, false, false, false }, { 51, false, false, false }, { 2, false, false, false }, { 255, false, false, false },
	};

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		struct bytes b = { 0 };
		struct tsn_headers_info h;

		put_ip4(&b, &(struct ip4){ .src = SRC, .dst = DST, .proto = protos[i].proto, .options = 10 }, "\3\1\0\7\0\0\0\0\0\0\0\0\x50\x12\0\0\0\0\0\0", 20);
		h = of(&b, TSN_LINK_RAW, TSN_HEADERS_IP);
		cr_assert(h.has_ports == protos[i].ports && h.has_icmp == protos[i].icmp && h.has_flags == protos[i].flags);
		cr_assert(h.proto == protos[i].proto && h.ip_bytes == 80);
		if (h.has_icmp)
			cr_assert(h.icmp_type == 3 && h.icmp_code == 1);
		if (h.has_ports)
			cr_assert(h.src_port == 0x0301 && h.dst_port == 7);
		bytes_free(&b);
	}
}

Test(packet_headers, extension_headers)
{
	static const uint8_t chain[] = { 0, 60, 43, 51, 135, 139, 140, 60 };
	struct ip6 six = { { 0x20, 1 }, { 0x20, 2 }, chain[0] };
	struct bytes body = { 0 }, b = { 0 };
	struct tsn_headers_info h;

	for (size_t i = 0; i < sizeof(chain); i++) {
		uint8_t eight[16] = { i + 1 < sizeof(chain) ? chain[i + 1] : 6, chain[i] == 51 ? 2 : 1 };

		put(&body, eight, 16);
	}
	put(&body, tcp, TCP_BYTES);
	put_ip6(&b, &six, body.p, body.n);
	b.p[0] = 0x6a; /* class 0xa5, label 0x12345 */
	b.p[1] = 0x51;
	b.p[2] = 0x23;
	b.p[3] = 0x45;
	h = of(&b, TSN_LINK_RAW, TSN_HEADERS_IP);
	cr_assert(h.proto == 6 && h.dst_port == 80 && h.tos == 0xa5 && h.flow_label == 0x12345);
	cr_assert_eq(h.ip_bytes, 40 + sizeof(chain) * 16 + TCP_BYTES);
	/* cut inside the last one: the protocol is known, its ports are not */
	cr_assert_eq(parse(TSN_LINK_RAW, b.p, b.n - TCP_BYTES - 4, b.n, &h), TSN_HEADERS_IP);
	cr_assert(h.proto == 6 && !h.has_ports);
	bytes_free(&body);
	bytes_free(&b);
}

Test(packet_headers, fragments)
{
	struct ip6 six = { { 0x20, 1 }, { 0x20, 2 }, 44 };
	struct bytes b = { 0 };
	struct tsn_headers_info h;

	put_ip4(&b, &(struct ip4){ .src = SRC, .dst = DST, .proto = 6, .id = 77, .more = true }, tcp, TCP_BYTES);
	h = of(&b, TSN_LINK_RAW, TSN_HEADERS_IP);
	cr_assert(h.fragment && !h.later_fragment && h.has_ports && h.has_flags && h.fragment_id == 77);
	b.n = 0;
	put_ip4(&b, &(struct ip4){ .src = SRC, .dst = DST, .proto = 6, .id = 77, .offset = 24 }, tcp, TCP_BYTES);
	h = of(&b, TSN_LINK_RAW, TSN_HEADERS_IP);
	cr_assert(h.fragment && h.later_fragment && !h.has_ports && !h.has_flags && h.proto == 6 && h.ip_bytes == 44);
	b.n = 0;
	/* don't fragment is no fragment */
	put_tcp4(&b);
	b.p[6] = 0x40;
	h = of(&b, TSN_LINK_RAW, TSN_HEADERS_IP);
	cr_assert(!h.fragment && h.has_ports);
	for (int i = 0; i < 3; i++) { /* first, later, "atomic" */
		static const char *const header[] = { "\x3c\0\0\1\0\0\0\x4d", "\x3c\0\0\x18\0\0\0\x4d", "\x3c\0\0\0\0\0\0\x4d" };
		struct bytes body = { 0 };

		b.n = 0;
		put(&body, header[i], 8);
		put(&body, "\6\0\1\4\0\0\0\0", 8); /* destination options */
		put(&body, tcp, TCP_BYTES);
		put_ip6(&b, &six, body.p, body.n);
		h = of(&b, TSN_LINK_RAW, TSN_HEADERS_IP);
		cr_assert(h.fragment == (i != 2) && h.later_fragment == (i == 1) && h.has_ports == (i != 1), "%d", i);
		cr_assert(h.proto == (i == 1 ? 60 : 6) && h.fragment_id == (i == 2 ? 0 : 77), "%d", i);
		bytes_free(&body);
	}
	bytes_free(&b);
}

/* Length 0: cut into segments after it was captured (IPv4), a jumbogram or the same (IPv6): what was sent counts. */
Test(packet_headers, lengths)
{
	struct bytes b = { 0 };
	struct tsn_headers_info h;

	put_ethernet(&b, 0x0800);
	put_tcp4(&b);
	b.p[16] = b.p[17] = 0;
	cr_assert_eq(parse(TSN_LINK_ETHERNET, b.p, b.n, 9014, &h), TSN_HEADERS_IP);
	cr_assert_eq(h.ip_bytes, 9000);
	b.n = 0;
	put_tcp6(&b);
	b.p[4] = b.p[5] = 0;
	cr_assert_eq(parse(TSN_LINK_RAW, b.p, b.n, 70000, &h), TSN_HEADERS_IP);
	cr_assert_eq(h.ip_bytes, 70000);
	/* the frame is padded; less was captured than sent */
	b.n = 0;
	put_ethernet(&b, 0x0800);
	put_tcp4(&b);
	put(&b, "\0\0\0\0\0\0", 6);
	cr_assert_eq(parse(TSN_LINK_ETHERNET, b.p, b.n, b.n, &h), TSN_HEADERS_IP);
	cr_assert_eq(h.ip_bytes, 44);
	cr_assert_eq(parse(TSN_LINK_ETHERNET, b.p, 34, b.n, &h), TSN_HEADERS_IP);
	cr_assert(h.ip_bytes == 44 && !h.has_ports);
	cr_assert_eq(parse(TSN_LINK_ETHERNET, b.p, 33, b.n, &h), TSN_HEADERS_NOT_IP);
	bytes_free(&b);
}

Test(packet_headers, not_ip)
{
	static const struct {
		uint32_t link;
		const char *p;
		size_t n;
	} frames[] = {
		{ TSN_LINK_ETHERNET, L(ETHER "\x08\x06\0\1\x08\0\6\4\0\1") },                    /* ARP */
		{ TSN_LINK_ETHERNET, L(ETHER "\0\x40\x42\x42\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") }, /* spanning tree */
		{ TSN_LINK_ETHERNET, L(ETHER "\x88\x64\x11\0\0\1\0\x20\xc0\x21\1\1\0\4") },       /* PPP's own */
		{ TSN_LINK_ETHERNET, L(ETHER "\x88\x64\x11\x65\0\1\0\0") },                      /* discovery's code */
		{ TSN_LINK_ETHERNET, L(ETHER "\x88\x47\0\1\x10\x40\0\1\x10\x40") },              /* labels without an end */
		{ TSN_LINK_WIFI, L("\x80\0\0\0" ETHER "\2\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0") },     /* a beacon */
		{ TSN_LINK_NFLOG, L("\2\0\0\0\0\0\0\0") }, { TSN_LINK_RAW, L("") },
		{ TSN_LINK_RAW, L("\x14\0\0\x14\0\0\0\0\x40\6\0\0\1\1\1\1\2\2\2\2") },           /* version 1 */
		{ TSN_LINK_RAW, L("\x44\0\0\x14\0\0\0\0\x40\6\0\0\1\1\1\1\2\2\2\2") },           /* a header of 16 bytes */
		{ TSN_LINK_RAW, L("\x45\0\0\x13\0\0\0\0\x40\6\0\0\1\1\1\1\2\2\2\2") },           /* a packet of 19 */
	};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct tsn_headers_info h;

		cr_assert_eq(parse(frames[i].link, (const uint8_t *)frames[i].p, frames[i].n, frames[i].n, &h), TSN_HEADERS_NOT_IP, "row %zu", i);
		cr_assert(h.ip_version == 0 && h.ip_bytes == 0 && !h.has_mac);
	}
	cr_assert_not(tsn_link_known(195));
	cr_assert_not(tsn_link_known(UINT32_MAX));
}

/* Copies of a mirror port: what was mirrored counts. Other GRE is a tunnel: its outside counts. */
Test(packet_headers, erspan)
{
	static const struct {
		const char *gre;
		size_t n;
		bool inside;
	} rows[] = {
		{ L("\0\0\x88\xbe"), true },
		{ L("\x10\0\x88\xbe\0\0\0\1" "\x10\1\0\0\0\0\0\0"), true },
		{ L("\x10\0\x22\xeb\0\0\0\1" "\x20\1\0\0\0\0\0\0\0\0\0\0"), true },
		{ L("\x10\0\x22\xeb\0\0\0\1" "\x20\1\0\0\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\0"), true },
		{ L("\x30\0\x88\xbe\0\0\0\7\0\0\0\1" "\x10\1\0\0\0\0\0\0"), true },
		{ L("\0\0\x65\x58"), false }, { L("\0\0\x08\x00"), false }, { L("\x20\1\x88\xbe\0\0\0\0"), false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes body = { 0 }, b = { 0 };
		struct tsn_headers_info h;
		size_t n;

		put(&body, rows[i].gre, rows[i].n);
		put(&body, ETHER "\x81\x00\0\x2a\x08\x00", 18);
		put_tcp4(&body);
		put_ip4(&b, &(struct ip4){ .src = 1, .dst = 2, .proto = 47 }, body.p, body.n);
		h = of(&b, TSN_LINK_RAW, TSN_HEADERS_IP);
		if (rows[i].inside)
			cr_assert(h.proto == 6 && h.src.lo == SRC && h.vlan == 42 && h.ip_bytes == 44, "row %zu", i);
		else
			cr_assert(h.proto == 47 && h.src.lo == 1 && h.ip_bytes == b.n, "row %zu", i);
		for (n = 0; n < b.n; n++)
			parse(TSN_LINK_RAW, b.p, n, b.n, &h);
		bytes_free(&body);
		bytes_free(&b);
	}
}

/* Layers on layers: pseudowires in pseudowires, tags without end, mirrors in mirrors. It ends, soon, with an answer. */
Test(packet_headers, deep)
{
	struct bytes b = { 0 };
	struct tsn_headers_info h;

	for (int kind = 0; kind < 3; kind++) {
		b.n = 0;
		put(&b, ETHER, 12);
		for (int i = 0; i < 3000; i++)
			put(&b, kind == 0 ? "\x81\x00\0\1" : kind == 1 ? "\x88\x47\x88\x47" : "\x89\x26\0\0\0\1", kind == 2 ? 6 : 4);
		cr_assert_eq(parse(TSN_LINK_ETHERNET, b.p, b.n, b.n, &h), TSN_HEADERS_NOT_IP);
	}
	bytes_free(&b);
}

/* 26,700 mutated frames in `make test`, two million in `make soak`. */
Test(packet_headers, mutated)
{
	long times = mutate_times(2000000), ip = 0;
	uint64_t seed = 0xbeef;
	struct bytes b = { 0 };

	for (long i = 0; i < times; i++) {
		const struct before *f = &befores[mutate_random(&seed) % BEFORES];
		uint8_t p[512];
		struct tsn_headers_info h;
		size_t n;

		make(&b, f);
		n = b.n;
		memcpy(p, b.p, n);
		for (uint64_t k = mutate_random(&seed) % 5; k > 0; k--)
			n = mutate_once(p, n, sizeof(p), &seed);
		if (parse(f->link, p, n, n, &h) != TSN_HEADERS_IP)
			continue;
		ip++;
		cr_assert((h.ip_version == 4 || h.ip_version == 6) && h.ip_bytes >= (h.ip_version == 4 ? 20 : 40));
		cr_assert(!h.later_fragment || (h.fragment && !h.has_ports && !h.has_icmp));
		cr_assert(h.vlan <= 4095 && h.mpls < 1u << 20 && h.flags < 512 && (h.has_vlan || h.vlan == 0));
	}
	cr_assert(ip > times / 8, "%ld of %ld are IP", ip, times);
	bytes_free(&b);
}
