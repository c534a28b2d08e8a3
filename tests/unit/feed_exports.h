/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Recorded exports, as payloads, streams or captures, through a decoder; read where they are present beside the project. */
#ifndef TSN_TESTS_FEED_EXPORTS_H
#define TSN_TESTS_FEED_EXPORTS_H

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <unistd.h>

#include "input/pcap.h"
#include "unit/build_ipfix.h"

#define DATA   "../shared/data/"
#define FILES  9
#define EXPORTER 0xc0000201 /* 192.0.2.1, as the listings have it for files without packets */

struct feed {
	struct tsn_exporters *x;
	struct tsn_decoder *d;
	struct keeper k;
	uint64_t damaged;
};

static inline void
feed_init(struct feed *f, uint32_t cap)
{
	f->x = tsn_exporters_new(16);
	f->d = tsn_decoder_new(f->x, 64);
	f->damaged = 0;
	keeper_init(&f->k, cap);
}

static inline void
feed_fini(struct feed *f)
{
	keeper_fini(&f->k);
	tsn_decoder_free(f->d);
	tsn_exporters_free(f->x);
}

static inline void
feed_one(struct feed *f, const uint8_t *p, size_t n, const struct tsn_sender *from, int64_t received)
{
	uint8_t *exact = malloc(n + 1); /* so that reading past the end shows */

	memcpy(exact, p, n);
	f->damaged += tsn_decode_message(f->d, exact, n, from, received, &f->k.sink) == TSN_DECODE_DAMAGED;
	free(exact);
}

static inline void
feed_capture(struct feed *f, const char *path)
{
	struct tsn_pcap_opts opts = { .sniff = tsn_decode_looks_like_export };
	char error[TSN_INPUT_ERROR];
	struct tsn_pcap *p = tsn_pcap_open(path, &opts, error);
	struct tsn_datagram g;

	cr_assert_not_null(p, "%s", error);
	while (tsn_pcap_next(p, &g))
		feed_one(f, g.payload, g.len, &(struct tsn_sender){ g.exporter, g.src_port }, g.received_ms);
	tsn_pcap_close(p);
}

/* A payload, or (.ipfix) a stream of messages. */
static inline void
feed_payload(struct feed *f, const char *path)
{
	static uint8_t p[4u << 20];
	FILE *file = fopen(path, "rb");
	size_t len = file != NULL ? fread(p, 1, sizeof(p), file) : 0, at = 0;
	bool stream = strstr(path, ".ipfix") != NULL;
	struct tsn_sender from = { tsn_addr_v4(EXPORTER), stream ? TSN_SESSION_STREAM : 2055 };

	cr_assert_gt(len, 15, "%s", path);
	fclose(file);
	while (len - at >= 16) {
		size_t n = stream ? (size_t)(p[at + 2] << 8 | p[at + 3]) : len;

		if (n < 16 || n > len - at)
			n = len - at;
		feed_one(f, p + at, n, &from, 0);
		at += n;
	}
}

/* Leaves the rows in the batch, as far as they fit, if not [spill]: texts do not outlive it. */
static inline bool
feed_files(struct feed *f, const char *const *files, bool spill)
{
	char path[300];

	for (int i = 0; i < FILES && files[i] != NULL; i++) {
		snprintf(path, sizeof(path), DATA "exporter_packets/%s", files[i]);
		if (access(path, R_OK) != 0) {
			cr_log_warn("not compared, not there: %s", path);
			return false;
		}
		if (strstr(path, ".pcap") != NULL)
			feed_capture(f, path);
		else
			feed_payload(f, path);
	}
	if (spill)
		keeper_spill(&f->k);
	return true;
}

#endif
