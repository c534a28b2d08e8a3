/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a change of rules changes in the alerts of one and the same input: two back-tests, compared. Alerts of a rule and
 * key that opened at one time are the same; of the others those that were open at one time are, too, and opened
 * earlier or later. What is left was gained or lost.
 */
#ifndef TSN_AUTHOR_CHANGES_H
#define TSN_AUTHOR_CHANGES_H

#include "author/backtest.h"

enum tsn_change_kind { TSN_CHANGE_GAINED, TSN_CHANGE_LOST, TSN_CHANGE_CHANGED };

/* How an alert differs, or-ed. */
enum tsn_change_what {
	TSN_CHANGE_SEVERITY = 1,
	TSN_CHANGE_FLOWS = 2,     /* only of alerts whose end both runs saw, or neither */
	TSN_CHANGE_MESSAGE = 4,
	TSN_CHANGE_TIME = 8,      /* it opens earlier or later */
};

struct tsn_change {
	enum tsn_change_kind kind;
	unsigned what;                                 /* CHANGED */
	uint32_t rule;                                 /* in tsn_changes.rule */
	const struct tsn_backtest_alert *before, *after; /* NULL: none */
};

struct tsn_change_rule {
	const struct tsn_backtest_rule *before, *after; /* NULL: there is none */
	bool changed;                                  /* both are there, and say different things */
	uint64_t gained, lost, changed_alerts, same;
	/*
	 * TSN_TIME_NONE, or: more alerts than were listed, and only those that opened before this were compared. They are
	 * not in the counts above.
	 */
	int64_t compared_until;
};

struct tsn_changes {
	struct tsn_change_rule *rule; uint32_t nrules; /* by name, of both */
	struct tsn_change *change; size_t nchanges;    /* by time, rule, key */
	uint64_t gained, lost, changed, same;
};

/* The results point into both back-tests. False when memory is out; fini is due either way. */
bool tsn_changes_find(struct tsn_changes *c, const struct tsn_backtest *before, const struct tsn_backtest *after);
void tsn_changes_fini(struct tsn_changes *c);

#endif
