/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * tsn_batch_normalise and tsn_batch_derive against an oracle that does one row
 * at a time, plainly, from the words of the language; then single cases.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "flow/batch.h"
#include "flow/exporter.h"
#include "unit/dice.h"

#define EXPORTERS 5

static struct tsn_exporter_setting
site_says(uint32_t addr, const char *name, uint32_t sampling)
{
	return (struct tsn_exporter_setting){ { tsn_addr_v4(addr), 32 }, name, sampling, false };
}

/* One flow as a decoder saw it; -1 (or NONE) is absent. */
struct row {
	int proto, sport, dport, flags, itype, icode, in_if, tos;
	int64_t sampling, packets, bytes, start, end, received, exported;
	bool huge; /* packets above 2^63-1 */
	int src_family, dst_family;
	uint32_t source;
};

struct expect {
	int sport, dport, flags, itype, icode, version;
	int64_t sampling, raw_packets, packets, bytes, time, received, duration;
	double bps, bpp;
};

struct side { bool flags_seen, if_seen; int64_t sampling, last; };

static int64_t
mul(int64_t a, int64_t by)
{
	__int128 p = (__int128)a * by;

	return a < 0 || p > INT64_MAX ? -1 : (int64_t)p;
}

/* The oracle. [override] is the site's sampling for the exporter. */
static void
oracle(const struct row *r, struct side *x, int64_t override, struct expect *e)
{
	bool icmp = r->proto == 1 || r->proto == 58;
	bool ports = r->proto == -1 || r->proto == 6 || r->proto == 17 || r->proto == 33 || r->proto == 132 || r->proto == 136;
	int64_t interval, age;

	memset(e, 0, sizeof(*e));
	e->sport = ports ? r->sport : -1;
	e->dport = ports ? r->dport : -1;
	e->itype = icmp || r->proto == -1 ? r->itype : -1;
	e->icode = icmp || r->proto == -1 ? r->icode : -1;
	if (icmp && r->itype == -1 && r->icode == -1 && r->dport != -1) {
		int both = r->dport != 0 ? r->dport : r->sport > 0 ? r->sport : 0;

		e->itype = both / 256;
		e->icode = both % 256;
	}
	if (r->proto == 6 && r->flags > 0)
		x->flags_seen = true;
	e->flags = r->proto == 6 && (r->flags > 0 || (r->flags == 0 && x->flags_seen)) ? r->flags : -1;
	x->if_seen |= r->in_if > 0;
	if (r->sampling > 0)
		x->sampling = r->sampling;
	e->sampling = override > 0 ? override : r->sampling > 0 ? r->sampling : -1;
	interval = e->sampling > 0 ? e->sampling : 1;
	e->raw_packets = r->huge ? -1 : r->packets;
	e->packets = mul(e->raw_packets, interval);
	e->bytes = mul(r->bytes, interval);
	e->version = r->src_family ? r->src_family : r->dst_family ? r->dst_family : -1;
	e->received = r->received;
	if (r->received == TSN_TIME_NONE) {
		e->time = r->end != TSN_TIME_NONE ? r->end : r->exported != TSN_TIME_NONE ? r->exported :
		    r->start != TSN_TIME_NONE ? r->start : 0;
		e->received = e->time;
	} else if (r->end == TSN_TIME_NONE || r->exported == TSN_TIME_NONE) {
		e->time = r->received;
	} else {
		age = r->exported - r->end;
		age = age < 0 ? 0 : age > 3600000 ? 3600000 : age;
		e->time = r->received - age;
	}
	if (e->received > x->last)
		x->last = e->received;
	e->duration = r->start != TSN_TIME_NONE && r->end != TSN_TIME_NONE ? r->end - r->start : TSN_TIME_NONE;
	e->bpp = e->packets > 0 && e->bytes >= 0 ? (double)e->bytes / (double)e->packets : -1;
	e->bps = e->duration > 0 && e->bytes >= 0 ? (double)e->bytes * 8000.0 / (double)e->duration : -1;
}

