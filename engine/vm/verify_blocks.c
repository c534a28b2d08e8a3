/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The verifier: stretches of code that are left out without clearing what they would have written. */
#include <string.h>

#include "base/mem.h"
#include "vm/verify.h"

#define VALUE 0x80000000u
#define NO_ROWS UINT32_MAX /* of [within]: among whatever */

static bool
check(struct tsn_verifier *v, bool good, const char *error)
{
	return tsn_verify_check(v, good, error);
}

bool
tsn_verify_blocks_init(struct tsn_verifier *v)
{
	uint32_t most = 0;

	for (int d = 0; d < TSN_DOORS; d++)
		if (v->p->code[d].n > most)
			most = v->p->code[d].n;
	v->dispatched = tsn_calloc(v->p->ndispatches, sizeof(*v->dispatched));
	v->within = tsn_calloc(v->p->nmasks, sizeof(*v->within));
	v->written = tsn_calloc(most, 2 * sizeof(*v->written)); /* STR_MATCH writes two */
	return v->dispatched != NULL && v->within != NULL && v->written != NULL;
}

void
tsn_verify_blocks_fini(struct tsn_verifier *v)
{
	tsn_free(v->dispatched);
	tsn_free(v->within);
	tsn_free(v->written);
}

void
tsn_verify_blocks_start(struct tsn_verifier *v)
{
	v->nscopes = v->ndispatches = v->nwritten = 0;
}

static struct tsn_verify_scope *
innermost(struct tsn_verifier *v)
{
	return v->nscopes > 0 ? &v->scope[v->nscopes - 1] : NULL;
}

static bool
open_scope(struct tsn_verifier *v, struct tsn_verify_scope s)
{
	if (!check(v, v->nscopes < TSN_SCOPES_MAX, "stretches too deep in each other"))
		return false;
	s.writes = v->nwritten;
	v->scope[v->nscopes++] = s;
	return true;
}

/* The next block of a dispatch: its rows are the guard, written anew for each. */
static bool
open_block(struct tsn_verifier *v, uint32_t at, uint32_t block)
{
	const struct tsn_insn *in = &v->code->insn[at];
	const struct tsn_dispatch *d = &v->p->dispatches[in->b];

	if (!check(v, in->dst < v->p->nmasks, "mask register out of range") ||
	    !open_scope(v, (struct tsn_verify_scope){ at + 1 + d->block[block + 1], in->dst, 0, at, block + 1 }))
		return false;
	v->written[v->nwritten++] = in->dst;
	v->mask_written[in->dst] = true;
	v->within[in->dst] = v->nscopes;
	return true;
}

static void
close_scope(struct tsn_verifier *v, const struct tsn_verify_scope *s)
{
	v->nscopes--;
	/* what the guard of a TEST holds it holds behind it, too */
	if (v->within[s->guard] == v->nscopes + 1)
		v->within[s->guard] = v->nscopes;
	while (v->nwritten > s->writes) {
		uint32_t reg = v->written[--v->nwritten];

		if (reg & VALUE)
			v->value_written[reg & ~VALUE] = false;
		else
			v->mask_written[reg] = false;
	}
}

bool
tsn_verify_close(struct tsn_verifier *v, uint32_t at)
{
	while (v->nscopes > 0 && innermost(v)->end <= at) {
		struct tsn_verify_scope s = *innermost(v);

		close_scope(v, &s);
		if (s.dispatch == TSN_REG_NONE)
			continue;
		if (!check(v, v->code->insn[at - 1].op == TSN_OP_CODE_LEAVE, "block without its end"))
			return false;
		if (s.next < v->p->dispatches[v->code->insn[s.dispatch].b].nblocks)
			return open_block(v, s.dispatch, s.next);
		v->ndispatches--;
	}
	return true;
}

/* The last place a stretch beginning behind [at] may reach: before what ends the stretch around it. */
static uint32_t
reach(struct tsn_verifier *v)
{
	const struct tsn_verify_scope *s = innermost(v);

	if (s == NULL)
		return v->code->n - 1;
	return s->dispatch == TSN_REG_NONE ? s->end : s->end - 1;
}

