/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The graph: every node is interned by its canonical form, so building one twice gives one.
 * The form is an expression in brackets, operator first; it is what finds state again
 * after a reload (S49), so a change of what is written here empties every window once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/check.h"

void
ck_graph_init(struct tsn_ck *c)
{
	c->mask = 1023;
	c->nodes = ck_alloc(c, (c->mask + 1) * sizeof(*c->nodes));
}

static void
rehash(struct tsn_ck *c)
{
	size_t mask = c->mask * 2 + 1, i, at;
	struct tsn_ir **nodes = ck_alloc(c, (mask + 1) * sizeof(*nodes));

	for (i = 0; i <= c->mask; i++) {
		if (c->nodes[i] == NULL)
			continue;
		at = tsn_hash_bytes(c->nodes[i]->canon, strlen(c->nodes[i]->canon), 0) & mask;
		while (nodes[at] != NULL)
			at = (at + 1) & mask;
		nodes[at] = c->nodes[i];
	}
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

/* The text since [mark] is the form of [n]: the node of that form, [n] itself if it is new. */
static const struct tsn_ir *
intern(struct tsn_ck *c, struct tsn_ir *n, size_t mark)
{
	size_t len = c->buf.len - mark, at;
	const char *text = tsn_buf_str(&c->buf) + mark;
	struct tsn_ir *kept;
	uint32_t i;

	if (c->buf.failed)
		ck_oom(c);
	at = tsn_hash_bytes(text, len, 0) & c->mask;
	for (; c->nodes[at] != NULL; at = (at + 1) & c->mask) {
		if (strlen(c->nodes[at]->canon) == len && memcmp(c->nodes[at]->canon, text, len) == 0) {
			c->buf.len = mark;
			return c->nodes[at];
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
	c->nodes[at] = kept;
	if (c->nnodes * 2 > c->mask)
		rehash(c);
	return kept;
}

static size_t
open_form(struct tsn_ck *c, const char *head)
{
	size_t mark = c->buf.len;

	tsn_buf_puts(&c->buf, head);
	return mark;
}

static const struct tsn_ir *
with_kids(struct tsn_ck *c, struct tsn_ir *n, const char *head, const struct tsn_ir **kid, uint32_t nkids)
{
	size_t mark = open_form(c, "(");
	uint32_t i;

	tsn_buf_puts(&c->buf, head);
	n->kid = kid;
	n->nkids = nkids;
	for (i = 0; i < nkids; i++) { /* of every node of every rule: no place for printf */
		tsn_buf_putc(&c->buf, ' ');
		tsn_buf_puts(&c->buf, kid[i]->canon);
	}
	tsn_buf_putc(&c->buf, ')');
	return intern(c, n, mark);
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
	return intern(c, &n, mark);
}

const struct tsn_ir *
ck_real(struct tsn_ck *c, double v)
{
	struct tsn_ir n = { .kind = TSN_IR_REAL, .type = TSN_T_REAL, .real = v == 0 ? 0 : v };
	size_t mark = c->buf.len;

	tsn_buf_printf(&c->buf, "%.17gr", n.real);
	return intern(c, &n, mark);
}

const struct tsn_ir *
ck_addr(struct tsn_ck *c, struct tsn_addr a)
{
	struct tsn_ir n = { .kind = TSN_IR_ADDR, .type = TSN_T_ADDR, .addr = a };
	char text[TSN_ADDR_TEXT];
	size_t mark = open_form(c, tsn_addr_text(a, text));

	return intern(c, &n, mark);
}

static void
add_quoted(struct tsn_ck *c, const char *s, size_t len)
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
	add_quoted(c, s, len);
	return intern(c, &n, mark);
}

static void
add_field(struct tsn_ck *c, uint16_t field, unsigned v4, unsigned v6)
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

	add_field(c, field, v4, v6);
	return intern(c, &n, mark);
}

const struct tsn_ir *
ck_tuple(struct tsn_ck *c, const struct tsn_ir **kid, uint32_t n)
{
	struct tsn_ir t = { .kind = TSN_IR_TUPLE, .type = TSN_T_TUPLE };

	return with_kids(c, &t, "tuple", kid, n);
}

static int
by_canon(const void *a, const void *b)
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
		qsort(kid, 2, sizeof(kid[0]), by_canon);
	return with_kids(c, &n, name[op], kid, 2);
}

