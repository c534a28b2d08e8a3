/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Silences against the definition: at each tick every group is asked how long it has been silent. */
#include "unit/test_state_ticks.h"

#include "base/mem.h"
#include "base/pack.h"
#include "sets/set.h"

enum { IDLE, ARMED, WAITING };

struct one {
	int state;
	bool known;
	int64_t last;
	uint32_t source;
};

struct mine {
	struct one one[M_AGGS];
};

static uint64_t unknown;
static int64_t waits_from[M_AGGS][T_SOURCES]; /* of exporters with somebody waiting: when it must be heard to be back */
static bool waits[M_AGGS][T_SOURCES];

static struct one *
one_of(struct m_group *g, uint32_t agg)
{
	struct mine *m = t_mine(g, sizeof(*m));

	return &m->one[agg];
}

static bool
by_exporter(void)
{
	for (unsigned i = 0; i < t_model.def.key.n; i++)
		if (t_model.def.key.part[i].field == TSN_F_EXPORTER)
			return true;
	return false;
}

static struct t_out *
put_out(uint32_t tick, uint32_t agg, __int128 end, int64_t start, struct m_group *g)
{
	struct t_out *o = &t_out[t_nout++];

	cr_assert_lt(t_nout, T_MOST);
	*o = (struct t_out){ .tick = tick, .agg = agg, .end = end, .start = start };
	t_key(g, o);
	return o;
}

static void
come_back(uint32_t a, int64_t now)
{
	for (uint32_t s = 0; s < T_SOURCES; s++) {
		if (!waits[a][s] || !t_heard(NULL, s, waits_from[a][s]))
			continue;
		waits[a][s] = false;
		T_EACH_GROUP(g) {
			struct one *o = one_of(g, a);

			if (o->state != WAITING || o->source != s)
				continue;
			o->state = ARMED;
			o->last = now > o->last ? now : o->last;
		}
	}
}

static void
judge(uint32_t tick, uint32_t a, struct m_group *g, int64_t now)
{
	const int64_t due = one_of(g, a)->last + t_model.agg[a].window_ms;
	struct one *o = one_of(g, a);

	if (o->state != ARMED || due > now - t_lateness)
		return;
	if (by_exporter() || t_heard(NULL, o->source, due)) {
		o->state = IDLE;
		put_out(tick, a, due, o->last, g);
		return;
	}
	unknown++;
	o->state = WAITING;
	waits_from[a][o->source] = waits[a][o->source] && waits_from[a][o->source] < due ? waits_from[a][o->source] : due;
	waits[a][o->source] = true;
}

static void
expect_tick(uint32_t tick, int64_t now)
{
	const size_t first = t_nout;

	t_now = tick;
	for (uint32_t a = 0; a < t_model.def.naggs; a++) {
		const struct tsn_agg_def *d = &t_model.agg[a];

		if (d->fn == TSN_AGG_ABSENT && now != INT64_MAX) {
			come_back(a, now);
			T_EACH_GROUP(g)
				judge(tick, a, g, now);
		}
		if (d->fn == TSN_AGG_ABSENT || !d->closes)
			continue;
		T_EACH_GROUP(g)
			for (int64_t w = m_newest(&g->list[a]) - 1; w <= m_newest(&g->list[a]); w++)
				if (t_holds(&g->list[a], w) && !t_is_closed(&g->list[a], w) && t_over(d, w, now)) {
					t_close(&g->list[a], w);
					put_out(tick, a, ((__int128)w + 1) * d->pane_ms, w * d->pane_ms, g);
				}
	}
	qsort(t_out + first, t_nout - first, sizeof(t_out[0]), t_by_order);
	for (size_t i = first; i < t_nout; i++)
		for (uint32_t a = 0; a < t_model.def.naggs; a++) {
			const struct tsn_agg_def *d = &t_model.agg[a];
			const int64_t time = (int64_t)t_out[i].end - (t_model.agg[t_out[i].agg].fn != TSN_AGG_ABSENT);

			t_out[i].value[a] = d->fn == TSN_AGG_ABSENT ? (struct m_value){ .known = true, .i = a == t_out[i].agg } :
			    m_value(d, &t_out[i].group->list[a], m_floor(time, d->pane_ms));
		}
}

