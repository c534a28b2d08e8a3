/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Which rows need not look up a value because the condition fails without it. Conditions mostly ask for *much* of
 * something, which few groups have: `count(...) > 100`, beside a ratio or a second count. So
 *
 * - where such a comparison is about another family, only rows that meet it read this one: that family is folded first;
 * - where it is about this family, rows that only look are left to the state to sort out (state/guard.c).
 */
#include "compile/emit.h"

#define DEEP 16u  /* conditions that are not worth a longer look */
#define CHAIN 8u  /* families folded first for the sake of another, one for the other */

/* COUNT, DISTINCT or a SUM of nothing negative that is at least a number: how much. 0: it is something else. */
static int64_t
least_of(const struct tsn_ir *x)
{
	const struct tsn_ir *agg = x->kind == TSN_IR_COMPARE ? x->kid[0] : x, *n;
	const struct tsn_ir_agg *a = agg->agg;

	if (x->kind != TSN_IR_COMPARE || agg->kind != TSN_IR_AGG)
		return 0;
	n = x->kid[1];
	if (a->fn == TSN_AGG_SUM && (a->arg->kind != TSN_IR_FIELD || tsn_fields[a->arg->field].storage > TSN_U64))
		return 0;
	if ((a->fn != TSN_AGG_COUNT && a->fn != TSN_AGG_DISTINCT && a->fn != TSN_AGG_SUM) || n->kind != TSN_IR_INT || n->i < 0 || n->i == INT64_MAX)
		return 0;
	return x->rel == TSN_REL_GE ? n->i : x->rel == TSN_REL_GT ? n->i + 1 : 0;
}

/* --- what is only compared --- */

struct guard {
	uint32_t family;
	int64_t *least; /* one an aggregate; NULL: not to be noted */
};

static int64_t
least_in(const struct tsn_emit *e, const struct guard *g, const struct tsn_ir *x)
{
	const int64_t least = least_of(x);

	return least > 0 && e->family_of[x->kid[0]->id] == g->family + 1 ? least : 0;
}

/*
 * Is [x] true only where a value of the family is at least a number? Of the parts of a conjunction one is enough, and
 * the greatest number lets the fewest rows through. [set]: notes it.
 */
static bool
guards(const struct tsn_emit *e, const struct guard *g, const struct tsn_ir *x, bool set, unsigned depth)
{
	const int64_t least = least_in(e, g, x);
	const struct tsn_ir *best = NULL;
	int64_t *slot;

	if (least > 0) {
		if (!set)
			return true;
		slot = &g->least[e->agg_of[x->kid[0]->id]];
		*slot = *slot == 0 || least < *slot ? least : *slot;
		return true;
	}
	if (depth > DEEP || (x->kind != TSN_IR_AND && x->kind != TSN_IR_OR))
		return false;
	for (uint32_t i = 0; i < x->nkids; i++) {
		const struct tsn_ir *kid = x->kid[i];

		if (!guards(e, g, kid, false, depth + 1)) {
			if (x->kind == TSN_IR_OR)
				return false;
			continue;
		}
		if (best == NULL || (kid->kind == TSN_IR_COMPARE && (best->kind != TSN_IR_COMPARE || least_in(e, g, kid) > least_in(e, g, best))))
			best = kid;
		if (set && x->kind == TSN_IR_OR)
			guards(e, g, kid, true, depth + 1);
	}
	if (set && best != NULL && x->kind == TSN_IR_AND)
		guards(e, g, best, true, depth + 1);
	return best != NULL;
}

struct asked {
	struct tsn_emit *e;
	uint32_t family, agg; /* of the family; TSN_V_NONE: any */
	bool found;
};

static void
is_asked(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct asked *a = arg;

	a->found |= e->family_of[x->id] == a->family + 1 && (a->agg == TSN_V_NONE || e->agg_of[x->id] == a->agg);
}

bool
tsn_emit_asks(struct tsn_emit *e, const struct tsn_ir *x, uint32_t family)
{
	struct asked a = { e, family, TSN_V_NONE, false };

	tsn_emit_each_agg(e, x, is_asked, &a);
	return a.found;
}

static bool
is_guarded(struct tsn_emit *e, uint32_t family, const struct tsn_reader *r)
{
	const struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + family;
	const struct guard g = { family, NULL };
	const struct tsn_ir_rule *rule = r->rule == TSN_V_NONE ? NULL : &e->m->rules[r->rule];

	if (e->flags & TSN_EMIT_READ_ALL || rule == NULL || f->first->nsteps > 0 || f->first->at.n > 0)
		return false;
	return !(rule->until != NULL && tsn_emit_asks(e, rule->until, family)) && guards(e, &g, rule->when, false, 0);
}

