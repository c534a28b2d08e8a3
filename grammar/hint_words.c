/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Syntax errors that are wrong words: capitals, slips of the pen, words of other languages, bad names. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "grammar/hint.h"
#include "parser.tab.h"

/* ---- capital words: RULE, AND, When ---- */

static bool
lowered(const struct tsn_token *t, char *out, size_t size)
{
	size_t n = t->end - t->begin, i;

	if (t->kind != TSN_TOK_NAME || t->node == NULL || t->node->text == NULL || n >= size)
		return false;
	for (i = 0; i <= n; i++)
		out[i] = (char)tolower((unsigned char)t->node->text[i]);
	return strcmp(out, t->node->text) != 0 && tsn_word_token(out) != TSN_TOK_NAME;
}

bool
tsn_hint_capitals(const struct tsn_fault *f)
{
	char word[32];
	struct tsn_fault at = *f;

	if (!lowered(f->t, word, sizeof(word))) {
		if (f->before == NULL || !lowered(f->before, word, sizeof(word)))
			return false;
		at.t = f->before;
	} else if (!tsn_fault_fits(f, tsn_word_token(word))) {
		return false;
	}
	tsn_diag_hint(
	    tsn_fault_report(&at, TSN_E_WORD, "the language's own words are in lower case"),
	    "write %s", word);
	return true;
}

/* ---- excpet, adn, if ---- */

/* What other languages call it. */
static const struct {
	const char *theirs, *ours, *hint;
} habits[] = {
	{ "if", "when", "write when" },
	{ "condition", "when", "write when" },
	{ "match", "when", "write when" },
	{ "filter", "where", "write where" },
	{ "unless", "except", "write except" },
	{ "exclude", "except", "write except" },
	{ "ignore", "except", "write except" },
	{ "level", "severity", "write severity" },
	{ "priority", "severity", "write severity" },
	{ "description", "title", "write title or message" },
	{ "name", "title", "write title" },
	{ "msg", "message", "write message" },
	{ "references", "reference", "write reference" },
	{ "action", "then", "write then" },
	{ "id", "sid", "write sid" },
	{ "suppress", "alert", "write alert once per 10m" },
	{ "threshold", "when", "write when count() by KEY over 60s > N" },
	{ "timeframe", "over", "write over" },
	{ "within", "over", "write over" },
	{ "group", "by", "write by" },
	{ "include", "use", "write use" },
	{ "import", "use", "write use" },
	{ "var", "let", "write let" },
	{ "const", "let", "write let" },
	{ "list", "set", "write set" },
	{ "macro", "define", "write define" },
};

bool
tsn_hint_habit(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 40];
	size_t i;

	if (f->t->kind != TSN_TOK_NAME || tsn_fault_wants_operand(f))
		return false;
	tsn_fault_quote(f, f->t, word, sizeof(word));
	for (i = 0; i < sizeof(habits) / sizeof(*habits); i++) {
		if (strcmp(word, habits[i].theirs) != 0 ||
		    !tsn_fault_fits(f, tsn_word_token(habits[i].ours)))
			continue;
		snprintf(text, sizeof(text), "no word \"%s\" here", word);
		tsn_diag_hint(tsn_fault_report(f, TSN_E_WORD, text), "%s", habits[i].hint);
		return true;
	}
	return false;
}

/* Words that the parser would take here. */
static void
offer_fitting(const struct tsn_fault *f, struct tsn_nearest *near, const char *word)
{
	static const int words[] = { TSN_TOK_AND, TSN_TOK_OR, TSN_TOK_NOT, TSN_TOK_IN, TSN_TOK_HAS,
		TSN_TOK_BY, TSN_TOK_AT, TSN_TOK_OVER, TSN_TOK_PER, TSN_TOK_STEP, TSN_TOK_FOR,
		TSN_TOK_WHERE, TSN_TOK_ONCE, TSN_TOK_EACH, TSN_TOK_FIRES, TSN_TOK_QUIET,
		TSN_TOK_REPEAT, TSN_TOK_EVERY, TSN_TOK_FLOW, TSN_TOK_WAIT, TSN_TOK_ADDKW,
		TSN_TOK_REMOVE, TSN_TOK_TO, TSN_TOK_FROM, TSN_TOK_FILE, TSN_TOK_DYNAMIC };
	const char *clause;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (tsn_fault_fits(f, words[i]))
			tsn_nearest_offer(near, word, tsn_word_text(words[i]));
	if (f->t->depth != f->t->body_depth)
		return;
	clause = tsn_word_nearest_clause(word, (enum tsn_body)f->t->body);
	if (clause != NULL &&
	    (tsn_fault_fits(f, tsn_word_token(clause)) || tsn_fault_fits(f, TSN_TOK_SETTING)))
		tsn_nearest_offer(near, word, clause);
}

