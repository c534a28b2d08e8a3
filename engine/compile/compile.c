/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The order of a compilation: load, definitions, rules, site, sets, program. */
#include "compile/compile.h"

#include <stdio.h>
#include <string.h>

#include "compile/budget.h"
#include "compile/check.h"
#include "compile/lanes.h"

/* Everything one run holds, so that running out of memory has one place to clean up. */
struct job {
	struct tsn_ck ck;
	struct tsn_ruleset *r;
	size_t cap_tests, cap_refs;
	size_t errors;            /* there before */
};

static struct job *
job_new(struct tsn_world *w, bool borrowed, struct tsn_diags *diags)
{
	struct job *j = tsn_calloc(1, sizeof(*j));
	struct tsn_ruleset *r = tsn_calloc(1, sizeof(*r));
	struct tsn_compilation *inner = tsn_calloc(1, sizeof(*inner));
	struct tsn_arena *arena = tsn_arena_new();

	if (j == NULL || r == NULL || inner == NULL || arena == NULL) {
		tsn_free(j);
		tsn_free(r);
		tsn_free(inner);
		tsn_arena_free(arena);
		if (!borrowed)
			tsn_world_free(w);
		return NULL;
	}
	inner->world = w;
	inner->borrowed = borrowed;
	inner->arena = arena;
	r->inner = inner;
	j->r = r;
	j->ck.world = w;
	j->ck.diags = diags;
	j->ck.arena = arena;
	j->errors = tsn_diags_errors(diags);
	return j;
}

static void
take_files(struct tsn_ruleset *r, const struct ck_files *files)
{
	r->inner->files = *files;
	r->files = (uint32_t)files->n;
	r->files_kept = files->kept;
}

/* The ruleset, or NULL and all of it gone if [failed]. */
static struct tsn_ruleset *
job_end(struct job *j, bool failed)
{
	struct tsn_ruleset *r = j->r;

	if (failed)
		ck_files_fini(&j->ck.files);
	else
		take_files(r, &j->ck.files);
	tsn_buf_fini(&j->ck.buf);
	tsn_free(j->ck.nodes);
	tsn_names_fini(&j->ck.overridden.rules);
	tsn_names_fini(&j->ck.overridden.groups);
	tsn_names_fini(&j->ck.disabled.rules);
	tsn_names_fini(&j->ck.disabled.groups);
	tsn_names_fini(&j->ck.rule_names);
	tsn_names_fini(&j->ck.set_names);
	tsn_names_fini(&j->ck.literals);
	tsn_diags_free(j->ck.scratch);
	tsn_free(j);
	if (!failed)
		return r;
	tsn_ruleset_free(r);
	return NULL;
}

void
tsn_ruleset_free(struct tsn_ruleset *r)
{
	if (r == NULL)
		return;
	for (uint32_t i = 0; r->sets != NULL && i < r->module->nsets; i++)
		tsn_set_free(r->sets[i]);
	tsn_free(r->sets);
	tsn_free(r->refresh_failed);
	tsn_lanes_free(r->lanes);
	ck_files_fini(&r->inner->files);
	tsn_sources_free(r->inner->sources);
	if (!r->inner->borrowed)
		tsn_world_free(r->inner->world);
	tsn_arena_free(r->inner->arena);
	tsn_program_free(r->program);
	tsn_free(r->inner);
	tsn_free(r);
}

/* Names are looked at afresh by each compilation over one world. */
static void
begin(struct tsn_ck *c)
{
	for (struct ck_sym *s = c->world->syms; s != NULL; s = s->order) {
		s->busy = s->broken = false;
		s->memo_id = s->rule_id = 0;
	}
	c->m = ck_alloc(c, sizeof(*c->m));
	c->m->arena = c->arena;
	c->plain_id = c->world->next_id++;
	c->at = TSN_SPAN_NONE;
	ck_graph_init(c);
	ck_overrides_find(c);
	c->u = ck_unknown_node(c);
	c->t = ck_junction(c, TSN_IR_AND, NULL, 0);
	c->f = ck_junction(c, TSN_IR_OR, NULL, 0);
}

/* A ruleset's `requires`: the lowest version of the language it is written in. */
static void
check_version(struct tsn_ck *c, const struct tsn_node *ruleset)
{
	unsigned major, minor;
	char rest;

	for (const struct tsn_node *n = ruleset->kids; n != NULL; n = n->next) {
		const struct tsn_node *v = n->kids;

		if (n->kind != TSN_N_META || v == NULL || strcmp(n->text, "requires") != 0)
			continue;
		if (v->text == NULL || sscanf(v->text, "%3u.%3u%c", &major, &minor, &rest) != 2)
			tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_VALUE, v->span, "this is no version of the language"),
			    "write requires \"%d.%d\"", TSN_LANGUAGE_MAJOR, TSN_LANGUAGE_MINOR);
		else if (major > TSN_LANGUAGE_MAJOR || (major == TSN_LANGUAGE_MAJOR && minor > TSN_LANGUAGE_MINOR))
			tsn_diag_error(c->diags, TSN_E_CLAUSE, v->span, "this ruleset needs a newer engine: the language here is %d.%d",
			    TSN_LANGUAGE_MAJOR, TSN_LANGUAGE_MINOR);
	}
}

