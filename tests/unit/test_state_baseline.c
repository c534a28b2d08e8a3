/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Baselines against the definition: all samples kept, silences written at each tick, medians by sorting. */
#include "unit/test_state_ticks.h"

#include "base/mem.h"

struct sample {
	int64_t window;
	bool known;
	double value;
};

struct mine {
	bool has, reported;   /* a window of it closed; somebody reported it */
	int64_t from;
	uint32_t source;
	size_t n;
	struct sample v[1200];
};

static int64_t end_of_closed; /* windows below it are closed */
static bool ticked;

static struct mine *
mine_of(struct m_group *g)
{
	return t_mine(g, sizeof(struct mine));
}

static const struct tsn_agg_def *
base(void)
{
	return &t_model.agg[1];
}

static int64_t
window_ms(void)
{
	return t_model.agg[0].pane_ms;
}

/* How many windows are kept at all. */
static int64_t
kept(void)
{
	return base()->history_ms / window_ms() + 2;
}

static struct sample *
sample_at(struct mine *m, int64_t window)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].window == window)
			return &m->v[i];
	return NULL;
}

static void
put(struct mine *m, int64_t window, bool known, double value)
{
	struct sample *s = sample_at(m, window);

	if (s == NULL) {
		if (m->n == 1200) {
			memmove(m->v, m->v + 600, 600 * sizeof(m->v[0]));
			m->n = 600;
		}
		s = &m->v[m->n++];
	}
	*s = (struct sample){ window, known, value };
}

static bool
is_whole(const struct mine *m, int64_t window)
{
	return t_whole(NULL, m->source, window * window_ms(), (window + 1) * window_ms() + t_lateness);
}

