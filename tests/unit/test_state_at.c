/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* `by A at B` against the definition: rows are counted under one key and read the group that another names. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "unit/state_bench.h"

static struct model model;
static struct m_row rows[M_ROWS];
static struct m_value want[M_ROWS][M_AGGS];
static int64_t last_evicted[M_ROWS];

static const uint32_t cuts[] = { 1, 7, 1024, 0 };

static const struct {
	struct tsn_key_spec key, at;
} sides[] = {
	{ { 1, { { TSN_F_SRC, 32, 128 } } }, { 1, { { TSN_F_DST, 32, 128 } } } },
	{ { 1, { { TSN_F_DST, 32, 128 } } }, { 1, { { TSN_F_SRC, 32, 128 } } } },
	{ { 1, { { TSN_F_SRC, 24, 48 } } }, { 1, { { TSN_F_DST, 24, 48 } } } },
	{ { 1, { { TSN_F_EXPORTER, 32, 128 } } }, { 1, { { TSN_F_SRC, 32, 128 } } } },
	{ { 2, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } }, { 2, { { TSN_F_DST, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } } },
	{ { 2, { { TSN_F_SRC, 24, 64 }, { TSN_F_DST, 16, 32 } } }, { 2, { { TSN_F_DST, 24, 64 }, { TSN_F_SRC, 16, 32 } } } },
	{ { 1, { { TSN_F_SRC, 32, 128 } } }, { 1, { { TSN_F_SRC, 32, 128 } } } },
};
#define SIDES (sizeof(sides) / sizeof(sides[0]))

static struct m_group *
group_named(const char *key)
{
	for (int p = 0; p < 64; p++)
		for (size_t i = 0; i < model.part[p].n; i++)
			if (strcmp(model.part[p].v[i]->key, key) == 0)
				return model.part[p].v[i];
	return NULL;
}

static void
count_row(const struct m_row *r)
{
	struct m_group *g = m_group(&model, r, true, bench.scratch);
	struct m_flow f;

	g->flows++;
	g->newest = r->time > g->newest ? r->time : g->newest;
	for (unsigned a = 0; a < model.def.naggs; a++) {
		const struct tsn_agg_def *d = &model.agg[a];

		if (m_takes(d, r, a, &f))
			m_join(&model, d, &g->list[a], &f);
	}
}

/* What the definition says: file the row, then look. */
static void
fold_one(const struct m_row *r, struct m_value out[M_AGGS])
{
	char key[M_TEXT];
	struct m_group *g;

	memset(out, 0, M_AGGS * sizeof(*out));
	if (r->counted && m_text(&model.def.key, r, key))
		count_row(r);
	if (!(r->counted || r->read) || !m_text(&model.def.at, r, key))
		return;
	g = group_named(key);
	for (unsigned a = 0; a < model.def.naggs; a++)
		out[a] = m_value(&model.agg[a], g == NULL ? NULL : &g->list[a], m_pane(&model.agg[a], r));
}

static void
make_family(struct rng *r, char canon[M_AGGS][64])
{
	const size_t side = below(r, SIDES);

	c_family(r, &model, canon);
	model.def.key = sides[side].key;
	model.def.at = sides[side].at;
}

static void
make_rows(struct rng *r, uint32_t n)
{
	struct c_style style;

	c_style(r, &style);
	c_rows(r, &style, rows, n);
	for (uint32_t i = 0; i < n; i++) { /* both sides mostly meet the same hosts */
		rows[i].dst = c_addr(r, style.hosts);
		if (chance(r, 30))
			rows[i].exporter = c_addr(r, style.hosts);
	}
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
		for (uint32_t i = from; i < to; i++) {
			for (uint32_t a = 0; a < model.def.naggs; a++)
				cr_assert(bench.flows && !rows[i].read ? !tsn_mask_has(&bench.out[a].known, i - from) :
				    c_same(&bench.out[a], i - from, &want[i][a]),
				    "case %" PRIu64 ", batches of %u, row %u, function %d: known %d not %d, %" PRId64
				    " not %" PRId64, seed, cut, i, model.agg[a].fn,
				    tsn_mask_has(&bench.out[a].known, i - from), want[i][a].known,
				    bench.out[a].i[i - from], want[i][a].i);
			cr_assert_eq(tsn_state_evicted(s, 0, bench.b, i - from), last_evicted[i]);
		}
	}
	tsn_state_stats(s, 0, &stats);
	cr_assert(c_same_stats(&stats, &model.stats), "case %" PRIu64 ", batches of %u: groups %" PRIu64 "/%" PRIu64
	    " evicted %" PRIu64 "/%" PRIu64 " late %" PRIu64 "/%" PRIu64, seed, cut, stats.groups, model.stats.groups,
	    stats.evicted, model.stats.evicted, stats.late, model.stats.late);
	tsn_state_free(s);
}

