/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Recorded sFlow against what nfdump 1.7.8 made of it, field by field, and against tcpdump's and telegraf's texts for what
 * is no flow. The data is read where it is present beside the project. nfdump's bytes are those of the frame
 * (header, checksum and padding included); ours are those of the IP packet, by its header, as of all other exports
 * (LANGUAGE.md section 3): they stand here. nfdump shows 0x3fffffff, and 1 for "discarded, reason 1", as interfaces.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <unistd.h>

#include "unit/feed_exports.h"
#include "unit/golden_nfdump.h"

#define INTERNAL 0x3fffffff

struct counts {
	uint64_t flows, counter_samples, not_flows, bad_records;
};

static void
decode_file(const char *path, struct tsn_decoder *d, struct keeper *k)
{
	struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like_export };
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p;
	struct tsn_datagram g;

	if (strstr(path, ".pcap") == NULL) {
		struct tsn_buf b = TSN_BUF_INIT;

		cr_assert_eq(tsn_buf_read_file(&b, path, 1 << 16), 0, "%s", path);
		cr_assert(tsn_decode_looks_like_export((const uint8_t *)tsn_buf_str(&b), b.len), "%s", path);
		cr_assert_eq(tsn_decode_datagram(d, (const uint8_t *)tsn_buf_str(&b), b.len, tsn_addr_v4(1), 1, &k->sink), TSN_DECODE_OK);
		tsn_buf_fini(&b);
		return;
	}
	p = tsn_pcap_open(path, &opts, error);
	cr_assert_not_null(p, "%s", error);
	while (tsn_pcap_next(p, &g))
		cr_assert_neq(tsn_decode_datagram(d, g.payload, g.len, g.exporter, g.received_ms, &k->sink), TSN_DECODE_STOPPED);
	cr_assert_gt(tsn_pcap_report(p)->datagrams, 0, "%s", path);
	tsn_pcap_close(p);
}

static void
same_addr(const struct kept_row *row, enum tsn_field f, const char *want, const char *where)
{
	const struct tsn_addr a = gold_addr(want);

	if (a.hi != 0 || a.lo != 0)
		cr_assert(row->field[f].known && tsn_addr_cmp(row->field[f].addr, a) == 0, "%s: %s", where, tsn_fields[f].name);
	else
		cr_assert_not(row->field[f].known, "%s: %s", where, tsn_fields[f].name);
}

/* What nfdump does not say of the rows, or not as we do. */
struct wanted {
	const struct kept_row *row;
	const uint64_t *bytes;
	bool discarded;
};

/* Of ICMP nfdump's sp is the type and dp is not filled */
static void
compare(const void *arg, char *line, size_t number, const char *where)
{
	const struct wanted *w = arg;
	const struct kept_row *row = &w->row[number];
	const uint64_t bytes = w->bytes[number];
	const bool discarded = w->discarded;
	uint64_t by = row->field[TSN_F_SAMPLING].known ? (uint64_t)row->field[TSN_F_SAMPLING].i : 1, n[GOLD_FIELDS];
	char *f[GOLD_FIELDS];

	cr_assert(gold_split(line, f), "%s", where);
	for (int i = 0; i < GOLD_FIELDS; i++)
		n[i] = strtoull(f[i], NULL, 10);
	gold_is_int(row->field, TSN_F_PROTO, n[2], where);
	same_addr(row, TSN_F_SRC, f[3], where);
	same_addr(row, TSN_F_DST, f[5], where);
	if (n[2] == 1) {
		gold_is_int(row->field, TSN_F_ICMP_TYPE, n[4], where);
	} else {
		gold_is_int(row->field, TSN_F_SRC_PORT, n[4], where);
		gold_is_int(row->field, TSN_F_DST_PORT, n[6], where);
	}
	gold_is_int(row->field, TSN_F_FLAGS, n[7], where);
	gold_is_int(row->field, TSN_F_TOS, n[8], where);
	gold_is_int(row->field, TSN_F_RAW_PACKETS, n[9] / by, where);
	gold_is_int(row->field, TSN_F_RAW_BYTES, bytes, where);
	cr_assert_leq(bytes * by, n[10], "%s: no packet is larger than its frame", where);
	gold_is_int(row->field, TSN_F_IN_IF, n[11] == INTERNAL ? 0 : n[11], where);
	gold_is_int(row->field, TSN_F_OUT_IF, n[12] == INTERNAL || discarded ? 0 : n[12], where);
	gold_is_int(row->field, TSN_F_FWD_STATUS, discarded ? 2 : n[12] == INTERNAL ? 3 : 0, where);
	gold_is_int(row->field, TSN_F_SRC_AS, n[13], where);
	gold_is_int(row->field, TSN_F_DST_AS, n[14], where);
	same_addr(row, TSN_F_NEXT_HOP, f[15], where);
	same_addr(row, TSN_F_EXPORTER, f[16], where);
	cr_assert(row->field[TSN_F_START].i == row->received && row->field[TSN_F_END].i == row->received, "%s", where);
}

