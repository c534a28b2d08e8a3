/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Private to the daemon: what an operator should hear about its sockets and exporters, in the log. */
#ifndef TSN_DAEMON_TELL_H
#define TSN_DAEMON_TELL_H

#include "daemon/metrics.h"

/* What was lost since the last time, if anything was. */
void tsn_tell_losses(struct tsn_ports *p, const struct tsn_log *log);
/* All counters: for SIGUSR1 and at the end. */
void tsn_tell_counters(const struct tsn_metrics *m, const struct tsn_log *log);

#endif