static void
run_case(uint64_t seed, uint32_t most, uint64_t max_keys)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	uint32_t n = 1 + (uint32_t)below(&r, most);

	make_family(&r, canon);
	n = c_exact(&model, n);
	make_rows(&r, n);
	bench.flows = seed % 2 == 1; /* ...in which whole batches only count */
	for (uint32_t i = 0; bench.flows && i < n; i++)
		rows[i].read = rows[i].read && i / 128 % 4 == 0;
	if (max_keys != 0)
		model.def.max_keys = max_keys;
	for (uint32_t i = 0; i < n; i++) {
		fold_one(&rows[i], want[i]);
		last_evicted[i] = m_evicted(&model, &rows[i], bench.scratch);
	}
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
	bench.flows = false;
	m_free(&model);
}

static uint64_t
soak(void)
{
	return getenv("TSN_SOAK") != NULL ? 16 : 1;
}

Test(state_at, short_cases_equal_the_definition, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t i = 0; i < 750 * soak(); i++)
		run_case(1 + i, 60, 0);
}

Test(state_at, long_cases_equal_the_definition, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t i = 0; i < 50 * soak(); i++)
		run_case(1000000 + i, M_ROWS, 0);
}

Test(state_at, evictions_fall_on_the_same_rows, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t i = 0; i < 150 * soak(); i++)
		run_case(2000000 + i, 250, 64 * (1 + i % 3));
}

/* Whatever the functions, and when memory beside the cells is short: batches of any size give what single rows give. */
static void
run_same(uint64_t seed)
{
	static const enum tsn_agg_fn fns[] = { TSN_AGG_COUNT, TSN_AGG_SUM, TSN_AGG_DISTINCT, TSN_AGG_STDDEV, TSN_AGG_ENTROPY,
		TSN_AGG_JITTER, TSN_AGG_FRESH, TSN_AGG_SINCE };
	static struct {
		bool known;
		int64_t i;
	} first[M_ROWS][M_AGGS];
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct tsn_family_stats stats, ref;
	uint32_t n = 300;

	make_family(&r, canon);
	for (uint32_t a = 0; a < model.def.naggs; a++) {
		model.agg[a].fn = fns[below(&r, sizeof(fns) / sizeof(fns[0]))];
		model.agg[a].real = model.agg[a].real && tsn_agg_infos[model.agg[a].fn].arg;
		model.agg[a].tumbling = model.agg[a].tumbling && model.agg[a].fn != TSN_AGG_FRESH && model.agg[a].fn != TSN_AGG_SINCE;
		model.agg[a].closes = model.agg[a].closes && model.agg[a].tumbling;
		model.agg[a].extra_bytes = chance(&r, 70) ? 200 + below(&r, 20000) : 0;
	}
	model.def.max_keys = chance(&r, 30) ? 64 : UINT64_MAX;
	make_rows(&r, n);
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
		struct tsn_state *s = tsn_state_new(&model.def, 1, model.seed);

		for (uint32_t from = 0, to; from < n; from = to) {
			to = from + (cuts[c] != 0 ? cuts[c] : 1 + (uint32_t)below(&r, 150));
			to = to > n ? n : to;
			cr_assert(c_fold(&bench, s, 0, &model.def, rows, from, to));
			for (uint32_t i = from; i < to; i++)
				for (uint32_t a = 0; a < model.def.naggs; a++) {
					bool known = tsn_mask_has(&bench.out[a].known, i - from);

					if (c == 0) {
						first[i][a].known = known;
						first[i][a].i = bench.out[a].i[i - from];
						continue;
					}
					cr_assert_eq(known, first[i][a].known, "case %" PRIu64 ", row %u", seed, i);
					cr_assert(!known || bench.out[a].i[i - from] == first[i][a].i,
					    "case %" PRIu64 ", batches of %u, row %u, %s: %" PRId64 " not %" PRId64, seed, cuts[c], i,
					    tsn_agg_infos[model.agg[a].fn].name, bench.out[a].i[i - from], first[i][a].i);
				}
		}
		tsn_state_stats(s, 0, &stats);
		if (c == 0)
			ref = stats;
		cr_assert(c_same_stats(&stats, &ref), "case %" PRIu64, seed);
		tsn_state_free(s);
	}
	m_free(&model);
}

Test(state_at, batches_do_not_matter_to_any_function, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t i = 0; i < 150 * soak(); i++)
		run_same(6000000 + i);
}

/* The ACKs that this flow's destination sent: of a victim of a SYN flood few, of a busy server many. */
Test(state_at, a_flow_asks_about_its_destination, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg = { .canon = "a", .fn = TSN_AGG_COUNT, .window_ms = 30000, .pane_ms = 2000, .panes = 16 };
	const struct tsn_family_def def = { .canon = "f", .key = sides[0].key, .at = sides[0].at, .max_keys = 1000,
		.agg = &agg, .naggs = 1 };
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	struct m_row r[4] = { { .has_src = true, .has_dst = true, .src = tsn_addr_v4(1), .dst = tsn_addr_v4(2), .read = true } };
	struct tsn_family_stats stats;

	r[1] = r[2] = r[3] = r[0];
	r[1].src = tsn_addr_v4(2);
	r[1].dst = tsn_addr_v4(1);
	r[1].counted = true;
	r[3].has_src = false; /* has no group of its own, and reads all the same */
	cr_assert(c_fold(&bench, s, 0, &def, r, 0, 4));
	cr_assert_eq(bench.out[0].i[0], 0);
	cr_assert_eq(bench.out[0].i[1], 0, "nothing came from 1");
	cr_assert_eq(bench.out[0].i[2], 1);
	cr_assert_eq(bench.out[0].i[3], 1);
	cr_assert_eq(tsn_mask_count(&bench.out[0].known), 4);
	tsn_state_stats(s, 0, &stats);
	cr_assert_eq(stats.groups, 1);
	tsn_state_free(s);
}

