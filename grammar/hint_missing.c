/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Syntax errors that are omissions: operators, commas, windows, braces, values, the second = of ==. */
#include <stdio.h>
#include <string.h>

#include "grammar/hint.h"
#include "parser.tab.h"

/* ---- dst port 25, proto tcp, dst_port 25 ---- */

static const char *
literal_operator(const struct tsn_token *t)
{
	return t->kind == TSN_TOK_PREFIX ? "in" : t->kind == TSN_TOK_REGEX ? "~" : "==";
}

/* [first] and [t] are words: tcpdump and nfdump put a blank where we put _ or ==. */
static void
tsn_hint_two_words(const struct tsn_fault *f, const char *first, const struct tsn_token *next)
{
	static const char *const sides[][2] = { { "source", "src" }, { "destination", "dst" },
		{ "dest", "dst" } };
	char second[TSN_QUOTED + 8], value[TSN_QUOTED + 8];
	struct tsn_diag *d;
	bool host, net;
	size_t i;

	tsn_fault_quote(f, f->t, second, sizeof(second));
	for (i = 0; i < sizeof(sides) / sizeof(*sides); i++)
		if (strcmp(first, sides[i][0]) == 0)
			first = sides[i][1];
	host =
	    strcmp(second, "ip") == 0 || strcmp(second, "host") == 0 || strcmp(second, "addr") == 0;
	net = strcmp(second, "net") == 0;
	d = tsn_fault_report(f, TSN_E_SYNTAX, "an operator is missing before this");
	if (!tsn_fault_is_literal(next) && next->kind != TSN_TOK_NAME) {
		tsn_diag_hint(d, "write %s == %s", first, second);
		return;
	}
	tsn_fault_quote(f, next, value, sizeof(value));
	if (host || net)
		tsn_diag_hint(d, "write %s %s %s", first, net ? "in" : literal_operator(next),
		    value);
	else
		tsn_diag_hint(d, "write %s_%s %s %s", first, second, literal_operator(next), value);
}

bool
tsn_hint_no_operator(const struct tsn_fault *f)
{
	char first[TSN_QUOTED + 8], value[TSN_QUOTED + 8];

	if (!tsn_fault_after_operand(f) || !tsn_fault_is_word(f->before) ||
	    f->before->kind != TSN_TOK_NAME)
		return false;
	tsn_fault_quote(f, f->before, first, sizeof(first));
	if (f->t->kind == TSN_TOK_NAME) {
		tsn_hint_two_words(f, first, f->t + 1);
		return true;
	}
	if (!tsn_fault_is_literal(f->t))
		return false;
	tsn_fault_quote(f, f->t, value, sizeof(value));
	tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, "an operator is missing before this"),
	    "write %s %s %s", first, literal_operator(f->t), value);
	return true;
}

/* ---- = and == in the wrong place ---- */

bool
tsn_hint_equals(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8];

	if (f->t->kind == TSN_TOK_EQ && tsn_fault_fits(f, '=')) {
		tsn_diag_hint(
		    tsn_fault_report(f, TSN_E_ASSIGN, "== compares, here a value is given"),
		    "write =");
		return true;
	}
	if (f->t->kind != '=' || f->before == NULL || !tsn_fault_is_word(f->before))
		return false;
	if (f->t->depth != f->t->body_depth || tsn_fault_wants_operand(f) == false)
		return false;
	tsn_fault_quote(f, f->before, word, sizeof(word));
	tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, "no = stands here"),
	    "write %s and the value", word);
	return true;
}

/* flow { src 10.0.0.1 } */
bool
tsn_hint_no_equals(const struct tsn_fault *f)
{
	char name[TSN_QUOTED + 8], value[TSN_QUOTED + 8];

	if (!tsn_fault_fits(f, '=') || tsn_fault_fits(f, TSN_TOK_AND) ||
	    !tsn_fault_is_word(f->before) ||
	    !(tsn_fault_is_literal(f->t) || tsn_fault_is_word(f->t)))
		return false;
	tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, "a = is missing before this"),
	    "write %s = %s", tsn_fault_quote(f, f->before, name, sizeof(name)),
	    tsn_fault_quote(f, f->t, value, sizeof(value)));
	return true;
}

bool
tsn_hint_severity(const struct tsn_fault *f)
{
	if (f->before == NULL || f->before->kind != TSN_TOK_SEVERITY ||
	    !tsn_fault_fits(f, TSN_TOK_NAME))
		return false;
	tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, "severity takes a level"),
	    "info, low, medium, high or critical");
	return true;
}

