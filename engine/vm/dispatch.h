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
#define TSN_DISPATCH_LOOKS 4 /* fields of one dispatch: of `src in A or dst in A` a row is found by either */
#define TSN_DISPATCH_SIDES 8

/*
 * Which rows a block is for at all: those of which a field lies between two numbers, as its rules ask: a threshold, a range, the addresses of a prefix
 * of IPv4. [below]: numbers are complements, so that "at most" is "at least" again.
 */
struct tsn_dispatch_side {
	uint16_t field; /* an integer or an address */
	bool below;
};

/* Blocks with one side, in the order of their least numbers: the first that is too great for a row ends the list for it. */
struct tsn_dispatch_group {
	uint32_t side;     /* place + 1; 0: for every row */
	uint32_t first, n; /* in [block], [least] and [most] */
};

/* Of which blocks a class is: n groups from [first] on, and those of the slot of the next class around it that has one. */
struct tsn_dispatch_slot {
	uint32_t class, first, n; /* class 0: free */
	uint32_t up;              /* place + 1; 0: none */
};

/* One field of a dispatch. */
struct tsn_dispatch_look {
	uint32_t classes;               /* place in program->classes */
	struct tsn_dispatch_slot *slot; /* open addressing by class */
	uint32_t mask;                  /* slots - 1 */
	uint32_t *of, nof;              /* by class, where most rows are looked up: its slot, or the first around it; as [up]. NULL: to be searched */
	struct tsn_dispatch_group *group;
	uint32_t ngroups;
	uint32_t *block;
	int64_t *least, *most;
	uint32_t n;
};

struct tsn_dispatch {
	struct tsn_dispatch_look *look;
	uint32_t nlooks;
	struct tsn_dispatch_side *side;
	uint32_t nsides;
	uint32_t nblocks;
	uint32_t *block;                /* where each begins, counted from behind the DISPATCH; [nblocks]: where the last has ended */
	const char **name;              /* what each asks for, and how many rules it has: for the disassembly */
	uint32_t *rules;
	const char *inside;             /* of a block: what that asks for; NULL: of none */
	uint32_t most;                  /* blocks that one row can be of */
	uint32_t begin;                 /* number of its first block among those of all dispatches; a multiple of 64 */
};

static inline uint32_t
tsn_dispatch_hash(uint32_t class)
{
	return class * UINT32_C(0x9e3779b1) >> 7;
}

/* The slot of a class; class 0: it is of no block itself. */
static inline const struct tsn_dispatch_slot *
tsn_dispatch_find(const struct tsn_dispatch_look *l, uint32_t class)
{
	uint32_t at = tsn_dispatch_hash(class) & l->mask;

	while (l->slot[at].class != TSN_CLASS_NONE && l->slot[at].class != class)
		at = (at + 1) & l->mask;
	return &l->slot[at];
}

#endif
