/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Captures through the feed: exports or packets, said or found out, from files and pipes. */
#include <criterion/criterion.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "feed/feed.h"
#include "packet/link.h"
#include "unit/build_capture.h"

#define T0 INT64_C(1600000000000)

/* A v5 message of one record; [count] is what its header says. */
static void
put_v5(struct bytes *b, unsigned count)
{
	put_be(b, 5, 2);
	put_be(b, count, 2);
	put_be(b, 100000, 4);
	put_be(b, T0 / 1000, 4);
	put_be(b, 0, 4);
	put_be(b, 0, 4);
	put_be(b, 0, 4);
	put_be(b, 0xc0000201, 4); /* 192.0.2.1 to .2 */
	put_be(b, 0xc0000202, 4);
	put_be(b, 0, 8);
	put_be(b, 3, 4);
	put_be(b, 300, 4);
	put_be(b, 90000, 4);
	put_be(b, 91000, 4);
	put_be(b, 1000, 2);
	put_be(b, 25, 2);
	put_be(b, 0x00020600, 4);
	put_be(b, 0, 8);
}

/* One frame of raw IP: a UDP datagram to [port]. */
static void
put_datagram(struct bytes *file, int i, unsigned port, const void *payload, size_t n)
{
	struct bytes udp = { 0 }, frame = { 0 };

	put_udp(&udp, 4000, port, payload, n);
	put_ip4(&frame, &(struct ip4){ .src = 0x0a000001, .dst = 0x0a000002 }, udp.p, udp.n);
	put_pcap_record(file, T0 + i, frame.p, frame.n, false, false);
	bytes_free(&udp);
	bytes_free(&frame);
}

static void
put_other(struct bytes *file, int from, int n)
{
	for (int i = from; i < from + n; i++)
		put_datagram(file, i, 53, "nothing", 7);
}

static void
put_export(struct bytes *file, int i, unsigned count)
{
	struct bytes v5 = { 0 };

	put_v5(&v5, count);
	put_datagram(file, i, 2055, v5.p, v5.n);
	bytes_free(&v5);
}

struct result {
	struct tsn_feed_report report;
	uint64_t flows, packets, v5_flows;
	char log[4096], error[TSN_INPUT_ERROR];
	enum tsn_feed_step last;
};

static void
on_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct result *r = arg;

	(void)rows;
	for (uint32_t i = 0; i < b->n; i++) {
		struct tsn_value v;

		tsn_batch_get(b, i, TSN_F_RAW_PACKETS, &v);
		r->flows++;
		r->packets += (uint64_t)v.i;
		r->v5_flows += tsn_batch_addr(b, i, TSN_F_SRC).lo == 0xc0000201;
	}
}

static void
on_line(void *arg, enum tsn_log_level level, const char *line)
{
	struct result *r = arg;
	size_t n = strlen(r->log);

	snprintf(r->log + n, sizeof(r->log) - n, "%d %s\n", (int)level, line);
}

static void
read_path(const char *path, enum tsn_feed_as as, uint16_t port, struct result *r)
{
	struct tsn_log log = { TSN_LOG_INFO, on_line, r };
	struct tsn_feed_opts opts = { .as = as, .port = port, .log = &log };
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .on_rows = on_rows, .rows_read = tsn_field_set_all(), .arg = r });
	struct tsn_feed *f;

	memset(r, 0, sizeof(*r));
	f = tsn_feed_open(path, &opts, e, r->error);
	if (f != NULL) {
		while ((r->last = tsn_feed_step(f)) == TSN_FEED_MORE)
			;
		r->report = *tsn_feed_report(f);
		tsn_engine_finish(e);
	}
	tsn_feed_close(f);
	tsn_engine_free(e);
}

static void
read_bytes(const struct bytes *file, enum tsn_feed_as as, uint16_t port, struct result *r)
{
	char path[40];
	int fd = as_file(file, path);

	read_path(path, as, port, r);
	close(fd);
}

static bool
is_exports(const struct result *r)
{
	return strcmp(r->report.kind, "capture of exports") == 0 && strcmp(r->report.unit, "datagrams") == 0;
}

static bool
is_packets(const struct result *r)
{
	return strcmp(r->report.kind, "capture of packets") == 0 && strcmp(r->report.unit, "packets") == 0;
}

