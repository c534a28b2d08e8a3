/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Times to pane numbers, rounded down (also before 1970) and biased as ring.h says. */
#include "base/clock.h"
#include "state/internal.h"
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
 * ceil(2^64 / d): then n / d is the high half of n times it, exactly, for all
 * n and d below 2^32 (Lemire, Kaser, Kurz: Faster remainder by direct
 * computation, 2019). 0 if d is not of that kind.
 */
uint64_t
tsn_reciprocal(int64_t pane_ms)
{
	return pane_ms > 1 && pane_ms <= UINT32_MAX ? UINT64_MAX / (uint64_t)pane_ms + 1 : 0;
}

/* Times of a batch lie near each other: 49 days from a pane before the first go the short way. */
void
tsn_panes_of(const struct tsn_agg *a, const int64_t *time, uint32_t n, uint64_t *out)
{
	const int64_t ms = a->def->pane_ms, far = INT64_C(1) << 42; /* 139 years; below the limit of panes */
	const uint64_t magic = a->magic;
	uint64_t first, base, off;
	uint32_t i;

	if (n == 0)
		return;
	if (magic == 0 || time[0] > far || time[0] < -far) {
		for (i = 0; i < n; i++)
			out[i] = tsn_pane_at(time[i], ms);
		return;
	}
	first = (uint64_t)(floor_div(time[0], ms) - (INT64_C(1) << 31) / ms);
	base = first * (uint64_t)ms;
	for (i = 0; i < n; i++) {
		off = (uint64_t)time[i] - base;
		if (__builtin_expect(off <= UINT32_MAX, 1))
			out[i] = first + (uint64_t)((unsigned __int128)off * magic >> 64) + (uint64_t)TSN_PANE_BIAS;
		else
			out[i] = tsn_pane_at(time[i], ms);
	}
}
