/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Names (S31): a name is looked up in the rule (what an override or a test rebinds), its file,
 * its ruleset, then in what the file uses. Fields, functions and the like come after, in value.c.
 */
#include <string.h>

#include "compile/check.h"

struct ck_sym *
tsn_world_find(const struct ck_group *g, const char *name, size_t len, bool rule)
{
	return tsn_names_get(rule ? &g->rules : &g->others, name, len);
}

struct ck_group *
tsn_world_group(const struct tsn_world *w, const char *name, size_t len)
{
	return tsn_names_get(&w->by_name, name, len);
}

/* --- declaring --- */

static const struct tsn_node *
meta_of(const struct tsn_node *n, const char *word)
{
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if (k->kind == TSN_N_META && strcmp(k->text, word) == 0 && k->kids != NULL && k->kids->text != NULL)
			return k->kids;
	return NULL;
}

static bool
join_group(struct tsn_world *w, struct ck_file *f, const struct tsn_node *n, struct tsn_diags *diags)
{
	const struct tsn_node *version = meta_of(n, "version");
	struct ck_group *g = tsn_world_group(w, n->text, n->len);

	if (f->group != &w->local) {
		tsn_diag_also(tsn_diag_error(diags, TSN_E_CLAUSE, n->at, "a file belongs to one ruleset"),
		    f->group->node->at, "it already belongs to %s", f->group->name);
		return true;
	}
	if (g == NULL) {
		g = tsn_arena_alloc(w->arena, sizeof(*g));
		if (g == NULL)
			return false;
		*g = (struct ck_group){ .name = n->text, .node = n, .next = w->groups };
		if (!tsn_names_put(&w->by_name, n->text, n->len, g))
			return false;
		w->groups = g;
	}
	if (version != NULL && g->version != NULL && strcmp(version->text, g->version) != 0)
		tsn_diag_also(tsn_diag_error(diags, TSN_E_DUPLICATE, version->span,
		    "ruleset %s has another version here", g->name), g->node->span, "%s here", g->version);
	if (version != NULL && g->version == NULL) {
		g->version = version->text;
		g->node = n;
	}
	f->group = g;
	return true;
}

static bool
sym_kind(const struct tsn_node *n, enum ck_sym_kind *kind)
{
	switch (n->kind) {
	case TSN_N_LET: *kind = CK_LET; return true;
	case TSN_N_SETDECL: *kind = CK_SET; return true;
	case TSN_N_TABLE: *kind = CK_TABLE; return true;
	case TSN_N_DEFINE: *kind = CK_DEFINE; return true;
	case TSN_N_RULE: *kind = CK_RULE; return true;
	default: return false;
	}
}

static bool
is_function(const char *name)
{
	for (size_t i = 0; i < tsn_function_count; i++)
		if (strcmp(tsn_functions[i].name, name) == 0)
			return true;
	return false;
}

static void
check_reserved(const struct tsn_node *n, struct tsn_diags *diags)
{
	int field = tsn_field_find(n->text, n->len);

	if (field >= 0 && strcmp(tsn_fields[field].name, n->text) == 0)
		tsn_diag_hint(tsn_diag_error(diags, TSN_E_RESERVED, n->at, "%s is a field of every flow", n->text),
		    "choose another name");
	else if (field >= 0)
		tsn_diag_hint(tsn_diag_error(diags, TSN_E_RESERVED, n->at, "%s is another name of the field %s", n->text,
		    tsn_fields[field].name), "choose another name");
	else if (is_function(n->text))
		tsn_diag_hint(tsn_diag_error(diags, TSN_E_RESERVED, n->at, "%s is a function", n->text), "choose another name");
	else if (strcmp(n->text, "host") == 0 || strcmp(n->text, "port") == 0 || strcmp(n->text, "value") == 0 ||
	    strcmp(n->text, "threshold") == 0)
		tsn_diag_hint(tsn_diag_error(diags, TSN_E_RESERVED, n->at, "%s is a word of the language", n->text),
		    "choose another name");
}

