/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the suites of ranks, baselines and silences share: flows with ticks between them. The definition is worked out
 * once, by the suite, a flow at a time; then the engine goes through the same in batches of several sizes and must say the same
 * of each row, and hand out the same rows at the same ticks.
 */
#ifndef TSN_TEST_STATE_TICKS_H
#define TSN_TEST_STATE_TICKS_H

#include <criterion/criterion.h>

#include "base/pack.h"
#include "unit/state_takeover.h"
#include "unit/test_state_cases.h"

#define T_MOST 6000
#define T_SOURCES 4
#define T_AFTER 4 /* ticks behind the last row */

/* A row that a tick hands out. */
struct t_out {
	uint32_t tick, agg;
	__int128 end;
	int64_t start;
	uint8_t key[64];
	size_t keylen;
	struct m_value value[M_AGGS];
	struct m_group *group;
};

static struct model t_model;
static struct m_row t_rows[M_ROWS];
static int64_t t_tick[M_ROWS + T_AFTER + 1]; /* before row i, or TSN_TIME_NONE; behind the rows the last ones */
static uint32_t t_n;
static int64_t t_lateness;
static uint64_t t_seed;
static struct m_value t_want[M_ROWS][M_AGGS];
static struct t_out t_out[T_MOST];
static size_t t_nout, t_seen;
static uint32_t t_now; /* rows before the tick at hand */
static struct c_bench t_bench;
static struct tsn_batch *t_batch;
static struct tsn_state *t_state;
static struct tsn_family_stats t_stats;

/* --- exporters: heard by their rows; whole by a throw of dice --- */

static bool
t_heard(void *arg, uint32_t source, int64_t from)
{
	(void)arg;
	for (uint32_t i = 0; i < t_now && i < t_n; i++)
		if (t_rows[i].source == source && t_rows[i].received >= from)
			return true;
	return false;
}

static bool
t_whole(void *arg, uint32_t source, int64_t from, int64_t to)
{
	(void)arg;
	return tsn_hash_join(tsn_hash_u64((uint64_t)from, t_seed + source), (uint64_t)to) % 5 != 0;
}

static const struct tsn_state_exporters t_exporters = { NULL, t_whole, t_heard };

/* --- making a case --- */

static void
t_make_ticks(struct rng *r, int64_t step)
{
	int64_t now = t_rows[0].received;

	for (uint32_t i = 0; i < t_n; i++) {
		now = t_rows[i].received > now ? t_rows[i].received : now;
		t_tick[i] = chance(r, 25) ? now - ((now % 1000) + 1000) % 1000 : TSN_TIME_NONE;
	}
	for (uint32_t i = t_n; i < t_n + T_AFTER; i++)
		t_tick[i] = now += (int64_t)below(r, (uint64_t)step * 3);
	t_tick[t_n + T_AFTER] = INT64_MAX;
}

static void
t_key(struct m_group *g, struct t_out *o)
{
	tsn_batch_clear(t_bench.scratch, TSN_BATCH_FLOWS);
	m_put_row(&g->first, t_bench.scratch, 0);
	o->keylen = tsn_key_encode(&t_model.def.key, t_bench.scratch, 0, o->key);
	o->group = g;
}

static int
t_compare_keys(const struct t_out *a, const struct t_out *b)
{
	int c = memcmp(a->key, b->key, a->keylen < b->keylen ? a->keylen : b->keylen);

	return c != 0 ? c : (a->keylen > b->keylen) - (a->keylen < b->keylen);
}

static int
t_by_order(const void *pa, const void *pb)
{
	const struct t_out *a = pa, *b = pb;

	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	if (a->agg != b->agg)
		return a->agg < b->agg ? -1 : 1;
	return t_compare_keys(a, b);
}

/* Every group that there is. */
#define T_EACH_GROUP(g) \
	for (int p_ = 0; p_ < 64; p_++) \
		for (size_t k_ = 0; k_ < t_model.part[p_].n; k_++) \
			for (struct m_group *g = t_model.part[p_].v[k_], *once_ = g; once_ != NULL; once_ = NULL)

