/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/engine.h"
#include "daemon/clocks.h"
#include "daemon/guests.h"
#include "daemon/http.h"
#include "daemon/intake.h"
#include "daemon/job.h"
#include "daemon/metrics.h"
#include "daemon/nap.h"
#include "daemon/notify.h"
#include "daemon/snapshot.h"
#include "daemon/stopwatch.h"
#include "daemon/tell.h"
#include "daemon/watch.h"
#include "sets/set.h"

#define IDLE_MS      100 /* longest wait: ticks must come while no flow does */
#define HOLD_MS      5   /* so long flows wait for more to fill their batch */
#define DESCRIPTORS  16384
#define CONTROLS     3   /* signals, job, http: first in the list that is polled */
#define BELL         3   /* of the receivers */
#define FIRST_SOCKET 4
#define SNAPSHOT_MS  60000 /* between snapshots: what a crash loses at most */
#define TIMED        61    /* of so many batches one is timed: dear ones may come at round numbers */
#define EXPIRY_NOTICE_MS (INT64_C(14) * 24 * 3600 * TSN_SECOND)

struct tsn_daemon {
	const struct tsn_daemon_options *o;
	const struct tsn_log *log;
	struct tsn_engine *engine;
	struct tsn_ports ports;
	struct tsn_job *job;
	struct tsn_watch *watch;
	struct tsn_http *http;   /* NULL: nobody asked for it */
	char http_where[96];
	struct tsn_snapshots *snapshots; /* NULL: nobody asked for them, or they cannot be had */
	char *state;             /* the directory that was asked for */
	int64_t next_snapshot;   /* steady clock */
	bool snapshot_asked;
	struct tsn_guests guests;
	struct tsn_compile_input rules; /* the caller's, with what the store has now */
	struct tsn_intake in;
	struct tsn_fed fed;      /* which exporters have been judged by what rules need */
	struct pollfd *poll;
	size_t npoll;
	bool naps;               /* the kernel can hold what comes meanwhile */
	struct tsn_nap nap;
	bool holds;              /* flows wait for their batch to be full */
	int64_t flushed;         /* steady clock */
	int signals;
	bool reload_asked, stopping;
	int64_t compile_began, next_care;
	uint64_t reloads, reloads_failed;
	bool reload_failed;
	/* no longer in force, or never was: to be freed */
	struct tsn_load *retired;
	struct tsn_set *retired_set;
	bool tells;              /* what it was the end of is still to be told: */
	uint32_t files, files_kept, texts, texts_kept;
	int64_t waited_us;
};

/* --- reload --- */

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

/* The sinks of the outputs in force, in their order. */
static bool
hand_over_sinks(struct tsn_daemon *d)
{
	size_t i;

	tsn_engine_remove_sinks(d->engine);
	for (i = 0; i < d->ports.noutputs; i++)
		if (d->ports.outputs[i].keep && !tsn_engine_add_sink(d->engine, d->ports.outputs[i].sink))
			return false;
	return true;
}

/* Room for all sockets that are open, before anything is put in force. */
static bool
reserve_poll(struct tsn_daemon *d)
{
	struct pollfd *v = tsn_reallocarray(d->poll, FIRST_SOCKET + d->ports.nsockets * TSN_RECEIVERS_MAX, sizeof(*v));

	if (v != NULL)
		d->poll = v;
	return v != NULL;
}

/* Sockets whose datagrams receivers take are theirs to watch, and their queues hold what comes in a nap. */
static void
fill_poll(struct tsn_daemon *d)
{
	const bool received = tsn_intake_received(&d->in);
	struct pollfd *v = d->poll;

	d->npoll = FIRST_SOCKET;
	d->naps = true;
	v[0] = (struct pollfd){ .fd = d->signals, .events = POLLIN };
	v[1] = (struct pollfd){ .fd = tsn_job_fd(d->job), .events = POLLIN };
	v[2] = (struct pollfd){ .fd = d->http != NULL ? tsn_http_fd(d->http) : -1, .events = POLLIN };
	v[BELL] = (struct pollfd){ .fd = received ? tsn_receivers_fd(d->in.receivers) : -1, .events = POLLIN };
	for (size_t i = 0; i < d->ports.nsockets; i++) {
		const struct tsn_socket *s = &d->ports.sockets[i];

		if (s->tcp != NULL)
			v[d->npoll++] = (struct pollfd){ .fd = tsn_tcp_fd(s->tcp), .events = POLLIN };
		for (unsigned k = 0; k < s->nudp && !received; k++) {
			d->naps &= tsn_nap_fits(s->udp[k]);
			v[d->npoll++] = (struct pollfd){ .fd = tsn_udp_fd(s->udp[k]), .events = POLLIN };
		}
	}
}