Test(sflow_golden, nfdump)
{
	static const struct {
		const char *data, *golden;
		uint64_t bytes[5];
		bool discarded;
	} files[] = {
		{ "akvorado/sflow-data-1140", "akvorado__sflow-data-1140", { 1500, 421, 1500, 40, 1500 }, false },
		{ "akvorado/sflow-data-discard-interface", "akvorado__sflow-data-discard-interface", { 1500 }, true },
		{ "akvorado/sflow-data-icmpv4", "akvorado__sflow-data-icmpv4", { 84 }, false },
		{ "akvorado/sflow-data-local-interface", "akvorado__sflow-data-local-interface", { 1500 }, false },
		{ "akvorado/sflow-data-sflow-expanded-sample", "akvorado__sflow-data-sflow-expanded-sample", { 104 }, false },
		{ "akvorado/sflow-data-sflow-ipv4-data", "akvorado__sflow-data-sflow-ipv4-data", { 1344 }, false },
		{ "akvorado/sflow-data-sflow-raw-ipv4", "akvorado__sflow-data-sflow-raw-ipv4", { 32, 32 }, false },
		{ "tcpdump/sflow_expanded", "tcpdump__sflow_expanded", { 104 }, false },
	};
	unsigned caps[] = { 1, 3, 1024 };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char data[200], golden[200];

		snprintf(data, sizeof(data), DATA "exporter_packets/%s.pcap", files[i].data);
		snprintf(golden, sizeof(golden), DATA "golden_derived/%s.nfdump178.psv", files[i].golden);
		if (!gold_there(data, golden))
			continue;
		for (int c = 0; c < 3; c++) {
			struct feed f;

			feed_init(&f, caps[c]);
			decode_file(data, f.d, &f.k);
			keeper_spill(&f.k);
			gold_each_line(golden, f.k.n, compare, &(struct wanted){ f.k.row, files[i].bytes, files[i].discarded });
			feed_fini(&f);
		}
	}
}

/*
 * How many samples of which kind tcpdump and telegraf find: two and 142 counter samples, a notification without a
 * packet... What tcpdump calls sFlow version 327681 and 327682 are NetFlow v5 datagrams of one and two flows.
 */
Test(sflow_golden, what_is_no_flow)
{
	static const struct {
		const char *data;
		struct counts want;
	} files[] = {
		{ "tcpdump/sflow_multiple_counter_30_pdus.pcap", { 7, 144, 0, 0 } },
		{ "telegraf/sflow_v5_example/sflow_v5.bin", { 0, 1, 0, 0 } },
		{ "telegraf/sflow_issue_15375/sflow_drop_1036.bin", { 0, 0, 1, 0 } },
		{ "telegraf/sflow_issue_18876/message.bin", { 0, 1, 0, 0 } },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct counts got = { 0, 0, 0, 0 };
		struct feed f;
		char path[200];

		feed_init(&f, 1024);
		snprintf(path, sizeof(path), DATA "exporter_packets/%s", files[i].data);
		if (access(path, R_OK) == 0) {
			decode_file(path, f.d, &f.k);
			for (uint32_t e = 0; e < tsn_exporters_count(f.x); e++) {
				const uint64_t *c = tsn_exporters_at(f.x, e)->counter;

				got.flows += c[TSN_XC_FLOWS];
				got.counter_samples += c[TSN_XC_COUNTER_SAMPLES];
				got.not_flows += c[TSN_XC_NOT_FLOWS];
				got.bad_records += c[TSN_XC_BAD_RECORD];
			}
			cr_assert_eq(memcmp(&got, &files[i].want, sizeof(got)), 0, "%s: %llu flows, %llu counters, %llu others, %llu bad", path,
			    (unsigned long long)got.flows, (unsigned long long)got.counter_samples, (unsigned long long)got.not_flows,
			    (unsigned long long)got.bad_records);
		} else {
			cr_log_warn("not compared, not there: %s", path);
		}
		feed_fini(&f);
	}
}
