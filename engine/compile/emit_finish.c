/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * From virtual to real: drops what nobody uses, decides which jumps are sound,
 * and gives out registers in one pass (each is written once, so it lives from
 * there to its last use; a jump forward shortens no life).
 */
#include "compile/emit_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define WORTH_A_JUMP 8 /* cost of a stretch, in masks and-ed, from which a jump over it pays */

struct finish {
	struct tsn_emit *e;
	struct tsn_vcode *c;
	struct tsn_vinsn *in;
	struct tsn_vreg *reg;
	uint32_t n, nregs;
	bool *live;              /* one an instruction */
	bool *used;              /* one a register */
	uint32_t *last;          /* last instruction that reads the register; 0 none */
	uint32_t *last_any;      /* the same, lazy reads and jumps included */
	uint32_t *inside;        /* region + 1 in which a register is a part of the guard */
	uint32_t *cost;          /* of live instructions before each */
	uint32_t *real_reg;      /* real register of each virtual one */
	uint32_t *place;         /* real place of each instruction, or of what comes next */
	size_t next_lazy;        /* lazy reads before it are over */
	struct tsn_vec jumps;    /* struct tsn_vregion, the sound ones, outer before inner */
	struct tsn_vec free_reg[3]; /* uint32_t, by class: a stack, so that what is warm is taken first */
};

static const struct tsn_efamily *
family_at(const struct finish *f, uint32_t family)
{
	return (const struct tsn_efamily *)f->e->families.p + family;
}

static bool
is_fold(const struct tsn_vinsn *in)
{
	return in->op == TSN_OP_CODE_FOLD || in->op == TSN_OP_CODE_STEPS;
}

/* Calls [visit] for every virtual register an instruction reads whatever its masks hold (not what it reads lazily). */
static void
each_read(struct finish *f, uint32_t at, void (*visit)(struct finish *f, uint32_t at, uint32_t reg))
{
	const struct tsn_vinsn *in = &f->in[at];
	const struct tsn_op_info *info = &tsn_ops[in->op];
	const uint32_t operand[3] = { in->a, in->b, in->c };
	int n = in->op == TSN_OP_CODE_STR_MATCH ? 2 : 3;

	for (int i = 0; i < n; i++)
		if ((info->operand[i] == TSN_OPD_MASK || info->operand[i] == TSN_OPD_VALUE) && operand[i] < f->nregs)
			visit(f, at, operand[i]);
	if (in->within != TSN_V_EMPTY)
		visit(f, at, in->within);
	if (in->op == TSN_OP_CODE_FOLD && f->c->fold[in->a].must != TSN_V_NONE)
		visit(f, at, f->c->fold[in->a].must);
	if (in->op == TSN_OP_CODE_STEPS)
		for (uint32_t i = 0; i < family_at(f, in->a)->first->nsteps; i++)
			if (f->c->fold[in->a].step[i] != TSN_V_NONE)
				visit(f, at, f->c->fold[in->a].step[i]);
}

/* And for every one it writes. */
static void
each_write(struct finish *f, uint32_t at, void (*visit)(struct finish *f, uint32_t at, uint32_t reg))
{
	const struct tsn_vinsn *in = &f->in[at];

	if (tsn_ops[in->op].result != TSN_OPD_NONE)
		visit(f, at, in->dst);
	if (in->op == TSN_OP_CODE_STR_MATCH)
		visit(f, at, in->c);
	if (is_fold(in)) {
		const struct tsn_efamily *fam = family_at(f, in->a);

		for (size_t i = 0; i < fam->aggs.n; i++)
			visit(f, at, f->c->fold[in->a].result[i]);
	}
}

/* --- what is used, and until when --- */

static void
mark_used(struct finish *f, uint32_t at, uint32_t reg)
{
	f->used[reg] = true;
	if (at > f->last[reg])
		f->last[reg] = at;
	if (at > f->last_any[reg])
		f->last_any[reg] = at;
}

static void
mark_live_if_used(struct finish *f, uint32_t at, uint32_t reg)
{
	f->live[at] |= f->used[reg];
}

