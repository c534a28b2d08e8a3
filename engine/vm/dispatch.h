/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How thousands of rules that each ask for one value of a field cost what the values of a batch cost: the code of the
 * rules that ask for the same is a *block*, and DISPATCH runs only the blocks of classes (vm/classes.h) that occur in
 * the batch, each once, in the order of the code. Blocks may hold dispatches by other fields.
 */
#ifndef TSN_VM_DISPATCH_H
#define TSN_VM_DISPATCH_H

#include "vm/classes.h"

#define TSN_DISPATCH_DEPTH 3 /* blocks in blocks */

/* Of which blocks a class is: n of [list] from [first] on. */
struct tsn_dispatch_slot {
	uint32_t class, first, n; /* n 0: free */
};

struct tsn_dispatch {
	uint32_t classes;               /* place in program->classes */
	uint32_t nblocks;
	uint32_t *block;                /* where each begins, counted from behind the DISPATCH; [nblocks]: where the last has ended */
	const char **name;              /* what each asks for, and how many rules it has: for the disassembly */
	uint32_t *rules;
	const char *inside;             /* of a block: what that asks for; NULL: of none */
	struct tsn_dispatch_slot *slot; /* open addressing by class */
	uint32_t mask;                  /* slots - 1 */
	uint32_t *list, nlist;
	uint32_t most;                  /* the longest list */
	uint32_t begin;                 /* number of its first block among those of all dispatches; a multiple of 64 */
};

static inline uint32_t
tsn_dispatch_hash(uint32_t class)
{
	return class * UINT32_C(0x9e3779b1) >> 7;
}

/* The slot of a class; n 0: it is of no block. */
static inline const struct tsn_dispatch_slot *
tsn_dispatch_find(const struct tsn_dispatch *d, uint32_t class)
{
	uint32_t at = tsn_dispatch_hash(class) & d->mask;

	while (d->slot[at].n != 0 && d->slot[at].class != class)
		at = (at + 1) & d->mask;
	return &d->slot[at];
}

#endif
