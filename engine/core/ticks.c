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
 * Records are sorted by tick, rule and key when they are flushed. Each lane
 * goes through them on its own (what is here); conversations come from outside.
 */
#include "core/lane.h"

#include "base/clock.h"
#include "core/feedback.h"
#include "core/internal.h"

/* --- the kinds of work --- */

/* Rows of one closing window: the same program, entered at its other door. */
static bool
run_closing(void *arg, uint32_t family, uint32_t agg, int64_t window_start, struct tsn_batch *b)
{
	struct tsn_lane *l = arg;

	(void)window_start; /* the rows' event times say it */
	b->ticket = l->ticket;
	tsn_batch_normalise(b, l->exporters);
	tsn_vm_closing(l->vm, family, agg);
	tsn_lane_run(l, b);
	return true;
}

static bool
close_due(const struct tsn_lane *l, int64_t now)
{
	return l->waits && tsn_state_close_due(l->state, now, l->rules->site.lateness_ms);
}

static void
close_windows(struct tsn_lane *l, int64_t now)
{
	if (l->expects && l->waits && now != INT64_MAX)
		l->expects = !tsn_state_expect(l->state, (const struct tsn_set *const *)l->rules->sets, now);
	if (!close_due(l, now))
		return;
	tsn_state_close(l->state, now, l->rules->site.lateness_ms, l->tick_batch, run_closing, l);
	tsn_batch_clear(l->tick_batch, TSN_BATCH_TICK);
}

static void
watch(struct tsn_lane *l, int64_t now)
{
	uint32_t rule;

	if (tsn_alerts_watch_due(l->alerts) > now)
		return;
	l->watching = true;
	while (tsn_alerts_watch(l->alerts, now, l->tick_batch, &rule)) {
		l->tick_batch->ticket = l->ticket;
		tsn_batch_normalise(l->tick_batch, l->exporters);
		tsn_vm_closing(l->vm, TSN_REG_NONE, 0);
		tsn_vm_watch(l->vm, rule);
		tsn_lane_run(l, l->tick_batch);
	}
	l->watching = false;
	tsn_batch_clear(l->tick_batch, TSN_BATCH_TICK);
}

/* --- one tick --- */

void
tsn_lane_begin_tick(struct tsn_lane *l, int64_t tick)
{
	l->tick = tick;
	tsn_alerts_begin_tick(l->alerts, tick);
	if (l->feedback != NULL)
		tsn_feedback_tick(l->feedback, l, tick);
}

void
tsn_lane_talks(struct tsn_lane *l, struct tsn_batch *b)
{
	tsn_alerts_rows(l->alerts, b, TSN_TIME_NONE);
	tsn_lane_run_share(l, b);
}

void
tsn_lane_end_tick(struct tsn_lane *l)
{
	close_windows(l, l->tick);
	watch(l, l->tick);
	tsn_alerts_tick(l->alerts, l->tick);
	l->ticked = l->tick;
	l->tick = TSN_TIME_NONE;
}

/*
 * Nothing else of that tick happens: whether a group falls silent or an alert ends at the end of the input does not hang
 * on rules that tell others something (S4).
 */
void
tsn_lane_last_words(struct tsn_lane *l, int64_t tick)
{
	if (l->feedback == NULL || !tsn_feedback_waits(l->feedback, l))
		return;
	tsn_alerts_begin_tick(l->alerts, tick);
	tsn_feedback_tick(l->feedback, l, tick);
	tsn_alerts_leave_tick(l->alerts);
	l->ticked = tick;
}

void
tsn_lane_close(struct tsn_lane *l)
{
	close_windows(l, INT64_MAX);
}

/* --- which ticks --- */

/* The first tick of (from, to] at which windows close or groups fall silent; beyond [to] if there is none. */
static int64_t
first_close(const struct tsn_lane *l, int64_t from, int64_t to)
{
	int64_t lo = from, hi = to;

	if (!close_due(l, to))
		return INT64_MAX;
	while (hi - lo > TSN_SECOND) {
		int64_t mid = lo + (hi - lo) / (2 * TSN_SECOND) * TSN_SECOND;

		if (close_due(l, mid))
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

int64_t
tsn_lane_next_tick(const struct tsn_lane *l, int64_t from, int64_t to)
{
	int64_t t = least(tsn_alerts_watch_due(l->alerts), to);

	if (l->expects && l->waits)
		return from + TSN_SECOND;
	if (l->feedback != NULL) {
		if (tsn_feedback_waits(l->feedback, l))
			return from + TSN_SECOND;
		t = least(t, tsn_tick_from(tsn_feedback_due(l->feedback, l)));
	}
	/* late windows and what a file says may be due long since */
	t = t > from ? t : from + TSN_SECOND;
	return least(t, first_close(l, from, t));
}
