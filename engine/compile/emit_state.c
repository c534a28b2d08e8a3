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

uint32_t
tsn_emit_family_of(struct tsn_emit *e, const struct tsn_ir_agg *a)
{
	return family_for(e, a);
}

static uint32_t
agg_in_family(struct tsn_emit *e, uint32_t family, const struct tsn_ir_agg *a)
{
	struct tsn_efamily *f = family_at(e, family);
	const struct tsn_ir_agg **slot;
	uint32_t at;

	if (a->max_keys > f->max_keys)
		f->max_keys = a->max_keys; /* not part of the canonical form: the largest wins */
	at = tsn_names_find(&f->places, a->agg_canon);
	if (at != TSN_NAMES_NONE)
		return at;
	slot = tsn_vec_add(e, &f->aggs, sizeof(*slot));
	if (slot == NULL || !tsn_names_add(&f->places, a->agg_canon, (uint32_t)f->aggs.n - 1)) {
		e->failed = true;
		return 0;
	}
	*slot = a;
	return (uint32_t)f->aggs.n - 1;
}

void
tsn_emit_inside(struct tsn_emit *e, const struct tsn_ir_agg *a, bool args,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_ir *x), void *arg)
{
	if (a->nsteps == 0)
		each(e, arg, a->where);
	for (uint32_t i = 0; i < a->nsteps; i++)
		each(e, arg, a->step[i].where);
	if (args && a->arg != NULL)
		each(e, arg, a->arg);
}

static void enter(struct tsn_emit *e, void *arg, const struct tsn_ir *x);

static void
enter_inside(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	tsn_emit_each_agg(e, x, enter, arg);
}

