/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules that name rules, in fired() and sequence(). What can be said of them only when all rules are known: keys that
 * fit (S11), circles (S11), rules that are disabled (S33).
 */
#include <stdlib.h>

#include "compile/check.h"

uint32_t
ck_rule_index(struct tsn_ck *c, const char *full)
{
	for (; c->nrule_names < c->m->nrules; c->nrule_names++)
		if (!tsn_names_add(&c->rule_names, c->m->rules[c->nrule_names].meta.name, c->nrule_names))
			ck_oom(c);
	return tsn_names_find(&c->rule_names, full);
}

/* --- what a rule names --- */

struct naming {
	struct tsn_ck *c;
	void (*each)(struct naming *, const struct ck_link *);
	void *arg;
	uint32_t rule;
};

static const struct ck_link *
link_at(const struct tsn_ck *c, size_t i)
{
	return &c->link[c->link_order[i]];
}

static int
by_aggregate(const void *a, const void *b, void *arg)
{
	const struct ck_link *link = arg;
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const uintptr_t p = (uintptr_t)link[x].agg, q = (uintptr_t)link[y].agg;

	return p < q ? -1 : p > q ? 1 : x < y ? -1 : x > y;
}

static void
order_links(struct tsn_ck *c)
{
	c->link_order = ck_alloc(c, c->nlinks * sizeof(*c->link_order));
	for (size_t i = 0; i < c->nlinks; i++)
		c->link_order[i] = i;
	qsort_r(c->link_order, c->nlinks, sizeof(*c->link_order), by_aggregate, c->link);
}

/* The first link of an aggregate in that order, or where it would stand. */
static size_t
first_of(const struct tsn_ck *c, const struct tsn_ir_agg *agg)
{
	size_t lo = 0, hi = c->nlinks;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if ((uintptr_t)link_at(c, mid)->agg < (uintptr_t)agg)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void find_links(void *arg, const struct tsn_ir *n);

static void
find_links_in(void *arg, const struct tsn_ir *inside)
{
	ck_walk(inside, find_links, arg);
}

static void
find_links(void *arg, const struct tsn_ir *n)
{
	struct naming *w = arg;

	if (n->kind != TSN_IR_AGG)
		return;
	for (size_t i = first_of(w->c, n->agg); i < w->c->nlinks && link_at(w->c, i)->agg == n->agg; i++)
		w->each(w, link_at(w->c, i));
	ck_inside(n->agg, find_links_in, w);
}

static void
each_link(struct naming *w)
{
	const struct tsn_ir_rule *r = &w->c->m->rules[w->rule];

	ck_walk(r->when, find_links, w);
	ck_walk(r->except, find_links, w);
	if (r->until != NULL)
		ck_walk(r->until, find_links, w);
	for (uint32_t i = 0; i < r->nrungs; i++)
		ck_walk(r->rung[i].when, find_links, w);
}

/* --- keys --- */

/* A shorter mask than the alerts' own still finds its group, a longer one asks for bits that are gone. */
static bool
takes(const struct tsn_key_part *mine, const struct tsn_key_part *of_alert)
{
	const struct tsn_field_info *f = &tsn_fields[mine->field], *g = &tsn_fields[of_alert->field];

	return f->type == g->type && (f->storage != TSN_ADDR ||
	    (mine->v4_bits <= of_alert->v4_bits && mine->v6_bits <= of_alert->v6_bits));
}

static void
check_key(struct tsn_ck *c, const struct ck_link *l, const struct tsn_rule *target)
{
	const struct tsn_key_spec *mine = &l->agg->key, *theirs = &target->key;
	bool fits = mine->n == theirs->n;
	struct tsn_diag *d;

	for (unsigned i = 0; fits && i < mine->n; i++)
		fits = takes(&mine->part[i], &theirs->part[i]);
	if (fits)
		return;
	d = tsn_diag_error(c->diags, TSN_E_SCOPE, l->span, "alerts of %s are keyed by %s, and this asks by %s", target->name,
	    theirs->n == 0 ? "nothing" : ck_key_text(c, theirs), mine->n == 0 ? "nothing" : ck_key_text(c, mine));
	tsn_diag_hint(d, "name after by as many fields, of the same types and in that order");
}

static void
find_closing(void *arg, const struct tsn_ir *n)
{
	if (n->kind == TSN_IR_AGG && (n->agg->tumbling || n->agg->fn == TSN_AGG_ABSENT))
		*(bool *)arg = true;
}

/* Where a rule is met at the close of a window there is no flow: only its key is there to be read. */
static void
check_step(struct tsn_ck *c, const struct ck_link *l, const struct tsn_ir_rule *target)
{
	const struct tsn_key_spec *key = &l->agg->step[l->step].key;
	bool closing = false;

	ck_walk(target->when, find_closing, &closing);
	for (unsigned i = 0; closing && i < key->n; i++) {
		bool known = false;

		for (unsigned j = 0; j < target->meta.key.n; j++)
			known |= target->meta.key.part[j].field == key->part[i].field;
		if (known)
			continue;
		tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_SCOPE, l->span,
		    "%s is met when a window closes, where %s is not known", target->meta.name, ck_field_name(c, key->part[i].field)),
		    "its key is %s; give the step that key: KEY where %s", target->meta.key.n == 0 ? "empty" :
		    ck_key_text(c, &target->meta.key), target->meta.name);
		return;
	}
}

