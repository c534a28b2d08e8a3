/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Files of Zeek's intelligence framework: tabs between columns that a #fields line names; Intel::ADDR and Intel::SUBNET are for us. */
#include <stdio.h>
#include <string.h>

#include "author/import.h"

bool
tsn_import_is_zeek(const char *text, size_t n)
{
	return n >= 8 && memcmp(text, "#fields\t", 8) == 0;
}

/* The [i]-th piece between tabs. */
static bool
piece(struct tsn_str line, size_t i, struct tsn_str *out)
{
	for (;;) {
		const char *tab = memchr(line.p, '\t', line.n);
		const uint32_t len = tab == NULL ? line.n : (uint32_t)(tab - line.p);

		if (i-- == 0) {
			*out = tsn_import_trim((struct tsn_str){ line.p, len });
			return true;
		}
		if (tab == NULL)
			return false;
		line = (struct tsn_str){ tab + 1, line.n - len - 1 };
	}
}

static bool
columns(struct tsn_str header, size_t *indicator, size_t *type)
{
	struct tsn_str name;

	*indicator = *type = SIZE_MAX;
	for (size_t i = 1; piece(header, i, &name); i++) {
		if (tsn_import_same(name, "indicator"))
			*indicator = i - 1;
		else if (tsn_import_same(name, "indicator_type"))
			*type = i - 1;
	}
	return *indicator != SIZE_MAX && *type != SIZE_MAX;
}

bool
tsn_import_zeek(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line, what, type;
	size_t indicator, kind;
	char why[80];

	if (!tsn_import_is_zeek(text, n) || !tsn_import_line(&l, &line) || !columns(line, &indicator, &kind))
		return tsn_import_fail(im, 1, 1, "the first line names no #fields indicator and indicator_type, with tabs between them");
	while (tsn_import_line(&l, &line)) {
		if (tsn_import_trim(line).n == 0 || line.p[0] == '#')
			continue;
		if (!piece(line, indicator, &what) || !piece(line, kind, &type)) {
			tsn_import_bad(im, l.number, line);
		} else if (tsn_import_same(type, "Intel::ADDR") || tsn_import_same(type, "Intel::SUBNET")) {
			if (!tsn_import_add(im, what, 0))
				tsn_import_bad(im, l.number, what);
		} else if (tsn_import_begins(type, "Intel::")) {
			snprintf(why, sizeof(why), "indicators of type %.*s", type.n > 40 ? 40 : (int)type.n, type.p);
			tsn_import_leave_out(im, why);
		} else {
			tsn_import_bad(im, l.number, line);
		}
	}
	return true;
}
