/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "core/lane_log.h"
#include "core/seats.h"
#include "core/spares.h"
#include "flow/share.h"

#define ITEMS TSN_CREW_ITEMS
_Static_assert(TSN_SPARES >= ITEMS + 2, "all batches may wait, the one being filled and that of conversations, too");
#define LIGHT 12u   /* ns a flow: what handing it over costs, and more, since what is handed over takes longer and seldom looks light again */
#define WAKE  4u    /* so many must wait before a thread is woken */
#define MANY  32u   /* records whose lines are worth making by somebody else */
#define TIMED 16u   /* one item in so many is */
#define ASIDE 2u    /* threads that are of use beside the lanes' */
#define TURN  2u    /* the front gives a lane back after so many, to look for what is free */
#define FRONT 0u
#define LOOKS 64u   /* for work before a thread sleeps: some ten microseconds, in which the front sends an item or two */
#define HIGH  6u    /* so many are in flight before the front takes a turn at its own lanes */
#define EACH  4u    /* in flight at most, of each thread: more would push one another's batches out of the caches */

struct tsn_crew {
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct tsn_seat *seat;
	struct tsn_item item[ITEMS];    /* item number n at n % ITEMS */
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

/* --- lanes --- */

/*
 * What threads look at before they sleep, or rely on another to go on, is read in the one order of all that is stored
 * here: who says that it waits and then looks, and who moves on and then asks who waits, must not miss each other.
 */
static uint64_t
done(const struct tsn_crew *c, uint32_t lane)
{
	return atomic_load(&c->seat[lane].done);
}

static uint64_t
sent(const struct tsn_crew *c)
{
	return atomic_load(&c->sent);
}

static uint64_t
ready(const struct tsn_crew *c)
{
	return atomic_load(&c->ready);
}

/* How many items must wait before a thread takes a lane. */
struct choice {
	unsigned me;
	uint64_t own, others; /* of a lane for it, of another */
};
#define NEVER UINT64_MAX

/* Of the lanes that nobody runs the one furthest behind that may be taken; UINT32_MAX: none. */
static uint32_t
choose(const struct tsn_crew *c, struct choice how)
{
	uint64_t to = ready(c), behind = 0;
	uint32_t lane = UINT32_MAX;

	for (uint32_t i = 0; i < c->nlanes; i++) {
		const bool own = atomic_load_explicit(&c->seat[i].by, memory_order_relaxed) == how.me;
		const uint64_t at = done(c, i), waits = to > at ? to - at : 0;

		if (waits > behind && waits >= (own ? how.own : how.others) && !atomic_load(&c->seat[i].busy)) {
			behind = waits;
			lane = i;
		}
	}
	return lane;
}

/* Is there one for anybody with [least] waiting? */
static bool
waits(const struct tsn_crew *c, uint64_t least)
{
	return choose(c, (struct choice){ FRONT, least, least }) != UINT32_MAX;
}

static void
tell_progress(struct tsn_crew *c)
{
	if (!atomic_load(&c->front_waits))
		return;
	pthread_mutex_lock(&c->lock);
	pthread_cond_signal(&c->progress);
	pthread_mutex_unlock(&c->lock);
}

/* Items below it are through all lanes: one line to look at for each, however many lanes there are. */
static uint64_t
all_done(const struct tsn_crew *c)
{
	const uint64_t to = sent(c);
	uint64_t n = atomic_load(&c->given);

	while (n < to && atomic_load(&c->item[n % ITEMS].left) == 0)
		n++;
	return n;
}

static bool
has_many(const struct tsn_crew *c, uint64_t item)
{
	return c->nthreads > 0 && atomic_load(&c->item[item % ITEMS].nrecords) >= MANY;
}

/* A lane is through item [n]. To wake the front takes a part of what an item does: not before it can go on for a while. */
static void
tell_done(struct tsn_crew *c, uint64_t n)
{
	if (atomic_load(&c->front_waits) && (all_done(c) >= atomic_load(&c->until) || has_many(c, n)))
		tell_progress(c);
}

/* Of one item in so many, if it has rows enough to tell; what was before counts for three quarters. */
static void
run_timed(const struct tsn_crew *c, struct tsn_item *it, uint32_t lane, uint64_t n)
{
	struct tsn_seat *s = &c->seat[lane];
	uint64_t before = atomic_load_explicit(&s->cost, memory_order_relaxed), from, took;

	if (c->cpu == NULL || n % TIMED != 0 || it->kind != TSN_ITEM_FLOWS || it->batch->n < TSN_BATCH_ROWS / 4) {
		tsn_item_run(it, &c->lane[lane], lane);
		return;
	}
	from = c->cpu();
	tsn_item_run(it, &c->lane[lane], lane);
	took = (c->cpu() - from) * TSN_BATCH_ROWS / it->batch->n;
	atomic_store_explicit(&s->cost, (3 * before + took) / 4, memory_order_relaxed);
}

static void
run_item(struct tsn_crew *c, uint32_t lane, uint64_t n)
{
	struct tsn_item *it = &c->item[n % ITEMS];
	struct tsn_seat *s = &c->seat[lane];

	run_timed(c, it, lane, n);
	if (it->records[lane].n > 0)
		atomic_fetch_add_explicit(&it->nrecords, it->records[lane].n, memory_order_relaxed);
	atomic_store_explicit(&s->watch_due, tsn_alerts_watch_due(c->lane[lane].alerts), memory_order_relaxed);
	atomic_store(&s->done, n + 1);
	atomic_fetch_sub(&it->left, 1);
	tell_done(c, n);
}

/* Up to [most] items of a lane. False: none was free to be run. */
static bool
work(struct tsn_crew *c, struct choice how, uint64_t most)
{
	const uint32_t lane = choose(c, how);
	uint64_t n, end;

	if (lane == UINT32_MAX || atomic_exchange(&c->seat[lane].busy, true))
		return lane != UINT32_MAX; /* somebody was quicker: there may be another */
	atomic_store_explicit(&c->seat[lane].by, how.me, memory_order_relaxed);
	n = done(c, lane);
	for (end = n + most; n < end && n < ready(c); n++)
		run_item(c, lane, n);
	atomic_store(&c->seat[lane].busy, false);
	tell_progress(c); /* the lane may have work again, that the front left to us, and we may be aside for long before we look */
	return true;
}

/* --- preparing --- */

static uint64_t
unprepared(const struct tsn_crew *c)
{
	const uint64_t at = atomic_load(&c->claimed), to = sent(c);

	return to > at ? to - at : 0;
}

/* Lanes may go on as far as all is prepared. */
static void
move_ready(struct tsn_crew *c)
{
	uint64_t n = ready(c);

	while (atomic_load(&c->item[n % ITEMS].prepared) == n + 1)
		if (atomic_compare_exchange_strong(&c->ready, &n, n + 1))
			n++;
	tell_progress(c);
}

/* The item that nobody has begun with. False: there is none. */
static bool
prepare(struct tsn_crew *c, unsigned me)
{
	uint64_t n = atomic_load(&c->claimed);
	struct tsn_item *it;

	do {
		if (n >= sent(c))
			return false;
	} while (!atomic_compare_exchange_weak(&c->claimed, &n, n + 1));
	it = &c->item[n % ITEMS];
	it->by = it->later.n > 0 ? me : FRONT;
	tsn_item_prepare(it, c->lane, c->nlanes, it->later.n > 0 ? tsn_spares_take(&c->spares, me) : NULL);
	atomic_store(&it->prepared, n + 1);
	move_ready(c);
	return true;
}

/* --- lines of records --- */

/*
 * Text takes longer than what it tells of, and items need not wait for one another with it: lines of an item that has many
 * records are made by whoever is free when all lanes are through it, the front among them.
 */
enum lines { NONE_YET, BEING_MADE, MADE };

static uint64_t
lines_of(uint64_t item, enum lines how)
{
	return item * 4 + how;
}

static bool
are_lines(const struct tsn_crew *c, uint64_t item, enum lines how)
{
	return atomic_load(&c->item[item % ITEMS].lines_are) == lines_of(item, how);
}

/* The first item whose lines are for anybody to make; UINT64_MAX: there is none. */
static uint64_t
lineless(const struct tsn_crew *c)
{
	const uint64_t to = all_done(c);

	for (uint64_t n = atomic_load(&c->given); n < to; n++)
		if (has_many(c, n) && are_lines(c, n, NONE_YET))
			return n;
	return UINT64_MAX;
}

/* False: there was nothing to do. */
static bool
make_lines(struct tsn_crew *c)
{
	const uint64_t n = lineless(c);
	struct tsn_item *it = &c->item[n % ITEMS];
	uint64_t is = lines_of(n, NONE_YET);

	if (n == UINT64_MAX)
		return false;
	if (!atomic_compare_exchange_strong(&it->lines_are, &is, lines_of(n, BEING_MADE)))
		return true; /* somebody was quicker: there may be another */
	tsn_alerts_make_lines(c->to, it->records, c->nlanes, &it->lines);
	atomic_store(&it->lines_are, lines_of(n, MADE));
	tell_progress(c);
	return true;
}

/* --- threads --- */

/*
 * Is there work again before long? To sleep and be woken takes as long as the front does for several items, and where cores have no cache in common
 * who is woken is mostly put on the front's, and takes turns with it until the kernel sees that another is idle. To yield costs the front nothing even then.
 */
static bool
linger(const struct tsn_crew *c, struct choice how)
{
	for (unsigned i = 0; i < LOOKS && !atomic_load(&c->stop); i++) {
		if (unprepared(c) > 0 || choose(c, how) != UINT32_MAX)
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
	while (!atomic_load(&c->stop) && !c->called && !waits(c, WAKE) && unprepared(c) < WAKE && lineless(c) == UINT64_MAX)
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
	const struct choice any = { atomic_fetch_add(&c->names, 1), 1, WAKE };
	bool aside = false;

	while (!atomic_load(&c->stop)) {
		if (make_lines(c))
			continue;
		if (!waits(c, WAKE) && unprepared(c) == 0 && piece_aside(c)) {
			be_aside(c, &aside, true);
			continue;
		}
		be_aside(c, &aside, false);
		if (!work(c, any, ITEMS) && !prepare(c, any.me) && !linger(c, any) && !piece_aside(c))
			sleep_until_woken(c);
	}
	return NULL;
}

static void
wake_one(struct tsn_crew *c)
{
	if (atomic_load(&c->sleeping) == 0 || (!waits(c, WAKE) && unprepared(c) < WAKE && lineless(c) == UINT64_MAX))
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
static void
start(struct tsn_crew *c)
{
	const unsigned useful = c->nlanes + ASIDE, want = c->most < useful ? c->most : useful;
	int err = 0;

	while (c->nthreads < want && (err = tsn_thread_start(&c->thread[c->nthreads], live, c)) == 0)
		c->nthreads++;
	if (err != 0)
		tsn_log(c->log.to, TSN_LOG_WARN, "%u threads are at work in place of %u: %s", c->nthreads + 1, want + 1, strerror(err));
}

static void
stop(struct tsn_crew *c)
{
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->stop, true);
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->nthreads; i++)
		pthread_join(c->thread[i], NULL);
}

/* --- made and freed --- */

/* Exchanges what the crew has for [s]. Nobody looks at either. */
static void
exchange(struct tsn_crew *c, struct tsn_seats *s)
{
	const struct tsn_seats next = *s;

	*s = (struct tsn_seats){ .lane = c->lane, .nlanes = c->nlanes, .seat = c->seat, .to = c->to };
	c->lane = next.lane;
	c->nlanes = next.nlanes;
	c->seat = next.seat;
	c->to = next.to;
	for (uint32_t i = 0; i < ITEMS; i++) {
		s->records[i] = c->item[i].records;
		s->share[i] = c->item[i].share;
		s->looked[i] = c->item[i].looked;
		c->item[i].records = next.records[i];
		c->item[i].share = next.share[i];
		c->item[i].looked = next.looked[i];
	}
	for (uint32_t i = 0; i < c->nlanes; i++)
		atomic_store(&c->seat[i].done, sent(c));
}

void
tsn_crew_seat(struct tsn_crew *c, struct tsn_seats *s)
{
	pthread_mutex_lock(&c->lock);
	c->parks = true;
	while (atomic_load(&c->sleeping) + c->away < (int)c->nthreads)
		pthread_cond_wait(&c->progress, &c->lock);
	c->parks = false;
	exchange(c, s);
	pthread_mutex_unlock(&c->lock);
	start(c);
}

static bool
make(struct tsn_crew *c)
{
	const bool batches = tsn_spares_init(&c->spares, ITEMS + 1);

	c->thread = tsn_calloc(c->most + (size_t)1, sizeof(*c->thread));
	if (!batches || c->thread == NULL)
		return false;
	for (uint32_t i = 0; i < ITEMS; i++)
		atomic_init(&c->item[i].lines_are, lines_of(i, NONE_YET));
	return true;
}

const struct tsn_log *
tsn_crew_log(const struct tsn_crew *c)
{
	return &c->log.log;
}

struct tsn_crew *
tsn_crew_new(unsigned threads, struct tsn_asides *asides, const struct tsn_engine_options *o)
{
	struct tsn_crew *c = tsn_aligned_alloc(64, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct tsn_crew){ .most = threads - 1, .asides = asides, .cpu = o->cpu, .grace = INT64_MAX, .names = FRONT + 1,
		.full = threads * EACH < ITEMS ? threads * EACH : ITEMS };
	tsn_lane_log_init(&c->log, o->log);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->progress, NULL);
	if (!make(c)) {
		tsn_crew_free(c);
		return NULL;
	}
	return c;
}

