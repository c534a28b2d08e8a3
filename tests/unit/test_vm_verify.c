/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The verifier: one broken program of each kind, then many broken at random, of which the accepted ones must run. */
#include <criterion/criterion.h>

#include "unit/ir_graph.h"
#include "vm/vm.h"

/* --- a small program by hand --- */

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
}

static void
add(uint16_t op, uint32_t dst, uint32_t a, uint32_t b, uint32_t c)
{
	insn[program.code[TSN_DOOR_FLOW].n++] = (struct tsn_insn){ op, dst, a, b, c, 0 };
}

#define OP(name) TSN_OP_CODE_##name
#define NO TSN_REG_NONE

/* Ends the program: [error] NULL if it must pass. */
static void
ends_with(const char *error)
{
	add(OP(END), NO, 0, 0, 0);
	cr_expect_eq(tsn_program_verify(&program), error == NULL, "want %s, got %s", error, program.verify_error);
	if (error != NULL && program.verify_error != NULL)
		cr_expect_not_null(strstr(program.verify_error, error), "want %s, got %s", error, program.verify_error);
	start();
}

Test(vm_verify, accepts_what_is_sound)
{
	start();
	add(OP(RANGE), 0, TSN_F_DST_PORT, 0, 1);
	add(OP(SKIP_NONE), NO, 0, 4, 0);
	add(OP(BITS), 1, TSN_F_FLAGS, 2, 2);
	add(OP(SKIP_NONE), NO, 1, 1, 0);
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(AND), 1, 0, 1, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 2);
	add(OP(COMPARE_INT), 3, 1, 0, TSN_REL_GT);
	add(OP(MATCH), NO, 0, 3, 0);
	ends_with(NULL);
	ends_with(NULL);
}

Test(vm_verify, registers)
{
	start();
	add(OP(AND), 0, 1, 1, 0);
	ends_with("read before it is written");
	add(OP(EMPTY), 4, 0, 0, 0);
	ends_with("mask register out of range");
	add(OP(LOAD), 4, TSN_F_BYTES, 0, 0);
	ends_with("value register out of range");
	add(OP(KNOWN), 0, 0, 0, 0);
	ends_with("read before it is written");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(KNOWN), 0, 0, 0, 0); /* a mask is no value */
	ends_with("read before it is written");
	add(OP(LOAD), 2, TSN_F_BYTES, 0, 0);
	ends_with("other kind of number");
	add(OP(REAL), 0, 0, 0, 0);
	ends_with("other kind of number");
	add(OP(MATCH), NO, 0, 0, 0);
	ends_with("read before it is written");
}

/* Makes the last instruction look at rows of a mask only. */
static void
within(uint32_t reg)
{
	insn[program.code[TSN_DOOR_FLOW].n - 1].within = reg + 1;
}

Test(vm_verify, tests_within_a_mask)
{
	start();
	add(OP(ROWS), 0, 0, 0, 0);
	add(OP(RANGE), 1, TSN_F_DST_PORT, 0, 1);
	within(0);
	add(OP(REAL_TEST), 1, TSN_F_BYTES_PER_PACKET, 0, TSN_REL_GT);
	program.derived = (struct tsn_field_set){ { 0 } };
	tsn_field_set_add(&program.derived, TSN_F_BYTES_PER_PACKET);
	within(1);
	ends_with(NULL);
	add(OP(RANGE), 1, TSN_F_DST_PORT, 0, 1);
	within(1);
	ends_with("read before it is written");
	add(OP(RANGE), 1, TSN_F_DST_PORT, 0, 1);
	within(4);
	ends_with("out of range");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(PRESENT), 1, TSN_F_DST_PORT, 0, 0);
	within(0);
	ends_with("within a mask, and no test");
	add(OP(REAL_TEST), 1, TSN_F_DST_PORT, 0, TSN_REL_GT);
	ends_with("wrong storage");
}

