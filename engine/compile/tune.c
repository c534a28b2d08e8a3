/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What would another threshold have raised? Candidates are compiled as what a site would write to have them: the rule with
 * an override on top. So whatever else the constant decides (a rung, `until`, a second comparison) goes with it, and what
 * is predicted of a number is what the rule does once it is written. All of them share the rule's state.
 */
#include <string.h>

#include "compile/check.h"
#include "grammar/parse.h"

#define SHOWN 200

struct tuning {
	struct tsn_ck *c;
	struct tsn_ruleset *out;
	size_t cap_probes;
	uint32_t rule;
	struct ck_sym *sym;
	struct ck_parts parts;
	const struct tsn_ir_report *report;
};

/* --- the comparison --- */

static void
find_agg(void *arg, const struct tsn_ir *x)
{
	const struct tsn_ir **first = arg;

	if (x->kind == TSN_IR_AGG && *first == NULL)
		*first = x;
}

static bool
is_number(const struct tsn_ir *x)
{
	return x->kind == TSN_IR_INT || x->kind == TSN_IR_REAL;
}

static const struct tsn_ir *
compared(const struct tsn_ir_report *r, bool *negated)
{
	const struct tsn_ir *x = r->compare;

	for (*negated = false; x->kind == TSN_IR_NOT; x = x->kid[0])
		*negated = !*negated;
	return x;
}

static bool
has_order(const struct tsn_ir_report *r)
{
	bool negated;
	const struct tsn_ir *x = compared(r, &negated);

	return x->kind == TSN_IR_COMPARE && x->rel != TSN_REL_EQ && x->rel != TSN_REL_NE;
}

/* value REL threshold, as it is true when the rule fires. */
static enum tsn_rel
relation(const struct tsn_ir_report *r)
{
	static const enum tsn_rel mirror[] = { TSN_REL_EQ, TSN_REL_NE, TSN_REL_GT, TSN_REL_GE, TSN_REL_LT, TSN_REL_LE };
	static const enum tsn_rel inverse[] = { TSN_REL_NE, TSN_REL_EQ, TSN_REL_GE, TSN_REL_GT, TSN_REL_LE, TSN_REL_LT };
	bool negated;
	const struct tsn_ir *x = compared(r, &negated);
	enum tsn_rel rel = x->kid[0] == r->value ? x->rel : mirror[x->rel];

	return negated ? inverse[rel] : rel;
}

/* Why there is no threshold; NULL and t->report if there is one. */
static const char *
choose(struct tuning *t)
{
	const struct tsn_ir_rule *r = &t->c->m->rules[t->rule];
	const struct tsn_ir *agg;
	const char *why = NULL;

	for (uint32_t i = 0; i < r->nreports; i++) {
		const struct tsn_ir_report *rep = &r->report[i];

		agg = NULL;
		ck_walk(rep->value, find_agg, &agg);
		if (agg != NULL && is_number(rep->threshold) && has_order(rep)) {
			t->report = rep;
			return NULL;
		}
		if (why == NULL && !has_order(rep))
			why = ck_format(t->c, "rule %s asks whether a value is equal to another (%s): there is nothing to raise or to lower",
			    r->meta.name, ck_span_text(t->c, rep->compare->span, SHOWN));
		else if (why == NULL)
			why = ck_format(t->c, "rule %s compares with what is no constant (%s): tune the table or the expression itself",
			    r->meta.name, ck_span_text(t->c, rep->compare->span, SHOWN));
	}
	if (why != NULL)
		return why;
	return ck_format(t->c, r->meta.stateful ? "rule %s compares nothing with a threshold: it fires on what was new, fell silent or came "
	    "in sequence" : "rule %s has no threshold: it looks at one flow at a time and counts nothing", r->meta.name);
}

/* --- what to write --- */

static const struct ck_file *
file_of(const struct tuning *t, const struct tsn_node *n)
{
	for (const struct ck_file *f = t->c->world->opened; f != NULL; f = f->all)
		if (!f->expr && f->tree->span.file == n->span.file)
			return f;
	return NULL;
}

static bool
inside(const struct tsn_node *n, const struct tsn_node *of)
{
	return of != NULL && n->span.file == of->span.file && n->span.begin >= of->span.begin && n->span.end <= of->span.end;
}