static void
check_link(struct naming *w, const struct ck_link *l)
{
	struct tsn_ck *c = w->c;
	uint32_t at = ck_rule_index(c, l->target->full);

	if (at == TSN_NAMES_NONE)
		return; /* something was wrong with it, and said */
	if (c->m->rules[at].meta.disabled) {
		tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_CLAUSE, l->span, "%s is disabled, and %s needs it", l->target->full,
		    c->m->rules[w->rule].meta.name), "disable %s too, or enable %s", c->m->rules[w->rule].meta.name, l->target->full);
		return;
	}
	if (l->agg->fired != NULL)
		check_key(c, l, &c->m->rules[at].meta);
	else
		check_step(c, l, &c->m->rules[at]);
}

/* --- circles --- */

enum { FRESH, OPEN, DONE };

struct search {
	uint8_t *state;   /* by rule */
	uint32_t *path;
	uint32_t depth;
};

static void visit(struct tsn_ck *c, struct search *s, uint32_t rule);

static void
report_circle(struct naming *w, const struct ck_link *l, uint32_t back_to)
{
	const struct search *s = w->arg;
	struct tsn_ck *c = w->c;
	size_t mark = c->buf.len;
	uint32_t i = s->depth;

	while (i > 0 && s->path[i - 1] != back_to)
		i--;
	for (i = i > 0 ? i - 1 : 0; i < s->depth; i++)
		tsn_buf_printf(&c->buf, "%s needs ", c->m->rules[s->path[i]].meta.name);
	tsn_buf_puts(&c->buf, c->m->rules[back_to].meta.name);
	tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_CYCLE, l->span, "rules need one another in a circle"), "%s", ck_take(c, mark));
}

static void
follow(struct naming *w, const struct ck_link *l)
{
	struct search *s = w->arg;
	uint32_t to = ck_rule_index(w->c, l->target->full);

	if (to == TSN_NAMES_NONE)
		return;
	if (s->state[to] == OPEN)
		report_circle(w, l, to);
	else if (s->state[to] == FRESH)
		visit(w->c, s, to);
}

static void
visit(struct tsn_ck *c, struct search *s, uint32_t rule)
{
	struct naming w = { c, follow, s, rule };

	s->state[rule] = OPEN;
	s->path[s->depth++] = rule;
	if (s->depth <= CK_CHAIN_MAX)
		each_link(&w);
	else
		tsn_diag_error(c->diags, TSN_E_LIMIT, TSN_SPAN_NONE, "more than %d rules need one another in a row", CK_CHAIN_MAX);
	s->depth--;
	s->state[rule] = DONE;
}

void
ck_links_check(struct tsn_ck *c)
{
	struct search s = { NULL, NULL, 0 };

	if (c->nlinks == 0)
		return;
	order_links(c);
	s.state = ck_alloc(c, c->m->nrules + 1);
	s.path = ck_alloc(c, (c->m->nrules + 1) * sizeof(*s.path));
	for (uint32_t i = 0; i < c->m->nrules; i++) {
		struct naming w = { c, check_link, NULL, i };

		if (c->m->rules[i].meta.disabled)
			continue;
		each_link(&w);
		if (s.state[i] == FRESH)
			visit(c, &s, i);
	}
}

void
ck_links_add(struct tsn_ck *c)
{
	for (size_t i = 0; i < c->nlinks; i++) {
		struct ck_parts p;

		if (ck_rule_index(c, c->link[i].target->full) != TSN_NAMES_NONE)
			continue;
		ck_rule_parts(c, c->link[i].target, &p, true, NULL);
		/* what is wrong with it is said; not to come by again it counts as there */
		if (!ck_rule(c, &p))
			return;
	}
}