static void
find_live(struct finish *f)
{
	const struct tsn_vlazy *x = f->c->lazy.p;

	for (size_t i = 0; i < f->c->lazy.n; i++) {
		f->used[x[i].vreg] = true;
		if (x[i].at > f->last_any[x[i].vreg])
			f->last_any[x[i].vreg] = x[i].at;
	}
	for (uint32_t at = f->n; at-- > 0;) {
		each_write(f, at, mark_live_if_used);
		if (tsn_ops[f->in[at].op].result == TSN_OPD_NONE || f->in[at].op == TSN_OP_CODE_DISPATCH)
			f->live[at] = true;
		if (f->live[at])
			each_read(f, at, mark_used);
	}
}

static uint32_t
cost_of(uint16_t op)
{
	switch (op) {
	case TSN_OP_CODE_AND:
	case TSN_OP_CODE_OR:
	case TSN_OP_CODE_ANDNOT:
	case TSN_OP_CODE_EMPTY:
	case TSN_OP_CODE_ROWS:
	case TSN_OP_CODE_PRESENT:
	case TSN_OP_CODE_KNOWN:
	case TSN_OP_CODE_GIVES:
	case TSN_OP_CODE_CLOSING:
	case TSN_OP_CODE_WATCHED:
		return 1;
	default:
		return WORTH_A_JUMP;
	}
}

static void
find_costs(struct finish *f)
{
	for (uint32_t at = 0; at < f->n; at++)
		f->cost[at + 1] = f->cost[at] + (f->live[at] ? cost_of(f->in[at].op) : 0);
}

/* --- which jumps are sound --- */

/* Are the rows of [reg] always among those of [guard]? Looks at how it was and-ed together. */
static bool
within(const struct finish *f, uint32_t reg, uint32_t guard, unsigned depth)
{
	const struct tsn_vinsn *in;

	if (reg == guard)
		return true;
	/* registers are numbered as they are written: what is older than the guard is not made of it */
	if (reg < guard || depth == 0)
		return false;
	in = &f->in[f->reg[reg].def];
	if (in->op == TSN_OP_CODE_AND)
		return within(f, in->a, guard, depth - 1) || within(f, in->b, guard, depth - 1);
	if (in->op == TSN_OP_CODE_ANDNOT || in->op == TSN_OP_CODE_TEST || in->op == TSN_OP_CODE_TEST_NOT)
		return within(f, in->a, guard, depth - 1);
	return in->within != TSN_V_EMPTY && within(f, in->within, guard, depth - 1);
}

static bool
is_inside(const struct finish *f, uint32_t reg, uint32_t region, uint32_t guard)
{
	return reg == guard || f->inside[reg] == region + 1;
}

/* Lazy readers look at rows of their own mask only: there are none where the guard is empty, if it is within it. */
static bool
lazy_within(const struct finish *f, uint32_t reg, uint32_t guard)
{
	const struct tsn_vlazy *x = f->c->lazy.p;

	for (uint32_t i = f->reg[reg].lazy; i != 0; i = x[i - 1].next)
		if (!within(f, f->in[x[i - 1].at].b, guard, 12))
			return false;
	return true;
}

/* What is written inside is read inside only, or is empty anyway where the guard is. */
static bool
stays_inside(struct finish *f, uint32_t at, const struct tsn_vregion *r, uint32_t number)
{
	const struct tsn_vinsn *in = &f->in[at];
	bool both = in->op == TSN_OP_CODE_OR && is_inside(f, in->a, number, r->guard) &&
	    is_inside(f, in->b, number, r->guard);

	if (in->op == TSN_OP_CODE_STR_MATCH && f->used[in->c] && f->last[in->c] >= r->end)
		return false;
	if (both || (in->op == TSN_OP_CODE_AND &&
	    (is_inside(f, in->a, number, r->guard) || is_inside(f, in->b, number, r->guard))) ||
	    (in->op == TSN_OP_CODE_ANDNOT && is_inside(f, in->a, number, r->guard)) ||
	    (in->within != TSN_V_EMPTY && is_inside(f, in->within, number, r->guard))) {
		f->inside[in->dst] = number + 1;
		return true;
	}
	return f->last[in->dst] < r->end && lazy_within(f, in->dst, r->guard);
}

