/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For the suite of sequences: the definition, worked out from a list of all flows of a key anew for each row; the engine
 * asked the same in batches of every size; and random families and rows for both.
 */
#ifndef TESTS_STATE_CHAIN_H
#define TESTS_STATE_CHAIN_H

#include <criterion/criterion.h>

#include "unit/test_state_cases.h"

#define ROWS 400
#define TICK_STEP 100 /* a row of a rule's match: TICK_STEP + its step */

struct entry {
	uint32_t row, step;
	bool met;
	int64_t start;
	uint32_t before; /* entry of the step before it */
};

struct group {
	struct entry v[ROWS * 2];
	uint32_t n;
};

static struct tsn_batch *batch, *scratch;
static struct m_row rows[ROWS];
static uint32_t meets[ROWS]; /* steps as bits, or TICK_STEP + the step that a rule's match meets */
static bool reads[ROWS], tick_ends[ROWS];
static struct tsn_step_def step[TSN_STEPS_MAX];
static struct tsn_agg_def agg;
static struct tsn_family_def def;

/* what is expected */
static struct model model;
static struct group *groups; /* by the number that m_group.list[0].closed[0] holds, from 1 on */
static uint32_t ngroups;
static struct {
	bool known, match, rule_match;
	uint32_t hop[TSN_STEPS_MAX];
	int64_t last_evicted;
} want[ROWS];

static const struct tsn_key_spec sides[][2] = {
	{ { 1, { { TSN_F_SRC, 32, 128 } } }, { 1, { { TSN_F_DST, 32, 128 } } } },
	{ { 1, { { TSN_F_SRC, 24, 48 } } }, { 1, { { TSN_F_DST, 24, 48 } } } },
	{ { 2, { { TSN_F_DST, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } }, { 2, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST_PORT, 0, 0 } } } },
	{ { 2, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST, 32, 128 } } }, { 2, { { TSN_F_DST, 32, 128 }, { TSN_F_SRC, 32, 128 } } } },
	{ { 0, { { 0, 0, 0 } } }, { 0, { { 0, 0, 0 } } } },
};
#define SIDES (sizeof(sides) / sizeof(sides[0]))

static const uint32_t cuts[] = { 1, 7, 1024, 0 };

static void
begin(void)
{
	batch = tsn_batch_new();
	scratch = tsn_batch_new();
	groups = calloc(ROWS + 1, sizeof(*groups));
}

static void
end(void)
{
	tsn_batch_free(batch);
	tsn_batch_free(scratch);
	free(groups);
}

/* --- the definition --- */

/* Of the entries of [g] before [row] that met [s], the one whose run is kept: latest start, then met earlier, then first. */
static const struct entry *
kept(const struct group *g, uint32_t s, uint32_t row)
{
	const struct entry *best = NULL;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct entry *e = &g->v[i];

		if (!e->met || e->step != s || e->row >= row)
			continue;
		if (best == NULL || e->start > best->start || (e->start == best->start && rows[e->row].time < rows[best->row].time))
			best = e;
	}
	return best;
}

static int64_t
newest(const struct group *g)
{
	int64_t t = INT64_MIN;

	for (uint32_t i = 0; i < g->n; i++)
		if (g->v[i].met && rows[g->v[i].row].time > t)
			t = rows[g->v[i].row].time;
	return t;
}

static struct group *
entries_of(struct m_group *g)
{
	if (g->list[0].closed[0] == 0)
		g->list[0].closed[0] = ++ngroups;
	return &groups[g->list[0].closed[0]];
}

static struct m_group *
find_group(const struct tsn_key_spec *key, const struct m_row *r, bool make)
{
	model.def.key = *key;
	return m_group(&model, r, make, scratch);
}

/* One row meets one step, or not. True if it completed a run. */
static bool
meet_one(uint32_t i, uint32_t s, struct m_group *mg, bool *late)
{
	struct group *g = entries_of(mg);
	const struct entry *prev = s == 0 ? NULL : kept(g, s - 1, i);
	const int64_t t = rows[i].time, last = newest(g);
	struct entry e = { i, s, true, t, 0 };

	if (last != INT64_MIN && (__int128)last - t > agg.window_ms) {
		*late = true;
		return false;
	}
	if (s > 0) {
		if (prev == NULL || rows[prev->row].time > t || (__int128)t - prev->start > agg.window_ms)
			return false;
		e.start = prev->start;
		e.before = (uint32_t)(prev - g->v);
	}
	if (s == def.nsteps - 1) {
		want[i].hop[s] = i;
		for (uint32_t k = s; k > 0; k--) {
			want[i].hop[k - 1] = prev->row;
			prev = &g->v[prev->before];
		}
		g->n = 0;
		mg->newest = INT64_MIN;
		mg->flows = 0;
		return true;
	}
	g->v[g->n++] = e;
	mg->flows++;
	mg->newest = t > mg->newest ? t : mg->newest;
	return false;
}

