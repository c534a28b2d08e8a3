/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A small program, put together instruction by instruction. */
#ifndef TESTS_VM_PROGRAM_H
#define TESTS_VM_PROGRAM_H

#include "unit/ir_graph.h"
#include "vm/vm.h"

static struct tsn_insn insn[64];
static int64_t ints[4] = { 80, 80, 0, 60000 };
static double reals[1] = { 1.5 };
static bool value_real[4] = { false, false, true, false };
static struct tsn_agg_def aggs[2] = {
	{ .canon = "count", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 },
	{ .canon = "sum", .fn = TSN_AGG_SUM, .window_ms = 60000, .pane_ms = 4000, .panes = 16 },
};
static struct tsn_family_def family = { .canon = "f", .key = { 1, { { TSN_F_SRC, 32, 128 } } }, .max_keys = 100,
	.agg = aggs, .naggs = 2 };
static uint32_t arg[2] = { TSN_REG_NONE, 0 }, result[2] = { 1, TSN_REG_NONE };
static struct tsn_family_use use = { arg, result, NULL };
static struct tsn_address_operand address = { TSN_F_SRC, 32, 128 };
static struct tsn_prefix prefix = { { 0, 0x0a000000, true }, 8 };
static struct tsn_rule rule;
static struct tsn_program program;

static void
start(void)
{
	rule.until = TSN_REG_NONE;
	program = (struct tsn_program){ .code[TSN_DOOR_FLOW] = { insn, NULL, 0 }, .nmasks = 4, .nvalues = 4, .value_real = value_real,
	    .ints = ints, .nints = 4, .reals = reals, .nreals = 1, .addresses = &address, .naddresses = 1,
	    .prefixes = &prefix, .nprefixes = 1, .families = &family, .nfamilies = 1, .uses[TSN_DOOR_FLOW] = &use, .rules = &rule,
	    .nrules = 1 };
	memset(&program.reads, 0xFF, sizeof(program.reads));
	program.own = program.of_talks = program.reads;
}

static void
add(uint16_t op, uint32_t dst, uint32_t a, uint32_t b, uint32_t c)
{
	insn[program.code[TSN_DOOR_FLOW].n++] = (struct tsn_insn){ op, dst, a, b, c, 0 };
}

#define OP(name) TSN_OP_CODE_##name
#define NO TSN_REG_NONE

#endif
