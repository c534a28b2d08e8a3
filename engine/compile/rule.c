/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A rule from its clauses: condition, exceptions, key, times; messages and metadata are files of their own. */
#include <string.h>

#include "compile/check.h"

#define ONCE_STATELESS (60 * TSN_SECOND)

static struct tsn_ir_rule *
new_rule(struct tsn_ck *c)
{
	struct tsn_ir_module *m = c->m;

	m->rules = ck_grow(c, m->rules, m->nrules, &c->cap_rules, sizeof(*m->rules));
	memset(&m->rules[m->nrules], 0, sizeof(m->rules[0]));
	return &m->rules[m->nrules];
}

/* A clause of an override is read where it stands, and then where the rule stands. */
struct ck_env
ck_rule_env(struct tsn_ck *c, const struct ck_parts *p, const struct ck_file *written)
{
	struct ck_env e = ck_env_of(c, written);

	e.fallback = written == p->sym->file ? NULL : p->sym->file;
	e.rebind = p->rebind;
	e.rebind_id = p->rebind_id;
	e.tag = p->sym->full;
	return e;
}

static bool
is_stateful(const struct tsn_ir *n)
{
	return n->stateful;
}

/* --- times --- */

struct longest {
	int64_t window_ms, pane_ms; /* of equal windows the shortest panes */
};

static void longest(void *arg, const struct tsn_ir *n);

static void
longest_inside(void *arg, const struct tsn_ir *inside)
{
	ck_walk(inside, longest, arg);
}

static void
longest(void *arg, const struct tsn_ir *n)
{
	struct longest *l = arg;

	if (n->kind != TSN_IR_AGG)
		return;
	if (n->agg->window_ms > l->window_ms || (n->agg->window_ms == l->window_ms && n->agg->pane_ms < l->pane_ms)) {
		l->window_ms = n->agg->window_ms;
		l->pane_ms = n->agg->pane_ms;
	}
	ck_inside(n->agg, longest_inside, l);
}

int64_t
ck_longest_window(const struct tsn_ir *n)
{
	struct longest l = { 0, 0 };

	ck_walk(n, longest, &l);
	return l.window_ms;
}

/* --- the alert's key (S23) --- */

static bool
has_field(const struct tsn_key_spec *k, uint16_t field)
{
	for (unsigned i = 0; i < k->n; i++)
		if (k->part[i].field == field)
			return true;
	return false;
}

static bool
same_key(const struct tsn_key_spec *a, const struct tsn_key_spec *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (!has_field(b, a->part[i].field))
			return false;
	return true;
}

static void
default_key(const struct ck_env *e, const struct ck_gather *g, const struct tsn_node *when, bool stateful,
    struct tsn_key_spec *key, bool told)
{
	bool differ = false;
	size_t mark;

	if (!stateful) {
		*key = (struct tsn_key_spec){ 1, { { TSN_F_SRC, 32, 128 } } };
		return;
	}
	for (size_t i = 0; i < g->nuses; i++) {
		const struct tsn_key_spec *k = g->use[i].key;

		differ |= !same_key(k, g->use[0].key);
		for (unsigned p = 0; p < k->n; p++)
			if (!has_field(key, k->part[p].field) && key->n < TSN_KEY_PARTS)
				key->part[key->n++] = k->part[p];
	}
	if (!differ || told)
		return;
	mark = e->c->buf.len;
	ck_key_canon(e->c, key);
	tsn_diag_hint(ck_warn(e->c, when->span,
	    "the functions here have different keys; alerts are told apart by all of them"),
	    "say which: alert once by %s", ck_take(e->c, mark));
}

/* An alert keyed by less than its condition is an incident: it keeps a list of who has part in it. */
static void
member_key(const struct ck_env *e, const struct ck_gather *g, const struct tsn_node *when, struct tsn_rule *r)
{
	struct tsn_key_spec key = { 0 };

	default_key(e, g, when, true, &key, true);
	for (unsigned i = 0; i < key.n; i++)
		if (!has_field(&r->key, key.part[i].field))
			r->member = key;
}

