/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Test blocks (S20, S52): what a test assigns, expects and lets happen. test_flows.c makes flows of it. */
#include <string.h>

#include "compile/check.h"

#define REPEAT_MAX 100000000

struct block {
	struct tsn_ck *c;
	struct ck_env e;
	struct tsn_rule_test *out;
	size_t cap_steps;
};

bool
ck_test_rebind(struct tsn_ck *c, struct ck_parts *p, const struct tsn_node *test, const struct ck_file *file)
{
	struct ck_env own = ck_env_of(c, p->sym->file);
	struct ck_rebind *r;
	bool ok = true;

	own.fallback = file;
	p->rebind_id = c->world->next_id++;
	for (const struct tsn_node *n = test->kids; n != NULL; n = n->next) {
		if (n->kind != TSN_N_LET && n->kind != TSN_N_SETDECL && n->kind != TSN_N_DEFINE && n->kind != TSN_N_TABLE)
			continue;
		r = ck_rebind(&own, n, file, p->rebind);
		ok &= r != NULL;
		if (r != NULL)
			p->rebind = r;
	}
	return ok;
}

/* --- F = V --- */

static int
field_of(struct block *b, const struct tsn_node *n)
{
	const struct tsn_node *call = tsn_node_kid(n, 1);
	int f = call == NULL ? tsn_field_find(n->text, strlen(n->text)) : -1;
	struct tsn_diag *d;

	if (call != NULL && strcmp(n->text, "ie") == 0)
		f = ck_element_call(&b->e, call);
	if (call != NULL) {
		if (strcmp(n->text, "ie") != 0)
			tsn_diag_hint(tsn_diag_error(b->c->diags, TSN_E_TEST, call->span, "a flow has fields"),
			    "write FIELD = VALUE, or ie(PEN, ID) = VALUE");
		return f;
	}
	if (f >= 0 && tsn_fields[f].origin == TSN_O_PAIR) {
		tsn_diag_hint(tsn_diag_error(b->c->diags, TSN_E_TEST, n->at, "%s belongs to conversations, a test writes flows",
		    tsn_fields[f].name), "write the flows of both directions");
		return -1;
	}
	if (f < 0 && (strcmp(n->text, "host") == 0 || strcmp(n->text, "port") == 0)) {
		d = tsn_diag_error(b->c->diags, TSN_E_TEST, n->at, "%s means either side", n->text);
		tsn_diag_hint(d, n->text[0] == 'h' ? "write src or dst" : "write src_port or dst_port");
	} else if (f < 0) {
		ck_unknown(&b->e, n->at, "field", n->text, TSN_T_NONE);
	}
	return f;
}

static bool
to_value(const struct tsn_ir *v, enum tsn_type t, struct tsn_value *out)
{
	*out = (struct tsn_value){ .type = t, .known = true, .v4_bits = 32, .v6_bits = 128 };
	if (v->kind == TSN_IR_INT && t == TSN_T_REAL)
		out->f = (double)v->i;
	else if (v->kind == TSN_IR_INT)
		out->i = v->i;
	else if (v->kind == TSN_IR_REAL && t == TSN_T_REAL)
		out->f = v->real;
	else if (v->kind == TSN_IR_ADDR)
		out->addr = v->addr;
	else if (v->kind == TSN_IR_STRING)
		out->s = (struct tsn_str){ v->text, v->len };
	else
		return false;
	return true;
}

static bool
one_value(struct block *b, const struct tsn_node *n, uint16_t field, struct tsn_value *out)
{
	const struct tsn_ir *to = ck_field(b->c, field, 32, 128), *v = ck_one(&b->e, n, tsn_fields[field].type);
	struct tsn_node named = { .kind = TSN_N_ASSIGN, .span = n->span, .text = ck_field_name(b->c, field) };
	int64_t lo, hi;

	if (v == NULL)
		return false;
	if (!ck_is_const(v))
		return false;
	v = ck_coerce(&b->e, n, v, to, &named);
	if (v == NULL)
		return false;
	ck_bounds(to, &lo, &hi);
	if (v->kind == TSN_IR_INT && (v->i < lo || v->i > hi)) {
		tsn_diag_error(b->c->diags, TSN_E_RANGE, n->span, "%s lies between %lld and %lld", named.text,
		    (long long)lo, (long long)hi);
		return false;
	}
	if (to_value(v, tsn_fields[field].type, out))
		return true;
	tsn_diag_error(b->c->diags, TSN_E_TEST, n->span, "%s cannot have this value", named.text);
	return false;
}

