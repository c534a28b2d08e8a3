/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The site's layer over installed rules (S32-S34): override RULE, override RULESET.*,
 * override RULESET, disable. A rule's clauses are put together here, each with the file it
 * stands in, because that is where the names in it mean something.
 */
#include <string.h>

#include "compile/check.h"

static void
note(struct tsn_ck *c, struct tsn_names *t, const char *name, size_t layer)
{
	if (!tsn_names_add(t, name, (uint32_t)layer))
		ck_oom(c);
}

static void
note_disabled(struct tsn_ck *c, const struct tsn_node *layer, size_t at)
{
	for (const struct tsn_node *n = layer->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_NAME && n->text != NULL)
			note(c, n->all ? &c->disabled.groups : &c->disabled.rules, n->text, at);
}

/* Overrides of one target are a list in their order. */
static void
note_overridden(struct tsn_ck *c)
{
	size_t *last = ck_alloc(c, c->nlayers * sizeof(*last));

	for (size_t i = 0; i < c->nlayers; i++) {
		const struct tsn_node *n = c->layer[i].node;
		struct tsn_names *t = n->all ? &c->overridden.groups : &c->overridden.rules;
		uint32_t first;

		if (n->kind != TSN_N_OVERRIDE || n->text == NULL)
			continue;
		first = tsn_names_find(t, n->text);
		if (first == TSN_NAMES_NONE)
			note(c, t, n->text, first = (uint32_t)i);
		else
			c->layer[last[first]].next = i + 1;
		last[first] = i;
	}
}

void
ck_overrides_find(struct tsn_ck *c)
{
	for (const struct ck_file *f = c->world->files; f != NULL; f = f->next) {
		for (const struct tsn_node *n = f->expr ? NULL : f->tree->kids; n != NULL; n = n->next) {
			if (n->kind != TSN_N_OVERRIDE && n->kind != TSN_N_DISABLE)
				continue;
			c->layer = ck_grow(c, c->layer, c->nlayers, &c->cap_layers, sizeof(*c->layer));
			if (n->kind == TSN_N_DISABLE)
				note_disabled(c, n, c->nlayers);
			c->layer[c->nlayers++] = (struct ck_layer){ n, f, 0 };
		}
	}
	note_overridden(c);
}

static bool
is_definition(const struct tsn_node *n)
{
	return n->kind == TSN_N_LET || n->kind == TSN_N_SETDECL || n->kind == TSN_N_TABLE || n->kind == TSN_N_DEFINE;
}

/* --- one rule's clauses --- */

static bool
adds_up(const char *word)
{
	static const char *const lists[] = { "tags", "attack", "reference", "cve", "falsepositives" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(lists[i], word) == 0)
			return true;
	return false;
}

static void
twice(struct tsn_ck *c, const struct tsn_node *n, const struct tsn_node *first, const char *what)
{
	tsn_diag_also(tsn_diag_error(c->diags, TSN_E_CLAUSE, n->span, "%s is said twice", what), first->span, "first here");
}

/* [layer]: of an override, so that two of them that say different things are found. */
static void
put(struct tsn_ck *c, struct ck_clause *slot, const struct tsn_node *n, const struct ck_file *f, const char *what,
    bool layer, const struct ck_file *own)
{
	if (slot->node != NULL && (!layer || slot->file != own) && !tsn_node_equal(slot->node, n))
		twice(c, n, slot->node, what);
	*slot = (struct ck_clause){ n, f };
}

static struct ck_clause *
add_clause(struct tsn_ck *c, struct ck_clause *v, size_t *n, size_t *cap, const struct tsn_node *node,
    const struct ck_file *f)
{
	v = ck_grow(c, v, *n, cap, sizeof(*v));
	v[(*n)++] = (struct ck_clause){ node, f };
	return v;
}

static void
put_meta(struct tsn_ck *c, struct ck_parts *p, const struct tsn_node *n, const struct ck_file *f, bool layer)
{
	const struct ck_file *own = p->sym->file;

	for (size_t i = 0; !adds_up(n->text) && i < p->nmetas; i++) {
		if (strcmp(p->meta[i].node->text, n->text) != 0)
			continue;
		put(c, &p->meta[i], n, f, n->text, layer, own);
		return;
	}
	p->meta = add_clause(c, p->meta, &p->nmetas, &p->cap_metas, n, f);
}

/* The actions of a rule are those of all its clauses; an override's stand for all of them. */
static void
put_then(struct tsn_ck *c, struct ck_parts *p, const struct tsn_node *n, const struct ck_file *f, bool layer)
{
	const struct ck_file *own = p->sym->file;

	if (layer && p->nthens > 0 && p->then[0].file == own)
		p->nthens = 0;
	if (layer && p->nthens > 0 && !tsn_node_equal(p->then[0].node, n))
		twice(c, n, p->then[0].node, "then");
	p->then = add_clause(c, p->then, &p->nthens, &p->cap_thens, n, f);
}

