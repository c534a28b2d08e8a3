/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Memory: what was said beforehand is what is taken at most, whatever comes; and what is busy stays through a flood. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "state/internal.h"
#include "state/kept.h"
#include "unit/keys_that_fit.h"
#include "unit/state_bench.h"
#include "unit/state_takeover.h"

static struct m_row rows[4096];

/* Whole batches of plain IPv4 flows, quicker than rows of the model. */
struct plain {
	uint32_t src, dst;
	int64_t time;
};

static void
fold_plain(struct tsn_state *s, const struct plain *v, uint32_t n, struct tsn_vector *out)
{
	struct tsn_batch *b = bench.b;
	struct tsn_mask none = { { 0 } };
	struct tsn_vector *results[] = { out };
	const struct tsn_vector *args[] = { NULL };

	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	b->n = n;
	tsn_mask_first(&b->rows, n);
	b->present[TSN_F_SRC] = b->present[TSN_F_DST] = b->rows;
	b->addr[tsn_fields[TSN_F_SRC].addr_slot].is_v4 = b->addr[tsn_fields[TSN_F_DST].addr_slot].is_v4 = b->rows;
	for (uint32_t i = 0; i < n; i++) {
		((uint32_t *)b->col[TSN_F_SRC])[i] = v[i].src;
		((uint32_t *)b->col[TSN_F_DST])[i] = v[i].dst;
		b->time[i] = b->received[i] = v[i].time;
	}
	cr_assert(tsn_state_fold(s, 0, b, &b->rows, &none, args, results));
}

static struct tsn_family_def
family(struct tsn_agg_def *agg, enum tsn_agg_fn fn, bool tumbling, uint64_t max_keys)
{
	*agg = (struct tsn_agg_def){ .canon = "agg", .fn = fn, .tumbling = tumbling, .window_ms = 60000,
		.pane_ms = tumbling ? 60000 : 4000, .panes = tumbling ? 1 : 16 };
	agg->tuple = fn == TSN_AGG_JITTER ? m_connection : m_tuples[0];
	return (struct tsn_family_def){ .canon = "family", .key = m_keys[1], .max_keys = max_keys, .agg = agg, .naggs = 1 };
}

/* Random families filled far beyond their places: bytes stay below what was said. */
static void
run_cost(uint64_t seed)
{
	static const uint64_t caps[] = { 64, 100, 640, 1000, 4096, 5000 };
	struct rng r = { seed };
	struct model model;
	char canon[M_AGGS][64];
	struct c_style style;
	struct tsn_state *s;
	struct tsn_family_stats stats;
	struct tsn_cost cost;
	uint64_t groups;

	c_family(&r, &model, canon);
	model.def.max_keys = caps[below(&r, 6)];
	groups = model.def.max_keys / 64 * 64;
	s = tsn_state_new(&model.def, 1, seed);
	tsn_state_cost(&model.def, &cost);
	for (int round = 0; round < 4; round++) {
		c_style(&r, &style);
		style.hosts = 20000;
		style.wild = 0;
		c_rows(&r, &style, rows, 4000);
		for (uint32_t i = 0; i < 4000; i++) {
			rows[i].dst = c_addr(&r, 20000);
			for (uint32_t k = (uint32_t)below(&r, 14); k > 0 && round % 2 == 1; k--)
				rows[i].name[k] = 'x';
			if (chance(&r, 30))
				rows[i].src = tsn_addr_v4(7);
		}
		for (uint32_t i = 0; i < 4000; i += 1000) {
			cr_assert(c_fold(&bench, s, 0, &model.def, rows, i, i + 1000));
			tsn_state_stats(s, 0, &stats);
			cr_assert(stats.bytes <= (cost.group + cost.extra) * groups + cost.fixed, "seed %" PRIu64 ": %" PRIu64
			    " bytes in %" PRIu64 " groups of %" PRIu64 " + %" PRIu64, seed, stats.bytes, groups, cost.group, cost.extra);
		}
	}
	tsn_state_free(s);
}

Test(state_bounds, what_a_group_costs, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= (getenv("TSN_SOAK") != NULL ? 500 : 20); seed++)
		run_cost(seed);
}