static bool
t_holds(const struct m_list *l, int64_t window)
{
	bool held = false;

	for (size_t i = 0; i < l->n; i++)
		held = held || l->v[i].pane == window;
	return held && window > m_newest(l) - 2;
}

static bool
t_is_closed(const struct m_list *l, int64_t window)
{
	for (int i = 0; i < l->nclosed; i++)
		if (l->closed[i] == window)
			return true;
	return false;
}

static void
t_close(struct m_list *l, int64_t window)
{
	if (l->nclosed < 2)
		l->closed[l->nclosed++] = window;
	else
		l->closed[l->closed[0] < l->closed[1] ? 0 : 1] = window;
}

/* Of a tumbling aggregate: is that window over at [now]? */
static bool
t_over(const struct tsn_agg_def *d, int64_t window, int64_t now)
{
	return now == INT64_MAX || ((__int128)window + 1) * d->pane_ms <= (__int128)now - t_lateness;
}

/* A window that closes at the tick at hand. */
struct t_due {
	struct m_group *g;
	uint32_t agg;
	int64_t window;
};

/* What the suite keeps of a group, made when it is first asked for. */
static inline void *
t_mine(struct m_group *g, size_t size)
{
	if (g->mine == NULL)
		g->mine = calloc(1, size);
	return g->mine;
}

/* Ticks and rows in their order, by the suite's definition. */
static inline void
t_expect(void (*tick)(uint32_t i, int64_t now), void (*row)(uint32_t i))
{
	for (uint32_t i = 0; i <= t_n + T_AFTER; i++) {
		if (t_tick[i] != TSN_TIME_NONE)
			tick(i, t_tick[i]);
		if (i < t_n)
			row(i);
	}
}

/* --- the engine --- */

static bool
t_on_close(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	const struct tsn_vector *args[M_AGGS] = { NULL };
	struct tsn_vector *results[M_AGGS];
	struct tsn_mask none = { { 0 } };
	const uint32_t tick = *(const uint32_t *)arg;
	uint8_t key[TSN_KEY_MAX];

	for (uint32_t a = 0; a < M_AGGS; a++)
		results[a] = &t_bench.out[a];
	cr_assert(family == 0 && b->kind == TSN_BATCH_TICK && b->n > 0 && b->n <= b->cap);
	cr_assert(tsn_state_fold(t_state, 0, b, &none, &b->rows, args, results));
	for (uint32_t r = 0; r < b->n; r++, t_seen++) {
		const struct t_out *o = &t_out[t_seen];

		cr_assert(t_seen < t_nout && o->tick == tick, "case %" PRIu64 ": at tick %u more than expected", t_seed, tick);
		cr_assert(o->agg == agg && o->start == start, "case %" PRIu64 ", out %zu: aggregate %u not %u, from %" PRId64
		    " not %" PRId64, t_seed, t_seen, agg, o->agg, start, o->start);
		cr_assert(tsn_key_encode(&t_model.def.key, b, r, key) == o->keylen && memcmp(key, o->key, o->keylen) == 0,
		    "case %" PRIu64 ", out %zu: another key", t_seed, t_seen);
		for (uint32_t a = 0; a < t_model.def.naggs; a++)
			cr_assert(c_same(&t_bench.out[a], r, &o->value[a]), "case %" PRIu64 ", out %zu, aggregate %u: known %d not %d, %"
			    PRId64 " not %" PRId64 ", %.17g not %.17g", t_seed, t_seen, a, tsn_mask_has(&t_bench.out[a].known, r),
			    o->value[a].known, t_bench.out[a].i[r], o->value[a].i, t_bench.out[a].f[r], o->value[a].f);
	}
	return true;
}

static void
t_do_tick(uint32_t i)
{
	bool due;

	t_now = i;
	due = tsn_state_close_due(t_state, t_tick[i], t_lateness);
	if (due)
		cr_assert(tsn_state_close(t_state, t_tick[i], t_lateness, t_batch, t_on_close, &i));
	cr_assert(t_seen == t_nout || t_out[t_seen].tick > i, "case %" PRIu64 ": at tick %u fewer than expected (%s)", t_seed, i,
	    due ? "due" : "not due");
	cr_assert_not(tsn_state_close_due(t_state, t_tick[i], t_lateness), "case %" PRIu64 ": due again at once", t_seed);
}

