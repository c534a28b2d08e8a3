/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin run: rules over stored flows, alerts to stdout. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/inputs.h"
#include "cli/progress.h"
#include "core/learning.h"
#include "daemon/snapshot.h"
#include "daemon/stopwatch.h"
#include "vm/vm.h"

static int
parse_format(const struct tsn_cli *c, enum tsn_alert_format *out)
{
	bool text = c->format != NULL ? strcmp(c->format, "text") == 0 : isatty(STDOUT_FILENO);

	if (c->format != NULL && !text && strcmp(c->format, "json") != 0)
		return tsn_cli_usage(c, "--format is json or text, not \"%s\"", c->format);
	*out = !text ? TSN_FORMAT_JSON : c->color_out ? TSN_FORMAT_TEXT_COLOR : TSN_FORMAT_TEXT;
	return 0;
}

/* Opened before the work begins: an hour of reading must not end in "no such directory". False after a message. */
static bool
open_summary(const struct tsn_cli *c, FILE **out)
{
	*out = c->summary == NULL ? NULL : strcmp(c->summary, "-") == 0 ? stdout : fopen(c->summary, "w");
	if (c->summary == NULL || *out != NULL)
		return true;
	tsn_cli_warn("%s: %s", c->summary, strerror(errno));
	return false;
}

static int
write_summary(const struct tsn_cli *c, struct tsn_engine *e, double seconds, FILE *f)
{
	const struct tsn_program *p = tsn_engine_ruleset(e)->program;
	struct tsn_buf out = TSN_BUF_INIT;
	struct tsn_engine_stats s;
	uint32_t i;
	bool ok;

	tsn_engine_stats(e, &s);
	tsn_buf_printf(&out, "{\"flows\":%llu,\"seconds\":%.6f,\"rules\":{", (unsigned long long)s.flows, seconds);
	for (i = 0; i < p->nrules; i++) {
		struct tsn_alert_counts n;
		struct tsn_kept_out kept;

		tsn_engine_counts(e, i, &n);
		tsn_buf_puts(&out, i > 0 ? ",\"" : "\"");
		tsn_buf_json(&out, p->rules[i].name, strlen(p->rules[i].name));
		tsn_buf_printf(&out, "\":{\"matches\":%llu,\"alerts\":%llu", (unsigned long long)n.matches,
		    (unsigned long long)n.alerts);
		tsn_engine_kept_out(e, i, &kept);
		if (kept.hidden > 0)
			tsn_buf_printf(&out, ",\"hidden\":%llu", (unsigned long long)kept.hidden);
		if (kept.outside > 0)
			tsn_buf_printf(&out, ",\"outside\":%llu", (unsigned long long)kept.outside);
		tsn_buf_putc(&out, '}');
	}
	tsn_buf_puts(&out, "}}\n");
	ok = !out.failed && fwrite(tsn_buf_str(&out), 1, out.len, f) == out.len;
	if (f != stdout)
		ok = fclose(f) == 0 && ok;
	if (!ok)
		tsn_cli_warn("%s: %s", c->summary, strerror(errno));
	tsn_buf_fini(&out);
	return ok ? TSN_EXIT_OK : TSN_EXIT_INPUT;
}

/* The last word on a terminal: how much was seen and what it raised. */
static void
say_totals(const struct tsn_cli *c, struct tsn_engine *e, double seconds)
{
	struct tsn_alert_counts n;
	struct tsn_engine_stats s;
	char from[TSN_TIME_TEXT], to[TSN_TIME_TEXT];

	if (c->quiet || (!c->terminal_err && !c->verbose))
		return;
	tsn_engine_stats(e, &s);
	tsn_engine_totals(e, &n);
	fprintf(stderr, "%llu flows in %.1f s", (unsigned long long)s.flows, seconds);
	if (s.first != TSN_TIME_NONE)
		fprintf(stderr, " (%s to %s)", tsn_time_text(s.first, from), tsn_time_text(s.last, to));
	fprintf(stderr, ": %llu alerts, %llu matching flows\n", (unsigned long long)n.alerts, (unsigned long long)n.matches);
}

