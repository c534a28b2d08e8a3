/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What options tell of sampling and names; biflows; lists inside records; elements that rules name by number. */
#include <criterion/criterion.h>

#include "unit/build_ipfix.h"

static const struct ix_field flow[] = { { 0, 8, 4 }, { 0, 10, 4 }, { 0, 14, 4 }, { 0, 2, 4 }, { 0, 48, 1 } };
#define FLOWS 5

/* One flow in at [in], out at [out], by sampler [sampler]. */
static void
send_flow(struct ix_bench *t, unsigned version, uint32_t in, uint32_t out, unsigned sampler)
{
	ix_begin(&t->m, version, 0, 1);
	ix_template(&t->m, 256, flow, FLOWS);
	ix_set(&t->m, 256);
	ix_u(&t->m, 1, 4), ix_u(&t->m, in, 4), ix_u(&t->m, out, 4), ix_u(&t->m, 3, 4), ix_u(&t->m, sampler, 1);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
}

/* One options record of 4-byte values. */
static void
send_option(
    struct ix_bench *t, unsigned version, const struct ix_field *f, unsigned n, unsigned scopes, const uint64_t *v)
{
	ix_begin(&t->m, version, 0, 1);
	ix_options(&t->m, 300, f, n, scopes);
	ix_set(&t->m, 300);
	for (unsigned i = 0; i < n; i++)
		ix_u(&t->m, v[i], (int)f[i].len);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
}

static int64_t
last_sampling(const struct ix_bench *t)
{
	return ix_int(t, t->k.n - 1, TSN_F_SAMPLING);
}

Test(template_options, sampling_of_v9)
{
	static const struct ix_field system[] = { { 0, 1, 4 }, { 0, 34, 4 }, { 0, 35, 1 } };
	static const struct ix_field interface[] = { { 0, 2, 4 }, { 0, 34, 4 } };
	static const struct ix_field sampler[] = { { 0, 1, 4 }, { 0, 48, 1 }, { 0, 49, 1 }, { 0, 50, 4 } };
	struct ix_bench *t = ix_setup();

	send_flow(t, 9, 7, 8, 0);
	cr_assert_eq(last_sampling(t), -1);
	send_option(t, 9, system, 3, 1, (const uint64_t[]){ 0, 100, 2 });
	send_flow(t, 9, 7, 8, 0);
	cr_assert_eq(last_sampling(t), 100);
	send_option(t, 9, interface, 2, 1, (const uint64_t[]){ 7, 50 });
	send_option(t, 9, interface, 2, 1, (const uint64_t[]){ 9, 60 });
	send_flow(t, 9, 7, 8, 0);
	cr_assert_eq(last_sampling(t), 50);
	send_flow(t, 9, 1, 9, 0);
	cr_assert_eq(last_sampling(t), 60, "the interface it left by");
	send_flow(t, 9, 1, 2, 0);
	cr_assert_eq(last_sampling(t), 100);
	send_option(t, 9, sampler, 4, 1, (const uint64_t[]){ 0, 3, 2, 1000 });
	send_flow(t, 9, 7, 8, 3);
	cr_assert_eq(last_sampling(t), 1000);
	cr_assert_eq(ix_counter(t, TSN_XC_SAMPLING_CHANGES), 0);
	send_option(t, 9, sampler, 4, 1, (const uint64_t[]){ 0, 3, 2, 2000 }); /* the id means another interval now */
	cr_assert_eq(ix_counter(t, TSN_XC_SAMPLING_CHANGES), 1);
	send_flow(t, 9, 7, 8, 3);
	cr_assert_eq(last_sampling(t), 2000);
	cr_assert_eq(ix_counter(t, TSN_XC_OPTIONS), 5);
	ix_teardown(t);
}

