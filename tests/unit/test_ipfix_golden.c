/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Recorded exports of NetFlow v9 and IPFIX against what other decoders made of them: nfdump 1.7.8 field by field, and
 * single values that the tests of logstash, telegraf and pmacct state. The data is read where it is present beside
 * the project; nothing is copied.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <unistd.h>

#include "unit/feed_exports.h"
#include "unit/golden_nfdump.h"

/*
 * Where nfdump has it otherwise, and why ours is right:
 * - GOLD_BGP_HOP: the template has only the BGP next hop (18), which nfdump keeps in a column of its own.
 * - GOLD_UNSCALED: the interval stands in every record (34), which nfdump does not look at there.
 * - GOLD_NO_FLAGS: YAF puts TCP flags into a list (RFC 6313), which nfdump skips.
 * - GOLD_EVENT_TIME: an ASA tells when the flow was made (152) and when the event was (323), which ended it; nfdump
 *   takes the latter for both.
 * - GOLD_FIRST_UNSCALED: the first record names sampler 2, told as 1 in 4,000; nfdump scales all of that sampler but
 * it.
 * - GOLD_BIFLOW: nfdump has one row where we have one for each direction (RFC 5103).
 */
struct listing {
	const char *golden;
	const char *files[FILES];
	int but;        /* GOLD_*: see there */
	unsigned early; /* rows from before their template, which nfdump drops and we keep until it comes */
};

/* The other direction of the row before. */
static bool
is_reverse(const struct kept_row *row)
{
	return tsn_addr_cmp(row[0].field[TSN_F_SRC].addr, row[-1].field[TSN_F_DST].addr) == 0 &&
	    tsn_addr_cmp(row[0].field[TSN_F_DST].addr, row[-1].field[TSN_F_SRC].addr) == 0 &&
	    row[0].field[TSN_F_SRC_PORT].i == row[-1].field[TSN_F_DST_PORT].i;
}

/* How many lines differ. */
static unsigned
compare_listing(const char *path, const struct keeper *k, const struct listing *l)
{
	bool biflow = l->but & GOLD_BIFLOW;
	FILE *f = fopen(path, "r");
	char line[1024];
	struct gold g;
	size_t n = 0, at = l->early;
	unsigned bad = 0;
	const char *what;
	int but;

	cr_assert_not_null(f, "%s", path);
	cr_assert_not_null(fgets(line, sizeof(line), f));
	for (; fgets(line, sizeof(line), f) != NULL; n++, at++) {
		if (!gold_read(line, &g))
			continue;
		if (biflow && at > 0 && at < k->n && is_reverse(&k->row[at]) &&
		    gold_compare(&k->row[at], &g, l->but) != NULL)
			at++;
		but = l->but & GOLD_FIRST_UNSCALED && n == 0 ? l->but | GOLD_UNSCALED : l->but;
		what = at < k->n ? gold_compare(&k->row[at], &g, but) : "no such row";
		if (what != NULL && bad++ < 4)
			cr_log_error("%s:%zu: %s", path, n + 2, what);
	}
	fclose(f);
	if (biflow && at < k->n && at > 0 && is_reverse(&k->row[at]))
		at++;
	if (at != k->n) {
		cr_log_error("%s: %zu rows, we have %zu of %zu", path, n, at, k->n);
		bad++;
	}
	return bad;
}


#define LS "logstash/netflow9_test_"
#define LI "logstash/ipfix_test_"
#define AK "akvorado/nf-"
#define PM "pmacct/"

