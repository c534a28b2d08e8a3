/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Sets (S34, S35): from declarations and literals to members of one type. sets_build.c makes them searchable. */
#include <stdlib.h>
#include <string.h>

#include "compile/check.h"

struct ck_set *
ck_set_new(struct tsn_ck *c, const struct ck_sym *sym)
{
	struct ck_set *s = ck_alloc(c, sizeof(*s));

	s->sym = sym;
	s->type = TSN_T_NONE;
	s->slot = UINT32_MAX;
	return s;
}

enum tsn_type
ck_set_join(enum tsn_type a, enum tsn_type b)
{
	if (a == TSN_T_NONE || a == b)
		return b;
	if (b == TSN_T_NONE)
		return a;
	if (a == TSN_T_INT && (b == TSN_T_PORT || b == TSN_T_PROTO || b == TSN_T_FLAGS))
		return b;
	if (b == TSN_T_INT && (a == TSN_T_PORT || a == TSN_T_PROTO || a == TSN_T_FLAGS))
		return a;
	return TSN_T_BOOL; /* no set has members of this type */
}

bool
ck_set_fits(enum tsn_type value, enum tsn_type members)
{
	if (members == TSN_T_NONE || value == members)
		return true;
	if (members == TSN_T_INT)
		return value == TSN_T_PORT || value == TSN_T_PROTO || value == TSN_T_FLAGS || value == TSN_T_REAL;
	return members == TSN_T_PORT && (value == TSN_T_INT || value == TSN_T_REAL);
}

static bool
take_type(const struct ck_env *e, struct ck_set *s, enum tsn_type t, const struct tsn_node *n)
{
	enum tsn_type joined = ck_set_join(s->type, t);
	struct tsn_diag *d;

	if (joined != TSN_T_BOOL) {
		s->type = joined;
		if (s->first == NULL)
			s->first = n;
		return true;
	}
	d = tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "a set has members of one type: this is %s", ck_a_type(t));
	if (s->first != NULL)
		tsn_diag_also(d, s->first->span, "this is %s", ck_a_type(s->type));
	return false;
}

/* --- members --- */

static void
add_member(struct tsn_ck *c, struct ck_set *s, struct ck_member m)
{
	s->member = ck_grow(c, s->member, s->nmembers, &s->cap_members, sizeof(*s->member));
	s->member[s->nmembers++] = m;
}

static bool
add_prefix(const struct ck_env *e, struct ck_set *s, struct tsn_prefix p, const struct tsn_node *n)
{
	struct ck_member m = { .kind = CK_M_PREFIX, .prefix = p };
	char text[TSN_ADDR_TEXT];

	if (!take_type(e, s, TSN_T_ADDR, n))
		return false;
	s->v4 |= p.addr.v4;
	s->v6 |= !p.addr.v4;
	m.canon = ck_strdup(e->c, tsn_prefix_text(p, text));
	add_member(e->c, s, m);
	return true;
}

static bool
in_bounds(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want, int64_t lo, int64_t hi)
{
	int64_t top = want == TSN_T_PORT ? 65535 : want == TSN_T_PROTO ? 255 : want == TSN_T_FLAGS ? 0x1ff : INT64_MAX;

	if (top == INT64_MAX || (lo >= 0 && hi <= top))
		return true;
	tsn_diag_error(e->c->diags, TSN_E_RANGE, n->span, "%s %lld", want == TSN_T_PORT ? "a port ends at" :
	    want == TSN_T_PROTO ? "a protocol number ends at" : "the TCP flags end at", (long long)top);
	return false;
}

static bool
add_ints(const struct ck_env *e, struct ck_set *s, enum tsn_type t, int64_t lo, int64_t hi, const struct tsn_node *n,
    enum tsn_type want)
{
	struct ck_member m = { .kind = CK_M_INTS, .lo = lo, .hi = hi };

	if (!take_type(e, s, t, n) || !in_bounds(e, n, t == TSN_T_INT ? want : t, lo, hi))
		return false;
	m.canon = lo == hi ? ck_format(e->c, "%lld", (long long)lo) :
	    ck_format(e->c, "%lld..%lld", (long long)lo, (long long)hi);
	add_member(e->c, s, m);
	return true;
}

