/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Tables (S36): table limit = file "limits.csv" default 100, or { 10.0.0.0/8 = 500 } default 100; limit(src). */
#include <string.h>

#include "compile/check.h"

static const struct ck_val bad = { .kind = CK_BAD };

/* A constant number. */
static bool
number(const struct ck_env *e, const struct tsn_node *n, struct tsn_table_value *out)
{
	const struct tsn_ir *v = n == NULL ? NULL : ck_one(e, n, TSN_T_INT);

	if (v == NULL)
		return false;
	*out = (struct tsn_table_value){ .known = true };
	if (v->kind == TSN_IR_INT && (v->type == TSN_T_INT || v->type == TSN_T_SIZE)) {
		out->i = v->i;
		out->f = (double)v->i;
		return true;
	}
	out->real = v->kind == TSN_IR_REAL;
	out->f = v->real;
	if (!out->real)
		tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a table gives numbers, this is %s", ck_a_type(v->type));
	return out->real;
}

/* --- what it says --- */

static bool
row(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n)
{
	const struct tsn_node *key = tsn_node_kid(n, 0), *value = tsn_node_kid(n, 1);
	struct ck_table *t = s->table;
	size_t before = s->nmembers;
	struct tsn_table_value v;

	if (key == NULL || value == NULL || key->kind == TSN_N_TUPLE || key->kind == TSN_N_SET) {
		if (key != NULL && key->kind != TSN_N_ERROR)
			tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SET, key->span, "a row has one key"),
			    "an address, a prefix, a number, a range or a text");
		return false;
	}
	if (!ck_set_add_member(e, s, key, TSN_T_NONE) || !number(e, value, &v))
		return false;
	if (s->nmembers != before + 1) {
		tsn_diag_error(e->c->diags, TSN_E_SET, key->span, "a row has one key, this is a set");
		return false;
	}
	t->value = ck_grow(e->c, t->value, t->nvalues, &t->cap_values, sizeof(*t->value));
	t->value[t->nvalues++] = v;
	t->real |= v.real;
	return true;
}

static bool
from_file(const struct ck_env *e, struct ck_set *s, const struct tsn_node *n)
{
	const struct tsn_node *key = tsn_node_option(n, "key"), *value = tsn_node_option(n, "value"), *refresh = tsn_node_option(n, "refresh");
	const struct tsn_node *column = tsn_node_option(n, "column"), *age = tsn_node_option(n, "max_age");
	struct ck_set_file f = { .span = n->at, .shown = ck_strdup(e->c, n->text) };

	if (age != NULL && (age->kids == NULL || !ck_duration(e, age->kids, "max_age", &f.max_age_ms)))
		return false;
	if (column != NULL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SET, column->span, "a table has two columns"),
		    "write key \"NAME\" value \"NAME\"");
		return false;
	}
	if (key != NULL && key->kids != NULL && key->kids->text != NULL)
		s->table->key = ck_strdup(e->c, key->kids->text);
	if (value != NULL && value->kids != NULL && value->kids->text != NULL)
		s->table->column = ck_strdup(e->c, value->kids->text);
	if (refresh != NULL && (refresh->kids == NULL || !ck_duration(e, refresh->kids, "refresh", &s->refresh_ms)))
		return false;
	f.path = ck_beside(e, n->text, n->at);
	if (f.path == NULL)
		return false;
	s->file = ck_grow(e->c, s->file, s->nfiles, &s->cap_files, sizeof(*s->file));
	s->file[s->nfiles++] = f;
	return true;
}

/* In a test a table has its default only, unless the test or an override it stands in says more. */
static bool
is_bare(const struct ck_env *e, const struct ck_sym *sym)
{
	for (const struct ck_rebind *r = e->rebind; r != NULL; r = r->next)
		if (r->now == sym)
			return false;
	return e->c->test;
}

static bool
fill(const struct ck_env *e, struct ck_set *s, const struct ck_sym *sym, bool bare)
{
	const struct tsn_node *n = sym->decl->kids, *other;
	bool ok = true;

	if (n == NULL || (n->kind != TSN_N_SOURCE && n->kind != TSN_N_ROWS))
		return false;
	other = tsn_node_option(n->kind == TSN_N_SOURCE ? n : sym->decl, "default");
	if (other != NULL)
		ok = number(e, other->kids, &s->table->fallback);
	s->table->real = s->table->fallback.real;
	if (n->kind == TSN_N_SOURCE && !e->c->test)
		return from_file(e, s, n) && ok;
	for (const struct tsn_node *k = n->kind == TSN_N_ROWS && !bare ? n->kids : NULL; k != NULL; k = k->next)
		ok &= k->kind == TSN_N_ROW && row(e, s, k);
	return ok;
}

