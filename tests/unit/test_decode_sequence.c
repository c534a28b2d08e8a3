/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <criterion/criterion.h>

#include "decode/sequence.h"

#include "base/mem.h"
#include "unit/build_netflow.h"

/* An exporter on paper and the decoder that hears it. */
struct line {
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct tsn_batch *batch;
	struct tsn_batch_sink sink;
};

static struct tsn_batch *
room(void *arg)
{
	struct tsn_batch *b = arg;

	if (b->n == b->cap)
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
	return b;
}

static void
setup(struct line *l, uint32_t max)
{
	l->exporters = tsn_exporters_new(1 << 16);
	l->decoder = tsn_decoder_new(l->exporters, max);
	l->batch = tsn_batch_new();
	cr_assert(l->exporters != NULL && l->decoder != NULL && l->batch != NULL);
	l->sink = (struct tsn_batch_sink){ .room = room, .arg = l->batch };
}

static void
teardown(struct line *l)
{
	tsn_batch_free(l->batch);
	tsn_decoder_free(l->decoder);
	tsn_exporters_free(l->exporters);
}

static void
hear_from(struct line *l, uint32_t addr, unsigned version, unsigned engine, uint32_t seq, unsigned count, uint32_t uptime)
{
	static const struct nf_record r[30];
	struct nf_header h = { version, -1u, uptime, 1700000000, 0, seq, engine, 0 };
	uint8_t p[24 + 52 * 30];
	size_t len = nf_build(p, &h, r, count);

	tsn_decode_datagram(l->decoder, p, len, tsn_addr_v4(addr), 0, &l->sink);
}

static void
hear(struct line *l, uint32_t seq, unsigned count, uint32_t uptime)
{
	hear_from(l, 1, 5, 0, seq, count, uptime);
}

static void
expect_of(struct line *l, uint32_t addr, uint64_t lost, uint64_t restarts, uint64_t reordered, const char *where)
{
	const uint64_t *c = tsn_exporters_at(l->exporters, tsn_exporters_find(l->exporters, tsn_addr_v4(addr)))->counter;

	cr_assert(c[TSN_XC_LOST] == lost && c[TSN_XC_RESTARTS] == restarts && c[TSN_XC_REORDERED] == reordered,
	    "%s: lost %llu restarts %llu reordered %llu", where, (unsigned long long)c[TSN_XC_LOST],
	    (unsigned long long)c[TSN_XC_RESTARTS], (unsigned long long)c[TSN_XC_REORDERED]);
}

static void
expect(struct line *l, uint64_t lost, uint64_t restarts, uint64_t reordered, const char *where)
{
	expect_of(l, 1, lost, restarts, reordered, where);
}

