/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Entropy by other ways; its sketch, and how far off that is. */
#include <criterion/criterion.h>

#include "base/cpu.h"
#include "base/hash.h"
#include "state/internal.h"
#include "state/logs.h"
#include "state/stable.h"
#include "unit/state_values.h"

Test(state_entropy, logarithms)
{
	for (double x = 1e-300; x < 1e300; x *= 1.0137)
		cr_assert(fabs(tsn_log2(x) - log2(x)) <= 1e-15 * fmax(1, fabs(log2(x))), "%.17g", x);
	for (int k = 0; k < 60; k++)
		cr_assert_eq(tsn_log2(ldexp(1, k)), k);
}

/* How often the i-th value occurs: alike, by Zipf's law, or one of nine in ten flows. */
static uint64_t
times(int kind, uint32_t i, uint32_t values)
{
	return kind == 0 ? 3 : kind == 1 ? 1 + 1000000 / (i + 1) : i == 0 ? (uint64_t)values * 9 : 1;
}

static double
true_entropy(int kind, uint32_t values)
{
	long double n = 0, s = 0;

	for (uint32_t i = 0; i < values; i++) {
		long double c = (long double)times(kind, i, values);

		n += c;
		s += c * log2l(c);
	}
	return (double)(log2l(n) - s / n);
}

static double
sketch_error(const struct tsn_stable *law, int kind, uint32_t values, uint64_t seed)
{
	int64_t reg[TSN_STABLE] = { 0 };
	int32_t x[TSN_STABLE];
	uint64_t n = 0;

	for (uint32_t i = 0; i < values; i++) {
		tsn_stable_of(law, tsn_hash_u64(i, tsn_mix64(seed)), x);
		tsn_stable_add(reg, x, times(kind, i, values));
		n += times(kind, i, values);
	}
	return tsn_stable_entropy(reg, n) - true_entropy(kind, values);
}

/* Straight at the sketch: no bias to speak of, and the standard error that the paper says. */
Test(state_entropy, entropies_of_many_values, .timeout = 600)
{
	static const uint32_t sizes[] = { 1, 2, 300, 3000, 100000 };
	const uint32_t seeds = getenv("TSN_SOAK") != NULL ? 400 : 25;
	const struct tsn_stable *law = tsn_stable_law();

	for (int kind = 0; kind < 3; kind++)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			const uint32_t n = sizes[k] > 50000 ? seeds / 20 : sizes[k] > 1000 ? seeds / 2 : seeds;
			double bias = 0, square = 0, worst = 0, rms;

			for (uint32_t seed = 1; seed <= n; seed++) {
				const double e = sketch_error(law, kind, sizes[k], seed);

				bias += e / n;
				square += e * e / n;
				worst = fabs(e) > worst ? fabs(e) : worst;
			}
			rms = sqrt(square);
			cr_assert_lt(fabs(bias), 0.02 + 4 * TSN_STABLE_ERROR / sqrt(n), "kind %d, %u values: bias %.4f", kind, sizes[k], bias);
			cr_assert(n < 20 || (rms > 0.06 && rms < 0.15), "kind %d, %u values: error %.4f", kind, sizes[k], rms);
			cr_assert_lt(worst, 0.55, "kind %d, %u values: worst %.4f", kind, sizes[k], worst);
		}
}

/* Numbers, and values as they grow, folded into one. */
static uint64_t
sketch_print(const struct tsn_stable *law, uint32_t members)
{
	int64_t reg[TSN_STABLE] = { 0 };
	int32_t x[TSN_STABLE];
	uint64_t n = 0, print = 0;

	for (uint32_t m = 0; m < members; m++) {
		const uint64_t times = 1 + m % 3;
		double value;

		tsn_stable_of(law, tsn_hash_u64(m, 7), x);
		tsn_stable_add(reg, x, times);
		n += times;
		value = tsn_stable_entropy(reg, n);
		print = tsn_hash_bytes(x, sizeof(x), print) ^ tsn_hash_bytes(&value, sizeof(value), print);
	}
	return print;
}

Test(state_entropy, entropy_sketches_are_the_same_on_every_cpu)
{
	const struct tsn_stable *law = tsn_stable_law();
	const enum tsn_cpu used = tsn_cpu_level;
	uint64_t plain;

	tsn_cpu_use(TSN_CPU_BASELINE);
	plain = sketch_print(law, 2000);
	for (enum tsn_cpu level = TSN_CPU_BASELINE; level < TSN_CPU_COUNT; level++) {
		tsn_cpu_use(level);
		cr_assert_eq(sketch_print(law, 2000), plain, "%s", tsn_cpu_name(level));
	}
	tsn_cpu_use(used);
}

/* The moments that make it the right law: E exp(t R) = t^t. */
Test(state_entropy, the_law_has_its_moments)
{
	const struct tsn_stable *law = tsn_stable_law();
	double half = 0, one = 0, two = 0;
	int32_t x[TSN_STABLE];
	const int members = 4000;

	for (int m = 0; m < members; m++) {
		tsn_stable_of(law, tsn_hash_u64((uint64_t)m, 1), x);
		for (int i = 0; i < TSN_STABLE; i++) {
			half += exp(x[i] / 512.0);
			one += exp(x[i] / 256.0);
			two += exp(x[i] / 128.0);
		}
	}
	half /= (double)members * TSN_STABLE;
	one /= (double)members * TSN_STABLE;
	two /= (double)members * TSN_STABLE;
	cr_assert_float_eq(half, sqrt(0.5), 0.002, "%.5f", half);
	cr_assert_float_eq(one, 1, 0.006, "%.5f", one);
	cr_assert_float_eq(two, 4, 0.08, "%.5f", two);
}

