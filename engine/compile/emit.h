/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside of the emitter (compile/emit*.c): from the graph of ir.h to a program.
 *
 * Each code (flow, talk, tick) is first built over virtual registers, each written
 * by one instruction, equal instructions being one. Then what nobody uses is
 * dropped, jumps over private stretches are put in, and real registers are
 * given out. Failure of memory sticks in [failed]; what is returned after it
 * means nothing, and is looked at by nobody.
 */
#ifndef TSN_COMPILE_EMIT_H
#define TSN_COMPILE_EMIT_H

#include "base/names.h"
#include "compile/ir.h"
#include "vm/ops.h"

#define TSN_V_NONE UINT32_MAX
/* Virtual registers every code starts with. */
#define TSN_V_EMPTY 0u
#define TSN_V_ROWS 1u

/* An array that grows. */
struct tsn_vec {
	void *p;
	size_t n, cap;
};

/* Distinct values of one size, found by their bytes. */
struct tsn_pool {
	struct tsn_vec items;
	size_t size;
	uint32_t *slot; /* open addressing; place + 1, 0 free */
	size_t nslots;
};

enum tsn_vclass { TSN_VC_MASK, TSN_VC_INT, TSN_VC_REAL };

struct tsn_vinsn {
	uint16_t op;
	uint32_t dst, a, b, c; /* virtual registers where the opcode wants registers */
	const char *note;
	bool hidden;           /* not to be found by who needs the same: it is in a block */
	uint32_t within;       /* of a test: the mask it looks at rows of; TSN_V_EMPTY: all rows */
};

struct tsn_vreg {
	uint8_t cls;       /* enum tsn_vclass */
	uint32_t def;      /* instruction that writes it */
	uint32_t lazy;     /* first of its places in [lazy] + 1; 0 none */
};

/* Instructions [begin, end) need not run where [guard] is empty, if nothing outside uses what they write. */
struct tsn_vregion {
	uint32_t guard, begin, end;
};

/*
 * A read that looks at rows of the reading instruction's mask [b] only: of what MATCH
 * lets its caller see, and of a FOLD's arguments.
 */
struct tsn_vlazy {
	uint32_t vreg, at, next;
};

struct tsn_vcode {
	enum tsn_door door;
	struct tsn_vec insn;        /* struct tsn_vinsn */
	struct tsn_vec vreg;        /* struct tsn_vreg */
	struct tsn_vec region;      /* struct tsn_vregion */
	struct tsn_vec lazy;        /* struct tsn_vlazy, in the order of [at] */
	uint32_t *seen;             /* instructions by (op, a, b, c): place + 1 */
	size_t nseen;
	uint32_t *mask_of;          /* [2 * node id + polarity]: virtual register + 1 */
	uint32_t *upper_of;         /* the same for what is at least T without looking at state */
	uint32_t *value_of;         /* [node id] */
	struct tsn_vfold *fold;     /* one a family */
	uint32_t *exports;          /* one an export of the program: virtual register */
};

/* A family's fold in one code. */
struct tsn_vfold {
	bool done;
	bool open;                  /* is being folded: has no results yet */
	uint32_t counted;           /* mask: T(where) */
	uint32_t must;              /* of a guarded family: rows that look whatever the guard says; TSN_V_NONE: none, or all */
	uint32_t *arg, *result;     /* one an aggregate */
	uint32_t *step;             /* of a sequence: a mask each, TSN_V_NONE: no row meets it here */
};

/* Who reads the values of a family: a rule, or another aggregate in its where or argument. */
struct tsn_reader {
	uint32_t rule;              /* TSN_V_NONE: [agg] */
	const struct tsn_ir_agg *agg;
	bool guarded;               /* needs them only where one of them is at least a number (emit_guard.c) */
};

struct tsn_efamily {
	const struct tsn_ir_agg *first;
	struct tsn_vec aggs;        /* const struct tsn_ir_agg *, one a distinct agg_canon */
	struct tsn_names places;    /* of those forms in [aggs] */
	struct tsn_vec readers;     /* struct tsn_reader */
	bool guarded, mixed;        /* some of them are guarded; some are not */
	uint64_t max_keys;
	bool *closes;               /* one an aggregate */
	uint32_t *top;              /* one an aggregate: of RANK, ranks up to it are asked about */
};

