/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What one rule asks: the keys by which it may be found, and which of them is asked besides the one by which it is. */
#include "compile/emit_index.h"

#define LEAVES_MAX 64  /* of a rule: larger ones are not expanded */
#define SHARE_MAX 300000 /* of the rows, in millionths: what more of them meet finds nothing */

/* --- by what it may be found --- */

/* Of one field the key that fewest rows have. */
static void
take_asked(struct tsn_candidate *c, const struct tsn_asked *a)
{
	uint32_t i = 0;

	if (a->share > SHARE_MAX || a->field >= TSN_INDEX_FIELDS)
		return;
	while (i < c->nasked && c->asked[i].field != a->field)
		i++;
	if (i == TSN_ASKED_MAX || (i < c->nasked && c->asked[i].share <= a->share))
		return;
	c->asked[i] = *a;
	c->nasked += i == c->nasked;
}

/* Bounds of integer fields, from comparisons of a conjunction. */
struct bounds {
	struct bound {
		uint32_t field;
		int64_t lo, hi;
	} of[TSN_ASKED_MAX];
	uint32_t n;
};

static void
take_bound(struct bounds *b, const struct tsn_ir *x, bool want)
{
	const struct tsn_ir *f = x->kind == TSN_IR_COMPARE ? x->kid[0] : NULL, *number = f != NULL ? x->kid[1] : NULL;
	const enum tsn_rel rel = want ? x->rel : tsn_rel_not(x->rel);
	uint32_t i = 0;

	if (f == NULL || f->kind != TSN_IR_FIELD || !tsn_field_is_int(f->field) || number->kind != TSN_IR_INT || number->i < 1 || number->i == INT64_MAX)
		return;
	while (i < b->n && b->of[i].field != f->field)
		i++;
	if (i == TSN_ASKED_MAX)
		return;
	if (i == b->n)
		b->of[b->n++] = (struct bound){ f->field, INT64_MIN, INT64_MAX };
	if ((rel == TSN_REL_GT || rel == TSN_REL_GE) && number->i > b->of[i].lo)
		b->of[i].lo = number->i + (rel == TSN_REL_GT);
	if ((rel == TSN_REL_LT || rel == TSN_REL_LE) && number->i < b->of[i].hi)
		b->of[i].hi = number->i - (rel == TSN_REL_LT);
}

static void
add_asked(struct tsn_emit *e, struct tsn_candidate *c, struct bounds *b, const struct tsn_ir *x, bool want)
{
	struct tsn_asked a;

	if (x->kind == TSN_IR_NOT) {
		add_asked(e, c, b, x->kid[0], !want);
	} else if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR)) {
		for (uint32_t k = 0; k < x->nkids; k++)
			add_asked(e, c, b, x->kid[k], want);
	} else if (tsn_emit_asked(e, x, want, &a)) {
		take_asked(c, &a);
	} else {
		take_bound(b, x, want);
	}
}

void
tsn_emit_find_asked(struct tsn_emit *e, struct tsn_candidate *c)
{
	struct bounds b = { .n = 0 };
	struct tsn_asked a;

	add_asked(e, c, &b, e->m->rules[c->rule].when, true);
	for (uint32_t i = 0; i < b.n && !e->failed; i++)
		if (b.of[i].lo != INT64_MIN && b.of[i].hi != INT64_MAX && tsn_emit_asked_range(e, b.of[i].field, b.of[i].lo, b.of[i].hi, &a))
			take_asked(c, &a);
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
bool
tsn_emit_may_be_in_block(const struct tsn_ir_rule *r)
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

/* --- what is asked besides --- */

/* Of what else a rule asks for, what fewest rows meet; none if that is a threshold, of which its block takes care. */
void
tsn_emit_choose_second(struct tsn_emit *e, struct tsn_candidate *c)
{
	const uint64_t members = e->met_members | tsn_index_members(e, c->asked[c->chosen].field);
	struct tsn_vside side;
	uint32_t least;

	c->second = c->nasked;
	if (c->nasked < 2)
		return;
	tsn_emit_side(e, &c->rule, 1, &side);
	least = side.side == TSN_V_NONE ? SHARE_MAX : tsn_emit_share(side.x, side.want);
	for (uint32_t i = 0; i < c->nasked && !e->failed; i++) {
		if (c->asked[i].share >= least || (members & tsn_index_members(e, c->asked[i].field)) != 0 ||
		    !tsn_emit_between(e, c->asked[i].field, c->asked[i].key, &side))
			continue;
		c->second = i;
		least = c->asked[i].share;
	}
}

bool
tsn_emit_same_second(const struct tsn_candidate *x, const struct tsn_candidate *y)
{
	if (x->second == x->nasked || y->second == y->nasked)
		return x->second == x->nasked && y->second == y->nasked;
	return x->asked[x->second].field == y->asked[y->second].field && x->asked[x->second].key == y->asked[y->second].key;
}

/* Those with none last. */
int
tsn_emit_by_second(const void *a, const void *b)
{
	const struct tsn_candidate *x = *(struct tsn_candidate *const *)a, *y = *(struct tsn_candidate *const *)b;

	if ((x->second == x->nasked) != (y->second == y->nasked))
		return x->second == x->nasked ? 1 : -1;
	if (!tsn_emit_same_second(x, y) && x->asked[x->second].field != y->asked[y->second].field)
		return x->asked[x->second].field < y->asked[y->second].field ? -1 : 1;
	if (!tsn_emit_same_second(x, y))
		return x->asked[x->second].key < y->asked[y->second].key ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}
