/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "daemon/receivers.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "daemon/nap.h"
#include "input/queue.h"

#define QUEUE   ((size_t)8 << 20) /* 5,000 usual datagrams: a pause of a tenth of a second at high rates */
#define THREADS 4u                /* that evaluate, for one that receives */

struct receiver {
	struct tsn_receivers *all;
	struct tsn_queue *queue;
	/* the thread's while it runs */
	struct pollfd *poll;        /* the bell that stops it, then its sockets */
	struct tsn_udp **udp;
	size_t nudp;
	struct tsn_nap nap;
	bool naps;
	struct tsn_datagram held[TSN_UDP_BATCH]; /* found no room in the queue yet; the bytes are the socket's */
	unsigned nheld, given;
	pthread_t thread;
};

struct tsn_receivers {
	const struct tsn_log *log;
	unsigned n, running;
	int bell, stop;             /* eventfds: something came, they are to stop */
	atomic_bool stopping;
	atomic_bool watched;        /* the caller sleeps until the bell rings */
	_Atomic uint64_t waits;
	atomic_int error;
	struct receiver one[TSN_RECEIVERS_MAX];
};

unsigned
tsn_receivers_for(unsigned threads)
{
	const unsigned n = threads / THREADS;

	return threads < 2 ? 0 : n == 0 ? 1 : n < TSN_RECEIVERS_MAX ? n : TSN_RECEIVERS_MAX;
}

/* --- the threads --- */

static void
ring(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0) /* full: it is readable anyway */
		return;
}

static void
nap(struct receiver *r, unsigned took)
{
	const struct timespec t = tsn_nap_after(&r->nap, took);

	ppoll(r->poll, 1, &t, NULL);
}

/* Puts what was received into the queue, waiting for room. False: it is to stop, and holds the rest. */
static bool
hand_over(struct receiver *r)
{
	struct tsn_receivers *all = r->all;

	while (r->given < r->nheld) {
		while (r->given < r->nheld && tsn_queue_put(r->queue, &r->held[r->given]))
			r->given++;
		tsn_queue_send(r->queue);
		if (atomic_load(&all->watched) && atomic_exchange(&all->watched, false))
			ring(all->bell);
		if (r->given == r->nheld)
			break;
		if (atomic_load(&all->stopping))
			return false;
		atomic_fetch_add_explicit(&all->waits, 1, memory_order_relaxed);
		nap(r, TSN_UDP_BATCH);
	}
	return true;
}

/* One call for each socket; -1: it is to stop. */
static int
round_of(struct receiver *r)
{
	int took = 0;

	for (size_t i = 0; i < r->nudp; i++) {
		int n = tsn_udp_receive(r->udp[i], r->held, TSN_UDP_BATCH);

		if (n < 0) {
			atomic_store(&r->all->error, errno);
			nap(r, 0);
			continue;
		}
		r->nheld = (unsigned)n;
		r->given = 0;
		if (!hand_over(r))
			return -1;
		took += n;
	}
	return took;
}

static void *
live(void *arg)
{
	struct receiver *r = arg;
	unsigned since = 0; /* it last slept */

	if (!hand_over(r)) /* what was left when it was stopped */
		return NULL;
	while (!atomic_load(&r->all->stopping)) {
		int took = round_of(r);

		if (took < 0)
			break;
		since += (unsigned)took;
		if (took >= TSN_UDP_BATCH) /* there may be more */
			continue;
		if (since > 0 && r->naps)
			nap(r, since);
		else
			poll(r->poll, r->nudp + 1, -1);
		since = 0;
	}
	return NULL;
}

/* --- made and freed --- */

static void
unmake(struct receiver *o)
{
	tsn_queue_free(o->queue);
	tsn_free(o->poll);
	tsn_free(o->udp);
}

/* It may get no socket, where there are fewer than receivers. */
static bool
make(struct tsn_receivers *r, struct receiver *o, size_t queue)
{
	o->all = r;
	o->queue = tsn_queue_new(queue);
	o->poll = tsn_calloc(1, sizeof(*o->poll));
	if (o->queue == NULL || o->poll == NULL) {
		unmake(o);
		return false;
	}
	o->poll[0] = (struct pollfd){ .fd = r->stop, .events = POLLIN };
	return true;
}

struct tsn_receivers *
tsn_receivers_new(unsigned n, size_t queue, const struct tsn_log *log)
{
	struct tsn_receivers *r = tsn_calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->log = log;
	r->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (r->n = 0; r->n < n && r->n < TSN_RECEIVERS_MAX; r->n++)
		if (!make(r, &r->one[r->n], queue != 0 ? queue : QUEUE))
			break;
	if (r->n > 0 && r->bell >= 0 && r->stop >= 0)
		return r;
	tsn_receivers_free(r);
	return NULL;
}

