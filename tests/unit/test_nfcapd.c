/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Records of nfdump 1.5, 1.6 and 1.7, made byte by byte in both byte orders, to rows. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "unit/build_nfcapd.h"
#include "unit/nfcapd_rows.h"

#define T0 INT64_C(1767571200000) /* 2026-01-05 00:00:00 UTC */

static const uint8_t router6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x77 };

static void
read_bytes(struct feed_rows *k, const struct bytes *file, uint32_t batch)
{
	char path[40];
	int fd = as_file(file, path);

	feed_rows_read(k, path, batch);
	close(fd);
	cr_assert(k->opened, "%s", k->error);
}

/* A file of one block of layout 2 with these records. */
static void
read_records(struct feed_rows *k, const struct bytes *records, bool big)
{
	struct bytes file = { 0 };

	nfc_header_v2(&file, NFC_PLAIN, 1, 0, big);
	nfc_block(&file, 3, 0, records, NFC_PLAIN, big);
	read_bytes(k, &file, 1024);
	cr_assert_not(k->report.damaged, "%s", k->report.reason);
	bytes_free(&file);
}

static void
is_int(const struct feed_row *row, enum tsn_field f, int64_t want)
{
	cr_assert(row->field[f].known, "%s is absent", tsn_fields[f].name);
	cr_assert_eq(row->field[f].i, want, "%s: %lld, not %lld", tsn_fields[f].name, (long long)row->field[f].i, (long long)want);
}

static void
is_addr(const struct feed_row *row, enum tsn_field f, const char *want)
{
	char text[TSN_ADDR_TEXT] = "absent";

	if (row->field[f].known)
		tsn_addr_text(row->field[f].addr, text);
	cr_assert_str_eq(text, want, "%s", tsn_fields[f].name);
}

static void
is_absent(const struct feed_row *row, enum tsn_field f)
{
	cr_assert_not(row->field[f].known, "%s is there", tsn_fields[f].name);
}

static const struct nfc_generic generic = { T0 + 1, T0 + 2002, T0 + 3003, 7, 0x123456789a, 40000, 443, 6, 0x1b, 0x80, 0xb8 };

