/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A clock that is read often, for finding out where time goes (base/spent.h); the only one of its kind. On x86-64 the counter of the
 * CPU, which takes a few nanoseconds to read; elsewhere CLOCK_MONOTONIC.
 */
#ifndef TSN_DAEMON_STOPWATCH_H
#define TSN_DAEMON_STOPWATCH_H

#include <stdint.h>

/* Once, before the first reading: compares the counter with the clock for two milliseconds. */
void tsn_stopwatch_start(void);
/* Nanoseconds since some time. */
uint64_t tsn_stopwatch(void);
/* Nanoseconds in which this thread has run; a system call. */
uint64_t tsn_stopwatch_cpu(void);

#endif
