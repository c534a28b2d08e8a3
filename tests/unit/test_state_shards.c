/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A state divided over several: whatever their number, all that can be seen is what one state says. */
#include <criterion/criterion.h>

#include "base/pack.h"
#include "state/internal.h"
#include "unit/state_takeover.h"
#include "unit/test_state_cases.h"

#define SHARDS_MAX 64u

static struct c_bench one, part;
static struct model model;
static struct m_row rows[M_ROWS];
static char canon[M_AGGS][64];
static struct tsn_mask mine[SHARDS_MAX];

/* Some shards, which are all of one family. */
struct shards {
	struct tsn_state *s[SHARDS_MAX];
	uint32_t n;
};

static struct shards
shards_new(uint32_t n, uint64_t seed)
{
	struct shards x = { .n = n };

	for (uint32_t i = 0; i < n; i++) {
		x.s[i] = tsn_state_new_shard(&model.def, 1, seed, i, n);
		cr_assert_not_null(x.s[i]);
	}
	return x;
}

static void
shards_free(struct shards *x)
{
	for (uint32_t i = 0; i < x->n; i++)
		tsn_state_free(x->s[i]);
}

static void
check_marks(const struct tsn_state *s, const struct tsn_state *shard, const struct tsn_mask *rows_of, uint64_t seed)
{
	TSN_EACH_ROW(row, rows_of) {
		cr_assert_eq(tsn_state_evicted(s, 0, one.b, row), tsn_state_evicted(shard, 0, part.b, row), "case %" PRIu64, seed);
		for (uint32_t a = 0; a < model.def.naggs; a++) {
			cr_assert_eq(tsn_state_late(s, 0, a, one.b, row), tsn_state_late(shard, 0, a, part.b, row), "case %" PRIu64, seed);
			cr_assert_eq(tsn_state_error(s, 0, a, one.b, row), tsn_state_error(shard, 0, a, part.b, row));
		}
	}
}

static void
check_values(const struct tsn_mask *rows_of, uint64_t seed, uint32_t n)
{
	for (uint32_t a = 0; a < model.def.naggs; a++)
		TSN_EACH_ROW(row, rows_of) {
			const struct tsn_vector *x = &one.out[a], *y = &part.out[a];

			cr_assert_eq(tsn_mask_has(&x->known, row), tsn_mask_has(&y->known, row), "case %" PRIu64 ", %u shards", seed, n);
			cr_assert(!tsn_mask_has(&x->known, row) || (x->real == y->real && x->i[row] == y->i[row]),
			    "case %" PRIu64 ", %u shards, row %u, %s", seed, n, row, tsn_agg_infos[model.agg[a].fn].name);
		}
}

/* One batch into the one state and, each row where it belongs, into the shards. */
static void
fold(struct tsn_state *s, struct shards *x, uint32_t from, uint32_t to, uint64_t seed)
{
	struct tsn_mask all = { 0 };

	tsn_state_next_batch(s);
	cr_assert(c_fold(&one, s, 0, &model.def, rows, from, to));
	for (uint32_t i = 0; i < x->n; i++) {
		tsn_state_shard_rows(&model.def.key, model.seed, one.b, i, x->n, &mine[i]);
		tsn_mask_and(&part.counted, &all, &mine[i]);
		cr_assert(!tsn_mask_any(&part.counted), "a row in two shards");
		tsn_mask_or(&all, &all, &mine[i]);
		tsn_state_next_batch(x->s[i]);
		part.only = &mine[i];
		cr_assert(c_fold(&part, x->s[i], 0, &model.def, rows, from, to));
		check_values(&mine[i], seed, x->n);
		check_marks(s, x->s[i], &mine[i], seed);
	}
	cr_assert_eq(tsn_mask_count(&all), to - from);
}

/* --- windows that close --- */

struct closing {
	uint32_t agg;
	int64_t start;
	uint8_t key[TSN_KEY_MAX];
	size_t n;
};

struct closings {
	struct closing v[M_ROWS * 4];
	uint32_t n;
};