static bool
in_step(uint32_t i, uint32_t s)
{
	return meets[i] >= TICK_STEP ? meets[i] - TICK_STEP == s : meets[i] >> s & 1;
}

static void
define_row(uint32_t i)
{
	const struct m_group *over = NULL;
	bool late = false;
	char key[M_TEXT];

	memset(&want[i], 0, sizeof(want[i]));
	for (uint32_t s = def.nsteps; s-- > 0;) {
		struct m_group *g;

		if (!in_step(i, s) || !m_text(&step[s].key, &rows[i], key))
			continue;
		g = find_group(&step[s].key, &rows[i], s == 0);
		if (g == NULL || g == over)
			continue;
		if (meet_one(i, s, g, &late)) {
			over = g;
			want[i].match = meets[i] < TICK_STEP;
			want[i].rule_match = meets[i] >= TICK_STEP;
		}
	}
	want[i].known = meets[i] < TICK_STEP && (in_step(i, def.nsteps - 1) || reads[i]) &&
	    m_text(&step[def.nsteps - 1].key, &rows[i], key);
	model.stats.late += late;
	model.stats.last_late = late && rows[i].time > model.stats.last_late ? rows[i].time : model.stats.last_late;
	model.def.key = step[def.nsteps - 1].key;
	want[i].last_evicted = m_evicted(&model, &rows[i], scratch);
}

/* --- the engine --- */

static struct tsn_vector result;

static void
check_notes(const struct tsn_state *s, uint32_t row, const uint32_t *hop, uint64_t seed)
{
	struct tsn_note note[TSN_STEPS_MAX * 8];
	uint32_t n = tsn_state_notes(s, 0, 0, batch, row, note, TSN_STEPS_MAX * 8), k = 0;

	cr_assert_leq(n, TSN_STEPS_MAX * 8);
	cr_assert_eq(tsn_state_notes(s, 0, 0, batch, row, note, 1), n);
	for (uint32_t i = 0; i < def.nsteps; i++) {
		const struct m_row *r = &rows[hop[i]];

		cr_assert(strcmp(note[k].group, "chain") == 0 && note[k].item == i && strcmp(note[k].name, "time") == 0);
		cr_assert_eq(note[k].value.i, r->time, "case %" PRIu64 ": step %u at %" PRId64 " not %" PRId64, seed, i,
		    note[k].value.i, r->time);
		k++;
		if (r->has_src)
			cr_assert(strcmp(note[k].name, "src") == 0 && tsn_addr_cmp(note[k].value.addr, r->src) == 0 && k++ < n);
		if (r->has_dst)
			cr_assert(strcmp(note[k].name, "dst") == 0 && tsn_addr_cmp(note[k].value.addr, r->dst) == 0 && k++ < n);
		if (r->has_port)
			cr_assert(strcmp(note[k].name, "dst_port") == 0 && note[k].value.i == r->port && k++ < n);
		if (r->has_exporter)
			cr_assert(strcmp(note[k].name, "exporter") == 0 && tsn_addr_cmp(note[k].value.addr, r->exporter) == 0 && k++ <= n);
	}
	if (rows[hop[0]].has_src)
		cr_assert(strcmp(note[k].name, "patient_zero") == 0 && tsn_addr_cmp(note[k].value.addr, rows[hop[0]].src) == 0);
}

static void
put_rows(enum tsn_batch_kind kind, uint32_t from, uint32_t to)
{
	tsn_batch_clear(batch, kind);
	for (uint32_t i = from; i < to; i++)
		m_put_row(&rows[i], batch, i - from);
}

static bool
fold_flows(struct tsn_state *s, uint32_t from, uint32_t to)
{
	static struct tsn_mask mask[TSN_STEPS_MAX], read;
	const struct tsn_mask *steps[TSN_STEPS_MAX];

	put_rows(TSN_BATCH_FLOWS, from, to);
	tsn_mask_clear(&read);
	for (uint32_t k = 0; k < def.nsteps; k++) {
		tsn_mask_clear(&mask[k]);
		steps[k] = step[k].rule ? NULL : &mask[k];
		for (uint32_t i = from; i < to; i++)
			if (meets[i] >> k & 1)
				tsn_mask_set(&mask[k], i - from);
	}
	for (uint32_t i = from; i < to; i++)
		tsn_mask_put(&read, i - from, reads[i]);
	memset(&result, 0xA5, sizeof(result));
	memset(&result.real, 1, 1);
	return tsn_state_fold_steps(s, 0, batch, steps, &read, &result);
}

