/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Tests of fields: columns in, masks out. What a column holds where the field is absent is never looked at. */
#include "vm/internal.h"

#include "sets/set.h"

#define OUT(in) (&r->vm->masks[(in)->dst])

/* Ends every test of one field: only rows that carry it. */
static void
keep_present(const struct tsn_run *r, uint32_t field, struct tsn_mask *out)
{
	const struct tsn_mask *present = &r->b->present[field], *rows = r->rows;

	for (int i = 0; i < TSN_MASK_WORDS; i++)
		out->w[i] &= present->w[i] & rows->w[i];
}

/* Bounds cut to what the column can hold; false if nothing is left between them. */
static bool
clip(int64_t *lo, int64_t *hi, int64_t max)
{
	if (*lo < 0)
		*lo = 0;
	if (*hi > max)
		*hi = max;
	return *lo <= *hi;
}

void
tsn_vm_range(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_kernels *k = r->vm->k;
	const void *col = r->b->col[in->a];
	int64_t lo = r->vm->p->ints[in->b], hi = r->vm->p->ints[in->c];
	struct tsn_mask *out = OUT(in);
	uint32_t n = r->b->n;
	bool some = lo <= hi;

	switch (tsn_fields[in->a].storage) {
	case TSN_U8:
		if ((some = clip(&lo, &hi, UINT8_MAX)))
			k->range8(out, col, n, (uint8_t)lo, (uint8_t)hi);
		break;
	case TSN_U16:
		if ((some = clip(&lo, &hi, UINT16_MAX)))
			k->range16(out, col, n, (uint16_t)lo, (uint16_t)hi);
		break;
	case TSN_U32:
		if ((some = clip(&lo, &hi, UINT32_MAX)))
			k->range32(out, col, n, (uint32_t)lo, (uint32_t)hi);
		break;
	default: /* 64 bits, signed as the language has them; decoders keep counters below 2^63 */
		if (some)
			k->range64(out, col, n, lo, hi);
		break;
	}
	if (some)
		keep_present(r, in->a, out);
	else
		tsn_mask_clear(out);
}

void
tsn_vm_real_is(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_mask *out = OUT(in), present;

	tsn_vm_present(r, in->a, &present);
	tsn_vm_compare_reals(r, out, r->b->col[in->a], &present, r->vm->p->reals[in->b], in->c);
}

void
tsn_vm_bits(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_kernels *k = r->vm->k;
	const void *col = r->b->col[in->a];
	uint64_t mask = (uint64_t)r->vm->p->ints[in->b], want = (uint64_t)r->vm->p->ints[in->c];
	struct tsn_mask *out = OUT(in);
	uint32_t n = r->b->n;
	unsigned width = tsn_fields[in->a].storage == TSN_U8 ? 8 : tsn_fields[in->a].storage == TSN_U16 ? 16
	    : tsn_fields[in->a].storage == TSN_U32 ? 32 : 64;

	/* bits the column does not have are 0 in it */
	if ((want & ~mask) != 0 || (width < 64 && want >> width != 0)) {
		tsn_mask_clear(out);
		return;
	}
	if (width == 8)
		k->bits8(out, col, n, (uint8_t)mask, (uint8_t)want);
	else if (width == 16)
		k->bits16(out, col, n, (uint16_t)mask, (uint16_t)want);
	else if (width == 32)
		k->bits32(out, col, n, (uint32_t)mask, (uint32_t)want);
	else
		k->bits64(out, col, n, mask, want);
	keep_present(r, in->a, out);
}

void
tsn_vm_int_set(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_set *s = r->sets[in->b];
	const void *col = r->b->col[in->a];
	uint32_t n = r->b->n;
	uint8_t *hit = r->vm->hit;

	switch (tsn_fields[in->a].storage) {
	case TSN_U8:
		tsn_set_rows_u8(s, col, n, hit);
		break;
	case TSN_U16:
		tsn_set_rows_u16(s, col, n, hit);
		break;
	case TSN_U32:
		tsn_set_rows_u32(s, col, n, hit);
		break;
	default:
		tsn_set_rows_i64(s, col, n, hit);
		break;
	}
	r->vm->k->pack(OUT(in), hit, n);
	keep_present(r, in->a, OUT(in));
}

/* The first [bits] of [width] bits. */
static uint64_t
top_bits(unsigned bits, unsigned width)
{
	uint64_t all = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;

	return bits == 0 ? 0 : bits >= width ? all : all & ~(all >> bits);
}

static void
v6_masks(unsigned bits, uint64_t mask[2])
{
	mask[0] = top_bits(bits, 64);
	mask[1] = bits > 64 ? top_bits(bits - 64, 64) : 0;
}

