/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Time zones and schedules against the C library, which reads the same TZif files and TZ strings on its own
 * (tests/fixtures/zoneinfo: north and south, half hours, negative summer time, a day left out).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/schedule.h"

#define ZONES "tests/fixtures/zoneinfo"

static const char *const zones[] = { "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago",
	"Asia/Kolkata", "Africa/Casablanca", "Europe/Dublin", "Pacific/Apia" };

static uint64_t seed = 1;

static uint64_t
below(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 20) % n;
}

/* Criterion runs each test in a process of its own. */
static void
use_zone(const char *name)
{
	setenv("TZDIR", ZONES, 1);
	setenv("TZ", name, 1);
	tzset();
}

static int32_t
offset_of(int64_t at)
{
	time_t t = (time_t)at;
	struct tm tm;

	cr_assert(localtime_r(&t, &tm) != NULL);
	return (int32_t)tm.tm_gmtoff;
}

static int64_t
moment(void)
{
	/* 1850 to 2600, and often near now */
	return below(2) ? (int64_t)below(UINT64_C(24000000000)) - INT64_C(3786825600) : (int64_t)(below(400000000) + 1500000000);
}

static void
compare(const struct tsn_zone *z, const char *name, int rounds, int64_t least)
{
	for (int i = 0; i < rounds; i++) {
		int64_t at = moment(), from, until;
		int32_t got;

		if (at < least)
			continue;
		got = tsn_zone_offset(z, at, &from, &until);

		cr_assert(got == offset_of(at), "%s at %lld: %d, not %d", name, (long long)at, got, offset_of(at));
		cr_assert(from <= at && at < until, "%s at %lld", name, (long long)at);
		if (from != INT64_MIN && from >= least)
			cr_assert(offset_of(from) == got, "%s: from %lld of %lld", name, (long long)from, (long long)at);
		if (until != INT64_MAX)
			cr_assert(offset_of(until - 1) == got, "%s: until %lld of %lld", name, (long long)until, (long long)at);
		/* right behind a change, where mistakes of a second show */
		if (until != INT64_MAX && until < INT64_C(30000000000))
			cr_assert(tsn_zone_offset(z, until, &from, &until) == offset_of(from));
	}
}

Test(schedule, zones_are_as_the_c_library_reads_them)
{
	struct tsn_arena *arena = tsn_arena_new();
	struct tsn_zone *z;

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		cr_assert(tsn_zone_load(ZONES, zones[i], arena, &z) == TSN_ZONE_OK, "%s", zones[i]);
		use_zone(zones[i]);
		compare(z, zones[i], 4000, INT64_MIN);
	}
	tsn_arena_free(arena);
}

/* A file of version 2 without a table: its footer says all. */
static struct tsn_zone *
of_footer(struct tsn_arena *arena, const char *footer, const char *type)
{
	struct tsn_buf b = TSN_BUF_INIT;
	static const uint8_t counts[24] = { [19] = 1, [23] = 4 }; /* one type, four characters */
	uint8_t header[44] = "TZif2";
	struct tsn_zone *z;

	memcpy(header + 20, counts, sizeof(counts));
	for (int i = 0; i < 2; i++) {
		tsn_buf_add(&b, header, sizeof(header));
		tsn_buf_add(&b, type, 6);
		tsn_buf_add(&b, "XXX", 4);
	}
	tsn_buf_printf(&b, "\n%s\n", footer);
	z = tsn_zone_parse((const uint8_t *)tsn_buf_str(&b), b.len, arena);
	tsn_buf_fini(&b);
	return z;
}

Test(schedule, footers_are_tz_strings)
{
	static const char *const strings[] = { "EST5EDT,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3",
		"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "IST-1GMT0,M10.5.0,M3.5.0/1", "<-03>3", "UTC0", "AAA-14BBB,J60/0,J300/24",
		"AAA3BBB,59/2:30,364/1", "NZST-12NZDT,M9.5.0,M4.1.0/3", "AAA0BBB-2,J59,J60" };
	struct tsn_arena *arena = tsn_arena_new();

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct tsn_zone *z = of_footer(arena, strings[i], "\0\0\0\0\0\0");

		cr_assert(z != NULL, "%s", strings[i]);
		use_zone(strings[i]);
		/* before 1970 the library has no years for such strings */
		compare(z, strings[i], 2000, 86400 * 400);
	}
	tsn_arena_free(arena);
}

