/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Pane numbers by reciprocal against division. */
#include <criterion/criterion.h>

#include "state/internal.h"
#include "state/ring.h"
#include "unit/test_state_model.h"

static int64_t
expected(int64_t t, int64_t ms)
{
	int64_t p = m_floor(t, ms);

	return p > TSN_PANE_LIMIT ? TSN_PANE_LIMIT : p < -TSN_PANE_LIMIT ? -TSN_PANE_LIMIT : p;
}

Test(state_clock, panes_are_times_divided_and_rounded_down)
{
	static const int64_t widths[] = { 1, 2, 3, 999, 1000, 1001, 1067, 4000, 20000, 65536, 240000, 3600000,
		86400000, 4294967295, 4294967296, INT64_C(1) << 40, INT64_MAX };
	static const int64_t bases[] = { 0, -1, 1767571200000, INT64_C(1) << 42, -(INT64_C(1) << 42), INT64_MAX,
		INT64_MIN, INT64_C(1) << 53, 5000000000000 };
	struct rng r = { 1 };
	int64_t t[TSN_BATCH_ROWS];
	uint64_t pane[TSN_BATCH_ROWS];

	for (int round = 0; round < 2000; round++) {
		struct tsn_agg_def d = { .pane_ms = chance(&r, 50) ? widths[below(&r, 17)] :
		    1 + (int64_t)below(&r, UINT64_C(1) << (1 + below(&r, 40))) };
		struct tsn_agg a = { .def = &d };
		uint64_t some[64];
		uint16_t row[21];
		uint64_t base = (uint64_t)bases[below(&r, 9)], reach = UINT64_C(1) << below(&r, 45);

		for (uint32_t i = 0; i < 64; i++) {
			uint64_t off = below(&r, reach);

			t[i] = (int64_t)(chance(&r, 50) ? base + off : base - off);
			if (chance(&r, 20)) /* the edges of panes */
				t[i] = t[i] / 4 / d.pane_ms * d.pane_ms - (int64_t)below(&r, 2);
		}
		tsn_panes_of(&a, t, 64, pane);
		for (uint32_t i = 0; i < 21; i++)
			row[i] = (uint16_t)(3 * i + 1);
		tsn_panes_of_rows(&a, t, row, 21, some);
		for (uint32_t i = 0; i < 21; i++)
			cr_assert_eq(some[row[i]], pane[row[i]]);
		for (uint32_t i = 0; i < 64; i++)
			cr_assert_eq((int64_t)pane[i] - TSN_PANE_BIAS, expected(t[i], d.pane_ms),
			    "%" PRId64 " by %" PRId64 ": %" PRId64 " not %" PRId64, t[i], d.pane_ms,
			    (int64_t)pane[i] - TSN_PANE_BIAS, expected(t[i], d.pane_ms));
	}
}

Test(state_clock, starts_of_panes_are_held_to_what_can_be_said)
{
	cr_assert_eq(tsn_pane_start((uint64_t)(TSN_PANE_BIAS + 5), 4000), 20000);
	cr_assert_eq(tsn_pane_start((uint64_t)(TSN_PANE_BIAS - 5), 4000), -20000);
	cr_assert_eq(tsn_pane_start((uint64_t)(TSN_PANE_BIAS + TSN_PANE_LIMIT), INT64_MAX), INT64_MAX);
	cr_assert_eq(tsn_pane_start((uint64_t)(TSN_PANE_BIAS - TSN_PANE_LIMIT), INT64_MAX), INT64_MIN);
}
