/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "input/mapped.h"
#include "input/packet.h"
#include "input/pcap.h"
#include "unit/build_capture.h"

#define T0 INT64_C(1795418150103)
#define SRC 0xc0000201u /* 192.0.2.1 */
#define DST 0xc6336401u /* 198.51.100.1 */

/* What a test takes for an export datagram: it begins with an E. */
static bool
begins_with_e(const uint8_t *p, size_t n)
{
	return n > 0 && p[0] == 'E';
}

/* Everything a capture gave. */
struct got {
	size_t n;
	struct tsn_datagram d[64];
	char text[64][64]; /* payloads as text */
	struct tsn_pcap_report report;
	uint64_t done, total;
};

static void
run_path(const char *path, const struct tsn_pcap_opts *opts, struct got *g)
{
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, opts, error);
	struct tsn_datagram d;

	memset(g, 0, sizeof(*g));
	cr_assert_not_null(p, "%s", error);
	while (tsn_pcap_next(p, &d)) {
		cr_assert_lt(g->n, 64);
		snprintf(g->text[g->n], sizeof(g->text[0]), "%.*s", (int)d.len, (const char *)d.payload);
		g->d[g->n++] = d;
	}
	cr_assert_not(tsn_pcap_next(p, &d), "the end stays the end");
	g->report = *tsn_pcap_report(p);
	tsn_pcap_progress(p, &g->done, &g->total);
	tsn_pcap_close(p);
}

static void
run(const struct bytes *file, const struct tsn_pcap_opts *opts, struct got *g)
{
	char path[40];
	int fd = as_file(file, path);

	run_path(path, opts, g);
	close(fd);
}

static const struct tsn_pcap_opts sniffing = { .sniff = begins_with_e };

static void
put_udp4(struct bytes *b, const char *payload)
{
	struct bytes u = { 0 };
	struct ip4 ip = { .src = SRC, .dst = DST };

	put_udp(&u, 40000, 2055, payload, strlen(payload));
	put_ip4(b, &ip, u.p, u.n);
	bytes_free(&u);
}

static const struct ip6 ip6 = { { 0x20, 1, 0xd, 0xb8, [15] = 1 }, { 0x20, 1, 0xd, 0xb8, [15] = 2 }, 17 };

/* Both byte orders, both resolutions, and pcapng where the build has libpcap. */
Test(input_pcap, file_formats)
{
	for (int format = 0; format < 6; format++) {
		bool swapped = format & 1, nano = format & 2, ng = format >= 4;
		struct bytes file = { 0 }, frame = { 0 };
		struct got g;
		char text[20];

		if (ng)
			put_pcapng_header(&file, TSN_LINK_ETHERNET, swapped);
		else
			put_pcap_header(&file, TSN_LINK_ETHERNET, swapped, nano);
		for (int i = 0; i < 5; i++) {
			frame.n = 0;
			snprintf(text, sizeof(text), "E%d", i);
			put_ethernet(&frame, 0x0800);
			put_udp4(&frame, text);
			if (ng)
				put_pcapng_record(&file, T0 + i, frame.p, frame.n, swapped);
			else
				put_pcap_record(&file, T0 + i, frame.p, frame.n, swapped, nano);
		}
		run(&file, &sniffing, &g);
		cr_assert_eq(g.n, 5, "format %d: %zu", format, g.n);
		for (int i = 0; i < 5; i++) {
			snprintf(text, sizeof(text), "E%d", i);
			cr_assert_str_eq(g.text[i], text);
			cr_assert_eq(g.d[i].received_ms, T0 + i, "format %d", format);
			cr_assert(g.d[i].exporter.v4 && g.d[i].exporter.lo == SRC);
			cr_assert(g.d[i].src_port == 40000 && g.d[i].dst_port == 2055 && !g.d[i].cut);
		}
		cr_assert_not(g.report.damaged);
		cr_assert_eq(g.report.packets, 5);
		cr_assert_eq(g.report.datagrams, 5);
		cr_assert_eq(g.report.bytes, file.n);
		cr_assert(g.done == file.n && g.total == file.n);
		bytes_free(&file);
		bytes_free(&frame);
	}
}

/* The same packet behind every kind of link header. */
Test(input_pcap, link_types)
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

