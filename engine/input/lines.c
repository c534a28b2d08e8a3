/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/lines.h"

#include <string.h>

void
tsn_lines_init(struct tsn_lines *l, struct tsn_reader *r)
{
	*l = (struct tsn_lines){ .reader = r };
	if (tsn_reader_need(r, 3) >= 3 && memcmp(r->buf + r->pos, "\xef\xbb\xbf", 3) == 0)
		tsn_reader_take(r, 3);
}

static void
take_last(struct tsn_lines *l)
{
	tsn_reader_take(l->reader, l->taken);
	l->taken = 0;
}

/* Where the next LF at or after [from] is, counted from the reader's position; [*have] if the input or the room ends first. */
static size_t
find_end(struct tsn_reader *r, size_t from, size_t *have)
{
	for (;;) {
		const uint8_t *p = r->buf + r->pos, *end;

		*have = r->end - r->pos;
		end = *have > from ? memchr(p + from, '\n', *have - from) : NULL;
		if (end != NULL)
			return (size_t)(end - p);
		from = *have;
		if (*have >= TSN_LINE_MAX || tsn_reader_need(r, *have + 1) == *have)
			return *have;
	}
}

/* Passes over what is left of a line that is too long. */
static void
skip_line(struct tsn_reader *r)
{
	size_t have, end;

	do {
		end = find_end(r, 0, &have);
		tsn_reader_take(r, end < have ? end + 1 : have);
	} while (end == have && have > 0);
}

static void
hand_out(struct tsn_lines *l, struct tsn_line *out, size_t end, size_t have)
{
	out->p = (const char *)l->reader->buf + l->reader->pos;
	out->n = end > 0 && out->p[end - 1] == '\r' ? end - 1 : end;
	out->unended = end == have;
	l->taken = end < have ? end + 1 : have;
}

bool
tsn_lines_next(struct tsn_lines *l, struct tsn_line *out)
{
	struct tsn_reader *r = l->reader;
	size_t have, end;

	take_last(l);
	end = find_end(r, 0, &have);
	if (have == 0)
		return false;
	*out = (struct tsn_line){ .p = "", .number = ++l->number, .offset = r->offset };
	if (end >= TSN_LINE_MAX) {
		out->too_long = true;
		skip_line(r);
		return true;
	}
	hand_out(l, out, end, have);
	return true;
}

bool
tsn_lines_more(struct tsn_lines *l, struct tsn_line *out)
{
	size_t have, end;

	if (out->unended)
		return false;
	end = find_end(l->reader, l->taken, &have);
	if (have == l->taken || end >= TSN_LINE_MAX)
		return false;
	l->number++;
	hand_out(l, out, end, have);
	return true;
}

/* --- objects --- */

/* What stands between objects: white space, the commas and brackets of an array. False at the end of input. */
static bool
skip_between(struct tsn_lines *l)
{
	struct tsn_reader *r = l->reader;

	for (;;) {
		while (r->pos < r->end) {
			uint8_t c = r->buf[r->pos];

			if (c == '\n')
				l->number++;
			else if (c != ' ' && c != '\t' && c != '\r' && c != ',' && c != '[' && c != ']')
				return true;
			tsn_reader_take(r, 1);
		}
		if (tsn_reader_need(r, 1) == 0)
			return false;
	}
}

struct scan {
	size_t at, lines;
	uint32_t depth;
	bool string, escaped;
};

/* Bytes that mean something in a string, and outside of one. */
enum { IN_STRING = 1, OUTSIDE = 2 };
static const uint8_t telling[256] = { ['\n'] = IN_STRING | OUTSIDE, ['"'] = IN_STRING | OUTSIDE, ['\\'] = IN_STRING,
	['{'] = OUTSIDE, ['}'] = OUTSIDE };

/* The first of [at, n) that is among these; [n] if there is none. */
static inline size_t
skip_plain(const uint8_t *p, size_t at, size_t n, uint8_t which)
{
	while (at < n && (telling[p[at]] & which) == 0)
		at++;
	return at;
}

/* Scans to the end of what is there. True when it has seen the object's end, or the line's where that ends it. */
static bool
scan_object(struct scan *s, const uint8_t *p, size_t n, bool pretty)
{
	for (; s->at < n; s->at++) {
		uint8_t c;

		if (!s->escaped && (s->at = skip_plain(p, s->at, n, s->string ? IN_STRING : OUTSIDE)) == n)
			return false;
		c = p[s->at];
		if (c == '\n') {
			if (!pretty)
				return true;
			s->lines++;
		}
		if (s->string) {
			if (s->escaped)
				s->escaped = false;
			else if (c == '\\')
				s->escaped = true;
			else if (c == '"')
				s->string = false;
		} else if (c == '"') {
			s->string = true;
		} else if (c == '{') {
			s->depth++;
		} else if (c == '}' && --s->depth == 0) {
			s->at++;
			return true;
		}
	}
	return false;
}

/* After something bad: to the next line, in a pretty-printed stream to the next that begins an object. */
static void
resume(struct tsn_lines *l)
{
	struct tsn_reader *r = l->reader;

	do {
		skip_line(r);
		l->number++;
		if (!l->pretty || !skip_between(l))
			return;
	} while (r->buf[r->pos] != '{');
}

enum tsn_object
tsn_lines_object(struct tsn_lines *l, struct tsn_line *out)
{
	struct tsn_reader *r = l->reader;
	struct scan s = { 0 };

	take_last(l);
	if (l->number == 0)
		l->number = 1;
	if (!skip_between(l))
		return TSN_OBJECT_END;
	*out = (struct tsn_line){ .p = "", .number = l->number, .offset = r->offset };
	if (r->buf[r->pos] != '{') {
		resume(l);
		return TSN_OBJECT_BAD;
	}
	while (!scan_object(&s, r->buf + r->pos, r->end - r->pos, l->pretty)) {
		if (s.at >= TSN_LINE_MAX) {
			resume(l);
			return TSN_OBJECT_LONG;
		}
		if (tsn_reader_need(r, s.at + 1) == s.at) {
			tsn_reader_take(r, s.at);
			return TSN_OBJECT_CUT;
		}
	}
	if (s.depth > 0) {
		resume(l);
		return TSN_OBJECT_BAD;
	}
	out->p = (const char *)r->buf + r->pos;
	out->n = l->taken = s.at;
	l->number += s.lines;
	return TSN_OBJECT;
}