struct ck_set *
ck_table_sym(const struct ck_env *e, struct ck_sym *sym, struct tsn_span use)
{
	bool bare = is_bare(e, sym), ok;
	struct ck_env at;
	struct ck_set *s;

	if (sym->broken)
		return NULL;
	at = ck_set_env(e, sym);
	at.constant = at.member = true;
	at.gather = NULL;
	s = (struct ck_set *)ck_made(&at, sym);
	if (s != NULL)
		return s;
	if (!ck_enter(e->c, sym, use))
		return NULL;
	s = ck_set_new(e->c, sym);
	s->table = ck_alloc(e->c, sizeof(*s->table));
	s->tainted = at.rebind != NULL;
	ok = fill(&at, s, sym, bare);
	ck_leave(e->c, sym);
	sym->broken |= !ok;
	if (!ok)
		return NULL;
	ck_set_keep(&at, sym, s);
	return s;
}

/* --- reading --- */

/* What is read by other means is another table. */
static const char *
how_read(struct tsn_ck *c, const struct ck_set *s)
{
	const struct ck_table *t = s->table;

	return ck_format(c, "table %d %s\n%s\n%d %lld %a", (int)s->type, t->key != NULL ? t->key : "", t->column != NULL ? t->column : "",
	    t->fallback.known ? t->fallback.real ? 2 : 1 : 0, (long long)t->fallback.i, t->fallback.f);
}

static void
judge(const struct ck_set_file *f, const struct tsn_set_report *report, enum tsn_set_file status, struct tsn_diags *diags, struct tsn_span span)
{
	if (status == TSN_SET_FILE_OK && report->bad > 0)
		tsn_diag_warn(diags, TSN_E_WARNING, span, "%s: %s", f->shown, report->message);
	else if (status == TSN_SET_FILE_UNREADABLE)
		tsn_diag_error(diags, TSN_E_IMPORT, span, "cannot read %s: %s", f->shown, report->message);
	else if (status == TSN_SET_FILE_BAD)
		tsn_diag_error(diags, TSN_E_SET, span, "%s: %s", f->shown, report->message);
}

static enum tsn_set_file
load(const struct ck_set *s, const struct ck_set_file *f, bool whole, struct tsn_set_builder *b, struct tsn_table_rows *rows,
    struct tsn_set_report *report)
{
	return tsn_table_load(f->path, s->type == TSN_T_NONE ? TSN_T_STRING : s->type, s->table->key, s->table->column, whole, b, rows, report);
}

/*
 * Of a file it depends on its numbers whether they are whole, so it is read when the first call says of what type its keys
 * are.
 */
static bool
read_file(struct tsn_ck *c, struct ck_set *s)
{
	struct tsn_set_builder *b;
	struct tsn_table_rows rows = { 0 };
	struct ck_read_file *f;
	enum tsn_set_file status;

	if (s->table->read || s->nfiles == 0)
		return true;
	s->table->read = true;
	f = ck_file_table(c, s->file[0].path, how_read(c, s));
	s->table->as = f;
	s->table->as_type = s->type;
	if (f->set != NULL) { /* nobody changed it since the ruleset before read it */
		s->table->real |= f->real;
		judge(&s->file[0], &f->report, TSN_SET_FILE_OK, c->diags, s->file[0].span);
		return true;
	}
	b = tsn_set_builder_new(TSN_SET_ANY);
	if (b == NULL)
		ck_oom(c);
	f->report = (struct tsn_set_report){ 0 };
	status = load(s, &s->file[0], false, b, &rows, &f->report);
	judge(&s->file[0], &f->report, status, c->diags, s->file[0].span);
	for (size_t i = 0; i < rows.n; i++)
		f->real |= rows.v[i].real;
	s->table->real |= f->real;
	tsn_set_builder_free(b);
	tsn_table_rows_fini(&rows);
	if (status == TSN_SET_FILE_MEMORY)
		ck_oom(c);
	s->table->refused = status != TSN_SET_FILE_OK;
	return !s->table->refused;
}

