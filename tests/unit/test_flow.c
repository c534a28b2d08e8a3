/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Batches, masks, fields, values as text, exporters. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "flow/batch.h"
#include "flow/exporter.h"
#include "unit/dice.h"

/* --- masks --- */

Test(flow, mask_pack_and_count)
{
	uint8_t bytes[TSN_BATCH_ROWS], back[TSN_BATCH_ROWS];

	for (int n = 0; n < 50; n++) {
		struct tsn_mask m;
		uint32_t count = 0, seen = 0;

		for (int i = 0; i < TSN_BATCH_ROWS; i++)
			count += bytes[i] = n == 0 ? 0 : n == 1 ? 1 : (rnd() >> 30) & 1;
		tsn_mask_pack(&m, bytes);
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++)
			cr_assert_eq(tsn_mask_has(&m, i), bytes[i], "row %u", i);
		tsn_mask_unpack(back, &m);
		cr_assert_arr_eq(back, bytes, sizeof(bytes));
		cr_assert_eq(tsn_mask_count(&m), count);
		cr_assert_eq(tsn_mask_any(&m), count > 0);
		TSN_EACH_ROW(row, &m) {
			cr_assert(bytes[row], "row %u", row);
			bytes[row] = 0;
			seen++;
		}
		cr_assert_eq(seen, count);
	}
}

Test(flow, mask_ranges)
{
	for (int n = 0; n < 500; n++) {
		uint32_t from = (uint32_t)(rnd() >> 20) % 1025, count = (uint32_t)(rnd() >> 20) % (1025 - from);
		struct tsn_mask m, first, without;

		tsn_mask_clear(&m);
		tsn_mask_set_range(&m, from, count);
		tsn_mask_first(&without, TSN_BATCH_ROWS);
		tsn_mask_unset_range(&without, from, count);
		tsn_mask_first(&first, from);
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
			cr_assert_eq(tsn_mask_has(&m, i), i >= from && i < from + count, "[%u, +%u): %u", from, count, i);
			cr_assert_neq(tsn_mask_has(&without, i), tsn_mask_has(&m, i));
			cr_assert_eq(tsn_mask_has(&first, i), i < from);
		}
	}
}

/* --- fields --- */

Test(flow, fields_are_found_by_every_name)
{
	static const struct { char name[32]; int field; } cases[] = {
		{ "src", TSN_F_SRC }, { "destinationTransportPort", TSN_F_DST_PORT }, { "sourceIPv4Address", TSN_F_SRC },
		{ "dport", TSN_F_DST_PORT }, { "packetDeltaCount", TSN_F_PACKETS }, { "raw_bytes", TSN_F_RAW_BYTES },
		{ "interfaceName", TSN_F_IN_IF_NAME }, { "dst_prt", -1 }, { "", -1 }, { "sr", -1 }, { "SRC", -1 },
	};
	enum tsn_field f;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(tsn_field_find(cases[i].name, strlen(cases[i].name)), cases[i].field, "%s", cases[i].name);
	cr_assert_eq(tsn_field_find("src\0in a column's name, which may be any bytes of a file, and long", 62), -1);
	for (int i = 0; i < TSN_FIELD_COUNT; i++) {
		const char *name = tsn_fields[i].name;
		bool nameless = tsn_fields[i].origin == TSN_O_POOL;

		cr_assert_eq(name[0] == '\0', nameless);
		cr_assert_eq(tsn_field_find(name, strlen(name)), nameless ? -1 : i, "%s", name);
		cr_assert_eq(tsn_fields[i].addr_slot >= 0, tsn_fields[i].storage == TSN_ADDR, "%s", name);
		cr_assert(tsn_fields[i].help[0] != '\0');
	}
	for (size_t i = 0; tsn_field_alias(i, &f) != NULL; i++) {
		const char *name = tsn_field_alias(i, &f);

		cr_assert_eq(tsn_field_find(name, strlen(name)), (int)f, "alias %s stands for another field", name);
	}
}

/* --- batches --- */

