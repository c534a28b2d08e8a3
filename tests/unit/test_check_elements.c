/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* ie(): forms name elements and never their columns, so that windows and alerts outlive a reload that moves columns. */
#include "test_check.h"

#include "core/engine.h"

static int
column(const struct tsn_program *p, uint32_t pen, uint16_t id)
{
	for (uint32_t i = 0; i < p->nwanted; i++)
		if (p->wanted[i].pen == pen && p->wanted[i].id == id)
			return (int)p->wanted[i].field;
	cr_assert_fail("element %u of %u is not wanted", id, pen);
	return -1;
}

Test(check_elements, forms_name_the_element)
{
	static const struct { const char *when, *form; } cases[] = {
		{ "ie(51) == 7", "(== ie(51) 7)" }, { "ie(0, 51) == 7", "(== ie(51) 7)" },
		{ "ie(29305, 40) > 7", "(> ie(29305, 40) 7)" }, { "ie(7) == 25", "(== dst_port :25)" },
		{ "ie(18)/24 == 10.0.0.0", "(== ie(18)/24/64 10.0.0.0)" },
		{ "distinct(ie(54), ie(51)) by src over 60s > 5",
		    "(> [distinct(ie(51), ie(54)) over 1m step 4s by src where true level 1] 5)" },
		{ "count() by ie(6, 2), ie(6, 1) over 60s > 5",
		    "(> [count() over 1m step 4s by ie(6, 2), ie(6, 1) where true level 1] 5)" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		struct made m;

		snprintf(text, sizeof(text), "rule r { when %s }", cases[i].when);
		m = make_text(text);
		if (strcmp(cases[i].when, "ie(7) == 25") == 0)
			cr_expect_str_eq(rule_of(&m, "r")->when->canon, "(== src_port :25)");
		else
			cr_expect_str_eq(rule_of(&m, "r")->when->canon, cases[i].form, "%s: %s", cases[i].when,
			    rule_of(&m, "r")->when->canon);
		unmake(&m);
	}
}

Test(check_elements, each_type_has_its_columns)
{
	static const struct { const char *element; enum tsn_type type; } cases[] = {
		{ "ie(51)", TSN_T_INT }, { "ie(320)", TSN_T_REAL }, { "ie(371)", TSN_T_STRING }, { "ie(460)", TSN_T_STRING },
		{ "ie(18)", TSN_T_ADDR }, { "ie(62)", TSN_T_ADDR }, { "ie(57)", TSN_T_MAC }, { "ie(160)", TSN_T_TIME },
		{ "ie(150)", TSN_T_TIME }, { "ie(99999, 5)", TSN_T_INT }, { "ie(29305, 57)", TSN_T_MAC },
		{ "ie(95)", TSN_T_STRING }, { "ie(276)", TSN_T_INT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		struct made m;

		snprintf(text, sizeof(text), "rule r { when has(%s) }", cases[i].element);
		m = make_text(text);
		cr_expect_eq(rule_of(&m, "r")->when->kid[0]->type, cases[i].type, "%s is %s", cases[i].element,
		    tsn_type_name(rule_of(&m, "r")->when->kid[0]->type));
		unmake(&m);
	}
}

Test(check_elements, there_is_an_end_to_them)
{
	for (int n = 16; n <= 17; n++) {
		struct tsn_buf text = TSN_BUF_INIT;
		struct made m;

		tsn_buf_puts(&text, "rule r { when ie(371) == \"x\"");
		for (int i = 0; i < 40; i++) /* one that is named twice takes one column */
			tsn_buf_printf(&text, " and ie(99999, %d) == 5", i % n + 1);
		tsn_buf_puts(&text, " }");
		m = make_text(tsn_buf_str(&text));
		cr_assert_eq(m.r != NULL, n == 16, "%s", tsn_buf_str(&m.text));
		cr_assert_eq(strstr(tsn_buf_str(&m.text), "too many different elements that are integers: 16 at most") != NULL, n == 17);
		unmake(&m);
		tsn_buf_fini(&text);
	}
}

Test(check_elements, listings_and_keys_name_them)
{
	struct made m = make_compiled("rule r { message \"{ie(54)}\" when count(ie(371) == \"x\") by ie(51), ie(18)/24 over 60s > 5 }");
	struct tsn_buf out = TSN_BUF_INIT;
	const struct tsn_program *p = m.r->program;

	tsn_program_disassemble(p, &out);
	cr_assert_not_null(strstr(tsn_buf_str(&out), "by ie(51), ie(18)/24/64"), "%s", tsn_buf_str(&out));
	cr_assert_null(strstr(tsn_buf_str(&out), "by ,"));
	cr_assert_str_eq(tsn_rule_key_name(&p->rules[0], 0), "ie(51)");
	cr_assert_str_eq(tsn_rule_key_name(&p->rules[0], 1), "ie(18)");
	cr_assert_eq(p->nwanted, 3, "user is a field");
	cr_assert(tsn_field_set_has(&p->reads, (enum tsn_field)column(p, 0, 54)));
	tsn_buf_fini(&out);
	unmake(&m);
}

/* --- a reload that gives out other columns --- */

struct alerts {
	uint32_t opened, closed;
	char key[128], message[128];
};

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct alerts *a = arg;

	if (al->state == TSN_ALERT_CLOSE) {
		a->closed++;
		return;
	}
	a->opened++;
	snprintf(a->key, sizeof(a->key), "%s", tsn_rule_key_name(al->rule, 0));
	snprintf(a->message, sizeof(a->message), "%s", al->message);
}

static void
load(struct tsn_engine *e, const char *text, struct tsn_reload_report *report)
{
	struct made m = make_compiled(text);

	cr_assert(tsn_engine_load(e, m.r, report));
	m.r = NULL;
	unmake(&m);
}

static void
flows(struct tsn_engine *e, int64_t at, int n, int64_t value)
{
	const struct tsn_program *p = tsn_engine_ruleset(e)->program;

	for (int i = 0; i < n; i++) {
		struct tsn_batch *b;

		tsn_engine_clock(e, at);
		b = tsn_engine_room(e);
		tsn_batch_put_int(b, b->n, (enum tsn_field)column(p, 0, 51), value);
		tsn_batch_put_int(b, b->n, (enum tsn_field)column(p, 0, 54), at % 1000 + i);
		tsn_batch_put_int(b, b->n, TSN_F_RAW_BYTES, 60);
		b->received[b->n++] = at;
	}
	tsn_engine_flush(e);
}

#define RULES \
	"rule counts { message \"{ie(54)}\" when count() by ie(51) over 60s > 5 }" \
	"rule differ { message \"d\" when distinct(ie(51), ie(54)) by ie(51) over 60s > 8 }"

Test(check_elements, windows_and_alerts_outlive_other_columns)
{
	struct alerts a = { 0 };
	struct tsn_engine *e = tsn_engine_new(&(struct tsn_engine_options){ 0 });
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, &a, TSN_SEV_INFO);
	struct tsn_reload_report report = { 0 };
	const int64_t start = INT64_C(1767571200000);
	int before;

	cr_assert(tsn_engine_add_sink(e, sink));
	load(e, RULES, NULL);
	before = column(tsn_engine_ruleset(e)->program, 0, 51);
	flows(e, start, 4, 7);
	cr_assert_eq(a.opened, 0);
	load(e, "rule first { when ie(54) == 1 and ie(99999, 3) == 2 and ie(99999, 4) == 3 }" RULES, &report);
	cr_assert_neq(column(tsn_engine_ruleset(e)->program, 0, 51), before);
	cr_assert(report.expressions_kept == 2 && report.expressions_new == 0 && report.groups_kept == 1);
	cr_assert(report.unchanged == 2 && report.added == 1);
	flows(e, start + 1100, 2, 7);
	cr_assert_eq(a.opened, 1);
	cr_assert_str_eq(a.key, "ie(51)");
	cr_assert_str_eq(a.message, "101");
	load(e, RULES, &report);
	cr_assert_eq(a.closed, 0, "the alert is about the same key");
	flows(e, start + 2200, 3, 7);
	cr_assert(a.opened == 2 && a.closed == 0, "9 pairs, two opened");
	/* the column of ie(51) now holds another element: nothing of it is taken for the same */
	load(e, "rule counts { message \"{ie(54)}\" when count() by ie(49) over 60s > 5 }", NULL);
	cr_assert_eq(a.closed, 2);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}
