/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The threads: what they turn to, when they sleep and are woken. */
#include <sched.h>
#include <string.h>

#include "base/thread.h"
#include "core/crew_internal.h"

#define ITEMS TSN_CREW_ITEMS
#define WAKE  4u    /* so many must wait before a thread is woken */
#define ASIDE 2u    /* threads that are of use beside the lanes' */
#define LOOKS 64u   /* for work before a thread sleeps: some ten microseconds, in which the front sends an item or two */

/*
 * Is there work again before long? To sleep and be woken takes as long as the front does for several items, and where cores have no cache in common
 * who is woken is mostly put on the front's, and takes turns with it until the kernel sees that another is idle. To yield costs the front nothing even then.
 */
static bool
linger(const struct tsn_crew *c, struct tsn_crew_choice how)
{
	for (unsigned i = 0; i < LOOKS && !atomic_load(&c->stop); i++) {
		if (tsn_crew_unprepared(c) > 0 || tsn_crew_choose(c, how) != UINT32_MAX)
			return true;
		sched_yield();
	}
	return false;
}

static void
sleep_until_woken(struct tsn_crew *c)
{
	pthread_mutex_lock(&c->lock);
	atomic_fetch_add(&c->sleeping, 1);
	if (c->parks)
		pthread_cond_signal(&c->progress);
	while (!atomic_load(&c->stop) && !c->called && !tsn_crew_has_work(c, WAKE))
		pthread_cond_wait(&c->work, &c->lock);
	c->called = false;
	atomic_fetch_sub(&c->sleeping, 1);
	pthread_mutex_unlock(&c->lock);
}

static void
go_away(struct tsn_crew *c, int by)
{
	pthread_mutex_lock(&c->lock);
	c->away += by;
	if (c->parks)
		pthread_cond_signal(&c->progress);
	pthread_mutex_unlock(&c->lock);
}

static bool
piece_aside(struct tsn_crew *c)
{
	bool was;

	go_away(c, 1);
	was = tsn_asides_piece(c->asides);
	go_away(c, -1);
	return was;
}

/* Is this thread one of those aside? */
static void
be_aside(struct tsn_crew *c, bool *is, bool now)
{
	if (*is != now)
		atomic_fetch_add(&c->aside, now ? 1 : -1);
	*is = now;
}

/*
 * Lines, which the front waits for; lanes where much waits; else what is to be done aside, and stays so between its pieces;
 * else lanes where anything waits.
 */
static void *
live(void *arg)
{
	struct tsn_crew *c = arg;
	const struct tsn_crew_choice any = { atomic_fetch_add(&c->names, 1), 1, WAKE };
	bool aside = false;

	while (!atomic_load(&c->stop)) {
		if (tsn_crew_make_lines(c))
			continue;
		if (!tsn_crew_waits(c, WAKE) && tsn_crew_unprepared(c) == 0 && piece_aside(c)) {
			be_aside(c, &aside, true);
			continue;
		}
		be_aside(c, &aside, false);
		if (!tsn_crew_work(c, any, ITEMS) && !tsn_crew_prepare(c, any.me) && !linger(c, any) && !piece_aside(c))
			sleep_until_woken(c);
	}
	return NULL;
}

void
tsn_crew_wake_one(struct tsn_crew *c)
{
	if (atomic_load(&c->sleeping) == 0 || !tsn_crew_has_work(c, WAKE))
		return;
	pthread_mutex_lock(&c->lock);
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

/* One that is awake comes by itself; at worst the front has done the work by the time one is called again. */
void
tsn_crew_call(struct tsn_crew *c)
{
	if (atomic_load(&c->sleeping) == 0)
		return;
	pthread_mutex_lock(&c->lock);
	c->called = true;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

/* More threads than lanes, and some aside, would have nothing to do. */
void
tsn_crew_start(struct tsn_crew *c)
{
	const unsigned useful = c->nlanes + ASIDE, want = c->most < useful ? c->most : useful;
	int err = 0;

	while (c->nthreads < want && (err = tsn_thread_start(&c->thread[c->nthreads], live, c)) == 0)
		c->nthreads++;
	if (err != 0)
		tsn_log(c->log.to, TSN_LOG_WARN, "%u threads are at work in place of %u: %s", c->nthreads + 1, want + 1, strerror(err));
}

void
tsn_crew_stop(struct tsn_crew *c)
{
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->stop, true);
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->nthreads; i++)
		pthread_join(c->thread[i], NULL);
}