Test(template_options, sampling_of_ipfix)
{
	static const struct {
		struct ix_field f[4];
		unsigned n;
		uint64_t v[4];
		int64_t want;
	} cases[] = {
		{ { { 0, 302, 8 }, { 0, 304, 2 }, { 0, 305, 4 }, { 0, 306, 4 } }, 4, { 5, 1, 1, 511 }, 512 },
		{ { { 0, 302, 8 }, { 0, 304, 2 }, { 0, 305, 4 }, { 0, 306, 4 } }, 4, { 5, 1, 10, 990 }, 100 },
		{ { { 0, 302, 8 }, { 0, 309, 4 }, { 0, 310, 4 } }, 3, { 5, 2, 400 }, 200 },
		{ { { 0, 302, 8 }, { 0, 311, 8 } }, 2, { 5, 0x3f50624dd2f1a9fc }, 1000 }, /* 0.001 */
		{ { { 0, 302, 8 }, { 0, 305, 4 } }, 2, { 5, 64 }, 64 },
		{ { { 0, 302, 8 }, { 0, 311, 8 } }, 2, { 5, 0x7ff0000000000000 }, -1 }, /* infinite */
		{ { { 0, 302, 8 }, { 0, 309, 4 }, { 0, 310, 4 } }, 3, { 5, 0, 400 }, -1 },
	};
	static const struct ix_field selected[] = { { 0, 8, 4 }, { 0, 2, 4 }, { 0, 302, 8 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ix_bench *t = ix_setup();

		send_option(t, 10, cases[i].f, cases[i].n, 1, cases[i].v);
		ix_begin(&t->m, 10, 0, 1);
		ix_template(&t->m, 256, selected, 3);
		ix_set(&t->m, 256);
		ix_u(&t->m, 1, 4), ix_u(&t->m, 1, 4), ix_u(&t->m, 5, 8);
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
		cr_assert_eq(last_sampling(t), cases[i].want, "case %zu: %lld", i, (long long)last_sampling(t));
		ix_teardown(t);
	}
}

/* The interval may stand in the record itself. */
Test(template_options, sampling_in_the_record)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 305, 4 }, { 0, 306, 4 } };
	struct ix_bench *t = ix_setup();

	ix_begin(&t->m, 10, 0, 1);
	ix_template(&t->m, 256, f, 3);
	ix_set(&t->m, 256);
	ix_u(&t->m, 1, 4), ix_u(&t->m, 1, 4), ix_u(&t->m, 99, 4);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	cr_assert_eq(last_sampling(t), 100);
	ix_teardown(t);
}

static enum tsn_decode
send_unspilled(struct ix_bench *t)
{
	struct tsn_sender from = { tsn_addr_v4(t->addr), t->session };
	uint8_t *exact = malloc(ix_end(&t->m));
	enum tsn_decode how;

	memcpy(exact, t->m.p, t->m.n);
	how = tsn_decode_message(t->d, exact, t->m.n, &from, t->now, &t->k.sink);
	free(exact);
	return how;
}

static bool
text_is(const struct ix_bench *t, uint32_t row, enum tsn_field f, const char *s)
{
	struct tsn_value v;

	tsn_batch_get(t->k.batch, row, f, &v);
	return s == NULL ? !v.known : v.known && v.s.n == strlen(s) && memcmp(v.s.p, s, v.s.n) == 0;
}

static void
send_name(struct ix_bench *t, unsigned version, struct ix_field id, uint64_t v, unsigned name_id, const char *name)
{
	const struct ix_field f[] = { id, { 0, name_id, 16 } };

	ix_begin(&t->m, version, 0, 1);
	ix_options(&t->m, 301, f, 2, 1);
	ix_set(&t->m, 301);
	ix_u(&t->m, v, (int)id.len);
	ix_fixed(&t->m, name, 16);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
}

