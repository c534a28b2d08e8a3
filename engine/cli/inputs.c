/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/inputs.h"

#include <stdio.h>
#include <string.h>

#include "cli/follow.h"
#include "feed/feed.h"

#define NAMED 5 /* of exporters that may be many, so many are named */

/* What a feed has to say: damage always, omissions unless quiet, the rest with --verbose. */
static void
on_line(void *arg, enum tsn_log_level level, const char *line)
{
	struct tsn_inputs *in = arg;

	(void)level;
	tsn_progress_clear(&in->progress);
	tsn_cli_warn("%s", line);
}

static bool
is_stopped(void *arg)
{
	return tsn_follow_stopped(arg);
}

static void
on_step(void *arg, struct tsn_feed *f, const char *path)
{
	struct tsn_inputs *in = arg;
	uint64_t done, total;

	if (!tsn_progress_wanted(&in->progress))
		return;
	tsn_feed_progress(f, &done, &total);
	tsn_progress_show(&in->progress, path, done, total);
}

static void
on_closed(void *arg, struct tsn_feed *f)
{
	struct tsn_inputs *in = arg;

	(void)f;
	tsn_progress_clear(&in->progress);
}

static void
prepare(struct tsn_inputs *in, enum tsn_feed_as as)
{
	const struct tsn_cli *c = in->cli;

	in->log = (struct tsn_log){ c->verbose ? TSN_LOG_INFO : c->quiet ? TSN_LOG_ERROR : TSN_LOG_WARN, on_line, in };
	in->files = (struct tsn_files){ .engine = in->engine, .stopped = is_stopped, .stepped = on_step, .closed = on_closed, .arg = in,
		.opts = { .port = c->port > 0 ? (uint16_t)c->port : 0, .as = as, .map = c->map, .log = &in->log,
			.waiter = { tsn_follow_pipe, in } } };
}

int
tsn_inputs_read_one(struct tsn_inputs *in, const char *path, const struct tsn_waiter *waiter, bool named)
{
	in->files.opts.waiter = *waiter;
	return tsn_files_read_one(&in->files, path, named) ? TSN_EXIT_OK : TSN_EXIT_INPUT;
}

/* Standard input can be named once; of what is followed, only the last is waited for. */
static int
check_names(const struct tsn_cli *c)
{
	unsigned stdins = 0;

	if (c->args.n == 0)
		return tsn_cli_usage(c, "no input: name files or directories, or - for stdin");
	if (c->port > 65535)
		return tsn_cli_usage(c, "a port ends at 65535");
	for (size_t i = 0; i < c->args.n; i++)
		stdins += strcmp(c->args.v[i], "-") == 0;
	return stdins > 1 ? tsn_cli_usage(c, "- is named %u times, but standard input can be read once", stdins) : 0;
}

/* Per exporter: what it sent and what went wrong, for --verbose. */
static void
tell_exporters(struct tsn_engine *e)
{
	struct tsn_exporters *t = tsn_engine_exporters(e);
	struct tsn_buf line = TSN_BUF_INIT;

	for (uint32_t i = 0; i < tsn_exporters_count(t); i++) {
		tsn_buf_clear(&line);
		if (tsn_exporter_summary(t, i, &line))
			tsn_cli_warn("%s", tsn_buf_str(&line));
	}
	tsn_buf_fini(&line);
}

/* Whoever sees no flows must learn that there were some, which nobody can read without their templates. */
static void
tell_templates(struct tsn_engine *e)
{
	struct tsn_exporters *t = tsn_engine_exporters(e);
	static const char why[] = ": those are not in the input (exporters repeat them every few minutes: begin earlier, or "
	    "capture longer)";
	char text[TSN_ADDR_TEXT];
	unsigned more = 0, told = 0;

	for (uint32_t i = 0; i < tsn_exporters_count(t); i++) {
		const struct tsn_exporter *x = tsn_exporters_at(t, i);
		unsigned long long sets = x->counter[TSN_XC_NO_TEMPLATE];

		if (sets == 0)
			continue;
		if (told == NAMED)
			more++;
		else if (tsn_exporter_is_nobody(t, i))
			tsn_cli_warn("%llu set%s of records could not be read, for want of templates%s", sets, sets == 1 ? "" : "s",
			    told++ > 0 ? "" : why);
		else
			tsn_cli_warn("exporter %s: %llu set%s of records could not be read, for want of templates%s",
			    i == 0 ? "(others)" : tsn_addr_text(x->addr, text), sets, sets == 1 ? "" : "s", told++ > 0 ? "" : why);
	}
	if (more > 0)
		tsn_cli_warn("the same of %u more exporters; `tocsin exporters` lists them", more);
}

