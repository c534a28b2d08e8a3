/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What rules cost: the machine books the time of each instruction, and here it is divided among the rules. An instruction
 * that several rules need is divided evenly among them; what no rule needs is the machine's own. The cost
 * of a match (its alert) is the rule's.
 */
#ifndef TSN_VM_PROFILE_H
#define TSN_VM_PROFILE_H

#include "base/spent.h"
#include "vm/vm.h"

/*
 * From now on one batch in [every] is timed; [spent] outlives the vm, and its readings are taken. Whatever account is open
 * is opened again after each batch. False when memory is out.
 */
bool tsn_vm_profile_on(struct tsn_vm *vm, struct tsn_spent *spent, uint32_t every);

/* Times are in the unit of the clock handed in; of the batches timed. */
struct tsn_rule_cost {
	double tests, windows, alerts; /* its conditions; its part of the families it reads; its matches */
	uint64_t rows;                 /* that met it */
};

struct tsn_family_cost {
	uint64_t time, rows;           /* counted */
	uint64_t looked;               /* rows that were not, and looked */
	uint32_t rules;                /* that read it */
};

/* An instruction. */
struct tsn_insn_cost {
	enum tsn_door door;
	uint32_t at, rules;            /* in the code; that need it */
	uint64_t time, rows;           /* rows: strings looked at, of a pattern */
};

struct tsn_profile {
	struct tsn_rule_cost *rules;      /* one a rule of the program */
	struct tsn_family_cost *families; /* one a family */
	struct tsn_insn_cost *insns;      /* those that took time and are neither FOLD nor MATCH */
	uint32_t ninsns;
	double rest;                      /* of instructions that no rule needs */
	uint64_t batches, timed;          /* run; of them timed */
};

/* False when memory is out. */
bool tsn_vm_profile(const struct tsn_vm *vm, struct tsn_profile *out);
void tsn_profile_fini(struct tsn_profile *p);

#endif
