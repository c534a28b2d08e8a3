/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * nfdump as the independent judge: the same exports go to its collector over
 * loopback and into `tocsin show` and `top` as a capture; counts and sums must be equal.
 * nfdump knows ports for every protocol and Tocsin only where they exist, so port
 * filters name the protocols. nfdump divides rates as integers: "> 100" is ">= 101". nfdump 1.7.1
 * keeps no route masks of v5 records, so there is no filter on them.
 */
#include <criterion/criterion.h>

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/program.h"

#define PORTS "(proto tcp or proto udp) and "
#define PORTS_T "proto in { tcp, udp } and "

/*
 * Not for made-up odd values: times of flows that end before they start; ICMP types
 * that stand in the source port, where nfdump does not look.
 */
enum { PLAIN = 1 };

static const struct pair {
	const char *nfdump, *tocsin;
	int needs;
} filters[] = {
	{ "any", "has(src)", 0 },
	/* protocol */
	{ "proto tcp", "proto == tcp", 0 },
	{ "proto udp", "proto == udp", 0 },
	{ "proto icmp", "proto == icmp", 0 },
	{ "not proto tcp", "not proto == tcp", 0 },
	{ "proto 47 or proto 50", "proto in { gre, esp }", 0 },
	/* ports */
	{ PORTS "dst port 25", PORTS_T "dst_port == smtp", 0 },
	{ PORTS "src port 53", PORTS_T "src_port == domain", 0 },
	{ PORTS "port 80", PORTS_T "port == 80", 0 },
	{ PORTS "not port 80", PORTS_T "port != 80", 0 },
	{ PORTS "dst port > 1024", PORTS_T "dst_port > 1024", 0 },
	{ PORTS "src port < 1024", PORTS_T "src_port < 1024", 0 },
	{ PORTS "dst port in [ 22 25 53 80 443 445 1434 ]", PORTS_T "dst_port in { 22, 25, 53, 80, 443, 445, 1434 }", 0 },
	{ PORTS "(dst port > 5999 and dst port < 6064)", PORTS_T "dst_port in { 6000..6063 }", 0 },
	/* addresses */
	{ "src ip 10.0.0.66", "src == 10.0.0.66", 0 },
	{ "dst ip 93.184.216.34", "dst == 93.184.216.34", 0 },
	{ "ip 10.0.0.20", "host == 10.0.0.20", 0 },
	{ "not ip 10.0.0.20", "host != 10.0.0.20", 0 },
	{ "src net 10.0.0.0/8", "src in 10.0.0.0/8", 0 },
	{ "dst net 44.128.0.0/16", "dst in 44.128.0.0/16", 0 },
	{ "net 192.168.0.0/16", "host in 192.168.0.0/16", 0 },
	{ "not src net 10.0.0.0/16", "src not in 10.0.0.0/16", 0 },
	{ "src net 10.0.0.0/8 and not dst net 10.0.0.0/8", "src in 10.0.0.0/8 and dst not in 10.0.0.0/8", 0 },
	{ "src ip in [ 10.0.0.66 10.0.0.77 10.0.1.14 ]", "src in { 10.0.0.66, 10.0.0.77, 10.0.1.14 }", 0 },
	{ "next ip 0.0.0.0", "next_hop == 0.0.0.0", 0 },
	/* TCP flags */
	{ "proto tcp and flags S", "flags has SYN", 0 },
	{ "proto tcp and flags S and not flags AFRPU", "flags & 0x3f == SYN", 0 },
	{ "proto tcp and flags RA and not flags SFPU", "flags & 0x3f == RST|ACK", 0 },
	{ "proto tcp and flags SA", "flags has SYN|ACK", 0 },
	{ "proto tcp and (flags F or flags R)", "flags & (FIN|RST) != 0", 0 },
	/* ICMP */
	{ "proto icmp and icmp-type 8", "proto == icmp and icmp_type == 8", PLAIN },
	{ "proto icmp and icmp-type 3 and icmp-code 1", "proto == icmp and icmp_type == 3 and icmp_code == 1", PLAIN },
	/* counters */
	{ "packets = 1", "packets == 1", 0 },
	{ "packets > 10", "packets > 10", 0 },
	{ "bytes = 404", "bytes == 404", 0 },
	{ "bytes > 1000", "bytes > 1000", 0 },
	{ "bytes < 100", "bytes < 100", 0 },
	{ "packets > 3 and bytes < 1k", "packets > 3 and bytes < 1000", 0 },
	{ "bpp > 500", "bytes_per_packet >= 501", 0 },
	/* times */
	{ "duration > 1000", "duration > 1s", PLAIN },
	{ "duration = 0", "duration == 0ms", PLAIN },
	{ "pps > 100", "pps >= 101", PLAIN },
	{ "bps > 10k", "bps >= 10001", PLAIN },
	/* routing and interfaces */
	{ "tos 0", "tos == 0", 0 },
	{ "in if 1", "in_if == 1", 0 },
	{ "out if 2", "out_if == 2", 0 },
	{ "engine-id 7", "source_id & 255 == 7", 0 },
	{ "engine-type 1", "source_id / 256 >= 1 and source_id / 256 < 2", 0 },
};
#define NFILTERS (sizeof(filters) / sizeof(filters[0]))

