/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Values: loading, arithmetic, comparing. A comparison is true only where both sides are known. */
#include "vm/internal.h"

#include "sets/table.h"
#include "vm/numbers.h"

#define MASK(reg) (&r->vm->masks[reg])
#define VALUE(reg) (&r->vm->values[reg])

#define WIDEN(type) \
	do { \
		const type *c = col; \
		for (uint32_t j = 0; j < n; j++) \
			d->i[j] = (int64_t)c[j]; \
	} while (0)

void
tsn_vm_load(struct tsn_run *r, const struct tsn_insn *in)
{
	const void *col = r->b->col[in->a];
	struct tsn_vector *d = VALUE(in->dst);
	uint32_t n = r->b->n;

	tsn_vm_present(r, in->a, &d->known);
	switch (tsn_fields[in->a].storage) {
	case TSN_U8:
		WIDEN(uint8_t);
		break;
	case TSN_U16:
		WIDEN(uint16_t);
		break;
	case TSN_U32:
		WIDEN(uint32_t);
		break;
	default: /* 64 bits; reals in a batch are finite */
		memcpy(d->i, col, n * sizeof(d->i[0]));
		break;
	}
}

void
tsn_vm_clock(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vector *d = VALUE(in->dst);

	d->known = r->b->rows;
	memcpy(d->i, r->b->time, r->b->n * sizeof(d->i[0]));
}

void
tsn_vm_constant(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vector *d = VALUE(in->dst);

	d->known = r->b->rows;
	if (in->op == TSN_OP_CODE_INT) {
		for (uint32_t j = 0; j < r->b->n; j++)
			d->i[j] = r->vm->p->ints[in->a];
	} else {
		for (uint32_t j = 0; j < r->b->n; j++)
			d->f[j] = r->vm->p->reals[in->a];
	}
}

void
tsn_vm_arithmetic(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vector *d = VALUE(in->dst);
	const struct tsn_vector *a = VALUE(in->a);
	uint32_t n = r->b->n;

	switch (in->op) {
	case TSN_OP_CODE_TO_REAL:
		tsn_number_to_real(d, a, n);
		break;
	case TSN_OP_CODE_NEG:
		tsn_number_neg(d, a, n);
		break;
	case TSN_OP_CODE_ADD:
		tsn_number_add(d, a, VALUE(in->b), n);
		break;
	case TSN_OP_CODE_SUB:
		tsn_number_sub(d, a, VALUE(in->b), n);
		break;
	case TSN_OP_CODE_MUL:
		tsn_number_mul(d, a, VALUE(in->b), n);
		break;
	case TSN_OP_CODE_DIV:
		tsn_number_div(d, a, VALUE(in->b), n);
		break;
	case TSN_OP_CODE_MOD:
		tsn_number_mod(d, a, VALUE(in->b), n);
		break;
	case TSN_OP_CODE_BAND:
		tsn_number_band(d, a, VALUE(in->b), n);
		break;
	case TSN_OP_CODE_BOR:
		tsn_number_bor(d, a, VALUE(in->b), n);
		break;
	}
}

void
tsn_vm_share(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_mask known;

	tsn_vm_present(r, TSN_F_DURATION, &known);
	tsn_mask_and(&known, &known, &VALUE(in->a)->known);
	tsn_number_share(VALUE(in->dst), VALUE(in->a), r->b->col[TSN_F_DURATION], &known, r->vm->p->ints[in->b],
	    r->b->n);
}

/* An integer and a real side: row by row, exactly. [sign] -1 if the integer is on the right. */
static void
compare_mixed(struct tsn_mask *out, const struct tsn_vector *i, const struct tsn_vector *f,
    const struct tsn_mask *both, int sign, uint32_t rel)
{
	struct tsn_mask hit = { { 0 } };

	TSN_EACH_ROW(row, both)
		if (tsn_vm_fulfils(sign * tsn_number_cmp(i->i[row], f->f[row]), rel))
			tsn_mask_set(&hit, row);
	*out = hit;
}

/* All six relations from "less" and "equal": swap the sides, or take what is left of [both]. */
static void
compare_alike(struct tsn_run *r, struct tsn_mask *out, const struct tsn_vector *a, const struct tsn_vector *b,
    const struct tsn_mask *both, uint32_t rel)
{
	const struct tsn_kernels *k = r->vm->k;
	bool swap = rel == TSN_REL_GT || rel == TSN_REL_LE;
	bool rest = rel == TSN_REL_NE || rel == TSN_REL_LE || rel == TSN_REL_GE;
	const struct tsn_vector *x = swap ? b : a, *y = swap ? a : b;
	uint32_t n = r->b->n;

	if (rel == TSN_REL_EQ || rel == TSN_REL_NE) {
		if (a->real)
			k->equal_real(out, x->f, y->f, n);
		else
			k->equal_int(out, x->i, y->i, n);
	} else if (a->real) {
		k->less_real(out, x->f, y->f, n);
	} else {
		k->less_int(out, x->i, y->i, n);
	}
	if (rest)
		tsn_mask_andnot(out, both, out);
	else
		tsn_mask_and(out, both, out);
}

