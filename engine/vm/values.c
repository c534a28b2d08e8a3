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
	const int64_t window = r->vm->p->ints[in->b], *duration = r->b->col[TSN_F_DURATION];
	const struct tsn_vector *a = VALUE(in->a);
	struct tsn_mask known, longer;

	tsn_vm_present(r, TSN_F_DURATION, &known);
	if (window == INT64_MAX)
		tsn_mask_clear(&longer);
	else /* few are, and nothing else is to be done for the others */
		r->vm->k->range64(&longer, &known, &a->known, duration, window + 1, INT64_MAX);
	tsn_number_share(VALUE(in->dst), a, duration, &longer, window, r->b->n);
}

/* An integer and a real side: row by row, exactly. [sign] -1 if the integer is on the right. */
static bool
compare_mixed(struct tsn_mask *out, const struct tsn_mask *keep, const struct tsn_vector *i, const struct tsn_vector *f,
    int sign, uint32_t rel)
{
	struct tsn_mask hit = *keep;

	TSN_EACH_ROW(row, keep)
		if (!tsn_vm_fulfils(sign * tsn_number_cmp(i->i[row], f->f[row]), rel))
			tsn_mask_unset(&hit, row);
	*out = hit;
	return tsn_mask_any(&hit);
}

/* Rows that are in both and not in [hit], which is not [out]. */
static bool
rest_of(struct tsn_mask *out, const struct tsn_mask *rows, const struct tsn_mask *has, const struct tsn_mask *hit)
{
	tsn_mask_and(out, rows, has);
	tsn_mask_andnot(out, out, hit);
	return tsn_mask_any(out);
}

/* All six relations from "less" and "equal": swap the sides, or take what is left. */
static bool
compare_alike(struct tsn_run *r, struct tsn_mask *out, const struct tsn_mask *keep, const struct tsn_vector *a,
    const struct tsn_vector *b, uint32_t rel)
{
	const struct tsn_kernels *k = r->vm->k;
	bool swap = rel == TSN_REL_GT || rel == TSN_REL_LE;
	bool rest = rel == TSN_REL_NE || rel == TSN_REL_LE || rel == TSN_REL_GE;
	const struct tsn_vector *x = swap ? b : a, *y = swap ? a : b;
	/* cppcheck-suppress uninitvar ; it is written through [to] */
	struct tsn_mask other, *to = rest ? &other : out;
	bool any;

	if (rel == TSN_REL_EQ || rel == TSN_REL_NE)
		any = a->real ? k->equal_real(to, keep, keep, x->f, y->f) : k->equal_int(to, keep, keep, x->i, y->i);
	else
		any = a->real ? k->less_real(to, keep, keep, x->f, y->f) : k->less_int(to, keep, keep, x->i, y->i);
	return rest ? rest_of(out, keep, keep, &other) : any;
}

bool
tsn_vm_compare(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_vector *a = VALUE(in->a), *b = VALUE(in->b);
	struct tsn_mask keep;

	tsn_mask_and(&keep, &a->known, &b->known);
	tsn_mask_and(&keep, &keep, tsn_vm_within(r, in));
	if (a->real == b->real)
		return compare_alike(r, MASK(in->dst), &keep, a, b, in->c);
	if (b->real)
		return compare_mixed(MASK(in->dst), &keep, a, b, 1, in->c);
	return compare_mixed(MASK(in->dst), &keep, b, a, -1, in->c);
}

static bool
compare_int_int(struct tsn_run *r, struct tsn_mask *out, const struct tsn_mask *rows, const struct tsn_vector *a, int64_t c,
    uint32_t rel)
{
	const struct tsn_kernels *k = r->vm->k;
	struct tsn_mask same;

	switch ((enum tsn_rel)rel) {
	case TSN_REL_EQ:
		return k->range64(out, rows, &a->known, a->i, c, c);
	case TSN_REL_LE:
		return k->range64(out, rows, &a->known, a->i, INT64_MIN, c);
	case TSN_REL_GE:
		return k->range64(out, rows, &a->known, a->i, c, INT64_MAX);
	case TSN_REL_LT:
		if (c > INT64_MIN)
			return k->range64(out, rows, &a->known, a->i, INT64_MIN, c - 1);
		break;
	case TSN_REL_GT:
		if (c < INT64_MAX)
			return k->range64(out, rows, &a->known, a->i, c + 1, INT64_MAX);
		break;
	case TSN_REL_NE:
		k->range64(&same, rows, &a->known, a->i, c, c);
		return rest_of(out, rows, &a->known, &same);
	}
	tsn_mask_clear(out);
	return false;
}

bool
tsn_vm_compare_int(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_vector *a = VALUE(in->a);
	int64_t c = r->vm->p->ints[in->b];
	struct tsn_mask hit;

	if (!a->real)
		return compare_int_int(r, MASK(in->dst), tsn_vm_within(r, in), a, c, in->c);
	tsn_mask_and(&hit, &a->known, tsn_vm_within(r, in));
	TSN_EACH_ROW(row, &hit)
		if (!tsn_vm_fulfils(-tsn_number_cmp(c, a->f[row]), in->c))
			tsn_mask_unset(&hit, row);
	*MASK(in->dst) = hit;
	return tsn_mask_any(&hit);
}

bool
tsn_vm_reals(struct tsn_run *r, struct tsn_mask *out, const struct tsn_mask *rows, const struct tsn_mask *has,
    const double *col, double c, uint32_t rel)
{
	const struct tsn_kernels *k = r->vm->k;
	struct tsn_mask other;

	switch ((enum tsn_rel)rel) {
	case TSN_REL_EQ:
		return k->at(out, rows, has, col, c);
	case TSN_REL_LT:
		return k->below(out, rows, has, col, c);
	case TSN_REL_GT:
		return k->above(out, rows, has, col, c);
	case TSN_REL_NE:
		k->at(&other, rows, has, col, c);
		break;
	case TSN_REL_GE:
		k->below(&other, rows, has, col, c);
		break;
	case TSN_REL_LE:
		k->above(&other, rows, has, col, c);
		break;
	}
	return rest_of(out, rows, has, &other);
}

bool
tsn_vm_compare_real(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_vector *a = VALUE(in->a);
	double c = r->vm->p->reals[in->b];
	struct tsn_mask hit;

	if (a->real)
		return tsn_vm_reals(r, MASK(in->dst), tsn_vm_within(r, in), &a->known, a->f, c, in->c);
	tsn_mask_and(&hit, &a->known, tsn_vm_within(r, in));
	TSN_EACH_ROW(row, &hit)
		if (!tsn_vm_fulfils(tsn_number_cmp(a->i[row], c), in->c))
			tsn_mask_unset(&hit, row);
	*MASK(in->dst) = hit;
	return tsn_mask_any(&hit);
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
