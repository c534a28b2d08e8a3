/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as one export datagram, with what must hold whatever they are:
 * no more rows than the length allows, every cause counted, masks that end
 * with the rows, times in order. Seeds: corpus/datagram. Without libFuzzer
 * build with -DTSN_FUZZ_MAIN and give it files. tests/unit/test_decode_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/decode.h"
#include "flow/exporter.h"
#include "fuzz/fuzz.h"
#include "fuzz/room.h"

/* Made once and kept: sequences and counters go through all inputs, as in a daemon. */
static struct {
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct tsn_batch *batch;
	uint64_t rows, calls;
} fuzz;

/* The exporter's clock lies between the two, or as far from them as counters allow; a row whose time is made says nothing of it. */
static bool
times_can_be(const struct tsn_batch *b, uint32_t i)
{
	int64_t start = ((const int64_t *)b->col[TSN_F_START])[i], end = ((const int64_t *)b->col[TSN_F_END])[i];

	if (tsn_mask_has(&b->timed, i))
		return start <= end && end - start <= (int64_t)UINT32_MAX + TSN_DECODE_AHEAD && b->time[i] <= b->received[i] &&
		    b->received[i] - b->time[i] <= TSN_AGE_MAX;
	return start <= end && end <= b->exported[i] + TSN_DECODE_AHEAD && b->exported[i] - start <= (int64_t)UINT32_MAX;
}

static void
check_rows(const struct tsn_batch *b)
{
	struct tsn_mask rows;

	tsn_mask_first(&rows, b->n);
	REQUIRE(b->n <= b->cap);
	for (uint32_t i = 0; i < b->n; i++)
		REQUIRE(times_can_be(b, i));
	fuzz_masks_end_with(b, &rows);
	for (int w = 0; w < TSN_MASK_WORDS; w++)
		REQUIRE(b->present[TSN_F_SRC].w[w] == rows.w[w] && b->present[TSN_F_RAW_BYTES].w[w] == rows.w[w]);
}

static void
take_rows(struct tsn_batch *b)
{
	check_rows(b);
	fuzz.rows += b->n;
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
}

static void
fuzz_begin(void)
{
	if (fuzz.batch != NULL)
		return;
	fuzz.exporters = tsn_exporters_new(64);
	fuzz.decoder = tsn_decoder_new(fuzz.exporters, 256);
	fuzz.batch = tsn_batch_new();
	REQUIRE(fuzz.batch != NULL && fuzz.decoder != NULL);
}

/* The most rows that [size] bytes can be. */
static uint64_t
rows_at_most(const uint8_t *p, size_t size)
{
	if (size < 16 || p[0] != 0 || (p[1] != 1 && p[1] != 5 && p[1] != 7))
		return 0;
	return p[1] == 1 ? (size - 16) / 48 : size < 24 ? 0 : (size - 24) / (p[1] == 5 ? 48 : 52);
}

/* Decodes one datagram and holds the decoder to its promises. */
static void
fuzz_decode(const uint8_t *data, size_t size, struct tsn_addr exporter)
{
	static const uint32_t caps[] = { 1, 7, 1024 };
	struct tsn_batch_sink sink = { .room = fuzz_room };
	struct tsn_exporter *x;
	uint64_t before[TSN_EXPORTER_COUNTER_COUNT], change[TSN_EXPORTER_COUNTER_COUNT], rows;
	enum tsn_decode how;

	if (size >= 2 && data[0] == 0 && (data[1] == 9 || data[1] == 10))
		return; /* what comes with templates is for fuzz_template.c */
	fuzz_begin();
	if (size >= 4 && memcmp(data, "\0\0\0\5", 4) == 0) /* sFlow: fuzz_sflow.c */
		return;
	sink.arg = fuzz.batch;
	x = tsn_exporters_at(fuzz.exporters, tsn_exporters_find(fuzz.exporters, exporter));
	memcpy(before, x->counter, sizeof(before));
	rows = fuzz.rows;
	fuzz.batch->cap = caps[fuzz.calls++ % 3];
	how = tsn_decode_datagram(fuzz.decoder, data, size, exporter, 1795418150000, &sink);
	take_rows(fuzz.batch);
	rows = fuzz.rows - rows;
	for (int i = 0; i < TSN_EXPORTER_COUNTER_COUNT; i++)
		change[i] = x->counter[i] - before[i];
	REQUIRE(rows <= rows_at_most(data, size));
	REQUIRE(change[TSN_XC_DATAGRAMS] == 1 && change[TSN_XC_FLOWS] == rows && change[TSN_XC_CLOCK] <= rows);
	REQUIRE(x->counter[TSN_XC_LOST] >> 62 == 0);
	REQUIRE((how == TSN_DECODE_OK) == tsn_decode_looks_like(data, size));
	REQUIRE((how == TSN_DECODE_VERSION) == (change[TSN_XC_VERSION] == 1));
	REQUIRE((how == TSN_DECODE_DAMAGED) == (change[TSN_XC_SHORT] + change[TSN_XC_TRAILING] + change[TSN_XC_COUNT] > 0));
	REQUIRE(how != TSN_DECODE_STOPPED && (how != TSN_DECODE_VERSION || rows == 0));
	REQUIRE(!tsn_decode_looks_like(data, size) || tsn_decode_looks_like_export(data, size));
	REQUIRE(tsn_decode_format(data, size) != NULL);
}

#ifndef TSN_FUZZ_PCAP
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_decode(data, size, tsn_addr_v4(0xc0000201));
	return 0;
}
#endif
