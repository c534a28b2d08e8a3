/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* goflow2's protobuf messages: every field, both versions, damage, and the files they are written to. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "decode/goflow2.h"
#include "feed/feed.h"
#include "input/delimited.h"
#include "unit/build_goflow2.h"
#include "unit/build_netflow.h"

struct bench {
	struct tsn_exporters *x;
	struct keeper k;
	struct bytes m;
};

static void
bench_init(struct bench *t)
{
	memset(t, 0, sizeof(*t));
	t->x = tsn_exporters_new(16);
	keeper_init(&t->k, 1024);
}

static void
bench_fini(struct bench *t)
{
	bytes_free(&t->m);
	keeper_fini(&t->k);
	tsn_exporters_free(t->x);
}

/* From a copy of the very size, so that ASan sees a step past the end; then a new message begins. */
static enum tsn_goflow2
decode(struct bench *t)
{
	uint8_t *exact = malloc(t->m.n ? t->m.n : 1);
	enum tsn_goflow2 how;

	if (t->m.n > 0)
		memcpy(exact, t->m.p, t->m.n);
	how = tsn_goflow2_decode(exact, t->m.n, t->x, &t->k.sink);
	free(exact);
	t->m.n = 0;
	return how;
}

static void
want(const struct bench *t, uint32_t row, enum tsn_field f, int64_t v)
{
	struct tsn_value got;

	tsn_batch_get(t->k.batch, row, f, &got);
	cr_assert(got.known && got.i == v, "row %u %s: %s%lld, not %lld", row, tsn_fields[f].name, got.known ? "" : "absent ",
	    (long long)got.i, (long long)v);
}

static void
want_addr(const struct bench *t, uint32_t row, enum tsn_field f, const char *text)
{
	char got[TSN_ADDR_TEXT];

	cr_assert(tsn_mask_has(&t->k.batch->present[f], row), "%s", tsn_fields[f].name);
	cr_assert_str_eq(tsn_addr_text(tsn_batch_addr(t->k.batch, row, f), got), text, "%s", tsn_fields[f].name);
}

static void
want_absent(const struct bench *t, uint32_t row, enum tsn_field f)
{
	cr_assert_not(tsn_mask_has(&t->k.batch->present[f], row), "row %u: %s is there", row, tsn_fields[f].name);
}

Test(goflow2, every_field)
{
	struct bench t;

	bench_init(&t);
	pb_flow_message(&t.m);
	cr_assert_eq(decode(&t), TSN_GOFLOW2_FLOW);
	cr_assert_eq(t.k.batch->n, 1);
	want_addr(&t, 0, TSN_F_SRC, "10.0.0.1");
	want_addr(&t, 0, TSN_F_DST, "10.0.0.2");
	want_addr(&t, 0, TSN_F_EXPORTER, "192.0.2.1");
	want_addr(&t, 0, TSN_F_NEXT_HOP, "10.0.0.254");
	want(&t, 0, TSN_F_SAMPLING, 1000);
	want(&t, 0, TSN_F_START, 1700000000001);
	want(&t, 0, TSN_F_END, 1700000002002);
	want(&t, 0, TSN_F_RAW_BYTES, 123456);
	want(&t, 0, TSN_F_RAW_PACKETS, 99);
	want(&t, 0, TSN_F_PROTO, 6);
	want(&t, 0, TSN_F_SRC_PORT, 50000);
	want(&t, 0, TSN_F_DST_PORT, 443);
	want(&t, 0, TSN_F_IN_IF, 70000);
	want(&t, 0, TSN_F_OUT_IF, 8);
	want(&t, 0, TSN_F_SRC_MAC, 0x0200000000aa);
	want(&t, 0, TSN_F_DST_MAC, 0x0200000000bb);
	want(&t, 0, TSN_F_VLAN, 100);
	want(&t, 0, TSN_F_TOS, 0xb8);
	want(&t, 0, TSN_F_FWD_STATUS, 2);
	want(&t, 0, TSN_F_MIN_TTL, 61);
	want(&t, 0, TSN_F_MAX_TTL, 61);
	want(&t, 0, TSN_F_FLAGS, 0x1b);
	want(&t, 0, TSN_F_SRC_AS, 64500);
	want(&t, 0, TSN_F_DST_AS, 4200000000);
	want(&t, 0, TSN_F_SRC_MASK, 24);
	want(&t, 0, TSN_F_DST_MASK, 16);
	want(&t, 0, TSN_F_SOURCE_ID, 0xfffffffe);
	want_absent(&t, 0, TSN_F_DIRECTION);
	cr_assert_eq(t.k.batch->received[0], 1700000003123);
	cr_assert_eq(t.k.batch->exported[0], TSN_TIME_NONE);
	cr_assert_eq(tsn_exporters_at(t.x, t.k.batch->source[0])->counter[TSN_XC_FLOWS], 1);
	tsn_batch_normalise(t.k.batch, t.x);
	cr_assert_eq(t.k.batch->time[0], 1700000003123, "the exporter's clock is untold: a flow happens when it is received");
	bench_fini(&t);
}

