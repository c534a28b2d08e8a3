/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/crew.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define ITEMS 16u   /* in flight; their batches should fit into a cache */
#define WAKE  6u    /* so many must wait before a thread is woken */
#define TURN  4u    /* the front gives a lane back after so many, to look for what is free */

/* Where a lane stands. Its own cache line, as threads look at those of others. */
struct seat {
	_Alignas(64) atomic_bool busy;  /* somebody runs it */
	_Atomic uint64_t done;          /* items it is through */
	_Atomic int64_t watch_due;      /* behind them */
};

/* What of a crew is about the lanes it has. */
struct tsn_seats {
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct seat *seat;
	struct tsn_alerts *to;
	struct tsn_alert_records *records[ITEMS]; /* of items */
	uint8_t (*parts[ITEMS])[TSN_BATCH_ROWS];
};

struct tsn_crew {
	struct tsn_lane *lane;
	uint32_t nlanes;
	struct seat *seat;
	struct tsn_item item[ITEMS];    /* item number n at n % ITEMS */
	_Alignas(64) _Atomic uint64_t sent;
	/* of the front */
	uint64_t given;                 /* items whose records were given; those below are free */
	struct tsn_batch *spare[ITEMS + 2]; /* the one used last on top: it is in a cache */
	uint32_t nspare;
	struct tsn_alerts *to;
	int64_t grace;
	const struct tsn_log *log;
	/* what lanes logged */
	struct tsn_log lane_log;
	struct tsn_buf lines;           /* each: its level, the text, 0; under the lock */
	atomic_bool has_lines;
	/* sleeping and waking */
	pthread_mutex_t lock;
	pthread_cond_t work, progress;
	_Atomic int sleeping;
	atomic_bool front_waits;
	bool parks;                     /* the front waits until all sleep; under the lock */
	atomic_bool stop;
	pthread_t *thread;
	unsigned nthreads, most;
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

/* The lane furthest behind of those that nobody runs and that have [least] items waiting; UINT32_MAX: none. */
static uint32_t
furthest(const struct tsn_crew *c, uint64_t least)
{
	uint64_t to = sent(c), behind = least - 1;
	uint32_t lane = UINT32_MAX;

	for (uint32_t i = 0; i < c->nlanes; i++) {
		uint64_t at = done(c, i);

		if (to > at && to - at > behind && !atomic_load(&c->seat[i].busy)) {
			behind = to - at;
			lane = i;
		}
	}
	return lane;
}

static void
run_item(struct tsn_crew *c, uint32_t lane, uint64_t n)
{
	struct tsn_item *it = &c->item[n % ITEMS];
	struct seat *s = &c->seat[lane];

	tsn_item_run(it, &c->lane[lane], lane);
	atomic_store_explicit(&s->watch_due, tsn_alerts_watch_due(c->lane[lane].alerts), memory_order_relaxed);
	atomic_store(&s->done, n + 1);
	if (!atomic_load(&c->front_waits))
		return;
	pthread_mutex_lock(&c->lock);
	pthread_cond_signal(&c->progress);
	pthread_mutex_unlock(&c->lock);
}

/* Up to [most] items of a lane. False: none was free to be run. */
static bool
work(struct tsn_crew *c, uint64_t most)
{
	const uint32_t lane = furthest(c, 1);
	uint64_t n, end;

	if (lane == UINT32_MAX || atomic_exchange(&c->seat[lane].busy, true))
		return lane != UINT32_MAX; /* somebody was quicker: there may be another */
	n = done(c, lane);
	for (end = n + most; n < end && n < sent(c); n++)
		run_item(c, lane, n);
	atomic_store(&c->seat[lane].busy, false);
	return true;
}

/* --- threads --- */

static void
sleep_until_woken(struct tsn_crew *c)
{
	pthread_mutex_lock(&c->lock);
	atomic_fetch_add(&c->sleeping, 1);
	if (c->parks)
		pthread_cond_signal(&c->progress);
	while (!atomic_load(&c->stop) && furthest(c, WAKE) == UINT32_MAX)
		pthread_cond_wait(&c->work, &c->lock);
	atomic_fetch_sub(&c->sleeping, 1);
	pthread_mutex_unlock(&c->lock);
}

static void *
live(void *arg)
{
	struct tsn_crew *c = arg;

	while (!atomic_load(&c->stop))
		if (!work(c, ITEMS))
			sleep_until_woken(c);
	return NULL;
}

static void
wake_one(struct tsn_crew *c)
{
	if (atomic_load(&c->sleeping) == 0 || furthest(c, WAKE) == UINT32_MAX)
		return;
	pthread_mutex_lock(&c->lock);
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

/* Signals are for the thread that made the engine. More threads than lanes would have nothing to do. */
static void
start(struct tsn_crew *c)
{
	const unsigned want = c->most < c->nlanes ? c->most : c->nlanes;
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (c->nthreads < want && (err = pthread_create(&c->thread[c->nthreads], NULL, live, c)) == 0)
		c->nthreads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err != 0)
		tsn_log(c->log, TSN_LOG_WARN, "%u threads are at work in place of %u: %s", c->nthreads + 1, want + 1, strerror(err));
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

/* --- the log --- */

static void
keep_line(void *arg, enum tsn_log_level level, const char *line)
{
	struct tsn_crew *c = arg;

	pthread_mutex_lock(&c->lock);
	tsn_buf_putc(&c->lines, (char)level);
	tsn_buf_add(&c->lines, line, strlen(line) + 1);
	pthread_mutex_unlock(&c->lock);
	atomic_store(&c->has_lines, true);
}

const struct tsn_log *
tsn_crew_log(const struct tsn_crew *c)
{
	return &c->lane_log;
}

static void
give_lines(struct tsn_crew *c)
{
	struct tsn_buf lines;

	if (!atomic_exchange(&c->has_lines, false))
		return;
	pthread_mutex_lock(&c->lock);
	lines = c->lines;
	c->lines = (struct tsn_buf)TSN_BUF_INIT;
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < lines.len && !lines.failed; i += 1 + strlen(lines.p + i + 1) + 1)
		tsn_log(c->log, (enum tsn_log_level)lines.p[i], "%s", lines.p + i + 1);
	tsn_buf_fini(&lines);
}

/* --- made and freed --- */

struct tsn_seats *
tsn_seats_new(struct tsn_lane *lane, uint32_t nlanes, struct tsn_alerts *to)
{
	struct tsn_seats *s = tsn_calloc(1, sizeof(*s));
	bool ok = s != NULL;

	if (!ok)
		return NULL;
	*s = (struct tsn_seats){ .lane = lane, .nlanes = nlanes, .to = to, .seat = tsn_aligned_alloc(64, nlanes * sizeof(*s->seat)) };
	ok = s->seat != NULL;
	for (uint32_t i = 0; ok && i < nlanes; i++) {
		atomic_init(&s->seat[i].busy, false);
		atomic_init(&s->seat[i].done, 0);
		atomic_init(&s->seat[i].watch_due, INT64_MAX);
	}
	for (uint32_t i = 0; ok && i < ITEMS; i++)
		ok = (s->records[i] = tsn_calloc(nlanes, sizeof(*s->records[i]))) != NULL &&
		    (s->parts[i] = tsn_calloc(nlanes, sizeof(*s->parts[i]))) != NULL;
	if (ok)
		return s;
	tsn_seats_free(s);
	return NULL;
}

void
tsn_seats_free(struct tsn_seats *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < ITEMS; i++) {
		tsn_free(s->records[i]);
		tsn_free(s->parts[i]);
	}
	tsn_free(s->seat);
	tsn_free(s);
}

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
		s->parts[i] = c->item[i].parts;
		c->item[i].records = next.records[i];
		c->item[i].parts = next.parts[i];
	}
	for (uint32_t i = 0; i < c->nlanes; i++)
		atomic_store(&c->seat[i].done, sent(c));
}