Test(schedule, files_that_are_none)
{
	static const char *const footers[] = { "E5", "EST", "EST5EDT", "EST5EDT,M3.2.0", "EST5EDT,M13.2.0,M11.1.0",
		"EST5EDT,M3.6.0,M11.1.0", "EST5EDT,J0,J5", "EST25", "<EST5", "EST5:60", "EST5EDT,M3.2.0,M11.1.0x" };
	struct tsn_arena *arena = tsn_arena_new();
	struct tsn_zone *z;

	for (size_t i = 0; i < sizeof(footers) / sizeof(footers[0]); i++)
		cr_expect(of_footer(arena, footers[i], "\0\0\0\0\0\0") == NULL, "%s", footers[i]);
	cr_expect(of_footer(arena, "UTC0", "\x7f\xff\xff\xff\0\0") == NULL, "no offset is that far");
	cr_expect(of_footer(arena, "", "\0\0\x0e\x10\0\0") != NULL);
	cr_expect(tsn_zone_parse((const uint8_t *)"TZif", 4, arena) == NULL);
	cr_expect(tsn_zone_load(ZONES, "Europe/Berlim", arena, &z) == TSN_ZONE_UNKNOWN);
	cr_expect(tsn_zone_load(ZONES, "../zoneinfo/Europe/Berlin", arena, &z) == TSN_ZONE_UNKNOWN);
	cr_expect(tsn_zone_load(ZONES, "Europe", arena, &z) == TSN_ZONE_UNKNOWN);
	cr_expect(tsn_zone_load("tests/fixtures/nothere", "Europe/Berlin", arena, &z) == TSN_ZONE_NO_DATA);
	tsn_arena_free(arena);
}

/* Any bytes may be given, and what is accepted answers for every moment. */
Test(schedule, spoiled_files_do_no_harm)
{
	static const int64_t moments[] = { INT64_MIN, -1, 0, 1767571200, INT64_C(1) << 40, INT64_MAX };
	struct tsn_buf text = TSN_BUF_INIT;
	uint32_t rounds = getenv("TSN_SOAK") != NULL ? 500000 : 5000, accepted = 0;
	int64_t from, until;

	cr_assert(tsn_buf_read_file(&text, ZONES "/Australia/Lord_Howe", 1 << 20) == 0);
	for (uint32_t i = 0; i < rounds; i++) {
		size_t n = below(4) == 0 ? below(text.len) : text.len;
		uint8_t *copy = malloc(n + 1);
		struct tsn_arena *arena = tsn_arena_new();
		struct tsn_zone *z;

		memcpy(copy, text.p, n);
		for (uint64_t k = below(4) + 1; n > 0 && k > 0; k--)
			copy[below(3) ? n - 1 - below(n < 60 ? n : 60) : below(n)] = (uint8_t)below(256);
		z = tsn_zone_parse(copy, n, arena);
		for (size_t k = 0; z != NULL && k < sizeof(moments) / sizeof(moments[0]); k++) {
			tsn_zone_offset(z, moments[k], &from, &until);
			cr_assert(from <= moments[k] && (moments[k] < until || until == INT64_MAX));
		}
		accepted += z != NULL;
		tsn_arena_free(arena);
		free(copy);
	}
	cr_expect(accepted > 0);
	tsn_buf_fini(&text);
}

/* --- schedules --- */

struct span {
	int day, from, to; /* minutes; to may be of the next day */
};

static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

static bool
naive(const struct span *v, int n, int64_t ms)
{
	time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm;
	int day, minute;

	localtime_r(&t, &tm);
	day = (tm.tm_wday + 6) % 7;
	minute = tm.tm_hour * 60 + tm.tm_min;
	for (int i = 0; i < n; i++)
		if ((v[i].day == day && minute >= v[i].from && minute < v[i].to) ||
		    ((v[i].day + 1) % 7 == day && minute + 1440 >= v[i].from && minute + 1440 < v[i].to))
			return true;
	return false;
}

