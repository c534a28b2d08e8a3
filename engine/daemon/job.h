/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: compiling rules or rebuilding a set beside the flows, and behind them in turn. */
#ifndef TSN_DAEMON_JOB_H
#define TSN_DAEMON_JOB_H

#include "base/buf.h"
#include "compile/compile.h"

struct tsn_job;

struct tsn_job_result {
	struct tsn_ruleset *rules; /* NULL: errors, in [text] */
	struct tsn_set *set;       /* of a refresh; NULL: it failed */
	bool refresh, cleared;     /* cleared: tsn_job_clear is through, there is nothing to take */
	uint32_t slot;
	struct tsn_buf text;       /* diagnostics as printed */
	size_t errors, warnings;
};

/* NULL when memory or descriptors are out. */
struct tsn_job *tsn_job_new(void);
/* Waits for a running job, then frees. */
void tsn_job_free(struct tsn_job *j);
/* Readable when a job has ended. */
int tsn_job_fd(const struct tsn_job *j);
bool tsn_job_busy(const struct tsn_job *j);
/* Starts one; false if one is running or a thread cannot be made. [in] and [rs] must outlive it. */
bool tsn_job_compile(struct tsn_job *j, const struct tsn_compile_input *in);
bool tsn_job_refresh(struct tsn_job *j, const struct tsn_ruleset *rs, uint32_t slot);
/* Frees what was in force, where no flow waits for it; if no thread can be made, here and now. Either may be NULL. */
void tsn_job_clear(struct tsn_job *j, struct tsn_ruleset *rs, struct tsn_set *set);
/* Takes the ended job's result, which the caller then owns; waits if it is still running. */
void tsn_job_take(struct tsn_job *j, struct tsn_job_result *out);

#endif
