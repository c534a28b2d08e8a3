/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Schedules (S41): "mon-fri 08:00-18:00, sat 09:00-12:00 Europe/Berlin". Times are those of the clock on the wall in
 * that zone, UTC if none is named. A span that ends at or before its beginning passes midnight and belongs to the day on
 * which it begins. Where the clock is set back, an hour comes twice and is in or out both times; where it is set
 * forward, what lies between does not come.
 */
#ifndef TSN_BASE_SCHEDULE_H
#define TSN_BASE_SCHEDULE_H

#include "base/zone.h"

#define TSN_WEEK_MINUTES 10080

struct tsn_week_span {
	uint16_t from, to; /* minutes since Monday 00:00; [from, to) */
};

struct tsn_schedule {
	struct tsn_week_span *span; /* sorted, apart */
	uint32_t n;
	const struct tsn_zone *zone; /* NULL: UTC */
	const char *text;            /* canonical: equal texts, equal schedules */
};

struct tsn_schedule_error {
	size_t at, n;          /* the offending part of the text */
	bool zone;             /* it names no zone: the nearest of tsn_zone_each may be offered */
	bool memory;
	char message[120], hint[120]; /* hint: what to write instead; may be empty */
};

/* Made in [arena]. NULL and [*error] if it is not understood. [dir]: TSN_ZONE_DIR but in tests. */
struct tsn_schedule *tsn_schedule_parse(const char *text, size_t n, const char *dir, struct tsn_arena *arena,
    struct tsn_schedule_error *error);
/* Is [ms] (since 1970 UTC) inside; and the moments [*from, *until) around it that have the same answer. */
bool tsn_schedule_has(const struct tsn_schedule *s, int64_t ms, int64_t *from, int64_t *until);

#endif
