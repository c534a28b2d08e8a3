/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The rules' own tests: what they see (S20) and the flows they make (S52). */
#include "test_check.h"

static const char *const source =
    "ruleset g {}\n"
    "let N = 3\n"
    "set home = site\n"
    "set feed = file \"tests/golden/check/list.inc.csv\" column \"ip\"\n"
    "rule r { severity high when count(src in home and src not in feed) by src over 60s > N\n"
    "  test \"one\" fires 2 high for src = 10.0.0.0/24, dst_port = 25 {\n"
    "    let N = 1\n"
    "    set feed = { 10.0.0.7 }\n"
    "    flow { src = 10.0.0.254..10.0.1.1, proto = tcp, dst_port = 25, packets = 3, bytes = 180 } repeat 6 every 500ms\n"
    "    wait 5m\n"
    "    flow { src = 10.0.0.9, proto = tcp, duration = 90s, exporter = 192.0.2.1, src_port = 65534..65535, proto = tcp } }\n"
    "  test \"two\" quiet { } }\n"
    "override g { set home = { 10.9.0.0/16, fe80::/10 } }\n"
    "override g.r { let N = 500 test \"three\" quiet { flow { src = 10.0.0.1 } } }\n";

static const struct tsn_value *
field(const struct tsn_test_flow *f, enum tsn_field want)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->v[i].field == want)
			return &f->v[i].value;
	return NULL;
}

static struct made
make(void)
{
	char *text = strdup(source), *twice = strstr(text, ", proto = tcp }");
	struct made m;

	/* One flow names its protocol twice, which other tests show to be an error. */
	memmove(twice, twice + strlen(", proto = tcp"), strlen(twice + strlen(", proto = tcp")) + 1);
	m = make_text(text);
	free(text);
	cr_assert_not_null(m.r, "%s", tsn_buf_str(&m.text));
	cr_assert_eq(m.r->ntests, 3);
	return m;
}

Test(check_tests, flows_and_times)
{
	struct made m = make();
	struct tsn_test_cursor c;
	struct tsn_test_flow f;
	uint32_t src[] = { 0x0a0000fe, 0x0a0000ff, 0x0a000100, 0x0a000101, 0x0a0000fe, 0x0a0000ff };

	tsn_test_begin(&c, &m.r->tests[0]);
	for (int i = 0; i < 6; i++) {
		cr_assert(tsn_test_next(&c, &f));
		cr_expect_eq(f.end_ms, TSN_TEST_START + i * 500);
		cr_expect_eq(field(&f, TSN_F_SRC)->addr.lo, src[i]);
		cr_expect_eq(field(&f, TSN_F_RAW_PACKETS)->i, 3);
		cr_expect_eq(field(&f, TSN_F_RAW_BYTES)->i, 180);
		cr_expect_eq(field(&f, TSN_F_START)->i, f.end_ms);
		cr_expect_eq(field(&f, TSN_F_EXPORTER)->addr.lo, 0xc00002fe);
		cr_expect_null(field(&f, TSN_F_FLAGS));
	}
	cr_assert(tsn_test_next(&c, &f));
	cr_expect(f.wait);
	cr_expect_eq(f.end_ms, TSN_TEST_START + 2500 + 300000);
	cr_assert(tsn_test_next(&c, &f));
	cr_expect_eq(f.end_ms, TSN_TEST_START + 2500 + 300000 + 1);
	cr_expect_eq(field(&f, TSN_F_START)->i, f.end_ms - 90000);
	cr_expect_null(field(&f, TSN_F_DURATION));
	cr_expect_eq(field(&f, TSN_F_EXPORTER)->addr.lo, 0xc0000201);
	cr_expect_eq(field(&f, TSN_F_RAW_PACKETS)->i, 1);
	cr_expect_eq(field(&f, TSN_F_RAW_BYTES)->i, 60);
	cr_expect_eq(field(&f, TSN_F_SRC_PORT)->i, 65534);
	cr_expect_not(tsn_test_next(&c, &f));
	unmake(&m);
}

Test(check_tests, rows)
{
	struct made m = make();
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_test_cursor c;
	struct tsn_test_flow f;
	struct tsn_value v;

	tsn_test_begin(&c, &m.r->tests[0]);
	tsn_test_next(&c, &f);
	tsn_test_put(&f, b, 0);
	tsn_batch_get(b, 0, TSN_F_DST_PORT, &v);
	cr_expect(v.known && v.i == 25);
	cr_expect_eq(b->received[0], TSN_TEST_START);
	tsn_batch_free(b);
	unmake(&m);
}

