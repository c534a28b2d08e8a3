/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The graph: every node is interned by its canonical form, so building one twice gives one.
 * The form is an expression in brackets, operator first; it is what finds state again
 * after a reload (S49), so a change of what is written here empties every window once.
 */
#include <stdlib.h>
#include <string.h>

#include "compile/graph.h"

static struct ck_interned *
new_table(struct tsn_ck *c, size_t mask)
{
	struct ck_interned *t = tsn_calloc(mask + 1, sizeof(*t));

	if (t == NULL)
		ck_oom(c);
	return t;
}

void
ck_graph_init(struct tsn_ck *c)
{
	c->mask = 1023;
	c->nodes = new_table(c, c->mask);
}

static void
grow(struct tsn_ck *c)
{
	const size_t mask = c->mask * 2 + 1;
	struct ck_interned *nodes = new_table(c, mask);

	for (size_t i = 0; i <= c->mask; i++) {
		size_t at = c->nodes[i].hash & mask;

		if (c->nodes[i].node == NULL)
			continue;
		while (nodes[at].node != NULL)
			at = (at + 1) & mask;
		nodes[at] = c->nodes[i];
	}
	tsn_free(c->nodes);
	c->nodes = nodes;
	c->mask = mask;
}

static void
deeper(void *arg, const struct tsn_ir *inside)
{
	uint32_t *depth = arg;

	if (inside->depth > *depth)
		*depth = inside->depth;
}

static uint32_t
depth_of(const struct tsn_ir *n)
{
	uint32_t depth = 0;

	for (uint32_t i = 0; i < n->nkids; i++)
		depth = n->kid[i]->depth > depth ? n->kid[i]->depth : depth;
	if (n->kind == TSN_IR_AGG)
		ck_inside(n->agg, deeper, &depth);
	return depth + 1;
}

const struct tsn_ir *
ck_intern(struct tsn_ck *c, struct tsn_ir *n, size_t mark)
{
	size_t len = c->buf.len - mark, at;
	const char *text = tsn_buf_str(&c->buf) + mark;
	struct tsn_ir *kept;
	uint32_t i, hash;

	if (c->buf.failed)
		ck_oom(c);
	hash = (uint32_t)tsn_hash_bytes(text, len, 0);
	for (at = hash & c->mask; c->nodes[at].node != NULL; at = (at + 1) & c->mask) {
		const struct ck_interned *x = &c->nodes[at];

		if (x->hash == hash && x->len == len && memcmp(x->node->canon, text, len) == 0) {
			c->buf.len = mark;
			return x->node;
		}
	}
	if (len > CK_CANON_MAX || c->nnodes >= CK_NODES_MAX || depth_of(n) > CK_DEPTH_MAX) {
		if (!c->too_large) {
			tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_LIMIT, c->at,
			    "this expression is too large once its definitions are written out"), "split it");
		}
		c->too_large = true;
		c->buf.len = mark;
		return c->u;
	}
	kept = ck_alloc(c, sizeof(*kept));
	*kept = *n;
	kept->id = (uint32_t)c->nnodes++;
	kept->depth = depth_of(n);
	kept->span = c->at;
	kept->canon = ck_take(c, mark);
	if (n->nkids > 0) {
		kept->kid = ck_alloc(c, n->nkids * sizeof(*kept->kid));
		memcpy(kept->kid, n->kid, n->nkids * sizeof(*kept->kid));
	}
	kept->stateful = n->kind == TSN_IR_AGG;
	kept->field_test = n->kind == TSN_IR_FIELD;
	for (i = 0; i < n->nkids; i++) {
		kept->stateful |= n->kid[i]->stateful;
		kept->field_test |= n->kid[i]->field_test;
	}
	c->nodes[at] = (struct ck_interned){ kept, hash, (uint32_t)len };
	if (c->nnodes * 2 > c->mask)
		grow(c);
	return kept;
}

size_t
ck_open_form(struct tsn_ck *c, const char *head)
{
	size_t mark = c->buf.len;

	tsn_buf_puts(&c->buf, head);
	return mark;
}

const struct tsn_ir *
ck_with_kids(struct tsn_ck *c, struct tsn_ir *n, const char *head, const struct tsn_ir **kid, uint32_t nkids)
{
	size_t mark = ck_open_form(c, "(");
	uint32_t i;

	tsn_buf_puts(&c->buf, head);
	n->kid = kid;
	n->nkids = nkids;
	for (i = 0; i < nkids; i++) { /* of every node of every rule: no place for printf */
		tsn_buf_putc(&c->buf, ' ');
		tsn_buf_puts(&c->buf, kid[i]->canon);
	}
	tsn_buf_putc(&c->buf, ')');
	return ck_intern(c, n, mark);
}

/* The form tells types apart: the integer 25, the port :25, 25 duration (in ms). */
static void
add_int(struct tsn_ck *c, int64_t i, enum tsn_type t)
{
	struct tsn_value v = { .type = t, .known = true, .i = i };

	switch (t) {
	case TSN_T_INT:
		tsn_buf_int(&c->buf, i);
		break;
	case TSN_T_PORT:
		tsn_buf_putc(&c->buf, ':');
		tsn_buf_int(&c->buf, i);
		break;
	case TSN_T_FLAGS:
	case TSN_T_MAC:
		tsn_value_text(&v, &c->buf);
		break;
	case TSN_T_PROTO:
		tsn_buf_puts(&c->buf, tsn_proto_name((unsigned)i) == NULL ? "proto " : "");
		tsn_value_text(&v, &c->buf);
		break;
	default:
		tsn_buf_int(&c->buf, i);
		tsn_buf_putc(&c->buf, ' ');
		tsn_buf_puts(&c->buf, tsn_type_name(t));
	}
}

