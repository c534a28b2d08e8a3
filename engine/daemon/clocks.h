/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The daemon's clocks, in milliseconds. */
#ifndef TSN_DAEMON_CLOCKS_H
#define TSN_DAEMON_CLOCKS_H

#include <stdint.h>
#include <time.h>

static inline int64_t
tsn_ms_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int64_t
tsn_now_ms(void)
{
	return tsn_ms_of(CLOCK_REALTIME);
}

/* For what has to be waited for: nobody sets this clock. */
static inline int64_t
tsn_steady_ms(void)
{
	return tsn_ms_of(CLOCK_MONOTONIC);
}

/* The same, finer. */
static inline int64_t
tsn_steady_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

#endif
