/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What there is to do, by any thread: to run lanes, to prepare items, to make lines of records. */
#include "core/crew_internal.h"

#define ITEMS TSN_CREW_ITEMS
#define MANY  32u   /* records whose lines are worth making by somebody else */

/* --- lanes --- */

uint32_t
tsn_crew_choose(const struct tsn_crew *c, struct tsn_crew_choice how)
{
	uint64_t to = tsn_crew_ready(c), behind = 0;
	uint32_t lane = UINT32_MAX;

	for (uint32_t i = 0; i < c->nlanes; i++) {
		const bool own = atomic_load_explicit(&c->seat[i].by, memory_order_relaxed) == how.me;
		const uint64_t at = tsn_crew_done(c, i), waits = to > at ? to - at : 0;

		if (waits > behind && waits >= (own ? how.own : how.others) && !atomic_load(&c->seat[i].busy)) {
			behind = waits;
			lane = i;
		}
	}
	return lane;
}

bool
tsn_crew_waits(const struct tsn_crew *c, uint64_t least)
{
	return tsn_crew_choose(c, (struct tsn_crew_choice){ TSN_CREW_FRONT, least, least }) != UINT32_MAX;
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

/* One line to look at for each, however many lanes there are. */
uint64_t
tsn_crew_all_done(const struct tsn_crew *c)
{
	const uint64_t to = tsn_crew_sent(c);
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
	if (atomic_load(&c->front_waits) && (tsn_crew_all_done(c) >= atomic_load(&c->until) || has_many(c, n)))
		tell_progress(c);
}

/* Of one item in so many, if it has rows enough to tell; what was before counts for three quarters. */
static void
run_timed(const struct tsn_crew *c, struct tsn_item *it, uint32_t lane, uint64_t n)
{
	struct tsn_seat *s = &c->seat[lane];
	uint64_t before = atomic_load_explicit(&s->cost, memory_order_relaxed), from, took;

	if (c->cpu == NULL || n % TSN_CREW_TIMED != 0 || it->kind != TSN_ITEM_FLOWS || it->batch->n < TSN_BATCH_ROWS / 4) {
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

bool
tsn_crew_work(struct tsn_crew *c, struct tsn_crew_choice how, uint64_t most)
{
	const uint32_t lane = tsn_crew_choose(c, how);
	uint64_t n, end;

	if (lane == UINT32_MAX || atomic_exchange(&c->seat[lane].busy, true))
		return lane != UINT32_MAX; /* somebody was quicker: there may be another */
	atomic_store_explicit(&c->seat[lane].by, how.me, memory_order_relaxed);
	n = tsn_crew_done(c, lane);
	for (end = n + most; n < end && n < tsn_crew_ready(c); n++)
		run_item(c, lane, n);
	atomic_store(&c->seat[lane].busy, false);
	tell_progress(c); /* the lane may have work again, that the front left to us, and we may be aside for long before we look */
	return true;
}

/* --- preparing --- */

uint64_t
tsn_crew_unprepared(const struct tsn_crew *c)
{
	const uint64_t at = atomic_load(&c->claimed), to = tsn_crew_sent(c);

	return to > at ? to - at : 0;
}

/* Lanes may go on as far as all is prepared. */
static void
move_ready(struct tsn_crew *c)
{
	uint64_t n = tsn_crew_ready(c);

	while (atomic_load(&c->item[n % ITEMS].prepared) == n + 1)
		if (atomic_compare_exchange_strong(&c->ready, &n, n + 1))
			n++;
	tell_progress(c);
}

bool
tsn_crew_prepare(struct tsn_crew *c, unsigned me)
{
	uint64_t n = atomic_load(&c->claimed);
	struct tsn_item *it;

	do {
		if (n >= tsn_crew_sent(c))
			return false;
	} while (!atomic_compare_exchange_weak(&c->claimed, &n, n + 1));
	it = &c->item[n % ITEMS];
	it->by = it->later.n > 0 ? me : TSN_CREW_FRONT;
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
	const uint64_t to = tsn_crew_all_done(c);

	for (uint64_t n = atomic_load(&c->given); n < to; n++)
		if (has_many(c, n) && are_lines(c, n, NONE_YET))
			return n;
	return UINT64_MAX;
}

bool
tsn_crew_has_work(const struct tsn_crew *c, uint64_t least)
{
	return tsn_crew_waits(c, least) || tsn_crew_unprepared(c) >= least || lineless(c) != UINT64_MAX;
}

bool
tsn_crew_make_lines(struct tsn_crew *c)
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

bool
tsn_crew_is_due(const struct tsn_crew *c, uint64_t to)
{
	const uint64_t n = c->given;

	return n < to && (!has_many(c, n) || are_lines(c, n, MADE));
}

void
tsn_crew_no_lines(struct tsn_crew *c, uint64_t n)
{
	atomic_store(&c->item[n % ITEMS].lines_are, lines_of(n, NONE_YET));
}