Test(check_tests, expectations)
{
	struct made m = make();
	const struct tsn_rule_test *t = &m.r->tests[0];
	struct tsn_value v = { .type = TSN_T_ADDR, .known = true, .v4_bits = 32, .v6_bits = 128, .addr = tsn_addr_v4(0x0a000009) };

	cr_expect_str_eq(t->rule, "g.r");
	cr_expect_str_eq(t->title, "one");
	cr_expect(!t->quiet && t->count == 2 && t->level == TSN_SEV_HIGH);
	cr_expect_eq(t->line, 6);
	cr_expect_eq(t->tail_ms, 60000);
	cr_assert_eq(t->nexpects, 2);
	cr_expect(tsn_test_expects(&t->expect[0], &v));
	v.v4_bits = 24;
	v.addr = tsn_addr_v4(0x0a000000);
	cr_expect(tsn_test_expects(&t->expect[0], &v));
	v.v4_bits = 16;
	cr_expect_not(tsn_test_expects(&t->expect[0], &v), "a wider prefix is not in a narrower one");
	v.v4_bits = 32;
	v.addr = tsn_addr_v4(0x0a000109);
	cr_expect_not(tsn_test_expects(&t->expect[0], &v));
	v = (struct tsn_value){ .type = TSN_T_PORT, .known = true, .i = 25 };
	cr_expect(tsn_test_expects(&t->expect[1], &v));
	v.known = false;
	cr_expect_not(tsn_test_expects(&t->expect[1], &v));
	cr_expect(m.r->tests[1].quiet && m.r->tests[1].nsteps == 0);
	unmake(&m);
}

static const struct tsn_set *
set_named(const struct tsn_ruleset *r, const char *start)
{
	for (uint32_t i = 0; i < r->module->nsets; i++)
		if (strncmp(r->module->sets[i].name, start, strlen(start)) == 0)
			return r->sets[i];
	return NULL;
}

Test(check_tests, sees_the_rules_as_shipped)
{
	struct made m = make();
	struct tsn_ruleset *one = tsn_compile_test(m.r, 0, m.diags), *two = tsn_compile_test(m.r, 1, m.diags);
	struct tsn_ruleset *three = tsn_compile_test(m.r, 2, m.diags);

	cr_assert(one != NULL && two != NULL && three != NULL);
	cr_assert_eq(one->program->nrules, 1);
	cr_assert_eq(one->ntests, 1);
	cr_expect_str_eq(one->tests[0].title, "one");
	cr_expect_eq(one->module->rules[0].report[0].threshold->i, 1, "the test's own let");
	cr_expect_eq(two->module->rules[0].report[0].threshold->i, 3, "the rule's own let");
	cr_expect_eq(three->module->rules[0].report[0].threshold->i, 500, "the override it stands in");
	cr_expect_eq(m.r->module->rules[0].report[0].threshold->i, 500);
	/* Sets of the site and of files. */
	cr_expect(tsn_set_has_addr(set_named(one, "g.home"), tsn_addr_v4(0x0a000001)), "not the site's layer");
	cr_expect_not(tsn_set_has_addr(set_named(m.r, "g.home"), tsn_addr_v4(0x0a000001)));
	cr_expect(tsn_set_has_addr(set_named(one, "g.feed"), tsn_addr_v4(0x0a000007)));
	cr_expect(tsn_set_empty(set_named(two, "g.feed")), "files are empty");
	cr_expect_not(tsn_set_empty(set_named(m.r, "g.feed")));
	tsn_ruleset_free(one);
	tsn_ruleset_free(two);
	tsn_ruleset_free(three);
	unmake(&m);
}

Test(check_tests, sampling_scales_back)
{
	struct made m = make_text("rule r { when bytes > 5 test \"x\" fires { flow { packets = 1000, bytes = 60000, sampling = 100 } } }");
	struct tsn_test_cursor c;
	struct tsn_test_flow f;

	tsn_test_begin(&c, &m.r->tests[0]);
	cr_assert(tsn_test_next(&c, &f));
	cr_expect_eq(field(&f, TSN_F_RAW_PACKETS)->i, 10);
	cr_expect_eq(field(&f, TSN_F_RAW_BYTES)->i, 600);
	cr_expect_null(field(&f, TSN_F_PACKETS));
	unmake(&m);
}
