/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files of the crew share: crew.c is the front's part, crew_work.c what there is to do, crew_threads.c who does it. */
#ifndef TSN_CORE_CREW_INTERNAL_H
#define TSN_CORE_CREW_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/crew.h"
#include "core/lane_log.h"
#include "core/seats.h"
#include "core/spares.h"

#define TSN_CREW_FRONT 0u  /* the name of the front's thread */
#define TSN_CREW_TIMED 16u /* one item in so many is */

struct tsn_crew {
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct tsn_seat *seat;
	struct tsn_item item[TSN_CREW_ITEMS]; /* item number n at n % TSN_CREW_ITEMS */
	_Alignas(64) _Atomic uint64_t sent;
	_Atomic uint64_t claimed;       /* items below it are prepared, or somebody is at it */
	_Atomic uint64_t ready;         /* items below it are: lanes may take them */
	/* of the front */
	_Atomic uint64_t given;         /* items whose records were given; those below are free */
	struct tsn_spares spares;
	struct tsn_alerts *to;
	struct tsn_asides *asides;
	bool light;                     /* all lanes together cost less than handing a batch over */
	uint64_t (*cpu)(void);          /* NULL: nobody knows what they cost */
	_Atomic unsigned names;         /* of threads */
	int64_t grace;
	struct tsn_lane_log log;
	/* sleeping and waking */
	pthread_mutex_t lock;
	pthread_cond_t work, progress;
	_Atomic int sleeping;
	/* under the lock */
	bool called;
	bool parks;                     /* the front waits until nobody looks at lanes */
	int away;                       /* threads that do not, because they do something aside */
	_Atomic int aside;              /* threads that are */
	atomic_bool front_waits;
	_Atomic uint64_t until;         /* ...for items below it */
	atomic_bool stop;
	pthread_t *thread;
	unsigned nthreads, most;
	uint64_t full;                  /* so many are in flight at most */
};

/*
 * What threads look at before they sleep, or rely on another to go on, is read in the one order of all that is stored
 * here: who says that it waits and then looks, and who moves on and then asks who waits, must not miss each other.
 */
static inline uint64_t
tsn_crew_done(const struct tsn_crew *c, uint32_t lane)
{
	return atomic_load(&c->seat[lane].done);
}

static inline uint64_t
tsn_crew_sent(const struct tsn_crew *c)
{
	return atomic_load(&c->sent);
}

static inline uint64_t
tsn_crew_ready(const struct tsn_crew *c)
{
	return atomic_load(&c->ready);
}

/* --- what there is to do, by any thread: crew_work.c --- */

/* How many items must wait before a thread takes a lane. */
struct tsn_crew_choice {
	unsigned me;
	uint64_t own, others; /* of a lane for it, of another */
};
#define TSN_CREW_NEVER UINT64_MAX

/* Of the lanes that nobody runs the one furthest behind that may be taken; UINT32_MAX: none. */
uint32_t tsn_crew_choose(const struct tsn_crew *c, struct tsn_crew_choice how);
/* Is there one for anybody with [least] waiting? */
bool tsn_crew_waits(const struct tsn_crew *c, uint64_t least);
/* Up to [most] items of a lane. False: none was free to be run. */
bool tsn_crew_work(struct tsn_crew *c, struct tsn_crew_choice how, uint64_t most);
/* Items that nobody has begun to prepare. */
uint64_t tsn_crew_unprepared(const struct tsn_crew *c);
/* The first of them. False: there was none. */
bool tsn_crew_prepare(struct tsn_crew *c, unsigned me);
/* Items below it are through all lanes. */
uint64_t tsn_crew_all_done(const struct tsn_crew *c);
/* Lines of one of these, if they are for anybody to make. False: there was nothing to do. */
bool tsn_crew_make_lines(struct tsn_crew *c);
/* Is there anything for anybody: a lane with [least] waiting, as many items to prepare, or lines to make? */
bool tsn_crew_has_work(const struct tsn_crew *c, uint64_t least);
/* Can the records of the next item be given, those below [to] being through? */
bool tsn_crew_is_due(const struct tsn_crew *c, uint64_t to);
/* In the place of item [n], whose lines are nobody's yet. */
void tsn_crew_no_lines(struct tsn_crew *c, uint64_t n);

/* --- who does it: crew_threads.c --- */

/* Threads that the lanes at hand can use, if they are not there yet. */
void tsn_crew_start(struct tsn_crew *c);
void tsn_crew_stop(struct tsn_crew *c);
/* If one sleeps, and there is enough to do. */
void tsn_crew_wake_one(struct tsn_crew *c);

#endif
