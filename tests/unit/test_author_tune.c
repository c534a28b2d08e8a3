/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Tuning: numbers as rules write them, what values come to against a count of our own, and why a number is suggested. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "author/tune.h"
#include "base/clock.h"
#include "base/mem.h"
#include "core/engine.h"

#define START INT64_C(1767571200000)
#define DAY INT64_C(86400000)

Test(author_tune, numbers)
{
	static const struct { double v; enum tsn_type type; const char *text; } cases[] = {
		{ 1, TSN_T_INT, "1" }, { 1500, TSN_T_INT, "1500" }, { 10000, TSN_T_INT, "10k" }, { 12345, TSN_T_INT, "12345" },
		{ 1e6, TSN_T_INT, "1M" }, { 1.5e6, TSN_T_SIZE, "1500k" }, { 3e9, TSN_T_INT, "3G" }, { 0.25, TSN_T_REAL, "0.25" },
		{ 2, TSN_T_REAL, "2.0" }, { 0.0005, TSN_T_REAL, "0.0005" }, { 90000, TSN_T_DURATION, "1m30s" }, { 0, TSN_T_INT, "0" },
	};
	char text[TSN_TUNE_NUMBER];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tsn_tune_number(cases[i].v, cases[i].type, text);
		cr_expect_str_eq(text, cases[i].text);
	}
}

Test(author_tune, candidates)
{
	struct tsn_tuning what = { .rel = TSN_REL_GT, .type = TSN_T_INT, .threshold = 100 };
	struct tsn_tune t;
	bool now = false;

	cr_assert(tsn_tune_init(&t, &what, NULL));
	cr_assert_gt(t.ncandidates, 30);
	for (uint32_t i = 0; i < t.ncandidates; i++) {
		now |= t.candidate[i].is_now && t.candidate[i].n == 100;
		cr_assert(i == 0 || t.candidate[i].n > t.candidate[i - 1].n);
		cr_assert_eq(t.candidate[i].n, round(t.candidate[i].n));
	}
	cr_assert(now);
	cr_assert_leq(t.candidate[0].n, 1);
	cr_assert_geq(t.candidate[t.ncandidates - 1].n, 10000);
	cr_assert(tsn_tune_init(&t, &what, "7,10k,2M"));
	cr_assert_eq(t.ncandidates, 4);
	cr_assert_eq(t.candidate[2].n, 10000);
	cr_assert_str_eq(t.candidate[2].text, "10k");
	for (const char *const *bad = (const char *const[]){ "", "x", "5,,6", "5x", "0x10", "-5", "nan", "1e9", "5 or true", NULL }; *bad != NULL; bad++)
		cr_expect(!tsn_tune_init(&t, &what, *bad) || **bad == '\0', "%s", *bad);
	what.type = TSN_T_DURATION;
	what.threshold = 60000;
	cr_assert(tsn_tune_init(&t, &what, "30s,2m"));
	cr_assert_eq(t.candidate[2].n, 120000);
	cr_assert(!tsn_tune_init(&t, &what, "30"));
}

/* --- what values come to --- */

static struct tsn_tuning what;

static void
with_peaks(struct tsn_tune *t, enum tsn_rel rel, double now, const char *list, const double *v, size_t n)
{
	what = (struct tsn_tuning){ .rel = rel, .type = TSN_T_REAL, .threshold = now };
	cr_assert(tsn_tune_init(t, &what, list));
	for (uint32_t i = 0; i < t->ncandidates; i++)
		t->candidate[i].possible = true;
	for (size_t i = 0; i < n; i++) {
		t->values++;
		tsn_peaks_add(&t->peaks, (const uint8_t *)&i, sizeof(i), t->low ? -v[i] : v[i], v[i], now, START);
	}
}

static void
alerts_are_groups(struct tsn_tune *t)
{
	for (uint32_t i = 0; i < t->ncandidates; i++) {
		t->candidate[i].alerts = 0;
		for (size_t k = 0; k < t->peaks.n; k++) {
			double x = t->peaks.v[k].value, n = t->candidate[i].n;

			t->candidate[i].alerts += what.rel == TSN_REL_GT ? x > n : what.rel == TSN_REL_GE ? x >= n : what.rel == TSN_REL_LT ? x < n : x <= n;
		}
	}
}