void
tsn_crew_seat(struct tsn_crew *c, struct tsn_seats *s)
{
	pthread_mutex_lock(&c->lock);
	c->parks = true;
	while (atomic_load(&c->sleeping) < (int)c->nthreads)
		pthread_cond_wait(&c->progress, &c->lock);
	c->parks = false;
	exchange(c, s);
	pthread_mutex_unlock(&c->lock);
	start(c);
}

static bool
make(struct tsn_crew *c)
{
	c->thread = tsn_calloc(c->most + (size_t)1, sizeof(*c->thread));
	if (c->thread == NULL)
		return false;
	for (; c->nspare < ITEMS + 1; c->nspare++)
		if ((c->spare[c->nspare] = tsn_batch_new()) == NULL)
			return false;
	return true;
}

struct tsn_crew *
tsn_crew_new(unsigned threads, const struct tsn_log *log)
{
	struct tsn_crew *c = tsn_aligned_alloc(64, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct tsn_crew){ .most = threads - 1, .grace = INT64_MAX, .log = log };
	c->lane_log = (struct tsn_log){ log != NULL ? log->level : TSN_LOG_ERROR, keep_line, c };
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
	give_lines(c);
	for (uint32_t i = 0; i < ITEMS; i++) {
		tsn_batch_free(c->item[i].batch);
		tsn_free(c->item[i].told);
		tsn_free(c->item[i].records);
		tsn_free(c->item[i].parts);
	}
	while (c->nspare > 0)
		tsn_batch_free(c->spare[--c->nspare]);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->progress);
	tsn_buf_fini(&c->lines);
	tsn_free(c->thread);
	tsn_free(c->seat);
	tsn_free(c);
}

