/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as frames into the meter. The input: a link type (an index), then frames, each after a byte of length and one of
 * time to the last frame (signed, seconds). Seeds: corpus/meter. Without libFuzzer build with -DTSN_FUZZ_MAIN and
 * give it files. tests/unit/test_meter_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/meter.h"
#include "flow/exporter.h"
#include "packet/link.h"
#include "fuzz/fuzz.h"

static const uint32_t fuzz_links[] = {
#define LINK(sym, number) number,
	TSN_LINKS(LINK)
#undef LINK
};

/* Adds up what comes out, batch by batch. */
struct fuzz_sink {
	struct tsn_batch *batch;
	uint64_t flows, packets;
};

static void
fuzz_drain(struct fuzz_sink *s)
{
	for (uint32_t i = 0; i < s->batch->n; i++) {
		struct tsn_value packets, start, end;

		tsn_batch_get(s->batch, i, TSN_F_RAW_PACKETS, &packets);
		tsn_batch_get(s->batch, i, TSN_F_START, &start);
		tsn_batch_get(s->batch, i, TSN_F_END, &end);
		REQUIRE(packets.known && packets.i > 0 && start.known && end.known && start.i <= end.i);
		s->packets += (uint64_t)packets.i;
		s->flows++;
	}
	tsn_batch_clear(s->batch, TSN_BATCH_FLOWS);
}

static struct tsn_batch *
fuzz_room(void *arg)
{
	struct fuzz_sink *s = arg;

	if (s->batch->n == s->batch->cap)
		fuzz_drain(s);
	return s->batch;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsn_exporters *exporters = tsn_exporters_new(2);
	struct tsn_meter *m = tsn_meter_new(&(struct tsn_meter_opts){ .max_flows = 5 }, exporters);
	struct fuzz_sink s = { .batch = tsn_batch_new() };
	struct tsn_batch_sink sink = { .room = fuzz_room, .arg = &s };
	uint32_t link = size > 0 ? fuzz_links[data[0] % (sizeof(fuzz_links) / sizeof(fuzz_links[0]))] : 1;
	int64_t now = INT64_C(1600000000000);
	uint64_t frames = 0;

	REQUIRE(exporters != NULL && m != NULL && s.batch != NULL);
	for (size_t at = 1; at + 2 <= size; frames++) {
		size_t n = data[at], there = size - at - 2;
		uint8_t *exact;

		now += (int64_t)(int8_t)data[at + 1] * 1000;
		n = n < there ? n : there;
		exact = malloc(n > 0 ? n : 1); /* of its own, so that a read beyond is seen */
		REQUIRE(exact != NULL);
		memcpy(exact, data + at + 2, n);
		REQUIRE(tsn_meter_packet(m, link, exact, n, n + (data[at] & 1), now, &sink) != TSN_DECODE_STOPPED);
		free(exact);
		at += 2 + n;
	}
	REQUIRE(tsn_meter_finish(m, &sink) == TSN_DECODE_OK);
	fuzz_drain(&s);
	REQUIRE(s.packets == tsn_meter_stats(m)->packets && s.flows == tsn_meter_stats(m)->flows);
	REQUIRE(s.packets + tsn_meter_stats(m)->not_ip == frames);
	tsn_batch_free(s.batch);
	tsn_meter_free(m);
	tsn_exporters_free(exporters);
	return 0;
}