/* A dispatch of two blocks of [each] instructions, LEAVE included, of destination ports. */
static void
with_blocks(uint32_t each)
{
	static struct tsn_classes classes = { .field = TSN_F_DST_PORT };
	static struct tsn_dispatch_slot slots[4] = { { 1, 0, 1 }, { 2, 1, 1 } };
	static uint32_t block[3], list[2] = { 0, 1 };
	static struct tsn_dispatch dispatch = { .nblocks = 2, .block = block, .slot = slots, .mask = 3, .list = list, .nlist = 2,
		.most = 1 };
	static struct tsn_insn tests[1] = { { OP(RANGE), 4, TSN_F_PACKETS, 0, 1 } };

	start();
	block[1] = each;
	block[2] = 2 * each;
	program.classes = &classes;
	program.dispatches = &dispatch;
	program.tests = tests;
	program.nclasses = program.ndispatches = program.ntests = 1;
	add(OP(ROWS), 0, 0, 0, 0);
	add(OP(DISPATCH), 1, 0, 0, 0);
}

/* The same, filled up to the end of the blocks. */
static void
refused(const char *error)
{
	while (program.code[TSN_DOOR_FLOW].n < 2 + program.dispatches[0].block[2])
		add(OP(EMPTY), 2, 0, 0, 0);
	ends_with(error);
}

Test(vm_verify, blocks)
{
	with_blocks(3);
	for (int i = 0; i < 2; i++) {
		add(OP(TEST), 2, 1, 0, 1);
		add(OP(MATCH), NO, 0, 2, 0);
		add(OP(LEAVE), NO, 0, 0, 0);
	}
	ends_with(NULL);
	with_blocks(2); /* of other rows than the block's */
	add(OP(MATCH), NO, 0, 0, 0);
	add(OP(LEAVE), NO, 0, 0, 0);
	refused("outside of their stretch");
	with_blocks(3); /* behind a test that goes past it */
	add(OP(TEST), 2, 1, 0, 1);
	add(OP(MATCH), NO, 0, 1, 0);
	refused("outside of their stretch");
	with_blocks(3); /* what one block made is not there in the next */
	add(OP(TEST), 2, 1, 0, 0);
	add(OP(MATCH), NO, 0, 2, 0);
	add(OP(LEAVE), NO, 0, 0, 0);
	add(OP(MATCH), NO, 0, 2, 0);
	refused("read before it is written");
	with_blocks(1);
	add(OP(LEAVE), NO, 0, 0, 0);
	add(OP(LEAVE), NO, 0, 0, 0);
	add(OP(MATCH), NO, 0, 1, 0);
	ends_with("read before it is written");
	with_blocks(2);
	add(OP(TEST), 2, 1, 0, 1); /* past the end of its block */
	refused("jump out of the stretch");
	with_blocks(2);
	add(OP(EMPTY), 2, 0, 0, 0);
	add(OP(UNTIL), NO, 0, 2, 0);
	refused("fold in a block");
	with_blocks(3);
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(FOLD), NO, 0, 1, 1);
	refused("fold in a block");
	with_blocks(2);
	add(OP(LEAVE), NO, 0, 0, 0);
	refused("end of a block that is none");
	with_blocks(2);
	add(OP(EMPTY), 2, 0, 0, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	refused("block without its end");
	with_blocks(40);
	ends_with("blocks out of the code");
	with_blocks(1);
	add(OP(LEAVE), NO, 0, 0, 0);
	add(OP(LEAVE), NO, 0, 0, 0);
	add(OP(DISPATCH), 1, 0, 0, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	ends_with("dispatch run twice");
	with_blocks(3);
	add(OP(SKIP_NONE), NO, 1, 2, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	add(OP(LEAVE), NO, 0, 0, 0);
	refused("jump over a block");
}

Test(vm_verify, operands)
{
	start();
	add(TSN_OPCODE_COUNT, 0, 0, 0, 0);
	ends_with("no such opcode");
	add(OP(PRESENT), 0, TSN_FIELD_COUNT, 0, 0);
	ends_with("no such field");
	add(OP(PRESENT), 0, TSN_F_DURATION, 0, 0);
	ends_with("not derived");
	add(OP(RANGE), 0, TSN_F_DST_PORT, 4, 0);
	ends_with("integer out of its pool");
	add(OP(REAL), 2, 1, 0, 0);
	ends_with("real out of its pool");
	add(OP(STR_SAME), 0, TSN_F_APPLICATION, 0, 0);
	ends_with("string out of its pool");
	add(OP(STR_MATCH), 0, TSN_F_APPLICATION, 0, 1);
	ends_with("pattern out of its pool");
	add(OP(ADDR_IN), 0, 1, 0, 0);
	ends_with("address out of its pool");
	add(OP(ADDR_IN), 0, 0, 1, 0);
	ends_with("prefix out of its pool");
	add(OP(TUPLE_SET), 0, 0, 0, 0);
	ends_with("tuple out of its pool");
	add(OP(INT_SET), 0, TSN_F_DST_PORT, 0, 0);
	ends_with("no such set");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(FOLD), NO, 1, 0, 0);
	ends_with("no such family");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(MATCH), NO, 1, 0, 0);
	ends_with("no such rule");
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(COMPARE_INT), 0, 0, 0, TSN_REL_GE + 1);
	ends_with("no such relation");
	add(OP(CLOSING), 0, 0, 2, 0);
	ends_with("no such aggregate");
}

