/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/ruletest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

struct watch {
	const struct tsn_rule_test *test;
	const struct tsn_program *program;
	struct tsn_test_outcome *out;
	bool wrong; /* an alert was not as expected; [out->why] says how */
	const struct tsn_ruleset *alone;
	tsn_probe_seen *seen;
	void *arg;
};

static void
fail(struct watch *w, const char *fmt, ...)
{
	va_list ap;

	if (w->wrong)
		return;
	w->wrong = true;
	va_start(ap, fmt);
	vsnprintf(w->out->why, sizeof(w->out->why), fmt, ap);
	va_end(ap);
}

static void
check_field(struct watch *w, const struct tsn_alert *al, const struct tsn_test_assign *want)
{
	struct tsn_buf got_text = TSN_BUF_INIT, want_text = TSN_BUF_INIT;
	char name[TSN_WANTED_TEXT];
	struct tsn_value got;

	if (tsn_alert_field(al, want->field, &got) && tsn_test_expects(want, &got))
		return;
	if (!tsn_alert_field(al, want->field, &got))
		tsn_buf_puts(&got_text, "absent");
	else
		tsn_value_text(&got, &got_text);
	tsn_value_text(&want->first, &want_text);
	fail(w, "alert %llu has %s = %s, expected %s", (unsigned long long)w->out->openings,
	    tsn_wanted_name(w->program->wanted, w->program->nwanted, want->field, name), tsn_buf_str(&got_text), tsn_buf_str(&want_text));
	tsn_buf_fini(&got_text);
	tsn_buf_fini(&want_text);
}

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct watch *w = arg;
	uint32_t i;

	if (al->state == TSN_ALERT_CLOSE || al->state == TSN_ALERT_UPDATE || strcmp(al->rule->name, w->test->rule) != 0)
		return;
	/* rules that the tested one names come after it, and nobody asked about their alerts */
	if (strcmp(al->rule->name, w->program->rules[0].name) != 0)
		return;
	w->out->openings++;
	if (w->test->quiet)
		return;
	if (w->test->level >= 0 && (int)al->severity != w->test->level)
		fail(w, "alert %llu is %s, expected %s", (unsigned long long)w->out->openings,
		    tsn_severity_name(al->severity), tsn_severity_name((enum tsn_severity)w->test->level));
	for (i = 0; i < w->test->nexpects; i++)
		check_field(w, al, &w->test->expect[i]);
}

static void
on_probe(void *arg, const struct tsn_vm *vm, uint32_t probe, const struct tsn_mask *rows, const struct tsn_batch *b)
{
	struct watch *w = arg;

	(void)vm;
	(void)b;
	if (tsn_mask_any(rows))
		w->seen(w->arg, &w->alone->probes[probe], true);
}

static bool
push_flows(struct tsn_engine *e, const struct tsn_rule_test *test, struct tsn_test_outcome *out)
{
	struct tsn_test_cursor cursor;
	struct tsn_test_flow flow;
	struct tsn_batch *b;
	int64_t last = TSN_TEST_START;

	tsn_test_begin(&cursor, test);
	while (tsn_test_next(&cursor, &flow)) {
		tsn_engine_clock(e, flow.end_ms);
		if (flow.end_ms > last)
			last = flow.end_ms;
		if (flow.wait)
			continue;
		b = tsn_engine_room(e);
		if (b == NULL)
			return false;
		tsn_test_put(&flow, b, b->n);
		b->source[b->n] = tsn_exporters_find(tsn_engine_exporters(e), tsn_batch_addr(b, b->n, TSN_F_EXPORTER));
		b->n++;
		out->flows++;
	}
	tsn_engine_flush(e);
	if (tsn_engine_pair(e) != NULL) { /* the last conversation is awaited, too */
		last += tsn_engine_ruleset(e)->site.pair_ms + TSN_SECOND;
		tsn_engine_clock(e, last);
	}
	tsn_engine_clock(e, last + test->tail_ms);
	tsn_engine_flush(e);
	return true;
}

static void
judge(struct watch *w)
{
	const struct tsn_rule_test *t = w->test;
	unsigned long long n = w->out->openings;

	if (t->quiet && n > 0)
		fail(w, "fired %llu time%s, expected it to stay quiet", n, n == 1 ? "" : "s");
	else if (!t->quiet && n == 0)
		fail(w, "did not fire");
	else if (!t->quiet && t->count >= 0 && n != (unsigned long long)t->count)
		fail(w, "fired %llu time%s, expected %lld", n, n == 1 ? "" : "s", (long long)t->count);
}

static enum tsn_test_result
run_compiled(struct tsn_ruleset *rs, uint32_t batch_rows, tsn_probe_seen *seen, void *arg,
    struct tsn_test_outcome *out)
{
	struct watch w = { .test = &rs->tests[0], .program = rs->program, .out = out, .alone = rs, .seen = seen, .arg = arg };
	struct tsn_engine_options o = { .batch_rows = batch_rows, .on_probe = seen == NULL ? NULL : on_probe, .arg = &w };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, &w, TSN_SEV_INFO);
	bool loaded = false, ok = false;

	for (uint32_t i = 0; seen != NULL && i < rs->nprobes; i++)
		seen(arg, &rs->probes[i], false);
	if (e != NULL && sink != NULL && tsn_engine_add_sink(e, sink)) {
		struct tsn_exporters *x = tsn_engine_exporters(e);

		tsn_exporters_at(x, tsn_exporters_find(x, tsn_addr_v4(TSN_TEST_EXPORTER)))->presence.certain = true;
		loaded = tsn_engine_load(e, rs, NULL);
		if (loaded && w.test->learned)
			tsn_engine_learned(e);
		ok = loaded && push_flows(e, w.test, out);
	}
	if (ok)
		judge(&w);
	else
		snprintf(out->why, sizeof(out->why), "memory is out");
	if (e != NULL)
		tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
	if (!loaded)
		tsn_ruleset_free(rs);
	return !ok ? TSN_TEST_BROKEN : w.wrong ? TSN_TEST_FAILED : TSN_TEST_PASSED;
}

static enum tsn_test_result
does_not_compile(struct tsn_test_outcome *out)
{
	snprintf(out->why, sizeof(out->why), "does not compile as the test sees it");
	return TSN_TEST_BROKEN;
}

enum tsn_test_result
tsn_ruletest_run(const struct tsn_ruleset *rs, uint32_t index, uint32_t batch_rows, struct tsn_diags *diags,
    struct tsn_test_outcome *out)
{
	struct tsn_ruleset *alone;

	memset(out, 0, sizeof(*out));
	alone = tsn_compile_test(rs, index, diags);
	return alone == NULL ? does_not_compile(out) : run_compiled(alone, batch_rows, NULL, NULL, out);
}

enum tsn_test_result
tsn_ruletest_cover(const struct tsn_ruleset *rs, uint32_t index, uint32_t batch_rows, struct tsn_diags *diags,
    tsn_probe_seen *seen, void *arg, struct tsn_test_outcome *out)
{
	struct tsn_ruleset *alone;

	memset(out, 0, sizeof(*out));
	alone = tsn_compile_test_covered(rs, index, diags);
	return alone == NULL ? does_not_compile(out) : run_compiled(alone, batch_rows, seen, arg, out);
}
