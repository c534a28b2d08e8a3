/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pack.h"
#include "daemon/clocks.h"

/* What a child says at its end; less than a pipe takes at once. */
struct told {
	bool ok;
	uint64_t bytes;
	int64_t took_ms;
	char error[TSN_STORE_ERROR];
};

struct tsn_snapshots {
	struct tsn_store *store;
	const struct tsn_log *log;
	pid_t child;      /* 0: none is writing */
	int pipe;         /* what it says */
	int64_t began_ms; /* wall clock, of the one that is being written */
	int64_t pause_us;
	struct tsn_snapshot_counts counts;
};

struct tsn_snapshots *
tsn_snapshots_open(const char *dir, const struct tsn_log *log, char error[TSN_STORE_ERROR])
{
	struct tsn_store *store = tsn_store_open(dir, error);
	struct tsn_snapshots *s;

	if (store == NULL)
		return NULL;
	s = tsn_calloc(1, sizeof(*s));
	if (s == NULL) {
		tsn_store_close(store);
		snprintf(error, TSN_STORE_ERROR, "memory is out");
		return NULL;
	}
	/* a write that a limit refuses (RLIMIT_FSIZE) is to be an error that is said, here and in children */
	signal(SIGXFSZ, SIG_IGN);
	s->store = store;
	s->log = log;
	s->pipe = -1;
	s->counts.at = TSN_TIME_NONE;
	return s;
}

void
tsn_snapshots_close(struct tsn_snapshots *s)
{
	if (s == NULL)
		return;
	if (s->child > 0) {
		kill(s->child, SIGKILL);
		waitpid(s->child, NULL, 0);
		close(s->pipe);
	}
	tsn_store_close(s->store);
	tsn_free(s);
}

void
tsn_snapshots_counts(const struct tsn_snapshots *s, struct tsn_snapshot_counts *out)
{
	*out = s->counts;
}

/* --- writing --- */

static void
write_one(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms, struct told *told)
{
	const int64_t began = tsn_steady_us();
	struct tsn_pack k = { 0 };

	tsn_engine_save(e, &k);
	told->bytes = k.n;
	if (k.failed)
		snprintf(told->error, sizeof(told->error), "memory is out");
	else
		told->ok = tsn_store_write(s->store, k.p, k.n, now_ms, told->error);
	tsn_pack_fini(&k);
	told->took_ms = (tsn_steady_us() - began) / 1000;
}

static void
take_result(struct tsn_snapshots *s, const struct told *told)
{
	if (!told->ok) {
		s->counts.failed++;
		s->counts.failing = true;
		tsn_log(s->log, TSN_LOG_ERROR, "no snapshot was written: %s; a restart now would begin with the one before", told->error);
		return;
	}
	if (s->counts.failing)
		tsn_log(s->log, TSN_LOG_INFO, "snapshots are written again");
	s->counts.failing = false;
	s->counts.written++;
	s->counts.at = s->began_ms;
	s->counts.bytes = told->bytes;
	s->counts.took_ms = told->took_ms;
	s->counts.pause_us = s->pause_us;
	tsn_log(s->log, TSN_LOG_DEBUG, "snapshot written: %llu bytes in %lld ms, flows waited %lld us", (unsigned long long)told->bytes,
	    (long long)told->took_ms, (long long)s->pause_us);
}

/* Sockets must not stay open in the child: a reload may close one here and open it anew. */
static void
keep_only(int a, int b)
{
	const int lo = a < b ? a : b, hi = a < b ? b : a;

	if (lo > 3)
		close_range(3, (unsigned)lo - 1, 0);
	if (hi > lo + 1)
		close_range((unsigned)lo + 1, (unsigned)hi - 1, 0);
	close_range((unsigned)hi + 1, ~0u, 0);
}

/*
 * It dies with us, whatever happened to us, so that nobody writes beside the next one. Nothing registered to run at
 * exit is the child's.
 */
static _Noreturn void
be_child(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms, int to, pid_t parent)
{
	struct told told = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_Exit(1);
	keep_only(to, tsn_store_lock(s->store));
	write_one(s, e, now_ms, &told);
	_Exit(write(to, &told, sizeof(told)) == (ssize_t)sizeof(told) ? 0 : 1);
}

bool
tsn_snapshots_begin(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms)
{
	const pid_t parent = getpid();
	struct told told = { 0 };
	int64_t began;
	int ends[2];

	if (!tsn_snapshots_poll(s))
		return false;
	began = tsn_steady_us();
	tsn_engine_flush(e); /* so that its alerts are out before a snapshot says they are */
	s->began_ms = now_ms;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
		snprintf(told.error, sizeof(told.error), "pipe: %s", strerror(errno));
		take_result(s, &told);
		return false;
	}
	s->child = fork();
	if (s->child == 0)
		be_child(s, e, now_ms, ends[1], parent);
	close(ends[1]);
	s->pause_us = tsn_steady_us() - began;
	s->pipe = ends[0];
	if (s->child > 0)
		return true;
	snprintf(told.error, sizeof(told.error), "fork: %s", strerror(errno));
	close(ends[0]);
	s->child = 0;
	take_result(s, &told);
	return false;
}

