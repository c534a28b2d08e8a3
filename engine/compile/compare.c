/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Comparisons: == != < <= > >=, has, ~ and !~. What no flow can meet is an error (S50). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compile/check.h"

static enum tsn_rel
rel_of(unsigned op)
{
	switch (op) {
	case TSN_OP_NE: return TSN_REL_NE;
	case TSN_OP_LT: return TSN_REL_LT;
	case TSN_OP_LE: return TSN_REL_LE;
	case TSN_OP_GT: return TSN_REL_GT;
	case TSN_OP_GE: return TSN_REL_GE;
	default: return TSN_REL_EQ;
	}
}

static bool
is_number(enum tsn_type t)
{
	return t == TSN_T_INT || t == TSN_T_REAL || t == TSN_T_SIZE || t == TSN_T_PORT;
}

bool
ck_mac_parse(const char *s, size_t n, int64_t *out)
{
	int64_t v = 0;

	if (n != 17)
		return false;
	for (size_t i = 0; i < n; i++) {
		int ch = (unsigned char)s[i] | 0x20;

		if (i % 3 == 2) {
			if (s[i] != ':' && s[i] != '-')
				return false;
		} else if (ch >= '0' && ch <= '9') {
			v = v << 4 | (ch - '0');
		} else if (ch >= 'a' && ch <= 'f') {
			v = v << 4 | (ch - 'a' + 10);
		} else {
			return false;
		}
	}
	*out = v;
	return true;
}

/* --- constants take the type of what they are compared with --- */

/* The literal 5M where 5m is meant, or the other way. */
static void
hint_minutes(struct tsn_diag *d, const struct tsn_node *n, const struct tsn_ir *k)
{
	if (n == NULL || k->kind != TSN_IR_INT)
		return;
	if (k->type == TSN_T_DURATION && k->i % 60000 == 0 && n->kind == TSN_N_DURATION)
		tsn_diag_hint(d, "%lldm is %lld minutes; write %lldM for %lld million", (long long)(k->i / 60000),
		    (long long)(k->i / 60000), (long long)(k->i / 60000), (long long)(k->i / 60000));
	else if (k->type == TSN_T_INT && n->kind == TSN_N_INT && n->unit == TSN_UNIT_SCALED && k->i % 1000000 == 0)
		tsn_diag_hint(d, "%lldM is %lld million; write %lldm for %lld minutes", (long long)(k->i / 1000000),
		    (long long)(k->i / 1000000), (long long)(k->i / 1000000), (long long)(k->i / 1000000));
	else if (k->type == TSN_T_INT && n->kind == TSN_N_INT)
		tsn_diag_hint(d, "write it with its unit: %llds", (long long)k->i);
}

static const struct tsn_ir *
mismatch(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *k, const struct tsn_ir *to,
    const struct tsn_node *to_node)
{
	struct tsn_ck *c = e->c;
	const char *other = to_node->kind == TSN_N_NAME ? to_node->text : ck_text(c, to_node);
	struct tsn_diag *d = tsn_diag_error(c->diags, TSN_E_TYPE, n->span, to_node->kind == TSN_N_ASSIGN ?
	    "%s is %s, this is %s" : "%s is %s and cannot be compared with %s", to_node->kind == TSN_N_ASSIGN ?
	    to_node->text : other, ck_a_type(to->type), ck_a_type(k->type));

	if (k->kind == TSN_IR_STRING && (to->type == TSN_T_ADDR || to->type == TSN_T_PROTO || to->type == TSN_T_FLAGS ||
	    to->type == TSN_T_PORT || is_number(to->type)) && k->len > 0 && k->len < 40 && strspn(k->text,
	    "0123456789abcdefABCDEFtcpudimSYNRTKH.:|") == k->len)
		tsn_diag_hint(d, "write %s without quotes", k->text);
	else if (to->type == TSN_T_DURATION || k->type == TSN_T_DURATION)
		hint_minutes(d, n, k);
	else if (k->type == TSN_T_FLAGS)
		tsn_diag_hint(d, "flags are compared with the field flags");
	else if (k->type == TSN_T_PROTO)
		tsn_diag_hint(d, "protocols are compared with the field proto");
	else if (to->type == TSN_T_MAC)
		tsn_diag_hint(d, "a MAC address is written \"00:11:22:33:44:55\"");
	return NULL;
}

static const struct tsn_ir *
in_range(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *k, int64_t top, const char *what,
    enum tsn_type t)
{
	if (k->i >= 0 && k->i <= top)
		return ck_int(e->c, k->i, t);
	tsn_diag_error(e->c->diags, TSN_E_RANGE, n->span, "%s %lld", what, (long long)top);
	return NULL;
}