static double
middle(double *v, size_t n)
{
	for (size_t i = 1; i < n; i++) /* by hand, not as the engine does */
		for (size_t k = i; k > 0 && v[k - 1] > v[k]; k--) {
			double t = v[k];

			v[k] = v[k - 1];
			v[k - 1] = t;
		}
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* The median, or with [spread] the spread, for a row of that time. */
static struct m_value
baseline(struct m_group *g, int64_t time, bool spread)
{
	static double v[1200];
	const int64_t window = m_floor(time, window_ms()), slots = base()->season_ms == 0 ? 1 : base()->season_ms / window_ms();
	struct mine *m;
	double median;
	size_t n = 0;

	if (g == NULL)
		return (struct m_value){ .real = true };
	m = mine_of(g);
	for (size_t i = 0; i < m->n; i++) {
		const struct sample *s = &m->v[i];

		if (s->known && s->window < window && (window - s->window) % slots == 0 && s->window >= end_of_closed - kept() &&
		    s->window * window_ms() >= time - base()->history_ms)
			v[n++] = s->value;
	}
	if (n < 3)
		return (struct m_value){ .real = true };
	median = middle(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = fabs(v[i] - median);
	if (spread)
		median = fmax(1, fmax(1.4826 * middle(v, n), fabs(median) / 100 * 5));
	return (struct m_value){ .known = isfinite(median), .real = true, .f = median, .slack = fabs(median) * 1e-12 };
}

static void
expect_tick(uint32_t tick, int64_t now)
{
	static struct t_due due[T_MOST];
	const struct tsn_agg_def *of = &t_model.agg[0];
	const int64_t limit = now == INT64_MAX ? 0 : m_floor(now - t_lateness, of->pane_ms);
	size_t n = 0, first = t_nout;

	T_EACH_GROUP(g)
		for (int64_t w = m_newest(&g->list[0]) - 1; w <= m_newest(&g->list[0]); w++) {
			struct mine *m = mine_of(g);
			struct m_value v;

			if (!t_holds(&g->list[0], w) || t_is_closed(&g->list[0], w) || !t_over(of, w, now))
				continue;
			cr_assert_lt(n, T_MOST);
			due[n++] = (struct t_due){ g, 0, w };
			t_close(&g->list[0], w);
			if (now == INT64_MAX)
				continue;
			v = m_value(of, &g->list[0], w);
			for (int64_t k = w + 1; m->has && k < m->from; k++)
				put(m, k, is_whole(m, k), 0);
			m->from = !m->has || w < m->from ? w : m->from;
			m->has = true;
			put(m, w, v.known && is_whole(m, w), v.real ? v.f : (double)v.i);
		}
	T_EACH_GROUP(g) {
		struct mine *m = mine_of(g);

		/* also those before a window that came late and made the group known */
		for (int64_t w = m->from > limit - 40 ? m->from : limit - 40; now != INT64_MAX && m->has && w < limit; w++)
			if (sample_at(m, w) == NULL)
				put(m, w, is_whole(m, w), 0);
	}
	if (now != INT64_MAX && (!ticked || limit > end_of_closed)) {
		end_of_closed = limit;
		ticked = true;
	}
	for (size_t i = 0; i < n; i++)
		for (uint32_t a = 0; a < t_model.def.naggs; a++) {
			struct t_out *o = &t_out[t_nout];

			if (!t_model.agg[a].closes)
				continue;
			cr_assert_lt(t_nout, T_MOST);
			t_nout++;
			*o = (struct t_out){ .tick = tick, .agg = a, .end = ((__int128)due[i].window + 1) * of->pane_ms,
				.start = due[i].window * of->pane_ms };
			t_key(due[i].g, o);
			for (uint32_t k = 1; k < t_model.def.naggs; k++)
				o->value[k] = baseline(due[i].g, (int64_t)o->end - 1, t_model.agg[k].fn == TSN_AGG_SPREAD);
			o->value[0] = m_value(of, &due[i].g->list[0], due[i].window);
		}
	qsort(t_out + first, t_nout - first, sizeof(t_out[0]), t_by_order);
}

static void
expect_row(uint32_t i)
{
	const struct m_row *r = &t_rows[i];
	char key[M_TEXT];
	struct m_group *g;

	m_fold(&t_model, r, t_want[i], t_bench.scratch);
	for (uint32_t a = 1; a < t_model.def.naggs; a++)
		t_want[i][a] = (struct m_value){ .real = true };
	if (!(r->counted || r->read) || !m_text(&t_model.def.key, r, key))
		return;
	g = m_group(&t_model, r, false, t_bench.scratch);
	for (uint32_t a = 1; a < t_model.def.naggs; a++)
		t_want[i][a] = baseline(g, t_model.agg[0].by_received ? r->received : r->time, t_model.agg[a].fn == TSN_AGG_SPREAD);
	if (g != NULL && r->counted)
		mine_of(g)->source = r->source;
}

static void
make_family(struct rng *r, char canon[M_AGGS][64])
{
	static const int64_t windows[] = { 1000, 5000, 10000, 60000 };
	const int64_t window = windows[below(r, 4)], slots = chance(r, 50) ? 1 : 2 + (int64_t)below(r, 4);
	const int64_t seasons = 3 + (int64_t)below(r, 5);

	m_init(&t_model, rnd(r));
	t_model.def.key = m_keys[below(r, M_KEYS)];
	t_model.def.max_keys = chance(r, 30) ? 64 * (1 + below(r, 3)) : UINT64_MAX;
	t_model.def.naggs = 3;
	t_agg(r, &t_model.agg[0], canon[0], window);
	for (uint32_t a = 1; a < 3; a++)
		t_model.agg[a] = (struct tsn_agg_def){ .canon = a == 1 ? "baseline 1" : "baseline 2", .fn = TSN_AGG_BASELINE,
			.tumbling = true, .window_ms = window, .pane_ms = window, .panes = 1, .closes = chance(r, 20),
			.history_ms = slots * seasons * window, .season_ms = slots > 1 ? slots * window : 0,
			.by_received = t_model.agg[0].by_received };
	t_model.agg[1 + below(r, 2)].fn = TSN_AGG_SPREAD;
}

static uint64_t skipped[4], nskipped, known;

static void
nothing(void)
{
	skipped[nskipped++ % 4] = t_stats.skipped_samples;
}

static void
run_case(uint64_t seed)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct c_style style;

	t_seed = seed;
	t_nout = 0;
	ticked = false;
	end_of_closed = 0;
	nskipped = 0;
	make_family(&r, canon);
	c_style(&r, &style);
	style.wild = 0;
	style.hosts = chance(&r, 80) ? 3 : style.hosts;
	style.gap = (uint64_t)window_ms() / (1 + below(&r, 8));
	style.disorder = style.disorder == 0 ? 0 : (uint64_t)window_ms() * 2;
	t_n = c_exact(&t_model, 100 + (uint32_t)below(&r, 300));
	t_lateness = (int64_t)below(&r, 3000);
	c_rows(&r, &style, t_rows, t_n);
	for (uint32_t i = 0; i < t_n; i++)
		t_rows[i].source = chance(&r, 80) ? (uint32_t)(t_rows[i].src.lo % T_SOURCES) : (uint32_t)below(&r, T_SOURCES);
	t_make_ticks(&r, window_ms());
	t_expect(expect_tick, expect_row);
	for (uint32_t i = 0; i < t_n; i++)
		known += t_want[i][1].known;
	t_engines(nothing);
	cr_assert(skipped[0] == skipped[1] && skipped[1] == skipped[2], "case %" PRIu64, seed);
	m_free(&t_model);
}

Test(state_baseline, equals_the_definition, .init = t_begin, .fini = t_end, .timeout = 600)
{
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 3000 : 150); i++)
		run_case(7000000 + i);
	cr_assert_gt(known, 3000, "too little was ever known: %" PRIu64, known);
}

