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
#include "unit/capture_run.h"

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

/* A file that is cut behind [rest] bytes of packet [to] when [at] have been taken is told of as one that always ended there: in a packet. */
static void
cut_while_it_is_read(const struct bytes *file, size_t record, size_t at, size_t to, size_t rest)
{
	char path[40], error[TSN_INPUT_ERROR];
	int fd = as_file(file, path);
	struct tsn_pcap *p = tsn_pcap_open(path, &sniffing, error);
	const size_t end = 24 + to * record + rest;
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
	cr_assert(report->damaged && report->damage_offset == end - rest && report->datagrams == to);
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
		cut_while_it_is_read(&file, record, 500, to, record / 2);
	cut_while_it_is_read(&file, record, 500, 1999, record / 2);
	cut_while_it_is_read(&file, record, 500, 700, 0); /* between two packets: it ended later when it was opened */
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