void
tsn_vm_compare(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_vector *a = VALUE(in->a), *b = VALUE(in->b);
	struct tsn_mask both;

	tsn_mask_and(&both, &a->known, &b->known);
	if (a->real == b->real)
		compare_alike(r, MASK(in->dst), a, b, &both, in->c);
	else if (b->real)
		compare_mixed(MASK(in->dst), a, b, &both, 1, in->c);
	else
		compare_mixed(MASK(in->dst), b, a, &both, -1, in->c);
}

static void
compare_int_int(struct tsn_run *r, struct tsn_mask *out, const struct tsn_vector *a, int64_t c, uint32_t rel)
{
	int64_t lo = INT64_MIN, hi = INT64_MAX;
	bool none = (rel == TSN_REL_LT && c == INT64_MIN) || (rel == TSN_REL_GT && c == INT64_MAX);

	if (rel == TSN_REL_EQ || rel == TSN_REL_NE)
		lo = hi = c;
	else if (rel == TSN_REL_LT)
		hi = none ? c : c - 1;
	else if (rel == TSN_REL_LE)
		hi = c;
	else if (rel == TSN_REL_GT)
		lo = none ? c : c + 1;
	else
		lo = c;
	if (none) {
		tsn_mask_clear(out);
		return;
	}
	r->vm->k->range64(out, a->i, r->b->n, lo, hi);
	if (rel == TSN_REL_NE)
		tsn_mask_andnot(out, &a->known, out);
	else
		tsn_mask_and(out, &a->known, out);
}

void
tsn_vm_compare_int(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_vector *a = VALUE(in->a);
	int64_t c = r->vm->p->ints[in->b];
	struct tsn_mask hit = { { 0 } };

	if (!a->real) {
		compare_int_int(r, MASK(in->dst), a, c, in->c);
		return;
	}
	TSN_EACH_ROW(row, &a->known)
		if (tsn_vm_fulfils(-tsn_number_cmp(c, a->f[row]), in->c))
			tsn_mask_set(&hit, row);
	*MASK(in->dst) = hit;
}

void
tsn_vm_compare_reals(const struct tsn_run *r, struct tsn_mask *out, const double *v, const struct tsn_mask *known, double c,
    uint32_t rel)
{
	const struct tsn_kernels *k = r->vm->k;

	if (rel == TSN_REL_EQ || rel == TSN_REL_NE)
		k->at(out, v, r->b->n, c);
	else if (rel == TSN_REL_LT || rel == TSN_REL_GE)
		k->below(out, v, r->b->n, c);
	else
		k->above(out, v, r->b->n, c);
	if (rel == TSN_REL_NE || rel == TSN_REL_LE || rel == TSN_REL_GE)
		tsn_mask_andnot(out, known, out);
	else
		tsn_mask_and(out, known, out);
}

void
tsn_vm_compare_real(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_vector *a = VALUE(in->a);
	struct tsn_mask *out = MASK(in->dst), hit = { { 0 } };
	double c = r->vm->p->reals[in->b];

	if (!a->real) {
		TSN_EACH_ROW(row, &a->known)
			if (tsn_vm_fulfils(tsn_number_cmp(a->i[row], c), in->c))
				tsn_mask_set(&hit, row);
		*out = hit;
		return;
	}
	tsn_vm_compare_reals(r, out, a->f, &a->known, c, in->c);
}

/* Registers may be the same: each row is read before it is written. */
void
tsn_vm_choose(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vector *out = &r->vm->values[in->dst];
	const struct tsn_mask *m = &r->vm->masks[in->a];
	const struct tsn_vector *b = &r->vm->values[in->b], *c = in->op == TSN_OP_CODE_CHOOSE ? &r->vm->values[in->c] : b;
	struct tsn_mask known, rest;

	tsn_mask_and(&known, &b->known, m);
	tsn_mask_andnot(&rest, &c->known, m);
	for (uint32_t row = 0; row < r->b->n; row++)
		out->i[row] = tsn_mask_has(m, row) ? b->i[row] : c->i[row];
	if (in->op == TSN_OP_CODE_CHOOSE)
		tsn_mask_or(&known, &known, &rest);
	out->known = known;
}

/* A table of reals that took the place of one of integers says nothing to who reads integers. */
void
tsn_vm_table(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_key_spec *key = &r->vm->p->tuples[in->a];
	const struct tsn_key_part *part = &key->part[0];
	const struct tsn_set *table = r->sets[in->b];
	struct tsn_vector *out = &r->vm->values[in->dst];
	struct tsn_table_value number;
	struct tsn_mask present;
	struct tsn_value v;

	tsn_key_present(key, r->b, &present);
	tsn_mask_clear(&out->known);
	TSN_EACH_ROW(row, &present) {
		tsn_batch_get(r->b, row, (enum tsn_field)part->field, &v);
		if (v.type == TSN_T_ADDR)
			v.addr = tsn_addr_mask(v.addr, part->v4_bits, part->v6_bits);
		number = tsn_table_value_of(table, tsn_set_row_of_value(table, &v));
		if (!number.known || (number.real && !out->real))
			continue;
		if (out->real)
			out->f[row] = number.f;
		else
			out->i[row] = number.i;
		tsn_mask_set(&out->known, row);
	}
}
