/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Random graphs over random batches: what the emitted program matches and
 * reports, against an evaluator that knows nothing of masks, goes row by row,
 * and adds up every aggregate anew from the list of all rows so far.
 */
#include <criterion/criterion.h>

#include "unit/emit_random_oracle.h"
#include "vm/vm.h"

#define BASE INT64_C(1767571200000)

/* --- one case --- */

#define RULES 4
#define MANY 40 /* rules on few fields, found by them */
#define GUARDED 20 /* rules that ask for much or little of the same, and those before them */

static void
fill_row(struct tsn_batch *b, uint32_t r, int64_t time)
{
	static char giving_up[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";

	for (size_t i = 0; i < sizeof(int_fields) / sizeof(int_fields[0]); i++) {
		int64_t v = chance(80) ? (int64_t)below(5) : PICK(extremes);

		if (tsn_fields[int_fields[i]].origin != TSN_O_DERIVED && chance(85))
			tsn_batch_put_int(b, r, int_fields[i], v);
	}
	for (size_t i = 0; i < sizeof(addr_fields) / sizeof(addr_fields[0]); i++) {
		const char *text = PICK(addresses);
		struct tsn_addr a;

		if (chance(85) && tsn_addr_parse(text, strlen(text), &a))
			tsn_batch_put_addr(b, r, addr_fields[i], a);
	}
	for (size_t i = 0; i < sizeof(str_fields) / sizeof(str_fields[0]); i++) {
		const char *text = chance(95) ? PICK(words) : giving_up;

		if (chance(70))
			tsn_batch_put_str(b, r, str_fields[i], (struct tsn_str){ text, (uint32_t)strlen(text) });
	}
	if (chance(80))
		tsn_batch_put_int(b, r, TSN_F_END, (int64_t)below(100));
	b->received[r] = b->time[r] = time;
}

/* What a program found, a bit a row and rule, and the numbers it reported. */
struct found {
	struct tsn_mask rows[MANY], rung[MANY];
	const struct tsn_ir_rule *rules;
	const struct tsn_program *p;
	struct number value[MANY][TSN_BATCH_ROWS], threshold[MANY][TSN_BATCH_ROWS];
	bool holds[MANY][TSN_BATCH_ROWS];
};

static void
on_match(void *arg, const struct tsn_vm *vm, uint32_t rule, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct found *f = arg;

	(void)b;
	cr_assert(!tsn_mask_any(&f->rows[rule]), "rule %u is told twice", rule);
	f->rows[rule] = *rows;
	if (f->p->rules[rule].nrungs > 0 && tsn_vm_mask(vm, f->p->rules[rule].rung[0].holds) != NULL)
		f->rung[rule] = *tsn_vm_mask(vm, f->p->rules[rule].rung[0].holds);
	if (f->p->rules[rule].nreports == 0)
		return;
	TSN_EACH_ROW(r, rows) {
		struct number *n = &f->value[rule][r];

		f->holds[rule][r] = tsn_vm_mask_has(vm, f->p->rules[rule].report[0].holds, r);
		n->known = tsn_vm_value(vm, f->p->rules[rule].report[0].value, r, &n->i, &n->f, &n->real);
		n = &f->threshold[rule][r];
		n->known = tsn_vm_value(vm, f->p->rules[rule].report[0].threshold, r, &n->i, &n->f, &n->real);
	}
}

static const struct tsn_ir *
first_report(const struct tsn_ir *x)
{
	const struct tsn_ir *found = NULL;

	if (x->kind == TSN_IR_COMPARE && x->stateful)
		return x;
	for (uint32_t i = 0; i < x->nkids && found == NULL && x->stateful && x->kind != TSN_IR_AGG; i++)
		if (x->kind == TSN_IR_AND || x->kind == TSN_IR_OR || x->kind == TSN_IR_NOT)
			found = first_report(x->kid[i]);
	return found;
}

/* As the checker makes of a rule's `where`: its parts stand in `when` beside what counts them. */
static const struct tsn_ir *
with_where(void)
{
	const struct tsn_ir *a = condition(1), *b = condition(1), *c;
	const struct tsn_ir *where = g_logic(g, TSN_IR_AND, a, b);
	struct tsn_key_spec key = random_key();

	if (chance(50))
		c = g_agg(g, TSN_AGG_COUNT, key, where, NULL, false);
	else
		c = g_agg(g, TSN_AGG_SUM, key, where, g_field(g, PICK(int_fields)), false);
	c = g_compare(g, chance(70) ? TSN_REL_GT : TSN_REL_LE, c, g_int(g, below(4)));
	return g_and3(g, a, b, c);
}

static void
build_case(uint64_t seed, struct graph *graph)
{
	state = seed * 7919 + 1;
	g = graph;
	g_init(g);
	npool = 0;
	g_regex(g, "^a");
	g_regex(g, "b+c");
	g_regex(g, "^(a+)+$|b|^$|^a{1,30}[b-z]");
	for (int i = 0; i < 4; i++) {
		g_set(g, "set", random_set(i));
		g->sets[i].fixed = seed % 2 == 0; /* and rules may be found by its members */
	}
	for (int i = 0; i < RULES; i++) {
		const struct tsn_ir *when, *except, *compare;
		struct tsn_ir_rule *r;

		aggs_allowed = (int)below(3);
		when = chance(25) ? with_where() : condition(3);
		except = chance(30) ? condition(2) : NULL;
		r = g_rule(g, "r", when, except);
		compare = first_report(when);
		if (compare != NULL)
			g_report(g, r, compare);
	}
}

/* One string may lie at several places. */
static const struct tsn_ir *
word_test(enum tsn_rel rel)
{
	const char *text = PICK(words);

	return g_compare(g, rel, g_field(g, str_fields[0]), g_string(g, chance(50) ? text : g_text(g, "%s", text)));
}

/* A test of few values of few fields, as those that rules are found by. */
static const struct tsn_ir *
key_test(void)
{
	static const enum tsn_field fields[] = { TSN_F_DST_PORT, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_IN_IF, TSN_F_PACKETS };
	const struct tsn_ir *f = g_field(g, PICK(fields)), *a, *b;

	if (chance(20))
		return chance(30) ? g_logic(g, TSN_IR_OR, word_test(TSN_REL_EQ), word_test(TSN_REL_EQ)) :
		       chance(20) ? g_logic(g, TSN_IR_NOT, word_test(TSN_REL_NE), NULL) : word_test(TSN_REL_EQ);
	if (chance(30)) {
		a = g_field(g, PICK(addr_fields));
		if (chance(40))
			return g_compare(g, TSN_REL_EQ, a, g_addr(g, PICK(addresses)));
		b = g_in_prefix(g, a, PICK(prefixes));
		return chance(30) ? g_logic(g, TSN_IR_OR, b, g_in_prefix(g, a, PICK(prefixes))) : b;
	}
	a = g_compare(g, TSN_REL_EQ, f, g_int(g, chance(90) ? (int64_t)below(5) : PICK(extremes)));
	if (chance(15)) /* between two numbers, often none */
		return g_logic(g, TSN_IR_AND, g_compare(g, chance(50) ? TSN_REL_GE : TSN_REL_GT, f, g_int(g, below(3))),
		    g_compare(g, chance(50) ? TSN_REL_LE : TSN_REL_LT, f, g_int(g, chance(90) ? 1 + (int64_t)below(5) : PICK(extremes))));
	if (chance(15))
		return g_logic(g, TSN_IR_NOT, g_compare(g, TSN_REL_NE, f, g_int(g, below(5))), NULL);
	if (chance(25))
		return g_logic(g, TSN_IR_OR, a, g_compare(g, TSN_REL_EQ, f, g_int(g, below(5))));
	return a;
}

static void
build_many(uint64_t seed, struct graph *graph)
{
	build_case(seed, graph);
	while (g->m.nrules < MANY) {
		const struct tsn_ir *key = key_test(), *other = key_test(), *rest;
		struct tsn_ir_rule *r;

		aggs_allowed = chance(90) ? 0 : 1;
		rest = condition((int)below(3));
		r = g_rule(g, "r", chance(50) ? g_and3(g, key, other, rest) : g_logic(g, TSN_IR_AND, rest, key),
		    chance(30) ? condition(2) : NULL);
		aggs_allowed = 0;
		if (chance(30)) {
			r->rung = tsn_arena_alloc(g->arena, sizeof(*r->rung));
			r->rung[0] = (struct tsn_ir_rung){ TSN_SEV_HIGH, condition(2) };
			r->nrungs = 1;
		}
	}
}

/* Packets mostly, now and then something else; of a number as rows have it, mostly. */
static const struct tsn_ir *
threshold(void)
{
	static const enum tsn_field fields[] = { TSN_F_PACKETS, TSN_F_PACKETS, TSN_F_DST_PORT, TSN_F_BYTES_PER_PACKET };
	static const enum tsn_rel rels[] = { TSN_REL_GT, TSN_REL_GE, TSN_REL_LT, TSN_REL_LE };
	const struct tsn_ir *number = g_int(g, chance(90) ? (int64_t)below(6) : PICK(extremes)), *x;
	const enum tsn_field field = PICK(fields);

	if (field == TSN_F_BYTES_PER_PACKET && chance(50))
		number = g_real(g, PICK(reals));
	x = g_compare(g, PICK(rels), g_field(g, field), number);
	return chance(30) ? g_logic(g, TSN_IR_NOT, x, NULL) : x;
}

/*
 * Rules that differ in thresholds, so many that they are parted in runs; of the last some have more to ask. Of one key, so that they are one
 * block, or of many, so that their thresholds are asked ahead of the dispatch, if all have one.
 */
static void
build_thresholds(uint64_t seed, struct graph *graph)
{
	const struct tsn_ir *one;
	bool many;

	build_case(seed, graph);
	one = key_test();
	many = chance(50);
	while (g->m.nrules < MANY) {
		const struct tsn_ir *key = many ? key_test() : one, *x = threshold();

		x = chance(70) ? x : g_logic(g, TSN_IR_AND, x, chance(50) ? threshold() : condition((int)below(2)));
		x = many && chance(1) ? condition(1) : x;
		g_rule(g, "r", chance(90) ? g_logic(g, TSN_IR_AND, x, key) : x, chance(10) ? condition(2) : NULL);
	}
}

/* A port each, and thresholds of more fields than a dispatch compares. */
static void
build_sides(uint64_t seed, struct graph *graph)
{
	static const int64_t ports[] = { 0, 1, 2, 3, 4, 6, 17, 25, 80, 255, 256, 65535 };
	static const enum tsn_field fields[] = { TSN_F_PACKETS, TSN_F_BYTES, TSN_F_PROTO, TSN_F_IN_IF, TSN_F_TOS, TSN_F_START };

	build_case(seed, graph);
	for (uint32_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		g_rule(g, "r", g_logic(g, TSN_IR_AND, g_compare(g, TSN_REL_EQ, g_field(g, TSN_F_DST_PORT), g_int(g, ports[i])),
		    g_compare(g, i % 2 == 0 ? TSN_REL_GT : TSN_REL_LT, g_field(g, fields[i / 2]), g_int(g, below(4)))), NULL);
}

/* [f] is one of the numbers that most rows have, or another. */
static const struct tsn_ir *
usual_or(enum tsn_field f, uint32_t another)
{
	const struct tsn_ir *x = g_compare(g, TSN_REL_EQ, g_field(g, f), g_int(g, another));

	for (uint32_t i = 0; i < 5; i++)
		x = g_logic(g, TSN_IR_OR, x, g_compare(g, TSN_REL_EQ, g_field(g, f), g_int(g, i)));
	return x;
}

/* Blocks that most rows are of, by three fields each: a dispatch files as many as it can have to. */
static void
build_crowded(uint64_t seed, struct graph *graph)
{
	build_case(seed, graph);
	for (uint32_t i = 100; g->m.nrules < MANY; i++)
		g_rule(g, "r", g_logic(g, TSN_IR_OR, usual_or(TSN_F_DST_PORT, i), g_logic(g, TSN_IR_OR, usual_or(TSN_F_IN_IF, i),
		    usual_or(TSN_F_PACKETS, i))), NULL);
}

/* Rules that no one field finds: one thing or another, of what several share, of thresholds. */
static void
build_unfound(uint64_t seed, struct graph *graph)
{
	const struct tsn_ir *shared[3];

	build_case(seed, graph);
	aggs_allowed = 0;
	for (size_t i = 0; i < 3; i++)
		shared[i] = chance(50) ? condition(1) : g_logic(g, TSN_IR_NOT, key_test(), NULL);
	while (g->m.nrules < MANY) {
		const struct tsn_ir *x = g_logic(g, TSN_IR_OR, key_test(), chance(80) ? key_test() : condition(1));

		if (chance(70))
			x = g_logic(g, TSN_IR_AND, x, PICK(shared));
		if (chance(60))
			x = g_logic(g, TSN_IR_AND, threshold(), x);
		aggs_allowed = chance(95) ? 0 : 1;
		g_rule(g, "r", x, chance(20) ? condition(2) : NULL);
	}
}

/* How much there is of something. */
static const struct tsn_ir *
amount(struct tsn_key_spec key, const struct tsn_ir *where)
{
	static const enum tsn_field args[] = { TSN_F_IN_IF, TSN_F_DST_PORT }; /* rows here have counters that are negative, as no flow has */
	static const enum tsn_agg_fn fns[] = { TSN_AGG_COUNT, TSN_AGG_COUNT, TSN_AGG_SUM, TSN_AGG_MAX, TSN_AGG_DISTINCT };
	const enum tsn_agg_fn fn = PICK(fns);
	struct tsn_ir *x;

	if (fn == TSN_AGG_COUNT)
		return g_agg(g, fn, key, where, NULL, chance(10));
	if (fn != TSN_AGG_DISTINCT)
		return g_agg(g, fn, key, where, g_field(g, PICK(args)), chance(10));
	x = g_agg(g, fn, key, where, NULL, chance(10));
	g_open_agg(x)->tuple = g_key(TSN_F_PACKETS);
	g_open_agg(x)->agg_canon = g_text(g, "%s packets", x->agg->agg_canon);
	return x;
}

/* What else a rule asks: of the flow, or of all flows of the key, so that each has part in the rule. */
static const struct tsn_ir *
besides(struct tsn_key_spec key)
{
	if (chance(20))
		return g_compare(g, TSN_REL_LE, g_agg(g, TSN_AGG_COUNT, key, NULL, NULL, false), g_int(g, 1000));
	return chance(70) ? key_test() : condition(1);
}

/*
 * Families of which some rules ask for much: rows need no value for them where nobody can have so much. Others ask for little,
 * and need it.
 */
static void
build_guarded(uint64_t seed, struct graph *graph)
{
	static const int64_t much[] = { 2, 3, 5, 9, 20, 1000 };
	static const enum tsn_rel few[] = { TSN_REL_LT, TSN_REL_LE, TSN_REL_EQ };

	build_case(seed, graph);
	aggs_allowed = 0;
	while (g->m.nrules < GUARDED) {
		const struct tsn_key_spec key = chance(70) ? g_key(PICK(addr_fields)) : random_key();
		const struct tsn_ir *where = chance(60) ? key_test() : condition(1), *x;

		for (uint32_t i = 0; i < 4; i++) {
			x = amount(key, where);
			x = chance(50) ? g_compare(g, chance(50) ? TSN_REL_GE : TSN_REL_GT, x, g_int(g, PICK(much)))
			    : g_compare(g, PICK(few), x, g_int(g, below(4)));
			g_report(g, g_rule(g, "r", g_logic(g, TSN_IR_AND, besides(key), x), NULL), x);
		}
	}
}

static bool
same_number(const struct number *got, struct number want)
{
	return got->known == want.known && (!want.known || (got->real == want.real && got->i == want.i && got->f == want.f));
}

static void
expect_row(uint64_t seed, struct found *f, const struct graph *graph, uint32_t rule, bool want)
{
	const struct tsn_ir_rule *r = &graph->rules[rule];

	cr_assert_eq(tsn_mask_has(&f->rows[rule], row), want, "seed %llu rule %u row %u of %u: want %d\n%s", (unsigned long long)seed,
	    rule, row, batch->n, want, r->when->canon);
	if (want && r->nrungs > 0)
		cr_assert_eq(tsn_mask_has(&f->rung[rule], row), truth(r->rung[0].when) == 1, "seed %llu rule %u row %u: rung\n%s",
		    (unsigned long long)seed, rule, row, r->rung[0].when->canon);
	if (!want || r->nreports == 0)
		return;
	cr_assert_eq(f->holds[rule][row], truth(r->report[0].compare) == 1, "seed %llu rule %u row %u: holds", (unsigned long long)seed, rule, row);
	cr_assert(same_number(&f->value[rule][row], number(r->report[0].value)), "seed %llu rule %u row %u: value",
	    (unsigned long long)seed, rule, row);
	cr_assert(same_number(&f->threshold[rule][row], number(r->report[0].threshold)), "seed %llu rule %u row %u: threshold",
	    (unsigned long long)seed, rule, row);
}

static uint32_t nmixed; /* families that some rules need guarded values of, and others all */

static void
run_built(uint64_t seed, void (*build)(uint64_t seed, struct graph *graph), unsigned flags, uint32_t batch_rows, uint32_t batches)
{
	static struct found found;
	struct graph graph;
	struct tsn_program *p;
	struct tsn_vm *vm;
	struct tsn_state *s;
	struct tsn_batch *b = tsn_batch_new();
	const char *error;
	int64_t time = BASE + 30000;

	build(seed, &graph);
	p = tsn_emit_with(&graph.m, flags, &error);
	cr_assert_not_null(p, "seed %llu: %s", (unsigned long long)seed, error);
	vm = tsn_vm_new(p);
	s = tsn_state_new(p->families, p->nfamilies, 0);
	cr_assert(vm != NULL && s != NULL);
	found.p = p;
	for (uint32_t i = 0; i < p->nfamilies; i++)
		nmixed += p->uses[TSN_DOOR_FLOW][i].must != 0;
	for (uint32_t i = 0; i < batches; i++) {
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		for (b->n = 0; b->n < batch_rows; b->n++)
			fill_row(b, b->n, time++ / 100);
		tsn_mask_first(&b->rows, b->n);
		for (uint32_t k = 0; k < b->n; k++)
			b->time[k] = b->received[k] = BASE + 30000 + (time % 1000);
		memset(found.rows, 0, sizeof(found.rows));
		memset(found.rung, 0, sizeof(found.rung));
		tsn_vm_run(vm, b, s, (const struct tsn_set *const *)graph.set, on_match, &found);
		batch = b;
		for (row = 0; row < b->n; row++) {
			tick++;
			for (uint32_t k = 0; k < graph.m.nrules; k++) {
				see_all(graph.rules[k].when);
				see_all(graph.rules[k].except);
			}
			for (uint32_t k = 0; k < graph.m.nrules; k++)
				expect_row(seed, &found, &graph, k, matches(&graph.rules[k]));
		}
	}
	for (size_t i = 0; i < sizeof(naive) / sizeof(naive[0]); i++) {
		free(naive[i].rows);
		naive[i] = (struct naive_agg){ NULL, 0 };
	}
	tsn_state_free(s);
	tsn_vm_free(vm);
	tsn_program_free(p);
	g_fini(&graph, true);
	tsn_batch_free(b);
}

static void
run_case(uint64_t seed, unsigned flags, uint32_t batch_rows, uint32_t batches)
{
	run_built(seed, build_case, flags, batch_rows, batches);
}

static uint32_t
seeds(uint32_t few)
{
	const char *only = getenv("TSN_SEEDS");

	return only != NULL ? (uint32_t)atol(only) : getenv("TSN_SOAK") != NULL ? few * 20 : (few + 5) / 6;
}

static uint64_t
first_seed(uint64_t base)
{
	return getenv("TSN_SEED") != NULL ? strtoull(getenv("TSN_SEED"), NULL, 0) : base;
}

Test(emit_random, one_row_at_a_time)
{
	for (uint64_t i = 0; i < seeds(1500); i++)
		run_case(first_seed(1000000) + i, 0, 1, 30);
}

Test(emit_random, batches_of_seven)
{
	for (uint64_t i = 0; i < seeds(1500); i++)
		run_case(first_seed(2000000) + i, 0, 7, 6);
}

Test(emit_random, full_batches)
{
	for (uint64_t i = 0; i < seeds(40); i++)
		run_case(first_seed(3000000) + i, 0, 1024, 1);
}

Test(emit_random, every_row_read)
{
	for (uint64_t i = 0; i < seeds(600); i++)
		run_case(first_seed(2000000) + i, TSN_EMIT_READ_ALL, 40, 2);
}

Test(emit_random, no_jumps)
{
	for (uint64_t i = 0; i < seeds(600); i++)
		run_case(first_seed(2000000) + i, TSN_EMIT_NO_SKIP, 40, 2);
}

Test(emit_random, many_rules)
{
	for (uint64_t i = 0; i < seeds(300); i++)
		run_built(first_seed(4000000) + i, build_many, TSN_EMIT_INDEX_ALL, 40, 2);
}

Test(emit_random, many_rules_in_full_batches)
{
	for (uint64_t i = 0; i < seeds(12); i++)
		run_built(first_seed(5000000) + i, build_many, TSN_EMIT_INDEX_ALL, 1024, 1);
}

Test(emit_random, many_thresholds)
{
	for (uint64_t i = 0; i < seeds(150); i++)
		run_built(first_seed(7000000) + i, build_thresholds, i % 2 == 0 ? TSN_EMIT_INDEX_ALL : 0, 40, 2);
}

Test(emit_random, more_sides_than_a_dispatch_has)
{
	for (uint64_t i = 0; i < seeds(30); i++)
		run_built(first_seed(10000000) + i, build_sides, TSN_EMIT_INDEX_ALL, 60, 2);
}

Test(emit_random, most_rows_are_of_most_blocks)
{
	run_built(first_seed(11000000), build_crowded, TSN_EMIT_INDEX_ALL, TSN_BATCH_ROWS, 2);
}

Test(emit_random, many_rules_that_no_field_finds)
{
	for (uint64_t i = 0; i < seeds(150); i++)
		run_built(first_seed(9000000) + i, build_unfound, i % 2 == 0 ? TSN_EMIT_INDEX_ALL : 0, i % 3 == 0 ? 7 : 60, 2);
}

Test(emit_random, much_and_little_of_the_same)
{
	for (uint64_t i = 0; i < seeds(150); i++)
		run_built(first_seed(8000000) + i, build_guarded, 0, i % 2 == 0 ? 40 : 10, 4);
	cr_assert_geq(nmixed, seeds(150) / 2, "%u", nmixed);
}

Test(emit_random, many_rules_one_by_one)
{
	for (uint64_t i = 0; i < seeds(60); i++)
		run_built(first_seed(4000000) + i, build_many, TSN_EMIT_NO_INDEX, 40, 2);
}

Test(emit_random, no_test_within_another)
{
	for (uint64_t i = 0; i < seeds(600); i++)
		run_case(first_seed(2000000) + i, TSN_EMIT_NO_NARROW, 40, 2);
}
