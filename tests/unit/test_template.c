/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Records of NetFlow v9 and IPFIX to fields: every mapping, times, lengths, padding, damage. */
#include <criterion/criterion.h>

#include "decode/mapping.h"
#include "flow/elements.h"
#include "unit/build_ipfix.h"

/* keep_str's text is gone once a row is spilled: texts are looked at in the batch. */
static enum tsn_decode
send_unspilled(struct ix_bench *t)
{
	struct tsn_sender from = { tsn_addr_v4(t->addr), t->session };

	return tsn_decode_message(t->d, t->m.p, ix_end(&t->m), &from, t->now, &t->k.sink);
}

static bool
text_is(const struct ix_bench *t, uint32_t row, enum tsn_field f, const char *s)
{
	struct tsn_value v;

	tsn_batch_get(t->k.batch, row, f, &v);
	return s == NULL ? !v.known : v.known && v.s.n == strlen(s) && memcmp(v.s.p, s, v.s.n) == 0;
}

Test(template, mapping_is_sorted_and_named)
{
	const struct tsn_mapping *m, *last = NULL;
	size_t n = 0, found;

	for (; (m = tsn_mapping_at(n)) != NULL; n++, last = m) {
		if (last != NULL)
			cr_assert(
			    last->pen < m->pen || (last->pen == m->pen && last->id <= m->id), "%u/%u", m->pen, m->id);
		cr_assert_not_null(tsn_element_find(m->pen, m->id), "%u/%u", m->pen, m->id);
		cr_assert_not_null(tsn_mapping_find(m->pen, m->id, &found));
		cr_assert(found >= 1 && found <= 2);
		cr_assert_not_null(tsn_mapping_kind_help(m->kind));
	}
	cr_assert_gt(n, 120);
	cr_assert_null(tsn_mapping_find(0, 3, &found));
}

static unsigned
usual_len(const struct tsn_mapping *m)
{
	switch (m->kind) {
	case TSN_MAP_IPV4: return 4;
	case TSN_MAP_IPV6: return 16;
	case TSN_MAP_MAC: return 6;
	case TSN_MAP_TEXT:
	case TSN_MAP_REQUEST: return 12;
	case TSN_MAP_HIGH:
	case TSN_MAP_LOW: return 2;
	case TSN_MAP_BIT:
	case TSN_MAP_FLAGS:
	case TSN_MAP_DSCP:
	case TSN_MAP_FWD: return 1;
	case TSN_MAP_UPTIME: return 4;
	case TSN_MAP_SECONDS: return 4;
	case TSN_MAP_MILLIS:
	case TSN_MAP_NTP: return 8;
	default: return tsn_fields[m->field].storage == TSN_U8 ? 1 : tsn_fields[m->field].storage == TSN_U16 ? 2 : 4;
	}
}

static void
put_usual(struct ix *m, const struct tsn_mapping *map)
{
	switch (map->kind) {
	case TSN_MAP_IPV4: ix_u(m, 0x0a010203, 4); break;
	case TSN_MAP_IPV6: ix_u(m, 0x20010db8, 4), ix_u(m, 0, 4), ix_u(m, 0, 4), ix_u(m, 7, 4); break;
	case TSN_MAP_MAC: ix_u(m, 0x0a0b0c0d0e0f, 6); break;
	case TSN_MAP_TEXT: ix_fixed(m, "a text", 12); break;
	case TSN_MAP_REQUEST: ix_fixed(m, "GET /x HTTP", 12); break;
	case TSN_MAP_HIGH:
	case TSN_MAP_LOW: ix_u(m, 0x0807, 2); break;
	case TSN_MAP_BIT: ix_u(m, 1, 1); break;
	case TSN_MAP_FLAGS: ix_u(m, 0x12, 1); break;
	case TSN_MAP_DSCP: ix_u(m, 46, 1); break;
	case TSN_MAP_FWD: ix_u(m, 0x84, 1); break;
	case TSN_MAP_UPTIME: ix_u(m, IX_UPTIME - 1500, 4); break;
	case TSN_MAP_SECONDS: ix_u(m, IX_SECS - 10, 4); break;
	case TSN_MAP_MILLIS: ix_u(m, UINT64_C(1000) * IX_SECS - 10500, 8); break;
	case TSN_MAP_NTP: ix_u(m, (UINT64_C(2208988800) + IX_SECS - 10) << 32 | UINT64_C(1) << 31, 8); break;
	case TSN_MAP_AGO: ix_u(m, 2500000, 4); break;
	default: ix_u(m, 0x51, (int)usual_len(map)); break;
	}
}