Test(template_options, names)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 10, 4 }, { 0, 14, 4 }, { 0, 95, 4 }, { 0, 234, 4 } };
	struct ix_bench *t = ix_setup();

	send_name(t, 9, (struct ix_field){ 0, 2, 4 }, 7, 82, "Gi0/7");
	send_name(t, 9, (struct ix_field){ 0, 2, 4 }, 8, 83, "to the core");
	send_name(t, 9, (struct ix_field){ 0, 1, 4 }, 0, 82, "of nothing");
	ix_begin(&t->m, 9, 0, 1);
	ix_options(&t->m, 302, (const struct ix_field[]){ { 0, 1, 4 }, { 0, 95, 4 }, { 0, 96, 12 } }, 3, 1);
	ix_set(&t->m, 302);
	ix_u(&t->m, 1, 4), ix_u(&t->m, 0x03000050, 4), ix_fixed(&t->m, "http", 12);
	ix_u(&t->m, 1, 4), ix_u(&t->m, 0x0d0001af, 4), ix_fixed(&t->m, "ms-teams", 12);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	ix_begin(&t->m, 9, 0, 1);
	ix_options(&t->m, 303, (const struct ix_field[]){ { 0, 1, 4 }, { 0, 234, 4 }, { 0, 236, 8 } }, 3, 1);
	ix_set(&t->m, 303);
	ix_u(&t->m, 1, 4), ix_u(&t->m, 0x60000001, 4), ix_fixed(&t->m, "red", 8);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);

	ix_begin(&t->m, 9, 0, 1);
	ix_template(&t->m, 256, f, 5);
	ix_set(&t->m, 256);
	for (int i = 0; i < 2; i++)
		ix_u(&t->m, 1, 4), ix_u(&t->m, 7, 4), ix_u(&t->m, 8, 4), ix_u(&t->m, 0x0d0001af, 4),
		    ix_u(&t->m, 0x60000001, 4);
	ix_u(&t->m, 1, 4), ix_u(&t->m, 9, 4), ix_u(&t->m, 7, 4), ix_u(&t->m, 0x03000050, 4), ix_u(&t->m, 5, 4);
	cr_assert_eq(send_unspilled(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.batch->n, 3);
	for (uint32_t row = 0; row < 2; row++) {
		cr_assert(
		    text_is(t, row, TSN_F_IN_IF_NAME, "Gi0/7") && text_is(t, row, TSN_F_OUT_IF_NAME, "to the core"));
		cr_assert(text_is(t, row, TSN_F_APPLICATION, "ms-teams") && text_is(t, row, TSN_F_VRF, "red"));
	}
	cr_assert(text_is(t, 2, TSN_F_IN_IF_NAME, NULL) && text_is(t, 2, TSN_F_OUT_IF_NAME, "Gi0/7"));
	cr_assert(text_is(t, 2, TSN_F_APPLICATION, "http") && text_is(t, 2, TSN_F_VRF, NULL));
	cr_assert_eq(ix_counter(t, TSN_XC_OPTIONS), 6);
	ix_teardown(t);
}

Test(template_options, bounded)
{
	static const struct ix_field f[] = { { 0, 10, 4 }, { 0, 82, 4 } };
	struct ix_bench *t = ix_setup();

	for (unsigned n = 0; n < 40000;) {
		ix_begin(&t->m, 10, 0, 1);
		ix_options(&t->m, 300, f, 2, 1);
		ix_set(&t->m, 300);
		for (int i = 0; i < 1000; i++)
			ix_u(&t->m, n++, 4), ix_u(&t->m, 0x65746830, 4);
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	}
	cr_assert_eq(ix_counter(t, TSN_XC_OPTIONS_REFUSED), 40000 - 32768);
	ix_teardown(t);
}