static const struct listing listings[] = {
	{ "akvorado__nf-data+templates", { AK "data+templates.pcap" }, 0, 11 },
	{ "akvorado__nf-icmp-template", { AK "icmp-template.pcap" }, 0, 0 },
	{ "akvorado__nf-mpls", { AK "mpls.pcap" }, 0, 0 },
	{ "akvorado__nf-nat", { AK "nat.pcap" }, 0, 0 },
	{ "akvorado_pair__nf-data",
	    { AK "options-template.pcap", AK "options-data.pcap", AK "template.pcap", AK "data.pcap" }, GOLD_BGP_HOP,
	    0 },
	{ "akvorado_pair__nf-icmp-data", { AK "icmp-template.pcap", AK "icmp-data.pcap" }, 0, 0 },
	{ "akvorado_pair__nf-ipfixprobe-data", { AK "ipfixprobe-templates.pcap", AK "ipfixprobe-data.pcap" },
	    GOLD_BIFLOW, 0 },
	{ "akvorado_pair__nf-multiplesamplingrates-data",
	    { AK "multiplesamplingrates-options-template.pcap", AK "multiplesamplingrates-options-data.pcap",
		AK "multiplesamplingrates-template.pcap", AK "multiplesamplingrates-data.pcap" },
	    GOLD_BGP_HOP | GOLD_FIRST_UNSCALED, 0 },
	{ "akvorado_pair__nf-samplingrate-data", { AK "samplingrate-template.pcap", AK "samplingrate-data.pcap" },
	    GOLD_UNSCALED, 0 },
	{ "graylog__netflow9", { "graylog/netflow9.pcap" }, 0, 0 },
	{ "graylog__nprobe-netflow9-2", { "graylog/nprobe-netflow9-2.pcap" }, 0, 0 },
	{ "graylog__nprobe-netflow9-4", { "graylog/nprobe-netflow9-4.pcap" }, 0, 14 },
	{ "graylog__nprobe-netflow9", { "graylog/nprobe-netflow9.pcap" }, 0, 0 },
	{ "logstash_case_03_Netflow_9_valid_01", { LS "valid01.dat" }, 0, 0 },
	{ "logstash_case_04_Netflow_9_macaddress", { LS "macaddr_tpl.dat", LS "macaddr_data.dat" }, 0, 0 },
	{ "logstash_case_05_Netflow_9_Cisco_ACI", { LS "cisco_aci_tpl256-258.dat", LS "cisco_aci_data256.dat" }, 0,
	    0 },
	{ "logstash_case_06_Netflow_9_Cisco_ASA", { LS "cisco_asa_1_tpl.dat", LS "cisco_asa_1_data.dat" },
	    GOLD_EVENT_TIME, 0 },
	{ "logstash_case_07_Netflow_9_multiple_netflow_exporters",
	    { LS "nprobe_tpl.dat", LS "softflowd_tpl_data.dat", LS "nprobe_data.dat" }, 0, 0 },
	{ "logstash_case_08_Netflow_9_invalid_01", { LS "invalid01.dat" }, 0, 0 },
	{ "logstash_case_10_IPFIX", { "logstash/ipfix.dat" }, 0, 0 },
	{ "logstash_case_12_IPFIX_OpenBSD_pflow", { LI "openbsd_pflow_tpl.dat", LI "openbsd_pflow_data.dat" }, 0, 0 },
	{ "logstash_case_15_Netflow_9_ipt_netflow_reduced_size_encod",
	    { LS "iptnetflow_reduced_size_encoding_tpldata260.dat" }, 0, 0 },
	{ "logstash_case_17_Netflow_9_IE150_IE151", { LS "unknown_tpl266_292_data.dat" }, 0, 0 },
	{ "logstash_case_19_Netflow_9_H3C_Netstream_with_varstring",
	    { LS "h3c_netstream_varstring_tpl3281.dat", LS "h3c_netstream_varstring_data3281.dat" }, 0, 0 },
	{ "logstash_case_21_IPFIX_from_IXIA_something_something", { LI "ixia_tpldata256.dat" }, 0, 0 },
	{ "logstash_case_25_IPFIX_Barracuda_extended_uniflow_templat",
	    { LI "barracuda_extended_uniflow_tpl256.dat", LI "barracuda_extended_uniflow_data256.dat" }, 0, 0 },
	{ "logstash_case_26_Netflow_9_Ubiquiti_Edgerouter_with_MPLS_",
	    { LS "ubnt_edgerouter_tpl.dat", LS "ubnt_edgerouter_data1024.dat", LS "ubnt_edgerouter_data1025.dat" }, 0,
	    0 },
	{ "logstash_case_28_Netflow_9_Fortigate_FortiOS_5_2_1",
	    { LS "fortigate_fortios_521_tpl.dat", LS "fortigate_fortios_521_data256.dat",
		LS "fortigate_fortios_521_data257.dat" },
	    0, 0 },
	{ "logstash_case_30_IPFIX_Mikrotik_RouterOS_6_39_2",
	    { LI "mikrotik_tpl.dat", LI "mikrotik_data258.dat", LI "mikrotik_data259.dat" }, 0, 0 },
	{ "logstash_case_36_Netflow_9_Huawei_Netstream",
	    { LS "huawei_netstream_tpl.dat", LS "huawei_netstream_data.dat" }, 0, 0 },
	{ "logstash_case_37_Netflow_9_field_layer2segmentid",
	    { LS "field_layer2segmentid_tpl.dat", LS "field_layer2segmentid_data.dat" }, 0, 0 },
	{ "logstash_case_40_Netflow_9_Cisco_NBAR_flowset_262",
	    { LS "cisco_nbar_tpl262.dat", LS "cisco_nbar_data262.dat" }, 0, 0 },
	{ "logstash_case_41_Netflow_9_Cisco_WLC", { LS "cisco_wlc_tpl.dat", LS "cisco_wlc_data261.dat" }, 0, 0 },
	{ "logstash_case_43_Netflow_9_Cisco_1941_K9_release_15_1", { LS "cisco_1941K9.dat" }, 0, 0 },
	{ "logstash_case_45_Netflow_9_Palo_Alto_PAN_OS_with_app_id",
	    { LS "paloalto_panos_tpl.dat", LS "paloalto_panos_data.dat" }, 0, 0 },
	{ "logstash_case_47_IPFIX_Barracuda_firewall", { LI "barracuda_tpl.dat", LI "barracuda_data256.dat" },
	    GOLD_BIFLOW, 0 },
	{ "malformed_libnetflow9__1", { "malformed_libnetflow9/1.pcap" }, 0, 0 },
	{ "pmacct__100-IPFIXv10-CISCO__traffic-00", { PM "100-IPFIXv10-CISCO/traffic-00.pcap" }, 0, 0 },
	{ "pmacct__101-NFv9-CISCO-cust_primitives__traffic-00",
	    { PM "101-NFv9-CISCO-cust_primitives/traffic-00.pcap" }, 0, 0 },
	{ "pmacct__102-NFv9-CISCO-f2rd-pretag-sampling-reload__traffic-00",
	    { PM "102-NFv9-CISCO-f2rd-pretag-sampling-reload/traffic-00.pcap" }, 0, 0 },
	{ "pmacct__103-IPFIXv10-CISCO-pretag-JSON_encoding__traffic-00",
	    { PM "103-IPFIXv10-CISCO-pretag-JSON_encoding/traffic-00.pcap" }, 0, 0 },
	{ "pmacct__110-IPFIXv10-NFv9-multiple-sources__traffic-00",
	    { PM "110-IPFIXv10-NFv9-multiple-sources/traffic-00.pcap" }, 0, 0 },
	{ "pmacct__110-IPFIXv10-NFv9-multiple-sources__traffic-01",
	    { PM "110-IPFIXv10-NFv9-multiple-sources/traffic-01.pcap" }, 0, 0 },
	{ "pmacct__110-IPFIXv10-NFv9-multiple-sources__traffic-02",
	    { PM "110-IPFIXv10-NFv9-multiple-sources/traffic-02.pcap" }, 0, 0 },
	{ "pmacct__111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources__traffic-00",
	    { PM "111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/traffic-00.pcap" }, 0, 0 },
	{ "scapy__ipfix", { "scapy/ipfix.pcap" }, 0, 0 },
	{ "telegraf__ipfix_example",
	    { "telegraf/ipfix_example/ipfix_0.bin", "telegraf/ipfix_example/ipfix_1.bin",
		"telegraf/ipfix_example/ipfix_2.bin", "telegraf/ipfix_example/ipfix_3.bin",
		"telegraf/ipfix_example/ipfix_4.bin", "telegraf/ipfix_example/ipfix_5.bin" },
	    GOLD_BIFLOW | GOLD_NO_FLAGS, 0 },
	{ "telegraf__netflow_v9_example", { "telegraf/netflow_v9_example/netflow_v9.bin" }, 0, 0 },
};

