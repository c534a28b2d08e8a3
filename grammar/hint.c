/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Words a syntax error. The parser says which tokens would have fitted; the tokens around the
 * fault say what the author probably meant. Each rule below looks for one habit and either
 * reports it or leaves it to the next; the last one always reports.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "grammar/diag_list.h"
#include "grammar/internal.h"
#include "parser.tab.h"

struct fault {
	struct tsn_parse *p;
	const struct tsn_token *t;      /* the token that does not fit */
	const struct tsn_token *before; /* NULL at the beginning */
	bool (*fits)(const void *, int token);
	const void *arg;
};

#define QUOTED 40

static bool
fits(const struct fault *f, int token)
{
	return f->fits(f->arg, token);
}

/* The text of a token, short enough for a message. */
static const char *
quote(const struct fault *f, const struct tsn_token *t, char *buf, size_t size)
{
	size_t n = t->end - t->begin;

	snprintf(buf, size, "%.*s%s", n > QUOTED ? QUOTED : (int)n, f->p->text + t->begin, n > QUOTED ? "..." : "");
	return buf;
}

static struct tsn_diag *
report(const struct fault *f, enum tsn_diag_code code, const char *what)
{
	return tsn_diag_error(f->p->diags, code, tsn_span_of(f->p, f->t->begin, f->t->end), "%s", what);
}

static bool
is_word(const struct tsn_token *t)
{
	return t != NULL && t->node != NULL && t->end > t->begin &&
	    (t->node->kind == TSN_N_NAME || t->kind == TSN_TOK_NAME);
}

static bool
is_literal(const struct tsn_token *t)
{
	switch (t->kind) {
	case TSN_TOK_INT: case TSN_TOK_REAL: case TSN_TOK_DURATION: case TSN_TOK_SIZE: case TSN_TOK_STRING:
	case TSN_TOK_ADDRESS: case TSN_TOK_PREFIX: case TSN_TOK_DATE: case TSN_TOK_REGEX:
		return true;
	}
	return false;
}

/* An operand has just ended and only an operator or something new may follow. */
static bool
after_operand(const struct fault *f)
{
	return fits(f, TSN_TOK_EQ) && fits(f, TSN_TOK_AND);
}

static bool
wants_operand(const struct fault *f)
{
	return fits(f, TSN_TOK_NAME) && fits(f, TSN_TOK_INT) && fits(f, '(');
}

/* let NAME, rule NAME: a name comes next. */
static bool
is_binding(const struct tsn_token *t)
{
	switch (t->kind) {
	case TSN_TOK_LET: case TSN_TOK_SETKW: case TSN_TOK_TABLE: case TSN_TOK_DEFINE: case TSN_TOK_RULE: case TSN_TOK_RULESET:
		return true;
	}
	return false;
}

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

static bool
hint_capitals(const struct fault *f)
{
	char word[32];
	struct fault at = *f;

	if (!lowered(f->t, word, sizeof(word))) {
		if (f->before == NULL || !lowered(f->before, word, sizeof(word)))
			return false;
		at.t = f->before;
	} else if (!fits(f, tsn_word_token(word))) {
		return false;
	}
	tsn_diag_hint(report(&at, TSN_E_WORD, "the language's own words are in lower case"), "write %s", word);
	return true;
}

/* ---- dst port 25, proto tcp, dst_port 25 ---- */

static const char *
literal_operator(const struct tsn_token *t)
{
	return t->kind == TSN_TOK_PREFIX ? "in" : t->kind == TSN_TOK_REGEX ? "~" : "==";
}