/* Fills [dir] with nfdump's own file of the capture's exports. */
static void
collect(const char *capture, bool gaps, char dir[64])
{
	char command[1024];

	strcpy(dir, "/tmp/tocsin-nfdump-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(command, sizeof(command), "GAPS=%s bash tests/gen/to_nfcapd.sh %s %s %s >/dev/null", gaps ? "1" : "", beside("replay"), capture, dir);
	cr_assert(system(command) == 0, "%s", command);
}

static void
discard(const char *dir)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s %s.log %s.pid", dir, dir, dir);
	if (system(command) != 0)
		fprintf(stderr, "%s stays behind\n", dir);
}

static unsigned
compare_counts(const char *capture, const char *dir, bool plain)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < NFILTERS; i++) {
		char command[1024];
		long long theirs, ours;

		if ((filters[i].needs & PLAIN) && !plain)
			continue;
		snprintf(command, sizeof(command), "nfdump -R %s -o null '%s' 2>&1", dir, filters[i].nfdump);
		theirs = number_from(command, "passed: ");
		snprintf(command, sizeof(command), "%s show -q %s --where '%s' --count 2>/dev/null", asked(i), capture, filters[i].tocsin);
		ours = number_from(command, "");
		if (theirs < 0 || ours != theirs) {
			fprintf(stderr, "%s: nfdump '%s' %lld, tocsin '%s' %lld\n", capture, filters[i].nfdump, theirs, filters[i].tocsin, ours);
			wrong++;
		}
	}
	return wrong;
}

struct row {
	char key[64];
	unsigned long long flows, packets, bytes;
};

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

/* Reads rows of CSV: the key in column [key], then flows, packets and bytes in columns of their own. Sorted by key. */
static size_t
read_rows(const char *command, int key, int flows, int packets, int bytes, struct row *rows, size_t max)
{
	FILE *f = popen(command, "r");
	char line[1024];
	size_t n = 0;

	cr_assert(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL && n < max) {
		char *cell[32], *p = line;
		int cells = 0;

		line[strcspn(line, "\r\n")] = '\0';
		while (cells < 32 && (cell[cells] = strsep(&p, ",")) != NULL)
			cells++;
		if (cells <= key || cells <= bytes || !isdigit((unsigned char)cell[flows][0]))
			continue;
		snprintf(rows[n].key, sizeof(rows[n].key), "%s", cell[key]);
		rows[n].flows = strtoull(cell[flows], NULL, 10);
		rows[n].packets = strtoull(cell[packets], NULL, 10);
		rows[n++].bytes = strtoull(cell[bytes], NULL, 10);
	}
	pclose(f);
	qsort(rows, n, sizeof(rows[0]), by_key);
	return n;
}

#define MAX_ROWS 200000

