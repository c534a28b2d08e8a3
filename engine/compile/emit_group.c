/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules of one block that no further field tells apart, tested in turn: what several of them ask is asked once for all of
 * them, and they are gone past together where no row is left. Where some differ in a threshold, what meets none but the
 * least of them meets none at all: they stand in order of it, in runs of runs; each run is entered by its least, and the
 * next one is asked about what that left.
 */
#include "compile/emit_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define GROUP 3      /* rules that share a test, from which it is asked once */
#define GROUPS_MAX 6 /* in each other */
#define LADDER 4     /* rules with thresholds of one field, from which they are parted in runs */
#define RUNS 8
#define EXACT (INT64_C(1) << 53) /* integers below it are told apart as doubles, too */
#define RARE 150000  /* of the rows, in millionths: what so few meet is asked before they are looked up */
#define SIDES 4      /* of a dispatch: thresholds of so many fields may be asked ahead of it */

/* A rule with the part of its condition that most of its neighbours have, too. */
struct member {
	uint32_t rule;
	const struct tsn_ir *x; /* NULL: too few have one */
	bool want;
	uint32_t count;
	uint32_t side;  /* of thresholds: the field, and whether from above */
	int64_t exact;  /* of integers, and */
	double strict;  /* of reals: of one side the same or more rows meet the lesser */
	bool open;      /* the threshold itself does not meet it */
	uint32_t only;  /* this side only; TSN_V_NONE: any */
};

static struct member *
start(struct tsn_emit *e, const uint32_t *rule, uint32_t n)
{
	struct member *m = tsn_emit_zeroed(e, n, sizeof(*m));

	if (e->part_count == NULL) {
		e->part_count = tsn_emit_zeroed(e, (size_t)e->nodes * 2, sizeof(*e->part_count));
		e->part_met = tsn_emit_zeroed(e, (size_t)e->nodes * 2, sizeof(*e->part_met));
	}
	for (uint32_t i = 0; i < n && !e->failed; i++)
		m[i] = (struct member){ .rule = rule[i], .only = TSN_V_NONE };
	return m;
}

static uint32_t
place_of(const struct tsn_ir *x, bool want)
{
	return 2 * x->id + want;
}

/* Calls [each] for the parts of a conjunction that are not known to hold here. */
static void
each_part(struct tsn_emit *e, const struct tsn_ir *x, bool want,
    void (*each)(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want), struct member *m)
{
	if (x->kind == TSN_IR_NOT) {
		each_part(e, x->kid[0], !want, each, m);
	} else if (x->kind == (want ? TSN_IR_AND : TSN_IR_OR)) {
		for (uint32_t i = 0; i < x->nkids; i++)
			each_part(e, x->kid[i], want, each, m);
	} else if (!tsn_emit_is_met(e, x, want)) {
		each(e, m, x, want);
	}
}

static void
count_part(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want)
{
	(void)m;
	e->part_count[place_of(x, want)]++;
}

static void
forget_part(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want)
{
	(void)m;
	e->part_count[place_of(x, want)] = 0;
}

/* The commonest; of two the one that fewer rows meet. */
static void
take_part(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want)
{
	uint32_t count = e->part_count[place_of(x, want)];

	if (count < GROUP || count < m->count)
		return;
	if (count == m->count && tsn_emit_share(x, want) >= tsn_emit_share(m->x, m->want))
		return;
	m->x = x;
	m->want = want;
	m->count = count;
}