/* Without what grows, bytes are what was said nearly to the byte. */
Test(state_bounds, a_full_family_takes_what_was_said, .init = bench_begin, .fini = bench_end)
{
	static struct plain v[1024];
	static struct tsn_vector out;
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_COUNT, false, 0);
	const uint64_t memory = 4 << 20, keys = keys_that_fit(&def, memory);
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	struct tsn_family_stats stats;
	struct tsn_cost cost;

	tsn_state_cost(&def, &cost);
	for (uint32_t i = 0; i < 4 * keys; i += 1000) {
		for (uint32_t k = 0; k < 1000; k++)
			v[k] = (struct plain){ i + k, 1, 1000 };
		fold_plain(s, v, 1000, &out);
		tsn_state_stats(s, 0, &stats);
		cr_assert_leq(stats.bytes, cost.group * keys);
	}
	cr_assert_eq(stats.groups, keys);
	/* no IPv6, and no pane that is counted in its long form */
	cr_assert_gt(stats.bytes, (cost.group - 24 - 17 * 8) * keys * 9 / 10, "%" PRIu64 " of %" PRIu64, stats.bytes, cost.group * keys);
	tsn_state_free(s);
}

/* Behind groups that were there before lie the lanes of another count, so that of now stands apart from them. */
Test(state_bounds, what_a_reload_leaves_apart_was_said, .init = bench_begin, .fini = bench_end)
{
	static struct plain v[1000];
	static struct tsn_vector out;
	struct tsn_agg_def agg[2];
	struct tsn_family_def def[2] = { family(&agg[0], TSN_AGG_COUNT, false, 0), family(&agg[1], TSN_AGG_COUNT, false, 0) };
	const uint64_t keys = def[0].max_keys = def[1].max_keys = 64000;
	struct tsn_state *s[2];
	struct tsn_family_stats before, after;
	struct tsn_cost cost;

	agg[1].canon = "another";
	for (int i = 0; i < 2; i++)
		s[i] = tsn_state_new(&def[i], 1, 1);
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			take_over(s[1], s[0], NULL, NULL);
		for (uint32_t k = 0; k < keys; k++) {
			v[k % 1000] = (struct plain){ k, 1, 1000 };
			if (k % 1000 == 999)
				fold_plain(s[i], v, 1000, &out);
		}
		tsn_state_stats(s[i], 0, i == 0 ? &before : &after);
	}
	tsn_state_cost(&def[1], &cost);
	cr_assert_eq(before.groups, after.groups);
	cr_assert(after.bytes - before.bytes >= cost.apart * after.groups && after.bytes - before.bytes <= cost.apart * keys, "%" PRIu64, after.bytes - before.bytes);
	for (int i = 0; i < 2; i++)
		tsn_state_free(s[i]);
}

/* Texts of ever other lengths: their places are of no use to each other, and moved together. */
Test(state_bounds, long_keys_of_changing_length, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_COUNT, false, 640);
	struct tsn_state *s;
	struct tsn_family_stats stats;
	struct tsn_cost cost;
	static char name[256];
	struct tsn_vector *results[] = { NULL };
	struct tsn_mask none = { { 0 } };
	uint64_t serial = 0;

	def.key = m_keys[8];
	s = tsn_state_new(&def, 1, 1);
	tsn_state_cost(&def, &cost);
	memset(name, 'n', sizeof(name));
	for (uint32_t len = 20; len < 250; len++)
		for (int i = 0; i < 400; i++) {
			tsn_batch_clear(bench.b, TSN_BATCH_FLOWS);
			snprintf(name, 20, "%019" PRIu64, serial++);
			name[19] = 'n';
			tsn_batch_put_str(bench.b, 0, TSN_F_DNS_NAME, (struct tsn_str){ name, len });
			bench.b->time[0] = 1000;
			bench.b->n = 1;
			tsn_mask_first(&bench.b->rows, 1);
			cr_assert(tsn_state_fold(s, 0, bench.b, &bench.b->rows, &none, NULL, results));
			tsn_state_stats(s, 0, &stats);
			cr_assert_leq(stats.bytes, cost.group * 640 + cost.fixed, "length %u", len);
		}
	cr_assert_eq(stats.groups, 640);
	tsn_state_free(s);
}

