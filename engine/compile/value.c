/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Values: literals, names and arithmetic become nodes of the graph, with their types. */
#include <stdio.h>
#include <string.h>

#include "compile/check.h"

static const struct ck_val bad = { .kind = CK_BAD };

static struct ck_val
of(const struct tsn_ir *ir)
{
	return ir == NULL ? bad : (struct ck_val){ .kind = CK_IR, .ir = ir };
}

static struct ck_val
of_prefix(struct tsn_addr a, int len)
{
	struct ck_val v = { .kind = CK_PREFIX };

	v.prefix.len = (uint8_t)len;
	v.prefix.addr = tsn_addr_mask(a, (unsigned)len, (unsigned)len);
	return v;
}

/* --- names --- */

const void *
ck_made(const struct ck_env *e, const struct ck_sym *s)
{
	if (e->rebind == NULL)
		return s->memo_id == e->c->plain_id ? s->memo : NULL;
	return s->rule_id == e->rebind_id ? s->rule_memo : NULL;
}

void
ck_keep_made(const struct ck_env *e, struct ck_sym *s, const void *what)
{
	if (e->rebind == NULL) {
		s->memo = what;
		s->memo_id = e->c->plain_id;
	} else {
		s->rule_memo = what;
		s->rule_id = e->rebind_id;
	}
}

static void
let_keep(const struct ck_env *e, struct ck_sym *s, struct ck_val v)
{
	struct ck_val *copy;

	/* While an override works out its new value, the old one may stand behind a name. */
	for (const struct ck_rebind *r = e->rebind; r != NULL; r = r->next)
		if (r->now->busy)
			return;
	for (const struct ck_rebind *r = e->c->global; r != NULL; r = r->next)
		if (r->now->busy)
			return;
	copy = ck_alloc(e->c, sizeof(*copy));
	*copy = v;
	ck_keep_made(e, s, copy);
}

static struct ck_val
let_value(const struct ck_env *e, struct ck_sym *s)
{
	struct ck_env at = ck_env_at(e, s);
	const struct tsn_node *n = s->decl->kids;
	struct ck_val v;

	if (n != NULL && n->kind == TSN_N_SET) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a constant cannot be a set"), "write set %s = ...",
		    s->name);
		return bad;
	}
	at.constant = true;
	at.member = false;
	at.where = NULL;
	v = n == NULL ? bad : ck_value(&at, n, TSN_T_NONE);
	if (v.kind == CK_SETV) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a constant cannot be a set"), "write set %s = ...",
		    s->name);
		return bad;
	}
	return v;
}

struct ck_val
ck_let(const struct ck_env *e, struct ck_sym *s, struct tsn_span use)
{
	const struct ck_val *known = ck_made(e, s);
	struct ck_val v;

	if (s->broken)
		return bad;
	if (known != NULL)
		return *known;
	if (!ck_enter(e->c, s, use))
		return bad;
	v = let_value(e, s);
	ck_leave(e->c, s);
	s->broken |= v.kind == CK_BAD;
	if (v.kind != CK_BAD)
		let_keep(e, s, v);
	return v;
}

struct memo {
	struct ck_val v;
	struct ck_gather gather;
};

struct ck_val
ck_define(const struct ck_env *e, struct ck_sym *s, struct tsn_span use)
{
	struct ck_env at = ck_env_at(e, s);
	struct memo *m;

	if (s->broken)
		return bad;
	m = (struct memo *)s->memo;
	if (m == NULL || s->memo_id != e->id || s->busy) {
		if (!ck_enter(e->c, s, use))
			return bad;
		m = ck_alloc(e->c, sizeof(*m));
		at.gather = &m->gather;
		at.constant = at.member = false;
		m->v = s->decl->kids == NULL ? bad : ck_value(&at, s->decl->kids, TSN_T_NONE);
		ck_leave(e->c, s);
		s->memo = m;
		s->memo_id = e->id;
		s->broken |= m->v.kind == CK_BAD;
	}
	if (e->gather != NULL && m->v.kind == CK_IR) {
		struct ck_gather *g = e->gather;

		ck_gather_join(e->c, g, &m->gather);
		g->named = ck_grow(e->c, g->named, g->nnamed, &g->cap_named, sizeof(*g->named));
		g->named[g->nnamed++] = (struct ck_named){ s->name, m->v.ir };
	}
	return m->v;
}