static bool
is_sound(struct finish *f, const struct tsn_vregion *r, uint32_t number)
{
	if (f->cost[r->end] - f->cost[r->begin] < WORTH_A_JUMP || !f->used[r->guard])
		return false;
	for (uint32_t at = r->begin; at < r->end; at++) {
		if (!f->live[at])
			continue;
		if (tsn_ops[f->in[at].op].result == TSN_OPD_NONE || !stays_inside(f, at, r, number))
			return false;
	}
	return true;
}

static int
outer_first(const void *a, const void *b)
{
	const struct tsn_vregion *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return x->guard < y->guard ? -1 : x->guard > y->guard;
}

static void
find_jumps(struct finish *f)
{
	struct tsn_vregion *r = f->c->region.p, *slot;

	if (f->e->flags & TSN_EMIT_NO_SKIP)
		return;
	for (size_t i = 0; i < f->c->region.n; i++) {
		if (!is_sound(f, &r[i], (uint32_t)i))
			continue;
		slot = tsn_vec_add(f->e, &f->jumps, sizeof(*slot));
		if (slot != NULL)
			*slot = r[i];
	}
	if (f->jumps.n > 1)
		qsort(f->jumps.p, f->jumps.n, sizeof(*slot), outer_first);
	/* the guards are read by the jumps */
	for (size_t i = 0; i < f->jumps.n; i++) {
		slot = (struct tsn_vregion *)f->jumps.p + i;
		if (slot->begin > f->last_any[slot->guard])
			f->last_any[slot->guard] = slot->begin;
	}
}

/* --- real registers --- */

static uint32_t
take(struct finish *f, uint8_t cls)
{
	struct tsn_vec *stack = &f->free_reg[cls];
	bool *real;

	if (stack->n > 0)
		return ((uint32_t *)stack->p)[--stack->n];
	if (cls == TSN_VC_MASK)
		return f->e->nmasks++;
	real = tsn_vec_add(f->e, &f->e->value_real, sizeof(*real));
	if (real != NULL)
		*real = cls == TSN_VC_REAL;
	return f->e->nvalues++;
}

static void
give_free(struct finish *f, uint8_t cls, uint32_t real)
{
	uint32_t *slot = tsn_vec_add(f->e, &f->free_reg[cls], sizeof(*slot));

	if (slot != NULL)
		*slot = real;
}

static void
give_back(struct finish *f, uint32_t reg)
{
	give_free(f, f->reg[reg].cls, f->real_reg[reg]);
}

static void
take_written(struct finish *f, uint32_t at, uint32_t reg)
{
	if (!is_fold(&f->in[at]) || f->used[reg])
		f->real_reg[reg] = take(f, f->reg[reg].cls);
}

/* [last_any] is reset so that an operand named twice is given back once. */
static void
drop_mask(struct finish *f, uint32_t at, uint32_t reg)
{
	if (f->reg[reg].cls == TSN_VC_MASK && f->last_any[reg] == at && f->reg[reg].def != at) {
		give_back(f, reg);
		f->last_any[reg] = 0;
	}
}

static void
drop_value(struct finish *f, uint32_t at, uint32_t reg)
{
	if (f->reg[reg].cls != TSN_VC_MASK && f->last_any[reg] == at && f->reg[reg].def != at) {
		give_back(f, reg);
		f->last_any[reg] = 0;
	}
}

static void
drop_unused(struct finish *f, uint32_t at, uint32_t reg)
{
	if (f->last_any[reg] <= at && f->real_reg[reg] != TSN_REG_NONE)
		give_back(f, reg);
}

