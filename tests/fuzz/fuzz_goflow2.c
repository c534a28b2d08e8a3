/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a file of goflow2's messages: it ends, every message is a row or counted, every row has an address.
 * Seeds: corpus/goflow2. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it files.
 * tests/unit/test_goflow2_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/goflow2.h"
#include "input/delimited.h"
#include "input/unpack.h"
#include "fuzz/file.h"
#include "fuzz/room.h"

static struct {
	struct tsn_exporters *exporters;
	struct tsn_batch *batch;
	uint64_t rows, damaged;
} fuzz;

/* A full batch: each row has an address. */
static void
take_rows(struct tsn_batch *b)
{
	for (int w = 0; w < TSN_MASK_WORDS; w++)
		REQUIRE((b->present[TSN_F_SRC].w[w] | b->present[TSN_F_DST].w[w]) == UINT64_MAX);
	tsn_batch_normalise(b, fuzz.exporters);
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
}

static void
fuzz_message(const uint8_t *p, size_t n)
{
	struct tsn_batch_sink sink = { .room = fuzz_room, .arg = fuzz.batch };
	uint8_t *exact = malloc(n ? n : 1); /* so that ASan sees a step past the end */
	bool has_addr = false, like;
	enum tsn_goflow2 how;

	REQUIRE(exact != NULL);
	memcpy(exact, p, n);
	like = tsn_goflow2_looks_like(exact, n, false, &has_addr);
	how = tsn_goflow2_decode(exact, n, fuzz.exporters, &sink);
	free(exact);
	REQUIRE(how != TSN_GOFLOW2_STOPPED);
	REQUIRE(!like || has_addr || how != TSN_GOFLOW2_FLOW);
	fuzz.rows += how == TSN_GOFLOW2_FLOW;
	fuzz.damaged += how == TSN_GOFLOW2_DAMAGED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsn_delimited_report report = { 0 };
	char error[TSN_INPUT_ERROR] = "";
	struct tsn_reader r;
	const uint8_t *p;
	size_t n, all = 0;

	if (fuzz.batch == NULL) {
		fuzz.exporters = tsn_exporters_new(64);
		fuzz.batch = tsn_batch_new();
		REQUIRE(fuzz.exporters != NULL && fuzz.batch != NULL);
	}
	REQUIRE(tsn_reader_open(&r, fuzz_file_of(data, size), error));
	while ((p = tsn_delimited_next(&r, &n, &report)) != NULL) {
		fuzz_message(p, n);
		all += n + 1;
	}
	REQUIRE(tsn_unpack_kind(data, size) != NULL || (all <= size && report.offset <= size));
	REQUIRE(report.damaged == (report.reason != NULL));
	tsn_reader_close(&r);
	return 0;
}
