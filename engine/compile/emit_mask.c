/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * and, or, not in three values: for each condition at most one mask of where
 * it is true and one of where it is false. A conjunction starts with what is cheap and rarely
 * true, then takes what other rules share, and puts what is left behind jumps.
 */
#include "compile/emit.h"

#include <stdlib.h>

#include "base/mem.h"

/*
 * A test that so few rules share is made by each of them behind its own jump, if it comes
 * after a rare one: most batches then need none of them.
 */
#define FEW_USES 3

/* Cost classes of conditions, cheapest first. */
enum rank {
	RANK_RARE = 1, /* equal to one of many values */
	RANK_CHEAP,    /* one look at a narrow column */
	RANK_WIDE,     /* 64-bit columns, addresses */
	RANK_VALUE,    /* arithmetic, sets */
	RANK_STRING,
	RANK_REGEX,
};

bool
tsn_ir_is_leaf(const struct tsn_ir *x)
{
	return x->kind != TSN_IR_AND && x->kind != TSN_IR_OR && x->kind != TSN_IR_NOT;
}

void
tsn_emit_walk(struct tsn_emit *e)
{
	e->walk++;
}

bool
tsn_emit_first_time(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	uint32_t *stamp = &e->stamp[2 * x->id + want];

	if (*stamp == e->walk)
		return false;
	*stamp = e->walk;
	return true;
}

static bool
is_field(const struct tsn_ir *x)
{
	return x->kind == TSN_IR_FIELD;
}

static enum rank
compare_rank(const struct tsn_ir *x)
{
	const struct tsn_ir *a = x->kid[0], *b = x->kid[1];
	enum tsn_storage s;

	if (!is_field(a) || (!is_field(b) && b->kind != TSN_IR_INT && b->kind != TSN_IR_ADDR && b->kind != TSN_IR_STRING))
		return RANK_VALUE;
	s = tsn_fields[a->field].storage;
	if (s == TSN_STR)
		return RANK_STRING;
	if (s == TSN_ADDR)
		return b->kind == TSN_IR_ADDR && x->rel == TSN_REL_EQ ? RANK_RARE : RANK_WIDE;
	if (b->kind != TSN_IR_INT)
		return RANK_VALUE;
	if (s == TSN_U16 || s == TSN_U32)
		return x->rel == TSN_REL_EQ ? RANK_RARE : RANK_CHEAP;
	return s == TSN_U8 ? RANK_CHEAP : RANK_WIDE;
}

static enum rank
rank_of(struct tsn_emit *e, const struct tsn_ir *x)
{
	enum rank r = RANK_CHEAP;

	if (e->rank[x->id] != 0)
		return e->rank[x->id];
	switch (x->kind) {
	case TSN_IR_AND:
	case TSN_IR_OR:
	case TSN_IR_NOT:
		for (uint32_t i = 0; i < x->nkids; i++)
			if (rank_of(e, x->kid[i]) > r)
				r = rank_of(e, x->kid[i]);
		break;
	case TSN_IR_COMPARE:
		r = compare_rank(x);
		break;
	case TSN_IR_IN:
		r = is_field(x->kid[0]) && tsn_fields[x->kid[0]->field].storage != TSN_STR ? RANK_VALUE : RANK_STRING;
		break;
	case TSN_IR_IN_PREFIX:
		r = RANK_WIDE;
		break;
	case TSN_IR_MATCH:
		r = RANK_REGEX;
		break;
	case TSN_IR_HAS:
		r = is_field(x->kid[0]) ? RANK_CHEAP : RANK_VALUE;
		break;
	default:
		break;
	}
	e->rank[x->id] = (uint8_t)r;
	return r;
}

/* --- conjunctions --- */

struct part {
	const struct tsn_ir *x;
	uint32_t uses;
	uint8_t rank;
	bool want, made; /* a mask of it exists */
	bool shared;     /* made before the jumps, for others too */
};

void
tsn_emit_parts(struct tsn_emit *e, const struct tsn_ir *x, bool want,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_ir *x, bool want), void *arg)
{
	if (!tsn_emit_first_time(e, x, want))
		return;
	if (x->kind == TSN_IR_NOT) {
		tsn_emit_parts(e, x->kid[0], !want, each, arg);
	} else if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR)) {
		for (uint32_t i = 0; i < x->nkids; i++)
			tsn_emit_parts(e, x->kid[i], want, each, arg);
	} else if (each != NULL) {
		each(e, arg, x, want);
	}
}

