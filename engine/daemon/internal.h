/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of the daemon share: daemon.c has the loop, in_force.c what the rules in force have open, reload.c how others come to be. */
#ifndef TSN_DAEMON_INTERNAL_H
#define TSN_DAEMON_INTERNAL_H

#include <poll.h>

#include "daemon/daemon.h"
#include "daemon/guests.h"
#include "daemon/http.h"
#include "daemon/intake.h"
#include "daemon/job.h"
#include "daemon/metrics.h"
#include "daemon/nap.h"
#include "daemon/ports.h"
#include "daemon/snapshot.h"
#include "daemon/tell.h"
#include "daemon/watch.h"

#define TSN_POLL_CONTROLS 3 /* signals, job, http: first in the list that is polled */

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

/*
 * in_force.c: puts rules in force that are ready: opens what is new, switches, lets go of the rest. On failure everything stays
 * as it was. Flows wait for it.
 */
enum tsn_daemon_end tsn_daemon_put_in_force(struct tsn_daemon *d, struct tsn_load *l, struct tsn_watch *watch);
/* Looks after the snapshot being written, and begins one when it is time. [now] is of the steady clock. */
void tsn_daemon_take_snapshots(struct tsn_daemon *d, int64_t now);
struct tsn_metrics tsn_daemon_metrics(const struct tsn_daemon *d);

/* reload.c: the rules a daemon begins with; it has nothing to do without. */
enum tsn_daemon_end tsn_daemon_first_load(struct tsn_daemon *d);
/* Starts what was asked for once the job before it has ended. [now] is of the wall clock. */
void tsn_daemon_start_jobs(struct tsn_daemon *d, int64_t now);
void tsn_daemon_job_ended(struct tsn_daemon *d);

#endif
