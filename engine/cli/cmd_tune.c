/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin tune: what is N on my network? */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/tune.h"
#include "grammar/fmt.h"
#include "grammar/parse.h"

#define MARK "# tocsin tune" /* how a file begins that --write may replace */

struct tune {
	struct tsn_inputs in;
	struct tsn_cli_compilation asked, compiled; /* without and with candidates */
	struct tsn_ruleset *what;
	struct tsn_tune t;
	struct tsn_tune_view view;
	double per_day;
	bool json;
};

/* --- files --- */

static bool
write_file(const char *path, const struct tsn_buf *text)
{
	FILE *f = text->failed ? NULL : fopen(path, "w");
	bool ok = f != NULL && fwrite(tsn_buf_str(text), 1, text->len, f) == text->len;

	if (f != NULL)
		ok = fclose(f) == 0 && ok;
	if (!ok)
		tsn_cli_warn("%s: %s", path, text->failed ? "memory is out" : strerror(errno));
	return ok;
}

/* May --write put its file there? A person's own rules must not be lost. */
static bool
may_write(const char *path)
{
	char begin[sizeof(MARK)] = "";
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		return true;
	n = fread(begin, 1, sizeof(MARK) - 1, f);
	fclose(f);
	if (n == 0 || memcmp(begin, MARK, sizeof(MARK) - 1) == 0)
		return true;
	tsn_cli_warn("%s: is there and was not written by tune; name another file for --write", path);
	return false;
}

/* A comment is one line, whatever names are in it. */
static void
put_comment(struct tsn_buf *out, const char *text)
{
	size_t begin = out->len;

	tsn_buf_puts(out, text);
	for (size_t i = begin; i < out->len; i++)
		if ((unsigned char)out->p[i] < ' ' || out->p[i] == '\x7f')
			out->p[i] = '?';
}

