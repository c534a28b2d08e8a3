/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/job.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include "daemon/watch.h"
#include "sets/set.h"

#define BEHIND 14 /* nice value: of a core that the flows fill it takes less than a twentieth */

struct tsn_job {
	pthread_t thread;
	bool running;
	void (*run)(struct tsn_job *j); /* what it does */
	int fd;
	const struct tsn_log *log;
	const struct tsn_compile_input *in;
	struct tsn_engine *engine;
	int64_t now;
	const struct tsn_ruleset *rs;
	struct tsn_load *old;         /* to be told of and freed */
	struct tsn_set *old_set;
	void (*tell)(void *arg, const struct tsn_load *l);
	void *arg;
	struct tsn_job_result result; /* the thread's while it runs */
};

struct tsn_job *
tsn_job_new(const struct tsn_log *log)
{
	struct tsn_job *j = tsn_calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->log = log;
	j->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->fd < 0) {
		tsn_free(j);
		return NULL;
	}
	return j;
}

int
tsn_job_fd(const struct tsn_job *j)
{
	return j->fd;
}

bool
tsn_job_busy(const struct tsn_job *j)
{
	return j->running;
}

static void
keep_text(struct tsn_job *j, struct tsn_diags *diags, const struct tsn_sources *sources)
{
	tsn_diags_print(diags, sources, false, &j->result.text);
	j->result.errors = tsn_diags_errors(diags);
	j->result.warnings = tsn_diags_warnings(diags);
	tsn_log_lines(j->log, j->result.errors > 0 ? TSN_LOG_ERROR : TSN_LOG_WARN, tsn_buf_str(&j->result.text));
}

static void
clear(struct tsn_job *j)
{
	if (j->tell != NULL)
		j->tell(j->arg, j->old);
	tsn_load_free(j->old);
	tsn_set_free(j->old_set);
}

/* All that can be done beside the flows is done here. */
static void
make_load(struct tsn_job *j, struct tsn_sources *sources, struct tsn_diags *diags)
{
	struct tsn_ruleset *rs = tsn_compile(sources, j->in, diags);

	if (rs == NULL)
		return;
	j->result.load = tsn_engine_prepare(j->engine, rs);
	if (j->result.load == NULL)
		tsn_ruleset_free(rs);
	else
		j->result.watch = tsn_watch_new(rs, j->now, j->now);
}

static void
work(struct tsn_job *j)
{
	struct tsn_sources *sources = tsn_sources_new();
	struct tsn_diags *diags = tsn_diags_new();

	if (sources != NULL && diags != NULL) {
		if (j->result.refresh)
			j->result.set = tsn_ruleset_rebuild_set(j->rs, j->result.slot, diags);
		else
			make_load(j, sources, diags);
		keep_text(j, diags, sources);
	}
	tsn_diags_free(diags);
	tsn_sources_free(sources);
}

/* Who takes flows goes first: with a core to spare this is no slower, without one it takes what is left. */
static void
step_back(void)
{
	setpriority(PRIO_PROCESS, (id_t)gettid(), BEHIND);
}

static void *
live(void *arg)
{
	struct tsn_job *j = arg;
	const uint64_t one = 1;

	step_back();
	j->run(j);
	if (write(j->fd, &one, sizeof(one)) < 0)
		return NULL; /* an eventfd at 0 takes one: cannot happen */
	return NULL;
}

static bool
start(struct tsn_job *j, void (*run)(struct tsn_job *j))
{
	j->run = run;
	j->running = tsn_thread_start(&j->thread, live, j) == 0;
	return j->running;
}

bool
tsn_job_compile(struct tsn_job *j, const struct tsn_compile_input *in, struct tsn_engine *e, int64_t now)
{
	if (j->running)
		return false;
	memset(&j->result, 0, sizeof(j->result));
	j->in = in;
	j->engine = e;
	j->now = now;
	return start(j, work);
}

bool
tsn_job_refresh(struct tsn_job *j, const struct tsn_ruleset *rs, uint32_t slot)
{
	if (j->running)
		return false;
	memset(&j->result, 0, sizeof(j->result));
	j->result.refresh = true;
	j->result.slot = slot;
	j->rs = rs;
	return start(j, work);
}

void
tsn_job_clear(struct tsn_job *j, struct tsn_load *l, struct tsn_set *set, void (*tell)(void *arg, const struct tsn_load *), void *arg)
{
	if (j->running || (l == NULL && set == NULL))
		return;
	memset(&j->result, 0, sizeof(j->result));
	j->result.cleared = true;
	j->old = l;
	j->old_set = set;
	j->tell = tell;
	j->arg = arg;
	if (!start(j, clear))
		clear(j);
}

void
tsn_job_take(struct tsn_job *j, struct tsn_job_result *out)
{
	uint64_t n;

	pthread_join(j->thread, NULL);
	if (read(j->fd, &n, sizeof(n)) < 0)
		n = 0;
	j->running = false;
	*out = j->result;
	memset(&j->result, 0, sizeof(j->result));
}

void
tsn_job_free(struct tsn_job *j)
{
	struct tsn_job_result r;

	if (j == NULL)
		return;
	if (j->running) {
		tsn_job_take(j, &r);
		tsn_load_free(r.load);
		tsn_watch_free(r.watch);
		tsn_set_free(r.set);
		tsn_buf_fini(&r.text);
	}
	close(j->fd);
	tsn_free(j);
}
