/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Sequences. One oracle works the definition out from a list of all flows of a key, anew for each row, with disorder,
 * evictions, rules as steps and chains; another knows nothing of runs and searches all flows in order for a chain.
 */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "state/internal.h"
#include "unit/state_takeover.h"
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
	want[i].last_evicted = model.stats.last_evicted;
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
			cr_assert_eq(tsn_state_evicted(s, 0, batch, row), want[k - 1].last_evicted);
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

static void
make_family(struct rng *r, bool rules)
{
	static const int64_t windows[] = { 0, 1, 100, 1000, 20000, 3600000, INT64_MAX };
	const size_t side = below(r, SIDES);
	const bool worm = chance(r, 50);

	m_init(&model, rnd(r));
	model.whole = true;
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

static uint64_t
soak(void)
{
	return getenv("TSN_SOAK") != NULL ? 8 : 1;
}

Test(state_sequence, random_flows_equal_the_definition, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < 1500 * soak(); i++)
		run_case(1 + i, 70, 0, false);
	for (uint64_t i = 0; i < 60 * soak(); i++)
		run_case(1000000 + i, ROWS, 0, false);
}

Test(state_sequence, rules_as_steps_equal_the_definition, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < 1000 * soak(); i++)
		run_case(2000000 + i, 90, 0, true);
}

Test(state_sequence, evictions_fall_on_the_same_rows, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < 400 * soak(); i++)
		run_case(3000000 + i, 250, 64 * (1 + i % 3), i % 2 == 0);
	for (uint64_t i = 0; i < 100 * soak(); i++)
		run_crowded(3500000 + i);
}

/* --- flows in order: is there a chain at all? --- */

static uint32_t cleared; /* rows before it are out of the question */

/* A chain of earlier flows that ends before [row], which is flow [s] of it, and begins at or after [since]? */
static bool
chain(uint32_t s, uint32_t row, int64_t since, const char *key)
{
	char other[M_TEXT];

	if (s == 0)
		return rows[row].time >= since;
	for (uint32_t i = cleared; i < row; i++)
		if ((meets[i] >> (s - 1) & 1) && m_text(&step[s - 1].key, &rows[i], other) && strcmp(key, other) == 0 &&
		    chain(s - 1, i, since, key))
			return true;
	return false;
}

static void
run_search(uint64_t seed)
{
	struct rng r = { seed };
	struct c_style style = { .hosts = 2, .ports = 2, .gap = 100, .base = 1767571200000 };
	struct tsn_state *s;
	uint32_t n = 40;
	char key[M_TEXT];

	do {
		make_family(&r, false);
	} while (agg.window_ms > 100000 || def.nsteps > 4 || def.key.n == 0);
	for (uint32_t i = 0; i < def.nsteps; i++)
		step[i].key = def.key;
	make_rows(&r, n, &style);
	for (uint32_t i = 0; i < n; i++) /* one key, so that what is cleared is all */
		rows[i] = (struct m_row){ .has_src = true, .has_dst = true, .has_port = true, .src = rows[0].src, .dst = rows[0].src,
			.time = rows[i].time };
	cr_assert(m_text(&def.key, &rows[0], key));
	s = tsn_state_new(&def, 1, 1);
	cr_assert(fold_flows(s, 0, n));
	cleared = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool match = (meets[i] >> (def.nsteps - 1) & 1) &&
		    chain(def.nsteps - 1, i, rows[i].time - agg.window_ms, key);

		if (meets[i] >> (def.nsteps - 1) & 1)
			cr_assert_eq(result.i[i], match, "case %" PRIu64 ", row %u", seed, i);
		if (match)
			cleared = i + 1;
	}
	tsn_state_free(s);
	m_free(&model);
}

Test(state_sequence, of_flows_in_order_every_chain_is_found, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < 2000 * soak(); i++)
		run_search(4000000 + i);
}

/* --- by hand --- */

static void
flow(uint32_t i, uint32_t src, uint32_t dst, int64_t time, uint32_t steps)
{
	rows[i] = (struct m_row){ .has_src = true, .has_dst = true, .has_port = true, .src = tsn_addr_v4(src),
		.dst = tsn_addr_v4(dst), .port = 445, .time = time };
	meets[i] = steps;
	reads[i] = false;
}

