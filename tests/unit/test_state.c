/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Windows against the definition: random families, flows and batch sizes. */
#include <criterion/criterion.h>

#include "unit/state_bench.h"
#include "unit/state_takeover.h"

static struct model model;
static struct m_row rows[M_ROWS];
static struct m_value want[M_ROWS][M_AGGS];
static int64_t last_evicted[M_ROWS]; /* as of each row */

/* Sizes of the batches a case is cut into: 0 stands for a new random size each time. */
static const uint32_t cuts[] = { 1, 7, 1024, 0 };

static void
check_rows(uint64_t seed, uint32_t cut, const struct tsn_family_def *def, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		for (uint32_t a = 0; a < def->naggs; a++)
			cr_assert(c_same(&bench.out[a], i - from, &want[i][a]),
			    "case %" PRIu64 ", batches of %u, row %u, aggregate %u (%s%s %s, window %" PRId64 "): "
			    "known %d not %d, %" PRId64 " not %" PRId64 ", %.17g not %.17g", seed, cut, i, a,
			    tsn_agg_infos[def->agg[a].fn].name, def->agg[a].real ? " real" : "", def->agg[a].tumbling ? "per" : "over",
			    def->agg[a].window_ms, tsn_mask_has(&bench.out[a].known, i - from), want[i][a].known,
			    bench.out[a].i[i - from], want[i][a].i, bench.out[a].f[i - from], want[i][a].f);
}

static void
run_engine(struct rng *r, uint64_t seed, uint32_t cut, uint32_t n)
{
	struct tsn_state *s = tsn_state_new(&model.def, 1, model.seed);
	struct tsn_family_stats stats;

	cr_assert_not_null(s);
	for (uint32_t from = 0, to; from < n; from = to) {
		to = from + (cut != 0 ? cut : 1 + (uint32_t)below(r, 150));
		to = to > n ? n : to;
		cr_assert(c_fold(&bench, s, 0, &model.def, rows, from, to));
		check_rows(seed, cut, &model.def, from, to);
		for (uint32_t i = from; i < to; i++) {
			cr_assert_eq(tsn_state_evicted(s, 0, bench.b, i - from), last_evicted[i], "case %" PRIu64
			    ", batches of %u, row %u: eviction", seed, cut, i);
			cr_assert_leq(last_evicted[i], tsn_state_marks_end(s, 0));
			for (uint32_t a = 0; a < model.def.naggs; a++)
				cr_assert_leq(tsn_state_late(s, 0, a, bench.b, i - from), tsn_state_marks_end(s, 0));
		}
	}
	tsn_state_stats(s, 0, &stats);
	cr_assert(c_same_stats(&stats, &model.stats),
	    "case %" PRIu64 ", batches of %u: groups %" PRIu64 "/%" PRIu64 " evicted %" PRIu64 "/%" PRIu64
	    " recycled %" PRIu64 "/%" PRIu64 " late %" PRIu64 "/%" PRIu64 " last %" PRId64 "/%" PRId64, seed, cut,
	    stats.groups, model.stats.groups, stats.evicted, model.stats.evicted, stats.recycled,
	    model.stats.recycled, stats.late, model.stats.late, stats.last_evicted, model.stats.last_evicted);
	tsn_state_free(s);
}

/* Some of the aggregates are asked for numbers, low and not so low. */
static bool
guard(struct rng *r, struct tsn_agg_def *agg, struct tsn_family_def *def)
{
	*def = model.def;
	memcpy(agg, model.def.agg, model.def.naggs * sizeof(*agg));
	def->agg = agg;
	for (uint32_t a = 0; a < def->naggs; a++) {
		if ((agg[a].fn != TSN_AGG_COUNT && agg[a].fn != TSN_AGG_DISTINCT) || below(r, 3) == 0)
			continue;
		agg[a].least = 1 + (int64_t)below(r, below(r, 2) == 0 ? 6 : 300);
		def->guarded = def->at.n == 0;
		def->mixed = below(r, 2) == 0;
	}
	return def->guarded;
}

/*
 * A row gets values that are right, or no guard is met, by what it gets either. Where others want them, they are right for
 * rows that are counted, and for those that look in any case.
 */
static void
check_guarded(const struct tsn_family_def *def, uint32_t row, const struct m_value *w)
{
	bool enough = def->mixed && (rows[row].counted || (rows[row].read && c_must(row)));

	for (uint32_t a = 0; a < def->naggs; a++)
		enough |= def->agg[a].least > 0 && w[a].known && w[a].i >= def->agg[a].least;
	for (uint32_t a = 0; a < def->naggs; a++) {
		const struct tsn_agg_def *d = &def->agg[a];

		if (enough)
			cr_assert(c_same(&bench.out[a], row - bench.from, &w[a]), "row %u, aggregate %u", row, a);
		else if (d->least > 0 && tsn_mask_has(&bench.out[a].known, row - bench.from))
			cr_assert_lt(bench.out[a].i[row - bench.from], d->least, "row %u, aggregate %u", row, a);
	}
}

static void
on_report(void *arg, const struct tsn_handover *h)
{
	(void)arg;
	cr_assert(h->kept);
}