static bool
add_string(const struct ck_env *e, struct ck_set *s, const struct tsn_ir *v, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_member m = { .kind = CK_M_STR, .text = v->text, .len = v->len, .canon = v->canon };
	int64_t mac;

	/* Strings that are MAC addresses are MAC addresses, unless strings are wanted. */
	if (want != TSN_T_STRING && ck_mac_parse(v->text, v->len, &mac))
		return add_ints(e, s, TSN_T_MAC, mac, mac, n, want);
	if (!take_type(e, s, TSN_T_STRING, n))
		return false;
	add_member(e->c, s, m);
	return true;
}

static bool
add_constant(const struct ck_env *e, struct ck_set *s, const struct tsn_ir *v, const struct tsn_node *n,
    enum tsn_type want)
{
	if (v->kind == TSN_IR_ADDR)
		return add_prefix(e, s, (struct tsn_prefix){ v->addr, v->addr.v4 ? 32 : 128 }, n);
	if (v->kind == TSN_IR_STRING)
		return add_string(e, s, v, n, want);
	if (v->kind == TSN_IR_INT)
		return add_ints(e, s, v->type == TSN_T_SIZE ? TSN_T_INT : v->type, v->i, v->i, n, want);
	tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "%s cannot be a member of a set", ck_a_type(v->type));
	return false;
}

static bool
add_range(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n, enum tsn_type want)
{
	const struct tsn_node *from = tsn_node_kid(n, 0), *to = tsn_node_kid(n, 1);
	const struct tsn_ir *a = from == NULL ? NULL : ck_one(e, from, want), *b = to == NULL ? NULL : ck_one(e, to, want);
	struct ck_member m = { .kind = CK_M_ADDRS };
	bool addrs;

	if (a == NULL || b == NULL)
		return false;
	addrs = a->kind == TSN_IR_ADDR && b->kind == TSN_IR_ADDR && a->addr.v4 == b->addr.v4;
	if (!addrs && (a->kind != TSN_IR_INT || b->kind != TSN_IR_INT || ck_set_join(a->type, b->type) == TSN_T_BOOL)) {
		tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "a range goes from one %s", a->kind == TSN_IR_ADDR ?
		    "address to another of its family" : "number to another");
		return false;
	}
	if (addrs ? tsn_addr_cmp(a->addr, b->addr) > 0 : a->i > b->i) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "this range ends before it begins"),
		    "write %s..%s", ck_text(e->c, to), ck_text(e->c, from));
		return false;
	}
	if (!addrs)
		return add_ints(e, s, ck_set_join(a->type, b->type), a->i, b->i, n, want);
	if (!take_type(e, s, TSN_T_ADDR, n))
		return false;
	s->v4 |= a->addr.v4;
	s->v6 |= !a->addr.v4;
	m.a = a->addr;
	m.b = b->addr;
	m.canon = ck_format(e->c, "%s..%s", a->canon, b->canon);
	add_member(e->c, s, m);
	return true;
}

/* --- tuples --- */

static bool
cell(const struct ck_env *e, const struct tsn_node *n, struct tsn_value *out, enum tsn_type *type)
{
	const struct tsn_ir *v = ck_one(e, n, TSN_T_PORT);

	if (v == NULL)
		return false;
	*out = (struct tsn_value){ .type = v->type, .known = true, .v4_bits = 32, .v6_bits = 128 };
	*type = v->type;
	if (v->kind == TSN_IR_ADDR)
		out->addr = v->addr;
	else if (v->kind == TSN_IR_INT)
		out->i = v->i;
	else if (v->kind == TSN_IR_STRING)
		out->s = (struct tsn_str){ v->text, v->len };
	else
		tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "%s cannot be in a tuple", ck_a_type(v->type));
	return v->kind == TSN_IR_ADDR || v->kind == TSN_IR_INT || v->kind == TSN_IR_STRING;
}

