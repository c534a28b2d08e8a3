/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Any bytes as text input, through the lines, the JSON reader and the tables, with what must hold whatever they are:
 * no more rows than two a record, no record without a byte of its own, masks that end with the rows, a report that
 * adds up. Seeds: corpus/text. Without libFuzzer build with -DTSN_FUZZ_MAIN and give it files.
 * tests/unit/test_text_mutate.c includes this file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "feed/feed.h"
#include "input/unpack.h"
#include "fuzz/batch.h"
#include "fuzz/file.h"

/* Made once: one engine reads all inputs. */
static struct {
	struct tsn_engine *engine;
	uint64_t rows, lines;
} fuzz;

static void
fuzz_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	(void)arg;
	fuzz_masks_end_with(b, rows);
	TSN_EACH_ROW(row, rows)
		REQUIRE(!tsn_mask_has(&b->present[TSN_F_RAW_BYTES], row) || ((const int64_t *)b->col[TSN_F_RAW_BYTES])[row] >= 0);
	fuzz.rows += b->n;
}

static void
fuzz_log(void *arg, enum tsn_log_level level, const char *line)
{
	(void)arg;
	(void)level;
	fuzz.lines++;
	for (; *line != '\0'; line++)
		REQUIRE((uint8_t)*line >= 32);
}

static void
fuzz_start(void)
{
	struct tsn_engine_options o = { .on_rows = fuzz_rows, .rows_read = tsn_field_set_all(), .batch_rows = 16 };

	if (fuzz.engine != NULL)
		return;
	fuzz.engine = tsn_engine_new(&o);
	REQUIRE(fuzz.engine != NULL);
}

static void
fuzz_text(const uint8_t *data, size_t size, const char *map)
{
	struct tsn_log log = { TSN_LOG_DEBUG, fuzz_log, NULL };
	struct tsn_feed_opts opts = { .map = map, .log = &log };
	char error[TSN_INPUT_ERROR] = "";
	const struct tsn_feed_report *r;
	uint64_t before = fuzz.rows;
	struct tsn_feed *f;

	fuzz_start();
	f = tsn_feed_open(fuzz_file_of(data, size), &opts, fuzz.engine, error);
	REQUIRE((f == NULL) == (error[0] != '\0'));
	if (f == NULL)
		return;
	while (tsn_feed_step(f) == TSN_FEED_MORE)
		;
	tsn_engine_flush(fuzz.engine);
	r = tsn_feed_report(f);
	if (strcmp(r->unit, "records") == 0) {
		REQUIRE(tsn_unpack_kind(data, size) != NULL || r->records + r->skipped <= size);
		REQUIRE(fuzz.rows - before >= r->records && fuzz.rows - before <= 2 * r->records);
	}
	REQUIRE(!r->damaged || r->reason[0] != '\0');
	tsn_feed_close(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t end = 0;

	fuzz_text(data, size, NULL);
	if (size > 4 && memcmp(data, "map=", 4) == 0) { /* the first line is a map, the rest an input */
		char map[200];

		while (end < size && data[end] != '\n' && end < sizeof(map) - 1)
			end++;
		memcpy(map, data, end);
		map[end] = '\0';
		if (map[4] != '@' && end < size)
			fuzz_text(data + end + 1, size - end - 1, map + 4);
	}
	return 0;
}
