/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * How far the numbers of an alert can be trusted, and what time they cover.
 */
#include <math.h>

#include "alert/stage.h"
#include "base/clock.h"
#include "flow/exporter.h"
#include "state/state.h"

/* The aggregate whose value [rep] is, NULL if it is an expression of several. */
static const struct tsn_agg_def *
report_agg(const struct tsn_program *p, const struct tsn_report *rep)
{
	const struct tsn_family_def *f;
	const struct tsn_export *value;

	if (rep->family >= p->nfamilies || rep->value >= p->nexports)
		return NULL;
	f = &p->families[rep->family];
	value = &p->exports[rep->value];
	for (uint32_t i = 0; value->kind == TSN_EXPORT_VALUE && i < f->naggs; i++)
		for (int d = 0; d < TSN_DOORS; d++)
			if (value->at[d] != TSN_REG_NONE && p->uses[d] != NULL && p->uses[d][rep->family].result[i] == value->at[d])
				return &f->agg[i];
	return NULL;
}

/* Largest multiple of [step] that is not above [t]. */
static int64_t
align(int64_t t, int64_t step)
{
	int64_t rest = t % step;

	return t - (rest < 0 ? rest + step : rest);
}

/* Of sliding windows the newest pane and the ones before it (S3): a little more than the window. */
static int64_t
window_start(const struct tsn_agg_def *agg, int64_t t)
{
	if (agg->tumbling)
		return align(t, agg->window_ms);
	if (agg->panes > 0 && agg->pane_ms > 0)
		return align(t, agg->pane_ms) - (int64_t)(agg->panes - 1) * agg->pane_ms;
	return t - agg->window_ms;
}

/* The window begins less than that before a flow it ends with. */
static int64_t
span(const struct tsn_agg_def *agg)
{
	return !agg->tumbling && agg->panes > 0 && agg->pane_ms > 0 ? (int64_t)agg->panes * agg->pane_ms : agg->window_ms;
}

/* What the value of [rep], that of [agg], covers, for a flow of time [t]. */
static void
covered(const struct tsn_report *rep, const struct tsn_agg_def *agg, int64_t t, int64_t received, int64_t *start, int64_t *end)
{
	*start = *end = TSN_TIME_NONE;
	if (rep->window_ms <= 0)
		return;
	t = agg != NULL && agg->by_received ? received : t;
	if (rep->tumbling) {
		*start = align(t, rep->window_ms);
		*end = *start + rep->window_ms;
	} else if (agg != NULL && agg->panes > 0 && agg->pane_ms > 0) {
		*start = window_start(agg, t);
		*end = t;
	} else {
		*start = t - rep->window_ms;
		*end = t;
	}
}

/* Did a group lose its place, from [since] up to this row, in a family the rule reads? */
static bool
evictions(const struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row, int64_t since)
{
	const struct tsn_alert_seen seen = tsn_alert_seen(a, row);

	for (uint32_t i = 0; a->state != NULL && i < r->families_n; i++) {
		int64_t last;

		if (tsn_state_marks_end(a->state, r->families[i]) < since)
			continue;
		last = tsn_state_evicted(a->state, r->families[i], seen.batch, seen.row);
		if (last != TSN_TIME_NONE && last >= since)
			return true;
	}
	return false;
}

/* Did a flow that lies in the window of one of the rule's aggregates come too late to be counted, up to this row? */
static bool
late_flows(const struct tsn_alerts *a, const struct tsn_rule *r, uint32_t row)
{
	const struct tsn_alert_seen seen = tsn_alert_seen(a, row);

	for (uint32_t i = 0; a->state != NULL && i < r->naggs; i++) {
		const struct tsn_agg_def *agg = &a->program->families[r->aggs[i].family].agg[r->aggs[i].agg];
		int64_t t = agg->by_received ? a->batch->received[row] : a->batch->time[row], late;

		if (t < INT64_MIN + 2 * agg->window_ms || tsn_state_marks_end(a->state, r->aggs[i].family) < window_start(agg, t))
			continue;
		late = tsn_state_late(a->state, r->aggs[i].family, r->aggs[i].agg, seen.batch, seen.row);
		if (late != TSN_TIME_NONE && late >= window_start(agg, t))
			return true;
	}
	return false;
}

/*
 * Had the row's exporter lost flows within the window? Only what was noticed before the row came counts, so that the
 * rest of its batch does not matter.
 */