const struct tsn_ir *
ck_neg_node(struct tsn_ck *c, const struct tsn_ir *a)
{
	struct tsn_ir n = { .kind = TSN_IR_NEG, .type = a->type };

	return with_kids(c, &n, "neg", &a, 1);
}

const struct tsn_ir *
ck_to_real(struct tsn_ck *c, const struct tsn_ir *a)
{
	struct tsn_ir n = { .kind = TSN_IR_TO_REAL, .type = TSN_T_REAL };

	if (a->type == TSN_T_REAL)
		return a;
	if (a->kind == TSN_IR_INT)
		return ck_real(c, (double)a->i);
	return with_kids(c, &n, "real", &a, 1);
}

/* --- truth values --- */

static const struct tsn_ir *
truth(struct tsn_ck *c, enum tsn_ir_kind kind, const char *name)
{
	struct tsn_ir n = { .kind = kind, .type = TSN_T_BOOL };
	size_t mark = open_form(c, name);

	return intern(c, &n, mark);
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
		return with_kids(c, &n, "not", &a, 1);
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

const struct tsn_ir *
ck_junction(struct tsn_ck *c, enum tsn_ir_kind kind, const struct tsn_ir *const *kid, size_t n)
{
	enum tsn_ir_kind nothing = kind == TSN_IR_AND ? TSN_IR_TRUE : TSN_IR_FALSE;
	enum tsn_ir_kind all = kind == TSN_IR_AND ? TSN_IR_FALSE : TSN_IR_TRUE;
	size_t count = flatten(kind, kid, n, NULL), kept = 0;
	const struct tsn_ir **v = ck_alloc(c, (count + 1) * sizeof(*v));
	struct tsn_ir node = { .kind = kind, .type = TSN_T_BOOL };

	flatten(kind, kid, n, v);
	qsort(v, count, sizeof(*v), by_canon);
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
	return with_kids(c, &node, kind == TSN_IR_AND ? "and" : "or", v, (uint32_t)kept);
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

	return with_kids(c, &n, "has", &a, 1);
}

const struct tsn_ir *
ck_clock(struct tsn_ck *c)
{
	struct tsn_ir n = { .kind = TSN_IR_CLOCK, .type = TSN_T_TIME };
	size_t mark = open_form(c, "clock");

	return intern(c, &n, mark);
}

const struct tsn_ir *
ck_gives(struct tsn_ck *c, enum tsn_gives what)
{
	static const char *const form[] = { "gives flags", "gives interfaces", "gives unsampled", "gives both directions" };
	struct tsn_ir n = { .kind = TSN_IR_GIVES, .type = TSN_T_BOOL, .i = what };

	return with_kids(c, &n, form[what], NULL, 0);
}

const struct tsn_ir *
ck_choose(struct tsn_ck *c, const struct tsn_ir **kid, uint32_t n, enum tsn_type t)
{
	struct tsn_ir node = { .kind = TSN_IR_CHOOSE, .type = t };

	return with_kids(c, &node, "choose", kid, n);
}

const struct tsn_ir *
ck_table_node(struct tsn_ck *c, const struct tsn_ir *key, struct ck_set *s, enum tsn_type t)
{
	struct tsn_ir n = { .kind = TSN_IR_TABLE, .type = t, .table = ck_set_slot(c, s), .kid = &key, .nkids = 1 };
	size_t mark = open_form(c, "(table ");

	tsn_buf_printf(&c->buf, "%s %s%s)", s->name, key->canon, t == TSN_T_REAL ? " real" : "");
	return intern(c, &n, mark);
}

const struct tsn_ir *
ck_during(struct tsn_ck *c, uint32_t schedule, const char *canon)
{
	struct tsn_ir n = { .kind = TSN_IR_DURING, .type = TSN_T_BOOL, .schedule = schedule };
	size_t mark = open_form(c, "(during ");

	tsn_buf_printf(&c->buf, "%s)", canon);
	return intern(c, &n, mark);
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
	return with_kids(c, &n, name[n.rel], kid, 2);
}

const struct tsn_ir *
ck_flags_has(struct tsn_ck *c, const struct tsn_ir *a, int64_t bits)
{
	struct tsn_ir n = { .kind = TSN_IR_FLAGS_HAS, .type = TSN_T_BOOL, .i = bits };
	char head[40];

	snprintf(head, sizeof(head), "all %lld", (long long)bits);
	return with_kids(c, &n, head, &a, 1);
}

const struct tsn_ir *
ck_in(struct tsn_ck *c, const struct tsn_ir *a, struct ck_set *s)
{
	struct tsn_ir n = { .kind = TSN_IR_IN, .type = TSN_T_BOOL, .set = ck_set_slot(c, s), .kid = &a, .nkids = 1 };
	size_t mark = open_form(c, "(in ");

	tsn_buf_printf(&c->buf, "%s %s)", a->canon, s->name);
	return intern(c, &n, mark);
}

const struct tsn_ir *
ck_in_prefix(struct tsn_ck *c, const struct tsn_ir *a, struct tsn_prefix p)
{
	struct tsn_ir n = { .kind = TSN_IR_IN_PREFIX, .type = TSN_T_BOOL, .prefix = p, .kid = &a, .nkids = 1 };
	char text[TSN_ADDR_TEXT];
	size_t mark = open_form(c, "(in ");

	tsn_buf_printf(&c->buf, "%s %s)", a->canon, tsn_prefix_text(p, text));
	return intern(c, &n, mark);
}

const struct tsn_ir *
ck_match(struct tsn_ck *c, const struct tsn_ir *a, const char *pattern, uint32_t options)
{
	struct tsn_ir n = { .kind = TSN_IR_MATCH, .type = TSN_T_BOOL, .kid = &a, .nkids = 1 };
	struct tsn_ir_module *m = c->m;
	size_t mark = open_form(c, "(~ "), cap = c->cap_regexes;

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
	add_quoted(c, pattern, strlen(pattern));
	tsn_buf_putc(&c->buf, ')');
	return intern(c, &n, mark);
}

/* --- stateful functions --- */

void
ck_key_canon(struct tsn_ck *c, const struct tsn_key_spec *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		if (i > 0)
			tsn_buf_puts(&c->buf, ", ");
		add_field(c, k->part[i].field, k->part[i].v4_bits, k->part[i].v6_bits);
	}
}

