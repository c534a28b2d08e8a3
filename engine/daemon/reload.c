/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/engine.h"
#include "daemon/clocks.h"
#include "daemon/notify.h"
#include "sets/set.h"

#define EXPIRY_NOTICE_MS (INT64_C(14) * 24 * 3600 * TSN_SECOND)

static void
log_item(void *arg, const struct tsn_reload_item *i)
{
	struct tsn_daemon *d = arg;
	char until[TSN_TIME_TEXT];

	if (i->rule)
		tsn_log(d->log, strcmp(i->what, "unchanged") == 0 ? TSN_LOG_DEBUG : TSN_LOG_INFO, "rule %s: %s", i->name, i->what);
	else if (i->blind_until != TSN_TIME_NONE)
		tsn_log(d->log, TSN_LOG_INFO, "starts empty, sees full windows from %s on: %s",
		    tsn_time_text(i->blind_until, until), i->name);
	else
		tsn_log(d->log, TSN_LOG_DEBUG, "%s: %s", i->what, i->name);
}

/* S41: a rule that retires by itself is announced for 14 days, so that nobody is surprised by its silence. */
static void
tell_expiring(const struct tsn_daemon *d, const struct tsn_program *p, int64_t now)
{
	char when[TSN_TIME_TEXT];

	for (uint32_t i = 0; i < p->nrules; i++) {
		int64_t at = p->rules[i].expires_ms;

		if (at == TSN_TIME_NONE || p->rules[i].disabled || now < at - EXPIRY_NOTICE_MS)
			continue;
		tsn_log(d->log, TSN_LOG_WARN, "rule %s %s %.10s", p->rules[i].name, now < at ? "expires on" : "is silent: it expired on",
		    tsn_time_text(at, when));
	}
}

/* Whoever changed the store waits for this. [error] NULL: the rules are in force. */
static void
say(struct tsn_daemon *d, const char *error)
{
	tsn_guests_say(&d->guests, error, d->in.ring == NULL ? NULL : tsn_engine_ruleset(d->engine)->site.ring);
}

static void
keep_old(struct tsn_daemon *d, const char *why, const char *told)
{
	d->reloads_failed++;
	d->reload_failed = true;
	tsn_log(d->log, TSN_LOG_ERROR, "reload failed: %s; the old rules stay in force", why);
	tsn_notify("READY=1\nSTATUS=reload failed, the old rules stay in force");
	say(d, told != NULL && told[0] != '\0' ? told : why);
}

/* Warnings may stand before it. */
static const char *
first_error(const char *text)
{
	const char *at = strstr(text, ": error: ");

	while (at != NULL && at > text && at[-1] != '\n')
		at--;
	return at;
}

/* What was switched, by the thread that frees what was in force. */
static void
tell_reload(void *arg, const struct tsn_load *l)
{
	struct tsn_daemon *d = arg;
	struct tsn_reload_report r = { .item = log_item, .arg = d };

	tsn_load_tell(l, &r);
	tsn_log(d->log, TSN_LOG_INFO,
	    "reloaded: %u rules added, %u changed, %u removed, %u unchanged; %u expressions kept with %llu groups, %u new; "
	    "%u of %u rule files and %u of %u set files kept; flows waited %lld us",
	    r.added, r.changed, r.removed, r.unchanged, r.expressions_kept, (unsigned long long)r.groups_kept, r.expressions_new,
	    d->texts_kept, d->texts, d->files_kept, d->files, (long long)d->waited_us);
	tell_expiring(d, tsn_engine_ruleset(d->engine)->program, tsn_now_ms());
	say(d, NULL);
}

static void
finish_reload(struct tsn_daemon *d, struct tsn_job_result *r)
{
	const int64_t began = tsn_steady_us();
	const struct tsn_ruleset *rs;
	enum tsn_daemon_end end;

	if (r->load == NULL) {
		keep_old(d, r->errors > 0 ? "the rules have errors" : "memory is out", first_error(tsn_buf_str(&r->text)));
		return;
	}
	rs = tsn_load_ruleset(r->load);
	d->retired = r->load;
	end = tsn_daemon_put_in_force(d, r->load, r->watch);
	if (end != TSN_DAEMON_STOPPED) {
		tsn_watch_free(r->watch);
		keep_old(d, end == TSN_DAEMON_NO_INPUT ? "a socket or output cannot be opened" : "memory is out", NULL);
		return;
	}
	d->reloads++;
	d->reload_failed = false;
	d->tells = true;
	d->files = rs->files;
	d->files_kept = rs->files_kept;
	d->texts = rs->texts;
	d->texts_kept = rs->texts_kept;
	d->waited_us = tsn_steady_us() - began;
	tsn_notify("READY=1\nSTATUS=rules reloaded"); /* here: by another thread it could come after STOPPING */
}