static uint32_t closed;

static bool
closing(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	struct tsn_mask none = { { 0 } };
	struct tsn_vector *const results[] = { &bench.out[0] };
	const struct tsn_vector *const args[] = { NULL };

	(void)agg;
	(void)start;
	cr_assert(tsn_state_fold(arg, family, b, &none, &b->rows, args, results));
	for (uint32_t i = 0; i < b->n; i++) {
		cr_assert(tsn_mask_has(&b->present[TSN_F_DST], i));
		cr_assert(!tsn_mask_has(&b->present[TSN_F_SRC], i));
		cr_assert(tsn_mask_has(&bench.out[0].known, i));
		cr_assert_eq(bench.out[0].i[i], (int64_t)tsn_batch_addr(b, i, TSN_F_DST).lo);
	}
	closed += b->n;
	return true;
}

/* The key of a rule is B, so what a closing asks has B's fields. */
Test(state_at, a_closing_asks_by_the_fields_that_are_read, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg = { .canon = "a", .fn = TSN_AGG_COUNT, .tumbling = true, .closes = true,
		.window_ms = 60000, .pane_ms = 60000, .panes = 1 };
	const struct tsn_family_def def = { .canon = "f", .key = sides[0].key, .at = sides[0].at, .max_keys = UINT64_MAX,
		.agg = &agg, .naggs = 1 };
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	uint32_t n = 0;

	for (uint32_t host = 1; host <= 20; host++) /* as many flows as its number */
		for (uint32_t k = 0; k < host; k++)
			rows[n++] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(host), .counted = true, .time = 1000 };
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, n));
	cr_assert(tsn_state_close(s, 90000, 0, bench.scratch, closing, s));
	cr_assert_eq(closed, 20);
	tsn_state_free(s);
}

/* Every row has both keys and counts, so that a known value says that the row was folded. */
static bool
run_failing(uint64_t seed, long k, bool sticky, uint32_t cut)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct tsn_state *s;
	uint32_t failures = 0, n = 200;

	do {
		make_family(&r, canon);
	} while (model.def.key.part[0].field == TSN_F_EXPORTER);
	for (uint32_t a = 0; a < model.def.naggs; a++) /* at most one that allocates as it goes */
		if (tsn_agg_infos[model.agg[a].fn].tuple && a > 0)
			model.agg[a].fn = TSN_AGG_COUNT;
	model.agg[model.def.naggs - 1].fn = model.def.naggs > 1 ? TSN_AGG_COUNT : model.agg[0].fn;
	model.agg[model.def.naggs - 1].real = model.def.naggs == 1 && model.agg[0].real;
	model.def.max_keys = UINT64_MAX;
	make_rows(&r, n);
	for (uint32_t i = 0; i < n; i++)
		rows[i].has_src = rows[i].has_dst = rows[i].has_port = rows[i].counted = true;
	s = c_failing_state(&model.def, model.seed, &k, sticky);
	if (s == NULL) {
		m_free(&model);
		return true;
	}
	for (uint32_t from = 0, to; from < n; from = to) {
		bool stopped = false, ok;

		to = from + cut < n ? from + cut : n;
		if (failures == 0 || (sticky && failures < 3))
			tsn_mem_fail_at(k > 0 ? k : 0, sticky);
		ok = c_fold(&bench, s, 0, &model.def, rows, from, to);
		k -= tsn_mem_count();
		tsn_mem_fail_never();
		failures += !ok;
		for (uint32_t i = from; i < to; i++) {
			bool folded = tsn_mask_has(&bench.out[model.def.naggs - 1].known, i - from);

			if (model.def.naggs > 1) {
				cr_assert(folded || !ok);
				cr_assert(!folded || !stopped, "case %" PRIu64 ": row %u after the stop", seed, i);
				stopped = stopped || !folded;
			}
			if (!folded || model.def.naggs == 1)
				continue;
			fold_one(&rows[i], want[i]);
			for (uint32_t a = 0; a < model.def.naggs; a++)
				cr_assert(c_same(&bench.out[a], i - from, &want[i][a]), "case %" PRIu64 ", failure %ld, row %u",
				    seed, k, i);
		}
	}
	tsn_state_free(s);
	m_free(&model);
	return failures > 0;
}

Test(state_at, every_allocation_may_fail, .init = bench_begin, .fini = bench_end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= 4 * soak(); seed++) {
		long k = 0;

		while (run_failing(5000000 + seed, k, seed & 1, seed % 3 == 0 ? 1 : 70))
			k += k > 60 ? 7 : 1;
		cr_assert_gt(k, 5);
	}
}
