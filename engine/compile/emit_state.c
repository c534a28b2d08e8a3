/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Families and their folds. A family is folded once in each code, where its
 * first reader needs it: never behind a jump, because what it counts does not depend on who asks.
 */
#include "compile/emit.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define NOT_TUMBLING 1
#define TUMBLING 2

/* --- finding the families --- */

enum tsn_door
tsn_emit_door(const struct tsn_ir_agg *a)
{
	return a->talks ? TSN_DOOR_TALK : TSN_DOOR_FLOW;
}


static struct tsn_efamily *
family_at(struct tsn_emit *e, uint32_t f)
{
	return (struct tsn_efamily *)e->families.p + f;
}

static bool
families_rehash(struct tsn_emit *e)
{
	size_t n = e->nfamily_slots ? e->nfamily_slots * 2 : 64;
	uint32_t *slot = tsn_emit_zeroed(e, n, sizeof(*slot));

	if (slot == NULL)
		return false;
	for (size_t i = 0; i < e->families.n; i++) {
		const char *canon = family_at(e, (uint32_t)i)->first->family_canon;
		size_t at = tsn_hash_bytes(canon, strlen(canon), 0) & (n - 1);

		while (slot[at] != 0)
			at = (at + 1) & (n - 1);
		slot[at] = (uint32_t)i + 1;
	}
	tsn_free(e->family_slot);
	e->family_slot = slot;
	e->nfamily_slots = n;
	return true;
}

static uint32_t
family_for(struct tsn_emit *e, const struct tsn_ir_agg *a)
{
	struct tsn_efamily *f;
	size_t at;

	if (e->failed || (e->families.n * 2 >= e->nfamily_slots && !families_rehash(e)))
		return 0;
	at = tsn_hash_bytes(a->family_canon, strlen(a->family_canon), 0) & (e->nfamily_slots - 1);
	for (; e->family_slot[at] != 0; at = (at + 1) & (e->nfamily_slots - 1)) {
		uint32_t i = e->family_slot[at] - 1;

		if (strcmp(family_at(e, i)->first->family_canon, a->family_canon) == 0)
			return i;
	}
	f = tsn_vec_add(e, &e->families, sizeof(*f));
	if (f == NULL)
		return 0;
	f->first = a;
	e->family_slot[at] = (uint32_t)e->families.n;
	return (uint32_t)e->families.n - 1;
}

static uint32_t
agg_in_family(struct tsn_emit *e, struct tsn_efamily *f, const struct tsn_ir_agg *a)
{
	const struct tsn_ir_agg **slot = f->aggs.p;

	if (a->max_keys > f->max_keys)
		f->max_keys = a->max_keys; /* not part of the canonical form: the largest wins */
	for (size_t i = 0; i < f->aggs.n; i++)
		if (strcmp(slot[i]->agg_canon, a->agg_canon) == 0)
			return (uint32_t)i;
	slot = tsn_vec_add(e, &f->aggs, sizeof(*slot));
	if (slot == NULL)
		return 0;
	*slot = a;
	return (uint32_t)f->aggs.n - 1;
}

/* Enters an aggregate and those inside it, inner ones first, and who reads each. */
static void
enter(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	const struct tsn_reader *reader = arg;
	struct tsn_reader inner = { TSN_V_NONE, x->agg }, *r;
	struct tsn_efamily *f;
	bool known = e->family_of[x->id] != 0;

	if (!known) {
		tsn_emit_each_agg(e, x->agg->where, enter, &inner);
		if (x->agg->arg != NULL)
			tsn_emit_each_agg(e, x->agg->arg, enter, &inner);
		e->family_of[x->id] = family_for(e, x->agg) + 1;
		if (!e->failed)
			e->agg_of[x->id] = agg_in_family(e, family_at(e, e->family_of[x->id] - 1), x->agg);
	}
	if (e->failed)
		return;
	f = family_at(e, e->family_of[x->id] - 1);
	r = f->readers.p;
	if (f->readers.n > 0 && r[f->readers.n - 1].rule == reader->rule && r[f->readers.n - 1].agg == reader->agg)
		return;
	r = tsn_vec_add(e, &f->readers, sizeof(*r));
	if (r != NULL)
		*r = *reader;
}

/* Counts the rules every node is in, aggregates' insides included. */
static void
count_uses(struct tsn_emit *e, const struct tsn_ir *x)
{
	if (!tsn_emit_first_time(e, x, true))
		return;
	e->uses[x->id]++;
	for (uint32_t i = 0; i < x->nkids; i++)
		count_uses(e, x->kid[i]);
	if (x->kind == TSN_IR_AGG) {
		count_uses(e, x->agg->where);
		if (x->agg->arg != NULL)
			count_uses(e, x->agg->arg);
	}
}

static void
close_agg(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	(void)arg;
	family_at(e, e->family_of[x->id] - 1)->closes[e->agg_of[x->id]] = true;
}