static const struct tsn_ir *
size_to_number(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *k, const struct tsn_ir *to,
    const struct tsn_node *to_node)
{
	enum ck_dim dim = ck_dim(to);
	int64_t bits;

	if (dim == CK_D_BYTES || dim == CK_D_ANY)
		return ck_int(e->c, k->i, TSN_T_INT);
	/* 500Mbit is held as bytes; bps counts bits. */
	if (dim == CK_D_BITRATE && !__builtin_mul_overflow(k->i, 8, &bits))
		return ck_int(e->c, bits, TSN_T_INT);
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s does not count bytes, and this is a size",
	    ck_text(e->c, to_node)), "plain multiples are written 10k, 5M, 1G");
	return NULL;
}

const struct tsn_ir *
ck_coerce(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *k, const struct tsn_ir *to,
    const struct tsn_node *to_node)
{
	enum tsn_type t = to->type;
	bool plain = k->kind == TSN_IR_INT && (k->type == TSN_T_INT || k->type == t);
	int64_t mac;

	switch (t) {
	case TSN_T_PORT:
		if (plain)
			return in_range(e, n, k, 65535, "a port ends at", t);
		break;
	case TSN_T_PROTO:
		if (plain)
			return in_range(e, n, k, 255, "a protocol number ends at", t);
		break;
	case TSN_T_FLAGS:
		if (plain)
			return in_range(e, n, k, 0x1ff, "the TCP flags end at", t);
		break;
	case TSN_T_INT:
	case TSN_T_SIZE:
		if (k->type == TSN_T_SIZE)
			return size_to_number(e, n, k, to, to_node);
		if (plain || k->type == TSN_T_PORT)
			return ck_int(e->c, k->i, TSN_T_INT);
		if (k->type == TSN_T_REAL)
			return k;
		break;
	case TSN_T_REAL:
		if (k->type == TSN_T_SIZE)
			return size_to_number(e, n, k, to, to_node);
		if (k->type == TSN_T_INT || k->type == TSN_T_REAL || (k->type == TSN_T_DURATION && ck_dim(to) == CK_D_MS))
			return k;
		break;
	case TSN_T_MAC:
		if (k->kind == TSN_IR_STRING && ck_mac_parse(k->text, k->len, &mac))
			return ck_int(e->c, mac, t);
		break;
	default:
		if (k->type == t)
			return k;
	}
	return mismatch(e, n, k, to, to_node);
}

/* --- the comparison itself --- */

static void
report(const struct ck_env *e, const struct tsn_ir *node, const struct tsn_ir *a, const struct tsn_ir *b, const struct tsn_node *left,
    const struct tsn_node *right)
{
	struct ck_gather *g = e->gather;

	if (g == NULL || (!a->stateful && !b->stateful))
		return;
	g->report = ck_grow(e->c, g->report, g->nreports, &g->cap_reports, sizeof(*g->report));
	g->report[g->nreports++] = (struct ck_report){ node, a->stateful ? a : b, a->stateful ? b : a, a->stateful ? right : left };
}

static bool
comparable(const struct tsn_ir *a, const struct tsn_ir *b)
{
	if (is_number(a->type) && is_number(b->type))
		return true;
	if (a->type == TSN_T_REAL && b->type == TSN_T_DURATION)
		return ck_dim(a) == CK_D_MS;
	if (a->type == TSN_T_DURATION && b->type == TSN_T_REAL)
		return ck_dim(b) == CK_D_MS;
	return a->type == b->type;
}

static bool
check_order(const struct ck_env *e, const struct tsn_node *n, enum tsn_rel rel, const struct tsn_ir *a)
{
	struct tsn_diag *d;

	if (rel == TSN_REL_EQ || rel == TSN_REL_NE || is_number(a->type) || a->type == TSN_T_DURATION || a->type == TSN_T_TIME)
		return true;
	d = tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s have no order", ck_the_types(a->type));
	if (a->type == TSN_T_ADDR)
		tsn_diag_hint(d, "write src in { FIRST..LAST }");
	else if (a->type == TSN_T_FLAGS)
		tsn_diag_hint(d, "write flags has SYN, or flags & (SYN|FIN) != 0");
	else
		tsn_diag_hint(d, "write == or !=");
	return false;
}