Test(ipfix_golden, nfdump)
{
	unsigned bad = 0, compared = 0;
	uint32_t caps[] = { 1, 13, 1024 };

	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
		char golden[300];

		snprintf(golden, sizeof(golden), DATA "golden_derived/%s.nfdump178.psv", listings[i].golden);
		for (int c = 0; c < 3 && access(golden, R_OK) == 0; c++) {
			struct feed f;

			feed_init(&f, caps[c]);
			if (feed_files(&f, listings[i].files, true)) {
				unsigned b = compare_listing(golden, &f.k, &listings[i]);

				bad += b;
				compared++;
				c = b > 0 ? 3 : c;
			}
			feed_fini(&f);
		}
	}
	cr_assert_eq(bad, 0, "%u differences in %u comparisons", bad, compared);
}

/*
 * Single values that the tests of logstash's netflow codec, of pmacct (fwd_status) and of akvorado (sampling) state, of
 * fields that nfdump's listing does not have.
 */
static const struct {
	const char *files[FILES];
	uint32_t row;
	enum tsn_field field;
	int64_t number;
	const char *text;
} values[] = {
	{ { LS "macaddr_tpl.dat", LS "macaddr_data.dat" }, 0, TSN_F_SRC_MAC, 0x005056c00001, NULL },
	{ { LS "macaddr_tpl.dat", LS "macaddr_data.dat" }, 0, TSN_F_DST_MAC, 0x000c29708609, NULL },
	{ { LS "iptnetflow_reduced_size_encoding_tpldata260.dat" }, 11, TSN_F_DST_MAC, 0x001b21bc24dd, NULL },
	{ { LS "unknown_tpl266_292_data.dat" }, 1, TSN_F_START, INT64_C(1512147869000), NULL },
	{ { LS "paloalto_panos_tpl.dat", LS "paloalto_panos_data.dat" }, 7, TSN_F_APPLICATION, 0, "incomplete" },
	{ { LS "cisco_nbar_opttpl260.dat", LS "cisco_nbar_tpl262.dat", LS "cisco_nbar_data262.dat" }, 0,
	    TSN_F_APPLICATION, 0, "icmp" },
	{ { LS "h3c_netstream_varstring_tpl3281.dat", LS "h3c_netstream_varstring_data3281.dat" }, 0, TSN_F_VRF, -1,
	    NULL },
	{ { LS "nprobe_dpi.dat" }, 0, TSN_F_RAW_BYTES, 82, NULL },
	{ { PM "101-NFv9-CISCO-cust_primitives/traffic-00.pcap" }, 0, TSN_F_FWD_STATUS, 1, NULL },
	{ { PM "100-IPFIXv10-CISCO/traffic-00.pcap" }, 0, TSN_F_DIRECTION, -1, NULL }, /* 255: neither in nor out */
	{ { AK "multiplesamplingrates-options-template.pcap", AK "multiplesamplingrates-options-data.pcap",
	      AK "multiplesamplingrates-template.pcap", AK "multiplesamplingrates-data.pcap" },
	    0, TSN_F_SAMPLING, 4000, NULL },
	{ { AK "multiplesamplingrates-options-template.pcap", AK "multiplesamplingrates-options-data.pcap",
	      AK "multiplesamplingrates-template.pcap", AK "multiplesamplingrates-data.pcap" },
	    1, TSN_F_SAMPLING, 2000, NULL },
};

