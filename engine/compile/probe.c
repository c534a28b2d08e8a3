/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Why did a rule (not) fire? Beside the rule stand probes: rules without alerts that match where one part of its
 * condition is true, where it is false, or where one of its aggregates counted a flow and so has a value to show. They are
 * made of the rule's own nodes and share all state with it, so that what they see is what the rule saw.
 * With another constant in place of its threshold a twin of the rule says what would have been raised.
 */
#include <string.h>

#include "compile/check.h"
#include "grammar/parse.h"

#define SHOWN 100 /* characters of a part */

struct making {
	struct tsn_ck *c;
	uint32_t rule;              /* asked about */
	size_t cap_probes;
	struct tsn_ruleset *out;
	bool leaves;                /* operands of or are parts, too */
	const struct tsn_ir **part;
	size_t nparts, cap_parts;
};

/* Parts as people wrote them: in the order of the text, whatever the graph made of it. */
static bool
before(const struct tsn_ir *a, const struct tsn_ir *b)
{
	return a->span.file != b->span.file ? a->span.file < b->span.file : a->span.begin < b->span.begin;
}

static bool
same_place(const struct tsn_ir *a, const struct tsn_ir *b)
{
	return a->span.file == b->span.file && a->span.begin == b->span.begin && a->span.end == b->span.end;
}

static void
take_part(struct making *m, const struct tsn_ir *x)
{
	size_t at;

	if (x->kind == TSN_IR_AND || (m->leaves && x->kind == TSN_IR_OR)) {
		for (uint32_t i = 0; i < x->nkids; i++)
			take_part(m, x->kid[i]);
		return;
	}
	if (m->leaves && x->kind == TSN_IR_GIVES) /* of exporters, which tests have none to choose from */
		return;
	for (at = 0; at < m->nparts; at++)
		if (same_place(x, m->part[at])) { /* one function made of several */
			m->c->at = x->span;
			m->part[at] = ck_and(m->c, m->part[at], x);
			return;
		}
	m->part = ck_grow(m->c, m->part, m->nparts, &m->cap_parts, sizeof(*m->part));
	for (at = m->nparts; at > 0 && before(x, m->part[at - 1]); at--)
		m->part[at] = m->part[at - 1];
	m->part[at] = x;
	m->nparts++;
}

static struct tsn_probe *
new_probe(struct making *m, enum tsn_probe_kind kind, uint32_t part)
{
	struct tsn_ruleset *r = m->out;

	r->probes = ck_grow(m->c, r->probes, r->nprobes, &m->cap_probes, sizeof(*r->probes));
	r->probes[r->nprobes] = (struct tsn_probe){ .kind = kind, .part = part, .text = "" };
	return &r->probes[r->nprobes++];
}

/* A rule that only matches; the state of the one asked about is not touched by it. */
static struct tsn_ir_rule *
new_rule(struct making *m, const char *what, const struct tsn_ir *when)
{
	struct tsn_ir_module *module = m->c->m;
	struct tsn_ir_rule *r;
	const struct tsn_rule *of;

	module->rules = ck_grow(m->c, module->rules, module->nrules, &m->c->cap_rules, sizeof(*module->rules));
	r = &module->rules[module->nrules++];
	of = &module->rules[m->rule].meta;
	memset(r, 0, sizeof(*r));
	r->when = when;
	r->except = m->c->f;
	r->meta = (struct tsn_rule){ .name = ck_format(m->c, "%s (%s)", of->name, what), .ruleset = of->ruleset, .file = of->file,
		.line = of->line, .door = of->door, .each = true, .rev = 1, .expires_ms = TSN_TIME_NONE, .until = TSN_REG_NONE,
		.key = of->key, .key_name = of->key_name };
	r->meta.title = r->meta.canon = r->meta.name;
	return r;
}

/* The source text of a node, on one line. */
static const char *
source_of(struct tsn_ck *c, const struct tsn_ir *x)
{
	const char *text = ck_span_text(c, x->span, SHOWN);

	return text[0] != '\0' ? text : x->canon;
}

static void
part_probes(struct making *m, uint32_t i)
{
	const struct tsn_ir *x = m->part[i];
	struct tsn_probe *p = new_probe(m, TSN_PROBE_TRUE, i);

	p->text = source_of(m->c, x);
	p->stateful = x->stateful;
	p->span = x->span;
	new_rule(m, ck_format(m->c, "part %u", i + 1), x);
	new_probe(m, TSN_PROBE_FALSE, i)->span = x->span;
	new_rule(m, ck_format(m->c, "not part %u", i + 1), ck_not(m->c, x));
}

static void
first_agg(void *arg, const struct tsn_ir *x)
{
	const struct tsn_ir **first = arg;

	if (x->kind == TSN_IR_AGG && *first == NULL)
		*first = x;
}