static int
by_part(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if ((x->x == NULL) != (y->x == NULL))
		return x->x == NULL ? 1 : -1;
	if (x->x != NULL && place_of(x->x, x->want) != place_of(y->x, y->want))
		return place_of(x->x, x->want) < place_of(y->x, y->want) ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void
find_parts(struct tsn_emit *e, struct member *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		each_part(e, e->m->rules[m[i].rule].when, true, count_part, &m[i]);
	for (uint32_t i = 0; i < n; i++) {
		m[i].x = NULL;
		m[i].count = 0;
		each_part(e, e->m->rules[m[i].rule].when, true, take_part, &m[i]);
	}
	for (uint32_t i = 0; i < n; i++)
		each_part(e, e->m->rules[m[i].rule].when, true, forget_part, &m[i]);
	qsort(m, n, sizeof(*m), by_part);
}

static void
emit_one(struct tsn_emit *e, uint32_t rule, uint32_t guard)
{
	e->guard = guard;
	tsn_emit_rule(e, rule);
	e->guard = TSN_V_NONE;
	tsn_emit_jumps_end(e);
}

/* --- one test for several rules --- */

struct door {
	uint32_t rows, test;
	bool met; /* before already */
};

/* What follows stands under [x], too, and is gone past where it leaves no row. */
static struct door
enter(struct tsn_emit *e, const struct tsn_ir *x, bool want, uint32_t guard)
{
	struct door d = { guard, TSN_V_NONE, tsn_emit_is_met(e, x, want) };

	if (d.met)
		return d;
	e->guard = guard;
	d.rows = tsn_emit_under(e, guard, x, want);
	e->guard = TSN_V_NONE;
	d.test = tsn_emit_test_at(e, d.rows);
	e->part_met[place_of(x, want)] = true;
	return d;
}

static void
leave(struct tsn_emit *e, const struct tsn_ir *x, bool want, const struct door *d)
{
	if (!d->met)
		e->part_met[place_of(x, want)] = false;
	if (d->test != TSN_V_NONE && !e->failed)
		((struct tsn_vinsn *)e->now->insn.p)[d->test].c = tsn_emit_here(e);
}

/* --- thresholds --- */

/* Is it a comparison of a field with a number that lies above or below? */
static bool
is_threshold(const struct tsn_ir *x)
{
	const struct tsn_ir *a = x->nkids > 0 ? x->kid[0] : NULL, *b = x->nkids > 1 ? x->kid[1] : NULL;

	if (x->kind != TSN_IR_COMPARE || a->kind != TSN_IR_FIELD || x->rel == TSN_REL_EQ || x->rel == TSN_REL_NE)
		return false;
	if (tsn_fields[a->field].storage == TSN_F64)
		return b->kind == TSN_IR_REAL || (b->kind == TSN_IR_INT && b->i > -EXACT && b->i < EXACT);
	return tsn_field_is_int(a->field) && b->kind == TSN_IR_INT;
}

/* Takes a threshold; of several the one that fewer rows meet. */
static void
take_threshold(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want)
{
	const bool below = (x->rel == TSN_REL_GT || x->rel == TSN_REL_GE) == want; /* the threshold lies below what meets it */
	const bool itself = (x->rel == TSN_REL_GE || x->rel == TSN_REL_LE) == want;
	const struct tsn_ir *number;
	uint32_t side;

	/* what rows of a block have of its own field parts them no more */
	if (!is_threshold(x) || tsn_emit_is_found_by(e, x->kid[0]->field))
		return;
	side = 2 * x->kid[0]->field + !below;
	if ((m->only != TSN_V_NONE && side != m->only) || (m->x != NULL && tsn_emit_share(x, want) >= tsn_emit_share(m->x, m->want)))
		return;
	m->x = x;
	m->want = want;
	m->side = side;
	number = x->kid[1];
	m->exact = 0;
	m->strict = number->kind == TSN_IR_REAL ? number->real : (double)number->i;
	m->strict = below ? m->strict : -m->strict;
	if (tsn_field_is_int(x->kid[0]->field))
		m->exact = below ? number->i : ~number->i;
	m->open = !itself;
}

static int
by_threshold(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if ((x->x == NULL) != (y->x == NULL))
		return x->x == NULL ? 1 : -1;
	if (x->x != NULL && x->side != y->side)
		return x->side < y->side ? -1 : 1;
	if (x->x != NULL && x->exact != y->exact)
		return x->exact < y->exact ? -1 : 1;
	if (x->x != NULL && x->strict != y->strict)
		return x->strict < y->strict ? -1 : 1;
	if (x->x != NULL && x->open != y->open)
		return x->open ? 1 : -1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

/*
 * Rules of one side, the least strict first, in runs: the i-th of them and those behind it. What does not meet the least of one meets
 * none of the next, which is asked about what is left only, and so stands in it.
 */
static void
run(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t i, uint32_t guard, unsigned depth)
{
	const uint32_t runs = n < RUNS ? n : RUNS;
	const uint32_t from = (uint32_t)((uint64_t)n * i / runs), to = (uint32_t)((uint64_t)n * (i + 1) / runs);
	struct door d = enter(e, m[from].x, m[from].want, guard);

	if (d.rows != TSN_V_EMPTY && to - from >= LADDER && depth < GROUPS_MAX)
		run(e, m + from, to - from, 0, d.rows, depth + 1);
	else
		for (uint32_t k = from; k < to && !e->failed && d.rows != TSN_V_EMPTY; k++)
			emit_one(e, m[k].rule, d.rows);
	if (i + 1 < runs && !e->failed && d.rows != TSN_V_EMPTY)
		run(e, m, n, i + 1, d.rows, depth);
	leave(e, m[from].x, m[from].want, &d);
}

static void
ladder(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t guard, unsigned depth)
{
	uint32_t from = 0, to;

	for (uint32_t i = 0; i < n; i++) {
		m[i].x = NULL;
		each_part(e, e->m->rules[m[i].rule].when, true, take_threshold, &m[i]);
	}
	qsort(m, n, sizeof(*m), by_threshold);
	for (; from < n && !e->failed; from = to) {
		for (to = from + 1; to < n && m[from].x != NULL && m[to].x != NULL && m[to].side == m[from].side; to++)
			;
		if (to - from >= LADDER)
			run(e, m + from, to - from, 0, guard, depth);
		else
			for (uint32_t i = from; i < to && !e->failed; i++)
				emit_one(e, m[i].rule, guard);
	}
}

/* --- all of a dispatch --- */

/* The sides of thresholds of one rule. */
struct sides {
	struct member m;
	uint32_t side[SIDES], n;
};

static void
note_side(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want)
{
	struct sides *s = (struct sides *)m; /* its first member */

	s->m.x = NULL;
	take_threshold(e, &s->m, x, want);
	if (s->m.x != NULL && s->n < SIDES)
		s->side[s->n++] = s->m.side;
}

/* The least strict threshold of each side first; false: some rule has none. */
static bool
take_all(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t only)
{
	for (uint32_t i = 0; i < n && !e->failed; i++) {
		m[i].x = NULL;
		m[i].only = only;
		each_part(e, e->m->rules[m[i].rule].when, true, take_threshold, &m[i]);
		if (m[i].x == NULL)
			return false;
	}
	qsort(m, n, sizeof(*m), by_threshold);
	return !e->failed;
}

/* Rows that meet the least of each side of which all rules have a threshold. [*any]: there is one. */
static uint32_t
meet_each(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t rows, bool *any)
{
	struct sides s = { .m = { .rule = m[0].rule, .only = TSN_V_NONE } };

	each_part(e, e->m->rules[s.m.rule].when, true, note_side, &s.m);
	for (uint32_t i = 0; i < s.n; i++) {
		if (!take_all(e, m, n, s.side[i]))
			continue;
		rows = tsn_emit_under(e, rows, m[0].x, m[0].want);
		*any = true;
	}
	return rows;
}

/* Rows that meet the least of some side, where each rule has some threshold. */
static uint32_t
meet_some(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t rows)
{
	uint32_t any = TSN_V_EMPTY, sides = 0;

	if (!take_all(e, m, n, TSN_V_NONE))
		return rows;
	for (uint32_t i = 0; i < n; i++)
		sides += i == 0 || m[i].side != m[i - 1].side;
	for (uint32_t i = 0; i < n && sides <= SIDES; i++)
		if (i == 0 || m[i].side != m[i - 1].side)
			any = tsn_emit_or(e, any, tsn_emit_under(e, rows, m[i].x, m[i].want));
	return sides <= SIDES ? any : rows;
}

/* What is asked of a column at once. */
static bool
is_cheap(const struct tsn_ir *x)
{
	if (x->kind == TSN_IR_FLAGS_HAS)
		return true;
	return x->kind == TSN_IR_COMPARE && x->kid[0]->kind == TSN_IR_FIELD && tsn_field_is_int(x->kid[0]->field) && x->kid[1]->kind == TSN_IR_INT;
}

/* Takes the cheap parts of one rule, and looks which of them another has. */
struct commons {
	struct member m;
	struct tsn_vparts *parts;
	bool seen[TSN_PARTS_MAX];
};

static void
note_part(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want)
{
	struct tsn_vparts *p = ((struct commons *)m)->parts; /* its first member */

	(void)e;
	if (p->n < TSN_PARTS_MAX && is_cheap(x))
		p->of[p->n++] = (struct tsn_vpart){ x, want };
}

static void
see_part(struct tsn_emit *e, struct member *m, const struct tsn_ir *x, bool want)
{
	struct commons *c = (struct commons *)m;

	(void)e;
	for (uint32_t i = 0; i < c->parts->n; i++)
		c->seen[i] |= c->parts->of[i].x == x && c->parts->of[i].want == want;
}

static void
keep_seen(struct commons *c)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->parts->n; i++)
		if (c->seen[i])
			c->parts->of[kept++] = c->parts->of[i];
	c->parts->n = kept;
	memset(c->seen, 0, sizeof(c->seen));
}

