/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The container of nfdump's files: packed blocks, files that nobody closed, that were cut or are damaged, and memory. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"
#include "input/nfcapd.h"
#include "unit/build_nfcapd.h"
#include "unit/nfcapd_rows.h"

#define T0 UINT64_C(1767571200000) /* 2026-01-05 00:00:00 UTC */

static void
read_bytes(struct feed_rows *k, const struct bytes *file)
{
	char path[40];
	int fd = as_file(file, path);

	feed_rows_read(k, path, 1024);
	close(fd);
}

/* [n] plain flows of TCP, of [from] and up. */
static void
put_flows(struct bytes *b, unsigned from, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct nfc_generic g = { T0 + i, T0 + i + 1, T0 + 5, from + i, 64, 1024, 80, 6, 2, 0, 0 };
		size_t at = nfc_begin(b, 0, 0, 0, false);

		nfc_generic(b, &g, false);
		nfc_numbers(b, 2, (uint64_t[]){ 0x0a000000 + from + i, 1 }, 2, 4, false);
		nfc_end(b, at, false);
	}
}

static void
put_flow_block(struct bytes *file, unsigned from, unsigned n, int packing)
{
	struct bytes b = { 0 };

	put_flows(&b, from, n);
	nfc_block(file, 3, 0, &b, packing, false);
	bytes_free(&b);
}

/* All rows from 0 on, and no others. */
static void
check_rows(const struct feed_rows *k, size_t n)
{
	cr_assert_eq(k->n, n, "%zu rows: %s", k->n, k->log);
	cr_assert_eq(k->report.records, n);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(k->row[i].field[TSN_F_PACKETS].i, (int64_t)i);
}

Test(nfcapd_file, every_packing)
{
	for (int packing = NFC_PLAIN; packing <= NFC_ZSTD; packing++) {
		struct bytes file = { 0 }, b = { 0 };
		struct feed_rows k;

		if (!tsn_nfcapd_can_unpack((enum tsn_nfcapd_packing)packing))
			continue;
		nfc_header_v2(&file, packing, 3, 1, false);
		put_flow_block(&file, 0, 9000, packing); /* more than one piece of a plain block */
		put_flows(&b, 9000, 5);
		nfc_block(&file, 3, 1, &b, NFC_PLAIN, false); /* a block that did not pay to pack */
		put_flow_block(&file, 9005, 100, packing);
		b.n = 0;
		put(&b, "\1\x80\6\0ab\2\x80\4\0", 10); /* the appendix: identification, statistics */
		nfc_block(&file, 3, 0, &b, packing, false);
		read_bytes(&k, &file);
		cr_assert(k.opened, "%s", k.error);
		cr_assert_not(k.report.damaged, "%d: %s", packing, k.report.reason);
		check_rows(&k, 9105);
		cr_assert_str_eq(k.report.kind, "nfcapd file");
		feed_rows_free(&k);
		bytes_free(&file);
		bytes_free(&b);
	}
}

Test(nfcapd_file, packings_of_layout_1)
{
	for (int packing = NFC_PLAIN; packing <= NFC_LZ4; packing++) {
		struct bytes file = { 0 }, b = { 0 };
		struct feed_rows k;

		if (!tsn_nfcapd_can_unpack((enum tsn_nfcapd_packing)packing))
			continue;
		put_flows(&b, 0, 50);
		nfc_header_v1(&file, packing, 3, false);
		nfc_block(&file, 2, 0, &b, packing, false);
		nfc_block(&file, 3, 0, &b, packing, false); /* a large block: histograms, not flows */
		b.n = 0;
		put_flows(&b, 50, 50);
		nfc_block(&file, 2, 2, &b, packing, false); /* "is compressed", in so many words */
		read_bytes(&k, &file);
		cr_assert_not(k.report.damaged, "%d: %s", packing, k.report.reason);
		check_rows(&k, 100);
		feed_rows_free(&k);
		bytes_free(&file);
		bytes_free(&b);
	}
}

