/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"
#include "unit/build_netflow.h"

#define EXPORTER 0xc0000201u /* 192.0.2.1 */
#define RECEIVED INT64_C(1795418150103)

struct bench {
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct keeper keep;
	uint8_t datagram[4096];
};

static void
setup(struct bench *t, uint32_t cap)
{
	t->exporters = tsn_exporters_new(16);
	t->decoder = tsn_decoder_new(t->exporters, 16);
	cr_assert(t->exporters != NULL && t->decoder != NULL);
	keeper_init(&t->keep, cap);
}

static void
teardown(struct bench *t)
{
	keeper_fini(&t->keep);
	tsn_decoder_free(t->decoder);
	tsn_exporters_free(t->exporters);
}

static enum tsn_decode
decode(struct bench *t, size_t len)
{
	/* a copy of exactly that size, so that one byte too far is seen */
	uint8_t *exact = malloc(len ? len : 1);
	enum tsn_decode how;

	memcpy(exact, t->datagram, len);
	how = tsn_decode_datagram(t->decoder, exact, len, tsn_addr_v4(EXPORTER), RECEIVED, &t->keep.sink);
	free(exact);
	return how;
}

static uint64_t
counter(struct bench *t, enum tsn_exporter_counter c)
{
	return tsn_exporters_at(t->exporters, tsn_exporters_find(t->exporters, tsn_addr_v4(EXPORTER)))->counter[c];
}

static void
eq_int(const struct kept_row *row, enum tsn_field f, int64_t want, const char *where)
{
	cr_assert(row->field[f].known, "%s: %s is absent", where, tsn_fields[f].name);
	cr_assert_eq(row->field[f].i, want, "%s: %s is %lld, not %lld", where, tsn_fields[f].name,
	    (long long)row->field[f].i, (long long)want);
}

static void
eq_v4(const struct kept_row *row, enum tsn_field f, uint32_t want, const char *where)
{
	cr_assert(row->field[f].known && row->field[f].addr.v4 && row->field[f].addr.hi == 0 &&
	    row->field[f].addr.lo == want, "%s: %s", where, tsn_fields[f].name);
}

/* By another way than the decoder's: of all times that give [x] on the counter, the one it allows. */
static int64_t
place_time(int64_t exported, uint32_t uptime, uint32_t x)
{
	for (int k = -1; k <= 1; k++) {
		int64_t t = exported - (int64_t)uptime + (int64_t)x + k * (INT64_C(1) << 32), age = exported - t;

		if (age >= -TSN_DECODE_AHEAD && age < (INT64_C(1) << 32) - TSN_DECODE_AHEAD)
			return t;
	}
	cr_assert_fail("no time for %u at %u", x, uptime);
	return 0;
}

/* S1, by the words of the language: received less the age at which it was exported, which is from 0 to an hour. */
static int64_t
event_time(int64_t exported, int64_t end)
{
	int64_t age = exported > end ? exported - end : 0;

	return RECEIVED - (age > 3600000 ? 3600000 : age);
}