/* flags & M == M and, of one bit, flags & M != 0 are other ways to say flags has M. */
static const struct tsn_ir *
as_flags_has(struct tsn_ck *c, enum tsn_rel rel, const struct tsn_ir *a, const struct tsn_ir *k)
{
	const struct tsn_ir *field, *mask, *node;
	bool single;

	if (a->kind != TSN_IR_ARITH || a->arith != TSN_AR_BAND || k->kind != TSN_IR_INT ||
	    (rel != TSN_REL_EQ && rel != TSN_REL_NE))
		return NULL;
	field = a->kid[0]->kind == TSN_IR_FIELD ? a->kid[0] : a->kid[1];
	mask = a->kid[0]->kind == TSN_IR_FIELD ? a->kid[1] : a->kid[0];
	if (field->kind != TSN_IR_FIELD || field->type != TSN_T_FLAGS || mask->kind != TSN_IR_INT || mask->i == 0)
		return NULL;
	single = (mask->i & (mask->i - 1)) == 0;
	if (k->i != mask->i && !(k->i == 0 && single))
		return NULL;
	node = ck_flags_has(c, field, mask->i);
	return (k->i == mask->i) == (rel == TSN_REL_EQ) ? node : ck_not(c, node);
}

/* A masked address has no bits below its mask. */
static bool
below_mask(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *a, const struct tsn_ir *k)
{
	char text[TSN_ADDR_TEXT];
	struct tsn_addr base;

	if (a->kind != TSN_IR_FIELD || k->kind != TSN_IR_ADDR)
		return false;
	base = tsn_addr_mask(k->addr, a->v4_bits, a->v6_bits);
	if (tsn_addr_cmp(base, k->addr) == 0)
		return false;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NEVER, n->span, "no masked address is this one"),
	    "its first address is %s", tsn_addr_text(base, text));
	return true;
}

static const struct tsn_ir *
constant_result(const struct ck_env *e, const struct tsn_node *n)
{
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NEVER, n->span, "both sides are constants"),
	    "a condition asks about a field or a function");
	return NULL;
}

static const struct tsn_ir *
compare_two(const struct ck_env *e, const struct tsn_node *n, enum tsn_rel rel, const struct tsn_ir *a,
    const struct tsn_ir *b)
{
	static const enum tsn_rel mirror[] = { TSN_REL_EQ, TSN_REL_NE, TSN_REL_GT, TSN_REL_GE, TSN_REL_LT, TSN_REL_LE };
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1);
	const struct tsn_ir *node, *t;
	const struct tsn_node *tn;

	if (ck_is_const(a) && ck_is_const(b))
		return constant_result(e, n);
	if (ck_is_const(a)) {
		t = a; a = b; b = t;
		tn = left; left = right; right = tn;
		rel = mirror[rel];
	}
	if (a->type == TSN_T_BOOL || b->type == TSN_T_BOOL || a->type == TSN_T_TUPLE || b->type == TSN_T_TUPLE) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s and %s cannot be compared", ck_a_type(a->type),
		    ck_a_type(b->type)), a->type == TSN_T_TUPLE || b->type == TSN_T_TUPLE ? "tuples stand before in" :
		    "conditions are joined by and, or, not");
		return NULL;
	}
	if (ck_is_const(b))
		b = ck_coerce(e, right, b, a, left);
	else if (!comparable(a, b))
		return mismatch(e, right, b, a, left);
	if (b == NULL || !check_order(e, n, rel, a) || below_mask(e, n, a, b))
		return NULL;
	if (ck_is_const(b) && (b->kind == TSN_IR_INT || b->kind == TSN_IR_REAL)) {
		if (ck_impossible_bits(e, n, rel, a, b, left, right) || ck_impossible(e, n, rel, a, b))
			return NULL;
		ck_warn_compare(e, n, rel, a, b);
	}
	e->c->at = n->span;
	node = as_flags_has(e->c, rel, a, b);
	if (node == NULL)
		node = ck_compare_node(e->c, rel, a, b);
	report(e, node, a, b, left, right);
	return node;
}

