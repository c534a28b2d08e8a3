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
struct near {
	int64_t ms;
	uint64_t magic; /* 0: there is no short way */
	uint64_t first; /* pane, and where it begins */
	uint64_t base;
};

static struct near
near(const struct tsn_agg *a, int64_t time)
{
	const int64_t ms = a->def->pane_ms, far = INT64_C(1) << 42; /* 139 years; below the limit of panes */
	struct near n = { .ms = ms };

	if (a->magic == 0 || time > far || time < -far)
		return n;
	n.magic = a->magic;
	n.first = (uint64_t)(floor_div(time, ms) - (INT64_C(1) << 31) / ms);
	n.base = n.first * (uint64_t)ms;
	return n;
}

static inline uint64_t
pane_near(const struct near *n, int64_t time)
{
	const uint64_t off = (uint64_t)time - n->base;

	if (__builtin_expect(off > UINT32_MAX || n->magic == 0, 0))
		return tsn_pane_at(time, n->ms);
	return n->first + (uint64_t)((unsigned __int128)off * n->magic >> 64) + (uint64_t)TSN_PANE_BIAS;
}

void
tsn_panes_of(const struct tsn_agg *a, const int64_t *time, uint32_t n, uint64_t *out)
{
	struct near by;

	if (n == 0)
		return;
	by = near(a, time[0]);
	for (uint32_t i = 0; i < n; i++)
		out[i] = pane_near(&by, time[i]);
}

void
tsn_panes_of_rows(const struct tsn_agg *a, const int64_t *time, const uint16_t *row, uint32_t n, uint64_t *out)
{
	struct near by;

	if (n == 0)
		return;
	by = near(a, time[row[0]]);
	for (uint32_t i = 0; i < n; i++)
		out[row[i]] = pane_near(&by, time[row[i]]);
}
