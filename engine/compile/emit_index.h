/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside of the emitter: which rules are found by which field (emit_index.c), and the tables for that
 * (emit_index_tables.c).
 *
 * An *atom* is a value of a field (a number or a string), or an aligned range of numbers, as prefixes are; a *key* is the one or few
 * atoms, of one field or of several, of which a rule's rows have one. Rules of one key are one block of a dispatch; blocks with many rules
 * are divided by another field.
 */
#ifndef TSN_COMPILE_EMIT_INDEX_H
#define TSN_COMPILE_EMIT_INDEX_H

#include "compile/emit.h"

#define TSN_INDEX_FIELDS 64 /* fields beyond these find no rule */
#define TSN_KEY_ENTRIES 96 /* a condition that asks for more values finds no rule */

#define TSN_ASKED_MAX 6 /* fields by which one rule may be found */
#define TSN_PARTS_MAX 8 /* that the rules of a dispatch are found to have in common */

struct tsn_atom {
	uint64_t hi, lo; /* integers in [lo]; of strings that is the length, and [hi] where it lies */
	uint32_t len;    /* of prefixes; of integers: so many bits at the end may be anything */
	uint32_t v4;
};

struct tsn_index_entry {
	uint32_t field, atom; /* place in index->fields; place + 1 */
};

struct tsn_index_key {
	const struct tsn_index_entry *entry; /* ascending, each once */
	uint32_t n;
	uint32_t divided;                    /* number of the last division of rules that has counted it */
};

/* What rules ask of one field or of several together, over all codes. */
struct tsn_index_field {
	uint32_t field;               /* TSN_FIELD_COUNT: of several, which have the atoms */
	uint32_t member[TSN_DISPATCH_LOOKS], nmembers; /* places in index->fields, ascending; of one field its own */
	struct tsn_pool atoms;
	struct tsn_vec keys;          /* struct tsn_index_key */
	struct tsn_names known;       /* of their bytes: place + 1 */
	struct tsn_names texts;       /* of strings: place + 1 of the atom that says the same */
	uint32_t classes;             /* place in the program + 1, 0: in no dispatch */
	uint32_t *parent;             /* by atom: place + 1 of the range around it; it lives in the program */
	bool nested;                  /* there is such a one */
};

/* What a condition asks for: the key of an index field. */
struct tsn_asked {
	uint32_t field, key; /* places */
	uint32_t share;      /* of the rows, in millionths: a guess */
	bool exact;          /* who is found meets the condition; else he may */
};

/* A rule, and by what it may be found. */
struct tsn_candidate {
	uint32_t rule;
	uint32_t nasked;
	struct tsn_asked asked[TSN_ASKED_MAX];
	uint32_t chosen;     /* of asked; nasked: none */
	uint32_t second;     /* the same: what else is asked before rows come to its block */
	bool guarded;        /* may stand in a block */
};

struct tsn_asked_memo {
	struct tsn_asked asked;
	bool known, asks;
};

/* A dispatch as it is emitted. */
struct tsn_vdispatch {
	uint32_t field;               /* place in index->fields */
	uint32_t at, end;             /* real instructions: its own, and behind its blocks */
	struct tsn_vec block;         /* struct tsn_vblock */
	enum tsn_door door;
	uint32_t inside[2];           /* field and key of the block around it */
	bool nested;
	struct tsn_dispatch_side side[TSN_DISPATCH_SIDES];
	uint32_t nsides;
};

/* What the rows of a block are in any case: vm/dispatch.h. */
struct tsn_vside {
	uint32_t side;                /* 2 * field, + 1 from above; TSN_V_NONE: nothing */
	int64_t least, most;
	const struct tsn_ir *x;       /* the condition that says so, where it is as wanted; NULL: a key does */
	bool want;
};

/* Parts of conditions. */
struct tsn_vparts {
	struct tsn_vpart {
		const struct tsn_ir *x;
		bool want;
	} of[TSN_PARTS_MAX];
	uint32_t n;
};