/* What all rules ask, so that it is asked once; their blocks need not ask it again. */
static uint32_t
meet_common(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t rows, struct tsn_vparts *common)
{
	struct commons c = { .parts = common };

	each_part(e, e->m->rules[rule[0]].when, true, note_part, &c.m);
	for (uint32_t i = 1; i < n && common->n > 0; i++) {
		each_part(e, e->m->rules[rule[i]].when, true, see_part, &c.m);
		keep_seen(&c);
	}
	for (uint32_t i = 0; i < common->n && !e->failed; i++) {
		rows = tsn_emit_under(e, rows, common->of[i].x, common->of[i].want);
		tsn_emit_meet(e, common->of[i].x, common->of[i].want, true);
	}
	return rows;
}

uint32_t
tsn_emit_ahead(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t guard, struct tsn_vparts *common)
{
	struct member *m = start(e, rule, n);
	uint32_t within = e->guard, rows = guard;
	bool any = false;

	common->n = 0;
	e->guard = guard;
	if (!e->failed)
		rows = meet_common(e, rule, n, guard, common);
	if (!e->failed)
		rows = meet_each(e, m, n, rows, &any);
	if (!e->failed && !any)
		rows = meet_some(e, m, n, rows);
	e->guard = within;
	tsn_free(m);
	return rows;
}

