/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "compile/emit.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

void *
tsn_vec_add(struct tsn_emit *e, struct tsn_vec *v, size_t size)
{
	void *p = e->failed || v->n >= UINT32_MAX - 1 ? NULL : tsn_grow(v->p, v->n, &v->cap, size);

	if (p == NULL) {
		e->failed = true;
		return NULL;
	}
	v->p = p;
	p = (char *)v->p + v->n++ * size;
	memset(p, 0, size);
	return p;
}

void *
tsn_emit_zeroed(struct tsn_emit *e, size_t count, size_t size)
{
	void *p = e->failed ? NULL : tsn_calloc(count, size);

	if (p == NULL)
		e->failed = true;
	return p;
}

void *
tsn_emit_in_arena(struct tsn_emit *e, size_t count, size_t size)
{
	void *p = NULL;
	size_t bytes;

	if (!e->failed && !__builtin_mul_overflow(count, size, &bytes))
		p = tsn_arena_alloc(e->arena, bytes);
	if (p == NULL)
		e->failed = true;
	return p;
}

/* --- pools --- */

static bool
pool_rehash(struct tsn_emit *e, struct tsn_pool *pool)
{
	size_t n = pool->nslots ? pool->nslots * 2 : 64;
	uint32_t *slot = tsn_emit_zeroed(e, n, sizeof(*slot));

	if (slot == NULL)
		return false;
	for (size_t i = 0; i < pool->items.n; i++) {
		size_t at = tsn_hash_bytes((char *)pool->items.p + i * pool->size, pool->size, 0) & (n - 1);

		while (slot[at] != 0)
			at = (at + 1) & (n - 1);
		slot[at] = (uint32_t)i + 1;
	}
	tsn_free(pool->slot);
	pool->slot = slot;
	pool->nslots = n;
	return true;
}

uint32_t
tsn_pool_put(struct tsn_emit *e, struct tsn_pool *pool, const void *value)
{
	size_t at;
	void *item;

	if (pool->items.n * 2 >= pool->nslots && !pool_rehash(e, pool))
		return 0;
	at = tsn_hash_bytes(value, pool->size, 0) & (pool->nslots - 1);
	for (; pool->slot[at] != 0; at = (at + 1) & (pool->nslots - 1)) {
		uint32_t i = pool->slot[at] - 1;

		if (memcmp((char *)pool->items.p + i * pool->size, value, pool->size) == 0)
			return i;
	}
	item = tsn_vec_add(e, &pool->items, pool->size);
	if (item == NULL)
		return 0;
	memcpy(item, value, pool->size);
	pool->slot[at] = (uint32_t)pool->items.n;
	return (uint32_t)pool->items.n - 1;
}

uint32_t
tsn_emit_int(struct tsn_emit *e, int64_t v)
{
	return tsn_pool_put(e, &e->ints, &v);
}

uint32_t
tsn_emit_real_constant(struct tsn_emit *e, double v)
{
	return tsn_pool_put(e, &e->reals, &v);
}

uint32_t
tsn_emit_address(struct tsn_emit *e, const struct tsn_ir *field)
{
	struct tsn_address_operand a;

	memset(&a, 0, sizeof(a));
	a.field = field->field;
	a.v4_bits = field->v4_bits;
	a.v6_bits = field->v6_bits;
	return tsn_pool_put(e, &e->addresses, &a);
}

void
tsn_emit_use_tested(struct tsn_emit *e, uint32_t field)
{
	tsn_field_set_add(&e->p->reads, (enum tsn_field)field);
	if (e->talks)
		tsn_field_set_add(&e->p->of_talks, (enum tsn_field)field);
	if (tsn_fields[field].origin == TSN_O_DERIVED)
		tsn_field_set_add(&e->p->derived, (enum tsn_field)field);
}

void
tsn_emit_use_field(struct tsn_emit *e, uint32_t field)
{
	tsn_emit_use_tested(e, field);
	if (tsn_fields[field].origin == TSN_O_DERIVED)
		tsn_field_set_add(&e->p->derived_first, (enum tsn_field)field);
}

void
tsn_emit_use_key(struct tsn_emit *e, const struct tsn_key_spec *k)
{
	for (unsigned i = 0; i < k->n; i++)
		tsn_emit_use_field(e, k->part[i].field);
}

/* --- instructions --- */

static uint64_t
insn_hash(uint16_t op, uint32_t a, uint32_t b, uint32_t c)
{
	return tsn_hash_join(tsn_mix64((uint64_t)op << 32 | a), (uint64_t)b << 32 | c);
}

static bool
same_insn(const struct tsn_vinsn *x, const struct tsn_vinsn *y)
{
	return x->op == y->op && x->a == y->a && x->b == y->b && (x->c == y->c || x->op == TSN_OP_CODE_STR_MATCH);
}