/* Version 1: seconds, and milliseconds where they were told; directions; VLAN of the packet only. */
Test(goflow2, version_1)
{
	struct bench t;

	bench_init(&t);
	for (int i = 0; i < 2; i++) {
		pb_bytes(&t.m, 6, "\x20\1\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		pb_bytes(&t.m, 7, "\0\0\0\0\0\0\0\0\0\0\377\377\12\0\0\2", 16);
		pb_number(&t.m, 2, 1700000003);
		pb_number(&t.m, 38, 1700000000);
		pb_number(&t.m, 5, 1700000002);
		pb_number(&t.m, 42, 1);
		pb_number(&t.m, 29, 12);
		pb_number(&t.m, 37, 0xabcde);
		pb_number(&t.m, 63, i ? 1700000000123 : 0);
		pb_number(&t.m, 64, i ? 1700000002456 : 0);
		cr_assert_eq(decode(&t), TSN_GOFLOW2_FLOW);
		want(&t, (uint32_t)i, TSN_F_START, i ? 1700000000123 : 1700000000000);
		want(&t, (uint32_t)i, TSN_F_END, i ? 1700000002456 : 1700000002000);
	}
	want_addr(&t, 0, TSN_F_SRC, "2001::1");
	want_addr(&t, 0, TSN_F_DST, "10.0.0.2");
	want(&t, 0, TSN_F_DIRECTION, 1);
	want(&t, 0, TSN_F_VLAN, 12);
	want(&t, 0, TSN_F_FLOW_LABEL, 0xabcde);
	want_absent(&t, 0, TSN_F_EXPORTER);
	want_absent(&t, 0, TSN_F_IN_IF);
	want(&t, 0, TSN_F_RAW_BYTES, 0);
	cr_assert_eq(t.k.batch->received[0], 1700000003000);
	bench_fini(&t);
}

/* An echo reply is type 0 code 0, of which nothing is transmitted; NetFlow has both in the destination port. */
Test(goflow2, icmp)
{
	static const struct {
		uint64_t proto, type, code, port;
		int64_t want_type, want_code;
	} cases[] = { { 1, 8, 0, 0, 8, 0 }, { 1, 0, 0, 0, 0, 0 }, { 1, 3, 1, 0, 3, 1 }, { 1, 0, 0, 0x0301, 3, 1 }, { 58, 128, 0, 0, 128, 0 } };
	struct bench t;

	bench_init(&t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pb_bytes(&t.m, 6, "\12\0\0\1", 4);
		pb_number(&t.m, 20, cases[i].proto);
		pb_number(&t.m, 31, cases[i].type);
		pb_number(&t.m, 32, cases[i].code);
		pb_number(&t.m, 22, cases[i].port);
		cr_assert_eq(decode(&t), TSN_GOFLOW2_FLOW);
	}
	tsn_batch_normalise(t.k.batch, t.x);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		want(&t, (uint32_t)i, TSN_F_ICMP_TYPE, cases[i].want_type);
		want(&t, (uint32_t)i, TSN_F_ICMP_CODE, cases[i].want_code);
		want_absent(&t, (uint32_t)i, TSN_F_DST_PORT);
	}
	bench_fini(&t);
}