bool
tsn_hint_clause_equals(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8];

	if (f->t->kind != '=' || f->before == NULL || tsn_fault_fits(f, '=') ||
	    tsn_fault_is_binding(f->before) || f->t->depth != f->t->body_depth)
		return false;
	if (!tsn_starts(f->p, f->p->pos >= 2 ? f->p->pos - 2 : 0))
		return false;
	tsn_fault_quote(f, f->before, word, sizeof(word));
	tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, "a clause takes no ="),
	    "write %s and its value", word);
	return true;
}

/* ---- what is missing ---- */

bool
tsn_hint_window(const struct tsn_fault *f)
{
	struct tsn_diag *d;

	if (!tsn_fault_fits(f, TSN_TOK_OVER) || !tsn_fault_fits(f, '/') || tsn_fault_fits(f, '+'))
		return false;
	d = tsn_fault_report(f, TSN_E_SCOPE, "a window is missing after by");
	tsn_diag_hint(d, "over 60s slides, per 60s follows the clock");
	return true;
}

bool
tsn_hint_brace(const struct tsn_fault *f)
{
	const struct tsn_token *t = f->t;
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 60];

	if (!tsn_fault_fits(f, '{') || tsn_fault_wants_operand(f) || t->kind == '{' ||
	    tsn_fault_fits(f, TSN_TOK_AND))
		return false;
	if (t->end == t->begin)
		snprintf(text, sizeof(text), "a { is missing at the end");
	else
		snprintf(text, sizeof(text), "a { is missing before \"%s\"",
		    tsn_fault_quote(f, t, word, sizeof(word)));
	tsn_fault_report(f, TSN_E_SYNTAX, text);
	return true;
}

/* { 1 2 }, flow { src = 10.0.0.1 dst = 10.0.0.2 }, sum(bytes dst_port == 53) */
bool
tsn_hint_comma(const struct tsn_fault *f)
{
	static const char *const where = "where";
	struct tsn_fault at = *f;

	if (!tsn_fault_fits(f, ',') || f->t->depth == f->t->body_depth)
		return false;
	if (tsn_fault_is_word(f->before) && f->before > f->p->tokens.v &&
	    tsn_fault_is_word(f->before - 1) &&
	    tsn_nearest(f->before->node->text, &where, 1) != NULL) {
		at.t = f->before;
		tsn_diag_hint(tsn_fault_report(&at, TSN_E_WORD, "no word like this here"),
		    "did you mean \"where\"?");
		return true;
	}
	if (tsn_fault_is_word(f->t) || tsn_fault_is_literal(f->t)) {
		tsn_fault_report(f, TSN_E_SYNTAX, "a comma is missing before this");
		return true;
	}
	/* Two words were taken for an option and its value. */
	if (tsn_fault_after_operand(f) || !tsn_fault_is_word(f->before) ||
	    f->before == f->p->tokens.v || !tsn_fault_is_word(f->before - 1))
		return false;
	at.t = f->before;
	tsn_diag_hint(tsn_fault_report(&at, TSN_E_SYNTAX, "an operator is missing before this"),
	    "a condition inside a call follows where: sum(bytes where dst_port == 53)");
	return true;
}

bool
tsn_hint_has(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8];

	if (f->before == NULL || f->before->kind != TSN_TOK_HAS || tsn_fault_wants_operand(f) ||
	    !tsn_fault_is_word(f->t))
		return false;
	tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, "has asks with brackets"), "write has(%s)",
	    tsn_fault_quote(f, f->t, word, sizeof(word)));
	return true;
}

bool
tsn_hint_operand(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 60];

	if (!tsn_fault_wants_operand(f) || f->before == NULL)
		return false;
	if (f->before->kind == '(' || f->before->kind == ',' || f->before->end == f->before->begin)
		snprintf(text, sizeof(text), "a value is missing here");
	else
		snprintf(text, sizeof(text), "a value is missing after \"%s\"",
		    tsn_fault_quote(f, f->before, word, sizeof(word)));
	tsn_fault_report(f, TSN_E_SYNTAX, text);
	return true;
}

bool
tsn_hint_string(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8];
	struct tsn_diag *d;

	if (!tsn_fault_fits(f, TSN_TOK_STRING) || tsn_fault_fits(f, TSN_TOK_NAME))
		return false;
	d = tsn_fault_report(f, TSN_E_SYNTAX, "a string in double quotes is expected here");
	if (tsn_fault_is_word(f->t))
		tsn_diag_hint(d, "write \"%s\"", tsn_fault_quote(f, f->t, word, sizeof(word)));
	return true;
}
