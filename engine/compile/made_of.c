/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a rule is made of: the declarations behind its names, and a text of what it means. */
#include <string.h>

#include "compile/check.h"

struct gathering {
	struct tsn_ck c;           /* only to look names up in */
	uint64_t visit;
	void (*fn)(void *arg, const struct tsn_node *);
	void *arg;
};

static void follow(struct gathering *g, const struct ck_file *file, const struct tsn_node *n);

/* A name that means nothing here is a field, a word or a mistake reported elsewhere. */
static void
follow_name(struct gathering *g, const struct ck_file *file, const struct tsn_node *n)
{
	struct ck_env e = { .c = &g->c, .file = file };
	bool ambiguous;
	struct ck_sym *s = ck_resolve(&e, n, &ambiguous);

	if (s == NULL || s->kind == CK_RULE || s->visit == g->visit)
		return;
	s->visit = g->visit;
	g->fn(g->arg, s->decl);
	follow(g, s->file, s->decl);
}

static void
follow(struct gathering *g, const struct ck_file *file, const struct tsn_node *n)
{
	if ((n->kind == TSN_N_NAME || n->kind == TSN_N_CALL) && n->text != NULL)
		follow_name(g, file, n);
	for (const struct tsn_node *k = n->kids; k != NULL; k = k->next)
		if (k->kind != TSN_N_TEST && k->kind != TSN_N_META)
			follow(g, file, k);
}

void
tsn_rule_parts(const struct tsn_ruleset *r, const char *rule, void (*fn)(void *arg, const struct tsn_node *), void *arg)
{
	struct tsn_world *w = r->inner->world;
	struct gathering g = { .c = { .world = w }, .visit = w->next_id++, .fn = fn, .arg = arg };
	const struct ck_sym *s = ck_rule_by_name(w, rule);

	if (s == NULL)
		return;
	fn(arg, s->decl);
	follow(&g, s->file, s->decl);
}

/* --- what it means --- */

static void
add_members(const struct ck_set *s, struct tsn_buf *out)
{
	for (size_t i = 0; i < s->nmembers; i++)
		tsn_buf_printf(out, " %s", s->member[i].canon);
	for (size_t i = 0; i < s->nfiles; i++)
		tsn_buf_printf(out, " file %s", s->file[i].path);
	for (size_t i = 0; s->table != NULL && i < s->table->nvalues; i++)
		tsn_buf_printf(out, " = %lld %.17g", (long long)s->table->value[i].i, s->table->value[i].f);
	if (s->table != NULL)
		tsn_buf_printf(out, " default %lld %.17g", (long long)s->table->fallback.i, s->table->fallback.f);
	if (s->dynamic)
		tsn_buf_printf(out, " expire %lld max %llu", (long long)s->expire_ms, (unsigned long long)s->max);
}

void
tsn_ruleset_form(const struct tsn_ruleset *r, struct tsn_buf *out)
{
	const struct tsn_ir_module *m = r->module;

	for (uint32_t i = 0; i < m->nrules; i++)
		tsn_buf_printf(out, "rule %s %s\n", m->rules[i].meta.name, m->rules[i].meta.canon);
	for (uint32_t i = 0; i < m->nsets; i++) {
		tsn_buf_printf(out, "set %s", m->sets[i].name);
		for (const struct ck_set *s = ck_set_reach(r->inner->sets[i]); s != NULL; s = s->reach_next)
			add_members(s, out);
		tsn_buf_putc(out, '\n');
	}
}
