/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Programs of rules with ladders, schedules, tables and ends of alerts: what the verifier accepts of a spoiled one runs
 * without harm, and what it does not accept it names.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "flow/exporter.h"
#include "unit/test_check.h"
#include "vm/ops.h"
#include "vm/vm.h"

static const char rules[] =
    "table limit = { 10.0.0.0/8 = 2, 10.0.0.7 = 1 } default 3\n"
    "table real = { 25 = 2.5, 80 = 7 }\n"
    "set seen = dynamic expire 1h\n"
    "rule a { severity low, high when value > 2 * limit(src), critical when threshold < 3 and bytes > 500\n"
    "    when count() by src over 60s > limit(src) or sum(bytes) by dst over 60s > real(dst_port) * 100 for 20s\n"
    "    until count() by src over 60s < 2 or dst_port == 80\n"
    "    during \"mon-fri 08:00-18:00, sat 22:00-06:00\" then add src/24 to seen }\n"
    "rule b { when bytes > real(dst_port) and src in seen during not \"mon 00:00-12:00\" }\n"
    "rule c { when count(attempted) by src over 60s > limit(dst) until established }\n";

static uint64_t seed = 5;

static uint64_t
below(uint64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 24) % n;
}

struct told {
	const struct tsn_program *p;
	uint64_t matches, ends;
};

static void
on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct told *t = arg;
	const struct tsn_rule *r = &t->p->rules[rule];
	const struct tsn_mask *ends = r->until == TSN_REG_NONE ? NULL : tsn_vm_mask(vm, r->until);
	int64_t i;
	double f;
	bool real;

	t->matches += tsn_mask_count(rows);
	t->ends += ends != NULL ? tsn_mask_count(ends) : 0;
	for (uint32_t row = 0; row < b->n; row++) {
		for (uint32_t k = 0; k < r->nrungs; k++)
			tsn_vm_mask_has(vm, r->rung[k].holds, row);
		for (uint32_t k = 0; k < r->nreports; k++)
			tsn_vm_value(vm, r->report[k].value, row, &i, &f, &real);
	}
}

static void
fill(struct tsn_batch *b, struct tsn_exporters *x, enum tsn_batch_kind kind)
{
	tsn_batch_clear(b, kind);
	for (b->n = 0; b->n < 200; b->n++) {
		uint32_t row = b->n;

		tsn_batch_put_addr(b, row, TSN_F_SRC, tsn_addr_v4(0x0a000000u | (uint32_t)below(16)));
		tsn_batch_put_addr(b, row, TSN_F_DST, tsn_addr_v4(0xc0000200u | (uint32_t)below(16)));
		tsn_batch_put_int(b, row, TSN_F_PROTO, 6);
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, below(2) ? 25 : 80);
		tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, (int64_t)below(1000));
		tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1);
		if (kind == TSN_BATCH_TALKS) {
			tsn_batch_put_int(b, row, TSN_F_ATTEMPTED, (int64_t)below(2));
			tsn_batch_put_int(b, row, TSN_F_ESTABLISHED, (int64_t)below(2));
		}
		b->received[row] = b->exported[row] = TSN_TEST_START + 36000000 + row * 100;
		tsn_batch_put_int(b, row, TSN_F_END, b->received[row]);
		b->source[row] = 0;
	}
	tsn_batch_normalise(b, x);
}

static void
run(const struct tsn_ruleset *r, struct told *t)
{
	struct tsn_exporters *x = tsn_exporters_new(10);
	struct tsn_state *state = tsn_state_new(r->program->families, r->program->nfamilies, 0);
	struct tsn_vm *vm = tsn_vm_new(r->program);
	struct tsn_batch *b = tsn_batch_new();

	t->p = r->program;
	fill(b, x, TSN_BATCH_FLOWS);
	tsn_vm_run(vm, b, state, (const struct tsn_set *const *)r->sets, on_match, t);
	fill(b, x, TSN_BATCH_TALKS);
	tsn_vm_run(vm, b, state, (const struct tsn_set *const *)r->sets, on_match, t);
	tsn_batch_free(b);
	tsn_vm_free(vm);
	tsn_state_free(state);
	tsn_exporters_free(x);
}