static void
expect_row(uint32_t i)
{
	const struct m_row *r = &t_rows[i];
	char key[M_TEXT];
	bool keyed = m_text(&t_model.def.key, r, key);
	struct m_group *g;

	m_fold(&t_model, r, t_want[i], t_bench.scratch);
	g = keyed ? m_group(&t_model, r, false, t_bench.scratch) : NULL;
	for (uint32_t a = 0; a < t_model.def.naggs; a++) {
		const struct tsn_agg_def *d = &t_model.agg[a];
		const int64_t time = d->by_received ? r->received : r->time;
		struct one *o;

		if (d->fn != TSN_AGG_ABSENT)
			continue;
		t_want[i][a] = (struct m_value){ .known = keyed && (r->counted || r->read) };
		if (!r->counted || g == NULL)
			continue;
		o = one_of(g, a);
		if (o->state == IDLE && o->known && time <= o->last)
			continue;
		o->last = !o->known || time > o->last ? time : o->last;
		o->known = true;
		o->source = r->source;
		o->state = ARMED;
	}
}

static void
make_family(struct rng *r, char canon[M_AGGS][64])
{
	static const int64_t windows[] = { 3000, 10000, 60000, 3600000, INT64_C(86400000) * 3 };

	m_init(&t_model, rnd(r));
	t_model.def.key = m_keys[below(r, M_KEYS)];
	t_model.def.max_keys = chance(r, 30) ? 64 * (1 + below(r, 3)) : UINT64_MAX;
	t_model.def.naggs = 3;
	for (uint32_t a = 0; a < 2; a++) {
		const int64_t window = windows[below(r, 5)] + (chance(r, 50) ? (int64_t)below(r, 1000) : 0);

		t_model.agg[a] = (struct tsn_agg_def){ .canon = a == 0 ? "absent 1" : "absent 2", .fn = TSN_AGG_ABSENT,
			.window_ms = window, .pane_ms = window / 15, .panes = 16, .by_received = chance(r, 20), .expect = TSN_SET_NONE };
	}
	t_agg(r, &t_model.agg[2], canon[2], windows[below(r, 3)]);
}

static void
check_unknown(void)
{
	cr_assert_eq(t_stats.unknown_absent, unknown, "case %" PRIu64 ": %" PRIu64 " not %" PRIu64, t_seed, t_stats.unknown_absent,
	    unknown);
}

static uint64_t fired, not_judged;

static void
run_case(uint64_t seed)
{
	struct rng r = { seed };
	char canon[M_AGGS][64];
	struct c_style style;
	int64_t dead;

	t_seed = seed;
	t_nout = 0;
	unknown = 0;
	memset(waits, 0, sizeof(waits));
	make_family(&r, canon);
	c_style(&r, &style);
	style.wild = 0;
	style.gap = (uint64_t)t_model.agg[0].window_ms / (1 + below(&r, 40));
	style.disorder = style.disorder == 0 ? 0 : (uint64_t)t_model.agg[0].window_ms * 2;
	t_n = c_exact(&t_model, 100 + (uint32_t)below(&r, 300));
	t_lateness = 3000 + (int64_t)below(&r, 9000);
	c_rows(&r, &style, t_rows, t_n);
	dead = (int64_t)below(&r, t_n); /* an exporter that falls silent for a third of the time */
	for (uint32_t i = 0; i < t_n; i++) {
		t_rows[i].source = chance(&r, 80) ? (uint32_t)(t_rows[i].src.lo % T_SOURCES) : (uint32_t)below(&r, T_SOURCES);
		if (t_rows[i].source == 1 && i > dead && i < dead + t_n / 3)
			t_rows[i].source = 2;
	}
	t_make_ticks(&r, t_model.agg[0].window_ms);
	t_expect(expect_tick, expect_row);
	for (size_t i = 0; i < t_nout; i++)
		fired += t_model.agg[t_out[i].agg].fn == TSN_AGG_ABSENT;
	not_judged += unknown;
	t_engines(check_unknown);
	m_free(&t_model);
}

