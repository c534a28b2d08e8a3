/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What rules would have raised over stored flows, and what a change of rules would change in it. Alerts are the same over two
 * runs when rule, key and opening time are.
 */
#ifndef TSN_AUTHOR_BACKTEST_H
#define TSN_AUTHOR_BACKTEST_H

#include "compile/compile.h"
#include "feed/feed.h"

/* One opening (or match of `alert each`). Texts are in the result's own memory. */
struct tsn_backtest_alert {
	uint32_t rule;            /* in tsn_backtest.rule */
	int64_t time, last;       /* event times of the opening and, as far as records told, of the last match */
	const char *key;          /* "src=10.0.0.5, dst_port=25"; "" without one */
	enum tsn_severity severity; /* highest while open */
	const char *message;      /* of the opening; "" without one */
	uint64_t flows;
	bool ended;               /* else [flows] and [last] are as of its last record */
};

struct tsn_backtest_rule {
	const char *name, *file;
	uint32_t line;
	const char *canon;        /* all that decides its alerts, but for members of named sets; see struct tsn_rule */
	enum tsn_severity severity;
	bool disabled;
	uint64_t matches, alerts;
	uint64_t listed;          /* of its alerts, in [alert] */
	int64_t listed_until;     /* TSN_TIME_NONE, or: more than are listed, the latest of which opened then */
};

struct tsn_backtest {
	struct tsn_backtest_rule *rule; uint32_t nrules;     /* by name */
	struct tsn_backtest_alert *alert; size_t nalerts;    /* by time, rule, key; of each rule at most max_alerts */
	uint64_t flows;
	int64_t first, last;      /* event times; TSN_TIME_NONE without flows */
	unsigned unreadable;      /* inputs that could not be read whole; told in the log */
	uint64_t evicted;         /* alerts that lost their place, or were lost: what is said of them is not all there was */
	void *memory;             /* private */
};

struct tsn_backtest_options {
	const char *const *inputs; size_t ninputs; /* files and directories */
	struct tsn_feed_opts feed;                 /* port, as, map, log */
	uint32_t batch_rows;
	uint64_t max_alerts;                       /* to list of each rule; 0: count only */
	/* Now and then; may be NULL. False: stop, the result is of what was read. */
	bool (*progress)(void *arg, uint64_t flows, uint64_t bytes_done, uint64_t bytes_total);
	void *arg;
};

/*
 * Runs [rs], which it takes over, over the inputs: as `tocsin run` would, those of directories in the order of their times.
 * False when memory is out. tsn_backtest_fini is due either way. Any number of threads may run one each.
 */
bool tsn_backtest_run(struct tsn_ruleset *rs, const struct tsn_backtest_options *o, struct tsn_backtest *out);
void tsn_backtest_fini(struct tsn_backtest *b);

#endif
