/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* When exporters were there and whole: by hand, and against all that happened to them. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/pack.h"
#include "flow/exporter.h"

static struct tsn_exporters *table;
static uint32_t one;

static void
begin(void)
{
	table = tsn_exporters_new(16);
	one = tsn_exporters_find(table, tsn_addr_v4(1));
}

static void
end(void)
{
	tsn_exporters_free(table);
}

Test(exporter_presence, heard_and_whole, .init = begin, .fini = end)
{
	struct tsn_exporter *x = tsn_exporters_at(table, one);

	cr_assert(!tsn_exporter_heard(table, one, INT64_MIN) && !tsn_exporter_whole(table, one, 0, 1000));
	cr_assert(tsn_exporter_heard(table, 99, 0) && tsn_exporter_whole(table, 99, 0, 1000), "nobody knows it");
	for (int64_t t = 10000; t <= 20000; t += 500)
		tsn_exporter_hear(x, t);
	cr_assert(tsn_exporter_heard(table, one, 20000) && !tsn_exporter_heard(table, one, 20001));
	cr_assert(tsn_exporter_whole(table, one, 10000, 20000) && tsn_exporter_whole(table, one, 0, 10001));
	cr_assert(!tsn_exporter_whole(table, one, 0, 10000) && !tsn_exporter_whole(table, one, 20001, 30000));
	tsn_exporter_hear(x, 50000);
	cr_assert(!tsn_exporter_whole(table, one, 30000, 40000) && !tsn_exporter_whole(table, one, 20001, 50000));
	cr_assert(tsn_exporter_whole(table, one, 20000, 30000) && tsn_exporter_whole(table, one, 30000, 50001));
	tsn_exporter_lose(x, 50000, 51000);
	cr_assert_eq(x->last_lost, 51000);
	tsn_exporter_hear(x, 51000);
	cr_assert(!tsn_exporter_whole(table, one, 40000, 50001) && !tsn_exporter_whole(table, one, 51000, 52000));
	cr_assert(tsn_exporter_whole(table, one, 10000, 20000));
	tsn_exporter_hear(x, 52000);
	cr_assert(tsn_exporter_whole(table, one, 51001, 60000));
}

/*
 * Rows that wait in a batch are told of losses as they would have been one by one, however many are noticed behind them: what is
 * said of a moment stays so until there are more than are kept, which is said before.
 */
Test(exporter_presence, what_was_noticed_before, .init = begin, .fini = end)
{
	static int64_t asked[4000], noticed[4000];
	struct tsn_exporter *x = tsn_exporters_at(table, one);
	uint64_t seed = 1;
	int n = 0, k = 0, full = 0, yes = 0;

	for (int64_t t = 100000, before = t; n < 4000; before = t) {
		seed = tsn_mix64(seed + 1);
		t += (int64_t)(seed >> 8) % (seed % 7 == 0 ? 4000 : 300);
		tsn_exporter_hear(x, t);
		asked[n++] = t;
		if ((t / 20000 + (int64_t)(seed >> 32)) % 3 == 0) {
			if (tsn_exporter_notices_full(x, asked[full]))
				full = n;
			tsn_exporter_lose(x, before, t);
			noticed[k++] = t;
		}
		for (int i = full; i < n; i++) {
			const int64_t window = 1000 + (int64_t)(seed >> 16) % 9000;
			bool want = false;

			for (int j = k; j-- > 0 && !want;)
				want = noticed[j] < asked[i] && noticed[j] >= asked[i] - window;
			cr_assert_eq(tsn_exporter_noticed(&x->presence, asked[i], window), want, "%d of %d", i, n);
			yes += want;
		}
	}
	cr_assert(full > 100 && yes > n && k > 1000);
}

/* As bytes and back: what was noticed, and not only what was lost, which begins when the exporter had been heard before. */
Test(exporter_presence, what_was_noticed_is_restored, .init = begin, .fini = end)
{
	struct tsn_exporter *x = tsn_exporters_at(table, one), *y;
	struct tsn_exporters *other = tsn_exporters_new(16);
	struct tsn_pack k = { 0 }, notices = { 0 };
	struct tsn_unpack in;
	int differs = 0;

	tsn_exporter_lose(x, 100000, 140000);
	tsn_exporter_lose(x, 140000, 149000); /* one that goes on: nothing was noticed in between */
	tsn_exporter_lose(x, 190000, 200000);
	tsn_exporters_save(table, &k);
	tsn_exporters_save_notices(table, &notices);
	cr_assert(!k.failed && !notices.failed);
	in = (struct tsn_unpack){ k.p, k.p + k.n, false };
	cr_assert(tsn_exporters_load(other, &in));
	y = tsn_exporters_at(other, tsn_exporters_find(other, tsn_addr_v4(1)));
	for (int64_t t = 90000; t < 250000; t += 500)
		differs += tsn_exporter_noticed(&x->presence, t, 5000) != tsn_exporter_noticed(&y->presence, t, 5000);
	cr_assert(differs > 0, "losses alone say the same");
	in = (struct tsn_unpack){ notices.p, notices.p + notices.n - 1, false };
	cr_assert(!tsn_exporters_load_notices(other, &in) && y->presence.nnotices == y->presence.nlosses, "cut");
	in = (struct tsn_unpack){ notices.p, notices.p + notices.n, false };
	cr_assert(tsn_exporters_load_notices(other, &in));
	for (int64_t t = 90000; t < 250000; t += 500)
		cr_assert_eq(tsn_exporter_noticed(&x->presence, t, 5000), tsn_exporter_noticed(&y->presence, t, 5000), "at %lld", (long long)t);
	tsn_pack_fini(&k);
	tsn_pack_fini(&notices);
	tsn_exporters_free(other);
}

/* More losses than are kept: what was forgotten is not taken to be whole, what is remembered is exact. */
Test(exporter_presence, losses_are_never_forgotten_in_favour, .init = begin, .fini = end)
{
	static struct tsn_stretch lost[400];
	struct tsn_exporter *x = tsn_exporters_at(table, one);
	uint64_t seed = 1;
	int n = 0;

	for (int64_t t = 0; t < 400000; t += 1000) {
		seed = tsn_mix64(seed + 1);
		if (seed % 5 == 0) {
			tsn_exporter_lose(x, t - 1000, t);
			lost[n++] = (struct tsn_stretch){ t - 1000, t };
		}
		tsn_exporter_hear(x, t);
		for (int64_t from = t - 30000; from < t; from += 500) {
			const int64_t to = from + 1 + (int64_t)(seed >> 8) % 9000;
			bool whole = from >= 0, said = tsn_exporter_whole(table, one, from, to);

			for (int i = 0; i < n; i++)
				whole = whole && !(lost[i].from < to && lost[i].to >= from);
			cr_assert(!said || whole || from < 0, "%d: [%d, %d)", (int)t, (int)from, (int)to);
			if (whole && n < TSN_EXPORTER_LOSSES)
				cr_assert(said);
		}
	}
	cr_assert_gt(n, 2 * TSN_EXPORTER_LOSSES);
}
