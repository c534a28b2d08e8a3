/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a file of flow-tools, by way of an unnamed file: it ends, gives no more rows than its bytes can hold, and
 * says so where it did not reach the end. Seeds: corpus/flowtools. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it
 * files. tests/unit/test_flowtools_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/flowtools.h"
#include "input/flowtools.h"
#include "input/unpack.h"
#include "fuzz/file.h"
#include "fuzz/room.h"

#define ZLIB_MOST 1032u /* deflate makes of a byte no more (zlib's FAQ) */

static struct {
	struct tsn_exporters *exporters;
	struct tsn_batch *batch;
	uint64_t rows;
} fuzz;

static void
take_rows(struct tsn_batch *b)
{
	fuzz.rows += b->n;
	tsn_batch_normalise(b, fuzz.exporters);
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
}

static void
fuzz_records(struct tsn_flowtools *f, size_t size)
{
	const struct tsn_flowtools_header *h = tsn_flowtools_header(f);
	struct tsn_flowtools_records r = { h->little_endian, h->stream, h->version, h->method, tsn_addr_v4(h->exporter) };
	struct tsn_batch_sink sink = { .room = fuzz_room, .arg = fuzz.batch };
	size_t one = tsn_flowtools_record_size(&r), n = 0;
	const uint8_t *p;

	REQUIRE(one <= TSN_FLOWTOOLS_RECORD);
	if (one == 0)
		return;
	while ((p = tsn_flowtools_next(f, one)) != NULL) {
		REQUIRE(tsn_flowtools_decode(&r, p, fuzz.exporters, &sink));
		n++;
	}
	REQUIRE(n <= size * (h->compressed ? ZLIB_MOST : 1) / one);
	REQUIRE(tsn_flowtools_report(f)->damaged == (tsn_flowtools_report(f)->reason != NULL));
	REQUIRE(tsn_flowtools_report(f)->offset <= size);
	REQUIRE(tsn_flowtools_next(f, one) == NULL);
	take_rows(fuzz.batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[TSN_INPUT_ERROR] = "";
	struct tsn_flowtools *f;
	struct tsn_reader r;

	if (fuzz.batch == NULL) {
		fuzz.exporters = tsn_exporters_new(64);
		fuzz.batch = tsn_batch_new();
		REQUIRE(fuzz.exporters != NULL && fuzz.batch != NULL);
	}
	REQUIRE(tsn_reader_open(&r, fuzz_file_of(data, size), error));
	f = tsn_flowtools_attach(&r, error);
	REQUIRE((f == NULL) == (error[0] != 0));
	if (f != NULL)
		fuzz_records(f, tsn_unpack_kind(data, size) != NULL ? UINT32_MAX : size); /* of what is unpacked, nobody knows */
	tsn_flowtools_close(f);
	tsn_reader_close(&r);
	return 0;
}