/* A collector that died, or still writes: the header says 0 blocks, and the last one may be there in part. */
Test(nfcapd_file, never_closed)
{
	for (int packing = NFC_PLAIN; packing <= NFC_ZSTD; packing++) {
		struct bytes file = { 0 };
		struct feed_rows k;
		size_t whole;

		if (!tsn_nfcapd_can_unpack((enum tsn_nfcapd_packing)packing))
			continue;
		nfc_header_v2(&file, packing, 0, 0, false);
		put_flow_block(&file, 0, 100, packing);
		put_flow_block(&file, 100, 100, packing);
		read_bytes(&k, &file);
		cr_assert_not(k.report.damaged);
		check_rows(&k, 200);
		cr_assert_not_null(strstr(k.log, "never closed"), "%s", k.log);
		feed_rows_free(&k);

		whole = file.n;
		put_flow_block(&file, 200, 100, packing);
		file.n -= 30; /* of the last record 46 of its 76 bytes are there */
		read_bytes(&k, &file);
		cr_assert(k.report.damaged);
		check_rows(&k, packing == NFC_PLAIN ? 299 : 200);
		cr_assert_eq(k.report.damage_offset, packing == NFC_PLAIN ? file.n - 46 : whole);
		cr_assert_eq(k.report.damage_offset + (uint64_t)k.report.unread, file.n);
		cr_assert_str_eq(k.report.reason, "the file ends inside a block (it was never closed)");
		feed_rows_free(&k);

		file.n = whole + 7;
		read_bytes(&k, &file);
		check_rows(&k, 200);
		cr_assert_eq(k.report.damage_offset, whole);
		cr_assert_eq(k.report.unread, 7);
		feed_rows_free(&k);
		bytes_free(&file);
	}
}

/* Cut at every byte: never more rows than before, and all the whole ones. */
Test(nfcapd_file, cut_anywhere)
{
	struct bytes file = { 0 };
	size_t all, before = 0, header;

	nfc_header_v2(&file, NFC_PLAIN, 2, 0, false);
	header = file.n;
	put_flow_block(&file, 0, 3, NFC_PLAIN);
	put_flow_block(&file, 3, 3, NFC_PLAIN);
	all = file.n;
	for (file.n = 4; file.n <= all; file.n++) {
		struct feed_rows k;

		read_bytes(&k, &file);
		cr_assert_eq(k.opened, file.n >= header, "%zu bytes", file.n);
		if (k.opened) {
			cr_assert_eq(k.report.damaged, file.n < all, "%zu bytes", file.n);
			cr_assert(k.n == before || k.n == before + 1);
			check_rows(&k, k.n);
			before = k.n;
		} else {
			cr_assert_not_null(strstr(k.error, "ends inside its header"), "%s", k.error);
		}
		feed_rows_free(&k);
	}
	cr_assert_eq(before, 6);
	bytes_free(&file);
}

/* Ends between two blocks of the three that were promised. */
Test(nfcapd_file, blocks_missing)
{
	struct bytes file = { 0 };
	struct feed_rows k;

	nfc_header_v2(&file, NFC_PLAIN, 3, 1, false);
	put_flow_block(&file, 0, 10, NFC_PLAIN);
	put_flow_block(&file, 10, 10, NFC_PLAIN);
	read_bytes(&k, &file);
	check_rows(&k, 20);
	cr_assert_str_eq(k.report.reason, "the file ends after 2 of 4 blocks");
	cr_assert_eq(k.report.damage_offset, file.n);
	feed_rows_free(&k);
	bytes_free(&file);
}

/* One block cannot be unpacked, or its records' lengths are wrong: those behind it are read. */
Test(nfcapd_file, damaged_blocks)
{
	for (int packing = NFC_PLAIN; packing <= NFC_ZSTD; packing++) {
		struct bytes file = { 0 };
		struct feed_rows k;
		size_t at, bytes;

		if (!tsn_nfcapd_can_unpack((enum tsn_nfcapd_packing)packing))
			continue;
		nfc_header_v2(&file, packing, 3, 0, false);
		put_flow_block(&file, 0, 10, packing);
		at = file.n;
		put_flow_block(&file, 500, 10, packing);
		bytes = file.n - at;
		if (packing == NFC_PLAIN)
			nfc_set(&file, at + 12 + 2, 0, 2, false); /* the size of its first record */
		else
			memset(file.p + at + 12, 0xff, file.n - at - 12);
		put_flow_block(&file, 10, 10, packing);
		read_bytes(&k, &file);
		check_rows(&k, 20);
		cr_assert(k.report.damaged);
		cr_assert_eq(k.report.damage_offset, packing == NFC_PLAIN ? at + 12 : at, "%d", packing);
		cr_assert_eq(k.report.unread, (int64_t)(packing == NFC_PLAIN ? bytes - 12 : bytes));
		cr_assert_not_null(strstr(k.log, "damaged at byte"), "%s", k.log);
		feed_rows_free(&k);
		bytes_free(&file);
	}
}

