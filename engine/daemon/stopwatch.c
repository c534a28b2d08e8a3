/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/stopwatch.h"

#include <time.h>

#include "base/cpu.h"

#if TSN_CPU_X86
#include <x86intrin.h>
#endif

#define COMPARED 2000000u /* nanoseconds */

static double unit = 1; /* nanoseconds of the counter's; written before threads start */

static uint64_t
read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static uint64_t
counter(void)
{
#if TSN_CPU_X86
	return __rdtsc();
#else
	return read_clock(CLOCK_MONOTONIC);
#endif
}

uint64_t
tsn_stopwatch(void)
{
	return (uint64_t)((double)counter() * unit);
}

uint64_t
tsn_stopwatch_cpu(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void
tsn_stopwatch_start(void)
{
	const uint64_t from = counter(), from_ns = read_clock(CLOCK_MONOTONIC);
	uint64_t now;

	do
		now = read_clock(CLOCK_MONOTONIC);
	while (now - from_ns < COMPARED);
	unit = (double)(now - from_ns) / (double)(counter() - from);
}
