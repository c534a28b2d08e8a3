/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the values come to: quantiles, bins, and the number that is suggested. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "author/tune.h"
#include "base/clock.h"
#include "base/mem.h"

#define DAY (24.0 * 60 * 60 * 1000)
#define GAP 2.0        /* values on both sides of a gap differ by at least this factor */
#define MARGIN 1.5     /* kept from what was seen, where nothing else decides */
#define FEW_GROUPS 100
#define TOO_FEW 10     /* groups: they are no reason to change a number */
#define TOO_SHORT 0.9  /* days: neither are they, with the hours of a day missing */

static const double quantiles[TSN_TUNE_QUANTILES] = { 0.5, 0.9, 0.99, 0.999, 1 };
const char *const tsn_tune_quantile_name[TSN_TUNE_QUANTILES] = { "p50", "p90", "p99", "p99.9", "most extreme" };

static int
upwards(const void *pa, const void *pb)
{
	const double a = *(const double *)pa, b = *(const double *)pb;

	return (a > b) - (a < b);
}

static int
downwards(const void *pa, const void *pb)
{
	return upwards(pb, pa);
}

/* The nearest rank: the value that so many of all do not go beyond. */
static size_t
rank_of(double q, size_t n)
{
	size_t at = (size_t)ceil(q * (double)n);

	return at == 0 ? 0 : at - 1;
}

static double
fine_value(size_t bucket)
{
	if (bucket == TSN_TUNE_FINE)
		return 0;
	return ldexp(0.5 + ((double)(bucket % 32) + 0.5) / 64, (int)(bucket / 32) - 64);
}

static void
single_values(struct tsn_tune *t)
{
	const double extreme = t->sorted[t->ngroups - 1];

	for (int q = 0; q < TSN_TUNE_QUANTILES - 1; q++) {
		uint64_t at = rank_of(quantiles[q], t->values), sum = 0;

		/* 0 and below, then upwards; or the other way round */
		for (size_t i = 0; i <= TSN_TUNE_FINE + 1; i++) {
			size_t k = t->low ? TSN_TUNE_FINE + 1 - i : i, bucket = k == 0 ? TSN_TUNE_FINE : k == TSN_TUNE_FINE + 1 ? k : k - 1;

			sum += t->fine[bucket];
			if (sum > at) {
				t->each[q] = fine_value(bucket);
				if (t->low ? t->each[q] < extreme : t->each[q] > extreme)
					t->each[q] = extreme; /* buckets are known by their middle */
				break;
			}
		}
	}
	t->each[TSN_TUNE_QUANTILES - 1] = extreme;
}

/* 1 2 5 10 20 50...: the largest that is not above [v]. */
static double
step_below(double v)
{
	double unit = pow(10, floor(log10(v) + 1e-12));

	return v >= 5 * unit * (1 - 1e-12) ? 5 * unit : v >= 2 * unit * (1 - 1e-12) ? 2 * unit : unit;
}

static double
step_above(double step)
{
	double unit = pow(10, floor(log10(step) + 1e-9));

	return step < 1.5 * unit ? 2 * unit : step < 3 * unit ? 5 * unit : 10 * unit;
}

static void
bins(struct tsn_tune *t)
{
	const double least = t->low ? t->sorted[t->ngroups - 1] : t->sorted[0], most = t->low ? t->sorted[0] : t->sorted[t->ngroups - 1];
	double from = 0;

	for (size_t i = 0; i < t->ngroups; i++)
		if (t->sorted[i] > 0 && (from == 0 || t->sorted[i] < from))
			from = t->sorted[i];
	if (least <= 0)
		t->bin[t->nbins++] = (struct tsn_tune_bin){ -INFINITY, from > 0 ? step_below(from) : INFINITY, 0 };
	for (double at = from > 0 ? step_below(from) : INFINITY; at <= most && t->nbins < TSN_TUNE_BINS; at = step_above(at))
		t->bin[t->nbins++] = (struct tsn_tune_bin){ at, step_above(at), 0 };
	for (size_t i = 0; i < t->ngroups; i++)
		for (uint32_t k = t->nbins; k-- > 0;)
			if (t->sorted[i] >= t->bin[k].from) {
				t->bin[k].groups++;
				break;
			}
}

/* Would a group with this peak have met candidate [i]? */
static bool
meets(const struct tsn_tune *t, double v, uint32_t i)
{
	const double n = t->candidate[i].n;

	switch (t->what->rel) {
	case TSN_REL_GT: return v > n;
	case TSN_REL_GE: return v >= n;
	case TSN_REL_LT: return v < n;
	default:         return v <= n;
	}
}

