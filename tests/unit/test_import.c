/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Imports: what is taken, what is named as left out, and that nothing but a rule file comes of any bytes. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "author/import.h"
#include "base/mem.h"

#define main fuzz_main
#include "fuzz/fuzz_import.c"
#undef main

static const struct tsn_import_options plain_options = { .least_score = 1 };

static bool
read_text(struct tsn_import *im, enum tsn_import_kind kind, const char *text)
{
	return tsn_import_read(im, kind, &plain_options, text, strlen(text));
}

Test(import, filters_of_nfdump)
{
	static const struct { const char *filter, *want; } v[] = {
		{ "proto tcp and dst port 25", "proto == tcp and dst_port == 25" },
		{ "port 53", "(src_port == 53 or dst_port == 53)" },
		{ "src and dst port 53", "(src_port == 53 and dst_port == 53)" },
		{ "not port 53", "not ((has(src_port) and src_port == 53) or (has(dst_port) and dst_port == 53))" },
		{ "not not src port 53", "not not src_port == 53" },
		{ "src as < 7", "(not has(src_as) or src_as < 7)" },
		{ "src as > 7", "src_as > 7" },
		{ "src net 172.16/12", "src in 172.16.0.0/12" },
		{ "net 10.0.0.0 255.0.0.0", "(src in 10.0.0.0/8 or dst in 10.0.0.0/8)" },
		{ "flags SA", "flags has SYN|ACK" },
		{ "bytes > 10k", "bytes > 10000" },
		{ "bpp = 60", "(bytes_per_packet >= 60 and bytes_per_packet < 61)" },
		{ "duration > 100", "duration > 100ms" },
		{ "src port in [ 53 80, 443 ]", "src_port in { 53, 80, 443 }" },
		{ "(a", NULL }, { "proto foo", NULL }, { "port 70000", NULL }, { "", NULL }, { "port in [ ]", NULL }, { "port in [ 1", NULL },
		{ "proto tcp port 25", NULL }, { "mpls label1 5", NULL }, { "in port 5", NULL }, { "src if 5", NULL }, { "dst vlan 5", NULL },
		{ "host www.example.org", NULL }, { "flags Z", NULL }, { "not", NULL }, { "proto tcp and", NULL }, { "flows > 5", NULL },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct tsn_import im;
		const bool ok = read_text(&im, TSN_IMPORT_nfdump, v[i].filter);

		cr_expect_eq(ok, v[i].want != NULL, "%s: %s", v[i].filter, im.error);
		if (ok && v[i].want != NULL)
			cr_expect_str_eq(tsn_buf_str(&im.condition), v[i].want, "%s: %s", v[i].filter, tsn_buf_str(&im.condition));
		tsn_import_fini(&im);
	}
}

Test(import, errors_name_their_place)
{
	struct tsn_import im;

	cr_expect_not(read_text(&im, TSN_IMPORT_nfdump, "proto tcp and\n  (port 80 or prot udp)"));
	cr_expect_eq(im.error_line, 2);
	cr_expect_eq(im.error_column, 15);
	cr_expect(strstr(im.error, "\"prot\"") != NULL, "%s", im.error);
	tsn_import_fini(&im);
	cr_expect_not(read_text(&im, TSN_IMPORT_rwfilter, "rwfilter --proto=6 \\\n --sensor=S1"));
	cr_expect_eq(im.error_line, 2);
	cr_expect_eq(im.error_column, 2);
	tsn_import_fini(&im);
}

Test(import, switches_of_rwfilter)
{
	static const struct { const char *text, *want; } v[] = {
		{ "--proto=6 --dport=25", "proto in { 6 } and dst_port in { 25 }" },
		{ "rwfilter --aport=53,1024-", "(src_port in { 53, 1024..65535 } or dst_port in { 53, 1024..65535 })" },
		{ "--flags-all=S/SA", "(flags & (SYN|ACK) == SYN)" },
		{ "--flags-all=S/SA,/F", "(flags & (SYN|ACK) == SYN or (not has(flags) or flags & (FIN) == 0))" },
		{ "--bytes=100-200 --packets=3-", "(bytes >= 100 and bytes <= 200) and packets >= 3" },
		{ "--saddress=10.1.x.x", "src in { 10.1.0.0/16 }" },
		{ "--not-any-cidr=10.0.0.0/8,192.0.2.1", "not (src in { 10.0.0.0/8, 192.0.2.1/32 } or dst in { 10.0.0.0/8, 192.0.2.1/32 })" },
		{ "--duration=5-60", "(duration >= 5s and duration < 61s)" },
		{ "--bytes-per-packet=60-100.5", "(bytes_per_packet >= 60 and bytes_per_packet <= 100.5)" },
		{ "--syn-flag=1 --ack-flag=0", "flags has SYN and not (has(flags) and flags has ACK)" },
		{ "--sip-set=/x/Bad-Hosts.set", "src in ipset_bad_hosts" },
		{ "--proto '6' --pass=stdout --type=all in.rw", "proto in { 6 }" },
		{ "--flags-all=S/A", NULL }, { "--proto=300", NULL }, { "--flags-initial=S/SA", NULL }, { "--proto", NULL }, { "--dport=9-5", NULL },
		{ "--saddress=10.x.1.x", NULL }, { "-x", NULL }, { "--pass=stdout", NULL },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct tsn_import im;
		const bool ok = read_text(&im, TSN_IMPORT_rwfilter, v[i].text);

		cr_expect_eq(ok, v[i].want != NULL, "%s: %s", v[i].text, im.error);
		if (ok && v[i].want != NULL)
			cr_expect_str_eq(tsn_buf_str(&im.condition), v[i].want, "%s: %s", v[i].text, tsn_buf_str(&im.condition));
		tsn_import_fini(&im);
	}
}