/* --- by hand --- */

static void
count_and_baseline(int64_t history, int64_t season)
{
	m_init(&t_model, 1);
	t_model.def.key = m_keys[1];
	t_model.def.max_keys = 64000;
	t_model.def.naggs = 3;
	for (uint32_t a = 0; a < 3; a++)
		t_model.agg[a] = (struct tsn_agg_def){ .canon = a == 0 ? "count" : a == 1 ? "baseline" : "spread", .tumbling = true,
			.window_ms = 60000, .pane_ms = 60000, .panes = 1, .history_ms = a > 0 ? history : 0, .season_ms = a > 0 ? season : 0 };
	t_model.agg[0].fn = TSN_AGG_COUNT;
	t_model.agg[1].fn = TSN_AGG_BASELINE;
	t_model.agg[2].fn = TSN_AGG_SPREAD;
	t_state = tsn_state_new(&t_model.def, 1, 1);
	cr_assert_not_null(t_state);
}

/* [n] flows of source 1, reported by exporter 0, in minute [minute]. */
static void
flows(int64_t minute, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		t_rows[i] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(1), .counted = true, .time = minute * 60000 + 1000,
			.received = minute * 60000 + 1000 };
	cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, 0, n));
}

static void
look(int64_t minute)
{
	t_rows[0] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(1), .read = true, .time = minute * 60000 + 1000 };
	cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, 0, 1));
}

static double
said(uint32_t agg)
{
	return tsn_mask_has(&t_bench.out[agg].known, 0) ? t_bench.out[agg].f[0] : -1;
}

static bool
take(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	(void)arg;
	(void)family;
	(void)agg;
	(void)start;
	(void)b;
	return true;
}

static void
tick_at(int64_t minute)
{
	cr_assert(tsn_state_close(t_state, minute * 60000 + 30000, 30000, t_batch, take, NULL));
}

static bool bad_minute_7(void *arg, uint32_t source, int64_t from, int64_t to)
{
	(void)arg;
	cr_assert(source == 0 && to - from == 90000);
	return from != 7 * 60000;
}

