/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Which rows need an aggregate's value (ENGINE_DESIGN: read only what can still matter). A rule
 * looks at rows that meet its per-flow conditions and have part in it; an
 * aggregate's `where` at rows that meet its per-flow conditions. What of that
 * is counted anyway, provably, is not read; nor is what another part of the condition has ruled out
 * (emit_guard.c).
 *
 * The proof is about the parts of conjunctions: rows of T(a and b and c) are
 * among those of T(a and c).
 */
#include "compile/emit.h"

#include <string.h>

#include "base/mem.h"

/* --- walks over aggregates --- */

static void
gather_aggs(struct tsn_emit *e, struct tsn_vec *v, const struct tsn_ir *x)
{
	const struct tsn_ir **slot;

	if (!x->stateful || !tsn_emit_first_time(e, x, true))
		return;
	if (x->kind == TSN_IR_AGG) {
		slot = tsn_vec_add(e, v, sizeof(*slot));
		if (slot != NULL)
			*slot = x;
		return;
	}
	for (uint32_t i = 0; i < x->nkids; i++)
		gather_aggs(e, v, x->kid[i]);
}

void
tsn_emit_each_agg(struct tsn_emit *e, const struct tsn_ir *x,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_ir *agg), void *arg)
{
	struct tsn_vec v = { NULL, 0, 0 };

	if (!x->stateful)
		return;
	tsn_emit_walk(e);
	gather_aggs(e, &v, x);
	for (size_t i = 0; i < v.n && !e->failed; i++)
		each(e, arg, ((const struct tsn_ir **)v.p)[i]);
	tsn_free(v.p);
}

/* --- conjunctions as sets of parts --- */

void
tsn_emit_stamp_parts(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	tsn_emit_parts(e, x, want, NULL, NULL);
}

bool
tsn_emit_all_stamped(const struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	if (e->stamp[2 * x->id + want] == e->walk)
		return true;
	if (x->kind == (want ? TSN_IR_TRUE : TSN_IR_FALSE))
		return true;
	if (x->kind == TSN_IR_NOT)
		return tsn_emit_all_stamped(e, x->kid[0], !want);
	if (x->kind != (want ? TSN_IR_AND : TSN_IR_OR))
		return false;
	for (uint32_t i = 0; i < x->nkids; i++)
		if (!tsn_emit_all_stamped(e, x->kid[i], want))
			return false;
	return true;
}

/* --- having part in a rule --- */

struct touch {
	const struct tsn_ir_rule *r;
	uint64_t keys[(TSN_FIELD_COUNT + 63) / 64]; /* fields of the keys of its aggregates */
	bool any;                                   /* has aggregates */
	struct tsn_vec aggs;                        /* const struct tsn_ir_agg * */
	struct tsn_vec tests;                       /* struct touch_test: leaves that name another field */
};

struct touch_test {
	const struct tsn_ir *x;
	bool want;
};

static void
touch_agg(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct touch *t = arg;
	const struct tsn_ir_agg **slot = tsn_vec_add(e, &t->aggs, sizeof(*slot));

	if (slot != NULL)
		*slot = x->agg;
	for (unsigned i = 0; i < x->agg->key.n - x->agg->tail; i++)
		t->keys[x->agg->key.part[i].field / 64] |= UINT64_C(1) << (x->agg->key.part[i].field % 64);
	for (unsigned i = 0; i < x->agg->at.n; i++)
		t->keys[x->agg->at.part[i].field / 64] |= UINT64_C(1) << (x->agg->at.part[i].field % 64);
	t->any = true;
}

/* Does a leaf name a field that is no key? Only its values are walked, which conditions' stamps do not cover. */
static bool
names_other(struct tsn_emit *e, const struct touch *t, const struct tsn_ir *x)
{
	if (x->kind == TSN_IR_FIELD)
		return !(t->keys[x->field / 64] >> (x->field % 64) & 1);
	for (uint32_t i = 0; i < x->nkids; i++)
		if (tsn_emit_first_time(e, x->kid[i], true) && names_other(e, t, x->kid[i]))
			return true;
	return false;
}

static void
gather_tests(struct tsn_emit *e, struct touch *t, const struct tsn_ir *x, bool want)
{
	struct touch_test *slot;

	if (!tsn_emit_first_time(e, x, want))
		return;
	if (x->kind == TSN_IR_NOT) {
		gather_tests(e, t, x->kid[0], !want);
	} else if (!tsn_ir_is_leaf(x)) {
		for (uint32_t i = 0; i < x->nkids; i++)
			gather_tests(e, t, x->kid[i], want);
	} else if (!x->stateful) {
		slot = tsn_vec_add(e, &t->tests, sizeof(*slot));
		if (slot != NULL)
			*slot = (struct touch_test){ x, want };
	}
}

