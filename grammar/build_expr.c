/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Expressions and scopes, with the errors that the grammar accepts in order to word them. */
#include <string.h>

#include "grammar/build.h"

/* Longer pieces of the text are not quoted in hints. */
#define QUOTED 60

static const char *
text_of(const struct tsn_parse *p, struct tsn_span span, int *len)
{
	size_t n = span.end - span.begin;

	if (n > QUOTED || memchr(p->text + span.begin, '\n', n) != NULL)
		return NULL;
	*len = (int)n;
	return p->text + span.begin;
}

struct tsn_node *
tsn_build_chain(struct tsn_parse *p, enum tsn_node_kind kind, struct tsn_node *left,
    struct tsn_node *right, struct tsn_span span)
{
	if (left == NULL || right == NULL)
		return NULL;
	/* `a or b or c` is one node, however long, so that a list of tests is not deep. */
	if (left->kind != kind || left->paren)
		left = tsn_build_add(p, tsn_build(p, kind, span), left);
	return tsn_build_span(tsn_build_add(p, left, right), span);
}

struct tsn_node *
tsn_build_prefix(struct tsn_parse *p, enum tsn_node_kind kind, struct tsn_span op,
    struct tsn_node *operand, struct tsn_span span)
{
	struct tsn_node *n = operand != NULL ? tsn_build(p, kind, span) : NULL;

	if (n != NULL)
		n->at = op;
	return tsn_build_add(p, n, operand);
}

static struct tsn_node *
two_sided(struct tsn_parse *p, enum tsn_node_kind kind, int op, struct tsn_node *left, struct tsn_span at,
    struct tsn_node *right, struct tsn_span span)
{
	struct tsn_node *n = left != NULL && right != NULL ? tsn_build(p, kind, span) : NULL;

	if (n != NULL) {
		n->op = (uint8_t)op;
		n->at = at;
	}
	return tsn_build_add(p, tsn_build_add(p, n, left), right);
}

struct tsn_node *
tsn_build_binary(struct tsn_parse *p, enum tsn_op op, struct tsn_node *left, struct tsn_span at,
    struct tsn_node *right, struct tsn_span span)
{
	return two_sided(p, TSN_N_BINARY, op, left, at, right, span);
}

struct tsn_node *
tsn_build_compare(struct tsn_parse *p, struct tsn_node *left, int op, struct tsn_span at,
    struct tsn_node *right, struct tsn_span span)
{
	return two_sided(p, TSN_N_COMPARE, op, left, at, right, span);
}

/* a == 1 | b == 2 reads as a == (1 | b) == 2; who wrote it meant `or` (S50). */
static bool
hint_or(struct tsn_parse *p, struct tsn_diag *d, const struct tsn_node *left, int op, const struct tsn_node *right)
{
	const struct tsn_node *middle = left->last;
	const char *a, *x, *b, *y;
	int na = 0, nx = 0, nb = 0, ny = 0;

	if (middle == NULL || middle->kind != TSN_N_BINARY || middle->op != TSN_OP_BOR || middle->paren || left->paren)
		return false;
	a = text_of(p, left->kids->span, &na);
	x = text_of(p, middle->kids->span, &nx);
	b = text_of(p, middle->last->span, &nb);
	y = text_of(p, right->span, &ny);
	if (a == NULL || x == NULL || b == NULL || y == NULL)
		return false;
	tsn_diag_hint(d, "write or: %.*s %s %.*s or %.*s %s %.*s", na, a, tsn_op_text((enum tsn_op)left->op), nx, x, nb, b,
	    tsn_op_text((enum tsn_op)op), ny, y);
	return true;
}

struct tsn_node *
tsn_build_chained(struct tsn_parse *p, struct tsn_node *left, int op, struct tsn_span at,
    struct tsn_node *right, struct tsn_span span)
{
	struct tsn_diag *d;
	const char *first, *middle, *last;
	int n1 = 0, n2 = 0, n3 = 0;

	if (left == NULL || right == NULL)
		return NULL;
	d = tsn_diag_error(p->diags, TSN_E_CHAIN, at, "comparisons do not chain");
	if (hint_or(p, d, left, op, right))
		return tsn_build(p, TSN_N_ERROR, span);
	first = text_of(p, left->span, &n1);
	middle = left->last != NULL ? text_of(p, left->last->span, &n2) : NULL;
	last = text_of(p, right->span, &n3);
	if (first != NULL && middle != NULL && last != NULL)
		tsn_diag_hint(d, "write %.*s and %.*s %s %.*s", n1, first, n2, middle,
		    tsn_op_text((enum tsn_op)op), n3, last);
	else
		tsn_diag_hint(d, "write two comparisons with and between them");
	return tsn_build(p, TSN_N_ERROR, span);
}

int
tsn_build_single_equals(struct tsn_parse *p, struct tsn_span span)
{
	tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_ASSIGN, span, "= does not compare"), "write ==");
	return TSN_OP_EQ;
}

struct tsn_node *
tsn_build_paren(struct tsn_node *n, struct tsn_span span)
{
	if (n == NULL)
		return NULL;
	n->paren = true;
	n->span = span;
	return n;
}