/* What should be a block is none: there is nothing to go on by. */
Test(nfcapd_file, lost_chain)
{
	static const unsigned types[] = { 0, 256, 3 };

	for (int i = 0; i < 3; i++) {
		struct bytes file = { 0 };
		struct feed_rows k;
		size_t at;

		nfc_header_v2(&file, NFC_PLAIN, 2, 0, false);
		put_flow_block(&file, 0, 10, NFC_PLAIN);
		at = file.n;
		put_flow_block(&file, 10, 10, NFC_PLAIN);
		nfc_set(&file, at + 8, types[i], 2, false);
		if (types[i] == 3)
			nfc_set(&file, at + 4, TSN_NFCAPD_BLOCK_MAX + 1, 4, false);
		read_bytes(&k, &file);
		check_rows(&k, 10);
		cr_assert_eq(k.report.damage_offset, at);
		cr_assert_eq(k.report.unread, (int64_t)(file.n - at));
		feed_rows_free(&k);
		bytes_free(&file);
	}
}

Test(nfcapd_file, refused)
{
	static const struct {
		int at;
		uint8_t value;
		const char *why;
	} odd[] = {
		{ 2, 3, "layout 3" }, { 16, 9, "unknown compression" }, { 17, 1, "encrypted" },
	};

	for (int i = 0; i < 3; i++) {
		struct bytes file = { 0 };
		struct feed_rows k;

		nfc_header_v2(&file, NFC_PLAIN, 0, 0, false);
		file.p[odd[i].at] = odd[i].value;
		read_bytes(&k, &file);
		cr_assert_not(k.opened);
		cr_assert_not_null(strstr(k.error, odd[i].why), "%s", k.error);
		feed_rows_free(&k);
		bytes_free(&file);
	}
}

/* Elements that end outside their record: the record is bad, the next one stands. Those too short to be read are as absent. */
Test(nfcapd_file, bad_records)
{
	struct bytes file = { 0 }, b = { 0 };
	struct feed_rows k;
	size_t at;

	put_flows(&b, 0, 1);
	at = b.n;
	put_flows(&b, 500, 1);
	nfc_set(&b, at + 12 + 2, 200, 2, false);
	at = b.n;
	put_flows(&b, 500, 1);
	nfc_set(&b, at + 12 + 2, 3, 2, false);
	at = b.n;
	put_flows(&b, 500, 1);
	nfc_set(&b, at + 4, 3, 2, false); /* three elements, of which there are two */
	put_flows(&b, 1, 1);
	at = nfc_begin(&b, 0, 0, 0, false);
	nfc_numbers(&b, 1, (uint64_t[]){ 1, 2 }, 2, 8, false);
	nfc_numbers(&b, 2, (uint64_t[]){ 9, 8 }, 2, 4, false);
	nfc_end(&b, at, false);
	nfc_header_v2(&file, NFC_PLAIN, 1, 0, false);
	nfc_block(&file, 3, 0, &b, NFC_PLAIN, false);
	read_bytes(&k, &file);
	cr_assert_eq(k.n, 3);
	cr_assert_eq(k.report.skipped, 3);
	cr_assert_not(k.report.damaged);
	cr_assert_eq(k.row[1].field[TSN_F_PACKETS].i, 1);
	cr_assert_not(k.row[2].field[TSN_F_PACKETS].known);
	cr_assert(k.row[2].field[TSN_F_DST].known);
	feed_rows_free(&k);
	bytes_free(&file);
	bytes_free(&b);
}

/* Each allocation fails in turn: no row of what was read is wrong, nothing leaks. */
Test(nfcapd_file, memory)
{
	struct bytes file = { 0 }, b = { 0 };
	struct tsn_engine_options o = { .batch_rows = 16 };
	struct tsn_feed_opts opts = { .port = 0 };
	char path[40], error[TSN_INPUT_ERROR];
	int fd, packing = tsn_nfcapd_can_unpack(TSN_NFCAPD_LZ4) ? NFC_LZ4 : NFC_PLAIN;
	bool done = false;

	nfc_header_v2(&file, packing, 1, 0, false);
	nfc_exporter(&b, 40, 0, (uint8_t[16]){ 1 }, 5, false);
	nfc_map(&b, 40, (uint8_t[]){ 4 }, 1, false);
	nfc_names(&b, 13, 16, 1, (uint32_t[]){ 1 }, (const char *const[]){ "eth0" }, false);
	put_flows(&b, 0, 100);
	nfc_block(&file, 3, 0, &b, packing, false);
	fd = as_file(&file, path);
	for (long at = 0; !done && at < 100; at++) {
		struct tsn_engine *e = tsn_engine_new(&o);
		struct tsn_feed *f;

		tsn_mem_fail_at(at, at % 2 == 1);
		f = tsn_feed_open(path, &opts, e, error);
		while (f != NULL && tsn_feed_step(f) == TSN_FEED_MORE)
			;
		done = tsn_mem_count() <= at;
		tsn_mem_fail_never();
		tsn_feed_close(f);
		tsn_engine_free(e);
	}
	cr_assert(done);
	close(fd);
	bytes_free(&file);
	bytes_free(&b);
}
