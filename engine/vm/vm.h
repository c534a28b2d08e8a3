/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The virtual machine: runs one verified program over batches. Holds the
 * registers; state and sets are handed to it. One thread, one vm.
 * Must not know rules' texts, alerts or inputs.
 */
#ifndef TSN_VM_VM_H
#define TSN_VM_VM_H

#include "vm/program.h"

struct tsn_set;
struct tsn_vm;

/*
 * Called for each rule with matches, or with rows that end its alerts (tsn_rule.until), in program order, during the run;
 * registers may be read.
 */
typedef void tsn_on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows,
    const struct tsn_batch *b);

struct tsn_vm_counters {
	uint64_t regex_limit;   /* matches given up at PCRE2's limit: unknown, not false */
	uint64_t out_of_memory; /* folds cut short */
};

/* Rows that met the condition of a rule and are no matches all the same (S10). */
struct tsn_kept_out {
	uint64_t hidden;        /* `except` hid them */
	uint64_t outside;       /* not hidden, but outside of `during` */
};

/* The program must be verified and outlive the vm. NULL when memory is out. */
struct tsn_vm *tsn_vm_new(const struct tsn_program *p);
void tsn_vm_free(struct tsn_vm *vm);

/*
 * Runs the code for its kind over a normalised batch. [sets] has one pointer a
 * set slot. Derives the fields the program needs.
 */
void tsn_vm_run(struct tsn_vm *vm, struct tsn_batch *b, struct tsn_state *state, const struct tsn_set *const *sets,
    tsn_on_match *on_match, void *arg);

/*
 * Before running a batch of kind TICK: whose windows its rows are, as told by tsn_state_close. Rules that do not
 * wait for them have no matches in it. Family TSN_REG_NONE (the start): every rule is evaluated.
 */
void tsn_vm_closing(struct tsn_vm *vm, uint32_t family, uint32_t agg);

/*
 * Before running a batch of kind TICK whose rows are keys of [rule] that are pending or open (S25): that rule alone has
 * matches in it. No window closes there: what only a close decides is unknown.
 */
void tsn_vm_watch(struct tsn_vm *vm, uint32_t rule);

/*
 * Inside on_match, by number in program->exports, as rules' reports and pieces have them: is [row] set in a
 * mask; the number of a value (false: unknown), in [*i] or, if [*real], in [*f].
 */
/* NULL: computed nowhere in this code, so empty. */
const struct tsn_mask *tsn_vm_mask(const struct tsn_vm *vm, uint32_t export);
bool tsn_vm_mask_has(const struct tsn_vm *vm, uint32_t export, uint32_t row);
bool tsn_vm_value(const struct tsn_vm *vm, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real);
/* The same as a real, whatever the value is. */
bool tsn_vm_number(const struct tsn_vm *vm, uint32_t export, uint32_t row, double *out);
/* Has the last run told of anything: matches, or rows that are counted? */
bool tsn_vm_told(const struct tsn_vm *vm);
/* Of the latter alone. */
bool tsn_vm_counted(const struct tsn_vm *vm);
void tsn_vm_kept_out(const struct tsn_vm *vm, uint32_t rule, struct tsn_kept_out *out);
/* At a reload: what was counted of rules of the same name goes on. */
void tsn_vm_take_over(struct tsn_vm *vm, const struct tsn_vm *old);
void tsn_vm_counters(const struct tsn_vm *vm, struct tsn_vm_counters *out);

#endif