Test(ipfix_golden, values)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct tsn_value v;
		struct feed f;

		feed_init(&f, 1024);
		if (feed_files(&f, values[i].files, false)) {
			cr_assert_lt(values[i].row, f.k.batch->n);
			tsn_batch_get(f.k.batch, values[i].row, values[i].field, &v);
			if (values[i].text != NULL)
				cr_assert(v.known && v.s.n == strlen(values[i].text) &&
					memcmp(v.s.p, values[i].text, v.s.n) == 0,
				    "value %zu", i);
			else
				cr_assert_eq(
				    v.known ? v.i : -1, values[i].number, "value %zu: %lld", i, (long long)v.i);
		}
		feed_fini(&f);
	}
}

/* Options of a real exporter (telegraf's test knows 126 applications), joined into a flow made here. */
Test(ipfix_golden, application_names)
{
	static const struct ix_field fields[] = { { 0, 8, 4 }, { 0, 95, 4 } };
	static struct ix m;
	struct tsn_value v;
	struct feed f;
	char path[100];

	feed_init(&f, 1024);
	for (int i = 1; i <= 9; i++) {
		snprintf(path, sizeof(path), DATA "exporter_packets/telegraf/ipfix_options/message-%03d.bin", i);
		if (access(path, R_OK) != 0) {
			feed_fini(&f);
			cr_skip_test("not there: %s", path);
		}
		feed_payload(&f, path);
	}
	cr_assert_eq(tsn_exporters_at(f.x, 1)->counter[TSN_XC_OPTIONS], 126);
	ix_begin(&m, 10, 0, 6); /* the domain of the recording */
	ix_template(&m, 999, fields, 2);
	ix_set(&m, 999);
	ix_u(&m, 1, 4), ix_u(&m, 0x01000022, 4);
	feed_one(&f, m.p, ix_end(&m), &(struct tsn_sender){ tsn_addr_v4(EXPORTER), 2055 }, 0);
	tsn_batch_get(f.k.batch, 0, TSN_F_APPLICATION, &v);
	cr_assert(v.known && v.s.n == 3 && memcmp(v.s.p, "3pc", 3) == 0);
	feed_fini(&f);
}