void
tsn_crew_free(struct tsn_crew *c)
{
	if (c == NULL)
		return;
	stop(c);
	tsn_lane_log_give(&c->log);
	tsn_lane_log_fini(&c->log);
	for (uint32_t i = 0; i < ITEMS; i++) {
		for (uint32_t k = 0; k < c->nlanes; k++)
			tsn_alert_records_fini(&c->item[i].records[k]);
		tsn_batch_free(c->item[i].batch);
		tsn_later_forget(&c->item[i].later);
		tsn_free(c->item[i].told);
		tsn_free(c->item[i].records);
		tsn_alert_lines_fini(&c->item[i].lines);
		for (uint32_t k = 0; k < c->nlanes; k++)
			tsn_share_free(c->item[i].share[k]);
		tsn_free(c->item[i].share);
		tsn_free(c->item[i].looked);
	}
	tsn_spares_fini(&c->spares);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->progress);
	tsn_free(c->thread);
	tsn_free(c->seat);
	tsn_free(c);
}

/* --- the front --- */

/* Can the records of the next item be given? */
static bool
is_due(const struct tsn_crew *c, uint64_t to)
{
	const uint64_t n = c->given;

	return n < to && (!has_many(c, n) || are_lines(c, n, MADE));
}

static void
give(struct tsn_crew *c, uint64_t n)
{
	struct tsn_item *it = &c->item[n % ITEMS];

	tsn_alerts_give(c->to, it->records, c->nlanes, &it->lines);
	tsn_item_end(it);
	if (it->batch != NULL)
		tsn_spares_put(&c->spares, it->batch, it->by);
	it->batch = NULL;
	it->nrecords = 0;
	atomic_store(&it->lines_are, lines_of(n + ITEMS, NONE_YET));
	atomic_store(&c->given, n + 1);
}

