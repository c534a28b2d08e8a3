/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Ranks against the definition: every group of every window compared with every other. */
#include "unit/test_state_ticks.h"

#include "base/mem.h"

struct place {
	int64_t window;
	int64_t rank[M_AGGS];
};

struct mine {
	size_t n;
	struct place v[64];
};

static int64_t last; /* the window that closed last */
static bool closed;

static struct mine *
mine_of(struct m_group *g)
{
	return t_mine(g, sizeof(struct mine));
}

/* Parts of the key that say among whom a group is ranked, as text. */
static bool
same_among(const struct m_group *a, const struct m_group *b, uint32_t within)
{
	for (unsigned i = 0; i < t_model.def.key.n; i++) {
		struct tsn_key_spec one = { 1, { t_model.def.key.part[i] } };
		char ta[M_TEXT], tb[M_TEXT];

		m_text(&one, &a->first, ta);
		m_text(&one, &b->first, tb);
		if ((within >> i & 1) && strcmp(ta, tb) != 0)
			return false;
	}
	return true;
}

static bool
is_before(struct m_group *a, const struct m_value *va, struct m_group *b, const struct m_value *vb)
{
	struct t_out ka, kb;

	if (va->real ? va->f != vb->f : va->i != vb->i)
		return va->real ? va->f > vb->f : va->i > vb->i;
	t_key(a, &ka);
	t_key(b, &kb);
	return t_compare_keys(&ka, &kb) < 0;
}

static void
put_place(struct m_group *g, int64_t window, uint32_t agg, int64_t rank)
{
	struct mine *m = mine_of(g);
	size_t i = 0;

	while (i < m->n && m->v[i].window != window)
		i++;
	if (i == m->n) {
		if (m->n == 64) { /* only the newest are ever asked for */
			memmove(m->v, m->v + 1, 63 * sizeof(m->v[0]));
			m->n--;
			i--;
		}
		m->v[m->n++] = (struct place){ .window = window };
	}
	m->v[i].rank[agg] = rank;
}

static void
rank_group(struct m_group *g, int64_t window)
{
	const struct tsn_agg_def *of = &t_model.agg[0];
	const struct m_value v = m_value(of, &g->list[0], window);

	for (uint32_t a = 1; a < t_model.def.naggs && v.known; a++) {
		int64_t rank = 1;

		if (t_model.agg[a].fn != TSN_AGG_RANK)
			continue;
		T_EACH_GROUP(other) {
			struct m_value w;

			if (!t_holds(&other->list[0], window) || !same_among(g, other, t_model.agg[a].within))
				continue;
			w = m_value(of, &other->list[0], window);
			rank += w.known && other != g && is_before(other, &w, g, &v);
		}
		put_place(g, window, a, rank);
	}
}

static struct m_value
rank_in(struct m_group *g, uint32_t agg, int64_t window)
{
	struct mine *m = g == NULL ? NULL : mine_of(g);

	for (size_t i = 0; m != NULL && i < m->n; i++)
		if (m->v[i].window == window && m->v[i].rank[agg] != 0)
			return (struct m_value){ .known = true, .i = m->v[i].rank[agg] };
	return (struct m_value){ .known = false };
}

/* Values of a tick row of [closing]'s window. */
static void
fill(struct t_out *o, struct m_group *g, const struct tsn_agg_def *closing, int64_t window)
{
	const struct tsn_agg_def *of = &t_model.agg[0];
	const int64_t time = (int64_t)o->end - 1;

	for (uint32_t a = 0; a < t_model.def.naggs; a++) {
		const struct tsn_agg_def *d = &t_model.agg[a];
		const bool own = closing->pane_ms == of->pane_ms && closing->by_received == of->by_received;

		if (d->fn == TSN_AGG_RANK)
			o->value[a] = own ? rank_in(g, a, window) : closed ? rank_in(g, a, last) : (struct m_value){ 0 };
		else
			o->value[a] = m_value(d, &g->list[a], m_floor(time, d->pane_ms));
	}
}

