/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a threshold should be on the network at hand: the values that a rule compares with it, group by group and flow by
 * flow, and the alerts that each of many numbers in its place would have raised, all from one run over stored flows.
 *
 * Compile with tsn_compile_input.tune, make the candidates, compile again with them, give the engine tsn_tune_on_probe and
 * a sink that calls tsn_tune_on_alert, read, then tsn_tune_finish. One thread.
 */
#ifndef TSN_AUTHOR_TUNE_H
#define TSN_AUTHOR_TUNE_H

#include "alert/alert.h"
#include "author/peaks.h"
#include "compile/compile.h"

#define TSN_TUNE_CANDIDATES 64  /* numbers tried at most */
#define TSN_TUNE_BINS 64
#define TSN_TUNE_QUANTILES 5
#define TSN_TUNE_FINE 4096      /* buckets of single values: 32 to a doubling, so within 1.6 % */
#define TSN_TUNE_NUMBER 32

struct tsn_tune_candidate {
	char text[TSN_TUNE_NUMBER]; /* as rules write it */
	double n;
	bool possible;              /* false: with this number the rule does not compile, as no flow could meet it */
	bool is_now;                /* the threshold as it is */
	uint64_t alerts;
	uint64_t reached[TSN_SEV_CRITICAL + 1]; /* of them, by the highest severity each had */
};

struct tsn_tune_bin {
	double from, to;            /* from <= value < to; the first may be all that is not above 0 */
	uint64_t groups;
};

/* Why the suggestion is what it is. */
enum tsn_tune_reason { TSN_TUNE_NOTHING, TSN_TUNE_GAP, TSN_TUNE_BUDGET, TSN_TUNE_MARGIN, TSN_TUNE_KEEP, TSN_TUNE_NO_DATA };

struct tsn_tune_seen;

struct tsn_tune {
	/* set by tsn_tune_init */
	const struct tsn_tuning *what;      /* of the first compilation; its ruleset must live */
	struct tsn_tune_candidate candidate[TSN_TUNE_CANDIDATES]; /* from the smallest number up */
	uint32_t ncandidates;
	bool low;                           /* small values fire */
	/* set by tsn_tune_begin */
	const struct tsn_ruleset *rules;
	uint32_t left, right;               /* exports of the probe */
	const struct tsn_probe *probe;
	/* collected */
	struct tsn_peaks peaks;             /* margin: how far beyond the threshold as it is */
	uint64_t fine[TSN_TUNE_FINE + 2];   /* values, flow by flow; the last two: 0 and below, and too large */
	uint64_t values;
	struct tsn_tune_seen *seen;         /* severities of open alerts */
	bool failed;                        /* memory is out */
	/* made by tsn_tune_finish */
	double *sorted;                     /* peaks, the quietest first */
	size_t ngroups;
	double quantile[TSN_TUNE_QUANTILES], each[TSN_TUNE_QUANTILES]; /* p50 p90 p99 p99.9 and the most extreme: of groups, of single values */
	struct tsn_tune_bin bin[TSN_TUNE_BINS];
	uint32_t nbins;
	double days;                        /* from first to last flow */
	double allowed;                     /* alerts in all that --alerts-per-day allows */
	enum tsn_tune_reason reason;
	int suggested;                      /* candidate, -1: none */
	double gap_from, gap_to;            /* GAP: values on both sides, the quiet one first */
	uint64_t gap_beyond;                /* groups on the other side */
};

extern const char *const tsn_tune_quantile_name[TSN_TUNE_QUANTILES];

/* Chooses numbers round the threshold, or takes those of [list] ("5,10,20"). False: a word of the list is no number. */
bool tsn_tune_init(struct tsn_tune *t, const struct tsn_tuning *what, const char *list);
/* Before flows are read; [rs] was compiled with the candidates. */
void tsn_tune_begin(struct tsn_tune *t, const struct tsn_ruleset *rs);
void tsn_tune_on_probe(void *tune, const struct tsn_vm *vm, uint32_t probe, const struct tsn_mask *rows, const struct tsn_batch *b);
void tsn_tune_on_alert(void *tune, const struct tsn_alert *al);
/* Event times of the first and last flow. False when memory is out. */
bool tsn_tune_finish(struct tsn_tune *t, int64_t first, int64_t last, double alerts_per_day);
void tsn_tune_fini(struct tsn_tune *t);
/* Groups whose peak would have met candidate [i]. */
uint64_t tsn_tune_groups_beyond(const struct tsn_tune *t, uint32_t i);
/* A number as rules write it, exactly: 500, 20k, 0.25, 90s. */
void tsn_tune_number(double v, enum tsn_type type, char out[TSN_TUNE_NUMBER]);
/* Why the suggestion, and how far to trust it: sentences. */
void tsn_tune_say(const struct tsn_tune *t, struct tsn_buf *out);

#endif
