/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Addresses, dates, strings, regular expressions, words: text of a token to a leaf node. */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "grammar/internal.h"
#include "parser.tab.h"

static struct tsn_node *
leaf(struct tsn_parse *p, enum tsn_node_kind kind, size_t begin, size_t end)
{
	return tsn_node_new(p, kind, tsn_span_of(p, begin, end));
}

/* Already reported: the node stands for "some value". */
static struct tsn_node *
bad(struct tsn_parse *p, size_t begin, size_t end)
{
	return leaf(p, TSN_N_ERROR, begin, end);
}

struct tsn_node *
tsn_lit_word(struct tsn_parse *p, enum tsn_node_kind kind, size_t begin, size_t end)
{
	struct tsn_node *n = leaf(p, kind, begin, end);
	size_t len = end - begin;

	if (n == NULL)
		return NULL;
	if (len > TSN_WORD_MAX) {
		tsn_diag_error(p->diags, TSN_E_OVERLONG, n->span, "a name ends at %u letters, this has %zu",
		    TSN_WORD_MAX, len);
		n->kind = TSN_N_ERROR;
	}
	if (kind == TSN_N_NAME && len > 2 && p->text[end - 1] == '*') {
		n->all = true;
		len -= 2;
	}
	n->text = tsn_arena_strndup(p->arena, p->text + begin, len);
	n->len = (uint32_t)len;
	p->oom |= n->text == NULL;
	return n;
}

/* What is wrong with a text of digits and dots that is no IPv4 address. */
static const char *
dotted_fault(const char *s, size_t n)
{
	size_t i, parts = 1, digits = 0;
	unsigned value = 0;
	bool large = false, zero = false;

	for (i = 0; i <= n; i++) {
		if (i == n || s[i] == '.') {
			large |= digits > 3 || value > 255;
			zero |= digits > 1 && s[i - digits] == '0';
			parts += i < n;
			digits = value = 0;
		} else if (isdigit((unsigned char)s[i])) {
			value = value < 1000 ? value * 10 + (unsigned)(s[i] - '0') : value;
			digits++;
		} else {
			return "letters do not belong in an IPv4 address";
		}
	}
	if (parts != 4)
		return "an IPv4 address has four parts";
	if (large)
		return "each part of an IPv4 address ends at 255";
	return zero ? "parts of an address have no leading zeros" : "not an IPv4 address";
}

static bool
looks_like_mac(const char *s, size_t n)
{
	size_t i;

	if (n != 17)
		return false;
	for (i = 0; i < n; i++)
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

static void
address_fault(struct tsn_parse *p, size_t begin, size_t end)
{
	const char *s = p->text + begin;
	size_t n = end - begin;
	int shown = n > 60 ? 60 : (int)n;
	struct tsn_diag *d = tsn_diag_error(p->diags, TSN_E_ADDRESS, tsn_span_of(p, begin, end),
	    "%.*s%s is not an address", shown, s, n > 60 ? "..." : "");

	if (p->tokens.n > 0 && p->tokens.v[p->tokens.n - 1].kind == TSN_TOK_META)
		tsn_diag_hint(d, "write it as a string: \"%.*s\"", shown, s);
	else if (looks_like_mac(s, n))
		tsn_diag_hint(d, "a MAC address is written as a string: \"%.*s\"", shown, s);
	else if (memchr(s, ':', n) != NULL)
		tsn_diag_hint(d, "an IPv6 address has eight groups of up to four hexadecimal digits; "
		    ":: may stand once for the missing ones");
	else
		tsn_diag_hint(d, "%s", dotted_fault(s, n));
}

static struct tsn_node *
prefix(struct tsn_parse *p, size_t begin, size_t slash, size_t end)
{
	bool v6 = memchr(p->text + begin, ':', slash - begin) != NULL;
	struct tsn_prefix value;
	struct tsn_node *n;

	if (!tsn_prefix_parse(p->text + begin, end - begin, &value)) {
		tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_ADDRESS, tsn_span_of(p, slash, end),
		    "no prefix of an %s address is as long as %.*s", v6 ? "IPv6" : "IPv4",
		    end - slash > 9 ? 9 : (int)(end - slash), p->text + slash),
		    v6 ? "a prefix ends at 128 (and begins at 96 in ::ffff:0:0)" : "a prefix ends at 32");
		return bad(p, begin, end);
	}
	n = leaf(p, TSN_N_PREFIX, begin, end);
	if (n != NULL) {
		n->addr = value.addr;
		n->plen = value.len;
	}
	return n;
}

struct tsn_node *
tsn_lit_address(struct tsn_parse *p, size_t begin, size_t end, int *kind)
{
	const char *slash = memchr(p->text + begin, '/', end - begin);
	size_t host = slash == NULL ? end : (size_t)(slash - p->text);
	struct tsn_addr addr;
	struct tsn_node *n;

	*kind = slash == NULL ? TSN_TOK_ADDRESS : TSN_TOK_PREFIX;
	if (!tsn_addr_parse(p->text + begin, host - begin, &addr)) {
		address_fault(p, begin, host);
		return bad(p, begin, end);
	}
	if (slash != NULL)
		return prefix(p, begin, host, end);
	n = leaf(p, TSN_N_ADDRESS, begin, end);
	if (n != NULL)
		n->addr = addr;
	return n;
}

