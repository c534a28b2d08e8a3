/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What flows decide and what ticks do (S4, S25). A comparison on `per` windows is final when they close; absent and rank
 * have their moment there too. A condition inside a function is asked the same question as a rule's.
 */
#include "compile/emit.h"

#include <string.h>

#include "base/mem.h"

#define NOT_TUMBLING 1
#define TUMBLING 2

/* --- what a flow can decide --- */

bool
tsn_emit_has_tumbling(struct tsn_emit *e, const struct tsn_ir *x)
{
	bool has = false;

	if (!x->stateful)
		return false;
	if (e->tumbling[x->id] != 0)
		return e->tumbling[x->id] == TUMBLING;
	/* a rank is that of the last closed window, so flows have one */
	if (x->kind == TSN_IR_AGG)
		has = x->agg->tumbling && x->agg->fn != TSN_AGG_RANK;
	for (uint32_t i = 0; i < x->nkids; i++)
		has |= tsn_emit_has_tumbling(e, x->kid[i]);
	e->tumbling[x->id] = has ? TUMBLING : NOT_TUMBLING;
	return has;
}

/* Never falls while its window is open. */
static bool
only_grows(const struct tsn_ir *x)
{
	while (x->kind == TSN_IR_TO_REAL)
		x = x->kid[0];
	if (x->kind == TSN_IR_CHOOSE) {
		for (uint32_t i = 1; i < x->nkids; i += 2)
			if (!only_grows(x->kid[i]))
				return false;
		return true;
	}
	if (x->kind != TSN_IR_AGG)
		return false;
	return tsn_agg_infos[x->agg->fn].grows == 1 || (tsn_agg_infos[x->agg->fn].grows == 2 && x->agg->nonneg);
}

bool
tsn_emit_flow_decides(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	bool left = tsn_emit_has_tumbling(e, x->kid[0]), right = tsn_emit_has_tumbling(e, x->kid[1]);

	if (!left && !right)
		return true;
	if (!want || (left && right))
		return false;
	if (left)
		return (x->rel == TSN_REL_GT || x->rel == TSN_REL_GE) && only_grows(x->kid[0]);
	return (x->rel == TSN_REL_LT || x->rel == TSN_REL_LE) && only_grows(x->kid[1]);
}

/* --- what closes --- */

struct late {
	const struct tsn_ir *x;
	bool want;
};

/* Gathers the leaves with state in a condition, as they are asked for. */
static void
gather_leaves(struct tsn_emit *e, struct tsn_vec *leaves, const struct tsn_ir *x, bool want)
{
	struct late *slot;

	if (!x->stateful || !tsn_emit_first_time(e, x, want))
		return;
	if (x->kind == TSN_IR_NOT) {
		gather_leaves(e, leaves, x->kid[0], !want);
	} else if (!tsn_ir_is_leaf(x)) {
		for (uint32_t i = 0; i < x->nkids; i++)
			gather_leaves(e, leaves, x->kid[i], want);
	} else {
		slot = tsn_vec_add(e, leaves, sizeof(*slot));
		if (slot != NULL)
			*slot = (struct late){ x, want };
	}
}

struct gathering {
	struct tsn_vec list; /* struct tsn_closing */
	bool undecided;      /* the leaf at hand is one that flows cannot decide */
};

/* What tells of its windows: what an aggregate is about, or itself. */
static void
add_closing(struct tsn_emit *e, struct gathering *g, const struct tsn_ir_agg *a)
{
	const struct tsn_ir_agg *of = a->of != NULL ? a->of : a;
	uint32_t family = tsn_emit_family_of(e, a);
	const struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + family;
	struct tsn_closing *slot;
	uint32_t i = e->failed ? TSN_NAMES_NONE : tsn_names_find(&f->places, of->agg_canon);

	if (i == TSN_NAMES_NONE)
		return; /* of a rule that is disabled */
	slot = g->list.p;
	for (size_t k = 0; k < g->list.n; k++)
		if (slot[k].family == family && slot[k].agg == i)
			return;
	slot = tsn_vec_add(e, &g->list, sizeof(*slot));
	if (slot != NULL)
		*slot = (struct tsn_closing){ family, i, of };
}