/* What put_usual makes of it, for those that are numbers. */
static int64_t
usual_value(const struct tsn_mapping *map)
{
	int64_t exported = INT64_C(1000) * IX_SECS;

	switch (map->kind) {
	case TSN_MAP_MAC: return 0x0a0b0c0d0e0f;
	case TSN_MAP_HIGH: return 8;
	case TSN_MAP_LOW: return 7;
	case TSN_MAP_BIT: return 1;
	case TSN_MAP_FLAGS: return 0x12;
	case TSN_MAP_DSCP: return 46 << 2;
	case TSN_MAP_FWD: return 2;
	case TSN_MAP_UPTIME: return exported - 1500;
	case TSN_MAP_SECONDS: return exported - 10000;
	case TSN_MAP_MILLIS: return exported - 10500;
	case TSN_MAP_NTP: return exported - 9500;
	case TSN_MAP_AGO: return exported - 2500;
	default: return 0x51;
	}
}

static void
check_usual(const struct ix_bench *t, const struct tsn_mapping *m, unsigned version)
{
	struct tsn_value v;

	tsn_batch_get(t->k.batch, 1, m->field, &v);
	cr_assert(v.known, "%u/%u in version %u", m->pen, m->id, version);
	if (m->field == TSN_F_EXPORTER) /* where a message came from is known better than what it says */
		cr_assert(v.addr.v4 && v.addr.lo == t->addr, "%u", m->id);
	else if (m->kind == TSN_MAP_IPV4)
		cr_assert(v.addr.v4 && v.addr.lo == 0x0a010203, "%u", m->id);
	else if (m->kind == TSN_MAP_IPV6)
		cr_assert(!v.addr.v4 && v.addr.hi == UINT64_C(0x20010db800000000) && v.addr.lo == 7, "%u", m->id);
	else if (m->kind == TSN_MAP_TEXT)
		cr_assert(text_is(t, 1, m->field, "a text"), "%u", m->id);
	else if (m->kind == TSN_MAP_REQUEST)
		cr_assert(text_is(t, 1, m->field, "/x"), "%u", m->id);
	else
		cr_assert_eq(v.i, usual_value(m), "%u/%u: %lld", m->pen, m->id, (long long)v.i);
}

/* Every row of mapping.def that fills a field by itself, in both versions, in templates of fixed and of variable
 * length. */
Test(template, every_mapping)
{
	const struct tsn_mapping *m;

	for (size_t i = 0; (m = tsn_mapping_at(i)) != NULL; i++)
		for (unsigned how = 0; how < 4; how++) {
			unsigned version = 9 + how / 2;
			struct ix_field f[] = { { 0, 4, 1 }, { m->pen, m->id, usual_len(m) },
				{ 0, 3, how % 2 ? 65535 : 1 } };
			struct ix_bench *t;

			if (m->kind == TSN_MAP_ROLE || m->reverse || m->id == 4 || (version == 9 && m->pen != 0) ||
			    (version == 10 && (m->id >= 32768 || m->kind == TSN_MAP_UPTIME)))
				continue;
			t = ix_setup();
			ix_begin(&t->m, version, 1, 77);
			ix_template(&t->m, 300, f, 3);
			ix_set(&t->m, 300);
			for (int row = 0; row < 2; row++) {
				ix_u(&t->m, 6, 1);
				put_usual(&t->m, m);
				how % 2 ? ix_var(&t->m, "xyz", row) : ix_u(&t->m, 1, 1);
			}
			cr_assert_eq(send_unspilled(t), TSN_DECODE_OK, "%u/%u", m->pen, m->id);
			cr_assert_eq(t->k.batch->n, 2, "%u/%u", m->pen, m->id);
			check_usual(t, m, version);
			ix_teardown(t);
		}
}