static void
touch_init(struct tsn_emit *e, struct touch *t, const struct tsn_ir_rule *r)
{
	struct touch_test *test;
	size_t kept = 0;

	memset(t, 0, sizeof(*t));
	t->r = r;
	tsn_emit_each_agg(e, r->when, touch_agg, t);
	tsn_emit_walk(e);
	gather_tests(e, t, r->when, true);
	test = t->tests.p;
	for (size_t i = 0; i < t->tests.n && !e->failed; i++) {
		tsn_emit_walk(e);
		if (names_other(e, t, test[i].x))
			test[kept++] = test[i];
	}
	t->tests.n = kept;
}

static void
touch_fini(struct touch *t)
{
	tsn_free(t->aggs.p);
	tsn_free(t->tests.p);
}

static bool
is_test(const struct touch *t, const struct tsn_ir *x, bool want)
{
	const struct touch_test *test = t->tests.p;

	for (size_t i = 0; i < t->tests.n; i++)
		if (test[i].x == x && test[i].want == want)
			return true;
	return false;
}

/* A comparison with a count of the rule's own rows: where it is known, the row was counted. */
static bool
counts_itself(struct tsn_emit *e, const struct tsn_ir *x)
{
	for (int i = 0; i < 2; i++) {
		const struct tsn_ir *side = x->kid[i];

		while (side->kind == TSN_IR_TO_REAL)
			side = side->kid[0];
		if (side->kind == TSN_IR_AGG && side->agg->fn == TSN_AGG_COUNT && side->agg->at.n == 0 && tsn_emit_all_stamped(e, side->agg->where, true))
			return true;
	}
	return false;
}

/* Where [x] is as wanted, has the row part in the rule whatever else holds? The parts of `when` are stamped. */
static bool
implies_touch(struct tsn_emit *e, const struct touch *t, const struct tsn_ir *x, bool want, unsigned depth)
{
	bool all = x->kind == (want ? TSN_IR_AND : TSN_IR_OR), any = false, every = true;

	if (depth > 16)
		return false; /* not worth a longer look */
	if (x->kind == TSN_IR_NOT)
		return implies_touch(e, t, x->kid[0], !want, depth + 1);
	if (tsn_ir_is_leaf(x))
		return is_test(t, x, want) || (x->kind == TSN_IR_COMPARE && x->stateful && counts_itself(e, x));
	for (uint32_t i = 0; i < x->nkids; i++) {
		bool one = implies_touch(e, t, x->kid[i], want, depth + 1);

		any |= one;
		every &= one;
		if (all ? any : !every)
			break;
	}
	return all ? any : every;
}

static bool
implied(struct tsn_emit *e, const struct touch *t)
{
	if (!t->any)
		return true;
	tsn_emit_walk(e);
	tsn_emit_stamp_parts(e, t->r->when, true);
	return implies_touch(e, t, t->r->when, true, 0);
}

/*
 * Rows that an aggregate of the rule counted. What is about another one counts as that does; the age of a group is nobody's
 * doing. Alerts of another rule are no rows: whoever has the key has part in them.
 */
static uint32_t
counted_by(struct tsn_emit *e, const struct tsn_ir_agg *a)
{
	uint32_t m;

	if (a->of != NULL)
		a = a->of;
	if (a->fn == TSN_AGG_SINCE)
		return TSN_V_EMPTY;
	m = tsn_emit_mask(e, a->where, true);
	if (a->arg != NULL)
		m = tsn_emit_and(e, m, tsn_emit_present(e, a->arg));
	if (a->fn != TSN_AGG_JITTER)
		m = tsn_emit_and(e, m, tsn_emit_key_present(e, &a->tuple));
	return tsn_emit_and(e, m, tsn_emit_key_present(e, &a->key));
}

uint32_t
tsn_emit_touched(struct tsn_emit *e, const struct tsn_ir_rule *r)
{
	struct touch t;
	uint32_t m = TSN_V_ROWS;

	touch_init(e, &t, r);
	if (!e->failed && !implied(e, &t)) {
		m = TSN_V_EMPTY;
		for (size_t i = 0; i < t.aggs.n; i++)
			m = tsn_emit_or(e, m, counted_by(e, ((const struct tsn_ir_agg **)t.aggs.p)[i]));
		for (size_t i = 0; i < t.tests.n; i++) {
			const struct touch_test *test = (struct touch_test *)t.tests.p + i;

			m = tsn_emit_or(e, m, tsn_emit_mask(e, test->x, test->want));
		}
	}
	touch_fini(&t);
	return m;
}

/* --- what is read --- */