struct tsn_vblock {
	uint32_t key, begin, rules;   /* [begin]: virtual, once written out real */
	uint32_t side;                /* place in the dispatch + 1; 0: it is for every row */
	int64_t least, most;
};

struct tsn_index {
	struct tsn_vec fields;        /* struct tsn_index_field */
	uint32_t of_field[TSN_FIELD_COUNT]; /* place + 1 */
	struct tsn_vec dispatches;    /* struct tsn_vdispatch */
	struct tsn_asked_memo *asked; /* [2 * node id + polarity] */
	uint32_t divisions;           /* of rules, so far */
};

/* Moves when there is a new one. */
static inline struct tsn_index_field *
tsn_index_field_at(const struct tsn_emit *e, uint32_t place)
{
	return (struct tsn_index_field *)e->index->fields.p + place;
}

/* --- emit_ask.c --- */

/* Does [x], where it is as wanted, ask for values of fields? */
bool tsn_emit_asked(struct tsn_emit *e, const struct tsn_ir *x, bool want, struct tsn_asked *out);
/* The same of numbers lo..hi of a field. */
bool tsn_emit_asked_range(struct tsn_emit *e, uint32_t field, int64_t lo, int64_t hi, struct tsn_asked *out);

/* --- emit_wants.c --- */

void tsn_emit_find_asked(struct tsn_emit *e, struct tsn_candidate *c);
bool tsn_emit_may_be_in_block(const struct tsn_ir_rule *r);
/* When [chosen] is. */
void tsn_emit_choose_second(struct tsn_emit *e, struct tsn_candidate *c);
bool tsn_emit_same_second(const struct tsn_candidate *x, const struct tsn_candidate *y);
/* Of pointers to candidates. */
int tsn_emit_by_second(const void *a, const void *b);

/* --- emit_index.c --- */

/* Real places for those of virtual instructions ([place]), in a code that has been written out. */
void tsn_index_place(struct tsn_emit *e, enum tsn_door door, const uint32_t *place);
/* --- emit_met.c --- */

/* The single fields of an index field, a bit each by place. */
uint64_t tsn_index_members(const struct tsn_emit *e, uint32_t field);
/* From now on rows are those of a key. */
void tsn_emit_meet_key(struct tsn_emit *e, uint32_t field, uint32_t key);
/* A key as numbers of one field between two: an integer's value or range, a prefix of IPv4. False: it is none. */
bool tsn_emit_between(const struct tsn_emit *e, uint32_t field, uint32_t key, struct tsn_vside *out);
/* Are the rows of a block around found by that field? */
bool tsn_emit_is_found_by(const struct tsn_emit *e, uint32_t field);

/* --- emit_group.c --- */

/* Emits rules of one block, which has the rows of [guard]. */
void tsn_emit_in_turn(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t guard);

/*
 * The rows of [guard] that meet what all the rules ask, and a threshold of any of them, if each has one. [common], which their blocks need not ask
 * again, is known to hold until it is told otherwise.
 */
uint32_t tsn_emit_ahead(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t guard, struct tsn_vparts *common);

/* The threshold of an integer that all rules have and fewest rows meet: its least. [out->side] TSN_V_NONE: there is none. */
void tsn_emit_side(struct tsn_emit *e, const uint32_t *rule, uint32_t n, struct tsn_vside *out);
/* Has the rule a threshold of an integer that few rows meet? */
bool tsn_emit_is_rare(struct tsn_emit *e, uint32_t rule);
/* From now on [x] is known to hold, or not any more; what it was before. */
bool tsn_emit_meet(struct tsn_emit *e, const struct tsn_ir *x, bool want, bool met);

/* --- emit_index_tables.c: classes and dispatches of the program, when all codes are written --- */
void tsn_index_tables(struct tsn_emit *e);

#endif