/* What the engine had to give up, said once. */
static void
say_losses(struct tsn_engine *e)
{
	struct tsn_family_stats f;
	struct tsn_alert_counts n;
	struct tsn_engine_stats s;
	uint32_t i;

	tsn_engine_stats(e, &s);
	tsn_engine_totals(e, &n);
	if (s.dedup_forgotten > 0)
		tsn_cli_warn("dedup forgot %llu flows before their time: some may have counted twice",
		    (unsigned long long)s.dedup_forgotten);
	if (s.lost_to_memory > 0)
		tsn_cli_warn("memory ran out %llu times: some flows were not counted", (unsigned long long)s.lost_to_memory);
	if (n.evicted + n.lost > 0)
		tsn_cli_warn("%llu alerts lost their place to newer ones, %llu were lost", (unsigned long long)n.evicted,
		    (unsigned long long)n.lost);
	for (i = 0; i < tsn_engine_ruleset(e)->program->nfamilies; i++) {
		tsn_engine_family(e, i, &f);
		if (f.evicted > 0)
			tsn_cli_warn("%llu groups lost their place (max_keys) in: %s", (unsigned long long)f.evicted,
			    tsn_engine_ruleset(e)->program->families[i].canon);
	}
}

/* Rules that could not fire because they have not learned enough: nobody should take their silence for peace. */
static void
say_learning(const struct tsn_engine *e)
{
	struct tsn_buf line = TSN_BUF_INIT;

	for (uint32_t i = 0; i < tsn_engine_ruleset(e)->program->nrules; i++) {
		tsn_buf_clear(&line);
		if (tsn_rule_learning_text(e, i, &line))
			tsn_cli_warn("%s", tsn_buf_str(&line));
	}
	tsn_buf_fini(&line);
}

/* For --verbose: what each family of groups came to. */
static void
say_state(struct tsn_engine *e)
{
	struct tsn_family_stats f;
	uint32_t i;

	for (i = 0; i < tsn_engine_ruleset(e)->program->nfamilies; i++) {
		tsn_engine_family(e, i, &f);
		tsn_cli_warn("%llu groups, %.0f bytes each, %llu late flows: %s", (unsigned long long)f.groups,
		    f.groups > 0 ? (double)f.bytes / (double)f.groups : 0.0, (unsigned long long)f.late,
		    tsn_engine_ruleset(e)->program->families[i].canon);
	}
}

/* Nobody reads the alerts any more (`| head`): that is no failure, but the end of the work. */
static void
on_log(void *arg, enum tsn_log_level level, const char *line)
{
	struct tsn_inputs *in = arg;

	if (level == TSN_LOG_ERROR && tsn_cli_reader_gone())
		in->stop = true;
	else
		tsn_cli_warn("%s", line);
}

/* The first of two sinks: takes the progress line away before the other writes to the same terminal. */
static void
make_room(void *arg, const struct tsn_alert *al)
{
	struct tsn_inputs *in = arg;

	(void)al;
	tsn_progress_clear(&in->progress);
}

