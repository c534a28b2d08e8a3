/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the emitter makes of single graphs: listings, registers, closings, memory that runs out. */
#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/clock.h"
#include "unit/ir_graph.h"
#include "vm/vm.h"

/* --- listings --- */

/* With TSN_GOLDEN_WRITE in the environment the text is written instead of compared. */
static void
golden(const char *name, const struct tsn_program *p)
{
	struct tsn_buf got = TSN_BUF_INIT, want = TSN_BUF_INIT;
	char path[256];

	snprintf(path, sizeof(path), "tests/golden/explain/%s.txt", name);
	tsn_program_disassemble(p, &got);
	cr_assert_not(got.failed);
	if (getenv("TSN_GOLDEN_WRITE") != NULL) {
		FILE *f = fopen(path, "w");

		cr_assert_not_null(f, "%s", path);
		fwrite(tsn_buf_str(&got), 1, got.len, f);
		fclose(f);
	}
	cr_assert_eq(tsn_buf_read_file(&want, path, 1 << 20), 0, "%s", path);
	cr_expect_str_eq(tsn_buf_str(&got), tsn_buf_str(&want), "%s differs; the text is now\n%s", path, tsn_buf_str(&got));
	tsn_buf_fini(&got);
	tsn_buf_fini(&want);
}

static struct tsn_program *
emitted(struct graph *g)
{
	const char *error;
	struct tsn_program *p = tsn_emit(&g->m, &error);

	cr_assert_not_null(p, "%s", error);
	return p;
}

/* The four conditions of LANGUAGE.md. */
static void
build_samples(struct graph *g)
{
	struct tsn_set_builder *b = tsn_set_builder_new(TSN_SET_ANY);
	struct tsn_prefix ten = { tsn_addr_v4(0x0a000000), 8 };
	struct tsn_ir *where, *count, *spam;

	tsn_set_builder_add_prefix(b, ten, TSN_SET_NO_ROW);
	g_set(g, "iana_reserved", tsn_set_build(b));
	tsn_set_builder_free(b);
	g_rule(g, "slammer", g_test(g, TSN_F_DST_PORT, TSN_REL_EQ, 1434), NULL);
	g_rule(g, "reserved", g_in(g, g_field(g, TSN_F_SRC), 0), NULL);
	where = g_test(g, TSN_F_DST_PORT, TSN_REL_EQ, 25);
	count = g_agg(g, TSN_AGG_COUNT, g_key(TSN_F_SRC), where, NULL, false);
	spam = g_compare(g, TSN_REL_GT, count, g_int(g, 100));
	g_report(g, g_rule(g, "spam", spam, NULL), spam);
	g_rule(g, "backscatter", g_test(g, TSN_F_FLAGS, TSN_REL_EQ, 0x14), NULL);
}

Test(emit, the_sample_conditions)
{
	struct graph g;
	struct tsn_program *p;

	g_init(&g);
	build_samples(&g);
	p = emitted(&g);
	golden("samples", p);
	tsn_program_free(p);
	g_fini(&g, true);
}

/* Shared tests come first, what is left stands behind a jump, except is and-ed out. */
Test(emit, conjunctions_share_and_jump)
{
	struct graph g;
	struct tsn_program *p;
	struct tsn_ir *tcp, *except, *name;

	g_init(&g);
	g_regex(&g, "^edge-[0-9]+$");
	tcp = g_test(&g, TSN_F_PROTO, TSN_REL_EQ, 6);
	except = g_in_prefix(&g, g_field(&g, TSN_F_SRC), "10.0.0.0/8");
	name = g_match(&g, g_field(&g, TSN_F_EXPORTER_NAME), 0);
	g_rule(&g, "web", g_and3(&g, tcp, g_test(&g, TSN_F_DST_PORT, TSN_REL_EQ, 80),
	    g_test(&g, TSN_F_PACKETS, TSN_REL_GT, 100)), except);
	g_rule(&g, "ssh", g_and3(&g, tcp, g_test(&g, TSN_F_DST_PORT, TSN_REL_EQ, 22), name), NULL);
	g_rule(&g, "not", g_logic(&g, TSN_IR_NOT, g_logic(&g, TSN_IR_OR, tcp,
	    g_flags_has(&g, g_field(&g, TSN_F_FLAGS), 2)), NULL), NULL);
	p = emitted(&g);
	golden("conjunctions", p);
	tsn_program_free(p);
	g_fini(&g, true);
}

