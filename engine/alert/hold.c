/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Panes in which a key held (S25). They are those of the rule's longest
 * window, by event time. A pane is decided at the first tick at or after its
 * end + lateness; a row that comes later counts in the oldest pane that is
 * not decided, so that what was decided stays so.
 */
#include "alert/stage.h"
#include "base/clock.h"

static int64_t
floor_div(int64_t t, int64_t by)
{
	int64_t q = t / by;

	return q - (t % by < 0);
}

int64_t
tsn_alert_pane(const struct tsn_alert_rule *r, int64_t t)
{
	return floor_div(t, r->rule->pane_ms);
}

/* Where lateness is longer than what an entry remembers pane by pane, the latter decides. */
static int64_t
patience(const struct tsn_alerts *a, const struct tsn_alert_rule *r)
{
	int64_t most = (TSN_ALERT_HELD - 2) * r->rule->pane_ms;

	return a->lateness < most ? a->lateness : most;
}

int64_t
tsn_alerts_watch_grace(const struct tsn_alerts *a)
{
	return a->quick == NULL ? INT64_MAX : patience(a, a->quick);
}

int64_t
tsn_alert_decided(const struct tsn_alerts *a, const struct tsn_alert_rule *r, int64_t pane)
{
	return tsn_tick_at((pane + 1) * r->rule->pane_ms + patience(a, r));
}

int64_t
tsn_alert_undecided(const struct tsn_alerts *a, const struct tsn_alert_rule *r, int64_t time)
{
	return floor_div(floor_div(time, TSN_SECOND) * TSN_SECOND - patience(a, r), r->rule->pane_ms);
}

/* The pane of time [t], told without a division if it is the newest of [h]. */
static int64_t
pane_near(const struct tsn_alert_rule *r, const struct tsn_alert_hold *h, int64_t t)
{
	const uint64_t into = (uint64_t)t - (uint64_t)h->newest * (uint64_t)r->rule->pane_ms;

	return h->newest != TSN_TIME_NONE && into < (uint64_t)r->rule->pane_ms ? h->newest : tsn_alert_pane(r, t);
}

int64_t
tsn_alert_pane_of_row(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_hold *h, uint32_t row)
{
	const int64_t pane = pane_near(r, h, a->batch->time[row]);
	/* what happens on a tick comes before that tick decides */
	const int64_t now = a->received[row] - (a->batch->kind == TSN_BATCH_FLOWS ? 0 : TSN_SECOND);
	int64_t oldest;

	if (now - patience(a, r) < (pane + 1) * r->rule->pane_ms)
		return pane; /* its end is not so long ago that it can be decided */
	oldest = tsn_alert_undecided(a, r, now);
	return pane > oldest ? pane : oldest;
}

/* The window of panes moves up by one. */
static void
move_up(struct tsn_alert_hold *h)
{
	bool leaves = h->held[1] >> 63;

	h->below = leaves ? h->below + 1 : 0;
	h->held[1] = h->held[1] << 1 | h->held[0] >> 63;
	h->held[0] <<= 1;
	h->newest++;
}

void
tsn_alert_hold_mark(struct tsn_alert_hold *h, int64_t pane)
{
	int64_t back;

	if (h->newest == TSN_TIME_NONE || pane - h->newest >= TSN_ALERT_HELD) {
		h->newest = pane;
		h->held[0] = h->held[1] = h->below = 0;
	}
	while (h->newest < pane)
		move_up(h);
	back = h->newest - pane;
	if (back < TSN_ALERT_HELD)
		h->held[back / 64] |= UINT64_C(1) << (back % 64);
}

uint64_t
tsn_alert_hold_run(const struct tsn_alert_hold *h, int64_t pane)
{
	uint64_t n = 0;
	int64_t p;

	for (p = pane; tsn_alert_hold_has(h, p); p--)
		n++;
	if (n > 0 && h->newest - p >= TSN_ALERT_HELD)
		n += h->below;
	for (p = pane + 1; n > 0 && tsn_alert_hold_has(h, p); p++)
		n++;
	return n;
}

int64_t
tsn_alert_end_due(const struct tsn_alerts *a, const struct tsn_alert_rule *r, const struct tsn_alert_entry *e)
{
	if (!r->rule->watched)
		return tsn_tick_at(e->received + r->rule->hold_ms);
	/* a pending key is over as soon as the pane behind its newest was decided without it */
	return tsn_alert_decided(a, r, e->d->hold.newest + (e->life == TSN_LIFE_PENDING ? 1 : r->hold_panes));
}
