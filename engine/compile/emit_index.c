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
#define FEW 8          /* rules of a block, as most have */
#define ALL 1000000

/* A guard's rules: those each tested in turn, and those found by dispatches. */
struct node {
	struct tsn_candidate **rule;
	uint32_t n;
	uint32_t depth;
};

/* --- dividing rules --- */

static uint32_t
many(const struct tsn_emit *e)
{
	return e->flags & TSN_EMIT_INDEX_ALL ? 2 : MANY;
}

/* How many rules ask for each field, and how many must; the shares of its different keys together. */
struct tally {
	uint32_t count[TSN_INDEX_FIELDS], need[TSN_INDEX_FIELDS];
	uint64_t mass[TSN_INDEX_FIELDS];
};

static void
add_to(const struct tsn_emit *e, struct tally *t, const struct tsn_asked *a)
{
	uint32_t need = many(e) + (many(e) == MANY ? a->share / ROW_COSTS : 0);

	t->count[a->field]++;
	if (need > t->need[a->field])
		t->need[a->field] = need;
}

static struct tsn_index_key *
key_of(const struct tsn_emit *e, const struct tsn_asked *a)
{
	return (struct tsn_index_key *)tsn_index_field_at(e, a->field)->keys.p + a->key;
}

/* Ranges and sets have rows in common, single values and prefixes mostly not. */
static void
weigh(struct tsn_emit *e, struct tally *t, const struct tsn_asked *a)
{
	struct tsn_index_key *key = key_of(e, a);

	if (key->divided != e->index->divisions && key->n == 1)
		t->mass[a->field] += a->share;
	key->divided = e->index->divisions;
}

/* There are no more rows than all: where many keys of a field seem to share more of them, each has the less. */
static uint64_t
share_of(const struct tsn_emit *e, const struct tally *t, const struct tsn_asked *a)
{
	return t->mass[a->field] > ALL && key_of(e, a)->n == 1 ? (uint64_t)a->share * ALL / t->mass[a->field] : a->share;
}

/* The field by which fewest rows come to the rule, of those that enough rules choose. */
static void
choose(const struct tsn_emit *e, struct tsn_candidate *c, const struct tally *t, uint64_t gone)
{
	c->chosen = c->nasked;
	for (uint32_t i = 0; i < c->nasked; i++)
		if (!(gone >> c->asked[i].field & 1) && t->count[c->asked[i].field] >= t->need[c->asked[i].field] &&
		    (c->chosen == c->nasked || share_of(e, t, &c->asked[i]) < share_of(e, t, &c->asked[c->chosen])))
			c->chosen = i;
}

static uint32_t
chosen_field(const struct tsn_candidate *c)
{
	return c->chosen == c->nasked ? TSN_V_NONE : c->asked[c->chosen].field;
}

static uint32_t
chosen_key(const struct tsn_candidate *c)
{
	return c->chosen == c->nasked ? 0 : c->asked[c->chosen].key;
}

/* By field, those of none last; by key, by rule. */
static int
by_block(const void *a, const void *b)
{
	const struct tsn_candidate *x = *(struct tsn_candidate *const *)a, *y = *(struct tsn_candidate *const *)b;

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
	struct tally t = { { 0 }, { 0 }, { 0 } };
	uint64_t gone = e->met_fields;
	bool again = true;

	e->index->divisions++;
	for (uint32_t i = 0; i < n->n; i++) {
		for (uint32_t k = 0; k < n->rule[i]->nasked; k++) {
			add_to(e, &t, &n->rule[i]->asked[k]);
			weigh(e, &t, &n->rule[i]->asked[k]);
		}
	}
	for (uint32_t i = 0; i < n->n; i++)
		choose(e, n->rule[i], &t, gone);
	while (again) {
		again = false;
		memset(t.count, 0, sizeof(t.count));
		memset(t.need, 0, sizeof(t.need));
		for (uint32_t i = 0; i < n->n; i++)
			if (chosen_field(n->rule[i]) != TSN_V_NONE)
				add_to(e, &t, &n->rule[i]->asked[n->rule[i]->chosen]);
		for (uint32_t f = 0; f < nfields && f < TSN_INDEX_FIELDS; f++) {
			if (t.count[f] > 0 && t.count[f] < t.need[f]) {
				gone |= UINT64_C(1) << f;
				again = true;
			}
		}
		for (uint32_t i = 0; i < n->n && again; i++)
			choose(e, n->rule[i], &t, gone);
	}
	qsort(n->rule, n->n, sizeof(*n->rule), by_block);
}

/* --- emitting --- */

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
	for (uint32_t i = 0; i < tsn_index_field_at(e, field)->nmembers; i++)
		tsn_emit_use_field(e, tsn_index_field_at(e, tsn_index_field_at(e, field)->member[i])->field);
	return tsn_emit_mask_op(e, TSN_OP_CODE_DISPATCH, guard, number, 0);
}