static void gather_condition(struct tsn_emit *e, void *arg, const struct tsn_ir *x);

/* A run that ends with the match of a rule ends at a tick. */
static bool
ends_with_rule(const struct tsn_ir_agg *a)
{
	return a->nsteps > 0 && a->step[a->nsteps - 1].rule != NULL;
}

static void
gather_agg(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct gathering *g = arg;
	const struct tsn_ir_agg *a = x->agg;
	bool undecided = g->undecided;

	if (a->fn == TSN_AGG_ABSENT || a->fn == TSN_AGG_RANK || ends_with_rule(a) || (a->tumbling && undecided))
		add_closing(e, g, a);
	tsn_emit_inside(e, a, false, gather_condition, g);
	g->undecided = undecided;
}

static void
gather_condition(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct gathering *g = arg;
	struct tsn_vec leaves = { NULL, 0, 0 };
	const struct late *l;

	tsn_emit_walk(e);
	gather_leaves(e, &leaves, x, true);
	l = leaves.p;
	for (size_t i = 0; i < leaves.n && !e->failed; i++) {
		g->undecided = l[i].x->kind == TSN_IR_COMPARE && !tsn_emit_flow_decides(e, l[i].x, l[i].want);
		tsn_emit_each_agg(e, l[i].x, gather_agg, g);
	}
	tsn_free(leaves.p);
}

/*
 * Does the closing of [y]'s windows bring every group that that of [x] would? Of one family and window,
 * a count has all groups, and equal arguments have equal groups. A silence is like nothing else.
 */
static bool
closes_for(const struct tsn_closing *y, const struct tsn_closing *x)
{
	const struct tsn_ir_agg *a = x->a, *b = y->a;

	if (x->family != y->family || a->window_ms != b->window_ms || a->by_received != b->by_received || !a->tumbling ||
	    !b->tumbling)
		return false;
	if (b->fn == TSN_AGG_COUNT)
		return true;
	return a->arg != NULL && a->arg == b->arg && y->agg < x->agg;
}

/* Leaves out what others bring, and calls [each] for what stays: it is the first [n] of the list, the last of these new. */
static void
each_closing(struct tsn_emit *e, struct gathering *g,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_closing *c, size_t n), void *arg)
{
	struct tsn_closing *c = g->list.p, *stays = tsn_emit_zeroed(e, g->list.n, sizeof(*c));
	size_t n = 0;

	for (size_t i = 0; i < g->list.n && !e->failed; i++) {
		bool covered = false;

		for (size_t k = 0; k < g->list.n; k++)
			covered |= k != i && closes_for(&c[k], &c[i]);
		if (covered)
			continue;
		stays[n++] = c[i];
		each(e, arg, stays, n);
	}
	tsn_free(stays);
	tsn_free(g->list.p);
}

struct telling {
	void (*each)(struct tsn_emit *e, void *arg, const struct tsn_closing *c);
	void *arg;
};

static void
tell(struct tsn_emit *e, void *arg, const struct tsn_closing *c, size_t n)
{
	const struct telling *t = arg;

	t->each(e, t->arg, &c[n - 1]);
}

static void
gather_rule(struct tsn_emit *e, struct gathering *g, const struct tsn_ir_rule *r)
{
	gather_condition(e, g, r->when);
	if (r->until != NULL)
		gather_condition(e, g, r->until);
}

void
tsn_emit_rule_closings(struct tsn_emit *e, const struct tsn_ir_rule *r,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_closing *c), void *arg)
{
	struct gathering g = { { NULL, 0, 0 }, false };
	struct telling t = { each, arg };

	gather_rule(e, &g, r);
	each_closing(e, &g, tell, &t);
}

static void
note_any(struct tsn_emit *e, void *arg, const struct tsn_closing *c)
{
	(void)e;
	(void)c;
	*(bool *)arg = true;
}