/* --- what outlives a restart --- */

/* That there can be no snapshots stops nobody from seeing flows: it is logged, and tried again with the next one. */
static void
open_state(struct tsn_daemon *d)
{
	char error[TSN_STORE_ERROR];

	d->next_snapshot = tsn_steady_ms() + SNAPSHOT_MS;
	d->snapshots = tsn_snapshots_open(d->state, d->log, error);
	if (d->snapshots == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "%s; state is not kept", error);
}

/* Another directory gets its first snapshot soon; what is in the old one stays there. */
static void
set_state(struct tsn_daemon *d, const char *dir)
{
	if (d->state != NULL && dir != NULL && strcmp(d->state, dir) == 0)
		return;
	tsn_snapshots_close(d->snapshots);
	tsn_free(d->state);
	d->snapshots = NULL;
	d->state = dir != NULL ? tsn_strdup(dir) : NULL;
	if (dir != NULL && d->state == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "memory is out: state is not kept");
	if (d->state == NULL)
		return;
	open_state(d);
	if (d->snapshots != NULL && tsn_engine_ticket(d->engine) == 0)
		tsn_snapshots_restore(d->snapshots, d->engine, tsn_now_ms());
	else if (d->snapshots != NULL)
		d->next_snapshot = tsn_steady_ms();
}

static void
take_snapshots(struct tsn_daemon *d, int64_t now)
{
	if (d->state == NULL)
		return;
	if (d->snapshots != NULL)
		tsn_snapshots_poll(d->snapshots);
	if (!d->snapshot_asked && now < d->next_snapshot)
		return;
	if (d->snapshots == NULL)
		open_state(d);
	d->next_snapshot = now + SNAPSHOT_MS;
	if (d->snapshots != NULL && tsn_snapshots_begin(d->snapshots, d->engine, tsn_now_ms()))
		d->snapshot_asked = false;
}

/* --- who watches --- */

static struct tsn_metrics
metrics_of(const struct tsn_daemon *d)
{
	return (struct tsn_metrics){ d->engine, &d->ports, d->in.receivers, d->snapshots, d->state != NULL, d->reloads, d->reloads_failed,
		d->reload_failed, tsn_now_ms() };
}

static bool
page(void *arg, const char *path, struct tsn_buf *out)
{
	struct tsn_metrics m = metrics_of(arg);

	if (strcmp(path, "/metrics") != 0)
		return false;
	tsn_metrics_write(&m, out);
	return true;
}

/* Opens, moves or closes the page of metrics. That it cannot be opened stops nobody from seeing flows: it is logged. */
static void
set_http(struct tsn_daemon *d, const char *where)
{
	char error[TSN_INPUT_ERROR];

	if (strcmp(where != NULL ? where : "", d->http_where) == 0 && (where == NULL || d->http != NULL))
		return;
	tsn_http_close(d->http);
	d->http = NULL;
	snprintf(d->http_where, sizeof(d->http_where), "%s", where != NULL ? where : "");
	if (where == NULL)
		return;
	d->http = tsn_http_open(where, page, d, error);
	if (d->http == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "%s; there are no metrics", error);
	else
		tsn_log(d->log, TSN_LOG_INFO, "metrics at http://%s/metrics", where);
}

static void
set_ring(struct tsn_daemon *d, const struct tsn_site *site)
{
	if (d->in.ring != NULL && site->ring != NULL && tsn_ring_is(d->in.ring, site->ring, site->ring_bytes))
		return;
	tsn_ring_close(d->in.ring);
	d->in.ring = site->ring == NULL ? NULL : tsn_ring_open(site->ring, site->ring_bytes, d->log);
}

/*
 * Puts rules in force that are ready: opens what is new, switches, lets go of the rest. On failure everything stays
 * as it was. Flows wait for it.
 */
