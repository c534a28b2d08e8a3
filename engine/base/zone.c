/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/zone.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

#define HEADER 44
#define FILE_MAX ((size_t)1 << 20)
#define DAY 86400
#define OFFSET_MAX (26 * 3600) /* RFC 8536 3.2: no honest offset is beyond */

/* --- TZif (RFC 8536 section 3) --- */

struct block {
	uint32_t isut, isstd, leap, times, types, chars;
	const uint8_t *data;
	size_t width; /* of a time: 4 or 8 */
	size_t size;
};

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t
be64(const uint8_t *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool
read_block(const uint8_t *p, size_t n, size_t width, struct block *b)
{
	uint64_t size;

	if (n < HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	b->isut = be32(p + 20);
	b->isstd = be32(p + 24);
	b->leap = be32(p + 28);
	b->times = be32(p + 32);
	b->types = be32(p + 36);
	b->chars = be32(p + 40);
	b->width = width;
	b->data = p + HEADER;
	size = (uint64_t)b->times * (width + 1) + (uint64_t)b->types * 6 + b->chars + (uint64_t)b->leap * (width + 4) +
	    b->isstd + b->isut;
	if (size > n - HEADER)
		return false;
	b->size = HEADER + (size_t)size;
	return true;
}

static bool
read_offset(const struct block *b, unsigned type, int32_t *out)
{
	const uint8_t *p = b->data + (size_t)b->times * (b->width + 1) + (size_t)type * 6;

	*out = (int32_t)be32(p);
	return *out > -OFFSET_MAX && *out < OFFSET_MAX;
}

static bool
read_times(const struct block *b, struct tsn_zone *z, struct tsn_arena *arena)
{
	const uint8_t *type = b->data + (size_t)b->times * b->width;

	z->at = tsn_arena_alloc(arena, (size_t)b->times * sizeof(*z->at) + 1);
	z->offset = tsn_arena_alloc(arena, ((size_t)b->times + 1) * sizeof(*z->offset));
	if (z->at == NULL || z->offset == NULL || !read_offset(b, 0, &z->offset[0]))
		return false;
	for (uint32_t i = 0; i < b->times; i++) {
		const uint8_t *t = b->data + (size_t)i * b->width;

		z->at[i] = b->width == 8 ? be64(t) : (int32_t)be32(t);
		if (type[i] >= b->types || !read_offset(b, type[i], &z->offset[i + 1]) || (i > 0 && z->at[i] <= z->at[i - 1]))
			return false;
	}
	z->n = b->times;
	return true;
}

/* --- the footer: a TZ string (POSIX.1 8.3, RFC 8536 3.3.1) --- */

struct reader {
	const char *p, *end;
	bool bad;
};

static bool
take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static int
digits(struct reader *r, int most)
{
	int v = 0;
	const char *first = r->p;

	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - first < 4; r->p++)
		v = v * 10 + (*r->p - '0');
	r->bad |= r->p == first || v > most;
	return v;
}

static void
zone_name(struct reader *r)
{
	const char *first = r->p;

	if (take(r, '<')) {
		while (r->p < r->end && *r->p != '>')
			r->p++;
		r->bad |= !take(r, '>');
		return;
	}
	while (r->p < r->end && (((*r->p | 0x20) >= 'a') && ((*r->p | 0x20) <= 'z')))
		r->p++;
	r->bad |= r->p - first < 3;
}

/* [+-]h[h[h]][:mm[:ss]] in seconds. */
static int32_t
hours(struct reader *r, int most)
{
	bool minus = take(r, '-');
	int32_t v;

	if (!minus)
		take(r, '+');
	v = digits(r, most) * 3600;
	if (take(r, ':'))
		v += digits(r, 59) * 60;
	if (take(r, ':'))
		v += digits(r, 59);
	return minus ? -v : v;
}

static struct tsn_zone_day
changing_day(struct reader *r)
{
	struct tsn_zone_day d = { .second = 2 * 3600 };

	r->bad |= !take(r, ',');
	if (take(r, 'M')) {
		d.kind = TSN_ZONE_WEEK;
		d.month = digits(r, 12);
		r->bad |= !take(r, '.');
		d.week = digits(r, 5);
		r->bad |= !take(r, '.');
		d.day = digits(r, 6);
		r->bad |= d.month < 1 || d.week < 1;
	} else if (take(r, 'J')) {
		d.kind = TSN_ZONE_JULIAN;
		d.day = digits(r, 365);
		r->bad |= d.day < 1;
	} else {
		d.kind = TSN_ZONE_ZERO;
		d.day = digits(r, 365);
	}
	if (take(r, '/'))
		d.second = hours(r, 167);
	return d;
}

static bool
read_footer(struct tsn_zone *z, const char *p, size_t n)
{
	struct reader r = { p, p + n, false };

	if (n == 0)
		return true;
	z->tail = true;
	zone_name(&r);
	z->standard = -hours(&r, 24);
	z->summer = z->standard + 3600;
	if (r.p == r.end)
		return !r.bad;
	z->changes = true;
	zone_name(&r);
	if (r.p < r.end && *r.p != ',')
		z->summer = -hours(&r, 24);
	z->begin = changing_day(&r);
	z->end = changing_day(&r);
	return !r.bad && r.p == r.end;
}

struct tsn_zone *
tsn_zone_parse(const uint8_t *p, size_t n, struct tsn_arena *arena)
{
	struct tsn_zone *z = tsn_arena_alloc(arena, sizeof(*z));
	const uint8_t *end = p + n, *footer;
	struct block b;
	bool second;

	if (z == NULL || !read_block(p, n, 4, &b))
		return NULL;
	memset(z, 0, sizeof(*z));
	second = p[4] >= '2';
	if (second) {
		p += b.size;
		if (!read_block(p, (size_t)(end - p), 8, &b))
			return NULL;
	}
	if (b.types == 0 || b.leap != 0 || !read_times(&b, z, arena))
		return NULL;
	p += b.size;
	if (!second)
		return z;
	if (p == end || *p++ != '\n')
		return NULL;
	footer = memchr(p, '\n', (size_t)(end - p));
	return footer != NULL && read_footer(z, (const char *)p, (size_t)(footer - p)) ? z : NULL;
}

/* --- asking --- */

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static int
year_of(int64_t day)
{
	int year = (int)(1970 + floor_div(day * 400, 146097));

	while (tsn_days_from_date(year + 1, 1, 1) <= day)
		year++;
	while (tsn_days_from_date(year, 1, 1) > day)
		year--;
	return year;
}

/* The local second, counted as if local time were UTC, of the change in [year]. */
static int64_t
change_in(const struct tsn_zone_day *d, int year)
{
	int64_t first = tsn_days_from_date(year, 1, 1), day;
	bool leap = tsn_days_from_date(year + 1, 1, 1) - first == 366;

	if (d->kind == TSN_ZONE_JULIAN) {
		day = first + d->day - 1 + (leap && d->day > 59);
	} else if (d->kind == TSN_ZONE_ZERO) {
		day = first + d->day;
	} else {
		int64_t month = tsn_days_from_date(year, d->month, 1);
		int64_t next = d->month == 12 ? tsn_days_from_date(year + 1, 1, 1) : tsn_days_from_date(year, d->month + 1, 1);
		int64_t weekday = ((month + 4) % 7 + 7) % 7; /* 1 January 1970 was a Thursday; 0 is Sunday */

		day = month + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
		if (day >= next)
			day -= 7;
	}
	return day * DAY + d->second;
}

struct change {
	int64_t at;
	int32_t offset;
};

/* The changes of the years around come in pairs; where an end and a beginning fall together the beginning holds. */
static int32_t
tail_offset(const struct tsn_zone *z, int64_t at, int64_t *from, int64_t *until)
{
	int year = year_of(floor_div(at, DAY));
	struct change c[6], x;
	int n = 0, k, i;

	if (!z->changes)
		return z->standard;
	for (int y = year - 1; y <= year + 1; y++) {
		c[n++] = (struct change){ change_in(&z->end, y) - z->summer, z->standard };
		c[n++] = (struct change){ change_in(&z->begin, y) - z->standard, z->summer };
	}
	for (i = 1; i < n; i++) {
		x = c[i];
		for (k = i; k > 0 && (c[k - 1].at > x.at || (c[k - 1].at == x.at && c[k - 1].offset == z->summer &&
		    x.offset != z->summer)); k--)
			c[k] = c[k - 1];
		c[k] = x;
	}
	for (i = n - 1; i > 0 && c[i].at > at; i--)
		;
	if (c[i].at > *from)
		*from = c[i].at;
	if (i + 1 < n && c[i + 1].at < *until)
		*until = c[i + 1].at;
	return c[i].offset;
}

int32_t
tsn_zone_offset(const struct tsn_zone *z, int64_t at, int64_t *from, int64_t *until)
{
	uint32_t lo = 0, hi = z->n;

	while (lo < hi) { /* the first transition after [at] */
		uint32_t mid = lo + (hi - lo) / 2;

		if (z->at[mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	*from = lo > 0 ? z->at[lo - 1] : INT64_MIN;
	*until = lo < z->n ? z->at[lo] : INT64_MAX;
	if (lo == z->n && z->tail && at > -(INT64_C(1) << 48) && at < INT64_C(1) << 48)
		return tail_offset(z, at, from, until);
	return z->offset[lo];
}

/* --- the system's files --- */

/* Letters, digits and what else names have; never a path that leads out of the directory. */
static bool
is_name(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= TSN_ZONE_NAME || s[0] == '/' || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z') && !(s[i] >= '0' && s[i] <= '9') && strchr("_+-/", s[i]) == NULL)
			return false;
	return true;
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum tsn_zone_status
tsn_zone_load(const char *dir, const char *name, struct tsn_arena *arena, struct tsn_zone **out)
{
	struct tsn_buf text = TSN_BUF_INIT;
	char path[512];
	int err;

	*out = NULL;
	if (!is_directory(dir))
		return TSN_ZONE_NO_DATA;
	if (!is_name(name) || (size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path) || is_directory(path))
		return TSN_ZONE_UNKNOWN;
	err = tsn_buf_read_file(&text, path, FILE_MAX);
	if (err == 0)
		*out = tsn_zone_parse((const uint8_t *)tsn_buf_str(&text), text.len, arena);
	tsn_buf_fini(&text);
	if (err != 0)
		return err == ENOMEM ? TSN_ZONE_MEMORY : TSN_ZONE_UNKNOWN;
	return *out != NULL ? TSN_ZONE_OK : TSN_ZONE_BAD;
}

struct listing {
	const char *dir;
	void (*visit)(void *arg, const char *name);
	void *arg;
};

static void
list(const struct listing *l, const char *under, int depth)
{
	char path[512], name[TSN_ZONE_NAME];
	struct dirent *e;
	DIR *d;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", l->dir, under) >= sizeof(path) || (d = opendir(path)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		int n = snprintf(name, sizeof(name), "%s%s%s", under, *under != '\0' ? "/" : "", e->d_name);

		/* posix/ and right/ hold all of them again; other files have lower-case names */
		if (n < 0 || (size_t)n >= sizeof(name) || !is_name(name) || name[0] < 'A' || name[0] > 'Z')
			continue;
		snprintf(path, sizeof(path), "%s/%s", l->dir, name);
		if (!is_directory(path))
			l->visit(l->arg, name);
		else if (depth < 3)
			list(l, name, depth + 1);
	}
	closedir(d);
}

void
tsn_zone_each(const char *dir, void (*visit)(void *arg, const char *name), void *arg)
{
	struct listing l = { dir, visit, arg };

	list(&l, "", 0);
}