Test(nfcapd, every_element_of_17)
{
	for (int big = 0; big < 2; big++) {
		struct bytes b = { 0 };
		struct feed_rows k;
		size_t at;

		nfc_exporter(&b, 3, 0, router6, 0xfeed, big);
		at = nfc_begin(&b, 0x0102, 3, 0, big);
		nfc_generic(&b, &generic, big);
		nfc_numbers(&b, 2, (uint64_t[]){ 0x0a000001, 0xc0000202 }, 2, 4, big);
		nfc_element(&b, 4, 16, big);
		nfc_put(&b, 11, 4, big);
		nfc_put(&b, 70000, 4, big);
		put(&b, "\x18\x10\1\0\0\0\0\0", 8);
		nfc_numbers(&b, 5, (uint64_t[]){ 1, 2, 3 }, 3, 8, big);
		nfc_numbers(&b, 6, (uint64_t[]){ 42, 43 }, 2, 4, big);
		nfc_numbers(&b, 7, (uint64_t[]){ 64512, 4200000000 }, 2, 4, big);
		nfc_numbers(&b, 8, (uint64_t[]){ 5 }, 1, 4, big);
		nfc_numbers(&b, 10, (uint64_t[]){ 0xc0000263 }, 1, 4, big);
		nfc_numbers(&b, 14, (uint64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 10, 4, big);
		nfc_numbers(&b, 15, (uint64_t[]){ 0x020304050607, 1, 0x0a0b0c0d0e0f, 2 }, 4, 8, big);
		nfc_numbers(&b, 16, (uint64_t[]){ 1, 2 }, 2, 4, big);
		nfc_numbers(&b, 17, (uint64_t[]){ 1, 2, 3 }, 3, 8, big);
		nfc_element(&b, 24, 68, big);
		put(&b, "alice", 5);
		nfc_zeros(&b, 63);
		nfc_numbers(&b, 42, (uint64_t[]){ 0, 0x40, 63, 64 }, 4, 1, big);
		nfc_end(&b, at, big);
		read_records(&k, &b, big);
		cr_assert_eq(k.n, 1);
		is_int(k.row, TSN_F_START, T0 + 1);
		is_int(k.row, TSN_F_END, T0 + 2002);
		cr_assert_eq(k.row->received, T0 + 3003);
		cr_assert_eq(k.row->time, T0 + 3003, "the event time is the stored time of receipt");
		is_addr(k.row, TSN_F_SRC, "10.0.0.1");
		is_addr(k.row, TSN_F_DST, "192.0.2.2");
		is_addr(k.row, TSN_F_NEXT_HOP, "192.0.2.99");
		is_addr(k.row, TSN_F_EXPORTER, "2001:db8::77");
		is_int(k.row, TSN_F_SOURCE_ID, 0xfeed);
		is_int(k.row, TSN_F_SRC_PORT, 40000);
		is_int(k.row, TSN_F_DST_PORT, 443);
		is_int(k.row, TSN_F_PROTO, 6);
		is_int(k.row, TSN_F_FLAGS, 0x1b);
		is_int(k.row, TSN_F_TOS, 0xb8);
		is_int(k.row, TSN_F_FWD_STATUS, 2);
		is_int(k.row, TSN_F_PACKETS, 7);
		is_int(k.row, TSN_F_BYTES, 0x123456789a);
		is_absent(k.row, TSN_F_SAMPLING);
		is_int(k.row, TSN_F_IN_IF, 11);
		is_int(k.row, TSN_F_OUT_IF, 70000);
		is_int(k.row, TSN_F_SRC_MASK, 24);
		is_int(k.row, TSN_F_DST_MASK, 16);
		is_int(k.row, TSN_F_DIRECTION, 1);
		is_int(k.row, TSN_F_VLAN, 42);
		is_int(k.row, TSN_F_SRC_AS, 64512);
		is_int(k.row, TSN_F_DST_AS, 4200000000);
		is_int(k.row, TSN_F_SRC_MAC, 0x020304050607);
		is_int(k.row, TSN_F_DST_MAC, 0x0a0b0c0d0e0f);
		is_int(k.row, TSN_F_MIN_TTL, 63);
		is_int(k.row, TSN_F_MAX_TTL, 64);
		cr_assert_str_eq(k.row->text[0], "alice");
		feed_rows_free(&k);
		bytes_free(&b);
	}
}

/* IPv6 flows; a router's own word; the other VLAN; the domain; what 0 and all ones stand for. */
Test(nfcapd, the_other_elements_of_17)
{
	for (int big = 0; big < 2; big++) {
		struct nfc_generic g = generic;
		struct bytes b = { 0 };
		struct feed_rows k;
		size_t at;

		g.status = g.received = 0;
		nfc_exporter(&b, 1, 2, (uint8_t[16]){ [12] = 192, 0, 2, 1 }, 5, big);
		at = nfc_begin(&b, 0x0102, 1, 0, big);
		nfc_numbers(&b, 3, (uint64_t[]){ UINT64_C(0x20010db800000000), 1, 0, UINT64_C(0xffffc0000209) }, 4, 8, big);
		nfc_generic(&b, &g, big);
		nfc_numbers(&b, 11, (uint64_t[]){ UINT64_C(0x20010db800000000), 9 }, 2, 8, big);
		nfc_numbers(&b, 10, (uint64_t[]){ 0 }, 1, 4, big);
		nfc_numbers(&b, 13, (uint64_t[]){ UINT64_C(0x20010db800000000), 0x88 }, 2, 8, big);
		nfc_numbers(&b, 38, (uint64_t[]){ 77, 0, 0, 0 }, 4, 2, big);
		nfc_numbers(&b, 15, (uint64_t[]){ 0, 0, 0, 0 }, 4, 8, big);
		nfc_element(&b, 33, 12, big);
		nfc_put(&b, 1, 8, big);
		nfc_put(&b, 4711, 4, big);
		nfc_end(&b, at, big);
		at = nfc_begin(&b, 0x0102, 9, 0, big); /* an exporter that was never told; a VLAN that is none */
		nfc_generic(&b, &g, big);
		nfc_numbers(&b, 2, (uint64_t[]){ 1, 2 }, 2, 4, big);
		nfc_numbers(&b, 6, (uint64_t[]){ UINT32_MAX, 1 }, 2, 4, big);
		nfc_end(&b, at, big);
		read_records(&k, &b, big);
		cr_assert_eq(k.n, 2);
		is_addr(k.row, TSN_F_SRC, "2001:db8::1");
		is_addr(k.row, TSN_F_DST, "192.0.2.9");
		is_addr(k.row, TSN_F_NEXT_HOP, "2001:db8::9");
		is_addr(k.row, TSN_F_EXPORTER, "2001:db8::88");
		is_int(k.row, TSN_F_VLAN, 77);
		is_int(k.row, TSN_F_SOURCE_ID, 4711);
		is_absent(k.row, TSN_F_SRC_MAC);
		is_absent(k.row, TSN_F_FWD_STATUS);
		cr_assert_eq(k.row->time, T0 + 2002, "without a time of receipt it is the flow's end");
		is_absent(&k.row[1], TSN_F_EXPORTER);
		is_absent(&k.row[1], TSN_F_VLAN);
		is_absent(&k.row[1], TSN_F_NEXT_HOP);
		is_int(&k.row[1], TSN_F_SOURCE_ID, 0x0102);
		cr_assert(k.row[1].source.v4 && k.row[1].source.lo == 0, "nobody's");
		feed_rows_free(&k);
		bytes_free(&b);
	}
}

/* Templates with both families: the one that is not zero. */
Test(nfcapd, both_families)
{
	struct bytes b = { 0 };
	struct feed_rows k;
	size_t at;

	for (int v6 = 0; v6 < 2; v6++) {
		at = nfc_begin(&b, 0, 0, 0, false);
		nfc_generic(&b, &generic, false);
		nfc_numbers(&b, 3, (uint64_t[]){ 0, v6 ? 1 : 0, 0, v6 ? 2 : 0 }, 4, 8, false);
		nfc_numbers(&b, 2, (uint64_t[]){ v6 ? 0 : 0x0a000001, v6 ? 0 : 0x0a000002 }, 2, 4, false);
		nfc_end(&b, at, false);
	}
	read_records(&k, &b, false);
	is_addr(k.row, TSN_F_SRC, "10.0.0.1");
	is_addr(&k.row[1], TSN_F_DST, "::2");
	feed_rows_free(&k);
	bytes_free(&b);
}

/* NSEL: an event without times and counters is a flow all the same; one that counted keeps its counters. */
Test(nfcapd, events)
{
	struct nfc_generic g = { .received = T0 + 9, .src_port = 1, .dst_port = 0x0301, .proto = 1 };
	struct bytes b = { 0 };
	struct feed_rows k;
	size_t at;

	for (int i = 0; i < 2; i++) {
		g.bytes = (uint64_t)i * 60;
		at = nfc_begin(&b, 0, 0, 1, false);
		nfc_generic(&b, &g, false);
		nfc_numbers(&b, 2, (uint64_t[]){ 1, 2 }, 2, 4, false);
		nfc_element(&b, 19, 16, false);
		nfc_put(&b, T0 + 5, 8, false);
		nfc_put(&b, 77, 8, false);
		nfc_end(&b, at, false);
	}
	at = nfc_begin(&b, 0, 0, 1, false); /* neither addresses nor counters: no flow */
	nfc_numbers(&b, 19, (uint64_t[]){ T0, 1 }, 2, 8, false);
	nfc_end(&b, at, false);
	read_records(&k, &b, false);
	cr_assert_eq(k.n, 2);
	is_int(k.row, TSN_F_START, T0 + 5);
	is_int(k.row, TSN_F_END, T0 + 5);
	is_absent(k.row, TSN_F_BYTES);
	is_absent(k.row, TSN_F_PACKETS);
	is_int(k.row, TSN_F_ICMP_TYPE, 3);
	is_int(k.row, TSN_F_ICMP_CODE, 1);
	is_int(&k.row[1], TSN_F_BYTES, 60);
	feed_rows_free(&k);
	bytes_free(&b);
}

/* Of MikroTik: exchanged, as everywhere. Times beyond all calendars are none. */
Test(nfcapd, odd_times)
{
	struct nfc_generic g = generic;
	struct bytes b = { 0 };
	struct feed_rows k;
	size_t at;

	for (int i = 0; i < 2; i++) {
		g.first = i == 0 ? T0 + 5000 : UINT64_MAX;
		g.last = T0 + 1000;
		g.received = i == 0 ? T0 : UINT64_MAX / 3;
		at = nfc_begin(&b, 0, 0, 0, false);
		nfc_generic(&b, &g, false);
		nfc_numbers(&b, 2, (uint64_t[]){ 1, 2 }, 2, 4, false);
		nfc_end(&b, at, false);
	}
	read_records(&k, &b, false);
	is_int(k.row, TSN_F_START, T0 + 1000);
	is_int(k.row, TSN_F_END, T0 + 5000);
	is_absent(&k.row[1], TSN_F_START);
	cr_assert_eq(k.row[1].time, T0 + 1000);
	feed_rows_free(&k);
	bytes_free(&b);
}

Test(nfcapd, names)
{
	static const uint32_t ifs[] = { 11, 12 }, vrfs[] = { 9 };
	static const char *const if_names[] = { "ge-0/0/1", "ge-0/0/2" }, *const vrf_names[] = { "red" };

	for (int k2 = 0; k2 < 4; k2++) {
		bool big = k2 & 1, two = k2 & 2; /* several exporters: whose interfaces they are nobody knows */
		struct bytes b = { 0 };
		struct feed_rows k;
		size_t at;

		nfc_exporter(&b, 1, 0, router6, 5, big);
		if (two)
			nfc_exporter(&b, 2, 0, router6, 6, big);
		nfc_names(&b, 13, 16, 2, ifs, if_names, big);
		nfc_names(&b, 14, 8, 1, vrfs, vrf_names, big);
		nfc_put(&b, 12, 2, big); /* applications: lengths of id, name, description; elements of 4 + 8 + 4 */
		nfc_put(&b, 8 + 6 + 32, 2, big);
		nfc_put(&b, 2, 2, big);
		nfc_put(&b, 16, 2, big);
		nfc_put(&b, 4, 2, big);
		nfc_put(&b, 8, 2, big);
		nfc_put(&b, 4, 2, big);
		put(&b, "\3\0\0\x35" "dns\0\0\0\0\0" "x\0\0\0" "\15\0\1\x28" "netflix\0" "y\0\0\0", 32);
		at = nfc_begin(&b, 0, 1, 0, big);
		nfc_generic(&b, &generic, big);
		nfc_numbers(&b, 2, (uint64_t[]){ 1, 2 }, 2, 4, big);
		nfc_numbers(&b, 4, (uint64_t[]){ 12, 13, 0 }, 3, 4, big);
		nfc_element(&b, 27, 4, big);
		put(&b, "\15\0\1\x28", 4);
		nfc_numbers(&b, 36, (uint64_t[]){ 1, 9 }, 2, 4, big);
		nfc_end(&b, at, big);
		read_records(&k, &b, big);
		cr_assert_eq(k.n, 1);
		cr_assert_str_eq(k.row->text[1], "netflix");
		cr_assert_str_eq(k.row->text[2], two ? "" : "red");
		cr_assert_str_eq(k.row->text[3], two ? "" : "ge-0/0/2");
		is_absent(k.row, TSN_F_OUT_IF_NAME);
		feed_rows_free(&k);
		bytes_free(&b);
	}
}

/* All extensions of 1.6 one behind the other, so that a wrong size of any shifts the rest. */
static void
put_16(struct bytes *b, const struct nfc_common *c, bool v6, bool big)
{
	size_t at = nfc_common(b, c, big);
	uint64_t v[4] = { 0x0a000001, 0xc0000202 }, v_6[4] = { UINT64_C(0x20010db800000000), 1, UINT64_C(0x20010db800000000), 2 };

	for (int i = 0; i < (v6 ? 4 : 2); i++)
		nfc_put(b, v6 ? v_6[i] : v[i], v6 ? 8 : 4, big);
	nfc_put(b, c->flags & 2 ? UINT64_C(0x100000007) : 7, c->flags & 2 ? 8 : 4, big);
	nfc_put(b, c->flags & 4 ? UINT64_C(0x200000009) : 9, c->flags & 4 ? 8 : 4, big);
	nfc_set(b, at + 2, b->n - at, 2, big);
}

static void
put_ext(struct bytes *b, size_t record, bool v6, bool big)
{
	nfc_put(b, 0x1122, 2, big), nfc_put(b, 0x3344, 2, big);         /* 4 */
	nfc_put(b, 11, 4, big), nfc_put(b, 70000, 4, big);              /* 5 */
	nfc_put(b, 64512, 4, big), nfc_put(b, 4200000000, 4, big);      /* 7 */
	put(b, "\x99\1\x18\x10", 4);                                    /* 8: tos, direction, masks */
	if (v6)
		nfc_put(b, UINT64_C(0x20010db800000000), 8, big), nfc_put(b, 9, 8, big);
	else
		nfc_put(b, 0xc0000263, 4, big);                         /* 9, 10 */
	nfc_zeros(b, 4);                                                /* 11 */
	nfc_put(b, 42, 2, big), nfc_put(b, 43, 2, big);                 /* 13 */
	nfc_zeros(b, 8 + 8 + 8);                                        /* 15, 17, 19 */
	nfc_put(b, 0x020304050607, 8, big), nfc_put(b, 1, 8, big);      /* 20 */
	nfc_put(b, 0x0a0b0c0d0e0f, 8, big), nfc_put(b, 2, 8, big);      /* 21 */
	nfc_zeros(b, 40);                                               /* 22 */
	if (v6)
		nfc_put(b, UINT64_C(0x20010db800000000), 8, big), nfc_put(b, 0x88, 8, big);
	else
		nfc_put(b, 0xc0000258, 4, big);                         /* 23, 24 */
	put(b, "\0\0\1\2", 4);                                          /* 25 */
	nfc_put(b, T0 + 3003, 8, big);                                  /* 27 */
	nfc_zeros(b, 4 + 8 + 24);                                       /* 38, 39, 41 */
	put(b, "bob", 3), nfc_zeros(b, 69);                             /* 43 */
	nfc_zeros(b, 24 + 12 + 8);                                      /* 45, 46, 48 */
	nfc_set(b, record + 2, b->n - record, 2, big);
}

Test(nfcapd, every_extension_of_16)
{
	for (int turn = 0; turn < 16; turn++) {
		bool big = turn & 1, v6 = turn & 2, wide = turn & 4, counters = turn & 8;
		uint8_t ids[] = { 4, 5, 7, 8, v6 ? 10 : 9, 11, 13, 15, 17, 19, 20, 21, 22, v6 ? 24 : 23, 25, 27, 38, 39, 41, 43, 45, 46, 48 };
		struct nfc_common c = { wide ? 10 : 1, (v6 ? 1 : 0) | (counters ? 6 : 0), 7, 300, 1, 2, T0 / 1000, T0 / 1000 + 2, 0x40,
			0x12, 17, 0xb8, 5353, 53, 0 };
		struct bytes b = { 0 }, file = { 0 };
		struct feed_rows k;
		size_t at;

		nfc_map(&b, 300, ids, sizeof(ids), big);
		at = b.n;
		put_16(&b, &c, v6, big);
		put_ext(&b, at, v6, big);
		nfc_header_v1(&file, NFC_PLAIN, 1, big);
		nfc_block(&file, 2, 1, &b, NFC_PLAIN, big);
		read_bytes(&k, &file, 1024);
		cr_assert_eq(k.n, 1, "%s", k.log);
		is_int(k.row, TSN_F_START, T0 + 1);
		is_int(k.row, TSN_F_END, T0 + 2002);
		cr_assert_eq(k.row->received, T0 + 3003);
		is_addr(k.row, TSN_F_SRC, v6 ? "2001:db8::1" : "10.0.0.1");
		is_addr(k.row, TSN_F_DST, v6 ? "2001:db8::2" : "192.0.2.2");
		is_addr(k.row, TSN_F_NEXT_HOP, v6 ? "2001:db8::9" : "192.0.2.99");
		is_addr(k.row, TSN_F_EXPORTER, v6 ? "2001:db8::88" : "192.0.2.88");
		is_int(k.row, TSN_F_PACKETS, counters ? 0x100000007 : 7);
		is_int(k.row, TSN_F_BYTES, counters ? 0x200000009 : 9);
		is_int(k.row, TSN_F_SRC_PORT, 5353);
		is_int(k.row, TSN_F_DST_PORT, 53);
		is_int(k.row, TSN_F_TOS, 0xb8);
		is_int(k.row, TSN_F_FWD_STATUS, 1);
		is_int(k.row, TSN_F_IN_IF, 11); /* the later of two */
		is_int(k.row, TSN_F_OUT_IF, 70000);
		is_int(k.row, TSN_F_DST_AS, 4200000000);
		is_int(k.row, TSN_F_DIRECTION, 1);
		is_int(k.row, TSN_F_SRC_MASK, 24);
		is_int(k.row, TSN_F_DST_MASK, 16);
		is_int(k.row, TSN_F_VLAN, 42);
		is_int(k.row, TSN_F_SRC_MAC, 0x020304050607);
		is_int(k.row, TSN_F_DST_MAC, 0x0a0b0c0d0e0f);
		is_int(k.row, TSN_F_SOURCE_ID, 0x0102);
		cr_assert_str_eq(k.row->text[0], "bob");
		feed_rows_free(&k);
		bytes_free(&b);
		bytes_free(&file);
	}
}

/* Small extensions, exporters by number, NSEL; a record whose map never came is bad and the next one stands. */
Test(nfcapd, more_of_16)
{
	for (int big = 0; big < 2; big++) {
		static const uint8_t small[] = { 4, 6, 14, 16, 18 }, nsel[] = { 37, 42 };
		struct nfc_common c = { 10, 64, 8, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
		struct bytes b = { 0 }, file = { 0 };
		struct feed_rows k;
		size_t at;

		nfc_exporter(&b, 8, 10, router6, 99, big);
		nfc_map(&b, 0, small, sizeof(small), big);
		nfc_map(&b, 1, nsel, sizeof(nsel), big);
		at = b.n;
		put_16(&b, &c, false, big);
		nfc_set(&b, b.n - 8, 0, 8, big); /* no packets, no bytes */
		nfc_put(&b, T0 + 5, 8, big), nfc_put(&b, 77, 4, big), nfc_put(&b, 0x0304, 2, big), nfc_zeros(&b, 6);
		put(&b, "carol", 5), nfc_zeros(&b, 19);
		nfc_set(&b, at + 2, b.n - at, 2, big);
		c.map = 2;
		put_16(&b, &c, false, big);
		c = (struct nfc_common){ 1, 0, 8, 0, 3, 4, T0 / 1000, T0 / 1000, 0, 2, 6, 0, 1, 2, 0 };
		at = b.n;
		put_16(&b, &c, false, big);
		nfc_put(&b, 21, 2, big), nfc_put(&b, 22, 2, big), nfc_put(&b, 23, 2, big), nfc_put(&b, 24, 2, big), nfc_zeros(&b, 12);
		nfc_set(&b, at + 2, b.n - at, 2, big);
		nfc_header_v1(&file, NFC_PLAIN, 1, big);
		nfc_block(&file, 2, 0, &b, NFC_PLAIN, big);
		read_bytes(&k, &file, 1024);
		cr_assert_eq(k.n, 2, "%s", k.log);
		cr_assert_eq(k.report.skipped, 1);
		is_int(k.row, TSN_F_START, T0 + 5);
		is_absent(k.row, TSN_F_PACKETS);
		is_int(k.row, TSN_F_ICMP_TYPE, 3);
		is_int(k.row, TSN_F_ICMP_CODE, 4);
		is_addr(k.row, TSN_F_EXPORTER, "2001:db8::77");
		is_int(k.row, TSN_F_SOURCE_ID, 99);
		cr_assert_str_eq(k.row->text[0], "carol");
		is_int(&k.row[1], TSN_F_OUT_IF, 22);
		is_int(&k.row[1], TSN_F_SRC_AS, 23);
		is_addr(&k.row[1], TSN_F_EXPORTER, "2001:db8::77");
		cr_assert_eq(k.row[1].time, T0 + 4);
		feed_rows_free(&k);
		bytes_free(&b);
		bytes_free(&file);
	}
}

/* nfdump 1.5: blocks of type 1. */
Test(nfcapd, records_of_15)
{
	for (int turn = 0; turn < 4; turn++) {
		bool big = turn & 1, v6 = turn & 2;
		struct bytes b = { 0 }, file = { 0 };
		struct feed_rows k;

		nfc_put(&b, v6 ? 7 : 0, 4, big);
		nfc_put(&b, v6 ? 36 + 32 + 16 : 36 + 8 + 8, 2, big);
		nfc_zeros(&b, 2);
		nfc_put(&b, 1, 2, big), nfc_put(&b, 2, 2, big);
		nfc_put(&b, T0 / 1000, 4, big), nfc_put(&b, T0 / 1000 + 2, 4, big);
		put(&b, "\1\x12\6\x20", 4);
		for (unsigned v = 21; v < 27; v++)
			nfc_put(&b, v, 2, big);
		if (v6) {
			nfc_put(&b, 1, 8, big), nfc_put(&b, 2, 8, big), nfc_put(&b, 3, 8, big), nfc_put(&b, 4, 8, big);
			nfc_put(&b, 5, 8, big), nfc_put(&b, 6, 8, big);
		} else {
			nfc_put(&b, 0x0a000001, 4, big), nfc_put(&b, 0x0a000002, 4, big), nfc_put(&b, 5, 4, big), nfc_put(&b, 6, 4, big);
		}
		nfc_header_v1(&file, NFC_PLAIN, 1, big);
		nfc_block(&file, 1, 0, &b, NFC_PLAIN, big);
		read_bytes(&k, &file, 1024);
		cr_assert_eq(k.n, 1, "%s", k.log);
		is_int(k.row, TSN_F_END, T0 + 2002);
		is_addr(k.row, TSN_F_DST, v6 ? "::3:0:0:0:4" : "10.0.0.2");
		is_int(k.row, TSN_F_IN_IF, 21);
		is_int(k.row, TSN_F_SRC_PORT, 23);
		is_int(k.row, TSN_F_DST_AS, 26);
		is_int(k.row, TSN_F_DIRECTION, 1);
		is_int(k.row, TSN_F_FLAGS, 0x12);
		is_int(k.row, TSN_F_BYTES, 6);
		is_absent(k.row, TSN_F_EXPORTER);
		feed_rows_free(&k);
		bytes_free(&b);
		bytes_free(&file);
	}
}