Test(vm_verify, kinds)
{
	start();
	add(OP(RANGE), 0, TSN_F_SRC, 0, 0);
	ends_with("wrong storage");
	add(OP(RANGE), 0, TSN_F_APPLICATION, 0, 0);
	ends_with("wrong storage");
	add(OP(LOAD), 0, TSN_F_SRC, 0, 0);
	ends_with("wrong storage");
	add(OP(STR_EQUAL), 0, TSN_F_APPLICATION, TSN_F_BYTES, 0);
	ends_with("wrong storage");
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(DIV), 2, 0, 0, 0);
	ends_with("mixed");
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(REAL), 2, 0, 0, 0);
	add(OP(ADD), 2, 2, 0, 0);
	ends_with("mixed");
	add(OP(REAL), 2, 0, 0, 0);
	add(OP(MOD), 2, 2, 2, 0);
	ends_with("mixed");
}

Test(vm_verify, jumps)
{
	start();
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(SKIP_NONE), NO, 0, 1, 0);
	ends_with("jump out of the code");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(SKIP_NONE), NO, 0, UINT32_MAX, 0);
	ends_with("jump out of the code");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(SKIP_NONE), NO, 0, 1, 0);
	add(OP(MATCH), NO, 0, 0, 0);
	ends_with("over a fold or a match");
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(SKIP_NONE), NO, 0, 1, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("over a fold or a match");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(SKIP_NONE), NO, 0, 2, 0);
	add(OP(SKIP_NONE), NO, 0, 2, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	add(OP(EMPTY), 2, 0, 0, 0);
	ends_with("out of the jump around it");
	add(OP(END), NO, 0, 0, 0);
	ends_with("end before the end");
	add(OP(EMPTY), 0, 0, 0, 0);
	cr_expect_not(tsn_program_verify(&program));
	cr_expect_str_eq(program.verify_error, "no end");
	program.code[TSN_DOOR_FLOW].n = 0;
	cr_expect_not(tsn_program_verify(&program));
}

Test(vm_verify, folds)
{
	start();
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("read before it is written"); /* the sum's argument */
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("folded twice");
	arg[1] = TSN_REG_NONE;
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("without its argument");
	arg[1] = 2;
	add(OP(REAL), 2, 0, 0, 0);
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("other kind of number");
	arg[1] = 1;
	add(OP(LOAD), 1, TSN_F_BYTES, 0, 0);
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("used twice");
	arg[1] = 0;
	result[0] = 2;
	add(OP(LOAD), 0, TSN_F_BYTES, 0, 0);
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("other kind of number");
	result[0] = 1;
}