Test(decode_sequence, what_happened)
{
	static const struct {
		const char *what;
		struct {
			uint32_t seq;
			unsigned count;
			uint32_t uptime;
		} d[8];
		unsigned lost, restarts, reordered;
	} cases[] = {
		{ "in order", { { 100, 30, 1000 }, { 130, 30, 2000 }, { 160, 5, 3000 }, { 165, 30, 3000 } }, 0, 0, 0 },
		{ "first heard late", { { 4000000000u, 30, 1000 }, { 4000000030u, 1, 1000 } }, 0, 0, 0 },
		{ "one missing", { { 0, 30, 1000 }, { 60, 30, 2000 } }, 30, 0, 0 },
		{ "missing across 2^32", { { 4294967290u, 10, 1000 }, { 34, 30, 2000 } }, 30, 0, 0 },
		{ "in order across 2^32", { { 4294967290u, 10, 1000 }, { 4, 30, 2000 } }, 0, 0, 0 },
		{ "in order as sysUptime wraps", { { 0, 30, 4294967000u }, { 30, 30, 100 } }, 0, 0, 0 },
		{ "two exchanged", { { 0, 30, 1000 }, { 60, 30, 1002 }, { 30, 30, 1001 }, { 90, 30, 1003 } }, 0, 0, 1 },
		{ "three in reverse", { { 0, 30, 1 }, { 90, 30, 4 }, { 60, 30, 3 }, { 30, 30, 2 }, { 120, 30, 5 } }, 0, 0, 2 },
		{ "one of two comes after all", { { 0, 30, 1 }, { 90, 30, 4 }, { 30, 30, 2 }, { 120, 30, 5 } }, 30, 0, 1 },
		{ "the same twice", { { 0, 30, 1000 }, { 0, 30, 1000 }, { 30, 30, 1001 } }, 0, 0, 1 },
		{ "the same twice beside a gap", { { 0, 30, 1000 }, { 90, 30, 1001 }, { 90, 30, 1001 } }, 60, 0, 1 },
		{ "booted", { { 500000, 30, 900000000 }, { 0, 30, 100 }, { 30, 30, 200 } }, 0, 1, 0 },
		{ "booted soon after the start", { { 0, 30, 60000 }, { 0, 30, 100 }, { 30, 30, 200 } }, 0, 1, 0 },
		{ "booted, sequence goes on", { { 60, 30, 60000 }, { 90, 30, 100 } }, 0, 1, 0 },
		{ "new process under an old clock", { { 5000, 30, 60000 }, { 0, 30, 61000 }, { 30, 30, 62000 } }, 0, 1, 0 },
		{ "far back without a clock", { { 5000000, 30, 0 }, { 0, 30, 0 }, { 30, 30, 0 } }, 0, 1, 0 },
		{ "a leap no exporter makes", { { 0, 30, 1000 }, { 3000000, 30, 2000 }, { 3000030, 30, 3000 } }, 0, 1, 0 },
		{ "a leap in an hour of silence", { { 0, 30, 1000 }, { 3000000, 30, 3601000 } }, 2999970, 0, 0 },
		{ "late in a new life beside an old gap", { { 0, 30, 100000 }, { 90, 30, 101000 }, { 100, 30, 100 }, { 130, 30, 200 },
		    { 60, 30, 150 } }, 60, 1, 1 },
		{ "numbers datagrams", { { 7, 30, 1 }, { 8, 30, 2 }, { 9, 12, 3 }, { 10, 1, 4 }, { 11, 30, 5 } }, 0, 0, 0 },
		{ "numbers datagrams, two missing", { { 7, 30, 1 }, { 8, 30, 2 }, { 11, 12, 3 }, { 12, 3, 4 } }, 2, 0, 0 },
		{ "single flows are either", { { 7, 1, 1 }, { 8, 1, 2 }, { 9, 30, 3 }, { 39, 30, 4 } }, 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct line l;

		setup(&l, 16);
		for (int k = 0; k < 8 && cases[i].d[k].count != 0; k++)
			hear(&l, cases[i].d[k].seq, cases[i].d[k].count, cases[i].d[k].uptime);
		expect(&l, cases[i].lost, cases[i].restarts, cases[i].reordered, cases[i].what);
		teardown(&l);
	}
}

/* After eight late ones in a row the numbers are believed: an exporter without a clock has begun anew. */
Test(decode_sequence, late_for_ever)
{
	struct line l;

	setup(&l, 16);
	hear(&l, 1000, 10, 0);
	for (uint32_t i = 0; i < 20; i++)
		hear(&l, i * 10, 10, 0);
	expect(&l, 0, 1, 7, "late for ever");
	teardown(&l);
}

Test(decode_sequence, engines_and_versions_count_apart)
{
	struct line l;

	setup(&l, 64);
	for (uint32_t i = 0; i < 10; i++) {
		hear_from(&l, 1, 5, 0x0000, i * 10, 10, i * 100);
		hear_from(&l, 1, 5, 0x0001, 5000 + i * 20, 20, i * 100);
		hear_from(&l, 1, 5, 0x0100, 900000 + i * 5, 5, i * 100);
		hear_from(&l, 1, 7, 0, 77 + i * 7, 7, i * 100);
		hear_from(&l, 1, 1, 0, 0, 3, i * 100); /* has no numbers */
		hear_from(&l, 2, 5, 0, 123 + i * 9, 9, i * 100);
	}
	expect_of(&l, 1, 0, 0, 0, "the first exporter");
	expect_of(&l, 2, 0, 0, 0, "the second exporter");
	teardown(&l);
}

/* A count that cannot be true must not make the next number look wrong, nor a shortened datagram. */
Test(decode_sequence, short_datagrams_lose_nothing_by_number)
{
	static const struct nf_record r[30];
	struct nf_header h = { 5, -1u, 1000, 1700000000, 0, 0, 0, 0 };
	struct line l;
	uint8_t p[24 + 52 * 30];

	setup(&l, 16);
	tsn_decode_datagram(l.decoder, p, nf_build(p, &h, r, 30) - 100, tsn_addr_v4(1), 0, &l.sink);
	h.seq = 30;
	h.count = 60000;
	tsn_decode_datagram(l.decoder, p, nf_build(p, &h, r, 30), tsn_addr_v4(1), 0, &l.sink);
	hear(&l, 60, 30, 1001);
	expect(&l, 0, 0, 0, "short");
	teardown(&l);
}

/*
 * A seeded exporter; a line that drops some datagrams and now and then swaps
 * neighbours. What was dropped between the first and last heard is what is lost.
 */
Test(decode_sequence, losses_add_up)
{
	uint64_t seed = 42;

	for (int run = 0; run < 200; run++) {
		struct line l;
		uint32_t seq = (uint32_t)xorshift_star(&seed), uptime = (uint32_t)xorshift_star(&seed);
		uint64_t lost = 0, swapped = 0;
		struct {
			uint32_t seq, uptime;
			unsigned count;
		} held = { 0 };

		setup(&l, 16);
		hear(&l, seq, 30, uptime);
		seq += 30;
		for (int i = 0; i < 500; i++) {
			unsigned count = 1 + xorshift_star(&seed) % 30, what = xorshift_star(&seed) % 100;
			bool last = i == 499;

			uptime += xorshift_star(&seed) % 50;
			if (what < 10 && !last && held.count == 0) {
				lost += count;
			} else if (what < 15 && !last && held.count == 0 && count > 1) {
				held.seq = seq;
				held.uptime = uptime;
				held.count = count;
			} else {
				hear(&l, seq, count, uptime);
				if (held.count != 0) {
					hear(&l, held.seq, held.count, held.uptime);
					held.count = 0;
					swapped++;
				}
			}
			seq += count;
		}
		expect(&l, lost, 0, swapped, "random line");
		teardown(&l);
	}
}

Test(decode_sequence, bounded)
{
	struct line l;

	setup(&l, 1000);
	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 1500; i++)
			hear_from(&l, 1 + i, 5, 0, (uint32_t)round * 10, 5, 1000); /* each loses five a round */
	cr_assert_eq(tsn_decoder_refused(l.decoder), 500 * 3);
	for (uint32_t i = 0; i < 1500; i++)
		expect_of(&l, 1 + i, i < 1000 ? 10 : 0, 0, 0, "bounded");
	teardown(&l);
}

