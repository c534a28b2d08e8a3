/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The filter language of nfdump (nfdump(1), FILTER): `not` binds tighter than `and`, `and` than `or`. What a record does not
 * carry is 0 there and absent here, so conditions that 0 meets, or that are negated, ask has() as well. Ports are an
 * exception: a condition on ports is about flows that have ports, and never about the type and code of ICMP.
 */
#include <string.h>

#include "author/import_nfdump.h"

#define DEPTH_MAX 100
#define TOKENS_MAX 20000

/* --- tokens --- */

static bool
is_sign(char c)
{
	return c == '(' || c == ')' || c == '[' || c == ']' || c == ',';
}

static size_t
operator_len(const char *p, const char *end)
{
	static const char *const two[] = { "==", ">=", "<=", "&&", "||", "!=" };

	for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++)
		if (end - p >= 2 && memcmp(p, two[i], 2) == 0)
			return 2;
	return *p == '=' || *p == '<' || *p == '>' || *p == '!' || is_sign(*p);
}

void
tsn_nfdump_next(struct tsn_nfdump *f)
{
	size_t n = 0;

	for (;; f->p++) {
		if (f->p < f->end && *f->p == '#')
			while (f->p < f->end && *f->p != '\n')
				f->p++;
		if (f->p >= f->end || !(*f->p == ' ' || *f->p == '\t' || *f->p == '\r' || *f->p == '\n'))
			break;
		if (*f->p == '\n') {
			f->line++;
			f->line_start = f->p + 1;
		}
	}
	f->now = (struct tsn_nfdump_token){ { f->p, 0 }, f->line, (size_t)(f->p - f->line_start) + 1 };
	if (f->p >= f->end || ++f->tokens > TOKENS_MAX)
		return;
	n = operator_len(f->p, f->end);
	if (n == 0)
		while (f->p + n < f->end && n < 300 && (unsigned char)f->p[n] > ' ' && f->p[n] != '#' && operator_len(f->p + n, f->end) == 0)
			n++;
	f->now.s.n = (uint32_t)n;
	f->p += n;
}

bool
tsn_nfdump_is(const struct tsn_nfdump *f, const char *word)
{
	return tsn_import_same(f->now.s, word);
}

bool
tsn_nfdump_accept(struct tsn_nfdump *f, const char *word)
{
	if (!tsn_nfdump_is(f, word))
		return false;
	tsn_nfdump_next(f);
	return true;
}

bool
tsn_nfdump_refuse(struct tsn_nfdump *f, const struct tsn_nfdump_token *at, const char *why)
{
	if (!f->failed && at->s.n == 0)
		tsn_import_fail(f->im, at->line, at->column, "%s, and the filter ends here", why);
	else if (!f->failed)
		tsn_import_fail(f->im, at->line, at->column, "\"%.*s\": %s", at->s.n > 60 ? 60 : (int)at->s.n, at->s.p, why);
	f->failed = true;
	return false;
}

/* --- the grammar --- */

static const struct { const char *word; enum tsn_nfdump_side side; } directions[] = {
	{ "src", SRC }, { "dst", DST }, { "in", IN }, { "out", OUT }, { "prev", PREV }, { "next", NEXT }, { "bgpnext", BGPNEXT },
	{ "router", ROUTER },
};

/* src, dst, src or dst, src and dst, in, out... */
static enum tsn_nfdump_side
direction(struct tsn_nfdump *f)
{
	enum tsn_nfdump_side side = EITHER;

	for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
		if (!tsn_nfdump_accept(f, directions[i].word))
			continue;
		side = directions[i].side;
		break;
	}
	if ((side == SRC || side == DST) && (tsn_nfdump_is(f, "or") || tsn_nfdump_is(f, "and"))) {
		const struct tsn_nfdump saved = *f;
		const bool both = tsn_nfdump_is(f, "and");

		tsn_nfdump_next(f);
		if (tsn_nfdump_accept(f, side == SRC ? "dst" : "src"))
			return both ? BOTH : EITHER;
		*f = saved;
	}
	return side;
}

static bool either(struct tsn_nfdump *f);

static bool
condition(struct tsn_nfdump *f)
{
	const struct tsn_nfdump_token at = f->now;
	const enum tsn_nfdump_side side = direction(f);
	const struct tsn_nfdump_token word = f->now;

	tsn_nfdump_next(f);
	return tsn_nfdump_ask(f, &at, side, &word);
}

static bool
single(struct tsn_nfdump *f)
{
	bool ok;

	if (++f->depth > DEPTH_MAX)
		return tsn_nfdump_refuse(f, &f->now, "this is nested too deeply");
	if (tsn_nfdump_accept(f, "not") || tsn_nfdump_accept(f, "!")) {
		tsn_buf_puts(&f->im->condition, "not ");
		f->negated = !f->negated;
		ok = single(f);
		f->negated = !f->negated;
	} else if (tsn_nfdump_accept(f, "(")) {
		tsn_buf_putc(&f->im->condition, '(');
		ok = either(f) && (tsn_nfdump_accept(f, ")") || tsn_nfdump_refuse(f, &f->now, "a bracket is not closed"));
		tsn_buf_putc(&f->im->condition, ')');
	} else {
		ok = condition(f);
	}
	f->depth--;
	return ok;
}

static bool
both(struct tsn_nfdump *f)
{
	if (!single(f))
		return false;
	while (tsn_nfdump_accept(f, "and") || tsn_nfdump_accept(f, "&&")) {
		tsn_buf_puts(&f->im->condition, " and ");
		if (!single(f))
			return false;
	}
	return true;
}

static bool
either(struct tsn_nfdump *f)
{
	if (!both(f))
		return false;
	while (tsn_nfdump_accept(f, "or") || tsn_nfdump_accept(f, "||")) {
		tsn_buf_puts(&f->im->condition, " or ");
		if (!both(f))
			return false;
	}
	return true;
}

bool
tsn_import_is_nfdump(const char *text, size_t n)
{
	(void)text;
	return n > 0;
}

bool
tsn_import_nfdump(struct tsn_import *im, const char *text, size_t n)
{
	struct tsn_nfdump f = { .im = im, .p = text, .end = text + n, .line_start = text, .line = 1 };

	tsn_nfdump_next(&f);
	if (!either(&f))
		return false;
	if (f.tokens > TOKENS_MAX)
		return tsn_import_fail(im, f.line, 0, "this filter is too long");
	return f.now.s.n == 0 || tsn_nfdump_refuse(&f, &f.now, "nothing should follow here, or \"and\" or \"or\" is missing");
}
