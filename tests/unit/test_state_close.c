/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Closing of tumbling windows against the definition, at random ticks between random flows. */
#include <criterion/criterion.h>

#include "unit/state_bench.h"
#include "unit/state_takeover.h"

#define FAMILIES 2
#define MOST 4000

static struct model model[FAMILIES];
static struct m_row rows[M_ROWS];
static struct m_value want[M_AGGS];
static struct tsn_batch *tick;

/* One group of one window that closes. */
struct closing {
	__int128 end;
	uint32_t family, agg;
	int64_t window;
	uint8_t key[64];
	size_t keylen;
	struct m_value value;
	struct m_list *list;
};

static struct closing expected[MOST];
static size_t nexpected, nseen;
static struct tsn_state *state;
static uint64_t which;

static int
by_order(const void *pa, const void *pb)
{
	const struct closing *a = pa, *b = pb;
	int c;

	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->agg != b->agg)
		return a->agg < b->agg ? -1 : 1;
	c = memcmp(a->key, b->key, a->keylen < b->keylen ? a->keylen : b->keylen);
	return c != 0 ? c : (a->keylen > b->keylen) - (a->keylen < b->keylen);
}

static void
expect_window(uint32_t f, uint32_t a, struct m_group *g, int64_t window, int64_t now, int64_t lateness)
{
	const struct tsn_agg_def *d = &model[f].agg[a];
	struct closing c = { .family = f, .agg = a, .window = window, .list = &g->list[a] };
	bool held = false;

	c.end = ((__int128)window + 1) * d->pane_ms;
	for (size_t i = 0; i < c.list->n; i++)
		held = held || c.list->v[i].pane == window;
	for (int i = 0; i < c.list->nclosed; i++)
		held = held && c.list->closed[i] != window;
	if (!held || (now != INT64_MAX && c.end > (__int128)now - lateness))
		return;
	tsn_batch_clear(bench.scratch, TSN_BATCH_FLOWS);
	m_put_row(&g->first, bench.scratch, 0);
	c.keylen = tsn_key_encode(&model[f].def.key, bench.scratch, 0, c.key);
	c.value = m_value(d, c.list, window);
	cr_assert_lt(nexpected, MOST);
	expected[nexpected++] = c;
}

static void
expect(int64_t now, int64_t lateness)
{
	nexpected = nseen = 0;
	for (uint32_t f = 0; f < FAMILIES; f++)
		for (int p = 0; p < 64; p++)
			for (size_t k = 0; k < model[f].part[p].n; k++)
				for (uint32_t a = 0; a < model[f].def.naggs; a++) {
					struct m_group *g = model[f].part[p].v[k];
					int64_t newest = m_newest(&g->list[a]);

					if (!model[f].agg[a].closes || g->list[a].n == 0)
						continue;
					expect_window(f, a, g, newest - 1, now, lateness);
					expect_window(f, a, g, newest, now, lateness);
				}
	qsort(expected, nexpected, sizeof(expected[0]), by_order);
	for (size_t i = 0; i < nexpected; i++) {
		struct m_list *l = expected[i].list;

		if (l->nclosed < 2)
			l->closed[l->nclosed++] = expected[i].window;
		else /* the older one can never be held again */
			l->closed[l->closed[0] < l->closed[1] ? 0 : 1] = expected[i].window;
	}
}

/* Only the key's fields are there. */
static void
check_fields(const struct tsn_batch *b, const struct tsn_key_spec *key)
{
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		bool is_key = false;

		for (unsigned i = 0; i < key->n; i++)
			is_key = is_key || key->part[i].field == f;
		cr_assert_eq(tsn_mask_count(&b->present[f]), is_key ? b->n : 0, "field %s", tsn_fields[f].name);
	}
}