/* Its pipe has something to read, or was closed. */
static void
reap(struct tsn_snapshots *s)
{
	struct told told = { 0 };
	int status = 0;

	if (read(s->pipe, &told, sizeof(told)) != (ssize_t)sizeof(told)) {
		told = (struct told){ 0 };
		waitpid(s->child, &status, 0);
		if (WIFSIGNALED(status))
			snprintf(told.error, sizeof(told.error), "the process that wrote it was ended by signal %d", WTERMSIG(status));
		else
			snprintf(told.error, sizeof(told.error), "the process that wrote it ended early");
	} else {
		told.error[sizeof(told.error) - 1] = '\0';
		waitpid(s->child, &status, 0);
	}
	close(s->pipe);
	s->child = 0;
	s->pipe = -1;
	take_result(s, &told);
}

static bool
ended(const struct tsn_snapshots *s, int wait_ms)
{
	struct pollfd p = { .fd = s->pipe, .events = POLLIN };

	return poll(&p, 1, wait_ms) > 0;
}

bool
tsn_snapshots_poll(struct tsn_snapshots *s)
{
	if (s->child > 0 && ended(s, 0))
		reap(s);
	return s->child == 0;
}

bool
tsn_snapshots_write(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms)
{
	struct told told = { 0 };

	while (s->child > 0)
		if (ended(s, 1000))
			reap(s);
	s->began_ms = now_ms;
	tsn_engine_flush(e);
	write_one(s, e, now_ms, &told);
	s->pause_us = told.took_ms * 1000;
	take_result(s, &told);
	return told.ok;
}

/* --- reading --- */

static void
tell_item(void *arg, const struct tsn_reload_item *i)
{
	const struct tsn_snapshots *s = arg;
	char until[TSN_TIME_TEXT];

	if (i->blind_until != TSN_TIME_NONE)
		tsn_log(s->log, TSN_LOG_INFO, "not in the snapshot, sees full windows from %s on: %s", tsn_time_text(i->blind_until, until),
		    i->name);
	else if (strcmp(i->what, "kept") != 0)
		tsn_log(s->log, TSN_LOG_INFO, "not in the snapshot, starts empty: %s", i->name);
}

static bool
take(struct tsn_snapshots *s, struct tsn_engine *e, const struct tsn_generation *g, int64_t now_ms, const char **why)
{
	struct tsn_restore_report r = { .expressions = { .item = tell_item, .arg = s } };
	struct tsn_unpack in = { g->p, g->p + g->n, false };
	char age[TSN_TIME_TEXT], at[TSN_TIME_TEXT];
	const int64_t began = tsn_steady_us();

	if (!tsn_engine_restore(e, &in, &r, why))
		return false;
	tsn_log(s->log, TSN_LOG_INFO,
	    "restored from %s, %s ago: %u expressions with %llu groups, %llu open alerts, %u exporters; %u expressions are new; "
	    "%zu bytes in %lld ms",
	    tsn_time_text(g->written, at), tsn_duration_text(now_ms > g->written ? now_ms - g->written : 0, age),
	    r.expressions.expressions_kept, (unsigned long long)r.expressions.groups_kept, (unsigned long long)r.alerts, r.exporters,
	    r.expressions.expressions_new, g->n, (long long)(tsn_steady_us() - began) / 1000);
	s->counts.at = g->written;
	s->counts.bytes = g->n;
	return true;
}

static void
set_aside(struct tsn_snapshots *s, uint64_t number, const char *why)
{
	char name[TSN_STORE_NAME];

	s->counts.aside++;
	if (tsn_store_set_aside(s->store, number, name))
		tsn_log(s->log, TSN_LOG_ERROR, "snapshot %llu cannot be used: %s; it was set aside as %s", (unsigned long long)number, why,
		    name);
	else
		tsn_log(s->log, TSN_LOG_ERROR, "snapshot %llu cannot be used: %s; nor can it be set aside: %s", (unsigned long long)number,
		    why, strerror(errno));
}

bool
tsn_snapshots_restore(struct tsn_snapshots *s, struct tsn_engine *e, int64_t now_ms)
{
	char error[TSN_STORE_ERROR];
	struct tsn_generation g = { .number = UINT64_MAX };
	const char *why;
	bool done = false;

	while (!done) {
		switch (tsn_store_read(s->store, g.number, &g, error)) {
		case TSN_STORE_NONE:
			tsn_log(s->log, TSN_LOG_INFO, "%s: no snapshot to go on from, state starts empty", tsn_store_dir(s->store));
			return false;
		case TSN_STORE_UNFINISHED:
			tsn_log(s->log, TSN_LOG_INFO, "snapshot %llu had not been finished when its writer ended: left out",
			    (unsigned long long)g.number);
			break;
		case TSN_STORE_UNREADABLE:
			tsn_log(s->log, TSN_LOG_ERROR, "snapshot %llu cannot be read: %s; it is left out", (unsigned long long)g.number, error);
			s->counts.aside++;
			break;
		case TSN_STORE_DAMAGED:
			set_aside(s, g.number, error);
			break;
		case TSN_STORE_FOUND:
			done = take(s, e, &g, now_ms, &why);
			tsn_free(g.p);
			if (!done)
				set_aside(s, g.number, why);
			break;
		}
	}
	return true;
}