static bool
lost_flows(const struct tsn_alerts *a, uint32_t row, int64_t window)
{
	const int64_t t = a->batch->received[row];
	const struct tsn_presence *p;

	if (a->exporters == NULL || a->batch->kind != TSN_BATCH_FLOWS || t < INT64_MIN + window + TSN_EXPORTER_NOTICE_MS ||
	    a->batch->source[row] >= tsn_exporters_count(a->exporters))
		return false;
	p = &tsn_exporters_at(a->exporters, a->batch->source[row])->presence;
	return !p->certain && tsn_exporter_noticed(p, t, window);
}

/* Kept as a float, which says no more than six digits: 0.02 is not to be told as 0.0199999996. */
static double
error_of(const struct tsn_alerts *a, const struct tsn_alert_basis *basis, uint32_t row)
{
	struct tsn_alert_seen seen;
	double error;

	if (a->state == NULL || basis->exact)
		return 0;
	seen = tsn_alert_seen(a, row);
	error = tsn_state_error(a->state, basis->rep->family, (uint32_t)(basis->agg - a->program->families[basis->rep->family].agg),
	    seen.batch, seen.row);
	return error < 1e-6 ? error : round(error * 1e6) / 1e6;
}

/* From when on a group that lost its place may be missed: a sliding window covers a little more than it is long. */
static int64_t
covered_since(const struct tsn_agg_def *agg, int64_t t, int64_t window)
{
	const int64_t start = agg != NULL && t >= INT64_MIN + 2 * agg->window_ms ? window_start(agg, t) : t - window;

	return start < t - window ? start : t - window;
}

/* How long the time is that a row's value covers, or that of ours. */
static int64_t
window_of(const struct tsn_rule *r, const struct tsn_report *rep)
{
	return rep != NULL ? rep->window_ms : r->hold_ms;
}

static void
learn_basis(const struct tsn_program *p, const struct tsn_rule *r, const struct tsn_report *rep, struct tsn_alert_basis *out)
{
	int64_t reach = window_of(r, rep);

	*out = (struct tsn_alert_basis){ .known = true, .rep = rep, .agg = rep != NULL ? report_agg(p, rep) : NULL };
	out->exact = out->agg == NULL || !tsn_agg_infos[out->agg->fn].tuple;
	if (out->agg != NULL && span(out->agg) > reach)
		reach = span(out->agg);
	for (uint32_t i = 0; i < r->naggs; i++) {
		const int64_t of = span(&p->families[r->aggs[i].family].agg[r->aggs[i].agg]);

		reach = of > reach ? of : reach;
	}
	out->reach = (uint64_t)reach;
}

int64_t
tsn_alert_last_mark(const struct tsn_alerts *a, const struct tsn_rule *r)
{
	int64_t last = TSN_TIME_NONE;

	for (uint32_t i = 0; a->state != NULL && r->stateful && i < r->families_n; i++) {
		const int64_t end = tsn_state_marks_end(a->state, r->families[i]);

		last = end > last ? end : last;
	}
	return last;
}

/* Is it too long ago for the row, whichever of its times counts? Then it was so for all windows, and none need be looked at. */
static bool
is_past(const struct tsn_alerts *a, const struct tsn_alert_basis *basis, uint32_t row)
{
	const int64_t time = a->batch->time[row], received = a->batch->received[row];
	const int64_t t = received < time ? received : time;

	return a->mark < t && (uint64_t)t - (uint64_t)a->mark > basis->reach;
}

static bool
is_partial(const struct tsn_alerts *a, const struct tsn_rule *r, const struct tsn_alert_basis *basis, uint32_t row)
{
	const int64_t window = window_of(r, basis->rep);

	if (lost_flows(a, row, window))
		return true;
	return !is_past(a, basis, row) &&
	    (evictions(a, r, row, covered_since(basis->agg, a->batch->time[row], window)) || late_flows(a, r, row));
}

void
tsn_alert_judge(const struct tsn_alerts *a, struct tsn_alert_rule *r, const struct tsn_report *rep, uint32_t row,
    struct tsn_alert_details *d)
{
	const struct tsn_alert_basis *basis = &r->basis;

	if (!basis->known || basis->rep != rep)
		learn_basis(a->program, r->rule, rep, &r->basis);
	d->window_start = d->window_end = TSN_TIME_NONE;
	if (rep != NULL)
		covered(rep, basis->agg, a->batch->time[row], a->batch->received[row], &d->window_start, &d->window_end);
	d->quality = TSN_EXACT;
	d->error = d->value.known ? error_of(a, basis, row) : 0;
	if (d->error > 0)
		d->quality = TSN_ESTIMATED;
	if ((r->rule->stateful && is_partial(a, r->rule, basis, row)) || (a->cut_off && a->batch->kind != TSN_BATCH_FLOWS))
		d->quality = TSN_PARTIAL;
}
