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
#include "unit/test_state_chain.h"

static uint64_t
soak(void)
{
	return getenv("TSN_SOAK") != NULL ? 16 : 1;
}

Test(state_sequence, random_flows_equal_the_definition, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < 750 * soak(); i++)
		run_case(1 + i, 70, 0, false);
	for (uint64_t i = 0; i < 30 * soak(); i++)
		run_case(1000000 + i, ROWS, 0, false);
}

Test(state_sequence, rules_as_steps_equal_the_definition, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < 500 * soak(); i++)
		run_case(2000000 + i, 90, 0, true);
}

Test(state_sequence, evictions_fall_on_the_same_rows, .init = begin, .fini = end, .timeout = 600)
{
	for (uint64_t i = 0; i < 200 * soak(); i++)
		run_case(3000000 + i, 250, 64 * (1 + i % 3), i % 2 == 0);
	for (uint64_t i = 0; i < 50 * soak(); i++)
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
	for (uint64_t i = 0; i < 1000 * soak(); i++)
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

	make_family(&r, false);
	make_rows(&r, n, &style);
	for (uint32_t i = 0; i < n; i++)
		reads[i] = rows[i].has_src = rows[i].has_dst = rows[i].has_port = true;
	s = c_failing_state(&def, model.seed, &k, sticky);
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
