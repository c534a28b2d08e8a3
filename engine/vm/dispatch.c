/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/dispatch.h"

#include "base/mem.h"
#include "vm/internal.h"

#define FEW 64 /* rows: so many are looked up one by one, if not all of the batch's have been */

/* A row of a block; those of one block are a chain. */
struct tsn_vm_link {
	uint32_t next; /* place + 1 */
	uint32_t row;
};

/* The classes of one field in this batch. */
struct tsn_vm_classes {
	uint64_t batch; /* for which the rest holds */
	struct tsn_mask known;
	uint32_t of[TSN_BATCH_ROWS];
};

bool
tsn_vm_dispatch_new(struct tsn_vm *vm)
{
	const struct tsn_program *p = vm->p;
	uint32_t blocks = 0, most = 0;

	for (uint32_t i = 0; i < p->ndispatches; i++) {
		blocks += (p->dispatches[i].nblocks + 63) / 64 * 64;
		if (p->dispatches[i].most > most)
			most = p->dispatches[i].most;
	}
	if (p->ndispatches == 0)
		return true;
	vm->classes = tsn_aligned_calloc(64, p->nclasses, sizeof(*vm->classes));
	vm->chain = tsn_calloc(blocks, sizeof(*vm->chain));
	vm->active = tsn_calloc(blocks / 64, sizeof(*vm->active));
	vm->link = tsn_reallocarray(NULL, (size_t)most * TSN_BATCH_ROWS * TSN_DISPATCH_DEPTH, sizeof(*vm->link)); /* touched as far as it is used */
	return vm->classes != NULL && vm->chain != NULL && vm->active != NULL && vm->link != NULL;
}

void
tsn_vm_dispatch_free(struct tsn_vm *vm)
{
	tsn_free(vm->classes);
	tsn_free(vm->chain);
	tsn_free(vm->active);
	tsn_free(vm->link);
}

/* Leaves in [rows] those that may be of a block. Where they are few only these are looked up, later; else all of the batch, once. */
static void
look_up(struct tsn_run *r, const struct tsn_dispatch *d, struct tsn_mask *rows)
{
	const bool few = tsn_mask_count(rows) < FEW;
	struct tsn_mask known;

	tsn_mask_clear(&known);
	for (uint32_t i = 0; i < d->nlooks; i++) {
		struct tsn_vm_classes *c = &r->vm->classes[d->look[i].classes];

		if (c->batch != r->vm->batch && few)
			return;
		if (c->batch != r->vm->batch)
			tsn_classes_rows(&r->vm->p->classes[d->look[i].classes], r->b, &c->known, c->of);
		c->batch = r->vm->batch;
		tsn_mask_or(&known, &known, &c->known);
	}
	tsn_mask_and(rows, rows, &known);
}

static uint32_t
class_of(const struct tsn_run *r, uint32_t number, uint32_t row)
{
	const struct tsn_vm_classes *c = &r->vm->classes[number];
	const struct tsn_classes *classes = &r->vm->p->classes[number];

	if (c->batch == r->vm->batch)
		return tsn_mask_has(&c->known, row) ? c->of[row] : TSN_CLASS_NONE;
	return tsn_mask_has(&r->b->present[classes->field], row) ? tsn_classes_row(classes, r->b, row) : TSN_CLASS_NONE;
}

/* What the groups of a dispatch compare; as its numbers are (vm/dispatch.h). False: the row has none. */
static bool
side_value(const struct tsn_batch *b, const struct tsn_dispatch_side *side, uint32_t row, int64_t *out)
{
	const void *col = b->col[side->field];
	const struct tsn_addr_column *addr;
	int64_t v;

	if (!tsn_mask_has(&b->present[side->field], row))
		return false;
	switch (tsn_fields[side->field].storage) {
	case TSN_ADDR:
		addr = &b->addr[tsn_fields[side->field].addr_slot];
		if (!tsn_mask_has(&addr->is_v4, row))
			return false;
		v = addr->v4[row];
		break;
	case TSN_U8:
		v = ((const uint8_t *)col)[row];
		break;
	case TSN_U16:
		v = ((const uint16_t *)col)[row];
		break;
	case TSN_U32:
		v = ((const uint32_t *)col)[row];
		break;
	default:
		v = ((const int64_t *)col)[row];
		break;
	}
	*out = side->below ? ~v : v;
	return true;
}

