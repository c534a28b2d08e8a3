/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules of Suricata and Snort that are nothing but lists: "alert ip [192.0.2.0/24,...] any -> $HOME_NET any (...)". The
 * addresses of either side are taken; ports and contents are not, and it is said how many rules had them.
 */
#include <string.h>

#include "author/import.h"
#include "base/arena.h"

static bool
is_action(struct tsn_str s)
{
	static const char *const actions[] = { "alert", "drop", "reject", "pass", "rejectsrc", "rejectdst", "rejectboth" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (tsn_import_same(s, actions[i]))
			return true;
	return false;
}

bool
tsn_import_is_suricata(const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		struct tsn_str rest = tsn_import_trim(line), word;

		if (rest.n == 0 || rest.p[0] == '#')
			continue;
		word = tsn_import_word(&rest);
		return is_action(word) && memchr(line.p, '(', line.n) != NULL;
	}
	return false;
}

/* Addresses of one side; how many there were. A list in a list, a variable or a ! is not for us. */
static size_t
side(struct tsn_import *im, size_t number, struct tsn_str s)
{
	size_t n = 0;

	if (s.n > 1 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = (struct tsn_str){ s.p + 1, s.n - 2 };
	if (s.n == 0 || s.p[0] == '$' || s.p[0] == '!' || tsn_import_same(s, "any"))
		return 0;
	for (;;) {
		const char *comma = memchr(s.p, ',', s.n);
		const uint32_t len = comma == NULL ? s.n : (uint32_t)(comma - s.p);
		const struct tsn_str one = tsn_import_trim((struct tsn_str){ s.p, len });

		if (tsn_import_add(im, one, 0))
			n++;
		else if (one.n > 0 && (one.p[0] == '$' || one.p[0] == '!'))
			tsn_import_leave_out(im, "variables and negations in lists");
		else
			tsn_import_bad(im, number, one);
		if (comma == NULL)
			return n;
		s = (struct tsn_str){ comma + 1, s.n - len - 1 };
	}
}

/* A side or its ports: a word, or brackets with blanks in them. */
static struct tsn_str
part(struct tsn_str *rest)
{
	const char *close = rest->n > 0 && rest->p[0] == '[' ? memchr(rest->p, ']', rest->n) : NULL;
	struct tsn_str s;

	if (close == NULL)
		return tsn_import_word(rest);
	s = (struct tsn_str){ rest->p, (uint32_t)(close + 1 - rest->p) };
	*rest = tsn_import_trim((struct tsn_str){ close + 1, rest->n - s.n });
	return s;
}

static void
rule(struct tsn_import *im, size_t number, struct tsn_str line)
{
	struct tsn_str rest = line, src, sport, dst, dport;
	const struct tsn_str action = tsn_import_word(&rest);
	size_t n;

	tsn_import_word(&rest); /* protocol */
	src = part(&rest);
	sport = part(&rest);
	tsn_import_word(&rest); /* direction */
	dst = part(&rest);
	dport = part(&rest);
	if (!is_action(action) || rest.n == 0 || rest.p[0] != '(') {
		tsn_import_bad(im, number, line);
		return;
	}
	if (tsn_import_same(action, "pass")) {
		tsn_import_leave_out(im, "rules that let pass");
		return;
	}
	n = side(im, number, src) + side(im, number, dst);
	if (n == 0)
		tsn_import_leave_out(im, "rules without addresses");
	else if (!tsn_import_same(sport, "any") || !tsn_import_same(dport, "any"))
		tsn_import_leave_out(im, "ports that rules narrow their addresses to");
	if (memmem(rest.p, rest.n, "content:", 8) != NULL || memmem(rest.p, rest.n, "pcre:", 5) != NULL)
		tsn_import_leave_out(im, "contents that rules look for");
}

bool
tsn_import_suricata(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_import_lines l = { text, text + n, 0 };
	struct tsn_str line;

	while (tsn_import_line(&l, &line)) {
		line = tsn_import_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			tsn_import_find_date(im, line);
		else
			rule(im, l.number, line);
	}
	return true;
}