/* Hit, then scan: the host that was hit and now scans on the same port. */
Test(state_sequence, a_worm_goes_from_host_to_host, .init = begin, .fini = end)
{
	struct tsn_note note[40];
	struct tsn_state *s;
	uint32_t n;

	step[0] = (struct tsn_step_def){ .key = sides[2][0] };
	step[1] = (struct tsn_step_def){ .key = sides[2][1] };
	agg = (struct tsn_agg_def){ .canon = "s", .fn = TSN_AGG_SEQUENCE, .window_ms = 3600000 };
	def = (struct tsn_family_def){ .canon = "f", .key = sides[2][1], .max_keys = 1000, .agg = &agg, .naggs = 1, .step = step,
		.nsteps = 2 };
	s = tsn_state_new(&def, 1, 1);
	flow(0, 1, 2, 1000, 3); /* 1 scans and hits 2 */
	flow(1, 2, 3, 2000, 3); /* 2 goes on: a match of 2; and hits 3 */
	flow(2, 2, 4, 2000, 3); /* nothing hit 2 since */
	flow(3, 3, 5, 1999, 3); /* before it was hit */
	flow(4, 3, 5, 2000, 3); /* of equal times the later row is later */
	flow(5, 4, 6, 2000 + 3600001, 3);
	cr_assert(fold_flows(s, 0, 6));
	for (uint32_t i = 0; i < 6; i++)
		cr_assert_eq(result.i[i], i == 1 || i == 4, "row %u", i);
	n = tsn_state_notes(s, 0, 0, batch, 4, note, 40);
	cr_assert_eq(n, 4 * 2 + 1 + 2);
	cr_assert_eq(note[1].value.addr.lo, 2);
	cr_assert_eq(note[5].value.addr.lo, 3);
	cr_assert_str_eq(note[8].group, "patient_zero");
	cr_assert_eq(note[8].value.addr.lo, 2);
	cr_assert_str_eq(note[9].name, "members");
	cr_assert_eq(note[10].value.addr.lo, 3);
	tsn_state_free(s);
}

/* --- memory --- */

static bool
run_failing(uint64_t seed, long k, bool sticky)
{
	struct rng r = { seed };
	struct c_style style = { .hosts = 40, .ports = 2, .gap = 10, .base = 1767571200000 };
	uint32_t n = 200, failures = 0;
	struct tsn_state *s;
	long made;

	make_family(&r, false);
	make_rows(&r, n, &style);
	for (uint32_t i = 0; i < n; i++)
		reads[i] = rows[i].has_src = rows[i].has_dst = rows[i].has_port = true;
	tsn_mem_fail_at(k, sticky);
	s = tsn_state_new(&def, 1, model.seed);
	made = tsn_mem_count();
	tsn_mem_fail_never();
	k -= made;
	for (uint32_t from = 0, to; s != NULL && from < n; from = to) {
		bool stopped = false, ok;

		to = from + 50;
		if (failures == 0 || (sticky && failures < 3))
			tsn_mem_fail_at(k > 0 ? k : 0, sticky);
		ok = fold_flows(s, from, to);
		k -= tsn_mem_count();
		tsn_mem_fail_never();
		failures += !ok;
		for (uint32_t i = from; i < to; i++) {
			bool folded = tsn_mask_has(&result.known, i - from);

			cr_assert(folded || !ok);
			cr_assert(!folded || !stopped);
			stopped = stopped || !folded;
			/* the row that met the end of memory may have met a step all the same: from there on only what is whole is checked */
			if (failures > 0)
				continue;
			define_row(i);
			cr_assert_eq(result.i[i - from], want[i].match, "case %" PRIu64 ", failure %ld, row %u", seed, k, i);
		}
	}
	tsn_state_free(s);
	m_free(&model);
	return s == NULL || failures > 0;
}

Test(state_sequence, every_allocation_may_fail, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= 20 * soak(); seed++) {
		long k = 0;

		while (run_failing(5000000 + seed, k, seed & 1))
			k++;
		cr_assert_gt(k, 8);
	}
}

/* --- cost --- */

