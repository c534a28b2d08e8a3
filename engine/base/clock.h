/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Times as numbers and text. Nothing here reads a clock: times are int64
 * milliseconds since 1970-01-01 UTC, durations int64 milliseconds.
 */
#ifndef TSN_BASE_CLOCK_H
#define TSN_BASE_CLOCK_H

#include <stdint.h>

#define TSN_TIME_TEXT 40
#define TSN_SECOND 1000
#define TSN_TIME_NONE INT64_MIN

/* ISO 8601 with milliseconds, "2026-01-05T00:00:00.000Z"; returns [text]. */
char *tsn_time_text(int64_t ms, char text[TSN_TIME_TEXT]);
/*
 * The same straight into memory, its end returned and not ended. [near] is the minute of the time written last, at
 * first TSN_MINUTE: times that are written together lie together, and only seconds are new.
 */
struct tsn_minute {
	int64_t from;  /* its first ms */
	char text[18]; /* "2026-01-05T00:00:" */
};
#define TSN_MINUTE { 0, "1970-01-01T00:00:" }
char *tsn_time_put(char *p, int64_t ms, struct tsn_minute *near);
/* The shortest exact form in the language's own units: "90s", "1h30m", "500ms", "-5s". */
char *tsn_duration_text(int64_t ms, char text[TSN_TIME_TEXT]);
/* Days since 1970-01-01 of a proleptic Gregorian date. */
int64_t tsn_days_from_date(int year, int month, int day);

#endif