Test(feed_capture, found_out)
{
	struct bytes file = { 0 };
	struct result r;

	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	put_other(&file, 0, 500);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert(is_packets(&r) && r.flows == 1 && r.packets == 500 && r.report.records == 500 && r.last == TSN_FEED_END, "%s", r.log);
	cr_assert_not_null(strstr(r.log, "no export message in 500 packets, 500 of them UDP"), "%s", r.log);
	put_export(&file, 500, 1);
	put_other(&file, 501, 2000);
	put_export(&file, 2501, 1);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert(is_exports(&r) && r.flows == 2 && r.v5_flows == 2 && r.report.records == 2, "%s", r.log);
	cr_assert_not_null(strstr(r.log, "2502 packets, 2 export datagrams"), "%s", r.log);
	bytes_free(&file);
}

/* The 1,000th UDP datagram still tells, the next does not. */
Test(feed_capture, bound_in_datagrams)
{
	for (int before = 999; before <= 1000; before++) {
		struct bytes file = { 0 };
		struct result r;

		put_pcap_header(&file, TSN_LINK_RAW, false, false);
		put_other(&file, 0, before);
		put_export(&file, before, 1);
		read_bytes(&file, TSN_AS_AUTO, 0, &r);
		cr_assert(before == 999 ? is_exports(&r) && r.v5_flows == 1 : is_packets(&r) && r.packets == 1001, "%d: %s", before, r.log);
		read_bytes(&file, TSN_AS_EXPORTS, 0, &r);
		cr_assert(is_exports(&r) && r.v5_flows == 1);
		bytes_free(&file);
	}
}

/* Behind 64 MiB of other traffic nobody looks for exports; nothing is lost for that. */
Test(feed_capture, bound_in_bytes, .timeout = 60)
{
	enum { FRAMES = 1200, BYTES = 60000 };
	uint8_t *big = calloc(1, BYTES);
	struct bytes file = { 0 }, frame = { 0 };
	struct result r;

	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	put_ip4(&frame, &(struct ip4){ .src = 1, .dst = 2, .proto = 50 }, big, BYTES);
	for (int i = 0; i < FRAMES; i++)
		put_pcap_record(&file, T0 + i, frame.p, frame.n, false, false);
	put_export(&file, FRAMES, 1);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert(is_packets(&r) && r.flows == 2 && r.packets == FRAMES + 1 && r.report.records == FRAMES + 1, "%s", r.log);
	bytes_free(&file);
	bytes_free(&frame);
	free(big);
}

/* What came before the message that told, odd ones of the same stream included, is read like the rest. */
Test(feed_capture, nothing_is_lost)
{
	struct bytes file = { 0 };
	struct result r;

	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	put_export(&file, 0, 2); /* says 2, has 1 */
	put_other(&file, 1, 10);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert(is_packets(&r) && r.packets == 11, "%s", r.log);
	cr_assert_not_null(strstr(r.log, "1 UDP datagrams look like damaged exports (--as exports reads them)"), "%s", r.log);
	put_export(&file, 11, 1);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert(is_exports(&r) && r.v5_flows == 2 && r.report.records == 2, "%s", r.log);
	bytes_free(&file);
}

Test(feed_capture, said)
{
	struct bytes file = { 0 };
	struct result r;

	put_pcap_header(&file, TSN_LINK_RAW, false, false);
	put_export(&file, 0, 1);
	put_export(&file, 1, 1);
	read_bytes(&file, TSN_AS_PACKETS, 0, &r);
	cr_assert(is_packets(&r) && r.flows == 1 && r.packets == 2 && r.v5_flows == 0);
	read_bytes(&file, TSN_AS_AUTO, 2055, &r);
	cr_assert(is_exports(&r) && r.v5_flows == 2);
	read_bytes(&file, TSN_AS_AUTO, 2056, &r);
	cr_assert(is_exports(&r) && r.flows == 0);
	cr_assert_not_null(strstr(r.log, "no datagram of this capture goes to UDP port 2056"), "%s", r.log);
	bytes_free(&file);
}

