/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Pairs brackets before the parser runs. A word that can only begin a declaration or a clause
 * shows where a bracket was forgotten; closing brackets that are missing are put in (marked
 * virtual, the parser does not complain about them) and superfluous ones are left out.
 *
 * The same pass notes for every token which body it stands in, so that recovery knows where
 * the next clause, step, setting or declaration begins.
 */
#include <string.h>

#include "base/mem.h"
#include "grammar/internal.h"
#include "parser.tab.h"

struct open {
	int closer;             /* ')' or '}' */
	uint8_t body;           /* the body it opens, or that of its surroundings */
	bool is_body;
	uint32_t begin;
};

struct pass {
	struct tsn_parse *p;
	struct tsn_tokens in;   /* the vector itself, which is written again from its beginning */
	size_t next;            /* of [in]: all before it is read */
	bool apart;             /* where more is put in than was left out, [in] is a copy of what is not read yet */
	struct open open[TSN_BRACKETS_MAX];
	unsigned depth;
	int pending;            /* body that the next brace at this level opens, or -1 */
	unsigned pending_depth;
	bool headless;          /* a rule came without its brace: the stray one that closes it is excused */
};

static enum tsn_body
body_at(const struct pass *b, unsigned depth)
{
	return depth > 0 ? (enum tsn_body)b->open[depth - 1].body : TSN_BODY_TOP;
}

/* Depth of the tokens directly in the innermost body. */
static unsigned
body_depth(const struct pass *b)
{
	unsigned d = b->depth;

	while (d > 0 && !b->open[d - 1].is_body)
		d--;
	return d;
}

static void
set_apart(struct pass *b)
{
	const size_t n = b->in.n - b->next;
	struct tsn_token *v = tsn_reallocarray(NULL, n, sizeof(*v));

	if (v == NULL) {
		b->p->oom = true;
		return;
	}
	memcpy(v, b->in.v + b->next, n * sizeof(*v));
	b->in = (struct tsn_tokens){ v, n, n };
	b->next = 0;
	b->apart = true;
}

static void
emit(struct pass *b, const struct tsn_token *t, bool virtual, bool begins, bool ends)
{
	struct tsn_tokens *out = &b->p->tokens;
	struct tsn_token *o;

	if (!b->apart && out->n == b->next)
		set_apart(b);
	if (b->p->oom)
		return;
	tsn_scan_add(b->p, t->kind, t->begin, t->end, t->node);
	if (b->p->oom)
		return;
	o = &out->v[out->n - 1];
	o->depth = (uint16_t)b->depth;
	o->body_depth = (uint16_t)body_depth(b);
	o->body = (uint8_t)body_at(b, b->depth);
	o->virtual = virtual;
	o->begins_body = begins;
	o->ends_body = ends;
}

static size_t
last_end(const struct pass *b)
{
	const struct tsn_tokens *out = &b->p->tokens;

	return out->n > 0 ? out->v[out->n - 1].end : 0;
}

/* Puts in closing brackets until [depth] are open. */
static void
close_to(struct pass *b, unsigned depth)
{
	while (b->depth > depth && !b->p->oom) {
		struct open o = b->open[--b->depth];
		size_t at = last_end(b);
		struct tsn_token t = { .kind = (int16_t)o.closer, .begin = (uint32_t)at, .end = (uint32_t)at };

		emit(b, &t, true, false, o.is_body);
	}
}

static void
report_unclosed(struct pass *b, const struct tsn_token *t)
{
	const struct open *o = &b->open[b->depth - 1];
	struct tsn_parse *p = b->p;
	struct tsn_span span = tsn_span_of(p, t->begin, t->end), opener = tsn_span_of(p, o->begin, o->begin + 1);
	int len = t->end - t->begin > 40 ? 40 : (int)(t->end - t->begin);
	struct tsn_diag *d;

	if (t->kind == 0)
		d = tsn_diag_error(p->diags, TSN_E_UNCLOSED, span, "the %s ends before a %c is closed",
		    p->start == TSN_TOK_START_EXPR ? "condition" : "file", p->text[o->begin]);
	else
		d = tsn_diag_error(p->diags, TSN_E_UNCLOSED, span, "%.*s begins before a %c is closed", len,
		    p->text + t->begin, p->text[o->begin]);
	tsn_diag_hint(d, "a %c is missing before this", o->closer);
	tsn_diag_also(d, opener, "opened here");
	/* What stands inside is read with the bracket closed somewhere else: no errors about that. */
	if (!o->is_body)
		tsn_diags_poison(p->diags, tsn_span_of(p, o->begin, t->begin));
}