Test(input_pcap, ip_options_and_extension_headers)
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
Test(input_pcap, other_packets_are_counted)
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
Test(input_pcap, streams_are_sniffed)
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
Test(input_pcap, the_short_way_is_the_long_way)
{
	struct tsn_pcap *behind = open_empty(TSN_LINK_ETHERNET, &(struct tsn_pcap_opts){ 0 });
	struct tsn_pcap *alone = open_empty(TSN_LINK_ETHERNET, &(struct tsn_pcap_opts){ 0 });
	struct bytes good = { 0 };
	size_t given = 0;

	put_ethernet(&good, 0x0800);
	put_udp4(&good, "Export of some length");
	srandom(5);
	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[128];
		struct tsn_frame first = { .p = good.p, .len = good.n, .full = good.n, .ms = T0 }, f = first;
		struct tsn_datagram x = { 0 }, y = { 0 };
		struct tsn_pcap_report before;
		bool is;

		memcpy(bytes, good.p, good.n);
		memset(bytes + good.n, 'p', sizeof(bytes) - good.n);
		for (long n = random() % 3; n > 0; n--)
			bytes[12 + random() % 32] ^= (uint8_t)(1 << random() % 8);
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
	cr_assert(given > 5000 && given < 19000, "%zu", given);
	tsn_pcap_close(behind);
	tsn_pcap_close(alone);
	bytes_free(&good);
}

/* A snapped capture: what is there is delivered, and marked. */
Test(input_pcap, cut_by_the_snaplen)
{
	struct bytes file = { 0 }, f = { 0 };
	struct got g;

	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	put_udp4(&f, "Export of ten and more");
	put_pcap_record(&file, T0, f.p, f.n - 10, false, false);
	put_pcap_record(&file, T0, f.p, f.n, false, false);
	put_pcap_record(&file, T0, f.p, f.n - 10, false, false);
	run(&file, &sniffing, &g);
	cr_assert_eq(g.n, 3);
	cr_assert(g.d[0].cut && !g.d[1].cut && g.d[2].cut);
	cr_assert_str_eq(g.text[2], "Export of te");
	cr_assert_eq(g.report.cut, 2);
	bytes_free(&file);
	bytes_free(&f);
}

