/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Characters that the language does not use, and what people mean by them. */
#include <string.h>

#include "base/buf.h"
#include "grammar/internal.h"

static const struct {
	const char *text;
	const char *hint;
} known[] = {
	{ ";", "clauses need no ; between them, and comments begin with #" },
	{ ":", "a word and its value stand side by side, without :" },
	{ "[", "sets are written in braces: { 1, 2 }" },
	{ "]", "sets are written in braces: { 1, 2 }" },
	{ "'", "strings take double quotes" },
	{ "`", "strings take double quotes" },
	{ "$", "names are written without $" },
	{ "@", "names are written without @" },
	{ "\xe2\x80\x9c", "strings take plain double quotes: \"" },
	{ "\xe2\x80\x9d", "strings take plain double quotes: \"" },
	{ "\xe2\x80\x98", "strings take plain double quotes: \"" },
	{ "\xe2\x80\x99", "strings take plain double quotes: \"" },
	{ "\xc2\xa0", "this is a space that cannot break; write a plain one" },
	{ "\xe2\x80\x93", "this is a dash; a minus is -" },
	{ "\xe2\x88\x92", "this is a dash; a minus is -" },
	{ "\xe2\x89\xa0", "write !=" },
	{ "\xe2\x89\xa4", "write <=" },
	{ "\xe2\x89\xa5", "write >=" },
	{ "\xef\xbb\xbf", "a byte order mark may only begin a file" },
};

static unsigned
code_point(const char *s, size_t n)
{
	unsigned c = (unsigned char)s[0];
	size_t i;

	if (n == 1)
		return c;
	c &= 0xffu >> (n + 1);
	for (i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	return c;
}

static const char *
find_hint(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i].text) == n && memcmp(known[i].text, s, n) == 0)
			return known[i].hint;
	return NULL;
}

void
tsn_lit_stray(struct tsn_parse *p, size_t begin, size_t end)
{
	const char *s = p->text + begin, *hint;
	size_t n = tsn_utf8_len(s, end - begin);
	struct tsn_span span = tsn_span_of(p, begin, n == 0 ? begin + 1 : begin + n);
	struct tsn_diag *d;

	/* Said at its opening bracket. */
	if (s[0] == ']' && memchr(p->text, '[', begin) != NULL)
		return;
	if (n == 0)
		d = tsn_diag_error(p->diags, TSN_E_CHARACTER, span, "the byte 0x%02x is not UTF-8 text",
		    (unsigned)(unsigned char)s[0]);
	else if (s[0] == '\0')
		d = tsn_diag_error(p->diags, TSN_E_CHARACTER, span, "a NUL byte does not belong in a rule file");
	else if (n == 1 && ((unsigned char)s[0] < 0x20 || s[0] == 0x7f))
		d = tsn_diag_error(p->diags, TSN_E_CHARACTER, span,
		    "the control character 0x%02x does not belong here", (unsigned)s[0]);
	else if (n == 1)
		d = tsn_diag_error(p->diags, TSN_E_CHARACTER, span, "the language has no %c", s[0]);
	else
		d = tsn_diag_error(p->diags, TSN_E_CHARACTER, span,
		    "the character %.*s (U+%04X) belongs only in strings and comments", (int)n, s, code_point(s, n));
	hint = n > 0 ? find_hint(s, n) : NULL;
	if (hint != NULL)
		tsn_diag_hint(d, "%s", hint);
}