/* Rows of when & part that [where] does not count (NULL: whatever is counted); nothing if it counts them all. */
static uint32_t
uncounted(struct tsn_emit *e, uint32_t family, const struct tsn_ir *when, const struct tsn_ir *part, bool want,
    const struct tsn_ir *where)
{
	uint32_t m;

	tsn_emit_walk(e);
	tsn_emit_stamp_parts(e, when, true);
	if (part != NULL)
		tsn_emit_stamp_parts(e, part, want);
	if (where != NULL && tsn_emit_all_stamped(e, where, true))
		return TSN_V_EMPTY;
	m = tsn_emit_bound(e, family, when);
	return part != NULL ? tsn_emit_and(e, m, tsn_emit_upper(e, part, want)) : m;
}

static uint32_t
rule_reads(struct tsn_emit *e, const struct tsn_ir_rule *r, uint32_t family, const struct tsn_ir *where)
{
	uint32_t m = TSN_V_EMPTY;
	struct touch t;

	touch_init(e, &t, r);
	if (e->failed || implied(e, &t)) {
		m = e->failed ? m : uncounted(e, family, r->when, NULL, true, where);
	} else {
		for (size_t i = 0; i < t.aggs.n; i++)
			m = tsn_emit_or(e, m,
			    uncounted(e, family, r->when, ((const struct tsn_ir_agg **)t.aggs.p)[i]->where, true, where));
		for (size_t i = 0; i < t.tests.n; i++) {
			const struct touch_test *test = (struct touch_test *)t.tests.p + i;

			m = tsn_emit_or(e, m, uncounted(e, family, r->when, test->x, test->want, where));
		}
	}
	touch_fini(&t);
	return m;
}

/* What ends a rule's alerts need not be true where its condition is. */
static uint32_t
until_reads(struct tsn_emit *e, const struct tsn_ir_rule *r, uint32_t family, const struct tsn_ir *where)
{
	if (r->until == NULL)
		return TSN_V_EMPTY;
	return tsn_emit_asks(e, r->until, family) ? uncounted(e, family, r->until, NULL, true, where) : TSN_V_EMPTY;
}

/* What a family counts has its value anyway, but where rows read another group than they are filed in, or are none. */
static const struct tsn_ir *
counts(const struct tsn_ir_agg *first)
{
	return first->fired != NULL || first->at.n > 0 ? NULL : first->where;
}

struct reading {
	uint32_t rows, family;
	const struct tsn_ir *counted;
	bool argument; /* what is counted is made of the family's value */
};

static void
read_inside(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct reading *r = arg;

	/* of a sequence mostly one step asks */
	if (!r->argument && !tsn_emit_asks(e, x, r->family))
		return;
	r->rows = tsn_emit_or(e, r->rows, uncounted(e, r->family, x, NULL, true, r->counted));
}

static void
read_at_tick(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	struct reading *r = arg;

	r->rows = tsn_emit_or(e, r->rows, tsn_emit_closing(e, x));
}

/* At ticks no flow is there to be asked for: the rows are those that a rule, or a function, is evaluated for. */
static uint32_t
reads(struct tsn_emit *e, const struct tsn_reader *r, uint32_t family, const struct tsn_ir_agg *first)
{
	struct reading inside = { TSN_V_EMPTY, family, counts(first), false };
	bool tick = e->now->door == TSN_DOOR_TICK;

	if (r->rule != TSN_V_NONE && tick)
		return tsn_emit_tick_part(e, r->rule);
	if (r->rule != TSN_V_NONE)
		return tsn_emit_or(e, rule_reads(e, &e->m->rules[r->rule], family, inside.counted),
		    until_reads(e, &e->m->rules[r->rule], family, inside.counted));
	inside.argument = r->agg->arg != NULL && tsn_emit_asks(e, r->agg->arg, family);
	if (tick)
		tsn_emit_inside(e, r->agg, false, read_at_tick, &inside);
	else
		tsn_emit_inside(e, r->agg, false, read_inside, &inside);
	return inside.rows;
}

uint32_t
tsn_emit_read(struct tsn_emit *e, uint32_t family, uint32_t counted, uint32_t *must)
{
	const struct tsn_efamily *f = (struct tsn_efamily *)e->families.p + family;
	const struct tsn_reader *r = f->readers.p;
	/* also where all rows are counted: the state spares those of others that are not said to look; at ticks all look */
	const bool guarded = f->guarded && e->now->door != TSN_DOOR_TICK;
	uint32_t m = TSN_V_EMPTY, rows;

	*must = TSN_V_EMPTY;
	if (e->flags & TSN_EMIT_READ_ALL)
		m = TSN_V_ROWS;
	for (size_t i = 0; i < f->readers.n && (m != TSN_V_ROWS || guarded) && !e->failed; i++) {
		if (m == TSN_V_ROWS && r[i].guarded)
			continue;
		rows = reads(e, &r[i], family, f->first);
		m = tsn_emit_or(e, m, rows);
		if (guarded && !r[i].guarded)
			*must = tsn_emit_or(e, *must, rows);
	}
	if (counts(f->first) == NULL)
		return m;
	*must = tsn_emit_andnot(e, *must, counted);
	return tsn_emit_andnot(e, m, counted);
}