static void
build_closing(struct graph *g)
{
	struct tsn_ir *bytes = g_field(g, TSN_F_BYTES), *count, *avg, *few, *small;
	struct tsn_ir_rule *r;

	count = g_agg(g, TSN_AGG_COUNT, g_key(TSN_F_SRC), NULL, NULL, true);
	avg = g_agg(g, TSN_AGG_AVG, g_key(TSN_F_SRC), NULL, bytes, true);
	few = g_compare(g, TSN_REL_LT, count, g_int(g, 3));
	small = g_compare(g, TSN_REL_GT, avg, g_real(g, 99.5));
	r = g_rule(g, "few_and_large", g_logic(g, TSN_IR_AND, few, small), NULL);
	g_report(g, r, few);
	r->meta.each = true;
	g_rule(g, "many", g_compare(g, TSN_REL_GT, count, g_int(g, 2)), NULL);
}

Test(emit, comparisons_that_a_close_decides)
{
	struct graph g;
	struct tsn_program *p;

	g_init(&g);
	build_closing(&g);
	p = emitted(&g);
	golden("closing", p);
	cr_expect(p->rules[0].at_close);
	cr_expect_not(p->rules[1].at_close);
	/* one closing a group: the count's, which has every group that the average has */
	cr_expect(p->families[0].agg[0].closes);
	cr_expect_not(p->families[0].agg[1].closes);
	tsn_program_free(p);
	g_fini(&g, true);
}

/* --- closing windows, with state --- */

struct closed {
	struct tsn_vm *vm;
	struct tsn_state *state;
	struct tsn_batch *tick;
	uint32_t matches[2];
	char keys[256];
	int64_t value;
};

static void
on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct closed *c = arg;
	char text[TSN_ADDR_TEXT];
	double f;
	bool real;

	c->matches[rule] += tsn_mask_count(rows);
	if (rule != 0)
		return;
	TSN_EACH_ROW(row, rows) {
		uint32_t length = (uint32_t)strlen(c->keys);

		snprintf(c->keys + length, sizeof(c->keys) - length, "%s ",
		    tsn_addr_text(tsn_batch_addr(b, row, TSN_F_SRC), text));
		cr_expect(tsn_vm_mask_has(vm, 0, row));
		cr_expect(tsn_vm_value(vm, 1, row, &c->value, &f, &real));
		cr_expect_not(real);
	}
}

static bool
run_closed(void *arg, uint32_t family, uint32_t agg, int64_t start, struct tsn_batch *batch)
{
	struct closed *c = arg;

	(void)start;
	tsn_batch_normalise(batch, NULL);
	tsn_vm_closing(c->vm, family, agg);
	tsn_vm_run(c->vm, batch, c->state, NULL, on_match, c);
	return true;
}

static void
put_flow(struct tsn_batch *b, uint32_t src, int64_t bytes, int64_t time)
{
	tsn_batch_put_addr(b, b->n, TSN_F_SRC, tsn_addr_v4(src));
	tsn_batch_put_int(b, b->n, TSN_F_BYTES, bytes);
	b->received[b->n] = b->time[b->n] = time;
	b->n++;
	tsn_mask_first(&b->rows, b->n);
}