static void
random_row(struct row *r, bool times, bool sampled)
{
	static const int protos[] = { 6, 6, 6, 17, 17, 1, 58, 132, 136, 33, 47, 0, -1, 255 };

	memset(r, 0, sizeof(*r));
	r->proto = protos[below(14)];
	r->sport = below(10) ? (int)below(65536) : below(2) ? -1 : 0;
	r->dport = below(4) ? (int)below(65536) : below(3) ? 0 : -1;
	r->flags = below(10) ? (below(2) ? 0 : (int)below(512)) : -1;
	r->itype = below(5) ? -1 : (int)below(256);
	r->icode = below(5) ? -1 : (int)below(256);
	r->in_if = below(6) ? -1 : (int)below(3);
	r->tos = below(3) ? (int)below(256) : -1;
	r->sampling = sampled && below(3) ? below(3) * (int64_t)below(1000) : below(2) ? 1 : -1;
	r->packets = below(20) ? (int64_t)below(100) : below(2) ? -1 : INT64_MAX / 500;
	r->huge = below(200) == 0;
	r->bytes = below(20) ? (int64_t)below(100000) : -1;
	r->received = times && below(8) == 0 ? TSN_TIME_NONE : 1700000000000 + (int64_t)below(100000);
	r->exported = times && below(8) == 0 ? TSN_TIME_NONE : 1690000000000 + (int64_t)below(100000);
	r->end = times && below(8) == 0 ? TSN_TIME_NONE : 1690000000000 + (int64_t)below(100000) - (below(9) ? 0 : 5000000);
	r->start = below(8) == 0 ? TSN_TIME_NONE : 1690000000000 + (int64_t)below(100000) - 50000;
	r->src_family = below(20) == 0 ? 0 : below(3) ? 4 : 6;
	r->dst_family = below(20) == 0 ? 0 : below(3) ? 4 : 6;
	r->source = 1 + below(EXPORTERS);
}

static void
put(struct tsn_batch *b, uint32_t i, enum tsn_field f, int64_t v, int64_t none)
{
	if (v != none)
		tsn_batch_put_int(b, i, f, v);
}

static void
put_row(struct tsn_batch *b, uint32_t i, const struct row *r)
{
	struct tsn_addr six = { 0x20010db800000000, i, false };

	put(b, i, TSN_F_PROTO, r->proto, -1);
	put(b, i, TSN_F_SRC_PORT, r->sport, -1);
	put(b, i, TSN_F_DST_PORT, r->dport, -1);
	put(b, i, TSN_F_FLAGS, r->flags, -1);
	put(b, i, TSN_F_ICMP_TYPE, r->itype, -1);
	put(b, i, TSN_F_ICMP_CODE, r->icode, -1);
	put(b, i, TSN_F_IN_IF, r->in_if, -1);
	put(b, i, TSN_F_TOS, r->tos, -1);
	put(b, i, TSN_F_SAMPLING, r->sampling, -1);
	put(b, i, TSN_F_RAW_PACKETS, r->huge ? INT64_MIN + 5 : r->packets, r->huge ? 0 : -1);
	put(b, i, TSN_F_RAW_BYTES, r->bytes, -1);
	put(b, i, TSN_F_START, r->start, TSN_TIME_NONE);
	put(b, i, TSN_F_END, r->end, TSN_TIME_NONE);
	if (r->src_family)
		tsn_batch_put_addr(b, i, TSN_F_SRC, r->src_family == 4 ? tsn_addr_v4(i) : six);
	if (r->dst_family)
		tsn_batch_put_addr(b, i, TSN_F_DST, r->dst_family == 4 ? tsn_addr_v4(i) : six);
	b->received[i] = r->received;
	b->exported[i] = r->exported;
	b->source[i] = r->source;
}

static int64_t
get(const struct tsn_batch *b, uint32_t i, enum tsn_field f, int64_t none)
{
	struct tsn_value v;

	tsn_batch_get(b, i, f, &v);
	return v.known ? v.i : none;
}

static double
get_real(const struct tsn_batch *b, uint32_t i, enum tsn_field f)
{
	struct tsn_value v;

	tsn_batch_get(b, i, f, &v);
	return v.known ? v.f : -1;
}

#define SAME(what, got, want) \
	cr_assert((got) == (want), "case %u row %u: %s is %lld, not %lld", n, i, what, (long long)(got), (long long)(want))