/* IPFIX files whole, and what libnetflow9 keeps as malformed: how many messages are sound, and how many rows there
 * are. */
Test(ipfix_golden, files_whole_and_malformed)
{
	static const struct {
		const char *file;
		uint64_t messages, damaged;
		size_t rows;
	} files[] = {
		{ "ipfixcol/01-odid0.ipfix", 218, 0, 4251 }, { "ipfixcol/01-odid4.ipfix", 219, 0, 4243 },
		{ "ipfixcol/03-odid0-a.ipfix", 20, 0, 151 }, { "ipfixcol/03-odid0-b.ipfix", 17, 0, 111 },
		{ "ipfixcol2/example_flows.ipfix", 68, 0, 3979 }, { "ipfixcol/enterprise-from-nfv9.ipfix", 10, 1, 57 },
		{ "ipfixcol/bad-length-in-set.ipfix", 1, 1, 0 }, { "ipfixcol/bad-template-field-count.ipfix", 1, 1, 0 },
		{ "ipfixcol/header-and-zeros.ipfix", 1, 1, 0 }, { "ipfixcol/only-data-no-templates.ipfix", 1, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *const list[FILES] = { files[i].file };
		struct feed f;

		feed_init(&f, 1024);
		if (feed_files(&f, list, true)) {
			cr_assert_eq(tsn_exporters_at(f.x, 1)->counter[TSN_XC_DATAGRAMS], files[i].messages, "%s",
			    files[i].file);
			cr_assert_eq(f.damaged, files[i].damaged, "%s", files[i].file);
			cr_assert_eq(f.k.n, files[i].rows, "%s: %zu rows", files[i].file, f.k.n);
			cr_assert_eq(tsn_exporters_at(f.x, 1)->counter[TSN_XC_BAD_RECORD], 0, "%s", files[i].file);
		}
		feed_fini(&f);
	}
}

/* What libnetflow9 keeps as malformed, in captures and alone: none stays without a word, and the sound part of it counts. */
Test(ipfix_golden, malformed)
{
	static const struct {
		const char *file;
		uint64_t messages, damaged, templates, waiting;
	} files[] = {
		{ "malformed_1.pcap", 3, 3, 0, 3 }, { "malformed_2.pcap", 16, 16, 16, 0 }, { "malformed_3.pcap", 1, 1, 0, 1 },
		{ "malformed_4.pcap", 1, 1, 3, 0 }, { "fuzz_corpus/3d5bb81dbbdad857a70b80dad9e7c35dc3e3f295", 1, 0, 0, 0 }, /* a header of no records, and none come */
		{ "fuzz_corpus/66bdd3dd108599159cb2548b5718514afbd4ebb0", 1, 1, 0, 1 },
		{ "fuzz_corpus/7f20f80ab9ea8163161802b7bbfe61c742cd86c1", 1, 1, 0, 0 },
		{ "fuzz_corpus/9ca73e30f42100f50921121745a4066c96e1fd26", 1, 1, 0, 0 },
		{ "fuzz_corpus/a38264829a14c662b331ae87027edbc98b66471a", 1, 1, 0, 0 },
		{ "fuzz_corpus/b17bb9bcffb9e7bcab3154b485b8bd6e33859a69", 1, 1, 0, 0 },
		{ "fuzz_corpus/pcap-malformed-OT", 1, 1, 0, 1 }, { "fuzz_corpus/pcap_malformed_1", 1, 1, 0, 1 },
		{ "fuzz_corpus/pcap_malformed_4", 1, 1, 3, 0 },
	};
	struct tsn_pcap_opts opts = { .ports = NULL }; /* every UDP datagram */

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[300], error[TSN_INPUT_ERROR];
		const uint64_t *c;
		struct feed f;

		snprintf(path, sizeof(path), DATA "exporter_packets/malformed_libnetflow9/%s", files[i].file);
		if (access(path, R_OK) != 0)
			continue;
		feed_init(&f, 1024);
		if (strstr(path, ".pcap") != NULL) {
			struct tsn_pcap *p = tsn_pcap_open(path, &opts, error);
			struct tsn_datagram g;

			cr_assert_not_null(p, "%s", error);
			while (tsn_pcap_next(p, &g))
				feed_one(&f, g.payload, g.len, &(struct tsn_sender){ g.exporter, g.src_port }, g.received_ms);
			tsn_pcap_close(p);
		} else {
			feed_payload(&f, path);
		}
		tsn_decoder_finish(f.d);
		c = tsn_exporters_at(f.x, 1)->counter;
		cr_expect(c[TSN_XC_DATAGRAMS] == files[i].messages && f.damaged == files[i].damaged &&
		        c[TSN_XC_TEMPLATES] == files[i].templates && c[TSN_XC_NO_TEMPLATE] == files[i].waiting && f.k.batch->n == 0,
		    "%s: %llu messages, %llu damaged, %llu templates, %llu waiting", files[i].file,
		    (unsigned long long)c[TSN_XC_DATAGRAMS], (unsigned long long)f.damaged,
		    (unsigned long long)c[TSN_XC_TEMPLATES], (unsigned long long)c[TSN_XC_NO_TEMPLATE]);
		feed_fini(&f);
	}
}