struct tsn_emit {
	struct tsn_ir_module *m;
	struct tsn_arena *arena;    /* of the program */
	const struct tsn_program *whole; /* of a part: what it is a part of, */
	const bool *only;           /* and its rules, by number; NULL: all */
	struct tsn_program *p;
	unsigned flags;             /* enum tsn_emit_flags */
	bool failed;
	uint32_t nodes;             /* ids are below it */
	const char *note;           /* canonical text of what is being emitted */
	bool talks;                 /* what is being emitted looks at conversations */
	bool alone;                 /* for one reader behind a jump: take nothing made before, leave nothing to be found */
	struct tsn_vcode code[TSN_DOORS];
	struct tsn_vcode *now;      /* the code being emitted */
	struct tsn_pool ints, reals, strings, addresses, prefixes, tuples;
	struct tsn_vec families;    /* struct tsn_efamily */
	uint32_t *family_slot;      /* by canonical form: place + 1 */
	size_t nfamily_slots;
	uint32_t *family_of, *agg_of; /* [node id] of AGG nodes */
	uint32_t *uses;             /* [node id]: rules it is in */
	uint8_t *rank;              /* [node id]: cost class + 1, 0 not yet asked */
	uint8_t *tumbling;          /* [node id]: 1 no, 2 yes, 0 not yet asked */
	uint32_t *stamp;            /* [2 * node id + polarity]: last walk that was there */
	uint32_t walk;
	uint32_t chain;             /* families that are being folded one for the sake of the other */
	struct tsn_vec exports;     /* struct tsn_export of the program */
	/* blocks: emit_index.c, emit_under.c */
	struct tsn_index *index;
	struct tsn_pool tests;      /* struct tsn_insn */
	struct tsn_vcode side;      /* what leaves come to; never run */
	uint32_t guard;             /* rows of the block that a rule is emitted in; TSN_V_NONE: in none */
	struct tsn_vec jumps;       /* uint32_t: tests that end the rule at hand where no row is left */
	uint32_t met[2 * TSN_DISPATCH_DEPTH][2], nmet; /* fields and keys of the blocks around it, up to two each: places in the index */
	struct {
		uint32_t field;         /* TSN_FIELD_COUNT: none */
		int64_t lo, hi;
	} bound[2 * TSN_DISPATCH_DEPTH]; /* of the same: what an integer field lies between */
	uint64_t met_fields, met_members; /* bits by place of those fields; of the single ones among or in them */
	uint32_t *part_count;       /* [2 * node id + polarity]: rules of the group at hand that have it as a part */
	bool *part_met;             /* the same: it holds where we are */
	/* physical registers, over all codes */
	uint32_t nmasks, nvalues;
	struct tsn_vec value_real;  /* bool */
};

/* --- emit_code.c: arrays, pools, instructions --- */

/* A new last element, zeroed; NULL (and failed) when memory is out. */
void *tsn_vec_add(struct tsn_emit *e, struct tsn_vec *v, size_t size);
void *tsn_emit_zeroed(struct tsn_emit *e, size_t count, size_t size);
/* The same of the program's arena; also of nothing. */
void *tsn_emit_in_arena(struct tsn_emit *e, size_t count, size_t size);
/* Place of the value in the pool; equal bytes, equal place. */
uint32_t tsn_pool_put(struct tsn_emit *e, struct tsn_pool *pool, const void *value);
uint32_t tsn_emit_int(struct tsn_emit *e, int64_t v);
uint32_t tsn_emit_real_constant(struct tsn_emit *e, double v);
uint32_t tsn_emit_address(struct tsn_emit *e, const struct tsn_ir *field);
void tsn_emit_use_field(struct tsn_emit *e, uint32_t field);
/* The same for a REAL_TEST. */
void tsn_emit_use_tested(struct tsn_emit *e, uint32_t field);
void tsn_emit_use_key(struct tsn_emit *e, const struct tsn_key_spec *k);
bool tsn_vcode_start(struct tsn_emit *e, struct tsn_vcode *c, enum tsn_door door);
void tsn_vcode_free(struct tsn_vcode *c, uint32_t nfamilies);
uint32_t tsn_vreg_new(struct tsn_emit *e, enum tsn_vclass cls);
enum tsn_vclass tsn_vreg_class(const struct tsn_emit *e, uint32_t v);
/* The register the instruction writes; an equal one emitted before is taken instead. */
uint32_t tsn_emit_mask_op(struct tsn_emit *e, enum tsn_opcode op, uint32_t a, uint32_t b, uint32_t c);
uint32_t tsn_emit_value_op(struct tsn_emit *e, enum tsn_opcode op, enum tsn_vclass cls, uint32_t a, uint32_t b);
/* The same of three operands. */
uint32_t tsn_emit_value_op3(struct tsn_emit *e, enum tsn_opcode op, enum tsn_vclass cls, uint32_t a, uint32_t b, uint32_t c);
/* The next instruction, of which [b] is a mask, reads [v] only in rows of that mask. */
void tsn_emit_lazy(struct tsn_emit *e, uint32_t v);
void tsn_emit_plain_op(struct tsn_emit *e, enum tsn_opcode op, uint32_t a, uint32_t b, uint32_t c);
/* Masks, with what is empty or all rows known beforehand. */
uint32_t tsn_emit_and(struct tsn_emit *e, uint32_t a, uint32_t b);
uint32_t tsn_emit_or(struct tsn_emit *e, uint32_t a, uint32_t b);
uint32_t tsn_emit_andnot(struct tsn_emit *e, uint32_t a, uint32_t b);
/* Where the next instruction will stand; and a stretch from such a place to here. */
uint32_t tsn_emit_here(const struct tsn_emit *e);
void tsn_emit_region(struct tsn_emit *e, uint32_t guard, uint32_t begin);