static void
report_stray(struct pass *b, const struct tsn_token *t)
{
	if (b->headless && t->kind == '}') {
		b->headless = false;
		return;
	}
	tsn_diag_error(b->p->diags, TSN_E_STRAY_CLOSE, tsn_span_of(b->p, t->begin, t->end),
	    "this %c closes nothing", t->kind);
}

/* Depth at which a token of this kind may stand, at most the present one. */
static unsigned
home_of(const struct pass *b, const struct tsn_token *t, int before)
{
	unsigned d;

	switch (t->kind) {
	case TSN_TOK_SITE:
		if (before == '=')
			break;
		return 0;
	case TSN_TOK_RULESET:
	case TSN_TOK_USE:
	case TSN_TOK_RULE:
	case TSN_TOK_DISABLE:
	case TSN_TOK_OVERRIDE:
	case 0:
		return 0;
	case TSN_TOK_WHEN:
	case TSN_TOK_EXCEPT:
	case TSN_TOK_ALERT:
	case TSN_TOK_THEN:
	case TSN_TOK_DURING:
	case TSN_TOK_UNTIL:
	case TSN_TOK_SEVERITY:
		for (d = b->depth; d > 0; d--)
			if (b->open[d - 1].is_body && b->open[d - 1].body == TSN_BODY_RULE)
				return d;
		break;
	case TSN_TOK_TEST:
		/* `status test` is the one place where this is no keyword. */
		for (d = b->depth; d > 0 && before != TSN_TOK_META; d--)
			if (b->open[d - 1].is_body && b->open[d - 1].body == TSN_BODY_RULE)
				return d;
		break;
	case TSN_TOK_LET:
	case TSN_TOK_SETKW:
	case TSN_TOK_TABLE:
	case TSN_TOK_DEFINE:
		return body_depth(b);
	}
	return b->depth;
}

static void
note_pending(struct pass *b, const struct tsn_token *t, int before)
{
	int body = t->kind == TSN_TOK_RULE || t->kind == TSN_TOK_OVERRIDE ? TSN_BODY_RULE :
	    t->kind == TSN_TOK_RULESET ? TSN_BODY_RULESET :
	    t->kind == TSN_TOK_SITE && before != '=' ? TSN_BODY_SITE :
	    t->kind == TSN_TOK_TEST && before != TSN_TOK_META ? TSN_BODY_TEST : -1;

	if (body >= 0) {
		b->pending = body;
		b->pending_depth = b->depth;
		b->headless = false;
	} else if (b->pending >= 0 && tsn_word_starts(t->kind, TSN_BODY_RULE) && t->kind != TSN_TOK_META) {
		b->headless = true;
		b->pending = -1;
	}
}

static bool
open_bracket(struct pass *b, const struct tsn_token *t)
{
	bool is_body = t->kind == '{' && b->pending >= 0 && b->pending_depth == b->depth;
	struct open o = { t->kind == '(' ? ')' : '}', (uint8_t)body_at(b, b->depth), is_body, t->begin };

	if (b->depth == TSN_BRACKETS_MAX) {
		tsn_diag_hint(tsn_diag_error(b->p->diags, TSN_E_DEPTH, tsn_span_of(b->p, t->begin, t->end),
		    "brackets are nested too deeply"), "%d levels are the limit; divide it with define",
		    TSN_BRACKETS_MAX);
		return false;
	}
	if (is_body) {
		o.body = (uint8_t)b->pending;
		b->pending = -1;
	}
	emit(b, t, false, is_body, false);
	b->open[b->depth++] = o;
	return true;
}

static void
close_bracket(struct pass *b, const struct tsn_token *t)
{
	unsigned d = b->depth;
	struct open o;

	/* A ) never reaches out of the body it stands in. */
	while (d > 0 && b->open[d - 1].closer != t->kind && !(t->kind == ')' && b->open[d - 1].is_body))
		d--;
	if (d == 0 || b->open[d - 1].closer != t->kind) {
		report_stray(b, t);
		return;
	}
	if (d < b->depth) {
		report_unclosed(b, t);
		close_to(b, d);
	}
	o = b->open[--b->depth];
	emit(b, t, false, false, o.is_body);
}