/* A second definition in one file is an error; of a rule, in one ruleset. */
static void
check_twice(const struct ck_sym *s, const struct ck_sym *first, struct tsn_diags *diags)
{
	for (; first != NULL; first = first->same) {
		if (first == s || (first->file != s->file && s->kind != CK_RULE))
			continue;
		tsn_diag_also(tsn_diag_error(diags, TSN_E_DUPLICATE, s->decl->at, "%s is defined twice", s->full),
		    first->decl->at, "first here");
		return;
	}
}

static bool
declare(struct tsn_world *w, struct ck_file *f, const struct tsn_node *n, enum ck_sym_kind kind, struct tsn_diags *diags)
{
	struct ck_sym *s = tsn_arena_alloc(w->arena, sizeof(*s)), *first;
	struct tsn_buf full = TSN_BUF_INIT;

	if (s == NULL)
		return false;
	if (f->group->name != NULL)
		tsn_buf_printf(&full, "%s.", f->group->name);
	tsn_buf_puts(&full, n->text);
	*s = (struct ck_sym){ .kind = kind, .name = n->text, .decl = n, .file = f, .declared = true,
		.full = full.failed ? NULL : tsn_arena_strdup(w->arena, tsn_buf_str(&full)) };
	tsn_buf_fini(&full);
	if (s->full == NULL)
		return false;
	if (kind != CK_RULE)
		check_reserved(n, diags);
	first = tsn_world_find(f->group, n->text, n->len, kind == CK_RULE);
	if (first != NULL) {
		check_twice(s, first, diags);
		while (first->same != NULL)
			first = first->same;
		first->same = s;
	} else if (!tsn_names_put(kind == CK_RULE ? &f->group->rules : &f->group->others, n->text, n->len, s)) {
		return false;
	}
	*w->syms_tail = s;
	w->syms_tail = &s->order;
	if (kind == CK_RULE) {
		*f->rules_tail = s;
		f->rules_tail = &s->in_file;
	}
	return true;
}

bool
tsn_world_declare(struct tsn_world *w, struct ck_file *f, struct tsn_diags *diags)
{
	enum ck_sym_kind kind;

	for (const struct tsn_node *n = f->tree->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_RULESET && n->text != NULL && !join_group(w, f, n, diags))
			return false;
	for (const struct tsn_node *n = f->tree->kids; n != NULL; n = n->next)
		if (sym_kind(n, &kind) && n->text != NULL && !declare(w, f, n, kind, diags))
			return false;
	return true;
}

/* --- looking up --- */

struct hits {
	struct ck_sym *first, *second;
	bool rules; /* looked for, else anything but them */
};

static void
hit(struct hits *h, struct ck_sym *s)
{
	if (h->first == NULL)
		h->first = s;
	else if (h->first != s && h->second == NULL)
		h->second = s;
}

static void
among(const struct ck_group *g, const struct ck_file *only, const char *name, size_t len,
    struct hits *h)
{
	for (struct ck_sym *s = tsn_world_find(g, name, len, h->rules); s != NULL; s = s->same)
		if (only == NULL || s->file == only)
			hit(h, s);
}

static void
look_up(const struct tsn_world *w, const struct ck_file *f, const char *name, size_t len, struct hits *h)
{
	const char *dot = memrchr(name, '.', len);
	const struct ck_group *g;

	if (dot != NULL) {
		g = tsn_world_group(w, name, (size_t)(dot - name));
		if (g != NULL)
			among(g, NULL, dot + 1, len - (size_t)(dot + 1 - name), h);
		return;
	}
	among(f->group, f, name, len, h);
	if (h->first == NULL)
		among(f->group, NULL, name, len, h);
	for (size_t i = 0; h->first == NULL && i < f->nimports; i++) {
		if (f->import[i]->group != f->group)
			for (size_t k = i; k < f->nimports; k++)
				among(f->import[k]->group, f->import[k], name, len, h);
	}
}