static void
put_clause(struct tsn_ck *c, struct ck_parts *p, const struct tsn_node *n, const struct ck_file *f, bool layer)
{
	const struct ck_file *own = p->sym->file;

	switch (n->kind) {
	case TSN_N_META:
		put_meta(c, p, n, f, layer);
		break;
	case TSN_N_SEVERITY:
		put(c, &p->severity, n, f, "severity", layer, own);
		break;
	case TSN_N_KEEP:
		put(c, &p->keep, n, f, "where", layer, own);
		break;
	case TSN_N_WHEN:
		put(c, &p->when, n, f, "when", layer, own);
		break;
	case TSN_N_ALERT:
		put(c, &p->alert, n, f, "alert", layer, own);
		break;
	case TSN_N_EXCEPT:
		p->except = add_clause(c, p->except, &p->nexcepts, &p->cap_excepts, n, f);
		break;
	case TSN_N_TEST:
		p->test = add_clause(c, p->test, &p->ntests, &p->cap_tests, n, f);
		break;
	case TSN_N_THEN:
		put_then(c, p, n, f, layer);
		break;
	case TSN_N_DURING:
		put(c, &p->during, n, f, "during", layer, own);
		break;
	case TSN_N_UNTIL:
		put(c, &p->until, n, f, "until", layer, own);
		break;
	case TSN_N_ERROR:
		p->broken = true;
		break;
	default:
		break;
	}
}

/* A layer plus 1: the first of those that name the rule, and of those that name its ruleset; 0: none. */
static size_t
first_of_rule(const struct ck_targets *t, const struct ck_sym *rule)
{
	const uint32_t i = tsn_names_find(&t->rules, rule->full);

	return i == TSN_NAMES_NONE ? 0 : (size_t)i + 1;
}

static size_t
first_of_group(const struct ck_targets *t, const struct ck_sym *rule)
{
	const char *group = rule->file->group->name;
	const uint32_t i = group == NULL ? TSN_NAMES_NONE : tsn_names_find(&t->groups, group);

	return i == TSN_NAMES_NONE ? 0 : (size_t)i + 1;
}

static void
apply(struct tsn_ck *c, struct ck_parts *p, const struct tsn_node *o, const struct ck_file *f)
{
	struct ck_env own = ck_env_of(c, p->sym->file);
	struct ck_rebind *r;

	p->broken |= o->broken;
	for (const struct tsn_node *n = o->kids; n != NULL; n = n->next) {
		if (!is_definition(n)) {
			put_clause(c, p, n, f, true);
		} else if (!o->all) {
			r = ck_rebind(&own, n, f, p->rebind);
			for (const struct ck_rebind *other = p->rebind; r != NULL && other != NULL; other = other->next)
				if (other->old == r->old && !tsn_node_equal(other->now->decl, n))
					twice(c, n, other->now->decl, n->text);
			if (r != NULL)
				p->rebind = r;
			else
				p->broken = true;
		}
	}
}

void
ck_override_last(struct tsn_ck *c, struct ck_parts *p, const struct tsn_node *o, const struct ck_file *f)
{
	struct ck_env own = ck_env_of(c, p->sym->file);

	p->broken |= o->broken;
	for (const struct tsn_node *n = o->kids; n != NULL; n = n->next) {
		struct ck_rebind *r = is_definition(n) ? ck_rebind(&own, n, f, p->rebind) : NULL;

		if (n->kind == TSN_N_WHEN)
			p->when = (struct ck_clause){ n, f };
		else if (r != NULL)
			p->rebind = r; /* the first of a name decides */
		else
			p->broken = true;
	}
}

void
ck_rule_parts(struct tsn_ck *c, struct ck_sym *sym, struct ck_parts *p, bool shipped, const struct tsn_node *only)
{
	size_t one = first_of_rule(&c->overridden, sym), all = first_of_group(&c->overridden, sym);

	*p = (struct ck_parts){ .sym = sym, .broken = sym->decl->broken, .rebind_id = c->world->next_id++ };
	for (const struct tsn_node *n = sym->decl->kids; n != NULL; n = n->next)
		put_clause(c, p, n, sym->file, false);
	/* in the order of the files */
	while (one != 0 || all != 0) {
		size_t *next = all == 0 || (one != 0 && one < all) ? &one : &all;
		const struct ck_layer *l = &c->layer[*next - 1];

		if (!shipped || l->node == only)
			apply(c, p, l->node, l->file);
		*next = l->next;
	}
}