static bool
step(struct pass *b, struct tsn_token *t)
{
	const struct tsn_tokens *out = &b->p->tokens;
	int before = out->n > 0 ? out->v[out->n - 1].kind : 0;
	unsigned home = home_of(b, t, before);

	if (home < b->depth) {
		report_unclosed(b, t);
		close_to(b, home);
	}
	note_pending(b, t, before);
	if (t->kind == '(' || t->kind == '{')
		return open_bracket(b, t);
	if (t->kind == ')' || t->kind == '}') {
		close_bracket(b, t);
		return true;
	}
	if (body_at(b, b->depth) == TSN_BODY_SITE && t->node != NULL && t->node->kind == TSN_N_NAME &&
	    t->kind != TSN_TOK_SEVERITY && tsn_word_is_setting(t->node->text))
		t->kind = TSN_TOK_SETTING;
	emit(b, t, false, false, false);
	return true;
}

bool
tsn_balance(struct tsn_parse *p)
{
	struct pass b = { .p = p, .in = p->tokens, .pending = -1 };
	const struct tsn_token end = b.in.v[b.in.n - 1];

	p->tokens.n = 0;
	while (b.next < b.in.n && !p->oom) {
		struct tsn_token t = b.in.v[b.next++];

		if (step(&b, &t))
			continue;
		/* Too deep: what follows is not read. */
		tsn_diags_poison(p->diags, tsn_span_of(p, t.begin, p->len + 1));
		close_to(&b, 0);
		emit(&b, &end, false, false, false);
		break;
	}
	if (b.apart)
		tsn_free(b.in.v);
	return !p->oom;
}

/* ---- where clauses begin and end ---- */

/* After an operator a metadata word is a name. */
static bool
is_operand(const struct tsn_parse *p, size_t i)
{
	switch (i > 0 ? p->tokens.v[i - 1].kind : 0) {
	case TSN_TOK_OR: case TSN_TOK_AND: case TSN_TOK_NOT: case TSN_TOK_IN: case TSN_TOK_HAS: case TSN_TOK_EQ:
	case TSN_TOK_NE: case TSN_TOK_LE: case TSN_TOK_GE: case TSN_TOK_NOMATCH: case TSN_TOK_BY: case TSN_TOK_AT:
	case TSN_TOK_WHEN: case TSN_TOK_WHERE: case TSN_TOK_META: case '=': case '<': case '>': case '~':
	case '|': case '&': case '+': case '-': case '*': case '/': case '%': case ',':
		return true;
	}
	return false;
}

bool
tsn_starts(const struct tsn_parse *p, size_t i)
{
	const struct tsn_token *t = &p->tokens.v[i];
	int before = i > 0 ? t[-1].kind : 0;

	if (t->depth != t->body_depth || !tsn_word_starts(t->kind, (enum tsn_body)t->body))
		return false;
	if (t->kind == TSN_TOK_META)
		return !is_operand(p, i);
	if (t->kind == TSN_TOK_SITE)
		return before != '=';
	return t->kind != TSN_TOK_TEST || before != TSN_TOK_META;
}

/* A word that begins a line and is nearly one that begins a clause: `excpet` ends the clause before it. */
static bool
nearly_starts(const struct tsn_parse *p, size_t i)
{
	const struct tsn_token *t = &p->tokens.v[i];
	size_t at;

	if (t->kind != TSN_TOK_NAME || t->depth != t->body_depth || i == 0 || t->node == NULL ||
	    t->node->text == NULL || is_operand(p, i))
		return false;
	for (at = t->begin; at > 0 && (p->text[at - 1] == ' ' || p->text[at - 1] == '\t'); at--)
		;
	return at > 0 && p->text[at - 1] == '\n' &&
	    tsn_word_nearest_clause(t->node->text, (enum tsn_body)t->body) != NULL;
}

size_t
tsn_clause_begin(const struct tsn_parse *p, size_t i)
{
	unsigned level;
	size_t j;

	/* The brace that ends a body is a fault of the last clause in it. */
	if (p->tokens.v[i].ends_body && i > 0 && !p->tokens.v[i - 1].begins_body)
		i--;
	level = p->tokens.v[i].body_depth;
	for (j = i; j > 0; j--) {
		const struct tsn_token *t = &p->tokens.v[j];

		if (t->body_depth == level && (tsn_starts(p, j) || nearly_starts(p, j)))
			return j;
		if ((t[-1].begins_body && t[-1].depth < level) || (t[-1].ends_body && t[-1].depth == level))
			return j;
	}
	return 0;
}

size_t
tsn_clause_end(const struct tsn_parse *p, size_t i)
{
	unsigned level = p->tokens.v[i].body_depth;
	size_t j;

	for (j = i; j < p->tokens.n - 1; j++) {
		const struct tsn_token *t = &p->tokens.v[j];

		if (t->ends_body && (j == i || t->depth < level))
			return j;
		if (t->body_depth == level && (tsn_starts(p, j) || (j > i && nearly_starts(p, j))))
			return j;
	}
	return p->tokens.n - 1;
}
