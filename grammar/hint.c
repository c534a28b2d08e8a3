/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Words a syntax error. The parser says which tokens would have fitted; the tokens around the
 * fault say what the author probably meant. Each rule below looks for one habit and either
 * reports it or leaves it to the next; the last one always reports.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/diag_list.h"
#include "grammar/hint.h"
#include "parser.tab.h"

bool
tsn_fault_fits(const struct tsn_fault *f, int token)
{
	return f->fits(f->arg, token);
}

/* The text of a token, short enough for a message. */
const char *
tsn_fault_quote(const struct tsn_fault *f, const struct tsn_token *t, char *buf, size_t size)
{
	size_t n = t->end - t->begin;

	snprintf(buf, size, "%.*s%s", n > TSN_QUOTED ? TSN_QUOTED : (int)n, f->p->text + t->begin,
	    n > TSN_QUOTED ? "..." : "");
	return buf;
}

struct tsn_diag *
tsn_fault_report(const struct tsn_fault *f, enum tsn_diag_code code, const char *what)
{
	return tsn_diag_error(f->p->diags, code, tsn_span_of(f->p, f->t->begin, f->t->end), "%s",
	    what);
}

bool
tsn_fault_is_word(const struct tsn_token *t)
{
	return t != NULL && t->node != NULL && t->end > t->begin &&
	    (t->node->kind == TSN_N_NAME || t->kind == TSN_TOK_NAME);
}

bool
tsn_fault_is_literal(const struct tsn_token *t)
{
	switch (t->kind) {
	case TSN_TOK_INT:
	case TSN_TOK_REAL:
	case TSN_TOK_DURATION:
	case TSN_TOK_SIZE:
	case TSN_TOK_STRING:
	case TSN_TOK_ADDRESS:
	case TSN_TOK_PREFIX:
	case TSN_TOK_DATE:
	case TSN_TOK_REGEX:
		return true;
	}
	return false;
}

/* An operand has just ended and only an operator or something new may follow. */
bool
tsn_fault_after_operand(const struct tsn_fault *f)
{
	return tsn_fault_fits(f, TSN_TOK_EQ) && tsn_fault_fits(f, TSN_TOK_AND);
}

bool
tsn_fault_wants_operand(const struct tsn_fault *f)
{
	return tsn_fault_fits(f, TSN_TOK_NAME) && tsn_fault_fits(f, TSN_TOK_INT) &&
	    tsn_fault_fits(f, '(');
}

/* let NAME, rule NAME: a name comes next. */
bool
tsn_fault_is_binding(const struct tsn_token *t)
{
	switch (t->kind) {
	case TSN_TOK_LET:
	case TSN_TOK_SETKW:
	case TSN_TOK_TABLE:
	case TSN_TOK_DEFINE:
	case TSN_TOK_RULE:
	case TSN_TOK_RULESET:
		return true;
	}
	return false;
}

/* ---- a clause outside a rule, a rule in a condition ---- */

/* Behind `dynamic` or `file "..."`, on the same line. */
static bool
after_option(const struct tsn_fault *f)
{
	return f->before != NULL &&
	    memchr(f->p->text + f->before->end, '\n', f->t->begin - f->before->end) == NULL;
}

static bool
tsn_hint_place(const struct tsn_fault *f)
{
	const char *option;
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 60];
	bool clause = tsn_word_starts(f->t->kind, TSN_BODY_RULE) &&
	    !tsn_word_starts(f->t->kind, TSN_BODY_TOP);

	tsn_fault_quote(f, f->t, word, sizeof(word));
	if (f->p->expr && (clause || tsn_word_starts(f->t->kind, TSN_BODY_TOP))) {
		snprintf(text, sizeof(text), "\"%s\" does not belong in a condition", word);
		tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, text),
		    "write the condition alone, as it stands after when");
		return true;
	}
	if (!tsn_fault_fits(f, TSN_TOK_RULE) || !clause)
		return false;
	option =
	    f->t->kind == TSN_TOK_META && after_option(f) ? tsn_word_nearest_option(word) : NULL;
	if (option != NULL) {
		snprintf(text, sizeof(text), "no option \"%s\" here", word);
		tsn_diag_hint(tsn_fault_report(f, TSN_E_WORD, text), "did you mean \"%s\"?",
		    option);
		return true;
	}
	snprintf(text, sizeof(text), "\"%s\" stands outside a rule", word);
	tsn_diag_hint(tsn_fault_report(f, TSN_E_SYNTAX, text),
	    "clauses stand between the braces of rule NAME { }");
	return true;
}

/* ---- the last word ---- */

