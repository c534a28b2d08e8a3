/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of vm/ share: the machine's inside. Not for other rooms. */
#ifndef TSN_VM_INTERNAL_H
#define TSN_VM_INTERNAL_H

#include "base/spent.h"
#include "vm/kernels.h"
#include "vm/ops.h"
#include "vm/regex.h"
#include "vm/vm.h"

/* Pointers a family's fold is called with, for one of the codes. */
struct tsn_vm_fold {
	const struct tsn_vector **args;
	struct tsn_vector **results;
	const struct tsn_mask **steps;       /* of a sequence: a mask each, NULL for a rule's */
	const struct tsn_mask *must;         /* rows that look whatever a guard says; NULL: none */
};

struct tsn_vm_classes;
struct tsn_vm_link;
struct tsn_vm_memo;
/* Of a machine that is profiled (vm/profile.h): time and rows of each instruction. */
struct tsn_timing {
	struct tsn_spent *spent;
	uint32_t every;                      /* one batch in so many is timed */
	uint64_t batches, timed;
	uint64_t *time[TSN_DOORS], *rows[TSN_DOORS];
	uint64_t *looked;                    /* one a family: rows that looked at it and were not counted */
};

struct tsn_vm {
	const struct tsn_program *p;
	const struct tsn_kernels *k;
	struct tsn_mask *masks;              /* behind the program's registers one a test */
	struct tsn_vector *values;
	struct tsn_vector *nothing;          /* known nowhere: arguments of folds that count no row */
	struct tsn_vm_fold *folds[TSN_DOORS]; /* one a family */
	struct tsn_vector *unread;           /* for a result that nobody reads */
	const void **pointers;               /* behind all of folds */
	struct tsn_regex *regex;             /* NULL if the program has none */
	enum tsn_door door;                  /* of the batch at hand */
	bool ends;                           /* the rule whose MATCH comes next has rows that end its alerts */
	uint32_t closing_family, closing_agg;
	uint32_t watched;                    /* rule whose keys the rows of a tick batch are; TSN_REG_NONE: of no rule */
	bool matched, counted;               /* of the batch at hand: some rule did, rows of some were */
	struct tsn_vm_counters counters;
	struct tsn_timing *timing;           /* NULL: not profiled */
	struct tsn_kept_out *kept_out;       /* one a rule */
	uint64_t batch;                      /* counts the batches */
	struct tsn_vm_memo *memo;            /* vm/under.c: one a test */
	/* vm/dispatch.c: classes of fields; of each block its rows and whether it has any; the rows filed at the moment */
	struct tsn_vm_classes *classes;
	uint32_t *chain;
	uint64_t *active;
	struct tsn_vm_link *link;
	uint32_t nlinks;                     /* in use */
	uint8_t hit[TSN_BATCH_ROWS];         /* 0 or 1 a row, between a set and the packing */
};

/* One run: the machine and what it was handed. */
struct tsn_run {
	struct tsn_vm *vm;
	struct tsn_batch *b;
	struct tsn_state *state;
	const struct tsn_set *const *sets;
	tsn_on_match *on_match;
	void *arg;
	const struct tsn_mask *rows; /* those that tests are about: the batch's, or fewer */
	bool timed;
};

/* vm/run.c: from an instruction to the end of the code or of its block. */
void tsn_vm_execute(struct tsn_run *r, const struct tsn_insn *in);

/* vm/dispatch.c and vm/under.c: many rules at once. False when memory is out. */
bool tsn_vm_dispatch_new(struct tsn_vm *vm);
void tsn_vm_dispatch_free(struct tsn_vm *vm);
void tsn_vm_dispatch(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_memos_new(struct tsn_vm *vm);
void tsn_vm_memos_free(struct tsn_vm *vm);
/* TEST and TEST_NOT: is any row left? */
bool tsn_vm_test(struct tsn_run *r, const struct tsn_insn *in);

/* vm/profile.c: the time from now on is that of an instruction; and an end of it all. */
void tsn_vm_account(struct tsn_run *r, const struct tsn_insn *in, uint32_t at);
void tsn_vm_profile_off(struct tsn_vm *vm);

/* vm/tests.c: the instructions that make a mask of a column. True: it has rows. */
bool tsn_vm_range(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_bits(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_int_set(struct tsn_run *r, const struct tsn_insn *in);
/* under.c: the same of rows of [from], each by itself, which have the field: sets those in [out] that are in the set. */
void tsn_vm_int_set_few(const struct tsn_run *r, const struct tsn_insn *t, const struct tsn_mask *from, struct tsn_mask *out);
/* Before a REAL_TEST looks at rows of a field: makes it, if it is derived and was not yet. */
void tsn_vm_make(const struct tsn_run *r, uint32_t field);
bool tsn_vm_addr_in(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_addr_set(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_addr_same(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_real_test(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_str_same(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_str_equal(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_str_set(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_str_match(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_tuple_set(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_recent(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_during(struct tsn_run *r, const struct tsn_insn *in);

/* vm/values.c: the instructions that make or compare values; of comparisons, true: the mask has rows. */
void tsn_vm_load(struct tsn_run *r, const struct tsn_insn *in);
void tsn_vm_clock(struct tsn_run *r, const struct tsn_insn *in);
void tsn_vm_constant(struct tsn_run *r, const struct tsn_insn *in);
void tsn_vm_arithmetic(struct tsn_run *r, const struct tsn_insn *in);
void tsn_vm_table(struct tsn_run *r, const struct tsn_insn *in);
void tsn_vm_choose(struct tsn_run *r, const struct tsn_insn *in);
void tsn_vm_share(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_compare(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_compare_int(struct tsn_run *r, const struct tsn_insn *in);
bool tsn_vm_compare_real(struct tsn_run *r, const struct tsn_insn *in);

/* The rows, of those in [rows] and in [has], where a column of reals, all of them numbers, stands to [c] as [rel] says. */
bool tsn_vm_reals(struct tsn_run *r, struct tsn_mask *out, const struct tsn_mask *rows, const struct tsn_mask *has,
    const double *col, double c, uint32_t rel);

static inline enum tsn_door
tsn_door_of(enum tsn_batch_kind kind)
{
	return kind == TSN_BATCH_TICK ? TSN_DOOR_TICK : kind == TSN_BATCH_TALKS ? TSN_DOOR_TALK : TSN_DOOR_FLOW;
}

/* Rows a test looks at before it asks what they carry. */
static inline const struct tsn_mask *
tsn_vm_within(const struct tsn_run *r, const struct tsn_insn *in)
{
	return in->within != 0 ? &r->vm->masks[in->within - 1] : r->rows;
}

/* Rows of the batch that carry a field. */
static inline void
tsn_vm_present(const struct tsn_run *r, uint32_t field, struct tsn_mask *out)
{
	tsn_mask_and(out, &r->b->present[field], r->rows);
}

/* Does a comparison that came out as [order] (below 0, 0, above) fulfil a relation? */
static inline bool
tsn_vm_fulfils(int order, uint32_t rel)
{
	switch (rel) {
	case TSN_REL_EQ: return order == 0;
	case TSN_REL_NE: return order != 0;
	case TSN_REL_LT: return order < 0;
	case TSN_REL_LE: return order <= 0;
	case TSN_REL_GT: return order > 0;
	default: return order >= 0;
	}
}

#endif
