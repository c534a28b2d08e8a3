/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin profile: what the rules cost over stored flows. Alerts are made and written, but to nowhere. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/inputs.h"
#include "cli/profile.h"
#include "daemon/stopwatch.h"

#define SHOWN 20 /* lines of each list, unless -n says otherwise */

struct profiling {
	struct tsn_inputs in;
	struct tsn_spent spent;
	uint64_t *before;              /* what was open when writing began */
	struct tsn_sink *sink[3];      /* writing begins, is done, ends */
};

static void
on_log(void *arg, enum tsn_log_level level, const char *line)
{
	struct profiling *p = arg;

	(void)level;
	tsn_progress_clear(&p->in.progress);
	tsn_cli_warn("%s", line);
}

static void
writing_begins(void *arg, const struct tsn_alert *al)
{
	struct profiling *p = arg;

	(void)al;
	p->before = tsn_spent_stage(&p->spent, TSN_STAGE_OUTPUT);
}

static void
writing_ends(void *arg, const struct tsn_alert *al)
{
	struct profiling *p = arg;

	(void)al;
	tsn_spent_back(&p->spent, p->before);
}

static bool
open_sinks(struct profiling *p, int nowhere, const struct tsn_log *log)
{
	p->sink[0] = tsn_sink_call_new(writing_begins, p, TSN_SEV_INFO);
	p->sink[1] = tsn_sink_fd_new(nowhere, "/dev/null", TSN_FORMAT_JSON, TSN_SEV_INFO, log);
	p->sink[2] = tsn_sink_call_new(writing_ends, p, TSN_SEV_INFO);
	for (int i = 0; i < 3; i++)
		if (p->sink[i] == NULL || !tsn_engine_add_sink(p->in.engine, p->sink[i]))
			return false;
	return true;
}

static int
tell(const struct tsn_cli *c, struct profiling *p)
{
	struct tsn_buf out = TSN_BUF_INIT;
	struct tsn_profile_view v;
	int status = TSN_EXIT_OK;

	if (!tsn_profile_view_init(&v, p->in.engine, &p->spent))
		status = tsn_cli_no_memory();
	else if (c->format != NULL && strcmp(c->format, "json") == 0)
		tsn_profile_json(&v, &out);
	else
		tsn_profile_text(&v, c->number > 0 ? (size_t)c->number : SHOWN, &out);
	if (out.failed)
		status = tsn_cli_no_memory();
	else
		fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	tsn_buf_fini(&out);
	tsn_profile_view_fini(&v);
	return status;
}

/* Takes the rules. */
static int
run(struct tsn_cli *c, struct tsn_ruleset *rs, int nowhere)
{
	struct profiling p = { .in = { .cli = c } };
	struct tsn_log log = { c->verbose ? TSN_LOG_INFO : TSN_LOG_WARN, on_log, &p };
	struct tsn_engine_options o = { .batch_rows = c->batch > 0 ? (uint32_t)c->batch : 0, .log = &log, .spent = &p.spent };
	int status;

	tsn_stopwatch_start();
	tsn_spent_start(&p.spent, tsn_stopwatch, tsn_stopwatch_cpu, TSN_STAGE_READ);
	p.in.engine = tsn_engine_new(&o);
	if (p.in.engine == NULL || !open_sinks(&p, nowhere, &log) || !tsn_engine_load(p.in.engine, rs, NULL)) {
		tsn_ruleset_free(rs);
		status = tsn_cli_no_memory();
	} else {
		tsn_spent_start(&p.spent, tsn_stopwatch, tsn_stopwatch_cpu, TSN_STAGE_READ); /* only now: loading rules is no flow's */
		status = tsn_inputs_read(&p.in);
		tsn_spent_open(&p.spent, NULL);
		tsn_engine_remove_sinks(p.in.engine);
		if (status != TSN_EXIT_USAGE) {
			int told = tell(c, &p);

			status = status == TSN_EXIT_OK ? told : status;
		}
	}
	if (p.in.engine != NULL)
		tsn_engine_remove_sinks(p.in.engine);
	for (int i = 0; i < 3; i++)
		tsn_sink_close(p.sink[i]);
	tsn_engine_free(p.in.engine);
	return status;
}

int
tsn_cmd_profile(struct tsn_cli *c)
{
	struct tsn_cli_compilation k;
	struct tsn_ruleset *rs = NULL;
	int status = TSN_EXIT_RULES, nowhere;

	if (c->format != NULL && strcmp(c->format, "text") != 0 && strcmp(c->format, "json") != 0)
		return tsn_cli_usage(c, "--format takes text or json");
	if (c->rules.n == 0 && c->exprs.n == 0)
		return tsn_cli_usage(c, "no rules: add -r RULES, or -e 'dst_port == 1434'");
	if (c->args.n == 0)
		return tsn_cli_usage(c, "no input: name files or directories, or - for stdin");
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (nowhere < 0) {
		tsn_cli_warn("cannot open /dev/null");
		return TSN_EXIT_INPUT;
	}
	if (!tsn_cli_compilation_init(&k, c))
		status = tsn_cli_no_memory();
	else if ((rs = tsn_cli_compile(&k)) != NULL)
		status = run(c, rs, nowhere);
	tsn_cli_compilation_fini(&k);
	close(nowhere);
	return status;
}
