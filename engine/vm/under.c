/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * TEST: a test that many rules share, asked for the few rows that are left of one of them. Whether it is better made row by
 * row or once for the whole batch depends on how often this batch asks, which nobody knows beforehand. So rows are tested
 * one by one until that has cost about what the whole mask does; then the mask is made and kept for the rest of the
 * batch. That costs at most twice what knowing would.
 */
#include "vm/internal.h"

#include "base/mem.h"
#include "sets/set.h"

#define MASK_COSTS 40 /* rows: a comparison of a whole column takes as long as of so many single ones */

/* What was spent on a test in a batch. */
struct tsn_vm_memo {
	uint64_t batch;
	uint32_t spent; /* rows tested one by one */
	bool made;      /* its register has the mask */
};

bool
tsn_vm_memos_new(struct tsn_vm *vm)
{
	vm->memo = tsn_calloc(vm->p->ntests, sizeof(*vm->memo));
	return vm->memo != NULL;
}

void
tsn_vm_memos_free(struct tsn_vm *vm)
{
	tsn_free(vm->memo);
}

#define KEEP(condition) \
	TSN_EACH_ROW(row, from) \
		if (condition) \
			tsn_mask_set(out, row)

/* An integer column of any width, one row at a time. */
#define KEEP_INT(field, condition) \
	switch (tsn_fields[field].storage) { \
	case TSN_U8: { const uint8_t *v = r->b->col[field]; KEEP(condition); break; } \
	case TSN_U16: { const uint16_t *v = r->b->col[field]; KEEP(condition); break; } \
	case TSN_U32: { const uint32_t *v = r->b->col[field]; KEEP(condition); break; } \
	default: { const int64_t *v = r->b->col[field]; KEEP(condition); break; } \
	}

static void
some_range(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out)
{
	int64_t lo = r->vm->p->ints[t->b], hi = r->vm->p->ints[t->c];

	KEEP_INT(t->a, (int64_t)v[row] >= lo && (int64_t)v[row] <= hi)
}

static void
some_bits(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out)
{
	uint64_t mask = (uint64_t)r->vm->p->ints[t->b], want = (uint64_t)r->vm->p->ints[t->c];

	KEEP_INT(t->a, ((uint64_t)v[row] & mask) == want)
}

void
tsn_vm_int_set_few(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out)
{
	const struct tsn_set *s = r->sets[t->b];

	KEEP_INT(t->a, tsn_set_has_int(s, (int64_t)v[row]))
}

static void
some_real(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out)
{
	const double *v = r->b->col[t->a];
	double c = r->vm->p->reals[t->b];

	KEEP(tsn_vm_fulfils((v[row] > c) - (v[row] < c), t->c));
}

static struct tsn_addr
masked_addr(const struct tsn_run *r, const struct tsn_address_operand *a, uint32_t row)
{
	return tsn_addr_mask(tsn_batch_addr(r->b, row, (enum tsn_field)a->field), a->v4_bits, a->v6_bits);
}

static void
some_addr_in(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out)
{
	const struct tsn_address_operand *a = &r->vm->p->addresses[t->a];
	struct tsn_prefix p = r->vm->p->prefixes[t->b];

	KEEP(tsn_prefix_has(p, masked_addr(r, a, row)));
}

static void
some_addr_set(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out)
{
	const struct tsn_address_operand *a = &r->vm->p->addresses[t->a];
	const struct tsn_set *s = r->sets[t->b];

	KEEP(tsn_set_has_addr(s, masked_addr(r, a, row)));
}

static bool
all_present(struct tsn_run *r, const struct tsn_insn *t)
{
	tsn_vm_present(r, t->a, &r->vm->masks[t->dst]);
	return true;
}

static bool
all_given(struct tsn_run *r, const struct tsn_insn *t)
{
	r->vm->masks[t->dst] = r->b->gives[t->a];
	return true;
}

