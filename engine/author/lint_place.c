/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Where a condition stands. Equal conditions are one node of the graph, and that knows only where it was written first:
 * in another rule, maybe. So the same text is looked for in the rule's own clauses.
 */
#include <string.h>

#include "author/lint_internal.h"

bool
lint_within(struct tsn_span in, struct tsn_span what)
{
	return in.file == what.file && what.begin >= in.begin && what.end <= in.end;
}

static bool
same_text(const struct lint *l, struct tsn_span a, struct tsn_span b)
{
	const size_t n = a.end - a.begin;

	if (a.file >= l->src->n || b.file >= l->src->n || b.end - b.begin != n)
		return false;
	return memcmp(l->src->v[a.file].text + a.begin, l->src->v[b.file].text + b.begin, n) == 0;
}

static const struct tsn_node *
find_text(const struct lint *l, const struct tsn_node *n, struct tsn_span text)
{
	const struct tsn_node *found;

	if (same_text(l, text, n->span))
		return n;
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if ((found = find_text(l, k, text)) != NULL)
			return found;
	return NULL;
}

static bool
is_clause(const struct tsn_node *n, unsigned clauses)
{
	return (n->kind == TSN_N_WHEN && (clauses & LINT_IN_WHEN)) || (n->kind == TSN_N_KEEP && (clauses & LINT_IN_KEEP)) ||
	    (n->kind == TSN_N_EXCEPT && (clauses & LINT_IN_EXCEPT));
}

bool
lint_place(const struct lint *l, const struct lint_rule *r, unsigned clauses, const struct tsn_ir *x, struct tsn_span *out)
{
	if (x->span.file >= l->src->n)
		return false;
	for (const struct tsn_node *n = r->tree->kids; n != NULL; n = n->next) {
		const struct tsn_node *found = NULL;

		if (!is_clause(n, clauses))
			continue;
		if (lint_within(n->span, x->span)) {
			*out = x->span;
			return true;
		}
		if ((found = find_text(l, n, x->span)) != NULL) {
			*out = found->span;
			return true;
		}
	}
	return false;
}

struct tsn_span
lint_place_or_clause(const struct lint *l, const struct lint_rule *r, unsigned clauses, const struct tsn_ir *x)
{
	struct tsn_span at;

	if (lint_place(l, r, clauses, x, &at))
		return at;
	for (const struct tsn_node *n = r->tree->kids; n != NULL; n = n->next)
		if (is_clause(n, clauses))
			return n->kids != NULL ? n->kids->span : n->span;
	return r->tree->at;
}

const char *
lint_text(const struct lint *l, struct tsn_span at, char *out, size_t size)
{
	const char *p;
	size_t n = 0;
	bool blank = false;

	out[0] = '\0';
	if (at.file >= l->src->n)
		return out;
	p = l->src->v[at.file].text;
	for (uint32_t i = at.begin; i < at.end; i++) {
		if (n + 5 >= size) {
			memcpy(out + n, "...", 3);
			n += 3;
			break;
		}
		if (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r') {
			blank = true;
			continue;
		}
		if (blank && n > 0)
			out[n++] = ' ';
		blank = false;
		out[n++] = p[i];
	}
	out[n] = '\0';
	return out;
}

const struct tsn_node *
lint_meta(const struct tsn_node *tree, const char *word)
{
	for (const struct tsn_node *n = tree->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_META && strcmp(n->text, word) == 0)
			return n;
	return NULL;
}

void
lint_functions(const struct tsn_ir *x, void (*fn)(void *, const struct tsn_ir *), void *arg)
{
	if (x->kind == TSN_IR_AGG) {
		fn(arg, x);
		lint_functions(x->agg->where, fn, arg);
		if (x->agg->arg != NULL)
			lint_functions(x->agg->arg, fn, arg);
		for (uint32_t i = 0; i < x->agg->nsteps; i++)
			lint_functions(x->agg->step[i].where, fn, arg);
	}
	for (uint32_t i = 0; i < x->nkids; i++)
		lint_functions(x->kid[i], fn, arg);
}
