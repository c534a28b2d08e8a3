/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Slots of sets: their names in canonical forms, their files, and the searchable sets behind them. */
#include <stdlib.h>
#include <string.h>

#include "compile/check.h"
#include "sets/dynamic.h"

#define LONG_CONTENT 512 /* a longer literal stands in canonical forms by its hash */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t
collect(struct tsn_ck *c, const struct ck_set *s, const char **v)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nmembers; i++)
		v[n++] = s->member[i].canon;
	for (size_t i = 0; i < s->nparts; i++) {
		/* A named set inside a literal stays a name: its refresh keeps the windows. */
		ck_set_slot(c, (struct ck_set *)s->part[i]);
		v[n++] = s->part[i]->name;
	}
	return n;
}

/* The sorted content of a literal (S49). */
static const char *
content(struct tsn_ck *c, const struct ck_set *s)
{
	size_t n = s->nmembers + s->nparts, mark, len;
	const char **v = ck_alloc(c, (n + 1) * sizeof(*v)), *text;

	n = collect(c, s, v);
	mark = c->buf.len;
	qsort(v, n, sizeof(*v), by_text);
	tsn_buf_putc(&c->buf, '{');
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(v[i], v[i - 1]) != 0)
			tsn_buf_printf(&c->buf, " %s", v[i]);
	if (s->type == TSN_T_TUPLE)
		for (unsigned i = 0; i < s->key.n; i++)
			tsn_buf_printf(&c->buf, " %d", (int)tsn_fields[s->key.part[i].field].storage);
	tsn_buf_puts(&c->buf, " }");
	if (c->buf.failed)
		ck_oom(c);
	text = tsn_buf_str(&c->buf) + mark;
	len = c->buf.len - mark;
	if (len > LONG_CONTENT) {
		uint64_t a = tsn_hash_bytes(text, len, 1), b = tsn_hash_bytes(text, len, 2);

		c->buf.len = mark;
		return ck_format(c, "{ %zu members %016llx%016llx }", n, (unsigned long long)a, (unsigned long long)b);
	}
	return ck_take(c, mark);
}

static const char *
name_of(struct tsn_ck *c, const struct ck_set *s)
{
	const char *name = s->name != NULL ? s->name : s->sym != NULL ? s->sym->full : content(c, s);

	if (s->sym == NULL && s->builtin == NULL)
		return name;
	/* Two files of the site may each have a set of one name. */
	for (int i = 2; tsn_names_find(&c->set_names, name) != TSN_NAMES_NONE; i++)
		name = i == 2 && s->sym != NULL ? ck_format(c, "%s@%s", name, s->sym->file->name) : ck_format(c, "%s#%d", name, i);
	return name;
}

uint32_t
ck_set_slot(struct tsn_ck *c, struct ck_set *s)
{
	struct tsn_ir_module *m = c->m;
	size_t cap = c->cap_sets;
	uint32_t i;

	if (s->slot != UINT32_MAX)
		return s->slot;
	s->name = name_of(c, s);
	if (s->sym == NULL && s->builtin == NULL) {
		const char *key = ck_format(c, "%d %s", (int)s->type, s->name);

		i = tsn_names_find(&c->literals, key);
		if (i != TSN_NAMES_NONE) {
			s->name = c->sets[i]->name;
			return s->slot = i;
		}
		if (!tsn_names_add(&c->literals, key, (uint32_t)c->nsets))
			ck_oom(c);
	}
	c->sets = ck_grow(c, c->sets, c->nsets, &c->cap_sets, sizeof(*c->sets));
	m->sets = ck_grow(c, m->sets, m->nsets, &cap, sizeof(*m->sets));
	s->slot = (uint32_t)c->nsets;
	if (!tsn_names_add(&c->set_names, s->name, s->slot))
		ck_oom(c);
	c->sets[c->nsets++] = s;
	m->sets[m->nsets++] = (struct tsn_ir_set){ .name = s->name, .path = ck_set_path(s, 0),
		.refresh_ms = s->refresh_ms, .max_age_ms = ck_set_max_age(s) };
	return s->slot;
}

struct ck_set *
ck_set_reach(const struct ck_set *of)
{
	struct ck_set *top = (struct ck_set *)of, *last = top;

	top->walks++;
	top->reached_from = top;
	top->reached_no = top->walks;
	top->reach_next = NULL;
	for (struct ck_set *s = top; s != NULL; s = s->reach_next) {
		for (size_t i = 0; i < s->nparts; i++) {
			struct ck_set *part = (struct ck_set *)s->part[i];

			if (part->reached_from == top && part->reached_no == top->walks)
				continue;
			part->reached_from = top;
			part->reached_no = top->walks;
			part->reach_next = NULL;
			last->reach_next = part;
			last = part;
		}
	}
	return top;
}

