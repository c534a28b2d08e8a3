/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/schedule.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

#define DAY_MINUTES 1440
#define WEEK_SECONDS (INT64_C(604800))
#define THURSDAY (INT64_C(3) * 86400) /* 1970 began on one; weeks begin on Monday */
#define SPANS_MAX 64

static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

struct parser {
	const char *text, *p, *end;
	struct tsn_schedule_error *error;
	bool minute[TSN_WEEK_MINUTES];
	bool day[7];
	bool bad;
};

/* --- reading --- */

static void __attribute__((format(printf, 5, 6)))
fail(struct parser *r, const char *at, size_t n, const char *hint, const char *fmt, ...)
{
	struct tsn_schedule_error *e = r->error;
	va_list ap;

	if (r->bad)
		return;
	r->bad = true;
	e->at = (size_t)(at - r->text);
	e->n = n > 0 ? n : 1;
	va_start(ap, fmt);
	vsnprintf(e->message, sizeof(e->message), fmt, ap);
	va_end(ap);
	snprintf(e->hint, sizeof(e->hint), "%s", hint);
}

static void
spaces(struct parser *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
}

static bool
is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool
is_digit(const struct parser *r)
{
	return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

/* What stands at [p], to the next space or comma. */
static size_t
word_at(const struct parser *r, const char *p)
{
	const char *q = p;

	while (q < r->end && *q != ' ' && *q != ',' && *q != '\t')
		q++;
	return (size_t)(q - p);
}

static int
day_at(const struct parser *r, const char *p)
{
	for (int i = 0; i < 7; i++)
		if (r->end - p >= 3 && (p[0] | 0x20) == days[i][0] && (p[1] | 0x20) == days[i][1] && (p[2] | 0x20) == days[i][2] &&
		    (r->end - p == 3 || !is_letter(p[3])))
			return i;
	return -1;
}

static int
one_day(struct parser *r)
{
	int day = day_at(r, r->p);
	size_t n = 0;

	if (day >= 0) {
		r->p += 3;
		return day;
	}
	while (r->p + n < r->end && is_letter(r->p[n]))
		n++;
	fail(r, r->p, n, "days are mon tue wed thu fri sat sun, as in mon-fri", n > 0 ? "no such day" : "here stands a day");
	return -1;
}

/* mon-fri, sat */
static void
day_list(struct parser *r)
{
	memset(r->day, 0, sizeof(r->day));
	do {
		int first, last;

		spaces(r);
		first = last = one_day(r);
		if (!r->bad && r->p < r->end && *r->p == '-') {
			r->p++;
			last = one_day(r);
		}
		for (int d = first; !r->bad; d = (d + 1) % 7) {
			r->day[d] = true;
			if (d == last)
				break;
		}
		spaces(r);
	} while (!r->bad && r->p < r->end && *r->p == ',' && r->p++ != NULL);
}

static int
number(struct parser *r)
{
	int v = 0;

	for (int i = 0; i < 2 && is_digit(r); i++)
		v = v * 10 + (*r->p++ - '0');
	return v;
}

/* hh:mm, to 24:00. */
static int
time_of_day(struct parser *r)
{
	const char *first = r->p;
	int hour, minute;

	if (r->bad || !is_digit(r)) {
		fail(r, first, word_at(r, first), "write hours and minutes, as in 08:00-18:00", "here stands a time");
		return 0;
	}
	hour = number(r);
	if (r->p == r->end || *r->p != ':' || r->end - r->p < 3) {
		fail(r, first, word_at(r, first), "write hours and minutes, as in 08:00-18:00", "this is no time");
		return 0;
	}
	r->p++;
	minute = number(r);
	if (r->p - first < 4 || r->p[-3] != ':' || is_digit(r))
		fail(r, first, word_at(r, first), "minutes have two digits, as in 08:00", "this is no time");
	else if (hour > 24 || minute > 59 || (hour == 24 && minute > 0))
		fail(r, first, (size_t)(r->p - first), "", "a day ends at 24:00, an hour at 59 minutes");
	return hour * 60 + minute;
}

static void
mark(struct parser *r, int from, int to)
{
	for (int d = 0; d < 7; d++)
		for (int m = from; r->day[d] && m < to; m++)
			r->minute[(d * DAY_MINUTES + m) % TSN_WEEK_MINUTES] = true;
}

static void
times(struct parser *r)
{
	const char *first = r->p;
	int from = time_of_day(r), to;

	if (!r->bad && from == DAY_MINUTES)
		fail(r, first, (size_t)(r->p - first), "write 00:00", "a span begins before 24:00");
	spaces(r);
	if (!r->bad && (r->p == r->end || *r->p != '-'))
		fail(r, r->p < r->end ? r->p : first, r->p < r->end ? word_at(r, r->p) : (size_t)(r->end - first),
		    "write when it ends, as in 08:00-18:00", "a span has two times");
	if (r->bad)
		return;
	r->p++;
	spaces(r);
	to = time_of_day(r);
	if (r->bad)
		return;
	if (from == to)
		fail(r, first, (size_t)(r->p - first), "a whole day is 00:00-24:00", "this span is empty");
	else
		mark(r, from, to > from ? to : to + DAY_MINUTES);
}

/* One part between commas; true if another follows. */
static bool
part(struct parser *r, bool first)
{
	spaces(r);
	if (first || !is_digit(r))
		day_list(r);
	spaces(r);
	if (!r->bad)
		times(r);
	spaces(r);
	return !r->bad && r->p < r->end && *r->p == ',' && r->p++ != NULL;
}

static const struct tsn_zone *
zone(struct parser *r, const char *dir, struct tsn_arena *arena, char name[TSN_ZONE_NAME])
{
	struct tsn_zone *z = NULL;
	const char *first = r->p;
	size_t n;

	while (r->end > first && (r->end[-1] == ' ' || r->end[-1] == '\t'))
		r->end--;
	n = (size_t)(r->end - first);
	snprintf(name, TSN_ZONE_NAME, "%.*s", (int)(n < TSN_ZONE_NAME ? n : TSN_ZONE_NAME - 1), first);
	if (n == 0 || strcmp(name, "UTC") == 0)
		return NULL;
	if (!is_letter(*first)) {
		fail(r, first, n, "spans are set apart by commas, the zone stands last", "this is no time zone");
		return NULL;
	}
	switch (n < TSN_ZONE_NAME ? tsn_zone_load(dir, name, arena, &z) : TSN_ZONE_UNKNOWN) {
	case TSN_ZONE_OK:
		break;
	case TSN_ZONE_UNKNOWN:
		r->error->zone = true;
		fail(r, first, n, "", "no time zone \"%s\"", name);
		break;
	case TSN_ZONE_NO_DATA:
		fail(r, first, n, "install tzdata, or use UTC", "this system has no time zones: there is no %s", dir);
		break;
	case TSN_ZONE_BAD:
		fail(r, first, n, "", "the system's file of this zone cannot be read");
		break;
	case TSN_ZONE_MEMORY:
		r->error->memory = true;
		fail(r, first, n, "", "memory is out");
		break;
	}
	return z;
}

/* --- the result --- */

static uint32_t
collect(const struct parser *r, struct tsn_week_span *out)
{
	uint32_t n = 0;

	for (int m = 0; m < TSN_WEEK_MINUTES; m++) {
		if (!r->minute[m])
			continue;
		if (m == 0 || !r->minute[m - 1])
			out[n++].from = (uint16_t)m;
		out[n - 1].to = (uint16_t)(m + 1);
	}
	return n;
}

static void
put_minute(struct tsn_buf *b, unsigned m, bool day)
{
	/* the end of a day is written as 24:00 of it */
	unsigned d = day ? m / DAY_MINUTES : 0, in = m % DAY_MINUTES;

	if (day)
		tsn_buf_printf(b, "%s ", days[d % 7]);
	tsn_buf_printf(b, "%02u:%02u", in / 60, in % 60);
}

static const char *
canonical(const struct tsn_schedule *s, const char *name, struct tsn_arena *arena)
{
	struct tsn_buf b = TSN_BUF_INIT;
	const char *text = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		unsigned from = s->span[i].from, to = s->span[i].to;

		tsn_buf_puts(&b, i > 0 ? ", " : "");
		put_minute(&b, from, true);
		tsn_buf_putc(&b, '-');
		if (to == (from / DAY_MINUTES + 1) * DAY_MINUTES)
			tsn_buf_puts(&b, "24:00");
		else
			put_minute(&b, to, to / DAY_MINUTES != from / DAY_MINUTES);
	}
	tsn_buf_printf(&b, " %s", s->zone != NULL ? name : "UTC");
	if (!b.failed)
		text = tsn_arena_strdup(arena, tsn_buf_str(&b));
	tsn_buf_fini(&b);
	return text;
}