/* [first] and [t] are words: tcpdump and nfdump put a blank where we put _ or ==. */
static void
hint_two_words(const struct fault *f, const char *first, const struct tsn_token *next)
{
	static const char *const sides[][2] = { { "source", "src" }, { "destination", "dst" }, { "dest", "dst" } };
	char second[QUOTED + 8], value[QUOTED + 8];
	struct tsn_diag *d;
	bool host, net;
	size_t i;

	quote(f, f->t, second, sizeof(second));
	for (i = 0; i < sizeof(sides) / sizeof(*sides); i++)
		if (strcmp(first, sides[i][0]) == 0)
			first = sides[i][1];
	host = strcmp(second, "ip") == 0 || strcmp(second, "host") == 0 || strcmp(second, "addr") == 0;
	net = strcmp(second, "net") == 0;
	d = report(f, TSN_E_SYNTAX, "an operator is missing before this");
	if (!is_literal(next) && next->kind != TSN_TOK_NAME) {
		tsn_diag_hint(d, "write %s == %s", first, second);
		return;
	}
	quote(f, next, value, sizeof(value));
	if (host || net)
		tsn_diag_hint(d, "write %s %s %s", first, net ? "in" : literal_operator(next), value);
	else
		tsn_diag_hint(d, "write %s_%s %s %s", first, second, literal_operator(next), value);
}

static bool
hint_no_operator(const struct fault *f)
{
	char first[QUOTED + 8], value[QUOTED + 8];

	if (!after_operand(f) || !is_word(f->before) || f->before->kind != TSN_TOK_NAME)
		return false;
	quote(f, f->before, first, sizeof(first));
	if (f->t->kind == TSN_TOK_NAME) {
		hint_two_words(f, first, f->t + 1);
		return true;
	}
	if (!is_literal(f->t))
		return false;
	quote(f, f->t, value, sizeof(value));
	tsn_diag_hint(report(f, TSN_E_SYNTAX, "an operator is missing before this"), "write %s %s %s", first,
	    literal_operator(f->t), value);
	return true;
}

/* ---- excpet, adn, if ---- */

/* What other languages call it; "" for what takes more than a word. */
static const struct { const char *theirs, *ours, *hint; } habits[] = {
	{ "if", "when", "write when" }, { "condition", "when", "write when" }, { "match", "when", "write when" },
	{ "filter", "where", "write where" }, { "unless", "except", "write except" },
	{ "exclude", "except", "write except" }, { "ignore", "except", "write except" },
	{ "level", "severity", "write severity" }, { "priority", "severity", "write severity" },
	{ "description", "title", "write title or message" }, { "name", "title", "write title" },
	{ "msg", "message", "write message" }, { "references", "reference", "write reference" },
	{ "action", "then", "write then" }, { "id", "sid", "write sid" }, { "suppress", "alert", "write alert once per 10m" },
	{ "threshold", "when", "write when count() by KEY over 60s > N" },
	{ "timeframe", "over", "write over" }, { "within", "over", "write over" },
	{ "group", "by", "write by" }, { "include", "use", "write use" }, { "import", "use", "write use" },
	{ "var", "let", "write let" }, { "const", "let", "write let" }, { "list", "set", "write set" },
	{ "macro", "define", "write define" },
};

static bool
hint_habit(const struct fault *f)
{
	char word[QUOTED + 8], text[QUOTED + 40];
	size_t i;

	if (f->t->kind != TSN_TOK_NAME || wants_operand(f))
		return false;
	quote(f, f->t, word, sizeof(word));
	for (i = 0; i < sizeof(habits) / sizeof(*habits); i++) {
		if (strcmp(word, habits[i].theirs) != 0 || !fits(f, tsn_word_token(habits[i].ours)))
			continue;
		snprintf(text, sizeof(text), "no word \"%s\" here", word);
		tsn_diag_hint(report(f, TSN_E_WORD, text), "%s", habits[i].hint);
		return true;
	}
	return false;
}