static struct made
compiled(void)
{
	struct tsn_rule_text text = { "rules.tsn", rules, strlen(rules) };
	struct tsn_compile_input in = { .texts = &text, .ntexts = 1 };
	struct made m = make_input(&in, true);

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	return m;
}

static uint32_t
place_of(const struct tsn_code *c, enum tsn_opcode op)
{
	uint32_t i;

	for (i = 0; i < c->n && c->insn[i].op != op; i++)
		;
	cr_assert_lt(i, c->n, "no such instruction");
	return i;
}

Test(vm_clauses, the_verifier_knows_them)
{
	struct made m = compiled();
	struct tsn_program *p = m.r->program;
	struct tsn_code *c = &p->code[TSN_DOOR_FLOW];
	struct tsn_insn *in, old;
	struct told t = { 0 };

	run(m.r, &t);
	cr_expect_gt(t.matches, 0);
	cr_expect_gt(t.ends, 0);
#define BROKEN(opcode, change, message) \
	do { \
		in = &c->insn[place_of(c, TSN_OP_CODE_##opcode)]; \
		old = *in; \
		change; \
		cr_expect_not(tsn_program_verify(p)); \
		cr_expect_str_eq(p->verify_error, message); \
		*in = old; \
	} while (0)
	BROKEN(DURING, in->a = 9, "no such schedule");
	BROKEN(TABLE, in->b = 99, "no such set");
	BROKEN(TABLE, in->c = 2, "table of no key");
	BROKEN(TABLE, in->a = 99, "tuple out of its pool");
	BROKEN(UNTIL, in->a = 1, "end of alerts without its match");
	BROKEN(UNTIL, in->b = 9999, "mask register out of range");
	BROKEN(CHOOSE, in->c = 9999, "value register out of range");
	BROKEN(ONLY, in->a = 9999, "mask register out of range");
	cr_expect(tsn_program_verify(p), "%s", p->verify_error);
	p->rules[0].action[0].set = 77;
	cr_expect_not(tsn_program_verify(p));
	cr_expect_str_eq(p->verify_error, "bad action");
	p->rules[0].action[0].set = 0;
	unmake(&m);
}

Test(vm_clauses, accepted_programs_run_whatever_was_broken)
{
	uint32_t rounds = getenv("TSN_SOAK") != NULL ? 200000 : 4000, accepted = 0;
	struct made m = compiled();
	struct tsn_program *p = m.r->program;
	struct tsn_insn *whole[2];

	for (int d = 0; d < 2; d++) {
		whole[d] = malloc(p->code[d].n * sizeof(**whole));
		memcpy(whole[d], p->code[d].insn, p->code[d].n * sizeof(**whole));
	}
	for (uint32_t i = 0; i < rounds; i++) {
		struct told t = { 0 };

		for (int d = 0; d < 2; d++)
			memcpy(p->code[d].insn, whole[d], p->code[d].n * sizeof(**whole));
		for (uint64_t k = 1 + below(2); k > 0; k--) {
			struct tsn_code *c = &p->code[below(2)];
			struct tsn_insn *in = &c->insn[below(c->n)];
			uint32_t *field[] = { &in->dst, &in->a, &in->b, &in->c };

			if (below(4) == 0)
				in->op = (uint16_t)below(TSN_OPCODE_COUNT + 1);
			else
				*field[below(4)] = (uint32_t)below(12);
		}
		if (!tsn_program_verify(p))
			continue;
		accepted++;
		if (accepted % 8 == 0)
			run(m.r, &t);
	}
	cr_expect_gt(accepted, rounds / 100);
	for (int d = 0; d < 2; d++)
		free(whole[d]);
	unmake(&m);
}