/* Rows that the first aggregate of a comparison counted, with both sides as values to read. */
static void
value_probe(struct making *m, const struct tsn_ir_report *rep)
{
	const struct tsn_ir *agg = NULL;
	struct tsn_ir_rule *r;
	struct tsn_probe *p;

	ck_walk(rep->value, first_agg, &agg);
	if (agg == NULL)
		return;
	p = new_probe(m, TSN_PROBE_VALUE, 0);
	p->text = source_of(m->c, rep->compare);
	p->key = agg->agg->at.n > 0 ? agg->agg->at : agg->agg->key;
	p->window_ms = agg->agg->window_ms;
	p->type = rep->value->type;
	p->rel = rep->compare->rel;
	p->threshold_first = rep->compare->kid[0] != rep->value;
	r = new_rule(m, ck_format(m->c, "values of %s", p->text), agg->agg->where);
	r->define = ck_alloc(m->c, 2 * sizeof(*r->define));
	r->define[0] = rep->value;
	r->define[1] = rep->threshold;
	r->ndefines = 2;
	r->meta.message = ck_alloc(m->c, 2 * sizeof(*r->meta.message));
	r->meta.message[0] = (struct tsn_piece){ .kind = TSN_PIECE_REG, .reg = 0 };
	r->meta.message[1] = (struct tsn_piece){ .kind = TSN_PIECE_REG, .reg = 1 };
	r->meta.nmessage = 2;
}

/* --- another constant --- */

const struct tsn_ir *
ck_with(struct tsn_ck *c, const struct tsn_ir *x, const struct tsn_ir *from, const struct tsn_ir *to)
{
	const struct tsn_ir **kid;
	bool changed = false;

	if (x == from)
		return to;
	if (x->kind != TSN_IR_AND && x->kind != TSN_IR_OR && x->kind != TSN_IR_NOT)
		return x;
	kid = ck_alloc(c, x->nkids * sizeof(*kid));
	for (uint32_t i = 0; i < x->nkids; i++) {
		kid[i] = ck_with(c, x->kid[i], from, to);
		changed |= kid[i] != x->kid[i];
	}
	if (!changed)
		return x;
	return x->kind == TSN_IR_NOT ? ck_not(c, kid[0]) : ck_junction(c, x->kind, kid, x->nkids);
}

/* The constant that the text stands for, as the old one was. NULL after a report. */
static const struct tsn_ir *
constant(struct making *m, const char *text, const struct tsn_ir *old)
{
	struct tsn_ck *c = m->c;
	struct tsn_node *tree = tsn_parse_expr(c->world->sources, "what-if", text, strlen(text), c->diags);
	struct ck_env e = ck_env_of(c, c->world->files);
	const struct tsn_ir *v;

	if (tree == NULL)
		return NULL;
	e.constant = true;
	v = ck_one(&e, tree, old->type);
	if (v == NULL)
		return NULL;
	if ((v->type == TSN_T_DURATION) == (old->type == TSN_T_DURATION)) {
		if (v->kind == TSN_IR_INT && old->kind == TSN_IR_REAL)
			return ck_real(c, (double)v->i);
		if (v->kind == TSN_IR_INT && old->kind == TSN_IR_INT)
			return ck_int(c, v->i, old->type);
		if (v->kind == TSN_IR_REAL)
			return v;
	}
	tsn_diag_error(c->diags, TSN_E_TYPE, tree->span, "this is %s; the threshold is %s", ck_a_type(v->type), ck_a_type(old->type));
	return NULL;
}

static bool
is_number(const struct tsn_ir *x)
{
	return x->kind == TSN_IR_INT || x->kind == TSN_IR_REAL;
}

static bool
what_if(struct making *m, const char *text)
{
	struct tsn_ck *c = m->c;
	const struct tsn_ir_rule rule = c->m->rules[m->rule];
	const struct tsn_ir_report *rep = NULL;
	const struct tsn_ir *v, *twin;
	struct tsn_ir_rule *r;

	for (uint32_t i = 0; i < rule.nreports && rep == NULL; i++)
		if (is_number(rule.report[i].threshold))
			rep = &rule.report[i];
	if (rep == NULL) {
		tsn_diag_error(c->diags, TSN_E_VALUE, rule.when->span, "rule %s compares nothing with a constant", rule.meta.name);
		return false;
	}
	v = constant(m, text, rep->threshold);
	if (v == NULL)
		return false;
	c->at = rep->compare->span;
	twin = ck_compare_node(c, rep->compare->rel, rep->compare->kid[0] == rep->threshold ? v : rep->compare->kid[0],
	    rep->compare->kid[1] == rep->threshold ? v : rep->compare->kid[1]);
	new_probe(m, TSN_PROBE_TWIN, 0)->text = source_of(c, rep->threshold);
	r = new_rule(m, ck_format(c, "what if %s", text), ck_with(c, rule.when, rep->compare, twin));
	r->except = rule.except;
	r->meta = rule.meta;
	r->meta.name = r->meta.canon = ck_format(c, "%s (what if %s)", rule.meta.name, text);
	r->meta.sid = 0;
	r->meta.action = NULL; /* it must not tell other rules of what was never raised */
	r->meta.nactions = 0;
	r->meta.message = NULL;
	r->meta.nmessage = 0;
	r->report = ck_alloc(c, sizeof(*r->report));
	r->report[0] = (struct tsn_ir_report){ twin, rep->value, v, NULL };
	r->nreports = 1;
	return true;
}