Test(vm_verify, pools_and_exports)
{
	static struct tsn_export exports[1] = { { TSN_EXPORT_MASK, { 1, TSN_REG_NONE, TSN_REG_NONE } } };
	static const struct tsn_wanted wanted = { 0, 51, TSN_F_BYTES };
	static struct tsn_report report = { .window_ms = 60000, .type = TSN_T_INT };

	start();
	prefix.len = 33;
	ends_with("bad prefix");
	prefix.len = 8;
	address.field = TSN_F_BYTES;
	ends_with("bad address operand");
	address.field = TSN_F_SRC;
	program.wanted = &wanted;
	program.nwanted = 1;
	ends_with("bad column of an element");
	family.key.part[0].v4_bits = 33;
	ends_with("bad key");
	family.key.part[0].v4_bits = 32;
	aggs[0].panes = 17;
	ends_with("bad aggregate");
	aggs[0].panes = 16;
	rule.report = &report;
	rule.nreports = 1;
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(MATCH), NO, 0, 0, 0);
	ends_with("no such export");
	program.exports = exports;
	program.nexports = 1;
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(MATCH), NO, 0, 0, 0);
	ends_with("read before it is written");
	program.exports = exports;
	program.nexports = 1;
	add(OP(EMPTY), 1, 0, 0, 0);
	add(OP(MATCH), NO, 0, 1, 0);
	ends_with("export of the wrong kind");
	rule.nreports = 0;
}

/* A family of steps: by a mask, by a rule. */
static void
start_steps(void)
{
	static struct tsn_agg_def run = { .canon = "sequence", .fn = TSN_AGG_SEQUENCE, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	static const struct tsn_step_def steps[2] = { { { 1, { { TSN_F_SRC, 32, 128 } } }, false },
		{ { 1, { { TSN_F_DST, 32, 128 } } }, true } };
	static struct tsn_family_def sequence = { .canon = "s", .key = { 1, { { TSN_F_DST, 32, 128 } } }, .max_keys = 100,
		.agg = &run, .naggs = 1, .step = steps, .nsteps = 2 };
	static uint32_t masks[2], none, value;
	static struct tsn_family_use uses;

	run.fn = TSN_AGG_SEQUENCE;
	sequence.nsteps = 2;
	masks[0] = 1;
	masks[1] = none = TSN_REG_NONE;
	value = 1;
	uses = (struct tsn_family_use){ &none, &value, masks };
	program.families = &sequence;
	program.uses[TSN_DOOR_FLOW] = &uses;
}

Test(vm_verify, steps)
{
	start();
	start_steps();
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(STEPS), NO, 0, 0, 0);
	ends_with("read before it is written"); /* the first step's mask */
	start_steps();
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	add(OP(FOLD), NO, 0, 0, 0);
	ends_with("sequence that is folded");
	start_steps();
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	add(OP(STEPS), NO, 0, 0, 0);
	add(OP(STEPS), NO, 0, 0, 0);
	ends_with("folded twice");
	start_steps();
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	program.uses[TSN_DOOR_FLOW]->step[1] = 1;
	add(OP(STEPS), NO, 0, 0, 0);
	ends_with("a rule's");
	start_steps();
	program.uses[TSN_DOOR_FLOW]->step[0] = TSN_REG_NONE;
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(STEPS), NO, 0, 0, 0);
	ends_with("without its mask");
	start_steps();
	program.uses[TSN_DOOR_FLOW]->result[0] = 2;
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	add(OP(STEPS), NO, 0, 0, 0);
	ends_with("other kind of number");
	start_steps();
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(SKIP_NONE), NO, 0, 2, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	add(OP(STEPS), NO, 0, 0, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	ends_with("jump over a fold");
	start_steps();
	program.families->nsteps = 0;
	ends_with("not alone");
	start_steps();
	program.families->nsteps = TSN_STEPS_MAX + 1;
	ends_with("bad sequence");
	add(OP(EMPTY), 0, 0, 0, 0);
	add(OP(STEPS), NO, 0, 0, 0);
	ends_with("steps of what is no sequence");
	add(OP(WATCHED), 0, 1, 0, 0);
	ends_with("no such rule");
}