/* Words that the parser would take here. */
static void
offer_fitting(const struct fault *f, struct tsn_nearest *near, const char *word)
{
	static const int words[] = { TSN_TOK_AND, TSN_TOK_OR, TSN_TOK_NOT, TSN_TOK_IN, TSN_TOK_HAS, TSN_TOK_BY, TSN_TOK_AT,
		TSN_TOK_OVER, TSN_TOK_PER, TSN_TOK_STEP, TSN_TOK_FOR, TSN_TOK_WHERE, TSN_TOK_ONCE, TSN_TOK_EACH, TSN_TOK_FIRES,
		TSN_TOK_QUIET, TSN_TOK_REPEAT, TSN_TOK_EVERY, TSN_TOK_FLOW, TSN_TOK_WAIT, TSN_TOK_ADDKW, TSN_TOK_REMOVE, TSN_TOK_TO,
		TSN_TOK_FROM, TSN_TOK_FILE, TSN_TOK_DYNAMIC };
	const char *clause;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (fits(f, words[i]))
			tsn_nearest_offer(near, word, tsn_word_text(words[i]));
	if (f->t->depth != f->t->body_depth)
		return;
	clause = tsn_word_nearest_clause(word, (enum tsn_body)f->t->body);
	if (clause != NULL && (fits(f, tsn_word_token(clause)) || fits(f, TSN_TOK_SETTING)))
		tsn_nearest_offer(near, word, clause);
}

static bool
hint_misspelt(const struct fault *f)
{
	struct tsn_nearest near = { NULL, 0 };
	char word[QUOTED + 8], text[QUOTED + 40];

	if (f->t->kind != TSN_TOK_NAME || wants_operand(f))
		return false;
	quote(f, f->t, word, sizeof(word));
	/* tcpdump's words are no slips: dst net 10.0.0.0/8. */
	if (strcmp(word, "net") == 0 || strcmp(word, "host") == 0 || strcmp(word, "port") == 0)
		return false;
	offer_fitting(f, &near, word);
	if (near.best == NULL)
		return false;
	snprintf(text, sizeof(text), "no word \"%s\" here", word);
	tsn_diag_hint(report(f, TSN_E_WORD, text), "did you mean \"%s\"?", near.best);
	return true;
}

/* A word where a clause, a setting or a declaration may begin, and nothing is near. */
static bool
hint_unknown_clause(const struct fault *f)
{
	static const char *const what[] = { "declaration", "word of a ruleset's header", "clause", "setting",
		"step of a test" };
	char word[QUOTED + 8], text[QUOTED + 60];

	if (f->t->kind != TSN_TOK_NAME || f->t->depth != f->t->body_depth || f->p->expr || wants_operand(f))
		return false;
	if (!fits(f, TSN_TOK_WHEN) && !fits(f, TSN_TOK_RULE) && !fits(f, TSN_TOK_SETTING) && !fits(f, TSN_TOK_WAIT) &&
	    !(fits(f, TSN_TOK_META) && fits(f, '}')))
		return false;
	quote(f, f->t, word, sizeof(word));
	snprintf(text, sizeof(text), "no %s \"%s\"", what[f->t->body], word);
	report(f, TSN_E_WORD, text);
	return true;
}

/* ---- = and == in the wrong place ---- */

static bool
hint_equals(const struct fault *f)
{
	char word[QUOTED + 8];

	if (f->t->kind == TSN_TOK_EQ && fits(f, '=')) {
		tsn_diag_hint(report(f, TSN_E_ASSIGN, "== compares, here a value is given"), "write =");
		return true;
	}
	if (f->t->kind != '=' || f->before == NULL || !is_word(f->before))
		return false;
	if (f->t->depth != f->t->body_depth || wants_operand(f) == false)
		return false;
	quote(f, f->before, word, sizeof(word));
	tsn_diag_hint(report(f, TSN_E_SYNTAX, "no = stands here"), "write %s and the value", word);
	return true;
}

/* flow { src 10.0.0.1 } */
static bool
hint_no_equals(const struct fault *f)
{
	char name[QUOTED + 8], value[QUOTED + 8];

	if (!fits(f, '=') || fits(f, TSN_TOK_AND) || !is_word(f->before) || !(is_literal(f->t) || is_word(f->t)))
		return false;
	tsn_diag_hint(report(f, TSN_E_SYNTAX, "a = is missing before this"), "write %s = %s",
	    quote(f, f->before, name, sizeof(name)), quote(f, f->t, value, sizeof(value)));
	return true;
}

