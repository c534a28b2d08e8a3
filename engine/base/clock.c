/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS 60000u
#define MINUTE_TEXT 17

/* Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil. */
int64_t
tsn_days_from_date(int year, int month, int day)
{
	int64_t y = month <= 2 ? (int64_t)year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

/* The inverse, civil_from_days. */
static void
date_from_days(int64_t z, int64_t *year, int *month, int *day)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = (z >= 0 ? z : z - 146096) / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

struct moment {
	int64_t year;
	int month, day;
	uint32_t rest; /* ms of the day */
};

static struct moment
moment_of(int64_t ms)
{
	int64_t days = ms / DAY_MS, rest = ms % DAY_MS;
	struct moment m;

	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	date_from_days(days, &m.year, &m.month, &m.day);
	m.rest = (uint32_t)rest;
	return m;
}

static char *
put_after(char *p, uint32_t v, char after)
{
	p = tsn_put_pair(p, v);
	*p++ = after;
	return p;
}

/* The minute that holds [ms], in a year of four digits. */
static void
make_minute(struct tsn_minute *out, int64_t ms, const struct moment *m)
{
	const uint32_t minutes = m->rest / MINUTE_MS;
	char *p = tsn_put_pair(out->text, (uint32_t)m->year / 100);

	p = put_after(p, (uint32_t)m->year % 100, '-');
	p = put_after(p, (uint32_t)m->month, '-');
	p = put_after(p, (uint32_t)m->day, 'T');
	p = put_after(p, minutes / 60, ':');
	put_after(p, minutes % 60, ':');
	out->from = ms - (int64_t)(m->rest % MINUTE_MS);
}

/* Of any year. */
static char *
put_far(char *p, const struct moment *m)
{
	char text[TSN_TIME_TEXT];
	const int n = snprintf(text, sizeof(text), "%04lld-%02d-%02dT%02u:%02u:%02u.%03uZ", (long long)m->year, m->month, m->day,
	    m->rest / 3600000, m->rest / 60000 % 60, m->rest / 1000 % 60, m->rest % 1000);

	return (char *)memcpy(p, text, (size_t)n) + n;
}

char *
tsn_time_put(char *p, int64_t ms, struct tsn_minute *near)
{
	uint64_t within = (uint64_t)ms - (uint64_t)near->from;
	uint32_t seconds;

	if (within >= MINUTE_MS) {
		const struct moment m = moment_of(ms);

		if (m.year < 0 || m.year > 9999)
			return put_far(p, &m);
		make_minute(near, ms, &m);
		within = (uint64_t)(ms - near->from);
	}
	seconds = (uint32_t)within / 1000;
	p = (char *)memcpy(p, near->text, MINUTE_TEXT) + MINUTE_TEXT;
	p = put_after(p, seconds, '.');
	p = tsn_put_triple(p, (uint32_t)within - seconds * 1000);
	*p++ = 'Z';
	return p;
}

char *
tsn_time_text(int64_t ms, char text[TSN_TIME_TEXT])
{
	struct tsn_minute near = TSN_MINUTE;

	*tsn_time_put(text, ms, &near) = '\0';
	return text;
}

char *
tsn_duration_text(int64_t ms, char text[TSN_TIME_TEXT])
{
	static const struct { int64_t ms; const char *unit; } units[] = {
		{ DAY_MS, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" },
	};
	uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	size_t i, n = 0;

	if (ms == 0)
		return strcpy(text, "0s");
	if (ms < 0)
		text[n++] = '-';
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t unit = (uint64_t)units[i].ms;

		if (left < unit)
			continue;
		n += (size_t)snprintf(text + n, TSN_TIME_TEXT - n, "%llu%s", (unsigned long long)(left / unit), units[i].unit);
		left %= unit;
	}
	return text;
}