void
tsn_vm_addr_in(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_address_operand *a = &r->vm->p->addresses[in->a];
	const struct tsn_prefix *x = &r->vm->p->prefixes[in->b];
	const struct tsn_addr_column *col = &r->b->addr[tsn_fields[a->field].addr_slot];
	struct tsn_mask *out = OUT(in);
	uint64_t kept[2], mask[2], want[2] = { x->addr.hi, x->addr.lo };

	if (x->addr.v4) {
		uint32_t both = (uint32_t)(top_bits(a->v4_bits, 32) & top_bits(x->len, 32));

		/* masked away, yet set in the prefix: equal to no masked address */
		if ((want[1] & top_bits(x->len, 32) & ~(uint64_t)both) != 0) {
			tsn_mask_clear(out);
			return;
		}
		r->vm->k->bits32(out, col->v4, r->b->n, both, (uint32_t)want[1] & both);
		tsn_mask_and(out, out, &col->is_v4);
		keep_present(r, a->field, out);
		return;
	}
	v6_masks(a->v6_bits, kept);
	v6_masks(x->len, mask);
	if (!col->any_v6 || (want[0] & mask[0] & ~kept[0]) != 0 || (want[1] & mask[1] & ~kept[1]) != 0) {
		tsn_mask_clear(out);
		return;
	}
	for (int i = 0; i < 2; i++) {
		mask[i] &= kept[i];
		want[i] &= mask[i];
	}
	r->vm->k->pair(out, col->hi, col->lo, r->b->n, mask, want);
	tsn_mask_andnot(out, out, &col->is_v4);
	keep_present(r, a->field, out);
}

void
tsn_vm_addr_set(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_address_operand *a = &r->vm->p->addresses[in->a];
	const struct tsn_addr_column *col = &r->b->addr[tsn_fields[a->field].addr_slot];

	tsn_set_rows_addr(r->sets[in->b], col, r->b->n, a->v4_bits, a->v6_bits, r->vm->hit);
	r->vm->k->pack(OUT(in), r->vm->hit, r->b->n);
	keep_present(r, a->field, OUT(in));
}

/* Same family and same bits; rows of IPv6 on both sides are looked at only if there are any. */
void
tsn_vm_addr_same(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_kernels *k = r->vm->k;
	const struct tsn_address_operand *a = &r->vm->p->addresses[in->a], *b = &r->vm->p->addresses[in->b];
	const struct tsn_addr_column *x = &r->b->addr[tsn_fields[a->field].addr_slot];
	const struct tsn_addr_column *y = &r->b->addr[tsn_fields[b->field].addr_slot];
	struct tsn_mask *out = OUT(in), four, six, half;
	uint64_t xm[2], ym[2];
	uint32_t n = r->b->n;

	k->same32(&four, x->v4, y->v4, n, (uint32_t)top_bits(a->v4_bits, 32), (uint32_t)top_bits(b->v4_bits, 32));
	tsn_mask_and(&four, &four, &x->is_v4);
	tsn_mask_and(&four, &four, &y->is_v4);
	tsn_mask_clear(&six);
	if (x->any_v6 && y->any_v6) {
		v6_masks(a->v6_bits, xm);
		v6_masks(b->v6_bits, ym);
		k->same64(&six, x->hi, y->hi, n, xm[0], ym[0]);
		k->same64(&half, x->lo, y->lo, n, xm[1], ym[1]);
		tsn_mask_and(&six, &six, &half);
		tsn_mask_andnot(&six, &six, &x->is_v4);
		tsn_mask_andnot(&six, &six, &y->is_v4);
	}
	tsn_mask_or(out, &four, &six);
	keep_present(r, a->field, out);
	keep_present(r, b->field, out);
}

static bool
same_str(struct tsn_str a, const char *p, size_t n)
{
	return a.n == n && (n == 0 || memcmp(a.p, p, n) == 0);
}

void
tsn_vm_str_same(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_str *col = r->b->col[in->a];
	const char *want = r->vm->p->strings[in->b].p;
	size_t n = r->vm->p->strings[in->b].n;
	struct tsn_mask present, hit = { { 0 } };

	tsn_vm_present(r, in->a, &present);
	TSN_EACH_ROW(row, &present)
		if (same_str(col[row], want, n))
			tsn_mask_set(&hit, row);
	*OUT(in) = hit;
}

void
tsn_vm_str_equal(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_str *a = r->b->col[in->a], *b = r->b->col[in->b];
	struct tsn_mask present, hit = { { 0 } };

	tsn_vm_present(r, in->a, &present);
	keep_present(r, in->b, &present);
	TSN_EACH_ROW(row, &present)
		if (same_str(a[row], b[row].p, b[row].n))
			tsn_mask_set(&hit, row);
	*OUT(in) = hit;
}

void
tsn_vm_str_set(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_mask present;

	tsn_vm_present(r, in->a, &present);
	tsn_set_rows_str(r->sets[in->b], r->b->col[in->a], &present, r->vm->hit);
	r->vm->k->pack(OUT(in), r->vm->hit, TSN_BATCH_ROWS);
}

void
tsn_vm_str_match(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vm *vm = r->vm;
	struct tsn_mask present;

	tsn_vm_present(r, in->a, &present);
	vm->counters.regex_limit += tsn_regex_rows(vm->regex, vm->p->regexes[in->b], r->b->col[in->a], &present,
	    OUT(in), &vm->masks[in->c]);
}

void
tsn_vm_tuple_set(struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_key_spec *key = &r->vm->p->tuples[in->a];
	struct tsn_mask present, hit = { { 0 } };
	uint8_t bytes[TSN_KEY_MAX];

	tsn_key_present(key, r->b, &present);
	tsn_mask_and(&present, &present, r->rows);
	TSN_EACH_ROW(row, &present)
		if (tsn_set_has_key(r->sets[in->b], bytes, tsn_key_encode(key, r->b, row, bytes)))
			tsn_mask_set(&hit, row);
	*OUT(in) = hit;
}
