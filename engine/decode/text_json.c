/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * JSON objects: checked against RFC 8259 first, then taken apart by jsmn, which trusts what it is given. Numbers
 * stay text until their column is known, so that those of 64 bits are exact.
 */
#include <string.h>

#include "base/mem.h"
#include "decode/text_record.h"

#ifdef TSN_HAVE_JSMN

#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#define TOKENS 4096 /* of one object */
#define PATH   128  /* bytes of a name with those of the objects around it */

struct json {
	jsmntok_t tokens[TOKENS];
	char path[PATH];
	char names[8192]; /* of the object that is to be recognised */
	size_t names_len;
};

bool
tsn_text_has_json(void)
{
	return true;
}

bool
tsn_text_json_new(struct tsn_text *t)
{
	t->json = tsn_malloc(sizeof(struct json));
	return t->json != NULL;
}

void
tsn_text_json_free(struct tsn_text *t)
{
	tsn_free(t->json);
}

/* --- strings --- */

static unsigned
read_hex(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 4 | (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
	return v;
}

static char *
put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 63));
		*to++ = (char)(0x80 | (c >> 6 & 63));
		*to++ = (char)(0x80 | (c & 63));
	}
	return to;
}

/* "\uD83D\uDE00" is one character; half of such a pair alone becomes U+FFFD. [p] is behind the u. */
static const char *
unescape_u(const char *p, const char *end, char **to)
{
	unsigned c = read_hex(p), low;

	p += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		low = read_hex(p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			*to = put_utf8(*to, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return p + 6;
		}
	}
	*to = put_utf8(*to, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return p;
}

/* The characters of a string that check_string has passed; never longer than it is written. */
static const char *
unescape(struct tsn_text *t, const char *p, size_t *n)
{
	static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
	const char *end = p + *n, *at;
	char *copy, *to;

	if (memchr(p, '\\', *n) == NULL)
		return p;
	copy = to = tsn_text_scratch(t, *n);
	while (copy != NULL && p < end) {
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		p += 2;
		if (p[-1] == 'u')
			p = unescape_u(p, end, &to);
		else
			*to++ = (at = strchr(from, p[-1])) != NULL ? into[at - from] : p[-1];
	}
	*n = copy != NULL ? (size_t)(to - copy) : 0;
	return copy;
}

/* --- objects --- */

struct walk {
	struct tsn_text *t;
	struct json *j;
	const char *p;
	int n; /* tokens */
	enum tsn_text_status status;
	/* A value with the name under which it stands; false ends the walk. */
	bool (*leaf)(struct walk *w, size_t path, const jsmntok_t *v);
};

/* The token behind [i] and all that is inside it. */
static int
past(const struct walk *w, int i)
{
	int end = w->j->tokens[i].end;

	for (i++; i < w->n && w->j->tokens[i].start < end; i++)
		;
	return i;
}

/* Calls [leaf] for what is in the object at token [i], whose own name takes [prefix] bytes of the path. */
static int
walk_object(struct walk *w, int i, size_t prefix, unsigned depth)
{
	const jsmntok_t *tok = w->j->tokens;
	int end = tok[i].end;

	for (i++; i < w->n && tok[i].start < end; ) {
		size_t len = (size_t)(tok[i].end - tok[i].start);
		int value = i + 1;

		if (value >= w->n || w->status != TSN_TEXT_ROWS)
			return w->n;
		if (prefix + len + 1 > PATH) {
			i = past(w, value);
			continue;
		}
		memcpy(w->j->path + prefix, w->p + tok[i].start, len);
		if (tok[value].type == JSMN_OBJECT && depth < 4) {
			w->j->path[prefix + len] = '.';
			i = walk_object(w, value, prefix + len + 1, depth + 1);
			continue;
		}
		if (!w->leaf(w, prefix + len, &tok[value]))
			return w->n;
		i = past(w, value);
	}
	return i;
}

static bool
is_null(const char *p, const jsmntok_t *v)
{
	return v->type == JSMN_PRIMITIVE && p[v->start] == 'n';
}

/* Of an array the first value counts (the outermost VLAN); of flags' names all do. */
static const jsmntok_t *
in_array(const struct tsn_text_column *c, const jsmntok_t *v)
{
	if (v->type != JSMN_ARRAY || c->conv == TSN_CV_FLAGS)
		return v;
	return v->size > 0 && v[1].type != JSMN_ARRAY ? v + 1 : NULL;
}

static bool
take_value(struct walk *w, size_t path, const jsmntok_t *v)
{
	struct tsn_text *t = w->t;
	struct tsn_text_column *c = tsn_text_find(t, w->j->path, path);
	const char *p;
	size_t n;

	if (c == NULL || (v = in_array(c, v)) == NULL || is_null(w->p, v) || v->type == JSMN_OBJECT)
		return true;
	p = w->p + v->start;
	n = (size_t)(v->end - v->start);
	if (v->type == JSMN_STRING)
		p = unescape(t, p, &n);
	if (p == NULL) {
		w->status = tsn_text_fail(t, TSN_TEXT_BAD, "its strings are too long");
		return false;
	}
	if (n == 0 && !(c->conv == TSN_CV_STR && tsn_text_is_own(t)))
		return true;
	w->status = tsn_text_cell(t, c, p, n);
	return w->status == TSN_TEXT_ROWS;
}

static bool
take_name(struct walk *w, size_t path, const jsmntok_t *v)
{
	struct tsn_text_names *names = &w->t->names;
	struct json *j = w->j;

	(void)v;
	if (names->n == TSN_TEXT_BOUND || path > sizeof(j->names) - j->names_len)
		return false;
	memcpy(j->names + j->names_len, j->path, path);
	names->v[names->n++] = (struct tsn_text_name){ j->names + j->names_len, (uint32_t)path };
	j->names_len += path;
	return true;
}

static bool
recognise(struct walk *w)
{
	w->t->names.n = 0;
	w->j->names_len = 0;
	w->leaf = take_name;
	walk_object(w, 0, 0, 0);
	return tsn_text_bind_objects(w->t);
}

enum tsn_text_status
tsn_text_object(struct tsn_text *t, const char *p, size_t n)
{
	struct walk w = { .t = t, .j = t->json, .p = p, .status = TSN_TEXT_ROWS };
	jsmn_parser parser;

	if (!tsn_json_valid(p, n))
		return tsn_text_fail(t, TSN_TEXT_BAD, "it is no JSON object, or nested too deeply");
	jsmn_init(&parser);
	w.n = jsmn_parse(&parser, p, n, w.j->tokens, TOKENS);
	if (w.n <= 0)
		return tsn_text_fail(t, TSN_TEXT_BAD, "it has more than %d values", TOKENS);
	if (!t->known && !recognise(&w))
		return tsn_text_fail(t, TSN_TEXT_UNKNOWN, "it is a JSON object of no known kind");
	tsn_text_begin(t);
	w.leaf = take_value;
	walk_object(&w, 0, 0, 0);
	if (w.status != TSN_TEXT_ROWS)
		return w.status;
	if (tsn_record_empty(&t->rec))
		return tsn_text_fail(t, TSN_TEXT_NO_FLOW, "an object that names no field");
	return tsn_text_emit(t);
}

#else

bool
tsn_text_has_json(void)
{
	return false;
}

bool
tsn_text_json_new(struct tsn_text *t)
{
	(void)t;
	return true;
}

void
tsn_text_json_free(struct tsn_text *t)
{
	(void)t;
}

enum tsn_text_status
tsn_text_object(struct tsn_text *t, const char *p, size_t n)
{
	(void)p;
	(void)n;
	return tsn_text_fail(t, TSN_TEXT_UNKNOWN, "JSON cannot be read by this build: jsmn was not there");
}

#endif