static struct closings whole, pieces;

static bool
on_close(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	struct closings *c = arg;

	cr_assert_eq(family, 0);
	for (uint32_t row = 0; row < b->n; row++) {
		struct closing *v = &c->v[c->n++];

		cr_assert_lt(c->n, M_ROWS * 4);
		memset(v, 0, sizeof(*v));
		v->agg = agg;
		v->start = start;
		v->n = tsn_key_encode(&model.def.key, b, row, v->key);
	}
	return true;
}

static int
by_time_and_key(const void *pa, const void *pb)
{
	const struct closing *a = pa, *b = pb;
	const int64_t ea = a->start + model.agg[a->agg].window_ms, eb = b->start + model.agg[b->agg].window_ms;

	if (ea != eb)
		return ea < eb ? -1 : 1;
	return a->agg != b->agg ? (a->agg < b->agg ? -1 : 1) : memcmp(a->key, b->key, sizeof(a->key));
}

static void
close_all(struct tsn_state *s, struct shards *x, int64_t now, uint64_t seed)
{
	struct tsn_batch *b = tsn_batch_new();

	whole.n = pieces.n = 0;
	cr_assert(tsn_state_close(s, now, 1000, b, on_close, &whole));
	for (uint32_t i = 0; i < x->n; i++)
		if (tsn_state_close_due(x->s[i], now, 1000))
			cr_assert(tsn_state_close(x->s[i], now, 1000, b, on_close, &pieces));
	qsort(pieces.v, pieces.n, sizeof(pieces.v[0]), by_time_and_key);
	qsort(whole.v, whole.n, sizeof(whole.v[0]), by_time_and_key);
	cr_assert(whole.n == pieces.n && memcmp(whole.v, pieces.v, whole.n * sizeof(whole.v[0])) == 0, "case %" PRIu64
	    ", %u shards: %u windows closed, not %u", seed, x->n, pieces.n, whole.n);
	tsn_batch_free(b);
}

/* --- bytes --- */

static struct tsn_unpack
reader(const struct tsn_pack *k)
{
	return (struct tsn_unpack){ k->p, k->p + k->n, false };
}

static void
on_report(void *arg, const struct tsn_handover *h)
{
	++*(uint32_t *)arg;
	cr_assert(h->kept, "%s", h->canon);
}

/* The shards give way to others, by bytes or as at a reload; and their bytes are those of the one. */
static void
exchange(const struct tsn_state *s, struct shards *x, struct rng *r, uint64_t seed)
{
	struct shards next = shards_new(1u << below(r, 7), chance(r, 50) ? model.seed : rnd(r));
	struct tsn_pack a = { 0 }, b = { 0 };
	struct tsn_unpack in;
	uint32_t told = 0;

	tsn_state_save(s, &a);
	tsn_state_save_all(x->s, x->n, &model.def, 1, &b);
	cr_assert(!b.failed && a.n == b.n && memcmp(a.p, b.p, a.n) == 0, "case %" PRIu64 ", %u shards: bytes", seed, x->n);
	in = reader(&b);
	if (chance(r, 50))
		cr_assert(tsn_state_load_all(next.s, next.n, &in, on_report, &told));
	else
		take_over_all(next.s, next.n, x->s, x->n, on_report, &told);
	cr_assert_eq(told, 1 + model.def.naggs);
	shards_free(x);
	*x = next;
	tsn_pack_fini(&a);
	tsn_pack_fini(&b);
}

static void
make_family(struct rng *r)
{
	do
		c_family(r, &model, canon);
	while (model.def.key.n == 0);
	for (uint32_t a = 0; a < model.def.naggs; a++) {
		model.agg[a].closes = model.agg[a].tumbling && chance(r, 70);
		if (chance(r, 40)) /* a narrow share of each part; as wide as it must be to be divided */
			model.agg[a].extra_bytes = 64 * 8 * UINT64_C(100000);
	}
	if (chance(r, 50))
		model.def.max_keys = 64 * (1 + below(r, 3));
}