static bool
add_tuple(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n)
{
	struct ck_member m = { .kind = CK_M_TUPLE };
	struct tsn_value *v = ck_alloc(e->c, TSN_KEY_PARTS * sizeof(*v));
	enum tsn_type t[TSN_KEY_PARTS];
	size_t mark;
	bool ok = true;

	for (const struct tsn_node *k = n->kids; k != NULL && m.ncells < TSN_KEY_PARTS; k = k->next) {
		ok &= cell(e, k, &v[m.ncells], &t[m.ncells]);
		m.ncells++;
	}
	if (!ok || !take_type(e, s, TSN_T_TUPLE, n))
		return false;
	if (s->ncells != 0 && s->ncells != m.ncells) {
		tsn_diag_also(tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "tuples of a set have one length"),
		    s->first->span, "this one has %u members", s->ncells);
		return false;
	}
	for (uint32_t i = 0; i < m.ncells; i++) {
		t[i] = s->ncells == 0 ? t[i] : ck_set_join(s->cell_type[i], t[i]);
		if (t[i] == TSN_T_BOOL) {
			tsn_diag_error(e->c->diags, TSN_E_SET, tsn_node_kid(n, i)->span, "tuples of a set are of one type");
			return false;
		}
		s->cell_type[i] = t[i];
	}
	s->ncells = m.ncells;
	m.cell = v;
	mark = e->c->buf.len;
	for (uint32_t i = 0; i < m.ncells; i++) {
		tsn_buf_puts(&e->c->buf, i == 0 ? "(" : ", ");
		tsn_value_text(&v[i], &e->c->buf);
	}
	tsn_buf_putc(&e->c->buf, ')');
	m.canon = ck_take(e->c, mark);
	add_member(e->c, s, m);
	return true;
}

/* --- what sets are made of --- */

static bool
among(const struct ck_set *const *v, size_t n, const struct ck_set *s)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == s)
			return true;
	return false;
}

static bool
add_part(const struct ck_env *e, struct ck_set *s, const struct ck_set *part, const struct tsn_node *n)
{
	if (among(s->part, s->nparts, part))
		return true;
	if (part->dynamic) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SET, n->span, "a dynamic set is no part of another"),
		    "ask for both: x in %s or x in ...", part->sym->name);
		return false;
	}
	if (!take_type(e, s, part->type, n))
		return false;
	if (part->type == TSN_T_TUPLE) {
		s->ncells = part->ncells;
		memcpy(s->cell_type, part->cell_type, sizeof(s->cell_type));
	}
	s->v4 |= part->v4;
	s->v6 |= part->v6;
	s->tainted |= part->tainted;
	if (part->refresh_ms > 0 && (s->refresh_ms == 0 || part->refresh_ms < s->refresh_ms))
		s->refresh_ms = part->refresh_ms;
	s->part = ck_grow(e->c, s->part, s->nparts, &s->cap_parts, sizeof(*s->part));
	s->part[s->nparts++] = part;
	return true;
}

/* A service is a port in any set, if nothing else has the name. */
static bool
is_service(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	bool ambiguous;

	return n->kind == TSN_N_NAME && want != TSN_T_PORT && tsn_service_find(n->text, n->len) >= 0 &&
	    ck_resolve(e, n, &ambiguous) == NULL && !ambiguous && tsn_proto_find(n->text, n->len) < 0 &&
	    tsn_field_find(n->text, n->len) < 0;
}

static bool
add_value(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_env plain = *e;
	struct ck_val v;

	plain.constant = plain.member = true;
	plain.gather = NULL;
	plain.wanted = "set or constant";
	v = ck_value(&plain, n, is_service(e, n, want) ? TSN_T_PORT : want);
	switch (v.kind) {
	case CK_PREFIX:
		return add_prefix(e, s, v.prefix, n);
	case CK_SETV:
		return add_part(e, s, v.set, n);
	case CK_IR:
		return add_constant(e, s, v.ir, n, want);
	case CK_EITHER:
		ck_one(&plain, n, want);
		return false;
	default:
		return false;
	}
}

bool
ck_set_add_member(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_env plain = *e;

	plain.constant = plain.member = true;
	plain.gather = NULL;
	e->c->at = n->span;
	switch (n->kind) {
	case TSN_N_ERROR:
		return false;
	case TSN_N_RANGE:
		return add_range(&plain, s, n, want);
	case TSN_N_TUPLE:
		return add_tuple(&plain, s, n);
	default:
		return add_value(e, s, n, want);
	}
}

