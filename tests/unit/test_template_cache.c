/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* How long and for whom templates are good; data before its template; sequence numbers; bounds against the hostile. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "unit/build_ipfix.h"

static const struct ix_field pair[] = { { 0, 8, 4 }, { 0, 12, 4 } };
static const struct ix_field swapped_pair[] = { { 0, 12, 4 }, { 0, 8, 4 } };
static const struct ix_field triple[] = { { 0, 8, 4 }, { 0, 12, 4 }, { 0, 2, 4 } };

static void
send_template(struct ix_bench *t, unsigned version, uint32_t domain, unsigned id, const struct ix_field *f, unsigned n)
{
	ix_begin(&t->m, version, 0, domain);
	ix_template(&t->m, id, f, n);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
}

/* One record of the words 1, 2, ...; true if it came out as a row. */
static bool
send_data(struct ix_bench *t, unsigned version, uint32_t domain, unsigned id, unsigned words)
{
	size_t before = t->k.n;

	ix_begin(&t->m, version, 0, domain);
	ix_set(&t->m, id);
	for (unsigned i = 1; i <= words; i++)
		ix_u(&t->m, i, 4);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	return t->k.n > before;
}

Test(template_cache, scope)
{
	struct ix_bench *t = ix_setup();

	send_template(t, 10, 1, 256, pair, 2);
	cr_assert(send_data(t, 10, 1, 256, 2));
	cr_assert_not(send_data(t, 10, 2, 256, 2), "another domain");
	cr_assert_not(send_data(t, 9, 1, 256, 2), "another version");
	cr_assert_not(send_data(t, 10, 1, 257, 2), "another id");
	t->addr++;
	cr_assert_not(send_data(t, 10, 1, 256, 2), "another exporter");
	t->addr--;
	t->session = 999;
	cr_assert(send_data(t, 10, 1, 256, 2), "another port of the same exporter");
	t->session = TSN_SESSION_STREAM;
	cr_assert_not(send_data(t, 10, 1, 256, 2), "a connection says for itself");
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES), 1);
	ix_teardown(t);
}

/* Two processes behind one address use one id for two layouts; the own session's counts, else the newest. */
Test(template_cache, sessions)
{
	struct ix_bench *t = ix_setup();

	t->session = 1;
	send_template(t, 9, 0, 256, pair, 2);
	t->session = 2;
	t->now += 1000;
	send_template(t, 9, 0, 256, swapped_pair, 2);
	send_data(t, 9, 0, 256, 2);
	t->session = 1;
	send_data(t, 9, 0, 256, 2);
	t->session = 3;
	send_data(t, 9, 0, 256, 2);
	cr_assert_eq(t->k.n, 3);
	cr_assert_eq(t->k.row[0].field[TSN_F_SRC].addr.lo, 2);
	cr_assert_eq(t->k.row[1].field[TSN_F_SRC].addr.lo, 1);
	cr_assert_eq(t->k.row[2].field[TSN_F_SRC].addr.lo, 2);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATE_CHANGES), 0);
	for (t->session = 100; t->session < 1100; t->session++) /* an exporter that changes its port is not refused */
		send_template(t, 9, 0, 256, pair, 2);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES_REFUSED), 0);
	t->session = 5000;
	cr_assert(send_data(t, 9, 0, 256, 2));
	ix_teardown(t);
}

/* Many connections from one address: each keeps its own, and closed ones go before those in use. */
Test(template_cache, many_connections)
{
	struct ix_bench *t = ix_setup();

	for (uint32_t i = 0; i < 1000; i++, t->now += 1000) {
		t->session = TSN_SESSION_STREAM + i;
		send_template(t, 10, 1, 256, i % 2 ? pair : swapped_pair, 2);
		for (t->session = TSN_SESSION_STREAM;
		     t->session <= TSN_SESSION_STREAM + i && t->session < TSN_SESSION_STREAM + 40; t->session++) {
			cr_assert(send_data(t, 10, 1, 256, 2), "%u", i);
			cr_assert_eq(t->k.row[t->k.n - 1].field[TSN_F_SRC].addr.lo, t->session % 2 ? 1 : 2);
		}
	}
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES_REFUSED), 0);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATE_CHANGES), 0);
	ix_teardown(t);
}