static void
expect_tick(uint32_t tick, int64_t now)
{
	static struct t_due due[T_MOST];
	size_t n = 0, first = t_nout;
	const struct tsn_agg_def *of = &t_model.agg[0];

	T_EACH_GROUP(g)
		for (uint32_t a = 0; a < t_model.def.naggs; a++) {
			const struct tsn_agg_def *d = &t_model.agg[a];
			const int64_t newest = m_newest(&g->list[a]);

			for (int64_t w = newest - 1; d->fn != TSN_AGG_RANK && (a == 0 || d->closes) && w <= newest; w++)
				if (t_holds(&g->list[a], w) && !t_is_closed(&g->list[a], w) && t_over(d, w, now)) {
					cr_assert_lt(n, T_MOST);
					due[n++] = (struct t_due){ g, a, w };
				}
		}
	for (size_t i = 0; i < n; i++)
		if (due[i].agg == 0)
			rank_group(due[i].g, due[i].window);
	for (size_t i = 0; i < n; i++) {
		t_close(&due[i].g->list[due[i].agg], due[i].window);
		if (now == INT64_MAX && due[i].agg == 0 && (!closed || due[i].window > last)) {
			last = due[i].window;
			closed = true;
		}
	}
	if (now != INT64_MAX && m_floor(now - t_lateness, of->pane_ms) - 1 >= (closed ? last : INT64_MIN)) {
		last = m_floor(now - t_lateness, of->pane_ms) - 1;
		closed = true;
	}
	for (size_t i = 0; i < n; i++)
		for (uint32_t a = 0; a < t_model.def.naggs; a++) {
			const struct tsn_agg_def *d = &t_model.agg[due[i].agg];
			struct t_out *o = &t_out[t_nout];

			if (!t_model.agg[a].closes || (a != due[i].agg && (t_model.agg[a].fn != TSN_AGG_RANK || due[i].agg != 0)))
				continue;
			cr_assert_lt(t_nout, T_MOST);
			t_nout++;
			*o = (struct t_out){ .tick = tick, .agg = a, .end = ((__int128)due[i].window + 1) * d->pane_ms,
				.start = due[i].window * d->pane_ms };
			t_key(due[i].g, o);
			fill(o, due[i].g, d, due[i].window);
		}
	qsort(t_out + first, t_nout - first, sizeof(t_out[0]), t_by_order);
}

static void
expect_row(uint32_t i)
{
	char key[M_TEXT];

	m_fold(&t_model, &t_rows[i], t_want[i], t_bench.scratch);
	for (uint32_t a = 1; a < t_model.def.naggs; a++) {
		if (t_model.agg[a].fn != TSN_AGG_RANK)
			continue;
		t_want[i][a] = (struct m_value){ 0 };
		if ((t_rows[i].counted || t_rows[i].read) && closed && m_text(&t_model.def.key, &t_rows[i], key))
			t_want[i][a] = rank_in(m_group(&t_model, &t_rows[i], false, t_bench.scratch), a, last);
	}
}

static void
make_family(struct rng *r, char canon[M_AGGS][64])
{
	static const int64_t windows[] = { 5000, 10000, 60000, 300000 };
	const int64_t window = windows[below(r, 4)];

	m_init(&t_model, rnd(r));
	t_model.def.key = m_keys[chance(r, 50) ? 5 : below(r, M_KEYS)];
	t_model.def.max_keys = chance(r, 30) ? 64 * (1 + below(r, 3)) : UINT64_MAX;
	t_model.def.naggs = 4;
	t_agg(r, &t_model.agg[0], canon[0], window);
	for (uint32_t a = 1; a < 3; a++)
		t_model.agg[a] = (struct tsn_agg_def){ .canon = a == 1 ? "rank 1" : "rank 2", .fn = TSN_AGG_RANK, .tumbling = true,
			.window_ms = window, .pane_ms = window, .panes = 1, .closes = chance(r, 50),
			.within = (uint32_t)below(r, UINT64_C(1) << t_model.def.key.n), .by_received = t_model.agg[0].by_received };
	t_agg(r, &t_model.agg[3], canon[3], chance(r, 50) ? window : windows[below(r, 4)]);
}

static void
nothing(void)
{
}