/* UDP and IP lengths that disagree: the smaller holds, and no byte past the frame is read (ASan watches). */
Test(input_pcap, lengths_that_lie)
{
	static const struct {
		unsigned ip_len, udp_len; /* what the headers say; the truth is 20 + 8 + 6 */
		int want;                 /* bytes of payload, -1: no datagram */
		bool cut;
	} cases[] = { { 34, 14, 6, false }, { 34, 10, 2, false }, { 34, 8, 0, false }, { 34, 7, 6, false }, { 34, 0, 6, false },
		{ 34, 60000, 6, false }, { 30, 14, 2, false }, { 28, 14, 0, false }, { 27, 14, -1, false }, { 60000, 14, 6, false },
		{ 60000, 60000, 6, true }, { 0, 14, 6, false }, { 19, 14, -1, false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes file = { 0 }, f = { 0 };
		struct got g;

		put_pcap_header(&file, TSN_LINK_RAW, false, false);
		put_udp4(&f, "Export");
		f.p[2] = (uint8_t)(cases[i].ip_len >> 8);
		f.p[3] = (uint8_t)cases[i].ip_len;
		f.p[24] = (uint8_t)(cases[i].udp_len >> 8);
		f.p[25] = (uint8_t)cases[i].udp_len;
		put_pcap_record(&file, T0, f.p, f.n, false, false);
		run(&file, &(struct tsn_pcap_opts){ 0 }, &g);
		cr_assert_eq(g.n, cases[i].want >= 0, "case %zu", i);
		if (g.n == 1) {
			cr_assert_eq((int)g.d[0].len, cases[i].want, "case %zu: %zu", i, g.d[0].len);
			cr_assert_eq(g.d[0].cut, cases[i].cut, "case %zu", i);
		}
		bytes_free(&file);
		bytes_free(&f);
	}
}

/* Cut at every length: all whole packets before, then where and how much was not read. */
Test(input_pcap, truncated_files)
{
	struct bytes file = { 0 }, f = { 0 };
	size_t record;

	put_udp4(&f, "Export");
	record = 16 + f.n;
	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	for (int i = 0; i < 3; i++)
		put_pcap_record(&file, T0, f.p, f.n, false, false);
	for (size_t n = 24; n <= file.n; n++) {
		struct bytes part = { file.p, n, n };
		size_t whole = (n - 24) / record, rest = (n - 24) % record;
		struct got g;

		run(&part, &sniffing, &g);
		cr_assert_eq(g.n, whole, "%zu bytes", n);
		cr_assert_eq(g.report.damaged, rest != 0, "%zu bytes", n);
		if (rest == 0)
			continue;
		cr_assert_eq(g.report.damage_offset, n - rest);
		cr_assert_eq(g.report.unread, (int64_t)rest);
		cr_assert_not_null(strstr(g.report.reason, "ends after"), "%s", g.report.reason);
	}
	bytes_free(&file);
	bytes_free(&f);
}

Test(input_pcap, a_length_no_packet_has)
{
	struct bytes file = { 0 }, f = { 0 };
	size_t second;
	struct got g;

	put_udp4(&f, "Export");
	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	put_pcap_record(&file, T0, f.p, f.n, false, false);
	second = file.n;
	put_pcap_record(&file, T0, f.p, f.n, false, false);
	file.p[second + 8 + 3] = 0x80; /* the highest byte of its length */
	run(&file, &sniffing, &g);
	cr_assert_eq(g.n, 1);
	cr_assert(g.report.damaged && g.report.damage_offset == second);
	cr_assert_eq(g.report.unread, (int64_t)(file.n - second));
	cr_assert_not_null(strstr(g.report.reason, "more than any packet has"), "%s", g.report.reason);

	file.n = 24; /* one byte more than libpcap takes, and all of them there */
	for (size_t i = 0; i < 2; i++) {
		static uint8_t big[262145];

		memcpy(big, f.p, f.n);
		put_pcap_record(&file, T0, big, 262144 + i, false, false);
	}
	run(&file, &sniffing, &g);
	cr_assert(g.n == 1 && g.report.damaged && g.report.damage_offset == 24 + 16 + 262144);
	bytes_free(&file);
	bytes_free(&f);
}

/* Above the link type some writers note the length of the frame check sequence. */
Test(input_pcap, link_type_with_check_sequence)
{
	struct bytes file = { 0 }, f = { 0 };
	struct got g;

	put_pcap_header(&file, 0x50000001, false, false);
	put_ethernet(&f, 0x0800);
	put_udp4(&f, "Export");
	put(&f, "\1\2\3\4", 4);
	put_pcap_record(&file, T0, f.p, f.n, false, false);
	run(&file, &sniffing, &g);
	cr_assert_eq(g.n, 1);
	cr_assert_str_eq(g.text[0], "Export");
	bytes_free(&file);
	bytes_free(&f);
}

Test(input_pcap, truncated_pcapng)
{
	struct bytes file = { 0 }, f = { 0 };
	size_t second;
	struct got g;

	put_udp4(&f, "Export");
	put_pcapng_header(&file, TSN_LINK_RAW, false);
	put_pcapng_record(&file, T0, f.p, f.n, false);
	second = file.n;
	put_pcapng_record(&file, T0, f.p, f.n, false);
	file.n -= 5;
	run(&file, &sniffing, &g);
	cr_assert_eq(g.n, 1);
	cr_assert(g.report.damaged);
	cr_assert_eq(g.report.damage_offset, second);
	cr_assert_eq(g.report.unread, (int64_t)(file.n - second));
	cr_assert_gt(strlen(g.report.reason), 0);
	bytes_free(&file);
	bytes_free(&f);
}

/* Packets larger than the reader's pieces and many of them, so that packets straddle its edges; read, and from mapped pages. */
static void
check_larger_than_the_buffer(void)
{
	struct bytes file = { 0 }, f = { 0 };
	static uint8_t big[262144];
	struct tsn_pcap *p;
	struct tsn_datagram d;
	char path[40], error[TSN_INPUT_ERROR];
	size_t n = 0;
	int fd;

	put_udp4(&f, "Export");
	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	for (size_t i = 0; i < 3000; i++) {
		memcpy(big, f.p, f.n);
		put_pcap_record(&file, T0 + (int64_t)i, big, i % 100 == 50 ? sizeof(big) : f.n + i % 700, false, false);
	}
	fd = as_file(&file, path);
	p = tsn_pcap_open(path, &sniffing, error);
	cr_assert_not_null(p, "%s", error);
	for (; tsn_pcap_next(p, &d); n++) {
		cr_assert_eq(d.received_ms, T0 + (int64_t)n);
		cr_assert(d.len == 6 && memcmp(d.payload, "Export", 6) == 0);
	}
	cr_assert_eq(n, 3000);
	tsn_pcap_close(p);
	close(fd);
	bytes_free(&file);
	bytes_free(&f);
}

Test(input_pcap, larger_than_the_buffer)
{
	check_larger_than_the_buffer();
	cr_assert(tsn_mapped_allow(0));
	check_larger_than_the_buffer();
}

/* A file that is cut in the middle of packet [to] when [at] have been taken is told of as one that always ended there. */
static void
cut_while_it_is_read(const struct bytes *file, size_t record, size_t at, size_t to)
{
	char path[40], error[TSN_INPUT_ERROR];
	int fd = as_file(file, path);
	struct tsn_pcap *p = tsn_pcap_open(path, &sniffing, error);
	const size_t end = 24 + to * record + record / 2;
	const struct tsn_pcap_report *report;
	struct tsn_datagram d;
	size_t n = 0;

	cr_assert_not_null(p, "%s", error);
	for (; n < at && tsn_pcap_next(p, &d); n++)
		;
	cr_assert_eq(ftruncate(fd, (off_t)end), 0);
	for (; tsn_pcap_next(p, &d); n++)
		cr_assert(d.len == 1400 && memcmp(d.payload, "Export", 6) == 0 && d.payload[1399] == 'x', "packet %zu", n);
	report = tsn_pcap_report(p);
	cr_assert_eq(n, to, "%zu packets before it is cut, %zu in all, not %zu", at, n, to);
	cr_assert(report->damaged && report->damage_offset == end - record / 2 && report->datagrams == to);
	cr_assert_not_null(strstr(report->reason, "ends after"), "%s", report->reason);
	tsn_pcap_close(p);
	close(fd);
}

Test(input_pcap, cut_while_it_is_read)
{
	struct bytes file = { 0 }, f = { 0 };
	char payload[1401];
	size_t record;

	memset(payload, 'x', sizeof(payload));
	memcpy(payload, "Export", 6);
	payload[1400] = '\0';
	put_udp4(&f, payload);
	record = 16 + f.n;
	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	for (int i = 0; i < 2000; i++)
		put_pcap_record(&file, T0 + i, f.p, f.n, false, false);
	cr_assert(tsn_mapped_allow(TSN_MAPPED_LEAST));
	for (size_t to = 501; to < 2000; to += 83)
		cut_while_it_is_read(&file, record, 500, to);
	cut_while_it_is_read(&file, record, 500, 1999);
	bytes_free(&file);
	bytes_free(&f);
}

/* From a pipe, written a few bytes at a time; classic and pcapng, whole and cut. */
Test(input_pcap, standard_input)
{
	for (int kind = 0; kind < 4; kind++) {
		struct bytes file = { 0 }, f = { 0 };
		bool ng = kind & 1, cut = kind & 2;
		int ends[2], status;
		struct got g;
		pid_t child;

		put_udp4(&f, "Export");
		if (ng)
			put_pcapng_header(&file, TSN_LINK_RAW, false);
		else
			put_pcap_header(&file, TSN_LINK_RAW, false, false);
		for (int i = 0; i < 20; i++) {
			if (ng)
				put_pcapng_record(&file, T0, f.p, f.n, false);
			else
				put_pcap_record(&file, T0, f.p, f.n, false, false);
		}
		file.n -= cut;
		cr_assert_eq(pipe(ends), 0);
		child = fork();
		if (child == 0) {
			for (size_t at = 0; at < file.n; at += 7)
				if (write(ends[1], file.p + at, file.n - at < 7 ? file.n - at : 7) < 0)
					_exit(1);
			_exit(0);
		}
		close(ends[1]);
		cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
		close(ends[0]);
		run_path("-", &sniffing, &g);
		waitpid(child, &status, 0);
		cr_assert_eq(g.n, cut ? 19 : 20, "kind %d: %zu", kind, g.n);
		cr_assert_eq(g.report.damaged, cut, "kind %d", kind);
		cr_assert_eq(g.total, 0);
		if (cut)
			cr_assert_eq(g.report.unread, -1);
		bytes_free(&file);
		bytes_free(&f);
	}
}

static void
expect_error(const struct bytes *file, const char *say)
{
	char path[40], error[TSN_INPUT_ERROR] = "";
	int fd = as_file(file, path);

	cr_assert_null(tsn_pcap_open(path, &sniffing, error));
	cr_assert_not_null(strstr(error, say), "\"%s\" does not say \"%s\"", error, say);
	cr_assert_not_null(strstr(error, path), "%s", error);
	close(fd);
}

Test(input_pcap, what_cannot_be_opened)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *say;
	} cases[] = { { "", 0, "is empty" }, { "\x1f\x8b\x08\0\0", 5, "ends too early" },
		{ "\x28\xb5\x2f\xfd", 4, "ends too early" }, { "\xfd" "7zXZ\0", 6, "ends too early" },
		{ "BZh91AY&SY", 10, "ends too early" }, { "BZh9", 4, "not a capture" }, { "hello, world", 12, "not a capture" }, { "\n", 1, "not a capture" },
		{ "\xd4\xc3\xb2\xa1\2\0", 6, "ends inside" } };
	char error[TSN_INPUT_ERROR];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes b = { 0 };

		put(&b, cases[i].bytes, cases[i].n);
		expect_error(&b, cases[i].say);
		bytes_free(&b);
	}
	cr_assert_null(tsn_pcap_open("/nonexistent/file", &sniffing, error));
	cr_assert_not_null(strstr(error, strerror(ENOENT)), "%s", error);
	cr_assert_null(tsn_pcap_open("/", &sniffing, error));
	cr_assert_not_null(strstr(error, strerror(EISDIR)), "%s", error);
}