static void
add_part(struct tsn_emit *e, void *arg, const struct tsn_ir *x, bool want)
{
	struct part *p = tsn_vec_add(e, arg, sizeof(*p));

	if (p == NULL)
		return;
	p->x = x;
	p->want = want;
	p->rank = (uint8_t)rank_of(e, x);
	if (!want && p->rank == RANK_RARE)
		p->rank = RANK_CHEAP;
	p->uses = e->uses[x->id];
	p->made = e->now->mask_of[2 * x->id + want] != 0;
}

/* What an aggregate counts; [whole]: a window of it closes. */
struct group {
	const struct tsn_ir *where;
	bool whole;
};

struct gathering {
	struct tsn_vec groups; /* struct group */
	bool whole;
};

static void gather_where(struct tsn_emit *e, void *arg, const struct tsn_ir *agg);

static void
gather_inside(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct gathering *g = arg;
	struct group *slot = tsn_vec_add(e, &g->groups, sizeof(*slot));

	if (slot != NULL)
		*slot = (struct group){ x, g->whole };
	/* at ticks the rows are groups, also those that a function inside this one looks at */
	if (e->now->door == TSN_DOOR_TICK)
		tsn_emit_each_agg(e, x, gather_where, arg);
}

static void
gather_where(struct tsn_emit *e, void *arg, const struct tsn_ir *agg)
{
	struct gathering *g = arg;

	g->whole = agg->agg->tumbling;
	tsn_emit_inside(e, agg->agg, false, gather_inside, g);
}

/* Of a function's condition only what flows were asked: what has state is asked again. */
static void
stamp_tests(struct tsn_emit *e, const struct tsn_ir *where)
{
	if (where->kind == TSN_IR_AND) {
		for (uint32_t i = 0; i < where->nkids; i++)
			stamp_tests(e, where->kid[i]);
	} else if (!where->stateful) {
		tsn_emit_stamp_parts(e, where, true);
	}
}

/* Leaves out the parts of conjunctions that are stamped in the current walk. */
static void
leave_out(struct tsn_emit *e, struct tsn_vec *parts)
{
	struct part *p = parts->p;
	size_t kept = 0;

	for (size_t i = 0; i < parts->n; i++)
		if (!tsn_emit_all_stamped(e, p[i].x, p[i].want))
			p[kept++] = p[i];
	parts->n = kept;
}

/* Are all parts of [where] among the parts? Then they are stamped instead. */
static bool
holds_all(struct tsn_emit *e, const struct tsn_vec *parts, const struct tsn_ir *where)
{
	const struct part *p = parts->p;

	tsn_emit_walk(e);
	for (size_t i = 0; i < parts->n; i++)
		tsn_emit_stamp_parts(e, p[i].x, p[i].want);
	if (!tsn_emit_all_stamped(e, where, true))
		return false;
	tsn_emit_walk(e);
	tsn_emit_stamp_parts(e, where, true);
	return true;
}

/* There are no flows to test at ticks; what those of the group have met is met. */
static void
take_group(struct tsn_emit *e, struct tsn_vec *parts, const struct group *g)
{
	if (g->whole && holds_all(e, parts, g->where))
		leave_out(e, parts);
	tsn_emit_walk(e);
	stamp_tests(e, g->where);
	leave_out(e, parts);
}

/*
 * Where the parts hold all of what an aggregate among them counts (the rule's `where`), that mask
 * stands for them: it was made for the fold.
 */
static void
take_where(struct tsn_emit *e, struct tsn_vec *parts, const struct tsn_ir *where)
{
	struct part *p;

	if (where->kind != TSN_IR_AND || e->now->mask_of[2 * where->id + 1] == 0 || !holds_all(e, parts, where))
		return;
	leave_out(e, parts);
	p = tsn_vec_add(e, parts, sizeof(*p));
	if (p != NULL)
		*p = (struct part){ .x = where, .want = true, .rank = RANK_RARE, .made = true };
}

static void
take_wheres(struct tsn_emit *e, struct tsn_vec *parts)
{
	struct gathering g = { { NULL, 0, 0 }, false };
	const struct group *group;

	for (size_t i = 0; i < parts->n; i++) {
		const struct part *p = (struct part *)parts->p + i;

		if (p->x->stateful && tsn_ir_is_leaf(p->x))
			tsn_emit_each_agg(e, p->x, gather_where, &g);
	}
	group = g.groups.p;
	for (size_t i = 0; i < g.groups.n && !e->failed; i++) {
		if (e->now->door == TSN_DOOR_TICK)
			take_group(e, parts, &group[i]);
		else
			take_where(e, parts, group[i].where);
	}
	tsn_free(g.groups.p);
}

static int
by_cost(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->x->id < y->x->id ? -1 : x->x->id > y->x->id;
}