/* Alerts name the element and never its column. */
static void
name_key(struct tsn_ck *c, struct tsn_rule *r)
{
	bool own = false;

	for (unsigned i = 0; i < r->key.n; i++)
		own |= tsn_fields[r->key.part[i].field].origin == TSN_O_POOL;
	if (!own)
		return;
	r->key_name = ck_alloc(c, r->key.n * sizeof(*r->key_name));
	for (unsigned i = 0; i < r->key.n; i++)
		r->key_name[i] = ck_field_name(c, r->key.part[i].field);
}

static bool
alert_clause(const struct ck_env *e, const struct ck_clause *a, struct tsn_rule *r, bool *keyed)
{
	const struct tsn_node *by, *per;
	struct ck_env at = *e;

	if (a->node == NULL)
		return true;
	at.file = a->file;
	r->each = a->node->op == TSN_OP_EACH;
	by = tsn_node_find(a->node, TSN_N_BY);
	per = tsn_node_find(a->node, TSN_N_PER);
	*keyed = by != NULL;
	if (by != NULL && !ck_keys(&at, by, &r->key))
		return false;
	return per == NULL || per->kids == NULL || ck_duration(&at, per->kids, "per", &r->once_ms);
}

/* --- except --- */

static const struct tsn_node *
block_value(const struct tsn_node *except, const char *word)
{
	for (const struct tsn_node *n = except->kids; n != NULL; n = n->next)
		if (n->kind == TSN_N_META && strcmp(n->text, word) == 0)
			return n->kids;
	return NULL;
}

/* What expires hides only flows that ended before that day. */
static const struct tsn_ir *
one_except(const struct ck_env *e, const struct ck_clause *x)
{
	const struct tsn_node *expires = block_value(x->node, "expires");
	struct ck_env at = *e;
	const struct tsn_ir *cond;

	at.file = x->file;
	at.gather = NULL;
	cond = ck_cond(&at, x->node->kids);
	if (cond == NULL || expires == NULL || expires->kind != TSN_N_DATE)
		return cond;
	return ck_and(e->c, cond, ck_compare_node(e->c, TSN_REL_LT, ck_field(e->c, TSN_F_END, 32, 128),
	    ck_int(e->c, expires->i * TSN_SECOND, TSN_T_TIME)));
}

static const struct tsn_ir *
excepts(const struct ck_env *e, const struct ck_parts *p)
{
	const struct tsn_ir **kid = ck_alloc(e->c, (p->nexcepts + 1) * sizeof(*kid));
	bool ok = true;

	for (size_t i = 0; i < p->nexcepts; i++) {
		kid[i] = one_except(e, &p->except[i]);
		ok &= kid[i] != NULL;
	}
	if (!ok)
		return NULL;
	return p->nexcepts == 0 ? e->c->f : ck_junction(e->c, TSN_IR_OR, kid, p->nexcepts);
}

/* --- severity --- */

bool
ck_level(const struct tsn_node *n, enum tsn_severity *out)
{
	static const char *const words[] = {
#define META(word, places, value, allowed, help)
#define LEVEL(word, help) word,
#define SOURCE_OPTION(word, help)
#define DYNAMIC_OPTION(word, help)
#define SETTING(word, follow, help)
#include "grammar/words.def"
#undef META
#undef LEVEL
#undef SOURCE_OPTION
#undef DYNAMIC_OPTION
#undef SETTING
	};

	for (size_t i = 0; n->text != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], n->text) == 0) {
			*out = (enum tsn_severity)i;
			return true;
		}
	}
	return false;
}

static void
bare_severity(const struct ck_clause *s, struct tsn_rule *r)
{
	r->severity = TSN_SEV_MEDIUM;
	if (s->node == NULL || s->node->kids == NULL)
		return;
	ck_level(s->node->kids, &r->severity);
}

/* --- putting it together --- */

struct making {
	struct ck_gather when, where;
	const struct tsn_ir *cond, *keep;
};

