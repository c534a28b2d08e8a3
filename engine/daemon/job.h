/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: compiling rules or rebuilding a set beside the flows, and behind them in turn. */
#ifndef TSN_DAEMON_JOB_H
#define TSN_DAEMON_JOB_H

#include "base/buf.h"
#include "base/log.h"
#include "core/engine.h"

struct tsn_job;
struct tsn_watch;

struct tsn_job_result {
	struct tsn_load *load;     /* ready to come into force; NULL: errors, or memory is out */
	struct tsn_watch *watch;   /* over its files of members; NULL: there is no load, or memory is out */
	struct tsn_set *set;       /* of a refresh; NULL: it failed */
	bool refresh, cleared;     /* cleared: tsn_job_clear is through, there is nothing to take */
	uint32_t slot;
	struct tsn_buf text;       /* diagnostics as printed; they are in the log already */
	size_t errors, warnings;
};

/* [log]: must allow that two threads write to it. NULL when memory or descriptors are out. */
struct tsn_job *tsn_job_new(const struct tsn_log *log);
/* Waits for a running job, then frees. */
void tsn_job_free(struct tsn_job *j);
/* Readable when a job has ended. */
int tsn_job_fd(const struct tsn_job *j);
bool tsn_job_busy(const struct tsn_job *j);
/* Starts one; false if one is running or a thread cannot be made. [in], [e] and [rs] must outlive it; [now]: for the watch. */
bool tsn_job_compile(struct tsn_job *j, const struct tsn_compile_input *in, struct tsn_engine *e, int64_t now);
bool tsn_job_refresh(struct tsn_job *j, const struct tsn_ruleset *rs, uint32_t slot);
/*
 * Frees what was in force, where no flow waits for it, and says before it, by [tell], what became of it. If no thread can
 * be made, here and now. Any of them may be NULL; [arg] must stay as it is while the job is busy.
 */
void tsn_job_clear(struct tsn_job *j, struct tsn_load *l, struct tsn_set *set, void (*tell)(void *arg, const struct tsn_load *), void *arg);
/* Takes the ended job's result, which the caller then owns; waits if it is still running. */
void tsn_job_take(struct tsn_job *j, struct tsn_job_result *out);

#endif