static bool
seen_rehash(struct tsn_emit *e, struct tsn_vcode *c)
{
	size_t n = c->nseen ? c->nseen * 2 : 256;
	const struct tsn_vinsn *in = c->insn.p;
	uint32_t *seen;

	while (n <= c->insn.n * 2) /* many at once may have come that nobody looks for */
		n *= 2;
	seen = tsn_emit_zeroed(e, n, sizeof(*seen));
	if (seen == NULL)
		return false;
	/* those made alone can be found from now on, which is sound: a jump over them is then dropped; not so those of blocks */
	for (size_t i = 0; i < c->insn.n; i++) {
		if (in[i].hidden || in[i].dst == TSN_V_NONE)
			continue;
		uint32_t third = in[i].op == TSN_OP_CODE_STR_MATCH ? 0 : in[i].c;
		size_t at = insn_hash(in[i].op, in[i].a, in[i].b, third) & (n - 1);

		while (seen[at] != 0 && !same_insn(&in[seen[at] - 1], &in[i]))
			at = (at + 1) & (n - 1);
		if (seen[at] == 0)
			seen[at] = (uint32_t)i + 1;
	}
	tsn_free(c->seen);
	c->seen = seen;
	c->nseen = n;
	return true;
}

uint32_t
tsn_vreg_new(struct tsn_emit *e, enum tsn_vclass cls)
{
	struct tsn_vcode *c = e->now;
	struct tsn_vreg *r = tsn_vec_add(e, &c->vreg, sizeof(*r));

	if (r == NULL)
		return TSN_V_EMPTY;
	r->cls = (uint8_t)cls;
	r->def = (uint32_t)c->insn.n;
	return (uint32_t)c->vreg.n - 1;
}

enum tsn_vclass
tsn_vreg_class(const struct tsn_emit *e, uint32_t v)
{
	const struct tsn_vreg *r = e->now->vreg.p;

	return v < e->now->vreg.n ? (enum tsn_vclass)r[v].cls : TSN_VC_MASK;
}

/*
 * One result, found again if it was made before. [second]: STR_MATCH's c is a
 * result too, so it takes no part in what makes two of them equal.
 */
static uint32_t
numbered(struct tsn_emit *e, enum tsn_opcode op, enum tsn_vclass cls, uint32_t a, uint32_t b, uint32_t c, bool second)
{
	struct tsn_vcode *v = e->now;
	struct tsn_vinsn *in;
	uint32_t dst, other = second ? TSN_V_NONE : c;
	bool block = e->guard != TSN_V_NONE && v != &e->side; /* what stands in one is not there for others */
	bool alone = e->alone || block;
	size_t at;

	if (e->failed || (v->insn.n * 2 >= v->nseen && !seen_rehash(e, v)))
		return TSN_V_EMPTY;
	at = insn_hash((uint16_t)op, a, b, second ? 0 : c) & (v->nseen - 1);
	for (; v->seen[at] != 0 && !alone; at = (at + 1) & (v->nseen - 1)) {
		in = (struct tsn_vinsn *)v->insn.p + (v->seen[at] - 1);
		if (in->op == op && in->a == a && in->b == b && (second || in->c == c))
			return in->dst;
	}
	dst = tsn_vreg_new(e, cls);
	if (second)
		other = tsn_vreg_new(e, TSN_VC_MASK);
	in = tsn_vec_add(e, &v->insn, sizeof(*in));
	if (in == NULL)
		return TSN_V_EMPTY;
	*in = (struct tsn_vinsn){ (uint16_t)op, dst, a, b, other, e->note, block, TSN_V_EMPTY };
	if (!alone)
		v->seen[at] = (uint32_t)v->insn.n;
	return dst;
}

uint32_t
tsn_emit_mask_op(struct tsn_emit *e, enum tsn_opcode op, uint32_t a, uint32_t b, uint32_t c)
{
	return numbered(e, op, TSN_VC_MASK, a, b, c, op == TSN_OP_CODE_STR_MATCH);
}

uint32_t
tsn_emit_value_op(struct tsn_emit *e, enum tsn_opcode op, enum tsn_vclass cls, uint32_t a, uint32_t b)
{
	return numbered(e, op, cls, a, b, 0, false);
}

uint32_t
tsn_emit_value_op3(struct tsn_emit *e, enum tsn_opcode op, enum tsn_vclass cls, uint32_t a, uint32_t b, uint32_t c)
{
	return numbered(e, op, cls, a, b, c, false);
}

void
tsn_emit_plain_op(struct tsn_emit *e, enum tsn_opcode op, uint32_t a, uint32_t b, uint32_t c)
{
	struct tsn_vinsn *in = tsn_vec_add(e, &e->now->insn, sizeof(*in));

	if (in != NULL)
		*in = (struct tsn_vinsn){ (uint16_t)op, TSN_V_NONE, a, b, c, e->note, false, TSN_V_EMPTY };
}