static void
check_row(const struct kept_row *row, const struct nf_header *h, const struct nf_record *r, const char *where)
{
	int64_t exported = (int64_t)h->secs * 1000 + h->nsecs / 1000000;
	int64_t first = place_time(exported, h->uptime, r->first), last = place_time(exported, h->uptime, r->last);

	eq_v4(row, TSN_F_SRC, r->src, where);
	eq_v4(row, TSN_F_DST, r->dst, where);
	eq_v4(row, TSN_F_NEXT_HOP, r->hop, where);
	eq_v4(row, TSN_F_EXPORTER, EXPORTER, where);
	eq_int(row, TSN_F_SRC_PORT, r->sp, where);
	eq_int(row, TSN_F_DST_PORT, r->dp, where);
	eq_int(row, TSN_F_PROTO, r->proto, where);
	eq_int(row, TSN_F_FLAGS, r->flags, where);
	eq_int(row, TSN_F_TOS, r->tos, where);
	eq_int(row, TSN_F_RAW_PACKETS, r->packets, where);
	eq_int(row, TSN_F_RAW_BYTES, r->bytes, where);
	eq_int(row, TSN_F_IN_IF, r->in, where);
	eq_int(row, TSN_F_OUT_IF, r->out, where);
	eq_int(row, TSN_F_START, first < last ? first : last, where);
	eq_int(row, TSN_F_END, first < last ? last : first, where);
	cr_assert(row->received == RECEIVED && row->timed, "%s: received", where);
	cr_assert_eq(row->time, event_time(exported, first < last ? last : first), "%s: the time of the row", where);
	if (h->version == 1) {
		cr_assert(!row->field[TSN_F_SRC_AS].known && !row->field[TSN_F_DST_AS].known &&
		    !row->field[TSN_F_SRC_MASK].known && !row->field[TSN_F_DST_MASK].known, "%s: v1 has no routes", where);
	} else {
		eq_int(row, TSN_F_SRC_AS, r->sas, where);
		eq_int(row, TSN_F_DST_AS, r->das, where);
		eq_int(row, TSN_F_SRC_MASK, r->smask, where);
		eq_int(row, TSN_F_DST_MASK, r->dmask, where);
	}
	if (h->version == 5)
		eq_int(row, TSN_F_SOURCE_ID, h->engine, where);
	else
		cr_assert(!row->field[TSN_F_SOURCE_ID].known, "%s: source_id", where);
	if (h->version == 5 && (h->sampling & 0x3fff) != 0)
		eq_int(row, TSN_F_SAMPLING, h->sampling & 0x3fff, where);
	else
		cr_assert(!row->field[TSN_F_SAMPLING].known, "%s: sampling", where);
}

static const unsigned versions[] = { 1, 5, 7 };
static const unsigned limits[] = { 24, 30, 28 };

/* Random records of every version, count and batch size; every field of every row. */
Test(decode, every_field)
{
	static const uint32_t caps[] = { 1, 7, 64, 1024 };
	uint64_t seed = 0x5eed;

	for (unsigned c = 0; c < 4; c++) {
		for (unsigned v = 0; v < 3; v++) {
			struct bench t;
			struct nf_record sent[30 * 31];
			struct nf_header header[30 * 31];
			size_t n = 0;
			char where[80];

			setup(&t, caps[c]);
			for (unsigned count = 1; count <= limits[v]; count++) {
				struct nf_header h = { versions[v], -1u, (uint32_t)xorshift_star(&seed), (uint32_t)xorshift_star(&seed),
					(uint32_t)xorshift_star(&seed), (uint32_t)xorshift_star(&seed), xorshift_star(&seed) & 0xffff,
					xorshift_star(&seed) & 0xffff };

				for (unsigned i = 0; i < count; i++) {
					sent[n + i] = nf_random_record(&seed);
					header[n + i] = h;
				}
				cr_assert_eq(decode(&t, nf_build(t.datagram, &h, sent + n, count)), TSN_DECODE_OK);
				n += count;
			}
			keeper_spill(&t.keep);
			cr_assert_eq(t.keep.n, n);
			cr_assert_eq(counter(&t, TSN_XC_FLOWS), n);
			cr_assert_eq(counter(&t, TSN_XC_DATAGRAMS), limits[v]);
			for (size_t i = 0; i < n; i++) {
				snprintf(where, sizeof(where), "v%u, batches of %u, row %zu", versions[v], caps[c], i);
				check_row(&t.keep.row[i], &header[i], &sent[i], where);
			}
			teardown(&t);
		}
	}
}