/* A prefix stands for all addresses in it; only what a test expects may be one. */
static bool
prefix_value(struct block *b, const struct tsn_node *n, uint16_t field, bool expected, struct tsn_value *out)
{
	unsigned bits = (unsigned)n->plen;

	if (tsn_fields[field].type != TSN_T_ADDR) {
		tsn_diag_error(b->c->diags, TSN_E_TYPE, n->span, "%s is %s, not an address", ck_field_name(b->c, field),
		    ck_a_type(tsn_fields[field].type));
		return false;
	}
	if (!expected) {
		tsn_diag_hint(tsn_diag_error(b->c->diags, TSN_E_TEST, n->span, "a flow has one address, this is a prefix"),
		    "write a range, FIRST..LAST, with repeat");
		return false;
	}
	*out = (struct tsn_value){ .type = TSN_T_ADDR, .known = true, .v4_bits = 32, .v6_bits = 128 };
	out->addr = tsn_addr_mask(n->addr, bits, bits);
	if (n->addr.v4)
		out->v4_bits = (uint8_t)bits;
	else
		out->v6_bits = (uint8_t)bits;
	return true;
}

static bool
range_value(struct block *b, const struct tsn_node *n, uint16_t field, struct tsn_test_assign *a)
{
	const struct tsn_node *from = tsn_node_kid(n, 0), *to = tsn_node_kid(n, 1);
	struct tsn_value last;
	bool backwards;

	if (from == NULL || to == NULL || !one_value(b, from, field, &a->first) || !one_value(b, to, field, &last))
		return false;
	switch (tsn_fields[field].type) {
	case TSN_T_ADDR:
		backwards = a->first.addr.v4 != last.addr.v4 || tsn_addr_cmp(a->first.addr, last.addr) > 0;
		a->n = last.addr.hi != a->first.addr.hi || last.addr.lo - a->first.addr.lo == UINT64_MAX ? UINT64_MAX :
		    last.addr.lo - a->first.addr.lo + 1;
		break;
	case TSN_T_REAL:
	case TSN_T_STRING:
		tsn_diag_error(b->c->diags, TSN_E_TEST, n->span, "%s has no ranges", ck_the_types(tsn_fields[field].type));
		return false;
	default:
		backwards = a->first.i > last.i;
		a->n = (uint64_t)last.i - (uint64_t)a->first.i + 1;
	}
	if (backwards)
		tsn_diag_error(b->c->diags, TSN_E_TEST, n->span, "this range ends before it begins");
	return !backwards;
}

static bool
follows_from_others(struct block *b, const struct tsn_node *n, int field)
{
	const struct tsn_field_info *f = &tsn_fields[field];
	const char *hint = NULL;

	if (field == TSN_F_BYTES_PER_PACKET || field == TSN_F_BPS || field == TSN_F_PPS)
		hint = "write packets, bytes and duration";
	else if (field == TSN_F_DSCP)
		hint = "write tos";
	else if (field == TSN_F_IP_VERSION)
		hint = "write src and dst";
	else if (field == TSN_F_EXPORTER_NAME)
		hint = "write exporter";
	if (hint == NULL)
		return false;
	tsn_diag_hint(tsn_diag_error(b->c->diags, TSN_E_TEST, n->at, "%s follows from other fields", f->name), "%s", hint);
	return true;
}

static bool
assign(struct block *b, const struct tsn_node *n, bool expected, struct tsn_test_assign *a)
{
	int field = field_of(b, n);

	*a = (struct tsn_test_assign){ .n = 1, .span = n->span };
	if (field < 0 || n->kids == NULL || n->kids->kind == TSN_N_ERROR || (!expected && follows_from_others(b, n, field)))
		return false;
	a->field = (uint16_t)field;
	if (n->kids->kind == TSN_N_PREFIX)
		return prefix_value(b, n->kids, a->field, expected, &a->first);
	if (n->kids->kind != TSN_N_RANGE)
		return one_value(b, n->kids, a->field, &a->first);
	if (!expected)
		return range_value(b, n->kids, a->field, a);
	tsn_diag_hint(tsn_diag_error(b->c->diags, TSN_E_TEST, n->kids->span, "what a test expects is one value"),
	    "of addresses a prefix");
	return false;
}

/* --- flows --- */

static const struct tsn_test_assign *
find(const struct tsn_test_step *s, uint16_t field)
{
	for (uint32_t i = 0; i < s->nassigns; i++)
		if (s->assign[i].field == field)
			return &s->assign[i];
	return NULL;
}

static bool
needs_proto(struct block *b, const struct tsn_test_step *s, uint16_t field, bool ok, const char *what, const char *hint)
{
	const struct tsn_test_assign *a = find(s, field);

	if (a == NULL || ok)
		return true;
	tsn_diag_hint(tsn_diag_error(b->c->diags, TSN_E_TEST, a->span, "this flow has no %s: its protocol is %s", what,
	    find(s, TSN_F_PROTO) == NULL ? "not written" : "another"), "add proto = %s", hint);
	return false;
}