static bool
hint_severity(const struct fault *f)
{
	if (f->before == NULL || f->before->kind != TSN_TOK_SEVERITY || !fits(f, TSN_TOK_NAME))
		return false;
	tsn_diag_hint(report(f, TSN_E_SYNTAX, "severity takes a level"), "info, low, medium, high or critical");
	return true;
}

static bool
hint_clause_equals(const struct fault *f)
{
	char word[QUOTED + 8];

	if (f->t->kind != '=' || f->before == NULL || fits(f, '=') || is_binding(f->before) || f->t->depth != f->t->body_depth)
		return false;
	if (!tsn_starts(f->p, f->p->pos >= 2 ? f->p->pos - 2 : 0))
		return false;
	quote(f, f->before, word, sizeof(word));
	tsn_diag_hint(report(f, TSN_E_SYNTAX, "a clause takes no ="), "write %s and its value", word);
	return true;
}

/* ---- names ---- */

static bool
hint_name(const struct fault *f)
{
	char word[QUOTED + 8], text[QUOTED + 60];

	if (f->before == NULL)
		return false;
	if (f->t->kind == '-' && is_word(f->before) && is_word(f->t + 1) && f->t[1].begin == f->t->end &&
	    f->before->end == f->t->begin) {
		char next[QUOTED + 8];

		tsn_diag_hint(report(f, TSN_E_SYNTAX, "names have no -"), "write %s_%s",
		    quote(f, f->before, word, sizeof(word)), quote(f, f->t + 1, next, sizeof(next)));
		return true;
	}
	if (f->t->kind == TSN_TOK_STRING && fits(f, TSN_TOK_NAME) && !wants_operand(f) && !fits(f, TSN_TOK_STRING)) {
		report(f, TSN_E_SYNTAX, "names are written without quotes");
		return true;
	}
	if (!is_binding(f->before))
		return false;
	if (!is_word(f->t) || f->t->kind == TSN_TOK_NAME || tsn_starts(f->p, f->p->pos - 1))
		return false;
	snprintf(text, sizeof(text), "\"%s\" is a word of the language and cannot be a name",
	    quote(f, f->t, word, sizeof(word)));
	report(f, TSN_E_RESERVED, text);
	return true;
}

/* ---- what is missing ---- */

static bool
hint_window(const struct fault *f)
{
	struct tsn_diag *d;

	if (!fits(f, TSN_TOK_OVER) || !fits(f, '/') || fits(f, '+'))
		return false;
	d = report(f, TSN_E_SCOPE, "a window is missing after by");
	tsn_diag_hint(d, "over 60s slides, per 60s follows the clock");
	return true;
}

static bool
hint_brace(const struct fault *f)
{
	const struct tsn_token *t = f->t;
	char word[QUOTED + 8], text[QUOTED + 60];

	if (!fits(f, '{') || wants_operand(f) || t->kind == '{' || fits(f, TSN_TOK_AND))
		return false;
	if (t->end == t->begin)
		snprintf(text, sizeof(text), "a { is missing at the end");
	else
		snprintf(text, sizeof(text), "a { is missing before \"%s\"", quote(f, t, word, sizeof(word)));
	report(f, TSN_E_SYNTAX, text);
	return true;
}

