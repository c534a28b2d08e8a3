/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Whole files against what else can be said of them: labelled logs and pmacct's own output (where they are) against
 * sums that a reader of a few lines finds in the same file; nfdump's text of a capture against the capture.
 */
#include <ctype.h>
#include <stdlib.h>

#include "unit/program.h"
#include "unit/text_feed.h"

#define SHARED "../shared/data/"

struct sums {
	uint64_t rows, packets, bytes;
};

/* The number behind [key] in [line], 0 if it is not there. */
static uint64_t
number_after(const char *line, const char *key)
{
	const char *p = strstr(line, key);

	if (p == NULL)
		return 0;
	for (p += strlen(key); *p == ' ' || *p == ':' || *p == '"'; p++)
		;
	return strtoull(p, NULL, 10);
}

static void
add_direction(struct sums *s, uint64_t packets, uint64_t bytes, bool always)
{
	s->rows += always || packets > 0 || bytes > 0;
	s->packets += packets;
	s->bytes += bytes;
}

/* Keys of JSON lines: packets and bytes there and back ([back] may be NULL). */
static void
naive_json(char *line, const char *const keys[4], struct sums *s)
{
	add_direction(s, number_after(line, keys[0]), number_after(line, keys[1]), true);
	if (keys[2] != NULL)
		add_direction(s, number_after(line, keys[2]), number_after(line, keys[3]), false);
}

static void
naive_zeek(char *line, struct sums *s)
{
	static const char *const keys[4] = { "\"orig_pkts\"", "\"orig_ip_bytes\"", "\"resp_pkts\"", "\"resp_ip_bytes\"" };
	char *cell[32], *p = line;
	int n = 0;

	if (*line == '{') {
		naive_json(line, keys, s);
		return;
	}
	if (*line == '#' || strchr(line, '#') == line + 1)
		return;
	while (n < 32 && (cell[n] = strsep(&p, "\t")) != NULL)
		n++;
	cr_assert_geq(n, 20);
	add_direction(s, strtoull(cell[16], NULL, 10), strtoull(cell[17], NULL, 10), true);
	add_direction(s, strtoull(cell[18], NULL, 10), strtoull(cell[19], NULL, 10), false);
}

static void
naive_eve(char *line, struct sums *s)
{
	static const char *const keys[4] = { "\"pkts_toserver\"", "\"bytes_toserver\"", "\"pkts_toclient\"", "\"bytes_toclient\"" };

	if (strstr(line, "\"event_type\":\"flow\"") != NULL)
		naive_json(line, keys, s);
}

static void
naive_pmacct(char *line, struct sums *s)
{
	static const char *const keys[4] = { "\"packets\"", "\"bytes\"", NULL, NULL };

	naive_json(line, keys, s);
}

/* Of ...,TotPkts,TotBytes,SrcBytes[,SrcPkts],Label. Packets only where one can tell whose they are. */
static void
naive_argus(char *line, struct sums *s)
{
	const char *sep = strchr(line, '\t') != NULL ? "\t" : ",";
	char *cell[20], *p = line;
	uint64_t packets, bytes, from;
	int n = 0;

	while (n < 20 && (cell[n] = strsep(&p, sep)) != NULL)
		n++;
	cr_assert_geq(n, 14);
	if (strcmp(cell[2], "arp") == 0 || strcmp(cell[2], "llc") == 0 || strcmp(cell[2], "man") == 0 || !isdigit((unsigned char)cell[11][0]))
		return;
	packets = strtoull(cell[11], NULL, 10);
	bytes = strtoull(cell[12], NULL, 10);
	from = strtoull(cell[13], NULL, 10);
	s->rows += 1 + (bytes > from);
	s->bytes += bytes;
	if ((n == 16 && cell[14][0] != '\0') || from == bytes || from == 0 || packets == 2)
		s->packets += packets;
}

