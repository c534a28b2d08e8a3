/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Handover in mid-stream: what is the same goes on, what is new begins at nothing. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "unit/state_bench.h"
#include "unit/state_takeover.h"

static struct model model;
static struct m_row rows[M_ROWS];
static char canon[2][M_AGGS][64];

struct reports {
	const struct tsn_family_def *def;
	uint32_t n;
	uint64_t groups;
	bool family_kept, kept[M_AGGS];
};

static void
on_report(void *arg, const struct tsn_handover *h)
{
	struct reports *r = arg;

	if (r->n == 0) {
		cr_assert(h->family && strcmp(h->canon, r->def->canon) == 0);
		cr_assert_eq(h->kept, r->family_kept);
	} else {
		cr_assert(!h->family && strcmp(h->canon, r->def->agg[r->n - 1].canon) == 0);
		cr_assert_eq(h->kept, r->kept[r->n - 1], "aggregate %u", r->n - 1);
		cr_assert_eq(h->window_ms, r->def->agg[r->n - 1].window_ms);
	}
	cr_assert_eq(h->groups, h->kept ? r->groups : 0);
	r->n++;
}

/* Some of the old aggregates in another order, some new ones; the model's groups follow. */
static void
next_rules(struct rng *r, struct reports *rep, char text[M_AGGS][64])
{
	struct tsn_agg_def old[M_AGGS];
	uint32_t n = 1 + (uint32_t)below(r, M_AGGS), from[M_AGGS], nold = model.def.naggs;
	bool used[M_AGGS] = { false };

	memcpy(old, model.agg, sizeof(old));
	for (uint32_t a = 0; a < n; a++) {
		from[a] = (uint32_t)below(r, 2 * nold);
		rep->kept[a] = from[a] < nold && !used[from[a]] && rep->family_kept;
		if (from[a] < nold && !used[from[a]]) {
			used[from[a]] = true;
			strcpy(text[a], old[from[a]].canon);
			model.agg[a] = old[from[a]];
			model.agg[a].canon = text[a];
		} else {
			c_agg(r, &model.agg[a], text[a]);
		}
	}
	model.def.naggs = n;
	for (int p = 0; p < 64; p++)
		for (size_t k = 0; k < model.part[p].n; k++) {
			struct m_group *g = model.part[p].v[k];
			struct m_list list[M_AGGS] = { { 0 } };

			for (uint32_t a = 0; a < n; a++) {
				if (!rep->kept[a])
					continue;
				list[a] = g->list[from[a]];
				memset(&g->list[from[a]], 0, sizeof(g->list[0]));
			}
			for (uint32_t a = 0; a < M_AGGS; a++)
				free(g->list[a].v);
			memcpy(g->list, list, sizeof(list));
		}
}

/* Swaps the rules; the family's form mostly stays. */
static struct tsn_state *
reload(struct rng *r, struct tsn_state *s, int round)
{
	static const uint64_t caps[] = { 64, 128, 700, 1000000 };
	struct reports rep = { .def = &model.def, .family_kept = chance(r, 85) };
	struct tsn_state *next;
	struct tsn_takeover *t;
	long allocated;

	if (!rep.family_kept) {
		uint64_t seed = model.seed;

		m_free(&model);
		memset(&model.stats, 0, sizeof(model.stats));
		m_nothing_evicted(&model);
		model.seed = seed;
		model.def.canon = strcmp(model.def.canon, "other") == 0 ? "another" : "other";
	}
	next_rules(r, &rep, canon[round & 1]);
	if (chance(r, 30))
		model.def.max_keys = caps[below(r, 4)];
	rep.groups = model.stats.groups;
	next = tsn_state_new(&model.def, 1, rnd(r)); /* it must take the old seed */
	cr_assert_not_null(next);
	t = tsn_takeover_new(&next, 1, &s, 1);
	cr_assert_not_null(t);
	tsn_mem_fail_at(1000000, false);
	tsn_takeover_run(t);
	allocated = tsn_mem_count();
	tsn_mem_fail_never();
	tsn_takeover_tell(t, on_report, &rep);
	tsn_takeover_free(t);
	cr_assert_eq(allocated, 0, "a handover must not allocate");
	cr_assert_eq(rep.n, 1 + model.def.naggs);
	tsn_state_free(s);
	return next;
}