/* A count far above the limit, but all records are there: the largest datagram UDP carries. */
Test(decode, the_largest_datagram)
{
	static uint8_t big[65507];
	static struct nf_record sent[1364];
	uint64_t seed = 99;
	struct nf_header h = { 5, -1u, 1000000, 1700000000, 0, 0, 3, 0 };
	struct bench t;

	for (int i = 0; i < 1364; i++)
		sent[i] = nf_random_record(&seed);
	setup(&t, 1024);
	cr_assert_eq(tsn_decode_datagram(t.decoder, big, nf_build(big, &h, sent, 1364), tsn_addr_v4(EXPORTER), RECEIVED, &t.keep.sink),
	    TSN_DECODE_DAMAGED);
	cr_assert_eq(counter(&t, TSN_XC_COUNT), 1);
	keeper_spill(&t.keep);
	cr_assert_eq(t.keep.n, 1364);
	for (size_t i = 0; i < t.keep.n; i++)
		check_row(&t.keep.row[i], &h, &sent[i], "the largest datagram");
	teardown(&t);
}

/* Fields that no fixed record has must stay absent, and the masks must hold nothing past the last row. */
Test(decode, only_what_is_told)
{
	struct bench t;
	struct nf_header h = { 5, -1u, 1000, 1700000000, 0, 0, 0, 0 };
	struct nf_record r[3] = { { 0 } };
	uint64_t past = 0;

	setup(&t, 1024);
	cr_assert_eq(decode(&t, nf_build(t.datagram, &h, r, 3)), TSN_DECODE_OK);
	cr_assert_eq(t.keep.batch->n, 3);
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		for (int w = 0; w < TSN_MASK_WORDS; w++)
			past |= t.keep.batch->present[f].w[w] & (w == 0 ? ~UINT64_C(7) : UINT64_MAX);
	cr_assert_eq(past, 0);
	keeper_spill(&t.keep);
	eq_v4(&t.keep.row[0], TSN_F_NEXT_HOP, 0, "no next hop is 0.0.0.0"); /* a flow of 0 packets is a flow, too */
	eq_int(&t.keep.row[0], TSN_F_RAW_PACKETS, 0, "no packets");
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		if (tsn_fields[f].origin != TSN_O_RECORD || f == TSN_F_VLAN || f == TSN_F_ICMP_TYPE || f == TSN_F_SRC_MAC)
			cr_assert(!t.keep.row[0].field[f].known || f == TSN_F_PACKETS || f == TSN_F_BYTES, "%s", tsn_fields[f].name);
	cr_assert(!t.keep.row[0].field[TSN_F_SAMPLING].known);
	teardown(&t);
}