const struct tsn_ir *
ck_int(struct tsn_ck *c, int64_t v, enum tsn_type t)
{
	struct tsn_ir n = { .kind = TSN_IR_INT, .type = t, .i = v };
	size_t mark = c->buf.len;

	add_int(c, v, t);
	return ck_intern(c, &n, mark);
}

const struct tsn_ir *
ck_real(struct tsn_ck *c, double v)
{
	struct tsn_ir n = { .kind = TSN_IR_REAL, .type = TSN_T_REAL, .real = v == 0 ? 0 : v };
	size_t mark = c->buf.len;

	tsn_buf_printf(&c->buf, "%.17gr", n.real);
	return ck_intern(c, &n, mark);
}

const struct tsn_ir *
ck_addr(struct tsn_ck *c, struct tsn_addr a)
{
	struct tsn_ir n = { .kind = TSN_IR_ADDR, .type = TSN_T_ADDR, .addr = a };
	char text[TSN_ADDR_TEXT];
	size_t mark = ck_open_form(c, tsn_addr_text(a, text));

	return ck_intern(c, &n, mark);
}

void
ck_add_quoted(struct tsn_ck *c, const char *s, size_t len)
{
	tsn_buf_putc(&c->buf, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\' || (unsigned char)s[i] < 0x20)
			tsn_buf_printf(&c->buf, "\\x%02x", (unsigned char)s[i]);
		else
			tsn_buf_putc(&c->buf, s[i]);
	}
	tsn_buf_putc(&c->buf, '"');
}

const struct tsn_ir *
ck_string(struct tsn_ck *c, const char *s, uint32_t len)
{
	struct tsn_ir n = { .kind = TSN_IR_STRING, .type = TSN_T_STRING, .len = len };
	size_t mark = c->buf.len;

	n.text = ck_strndup(c, s, len);
	ck_add_quoted(c, s, len);
	return ck_intern(c, &n, mark);
}

void
ck_add_field(struct tsn_ck *c, uint16_t field, unsigned v4, unsigned v6)
{
	char text[TSN_WANTED_TEXT];

	tsn_buf_puts(&c->buf, tsn_wanted_name(c->m->wanted, c->m->nwanted, field, text));
	if (tsn_fields[field].storage == TSN_ADDR && (v4 != 32 || v6 != 128))
		tsn_buf_printf(&c->buf, "/%u/%u", v4, v6);
}

const struct tsn_ir *
ck_field(struct tsn_ck *c, uint16_t field, unsigned v4, unsigned v6)
{
	struct tsn_ir n = { .kind = TSN_IR_FIELD, .type = tsn_fields[field].type, .field = field,
		.v4_bits = (uint8_t)v4, .v6_bits = (uint8_t)v6 };
	size_t mark = c->buf.len;

	ck_add_field(c, field, v4, v6);
	return ck_intern(c, &n, mark);
}

const struct tsn_ir *
ck_tuple(struct tsn_ck *c, const struct tsn_ir **kid, uint32_t n)
{
	struct tsn_ir t = { .kind = TSN_IR_TUPLE, .type = TSN_T_TUPLE };

	return ck_with_kids(c, &t, "tuple", kid, n);
}

int
ck_by_canon(const void *a, const void *b)
{
	return strcmp((*(const struct tsn_ir *const *)a)->canon, (*(const struct tsn_ir *const *)b)->canon);
}

const struct tsn_ir *
ck_arith_node(struct tsn_ck *c, enum tsn_ir_arith op, const struct tsn_ir *a, const struct tsn_ir *b, enum tsn_type t)
{
	static const char *const name[] = { "+", "-", "*", "/", "%", "&", "|" };
	struct tsn_ir n = { .kind = TSN_IR_ARITH, .type = t, .arith = op };
	const struct tsn_ir *kid[2] = { a, b };

	if (op != TSN_AR_SUB && op != TSN_AR_DIV && op != TSN_AR_MOD)
		qsort(kid, 2, sizeof(kid[0]), ck_by_canon);
	return ck_with_kids(c, &n, name[op], kid, 2);
}

const struct tsn_ir *
ck_neg_node(struct tsn_ck *c, const struct tsn_ir *a)
{
	struct tsn_ir n = { .kind = TSN_IR_NEG, .type = a->type };

	return ck_with_kids(c, &n, "neg", &a, 1);
}

const struct tsn_ir *
ck_to_real(struct tsn_ck *c, const struct tsn_ir *a)
{
	struct tsn_ir n = { .kind = TSN_IR_TO_REAL, .type = TSN_T_REAL };

	if (a->type == TSN_T_REAL)
		return a;
	if (a->kind == TSN_IR_INT)
		return ck_real(c, (double)a->i);
	return ck_with_kids(c, &n, "real", &a, 1);
}

/* --- going about --- */

bool
ck_is_const(const struct tsn_ir *n)
{
	return n->kind == TSN_IR_INT || n->kind == TSN_IR_REAL || n->kind == TSN_IR_ADDR || n->kind == TSN_IR_STRING;
}

void
ck_inside(const struct tsn_ir_agg *agg, void (*fn)(void *, const struct tsn_ir *), void *arg)
{
	fn(arg, agg->where);
	if (agg->arg != NULL)
		fn(arg, agg->arg);
	for (uint32_t i = 0; i < agg->nsteps; i++)
		if (agg->step[i].where != agg->where)
			fn(arg, agg->step[i].where);
}

/* Every node outside the arguments of functions; a function is met, what is in it is not. */
void
ck_walk(const struct tsn_ir *n, void (*fn)(void *, const struct tsn_ir *), void *arg)
{
	fn(arg, n);
	for (uint32_t i = 0; i < n->nkids; i++)
		ck_walk(n->kid[i], fn, arg);
}