static bool
on_close(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	const struct tsn_family_def *def = &model[family].def;
	const struct tsn_vector *args[M_AGGS] = { NULL };
	struct tsn_vector *results[M_AGGS];
	struct tsn_mask none = { { 0 } };
	uint8_t key[TSN_KEY_MAX];

	(void)arg;
	cr_assert(b->kind == TSN_BATCH_TICK && b->n > 0 && b->n <= b->cap && tsn_mask_count(&b->rows) == b->n);
	for (uint32_t a = 0; a < M_AGGS; a++) {
		results[a] = &bench.out[a];
		tsn_mask_clear(&bench.arg[a].known);
		args[a] = &bench.arg[a];
	}
	cr_assert(tsn_state_fold(state, family, b, &none, &b->rows, args, results));
	check_fields(b, &def->key);
	for (uint32_t r = 0; r < b->n; r++, nseen++) {
		const struct closing *c = &expected[nseen];

		cr_assert_lt(nseen, nexpected, "case %" PRIu64 ": more than the %zu expected", which, nexpected);
		cr_assert(c->family == family && c->agg == agg && c->window * def->agg[agg].pane_ms == start,
		    "case %" PRIu64 ", row %zu of %zu: family %u/%u aggregate %u/%u window %" PRId64 "/%" PRId64, which,
		    nseen, nexpected, family, c->family, agg, c->agg, start, c->window * model[c->family].agg[c->agg].pane_ms);
		cr_assert_eq(b->time[r], start + def->agg[agg].pane_ms - 1);
		cr_assert_eq(tsn_key_encode(&def->key, b, r, key), c->keylen);
		cr_assert_arr_eq(key, c->key, c->keylen);
		cr_assert(c_same(&bench.out[agg], r, &c->value), "case %" PRIu64 ", row %zu: known %d not %d, %" PRId64
		    " not %" PRId64, which, nseen, tsn_mask_has(&bench.out[agg].known, r), c->value.known,
		    bench.out[agg].i[r], c->value.i);
	}
	return true;
}

static void
do_tick(int64_t now, int64_t lateness)
{
	bool due = tsn_state_close_due(state, now, lateness);

	expect(now, lateness);
	cr_assert(due || nexpected == 0, "case %" PRIu64 ": %zu windows are due, and nothing says so", which, nexpected);
	cr_assert(tsn_state_close(state, now, lateness, tick, on_close, NULL));
	cr_assert_eq(nseen, nexpected, "case %" PRIu64 ": %zu of %zu", which, nseen, nexpected);
	cr_assert_not(tsn_state_close_due(state, now, lateness), "case %" PRIu64 ": due again at once", which);
}

static void
run_case(uint64_t seed)
{
	struct rng r = { seed };
	static char canon[FAMILIES][M_AGGS][64];
	struct tsn_family_def defs[FAMILIES];
	struct c_style style;
	int64_t now, lateness = (int64_t)below(&r, 40000);
	uint32_t n = 100 + (uint32_t)below(&r, 300);

	which = seed;
	c_style(&r, &style);
	style.wild = 0;
	for (int f = 0; f < FAMILIES; f++) {
		c_family(&r, &model[f], canon[f]);
		model[f].seed = model[0].seed;
		n = c_exact(&model[f], n);
		defs[f] = model[f].def;
	}
	c_rows(&r, &style, rows, n);
	tick->cap = 1 + (uint32_t)below(&r, 9);
	state = tsn_state_new(defs, FAMILIES, model[0].seed);
	cr_assert_not_null(state);
	now = style.base;
	for (uint32_t i = 0; i < n; i += 10) {
		for (uint32_t f = 0; f < FAMILIES; f++) {
			cr_assert(c_fold(&bench, state, f, &model[f].def, rows, i, i + 10 < n ? i + 10 : n));
			for (uint32_t k = i; k < i + 10 && k < n; k++)
				m_fold(&model[f], &rows[k], want, bench.scratch);
		}
		now = rows[i].received > now ? rows[i].received : now;
		if (chance(&r, 60))
			do_tick(now, lateness);
	}
	do_tick(INT64_MAX, lateness);
	do_tick(INT64_MAX, lateness);
	cr_assert_eq(nseen, 0);
	tsn_state_free(state);
	for (int f = 0; f < FAMILIES; f++)
		m_free(&model[f]);
}

static void
begin(void)
{
	bench_begin();
	tick = tsn_batch_new();
}

static void
end(void)
{
	bench_end();
	tsn_batch_free(tick);
}

Test(state_close, equals_the_definition, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 2000 : 160); i++)
		run_case(3000000 + i);
}

static int calls;

static bool
stop_at_once(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	(void)arg;
	(void)family;
	(void)agg;
	(void)start;
	(void)b;
	calls++;
	return false;
}

static bool
count_rows(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	(void)family;
	(void)agg;
	(void)start;
	*(uint32_t *)arg += b->n;
	return true;
}

static struct tsn_state *
five_sources(struct tsn_family_def *def, struct tsn_agg_def *agg)
{
	struct tsn_state *s;

	*agg = (struct tsn_agg_def){ .canon = "agg", .fn = TSN_AGG_COUNT, .tumbling = true, .closes = true,
		.window_ms = 60000, .pane_ms = 60000, .panes = 1 };
	*def = (struct tsn_family_def){ .canon = "family", .key = m_keys[1], .max_keys = 6400, .agg = agg, .naggs = 1 };
	s = tsn_state_new(def, 1, 1);
	for (uint32_t i = 0; i < 5; i++) {
		memset(&rows[i], 0, sizeof(rows[i]));
		rows[i].has_src = rows[i].counted = true;
		rows[i].src = tsn_addr_v4(i);
		rows[i].time = rows[i].received = 1000;
	}
	cr_assert(c_fold(&bench, s, 0, def, rows, 0, 5));
	return s;
}