void
ck_table_check_unasked(struct tsn_ck *c, struct ck_sym *sym)
{
	struct ck_set *s = sym->kind == CK_TABLE && !sym->broken && sym->memo_id == c->plain_id ? (struct ck_set *)sym->memo : NULL;

	if (s != NULL)
		read_file(c, s);
}

/* [diags] NULL: what was read while checking is read once more, without a word about bad lines. */
static bool
add_file(const struct ck_set *s, struct tsn_set_builder *b, struct tsn_table_rows *rows, struct tsn_diags *diags)
{
	struct tsn_set_report report = { 0 };
	const enum tsn_set_file status = load(s, &s->file[0], !s->table->real, b, rows, &report);

	judge(&s->file[0], &report, status, diags, TSN_SPAN_NONE);
	return status == TSN_SET_FILE_OK;
}

static struct tsn_set *
build(const struct ck_set *s, struct tsn_diags *diags)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_table_rows rows = { 0 };
	struct tsn_set *set = NULL;
	bool ok = b != NULL;
	uint32_t at;

	for (size_t i = 0; ok && i < s->nmembers; i++)
		ok = tsn_table_row(b, &rows, s->table->value[i], &at) && ck_set_build_member(b, &s->member[i], at) == TSN_SET_OK;
	if (ok && s->nfiles > 0)
		ok = add_file(s, b, &rows, diags);
	if (ok)
		set = tsn_table_build(b, &rows, s->table->fallback);
	tsn_table_rows_fini(&rows);
	tsn_set_builder_free(b);
	return set;
}

/* A call behind the first may have narrowed the type of its keys: that is another table than the one that was looked for. */
struct tsn_set *
ck_table_build(const struct ck_set *s, bool again, struct tsn_diags *diags)
{
	struct ck_read_file *as = s->nmembers == 0 && s->type == s->table->as_type ? s->table->as : NULL;
	struct tsn_set *set;

	if (again)
		return build(s, diags);
	if (as != NULL && as->set != NULL)
		return tsn_set_hold(as->set);
	set = build(s, NULL);
	if (as != NULL && set != NULL)
		as->set = tsn_set_hold(set); /* whoever compiles next may have it */
	return set;
}

/* --- limit(src) --- */

static bool
key_fits(const struct ck_env *e, const struct tsn_node *n, struct ck_set *s, const struct tsn_ir *v)
{
	enum tsn_type joined = ck_set_join(s->type, v->type);
	struct tsn_diag *d;

	if (joined != TSN_T_BOOL || ck_set_fits(v->type, s->type)) {
		if (s->type == TSN_T_NONE)
			s->first = n;
		s->type = s->type == TSN_T_NONE || joined == TSN_T_BOOL ? (s->type == TSN_T_NONE ? v->type : s->type) : joined;
		return true;
	}
	d = tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "the keys of %s are %s, this is %s", s->sym->name,
	    ck_the_types(s->type), ck_a_type(v->type));
	if (s->first != NULL)
		tsn_diag_also(d, s->first->span, "here they are");
	return false;
}

struct ck_val
ck_table_call(const struct ck_env *e, const struct tsn_node *n, struct ck_sym *sym)
{
	const struct tsn_node *arg = n->kids;
	struct ck_env plain = *e;
	const struct tsn_ir *v;
	struct ck_set *s;

	if (e->constant) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "a constant cannot depend on flows"),
		    "write define instead of let");
		return bad;
	}
	if (arg == NULL || arg->next != NULL || arg->kind == TSN_N_OPTION || arg->kind == TSN_N_WHERE) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span, "a table is asked with one field"),
		    "write %s(src)", sym->name);
		return bad;
	}
	s = ck_table_sym(e, sym, n->at);
	plain.gather = NULL;
	v = ck_one(&plain, arg, TSN_T_NONE);
	if (s == NULL || v == NULL)
		return bad;
	if (v->kind != TSN_IR_FIELD || v->type == TSN_T_REAL || v->type == TSN_T_BOOL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, arg->span, "a table is asked with a field or a masked address"),
		    "write %s(src)", sym->name);
		return bad;
	}
	if (!key_fits(e, arg, s, v) || !read_file(e->c, s) || s->table->refused)
		return bad;
	e->c->at = n->span;
	return (struct ck_val){ .kind = CK_IR, .ir = ck_table_node(e->c, v, s, s->table->real ? TSN_T_REAL : TSN_T_INT) };
}