Test(state_absent, equals_the_definition, .init = t_begin, .fini = t_end, .timeout = 600)
{
	for (uint64_t i = 0; i < (getenv("TSN_SOAK") != NULL ? 4000 : 140); i++)
		run_case(8000000 + i);
	cr_assert(fired > 1000 && not_judged > 1000, "too little happened: %" PRIu64 ", %" PRIu64, fired, not_judged);
}

/* --- by hand --- */

static int64_t heard_at = INT64_MAX; /* when exporter 0 was heard last */

static bool
heard_by_hand(void *arg, uint32_t source, int64_t from)
{
	(void)arg;
	return source != 0 || heard_at >= from;
}

static struct tsn_state *
new_state(void)
{
	const struct tsn_state_exporters x = { NULL, NULL, heard_by_hand };
	struct tsn_state *s = tsn_state_new(&t_model.def, 1, 1);

	cr_assert_not_null(s);
	tsn_state_watch_exporters(s, &x);
	return s;
}

static void
define_absent(uint32_t expect)
{
	m_init(&t_model, 1);
	t_model.def.key = m_keys[1];
	t_model.def.max_keys = 6400000;
	t_model.def.naggs = 1;
	t_model.agg[0] = (struct tsn_agg_def){ .canon = "absent", .fn = TSN_AGG_ABSENT, .window_ms = 60000, .pane_ms = 4000, .panes = 16,
		.expect = expect };
}

static void
absent_for_a_minute(uint32_t expect)
{
	define_absent(expect);
	t_state = new_state();
}

static void
speaks(uint32_t src, int64_t time)
{
	t_rows[0] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(src), .counted = true, .time = time, .received = time };
	cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, 0, 1));
	cr_assert(tsn_mask_has(&t_bench.out[0].known, 0) && t_bench.out[0].i[0] == 0);
}

struct heard {
	uint32_t n;
	uint32_t src[300];
	int64_t time[300];
};

static bool
note_silence(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *b)
{
	struct tsn_mask none = { { 0 } };
	const struct tsn_vector *args[] = { NULL };
	struct tsn_vector *results[] = { &t_bench.out[0] };
	struct heard *h = arg;

	cr_assert(tsn_state_fold(t_state, family, b, &none, &b->rows, args, results));
	for (uint32_t i = 0; i < b->n; i++) {
		cr_assert(tsn_mask_has(&t_bench.out[0].known, i) && t_bench.out[0].i[i] == 1);
		cr_assert(b->time[i] == start + 60000 && b->received[i] == b->time[i] && agg == 0);
		h->src[h->n] = ((uint32_t *)b->col[TSN_F_SRC])[i];
		h->time[h->n++] = b->time[i];
	}
	return true;
}

static uint32_t
silent_at(int64_t now, struct heard *h)
{
	h->n = 0;
	cr_assert(tsn_state_close(t_state, now, 30000, t_batch, note_silence, h));
	return h->n;
}

/* Once, when a window and lateness have passed; the next flow arms it again, a late one does not. */
Test(state_absent, once_until_it_speaks_again, .init = t_begin, .fini = t_end)
{
	struct heard h;

	absent_for_a_minute(TSN_SET_NONE);
	speaks(1, 10000);
	speaks(2, 10500);
	cr_assert(silent_at(99999, &h) == 0 && !tsn_state_close_due(t_state, 99999, 30000));
	cr_assert(silent_at(101000, &h) == 2);
	cr_assert(h.src[0] == 1 && h.time[0] == 70000 && h.src[1] == 2 && h.time[1] == 70500);
	cr_assert_eq(silent_at(500000, &h), 0);
	speaks(1, 9000);
	cr_assert_eq(silent_at(600000, &h), 0, "older than the silence");
	speaks(1, 600000);
	cr_assert_eq(silent_at(INT64_MAX, &h), 0, "the end of input is no silence");
	cr_assert(silent_at(690000, &h) == 1 && h.time[0] == 660000);
	tsn_state_free(t_state);
}

