/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* One address, prefix or range a line, and words behind it; # and ; begin comments, as in FireHOL's and Spamhaus' old texts. */
#include <string.h>

#include "author/import.h"

static struct tsn_str
without_comment(struct tsn_str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (s.p[i] == '#' || s.p[i] == ';')
			s.n = i;
	return tsn_import_trim(s);
}

/* "10.0.0.1 - 10.0.0.9" is a range, "10.0.0.1 - scanner" an address and words. */
static struct tsn_str
member_of(struct tsn_str s)
{
	struct tsn_str rest = s, word = tsn_import_word(&rest);

	return tsn_import_is_member(s) ? s : word;
}

bool
tsn_import_is_plain(const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		line = without_comment(line);
		if (line.n > 0)
			return tsn_import_is_member(member_of(line));
	}
	return false;
}

bool
tsn_import_plain(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		const struct tsn_str bare = without_comment(line);

		if (bare.n == 0)
			tsn_import_find_date(im, line);
		else if (!tsn_import_add(im, member_of(bare), 0))
			tsn_import_bad(im, l.number, bare);
	}
	return true;
}
