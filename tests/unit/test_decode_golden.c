/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Recorded exports against what nfdump 1.7.8 made of them, field by field. The
 * data is read where it is present beside the project; nothing is copied.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "unit/feed_exports.h"
#include "unit/golden_nfdump.h"

static void
read_line(char *line, struct gold *g)
{
	cr_assert(gold_read(line, g) && g->timed);
	/* nfdump takes a first after the last for a wrap in between; that would be a flow of 49.7 days. We exchange the two. */
	if (g->end - g->start > INT64_C(1) << 31) {
		int64_t first = g->start + (INT64_C(1) << 32);

		g->start = g->end;
		g->end = first;
	}
}

static void
same_addr(const struct kept_row *row, enum tsn_field f, struct tsn_addr want, const char *where)
{
	cr_assert(row->field[f].known && tsn_addr_cmp(row->field[f].addr, want) == 0, "%s: %s", where, tsn_fields[f].name);
}

static void
compare(const void *rows, char *line, size_t n, const char *where)
{
	const struct kept_row *row = (const struct kept_row *)rows + n;
	uint64_t by = row->field[TSN_F_SAMPLING].known ? (uint64_t)row->field[TSN_F_SAMPLING].i : 1;
	struct gold g;

	read_line(line, &g);
	gold_is_int(row->field, TSN_F_START, (uint64_t)g.start, where);
	gold_is_int(row->field, TSN_F_END, (uint64_t)g.end, where);
	gold_is_int(row->field, TSN_F_PROTO, g.proto, where);
	same_addr(row, TSN_F_SRC, g.src, where);
	same_addr(row, TSN_F_DST, g.dst, where);
	same_addr(row, TSN_F_NEXT_HOP, g.hop, where);
	gold_is_int(row->field, TSN_F_SRC_PORT, g.sp, where);
	gold_is_int(row->field, TSN_F_DST_PORT, g.dp, where);
	if (g.proto == 6) /* nfdump shows the flags of nothing else */
		gold_is_int(row->field, TSN_F_FLAGS, g.flags, where);
	gold_is_int(row->field, TSN_F_TOS, g.tos, where);
	cr_assert_eq((uint64_t)row->field[TSN_F_RAW_PACKETS].i * by, g.packets, "%s: packets", where);
	cr_assert_eq((uint64_t)row->field[TSN_F_RAW_BYTES].i * by, g.bytes, "%s: bytes", where);
	gold_is_int(row->field, TSN_F_IN_IF, g.in, where);
	gold_is_int(row->field, TSN_F_OUT_IF, g.out, where);
	gold_is_int(row->field, TSN_F_SRC_AS, g.sas, where);
	gold_is_int(row->field, TSN_F_DST_AS, g.das, where);
	same_addr(row, TSN_F_EXPORTER, g.exporter, where);
}

static void
decode_capture(const char *path, struct tsn_decoder *d, struct keeper *k)
{
	struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like };
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, &opts, error);
	struct tsn_datagram g;

	cr_assert_not_null(p, "%s", error);
	while (tsn_pcap_next(p, &g))
		cr_assert_eq(tsn_decode_datagram(d, g.payload, g.len, g.exporter, g.received_ms, &k->sink), TSN_DECODE_OK);
	cr_assert_not(tsn_pcap_report(p)->damaged);
	cr_assert_gt(tsn_pcap_report(p)->datagrams, 0);
	tsn_pcap_close(p);
}

/* A file of payloads without packets round them, one after the other. */
static void
decode_payloads(const char *path, struct tsn_decoder *d, struct keeper *k)
{
	uint8_t p[65536];
	FILE *f = fopen(path, "rb");
	size_t len = f != NULL ? fread(p, 1, sizeof(p), f) : 0, at = 0;

	cr_assert_gt(len, 24, "%s", path);
	fclose(f);
	while (at < len) {
		size_t n = 24 + 48u * (size_t)(p[at + 2] << 8 | p[at + 3]);

		if (n > len - at)
			n = len - at;
		tsn_decode_datagram(d, p + at, n, tsn_addr_v4(0xc0000201), 0, &k->sink);
		at += n;
	}
}

Test(decode_golden, nfdump)
{
	static const struct {
		const char *data, *golden;
	} files[] = {
		{ "flowsend/brmikrotik.v1.pcap", "flowsend__brmikrotik.v1" },
		{ "flowsend/brmikrotik.v5.pcap", "flowsend__brmikrotik.v5" },
		{ "flowsend/brmikrotik.v7.pcap", "flowsend__brmikrotik.v7" },
		{ "akvorado/nf-nfv5.pcap", "akvorado__nf-nfv5" },
		{ "graylog/netflow5.pcap", "graylog__netflow5" },
		{ "graylog/pmacctd-netflow5.pcap", "graylog__pmacctd-netflow5" },
		{ "logstash/netflow5.dat", "logstash_case_00_Netflow_5_valid_01" },
		{ "logstash/netflow5_test_microtik.dat", "logstash_case_13_Netflow5_mikrotik" },
		{ "telegraf/netflow_v5_example/netflow_v5.bin", "telegraf__netflow_v5_example" },
	};
	unsigned caps[] = { 1, 13, 1024 };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char data[200], golden[200];

		snprintf(data, sizeof(data), DATA "exporter_packets/%s", files[i].data);
		snprintf(golden, sizeof(golden), DATA "golden_derived/%s.nfdump178.psv", files[i].golden);
		if (!gold_there(data, golden))
			continue;
		for (int c = 0; c < 3; c++) {
			struct feed f;

			feed_init(&f, caps[c]);
			if (strstr(data, ".pcap") != NULL)
				decode_capture(data, f.d, &f.k);
			else
				decode_payloads(data, f.d, &f.k);
			keeper_spill(&f.k);
			gold_each_line(golden, f.k.n, compare, f.k.row);
			feed_fini(&f);
		}
	}
}

