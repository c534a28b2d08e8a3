/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: what it counts, in the text format that Prometheus reads (version 0.0.4). */
#ifndef TSN_DAEMON_METRICS_H
#define TSN_DAEMON_METRICS_H

#include "core/engine.h"
#include "daemon/ports.h"
#include "daemon/snapshot.h"

struct tsn_metrics {
	struct tsn_engine *engine;
	const struct tsn_ports *ports;
	const struct tsn_receivers *receivers; /* NULL: there are none */
	const struct tsn_snapshots *snapshots; /* NULL: there are none */
	bool state_asked;                      /* but there should be */
	uint64_t reloads, reloads_failed;
	bool reload_failed; /* the last one did: old rules are in force */
	int64_t now;        /* ms since 1970 UTC */
};

void tsn_metrics_write(const struct tsn_metrics *m, struct tsn_buf *out);

#endif
