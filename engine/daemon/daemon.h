/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The daemon: sockets in, alerts out, reload on SIGHUP, drain and stop on
 * SIGTERM or SIGINT. The one room below cli that reads the clock. Rules are
 * compiled and made ready by a thread of their own, so that flows go on meanwhile, which
 * also tells what came of it; datagrams are taken by receivers (receivers.h) where there
 * are threads for them; everything else but the engine's own threads is one. What SIGHUP cannot use changes nothing.
 */
#ifndef TSN_DAEMON_DAEMON_H
#define TSN_DAEMON_DAEMON_H

#include "base/log.h"
#include "compile/compile.h"

struct tsn_daemon_options {
	struct tsn_compile_input rules;  /* compiled anew at each reload; must outlive the daemon */
	const char *rulesets;            /* the store of installed ones (ruleset/store.h), read anew at each reload; NULL: none */
	uint32_t batch_rows;             /* 0: TSN_BATCH_ROWS */
	unsigned threads;                /* that may work on flows; 0 and 1: the one that calls, else receivers come on top */
	uint64_t seed;
	bool stdout_text, stdout_color;  /* how alerts are written where the site names no output */
	const struct tsn_log *log;       /* two threads may write to it */
};

enum tsn_daemon_end {
	TSN_DAEMON_STOPPED,   /* by a signal, drained */
	TSN_DAEMON_BAD_RULES, /* at start; told in the log */
	TSN_DAEMON_NO_INPUT,  /* a socket or output could not be opened at start */
	TSN_DAEMON_NO_MEMORY,
};

/*
 * Runs until a signal. Blocks SIGHUP, SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 in the calling thread; SIGUSR1 logs
 * counters, SIGUSR2 writes a snapshot now.
 */
enum tsn_daemon_end tsn_daemon_run(const struct tsn_daemon_options *o);

#endif
