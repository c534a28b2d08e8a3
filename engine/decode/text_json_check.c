/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* RFC 8259 by the letter, without recursion: what passes can be taken apart by a reader that trusts it. */
#include <string.h>

#include "decode/text_record.h"

struct check {
	const char *p, *end;
};

static void
skip_space(struct check *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool
hex4(struct check *c)
{
	for (int i = 0; i < 4; i++, c->p++)
		if (c->p == c->end || strchr("0123456789abcdefABCDEF", *c->p) == NULL || *c->p == '\0')
			return false;
	return true;
}

/* To the next byte that is not just itself in a string. */
static inline void
skip_plain(struct check *c)
{
	const char *p = c->p, *const end = c->end;

	while (p < end && *p != '"' && *p != '\\' && (uint8_t)*p >= 32)
		p++;
	c->p = p;
}

static bool
check_string(struct check *c)
{
	if (c->p == c->end || *c->p++ != '"')
		return false;
	for (;;) {
		uint8_t ch;

		skip_plain(c);
		if (c->p == c->end)
			return false;
		ch = (uint8_t)*c->p++;
		if (ch == '"')
			return true;
		if (ch < 32)
			return false;
		if (c->p == c->end || *c->p == '\0' || strchr("\"\\/bfnrtu", *c->p) == NULL)
			return false;
		if (*c->p++ == 'u' && !hex4(c))
			return false;
	}
}

static bool
digits(struct check *c)
{
	const char *from = c->p;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return c->p > from;
}

static bool
check_number(struct check *c)
{
	c->p += *c->p == '-';
	if (c->p < c->end && *c->p == '0')
		c->p++;
	else if (!digits(c))
		return false;
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (!digits(c))
			return false;
	}
	if (c->p < c->end && (*c->p | 32) == 'e') {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
			c->p++;
		return digits(c);
	}
	return true;
}

static bool
check_word(struct check *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return false;
	c->p += n;
	return true;
}

static bool
check_scalar(struct check *c)
{
	switch (c->p < c->end ? *c->p : '\0') {
	case '"': return check_string(c);
	case 't': return check_word(c, "true");
	case 'f': return check_word(c, "false");
	case 'n': return check_word(c, "null");
	case '\0': return false;
	default:  return check_number(c);
	}
}

static bool
check_key(struct check *c)
{
	skip_space(c);
	if (!check_string(c))
		return false;
	skip_space(c);
	return c->p < c->end && *c->p++ == ':';
}

/* [close] is what closes each of the objects and arrays that are open. */
static bool
check_json(struct check *c)
{
	char close[TSN_JSON_DEPTH];
	unsigned depth = 0;
	bool value = true; /* what comes next is a value, not what follows one */

	for (;;) {
		skip_space(c);
		if (value && c->p < c->end && (*c->p == '{' || *c->p == '[')) {
			if (depth == TSN_JSON_DEPTH)
				return false;
			close[depth++] = *c->p++ == '{' ? '}' : ']';
			skip_space(c);
			value = c->p == c->end || *c->p != close[depth - 1];
			if (value && close[depth - 1] == '}' && !check_key(c))
				return false;
			continue;
		}
		if (value) {
			if (depth == 0 || !check_scalar(c))
				return false;
			value = false;
			continue;
		}
		if (c->p == c->end)
			return false;
		if (*c->p == close[depth - 1]) {
			c->p++;
			if (--depth == 0)
				return c->p == c->end;
		} else if (*c->p++ != ',' || (close[depth - 1] == '}' && !check_key(c))) {
			return false;
		} else {
			value = true;
		}
	}
}

bool
tsn_json_valid(const char *p, size_t n)
{
	return n > 0 && *p == '{' && check_json(&(struct check){ p, p + n });
}