/* Lazy reads stand in the order of their instructions. */
static void
drop_lazy(struct finish *f, uint32_t at)
{
	const struct tsn_vlazy *x = f->c->lazy.p;

	for (; f->next_lazy < f->c->lazy.n && x[f->next_lazy].at <= at; f->next_lazy++) {
		drop_mask(f, at, x[f->next_lazy].vreg);
		drop_value(f, at, x[f->next_lazy].vreg);
	}
}

/*
 * A mask may be written over an operand read for the last time: those
 * kernels go word by word. Values are kept apart from their operands.
 */
static void
give_registers(struct finish *f, uint32_t at)
{
	each_read(f, at, drop_mask);
	each_write(f, at, take_written);
	each_read(f, at, drop_value);
	drop_lazy(f, at);
	each_write(f, at, drop_unused);
}

/* --- writing it out --- */

struct open_jump {
	uint32_t end, at; /* virtual end; place of the SKIP_NONE */
};

static uint32_t
real_operand(const struct finish *f, uint8_t kind, uint32_t x)
{
	return (kind == TSN_OPD_MASK || kind == TSN_OPD_VALUE) && x < f->nregs ? f->real_reg[x] : x;
}

static void
write_fold(struct finish *f, const struct tsn_vinsn *in, struct tsn_family_use *use)
{
	const struct tsn_efamily *fam = family_at(f, in->a);
	const struct tsn_vfold *fold = &f->c->fold[in->a];

	use[in->a].must = fold->must == TSN_V_NONE ? 0 : f->real_reg[fold->must] + 1;
	for (size_t i = 0; i < fam->aggs.n; i++) {
		use[in->a].arg[i] = fold->arg[i] == TSN_V_NONE ? TSN_REG_NONE : f->real_reg[fold->arg[i]];
		use[in->a].result[i] = f->used[fold->result[i]] ? f->real_reg[fold->result[i]] : TSN_REG_NONE;
	}
	for (uint32_t i = 0; i < fam->first->nsteps; i++)
		use[in->a].step[i] = fold->step[i] == TSN_V_NONE ? TSN_REG_NONE : f->real_reg[fold->step[i]];
}

/* Every virtual register has one real register for all of its life. */
static void
write_exports(struct finish *f)
{
	struct tsn_export *out = f->e->exports.p;

	for (size_t i = 0; i < f->e->exports.n; i++) {
		uint32_t v = f->c->exports[i];

		if (v == TSN_V_NONE)
			continue;
		out[i].at[f->c->door] = f->real_reg[v];
	}
}

static void
write_insn(struct finish *f, struct tsn_code *out, struct tsn_family_use *uses, uint32_t at)
{
	const struct tsn_vinsn *in = &f->in[at];
	const struct tsn_op_info *info = &tsn_ops[in->op];
	struct tsn_insn real = { in->op, TSN_REG_NONE, real_operand(f, info->operand[0], in->a),
	    real_operand(f, info->operand[1], in->b), real_operand(f, info->operand[2], in->c),
	    in->within != TSN_V_EMPTY ? f->real_reg[in->within] + 1 : 0 };

	give_registers(f, at);
	if (info->result != TSN_OPD_NONE)
		real.dst = f->real_reg[in->dst];
	if (in->op == TSN_OP_CODE_STR_MATCH)
		real.c = f->real_reg[in->c];
	if (is_fold(in))
		write_fold(f, in, uses);
	out->note[out->n] = in->note;
	out->insn[out->n++] = real;
}

static void
write_jumps(struct finish *f, struct tsn_code *out, struct open_jump *open, size_t *nopen, size_t *next, uint32_t at)
{
	const struct tsn_vregion *jump = f->jumps.p;

	for (; *nopen > 0 && open[*nopen - 1].end <= at; (*nopen)--)
		out->insn[open[*nopen - 1].at].b = out->n - open[*nopen - 1].at - 1;
	for (; *next < f->jumps.n && jump[*next].begin == at; (*next)++) {
		open[(*nopen)++] = (struct open_jump){ jump[*next].end, out->n };
		out->insn[out->n++] = (struct tsn_insn){ TSN_OP_CODE_SKIP_NONE, TSN_REG_NONE,
		    f->real_reg[jump[*next].guard], 0, 0, 0 };
	}
}

