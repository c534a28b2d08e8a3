/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * nfdump as the independent judge of its own files: nfcapd stores generated exports, with each of its compressions, and
 * `nfdump` and `tocsin` read that file. Counts and sums must be equal, and so must the rows of `top`.
 */
#include <criterion/criterion.h>

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/program.h"

#define PORTS "(proto tcp or proto udp) and "

static const struct {
	const char *nfdump, *tocsin;
} filters[] = {
	{ "any", "has(src)" },
	{ "proto tcp", "proto == tcp" },
	{ "proto icmp", "proto == icmp" },
	{ PORTS "dst port 53", "dst_port == 53" },
	{ PORTS "src port < 1024", "src_port < 1024" },
	{ "src net 10.0.0.0/8 and not dst net 10.0.0.0/8", "src in 10.0.0.0/8 and dst not in 10.0.0.0/8" },
	{ "next ip 0.0.0.0", "next_hop == 0.0.0.0" },
	{ "proto tcp and flags S and not flags AFRPU", "flags & 0x3f == SYN" },
	{ "proto icmp and icmp-type 8", "icmp_type == 8 and proto == icmp" },
	{ "packets > 3 and bytes < 1k", "packets > 3 and bytes < 1000" },
	{ "bytes > 100000", "bytes > 100000" },
	{ "duration > 1000", "duration > 1s" },
	{ "in if 1", "in_if == 1" },
	{ "out if 2", "out_if == 2" },
	{ "tos 0", "tos == 0" },
	{ "router ip 127.0.0.1", "exporter == 127.0.0.1" },
};

/*
 * Both programs unpack the whole file again for each filter, which for bzip2 is most of the work of this suite: it gets every
 * fourth filter, and all of them in the long run. The other packs get them all.
 */
static void
compare_counts(const char *file, const char *pack)
{
	const size_t each = strcmp(pack, "-j") == 0 && getenv("TSN_SOAK") == NULL ? 4 : 1;
	char command[1024];

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i += each) {
		long long theirs, ours;

		snprintf(command, sizeof(command), "nfdump -r %s -o null '%s' 2>&1", file, filters[i].nfdump);
		theirs = number_from(command, "passed: ");
		snprintf(command, sizeof(command), "%s show -q %s --where '%s' --count 2>/dev/null", asked(i), file, filters[i].tocsin);
		ours = number_from(command, "");
		cr_expect(theirs >= 0 && ours == theirs, "%s '%s': nfdump %lld, tocsin %lld", pack, filters[i].nfdump, theirs, ours);
	}
}

/*
 * Rows of CSV, the key in column [key] and flows, packets and bytes in the three given, sorted, as one text. nfdump and
 * tocsin must print the same.
 */
static char *
top_rows(const char *command, int key, int flows, int packets, int bytes)
{
	char sorted[1200], *text = calloc(1, 1 << 20);
	FILE *f;
	size_t n;

	cr_assert_not_null(text);
	snprintf(sorted, sizeof(sorted), "%s 2>/dev/null | awk -F, '$%d ~ /^[0-9]+$/ { print $%d, $%d, $%d, $%d }' | LC_ALL=C sort", command,
	    flows, key, flows, packets, bytes);
	f = popen(sorted, "r");
	cr_assert_not_null(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	pclose(f);
	cr_assert_gt(n, 10, "%s", sorted);
	return text;
}

static void
compare_top(const char *file, const char *stat, const char *field)
{
	char command[1024], *theirs, *ours;

	snprintf(command, sizeof(command), "nfdump -r %s -q -s %s/bytes -n 0 -o csv", file, stat);
	theirs = top_rows(command, 5, 6, 8, 10);
	snprintf(command, sizeof(command), "%s top -q %s --by %s --of bytes -n 100000 --format csv", program(), file, field);
	ours = top_rows(command, 1, 2, 3, 4);
	cr_expect_str_eq(theirs, ours, "%s by %s", file, field);
	free(theirs);
	free(ours);
}

static void
judge(const char *pack)
{
	char command[1024], dir[] = "/tmp/tocsin-nfcapd-XXXXXX", pattern[80];
	glob_t found;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(command, sizeof(command), "%s --flows 12000 --hosts 500 --rate 2000 --seed 7 --out %s.pcap 2>/dev/null", beside("flowgen"), dir);
	cr_assert_eq(system(command), 0, "%s", command);
	snprintf(command, sizeof(command), "PACK=%s bash tests/gen/to_nfcapd.sh %s %s.pcap %s >/dev/null", pack, beside("replay"), dir, dir);
	cr_assert_eq(system(command), 0, "%s", command);
	snprintf(pattern, sizeof(pattern), "%s/nfcapd.2*", dir);
	cr_assert_eq(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) { /* two if the hour changed meanwhile */
		compare_counts(found.gl_pathv[i], pack);
		compare_top(found.gl_pathv[i], "srcip", "src");
		compare_top(found.gl_pathv[i], "dstip", "dst");
		compare_top(found.gl_pathv[i], "inif", "in_if");
		compare_top(found.gl_pathv[i], "srcas", "src_as");
	}
	globfree(&found);
	snprintf(command, sizeof(command), "rm -rf %s %s.log %s.pid %s.pcap", dir, dir, dir, dir);
	cr_expect_eq(system(command), 0);
}

Test(nfcapd_nfdump, plain, .timeout = 110)
{
	judge("");
}

#ifdef TSN_HAVE_LZO
Test(nfcapd_nfdump, lzo, .timeout = 110)
{
	judge("-z");
}
#endif

#ifdef TSN_HAVE_LZ4
Test(nfcapd_nfdump, lz4, .timeout = 110)
{
	judge("-y");
}
#endif

#ifdef TSN_HAVE_BZ2
Test(nfcapd_nfdump, bzip2, .timeout = 110)
{
	judge("-j");
}
#endif