/* Below three samples nothing is known; the running window is none; silence is 0; a lossy window is no sample. */
Test(state_baseline, samples_come_window_by_window, .init = t_begin, .fini = t_end)
{
	const struct tsn_state_exporters x = { NULL, bad_minute_7, NULL };
	struct tsn_learning l;
	struct tsn_family_stats stats;
	struct tsn_note v[8];

	count_and_baseline(20 * 60000, 0);
	tsn_state_watch_exporters(t_state, &x);
	for (int64_t m = 1; m <= 3; m++) {
		flows(m, (uint32_t)m * 10);
		cr_assert_eq(said(1), -1);
		tick_at(m + 1);
	}
	tsn_state_learning(t_state, 0, 1, &l);
	cr_assert(l.groups == 1 && l.ready == 0 && l.until == 4 * 60000);
	look(3);
	cr_assert_eq(said(1), -1, "for its own window there are two");
	look(4);
	cr_assert(said(1) == 20 && said(2) == 1.4826 * 10);
	cr_assert(tsn_state_notes(t_state, 0, 1, t_bench.b, 0, v, 8) == 3);
	cr_assert(strcmp(v[0].name, "median") == 0 && v[0].value.f == 20 && strcmp(v[2].name, "samples") == 0 && v[2].value.i == 3);
	flows(4, 600);
	cr_assert_eq(said(1), 20, "the running window is never its own history");
	tsn_state_learning(t_state, 0, 1, &l);
	cr_assert(l.groups == 1 && l.ready == 1 && l.until == TSN_TIME_NONE);
	tick_at(6); /* minute 5 was silent: 10 20 30 1000 0 */
	look(6);
	cr_assert(said(1) == 20 && said(2) == 1.4826 * 10);
	tick_at(7);
	look(7); /* and 6: 0 0 10 20 30 1000 */
	cr_assert_eq(said(1), 15);
	flows(7, 77);
	tick_at(8);
	look(8);
	cr_assert_eq(said(1), 15, "minute 7 is no sample");
	tsn_state_stats(t_state, 0, &stats);
	cr_assert_eq(stats.skipped_samples, 1);
	look(22); /* from minute 3 on: 0 0 30 1000 */
	cr_assert_eq(said(1), 15);
	look(23);
	cr_assert_eq(said(1), 0);
	tsn_state_free(t_state);
}

/* Slots of a season of three minutes; a slot needs three samples of its own. The floor of the spread. */
Test(state_baseline, slots_of_a_season, .init = t_begin, .fini = t_end)
{
	struct tsn_learning l;

	count_and_baseline(30 * 60000, 3 * 60000);
	for (int64_t m = 300; m < 309; m++) {
		flows(m, m % 3 == 0 ? 100 : 2);
		cr_assert_eq(said(1), -1);
		tick_at(m + 1);
		tsn_state_learning(t_state, 0, 2, &l);
		cr_assert_eq(l.until, m < 307 ? 309 * 60000 : l.until);
	}
	look(309);
	cr_assert(said(1) == 100 && said(2) == 5);
	look(310);
	cr_assert(said(1) == 2 && said(2) == 1);
	tsn_state_free(t_state);
}

/* A group that lost its place begins anew. */
Test(state_baseline, evicted_groups_forget, .init = t_begin, .fini = t_end)
{
	count_and_baseline(20 * 60000, 0);
	tsn_state_free(t_state);
	t_model.def.max_keys = 64;
	t_state = tsn_state_new(&t_model.def, 1, 1);
	for (int64_t m = 1; m <= 3; m++) {
		flows(m, 5);
		tick_at(m + 1);
	}
	look(4);
	cr_assert_eq(said(1), 5);
	for (uint32_t i = 0; i < 600; i++)
		t_rows[i] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(100 + i), .counted = true, .time = 241000, .received = 241000 };
	cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, 0, 600));
	flows(4, 1);
	tick_at(5);
	look(5);
	cr_assert_eq(said(1), -1);
	tsn_state_free(t_state);
}

Test(state_baseline, memory_runs_out, .init = t_begin, .fini = t_end)
{
	bool ok = false;
	long k = 0;

	count_and_baseline(200 * 60000, 0);
	for (int64_t m = 1; m <= 40; m++) {
		flows(m, 3);
		for (k = 0, ok = false; !ok; k++) {
			tsn_mem_fail_at(k, false);
			ok = tsn_state_close(t_state, (m + 1) * 60000, 0, t_batch, take, NULL);
			tsn_mem_fail_never();
			cr_assert_lt(k, 20);
		}
	}
	tick_at(130);
	for (k = 0, ok = false; !ok; k++) { /* ninety silences to write */
		t_rows[0] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(1), .read = true, .time = 130 * 60000 };
		tsn_mem_fail_at(k, false);
		ok = c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, 0, 1);
		tsn_mem_fail_never();
		cr_assert(ok || said(1) == -1);
	}
	cr_assert_gt(k, 1);
	cr_assert_eq(said(1), 0);
	tsn_state_free(t_state);
}
