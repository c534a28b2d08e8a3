/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * TEST: a test that many rules share, asked for the few rows that are left of one of them. Whether it is better made for
 * those or once for the whole batch depends on how often this batch asks, which nobody knows beforehand. So few rows are
 * asked about alone (of a comparison: the words of the mask that have some) until that has cost about what the whole mask
 * does; then the mask is made and kept for the rest of the batch. That costs at most twice what knowing would.
 */
#include "vm/internal.h"

#include "base/mem.h"
#include "sets/set.h"

#define MASK_COSTS 40 /* rows: a comparison of a whole column takes as long as of so many single ones */

/* What was spent on a test in a batch. */
struct tsn_vm_memo {
	uint64_t batch;
	uint32_t spent; /* rows asked about alone */
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

void
tsn_vm_int_set_few(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out)
{
	const struct tsn_set *s = r->sets[t->b];

	KEEP_INT(t->a, tsn_set_has_int(s, (int64_t)v[row]))
}

static struct tsn_addr
masked_addr(const struct tsn_run *r, const struct tsn_address_operand *a, uint32_t row)
{
	return tsn_addr_mask(tsn_batch_addr(r->b, row, (enum tsn_field)a->field), a->v4_bits, a->v6_bits);
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
 * How each test is made, of a batch or of fewer rows, and for how many rows in all the one costs what the other does, 0 if it is never
 * dearer. [some] is how it is made of few rows where [all] would look at others, too.
 */
static const struct {
	bool (*all)(struct tsn_run *r, const struct tsn_insn *t);
	void (*some)(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out);
	uint32_t mask_costs;
} ways[TSN_OPCODE_COUNT] = {
	[TSN_OP_CODE_PRESENT] = { all_present, NULL, 0 },
	[TSN_OP_CODE_GIVES] = { all_given, NULL, 0 },
	[TSN_OP_CODE_RANGE] = { tsn_vm_range, NULL, MASK_COSTS },
	[TSN_OP_CODE_REAL_TEST] = { tsn_vm_real_test, NULL, MASK_COSTS },
	[TSN_OP_CODE_BITS] = { tsn_vm_bits, NULL, MASK_COSTS },
	[TSN_OP_CODE_INT_SET] = { tsn_vm_int_set, tsn_vm_int_set_few, TSN_BATCH_ROWS / 2 },
	[TSN_OP_CODE_ADDR_IN] = { tsn_vm_addr_in, NULL, MASK_COSTS / 2 },
	[TSN_OP_CODE_ADDR_SET] = { tsn_vm_addr_set, some_addr_set, TSN_BATCH_ROWS / 2 },
	[TSN_OP_CODE_ADDR_SAME] = { tsn_vm_addr_same, NULL, 0 },
	[TSN_OP_CODE_STR_SAME] = { tsn_vm_str_same, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_STR_EQUAL] = { tsn_vm_str_equal, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_STR_SET] = { tsn_vm_str_set, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_TUPLE_SET] = { tsn_vm_tuple_set, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_RECENT] = { tsn_vm_recent, NULL, TSN_BATCH_ROWS },
	[TSN_OP_CODE_DURING] = { tsn_vm_during, NULL, TSN_BATCH_ROWS },
};

/* Asks about the rows of [from] alone: those that pass are [out], which may be [from], and it is told whether there are any. */
static bool
ask(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, uint32_t out)
{
	struct tsn_run few = *r;
	struct tsn_insn there = *t;
	struct tsn_mask asked;

	if (ways[t->op].some == NULL) {
		few.rows = from;
		there.dst = out;
		return ways[t->op].all(&few, &there);
	}
	tsn_mask_and(&asked, from, &r->b->present[tsn_ops[t->op].operand[0] == TSN_OPD_ADDRESS ? r->vm->p->addresses[t->a].field : t->a]);
	tsn_mask_clear(&r->vm->masks[out]);
	ways[t->op].some(r, t, &asked, &r->vm->masks[out]);
	return tsn_mask_any(&r->vm->masks[out]);
}

/* Is it worth asking about few rows alone? Not if the batch has asked for too many yet. */
static bool
is_few(const struct tsn_insn *t, struct tsn_vm_memo *memo, const struct tsn_mask *from)
{
	const uint32_t n = ways[t->op].mask_costs > 0 ? tsn_mask_count(from) : 0;

	if (ways[t->op].mask_costs == 0 || memo->spent + n > ways[t->op].mask_costs)
		return false;
	memo->spent += n;
	return true;
}

bool
tsn_vm_test(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vm *vm = r->vm;
	const struct tsn_insn *t = &vm->p->tests[in->b];
	struct tsn_vm_memo *memo = &vm->memo[in->b];
	const struct tsn_mask *from = &vm->masks[in->a], *hit = &vm->masks[t->dst];
	struct tsn_mask *out = &vm->masks[in->dst];

	if (memo->batch != vm->batch)
		*memo = (struct tsn_vm_memo){ .batch = vm->batch };
	if (!memo->made && is_few(t, memo, from)) {
		if (in->op == TSN_OP_CODE_TEST)
			return ask(r, t, from, in->dst);
		ask(r, t, from, t->dst);
	} else if (!memo->made) {
		ways[t->op].all(r, t);
		memo->made = true;
	}
	if (in->op == TSN_OP_CODE_TEST)
		tsn_mask_and(out, from, hit);
	else
		tsn_mask_andnot(out, from, hit);
	return tsn_mask_any(out);
}