static enum tsn_daemon_end
put_in_force(struct tsn_daemon *d, struct tsn_load *l, struct tsn_watch *watch)
{
	const struct tsn_ruleset *rs = tsn_load_ruleset(l);

	if (!tsn_ports_prepare(&d->ports, &rs->site))
		return TSN_DAEMON_NO_INPUT;
	if (!reserve_poll(d)) {
		tsn_ports_cancel(&d->ports);
		return TSN_DAEMON_NO_MEMORY;
	}
	tsn_engine_switch(d->engine, l);
	if (!hand_over_sinks(d))
		tsn_log(d->log, TSN_LOG_ERROR, "memory is out: an output was left out");
	if (tsn_ports_change(&d->ports))
		tsn_intake_stop(&d->in);
	tsn_intake_drain_unnamed(&d->in);
	tsn_ports_commit(&d->ports);
	if (!tsn_intake_received(&d->in))
		tsn_intake_start(&d->in);
	set_state(d, rs->site.state);
	set_http(d, rs->site.http);
	set_ring(d, &rs->site);
	d->fed.rules = NULL; /* to be judged anew */
	tsn_watch_free(d->watch);
	d->watch = watch;
	if (d->watch == NULL)
		tsn_log(d->log, TSN_LOG_ERROR, "memory is out: set files are not watched");
	fill_poll(d);
	return TSN_DAEMON_STOPPED;
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
	end = put_in_force(d, r->load, r->watch);
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

static void
job_ended(struct tsn_daemon *d)
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

/* Starts what was asked for once the job before it has ended. */
static void
start_jobs(struct tsn_daemon *d, int64_t now)
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

/* --- the loop --- */

static void
take_signals(struct tsn_daemon *d)
{
	struct tsn_metrics m = metrics_of(d);
	struct signalfd_siginfo s;

	while (read(d->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		if (s.ssi_signo == SIGHUP)
			d->reload_asked = true;
		else if (s.ssi_signo == SIGUSR1)
			tsn_tell_counters(&m, d->log);
		else if (s.ssi_signo == SIGUSR2)
			d->snapshot_asked = true;
		else
			d->stopping = true;
	}
}

/*
 * Evaluating a few flows costs nearly what a full batch does, so they wait a little for more to come; not longer, and not
 * when nothing does.
 */
static void
flush(struct tsn_daemon *d, bool came, bool more)
{
	int64_t now = tsn_steady_ms();

	d->holds = more || (came && now - d->flushed < HOLD_MS);
	if (d->holds)
		return;
	tsn_engine_flush(d->engine);
	d->flushed = now;
}

/* What is ready. After messages only a signal or a job interrupts the nap. False when it cannot be told. */
static bool
wait(struct tsn_daemon *d, unsigned came, bool more)
{
	const bool naps = came > 0 && !more && d->naps;
	const bool waits = more || (!naps && tsn_intake_waits(&d->in));
	const int ms = waits ? 0 : d->holds ? HOLD_MS : IDLE_MS;
	const struct timespec time = naps ? tsn_nap_after(&d->nap, came) : (struct timespec){ .tv_nsec = ms * 1000000L };

	if (ppoll(d->poll, naps ? CONTROLS : d->npoll, &time, NULL) >= 0 || errno == EINTR)
		return true;
	tsn_log(d->log, TSN_LOG_ERROR, "poll: %s", strerror(errno));
	return false;
}

static enum tsn_daemon_end
loop(struct tsn_daemon *d)
{
	bool more = false;
	unsigned came = 0;

	while (!d->stopping) {
		uint64_t before = d->in.messages;
		int64_t now;

		if (!wait(d, came, more))
			return TSN_DAEMON_NO_INPUT;
		if (d->poll[0].revents != 0)
			take_signals(d);
		if (d->http != NULL && (d->poll[2].revents != 0 || came == 0)) /* also when nothing came: connections time out */
			tsn_http_serve(d->http);
		more = tsn_intake_take(&d->in);
		came = (unsigned)(d->in.messages - before);
		flush(d, came > 0, more);
		tsn_engine_clock(d->engine, tsn_now_ms());
		now = tsn_steady_ms();
		if (tsn_job_busy(d->job) && d->poll[1].revents != 0)
			job_ended(d);
		if (d->reload_asked || d->snapshot_asked || now >= d->next_care) {
			d->next_care = now + TSN_SECOND;
			if (d->http != NULL)
				tsn_http_serve(d->http);
			if (d->in.ring != NULL)
				tsn_ring_flush(d->in.ring);
			tsn_tell_losses(&d->ports, d->in.receivers, d->log);
			tsn_tell_unfed(&d->fed, d->engine, tsn_now_ms(), d->log);
			start_jobs(d, tsn_now_ms());
			take_snapshots(d, now);
		}
	}
	return TSN_DAEMON_STOPPED;
}

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
	end = put_in_force(d, l, watch);
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

static enum tsn_daemon_end
first_load(struct tsn_daemon *d)
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

static void
daemon_free(struct tsn_daemon *d)
{
	tsn_http_close(d->http);
	tsn_job_free(d->job);
	if (d->engine != NULL)
		tsn_engine_remove_sinks(d->engine);
	tsn_engine_free(d->engine);
	tsn_snapshots_close(d->snapshots);
	tsn_free(d->state);
	tsn_receivers_free(d->in.receivers);
	tsn_ring_close(d->in.ring);
	tsn_guests_close(&d->guests);
	tsn_watch_free(d->watch);
	tsn_ports_fini(&d->ports);
	tsn_free(d->fed.judged);
	tsn_free(d->poll);
	if (d->signals >= 0)
		close(d->signals);
}

/* Each connection takes a descriptor; what a shell or service manager gives without being asked is few. */
static void
raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= DESCRIPTORS)
		return;
	l.rlim_cur = l.rlim_max < DESCRIPTORS ? l.rlim_max : DESCRIPTORS;
	(void)setrlimit(RLIMIT_NOFILE, &l); /* else fewer connections find a place, which is counted */
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Without memory or descriptors for receivers flows are evaluated all the same. */
static void
open_intake(struct tsn_daemon *d)
{
	const unsigned n = tsn_receivers_for(d->o->threads);

	d->in = (struct tsn_intake){ .engine = d->engine, .ports = &d->ports, .log = d->log };
	d->in.receivers = n > 0 ? tsn_receivers_new(n, 0, d->log) : NULL;
	if (n > 0 && d->in.receivers == NULL)
		tsn_log(d->log, TSN_LOG_WARN, "no receivers: %s", strerror(errno));
	d->ports.receivers = d->in.receivers != NULL ? tsn_receivers_count(d->in.receivers) : 1;
}

enum tsn_daemon_end
tsn_daemon_run(const struct tsn_daemon_options *o)
{
	struct tsn_daemon d = { .o = o, .log = o->log, .rules = o->rules };
	struct tsn_engine_options eo = { .batch_rows = o->batch_rows, .threads = o->threads, .seed = o->seed, .log = o->log };
	enum tsn_daemon_end end = TSN_DAEMON_NO_MEMORY;
	struct tsn_metrics m;

	d.ports = (struct tsn_ports){ .stdout_text = o->stdout_text, .stdout_color = o->stdout_color, .log = o->log };
	d.rules.keep = true;
	tsn_guests_open(&d.guests, o->rulesets, o->log);
	raise_descriptors();
	d.signals = open_signals();
	tsn_stopwatch_start();
	eo.ticks = tsn_stopwatch;
	eo.cpu = tsn_stopwatch_cpu;
	eo.every = TIMED;
	d.engine = tsn_engine_new(&eo);
	d.job = tsn_job_new(o->log);
	open_intake(&d);
	if (d.signals >= 0 && d.engine != NULL && d.job != NULL)
		end = first_load(&d);
	if (end == TSN_DAEMON_STOPPED) {
		tsn_notify("READY=1");
		end = loop(&d);
		tsn_notify("STOPPING=1");
		tsn_intake_drain(&d.in);
		if (d.snapshots != NULL)
			tsn_snapshots_write(d.snapshots, d.engine, tsn_now_ms());
		m = metrics_of(&d);
		tsn_tell_counters(&m, d.log);
		tsn_log(d.log, TSN_LOG_INFO, "stopped");
	}
	daemon_free(&d);
	return end;
}
