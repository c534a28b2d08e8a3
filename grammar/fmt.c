/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Lays out a file. The tree says where declarations, clauses and steps begin and end; between
 * those points fmt_line.c places tokens and breaks long lines. Blank lines of the source are
 * kept, at most one at a time; everything with a body has one before and after it.
 */
#include "grammar/fmt.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "grammar/fmt_line.h"
#include "parser.tab.h"

/* ---- what only the tree knows about a token ---- */

static size_t
token_at(const struct tsn_fmt *f, uint32_t begin)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->v[mid].begin < begin)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
mark_mask(struct tsn_fmt *f, const struct tsn_node *mask)
{
	size_t i = token_at(f, mask->kids != NULL ? mask->kids->span.end : mask->span.end);

	for (; i < f->n && f->v[i].begin < mask->span.end; i++)
		if (f->v[i].kind == '/')
			f->mark[i] = TSN_FMT_TIGHT;
}

/* The first of `repeat` and `every` behind a flow. */
static void
mark_repeat(struct tsn_fmt *f, const struct tsn_node *flow)
{
	const struct tsn_node *kid = tsn_node_find(flow, TSN_N_REPEAT);

	if (kid == NULL)
		kid = tsn_node_find(flow, TSN_N_EVERY);
	if (kid != NULL)
		f->mark[token_at(f, kid->span.begin)] = TSN_FMT_BREAK;
}

/* `by src, dst` stays together. */
static void
mark_keys(struct tsn_fmt *f, const struct tsn_node *keys)
{
	size_t i;

	for (i = token_at(f, keys->span.begin); i < f->n && f->v[i].begin < keys->span.end; i++)
		if (f->v[i].kind == ',')
			f->mark[i] = TSN_FMT_KEYS;
}

static void
mark(struct tsn_fmt *f, const struct tsn_node *n)
{
	const struct tsn_node *kid;

	if (n->kind == TSN_N_CALL)
		f->mark[token_at(f, n->at.begin)] = TSN_FMT_CALL;
	else if (n->kind == TSN_N_NEG)
		f->mark[token_at(f, n->at.begin)] = TSN_FMT_UNARY;
	else if (n->kind == TSN_N_MASK)
		mark_mask(f, n);
	else if (n->kind == TSN_N_FLOW)
		mark_repeat(f, n);
	else if (n->kind == TSN_N_BY || n->kind == TSN_N_AT)
		mark_keys(f, n);
	for (kid = n->kids; kid != NULL; kid = kid->next)
		mark(f, kid);
}

/* ---- declarations and their bodies ---- */

static bool
has_body(const struct tsn_node *n)
{
	return n->kind == TSN_N_RULE || n->kind == TSN_N_OVERRIDE || n->kind == TSN_N_RULESET ||
	    n->kind == TSN_N_SITE || n->kind == TSN_N_TEST;
}

/* What stands before the brace: "rule NAME", "site", "test TITLE fires 1 for ...". */
static uint32_t
header_end(const struct tsn_fmt *f, const struct tsn_node *n)
{
	const struct tsn_node *expect = n->kind == TSN_N_TEST ? tsn_node_find(n, TSN_N_EXPECT) : NULL;
	uint32_t from = expect != NULL ? expect->span.end : n->kind == TSN_N_SITE ? n->span.begin : n->at.end;
	size_t i = token_at(f, from);

	while (i + 1 < f->n && f->v[i].kind != '{')
		i++;
	return f->v[i].end;
}

static bool
is_list(const struct tsn_node *n)
{
	return n->kind == TSN_N_SETDECL || n->kind == TSN_N_TABLE || n->kind == TSN_N_LET;
}

/* Where the values of clauses stand, so that they are read in a column: behind "reference ", "define ". */
static unsigned
pad_of(const struct tsn_node *parent, const struct tsn_node *n)
{
	switch (n->kind) {
	case TSN_N_LET:
	case TSN_N_SETDECL:
	case TSN_N_TABLE:
	case TSN_N_DEFINE:
		return parent->kind == TSN_N_FILE ? 7 : 0;
	}
	return parent->kind == TSN_N_RULE || parent->kind == TSN_N_OVERRIDE || parent->kind == TSN_N_RULESET ? 10 : 0;
}

static void item(struct tsn_fmt *f, const struct tsn_node *parent, const struct tsn_node *n, unsigned indent);

static void
body(struct tsn_fmt *f, const struct tsn_node *n, unsigned indent)
{
	const struct tsn_node *kid, *before = NULL;

	tsn_fmt_run(f, header_end(f, n), indent, 0, false);
	f->no_blank = true;
	for (kid = n->kids; kid != NULL; kid = kid->next) {
		if (kid->kind == TSN_N_EXPECT)
			continue;
		/* Tests stand apart from the clauses they are about. */
		f->want_blank |= before != NULL && kid->kind == TSN_N_TEST && before->kind != TSN_N_TEST;
		tsn_fmt_comments(f, indent + 1);
		item(f, n, kid, indent + 1);
		before = kid;
	}
	f->want_blank = false;
	tsn_fmt_comments(f, indent + 1);
	f->no_blank = true;
	tsn_fmt_run(f, n->span.end, indent, 0, false);
	f->no_blank = false;
}

static void
item(struct tsn_fmt *f, const struct tsn_node *parent, const struct tsn_node *n, unsigned indent)
{
	if (has_body(n))
		body(f, n, indent);
	else
		tsn_fmt_run(f, n->span.end, indent, pad_of(parent, n), is_list(n));
}

static void
file(struct tsn_fmt *f, const struct tsn_node *tree)
{
	const struct tsn_node *n, *before = NULL;

	f->no_blank = true;
	for (n = tree->kids; n != NULL; n = n->next) {
		f->want_blank = before != NULL && (has_body(n) || has_body(before));
		tsn_fmt_comments(f, 0);
		item(f, tree, n, 0);
		before = n;
	}
	f->want_blank = false;
	tsn_fmt_comments(f, 0);
	if (f->out->len > f->start)
		tsn_buf_putc(f->out, '\n');
}

static bool
prepare(struct tsn_fmt *f, struct tsn_parse *p)
{
	unsigned depth = 0;
	size_t i;

	if (!tsn_scan(p))
		return false;
	f->v = p->tokens.v;
	f->n = p->tokens.n;
	f->text = p->text;
	f->mark = tsn_calloc(f->n + 1, sizeof(*f->mark));
	if (f->mark == NULL)
		return false;
	for (i = 0; i < f->n; i++) {
		depth -= depth > 0 && (f->v[i].kind == ')' || f->v[i].kind == '}');
		f->v[i].depth = (uint16_t)depth;
		depth += f->v[i].kind == '(' || f->v[i].kind == '{';
	}
	return true;
}

bool
tsn_fmt(struct tsn_sources *sources, uint32_t index, struct tsn_buf *out)
{
	const struct tsn_source *src = index < sources->n ? &sources->v[index] : NULL;
	struct tsn_parse p = { .sources = sources, .file = index, .comments = true };
	struct tsn_fmt f = { .out = out, .start = out->len };
	bool ok = false;

	if (src == NULL || src->tree == NULL || src->tree->kind != TSN_N_FILE || src->tree->broken)
		return false;
	p.arena = src->arena;
	p.text = src->text;
	p.len = src->len;
	if (prepare(&f, &p)) {
		mark(&f, src->tree);
		file(&f, src->tree);
		ok = !out->failed;
	}
	tsn_free(f.mark);
	tsn_free(p.tokens.v);
	return ok;
}