/* Exporters leave the mode bits 0 and mean their interval all the same. */
Test(decode, sampling_interval)
{
	static const struct {
		unsigned word;
		int want; /* 0: untold */
	} cases[] = { { 0, 0 }, { 1, 1 }, { 0x4064, 100 }, { 0x8064, 100 }, { 100, 100 }, { 0x3fff, 16383 },
		{ 0xffff, 16383 }, { 0x4000, 0 }, { 0xc001, 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench t;
		struct nf_header h = { 5, -1u, 1000, 1700000000, 0, 0, 0, cases[i].word };
		struct nf_record r = { 0 };

		setup(&t, 1024);
		decode(&t, nf_build(t.datagram, &h, &r, 1));
		keeper_spill(&t.keep);
		cr_assert_eq(t.keep.row[0].field[TSN_F_SAMPLING].known, cases[i].want != 0, "%#x", cases[i].word);
		if (cases[i].want != 0)
			eq_int(&t.keep.row[0], TSN_F_SAMPLING, cases[i].want, "sampling");
		teardown(&t);
	}
}

/* What sysUptime, first and last give, around the wrap and past it; ages in ms before the export. */
Test(decode, times_around_the_wrap)
{
	static const struct {
		uint32_t uptime, first, last;
		int64_t start_age, end_age;
		unsigned odd;
	} cases[] = {
		{ 5000000, 4990000, 4999000, 10000, 1000, 0 },             /* nothing wrapped */
		{ 5000000, 5000000, 5000000, 0, 0, 0 },                    /* exported as it ended */
		{ 1000, 4294967000u, 500, 1296, 500, 0 },                  /* first before the wrap, last after */
		{ 1000, 4294960000u, 4294967295u, 8296, 1001, 0 },         /* both before, the export after */
		{ 0, 4294967295u, 4294967295u, 1, 1, 0 },                  /* the millisecond of the wrap */
		{ 4294967295u, 4294967294u, 4294967295u, 1, 0, 0 },        /* just before it */
		{ 4294867000u, 0, 0, 4294867000, 4294867000, 0 },          /* since the exporter booted, 49.7 days */
		{ 4294967295u, 0, 0, -1, -1, 1 },                          /* but here the counter's 0 is the next moment */
		{ 3000000000u, 0, 2999999000u, 3000000000, 1000, 0 },      /* a flow of 34 days */
		{ 5000, 5000, 5001, -0, -1, 1 },                           /* ended a moment after the export */
		{ 5000, 4000, 105000, 1000, -100000, 1 },                  /* the most that is taken as ahead */
		{ 5000, 105001, 105001, 4294867295, 4294867295, 0 },       /* one more is before a wrap */
		{ 4294967000u, 4294966000u, 204, 1000, -500, 1 },          /* ahead, and across the wrap */
		{ 5001000, 5000000, 4989370, 11630, 1000, 1 },             /* MikroTik: first and last exchanged */
		{ 100, 200, 4294967196u, 200, -100, 1 },                   /* exchanged across the wrap, and ahead */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned v = 0; v < 3; v++) {
			struct bench t;
			struct nf_header h = { versions[v], -1u, cases[i].uptime, 1700000000, 884000000, 0, 0, 0 };
			struct nf_record r[3] = { { .first = cases[i].uptime - 5, .last = cases[i].uptime } };
			char where[40];

			r[1].first = cases[i].first;
			r[1].last = cases[i].last;
			r[2] = r[0];
			setup(&t, 2); /* the odd one is in a batch with an ordinary one */
			decode(&t, nf_build(t.datagram, &h, r, 3));
			keeper_spill(&t.keep);
			snprintf(where, sizeof(where), "case %zu, v%u", i, versions[v]);
			eq_int(&t.keep.row[1], TSN_F_START, INT64_C(1700000000884) - cases[i].start_age, where);
			eq_int(&t.keep.row[1], TSN_F_END, INT64_C(1700000000884) - cases[i].end_age, where);
			eq_int(&t.keep.row[2], TSN_F_START, INT64_C(1700000000884) - 5, where);
			eq_int(&t.keep.row[2], TSN_F_END, INT64_C(1700000000884), where);
			cr_assert_eq(counter(&t, TSN_XC_CLOCK), cases[i].odd, "%s: counted %llu", where,
			    (unsigned long long)counter(&t, TSN_XC_CLOCK));
			teardown(&t);
		}
	}
}

