/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A test whose only reader and-s it with another mask is made within that mask: it then looks only at rows that are left
 * there, which for strings, sets and wide columns is most of the work spared, and the and-ing costs nothing.
 */
#include "compile/emit.h"

#include "base/mem.h"

struct narrowing {
	struct tsn_emit *e;
	struct tsn_vcode *c;
	struct tsn_vinsn *in;
	uint32_t *uses; /* one a register; 2 for many */
};

static void
use(struct narrowing *x, uint32_t reg)
{
	if (reg < x->c->vreg.n && x->uses[reg] < 2)
		x->uses[reg]++;
}

static bool
is_needed(const struct narrowing *x, const struct tsn_vinsn *in)
{
	if (tsn_ops[in->op].result == TSN_OPD_NONE)
		return true;
	return x->uses[in->dst] > 0 || (in->op == TSN_OP_CODE_STR_MATCH && x->uses[in->c] > 0);
}

static void
use_operands(struct narrowing *x, const struct tsn_vinsn *in)
{
	const struct tsn_op_info *info = &tsn_ops[in->op];
	const uint32_t operand[3] = { in->a, in->b, in->c };

	for (int i = 0; i < 3; i++)
		if (info->operand[i] == TSN_OPD_MASK && !(i == 2 && in->op == TSN_OP_CODE_STR_MATCH))
			use(x, operand[i]);
	if (in->op == TSN_OP_CODE_FOLD)
		use(x, x->c->fold[in->a].must);
	if (in->op == TSN_OP_CODE_STEPS) {
		const struct tsn_efamily *f = (const struct tsn_efamily *)x->e->families.p + in->a;

		for (uint32_t i = 0; i < f->first->nsteps; i++)
			use(x, x->c->fold[in->a].step[i]);
	}
}

/* Readers of masks; of instructions only those that something needs. */
static void
count_uses(struct narrowing *x)
{
	const struct tsn_vregion *region = x->c->region.p;
	const struct tsn_vlazy *lazy = x->c->lazy.p;

	for (size_t i = 0; i < x->c->region.n; i++)
		use(x, region[i].guard);
	for (size_t i = 0; i < x->c->lazy.n; i++)
		use(x, lazy[i].vreg);
	for (size_t i = 0; x->c->exports != NULL && i < x->e->exports.n; i++)
		use(x, x->c->exports[i]);
	for (size_t at = x->c->insn.n; at-- > 0;)
		if (is_needed(x, &x->in[at]))
			use_operands(x, &x->in[at]);
}

static bool
can_narrow(const struct narrowing *x, uint32_t reg)
{
	const struct tsn_vinsn *in = &x->in[((const struct tsn_vreg *)x->c->vreg.p)[reg].def];

	return x->uses[reg] == 1 && tsn_op_is_test(in->op) && in->dst == reg && in->within == TSN_V_EMPTY &&
	    (in->op != TSN_OP_CODE_STR_MATCH || x->uses[in->c] == 0);
}

/* The test moves to where the and-ing was; what it leaves behind nobody needs. */
static void
narrow(struct narrowing *x, uint32_t at, uint32_t reg, uint32_t within)
{
	struct tsn_vreg *regs = x->c->vreg.p;
	struct tsn_vinsn *in = &x->in[at];
	const uint32_t dst = in->dst;

	*in = x->in[regs[reg].def];
	in->dst = dst;
	in->within = within;
	if (in->op == TSN_OP_CODE_STR_MATCH)
		regs[in->c].def = at;
}

void
tsn_vcode_narrow(struct tsn_emit *e, struct tsn_vcode *c)
{
	struct narrowing x = { e, c, c->insn.p, tsn_emit_zeroed(e, c->vreg.n, sizeof(uint32_t)) };

	if (!e->failed)
		count_uses(&x);
	for (uint32_t at = 0; at < c->insn.n && !e->failed; at++) {
		const struct tsn_vinsn *in = &x.in[at];

		if (in->op != TSN_OP_CODE_AND || x.uses[in->dst] == 0)
			continue;
		if (can_narrow(&x, in->b)) /* the later, so the dearer one */
			narrow(&x, at, in->b, in->a);
		else if (can_narrow(&x, in->a))
			narrow(&x, at, in->a, in->b);
	}
	tsn_free(x.uses);
}