Test(emit, closing_windows_are_evaluated)
{
	struct graph g;
	struct tsn_program *p;
	struct closed c;
	struct tsn_batch *b = tsn_batch_new();
	int64_t start = INT64_C(1767571200000);

	memset(&c, 0, sizeof(c));
	g_init(&g);
	build_closing(&g);
	p = emitted(&g);
	c.state = tsn_state_new(p->families, p->nfamilies, 0);
	c.vm = tsn_vm_new(p);
	c.tick = tsn_batch_new();
	for (int i = 0; i < 5; i++)
		put_flow(b, 1, 1000, start + i); /* many */
	put_flow(b, 2, 1000, start + 1);         /* few and large */
	put_flow(b, 2, 1000, start + 2);
	put_flow(b, 3, 10, start + 1);           /* few and small */
	tsn_vm_run(c.vm, b, c.state, NULL, on_match, &c);
	/* a flow decides that there are many, and none of what the close decides */
	cr_expect_eq(c.matches[0], 0);
	cr_expect_eq(c.matches[1], 3);
	cr_expect(tsn_state_close(c.state, start + 60000, 0, c.tick, run_closed, &c));
	cr_expect_eq(c.matches[0], 1);
	cr_expect_str_eq(c.keys, "0.0.0.2 ");
	cr_expect_eq(c.value, 2);
	/* "many" does not wait for closings */
	cr_expect_eq(c.matches[1], 3);
	tsn_vm_free(c.vm);
	tsn_state_free(c.state);
	tsn_batch_free(b);
	tsn_batch_free(c.tick);
	tsn_program_free(p);
	g_fini(&g, true);
}

/* A tick row has no fields but its key, and yet the rule's `where` is met: the group's flows met it. */
Test(emit, where_of_a_rule_is_met_on_closing)
{
	struct graph g;
	struct tsn_program *p;
	struct closed c;
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_ir *large, *odd, *count, *few;
	int64_t start = INT64_C(1767571200000);

	memset(&c, 0, sizeof(c));
	g_init(&g);
	large = g_test(&g, TSN_F_BYTES, TSN_REL_GT, 100);
	odd = g_flags_has(&g, g_field(&g, TSN_F_BYTES), 1);
	count = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_SRC), g_logic(&g, TSN_IR_AND, large, odd), NULL, true);
	few = g_compare(&g, TSN_REL_LT, count, g_int(&g, 3));
	g_report(&g, g_rule(&g, "few", g_and3(&g, large, odd, few), NULL), few);
	p = emitted(&g);
	c.state = tsn_state_new(p->families, p->nfamilies, 0);
	c.vm = tsn_vm_new(p);
	c.tick = tsn_batch_new();
	for (int i = 0; i < 9; i++)
		put_flow(b, 1 + (uint32_t)i % 3, i % 3 == 0 ? 10 : 1001, start + i); /* 1 is small; 2 and 3 thrice odd */
	put_flow(b, 4, 1001, start);
	tsn_vm_run(c.vm, b, c.state, NULL, on_match, &c);
	cr_expect_eq(c.matches[0], 0);
	cr_expect(tsn_state_close(c.state, start + 60000, 0, c.tick, run_closed, &c));
	cr_expect_str_eq(c.keys, "0.0.0.4 ");
	tsn_vm_free(c.vm);
	tsn_state_free(c.state);
	tsn_batch_free(b);
	tsn_batch_free(c.tick);
	tsn_program_free(p);
	g_fini(&g, true);
}

/* --- registers --- */

Test(emit, ten_thousand_rules_need_few_registers)
{
	struct graph g;
	struct tsn_program *p;
	struct tsn_ir *proto[2];

	g_init(&g);
	proto[0] = g_test(&g, TSN_F_PROTO, TSN_REL_EQ, 6);
	proto[1] = g_test(&g, TSN_F_PROTO, TSN_REL_EQ, 17);
	for (int i = 0; i < 10000; i++) {
		struct tsn_ir *port = g_test(&g, TSN_F_DST_PORT, TSN_REL_EQ, i % 5000);
		struct tsn_ir *when = g_and3(&g, proto[i & 1], port, g_test(&g, TSN_F_PACKETS, TSN_REL_GT, i % 37));

		if (i % 10 == 0) {
			struct tsn_ir *count = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_SRC), when, NULL, false);
			struct tsn_ir *many = g_compare(&g, TSN_REL_GT, count, g_int(&g, i));

			g_report(&g, g_rule(&g, "r", g_logic(&g, TSN_IR_AND, when, many), NULL), many);
		} else {
			g_rule(&g, "r", when, NULL);
		}
	}
	p = emitted(&g);
	cr_expect_eq(p->nfamilies, 1000);
	cr_expect_lt(p->nvalues, 8, "%u value registers", p->nvalues);
	/* ports come back after 5,000 rules and are kept that long; all else is given back at once */
	cr_expect_lt(p->nmasks, 5200, "%u mask registers", p->nmasks);
	tsn_program_free(p);
	g_fini(&g, true);
}