static const struct {
	const char *file;
	void (*naive)(char *line, struct sums *s);
} files[] = {
	{ "labelled/rita/json_with_all_fields/conn.log", naive_zeek },
	{ "labelled/rita/json_with_all_fields/open_conn.log", naive_zeek },
	{ "labelled/rita/proxy/conn.log", naive_zeek },
	{ "labelled/slips/port-scans/vertical/conn.log", naive_zeek },
	{ "labelled/slips/test10-mixed-zeek-dir/conn.log", naive_zeek },
	{ "labelled/slips/test14-malicious-zeek-dir/conn.log", naive_zeek },
	{ "labelled/slips/test9-mixed-zeek-dir/conn.log", naive_zeek },
	{ "labelled/slips/test3-mixed.binetflow", naive_argus },
	{ "labelled/slips/test4-malicious.binetflow", naive_argus },
	{ "labelled/slips/test5-mixed.binetflow", naive_argus },
	{ "labelled/slips/test6-malicious.suricata.json", naive_eve },
	{ "exporter_packets/pmacct/100-IPFIXv10-CISCO/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/100-IPFIXv10-CISCO/scenario-01/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/101-NFv9-CISCO-cust_primitives/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload/output-flow-01.json", naive_pmacct },
	{ "exporter_packets/pmacct/103-IPFIXv10-CISCO-pretag-JSON_encoding/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/103-IPFIXv10-CISCO-pretag-JSON_encoding/scenario-01/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/103-IPFIXv10-CISCO-pretag-JSON_encoding/scenario-02/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/103-IPFIXv10-CISCO-pretag-JSON_encoding/scenario-03/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/103-IPFIXv10-CISCO-pretag-JSON_encoding/scenario-04/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/103-IPFIXv10-CISCO-pretag-JSON_encoding/scenario-05/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/110-IPFIXv10-NFv9-multiple-sources/output-flow-00.json", naive_pmacct },
	{ "exporter_packets/pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/output-flow-00.json", naive_pmacct },
};

static bool
read_naively(const char *path, void (*naive)(char *line, struct sums *s), struct sums *s)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	if (f == NULL)
		return false;
	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] != '\0')
			naive(line, s);
	}
	free(line);
	fclose(f);
	return true;
}

Test(text_golden, labelled_and_pmacct, .timeout = 110)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fed f = { .quiet = true };
		struct sums s = { 0 };
		char path[200];

		snprintf(path, sizeof(path), SHARED "%s", files[i].file);
		if (!read_naively(path, files[i].naive, &s)) {
			cr_log_warn("%s is not here: not compared", path);
			continue;
		}
		feed_file(&f, path, NULL);
		cr_expect(f.opened && !f.report.damaged, "%s: %s%s", path, f.error, f.report.reason);
		cr_expect(s.rows > 0 && f.n == s.rows, "%s: %llu rows, not %llu", path, (unsigned long long)f.n, (unsigned long long)s.rows);
		cr_expect_eq(f.packets, s.packets, "%s: %llu packets, not %llu", path, (unsigned long long)f.packets, (unsigned long long)s.packets);
		cr_expect_eq(f.bytes, s.bytes, "%s: %llu bytes, not %llu", path, (unsigned long long)f.bytes, (unsigned long long)s.bytes);
		fed_free(&f);
	}
}

/* --- with the program --- */