static void
run_case(uint64_t seed)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct c_style style;

	t_seed = seed;
	t_nout = 0;
	closed = false;
	last = 0;
	make_family(&r, canon);
	c_style(&r, &style);
	style.wild = 0;
	style.gap = style.gap > 2000 ? 2000 : style.gap;
	t_n = c_exact(&t_model, 60 + (uint32_t)below(&r, 240));
	t_lateness = (int64_t)below(&r, 12000);
	c_rows(&r, &style, t_rows, t_n);
	if (chance(&r, 50)) /* ties */
		for (uint32_t i = 0; i < t_n; i++)
			t_rows[i].arg[0] = t_rows[0].arg[0];
	t_make_ticks(&r, t_model.agg[0].window_ms);
	t_expect(expect_tick, expect_row);
	t_engines(nothing);
	m_free(&t_model);
}

Test(state_rank, equals_the_definition, .init = t_begin, .fini = t_end, .timeout = 600)
{
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 4000 : 100); i++)
		run_case(6000000 + i);
}

/* --- by hand --- */

static struct m_row
flow(uint32_t src, int64_t port, int64_t time, int64_t bytes)
{
	struct m_row r = { .has_src = true, .has_port = true, .counted = true, .read = true, .src = tsn_addr_v4(src), .port = port,
		.time = time, .received = time };

	r.arg[0].known = true;
	r.arg[0].i = bytes;
	return r;
}

static void
sum_and_rank(unsigned key, uint32_t within, uint32_t top)
{
	m_init(&t_model, 1);
	t_model.def.key = m_keys[key];
	t_model.def.max_keys = 64000;
	t_model.def.naggs = 2;
	t_model.agg[0] = (struct tsn_agg_def){ .canon = "sum", .fn = TSN_AGG_SUM, .tumbling = true, .window_ms = 60000, .pane_ms = 60000,
		.panes = 1 };
	t_model.agg[1] = (struct tsn_agg_def){ .canon = "rank", .fn = TSN_AGG_RANK, .tumbling = true, .window_ms = 60000, .pane_ms = 60000,
		.panes = 1, .within = within, .top = top };
	t_state = tsn_state_new(&t_model.def, 1, 1);
	cr_assert_not_null(t_state);
}

static void
fold(const struct m_row *v, uint32_t n)
{
	cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, v, 0, n));
}

static bool
nobody(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	(void)family;
	(void)agg;
	(void)start;
	*(uint32_t *)arg += b->n;
	return true;
}

static void
tick_at(int64_t now)
{
	uint32_t rows = 0;

	cr_assert(tsn_state_close(t_state, now, 30000, t_batch, nobody, &rows));
	cr_assert_eq(rows, 0, "nobody asked for tick rows");
}

static int64_t
rank_of(uint32_t row)
{
	return tsn_mask_has(&t_bench.out[1].known, row) ? t_bench.out[1].i[row] : -1;
}

static uint32_t
count_notes(const struct tsn_note *v, uint32_t n, const char *name, int64_t *last_value)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		cr_assert_str_eq(v[i].group, "rank");
		if (strcmp(v[i].name, name) != 0)
			continue;
		found++;
		*last_value = v[i].value.type == TSN_T_ADDR ? (int64_t)v[i].value.addr.lo : v[i].value.i;
	}
	return found;
}

/* The last closed window decides; equal sums go by the smaller key; who is new has no rank yet. */
Test(state_rank, the_window_that_closed_last, .init = t_begin, .fini = t_end)
{
	struct m_row first[] = { flow(3, 0, 1000, 50), flow(2, 0, 2000, 50), flow(1, 0, 3000, 70), flow(9, 0, 4000, 10) };
	struct m_row second[] = { flow(9, 0, 61000, 900), flow(1, 0, 62000, 1), flow(3, 0, 62000, 1), flow(7, 0, 63000, 5) };
	struct m_row third[] = { flow(9, 0, 121000, 1), flow(2, 0, 121000, 1), flow(1, 0, 121000, 1), flow(7, 0, 121000, 1) };
	struct tsn_note v[16];
	int64_t value = 0;
	uint32_t n;

	sum_and_rank(1, 0, 2);
	fold(first, 4);
	cr_assert_eq(rank_of(0), -1);
	tick_at(89000);
	fold(second, 4);
	cr_assert_eq(rank_of(0), -1, "the window is over at 60 s and 30 s of lateness");
	tick_at(90000);
	fold(second, 4);
	cr_assert(rank_of(0) == 4 && rank_of(1) == 1 && rank_of(2) == 3 && rank_of(3) == -1);
	n = tsn_state_notes(t_state, 0, 1, t_bench.b, 2, v, 16);
	cr_assert(count_notes(v, n, "rank", &value) == 1 && value == 3);
	cr_assert(count_notes(v, n, "of", &value) == 1 && value == 4);
	cr_assert(count_notes(v, n, "value", &value) == 1 && value == 50);
	cr_assert(count_notes(v, n, "since", &value) == 1 && value == 0);
	cr_assert(count_notes(v, n, "previous", &value) == 0 && count_notes(v, n, "pushed_out", &value) == 0);
	tick_at(150000);
	fold(third, 4);
	cr_assert(rank_of(0) == 1 && rank_of(1) == -1 && rank_of(2) == 3 && rank_of(3) == 2);
	n = tsn_state_notes(t_state, 0, 1, t_bench.b, 0, v, 16);
	cr_assert(count_notes(v, n, "previous", &value) == 1 && value == 4);
	cr_assert(count_notes(v, n, "value", &value) == 1 && value == 1800, "counted twice above");
	/* 1 and 2 led, 9 and 7 lead now */
	cr_assert_eq(count_notes(v, n, "pushed_out", &value), 2);
	cr_assert_eq(value, 2);
	tick_at(500000);
	fold(third, 4);
	cr_assert_eq(rank_of(0), -1, "nobody was in the last window");
	tsn_state_free(t_state);
}