/* Gives the records of items that all lanes are through, and so has the items back. */
static void
collect(struct tsn_crew *c)
{
	const uint64_t to = all_done(c);

	tsn_lane_log_give(&c->log);
	while (is_due(c, to))
		give(c, c->given);
}

/* Until others are through the items below [until], or there is something to do: all lanes with work are being run. */
static void
wait_for_progress(struct tsn_crew *c, uint64_t until)
{
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->until, until);
	atomic_store(&c->front_waits, true);
	while ((all_done(c) < until || !is_due(c, all_done(c))) && !waits(c, 1) && unprepared(c) == 0 && lineless(c) == UINT64_MAX)
		pthread_cond_wait(&c->progress, &c->lock);
	atomic_store(&c->front_waits, false);
	pthread_mutex_unlock(&c->lock);
}

/* [until]: how far to wait for others if there is nothing else to do. */
static void
advance(struct tsn_crew *c, uint64_t until)
{
	if (!work(c, (struct choice){ FRONT, 1, 1 }, TURN) && !prepare(c, FRONT) && !make_lines(c))
		wait_for_progress(c, until);
	collect(c);
}

struct tsn_item *
tsn_crew_item(struct tsn_crew *c)
{
	collect(c);
	while (sent(c) - c->given >= c->full)
		advance(c, c->given + c->full / 2);
	return &c->item[sent(c) % ITEMS];
}

