/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Recorded exports (where they are present beside the project) and made ones, cut and changed, through one decoder. */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <ftw.h>
#include <unistd.h>

#include "input/pcap.h"
#include "unit/build_ipfix.h"
#include "unit/mutate.h"
#include "fuzz/fuzz_template.c"

#define DATA "../shared/data/exporter_packets"
#define MESSAGES 2000

static struct {
	uint8_t *p;
	size_t n;
} message[MESSAGES];
static size_t messages;

static void
keep(const uint8_t *p, size_t n)
{
	if (messages == MESSAGES || n == 0)
		return;
	message[messages].p = malloc(n);
	memcpy(message[messages].p, p, n);
	message[messages++].n = n;
}

static void
keep_capture(const char *path)
{
	struct tsn_pcap_opts opts = { 0 };
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, &opts, error);
	struct tsn_datagram g;

	if (p == NULL)
		return;
	while (tsn_pcap_next(p, &g))
		if (g.len > 2 && g.payload[0] == 0 && (g.payload[1] == 9 || g.payload[1] == 10))
			keep(g.payload, g.len);
	tsn_pcap_close(p);
}

static int
keep_file(const char *path, const struct stat *st, int kind)
{
	static uint8_t p[1 << 20];
	FILE *f;
	size_t n;

	if (kind != FTW_F || st->st_size > (1 << 20) || strstr(path, "sflow") != NULL)
		return 0;
	if (strstr(path, ".pcap") != NULL) {
		keep_capture(path);
		return 0;
	}
	if (strstr(path, ".dat") == NULL && strstr(path, ".bin") == NULL && strstr(path, ".ipfix") == NULL &&
	    strstr(path, "fuzz_corpus") == NULL)
		return 0;
	f = fopen(path, "rb");
	n = f != NULL ? fread(p, 1, sizeof(p), f) : 0;
	if (f != NULL)
		fclose(f);
	for (size_t at = 0; at + 4 < n;) { /* a stream of IPFIX, or one payload */
		size_t len = p[at + 1] == 10 ? (size_t)(p[at + 2] << 8 | p[at + 3]) : n - at;

		len = len < 16 || len > n - at ? n - at : len;
		keep(p + at, len);
		at += len;
	}
	return 0;
}

/* Without the recordings: templates of every kind and their data. */
static void
keep_made(void)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 27, 16 }, { 0, 22, 4 }, { 0, 21, 4 }, { 0, 2, 8 },
		{ 29305, 2, 8 }, { 0, 371, 65535 }, { 0, 291, 65535 }, { 0, 95, 4 }, { 0, 48, 1 } };
	static const struct ix_field o[] = { { 0, 10, 4 }, { 0, 48, 1 }, { 0, 50, 4 }, { 0, 82, 8 } };
	static struct ix m;

	for (unsigned i = 0; i < 4; i++) {
		ix_begin(&m, 9 + i % 2, i, 1);
		ix_options(&m, 300, o, 4, 1);
		ix_set(&m, 300);
		ix_u(&m, 1, 4), ix_u(&m, 1, 1), ix_u(&m, 100, 4), ix_fixed(&m, "eth0", 8);
		ix_template(&m, 256, f, i < 2 ? 5 : 10);
		ix_set(&m, 256);
		for (unsigned k = 0; k < 5; k++) {
			ix_u(&m, k, 4), ix_u(&m, 0, 16 - 8), ix_u(&m, k, 8), ix_u(&m, 1000, 4), ix_u(&m, 2000, 4),
			    ix_u(&m, 3, 8);
			if (i >= 2)
				ix_u(&m, k, 8), ix_var(&m, "user", k % 2), ix_u(&m, 0, 1), ix_u(&m, 0x03000050, 4),
				    ix_u(&m, 1, 1);
		}
		keep(m.p, ix_end(&m));
	}
}

static void
load(void)
{
	keep_made();
	if (ftw(DATA, keep_file, 16) != 0)
		cr_log_warn("not there, made messages only: " DATA);
	cr_assert_gt(messages, 3);
}

static void
send_exact(struct fuzz_template *t, const uint8_t *p, size_t n, unsigned session)
{
	uint8_t *exact = malloc(n + 1);

	memcpy(exact, p, n);
	fuzz_message(t, exact, n, session);
	free(exact);
}

/* All as they are, then each cut at many places into a decoder that knows them all. */
Test(template_mutate, cut)
{
	size_t places = getenv("TSN_SOAK") != NULL ? 40 : 10;
	struct fuzz_template t;

	load();
	fuzz_template_init(&t);
	for (size_t i = 0; i < messages; i++)
		send_exact(&t, message[i].p, message[i].n, 0);
	cr_assert_gt(t.rows, 0);
	for (size_t i = 0; i < messages; i++)
		for (size_t n = 0; n < message[i].n && n < 4096; n += 1 + message[i].n / places)
			send_exact(&t, message[i].p, n, 0);
	fuzz_template_fini(&t);
}

Test(template_mutate, changed)
{
	static uint8_t p[1 << 17];
	struct fuzz_template t;
	uint64_t seed = 0x7e391a7e;
	long times = mutate_times(2000000);

	load();
	fuzz_template_init(&t);
	for (long i = 0; i < times; i++) {
		uint64_t r = mutate_random(&seed);
		size_t which = r % messages, n = mutate_copy(p, sizeof(p), message[which].p, message[which].n, r >> 32 & 3, &seed);

		send_exact(&t, p, n < 65535 ? n : 65535, r >> 40 & 31);
	}
	cr_assert_gt(t.rows, (uint64_t)times / 10);
	fuzz_template_fini(&t);
}

/* The fuzzer's seeds say something. */
Test(template_mutate, corpus)
{
	static const char *const seeds[] = { "v9", "ipfix-biflow", "ipfix-options", "ipfix-lists" };

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		struct tsn_buf b = TSN_BUF_INIT;
		char path[100];

		snprintf(path, sizeof(path), "tests/fuzz/corpus/template/%s", seeds[i]);
		cr_assert_eq(tsn_buf_read_file(&b, path, 1 << 20), 0, "%s", path);
		cr_assert_gt(b.len, 40, "%s", path);
		LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
		tsn_buf_fini(&b);
	}
}
