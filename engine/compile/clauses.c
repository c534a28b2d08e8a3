/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a rule says of its alerts' severity, of time and of conversations: rungs, for, until, during. */
#include <string.h>

#include "compile/check.h"

static const struct ck_val bad = { .kind = CK_BAD };

/* --- value and threshold (S12) --- */

static bool
is_number(enum tsn_type t)
{
	return t == TSN_T_INT || t == TSN_T_REAL || t == TSN_T_SIZE;
}

static const struct tsn_ir *
side_of(const struct ck_report *r, bool value)
{
	return value ? r->value : r->threshold;
}

/* The one type all comparisons have on that side; BOOL if they have none. */
static enum tsn_type
side_type(const struct ck_gather *g, bool value)
{
	enum tsn_type t = side_of(&g->report[0], value)->type;

	for (size_t i = 1; i < g->nreports; i++) {
		enum tsn_type u = side_of(&g->report[i], value)->type;

		if (u == t)
			continue;
		if (!is_number(t) || !is_number(u))
			return TSN_T_BOOL;
		t = t == TSN_T_REAL || u == TSN_T_REAL ? TSN_T_REAL : TSN_T_INT;
	}
	return t;
}

struct ck_val
ck_side(const struct ck_env *e, const struct tsn_node *n)
{
	const struct ck_gather *g = e->sides;
	bool value = strcmp(n->text, "value") == 0;
	struct ck_val v = { .kind = CK_IR };
	const struct tsn_ir **kid;
	enum tsn_type t;

	if (g == NULL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NAME, n->span, "%s is known in severity and message only", n->text),
		    "write out what is compared, or give it a name with define");
		return bad;
	}
	if (g->nreports == 0) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NAME, n->span, "this rule has no %s", n->text),
		    "its when compares no function with a limit");
		return bad;
	}
	if (g->nreports == 1) {
		v.ir = side_of(&g->report[0], value);
		return v;
	}
	t = side_type(g, value);
	if (t == TSN_T_BOOL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_TYPE, n->span, "the comparisons of when have %ss of different types",
		    n->text), "write out the one that is meant, or give it a name with define");
		return bad;
	}
	kid = ck_alloc(e->c, 2 * g->nreports * sizeof(*kid));
	for (size_t i = 0; i < g->nreports; i++) {
		const struct tsn_ir *x = side_of(&g->report[i], value);

		kid[2 * i] = g->report[i].compare;
		kid[2 * i + 1] = t == TSN_T_REAL ? ck_to_real(e->c, x) : x;
	}
	v.ir = ck_choose(e->c, kid, (uint32_t)(2 * g->nreports), t);
	return v;
}

/* --- severity --- */

bool
ck_severity(const struct ck_env *e, const struct ck_clause *s, const struct ck_gather *sides, struct tsn_ir_rule *r)
{
	const struct tsn_node *n = s->node == NULL ? NULL : s->node->kids;
	struct ck_env at = *e;
	size_t cap = 0;
	bool ok = true;

	at.file = s->file != NULL ? s->file : e->file;
	at.sides = sides;
	at.gather = NULL;
	for (n = n == NULL ? NULL : n->next; n != NULL; n = n->next) {
		struct tsn_ir_rung rung = { r->meta.severity, NULL };

		ck_level(n, &rung.severity);
		rung.when = n->kids == NULL ? NULL : ck_cond(&at, n->kids);
		ok &= rung.when != NULL;
		r->rung = ck_grow(e->c, r->rung, r->nrungs, &cap, sizeof(*r->rung));
		r->rung[r->nrungs++] = rung;
	}
	return ok;
}

/* --- for and until (S25) --- */

bool
ck_for(const struct ck_env *e, const struct tsn_node *when, struct tsn_ir_rule *r)
{
	const struct tsn_node *n = tsn_node_find(when, TSN_N_FOR);

	if (n == NULL)
		return true;
	if (n->kids == NULL || n->kids->kind == TSN_N_ERROR || !ck_duration(e, n->kids, "for", &r->meta.for_ms))
		return false;
	if (r->meta.stateful)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "a condition on single flows holds for no time"),
	    "count them: count(...) by src over %s > 0", ck_text(e->c, n->kids));
	return false;
}

/*
 * Flows that the rule's `where` leaves out end nothing. Functions have it inside; at ticks, when there is no flow, they
 * alone are asked.
 */
static const struct tsn_ir *
kept(struct tsn_ck *c, const struct tsn_ir *x, const struct tsn_ir *keep)
{
	const struct tsn_ir **kid;
	bool flows = !x->stateful;

	if (x->kind == TSN_IR_OR) {
		kid = ck_alloc(c, x->nkids * sizeof(*kid));
		for (uint32_t i = 0; i < x->nkids; i++)
			kid[i] = kept(c, x->kid[i], keep);
		return ck_junction(c, TSN_IR_OR, kid, x->nkids);
	}
	for (uint32_t i = 0; x->kind == TSN_IR_AND && i < x->nkids; i++)
		flows |= !x->kid[i]->stateful;
	return flows ? ck_and(c, x, keep) : x;
}