/* RFC 7011 section 8.1: what a connection or file sent ends with it, and takes no room from those that come after. */
Test(template_cache, connections_end)
{
	struct ix_bench *t = ix_setup();
	struct tsn_sender from = { tsn_addr_v4(t->addr), 0 };

	for (uint32_t i = 0; i < 40; i++) { /* many behind one address; none takes another's */
		t->session = TSN_SESSION_STREAM + i;
		send_template(t, 10, 0, 256, i % 2 ? pair : swapped_pair, 2);
	}
	for (uint32_t i = 0; i < 40; i++) {
		t->session = TSN_SESSION_STREAM + i;
		cr_assert(send_data(t, 10, 0, 256, 2), "connection %u", i);
	}
	cr_assert_eq(t->k.row[0].field[TSN_F_SRC].addr.lo, 2);
	cr_assert_eq(t->k.row[1].field[TSN_F_SRC].addr.lo, 1);
	from.session = t->session = TSN_SESSION_STREAM + 7;
	cr_assert_not(send_data(t, 10, 0, 300, 2));
	tsn_decoder_session_ended(t->d, &from);
	t->session = TSN_SESSION_STREAM + 8;
	cr_assert(send_data(t, 10, 0, 256, 2));
	t->session = from.session;
	cr_assert_not(send_data(t, 10, 0, 256, 2), "it has ended");
	tsn_decoder_session_ended(t->d, &from);
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 2);
	for (uint32_t i = 0; i < 5000; i++) { /* one after the other, each with an id and a domain of its own */
		t->session = from.session = TSN_SESSION_STREAM + 100 + i;
		send_template(t, 10, i, 256 + i, pair, 2);
		tsn_decoder_session_ended(t->d, &from);
	}
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES_REFUSED), 0);
	cr_assert_eq(tsn_decoder_refused(t->d), 0);
	ix_teardown(t);
}

Test(template_cache, defined_anew)
{
	struct ix_bench *t = ix_setup();

	send_template(t, 10, 1, 256, pair, 2);
	send_template(t, 10, 1, 256, pair, 2);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES), 1);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATE_CHANGES), 0);
	cr_assert(send_data(t, 10, 1, 256, 2));
	send_template(t, 10, 1, 256, triple, 3);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATE_CHANGES), 1);
	cr_assert(send_data(t, 10, 1, 256, 3));
	cr_assert_eq(ix_int(t, 1, TSN_F_RAW_PACKETS), 3);
	ix_teardown(t);
}

static void
send_withdrawal(struct ix_bench *t, unsigned set, unsigned id)
{
	ix_begin(&t->m, 10, 0, 1);
	ix_set(&t->m, set);
	ix_u(&t->m, id, 2);
	ix_u(&t->m, 0, 2);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
}

/* RFC 7011 section 8.1: one, all templates (2), all of options (3). */
Test(template_cache, withdrawal)
{
	static const struct ix_field o[] = { { 0, 149, 4 }, { 0, 34, 4 } };
	struct ix_bench *t = ix_setup();

	t->session = TSN_SESSION_STREAM + 7;
	send_template(t, 10, 1, 256, pair, 2);
	send_template(t, 10, 1, 257, pair, 2);
	send_template(t, 10, 1, 258, pair, 2);
	ix_begin(&t->m, 10, 0, 1);
	ix_options(&t->m, 300, o, 2, 1);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	send_withdrawal(t, 2, 256);
	cr_assert_not(send_data(t, 10, 1, 256, 2));
	cr_assert(send_data(t, 10, 1, 257, 2));
	send_withdrawal(t, 2, 2);
	cr_assert_not(send_data(t, 10, 1, 257, 2));
	cr_assert_not(send_data(t, 10, 1, 258, 2));
	send_data(t, 10, 1, 300, 2);
	cr_assert_eq(ix_counter(t, TSN_XC_OPTIONS), 1);
	send_withdrawal(t, 3, 3);
	send_data(t, 10, 1, 300, 2);
	cr_assert_eq(ix_counter(t, TSN_XC_OPTIONS), 1);
	send_template(t, 10, 1, 256, pair, 2);
	cr_assert_eq(ix_counter(t, TSN_XC_HELD), 1, "what waited");
	cr_assert(send_data(t, 10, 1, 256, 2));
	ix_teardown(t);
}

