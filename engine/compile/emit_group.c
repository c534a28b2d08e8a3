/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rules of one block that no further field tells apart, tested in turn: what several of them ask is asked once for all of
 * them, and they are gone past together where no row is left.
 */
#include "compile/emit_index.h"

#include <stdlib.h>

#include "base/mem.h"

#define GROUP 3      /* rules that share a test, from which it is asked once */
#define GROUPS_MAX 6 /* in each other */

/* A rule with the part of its condition that most of its neighbours have, too. */
struct member {
	uint32_t rule;
	const struct tsn_ir *x; /* NULL: too few have one */
	bool want;
	uint32_t count;
};

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

static void in_turn(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t guard, unsigned depth);

static void
emit_group(struct tsn_emit *e, struct member *m, uint32_t n, uint32_t guard, unsigned depth)
{
	const struct tsn_ir *x = m[0].x;
	bool want = m[0].want;
	uint32_t rows, test;

	e->guard = guard;
	rows = tsn_emit_under(e, guard, x, want);
	e->guard = TSN_V_NONE;
	test = tsn_emit_test_at(e, rows);
	e->part_met[place_of(x, want)] = true;
	in_turn(e, m, n, rows, depth + 1);
	e->part_met[place_of(x, want)] = false;
	if (test != TSN_V_NONE && !e->failed)
		((struct tsn_vinsn *)e->now->insn.p)[test].c = tsn_emit_here(e);
}

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
		for (to = from; to < n && m[to].x == m[from].x && m[to].want == m[from].want; to++)
			;
		emit_group(e, m + from, to - from, guard, depth);
	}
	for (; from < n && !e->failed; from++)
		emit_one(e, m[from].rule, guard);
}

void
tsn_emit_in_turn(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t guard)
{
	struct member *m = tsn_emit_zeroed(e, (size_t)n + 1, sizeof(*m));

	if (e->part_count == NULL) {
		e->part_count = tsn_emit_zeroed(e, (size_t)e->nodes * 2, sizeof(*e->part_count));
		e->part_met = tsn_emit_zeroed(e, (size_t)e->nodes * 2, sizeof(*e->part_met));
	}
	for (uint32_t i = 0; i < n && !e->failed; i++)
		m[i].rule = rule[i];
	if (!e->failed)
		in_turn(e, m, n, guard, 0);
	tsn_free(m);
}