/*
 * Pairs of IPv4 and of IPv6, each of which takes the place of another in a full family: [share] of a hundred are of IPv6, in spells of
 * all lengths. The last of each spell are asked for again, so a key that another wrote over would be found out.
 */
static void
run_pairs(uint64_t seed, struct tsn_state *s, const struct tsn_cost *cost)
{
	static struct tsn_vector out;
	struct tsn_vector *results[] = { &out };
	struct tsn_mask none = { { 0 } };
	struct rng r = { seed };
	uint64_t serial = 1;

	for (int spell = 0; spell < 300; spell++) {
		const uint32_t n = 2 + (uint32_t)below(&r, chance(&r, 20) ? 500 : 30), share = (uint32_t)below(&r, 4) * 34;
		struct tsn_family_stats stats;

		tsn_batch_clear(bench.b, TSN_BATCH_FLOWS);
		bench.b->n = 2 * n;
		tsn_mask_first(&bench.b->rows, 2 * n);
		for (uint32_t i = 0; i < n; i++) {
			const bool v4 = !chance(&r, share);
			const struct tsn_addr a = v4 ? tsn_addr_v4((uint32_t)serial) : (struct tsn_addr){ serial, ~serial, false };

			for (uint32_t row = i; row < 2 * n; row += n) {
				tsn_batch_put_addr(bench.b, row, TSN_F_SRC, a);
				tsn_batch_put_addr(bench.b, row, TSN_F_DST, a);
				bench.b->time[row] = 1000;
			}
			serial++;
		}
		cr_assert(tsn_state_fold(s, 0, bench.b, &bench.b->rows, &none, NULL, results));
		for (uint32_t i = n - 2; i < n; i++)
			cr_assert(out.i[i] == 1 && out.i[n + i] <= 2, "seed %" PRIu64 ", spell %d", seed, spell);
		tsn_state_stats(s, 0, &stats);
		cr_assert_leq(stats.bytes, cost->group * 640 + cost->fixed, "spell %d", spell);
	}
}

Test(state_bounds, pairs_of_both_families, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_COUNT, false, 640);
	struct tsn_cost cost;

	def.key = (struct tsn_key_spec){ 2, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST, 32, 128 } } };
	tsn_state_cost(&def, &cost);
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct tsn_state *s = tsn_state_new(&def, 1, seed);

		cr_assert_not_null(s);
		run_pairs(seed, s, &cost);
		tsn_state_free(s);
	}
}

/* Many sources with seven or eight destinations each, more than a cell has room for, and some with many: these keep what they have. */
Test(state_bounds, memory_beside_the_cells, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	static struct plain v[1024];
	static struct tsn_vector out;
	static bool met[23][3000];
	static uint32_t different[23];
	const uint32_t sources = getenv("TSN_SOAK") != NULL ? 4000000 : 1000000;

	for (int tumbling = 0; tumbling < 2; tumbling++) {
		struct tsn_agg_def agg;
		struct tsn_family_def def = family(&agg, TSN_AGG_DISTINCT, tumbling, 1000000);
		struct tsn_state *s;
		struct tsn_family_stats stats;
		struct tsn_cost cost;
		struct rng r = { 5 };

		memset(met, 0, sizeof(met));
		memset(different, 0, sizeof(different));
		agg.extra_bytes = 2 << 20;
		s = tsn_state_new(&def, 1, 1);
		tsn_state_cost(&def, &cost);
		for (uint32_t i = 0; i < sources; i += 1000) {
			for (uint32_t k = 0; k < 1000; k++) {
				v[k] = (struct plain){ 0x10000000 + (i + k) / 8, (uint32_t)rnd(&r), 60000 + i / 40 };
				if (k % 10 == 0) { /* one of twenty, with 100 destinations; or one of three with 3,000 */
					const uint32_t h = (uint32_t)below(&r, 23);

					v[k].src = h;
					v[k].dst = (uint32_t)below(&r, h < 20 ? 100 : 3000);
					different[h] += !met[h][v[k].dst];
					met[h][v[k].dst] = true;
				}
			}
			fold_plain(s, v, 1000, &out);
			cr_assert_leq(s->family[0].agg[0].store.bytes, agg.extra_bytes);
			tsn_state_stats(s, 0, &stats);
			cr_assert_leq(stats.bytes, cost.group * 1000000 + cost.fixed + agg.extra_bytes);
		}
		cr_assert_gt(stats.evicted, 100000);
		for (uint32_t h = 0; h < 23; h++)
			v[h] = (struct plain){ h, 1, 60000 + sources / 40 };
		for (uint32_t h = 0; h < 23; h++)
			different[h] += !met[h][1];
		fold_plain(s, v, 23, &out);
		for (uint32_t h = 0; h < 23; h++) {
			const double want = different[h];

			cr_assert(fabs((double)out.i[h] - want) <= (h < 20 ? 0 : 0.07 * want), "%s, source %u: %" PRId64 " of %.0f",
			    tumbling ? "per" : "over", h, out.i[h], want);
			cr_assert_eq(tsn_state_error(s, 0, 0, bench.b, h) > 0, h >= 20);
		}
		tsn_state_free(s);
	}
}