/* RFC 5103: the other direction is a row of its own if it has packets or bytes. */
Test(template_options, biflow)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 12, 4 }, { 0, 7, 2 }, { 0, 11, 2 }, { 0, 2, 4 },
		{ 0, 1, 4 }, { 29305, 2, 4 }, { 29305, 1, 4 }, { 0, 6, 1 }, { 29305, 6, 1 }, { 0, 152, 8 },
		{ 0, 153, 8 }, { 29305, 152, 8 }, { 0, 10, 4 }, { 0, 4, 1 } };
	uint64_t at = INT64_C(1000) * IX_SECS - 5000;

	for (uint32_t cap = 1; cap < 4; cap++) {
		struct ix_bench *t = ix_setup();

		t->k.batch->cap = cap;
		ix_begin(&t->m, 10, 0, 1);
		ix_template(&t->m, 256, f, 15);
		ix_set(&t->m, 256);
		for (unsigned i = 0; i < 2; i++) {
			ix_u(&t->m, 1, 4), ix_u(&t->m, 2, 4), ix_u(&t->m, 1000, 2), ix_u(&t->m, 80, 2),
			    ix_u(&t->m, 5, 4), ix_u(&t->m, 500, 4);
			ix_u(&t->m, i * 4, 4), ix_u(&t->m, i * 900, 4), ix_u(&t->m, 2, 1), ix_u(&t->m, 18, 1);
			ix_u(&t->m, at, 8), ix_u(&t->m, at + 4000, 8), ix_u(&t->m, at + 10, 8), ix_u(&t->m, 3, 4),
			    ix_u(&t->m, 6, 1);
		}
		cr_assert_eq(ix_send(t), TSN_DECODE_OK);
		cr_assert_eq(t->k.n, 3);
		cr_assert_eq(ix_int(t, 0, TSN_F_RAW_PACKETS), 5);
		cr_assert_eq(ix_int(t, 1, TSN_F_FLAGS), 2);
		cr_assert_eq(t->k.row[2].field[TSN_F_SRC].addr.lo, 2);
		cr_assert_eq(t->k.row[2].field[TSN_F_DST].addr.lo, 1);
		cr_assert(ix_int(t, 2, TSN_F_SRC_PORT) == 80 && ix_int(t, 2, TSN_F_DST_PORT) == 1000);
		cr_assert(ix_int(t, 2, TSN_F_RAW_PACKETS) == 4 && ix_int(t, 2, TSN_F_RAW_BYTES) == 900);
		cr_assert(ix_int(t, 2, TSN_F_FLAGS) == 18 && ix_int(t, 2, TSN_F_PROTO) == 6);
		cr_assert(
		    ix_int(t, 2, TSN_F_START) == (int64_t)at + 10 && ix_int(t, 2, TSN_F_END) == (int64_t)at + 4000);
		cr_assert(ix_int(t, 2, TSN_F_IN_IF) == -1 && ix_int(t, 2, TSN_F_OUT_IF) == 3);
		cr_assert_eq(ix_counter(t, TSN_XC_FLOWS), 3);
		ix_teardown(t);
	}
}

/* YAF tells how long the answer took; the answer's row starts there. */
Test(template_options, biflow_with_delay)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 12, 4 }, { 0, 85, 4 }, { 29305, 85, 4 }, { 0, 152, 8 },
		{ 0, 153, 8 }, { 6871, 21, 4 } };
	uint64_t at = INT64_C(1000) * IX_SECS - 5000;
	struct ix_bench *t = ix_setup();

	ix_begin(&t->m, 10, 0, 1);
	ix_template(&t->m, 256, f, 7);
	ix_set(&t->m, 256);
	for (unsigned i = 0; i < 2; i++)
		ix_u(&t->m, 1, 4), ix_u(&t->m, 2, 4), ix_u(&t->m, 100, 4), ix_u(&t->m, 200, 4), ix_u(&t->m, at, 8),
		    ix_u(&t->m, at + 90, 8), ix_u(&t->m, i == 0 ? 30 : 91, 4);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.n, 4);
	cr_assert(ix_int(t, 0, TSN_F_START) == (int64_t)at && ix_int(t, 0, TSN_F_END) == (int64_t)at + 90);
	cr_assert(ix_int(t, 1, TSN_F_START) == (int64_t)at + 30 && ix_int(t, 1, TSN_F_END) == (int64_t)at + 90);
	cr_assert(ix_int(t, 1, TSN_F_RAW_BYTES) == 200);
	cr_assert(ix_int(t, 3, TSN_F_START) == (int64_t)at, "it would have begun after its end");
	ix_teardown(t);
}