bool
tsn_hint_misspelt(const struct tsn_fault *f)
{
	struct tsn_nearest near = { NULL, 0 };
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 40];

	if (f->t->kind != TSN_TOK_NAME || tsn_fault_wants_operand(f))
		return false;
	tsn_fault_quote(f, f->t, word, sizeof(word));
	/* tcpdump's words are no slips: dst net 10.0.0.0/8. */
	if (strcmp(word, "net") == 0 || strcmp(word, "host") == 0 || strcmp(word, "port") == 0)
		return false;
	offer_fitting(f, &near, word);
	if (near.best == NULL)
		return false;
	snprintf(text, sizeof(text), "no word \"%s\" here", word);
	tsn_diag_hint(tsn_fault_report(f, TSN_E_WORD, text), "did you mean \"%s\"?", near.best);
	return true;
}

/* A word where a clause, a setting or a declaration may begin, and nothing is near. */
bool
tsn_hint_unknown_clause(const struct tsn_fault *f)
{
	static const char *const what[] = { "declaration", "word of a ruleset's header", "clause",
		"setting", "step of a test" };
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 60];

	if (f->t->kind != TSN_TOK_NAME || f->t->depth != f->t->body_depth || f->p->expr ||
	    tsn_fault_wants_operand(f))
		return false;
	if (!tsn_fault_fits(f, TSN_TOK_WHEN) && !tsn_fault_fits(f, TSN_TOK_RULE) &&
	    !tsn_fault_fits(f, TSN_TOK_SETTING) && !tsn_fault_fits(f, TSN_TOK_WAIT) &&
	    !(tsn_fault_fits(f, TSN_TOK_META) && tsn_fault_fits(f, '}')))
		return false;
	tsn_fault_quote(f, f->t, word, sizeof(word));
	snprintf(text, sizeof(text), "no %s \"%s\"", what[f->t->body], word);
	tsn_fault_report(f, TSN_E_WORD, text);
	return true;
}

/* ---- names ---- */

bool
tsn_hint_name(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 60];

	if (f->before == NULL)
		return false;
	if (f->t->kind == '-' && tsn_fault_is_word(f->before) && tsn_fault_is_word(f->t + 1) &&
	    f->t[1].begin == f->t->end && f->before->end == f->t->begin) {
		char next[TSN_QUOTED + 8];

		tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, "names have no -"), "write %s_%s",
		    tsn_fault_quote(f, f->before, word, sizeof(word)),
		    tsn_fault_quote(f, f->t + 1, next, sizeof(next)));
		return true;
	}
	if (f->t->kind == TSN_TOK_STRING && tsn_fault_fits(f, TSN_TOK_NAME) &&
	    !tsn_fault_wants_operand(f) && !tsn_fault_fits(f, TSN_TOK_STRING)) {
		tsn_fault_report(f, TSN_E_SYNTAX, "names are written without quotes");
		return true;
	}
	if (!tsn_fault_is_binding(f->before))
		return false;
	if (!tsn_fault_is_word(f->t) || f->t->kind == TSN_TOK_NAME ||
	    tsn_starts(f->p, f->p->pos - 1))
		return false;
	snprintf(text, sizeof(text), "\"%s\" is a word of the language and cannot be a name",
	    tsn_fault_quote(f, f->t, word, sizeof(word)));
	tsn_fault_report(f, TSN_E_RESERVED, text);
	return true;
}