const char *
ck_key_text(struct tsn_ck *c, const struct tsn_key_spec *k)
{
	size_t mark = c->buf.len;

	ck_key_canon(c, k);
	return k->n == 0 ? "no key" : ck_take(c, mark);
}

static void
deepest(void *arg, const struct tsn_ir *n)
{
	unsigned *level = arg;

	if (n->kind == TSN_IR_AGG && n->agg->level > *level)
		*level = n->agg->level;
}

static void
deepest_inside(void *arg, const struct tsn_ir *inside)
{
	ck_walk(inside, deepest, arg);
}

/* What is about another aggregate lies in its family. */
static unsigned
level_of(const struct tsn_ir_agg *agg)
{
	unsigned level = 0;

	if (agg->of != NULL)
		return agg->of->level;
	ck_inside(agg, deepest_inside, &level);
	return level + 1;
}

static void
add_steps(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	for (uint32_t i = 0; i < agg->nsteps; i++) {
		const struct tsn_ir_step *s = &agg->step[i];

		tsn_buf_puts(&c->buf, i > 0 ? ", (" : "(");
		ck_key_canon(c, &s->key);
		if (s->rule != NULL)
			tsn_buf_printf(&c->buf, ") matches of %s", s->rule);
		else
			tsn_buf_printf(&c->buf, ") %s", s->where->canon);
	}
}