Test(vm_verify, what_is_about_another_and_links)
{
	static struct tsn_rule_link links[1];

	start();
	aggs[0].fn = TSN_AGG_RANK;
	aggs[0].of = 1;
	ends_with("about nothing"); /* of `over` */
	aggs[1].tumbling = true;
	aggs[0].of = 2;
	ends_with("about nothing");
	aggs[0].of = 1;
	aggs[0].within = 2;
	ends_with("about nothing");
	aggs[0].within = 0;
	aggs[0].fn = TSN_AGG_BASELINE;
	aggs[0].history_ms = 1000;
	ends_with("about nothing");
	aggs[0] = (struct tsn_agg_def){ .canon = "count", .fn = TSN_AGG_COUNT, .window_ms = 60000, .pane_ms = 4000, .panes = 16 };
	aggs[1].tumbling = false;
	aggs[0].fn = TSN_AGG_ABSENT;
	aggs[0].expect = 0;
	ends_with("no such set to expect");
	aggs[0].fn = TSN_AGG_COUNT;
	family.at = (struct tsn_key_spec){ 2, { { TSN_F_SRC, 32, 128 }, { TSN_F_DST, 32, 128 } } };
	ends_with("read by a bad key");
	family.at.n = 0;
	links[0] = (struct tsn_rule_link){ TSN_LINK_FIRED, 1, 0, 0 };
	program.links = links;
	program.nlinks = 1;
	ends_with("link to nothing");
	links[0] = (struct tsn_rule_link){ TSN_LINK_FIRED, 0, 0, 0 }; /* the rule has no key, the family one */
	program.links = links;
	program.nlinks = 1;
	ends_with("another key");
	links[0].kind = TSN_LINK_STEP;
	program.links = links;
	program.nlinks = 1;
	ends_with("no step of a rule");
}

/* --- running what the hand-made program says --- */

static uint32_t matched;

static void
on_match(void *a, const struct tsn_vm *vm, uint32_t r, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	(void)a, (void)vm, (void)r, (void)b;
	matched += tsn_mask_count(rows);
}

/* What is gone past is empty and unknown, whatever was there before. */
Test(vm_verify, a_jump_clears_what_it_goes_past)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_vm *vm;

	start();
	add(OP(ROWS), 0, 0, 0, 0);
	add(OP(EMPTY), 1, 0, 0, 0);
	add(OP(ROWS), 2, 0, 0, 0);
	add(OP(INT), 0, 0, 0, 0);
	add(OP(SKIP_NONE), NO, 1, 2, 0);
	add(OP(ROWS), 2, 0, 0, 0);
	add(OP(INT), 0, 1, 0, 0);
	add(OP(KNOWN), 3, 0, 0, 0);
	add(OP(OR), 3, 3, 2, 0);
	add(OP(MATCH), NO, 0, 3, 0);
	add(OP(MATCH), NO, 0, 0, 0);
	add(OP(END), NO, 0, 0, 0);
	cr_assert(tsn_program_verify(&program), "%s", program.verify_error);
	vm = tsn_vm_new(&program);
	b->n = 5;
	tsn_mask_first(&b->rows, 5);
	matched = 0;
	tsn_vm_run(vm, b, NULL, NULL, on_match, NULL);
	cr_expect_eq(matched, 5, "only the second match has rows");
	tsn_vm_free(vm);
	tsn_batch_free(b);
}

/* --- broken at random --- */

static uint64_t seed = 7;

static uint32_t
below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((seed >> 33) % n);
}

