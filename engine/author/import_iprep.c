/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Suricata's reputation lists: "192.0.2.1,3,100" is an address, a category by its number and a score of 127; each category a set. */
#include <stdio.h>
#include <string.h>

#include "author/import.h"

#define CATEGORIES 60 /* Suricata's own bound */

struct row {
	struct tsn_str member;
	int64_t category, score;
};

/* Cells between commas; how many there are. */
static size_t
cells(struct tsn_str s, struct tsn_str *out, size_t max)
{
	size_t n = 0;

	for (;;) {
		const char *comma = memchr(s.p, ',', s.n);
		const uint32_t len = comma == NULL ? s.n : (uint32_t)(comma - s.p);

		if (n < max)
			out[n] = tsn_import_trim((struct tsn_str){ s.p, len });
		n++;
		if (comma == NULL)
			return n;
		s = (struct tsn_str){ comma + 1, s.n - len - 1 };
	}
}

static bool
row_of(struct tsn_str line, struct row *r)
{
	struct tsn_str c[3];

	if (cells(line, c, 3) != 3 || !tsn_import_is_member(c[0]) || !tsn_import_int(c[1], &r->category) || !tsn_import_int(c[2], &r->score))
		return false;
	r->member = c[0];
	return r->category >= 1 && r->category < CATEGORIES && r->score <= 127;
}

bool
tsn_import_is_iprep(const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;
	struct row r;

	while (tsn_import_line(&l, &line)) {
		line = tsn_import_trim(line);
		if (line.n > 0 && line.p[0] != '#')
			return row_of(line, &r);
	}
	return false;
}

/* "1,BadHosts,Known bad hosts" */
static struct tsn_str
name_of(const struct tsn_import *im, int64_t category, char fallback[16])
{
	const char *text = im->options->categories;
	struct tsn_import_lines l = { text, text == NULL ? NULL : text + strlen(text), 0 };
	struct tsn_str line, c[2];
	int64_t number;

	while (text != NULL && tsn_import_line(&l, &line))
		if (cells(line, c, 2) >= 2 && tsn_import_int(c[0], &number) && number == category && c[1].n > 0)
			return c[1];
	snprintf(fallback, 16, "category_%d", (int)category);
	return (struct tsn_str){ fallback, (uint32_t)strlen(fallback) };
}

bool
tsn_import_iprep(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	size_t group[CATEGORIES] = { 0 }; /* 1 + its number, 0: not yet */
	struct tsn_str line;
	struct row r;
	char fallback[16];

	while (tsn_import_line(&l, &line)) {
		line = tsn_import_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (!row_of(line, &r)) {
			tsn_import_bad(im, l.number, line);
			continue;
		}
		if (r.score < im->options->least_score) {
			tsn_import_leave_out(im, "members with a lower score");
			continue;
		}
		if (group[r.category] == 0)
			group[r.category] = 1 + tsn_import_group(im, name_of(im, r.category, fallback));
		if (!tsn_import_add(im, r.member, group[r.category] - 1))
			tsn_import_bad(im, l.number, line);
	}
	return true;
}