/* A sequence is alone in its family, so the window belongs to the form. */
static char *
sequence_form(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	char text[TSN_TIME_TEXT];
	size_t mark = open_form(c, "steps ");

	add_steps(c, agg);
	tsn_buf_printf(&c->buf, " over %s level %u", tsn_duration_text(agg->window_ms, text), agg->level);
	if (agg->talks)
		tsn_buf_puts(&c->buf, " of conversations");
	return ck_take(c, mark);
}

static char *
family_form(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	size_t mark;

	if (agg->fn == TSN_AGG_SEQUENCE)
		return sequence_form(c, agg);
	mark = open_form(c, "by ");
	ck_key_canon(c, &agg->key);
	if (agg->at.n > 0) {
		tsn_buf_puts(&c->buf, " at ");
		ck_key_canon(c, &agg->at);
	}
	if (agg->fired != NULL)
		tsn_buf_printf(&c->buf, " fired %s", agg->fired);
	tsn_buf_printf(&c->buf, " where %s level %u", agg->where->canon, agg->level);
	if (agg->talks)
		tsn_buf_puts(&c->buf, " of conversations");
	return ck_take(c, mark);
}

static void
add_within(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	const char *before = " within ";

	for (unsigned i = 0; i < agg->key.n; i++) {
		struct tsn_key_spec one = { 1, { agg->key.part[i] } };

		if (!(agg->within >> i & 1))
			continue;
		tsn_buf_puts(&c->buf, before);
		ck_key_canon(c, &one);
		before = ", ";
	}
}

static void
add_options(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	char text[TSN_TIME_TEXT];

	if (agg->by_received)
		tsn_buf_puts(&c->buf, " time received");
	add_within(c, agg);
	if (agg->history_ms > 0)
		tsn_buf_printf(&c->buf, " history %s", tsn_duration_text(agg->history_ms, text));
	if (agg->season_ms > 0)
		tsn_buf_printf(&c->buf, " season %s", tsn_duration_text(agg->season_ms, text));
	if (agg->fn == TSN_AGG_ABSENT && agg->expect != TSN_SET_NONE)
		tsn_buf_printf(&c->buf, " expect %s", c->m->sets[agg->expect].name);
}

static char *
agg_form(struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	char text[TSN_TIME_TEXT];
	size_t mark = open_form(c, tsn_agg_infos[agg->fn].name);

	tsn_buf_putc(&c->buf, '(');
	if (agg->arg != NULL)
		tsn_buf_puts(&c->buf, agg->arg->canon);
	if (agg->of != NULL)
		tsn_buf_puts(&c->buf, agg->of->agg_canon);
	ck_key_canon(c, &agg->tuple);
	tsn_buf_printf(&c->buf, ") %s %s", agg->tumbling ? "per" : "over", tsn_duration_text(agg->window_ms, text));
	if (!agg->tumbling)
		tsn_buf_printf(&c->buf, " step %s", tsn_duration_text(agg->pane_ms, text));
	add_options(c, agg);
	return ck_take(c, mark);
}

const struct tsn_ir *
ck_agg(struct tsn_ck *c, struct tsn_ir_agg *agg, enum tsn_type t)
{
	struct tsn_ir n = { .kind = TSN_IR_AGG, .type = t };
	struct tsn_ir_agg *copy = ck_alloc(c, sizeof(*copy));
	const struct tsn_ir *made;
	size_t mark;

	agg->level = level_of(agg);
	agg->family_canon = family_form(c, agg);
	agg->agg_canon = agg_form(c, agg);
	*copy = *agg;
	n.agg = copy;
	mark = open_form(c, "[");
	tsn_buf_printf(&c->buf, "%s %s]", agg->agg_canon, agg->family_canon);
	made = intern(c, &n, mark);
	/* The bound is no part of the form: who asks for more decides. */
	if (made->agg != copy && made->kind == TSN_IR_AGG && made->agg->max_keys < agg->max_keys)
		((struct tsn_ir_agg *)made->agg)->max_keys = agg->max_keys;
	return made;
}

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
