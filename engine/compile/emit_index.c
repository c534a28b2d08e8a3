/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * All rules at once: rules without state that ask for one value of a field (a port, a prefix) become blocks of a
 * dispatch by that field, where there are so many of them that one look-up a row is cheaper than a comparison a rule.
 */
#include "compile/emit_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MANY 28        /* rules from which a dispatch pays; each row that comes to a block costs, so the more where many do */
#define ROW_COSTS 4000 /* so many millionths of the rows cost as much as testing one rule does */
#define LEAVES_MAX 64  /* of a rule: larger ones are not expanded */
#define ASKED_MAX 6    /* fields by which one rule may be found */
#define FIELDS_MAX 64
#define FEW 8          /* rules of a block, as most have */
#define WORD_SHARE 1000 /* of the rows, in millionths: those with one string */
#define SHARE_MAX 300000 /* of the rows, in millionths: what more of them meet finds nothing */

/* What a rule asks of a field. */
struct asked {
	uint32_t field, key; /* places */
	uint32_t share;
};

struct candidate {
	uint32_t rule;
	uint32_t nasked;
	struct asked asked[ASKED_MAX];
	uint32_t chosen;     /* of asked; nasked: none */
	bool guarded;        /* may stand in a block */
};

/* A guard's rules: those each tested in turn, and those found by dispatches. */
struct node {
	struct candidate **rule;
	uint32_t n;
	uint32_t depth;
};

/* --- what rules ask --- */

static struct tsn_index_field *
field_for(struct tsn_emit *e, uint32_t field)
{
	struct tsn_index *x = e->index;
	struct tsn_index_field *f;

	if (x->of_field[field] != 0)
		return (struct tsn_index_field *)x->fields.p + x->of_field[field] - 1;
	f = tsn_vec_add(e, &x->fields, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->field = field;
	f->atoms.size = sizeof(struct tsn_atom);
	f->keys.size = sizeof(struct tsn_index_key);
	x->of_field[field] = (uint32_t)x->fields.n;
	return f;
}

/* The field and the value that a leaf asks for; false if it does not ask for one. */
static bool
atom_of(const struct tsn_ir *x, bool want, uint32_t *field, struct tsn_atom *atom)
{
	const struct tsn_ir *a = x->nkids > 0 ? x->kid[0] : NULL, *b = x->nkids > 1 ? x->kid[1] : NULL;
	struct tsn_prefix p;

	memset(atom, 0, sizeof(*atom));
	if (a == NULL || a->kind != TSN_IR_FIELD)
		return false;
	*field = a->field;
	if (x->kind == TSN_IR_COMPARE && tsn_field_is_int(a->field) && b->kind == TSN_IR_INT) {
		atom->lo = (uint64_t)b->i;
		return x->rel == (want ? TSN_REL_EQ : TSN_REL_NE) && tsn_emit_column_holds(a->field, b->i);
	}
	if (x->kind == TSN_IR_COMPARE && tsn_fields[a->field].storage == TSN_STR && b->kind == TSN_IR_STRING) {
		atom->hi = (uintptr_t)b->text;
		atom->lo = b->len;
		return x->rel == (want ? TSN_REL_EQ : TSN_REL_NE);
	}
	if (a->v4_bits != 32 || a->v6_bits != 128)
		return false;
	if (x->kind == TSN_IR_IN_PREFIX && want)
		p = (struct tsn_prefix){ tsn_addr_mask(x->prefix.addr, x->prefix.len, x->prefix.len), x->prefix.len };
	else if (x->kind == TSN_IR_COMPARE && b->kind == TSN_IR_ADDR && x->rel == (want ? TSN_REL_EQ : TSN_REL_NE))
		p = (struct tsn_prefix){ b->addr, b->addr.v4 ? 32 : 128 };
	else
		return false;
	*atom = (struct tsn_atom){ p.addr.hi, p.addr.lo, p.len, p.addr.v4 };
	return true;
}

struct asking {
	uint32_t field; /* TSN_V_NONE: not yet known */
	struct tsn_index_key key;
	unsigned n;
};

/* Strings are one by what they say, wherever they lie. */
static uint32_t
place_of_atom(struct tsn_emit *e, struct tsn_index_field *f, const struct tsn_atom *atom)
{
	const char *text = (const char *)(uintptr_t)atom->hi;
	uintptr_t place;

	if (tsn_fields[f->field].storage != TSN_STR)
		return tsn_pool_put(e, &f->atoms, atom) + 1;
	place = (uintptr_t)tsn_names_get(&f->texts, text, atom->lo);
	if (place != 0)
		return (uint32_t)place;
	place = tsn_pool_put(e, &f->atoms, atom) + 1;
	e->failed |= !tsn_names_put(&f->texts, text, atom->lo, (void *)place);
	return (uint32_t)place;
}

static bool
add_atom(struct tsn_emit *e, struct asking *q, uint32_t field, const struct tsn_atom *atom)
{
	struct tsn_index_field *f;
	uint32_t place;
	unsigned i;

	if ((q->field != TSN_V_NONE && q->field != field) || (f = field_for(e, field)) == NULL ||
	    f->atoms.items.n >= TSN_CLASS_MAX - 1)
		return false;
	q->field = field;
	place = place_of_atom(e, f, atom);
	for (i = 0; i < q->n && q->key.atom[i] < place; i++)
		;
	if (i < q->n && q->key.atom[i] == place)
		return true;
	if (q->n == TSN_KEY_ATOMS)
		return false;
	memmove(&q->key.atom[i + 1], &q->key.atom[i], (q->n - i) * sizeof(q->key.atom[0]));
	q->key.atom[i] = place;
	q->n++;
	return true;
}

/* Is [x] an equality, or one or another equality, of one field? */
static bool
asks(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct asking *q)
{
	struct tsn_atom atom;
	uint32_t field;

	if (x->kind == TSN_IR_NOT)
		return asks(e, x->kid[0], !want, q);
	if (tsn_ir_is_leaf(x))
		return atom_of(x, want, &field, &atom) && add_atom(e, q, field, &atom);
	if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR) || x->nkids > TSN_KEY_ATOMS)
		return false;
	for (uint32_t i = 0; i < x->nkids; i++)
		if (!asks(e, x->kid[i], want, q))
			return false;
	return true;
}