static void
compare(const struct tsn_batch *b, uint32_t n, uint32_t i, const struct expect *e, const struct row *r)
{
	SAME("src_port", get(b, i, TSN_F_SRC_PORT, -1), e->sport);
	SAME("dst_port", get(b, i, TSN_F_DST_PORT, -1), e->dport);
	SAME("flags", get(b, i, TSN_F_FLAGS, -1), e->flags);
	SAME("icmp_type", get(b, i, TSN_F_ICMP_TYPE, -1), e->itype);
	SAME("icmp_code", get(b, i, TSN_F_ICMP_CODE, -1), e->icode);
	SAME("sampling", get(b, i, TSN_F_SAMPLING, -1), e->sampling);
	SAME("raw_packets", get(b, i, TSN_F_RAW_PACKETS, -1), e->raw_packets);
	SAME("raw_bytes", get(b, i, TSN_F_RAW_BYTES, -1), r->bytes);
	SAME("packets", get(b, i, TSN_F_PACKETS, -1), e->packets);
	SAME("bytes", get(b, i, TSN_F_BYTES, -1), e->bytes);
	SAME("ip_version", get(b, i, TSN_F_IP_VERSION, -1), e->version);
	SAME("duration", get(b, i, TSN_F_DURATION, TSN_TIME_NONE), e->duration);
	SAME("dscp", get(b, i, TSN_F_DSCP, -1), r->tos < 0 ? -1 : r->tos / 4);
	SAME("time", b->time[i], e->time);
	SAME("received", b->received[i], e->received);
	cr_assert(fabs(get_real(b, i, TSN_F_BPS) - e->bps) <= 1e-9 * fabs(e->bps), "case %u row %u: bps", n, i);
	cr_assert(fabs(get_real(b, i, TSN_F_BYTES_PER_PACKET) - e->bpp) <= 1e-9 * fabs(e->bpp), "case %u row %u: bpp", n, i);
}

static void
no_bit_past_the_end(const struct tsn_batch *b, uint32_t n)
{
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		for (uint32_t i = b->n; i < TSN_BATCH_ROWS; i++)
			cr_assert(!tsn_mask_has(&b->present[f], i), "case %u: %s present in row %u of %u", n, tsn_fields[f].name, i, b->n);
}

Test(flow_normalise, equals_the_row_at_a_time_oracle)
{
	static struct row rows[TSN_BATCH_ROWS];
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_field_set want;
	uint32_t n, i;

	seed = 88172645463325252;
	memset(&want, 0xff, sizeof(want));
	cr_assert_not_null(b);
	for (n = 0; n < 120; n++) {
		struct tsn_exporters *x = tsn_exporters_new(16);
		struct side sides[EXPORTERS + 1];
		int64_t override[EXPORTERS + 1] = { 0 };
		struct tsn_exporter_setting setting[EXPORTERS + 1];
		size_t nsettings = 0;

		for (i = 0; i <= EXPORTERS; i++) {
			sides[i] = (struct side){ false, false, 0, TSN_TIME_NONE };
			if (i == 0)
				continue;
			cr_assert(tsn_exporters_find(x, tsn_addr_v4(i)) == i);
			if (n % 4 == 3 && below(3) == 0) {
				override[i] = 1 + below(100);
				setting[nsettings++] = site_says(i, "edge", (uint32_t)override[i]);
			}
		}
		cr_assert(tsn_exporters_configure(x, setting, nsettings));
		for (int round = 0; round < 3; round++) { /* exporters remember from batch to batch */
			uint32_t count = below(4) ? below(TSN_BATCH_ROWS) + 1 : below(3);

			tsn_batch_clear(b, TSN_BATCH_FLOWS);
			for (i = 0; i < count; i++) {
				random_row(&rows[i], n % 2, n % 3 == 0);
				if (i > 0 && below(4))
					rows[i].source = rows[i - 1].source;
				put_row(b, i, &rows[i]);
			}
			b->n = count;
			tsn_batch_normalise(b, x);
			tsn_batch_derive(b, &want);
			for (i = 0; i < count; i++) {
				struct expect e;

				oracle(&rows[i], &sides[rows[i].source], override[rows[i].source], &e);
				compare(b, n, i, &e, &rows[i]);
			}
			no_bit_past_the_end(b, n);
		}
		for (i = 1; i <= EXPORTERS; i++) {
			const struct tsn_exporter *e = tsn_exporters_at(x, i);

			SAME("flags_seen", e->flags_seen, sides[i].flags_seen);
			SAME("interfaces_seen", e->interfaces_seen, sides[i].if_seen);
			SAME("sampling told", (int64_t)e->sampling, sides[i].sampling);
		}
		tsn_exporters_free(x);
	}
	tsn_batch_free(b);
}