/* What every row has from the header. */
Test(template, header_fields)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 12, 4 } };

	for (unsigned version = 9; version <= 10; version++) {
		struct ix_bench *t = ix_setup();

		ix_begin(&t->m, version, 1, 0x01020304);
		ix_template(&t->m, 256, f, 2);
		ix_set(&t->m, 256);
		ix_u(&t->m, 1, 4);
		ix_u(&t->m, 2, 4);
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
		cr_assert_eq(t->k.n, 1);
		cr_assert_eq(ix_int(t, 0, TSN_F_SOURCE_ID), 0x01020304);
		cr_assert_eq(t->k.row[0].field[TSN_F_EXPORTER].addr.lo, IX_ADDR);
		cr_assert_eq(t->k.row[0].received, IX_NOW);
		cr_assert_eq(t->k.row[0].exported, INT64_C(1000) * IX_SECS);
		cr_assert_eq(ix_int(t, 0, TSN_F_SRC_PORT), -1, "absent stays absent");
		cr_assert_eq(ix_int(t, 0, TSN_F_RAW_BYTES), -1);
		cr_assert_eq(tsn_exporters_at(t->x, 1)->skew, 250);
		cr_assert_eq(ix_counter(t, TSN_XC_FLOWS), 1);
		ix_teardown(t);
	}
}

/* RFC 7011 section 6.2: a number may be sent in fewer bytes, and some send more. */
Test(template, numbers_of_any_length)
{
	static const struct {
		unsigned id, len;
		uint64_t v;
		enum tsn_field f;
		int64_t want;
	} cases[] = {
		{ 1, 1, 200, TSN_F_RAW_BYTES, 200 },
		{ 1, 3, 70000, TSN_F_RAW_BYTES, 70000 },
		{ 1, 5, 1ll << 33, TSN_F_RAW_BYTES, 1ll << 33 },
		{ 1, 8, 1ll << 40, TSN_F_RAW_BYTES, 1ll << 40 },
		{ 7, 1, 80, TSN_F_SRC_PORT, 80 },
		{ 7, 4, 443, TSN_F_SRC_PORT, 443 },
		{ 7, 4, 70000, TSN_F_SRC_PORT, -1 },
		{ 10, 2, 9, TSN_F_IN_IF, 9 },
		{ 10, 8, 9, TSN_F_IN_IF, 9 },
		{ 10, 3, 9, TSN_F_IN_IF, 9 },
		{ 10, 8, 1ll << 40, TSN_F_IN_IF, -1 },
		{ 4, 2, 17, TSN_F_PROTO, 17 },
		{ 5, 4, 300, TSN_F_TOS, -1 },
		{ 6, 2, 0x1ff, TSN_F_FLAGS, 0x1ff },
		{ 6, 2, 0xf012, TSN_F_FLAGS, 0x012 },
		{ 6, 1, 0x12, TSN_F_FLAGS, 0x12 },
		{ 16, 2, 65000, TSN_F_SRC_AS, 65000 },
		{ 16, 4, 4200000000, TSN_F_SRC_AS, 4200000000 },
		{ 89, 4, 0x40, TSN_F_FWD_STATUS, 1 },
		{ 31, 3, 0xfffff, TSN_F_FLOW_LABEL, 0xfffff },
		{ 58, 1, 5, TSN_F_VLAN, 5 },
		{ 192, 1, 64, TSN_F_MAX_TTL, 64 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ix_field f[] = { { 0, 8, 4 }, { 0, cases[i].id, cases[i].len } };
		struct ix_bench *t = ix_setup();

		ix_begin(&t->m, 10, 0, 1);
		ix_template(&t->m, 256, f, 2);
		ix_set(&t->m, 256);
		ix_u(&t->m, 1, 4);
		ix_u(&t->m, cases[i].v, (int)cases[i].len);
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
		cr_assert_eq(ix_int(t, 0, cases[i].f), cases[i].want, "case %zu: %lld", i,
		    (long long)ix_int(t, 0, cases[i].f));
		ix_teardown(t);
	}
}

/* One record of up to four 8-byte fields, in IPFIX. */
static struct ix_bench *
one_record(unsigned version, const struct ix_field *f, const uint64_t *v, unsigned n)
{
	struct ix_bench *t = ix_setup();

	ix_begin(&t->m, version, 0, 1);
	ix_template(&t->m, 256, f, n);
	ix_set(&t->m, 256);
	for (unsigned i = 0; i < n; i++)
		ix_u(&t->m, v[i], (int)f[i].len);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.n, 1);
	return t;
}