/* The writer's end is another process, which writes in small pieces. */
Test(feed_capture, pipe)
{
	for (int exports = 0; exports < 2; exports++) {
		struct bytes file = { 0 };
		struct result r;
		char path[40];
		int fd[2], status;
		pid_t child;

		put_pcap_header(&file, TSN_LINK_RAW, false, false);
		put_other(&file, 0, 700);
		if (exports)
			put_export(&file, 700, 1);
		put_other(&file, 701, 700);
		cr_assert_eq(pipe(fd), 0);
		child = fork();
		if (child == 0) {
			close(fd[0]);
			for (size_t at = 0; at < file.n; at += 1000)
				if (write(fd[1], file.p + at, file.n - at < 1000 ? file.n - at : 1000) < 0)
					break;
			_exit(0);
		}
		close(fd[1]);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
		read_path(path, TSN_AS_AUTO, 0, &r);
		cr_assert(exports ? is_exports(&r) && r.v5_flows == 1 && r.flows == 1 : is_packets(&r) && r.packets == 1400, "%s %s", r.error, r.log);
		close(fd[0]);
		cr_assert_eq(waitpid(child, &status, 0), child);
		bytes_free(&file);
	}
}

Test(feed_capture, nothing_to_meter)
{
	struct bytes file = { 0 };
	struct result r;

	put_pcap_header(&file, TSN_LINK_ETHERNET, false, false);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert(is_packets(&r) && r.flows == 0 && strstr(r.log, "no packets in this capture") != NULL, "%s", r.log);
	for (int i = 0; i < 3; i++)
		put_pcap_record(&file, T0, "\377\377\377\377\377\377\2\0\0\0\0\1\x08\x06", 14, false, false);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert(is_packets(&r) && r.flows == 0 && r.report.skipped == 3, "%s", r.log);
	cr_assert_not_null(strstr(r.log, "no IP in this capture (3 packets of other kinds)"), "%s", r.log);
	bytes_free(&file);
	put_pcap_header(&file, 195, false, false);
	read_bytes(&file, TSN_AS_AUTO, 0, &r);
	cr_assert_not_null(strstr(r.error, "link type 195"), "%s", r.error);
	bytes_free(&file);
}

/* Damage ends either kind, at any byte; what came before is read and counted. */
Test(feed_capture, cut)
{
	for (int exports = 0; exports < 2; exports++) {
		struct bytes file = { 0 };
		struct result r;
		size_t whole;

		put_pcap_header(&file, TSN_LINK_RAW, false, false);
		put_export(&file, 0, exports ? 1 : 40);
		put_other(&file, 1, 1);
		whole = file.n;
		put_export(&file, 2, 1);
		for (size_t n = file.n; file.n > whole + 1;) {
			file.n--;
			read_bytes(&file, TSN_AS_AUTO, 0, &r);
			cr_assert(r.report.damaged && r.report.unread == (int64_t)(file.n - whole), "%zu of %zu", file.n, n);
			cr_assert(r.report.damage_offset == whole && r.last == TSN_FEED_END);
			cr_assert(exports ? r.v5_flows == 1 : r.packets == 2, "%s", r.log);
		}
		bytes_free(&file);
	}
}

/* Every allocation fails in turn: an error or the end of reading each time, no leak, no crash. */
Test(feed_capture, out_of_memory, .timeout = 60)
{
	for (int exports = 0; exports < 2; exports++) {
		struct bytes file = { 0 };
		char path[40];
		struct result r = { .flows = 0 };
		bool done = false;
		int fd;

		put_pcap_header(&file, TSN_LINK_RAW, false, false);
		put_other(&file, 0, 3000);
		if (exports)
			put_export(&file, 3000, 1);
		fd = as_file(&file, path);
		for (long n = 0; !done; n++) {
			struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ .on_rows = on_rows, .rows_read = tsn_field_set_all(), .arg = &r });
			struct tsn_feed_opts opts = { .log = NULL };
			char error[TSN_INPUT_ERROR] = "";
			enum tsn_feed_step step = TSN_FEED_MORE;
			struct tsn_feed *f;

			tsn_exporters_nobody(tsn_engine_exporters(e));
			tsn_mem_fail_at(n, true);
			f = tsn_feed_open(path, &opts, e, error);
			while (f != NULL && step == TSN_FEED_MORE)
				step = tsn_feed_step(f);
			done = tsn_mem_count() <= n;
			tsn_mem_fail_never();
			cr_assert(done ? step == TSN_FEED_END : f == NULL ? error[0] != '\0' : true, "%ld: %s", n, error);
			tsn_feed_close(f);
			tsn_engine_free(e);
		}
		close(fd);
		bytes_free(&file);
	}
}