Test(template_cache, forgotten_after_a_day_without_refresh)
{
	for (int stream = 0; stream < 2; stream++) {
		struct ix_bench *t = ix_setup();

		t->session = stream ? TSN_SESSION_STREAM : 1;
		send_template(t, 9, 1, 256, pair, 2);
		t->now += INT64_C(23) * 3600000;
		cr_assert(send_data(t, 9, 1, 256, 2));
		send_template(t, 9, 1, 256, pair, 2);
		t->now += INT64_C(23) * 3600000;
		cr_assert(send_data(t, 9, 1, 256, 2), "refreshed in between");
		t->now += INT64_C(2) * 3600000;
		cr_assert_eq(send_data(t, 9, 1, 256, 2), stream, "files and connections do not forget");
		ix_teardown(t);
	}
}

Test(template_cache, nonsense)
{
	static const struct ix_field zero[] = { { 0, 8, 0 }, { 0, 12, 0 } };
	static struct ix_field many[1500];
	struct ix_bench *t = ix_setup();

	for (int i = 0; i < 1500; i++)
		many[i] = (struct ix_field){ 0, 8, 4 };
	ix_begin(&t->m, 10, 0, 1);
	ix_template(&t->m, 256, zero, 2);
	cr_assert_eq(ix_send(t), TSN_DECODE_DAMAGED);
	ix_begin(&t->m, 10, 0, 1);
	ix_template(&t->m, 255, pair, 2);
	cr_assert_eq(ix_send(t), TSN_DECODE_DAMAGED);
	ix_begin(&t->m, 10, 0, 1);
	ix_template(&t->m, 256, many, 1500);
	cr_assert_eq(ix_send(t), TSN_DECODE_DAMAGED);
	ix_begin(&t->m, 9, 0, 1);
	ix_template(&t->m, 256, pair, 2);
	nf_put(t->m.p + t->m.n - 10, 3, 2); /* more fields than there are */
	cr_assert_eq(ix_send(t), TSN_DECODE_DAMAGED);
	ix_begin(&t->m, 10, 0, 1);
	ix_options(&t->m, 256, pair, 2, 3);
	cr_assert_eq(ix_send(t), TSN_DECODE_DAMAGED);
	cr_assert_eq(ix_counter(t, TSN_XC_BAD_TEMPLATE), 5);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES), 0);
	ix_begin(&t->m, 10, 0, 1);
	ix_set(&t->m, 77);
	ix_u(&t->m, 1, 4);
	cr_assert_eq(ix_send(t), TSN_DECODE_DAMAGED, "reserved");
	cr_assert_eq(ix_counter(t, TSN_XC_BAD_SET), 1);
	ix_teardown(t);
}

/* Data that came first is decoded when the template comes, as of when it came, in its order. */
Test(template_cache, data_before_its_template)
{
	struct ix_bench *t = ix_setup();

	for (int i = 0; i < 5; i++, t->now += 1000)
		cr_assert_not(send_data(t, 9, 3, 256, 3));
	cr_assert_not(send_data(t, 9, 4, 256, 3), "of a domain whose template never comes");
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 0);
	t->session = 4;
	send_template(t, 9, 3, 256, triple, 3);
	cr_assert_eq(t->k.n, 5);
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(t->k.row[i].received, IX_NOW + 1000 * i);
		cr_assert_eq(t->k.row[i].exported, INT64_C(1000) * IX_SECS);
		cr_assert_eq(ix_int(t, (size_t)i, TSN_F_SOURCE_ID), 3);
	}
	cr_assert_eq(ix_counter(t, TSN_XC_HELD), 5);
	tsn_decoder_finish(t->d);
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 1);
	tsn_decoder_finish(t->d);
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 1);
	ix_teardown(t);
}