Test(template, times)
{
	const int64_t sent = INT64_C(1000) * IX_SECS, wrap = INT64_C(1) << 32;
	const struct {
		unsigned version;
		struct ix_field f[3];
		uint64_t v[3];
		int64_t start, end;
		unsigned clock;
	} cases[] = {
		{ 9, { { 0, 22, 4 }, { 0, 21, 4 }, { 0, 4, 1 } }, { IX_UPTIME - 900, IX_UPTIME - 100, 6 }, sent - 900,
		    sent - 100, 0 },
		{ 9, { { 0, 22, 4 }, { 0, 21, 4 }, { 0, 4, 1 } }, { IX_UPTIME + 50, IX_UPTIME + 100, 6 }, sent + 50,
		    sent + 100, 1 },
		{ 9, { { 0, 22, 4 }, { 0, 21, 4 }, { 0, 4, 1 } }, { 0xfffffff0, IX_UPTIME, 6 }, sent - IX_UPTIME - 16,
		    sent, 0 },
		{ 9, { { 0, 22, 4 }, { 0, 21, 4 }, { 0, 4, 1 } }, { IX_UPTIME, IX_UPTIME - 7, 6 }, sent - 7, sent,
		    1 },
		{ 9, { { 0, 22, 4 }, { 0, 21, 4 }, { 0, 4, 1 } }, { IX_UPTIME + 200000, IX_UPTIME, 6 },
		    sent + 200000 - wrap, sent, 0 },
		{ 10, { { 0, 150, 4 }, { 0, 151, 4 }, { 0, 4, 1 } }, { IX_SECS - 5, IX_SECS - 2, 6 }, sent - 5000,
		    sent - 2000, 0 },
		{ 10, { { 0, 152, 8 }, { 0, 153, 8 }, { 0, 4, 1 } }, { (uint64_t)sent - 2, (uint64_t)sent - 9, 6 },
		    sent - 9, sent - 2, 1 },
		{ 10, { { 0, 152, 8 }, { 0, 153, 8 }, { 0, 4, 1 } }, { UINT64_MAX, 0, 6 }, -1, -1, 0 },
		{ 10, { { 0, 152, 8 }, { 0, 161, 4 }, { 0, 4, 1 } }, { (uint64_t)sent - 9, 4, 6 }, sent - 9, sent - 5,
		    0 },
		{ 10, { { 0, 153, 8 }, { 0, 162, 4 }, { 0, 4, 1 } }, { (uint64_t)sent, 4500, 6 }, sent - 4, sent, 0 },
		{ 10, { { 0, 158, 4 }, { 0, 159, 4 }, { 0, 4, 1 } }, { 9000, 0, 6 }, sent - 9, sent, 0 },
		{ 10, { { 0, 22, 4 }, { 0, 21, 4 }, { 0, 160, 8 } }, { 1000, 3000, (uint64_t)sent - 10000 },
		    sent - 9000, sent - 7000, 0 },
		{ 10, { { 0, 22, 4 }, { 0, 21, 4 }, { 0, 4, 1 } }, { 1000, 3000, 6 }, -1, -1, 0 },
		{ 10, { { 0, 323, 8 }, { 0, 152, 8 }, { 0, 4, 1 } }, { (uint64_t)sent, (uint64_t)sent - 800, 6 },
		    sent - 800, sent, 0 },
		{ 10, { { 0, 156, 8 }, { 0, 157, 8 }, { 0, 4, 1 } },
		    { (UINT64_C(2208988800) + IX_SECS) << 32, (UINT64_C(2208988800) + IX_SECS) << 32 | 0xc0000000,
			6 },
		    sent, sent + 750, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ix_field f[4] = { cases[i].f[0], cases[i].f[1], cases[i].f[2], { 0, 8, 4 } };
		uint64_t v[4] = { cases[i].v[0], cases[i].v[1], cases[i].v[2], 1 };
		struct ix_bench *t = one_record(cases[i].version, f, v, 4);

		cr_assert_eq(ix_int(t, 0, TSN_F_START), cases[i].start, "case %zu: %lld", i,
		    (long long)ix_int(t, 0, TSN_F_START));
		cr_assert_eq(
		    ix_int(t, 0, TSN_F_END), cases[i].end, "case %zu: %lld", i, (long long)ix_int(t, 0, TSN_F_END));
		cr_assert_eq(ix_counter(t, TSN_XC_CLOCK), cases[i].clock, "case %zu", i);
		ix_teardown(t);
	}
}

/* The better element counts, whatever the order; of equals the one that is not zero. */
Test(template, several_elements_for_one_field)
{
	static const struct {
		struct ix_field f[2];
		uint64_t v[2];
		enum tsn_field field;
		int64_t want;
	} cases[] = {
		{ { { 0, 85, 8 }, { 0, 1, 8 } }, { 900, 7 }, TSN_F_RAW_BYTES, 7 },
		{ { { 0, 1, 8 }, { 0, 85, 8 } }, { 0, 900 }, TSN_F_RAW_BYTES, 0 },
		{ { { 0, 23, 4 }, { 0, 1, 4 } }, { 5, 6 }, TSN_F_RAW_BYTES, 6 },
		{ { { 0, 24, 4 }, { 0, 3, 4 } }, { 5, 6 }, TSN_F_RAW_PACKETS, 5 },
		{ { { 0, 352, 8 }, { 0, 231, 8 } }, { 64, 50 }, TSN_F_RAW_BYTES, 50 },
		{ { { 0, 176, 1 }, { 0, 178, 1 } }, { 8, 0 }, TSN_F_ICMP_TYPE, 8 },
		{ { { 0, 176, 1 }, { 0, 178, 1 } }, { 0, 135 }, TSN_F_ICMP_TYPE, 135 },
		{ { { 0, 32, 2 }, { 0, 176, 1 } }, { 0x0300, 8 }, TSN_F_ICMP_TYPE, 8 },
		{ { { 0, 5, 1 }, { 0, 195, 1 } }, { 0xb9, 46 }, TSN_F_TOS, 0xb9 },
		{ { { 0, 182, 2 }, { 0, 180, 2 } }, { 443, 0 }, TSN_F_SRC_PORT, 443 },
		{ { { 0, 59, 2 }, { 0, 58, 2 } }, { 10, 20 }, TSN_F_VLAN, 20 },
		{ { { 0, 6, 1 }, { 0, 6, 1 } }, { 2, 16 }, TSN_F_FLAGS, 18 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ix_field f[3] = { cases[i].f[0], cases[i].f[1], { 0, 8, 4 } };
		uint64_t v[3] = { cases[i].v[0], cases[i].v[1], 1 };
		struct ix_bench *t = one_record(10, f, v, 3);

		cr_assert_eq(ix_int(t, 0, cases[i].field), cases[i].want, "case %zu", i);
		ix_teardown(t);
	}
}

/* Exporters send addresses of both families in one record and fill one; a mapped address is IPv4. */
Test(template, addresses_of_both_families)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 27, 16 }, { 0, 28, 16 }, { 0, 12, 4 } };
	struct ix_bench *t = ix_setup();
	const struct tsn_value *v;

	ix_begin(&t->m, 9, 1, 1);
	ix_template(&t->m, 256, f, 4);
	ix_set(&t->m, 256);
	ix_u(&t->m, 0x0a000001, 4), ix_u(&t->m, 0, 8), ix_u(&t->m, 0, 8), ix_u(&t->m, 0, 8), ix_u(&t->m, 0, 8),
	    ix_u(&t->m, 0x0a000002, 4);
	ix_u(&t->m, 0, 4), ix_u(&t->m, 1, 8), ix_u(&t->m, 2, 8), ix_u(&t->m, 0, 8), ix_u(&t->m, 0xffff0a000003, 8),
	    ix_u(&t->m, 0, 4);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.n, 2);
	v = t->k.row[0].field;
	cr_assert(v[TSN_F_SRC].addr.v4 && v[TSN_F_SRC].addr.lo == 0x0a000001);
	cr_assert(v[TSN_F_DST].addr.v4 && v[TSN_F_DST].addr.lo == 0x0a000002);
	v = t->k.row[1].field;
	cr_assert(!v[TSN_F_SRC].addr.v4 && v[TSN_F_SRC].addr.hi == 1 && v[TSN_F_SRC].addr.lo == 2);
	cr_assert(v[TSN_F_DST].addr.v4 && v[TSN_F_DST].addr.lo == 0x0a000003);
	ix_teardown(t);
}