static inline void
file_row(struct tsn_vm *vm, uint32_t block, uint32_t row)
{
	vm->active[block / 64] |= UINT64_C(1) << (block % 64);
	vm->link[vm->nlinks] = (struct tsn_vm_link){ vm->chain[block], row };
	vm->chain[block] = ++vm->nlinks;
}

/* Puts a row into the chains of the blocks of one class. */
static void
file_group(struct tsn_run *r, const struct tsn_dispatch *d, const struct tsn_dispatch_look *l, const struct tsn_dispatch_group *g,
    uint32_t row)
{
	int64_t value;

	if (g->side == 0) {
		for (uint32_t i = g->first; i < g->first + g->n; i++)
			file_row(r->vm, d->begin + l->block[i], row);
		return;
	}
	if (!side_value(r->b, &d->side[g->side - 1], row, &value))
		return;
	for (uint32_t i = g->first; i < g->first + g->n && l->least[i] <= value; i++)
		if (value <= l->most[i])
			file_row(r->vm, d->begin + l->block[i], row);
}

/* The slot of a class, or of the first class around it that has one: place + 1. */
static uint32_t
slot_of(const struct tsn_vm *vm, const struct tsn_dispatch_look *l, uint32_t class)
{
	const uint32_t *parent = vm->p->classes[l->classes].parent;

	if (l->of != NULL)
		return l->of[class];
	for (; class != TSN_CLASS_NONE; class = parent != NULL ? parent[class] : TSN_CLASS_NONE) {
		const struct tsn_dispatch_slot *slot = tsn_dispatch_find(l, class);

		if (slot->class != TSN_CLASS_NONE)
			return (uint32_t)(slot - l->slot) + 1;
	}
	return 0;
}

/* And into those of the classes around it. */
static void
file_class(struct tsn_run *r, const struct tsn_dispatch *d, const struct tsn_dispatch_look *l, uint32_t class, uint32_t row)
{
	for (uint32_t at = slot_of(r->vm, l, class); at != 0; at = l->slot[at - 1].up) {
		const struct tsn_dispatch_slot *slot = &l->slot[at - 1];

		for (uint32_t i = slot->first; i < slot->first + slot->n; i++)
			file_group(r, d, l, &l->group[i], row);
	}
}

static void
take_chain(struct tsn_vm *vm, uint32_t block, struct tsn_mask *out)
{
	tsn_mask_clear(out);
	for (uint32_t at = vm->chain[block]; at != 0; at = vm->link[at - 1].next)
		tsn_mask_set(out, vm->link[at - 1].row);
	vm->chain[block] = 0;
}

/* Runs the blocks that rows were filed in since [links]. */
static void
run_blocks(struct tsn_run *r, const struct tsn_insn *in, const struct tsn_dispatch *d, uint32_t links)
{
	struct tsn_vm *vm = r->vm;

	for (uint32_t w = 0; w < d->nblocks && vm->nlinks > links; w += 64) {
		uint64_t bits = vm->active[(d->begin + w) / 64];

		vm->active[(d->begin + w) / 64] = 0;
		for (; bits != 0; bits &= bits - 1) {
			uint32_t block = w + (uint32_t)__builtin_ctzll(bits);

			take_chain(vm, d->begin + block, &vm->masks[in->dst]);
			tsn_vm_execute(r, in + 1 + d->block[block]);
		}
	}
	vm->nlinks = links;
}

/* All rows are filed, then each block is run, once: what blocks read in common lives no longer than to the last of them. */
void
tsn_vm_dispatch(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vm *vm = r->vm;
	const struct tsn_dispatch *d = &vm->p->dispatches[in->b];
	const uint32_t links = vm->nlinks;
	struct tsn_mask rows = vm->masks[in->a];

	if (!tsn_mask_any(&rows))
		return;
	look_up(r, d, &rows);
	TSN_EACH_ROW(row, &rows)
		for (uint32_t i = 0; i < d->nlooks; i++)
			file_class(r, d, &d->look[i], class_of(r, d->look[i].classes, row), row);
	run_blocks(r, in, d, links);
}