/* { 1 2 }, flow { src = 10.0.0.1 dst = 10.0.0.2 }, sum(bytes dst_port == 53) */
static bool
hint_comma(const struct fault *f)
{
	static const char *const where = "where";
	struct fault at = *f;

	if (!fits(f, ',') || f->t->depth == f->t->body_depth)
		return false;
	if (is_word(f->before) && f->before > f->p->tokens.v && is_word(f->before - 1) &&
	    tsn_nearest(f->before->node->text, &where, 1) != NULL) {
		at.t = f->before;
		tsn_diag_hint(report(&at, TSN_E_WORD, "no word like this here"), "did you mean \"where\"?");
		return true;
	}
	if (is_word(f->t) || is_literal(f->t)) {
		report(f, TSN_E_SYNTAX, "a comma is missing before this");
		return true;
	}
	/* Two words were taken for an option and its value. */
	if (after_operand(f) || !is_word(f->before) || f->before == f->p->tokens.v || !is_word(f->before - 1))
		return false;
	at.t = f->before;
	tsn_diag_hint(report(&at, TSN_E_SYNTAX, "an operator is missing before this"),
	    "a condition inside a call follows where: sum(bytes where dst_port == 53)");
	return true;
}

static bool
hint_has(const struct fault *f)
{
	char word[QUOTED + 8];

	if (f->before == NULL || f->before->kind != TSN_TOK_HAS || wants_operand(f) || !is_word(f->t))
		return false;
	tsn_diag_hint(report(f, TSN_E_SYNTAX, "has asks with brackets"), "write has(%s)",
	    quote(f, f->t, word, sizeof(word)));
	return true;
}

static bool
hint_operand(const struct fault *f)
{
	char word[QUOTED + 8], text[QUOTED + 60];

	if (!wants_operand(f) || f->before == NULL)
		return false;
	if (f->before->kind == '(' || f->before->kind == ',' || f->before->end == f->before->begin)
		snprintf(text, sizeof(text), "a value is missing here");
	else
		snprintf(text, sizeof(text), "a value is missing after \"%s\"",
		    quote(f, f->before, word, sizeof(word)));
	report(f, TSN_E_SYNTAX, text);
	return true;
}

static bool
hint_string(const struct fault *f)
{
	char word[QUOTED + 8];
	struct tsn_diag *d;

	if (!fits(f, TSN_TOK_STRING) || fits(f, TSN_TOK_NAME))
		return false;
	d = report(f, TSN_E_SYNTAX, "a string in double quotes is expected here");
	if (is_word(f->t))
		tsn_diag_hint(d, "write \"%s\"", quote(f, f->t, word, sizeof(word)));
	return true;
}

/* ---- a clause outside a rule, a rule in a condition ---- */

/* Behind `dynamic` or `file "..."`, on the same line. */
static bool
after_option(const struct fault *f)
{
	return f->before != NULL && memchr(f->p->text + f->before->end, '\n', f->t->begin - f->before->end) == NULL;
}

static bool
hint_place(const struct fault *f)
{
	const char *option;
	char word[QUOTED + 8], text[QUOTED + 60];
	bool clause = tsn_word_starts(f->t->kind, TSN_BODY_RULE) && !tsn_word_starts(f->t->kind, TSN_BODY_TOP);

	quote(f, f->t, word, sizeof(word));
	if (f->p->expr && (clause || tsn_word_starts(f->t->kind, TSN_BODY_TOP))) {
		snprintf(text, sizeof(text), "\"%s\" does not belong in a condition", word);
		tsn_diag_hint(report(f, TSN_E_SYNTAX, text), "write the condition alone, as it stands after when");
		return true;
	}
	if (!fits(f, TSN_TOK_RULE) || !clause)
		return false;
	option = f->t->kind == TSN_TOK_META && after_option(f) ? tsn_word_nearest_option(word) : NULL;
	if (option != NULL) {
		snprintf(text, sizeof(text), "no option \"%s\" here", word);
		tsn_diag_hint(report(f, TSN_E_WORD, text), "did you mean \"%s\"?", option);
		return true;
	}
	snprintf(text, sizeof(text), "\"%s\" stands outside a rule", word);
	tsn_diag_hint(report(f, TSN_E_SYNTAX, text), "clauses stand between the braces of rule NAME { }");
	return true;
}

/* ---- the last word ---- */

