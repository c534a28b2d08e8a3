/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "core/engine.h"
#include "daemon/clocks.h"
#include "daemon/notify.h"
#include "daemon/stopwatch.h"

#define IDLE_MS      100 /* longest wait: ticks must come while no flow does */
#define HOLD_MS      5   /* so long flows wait for more to fill their batch */
#define DESCRIPTORS  16384
#define TIMED        61    /* of so many batches one is timed: dear ones may come at round numbers */

static void
take_signals(struct tsn_daemon *d)
{
	struct tsn_metrics m = tsn_daemon_metrics(d);
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

	if (ppoll(d->poll, naps ? TSN_POLL_CONTROLS : d->npoll, &time, NULL) >= 0 || errno == EINTR)
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
			tsn_daemon_job_ended(d);
		if (d->reload_asked || d->snapshot_asked || now >= d->next_care) {
			d->next_care = now + TSN_SECOND;
			if (d->http != NULL)
				tsn_http_serve(d->http);
			if (d->in.ring != NULL)
				tsn_ring_flush(d->in.ring);
			tsn_tell_losses(&d->ports, d->in.receivers, d->log);
			tsn_tell_unfed(&d->fed, d->engine, tsn_now_ms(), d->log);
			tsn_daemon_start_jobs(d, tsn_now_ms());
			tsn_daemon_take_snapshots(d, now);
		}
	}
	return TSN_DAEMON_STOPPED;
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
		end = tsn_daemon_first_load(&d);
	if (end == TSN_DAEMON_STOPPED) {
		tsn_notify("READY=1");
		end = loop(&d);
		tsn_notify("STOPPING=1");
		tsn_intake_drain(&d.in);
		if (d.snapshots != NULL)
			tsn_snapshots_write(d.snapshots, d.engine, tsn_now_ms());
		m = tsn_daemon_metrics(&d);
		tsn_tell_counters(&m, d.log);
		tsn_log(d.log, TSN_LOG_INFO, "stopped");
	}
	daemon_free(&d);
	return end;
}
