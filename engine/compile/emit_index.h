/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside of the emitter: which rules are found by which field (emit_index.c), and the tables for that
 * (emit_index_tables.c).
 *
 * An *atom* is a value of a field (a number or a string), or a prefix; a *key* is the one or few atoms a rule asks for. Rules of one key are one
 * block of a dispatch; blocks with many rules are divided by another field.
 */
#ifndef TSN_COMPILE_EMIT_INDEX_H
#define TSN_COMPILE_EMIT_INDEX_H

#include "compile/emit.h"

#define TSN_KEY_ATOMS 8 /* a rule that asks for more values is not found by that field */

struct tsn_atom {
	uint64_t hi, lo; /* integers in [lo]; of strings that is the length, and [hi] where it lies */
	uint32_t len, v4;
};

struct tsn_index_key {
	uint32_t atom[TSN_KEY_ATOMS]; /* place + 1, ascending; 0 behind the last */
};

/* What rules ask of one field, over all codes. */
struct tsn_index_field {
	uint32_t field;
	struct tsn_pool atoms, keys;
	struct tsn_names texts;       /* of strings: place + 1 of the atom that says the same */
	uint32_t classes;             /* place in the program + 1, 0: in no dispatch */
	uint32_t *parent;             /* of prefixes: place + 1 of the one around it */
};

/* A dispatch as it is emitted. */
struct tsn_vdispatch {
	uint32_t field;               /* place in index->fields */
	uint32_t at, end;             /* real instructions: its own, and behind its blocks */
	struct tsn_vec block;         /* struct tsn_vblock */
	enum tsn_door door;
	uint32_t inside[2];           /* field and key of the block around it */
	bool nested;
};

struct tsn_vblock {
	uint32_t key, begin, rules;   /* [begin]: virtual, once written out real */
};

struct tsn_index {
	struct tsn_vec fields;        /* struct tsn_index_field */
	uint32_t of_field[TSN_FIELD_COUNT]; /* place + 1 */
	struct tsn_vec dispatches;    /* struct tsn_vdispatch */
};

/* Real places for those of virtual instructions ([place]), in a code that has been written out. */
void tsn_index_place(struct tsn_emit *e, enum tsn_door door, const uint32_t *place);
/* --- emit_group.c --- */

/* Emits rules of one block, which has the rows of [guard]. */
void tsn_emit_in_turn(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t guard);

/* The rows of [guard] that meet a threshold of any of the rules; all of them if some rule has none. */
uint32_t tsn_emit_ahead(struct tsn_emit *e, const uint32_t *rule, uint32_t n, uint32_t guard);

/* --- emit_index_tables.c: classes and dispatches of the program, when all codes are written --- */
void tsn_index_tables(struct tsn_emit *e);

#endif