bool
ck_disabled(struct tsn_ck *c, const struct ck_sym *rule)
{
	return first_of_rule(&c->disabled, rule) != 0 || first_of_group(&c->disabled, rule) != 0;
}

/* --- the whole layer --- */

static void
warn_unknown(struct tsn_ck *c, const struct tsn_node *n, struct tsn_span at, const char *what)
{
	struct tsn_nearest near = { NULL, 0 };
	struct tsn_diag *d;

	for (const struct ck_sym *s = c->world->syms; s != NULL && !n->all; s = s->order)
		if (s->kind == CK_RULE)
			tsn_nearest_offer(&near, n->text, s->full);
	for (const struct ck_group *g = c->world->groups; g != NULL; g = g->next)
		tsn_nearest_offer(&near, n->text, g->name);
	d = ck_warn(c, at, n->all ? "%s names no ruleset that is loaded: %s.*" :
	    "%s names nothing that is loaded: %s", what, n->text);
	if (near.best != NULL)
		tsn_diag_hint(d, "did you mean \"%s%s\"?", near.best, n->all ? ".*" : "");
}

static bool
is_known(const struct tsn_ck *c, const struct tsn_node *n)
{
	if (n->text == NULL)
		return true;
	return n->all ? tsn_world_group(c->world, n->text, strlen(n->text)) != NULL : ck_rule_by_name(c->world, n->text) != NULL;
}

static void
check_star(struct tsn_ck *c, const struct tsn_node *o)
{
	for (const struct tsn_node *n = o->kids; n != NULL; n = n->next)
		if (n->kind != TSN_N_EXCEPT && n->kind != TSN_N_SEVERITY && n->kind != TSN_N_ALERT && n->kind != TSN_N_DURING &&
		    n->kind != TSN_N_ERROR)
			tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_CLAUSE, n->span,
			    "an override of every rule takes only except, severity, alert and during"),
			    is_definition(n) ? "write override %s { ... } for what the whole ruleset uses" :
			    "override one rule: %s.NAME", o->text);
}

static void
check_group(struct tsn_ck *c, const struct tsn_node *o)
{
	for (const struct tsn_node *n = o->kids; n != NULL; n = n->next)
		if (!is_definition(n) && n->kind != TSN_N_ERROR)
			tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_CLAUSE, n->span,
			    "an override of a ruleset takes let, set, table and define"), "for its rules write override %s.* { ... }",
			    o->text);
}

static void
check_one(struct tsn_ck *c, const struct tsn_node *o)
{
	if (o->kind == TSN_N_DISABLE) {
		for (const struct tsn_node *n = o->kids; n != NULL; n = n->next)
			if (n->kind == TSN_N_NAME && !is_known(c, n))
				warn_unknown(c, n, n->span, "disable");
		return;
	}
	if (o->text == NULL)
		return;
	if (o->all)
		check_star(c, o);
	if (!o->all && tsn_world_group(c->world, o->text, strlen(o->text)) != NULL &&
	    ck_rule_by_name(c->world, o->text) == NULL)
		check_group(c, o);
	else if (!is_known(c, o))
		warn_unknown(c, o, o->at, "override");
}

void
ck_overrides_check(struct tsn_ck *c)
{
	for (size_t i = 0; i < c->nlayers; i++)
		check_one(c, c->layer[i].node);
}

static const struct ck_file *
first_file(const struct tsn_world *w, const struct ck_group *g)
{
	for (const struct ck_file *f = w->files; f != NULL; f = f->next)
		if (f->group == g && !f->expr)
			return f;
	return NULL;
}

static void
rebind_global(struct tsn_ck *c, const struct ck_layer *l, const struct ck_file *in)
{
	struct ck_env e = ck_env_of(c, in);

	for (const struct tsn_node *n = l->node->kids; n != NULL; n = n->next) {
		struct ck_rebind *r = is_definition(n) ? ck_rebind(&e, n, l->file, c->global) : NULL;

		for (const struct ck_rebind *p = c->global; r != NULL && p != NULL; p = p->next)
			if (p->old == r->old && !tsn_node_equal(p->now->decl, n))
				twice(c, n, p->now->decl, n->text);
		if (r != NULL)
			c->global = r;
	}
}

void
ck_overrides_global(struct tsn_ck *c)
{
	for (size_t i = 0; i < c->nlayers; i++) {
		const struct tsn_node *o = c->layer[i].node;
		const struct ck_group *g = o->kind != TSN_N_OVERRIDE || o->text == NULL || o->all ? NULL :
		    tsn_world_group(c->world, o->text, strlen(o->text));
		const struct ck_file *in = g == NULL ? NULL : first_file(c->world, g);

		if (in != NULL)
			rebind_global(c, &c->layer[i], in);
	}
}