struct tsn_schedule *
tsn_schedule_parse(const char *text, size_t n, const char *dir, struct tsn_arena *arena, struct tsn_schedule_error *error)
{
	struct parser r = { .text = text, .p = text, .end = text + n, .error = error };
	struct tsn_week_span *span = tsn_arena_alloc(arena, TSN_WEEK_MINUTES / 2 * sizeof(*span));
	struct tsn_schedule *s = tsn_arena_alloc(arena, sizeof(*s));
	char name[TSN_ZONE_NAME];

	memset(error, 0, sizeof(*error));
	error->memory = s == NULL || span == NULL;
	if (error->memory)
		return NULL;
	memset(s, 0, sizeof(*s));
	for (int i = 0; part(&r, i == 0); i++)
		if (i >= SPANS_MAX)
			fail(&r, r.p, 1, "", "a schedule has at most %d spans", SPANS_MAX);
	if (!r.bad)
		s->zone = zone(&r, dir, arena, name);
	if (r.bad)
		return NULL;
	s->span = span;
	s->n = collect(&r, span);
	s->text = canonical(s, name, arena);
	error->memory = s->text == NULL;
	return error->memory ? NULL : s;
}

/* --- asking --- */

/* The answer at a second of the week, and the stretch of the week that has it. */
static bool
in_week(const struct tsn_schedule *s, int64_t at, int64_t *from, int64_t *until)
{
	*from = 0;
	*until = WEEK_SECONDS;
	for (uint32_t i = 0; i < s->n; i++) {
		int64_t a = s->span[i].from * 60, b = s->span[i].to * 60;

		if (at < a) {
			*until = a;
			return false;
		}
		*from = at < b ? a : b;
		if (at < b) {
			*until = b;
			return true;
		}
	}
	return false;
}

static int64_t
to_ms(int64_t s, int64_t low, int64_t high)
{
	return s <= INT64_MIN / 1000 ? low : s >= INT64_MAX / 1000 ? high : s * 1000;
}

bool
tsn_schedule_has(const struct tsn_schedule *s, int64_t ms, int64_t *from, int64_t *until)
{
	int64_t at = ms / 1000 - (ms % 1000 < 0), first = INT64_MIN, last = INT64_MAX, week_from, week_until, in, local;
	bool has;

	local = at + (s->zone != NULL ? tsn_zone_offset(s->zone, at, &first, &last) : 0);
	in = ((local + THURSDAY) % WEEK_SECONDS + WEEK_SECONDS) % WEEK_SECONDS;
	has = in_week(s, in, &week_from, &week_until);
	if (at - (in - week_from) > first)
		first = at - (in - week_from);
	if (at + (week_until - in) < last)
		last = at + (week_until - in);
	*from = to_ms(first, INT64_MIN, INT64_MIN);
	*until = to_ms(last, INT64_MAX, INT64_MAX);
	return has;
}
