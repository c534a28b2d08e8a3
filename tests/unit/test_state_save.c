/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* State as bytes and back in mid-stream: what goes on must not be told from what never stopped. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "base/pack.h"
#include "state/ring.h"
#include "unit/mutate.h"
#include "unit/state_bench.h"

static struct model model;
static struct m_row rows[M_ROWS];
static char canon[M_AGGS][64];

static struct tsn_unpack
reader(const struct tsn_pack *k)
{
	return (struct tsn_unpack){ k->p, k->p + k->n, false };
}

static void
on_report(void *arg, const struct tsn_handover *h)
{
	uint32_t *n = arg;

	cr_assert(h->kept, "%s was not kept", h->canon);
	++*n;
}

/* The state of the same rules, made of the bytes of [s]. */
static struct tsn_state *
through_bytes(struct rng *r, struct tsn_state *s, int times)
{
	struct tsn_state *next = tsn_state_new(&model.def, 1, rnd(r));
	struct tsn_pack k = { 0 }, again = { 0 };
	struct tsn_unpack in;
	uint32_t told = 0;

	(void)times;
	tsn_state_save(s, &k);
	cr_assert(!k.failed && next != NULL);
	in = reader(&k);
	cr_assert(tsn_state_load(next, &in, on_report, &told));
	cr_assert_eq(told, 1 + model.def.naggs);
	tsn_state_save(next, &again);
	cr_assert(again.n == k.n && memcmp(again.p, k.p, k.n) == 0, "written again the bytes differ");
	tsn_pack_fini(&k);
	tsn_pack_fini(&again);
	tsn_state_free(s);
	return next;
}

static void
run_case(uint64_t seed)
{
	struct rng r = { seed };
	struct c_style style;
	uint32_t n;

	c_family(&r, &model, canon);
	c_style(&r, &style);
	n = c_exact(&model, 50 + (uint32_t)below(&r, 300));
	c_rows(&r, &style, rows, n);
	bench_replacing(&r, &model, rows, n, seed, 40, through_bytes);
}

Test(state_save, equals_the_definition, .timeout = 600)
{
	bench_begin();
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 10000 : 140); i++)
		run_case(7000000 + i);
	bench_end();
}

/* --- what the model is too slow for: counts beyond 16 bits, sketches --- */

static struct tsn_agg_def big_aggs[] = {
	{ .canon = "c", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 },
	{ .canon = "d", .fn = TSN_AGG_DISTINCT, .window_ms = 60000, .pane_ms = 4000, .panes = 16, .tuple = { 1, { { TSN_F_DST, 32, 128 } } } },
	{ .canon = "e", .fn = TSN_AGG_DISTINCT, .tumbling = true, .window_ms = 60000, .pane_ms = 60000, .panes = 1,
	    .tuple = { 1, { { TSN_F_DST, 32, 128 } } } },
	{ .canon = "s", .fn = TSN_AGG_COUNT, .window_ms = 3600000, .pane_ms = 3600000, .panes = 1, .tumbling = true },
};

static struct tsn_family_def
big_family(void)
{
	return (struct tsn_family_def){ .canon = "big", .key = m_keys[1], .max_keys = 6400, .agg = big_aggs, .naggs = 4 };
}

static void
big_batch(struct tsn_state *s, struct tsn_batch *b, struct rng *r, int64_t at, struct tsn_vector out[4])
{
	struct tsn_vector *results[4] = { &out[0], &out[1], &out[2], &out[3] };
	const struct tsn_vector *args[4] = { NULL };

	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		tsn_batch_put_addr(b, i, TSN_F_SRC, tsn_addr_v4(chance(r, 90) ? 1 : (uint32_t)below(r, 1000)));
		tsn_batch_put_addr(b, i, TSN_F_DST, tsn_addr_v4((uint32_t)below(r, 5000)));
		b->time[i] = b->received[i] = at + (int64_t)below(r, 3000);
	}
	b->n = TSN_BATCH_ROWS;
	tsn_mask_first(&b->rows, b->n);
	cr_assert(tsn_state_fold(s, 0, b, &b->rows, &b->rows, args, results));
}