struct tsn_batch *
tsn_crew_batch(struct tsn_crew *c, enum tsn_batch_kind kind, uint32_t cap)
{
	struct tsn_batch *b = tsn_spares_take(&c->spares, FRONT);

	if (kind == TSN_BATCH_FLOWS)
		tsn_batch_reuse(b);
	else
		tsn_batch_clear(b, kind);
	b->cap = cap;
	return b;
}

void
tsn_crew_put_batch(struct tsn_crew *c, struct tsn_batch *b)
{
	tsn_spares_put(&c->spares, b, FRONT);
}

static void
weigh(struct tsn_crew *c)
{
	uint64_t cost = 0;

	for (uint32_t i = 0; i < c->nlanes; i++)
		cost += atomic_load_explicit(&c->seat[i].cost, memory_order_relaxed);
	c->light = cost < LIGHT * TSN_BATCH_ROWS;
}

/*
 * The front's own lanes wait until others have enough to do, and no longer: then their batches are still in its cache. It runs all at once if
 * they are light, or if nothing waits and all others are at something aside.
 */
static void
run_own(struct tsn_crew *c, bool later)
{
	const uint64_t waits = sent(c) - all_done(c);

	if (later) {
		if (waits >= HIGH && !work(c, (struct choice){ FRONT, 1, NEVER }, TURN))
			prepare(c, FRONT);
		collect(c);
	} else if (c->light || (waits == 1 && atomic_load(&c->aside) >= (int)c->nthreads)) {
		while (work(c, (struct choice){ FRONT, 1, 1 }, ITEMS))
			;
		collect(c);
	} else if (waits >= HIGH) {
		work(c, (struct choice){ FRONT, 1, NEVER }, TURN);
		collect(c);
	}
}