static bool
asked_of(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct asked *out)
{
	struct asking q = { .field = TSN_V_NONE };
	struct tsn_index_field *f;

	if (!asks(e, x, want, &q) || e->failed)
		return false;
	f = field_for(e, q.field);
	out->field = e->index->of_field[q.field] - 1;
	out->key = tsn_pool_put(e, &f->keys, &q.key);
	/* the guess for strings says how dear they are to compare, which here they are not */
	out->share = tsn_fields[f->field].storage == TSN_STR ? q.n * WORD_SHARE : tsn_emit_share(x, want);
	return !e->failed;
}

static void
add_asked(struct tsn_emit *e, struct candidate *c, const struct tsn_ir *x, bool want)
{
	struct asked a;
	uint32_t i = 0;

	if (x->kind == TSN_IR_NOT) {
		add_asked(e, c, x->kid[0], !want);
		return;
	}
	if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR)) {
		for (uint32_t k = 0; k < x->nkids; k++)
			add_asked(e, c, x->kid[k], want);
		return;
	}
	if (!asked_of(e, x, want, &a) || a.share > SHARE_MAX || a.field >= FIELDS_MAX)
		return;
	while (i < c->nasked && c->asked[i].field != a.field)
		i++;
	if (i == ASKED_MAX || (i < c->nasked && c->asked[i].share <= a.share))
		return;
	c->asked[i] = a;
	c->nasked += i == c->nasked;
}

/* How many leaves it has when it is written out, up to a few too many. */
static uint32_t
leaves(const struct tsn_ir *x)
{
	uint32_t n = 0;

	if (tsn_ir_is_leaf(x))
		return 1;
	for (uint32_t i = 0; i < x->nkids && n <= LEAVES_MAX; i++)
		n += leaves(x->kid[i]);
	return n;
}

/* May all of the rule be left out where none of its rows is there? What it remembers must not be. */
static bool
can_be_in_block(const struct tsn_ir_rule *r)
{
	if (r->meta.stateful || r->when->stateful || r->except->stateful || r->until != NULL || r->nreports > 0 ||
	    r->ndefines > 0)
		return false;
	if (leaves(r->when) > LEAVES_MAX || leaves(r->except) > LEAVES_MAX)
		return false;
	for (uint32_t i = 0; i < r->nrungs; i++)
		if (r->rung[i].when->stateful || leaves(r->rung[i].when) > LEAVES_MAX)
			return false;
	return true;
}