bool
tsn_emit_needs_close(struct tsn_emit *e, const struct tsn_ir_rule *r)
{
	bool any = false;

	tsn_emit_rule_closings(e, r, note_any, &any);
	return any;
}

/* --- code tick --- */

static void
and_closed(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	uint32_t *m = arg;

	if (x->agg->tumbling && x->agg->fn != TSN_AGG_RANK)
		*m = tsn_emit_and(e, *m, tsn_emit_mask_op(e, TSN_OP_CODE_CLOSED, tsn_emit_int(e, x->agg->window_ms), 0, 0));
}

uint32_t
tsn_emit_final(struct tsn_emit *e, const struct tsn_ir *compare)
{
	uint32_t m = TSN_V_ROWS;

	tsn_emit_each_agg(e, compare->kid[0], and_closed, &m);
	tsn_emit_each_agg(e, compare->kid[1], and_closed, &m);
	return m;
}

static bool
is_part_of(const struct tsn_key_part *p, const struct tsn_key_spec *k)
{
	for (unsigned i = 0; i < k->n; i++)
		if (k->part[i].field == p->field && k->part[i].v4_bits == p->v4_bits && k->part[i].v6_bits == p->v6_bits)
			return true;
	return false;
}

/* Do rows of [x] say all that those of [y] would, if both have the same key and moment? */
static bool
same_rows(const struct tsn_closing *y, const struct tsn_closing *x)
{
	const struct tsn_key_spec *a = x->a->at.n > 0 ? &x->a->at : &x->a->key, *b = y->a->at.n > 0 ? &y->a->at : &y->a->key;
	bool same = x->a->tumbling && y->a->tumbling && a->n == b->n;

	for (unsigned i = 0; same && i < a->n; i++)
		same = is_part_of(&a->part[i], b);
	return same;
}

/*
 * Groups of several families, or of windows of several lengths, may have one key, and windows that end together: the
 * condition is asked about that key once, with the rows of the function that is told first. The other's window may have
 * been begun after its time, by a late flow, and close long after: then the key has been asked about, too.
 */
static void
or_closing(struct tsn_emit *e, void *arg, const struct tsn_closing *c, size_t n)
{
	const struct tsn_closing *x = &c[n - 1];
	const uint32_t all = tsn_emit_mask_op(e, TSN_OP_CODE_CLOSING, x->family, x->agg, 0);
	uint32_t *m = arg, mine = all;

	for (size_t i = 0; i + 1 < n; i++) {
		const uint32_t theirs = tsn_emit_mask_op(e, TSN_OP_CODE_CLOSING, c[i].family, c[i].agg, 0);

		if (!same_rows(&c[i], x))
			continue;
		mine = tsn_emit_andnot(e, mine, tsn_emit_mask_op(e, TSN_OP_CODE_TOO, c[i].family, c[i].agg, all));
		*m = tsn_emit_andnot(e, *m, tsn_emit_mask_op(e, TSN_OP_CODE_TOO, x->family, x->agg, theirs));
	}
	*m = tsn_emit_or(e, *m, mine);
}

uint32_t
tsn_emit_closing(struct tsn_emit *e, const struct tsn_ir *cond)
{
	struct gathering g = { { NULL, 0, 0 }, false };
	uint32_t m = TSN_V_EMPTY;

	gather_condition(e, &g, cond);
	each_closing(e, &g, or_closing, &m);
	return m;
}

uint32_t
tsn_emit_tick_part(struct tsn_emit *e, uint32_t rule)
{
	struct gathering g = { { NULL, 0, 0 }, false };
	uint32_t m = TSN_V_EMPTY;

	gather_rule(e, &g, &e->m->rules[rule]);
	each_closing(e, &g, or_closing, &m);
	if (e->m->rules[rule].meta.watched)
		m = tsn_emit_or(e, m, tsn_emit_mask_op(e, TSN_OP_CODE_WATCHED, rule, 0, 0));
	return m;
}
