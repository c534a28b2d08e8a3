/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Nodes, declarations, clauses and tests. Expressions are in build_expr.c. */
#include "grammar/build.h"

#include <string.h>

#include "base/arena.h"

struct tsn_span
tsn_build_join(struct tsn_span first, struct tsn_span last)
{
	first.end = last.end;
	return first;
}

struct tsn_node *
tsn_build(struct tsn_parse *p, enum tsn_node_kind kind, struct tsn_span span)
{
	return tsn_node_new(p, kind, span);
}

static struct tsn_node *
too_deep(struct tsn_parse *p, struct tsn_node *kid)
{
	struct tsn_node *error;

	tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_DEPTH, kid->span, "this is nested too deeply"),
	    "divide it with define");
	error = tsn_build(p, TSN_N_ERROR, kid->span);
	return error;
}

struct tsn_node *
tsn_build_add(struct tsn_parse *p, struct tsn_node *to, struct tsn_node *kid)
{
	if (to == NULL || kid == NULL)
		return to;
	if (kid->depth + 1 > TSN_AST_DEPTH_MAX) {
		kid = too_deep(p, kid);
		if (kid == NULL)
			return to;
	}
	if (to->depth <= kid->depth)
		to->depth = (uint16_t)(kid->depth + 1);
	to->broken |= kid->broken || kid->kind == TSN_N_ERROR;
	if (to->last != NULL)
		to->last->next = kid;
	else
		to->kids = kid;
	to->last = kid;
	to->nkids += to->nkids < UINT16_MAX;
	return to;
}

struct tsn_node *
tsn_build_adopt(struct tsn_parse *p, struct tsn_node *to, struct tsn_node *from)
{
	struct tsn_node *kid, *next;

	if (to == NULL || from == NULL)
		return to;
	for (kid = from->kids; kid != NULL; kid = next) {
		next = kid->next;
		kid->next = NULL;
		tsn_build_add(p, to, kid);
	}
	to->broken |= from->broken;
	return to;
}

struct tsn_node *
tsn_build_span(struct tsn_node *n, struct tsn_span span)
{
	if (n != NULL)
		n->span = n->at = span;
	return n;
}

struct tsn_node *
tsn_build_broken(struct tsn_node *n)
{
	if (n != NULL)
		n->broken = true;
	return n;
}

/* What a file defines has a plain name; dots say where a name comes from. */
static void
check_plain(struct tsn_parse *p, enum tsn_node_kind kind, const struct tsn_node *name)
{
	switch (kind) {
	case TSN_N_RULE:
	case TSN_N_RULESET:
	case TSN_N_LET:
	case TSN_N_SETDECL:
	case TSN_N_TABLE:
	case TSN_N_DEFINE:
		break;
	default:
		return;
	}
	if (name->text != NULL && strchr(name->text, '.') != NULL)
		tsn_diag_hint(tsn_diag_error(p->diags, TSN_E_SYNTAX, name->span,
		    "a name that is defined here has no dot"),
		    "a dot leads into a ruleset, as in stdlib.NAME");
}

struct tsn_node *
tsn_build_retag(struct tsn_parse *p, struct tsn_node *list, enum tsn_node_kind kind,
    const struct tsn_node *name, struct tsn_span span)
{
	if (list == NULL || name == NULL)
		return NULL;
	list->kind = (uint8_t)kind;
	list->span = span;
	list->at = name->span;
	list->text = name->text != NULL ? name->text : "";
	list->len = name->len;
	list->all = name->all;
	check_plain(p, kind, name);
	return list;
}

struct tsn_node *
tsn_build_named(struct tsn_parse *p, enum tsn_node_kind kind, const struct tsn_node *name,
    struct tsn_span span)
{
	return tsn_build_retag(p, tsn_build(p, kind, span), kind, name, span);
}

struct tsn_node *
tsn_build_op(struct tsn_parse *p, enum tsn_node_kind kind, enum tsn_op op, struct tsn_span span)
{
	struct tsn_node *n = tsn_build(p, kind, span);

	if (n != NULL)
		n->op = (uint8_t)op;
	return n;
}

struct tsn_node *
tsn_build_word(struct tsn_parse *p, const char *text, struct tsn_span span)
{
	struct tsn_node *n = tsn_build(p, TSN_N_NAME, span);

	if (n != NULL) {
		n->text = text;
		n->len = (uint32_t)strlen(text);
	}
	return n;
}

void
tsn_build_options(struct tsn_parse *p, const struct tsn_node *holder, bool dynamic)
{
	const struct tsn_node *kid;

	if (holder == NULL)
		return;
	for (kid = holder->kids; kid != NULL; kid = kid->next)
		if (kid->kind == TSN_N_OPTION)
			tsn_word_check_option(p, kid, dynamic);
}

struct tsn_node *
tsn_build_rows(struct tsn_parse *p, struct tsn_node *rows, struct tsn_node *options)
{
	if (rows == NULL || options == NULL)
		return NULL;
	tsn_build_options(p, options, false);
	return tsn_build_adopt(p, tsn_build_add(p, tsn_build(p, TSN_N_TABLE, rows->span), rows), options);
}

struct tsn_node *
tsn_build_table(struct tsn_parse *p, const struct tsn_node *name, struct tsn_node *table,
    struct tsn_span span)
{
	return tsn_build_retag(p, table, TSN_N_TABLE, name, span);
}

struct tsn_node *
tsn_build_rung(struct tsn_parse *p, const struct tsn_node *level, struct tsn_node *cond,
    struct tsn_span span)
{
	struct tsn_node *rung = tsn_build_named(p, TSN_N_RUNG, level, span);

	if (rung != NULL)
		tsn_word_check_level(p, rung);
	return tsn_build_add(p, rung, cond);
}

struct tsn_node *
tsn_build_not_during(struct tsn_node *n)
{
	if (n != NULL)
		n->op = TSN_OP_NOT;
	return n;
}

struct tsn_node *
tsn_build_test(struct tsn_parse *p, const struct tsn_node *title, struct tsn_node *expect,
    struct tsn_node *steps, struct tsn_span span)
{
	struct tsn_node *test = tsn_build_named(p, TSN_N_TEST, title, span);

	return tsn_build_adopt(p, tsn_build_add(p, test, expect), steps);
}

struct tsn_node *
tsn_build_expect(struct tsn_parse *p, const struct tsn_node *count, const struct tsn_node *level,
    struct tsn_node *assigns, struct tsn_span span)
{
	if (assigns == NULL)
		return NULL;
	assigns->span = assigns->at = span;
	assigns->op = TSN_OP_FIRES;
	assigns->i = -1;
	if (count != NULL && count->kind == TSN_N_INT)
		assigns->i = count->i;
	if (level != NULL) {
		assigns->text = level->text;
		assigns->len = level->len;
		assigns->at = level->span;
		tsn_word_check_level(p, assigns);
	}
	return assigns;
}

struct tsn_node *
tsn_build_quiet(struct tsn_parse *p, struct tsn_node *assigns, struct tsn_span span)
{
	assigns = tsn_build_expect(p, NULL, NULL, assigns, span);
	if (assigns != NULL)
		assigns->op = TSN_OP_QUIET;
	return assigns;
}

struct tsn_node *
tsn_build_flow(struct tsn_parse *p, struct tsn_node *assigns, struct tsn_node *repeat,
    struct tsn_node *every, struct tsn_span span)
{
	if (assigns == NULL)
		return NULL;
	assigns->kind = TSN_N_FLOW;
	assigns->span = assigns->at = span;
	return tsn_build_add(p, tsn_build_add(p, assigns, repeat), every);
}
