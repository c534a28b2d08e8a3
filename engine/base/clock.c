/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

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

static char *
put_digits(char *p, unsigned n, uint64_t v)
{
	for (unsigned i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

/* Every alert has some times: what is usual goes without printf. */
static void
usual_text(char *p, uint64_t year, uint64_t month, uint64_t day, uint64_t rest)
{
	const uint64_t part[] = { month, day, rest / 3600000, rest / 60000 % 60, rest / 1000 % 60 };

	p = put_digits(p, 4, year);
	for (unsigned i = 0; i < 5; i++) {
		*p++ = "--T::"[i];
		p = put_digits(p, 2, part[i]);
	}
	*p++ = '.';
	p = put_digits(p, 3, rest % 1000);
	memcpy(p, "Z", 2);
}

char *
tsn_time_text(int64_t ms, char text[TSN_TIME_TEXT])
{
	int64_t days = ms / DAY_MS, rest = ms % DAY_MS, year;
	int month, day;

	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	date_from_days(days, &year, &month, &day);
	if (year >= 0 && year <= 9999) {
		usual_text(text, (uint64_t)year, (uint64_t)month, (uint64_t)day, (uint64_t)rest);
		return text;
	}
	snprintf(text, TSN_TIME_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)year, month, day,
	    (int)(rest / 3600000), (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
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