/* --- emit_mask.c: conditions --- */

/* Rows where [x] is true ([want] true), or is false. */
uint32_t tsn_emit_mask(struct tsn_emit *e, const struct tsn_ir *x, bool want);
/* Calls [each] for the parts of a condition: `and` under true, `or` under false and `not` are taken apart, each part once a walk. [each] may be NULL. */
void tsn_emit_parts(struct tsn_emit *e, const struct tsn_ir *x, bool want,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_ir *x, bool want), void *arg);
/* A mask that holds at least those rows and is made without looking at state. */
uint32_t tsn_emit_upper(struct tsn_emit *e, const struct tsn_ir *x, bool want);
bool tsn_ir_is_leaf(const struct tsn_ir *x);
/* Starts a new walk over the graph; [tsn_emit_first_time] is true once a walk for each node and polarity. */
void tsn_emit_walk(struct tsn_emit *e);
bool tsn_emit_first_time(struct tsn_emit *e, const struct tsn_ir *x, bool want);

/* --- emit_index.c, emit_met.c: which rules are found by which field --- */

struct tsn_index *tsn_index_new(struct tsn_emit *e);
void tsn_index_free(struct tsn_index *x);
/* Emits the rules of a code, many at once where that pays. */
void tsn_emit_rules(struct tsn_emit *e, const uint32_t *rule, uint32_t n);
/* Is that what a block around is about? */
bool tsn_emit_is_met(struct tsn_emit *e, const struct tsn_ir *x, bool want);

/* --- emit_under.c: conditions of rules in blocks --- */

/* The rows of [from] where [x] is as wanted. */
uint32_t tsn_emit_under(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x, bool want);
/* The same for the condition of the rule, without what its blocks are about; tests where it ends jump to the rule's end. */
uint32_t tsn_emit_under_block(struct tsn_emit *e, uint32_t from, const struct tsn_ir *x);
void tsn_emit_jumps_end(struct tsn_emit *e);
/* The instruction just emitted if it is the test that made [v], TSN_V_NONE if not. */
uint32_t tsn_emit_test_at(const struct tsn_emit *e, uint32_t v);
/* Makes what conditions in blocks find again. */
void tsn_emit_before_blocks(struct tsn_emit *e, const struct tsn_ir *x, bool want);

/* --- emit_share.c --- */

/* Of how many rows that is true, in millionths: a guess; more for what is dear to ask. */
uint32_t tsn_emit_share(const struct tsn_ir *x, bool want);
/* Of numbers lo..hi of an integer field, of a prefix: without what it costs to ask. */
uint32_t tsn_emit_share_of_range(uint32_t field, int64_t lo, int64_t hi);
uint32_t tsn_emit_share_of_prefix(const struct tsn_prefix *p);

/* --- emit_test.c: leaves --- */

/* Can a column of the field hold the integer? */
bool tsn_emit_column_holds(uint32_t field, int64_t i);
int64_t tsn_emit_column_max(uint32_t field);

uint32_t tsn_emit_leaf(struct tsn_emit *e, const struct tsn_ir *x, bool want);
/* Rows that carry a field, or all fields of a tuple. */
uint32_t tsn_emit_present(struct tsn_emit *e, const struct tsn_ir *x);
uint32_t tsn_emit_key_present(struct tsn_emit *e, const struct tsn_key_spec *k);

/* --- emit_value.c --- */

uint32_t tsn_emit_value(struct tsn_emit *e, const struct tsn_ir *x);
/* Comparison of values, neither side a plain field against an integer. */
uint32_t tsn_emit_compare(struct tsn_emit *e, const struct tsn_ir *x, enum tsn_rel rel);
enum tsn_rel tsn_rel_not(enum tsn_rel rel);
enum tsn_rel tsn_rel_swap(enum tsn_rel rel);
/*
 * An integer relation that means the same as one with a real constant. 1: [*rel] and [*i] are set;
 * 0: it holds for no integer; 2: it holds for all.
 */
int tsn_rel_of_real(enum tsn_rel *rel, double c, int64_t *i);

/* --- emit_rule.c --- */

/* Is the rule disabled, or none of this part's? */
bool tsn_emit_leaves_out(const struct tsn_emit *e, uint32_t rule);
/* The rule as the alert stage knows it; its exports are numbered here, and filled where it is emitted. */
void tsn_emit_describe(struct tsn_emit *e, const struct tsn_ir_rule *r, struct tsn_rule *out);
/* Its code, in the block of [e->guard]. */
void tsn_emit_rule(struct tsn_emit *e, uint32_t number);