static void
offer_expected(const struct tsn_fault *f, struct tsn_diag *d)
{
	static const struct {
		int token;
		const char *word;
	} list[] = {
		{ '{', "{" },
		{ '=', "=" },
		{ TSN_TOK_NAME, "a name" },
		{ TSN_TOK_STRING, "a string" },
		{ TSN_TOK_INT, "a number" },
		{ TSN_TOK_DURATION, "a duration" },
		{ TSN_TOK_OVER, "over" },
		{ TSN_TOK_PER, "per" },
		{ TSN_TOK_ONCE, "once" },
		{ TSN_TOK_EACH, "each" },
		{ TSN_TOK_FIRES, "fires" },
		{ TSN_TOK_QUIET, "quiet" },
		{ TSN_TOK_ADDKW, "add" },
		{ TSN_TOK_REMOVE, "remove" },
		{ TSN_TOK_TO, "to" },
		{ TSN_TOK_FROM, "from" },
		{ TSN_TOK_WHEN, "when" },
		{ TSN_TOK_IN, "in" },
		{ ',', "a comma" },
	};
	struct tsn_buf b = TSN_BUF_INIT;
	size_t i, n = 0;

	if ((tsn_fault_fits(f, TSN_TOK_TO) || tsn_fault_fits(f, TSN_TOK_FROM)) &&
	    tsn_fault_after_operand(f)) {
		tsn_diag_hint(d, "expected %s and the name of a set",
		    tsn_fault_fits(f, TSN_TOK_TO) ? "to" : "from");
		return;
	}
	if (tsn_fault_after_operand(f)) {
		tsn_diag_hint(d,
		    f->p->expr ? "expected an operator" : "expected an operator or something new");
		return;
	}
	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (tsn_fault_fits(f, list[i].token))
			tsn_buf_printf(&b, "%s%s", n++ > 0 ? " or " : "expected ", list[i].word);
	if (n > 0 && n <= 4)
		tsn_diag_hint(d, "%s", tsn_buf_str(&b));
	tsn_buf_fini(&b);
}

static void
tsn_hint_plain(const struct tsn_fault *f)
{
	char word[TSN_QUOTED + 8], text[TSN_QUOTED + 60];
	bool new = f->t->ends_body || tsn_starts(f->p, f->p->pos - 1) || f->t->end == f->t->begin;

	if (f->before == NULL && new && f->t->end == f->t->begin)
		snprintf(text, sizeof(text), "there is nothing here");
	else if (f->before != NULL && tsn_fault_fits(f, TSN_TOK_NAME) &&
	    !tsn_fault_wants_operand(f))
		snprintf(text, sizeof(text), "a %s is missing after \"%s\"",
		    tsn_fault_fits(f, TSN_TOK_STRING) ? "value" : "name",
		    tsn_fault_quote(f, f->before, word, sizeof(word)));
	else if (f->before != NULL && new)
		snprintf(text, sizeof(text), "something is missing after \"%s\"",
		    tsn_fault_quote(f, f->before, word, sizeof(word)));
	else
		snprintf(text, sizeof(text), "\"%s\" does not fit here",
		    tsn_fault_quote(f, f->t, word, sizeof(word)));
	offer_expected(f, tsn_fault_report(f, TSN_E_SYNTAX, text));
}

void
tsn_hint_syntax(struct tsn_parse *p, size_t i, bool (*fit)(const void *, int token),
    const void *arg)
{
	struct tsn_fault f = { p, &p->tokens.v[i], i > 0 ? &p->tokens.v[i - 1] : NULL, fit, arg };
	size_t begin = tsn_clause_begin(p, i), end = tsn_clause_end(p, i);
	struct tsn_span clause = tsn_span_of(p, p->tokens.v[begin].begin, p->tokens.v[end].begin);

	/* A bracket put in by balance.c was reported there; a bad literal in this clause by the scanner. */
	if (!f.t->virtual && !tsn_diags_error_in(p->diags, clause) && !tsn_hint_place(&f) &&
	    !tsn_hint_equals(&f) && !tsn_hint_clause_equals(&f) && !tsn_hint_severity(&f) &&
	    !tsn_hint_no_equals(&f) && !tsn_hint_capitals(&f) && !tsn_hint_name(&f) &&
	    !tsn_hint_has(&f) && !tsn_hint_habit(&f) && !tsn_hint_misspelt(&f) &&
	    !tsn_hint_no_operator(&f) && !tsn_hint_comma(&f) && !tsn_hint_window(&f) &&
	    !tsn_hint_brace(&f) && !tsn_hint_string(&f) && !tsn_hint_unknown_clause(&f) &&
	    !tsn_hint_operand(&f))
		tsn_hint_plain(&f);
	tsn_diags_poison(p->diags, clause);
}
