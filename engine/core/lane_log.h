/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What lanes log is kept until the front's thread gives it on: the log is called by no other. */
#ifndef TSN_CORE_LANE_LOG_H
#define TSN_CORE_LANE_LOG_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/log.h"

struct tsn_lane_log {
	struct tsn_log log;      /* for lanes */
	const struct tsn_log *to;
	pthread_mutex_t lock;
	struct tsn_buf lines;    /* each: its level, the text, 0; under the lock */
	atomic_bool any;
};

/* [to], where it is given, may be NULL. */
void tsn_lane_log_init(struct tsn_lane_log *l, const struct tsn_log *to);
void tsn_lane_log_fini(struct tsn_lane_log *l);
void tsn_lane_log_give(struct tsn_lane_log *l);

#endif
