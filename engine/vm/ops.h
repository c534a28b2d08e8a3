/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * opcodes.def as a table: what verifier, disassembler, emitter and manual ask
 * about an opcode. Constant data.
 */
#ifndef TSN_VM_OPS_H
#define TSN_VM_OPS_H

#include "vm/program.h"

enum tsn_operand {
	TSN_OPD_NONE, TSN_OPD_MASK, TSN_OPD_VALUE, TSN_OPD_FIELD, TSN_OPD_INT, TSN_OPD_REAL, TSN_OPD_STRING,
	TSN_OPD_REGEX, TSN_OPD_ADDRESS, TSN_OPD_PREFIX, TSN_OPD_TUPLE, TSN_OPD_SET, TSN_OPD_FAMILY, TSN_OPD_RULE,
	TSN_OPD_REL, TSN_OPD_SCHEDULE, TSN_OPD_COUNT, TSN_OPD_DISPATCH, TSN_OPD_TEST
};

struct tsn_op_info {
	const char *name, *help;
	uint8_t result;     /* enum tsn_operand: NONE, MASK or VALUE */
	uint8_t operand[3]; /* enum tsn_operand of a, b, c */
};

extern const struct tsn_op_info tsn_ops[TSN_OPCODE_COUNT];

/* Does the opcode make a mask of columns alone, so that it may stand in the pool of tests? */
bool tsn_op_of_columns(uint16_t op);
/* Does it compare rows one by one, so that it can be told to look at some only (tsn_insn.within)? */
bool tsn_op_is_test(uint16_t op);
/* The value an instruction of an aggregate yields: is it a real? */
bool tsn_agg_real(const struct tsn_agg_def *a);
/* Does it fold the values of an argument? */
bool tsn_agg_has_arg(enum tsn_agg_fn fn);
/* Fields whose column is an unsigned or signed integer. */
bool tsn_field_is_int(uint32_t field);

#endif