void
ck_gather_join(struct tsn_ck *c, struct ck_gather *to, const struct ck_gather *from)
{
	size_t i;

	if (ck_overflows(c, to->nreports + from->nreports) || ck_overflows(c, to->nuses + from->nuses) || ck_overflows(c, to->nnamed + from->nnamed))
		return;
	for (i = 0; i < from->nreports; i++) {
		to->report = ck_grow(c, to->report, to->nreports, &to->cap_reports, sizeof(*to->report));
		to->report[to->nreports++] = from->report[i];
	}
	for (i = 0; i < from->nuses; i++) {
		to->use = ck_grow(c, to->use, to->nuses, &to->cap_uses, sizeof(*to->use));
		to->use[to->nuses++] = from->use[i];
	}
	for (i = 0; i < from->nnamed; i++) {
		to->named = ck_grow(c, to->named, to->nnamed, &to->cap_named, sizeof(*to->named));
		to->named[to->nnamed++] = from->named[i];
	}
}

static struct ck_val
not_constant(const struct ck_env *e, const struct tsn_node *n)
{
	if (e->member)
		tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "a member of a set cannot depend on a flow");
	else
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a constant cannot depend on a flow"),
		    "write define instead of let for what is different from flow to flow");
	return bad;
}

static struct ck_val
of_sym(const struct ck_env *e, const struct tsn_node *n, struct ck_sym *s)
{
	struct ck_val v = { .kind = CK_SETV };

	switch (s->kind) {
	case CK_LET:
		return ck_let(e, s, n->span);
	case CK_DEFINE:
		return e->constant ? not_constant(e, n) : ck_define(e, s, n->span);
	case CK_SET:
		v.set = ck_set_sym(e, s, n->span);
		return v.set == NULL ? bad : v;
	default:
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s is a table: it is asked with a field", n->text),
		    "write %s(src)", n->text);
		return bad;
	}
}

struct ck_val
ck_field_value(const struct ck_env *e, const struct tsn_node *n, int field)
{
	if (e->constant)
		return not_constant(e, n);
	if (tsn_fields[field].origin == TSN_O_PAIR && e->c->world->filter) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span,
		    "%s belongs to conversations, a filter looks at one flow", tsn_fields[field].name),
		    "rules may look at conversations: tocsin run -e '...'");
		return bad;
	}
	return of(ck_field(e->c, (uint16_t)field, 32, 128));
}

static struct ck_val
either(const struct ck_env *e, const struct tsn_node *n, enum tsn_field src, enum tsn_field dst)
{
	struct ck_val v = ck_field_value(e, n, src);

	if (v.kind == CK_BAD)
		return bad;
	v.kind = CK_EITHER;
	v.ir2 = ck_field(e->c, (uint16_t)dst, 32, 128);
	return v;
}

/* Words that mean something only opposite a value of a type, and names of numbers. */
static bool
of_word(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want, struct ck_val *out)
{
	int v;

	if (want == TSN_T_PORT && (v = tsn_service_find(n->text, n->len)) >= 0)
		*out = of(ck_int(e->c, v, TSN_T_PORT));
	else if ((want == TSN_T_DIRECTION || want == TSN_T_FWD) && (v = tsn_word_find(want, n->text, n->len)) >= 0)
		*out = of(ck_int(e->c, v, want));
	else if ((v = tsn_flag_find(n->text, n->len)) >= 0)
		*out = of(ck_int(e->c, v, TSN_T_FLAGS));
	else if ((v = tsn_proto_find(n->text, n->len)) >= 0)
		*out = of(ck_int(e->c, v, TSN_T_PROTO));
	else
		return false;
	return true;
}

static void
unknown(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	int port = tsn_service_find(n->text, n->len);
	const struct ck_sym *rule = ck_rule_by_name(e->c->world, n->text);

	if (port >= 0)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NAME, n->span, "%s is the name of a service", n->text),
		    "it stands opposite a port, as in dst_port == %s; its number is %d", n->text, port);
	else if (rule != NULL)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s is a rule, not a value", n->text),
		    "what several rules share is a define");
	else
		ck_unknown(e, n->span, e->wanted == NULL ? "field" : e->wanted, n->text, want);
}

static struct ck_val
of_name(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_val v = { .kind = CK_SETV };
	bool ambiguous;
	struct ck_sym *s;
	int field;

	if (strcmp(n->text, "value") == 0 || strcmp(n->text, "threshold") == 0)
		return ck_side(e, n);
	if (strcmp(n->text, "host") == 0)
		return either(e, n, TSN_F_SRC, TSN_F_DST);
	if (strcmp(n->text, "port") == 0)
		return either(e, n, TSN_F_SRC_PORT, TSN_F_DST_PORT);
	s = ck_resolve(e, n, &ambiguous);
	if (ambiguous)
		return bad;
	if (s != NULL)
		return of_sym(e, n, s);
	field = tsn_field_find(n->text, n->len);
	if (field >= 0)
		return ck_field_value(e, n, field);
	if (of_word(e, n, want, &v))
		return v;
	v.set = ck_set_builtin(e->c, n->text);
	if (v.set != NULL)
		return v;
	unknown(e, n, want);
	return bad;
}