static void
run_case(uint64_t seed)
{
	struct rng r = { seed };
	struct c_style style;
	uint32_t n = 50 + (uint32_t)below(&r, 200);

	c_family(&r, &model, canon[0]);
	c_style(&r, &style);
	c_rows(&r, &style, rows, n);
	bench_replacing(&r, &model, rows, n, seed, 50, reload);
}

Test(state_reload, equals_the_definition, .timeout = 600)
{
	bench_begin();
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 10000 : 400); i++)
		run_case(4000000 + i);
	bench_end();
}

/* The same words for something that is not the same, as a wrong canonical form would have it, must not be kept. */
Test(state_reload, never_moves_cells_of_another_shape)
{
	struct tsn_agg_def a = { .canon = "x", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	struct tsn_agg_def variants[6];
	struct tsn_family_def def = { .canon = "f", .key = m_keys[1], .max_keys = 64, .agg = &a, .naggs = 1 }, next = def;
	struct tsn_state *s, *t;

	for (int i = 0; i < 6; i++)
		variants[i] = a;
	variants[0].fn = TSN_AGG_SUM;
	variants[1].tumbling = true;
	variants[2].pane_ms = 5000;
	variants[3].panes = 15;
	variants[4].by_received = true;
	variants[5].window_ms = 59000;
	for (int i = 0; i < 6; i++) {
		struct reports rep = { .def = &next, .family_kept = true };

		s = tsn_state_new(&def, 1, 1);
		next.agg = &variants[i];
		t = tsn_state_new(&next, 1, 1);
		take_over(t, s, on_report, &rep);
		tsn_state_free(s);
		tsn_state_free(t);
	}
	next = def;
	next.key = m_keys[2];
	s = tsn_state_new(&def, 1, 1);
	t = tsn_state_new(&next, 1, 1);
	take_over(t, s, on_report, &(struct reports){ .def = &next });
	tsn_state_free(s);
	tsn_state_free(t);
}

/* Families find each other by form, not by place. */
Test(state_reload, families_in_another_order)
{
	struct tsn_agg_def a = { .canon = "x", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	struct tsn_family_def defs[3] = {
		{ .canon = "one", .key = m_keys[1], .max_keys = 640, .agg = &a, .naggs = 1 },
		{ .canon = "two", .key = m_keys[1], .max_keys = 640, .agg = &a, .naggs = 1 },
		{ .canon = "three", .key = m_keys[1], .max_keys = 640, .agg = &a, .naggs = 1 },
	}, swapped[3] = { defs[2], defs[0], defs[1] };
	struct tsn_state *s = tsn_state_new(defs, 3, 1), *t = tsn_state_new(swapped, 3, 2);
	struct rng r = { 1 };
	struct c_style style = { .hosts = 10, .ports = 10, .gap = 1 };

	bench.b = tsn_batch_new();
	c_rows(&r, &style, rows, 100);
	for (uint32_t f = 0; f < 3; f++)
		for (uint32_t k = 0; k <= f; k++)
			cr_assert(c_fold(&bench, s, f, &defs[f], rows, 0, 100));
	take_over(t, s, NULL, NULL);
	tsn_state_free(s);
	for (uint32_t i = 0; i < 100; i++)
		rows[i].counted = false;
	for (uint32_t i = 0; i < 100; i++)
		rows[i].read = true;
	cr_assert(c_fold(&bench, t, 1, &swapped[1], rows, 0, 100));
	for (uint32_t i = 0; i < 100; i++)
		bench.arg[0].i[i] = bench.out[0].i[i];
	for (uint32_t f = 0; f < 3; f++) {
		int64_t one[100];

		memcpy(one, bench.arg[0].i, sizeof(one));
		cr_assert(c_fold(&bench, t, f, &swapped[f], rows, 0, 100));
		for (uint32_t i = 0; i < 100; i++)
			if (tsn_mask_has(&bench.out[0].known, i))
				cr_assert_eq(bench.out[0].i[i], one[i] * (f == 0 ? 3 : f));
		memcpy(bench.arg[0].i, one, sizeof(one));
	}
	tsn_state_free(t);
	tsn_batch_free(bench.b);
}