/* When the table cannot grow, the streams there are go on; the others are refused and decoded all the same. */
Test(decode_sequence, out_of_memory)
{
	struct line l;
	uint64_t flows = 0;

	setup(&l, 1000);
	for (uint32_t i = 0; i < 500; i++)
		tsn_exporters_find(l.exporters, tsn_addr_v4(1 + i));
	tsn_mem_fail_at(0, true);
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 500; i++)
			hear_from(&l, 1 + i, 5, 0, (uint32_t)round * 10, 5, 1000);
	tsn_mem_fail_never();
	cr_assert_gt(tsn_decoder_refused(l.decoder), 0);
	for (uint32_t i = 0; i < 500; i++)
		flows += tsn_exporters_at(l.exporters, tsn_exporters_find(l.exporters, tsn_addr_v4(1 + i)))->counter[TSN_XC_FLOWS];
	cr_assert_eq(flows, 2 * 500 * 5);
	expect_of(&l, 1, 5, 0, 0, "the first");
	expect_of(&l, 500, 0, 0, 0, "the last");
	teardown(&l);
}

/* What softflowd 1.1.0 numbers, as recorded: the flows sent with the message, options not among them. */
Test(decode_sequence, numbers_that_count_the_message_itself)
{
	static const struct tsn_numbered sent[] = {
		{ .seq = 24, .count = 25, .options = 1 }, { .seq = 56, .count = 32 }, { .seq = 88, .count = 32 },
		{ .seq = 120, .count = 32 }, { .seq = 152, .count = 32 }, { .seq = 176, .count = 25, .options = 1 },
		{ .seq = 208, .count = 32 }, { .seq = 232, .count = 24 }, { .seq = 233, .count = 1 }, { .seq = 265, .count = 32 },
	};
	struct tsn_stream_key key = { tsn_addr_v4(1), 10, 0, 0 };

	/* all of them; and without one, from the third on: then its flows are lost and nothing else */
	for (size_t without = 2; without <= sizeof(sent) / sizeof(sent[0]) - 1; without++) {
		struct tsn_sequences *t = tsn_sequences_new(10);
		struct tsn_exporter x = { 0 };
		bool all = without == sizeof(sent) / sizeof(sent[0]) - 1;

		cr_assert_not_null(t);
		for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
			if (all || i != without)
				tsn_sequences_see_numbered(t, &key, &sent[i], &x);
		cr_assert_eq(x.counter[TSN_XC_LOST], all ? 0 : sent[without].count - sent[without].options, "without %zu: lost %llu",
		    without, (unsigned long long)x.counter[TSN_XC_LOST]);
		cr_assert(x.counter[TSN_XC_RESTARTS] == 0 && x.counter[TSN_XC_REORDERED] == 0, "without %zu", without);
		tsn_sequences_free(t);
	}
}

