/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests of captures: all that one gives, and what they are made of. */
#ifndef TESTS_CAPTURE_RUN_H
#define TESTS_CAPTURE_RUN_H

#include <criterion/criterion.h>

#include <unistd.h>

#include "input/pcap.h"
#include "unit/build_capture.h"

#define T0 INT64_C(1795418150103)
#define SRC 0xc0000201u /* 192.0.2.1 */
#define DST 0xc6336401u /* 198.51.100.1 */

/* What a test takes for an export datagram: it begins with an E. */
static inline bool
begins_with_e(const uint8_t *p, size_t n)
{
	return n > 0 && p[0] == 'E';
}

/* Everything a capture gave. */
struct got {
	size_t n;
	struct tsn_datagram d[64];
	char text[64][64]; /* payloads as text */
	struct tsn_pcap_report report;
	uint64_t done, total;
};

static inline void
run_path(const char *path, const struct tsn_pcap_opts *opts, struct got *g)
{
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, opts, error);
	struct tsn_datagram d;

	memset(g, 0, sizeof(*g));
	cr_assert_not_null(p, "%s", error);
	while (tsn_pcap_next(p, &d)) {
		cr_assert_lt(g->n, 64);
		snprintf(g->text[g->n], sizeof(g->text[0]), "%.*s", (int)d.len, (const char *)d.payload);
		g->d[g->n++] = d;
	}
	cr_assert_not(tsn_pcap_next(p, &d), "the end stays the end");
	g->report = *tsn_pcap_report(p);
	tsn_pcap_progress(p, &g->done, &g->total);
	tsn_pcap_close(p);
}

static inline void
run(const struct bytes *file, const struct tsn_pcap_opts *opts, struct got *g)
{
	char path[40];
	int fd = as_file(file, path);

	run_path(path, opts, g);
	close(fd);
}

static const struct tsn_pcap_opts sniffing = { .sniff = begins_with_e };

static inline void
put_udp4(struct bytes *b, const char *payload)
{
	struct bytes u = { 0 };
	struct ip4 ip = { .src = SRC, .dst = DST };

	put_udp(&u, 40000, 2055, payload, strlen(payload));
	put_ip4(b, &ip, u.p, u.n);
	bytes_free(&u);
}

static const struct ip6 ip6 = { { 0x20, 1, 0xd, 0xb8, [15] = 1 }, { 0x20, 1, 0xd, 0xb8, [15] = 2 }, 17 };

#endif
