/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Walking, comparing and dumping the tree. Recursion is bounded by TSN_AST_DEPTH_MAX. */
#include "grammar/ast.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"

struct tsn_node *
tsn_node_kid(const struct tsn_node *n, size_t i)
{
	struct tsn_node *kid = n != NULL ? n->kids : NULL;

	while (kid != NULL && i-- > 0)
		kid = kid->next;
	return kid;
}

const struct tsn_node *
tsn_node_option(const struct tsn_node *n, const char *name)
{
	for (const struct tsn_node *kid = n->kids; kid != NULL; kid = kid->next)
		if (kid->kind == TSN_N_OPTION && strcmp(kid->text, name) == 0)
			return kid;
	return NULL;
}

struct tsn_node *
tsn_node_find(const struct tsn_node *n, enum tsn_node_kind kind)
{
	struct tsn_node *kid = n != NULL ? n->kids : NULL;

	while (kid != NULL && kid->kind != kind)
		kid = kid->next;
	return kid;
}

const char *
tsn_node_name(enum tsn_node_kind kind)
{
	static const char *const names[] = {
#define NODE(sym, name, help) name,
#include "grammar/nodes.def"
#undef NODE
	};

	return kind < TSN_N_COUNT ? names[kind] : "?";
}

const char *
tsn_op_text(enum tsn_op op)
{
	static const char *const texts[] = {
#define OP(sym, text) text,
#include "grammar/ops.def"
#undef OP
	};

	return op < TSN_OP_COUNT ? texts[op] : "?";
}

static bool
same_text(const char *a, size_t n, const char *b, size_t m)
{
	if (a == NULL || b == NULL)
		return a == b;
	return n == m && memcmp(a, b, n) == 0;
}

static size_t
length(const char *s)
{
	return s != NULL ? strlen(s) : 0;
}

static bool
same_value(const struct tsn_node *a, const struct tsn_node *b)
{
	if (a->kind == TSN_N_ADDRESS || a->kind == TSN_N_PREFIX)
		return tsn_addr_cmp(a->addr, b->addr) == 0 && a->plen == b->plen;
	if (a->kind == TSN_N_REAL)
		return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
	return a->i == b->i && a->plen == b->plen;
}

bool
tsn_node_equal(const struct tsn_node *a, const struct tsn_node *b)
{
	const struct tsn_node *x, *y;

	if (a == NULL || b == NULL)
		return a == b;
	if (a->kind != b->kind || a->op != b->op || a->unit != b->unit || a->all != b->all ||
	    a->broken != b->broken || !same_value(a, b) || !same_text(a->text, a->len, b->text, b->len) ||
	    !same_text(a->flags, length(a->flags), b->flags, length(b->flags)))
		return false;
	for (x = a->kids, y = b->kids; x != NULL && y != NULL; x = x->next, y = y->next)
		if (!tsn_node_equal(x, y))
			return false;
	return x == y;
}

static void
dump_value(const struct tsn_node *n, struct tsn_buf *out)
{
	char text[TSN_ADDR_TEXT];

	switch (n->kind) {
	case TSN_N_INT:
	case TSN_N_DURATION:
	case TSN_N_SIZE:
	case TSN_N_DATE:
		tsn_buf_printf(out, " %" PRId64, n->i);
		break;
	case TSN_N_REAL:
		tsn_buf_printf(out, " %.17g", n->real);
		break;
	case TSN_N_ADDRESS:
		tsn_buf_printf(out, " %s", tsn_addr_text(n->addr, text));
		break;
	case TSN_N_PREFIX:
		tsn_buf_printf(out, " %s/%d", tsn_addr_text(n->addr, text), n->plen);
		break;
	case TSN_N_MASK:
		tsn_buf_printf(out, " /%" PRId64, n->i);
		if (n->plen >= 0)
			tsn_buf_printf(out, "/%d", n->plen);
		break;
	case TSN_N_EXPECT:
		if (n->i >= 0)
			tsn_buf_printf(out, " %" PRId64, n->i);
		break;
	}
}

static void
dump(const struct tsn_node *n, unsigned level, struct tsn_buf *out)
{
	static const char *const units[] = { "", " hex", " scaled", " bytes", " bits" };
	const struct tsn_node *kid;
	unsigned i;

	for (i = 0; i < level; i++)
		tsn_buf_putc(out, '\t');
	tsn_buf_puts(out, tsn_node_name(n->kind));
	if (n->op != TSN_OP_NONE)
		tsn_buf_printf(out, " %s", tsn_op_text(n->op));
	dump_value(n, out);
	if (n->unit < sizeof(units) / sizeof(*units))
		tsn_buf_puts(out, units[n->unit]);
	if (n->text != NULL) {
		tsn_buf_puts(out, " \"");
		tsn_buf_json(out, n->text, n->len);
		tsn_buf_printf(out, "\"%s", n->all ? ".*" : "");
	}
	if (n->flags != NULL && n->flags[0] != '\0')
		tsn_buf_printf(out, " flags %s", n->flags);
	tsn_buf_puts(out, n->broken ? " broken\n" : "\n");
	for (kid = n->kids; kid != NULL; kid = kid->next)
		dump(kid, level + 1, out);
}

void
tsn_node_dump(const struct tsn_node *n, struct tsn_buf *out)
{
	if (n != NULL)
		dump(n, 0, out);
}