/* --- all of it --- */

bool
ck_find_rule(struct tsn_ck *c, const char *name, uint32_t *out)
{
	struct tsn_nearest near = { 0 };
	uint32_t found = 0;

	for (uint32_t i = 0; i < c->m->nrules; i++) {
		const char *full = c->m->rules[i].meta.name, *dot = strrchr(full, '.');

		tsn_nearest_offer(&near, name, full);
		if (dot != NULL)
			tsn_nearest_offer(&near, name, dot + 1);
		if (strcmp(full, name) == 0) {
			*out = i;
			return true;
		}
		if (dot != NULL && strcmp(dot + 1, name) == 0) {
			*out = i;
			found++;
		}
	}
	if (found == 1)
		return true;
	if (found > 1)
		tsn_diag_error(c->diags, TSN_E_NAME, TSN_SPAN_NONE, "several rules are called %s: name its ruleset too", name);
	else if (near.best != NULL)
		tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_NAME, TSN_SPAN_NONE, "no rule %s", name), "did you mean \"%s\"?", near.best);
	else
		tsn_diag_error(c->diags, TSN_E_NAME, TSN_SPAN_NONE, "no rule %s", name);
	return false;
}

bool
ck_probes(struct tsn_ck *c, struct tsn_ruleset *out, const char *name, const char *other)
{
	struct making m = { .c = c, .out = out };
	uint32_t nreports;

	if (!ck_find_rule(c, name, &m.rule))
		return false;
	out->probed = m.rule;
	out->first_probe = c->m->nrules;
	take_part(&m, c->m->rules[m.rule].when);
	for (uint32_t i = 0; i < m.nparts; i++)
		part_probes(&m, i);
	nreports = c->m->rules[m.rule].nreports;
	for (uint32_t i = 0; i < nreports; i++) {
		const struct tsn_ir_report rep = c->m->rules[m.rule].report[i];

		value_probe(&m, &rep);
	}
	new_probe(&m, TSN_PROBE_HIDDEN, 0);
	new_rule(&m, "excepted", ck_and(c, c->m->rules[m.rule].when, c->m->rules[m.rule].except));
	if (other != NULL && !what_if(&m, other))
		return false;
	/* Every row of every batch: when it matches, all others of the batch have been told. */
	new_probe(&m, TSN_PROBE_END, 0);
	new_rule(&m, "end", c->t);
	return true;
}

/* --- coverage --- */

/* [except]: matches that the rule does not make are none here either. */
static void
cover(struct making *m, enum tsn_probe_kind kind, struct tsn_span span, const struct tsn_ir *when, const struct tsn_ir *except)
{
	struct tsn_probe *p = new_probe(m, kind, 0);

	p->span = span;
	new_rule(m, ck_format(m->c, "%u of kind %d", m->out->nprobes, (int)kind), when)->except = except;
}

static void
cover_except(struct making *m, const struct tsn_ir *when, const struct tsn_ir *except)
{
	if (except->kind == TSN_IR_FALSE)
		return;
	for (uint32_t i = 0; except->kind == TSN_IR_OR && i < except->nkids; i++)
		cover_except(m, when, except->kid[i]);
	if (except->kind != TSN_IR_OR)
		cover(m, TSN_PROBE_HIDDEN, except->span, ck_and(m->c, when, except), m->c->f);
}

/* Rungs stand in the tree after the bare one, in the order of their conditions. */
static void
cover_rungs(struct making *m, const struct tsn_ir_rule *rule, const struct ck_parts *p)
{
	const struct tsn_node *n = p->severity.node == NULL ? NULL : p->severity.node->kids;

	for (uint32_t i = 0; n != NULL && i < rule->nrungs; i++) {
		n = n->next;
		if (n != NULL)
			cover(m, TSN_PROBE_RUNG, n->span, ck_and(m->c, rule->when, rule->rung[i].when), rule->except);
	}
}

void
ck_probes_cover(struct tsn_ck *c, struct tsn_ruleset *out, const struct ck_parts *p)
{
	struct making m = { .c = c, .out = out, .leaves = true };
	const struct tsn_ir_rule rule = c->m->rules[0];

	out->first_probe = c->m->nrules;
	take_part(&m, rule.when);
	for (uint32_t i = 0; i < m.nparts; i++)
		part_probes(&m, i);
	cover(&m, TSN_PROBE_WHEN, p->when.node->span, rule.when, rule.except);
	cover_except(&m, rule.when, rule.except);
	cover_rungs(&m, &rule, p);
	if (rule.until != NULL)
		cover(&m, TSN_PROBE_UNTIL, p->until.node->span, rule.until, c->f);
	if (rule.during != NULL)
		cover(&m, TSN_PROBE_OUTSIDE, p->during.node->span, ck_and(c, rule.when, ck_not(c, rule.during)), rule.except);
	new_probe(&m, TSN_PROBE_END, 0);
	new_rule(&m, "end", c->t);
}