/* What is wrong with a datagram, how many records it still gives, and what is counted. */
Test(decode, damaged_datagrams)
{
	static const struct {
		unsigned version, count, there, extra, cut; /* header's word; records built; bytes added, taken off */
		enum tsn_decode how;
		unsigned flows, is_short, trailing, bad_count;
	} cases[] = {
		{ 5, 3, 3, 0, 0, TSN_DECODE_OK, 3, 0, 0, 0 },
		{ 5, 3, 3, 0, 1, TSN_DECODE_DAMAGED, 2, 1, 0, 0 },
		{ 5, 3, 3, 0, 48, TSN_DECODE_DAMAGED, 2, 1, 0, 0 },
		{ 5, 3, 3, 0, 144, TSN_DECODE_DAMAGED, 0, 1, 0, 0 },
		{ 5, 3, 3, 0, 145, TSN_DECODE_DAMAGED, 0, 1, 0, 0 },
		{ 5, 3, 3, 0, 166, TSN_DECODE_DAMAGED, 0, 1, 0, 0 }, /* two bytes left: the version */
		{ 5, 3, 3, 0, 167, TSN_DECODE_DAMAGED, 0, 1, 0, 0 },
		{ 5, 3, 3, 0, 168, TSN_DECODE_DAMAGED, 0, 1, 0, 0 }, /* none */
		{ 5, 3, 3, 1, 0, TSN_DECODE_DAMAGED, 3, 0, 1, 0 },
		{ 5, 2, 3, 0, 0, TSN_DECODE_DAMAGED, 2, 0, 1, 0 },
		{ 5, 0, 3, 0, 0, TSN_DECODE_DAMAGED, 0, 0, 1, 1 },
		{ 5, 0, 0, 0, 0, TSN_DECODE_DAMAGED, 0, 0, 0, 1 },
		{ 5, 31, 31, 0, 0, TSN_DECODE_DAMAGED, 31, 0, 0, 1 },
		{ 5, 65535, 30, 0, 0, TSN_DECODE_DAMAGED, 30, 1, 0, 1 },
		{ 7, 28, 28, 0, 0, TSN_DECODE_OK, 28, 0, 0, 0 },
		{ 7, 29, 29, 0, 0, TSN_DECODE_DAMAGED, 29, 0, 0, 1 },
		{ 7, 3, 3, 0, 51, TSN_DECODE_DAMAGED, 2, 1, 0, 0 },
		{ 1, 24, 24, 0, 0, TSN_DECODE_OK, 24, 0, 0, 0 },
		{ 1, 25, 25, 0, 0, TSN_DECODE_DAMAGED, 25, 0, 0, 1 },
		{ 1, 2, 2, 0, 49, TSN_DECODE_DAMAGED, 0, 1, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench t;
		struct nf_header h = { cases[i].version, cases[i].count, 1000, 1700000000, 0, 0, 0, 0 };
		struct nf_record r[40] = { { 0 } };
		size_t len;

		setup(&t, 1024);
		len = nf_build(t.datagram, &h, r, cases[i].there) + cases[i].extra - cases[i].cut;
		cr_assert_eq(decode(&t, len), cases[i].how, "case %zu", i);
		cr_assert_eq(t.keep.batch->n, cases[i].flows, "case %zu: %u rows", i, t.keep.batch->n);
		cr_assert_eq(counter(&t, TSN_XC_FLOWS), cases[i].flows, "case %zu", i);
		cr_assert_eq(counter(&t, TSN_XC_SHORT), cases[i].is_short, "case %zu", i);
		cr_assert_eq(counter(&t, TSN_XC_TRAILING), cases[i].trailing, "case %zu", i);
		cr_assert_eq(counter(&t, TSN_XC_COUNT), cases[i].bad_count, "case %zu", i);
		cr_assert_eq(counter(&t, TSN_XC_DATAGRAMS), 1, "case %zu", i);
		teardown(&t);
	}
}

Test(decode, unknown_versions_are_named)
{
	static const struct {
		uint8_t first[4];
		const char *name;
	} cases[] = {
		{ { 0, 8, 0, 1 }, "NetFlow v8" },
		{ { 0, 0, 0, 2 }, "sFlow v2" }, { { 0, 0, 0, 4 }, "sFlow v4" }, { { 0, 0, 0, 7 }, "an unknown format" },
		{ { 0, 6, 0, 1 }, "an unknown format" }, { { 5, 0, 1, 0 }, "an unknown format" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench t;

		setup(&t, 1024);
		memset(t.datagram, 0, 200);
		memcpy(t.datagram, cases[i].first, 4);
		cr_assert_eq(decode(&t, 200), TSN_DECODE_VERSION);
		cr_assert_eq(counter(&t, TSN_XC_VERSION), 1);
		cr_assert_eq(t.keep.batch->n, 0);
		cr_assert_str_eq(tsn_decode_format(t.datagram, 200), cases[i].name);
		teardown(&t);
	}
	cr_assert_str_eq(tsn_decode_format((const uint8_t *)"\0\5\0", 3), "an unknown format");
	cr_assert_str_eq(tsn_decode_format((const uint8_t *)"\0\5\0\1", 4), "NetFlow v5");
	cr_assert_str_eq(tsn_decode_format((const uint8_t *)"\0\11\0\1", 4), "NetFlow v9");
	cr_assert_str_eq(tsn_decode_format((const uint8_t *)"\0\12\0\50", 4), "IPFIX");
}

/* An exporter may be IPv6 though its flows are not; IPv4 and IPv6 rows share a batch. */
Test(decode, exporter_by_ipv6)
{
	struct bench t;
	struct nf_header h = { 5, -1u, 1000, 1700000000, 0, 0, 0, 0 };
	struct nf_record r[2] = { { .src = 1 } };
	struct tsn_addr six = { UINT64_C(0x20010db800000000), 1, false };
	size_t len;

	setup(&t, 1024);
	len = nf_build(t.datagram, &h, r, 2);
	decode(&t, len);
	cr_assert_eq(tsn_decode_datagram(t.decoder, t.datagram, len, six, RECEIVED, &t.keep.sink), TSN_DECODE_OK);
	decode(&t, len);
	cr_assert(t.keep.batch->addr[tsn_fields[TSN_F_EXPORTER].addr_slot].any_v6);
	cr_assert_not(t.keep.batch->addr[tsn_fields[TSN_F_SRC].addr_slot].any_v6);
	keeper_spill(&t.keep);
	cr_assert_eq(t.keep.n, 6);
	for (int i = 0; i < 6; i++) {
		struct tsn_addr want = i / 2 == 1 ? six : tsn_addr_v4(EXPORTER);

		cr_assert_eq(tsn_addr_cmp(t.keep.row[i].field[TSN_F_EXPORTER].addr, want), 0, "row %d", i);
		cr_assert_eq(tsn_addr_cmp(tsn_exporters_at(t.exporters, t.keep.row[i].source)->addr, want), 0, "row %d", i);
		cr_assert(t.keep.row[i].field[TSN_F_SRC].addr.v4);
	}
	teardown(&t);
}

Test(decode, a_sink_can_stop)
{
	struct bench t;
	struct nf_header h = { 5, -1u, 1000, 1700000000, 0, 0, 0, 0 };
	struct nf_record r[30] = { { 0 } };

	setup(&t, 8);
	t.keep.stop_after = 2;
	cr_assert_eq(decode(&t, nf_build(t.datagram, &h, r, 30)), TSN_DECODE_STOPPED);
	keeper_spill(&t.keep);
	cr_assert_eq(t.keep.n, 16);
	cr_assert_eq(counter(&t, TSN_XC_FLOWS), 16);
	teardown(&t);
}

Test(decode, looks_like)
{
	struct nf_record r[30] = { { 0 } };
	uint8_t p[2048];

	for (unsigned v = 0; v < 3; v++) {
		for (unsigned n = 0; n <= 30; n++) {
			struct nf_header h = { versions[v], -1u, 1000, 1700000000, 0, 0, 0, 0 };
			size_t len = nf_build(p, &h, r, n);
			bool want = n > 0 && n <= limits[v];

			cr_assert_eq(tsn_decode_looks_like(p, len), want, "v%u with %u", versions[v], n);
			cr_assert_eq(tsn_decode_looks_like_export(p, len), n > 0); /* a few too many are odd, not strange */
			cr_assert_not(tsn_decode_looks_like(p, len - 1));
			cr_assert_not(tsn_decode_looks_like(p, len + 1));
		}
	}
	cr_assert_not(tsn_decode_looks_like(p, 0));
	cr_assert_not(tsn_decode_looks_like(p, 3));
	cr_assert_not(tsn_decode_looks_like((const uint8_t *)"\0\5\0\1", 4));
}

/* One thing may be wrong with a message that is taken for an export, and its clock must be one. */
Test(decode, looks_like_an_odd_export)
{
	struct nf_record r[3] = { { 0 } };
	uint8_t p[2048];

	for (unsigned v = 0; v < 3; v++) {
		struct nf_header h = { versions[v], -1u, 1000, 1700000000, 0, 0, 0, 0 };
		size_t len = nf_build(p, &h, r, 3), one = nf_header_size(versions[v]) + nf_record_size(versions[v]);

		cr_assert(tsn_decode_looks_like_export(p, len - 1), "too short");
		cr_assert(tsn_decode_looks_like_export(p, len + 1), "too long");
		cr_assert(tsn_decode_looks_like_export(p, one), "one record left");
		cr_assert_not(tsn_decode_looks_like_export(p, one - 1), "not one record left");
		h.count = 60000;
		cr_assert(tsn_decode_looks_like_export(p, nf_build(p, &h, r, 3)), "a count that lies");
		cr_assert_not(tsn_decode_looks_like_export(p, len - 1), "two things wrong");
		h = (struct nf_header){ versions[v], -1u, 1000, 900000000, 0, 0, 0, 0 };
		cr_assert_not(tsn_decode_looks_like_export(p, nf_build(p, &h, r, 3) - 1), "in 1998");
		h = (struct nf_header){ versions[v], -1u, 1000, 1700000000, 1000000000, 0, 0, 0 };
		cr_assert_not(tsn_decode_looks_like_export(p, nf_build(p, &h, r, 3) - 1), "no nanoseconds");
		h = (struct nf_header){ versions[v] + 1, -1u, 1000, 1700000000, 0, 0, 0, 0 };
		cr_assert_not(tsn_decode_looks_like_export(p, nf_build(p, &h, r, 3)), "another version");
	}
}

/* The next formats are told by their lengths adding up, to the byte. */
Test(decode, looks_like_other_exports)
{
	static const uint8_t v9[] = { 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 8, 1, 2, 3, 4 };
	static const uint8_t ipfix[] = { 0, 10, 0, 24, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 0, 8, 1, 2, 3, 4 };
	static const uint8_t sflow[] = { 0, 0, 0, 5, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1,
		0, 0, 0, 1, 0, 0, 0, 4, 9, 9, 9, 9 };
	static const struct {
		const uint8_t *p;
		size_t n;
	} whole[] = { { v9, sizeof(v9) }, { ipfix, sizeof(ipfix) }, { sflow, sizeof(sflow) } };

	for (int i = 0; i < 3; i++) {
		cr_assert(tsn_decode_looks_like_export(whole[i].p, whole[i].n), "%d", i);
		cr_assert(tsn_decode_looks_like(whole[i].p, whole[i].n) == (whole[i].p != sflow), "%d", i);
		for (size_t n = 0; n < whole[i].n; n++) {
			uint8_t *exact = malloc(n ? n : 1);

			memcpy(exact, whole[i].p, n);
			cr_assert_not(tsn_decode_looks_like_export(exact, n), "%d cut to %zu", i, n);
			free(exact);
		}
		for (size_t more = 1; more < 4; more++) {
			uint8_t longer[64] = { 0 };

			memcpy(longer, whole[i].p, whole[i].n);
			cr_assert_not(tsn_decode_looks_like_export(longer, whole[i].n + more), "%d and %zu more", i, more);
		}
	}
}

Test(decode, out_of_memory)
{
	struct tsn_exporters *x = tsn_exporters_new(4);

	for (long n = 0; n < 3; n++) {
		struct tsn_decoder *d;

		tsn_mem_fail_at(n, false);
		d = tsn_decoder_new(x, 16);
		tsn_mem_fail_never();
		cr_assert_eq(d == NULL, n < 3 && tsn_mem_count() > n, "allocation %ld", n);
		tsn_decoder_free(d);
	}
	tsn_exporters_free(x);
	tsn_decoder_free(NULL);
}