const char *
ck_set_path(const struct ck_set *of, uint32_t i)
{
	for (const struct ck_set *s = ck_set_reach(of); s != NULL; s = s->reach_next) {
		if (i < s->nfiles)
			return s->file[i].path;
		i -= (uint32_t)s->nfiles;
	}
	return NULL;
}

bool
ck_set_is_fixed(const struct ck_set *of)
{
	for (const struct ck_set *s = ck_set_reach(of); s != NULL; s = s->reach_next)
		if (s->nfiles > 0 || s->dynamic || s->table != NULL || s->builtin != NULL)
			return false;
	return true;
}

/* --- files --- */

int64_t
ck_set_max_age(const struct ck_set *of)
{
	int64_t least = 0;

	for (const struct ck_set *s = ck_set_reach(of); s != NULL; s = s->reach_next)
		for (size_t i = 0; i < s->nfiles; i++)
			if (s->file[i].max_age_ms > 0 && (least == 0 || s->file[i].max_age_ms < least))
				least = s->file[i].max_age_ms;
	return least;
}

/*
 * When its files were written. As old as makes it too old as soon as one of its files is: each is as if written so much later as it may be older. Files are
 * looked at before they are read; one that is replaced meanwhile is newer than said here, and will be seen to have changed.
 */
static int64_t
as_of(const struct ck_set *of)
{
	int64_t least_age = ck_set_max_age(of), least = INT64_MAX;

	for (const struct ck_set *s = ck_set_reach(of); s != NULL; s = s->reach_next) {
		for (size_t i = 0; i < s->nfiles; i++) {
			const int64_t age = s->file[i].max_age_ms;
			int64_t written = age > 0 || least_age == 0 ? ck_file_written(s->file[i].path) : TSN_TIME_NONE;

			if (written != TSN_TIME_NONE && written + age - least_age < least)
				least = written + age - least_age;
		}
	}
	return least == INT64_MAX ? TSN_TIME_NONE : least;
}

/* Says what reading a file came to; it decides the type of a set that has none yet. */
static void
judge(struct ck_set *s, const struct ck_set_file *f, const struct tsn_set_report *report, enum tsn_set_file status,
    struct tsn_span span, struct tsn_diags *diags)
{
	if (status == TSN_SET_FILE_OK && report->bad > 0)
		tsn_diag_warn(diags, TSN_E_WARNING, span, "%s: %s", f->shown, report->message);
	else if (status == TSN_SET_FILE_UNREADABLE)
		tsn_diag_error(diags, TSN_E_IMPORT, span, "cannot read %s: %s", f->shown, strerror(report->error));
	else if (status == TSN_SET_FILE_BAD)
		tsn_diag_error(diags, TSN_E_SET, span, "%s: %s", f->shown, report->message);
	if (status == TSN_SET_FILE_OK && s->type == TSN_T_NONE && report->members > 0)
		s->type = report->type;
}

/* For a refresh: with whatever type the set has by now. */
static bool
load(const struct ck_set *s, const struct ck_set_file *f, struct tsn_set_builder *b, struct tsn_diags *diags)
{
	struct tsn_set_report report = { 0 };
	enum tsn_set_file status = tsn_set_file_load(f->path, s->type, f->column, b, &report);

	judge((struct ck_set *)s, f, &report, status, TSN_SPAN_NONE, diags);
	return status == TSN_SET_FILE_OK;
}

bool
ck_set_read(struct tsn_ck *c, struct ck_set *s, struct ck_set_file *f)
{
	const struct tsn_set_report *report;
	enum tsn_set_file status;

	f->set = ck_file_members(c, f, &report, &status);
	judge(s, f, report, status, f->span, c->diags);
	if (f->set == NULL)
		return false;
	if (s->type == TSN_T_PREFIX)
		s->type = TSN_T_ADDR;
	s->v4 |= tsn_set_has_family(f->set, true);
	s->v6 |= tsn_set_has_family(f->set, false);
	return true;
}

/* --- building --- */

struct building {
	struct tsn_set_builder *b;
	const struct ck_set *top;  /* the set being built, which knows the fields of tuples */
	struct tsn_batch *row;     /* to encode tuples by; made when the first one comes */
	bool again;
	struct tsn_diags *diags;
};

static enum tsn_set_error
add_tuple(struct building *g, const struct ck_member *m)
{
	const struct tsn_key_spec *k = &g->top->key;
	uint8_t key[TSN_KEY_MAX];

	if (g->row == NULL)
		g->row = tsn_batch_new();
	if (g->row == NULL)
		return TSN_SET_MEMORY;
	for (uint32_t i = 0; i < m->ncells; i++)
		tsn_batch_put(g->row, 0, k->part[i].field, &m->cell[i]);
	return tsn_set_builder_add_key(g->b, key, tsn_key_encode(k, g->row, 0, key), TSN_SET_NO_ROW);
}