/* --- before a block --- */

/* The threshold as it is in a dispatch; false: no number comes to it. */
static bool
as_side(const struct member *m, struct tsn_vside *out)
{
	if (!tsn_field_is_int(m->x->kid[0]->field) || (m->open && m->exact == INT64_MAX))
		return false;
	*out = (struct tsn_vside){ m->side, m->exact + m->open, INT64_MAX, m->x, m->want };
	return true;
}

void
tsn_emit_side(struct tsn_emit *e, const uint32_t *rule, uint32_t n, struct tsn_vside *out)
{
	struct sides s = { .m = { .rule = rule[0], .only = TSN_V_NONE } };
	struct member *m = start(e, rule, n);
	struct tsn_vside side;

	out->side = TSN_V_NONE;
	if (!e->failed)
		each_part(e, e->m->rules[s.m.rule].when, true, note_side, &s.m);
	for (uint32_t i = 0; i < s.n && !e->failed; i++)
		if (take_all(e, m, n, s.side[i]) && as_side(m, &side) &&
		    (out->side == TSN_V_NONE || tsn_emit_share(side.x, side.want) < tsn_emit_share(out->x, out->want)))
			*out = side;
	tsn_free(m);
}

bool
tsn_emit_is_rare(struct tsn_emit *e, uint32_t rule)
{
	struct member *m = start(e, &rule, 1);
	struct tsn_vside side;
	bool rare = false;

	if (!e->failed) {
		each_part(e, e->m->rules[rule].when, true, take_threshold, m);
		rare = m->x != NULL && as_side(m, &side) && tsn_emit_share(side.x, side.want) < RARE;
	}
	tsn_free(m);
	return rare;
}

bool
tsn_emit_meet(struct tsn_emit *e, const struct tsn_ir *x, bool want, bool met)
{
	bool *slot = &e->part_met[place_of(x, want)], was = *slot;

	*slot = met;
	return was;
}

/* --- all of a block --- */

static void
in_turn(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t guard, unsigned depth)
{
	bool grouped = n >= GROUP && depth < GROUPS_MAX;
	uint32_t from = 0, to;

	if (e->failed || guard == TSN_V_EMPTY)
		return;
	if (grouped)
		find_parts(e, m, n);
	for (; grouped && from < n && m[from].x != NULL; from = to) {
		const struct tsn_ir *x = m[from].x;
		const bool want = m[from].want;
		struct door d = enter(e, x, want, guard);

		for (to = from; to < n && m[to].x == x && m[to].want == want; to++)
			;
		in_turn(e, m + from, to - from, d.rows, depth + 1);
		leave(e, x, want, &d);
	}
	ladder(e, m + from, n - from, guard, depth);
}

void
tsn_emit_in_turn(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t guard)
{
	struct member *m = start(e, rule, n);

	if (!e->failed)
		in_turn(e, m, n, guard, 0);
	tsn_free(m);
}