static int
read_inputs(struct tsn_inputs *in, struct tsn_sink *sink, FILE *summary)
{
	const struct tsn_cli *c = in->cli;
	int64_t began = tsn_progress_clock();
	double seconds;
	int status = tsn_inputs_read(in);

	seconds = (double)(tsn_progress_clock() - began) / 1000;
	if (status == TSN_EXIT_USAGE)
		return status;
	tsn_engine_remove_sinks(in->engine);
	tsn_sink_flush(sink);
	if (sink->failing && !tsn_cli_reader_gone())
		status = TSN_EXIT_INPUT;
	say_losses(in->engine);
	if (!c->quiet)
		say_learning(in->engine);
	if (c->verbose)
		say_state(in->engine);
	say_totals(c, in->engine, seconds);
	if (summary != NULL && write_summary(c, in->engine, seconds, summary) != TSN_EXIT_OK)
		status = TSN_EXIT_INPUT;
	return status;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* NULL without --state. False after a message: going on from nothing must not be mistaken for going on. */
static bool
open_state(const struct tsn_cli *c, struct tsn_engine *e, const struct tsn_log *log, struct tsn_snapshots **out)
{
	char error[TSN_STORE_ERROR];

	*out = NULL;
	if (c->state == NULL)
		return true;
	*out = tsn_snapshots_open(c->state, log, error);
	if (*out == NULL)
		tsn_cli_warn("%s", error);
	else
		tsn_snapshots_restore(*out, e, now_ms());
	return *out != NULL;
}

/* Takes the rules. */
static int
run(struct tsn_cli *c, struct tsn_ruleset *rs, enum tsn_alert_format format, FILE *summary)
{
	struct tsn_inputs in = { .cli = c, .goes_on = c->state != NULL };
	struct tsn_snapshots *state = NULL;
	struct tsn_log log = { c->verbose ? TSN_LOG_INFO : TSN_LOG_WARN, on_log, &in };
	struct tsn_engine_options o = { .batch_rows = c->batch > 0 ? (uint32_t)c->batch : 0,
		.threads = tsn_cli_threads(c), .log = &log, .cpu = tsn_stopwatch_cpu };
	struct tsn_sink *clear = tsn_sink_call_new(make_room, &in, TSN_SEV_INFO);
	struct tsn_sink *sink = tsn_sink_fd_new(STDOUT_FILENO, "stdout", format, TSN_SEV_INFO, &log);
	int status;

	in.engine = tsn_engine_new(&o);
	if (in.engine == NULL || clear == NULL || sink == NULL || !tsn_engine_add_sink(in.engine, clear) ||
	    !tsn_engine_add_sink(in.engine, sink) || !tsn_engine_load(in.engine, rs, NULL)) {
		tsn_ruleset_free(rs);
		status = tsn_cli_no_memory();
	} else if (!open_state(c, in.engine, &log, &state)) {
		status = TSN_EXIT_INPUT;
	} else {
		status = read_inputs(&in, sink, summary);
		if (state != NULL && status != TSN_EXIT_USAGE && !tsn_snapshots_write(state, in.engine, now_ms()))
			status = TSN_EXIT_INPUT;
	}
	tsn_snapshots_close(state);
	if (in.engine != NULL)
		tsn_engine_remove_sinks(in.engine);
	tsn_sink_close(clear);
	tsn_sink_close(sink);
	tsn_engine_free(in.engine);
	return status;
}

int
tsn_cmd_run(struct tsn_cli *c)
{
	struct tsn_cli_compilation k;
	enum tsn_alert_format format = TSN_FORMAT_JSON;
	struct tsn_ruleset *rs;
	FILE *summary;
	int status = parse_format(c, &format);

	if (status != 0)
		return status;
	if (c->rules.n == 0 && c->exprs.n == 0 && c->rulesets == NULL)
		return tsn_cli_usage(c, "no rules: add -r RULES, or -e 'dst_port == 1434'");
	if (c->args.n == 0)
		return tsn_cli_usage(c, "no input: name files or directories, or - for stdin");
	if (!tsn_cli_compilation_init(&k, c)) {
		tsn_cli_compilation_fini(&k);
		return tsn_cli_no_memory();
	}
	rs = tsn_cli_compile(&k);
	tsn_cli_compilation_fini(&k); /* texts and trees are of no more use */
	if (rs == NULL)
		return TSN_EXIT_RULES;
	if (!open_summary(c, &summary)) {
		tsn_ruleset_free(rs);
		return TSN_EXIT_INPUT;
	}
	return run(c, rs, format, summary);
}
