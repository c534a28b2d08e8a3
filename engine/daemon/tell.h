/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: what an operator should hear about its sockets and exporters, in the log. */
#ifndef TSN_DAEMON_TELL_H
#define TSN_DAEMON_TELL_H

#include "daemon/metrics.h"

/* Which exporters have been judged, under which rules. Zeroed at first; [judged] is released with tsn_free. */
struct tsn_fed {
	const struct tsn_ruleset *rules;
	uint8_t *judged;
	uint32_t n;
};

/* What was lost since the last time, if anything was. [receivers] may be NULL. */
void tsn_tell_losses(struct tsn_ports *p, struct tsn_receivers *receivers, const struct tsn_log *log);
/*
 * Once for each exporter, when it has been heard for a while, and again under other rules: which rules it cannot feed, and
 * what it does not give.
 */
void tsn_tell_unfed(struct tsn_fed *f, struct tsn_engine *e, int64_t now, const struct tsn_log *log);
/* All counters: for SIGUSR1 and at the end. */
void tsn_tell_counters(const struct tsn_metrics *m, const struct tsn_log *log);

#endif