/* An override that says [whole] again, with something else for [n]. */
static void
say_again(struct tuning *t, const struct tsn_node *whole, const struct tsn_node *n)
{
	const struct tsn_source *s = &t->c->world->sources->v[n->span.file];
	struct tsn_tuning *out = t->out->tuning;
	uint32_t end = whole->span.end;

	out->before = ck_format(t->c, "override %s {\n    %.*s", t->sym->full, (int)(n->span.begin - whole->span.begin),
	    s->text + whole->span.begin);
	out->after = ck_format(t->c, "%.*s\n}\n", (int)(end - n->span.end), s->text + n->span.end);
}

static void
find_text(struct tuning *t)
{
	const struct tsn_node *n = t->report->threshold_node;
	const struct ck_file *f = n == NULL ? NULL : file_of(t, n);
	struct tsn_tuning *out = t->out->tuning;
	struct ck_sym *s;
	struct ck_env e;
	bool ambiguous;

	if (f == NULL)
		return;
	e = ck_rule_env(t->c, &t->parts, f);
	s = n->kind == TSN_N_NAME ? ck_resolve(&e, n, &ambiguous) : NULL;
	if (s != NULL && s->kind == CK_LET) {
		out->constant = ck_strdup(t->c, s->name);
		out->before = ck_format(t->c, "override %s {\n    let %s = ", t->sym->full, s->name);
		out->after = "\n}\n";
		return;
	}
	if (inside(n, t->parts.when.node)) {
		say_again(t, t->parts.when.node, n);
		return;
	}
	for (s = t->c->world->syms; s != NULL; s = s->order)
		if (s->kind == CK_DEFINE && inside(n, s->decl))
			say_again(t, s->decl, n);
}

/* --- probes --- */

static struct tsn_probe *
new_probe(struct tuning *t, enum tsn_probe_kind kind, uint32_t part, const char *text)
{
	struct tsn_ruleset *r = t->out;

	r->probes = ck_grow(t->c, r->probes, r->nprobes, &t->cap_probes, sizeof(*r->probes));
	r->probes[r->nprobes] = (struct tsn_probe){ .kind = kind, .part = part, .text = text };
	return &r->probes[r->nprobes++];
}

/*
 * Where the rule would fire if only its comparison were true: there its value is known, and the rest of the condition
 * true. (`x or not x` is true where x is known; and it asks for the rows that x asks for.)
 */
static void
value_probe(struct tuning *t)
{
	struct tsn_ck *c = t->c;
	struct tsn_ir_module *m = c->m;
	const struct tsn_ir_report rep = *t->report;
	const struct tsn_ir *agg = NULL, *either[2] = { rep.compare, ck_not(c, rep.compare) };
	struct tsn_probe *p = new_probe(t, TSN_PROBE_VALUE, 0, t->out->tuning->text);
	struct tsn_ir_rule *r;

	ck_walk(rep.value, find_agg, &agg);
	p->key = agg->agg->at.n > 0 ? agg->agg->at : agg->agg->key;
	p->window_ms = agg->agg->window_ms;
	p->type = rep.value->type;
	p->rel = t->out->tuning->rel;
	m->rules = ck_grow(c, m->rules, m->nrules, &c->cap_rules, sizeof(*m->rules));
	r = &m->rules[m->nrules];
	*r = m->rules[t->rule];
	c->at = rep.compare->span;
	r->when = ck_with(c, r->when, rep.compare, ck_junction(c, TSN_IR_OR, either, 2));
	r->define = ck_alloc(c, 2 * sizeof(*r->define));
	r->define[0] = rep.value;
	r->define[1] = rep.threshold;
	r->ndefines = 2;
	r->report = NULL;
	r->nreports = r->nrungs = 0;
	r->until = NULL;
	r->meta.name = r->meta.title = r->meta.canon = ck_format(c, "%s (value)", m->rules[t->rule].meta.name);
	r->meta.each = true;
	r->meta.watched = r->meta.disabled = false;
	r->meta.pane_ms = r->meta.for_ms = 0;
	r->meta.action = NULL;
	r->meta.nactions = r->meta.nrungs = 0;
	r->meta.message = ck_alloc(c, 2 * sizeof(*r->meta.message));
	for (uint32_t i = 0; i < 2; i++)
		r->meta.message[i] = (struct tsn_piece){ .kind = TSN_PIECE_REG, .reg = i };
	r->meta.nmessage = 2;
	m->nrules++;
}

