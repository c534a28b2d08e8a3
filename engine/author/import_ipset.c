/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* ipset save: "create NAME hash:net family inet ...", "add NAME 192.0.2.0/24 timeout 60". One set of theirs, one of ours. */
#include <string.h>

#include "author/import.h"

bool
tsn_import_is_ipset(const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		line = tsn_import_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (tsn_import_begins(line, "create "))
			return memmem(line.p, line.n, "hash:", 5) != NULL || memmem(line.p, line.n, "bitmap:", 7) != NULL;
		return tsn_import_begins(line, "add ");
	}
	return false;
}

static void
add(struct tsn_import *im, size_t number, struct tsn_str line, struct tsn_str rest)
{
	const struct tsn_str set = tsn_import_word(&rest), member = tsn_import_word(&rest);
	struct tsn_str option;
	size_t group;

	while ((option = tsn_import_word(&rest)).n > 0) {
		if (tsn_import_same(option, "nomatch")) {
			tsn_import_leave_out(im, "members with nomatch");
			return;
		}
	}
	if (memchr(member.p, ',', member.n) != NULL) {
		tsn_import_leave_out(im, "members that are more than an address (a port, an interface)");
		return;
	}
	group = set.n == 0 ? SIZE_MAX : tsn_import_group(im, set);
	if (group == SIZE_MAX || !tsn_import_add(im, member, group))
		tsn_import_bad(im, number, line);
}

bool
tsn_import_ipset(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		struct tsn_str rest = tsn_import_trim(line);
		const struct tsn_str verb = tsn_import_word(&rest);

		if (verb.n == 0 || verb.p[0] == '#' || tsn_import_same(verb, "create") || tsn_import_same(verb, "COMMIT"))
			tsn_import_find_date(im, line);
		else if (tsn_import_same(verb, "add") || tsn_import_same(verb, "-A"))
			add(im, l.number, line, rest);
		else
			tsn_import_bad(im, l.number, line);
	}
	return true;
}