/* Firewalls have octets of initiator and responder in one record. */
Test(template_options, initiator_and_responder)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 12, 4 }, { 0, 231, 4 }, { 0, 232, 4 }, { 0, 298, 4 },
		{ 0, 299, 4 } };
	struct ix_bench *t = ix_setup();

	ix_begin(&t->m, 9, 0, 1);
	ix_template(&t->m, 256, f, 6);
	ix_set(&t->m, 256);
	ix_u(&t->m, 1, 4), ix_u(&t->m, 2, 4), ix_u(&t->m, 100, 4), ix_u(&t->m, 200, 4), ix_u(&t->m, 1, 4),
	    ix_u(&t->m, 2, 4);
	ix_u(&t->m, 1, 4), ix_u(&t->m, 2, 4), ix_u(&t->m, 300, 4), ix_u(&t->m, 0, 4), ix_u(&t->m, 3, 4),
	    ix_u(&t->m, 0, 4);
	cr_assert_eq(ix_send(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.n, 3);
	cr_assert(ix_int(t, 0, TSN_F_RAW_BYTES) == 100 && ix_int(t, 0, TSN_F_RAW_PACKETS) == 1);
	cr_assert(ix_int(t, 1, TSN_F_RAW_BYTES) == 200 && ix_int(t, 1, TSN_F_RAW_PACKETS) == 2);
	cr_assert_eq(t->k.row[1].field[TSN_F_SRC].addr.lo, 2);
	cr_assert_eq(ix_int(t, 2, TSN_F_RAW_BYTES), 300);
	ix_teardown(t);
}

/* A list inside the record: where it ends is told behind it. */
static size_t
open_list(struct ix *m, bool long_form)
{
	ix_u(m, long_form ? 255 : 0, 1);
	if (long_form)
		ix_u(m, 0, 2);
	return m->n;
}

static void
close_list(struct ix *m, size_t from, bool long_form)
{
	nf_put(m->p + from - (long_form ? 2 : 1), m->n - from, long_form ? 2 : 1);
}

/* YAF's way: a subTemplateMultiList with the flags, and in it a basicList of hosts and a subTemplateList of queries. */
Test(template_options, lists)
{
	static const struct ix_field outer[] = { { 0, 8, 4 }, { 0, 293, 65535 }, { 0, 12, 4 } };
	static const struct ix_field tcp[] = { { 0, 184, 4 }, { 6871, 14, 1 }, { 6871, 15, 1 } };
	static const struct ix_field http[] = { { 0, 291, 65535 }, { 0, 291, 65535 } };
	static const struct ix_field dns[] = { { 0, 292, 65535 } };
	static const struct ix_field query[] = { { 6871, 179, 65535 } };
	struct ix_bench *t = ix_setup();
	struct ix *m = &t->m;
	size_t multi, at, list;

	ix_begin(m, 10, 0, 1);
	ix_template(m, 256, outer, 3);
	ix_template(m, 257, tcp, 3);
	ix_template(m, 258, http, 2);
	ix_template(m, 259, dns, 1);
	ix_template(m, 260, query, 1);
	ix_set(m, 256);
	ix_u(m, 1, 4);
	multi = open_list(m, true);
	ix_u(m, 3, 1);
	ix_u(m, 257, 2), ix_u(m, 4 + 6, 2), ix_u(m, 9, 4), ix_u(m, 0x02, 1), ix_u(m, 0x18, 1);
	ix_u(m, 258, 2), at = m->n, ix_u(m, 0, 2);
	list = open_list(m, false);
	ix_u(m, 255, 1), ix_u(m, 117 | 0x8000, 2), ix_u(m, 65535, 2), ix_u(m, 6871, 4), ix_var(m, "a.example", false),
	    ix_var(m, "b.example", false);
	close_list(m, list, false);
	list = open_list(m, true);
	ix_u(m, 255, 1), ix_u(m, 112 | 0x8000, 2), ix_u(m, 65535, 2), ix_u(m, 6871, 4),
	    ix_var(m, "GET /index.html HTTP/1.1", true);
	close_list(m, list, true);
	nf_put(m->p + at, m->n - at + 2, 2);
	ix_u(m, 259, 2), at = m->n, ix_u(m, 0, 2);
	list = open_list(m, false);
	ix_u(m, 3, 1), ix_u(m, 260, 2), ix_var(m, "www.example.", false);
	close_list(m, list, false);
	nf_put(m->p + at, m->n - at + 2, 2);
	close_list(m, multi, true);
	ix_u(m, 77, 4);
	cr_assert_eq(send_unspilled(t), TSN_DECODE_OK);
	cr_assert_eq(t->k.batch->n, 1);
	cr_assert(text_is(t, 0, TSN_F_HTTP_HOST, "a.example") && text_is(t, 0, TSN_F_HTTP_URL, "/index.html"));
	cr_assert(text_is(t, 0, TSN_F_DNS_NAME, "www.example."));
	keeper_spill(&t->k);
	cr_assert_eq(ix_int(t, 0, TSN_F_FLAGS), 0x1a);
	cr_assert_eq(t->k.row[0].field[TSN_F_DST].addr.lo, 77, "what follows the list");
	ix_teardown(t);
}