/* --- dividing rules --- */

static uint32_t
many(const struct tsn_emit *e)
{
	return e->flags & TSN_EMIT_INDEX_ALL ? 2 : MANY;
}

/* How many rules ask for each field, and how many must. */
struct tally {
	uint32_t count[FIELDS_MAX], need[FIELDS_MAX];
};

static void
add_to(const struct tsn_emit *e, struct tally *t, const struct asked *a)
{
	uint32_t need = many(e) + (many(e) == MANY ? a->share / ROW_COSTS : 0);

	t->count[a->field]++;
	if (need > t->need[a->field])
		t->need[a->field] = need;
}

/* The field by which fewest rows come to the rule, of those that enough rules choose. */
static void
choose(struct candidate *c, const struct tally *t, uint64_t gone)
{
	c->chosen = c->nasked;
	for (uint32_t i = 0; i < c->nasked; i++)
		if (!(gone >> c->asked[i].field & 1) && t->count[c->asked[i].field] >= t->need[c->asked[i].field] &&
		    (c->chosen == c->nasked || c->asked[i].share < c->asked[c->chosen].share))
			c->chosen = i;
}

static uint32_t
chosen_field(const struct candidate *c)
{
	return c->chosen == c->nasked ? TSN_V_NONE : c->asked[c->chosen].field;
}

static uint32_t
chosen_key(const struct candidate *c)
{
	return c->chosen == c->nasked ? 0 : c->asked[c->chosen].key;
}