static struct ck_sym *
rebound(const struct ck_rebind *r, struct ck_sym *s)
{
	for (; r != NULL; r = r->next)
		/* While the new value is being made the name means the old one: let n = 2 * n */
		if (r->old == s && !r->now->busy)
			return r->now;
	return s;
}

static bool
look_here(const struct ck_env *e, const struct tsn_node *n, struct hits *h)
{
	const struct tsn_world *w = e->c->world;

	look_up(w, e->file, n->text, n->len, h);
	if (h->first == NULL && e->fallback != NULL)
		look_up(w, e->fallback, n->text, n->len, h);
	if (h->second == NULL)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_AMBIGUOUS, n->span, "%s is defined by %s and by %s", n->text,
	    h->first->file->name, h->second->file->name), "write %s or %s, or define it here", h->first->full, h->second->full);
	return false;
}

struct ck_sym *
ck_resolve(const struct ck_env *e, const struct tsn_node *n, bool *ambiguous)
{
	struct hits h = { NULL, NULL, false };
	struct ck_sym *s;

	*ambiguous = !look_here(e, n, &h);
	if (h.first == NULL || *ambiguous)
		return NULL;
	s = rebound(e->rebind, h.first);
	return s != h.first ? s : rebound(e->c->global, s);
}

struct ck_sym *
ck_resolve_rule(const struct ck_env *e, const struct tsn_node *n, bool *ambiguous)
{
	struct hits h = { NULL, NULL, true };

	*ambiguous = !look_here(e, n, &h);
	return *ambiguous ? NULL : h.first;
}

struct ck_sym *
ck_rule_by_name(const struct tsn_world *w, const char *full)
{
	const char *dot = strrchr(full, '.');
	const struct ck_group *g = &w->local;

	if (dot != NULL)
		g = tsn_world_group(w, full, (size_t)(dot - full));
	if (g == NULL)
		return NULL;
	full = dot == NULL ? full : dot + 1;
	return tsn_world_find(g, full, strlen(full), true);
}

struct ck_env
ck_env_of(struct tsn_ck *c, const struct ck_file *f)
{
	return (struct ck_env){ .c = c, .file = f, .id = c->plain_id };
}

struct ck_env
ck_env_at(const struct ck_env *e, const struct ck_sym *s)
{
	struct ck_env at = *e;

	at.fallback = s->file == e->file ? e->fallback : NULL;
	at.file = s->file;
	at.scope = NULL;
	at.gather = NULL;
	at.wanted = NULL;
	return at;
}

struct ck_rebind *
ck_rebind(const struct ck_env *e, const struct tsn_node *decl, const struct ck_file *written, const struct ck_rebind *next)
{
	struct tsn_ck *c = e->c;
	struct hits h = { NULL, NULL, false };
	enum ck_sym_kind kind;
	struct ck_rebind *r;

	if (!sym_kind(decl, &kind) || decl->text == NULL)
		return NULL;
	look_up(c->world, e->file, decl->text, decl->len, &h);
	if (h.first == NULL) {
		ck_unknown(e, decl->at, kind == CK_SET ? "set" : kind == CK_TABLE ? "table" : "name", decl->text, TSN_T_NONE);
		return NULL;
	}
	if (h.first->kind != kind) {
		tsn_diag_also(tsn_diag_error(c->diags, TSN_E_TYPE, decl->at, "%s is not of this kind where it is defined",
		    decl->text), h.first->decl->at, "defined here");
		return NULL;
	}
	r = ck_alloc(c, sizeof(*r));
	r->old = h.first;
	r->next = next;
	r->now = ck_alloc(c, sizeof(*r->now));
	*r->now = (struct ck_sym){ .kind = kind, .name = h.first->name, .full = h.first->full, .decl = decl,
		.file = (struct ck_file *)written };
	return r;
}

/* --- unknown names --- */