/* The rules of a block, and what else is known of its rows there. */
static struct tsn_vside
side_of(struct tsn_emit *e, const struct node *n)
{
	struct tsn_vside side = { .side = TSN_V_NONE };
	uint32_t few[FEW], *rule = n->n <= FEW ? few : tsn_emit_zeroed(e, n->n, sizeof(*rule));

	for (uint32_t i = 0; i < n->n && !e->failed; i++)
		rule[i] = n->rule[i]->rule;
	if (!e->failed)
		tsn_emit_side(e, rule, n->n, &side);
	if (rule != few)
		tsn_free(rule);
	return side;
}

/* The side's place + 1; 0: there are too many, so that the block must be for every row. */
static uint32_t
side_in(struct tsn_vdispatch *d, uint32_t side)
{
	const struct tsn_dispatch_side s = { (uint16_t)(side / 2), side % 2 };
	uint32_t i = 0;

	if (side == TSN_V_NONE)
		return 0;
	while (i < d->nsides && (d->side[i].field != s.field || d->side[i].below != s.below))
		i++;
	if (i == TSN_DISPATCH_SIDES)
		return 0;
	if (i == d->nsides)
		d->side[d->nsides++] = s;
	return i + 1;
}

/* Takes a place among the sides of a dispatch; 0: there is none. */
static uint32_t
use_side(struct tsn_emit *e, uint32_t dispatch, const struct tsn_vside *side)
{
	const uint32_t place = e->failed ? 0 : side_in((struct tsn_vdispatch *)e->index->dispatches.p + dispatch, side->side);

	if (place != 0)
		tsn_emit_use_field(e, side->side / 2);
	return place;
}

/* The second key that all rules of a block have, if they have one. */
static uint32_t
meet_second(struct tsn_emit *e, const struct tsn_candidate *c, uint32_t dispatch, struct tsn_vside *side)
{
	uint32_t place = 0;

	if (c->second != c->nasked && tsn_emit_between(e, c->asked[c->second].field, c->asked[c->second].key, side))
		place = use_side(e, dispatch, side);
	if (place != 0)
		tsn_emit_meet_key(e, c->asked[c->second].field, c->asked[c->second].key);
	return place;
}

static void
emit_block(struct tsn_emit *e, struct node *n, uint32_t dispatch, uint32_t guard)
{
	const uint32_t begin = tsn_emit_here(e), field = chosen_field(n->rule[0]), key = chosen_key(n->rule[0]), nmet = e->nmet;
	const uint64_t fields = e->met_fields, members = e->met_members;
	struct tsn_vside side = { .side = TSN_V_NONE };
	struct tsn_vdispatch *d;
	struct tsn_vblock *b;
	uint32_t place = meet_second(e, n->rule[0], dispatch, &side);
	bool met = false;

	tsn_emit_meet_key(e, field, key);
	if (place == 0) {
		side = side_of(e, n);
		place = use_side(e, dispatch, &side);
	}
	if (place != 0 && side.x != NULL)
		met = tsn_emit_meet(e, side.x, side.want, true);
	emit_node(e, n, guard);
	if (place != 0 && side.x != NULL)
		tsn_emit_meet(e, side.x, side.want, met);
	e->met_fields = fields;
	e->met_members = members;
	e->nmet = nmet;
	tsn_emit_plain_op(e, TSN_OP_CODE_LEAVE, 0, 0, 0);
	d = e->failed ? NULL : (struct tsn_vdispatch *)e->index->dispatches.p + dispatch;
	b = d == NULL ? NULL : tsn_vec_add(e, &d->block, sizeof(*b));
	if (b != NULL)
		*b = (struct tsn_vblock){ key, begin, n->n, place, place == 0 ? 0 : side.least, side.most };
}

/* Rows that do not meet what all rules ask, or no threshold of any, need not be looked up. */
static uint32_t
ahead(struct tsn_emit *e, struct tsn_candidate *const *c, uint32_t n, uint32_t guard, struct tsn_vparts *common)
{
	uint32_t *rule = tsn_emit_zeroed(e, n, sizeof(*rule));

	for (uint32_t i = 0; i < n && !e->failed; i++)
		rule[i] = c[i]->rule;
	if (!e->failed)
		guard = tsn_emit_ahead(e, rule, n, guard, common);
	tsn_free(rule);
	return guard;
}

/* Rules of one key, which are a block for each thing that they ask besides, or one that is divided further. */
static void
emit_key(struct tsn_emit *e, struct tsn_candidate **rule, uint32_t n, uint32_t depth, uint32_t dispatch, uint32_t rows)
{
	const bool divided = n >= many(e) && depth < TSN_DISPATCH_DEPTH;
	uint32_t end;

	for (uint32_t i = 0; i < n; i++) {
		rule[i]->second = rule[i]->nasked;
		if (!divided)
			tsn_emit_choose_second(e, rule[i]);
	}
	qsort(rule, n, sizeof(*rule), tsn_emit_by_second);
	for (uint32_t i = 0; i < n && !e->failed; i = end) {
		struct node block = { &rule[i], 0, depth };

		for (end = i; end < n && tsn_emit_same_second(rule[end], rule[i]); end++)
			block.n++;
		emit_block(e, &block, dispatch, rows);
	}
}

