/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as a sequence of messages to one decoder: each begins with a byte that chooses the session and two of
 * length. What must hold: every row counted, masks that end with the rows, times in order, texts that can be read.
 * Seeds: corpus/template. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it files.
 * tests/unit/test_template_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/decode.h"
#include "flow/exporter.h"
#define FUZZ_OWN_MAIN
#include "fuzz/batch.h"

struct fuzz_template {
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct tsn_batch *batch;
	uint64_t rows, text; /* text: sum of all bytes of it, so that it is read */
	int64_t now;
};

static void
fuzz_check_texts(struct fuzz_template *t, const struct tsn_batch *b)
{
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		if (tsn_fields[f].storage != TSN_STR || !tsn_mask_any(&b->present[f]))
			continue;
		TSN_EACH_ROW(row, &b->present[f]) {
			struct tsn_str s = ((const struct tsn_str *)b->col[f])[row];

			for (uint32_t i = 0; i < s.n; i++)
				t->text += (unsigned char)s.p[i];
		}
	}
}

static void
fuzz_check_rows(struct fuzz_template *t, const struct tsn_batch *b)
{
	struct tsn_mask rows;

	tsn_mask_first(&rows, b->n);
	REQUIRE(b->n <= b->cap);
	fuzz_times_in_order(b);
	fuzz_masks_end_with(b, &rows);
	for (int w = 0; w < TSN_MASK_WORDS; w++)
		REQUIRE(b->present[TSN_F_EXPORTER].w[w] == rows.w[w]);
	fuzz_check_texts(t, b);
}

static void
fuzz_take(struct fuzz_template *t)
{
	fuzz_check_rows(t, t->batch);
	t->rows += t->batch->n;
	tsn_batch_clear(t->batch, TSN_BATCH_FLOWS);
}

static struct tsn_batch *
fuzz_template_room(void *arg)
{
	struct fuzz_template *t = arg;

	if (t->batch->n == t->batch->cap)
		fuzz_take(t);
	return t->batch;
}

static void
fuzz_template_init(struct fuzz_template *t)
{
	static const struct tsn_wanted wanted[] = { { 0, 54, TSN_F_FLOW_LABEL }, { 0, 147, TSN_F_VRF },
		{ 0, 277, TSN_F_BPS } };

	memset(t, 0, sizeof(*t));
	t->exporters = tsn_exporters_new(64);
	t->decoder = tsn_decoder_new(t->exporters, 256);
	t->batch = tsn_batch_new();
	t->now = INT64_C(1700000000000);
	REQUIRE(t->batch != NULL && t->decoder != NULL);
	tsn_decoder_want(t->decoder, wanted, 3);
}

static void
fuzz_template_fini(struct fuzz_template *t)
{
	tsn_decoder_finish(t->decoder);
	tsn_batch_free(t->batch);
	tsn_decoder_free(t->decoder);
	tsn_exporters_free(t->exporters);
}

/* One message of session [session]; the others are of other exporters too. */
static void
fuzz_message(struct fuzz_template *t, const uint8_t *p, size_t n, unsigned session)
{
	static const uint32_t caps[] = { 1, 7, 1024 };
	struct tsn_sender from = { tsn_addr_v4(1 + (session & 3)), session & 4 ? TSN_SESSION_STREAM : session >> 3 };
	struct tsn_batch_sink sink = { .room = fuzz_template_room, .arg = t };
	struct tsn_exporter *x = tsn_exporters_at(t->exporters, tsn_exporters_find(t->exporters, from.exporter));
	uint64_t flows = x->counter[TSN_XC_FLOWS], rows = t->rows;
	enum tsn_decode how;

	t->batch->cap = caps[session % 3];
	t->now += 1000;
	how = tsn_decode_message(t->decoder, p, n, &from, t->now, &sink);
	fuzz_take(t);
	REQUIRE(how != TSN_DECODE_STOPPED);
	REQUIRE(x->counter[TSN_XC_FLOWS] - flows == t->rows - rows);
	for (int i = 0; i < TSN_EXPORTER_COUNTER_COUNT; i++)
		REQUIRE(x->counter[i] >> 62 == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_template t;

	fuzz_template_init(&t);
	while (size >= 3) {
		size_t n = (size_t)(data[1] << 8 | data[2]);
		uint8_t *exact;

		n = n < size - 3 ? n : size - 3;
		exact = malloc(n + 1);
		REQUIRE(exact != NULL);
		memcpy(exact, data + 3, n);
		fuzz_message(&t, exact, n, data[0]);
		free(exact);
		data += 3 + n;
		size -= 3 + n;
	}
	fuzz_template_fini(&t);
	return 0;
}

#ifdef TSN_FUZZ_MAIN
int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct tsn_buf b = TSN_BUF_INIT;

		if (tsn_buf_read_file(&b, argv[i], 1 << 20) != 0) {
			fprintf(stderr, "cannot read %s\n", argv[i]);
			return 1;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)tsn_buf_str(&b), b.len);
		tsn_buf_fini(&b);
	}
	return 0;
}
#endif
