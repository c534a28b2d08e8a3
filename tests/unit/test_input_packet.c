/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What packets of a capture are taken for; and frames in memory of exactly their size. */
#include <criterion/criterion.h>

#include "input/packet.h"
#include "input/streams.h"
#include "unit/capture_run.h"
#include "unit/mutate.h"

/* The same packet behind every kind of link header. */
Test(input_packet, link_types)
{
	static const struct {
		uint32_t link;
		unsigned n;
		const char *header4, *header6;
	} cases[] = {
		{ TSN_LINK_ETHERNET, 14, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\x00", "\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd" },
		{ TSN_LINK_ETHERNET, 18, "\2\0\0\0\0\1\2\0\0\0\0\2\x81\x00\0\x64\x08\x00", "\2\0\0\0\0\1\2\0\0\0\0\2\x81\x00\0\x64\x86\xdd" },
		{ TSN_LINK_ETHERNET, 22, "\2\0\0\0\0\1\2\0\0\0\0\2\x88\xa8\0\1\x81\x00\0\2\x08\x00",
		    "\2\0\0\0\0\1\2\0\0\0\0\2\x88\xa8\0\1\x81\x00\0\2\x86\xdd" },
		{ TSN_LINK_SLL, 16, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\x00", "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x86\xdd" },
		{ TSN_LINK_SLL, 20, "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\x00\0\5\x08\x00", "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x81\x00\0\5\x86\xdd" },
		{ TSN_LINK_SLL2, 20, "\x08\x00\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0", "\x86\xdd\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0" },
		{ TSN_LINK_RAW, 0, "", "" }, { TSN_LINK_RAW_BSD, 0, "", "" }, { TSN_LINK_RAW_OPENBSD, 0, "", "" },
		{ TSN_LINK_IPV4, 0, "", NULL }, { TSN_LINK_IPV6, 0, NULL, "" },
		{ TSN_LINK_NULL, 4, "\2\0\0\0", "\x1e\0\0\0" }, { TSN_LINK_NULL, 4, "\0\0\0\2", "\0\0\0\x1c" },
		{ TSN_LINK_LOOP, 4, "\0\0\0\2", "\0\0\0\x18" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes file = { 0 }, frame = { 0 }, udp = { 0 };
		size_t want = 0;
		struct got g;

		put_pcap_header(&file, cases[i].link, false, false);
		if (cases[i].header4 != NULL) {
			put(&frame, cases[i].header4, cases[i].n);
			put_udp4(&frame, "E4");
			put(&frame, "padding of the frame", 20);
			put_pcap_record(&file, T0, frame.p, frame.n, false, false);
			want++;
		}
		if (cases[i].header6 != NULL) {
			frame.n = 0;
			put(&frame, cases[i].header6, cases[i].n);
			put_udp(&udp, 1, 2, "E6", 2);
			put_ip6(&frame, &ip6, udp.p, udp.n);
			put(&frame, "padding of the frame", 20);
			put_pcap_record(&file, T0, frame.p, frame.n, false, false);
			want++;
		}
		run(&file, &sniffing, &g);
		cr_assert_eq(g.n, want, "case %zu: %zu", i, g.n);
		for (size_t k = 0; k < g.n; k++)
			cr_assert_str_eq(g.text[k], g.d[k].exporter.v4 ? "E4" : "E6", "case %zu", i);
		bytes_free(&file);
		bytes_free(&frame);
		bytes_free(&udp);
	}
}

static void
one_frame(const struct bytes *ip, struct got *g)
{
	struct bytes file = { 0 };

	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	put_pcap_record(&file, T0, ip->p, ip->n, false, false);
	run(&file, &sniffing, g);
	bytes_free(&file);
}

Test(input_packet, ip_options_and_extension_headers)
{
	struct bytes ip = { 0 }, udp = { 0 }, body = { 0 };
	struct got g;

	put_udp(&udp, 1, 2, "Export", 6);
	for (unsigned words = 0; words <= 10; words++) {
		struct ip4 h = { .src = SRC, .dst = DST, .options = words };

		ip.n = 0;
		put_ip4(&ip, &h, udp.p, udp.n);
		one_frame(&ip, &g);
		cr_assert_eq(g.n, 1, "%u option words", words);
		cr_assert_str_eq(g.text[0], "Export");
	}
	for (int chain = 0; chain < 4; chain++) {
		static const uint8_t kinds[] = { 0, 60, 43, 51, 44 }; /* hop-by-hop, destination, routing, AH, atomic fragment */
		struct ip6 h = ip6;

		h.first = kinds[0];
		body.n = ip.n = 0;
		for (int k = 0; k <= chain + 1; k++) {
			uint8_t header[24] = { k == chain + 1 ? 17 : kinds[k + 1], kinds[k] == 51 ? 4 : kinds[k] == 44 ? 0 : 2 };

			put(&body, header, kinds[k] == 44 ? 8 : 24);
		}
		put(&body, udp.p, udp.n);
		put_ip6(&ip, &h, body.p, body.n);
		one_frame(&ip, &g);
		cr_assert_eq(g.n, 1, "chain of %d", chain + 2);
		cr_assert_str_eq(g.text[0], "Export");
	}
	bytes_free(&ip);
	bytes_free(&udp);
	bytes_free(&body);
}

/* What is not an export datagram is told apart in the report. */
Test(input_packet, other_packets_are_counted)
{
	struct bytes file = { 0 }, f = { 0 };
	struct ip4 tcp = { .src = SRC, .dst = DST, .proto = 6 };
	struct got g;

	put_pcap_header(&file, TSN_LINK_ETHERNET, false, false);
	put_ethernet(&f, 0x0806); /* ARP */
	put(&f, "\0\1\x08\0\6\4\0\1", 8);
	put_pcap_record(&file, T0, f.p, f.n, false, false);
	put_pcap_record(&file, T0, "short", 5, false, false);
	put_pcap_record(&file, T0, "", 0, false, false);
	f.n = 0;
	put_ethernet(&f, 0x0800);
	put_ip4(&f, &tcp, "E tcp", 5);
	put_pcap_record(&file, T0, f.p, f.n, false, false);
	f.n = 0;
	put_ethernet(&f, 0x0800);
	put_udp4(&f, "domain name");
	put_pcap_record(&file, T0, f.p, f.n, false, false);
	put_pcap_record(&file, T0, f.p, f.n - 15, false, false); /* not even a UDP header is left */
	run(&file, &sniffing, &g);
	cr_assert_eq(g.report.packets, 6);
	cr_assert_eq(g.report.datagrams, 0);
	cr_assert_eq(g.report.not_ip, 3);
	cr_assert_eq(g.report.not_udp, 1);
	cr_assert_eq(g.report.other_udp, 2);
	cr_assert_not(g.report.damaged);
	bytes_free(&file);
	bytes_free(&f);
}

/* A stream counts as an exporter's from its first whole message on, then odd datagrams count, too. */
Test(input_packet, streams_are_sniffed)
{
	static const struct {
		uint32_t src;
		unsigned port;
		const char *payload;
		bool wanted;
	} sent[] = {
		{ 1, 2055, "odd, too early", false }, { 1, 2055, "Export", true }, { 1, 2055, "odd", true },
		{ 1, 2056, "odd, another port", false }, { 2, 2055, "odd, another source", false }, { 2, 9, "Export", true },
		{ 2, 9, "odd", true }, { 1, 2055, "", true },
	};
	struct bytes file = { 0 }, f = { 0 }, udp = { 0 };
	struct got g;
	size_t want = 0;

	put_pcap_header(&file, TSN_LINK_ETHERNET, false, false);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		struct ip4 h = { .src = sent[i].src, .dst = DST };

		f.n = udp.n = 0;
		put_ethernet(&f, 0x0800);
		put_udp(&udp, 5, sent[i].port, sent[i].payload, strlen(sent[i].payload));
		put_ip4(&f, &h, udp.p, udp.n);
		put_pcap_record(&file, T0, f.p, f.n, false, false);
	}
	run(&file, &sniffing, &g);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		if (sent[i].wanted)
			cr_assert_str_eq(g.text[want++], sent[i].payload);
	cr_assert_eq(g.n, want);
	cr_assert_eq(g.report.other_udp, 3);

	run(&file, &(struct tsn_pcap_opts){ .sniff = begins_with_e, .ports = (uint16_t[]){ 9, 2056 }, .n_ports = 2 }, &g);
	cr_assert_eq(g.n, 3); /* told ports are not sniffed */
	run(&file, &(struct tsn_pcap_opts){ 0 }, &g);
	cr_assert_eq(g.n, sizeof(sent) / sizeof(sent[0])); /* nothing is sniffed */
	run(&file, &(struct tsn_pcap_opts){ .sniff = begins_with_e, .max_streams = 1 }, &g);
	cr_assert_eq(g.n, 4); /* the second exporter's whole datagram, but not the odd one after it */
	cr_assert_eq(g.report.streams_refused, 1);
	bytes_free(&file);
	bytes_free(&f);
	bytes_free(&udp);
}

static struct tsn_addr
some_source(uint32_t i)
{
	return i % 3 == 0 ? (struct tsn_addr){ i, i, false } : tsn_addr_v4(i / 7);
}

Test(input_packet, streams_are_remembered_up_to_the_bound)
{
	enum { MOST = 1000 };
	struct tsn_streams *s = tsn_streams_new(MOST);

	cr_assert_not_null(s);
	for (uint32_t i = 0; i < MOST; i++) {
		cr_assert(!tsn_streams_has(s, some_source(i), (uint16_t)i));
		cr_assert(tsn_streams_add(s, some_source(i), (uint16_t)i));
		cr_assert(tsn_streams_add(s, some_source(i), (uint16_t)i));
	}
	for (uint32_t i = 0; i < MOST; i++) {
		cr_assert(tsn_streams_has(s, some_source(i), (uint16_t)i));
		cr_assert(!tsn_streams_has(s, some_source(i), (uint16_t)(i + MOST)));
	}
	cr_assert(!tsn_streams_add(s, some_source(MOST), MOST));
	cr_assert(tsn_streams_add(s, some_source(5), 5));
	tsn_streams_free(s);
}

static struct tsn_pcap *
open_empty(uint32_t link, const struct tsn_pcap_opts *opts)
{
	struct bytes file = { 0 };
	char path[40], error[TSN_INPUT_ERROR];
	struct tsn_pcap *p;
	int fd;

	put_pcap_header(&file, link, false, false);
	fd = as_file(&file, path);
	p = tsn_pcap_open(path, opts, error);
	cr_assert_not_null(p, "%s", error);
	close(fd);
	bytes_free(&file);
	return p;
}

/* A frame behind one of the same stream goes a shorter way; it comes to what it comes to alone. */
static void
compare_ways(unsigned tags)
{
	struct tsn_pcap *behind = open_empty(TSN_LINK_ETHERNET, &(struct tsn_pcap_opts){ 0 });
	struct tsn_pcap *alone = open_empty(TSN_LINK_ETHERNET, &(struct tsn_pcap_opts){ 0 });
	struct bytes good = { 0 };
	size_t given = 0;

	put_ethernet(&good, tags > 1 ? 0x88a8 : tags > 0 ? 0x8100 : 0x0800);
	for (unsigned i = tags; i > 0; i--)
		put(&good, i > 1 ? "\0\7\x81\0" : "\0\5\x08\0", 4);
	put_udp4(&good, "Export of some length");
	srandom(5);
	for (int round = 0; round < 10000; round++) {
		uint8_t bytes[128];
		struct tsn_frame first = { .p = good.p, .len = good.n, .full = good.n, .ms = T0 }, f = first;
		struct tsn_datagram x = { 0 }, y = { 0 };
		struct tsn_pcap_report before;
		bool is;

		memcpy(bytes, good.p, good.n);
		memset(bytes + good.n, 'p', sizeof(bytes) - good.n);
		for (long n = random() % 3; n > 0; n--)
			bytes[12 + random() % (32 + 4 * tags)] ^= (uint8_t)(1 << random() % 8);
		f.p = bytes;
		f.len = round % 4 ? good.n : (size_t)random() % sizeof(bytes);
		f.full = f.len;
		f.ms = T0 + round;
		cr_assert(tsn_pcap_take(behind, &first, &x));
		cr_assert(tsn_pcap_forget(alone));
		before = *tsn_pcap_report(behind);
		is = tsn_pcap_take(behind, &f, &x);
		cr_assert_eq(is, tsn_pcap_take(alone, &f, &y));
		cr_assert_eq(tsn_pcap_report(behind)->datagrams - before.datagrams, tsn_pcap_report(alone)->datagrams);
		cr_assert_eq(tsn_pcap_report(behind)->not_ip - before.not_ip, tsn_pcap_report(alone)->not_ip);
		cr_assert_eq(tsn_pcap_report(behind)->cut - before.cut, tsn_pcap_report(alone)->cut);
		given += is;
		if (!is)
			continue;
		cr_assert(x.payload == y.payload && x.len == y.len && x.cut == y.cut && x.received_ms == y.received_ms);
		cr_assert(x.src_port == y.src_port && x.dst_port == y.dst_port && tsn_addr_cmp(x.exporter, y.exporter) == 0);
	}
	cr_assert(given > 2500 && given < 9500, "%u tags: %zu", tags, given);
	tsn_pcap_close(behind);
	tsn_pcap_close(alone);
	bytes_free(&good);
}

Test(input_packet, the_short_way_is_the_long_way)
{
	for (unsigned tags = 0; tags <= 3; tags++) /* with three it is not taken */
		compare_ways(tags);
}

/* --- frames of exactly their size: ASan sees a single byte read too far, which in the buffer of a capture it would not --- */

static const uint32_t links[] = { TSN_LINK_ETHERNET, TSN_LINK_SLL, TSN_LINK_SLL2, TSN_LINK_RAW, TSN_LINK_LOOP };

#define KINDS 4 /* IPv4, IPv6, IPv6 with four extension headers, IPv6 fragment */

static void
make_frame(struct bytes *b, uint32_t link, int kind)
{
	static const char *const chain = "\0\2............................................"; /* 24 bytes at a time */
	struct ip4 four = { .src = 1, .dst = 2, .options = 2 };
	struct ip6 six = { { 0x20, 1 }, { 0x20, 2 }, 17 };
	struct bytes udp = { 0 }, body = { 0 };
	bool v6 = kind > 0;

	b->n = 0;
	if (link == TSN_LINK_ETHERNET) {
		put_ethernet(b, 0x8100);
		put(b, v6 ? "\0\5\x86\xdd" : "\0\5\x08\x00", 4);
	} else if (link == TSN_LINK_SLL) {
		put(b, v6 ? "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x86\xdd" : "\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\x00", 16);
	} else if (link == TSN_LINK_SLL2) {
		put(b, v6 ? "\x86\xdd" : "\x08\x00", 2);
		put(b, "\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0", 18);
	} else if (link == TSN_LINK_LOOP) {
		put(b, "\0\0\0\2", 4);
	}
	put_udp(&udp, 7, 8, "payload", 7);
	if (kind == 2) {
		static const uint8_t next[] = { 60, 43, 51, 17 };

		six.first = 0;
		for (int i = 0; i < 4; i++) {
			put(&body, chain, 24);
			body.p[24 * i] = next[i];
			body.p[24 * i + 1] = i == 3 ? 4 : 2; /* AH counts in words */
		}
	} else if (kind == 3) {
		six.first = 44;
		put(&body, "\21\0\0\1\0\0\0\77", 8);
	}
	put(&body, udp.p, udp.n);
	if (v6)
		put_ip6(b, &six, body.p, body.n);
	else
		put_ip4(b, &four, udp.p, udp.n);
	bytes_free(&udp);
	bytes_free(&body);
}

/* Parses a copy of exactly [n] bytes; what comes out lies inside it. */
static enum tsn_packet
parse(uint32_t link, const uint8_t *p, size_t n, size_t *payload)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct tsn_ip ip;
	struct tsn_datagram d;
	enum tsn_packet kind;
	unsigned sum = 0;

	memcpy(exact, p, n);
	kind = tsn_packet_parse(link, exact, n, n, &ip);
	*payload = 0;
	if (kind == TSN_PACKET_UDP || kind == TSN_PACKET_FRAGMENT) {
		cr_assert(ip.payload >= exact && ip.payload + ip.len <= exact + n && ip.len <= ip.full);
		for (size_t i = 0; i < ip.len; i++)
			sum += ip.payload[i];
	}
	if (kind == TSN_PACKET_UDP && tsn_packet_udp(&ip, &d)) {
		cr_assert(d.payload >= exact && d.payload + d.len <= exact + n);
		*payload = d.len;
	}
	cr_assert_neq(sum, 1u << 31); /* so that the bytes are read */
	free(exact);
	return kind;
}

Test(input_packet, cut_at_every_byte)
{
	for (size_t l = 0; l < sizeof(links) / sizeof(links[0]); l++) {
		for (int kind = 0; kind < KINDS; kind++) {
			struct bytes b = { 0 };
			size_t payload;

			make_frame(&b, links[l], kind);
			cr_assert_eq(parse(links[l], b.p, b.n, &payload), kind == 3 ? TSN_PACKET_FRAGMENT : TSN_PACKET_UDP,
			    "link %u, kind %d", links[l], kind);
			cr_assert_eq(payload, kind == 3 ? 0 : 7);
			for (size_t n = 0; n < b.n; n++) {
				enum tsn_packet got = parse(links[l], b.p, n, &payload);

				cr_assert(got != TSN_PACKET_UDP || payload <= 7 - (b.n - n < 7 ? b.n - n : 7), "cut to %zu", n);
			}
			bytes_free(&b);
		}
	}
}

/* 10,700 mutated frames in `make test`, 800,000 in `make soak`. */
Test(input_packet, mutated)
{
	long times = mutate_times(800000), udp = 0;
	uint64_t seed = 0xf00d;
	struct bytes b = { 0 };

	for (long i = 0; i < times; i++) {
		uint32_t link = links[mutate_random(&seed) % 5];
		uint8_t p[512];
		size_t n, payload;

		make_frame(&b, link, (int)(mutate_random(&seed) % KINDS));
		n = mutate_copy(p, sizeof(p), b.p, b.n, mutate_random(&seed) % 5, &seed);
		udp += parse(link, p, n, &payload) == TSN_PACKET_UDP;
	}
	cr_assert(udp > times / 8 && udp < times * 3 / 4, "%ld of %ld are UDP", udp, times);
	bytes_free(&b);
}