/* In the middle all goes over to another state, which knows of no group whether it has enough. */
static void
run_guarded(struct rng *r, uint32_t cut, uint32_t n)
{
	struct tsn_agg_def agg[M_AGGS];
	struct tsn_family_def def;
	struct tsn_state *s, *next;

	if (!guard(r, agg, &def))
		return;
	s = tsn_state_new(&def, 1, model.seed);
	bench.flows = true;
	for (uint32_t from = 0, to; from < n; from = to) {
		to = from + (cut != 0 ? cut : 1 + (uint32_t)below(r, 150));
		to = to > n ? n : to;
		bench.from = from;
		cr_assert(c_fold(&bench, s, 0, &def, rows, from, to));
		for (uint32_t i = from; i < to; i++)
			check_guarded(&def, i, want[i]);
		if (from > n / 2 || to <= n / 2)
			continue;
		next = tsn_state_new(&def, 1, model.seed);
		take_over(next, s, on_report, NULL);
		tsn_state_free(s);
		s = next;
	}
	bench.flows = false;
	tsn_state_free(s);
}

static void
expect_rows(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		m_fold(&model, &rows[i], want[i], bench.scratch);
		last_evicted[i] = m_evicted(&model, &rows[i], bench.scratch);
	}
}

static void
run_case(uint64_t seed, uint32_t most)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct c_style style;
	uint32_t n = 1 + (uint32_t)below(&r, most);

	c_family(&r, &model, canon);
	n = c_exact(&model, n);
	c_style(&r, &style);
	c_rows(&r, &style, rows, n);
	expect_rows(n);
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
	run_guarded(&r, cuts[seed % 4], n);
	m_free(&model);
}

static void
run_cases(uint64_t first, uint64_t count, uint32_t most)
{
	count = getenv("TSN_SOAK") != NULL ? count * 8 : (count + 1) / 2;
	bench_begin();
	for (uint64_t i = 0; i < count; i++)
		run_case(first + i, most);
	bench_end();
}

Test(state, short_cases_equal_the_definition, .timeout = 600)
{
	run_cases(1, 1500, 60);
}

Test(state, long_cases_equal_the_definition, .timeout = 600)
{
	run_cases(1000000, 150, M_ROWS);
}

/* Sources of one part and caps a little above what an eviction looks at, so that the hand goes round. */
static void
crowd_one_part(struct rng *r, struct m_row *v, uint32_t n, uint64_t seed)
{
	static struct tsn_addr crowd[64];
	uint32_t found = 0;

	for (uint32_t a = 0x0a000000; found < 64; a++)
		if (tsn_hash_u64(a, seed) >> 58 < 2)
			crowd[found++] = tsn_addr_v4(a);
	for (uint32_t i = 0; i < n; i++) {
		v[i].has_src = true;
		v[i].src = crowd[below(r, 64)];
	}
}

static void
run_eviction_case(uint64_t seed)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct c_style style;
	uint32_t n;

	c_family(&r, &model, canon);
	model.def.key = m_keys[1];
	model.def.max_keys = 64 * (1 + below(&r, 25));
	n = c_exact(&model, 500);
	c_style(&r, &style);
	c_rows(&r, &style, rows, n);
	crowd_one_part(&r, rows, n, model.seed);
	expect_rows(n);
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
	m_free(&model);
}

Test(state, full_parts_give_the_same_place_to_the_same_key, .timeout = 600)
{
	bench_begin();
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 500 : 15); i++)
		run_eviction_case(2000000 + i);
	bench_end();
}

static struct m_row
plain_row(uint32_t src, int64_t time)
{
	struct m_row r = { .has_src = true, .counted = true, .time = time, .received = time };

	r.src = tsn_addr_v4(src);
	return r;
}

static struct tsn_family_def
count_by_src(struct tsn_agg_def *agg, enum tsn_agg_fn fn, int64_t window_ms, uint64_t max_keys)
{
	*agg = (struct tsn_agg_def){ .canon = "agg", .fn = fn, .window_ms = window_ms, .pane_ms = window_ms / 15,
		.panes = 16 };
	return (struct tsn_family_def){ .canon = "family", .key = m_keys[1], .max_keys = max_keys, .agg = agg, .naggs = 1 };
}

/*
 * A pane holds 65,535 flows in its short form. Rates of a group go far beyond
 * and back, with flows out of order and quiet spells; the oracle is an array of counts by pane.
 */