/* Enters an aggregate and those inside it, inner ones first, and who reads each. */
static void
enter(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	const struct tsn_reader *reader = arg;
	struct tsn_reader inner = { .rule = TSN_V_NONE, .agg = x->agg }, *r;
	struct tsn_efamily *f;
	bool known = e->family_of[x->id] != 0;

	if (!known) {
		tsn_emit_inside(e, x->agg, true, enter_inside, &inner);
		e->family_of[x->id] = family_for(e, x->agg) + 1;
		/* what it is about may stand nowhere else */
		if (!e->failed && x->agg->of != NULL)
			agg_in_family(e, e->family_of[x->id] - 1, x->agg->of);
		if (!e->failed)
			e->agg_of[x->id] = agg_in_family(e, e->family_of[x->id] - 1, x->agg);
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

static void count_uses(struct tsn_emit *e, const struct tsn_ir *x);

static void
count_inside(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	(void)arg;
	count_uses(e, x);
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
	if (x->kind == TSN_IR_AGG)
		tsn_emit_inside(e, x->agg, true, count_inside, NULL);
}

static void
note_closing(struct tsn_emit *e, void *arg, const struct tsn_closing *c)
{
	(void)arg;
	/* runs that end at ticks have no windows to close: whoever tells their steps knows */
	family_at(e, c->family)->closes[c->agg] = c->a->fn != TSN_AGG_SEQUENCE;
}

/* rank(...) <= N: the greatest N there is. */
static void
note_top(struct tsn_emit *e, const struct tsn_ir *x)
{
	const struct tsn_ir *rank, *n;
	uint32_t *top;

	if (x->kind != TSN_IR_COMPARE || x->kid[0]->kind != TSN_IR_AGG || x->kid[1]->kind != TSN_IR_INT)
		return;
	rank = x->kid[0];
	n = x->kid[1];
	if (rank->agg->fn != TSN_AGG_RANK || (x->rel != TSN_REL_LE && x->rel != TSN_REL_LT) || n->i <= 0 || n->i > UINT32_MAX)
		return;
	top = &family_at(e, e->family_of[rank->id] - 1)->top[e->agg_of[rank->id]];
	if (n->i - (x->rel == TSN_REL_LT) > *top)
		*top = (uint32_t)(n->i - (x->rel == TSN_REL_LT));
}

static void
find_tops(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	if (!x->stateful || !tsn_emit_first_time(e, x, true))
		return;
	note_top(e, x);
	for (uint32_t i = 0; i < x->nkids; i++)
		find_tops(e, arg, x->kid[i]);
	if (x->kind == TSN_IR_AGG)
		tsn_emit_inside(e, x->agg, true, find_tops, arg);
}

/* A baseline waits for all windows of what it is about. */
static bool
is_awaited(const struct tsn_efamily *f, size_t at)
{
	const struct tsn_ir_agg *const *a = f->aggs.p;

	for (size_t i = 0; i < f->aggs.n; i++)
		if (a[i]->fn == TSN_AGG_BASELINE && strcmp(a[i]->of->agg_canon, a[at]->agg_canon) == 0)
			return true;
	return f->closes[at] && a[at]->tumbling;
}

static void
list_awaited(struct tsn_emit *e)
{
	struct tsn_vec list = { NULL, 0, 0 };

	for (uint32_t i = 0; i < e->families.n; i++) {
		const struct tsn_efamily *f = family_at(e, i);

		for (size_t k = 0; k < f->aggs.n && !e->failed; k++) {
			const struct tsn_ir_agg **slot = is_awaited(f, k) ? tsn_vec_add(e, &list, sizeof(*slot)) : NULL;

			if (slot != NULL)
				*slot = ((const struct tsn_ir_agg **)f->aggs.p)[k];
		}
	}
	e->m->awaited = tsn_emit_in_arena(e, list.n, sizeof(*e->m->awaited));
	if (!e->failed && list.n > 0)
		memcpy(e->m->awaited, list.p, list.n * sizeof(*e->m->awaited));
	e->m->nawaited = e->failed ? 0 : (uint32_t)list.n;
	tsn_free(list.p);
}

/* Once all families are known. */
static void
finish_families(struct tsn_emit *e)
{
	for (uint32_t i = 0; i < e->families.n && !e->failed; i++) {
		family_at(e, i)->closes = tsn_emit_zeroed(e, family_at(e, i)->aggs.n, sizeof(bool));
		family_at(e, i)->top = tsn_emit_zeroed(e, family_at(e, i)->aggs.n, sizeof(uint32_t));
	}
	tsn_emit_walk(e);
	for (uint32_t i = 0; i < e->m->nrules && !e->failed; i++)
		if (!tsn_emit_leaves_out(e, i))
			find_tops(e, NULL, e->m->rules[i].when);
	for (uint32_t i = 0; i < e->m->nrules && !e->failed; i++)
		if (!tsn_emit_leaves_out(e, i))
			tsn_emit_rule_closings(e, &e->m->rules[i], note_closing, NULL);
	if (e->whole == NULL && !e->failed)
		list_awaited(e);
	tsn_emit_find_guards(e);
}

struct reading_rule {
	struct tsn_emit *e;
	struct tsn_reader reader;
};

static void
enter_root(void *arg, const struct tsn_ir *x)
{
	struct reading_rule *r = arg;

	tsn_emit_each_agg(r->e, x, enter, &r->reader);
}

void
tsn_emit_families(struct tsn_emit *e)
{
	for (uint32_t i = 0; i < e->m->nrules && !e->failed; i++) {
		const struct tsn_ir_rule *r = &e->m->rules[i];
		struct reading_rule reading = { e, { .rule = i } };

		if (tsn_emit_leaves_out(e, i))
			continue;
		tsn_emit_walk(e);
		count_uses(e, r->when);
		count_uses(e, r->except);
		if (r->until != NULL)
			count_uses(e, r->until);
		tsn_ir_each_root(r, enter_root, &reading);
	}
	finish_families(e);
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

/* Rows that meet a condition; at ticks only those that close what it waits for (S4). */
static uint32_t
counted(struct tsn_emit *e, const struct tsn_ir *where)
{
	uint32_t m = TSN_V_ROWS;

	if (e->now->door == TSN_DOOR_TICK)
		m = tsn_emit_closing(e, where);
	return m == TSN_V_EMPTY ? m : tsn_emit_and(e, m, tsn_emit_mask(e, where, true));
}

/* Each step is met by rows of its own; the last one's are those that are given a result. */
static void
step_masks(struct tsn_emit *e, const struct tsn_ir_agg *a, struct tsn_vfold *fold)
{
	fold->step = tsn_emit_zeroed(e, a->nsteps, sizeof(*fold->step));
	for (uint32_t i = 0; i < a->nsteps && !e->failed; i++) {
		uint32_t m = a->step[i].rule != NULL ? TSN_V_EMPTY : counted(e, a->step[i].where);

		tsn_emit_use_key(e, &a->step[i].key);
		fold->step[i] = a->step[i].rule != NULL || (m == TSN_V_EMPTY && e->now->door == TSN_DOOR_TICK) ? TSN_V_NONE : m;
		fold->counted = m;
	}
}

static void
use_fields(struct tsn_emit *e, const struct tsn_ir_agg *a)
{
	static const uint8_t hop[] = { TSN_F_SRC, TSN_F_DST, TSN_F_EXPORTER, TSN_F_DST_PORT, TSN_F_PROTO }; /* told of who met a step */

	tsn_emit_use_key(e, &a->key);
	tsn_emit_use_key(e, &a->at);
	tsn_emit_use_key(e, &a->tuple);
	if (a->fn == TSN_AGG_JITTER) {
		tsn_emit_use_field(e, TSN_F_START);
		tsn_emit_use_field(e, TSN_F_END);
	}
	for (size_t i = 0; a->fn == TSN_AGG_SEQUENCE && i < sizeof(hop); i++)
		tsn_emit_use_field(e, hop[i]);
}

static void
fold_inside(struct tsn_emit *e, void *arg, const struct tsn_ir *x)
{
	(void)arg;
	tsn_emit_folds(e, x);
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
	uint32_t read, must, begin;

	fold->done = fold->open = true;
	/* what ticks look at counts flows, also where flows do not look at it */
	for (size_t i = 0; i < n && c->door != TSN_DOOR_TICK; i++)
		tsn_emit_inside(e, aggs[i], true, fold_inside, NULL);
	e->note = first->family_canon;
	if (first->nsteps > 0)
		step_masks(e, first, fold);
	else
		fold->counted = first->fired != NULL ? TSN_V_EMPTY : counted(e, first->where);
	read = tsn_emit_read(e, f, fold->counted, &must);
	fold->must = must == TSN_V_EMPTY ? TSN_V_NONE : must;
	begin = tsn_emit_here(e);
	for (size_t i = 0; i < n; i++) {
		use_fields(e, aggs[i]);
		fold->arg[i] = fold->counted == TSN_V_EMPTY && c->door == TSN_DOOR_TICK ? TSN_V_NONE : argument(e, aggs[i]);
	}
	tsn_emit_region(e, fold->counted, begin);
	for (size_t i = 0; i < n && !e->failed; i++)
		fold->result[i] = tsn_vreg_new(e, result_class(e, f, i, aggs[i]));
	for (size_t i = 0; i < n; i++)
		if (fold->arg[i] != TSN_V_NONE)
			tsn_emit_lazy(e, fold->arg[i]);
	e->note = first->family_canon;
	if (first->nsteps > 0)
		tsn_emit_plain_op(e, TSN_OP_CODE_STEPS, f, read, 0);
	else
		tsn_emit_plain_op(e, TSN_OP_CODE_FOLD, f, fold->counted, read);
	fold->open = false;
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