static struct c_result {
	bool known;
	int64_t bits, evicted;
} first[4096];

/* Values, and who lost what, do not depend on how the input is cut. */
static void
run_cuts(uint64_t seed, uint32_t n)
{
	static const enum tsn_agg_fn fns[] = { TSN_AGG_DISTINCT, TSN_AGG_ENTROPY, TSN_AGG_JITTER };
	static const uint32_t cuts[] = { 1, 7, 1000, 0 };
	struct rng r = { seed };
	struct tsn_agg_def aggs[3];
	char canon[3][64];
	struct tsn_family_def def = { .canon = "f", .key = m_keys[1], .max_keys = chance(&r, 50) ? 640 : 100000, .agg = aggs, .naggs = 3 };
	struct c_style style = { .hosts = 150, .ports = 50, .gap = 50, .disorder = chance(&r, 50) ? 5000 : 0, .base = 1767571200000 };
	struct tsn_family_stats one = { 0 }, stats;

	for (uint32_t i = 0; i < 3; i++) {
		do
			c_agg(&r, &aggs[i], canon[i]);
		while (aggs[i].fn != fns[i]);
		aggs[i].extra_bytes = 500 + below(&r, chance(&r, 50) ? 200000 : 6000);
	}
	c_rows(&r, &style, rows, n);
	for (uint32_t i = 0; i < n; i++) {
		rows[i].dst = tsn_addr_v4((uint32_t)below(&r, 1000));
		if (chance(&r, 40))
			rows[i].src = tsn_addr_v4((uint32_t)below(&r, 3));
	}
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
		struct tsn_state *s = tsn_state_new(&def, 1, seed);

		for (uint32_t from = 0, to; from < n; from = to) {
			to = from + (cuts[c] != 0 ? cuts[c] : 1 + (uint32_t)below(&r, 150));
			to = to < n ? to : n;
			cr_assert(c_fold(&bench, s, 0, &def, rows, from, to));
			for (uint32_t i = from; i < to; i++)
				for (uint32_t a = 0; a < 3; a++) {
					const struct c_result got = { tsn_mask_has(&bench.out[a].known, i - from), bench.out[a].i[i - from],
						tsn_state_evicted(s, 0, bench.b, i - from) };
					struct c_result *want = &first[i];

					if (a != seed % 3)
						continue;
					if (c == 0)
						*want = got;
					cr_assert(got.known == want->known && (!got.known || got.bits == want->bits) && got.evicted == want->evicted,
					    "seed %" PRIu64 ", batches of %u, row %u", seed, cuts[c], i);
				}
			for (uint32_t a = 0; a < 3; a++)
				cr_assert_leq(s->family[0].agg[a].store.bytes, aggs[a].extra_bytes);
		}
		tsn_state_stats(s, 0, &stats);
		one = c == 0 ? stats : one;
		cr_assert(c_same_stats(&stats, &one), "seed %" PRIu64 ", batches of %u", seed, cuts[c]);
		tsn_state_free(s);
	}
}