enum tsn_set_error
ck_set_build_member(struct tsn_set_builder *b, const struct ck_member *m, uint32_t row)
{
	switch (m->kind) {
	case CK_M_PREFIX: return tsn_set_builder_add_prefix(b, m->prefix, row);
	case CK_M_ADDRS: return tsn_set_builder_add_addr_range(b, m->a, m->b, row);
	case CK_M_INTS: return tsn_set_builder_add_int_range(b, m->lo, m->hi, row);
	case CK_M_STR: return tsn_set_builder_add_str(b, m->text, m->len, row);
	default: return TSN_SET_MIXED;
	}
}

static enum tsn_set_error
add_member(struct building *g, const struct ck_member *m)
{
	return m->kind == CK_M_TUPLE ? add_tuple(g, m) : ck_set_build_member(g->b, m, TSN_SET_NO_ROW);
}

static bool
add_builtin(struct tsn_set_builder *b, const char *name)
{
	struct tsn_set *s = tsn_set_builtin(name, strlen(name));
	bool ok = s != NULL && tsn_set_builder_add_set(b, s) == TSN_SET_OK;

	tsn_set_free(s);
	return ok;
}

/* The members of [s] itself, not of its parts. */
static bool
add_own(struct building *g, const struct ck_set *s)
{
	size_t i;

	if (s->builtin != NULL && !add_builtin(g->b, s->builtin))
		return false;
	for (i = 0; i < s->nmembers; i++)
		if (add_member(g, &s->member[i]) != TSN_SET_OK)
			return false;
	for (i = 0; i < s->nfiles; i++) {
		if (g->again ? !load(s, &s->file[i], g->b, g->diags) :
		    s->file[i].set != NULL && tsn_set_builder_add_set(g->b, s->file[i].set) != TSN_SET_OK)
			return false;
	}
	return true;
}

/* Tuples are as long as their fields are stored. */
static uint64_t
shape_of(const struct ck_set *s)
{
	uint64_t h = s->type == TSN_T_TUPLE;

	for (unsigned i = 0; s->type == TSN_T_TUPLE && i < s->key.n; i++)
		h = tsn_hash_join(h, (uint64_t)tsn_fields[s->key.part[i].field].storage);
	return h;
}

static struct tsn_set *
build_dynamic(const struct ck_set *s)
{
	enum tsn_set_kind kind = s->type == TSN_T_NONE ? TSN_SET_ANY : s->type == TSN_T_ADDR ? TSN_SET_ADDR :
	    s->type == TSN_T_STRING ? TSN_SET_STR : s->type == TSN_T_TUPLE ? TSN_SET_TUPLE : TSN_SET_INT;

	return tsn_set_dynamic_new(kind, shape_of(s), s->expire_ms, (size_t)s->max);
}

/* All there is of it is one file: the set is what was read. */
static const struct tsn_set *
only_file(const struct ck_set *s)
{
	while (s->nfiles == 0 && s->nparts == 1 && s->nmembers == 0 && s->builtin == NULL && !s->dynamic && s->table == NULL)
		s = s->part[0];
	return s->nfiles == 1 && s->nparts == 0 && s->nmembers == 0 && s->builtin == NULL && s->table == NULL ? s->file[0].set : NULL;
}

static struct tsn_set *
build(const struct ck_set *s, bool again, struct tsn_diags *diags)
{
	struct building g = { .top = s, .again = again, .diags = diags };
	struct tsn_set *set = NULL;
	bool ok;

	if (s->dynamic || s->table != NULL)
		return s->dynamic ? build_dynamic(s) : ck_table_build(s, again, diags);
	if (!again && only_file(s) != NULL)
		return tsn_set_hold(only_file(s));
	g.b = tsn_set_builder_new(TSN_SET_ANY);
	ok = g.b != NULL;
	for (const struct ck_set *part = ck_set_reach(s); ok && part != NULL; part = part->reach_next)
		ok = add_own(&g, part);
	if (ok)
		set = tsn_set_build(g.b);
	tsn_batch_free(g.row);
	tsn_set_builder_free(g.b);
	return set;
}

struct tsn_set *
ck_set_build(const struct ck_set *s, bool again, struct tsn_diags *diags)
{
	const int64_t when = as_of(s);
	struct tsn_set *set = build(s, again, diags);

	if (set != NULL && when != TSN_TIME_NONE)
		tsn_set_put_as_of(set, when);
	return set;
}