static int
random_schedule(struct span *v, char *text, size_t size, const char *zone)
{
	int n = 0, parts = 1 + (int)below(4);
	size_t at = 0;

	for (int p = 0; p < parts; p++) {
		int first = (int)below(7), last = (int)below(7), from = (int)below(1440), to = 1 + (int)below(1440);

		if (below(3) == 0)
			last = first;
		if (from == to)
			to = from + 1 > 1440 ? 1 : from + 1;
		if (from == to)
			from--;
		at += (size_t)snprintf(text + at, size - at, "%s%s", p > 0 ? ", " : "", days[first]);
		if (last != first)
			at += (size_t)snprintf(text + at, size - at, "-%s", days[last]);
		at += (size_t)snprintf(text + at, size - at, " %02d:%02d-%02d:%02d", from / 60, from % 60, to / 60, to % 60);
		for (int d = first;; d = (d + 1) % 7) {
			v[n++] = (struct span){ d, from, to > from ? to : to + 1440 };
			if (d == last)
				break;
		}
	}
	snprintf(text + at, size - at, " %s", zone);
	return n;
}

Test(schedule, random_ones_against_the_clock_on_the_wall)
{
	uint32_t rounds = getenv("TSN_SOAK") != NULL ? 20000 : 300;
	struct tsn_schedule_error error;
	struct span v[32];
	char text[256];

	for (uint32_t i = 0; i < rounds; i++) {
		const char *zone = zones[below(sizeof(zones) / sizeof(zones[0]))];
		int n = random_schedule(v, text, sizeof(text), zone);
		struct tsn_arena *arena = tsn_arena_new();
		struct tsn_schedule *s = tsn_schedule_parse(text, strlen(text), ZONES, arena, &error);

		cr_assert(s != NULL, "%s: %s", text, error.message);
		use_zone(zone);
		for (int k = 0; k < 100; k++) {
			int64_t ms = moment() * 1000 + (int64_t)below(1000), from, until;
			bool has = tsn_schedule_has(s, ms, &from, &until);

			cr_assert(has == naive(v, n, ms), "%s at %lld: %d", text, (long long)ms, has);
			cr_assert(from <= ms && ms < until, "%s at %lld", text, (long long)ms);
			if (from != INT64_MIN)
				cr_assert(naive(v, n, from) == has, "%s: from %lld of %lld", text, (long long)from, (long long)ms);
			if (until != INT64_MAX)
				cr_assert(naive(v, n, until - 1) == has, "%s: until %lld of %lld", text, (long long)until, (long long)ms);
		}
		tsn_arena_free(arena);
	}
}

static int64_t
utc(int year, int month, int day, int hour, int minute)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute };

	return (int64_t)timegm(&tm) * 1000;
}

static bool
has(const char *text, int64_t ms)
{
	struct tsn_arena *arena = tsn_arena_new();
	struct tsn_schedule_error error;
	struct tsn_schedule *s = tsn_schedule_parse(text, strlen(text), ZONES, arena, &error);
	int64_t from, until;
	bool in;

	cr_assert(s != NULL, "%s: %s", text, error.message);
	in = tsn_schedule_has(s, ms, &from, &until);
	tsn_arena_free(arena);
	return in;
}

