/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Runs of like records of nfdump 1.7, filled column by column, against the same records one field at a time: a file
 * of the other byte order never takes the quick way.
 */
#include <criterion/criterion.h>

#include "decode/nfcapd.h"
#include "flow/exporter.h"
#include "unit/build_nfcapd.h"
#include "unit/mutate.h"

#define T0 INT64_C(1767571200000) /* 2026-01-05 00:00:00 UTC */

struct ticks {
	struct tsn_batch_sink sink;
	struct tsn_batch *b;
	uint64_t rows, digest;
	int64_t clock;
};

static void
mix(struct ticks *t, uint64_t v)
{
	t->digest = (t->digest ^ v) * UINT64_C(0x100000001b3);
	t->digest ^= t->digest >> 29;
}

static void
spill(struct ticks *t)
{
	for (uint32_t i = 0; i < t->b->n; i++) {
		for (int f = 0; f < TSN_FIELD_COUNT; f++) {
			struct tsn_value v;

			if (f == TSN_F_PACKETS || f == TSN_F_BYTES)
				continue;
			tsn_batch_get(t->b, i, (enum tsn_field)f, &v);
			mix(t, v.known);
			mix(t, v.known && tsn_fields[f].storage != TSN_ADDR ? (uint64_t)v.i : 0);
			mix(t, v.known ? v.addr.hi : 0);
			mix(t, v.known ? v.addr.lo + v.addr.v4 : 0);
		}
		mix(t, (uint64_t)t->b->received[i]);
		mix(t, (uint64_t)t->b->exported[i]);
		mix(t, t->b->source[i]);
	}
	t->rows += t->b->n;
	tsn_batch_clear(t->b, TSN_BATCH_FLOWS);
}

static struct tsn_batch *
ticks_room(void *arg)
{
	struct ticks *t = arg;

	if (t->b->n >= t->b->cap)
		spill(t);
	return t->b;
}

/* The engine ends a batch where the second changes, before the row that brought it. */
static void
ticks_clock(void *arg, int64_t received)
{
	struct ticks *t = arg;

	if (received / 1000 > t->clock / 1000) {
		spill(t);
		mix(t, (uint64_t)received / 1000);
		mix(t, t->rows);
	}
	t->clock = received > t->clock ? received : t->clock;
}

static void
random_record(struct bytes *b, uint64_t *s, unsigned shape, uint64_t *now, bool big)
{
	uint64_t r = mutate_random(s);
	struct nfc_generic g = { *now - r % 5000 - 1, *now - r % 5000, *now, r % 100, r >> 40, r & 0xffff, r >> 16 & 0xffff,
		r & 1 ? 6 : 17, r >> 8 & 255, r % 7 == 0 ? 0x40 : 0, r >> 32 & 255 };
	size_t at = nfc_begin(b, 0, shape % 3, 0, big);

	if (r % 61 == 0)
		g.received = 0;
	if (r % 67 == 0)
		g.first = g.last + 1 + r % 9999;
	*now += r % 29 == 0 ? 1700 : r % 13 == 0 ? (uint64_t)-40 : r % 3;
	nfc_generic(b, &g, big);
	if (shape & 1)
		nfc_numbers(b, 3, (uint64_t[]){ r % 50 ? r : 0, r % 50 ? r : UINT64_C(0xffff01020304), r, 7 }, 4, 8, big);
	else
		nfc_numbers(b, 2, (uint64_t[]){ (uint32_t)r, r >> 32 }, 2, 4, big);
	nfc_element(b, 4, 16, big);
	nfc_put(b, r % 11, 4, big), nfc_put(b, r % 7, 4, big);
	nfc_put(b, r & 31, 1, big), nfc_put(b, r >> 5 & 31, 1, big), nfc_put(b, r % 40 == 0 ? 9 : r & 1, 1, big), nfc_zeros(b, 5);
	if (shape & 2)
		nfc_numbers(b, 6, (uint64_t[]){ r % 5 == 0 ? UINT32_MAX : r % 4096, 0 }, 2, 4, big);
	if (shape & 4)
		nfc_numbers(b, shape & 1 ? 11 : 10, (uint64_t[]){ r, r >> 3 }, shape & 1 ? 2 : 1, shape & 1 ? 8 : 4, big);
	if (shape & 8)
		nfc_numbers(b, 15, (uint64_t[]){ r >> 16, 0, r % 3 ? r >> 20 : 0, 0 }, 4, 8, big);
	nfc_numbers(b, 7, (uint64_t[]){ r % 65536, r >> 48 }, 2, 4, big);
	if (shape & 16)
		nfc_numbers(b, shape & 2 ? 13 : 12, (uint64_t[]){ 0xc0000200 + r % 30 / 29, 5 }, shape & 2 ? 2 : 1, shape & 2 ? 8 : 4, big);
	if (shape == 31)
		nfc_numbers(b, 42, (uint64_t[]){ r & 255, r >> 8 & 255, 0, 3 }, 4, 1, big);
	nfc_end(b, at, big);
}

/* The same rows at the same ticks. */
Test(nfcapd_fill, quick_and_careful_agree)
{
	for (unsigned turn = 0; turn < 40; turn++) {
		struct ticks t[2] = { { .rows = 0 } };

		for (int big = 0; big < 2; big++) {
			struct tsn_exporters *x = tsn_exporters_new(64);
			struct tsn_nfcapd *d = tsn_nfcapd_new(x, big);
			struct tsn_nfcapd_result r;
			uint64_t s = turn + 1, now = T0;
			struct bytes b = { 0 };

			nfc_exporter(&b, 1, 0, (uint8_t[16]){ 0x20, 1, [15] = 0x77 }, 5, big);
			for (unsigned shape = 0; shape < 32; shape++)
				for (unsigned n = 1 + (unsigned)(mutate_random(&s) % 300); n > 0; n--)
					random_record(&b, &s, shape, &now, big);
			t[big].b = tsn_batch_new();
			t[big].b->cap = turn % 2 ? 1024 : 1 + turn * 3;
			t[big].sink = (struct tsn_batch_sink){ ticks_room, &t[big], ticks_clock };
			cr_assert_eq(tsn_nfcapd_decode(d, 2, 3, b.p, b.n, true, &t[big].sink, &r), TSN_DECODE_OK);
			spill(&t[big]);
			cr_assert_eq(r.used, b.n);
			cr_assert_eq(r.flows, t[big].rows);
			tsn_batch_free(t[big].b);
			tsn_nfcapd_free(d);
			tsn_exporters_free(x);
			bytes_free(&b);
		}
		cr_assert_gt(t[0].rows, 1000);
		cr_assert_eq(t[0].rows, t[1].rows);
		cr_assert_eq(t[0].clock, t[1].clock);
		cr_assert_eq(t[0].digest, t[1].digest, "turn %u", turn);
	}
}