/* Gathers the comparisons that only a closing decides, in a condition that is asked for being true. */
static void
gather_late(struct tsn_emit *e, struct tsn_vec *late, const struct tsn_ir *x, bool want)
{
	const struct tsn_ir **slot;

	if (!x->stateful || !tsn_emit_first_time(e, x, want))
		return;
	if (x->kind == TSN_IR_NOT) {
		gather_late(e, late, x->kid[0], !want);
	} else if (!tsn_ir_is_leaf(x)) {
		for (uint32_t i = 0; i < x->nkids; i++)
			gather_late(e, late, x->kid[i], want);
	} else if (x->kind == TSN_IR_COMPARE && !tsn_emit_flow_decides(e, x, want)) {
		slot = tsn_vec_add(e, late, sizeof(*slot));
		if (slot != NULL)
			*slot = x;
	}
}

static void
gather_tumbling(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	const struct tsn_ir **slot;

	if (!x->agg->tumbling || e->family_of[x->id] == 0)
		return;
	slot = tsn_vec_add(e, arg, sizeof(*slot));
	if (slot != NULL)
		*slot = x;
}

/*
 * Does the closing of [y]'s windows bring every group that that of [x] would? Of one family and window,
 * a count has all groups, and equal arguments have equal groups.
 */
static bool
closes_for(const struct tsn_emit *e, const struct tsn_ir *y, const struct tsn_ir *x)
{
	const struct tsn_ir_agg *a = x->agg, *b = y->agg;

	if (e->family_of[x->id] != e->family_of[y->id] || a->window_ms != b->window_ms ||
	    a->by_received != b->by_received)
		return false;
	if (e->agg_of[x->id] == e->agg_of[y->id])
		return y->id < x->id;
	if (b->fn == TSN_AGG_COUNT)
		return true;
	return a->fn != TSN_AGG_COUNT && a->fn != TSN_AGG_DISTINCT && b->fn != TSN_AGG_DISTINCT && a->arg == b->arg &&
	    y->id < x->id;
}

/* Calls [each] for the aggregates whose closing windows a rule waits for, so that it sees each group once. */
static void
each_closing(struct tsn_emit *e, const struct tsn_ir *when,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_ir *agg), void *arg)
{
	struct tsn_vec late = { NULL, 0, 0 }, aggs = { NULL, 0, 0 };
	const struct tsn_ir **x;

	tsn_emit_walk(e);
	gather_late(e, &late, when, true);
	x = late.p;
	for (size_t i = 0; i < late.n; i++) {
		tsn_emit_each_agg(e, x[i]->kid[0], gather_tumbling, &aggs);
		tsn_emit_each_agg(e, x[i]->kid[1], gather_tumbling, &aggs);
	}
	x = aggs.p;
	for (size_t i = 0; i < aggs.n && !e->failed; i++) {
		bool covered = false;

		for (size_t k = 0; k < aggs.n; k++)
			covered |= x[k] != x[i] && closes_for(e, x[k], x[i]);
		if (!covered)
			each(e, arg, x[i]);
	}
	tsn_free(late.p);
	tsn_free(aggs.p);
}

void
tsn_emit_families(struct tsn_emit *e)
{
	for (uint32_t i = 0; i < e->m->nrules && !e->failed; i++) {
		const struct tsn_ir_rule *r = &e->m->rules[i];
		struct tsn_reader reader = { i, NULL };

		if (r->meta.disabled)
			continue;
		tsn_emit_walk(e);
		count_uses(e, r->when);
		count_uses(e, r->except);
		tsn_emit_each_agg(e, r->when, enter, &reader);
		tsn_emit_each_agg(e, r->except, enter, &reader);
		for (uint32_t k = 0; k < r->nreports; k++) {
			tsn_emit_each_agg(e, r->report[k].compare, enter, &reader);
			tsn_emit_each_agg(e, r->report[k].value, enter, &reader);
			tsn_emit_each_agg(e, r->report[k].threshold, enter, &reader);
		}
		for (uint32_t k = 0; k < r->ndefines; k++)
			tsn_emit_each_agg(e, r->define[k], enter, &reader);
		for (uint32_t k = 0; k < r->nrungs; k++)
			tsn_emit_each_agg(e, r->rung[k].when, enter, &reader);
		if (r->until != NULL) {
			count_uses(e, r->until);
			tsn_emit_each_agg(e, r->until, enter, &reader);
		}
	}
	for (uint32_t i = 0; i < e->families.n && !e->failed; i++)
		family_at(e, i)->closes = tsn_emit_zeroed(e, family_at(e, i)->aggs.n, sizeof(bool));
	for (uint32_t i = 0; i < e->m->nrules && !e->failed; i++) {
		if (!e->m->rules[i].meta.disabled)
			each_closing(e, e->m->rules[i].when, close_agg, NULL);
	}
}

/* --- `per` windows --- */