/* 2026-03-29 and 2026-10-25 are the Sundays on which Berlin changes its clocks. */
Test(schedule, where_clocks_are_set)
{
	cr_expect(has("sun 02:00-04:00 Europe/Berlin", utc(2026, 3, 29, 1, 30)), "03:30 summer time");
	cr_expect_not(has("sun 02:00-03:00 Europe/Berlin", utc(2026, 3, 29, 1, 0)), "that hour does not come");
	cr_expect_not(has("sun 02:00-03:00 Europe/Berlin", utc(2026, 3, 29, 0, 59)));
	cr_expect(has("sun 02:00-03:00 Europe/Berlin", utc(2026, 10, 25, 0, 30)), "02:30 summer time");
	cr_expect(has("sun 02:00-03:00 Europe/Berlin", utc(2026, 10, 25, 1, 30)), "02:30 once more");
	cr_expect_not(has("sun 02:00-03:00 Europe/Berlin", utc(2026, 10, 25, 2, 0)));
	cr_expect(has("fri 22:00-06:00", utc(2026, 1, 10, 5, 59)), "Friday's night");
	cr_expect_not(has("fri 22:00-06:00", utc(2026, 1, 9, 5, 59)), "Thursday's");
	cr_expect(has("sun 22:00-06:00", utc(2026, 1, 12, 0, 0)), "over the end of the week");
	cr_expect(has("mon-sun 00:00-24:00", utc(2026, 1, 12, 0, 0)));
	cr_expect(has("sat-mon 00:00-24:00", utc(2026, 1, 11, 12, 0)), "a range of days over the end of the week");
	cr_expect_not(has("sat-mon 00:00-24:00", utc(2026, 1, 13, 0, 0)));
	cr_expect(has("mon,wed 08:00-09:00, 10:00-11:00 UTC", utc(2026, 1, 14, 10, 30)), "the days hold for both");
	cr_expect_not(has("mon,wed 08:00-09:00, 10:00-11:00 UTC", utc(2026, 1, 13, 10, 30)));
}

Test(schedule, what_is_not_understood)
{
	static const struct {
		const char *text;
		size_t at, n;
		const char *message;
	} v[] = {
		{ "", 0, 1, "here stands a day" },
		{ "mon-fir 08:00-18:00", 4, 3, "no such day" },
		{ "mon-fri", 7, 1, "here stands a time" },
		{ "mon-fri 8", 8, 1, "this is no time" },
		{ "mon-fri 08:00", 8, 5, "a span has two times" },
		{ "mon-fri 08:00-", 14, 1, "here stands a time" },
		{ "mon-fri 08:00-25:00", 14, 5, "a day ends at 24:00, an hour at 59 minutes" },
		{ "mon-fri 08:60-09:00", 8, 5, "a day ends at 24:00, an hour at 59 minutes" },
		{ "mon-fri 24:00-09:00", 8, 5, "a span begins before 24:00" },
		{ "mon 08:00-08:00", 4, 11, "this span is empty" },
		{ "mon 08:00-09:00, ", 17, 1, "here stands a day" },
		{ "mon 08:00-09:00 Europe/Berlim", 16, 13, "no time zone \"Europe/Berlim\"" },
		{ "mon 08:00-09:00 10:00-11:00", 16, 11, "this is no time zone" },
	};
	struct tsn_arena *arena = tsn_arena_new();
	struct tsn_schedule_error e;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		cr_expect(tsn_schedule_parse(v[i].text, strlen(v[i].text), ZONES, arena, &e) == NULL, "%s", v[i].text);
		cr_expect(e.at == v[i].at && e.n == v[i].n && strcmp(e.message, v[i].message) == 0, "%s: %zu %zu %s", v[i].text, e.at,
		    e.n, e.message);
	}
	tsn_arena_free(arena);
}

Test(schedule, equal_ones_have_one_form)
{
	static const char *const same[] = { "mon-tue 22:00-02:00", "mon 22:00-24:00, tue 00:00-02:00, tue 22:00-23:00, tue 23:00-02:00",
		"TUE,MON 22:00-02:00 UTC" };
	struct tsn_arena *arena = tsn_arena_new();
	struct tsn_schedule_error e;

	for (size_t i = 0; i < 3; i++) {
		struct tsn_schedule *s = tsn_schedule_parse(same[i], strlen(same[i]), ZONES, arena, &e);

		cr_assert(s != NULL, "%s", e.message);
		cr_expect_str_eq(s->text, "mon 22:00-tue 02:00, tue 22:00-wed 02:00 UTC");
	}
	tsn_arena_free(arena);
}

Test(schedule, memory_may_be_out)
{
	const char *text = "mon-fri 08:00-18:00 Europe/Berlin";
	struct tsn_schedule_error e;

	for (long n = 1;; n++) {
		struct tsn_arena *arena = tsn_arena_new();
		struct tsn_schedule *s;

		tsn_mem_fail_at(n, false);
		s = tsn_schedule_parse(text, strlen(text), ZONES, arena, &e);
		tsn_mem_fail_never();
		tsn_arena_free(arena);
		if (s != NULL)
			break;
		cr_assert(n < 100);
	}
}