/* S46: flows of exporters that cannot give what the rule requires take no part in it, as if its `where` said so. */
static const struct tsn_ir *
with_requirements(struct tsn_ck *c, const struct tsn_ir *keep, uint32_t bits)
{
	static const struct { uint32_t bit; enum tsn_gives gives; } v[] = {
		{ TSN_REQ_FLAGS, TSN_GIVES_FLAGS }, { TSN_REQ_INTERFACES, TSN_GIVES_INTERFACES },
		{ TSN_REQ_UNSAMPLED, TSN_GIVES_UNSAMPLED }, { TSN_REQ_BOTH_DIRECTIONS, TSN_GIVES_BOTH_DIRECTIONS },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (bits & v[i].bit)
			keep = keep == NULL ? ck_gives(c, v[i].gives) : ck_and(c, keep, ck_gives(c, v[i].gives));
	return keep;
}

static bool
conditions(struct ck_env *e, const struct ck_parts *p, uint32_t requires, struct making *m)
{
	struct ck_env at = *e;
	bool ok = true;

	if (p->keep.node != NULL) {
		at.file = p->keep.file;
		at.gather = &m->where;
		m->keep = ck_cond(&at, p->keep.node->kids);
		ok = m->keep != NULL;
	}
	if (ok)
		m->keep = with_requirements(e->c, m->keep, requires);
	/* Functions elsewhere in the rule count only these flows. */
	e->where = m->keep != NULL && m->keep->kind != TSN_IR_TRUE ? m->keep : NULL;
	if (e->rebind != NULL || e->where != NULL || e->talks)
		e->id = e->c->world->next_id++;
	at = *e;
	at.file = p->when.file;
	at.gather = &m->when;
	m->cond = ck_cond(&at, p->when.node->kids);
	return ok && m->cond != NULL;
}

static void
place(struct tsn_ck *c, const struct ck_sym *sym, struct tsn_rule *r)
{
	struct ck_placed *file = &c->placed;

	/* once for all rules of a file: they mostly come one after the other */
	if (file->of != sym->file) {
		file->of = sym->file;
		file->ruleset = sym->file->group->name == NULL ? "local" : ck_strdup(c, sym->file->group->name);
		file->version = sym->file->group->version == NULL ? NULL : ck_strdup(c, sym->file->group->version);
		file->name = ck_strdup(c, sym->file->name);
	}
	r->name = ck_strdup(c, sym->full);
	r->title = r->name;
	r->ruleset = file->ruleset;
	r->version = file->version;
	r->file = file->name;
	r->line = ck_line(c, sym->decl->at);
}

static void
take_reports(struct tsn_ck *c, struct tsn_ir_rule *r, const struct ck_gather *g)
{
	struct tsn_ir_report *v = ck_alloc(c, (r->nreports + g->nreports + 1) * sizeof(*v));

	if (r->nreports > 0)
		memcpy(v, r->report, r->nreports * sizeof(*v));
	r->report = v;
	for (size_t i = 0; i < g->nreports; i++)
		r->report[r->nreports++] = (struct tsn_ir_report){ g->report[i].compare, g->report[i].value,
			g->report[i].threshold, g->report[i].threshold_node };
}

static void
finish_times(struct tsn_rule *r, const struct tsn_ir *when)
{
	struct longest l = { 0, 0 };
	int64_t window;

	ck_walk(when, longest, &l);
	window = l.window_ms;
	r->watched = r->stateful && !r->each;
	r->pane_ms = r->watched ? l.pane_ms : 0;
	if (r->once_ms == 0)
		r->once_ms = r->stateful ? window : ONCE_STATELESS;
	r->hold_ms = r->stateful ? window : r->once_ms;
}

/* [*about_talks] and true: it names fields of conversations, and is to be read again as a rule about those. */
static bool
attempt(struct tsn_ck *c, const struct ck_parts *p, bool talks, bool *about_talks)
{
	struct tsn_ir_rule *rule = new_rule(c);
	struct tsn_rule *r = &rule->meta;
	struct ck_env e = ck_rule_env(c, p, p->sym->file);
	const struct tsn_node *message;
	const struct ck_file *file;
	struct making m = { 0 };
	bool ok, keyed = false;

	bare_severity(&p->severity, r);
	e.talks = talks;
	r->door = talks ? TSN_DOOR_TALK : TSN_DOOR_FLOW;
	if (p->when.node == NULL) {
		if (!p->broken)
			tsn_diag_hint(tsn_diag_error(c->diags, TSN_E_CLAUSE, p->sym->decl->at, "rule %s has no when", p->sym->name),
			    "add when CONDITION");
		return false;
	}
	if (e.rebind != NULL || talks)
		e.id = c->world->next_id++;
	ok = ck_requires(c, p, &r->requires_bits);
	ok &= conditions(&e, p, r->requires_bits, &m);
	rule->except = excepts(&e, p);
	place(c, p->sym, r);
	r->expires_ms = TSN_TIME_NONE;
	ok &= ck_meta(c, p, r);
	ok &= alert_clause(&e, &p->alert, r, &keyed);
	if (!ok || rule->except == NULL || p->broken)
		return false;
	if (m.keep != NULL && p->keep.node != NULL && !ck_both(&e, p->keep.node->kids, m.keep, p->when.node->kids, m.cond))
		return false;
	c->at = p->when.node->span;
	rule->when = m.keep == NULL ? m.cond : ck_and(c, m.cond, m.keep);
	r->stateful = is_stateful(rule->when);
	take_reports(c, rule, &m.when);
	take_reports(c, rule, &m.where);
	if (!c->test)
		ck_warn_filters(&e, m.cond, &m.when, p->when.node);
	ck_gather_join(c, &m.when, &m.where);
	if (!keyed)
		default_key(&e, &m.when, p->when.node->kids, r->stateful, &r->key, false);
	else if (r->stateful && !r->each)
		member_key(&e, &m.when, p->when.node->kids, r);
	name_key(c, r);
	if (!ck_for(&e, p->when.node, rule) || !ck_severity(&e, &p->severity, &m.when, rule) ||
	    !ck_until(&e, &p->until, m.keep, rule) || !ck_when_allowed(&e, &p->during, rule))
		return false;
	if (!talks && ck_is_about_talks(rule)) {
		*about_talks = true;
		return true;
	}
	finish_times(r, rule->when);
	if (!ck_actions(&e, p, rule))
		return false;
	message = ck_meta_value(p, "message", &file);
	if (message != NULL) {
		e.file = file;
		if (!ck_message(&e, message, rule, &m.when))
			return false;
	}
	r->disabled = !c->test && ck_disabled(c, p->sym);
	ck_rule_canon(c, rule);
	c->m->nrules++;
	return true;
}

bool
ck_rule(struct tsn_ck *c, const struct ck_parts *p)
{
	bool talks = false;

	if (!attempt(c, p, false, &talks))
		return false;
	return !talks || attempt(c, p, true, &talks);
}

static bool
attempt_expr(struct tsn_ck *c, const struct ck_file *f, bool talks, bool *about_talks)
{
	struct tsn_ir_rule *rule = new_rule(c);
	struct tsn_rule *r = &rule->meta;
	struct ck_env e = ck_env_of(c, f);
	struct ck_gather g = { 0 };

	e.gather = &g;
	e.talks = talks;
	if (talks)
		e.id = c->world->next_id++;
	r->door = talks ? TSN_DOOR_TALK : TSN_DOOR_FLOW;
	rule->when = ck_cond(&e, f->tree);
	if (rule->when == NULL)
		return false;
	rule->except = c->f;
	if (!talks && ck_is_about_talks(rule)) {
		*about_talks = true;
		return true;
	}
	r->name = r->title = ck_strdup(c, f->name);
	r->ruleset = "local";
	r->file = r->name;
	r->line = 1;
	r->severity = TSN_SEV_MEDIUM;
	r->rev = 1;
	r->expires_ms = TSN_TIME_NONE;
	r->stateful = is_stateful(rule->when);
	take_reports(c, rule, &g);
	ck_warn_filters(&e, rule->when, &g, f->tree);
	default_key(&e, &g, f->tree, r->stateful, &r->key, false);
	name_key(c, r);
	finish_times(r, rule->when);
	ck_rule_canon(c, rule);
	c->m->nrules++;
	return true;
}

bool
ck_rule_expr(struct tsn_ck *c, const struct ck_file *f)
{
	bool talks = false;

	if (!attempt_expr(c, f, false, &talks))
		return false;
	return !talks || attempt_expr(c, f, true, &talks);
}