static void
finish_refresh(struct tsn_daemon *d, struct tsn_job_result *r)
{
	const struct tsn_ruleset *rs = tsn_engine_ruleset(d->engine);
	const char *name = rs->module->sets[r->slot].name;

	/* the last holder frees it, and that is not to be who takes the flows */
	d->retired_set = tsn_set_hold(rs->sets[r->slot]);
	rs->refresh_failed[r->slot] = r->set == NULL;
	if (r->set == NULL || !tsn_engine_replace_set(d->engine, r->slot, r->set)) {
		tsn_set_free(r->set);
		tsn_log(d->log, TSN_LOG_ERROR, "set %s: its file cannot be used; the old members stay", name);
		return;
	}
	tsn_log(d->log, TSN_LOG_INFO, "set %s: read anew, %zu members", name, tsn_set_size(r->set));
}

void
tsn_daemon_job_ended(struct tsn_daemon *d)
{
	struct tsn_job_result r;

	tsn_job_take(d->job, &r);
	if (r.cleared)
		return;
	if (r.refresh)
		finish_refresh(d, &r);
	else
		finish_reload(d, &r);
	tsn_buf_fini(&r.text);
	tsn_job_clear(d->job, d->retired, d->retired_set, d->tells ? tell_reload : NULL, d);
	d->retired = NULL;
	d->retired_set = NULL;
	d->tells = false;
}

void
tsn_daemon_start_jobs(struct tsn_daemon *d, int64_t now)
{
	char why[TSN_RULESET_ERROR];
	int slot;

	if (tsn_job_busy(d->job))
		return;
	if (d->reload_asked) {
		d->reload_asked = false;
		d->compile_began = now;
		tsn_log(d->log, TSN_LOG_INFO, "reloading");
		tsn_notify("RELOADING=1");
		d->rules.before = tsn_engine_ruleset(d->engine);
		d->rules.threads = d->o->threads;
		if (!tsn_guests_read(&d->guests, &d->rules, why))
			keep_old(d, why, NULL);
		else if (!tsn_job_compile(d->job, &d->rules, d->engine, now))
			keep_old(d, "no thread to compile with", NULL);
		return;
	}
	if (d->watch != NULL)
		tsn_watch_tell_old(d->watch, tsn_engine_ruleset(d->engine), now, d->log);
	slot = d->watch != NULL ? tsn_watch_changed(d->watch, now) : -1;
	if (slot >= 0 && !tsn_job_refresh(d->job, tsn_engine_ruleset(d->engine), (uint32_t)slot))
		tsn_log(d->log, TSN_LOG_ERROR, "no thread to read a set's file with");
}

/* --- the first --- */

static enum tsn_daemon_end
put_first_in_force(struct tsn_daemon *d, struct tsn_ruleset *rs)
{
	struct tsn_load *l = tsn_engine_prepare(d->engine, rs);
	struct tsn_watch *watch;
	enum tsn_daemon_end end;

	if (l == NULL) {
		tsn_ruleset_free(rs);
		return TSN_DAEMON_NO_MEMORY;
	}
	watch = tsn_watch_new(rs, d->compile_began, tsn_now_ms());
	end = tsn_daemon_put_in_force(d, l, watch);
	tsn_load_free(l);
	if (end != TSN_DAEMON_STOPPED) {
		tsn_watch_free(watch);
		return end;
	}
	tsn_log(d->log, TSN_LOG_INFO, "%u rules in force", rs->program->nrules);
	tell_expiring(d, rs->program, tsn_now_ms());
	say(d, NULL);
	return end;
}

enum tsn_daemon_end
tsn_daemon_first_load(struct tsn_daemon *d)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();
	struct tsn_buf text = TSN_BUF_INIT;
	struct tsn_ruleset *rs = NULL;
	enum tsn_daemon_end end = TSN_DAEMON_NO_MEMORY;
	char why[TSN_RULESET_ERROR];

	d->compile_began = tsn_now_ms();
	if (!tsn_guests_read(&d->guests, &d->rules, why)) {
		tsn_log(d->log, TSN_LOG_ERROR, "%s", why);
		end = TSN_DAEMON_BAD_RULES;
	} else if (sources != NULL && diags != NULL) {
		rs = tsn_compile(sources, &d->rules, diags);
		tsn_diags_print(diags, sources, false, &text);
		tsn_log_lines(d->log, tsn_diags_errors(diags) > 0 ? TSN_LOG_ERROR : TSN_LOG_WARN, tsn_buf_str(&text));
		end = rs != NULL ? put_first_in_force(d, rs) : tsn_diags_errors(diags) > 0 ? TSN_DAEMON_BAD_RULES : end;
	}
	tsn_buf_fini(&text);
	tsn_diags_free(diags);
	tsn_sources_free(sources);
	return end;
}
