/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Nodes of the graph that are true, false or unknown: tests of fields and sets, comparisons, and what joins them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/graph.h"

static const struct tsn_ir *
truth(struct tsn_ck *c, enum tsn_ir_kind kind, const char *name)
{
	struct tsn_ir n = { .kind = kind, .type = TSN_T_BOOL };
	size_t mark = ck_open_form(c, name);

	return ck_intern(c, &n, mark);
}

const struct tsn_ir *
ck_unknown_node(struct tsn_ck *c)
{
	return truth(c, TSN_IR_UNKNOWN, "unknown");
}

/* De Morgan holds with three values too, so a negation ends at a leaf. */
const struct tsn_ir *
ck_not(struct tsn_ck *c, const struct tsn_ir *a)
{
	static const enum tsn_rel inverse[] = { TSN_REL_NE, TSN_REL_EQ, TSN_REL_GE, TSN_REL_GT, TSN_REL_LE, TSN_REL_LT };
	struct tsn_ir n = { .kind = TSN_IR_NOT, .type = TSN_T_BOOL };
	const struct tsn_ir **kid;
	uint32_t i;

	switch (a->kind) {
	case TSN_IR_TRUE:
		return truth(c, TSN_IR_FALSE, "false");
	case TSN_IR_FALSE:
		return truth(c, TSN_IR_TRUE, "true");
	case TSN_IR_UNKNOWN:
		return a;
	case TSN_IR_NOT:
		return a->kid[0];
	case TSN_IR_COMPARE:
		return ck_compare_node(c, inverse[a->rel], a->kid[0], a->kid[1]);
	case TSN_IR_AND:
	case TSN_IR_OR:
		kid = ck_alloc(c, a->nkids * sizeof(*kid));
		for (i = 0; i < a->nkids; i++)
			kid[i] = ck_not(c, a->kid[i]);
		return ck_junction(c, a->kind == TSN_IR_AND ? TSN_IR_OR : TSN_IR_AND, kid, a->nkids);
	default:
		return ck_with_kids(c, &n, "not", &a, 1);
	}
}

static size_t
flatten(enum tsn_ir_kind kind, const struct tsn_ir *const *kid, size_t n, const struct tsn_ir **out)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = kid[i]->kind == kind ? kid[i]->nkids : 1;

		if (out != NULL && kid[i]->kind == kind)
			memcpy(out + count, kid[i]->kid, k * sizeof(*out));
		else if (out != NULL)
			out[count] = kid[i];
		count += k;
	}
	return count;
}

/* Most have two or three parts, where a call of qsort is most of the work; equal ones are one node. */
static void
sort(const struct tsn_ir **v, size_t n)
{
	if (n > 8) {
		qsort(v, n, sizeof(*v), ck_by_canon);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		const struct tsn_ir *x = v[i];
		size_t at = i;

		for (; at > 0 && strcmp(v[at - 1]->canon, x->canon) > 0; at--)
			v[at] = v[at - 1];
		v[at] = x;
	}
}

const struct tsn_ir *
ck_junction(struct tsn_ck *c, enum tsn_ir_kind kind, const struct tsn_ir *const *kid, size_t n)
{
	enum tsn_ir_kind nothing = kind == TSN_IR_AND ? TSN_IR_TRUE : TSN_IR_FALSE;
	enum tsn_ir_kind all = kind == TSN_IR_AND ? TSN_IR_FALSE : TSN_IR_TRUE;
	size_t count = flatten(kind, kid, n, NULL), kept = 0;
	const struct tsn_ir **v = ck_alloc(c, (count + 1) * sizeof(*v));
	struct tsn_ir node = { .kind = kind, .type = TSN_T_BOOL };

	flatten(kind, kid, n, v);
	sort(v, count);
	for (size_t i = 0; i < count; i++) {
		if (v[i]->kind == all)
			return v[i];
		if (v[i]->kind != nothing && (kept == 0 || v[kept - 1] != v[i]))
			v[kept++] = v[i];
	}
	if (kept == 0)
		return truth(c, nothing, nothing == TSN_IR_TRUE ? "true" : "false");
	if (kept == 1)
		return v[0];
	return ck_with_kids(c, &node, kind == TSN_IR_AND ? "and" : "or", v, (uint32_t)kept);
}