uint64_t
tsn_tune_groups_beyond(const struct tsn_tune *t, uint32_t i)
{
	size_t lo = 0, hi = t->ngroups;

	while (lo < hi) { /* those that meet it stand at the end */
		size_t mid = lo + (hi - lo) / 2;

		if (meets(t, t->sorted[mid], i))
			hi = mid;
		else
			lo = mid + 1;
	}
	return t->ngroups - lo;
}

/* --- the suggestion --- */

static bool
affordable(const struct tsn_tune *t, uint32_t i)
{
	return t->candidate[i].possible && (double)t->candidate[i].alerts <= t->allowed;
}

/* The most sensitive candidate that is within what is allowed, and so are all less sensitive ones; -1: none. */
static int
by_budget(const struct tsn_tune *t)
{
	int best = -1;

	for (uint32_t k = 0; k < t->ncandidates; k++) {
		uint32_t i = t->low ? k : t->ncandidates - 1 - k;

		if (!t->candidate[i].possible)
			continue;
		if (!affordable(t, i))
			break;
		best = (int)i;
	}
	return best;
}

/* The widest gap between the many and the few: a number in its middle tells them apart. */
static int
by_gap(struct tsn_tune *t)
{
	const size_t few = t->ngroups / 20 > 5 ? t->ngroups / 20 : 5;
	double widest = GAP, middle;
	size_t at = 0;
	int best = -1;

	for (size_t i = t->ngroups / 2; i + 1 < t->ngroups; i++) {
		double quiet = t->sorted[i], loud = t->sorted[i + 1], ratio = t->low ? quiet / loud : loud / quiet;

		if (t->ngroups - 1 - i <= few && quiet > 0 && loud > 0 && ratio > widest) {
			widest = ratio;
			at = i + 1;
		}
	}
	if (at == 0)
		return -1;
	middle = log(t->sorted[at - 1] * t->sorted[at]) / 2;
	for (uint32_t i = 0; i < t->ncandidates; i++)
		if (affordable(t, i) && t->candidate[i].n > 0 && !meets(t, t->sorted[at - 1], i) && meets(t, t->sorted[at], i) &&
		    (best < 0 || fabs(log(t->candidate[i].n) - middle) < fabs(log(t->candidate[best].n) - middle)))
			best = (int)i;
	t->gap_from = t->sorted[at - 1];
	t->gap_to = t->sorted[at];
	t->gap_beyond = t->ngroups - at;
	return best;
}

/* The first candidate at some distance from nearly all that was seen. */
static int
by_margin(const struct tsn_tune *t)
{
	const double v = t->low ? t->quantile[3] / MARGIN : t->quantile[3] * MARGIN;

	for (uint32_t k = 0; k < t->ncandidates; k++) {
		uint32_t i = t->low ? t->ncandidates - 1 - k : k;

		if (affordable(t, i) && (t->low ? t->candidate[i].n <= v : t->candidate[i].n >= v))
			return (int)i;
	}
	return -1;
}

/* The number as it is, if it is affordable; -1: it is not. */
static int
as_is(const struct tsn_tune *t)
{
	for (uint32_t i = 0; i < t->ncandidates; i++)
		if (t->candidate[i].is_now && affordable(t, i))
			return (int)i;
	return -1;
}

static void
suggest(struct tsn_tune *t)
{
	int budget = by_budget(t), gap, margin;

	t->suggested = budget;
	t->reason = budget < 0 ? TSN_TUNE_NOTHING : TSN_TUNE_BUDGET;
	if (t->ngroups == 0) {
		t->suggested = -1;
		t->reason = TSN_TUNE_NO_DATA;
	}
	if (t->suggested < 0)
		return;
	if ((t->ngroups < TOO_FEW || t->days < TOO_SHORT) && as_is(t) >= 0) {
		t->suggested = as_is(t);
		t->reason = TSN_TUNE_KEEP;
		return;
	}
	gap = by_gap(t);
	if (gap >= 0 && (t->low ? gap <= budget : gap >= budget)) {
		t->suggested = gap;
		t->reason = TSN_TUNE_GAP;
		return;
	}
	margin = by_margin(t);
	if (t->candidate[budget].alerts == 0 && margin >= 0 && (t->low ? margin < budget : margin > budget)) {
		t->suggested = margin;
		t->reason = TSN_TUNE_MARGIN;
	}
}