/* rank(AGG, within K): each port has a first of its own. */
Test(state_rank, within_a_part_of_the_key, .init = t_begin, .fini = t_end)
{
	struct m_row v[] = { flow(1, 25, 1000, 5), flow(2, 25, 1000, 9), flow(1, 80, 1000, 100), flow(3, 80, 1000, 300) };
	struct tsn_note notes[16];
	int64_t value = 0;
	uint32_t n;

	sum_and_rank(5, 2, 0);
	fold(v, 4);
	tick_at(90000);
	fold(v, 4);
	cr_assert(rank_of(0) == 2 && rank_of(1) == 1 && rank_of(2) == 2 && rank_of(3) == 1);
	n = tsn_state_notes(t_state, 0, 1, t_bench.b, 0, notes, 16);
	cr_assert(count_notes(notes, n, "of", &value) == 1 && value == 2);
	tsn_state_free(t_state);
}

/* A flow that comes after its window closed is placed among all that were in it; their places stay. */
Test(state_rank, who_comes_late, .init = t_begin, .fini = t_end)
{
	struct m_row v[] = { flow(1, 0, 1000, 5), flow(2, 0, 1000, 9) }, late = flow(3, 0, 1000, 7), all[3];

	sum_and_rank(1, 0, 0);
	fold(v, 2);
	tick_at(90000);
	fold(&late, 1);
	cr_assert_eq(rank_of(0), -1);
	tick_at(91000);
	all[0] = flow(1, 0, 61000, 0);
	all[1] = flow(2, 0, 61000, 0);
	all[2] = flow(3, 0, 61000, 0);
	fold(all, 3);
	cr_assert(rank_of(0) == 2 && rank_of(1) == 1 && rank_of(2) == 2);
	tsn_state_free(t_state);
}

/* Each allocation of a closing fails in turn: nothing is closed, and the next call does all of it. */
Test(state_rank, memory_runs_out, .init = t_begin, .fini = t_end)
{
	struct m_row v[] = { flow(1, 0, 1000, 5), flow(2, 0, 1000, 9) };
	uint32_t rows = 0;
	bool ok = false;
	long k = 0;

	sum_and_rank(1, 0, 0);
	fold(v, 2);
	for (; !ok; k++) {
		fold(v, 2);
		cr_assert(rank_of(0) == -1 && tsn_state_close_due(t_state, 90000, 30000));
		tsn_mem_fail_at(k, false);
		ok = tsn_state_close(t_state, 90000, 30000, t_batch, nobody, &rows);
		tsn_mem_fail_never();
	}
	cr_assert_gt(k, 3);
	fold(v, 2);
	cr_assert(rank_of(0) == 2 && rank_of(1) == 1);
	tsn_state_free(t_state);
	for (ok = false, k = 0; !ok; k++) {
		tsn_mem_fail_at(k, false);
		t_state = tsn_state_new(&t_model.def, 1, 1);
		tsn_mem_fail_never();
		ok = t_state != NULL;
	}
	tsn_state_free(t_state);
}