/* --- the front --- */

static uint64_t
all_done(const struct tsn_crew *c)
{
	uint64_t least = done(c, 0);

	for (uint32_t i = 1; i < c->nlanes; i++) {
		uint64_t n = done(c, i);

		least = n < least ? n : least;
	}
	return least;
}

/* Gives the records of items that all lanes are through, and so has the items back. */
static void
collect(struct tsn_crew *c)
{
	const uint64_t to = all_done(c);

	if (atomic_load_explicit(&c->has_lines, memory_order_relaxed))
		give_lines(c);
	for (; c->given < to; c->given++) {
		struct tsn_item *it = &c->item[c->given % ITEMS];

		tsn_alerts_give(c->to, it->records, c->nlanes);
		if (it->batch != NULL)
			tsn_crew_put_batch(c, it->batch);
		it->batch = NULL;
	}
}

/* Until somebody is through an item: all lanes with work are being run. */
static void
wait_for_progress(struct tsn_crew *c)
{
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->front_waits, true);
	while (all_done(c) == c->given && furthest(c, 1) == UINT32_MAX)
		pthread_cond_wait(&c->progress, &c->lock);
	atomic_store(&c->front_waits, false);
	pthread_mutex_unlock(&c->lock);
}

static void
advance(struct tsn_crew *c)
{
	if (!work(c, TURN))
		wait_for_progress(c);
	collect(c);
}

struct tsn_item *
tsn_crew_item(struct tsn_crew *c)
{
	collect(c);
	while (sent(c) - c->given == ITEMS)
		advance(c);
	return &c->item[sent(c) % ITEMS];
}

struct tsn_batch *
tsn_crew_batch(struct tsn_crew *c, enum tsn_batch_kind kind, uint32_t cap)
{
	struct tsn_batch *b = c->spare[--c->nspare];

	tsn_batch_clear(b, kind);
	b->cap = cap;
	return b;
}

void
tsn_crew_put_batch(struct tsn_crew *c, struct tsn_batch *b)
{
	c->spare[c->nspare++] = b;
}

void
tsn_crew_send(struct tsn_crew *c)
{
	atomic_store(&c->sent, sent(c) + 1);
	wake_one(c);
}

void
tsn_crew_drain(struct tsn_crew *c)
{
	collect(c);
	while (c->given < sent(c))
		advance(c);
}

void
tsn_crew_flush(struct tsn_crew *c)
{
	struct tsn_alert_records *r = c->item[0].records;

	for (uint32_t i = 0; i < c->nlanes; i++)
		tsn_alerts_take(c->lane[i].alerts, &r[i]);
	tsn_alerts_give(c->to, r, c->nlanes);
	give_lines(c);
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