static void
check_versions(struct tsn_ck *c)
{
	for (const struct ck_file *f = c->world->files; f != NULL; f = f->next)
		for (const struct tsn_node *n = f->expr ? NULL : f->tree->kids; n != NULL; n = n->next)
			if (n->kind == TSN_N_RULESET)
				check_version(c, n);
}

static void
definition(struct tsn_ck *c, struct ck_sym *s)
{
	struct ck_env e;

	/* What the site replaces is checked as replaced: the old value need not exist. */
	for (const struct ck_rebind *r = c->global; r != NULL; r = r->next)
		if (r->old == s)
			s = r->now;
	e = ck_env_of(c, s->file);
	switch (s->kind) {
	case CK_LET:
		ck_let(&e, s, s->decl->at);
		break;
	case CK_SET:
		ck_set_sym(&e, s, s->decl->at);
		break;
	case CK_DEFINE:
		ck_define(&e, s, s->decl->at);
		break;
	case CK_TABLE:
		ck_table_sym(&e, s, s->decl->at);
		break;
	default:
		break;
	}
}

/* --- tests --- */

static const struct tsn_node *
override_of(const struct tsn_ck *c, const struct tsn_node *test)
{
	for (size_t i = 0; i < c->nlayers; i++)
		for (const struct tsn_node *n = c->layer[i].node->kids; n != NULL; n = n->next)
			if (n == test)
				return c->layer[i].node;
	return NULL;
}

static void
find_absent(void *arg, const struct tsn_ir *n)
{
	if (n->kind == TSN_IR_AGG && n->agg->fn == TSN_AGG_ABSENT)
		*(bool *)arg = true;
}

static void
add_test(struct job *j, const struct ck_parts *p, const struct ck_clause *t, const struct tsn_ir_rule *rule)
{
	struct tsn_ck *c = &j->ck;
	struct tsn_ruleset *r = j->r;
	struct tsn_compilation *inner = r->inner;
	struct ck_parts own = *p;
	struct tsn_rule_test *out;
	bool waits = false;

	r->tests = ck_grow(c, r->tests, r->ntests, &j->cap_tests, sizeof(*r->tests));
	inner->ref = ck_grow(c, inner->ref, r->ntests, &j->cap_refs, sizeof(*inner->ref));
	out = &r->tests[r->ntests];
	if (!ck_test_rebind(c, &own, t->node, t->file) || !ck_test(c, &own, t->node, t->file, out) || rule == NULL)
		return;
	/* S52: time runs on to where the rule has nothing left to say; but what waits for a silence says how long itself */
	ck_walk(rule->when, find_absent, &waits);
	out->tail_ms = waits ? 0 : rule->meta.hold_ms;
	out->index = r->ntests;
	inner->ref[r->ntests++] = (struct ck_test_ref){ p->sym, t->node, t->file, override_of(c, t->node) };
}

static void
rule(struct job *j, struct ck_sym *s)
{
	struct tsn_ck *c = &j->ck;
	struct ck_parts p;
	uint32_t at = c->m->nrules;
	bool ok;

	ck_rule_parts(c, s, &p, false, NULL);
	ok = ck_rule(c, &p);
	for (size_t i = 0; i < p.ntests; i++)
		add_test(j, &p, &p.test[i], ok ? &c->m->rules[at] : NULL);
}

/* Room for all of them: what an array has grown out of stays in the arena. */
static void
make_room(struct tsn_ck *c)
{
	const struct ck_file *f;
	size_t n = 0;

	for (f = c->world->files; f != NULL; f = f->next) {
		n += f->expr;
		for (const struct ck_sym *s = f->rules; s != NULL; s = s->in_file)
			n++;
	}
	c->cap_rules = n + 1; /* the last may begin anew where it turns out to be about conversations */
	c->m->rules = ck_alloc(c, c->cap_rules * sizeof(*c->m->rules));
}

static void
rules(struct job *j)
{
	const struct tsn_world *w = j->ck.world;

	make_room(&j->ck);
	for (const struct ck_file *f = w->files; f != NULL; f = f->next) {
		if (f->expr) {
			if (!f->broken)
				ck_rule_expr(&j->ck, f);
			continue;
		}
		for (struct ck_sym *s = f->rules; s != NULL; s = s->in_file)
			rule(j, s);
	}
}