/* A batch of [count] TCP rows of exporter 1 with END and both clocks. */
static void
one_row(struct tsn_batch *b, int64_t received, int64_t exported, int64_t end)
{
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	put(b, 0, TSN_F_END, end, TSN_TIME_NONE);
	b->received[0] = received;
	b->exported[0] = exported;
	b->n = 1;
}

Test(flow_normalise, event_time)
{
	static const struct { int64_t received, exported, end, time; } cases[] = {
		{ 1000000, 500000, 499000, 999000 },                 /* the exporter's error cancels */
		{ 1000000, 9000000, 8999000, 999000 },
		{ 1000000, 500000, 500500, 1000000 },                /* ends in the future: age 0 */
		{ 9000000, 5000000, 0, 9000000 - 3600000 },          /* age at most an hour */
		{ 9000000, 5000000, 5000000 - 3600000, 9000000 - 3600000 },
		{ 1000000, 500000, TSN_TIME_NONE, 1000000 },         /* no end */
		{ 1000000, TSN_TIME_NONE, 5, 1000000 },              /* a file that kept the receive time */
		{ TSN_TIME_NONE, TSN_TIME_NONE, 777, 777 },          /* a file with neither */
		{ TSN_TIME_NONE, TSN_TIME_NONE, TSN_TIME_NONE, 0 },
		{ 1000000, INT64_MAX, INT64_MIN + 1, 1000000 - 3600000 }, /* no overflow */
		{ 1000000, INT64_MIN + 1, INT64_MAX, 1000000 },
	};
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		one_row(b, cases[i].received, cases[i].exported, cases[i].end);
		tsn_batch_normalise(b, x);
		cr_assert_eq(b->time[0], cases[i].time, "case %u: %lld", i, (long long)b->time[0]);
		if (cases[i].received == TSN_TIME_NONE)
			cr_assert_eq(b->received[0], cases[i].time, "case %u", i);
	}
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_normalise, flags_count_from_the_first_flow_that_shows_one)
{
	static const int flags[] = { 0, 0, 2, 0, 16, 0 };
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);
	uint32_t e = tsn_exporters_find(x, tsn_addr_v4(1));

	for (int round = 0; round < 2; round++) {
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		for (uint32_t i = 0; i < 6; i++) {
			tsn_batch_put_int(b, i, TSN_F_PROTO, 6);
			tsn_batch_put_int(b, i, TSN_F_FLAGS, flags[i]);
			b->source[i] = e;
		}
		b->n = 6;
		tsn_batch_normalise(b, x);
		for (uint32_t i = 0; i < 6; i++)
			cr_assert_eq(get(b, i, TSN_F_FLAGS, -1), round == 0 && i < 2 ? -1 : flags[i], "round %d row %u", round, i);
	}
	/* UDP with flags teaches nothing */
	e = tsn_exporters_find(x, tsn_addr_v4(2));
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	tsn_batch_put_int(b, 0, TSN_F_PROTO, 17);
	tsn_batch_put_int(b, 0, TSN_F_FLAGS, 2);
	b->source[0] = e;
	b->n = 1;
	tsn_batch_normalise(b, x);
	cr_assert_eq(get(b, 0, TSN_F_FLAGS, -1), -1);
	cr_assert(!tsn_exporters_at(x, e)->flags_seen);
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_normalise, scaled_counters_are_the_raw_ones_until_a_row_is_sampled)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);

	for (int sampled = 0; sampled < 2; sampled++) {
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		tsn_batch_put_int(b, 0, TSN_F_RAW_PACKETS, 7);
		tsn_batch_put_int(b, 1, TSN_F_RAW_PACKETS, 9);
		if (sampled)
			tsn_batch_put_int(b, 1, TSN_F_SAMPLING, 1000);
		b->n = 2;
		tsn_batch_normalise(b, x);
		cr_assert_eq(b->sampled, sampled);
		cr_assert_eq(b->col[TSN_F_PACKETS] == b->col[TSN_F_RAW_PACKETS], !sampled);
		cr_assert_eq(get(b, 0, TSN_F_PACKETS, -1), 7);
		cr_assert_eq(get(b, 1, TSN_F_PACKETS, -1), sampled ? 9000 : 9);
		cr_assert_eq(get(b, 1, TSN_F_RAW_PACKETS, -1), 9);
	}
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_normalise, packets_put_by_a_test_are_raw_ones)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);

	tsn_batch_put_int(b, 0, TSN_F_PACKETS, 5);
	tsn_batch_put_int(b, 0, TSN_F_SAMPLING, 10);
	b->n = 1;
	tsn_batch_normalise(b, x);
	cr_assert_eq(get(b, 0, TSN_F_RAW_PACKETS, -1), 5);
	cr_assert_eq(get(b, 0, TSN_F_PACKETS, -1), 50);
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_normalise, a_name_and_the_sites_sampling)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);
	struct tsn_value v;

	struct tsn_exporter_setting says = site_says(9, "edge-1", 100);

	cr_assert(tsn_exporters_configure(x, &says, 1));
	tsn_batch_put_int(b, 0, TSN_F_SAMPLING, 7);
	b->source[0] = tsn_exporters_find(x, tsn_addr_v4(9));
	b->source[1] = tsn_exporters_find(x, tsn_addr_v4(10));
	b->n = 2;
	tsn_batch_normalise(b, x);
	tsn_batch_get(b, 0, TSN_F_EXPORTER_NAME, &v);
	cr_assert(v.known && v.s.n == 6 && memcmp(v.s.p, "edge-1", 6) == 0);
	tsn_batch_get(b, 1, TSN_F_EXPORTER_NAME, &v);
	cr_assert(!v.known);
	cr_assert_eq(get(b, 0, TSN_F_SAMPLING, -1), 100);
	cr_assert_eq(get(b, 1, TSN_F_SAMPLING, -1), -1);
	cr_assert_eq(tsn_exporters_at(x, b->source[0])->sampling, 7);
	cr_assert(b->sampled);
	says = site_says(9, NULL, 1); /* the site knows better: it is not sampled */
	cr_assert(tsn_exporters_configure(x, &says, 1));
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	tsn_batch_put_int(b, 0, TSN_F_SAMPLING, 7);
	b->source[0] = 1;
	b->n = 1;
	tsn_batch_normalise(b, x);
	cr_assert(!b->sampled);
	cr_assert_eq(get(b, 0, TSN_F_SAMPLING, -1), 1);
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_normalise, a_source_out_of_range_is_the_shared_exporter)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);

	b->source[0] = 4000000;
	tsn_batch_put_int(b, 0, TSN_F_IN_IF, 77);
	b->n = 1;
	tsn_batch_normalise(b, x);
	cr_assert(tsn_exporters_at(x, 0)->interfaces_seen);
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_normalise, tick_rows_keep_what_they_are_given)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);

	tsn_batch_clear(b, TSN_BATCH_TICK);
	tsn_batch_put_int(b, 0, TSN_F_DST_PORT, 53); /* no protocol in the key, and none asked */
	tsn_batch_put_int(b, 0, TSN_F_PACKETS, 5);
	tsn_batch_put_int(b, 0, TSN_F_RAW_PACKETS, 1);
	b->received[0] = 60000;
	b->n = 1;
	tsn_batch_normalise(b, x);
	cr_assert_eq(get(b, 0, TSN_F_DST_PORT, -1), 53);
	cr_assert_eq(get(b, 0, TSN_F_PACKETS, -1), 5);
	cr_assert_eq(get(b, 0, TSN_F_RAW_PACKETS, -1), 1);
	cr_assert_eq(b->time[0], 60000);
	cr_assert(tsn_mask_has(&b->rows, 0) && !tsn_mask_has(&b->rows, 1));
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