/* Until now tests have the virtual end of their rule. */
static void
place_tests(const struct finish *f, struct tsn_code *out)
{
	for (uint32_t i = 0; i < out->n && !f->e->failed; i++)
		if ((out->insn[i].op == TSN_OP_CODE_TEST || out->insn[i].op == TSN_OP_CODE_TEST_NOT) && out->insn[i].c != 0)
			out->insn[i].c = f->place[out->insn[i].c] - i - 1;
}

static void
write_out(struct finish *f, struct tsn_code *out, struct tsn_family_use *uses)
{
	const struct tsn_vregion *jump = f->jumps.p;
	struct open_jump *open = tsn_emit_zeroed(f->e, f->jumps.n + 1, sizeof(*open));
	size_t next = 0, nopen = 0, max = (size_t)f->n + f->jumps.n + 1;

	out->insn = tsn_arena_alloc(f->e->arena, max * sizeof(*out->insn));
	out->note = tsn_arena_alloc(f->e->arena, max * sizeof(*out->note));
	if (open == NULL || out->insn == NULL || out->note == NULL)
		f->e->failed = true;
	for (uint32_t at = 0; at < f->n && !f->e->failed; at++) {
		size_t first = next;

		f->place[at] = out->n;
		write_jumps(f, out, open, &nopen, &next, at);
		if (f->live[at])
			write_insn(f, out, uses, at);
		/* a guard that only the jump read */
		for (size_t i = first; i < next; i++)
			drop_mask(f, at, jump[i].guard);
	}
	place_tests(f, out);
	tsn_index_place(f->e, f->c->door, f->place);
	tsn_free(open);
}

void
tsn_vcode_finish(struct tsn_emit *e, struct tsn_vcode *c, struct tsn_code *out, struct tsn_family_use *uses)
{
	struct finish f = { .e = e, .c = c, .in = c->insn.p, .reg = c->vreg.p };

	if (!(e->flags & TSN_EMIT_NO_NARROW))
		tsn_vcode_narrow(e, c);
	f.n = (uint32_t)c->insn.n;
	f.nregs = (uint32_t)c->vreg.n;
	f.live = tsn_emit_zeroed(e, f.n, sizeof(*f.live));
	f.used = tsn_emit_zeroed(e, f.nregs, sizeof(*f.used));
	f.last = tsn_emit_zeroed(e, f.nregs, sizeof(*f.last));
	f.last_any = tsn_emit_zeroed(e, f.nregs, sizeof(*f.last_any));
	f.inside = tsn_emit_zeroed(e, f.nregs, sizeof(*f.inside));
	f.cost = tsn_emit_zeroed(e, (size_t)f.n + 1, sizeof(*f.cost));
	f.real_reg = tsn_emit_zeroed(e, f.nregs, sizeof(*f.real_reg));
	f.place = tsn_emit_zeroed(e, (size_t)f.n + 1, sizeof(*f.place));
	if (!e->failed) {
		memset(f.real_reg, 0xff, f.nregs * sizeof(*f.real_reg)); /* TSN_REG_NONE */
		find_live(&f);
		find_costs(&f);
		find_jumps(&f);
		/* registers of an earlier code are free again */
		for (uint32_t i = e->nmasks; i-- > 0;)
			give_free(&f, TSN_VC_MASK, i);
		for (uint32_t i = e->nvalues; i-- > 0;)
			give_free(&f, ((bool *)e->value_real.p)[i] ? TSN_VC_REAL : TSN_VC_INT, i);
		write_out(&f, out, uses);
		write_exports(&f);
	}
	tsn_free(f.live);
	tsn_free(f.used);
	tsn_free(f.last);
	tsn_free(f.last_any);
	tsn_free(f.inside);
	tsn_free(f.cost);
	tsn_free(f.real_reg);
	tsn_free(f.place);
	tsn_free(f.jumps.p);
	for (int i = 0; i < 3; i++)
		tsn_free(f.free_reg[i].p);
}
