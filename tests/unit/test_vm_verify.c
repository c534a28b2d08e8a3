/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The verifier: one broken program of each kind. */
#include <criterion/criterion.h>

#include "unit/vm_program.h"

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

static void
without(struct tsn_field_set *s, enum tsn_field f)
{
	s->bits[f / 64] &= ~(UINT64_C(1) << f % 64);
}

/* Each place that names a column, of which it was not said that it is read: by all of the program, or by this part of it. */
Test(vm_verify, columns)
{
	static struct tsn_piece piece = { .kind = TSN_PIECE_FIELD, .field = TSN_F_TOS };

	for (int own = 0; own < 2; own++) {
		struct tsn_field_set *s = own ? &program.own : &program.reads;

		start();
		without(s, TSN_F_DST_PORT);
		ends_with(NULL);
		add(OP(RANGE), 0, TSN_F_DST_PORT, 0, 1);
		without(s, TSN_F_DST_PORT);
		ends_with("does not say it reads");
		without(s, TSN_F_SRC); /* the key */
		ends_with("does not say it reads");
		without(s, TSN_F_START);
		aggs[0].fn = TSN_AGG_JITTER;
		ends_with("does not say it reads");
		aggs[0].fn = TSN_AGG_COUNT;
		rule.message = &piece;
		rule.nmessage = 1;
		ends_with(NULL);
		without(s, TSN_F_TOS);
		ends_with("does not say it reads");
		rule.nmessage = 0;
	}
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
	static uint32_t block[3], list[2] = { 0, 1 }, parent[3];
	static int64_t least[2], most[2];
	static struct tsn_classes classes;
	static struct tsn_dispatch_slot slots[4];
	static struct tsn_dispatch_group groups[2];
	static struct tsn_dispatch_side side;
	static struct tsn_dispatch_look look;
	static struct tsn_dispatch dispatch;
	static struct tsn_insn tests[1] = { { OP(RANGE), 4, TSN_F_PACKETS, 0, 1 } };

	start();
	block[1] = each;
	block[2] = 2 * each;
	parent[1] = TSN_CLASS_NONE;
	parent[2] = 1;
	classes = (struct tsn_classes){ .field = TSN_F_DST_PORT, .parent = parent, .nparents = 3 };
	memset(slots, 0, sizeof(slots));
	slots[2] = (struct tsn_dispatch_slot){ 2, 1, 1, 4 };
	slots[3] = (struct tsn_dispatch_slot){ 1, 0, 1, 0 };
	groups[0] = (struct tsn_dispatch_group){ 0, 0, 1 };
	groups[1] = (struct tsn_dispatch_group){ 1, 1, 1 };
	side = (struct tsn_dispatch_side){ TSN_F_PACKETS, false };
	look = (struct tsn_dispatch_look){ .slot = slots, .mask = 3, .group = groups, .ngroups = 2, .block = list, .least = least, .most = most, .n = 2 };
	dispatch = (struct tsn_dispatch){ .look = &look, .nlooks = 1, .side = &side, .nsides = 1, .nblocks = 2, .block = block, .most = 2 };
	for (uint32_t i = 0; i < 3; i++)
		cr_assert(i == 0 || tsn_dispatch_find(&look, i)->class == i, "the slots stand where they are looked for");
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

static void
with_empty_blocks(void)
{
	with_blocks(1);
	add(OP(LEAVE), NO, 0, 0, 0);
	add(OP(LEAVE), NO, 0, 0, 0);
}

/* How rows come to blocks is looked at as well. */
Test(vm_verify, tables_of_dispatches)
{
	with_empty_blocks();
	ends_with(NULL);
	with_empty_blocks();
	program.classes->parent[1] = 2;
	ends_with("classes around each other");
	with_empty_blocks();
	program.classes->parent[1] = 3;
	ends_with("classes around each other");
	with_empty_blocks();
	program.dispatches->most = 1;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->look->group[1].n = 2;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->look->group[1].side = 2;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->look->slot[2].n = 2;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->look->slot[0].class = program.dispatches->look->slot[1].class = 9;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->look->slot[3].up = 3;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->look->slot[3].up = 5;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->nlooks = 0;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->look->classes = 1;
	ends_with("bad table of a dispatch");
	with_empty_blocks();
	program.dispatches->side->field = TSN_F_EXPORTER_NAME;
	ends_with("bad sides of a dispatch");
	with_empty_blocks();
	program.dispatches->nsides = TSN_DISPATCH_SIDES + 1;
	ends_with("bad sides of a dispatch");
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
	add(OP(REAL_TEST), 0, TSN_F_BPS, 0, TSN_REL_GT);
	ends_with("not derived");
	program.derived = program.derived_first = (struct tsn_field_set){ { 0 } };
	tsn_field_set_add(&program.derived, TSN_F_BPS);
	add(OP(REAL_TEST), 0, TSN_F_BPS, 0, TSN_REL_GT);
	ends_with(NULL);
	add(OP(PRESENT), 0, TSN_F_BPS, 0, 0); /* only a REAL_TEST makes it */
	ends_with("not derived");
	tsn_field_set_add(&program.derived_first, TSN_F_BPS);
	add(OP(PRESENT), 0, TSN_F_BPS, 0, 0);
	ends_with(NULL);
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