Test(author_tune, statistics)
{
	static const enum tsn_rel rels[] = { TSN_REL_GT, TSN_REL_GE, TSN_REL_LT, TSN_REL_LE };
	double v[1000];

	for (int i = 0; i < 1000; i++)
		v[i] = (i * 617) % 1000 + 1; /* 1 to 1000, mixed */
	for (size_t r = 0; r < 4; r++) {
		struct tsn_tune t;
		uint64_t in_bins = 0;

		with_peaks(&t, rels[r], 100, NULL, v, 1000);
		alerts_are_groups(&t);
		cr_assert(tsn_tune_finish(&t, START, START + 10 * DAY, 1));
		cr_assert_eq(t.quantile[0], r < 2 ? 500 : 501);
		cr_assert_eq(t.quantile[1], r < 2 ? 900 : 101);
		cr_assert_eq(t.quantile[2], r < 2 ? 990 : 11);
		cr_assert_eq(t.quantile[3], r < 2 ? 999 : 2);
		cr_assert_eq(t.quantile[4], r < 2 ? 1000 : 1);
		for (uint32_t i = 0; i < t.nbins; i++) {
			uint64_t n = 0;

			in_bins += t.bin[i].groups;
			for (int k = 0; k < 1000; k++)
				n += v[k] >= t.bin[i].from && v[k] < t.bin[i].to;
			cr_assert_eq(t.bin[i].groups, n, "%g to %g", t.bin[i].from, t.bin[i].to);
		}
		cr_assert_eq(in_bins, 1000);
		for (uint32_t i = 0; i < t.ncandidates; i++)
			cr_assert_eq(tsn_tune_groups_beyond(&t, i), t.candidate[i].alerts);
		cr_assert_eq(t.allowed, 10);
		tsn_tune_fini(&t);
	}
}

static int64_t span = 10 * DAY;

static void
suggests(enum tsn_rel rel, double now, const char *list, const double *v, size_t n, double per_day, enum tsn_tune_reason reason, double number)
{
	struct tsn_tune t;
	struct tsn_buf text = TSN_BUF_INIT;

	with_peaks(&t, rel, now, list, v, n);
	alerts_are_groups(&t);
	cr_assert(tsn_tune_finish(&t, START, START + span, per_day));
	tsn_tune_say(&t, &text);
	cr_expect_eq(t.reason, reason, "%s", tsn_buf_str(&text));
	if (reason == TSN_TUNE_NOTHING || reason == TSN_TUNE_NO_DATA)
		cr_expect_eq(t.suggested, -1);
	else
		cr_expect(t.suggested >= 0 && t.candidate[t.suggested].n == number, "%s", tsn_buf_str(&text));
	tsn_buf_fini(&text);
	tsn_tune_fini(&t);
}

Test(author_tune, reasons)
{
	double many[203];

	for (int i = 0; i < 200; i++)
		many[i] = 1 + i % 20;
	many[200] = many[201] = many[202] = 400;
	suggests(TSN_REL_GT, 5, "10,30,50,90,200,600", many, 203, 1, TSN_TUNE_GAP, 90);
	/* the gap raises 3 in ten days: too many */
	suggests(TSN_REL_GT, 5, "10,30,50,90,200,600", many, 203, 0.1, TSN_TUNE_BUDGET, 600);
	suggests(TSN_REL_GT, 5, "2,7,12", many, 203, 1, TSN_TUNE_NOTHING, 0);
	suggests(TSN_REL_GT, 5, "10,15,19", many, 200, 1, TSN_TUNE_BUDGET, 19);
	suggests(TSN_REL_GT, 5, "21,25,30,40", many, 200, 1, TSN_TUNE_MARGIN, 30);
	suggests(TSN_REL_GT, 500, "100,1000", many + 198, 5, 1, TSN_TUNE_KEEP, 500);
	suggests(TSN_REL_GT, 5, "10", many, 0, 1, TSN_TUNE_NO_DATA, 0);
	for (int i = 0; i < 203; i++)
		many[i] = 1 / many[i];
	suggests(TSN_REL_LT, 0.2, "0.1,0.03,0.02,0.011,0.005,0.001", many, 203, 1, TSN_TUNE_GAP, 0.011);
	suggests(TSN_REL_LT, 0.2, "0.1,0.07,0.051", many, 200, 1, TSN_TUNE_BUDGET, 0.051);
	suggests(TSN_REL_LT, 0.2, "0.045,0.04,0.033,0.02", many, 200, 1, TSN_TUNE_MARGIN, 0.033);
	span = 100 * 1000; /* a hundred seconds are no reason to go from 500 to 1 */
	suggests(TSN_REL_GT, 500, "1,10", many, 200, 1, TSN_TUNE_KEEP, 500);
	span = 10 * DAY;
}

/* --- through the engine --- */