void
tsn_emit_lazy(struct tsn_emit *e, uint32_t v)
{
	struct tsn_vcode *c = e->now;
	struct tsn_vlazy *x = tsn_vec_add(e, &c->lazy, sizeof(*x));
	struct tsn_vreg *r;

	if (x == NULL)
		return;
	r = (struct tsn_vreg *)c->vreg.p + v;
	*x = (struct tsn_vlazy){ v, tsn_emit_here(e), r->lazy };
	r->lazy = (uint32_t)c->lazy.n;
}

uint32_t
tsn_emit_and(struct tsn_emit *e, uint32_t a, uint32_t b)
{
	if (a == b || b == TSN_V_ROWS)
		return a;
	if (a == TSN_V_ROWS)
		return b;
	if (a == TSN_V_EMPTY || b == TSN_V_EMPTY)
		return TSN_V_EMPTY;
	return a < b ? tsn_emit_mask_op(e, TSN_OP_CODE_AND, a, b, 0) : tsn_emit_mask_op(e, TSN_OP_CODE_AND, b, a, 0);
}

uint32_t
tsn_emit_or(struct tsn_emit *e, uint32_t a, uint32_t b)
{
	if (a == b || b == TSN_V_EMPTY)
		return a;
	if (a == TSN_V_EMPTY)
		return b;
	if (a == TSN_V_ROWS || b == TSN_V_ROWS)
		return TSN_V_ROWS;
	return a < b ? tsn_emit_mask_op(e, TSN_OP_CODE_OR, a, b, 0) : tsn_emit_mask_op(e, TSN_OP_CODE_OR, b, a, 0);
}

uint32_t
tsn_emit_andnot(struct tsn_emit *e, uint32_t a, uint32_t b)
{
	if (b == TSN_V_EMPTY)
		return a;
	if (a == b || a == TSN_V_EMPTY || b == TSN_V_ROWS)
		return TSN_V_EMPTY;
	return tsn_emit_mask_op(e, TSN_OP_CODE_ANDNOT, a, b, 0);
}

uint32_t
tsn_emit_here(const struct tsn_emit *e)
{
	return (uint32_t)e->now->insn.n;
}

void
tsn_emit_region(struct tsn_emit *e, uint32_t guard, uint32_t begin)
{
	struct tsn_vregion *r;

	/* in blocks tests jump themselves */
	if (e->guard != TSN_V_NONE || guard == TSN_V_ROWS || guard == TSN_V_EMPTY || begin == tsn_emit_here(e))
		return;
	r = tsn_vec_add(e, &e->now->region, sizeof(*r));
	if (r != NULL)
		*r = (struct tsn_vregion){ guard, begin, tsn_emit_here(e) };
}

/* --- one code --- */

bool
tsn_vcode_start(struct tsn_emit *e, struct tsn_vcode *c, enum tsn_door door)
{
	uint32_t n = (uint32_t)e->families.n;
	const struct tsn_efamily *f = e->families.p;

	c->door = door;
	e->now = c;
	c->mask_of = tsn_emit_zeroed(e, (size_t)e->nodes * 2, sizeof(*c->mask_of));
	c->upper_of = tsn_emit_zeroed(e, (size_t)e->nodes * 2, sizeof(*c->upper_of));
	c->value_of = tsn_emit_zeroed(e, e->nodes, sizeof(*c->value_of));
	c->fold = tsn_emit_zeroed(e, n, sizeof(*c->fold));
	for (uint32_t i = 0; i < n && !e->failed; i++) {
		c->fold[i].arg = tsn_emit_zeroed(e, f[i].aggs.n, sizeof(uint32_t));
		c->fold[i].result = tsn_emit_zeroed(e, f[i].aggs.n, sizeof(uint32_t));
	}
	e->note = NULL;
	tsn_emit_mask_op(e, TSN_OP_CODE_EMPTY, 0, 0, 0);
	tsn_emit_mask_op(e, TSN_OP_CODE_ROWS, 0, 0, 0);
	return !e->failed;
}

void
tsn_vcode_free(struct tsn_vcode *c, uint32_t nfamilies)
{
	for (uint32_t i = 0; c->fold != NULL && i < nfamilies; i++) {
		tsn_free(c->fold[i].arg);
		tsn_free(c->fold[i].result);
		tsn_free(c->fold[i].step);
	}
	tsn_free(c->fold);
	tsn_free(c->mask_of);
	tsn_free(c->upper_of);
	tsn_free(c->value_of);
	tsn_free(c->exports);
	tsn_free(c->seen);
	tsn_free(c->insn.p);
	tsn_free(c->vreg.p);
	tsn_free(c->region.p);
	tsn_free(c->lazy.p);
}
