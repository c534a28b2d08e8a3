/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/dispatch.h"

#include "base/mem.h"
#include "vm/internal.h"

/* A row of a block; those of one block are a chain. */
struct tsn_vm_link {
	uint32_t next; /* place + 1 */
	uint32_t row;
};

/* The classes of one field in this batch. */
struct tsn_vm_classes {
	uint64_t batch; /* for which the rest holds */
	struct tsn_mask known;
	uint16_t of[TSN_BATCH_ROWS];
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
	vm->link = tsn_reallocarray(NULL, (size_t)most * TSN_BATCH_ROWS * TSN_DISPATCH_DEPTH, sizeof(*vm->link));
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

static const struct tsn_vm_classes *
classes_of(struct tsn_run *r, uint32_t number)
{
	struct tsn_vm_classes *c = &r->vm->classes[number];

	if (c->batch != r->vm->batch) {
		tsn_classes_rows(&r->vm->p->classes[number], r->b, &c->known, c->of);
		c->batch = r->vm->batch;
	}
	return c;
}

/* Puts the rows into the chains of their blocks. */
static void
file_rows(struct tsn_vm *vm, const struct tsn_dispatch *d, const struct tsn_mask *rows, const uint16_t *class)
{
	TSN_EACH_ROW(row, rows) {
		const struct tsn_dispatch_slot *slot = tsn_dispatch_find(d, class[row]);

		for (uint32_t i = 0; i < slot->n; i++) {
			uint32_t block = d->begin + d->list[slot->first + i];

			vm->active[block / 64] |= UINT64_C(1) << (block % 64);
			vm->link[vm->nlinks] = (struct tsn_vm_link){ vm->chain[block], row };
			vm->chain[block] = ++vm->nlinks;
		}
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

void
tsn_vm_dispatch(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vm *vm = r->vm;
	const struct tsn_dispatch *d = &vm->p->dispatches[in->b];
	const struct tsn_vm_classes *c;
	uint32_t links = vm->nlinks;
	struct tsn_mask rows;

	if (!tsn_mask_any(&vm->masks[in->a]))
		return;
	c = classes_of(r, d->classes);
	tsn_mask_and(&rows, &vm->masks[in->a], &c->known);
	file_rows(vm, d, &rows, c->of);
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