/* --- the end --- */

static bool
build_sets(struct job *j)
{
	struct tsn_ck *c = &j->ck;
	struct tsn_ruleset *r = j->r;

	r->module = c->m;
	r->inner->sets = c->sets;
	r->sets = tsn_calloc(c->m->nsets + 1, sizeof(*r->sets));
	r->refresh_failed = tsn_calloc(c->m->nsets + 1, sizeof(*r->refresh_failed));
	for (uint32_t i = 0; r->sets != NULL && r->refresh_failed != NULL && i < c->m->nsets; i++) {
		r->sets[i] = ck_set_build(c->sets[i], false, c->diags);
		if (r->sets[i] == NULL)
			return false;
		c->m->sets[i].set = r->sets[i];
		c->m->sets[i].fixed = ck_set_is_fixed(c->sets[i]);
	}
	return r->sets != NULL && r->refresh_failed != NULL;
}

/* Groups keep two windows: flows of a third take the place of one that has still to close. */
static void
warn_of_overtaken(struct tsn_ck *c, int64_t lateness_ms)
{
	char text[TSN_TIME_TEXT];

	tsn_duration_text(lateness_ms, text);
	for (uint32_t i = 0; i < c->m->nawaited; i++)
		if (c->m->awaited[i]->window_ms < lateness_ms)
			tsn_diag_hint(ck_warn(c, c->m->awaited[i]->window_span,
			    "what waits for these windows to close misses those that flows have left behind by then"),
			    "they close %s (lateness) after their end: use %s or more", text, text);
}

static bool
finish(struct job *j, bool emit)
{
	struct tsn_ck *c = &j->ck;
	const char *error = NULL;

	ck_links_check(c);
	if (tsn_diags_errors(c->diags) > j->errors)
		return false;
	if (!build_sets(j))
		ck_oom(c);
	/* The sets' members stay: a refresh builds from them again. */
	if (!emit)
		return true;
	c->m->filter = c->world->filter;
	j->r->program = tsn_emit(c->m, &error);
	if (j->r->program != NULL) {
		j->r->inner->arena = NULL;
		if (!c->test)
			warn_of_overtaken(c, j->r->site.lateness_ms);
		return c->test || tsn_budget_divide(j->r->program, &j->r->site, c->world->installed, c->world->ninstalled,
		    c->diags);
	}
	if (error == NULL)
		ck_oom(c);
	tsn_diag_error(c->diags, TSN_E_LIMIT, TSN_SPAN_NONE, "the rules do not fit into a program: %s", error);
	return false;
}

static void
out_of_memory(struct tsn_diags *diags)
{
	tsn_diag_error(diags, TSN_E_MEMORY, TSN_SPAN_NONE, "memory ran out while compiling the rules");
}

/* Elements that the caller named come first, in the columns it chose. */
static void
take_wanted(struct tsn_ck *c, const struct tsn_compile_input *in)
{
	for (size_t i = 0; i < in->nwanted; i++) {
		c->m->wanted = ck_grow(c, c->m->wanted, c->m->nwanted, &c->cap_wanted, sizeof(*c->m->wanted));
		c->m->wanted[c->m->nwanted++] = in->wanted[i];
	}
}

static void
take_sources(struct tsn_ruleset *r, const struct tsn_sources *sources, bool keep)
{
	r->texts = (uint32_t)sources->added;
	r->texts_kept = (uint32_t)sources->kept;
	r->inner->sources = keep ? tsn_sources_hold(sources) : NULL;
}

static bool
follow(struct tsn_ruleset *r, const struct tsn_ruleset *before)
{
	return r->program == NULL || before == NULL || before->program == NULL || tsn_program_follow(r->program, before->program);
}