static unsigned
compare_top(const char *capture, const char *dir, const char *stat, const char *field)
{
	static struct row theirs[MAX_ROWS], ours[MAX_ROWS];
	char command[1024];
	size_t n, m, i;

	snprintf(command, sizeof(command), "nfdump -R %s -q -s %s/bytes -n 0 -o csv 2>/dev/null", dir, stat);
	n = read_rows(command, 4, 5, 7, 9, theirs, MAX_ROWS);
	snprintf(command, sizeof(command), "%s top -q %s --by %s --of bytes -n %d --format csv 2>/dev/null", program(), capture, field, MAX_ROWS);
	m = read_rows(command, 0, 1, 2, 3, ours, MAX_ROWS);
	cr_expect(n > 0 && n == m, "%s by %s: nfdump has %zu groups, tocsin %zu", capture, field, n, m);
	for (i = 0; i < n && n == m; i++) {
		if (strcmp(theirs[i].key, ours[i].key) != 0 || theirs[i].flows != ours[i].flows ||
		    theirs[i].packets != ours[i].packets || theirs[i].bytes != ours[i].bytes) {
			fprintf(stderr, "%s by %s: nfdump %s %llu %llu %llu, tocsin %s %llu %llu %llu\n", capture, field, theirs[i].key,
			    theirs[i].flows, theirs[i].packets, theirs[i].bytes, ours[i].key, ours[i].flows, ours[i].packets, ours[i].bytes);
			return 1;
		}
	}
	return n != m;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Reads lines that have digits in them, without what the two programs write in their own ways; sorted. */
static size_t
read_groups(const char *command, char (*line)[128], size_t max)
{
	FILE *f = popen(command, "r");
	char text[1024];
	size_t n = 0;

	cr_assert(f != NULL);
	while (fgets(text, sizeof(text), f) != NULL && n < max) {
		char *to = line[n], *mask = strstr(text, "/24");

		if (mask != NULL)
			memmove(mask, mask + 3, strlen(mask + 3) + 1);
		for (const char *p = text; *p != '\0' && to < line[n] + 127; p++)
			if (*p != ' ' && *p != 'T' && *p != 'Z' && *p != '\n')
				*to++ = *p;
		*to = '\0';
		n += isdigit((unsigned char)line[n][0]) != 0;
	}
	pclose(f);
	qsort(line, n, sizeof(line[0]), by_text);
	return n;
}

/* Groups of a masked address and a port: flows, packets, bytes, first and last. */
static unsigned
compare_groups(const char *capture, const char *dir)
{
	static char theirs[MAX_ROWS][128], ours[MAX_ROWS][128];
	char command[1024];
	size_t n, m;

	snprintf(command, sizeof(command), "TZ=UTC nfdump -R %s -q -N -A srcip4/24,dstport -o 'fmt:%%sa,%%dp,%%fl,%%pkt,%%byt,%%ts,%%te' "
	    "'proto tcp or proto udp' 2>/dev/null", dir);
	n = read_groups(command, theirs, MAX_ROWS);
	snprintf(command, sizeof(command), "%s show -q %s --aggregate src/24,dst_port --where 'proto in { tcp, udp }' "
	    "--fields src,dst_port,flows,packets,bytes,start,end --format csv 2>/dev/null", program(), capture);
	m = read_groups(command, ours, MAX_ROWS);
	cr_expect(n > 0 && n == m, "%s: nfdump has %zu groups, tocsin %zu", capture, n, m);
	for (size_t i = 0; i < n && n == m; i++) {
		if (strcmp(theirs[i], ours[i]) == 0)
			continue;
		fprintf(stderr, "%s: nfdump %s, tocsin %s\n", capture, theirs[i], ours[i]);
		return 1;
	}
	return n != m;
}

/* The bytes of the 500 largest flows. */
static unsigned
compare_sort(const char *capture, const char *dir)
{
	static char theirs[MAX_ROWS][128], ours[MAX_ROWS][128];
	char command[1024];
	size_t n, m;

	snprintf(command, sizeof(command), "TZ=UTC nfdump -R %s -q -N -O bytes -o 'fmt:%%byt' 2>/dev/null | head -500", dir);
	n = read_groups(command, theirs, MAX_ROWS);
	snprintf(command, sizeof(command), "%s show -q %s --sort -bytes --limit 500 --fields bytes --format csv 2>/dev/null", program(), capture);
	m = read_groups(command, ours, MAX_ROWS);
	cr_expect(n > 0 && n == m, "%s: nfdump sorts %zu flows, tocsin %zu", capture, n, m);
	for (size_t i = 0; i < n && n == m; i++)
		if (strcmp(theirs[i], ours[i]) != 0)
			return 1;
	return n != m;
}

static void
judge(const char *capture, bool plain)
{
	char dir[64];

	if (access(capture, R_OK) != 0) {
		cr_log_warn("%s is not here: not compared", capture);
		return;
	}
	collect(capture, strncmp(capture, "../shared/", 10) == 0, dir); /* real exporters lose datagrams */
	cr_expect(compare_counts(capture, dir, plain) == 0, "%s", capture);
	cr_expect(compare_top(capture, dir, "srcip", "src") == 0);
	cr_expect(compare_top(capture, dir, "dstip", "dst") == 0);
	cr_expect(compare_top(capture, dir, "inif", "in_if") == 0);
	cr_expect(compare_top(capture, dir, "outif", "out_if") == 0);
	cr_expect(compare_sort(capture, dir) == 0);
	if (plain)
		cr_expect(compare_groups(capture, dir) == 0);
	discard(dir);
}

Test(nfdump, recorded_network, .timeout = 110)
{
	judge("tests/fixtures/demo.pcap", true);
}

Test(nfdump, shared_v5, .timeout = 110)
{
	judge("../shared/data/exporter_packets/flowsend/brmikrotik.v5.pcap", false);
	judge("../shared/data/exporter_packets/akvorado/nf-nfv5.pcap", true);
}

Test(nfdump, shared_v1_and_v7, .timeout = 110)
{
	/* MikroTik writes flows that end before they start; nfdump gives some of them 49 days. */
	judge("../shared/data/exporter_packets/flowsend/brmikrotik.v1.pcap", false);
	judge("../shared/data/exporter_packets/flowsend/brmikrotik.v7.pcap", false);
}

static void
generated(const char *options, bool plain)
{
	char command[1024], file[] = "/tmp/tocsin-gen-XXXXXX", bin[256], *slash;
	int fd = mkstemp(file);

	cr_assert(fd >= 0);
	close(fd);
	snprintf(bin, sizeof(bin), "%s", program());
	slash = strrchr(bin, '/');
	snprintf(slash, sizeof(bin) - (size_t)(slash - bin), "/flowgen");
	snprintf(command, sizeof(command), "%s %s --out %s 2>/dev/null", bin, options, file);
	cr_assert(system(command) == 0, "%s", command);
	judge(file, plain);
	unlink(file);
}

Test(nfdump, generated_workload, .timeout = 110)
{
	generated("--flows 60000 --hosts 5000 --rate 2000 --seed 7", true);
}

Test(nfdump, generated_odd_values, .timeout = 110)
{
	generated("--flows 30000 --hosts 500 --rate 2000 --seed 11 --edge", false);
}