Test(template, texts)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 371, 65535 }, { 0, 96, 8 }, { 0, 460, 65535 } };
	char longest[400];
	struct ix_bench *t = ix_setup();

	memset(longest, 'x', sizeof(longest));
	longest[399] = '\0';
	ix_begin(&t->m, 10, 0, 1);
	ix_template(&t->m, 256, f, 4);
	ix_set(&t->m, 256);
	ix_u(&t->m, 1, 4), ix_var(&t->m, "alice", false), ix_fixed(&t->m, "http", 8), ix_var(&t->m, longest, true);
	ix_u(&t->m, 2, 4), ix_var(&t->m, "", true), ix_fixed(&t->m, "12345678", 8), ix_var(&t->m, "h", true);
	cr_assert_eq(send_unspilled(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.batch->n, 2);
	cr_assert(text_is(t, 0, TSN_F_USER, "alice") && text_is(t, 0, TSN_F_APPLICATION, "http") &&
	    text_is(t, 0, TSN_F_HTTP_HOST, longest));
	cr_assert(text_is(t, 1, TSN_F_USER, NULL) && text_is(t, 1, TSN_F_APPLICATION, "12345678") &&
	    text_is(t, 1, TSN_F_HTTP_HOST, "h"));
	ix_teardown(t);
}