static void
run_case(uint64_t seed)
{
	struct rng r = { seed };
	struct c_style style;
	struct tsn_family_stats stats, sum;
	struct tsn_state *s;
	struct shards x;
	uint32_t n;

	make_family(&r);
	n = c_exact(&model, 50 + (uint32_t)below(&r, 300));
	c_style(&r, &style);
	c_rows(&r, &style, rows, n);
	s = tsn_state_new(&model.def, 1, model.seed);
	cr_assert(tsn_family_divides(&model.def));
	x = shards_new(1u << below(&r, 7), model.seed);
	for (uint32_t from = 0, to; from < n; from = to) {
		to = from + 1 + (uint32_t)below(&r, 60);
		to = to < n ? to : n;
		fold(s, &x, from, to, seed);
		if (chance(&r, 50))
			close_all(s, &x, rows[to - 1].time, seed);
		if (chance(&r, 30))
			exchange(s, &x, &r, seed);
	}
	exchange(s, &x, &r, seed);
	tsn_state_stats(s, 0, &stats);
	tsn_state_stats_all(x.s, x.n, model.def.canon, &sum);
	cr_assert(c_same_stats(&stats, &sum) && stats.last_late == sum.last_late, "case %" PRIu64 ", %u shards", seed, x.n);
	tsn_state_free(s);
	shards_free(&x);
	m_free(&model);
}

static void
begin(void)
{
	one.b = tsn_batch_new();
	part.b = tsn_batch_new();
}

static void
end(void)
{
	tsn_batch_free(one.b);
	tsn_batch_free(part.b);
}

Test(state_shards, are_together_one_state, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 5000 : 120); i++)
		run_case(4300000 + i);
}

/* --- memory beside the cells --- */

/* Sources that each have many destinations, in shares for eight grown groups a part. */
Test(state_shards, memory_is_bounded_part_by_part, .init = begin, .fini = end, .timeout = 120)
{
	struct rng r = { 7 };
	struct tsn_family_stats stats, sum;
	struct tsn_cost cost;
	struct tsn_addr heavy[24];
	struct tsn_state *s;
	struct shards x;

	m_init(&model, 5);
	model.agg[0] = (struct tsn_agg_def){ .canon = "d", .fn = TSN_AGG_DISTINCT, .window_ms = 60000, .pane_ms = 4000, .panes = 16,
		.tuple = { 1, { { TSN_F_DST, 32, 128 } } } };
	model.def.naggs = 1;
	model.def.key = m_keys[1];
	model.def.max_keys = 64000;
	tsn_state_cost(&model.def, &cost);
	model.agg[0].extra_bytes = cost.extra * 8 * 64 - 1;
	cr_assert(!tsn_family_divides(&model.def));
	model.agg[0].extra_bytes++;
	cr_assert(tsn_family_divides(&model.def));
	for (uint32_t k = 0, host = 0; k < 24; host++) { /* of one part more grow than there is room for */
		heavy[k] = tsn_addr_v4(host);
		k += tsn_hash_u64(host, model.seed) >> 58 == 5;
	}
	s = tsn_state_new(&model.def, 1, model.seed);
	x = shards_new(8, model.seed);
	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < M_ROWS; i++)
			rows[i] = (struct m_row){ .has_src = true, .has_dst = true, .counted = true, .time = 1767571200000 + round * 500,
				.received = 1767571200000 + round * 500, .src = tsn_addr_v4(1 + (uint32_t)below(&r, 20000)),
				.dst = tsn_addr_v4((uint32_t)rnd(&r)) };
		for (uint32_t i = 0; i < M_ROWS; i += 2)
			rows[i].src = heavy[below(&r, 24)];
		fold(s, &x, 0, M_ROWS, round);
		if (round == 60)
			exchange(s, &x, &r, round);
	}
	tsn_state_stats(s, 0, &stats);
	tsn_state_stats_all(x.s, x.n, model.def.canon, &sum);
	cr_assert(c_same_stats(&stats, &sum));
	cr_assert_gt(stats.evicted, 0);
	for (uint32_t p = 0; p < TSN_PARTS; p++)
		cr_assert_leq(s->family[0].agg[0].store.held[p], model.agg[0].extra_bytes / TSN_PARTS);
	exchange(s, &x, &r, 0);
	tsn_state_free(s);
	shards_free(&x);
}