Test(flow_normalise, a_flow_that_starts_after_its_end)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);
	struct tsn_field_set want = { { 0 } };

	tsn_field_set_add(&want, TSN_F_PPS);
	tsn_field_set_add(&want, TSN_F_BPS);
	for (uint32_t i = 0; i < 3; i++) {
		tsn_batch_put_int(b, i, TSN_F_START, 5000);
		tsn_batch_put_int(b, i, TSN_F_END, 4000 + 1000 * (int)i);
		tsn_batch_put_int(b, i, TSN_F_RAW_PACKETS, 30);
		tsn_batch_put_int(b, i, TSN_F_RAW_BYTES, 1500);
	}
	b->n = 3;
	tsn_batch_normalise(b, x);
	tsn_batch_derive(b, &want);
	tsn_batch_derive(b, &want); /* again changes nothing */
	cr_assert_eq(get(b, 0, TSN_F_DURATION, 1), -1000);
	cr_assert_eq(get(b, 1, TSN_F_DURATION, 1), 0);
	cr_assert_eq(get_real(b, 0, TSN_F_PPS), -1, "absent");
	cr_assert_eq(get_real(b, 1, TSN_F_BPS), -1, "absent");
	cr_assert_eq(get_real(b, 2, TSN_F_PPS), 30.0);
	cr_assert_eq(get_real(b, 2, TSN_F_BPS), 12000.0);
	cr_assert(!tsn_mask_has(&b->present[TSN_F_BYTES_PER_PACKET], 2), "not asked for");
	tsn_batch_free(b);
	tsn_exporters_free(x);
}