void
tsn_crew_send(struct tsn_crew *c)
{
	const uint64_t n = sent(c);
	struct tsn_item *it = &c->item[n % ITEMS];
	const bool later = it->later.n > 0;

	tsn_item_begin(it, c->nlanes, later || !c->light);
	atomic_store(&c->sent, n + 1);
	if (!later && atomic_load(&c->claimed) == n)
		prepare(c, FRONT); /* there is nothing to it */
	if (n % TIMED == 0)
		weigh(c);
	run_own(c, later);
	wake_one(c);
}

void
tsn_crew_drain(struct tsn_crew *c)
{
	collect(c);
	while (c->given < sent(c))
		advance(c, sent(c));
}

void
tsn_crew_flush(struct tsn_crew *c)
{
	struct tsn_alert_records *r = c->item[0].records;

	for (uint32_t i = 0; i < c->nlanes; i++)
		tsn_alerts_take(c->lane[i].alerts, &r[i]);
	tsn_alerts_give(c->to, r, c->nlanes, NULL);
	tsn_lane_log_give(&c->log);
	tsn_crew_look(c, c->grace);
}

int64_t
tsn_crew_watch_due(const struct tsn_crew *c)
{
	const uint64_t to = sent(c);
	int64_t due = INT64_MAX;

	for (uint32_t i = 0; i < c->nlanes; i++) {
		uint64_t at = done(c, i);
		int64_t d = atomic_load_explicit(&c->seat[i].watch_due, memory_order_relaxed), began;

		due = d < due ? d : due;
		if (at == to || c->grace == INT64_MAX)
			continue;
		began = c->item[at % ITEMS].began; /* ours as long as not all is done */
		if (began == TSN_TIME_NONE)
			return INT64_MIN;
		due = began + c->grace < due ? began + c->grace : due;
	}
	return due;
}

void
tsn_crew_look(struct tsn_crew *c, int64_t grace)
{
	c->grace = grace;
	for (uint32_t i = 0; i < c->nlanes; i++)
		atomic_store(&c->seat[i].watch_due, tsn_alerts_watch_due(c->lane[i].alerts));
}