/* What compares groups, has other keys, or none, is not divided. */
/*
 * The large directory of the whole state still has keys of groups that lost their places, when others have these; the small ones of
 * the shards do not. Nobody is mistaken for another, where both lie in one line.
 */
Test(state_shards, keys_on_their_way_out, .init = begin, .fini = end, .timeout = 120)
{
	struct rng r = { 11 };
	struct tsn_family_stats stats, sum;
	struct tsn_state *s;
	struct shards x;

	m_init(&model, 5);
	model.agg[0] = (struct tsn_agg_def){ .canon = "c", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	model.def.naggs = 1;
	model.def.key = m_keys[1];
	model.def.max_keys = 64 * 6;
	s = tsn_state_new(&model.def, 1, model.seed);
	x = shards_new(8, model.seed);
	for (uint32_t round = 0; round < 60; round++) {
		for (uint32_t i = 0; i < M_ROWS; i++)
			rows[i] = (struct m_row){ .has_src = true, .has_dst = true, .counted = true, .time = 1767571200000 + round * 500,
				.received = 1767571200000 + round * 500, .src = tsn_addr_v4((uint32_t)below(&r, 600)), .dst = tsn_addr_v4(1) };
		fold(s, &x, 0, M_ROWS, round);
	}
	tsn_state_stats(s, 0, &stats);
	tsn_state_stats_all(x.s, x.n, model.def.canon, &sum);
	cr_assert(c_same_stats(&stats, &sum));
	cr_assert_gt(stats.evicted, 5000);
	exchange(s, &x, &r, 0);
	tsn_state_free(s);
	shards_free(&x);
}

Test(state_shards, some_families_stay_whole)
{
	struct tsn_agg_def agg = { .canon = "c", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	struct tsn_family_def f = { .canon = "f", .key = m_keys[1], .max_keys = 64, .agg = &agg, .naggs = 1 };

	cr_assert(tsn_family_divides(&f));
	f.at = m_keys[2];
	cr_assert(!tsn_family_divides(&f));
	f.at.n = f.key.n = 0;
	cr_assert(!tsn_family_divides(&f));
	f.key = m_keys[1];
	agg.fn = TSN_AGG_RANK;
	cr_assert(!tsn_family_divides(&f));
	agg.fn = TSN_AGG_ABSENT;
	cr_assert(!tsn_family_divides(&f));
}

/* A key's part is told from its bytes as from its row. */
Test(state_shards, keys_and_rows_agree, .init = begin, .fini = end)
{
	struct rng r = { 3 };
	struct c_style style;

	for (uint64_t round = 0; round < 50; round++) {
		uint8_t parts[TSN_BATCH_ROWS], key[TSN_KEY_MAX];
		struct tsn_mask there;

		make_family(&r);
		c_style(&r, &style);
		c_rows(&r, &style, rows, 100);
		tsn_batch_clear(one.b, TSN_BATCH_FLOWS);
		for (uint32_t i = 0; i < 100; i++)
			m_put_row(&rows[i], one.b, i);
		tsn_mask_first(&one.b->rows, 100);
		tsn_state_parts(&model.def.key, model.seed, one.b, parts);
		tsn_key_present(&model.def.key, one.b, &there);
		for (uint32_t i = 0; i < 100; i++) {
			if (!tsn_mask_has(&there, i)) {
				cr_assert_eq(parts[i], 0);
				continue;
			}
			cr_assert_eq(parts[i], tsn_state_part_of_key(&model.def.key, key, tsn_key_encode(&model.def.key, one.b, i, key), model.seed));
			cr_assert_eq(parts[i], m_part_of(&model, &rows[i], part.b));
		}
		m_free(&model);
	}
}