/* A program with every kind of instruction that rules need. */
static void
build_rich(struct graph *g)
{
	struct tsn_set_builder *sb = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_ir *tcp, *t, *mean, *sum, *count, *name, *when;

	tsn_set_builder_add_prefix(sb, (struct tsn_prefix){ tsn_addr_v4(0x0a000000), 8 }, TSN_SET_NO_ROW);
	g_set(g, "net", tsn_set_build(sb));
	tsn_set_builder_add_int_range(sb, 1, 100, TSN_SET_NO_ROW);
	g_set(g, "ports", tsn_set_build(sb));
	tsn_set_builder_add_str(sb, "edge", 4, TSN_SET_NO_ROW);
	g_set(g, "names", tsn_set_build(sb));
	tsn_set_builder_free(sb);
	g_regex(g, "^edge[0-9]");
	tcp = g_test(g, TSN_F_PROTO, TSN_REL_EQ, 6);
	t = g_node(g, TSN_IR_TUPLE, TSN_T_TUPLE, g_field(g, TSN_F_SRC), g_field(g, TSN_F_IN_IF));
	t->canon = "(src, in_if)";
	mean = g_arith(g, TSN_AR_DIV, g_unary(g, TSN_IR_TO_REAL, g_field(g, TSN_F_BYTES)),
	    g_unary(g, TSN_IR_TO_REAL, g_field(g, TSN_F_PACKETS)));
	name = g_logic(g, TSN_IR_AND, g_match(g, g_field(g, TSN_F_EXPORTER_NAME), 0),
	    g_in(g, g_field(g, TSN_F_APPLICATION), 2));
	count = g_agg(g, TSN_AGG_COUNT, g_key(TSN_F_SRC), tcp, NULL, false);
	sum = g_agg(g, TSN_AGG_SUM, g_key(TSN_F_SRC), tcp,
	    g_arith(g, TSN_AR_MUL, g_field(g, TSN_F_BYTES), g_int(g, 8)), false);
	g_open_agg(sum)->share = true;
	when = g_compare(g, TSN_REL_GT, g_arith(g, TSN_AR_SUB, sum, count), g_field(g, TSN_F_PACKETS));
	g_report(g, g_rule(g, "state", g_logic(g, TSN_IR_OR, when, g_in(g, g_field(g, TSN_F_DST_PORT), 1)),
	    g_in(g, g_masked(g, TSN_F_SRC, 24, 64), 0)), when);
	g_rule(g, "mean", g_and3(g, tcp, g_compare(g, TSN_REL_LT, mean, g_real(g, 60.5)),
	    g_compare(g, TSN_REL_NE, g_field(g, TSN_F_SRC), g_field(g, TSN_F_DST))), NULL);
	g_rule(g, "names", g_logic(g, TSN_IR_OR, name, g_compare(g, TSN_REL_EQ, g_field(g, TSN_F_APPLICATION),
	    g_field(g, TSN_F_EXPORTER_NAME))), g_compare(g, TSN_REL_EQ, g_field(g, TSN_F_APPLICATION), g_string(g, "x")));
	g_rule(g, "tuple", g_logic(g, TSN_IR_AND, g_in(g, t, 2), g_in_prefix(g, g_field(g, TSN_F_DST), "2001:db8::/32")), NULL);
	when = g_compare(g, TSN_REL_LT, g_agg(g, TSN_AGG_DISTINCT, g_key(TSN_F_DST), NULL, NULL, true), g_int(g, 5));
	g_open_agg((struct tsn_ir *)when->kid[0])->tuple = g_key(TSN_F_SRC);
	g_rule(g, "close", when, NULL);
}

static void
fill(struct tsn_batch *b)
{
	tsn_batch_clear(b, TSN_BATCH_FLOWS);
	for (b->n = 0; b->n < 100; b->n++) {
		struct tsn_addr six = { UINT64_C(0x20010db800000000), b->n % 5, false };
		struct tsn_str name = { "edge12345", b->n % 9 };

		if (b->n % 3 != 0)
			tsn_batch_put_addr(b, b->n, TSN_F_SRC, tsn_addr_v4(0x0a000000 + b->n % 7));
		tsn_batch_put_addr(b, b->n, TSN_F_DST, b->n % 2 ? six : tsn_addr_v4(0x0a000001));
		tsn_batch_put_int(b, b->n, TSN_F_PROTO, b->n % 4 ? 6 : 17);
		tsn_batch_put_int(b, b->n, TSN_F_DST_PORT, b->n * 3);
		tsn_batch_put_int(b, b->n, TSN_F_BYTES, b->n % 11 ? b->n : INT64_MAX);
		tsn_batch_put_int(b, b->n, TSN_F_PACKETS, b->n % 5);
		tsn_batch_put_int(b, b->n, TSN_F_IN_IF, b->n % 3);
		tsn_batch_put_int(b, b->n, TSN_F_START, 0);
		tsn_batch_put_int(b, b->n, TSN_F_END, INT64_C(100000000) * (b->n % 3));
		if (b->n % 4)
			tsn_batch_put_str(b, b->n, TSN_F_EXPORTER_NAME, name);
		tsn_batch_put_str(b, b->n, TSN_F_APPLICATION, name);
		b->received[b->n] = b->time[b->n] = 1000;
	}
	tsn_mask_first(&b->rows, b->n);
}