const struct tsn_ir *
ck_and(struct tsn_ck *c, const struct tsn_ir *a, const struct tsn_ir *b)
{
	const struct tsn_ir *kid[2] = { a, b };

	return ck_junction(c, TSN_IR_AND, kid, 2);
}

const struct tsn_ir *
ck_has(struct tsn_ck *c, const struct tsn_ir *a)
{
	struct tsn_ir n = { .kind = TSN_IR_HAS, .type = TSN_T_BOOL };

	return ck_with_kids(c, &n, "has", &a, 1);
}

const struct tsn_ir *
ck_clock(struct tsn_ck *c)
{
	struct tsn_ir n = { .kind = TSN_IR_CLOCK, .type = TSN_T_TIME };
	size_t mark = ck_open_form(c, "clock");

	return ck_intern(c, &n, mark);
}

const struct tsn_ir *
ck_gives(struct tsn_ck *c, enum tsn_gives what)
{
	static const char *const form[] = { "gives flags", "gives interfaces", "gives unsampled", "gives both directions" };
	struct tsn_ir n = { .kind = TSN_IR_GIVES, .type = TSN_T_BOOL, .i = what };

	return ck_with_kids(c, &n, form[what], NULL, 0);
}

const struct tsn_ir *
ck_choose(struct tsn_ck *c, const struct tsn_ir **kid, uint32_t n, enum tsn_type t)
{
	struct tsn_ir node = { .kind = TSN_IR_CHOOSE, .type = t };

	return ck_with_kids(c, &node, "choose", kid, n);
}

const struct tsn_ir *
ck_during(struct tsn_ck *c, uint32_t schedule, const char *canon)
{
	struct tsn_ir n = { .kind = TSN_IR_DURING, .type = TSN_T_BOOL, .schedule = schedule };
	size_t mark = ck_open_form(c, "(during ");

	tsn_buf_printf(&c->buf, "%s)", canon);
	return ck_intern(c, &n, mark);
}

/* A constant stands on the right; of two others the smaller form on the left. */
const struct tsn_ir *
ck_compare_node(struct tsn_ck *c, enum tsn_rel rel, const struct tsn_ir *a, const struct tsn_ir *b)
{
	static const char *const name[] = { "==", "!=", "<", "<=", ">", ">=" };
	static const enum tsn_rel mirror[] = { TSN_REL_EQ, TSN_REL_NE, TSN_REL_GT, TSN_REL_GE, TSN_REL_LT, TSN_REL_LE };
	struct tsn_ir n = { .kind = TSN_IR_COMPARE, .type = TSN_T_BOOL, .rel = rel };
	const struct tsn_ir *kid[2] = { a, b };

	if (ck_is_const(a) ? !ck_is_const(b) : !ck_is_const(b) && strcmp(a->canon, b->canon) > 0) {
		kid[0] = b;
		kid[1] = a;
		n.rel = mirror[rel];
	}
	return ck_with_kids(c, &n, name[n.rel], kid, 2);
}

const struct tsn_ir *
ck_flags_has(struct tsn_ck *c, const struct tsn_ir *a, int64_t bits)
{
	struct tsn_ir n = { .kind = TSN_IR_FLAGS_HAS, .type = TSN_T_BOOL, .i = bits };
	char head[40];

	snprintf(head, sizeof(head), "all %lld", (long long)bits);
	return ck_with_kids(c, &n, head, &a, 1);
}

/* How old the set's files may be, ms; 0: as old as they are. Files of tests are not read. */
static int64_t
most_age(const struct tsn_ck *c, const struct ck_set *s)
{
	return c->test ? 0 : ck_set_max_age(s);
}