/* The rule as it is with an override that says [number]. What cannot be (no flow could meet it) has no probe. */
static void
candidate(struct tuning *t, uint32_t i, const char *number)
{
	struct tsn_ck *c = t->c;
	struct tsn_diags *diags = c->diags, *own = c->scratch = tsn_diags_new(); /* freed if memory runs out, too */
	const char *text = ck_format(c, "%s%s%s", t->out->tuning->before, number, t->out->tuning->after);
	struct tsn_node *tree = own == NULL ? NULL : tsn_parse_text(c->world->sources, "candidate", text, strlen(text), own);
	struct ck_file *f = ck_alloc(c, sizeof(*f));
	struct ck_parts p = t->parts;
	uint32_t at = c->m->nrules;
	struct tsn_rule *r;

	p.rebind_id = c->world->next_id++;
	*f = (struct ck_file){ .tree = tree, .name = "candidate", .dir = "", .group = &c->world->local };
	c->diags = own;
	if (tree != NULL && tree->kids != NULL && tree->kids->kind == TSN_N_OVERRIDE && tsn_diags_errors(own) == 0) {
		ck_override_last(c, &p, tree->kids, f);
		if (!p.broken && ck_rule(c, &p) && tsn_diags_errors(own) == 0) {
			new_probe(t, TSN_PROBE_TWIN, i, ck_strdup(c, number));
			r = &c->m->rules[at].meta;
			r->name = r->canon = ck_format(c, "%s (%s)", t->sym->full, number);
			r->sid = 0;
			r->disabled = false;
			r->action = NULL; /* it must not tell other rules of what was never raised */
			r->nactions = 0;
		} else {
			c->m->nrules = at;
		}
	}
	c->diags = diags;
	c->scratch = NULL;
	tsn_diags_free(own);
}

/* --- all of it --- */

struct asking {
	const struct tsn_rule *r;
	bool found;
};

static void asks_in(void *arg, const struct tsn_ir *inside_of);

static void
asks(void *arg, const struct tsn_ir *x)
{
	struct asking *a = arg;

	for (uint32_t i = 0; x->kind == TSN_IR_IN && i < a->r->nactions; i++)
		a->found |= a->r->action[i].set == x->set;
	if (x->kind == TSN_IR_AGG)
		ck_inside(x->agg, asks_in, arg);
}

static void
asks_in(void *arg, const struct tsn_ir *inside_of)
{
	ck_walk(inside_of, asks, arg);
}

/* Does it look into a set that it adds to? */
static bool
hears_itself(const struct tsn_ir_rule *r)
{
	struct asking a = { &r->meta, false };

	asks_in(&a, r->when);
	asks_in(&a, r->except);
	return a.found;
}

static void
describe(struct tuning *t)
{
	const struct tsn_ir_rule *r = &t->c->m->rules[t->rule];
	const struct tsn_ir *n = t->report->threshold;
	struct tsn_tuning *out = t->out->tuning;
	bool negated;

	out->text = ck_span_text(t->c, compared(t->report, &negated)->span, SHOWN);
	if (negated)
		out->text = ck_format(t->c, "not %s", out->text);
	out->rel = relation(t->report);
	out->type = n->type;
	out->threshold = n->kind == TSN_IR_REAL ? n->real : (double)n->i;
	out->comparisons = r->nreports - 1;
	out->feedback = hears_itself(r);
}

bool
ck_tune(struct tsn_ck *c, struct tsn_ruleset *out, const struct tsn_compile_input *in)
{
	struct tuning t = { .c = c, .out = out };

	if (!ck_find_rule(c, in->tune, &t.rule))
		return false;
	out->tuning = ck_alloc(c, sizeof(*out->tuning));
	*out->tuning = (struct tsn_tuning){ 0 };
	out->probed = t.rule;
	out->first_probe = c->m->nrules;
	t.sym = ck_rule_by_name(c->world, c->m->rules[t.rule].meta.name);
	out->tuning->none = t.sym == NULL ? "a condition of the command line has no name to write an override for" : choose(&t);
	if (out->tuning->none != NULL)
		return true;
	ck_rule_parts(c, t.sym, &t.parts, false, NULL);
	describe(&t);
	find_text(&t);
	value_probe(&t);
	for (size_t i = 0; out->tuning->before != NULL && i < in->ncandidates; i++)
		candidate(&t, (uint32_t)i, in->candidates[i]);
	return true;
}