static void
run_hot_group(struct rng *r, enum tsn_agg_fn fn, uint32_t panes, uint32_t flows, uint64_t *bytes)
{
	static int64_t by_pane[4096];
	struct tsn_agg_def agg;
	struct tsn_family_def def = count_by_src(&agg, fn, 60000, 64);
	struct tsn_state *s;
	struct tsn_family_stats stats;
	int64_t pane = 100, newest = 100;

	agg.panes = panes;
	s = tsn_state_new(&def, 1, 1);
	memset(by_pane, 0, sizeof(by_pane));
	for (uint32_t done = 0; done < flows; done += 1000) {
		if (chance(r, 2) && pane < 4000)
			pane += (int64_t)below(r, chance(r, 20) ? 30 : 3);
		for (uint32_t i = 0; i < 300; i++) {
			rows[i] = plain_row(1, (pane - (chance(r, 3) ? (int64_t)below(r, 20) : 0)) * 4000);
			rows[i].arg[0].known = true;
			rows[i].arg[0].i = 7;
		}
		cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 300));
		for (uint32_t i = 0; i < 300; i++) {
			int64_t p = rows[i].time / 4000, count = 0;

			newest = p > newest ? p : newest;
			by_pane[p] += p > newest - (int64_t)panes;
			for (uint32_t k = 0; k < panes; k++)
				count += by_pane[newest - k];
			cr_assert(fn == TSN_AGG_COUNT ? bench.out[0].i[i] == count : bench.out[0].f[i] == 7,
			    "flow %u: %" PRId64 " not %" PRId64, done + i, bench.out[0].i[i], count);
		}
	}
	tsn_state_stats(s, 0, &stats);
	*bytes = stats.bytes;
	tsn_state_free(s);
}

Test(state, counts_beyond_eight_bits_a_pane, .timeout = 600)
{
	struct rng r = { 7 };
	uint64_t narrow, wide;

	bench.b = tsn_batch_new();
	run_hot_group(&r, TSN_AGG_COUNT, 16, 200, &narrow);
	run_hot_group(&r, TSN_AGG_COUNT, 16, 3000000, &wide);
	cr_assert_gt(wide, narrow, "no pane ever needed its long form: the test tests nothing");
	run_hot_group(&r, TSN_AGG_COUNT, 3, 2000000, &wide);
	run_hot_group(&r, TSN_AGG_AVG, 16, 1500000, &wide);
	tsn_batch_free(bench.b);
}

/* Two hot keys that fight for one place: long cells are given back, and the newcomer starts at nothing. */
Test(state, replaced_groups_give_their_long_cells_back)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = count_by_src(&agg, TSN_AGG_COUNT, 60000, 64);
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	uint64_t first = 0;
	uint32_t a = 1, b = 2;

	while (tsn_hash_u64(b, 1) >> 58 != tsn_hash_u64(a, 1) >> 58)
		b++;
	bench.b = tsn_batch_new();
	for (int round = 0; round < 6; round++) {
		struct tsn_family_stats stats;

		for (uint32_t done = 0; done < 70000; done += 700) {
			for (uint32_t i = 0; i < 700; i++)
				rows[i] = plain_row(round % 2 ? a : b, 1000000);
			cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 700));
			cr_assert_eq(bench.out[0].i[699], done + 700);
		}
		tsn_state_stats(s, 0, &stats);
		first = round == 1 ? stats.bytes : first;
		cr_assert(round < 2 || stats.bytes == first);
		cr_assert_eq(stats.evicted, (uint64_t)round);
	}
	tsn_batch_free(bench.b);
	tsn_state_free(s);
}

/* Any time at all may come from a broken clock. */
Test(state, times_at_the_ends_of_an_int64)
{
	static const int64_t times[] = { INT64_MIN, INT64_MAX, 0, -1, INT64_MIN + 1, INT64_MAX - 1, 1767571200000 };
	struct rng r = { 3 };
	char canon[M_AGGS][64];

	bench.b = tsn_batch_new();
	for (int round = 0; round < 300; round++) {
		struct tsn_state *s;
		struct c_style style;

		c_family(&r, &model, canon);
		c_style(&r, &style);
		s = tsn_state_new(&model.def, 1, 1);
		c_rows(&r, &style, rows, 200);
		for (uint32_t i = 0; i < 200; i++) {
			rows[i].time = times[below(&r, 7)];
			rows[i].received = times[below(&r, 7)];
		}
		for (uint32_t i = 0; i < 200; i += 50)
			cr_assert(c_fold(&bench, s, 0, &model.def, rows, i, i + 50));
		for (uint32_t a = 0; a < model.def.naggs; a++)
			if (model.agg[a].fn == TSN_AGG_COUNT)
				for (uint32_t i = 0; i < 50; i++)
					cr_assert(!tsn_mask_has(&bench.out[a].known, i) || bench.out[a].i[i] >= 0);
		tsn_state_free(s);
	}
	tsn_batch_free(bench.b);
}

/* A family nobody reads, with no results at all, counts the same. */
Test(state, results_nobody_wants)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = count_by_src(&agg, TSN_AGG_COUNT, 60000, 64);
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	struct tsn_vector *none[] = { NULL };

	bench.b = tsn_batch_new();
	for (int i = 0; i < 3; i++) {
		rows[0] = plain_row(1, 1000);
		tsn_batch_clear(bench.b, TSN_BATCH_FLOWS);
		m_put_row(&rows[0], bench.b, 0);
		tsn_mask_clear(&bench.read);
		cr_assert(tsn_state_fold(s, 0, bench.b, &bench.b->rows, &bench.read, NULL, none));
	}
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 1));
	cr_assert_eq(bench.out[0].i[0], 4);
	tsn_state_free(s);
	tsn_batch_free(bench.b);
}