/* ADDRESS == PREFIX: right only of a mask of that very length. */
static const struct tsn_ir *
with_prefix(const struct ck_env *e, const struct tsn_node *n, enum tsn_rel rel, const struct tsn_ir *a, struct tsn_prefix p)
{
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1);
	unsigned bits = p.addr.v4 ? a->v4_bits : a->v6_bits;
	const struct tsn_ir *node;
	struct tsn_diag *d;

	if (a->kind == TSN_IR_FIELD && a->type == TSN_T_ADDR && (rel == TSN_REL_EQ || rel == TSN_REL_NE) && bits == p.len &&
	    !(a->v4_bits == 32 && a->v6_bits == 128)) {
		node = ck_in_prefix(e->c, ck_field(e->c, a->field, 32, 128), p);
		return rel == TSN_REL_NE ? ck_not(e->c, node) : node;
	}
	d = tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s is %s and cannot be compared with a prefix",
	    ck_text(e->c, left), ck_a_type(a->type));
	if (a->type == TSN_T_ADDR)
		tsn_diag_hint(d, "write %s %s %s", ck_text(e->c, left), rel == TSN_REL_NE ? "not in" : "in", ck_text(e->c, right));
	return NULL;
}

static const struct tsn_ir *
with_set(const struct ck_env *e, const struct tsn_node *n)
{
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a set is asked with in"), "write %s %s %s",
	    ck_text(e->c, tsn_node_kid(n, 0)), n->op == TSN_OP_NE ? "not in" : "in", ck_text(e->c, tsn_node_kid(n, 1)));
	return NULL;
}

static const struct tsn_ir *
relate(const struct ck_env *e, const struct tsn_node *n, const struct tsn_ir *a, struct ck_val r)
{
	if (r.kind == CK_PREFIX)
		return with_prefix(e, n, rel_of(n->op), a, r.prefix);
	return compare_two(e, n, rel_of(n->op), a, r.ir);
}

/* host and port: either side; != and the like mean neither (S51). */
static const struct tsn_ir *
join_sides(struct tsn_ck *c, bool neither, const struct tsn_ir *a, const struct tsn_ir *b)
{
	const struct tsn_ir *kid[2] = { a, b };

	return a == NULL || b == NULL ? NULL : ck_junction(c, neither ? TSN_IR_AND : TSN_IR_OR, kid, 2);
}

static bool
is_known(const struct ck_env *e, const struct tsn_node *n)
{
	bool ambiguous;

	return n->kind != TSN_N_NAME || strcmp(n->text, "host") == 0 || strcmp(n->text, "port") == 0 ||
	    tsn_field_find(n->text, n->len) >= 0 || ck_resolve(e, n, &ambiguous) != NULL || ambiguous;
}

static enum tsn_type
type_of(struct ck_val v)
{
	return v.kind == CK_IR || v.kind == CK_EITHER ? v.ir->type : v.kind == CK_PREFIX ? TSN_T_ADDR : TSN_T_NONE;
}

static const struct tsn_ir *
relational(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1);
	struct ck_val a, b, t;

	if (right->kind == TSN_N_SET)
		return ck_value(e, left, TSN_T_NONE).kind == CK_BAD ? NULL : with_set(e, n);
	/* A service name means something only once the other side is known to be a port. */
	if (!is_known(e, left) && is_known(e, right)) {
		b = ck_value(e, right, TSN_T_NONE);
		a = ck_value(e, left, type_of(b));
	} else {
		a = ck_value(e, left, TSN_T_NONE);
		b = ck_value(e, right, type_of(a));
	}
	if (a.kind == CK_BAD || b.kind == CK_BAD)
		return NULL;
	if (a.kind == CK_SETV || b.kind == CK_SETV)
		return with_set(e, n);
	if (a.kind == CK_PREFIX && b.kind == CK_PREFIX)
		return constant_result(e, n);
	if (a.kind == CK_PREFIX || (b.kind == CK_EITHER && a.kind == CK_IR)) {
		t = a; a = b; b = t;
		if (a.kind == CK_EITHER && !ck_is_const(b.ir)) {
			ck_one(e, right, TSN_T_NONE);
			return NULL;
		}
	}
	if (b.kind == CK_EITHER) {
		ck_one(e, right, TSN_T_NONE);
		return NULL;
	}
	if (a.kind == CK_EITHER)
		return join_sides(e->c, n->op == TSN_OP_NE, relate(e, n, a.ir, b), relate(e, n, a.ir2, b));
	return relate(e, n, a.ir, b);
}