/* Not in nfdump's golden files: what these recordings hold by other decoders (30 records each), the second with a count of 55,582. */
Test(decode_golden, whole_records_of_real_datagrams)
{
	static const struct {
		const char *data;
		enum tsn_decode how;
		uint64_t first_bytes;
	} files[] = {
		{ "graylog/netflow-v5-2.dat", TSN_DECODE_OK, 0 },
		{ "logstash/netflow5_test_invalid01.dat", TSN_DECODE_DAMAGED, 0 },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[200];
		uint8_t p[2048];
		size_t len;
		FILE *file;
		struct feed f;

		snprintf(path, sizeof(path), DATA "exporter_packets/%s", files[i].data);
		file = fopen(path, "rb");
		if (file == NULL) {
			cr_log_warn("not compared, not there: %s", path);
			continue;
		}
		len = fread(p, 1, sizeof(p), file);
		fclose(file);
		feed_init(&f, 1024);
		cr_assert_eq(tsn_decode_datagram(f.d, p, len, tsn_addr_v4(1), 0, &f.k.sink), files[i].how, "%s", path);
		cr_assert_eq(f.k.batch->n, 30, "%s", path);
		feed_fini(&f);
	}
}

/* Our own recordings (tests/fixtures/README.md says what is in them): all datagrams found, none lost by their numbers. */
Test(decode_golden, own_recordings)
{
	static const struct {
		const char *name;
		unsigned flows, datagrams, frames, incomplete;
	} files[] = {
		{ "demo.pcap", 4554, 191, 191, 0 },
		{ "demo6.pcap", 382, 15, 23, 0 },
		{ "demo_frag.pcap", 395, 15, 41, 0 },
		{ "demo_sll.pcapng", 410, 16, 16, 0 },
		{ "demo_sll2.pcap", 410, 16, 16, 0 },
	};
	struct keeper kept[5];

	for (size_t i = 0; i < 5; i++) {
		struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like };
		struct tsn_exporters *x = tsn_exporters_new(16);
		struct tsn_decoder *d = tsn_decoder_new(x, 16);
		char path[100], error[TSN_INPUT_ERROR];
		struct tsn_datagram g;
		struct tsn_pcap *p;
		uint64_t trouble = 0;

		snprintf(path, sizeof(path), "tests/fixtures/%s", files[i].name);
		p = tsn_pcap_open(path, &opts, error);
		cr_assert_not_null(p, "%s", error);
		keeper_init(&kept[i], 1024);
		while (tsn_pcap_next(p, &g))
			cr_assert_eq(tsn_decode_datagram(d, g.payload, g.len, g.exporter, g.received_ms, &kept[i].sink), TSN_DECODE_OK);
		keeper_spill(&kept[i]);
		cr_assert_eq(kept[i].n, files[i].flows, "%s: %zu flows", path, kept[i].n);
		cr_assert_eq(tsn_pcap_report(p)->datagrams, files[i].datagrams, "%s", path);
		cr_assert_eq(tsn_pcap_report(p)->packets, files[i].frames, "%s", path);
		cr_assert_eq(tsn_pcap_report(p)->fragments_incomplete, files[i].incomplete, "%s", path);
		cr_assert_eq(tsn_pcap_report(p)->other_udp, 0, "%s", path);
		for (uint32_t k = 0; k < tsn_exporters_count(x); k++)
			for (int c = 0; c < TSN_EXPORTER_COUNTER_COUNT; c++)
				trouble += c == TSN_XC_DATAGRAMS || c == TSN_XC_FLOWS ? 0 : tsn_exporters_at(x, k)->counter[c];
		cr_assert_eq(trouble, 0, "%s", path);
		tsn_pcap_close(p);
		tsn_decoder_free(d);
		tsn_exporters_free(x);
	}
	for (size_t i = 0; i < kept[3].n; i++) /* the same datagrams, seen through two kinds of link header */
		for (int f = 0; f < TSN_FIELD_COUNT; f++)
			if (tsn_fields[f].storage != TSN_ADDR)
				cr_assert(kept[3].row[i].field[f].known == kept[4].row[i].field[f].known &&
				    kept[3].row[i].field[f].i == kept[4].row[i].field[f].i, "row %zu, %s", i, tsn_fields[f].name);
			else
				cr_assert_eq(tsn_addr_cmp(kept[3].row[i].field[f].addr, kept[4].row[i].field[f].addr), 0, "row %zu", i);
	for (int i = 0; i < 5; i++)
		keeper_fini(&kept[i]);
}

static unsigned captures, mistaken;

static int
look_for_netflow(const char *path, const struct stat *st, int kind)
{
	struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like_export };
	char error[TSN_INPUT_ERROR];
	struct tsn_datagram d;
	struct tsn_pcap *p;

	if (kind != FTW_F || st->st_size > 1 << 20 || strstr(path, ".pcap") == NULL)
		return 0;
	p = tsn_pcap_open(path, &opts, error);
	if (p == NULL)
		return 0;
	captures++;
	while (tsn_pcap_next(p, &d)) {
		mistaken++;
		cr_log_warn("%s: taken for %s", path, tsn_decode_format(d.payload, d.len));
	}
	tsn_pcap_close(p);
	return 0;
}

/* Some 250 captures of everything but flow export: DNS, VoIP, tunnels, attacks, broken packets. */
Test(decode_golden, other_traffic_is_not_taken_for_exports)
{
	if (ftw(DATA "raw_packets", look_for_netflow, 16) != 0)
		cr_log_warn("not compared, not there: " DATA "raw_packets");
	cr_assert_eq(mistaken, 0, "%u datagrams of %u captures", mistaken, captures);
}
