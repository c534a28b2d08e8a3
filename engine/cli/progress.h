/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A line on stderr that says how far a long file is; on terminals only. */
#ifndef TSN_CLI_PROGRESS_H
#define TSN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct tsn_progress {
	bool terminal, shown;
	int64_t started_ms, last_ms;
};

void tsn_progress_init(struct tsn_progress *p, bool terminal);
/* True at most five times a second, and never in the first second: short work stays silent. */
bool tsn_progress_wanted(struct tsn_progress *p);
void tsn_progress_show(struct tsn_progress *p, const char *name, uint64_t done, uint64_t total);
/* The same of things that are counted, the one at hand being [name]. */
void tsn_progress_count(struct tsn_progress *p, const char *name, uint64_t done, uint64_t total);
void tsn_progress_clear(struct tsn_progress *p);
/* Monotonic milliseconds, for elapsed times. */
int64_t tsn_progress_clock(void);

#endif