static const struct tsn_ir *
has_flags(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1);
	const struct tsn_ir *a = ck_one(e, left, TSN_T_NONE), *b;

	if (a == NULL)
		return NULL;
	if (a->type != TSN_T_FLAGS || a->kind != TSN_IR_FIELD) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, left->span, "has asks for TCP flags, this is %s",
		    ck_a_type(a->type)), "write flags has SYN");
		return NULL;
	}
	b = ck_one(e, right, TSN_T_FLAGS);
	if (b == NULL)
		return NULL;
	if (!ck_is_const(b)) {
		tsn_diag_error(e->c->diags, TSN_E_TYPE, right->span, "after has stand flags, as in flags has SYN|ACK");
		return NULL;
	}
	b = ck_coerce(e, right, b, a, left);
	if (b == NULL)
		return NULL;
	if (b->i == 0) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NEVER, n->span, "flags has 0 asks for nothing"),
		    "flags == 0 asks for flows without any flag");
		return NULL;
	}
	e->c->at = n->span;
	return ck_flags_has(e->c, a, b->i);
}

static bool
regex_options(const struct ck_env *e, const struct tsn_node *n, uint32_t *options)
{
	*options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
	for (const char *f = n->flags == NULL ? "" : n->flags; *f != '\0'; f++) {
		switch (*f) {
		case 'i': *options |= PCRE2_CASELESS; break;
		case 'm': *options |= PCRE2_MULTILINE; break;
		case 's': *options |= PCRE2_DOTALL; break;
		case 'x': *options |= PCRE2_EXTENDED; break;
		default:
			tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_REGEX, n->span, "no option '%c' of regular expressions", *f),
			    "there are i, m, s and x");
			return false;
		}
	}
	return true;
}

static bool
regex_compiles(const struct ck_env *e, const struct tsn_node *n, uint32_t options)
{
	PCRE2_SIZE offset = 0;
	PCRE2_UCHAR message[160];
	struct tsn_span at = n->span;
	int error = 0;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)n->text, n->len, options, &error, &offset, NULL);

	if (code != NULL) {
		pcre2_code_free(code);
		return true;
	}
	if (pcre2_get_error_message(error, message, sizeof(message)) < 0)
		message[0] = '\0';
	/* The offset lies behind what is wrong; the pattern stands as written after its slash. */
	at.begin += 1 + (uint32_t)(offset > 0 ? offset - 1 : 0);
	at.end = at.begin + 1;
	tsn_diag_error(e->c->diags, TSN_E_REGEX, at, "regular expression: %s", (const char *)message);
	return false;
}

static const struct tsn_ir *
match(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1);
	const struct tsn_ir *a = ck_one(e, left, TSN_T_NONE), *node;
	uint32_t options;

	if (right->kind != TSN_N_REGEX) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, right->span, "after %s stands a regular expression",
		    tsn_op_text(n->op)), "write it between slashes: /text/");
		return NULL;
	}
	if (!regex_options(e, right, &options) || !regex_compiles(e, right, options) || a == NULL)
		return NULL;
	if (a->type != TSN_T_STRING || a->kind != TSN_IR_FIELD) {
		tsn_diag_error(e->c->diags, TSN_E_TYPE, left->span, "regular expressions work on string fields, this is %s",
		    ck_a_type(a->type));
		return NULL;
	}
	e->c->at = n->span;
	node = ck_match(e->c, a, right->text, options);
	return n->op == TSN_OP_NOMATCH ? ck_not(e->c, node) : node;
}

static const struct tsn_ir *
membership(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1);
	struct ck_val a = ck_value(e, left, TSN_T_NONE);
	struct ck_env named = *e;
	const struct tsn_ir *node;

	if (a.kind == CK_BAD) {
		/* The right side has names of its own to get wrong. */
		named.wanted = "set";
		if (right->kind == TSN_N_NAME)
			ck_value(&named, right, TSN_T_NONE);
		return NULL;
	}
	if (a.kind == CK_PREFIX || a.kind == CK_SETV) {
		ck_one(e, left, TSN_T_NONE);
		return NULL;
	}
	node = ck_test_in(e, n, a.ir, right);
	if (a.kind == CK_EITHER)
		node = join_sides(e->c, false, node, node == NULL ? NULL : ck_test_in(e, n, a.ir2, right));
	e->c->at = n->span;
	if (node == NULL)
		return NULL;
	return n->op == TSN_OP_NOT_IN ? ck_not(e->c, node) : node;
}

const struct tsn_ir *
ck_compare(const struct ck_env *e, const struct tsn_node *n)
{
	if (tsn_node_kid(n, 0) == NULL || tsn_node_kid(n, 1) == NULL)
		return NULL;
	switch (n->op) {
	case TSN_OP_HAS:
		return has_flags(e, n);
	case TSN_OP_MATCH:
	case TSN_OP_NOMATCH:
		return match(e, n);
	case TSN_OP_IN:
	case TSN_OP_NOT_IN:
		return membership(e, n);
	default:
		return relational(e, n);
	}
}