static bool
fill(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n, enum tsn_type want)
{
	bool ok = true;

	if (n->kind == TSN_N_SET) {
		if (n->broken)
			ok = false;
		for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
			ok &= ck_set_add_member(e, s, k, want);
		return ok;
	}
	/* A | B is a union of sets, and of flags in a set of flags. */
	if (n->kind == TSN_N_BINARY && n->op == TSN_OP_BOR && n->kids != NULL && n->kids->next != NULL) {
		ok = fill(e, s, n->kids, want);
		return fill(e, s, n->kids->next, want) && ok;
	}
	return ck_set_add_member(e, s, n, want);
}

const char *
ck_beside(const struct ck_env *e, const char *path, struct tsn_span at)
{
	const struct tsn_installed *guest = e->file->guest;
	const char *full;

	if (!ck_guest_path(e->file, path, at, e->c->diags))
		return NULL;
	full = path[0] == '/' || e->file->dir[0] == '\0' ? ck_strdup(e->c, path) : ck_format(e->c, "%s/%s", e->file->dir, path);
	if (guest == NULL || ck_guest_reaches(guest, full))
		return full;
	tsn_diag_error(e->c->diags, TSN_E_SET, at, "%s leads out of the folder of the installed ruleset %s", path, guest->name);
	return NULL;
}

static bool
from_file(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n)
{
	struct tsn_ck *c = e->c;
	const struct tsn_node *column = tsn_node_option(n, "column"), *refresh = tsn_node_option(n, "refresh");
	const struct tsn_node *age = tsn_node_option(n, "max_age"), *format = tsn_node_option(n, "format");
	struct ck_set_file f = { .span = n->at, .shown = ck_strdup(c, n->text) };

	if (age != NULL && (age->kids == NULL || !ck_duration(e, age->kids, "max_age", &f.max_age_ms)))
		return false;
	if (column != NULL && column->kids != NULL && column->kids->text != NULL)
		f.column = ck_strdup(c, column->kids->text);
	if (refresh != NULL && (refresh->kids == NULL || !ck_duration(e, refresh->kids, "refresh", &s->refresh_ms)))
		return false;
	if (format != NULL && format->kids != NULL && format->kids->text != NULL && column == NULL &&
	    strcmp(format->kids->text, "csv") == 0) {
		tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_SET, format->span, "which column holds the members?"),
		    "add column \"NAME\"");
		return false;
	}
	f.path = ck_beside(e, n->text, n->at);
	if (f.path == NULL)
		return false;
	s->file = ck_grow(c, s->file, s->nfiles, &s->cap_files, sizeof(*s->file));
	s->file[s->nfiles++] = f;
	return c->test || ck_set_read(c, s, &s->file[s->nfiles - 1]);
}

/* S34: what the site's own files say. */
static bool
from_site(const struct ck_env *e, struct ck_set *s, const struct ck_sym *sym)
{
	const struct tsn_world *w = e->c->world;
	const struct tsn_node *n = sym->decl->kids;
	struct ck_set *value;
	struct ck_env site;

	for (struct ck_sym *k = tsn_world_find(&w->local, sym->name, strlen(sym->name), false); k != NULL && !e->c->test;
	    k = k->same) {
		if (k == sym || k->kind != CK_SET || k->decl->kids == NULL || k->decl->kids->kind == TSN_N_SITESET)
			continue;
		site = ck_env_of(e->c, k->file);
		value = ck_set_sym(&site, k, sym->decl->at);
		return value != NULL && add_part(e, s, value, k->decl);
	}
	if (e->c->test || e->c->world->tests) {
		struct tsn_prefix p = { tsn_addr_v4(0x0a000000), 8 };

		add_prefix(e, s, p, n);
		return tsn_prefix_parse("2001:db8::/32", 13, &p) && add_prefix(e, s, p, n);
	}
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SET, sym->decl->at, "set %s has no value: the site gives it",
	    sym->name), "write set %s = { ... } in a file of the site", sym->name);
	return false;
}

static bool
from_decl(const struct ck_env *at, struct ck_set *s, const struct ck_sym *sym)
{
	const struct tsn_node *n = sym->decl->kids;

	if (n == NULL || n->kind == TSN_N_ERROR)
		return false;
	switch (n->kind) {
	case TSN_N_SOURCE:
		return from_file(at, s, n);
	case TSN_N_DYNAMIC:
		return ck_dynamic_options(at, s, n);
	case TSN_N_SITESET:
		return from_site(at, s, sym);
	default:
		return fill(at, s, n, TSN_T_NONE);
	}
}