static void
check_flows(const struct tsn_state *s, uint64_t seed, uint32_t cut, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const uint32_t row = i - from;

		cr_assert(!result.real);
		cr_assert_eq(tsn_mask_has(&result.known, row), want[i].known, "case %" PRIu64 ", batches of %u, row %u", seed, cut, i);
		if (want[i].known)
			cr_assert_eq(result.i[row], want[i].match, "case %" PRIu64 ", batches of %u, row %u: %" PRId64, seed, cut, i,
			    result.i[row]);
		if (want[i].match)
			check_notes(s, row, want[i].hop, seed);
		else
			cr_assert_eq(tsn_state_notes(s, 0, 0, batch, row, NULL, 0), 0);
		cr_assert_eq(tsn_state_evicted(s, 0, batch, row), want[i].last_evicted, "case %" PRIu64 ", row %u", seed, i);
	}
}

/* As of row [to - 1], what concerns row [i]: where there are parts, the last row of its own knows. */
static int64_t
evicted_until(uint32_t i, uint32_t to)
{
	const struct tsn_key_spec *key = &step[def.nsteps - 1].key;
	char text[M_TEXT];
	uint32_t last = i;

	if (model.whole)
		return want[to - 1].last_evicted;
	for (uint32_t k = i + 1; k < to && m_text(key, &rows[i], text); k++)
		if (m_text(key, &rows[k], text) && m_part_by(&model, key, &rows[k], scratch) == m_part_by(&model, key, &rows[i], scratch))
			last = k;
	return want[last].last_evicted;
}

/* What rules tell at a tick, and then the tick's own rows, which ask by the key of the last step. */
static void
tick(struct tsn_state *s, uint64_t seed, uint32_t from, uint32_t to)
{
	const struct tsn_mask *none[TSN_STEPS_MAX] = { NULL };
	const struct tsn_key_spec *key = &step[def.nsteps - 1].key;
	char mine[M_TEXT], other[M_TEXT];

	for (uint32_t i = from, k; i < to; i = k) {
		for (k = i; k < to && meets[k] == meets[i]; k++)
			;
		put_rows(TSN_BATCH_FLOWS, i, k);
		cr_assert(tsn_state_step(s, 0, meets[i] - TICK_STEP, batch, &batch->rows));
		for (uint32_t row = 0; row < k - i; row++) /* of no batch that was folded: all of it came before */
			cr_assert_eq(tsn_state_evicted(s, 0, batch, row), evicted_until(i + row, k));
	}
	put_rows(TSN_BATCH_TICK, from, to);
	cr_assert(tsn_state_fold_steps(s, 0, batch, none, &batch->rows, &result));
	for (uint32_t i = from; i < to; i++) {
		uint32_t match = UINT32_MAX;
		bool known = m_text(key, &rows[i], mine);

		for (uint32_t k = from; k < to && match == UINT32_MAX && known; k++)
			if (want[k].rule_match && m_text(key, &rows[k], other) && strcmp(mine, other) == 0)
				match = k;
		cr_assert_eq(tsn_mask_has(&result.known, i - from), known);
		if (known)
			cr_assert_eq(result.i[i - from], match != UINT32_MAX, "case %" PRIu64 ", tick row %u", seed, i);
		if (match != UINT32_MAX)
			check_notes(s, i - from, want[match].hop, seed);
	}
}

static void
run_engine(struct rng *r, uint64_t seed, uint32_t cut, uint32_t n)
{
	struct tsn_state *s = tsn_state_new(&def, 1, model.seed);
	struct tsn_family_stats stats;

	cr_assert_not_null(s);
	for (uint32_t from = 0, to; from < n; from = to) {
		uint32_t most = cut != 0 ? cut : 1 + (uint32_t)below(r, 150);

		if (meets[from] >= TICK_STEP) {
			for (to = from + 1; to < n && meets[to] >= TICK_STEP && !tick_ends[to - 1]; to++)
				;
			tick(s, seed, from, to);
			continue;
		}
		for (to = from + 1; to < n && to - from < most && meets[to] < TICK_STEP; to++)
			;
		cr_assert(fold_flows(s, from, to));
		check_flows(s, seed, cut, from, to);
	}
	tsn_state_stats(s, 0, &stats);
	cr_assert(c_same_stats(&stats, &model.stats), "case %" PRIu64 ", batches of %u: groups %" PRIu64 "/%" PRIu64
	    " evicted %" PRIu64 "/%" PRIu64 " recycled %" PRIu64 "/%" PRIu64 " late %" PRIu64 "/%" PRIu64, seed, cut,
	    stats.groups, model.stats.groups, stats.evicted, model.stats.evicted, stats.recycled, model.stats.recycled,
	    stats.late, model.stats.late);
	cr_assert_eq(stats.last_late, model.stats.last_late);
	tsn_state_free(s);
}

