/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/lane_log.h"

#include <string.h>

static void
keep_line(void *arg, enum tsn_log_level level, const char *line)
{
	struct tsn_lane_log *l = arg;

	pthread_mutex_lock(&l->lock);
	tsn_buf_putc(&l->lines, (char)level);
	tsn_buf_add(&l->lines, line, strlen(line) + 1);
	pthread_mutex_unlock(&l->lock);
	atomic_store(&l->any, true);
}

void
tsn_lane_log_init(struct tsn_lane_log *l, const struct tsn_log *to)
{
	*l = (struct tsn_lane_log){ .log = { to != NULL ? to->level : TSN_LOG_ERROR, keep_line, l }, .to = to };
	pthread_mutex_init(&l->lock, NULL);
}

void
tsn_lane_log_fini(struct tsn_lane_log *l)
{
	pthread_mutex_destroy(&l->lock);
	tsn_buf_fini(&l->lines);
}

void
tsn_lane_log_give(struct tsn_lane_log *l)
{
	struct tsn_buf lines;

	if (!atomic_load_explicit(&l->any, memory_order_relaxed) || !atomic_exchange(&l->any, false))
		return;
	pthread_mutex_lock(&l->lock);
	lines = l->lines;
	l->lines = (struct tsn_buf)TSN_BUF_INIT;
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < lines.len && !lines.failed; i += 1 + strlen(lines.p + i + 1) + 1)
		tsn_log(l->to, (enum tsn_log_level)lines.p[i], "%s", lines.p + i + 1);
	tsn_buf_fini(&lines);
}
