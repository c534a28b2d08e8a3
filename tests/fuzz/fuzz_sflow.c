/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as one sFlow v5 datagram, with what must hold whatever they are: no more rows than the length allows, every
 * cause counted, rows that say what every sample says. Seeds: corpus/sflow. Without libFuzzer build with
 * -DTSN_FUZZ_MAIN and give it files. tests/unit/test_sflow_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "decode/decode.h"
#include "flow/exporter.h"
#include "fuzz/fuzz.h"
#include "fuzz/room.h"

#define RECEIVED 1795418150000

/* Made once and kept: sequences and totals go through all inputs, as in a daemon. */
static struct {
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct tsn_batch *batch;
	uint64_t rows, calls;
} fuzz;

static void
take_rows(struct tsn_batch *b)
{
	static const uint8_t always[] = { TSN_F_SRC, TSN_F_DST, TSN_F_PROTO, TSN_F_RAW_PACKETS, TSN_F_RAW_BYTES, TSN_F_EXPORTER,
		TSN_F_START, TSN_F_END, TSN_F_SOURCE_ID };
	struct tsn_mask rows;

	REQUIRE(b->n <= b->cap);
	tsn_mask_first(&rows, b->n);
	fuzz_masks_end_with(b, &rows);
	for (int w = 0; w < TSN_MASK_WORDS; w++)
		for (size_t i = 0; i < sizeof(always); i++)
			REQUIRE(b->present[always[i]].w[w] == rows.w[w]);
	for (uint32_t i = 0; i < b->n; i++)
		REQUIRE(b->received[i] == RECEIVED && b->exported[i] == TSN_TIME_NONE &&
		    ((uint64_t *)b->col[TSN_F_RAW_PACKETS])[i] == 1);
	fuzz.rows += b->n;
	tsn_batch_normalise(b, fuzz.exporters);
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
}

static void
fuzz_sflow(const uint8_t *data, size_t size)
{
	static const uint32_t caps[] = { 1, 7, 1024 };
	struct tsn_batch_sink sink = { .room = fuzz_room };
	uint64_t before[TSN_EXPORTER_COUNTER_COUNT], change[TSN_EXPORTER_COUNTER_COUNT], rows = fuzz.rows;
	struct tsn_exporter *x;
	enum tsn_decode how;

	if (fuzz.batch == NULL) {
		fuzz.exporters = tsn_exporters_new(64);
		fuzz.decoder = tsn_decoder_new(fuzz.exporters, 256);
		fuzz.batch = tsn_batch_new();
		REQUIRE(fuzz.batch != NULL && fuzz.decoder != NULL);
	}
	if (size < 4 || memcmp(data, "\0\0\0\5", 4) != 0)
		return;
	sink.arg = fuzz.batch;
	x = tsn_exporters_at(fuzz.exporters, tsn_exporters_find(fuzz.exporters, tsn_addr_v4(1)));
	memcpy(before, x->counter, sizeof(before));
	fuzz.batch->cap = caps[fuzz.calls++ % 3];
	how = tsn_decode_datagram(fuzz.decoder, data, size, tsn_addr_v4(1), RECEIVED, &sink);
	take_rows(fuzz.batch);
	rows = fuzz.rows - rows;
	for (int i = 0; i < TSN_EXPORTER_COUNTER_COUNT; i++)
		change[i] = x->counter[i] - before[i];
	REQUIRE(rows <= size / 56); /* the least that a sample with an IPv4 packet is */
	REQUIRE(change[TSN_XC_DATAGRAMS] == 1 && change[TSN_XC_FLOWS] == rows && change[TSN_XC_VERSION] == 0);
	REQUIRE(how == TSN_DECODE_OK || how == TSN_DECODE_DAMAGED);
	REQUIRE((how == TSN_DECODE_DAMAGED) == (change[TSN_XC_SHORT] + change[TSN_XC_TRAILING] + change[TSN_XC_BAD_RECORD] > 0));
	REQUIRE(change[TSN_XC_NOT_FLOWS] + change[TSN_XC_COUNTER_SAMPLES] <= size / 8);
	REQUIRE(x->counter[TSN_XC_LOST_DATAGRAMS] >> 62 == 0);
	tsn_decode_looks_like_export(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_sflow(data, size);
	return 0;
}