static bool
dispatch(struct tsn_verifier *v, uint32_t at)
{
	const struct tsn_insn *in = &v->code->insn[at];
	const struct tsn_dispatch *d = &v->p->dispatches[in->b];

	if (!check(v, !v->dispatched[in->b], "dispatch run twice") ||
	    !check(v, v->ndispatches < TSN_DISPATCH_DEPTH, "dispatches too deep in each other") ||
	    !check(v, v->within[in->a] >= v->nscopes, "dispatch of rows outside of its stretch") ||
	    !check(v, d->block[d->nblocks] < v->code->n && at + 1 + d->block[d->nblocks] <= reach(v), "blocks out of the code"))
		return false;
	v->dispatched[in->b] = true;
	v->ndispatches++;
	return open_block(v, at, 0);
}

static bool
leave(struct tsn_verifier *v, uint32_t at)
{
	return check(v, v->nscopes > 0 && innermost(v)->dispatch != TSN_REG_NONE && innermost(v)->end == at + 1,
	    "end of a block that is none");
}

static bool
effect(struct tsn_verifier *v, const struct tsn_insn *in)
{
	return check(v, v->within[in->b] >= v->nscopes, "rows told that are outside of their stretch");
}

bool
tsn_verify_block_op(struct tsn_verifier *v, uint32_t at)
{
	const struct tsn_insn *in = &v->code->insn[at];

	switch ((enum tsn_opcode)in->op) {
	case TSN_OP_CODE_DISPATCH:
		return dispatch(v, at);
	case TSN_OP_CODE_LEAVE:
		return leave(v, at);
	case TSN_OP_CODE_TEST:
	case TSN_OP_CODE_TEST_NOT:
		return check(v, in->c < v->code->n && at + 1 + in->c <= reach(v), "jump out of the stretch around it") &&
		    check(v, in->c == 0 || v->within[in->a] >= v->nscopes, "jump for rows outside of its stretch");
	case TSN_OP_CODE_MATCH:
	case TSN_OP_CODE_HIDDEN:
	case TSN_OP_CODE_OUTSIDE:
		return effect(v, in);
	case TSN_OP_CODE_FOLD:
	case TSN_OP_CODE_STEPS:
	case TSN_OP_CODE_UNTIL:
		return check(v, v->nscopes == 0, "fold in a block");
	default:
		return true;
	}
}

static uint32_t
rows_within(const struct tsn_verifier *v, const struct tsn_insn *in)
{
	const uint32_t *w = v->within;

	switch ((enum tsn_opcode)in->op) {
	case TSN_OP_CODE_EMPTY:
		return NO_ROWS;
	case TSN_OP_CODE_AND:
		return w[in->a] > w[in->b] ? w[in->a] : w[in->b];
	case TSN_OP_CODE_OR:
		return w[in->a] < w[in->b] ? w[in->a] : w[in->b];
	case TSN_OP_CODE_ANDNOT:
	case TSN_OP_CODE_TEST:
	case TSN_OP_CODE_TEST_NOT:
		return w[in->a];
	default:
		return in->within != 0 ? w[in->within - 1] : 0;
	}
}

bool
tsn_verify_wrote_mask(struct tsn_verifier *v, uint32_t at, uint32_t reg)
{
	const struct tsn_insn *in = &v->code->insn[at];
	bool test = in->op == TSN_OP_CODE_TEST || in->op == TSN_OP_CODE_TEST_NOT;

	if (in->op == TSN_OP_CODE_DISPATCH)
		return true; /* its blocks wrote it */
	v->within[reg] = reg == in->dst ? rows_within(v, in) : 0;
	if (v->nscopes > 0)
		v->written[v->nwritten++] = reg;
	if (!test || in->c == 0)
		return true;
	if (!open_scope(v, (struct tsn_verify_scope){ at + 1 + in->c, reg, 0, TSN_REG_NONE, 0 }))
		return false;
	if (v->within[reg] < v->nscopes)
		v->within[reg] = v->nscopes;
	return true;
}

void
tsn_verify_wrote_value(struct tsn_verifier *v, uint32_t reg)
{
	if (v->nscopes > 0)
		v->written[v->nwritten++] = reg | VALUE;
}

/* --- tables --- */