void
tsn_emit_find_guards(struct tsn_emit *e)
{
	for (uint32_t k = 0; k < e->families.n && !e->failed; k++) {
		struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + k;
		struct tsn_reader *r = f->readers.p;

		for (size_t i = 0; i < f->readers.n; i++) {
			r[i].guarded = is_guarded(e, k, &r[i]);
			f->guarded |= r[i].guarded;
			f->mixed |= !r[i].guarded;
		}
	}
}

void
tsn_emit_least(const struct tsn_emit *e, uint32_t family, int64_t *least)
{
	const struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + family;
	const struct tsn_reader *r = f->readers.p;
	const struct guard g = { family, least };

	for (size_t i = 0; i < f->readers.n; i++)
		if (r[i].guarded)
			guards(e, &g, e->m->rules[r[i].rule].when, true, 0);
}

static void
root_asks(void *arg, const struct tsn_ir *x)
{
	struct asked *a = arg;

	tsn_emit_each_agg(a->e, x, is_asked, a);
}

static void
inside_asks(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	tsn_emit_each_agg(e, x, is_asked, arg);
}

bool
tsn_emit_spared(struct tsn_emit *e, uint32_t family, uint32_t agg)
{
	const struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + family;
	const struct tsn_ir_agg *x = ((const struct tsn_ir_agg *const *)f->aggs.p)[agg];
	const struct tsn_reader *r = f->readers.p;

	if (x->fn != TSN_AGG_BASELINE && x->fn != TSN_AGG_SPREAD)
		return false;
	for (size_t i = 0; i < f->readers.n; i++) {
		struct asked a = { e, family, agg, false };

		if (r[i].guarded)
			continue;
		if (r[i].rule == TSN_V_NONE)
			tsn_emit_inside(e, r[i].agg, true, inside_asks, &a);
		else
			tsn_ir_each_root(&e->m->rules[r[i].rule], root_asks, &a);
		if (a.found)
			return false;
	}
	return true;
}

/* --- what another family rules out --- */

struct search {
	uint32_t family;
	bool start; /* may fold families that are not yet */
	bool no;
};

static void look_at(struct tsn_emit *e, void *arg, const struct tsn_ir *x);

static void
look_inside(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	tsn_emit_each_agg(e, x, look_at, arg);
}

/* A family that is being folded has no values yet, and neither has one that counts by them. */
static void
look_at(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct search *s = arg;
	const struct tsn_vfold *fold = &e->now->fold[e->family_of[x->id] - 1];

	s->no = s->no || fold->open || e->family_of[x->id] == s->family + 1 || (!fold->done && !s->start);
	if (!s->no && !fold->done)
		tsn_emit_inside(e, x->agg, true, look_inside, s);
}

static bool
rules_out(struct tsn_emit *e, const struct tsn_ir *x, uint32_t family, bool start)
{
	struct search s = { family, start, least_of(x) == 0 };

	if (!s.no)
		look_at(e, &s, x->kid[0]);
	return !s.no;
}

static uint32_t
bound(struct tsn_emit *e, const struct tsn_ir *x, bool want, uint32_t family, bool start, unsigned depth)
{
	bool all = x->kind == (want ? TSN_IR_AND : TSN_IR_OR);
	uint32_t v;

	if (x->kind == TSN_IR_NOT)
		return bound(e, x->kid[0], !want, family, start, depth + 1);
	if (!x->stateful || depth > DEEP || e->failed)
		return tsn_emit_upper(e, x, want);
	if (tsn_ir_is_leaf(x))
		return want && rules_out(e, x, family, start) ? tsn_emit_mask(e, x, true) : TSN_V_ROWS;
	/* what needs no state first: others have it, too */
	v = all ? tsn_emit_upper(e, x, want) : TSN_V_EMPTY;
	for (uint32_t i = 0; i < x->nkids; i++) {
		if (all && x->kid[i]->stateful)
			v = tsn_emit_and(e, v, bound(e, x->kid[i], want, family, start, depth + 1));
		else if (!all)
			v = tsn_emit_or(e, v, bound(e, x->kid[i], want, family, start, depth + 1));
	}
	return v;
}

uint32_t
tsn_emit_bound(struct tsn_emit *e, uint32_t family, const struct tsn_ir *x)
{
	const struct guard g = { family, NULL };
	uint32_t v;

	if (!x->stateful || e->now->door == TSN_DOOR_TICK || e->flags & TSN_EMIT_READ_ALL)
		return tsn_emit_upper(e, x, true);
	e->chain++;
	/* a condition that this family guards is one that others are left alone by, where it is folded first */
	v = bound(e, x, true, family, e->chain <= CHAIN && !guards(e, &g, x, false, 0), 0);
	e->chain--;
	return v;
}