/* Padding behind the last record is no record; a record that was cut is counted, whole ones stand. */
Test(template, padding_and_cut_records)
{
	static const struct {
		unsigned extra, byte, rows;
		bool cut;
	} cases[] = { { 0, 0, 3, false }, { 1, 0, 3, false }, { 3, 0xff, 3, false }, { 7, 0, 3, false },
		{ 11, 0, 3, false }, { 8, 0xff, 3, true }, { 11, 0xff, 3, true } };

	for (int variable = 0; variable < 2; variable++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct ix_field f[] = { { 0, 8, 4 }, { 0, 12, 4 }, { 0, 96, variable ? 65535 : 4 } };
			struct ix_bench *t = ix_setup();

			ix_begin(&t->m, 10, 0, 1);
			ix_template(&t->m, 256, f, 3);
			ix_set(&t->m, 256);
			for (unsigned k = 0; k < 3; k++)
				ix_u(&t->m, k, 4), ix_u(&t->m, 9, 4),
				    variable ? ix_var(&t->m, "abc", false) : ix_u(&t->m, 0x41424344, 4);
			for (unsigned k = 0; k < cases[i].extra; k++)
				ix_u(&t->m, cases[i].byte, 1);
			if (variable && cases[i].extra > 8 && cases[i].byte == 0) { /* nine zeros are a record there */
				ix_teardown(t);
				continue;
			}
			cr_assert_eq(ix_send(t), cases[i].cut ? TSN_DECODE_DAMAGED : TSN_DECODE_OK, "case %zu", i);
			cr_assert_eq(t->k.n, cases[i].rows, "case %zu: %zu", i, t->k.n);
			cr_assert_eq(ix_counter(t, TSN_XC_BAD_RECORD), cases[i].cut, "case %zu", i);
			ix_teardown(t);
		}
}