Test(state_save, wide_counts_and_sketches, .timeout = 120)
{
	static struct tsn_vector x[4], y[4];
	struct tsn_family_def def = big_family();
	struct tsn_state *s = tsn_state_new(&def, 1, 5), *t = NULL;
	struct tsn_batch *b = tsn_batch_new(), *c = tsn_batch_new();
	struct rng r = { 1 }, same;
	int64_t at = 1767571200000, most = 0;

	for (int i = 0; i < 400; i++) {
		at += i == 150 ? 30000 : i == 300 ? 100000 : i % 100 == 99 ? 4000 : 0;
		same = r;
		big_batch(s, b, &r, at, x);
		if (t != NULL) {
			big_batch(t, c, &same, at, y);
			for (int a = 0; a < 4; a++)
				cr_assert(memcmp(x[a].i, y[a].i, sizeof(x[a].i)) == 0, "aggregate %d in batch %d", a, i);
		}
		most = x[0].i[TSN_BATCH_ROWS - 1] > most ? x[0].i[TSN_BATCH_ROWS - 1] : most;
		if (i % 37 == 36 || i == 152) {
			struct tsn_pack k = { 0 };
			struct tsn_unpack in;

			tsn_state_free(t);
			t = tsn_state_new(&def, 1, 77);
			tsn_state_save(s, &k);
			in = reader(&k);
			cr_assert(tsn_state_load(t, &in, NULL, NULL));
			tsn_pack_fini(&k);
		}
	}
	cr_assert(most > 2 * UINT16_MAX, "counts stayed at %" PRId64, most);
	tsn_state_free(s);
	tsn_state_free(t);
	tsn_batch_free(b);
	tsn_batch_free(c);
}

/* --- windows that close --- */

struct closing {
	char text[1 << 16];
	size_t n;
};

static bool
note_closing(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	struct closing *c = arg;
	struct tsn_buf text = TSN_BUF_INIT;

	(void)family;
	for (uint32_t i = 0; i < b->n; i++) {
		struct tsn_value v;

		tsn_batch_get(b, i, TSN_F_SRC, &v);
		tsn_value_text(&v, &text);
		c->n += (size_t)snprintf(c->text + c->n, sizeof(c->text) - c->n, "%u %" PRId64 " %s\n", agg, start, tsn_buf_str(&text));
		tsn_buf_clear(&text);
	}
	tsn_buf_fini(&text);
	return true;
}

Test(state_save, windows_close_once)
{
	static struct closing x, y;
	static struct tsn_vector out[1];
	struct tsn_agg_def a = { .canon = "x", .fn = TSN_AGG_COUNT, .tumbling = true, .closes = true, .window_ms = 60000,
		.pane_ms = 60000, .panes = 1 };
	struct tsn_family_def def = { .canon = "f", .key = m_keys[1], .max_keys = 6400, .agg = &a, .naggs = 1 };
	struct tsn_vector *results[1] = { &out[0] };
	const struct tsn_vector *args[1] = { NULL };
	struct tsn_batch *b = tsn_batch_new(), *ticks = tsn_batch_new();
	struct tsn_state *s = tsn_state_new(&def, 1, 1);
	struct rng r = { 3 };
	int64_t at = 1767571200000;

	for (int i = 0; i < 60; i++, at += 17000) {
		struct tsn_state *t = tsn_state_new(&def, 1, 2);
		struct tsn_pack k = { 0 };
		struct tsn_unpack in;

		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		for (uint32_t j = 0; j < 20; j++) {
			tsn_batch_put_addr(b, j, TSN_F_SRC, tsn_addr_v4((uint32_t)below(&r, 40)));
			b->time[j] = b->received[j] = at - (int64_t)below(&r, 60000);
		}
		b->n = 20;
		tsn_mask_first(&b->rows, b->n);
		cr_assert(tsn_state_fold(s, 0, b, &b->rows, &b->rows, args, results));
		tsn_state_save(s, &k);
		in = reader(&k);
		cr_assert(tsn_state_load(t, &in, NULL, NULL));
		x.n = y.n = 0;
		cr_assert(tsn_state_close(s, at, 30000, ticks, note_closing, &x));
		cr_assert_eq(tsn_state_close_due(t, at, 30000), x.n > 0);
		cr_assert(tsn_state_close(t, at, 30000, ticks, note_closing, &y));
		cr_assert(x.n == y.n && memcmp(x.text, y.text, x.n) == 0, "round %d", i);
		tsn_state_free(s);
		s = t;
		tsn_pack_fini(&k);
	}
	tsn_state_free(s);
	tsn_batch_free(b);
	tsn_batch_free(ticks);
}

/* --- other rules, and bytes that are not ours --- */

static void
fill(struct tsn_state *s, uint64_t seed, uint32_t n)
{
	struct rng r = { seed };
	struct c_style style = { .hosts = 30, .ports = 20, .gap = 500, .base = 1767571200000, .extreme = 20 };

	bench_begin();
	c_rows(&r, &style, rows, n);
	cr_assert(c_fold(&bench, s, 0, &model.def, rows, 0, n));
	bench_end();
}

static void
note_kept(void *arg, const struct tsn_handover *h)
{
	struct closing *c = arg;

	c->n += (size_t)snprintf(c->text + c->n, sizeof(c->text) - c->n, "%s %s %d\n", h->family ? "family" : "agg", h->canon, h->kept);
}