bool
tsn_tune_finish(struct tsn_tune *t, int64_t first, int64_t last, double alerts_per_day)
{
	t->ngroups = t->peaks.n;
	t->sorted = tsn_calloc(t->ngroups + 1, sizeof(*t->sorted));
	if (t->sorted == NULL)
		return false;
	for (size_t i = 0; i < t->ngroups; i++)
		t->sorted[i] = t->peaks.v[i].value;
	qsort(t->sorted, t->ngroups, sizeof(*t->sorted), t->low ? downwards : upwards);
	tsn_peaks_sort(&t->peaks);
	t->days = first == TSN_TIME_NONE ? 0 : (double)(last - first) / DAY;
	t->allowed = alerts_per_day * (t->days > 1 ? t->days : 1);
	if (t->ngroups > 0) {
		for (int q = 0; q < TSN_TUNE_QUANTILES; q++)
			t->quantile[q] = t->sorted[rank_of(quantiles[q], t->ngroups)];
		single_values(t);
		bins(t);
	}
	suggest(t);
	return true;
}

static void
say_reason(const struct tsn_tune *t, const char *than, struct tsn_buf *out)
{
	const struct tsn_tune_candidate *c = t->suggested >= 0 ? &t->candidate[t->suggested] : NULL;
	const double per_day = t->allowed / (t->days > 1 ? t->days : 1);

	switch (t->reason) {
	case TSN_TUNE_NO_DATA:
		tsn_buf_puts(out, "nothing to suggest: no flow took part in the rule");
		break;
	case TSN_TUNE_NOTHING:
		tsn_buf_printf(out, "nothing to suggest: all numbers tried raise more than %g alert%s a day; try others with --at", per_day,
		    per_day == 1 ? "" : "s");
		break;
	case TSN_TUNE_GAP:
		tsn_buf_printf(out, "%s: it lies in the gap between %.6g and %.6g; %" PRIu64 " group%s beyond it, %zu are not", c->text,
		    t->gap_from, t->gap_to, t->gap_beyond, t->gap_beyond == 1 ? " is" : "s are", t->ngroups - (size_t)t->gap_beyond);
		break;
	case TSN_TUNE_BUDGET:
		tsn_buf_printf(out, "%s: the %s number tried that raises at most %g alert%s a day", c->text, than, per_day,
		    per_day == 1 ? "" : "s");
		break;
	case TSN_TUNE_KEEP:
		if (t->ngroups < TOO_FEW)
			tsn_buf_printf(out, "%s, as it is: %zu group%s no reason to change it", c->text, t->ngroups, t->ngroups == 1 ? " is" : "s are");
		else
			tsn_buf_printf(out, "%s, as it is: flows of less than a day are no reason to change it", c->text);
		break;
	case TSN_TUNE_MARGIN:
		tsn_buf_printf(out, "%s: no group comes near; it is the p99.9 of groups, %.6g, %s 1.5 and rounded", c->text, t->quantile[3],
		    t->low ? "divided by" : "times");
		break;
	}
	if (c != NULL)
		tsn_buf_printf(out, "; it would have raised %" PRIu64 " alert%s here", c->alerts, c->alerts == 1 ? "" : "s");
}

void
tsn_tune_say(const struct tsn_tune *t, struct tsn_buf *out)
{
	char time[TSN_TIME_TEXT];

	say_reason(t, t->low ? "largest" : "smallest", out);
	tsn_buf_puts(out, ".");
	if (t->ngroups == 0)
		return;
	if (t->days < 1)
		tsn_buf_printf(out, " The flows span only %s: alerts are those of all of them, not of a day, and what happens at other hours "
		    "is not in them.", tsn_duration_text((int64_t)(t->days * DAY + 0.5) / 1000 * 1000, time));
	else if (t->days < 7)
		tsn_buf_puts(out, " The flows span less than a week: what happens on other days is not in them.");
	if (t->ngroups < FEW_GROUPS)
		tsn_buf_printf(out, " Only %zu group%s took part: quantiles say little.", t->ngroups, t->ngroups == 1 ? "" : "s");
	if (t->what->feedback)
		tsn_buf_puts(out, " The rule looks into a set that it adds to: numbers other than its own would have filled it otherwise.");
	if (t->peaks.left_out > 0)
		tsn_buf_printf(out, " Values of groups beyond the first %u are not in the distribution; alerts are.", TSN_PEAKS_MAX);
}