static bool
sides_are_sound(const struct tsn_dispatch *d)
{
	if (d->nsides > TSN_DISPATCH_SIDES)
		return false;
	for (uint32_t i = 0; i < d->nsides; i++)
		if (d->side[i].field >= TSN_FIELD_COUNT ||
		    (!tsn_field_is_int(d->side[i].field) && tsn_fields[d->side[i].field].storage != TSN_ADDR))
			return false;
	return true;
}

static bool
groups_are_sound(const struct tsn_dispatch *d, const struct tsn_dispatch_look *l)
{
	for (uint32_t i = 0; i < l->ngroups; i++)
		if (l->group[i].side > d->nsides || l->group[i].first > l->n || l->group[i].n > l->n - l->group[i].first)
			return false;
	for (uint32_t i = 0; i < l->n; i++)
		if (l->block[i] >= d->nblocks)
			return false;
	return true;
}

/* Blocks of a slot and those around it; UINT32_MAX: they do not end. */
static uint32_t
blocks_of(const struct tsn_dispatch_look *l, uint32_t at)
{
	uint32_t n = 0, deep = 0;

	for (; at != 0; at = l->slot[at - 1].up) {
		const struct tsn_dispatch_slot *s = &l->slot[at - 1];

		if (++deep > TSN_CLASS_DEEP)
			return UINT32_MAX;
		for (uint32_t i = 0; i < s->n; i++)
			n += l->group[s->first + i].n;
	}
	return n;
}

static bool
slots_are_sound(const struct tsn_dispatch_look *l, uint32_t *most)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i <= l->mask; i++) {
		const struct tsn_dispatch_slot *s = &l->slot[i];

		used += s->class != TSN_CLASS_NONE;
		if (s->first > l->ngroups || s->n > l->ngroups - s->first || s->up > l->mask + 1)
			return false;
	}
	for (uint32_t i = 0; l->of != NULL && i < l->nof; i++)
		if (l->of[i] > l->mask + 1)
			return false;
	*most = 0;
	for (uint32_t i = 0; i <= l->mask; i++) {
		const uint32_t n = blocks_of(l, i + 1);

		*most = n > *most ? n : *most;
	}
	return used <= l->mask; /* a free one ends every search */
}

static bool
looks_are_sound(const struct tsn_program *p, const struct tsn_dispatch *d)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < d->nlooks; i++) {
		uint32_t own;

		if (d->look[i].classes >= p->nclasses || !groups_are_sound(d, &d->look[i]) ||
		    !slots_are_sound(&d->look[i], &own))
			return false;
		most += own;
	}
	return d->nlooks > 0 && d->nlooks <= TSN_DISPATCH_LOOKS && most <= d->most;
}

/* Of each class there is a way out. */
static bool
parents_are_sound(const struct tsn_classes *c)
{
	for (uint32_t i = 0; c->parent != NULL && i < c->nparents; i++) {
		uint32_t deep = 0;

		for (uint32_t at = i; at != TSN_CLASS_NONE; at = c->parent[at])
			if (++deep > TSN_CLASS_DEEP || c->parent[at] >= c->nparents)
				return false;
	}
	return true;
}

static bool
blocks_are_sound(const struct tsn_dispatch *d)
{
	for (uint32_t i = 0; i < d->nblocks; i++)
		if (d->block[i] >= d->block[i + 1])
			return false;
	return d->nblocks > 0 && d->block[0] == 0;
}

bool
tsn_verify_dispatches(struct tsn_verifier *v)
{
	const struct tsn_program *p = v->p;
	uint32_t begin = 0;

	for (uint32_t i = 0; i < p->nclasses; i++)
		if (!check(v, parents_are_sound(&p->classes[i]), "classes around each other"))
			return false;
	for (uint32_t i = 0; i < p->ndispatches; i++) {
		const struct tsn_dispatch *d = &p->dispatches[i];

		if (!check(v, blocks_are_sound(d), "bad blocks") || !check(v, sides_are_sound(d), "bad sides of a dispatch") ||
		    !check(v, looks_are_sound(p, d), "bad table of a dispatch") || !check(v, d->begin == begin, "blocks of two dispatches"))
			return false;
		begin += (d->nblocks + 63) / 64 * 64;
	}
	return true;
}