Test(template_cache, waiting_is_bounded)
{
	struct ix_bench *t = ix_setup();

	for (int i = 0; i < 5000; i++)
		send_data(t, 10, 1, 256, 2);
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 5000 - 1024, "sets");
	t->addr++;
	for (int i = 0; i < 50; i++)
		send_data(t, 10, 1, 256, 15000);
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 50 - 17, "bytes");
	t->addr++;
	send_data(t, 10, 1, 256, 2);
	t->now += 1801 * 1000;
	send_template(t, 10, 1, 256, pair, 2);
	cr_assert_eq(t->k.n, 0);
	cr_assert_eq(ix_counter(t, TSN_XC_NO_TEMPLATE), 1, "time");
	t->addr -= 2;
	t->now -= 1801 * 1000;
	send_template(t, 10, 1, 256, pair, 2);
	cr_assert_eq(t->k.n, 1024);
	ix_teardown(t);
}

/* A million templates of one exporter: refused beyond its bound, and nobody else's are touched. */
Test(template_cache, hostile_exporter)
{
	struct ix_bench *t = ix_setup();

	send_template(t, 9, 1, 256, pair, 2);
	t->addr++;
	for (uint32_t domain = 0; domain < 250; domain++) {
		ix_begin(&t->m, 9, 0, domain);
		ix_set(&t->m, 0);
		for (unsigned id = 256; id < 256 + 4000; id++) {
			ix_u(&t->m, id, 2);
			ix_u(&t->m, 2, 2);
			ix_fields(&t->m, pair, 2);
		}
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	}
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES), 4096);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES_REFUSED), 1000000 - 4096);
	cr_assert(send_data(t, 9, 0, 300, 2), "what it was given it keeps");
	t->addr--;
	cr_assert(send_data(t, 9, 1, 256, 2));
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES_REFUSED), 0);
	t->addr++;
	t->now += INT64_C(90000) * 1000;
	t->session++;
	send_template(t, 9, 9000, 256, pair, 2); /* after a day without refresh the old make room */
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES), 4097);
	ix_teardown(t);
}

/* Fields are bounded as well: 1,024 of them in each of many templates. */
Test(template_cache, hostile_fields)
{
	static struct ix_field wide[1024];
	struct ix_bench *t = ix_setup();

	for (int i = 0; i < 1024; i++)
		wide[i] = (struct ix_field){ 0, 1, 1 };
	for (unsigned id = 256; id < 1256; id++)
		send_template(t, 10, 1, id, wide, 1024);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES), 128);
	cr_assert_eq(ix_counter(t, TSN_XC_TEMPLATES_REFUSED), 1000 - 128);
	cr_assert(send_data(t, 10, 1, 256, 256));
	ix_teardown(t);
}

static void
send_numbered(struct ix_bench *t, unsigned version, uint32_t seq, uint32_t domain, unsigned records)
{
	ix_begin(&t->m, version, seq, domain);
	ix_set(&t->m, 256);
	for (unsigned i = 0; i < records; i++)
		ix_u(&t->m, i, 8);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
}

/* v9 numbers datagrams, of each Source ID. */
Test(template_cache, sequence_of_v9)
{
	struct ix_bench *t = ix_setup();

	ix_begin(&t->m, 9, 10, 1);
	ix_template(&t->m, 256, pair, 2);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	send_numbered(t, 9, 11, 1, 5);
	send_numbered(t, 9, 12, 1, 7);
	send_numbered(t, 9, 100, 2, 5); /* another source */
	send_numbered(t, 9, 15, 1, 3);
	cr_assert_eq(ix_counter(t, TSN_XC_LOST_DATAGRAMS), 2);
	send_numbered(t, 9, 13, 1, 4);
	cr_assert_eq(ix_counter(t, TSN_XC_LOST_DATAGRAMS), 1, "it came late");
	cr_assert_eq(ix_counter(t, TSN_XC_REORDERED), 1);
	cr_assert_eq(ix_counter(t, TSN_XC_LOST), 0);
	send_numbered(t, 9, 3000000, 1, 5);
	cr_assert_eq(ix_counter(t, TSN_XC_RESTARTS), 1);
	ix_teardown(t);
}