/* A value that fits the field's storage and shows when it is cut. */
static struct tsn_value
some_value(enum tsn_field f)
{
	struct tsn_value v = { .type = tsn_fields[f].type, .known = true, .v4_bits = 32, .v6_bits = 128 };
	static const char words[] = "alpha beta gamma";

	switch (tsn_fields[f].storage) {
	case TSN_ADDR:
		v.addr = rnd() % 2 ? tsn_addr_v4((uint32_t)rnd()) : (struct tsn_addr){ rnd(), rnd(), false };
		break;
	case TSN_STR: v.s = (struct tsn_str){ words, (uint32_t)(rnd() % 16) }; break;
	case TSN_F64: v.f = (double)(int64_t)rnd() / 3; break;
	case TSN_U8:  v.i = (uint8_t)rnd(); break;
	case TSN_U16: v.i = (uint16_t)rnd(); break;
	case TSN_U32: v.i = (uint32_t)rnd(); break;
	default:      v.i = (int64_t)rnd(); break;
	}
	return v;
}

static bool
same(const struct tsn_value *a, const struct tsn_value *b)
{
	if (a->known != b->known || a->type != b->type)
		return false;
	if (!a->known)
		return true;
	switch (a->type) {
	case TSN_T_ADDR:   return tsn_addr_cmp(a->addr, b->addr) == 0;
	case TSN_T_STRING: return a->s.n == b->s.n && memcmp(a->s.p, b->s.p, a->s.n) == 0;
	case TSN_T_REAL:   return a->f == b->f;
	default:           return a->i == b->i;
	}
}

Test(flow, a_batch_gives_back_what_was_put)
{
	static struct tsn_value v[TSN_FIELD_COUNT][TSN_BATCH_ROWS];
	struct tsn_batch *b = tsn_batch_new();

	for (int round = 0; round < 3; round++) {
		/* a tick batch, in which packets and raw_packets are columns of their own */
		tsn_batch_clear(b, TSN_BATCH_TICK);
		for (int f = 0; f < TSN_FIELD_COUNT; f++) {
			for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
				v[f][i] = some_value(f);
				tsn_batch_put(b, i, f, &v[f][i]);
				v[f][i].known = rnd() % 4 != 0;
				if (!v[f][i].known)
					tsn_batch_put(b, i, f, &v[f][i]); /* taken back */
			}
		}
		b->n = TSN_BATCH_ROWS;
		for (int f = 0; f < TSN_FIELD_COUNT; f++) {
			for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
				struct tsn_value got;

				tsn_batch_get(b, i, f, &got);
				cr_assert(same(&got, &v[f][i]), "round %d: %s of row %u", round, tsn_fields[f].name, i);
			}
		}
	}
	tsn_batch_free(b);
}

Test(flow, a_cleared_batch_has_nothing)
{
	struct tsn_batch *b = tsn_batch_new();

	for (int round = 0; round < 2; round++) {
		for (int f = 0; f < TSN_FIELD_COUNT; f++)
			cr_assert(!tsn_mask_any(&b->present[f]), "%s", tsn_fields[f].name);
		for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++)
			cr_assert(b->received[i] == TSN_TIME_NONE && b->exported[i] == TSN_TIME_NONE && b->source[i] == 0);
		cr_assert_eq(b->n, 0);
		cr_assert_eq(b->cap, TSN_BATCH_ROWS);
		for (int f = 0; f < TSN_FIELD_COUNT; f++) {
			struct tsn_value v = some_value(f);

			tsn_batch_put(b, 1023, f, &v);
		}
		b->received[1023] = b->exported[0] = b->source[5] = 7;
		b->n = TSN_BATCH_ROWS;
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
	}
	tsn_batch_free(b);
}

Test(flow, columns_do_not_overlap)
{
	struct tsn_batch *b = tsn_batch_new();
	static const uint8_t size[] = { 1, 2, 4, 8, 8, 8, 4, sizeof(struct tsn_str) };

	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		const char *from = b->col[f], *to = from + TSN_BATCH_ROWS * (size_t)size[tsn_fields[f].storage];

		cr_assert_eq((uintptr_t)from % 64, 0, "%s is not aligned", tsn_fields[f].name);
		for (int g = 0; g < TSN_FIELD_COUNT; g++) {
			const char *other = b->col[g];
			bool alias = (f == TSN_F_PACKETS && g == TSN_F_RAW_PACKETS) || (g == TSN_F_PACKETS && f == TSN_F_RAW_PACKETS) ||
			    (f == TSN_F_BYTES && g == TSN_F_RAW_BYTES) || (g == TSN_F_BYTES && f == TSN_F_RAW_BYTES);

			cr_assert(f == g || alias || other < from || other >= to, "%s in %s", tsn_fields[g].name, tsn_fields[f].name);
		}
	}
	tsn_batch_free(b);
}