/* --- rebinding for one rule --- */

static bool mentions(const struct ck_env *e, const struct tsn_node *n, uint64_t visit);

/* A name met before in this search has been looked into, or is being. */
static bool
sym_mentions(const struct ck_env *e, struct ck_sym *s, uint64_t visit)
{
	struct ck_env at = ck_env_at(e, s);
	bool found;

	for (const struct ck_rebind *r = e->rebind; r != NULL; r = r->next)
		if (r->old == s || r->now == s)
			return true;
	if (s->visit == visit || e->c->chain >= CK_CHAIN_MAX)
		return false;
	s->visit = visit;
	e->c->chain++;
	found = s->decl->kids != NULL && mentions(&at, s->decl->kids, visit);
	e->c->chain--;
	return found;
}

/* Whether what this says changes by the rebinding of [e]. */
static bool
mentions(const struct ck_env *e, const struct tsn_node *n, uint64_t visit)
{
	bool ambiguous;
	struct ck_sym *s;

	if (n->kind == TSN_N_NAME) {
		s = ck_resolve(e, n, &ambiguous);
		return s != NULL && (s->kind == CK_SET || s->kind == CK_LET) && sym_mentions(e, s, visit);
	}
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if (mentions(e, k, visit))
			return true;
	return false;
}

bool
ck_set_is_rebound(const struct ck_env *e, struct ck_sym *s)
{
	return sym_mentions(e, s, e->c->world->next_id++);
}

struct ck_env
ck_set_env(const struct ck_env *e, struct ck_sym *s)
{
	struct ck_env at = ck_env_at(e, s);
	/* What rules add is one set for all of them. */
	const bool dynamic = s->decl->kids != NULL && s->decl->kids->kind == TSN_N_DYNAMIC;

	at.where = NULL;
	if (at.rebind != NULL && (dynamic || !ck_set_is_rebound(e, s)))
		at.rebind = NULL;
	at.id = at.rebind == NULL ? e->c->plain_id : at.rebind_id;
	return at;
}

void
ck_set_keep(const struct ck_env *at, struct ck_sym *sym, struct ck_set *s)
{
	if (s->tainted)
		s->name = ck_format(at->c, "%s@%s", sym->full, at->tag == NULL ? "" : at->tag);
	ck_keep_made(at, sym, s);
}

struct ck_set *
ck_set_sym(const struct ck_env *e, struct ck_sym *sym, struct tsn_span use)
{
	struct ck_env at;
	struct ck_set *s;
	bool ok;

	if (sym->broken)
		return NULL;
	at = ck_set_env(e, sym);
	s = (struct ck_set *)ck_made(&at, sym);
	if (s != NULL)
		return s;
	if (!ck_enter(e->c, sym, use))
		return NULL;
	s = ck_set_new(e->c, sym);
	s->tainted = at.rebind != NULL;
	ok = from_decl(&at, s, sym);
	ck_leave(e->c, sym);
	sym->broken |= !ok;
	if (!ok)
		return NULL;
	ck_set_keep(&at, sym, s);
	return s;
}

struct ck_set *
ck_set_literal(const struct ck_env *e, const struct tsn_node *n, enum tsn_type want)
{
	struct ck_set *s = ck_set_new(e->c, NULL);

	return fill(e, s, n, want) ? s : NULL;
}

struct ck_set *
ck_set_builtin(struct tsn_ck *c, const char *name)
{
	const char *known = NULL;
	struct ck_set *s;
	size_t i;

	for (s = c->builtins; s != NULL; s = s->next)
		if (strcmp(s->builtin, name) == 0)
			return s;
	for (i = 0; (known = tsn_set_builtin_nth(i)) != NULL && strcmp(known, name) != 0; i++)
		;
	if (known == NULL)
		return NULL;
	s = ck_set_new(c, NULL);
	s->builtin = known;
	s->name = known;
	s->type = TSN_T_ADDR;
	s->v4 = s->v6 = true;
	s->next = c->builtins;
	c->builtins = s;
	return s;
}