/* Some exporters of v9 number flows, and some of IPFIX messages: that is found out. */
Test(template_cache, sequence_of_the_other_unit)
{
	for (unsigned version = 9; version <= 10; version++) {
		struct ix_bench *t = ix_setup();
		uint32_t seq = 50;

		ix_begin(&t->m, version, seq, 1);
		ix_template(&t->m, 256, pair, 2);
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
		seq += version == 9 ? 0 : 1;
		for (unsigned i = 0; i < 20; i++) {
			send_numbered(t, version, seq, 1, 5 + i % 3);
			seq += version == 9 ? 5 + i % 3 : 1;
		}
		cr_assert_leq(
		    ix_counter(t, TSN_XC_LOST) + ix_counter(t, TSN_XC_LOST_DATAGRAMS), 6, "version %u", version);
		send_numbered(t, version, seq + 100, 1, 5);
		cr_assert_geq(
		    ix_counter(t, version == 9 ? TSN_XC_LOST : TSN_XC_LOST_DATAGRAMS), 100, "version %u", version);
		ix_teardown(t);
	}
}

/* IPFIX numbers data records, of each session and domain; templates are none, options are. */
Test(template_cache, sequence_of_ipfix)
{
	struct ix_bench *t = ix_setup();

	ix_begin(&t->m, 10, 100, 1);
	ix_template(&t->m, 256, pair, 2);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	send_numbered(t, 10, 100, 1, 5);
	send_numbered(t, 10, 105, 1, 7);
	t->session++;
	send_numbered(t, 10, 7, 1, 5);
	t->session--;
	send_numbered(t, 10, 132, 1, 3);
	cr_assert_eq(ix_counter(t, TSN_XC_LOST), 20);
	cr_assert_eq(ix_counter(t, TSN_XC_LOST_DATAGRAMS), 0);
	send_data(t, 10, 5, 999, 6); /* nobody knows how many records that was */
	ix_begin(&t->m, 10, 40, 5);
	ix_set(&t->m, 999);
	ix_u(&t->m, 1, 8);
	ix_send(t);
	ix_begin(&t->m, 10, 90, 5);
	ix_set(&t->m, 999);
	ix_u(&t->m, 1, 8);
	ix_send(t);
	cr_assert_eq(ix_counter(t, TSN_XC_LOST), 20);
	ix_teardown(t);
}

/* Every allocation fails in turn: nothing is lost, leaked or broken. */
Test(template_cache, out_of_memory)
{
	static const struct ix_field o[] = { { 0, 10, 4 }, { 0, 82, 8 } };

	for (long n = 0; n < 40; n++) {
		struct ix_bench *t = ix_setup();

		tsn_mem_fail_at(n, n % 2);
		for (int round = 0; round < 2; round++) {
			ix_begin(&t->m, 10, 0, 1);
			ix_set(&t->m, 256);
			ix_u(&t->m, 1, 8);
			ix_options(&t->m, 300, o, 2, 1);
			ix_set(&t->m, 300);
			ix_u(&t->m, 1, 4), ix_fixed(&t->m, "eth0", 8);
			ix_template(&t->m, 256, pair, 2);
			ix_set(&t->m, 256);
			ix_u(&t->m, 1, 8);
			ix_send(t);
		}
		tsn_mem_fail_never();
		t->k.n = 0;
		ix_send(t);
		cr_assert_geq(t->k.n, 1, "%ld", n);
		ix_teardown(t);
	}
}