static const char rules[] =
	"set seen = dynamic expire 1h max 100\n"
	"let n = 50\n"
	"rule low { when count() by src over 60s > n then add src to seen }\n"
	"rule hit { when src in seen }\n";

static struct tsn_ruleset *
compile(const struct tsn_compile_input *also)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_rule_text one = { "rule", rules, sizeof(rules) - 1 };
	struct tsn_compile_input in = *also;
	struct tsn_ruleset *rs;

	in.texts = &one;
	in.ntexts = 1;
	rs = tsn_compile(sources, &in, diags);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return rs;
}

static void
count_hits(void *arg, const struct tsn_alert *al)
{
	*(int *)arg += strcmp(al->rule->name, "hit") == 0;
}

struct both {
	struct tsn_tune t;
	int hits;
};

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct both *b = arg;

	count_hits(&b->hits, al);
	if (b->t.rules != NULL)
		tsn_tune_on_alert(&b->t, al);
}

static void
on_probe(void *arg, const struct tsn_vm *vm, uint32_t probe, const struct tsn_mask *rows, const struct tsn_batch *batch)
{
	struct both *b = arg;

	if (b->t.rules != NULL)
		tsn_tune_on_probe(&b->t, vm, probe, rows, batch);
}

/* Twenty flows of one host, in twenty seconds. */
static void
run(struct tsn_ruleset *rs, struct both *b)
{
	struct tsn_engine_options o = { .on_probe = on_probe, .arg = b };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, b, TSN_SEV_INFO);

	cr_assert(tsn_engine_add_sink(e, sink) && tsn_engine_load(e, rs, NULL));
	for (int i = 0; i < 20; i++) {
		struct tsn_batch *batch = tsn_engine_room(e);
		uint32_t row = batch->n;
		int64_t at = START + i * 1000;

		tsn_batch_put_addr(batch, row, TSN_F_SRC, tsn_addr_v4(0x0a000001));
		tsn_batch_put_int(batch, row, TSN_F_START, at);
		tsn_batch_put_int(batch, row, TSN_F_END, at);
		batch->received[row] = batch->exported[row] = at;
		batch->source[row] = tsn_exporters_find(tsn_engine_exporters(e), tsn_addr_v4(0xc0000201u));
		batch->n++;
		tsn_engine_clock(e, at);
	}
	tsn_engine_finish(e);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}

/* What would have been raised was not: it must not fill sets. The same holds of `explain --what-if`. */
Test(author_tune, twins_tell_nobody)
{
	static struct both b;
	const char *text[TSN_TUNE_CANDIDATES];
	struct tsn_ruleset *what_is = compile(&(struct tsn_compile_input){ .tune = "low" }), *rs;

	cr_assert_null(what_is->tuning->none);
	cr_assert_str_eq(what_is->tuning->constant, "n");
	cr_assert(tsn_tune_init(&b.t, what_is->tuning, "5,10,30"));
	for (uint32_t i = 0; i < b.t.ncandidates; i++)
		text[i] = b.t.candidate[i].text;
	rs = compile(&(struct tsn_compile_input){ .tune = "low", .candidates = text, .ncandidates = b.t.ncandidates });
	tsn_tune_begin(&b.t, rs);
	run(rs, &b);
	cr_assert_eq(b.hits, 0);
	cr_assert(tsn_tune_finish(&b.t, START, START + 19000, 1));
	cr_assert_eq(b.t.candidate[0].alerts, 1);
	cr_assert_eq(b.t.candidate[1].alerts, 1);
	cr_assert_eq(b.t.candidate[2].alerts, 0);
	cr_assert_eq(b.t.values, 20);
	cr_assert_eq(b.t.ngroups, 1);
	cr_assert_eq(b.t.sorted[0], 20);
	tsn_tune_fini(&b.t);
	tsn_ruleset_free(what_is);
	b = (struct both){ 0 };
	run(compile(&(struct tsn_compile_input){ .why = "low", .what_if = "5" }), &b);
	cr_assert_eq(b.hits, 0);
}

Test(author_tune, memory)
{
	const char *text[] = { "5", "10", "30" };
	struct tsn_compile_input in = { .tune = "low", .candidates = text, .ncandidates = 3 };
	long n;

	tsn_mem_fail_at(1000000, false);
	tsn_ruleset_free(compile(&in));
	n = tsn_mem_count();
	for (long i = 20; i < n; i += 1 + n / 200) {
		tsn_mem_fail_at(i, true);
		tsn_ruleset_free(compile(&in));
		tsn_mem_fail_never();
	}
}