struct offer {
	struct tsn_nearest near;
	const char *name, *field; /* field: the best so far is one */
};

static void
offer(struct offer *o, const char *candidate, bool field)
{
	const char *before = o->near.best;

	tsn_nearest_offer(&o->near, o->name, candidate);
	if (o->near.best != before)
		o->field = field ? candidate : NULL;
}

static void
offer_fields(struct offer *o)
{
	enum tsn_field f;
	const char *alias;

	for (int i = 0; i < TSN_FIELD_COUNT; i++)
		offer(o, tsn_fields[i].name, true);
	for (int i = 0; i < TSN_FIELD_COUNT; i++)
		offer(o, tsn_fields[i].element, true);
	for (size_t i = 0; (alias = tsn_field_alias(i, &f)) != NULL; i++)
		offer(o, alias, true);
	offer(o, "host", true);
	offer(o, "port", true);
}

static void
offer_syms(const struct ck_env *e, struct offer *o, const char *kind, bool no_functions)
{
	bool sets = strncmp(kind, "set", 3) == 0, functions = strcmp(kind, "function") == 0;
	bool constants = sets && kind[3] != '\0', rules = strcmp(kind, "rule") == 0;
	size_t i;

	for (const struct ck_sym *s = e->c->world->syms; s != NULL; s = s->order) {
		bool seen = s->file == e->file || s->file->group == e->file->group;

		for (i = 0; !seen && i < e->file->nimports; i++)
			seen = e->file->import[i] == s->file;
		if (seen && (s->kind == CK_RULE) == rules && (!sets || s->kind == CK_SET || (constants && s->kind == CK_LET)) &&
		    (!functions || s->kind == CK_TABLE))
			offer(o, s->name, false);
	}
	if (rules)
		return;
	for (i = 0; !functions && tsn_set_builtin_nth(i) != NULL; i++)
		offer(o, tsn_set_builtin_nth(i), false);
	for (i = 0; !sets && !no_functions && i < tsn_function_count; i++)
		offer(o, tsn_functions[i].name, false);
	if (functions)
		offer(o, "has", false);
}

static void
offer_words(struct offer *o, enum tsn_type want)
{
	const char *s;
	size_t i;

	for (i = 0; (s = tsn_flag_nth(i)) != NULL; i++)
		offer(o, s, false);
	for (i = 0; (s = tsn_proto_nth(i)) != NULL; i++)
		offer(o, s, false);
	for (i = 0; want == TSN_T_PORT && (s = tsn_service_nth(i)) != NULL; i++)
		offer(o, s, false);
	for (i = 0; (want == TSN_T_DIRECTION || want == TSN_T_FWD) && (s = tsn_word_nth(want, i)) != NULL; i++)
		offer(o, s, false);
}

void
ck_unknown(const struct ck_env *e, struct tsn_span at, const char *kind, const char *name, enum tsn_type want)
{
	struct offer o = { .name = name };
	bool any = strcmp(kind, "field") == 0;
	struct tsn_diag *d;

	/* Opposite a type with words of its own those come first. */
	if (any && want != TSN_T_NONE)
		offer_words(&o, want);
	if (any)
		offer_fields(&o);
	if (any && e->sides != NULL) {
		offer(&o, "value", true);
		offer(&o, "threshold", true);
	}
	offer_syms(e, &o, kind, want != TSN_T_NONE);
	if (any && want == TSN_T_NONE)
		offer_words(&o, want);
	if (any && want == TSN_T_PORT && o.field == NULL)
		kind = "service, constant or field";
	else if (any && o.near.best != NULL && o.field == NULL)
		kind = "name";
	d = tsn_diag_error(e->c->diags, TSN_E_NAME, at, "no %s \"%s\"", kind, name);
	if (o.near.best != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", o.near.best);
	else if (want == TSN_T_STRING || want == TSN_T_MAC)
		tsn_diag_hint(d, "texts stand in quotes: \"%s\"", name);
}