static void
read_exports(void *a, const struct tsn_vm *vm, uint32_t r, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	const struct tsn_program *p = a;
	int64_t i;
	double f;
	bool real;

	(void)b;
	TSN_EACH_ROW(row, rows) {
		for (uint32_t k = 0; k < p->rules[r].nreports; k++) {
			tsn_vm_mask_has(vm, p->rules[r].report[k].holds, row);
			tsn_vm_value(vm, p->rules[r].report[k].value, row, &i, &f, &real);
			tsn_vm_value(vm, p->rules[r].report[k].threshold, row, &i, &f, &real);
		}
	}
}

static uint32_t
any_number(uint32_t was)
{
	switch (below(5)) {
	case 0:
		return UINT32_MAX - below(2);
	case 1:
		return was + 1;
	case 2:
		return was - 1;
	default:
		return below(24);
	}
}

static void
break_one(struct tsn_code *c)
{
	struct tsn_insn *in = &c->insn[below(c->n)];

	switch (below(7)) {
	case 0:
		in->op = (uint16_t)below(TSN_OPCODE_COUNT + 1);
		break;
	case 1:
		in->dst = any_number(in->dst);
		break;
	case 2:
		in->a = any_number(in->a);
		break;
	case 3:
		in->b = any_number(in->b);
		break;
	case 4:
		in->c = any_number(in->c);
		break;
	case 5: {
		struct tsn_insn *other = &c->insn[below(c->n)], t = *in;

		*in = *other;
		*other = t;
		break;
	}
	default:
		*in = c->insn[below(c->n)];
		break;
	}
}

Test(vm_verify, accepted_programs_run_whatever_was_broken)
{
	struct tsn_batch *b = tsn_batch_new();
	struct graph g;
	struct tsn_program *p;
	struct tsn_vm *vm;
	struct tsn_state *s;
	struct tsn_insn *whole[2];
	uint32_t rounds = getenv("TSN_SOAK") != NULL ? 400000 : 12000, accepted = 0;
	const char *error;

	g_init(&g);
	build_rich(&g);
	p = tsn_emit(&g.m, &error);
	cr_assert_not_null(p, "%s", error);
	cr_assert_gt(p->code[TSN_DOOR_TICK].n, 0);
	s = tsn_state_new(p->families, p->nfamilies, 0);
	vm = tsn_vm_new(p);
	whole[0] = malloc(p->code[TSN_DOOR_FLOW].n * sizeof(**whole));
	whole[1] = malloc(p->code[TSN_DOOR_TICK].n * sizeof(**whole));
	memcpy(whole[0], p->code[TSN_DOOR_FLOW].insn, p->code[TSN_DOOR_FLOW].n * sizeof(**whole));
	memcpy(whole[1], p->code[TSN_DOOR_TICK].insn, p->code[TSN_DOOR_TICK].n * sizeof(**whole));
	fill(b);
	for (uint32_t i = 0; i < rounds; i++) {
		memcpy(p->code[TSN_DOOR_FLOW].insn, whole[0], p->code[TSN_DOOR_FLOW].n * sizeof(**whole));
		memcpy(p->code[TSN_DOOR_TICK].insn, whole[1], p->code[TSN_DOOR_TICK].n * sizeof(**whole));
		for (uint32_t k = 1 + below(3); k > 0; k--)
			break_one(below(3) ? &p->code[TSN_DOOR_FLOW] : &p->code[TSN_DOOR_TICK]);
		if (!tsn_program_verify(p))
			continue;
		accepted++;
		b->kind = i & 1 ? TSN_BATCH_TICK : TSN_BATCH_FLOWS;
		tsn_vm_run(vm, b, s, (const struct tsn_set *const *)g.set, read_exports, p);
	}
	cr_expect_gt(accepted, rounds / 50, "%u of %u", accepted, rounds);
	cr_expect_lt(accepted, rounds / 2, "%u of %u", accepted, rounds);
	free(whole[0]);
	free(whole[1]);
	tsn_vm_free(vm);
	tsn_state_free(s);
	tsn_program_free(p);
	g_fini(&g, true);
	tsn_batch_free(b);
}