bool
ck_until(const struct ck_env *e, const struct ck_clause *u, const struct tsn_ir *keep, struct tsn_ir_rule *r)
{
	struct ck_env at = *e;

	if (u->node == NULL)
		return true;
	at.file = u->file;
	at.gather = NULL;
	if (r->meta.each) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_CLAUSE, u->node->span, "alerts of alert each have no end"),
		    "write alert once per D, or leave out until");
		return false;
	}
	r->until = ck_cond(&at, u->node->kids);
	if (r->until != NULL && keep != NULL && keep->kind != TSN_IR_TRUE)
		r->until = kept(e->c, r->until, keep);
	return r->until != NULL;
}

/* --- conversations --- */

struct looking {
	bool found;
};

static void look(void *arg, const struct tsn_ir *n);

static void
look_at_key(struct looking *l, const struct tsn_key_spec *k)
{
	for (unsigned i = 0; i < k->n; i++)
		l->found |= tsn_fields[k->part[i].field].origin == TSN_O_PAIR;
}

static void
look(void *arg, const struct tsn_ir *n)
{
	struct looking *l = arg;
	const struct tsn_ir_agg *a = n->kind == TSN_IR_AGG ? n->agg : NULL;

	if (n->kind == TSN_IR_FIELD)
		l->found |= tsn_fields[n->field].origin == TSN_O_PAIR;
	if (a == NULL)
		return;
	look_at_key(l, &a->key);
	look_at_key(l, &a->at);
	look_at_key(l, &a->tuple);
	ck_walk(a->where, look, l);
	if (a->arg != NULL)
		ck_walk(a->arg, look, l);
	for (uint32_t i = 0; i < a->nsteps; i++) {
		look_at_key(l, &a->step[i].key);
		ck_walk(a->step[i].where, look, l);
	}
}

bool
ck_is_about_talks(const struct tsn_ir_rule *r)
{
	struct looking l = { false };

	ck_walk(r->when, look, &l);
	if (r->except != NULL)
		ck_walk(r->except, look, &l);
	if (r->until != NULL)
		ck_walk(r->until, look, &l);
	for (uint32_t i = 0; i < r->nrungs; i++)
		ck_walk(r->rung[i].when, look, &l);
	look_at_key(&l, &r->meta.key);
	return l.found;
}

/* --- during (S41) --- */

struct zones {
	struct tsn_nearest near;
	struct tsn_ck *c;
	const char *name;
};

static void
offer_zone(void *arg, const char *name)
{
	struct zones *z = arg;
	const char *before = z->near.best, *city = strrchr(name, '/');

	tsn_nearest_offer(&z->near, z->name, name);
	if (z->near.best == before && city != NULL && strcmp(city + 1, z->name) == 0)
		z->near = (struct tsn_nearest){ name, 1 };
	if (z->near.best != before)
		z->near.best = ck_strdup(z->c, z->near.best); /* the name lives no longer than this call */
}

static void
bad_schedule(const struct ck_env *e, const struct tsn_node *n, const struct tsn_schedule_error *x)
{
	struct tsn_span span = n->at;
	struct zones z = { .c = e->c };
	struct tsn_diag *d;

	if (x->memory)
		ck_oom(e->c);
	/* of a text with escapes the whole of it */
	if (span.end - span.begin == n->len + 2) {
		span.begin += 1 + (uint32_t)x->at;
		span.end = span.begin + (uint32_t)x->n;
	}
	if (x->zone) {
		z.name = ck_strndup(e->c, n->text + x->at, x->n);
		tsn_zone_each(TSN_ZONE_DIR, offer_zone, &z);
	}
	d = tsn_diag_error(e->c->diags, TSN_E_VALUE, span, "%s", x->message);
	if (z.near.best != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", z.near.best);
	else if (x->hint[0] != '\0')
		tsn_diag_hint(d, "%s", x->hint);
}

/* The place of a schedule in the module; false after a report. */
static bool
schedule(const struct ck_env *e, const struct tsn_node *n, uint32_t *out)
{
	struct tsn_ck *c = e->c;
	struct tsn_ir_module *m = c->m;
	struct tsn_schedule_error error;
	size_t cap = c->cap_schedules;
	struct tsn_schedule *s;

	for (uint32_t i = 0; i < m->nschedules; i++) {
		if (strcmp(c->schedule_text[i], n->text) == 0) {
			*out = i;
			return true;
		}
	}
	s = tsn_schedule_parse(n->text, n->len, TSN_ZONE_DIR, c->arena, &error);
	if (s == NULL) {
		bad_schedule(e, n, &error);
		return false;
	}
	m->schedules = ck_grow(c, m->schedules, m->nschedules, &c->cap_schedules, sizeof(*m->schedules));
	c->schedule_text = ck_grow(c, c->schedule_text, m->nschedules, &cap, sizeof(*c->schedule_text));
	c->schedule_text[m->nschedules] = ck_strndup(c, n->text, n->len);
	*out = m->nschedules;
	m->schedules[m->nschedules++] = s;
	return true;
}

bool
ck_when_allowed(const struct ck_env *e, const struct ck_clause *d, struct tsn_ir_rule *r)
{
	uint32_t at;

	if (d->node == NULL || d->node->text == NULL)
		return true;
	if (!schedule(e, d->node, &at))
		return false;
	r->during = ck_during(e->c, at, e->c->m->schedules[at]->text);
	if (d->node->op == TSN_OP_NOT)
		r->during = ck_not(e->c, r->during);
	return true;
}