Test(state_close, stops_when_told, .init = begin, .fini = end)
{
	struct tsn_family_def def;
	struct tsn_agg_def agg;
	struct tsn_state *s = five_sources(&def, &agg);

	tick->cap = 2;
	cr_assert_not(tsn_state_close_due(s, 89999, 30000));
	cr_assert(tsn_state_close_due(s, 90000, 30000));
	cr_assert_not(tsn_state_close(s, 90000, 30000, tick, stop_at_once, NULL));
	cr_assert_eq(calls, 1);
	tsn_state_free(s);
}

/* A window that is closed stays so, but a group that comes late still gets its own closing. */
Test(state_close, each_group_closes_once, .init = begin, .fini = end)
{
	struct tsn_family_def def;
	struct tsn_agg_def agg;
	struct tsn_state *s = five_sources(&def, &agg);
	uint32_t n = 0;

	cr_assert(tsn_state_close(s, 90000, 30000, tick, count_rows, &n) && n == 5);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 5));
	cr_assert(tsn_state_close(s, 91000, 30000, tick, count_rows, &n) && n == 5);
	rows[0].src = tsn_addr_v4(77);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 1));
	cr_assert(tsn_state_close(s, 92000, 30000, tick, count_rows, &n) && n == 6);
	tsn_state_free(s);
}

/* A reload may add a rule that needs closings to windows that had none: they begin with the next tick's. */
Test(state_close, windows_that_close_from_now_on, .init = begin, .fini = end)
{
	struct tsn_family_def def, closing;
	struct tsn_agg_def agg, closes;
	struct tsn_state *s, *next;
	uint32_t n = 0;

	tsn_state_free(five_sources(&def, &agg));
	closes = agg;
	closing = def;
	closing.agg = &closes;
	agg.closes = false;
	s = tsn_state_new(&def, 1, 1);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 5));
	rows[0].time = 61000;
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 1));
	cr_assert_not(tsn_state_close_due(s, INT64_MAX, 0));
	next = tsn_state_new(&closing, 1, 1);
	take_over(next, s, NULL, NULL);
	tsn_state_free(s);
	cr_assert(tsn_state_close(next, 90000, 30000, tick, count_rows, &n) && n == 0);
	cr_assert(tsn_state_close(next, 150000, 30000, tick, count_rows, &n) && n == 1);
	tsn_state_free(next);
}

static struct tsn_state *closing_too;

/* By aggregate the rows, and behind them those of the second whose key has closed for the first as well. */
static bool
count_too(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	uint32_t *n = arg;
	struct tsn_mask too = { { 0 } };

	(void)start;
	tsn_state_closed_too(closing_too, family, 0, b, &b->rows, &too);
	n[agg] += b->n;
	n[2] += agg == 1 ? tsn_mask_count(&too) : 0;
	return true;
}

/*
 * Of two functions whose windows end together the first is not told of those from before a reload: then the second's keys are
 * still to be asked about.
 */
Test(state_close, what_nobody_was_told_of_was_not_asked, .init = begin, .fini = end)
{
	struct tsn_family_def def;
	struct tsn_agg_def agg[2];
	struct tsn_state *s;
	uint32_t n[3] = { 0 };

	tsn_state_free(five_sources(&def, &agg[0]));
	agg[1] = agg[0];
	agg[1].canon = "other";
	agg[0].closes = false;
	def.agg = agg;
	def.naggs = 2;
	s = tsn_state_new(&def, 1, 1);
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 5));
	rows[0].time = 61000;
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 1));
	agg[0].closes = true;
	closing_too = tsn_state_new(&def, 1, 1);
	take_over(closing_too, s, NULL, NULL);
	tsn_state_free(s);
	cr_assert(tsn_state_close(closing_too, 90000, 30000, tick, count_too, n));
	cr_assert(n[0] == 0 && n[1] == 5 && n[2] == 0, "%u %u %u", n[0], n[1], n[2]);
	cr_assert(tsn_state_close(closing_too, 150000, 30000, tick, count_too, n));
	cr_assert(n[0] == 1 && n[1] == 6 && n[2] == 1, "%u %u %u", n[0], n[1], n[2]);
	tsn_state_free(closing_too);
}