Test(state_save, other_rules_take_what_is_theirs)
{
	static struct closing told;
	struct tsn_agg_def a[3] = {
		{ .canon = "x", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 },
		{ .canon = "y", .fn = TSN_AGG_SUM, .window_ms = 60000, .pane_ms = 4000, .panes = 16 },
		{ .canon = "z", .fn = TSN_AGG_MAX, .window_ms = 60000, .pane_ms = 4000, .panes = 16 },
	}, swapped[3] = { a[2], a[0], a[1] };
	struct tsn_family_def def = { .canon = "f", .key = m_keys[1], .max_keys = 6400, .agg = a, .naggs = 3 }, other = def;
	struct tsn_state *s, *t;
	struct tsn_pack k = { 0 };
	struct tsn_unpack in;

	model.def = def;
	s = tsn_state_new(&def, 1, 1);
	fill(s, 1, 200);
	tsn_state_save(s, &k);
	swapped[0].window_ms = 59000; /* the same words for another shape */
	other.agg = swapped;
	t = tsn_state_new(&other, 1, 1);
	in = reader(&k);
	cr_assert(tsn_state_load(t, &in, note_kept, &told));
	cr_assert_str_eq(told.text, "family f 1\nagg z 0\nagg x 1\nagg y 1\n");
	tsn_state_free(t);
	other.key = m_keys[2];
	t = tsn_state_new(&other, 1, 1);
	in = reader(&k);
	told.n = 0;
	cr_assert(tsn_state_load(t, &in, note_kept, &told));
	cr_assert_str_eq(told.text, "family f 0\nagg z 0\nagg x 0\nagg y 0\n");
	tsn_state_free(t);
	tsn_pack_fini(&k);
	tsn_state_free(s);
}

/* As new: it says the same of itself, and goes on counting. */
static void
check_as_new(struct tsn_state *s)
{
	struct tsn_family_stats stats;

	tsn_state_stats(s, 0, &stats);
	cr_assert(stats.groups == 0 && stats.bytes == 0 && stats.evicted == 0 && stats.last_evicted == TSN_TIME_NONE);
}

static void
spoil_case(uint64_t seed)
{
	struct rng r = { seed };
	struct tsn_state *s;
	struct tsn_pack k = { 0 };

	c_family(&r, &model, canon);
	if (model.def.max_keys > 6400)
		model.def.max_keys = 6400;
	s = tsn_state_new(&model.def, 1, model.seed);
	fill(s, seed, 60);
	tsn_state_save(s, &k);
	tsn_state_free(s);
	for (int i = 0; i < 40; i++) {
		uint8_t *p = malloc(k.n + 64), *exact;
		uint64_t x = rnd(&r) | 1;
		const size_t n = mutate_copy(p, k.n + 64, k.p, k.n, 1 + below(&r, 3), &x);
		struct tsn_unpack in;

		exact = malloc(n + 1);
		memcpy(exact, p, n);
		in = (struct tsn_unpack){ exact, exact + n, false };
		s = tsn_state_new(&model.def, 1, 1);
		if (!tsn_state_load(s, &in, NULL, NULL))
			check_as_new(s);
		fill(s, seed + 1, 60); /* whatever was taken must hold */
		tsn_state_free(s);
		free(exact);
		free(p);
	}
	tsn_pack_fini(&k);
	m_free(&model);
}

/* What a window of fewer panes than lanes cannot have would be found again as that of panes to come. */
Test(state_save, heads_hold_nothing_outside_their_window)
{
	for (uint64_t newest = TSN_PANE_BIAS; newest < TSN_PANE_BIAS + 16; newest++)
		for (uint32_t keep = 1; keep <= 16; keep++)
			for (uint32_t lane = 0; lane < 16; lane++)
				cr_assert_eq(tsn_ring_valid(newest << TSN_HEAD_BITS | UINT64_C(1) << lane, keep, 16),
				    ((newest - lane) & 15) < keep, "lane %u of %u panes", lane, keep);
}

Test(state_save, any_bytes, .timeout = 600)
{
	for (long i = 0; i < mutate_times(5000); i++)
		spoil_case(8000000 + (uint64_t)i);
}

Test(state_save, without_memory, .timeout = 120)
{
	struct rng r = { 11 };
	struct tsn_state *s;
	struct tsn_pack k = { 0 };
	bool ok = false;

	for (uint64_t seed = 0; seed < 12; seed++) {
		c_family(&r, &model, canon);
		model.def.max_keys = 6400;
		s = tsn_state_new(&model.def, 1, model.seed);
		fill(s, seed, 80);
		tsn_state_save(s, &k);
		tsn_state_free(s);
		ok = false;
		for (long n = 0; !ok; n += 1 + n / 20) {
			struct tsn_unpack in = reader(&k);

			s = tsn_state_new(&model.def, 1, 1);
			tsn_mem_fail_at(n, true);
			ok = tsn_state_load(s, &in, NULL, NULL);
			tsn_mem_fail_never();
			if (!ok)
				check_as_new(s);
			tsn_state_free(s);
		}
		tsn_pack_fini(&k);
		m_free(&model);
	}
}