Test(import, what_cannot_be_taken_is_counted)
{
	struct tsn_import im;

	cr_expect(read_text(&im, TSN_IMPORT_plain, "192.0.2.1\nnonsense\n192.0.2.1\n10.0.0.9-10.0.0.1\n# 2026-11-20\n192.0.2.0/33\n"));
	cr_expect_eq(im.n, 1);
	cr_expect_eq(im.nbad, 3);
	cr_expect_eq(im.bad[0].line, 2);
	cr_expect_eq(im.bad[1].line, 4);
	cr_expect_eq(im.bad[2].line, 6);
	cr_expect_str_eq(im.dated, "2026-11-20");
	tsn_import_fini(&im);
	cr_expect_not(read_text(&im, TSN_IMPORT_plain, "nonsense\n"));
	cr_expect(strstr(im.error, "nonsense") != NULL);
	tsn_import_fini(&im);
#ifdef TSN_HAVE_JANSSON
	cr_expect_not(read_text(&im, TSN_IMPORT_drop, "{\"cidr\":\"192.0.2.0/24\"}\n{\"type\":\"metadata\",\"records\":2}\n"), "a list cut off");
	tsn_import_fini(&im);
#endif
}

/* Seeds: one of each format, with the byte of the fuzz target before it. */
static void
each_seed(void (*fn)(struct tsn_buf *seed))
{
	DIR *d = opendir("tests/fuzz/corpus/import");
	struct dirent *e;
	size_t n = 0;

	cr_assert_not_null(d);
	while ((e = readdir(d)) != NULL) {
		struct tsn_buf seed = TSN_BUF_INIT;
		char path[512];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/corpus/import/%s", e->d_name);
		cr_assert_eq(tsn_buf_read_file(&seed, path, 1u << 20), 0);
		fn(&seed);
		tsn_buf_fini(&seed);
		n++;
	}
	closedir(d);
	cr_expect_geq(n, (size_t)TSN_IMPORT_KINDS);
}

static void
is_known(struct tsn_buf *seed)
{
	struct tsn_import im;

	cr_expect_eq((int)tsn_import_sniff(seed->p + 1, seed->len - 1), seed->p[0], "format %d is taken for another", seed->p[0]);
	cr_expect(tsn_import_read(&im, (enum tsn_import_kind)seed->p[0], &plain_options, seed->p + 1, seed->len - 1), "%s", im.error);
	tsn_import_fini(&im);
	LLVMFuzzerTestOneInput((const uint8_t *)seed->p, seed->len);
}

Test(import, formats_are_told_from_their_text)
{
	each_seed(is_known);
}

static uint32_t state = 1;

static uint32_t
dice(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static void
mutate(struct tsn_buf *seed)
{
	const int rounds = getenv("TSN_SOAK") != NULL ? 20000 : 60;

	for (int i = 0; i < rounds; i++) {
		char *copy = tsn_malloc(seed->len);
		size_t n = seed->len;

		cr_assert_not_null(copy);
		memcpy(copy, seed->p, n);
		for (uint32_t k = dice(4) + 1; k > 0; k--) {
			const uint32_t at = 1 + dice((uint32_t)n - 1);

			switch (dice(4)) {
			case 0: copy[at] = (char)dice(256); break;
			case 1: copy[at] = copy[1 + dice((uint32_t)n - 1)]; break;
			case 2: copy[at] = " ,/[](){}\"#\n\t-.:!0"[dice(18)]; break;
			default: n = n > 4 ? at + 1 : n;
			}
		}
		LLVMFuzzerTestOneInput((const uint8_t *)copy, n);
		tsn_free(copy);
	}
}

Test(import, mutated_texts_give_rules_or_errors, .timeout = 600)
{
	each_seed(mutate);
}

static void
fail_in_turn(struct tsn_buf *seed)
{
	struct tsn_buf out = TSN_BUF_INIT;
	struct tsn_import im;
	bool ok = false;

	for (long n = 0; n < 300 && !ok; n++) {
		tsn_mem_fail_at(n, true);
		ok = tsn_import_read(&im, (enum tsn_import_kind)seed->p[0], &plain_options, seed->p + 1, seed->len - 1);
		tsn_mem_fail_never();
		cr_expect(ok || im.no_memory || im.error[0] != '\0');
		tsn_import_fini(&im);
		tsn_buf_fini(&out);
		out = (struct tsn_buf)TSN_BUF_INIT;
	}
	cr_expect(ok);
}

Test(import, memory_that_is_out)
{
	each_seed(fail_in_turn);
}