Test(state_bounds, whose_memory_goes_does_not_depend_on_batches, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= (getenv("TSN_SOAK") != NULL ? 300 : 16); seed++)
		run_cuts(seed, 2000);
}

/* Nothing at all fits beside the cells: what has no room in them is not counted, and that is said of every row. */
Test(state_bounds, no_memory_beside_the_cells, .init = bench_begin, .fini = bench_end)
{
	static struct plain v[24];
	static struct tsn_vector out;
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_DISTINCT, false, 6400);
	struct tsn_state *s;

	agg.extra_bytes = 10;
	s = tsn_state_new(&def, 1, 1);
	for (uint32_t i = 0; i < 24; i++)
		v[i] = (struct plain){ i % 2, i, 1000 + i };
	fold_plain(s, v, 24, &out);
	for (uint32_t i = 0; i < 24; i++) {
		const bool fits = i / 2 < 5;

		cr_assert_eq(out.i[i], fits ? i / 2 + 1 : 5);
		cr_assert_eq(tsn_state_evicted(s, 0, bench.b, i), fits ? TSN_TIME_NONE : 1000 + i);
	}
	tsn_state_free(s);
}

/*
 * Sources that come once each, and a few that come again and again: these keep their places, and their counts. What may be
 * lost are the first flows of one whose second flow comes after the clock has been round, when it looks like all the others.
 */
static void
run_flood(uint32_t heavy, uint32_t total, uint64_t places, uint64_t memory, uint32_t one_in, uint64_t *exact, int64_t *worst)
{
	static struct plain v[1024];
	static struct tsn_vector out;
	static uint32_t sent[256];
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_COUNT, false, 0);
	struct tsn_state *s;
	struct tsn_family_stats stats;
	struct rng r = { 3 };

	def.max_keys = places;
	memset(sent, 0, sizeof(sent));
	s = tsn_state_new(&def, 1, 1);
	for (uint32_t i = 0; i < total; i += 1000) {
		for (uint32_t k = 0; k < 1000; k++) {
			const uint32_t h = (uint32_t)below(&r, heavy);

			v[k] = (struct plain){ (i + k) * 2654435761u | 0x10000, 1, 100000 + (i + k) / 40 };
			if (k % one_in != 0)
				continue;
			v[k].src = h;
			sent[h]++;
		}
		fold_plain(s, v, 1000, &out);
	}
	tsn_state_stats(s, 0, &stats);
	cr_assert_leq(stats.bytes, memory);
	cr_assert_gt(stats.evicted, total / 2, "no flood");
	for (uint32_t h = 0; h < heavy; h++)
		v[h] = (struct plain){ h, 1, 100000 + total / 40 };
	fold_plain(s, v, heavy, &out);
	*exact = 0;
	*worst = 0;
	for (uint32_t h = 0; h < heavy; h++) {
		const int64_t missing = (int64_t)sent[h] + 1 - out.i[h];

		cr_assert(missing >= 0);
		*exact += missing == 0;
		*worst = missing > *worst ? missing : *worst;
	}
	tsn_state_free(s);
}

Test(state_bounds, heavy_hitters_stay_through_a_flood, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	uint64_t exact;
	int64_t worst;

	/* a fiftieth of a hundred million sources, a thousand heavy ones and 64 MiB */
	run_flood(20, 2000000, 10240, (64 << 20) / 50, 20, &exact, &worst);
	cr_assert(exact >= 19 && worst <= 1, "%" PRIu64 " exact, at most %" PRId64 " flows lost", exact, worst);
	/* ten times as many, so that each comes about once while the clock goes round */
	run_flood(200, 2000000, 10240, (64 << 20) / 50, 20, &exact, &worst);
	cr_assert(exact >= 180 && worst <= 2, "%" PRIu64 " exact, at most %" PRId64 " flows lost", exact, worst);
}