/* --- values --- */

static struct tsn_value
integer(enum tsn_type t, int64_t i)
{
	return (struct tsn_value){ .type = t, .known = true, .i = i };
}

static struct tsn_value
address(const char *text, enum tsn_type t, uint8_t v4_bits, uint8_t v6_bits)
{
	struct tsn_value v = { .type = t, .known = true, .v4_bits = v4_bits, .v6_bits = v6_bits };

	cr_assert(tsn_addr_parse(text, strlen(text), &v.addr), "%s", text);
	return v;
}

static void
reads(const struct tsn_value *v, const char *text, const char *json)
{
	struct tsn_buf b = TSN_BUF_INIT;

	tsn_value_text(v, &b);
	cr_assert_str_eq(tsn_buf_str(&b), text);
	tsn_buf_clear(&b);
	tsn_value_json(v, &b);
	cr_assert_str_eq(tsn_buf_str(&b), json);
	tsn_buf_fini(&b);
}

Test(flow, integers_as_text)
{
	static const struct { enum tsn_type type; int64_t i; char text[40], json[44]; } cases[] = {
		{ TSN_T_INT, 0, "0", "0" }, { TSN_T_INT, INT64_MIN, "-9223372036854775808", "-9223372036854775808" },
		{ TSN_T_PORT, 65535, "65535", "65535" }, { TSN_T_SIZE, 1000, "1000", "1000" },
		{ TSN_T_BOOL, 1, "true", "true" }, { TSN_T_BOOL, 0, "false", "false" },
		{ TSN_T_PROTO, 6, "tcp", "\"tcp\"" }, { TSN_T_PROTO, 58, "icmp6", "\"icmp6\"" }, { TSN_T_PROTO, 254, "254", "\"254\"" },
		{ TSN_T_FLAGS, 0, "0", "\"0\"" }, { TSN_T_FLAGS, 0x12, "SYN|ACK", "\"SYN|ACK\"" },
		{ TSN_T_FLAGS, 0x1ff, "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR|NS", "\"FIN|SYN|RST|PSH|ACK|URG|ECE|CWR|NS\"" },
		{ TSN_T_FLAGS, 0x202, "SYN|0x200", "\"SYN|0x200\"" }, { TSN_T_FLAGS, 0x400, "0x400", "\"0x400\"" },
		{ TSN_T_TIME, 1767571200000, "2026-01-05T00:00:00.000Z", "\"2026-01-05T00:00:00.000Z\"" },
		{ TSN_T_DURATION, 90000, "1m30s", "\"1m30s\"" }, { TSN_T_DURATION, -1, "-1ms", "\"-1ms\"" },
		{ TSN_T_MAC, 0x001b21ff007f, "00:1b:21:ff:00:7f", "\"00:1b:21:ff:00:7f\"" },
		{ TSN_T_DIRECTION, 1, "egress", "\"egress\"" }, { TSN_T_DIRECTION, 9, "9", "\"9\"" },
		{ TSN_T_FWD, 2, "dropped", "\"dropped\"" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tsn_value v = integer(cases[i].type, cases[i].i);

		reads(&v, cases[i].text, cases[i].json);
	}
}

Test(flow, addresses_reals_and_strings_as_text)
{
	struct tsn_value v = address("10.1.2.3", TSN_T_ADDR, 32, 128);

	reads(&v, "10.1.2.3", "\"10.1.2.3\"");
	v = address("10.1.2.0", TSN_T_ADDR, 24, 64);
	reads(&v, "10.1.2.0/24", "\"10.1.2.0/24\"");
	v = address("2001:db8::", TSN_T_ADDR, 24, 64);
	reads(&v, "2001:db8::/64", "\"2001:db8::/64\"");
	v = address("10.1.2.3", TSN_T_PREFIX, 32, 128);
	reads(&v, "10.1.2.3/32", "\"10.1.2.3/32\"");
	v = (struct tsn_value){ .type = TSN_T_REAL, .known = true, .f = 5 };
	reads(&v, "5", "5");
	v.f = 0.1;
	reads(&v, "0.1", "0.1");
	v.f = 1.0 / 3;
	reads(&v, "0.3333333333333333", "0.3333333333333333");
	v = (struct tsn_value){ .type = TSN_T_STRING, .known = true, .s = { "a\"b\n", 4 } };
	reads(&v, "a\"b\n", "\"a\\\"b\\n\"");
}

Test(flow, reals_read_back_as_themselves)
{
	for (int i = 0; i < 20000; i++) {
		struct tsn_value v = { .type = TSN_T_REAL, .known = true };
		struct tsn_buf b = TSN_BUF_INIT;

		v.f = (double)(int64_t)rnd() / (double)(1 + rnd() % 100000);
		tsn_value_text(&v, &b);
		cr_assert_eq(strtod(tsn_buf_str(&b), NULL), v.f, "%s", tsn_buf_str(&b));
		tsn_buf_fini(&b);
	}
}

Test(flow, absent_is_a_dash)
{
	struct tsn_value v = { .type = TSN_T_ADDR };
	struct tsn_buf b = TSN_BUF_INIT;

	tsn_value_text(&v, &b);
	cr_assert_str_eq(tsn_buf_str(&b), "-");
	tsn_buf_fini(&b);
}

Test(flow, names_of_values)
{
	static const struct { char name[20]; int port; } services[] = {
		{ "smtp", 25 }, { "dns", 53 }, { "domain", 53 }, { "http", 80 }, { "https", 443 }, { "ssh", 22 }, { "ms_sql_m", 1434 },
		{ "ms_sql_s", 1433 }, { "netbios_ns", 137 }, { "microsoft_ds", 445 }, { "ms_wbt_server", 3389 }, { "rdp", 3389 },
		{ "ntp", 123 }, { "snmp", 161 }, { "http_alt", 8080 }, { "nosuch", -1 }, { "ms-sql-m", -1 }, { "", -1 },
	};
	static const struct { char name[20]; int number; } protos[] = {
		{ "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 }, { "icmpv6", 58 }, { "gre", 47 }, { "esp", 50 }, { "sctp", 132 },
		{ "dccp", 33 }, { "udplite", 136 }, { "ospf", 89 }, { "eigrp", 88 }, { "pim", 103 }, { "vrrp", 112 }, { "ipip", 94 },
		{ "ipv6", 41 }, { "igmp", 2 }, { "ah", 51 }, { "TCP", -1 },
	};

	for (unsigned i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		cr_assert_eq(tsn_service_find(services[i].name, strlen(services[i].name)), services[i].port, "%s", services[i].name);
	for (unsigned i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		cr_assert_eq(tsn_proto_find(protos[i].name, strlen(protos[i].name)), protos[i].number, "%s", protos[i].name);
	cr_assert_eq(tsn_flag_find("SYN", 3), 2);
	cr_assert_eq(tsn_flag_find("syn", 3), -1);
	cr_assert_eq(tsn_word_find(TSN_T_DIRECTION, "egress", 6), 1);
	cr_assert_eq(tsn_word_find(TSN_T_FWD, "egress", 6), -1);
	cr_assert_str_eq(tsn_word_nth(TSN_T_FWD, 3), "consumed");
	cr_assert_null(tsn_word_nth(TSN_T_FWD, 4));
	cr_assert_null(tsn_word_nth(TSN_T_INT, 0));
}

static void
frozen_table(const char *(*nth)(size_t), int (*find)(const char *, size_t), int most)
{
	size_t i, j;

	for (i = 0; nth(i) != NULL; i++) {
		int v = find(nth(i), strlen(nth(i)));

		cr_assert(v >= 0 && v <= most, "%s", nth(i));
		cr_assert_eq(strspn(nth(i), "abcdefghijklmnopqrstuvwxyzFINSYRSTPHACKUGEW0123456789_"), strlen(nth(i)), "%s", nth(i));
		for (j = 0; j < i; j++)
			cr_assert_str_neq(nth(j), nth(i), "%s stands twice", nth(i));
	}
	cr_assert_gt(i, 8);
}

Test(flow, no_name_stands_twice)
{
	frozen_table(tsn_service_nth, tsn_service_find, 65535);
	frozen_table(tsn_proto_nth, tsn_proto_find, 255);
	frozen_table(tsn_flag_nth, tsn_flag_find, 256);
}

/* --- exporters --- */

Test(flow, exporters_are_found_again_and_bounded)
{
	struct tsn_exporters *t = tsn_exporters_new(1000);
	struct tsn_exporter *first;

	cr_assert_eq(tsn_exporters_count(t), 1, "the shared one");
	first = tsn_exporters_at(t, tsn_exporters_find(t, tsn_addr_v4(1)));
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 1; i < 1000; i++)
			cr_assert_eq(tsn_exporters_find(t, i % 2 ? tsn_addr_v4(i) : (struct tsn_addr){ i, i, false }), i, "round %d", round);
	cr_assert_eq(tsn_exporters_count(t), 1000);
	cr_assert_eq(tsn_exporters_find(t, tsn_addr_v4(77777)), 0, "the table is full");
	cr_assert_eq(tsn_exporters_find(t, tsn_addr_v4(0)), 0, "the shared entry's own address is none");
	cr_assert_eq(tsn_exporters_at(t, 1), first, "entries do not move");
	cr_assert_eq(tsn_addr_cmp(first->addr, tsn_addr_v4(1)), 0);
	cr_assert_eq(first->last_received, TSN_TIME_NONE);
	tsn_exporters_free(t);
}

static struct tsn_exporter_setting
says(uint32_t addr, uint8_t len, const char *name, uint32_t sampling)
{
	return (struct tsn_exporter_setting){ { tsn_addr_mask(tsn_addr_v4(addr), len, len), len }, name, sampling, false };
}

Test(flow, the_longest_prefix_decides)
{
	struct tsn_exporters *t = tsn_exporters_new(100);
	struct tsn_exporter_setting v[] = {
		says(0x0a000000, 8, "ten", 100), says(0x0a010000, 16, NULL, 1000), says(0x0a010203, 32, "one", 0),
		says(0, 0, NULL, 7), { { { 0x20010db800000000, 0, false }, 32 }, "six", 0, false },
	};
	static const struct { struct tsn_addr addr; const char *name; uint32_t sampling; } cases[] = {
		{ { 0, 0x0a020304, true }, "ten", 100 }, { { 0, 0x0a010204, true }, "ten", 1000 },
		{ { 0, 0x0a010203, true }, "one", 1000 }, { { 0, 0x0b000001, true }, NULL, 7 },
		{ { 0x20010db800000000, 1, false }, "six", 0 }, { { 0x20010db900000000, 1, false }, NULL, 0 },
	};

	cr_assert_neq(tsn_exporters_find(t, tsn_addr_v4(0x0a010203)), 0, "one is known before");
	cr_assert(tsn_exporters_configure(t, v, sizeof(v) / sizeof(v[0])));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tsn_exporter *e = tsn_exporters_at(t, tsn_exporters_find(t, cases[i].addr));
		size_t len = cases[i].name == NULL ? 0 : strlen(cases[i].name);

		cr_expect(e->name.n == len && (len == 0 || memcmp(e->name.p, cases[i].name, len) == 0), "name %zu", i);
		cr_expect_eq(e->sampling_override, cases[i].sampling, "sampling %zu", i);
		cr_expect(tsn_exporters_allowed(t, cases[i].addr));
	}
	cr_assert_eq(tsn_exporters_at(t, 0)->sampling_override, 0, "the shared entry is no exporter's");
	cr_assert_eq(tsn_exporters_at(t, tsn_exporters_nobody(t))->sampling_override, 0, "nor is nobody one");
	tsn_exporters_free(t);
}

/* Against every setting looked at one by one. */
Test(flow, only_listed_exporters_are_allowed)
{
	for (int round = 0; round < 200; round++) {
		struct tsn_exporters *t = tsn_exporters_new(4);
		struct tsn_exporter_setting v[20];
		size_t n = rnd() % 20 + 1;

		for (size_t i = 0; i < n; i++) {
			unsigned len = rnd() % 129, bits = len > 32 ? 32 : len;

			v[i] = says(rnd() % 8 << 29 | rnd() % 8, (uint8_t)bits, NULL, 0);
			if (rnd() % 2)
				v[i].prefix = (struct tsn_prefix){ tsn_addr_mask((struct tsn_addr){ (uint64_t)rnd() % 4 << 62, rnd() % 4,
				    false }, len, len), (uint8_t)len };
			v[i].allow = i == 0 || rnd() % 3 > 0;
		}
		cr_assert(tsn_exporters_configure(t, v, n));
		for (int probe = 0; probe < 200; probe++) {
			struct tsn_addr a = rnd() % 2 ? tsn_addr_v4(rnd() % 8 << 29 | rnd() % 8) :
			    (struct tsn_addr){ (uint64_t)rnd() % 4 << 62, rnd() % 4, false };
			bool want = false;

			for (size_t i = 0; i < n; i++)
				want |= v[i].allow && tsn_prefix_has(v[i].prefix, a);
			cr_assert_eq(tsn_exporters_allowed(t, a), want, "round %d", round);
		}
		cr_assert_eq(tsn_exporters_count(t), 1);
		tsn_exporters_free(t);
	}
}

Test(flow, exporter_settings_are_replaced)
{
	struct tsn_exporters *t = tsn_exporters_new(10);
	struct tsn_exporter *e;
	const char *name;

	struct tsn_exporter_setting v[2] = { says(1, 32, "edge", 1000), says(2, 32, NULL, 10) };

	cr_assert(tsn_exporters_configure(t, v, 1));
	e = tsn_exporters_at(t, tsn_exporters_find(t, tsn_addr_v4(1)));
	cr_assert(e->name.n == 4 && memcmp(e->name.p, "edge", 4) == 0 && e->sampling_override == 1000);
	name = e->name.p;
	e->flags_seen = true;
	e->counter[TSN_XC_FLOWS] = 5;
	cr_assert(tsn_exporters_configure(t, NULL, 0));
	cr_assert(e->name.n == 0 && e->sampling_override == 0 && e->flags_seen && e->counter[TSN_XC_FLOWS] == 5);
	v[0].sampling = 0;
	cr_assert(tsn_exporters_configure(t, v, 2));
	cr_assert_eq(e->name.p, name, "the same name takes no new memory");
	cr_assert_eq(memcmp(name, "edge", 4), 0, "and stays valid");
	cr_assert_eq(tsn_exporters_count(t), 2, "a setting enters nobody");
	e = tsn_exporters_at(t, tsn_exporters_find(t, tsn_addr_v4(2)));
	cr_assert(e->name.n == 0 && e->sampling_override == 10);
	cr_assert_str_eq(tsn_exporter_counter_name(TSN_XC_LOST), "lost");
	cr_assert_str_neq(tsn_exporter_counter_help(TSN_XC_LOST), "");
	tsn_exporters_free(t);
}

/* --- memory --- */

static void *
make_exporters(void)
{
	struct tsn_exporters *t = tsn_exporters_new(1000);
	struct tsn_exporter_setting setting;

	/* a find that fails is the shared exporter, a setting that fails says so; neither breaks the table */
	for (uint32_t i = 1; t != NULL && i < 200; i++) {
		uint32_t index = tsn_exporters_find(t, tsn_addr_v4(i));

		cr_assert(index == 0 || tsn_addr_cmp(tsn_exporters_at(t, index)->addr, tsn_addr_v4(i)) == 0);
		setting = says(i, 32, i % 2 ? "odd" : "even", 1);
		setting.allow = true;
		if (index == 0 || (i % 20 == 1 && !tsn_exporters_configure(t, &setting, 1))) {
			tsn_exporters_free(t);
			return NULL;
		}
	}
	return t;
}

static void *
make_batch(void)
{
	return tsn_batch_new();
}

Test(flow, memory_may_run_out_anywhere)
{
	void *(*const makers[])(void) = { make_exporters, make_batch };

	for (unsigned k = 0; k < 2; k++) {
		void *made = NULL;
		long n;

		for (n = 0; made == NULL && n < 100; n++) {
			tsn_mem_fail_at(n, false);
			made = makers[k]();
			tsn_mem_fail_never();
		}
		cr_assert_not_null(made);
		cr_assert_gt(n, 2, "nothing ever failed");
		if (k == 0)
			tsn_exporters_free(made);
		else
			tsn_batch_free(made);
	}
}