/* --- masks (S38) --- */

static bool
mask_bits(const struct ck_env *e, const struct tsn_node *n, const char *what, int64_t v4, int64_t v6)
{
	if (v6 < 0 && v4 > 32 && v4 <= 128) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_RANGE, n->span, "an IPv4 prefix ends at 32"),
		    "name both lengths: %s/32/%d", what, (int)v4);
		return false;
	}
	if (v4 < 0 || v4 > 32 || v6 > 128) {
		tsn_diag_error(e->c->diags, TSN_E_RANGE, n->span, "an IPv4 prefix ends at 32, an IPv6 prefix at 128");
		return false;
	}
	return true;
}

bool
ck_mask_field(const struct ck_env *e, const struct tsn_node *n, uint16_t field, int64_t v4, int64_t v6,
    const struct tsn_ir **out)
{
	if (!mask_bits(e, n, ck_field_name(e->c, field), v4, v6))
		return false;
	*out = ck_field(e->c, field, (unsigned)v4, v6 < 0 ? 64 : (unsigned)v6);
	return true;
}

static struct ck_val
mask(const struct ck_env *e, const struct tsn_node *n, struct ck_val base, int64_t v4, int64_t v6)
{
	if (base.ir->kind == TSN_IR_ADDR) {
		int64_t len = base.ir->addr.v4 ? v4 : v6 < 0 ? v4 : v6;

		if (len < 0 || len > (base.ir->addr.v4 ? 32 : 128)) {
			tsn_diag_error(e->c->diags, TSN_E_RANGE, n->span, "an IPv%d prefix ends at %d", base.ir->addr.v4 ? 4 : 6,
			    base.ir->addr.v4 ? 32 : 128);
			return bad;
		}
		return of_prefix(base.ir->addr, (int)len);
	}
	if (base.ir->kind != TSN_IR_FIELD || !ck_mask_field(e, n, base.ir->field, v4, v6, &base.ir))
		return bad;
	if (base.kind == CK_EITHER && !ck_mask_field(e, n, base.ir2->field, v4, v6, &base.ir2))
		return bad;
	return base;
}

static bool
is_addr(struct ck_val v)
{
	return (v.kind == CK_IR || v.kind == CK_EITHER) && v.ir->type == TSN_T_ADDR;
}

/* ADDRESS / N and ADDRESS / N / M. False: it is a division after all. */
static bool
try_mask(const struct ck_env *e, const struct tsn_node *n, struct ck_val *out)
{
	const struct tsn_node *left = tsn_node_kid(n, 0), *right = tsn_node_kid(n, 1), *inner = NULL;
	struct ck_val base;
	const struct tsn_ir *a, *b = NULL;

	if (n->op != TSN_OP_DIV || left == NULL || right == NULL)
		return false;
	if (left->kind == TSN_N_BINARY && left->op == TSN_OP_DIV && !left->paren && left->kids != NULL) {
		inner = tsn_node_kid(left, 1);
		left = left->kids;
	}
	/* Only what may be an address is looked at twice. */
	if (left->kind != TSN_N_NAME && left->kind != TSN_N_ADDRESS &&
	    !(left->kind == TSN_N_CALL && strcmp(left->text, "ie") == 0))
		return false;
	base = ck_value(e, left, TSN_T_NONE);
	if (!is_addr(base))
		return false;
	*out = bad;
	a = ck_one(e, inner != NULL ? inner : right, TSN_T_INT);
	if (inner != NULL)
		b = ck_one(e, right, TSN_T_INT);
	if (a == NULL || (inner != NULL && b == NULL))
		return true;
	if (a->kind != TSN_IR_INT || (b != NULL && b->kind != TSN_IR_INT)) {
		tsn_diag_error(e->c->diags, TSN_E_TYPE, right->span, "the length of a mask is a number");
		return true;
	}
	*out = mask(e, n, base, a->i, b == NULL ? -1 : b->i);
	return true;
}

/* --- the rest --- */