/* --- cases --- */

/* Where steps have several keys what is marked is in one part. */
static bool
many_keys(void)
{
	bool many = false;

	for (uint32_t i = 1; i < def.nsteps; i++)
		many = many || memcmp(&step[i].key, &step[0].key, sizeof(step[0].key)) != 0;
	return many;
}

static void
make_family(struct rng *r, bool rules)
{
	static const int64_t windows[] = { 0, 1, 100, 1000, 20000, 3600000, INT64_MAX };
	const size_t side = below(r, SIDES);
	const bool worm = chance(r, 50);

	m_init(&model, rnd(r));
	model.stats.last_late = TSN_TIME_NONE;
	ngroups = 0;
	memset(groups, 0, (ROWS + 1) * sizeof(*groups));
	agg = (struct tsn_agg_def){ .canon = "s", .fn = TSN_AGG_SEQUENCE, .window_ms = windows[below(r, 7)] };
	/* the model's groups pass when the window has */
	model.def.naggs = 1;
	model.agg[0] = (struct tsn_agg_def){ .fn = TSN_AGG_COUNT, .window_ms = agg.window_ms, .pane_ms = agg.window_ms, .panes = 1 };
	def = (struct tsn_family_def){ .canon = "f", .max_keys = UINT64_MAX, .agg = &agg, .naggs = 1, .step = step,
		.nsteps = 1 + (uint32_t)below(r, 5) };
	if (def.nsteps == 1 && chance(r, 80))
		def.nsteps = 2;
	for (uint32_t i = 0; i < def.nsteps; i++)
		step[i] = (struct tsn_step_def){ .key = sides[side][worm && chance(r, 50)], .rule = rules && chance(r, 40) };
	def.key = step[def.nsteps - 1].key;
	model.def.max_keys = def.max_keys;
	model.whole = many_keys();
}

static void
make_rows(struct rng *r, uint32_t n, const struct c_style *style)
{
	const unsigned overlap = chance(r, 50) ? 30 : 5;
	uint32_t flows = 0;

	c_rows(r, style, rows, n);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t s = (uint32_t)below(r, def.nsteps);

		rows[i].dst = c_addr(r, style->hosts);
		reads[i] = chance(r, 20);
		tick_ends[i] = chance(r, 20);
		meets[i] = 0;
		if (step[s].rule && flows > 3 && chance(r, 60)) {
			meets[i] = TICK_STEP + s;
			flows = chance(r, 50) ? flows : 0;
			continue;
		}
		flows++;
		for (uint32_t k = 0; k < def.nsteps; k++)
			if (!step[k].rule && (k == s || chance(r, overlap)))
				meets[i] |= 1u << k;
		if (i > 0 && meets[i - 1] < TICK_STEP && chance(r, 10)) { /* duplicates */
			rows[i] = rows[i - 1];
			meets[i] = meets[i - 1];
		}
	}
}

static void
run_case(uint64_t seed, uint32_t most, uint64_t max_keys, bool rules)
{
	struct rng r = { seed };
	uint32_t n = 1 + (uint32_t)below(&r, most);
	struct c_style style;

	make_family(&r, rules);
	if (max_keys != 0)
		model.def.max_keys = def.max_keys = max_keys;
	c_style(&r, &style);
	style.hosts = style.hosts > 20 && max_keys == 0 ? 5 : style.hosts;
	make_rows(&r, n, &style);
	for (uint32_t i = 0; i < n; i++)
		define_row(i);
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
	m_free(&model);
}

/* Hosts of one part, a few more than have room there, who come again and again. */
static void
run_crowded(uint64_t seed)
{
	struct rng r = { seed };
	struct c_style style = { .hosts = 10, .ports = 2, .gap = 100, .disorder = 500, .base = 1767571200000 };
	uint32_t n = ROWS, found = 0;
	struct tsn_addr crowd[14];

	make_family(&r, seed % 3 == 0);
	for (uint32_t i = 0; i < def.nsteps; i++)
		step[i].key = sides[0][chance(&r, 30)];
	def.key = step[def.nsteps - 1].key;
	model.whole = many_keys();
	model.def.max_keys = def.max_keys = 64 * (1 + below(&r, 14));
	for (uint32_t a = 0x0a000000; found < 14; a++)
		if (tsn_hash_u64(a, model.seed) >> 58 == 9)
			crowd[found++] = tsn_addr_v4(a);
	make_rows(&r, n, &style);
	for (uint32_t i = 0; i < n; i++) {
		rows[i].src = crowd[below(&r, 14)];
		rows[i].dst = crowd[below(&r, 14)];
		define_row(i);
	}
	for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++)
		run_engine(&r, seed, cuts[c], n);
	m_free(&model);
}

#endif
