/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Ticks: whole seconds of the time of receipt, one after the other, at which
 * whatever time brings is done. Ticks at which there is nothing to do are
 * passed over, so that a gap in the input costs what happens in it. At each:
 *
 *   alerts that were due before it end
 *   what rules told each other since the tick before takes effect; members of dynamic sets leave
 *   conversations are made
 *   windows close, groups fall silent
 *   keys of pending and open alerts are evaluated
 *   alerts that are due end
 *
 * Records are sorted by tick, rule and key when they are flushed.
 */
#include "core/internal.h"

#include "base/clock.h"

/* So many ticks are gone through one by one when the clock jumps; beyond, all that is left is done at the last. */
#define ONE_BY_ONE 20000

static int64_t
second_of(int64_t ms)
{
	return ms - ((ms % TSN_SECOND) + TSN_SECOND) % TSN_SECOND;
}

/* The first tick at or after [ms]. */
static int64_t
tick_at(int64_t ms)
{
	if (ms > INT64_MAX - TSN_SECOND)
		return INT64_MAX;
	return ms < INT64_MIN + TSN_SECOND ? ms : second_of(ms + TSN_SECOND - 1);
}

void
tsn_engine_ticks_from_clock(struct tsn_engine *e)
{
	e->began = e->stats.clock;
	e->ticked = e->stats.clock != TSN_TIME_NONE ? second_of(e->stats.clock) : TSN_TIME_NONE;
}

/* --- the kinds of work --- */

/* Rows of one closing window: the same program, entered at its other door. */
static bool
run_closing(void *arg, uint32_t family, uint32_t agg, int64_t window_start, struct tsn_batch *b)
{
	struct tsn_engine *e = arg;

	(void)window_start; /* the rows' event times say it */
	b->ticket = e->ticket;
	tsn_batch_normalise(b, e->exporters);
	tsn_vm_closing(e->vm, family, agg);
	tsn_engine_run(e, b);
	return true;
}

static bool
close_due(const struct tsn_engine *e, int64_t now)
{
	return e->cuts && tsn_state_close_due(e->state, now, e->rules->site.lateness_ms);
}

static void
close_windows(struct tsn_engine *e, int64_t now)
{
	if (e->expects && e->cuts && now != INT64_MAX)
		e->expects = !tsn_state_expect(e->state, (const struct tsn_set *const *)e->rules->sets, now);
	if (!close_due(e, now))
		return;
	tsn_state_close(e->state, now, e->rules->site.lateness_ms, e->tick_batch, run_closing, e);
	tsn_batch_clear(e->tick_batch, TSN_BATCH_TICK);
}

/* Conversations due at [now], as so many more rows of the input. They come in normal form. */
static void
run_talks(struct tsn_engine *e, int64_t now)
{
	struct tsn_batch *b = e->tick_batch;

	if (e->pair == NULL)
		return;
	b->cap = e->batch->cap;
	tsn_batch_clear(b, TSN_BATCH_TALKS);
	while (tsn_pair_take(e->pair, now, b, e->exporters) > 0) {
		b->ticket = e->ticket;
		tsn_engine_run(e, b);
		e->ticket += b->n;
		tsn_batch_clear(b, TSN_BATCH_TALKS);
	}
	tsn_batch_clear(b, TSN_BATCH_TICK);
	b->cap = TSN_BATCH_ROWS;
}

static void
watch(struct tsn_engine *e, int64_t now)
{
	uint32_t rule;

	if (tsn_alerts_watch_due(e->alerts) > now)
		return;
	e->watching = true;
	while (tsn_alerts_watch(e->alerts, now, e->tick_batch, &rule)) {
		e->tick_batch->ticket = e->ticket;
		tsn_batch_normalise(e->tick_batch, e->exporters);
		tsn_vm_closing(e->vm, TSN_REG_NONE, 0);
		tsn_vm_watch(e->vm, rule);
		tsn_engine_run(e, e->tick_batch);
	}
	e->watching = false;
	tsn_batch_clear(e->tick_batch, TSN_BATCH_TICK);
}

/* --- which ticks --- */