/* By field, those of none last; by key, by rule. */
static int
by_block(const void *a, const void *b)
{
	const struct candidate *x = *(struct candidate *const *)a, *y = *(struct candidate *const *)b;

	if (chosen_field(x) != chosen_field(y))
		return chosen_field(x) < chosen_field(y) ? -1 : 1;
	if (chosen_key(x) != chosen_key(y))
		return chosen_key(x) < chosen_key(y) ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

/*
 * Chooses a field for each rule of a node: first of all fields that enough rules ask for, then, as long as a field is left
 * with too few, of the others; not those of the blocks around it.
 */
static void
divide(struct tsn_emit *e, struct node *n)
{
	uint32_t nfields = (uint32_t)e->index->fields.n;
	struct tally t = { { 0 }, { 0 } };
	uint64_t gone = e->met_fields;
	bool again = true;

	for (uint32_t i = 0; i < n->n; i++)
		for (uint32_t k = 0; k < n->rule[i]->nasked; k++)
			add_to(e, &t, &n->rule[i]->asked[k]);
	for (uint32_t i = 0; i < n->n; i++)
		choose(n->rule[i], &t, gone);
	while (again) {
		again = false;
		memset(&t, 0, sizeof(t));
		for (uint32_t i = 0; i < n->n; i++)
			if (chosen_field(n->rule[i]) != TSN_V_NONE)
				add_to(e, &t, &n->rule[i]->asked[n->rule[i]->chosen]);
		for (uint32_t f = 0; f < nfields && f < FIELDS_MAX; f++) {
			if (t.count[f] > 0 && t.count[f] < t.need[f]) {
				gone |= UINT64_C(1) << f;
				again = true;
			}
		}
		for (uint32_t i = 0; i < n->n && again; i++)
			choose(n->rule[i], &t, gone);
	}
	qsort(n->rule, n->n, sizeof(*n->rule), by_block);
}

/* --- emitting --- */

/* Can [x] ask for a field of the blocks around? Its first leaf tells: all must be of one field. */
static bool
may_be_met(const struct tsn_emit *e, const struct tsn_ir *x)
{
	uint32_t place;

	while (!tsn_ir_is_leaf(x))
		x = x->kid[0];
	if (x->nkids == 0 || x->kid[0]->kind != TSN_IR_FIELD)
		return false;
	place = e->index->of_field[x->kid[0]->field];
	return place != 0 && place <= FIELDS_MAX && e->met_fields >> (place - 1) & 1;
}

bool
tsn_emit_is_met(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	struct asked a;

	if (e->part_met != NULL && e->part_met[2 * x->id + want])
		return true;
	if (!may_be_met(e, x) || !asked_of(e, x, want, &a))
		return false;
	for (uint32_t i = 0; i < e->nmet; i++)
		if (e->met[i][0] == a.field && e->met[i][1] == a.key)
			return true;
	return false;
}

static void emit_node(struct tsn_emit *e, struct node *n, uint32_t guard);

static uint32_t
open_dispatch(struct tsn_emit *e, uint32_t field, uint32_t guard)
{
	struct tsn_vdispatch *d = tsn_vec_add(e, &e->index->dispatches, sizeof(*d));
	uint32_t number = (uint32_t)e->index->dispatches.n - 1;

	if (d == NULL)
		return TSN_V_EMPTY;
	d->field = field;
	d->door = e->now->door;
	d->at = tsn_emit_here(e);
	d->nested = e->nmet > 0;
	if (d->nested)
		memcpy(d->inside, e->met[e->nmet - 1], sizeof(d->inside));
	tsn_emit_use_field(e, ((struct tsn_index_field *)e->index->fields.p)[field].field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_DISPATCH, guard, number, 0);
}

static void
emit_block(struct tsn_emit *e, struct node *n, uint32_t dispatch, uint32_t guard)
{
	uint32_t begin = tsn_emit_here(e), field = chosen_field(n->rule[0]), key = chosen_key(n->rule[0]);
	struct tsn_vdispatch *d;
	struct tsn_vblock *b;

	e->met[e->nmet][0] = field;
	e->met[e->nmet++][1] = key;
	e->met_fields |= UINT64_C(1) << field;
	emit_node(e, n, guard);
	e->met_fields &= ~(UINT64_C(1) << field);
	e->nmet--;
	tsn_emit_plain_op(e, TSN_OP_CODE_LEAVE, 0, 0, 0);
	d = e->failed ? NULL : (struct tsn_vdispatch *)e->index->dispatches.p + dispatch;
	b = d == NULL ? NULL : tsn_vec_add(e, &d->block, sizeof(*b));
	if (b != NULL)
		*b = (struct tsn_vblock){ key, begin, n->n };
}

/* Rows that meet no threshold of any rule need not be looked up. */
static uint32_t
ahead(struct tsn_emit *e, struct candidate *const *c, uint32_t n, uint32_t guard)
{
	uint32_t *rule = tsn_emit_zeroed(e, n, sizeof(*rule));

	for (uint32_t i = 0; i < n && !e->failed; i++)
		rule[i] = c[i]->rule;
	if (!e->failed)
		guard = tsn_emit_ahead(e, rule, n, guard);
	tsn_free(rule);
	return guard;
}

/* The rules [from, to) of a node, all of one field. */
static void
emit_dispatch(struct tsn_emit *e, struct node *n, uint32_t from, uint32_t to, uint32_t guard)
{
	uint32_t rows = open_dispatch(e, chosen_field(n->rule[from]), ahead(e, n->rule + from, to - from, guard));
	uint32_t dispatch = (uint32_t)e->index->dispatches.n - 1, end;
	struct tsn_vdispatch *d;

	for (uint32_t i = from; i < to && !e->failed; i = end) {
		struct node block = { &n->rule[i], 0, n->depth + 1 };

		for (end = i; end < to && chosen_key(n->rule[end]) == chosen_key(n->rule[i]); end++)
			block.n++;
		emit_block(e, &block, dispatch, rows);
	}
	d = (struct tsn_vdispatch *)e->index->dispatches.p + dispatch;
	if (!e->failed)
		d->end = tsn_emit_here(e);
}

static void
emit_rest(struct tsn_emit *e, struct candidate *const *c, uint32_t n, uint32_t guard)
{
	uint32_t few[FEW], *rule = n <= FEW ? few : tsn_emit_zeroed(e, n, sizeof(*rule)), kept = 0;

	for (uint32_t i = 0; i < n && !e->failed; i++)
		if (c[i]->guarded)
			rule[kept++] = c[i]->rule;
	if (kept > 0 && !e->failed)
		tsn_emit_in_turn(e, rule, kept, guard);
	if (rule != few)
		tsn_free(rule);
}

static void
emit_node(struct tsn_emit *e, struct node *n, uint32_t guard)
{
	bool divided = n->depth < TSN_DISPATCH_DEPTH && n->n >= many(e);
	uint32_t from = 0, to;

	if (divided)
		divide(e, n);
	for (; divided && from < n->n && chosen_field(n->rule[from]) != TSN_V_NONE; from = to) {
		for (to = from; to < n->n && chosen_field(n->rule[to]) == chosen_field(n->rule[from]); to++)
			;
		emit_dispatch(e, n, from, to, guard);
	}
	emit_rest(e, n->rule + from, n->n - from, guard);
}

void
tsn_index_place(struct tsn_emit *e, enum tsn_door door, const uint32_t *place)
{
	struct tsn_vdispatch *d = e->index->dispatches.p;

	for (size_t i = 0; i < e->index->dispatches.n; i++) {
		struct tsn_vblock *b = d[i].block.p;

		if (d[i].door != door)
			continue;
		d[i].at = place[d[i].at];
		d[i].end = place[d[i].end];
		for (size_t k = 0; k < d[i].block.n; k++)
			b[k].begin = place[b[k].begin];
	}
}

/* --- one code --- */

static void
before_blocks(struct tsn_emit *e, const struct tsn_ir_rule *r)
{
	tsn_emit_before_blocks(e, r->when, true);
	tsn_emit_before_blocks(e, r->except, true);
	if (r->during != NULL)
		tsn_emit_before_blocks(e, r->during, true);
	for (uint32_t i = 0; i < r->nrungs; i++)
		tsn_emit_before_blocks(e, r->rung[i].when, true);
}

/* The rules that must be asked of every row, in their order; then those that no dispatch finds, as one block of all rows; then the dispatches. */
static void
emit_divided(struct tsn_emit *e, struct candidate *c, struct node *top)
{
	uint32_t from = 0, to = 0, rest = 0;
	bool block;

	for (uint32_t i = 0; i < top->n; i++)
		rest += c[i].guarded && c[i].chosen == c[i].nasked;
	block = rest >= many(e);
	for (uint32_t i = 0; i < top->n && !e->failed; i++)
		if (c[i].chosen == c[i].nasked && !(block && c[i].guarded))
			tsn_emit_rule(e, c[i].rule);
	for (uint32_t i = 0; i < top->n && !e->failed; i++)
		if (c[i].chosen != c[i].nasked || (block && c[i].guarded))
			before_blocks(e, &e->m->rules[c[i].rule]);
	for (; from < top->n && chosen_field(top->rule[from]) != TSN_V_NONE && !e->failed; from = to) {
		for (to = from; to < top->n && chosen_field(top->rule[to]) == chosen_field(top->rule[from]); to++)
			;
		emit_dispatch(e, top, from, to, TSN_V_ROWS);
	}
	if (block)
		emit_rest(e, top->rule + from, top->n - from, TSN_V_ROWS);
}

void
tsn_emit_rules(struct tsn_emit *e, const uint32_t *rule, uint32_t n)
{
	struct candidate *c = tsn_emit_zeroed(e, (size_t)n + 1, sizeof(*c));
	struct node top = { tsn_emit_zeroed(e, (size_t)n + 1, sizeof(*top.rule)), n, 0 };
	bool indexed = !(e->flags & TSN_EMIT_NO_INDEX) && e->now->door != TSN_DOOR_TICK;

	for (uint32_t i = 0; i < n && !e->failed; i++) {
		top.rule[i] = &c[i];
		c[i].rule = rule[i];
		c[i].guarded = indexed && can_be_in_block(&e->m->rules[rule[i]]);
		if (c[i].guarded)
			add_asked(e, &c[i], e->m->rules[rule[i]].when, true);
	}
	if (!e->failed) {
		divide(e, &top);
		emit_divided(e, c, &top);
	}
	tsn_free(top.rule);
	tsn_free(c);
}

struct tsn_index *
tsn_index_new(struct tsn_emit *e)
{
	return tsn_emit_zeroed(e, 1, sizeof(struct tsn_index));
}

void
tsn_index_free(struct tsn_index *x)
{
	struct tsn_index_field *f = x != NULL ? x->fields.p : NULL;
	struct tsn_vdispatch *d = x != NULL ? x->dispatches.p : NULL;

	for (size_t i = 0; x != NULL && i < x->fields.n; i++) {
		tsn_free(f[i].atoms.items.p);
		tsn_free(f[i].atoms.slot);
		tsn_free(f[i].keys.items.p);
		tsn_free(f[i].keys.slot);
		tsn_names_fini(&f[i].texts);
		tsn_free(f[i].parent);
	}
	for (size_t i = 0; x != NULL && i < x->dispatches.n; i++)
		tsn_free(d[i].block.p);
	if (x != NULL) {
		tsn_free(f);
		tsn_free(d);
	}
	tsn_free(x);
}
