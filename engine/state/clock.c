/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Times to pane numbers, rounded down (also before 1970) and biased as ring.h says. */
#include "base/clock.h"
#include "base/wide.h"
#include "state/internal.h"
#include "state/near.h"
#include "state/ring.h"

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static uint64_t
bias(int64_t pane)
{
	if (pane > TSN_PANE_LIMIT)
		pane = TSN_PANE_LIMIT;
	else if (pane < -TSN_PANE_LIMIT)
		pane = -TSN_PANE_LIMIT;
	return (uint64_t)(pane + TSN_PANE_BIAS);
}

uint64_t
tsn_pane_at(int64_t time, int64_t pane_ms)
{
	return bias(floor_div(time, pane_ms));
}

int64_t
tsn_pane_start(uint64_t pane, int64_t pane_ms)
{
	int64_t p = (int64_t)pane - TSN_PANE_BIAS, start;

	if (__builtin_mul_overflow(p, pane_ms, &start))
		return p < 0 ? INT64_MIN : INT64_MAX;
	return start;
}

/*
 * For d <= 2^l, n below 2^31 and m = floor(2^(31 + l) / d) + 1 is n / d = n * m >> (31 + l), exactly (Granlund, Montgomery:
 * Division by invariant integers using multiplication, 1994); m has 32 bits where 2^(l - 1) < d.
 */
struct tsn_near
tsn_near_of(const struct tsn_agg *a, int64_t time)
{
	const int64_t ms = a->def->pane_ms, far = INT64_C(1) << 42; /* 139 years; below the limit of panes */
	struct tsn_near n = { .base = (uint64_t)time, .first = tsn_pane_at(time, ms) };
	uint64_t first;

	if (ms > UINT32_MAX || time > far || time < -far)
		return n;
	first = (uint64_t)(floor_div(time, ms) - (INT64_C(1) << 30) / ms);
	n.base = first * (uint64_t)ms;
	n.first = first + (uint64_t)TSN_PANE_BIAS;
	n.reach = 31;
	n.panes = (uint32_t)((UINT64_C(1) << n.reach) / (uint64_t)ms);
	n.shift = 31 + (ms == 1 ? 0 : 64 - (uint32_t)__builtin_clzll((uint64_t)ms - 1));
	n.factor = (uint32_t)((UINT64_C(1) << n.shift) / (uint64_t)ms + 1);
	return n;
}

TSN_WIDE(static, uint64_t, usual, (const struct tsn_near *by, const int64_t *time, uint32_t n, uint64_t *restrict out), (by, time, n, out))
{
	const struct tsn_near near = *by;
	uint64_t far = 0;

	for (uint32_t i = 0; i < n; i++) {
		far |= tsn_near_beyond(&near, time[i]);
		out[i] = tsn_near_pane(&near, time[i]);
	}
	return far;
}

void
tsn_panes_of(const struct tsn_agg *a, const int64_t *time, uint32_t n, uint64_t *out)
{
	struct tsn_near by;

	if (n == 0)
		return;
	by = tsn_near_of(a, time[0]);
	if (usual(&by, time, n, out) == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		if (!tsn_near_has(&by, time[i]))
			out[i] = tsn_pane_at(time[i], a->def->pane_ms);
}

void
tsn_panes_of_rows(const struct tsn_agg *a, const int64_t *time, const uint16_t *row, uint32_t n, uint64_t *out)
{
	struct tsn_near by;

	if (n == 0)
		return;
	by = tsn_near_of(a, time[row[0]]);
	for (uint32_t i = 0; i < n; i++)
		out[row[i]] = tsn_near_has(&by, time[row[i]]) ? tsn_near_pane(&by, time[row[i]]) : tsn_pane_at(time[row[i]], a->def->pane_ms);
}
