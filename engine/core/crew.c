/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/crew_internal.h"

#include "base/mem.h"
#include "flow/share.h"

#define ITEMS TSN_CREW_ITEMS
_Static_assert(TSN_SPARES >= ITEMS + 2, "all batches may wait, the one being filled and that of conversations, too");
#define LIGHT 12u   /* ns a flow: what handing it over costs, and more, since what is handed over takes longer and seldom looks light again */
#define TURN  2u    /* the front gives a lane back after so many, to look for what is free */
#define HIGH  6u    /* so many are in flight before the front takes a turn at its own lanes */
#define EACH  4u    /* in flight at most, of each thread: more would push one another's batches out of the caches */

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
		atomic_store(&c->seat[i].done, tsn_crew_sent(c));
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
	tsn_crew_start(c);
}

static bool
make(struct tsn_crew *c)
{
	const bool batches = tsn_spares_init(&c->spares, ITEMS + 1);

	c->thread = tsn_calloc(c->most + (size_t)1, sizeof(*c->thread));
	if (!batches || c->thread == NULL)
		return false;
	for (uint32_t i = 0; i < ITEMS; i++)
		tsn_crew_no_lines(c, i);
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
	*c = (struct tsn_crew){ .most = threads - 1, .asides = asides, .cpu = o->cpu, .grace = INT64_MAX, .names = TSN_CREW_FRONT + 1,
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
	tsn_crew_stop(c);
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
	tsn_crew_no_lines(c, n + ITEMS);
	atomic_store(&c->given, n + 1);
}

/* Gives the records of items that all lanes are through, and so has the items back. */
static void
collect(struct tsn_crew *c)
{
	const uint64_t to = tsn_crew_all_done(c);

	tsn_lane_log_give(&c->log);
	while (tsn_crew_is_due(c, to))
		give(c, c->given);
}

/* Until others are through the items below [until], or there is something to do: all lanes with work are being run. */
static void
wait_for_progress(struct tsn_crew *c, uint64_t until)
{
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->until, until);
	atomic_store(&c->front_waits, true);
	while ((tsn_crew_all_done(c) < until || !tsn_crew_is_due(c, tsn_crew_all_done(c))) && !tsn_crew_has_work(c, 1))
		pthread_cond_wait(&c->progress, &c->lock);
	atomic_store(&c->front_waits, false);
	pthread_mutex_unlock(&c->lock);
}

/* [until]: how far to wait for others if there is nothing else to do. */
static void
advance(struct tsn_crew *c, uint64_t until)
{
	if (!tsn_crew_work(c, (struct tsn_crew_choice){ TSN_CREW_FRONT, 1, 1 }, TURN) && !tsn_crew_prepare(c, TSN_CREW_FRONT) && !tsn_crew_make_lines(c))
		wait_for_progress(c, until);
	collect(c);
}

struct tsn_item *
tsn_crew_item(struct tsn_crew *c)
{
	collect(c);
	while (tsn_crew_sent(c) - c->given >= c->full)
		advance(c, c->given + c->full / 2);
	return &c->item[tsn_crew_sent(c) % ITEMS];
}

struct tsn_batch *
tsn_crew_batch(struct tsn_crew *c, enum tsn_batch_kind kind, uint32_t cap)
{
	struct tsn_batch *b = tsn_spares_take(&c->spares, TSN_CREW_FRONT);

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
	tsn_spares_put(&c->spares, b, TSN_CREW_FRONT);
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
	const uint64_t waits = tsn_crew_sent(c) - tsn_crew_all_done(c);

	if (later) {
		if (waits >= HIGH && !tsn_crew_work(c, (struct tsn_crew_choice){ TSN_CREW_FRONT, 1, TSN_CREW_NEVER }, TURN))
			tsn_crew_prepare(c, TSN_CREW_FRONT);
		collect(c);
	} else if (c->light || (waits == 1 && atomic_load(&c->aside) >= (int)c->nthreads)) {
		while (tsn_crew_work(c, (struct tsn_crew_choice){ TSN_CREW_FRONT, 1, 1 }, ITEMS))
			;
		collect(c);
	} else if (waits >= HIGH) {
		tsn_crew_work(c, (struct tsn_crew_choice){ TSN_CREW_FRONT, 1, TSN_CREW_NEVER }, TURN);
		collect(c);
	}
}

void
tsn_crew_send(struct tsn_crew *c)
{
	const uint64_t n = tsn_crew_sent(c);
	struct tsn_item *it = &c->item[n % ITEMS];
	const bool later = it->later.n > 0;

	tsn_item_begin(it, c->nlanes, later || !c->light);
	atomic_store(&c->sent, n + 1);
	if (!later && atomic_load(&c->claimed) == n)
		tsn_crew_prepare(c, TSN_CREW_FRONT); /* there is nothing to it */
	if (n % TSN_CREW_TIMED == 0)
		weigh(c);
	run_own(c, later);
	tsn_crew_wake_one(c);
}

void
tsn_crew_drain(struct tsn_crew *c)
{
	collect(c);
	while (c->given < tsn_crew_sent(c))
		advance(c, tsn_crew_sent(c));
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
	const uint64_t to = tsn_crew_sent(c);
	int64_t due = INT64_MAX;

	for (uint32_t i = 0; i < c->nlanes; i++) {
		uint64_t at = tsn_crew_done(c, i);
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