/*
 * How each test is made: for the whole batch, and row by row; and for how many rows the one costs what the other does, 0 if
 * it is never dearer. Without [some] and with a price it goes row by row anyway, so it is asked about few.
 */
static const struct {
	bool (*all)(struct tsn_run *r, const struct tsn_insn *t);
	void (*some)(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out);
	uint32_t mask_costs;
} ways[TSN_OPCODE_COUNT] = {
	[TSN_OP_CODE_PRESENT] = { all_present, NULL, 0 },
	[TSN_OP_CODE_GIVES] = { all_given, NULL, 0 },
	[TSN_OP_CODE_RANGE] = { tsn_vm_range, some_range, MASK_COSTS },
	[TSN_OP_CODE_REAL_TEST] = { tsn_vm_real_test, some_real, MASK_COSTS },
	[TSN_OP_CODE_BITS] = { tsn_vm_bits, some_bits, MASK_COSTS },
	[TSN_OP_CODE_INT_SET] = { tsn_vm_int_set, tsn_vm_int_set_few, TSN_BATCH_ROWS / 2 },
	[TSN_OP_CODE_ADDR_IN] = { tsn_vm_addr_in, some_addr_in, MASK_COSTS / 2 },
	[TSN_OP_CODE_ADDR_SET] = { tsn_vm_addr_set, some_addr_set, TSN_BATCH_ROWS / 2 },
	[TSN_OP_CODE_ADDR_SAME] = { tsn_vm_addr_same, NULL, 0 },
	[TSN_OP_CODE_STR_SAME] = { tsn_vm_str_same, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_STR_EQUAL] = { tsn_vm_str_equal, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_STR_SET] = { tsn_vm_str_set, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_TUPLE_SET] = { tsn_vm_tuple_set, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_RECENT] = { tsn_vm_recent, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_DURING] = { tsn_vm_during, NULL, TSN_BATCH_ROWS },
};

/* Asks about the rows of [from] alone, if the batch has not asked for too many yet. */
static bool
row_by_row(const struct tsn_run *r, const struct tsn_insn *t, struct tsn_vm_memo *memo, const struct tsn_mask *from,
    struct tsn_mask *out)
{
	struct tsn_run few = *r;
	struct tsn_mask asked;
	uint32_t n, field;

	if (ways[t->op].mask_costs == 0)
		return false;
	n = tsn_mask_count(from);
	if (memo->spent + n > ways[t->op].mask_costs)
		return false;
	memo->spent += n;
	if (ways[t->op].some == NULL) {
		few.rows = from;
		ways[t->op].all(&few, t);
		*out = r->vm->masks[t->dst];
		return true;
	}
	if (t->op == TSN_OP_CODE_REAL_TEST)
		tsn_vm_make(r, t->a);
	field = tsn_ops[t->op].operand[0] == TSN_OPD_ADDRESS ? r->vm->p->addresses[t->a].field : t->a;
	tsn_mask_and(&asked, from, &r->b->present[field]);
	tsn_mask_clear(out);
	ways[t->op].some(r, t, &asked, out);
	return true;
}

bool
tsn_vm_test(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vm *vm = r->vm;
	const struct tsn_insn *t = &vm->p->tests[in->b];
	struct tsn_vm_memo *memo = &vm->memo[in->b];
	const struct tsn_mask *from = &vm->masks[in->a], *hit = &vm->masks[t->dst];
	struct tsn_mask *out = &vm->masks[in->dst], some;

	if (memo->batch != vm->batch)
		*memo = (struct tsn_vm_memo){ .batch = vm->batch };
	if (!memo->made) {
		if (row_by_row(r, t, memo, from, &some)) {
			hit = &some;
		} else {
			ways[t->op].all(r, t);
			memo->made = true;
		}
	}
	if (in->op == TSN_OP_CODE_TEST)
		tsn_mask_and(out, from, hit);
	else
		tsn_mask_andnot(out, from, hit);
	return tsn_mask_any(out);
}