static void
put_override(const struct tune *u, struct tsn_buf *out)
{
	const struct tsn_tune *t = &u->t;
	const struct tsn_cli *c = u->in.cli;
	char date[32] = "", from[TSN_TIME_TEXT], to[TSN_TIME_TEXT];
	time_t now = time(NULL);
	struct tm tm;
	struct tsn_buf why = TSN_BUF_INIT;

	if (gmtime_r(&now, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	tsn_buf_printf(out, MARK ", %s: %s of %s, from %llu flows, %s to %s, in", date,
	    t->what->constant != NULL ? t->what->constant : "the threshold", u->view.rule, (unsigned long long)u->view.flows,
	    tsn_time_text(u->view.first, from), tsn_time_text(u->view.last, to));
	for (size_t i = 1; i < c->args.n; i++) {
		tsn_buf_putc(out, ' ');
		put_comment(out, c->args.v[i]);
	}
	tsn_buf_puts(out, ".\n# ");
	tsn_tune_say(t, &why);
	put_comment(out, tsn_buf_str(&why));
	tsn_buf_printf(out, "\n%s%s%s", t->what->before, t->candidate[t->suggested].text, t->what->after);
	out->failed |= why.failed;
	tsn_buf_fini(&why);
}

/* In canonical layout, as `fmt` has it. False when memory is out. */
static bool
lay_out(struct tsn_buf *text)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf out = TSN_BUF_INIT;
	bool ok = sources != NULL && diags != NULL && !text->failed;

	ok = ok && tsn_parse_text(sources, "override", tsn_buf_str(text), text->len, diags) != NULL && tsn_fmt(sources, 0, &out) && !out.failed;
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	if (!ok) {
		tsn_buf_fini(&out);
		return false;
	}
	tsn_buf_fini(text);
	*text = out;
	return true;
}

/* What was written must be a part of the rules. */
static bool
compiles(const struct tune *u, const struct tsn_buf *text)
{
	const struct tsn_cli *c = u->in.cli;
	struct tsn_rule_text one = { c->write, tsn_buf_str(text), text->len };
	struct tsn_cli_compilation k;
	struct tsn_ruleset *rs = NULL;

	if (tsn_cli_compilation_init(&k, c)) {
		k.input.texts = &one;
		k.input.ntexts = 1;
		rs = tsn_check(k.sources, &k.input, k.diags);
		if (rs == NULL)
			tsn_cli_print_diags(c, k.diags, k.sources);
	}
	tsn_ruleset_free(rs);
	tsn_cli_compilation_fini(&k);
	if (rs == NULL)
		tsn_cli_warn("nothing was written to %s: the override does not go together with the rules", c->write);
	return rs != NULL;
}

static int
write_override(const struct tune *u)
{
	const struct tsn_cli *c = u->in.cli;
	struct tsn_buf text = TSN_BUF_INIT;
	int status = TSN_EXIT_OK;

	if (u->t.suggested < 0) {
		tsn_cli_warn("nothing was written to %s: there is no number to suggest", c->write);
		return TSN_EXIT_RULES;
	}
	put_override(u, &text);
	if (!lay_out(&text))
		status = tsn_cli_no_memory();
	else if (!compiles(u, &text))
		status = TSN_EXIT_RULES;
	else if (!write_file(c->write, &text))
		status = TSN_EXIT_INPUT;
	tsn_buf_fini(&text);
	return status;
}

/* --- running --- */

static int
say(struct tune *u)
{
	const struct tsn_cli *c = u->in.cli;
	struct tsn_buf out = TSN_BUF_INIT, page = TSN_BUF_INIT;
	int status = TSN_EXIT_OK;

	(u->json ? tsn_tune_json : tsn_tune_text)(&u->view, &out);
	if (out.failed)
		status = tsn_cli_no_memory();
	else
		fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	fflush(stdout);
	if (c->html != NULL) {
		tsn_tune_html(&u->view, &page);
		if (!write_file(c->html, &page))
			status = TSN_EXIT_INPUT;
	}
	if (status == TSN_EXIT_OK && c->write != NULL)
		status = write_override(u);
	tsn_buf_fini(&out);
	tsn_buf_fini(&page);
	return status;
}

static int
read_flows(struct tune *u)
{
	struct tsn_cli flows = *u->in.cli; /* the first argument is the rule */
	const struct tsn_cli *c = u->in.cli;
	struct tsn_engine_stats s;
	struct tsn_alert_counts n;
	int status, said;

	flows.args.v++;
	flows.args.n--;
	u->in.cli = &flows;
	status = tsn_inputs_read(&u->in);
	u->in.cli = c;
	if (status == TSN_EXIT_USAGE)
		return status;
	tsn_engine_stats(u->in.engine, &s);
	tsn_engine_totals(u->in.engine, &n);
	if (n.evicted + n.lost > 0 && !c->quiet)
		tsn_cli_warn("%llu alerts lost their place: the smallest of the numbers tried would have raised other alerts than are told",
		    (unsigned long long)(n.evicted + n.lost));
	u->view.flows = s.flows;
	u->view.first = s.first;
	u->view.last = s.last;
	if (!tsn_tune_finish(&u->t, s.first, s.last, u->per_day))
		return tsn_cli_no_memory();
	said = say(u);
	return said != TSN_EXIT_OK ? said : status;
}

/* Takes the rules. */
static int
run(struct tune *u, struct tsn_ruleset *rs)
{
	const struct tsn_cli *c = u->in.cli;
	struct tsn_engine_options o = { .batch_rows = c->batch > 0 ? (uint32_t)c->batch : 0, .on_probe = tsn_tune_on_probe, .arg = &u->t };
	struct tsn_sink *sink = tsn_sink_call_new(tsn_tune_on_alert, &u->t, TSN_SEV_INFO);
	int status;

	u->in.engine = tsn_engine_new(&o);
	tsn_tune_begin(&u->t, rs);
	u->view.rule = rs->program->rules[rs->probed].name;
	u->view.disabled = rs->program->rules[rs->probed].disabled;
	if (u->in.engine == NULL || sink == NULL || !tsn_engine_add_sink(u->in.engine, sink) ||
	    !tsn_engine_load(u->in.engine, rs, NULL)) {
		tsn_ruleset_free(rs);
		status = tsn_cli_no_memory();
	} else {
		status = read_flows(u);
	}
	if (u->in.engine != NULL)
		tsn_engine_remove_sinks(u->in.engine);
	tsn_sink_close(sink);
	tsn_engine_free(u->in.engine);
	return status;
}

/* --- setting up --- */

static int
ask(struct tune *u)
{
	const struct tsn_cli *c = u->in.cli;
	struct tsn_cli_compilation *k = &u->asked;

	if (!tsn_cli_compilation_init(k, c))
		return tsn_cli_no_memory();
	k->input.tune = c->args.v[0];
	u->what = tsn_check(k->sources, &k->input, k->diags);
	if (u->what == NULL || u->what->tuning == NULL) {
		tsn_cli_print_diags(c, k->diags, k->sources);
		return TSN_EXIT_RULES;
	}
	if (u->what->tuning->none == NULL)
		return 0;
	tsn_cli_warn("%s", u->what->tuning->none);
	return TSN_EXIT_RULES;
}

static int
run_candidates(struct tune *u)
{
	const struct tsn_cli *c = u->in.cli;
	const char *text[TSN_TUNE_CANDIDATES];
	struct tsn_cli_compilation *k = &u->compiled;
	struct tsn_ruleset *rs;

	if (!tsn_tune_init(&u->t, u->what->tuning, c->at))
		return tsn_cli_usage(c, "--at takes numbers as rules write them, up to %d: --at %s, not \"%s\"", TSN_TUNE_CANDIDATES - 1,
		    u->what->tuning->type == TSN_T_DURATION ? "30s,1m,5m" : "50,100,1k", c->at);
	if (u->what->tuning->before == NULL)
		tsn_cli_warn("no override can change this threshold, so no other numbers are tried");
	for (uint32_t i = 0; i < u->t.ncandidates; i++)
		text[i] = u->t.candidate[i].text;
	if (!tsn_cli_compilation_init(k, c))
		return tsn_cli_no_memory();
	k->input.tune = c->args.v[0];
	k->input.candidates = text;
	k->input.ncandidates = u->t.ncandidates;
	rs = tsn_cli_compile(k);
	return rs == NULL ? TSN_EXIT_RULES : run(u, rs);
}

static int
parse_options(struct tune *u)
{
	const struct tsn_cli *c = u->in.cli;
	char *end;

	if (c->rules.n == 0)
		return tsn_cli_usage(c, "no rules: add -r RULES");
	if (c->args.n < 2)
		return tsn_cli_usage(c, "name the rule, then the flows: tune -r RULES NAME INPUT...");
	u->json = c->format != NULL && strcmp(c->format, "json") == 0;
	if (c->format != NULL && !u->json && strcmp(c->format, "text") != 0)
		return tsn_cli_usage(c, "--format is text or json, not \"%s\"", c->format);
	u->per_day = 1;
	if (c->per_day != NULL) {
		u->per_day = strtod(c->per_day, &end);
		if (end == c->per_day || *end != '\0' || !isfinite(u->per_day) || u->per_day < 0)
			return tsn_cli_usage(c, "--alerts-per-day takes a number, not \"%s\"", c->per_day);
	}
	u->view = (struct tsn_tune_view){ .cli = c, .tune = &u->t, .groups = c->number >= 0 ? (size_t)c->number : 10 };
	return c->write != NULL && !may_write(c->write) ? TSN_EXIT_USAGE : 0;
}

int
tsn_cmd_tune(struct tsn_cli *c)
{
	struct tune *u = tsn_calloc(1, sizeof(*u));
	int status;

	if (u == NULL)
		return tsn_cli_no_memory();
	u->in.cli = c;
	status = parse_options(u);
	if (status == 0)
		status = ask(u);
	if (status == 0)
		status = run_candidates(u);
	tsn_tune_fini(&u->t);
	tsn_ruleset_free(u->what);
	tsn_cli_compilation_fini(&u->asked);
	tsn_cli_compilation_fini(&u->compiled);
	tsn_free(u);
	return status;
}