/* The first tick of (from, to] at which windows close or groups fall silent; beyond [to] if there is none. */
static int64_t
first_close(const struct tsn_engine *e, int64_t from, int64_t to)
{
	int64_t lo = from, hi = to;

	if (!close_due(e, to))
		return INT64_MAX;
	while (hi - lo > TSN_SECOND) {
		int64_t mid = lo + (hi - lo) / (2 * TSN_SECOND) * TSN_SECOND;

		if (close_due(e, mid))
			hi = mid;
		else
			lo = mid;
	}
	return hi;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The next tick of (from, to] at which there is something to do, [to] if nothing comes before it. */
static int64_t
next_tick(const struct tsn_engine *e, int64_t from, int64_t to)
{
	int64_t t = least(tsn_alerts_watch_due(e->alerts), to), due;

	if (e->expects && e->cuts)
		return from + TSN_SECOND;
	if (e->feedback != NULL) {
		if (tsn_feedback_waits(e->feedback, e))
			return from + TSN_SECOND;
		t = least(t, tick_at(tsn_feedback_due(e->feedback, e)));
	}
	if (e->pair != NULL && (due = tsn_pair_due(e->pair)) != TSN_TIME_NONE)
		t = least(t, tick_at(due));
	/* late windows and what a file says may be due long since */
	t = t > from ? t : from + TSN_SECOND;
	return least(t, first_close(e, from, t));
}

static void
one_tick(struct tsn_engine *e, int64_t now)
{
	tsn_alerts_begin_tick(e->alerts, now);
	if (e->feedback != NULL)
		tsn_feedback_tick(e->feedback, e, now);
	run_talks(e, now);
	close_windows(e, now);
	watch(e, now);
	tsn_alerts_tick(e->alerts, now);
	e->ticked = now;
}

/* All that is due up to the tick [to], in order. */
static void
run_ticks(struct tsn_engine *e, int64_t to)
{
	int64_t from = e->ticked != TSN_TIME_NONE ? e->ticked : to - TSN_SECOND;

	for (uint32_t n = 0; from < to; n++) {
		if (n == ONE_BY_ONE && to - from > TSN_SECOND)
			tsn_alerts_watch_leap(e->alerts, to);
		from = n < ONE_BY_ONE ? next_tick(e, from, to) : to;
		one_tick(e, from);
	}
	tsn_alerts_flush(e->alerts);
}

/* Must the rows so far be evaluated before the tick [now]? */
static bool
must_cut(const struct tsn_engine *e, int64_t now)
{
	if (e->batch->n == 0 || e->rules == NULL || e->o.on_rows != NULL)
		return false;
	return e->cuts || tsn_alerts_watch_due(e->alerts) <= now ||
	    (e->began != TSN_TIME_NONE && now - e->began > tsn_alerts_watch_grace(e->alerts));
}

void
tsn_engine_clock(struct tsn_engine *e, int64_t now)
{
	int64_t before = e->stats.clock, second = second_of(now);

	if (before != TSN_TIME_NONE && now <= before)
		return;
	if (before == TSN_TIME_NONE || second > second_of(before)) {
		if (must_cut(e, second))
			tsn_engine_run_batch(e); /* before the clock moves on */
		e->stats.clock = now;
		/* else its rows come first: alerts end behind the batch */
		if (e->batch->n == 0 && e->rules != NULL && e->o.on_rows == NULL)
			run_ticks(e, second);
	}
	e->stats.clock = now;
	if (e->batch->n == 0)
		e->began = now;
}

void
tsn_engine_clock_of_record(void *arg, int64_t received)
{
	tsn_engine_clock(arg, received);
}

/*
 * What the last flows set off would have been seen a second later. It is, but nothing else of that tick happens: whether a
 * group falls silent or an alert ends at the end of the input does not hang on rules that tell others something (S4).
 */
static void
last_words(struct tsn_engine *e)
{
	int64_t tick;

	if (e->feedback == NULL || e->stats.clock == TSN_TIME_NONE || !tsn_feedback_waits(e->feedback, e))
		return;
	tick = second_of(e->stats.clock) + TSN_SECOND;
	tsn_alerts_begin_tick(e->alerts, tick);
	tsn_feedback_tick(e->feedback, e, tick);
	tsn_alerts_leave_tick(e->alerts);
	tsn_alerts_flush(e->alerts);
	e->ticked = tick;
}

void
tsn_engine_finish(struct tsn_engine *e)
{
	tsn_engine_run_batch(e);
	tsn_decoder_finish(e->decoder);
	tsn_engine_run_batch(e);
	if (e->rules == NULL || e->o.on_rows != NULL)
		return;
	last_words(e);
	tsn_alerts_cut_off(e->alerts, true);
	run_talks(e, INT64_MAX);
	close_windows(e, INT64_MAX);
	tsn_alerts_flush(e->alerts);
	tsn_alerts_cut_off(e->alerts, false);
}