static void
run(const char *fmt, ...)
{
	char command[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	cr_expect_eq(system(command), 0, "%s", command);
}

/* Every field that a record can have; `exporter_name` is the site's, and what is derived follows. */
#define FIELDS "src,dst,next_hop,exporter,src_port,dst_port,proto,flags,tos,packets,bytes,start,end,duration,in_if,out_if,src_as,dst_as," \
	"src_mask,dst_mask,icmp_type,icmp_code,ip_version,vlan,src_mac,dst_mac,direction,sampling,source_id,flow_label,min_ttl,max_ttl," \
	"fwd_status,application,in_if_name,out_if_name,vrf,user,http_host,http_url,tls_sni,dns_name,bytes_per_packet,bps,pps"

#define COMPARE "[ $(wc -l < %s/a.csv) -gt 3 ] && cmp %s/a.csv %s/b.csv"

/* show's CSV and JSON read back as the same flows. */
static void
round_trip(const char *dir, const char *input)
{
	const char *bin = program();

	if (access(input, R_OK) != 0)
		return;
	run("%s show -q --fields " FIELDS " --format csv '%s' > %s/a.csv", bin, input, dir);
	run("%s show -q --fields " FIELDS " --format json '%s' > %s/a.json", bin, input, dir);
	run("%s show -q --fields " FIELDS " --format csv %s/a.csv > %s/b.csv", bin, dir, dir);
	run(COMPARE, dir, dir, dir);
	run("%s show -q --fields " FIELDS " --format json %s/a.csv | cmp - %s/a.json", bin, dir, dir);
	run("%s show -q --fields " FIELDS " --format csv %s/a.json > %s/b.csv", bin, dir, dir);
	run(COMPARE, dir, dir, dir);
	run("%s show -q --format csv '%s' > %s/a.csv && %s show -q --format csv - < %s/a.csv > %s/b.csv", bin, input, dir, bin, dir, dir);
	run(COMPARE, dir, dir, dir);
}

static void
make_dir(char dir[64])
{
	strcpy(dir, "/tmp/tocsin-text-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
}

Test(text_golden, our_own_text_reads_back, .timeout = 110)
{
	char dir[64], path[100];
	FILE *f;

	make_dir(dir);
	round_trip(dir, "tests/fixtures/demo.pcap");
	round_trip(dir, SHARED "labelled/slips/test9-mixed-zeek-dir/conn.log");
	round_trip(dir, SHARED "labelled/slips/test6-malicious.suricata.json");
	round_trip(dir, SHARED "exporter_packets/pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/output-flow-00.json");
	/* odd values: strings with everything in them, sampling, flags without names, a flow that ends before it starts */
	snprintf(path, sizeof(path), "%s/odd.json", dir);
	f = fopen(path, "w");
	cr_assert(f != NULL);
	fputs("{\"exporter\":\"192.0.2.1\",\"src\":\"2001:db8::1\",\"dst\":\"10.0.0.1\",\"proto\":\"tcp\",\"flags\":\"SYN|0x200\",\"packets\":300,\"bytes\":3000,\"sampling\":100,"
	      "\"start\":\"2026-01-05T00:00:01.001Z\",\"end\":\"2026-01-05T00:00:00.999Z\",\"src_mac\":\"00:11:22:33:44:55\",\"user\":\"a,\\\"b\\\"\\r\\n c \",\"vrf\":\"-\","
	      "\"direction\":\"egress\",\"fwd_status\":\"dropped\",\"flow_label\":4294967295,\"http_url\":\"/\\u00e4?x=\\t;|\"}\n"
	      "{\"exporter\":\"192.0.2.1\",\"src\":\"10.0.0.1\",\"proto\":\"6\",\"flags\":\"0\",\"start\":\"1969-12-31T23:59:59.999Z\",\"duration\":\"1d1ms\"}\n"
	      "{\"exporter\":\"2001:db8::9\",\"src\":\"10.0.0.1\",\"proto\":\"250\",\"bytes\":9223372036854775807,\"tos\":255,\"start\":\"2026-01-05T00:00:00.000Z\"}\n"
	      "{\"src\":\"10.0.0.1\",\"proto\":\"icmp6\",\"icmp_type\":128,\"icmp_code\":0}\n", f);
	fclose(f);
	round_trip(dir, path);
	run("rm -r %s", dir);
}

/* nfdump's CSV and JSON of a capture say what the capture says; its CSV cuts times to seconds, not durations. */
Test(text_golden, what_nfdump_writes, .timeout = 110)
{
	static const char same[] = "src,dst,proto,src_port,dst_port,flags,packets,bytes,duration,tos,in_if,out_if,src_as,dst_as,icmp_type,icmp_code,source_id";
	char dir[64], replay[256], *slash;
	const char *bin = program();

	make_dir(dir);
	snprintf(replay, sizeof(replay), "%s", bin);
	slash = strrchr(replay, '/');
	snprintf(slash, sizeof(replay) - (size_t)(slash - replay), "/replay");
	run("bash tests/gen/to_nfcapd.sh %s tests/fixtures/demo.pcap %s/nf >/dev/null", replay, dir);
	run("TZ=UTC nfdump -R %s/nf -o csv > %s/nf.csv && TZ=UTC nfdump -R %s/nf -o json > %s/nf.json", dir, dir, dir, dir);
	run("%s show -q --format csv --fields %s tests/fixtures/demo.pcap > %s/a.csv", bin, same, dir);
	run("%s show -q --format csv --fields %s %s/nf.csv > %s/b.csv", bin, same, dir, dir);
	run(COMPARE, dir, dir, dir);
	run("%s show -q --format csv --fields start,end,src,dst,src_port,dst_port,flags,packets,bytes tests/fixtures/demo.pcap > %s/a.csv", bin, dir);
	run("%s show -q --format csv --fields start,end,src,dst,src_port,dst_port,flags,packets,bytes %s/nf.json > %s/b.csv", bin, dir, dir);
	run(COMPARE, dir, dir, dir);
	run("rm -r %s", dir);
}
