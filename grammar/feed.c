/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Hands the vector of tokens to the parser, and moves on in it after an error. */
#include "grammar/internal.h"
#include "parser.tab.h"

int
tsn_yylex(TSN_YYSTYPE *value, struct tsn_span *loc, struct tsn_parse *p)
{
	const struct tsn_token *t;

	if (p->start != 0) {
		int start = p->start;

		p->start = 0;
		return start;
	}
	t = &p->tokens.v[p->pos < p->tokens.n ? p->pos++ : p->tokens.n - 1];
	value->n = t->node;
	*loc = tsn_span_of(p, t->begin, t->end);
	return t->kind;
}

/* Makes the lookahead the first token of the next clause; false if it already was. */
bool
tsn_yyskip(struct tsn_parse *p, int *token, TSN_YYSTYPE *value, struct tsn_span *loc)
{
	bool empty = *token < 0; /* bison has no lookahead */
	size_t at = empty ? p->pos : p->pos - 1;
	size_t next = tsn_clause_end(p, at);
	bool moved = next > p->resumed;

	if (empty || next != at) {
		p->pos = next;
		*token = tsn_yylex(value, loc, p);
	}
	p->resumed = next;
	return moved;
}
