/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/logs.h"

#include <pthread.h>

#define SMALL 2048u

static double small[SMALL];

static void
work_out(void)
{
	for (uint32_t i = 1; i < SMALL; i++)
		small[i] = tsn_log2(i);
}

double
tsn_log2_of(uint64_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (n >= SMALL)
		return tsn_log2((double)n);
	pthread_once(&once, work_out);
	return small[n];
}