/* A leaf without state, and dearer than the jump that spares it. */
static bool
can_be_alone(const struct tsn_ir *x)
{
	return tsn_ir_is_leaf(x) && !x->stateful;
}

/* The first part, then the shared ones, then the rest by cost: the jumps are over that rest. */
static void
sort_parts(struct part *p, size_t n)
{
	size_t front = 1;
	uint32_t few;

	qsort(p, n, sizeof(*p), by_cost);
	few = p[0].rank == RANK_RARE ? FEW_USES : 1;
	for (size_t i = 1; i < n; i++) {
		struct part x = p[i];

		x.shared = p[i].shared = x.made || x.uses > (can_be_alone(x.x) ? few : 1);

		if (!x.shared)
			continue;
		for (size_t k = i; k > front; k--)
			p[k] = p[k - 1];
		p[front++] = x;
	}
	for (size_t i = 0; i < front && i < n; i++)
		p[i].shared = true; /* first or shared: not behind a jump */
}

static uint32_t
part_mask(struct tsn_emit *e, const struct part *p)
{
	const char *note = e->note;
	bool alone = e->alone;
	uint32_t v;

	if (p->shared || !can_be_alone(p->x) || e->failed)
		return tsn_emit_mask(e, p->x, p->want);
	e->alone = true;
	e->note = p->x->canon;
	v = tsn_emit_leaf(e, p->x, p->want);
	e->note = note;
	e->alone = alone;
	return v;
}

static uint32_t
conjunction(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	struct { uint32_t guard, begin; } jump[3];
	struct tsn_vec parts = { NULL, 0, 0 };
	uint32_t all = TSN_V_ROWS;
	uint8_t behind = 0;
	int njumps = 0;
	struct part *p;

	tsn_emit_walk(e);
	tsn_emit_parts(e, x, want, add_part, &parts);
	if (x->stateful)
		take_wheres(e, &parts);
	p = parts.p;
	if (parts.n > 1)
		sort_parts(p, parts.n);
	else if (parts.n == 1)
		p[0].shared = true;
	for (size_t i = 0; i < parts.n && !e->failed && all != TSN_V_EMPTY; i++) {
		if (!p[i].shared && (njumps == 0 || (njumps < 3 && p[i].rank >= RANK_STRING && p[i].rank > behind))) {
			jump[njumps].guard = all;
			jump[njumps++].begin = tsn_emit_here(e);
			behind = p[i].rank;
		}
		all = tsn_emit_and(e, all, part_mask(e, &p[i]));
	}
	while (njumps-- > 0)
		tsn_emit_region(e, jump[njumps].guard, jump[njumps].begin);
	tsn_free(parts.p);
	return all;
}

static uint32_t
disjunction(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	uint32_t any = TSN_V_EMPTY;

	for (uint32_t i = 0; i < x->nkids; i++)
		any = tsn_emit_or(e, any, tsn_emit_mask(e, x->kid[i], want));
	return any;
}

uint32_t
tsn_emit_mask(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	const char *note = e->note;
	uint32_t *known, v;

	if (e->failed)
		return TSN_V_EMPTY;
	if (x->kind == TSN_IR_NOT)
		return tsn_emit_mask(e, x->kid[0], !want);
	known = &e->now->mask_of[2 * x->id + want];
	if (*known != 0)
		return *known - 1;
	e->note = x->canon;
	if (tsn_ir_is_leaf(x))
		v = tsn_emit_leaf(e, x, want);
	else if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR))
		v = conjunction(e, x, want);
	else
		v = disjunction(e, x, want);
	e->note = note;
	if (!e->failed)
		*known = v + 1;
	return v;
}

uint32_t
tsn_emit_upper(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	bool all = x->kind == (want ? TSN_IR_AND : TSN_IR_OR);
	uint32_t *known, v;

	if (e->failed)
		return TSN_V_EMPTY;
	if (!x->stateful)
		return tsn_emit_mask(e, x, want);
	if (x->kind == TSN_IR_NOT)
		return tsn_emit_upper(e, x->kid[0], !want);
	if (tsn_ir_is_leaf(x))
		return TSN_V_ROWS;
	known = &e->now->upper_of[2 * x->id + want];
	if (*known != 0)
		return *known - 1;
	v = all ? TSN_V_ROWS : TSN_V_EMPTY;
	for (uint32_t i = 0; i < x->nkids; i++) {
		uint32_t part = tsn_emit_upper(e, x->kid[i], want);

		v = all ? tsn_emit_and(e, v, part) : tsn_emit_or(e, v, part);
	}
	if (!e->failed)
		*known = v + 1;
	return v;
}