static struct tsn_ruleset *
compile(struct tsn_sources *sources, const struct tsn_compile_input *in, struct tsn_diags *diags, bool emit)
{
	size_t before = tsn_diags_errors(diags);
	struct tsn_world *w = tsn_world_load(sources, in, diags);
	struct job *j = w == NULL ? NULL : job_new(w, false, diags);

	if (j == NULL) {
		out_of_memory(diags);
		return NULL;
	}
	j->errors = before;
	if (setjmp(j->ck.out_of_memory) != 0) {
		out_of_memory(diags);
		return job_end(j, true);
	}
	j->ck.before = in->before == NULL ? NULL : &in->before->inner->files;
	begin(&j->ck);
	take_wanted(&j->ck, in);
	ck_overrides_global(&j->ck);
	ck_overrides_check(&j->ck);
	check_versions(&j->ck);
	for (struct ck_sym *s = w->syms; s != NULL; s = s->order)
		definition(&j->ck, s);
	rules(j);
	if (in->why != NULL && tsn_diags_errors(diags) == before)
		ck_probes(&j->ck, j->r, in->why, in->what_if);
	if (in->tune != NULL && tsn_diags_errors(diags) == before)
		ck_tune(&j->ck, j->r, in);
	for (struct ck_sym *s = w->syms; s != NULL; s = s->order)
		ck_table_check_unasked(&j->ck, s);
	ck_site(&j->ck, &j->r->site);
	if (!finish(j, emit))
		return job_end(j, true);
	take_sources(j->r, sources, in->keep);
	if (!follow(j->r, in->before) || (in->threads > 1 && emit && tsn_ruleset_lanes(j->r, in->threads, in->before) == NULL))
		ck_oom(&j->ck);
	return job_end(j, false);
}

struct tsn_ruleset *
tsn_check(struct tsn_sources *sources, const struct tsn_compile_input *in, struct tsn_diags *diags)
{
	return compile(sources, in, diags, false);
}

struct tsn_ruleset *
tsn_compile(struct tsn_sources *sources, const struct tsn_compile_input *in, struct tsn_diags *diags)
{
	return compile(sources, in, diags, true);
}

enum alone { ALONE_CHECKED, ALONE_EMITTED, ALONE_COVERED };

/* One rule as shipped, with what [test] says if there is one. */
static struct tsn_ruleset *
compile_alone(const struct tsn_ruleset *of, const struct ck_test_ref *ref, struct tsn_span at, enum alone how,
    struct tsn_diags *diags)
{
	struct job *j = job_new(of->inner->world, true, diags);
	struct tsn_ck *c;
	struct ck_parts p;
	struct ck_clause clause = { ref->node, ref->file };
	bool ok;

	if (j == NULL) {
		out_of_memory(diags);
		return NULL;
	}
	c = &j->ck;
	ck_site_defaults(&j->r->site);
	if (setjmp(c->out_of_memory) != 0) {
		out_of_memory(diags);
		return job_end(j, true);
	}
	c->test = true;
	begin(c);
	ck_rule_parts(c, ref->rule, &p, true, ref->override);
	ok = (ref->node == NULL || ck_test_rebind(c, &p, ref->node, ref->file)) && ck_rule(c, &p);
	if (ok && ref->node != NULL)
		add_test(j, &p, &clause, &c->m->rules[0]);
	if (ok)
		ck_links_add(c);
	if (ok && how == ALONE_COVERED)
		ck_probes_cover(c, j->r, &p);
	if (!ok && tsn_diags_errors(diags) == j->errors)
		tsn_diag_error(diags, TSN_E_TEST, at, "this test cannot be compiled");
	return job_end(j, !finish(j, how != ALONE_CHECKED) || !ok);
}

struct tsn_ruleset *
tsn_compile_test(const struct tsn_ruleset *of, uint32_t test, struct tsn_diags *diags)
{
	const struct ck_test_ref *ref = &of->inner->ref[test];

	return compile_alone(of, ref, ref->node->at, ALONE_EMITTED, diags);
}

struct tsn_ruleset *
tsn_compile_test_covered(const struct tsn_ruleset *of, uint32_t test, struct tsn_diags *diags)
{
	const struct ck_test_ref *ref = &of->inner->ref[test];

	return compile_alone(of, ref, ref->node->at, ALONE_COVERED, diags);
}

struct tsn_ruleset *
tsn_check_rule(const struct tsn_ruleset *of, const char *rule, struct tsn_diags *diags)
{
	struct ck_test_ref ref = { .rule = ck_rule_by_name(of->inner->world, rule) };

	return ref.rule == NULL ? NULL : compile_alone(of, &ref, ref.rule->decl->at, ALONE_CHECKED, diags);
}

struct tsn_set *
tsn_ruleset_rebuild_set(const struct tsn_ruleset *r, uint32_t slot, struct tsn_diags *diags)
{
	if (slot >= r->module->nsets)
		return NULL;
	for (const struct ck_set *s = ck_set_reach(r->inner->sets[slot]); s != NULL; s = s->reach_next)
		for (size_t i = 0; i < s->nfiles; i++)
			ck_file_forget(&r->inner->files, &s->file[i]);
	return ck_set_build(r->inner->sets[slot], true, diags);
}

const char *
tsn_ruleset_set_path(const struct tsn_ruleset *r, uint32_t slot, uint32_t i)
{
	return slot < r->module->nsets ? ck_set_path(r->inner->sets[slot], i) : NULL;
}