/* Its exporter is silent too: not judged, counted once; heard again it has a window from then. */
Test(state_absent, the_exporter_is_silent, .init = t_begin, .fini = t_end)
{
	struct tsn_family_stats st;
	struct heard h;

	absent_for_a_minute(TSN_SET_NONE);
	heard_at = 30000;
	speaks(1, 10000);
	cr_assert_eq(silent_at(200000, &h), 0);
	cr_assert_eq(silent_at(300000, &h), 0);
	cr_assert_not(tsn_state_close_due(t_state, 400000, 30000));
	tsn_state_stats(t_state, 0, &st);
	cr_assert_eq(st.unknown_absent, 1);
	heard_at = 400500;
	cr_assert(tsn_state_close_due(t_state, 401000, 30000));
	cr_assert_eq(silent_at(401000, &h), 0);
	heard_at = 480000;
	cr_assert_eq(silent_at(490000, &h), 0);
	cr_assert(silent_at(491000, &h) == 1 && h.time[0] == 461000);
	heard_at = INT64_MAX;
	tsn_state_free(t_state);
}

static struct tsn_set *
expected_hosts(void)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_set *s;

	cr_assert_eq(tsn_set_builder_add_prefix(b, (struct tsn_prefix){ tsn_addr_v4(0x0a000000), 29 }, TSN_SET_NO_ROW), TSN_SET_OK);
	cr_assert_eq(tsn_set_builder_add_prefix(b, (struct tsn_prefix){ { UINT64_C(0x20010db8) << 32, 1, false }, 128 }, TSN_SET_NO_ROW),
	    TSN_SET_OK);
	s = tsn_set_build(b);
	tsn_set_builder_free(b);
	cr_assert_eq(tsn_set_values(s), 9);
	return s;
}

/* Members of a set are armed once, also over a reload. */
Test(state_absent, members_who_are_expected, .init = t_begin, .fini = t_end)
{
	struct tsn_set *s = expected_hosts();
	const struct tsn_set *sets[] = { NULL, s };
	struct tsn_state *next;
	struct heard h;
	long k = 0;

	absent_for_a_minute(1);
	for (bool ok = false; !ok; k++) {
		tsn_mem_fail_at(k, false);
		ok = tsn_state_expect(t_state, sets, 1000);
		tsn_mem_fail_never();
	}
	cr_assert_gt(k, 3);
	speaks(0x0a000003, 20000);
	cr_assert_eq(silent_at(91000, &h), 8);
	cr_assert(h.src[0] == 0x0a000000 && h.src[7] == 0 && h.time[0] == 61000);
	next = tsn_state_new(&t_model.def, 1, 1);
	take_over(next, t_state, NULL, NULL);
	tsn_state_free(t_state);
	t_state = next;
	cr_assert(tsn_state_expect(t_state, sets, 100000));
	cr_assert(silent_at(111000, &h) == 1 && h.src[0] == 0x0a000003);
	cr_assert_eq(silent_at(1000000, &h), 0);
	tsn_state_free(t_state);
	tsn_set_free(s);
}

/* Beside silences a sliding count, whose lanes may lie with the groups; [silences] false: it alone. */
static struct tsn_state *
with_a_count(uint64_t max_keys, bool silences)
{
	define_absent(1);
	t_model.def.max_keys = max_keys;
	t_model.def.naggs = silences ? 2 : 1;
	t_model.agg[t_model.def.naggs - 1] =
	    (struct tsn_agg_def){ .canon = "count", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	return new_state();
}

static int64_t
counted_by(uint32_t src, int64_t time)
{
	t_rows[0] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(src), .counted = true, .time = time, .received = time };
	cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, 0, 1));
	return t_bench.out[t_model.def.naggs - 1].i[0];
}

/* Once they are expected: nobody's flows were counted yet. The first may be older than that. */
static void
expect_nothing_counted(const struct tsn_set *const *sets, uint32_t first)
{
	long k = 0;

	for (bool ok = false; !ok; k++) {
		tsn_mem_fail_at(k, false);
		ok = tsn_state_expect(t_state, sets, 50000);
		tsn_mem_fail_never();
	}
	cr_assert_gt(k, 3);
	for (uint32_t src = first; src < 0x0a000008; src++) {
		cr_assert_eq(counted_by(src, 45000), 1);
		cr_assert_eq(counted_by(src, 20000), 2);
		cr_assert_eq(counted_by(src, 51000), 3);
	}
}