/* In every word of rows the quotients are those of one row at a time, whether all of them have one or a few lack it. */
static void
check_quotients(const struct tsn_batch *b, enum tsn_field f, enum tsn_field counter, enum tsn_field by, double factor, double per)
{
	const int64_t *v = b->col[counter], *divisor = b->col[by];
	const double *q = b->col[f];

	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		const bool has = tsn_mask_has(&b->present[counter], i) && tsn_mask_has(&b->present[by], i) && divisor[i] > 0;
		const double want = has ? (double)v[i] * factor * per / (double)divisor[i] : 0;

		cr_assert_eq(tsn_mask_has(&b->present[f], i), has, "row %u", i);
		cr_assert(!has || memcmp(&q[i], &want, sizeof(want)) == 0, "row %u: %.17g, not %.17g", i, q[i], want);
	}
}

static void
quotients(struct tsn_batch *b, struct tsn_exporters *x, unsigned round)
{
	struct tsn_field_set want = { { 0 } };

	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		const bool odd = round > 0 && below(256) < round; /* more often from round to round */
		const int64_t start = 1000000 + below(1000);

		tsn_batch_put_int(b, i, TSN_F_START, start);
		if (!odd || below(2))
			tsn_batch_put_int(b, i, TSN_F_END, start + (odd ? (int)below(3) - 1 : 1 + (int)below(100000)));
		if (!odd || below(2))
			tsn_batch_put_int(b, i, TSN_F_RAW_PACKETS, odd ? below(2) : 1 + below(1u << below(31)));
		tsn_batch_put_int(b, i, TSN_F_RAW_BYTES, (int64_t)(rnd() >> (1 + below(63))));
	}
	b->n = TSN_BATCH_ROWS;
	tsn_batch_normalise(b, x);
	tsn_field_set_add(&want, TSN_F_BYTES_PER_PACKET);
	tsn_field_set_add(&want, TSN_F_BPS);
	tsn_field_set_add(&want, TSN_F_PPS);
	tsn_batch_derive(b, &want);
	check_quotients(b, TSN_F_BYTES_PER_PACKET, TSN_F_BYTES, TSN_F_PACKETS, 1, 1);
	check_quotients(b, TSN_F_BPS, TSN_F_BYTES, TSN_F_DURATION, 8, 1000);
	check_quotients(b, TSN_F_PPS, TSN_F_PACKETS, TSN_F_DURATION, 1, 1000);
}

Test(flow_normalise, quotients_of_many_rows)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_exporters *x = tsn_exporters_new(4);

	for (unsigned level = 0; level < TSN_CPU_COUNT; level++) {
		tsn_cpu_use((enum tsn_cpu)level);
		for (unsigned round = 0; round < 8; round++)
			quotients(b, x, round);
	}
	tsn_cpu_use(tsn_cpu_most());
	tsn_batch_free(b);
	tsn_exporters_free(x);
}