/* Of tick batches: keys of a rule, and windows that close. */
Test(vm_verify, watching_is_not_closing)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_insn tick[6] = { { OP(WATCHED), 0, 0, 0, 0 }, { OP(CLOSING), 1, 0, 0, 0 }, { OP(CLOSED), 2, 3, 0, 0 },
		{ OP(OR), 3, 1, 2, 0 }, { OP(OR), 3, 0, 3, 0 }, { OP(MATCH), NO, 0, 3, 0 } };
	static struct tsn_insn code[7];
	struct tsn_state *s;
	struct tsn_vm *vm;

	start();
	add(OP(END), NO, 0, 0, 0);
	memcpy(code, tick, sizeof(tick));
	code[6] = (struct tsn_insn){ OP(END), NO, 0, 0, 0, 0 };
	program.code[TSN_DOOR_TICK] = (struct tsn_code){ code, NULL, 7 };
	program.uses[TSN_DOOR_TICK] = &use;
	cr_assert(tsn_program_verify(&program), "%s", program.verify_error);
	vm = tsn_vm_new(&program);
	s = tsn_state_new(program.families, 1, 0);
	tsn_batch_clear(b, TSN_BATCH_TICK);
	b->n = 4;
	tsn_mask_first(&b->rows, 4);
	for (uint32_t i = 0; i < 4; i++)
		b->time[i] = 59999 + i; /* the first is the last of a minute */
	for (int round = 0; round < 2; round++) {
		matched = 0;
		tsn_vm_watch(vm, 0);
		tsn_vm_run(vm, b, s, NULL, on_match, NULL);
		cr_expect_eq(matched, 4);
		matched = 0;
		tsn_vm_watch(vm, 1);
		tsn_vm_run(vm, b, s, NULL, on_match, NULL);
		cr_expect_eq(matched, 0, "keys of another rule, and nothing closes");
		matched = 0;
		tsn_vm_closing(vm, 0, 1);
		tsn_vm_run(vm, b, s, NULL, on_match, NULL);
		cr_expect_eq(matched, 1, "windows of another aggregate");
		matched = 0;
		tsn_vm_closing(vm, 0, 0);
		tsn_vm_run(vm, b, s, NULL, on_match, NULL);
		cr_expect_eq(matched, 4);
	}
	tsn_state_free(s);
	tsn_vm_free(vm);
	tsn_batch_free(b);
}

Test(vm_verify, the_clock_is_the_time_of_the_row)
{
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_vm *vm;

	start();
	add(OP(CLOCK), 0, 0, 0, 0);
	add(OP(COMPARE_INT), 0, 0, 3, TSN_REL_GE); /* 60000 */
	add(OP(MATCH), NO, 0, 0, 0);
	add(OP(END), NO, 0, 0, 0);
	cr_assert(tsn_program_verify(&program), "%s", program.verify_error);
	vm = tsn_vm_new(&program);
	b->n = 4;
	tsn_mask_first(&b->rows, 4);
	for (uint32_t i = 0; i < 4; i++)
		b->time[i] = 59999 + i;
	matched = 0;
	tsn_vm_run(vm, b, NULL, NULL, on_match, NULL);
	cr_expect_eq(matched, 3);
	tsn_vm_free(vm);
	tsn_batch_free(b);
}
