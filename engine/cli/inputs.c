/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/inputs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/follow.h"
#include "feed/feed.h"
#include "input/walk.h"

#define NAMED 5 /* of things that may be many, so many are named */

/* What a feed has to say: damage always, omissions unless quiet, the rest with --verbose. */
static void
on_line(void *arg, enum tsn_log_level level, const char *line)
{
	struct tsn_inputs *in = arg;

	(void)level;
	tsn_progress_clear(&in->progress);
	tsn_cli_warn("%s", line);
}

/* Nothing could be opened. */
static int
refuse(struct tsn_inputs *in, const char *error, bool skip)
{
	tsn_progress_clear(&in->progress);
	if (!skip)
		tsn_cli_warn("%s", error);
	else if (in->cli->verbose || (!in->cli->quiet && in->skipped < NAMED))
		tsn_cli_warn("%s; passed over", error);
	in->skipped += skip;
	in->unreadable += !skip;
	return TSN_EXIT_INPUT;
}

int
tsn_inputs_read_one(struct tsn_inputs *in, const char *path, const struct tsn_waiter *waiter, bool named)
{
	const struct tsn_cli *c = in->cli;
	struct tsn_log log = { c->verbose ? TSN_LOG_INFO : c->quiet ? TSN_LOG_ERROR : TSN_LOG_WARN, on_line, in };
	bool unknown = false;
	struct tsn_feed_opts opts = { .port = c->port > 0 ? (uint16_t)c->port : 0, .as = in->as, .map = c->map, .log = &log, .waiter = *waiter,
		.number = in->opened++, .unknown = &unknown };
	char error[TSN_INPUT_ERROR];
	struct tsn_feed *f = tsn_feed_open(path, &opts, in->engine, error);
	enum tsn_feed_step step = TSN_FEED_MORE;
	uint64_t done, total;

	if (f == NULL)
		return tsn_follow_stopped(in) ? TSN_EXIT_OK : refuse(in, error, unknown && !named);
	while (!tsn_follow_stopped(in) && step == TSN_FEED_MORE) {
		step = tsn_feed_step(f);
		if (tsn_progress_wanted(&in->progress)) {
			tsn_feed_progress(f, &done, &total);
			tsn_progress_show(&in->progress, path, done, total);
		}
	}
	tsn_progress_clear(&in->progress);
	in->unreadable += tsn_feed_report(f)->damaged;
	tsn_feed_close(f);
	if (step == TSN_FEED_NO_MEMORY) {
		in->stop = in->failed = true;
		return tsn_cli_no_memory();
	}
	return TSN_EXIT_OK;
}

static void
on_trouble(void *arg, const char *line)
{
	refuse(arg, line, false);
}

static void
read_directory(struct tsn_inputs *in, const char *path, const struct tsn_waiter *waiter)
{
	struct tsn_walk w = { .trouble = on_trouble, .arg = in };
	unsigned before = in->unreadable, read = 0;

	if (!tsn_walk_directory(&w, path)) {
		in->stop = in->failed = true;
		tsn_cli_no_memory();
	}
	if (in->cli->verbose)
		tsn_cli_warn("%s: %zu files; left aside: %zu names that begin with a dot, %zu that are no files", path, w.n, w.hidden,
		    w.other);
	for (size_t i = 0; i < w.n && !tsn_follow_stopped(in); i++)
		read += tsn_inputs_read_one(in, w.files[i].path, waiter, false) == TSN_EXIT_OK;
	if (read == 0 && in->unreadable == before && !in->failed) {
		tsn_cli_warn(w.n == 0 ? "%s: is a directory without files" : "%s: holds no input that can be read", path);
		in->unreadable++;
	}
	tsn_walk_fini(&w);
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
	if (in->engine != NULL && (rs == NULL ? tsn_engine_want(in->engine, in->cli->elements, in->cli->nelements)
					      : tsn_engine_load(in->engine, rs, NULL)))
		return 0;
	tsn_ruleset_free(rs);
	tsn_engine_free(in->engine);
	in->engine = NULL;
	return tsn_cli_no_memory();
}

/* False if --as says nothing that can be. */
static bool
read_as(const struct tsn_cli *c, enum tsn_feed_as *as)
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
	struct tsn_waiter waiter = { tsn_follow_pipe, in };
	int status = check_names(c);

	if (status != 0)
		return status;
	if (!read_as(c, &in->as))
		return tsn_cli_usage(c, "--as takes exports or packets; with --port, exports");
	if (c->map != NULL && !tsn_feed_check_map(c->map, error))
		return tsn_cli_usage(c, "%s", error);
	if (c->follow)
		tsn_follow_signals();
	tsn_progress_init(&in->progress, c->terminal_err && !c->quiet);
	for (size_t i = 0; i < c->args.n && !tsn_follow_stopped(in); i++) {
		const char *path = c->args.v[i];

		if (c->follow && i + 1 == c->args.n)
			tsn_follow(in, path);
		else if (strcmp(path, "-") != 0 && tsn_walk_is_directory(path))
			read_directory(in, path, &waiter);
		else
			tsn_inputs_read_one(in, path, &waiter, true);
	}
	if (!in->stop && !in->goes_on)
		tsn_engine_finish(in->engine);
	if (in->skipped > NAMED && !c->verbose && !c->quiet)
		tsn_cli_warn("%u more files were passed over (--verbose names them)", in->skipped - NAMED);
	tell_datagrams(in);
	return in->unreadable > 0 || in->failed ? TSN_EXIT_INPUT : TSN_EXIT_OK;
}