/* --- emit_state.c: families, folds, what a flow can decide --- */

/* Finds the families of all rules that are not left out, who reads them and which windows close. */
void tsn_emit_families(struct tsn_emit *e);
/* Where its family counts. */
enum tsn_door tsn_emit_door(const struct tsn_ir_agg *a);
/* The register of an aggregate's value; its family is folded first. */
uint32_t tsn_emit_agg(struct tsn_emit *e, const struct tsn_ir *x);
/* Folds every family a condition or value reads. */
void tsn_emit_folds(struct tsn_emit *e, const struct tsn_ir *x);
/* The family of an aggregate (not of a node): it must have been entered. */
uint32_t tsn_emit_family_of(struct tsn_emit *e, const struct tsn_ir_agg *a);
/* The condition and what else stands inside an aggregate (its argument if [args]). */
void tsn_emit_inside(struct tsn_emit *e, const struct tsn_ir_agg *a, bool args,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_ir *x), void *arg);

/* --- emit_tick.c: what flows decide and what ticks do --- */

/* Windows that close, silences, or runs that end at ticks: of one aggregate. */
struct tsn_closing {
	uint32_t family, agg;
	const struct tsn_ir_agg *a;
};

bool tsn_emit_has_tumbling(struct tsn_emit *e, const struct tsn_ir *x);
/* Can a flow decide that the comparison is true ([want]) or false? */
bool tsn_emit_flow_decides(struct tsn_emit *e, const struct tsn_ir *compare, bool want);
/* Calls [each] for what a rule waits for, so that it sees each group once. */
void tsn_emit_rule_closings(struct tsn_emit *e, const struct tsn_ir_rule *r,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_closing *c), void *arg);
bool tsn_emit_needs_close(struct tsn_emit *e, const struct tsn_ir_rule *r);
/* In code tick: where what a comparison says is final. */
uint32_t tsn_emit_final(struct tsn_emit *e, const struct tsn_ir *compare);
/* In code tick: rows that a condition waits for. */
uint32_t tsn_emit_closing(struct tsn_emit *e, const struct tsn_ir *cond);
/* In code tick: rows for which a rule is evaluated. */
uint32_t tsn_emit_tick_part(struct tsn_emit *e, uint32_t rule);

/* --- emit_read.c: who needs which value --- */

/* Rows that are not counted and whose value someone may need; [must]: those of them that no guard may leave out. */
uint32_t tsn_emit_read(struct tsn_emit *e, uint32_t family, uint32_t counted, uint32_t *must);
/* Rows that have part in a rule (ir.h, tsn_emit); ROWS if `when` says so itself. */
uint32_t tsn_emit_touched(struct tsn_emit *e, const struct tsn_ir_rule *r);
/* Stamps every part of a conjunction in the current walk. */
void tsn_emit_stamp_parts(struct tsn_emit *e, const struct tsn_ir *x, bool want);
/* Are all parts of [x] among the stamped ones? Then the rows of what was stamped are among T(x). */
bool tsn_emit_all_stamped(const struct tsn_emit *e, const struct tsn_ir *x, bool want);
/* Calls [each] for the aggregates of a condition or value, not for those inside aggregates. */
void tsn_emit_each_agg(struct tsn_emit *e, const struct tsn_ir *x,
    void (*each)(struct tsn_emit *e, void *arg, const struct tsn_ir *agg), void *arg);

/* --- emit_guard.c: where a value cannot matter --- */

/* Does [x] look at the family? Not what is inside aggregates. */
bool tsn_emit_asks(struct tsn_emit *e, const struct tsn_ir *x, uint32_t family);
/* Which readers are guarded; once all families have theirs. */
void tsn_emit_find_guards(struct tsn_emit *e);
/* The numbers that guarded readers ask for (one an aggregate, 0 before); see tsn_family_def. */
void tsn_emit_least(const struct tsn_emit *e, uint32_t family, int64_t *least);
/* Is the aggregate dear to look at, and needed by such readers only? */
bool tsn_emit_spared(struct tsn_emit *e, uint32_t family, uint32_t agg);
/* A mask that holds at least the rows where [x] is true, made without looking at the family. */
uint32_t tsn_emit_bound(struct tsn_emit *e, uint32_t family, const struct tsn_ir *x);

/* --- emit_narrow.c --- */

void tsn_vcode_narrow(struct tsn_emit *e, struct tsn_vcode *c);

/* --- emit_finish.c --- */

/* Turns a built code into instructions over real registers, in the program's arena. */
void tsn_vcode_finish(struct tsn_emit *e, struct tsn_vcode *c, struct tsn_code *out,
    struct tsn_family_use *uses);

#endif