/* S52: a field that the written protocol does not have would silently be absent. */
static bool
check_protocol(struct block *b, const struct tsn_test_step *s)
{
	const struct tsn_test_assign *p = find(s, TSN_F_PROTO);
	int64_t proto = p == NULL ? -1 : p->first.i;
	bool ports = proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
	bool icmp = proto == 1 || proto == 58;

	if (p != NULL && p->n > 1)
		return true;
	return needs_proto(b, s, TSN_F_SRC_PORT, ports, "ports", "tcp") &&
	    needs_proto(b, s, TSN_F_DST_PORT, ports, "ports", "tcp") &&
	    needs_proto(b, s, TSN_F_FLAGS, proto == 6, "flags", "tcp") &&
	    needs_proto(b, s, TSN_F_ICMP_TYPE, icmp, "ICMP type", "icmp") &&
	    needs_proto(b, s, TSN_F_ICMP_CODE, icmp, "ICMP code", "icmp");
}

static bool
repeat(struct block *b, const struct tsn_node *n, uint64_t *out)
{
	const struct tsn_ir *v = n->kids == NULL ? NULL : ck_one(&b->e, n->kids, TSN_T_INT);

	if (v == NULL)
		return false;
	if (v->kind == TSN_IR_INT && v->type == TSN_T_INT && v->i >= 1 && v->i <= REPEAT_MAX) {
		*out = (uint64_t)v->i;
		return true;
	}
	tsn_diag_error(b->c->diags, TSN_E_TEST, n->kids->span, "repeat takes a number from 1 to %d", REPEAT_MAX);
	return false;
}

static struct tsn_test_step *
new_step(struct block *b, enum tsn_test_step_kind kind)
{
	struct tsn_rule_test *t = b->out;

	t->steps = ck_grow(b->c, t->steps, t->nsteps, &b->cap_steps, sizeof(*t->steps));
	t->steps[t->nsteps] = (struct tsn_test_step){ .kind = kind, .repeat = 1, .every_ms = 1 };
	return &t->steps[t->nsteps++];
}

static bool
flow(struct block *b, const struct tsn_node *n)
{
	struct tsn_test_step *s = new_step(b, TSN_STEP_FLOW);
	struct tsn_test_assign a;
	size_t cap = 0;
	bool ok = !n->broken;

	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		if (k->kind == TSN_N_REPEAT) {
			ok &= repeat(b, k, &s->repeat);
		} else if (k->kind == TSN_N_EVERY) {
			ok &= k->kids != NULL && ck_duration(&b->e, k->kids, "every", &s->every_ms);
		} else if (k->kind == TSN_N_ASSIGN) {
			if (!assign(b, k, false, &a)) {
				ok = false;
				continue;
			}
			if (find(s, a.field) != NULL) {
				tsn_diag_error(b->c->diags, TSN_E_TEST, k->span, "%s is given twice", ck_field_name(b->c, a.field));
				ok = false;
			}
			s->assign = ck_grow(b->c, s->assign, s->nassigns, &cap, sizeof(*s->assign));
			s->assign[s->nassigns++] = a;
		}
	}
	return ok && check_protocol(b, s);
}

static bool
expect(struct block *b, const struct tsn_node *n)
{
	struct tsn_rule_test *t = b->out;
	enum tsn_severity level;
	struct tsn_test_assign a;
	size_t cap = 0;
	bool ok = true;

	t->quiet = n->op == TSN_OP_QUIET;
	t->count = n->i;
	t->level = n->text != NULL && ck_level(n, &level) ? (int)level : -1;
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next) {
		if (k->kind != TSN_N_ASSIGN || !assign(b, k, true, &a)) {
			ok = false;
			continue;
		}
		t->expect = ck_grow(b->c, t->expect, t->nexpects, &cap, sizeof(*t->expect));
		t->expect[t->nexpects++] = a;
	}
	return ok;
}

static bool
wait_step(struct block *b, const struct tsn_node *n)
{
	struct tsn_test_step *s = new_step(b, TSN_STEP_WAIT);

	return n->kids != NULL && ck_duration(&b->e, n->kids, "wait", &s->wait_ms);
}

bool
ck_test(struct tsn_ck *c, const struct ck_parts *p, const struct tsn_node *test, const struct ck_file *file,
    struct tsn_rule_test *out)
{
	struct block b = { .c = c, .e = ck_rule_env(c, p, file), .out = out };
	bool ok = !test->broken;

	*out = (struct tsn_rule_test){ .rule = ck_strdup(c, p->sym->full), .title = ck_strdup(c, test->text),
		.file = ck_strdup(c, file->name), .span = test->at, .count = -1, .level = -1 };
	out->line = ck_line(c, test->at);
	b.e.constant = true;
	if (p->rebind != NULL)
		b.e.id = c->world->next_id++;
	for (const struct tsn_node *n = test->kids; n != NULL; n = n->next) {
		switch (n->kind) {
		case TSN_N_EXPECT:
			ok &= expect(&b, n);
			break;
		case TSN_N_FLOW:
			ok &= flow(&b, n);
			break;
		case TSN_N_WAIT:
			ok &= wait_step(&b, n);
			break;
		case TSN_N_HISTORY:
			out->learned = true;
			break;
		case TSN_N_ERROR:
			ok = false;
			break;
		default:
			break;
		}
	}
	return ok;
}