struct tsn_node *
tsn_lit_date(struct tsn_parse *p, size_t begin, size_t end)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const char *s = p->text + begin;
	int y = (s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10 + s[3] - '0';
	int m = (s[5] - '0') * 10 + s[6] - '0', d = (s[8] - '0') * 10 + s[9] - '0';
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	struct tsn_node *n;

	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > days[m - 1] + (m == 2 && leap)) {
		tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_DATE, tsn_span_of(p, begin, end),
		    "there is no date %.10s", s), "dates are year-month-day, from 1970 on");
		return bad(p, begin, end);
	}
	n = leaf(p, TSN_N_DATE, begin, end);
	if (n != NULL)
		n->i = tsn_days_from_date(y, m, d) * 86400;
	return n;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the escape at text[i] (a backslash); returns the bytes it took, 0 if there is no such escape. */
static size_t
unescape(const char *s, size_t left, char *out)
{
	static const char from[] = "\"\\nrt", to[] = "\"\\\n\r\t";
	const char *hit;

	if (left < 2)
		return 0;
	hit = s[1] != '\0' ? strchr(from, s[1]) : NULL;
	if (hit != NULL) {
		*out = to[hit - from];
		return 2;
	}
	/* Bytes that would end a C string or break UTF-8 cannot be written. */
	if (s[1] != 'x' || left < 4 || hex_digit(s[2]) < 0 || hex_digit(s[3]) < 0)
		return 0;
	*out = (char)(hex_digit(s[2]) * 16 + hex_digit(s[3]));
	return *out > 0 && (unsigned char)*out < 0x80 ? 4 : 0;
}

static bool
string_body(struct tsn_parse *p, size_t begin, size_t end, char *out, uint32_t *len)
{
	bool ok = true;
	size_t i = begin, took;

	for (*len = 0; i < end; i += took) {
		took = 1;
		if (p->text[i] != '\\') {
			out[(*len)++] = p->text[i];
			continue;
		}
		took = unescape(p->text + i, end - i, &out[*len]);
		if (took == 0) {
			tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_STRING, tsn_span_of(p, i, i + 2),
			    "no such escape in a string"),
			    "there are \\\" \\\\ \\n \\r \\t and \\x01 to \\x7f");
			took = 2;
			ok = false;
		} else {
			(*len)++;
		}
	}
	return ok;
}

struct tsn_node *
tsn_lit_string(struct tsn_parse *p, size_t begin, size_t end)
{
	struct tsn_node *n = leaf(p, TSN_N_STRING, begin, end);
	bool closed = false;
	size_t i;
	char *out;

	if (n == NULL)
		return NULL;
	/* The pattern ends at the first quote that is not escaped, or at the end of the line. */
	for (i = begin + 1; i < end; i++) {
		if (p->text[i] == '\\')
			i++;
		else if (p->text[i] == '"')
			closed = true;
	}
	if (!closed)
		tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_STRING, n->span,
		    "this string does not end"), "the closing \" is missing on this line");
	else if (end - begin > TSN_STRING_MAX)
		tsn_diag_error(p->diags, TSN_E_OVERLONG, n->span, "a string ends at %u bytes", TSN_STRING_MAX);
	else if ((out = tsn_arena_alloc(p->arena, end - begin)) == NULL)
		p->oom = true;
	else if (string_body(p, begin + 1, end - 1, out, &n->len)) {
		n->text = out;
		return n;
	}
	n->len = 0; /* of no text */
	n->kind = TSN_N_ERROR;
	return n;
}

struct tsn_node *
tsn_lit_regex(struct tsn_parse *p, size_t begin, size_t end)
{
	struct tsn_node *n = leaf(p, TSN_N_REGEX, begin, end);
	size_t i, close = 0;

	if (n == NULL)
		return NULL;
	for (i = begin + 1; i < end && close == 0; i++) {
		if (p->text[i] == '\\')
			i++;
		else if (p->text[i] == '/')
			close = i;
	}
	if (close == 0)
		tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_REGEX, n->span,
		    "this regular expression does not end"),
		    "the closing / is missing on this line; a / inside is written \\/");
	else if (end - begin > TSN_STRING_MAX)
		tsn_diag_error(p->diags, TSN_E_OVERLONG, n->span, "a regular expression ends at %u bytes",
		    TSN_STRING_MAX);
	else {
		n->text = tsn_arena_strndup(p->arena, p->text + begin + 1, close - begin - 1);
		n->len = (uint32_t)(close - begin - 1);
		n->flags = tsn_arena_strndup(p->arena, p->text + close + 1, end - close - 1);
		p->oom |= n->text == NULL || n->flags == NULL;
		return n;
	}
	n->kind = TSN_N_ERROR;
	return n;
}