Test(state_sequence, groups_cost_what_is_said, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct rng r = { 8000000 + seed };
		struct c_style style = { .hosts = 5000, .ports = 3, .gap = 1, .base = 1767571200000 };
		struct tsn_family_stats stats;
		struct tsn_cost cost;
		struct tsn_state *s;

		make_family(&r, false);
		def.max_keys = 64 * (1 + below(&r, 5));
		s = tsn_state_new(&def, 1, model.seed);
		for (uint32_t k = 0; k < 4; k++) {
			make_rows(&r, ROWS, &style);
			cr_assert(fold_flows(s, 0, ROWS));
		}
		tsn_state_stats(s, 0, &stats);
		tsn_state_cost(&def, &cost);
		cr_assert_leq(stats.bytes, cost.fixed + def.max_keys * (cost.group + cost.extra));
		tsn_state_free(s);
		m_free(&model);
	}
}

/* --- reload --- */

Test(state_sequence, runs_outlive_a_reload, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct rng r = { 6000000 + seed };
		struct c_style style = { .hosts = 6, .ports = 2, .gap = 10, .base = 1767571200000 };
		struct tsn_state *s, *next;

		make_family(&r, false);
		make_rows(&r, 120, &style);
		for (uint32_t i = 0; i < 120; i++)
			define_row(i);
		s = tsn_state_new(&def, 1, model.seed);
		for (uint32_t from = 0; from < 120; from += 40) {
			cr_assert(fold_flows(s, from, from + 40));
			check_flows(s, seed, 40, from, from + 40);
			next = tsn_state_new(&def, 1, 77);
			take_over(next, s, NULL, NULL);
			tsn_state_free(s);
			s = next;
		}
		tsn_state_free(s);
		m_free(&model);
	}
}

/* --- bytes --- */

/* Every cell is written, emptied and read back; and before that, read from damaged bytes. */
static void
through_bytes(struct tsn_state *s, struct rng *r, bool damage)
{
	struct tsn_family *f = &s->family[0];
	struct tsn_agg *a = &f->agg[0];

	for (uint32_t part = 0; part < TSN_PARTS; part++)
		for (uint32_t k = 0; k < f->store.part[part].n; k++) {
			const uint32_t group = k * TSN_PARTS + part;
			struct tsn_pack pack = { 0 };
			struct tsn_unpack in;

			a->ops->save(a, group, &pack);
			cr_assert(!pack.failed);
			tsn_agg_reset(a, group);
			for (int i = 0; damage && i < 20; i++) {
				uint8_t *copy = malloc(pack.n);
				size_t n = chance(r, 20) ? below(r, pack.n) : pack.n;

				memcpy(copy, pack.p, pack.n);
				for (int j = 0; j < 1 + i % 3; j++)
					copy[below(r, pack.n)] = (uint8_t)rnd(r);
				in = (struct tsn_unpack){ copy, copy + n, false };
				if (a->ops->load(a, group, &in)) {
					struct tsn_pack again = { 0 };

					a->ops->save(a, group, &again); /* what was taken is whole */
					cr_assert(!again.failed);
					tsn_pack_fini(&again);
				}
				tsn_agg_reset(a, group);
				free(copy);
			}
			in = (struct tsn_unpack){ pack.p, pack.p + pack.n, false };
			cr_assert(a->ops->load(a, group, &in) && tsn_unpack_done(&in));
			tsn_pack_fini(&pack);
		}
}

Test(state_sequence, cells_go_through_bytes, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct rng r = { 7000000 + seed };
		struct c_style style = { .hosts = 6, .ports = 2, .gap = 10, .base = seed % 2 ? 1767571200000 : -5000 };
		struct tsn_state *s;

		make_family(&r, false);
		make_rows(&r, 120, &style);
		for (uint32_t i = 0; i < 120; i++)
			define_row(i);
		s = tsn_state_new(&def, 1, model.seed);
		for (uint32_t from = 0; from < 120; from += 20) {
			cr_assert(fold_flows(s, from, from + 20));
			check_flows(s, seed, 20, from, from + 20);
			through_bytes(s, &r, seed % 4 == 0);
		}
		tsn_state_free(s);
		m_free(&model);
	}
}
