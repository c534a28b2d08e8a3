/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* tocsin diff: what a change of rules changes in the alerts of stored flows. Both rulesets run at once, a thread each. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "author/changes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/inputs.h"
#include "cli/terminal.h"

#define LISTED 20000u /* alerts of one rule that are compared */
#define SHOWN 50      /* in the table, unless --limit says otherwise */
#define TOLD 4096u    /* lines of the log that are known, so that both runs do not tell the same */

struct diff;

struct half {
	struct diff *d;
	struct tsn_cli_compilation compilation;
	const char **paths, **search;
	struct tsn_ruleset *rules;
	struct tsn_backtest_options options;
	struct tsn_log log;
	struct tsn_backtest result;
	uint64_t done, total;
	bool begun, ok;
};

struct diff {
	const struct tsn_cli *cli;
	struct half half[2]; /* before, after */
	pthread_mutex_t lock; /* of what follows, and of stderr */
	struct tsn_progress progress;
	uint64_t told[TOLD];
	size_t ntold;
	struct tsn_changes changes;
	bool json;
};

/* --- both runs --- */

static void
on_line(void *arg, enum tsn_log_level level, const char *line)
{
	struct diff *d = arg;
	uint64_t hash = tsn_hash_bytes(line, strlen(line), 0);
	bool known = false;

	(void)level;
	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < d->ntold && !known; i++)
		known = d->told[i] == hash;
	if (!known) {
		if (d->ntold < TOLD)
			d->told[d->ntold++] = hash;
		tsn_progress_clear(&d->progress);
		tsn_cli_warn("%s", line);
	}
	pthread_mutex_unlock(&d->lock);
}

static bool
on_progress(void *arg, uint64_t flows, uint64_t done, uint64_t total)
{
	struct half *h = arg;
	struct diff *d = h->d;

	(void)flows;
	pthread_mutex_lock(&d->lock);
	h->done = done;
	h->total = total;
	if (tsn_progress_wanted(&d->progress))
		tsn_progress_show(&d->progress, "both runs", d->half[0].done + d->half[1].done, 2 * total);
	pthread_mutex_unlock(&d->lock);
	return true;
}

static void *
run_half(void *arg)
{
	struct half *h = arg;

	h->ok = tsn_backtest_run(h->rules, &h->options, &h->result);
	h->rules = NULL;
	return NULL;
}

/* False when memory is out. */
static bool
run_both(struct diff *d)
{
	pthread_t other;
	bool threaded;

	tsn_progress_init(&d->progress, d->cli->terminal_err && !d->cli->quiet);
	d->half[0].begun = d->half[1].begun = true;
	threaded = pthread_create(&other, NULL, run_half, &d->half[0]) == 0;
	if (!threaded)
		run_half(&d->half[0]);
	run_half(&d->half[1]);
	if (threaded)
		pthread_join(other, NULL);
	tsn_progress_clear(&d->progress);
	return d->half[0].ok && d->half[1].ok;
}

/* --- setting up --- */

/* OLD or NEW and what -r names; `use` finds rulesets in OLD or NEW first. 0, or an exit status. */
static int
compile_half(struct diff *d, struct half *h, const char *path)
{
	const struct tsn_cli *c = d->cli;
	struct tsn_cli_compilation *k = &h->compilation;

	if (!tsn_cli_compilation_init(k, c))
		return tsn_cli_no_memory();
	h->paths = tsn_calloc(c->rules.n + 1, sizeof(*h->paths));
	h->search = tsn_calloc(k->input.nsearch + 1, sizeof(*h->search));
	if (h->paths == NULL || h->search == NULL)
		return tsn_cli_no_memory();
	h->paths[0] = h->search[0] = path;
	for (size_t i = 0; i < c->rules.n; i++)
		h->paths[i + 1] = c->rules.v[i];
	for (size_t i = 0; i < k->input.nsearch; i++)
		h->search[i + 1] = k->input.search[i];
	k->input.paths = h->paths;
	k->input.npaths = c->rules.n + 1;
	k->input.search = h->search;
	k->input.nsearch++;
	h->rules = tsn_cli_compile(k);
	return h->rules == NULL ? TSN_EXIT_RULES : 0;
}