/* --- what is read --- */

static uint32_t
look_of_fold(const struct tsn_program *p, uint32_t family)
{
	for (uint32_t i = 0; i < p->code[TSN_DOOR_FLOW].n; i++)
		if (p->code[TSN_DOOR_FLOW].insn[i].op == TSN_OP_CODE_FOLD && p->code[TSN_DOOR_FLOW].insn[i].a == family)
			return p->code[TSN_DOOR_FLOW].insn[i].c;
	cr_assert_fail("family %u is not folded", family);
	return 0;
}

static bool
reads_nothing(const struct tsn_program *p, uint32_t family)
{
	cr_assert_eq(p->code[TSN_DOOR_FLOW].insn[0].op, TSN_OP_CODE_EMPTY);
	return look_of_fold(p, family) == p->code[TSN_DOOR_FLOW].insn[0].dst;
}

Test(emit, counted_rows_are_not_looked_up_again)
{
	struct graph g;
	struct tsn_program *p;
	struct tsn_ir *mail, *web, *tcp, *count[4], *many[4];

	g_init(&g);
	mail = g_test(&g, TSN_F_DST_PORT, TSN_REL_EQ, 25);
	web = g_test(&g, TSN_F_DST_PORT, TSN_REL_EQ, 80);
	tcp = g_test(&g, TSN_F_PROTO, TSN_REL_EQ, 6);
	count[0] = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_SRC), mail, NULL, false);
	count[1] = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_DST), mail, NULL, false);
	count[2] = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_SRC), NULL, NULL, false);
	count[3] = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_EXPORTER), g_logic(&g, TSN_IR_AND, tcp, mail), NULL, false);
	for (int i = 0; i < 4; i++)
		many[i] = g_compare(&g, TSN_REL_GT, count[i], g_int(&g, 100));
	g_rule(&g, "own_rows", many[0], NULL);
	g_rule(&g, "web_flow_of_a_spammer", g_logic(&g, TSN_IR_AND, web, many[1]), NULL);
	g_rule(&g, "everything", g_logic(&g, TSN_IR_AND, web, many[2]), NULL);
	g_rule(&g, "where", g_and3(&g, tcp, mail, many[3]), NULL);
	p = emitted(&g);
	cr_expect(reads_nothing(p, 0));
	cr_expect_not(reads_nothing(p, 1));
	cr_expect(reads_nothing(p, 2));
	cr_expect(reads_nothing(p, 3));
	tsn_program_free(p);
	g_fini(&g, true);
}

/* The first rule reads what it counts, and little of anything is as good as nothing to it; the second wants to know. */
Test(emit, whoever_asks_for_little_looks_in_any_case)
{
	struct graph g;
	struct tsn_program *p;
	struct tsn_ir *mail, *tcp, *count;

	g_init(&g);
	mail = g_test(&g, TSN_F_DST_PORT, TSN_REL_EQ, 25);
	tcp = g_test(&g, TSN_F_PROTO, TSN_REL_EQ, 6);
	count = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_SRC), mail, NULL, false);
	g_rule(&g, "much", g_compare(&g, TSN_REL_GT, count, g_int(&g, 100)), NULL);
	g_rule(&g, "little", g_logic(&g, TSN_IR_AND, tcp, g_compare(&g, TSN_REL_LT, count, g_int(&g, 5))), NULL);
	p = emitted(&g);
	cr_expect(p->families[0].guarded);
	cr_expect_eq(p->uses[TSN_DOOR_FLOW][0].must, look_of_fold(p, 0) + 1);
	tsn_program_free(p);
	g_fini(&g, true);
}

/* --- memory --- */

