/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of the verifier share. Not for others. */
#ifndef TSN_VM_VERIFY_H
#define TSN_VM_VERIFY_H

#include "vm/ops.h"

#define TSN_SCOPES_MAX 64

/*
 * A stretch that runs only where its guard has rows: a block, or what a TEST goes past. What is written in it cannot be
 * read behind it, and what it tells the world is about rows of the guard, so it does not matter when it is left out.
 */
struct tsn_verify_scope {
	uint32_t end, guard;
	uint32_t writes;   /* in [written] from there on */
	uint32_t dispatch; /* instruction whose block it is; TSN_REG_NONE: of a TEST */
	uint32_t next;     /* block after it */
};

struct tsn_verifier {
	const struct tsn_program *p;
	const struct tsn_code *code;
	const struct tsn_family_use *uses;
	enum tsn_door door;
	bool *mask_written, *value_written, *folded;
	uint32_t ending;   /* rule of the last UNTIL, whose MATCH is to come */
	const char *error;
	/* blocks */
	bool *dispatched;      /* one a dispatch */
	struct tsn_verify_scope scope[TSN_SCOPES_MAX];
	uint32_t nscopes, ndispatches; /* open ones */
	uint32_t *within;      /* [mask register]: it has rows of the guards of so many of the open scopes alone, outer ones first */
	uint32_t *written;     /* registers written in the open scopes; values have the upper bit set */
	uint32_t nwritten;
};

static inline bool
tsn_verify_check(struct tsn_verifier *v, bool good, const char *error)
{
	if (!good && v->error == NULL)
		v->error = error;
	return good;
}

/* vm/verify_blocks.c */
bool tsn_verify_blocks_init(struct tsn_verifier *v);
void tsn_verify_blocks_fini(struct tsn_verifier *v);
void tsn_verify_blocks_start(struct tsn_verifier *v);
/* Closes the scopes that end before an instruction. */
bool tsn_verify_close(struct tsn_verifier *v, uint32_t at);
/* Before the result of an instruction is written: DISPATCH, LEAVE, TEST, and what must not stand in a scope. */
bool tsn_verify_block_op(struct tsn_verifier *v, uint32_t at);
/* A register is written by an instruction; TEST opens its scope here. */
bool tsn_verify_wrote_mask(struct tsn_verifier *v, uint32_t at, uint32_t reg);
void tsn_verify_wrote_value(struct tsn_verifier *v, uint32_t reg);
/* Tables of dispatches and tests. */
bool tsn_verify_dispatches(struct tsn_verifier *v);
/* vm/verify_columns.c; of a program that is sound else. */
bool tsn_verify_columns(struct tsn_verifier *v);

#endif