/* Values that their column cannot hold are absent; times in the wrong order are exchanged. */
Test(goflow2, odd_values)
{
	struct bench t;

	bench_init(&t);
	pb_bytes(&t.m, 6, "\12\0\0\1", 4);
	pb_number(&t.m, 20, 256);
	pb_number(&t.m, 22, 65536);
	pb_number(&t.m, 9, UINT64_MAX);
	pb_number(&t.m, 111, 2000000000);
	pb_number(&t.m, 112, 1000000000);
	pb_number(&t.m, 5, UINT64_MAX);
	pb_number(&t.m, 33, 5000);
	cr_assert_eq(decode(&t), TSN_GOFLOW2_FLOW);
	want(&t, 0, TSN_F_START, 1000);
	want(&t, 0, TSN_F_END, 2000);
	cr_assert_eq(tsn_exporters_at(t.x, t.k.batch->source[0])->counter[TSN_XC_CLOCK], 1);
	tsn_batch_normalise(t.k.batch, t.x);
	want_absent(&t, 0, TSN_F_PROTO);
	want_absent(&t, 0, TSN_F_DST_PORT);
	want_absent(&t, 0, TSN_F_RAW_BYTES);
	want_absent(&t, 0, TSN_F_VLAN);
	bench_fini(&t);
}

/* What is no flow: without addresses, with an address of three bytes, cut anywhere but between two fields. */
Test(goflow2, no_flows)
{
	struct bench t;
	size_t whole;

	bench_init(&t);
	pb_number(&t.m, 30, 0x0806);
	pb_number(&t.m, 9, 64);
	pb_bytes(&t.m, 6, "", 0);
	cr_assert_eq(decode(&t), TSN_GOFLOW2_NO_FLOW);
	cr_assert_eq(decode(&t), TSN_GOFLOW2_NO_FLOW, "an empty message");
	pb_bytes(&t.m, 6, "abc", 3);
	cr_assert_eq(decode(&t), TSN_GOFLOW2_DAMAGED);
	put(&t.m, "\x33", 1); /* a group of proto2 */
	cr_assert_eq(decode(&t), TSN_GOFLOW2_DAMAGED);
	put(&t.m, "\x08\377\377\377\377\377\377\377\377\377\377\1", 12); /* an endless number */
	cr_assert_eq(decode(&t), TSN_GOFLOW2_DAMAGED);
	put(&t.m, "\x32\377\377\377\377\377\377\377\377\377\1", 11); /* an endless address */
	cr_assert_eq(decode(&t), TSN_GOFLOW2_DAMAGED);
	put(&t.m, "\0\1", 2); /* field 0 */
	cr_assert_eq(decode(&t), TSN_GOFLOW2_DAMAGED);
	cr_assert_eq(t.k.batch->n, 0);
	cr_assert_eq(tsn_exporters_at(t.x, tsn_exporters_nobody(t.x))->counter[TSN_XC_BAD_RECORD], 5);
	pb_flow_message(&t.m);
	whole = t.m.n;
	for (size_t n = 0; n < whole; n++) {
		t.m.n = 0;
		pb_flow_message(&t.m);
		t.m.n = n;
		cr_assert_neq(decode(&t), TSN_GOFLOW2_STOPPED);
	}
	t.k.stop_after = 0;
	pb_flow_message(&t.m);
	cr_assert_eq(decode(&t), TSN_GOFLOW2_STOPPED);
	bench_fini(&t);
}

static void
count_rows(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	(void)rows;
	*(uint64_t *)arg += b->n;
}