/* Lists in lists in lists..., and lists whose lengths lie: the rest of the record stands. */
Test(template_options, hostile_lists)
{
	static const struct ix_field outer[] = { { 0, 8, 4 }, { 0, 292, 65535 }, { 0, 12, 4 } };
	struct ix_bench *t = ix_setup();
	struct ix *m = &t->m;

	for (unsigned depth = 1; depth < 60; depth++) {
		size_t before = t->k.n;

		ix_begin(m, 10, 0, 1);
		ix_template(m, 256, outer, 3); /* in the list: records of itself */
		ix_set(m, 256);
		ix_u(m, 1, 4);
		for (unsigned i = 0; i < depth; i++) {
			ix_u(m, 255, 1), ix_u(m, (depth - i) * 14 - 7 - (i == depth - 1 ? 0 : 0), 2);
			ix_u(m, 3, 1), ix_u(m, 256, 2), ix_u(m, 1, 4);
		}
		for (unsigned i = 0; i < 2 * depth + 4; i++)
			ix_u(m, 0, 4);
		ix_send(t);
		cr_assert_geq(t->k.n, before);
	}
	ix_teardown(t);
}

Test(template_options, wanted_elements)
{
	static const struct ix_field f[] = { { 0, 8, 4 }, { 0, 54, 4 }, { 0, 225, 4 }, { 5951, 140, 65535 },
		{ 0, 276, 1 } };
	struct tsn_wanted w[] = { { 0, 54, TSN_F_FLOW_LABEL }, { 0, 225, TSN_F_NEXT_HOP }, { 5951, 140, TSN_F_VRF },
		{ 0, 276, TSN_F_MIN_TTL } };
	struct ix_bench *t = ix_setup();

	for (int round = 0; round < 3; round++) {
		tsn_decoder_want(t->d, w, round == 1 ? 4 : 0);
		ix_begin(&t->m, 10, 0, 1);
		ix_template(&t->m, 256, f, 5);
		ix_set(&t->m, 256);
		ix_u(&t->m, 1, 4), ix_u(&t->m, 54321, 4), ix_u(&t->m, 0x0a000001, 4),
		    ix_var(&t->m, "http://x/", false), ix_u(&t->m, 1, 1);
		cr_assert_eq(send_unspilled(t), TSN_DECODE_OK);
		cr_assert(text_is(t, 0, TSN_F_VRF, round == 1 ? "http://x/" : NULL));
		keeper_spill(&t->k);
		cr_assert_eq(ix_int(t, (size_t)round, TSN_F_FLOW_LABEL), round == 1 ? 54321 : -1);
		cr_assert_eq(ix_int(t, (size_t)round, TSN_F_MIN_TTL), round == 1 ? 1 : -1);
		cr_assert_eq(t->k.row[round].field[TSN_F_NEXT_HOP].known, round == 1);
	}
	cr_assert_eq(t->k.row[1].field[TSN_F_NEXT_HOP].addr.lo, 0x0a000001);
	ix_teardown(t);
}
