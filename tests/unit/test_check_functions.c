/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What functions are made of: their aggregates, links between rules, and what a rule says of panes. */
#include "test_check.h"

static const struct tsn_ir_agg *
left_agg(const struct tsn_ir *x)
{
	while (x->kind == TSN_IR_TO_REAL)
		x = x->kid[0];
	cr_assert_eq(x->kind, TSN_IR_AGG, "%s", x->canon);
	return x->agg;
}

/* With its program. */
/* The first aggregate [fn] of a condition. */
static const struct tsn_ir_agg *
agg_of(const struct tsn_ir *when, enum tsn_agg_fn fn)
{
	if (when->kind == TSN_IR_AGG)
		return when->agg->fn == fn ? when->agg : NULL;
	for (uint32_t i = 0; i < when->nkids; i++) {
		const struct tsn_ir_agg *a = agg_of(when->kid[i], fn);

		if (a != NULL)
			return a;
	}
	return NULL;
}

Test(check_functions, new_is_a_first_sighting_of_a_known_group)
{
	struct made m = make_text("rule r { where dst_port == 22 when new(dst, src, learn 2d, max_keys 5000) by exporter over 7d }");
	const struct tsn_ir_rule *r = rule_of(&m, "r");
	const struct tsn_ir_agg *fresh = agg_of(r->when, TSN_AGG_FRESH), *since = agg_of(r->when, TSN_AGG_SINCE);

	cr_assert(fresh != NULL && since != NULL);
	cr_expect_eq(fresh->key.n, 3);
	cr_expect_eq(fresh->key.part[0].field, TSN_F_EXPORTER);
	cr_expect_eq(fresh->key.part[1].field, TSN_F_SRC, "in the order of fields");
	cr_expect_eq(fresh->tail, 2);
	cr_expect_eq(fresh->max_keys, 5000);
	cr_expect_eq(since->key.n, 1);
	cr_expect_eq(fresh->where, since->where);
	cr_expect_eq(r->meta.key.n, 1);
	cr_expect_eq(r->meta.key.part[0].field, TSN_F_EXPORTER);
	cr_expect_eq(r->nreports, 0, "a condition gives no value");
	cr_expect(strstr(r->when->canon, "172800000 duration") != NULL, "%s", r->when->canon);
	cr_expect_eq(r->meta.hold_ms, INT64_C(7) * 86400000);
	unmake(&m);
}

Test(check_functions, a_baseline_over_a_window_has_a_twin)
{
	struct made m = make_text("rule o { when zscore(sum(bytes), history 14d) by src over 1h > 3 }\n"
	    "rule p { when zscore(sum(bytes), history 14d, season 1h) by src per 1h > 3 }\n"
	    "rule w { when zscore(sum(bytes), history 70d) by src over 7d > 3 }");
	const struct tsn_ir *o = rule_of(&m, "o")->when, *p = rule_of(&m, "p")->when;
	const struct tsn_ir_agg *base = agg_of(o, TSN_AGG_BASELINE), *spread = agg_of(o, TSN_AGG_SPREAD);

	cr_assert(base != NULL && spread != NULL);
	cr_expect(base->of->tumbling && !base->tumbling && !agg_of(o, TSN_AGG_SUM)->tumbling);
	cr_expect_eq(base->of, spread->of);
	cr_expect_str_eq(base->family_canon, agg_of(o, TSN_AGG_SUM)->family_canon);
	cr_expect_str_eq(base->of->family_canon, base->family_canon);
	cr_expect_eq(base->season_ms, 86400000, "a day unless told");
	cr_expect_eq(agg_of(p, TSN_AGG_BASELINE)->of, agg_of(p, TSN_AGG_SUM), "per: the windows themselves");
	cr_expect_eq(agg_of(p, TSN_AGG_BASELINE)->season_ms, 0, "a season of one window is none");
	cr_expect_eq(agg_of(rule_of(&m, "w")->when, TSN_AGG_BASELINE)->season_ms, 0, "a week is no part of a day");
	unmake(&m);
}

Test(check_functions, rank_lies_with_what_it_ranks)
{
	struct made m = make_compiled("rule r { when rank(sum(bytes where dst_port == 80), within exporter) by exporter, src per 5m < 21 }\n"
	    "rule s { when new(src where rank(count()) by src per 1h <= 7) over 1d }");
	const struct tsn_ir_agg *rank = agg_of(rule_of(&m, "r")->when, TSN_AGG_RANK);
	const struct tsn_program *p = m.r->program;
	bool seven = false, twenty = false;

	cr_assert_not_null(rank);
	cr_expect_eq(rank->within, 1);
	cr_expect_str_eq(rank->family_canon, rank->of->family_canon);
	cr_expect_eq(rank->of->fn, TSN_AGG_SUM);
	for (uint32_t f = 0; f < p->nfamilies; f++)
		for (uint32_t i = 0; i < p->families[f].naggs; i++) {
			const struct tsn_agg_def *a = &p->families[f].agg[i];

			if (a->fn != TSN_AGG_RANK)
				continue;
			seven |= a->top == 7;
			twenty |= a->top == 20;
			cr_expect(p->families[f].agg[a->of].closes && p->families[f].agg[a->of].tumbling);
		}
	cr_expect(seven && twenty);
	unmake(&m);
}