static void
t_check_rows(uint32_t cut, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		for (uint32_t a = 0; a < t_model.def.naggs; a++)
			cr_assert(c_same(&t_bench.out[a], i - from, &t_want[i][a]), "case %" PRIu64 ", batches of %u, row %u, %s (%u): "
			    "known %d not %d, %" PRId64 " not %" PRId64 ", %.17g not %.17g", t_seed, cut, i,
			    tsn_agg_infos[t_model.agg[a].fn].name, a, tsn_mask_has(&t_bench.out[a].known, i - from), t_want[i][a].known,
			    t_bench.out[a].i[i - from], t_want[i][a].i, t_bench.out[a].f[i - from], t_want[i][a].f);
}

/* Saved and read back: must go on as if nothing had been. */
static void
t_reborn(void)
{
	struct tsn_state *next = tsn_state_new(&t_model.def, 1, 77);
	struct tsn_pack k = { 0 };
	struct tsn_unpack u;

	tsn_state_save(t_state, &k);
	cr_assert_not(k.failed);
	u = (struct tsn_unpack){ k.p, k.p + k.n, false };
	cr_assert(tsn_state_load(next, &u, NULL, NULL), "case %" PRIu64 ": not read back", t_seed);
	tsn_pack_fini(&k);
	tsn_state_free(t_state);
	t_state = next;
	tsn_state_watch_exporters(t_state, &t_exporters);
}

static void
t_moved(void)
{
	struct tsn_state *next = tsn_state_new(&t_model.def, 1, 77);

	take_over(next, t_state, NULL, NULL);
	tsn_state_free(t_state);
	t_state = next;
	tsn_state_watch_exporters(t_state, &t_exporters);
}

static void
t_engine(uint32_t cut, bool reborn)
{
	struct rng r = { t_seed + cut };
	uint32_t from = 0;

	t_state = tsn_state_new(&t_model.def, 1, t_model.seed);
	cr_assert_not_null(t_state);
	tsn_state_watch_exporters(t_state, &t_exporters);
	t_batch->cap = 1 + (uint32_t)below(&r, 9);
	t_seen = 0;
	for (uint32_t i = 0; i <= t_n + T_AFTER; i++) {
		if (from < i && i <= t_n && (i == t_n || t_tick[i] != TSN_TIME_NONE || i - from >= cut)) {
			cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, from, i));
			t_check_rows(cut, from, i);
			from = i;
		}
		if (reborn && chance(&r, 3))
			chance(&r, 50) ? t_reborn() : t_moved();
		if (t_tick[i] != TSN_TIME_NONE)
			t_do_tick(i);
	}
	cr_assert_eq(t_seen, t_nout);
	tsn_state_stats(t_state, 0, &t_stats);
	tsn_state_free(t_state);
}

static void
t_engines(void (*check)(void))
{
	static const uint32_t cuts[] = { 1, 7, TSN_BATCH_ROWS };

	for (size_t c = 0; c < 3; c++) {
		t_engine(cuts[c], false);
		check();
	}
	t_engine(7, true);
}

static void
t_begin(void)
{
	t_bench.b = tsn_batch_new();
	t_bench.scratch = tsn_batch_new();
	t_batch = tsn_batch_new();
}

static void
t_end(void)
{
	c_bench_fini(&t_bench);
	tsn_batch_free(t_batch);
}

/* A tumbling aggregate whose values are exact. */
static void
t_agg(struct rng *r, struct tsn_agg_def *d, char canon[64], int64_t window_ms)
{
	do
		c_agg(r, d, canon);
	while (d->fn > TSN_AGG_DISTINCT);
	d->tumbling = true;
	d->window_ms = d->pane_ms = window_ms;
	d->panes = 1;
	d->closes = chance(r, 50);
}

#endif