/* Also where there is room for one of a part, and where the count was there before the silences. */
Test(state_absent, members_who_are_expected_are_not_counted, .init = t_begin, .fini = t_end)
{
	static const uint64_t max_keys[] = { 64, 6400000 };
	struct tsn_set *s = expected_hosts();
	const struct tsn_set *sets[] = { NULL, s };
	struct tsn_family_stats st;
	struct tsn_state *next;

	for (size_t i = 0; i < 2; i++) {
		t_state = with_a_count(max_keys[i], true);
		expect_nothing_counted(sets, 0x0a000000);
		tsn_state_stats(t_state, 0, &st);
		cr_assert_eq(st.recycled, 0);
		tsn_state_free(t_state);

		t_state = with_a_count(max_keys[i], false);
		cr_assert_eq(counted_by(0x0a000000, 20000), 1);
		next = with_a_count(max_keys[i], true);
		take_over(next, t_state, NULL, NULL);
		tsn_state_free(t_state);
		t_state = next;
		expect_nothing_counted(sets, 0x0a000001);
		cr_assert(max_keys[i] == 64 || counted_by(0x0a000000, 20000) == 2, "nobody took its place");
		tsn_state_free(t_state);
	}
	tsn_set_free(s);
}

/* Many groups with their times all over the place: the queue goes round several times. */
Test(state_absent, a_jump_over_the_whole_queue, .init = t_begin, .fini = t_end)
{
	struct heard h;

	absent_for_a_minute(TSN_SET_NONE);
	for (uint32_t i = 0; i < 250; i++)
		speaks(1000 + i, (int64_t)i * 20000);
	cr_assert_eq(silent_at(90000 + 100 * 20000, &h), 101);
	speaks(5, INT64_C(1) << 40);
	cr_assert_eq(silent_at(INT64_C(1) << 41, &h), 150);
	for (uint32_t i = 1; i < h.n; i++)
		cr_assert_lt(h.time[i - 1], h.time[i]);
	cr_assert_not(tsn_state_close_due(t_state, INT64_C(1) << 42, 30000));
	tsn_state_free(t_state);
}

/* Who has spoken since stays in a bucket until that one's time comes, perhaps alone: a snapshot is the same by how many shards it is made. */
Test(state_absent, snapshots_of_shards, .init = t_begin, .fini = t_end)
{
	struct tsn_state *shard[2];
	struct tsn_pack whole = { 0 }, parts = { 0 };
	struct tsn_mask mine;

	absent_for_a_minute(TSN_SET_NONE);
	for (uint32_t k = 0; k < 2; k++)
		cr_assert_not_null(shard[k] = tsn_state_new_shard(&t_model.def, 1, 1, k, 2));
	for (uint32_t i = 0; i < 20; i++)
		t_rows[i] = (struct m_row){ .has_src = true, .src = tsn_addr_v4(i), .counted = true, .time = 10000 + i * 1000, .received = 50000 };
	t_rows[20] = t_rows[0];
	t_rows[20].time = 50000;
	cr_assert(c_fold(&t_bench, t_state, 0, &t_model.def, t_rows, 0, 21));
	t_bench.only = &mine;
	for (uint32_t k = 0; k < 2; k++) {
		tsn_state_shard_rows(&t_model.def.key, 1, t_bench.b, k, 2, &mine);
		cr_assert(tsn_mask_any(&mine));
		cr_assert(c_fold(&t_bench, shard[k], 0, &t_model.def, t_rows, 0, 21));
	}
	t_bench.only = NULL;
	tsn_state_save(t_state, &whole);
	tsn_state_save_all(shard, 2, &t_model.def, 1, &parts);
	cr_assert(!whole.failed && !parts.failed && whole.n == parts.n);
	cr_assert_arr_eq(whole.p, parts.p, whole.n);
	tsn_pack_fini(&whole);
	tsn_pack_fini(&parts);
	for (uint32_t k = 0; k < 2; k++)
		tsn_state_free(shard[k]);
	tsn_state_free(t_state);
}