/* Streams come and go in a crowded table: those that stay are still known, those that went are not. */
Test(decode_sequence, streams_end)
{
	enum { STREAMS = 400 };
	struct tsn_sequences *t = tsn_sequences_new(STREAMS);
	static uint32_t next[STREAMS];
	static struct tsn_exporter x[STREAMS];
	uint64_t lost[STREAMS] = { 0 };
	uint32_t random = 1;

	cr_assert_not_null(t);
	for (int i = 0; i < 40000; i++) {
		uint32_t k = (random = random * 1664525 + 1013904223) >> 8, skip = k % 7 == 0 ? 3 : 0;
		struct tsn_stream_key key = { tsn_addr_v4(k % STREAMS % 3), 10, 0x10000 + k % STREAMS, 1 };
		struct tsn_numbered n = { .seq = next[k % STREAMS], .count = 1, .time = 1000 };

		k %= STREAMS;
		if (i % 3 == 0) {
			tsn_sequences_session_ended(t, key.addr, key.session);
			next[k] = 0;
			continue;
		}
		if (next[k] != 0) { /* else it is new and may begin anywhere */
			n.seq += skip;
			lost[k] += skip;
		}
		tsn_sequences_see_numbered(t, &key, &n, &x[k]);
		next[k] = n.seq + 1;
		cr_assert_eq(x[k].counter[TSN_XC_LOST], lost[k], "%d", i);
		cr_assert(x[k].counter[TSN_XC_RESTARTS] == 0 && x[k].counter[TSN_XC_REORDERED] == 0, "%d", i);
	}
	cr_assert_eq(tsn_sequences_refused(t), 0);
	tsn_sequences_free(t);
}

/* --- the short way of messages that are as the one before --- */

struct side {
	struct tsn_exporters *exporters;
	struct tsn_decoder *decoder;
	struct keeper kept;
};

static void
side_init(struct side *s)
{
	s->exporters = tsn_exporters_new(16);
	s->decoder = tsn_decoder_new(s->exporters, 16);
	cr_assert(s->exporters != NULL && s->decoder != NULL);
	keeper_init(&s->kept, 100);
}

static void
side_fini(struct side *s)
{
	keeper_fini(&s->kept);
	tsn_decoder_free(s->decoder);
	tsn_exporters_free(s->exporters);
}

/* A message of [h] with one thing wrong now and then; its length. */
static size_t
some_message(uint8_t *p, struct nf_header *h, uint64_t *seed)
{
	struct nf_record r[30];
	unsigned n = 1 + (unsigned)(xorshift_star(seed) % 30);
	size_t len;

	for (unsigned i = 0; i < n; i++) {
		r[i] = nf_random_record(seed);
		r[i].last = h->uptime - (uint32_t)(xorshift_star(seed) % 5000000);
		r[i].first = r[i].last - (uint32_t)(xorshift_star(seed) % 100000);
		if (xorshift_star(seed) % 500 == 0)
			r[i].first = r[i].last + 1;
	}
	switch (xorshift_star(seed) % 60) {
	case 0: h->seq += (uint32_t)(xorshift_star(seed) % 200); break;
	case 1: h->seq -= (uint32_t)(xorshift_star(seed) % 200); break;
	case 2: h->engine = (unsigned)(xorshift_star(seed) % 2); break;
	case 3: h->uptime = (uint32_t)xorshift_star(seed); break;
	case 4: h->sampling = (unsigned)(xorshift_star(seed) % 3); break;
	case 5: h->version = h->version == 5 ? 7 : 5; break;
	default: break;
	}
	len = nf_build(p, h, r, n);
	switch (xorshift_star(seed) % 60) {
	case 0: len -= xorshift_star(seed) % 49; break;
	case 1: p[3] = (uint8_t)xorshift_star(seed); break;
	case 2: p[1] = (uint8_t)(xorshift_star(seed) % 11); break;
	default: break;
	}
	h->seq += n;
	h->uptime += (uint32_t)(xorshift_star(seed) % 3000);
	return len;
}