/* Folds values [from, to) at one time; the last entropy, and its error. */
static double
fold_values(struct tsn_state *s, const struct tsn_family_def *def, uint32_t from, uint32_t to, int64_t time, double *error)
{
	double value = -1;

	for (uint32_t n; from < to; from += n) {
		n = to - from < 1000 ? to - from : 1000;
		for (uint32_t i = 0; i < n; i++)
			rows[i] = row_of(1, from + i, time);
		cr_assert(c_fold(&bench, s, 0, def, rows, 0, n));
		value = bench.out[0].f[n - 1];
		*error = tsn_state_error(s, 0, 0, bench.b, n - 1);
		cr_assert(tsn_mask_has(&bench.out[0].known, n - 1));
	}
	return value;
}

Test(state_entropy, entropy_is_exact_up_to_256, .init = bench_begin, .fini = bench_end)
{
	for (int tumbling = 0; tumbling < 2; tumbling++) {
		struct tsn_agg_def agg;
		struct tsn_family_def def = family(&agg, TSN_AGG_ENTROPY, tumbling);
		struct tsn_state *s = tsn_state_new(&def, 1, 1);
		double error, h;

		for (uint32_t i = 0; i < 256; i++) {
			h = fold_values(s, &def, i, i + 1, 1000, &error);
			cr_assert_float_eq(h, log2(i + 1), 1e-9);
			cr_assert_eq(error, 0);
		}
		h = fold_values(s, &def, 256, 257, 1000, &error);
		cr_assert(fabs(h - log2(257)) < 0.5);
		cr_assert_float_eq(error, TSN_STABLE_ERROR / h, 1e-6);
		tsn_state_free(s);
	}
}

/* A sketch takes panes out again as if they had never been, is exact again when it was empty, and gives its memory back. */
Test(state_entropy, an_entropy_sketch_slides, .init = bench_begin, .fini = bench_end)
{
	for (int tumbling = 0; tumbling < 2; tumbling++) {
		struct tsn_agg_def agg;
		struct tsn_family_def def = family(&agg, TSN_AGG_ENTROPY, tumbling);
		struct tsn_state *s = tsn_state_new(&def, 1, 7), *other = tsn_state_new(&def, 1, 7);
		struct tsn_family_stats before, after;
		double error, h, g, worst = 0;

		fold_values(s, &def, 0, 1, 0, &error);
		tsn_state_stats(s, 0, &before);
		for (uint32_t p = 0; p < 40; p++) {
			/* 100 values a pane, half of them also in the pane before */
			const double seen = tumbling ? 50 : (p < 16 ? p : 15) * 50 + 50;
			const double n = tumbling ? 100 : (p < 15 ? p + 1 : 16) * 100;
			const double want = tumbling ? log2(100) : log2(n) - 2 * (seen - 50) / n;

			h = fold_values(s, &def, p * 50, p * 50 + 100, p * (tumbling ? 60000 : 4000) + 60000 * 10, &error);
			worst = fabs(h - want) > worst ? fabs(h - want) : worst;
			cr_assert(fabs(h - want) < 0.5, "pane %u: %.3f not %.3f", p, h, want);
		}
		for (uint32_t p = 24; p < 40; p++)
			g = fold_values(other, &def, p * 50, p * 50 + 100, p * (tumbling ? 60000 : 4000) + 60000 * 10, &error);
		cr_assert_eq(g, h, "what left the window has left its traces");
		h = fold_values(s, &def, 0, 1, 60000 * 1000, &error);
		cr_assert(h == 0 && error == 0);
		tsn_state_stats(s, 0, &after);
		cr_assert_eq(after.bytes, before.bytes);
		tsn_state_free(s);
		tsn_state_free(other);
	}
}

/* What there is of a sketch is read ahead: rows that look see what will be left. */
Test(state_entropy, looking_ahead_sees_what_is_left, .init = bench_begin, .fini = bench_end)
{
	struct tsn_agg_def agg;
	struct tsn_family_def def = family(&agg, TSN_AGG_ENTROPY, false);
	struct tsn_state *s = tsn_state_new(&def, 1, 7);
	double error;

	fold_values(s, &def, 0, 400, 0, &error);
	fold_values(s, &def, 1000, 1001, 40000, &error);
	for (uint32_t i = 0; i < 4; i++) {
		static const int64_t at[] = { 40000, 60000, 64000, 120000 };

		rows[i] = row_of(1, 1, at[i]);
		rows[i].counted = false;
		rows[i].read = true;
	}
	cr_assert(c_fold(&bench, s, 0, &def, rows, 0, 4));
	cr_assert(fabs(bench.out[0].f[0] - log2(400)) < 0.6 && bench.out[0].f[0] == bench.out[0].f[1]);
	cr_assert(bench.out[0].f[2] < 0.7, "%.3f", bench.out[0].f[2]);
	cr_assert(!tsn_mask_has(&bench.out[0].known, 3));
	tsn_state_free(s);
}