bool
tsn_emit_has_tumbling(struct tsn_emit *e, const struct tsn_ir *x)
{
	bool has = false;

	if (!x->stateful)
		return false;
	if (e->tumbling[x->id] != 0)
		return e->tumbling[x->id] == TUMBLING;
	if (x->kind == TSN_IR_AGG)
		has = x->agg->tumbling;
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

bool
tsn_emit_needs_close(struct tsn_emit *e, const struct tsn_ir *when)
{
	struct tsn_vec late = { NULL, 0, 0 };
	bool any;

	tsn_emit_walk(e);
	gather_late(e, &late, when, true);
	any = late.n > 0;
	tsn_free(late.p);
	return any;
}

static void
and_closed(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	uint32_t *m = arg;

	if (x->agg->tumbling)
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

static void
or_closing(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	uint32_t *m = arg;

	*m = tsn_emit_or(e, *m, tsn_emit_mask_op(e, TSN_OP_CODE_CLOSING, e->family_of[x->id] - 1,
	    e->agg_of[x->id], 0));
}

uint32_t
tsn_emit_closing(struct tsn_emit *e, const struct tsn_ir *when)
{
	uint32_t m = TSN_V_EMPTY;

	each_closing(e, when, or_closing, &m);
	return m;
}

/* --- folds --- */

/* Integer or real, as its argument made it in the family's own code, which comes before that of ticks. */
static enum tsn_vclass
result_class(struct tsn_emit *e, uint32_t f, size_t i, const struct tsn_ir_agg *a)
{
	const struct tsn_vcode *own = &e->code[tsn_emit_door(family_at(e, f)->first)];
	struct tsn_agg_def def = { .fn = a->fn };

	if (e->now != own)
		return (enum tsn_vclass)((struct tsn_vreg *)own->vreg.p)[own->fold[f].result[i]].cls;
	def.real = own->fold[f].arg[i] != TSN_V_NONE && tsn_vreg_class(e, own->fold[f].arg[i]) == TSN_VC_REAL;
	return tsn_agg_real(&def) ? TSN_VC_REAL : TSN_VC_INT;
}

static uint32_t
argument(struct tsn_emit *e, const struct tsn_ir_agg *a)
{
	uint32_t v;

	if (a->arg == NULL || !tsn_agg_has_arg(a->fn))
		return TSN_V_NONE;
	v = tsn_emit_value(e, a->arg);
	if (!a->share || (a->fn != TSN_AGG_SUM && a->fn != TSN_AGG_RATE))
		return v;
	tsn_emit_use_field(e, TSN_F_DURATION);
	return tsn_emit_value_op(e, TSN_OP_CODE_SHARE, tsn_vreg_class(e, v), v, tsn_emit_int(e, a->window_ms));
}

static void
fold(struct tsn_emit *e, uint32_t f)
{
	struct tsn_vcode *c = e->now;
	struct tsn_vfold *fold = &c->fold[f];
	const struct tsn_ir_agg *first = family_at(e, f)->first;
	const struct tsn_ir_agg *const *aggs = family_at(e, f)->aggs.p;
	size_t n = family_at(e, f)->aggs.n;
	const char *note = e->note;
	const bool tick = c->door == TSN_DOOR_TICK;
	uint32_t read, begin;

	fold->done = true;
	e->note = first->family_canon;
	tsn_emit_use_key(e, &first->key);
	fold->counted = tick ? TSN_V_EMPTY : tsn_emit_mask(e, first->where, true);
	read = tick ? TSN_V_ROWS : tsn_emit_read(e, f, fold->counted);
	begin = tsn_emit_here(e);
	for (size_t i = 0; i < n; i++) {
		tsn_emit_use_key(e, &aggs[i]->tuple);
		fold->arg[i] = tick ? TSN_V_NONE : argument(e, aggs[i]);
	}
	tsn_emit_region(e, fold->counted, begin);
	for (size_t i = 0; i < n && !e->failed; i++)
		fold->result[i] = tsn_vreg_new(e, result_class(e, f, i, aggs[i]));
	for (size_t i = 0; i < n; i++)
		if (fold->arg[i] != TSN_V_NONE)
			tsn_emit_lazy(e, fold->arg[i]);
	e->note = first->family_canon;
	tsn_emit_plain_op(e, TSN_OP_CODE_FOLD, f, fold->counted, read);
	e->note = note;
}

uint32_t
tsn_emit_agg(struct tsn_emit *e, const struct tsn_ir *x)
{
	uint32_t f = e->family_of[x->id] - 1;

	/* an aggregate of no rule that counts: cannot be, as every root was entered */
	if (e->failed || e->family_of[x->id] == 0) {
		e->failed = true;
		return TSN_V_EMPTY;
	}
	if (!e->now->fold[f].done)
		fold(e, f);
	return e->failed ? TSN_V_EMPTY : e->now->fold[f].result[e->agg_of[x->id]];
}

static void
fold_one(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	(void)arg;
	tsn_emit_agg(e, x);
}

void
tsn_emit_folds(struct tsn_emit *e, const struct tsn_ir *x)
{
	tsn_emit_each_agg(e, x, fold_one, NULL);
}