static void
same_side(struct side *x, struct side *y)
{
	const struct tsn_exporter *a = tsn_exporters_at(x->exporters, tsn_exporters_find(x->exporters, tsn_addr_v4(1)));
	const struct tsn_exporter *b = tsn_exporters_at(y->exporters, tsn_exporters_find(y->exporters, tsn_addr_v4(1)));

	keeper_spill(&x->kept);
	keeper_spill(&y->kept);
	cr_assert_arr_eq(a->counter, b->counter, sizeof(a->counter));
	cr_assert(a->last_received == b->last_received && a->first_received == b->first_received && a->last_lost == b->last_lost &&
	    a->skew == b->skew && a->formats == b->formats);
	cr_assert_arr_eq(a->presence.loss, b->presence.loss, sizeof(a->presence.loss));
	cr_assert_arr_eq(a->presence.gap, b->presence.gap, sizeof(a->presence.gap));
	cr_assert(a->presence.first_heard == b->presence.first_heard && a->presence.last_heard == b->presence.last_heard);
	cr_assert_eq(x->kept.n, y->kept.n);
	for (size_t i = 0; i < x->kept.n; i++)
		cr_assert_arr_eq(&x->kept.row[i], &y->kept.row[i], sizeof(x->kept.row[i]), "row %zu", i);
	x->kept.n = y->kept.n = 0;
}

/* A message of a connection that has no flows. If it ends then, streams have moved, and none is expected to go on where it was. */
static void
hear_connection(struct side *s, bool ends, int64_t received)
{
	static const uint8_t nothing[16] = { 0, 10, 0, 16, 0x65, 0x53, 0xf1, 0 };
	const struct tsn_sender from = { tsn_addr_v4(2), TSN_SESSION_STREAM };

	cr_assert_eq(tsn_decode_message(s->decoder, nothing, sizeof(nothing), &from, received, &s->kept.sink), TSN_DECODE_OK);
	if (ends)
		tsn_decoder_session_ended(s->decoder, &from);
}

/* On one side a connection ends between any two messages, so that none is known to be as the one before; on the other it goes on. */
Test(decode_sequence, messages_that_are_as_the_one_before_are_decoded_like_others)
{
	struct side quick, slow;
	struct nf_header h = { 5, -1u, 100000, 1700000000, 0, 0, 0, 0 };
	int64_t received = 1700000000000;
	uint64_t seed = 99, in_order = 0;
	uint8_t p[24 + 52 * 30];

	side_init(&quick);
	side_init(&slow);
	for (int i = 0; i < 20000; i++) {
		const uint32_t seq = h.seq;
		size_t len = some_message(p, &h, &seed);
		uint8_t *exact = malloc(len + 1);

		in_order += h.seq - seq <= 30;
		memcpy(exact, p, len);
		received += (int64_t)(xorshift_star(&seed) % 2000) - (xorshift_star(&seed) % 50 == 0 ? 3000 : 0);
		cr_assert_eq(tsn_decode_datagram(quick.decoder, exact, len, tsn_addr_v4(1), received, &quick.kept.sink),
		    tsn_decode_datagram(slow.decoder, exact, len, tsn_addr_v4(1), received, &slow.kept.sink));
		hear_connection(&quick, false, received);
		hear_connection(&slow, true, received);
		free(exact);
		if (i % 100 == 0)
			same_side(&quick, &slow);
	}
	same_side(&quick, &slow);
	cr_assert(in_order > 15000 && in_order < 20000);
	side_fini(&quick);
	side_fini(&slow);
}