/* Cut anywhere a message gives the records that are whole, and nothing is read behind its end. */
Test(template, cut_anywhere)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 12, 4 }, { 0, 2, 4 } };

	for (unsigned version = 9; version <= 10; version++) {
		size_t header = version == 9 ? 20 : 16, whole = header + 20 + 4 + 36;

		for (size_t n = 0; n < whole; n++) {
			struct ix_bench *t = ix_setup();
			size_t data = header + 20 + 4;

			ix_begin(&t->m, version, 0, 1);
			ix_template(&t->m, 256, f, 3);
			ix_set(&t->m, 256);
			for (unsigned k = 0; k < 9; k++)
				ix_u(&t->m, k, 4);
			cr_assert_eq(ix_end(&t->m), whole);
			if (version == 10 || (n != header && n < header + 4) || n >= header + 4)
				ix_send_raw(t, n);
			cr_assert_eq(t->k.n, n < data ? 0 : (n - data) / 12, "version %u, %zu bytes", version, n);
			ix_teardown(t);
		}
	}
}

Test(template, records_that_are_no_flows)
{
	static const struct ix_field f[] = { { 0, 41, 8 }, { 0, 42, 8 } };
	struct ix_bench *t = ix_setup();

	ix_begin(&t->m, 10, 0, 1);
	ix_template(&t->m, 256, f, 2);
	ix_set(&t->m, 256);
	for (int i = 0; i < 6; i++)
		ix_u(&t->m, 1, 8);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.n, 0);
	cr_assert_eq(ix_counter(t, TSN_XC_NOT_FLOWS), 3);
	ix_teardown(t);
}

/* Rows come in the order of the records, however small the batches are; a sink that stops is obeyed. */
Test(template, batches_of_any_size)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 12, 4 } };

	for (uint32_t cap = 1; cap < 9; cap++) {
		struct ix_bench *t = ix_setup();

		t->k.batch->cap = cap;
		ix_begin(&t->m, 9, 0, 1);
		ix_template(&t->m, 256, f, 2);
		ix_set(&t->m, 256);
		for (unsigned k = 0; k < 20; k++)
			ix_u(&t->m, k, 8);
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
		cr_assert_eq(t->k.n, 20);
		for (unsigned k = 0; k < 20; k++)
			cr_assert_eq(t->k.row[k].field[TSN_F_DST].addr.lo, k);
		t->k.stop_after = 1;
		cr_assert_eq(ix_send(t), TSN_DECODE_STOPPED);
		cr_assert_eq(t->k.n, 20 + cap);
		ix_teardown(t);
	}
}