/* Damaged datagrams are counted per exporter; without --verbose one sentence for all. */
static void
tell_datagrams(struct tsn_inputs *in)
{
	struct tsn_engine_stats s;

	if (in->cli->verbose)
		tell_exporters(in->engine);
	if (!in->cli->quiet)
		tell_templates(in->engine);
	tsn_engine_stats(in->engine, &s);
	if (s.damaged > 0 && !in->cli->quiet)
		tsn_cli_warn("%llu of %llu datagrams were short, odd or lying; their whole records were read (--verbose tells which exporters)",
		    (unsigned long long)s.damaged, (unsigned long long)s.datagrams);
}

int
tsn_inputs_open_rows(struct tsn_inputs *in, struct tsn_ruleset *rs,
    void (*on_rows)(void *arg, struct tsn_batch *b, const struct tsn_mask *rows), void *arg)
{
	struct tsn_engine_options o = {
		.batch_rows = in->cli->batch > 0 ? (uint32_t)in->cli->batch : 0, .on_rows = on_rows, .arg = arg,
		.rows_read = in->reads,
	};

	in->engine = tsn_engine_new(&o);
	if (in->engine != NULL && rs != NULL && in->cli->where == NULL) { /* no rule is run, but exporters have their names */
		tsn_engine_configure(in->engine, &rs->site);
		tsn_ruleset_free(rs);
		rs = NULL;
	}
	if (in->engine != NULL && rs == NULL)
		tsn_engine_want(in->engine, in->cli->elements, in->cli->nelements);
	if (in->engine != NULL && (rs == NULL || tsn_engine_load(in->engine, rs, NULL)))
		return 0;
	tsn_ruleset_free(rs);
	tsn_engine_free(in->engine);
	in->engine = NULL;
	return tsn_cli_no_memory();
}

bool
tsn_inputs_as(const struct tsn_cli *c, enum tsn_feed_as *as)
{
	*as = TSN_AS_AUTO;
	if (c->as == NULL)
		return true;
	if (strcmp(c->as, "exports") == 0)
		*as = TSN_AS_EXPORTS;
	else if (strcmp(c->as, "packets") == 0 && c->port <= 0)
		*as = TSN_AS_PACKETS;
	return *as != TSN_AS_AUTO;
}

int
tsn_inputs_read(struct tsn_inputs *in)
{
	const struct tsn_cli *c = in->cli;
	char error[TSN_INPUT_ERROR];
	enum tsn_feed_as as;
	int status = check_names(c);

	if (status != 0)
		return status;
	if (!tsn_inputs_as(c, &as))
		return tsn_cli_usage(c, "--as takes exports or packets; with --port, exports");
	if (c->map != NULL && !tsn_feed_check_map(c->map, error))
		return tsn_cli_usage(c, "%s", error);
	prepare(in, as);
	if (c->follow)
		tsn_follow_signals();
	tsn_progress_init(&in->progress, c->terminal_err && !c->quiet);
	for (size_t i = 0; i < c->args.n && !tsn_follow_stopped(in); i++) {
		if (c->follow && i + 1 == c->args.n)
			tsn_follow(in, c->args.v[i]);
		else
			tsn_files_read(&in->files, c->args.v[i]);
	}
	if (in->files.failed)
		tsn_cli_no_memory();
	else if (in->goes_on)
		tsn_engine_flush(in->engine); /* alerts of the last batch are out before the state says that they are */
	else if (!in->stop)
		tsn_engine_finish(in->engine);
	if (in->files.skipped > TSN_FILES_NAMED && !c->verbose && !c->quiet)
		tsn_cli_warn("%u more files were passed over (--verbose names them)", in->files.skipped - TSN_FILES_NAMED);
	tell_datagrams(in);
	return in->files.unreadable > 0 || in->files.failed ? TSN_EXIT_INPUT : TSN_EXIT_OK;
}