const struct tsn_ir *
ck_in(struct tsn_ck *c, const struct tsn_ir *a, struct ck_set *s)
{
	struct tsn_ir n = { .kind = TSN_IR_IN, .type = TSN_T_BOOL, .set = ck_set_slot(c, s), .i = most_age(c, s), .kid = &a, .nkids = 1 };
	size_t mark = ck_open_form(c, "(in ");

	tsn_buf_printf(&c->buf, "%s %s", a->canon, s->name);
	if (n.i > 0)
		tsn_buf_printf(&c->buf, " recent %lld", (long long)n.i);
	tsn_buf_putc(&c->buf, ')');
	return ck_intern(c, &n, mark);
}

/* True while the table's files are not too old, else unknown. */
static const struct tsn_ir *
recent(struct tsn_ck *c, struct ck_set *s, int64_t age)
{
	struct tsn_ir n = { .kind = TSN_IR_RECENT, .type = TSN_T_BOOL, .set = ck_set_slot(c, s), .i = age };
	size_t mark = ck_open_form(c, "(recent ");

	tsn_buf_printf(&c->buf, "%s %lld)", s->name, (long long)n.i);
	return ck_intern(c, &n, mark);
}

const struct tsn_ir *
ck_table_node(struct tsn_ck *c, const struct tsn_ir *key, struct ck_set *s, enum tsn_type t)
{
	struct tsn_ir n = { .kind = TSN_IR_TABLE, .type = t, .table = ck_set_slot(c, s), .kid = &key, .nkids = 1 };
	const int64_t age = most_age(c, s);
	size_t mark = ck_open_form(c, "(table ");
	const struct tsn_ir *when[2];

	tsn_buf_printf(&c->buf, "%s %s%s)", s->name, key->canon, t == TSN_T_REAL ? " real" : "");
	when[1] = ck_intern(c, &n, mark);
	if (age == 0)
		return when[1];
	when[0] = recent(c, s, age);
	return ck_choose(c, when, 2, t);
}

const struct tsn_ir *
ck_in_prefix(struct tsn_ck *c, const struct tsn_ir *a, struct tsn_prefix p)
{
	struct tsn_ir n = { .kind = TSN_IR_IN_PREFIX, .type = TSN_T_BOOL, .prefix = p, .kid = &a, .nkids = 1 };
	char text[TSN_ADDR_TEXT];
	size_t mark = ck_open_form(c, "(in ");

	tsn_buf_puts(&c->buf, a->canon);
	tsn_buf_putc(&c->buf, ' ');
	tsn_buf_puts(&c->buf, tsn_prefix_text(p, text));
	tsn_buf_putc(&c->buf, ')');
	return ck_intern(c, &n, mark);
}

const struct tsn_ir *
ck_match(struct tsn_ck *c, const struct tsn_ir *a, const char *pattern, uint32_t options)
{
	struct tsn_ir n = { .kind = TSN_IR_MATCH, .type = TSN_T_BOOL, .kid = &a, .nkids = 1 };
	struct tsn_ir_module *m = c->m;
	size_t mark = ck_open_form(c, "(~ "), cap = c->cap_regexes;

	while (n.regex < m->nregex &&
	    !(strcmp(m->regex[n.regex], pattern) == 0 && m->regex_flags[n.regex] == options))
		n.regex++;
	if (n.regex == m->nregex) {
		m->regex = ck_grow(c, m->regex, m->nregex, &c->cap_regexes, sizeof(*m->regex));
		m->regex_flags = ck_grow(c, m->regex_flags, m->nregex, &cap, sizeof(*m->regex_flags));
		m->regex[m->nregex] = ck_strdup(c, pattern);
		m->regex_flags[m->nregex++] = options;
	}
	tsn_buf_printf(&c->buf, "%s %x ", a->canon, options);
	ck_add_quoted(c, pattern, strlen(pattern));
	tsn_buf_putc(&c->buf, ')');
	return ck_intern(c, &n, mark);
}