static void
offer_expected(const struct fault *f, struct tsn_diag *d)
{
	static const struct { int token; const char *word; } list[] = {
		{ '{', "{" }, { '=', "=" }, { TSN_TOK_NAME, "a name" }, { TSN_TOK_STRING, "a string" },
		{ TSN_TOK_INT, "a number" }, { TSN_TOK_DURATION, "a duration" }, { TSN_TOK_OVER, "over" },
		{ TSN_TOK_PER, "per" }, { TSN_TOK_ONCE, "once" }, { TSN_TOK_EACH, "each" }, { TSN_TOK_FIRES, "fires" },
		{ TSN_TOK_QUIET, "quiet" }, { TSN_TOK_ADDKW, "add" }, { TSN_TOK_REMOVE, "remove" }, { TSN_TOK_TO, "to" },
		{ TSN_TOK_FROM, "from" }, { TSN_TOK_WHEN, "when" }, { TSN_TOK_IN, "in" },
		{ ',', "a comma" },
	};
	struct tsn_buf b = TSN_BUF_INIT;
	size_t i, n = 0;

	if ((fits(f, TSN_TOK_TO) || fits(f, TSN_TOK_FROM)) && after_operand(f)) {
		tsn_diag_hint(d, "expected %s and the name of a set", fits(f, TSN_TOK_TO) ? "to" : "from");
		return;
	}
	if (after_operand(f)) {
		tsn_diag_hint(d, f->p->expr ? "expected an operator" : "expected an operator or something new");
		return;
	}
	for (i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (fits(f, list[i].token))
			tsn_buf_printf(&b, "%s%s", n++ > 0 ? " or " : "expected ", list[i].word);
	if (n > 0 && n <= 4)
		tsn_diag_hint(d, "%s", tsn_buf_str(&b));
	tsn_buf_fini(&b);
}

static void
hint_plain(const struct fault *f)
{
	char word[QUOTED + 8], text[QUOTED + 60];
	bool new = f->t->ends_body || tsn_starts(f->p, f->p->pos - 1) || f->t->end == f->t->begin;

	if (f->before == NULL && new && f->t->end == f->t->begin)
		snprintf(text, sizeof(text), "there is nothing here");
	else if (f->before != NULL && fits(f, TSN_TOK_NAME) && !wants_operand(f))
		snprintf(text, sizeof(text), "a %s is missing after \"%s\"", fits(f, TSN_TOK_STRING) ? "value" : "name",
		    quote(f, f->before, word, sizeof(word)));
	else if (f->before != NULL && new)
		snprintf(text, sizeof(text), "something is missing after \"%s\"",
		    quote(f, f->before, word, sizeof(word)));
	else
		snprintf(text, sizeof(text), "\"%s\" does not fit here", quote(f, f->t, word, sizeof(word)));
	offer_expected(f, report(f, TSN_E_SYNTAX, text));
}

void
tsn_hint_syntax(struct tsn_parse *p, size_t i, bool (*fit)(const void *, int token), const void *arg)
{
	struct fault f = { p, &p->tokens.v[i], i > 0 ? &p->tokens.v[i - 1] : NULL, fit, arg };
	size_t begin = tsn_clause_begin(p, i), end = tsn_clause_end(p, i);
	struct tsn_span clause = tsn_span_of(p, p->tokens.v[begin].begin, p->tokens.v[end].begin);

	/* A bracket put in by balance.c was reported there; a bad literal in this clause by the scanner. */
	if (!f.t->virtual && !tsn_diags_error_in(p->diags, clause) &&
	    !hint_place(&f) && !hint_equals(&f) && !hint_clause_equals(&f) && !hint_severity(&f) && !hint_no_equals(&f) && !hint_capitals(&f) &&
	    !hint_name(&f) && !hint_has(&f) && !hint_habit(&f) && !hint_misspelt(&f) && !hint_no_operator(&f) && !hint_comma(&f) && !hint_window(&f) &&
	    !hint_brace(&f) && !hint_string(&f) && !hint_unknown_clause(&f) && !hint_operand(&f))
		hint_plain(&f);
	tsn_diags_poison(p->diags, clause);
}
