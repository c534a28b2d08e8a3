/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a file of export messages, compressed or not: every byte is in a message or in a gap, in order, and
 * it ends. Seeds: corpus/messages. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it files.
 * tests/unit/test_input_messages.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "decode/decode.h"
#include "input/messages.h"
#include "fuzz/file.h"

/* What the last input came to. */
static struct {
	uint64_t messages, cut, gaps, gap_bytes, bytes;
	bool error, begins;
} fuzz_seen;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[TSN_INPUT_ERROR];
	struct tsn_reader r;
	struct tsn_messages m = { .reader = &r, .extent = tsn_decode_extent, .sure = tsn_decode_looks_like };
	struct tsn_message_piece piece;
	enum tsn_messages_found found;
	volatile uint8_t sum = 0;
	size_t n;

	fuzz_seen.messages = fuzz_seen.cut = fuzz_seen.gaps = fuzz_seen.gap_bytes = fuzz_seen.bytes = 0;
	REQUIRE(tsn_reader_open(&r, fuzz_file_of(data, size), error));
	n = tsn_reader_need(&r, 4096);
	fuzz_seen.begins = tsn_decode_begins(r.buf + r.pos, n, n < 4096);
	while ((found = tsn_messages_next(&m, &piece)) != TSN_MESSAGES_END) {
		REQUIRE(piece.offset == fuzz_seen.bytes && piece.len > 0);
		REQUIRE((piece.p == NULL) == (found == TSN_MESSAGES_GAP));
		fuzz_seen.bytes += piece.len;
		fuzz_seen.messages += found == TSN_MESSAGES_ONE;
		fuzz_seen.cut += found == TSN_MESSAGES_CUT;
		fuzz_seen.gaps += found == TSN_MESSAGES_GAP;
		fuzz_seen.gap_bytes += found == TSN_MESSAGES_GAP ? piece.len : 0;
		for (size_t i = 0; piece.p != NULL && i < piece.len; i++)
			sum += piece.p[i];
		if (found == TSN_MESSAGES_ONE)
			REQUIRE(tsn_decode_extent(piece.p, piece.len, true) == (int64_t)piece.len);
		if (piece.p != NULL)
			(void)tsn_decode_export_time(piece.p, piece.len);
	}
	fuzz_seen.error = r.error != 0;
	REQUIRE(r.offset == fuzz_seen.bytes && fuzz_seen.cut <= 1);
	REQUIRE(r.packed != NULL || fuzz_seen.bytes == size);
	REQUIRE(r.packed == NULL || r.file_read <= size);
	tsn_reader_close(&r);
	return 0;
}