Test(input_pcap, link_types_not_read)
{
	struct bytes b = { 0 };

	put_pcap_header(&b, 195, false, false); /* IEEE 802.15.4 */
	expect_error(&b, "link type 195");
	bytes_free(&b);
	put_pcapng_header(&b, 195, false);
	expect_error(&b, "link type 195 (IEEE802_15_4)");
	bytes_free(&b);
}

Test(input_pcap, is_capture)
{
	cr_assert(tsn_pcap_is_capture((const uint8_t *)"\xa1\xb2\xc3\xd4", 4));
	cr_assert(tsn_pcap_is_capture((const uint8_t *)"\xd4\xc3\xb2\xa1", 4));
	cr_assert(tsn_pcap_is_capture((const uint8_t *)"\x4d\x3c\xb2\xa1", 4));
	cr_assert(tsn_pcap_is_capture((const uint8_t *)"\n\r\r\n", 4));
	cr_assert_not(tsn_pcap_is_capture((const uint8_t *)"\xa1\xb2\xc3", 3));
	cr_assert_not(tsn_pcap_is_capture((const uint8_t *)"\xa5\x0c\0\1", 4)); /* nfcapd */
}

/* Every allocation of opening fails in turn: an error each time, no leak, no crash. */
Test(input_pcap, out_of_memory)
{
	struct bytes file = { 0 };
	char path[40], error[TSN_INPUT_ERROR];

	for (int ng = 0; ng < 2; ng++) {
		int fd;
		long n = 0;

		file.n = 0;
		if (ng)
			put_pcapng_header(&file, TSN_LINK_RAW, false);
		else
			put_pcap_header(&file, TSN_LINK_RAW, false, false);
		fd = as_file(&file, path);
		for (;; n++) {
			struct tsn_pcap *p;
			long made;

			tsn_mem_fail_at(n, false);
			p = tsn_pcap_open(path, &sniffing, error);
			made = tsn_mem_count();
			tsn_mem_fail_never();
			tsn_pcap_close(p);
			if (p != NULL) {
				cr_assert_leq(made, n);
				break;
			}
			cr_assert_not_null(strstr(error, "emory"), "%s", error);
		}
		cr_assert_gt(n, 4);
		close(fd);
	}
	tsn_pcap_close(NULL);
	bytes_free(&file);
}