static struct ck_val
binary(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	static const enum tsn_ir_arith arith[] = { [TSN_OP_BOR] = TSN_AR_BOR, [TSN_OP_BAND] = TSN_AR_BAND,
		[TSN_OP_ADD] = TSN_AR_ADD, [TSN_OP_SUB] = TSN_AR_SUB, [TSN_OP_MUL] = TSN_AR_MUL, [TSN_OP_DIV] = TSN_AR_DIV,
		[TSN_OP_MOD] = TSN_AR_MOD };
	const struct tsn_ir *a, *b;
	struct ck_val v;

	if (try_mask(e, n, &v))
		return v;
	a = ck_one(e, tsn_node_kid(n, 0), want);
	b = ck_one(e, tsn_node_kid(n, 1), want);
	if (a == NULL || b == NULL)
		return bad;
	e->c->at = n->span;
	return of(ck_arith(e, n, arith[n->op], a, b));
}

static struct ck_val
tuple(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_ir *kid[TSN_KEY_PARTS];
	const struct tsn_node *k;
	uint32_t count = 0;
	bool ok = true;

	for (k = n->kids; k != NULL; k = k->next) {
		if (count == TSN_KEY_PARTS) {
			tsn_diag_error(e->c->diags, TSN_E_LIMIT, k->span, "a tuple has at most %d members", TSN_KEY_PARTS);
			return bad;
		}
		kid[count] = ck_one(e, k, TSN_T_NONE);
		if (kid[count] != NULL && kid[count]->kind != TSN_IR_FIELD) {
			tsn_diag_error(e->c->diags, TSN_E_TYPE, k->span, "a tuple is made of fields");
			kid[count] = NULL;
		}
		ok &= kid[count++] != NULL;
	}
	return ok ? of(ck_tuple(e->c, kid, count)) : bad;
}

static struct ck_val
misplaced(const struct ck_env *e, const struct tsn_node *n, const char *what, const char *hint)
{
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s cannot stand here", what), "%s", hint);
	return bad;
}

static const struct tsn_ir *
negative(const struct ck_env *e, const struct tsn_node *n)
{
	const struct tsn_ir *a = ck_one(e, n->kids, TSN_T_NONE);

	return a == NULL ? NULL : ck_neg(e, n, a);
}

static struct ck_val
value(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	struct tsn_ck *c = e->c;

	c->at = n->span;
	switch (n->kind) {
	case TSN_N_INT: return of(ck_int(c, n->i, TSN_T_INT));
	case TSN_N_REAL: return of(ck_real(c, n->real));
	case TSN_N_DURATION: return of(ck_int(c, n->i, TSN_T_DURATION));
	case TSN_N_SIZE: return of(ck_int(c, n->i, TSN_T_SIZE));
	case TSN_N_DATE: return of(ck_int(c, n->i * TSN_SECOND, TSN_T_TIME));
	case TSN_N_STRING: return of(ck_string(c, n->text, n->len));
	case TSN_N_ADDRESS: return of(ck_addr(c, n->addr));
	case TSN_N_PREFIX: return of_prefix(n->addr, n->plen);
	case TSN_N_NAME: return of_name(e, n, want);
	case TSN_N_NEG: return of(negative(e, n));
	case TSN_N_BINARY: return binary(e, n, want);
	case TSN_N_TUPLE: return tuple(e, n);
	case TSN_N_CALL: return ck_call(e, n);
	case TSN_N_SCOPE: return ck_scoped(e, n, want);
	case TSN_N_NOT:
	case TSN_N_OR:
	case TSN_N_AND:
	case TSN_N_COMPARE: return of(ck_cond(e, n));
	case TSN_N_SET: return misplaced(e, n, "a set", "a set stands after in, or in a set declaration");
	case TSN_N_RANGE: return misplaced(e, n, "a range", "a range is a member of a set: x in { 1..9 }");
	case TSN_N_REGEX: return misplaced(e, n, "a regular expression", "it stands after ~ or !~");
	default: return bad;
	}
}

struct ck_val
ck_value(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_val v;

	if (n == NULL || !ck_down(e->c, n->span))
		return bad;
	v = value(e, n, want);
	ck_up(e->c);
	return v;
}

const struct tsn_ir *
ck_one(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_val v = ck_value(e, n, want);

	if (v.kind == CK_EITHER)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "%s means either side and only stands in comparisons",
		    n->kind == TSN_N_NAME ? n->text : "this"), "write %s or %s here", tsn_fields[v.ir->field].name,
		    tsn_fields[v.ir2->field].name);
	else if (v.kind == CK_PREFIX)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a prefix cannot stand here"),
		    "prefixes stand after in, as in src in %s", ck_text(e->c, n));
	else if (v.kind == CK_SETV)
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a set cannot stand here"),
		    "sets stand after in, as in src in %s", ck_text(e->c, n));
	return v.kind == CK_IR && !e->c->too_large ? v.ir : NULL;
}