/* How a file is read; -1 if it is not taken for one of goflow2. */
static int64_t
feed(const struct bytes *file, struct tsn_feed_report *report)
{
	uint64_t rows = 0;
	struct tsn_engine_options o = { .on_rows = count_rows, .rows_read = tsn_field_set_all(), .arg = &rows };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_feed_opts opts = { 0 };
	char path[40], error[TSN_INPUT_ERROR];
	int fd = as_file(file, path);
	struct tsn_feed *f = tsn_feed_open(path, &opts, e, error);
	bool ours = f != NULL && strcmp(tsn_feed_report(f)->kind, "goflow2 messages") == 0;

	if (ours) {
		while (tsn_feed_step(f) == TSN_FEED_MORE)
			;
		tsn_engine_finish(e);
		*report = *tsn_feed_report(f);
		cr_assert_eq(report->records, rows);
	}
	tsn_feed_close(f);
	tsn_engine_free(e);
	close(fd);
	return ours ? (int64_t)rows : -1;
}

Test(goflow2, files)
{
	struct bytes file = { 0 }, m = { 0 };
	struct tsn_feed_report r;
	size_t one;

	for (int i = 0; i < 5000; i++) {
		if (i % 10 == 0)
			pb_number(&m, 30, 0x0806); /* an ARP now and then, even as the first */
		else
			pb_flow_message(&m);
		pb_delimit(&file, &m);
	}
	cr_assert_eq(feed(&file, &r), 4500);
	cr_assert(!r.damaged && r.skipped == 500);
	pb_flow_message(&m);
	one = m.n;
	pb_delimit(&file, &m);
	file.n -= 3;
	cr_assert_eq(feed(&file, &r), 4500);
	cr_assert(r.damaged && r.unread == (int64_t)one - 1, "%lld", (long long)r.unread);
	file.n = 0;
	pb_flow_message(&m);
	pb_delimit(&file, &m);
	cr_assert_eq(feed(&file, &r), 1);
	put(&file, "\377\377\377\377", 4);
	cr_assert_eq(feed(&file, &r), -1, "what follows is no message");
	bytes_free(&file);
	bytes_free(&m);
}

/* Other files are not taken for it. */
Test(goflow2, is_known_by_its_shape)
{
	static const char *const texts[] = { "src,dst,bytes\n10.0.0.1,10.0.0.2,5\n", "{\"type\":\"SFLOW_5\",\"src_addr\":\"10.0.0.1\"}\n", "\n\n\n\n",
		"2024-01-01 00:00:00 10.0.0.1 -> 10.0.0.2 flows\n", "<?xml version=\"1.0\"?><flows/>" };
	struct bytes file = { 0 }, m = { 0 };
	struct tsn_feed_report r;
	uint64_t seed = 99;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		file.n = 0;
		put(&file, texts[i], strlen(texts[i]));
		cr_assert_eq(feed(&file, &r), -1, "%s", texts[i]);
	}
	for (int i = 0; i < 300; i++) {
		uint8_t p[200];

		for (size_t j = 0; j < sizeof(p); j++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			p[j] = i == 0 ? 0 : (uint8_t)(seed >> 56);
		}
		file.n = 0;
		put(&file, p, sizeof(p));
		cr_assert_eq(feed(&file, &r), -1, "noise %d", i);
	}
	file.n = 0;
	pb_number(&m, 1, 5); /* protobuf, but another's: no address */
	pb_delimit(&file, &m);
	cr_assert_eq(feed(&file, &r), -1);
	bytes_free(&file);
	bytes_free(&m);
}

Test(goflow2, lengths)
{
	static const struct {
		uint8_t p[4];
		size_t n, head, size;
	} cases[] = { { { 5 }, 1, 1, 5 }, { { 0 }, 1, 1, 0 }, { { 0x80, 1 }, 2, 2, 128 }, { { 0x80 }, 1, 0, 0 }, { { 0x80, 0x80, 4 }, 3, 3, 65536 },
		{ { 0x81, 0x80, 4 }, 3, 0, 0 }, { { 0x80, 0x80, 0x80, 1 }, 4, 0, 0 }, { { 0 }, 0, 0, 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size, head = tsn_delimited_length(cases[i].p, cases[i].n, &size);

		cr_assert_eq(head, cases[i].head, "%zu", i);
		cr_assert(head == 0 || size == cases[i].size, "%zu", i);
	}
}