/* What only rules about flows look at is not carried to conversations. */
Test(emit, what_is_looked_at_of_conversations_is_told_apart)
{
	struct graph g;
	struct tsn_program *p;

	g_init(&g);
	g_rule(&g, "flows", g_test(&g, TSN_F_SRC_AS, TSN_REL_EQ, 25), NULL);
	g_rule(&g, "talks", g_test(&g, TSN_F_VLAN, TSN_REL_EQ, 80), NULL)->meta.door = TSN_DOOR_TALK;
	p = emitted(&g);
	cr_expect(tsn_field_set_has(&p->reads, TSN_F_SRC_AS));
	cr_expect(tsn_field_set_has(&p->reads, TSN_F_VLAN));
	cr_expect_not(tsn_field_set_has(&p->of_talks, TSN_F_SRC_AS));
	cr_expect(tsn_field_set_has(&p->of_talks, TSN_F_VLAN));
	tsn_program_free(p);
	g_fini(&g, true);
}

/* Nor is it found again, having been made for rules about flows, where rules about conversations that stand in blocks look at it. */
Test(emit, what_both_doors_ask_in_blocks_is_looked_at_of_conversations_too)
{
	struct graph g;
	struct tsn_program *p;
	const struct tsn_ir *as;
	static char name[2][40][8];

	g_init(&g);
	as = g_test(&g, TSN_F_SRC_AS, TSN_REL_EQ, 25);
	for (int d = 0; d < 2; d++)
		for (int i = 0; i < 40; i++) {
			const struct tsn_ir *port = g_test(&g, TSN_F_DST_PORT, TSN_REL_EQ, 1000 + i);

			snprintf(name[d][i], sizeof(name[d][i]), "%s%d", d == 0 ? "flow" : "talk", i);
			g_rule(&g, name[d][i], g_logic(&g, TSN_IR_AND, port, as), NULL)->meta.door = d == 0 ? TSN_DOOR_FLOW : TSN_DOOR_TALK;
		}
	p = emitted(&g);
	cr_assert(p->ndispatches >= 2, "one at each door, else this shows nothing");
	cr_expect(tsn_field_set_has(&p->of_talks, TSN_F_SRC_AS));
	cr_expect(tsn_field_set_has(&p->of_talks, TSN_F_DST_PORT));
	tsn_program_free(p);
	g_fini(&g, true);
}

Test(emit, memory_that_runs_out_is_reported)
{
	long n;

	for (n = 0;; n++) {
		struct graph g;
		struct tsn_program *p;
		struct tsn_vm *vm = NULL;
		const char *error;
		bool emitted_one;

		g_init(&g);
		build_samples(&g);
		build_closing(&g);
		g_regex(&g, "a+");
		g_rule(&g, "name", g_match(&g, g_field(&g, TSN_F_EXPORTER_NAME), 0), NULL);
		tsn_mem_fail_at(n, false);
		p = tsn_emit(&g.m, &error);
		emitted_one = p != NULL;
		if (p == NULL)
			cr_assert_null(error, "memory is not named as our own mistake"); /* NULL says so */
		else
			vm = tsn_vm_new(p);
		tsn_mem_fail_never();
		tsn_vm_free(vm);
		tsn_program_free(p);
		g_fini(&g, emitted_one);
		if (vm != NULL && tsn_mem_count() <= n)
			break;
	}
	cr_expect_gt(n, 20);
}

Test(emit, a_pattern_that_is_none_is_an_error)
{
	struct graph g;
	const char *error;

	g_init(&g);
	g_regex(&g, "a(");
	g_rule(&g, "name", g_match(&g, g_field(&g, TSN_F_EXPORTER_NAME), 0), NULL);
	cr_expect_null(tsn_emit(&g.m, &error));
	cr_expect_not_null(strstr(error, "parenthesis"), "%s", error);
	g_fini(&g, false);
}

Test(emit, a_disabled_rule_is_named_and_not_run)
{
	struct graph g;
	struct tsn_program *p;
	struct tsn_ir *count;

	g_init(&g);
	count = g_agg(&g, TSN_AGG_COUNT, g_key(TSN_F_SRC), NULL, NULL, false);
	g_rule(&g, "off", g_compare(&g, TSN_REL_GT, count, g_int(&g, 5)), NULL)->meta.disabled = true;
	p = emitted(&g);
	cr_expect_eq(p->nrules, 1);
	cr_expect_eq(p->nfamilies, 0);
	cr_expect_eq(p->code[TSN_DOOR_FLOW].n, 1);
	tsn_program_free(p);
	g_fini(&g, true);
}