/* Rules of one field, by key. */
static void
emit_dispatch(struct tsn_emit *e, struct tsn_candidate **rule, uint32_t n, uint32_t depth, uint32_t guard)
{
	const uint32_t field = chosen_field(rule[0]);
	const uint64_t members = e->met_members;
	struct tsn_vparts common = { .n = 0 };
	uint32_t rows, dispatch, end;
	struct tsn_vdispatch *d;

	e->met_members |= tsn_index_members(e, field); /* thresholds of it are none */
	guard = ahead(e, rule, n, guard, &common);
	e->met_members = members;
	rows = open_dispatch(e, field, guard);
	dispatch = (uint32_t)e->index->dispatches.n - 1;
	for (uint32_t i = 0; i < n && !e->failed; i = end) {
		for (end = i; end < n && chosen_key(rule[end]) == chosen_key(rule[i]); end++)
			;
		emit_key(e, rule + i, end - i, depth + 1, dispatch, rows);
	}
	for (uint32_t i = 0; i < common.n && !e->failed; i++)
		tsn_emit_meet(e, common.of[i].x, common.of[i].want, false);
	d = (struct tsn_vdispatch *)e->index->dispatches.p + dispatch;
	if (!e->failed)
		d->end = tsn_emit_here(e);
}

/* Those with a threshold that few rows meet first, each part by key; how many they are. */
static uint32_t
part(struct tsn_emit *e, struct tsn_candidate **rule, uint32_t n)
{
	const uint64_t members = e->met_members;
	struct tsn_candidate **often = tsn_emit_zeroed(e, n, sizeof(*often));
	uint32_t rare = 0, rest = 0;

	e->met_members |= tsn_index_members(e, chosen_field(rule[0]));
	for (uint32_t i = 0; i < n && !e->failed; i++) {
		if (tsn_emit_is_rare(e, rule[i]->rule))
			rule[rare++] = rule[i];
		else
			often[rest++] = rule[i];
	}
	e->met_members = members;
	if (!e->failed)
		memcpy(rule + rare, often, rest * sizeof(*often));
	tsn_free(often);
	return rare;
}

/* The rules [from, to) of a node, all of one field. Rows that only rules with thresholds could want are mostly not looked up, if others are apart. */
static void
emit_field(struct tsn_emit *e, struct node *n, uint32_t from, uint32_t to, uint32_t guard)
{
	struct tsn_candidate **rule = n->rule + from;
	const uint32_t all = to - from, rare = part(e, rule, all);

	if (rare < many(e) || all - rare < many(e)) {
		qsort(rule, all, sizeof(*rule), by_block);
		emit_dispatch(e, rule, all, n->depth, guard);
		return;
	}
	emit_dispatch(e, rule, rare, n->depth, guard);
	if (!e->failed)
		emit_dispatch(e, rule + rare, all - rare, n->depth, guard);
}

static void
emit_rest(struct tsn_emit *e, struct tsn_candidate *const *c, uint32_t n, uint32_t guard)
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
		emit_field(e, n, from, to, guard);
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
emit_divided(struct tsn_emit *e, struct tsn_candidate *c, struct node *top)
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
		emit_field(e, top, from, to, TSN_V_ROWS);
	}
	if (block)
		emit_rest(e, top->rule + from, top->n - from, TSN_V_ROWS);
}

void
tsn_emit_rules(struct tsn_emit *e, const uint32_t *rule, uint32_t n)
{
	struct tsn_candidate *c = tsn_emit_zeroed(e, (size_t)n + 1, sizeof(*c));
	struct node top = { tsn_emit_zeroed(e, (size_t)n + 1, sizeof(*top.rule)), n, 0 };
	bool indexed = !(e->flags & TSN_EMIT_NO_INDEX) && e->now->door != TSN_DOOR_TICK;

	for (uint32_t i = 0; i < n && !e->failed; i++) {
		top.rule[i] = &c[i];
		c[i].rule = rule[i];
		c[i].guarded = indexed && tsn_emit_may_be_in_block(&e->m->rules[rule[i]]);
		if (c[i].guarded)
			tsn_emit_find_asked(e, &c[i]);
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
	struct tsn_index *x = tsn_emit_zeroed(e, 1, sizeof(*x));

	if (x != NULL)
		x->asked = tsn_emit_zeroed(e, (size_t)e->nodes * 2 + 1, sizeof(*x->asked));
	return x;
}

void
tsn_index_free(struct tsn_index *x)
{
	struct tsn_index_field *f = x != NULL ? x->fields.p : NULL;
	struct tsn_vdispatch *d = x != NULL ? x->dispatches.p : NULL;

	for (size_t i = 0; x != NULL && i < x->fields.n; i++) {
		tsn_free(f[i].atoms.items.p);
		tsn_free(f[i].atoms.slot);
		tsn_free(f[i].keys.p);
		tsn_names_fini(&f[i].known);
		tsn_names_fini(&f[i].texts);
	}
	for (size_t i = 0; x != NULL && i < x->dispatches.n; i++)
		tsn_free(d[i].block.p);
	if (x != NULL) {
		tsn_free(x->asked);
		tsn_free(f);
		tsn_free(d);
	}
	tsn_free(x);
}