/* Both runs read the inputs: what can be read only once is no input. */
static int
check_inputs(const struct tsn_cli *c)
{
	char error[TSN_INPUT_ERROR];
	struct stat st;

	if (c->args.n < 3)
		return tsn_cli_usage(c, "name the rules before, the rules after, and the flows: diff OLD NEW INPUT...");
	for (size_t i = 2; i < c->args.n; i++)
		if (strcmp(c->args.v[i], "-") == 0 || (stat(c->args.v[i], &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
			return tsn_cli_usage(c, "%s can be read only once, and both rulesets run over the flows: name a file",
			    c->args.v[i]);
	if (c->port > 65535)
		return tsn_cli_usage(c, "a port ends at 65535");
	if (c->map != NULL && !tsn_feed_check_map(c->map, error))
		return tsn_cli_usage(c, "%s", error);
	return 0;
}

static int
parse_options(struct diff *d)
{
	const struct tsn_cli *c = d->cli;
	enum tsn_feed_as as;
	int status = check_inputs(c);

	if (status != 0)
		return status;
	d->json = c->format != NULL && strcmp(c->format, "json") == 0;
	if (c->format != NULL && !d->json && strcmp(c->format, "table") != 0)
		return tsn_cli_usage(c, "--format is table or json, not \"%s\"", c->format);
	if (!tsn_inputs_as(c, &as))
		return tsn_cli_usage(c, "--as takes exports or packets; with --port, exports");
	for (int i = 0; i < 2; i++) {
		struct half *h = &d->half[i];

		h->d = d;
		h->log = (struct tsn_log){ c->verbose ? TSN_LOG_INFO : c->quiet ? TSN_LOG_ERROR : TSN_LOG_WARN, on_line, d };
		h->options = (struct tsn_backtest_options){ .inputs = c->args.v + 2, .ninputs = c->args.n - 2, .max_alerts = LISTED,
			.batch_rows = c->batch > 0 ? (uint32_t)c->batch : 0, .progress = on_progress, .arg = h,
			.feed = { .port = c->port > 0 ? (uint16_t)c->port : 0, .as = as, .map = c->map, .log = &h->log } };
	}
	return 0;
}

/* --- as a table --- */

static const char *
name_of(const struct tsn_change_rule *r)
{
	return r->after != NULL ? r->after->name : r->before->name;
}

static void
say_rules(const struct tsn_changes *c, struct tsn_buf *out)
{
	uint32_t same = 0;

	for (uint32_t i = 0; i < c->nrules; i++) {
		const struct tsn_change_rule *r = &c->rule[i];
		const struct tsn_backtest_rule *at = r->after != NULL ? r->after : r->before;

		if (r->before != NULL && r->after != NULL && !r->changed)
			same++;
		else
			tsn_buf_printf(out, "%s %s (%s:%u)%s\n", r->before == NULL ? "added  " : r->after == NULL ? "removed" : "changed",
			    at->name, at->file, at->line, r->after != NULL && r->after->disabled ? ", disabled" : "");
	}
	tsn_buf_printf(out, "%u rule%s as before\n", same, same == 1 ? "" : "s");
}

static void
say_counts(const struct tsn_changes *c, struct tsn_buf *out)
{
	bool any = false;

	for (uint32_t i = 0; i < c->nrules; i++) {
		const struct tsn_change_rule *r = &c->rule[i];
		uint64_t before = r->before != NULL ? r->before->alerts : 0, after = r->after != NULL ? r->after->alerts : 0;

		if (r->gained + r->lost + r->changed_alerts == 0 && before == after)
			continue;
		if (!any)
			tsn_buf_puts(out, "\n    before     after    gained      lost   changed  rule\n");
		any = true;
		tsn_buf_printf(out, "%10" PRIu64 "%10" PRIu64 "%10" PRIu64 "%10" PRIu64 "%10" PRIu64 "  %s%s\n", before, after, r->gained,
		    r->lost, r->changed_alerts, name_of(r), r->compared_until != TSN_TIME_NONE ? " (see below)" : "");
	}
	tsn_buf_printf(out, "%s%" PRIu64 " alert%s gained, %" PRIu64 " lost, %" PRIu64 " changed, %" PRIu64 " as before\n", any ? "" : "\n",
	    c->gained, c->gained == 1 ? "" : "s", c->lost, c->changed, c->same);
}

static void
say_difference(const struct tsn_change *x, struct tsn_buf *out)
{
	const struct tsn_backtest_alert *a = x->before, *b = x->after;
	char time[TSN_TIME_TEXT];
	int64_t later;

	if (x->kind != TSN_CHANGE_CHANGED)
		return;
	if (x->what & TSN_CHANGE_SEVERITY)
		tsn_buf_printf(out, "; was %s", tsn_severity_name(a->severity));
	if (x->what & TSN_CHANGE_FLOWS)
		tsn_buf_printf(out, "; was %" PRIu64 " flows", a->flows);
	later = b->time - a->time;
	if (x->what & TSN_CHANGE_TIME)
		tsn_buf_printf(out, "; opens %s %s", tsn_duration_text(later < 0 ? -later : later, time), later < 0 ? "earlier" : "later");
	if (x->what & TSN_CHANGE_MESSAGE) {
		tsn_buf_puts(out, "; was: ");
		tsn_terminal_text(out, a->message, strlen(a->message), 0);
	}
}

static void
say_change(const struct tsn_changes *c, const struct tsn_change *x, bool color, struct tsn_buf *out)
{
	static const struct { const char *word; enum tsn_style style; } kinds[] = {
		[TSN_CHANGE_GAINED] = { "gained ", TSN_RED }, [TSN_CHANGE_LOST] = { "lost   ", TSN_CYAN },
		[TSN_CHANGE_CHANGED] = { "changed", TSN_YELLOW },
	};
	const struct tsn_backtest_alert *a = x->after != NULL ? x->after : x->before;
	char time[TSN_TIME_TEXT];

	tsn_terminal_style(out, color, kinds[x->kind].style, kinds[x->kind].word);
	tsn_buf_printf(out, "  %s  %s  ", tsn_time_text(a->time, time), name_of(&c->rule[x->rule]));
	tsn_terminal_text(out, a->key, strlen(a->key), 0);
	tsn_buf_printf(out, "%s%s, %" PRIu64 " flow%s", a->key[0] != '\0' ? "  " : "", tsn_severity_name(a->severity), a->flows,
	    a->flows == 1 ? "" : "s");
	if (a->message[0] != '\0') {
		tsn_buf_puts(out, ": ");
		tsn_terminal_text(out, a->message, strlen(a->message), 0);
	}
	say_difference(x, out);
	tsn_buf_putc(out, '\n');
}

static void
say_limits(const struct diff *d, struct tsn_buf *out)
{
	const struct tsn_changes *c = &d->changes;
	char time[TSN_TIME_TEXT];

	for (uint32_t i = 0; i < c->nrules; i++)
		if (c->rule[i].compared_until != TSN_TIME_NONE)
			tsn_buf_printf(out, "%s raises more than %u alerts: only those before %s were compared\n", name_of(&c->rule[i]), LISTED,
			    tsn_time_text(c->rule[i].compared_until, time));
	if (d->half[0].result.evicted + d->half[1].result.evicted > 0)
		tsn_buf_printf(out, "alerts lost their place to newer ones (%" PRIu64 " before, %" PRIu64 " after): some of the above is owed to that\n",
		    d->half[0].result.evicted, d->half[1].result.evicted);
}

static void
put_table(const struct diff *d, struct tsn_buf *out)
{
	const struct tsn_changes *c = &d->changes;
	const struct tsn_backtest *b = &d->half[1].result;
	size_t most = d->cli->limit >= 0 ? (size_t)d->cli->limit : SHOWN;
	char from[TSN_TIME_TEXT], to[TSN_TIME_TEXT];

	tsn_buf_printf(out, "%" PRIu64 " flows", b->flows);
	if (b->first != TSN_TIME_NONE)
		tsn_buf_printf(out, ", %s to %s", tsn_time_text(b->first, from), tsn_time_text(b->last, to));
	tsn_buf_puts(out, "\n\n");
	say_rules(c, out);
	say_counts(c, out);
	if (c->nchanges > 0 && most > 0)
		tsn_buf_putc(out, '\n');
	for (size_t i = 0; i < c->nchanges && i < most; i++)
		say_change(c, &c->change[i], d->cli->color_out, out);
	if (c->nchanges > most)
		tsn_buf_printf(out, "... and %zu more (--limit)\n", c->nchanges - most);
	say_limits(d, out);
}

/* --- as JSON --- */

static void
put_text(struct tsn_buf *out, const char *before, const char *s)
{
	tsn_buf_printf(out, "%s\"", before);
	tsn_buf_json(out, s, strlen(s));
	tsn_buf_putc(out, '"');
}

static void
put_alert(struct tsn_buf *out, const char *name, const struct tsn_backtest_alert *a)
{
	char time[TSN_TIME_TEXT];

	if (a == NULL)
		return;
	tsn_buf_printf(out, ",\"%s\":{\"time\":\"%s\",\"severity\":\"%s\",\"flows\":%" PRIu64 ",\"ended\":%s", name,
	    tsn_time_text(a->time, time), tsn_severity_name(a->severity), a->flows, a->ended ? "true" : "false");
	if (a->message[0] != '\0')
		put_text(out, ",\"message\":", a->message);
	tsn_buf_putc(out, '}');
}

static void
put_rule(struct tsn_buf *out, const struct tsn_change_rule *r)
{
	char time[TSN_TIME_TEXT];

	put_text(out, "{\"rule\":", name_of(r));
	tsn_buf_printf(out, ",\"is\":\"%s\"", r->before == NULL ? "added" : r->after == NULL ? "removed" : r->changed ? "changed" : "same");
	if (r->before != NULL)
		tsn_buf_printf(out, ",\"before\":%" PRIu64, r->before->alerts);
	if (r->after != NULL)
		tsn_buf_printf(out, ",\"after\":%" PRIu64, r->after->alerts);
	tsn_buf_printf(out, ",\"gained\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"same\":%" PRIu64, r->gained, r->lost,
	    r->changed_alerts, r->same);
	if (r->compared_until != TSN_TIME_NONE)
		tsn_buf_printf(out, ",\"compared_until\":\"%s\"", tsn_time_text(r->compared_until, time));
	tsn_buf_putc(out, '}');
}

static void
put_json(const struct diff *d, struct tsn_buf *out)
{
	static const char *const kinds[] = { "gained", "lost", "changed" };
	const struct tsn_changes *c = &d->changes;
	const struct tsn_backtest *b = &d->half[1].result;
	size_t most = d->cli->limit >= 0 ? (size_t)d->cli->limit : SIZE_MAX;
	char time[TSN_TIME_TEXT];

	tsn_buf_printf(out, "{\"flows\":%" PRIu64, b->flows);
	if (b->first != TSN_TIME_NONE) {
		tsn_buf_printf(out, ",\"first\":\"%s\"", tsn_time_text(b->first, time));
		tsn_buf_printf(out, ",\"last\":\"%s\"", tsn_time_text(b->last, time));
	}
	tsn_buf_printf(out, ",\"unreadable\":%u,\"gained\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"changed\":%" PRIu64 ",\"same\":%" PRIu64
	    ",\"rules\":[", b->unreadable, c->gained, c->lost, c->changed, c->same);
	for (uint32_t i = 0; i < c->nrules; i++) {
		tsn_buf_puts(out, i > 0 ? ",\n" : "\n");
		put_rule(out, &c->rule[i]);
	}
	tsn_buf_puts(out, "],\"alerts\":[");
	for (size_t i = 0; i < c->nchanges && i < most; i++) {
		const struct tsn_change *x = &c->change[i];

		tsn_buf_printf(out, "%s\n{\"is\":\"%s\"", i > 0 ? "," : "", kinds[x->kind]);
		put_text(out, ",\"rule\":", name_of(&c->rule[x->rule]));
		put_text(out, ",\"key\":", (x->after != NULL ? x->after : x->before)->key);
		put_alert(out, "before", x->before);
		put_alert(out, "after", x->after);
		tsn_buf_putc(out, '}');
	}
	tsn_buf_printf(out, "],\"left_out\":%zu}\n", c->nchanges > most ? c->nchanges - most : 0);
}

static int
say(struct diff *d)
{
	struct tsn_buf out = TSN_BUF_INIT;
	bool ok = tsn_changes_find(&d->changes, &d->half[0].result, &d->half[1].result);

	if (ok) {
		(d->json ? put_json : put_table)(d, &out);
		ok = !out.failed;
	}
	if (ok)
		fwrite(tsn_buf_str(&out), 1, out.len, stdout);
	tsn_buf_fini(&out);
	tsn_changes_fini(&d->changes);
	if (!ok)
		return tsn_cli_no_memory();
	return d->half[0].result.unreadable + d->half[1].result.unreadable > 0 ? TSN_EXIT_INPUT : TSN_EXIT_OK;
}

int
tsn_cmd_diff(struct tsn_cli *c)
{
	struct diff *d = tsn_calloc(1, sizeof(*d));
	int status;

	if (d == NULL)
		return tsn_cli_no_memory();
	d->cli = c;
	pthread_mutex_init(&d->lock, NULL);
	status = parse_options(d);
	for (int i = 0; i < 2 && status == 0; i++)
		status = compile_half(d, &d->half[i], c->args.v[i]);
	if (status == 0)
		status = run_both(d) ? say(d) : tsn_cli_no_memory();
	for (int i = 0; i < 2; i++) {
		struct half *h = &d->half[i];

		tsn_ruleset_free(h->rules);
		if (h->begun)
			tsn_backtest_fini(&h->result);
		tsn_cli_compilation_fini(&h->compilation);
		tsn_free(h->paths);
		tsn_free(h->search);
	}
	pthread_mutex_destroy(&d->lock);
	tsn_free(d);
	return status;
}
