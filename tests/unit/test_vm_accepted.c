/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the verifier accepts must run: programs by hand that say what they do, and one of every kind of instruction, broken at
 * random.
 */
#include <criterion/criterion.h>

#include "unit/vm_program.h"

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
