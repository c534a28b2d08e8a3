/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A strict reader of JSON (RFC 8259) for tests, independent of the writer:
 * says whether a text is one value and nothing else, without a key twice in
 * one object, without bytes that are no UTF-8; finds values by path.
 */
#ifndef TESTS_CHECK_JSON_H
#define TESTS_CHECK_JSON_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json {
	const char *p, *end;
	/* what is looked for: "tocsin.samples[1].src"; found as a slice of the text */
	const char *want;
	const char *found;
	size_t found_len;
	char path[512];
	bool bad;
};

static void json_value(struct json *j);

static inline int
json_peek(const struct json *j)
{
	return j->p < j->end ? (unsigned char)*j->p : -1;
}

static inline void
json_eat(struct json *j, const char *s)
{
	size_t n = strlen(s);

	if ((size_t)(j->end - j->p) >= n && memcmp(j->p, s, n) == 0)
		j->p += n;
	else
		j->bad = true;
}

/* One character of a string: true if it is well formed. Shortest forms only, no surrogates. */
static inline bool
json_utf8(struct json *j)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned c = (unsigned char)*j->p, n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
	unsigned v = n == 1 ? c : n == 2 ? c & 31 : n == 3 ? c & 15 : c & 7;

	if (n == 0 || j->end - j->p < (long)n)
		return false;
	for (unsigned i = 1; i < n; i++) {
		if (((unsigned char)j->p[i] & 0xc0) != 0x80)
			return false;
		v = v << 6 | ((unsigned char)j->p[i] & 0x3f);
	}
	j->p += n;
	return v >= least[n] && v <= 0x10ffff && !(v >= 0xd800 && v <= 0xdfff);
}

static inline void
json_string(struct json *j)
{
	json_eat(j, "\"");
	while (!j->bad && json_peek(j) != '"') {
		int c = json_peek(j);

		if (c < 0x20) {
			j->bad = true;
		} else if (c == '\\') {
			j->p++;
			if (json_peek(j) == 'u') {
				for (int i = 1; i <= 4; i++)
					j->bad |= j->end - j->p <= i || strchr("0123456789abcdefABCDEF", j->p[i]) == NULL;
				j->p += j->bad ? 0 : 5;
			} else {
				j->bad |= json_peek(j) <= 0 || strchr("\"\\/bfnrt", *j->p) == NULL;
				j->p += j->bad ? 0 : 1;
			}
		} else {
			j->bad |= !json_utf8(j);
		}
	}
	json_eat(j, "\"");
}

static inline void
json_digits(struct json *j)
{
	j->bad |= json_peek(j) < '0' || json_peek(j) > '9';
	while (json_peek(j) >= '0' && json_peek(j) <= '9')
		j->p++;
}

static inline void
json_number(struct json *j)
{
	if (json_peek(j) == '-')
		j->p++;
	if (json_peek(j) == '0')
		j->p++;
	else
		json_digits(j);
	if (json_peek(j) == '.') {
		j->p++;
		json_digits(j);
	}
	if (json_peek(j) == 'e' || json_peek(j) == 'E') {
		j->p++;
		if (json_peek(j) == '+' || json_peek(j) == '-')
			j->p++;
		json_digits(j);
	}
}

static inline void
json_object(struct json *j)
{
	struct { const char *p; size_t n; } seen[64];
	size_t count = 0, at = strlen(j->path);

	json_eat(j, "{");
	while (!j->bad && json_peek(j) != '}') {
		const char *key = j->p + 1;
		size_t n;

		if (count > 0)
			json_eat(j, ",");
		key = j->p + 1;
		json_string(j);
		n = (size_t)(j->p - key) - (j->bad ? 0 : 1);
		json_eat(j, ":");
		if (j->bad || count == 64 || at + n + 2 > sizeof(j->path)) {
			j->bad = true;
			return;
		}
		for (size_t i = 0; i < count; i++)
			j->bad |= seen[i].n == n && memcmp(seen[i].p, key, n) == 0;
		seen[count].p = key;
		seen[count++].n = n;
		snprintf(j->path + at, sizeof(j->path) - at, "%s%.*s", at > 0 ? "." : "", (int)n, key);
		json_value(j);
		j->path[at] = '\0';
	}
	json_eat(j, "}");
}

static inline void
json_array(struct json *j)
{
	size_t at = strlen(j->path);

	json_eat(j, "[");
	for (unsigned i = 0; !j->bad && json_peek(j) != ']'; i++) {
		if (i > 0)
			json_eat(j, ",");
		snprintf(j->path + at, sizeof(j->path) - at, "[%u]", i);
		json_value(j);
		j->path[at] = '\0';
	}
	json_eat(j, "]");
}

static void
json_value(struct json *j)
{
	const char *begin = j->p;

	switch (json_peek(j)) {
	case '{': json_object(j); break;
	case '[': json_array(j); break;
	case '"': json_string(j); break;
	case 't': json_eat(j, "true"); break;
	case 'f': json_eat(j, "false"); break;
	case 'n': json_eat(j, "null"); break;
	default:  json_number(j); break;
	}
	if (!j->bad && j->want != NULL && strcmp(j->path, j->want) == 0) {
		j->found = begin;
		j->found_len = (size_t)(j->p - begin);
	}
}

/* The writer puts no blanks; none are taken. */
static inline bool
json_valid(const char *text, size_t n)
{
	struct json j = { .p = text, .end = text + n };

	json_value(&j);
	return !j.bad && j.p == j.end;
}

/* The value at [path] as it is written, "" if there is none. Static: until the next call. */
static inline const char *
json_at(const char *text, const char *path)
{
	static char out[4096];
	struct json j = { .p = text, .end = text + strlen(text), .want = path };

	json_value(&j);
	snprintf(out, sizeof(out), "%.*s", j.bad ? 0 : (int)j.found_len, j.found != NULL ? j.found : "");
	return out;
}

#endif