struct tsn_node *
tsn_build_call(struct tsn_parse *p, const char *name, struct tsn_span at, struct tsn_span span)
{
	struct tsn_node *n = tsn_build_word(p, name, span);

	if (n != NULL) {
		n->kind = TSN_N_CALL;
		n->at = at;
	}
	return n;
}

struct tsn_node *
tsn_build_scope(struct tsn_parse *p, struct tsn_node *expr, struct tsn_node *scope,
    struct tsn_span span)
{
	struct tsn_node *n = expr != NULL && scope != NULL ? tsn_build(p, TSN_N_SCOPE, span) : NULL;

	if (n == NULL)
		return NULL;
	n->at = scope->span;
	return tsn_build_adopt(p, tsn_build_add(p, n, expr), scope);
}

struct tsn_node *
tsn_build_by_at(struct tsn_parse *p, struct tsn_node *by, struct tsn_node *at,
    struct tsn_span by_span, struct tsn_span at_span)
{
	struct tsn_node *scope = tsn_build(p, TSN_N_SCOPE, tsn_build_join(by_span, at_span));

	if (by == NULL || at == NULL)
		return NULL;
	at->kind = TSN_N_AT;
	tsn_build_span(by, by_span);
	tsn_build_span(at, at_span);
	return tsn_build_add(p, tsn_build_add(p, scope, by), at);
}

static const char *
keyword_of(enum tsn_node_kind kind)
{
	return tsn_node_name(kind); /* over per step for wait every: the node is named by its word */
}

static void
no_unit(struct tsn_parse *p, enum tsn_node_kind kind, const struct tsn_node *value)
{
	const char *word = keyword_of(kind), *text;
	int len = 0;
	struct tsn_diag *d = tsn_diag_error(p->diags, TSN_E_UNIT, value->span,
	    value->kind == TSN_N_SIZE ? "a size is no duration" : "this duration has no unit of time");

	text = text_of(p, value->span, &len);
	if (text == NULL || value->kind == TSN_N_SIZE)
		tsn_diag_hint(d, "units of time are ms s m h d w");
	else if (value->unit == TSN_UNIT_SCALED && text[len - 1] == 'M')
		tsn_diag_hint(d, "M is a million; for minutes write %s %.*sm", word, len - 1, text);
	else if (value->unit == TSN_UNIT_PLAIN)
		tsn_diag_hint(d, "write %s %.*ss", word, len, text);
	else
		tsn_diag_hint(d, "units of time are ms s m h d w");
}

struct tsn_node *
tsn_build_time(struct tsn_parse *p, enum tsn_node_kind kind, struct tsn_node *value,
    struct tsn_span span)
{
	if (value == NULL)
		return NULL;
	if (value->kind == TSN_N_INT || value->kind == TSN_N_REAL || value->kind == TSN_N_SIZE) {
		no_unit(p, kind, value);
		value->kind = TSN_N_ERROR;
	}
	return tsn_build_add(p, tsn_build(p, kind, span), value);
}

struct tsn_node *
tsn_build_received(struct tsn_parse *p, struct tsn_span span)
{
	struct tsn_node *n = tsn_build_word(p, "time", span);

	if (n != NULL)
		n->kind = TSN_N_OPTION;
	return tsn_build_add(p, n, tsn_build_word(p, "received", span));
}

static bool
mask_fits(struct tsn_parse *p, const struct tsn_node *bits, int most, const char *family)
{
	if (bits->kind != TSN_N_INT || (bits->i >= 0 && bits->i <= most))
		return true;
	tsn_diag_error(p->diags, TSN_E_RANGE, bits->span, "a mask of %s addresses ends at %d", family, most);
	return false;
}

struct tsn_node *
tsn_build_mask(struct tsn_parse *p, struct tsn_node *key, const struct tsn_node *v4,
    const struct tsn_node *v6, struct tsn_span span)
{
	struct tsn_node *n = key != NULL ? tsn_build(p, TSN_N_MASK, span) : NULL;
	struct tsn_diag *d;
	const char *text;
	int len = 0;

	if (n == NULL || v4 == NULL)
		return NULL;
	if (v6 == NULL && v4->kind == TSN_N_INT && v4->i > 32) {
		d = tsn_diag_error(p->diags, TSN_E_RANGE, v4->span, "a single mask is of IPv4 addresses and ends at 32");
		text = text_of(p, key->span, &len);
		if (text != NULL && v4->i <= 128)
			tsn_diag_hint(d, "for IPv6 write both: %.*s/24/%d", len, text, (int)v4->i);
		return tsn_build(p, TSN_N_ERROR, span);
	}
	if (!mask_fits(p, v4, 32, "IPv4") || (v6 != NULL && !mask_fits(p, v6, 128, "IPv6")))
		return tsn_build(p, TSN_N_ERROR, span);
	n->i = v4->kind == TSN_N_INT ? v4->i : 0;
	n->plen = v6 == NULL ? -1 : v6->kind == TSN_N_INT ? (int16_t)v6->i : 0;
	return tsn_build_add(p, n, key);
}