void
tsn_receivers_free(struct tsn_receivers *r)
{
	if (r == NULL)
		return;
	tsn_receivers_stop(r);
	for (unsigned i = 0; i < r->n; i++)
		unmake(&r->one[i]);
	if (r->bell >= 0)
		close(r->bell);
	if (r->stop >= 0)
		close(r->stop);
	tsn_free(r);
}

unsigned
tsn_receivers_count(const struct tsn_receivers *r)
{
	return r->n;
}

bool
tsn_receivers_add(struct tsn_receivers *r, unsigned i, struct tsn_udp *u)
{
	struct receiver *o = &r->one[i];
	struct tsn_udp **udp = tsn_reallocarray(o->udp, o->nudp + 1, sizeof(struct tsn_udp *));
	struct pollfd *fds;

	if (udp == NULL)
		return false;
	o->udp = udp;
	fds = tsn_reallocarray(o->poll, o->nudp + 2, sizeof(*fds));
	if (fds == NULL)
		return false;
	o->poll = fds;
	o->poll[o->nudp + 1] = (struct pollfd){ .fd = tsn_udp_fd(u), .events = POLLIN };
	o->udp[o->nudp] = u;
	o->naps = (o->nudp == 0 || o->naps) && tsn_nap_fits(u);
	o->nudp++;
	return true;
}

/* --- the caller --- */

/* How many threads of the first [n] run; the error of the one that does not. */
static unsigned
launch(struct tsn_receivers *r, unsigned n, int *error)
{
	while (r->running < n && (*error = tsn_thread_start(&r->one[r->running].thread, live, &r->one[r->running])) == 0)
		r->running++;
	return r->running;
}

static void
halt(struct tsn_receivers *r)
{
	uint64_t n;

	atomic_store(&r->stopping, true);
	ring(r->stop);
	while (r->running > 0)
		pthread_join(r->one[--r->running].thread, NULL);
	atomic_store(&r->stopping, false);
	if (read(r->stop, &n, sizeof(n)) < 0) /* it was not rung: cannot be, and nothing to do about it */
		return;
}

/* Nothing of what it received waits. */
static bool
is_empty(const struct receiver *o)
{
	return !tsn_queue_waits(o->queue) && o->given == o->nheld;
}

/*
 * The sockets of those from [first] on, that have no thread, go to the others. Not where one of them had a thread before and
 * left something: it would be overtaken, and what found no room in its queue lies in a socket that others then receive into.
 */
static bool
divide(struct tsn_receivers *r, unsigned first)
{
	for (unsigned i = first; i < r->n; i++) {
		if (!is_empty(&r->one[i]))
			return false;
		for (size_t k = 0; k < r->one[i].nudp; k++)
			if (!tsn_receivers_add(r, i % first, r->one[i].udp[k]))
				return false;
		r->one[i].nudp = 0;
	}
	return true;
}

bool
tsn_receivers_start(struct tsn_receivers *r)
{
	unsigned n = r->n, got = 0;
	int error = 0;

	while (n > 0 && (got = launch(r, n, &error)) < n) {
		halt(r);
		n = got > 0 && divide(r, got) ? got : 0;
	}
	if (n < r->n)
		tsn_log(r->log, TSN_LOG_WARN, "%u threads receive in place of %u: %s", n, r->n, strerror(error));
	if (n == 0)
		tsn_receivers_stop(r);
	return n > 0;
}

void
tsn_receivers_stop(struct tsn_receivers *r)
{
	if (r->running > 0)
		halt(r);
	for (unsigned i = 0; i < r->n; i++)
		r->one[i].nudp = 0;
}

unsigned
tsn_receivers_running(const struct tsn_receivers *r)
{
	return r->running;
}

unsigned
tsn_receivers_take(struct tsn_receivers *r, unsigned i, struct tsn_datagram *out, unsigned max)
{
	struct receiver *o = &r->one[i];
	unsigned n = tsn_queue_take(o->queue, out, max);

	while (r->running == 0 && n < max && o->given < o->nheld)
		out[n++] = o->held[o->given++];
	return n;
}

void
tsn_receivers_done(struct tsn_receivers *r, unsigned i)
{
	tsn_queue_done(r->one[i].queue);
}

int
tsn_receivers_fd(const struct tsn_receivers *r)
{
	return r->bell;
}

bool
tsn_receivers_watch(struct tsn_receivers *r)
{
	uint64_t n;

	if (read(r->bell, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return false;
	atomic_store(&r->watched, true);
	for (unsigned i = 0; i < r->n; i++)
		if (tsn_queue_waits(r->one[i].queue))
			return false;
	return true;
}

uint64_t
tsn_receivers_waits(const struct tsn_receivers *r)
{
	return atomic_load_explicit(&r->waits, memory_order_relaxed);
}

int
tsn_receivers_error(struct tsn_receivers *r)
{
	return atomic_exchange(&r->error, 0);
}
