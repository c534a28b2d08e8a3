/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a file of nfdump, through the container and the records, with what must hold whatever they are: as many rows
 * as were counted, masks that end with the rows, strings inside their bound, every byte accounted for, an end; and the same
 * rows if the file is read and unpacked ahead. Seeds:
 * corpus/nfcapd. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it files. tests/unit/test_nfcapd_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/asides.h"
#include "decode/nfcapd.h"
#include "flow/exporter.h"
#include "input/nfcapd.h"
#include "input/unpack.h"
#include "fuzz/file.h"
#include "fuzz/room.h"

static struct {
	struct tsn_batch *batch;
	uint64_t rows, files;
} fuzz;

static void
check_rows(const struct tsn_batch *b)
{
	struct tsn_mask rows;

	tsn_mask_first(&rows, b->n);
	REQUIRE(b->n <= b->cap);
	fuzz_times_in_order(b);
	for (uint32_t i = 0; i < b->n; i++)
		REQUIRE(b->exported[i] < 0 && (b->received[i] == INT64_MIN || b->received[i] > 0));
	fuzz_masks_end_with(b, &rows);
	REQUIRE(!tsn_mask_any(&b->present[TSN_F_SAMPLING]));
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		for (uint32_t i = 0; tsn_fields[f].storage == TSN_STR && i < b->n; i++)
			REQUIRE(!tsn_mask_has(&b->present[f], i) || ((const struct tsn_str *)b->col[f])[i].n <= TSN_BATCH_STR);
}

static void
take_rows(struct tsn_batch *b)
{
	check_rows(b);
	fuzz.rows += b->n;
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
}

static void
fuzz_clock(void *arg, int64_t received)
{
	(void)arg;
	REQUIRE(received == INT64_MIN || (received > 0 && received < INT64_C(1) << 48)); /* or none is told */
}

static void
read_on(struct tsn_nfcapd_file *f, const struct tsn_reader *r, struct tsn_nfcapd *d, size_t size)
{
	struct tsn_batch_sink sink = { .room = fuzz_room, .arg = fuzz.batch, .clock = fuzz_clock };
	const struct tsn_nfcapd_header *h = tsn_nfcapd_header(f);
	size_t idle = 0;
	uint64_t flows = 0, before = fuzz.rows + fuzz.batch->n;
	struct tsn_nfcapd_piece p;
	enum tsn_nfcapd_next next;

	while ((next = tsn_nfcapd_next(f, &p)) == TSN_NFCAPD_PIECE || next == TSN_NFCAPD_BAD_BLOCK) {
		struct tsn_nfcapd_result out;

		if (next == TSN_NFCAPD_BAD_BLOCK)
			continue;
		REQUIRE(p.len > 0 && p.offset < size && p.len <= TSN_NFCAPD_BLOCK_MAX);
		REQUIRE(tsn_nfcapd_decode(d, h->layout, p.type, p.p, p.len, p.last, &sink, &out) != TSN_DECODE_STOPPED);
		REQUIRE(out.used <= p.len && (!p.last || out.used == p.len) && out.flows <= p.len / 12);
		idle = out.used > 0 ? 0 : idle + 1;
		REQUIRE(idle < 2);
		flows += out.flows;
		tsn_nfcapd_used(f, out.used);
	}
	REQUIRE(next == TSN_NFCAPD_END || next == TSN_NFCAPD_BROKEN);
	REQUIRE(next == TSN_NFCAPD_END ? size == SIZE_MAX || r->offset == size : p.offset <= size && p.reason != NULL);
	REQUIRE(flows == fuzz.rows + fuzz.batch->n - before);
}

/* Spare hands that do all there is to do at once, so that the same bytes always take the same way. */
static bool
offer(void *self, const struct tsn_aside *a)
{
	return tsn_asides_offer(self, a);
}

static void
withdraw(void *self, const struct tsn_aside *a)
{
	tsn_asides_withdraw(self, a);
}

static void
do_all(void *self)
{
	while (tsn_asides_piece(self))
		;
}

static uint64_t
read_rows(const char *path, const uint8_t *data, size_t size, const struct tsn_hands *hands)
{
	const uint64_t before = fuzz.rows;
	char error[TSN_INPUT_ERROR] = "";
	struct tsn_nfcapd_file *f = NULL;
	struct tsn_reader r;

	REQUIRE(tsn_reader_open(&r, path, error));
	r.hands = hands;
	if (tsn_nfcapd_is(data, size))
		f = tsn_nfcapd_attach(&r, error);
	if (f != NULL) {
		struct tsn_exporters *x = tsn_exporters_new(64);
		struct tsn_nfcapd *d = tsn_nfcapd_new(x, tsn_nfcapd_header(f)->swapped);

		REQUIRE(d != NULL);
		read_on(f, &r, d, tsn_unpack_kind(data, size) != NULL ? SIZE_MAX : size);
		take_rows(fuzz.batch);
		tsn_nfcapd_free(d);
		tsn_exporters_free(x);
		tsn_nfcapd_close(f);
		fuzz.files++;
	}
	tsn_reader_close(&r);
	return fuzz.rows - before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tsn_asides asides = { 0 };
	const struct tsn_hands hands = { offer, withdraw, do_all, &asides };
	const char *path = fuzz_file_of(data, size);
	uint64_t alone;

	if (fuzz.batch == NULL)
		fuzz.batch = tsn_batch_new();
	REQUIRE(fuzz.batch != NULL);
	fuzz.batch->cap = 1 + size % TSN_BATCH_ROWS;
	alone = read_rows(path, data, size, NULL);
	tsn_asides_init(&asides);
	REQUIRE(read_rows(path, data, size, &hands) == alone);
	fuzz.rows -= alone; /* counted once */
	tsn_asides_fini(&asides);
	return 0;
}