Test(check_functions, links_name_rules_by_their_numbers)
{
	struct made m = make_compiled("rule f { when fired(b) by src over 1h > 3 }\n"
	    "rule a { when dst_port == 1 } rule b { when dst_port == 2 }\n"
	    "rule s { when sequence(a, dst_port == 3, dst where b) by src over 1h }");
	const struct tsn_program *p = m.r->program;

	cr_assert_eq(p->nlinks, 3);
	for (uint32_t i = 0; i < p->nlinks; i++) {
		const struct tsn_rule_link *l = &p->links[i];
		const struct tsn_family_def *f = &p->families[l->family];

		if (l->kind == TSN_LINK_FIRED) {
			cr_expect_str_eq(p->rules[l->rule].name, "b");
			cr_expect_eq(f->nsteps, 0);
		} else {
			cr_expect_str_eq(p->rules[l->rule].name, l->step == 0 ? "a" : "b");
			cr_assert_eq(f->nsteps, 3);
			cr_expect(f->step[l->step].rule && !f->step[1].rule);
			cr_expect_eq(f->key.part[0].field, TSN_F_DST, "the last step's");
		}
	}
	unmake(&m);
}

Test(check_functions, panes_of_the_longest_window)
{
	struct made m = make_text("rule a { when count() by src over 60s > 3 and count() by src over 1h > 5 }\n"
	    "rule b { when count() by src per 1d > 3 } rule c { when dst_port == 1 }\n"
	    "rule d { when count() by src over 60s > 3 alert each }\n"
	    "rule e { when count(distinct(dst) by src over 1h > 5) by src over 60s > 3 }");

	cr_expect(rule_of(&m, "a")->meta.watched && rule_of(&m, "a")->meta.pane_ms == 240000);
	cr_expect(rule_of(&m, "b")->meta.watched && rule_of(&m, "b")->meta.pane_ms == 86400000);
	cr_expect_not(rule_of(&m, "c")->meta.watched);
	cr_expect_not(rule_of(&m, "d")->meta.watched);
	cr_expect_eq(rule_of(&m, "e")->meta.pane_ms, 240000);
	unmake(&m);
}

Test(check_functions, the_key_of_alerts)
{
	struct made m = make_text("rule a { when count(flags has ACK) by src at dst over 60s > 3 }\n"
	    "rule b { when sequence((dst, dst_port) where flags has SYN, (src, dst_port) where flags == SYN) over 1h }");

	cr_expect_eq(rule_of(&m, "a")->meta.key.part[0].field, TSN_F_DST);
	cr_expect_eq(left_agg(rule_of(&m, "a")->when->kid[0])->at.part[0].field, TSN_F_DST);
	cr_assert_eq(rule_of(&m, "b")->meta.key.n, 2);
	cr_expect_eq(rule_of(&m, "b")->meta.key.part[0].field, TSN_F_SRC);
	unmake(&m);
}

/* A test has no other rules but those that are named, and theirs. */
Test(check_functions, tests_bring_the_rules_they_name)
{
	struct made m = make_text("rule a { when fired(b) by src over 1h > 0 test \"x\" quiet { flow { src = 10.0.0.1 } } }\n"
	    "rule b { when sequence(c, dst_port == 2) by src over 1h } rule c { when dst_port == 1 } rule d { when dst_port == 5 }");
	struct tsn_ruleset *t;

	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	t = tsn_compile_test(m.r, 0, m.diags);
	cr_assert_not_null(t);
	cr_expect_eq(t->program->nrules, 3);
	cr_expect_str_eq(t->program->rules[0].name, "a");
	cr_expect_eq(t->program->nlinks, 2);
	tsn_ruleset_free(t);
	unmake(&m);
}

/* The listing of one rule of each kind; TSN_GOLDEN_WRITE=1 writes it anew. */
Test(check_functions, the_listing)
{
	const char *path = "tests/golden/explain/functions.txt";
	struct made m = make_compiled("set own = { 10.0.0.1, 10.0.0.2 }\n"
	    "rule newcomer { when new(src where rank(sum(bytes), within exporter) by exporter, src per 1h <= 20) over 7d }\n"
	    "rule silent { when absent(dst_port == 22, expect own) by src over 1h }\n"
	    "rule unusual { when zscore(sum(bytes), history 14d) by src over 1h > 4 }\n"
	    "rule scan { when distinct(dst) by src over 60s > 20 }\n"
	    "rule often { when fired(scan) by src over 1h > 3 }\n"
	    "rule chain { when sequence(dst where scan, src where flags has SYN|ACK) over 1h }\n"
	    "rule unanswered { when count(flags has ACK) by src at dst over 60s > 3 }");
	struct tsn_buf got = TSN_BUF_INIT, want = TSN_BUF_INIT;
	FILE *f;

	tsn_program_disassemble(m.r->program, &got);
	if (getenv("TSN_GOLDEN_WRITE") != NULL && (f = fopen(path, "w")) != NULL) {
		fputs(tsn_buf_str(&got), f);
		fclose(f);
	}
	cr_assert_eq(tsn_buf_read_file(&want, path, 1u << 20), 0);
	cr_expect_str_eq(tsn_buf_str(&got), tsn_buf_str(&want), "%s", tsn_buf_str(&got));
	tsn_buf_fini(&got);
	tsn_buf_fini(&want);
	unmake(&m);
}
